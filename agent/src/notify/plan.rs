//! What a receiver that is reminded has to hear now. Pure: from what stands there and what is new to groups of notices, one group a
//! finding, each with what is to be written down when it was accepted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use apiscope_audit::finding::{FindingId, FindingRow, Severity, Status, Transition};
use apiscope_wire::Timestamp;

use super::{Manner, Notice, Reminders};
use crate::store::{Accepted, Entry, Standing};

/// What goes out together for one finding: an end under the old severity and the beginning under the new one are never parted.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) notices: Vec<Notice>,
    pub(super) accepted: Accepted,
    /// When the changes came that this group tells; none: a mere reminder.
    pub(super) changes: Vec<Timestamp>,
}

/// Everything to be told now.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) groups: Vec<Group>,
    /// Open findings that are not told because there are too many.
    pub(super) not_told: u64,
}

/// What is known when a plan is made.
#[derive(Debug)]
pub(super) struct Known<'a> {
    /// New rows of the outbox, in order.
    pub(super) entries: &'a [Entry],
    /// What stands at the target.
    pub(super) standing: &'a [Standing],
    /// Open findings that it does not know and no row will tell.
    pub(super) missing: &'a [Entry],
    /// It is time for a reminder.
    pub(super) due: bool,
    /// Refused before: finding and revision.
    pub(super) refused: &'a BTreeSet<(FindingId, u32)>,
    pub(super) now: Timestamp,
}

/// Makes the plan.
pub(super) fn plan(known: &Known<'_>, manner: &Manner, reminders: &Reminders) -> Plan {
    let mut subjects: BTreeMap<FindingId, Subject<'_>> = BTreeMap::new();
    for standing in known.standing {
        subjects.entry(standing.finding.id).or_default().standing.push(standing);
    }
    for entry in known.entries {
        subjects.entry(entry.finding.id).or_default().entries.push(entry);
    }
    if known.due {
        for entry in known.missing {
            subjects.entry(entry.finding.id).or_default().missing = Some(entry);
        }
    }
    let mut plan = Plan::default();
    let standing = known.standing.iter().filter(|standing| standing.ended.is_none()).count();
    let mut room = reminders.standing_max.saturating_sub(standing);
    let mut subjects: Vec<Subject<'_>> = subjects.into_values().collect();
    // The worst first, so that they have the room.
    subjects.sort_by_key(|subject| (std::cmp::Reverse(subject.severity()), subject.began()));
    for subject in subjects {
        if subject.is_refused(known.refused) {
            continue;
        }
        if subject.standing.is_empty() && subject.is_told() {
            if room == 0 && subject.severity() < Some(Severity::Critical) {
                plan.not_told += 1;
                continue;
            }
            room = room.saturating_sub(1);
        }
        let group = subject.group(known, manner, reminders);
        if !group.notices.is_empty() || !group.accepted.is_empty() {
            plan.groups.push(group);
        }
    }
    plan
}

/// All that concerns one finding.
#[derive(Debug, Default)]
struct Subject<'a> {
    standing: Vec<&'a Standing>,
    entries: Vec<&'a Entry>,
    missing: Option<&'a Entry>,
}

/// One label set at the target.
#[derive(Clone, Debug)]
struct LabelSet<'a> {
    severity: Severity,
    team: Option<&'a String>,
    /// First acceptance; `None`: not yet.
    accepted: Option<Timestamp>,
    ended: Option<Timestamp>,
    end_told: Option<Timestamp>,
    /// It goes on under another severity, or somebody wants to hear no more of it: no need to hold it.
    unheld: bool,
    /// Began or began again just now.
    begun: bool,
    /// Ended just now.
    over: bool,
}

