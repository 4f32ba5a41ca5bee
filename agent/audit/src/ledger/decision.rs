//! What people say about findings: decisions about one, silences of many, and the first week of an API. Values only: they come in as
//! [`Command`](super::Command)s with their time, and go out to be kept.

use std::sync::Arc;
use std::time::Duration;

use apiscope_wire::Timestamp;

use crate::exchange::ApiId;
use crate::finding::{FindingId, FindingRow, Severity, Transition};
use crate::glob::matches_glob;

/// The longest time for which a finding may be accepted, one at a time.
pub const ACCEPT_MAX: Duration = Duration::from_hours(24 * 365);
/// The longest time for which repeats may be stopped.
pub const ACK_MAX: Duration = Duration::from_hours(24 * 30);
/// The longest silence.
pub const SILENCE_MAX: Duration = Duration::from_hours(24 * 30);
/// An acceptance warns so long before its end.
pub const WARN_BEFORE: Duration = Duration::from_hours(24 * 14);

/// What somebody said: a name or a reason. One line, bounded; from the operator, never from traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said(Arc<str>);

impl Said {
    /// Longest text, in bytes.
    pub const LENGTH_MAX: usize = 500;

    /// `None` where it is empty, too long or no line of text.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits = !text.is_empty() && text.len() <= Self::LENGTH_MAX && !text.chars().any(char::is_control);
        fits.then(|| Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What was decided about one finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Choice {
    /// Somebody is on it: no repeats, until it gets worse, opens again, resolves, or the time is over.
    Acknowledged,
    /// It may stay as it is, for a reason and a time.
    Accepted,
    /// It was there on the day from which on news were wanted.
    Baseline,
}

/// What a finding is, in words: of one that the ledger may no longer know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The kind's name.
    pub kind: Box<str>,
    /// The API.
    pub api: ApiId,
    /// The method.
    pub method: Box<str>,
    /// The template.
    pub route: Box<str>,
}

impl About {
    pub(super) fn of(row: &FindingRow) -> Self {
        Self {
            kind: row.kind.name.into(),
            api: row.api.clone(),
            method: row.method.as_str().into(),
            route: row.route.as_ref().into(),
        }
    }
}

/// A decision about one finding. There is one at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The finding.
    pub finding: FindingId,
    /// What was decided.
    pub choice: Choice,
    /// By whom.
    pub by: Said,
    /// When.
    pub at: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// Why. Always there for what was accepted.
    pub reason: Option<Said>,
    /// What is worse was not decided about, and is told.
    pub up_to: Severity,
    /// The classes of evidence that it covers, where a new one is news; `None`: all.
    pub classes: Option<Vec<u32>>,
    /// Its end was announced.
    pub warned: bool,
    /// What the finding was when it was decided.
    pub about: About,
}

impl Decision {
    /// Whether it keeps the finding quiet, as it is now.
    pub fn covers(&self, row: &FindingRow, now: Timestamp) -> bool {
        let knows = |class: &u32| self.classes.as_ref().is_none_or(|known| known.contains(class));
        now < self.until && row.severity <= self.up_to && row.classes.iter().all(knows)
    }

    /// When its end is announced; at its end, where that is never done.
    pub(super) fn warns_at(&self) -> Timestamp {
        let lead = self.until.since(self.at).saturating_sub(WARN_BEFORE);
        if self.choice == Choice::Acknowledged || lead.is_zero() { self.until } else { self.at.plus(lead) }
    }

    /// Whether its end is near, and worth a warning: one that has a short time anyway ends as was said.
    pub fn is_ending(&self, now: Timestamp) -> bool {
        self.choice != Choice::Acknowledged
            && self.until.since(self.at) > WARN_BEFORE
            && now < self.until
            && self.until.since(now) <= WARN_BEFORE
    }
}

/// Which findings are meant. What is not said matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matcher {
    /// A kind's name.
    pub kind: Option<Box<str>>,
    /// An API's name; `*` matches.
    pub api: Option<Box<str>>,
    /// A template such as `/items/*`, or a method and a template, such as `GET /items/*`; `*` matches.
    pub endpoint: Option<Box<str>>,
}

impl Matcher {
    /// Whether a finding is meant.
    pub fn matches(&self, row: &FindingRow) -> bool {
        let is_kind = self.kind.as_ref().is_none_or(|kind| **kind == *row.kind.name);
        let is_api = self.api.as_ref().is_none_or(|api| matches_glob(api, row.api.as_str(), None));
        is_kind && is_api && self.endpoint.as_ref().is_none_or(|glob| matches_endpoint(glob, row))
    }
}

fn matches_endpoint(glob: &str, row: &FindingRow) -> bool {
    match glob.split_once(' ') {
        Some((method, route)) => {
            matches_glob(method, row.method.as_str(), None) && matches_glob(route.trim_start(), &row.route, None)
        }
        None => matches_glob(glob, &row.route, None),
    }
}

/// An acceptance of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptRule {
    /// What it accepts.
    pub matcher: Matcher,
    /// Why.
    pub reason: Said,
    /// Who accepted it.
    pub author: Said,
    /// When it ends.
    pub until: Timestamp,
    /// What is worse is told.
    pub up_to: Severity,
}

