//! Whether a field is what some of its values may be by chance: counted over calls, for those kinds that judge exposures.

use rustc_hash::{FxBuildHasher, FxHashMap};
use smallvec::SmallVec;
use std::hash::BuildHasher as _;

use crate::facts::{Exposure, Grade};
use crate::inventory::EndpointId;
use crate::secret::Fingerprint;

/// Fields that are counted at once; past it counting starts anew, which delays a finding and invents none.
const FIELDS_MAX: usize = 4096;

/// Counts, by endpoint and place, until a field is proven.
#[derive(Debug, Default)]
pub(super) struct Fields {
    tallies: FxHashMap<u64, Tally>,
}

#[derive(Debug, Default)]
struct Tally {
    count: u32,
    seen: u32,
    samples: SmallVec<[Fingerprint; Exposure::SAMPLES_MAX]>,
}

impl Fields {
    /// The grade that an exposure has with all that was seen of its field; `None` where it is too low for a finding.
    pub(super) fn grade(&mut self, endpoint: EndpointId, exposure: &Exposure) -> Option<Grade> {
        if exposure.need == 0 {
            return Some(exposure.grade).filter(|grade| *grade <= Grade::B);
        }
        if self.tallies.len() >= FIELDS_MAX {
            self.tallies.clear();
        }
        let key = FxBuildHasher.hash_one((endpoint, &exposure.place, exposure.what));
        let tally = self.tallies.entry(key).or_default();
        tally.count = tally.count.saturating_add(exposure.count);
        tally.seen = tally.seen.saturating_add(exposure.seen);
        for sample in &exposure.samples {
            if tally.samples.len() < Exposure::SAMPLES_MAX && !tally.samples.contains(sample) {
                tally.samples.push(*sample);
            }
        }
        Exposure::is_proven_by(exposure.need, tally.samples.len(), tally.count, tally.seen).then_some(Grade::A)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{DataClass, Place, What};
    use crate::secret::{FingerprintKey, Secret};

    fn exposure(value: u32, right: bool) -> Exposure {
        let key = FingerprintKey::new([7; 32]);
        Exposure {
            what: What::Data(DataClass::Card, "card number"),
            grade: Grade::C,
            place: Place::Json("/pan".into()),
            count: u32::from(right),
            seen: 1,
            need: 3,
            samples: right.then(|| Secret::new(&value.to_be_bytes()).fingerprint(&key)).into_iter().collect(),
        }
    }

    #[test]
    fn a_field_is_proven_by_different_values_over_calls() {
        let mut fields = Fields::default();
        let mut grade = |value, right| fields.grade(EndpointId(1), &exposure(value, right));
        assert_eq!([grade(1, true), grade(1, true), grade(2, true)], [None; 3]);
        assert_eq!(grade(3, true), Some(Grade::A));
    }

    #[test]
    fn a_field_with_other_values_is_not() {
        let mut fields = Fields::default();
        for value in 0..1_000 {
            assert_eq!(fields.grade(EndpointId(1), &exposure(value, value % 2 == 0)), None);
        }
        assert_eq!(fields.tallies.len(), 1);
    }

    #[test]
    fn counting_is_bounded() {
        let mut fields = Fields::default();
        for endpoint in 0..3 * FIELDS_MAX as u64 {
            fields.grade(EndpointId(endpoint), &exposure(1, true));
            assert!(fields.tallies.len() <= FIELDS_MAX);
        }
    }
}
