//! `certificate-name-mismatch`: the server shows a certificate that is not good for the name that the client asked for, and the
//! connection goes on all the same.
//!
//! Names are compared as RFC 9525 §6.3 says: letters without case, a `*` only as the whole leftmost label. Nothing is said where the
//! certificate is encrypted (TLS 1.3), where not all its names are known, or where a name is masked.

use super::setting::settings;
use super::{Case, Containment, Detector, Kind};
use crate::finding::{Finding, Severity};
use crate::secret::mask::MARK;
use crate::tls::{CertificateFacts, ChainFacts};

/// What it is.
pub static KIND: Kind = Kind {
    name: "certificate-name-mismatch",
    summary: "Connections go on although the certificate is for another name.",
    owasp: "API8:2023",
    cwe: 297,
    cwe_title: "Improper Validation of Certificate with Host Mismatch",
    why: "A client that does not check the name talks to whoever has any certificate: the encryption proves nothing.",
    what_to_do: &[
        "Give the server a certificate that has the name, or let clients ask for a name that it has.",
        "Make the clients listed with the finding check the name: an option that switches that off is the usual cause.",
    ],
    containment: Containment::Consumer(
        "Stop the listed clients from sending credentials to this server until they check the name; clients that do check go on.",
    ),
};

settings! {
    /// Severity; one step milder on loopback and where the server is not this host's.
    pub struct Config {
        /// Severity.
        severity: Option<Severity> = Some(Severity::Medium),
    }
}

/// The detector.
pub(super) type Judge = super::Judge<Config>;

impl Detector for Judge {
    fn judge(&mut self, case: &Case<'_>, found: &mut dyn FnMut(Finding)) {
        let Case::Hello(greeting) = case else { return };
        let Some(severity) = self.config.severity.filter(|_| greeting.is_agreed()) else { return };
        let (ChainFacts::Sent(chain), Some(asked)) = (&greeting.hello.chain, &greeting.hello.server_name) else {
            return;
        };
        let Some(own) = chain.first() else { return };
        if fits(own, asked.as_str()) != Some(false) {
            return;
        }
        let first = own.names.first().map_or("none", |name| name.as_str());
        let what = format!(
            "{asked} asked for, certificate of {first} and {} other names shown",
            own.names.len().saturating_sub(1)
        );
        found(greeting.finding(&KIND, greeting.tempered(severity), "the client does not check the name", &what));
    }
}

/// Whether the certificate is good for the name; `None` where that cannot be told.
fn fits(certificate: &CertificateFacts, asked: &str) -> Option<bool> {
    let is_masked = |name: &str| name.contains(MARK);
    if asked.is_empty() || is_masked(asked) || certificate.names.is_empty() {
        return None;
    }
    if certificate.names.iter().any(|name| fits_name(name.as_str(), asked)) {
        return Some(true);
    }
    let is_known = certificate.names_dropped == 0 && !certificate.names.iter().any(|name| is_masked(name.as_str()));
    is_known.then_some(false)
}

fn fits_name(name: &str, asked: &str) -> bool {
    let asked = asked.strip_suffix('.').unwrap_or(asked);
    match name.strip_prefix("*.") {
        Some(parent) => asked.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent)),
        None => name.eq_ignore_ascii_case(asked),
    }
}

#[cfg(test)]
mod tests {
    use apiscope_wire::Role;
    use expect_test::expect;

    use super::*;
    use crate::detect::greeting::tests::{certificate, hello, judged};
    use crate::secret::Masked;
    use crate::tls::HelloFacts;

    fn shown(certificate: CertificateFacts) -> HelloFacts {
        HelloFacts { chain: ChainFacts::Sent(vec![certificate]), ..hello(0x0303, 0xc030) }
    }

    fn judge(hellos: &[HelloFacts]) -> String {
        judged(&mut Judge::default(), "10.0.4.9", Role::Served, hellos)
    }

    #[test]
    fn fires_on_another_name() {
        expect![[r"
            medium TLS shop.test:80: the client does not check the name
                 shop.test asked for, certificate of pay.test and 0 other names shown; over eth0 (private hop 10.0.4.9 → 10.0.4.2:80)
            medium TLS shop.test:80: the client does not check the name
                 shop.test asked for, certificate of *.shop.test and 0 other names shown; over eth0 (private hop 10.0.4.9 → 10.0.4.2:80)
        "]]
        .assert_eq(&judge(&[shown(certificate("pay.test", 1)), shown(certificate("*.shop.test", 1))]));
    }

    #[test]
    fn silent_on_the_name_and_on_what_cannot_be_told() {
        let mut more = certificate("pay.test", 1);
        more.names_dropped = 1;
        let mut none = certificate("pay.test", 1);
        none.names.clear();
        let mut masked = certificate("pay.test", 1);
        masked.names.push(Masked::vouched(&format!("{MARK}.test")));
        let unnamed = HelloFacts { server_name: None, ..shown(certificate("pay.test", 1)) };
        let refused = HelloFacts { refused: Some(42), ..shown(certificate("pay.test", 1)) };
        let hellos = ["shop.test", "SHOP.test", "*.test"].map(|name| shown(certificate(name, 1)));
        assert_eq!(judge(&hellos), "");
        assert_eq!(judge(&[shown(more), shown(none), shown(masked), unnamed, refused, hello(0x0304, 0x1301)]), "");
    }

    #[test]
    fn names_are_compared_as_rfc_9525_says() {
        assert!(fits_name("*.shop.test", "a.shop.test") && fits_name("shop.test", "shop.test."));
        assert!(!fits_name("*.shop.test", "a.b.shop.test") && !fits_name("*.shop.test", "shop.test"));
        assert!(!fits_name("a*.shop.test", "ab.shop.test") && !fits_name("*", "shop"));
    }
}
