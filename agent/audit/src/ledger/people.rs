//! What people said, as it stands, and what follows of it for a finding: told, or quiet and why. Bounded; every change is given to be kept.

use std::collections::BTreeMap;
use std::time::Duration;

use apiscope_wire::Timestamp;
use rustc_hash::FxHashMap;

use super::decision::{AcceptRule, Choice, Decision, Event, EventKind, Kept, Learning, Quiet, Said, Silence, Why};
use crate::change::Change;
use crate::exchange::ApiId;
use crate::finding::{FindingId, FindingRow, Severity};

/// Decisions about findings: twice as many as there are findings, for those that are no longer known.
pub(super) const DECISIONS_MAX: usize = 20_000;
/// Silences at a time: each is asked for each finding.
pub(super) const SILENCES_MAX: usize = 100;
/// APIs whose first days are kept. What is past it is not quiet, so nothing is missed.
pub(super) const LEARNING_MAX: usize = 1_000;

/// State of this from the store.
#[derive(Clone, Debug, Default)]
pub struct RestoredSayings {
    /// Decisions.
    pub decisions: Vec<Decision>,
    /// Silences.
    pub silences: Vec<Silence>,
    /// First days.
    pub learning: Vec<(ApiId, Learning)>,
}

/// All that people said.
#[derive(Debug, Default)]
pub(super) struct People {
    pub(super) decisions: FxHashMap<FindingId, Decision>,
    pub(super) silences: BTreeMap<u32, Silence>,
    pub(super) learning: BTreeMap<ApiId, Learning>,
    /// When the first API was met: the host's first week begins.
    host_began: Option<Timestamp>,
    rules: Vec<AcceptRule>,
    /// The host's first week, as configured; zero: none.
    learning_time: Duration,
    /// When something ends by itself next; everything is looked at again then.
    due: Timestamp,
    /// APIs for whose first days there was no room.
    pub(super) unlearnt: u64,
}

impl People {
    pub(super) fn new(restored: RestoredSayings) -> Self {
        let mut people = Self::default();
        people.decisions.extend(restored.decisions.into_iter().take(DECISIONS_MAX).map(|row| (row.finding, row)));
        people.silences.extend(restored.silences.into_iter().take(SILENCES_MAX).map(|row| (row.id, row)));
        people.learning.extend(restored.learning.into_iter().take(LEARNING_MAX));
        people.host_began = people.learning.values().map(|learning| learning.began).min();
        people
    }

    /// Rules and first week of the configuration, from now on.
    pub(super) fn configure(&mut self, rules: &[AcceptRule], learning: Duration) {
        self.rules = rules.to_vec();
        self.learning_time = learning;
        self.due = Timestamp::EPOCH;
    }

    /// Something changed: what follows is found out at the next tick.
    pub(super) const fn changed(&mut self) {
        self.due = Timestamp::EPOCH;
    }

