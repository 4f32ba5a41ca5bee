//! Operations of documents that nobody calls: since when, and how well that is known.

use std::time::Duration;

use apiscope_wire::Timestamp;

use super::store::Inventory;
use super::{DocumentState, EndpointRow};
use crate::watch::{Seen, Watch};

/// Operations that are judged at most in one review: a document of thousands that nobody calls must not crowd out other findings.
pub(crate) const CASES_MAX: usize = 1_000;
const DAY: Duration = Duration::from_hours(24);

/// For how long a documented endpoint has not been called, and how much of that time was watched how completely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Idle {
    /// Whole days since its last call; since it is known to be in the document, where there was none.
    pub days: u32,
    /// What was seen of this time.
    pub seen: Seen,
}

impl Idle {
    /// Of two agents that both did not see a call: what both can say.
    #[must_use]
    pub(super) fn join(self, other: Self) -> Self {
        let covered = [self.seen.covered, other.seen.covered].into_iter().flatten().min();
        let seen = Seen { watched: self.seen.watched.min(other.seen.watched), covered };
        Self { days: self.days.min(other.days), seen }
    }
}

impl Inventory {
    /// Looks at all operations of documents: which of them are idle, and for how long. Gives those that were not called for `after`, at most
    /// [`CASES_MAX`].
    pub(crate) fn review_idle(
        &mut self,
        now: Timestamp,
        after: Duration,
        watch: &Watch,
        give: &mut dyn FnMut(&EndpointRow, Idle),
    ) {
        let mut apis: Vec<_> = self.apis.iter().filter(|(_, api)| api.document.is_some()).collect();
        apis.sort_unstable_by_key(|(id, _)| *id);
        let (mut given, mut changed) = (0, Vec::new());
        for (id, api) in apis {
            // Those that were never called mostly have the same beginning.
            let mut known: Option<(Timestamp, Seen)> = None;
            for endpoint in api.documented.iter().flatten().map(|(_, id)| *id) {
                let Some(entry) = self.book.entries.get_mut(&endpoint) else { continue };
                let row = &mut entry.row;
                if !row.document.is_in_document() {
                    continue;
                }
                let before = (row.since, row.document, row.idle);
                let from = (*row.since.get_or_insert(now)).max(row.last.unwrap_or_default());
                if row.document != DocumentState::Unused && now.since(from) >= after {
                    row.document = DocumentState::Unused;
                }
                if row.document == DocumentState::Unused {
                    let seen = known.filter(|(at, _)| *at == from).map(|(_, seen)| seen);
                    let seen = seen.unwrap_or_else(|| watch.seen(id, from, now));
                    known = Some((from, seen));
                    let idle = Idle { days: days(now.since(from)), seen };
                    row.idle = Some(idle);
                    if now.since(from) >= after && given < CASES_MAX {
                        given += 1;
                        give(row, idle);
                    } else if now.since(from) >= after {
                        self.counters.idle_overflowed += 1;
                    }
                }
                if before != (row.since, row.document, row.idle) {
                    changed.push(endpoint);
                }
            }
        }
        for id in changed {
            self.book.touch(id);
        }
    }
}

fn days(time: Duration) -> u32 {
    u32::try_from(time.as_secs() / DAY.as_secs()).unwrap_or(u32::MAX)
}
