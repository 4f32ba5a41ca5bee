//! `personal-data-in-response`: a response carries personal or payment data.
//!
//! That an API gives its users their own data is its work. So one's own name or e-mail is for the record only; what counts is how grave the
//! class is, how many values one call takes, and whether anybody may call. Classes are proven by the facts: by check digits and the field's
//! other values (grade A), or by a name that leaves no doubt and a value of its form (grade B).

use super::fields::Fields;
use super::setting::settings;
use super::{Case, Containment, Detector, Kind, grouped, is_open_success, place};
use crate::facts::{DataClass, Exposure, Grade, What};
use crate::finding::{Finding, Severity};
use crate::secret::Masked;

/// What it is.
pub static KIND: Kind = Kind {
    name: "personal-data-in-response",
    summary: "A response carries personal or payment data.",
    owasp: "API3:2023",
    cwe: 359,
    cwe_title: "Exposure of Private Personal Information to an Unauthorized Actor",
    why: "Data of persons that a caller does not need is data that a caller can lose, and the law asks who got it.",
    what_to_do: &[
        "Check whether the consumers listed with the finding need these fields, and leave out those that they do not.",
        "Mask what has to be recognised only, such as all but the last four digits of a number.",
        "If the endpoint is made for this data, accept the finding with that reason.",
    ],
    containment: Containment::Field(
        "Leave out or mask the named fields in the answers of this endpoint; the rest of each answer goes on.",
    ),
};

settings! {
    /// Severity by class, number and who may call.
    pub struct Config {
        /// Severity of cards, bank accounts, national ids and health.
        grave: Option<Severity> = Some(Severity::Medium),
        /// Severity of names, addresses, e-mail, telephone and dates of birth.
        common: Option<Severity> = Some(Severity::Info),
        /// Values of a class in one response from which on the severity is one step higher.
        many: u64 = 100,
    }
}

/// The detector.
pub(super) type Judge = super::Judge<Config, Fields>;

impl Judge {
    fn severity(&self, class: DataClass, exposure: &Exposure, open: bool) -> Option<Severity> {
        let base = if class.is_grave() { self.config.grave } else { self.config.common }?;
        let steps = u8::from(u64::from(exposure.count) >= self.config.many) + u8::from(open);
        Some((0..steps).fold(base, |severity, _| higher(severity)))
    }
}

/// One step; nothing here is worth waking somebody.
fn higher(severity: Severity) -> Severity {
    match severity {
        Severity::Info => Severity::Low,
        Severity::Low => Severity::Medium,
        Severity::Medium | Severity::High => Severity::High,
        Severity::Critical => Severity::Critical,
    }
}

impl Detector for Judge {
    fn judge(&mut self, case: &Case<'_>, found: &mut dyn FnMut(Finding)) {
        let Case::Call(sighting) = case else { return };
        let exposures = sighting.exchange.response.as_ref().map_or(&[][..], |facts| &facts.exposures);
        if exposures.is_empty() {
            return;
        }
        let open = is_open_success(sighting.exchange);
        let mut worst: Option<(Severity, &Exposure, Grade)> = None;
        let mut classes: Vec<DataClass> = Vec::new();
        for exposure in exposures {
            let What::Data(class, _) = exposure.what else { continue };
            let Some(grade) = self.state.grade(sighting.endpoint.id, exposure) else { continue };
            let Some(severity) = self.severity(class, exposure, open) else { continue };
            if let Err(at) = classes.binary_search(&class) {
                classes.insert(at, class);
            }
            if worst.is_none_or(|(known, _, _)| severity > known) {
                worst = Some((severity, exposure, grade));
            }
        }
        let Some((severity, exposure, grade)) = worst else { return };
        let names: Vec<&str> = classes.iter().map(|class| class.name()).collect();
        let what = format!(
            "{} {} in {}, grade {}; classes: {}",
            grouped(u64::from(exposure.count)),
            exposure.what.name(),
            place(&exposure.place),
            grade.letter(),
            names.join(", ")
        );
        let because = match (open, u64::from(exposure.count) >= self.config.many) {
            (true, true) => "many values at once, and the call carried no credential",
            (true, false) => "the call carried no credential and succeeded",
            (false, true) => "many values at once",
            (false, false) => "the response holds it",
        };
        let finding = sighting.finding(&KIND, severity, Masked::vouched(because), Masked::from_clean(what));
        found(finding.of_classes(names));
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::detect::sample::{basic, call, check};

    const EMAIL: What = What::Data(DataClass::Email, "e-mail address");
    const CARD: What = What::Data(DataClass::Card, "card number");

    #[test]
    fn fires_by_class_number_and_caller() {
        check::<Judge>(
            &[
                call("GET /me 200").credential(basic()).gives(EMAIL, Grade::A, "/email").done(),
                call("GET /users 200").credential(basic()).gives_many(EMAIL, Grade::A, "/-/email", 250).done(),
                call("GET /users 200").gives_many(EMAIL, Grade::A, "/-/email", 250).done(),
                call("GET /cards 200")
                    .credential(basic())
                    .gives(EMAIL, Grade::A, "/email")
                    .gives(CARD, Grade::A, "/pan")
                    .done(),
                call("GET /cards 200").gives(CARD, Grade::A, "/pan").done(),
            ],
            expect![[r"
                info GET /me: the response holds it
                     1 e-mail address in JSON member /email, grade A; classes: email
                low GET /users: many values at once
                     250 e-mail address in JSON member /-/email, grade A; classes: email
                medium GET /users: many values at once, and the call carried no credential
                     250 e-mail address in JSON member /-/email, grade A; classes: email
                medium GET /cards: the response holds it
                     1 card number in JSON member /pan, grade A; classes: card, email
                high GET /cards: the call carried no credential and succeeded
                     1 card number in JSON member /pan, grade A; classes: card
            "]],
        );
    }

    #[test]
    fn silent_on_guesses_secrets_and_requests() {
        check::<Judge>(
            &[
                call("GET /shops 200").gives(What::Data(DataClass::Location, "position"), Grade::C, "/lat").done(),
                call("GET /x 200").gives(What::Secret("private key"), Grade::A, "/key").done(),
                call("POST /users 200").asks(EMAIL, Grade::A, "/email").done(),
            ],
            expect![""],
        );
    }
}
