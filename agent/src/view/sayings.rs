//! What people said about findings, and what happened to each: acceptances, silences, the first week, history.

use apiscope_audit::FindingRow;
use apiscope_audit::ledger::{AcceptRule, Choice, Decision, Event, Quiet, Said, Silence};
use apiscope_wire::Timestamp;
use serde::{Deserialize, Serialize};

use super::rfc3339;

/// Why nothing is told of an open finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietView {
    /// acknowledged, accepted, baseline, silenced, learning.
    pub why: String,
    /// Who said so.
    pub by: Option<String>,
    /// Since when.
    pub since: String,
    /// Until when, if nothing changes.
    pub until: String,
    /// What was said.
    pub reason: Option<String>,
}

/// A decision about one finding, or an acceptance of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionView {
    /// The finding; `None`: a rule of the configuration, which may match several.
    pub finding: Option<String>,
    /// acknowledged, accepted, baseline.
    pub choice: String,
    /// in force, ending (within 14 days), does not cover (the finding got worse, or shows something new), matches nothing, expired.
    pub state: String,
    /// By whom.
    pub by: String,
    /// When; `None` for a rule of the configuration.
    pub at: Option<String>,
    /// Until when.
    pub until: String,
    /// Why.
    pub reason: Option<String>,
    /// The worst severity that it covers.
    pub up_to: String,
    /// The kind; `*` for any.
    pub kind: String,
    /// The API; `*` for any.
    pub api: String,
    /// Method and template, or a pattern; `*` for any.
    pub endpoint: String,
    /// Open findings that it keeps quiet now.
    pub matching: u64,
}

/// A window in which nothing leaves for what matches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilenceView {
    /// Its id.
    pub id: String,
    /// The kind; `None`: any.
    pub kind: Option<String>,
    /// The API, with `*`; `None`: any.
    pub api: Option<String>,
    /// The endpoint, with `*`; `None`: any.
    pub endpoint: Option<String>,
    /// By whom.
    pub by: String,
    /// Since when.
    pub at: String,
    /// Until when.
    pub until: String,
    /// Why.
    pub reason: String,
    /// Open findings that it matches now.
    pub matching: u64,
}

/// An API in its first days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearningView {
    /// The API.
    pub api: String,
    /// Until when nothing below critical is told of it.
    pub until: String,
    /// Open findings that are not told because of that.
    pub held: u64,
}

/// A line of a finding's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventView {
    /// When.
    pub at: String,
    /// Who; `None`: the agent itself.
    pub by: Option<String>,
    /// What happened.
    pub what: String,
    /// The severity then.
    pub severity: String,
    /// Why, or what was said.
    pub note: String,
}

impl From<&Quiet> for QuietView {
    fn from(quiet: &Quiet) -> Self {
        Self {
            why: quiet.why.name().to_owned(),
            by: quiet.by.as_ref().map(text),
            since: rfc3339(quiet.since),
            until: rfc3339(quiet.until),
            reason: quiet.reason.as_ref().map(text),
        }
    }
}

impl DecisionView {
    /// Of a decision, with the finding as it is now, if it is known.
    pub fn of(decision: &Decision, row: Option<&FindingRow>, now: Timestamp) -> Self {
        let covers = row.is_some_and(|row| decision.covers(row, now));
        let state = match row {
            _ if decision.until <= now => "expired",
            None => "matches nothing",
            Some(_) if !covers => "does not cover",
            Some(_) if decision.is_ending(now) => "ending",
            Some(_) => "in force",
        };
        let about = &decision.about;
        Self {
            finding: Some(decision.finding.to_string()),
            choice: decision.choice.name().to_owned(),
            state: state.to_owned(),
            by: text(&decision.by),
            at: Some(rfc3339(decision.at)),
            until: rfc3339(decision.until),
            reason: decision.reason.as_ref().map(text),
            up_to: decision.up_to.to_string(),
            kind: about.kind.to_string(),
            api: about.api.to_string(),
            endpoint: format!("{} {}", about.method, about.route),
            matching: u64::from(covers && row.is_some_and(|row| row.resolved.is_none())),
        }
    }

    /// Of a rule of the configuration, with the findings that there are.
    pub fn of_rule<'r>(rule: &AcceptRule, rows: impl Iterator<Item = &'r FindingRow>, now: Timestamp) -> Self {
        let (mut met, mut covered) = (false, 0);
        for row in rows.filter(|row| rule.matcher.matches(row)) {
            met = true;
            covered += u64::from(row.resolved.is_none() && rule.covers(row, now));
        }
        let ending = rule.until.since(now) <= apiscope_audit::ledger::WARN_BEFORE;
        let state = match (rule.until <= now, met, ending) {
            (true, ..) => "expired",
            (_, false, _) => "matches nothing",
            (.., true) => "ending",
            _ => "in force",
        };
        let any = |part: &Option<Box<str>>| part.as_deref().unwrap_or("*").to_owned();
        Self {
            finding: None,
            choice: Choice::Accepted.name().to_owned(),
            state: state.to_owned(),
            by: text(&rule.author),
            at: None,
            until: rfc3339(rule.until),
            reason: Some(text(&rule.reason)),
            up_to: rule.up_to.to_string(),
            kind: any(&rule.matcher.kind),
            api: any(&rule.matcher.api),
            endpoint: any(&rule.matcher.endpoint),
            matching: covered,
        }
    }
}

impl SilenceView {
    /// With the number of open findings that it matches.
    pub fn of(silence: &Silence, matching: u64) -> Self {
        let part = |part: &Option<Box<str>>| part.as_deref().map(ToOwned::to_owned);
        Self {
            id: format!("{:08x}", silence.id),
            kind: part(&silence.matcher.kind),
            api: part(&silence.matcher.api),
            endpoint: part(&silence.matcher.endpoint),
            by: text(&silence.by),
            at: rfc3339(silence.at),
            until: rfc3339(silence.until),
            reason: text(&silence.reason),
            matching,
        }
    }
}

impl From<&Event> for EventView {
    fn from(event: &Event) -> Self {
        Self {
            at: rfc3339(event.at),
            by: event.by.as_ref().map(text),
            what: event.what.name().to_owned(),
            severity: event.severity.to_string(),
            note: event.note.to_string(),
        }
    }
}

fn text(said: &Said) -> String {
    said.as_str().to_owned()
}
