//! A finding with its evidence and what to do about it.

use apiscope_audit::detect::Containment;
use apiscope_audit::finding::{Level, Status};
use apiscope_audit::{Evidence, FindingRow};
use serde::{Deserialize, Serialize};

use super::{EventView, QuietView, rfc3339};

/// One thing on one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingView {
    /// 16 hex digits, the same on every replica.
    pub id: String,
    /// The kind's name.
    pub kind: String,
    /// The kind in one sentence.
    pub summary: String,
    /// info, low, medium, high, critical.
    pub severity: String,
    /// Why this severity.
    pub because: String,
    /// open, resolved.
    pub status: String,
    /// Why nothing is told of it; `None`: it is told, or has resolved.
    #[serde(default)]
    pub quiet: Option<QuietView>,
    /// The API.
    pub api: String,
    /// The endpoint's method.
    pub method: String,
    /// The endpoint's template.
    pub route: String,
    /// Who owns it.
    #[serde(default)]
    pub owner: Option<String>,
    /// When it last opened.
    pub opened: String,
    /// First sighting ever.
    pub first: String,
    /// Last sighting.
    pub last: String,
    /// When it resolved.
    pub resolved: Option<String>,
    /// Sightings since it opened.
    pub count: u64,
    /// Calls of the endpoint since it opened: `count` of `calls`. 0 where what is found is no call.
    pub calls: u64,
    /// Who called: a credential's fingerprint (`k:…`) or an address.
    pub consumers: Vec<String>,
    /// There were more consumers than are kept.
    pub consumers_more: bool,
    /// Latest proofs, redacted, newest last.
    pub evidence: Vec<EvidenceView>,
    /// Each severity that it was seen with and that still holds, mildest first.
    #[serde(default)]
    pub levels: Vec<LevelView>,
    /// OWASP API Security Top 10 (2023).
    pub owasp: String,
    /// That class's title.
    pub owasp_title: String,
    /// CWE number.
    pub cwe: u32,
    /// Its title, as in MITRE's list.
    pub cwe_title: String,
    /// Why it matters.
    pub why: String,
    /// What to do now, in order.
    pub what_to_do: Vec<String>,
    /// The smallest thing that stops the harm until it is mended.
    pub containment: ContainmentView,
    /// What happened to it, oldest first. Only where one finding is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<EventView>,
}

/// A severity that a finding was seen with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelView {
    /// The severity.
    pub severity: String,
    /// When it was last seen with it.
    pub last: String,
    /// Why.
    pub because: String,
}

/// What can be shut without taking a whole API away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainmentView {
    /// consumer, endpoint, field.
    pub scope: String,
    /// What to do.
    pub text: String,
}

/// One sighting's proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceView {
    /// When.
    pub at: String,
    /// Which call: flow and place in it, as alerts and the call log have them (`flow`, `exchange`). `null`: what is found is no call.
    pub call: Option<String>,
    /// Who called. `null`: nobody did, or it is not known who.
    pub consumer: Option<String>,
    /// The severity of this sighting alone.
    #[serde(default)]
    pub severity: String,
    /// What was seen.
    pub what: String,
}

impl From<&FindingRow> for FindingView {
    fn from(row: &FindingRow) -> Self {
        Self {
            id: row.id.to_string(),
            kind: row.kind.name.to_owned(),
            summary: row.kind.summary.to_owned(),
            severity: row.severity.to_string(),
            because: row.because.to_string(),
            status: status_name(row.status).to_owned(),
            quiet: row.quiet.as_ref().filter(|_| row.status == Status::Open).map(QuietView::from),
            api: row.api.to_string(),
            method: row.method.to_string(),
            route: row.route.to_string(),
            owner: row.owner.as_deref().map(str::to_owned),
            opened: rfc3339(row.opened),
            first: rfc3339(row.first),
            last: rfc3339(row.last),
            resolved: row.resolved.map(rfc3339),
            count: row.count,
            calls: row.calls,
            consumers: row.consumers.iter().map(ToString::to_string).collect(),
            consumers_more: row.consumers_more,
            evidence: row.evidence.iter().map(EvidenceView::from).collect(),
            levels: row.levels.iter().map(LevelView::from).collect(),
            owasp: row.kind.owasp.to_owned(),
            owasp_title: row.kind.owasp_title().to_owned(),
            cwe: row.kind.cwe,
            cwe_title: row.kind.cwe_title.to_owned(),
            why: row.kind.why.to_owned(),
            what_to_do: row.kind.what_to_do.iter().map(|step| (*step).to_owned()).collect(),
            containment: row.kind.containment.into(),
            history: Vec::new(),
        }
    }
}

impl From<Containment> for ContainmentView {
    fn from(containment: Containment) -> Self {
        Self { scope: containment.scope().to_owned(), text: containment.text().to_owned() }
    }
}

impl From<&Level> for LevelView {
    fn from(level: &Level) -> Self {
        Self { severity: level.severity.to_string(), last: rfc3339(level.last), because: level.because.to_string() }
    }
}

impl From<&Evidence> for EvidenceView {
    fn from(evidence: &Evidence) -> Self {
        Self {
            at: rfc3339(evidence.at),
            call: evidence.call.map(|call| format!("{:016x}/{}", call.flow.get(), call.index)),
            consumer: evidence.consumer.map(|consumer| consumer.to_string()),
            severity: evidence.severity.to_string(),
            what: evidence.what.to_string(),
        }
    }
}

const fn status_name(status: Status) -> &'static str {
    match status {
        Status::Open => "open",
        Status::Resolved => "resolved",
    }
}
