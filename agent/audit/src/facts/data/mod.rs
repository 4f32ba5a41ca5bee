//! Secrets and personal data in a message: judged by field, not by value alone.
//!
//! A random number of 16 digits passes for a card's in 3 of 100 cases. So a field is a card only when its values are: each class that a
//! value may have by chance says how many different right values prove it ([`Proof::need`]). What stands in one message may be too
//! little; then the fact says how much is lacking, and who sees more messages goes on counting.
//!
//! Raw values die with the call: what leaves is a class, a place, counts and keyed fingerprints.

mod bank;
mod card;
mod ids;
mod judge;
mod person;
mod text;
pub(super) mod topic;

use std::hash::{BuildHasher as _, Hasher as _};

use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use crate::secret::{Fingerprint, FingerprintKey, Secret};

use super::Place;
use super::scan::Marks;
use topic::Topic;

/// What kind of data a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DataClass {
    /// A payment card's number.
    Card,
    /// A bank account: IBAN, or account and routing numbers by their names.
    BankAccount,
    /// A number that a state gives to a person.
    NationalId,
    /// Health: diagnoses, medication, blood group and the like, by their names.
    Health,
    /// An e-mail address of a person.
    Email,
    /// A telephone number.
    Phone,
    /// A person's name.
    PersonName,
    /// A date of birth.
    BirthDate,
    /// A postal address.
    Address,
    /// A position on the map, to some ten metres.
    Location,
}

impl DataClass {
    /// All, the gravest first.
    pub const ALL: [Self; 10] = [
        Self::Card,
        Self::BankAccount,
        Self::NationalId,
        Self::Health,
        Self::Email,
        Self::Phone,
        Self::PersonName,
        Self::BirthDate,
        Self::Address,
        Self::Location,
    ];

    /// The name used in every output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::BankAccount => "bank-account",
            Self::NationalId => "national-id",
            Self::Health => "health",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::PersonName => "person-name",
            Self::BirthDate => "birth-date",
            Self::Address => "address",
            Self::Location => "location",
        }
    }

    /// Whether a person comes to harm where others get it.
    pub const fn is_grave(self) -> bool {
        match self {
            Self::Card | Self::BankAccount | Self::NationalId | Self::Health => true,
            Self::Email | Self::Phone | Self::PersonName | Self::BirthDate | Self::Address | Self::Location => false,
        }
    }

    /// From its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// Data of a class; the text says more, such as `IBAN` or `Polish PESEL`.
    Data(DataClass, &'static str),
    /// A secret, by its format, such as `GitHub personal access token`.
    Secret(&'static str),
}

impl What {
    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Data(_, name) | Self::Secret(name) => name,
        }
    }
}

/// How well something is proven. Only A and B may wake somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// Validated: a checksum, it decodes, or the field's values are all such.
    A,
    /// An issuer's prefix and length, or a name that leaves no doubt and a value of its form.
    B,
    /// A name and a value that may be one.
    C,
}

impl Grade {
    /// Its letter.
    pub const fn letter(self) -> char {
        match self {
            Self::A => 'A',
            Self::B => 'B',
            Self::C => 'C',
        }
    }
}

/// Something that should not go everywhere, at one place of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// What.
    pub what: What,
    /// How well proven, by this message alone.
    pub grade: Grade,
    /// Where. Values of an array's elements have one place.
    pub place: Place,
    /// Values there that are such; 0 where the name promised one and the values are none.
    pub count: u32,
    /// Values there that were looked at.
    pub seen: u32,
    /// Different right values over calls that prove the field, where this message alone does not; 0 where it does, or nothing will. See
    /// [`Exposure::is_proven_by`].
    pub need: u8,
    /// Keyed hashes of the first different values.
    pub samples: SmallVec<[Fingerprint; Exposure::SAMPLES_MAX]>,
}

impl Exposure {
    /// Fingerprints kept.
    pub const SAMPLES_MAX: usize = 5;

    /// Whether so many different right values, `count` right ones of `seen`, prove a field that needs `need`.
    pub const fn is_proven_by(need: u8, different: usize, count: u32, seen: u32) -> bool {
        different >= need as usize && count as u64 * 10 >= seen as u64 * 9
    }
}

/// How a right value came to be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Proof {
    what: What,
    /// Of a value that stands for itself; else what the field has once it is proven.
    grade: Grade,
    /// Different right values that prove the field; at most [`Exposure::SAMPLES_MAX`], 0 where the value stands for itself.
    need: u8,
    /// The field's name promises it.
    named: bool,
}

impl Proof {
    const fn alone(what: What, grade: Grade) -> Self {
        Self { what, grade, need: 0, named: false }
    }

    const fn by_field(what: What, need: u8, named: bool) -> Self {
        Self { what, grade: Grade::A, need, named }
    }
}

/// Exposures kept of one message.
pub(super) const EXPOSURES_MAX: usize = 32;

/// Takes in the values of one message.
pub(crate) struct Finder<'k> {
    key: &'k FingerprintKey,
    fields: Vec<Field>,
    /// A card's verification value or date of expiry was met: what stands beside it is rather a card.
    card_parts: bool,
    /// Findings past [`EXPOSURES_MAX`].
    pub(super) dropped: u64,
}

