//! The life of findings.
//!
//! A finding is a state, not an event: it opens with its first sighting, counts, escalates, resolves when it has not recurred for its
//! time, and reopens. The ledger judges nothing; it knows no exchange, only findings and calls of endpoints. Everything is bounded, and
//! what falls off is counted. Its one entry is [`Ledger`].

#[cfg(test)]
mod tests;

use std::time::Duration;

use apiscope_wire::Timestamp;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::change::Change;
use crate::exchange::ConsumerId;
use crate::finding::{Alert, Evidence, Finding, FindingId, FindingRow, Severity, Status, Transition};
use crate::inventory::{EndpointId, EndpointRow};

/// Findings known, open and resolved.
const FINDINGS_MAX: usize = 10_000;
/// Time without recurrence after which a finding resolves, unless the settings say otherwise.
const RESOLVE_AFTER: Duration = Duration::from_hours(24);

/// What the ledger counts about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerCounters {
    /// Open findings by severity, mildest first (as [`Severity::ALL`]).
    pub open: [u64; 5],
    /// Resolved findings that are still known.
    pub resolved: u64,
    /// Sightings of findings for which there was no room (and stored findings, at a start): they are neither stored nor alerted on.
    pub overflowed: u64,
    /// Resolved findings forgotten to make room.
    pub forgotten: u64,
}

/// All findings.
#[derive(Debug)]
pub(crate) struct Ledger {
    environment: Box<str>,
    resolve_after: Duration,
    entries: FxHashMap<FindingId, Entry>,
    /// Findings of an endpoint.
    by_endpoint: FxHashMap<EndpointId, SmallVec<[FindingId; 3]>>,
    dirty: Vec<FindingId>,
    resolved: usize,
    overflowed: u64,
    forgotten: u64,
    /// The highest revision that was forgotten: one that opens anew must not fall behind what is stored of it.
    revision_floor: u32,
}

#[derive(Debug)]
struct Entry {
    row: FindingRow,
    dirty: bool,
}

impl Ledger {
    /// With what the store held: nothing of it alerts again.
    pub(crate) fn new(environment: &str, resolve_after: Duration, restored: Vec<FindingRow>) -> Self {
        let mut ledger = Self {
            environment: environment.into(),
            resolve_after: RESOLVE_AFTER,
            entries: FxHashMap::default(),
            by_endpoint: FxHashMap::default(),
            dirty: Vec::new(),
            resolved: 0,
            overflowed: 0,
            forgotten: 0,
            revision_floor: 0,
        };
        ledger.configure(resolve_after);
        let mut restored = restored;
        // What is open is worth more than what is over.
        restored.sort_by_key(|row| row.status == Status::Resolved);
        ledger.overflowed = restored.len().saturating_sub(FINDINGS_MAX) as u64;
        restored.into_iter().take(FINDINGS_MAX).for_each(|row| ledger.insert(row));
        ledger
    }

    /// Zero means the default.
    pub(crate) fn configure(&mut self, resolve_after: Duration) {
        self.resolve_after = if resolve_after.is_zero() { RESOLVE_AFTER } else { resolve_after };
    }

    /// An endpoint was called: its open findings count it, whether they recur in it or not. Comes before the call's findings.
    pub(crate) fn called(&mut self, endpoint: EndpointId) {
        let Some(ids) = self.by_endpoint.get(&endpoint) else { return };
        for id in ids {
            if let Some(entry) = self.entries.get_mut(id).filter(|entry| entry.row.status == Status::Open) {
                entry.row.calls = entry.row.calls.saturating_add(1);
                mark(&mut self.dirty, entry);
            }
        }
    }

    /// A sighting. Gives the row and the alert where it changes the finding's life.
    pub(crate) fn record(&mut self, finding: Finding, emit: &mut dyn FnMut(Change)) {
        let id = self.id_of(&finding);
        let Some(entry) = self.entries.get_mut(&id) else {
            return self.open(id, finding, emit);
        };
        let row = &mut entry.row;
        let transition = match row.status {
            Status::Resolved => {
                reopen(row, &finding);
                self.resolved -= 1;
                Some(Transition::Reopened)
            }
            Status::Open => {
                row.count = row.count.saturating_add(1);
                // Of what is an API's and no endpoint's, nobody tells the calls.
                row.calls = row.calls.max(row.count);
                (finding.severity > row.severity).then_some(Transition::Escalated)
            }
        };
        if transition == Some(Transition::Escalated) {
            row.severity = finding.severity;
            row.because = finding.because;
        }
        row.first = row.first.min(finding.evidence.at);
        row.last = row.last.max(finding.evidence.at);
        add_consumer(row, &finding.evidence.consumer);
        add_evidence(row, finding.evidence);
        match transition {
            Some(transition) => turn(entry, transition, emit),
            None => mark(&mut self.dirty, entry),
        }
    }

