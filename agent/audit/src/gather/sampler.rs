//! Of which messages a sample is taken: to learn schemas must not cost what finding things costs.
//!
//! For each endpoint (as the shard knows it: API, method, the path's segments without those that hold digits) and status: the first
//! [`YOUNG`] messages, then one in [`OLD_SHARE`], and any that has a member that was not met there before (told by a filter of 128 bits,
//! which misses a new name in some of the cases). In all no more than one byte in [`COST_SHARE`] once the first credit is used up.

use std::hash::Hasher as _;

use apiscope_wire::ExchangeId;
use rustc_hash::FxHasher;

use crate::exchange::{ApiId, ConsumerId};
use crate::facts::Names;
use crate::schema::Evidence;
use crate::schema::words::Words;
use crate::sketch::mix;

/// Messages of an endpoint and status that are all sampled.
const YOUNG: u8 = 64;
/// Later, one in so many.
const OLD_SHARE: u8 = 16;
/// Endpoints and statuses that are followed.
const PLACES_MAX: usize = 8_192;
/// Slots that a place may have: with one, some of a hundred places would share theirs, and only the busiest be sampled.
const WAYS: usize = 4;
/// How often a place may be passed over for another before it gives way.
const HOLD_MAX: u8 = 8;
/// One byte in so many is sampled at most, in the long run.
const COST_SHARE: u64 = 8;
/// What a message costs besides its bytes, in bytes.
const MESSAGE_COST: u64 = 512;
/// Bytes that may be sampled before the share counts: some 20,000 messages of 1 KiB.
const CREDIT_MAX: u64 = 256 << 20;
/// Longest segment of a path that is taken for a name.
const NAME_MAX: usize = 24;

/// One a shard.
#[derive(Debug)]
pub(super) struct Sampler {
    slots: Box<[Slot]>,
    /// What values may be kept.
    pub(super) words: Words,
    credit: u64,
    counters: SampleCounters,
}

/// How many messages were sampled, and why others were not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SampleCounters {
    /// Samples taken.
    pub taken: u64,
    /// Messages passed over by rule: the endpoint is known well enough.
    pub passed: u64,
    /// Messages that were due, and passed over for their cost or because too many endpoints are followed.
    pub spared: u64,
    /// Bodies that were due and not whole, so that nothing can be said of what is always there.
    pub not_whole: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    place: u64,
    names: Names,
    taken: u8,
    passed: u8,
    hold: u8,
}

impl Default for Sampler {
    fn default() -> Self {
        Self {
            slots: vec![Slot::default(); PLACES_MAX].into(),
            words: Words::default(),
            credit: CREDIT_MAX,
            counters: SampleCounters::default(),
        }
    }
}

impl Sampler {
    /// Whether a message is sampled. `bytes`: of its body.
    pub(super) fn wants(&mut self, place: u64, names: Names, bytes: usize) -> bool {
        let cost = bytes as u64 + MESSAGE_COST;
        self.credit = (self.credit + cost).min(CREDIT_MAX);
        match self.is_due(place, names) {
            Some(false) => {
                self.counters.passed += 1;
                false
            }
            Some(true) if self.credit >= cost * COST_SHARE => {
                self.credit -= cost * COST_SHARE;
                self.counters.taken += 1;
                true
            }
            Some(true) | None => {
                self.counters.spared += 1;
                false
            }
        }
    }

    /// A body that was due is not whole.
    pub(super) fn not_whole(&mut self) {
        self.counters.not_whole += 1;
    }

    pub(super) fn counters(&self) -> SampleCounters {
        self.counters
    }

    /// `None`: its place in the table is another's for now.
    fn is_due(&mut self, place: u64, names: Names) -> Option<bool> {
        let index = usize::try_from(place % (PLACES_MAX / WAYS) as u64).unwrap_or_default() * WAYS;
        let set = self.slots.get_mut(index..index + WAYS)?;
        let known = set.iter().position(|slot| slot.place == place);
        let slot = match known {
            Some(at) => set.get_mut(at)?,
            None => set.iter_mut().min_by_key(|slot| slot.hold)?,
        };
        if slot.place != place {
            if slot.hold > 0 {
                slot.hold -= 1;
                return None;
            }
            *slot = Slot { place, ..Slot::default() };
        }
        slot.hold = (slot.hold + 1).min(HOLD_MAX);
        let is_new = names & !slot.names != 0;
        slot.names |= names;
        slot.passed += 1;
        if slot.taken >= YOUNG && !is_new && slot.passed < OLD_SHARE {
            return Some(false);
        }
        slot.passed = 0;
        slot.taken = slot.taken.saturating_add(1);
        Some(true)
    }
}

