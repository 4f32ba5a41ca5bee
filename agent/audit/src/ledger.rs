//! The life of findings.
//!
//! A finding is a state, not an event: it opens with its first sighting, counts, gets worse or milder with what still holds, resolves when it
//! has not recurred for its time, and reopens. What people say about it ([`decision`]) decides whether anybody is told. The ledger judges
//! nothing; it knows no exchange, only findings and calls of endpoints. Everything is bounded, and what falls off is counted. Its one
//! entry is [`Ledger`].

mod command;
mod decision;
mod people;
mod row;
#[cfg(test)]
mod tests;

use std::time::Duration;

use apiscope_wire::Timestamp;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

pub use command::{Act, Command, Done, Refusal};
pub use decision::{
    ACCEPT_MAX, ACK_MAX, About, AcceptRule, Choice, Decision, Event, EventKind, Kept, Learning, Matcher, Quiet,
    SILENCE_MAX, Said, Silence, WARN_BEFORE, Why,
};
pub use people::RestoredSayings;

use self::people::{People, tell};
use crate::change::Change;
use crate::exchange::ApiId;
use crate::finding::{Alert, Finding, FindingId, FindingRow, Severity, Status, Transition};
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
    /// Open findings of which nothing is told, by reason (as [`Why::ALL`]).
    pub quiet: [u64; 5],
    /// APIs for whose first days there was no room: they are told from the start.
    pub unlearnt: u64,
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
    people: People,
}

#[derive(Debug)]
struct Entry {
    row: FindingRow,
    dirty: bool,
}

