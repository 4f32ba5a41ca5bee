//! What people say, as it comes in: checked, done, answered.

use std::time::Duration;

use apiscope_wire::Timestamp;

use super::Ledger;
use super::decision::{
    ACCEPT_MAX, ACK_MAX, About, Choice, Decision, Kept, Matcher, Quiet, SILENCE_MAX, Said, Silence, Why,
};
use super::people::{DECISIONS_MAX, SILENCES_MAX};
use crate::change::Change;
use crate::exchange::ApiId;
use crate::finding::{FindingId, FindingRow, Severity, Status};

/// Somebody wants something of the ledger. The edge has read it; the ledger decides.
#[derive(Clone, Debug)]
pub struct Command {
    /// Now.
    pub at: Timestamp,
    /// Who.
    pub by: Said,
    /// What.
    pub act: Act,
}

/// What is wanted.
#[derive(Clone, Debug)]
pub enum Act {
    /// No repeats for an open finding: somebody is on it.
    Acknowledge {
        /// The finding.
        finding: FindingId,
        /// Until when; it ends earlier by itself.
        until: Timestamp,
        /// For the others.
        note: Option<Said>,
    },
    /// A finding may stay as it is.
    Accept {
        /// The finding.
        finding: FindingId,
        /// Until when.
        until: Timestamp,
        /// Why.
        reason: Said,
        /// The worst that is accepted; `None`: as it is now.
        up_to: Option<Severity>,
    },
    /// Takes a decision back.
    Withdraw {
        /// The finding, known or not.
        finding: FindingId,
        /// Which decision is meant.
        choice: Choice,
    },
    /// Nothing leaves for what matches.
    Silence {
        /// What.
        matcher: Matcher,
        /// Until when.
        until: Timestamp,
        /// Why.
        reason: Said,
    },
    /// Ends a silence early.
    EndSilence {
        /// Its id.
        id: u32,
    },
    /// Takes everything that is open for known.
    Baseline {
        /// Of one API; `None`: of all.
        api: Option<ApiId>,
        /// Until when.
        until: Timestamp,
    },
    /// Takes the baseline back.
    UndoBaseline {
        /// Of one API; `None`: of all.
        api: Option<ApiId>,
    },
    /// Ends the first week early.
    EndLearning {
        /// Of one API; `None`: of all that are learnt.
        api: Option<ApiId>,
    },
}

/// What was done.
#[derive(Clone, Debug)]
pub enum Done {
    /// A decision stands.
    Decided {
        /// It.
        decision: Box<Decision>,
        /// What stood before.
        before: Option<Choice>,
    },
    /// A decision is taken back.
    Withdrawn(Box<Decision>),
    /// A silence stands.
    Silenced {
        /// It.
        silence: Box<Silence>,
        /// Open findings that it matches.
        matching: u64,
    },
    /// A silence is ended.
    SilenceEnded(Box<Silence>),
    /// The baseline stands.
    Baseline {
        /// What it took now.
        taken: Vec<Decision>,
        /// What it had.
        already: u64,
        /// What is accepted, and was left so.
        accepted: u64,
        /// APIs whose first week this ended.
        learnt: Vec<ApiId>,
    },
    /// The baseline is no more.
    BaselineUndone(Vec<Decision>),
    /// The first week of these is over.
    LearningEnded(Vec<ApiId>),
}

/// Why nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No finding has this id.
    #[error("no finding with this id is known")]
    UnknownFinding,
    /// What has resolved cannot be acknowledged: there is nothing to be on.
    #[error("it has resolved, so nothing is told of it")]
    Resolved,
    /// Nothing would change.
    #[error("it is {} already", .0.name())]
    IsQuiet(Why),
    /// The end is not after now.
    #[error("the end is in the past")]
    Late,
    /// The end is too far.
    #[error("it may last {0} days at most")]
    TooLong(u64),
    /// There is no room for more.
    #[error("there are {0} already, which is the most there may be")]
    TooMany(usize),
    /// There is nothing to take back.
    #[error("it is not {}", .0.name())]
    NotDecided(Choice),
    /// No silence has this id.
    #[error("no silence with this id is in force")]
    UnknownSilence,
    /// No API has this name.
    #[error("no API of this name is known")]
    UnknownApi,
    /// Nothing is being learnt.
    #[error("nothing is being learnt")]
    NotLearning,
}

