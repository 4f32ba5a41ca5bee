//! Calls by exact status.

use crate::sketch::{Packer, Unpacker};

/// Calls by exact status: of those seen the [`Statuses::MAX`] lowest, and the sum of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statuses {
    /// By status.
    counts: Vec<(u16, u64)>,
    others: u64,
}

impl Statuses {
    /// Statuses with a count of their own. What is registered are some sixty; an API uses ten of them.
    pub const MAX: usize = 24;

    pub(in crate::inventory) fn add(&mut self, status: u16) {
        self.add_calls(status, 1);
    }

    fn add_calls(&mut self, status: u16, calls: u64) {
        match self.counts.binary_search_by_key(&status, |(known, _)| *known) {
            Ok(at) => {
                if let Some((_, count)) = self.counts.get_mut(at) {
                    *count = count.saturating_add(calls);
                }
            }
            Err(Self::MAX) => self.others = self.others.saturating_add(calls),
            Err(at) => {
                if self.counts.len() >= Self::MAX {
                    let (_, highest) = self.counts.pop().unwrap_or_default();
                    self.others = self.others.saturating_add(highest);
                }
                self.counts.reserve_exact(1);
                self.counts.insert(at, (status, calls));
            }
        }
    }

    pub(in crate::inventory) fn join(&mut self, other: &Self) {
        for (status, calls) in &other.counts {
            self.add_calls(*status, *calls);
        }
        self.others = self.others.saturating_add(other.others);
    }

    /// By status.
    pub fn counts(&self) -> &[(u16, u64)] {
        &self.counts
    }

    /// Calls with another status.
    pub const fn others(&self) -> u64 {
        self.others
    }

    pub(in crate::inventory) fn heap(&self) -> usize {
        self.counts.capacity() * size_of::<(u16, u64)>()
    }

    pub(in crate::inventory) fn pack(&self, packer: &mut Packer) {
        packer.number(self.others);
        packer.number(self.counts.len() as u64);
        for (status, calls) in &self.counts {
            packer.number(u64::from(*status));
            packer.number(*calls);
        }
    }

    pub(in crate::inventory) fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        let others = from.number()?;
        let counts = (0..from.count(Self::MAX)?)
            .map(|_| Some((from.small()?, from.number().filter(|calls| *calls > 0)?)))
            .collect::<Option<Vec<(u16, u64)>>>()?;
        let sound = counts.is_sorted_by(|a, b| a.0 < b.0) && (others == 0 || counts.len() == Self::MAX);
        sound.then_some(Self { counts, others })
    }
}
