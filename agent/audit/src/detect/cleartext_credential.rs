//! `cleartext-credential`: a request carries a credential and the connection is not encrypted.
//!
//! A credential is proven by the facts (Basic decodes, a bearer token has its form, a password field has a value). What it is worth to
//! an attacker depends on the way the bytes took: a public hop can be read by anybody on the way, a private one by whoever is in that
//! network, loopback only by this host (the usual place behind a TLS terminator). A credential that the server refused crossed the wire
//! all the same.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::Arc;

use apiscope_wire::{Hop, Origin};

use super::setting::settings;
use super::{Case, Containment, Detector, Kind, place, way};
use crate::facts::{Credential, Place};
use crate::finding::{Finding, Severity};
use crate::secret::Masked;

/// What it is.
pub static KIND: Kind = Kind {
    name: "cleartext-credential",
    summary: "Credentials reach the API in clear text.",
    owasp: "API2:2023",
    cwe: 319,
    cwe_title: "Cleartext Transmission of Sensitive Information",
    why: "Whoever can read the network on the way has the credential and can act as its owner until it is changed.",
    what_to_do: &[
        "Serve this API over TLS, or put a TLS terminator on the same host in front of it.",
        "Refuse plain HTTP for it; a redirect is too late, because the client has sent the credential already.",
        "Change the credentials that crossed the wire: the consumers are listed with the finding.",
    ],
    containment: Containment::Consumer(
        "Revoke the credentials of the listed consumers and give them new ones over TLS; other consumers go on.",
    ),
};

settings! {
    /// Severity by the hop that the bytes took.
    pub struct Config {
        /// Severity where at least one of the two addresses is public.
        public: Option<Severity> = Some(Severity::Critical),
        /// Severity between private addresses, container networks among them.
        private: Option<Severity> = Some(Severity::High),
        /// Severity where the bytes never leave the host, as behind a TLS terminator on it.
        loopback: Option<Severity> = Some(Severity::Info),
    }
}

/// The detector.
pub(super) type Judge = super::Judge<Config, Said>;

impl Judge {
    fn severity(&self, hop: Hop) -> Option<Severity> {
        match hop {
            Hop::Public => self.config.public,
            Hop::Private => self.config.private,
            Hop::Loopback => self.config.loopback,
        }
    }
}

impl Detector for Judge {
    fn judge(&mut self, case: &Case<'_>, found: &mut dyn FnMut(Finding)) {
        let Case::Call(sighting) = case else { return };
        let exchange = sighting.exchange;
        let credentials = exchange.request.as_ref().map_or(&[][..], |facts| &facts.credentials);
        let [first, more @ ..] = credentials else { return };
        if exchange.origin.encrypted {
            return;
        }
        let Some(severity) = self.severity(exchange.origin.hop) else { return };
        let refused = exchange.status.filter(|status| matches!(status, 401 | 403));
        let (because, what) = self.state.texts(&exchange.origin, first, more.len(), refused);
        found(sighting.finding(&KIND, severity, because, what));
    }
}

/// The texts of the last cases: the calls of a client nearly always have the same, and to write them costs more than all the rest.
#[derive(Debug, Default)]
pub(super) struct Said {
    cases: VecDeque<SaidOf>,
}

/// What the texts are made of, and the texts.
#[derive(Debug)]
struct SaidOf {
    origin: Arc<Origin>,
    place: Place,
    masked: Masked,
    more: usize,
    refused: Option<u16>,
    because: Masked,
    what: Masked,
}

impl SaidOf {
    fn is_of(&self, origin: &Arc<Origin>, credential: &Credential, more: usize, refused: Option<u16>) -> bool {
        let same_way = |ours: &Origin, theirs: &Origin| {
            ours.client.ip() == theirs.client.ip()
                && ours.server == theirs.server
                && ours.hop == theirs.hop
                && ours.interface == theirs.interface
        };
        (Arc::ptr_eq(&self.origin, origin) || same_way(&self.origin, origin))
            && self.masked == credential.masked
            && self.place == credential.place
            && (self.more, self.refused) == (more, refused)
    }
}

impl Said {
    /// Why and what.
    fn texts(
        &mut self,
        origin: &Arc<Origin>,
        credential: &Credential,
        more: usize,
        refused: Option<u16>,
    ) -> (Masked, Masked) {
        if let Some(said) = self.cases.iter().find(|said| said.is_of(origin, credential, more, refused)) {
            return (said.because.clone(), said.what.clone());
        }
        let mut what = described(credential);
        if more > 0 {
            let _ = write!(what, " and {more} more");
        }
        let _ = write!(what, ", {}", way(origin));
        if let Some(status) = refused {
            let _ = write!(what, ", refused with {status}");
        }
        let (because, what) = (Masked::from_clean(reason(origin)), Masked::from_clean(what));
        if self.cases.len() >= SAID_MAX {
            self.cases.pop_back();
        }
        let (place, masked) = (credential.place.clone(), credential.masked.clone());
        let (origin, texts) = (Arc::clone(origin), (because.clone(), what.clone()));
        self.cases.push_front(SaidOf { origin, place, masked, more, refused, because, what });
        texts
    }
}

/// Cases whose texts are kept.
const SAID_MAX: usize = 8;

/// Where it stood and its masked form.
fn described(credential: &Credential) -> String {
    format!("{}: {}", place(&credential.place), credential.masked)
}

fn reason(origin: &Origin) -> String {
    let interface = origin.interface.as_deref().unwrap_or("an unknown interface");
    match origin.hop {
        Hop::Loopback => "it never left this host (loopback)".to_owned(),
        Hop::Private => format!("it crossed {interface} between private addresses, not loopback"),
        Hop::Public => format!("it crossed {interface} to or from a public address, not loopback"),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::detect::sample::{basic, call, check, judge, password};

    #[test]
    fn fires_by_hop() {
        check::<Judge>(
            &[
                call("POST /login 200").from("10.0.4.7").interface("eth0").credential(basic()).done(),
                call("POST /login 401").from("203.0.113.9").credential(password()).credential(basic()).done(),
                call("POST /login 200").from("10.0.4.2").interface("lo").credential(basic()).done(),
            ],
            expect![[r"
                high POST /login: it crossed eth0 between private addresses, not loopback
                     Authorization: Basic ****, user a***n, over eth0 (private hop 10.0.4.7 → 10.0.4.2:80)
                critical POST /login: it crossed an unknown interface to or from a public address, not loopback
                     JSON member /password: **** and 1 more, over unknown interface (public hop 203.0.113.9 → 10.0.4.2:80), refused with 401
                info POST /login: it never left this host (loopback)
                     Authorization: Basic ****, user a***n, over lo (loopback 10.0.4.2 → 10.0.4.2:80)
            "]],
        );
    }

    #[test]
    fn silent_without_credential_or_when_encrypted() {
        check::<Judge>(
            &[
                call("GET /orders 200").from("10.0.4.7").done(),
                call("POST /login 200").from("203.0.113.9").credential(basic()).encrypted().done(),
            ],
            expect![""],
        );
    }

    #[test]
    fn a_hop_can_be_switched_off() {
        let mut judge_private_off = Judge::new(Config { private: None, ..Config::default() });
        let private = call("POST /login 200").from("10.0.4.7").credential(basic()).done();
        assert_eq!(judge(&mut judge_private_off, &[private]), "");
    }
}
