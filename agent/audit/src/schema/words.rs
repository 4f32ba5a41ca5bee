//! Which values are words of the API, such as `PENDING`, and may be kept as they are.
//!
//! A value is a word of a field only when it is short and looks like an identifier, when it was met [`SIGHTINGS_MIN`] times by
//! [`CONSUMERS_MIN`] consumers, when the field has at most [`WORDS_MAX`] different values, and none of them was new for the last [`QUIET_MIN`]
//! sightings. Until then, and of fields whose names speak of people or secrets for ever, there is nothing but a keyed hash.
//! Bounded: a table of fields in which the one that is met seldom gives way.

use rustc_hash::FxHasher;
use smallvec::SmallVec;
use std::hash::Hasher as _;

/// Times that a value was met.
const SIGHTINGS_MIN: u8 = 8;
/// Consumers that met it.
const CONSUMERS_MIN: usize = 3;
/// Different values of a field.
const WORDS_MAX: usize = super::node::VALUES_MAX;
/// Sightings of a field since its last new value.
const QUIET_MIN: u16 = 32;
/// Fields that are followed.
const FIELDS_MAX: usize = 2_048;
/// Slots that a field may have.
const WAYS: usize = 4;
/// Longest word.
const LENGTH_MAX: usize = 32;
/// Digits in a word.
const DIGITS_MAX: usize = 2;
/// How often a field may be passed over for another before it gives way.
const HOLD_MAX: u8 = 8;

/// The fields followed, by hash.
#[derive(Debug)]
pub(crate) struct Words {
    slots: Box<[Slot]>,
}

#[derive(Clone, Debug, Default)]
struct Slot {
    field: u64,
    hold: u8,
    since_new: u16,
    /// More than [`WORDS_MAX`]; then nothing else is kept.
    many: bool,
    words: SmallVec<[Word; 2]>,
}

#[derive(Clone, Copy, Debug)]
struct Word {
    hash: u32,
    sightings: u8,
    /// Hashes of the first consumers that are different; 0: none.
    consumers: [u16; CONSUMERS_MIN],
}

impl Default for Words {
    fn default() -> Self {
        Self { slots: vec![Slot::default(); FIELDS_MAX].into() }
    }
}

impl Words {
    /// A value of a field was met. Gives whether it may be kept as it is.
    pub(crate) fn meet(&mut self, field: u64, value: u32, consumer: u16) -> bool {
        let index = usize::try_from(field % (FIELDS_MAX / WAYS) as u64).unwrap_or_default() * WAYS;
        let set = self.slots.get_mut(index..index + WAYS).unwrap_or_default();
        let known = set.iter().position(|slot| slot.field == field);
        let slot = match known {
            Some(at) => set.get_mut(at),
            None => set.iter_mut().min_by_key(|slot| slot.hold),
        };
        let Some(slot) = slot else { return false };
        if slot.field != field {
            if slot.hold > 0 {
                slot.hold -= 1;
                return false;
            }
            *slot = Slot { field, ..Slot::default() };
        }
        slot.hold = (slot.hold + 1).min(HOLD_MAX);
        slot.meet(value, consumer.max(1))
    }
}

impl Slot {
    fn meet(&mut self, value: u32, consumer: u16) -> bool {
        if self.many {
            return false;
        }
        let Some(word) = self.words.iter_mut().find(|word| word.hash == value) else {
            self.since_new = 0;
            if self.words.len() >= WORDS_MAX {
                (self.many, self.words) = (true, SmallVec::new());
            } else {
                self.words.push(Word { hash: value, sightings: 1, consumers: [consumer, 0, 0] });
            }
            return false;
        };
        self.since_new = self.since_new.saturating_add(1);
        word.sightings = word.sightings.saturating_add(1);
        if !word.consumers.contains(&consumer)
            && let Some(free) = word.consumers.iter_mut().find(|known| **known == 0)
        {
            *free = consumer;
        }
        word.sightings >= SIGHTINGS_MIN && !word.consumers.contains(&0) && self.since_new >= QUIET_MIN
    }
}