impl Ledger {
    /// Does what is wanted, or says why not. What follows for findings is given at once.
    pub(crate) fn command(&mut self, command: Command, emit: &mut dyn FnMut(Change)) -> Result<Done, Refusal> {
        let Command { at, by, act } = command;
        let done = match act {
            Act::Acknowledge { finding, until, note } => {
                self.acknowledge(finding, &Terms::new(at, by, until, note), emit)
            }
            Act::Accept { finding, until, reason, up_to } => {
                self.accept(finding, &Terms::new(at, by, until, Some(reason)), up_to, emit)
            }
            Act::Withdraw { finding, choice } => self.withdraw(finding, choice, at, &by, emit),
            Act::Silence { matcher, until, reason } => self.silence(matcher, by, at, until, reason, emit),
            Act::EndSilence { id } => {
                let gone = self.people.silences.remove(&id).ok_or(Refusal::UnknownSilence)?;
                emit(Change::Kept(Kept::SilenceGone(id)));
                Ok(Done::SilenceEnded(Box::new(gone)))
            }
            Act::Baseline { api, until } => self.baseline(api.as_ref(), &Terms::new(at, by, until, None), emit),
            Act::UndoBaseline { api } => self.undo_baseline(api.as_ref(), at, &by, emit),
            Act::EndLearning { api } => {
                let ended = self.end_learning(api.as_ref(), at, &by, emit)?;
                if ended.is_empty() { Err(Refusal::NotLearning) } else { Ok(Done::LearningEnded(ended)) }
            }
        }?;
        self.settle_all(at, emit);
        Ok(done)
    }

    fn acknowledge(&mut self, id: FindingId, terms: &Terms, emit: &mut dyn FnMut(Change)) -> Result<Done, Refusal> {
        terms.check(ACK_MAX)?;
        let row = self.row(id)?;
        if row.status == Status::Resolved {
            return Err(Refusal::Resolved);
        }
        // Again: for another time or with another note. While it is learnt it may be acknowledged for the time after.
        if let Some(Quiet { why, .. }) =
            row.quiet.as_ref().filter(|quiet| !matches!(quiet.why, Why::Acknowledged | Why::Learning))
        {
            return Err(Refusal::IsQuiet(*why));
        }
        let decision = terms.decision(row, Choice::Acknowledged, row.severity, None);
        self.decide(decision, emit)
    }

    fn accept(
        &mut self,
        id: FindingId,
        terms: &Terms,
        up_to: Option<Severity>,
        emit: &mut dyn FnMut(Change),
    ) -> Result<Done, Refusal> {
        terms.check(ACCEPT_MAX)?;
        let row = self.row(id)?;
        let decision = terms.decision(row, Choice::Accepted, up_to.unwrap_or(row.severity), None);
        self.decide(decision, emit)
    }

    fn decide(&mut self, decision: Decision, emit: &mut dyn FnMut(Change)) -> Result<Done, Refusal> {
        let before = self.people.decisions.get(&decision.finding).map(|before| before.choice);
        if before.is_none() && self.people.decisions.len() >= DECISIONS_MAX {
            return Err(Refusal::TooMany(DECISIONS_MAX));
        }
        let severity = self.row(decision.finding)?.severity;
        self.people.decide(decision.clone(), severity, emit);
        Ok(Done::Decided { decision: Box::new(decision), before })
    }

    fn withdraw(
        &mut self,
        id: FindingId,
        choice: Choice,
        at: Timestamp,
        by: &Said,
        emit: &mut dyn FnMut(Change),
    ) -> Result<Done, Refusal> {
        if self.people.decisions.get(&id).is_none_or(|decision| decision.choice != choice) {
            return Err(Refusal::NotDecided(choice));
        }
        let gone = self.people.undo(id, at, Some(by), "taken back", emit).ok_or(Refusal::NotDecided(choice))?;
        Ok(Done::Withdrawn(Box::new(gone)))
    }

    fn silence(
        &mut self,
        matcher: Matcher,
        by: Said,
        at: Timestamp,
        until: Timestamp,
        reason: Said,
        emit: &mut dyn FnMut(Change),
    ) -> Result<Done, Refusal> {
        check_end(at, until, SILENCE_MAX)?;
        if self.people.silences.len() >= SILENCES_MAX {
            return Err(Refusal::TooMany(SILENCES_MAX));
        }
        let mut id = u32::try_from(crate::inventory::id_hash(&[&at.as_nanos().to_string()]) >> 32).unwrap_or_default();
        while self.people.silences.contains_key(&id) {
            id = id.wrapping_add(1);
        }
        let silence = Silence { id, matcher, by, at, until, reason };
        let open = self.entries.values().filter(|entry| entry.row.status == Status::Open);
        let matching = open.filter(|entry| silence.matcher.matches(&entry.row)).count() as u64;
        emit(Change::Kept(Kept::Silence(Box::new(silence.clone()))));
        self.people.silences.insert(id, silence.clone());
        Ok(Done::Silenced { silence: Box::new(silence), matching })
    }

