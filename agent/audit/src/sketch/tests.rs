//! Each summary beside the plain computation that it stands for.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;

use super::quantiles::{bin, lowest};
use super::*;

/// Values of all sizes, the small ones as often as the large ones.
fn value() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 0..200_u64, any::<u64>(), (0_u32..64, any::<u64>()).prop_map(|(by, value)| value >> by)]
}

fn quantiles(values: &[u64]) -> Quantiles {
    let mut quantiles = Quantiles::default();
    for value in values {
        quantiles.add(*value);
    }
    quantiles
}

fn packed(quantiles: &Quantiles) -> Vec<u8> {
    let mut packer = Packer::default();
    quantiles.pack(&mut packer);
    packer.done()
}

/// The proof of one percent: over every bin that there is, from its lowest value to its highest.
#[test]
fn every_bin_is_narrow_enough() {
    let last = bin(u64::MAX, 63);
    assert_eq!((bin(1, 0), lowest(0), last), (0, 1, 2239));
    let mut next = 1;
    for number in 0..=last {
        let (low, high) = (lowest(number), if number == last { u64::MAX } else { lowest(number + 1) - 1 });
        assert_eq!(low, next, "no gap before bin {number}");
        next = high.wrapping_add(1);
        if low > high {
            continue;
        }
        // In the middle of relative distance the error is (high - low) / (high + low), at both ends.
        assert!(u128::from(high - low) * 100 <= u128::from(high) + u128::from(low), "{number}: {low}..={high}");
        for value in [low, high, low + (high - low) / 2] {
            assert_eq!(bin(value, value.ilog2()), number, "{value}");
        }
    }
}

