//! What was said lately, for kinds whose finding stands for a whole API: each call would say the same again.

use std::hash::{BuildHasher as _, Hash};
use std::time::Duration;

use apiscope_wire::Timestamp;
use rustc_hash::{FxBuildHasher, FxHashMap};

/// It is said again after so long.
const AGAIN: Duration = Duration::from_mins(10);
/// Things remembered; past it all is forgotten, which says some of them twice.
pub(super) const TOLD_MAX: usize = 4096;

/// When what was said last.
#[derive(Debug, Default)]
pub(super) struct Told {
    at: FxHashMap<u64, Timestamp>,
}

impl Told {
    /// Whether `what` is due, and if so takes it for said.
    pub(super) fn is_due(&mut self, what: impl Hash, now: Timestamp) -> bool {
        let what = FxBuildHasher.hash_one(what);
        if self.at.get(&what).is_some_and(|told| now.since(*told) < AGAIN) {
            return false;
        }
        if self.at.len() >= TOLD_MAX {
            self.at.clear();
        }
        self.at.insert(what, now);
        true
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.at.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::sample::at;

    #[test]
    fn once_in_its_time_and_bounded() {
        let mut told = Told::default();
        assert!(told.is_due("a", at(0)) && told.is_due("b", at(0)));
        assert!(!told.is_due("a", at(599)) && told.is_due("a", at(600)));
        for number in 0..2 * TOLD_MAX {
            assert!(told.is_due(number, at(0)) && told.len() <= TOLD_MAX);
        }
    }
}