/// A short text like an identifier: letters first, `_`, `-`, `.`, `:` and `/` inside, at most [`DIGITS_MAX`] digits.
pub(crate) fn is_like(text: &[u8]) -> bool {
    text.len() <= LENGTH_MAX
        && text.first().is_some_and(u8::is_ascii_alphabetic)
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:/".contains(byte))
        && text.iter().filter(|byte| byte.is_ascii_digit()).count() <= DIGITS_MAX
        && !crate::facts::proof::is_secret_alone(text)
}

/// Names under which words are rather people's: who, by whom, what somebody called something. `key` is a member's name.
pub(crate) fn may_hold(key: &[u8]) -> bool {
    const ENDS: [&[u8]; 22] = [
        b"name",
        b"user",
        b"login",
        b"author",
        b"owner",
        b"by",
        b"from",
        b"to",
        b"assignee",
        b"member",
        b"title",
        b"subject",
        b"customer",
        b"person",
        b"contact",
        b"id",
        b"key",
        b"slug",
        b"city",
        b"text",
        b"nick",
        b"handle",
    ];
    !ENDS.iter().any(|end| {
        key.len().checked_sub(end.len()).and_then(|at| key.get(at..)).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
    })
}

/// A field, by the endpoint's key in the shard and its name.
pub(crate) fn field(place: u64, name: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write_u64(place);
    hasher.write(name);
    hasher.finish().rotate_left(32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_needs_sightings_consumers_and_a_field_without_news() {
        let mut words = Words::default();
        let met =
            |words: &mut Words, value, consumer, times| (0..times).fold(false, |_, _| words.meet(7, value, consumer));
        assert!(!met(&mut words, 1, 10, 100) && !met(&mut words, 1, 11, 100), "two consumers");
        assert!(met(&mut words, 1, 12, 1), "three");
        assert!(!met(&mut words, 2, 10, 1) && !met(&mut words, 1, 10, 31), "a new value");
        assert!(met(&mut words, 1, 10, 1) && !met(&mut words, 2, 10, 50));
        for value in 3..=17 {
            words.meet(7, value, 1);
        }
        assert!(!met(&mut words, 1, 10, 1_000), "too many values for ever");
    }

    #[test]
    fn a_flood_of_fields_stays_in_the_table() {
        let mut words = Words::default();
        for field in 0..100_000_u64 {
            words.meet(field.wrapping_mul(0x9e37_79b9_7f4a_7c15), 1, 1);
        }
        assert_eq!(words.slots.len(), FIELDS_MAX);
        // One that is met often holds its place.
        for round in 0..2_000_u64 {
            for consumer in 1..5 {
                words.meet(5, u32::from(round % 2 == 0), consumer);
            }
            words.meet(5 + FIELDS_MAX as u64 * (round + 1), 1, 1);
        }
        assert!(words.meet(5, 1, 1));
    }

    #[test]
    fn hundreds_of_fields_do_not_take_each_other_s_place() {
        let mut words = Words::default();
        let fields: Vec<_> = (0..200).map(|at: u32| field(u64::from(at), b"status")).collect();
        for round in 0..50 {
            for field in &fields {
                words.meet(*field, 1, round % 3 + 1);
            }
        }
        assert!(fields.iter().all(|field| words.meet(*field, 1, 1)));
    }

    #[test]
    fn words_look_like_identifiers() {
        for word in ["PENDING", "in_progress", "en-US", "invoice.paid", "v2", "image/png", "EUR"] {
            assert!(is_like(word.as_bytes()), "{word}");
        }
        for other in ["", "two words", "42", "a@b.example", "Zk3vQ9xLw2Pd8RtY5nBc", "x123", "größe", &"a".repeat(33)]
        {
            assert!(!is_like(other.as_bytes()), "{other}");
        }
        assert!(may_hold(b"status") && may_hold(b"type") && may_hold(b"currency"));
        assert!(!may_hold(b"firstName") && !may_hold(b"created_by") && !may_hold(b"user"));
    }
}