impl Ledger {
    /// With what the store held: nothing of it alerts again.
    pub(crate) fn new(environment: &str, restored: Vec<FindingRow>, sayings: RestoredSayings) -> Self {
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
            people: People::new(sayings),
        };
        let mut restored = restored;
        restored.iter_mut().for_each(row::complete);
        // What is open is worth more than what is over.
        restored.sort_by_key(|row| row.status == Status::Resolved);
        ledger.overflowed = restored.len().saturating_sub(FINDINGS_MAX) as u64;
        restored.into_iter().take(FINDINGS_MAX).for_each(|row| ledger.insert(row));
        ledger
    }

    /// What the configuration says, from now on. A time of zero for `resolve_after` means the default, for `learning` that there is no first week.
    pub(crate) fn configure(&mut self, resolve_after: Duration, accepts: &[AcceptRule], learning: Duration) {
        self.resolve_after = if resolve_after.is_zero() { RESOLVE_AFTER } else { resolve_after };
        self.people.configure(accepts, learning);
    }

    /// An API was met.
    pub(crate) fn meet(&mut self, api: &ApiId, at: Timestamp, emit: &mut dyn FnMut(Change)) {
        self.people.meet(api, at, emit);
    }

    /// An API has another name from now on. Its findings come with its endpoints.
    pub(crate) fn api_joined(&mut self, from: &ApiId, into: &ApiId, emit: &mut dyn FnMut(Change)) {
        self.people.rename(from, into, emit);
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

    /// A sighting, and who owns what it is about. Gives the row and the alert where it changes the finding's life.
    pub(crate) fn record(&mut self, finding: Finding, owner: Option<&str>, emit: &mut dyn FnMut(Change)) {
        let id = self.id_of(&finding);
        let Some(entry) = self.entries.get_mut(&id) else {
            return self.open(id, finding, owner, emit);
        };
        if entry.row.owner.as_deref() != owner {
            entry.row.owner = owner.map(Into::into);
        }
        let (at, reopens) = (finding.evidence.at, entry.row.status == Status::Resolved);
        if reopens {
            self.resolved -= 1;
            row::reopen(&mut entry.row, &finding);
        }
        let news = row::add(&mut entry.row, finding);
        let turned = if reopens {
            self.people.meet(&entry.row.api, at, emit);
            Some(Transition::Reopened)
        } else {
            news.is_worse.then_some(Transition::Escalated)
        };
        if turned.is_some() {
            self.people.lapse(id, at, "it got worse or opened again", emit);
        }
        if news.is_of_new_class && !reopens {
            let said = entry.row.evidence.last().map_or("", |evidence| evidence.what.as_str());
            tell(id, at, None, EventKind::NewEvidence, entry.row.severity, said, emit);
        }
        if turned.is_some() || news.is_of_new_class {
            settle(entry, &self.people, turned, at, emit);
        }
        if turned.is_none() {
            mark(&mut self.dirty, entry);
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
            moved.owner.clone_from(&into.owner);
            moved.id = FindingId::of(&self.environment, &moved.api, moved.kind.name, &moved.method, &moved.route);
            self.people.moved(old, &moved, gone.row.last, emit);
            // The old one ends for those who hear of it; it is not kept.
            if gone.row.status == Status::Open {
                let note = format!("joined into the finding {} of {} {}", moved.id, moved.method, moved.route);
                gone.row.because = crate::secret::Masked::vouched(&note);
                gone.row.status = Status::Resolved;
                gone.row.resolved = Some(gone.row.last);
                turn(&mut gone, Transition::Resolved, moved.last, emit);
            } else {
                self.resolved -= 1;
            }
            self.join(moved, emit);
        }
    }

    /// What is over ends, findings that have not recurred for their time resolve or get milder; rows that changed are given.
    pub(crate) fn tick(&mut self, now: Timestamp, emit: &mut dyn FnMut(Change)) {
        let is_due = self.people.is_due(now);
        if is_due {
            self.people.expire(now, emit);
        }
        let valid = self.resolve_after;
        let stale = |entry: &Entry| {
            entry.row.status == Status::Open && entry.row.levels.iter().any(|level| now.since(level.last) >= valid)
        };
        let mut stale: Vec<FindingId> =
            self.entries.iter().filter(|(_, entry)| stale(entry)).map(|(id, _)| *id).collect();
        stale.sort_unstable();
        for id in stale {
            self.age(id, now, emit);
        }
        if is_due {
            self.settle_all(now, emit);
        }
        self.flush(emit);
    }

    /// A severity of this finding was not seen for its time.
    fn age(&mut self, id: FindingId, now: Timestamp, emit: &mut dyn FnMut(Change)) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if now.since(entry.row.last) < self.resolve_after {
            if row::ease(&mut entry.row, now, self.resolve_after) {
                settle(entry, &self.people, Some(Transition::Eased), now, emit);
            }
            return;
        }
        entry.row.status = Status::Resolved;
        entry.row.resolved = Some(now);
        self.resolved += 1;
        turn(entry, Transition::Resolved, now, emit);
        self.people.lapse(id, now, "it resolved", emit);
    }

    /// Finds out for each open finding anew whether it is told.
    fn settle_all(&mut self, now: Timestamp, emit: &mut dyn FnMut(Change)) {
        let mut open: Vec<&mut Entry> =
            self.entries.values_mut().filter(|entry| entry.row.status == Status::Open).collect();
        open.sort_unstable_by_key(|entry| entry.row.id);
        for entry in open {
            settle(entry, &self.people, None, now, emit);
        }
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
            unlearnt: self.people.unlearnt,
            ..LedgerCounters::default()
        };
        for entry in self.entries.values().filter(|entry| entry.row.status == Status::Open) {
            let place = Severity::ALL.iter().position(|severity| *severity == entry.row.severity);
            if let Some(count) = place.and_then(|place| counters.open.get_mut(place)) {
                *count += 1;
            }
            let why = entry.row.quiet.as_ref().map(|quiet| quiet.why);
            let place = Why::ALL.iter().position(|known| Some(*known) == why);
            if let Some(count) = place.and_then(|place| counters.quiet.get_mut(place)) {
                *count += 1;
            }
        }
        counters
    }

    fn open(&mut self, id: FindingId, finding: Finding, owner: Option<&str>, emit: &mut dyn FnMut(Change)) {
        if self.entries.len() >= FINDINGS_MAX && !self.forget_one() {
            self.overflowed += 1;
            return;
        }
        let at = finding.evidence.at;
        self.people.meet(&finding.api, at, emit);
        self.insert(row::begin(id, finding, owner, self.revision_floor));
        if let Some(entry) = self.entries.get_mut(&id) {
            settle(entry, &self.people, Some(Transition::Opened), at, emit);
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
        let at = moved.last;
        let Some(entry) = self.entries.get_mut(&id) else {
            let is_open = moved.status == Status::Open;
            self.insert(FindingRow { revision: self.revision_floor, quiet: None, ..moved });
            if let Some(entry) = self.entries.get_mut(&id).filter(|_| is_open) {
                settle(entry, &self.people, Some(Transition::Opened), at, emit);
            }
            return;
        };
        let is_open = moved.status == Status::Open;
        let worse = is_open && moved.severity > entry.row.severity && entry.row.status == Status::Open;
        let reopens = is_open && entry.row.status == Status::Resolved;
        row::absorb(&mut entry.row, moved);
        let turned = if reopens {
            self.resolved -= 1;
            Some(Transition::Reopened)
        } else {
            worse.then_some(Transition::Escalated)
        };
        if entry.row.status == Status::Open {
            settle(entry, &self.people, turned, at, emit);
        }
        if turned.is_none() {
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

/// Finds out whether an open finding is told, and gives the transition: the one that brought us here, or that to quiet and back.
fn settle(entry: &mut Entry, people: &People, turned: Option<Transition>, at: Timestamp, emit: &mut dyn FnMut(Change)) {
    let quiet = people.quiet(&entry.row, at);
    let transition = match (turned, entry.row.quiet.is_some(), quiet.is_some()) {
        (Some(Transition::Opened | Transition::Reopened), ..) => turned,
        (_, false, true) => Some(Transition::Quieted),
        (None, true, false) => Some(Transition::Resumed),
        _ => turned,
    };
    let changes = entry.row.quiet != quiet;
    entry.row.quiet = quiet;
    match transition {
        Some(transition) => turn(entry, transition, at, emit),
        // The reason alone, such as the time until when: nobody has to hear of it, but it is shown.
        None if changes => emit(Change::Finding(Box::new(entry.row.clone()))),
        None => {}
    }
}

/// A transition: the row, then the alert with the same row, then the line of history.
fn turn(entry: &mut Entry, transition: Transition, at: Timestamp, emit: &mut dyn FnMut(Change)) {
    entry.row.transition = transition;
    entry.row.revision = entry.row.revision.saturating_add(1);
    entry.dirty = false;
    emit(Change::Finding(Box::new(entry.row.clone())));
    emit(Change::Alert(Box::new(Alert { transition, finding: entry.row.clone() })));
    let row = &entry.row;
    let note = match (&row.quiet, transition) {
        (Some(quiet), Transition::Quieted) => quiet.why.name().to_owned(),
        (Some(quiet), _) => format!("{}; not told: {}", row.because, quiet.why.name()),
        (None, _) => row.because.to_string(),
    };
    tell(row.id, at, None, transition.into(), row.severity, &note, emit);
}

fn mark(dirty: &mut Vec<FindingId>, entry: &mut Entry) {
    if !entry.dirty {
        entry.dirty = true;
        dirty.push(entry.row.id);
    }
}
