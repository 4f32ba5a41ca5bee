//! How long, and how completely, the traffic of APIs was watched, by day: so that "never called" is said only of time that was watched, and
//! with what was missed beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use apiscope_wire::{Coverage, Timestamp};

use crate::exchange::ApiId;

/// Days kept.
pub const DAYS_MAX: u32 = 366;
/// APIs kept; of others nothing is known, and nothing is said.
const APIS_MAX: usize = 256;
/// Ticks that are farther apart were not watched between: the agent was stopped, or the host slept.
const STEP_MAX: Duration = Duration::from_mins(1);
const DAY_NANOS: u64 = 86_400_000_000_000;
const NANOS: u64 = 1_000_000_000;

/// One day's account: of the agent as a whole, or of one API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedDay {
    /// `None`: the agent as a whole, of which only the time is told; of an API only bytes are.
    pub api: Option<ApiId>,
    /// Days since 1970, UTC.
    pub day: u32,
    /// Seconds that were watched.
    pub seconds: u32,
    /// Bytes at the API's sockets.
    pub bytes: u64,
    /// Of them, those in which calls may have been that nobody saw: lost, not parsed though HTTP, or encrypted.
    pub missed: u64,
}

/// What is known of a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Of 1,000 parts of the time, those that were watched.
    pub watched: u16,
    /// Of 1,000 parts of the API's bytes, those in which a call would have been seen. `None`: no byte of it passed.
    pub covered: Option<u16>,
}

/// The account by day. Bounded; see [`DAYS_MAX`].
#[derive(Debug, Default)]
pub(crate) struct Watch {
    now: Timestamp,
    /// Nanoseconds that are not yet a second.
    rest: u64,
    seconds: BTreeMap<u32, u32>,
    apis: BTreeMap<ApiId, BTreeMap<u32, Bytes>>,
    changed: BTreeSet<(Option<ApiId>, u32)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bytes {
    all: u64,
    missed: u64,
}

impl Watch {
    /// With what the store held.
    pub(crate) fn new(restored: Vec<WatchedDay>) -> Self {
        let mut watch = Self::default();
        for WatchedDay { api, day, seconds, bytes, missed } in restored {
            match api {
                None => drop(watch.seconds.insert(day, seconds)),
                Some(api) => {
                    if let Some(days) = watch.days(&api) {
                        days.insert(day, Bytes { all: bytes, missed });
                    }
                }
            }
        }
        watch.forget();
        watch
    }

    /// Time passes, and is watched.
    pub(crate) fn pass(&mut self, now: Timestamp) {
        let step = now.since(self.now);
        let is_first = self.now == Timestamp::EPOCH;
        let is_new_day = day(now) != day(self.now);
        self.now = self.now.max(now);
        if is_new_day {
            self.forget();
        }
        if is_first || step > STEP_MAX {
            return;
        }
        self.rest = self.rest.saturating_add(u64::try_from(step.as_nanos()).unwrap_or_default());
        let whole = u32::try_from(self.rest / NANOS).unwrap_or_default();
        if whole > 0 {
            self.rest %= NANOS;
            let day = day(now);
            let seconds = self.seconds.entry(day).or_default();
            *seconds = seconds.saturating_add(whole);
            self.changed.insert((None, day));
        }
    }

    /// What was added to the account of an API. Before the first tick no day is known, and nothing is watched.
    pub(crate) fn add(&mut self, api: &ApiId, added: &Coverage) {
        if self.now == Timestamp::EPOCH {
            return;
        }
        let day = day(self.now);
        let Some(days) = self.days(api) else { return };
        let bytes = days.entry(day).or_default();
        bytes.all = bytes.all.saturating_add(added.socket());
        bytes.missed = bytes.missed.saturating_add(missed(added));
        self.changed.insert((Some(api.clone()), day));
    }

    /// What is known of the time from `from` to `to`, to the day at its beginning.
    pub(crate) fn seen(&self, api: &ApiId, from: Timestamp, to: Timestamp) -> Seen {
        let days = day(from)..=day(to);
        let mut watched: u64 = self.seconds.range(days.clone()).map(|(_, seconds)| u64::from(*seconds)).sum();
        if let Some(first) = self.seconds.get(&day(from)) {
            // Of the first day at most what was left of it.
            let left = (DAY_NANOS - from.as_nanos() % DAY_NANOS) / NANOS;
            watched = watched - u64::from(*first) + u64::from(*first).min(left);
        }
        let whole = to.since(from).as_secs();
        let (mut all, mut missed) = (0_u64, 0_u64);
        for bytes in self.apis.get(api).into_iter().flat_map(|known| known.range(days.clone())).map(|(_, bytes)| bytes)
        {
            all = all.saturating_add(bytes.all);
            missed = missed.saturating_add(bytes.missed);
        }
        Seen {
            watched: permille(watched, whole).unwrap_or_default(),
            covered: permille(all.saturating_sub(missed), all),
        }
    }

    /// The days that changed since the last time.
    pub(crate) fn take_changed(&mut self) -> Vec<WatchedDay> {
        let told = |(api, day): (Option<ApiId>, u32)| {
            let bytes = api.as_ref().and_then(|api| self.apis.get(api)?.get(&day).copied()).unwrap_or_default();
            let seconds = if api.is_none() { self.seconds.get(&day).copied().unwrap_or_default() } else { 0 };
            WatchedDay { api, day, seconds, bytes: bytes.all, missed: bytes.missed }
        };
        std::mem::take(&mut self.changed).into_iter().map(told).collect()
    }

