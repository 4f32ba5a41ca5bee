//! Counts by hour or day, of the newest ones.

use super::{Packer, Unpacker};

/// Counts of the newest `N` slots of time, by their absolute number, so that it does not matter when and in which order they come.
/// What is older than the newest slot by `N` or more is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring<const N: usize> {
    newest: u32,
    /// By number modulo `N`.
    counts: [u32; N],
}

impl<const N: usize> Default for Ring<N> {
    fn default() -> Self {
        Self { newest: 0, counts: [0; N] }
    }
}

impl<const N: usize> Ring<N> {
    /// Counts in a slot.
    pub fn add(&mut self, slot: u32, count: u32) {
        if slot > self.newest {
            // Those in between are new and empty; more than all there are none.
            for passed in 1..=(slot - self.newest).min(size(N)) {
                self.set(slot - (passed - 1), 0);
            }
            self.newest = slot;
        }
        if self.newest - slot < size(N) {
            self.set(slot, self.get(slot).saturating_add(count));
        }
    }

    /// Adds all that another counted.
    pub fn join(&mut self, other: &Self) {
        self.add(other.newest, 0);
        for (slot, count) in other.iter() {
            self.add(slot, count);
        }
    }

    /// The slots in which something was counted, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u32)> {
        let first = self.newest.saturating_sub(size(N) - 1);
        (first..=self.newest).map(|slot| (slot, self.get(slot))).filter(|(_, count)| *count > 0)
    }

    /// The newest slot that there was.
    pub const fn newest(&self) -> u32 {
        self.newest
    }

    /// Writes it.
    pub fn pack(&self, packer: &mut Packer) {
        packer.number(u64::from(self.newest));
        packer.number(self.iter().count() as u64);
        for (slot, count) in self.iter() {
            packer.number(u64::from(self.newest - slot));
            packer.number(u64::from(count));
        }
    }

    /// Reads it back.
    pub fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        let mut ring = Self { newest: from.small()?, ..Self::default() };
        for _ in 0..from.count(N)? {
            let age: u32 = from.small().filter(|age| *age < size(N))?;
            let count = from.small().filter(|count| *count > 0)?;
            let slot = ring.newest.checked_sub(age).filter(|slot| ring.get(*slot) == 0)?;
            ring.set(slot, count);
        }
        Some(ring)
    }

    fn get(&self, slot: u32) -> u32 {
        self.counts.get(slot as usize % N).copied().unwrap_or_default()
    }

    fn set(&mut self, slot: u32, count: u32) {
        if let Some(place) = self.counts.get_mut(slot as usize % N) {
            *place = count;
        }
    }
}

/// Rings are short.
#[expect(clippy::cast_possible_truncation, reason = "a constant far below 2^32")]
const fn size(n: usize) -> u32 {
    n as u32
}