    /// Its id: nearly always that of a finding that the endpoint has, which is found sooner than the id is computed.
    fn id_of(&self, finding: &Finding) -> FindingId {
        let of_endpoint = self.by_endpoint.get(&finding.endpoint).map_or(&[][..], |ids| ids);
        let is_same =
            |id: &&FindingId| self.entries.get(id).is_some_and(|entry| std::ptr::eq(entry.row.kind, finding.kind));
        of_endpoint.iter().find(is_same).copied().unwrap_or_else(|| {
            FindingId::of(&self.environment, &finding.api, finding.kind.name, &finding.method, &finding.route)
        })
    }

    /// An endpoint was joined into another: its findings are that one's from now on.
    pub(crate) fn joined(&mut self, from: EndpointId, into: &EndpointRow, emit: &mut dyn FnMut(Change)) {
        for old in self.by_endpoint.remove(&from).unwrap_or_default() {
            let Some(mut gone) = self.entries.remove(&old) else { continue };
            let mut moved = gone.row.clone();
            moved.api = into.api.clone();
            moved.route = into.route.clone();
            moved.method = into.method.clone();
            moved.id = FindingId::of(&self.environment, &moved.api, moved.kind.name, &moved.method, &moved.route);
            // The old one ends for those who hear of it; it is not kept.
            if gone.row.status == Status::Open {
                let note = format!("joined into the finding {} of {} {}", moved.id, moved.method, moved.route);
                gone.row.because = crate::secret::Masked::vouched(&note);
                gone.row.status = Status::Resolved;
                gone.row.resolved = Some(gone.row.last);
                turn(&mut gone, Transition::Resolved, emit);
            } else {
                self.resolved -= 1;
            }
            self.join(moved, emit);
        }
    }

    /// Findings that have not recurred for their time resolve; rows that changed are given.
    pub(crate) fn tick(&mut self, now: Timestamp, emit: &mut dyn FnMut(Change)) {
        let is_over =
            |entry: &Entry| entry.row.status == Status::Open && now.since(entry.row.last) >= self.resolve_after;
        let mut over: Vec<FindingId> =
            self.entries.iter().filter(|(_, entry)| is_over(entry)).map(|(id, _)| *id).collect();
        over.sort_unstable();
        for id in over {
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            entry.row.status = Status::Resolved;
            entry.row.resolved = Some(now);
            self.resolved += 1;
            turn(entry, Transition::Resolved, emit);
        }
        self.flush(emit);
    }

    /// All rows that changed and were not yet given.
    pub(crate) fn flush(&mut self, emit: &mut dyn FnMut(Change)) {
        for id in std::mem::take(&mut self.dirty) {
            if let Some(entry) = self.entries.get_mut(&id).filter(|entry| entry.dirty) {
                entry.dirty = false;
                emit(Change::Finding(Box::new(entry.row.clone())));
            }
        }
    }

    /// What it counts about itself.
    pub(crate) fn counters(&self) -> LedgerCounters {
        let mut counters = LedgerCounters {
            resolved: self.resolved as u64,
            overflowed: self.overflowed,
            forgotten: self.forgotten,
            ..LedgerCounters::default()
        };
        for entry in self.entries.values().filter(|entry| entry.row.status == Status::Open) {
            let place = Severity::ALL.iter().position(|severity| *severity == entry.row.severity);
            if let Some(count) = place.and_then(|place| counters.open.get_mut(place)) {
                *count += 1;
            }
        }
        counters
    }

    fn open(&mut self, id: FindingId, finding: Finding, emit: &mut dyn FnMut(Change)) {
        if self.entries.len() >= FINDINGS_MAX && !self.forget_one() {
            self.overflowed += 1;
            return;
        }
        let Finding { kind, api, endpoint: _, method, route, severity, because, evidence } = finding;
        let at = evidence.at;
        let row = FindingRow {
            id,
            kind,
            api,
            method,
            route,
            severity,
            because,
            status: Status::Open,
            opened: at,
            first: at,
            last: at,
            resolved: None,
            count: 1,
            calls: 1,
            consumers: vec![evidence.consumer],
            consumers_more: false,
            evidence: vec![evidence],
            revision: self.revision_floor,
            transition: Transition::Opened,
        };
        self.insert(row);
        if let Some(entry) = self.entries.get_mut(&id) {
            turn(entry, Transition::Opened, emit);
        }
    }

    fn insert(&mut self, row: FindingRow) {
        let endpoint = EndpointId::of(&self.environment, &row.api, &row.method, &row.route);
        let ids = self.by_endpoint.entry(endpoint).or_default();
        if !ids.contains(&row.id) {
            ids.push(row.id);
        }
        self.resolved += usize::from(row.status == Status::Resolved);
        if let Some(old) = self.entries.insert(row.id, Entry { row, dirty: false }) {
            self.resolved -= usize::from(old.row.status == Status::Resolved);
        }
    }

