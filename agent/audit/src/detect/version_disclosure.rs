//! `version-disclosure`: response heads name a program and its version.
//!
//! One finding for an API: all its endpoints have the same head. It is no weakness by itself, and for the record only; it tells an attacker
//! which published weaknesses to try, and the operator which programs want an update.

use super::setting::settings;
use super::told::Told;
use super::{Case, Containment, Detector, Kind};
use crate::finding::{Finding, Severity};
use crate::secret::Masked;

/// What it is.
pub static KIND: Kind = Kind {
    name: "version-disclosure",
    summary: "Response heads name a program and its version.",
    owasp: "API8:2023",
    cwe: 497,
    cwe_title: "Exposure of Sensitive System Information to an Unauthorized Control Sphere",
    why: "Who looks for servers with a known weakness finds this one without trying anything.",
    what_to_do: &[
        "Bring the program up to date if the version is not: that matters more than hiding it.",
        "Switch the version off: server_tokens off (nginx), ServerTokens Prod (Apache), expose_php = Off (PHP).",
    ],
    containment: Containment::Field(
        "Take the named header field out of answers at the proxy (nginx: proxy_hide_header); nothing else changes.",
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
pub(super) type Judge = super::Judge<Config, Told>;

impl Detector for Judge {
    fn judge(&mut self, case: &Case<'_>, found: &mut dyn FnMut(Finding)) {
        let Case::Call(sighting) = case else { return };
        let versions = sighting.exchange.response.as_ref().map_or(&[][..], |facts| &facts.versions);
        let Some(severity) = self.config.severity.filter(|_| !versions.is_empty()) else { return };
        if !self.state.is_due(&sighting.endpoint.api, sighting.exchange.ended) {
            return;
        }
        let named: Vec<String> = versions.iter().map(|one| format!("{} {}", one.program, one.version)).collect();
        let what = format!("the head names {}", named.join(", "));
        found(sighting.finding_of_api(
            &KIND,
            severity,
            Masked::vouched("every answer may carry it"),
            Masked::from_clean(what),
        ));
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::detect::sample::{call, judge};

    #[test]
    fn fires_once_for_an_api_and_again_later() {
        let of = |line: &str, second| call(line).second(second).runs_on("nginx", "1.22.1").done();
        let calls = [of("GET /a 200", 0), of("GET /b 404", 5), of("GET /b 200", 700)];
        expect![[r"
            info * *: every answer may carry it
                 the head names nginx 1.22.1
            info * *: every answer may carry it
                 the head names nginx 1.22.1
        "]]
        .assert_eq(&judge(&mut Judge::default(), &calls));
    }

    #[test]
    fn silent_without_a_version() {
        assert_eq!(judge(&mut Judge::default(), &[call("GET /a 200").done()]), "");
    }
}