impl<'a> Subject<'a> {
    fn latest(&self) -> Option<&'a FindingRow> {
        let entries = self.entries.iter().copied().chain(self.missing).map(|entry| &entry.finding);
        let standing = self.standing.iter().map(|standing| &standing.finding);
        standing.chain(entries).max_by_key(|row| (row.revision, row.last))
    }

    fn severity(&self) -> Option<Severity> {
        self.latest().map(|row| row.severity)
    }

    fn began(&self) -> Option<Timestamp> {
        self.latest().map(|row| row.opened)
    }

    fn is_told(&self) -> bool {
        self.latest().is_some_and(FindingRow::is_told)
    }

    fn is_refused(&self, refused: &BTreeSet<(FindingId, u32)>) -> bool {
        self.latest().is_some_and(|row| refused.contains(&(row.id, row.revision)))
    }

    fn group(&self, known: &Known<'_>, manner: &Manner, reminders: &Reminders) -> Group {
        let mut told: Vec<LabelSet<'_>> = self.standing.iter().map(|standing| LabelSet::of(standing)).collect();
        for entry in self.entries.iter().copied().chain(self.missing) {
            change(&mut told, entry);
        }
        if self.entries.is_empty() && self.missing.is_none() {
            self.mend(&mut told, known, manner);
        }
        let mut group =
            Group { changes: self.entries.iter().map(|entry| entry.enqueued).collect(), ..Group::default() };
        let Some(row) = self.latest() else { return group };
        for told in &told {
            told.tell(row, self.coverage(), known, reminders, &mut group);
        }
        // An end comes before the beginning that takes its place.
        group.notices.sort_by_key(|notice| notice.ended.is_none());
        group
    }

    fn coverage(&self) -> Option<f64> {
        let entries = self.entries.iter().copied().chain(self.missing).map(|entry| entry.coverage);
        entries.chain(self.standing.iter().map(|standing| standing.coverage)).next_back().flatten()
    }

    /// What stands and should not: its end fell out of the outbox, or the configuration no longer wants it.
    fn mend(&self, told: &mut [LabelSet<'_>], known: &Known<'_>, manner: &Manner) {
        let Some(row) = self.latest() else { return };
        for told in told.iter_mut().filter(|told| told.ended.is_none()) {
            let end = match (row.status, &row.quiet) {
                (Status::Resolved, _) => Some(row.resolved.unwrap_or(row.last)),
                (Status::Open, Some(quiet)) => Some(quiet.since),
                (Status::Open, None) => (known.due && told.severity < manner.min_severity).then_some(known.now),
            };
            told.over = end.is_some();
            told.ended = end;
            told.unheld |= row.quiet.is_some();
        }
    }
}

/// What a row of the outbox does to what stands.
fn change<'a>(told: &mut Vec<LabelSet<'a>>, entry: &'a Entry) {
    let row = &entry.finding;
    match row.transition {
        Transition::Resolved => {
            for told in told.iter_mut().filter(|told| told.ended.is_none()) {
                told.ended = Some(row.resolved.unwrap_or(row.last));
                told.over = true;
            }
        }
        Transition::Quieted => {
            // Also one that has ended and is only held.
            for told in told.iter_mut().filter(|told| told.end_told.is_none()) {
                told.over |= told.ended.is_none();
                told.ended.get_or_insert(row.quiet.as_ref().map_or(row.last, |quiet| quiet.since));
                told.unheld = true;
            }
        }
        Transition::Opened | Transition::Escalated | Transition::Eased | Transition::Reopened | Transition::Resumed => {
            // Also one that has ended and is only held: it goes on under the new severity.
            for told in told.iter_mut().filter(|told| told.end_told.is_none() && told.severity != row.severity) {
                told.over |= told.ended.is_none();
                told.ended.get_or_insert(row.last);
                told.unheld = true;
            }
            match told.iter_mut().find(|told| told.severity == row.severity) {
                Some(known) => known.begin_again(),
                None => told.push(LabelSet::new(row.severity, entry.team.as_ref())),
            }
        }
    }
}

impl<'a> LabelSet<'a> {
    fn of(standing: &'a Standing) -> Self {
        Self {
            severity: standing.severity,
            team: standing.team.as_ref(),
            accepted: Some(standing.accepted),
            ended: standing.ended,
            end_told: standing.end_told,
            unheld: false,
            begun: false,
            over: false,
        }
    }

    fn new(severity: Severity, team: Option<&'a String>) -> Self {
        Self { severity, team, accepted: None, ended: None, end_told: None, unheld: false, begun: true, over: false }
    }

    fn begin_again(&mut self) {
        if self.end_told.take().is_some() {
            self.accepted = None;
        }
        self.ended = None;
        (self.unheld, self.begun, self.over) = (false, true, false);
    }

    /// It ended so soon that nobody may have been told yet.
    fn is_held(&self, now: Timestamp, life_min: Duration) -> bool {
        !self.unheld && self.end_told.is_none() && self.accepted.is_none_or(|accepted| now.since(accepted) < life_min)
    }