    /// Joins a finding's state into that of the same id, or puts it there.
    fn join(&mut self, moved: FindingRow, emit: &mut dyn FnMut(Change)) {
        let id = moved.id;
        let Some(entry) = self.entries.get_mut(&id) else {
            let is_open = moved.status == Status::Open;
            self.insert(FindingRow { revision: self.revision_floor, ..moved });
            if let Some(entry) = self.entries.get_mut(&id).filter(|_| is_open) {
                turn(entry, Transition::Opened, emit);
            }
            return;
        };
        let worse =
            moved.status == Status::Open && moved.severity > entry.row.severity && entry.row.status == Status::Open;
        let reopens = moved.status == Status::Open && entry.row.status == Status::Resolved;
        absorb(&mut entry.row, moved);
        if reopens {
            self.resolved -= 1;
            turn(entry, Transition::Reopened, emit);
        } else if worse {
            turn(entry, Transition::Escalated, emit);
        } else {
            mark(&mut self.dirty, entry);
        }
    }

    /// Forgets the finding that resolved longest ago.
    fn forget_one(&mut self) -> bool {
        if self.resolved == 0 {
            return false;
        }
        let resolved = self.entries.values().filter(|entry| entry.row.status == Status::Resolved);
        let Some(row) = resolved.map(|entry| &entry.row).min_by_key(|row| (row.resolved, row.id)) else { return false };
        self.revision_floor = self.revision_floor.max(row.revision);
        let (id, endpoint) = (row.id, EndpointId::of(&self.environment, &row.api, &row.method, &row.route));
        self.entries.remove(&id);
        if let Some(ids) = self.by_endpoint.get_mut(&endpoint) {
            ids.retain(|known| *known != id);
            if ids.is_empty() {
                self.by_endpoint.remove(&endpoint);
            }
        }
        self.resolved -= 1;
        self.forgotten += 1;
        true
    }
}

/// A transition: the row, then the alert with the same row.
fn turn(entry: &mut Entry, transition: Transition, emit: &mut dyn FnMut(Change)) {
    entry.row.transition = transition;
    entry.row.revision = entry.row.revision.saturating_add(1);
    entry.dirty = false;
    emit(Change::Finding(Box::new(entry.row.clone())));
    emit(Change::Alert(Box::new(Alert { transition, finding: entry.row.clone() })));
}

fn mark(dirty: &mut Vec<FindingId>, entry: &mut Entry) {
    if !entry.dirty {
        entry.dirty = true;
        dirty.push(entry.row.id);
    }
}

/// Opens a row again: what counts since it opened begins anew.
fn reopen(row: &mut FindingRow, finding: &Finding) {
    row.status = Status::Open;
    row.severity = finding.severity;
    row.because = finding.because.clone();
    row.opened = finding.evidence.at;
    row.resolved = None;
    row.count = 1;
    row.calls = 1;
    row.consumers.clear();
    row.consumers_more = false;
}

fn add_consumer(row: &mut FindingRow, consumer: &ConsumerId) {
    if row.consumers.contains(consumer) {
        return;
    }
    if row.consumers.len() < FindingRow::CONSUMERS_MAX {
        row.consumers.push(*consumer);
    } else {
        row.consumers_more = true;
    }
}

fn add_evidence(row: &mut FindingRow, evidence: Evidence) {
    if row.evidence.len() >= FindingRow::EVIDENCE_MAX {
        row.evidence.remove(0);
    }
    row.evidence.push(evidence);
}

fn absorb(row: &mut FindingRow, other: FindingRow) {
    row.first = row.first.min(other.first);
    row.last = row.last.max(other.last);
    match (row.status, other.status) {
        (Status::Open, Status::Open) => {
            if other.severity > row.severity {
                row.severity = other.severity;
                row.because = other.because;
            }
            row.opened = row.opened.min(other.opened);
            row.count = row.count.saturating_add(other.count);
            row.calls = row.calls.saturating_add(other.calls);
        }
        (Status::Resolved, Status::Open) => {
            (row.status, row.resolved) = (Status::Open, None);
            (row.severity, row.because) = (other.severity, other.because);
            (row.opened, row.count, row.calls) = (other.opened, other.count, other.calls);
        }
        (Status::Resolved, Status::Resolved) => row.resolved = row.resolved.max(other.resolved),
        (Status::Open, Status::Resolved) => {}
    }
    for consumer in &other.consumers {
        add_consumer(row, consumer);
    }
    row.consumers_more |= other.consumers_more;
    row.evidence.extend(other.evidence);
    row.evidence.sort_by_key(|evidence| (evidence.at, evidence.call));
    let from = row.evidence.len().saturating_sub(FindingRow::EVIDENCE_MAX);
    row.evidence.drain(..from);
}
