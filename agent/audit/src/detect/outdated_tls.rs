//! `outdated-tls`: a connection agreed on a version or a cipher suite that no one should use any more.
//!
//! Judged by what the server chose, not by what was offered: an old offer that is not taken harms nobody. RFC 8996, RFC 7568, RFC 7465,
//! RFC 9325 §4.1.

use super::setting::settings;
use super::{Case, Containment, Detector, Kind};
use crate::finding::{Finding, Severity};
use crate::tls::{Weakness, suite_name, suite_weakness, version_name, version_weakness};

/// What it is.
pub static KIND: Kind = Kind {
    name: "outdated-tls",
    summary: "Connections agree on a TLS version or cipher suite that is broken or retired.",
    owasp: "API8:2023",
    cwe: 327,
    cwe_title: "Use of a Broken or Risky Cryptographic Algorithm",
    why: "Who can read or change the bytes on the way can attack what is sent, and the standards that the API is measured by forbid it.",
    what_to_do: &[
        "Look at `apiscope tls` to see which clients still need the old version.",
        "Set the server's least version to TLS 1.2 and take the old suites out of its list.",
        "Bring the clients that then fail up to date; do not open the old version again for them.",
    ],
    containment: Containment::Consumer(
        "Move the listed clients to a client that speaks TLS 1.2, or let them reach the API by a port of their own; then the others lose the old version without harm.",
    ),
};

settings! {
    /// Severity by weakness; one step milder on loopback and where the server is not this host's.
    pub struct Config {
        /// Severity of what gives no secrecy or no proof of the server: SSL, null, export and anonymous suites.
        broken: Option<Severity> = Some(Severity::High),
        /// Severity of TLS 1.0 and 1.1, RC4, RC2, DES, 3DES and IDEA.
        outdated: Option<Severity> = Some(Severity::Medium),
    }
}

/// The detector.
pub(super) type Judge = super::Judge<Config>;

impl Detector for Judge {
    fn judge(&mut self, case: &Case<'_>, found: &mut dyn FnMut(Finding)) {
        let Case::Hello(greeting) = case else { return };
        let Some(choice) = greeting.hello.choice.as_ref().filter(|_| greeting.is_agreed()) else { return };
        let (version, suite) = (version_weakness(choice.version), suite_weakness(choice.suite));
        let Some(worst) = version.max(suite) else { return };
        let severity = match worst {
            Weakness::Broken => self.config.broken,
            Weakness::Outdated => self.config.outdated,
        };
        let Some(severity) = severity else { return };
        let because = match (version.is_some(), suite.is_some()) {
            (true, true) => "both the version and the cipher suite are",
            (true, false) => "the version is",
            _ => "the cipher suite is",
        };
        let because = match worst {
            Weakness::Broken => format!("{because} broken: who listens can read or change the bytes"),
            Weakness::Outdated => format!("{because} retired"),
        };
        let what = format!("agreed on {} with {}", version_name(choice.version), suite_name(choice.suite));
        found(greeting.finding(&KIND, greeting.tempered(severity), &because, &what));
    }
}

#[cfg(test)]
mod tests {
    use apiscope_wire::Role;
    use expect_test::expect;

    use super::*;
    use crate::detect::greeting::tests::{hello, judged};
    use crate::tls::HelloFacts;

    fn judge(client: &str, role: Role, hellos: &[HelloFacts]) -> String {
        judged(&mut Judge::default(), client, role, hellos)
    }

    #[test]
    fn fires_on_what_was_agreed() {
        let hellos = [hello(0x0301, 0x002f), hello(0x0303, 0x0005), hello(0x0300, 0x0001), hello(0x0303, 0xc019)];
        expect![[r"
            medium TLS shop.test:80: the version is retired
                 agreed on TLS 1.0 with TLS_RSA_WITH_AES_128_CBC_SHA; over eth0 (private hop 10.0.4.9 → 10.0.4.2:80)
            medium TLS shop.test:80: the cipher suite is retired
                 agreed on TLS 1.2 with TLS_RSA_WITH_RC4_128_SHA; over eth0 (private hop 10.0.4.9 → 10.0.4.2:80)
            high TLS shop.test:80: both the version and the cipher suite are broken: who listens can read or change the bytes
                 agreed on SSL 3.0 with TLS_RSA_WITH_NULL_MD5; over eth0 (private hop 10.0.4.9 → 10.0.4.2:80)
            high TLS shop.test:80: the cipher suite is broken: who listens can read or change the bytes
                 agreed on TLS 1.2 with TLS_ECDH_anon_WITH_AES_256_CBC_SHA; over eth0 (private hop 10.0.4.9 → 10.0.4.2:80)
        "]]
        .assert_eq(&judge("10.0.4.9", Role::Served, &hellos));
    }

    #[test]
    fn milder_where_nobody_listens_or_nobody_here_can_mend_it() {
        let old = [hello(0x0301, 0x002f)];
        assert!(judge("10.0.4.9", Role::Called, &old).starts_with("low "));
        assert!(judge("10.0.4.2", Role::Served, &old).starts_with("low "));
    }

    #[test]
    fn silent_on_sound_unknown_and_refused() {
        let refused = HelloFacts { refused: Some(70), ..hello(0x0301, 0x002f) };
        let unseen = HelloFacts { choice: None, ..hello(0x0301, 0x002f) };
        let hellos = [hello(0x0303, 0xc030), hello(0x0304, 0x1301), hello(0x7f1c, 0xfefe), refused, unseen];
        assert_eq!(judge("10.0.4.9", Role::Served, &hellos), "");
    }
}