    fn days(&mut self, api: &ApiId) -> Option<&mut BTreeMap<u32, Bytes>> {
        if self.apis.len() >= APIS_MAX && !self.apis.contains_key(api) {
            return None;
        }
        Some(self.apis.entry(api.clone()).or_default())
    }

    /// Lets go of days that are too old.
    fn forget(&mut self) {
        let newest = self.seconds.keys().next_back().copied().max(Some(day(self.now))).unwrap_or_default();
        let first = newest.saturating_sub(DAYS_MAX - 1);
        self.seconds = self.seconds.split_off(&first);
        for days in self.apis.values_mut() {
            *days = days.split_off(&first);
        }
        self.apis.retain(|_, days| !days.is_empty());
        self.changed.retain(|(_, day)| *day >= first);
    }
}

/// Bytes in which calls may have been that nobody saw. What was not copied on purpose is no part of it (its head was read), nor is what is
/// not HTTP.
const fn missed(coverage: &Coverage) -> u64 {
    let Coverage { lost, unparsed, skipped, .. } = coverage;
    lost.ring + lost.gap + lost.memory + unparsed.malformed + unparsed.joined_late + skipped.encrypted
}

fn day(at: Timestamp) -> u32 {
    u32::try_from(at.as_nanos() / DAY_NANOS).unwrap_or(u32::MAX)
}

/// Rounded down, so that 1,000 means all. `None` of nothing.
fn permille(part: u64, whole: u64) -> Option<u16> {
    let share = u128::from(part.min(whole)) * 1_000;
    u16::try_from(share.checked_div(u128::from(whole))?).ok()
}

#[cfg(test)]
mod tests {
    use apiscope_wire::{Lost, Skipped, Unparsed};

    use super::*;

    const DAY: u64 = 86_400;

    fn at(second: u64) -> Timestamp {
        Timestamp::from_nanos(second * NANOS)
    }

    fn orders() -> ApiId {
        ApiId::new("orders")
    }

    /// Ticks every half minute.
    fn pass(watch: &mut Watch, from: u64, to: u64) {
        (from..=to).step_by(30).for_each(|second| watch.pass(at(second)));
    }

    fn bytes(parsed: u64, lost: u64) -> Coverage {
        Coverage { parsed, lost: Lost { gap: lost, ..Lost::default() }, ..Coverage::default() }
    }

    #[test]
    fn time_without_ticks_is_not_watched() {
        let mut watch = Watch::default();
        pass(&mut watch, 10 * DAY, 11 * DAY);
        pass(&mut watch, 12 * DAY, 14 * DAY);
        let watched = |from, to| watch.seen(&orders(), at(from), at(to)).watched;
        assert_eq!([watched(10 * DAY, 11 * DAY), watched(10 * DAY, 14 * DAY)], [1_000, 750]);
        assert_eq!(watched(10 * DAY + DAY / 2, 11 * DAY), 1_000, "of the first day no more than its rest");
        assert_eq!(watched(20 * DAY, 21 * DAY), 0);
    }

    #[test]
    fn what_was_missed_is_a_share_of_the_bytes() {
        let mut watch = Watch::default();
        watch.add(&orders(), &bytes(1, 1));
        assert_eq!(watch.seen(&orders(), at(0), at(DAY)).covered, None, "nothing is watched yet");
        watch.pass(at(3 * DAY));
        watch.add(&orders(), &bytes(900, 100));
        watch.pass(at(5 * DAY));
        watch.add(&orders(), &bytes(1_000, 0));
        let covered = |from, to| watch.seen(&orders(), at(from), at(to)).covered;
        assert_eq!([covered(3 * DAY, 5 * DAY), covered(4 * DAY, 5 * DAY)], [Some(950), Some(1_000)]);
        assert_eq!(watch.seen(&ApiId::new("other"), at(0), at(5 * DAY)).covered, None);
    }

    #[test]
    fn bodies_left_out_and_other_protocols_hide_no_call() {
        let coverage = Coverage {
            parsed: 1,
            skipped: Skipped { budget: 100, verdict: 100, encrypted: 1 },
            lost: Lost { ring: 2, gap: 4, memory: 8 },
            unparsed: Unparsed { not_http: 100, malformed: 16, joined_late: 32 },
        };
        assert_eq!(missed(&coverage), 63);
    }

    #[test]
    fn goes_on_after_a_restart_with_what_was_told() {
        let mut watch = Watch::default();
        pass(&mut watch, 10 * DAY, 11 * DAY);
        watch.add(&orders(), &bytes(10, 5));
        let told = watch.take_changed();
        assert!(watch.take_changed().is_empty());
        let again = Watch::new(told);
        let span = (at(10 * DAY), at(11 * DAY + 60));
        assert_eq!(again.seen(&orders(), span.0, span.1), watch.seen(&orders(), span.0, span.1));
    }

    #[test]
    fn days_and_apis_are_bounded() {
        let mut watch = Watch::default();
        for day in 1..u64::from(3 * DAYS_MAX) {
            watch.pass(at(day * DAY));
            watch.pass(at(day * DAY + 1));
            watch.add(&orders(), &bytes(1, 0));
        }
        assert_eq!((watch.seconds.len(), watch.apis[&orders()].len()), (DAYS_MAX as usize, DAYS_MAX as usize));
        for n in 0..2 * APIS_MAX {
            watch.add(&ApiId::new(&format!("api{n}")), &bytes(1, 0));
        }
        assert_eq!(watch.apis.len(), APIS_MAX);
    }
}
