//! What waits for the writer. Bounded without ever making the sender wait: states replace each other, deltas add up, and of calls,
//! the only thing that is a mere record, the newest are dropped and counted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use apiscope_audit::Change;
use apiscope_audit::change::CallRow;
use apiscope_audit::exchange::ApiId;
use apiscope_audit::finding::{FindingId, FindingRow};
use apiscope_audit::inventory::{EndpointId, EndpointRow, Probed};
use apiscope_audit::ledger::{Decision, Event, Kept, Learning, Silence};
use apiscope_audit::watch::WatchedDay;
use apiscope_wire::Coverage;
use rusqlite::Connection;

/// Calls that may wait; past it they are dropped and counted.
pub(super) const CALLS_MAX: usize = 8_192;
/// Alerts that may wait. The ledger's own bound on findings keeps far below it.
pub(super) const ALERTS_MAX: usize = 65_536;
/// Lines of history that may wait, likewise.
pub(super) const HISTORY_MAX: usize = 65_536;
/// Endpoints, findings and accounts that may wait, each. The core's own bounds keep far below it.
pub(super) const ROWS_MAX: usize = 131_072;
/// Jobs that may wait.
const JOBS_MAX: usize = 1_024;
/// A row is written at the latest so long after it came.
const LINGER: Duration = Duration::from_millis(500);

/// Something to do on the writer's thread with its connection.
pub(super) type Job = Box<dyn FnOnce(&mut Connection) -> rusqlite::Result<()> + Send>;

/// Rows to be written in one transaction.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) endpoints: BTreeMap<EndpointId, EndpointRow>,
    /// Endpoints that were joined into others; to be removed before the rows are written.
    pub(super) gone: BTreeSet<EndpointId>,
    /// Each transition on its own: each is an alert.
    pub(super) alerts: Vec<FindingRow>,
    pub(super) findings: BTreeMap<FindingId, FindingRow>,
    pub(super) coverage: BTreeMap<ApiId, Coverage>,
    /// By API and day.
    pub(super) watched: BTreeMap<(Option<ApiId>, u32), WatchedDay>,
    /// Packed; `None`: to be removed.
    pub(super) schemas: BTreeMap<EndpointId, Option<Box<[u8]>>>,
    /// What people said; `None`: to be removed.
    pub(super) decisions: BTreeMap<FindingId, Option<Decision>>,
    pub(super) silences: BTreeMap<u32, Option<Silence>>,
    pub(super) learning: BTreeMap<ApiId, Option<Learning>>,
    /// Lines of history, in their order.
    pub(super) history: Vec<Event>,
    /// By API; `None` for all that have no list of their own.
    pub(super) probed: BTreeMap<Option<ApiId>, Probed>,
    pub(super) calls: Vec<CallRow>,
    /// Rows that fell off a bound since the last batch, calls first.
    pub(super) dropped_calls: u64,
    pub(super) dropped_rows: u64,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.endpoints.is_empty()
            && self.gone.is_empty()
            && self.alerts.is_empty()
            && self.findings.is_empty()
            && self.coverage.is_empty()
            && self.watched.is_empty()
            && self.schemas.is_empty()
            && self.decisions.is_empty()
            && self.silences.is_empty()
            && self.learning.is_empty()
            && self.history.is_empty()
            && self.probed.is_empty()
            && self.calls.is_empty()
    }

    fn take_in(&mut self, change: Change) {
        match change {
            Change::Call(row) if self.calls.len() < CALLS_MAX => self.calls.push(row),
            Change::Call(_) => self.dropped_calls += 1,
            Change::Endpoint(row) => put(&mut self.endpoints, row.id, *row, &mut self.dropped_rows),
            Change::EndpointGone { id, .. } => self.endpoint_gone(id),
            Change::Finding(row) => put(&mut self.findings, row.id, *row, &mut self.dropped_rows),
            Change::Alert(alert) if self.alerts.len() < ALERTS_MAX => self.alerts.push(alert.finding),
            Change::Alert(_) => self.dropped_rows += 1,
            Change::Kept(kept) => self.take_in_kept(kept),
            Change::Coverage(api, added) => self.add_coverage(api, added),
            Change::Watched(row) => put(&mut self.watched, (row.api.clone(), row.day), row, &mut self.dropped_rows),
            Change::Schemas { id, packed } => put(&mut self.schemas, id, packed, &mut self.dropped_rows),
            Change::Probed(list) => put(&mut self.probed, list.api.clone(), *list, &mut self.dropped_rows),
            Change::Running(_)
            | Change::Session(_)
            | Change::ApiJoined { .. }
            | Change::Ambiguous(_)
            | Change::Tls(_)
            | Change::TlsGone(_)
            | Change::TlsUnobserved(..) => {}
        }
    }

    fn take_in_kept(&mut self, kept: Kept) {
        let dropped = &mut self.dropped_rows;
        match kept {
            Kept::Decision(row) => put(&mut self.decisions, row.finding, Some(*row), dropped),
            Kept::DecisionGone(finding) => put(&mut self.decisions, finding, None, dropped),
            Kept::Silence(row) => put(&mut self.silences, row.id, Some(*row), dropped),
            Kept::SilenceGone(id) => put(&mut self.silences, id, None, dropped),
            Kept::Learning(api, row) => put(&mut self.learning, api, Some(row), dropped),
            Kept::LearningGone(api) => put(&mut self.learning, api, None, dropped),
            Kept::History(event) if self.history.len() < HISTORY_MAX => self.history.push(*event),
            Kept::History(_) => self.dropped_rows += 1,
        }
    }

    fn endpoint_gone(&mut self, id: EndpointId) {
        self.endpoints.remove(&id);
        if self.gone.len() < ROWS_MAX {
            self.gone.insert(id);
        } else {
            self.dropped_rows += 1;
        }
    }

    fn add_coverage(&mut self, api: ApiId, added: Coverage) {
        match self.coverage.get_mut(&api) {
            Some(sum) => *sum += added,
            None => put(&mut self.coverage, api, added, &mut self.dropped_rows),
        }
    }

    /// Puts a batch that could not be written before this one. It has no calls any more.
    fn prepend(&mut self, older: Self) {
        for (id, row) in older.endpoints {
            if !self.gone.contains(&id) {
                self.endpoints.entry(id).or_insert(row);
            }
        }
        self.gone.extend(older.gone);
        for (id, row) in older.findings {
            self.findings.entry(id).or_insert(row);
        }
        for (api, added) in older.coverage {
            self.add_coverage(api, added);
        }
        for (key, row) in older.watched {
            self.watched.entry(key).or_insert(row);
        }
        for (id, packed) in older.schemas {
            self.schemas.entry(id).or_insert(packed);
        }
        for (finding, row) in older.decisions {
            self.decisions.entry(finding).or_insert(row);
        }
        for (id, row) in older.silences {
            self.silences.entry(id).or_insert(row);
        }
        for (api, row) in older.learning {
            self.learning.entry(api).or_insert(row);
        }
        for (api, list) in older.probed {
            self.probed.entry(api).or_insert(list);
        }
        let newer = std::mem::replace(&mut self.alerts, older.alerts);
        self.alerts.extend(newer);
        let newer = std::mem::replace(&mut self.history, older.history);
        self.history.extend(newer);
    }
}