    /// Whether it is time to look at everything again.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.due <= now
    }

    /// An API was met; its first days begin if it is new.
    pub(super) fn meet(&mut self, api: &ApiId, at: Timestamp, emit: &mut dyn FnMut(Change)) {
        if self.learning.contains_key(api) {
            return;
        }
        if self.learning.len() >= LEARNING_MAX {
            self.unlearnt += 1;
            return;
        }
        let learning = Learning { began: at, ended: None };
        self.host_began = Some(self.host_began.map_or(at, |began| began.min(at)));
        emit(Change::Kept(Kept::Learning(api.clone(), learning.clone())));
        self.learning.insert(api.clone(), learning);
        self.changed();
    }

    /// An API has another name from now on; the one that is known for longer decides.
    pub(super) fn rename(&mut self, from: &ApiId, into: &ApiId, emit: &mut dyn FnMut(Change)) {
        let Some(gone) = self.learning.remove(from) else { return };
        emit(Change::Kept(Kept::LearningGone(from.clone())));
        let known = self.learning.entry(into.clone()).or_insert_with(|| gone.clone());
        if gone.began < known.began {
            *known = gone;
        }
        emit(Change::Kept(Kept::Learning(into.clone(), known.clone())));
        self.changed();
    }

    /// Until when an API is learnt; `None`: it is known.
    pub(super) fn learning_until(&self, api: &ApiId, now: Timestamp) -> Option<Timestamp> {
        let until = self.learning.get(api)?.until(self.host_began?, self.learning_time);
        (until > now).then_some(until)
    }

    /// Why nothing is to be told of a finding as it is now. The strongest reason is given, so that the list says what was decided.
    pub(super) fn quiet(&self, row: &FindingRow, now: Timestamp) -> Option<Quiet> {
        let decision = self.decisions.get(&row.id).filter(|decision| decision.covers(row, now));
        let decided = |choice: fn(Choice) -> bool| decision.filter(|decision| choice(decision.choice)).map(Quiet::of);
        decided(|choice| choice != Choice::Acknowledged)
            .or_else(|| self.rules.iter().find(|rule| rule.covers(row, now)).map(|rule| Quiet::of_rule(rule, now)))
            .or_else(|| {
                let silences = self.silences.values().filter(|silence| now < silence.until);
                silences
                    .filter(|silence| silence.matcher.matches(row))
                    .max_by_key(|silence| silence.until)
                    .map(Quiet::of_silence)
            })
            .or_else(|| decided(|choice| choice == Choice::Acknowledged))
            .or_else(|| {
                let until = self.learning_until(&row.api, now).filter(|_| row.severity < Severity::Critical)?;
                Some(Quiet { why: Why::Learning, since: now, until, by: None, reason: None })
            })
            .map(|quiet| quiet.going_on(row.quiet.as_ref()))
    }

    /// Whether an acceptance of the configuration covers a finding.
    pub(super) fn has_rule_for(&self, row: &FindingRow, now: Timestamp) -> bool {
        self.rules.iter().any(|rule| rule.covers(row, now))
    }

    /// Writes a decision down, in place of the one before.
    pub(super) fn decide(&mut self, decision: Decision, severity: Severity, emit: &mut dyn FnMut(Change)) {
        let note = decision.reason.as_ref().map_or_else(String::new, |reason| reason.as_str().to_owned());
        let by = Some(decision.by.clone());
        tell(decision.finding, decision.at, by, decision.choice.event(), severity, &note, emit);
        emit(Change::Kept(Kept::Decision(Box::new(decision.clone()))));
        self.decisions.insert(decision.finding, decision);
        self.changed();
    }

    /// Takes a decision out; `by` whom, or because its time is over.
    pub(super) fn undo(
        &mut self,
        finding: FindingId,
        at: Timestamp,
        by: Option<&Said>,
        why: &str,
        emit: &mut dyn FnMut(Change),
    ) -> Option<Decision> {
        let gone = self.decisions.remove(&finding)?;
        let what = if by.is_some() { EventKind::Withdrawn } else { EventKind::Lapsed };
        let note = format!("{}: {why}", gone.choice.name());
        tell(finding, at, by.cloned(), what, gone.up_to, &note, emit);
        emit(Change::Kept(Kept::DecisionGone(finding)));
        self.changed();
        Some(gone)
    }

    /// A finding that was acknowledged got worse, opened again or resolved: somebody has to look anew.
    pub(super) fn lapse(&mut self, finding: FindingId, at: Timestamp, why: &str, emit: &mut dyn FnMut(Change)) {
        if self.decisions.get(&finding).is_some_and(|decision| decision.choice == Choice::Acknowledged) {
            self.undo(finding, at, None, why, emit);
        }
    }

    /// A finding has another id: what was decided about it goes along, unless something was decided about that one.
    pub(super) fn moved(&mut self, old: FindingId, row: &FindingRow, at: Timestamp, emit: &mut dyn FnMut(Change)) {
        let Some(mut decision) = self.decisions.remove(&old) else { return };
        emit(Change::Kept(Kept::DecisionGone(old)));
        if self.decisions.contains_key(&row.id) {
            return;
        }
        decision.finding = row.id;
        decision.about = super::decision::About::of(row);
        let note = format!("decided about the finding {old}, whose endpoint is this one now");
        tell(row.id, at, Some(decision.by.clone()), decision.choice.event(), row.severity, &note, emit);
        emit(Change::Kept(Kept::Decision(Box::new(decision.clone()))));
        self.decisions.insert(row.id, decision);
        self.changed();
    }

    /// Ends what is over, announces what ends soon, and finds out when to look again.
    pub(super) fn expire(&mut self, now: Timestamp, emit: &mut dyn FnMut(Change)) {
        let mut over: Vec<FindingId> =
            self.decisions.values().filter(|decision| decision.until <= now).map(|decision| decision.finding).collect();
        over.sort_unstable();
        for id in over {
            self.undo(id, now, None, "its time is over", emit);
        }
        for decision in self.decisions.values_mut().filter(|decision| !decision.warned && decision.is_ending(now)) {
            decision.warned = true;
            let note = format!("{} by {}: it ends within 14 days", decision.choice.name(), decision.by.as_str());
            tell(decision.finding, now, None, EventKind::Ending, decision.up_to, &note, emit);
            emit(Change::Kept(Kept::Decision(Box::new(decision.clone()))));
        }
        let silent: Vec<u32> =
            self.silences.values().filter(|silence| silence.until <= now).map(|silence| silence.id).collect();
        for id in silent {
            self.silences.remove(&id);
            emit(Change::Kept(Kept::SilenceGone(id)));
        }
        self.due = self.next_after(now);
    }

    fn next_after(&self, now: Timestamp) -> Timestamp {
        let warnings = self.decisions.values().filter(|decision| !decision.warned).map(Decision::warns_at);
        let decisions = self.decisions.values().map(|decision| decision.until).chain(warnings);
        let silences = self.silences.values().map(|silence| silence.until);
        let rules = self.rules.iter().map(|rule| rule.until);
        let learning = self.learning.keys().filter_map(|api| self.learning_until(api, now));
        let all = decisions.chain(silences).chain(rules).chain(learning);
        all.filter(|at| *at > now).min().unwrap_or(Timestamp::from_nanos(u64::MAX))
    }
}