    fn tell(
        &self,
        row: &FindingRow,
        coverage: Option<f64>,
        known: &Known<'_>,
        reminders: &Reminders,
        group: &mut Group,
    ) {
        let notice =
            |ended| Notice { finding: row.clone(), severity: self.severity, team: self.team.cloned(), coverage, ended };
        let key = || (row.id.to_string(), self.severity);
        if self.begun {
            group.accepted.firing.push((row.clone(), self.severity, self.team.cloned()));
        }
        let Some(ended) = self.ended else {
            if self.begun || known.due {
                group.notices.push(notice(None));
            }
            return;
        };
        if self.over {
            group.accepted.ending.push((row.id.to_string(), Some(self.severity), ended));
        }
        if self.is_held(known.now, reminders.life_min) {
            if self.begun || known.due {
                group.notices.push(notice(None));
            }
        } else if self.accepted.is_none() && self.unheld {
            // Began, and was replaced or quietened, before it was ever told: nobody has to hear of it.
            group.accepted.firing.retain(|(_, severity, _)| *severity != self.severity);
            group.accepted.ending.retain(|(_, severity, _)| *severity != Some(self.severity));
        } else if self.end_told.is_none_or(|at| known.due && known.now.since(at) < reminders.end_repeated) {
            group.notices.push(notice(Some(ended)));
            group.accepted.end_told.push(key());
        } else if known.due {
            group.accepted.forget.push(key());
        }
    }
}

impl Accepted {
    /// Nothing to be written down.
    pub(super) fn is_empty(&self) -> bool {
        self.position.is_none()
            && self.firing.is_empty()
            && self.ending.is_empty()
            && self.end_told.is_empty()
            && self.forget.is_empty()
            && self.parked.is_empty()
    }

