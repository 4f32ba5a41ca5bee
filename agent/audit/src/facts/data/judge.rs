//! One value: what it is under its name, and what it is without one.

use super::super::names::Promise;
use super::super::proof;
use super::topic::Topic;
use super::{DataClass, Grade, Proof, What, bank, card, ids, person};

const CARD: What = What::Data(DataClass::Card, "card number");
const IBAN: What = What::Data(DataClass::BankAccount, "IBAN");
pub(super) const EMAIL: What = What::Data(DataClass::Email, "e-mail address");

/// A value under a name that promises something; `None` where it does not keep the promise.
pub(super) fn named(topic: Topic, value: &[u8]) -> Option<Proof> {
    let form = |right: bool, class: DataClass, name: &'static str, grade: Grade| {
        right.then(|| Proof::alone(What::Data(class, name), grade))
    };
    match topic {
        Topic::Secret(promise) => secret(promise, value),
        Topic::AwsSecret => is_aws_secret(value).then(|| Proof::alone(What::Secret("AWS secret access key"), Grade::B)),
        Topic::Card => card::of(value).map(|card| of_card(card.grouped, card::NEED_NAMED)),
        Topic::CardPart => None,
        Topic::Iban => bank::iban(value).map(|grouped| of_iban(grouped, bank::NEED_NAMED)),
        Topic::Account => form(bank::is_account(value), DataClass::BankAccount, "bank account number", Grade::B)
            .or_else(|| bank::iban(value).map(|grouped| of_iban(grouped, bank::NEED_NAMED))),
        Topic::Routing => form(bank::is_routing(value), DataClass::BankAccount, "routing number", Grade::C),
        Topic::NationalId(kind) => ids::named(kind, value),
        Topic::Email => form(person::is_email(value), DataClass::Email, "e-mail address", Grade::A),
        Topic::Phone => form(person::is_phone(value), DataClass::Phone, "telephone number", Grade::B),
        Topic::PersonName => form(person::is_name(value), DataClass::PersonName, "name of a person", Grade::B),
        Topic::BirthDate => form(person::is_date(value), DataClass::BirthDate, "date of birth", Grade::B),
        Topic::Address => form(person::is_address(value), DataClass::Address, "postal address", Grade::B),
        Topic::Position => form(person::is_position(value), DataClass::Location, "position", Grade::C),
        Topic::Health => form(person::is_health(value), DataClass::Health, "health", Grade::B),
    }
}

/// What the values of a field of this name are, where some are by chance.
pub(super) fn expected(topic: Topic) -> Option<Proof> {
    match topic {
        Topic::Card => Some(Proof::by_field(CARD, card::NEED_NAMED, true)),
        Topic::Iban => Some(Proof::by_field(IBAN, bank::NEED_NAMED, true)),
        Topic::NationalId(kind) => ids::expected(kind),
        _ => None,
    }
}

/// A whole value that is something whatever its name. Secrets are [`super::text`]'s.
pub(super) fn unnamed(value: &[u8]) -> Option<Proof> {
    if person::is_email(value) {
        return Some(Proof::alone(EMAIL, Grade::A));
    }
    if let Some(card) = card::of(value) {
        return Some(of_card(card.grouped, card::NEED));
    }
    bank::iban(value).map(|grouped| of_iban(grouped, bank::NEED))
}

/// A number in groups is no id: fewer will do.
fn of_card(grouped: bool, need: u8) -> Proof {
    let named = need == card::NEED_NAMED;
    match (grouped, named) {
        (true, true) => Proof::alone(CARD, Grade::A),
        (true, false) => Proof::by_field(CARD, 2, named),
        (false, _) => Proof::by_field(CARD, need, named),
    }
}

fn of_iban(grouped: bool, need: u8) -> Proof {
    if grouped { Proof::alone(IBAN, Grade::A) } else { Proof::by_field(IBAN, need, need == bank::NEED_NAMED) }
}

/// A value under a secret's name, without a known format: a guess from name and entropy.
fn secret(promise: Promise, value: &[u8]) -> Option<Proof> {
    let (right, name) = match promise {
        Promise::Password | Promise::PasswordPerhaps => (
            proof::is_password(value)
                && proof::kinds(value) >= 2
                && (6..=128).contains(&value.len())
                && !has_space(value),
            "password",
        ),
        Promise::ApiKey => (proof::is_token(value), "API key"),
        Promise::Token => (proof::is_token(value), "token"),
        Promise::Perhaps => (proof::is_secret_alone(value), "secret"),
    };
    // A format that proves itself is better, and is looked for by the caller.
    let by_format = right && crate::secret::format::has_token(value);
    (right && !by_format).then(|| Proof::alone(What::Secret(name), Grade::C))
}

fn has_space(value: &[u8]) -> bool {
    value.iter().any(u8::is_ascii_whitespace)
}

/// 40 characters of base64, of all kinds.
fn is_aws_secret(value: &[u8]) -> bool {
    value.len() == 40
        && value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(byte))
        && proof::kinds(value) == 3
        && proof::distinct(value) >= 16
        && !proof::is_example(value)
}