impl AcceptRule {
    /// Whether it keeps the finding quiet, as it is now.
    pub fn covers(&self, row: &FindingRow, now: Timestamp) -> bool {
        now < self.until && row.severity <= self.up_to && self.matcher.matches(row)
    }
}

/// A window in which nothing leaves for what matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Shown as eight hex digits.
    pub id: u32,
    /// What is silent.
    pub matcher: Matcher,
    /// By whom.
    pub by: Said,
    /// Since when.
    pub at: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Why.
    pub reason: Said,
}

/// The first days of an API, in which nothing below critical leaves the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learning {
    /// When the API was first met.
    pub began: Timestamp,
    /// When somebody ended it, and who.
    pub ended: Option<(Timestamp, Said)>,
}

impl Learning {
    /// Until when, on a host whose first API was met at `host_began`. An API that is met later is news: it has a seventh of the time.
    pub fn until(&self, host_began: Timestamp, time: Duration) -> Timestamp {
        let natural = host_began.plus(time).max(self.began.plus(time / 7));
        let ended = self.ended.as_ref().map_or(natural, |(at, _)| *at);
        if time.is_zero() { self.began } else { ended.min(natural) }
    }
}

/// Why nothing is told of an open finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// Somebody is on it.
    Acknowledged,
    /// It was accepted.
    Accepted,
    /// It is of the baseline.
    Baseline,
    /// A silence matches it.
    Silenced,
    /// Its API is still learnt, and it is not critical.
    Learning,
}

/// Why nothing is told of an open finding, since when, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quiet {
    /// Why.
    pub why: Why,
    /// Since when, for this reason.
    pub since: Timestamp,
    /// Until when, if nothing changes.
    pub until: Timestamp,
    /// Who said so; nobody for the first week.
    pub by: Option<Said>,
    /// What was said.
    pub reason: Option<Said>,
}

/// What is kept of what people said, and the history of findings: to be written down.
#[derive(Clone, Debug)]
pub enum Kept {
    /// A decision: new or changed.
    Decision(Box<Decision>),
    /// A decision is no more.
    DecisionGone(FindingId),
    /// A silence.
    Silence(Box<Silence>),
    /// A silence is over.
    SilenceGone(u32),
    /// An API's first days.
    Learning(ApiId, Learning),
    /// An API has another name: its first days are that one's.
    LearningGone(ApiId),
    /// A line of a finding's history.
    History(Box<Event>),
}

/// A line of a finding's history. Never changed, never taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The finding.
    pub finding: FindingId,
    /// When.
    pub at: Timestamp,
    /// Who; `None`: the agent itself.
    pub by: Option<Said>,
    /// What.
    pub what: EventKind,
    /// The severity at that time.
    pub severity: Severity,
    /// Why, or what was said.
    pub note: Box<str>,
}

/// What happened to a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// Seen for the first time.
    Opened,
    /// Worse than before.
    Escalated,
    /// Milder than before: what was worse is not seen any more.
    Eased,
    /// Has not recurred for its time.
    Resolved,
    /// Seen again after it had resolved.
    Reopened,
    /// Nothing leaves any more.
    Quieted,
    /// It is told again.
    Resumed,
    /// Another sort of evidence was seen.
    NewEvidence,
    /// Somebody is on it.
    Acknowledged,
    /// It was accepted.
    Accepted,
    /// It was taken into the baseline.
    Baseline,
    /// A decision was taken back.
    Withdrawn,
    /// A decision's time is over, or it no longer holds.
    Lapsed,
    /// A decision's end is near.
    Ending,
}

/// Gives each of an enum's values a word, the same in every output and in the store.
macro_rules! words {
    ($type:ident { $($value:ident = $word:literal),+ $(,)? }) => {
        impl $type {
            /// All.
            pub const ALL: &'static [Self] = &[$(Self::$value),+];

            /// Its word.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $word),+
                }
            }

            /// From its word.
            pub fn from_name(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.name() == word)
            }
        }
    };
}

words!(Choice { Acknowledged = "acknowledged", Accepted = "accepted", Baseline = "baseline" });
words!(Why {
    Acknowledged = "acknowledged",
    Accepted = "accepted",
    Baseline = "baseline",
    Silenced = "silenced",
    Learning = "learning",
});
words!(EventKind {
    Opened = "opened",
    Escalated = "escalated",
    Eased = "eased",
    Resolved = "resolved",
    Reopened = "reopened",
    Quieted = "quieted",
    Resumed = "resumed",
    NewEvidence = "new evidence",
    Acknowledged = "acknowledged",
    Accepted = "accepted",
    Baseline = "baseline",
    Withdrawn = "withdrawn",
    Lapsed = "lapsed",
    Ending = "ending",
});

impl From<Transition> for EventKind {
    fn from(transition: Transition) -> Self {
        match transition {
            Transition::Opened => Self::Opened,
            Transition::Escalated => Self::Escalated,
            Transition::Eased => Self::Eased,
            Transition::Resolved => Self::Resolved,
            Transition::Reopened => Self::Reopened,
            Transition::Quieted => Self::Quieted,
            Transition::Resumed => Self::Resumed,
        }
    }
}