    /// Adds what another group brought.
    pub(super) fn merge(&mut self, other: &Self) {
        self.firing.extend(other.firing.iter().cloned());
        self.ending.extend(other.ending.iter().cloned());
        self.end_told.extend(other.end_told.iter().cloned());
        self.forget.extend(other.forget.iter().cloned());
        self.parked.extend(other.parked.iter().cloned());
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{OPENED, finding};
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn manner() -> (Manner, Reminders) {
        let reminders = Reminders {
            every: MINUTE,
            life_min: 10 * MINUTE,
            end_repeated: 15 * MINUTE,
            standing_max: 3,
            every_address: false,
        };
        let manner =
            Manner { min_severity: Severity::Low, batch_max: 8, back_off_max: MINUTE, reminders: Some(reminders) };
        (manner, reminders)
    }

    fn entry(route: &str, transition: Transition, severity: Severity, minutes: u32) -> Entry {
        let mut row = finding(route);
        row.severity = severity;
        row.transition = transition;
        row.last = OPENED.plus(MINUTE * minutes);
        row.revision = minutes + 1;
        if transition == Transition::Resolved {
            row.status = Status::Resolved;
            row.resolved = Some(row.last);
        }
        Entry { id: i64::from(minutes) + 1, enqueued: row.last, finding: row, team: None, coverage: None }
    }

    /// A target as the store keeps it, fed with what a plan says.
    #[derive(Default)]
    struct Target {
        standing: Vec<Standing>,
    }

    impl Target {
        /// Tells and accepts; gives each notice as `route severity begin|end`.
        fn tell(&mut self, entries: &[Entry], due: bool, minutes: u32) -> Vec<String> {
            let (manner, reminders) = manner();
            let now = OPENED.plus(MINUTE * minutes);
            let refused = BTreeSet::new();
            let known = Known { entries, standing: &self.standing, missing: &[], due, refused: &refused, now };
            let plan = plan(&known, &manner, &reminders);
            let told = plan.groups.iter().flat_map(|group| &group.notices).map(|notice| {
                let what = if notice.ended.is_some() { "end" } else { "begin" };
                format!("{} {} {what}", notice.finding.route, notice.severity)
            });
            let told = told.collect();
            for group in &plan.groups {
                self.accept(&group.accepted, now);
            }
            told
        }

        fn accept(&mut self, accepted: &Accepted, now: Timestamp) {
            for (row, severity, team) in &accepted.firing {
                self.standing.retain(|known| {
                    (known.finding.id, known.severity) != (row.id, *severity) || known.end_told.is_none()
                });
                if let Some(known) =
                    self.standing.iter_mut().find(|known| (known.finding.id, known.severity) == (row.id, *severity))
                {
                    known.ended = None;
                    continue;
                }
                self.standing.push(Standing {
                    finding: row.clone(),
                    severity: *severity,
                    team: team.clone(),
                    coverage: None,
                    accepted: now,
                    ended: None,
                    end_told: None,
                });
            }
            let same = |known: &Standing, id: &str, severity: Severity| {
                known.finding.id.to_string() == id && known.severity == severity
            };
            for (id, severity, at) in &accepted.ending {
                for known in
                    self.standing.iter_mut().filter(|known| same(known, id, severity.unwrap_or(known.severity)))
                {
                    known.ended = Some(*at);
                }
            }
            for (id, severity) in &accepted.end_told {
                for known in self.standing.iter_mut().filter(|known| same(known, id, *severity)) {
                    known.end_told.get_or_insert(now);
                }
            }
            for (id, severity) in &accepted.forget {
                self.standing.retain(|known| !same(known, id, *severity));
            }
        }
    }

    #[test]
    fn a_life_from_beginning_to_the_last_repetition_of_its_end() {
        let mut target = Target::default();
        assert_eq!(target.tell(&[entry("/a", Transition::Opened, Severity::High, 0)], false, 0), ["/a high begin"]);
        assert_eq!(target.tell(&[], false, 1), [""; 0]);
        assert_eq!(target.tell(&[], true, 1), ["/a high begin"]);
        assert_eq!(target.tell(&[entry("/a", Transition::Resolved, Severity::High, 20)], false, 20), ["/a high end"]);
        assert_eq!(target.tell(&[], true, 21), ["/a high end"]);
        assert_eq!(target.tell(&[], true, 34), ["/a high end"]);
        assert_eq!(target.tell(&[], true, 36), [""; 0]);
        assert!(target.standing.is_empty());
    }

    #[test]
    fn what_ends_soon_is_held_and_then_ends() {
        let mut target = Target::default();
        target.tell(&[entry("/a", Transition::Opened, Severity::High, 0)], false, 0);
        assert_eq!(target.tell(&[entry("/a", Transition::Resolved, Severity::High, 2)], false, 2), [""; 0]);
        assert_eq!(target.tell(&[], true, 3), ["/a high begin"]);
        assert_eq!(target.tell(&[], false, 11), ["/a high end"]);
        // Both at once, after an outage: it is told, held, and ends.
        let both =
            [entry("/b", Transition::Opened, Severity::High, 0), entry("/b", Transition::Resolved, Severity::High, 1)];
        assert_eq!(target.tell(&both, false, 12), ["/b high begin"]);
        assert_eq!(target.tell(&[], false, 23), ["/b high end"]);
    }

    #[test]
    fn a_severity_that_changes_ends_the_old_label_set_at_once() {
        let mut target = Target::default();
        target.tell(&[entry("/a", Transition::Opened, Severity::Medium, 0)], false, 0);
        let told = target.tell(&[entry("/a", Transition::Escalated, Severity::Critical, 1)], false, 1);
        assert_eq!(told, ["/a medium end", "/a critical begin"]);
        assert_eq!(target.tell(&[], true, 2), ["/a medium end", "/a critical begin"]);
        // Before it was ever told: only the last counts.
        let both =
            [entry("/b", Transition::Opened, Severity::Low, 0), entry("/b", Transition::Escalated, Severity::High, 1)];
        assert_eq!(target.tell(&both, false, 3), ["/b high begin"]);
    }

    #[test]
    fn opens_again_after_its_end() {
        let mut target = Target::default();
        target.tell(&[entry("/a", Transition::Opened, Severity::High, 0)], false, 0);
        target.tell(&[entry("/a", Transition::Resolved, Severity::High, 20)], false, 20);
        assert_eq!(target.tell(&[entry("/a", Transition::Reopened, Severity::High, 22)], false, 22), ["/a high begin"]);
        assert_eq!(target.tell(&[], true, 23), ["/a high begin"]);
    }

    #[test]
    fn opens_again_under_another_severity_while_its_end_is_held() {
        let mut target = Target::default();
        target.tell(&[entry("/a", Transition::Opened, Severity::Low, 0)], false, 0);
        target.tell(&[entry("/a", Transition::Resolved, Severity::Low, 1)], false, 1);
        let told = target.tell(&[entry("/a", Transition::Reopened, Severity::High, 2)], false, 2);
        assert_eq!(told, ["/a low end", "/a high begin"]);
    }

    #[test]
    fn too_many_are_counted_and_critical_ones_told_all_the_same() {
        let (manner, reminders) = manner();
        let entries: Vec<Entry> = (0..5)
            .map(|n| entry(&format!("/{n}"), Transition::Opened, Severity::High, n))
            .chain([entry("/worst", Transition::Opened, Severity::Critical, 9)])
            .collect();
        let refused = BTreeSet::new();
        let now = OPENED;
        let known = Known { entries: &entries, standing: &[], missing: &[], due: false, refused: &refused, now };
        let plan = plan(&known, &manner, &reminders);
        let told: Vec<&str> =
            plan.groups.iter().flat_map(|group| &group.notices).map(|notice| &*notice.finding.route).collect();
        assert_eq!((told.len(), told[0], plan.not_told), (3, "/worst", 3));
    }
}