/// An endpoint, for all that the shard knows of it. Values in the path that have no digit are taken for names: then each is an endpoint here.
pub(super) fn place(api: &ApiId, method: &str, path: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(api.as_str().as_bytes());
    hasher.write(method.as_bytes());
    for segment in path.split(|byte| *byte == b'/') {
        let is_name = segment.len() <= NAME_MAX && !segment.iter().any(u8::is_ascii_digit);
        hasher.write(if is_name { segment } else { b"7" });
        hasher.write_u8(b'/');
    }
    hasher.finish()
}

/// An endpoint's responses of one status.
pub(super) fn place_of_status(place: u64, status: u16) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write_u64(place);
    hasher.write_u16(status);
    // The low bits choose the slot.
    hasher.finish().rotate_left(29)
}

/// Which message it is, of 64.
pub(super) fn evidence(id: ExchangeId) -> Evidence {
    // FxHasher would give the messages of one connection two or three of the 64.
    let message = mix(id.flow.get()).wrapping_add(u64::from(id.index));
    Evidence::of(mix(message).to_be_bytes()[0])
}

/// Who calls, as a small number that tells consumers apart and nothing else.
pub(super) fn consumer(id: &ConsumerId) -> u16 {
    let mut hasher = FxHasher::default();
    match id {
        ConsumerId::Credential(fingerprint) => hasher.write_u64(fingerprint.get()),
        ConsumerId::Address(address) => std::hash::Hash::hash(address, &mut hasher),
    }
    let [.., high, low] = hasher.finish().to_be_bytes();
    u16::from_be_bytes([high, low])
}

#[cfg(test)]
mod tests {
    use apiscope_wire::FlowId;

    use super::*;

    #[test]
    fn the_young_are_sampled_and_of_the_old_one_in_sixteen_and_what_is_new() {
        let mut sampler = Sampler::default();
        let taken = |sampler: &mut Sampler, times, names| (0..times).filter(|_| sampler.wants(7, names, 100)).count();
        assert_eq!(taken(&mut sampler, 64, 0b11), 64);
        assert_eq!(taken(&mut sampler, 1_600, 0b11), 100);
        assert_eq!(taken(&mut sampler, 1, 0b101), 1, "a new name");
        assert_eq!(taken(&mut sampler, 15, 0b101), 0);
        assert_eq!(sampler.counters(), SampleCounters { taken: 165, passed: 1_515, spared: 0, not_whole: 0 });
    }

    #[test]
    fn hundreds_of_endpoints_do_not_take_each_other_s_place() {
        let mut sampler = Sampler::default();
        let api = ApiId::new("a");
        let letter = |at: u8| char::from(b'a' + at);
        for round in 0..40 {
            for (first, second) in (0..20).flat_map(|first| (0..20).map(move |second| (first, second))) {
                let path = format!("/rows/{}{}", letter(first), letter(second));
                assert!(sampler.wants(place(&api, "GET", path.as_bytes()), 1, 100), "round {round}, {path}");
            }
        }
    }

    #[test]
    fn a_flood_of_endpoints_costs_one_byte_in_eight_and_no_more_places() {
        let mut sampler = Sampler::default();
        let mut bytes = 0;
        for place in 0..1_000_000_u64 {
            bytes += 4_096 * u64::from(sampler.wants(place.wrapping_mul(0x9e37_79b9_7f4a_7c15), 1, 4_096));
        }
        assert!(bytes <= CREDIT_MAX / COST_SHARE + 1_000_000 * 4_608 / COST_SHARE, "{bytes}");
        let counters = sampler.counters();
        assert!(counters.taken > 100_000 && counters.taken + counters.spared == 1_000_000, "{counters:?}");
        assert_eq!(sampler.slots.len(), PLACES_MAX);
    }

    #[test]
    fn messages_are_told_apart_on_one_connection_and_on_many() {
        let told = |each: &mut dyn Iterator<Item = (u64, u32)>| {
            let each = each.map(|(flow, index)| evidence(ExchangeId { flow: FlowId::new(flow), index }).0);
            each.fold(0, |all, one| all | one).count_ones()
        };
        // As many as chance leaves of 64: 80 draws meet 46 of them, more or less five.
        for step in [1, 2, 11, 64] {
            let one = told(&mut (0..80).map(|at| (7, at * step)));
            let many = told(&mut (0..80).map(|at| (u64::from(at * step), 0)));
            assert!(one >= 36 && many >= 36, "{step}: {one}, {many}");
        }
    }

    #[test]
    fn values_with_digits_are_one_place() {
        let api = ApiId::new("a");
        let at = |path: &str| place(&api, "GET", path.as_bytes());
        assert_eq!(at("/orders/7/items"), at("/orders/8abc/items"));
        assert_ne!(at("/orders/7/items"), at("/orders/7/notes"));
        assert_ne!(at("/orders/7"), place(&api, "PUT", b"/orders/7"));
        assert_ne!(place_of_status(1, 200), place_of_status(1, 201));
    }
}