impl Quiet {
    fn of(decision: &Decision) -> Self {
        let why = match decision.choice {
            Choice::Acknowledged => Why::Acknowledged,
            Choice::Accepted => Why::Accepted,
            Choice::Baseline => Why::Baseline,
        };
        let (by, reason) = (Some(decision.by.clone()), decision.reason.clone());
        Self { why, since: decision.at, until: decision.until, by, reason }
    }

    fn of_rule(rule: &AcceptRule, now: Timestamp) -> Self {
        let (by, reason) = (Some(rule.author.clone()), Some(rule.reason.clone()));
        Self { why: Why::Accepted, since: now, until: rule.until, by, reason }
    }

    fn of_silence(silence: &Silence) -> Self {
        let (by, reason) = (Some(silence.by.clone()), Some(silence.reason.clone()));
        Self { why: Why::Silenced, since: silence.at, until: silence.until, by, reason }
    }

    /// For the same reason it is quiet since the earlier time.
    fn going_on(self, before: Option<&Self>) -> Self {
        let since = before.filter(|before| before.why == self.why).map_or(self.since, |before| before.since);
        Self { since, ..self }
    }
}

impl Choice {
    /// The line of history that it makes.
    pub(super) const fn event(self) -> EventKind {
        match self {
            Self::Acknowledged => EventKind::Acknowledged,
            Self::Accepted => EventKind::Accepted,
            Self::Baseline => EventKind::Baseline,
        }
    }
}

/// A line of history.
pub(super) fn tell(
    finding: FindingId,
    at: Timestamp,
    by: Option<Said>,
    what: EventKind,
    severity: Severity,
    note: &str,
    emit: &mut dyn FnMut(Change),
) {
    emit(Change::Kept(Kept::History(Box::new(Event { finding, at, by, what, severity, note: note.into() }))));
}
