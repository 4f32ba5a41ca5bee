//! Counts of many keys, each for a window of time, in bounded memory.

use std::time::Duration;

use apiscope_wire::Timestamp;
use rustc_hash::FxHashMap;

/// What is counted of a key.
pub trait Count: Default {
    /// How much it would be a loss to forget it.
    fn weight(&self) -> u64;
}

/// Counts by key, each from its first sighting until its window is over. When there are `MAX`, those whose window is over are forgotten,
/// and if that does not make room for half, the lightest: a flood of keys that come once cannot push out the one that comes often, and
/// costs each key a constant on average. Takes no clock: time comes with each key, and need not be in order.
#[derive(Debug)]
pub struct Windowed<V, const MAX: usize> {
    slots: FxHashMap<u64, Slot<V>>,
    window: Duration,
    forgotten: u64,
}

#[derive(Debug)]
struct Slot<V> {
    began: Timestamp,
    value: V,
}

impl<V: Count, const MAX: usize> Windowed<V, MAX> {
    /// Counts over windows of this length.
    pub fn new(window: Duration) -> Self {
        Self { slots: FxHashMap::default(), window, forgotten: 0 }
    }

    /// The count of `key`: a new one where there is none, or its window is over.
    pub fn at(&mut self, key: u64, now: Timestamp) -> &mut V {
        if self.slots.len() >= MAX && !self.slots.contains_key(&key) {
            self.make_room(now);
        }
        let window = self.window;
        let slot = self.slots.entry(key).or_insert_with(|| Slot { began: now, value: V::default() });
        if now.since(slot.began) >= window {
            *slot = Slot { began: now, value: V::default() };
        }
        &mut slot.value
    }

    /// The count of `key`, if there is one and its window is not over.
    pub fn get(&self, key: u64, now: Timestamp) -> Option<&V> {
        self.slots.get(&key).filter(|slot| now.since(slot.began) < self.window).map(|slot| &slot.value)
    }

    /// Keys whose window was not over when they were forgotten.
    pub const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Keys.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    fn make_room(&mut self, now: Timestamp) {
        let window = self.window;
        self.slots.retain(|_, slot| now.since(slot.began) < window);
        let half = MAX / 2;
        if self.slots.len() <= half {
            return;
        }
        let mut weights: Vec<u64> = self.slots.values().map(|slot| slot.value.weight()).collect();
        let (_, median, heavier) = weights.select_nth_unstable(self.slots.len() - half);
        let median = *median;
        // Of those that weigh as much as the median only so many stay as there is room for.
        let mut room = half - heavier.iter().filter(|weight| **weight > median).count().min(half);
        let before = self.slots.len();
        self.slots.retain(|_, slot| {
            let weight = slot.value.weight();
            let stays = weight > median || (weight == median && room > 0);
            room -= usize::from(weight == median && stays);
            stays
        });
        self.forgotten = self.forgotten.saturating_add((before - self.slots.len()) as u64);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Default, PartialEq)]
    struct Calls(u64);

    impl Count for Calls {
        fn weight(&self) -> u64 {
            self.0
        }
    }

    const WINDOW: Duration = Duration::from_mins(1);

    fn at(second: u64) -> Timestamp {
        Timestamp::from_nanos(second * 1_000_000_000)
    }

    #[test]
    fn a_window_ends_and_another_begins() {
        let mut calls = Windowed::<Calls, 4>::new(WINDOW);
        for second in [0, 30, 59, 60, 61] {
            calls.at(1, at(second)).0 += 1;
        }
        assert_eq!(calls.get(1, at(61)), Some(&Calls(2)));
        assert_eq!((calls.get(1, at(200)), calls.get(2, at(61))), (None, None));
        calls.at(1, at(10)).0 += 1;
        assert_eq!(calls.get(1, at(61)), Some(&Calls(3)), "what comes late counts, too");
    }

    #[test]
    fn a_flood_is_bounded_and_the_heavy_stay() {
        let mut calls = Windowed::<Calls, 64>::new(WINDOW);
        for number in 0..10_000 {
            calls.at(u64::MAX, at(0)).0 += 1;
            calls.at(number, at(0)).0 += 1;
            assert!(calls.len() <= 64);
        }
        assert_eq!(calls.get(u64::MAX, at(0)), Some(&Calls(10_000)));
        assert!(calls.forgotten() > 9_900 && !calls.is_empty());
    }

    #[test]
    fn what_is_over_goes_first_and_is_no_loss() {
        let mut calls = Windowed::<Calls, 64>::new(WINDOW);
        for number in 0..63 {
            calls.at(number, at(0)).0 += 100;
        }
        for number in 0..20 {
            calls.at(1_000 + number, at(90)).0 += 1;
        }
        assert_eq!((calls.len(), calls.forgotten()), (20, 0));
    }

    proptest! {
        #[test]
        fn while_there_is_room_it_counts_as_a_map_does(keys in prop::collection::vec(0_u64..16, 0..200)) {
            let mut calls = Windowed::<Calls, 16>::new(WINDOW);
            let mut model = std::collections::BTreeMap::<u64, u64>::new();
            for key in keys {
                calls.at(key, at(1)).0 += 1;
                *model.entry(key).or_default() += 1;
            }
            for (key, count) in model {
                prop_assert_eq!(calls.get(key, at(1)), Some(&Calls(count)));
            }
        }
    }
}
