//! Findings: one thing on one endpoint, with a life.

use std::fmt;
use std::sync::Arc;

use apiscope_wire::{ExchangeId, Timestamp};

use crate::detect::Kind;
use crate::exchange::{ApiId, ConsumerId, Method};
use crate::inventory::EndpointId;
use crate::secret::Masked;

/// How bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// For the record.
    Info,
    /// Mend in time.
    Low,
    /// Mend soon.
    Medium,
    /// Mend today.
    High,
    /// Wake somebody.
    Critical,
}

impl Severity {
    /// All, mildest first.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The name used in every output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// From its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.name() == name)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// hash(environment, API, kind, method, template): the same on every replica; shown as 16 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FindingId(u64);

impl FindingId {
    /// The id of a kind on an endpoint.
    pub fn of(environment: &str, api: &ApiId, kind: &str, method: &Method, route: &str) -> Self {
        Self(crate::inventory::id_hash(&[environment, api.as_str(), kind, method.as_str(), route]))
    }

    /// From the 16 hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 16).then(|| u64::from_str_radix(text, 16).ok().map(Self)).flatten()
    }
}

impl fmt::Display for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// One sighting's proof, redacted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// When.
    pub at: Timestamp,
    /// Which call.
    pub call: ExchangeId,
    /// Who called.
    pub consumer: ConsumerId,
    /// What was seen, in words, such as `Authorization: Basic ****, user a***n, crossed eth0 (private)`.
    pub what: Masked,
}

/// What a detector says of one case.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The kind.
    pub kind: &'static Kind,
    /// The API.
    pub api: ApiId,
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The endpoint's method.
    pub method: Method,
    /// The endpoint's template.
    pub route: Arc<str>,
    /// How bad, by this sighting's facts.
    pub severity: Severity,
    /// Why this severity, in words.
    pub because: Masked,
    /// The proof.
    pub evidence: Evidence,
}

/// Where a finding is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Seen, and not over.
    Open,
    /// Has not recurred for its time.
    Resolved,
}

/// A finding's whole state. Enough to be stored, shown, alerted on and loaded again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindingRow {
    /// Identity.
    pub id: FindingId,
    /// The kind.
    pub kind: &'static Kind,
    /// The API.
    pub api: ApiId,
    /// Method.
    pub method: Method,
    /// Template.
    pub route: Arc<str>,
    /// Worst severity since it opened.
    pub severity: Severity,
    /// Why that severity.
    pub because: Masked,
    /// Open or resolved.
    pub status: Status,
    /// When it last opened (first, or reopened).
    pub opened: Timestamp,
    /// First sighting ever.
    pub first: Timestamp,
    /// Last sighting.
    pub last: Timestamp,
    /// When it resolved, if it is.
    pub resolved: Option<Timestamp>,
    /// Sightings since it opened.
    pub count: u64,
    /// Calls of the endpoint since it opened: `count` of `calls`.
    pub calls: u64,
    /// Distinct consumers seen, at most [`FindingRow::CONSUMERS_MAX`]; `consumers_more` tells that there were others.
    pub consumers: Vec<ConsumerId>,
    /// More consumers than are kept.
    pub consumers_more: bool,
    /// Latest proofs, newest last, at most [`FindingRow::EVIDENCE_MAX`].
    pub evidence: Vec<Evidence>,
    /// Grows by one with each transition: the dedup key of an alert is (id, revision).
    pub revision: u32,
    /// Open, and its alert state changed last by this.
    pub transition: Transition,
}

impl FindingRow {
    /// Consumers kept.
    pub const CONSUMERS_MAX: usize = 16;
    /// Proofs kept.
    pub const EVIDENCE_MAX: usize = 5;
}

/// What changed in a finding's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transition {
    /// Seen for the first time.
    Opened,
    /// Worse than before.
    Escalated,
    /// Has not recurred for its time.
    Resolved,
    /// Seen again after it had resolved.
    Reopened,
}

/// Something on-call may have to hear. The finding's state right after the transition.
#[derive(Clone, Debug)]
pub struct Alert {
    /// What changed.
    pub transition: Transition,
    /// The finding.
    pub finding: FindingRow,
}