struct Field {
    id: u64,
    proof: Proof,
    place: Place,
    count: u32,
    seen: u32,
    /// Unkeyed hashes of the values met, to know the different ones; they die with the call.
    met: SmallVec<[u64; Exposure::SAMPLES_MAX]>,
    samples: SmallVec<[Fingerprint; Exposure::SAMPLES_MAX]>,
}

/// A place in the message: a number that tells it from others, and the place for people, made only where something is found.
pub(super) struct At<'p> {
    pub(super) id: u64,
    pub(super) place: &'p dyn Fn() -> Place,
}

/// A number for a place.
pub(super) fn place_id<'a>(parts: impl Iterator<Item = &'a [u8]>) -> u64 {
    let mut hasher = FxBuildHasher.build_hasher();
    for part in parts {
        hasher.write(part);
        hasher.write_u8(0xff);
    }
    hasher.finish()
}

impl<'k> Finder<'k> {
    pub(super) fn new(key: &'k FingerprintKey) -> Self {
        Self { key, fields: Vec::new(), card_parts: false, dropped: 0 }
    }

    /// A plain value. `topic` is what its name promises; by its `marks` it may be something without a name.
    pub(super) fn value(&mut self, topic: Option<Topic>, value: &[u8], marks: Marks, at: &At<'_>) {
        if value.is_empty() {
            return;
        }
        self.card_parts |= topic == Some(Topic::CardPart) && card::is_part(value);
        let found = topic.and_then(|topic| judge::named(topic, value));
        if let Some(proof) = found {
            return self.add(proof, value, at);
        }
        if let Some(expected) = topic.and_then(judge::expected) {
            // So that whoever sees more messages knows of the field's other values too.
            self.field(expected, at);
            self.wrong(at);
        }
        if marks.any() || topic.is_some_and(Topic::is_secret) {
            self.unnamed(topic, value, marks, at);
        }
    }

    /// Without a name, or in spite of it.
    fn unnamed(&mut self, topic: Option<Topic>, value: &[u8], marks: Marks, at: &At<'_>) {
        if let Some(proof) = judge::unnamed(value) {
            return self.add(proof, value, at);
        }
        if topic.and_then(judge::expected).is_none() {
            self.wrong(at);
        }
        let promised = topic.is_some_and(Topic::is_secret);
        text::search(value, marks, promised, &mut |proof, found| self.add(proof, found, at));
    }

    /// Text without fields.
    pub(super) fn text(&mut self, text: &[u8], at: &At<'_>) {
        text::search_marked(text, &mut |proof, found| self.add(proof, found, at));
    }

    /// A value that is none of what its field's others are.
    fn wrong(&mut self, at: &At<'_>) {
        for field in self.fields.iter_mut().filter(|field| field.id == at.id) {
            field.seen += 1;
        }
    }

    /// The field at a place, new or known; `None` where there are too many.
    fn field(&mut self, proof: Proof, at: &At<'_>) -> Option<&mut Field> {
        let position = self.fields.iter().position(|field| field.id == at.id && field.proof.what == proof.what);
        let position = position.unwrap_or(self.fields.len());
        if position == self.fields.len() {
            if position >= EXPOSURES_MAX {
                self.dropped += 1;
                return None;
            }
            self.fields.push(Field {
                id: at.id,
                proof,
                place: (at.place)(),
                count: 0,
                seen: 0,
                met: SmallVec::new(),
                samples: SmallVec::new(),
            });
        }
        self.fields.get_mut(position)
    }

    fn add(&mut self, proof: Proof, value: &[u8], at: &At<'_>) {
        let key = self.key;
        let Some(field) = self.field(proof, at) else { return };
        field.count += 1;
        field.seen += 1;
        // One value that stands for itself proves what others leave open.
        if proof.need < field.proof.need || (proof.need == field.proof.need && proof.grade < field.proof.grade) {
            field.proof = proof;
        }
        if field.samples.len() < Exposure::SAMPLES_MAX {
            let hash = FxBuildHasher.hash_one(value);
            if !field.met.contains(&hash) {
                field.met.push(hash);
                field.samples.push(Secret::new(value).fingerprint(key));
            }
        }
    }

    /// What was found.
    pub(super) fn finish(self) -> Vec<Exposure> {
        let card_parts = self.card_parts;
        self.fields.into_iter().map(|field| field.finish(card_parts)).collect()
    }
}

impl Field {
    fn finish(self, card_parts: bool) -> Exposure {
        let Proof { what, mut grade, mut need, named } = self.proof;
        let card = matches!(what, What::Data(DataClass::Card, _));
        if card && card_parts && need <= card::NEED_NAMED {
            need = need.min(1);
        }
        if need > 0 {
            let proven = Exposure::is_proven_by(need, self.samples.len(), self.count, self.seen);
            // Without a name it is this message or none: the wrong values of others are not counted.
            (grade, need) = if proven { (grade, 0) } else { (Grade::C, if named { need } else { 0 }) };
        }
        let Self { place, count, seen, samples, .. } = self;
        Exposure { what, grade, place, count, seen, need, samples }
    }
}

#[cfg(test)]
mod tests;
