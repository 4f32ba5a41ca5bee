//! The values seen at a variable, as hashes: who came how often, and with what below. A bounded sample; no value is kept.

use std::hash::{Hash, Hasher};

use rustc_hash::FxHasher;

/// Values kept of a variable.
const VALUES_MAX: usize = 32;
/// Values that may turn out to be names at one time.
const NAMES_MAX: usize = 8;
/// Fewer calls make no value a name.
pub(super) const NAME_CALLS_MIN: u32 = 16;

/// A value's hash.
pub(super) fn hash(segment: &str) -> u64 {
    let mut hasher = FxHasher::default();
    segment.hash(&mut hasher);
    hasher.finish()
}

/// Which of 64 bits stands for a child's key or a method.
pub(super) fn bit(text: &str) -> u64 {
    1 << (hash(text).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58)
}

/// The sample.
#[derive(Debug, Default)]
pub(super) struct Values {
    kept: Vec<Value>,
    /// Times that a value came that was not in the sample: at least the number of values.
    pub(super) news: u32,
    /// Where the next is looked for that makes room.
    turn: u32,
    /// What the values had that are no longer in the sample.
    gone: u64,
}

#[derive(Clone, Copy, Debug)]
struct Value {
    hash: u64,
    calls: u32,
    /// What came below it: methods and children, by [`bit`].
    below: u64,
}

impl Values {
    /// A call with this value.
    pub(super) fn count(&mut self, hash: u64, calls: u32, below: u64) {
        if let Some(value) = self.kept.iter_mut().find(|value| value.hash == hash) {
            value.calls = value.calls.saturating_add(calls);
            value.below |= below;
            return;
        }
        let value = Value { hash, calls, below };
        self.news = self.news.saturating_add(1);
        if self.kept.len() < VALUES_MAX {
            return self.kept.push(value);
        }
        // The least called goes: a value that comes often stays. Of those that came once, each in its turn.
        let calls = |at: &usize| self.kept.get(*at).map(|kept| kept.calls);
        let turn = self.turn as usize % VALUES_MAX;
        let once = (turn..VALUES_MAX).chain(0..turn).find(|at| calls(at) <= Some(1));
        let least = || (0..VALUES_MAX).min_by_key(calls);
        let Some((at, kept)) = once.or_else(least).and_then(|at| Some((at, self.kept.get_mut(at)?))) else { return };
        self.gone |= kept.below;
        *kept = value;
        self.turn = u32::try_from(at + 1).unwrap_or_default();
    }

    /// Takes in another sample.
    pub(super) fn join(&mut self, other: Self) {
        let news = self.news.saturating_add(other.news);
        self.gone |= other.gone;
        let mut kept = other.kept;
        kept.sort_unstable_by_key(|value| value.hash);
        for value in kept {
            self.count(value.hash, value.calls, value.below);
        }
        self.news = news;
    }

    /// The values that are called so much more often than all others that they are names rather than values: at least 3.5 times as
    /// often as the next.
    pub(super) fn names(&self) -> Vec<u64> {
        if self.news < 4 {
            return Vec::new();
        }
        let mut kept = self.kept.clone();
        kept.sort_unstable_by_key(|value| (std::cmp::Reverse(value.calls), value.hash));
        let is_gap = |pair: &[Value]| match pair {
            [more, less] => more.calls >= NAME_CALLS_MIN && u64::from(more.calls) * 2 >= u64::from(less.calls) * 7,
            _ => false,
        };
        let gap = kept.windows(2).take(NAMES_MAX).position(is_gap);
        gap.map_or_else(Vec::new, |gap| kept.iter().take(gap + 1).map(|value| value.hash).collect())
    }

    /// Takes a value out: its calls, and what below no other value had.
    pub(super) fn take(&mut self, hash: u64) -> (u32, u64) {
        let Some(index) = self.kept.iter().position(|value| value.hash == hash) else { return (0, 0) };
        let value = self.kept.swap_remove(index);
        self.news = self.news.saturating_sub(1);
        let others = self.kept.iter().fold(self.gone, |bits, value| bits | value.below);
        (value.calls, value.below & !others)
    }
}
