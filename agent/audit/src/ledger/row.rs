//! A finding's row: what a sighting does to it, and what time does.

use std::time::Duration;

use apiscope_wire::Timestamp;

use crate::exchange::ConsumerId;
use crate::finding::{Evidence, Finding, FindingId, FindingRow, Level, Severity, Status, Transition};

/// The row of a finding that was never seen before.
pub(super) fn begin(id: FindingId, finding: Finding, owner: Option<&str>, revision: u32) -> FindingRow {
    let Finding { kind, api, endpoint: _, method, route, severity, because, evidence, classes } = finding;
    let at = evidence.at;
    let mut row = FindingRow {
        id,
        kind,
        api,
        method,
        route,
        owner: owner.map(Into::into),
        severity,
        because: because.clone(),
        levels: vec![Level { severity, last: at, because }],
        status: Status::Open,
        quiet: None,
        opened: at,
        first: at,
        last: at,
        resolved: None,
        count: 1,
        calls: u64::from(evidence.call.is_some()),
        consumers: evidence.consumer.into_iter().collect(),
        consumers_more: false,
        evidence: vec![evidence],
        classes: Vec::new(),
        revision,
        transition: Transition::Opened,
    };
    add_classes(&mut row, &classes);
    row
}

/// Opens a row again: what counts since it opened begins anew.
pub(super) fn reopen(row: &mut FindingRow, finding: &Finding) {
    row.status = Status::Open;
    row.severity = finding.severity;
    row.because = finding.because.clone();
    row.levels.clear();
    row.opened = finding.evidence.at;
    row.resolved = None;
    row.count = 0;
    row.calls = 0;
    row.consumers.clear();
    row.consumers_more = false;
}

/// What a sighting changed that may be news.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    /// It is worse than any that still holds.
    pub(super) is_worse: bool,
    /// It is of a class that the finding had not.
    pub(super) is_of_new_class: bool,
}

/// Takes a sighting into an open row.
pub(super) fn add(row: &mut FindingRow, finding: Finding) -> News {
    let Finding { severity, because, evidence, classes, .. } = finding;
    row.count = row.count.saturating_add(1);
    if evidence.call.is_some() {
        // Of what is an API's and no endpoint's, nobody tells the calls.
        row.calls = row.calls.max(row.count);
    }
    row.first = row.first.min(evidence.at);
    row.last = row.last.max(evidence.at);
    let is_worse = severity > row.severity;
    if is_worse {
        row.severity = severity;
        row.because = because.clone();
    }
    add_level(row, Level { severity, last: evidence.at, because });
    if let Some(consumer) = evidence.consumer {
        add_consumer(row, consumer);
    }
    add_evidence(row, evidence);
    News { is_worse, is_of_new_class: add_classes(row, &classes) }
}

/// Lets go of severities that were not seen for `valid`, as long as another holds. Gives whether the finding is milder now.
pub(super) fn ease(row: &mut FindingRow, now: Timestamp, valid: Duration) -> bool {
    let holds = |level: &Level| now.since(level.last) < valid;
    if row.levels.iter().all(holds) || !row.levels.iter().any(holds) {
        return false;
    }
    row.levels.retain(holds);
    let Some(worst) = row.levels.last().filter(|worst| worst.severity < row.severity) else { return false };
    row.severity = worst.severity;
    row.because = worst.because.clone();
    true
}

/// A row of a store that kept no levels has the one it shows.
pub(super) fn complete(row: &mut FindingRow) {
    if row.levels.is_empty() {
        row.levels.push(Level { severity: row.severity, last: row.last, because: row.because.clone() });
    }
    row.levels.sort_by_key(|level| level.severity);
}

/// The same severity is kept once, with its latest sighting and the reason it came with first.
fn add_level(row: &mut FindingRow, level: Level) {
    match row.levels.binary_search_by_key(&level.severity, |known| known.severity) {
        Ok(at) => {
            if let Some(known) = row.levels.get_mut(at) {
                known.last = known.last.max(level.last);
            }
        }
        Err(at) => row.levels.insert(at, level),
    }
}

/// Gives whether one of them is new, and told apart.
fn add_classes(row: &mut FindingRow, classes: &[u32]) -> bool {
    let before = row.classes.len();
    for class in classes {
        if row.classes.len() < FindingRow::CLASSES_MAX && !row.classes.contains(class) {
            row.classes.push(*class);
        }
    }
    row.classes.len() > before
}

fn add_consumer(row: &mut FindingRow, consumer: ConsumerId) {
    if row.consumers.contains(&consumer) {
        return;
    }
    if row.consumers.len() < FindingRow::CONSUMERS_MAX {
        row.consumers.push(consumer);
    } else {
        row.consumers_more = true;
    }
}

fn add_evidence(row: &mut FindingRow, evidence: Evidence) {
    row.evidence.push(evidence);
    trim_evidence(row);
}

/// The oldest proof goes that is not the only one of its severity; there are as many places as severities, so there is always one.
fn trim_evidence(row: &mut FindingRow) {
    while row.evidence.len() > FindingRow::EVIDENCE_MAX {
        let others = |severity: Severity| row.evidence.iter().filter(|other| other.severity == severity).count();
        let spare = row.evidence.iter().position(|evidence| others(evidence.severity) > 1).unwrap_or(0);
        row.evidence.remove(spare);
    }
}

/// Takes another row of the same finding in.
pub(super) fn absorb(row: &mut FindingRow, other: FindingRow) {
    row.first = row.first.min(other.first);
    row.last = row.last.max(other.last);
    match (row.status, other.status) {
        (Status::Open, Status::Open) => {
            row.opened = row.opened.min(other.opened);
            row.count = row.count.saturating_add(other.count);
            row.calls = row.calls.saturating_add(other.calls);
            for level in other.levels {
                add_level(row, level);
            }
            if other.severity > row.severity {
                (row.severity, row.because) = (other.severity, other.because);
            }
        }
        (Status::Resolved, Status::Open) => {
            (row.status, row.resolved) = (Status::Open, None);
            (row.severity, row.because, row.levels) = (other.severity, other.because, other.levels);
            (row.opened, row.count, row.calls) = (other.opened, other.count, other.calls);
        }
        (Status::Resolved, Status::Resolved) => row.resolved = row.resolved.max(other.resolved),
        (Status::Open, Status::Resolved) => {}
    }
    for consumer in other.consumers {
        add_consumer(row, consumer);
    }
    row.consumers_more |= other.consumers_more;
    add_classes(row, &other.classes);
    row.evidence.extend(other.evidence);
    row.evidence.sort_by_key(|evidence| (evidence.at, evidence.call));
    trim_evidence(row);
}