    fn baseline(&mut self, api: Option<&ApiId>, terms: &Terms, emit: &mut dyn FnMut(Change)) -> Result<Done, Refusal> {
        terms.check(ACCEPT_MAX)?;
        self.check_api(api)?;
        let (mut taken, mut already, mut accepted) = (Vec::new(), 0, 0);
        let mut room = DECISIONS_MAX.saturating_sub(self.people.decisions.len());
        let open = self.entries.values().map(|entry| &entry.row).filter(|row| row.status == Status::Open);
        for row in open.filter(|row| api.is_none_or(|api| row.api == *api)) {
            let known = self.people.decisions.get(&row.id);
            let covering = known.filter(|decision| decision.covers(row, terms.at)).map(|decision| decision.choice);
            match covering {
                Some(Choice::Baseline) => already += 1,
                Some(Choice::Accepted) => accepted += 1,
                Some(Choice::Acknowledged) | None if self.people.has_rule_for(row, terms.at) => accepted += 1,
                Some(Choice::Acknowledged) | None => {
                    if known.is_none() {
                        room = room.checked_sub(1).ok_or(Refusal::TooMany(DECISIONS_MAX))?;
                    }
                    let classes = (!row.classes.is_empty()).then(|| row.classes.clone());
                    taken.push((terms.decision(row, Choice::Baseline, row.severity, classes), row.severity));
                }
            }
        }
        taken.sort_by_key(|(decision, severity)| (std::cmp::Reverse(*severity), decision.finding));
        for (decision, severity) in &taken {
            self.people.decide(decision.clone(), *severity, emit);
        }
        let taken = taken.into_iter().map(|(decision, _)| decision).collect();
        let learnt = self.end_learning(api, terms.at, &terms.by, emit)?;
        Ok(Done::Baseline { taken, already, accepted, learnt })
    }

    fn undo_baseline(
        &mut self,
        api: Option<&ApiId>,
        at: Timestamp,
        by: &Said,
        emit: &mut dyn FnMut(Change),
    ) -> Result<Done, Refusal> {
        let of_it = |decision: &&Decision| {
            decision.choice == Choice::Baseline && api.is_none_or(|api| decision.about.api == *api)
        };
        let mut ids: Vec<FindingId> =
            self.people.decisions.values().filter(of_it).map(|decision| decision.finding).collect();
        if ids.is_empty() {
            return Err(Refusal::NotDecided(Choice::Baseline));
        }
        ids.sort_unstable();
        let gone = ids.into_iter().filter_map(|id| self.people.undo(id, at, Some(by), "taken back", emit)).collect();
        Ok(Done::BaselineUndone(gone))
    }

    fn end_learning(
        &mut self,
        api: Option<&ApiId>,
        at: Timestamp,
        by: &Said,
        emit: &mut dyn FnMut(Change),
    ) -> Result<Vec<ApiId>, Refusal> {
        self.check_api(api)?;
        let learnt: Vec<ApiId> = (self.people.learning.keys())
            .filter(|known| api.is_none_or(|api| api == *known) && self.people.learning_until(known, at).is_some())
            .cloned()
            .collect();
        for name in &learnt {
            let Some(learning) = self.people.learning.get_mut(name) else { continue };
            learning.ended = Some((at, by.clone()));
            emit(Change::Kept(Kept::Learning(name.clone(), learning.clone())));
        }
        Ok(learnt)
    }

    fn check_api(&self, api: Option<&ApiId>) -> Result<(), Refusal> {
        let is_known = |api: &ApiId| {
            self.people.learning.contains_key(api) || self.entries.values().any(|entry| entry.row.api == *api)
        };
        if api.is_none_or(is_known) { Ok(()) } else { Err(Refusal::UnknownApi) }
    }

    fn row(&self, id: FindingId) -> Result<&FindingRow, Refusal> {
        self.entries.get(&id).map(|entry| &entry.row).ok_or(Refusal::UnknownFinding)
    }
}

/// What a decision is made of, besides the finding.
struct Terms {
    at: Timestamp,
    by: Said,
    until: Timestamp,
    reason: Option<Said>,
}

impl Terms {
    const fn new(at: Timestamp, by: Said, until: Timestamp, reason: Option<Said>) -> Self {
        Self { at, by, until, reason }
    }

    fn check(&self, most: Duration) -> Result<(), Refusal> {
        check_end(self.at, self.until, most)
    }

    fn decision(&self, row: &FindingRow, choice: Choice, up_to: Severity, classes: Option<Vec<u32>>) -> Decision {
        Decision {
            finding: row.id,
            choice,
            by: self.by.clone(),
            at: self.at,
            until: self.until,
            reason: self.reason.clone(),
            up_to,
            classes,
            warned: false,
            about: About::of(row),
        }
    }
}

fn check_end(at: Timestamp, until: Timestamp, most: Duration) -> Result<(), Refusal> {
    const DAY: u64 = 24 * 3_600;
    if until <= at {
        return Err(Refusal::Late);
    }
    if until.since(at) > most { Err(Refusal::TooLong(most.as_secs() / DAY)) } else { Ok(()) }
}