proptest! {
    #[test]
    fn quantiles_are_as_near_as_they_say(values in vec(value(), 1..2000), q in 0.0..=1.0_f64) {
        let sketch = quantiles(&values);
        let mut sorted = values;
        sorted.sort_unstable();
        for q in [q, 0.0, 0.5, 0.9, 0.99, 1.0] {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a rank")]
            let (exact, near) = (sorted[(q * (sorted.len() - 1) as f64) as usize] as f64, sketch.quantile(q).unwrap());
            prop_assert!((near - exact).abs() <= exact * sketch.error() * 1.000_000_001, "{q}: {near} for {exact}");
        }
        prop_assert_eq!(sketch.count(), sorted.len() as u64);
        prop_assert_eq!(sketch.range(), Some((sorted[0], sorted[sorted.len() - 1])));
        let bins: BTreeSet<u16> = sorted.iter().filter(|v| **v > 0).map(|v| bin(*v, v.ilog2())).collect();
        prop_assert_eq!(sketch.error() > 0.01, bins.len() > Quantiles::BINS_MAX, "one percent while the bins are enough");
    }

    #[test]
    fn joined_quantiles_are_those_of_the_whole(parts in vec(vec(value(), 0..900), 1..5), turn in any::<prop::sample::Index>()) {
        let mut whole: Vec<u64> = parts.concat();
        let turn = turn.index(whole.len() + 1) % whole.len().max(1);
        whole.rotate_left(turn);
        let expected = quantiles(&whole);
        let mut joined = Quantiles::default();
        for part in &parts {
            joined.join(&quantiles(part));
        }
        let mut backwards = Quantiles::default();
        parts.iter().rev().for_each(|part| backwards.join(&quantiles(part)));
        prop_assert_eq!(packed(&joined), packed(&expected));
        prop_assert_eq!(&backwards, &expected);
        prop_assert_eq!(Quantiles::unpack(&mut Unpacker::new(&packed(&expected))), Some(expected));
    }

    #[test]
    fn distinct_depends_on_the_set_alone(parts in vec(vec(any::<u32>(), 0..60), 1..5)) {
        let set = |hashes: &[u32]| {
            let mut set = Distinct::default();
            for hash in hashes {
                set.add(*hash);
            }
            set
        };
        let mut joined = Distinct::default();
        for part in &parts {
            joined.join(&set(part));
        }
        let mut whole = parts.concat();
        whole.sort_unstable_by_key(|hash| hash.reverse_bits());
        prop_assert_eq!(&joined, &set(&whole));
        let different = whole.iter().collect::<BTreeSet<_>>().len();
        prop_assert_eq!(joined.is_exact(), different <= Distinct::EXACT_MAX);
        prop_assert!(!joined.is_exact() || joined.size() == different as u64);
        let mut packer = Packer::default();
        joined.pack(&mut packer);
        prop_assert_eq!(Distinct::unpack(&mut Unpacker::new(&packer.done())), Some(joined));
    }

    #[test]
    fn the_frequent_ones_are_known_within_bounds(parts in vec(vec((0_u32..40, 0_u32..3), 0..400), 1..5)) {
        let mut joined = Frequent::<u32, 8>::default();
        let mut exact: BTreeMap<u32, u64> = BTreeMap::new();
        for part in &parts {
            let mut frequent = Frequent::<u32, 8>::default();
            for (key, down) in part {
                let key = key >> (down * 2);
                frequent.add(key);
                *exact.entry(key).or_default() += 1;
            }
            joined.join(&frequent);
        }
        let all: u64 = exact.values().sum();
        prop_assert!(joined.tallies().len() <= 8);
        for tally in joined.ranked() {
            let count = exact[&tally.key];
            prop_assert!(tally.least() <= count && count <= tally.most, "{tally:?}, {count}");
            prop_assert!(tally.doubt <= all / 8, "{tally:?} of {all}");
        }
        for (key, count) in &exact {
            let is_here = joined.tallies().iter().any(|tally| tally.key == *key);
            prop_assert!(is_here || (*count <= joined.unseen() && *count <= all / 8), "{key} came {count} times");
        }
        if exact.len() <= 8 {
            let tallies: BTreeMap<_, _> = joined.tallies().iter().map(|tally| (tally.key, tally.least())).collect();
            prop_assert_eq!(tallies, exact);
        }
        prop_assert_eq!(Frequent::of_tallies(joined.tallies().to_vec()), Some(joined));
    }

    #[test]
    fn what_is_taken_out_of_the_frequent_ones_leaves_the_bounds_true(steps in vec((0_u32..30, 0_u32..8), 0..600)) {
        let mut frequent = Frequent::<u32, 8>::default();
        let mut exact: BTreeMap<u32, u64> = BTreeMap::new();
        for (key, what) in steps {
            if what == 0 {
                if frequent.remove(key).is_some() {
                    exact.remove(&key);
                }
                continue;
            }
            let known: Vec<_> = frequent.tallies().iter().map(|tally| tally.key).collect();
            let displaced = frequent.add(key);
            prop_assert_eq!(displaced.is_some(), known.len() == 8 && !known.contains(&key));
            prop_assert!(displaced.is_none_or(|displaced| known.contains(&displaced)));
            *exact.entry(key).or_default() += 1;
            for (key, count) in &exact {
                match frequent.tallies().iter().find(|tally| tally.key == *key) {
                    Some(tally) => prop_assert!(tally.least() <= *count && *count <= tally.most, "{tally:?}, {count}"),
                    None => prop_assert!(*count <= frequent.unseen(), "{key} came {count} times"),
                }
            }
        }
    }

    #[test]
    fn a_ring_holds_the_newest_whatever_the_order(counts in vec((0_u32..70, 1_u32..5), 0..60), from in 0_u32..500_000, cut in any::<prop::sample::Index>()) {
        let slots: Vec<_> = counts.into_iter().map(|(slot, count)| (from + slot, count)).collect();
        let newest = slots.iter().map(|(slot, _)| *slot).max().unwrap_or_default();
        let mut expected: BTreeMap<u32, u32> = BTreeMap::new();
        for (slot, count) in slots.iter().filter(|(slot, _)| slot + 24 > newest) {
            *expected.entry(*slot).or_default() += count;
        }
        let ring = |slots: &[(u32, u32)]| {
            let mut ring = Ring::<24>::default();
            for (slot, count) in slots {
                ring.add(*slot, *count);
            }
            ring
        };
        let whole = ring(&slots);
        prop_assert_eq!(whole.iter().collect::<BTreeMap<_, _>>(), expected);
        let (a, b) = slots.split_at(cut.index(slots.len() + 1));
        let mut joined = ring(b);
        joined.join(&ring(a));
        prop_assert_eq!(&joined, &whole);
        let mut packer = Packer::default();
        joined.pack(&mut packer);
        prop_assert_eq!(Ring::unpack(&mut Unpacker::new(&packer.done())), Some(joined));
    }

    #[test]
    fn numbers_come_back(numbers in vec(value(), 0..20), bytes in vec(any::<u8>(), 0..40)) {
        let mut packer = Packer::default();
        for number in &numbers {
            packer.number(*number);
        }
        packer.bytes(&bytes);
        let written = packer.done();
        let mut from = Unpacker::new(&written);
        for number in numbers {
            prop_assert_eq!(from.number(), Some(number));
        }
        prop_assert_eq!(from.bytes(), Some(&*bytes));
        prop_assert!(from.is_empty());
    }
}

#[test]
fn the_size_of_a_large_set_is_near() {
    let (mut squares, mut measured) = (0.0, 0.0);
    for from in 0..60_u32 {
        let mut set = Distinct::default();
        for n in 1..=20_000_u32 {
            // Splitmix64: as good as random.
            let z = u64::from(from * 20_000 + n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            set.add(u32::try_from((z ^ (z >> 31)) >> 32).unwrap());
            if [50, 500, 5_000, 20_000].contains(&n) {
                #[expect(clippy::cast_precision_loss, reason = "small")]
                let off = set.size() as f64 / f64::from(n) - 1.0;
                assert!(off.abs() < 4.5 * Distinct::ERROR, "{n}: off by {off}");
                squares += off * off;
                measured += 1.0;
            }
        }
    }
    let error = f64::sqrt(squares / measured);
    assert!((0.5 * Distinct::ERROR..=1.15 * Distinct::ERROR).contains(&error), "{error}");
}

#[test]
fn counts_past_every_width_are_kept() {
    let mut sketch = quantiles(&[7, 9]);
    for doubled in 1..70_u32 {
        sketch.join(&sketch.clone());
        let exact = 1_u128 << doubled;
        let counts: Vec<u64> = sketch.histogram().map(|(_, _, count)| count).collect();
        assert_eq!(
            counts,
            [u64::try_from(exact).unwrap_or(u64::MAX); 2],
            "after {doubled} doublings; it stops at the largest number"
        );
    }
    assert_eq!(Quantiles::unpack(&mut Unpacker::new(&packed(&sketch))), Some(sketch));
}