fn put<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: V, dropped: &mut u64) {
    if map.len() < ROWS_MAX || map.contains_key(&key) {
        map.insert(key, value);
    } else {
        *dropped += 1;
    }
}

#[derive(Default)]
struct Waiting {
    batch: Batch,
    /// When the oldest row of the batch came.
    since: Option<Instant>,
    /// An alert or a flush: do not linger.
    urgent: bool,
    jobs: Vec<Job>,
    closed: bool,
}

/// The queue between the senders and the one writer.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    something: Condvar,
}

/// What the writer got to do.
pub(super) struct Work {
    pub(super) batch: Batch,
    pub(super) jobs: Vec<Job>,
    /// Nothing will come after this.
    pub(super) closed: bool,
}

impl Queue {
    /// Takes a change in; never waits for the disk.
    pub(super) fn push(&self, change: Change) {
        let mut waiting = self.lock();
        if waiting.closed {
            return;
        }
        let urgent = matches!(change, Change::Alert(_));
        waiting.batch.take_in(change);
        let first = waiting.since.is_none();
        waiting.since.get_or_insert_with(Instant::now);
        waiting.urgent |= urgent;
        if first || urgent || waiting.batch.calls.len() == CALLS_MAX / 2 {
            self.something.notify_one();
        }
    }

    /// Asks for a job; `false` where it can't be taken any more.
    pub(super) fn run(&self, job: Job) -> bool {
        let mut waiting = self.lock();
        if waiting.closed || waiting.jobs.len() >= JOBS_MAX {
            return false;
        }
        waiting.jobs.push(job);
        self.something.notify_one();
        true
    }

    /// Nothing more is taken; the writer ends when it has done what waits.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.something.notify_one();
    }

    /// Puts back what could not be written.
    pub(super) fn put_back(&self, batch: Batch) {
        let mut waiting = self.lock();
        waiting.batch.prepend(batch);
        waiting.since.get_or_insert_with(Instant::now);
    }

    /// Waits for work, or until `idle` has passed. Rows are held back until `hold` (after a failure) unless the queue is closed.
    pub(super) fn wait(&self, idle: Duration, hold: Option<Instant>) -> Work {
        let end = Instant::now() + idle;
        let mut waiting = self.lock();
        loop {
            let now = Instant::now();
            let hold = hold.filter(|hold| now < *hold && !waiting.closed);
            let ripe = waiting.ripe_at().map(|at| at.max(hold.unwrap_or(at)));
            if ripe.is_some_and(|at| at <= now) || !waiting.jobs.is_empty() || waiting.closed || end <= now {
                return waiting.take(hold.is_some());
            }
            let nap = ripe.map_or(end, |at| at.min(end)).saturating_duration_since(now);
            waiting = self.something.wait_timeout(waiting, nap).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// A panic elsewhere leaves the queue whole: each change goes in by one step.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// When the rows should be written.
    fn ripe_at(&self) -> Option<Instant> {
        let hurry = self.urgent || self.batch.calls.len() >= CALLS_MAX / 2;
        self.since.map(|since| if hurry { since } else { since + LINGER })
    }

    /// A job sees all rows that came before it, so the batch goes with it, unless rows are held back.
    fn take(&mut self, held: bool) -> Work {
        let batch = if held {
            Batch::default()
        } else {
            self.since = None;
            self.urgent = false;
            std::mem::take(&mut self.batch)
        };
        Work { batch, jobs: std::mem::take(&mut self.jobs), closed: self.closed }
    }
}
