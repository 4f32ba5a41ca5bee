//! `certificate-expiring`: the certificate that a server shows has ended, or will soon.
//!
//! Seen where the handshake is in clear (TLS 1.2 and before); the certificates of TLS 1.3 are encrypted, and nothing is said of them.

use std::time::Duration;

use super::setting::settings;
use super::{Case, Containment, Detector, Kind};
use crate::finding::{Finding, Severity};
use crate::tls::ChainFacts;

/// What it is.
pub static KIND: Kind = Kind {
    name: "certificate-expiring",
    summary: "A server's certificate has ended or will end soon.",
    owasp: "API8:2023",
    cwe: 324,
    cwe_title: "Use of a Key Past its Expiration Date",
    why: "From that moment every careful client refuses the connection, and those that go on cannot tell the server from another.",
    what_to_do: &[
        "Renew the certificate and load it into every server that shows it; the finding's evidence has its first fingerprint bytes.",
        "Find out why the renewal did not run by itself, and mend that.",
        "Check with `apiscope tls` that all servers of the name show the new one.",
    ],
    containment: Containment::Endpoint(
        "Load a renewed certificate on the one port and name that the finding tells; nothing has to be switched off. Do not tell clients to go on without checking it.",
    ),
};

settings! {
    /// When it speaks; one step milder on loopback and where the server is not this host's.
    pub struct Config {
        /// Days before the end from which on it is a finding.
        soon_days: u64 = 14,
        /// Severity until two days before the end.
        soon: Option<Severity> = Some(Severity::Medium),
        /// Severity of the last two days, and after the end.
        now: Option<Severity> = Some(Severity::High),
    }
}

/// So near to the end somebody should be woken rather than told.
const NOW: Duration = Duration::from_hours(48);
const DAY_SECONDS: i64 = 86_400;

/// The detector.
pub(super) type Judge = super::Judge<Config>;

impl Detector for Judge {
    fn judge(&mut self, case: &Case<'_>, found: &mut dyn FnMut(Finding)) {
        let Case::Hello(greeting) = case else { return };
        let ChainFacts::Sent(chain) = &greeting.hello.chain else { return };
        let Some(own) = chain.first().filter(|_| greeting.is_agreed()) else { return };
        let Some(end) = own.not_after else { return };
        let now = i64::try_from(greeting.at.as_nanos() / 1_000_000_000).unwrap_or(i64::MAX);
        let left = end.saturating_sub(now);
        let soon = i64::try_from(self.config.soon_days).unwrap_or(i64::MAX).saturating_mul(DAY_SECONDS);
        if left > soon {
            return;
        }
        let is_now = left <= i64::try_from(NOW.as_secs()).unwrap_or(i64::MAX);
        let Some(severity) = (if is_now { self.config.now } else { self.config.soon }) else { return };
        let (because, when) = if left < 0 {
            ("it has ended, and connections still agree on it", format!("ended {} days ago", -left / DAY_SECONDS))
        } else if is_now {
            ("it ends within two days", format!("ends in {} hours", left / 3600))
        } else {
            ("it ends soon", format!("ends in {} days", left / DAY_SECONDS))
        };
        let [a, b, c, d, ..] = own.sha256;
        let what = format!("certificate {a:02x}{b:02x}{c:02x}{d:02x}… of {} {when}", own.subject);
        found(greeting.finding(&KIND, greeting.tempered(severity), because, &what));
    }
}

#[cfg(test)]
mod tests {
    use apiscope_wire::Role;
    use expect_test::expect;

    use super::*;
    use crate::detect::greeting::tests::{certificate, hello, judged};
    use crate::tls::HelloFacts;

    fn shown(seconds: i64) -> HelloFacts {
        HelloFacts { chain: ChainFacts::Sent(vec![certificate("shop.test", seconds)]), ..hello(0x0303, 0xc030) }
    }

    fn judge(hellos: &[HelloFacts]) -> String {
        judged(&mut Judge::default(), "10.0.4.9", Role::Served, hellos)
    }

    #[test]
    fn fires_before_and_after_the_end() {
        expect![[r"
            medium TLS shop.test:80: it ends soon
                 certificate 07070707… of CN=shop.test ends in 13 days; over eth0 (private hop 10.0.4.9 → 10.0.4.2:80)
            high TLS shop.test:80: it ends within two days
                 certificate 07070707… of CN=shop.test ends in 24 hours; over eth0 (private hop 10.0.4.9 → 10.0.4.2:80)
            high TLS shop.test:80: it has ended, and connections still agree on it
                 certificate 07070707… of CN=shop.test ended 2 days ago; over eth0 (private hop 10.0.4.9 → 10.0.4.2:80)
        "]]
        .assert_eq(&judge(&[shown(13 * DAY_SECONDS + 5), shown(DAY_SECONDS), shown(-2 * DAY_SECONDS)]));
    }

    #[test]
    fn silent_on_long_unknown_hidden_and_refused() {
        let mut unknown = certificate("shop.test", 0);
        unknown.not_after = None;
        let hellos = [
            shown(15 * DAY_SECONDS),
            HelloFacts { chain: ChainFacts::Sent(vec![unknown]), ..shown(0) },
            HelloFacts { chain: ChainFacts::Sent(Vec::new()), ..shown(0) },
            HelloFacts { chain: ChainFacts::Encrypted, ..shown(0) },
            HelloFacts { refused: Some(42), ..shown(-1) },
        ];
        assert_eq!(judge(&hellos), "");
    }
}
