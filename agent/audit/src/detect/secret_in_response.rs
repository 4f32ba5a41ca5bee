//! `secret-in-response`: a response carries a key, token or password that belongs to the server rather than to the caller.
//!
//! Proven by the facts: a format with its checksum (grade A), or an issuer's prefix and length (grade B). What only has a telling name and
//! looks random (grade C) is no finding. A JWT under a token's name is what a login is for, and none either.

use std::fmt::Write as _;

use super::fields::Fields;
use super::setting::settings;
use super::{Case, Containment, Detector, Kind, is_open_success, place};
use crate::facts::What;
use crate::finding::{Finding, Severity};
use crate::secret::Masked;

/// What it is.
pub static KIND: Kind = Kind {
    name: "secret-in-response",
    summary: "A response carries a key, token or password.",
    owasp: "API3:2023",
    cwe: 522,
    cwe_title: "Insufficiently Protected Credentials",
    why: "Whoever may call the endpoint gets a credential for another system, and so does every cache, log and browser on the way.",
    what_to_do: &[
        "Revoke the secret at its issuer and make a new one: it has left the server.",
        "Take the field out of the response; give callers a short-lived token of their own where they need one.",
        "Look through the calls listed with the finding: those consumers have it.",
    ],
    containment: Containment::Field(
        "Revoke the secret at its issuer, and leave the named field out of the answers of this endpoint; the rest of each answer goes on.",
    ),
};

settings! {
    /// Severity by who may call.
    pub struct Config {
        /// Severity where the call carried a credential.
        authenticated: Option<Severity> = Some(Severity::High),
        /// Severity where a call without any credential succeeded.
        open: Option<Severity> = Some(Severity::Critical),
        /// Severity of what is often public on purpose, such as a Google API key in a page, or is meant for the caller, such as a JWT.
        often_public: Option<Severity> = Some(Severity::Low),
    }
}

/// Formats that pages give away on purpose, or that callers get as their own.
const OFTEN_PUBLIC: &[&str] =
    &["Google API key", "JSON Web Token", "Slack webhook", "Zapier webhook", "Mapbox secret token"];

/// The detector.
pub(super) type Judge = super::Judge<Config, Fields>;

impl Detector for Judge {
    fn judge(&mut self, case: &Case<'_>, found: &mut dyn FnMut(Finding)) {
        let Case::Call(sighting) = case else { return };
        let exposures = sighting.exchange.response.as_ref().map_or(&[][..], |facts| &facts.exposures);
        if exposures.is_empty() {
            return;
        }
        let open = is_open_success(sighting.exchange);
        let mut worst: Option<(Severity, String)> = None;
        let mut names: Vec<&str> = Vec::new();
        for exposure in exposures {
            let What::Secret(name) = exposure.what else { continue };
            let Some(grade) = self.state.grade(sighting.endpoint.id, exposure) else { continue };
            let severity = if OFTEN_PUBLIC.contains(&name) {
                self.config.often_public
            } else if open {
                self.config.open
            } else {
                self.config.authenticated
            };
            let Some(severity) = severity else { continue };
            names.push(name);
            if worst.as_ref().is_none_or(|(known, _)| severity > *known) {
                worst = Some((severity, format!("{name} in {}, grade {}", place(&exposure.place), grade.letter())));
            }
        }
        let Some((severity, mut what)) = worst else { return };
        if names.len() > 1 {
            let _ = write!(what, ", and {} more", names.len() - 1);
        }
        let because =
            if open { "the call carried no credential and succeeded" } else { "every caller of the endpoint gets it" };
        let finding = sighting.finding(&KIND, severity, Masked::vouched(because), Masked::from_clean(what));
        found(finding.of_classes(names));
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::detect::sample::{basic, call, check};
    use crate::facts::{DataClass, Grade};

    const GITHUB: What = What::Secret("GitHub personal access token");

    #[test]
    fn fires_on_proven_secrets() {
        check::<Judge>(
            &[
                call("GET /config 200").gives(GITHUB, Grade::A, "/token").done(),
                call("GET /config 200")
                    .credential(basic())
                    .gives(GITHUB, Grade::B, "/token")
                    .gives(What::Secret("private key"), Grade::A, "/key")
                    .done(),
                call("GET /page 200").gives(What::Secret("Google API key"), Grade::B, "/maps").done(),
            ],
            expect![[r"
                critical GET /config: the call carried no credential and succeeded
                     GitHub personal access token in JSON member /token, grade A
                high GET /config: every caller of the endpoint gets it
                     GitHub personal access token in JSON member /token, grade B, and 1 more
                low GET /page: the call carried no credential and succeeded
                     Google API key in JSON member /maps, grade B
            "]],
        );
    }

    #[test]
    fn silent_on_guesses_personal_data_and_requests() {
        check::<Judge>(
            &[
                call("GET /config 200").gives(What::Secret("password"), Grade::C, "/password").done(),
                call("GET /me 200").gives(What::Data(DataClass::Email, "e-mail address"), Grade::A, "/email").done(),
                call("POST /keys 200").asks(GITHUB, Grade::A, "/token").done(),
            ],
            expect![""],
        );
    }
}
