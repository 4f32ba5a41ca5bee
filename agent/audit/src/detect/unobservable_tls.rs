//! `unobservable-tls`: a port of this host serves TLS, and apiscope sees the handshakes only.
//!
//! No weakness of the API: a gap in what the other kinds can say, told so that their silence is not taken for an all-clear.

use apiscope_wire::Role;

use super::setting::settings;
use super::{Case, Containment, Detector, Kind};
use crate::finding::{Finding, Severity};

/// What it is.
pub static KIND: Kind = Kind {
    name: "unobservable-tls",
    summary: "A port of this host serves TLS, of which apiscope sees the handshakes only.",
    owasp: "API9:2023",
    cwe: 778,
    cwe_title: "Insufficient Logging",
    why: "Its endpoints are missing from the inventory, and no other kind of finding can speak of them: silence means nothing here.",
    what_to_do: &[
        "If a proxy on this host ends the TLS, look at the hop behind it: its clear traffic is seen as an API of its own.",
        "Else run apiscope where the TLS ends, or take this API off the list of what apiscope covers.",
        "Accept the finding where that is known and wanted.",
    ],
    containment: Containment::Endpoint(
        "Nothing has to be shut: take this port for unwatched, and look at its access log where you would ask apiscope.",
    ),
};

settings! {
    /// Severity.
    pub struct Config {
        /// Severity.
        severity: Option<Severity> = Some(Severity::Info),
    }
}

/// The detector.
pub(super) type Judge = super::Judge<Config>;

impl Detector for Judge {
    fn judge(&mut self, case: &Case<'_>, found: &mut dyn FnMut(Finding)) {
        let Case::Hello(greeting) = case else { return };
        let Some(severity) = self.config.severity else { return };
        if greeting.origin.role == Role::Served && greeting.is_agreed() {
            found(greeting.finding(&KIND, severity, "only the handshake is in clear", "a TLS connection was served"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::greeting::tests::{hello, judged};
    use crate::tls::HelloFacts;

    #[test]
    fn fires_on_what_this_host_serves_and_on_nothing_else() {
        let judge = |role, hello| judged(&mut Judge::default(), "10.0.4.9", role, &[hello]);
        let good = || hello(0x0304, 0x1301);
        assert!(judge(Role::Served, good()).starts_with("info TLS shop.test:80: only the handshake is in clear\n"));
        assert_eq!(judge(Role::Called, good()) + &judge(Role::Unknown, good()), "");
        assert_eq!(judge(Role::Served, HelloFacts { refused: Some(40), ..good() }), "");
    }
}
