//! `cleartext-card-number`: a card's number crosses a connection that is not encrypted, in a request or a response.
//!
//! PCI DSS requirement 4.2.1 asks for strong cryptography wherever a card's number crosses an open network. A number counts as a card's when
//! the field's values are such (see [`super::fields`]), not because one value passes a check digit.

use apiscope_wire::Hop;

use super::fields::Fields;
use super::setting::settings;
use super::{Case, Containment, Detector, Kind, grouped, place, way};
use crate::facts::{DataClass, Facts, What};
use crate::finding::{Finding, Severity};
use crate::secret::Masked;

/// What it is.
pub static KIND: Kind = Kind {
    name: "cleartext-card-number",
    summary: "Card numbers cross the network in clear text.",
    owasp: "API8:2023",
    cwe: 319,
    cwe_title: "Cleartext Transmission of Sensitive Information",
    why: "Whoever can read the network on the way can pay with the cards, and the rules of the card schemes forbid it.",
    what_to_do: &[
        "Serve this API over TLS, or put a TLS terminator on the same host in front of it.",
        "Replace card numbers by tokens of the payment provider where the receiver does not charge the card.",
        "Tell whoever is responsible for card data: numbers have crossed the wire.",
    ],
    containment: Containment::Field(
        "Leave the field with the card number out, or cut it to its last four digits, on this endpoint until it is served over TLS.",
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
pub(super) type Judge = super::Judge<Config, Fields>;

impl Detector for Judge {
    fn judge(&mut self, case: &Case<'_>, found: &mut dyn FnMut(Finding)) {
        let Case::Call(sighting) = case else { return };
        let exchange = sighting.exchange;
        let severity = match exchange.origin.hop {
            Hop::Public => self.config.public,
            Hop::Private => self.config.private,
            Hop::Loopback => self.config.loopback,
        };
        let Some(severity) = severity.filter(|_| !exchange.origin.encrypted) else { return };
        let sides = [("request", &exchange.request), ("response", &exchange.response)];
        let exposures = sides.iter().flat_map(|(side, facts)| {
            let facts: Option<&Facts> = facts.as_ref();
            facts.map_or(&[][..], |facts| &facts.exposures).iter().map(move |exposure| (*side, exposure))
        });
        for (side, exposure) in exposures {
            if !matches!(exposure.what, What::Data(DataClass::Card, _)) {
                continue;
            }
            let Some(grade) = self.state.grade(sighting.endpoint.id, exposure) else { continue };
            let what = format!(
                "{} of {} values of {} in the {side} are card numbers, grade {}, {}",
                grouped(u64::from(exposure.count)),
                grouped(u64::from(exposure.seen)),
                place(&exposure.place),
                grade.letter(),
                way(&exchange.origin)
            );
            return found(sighting.finding(
                &KIND,
                severity,
                Masked::vouched("the connection is not encrypted"),
                Masked::from_clean(what),
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::detect::sample::{call, check};
    use crate::facts::Grade;

    const CARD: What = What::Data(DataClass::Card, "card number");

    #[test]
    fn fires_by_hop_in_both_directions() {
        check::<Judge>(
            &[
                call("POST /pay 200").from("203.0.113.9").asks(CARD, Grade::A, "/card").done(),
                call("GET /cards 200")
                    .from("10.0.4.7")
                    .interface("eth0")
                    .gives_many(CARD, Grade::A, "/-/pan", 12)
                    .done(),
                call("GET /cards 200").gives(CARD, Grade::A, "/pan").done(),
            ],
            expect![[r"
                critical POST /pay: the connection is not encrypted
                     1 of 1 values of JSON member /card in the request are card numbers, grade A, over unknown interface (public hop 203.0.113.9 → 10.0.4.2:80)
                high GET /cards: the connection is not encrypted
                     12 of 12 values of JSON member /-/pan in the response are card numbers, grade A, over eth0 (private hop 10.0.4.7 → 10.0.4.2:80)
                info GET /cards: the connection is not encrypted
                     1 of 1 values of JSON member /pan in the response are card numbers, grade A, over unknown interface (loopback 10.0.4.2 → 10.0.4.2:80)
            "]],
        );
    }

    #[test]
    fn silent_when_encrypted_or_not_proven() {
        check::<Judge>(
            &[
                call("POST /pay 200").from("203.0.113.9").encrypted().asks(CARD, Grade::A, "/card").done(),
                call("GET /orders 200").from("203.0.113.9").gives_unproven(CARD, "/-/id", 3).done(),
                call("GET /me 200")
                    .from("203.0.113.9")
                    .gives(What::Data(DataClass::Email, "e-mail address"), Grade::A, "/email")
                    .done(),
            ],
            expect![""],
        );
    }
}
