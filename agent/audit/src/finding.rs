//! Findings: one thing on one endpoint, with a life.

use std::fmt;
use std::sync::Arc;

use apiscope_wire::{ExchangeId, Timestamp};
use smallvec::SmallVec;

use crate::detect::Kind;
use crate::exchange::{ApiId, ConsumerId, Method};
use crate::inventory::EndpointId;
use crate::ledger::Quiet;
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
    /// Which call. `None`: what is found is no call, such as that there was none.
    pub call: Option<ExchangeId>,
    /// Who called. `None`: nobody did, or it is not known who.
    pub consumer: Option<ConsumerId>,
    /// How bad, by this sighting alone.
    pub severity: Severity,
    /// What was seen, in words, such as `Authorization: Basic ****, user a***n, crossed eth0 (private)`.
    pub what: Masked,
}

/// The number of a class of evidence, such as `IBAN` or `stack trace`: a class that an endpoint had not is news, even where the kind is known
/// there. FNV-1a: the store keeps it, so it is the same in every version; 32 bits are enough for the few classes that a finding has.
pub fn class_of(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
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
    /// The classes of what was seen, by [`class_of`]; none where the kind knows no classes.
    pub classes: SmallVec<[u32; 2]>,
}

impl Finding {
    /// The same, with the classes of what was seen.
    #[must_use]
    pub(crate) fn of_classes<'n>(mut self, names: impl IntoIterator<Item = &'n str>) -> Self {
        self.classes.extend(names.into_iter().map(class_of));
        self
    }
}

/// One of the severities that a finding is seen with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// The severity.
    pub severity: Severity,
    /// When it was last seen with this one.
    pub last: Timestamp,
    /// Why this one.
    pub because: Masked,
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
    /// Who owns the endpoint, or the API; `None` unknown.
    pub owner: Option<Box<str>>,
    /// The worst of the severities that still hold: see [`FindingRow::levels`].
    pub severity: Severity,
    /// Why that severity.
    pub because: Masked,
    /// Each severity that it was seen with and that still holds, mildest first: one that was not seen for the time after which a finding
    /// resolves holds no longer. Empty in rows of a store before the fourth schema.
    pub levels: Vec<Level>,
    /// Open or resolved.
    pub status: Status,
    /// Why nothing is told of it; `None`: it is told.
    pub quiet: Option<Quiet>,
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
    /// Calls of the endpoint since it opened: `count` of `calls`. 0 where what is found is no call.
    pub calls: u64,
    /// Distinct consumers seen, at most [`FindingRow::CONSUMERS_MAX`]; `consumers_more` tells that there were others.
    pub consumers: Vec<ConsumerId>,
    /// More consumers than are kept.
    pub consumers_more: bool,
    /// Latest proofs, newest last, at most [`FindingRow::EVIDENCE_MAX`]; of each severity at least the latest one.
    pub evidence: Vec<Evidence>,
    /// Classes of evidence seen, at most [`FindingRow::CLASSES_MAX`]; see [`class_of`].
    pub classes: Vec<u32>,
    /// Grows by one with each transition: the dedup key of an alert is (id, revision).
    pub revision: u32,
    /// Open, and its alert state changed last by this.
    pub transition: Transition,
}

impl FindingRow {
    /// Consumers kept.
    pub const CONSUMERS_MAX: usize = 16;
    /// Proofs kept: of each severity there is room for one.
    pub const EVIDENCE_MAX: usize = 5;
    /// Classes of evidence kept; further ones are not told apart.
    pub const CLASSES_MAX: usize = 32;

    /// Whether receivers have to hear of it.
    pub fn is_told(&self) -> bool {
        self.status == Status::Open && self.quiet.is_none()
    }
}

/// What changed in a finding's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transition {
    /// Seen for the first time.
    Opened,
    /// Worse than before.
    Escalated,
    /// Milder than before: what was worse has not been seen for its time.
    Eased,
    /// Has not recurred for its time.
    Resolved,
    /// Seen again after it had resolved.
    Reopened,
    /// Still open, but no longer to be told: acknowledged, accepted, silenced.
    Quieted,
    /// Still open, and to be told again.
    Resumed,
}

/// Something on-call may have to hear. The finding's state right after the transition.
#[derive(Clone, Debug)]
pub struct Alert {
    /// What changed.
    pub transition: Transition,
    /// The finding.
    pub finding: FindingRow,
}
