//! Endpoints and the APIs they belong to.

use std::collections::BTreeMap;

use apiscope_audit::Protocol;
use apiscope_audit::facts::AuthKind;
use apiscope_audit::inventory::{DocumentState, EndpointRow, TemplateState};
use serde::{Deserialize, Serialize};

use super::reason::ReasonView;
use super::retired::{AnnouncedView, IdleView};
use super::{CoverageView, ProfileView, rfc3339};

/// A template that nobody gave is learning for so many calls.
const LEARNING_CALLS: u64 = 20;
/// Names of the status classes, in the order of `EndpointRow::by_class`.
const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "none"];

/// An endpoint: method and path template of an API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndpointView {
    /// 16 hex digits, the same on every replica.
    pub id: String,
    /// The API.
    pub api: String,
    /// Method.
    pub method: String,
    /// Template.
    pub route: String,
    /// Where the template comes from: literal, candidate, shape, learnt, pinned, documented.
    pub template: String,
    /// Why it is as it is, with what was counted. `null`: not known since the agent started.
    pub template_reason: Option<ReasonView>,
    /// Few calls so far: the template may still change.
    pub template_learning: bool,
    /// Compared with the API's document, and with what its own answers announce: none, documented, deprecated, undocumented, removed, unused.
    pub document: String,
    /// Who says that it is deprecated: `document`, `answers` (`Deprecation`, `Sunset`).
    #[serde(default)]
    pub deprecated_by: Vec<String>,
    /// What its own answers announce of its end. `null`: nothing.
    #[serde(default)]
    pub announced: Option<AnnouncedView>,
    /// Since when it is known to be in the document.
    #[serde(default)]
    pub documented_since: Option<String>,
    /// Of an `unused` one: for how long it was not called. `null` as long as nothing is known.
    #[serde(default)]
    pub idle: Option<IdleView>,
    /// Another path of the document that a call might have meant as well: the match was ambiguous.
    pub rival: Option<String>,
    /// What its calls speak above HTTP: http, event-stream, batch, soap, json-rpc, mcp, graphql, grpc-web, grpc, websocket.
    pub protocol: String,
    /// Calls, and sessions that they began, that go on now.
    pub running: u64,
    /// First call.
    pub first: Option<String>,
    /// Last call.
    pub last: Option<String>,
    /// Calls.
    pub calls: u64,
    /// Calls by status class; `none` where no answer was seen.
    pub by_class: BTreeMap<String, u64>,
    /// Calls by way of authentication; `none` for calls without.
    pub by_auth: BTreeMap<String, u64>,
    /// Largest request body, bytes.
    pub request_bytes_max: u64,
    /// Largest response body, bytes.
    pub response_bytes_max: u64,
    /// All response bodies, bytes.
    pub response_bytes_sum: u64,
    /// Latency, median, milliseconds.
    pub latency_ms_p50: Option<f64>,
    /// Latency, 90 of 100 calls are faster.
    pub latency_ms_p90: Option<f64>,
    /// Latency, 99 of 100 calls are faster.
    pub latency_ms_p99: Option<f64>,
    /// Owner.
    pub owner: Option<String>,
    /// What its calls were like.
    #[serde(flatten)]
    pub profile: ProfileView,
}

/// An API: the sum of its endpoints, its findings and its account of bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ApiView {
    /// Its name.
    pub api: String,
    /// From which sides its calls were seen since the agent's start: `served` here, `called` from here. Empty: none since then, or not known.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Endpoints that were called.
    pub endpoints: u64,
    /// Called, and not in the document.
    pub undocumented: u64,
    /// In an earlier version of the document, not in the present one, and still called.
    #[serde(default)]
    pub removed: u64,
    /// Called, and deprecated by the document or by its own answers.
    #[serde(default)]
    pub deprecated: u64,
    /// In the document, and never called or not for long.
    pub unused: u64,
    /// Of these, the one that was not called for longest.
    #[serde(default)]
    pub idle_longest: Option<IdleView>,
    /// Who owns its endpoints, by name.
    #[serde(default)]
    pub owners: Vec<String>,
    /// Calls.
    pub calls: u64,
    /// Calls answered 5xx.
    pub errors: u64,
    /// Calls without any authentication.
    pub unauthenticated: u64,
    /// Last call.
    pub last: Option<String>,
    /// Open findings, by severity.
    pub findings: BTreeMap<String, u64>,
    /// Its account of bytes.
    pub coverage: CoverageView,
}

impl ApiView {
    /// Owners named of one API.
    pub const OWNERS_MAX: usize = 16;
}

fn deprecated_by(row: &EndpointRow) -> Vec<String> {
    let says = [("document", row.document == DocumentState::Deprecated), ("answers", row.is_announced_deprecated())];
    says.into_iter().filter(|(_, says)| *says).map(|(who, _)| who.to_owned()).collect()
}

impl From<&EndpointRow> for EndpointView {
    fn from(row: &EndpointRow) -> Self {
        let classes = CLASSES.iter().zip(row.by_class).filter(|(_, calls)| *calls > 0);
        let quantile = |index: usize| row.latency_ms.and_then(|quantiles| quantiles.get(index).copied());
        Self {
            id: row.id.to_string(),
            api: row.api.to_string(),
            method: row.method.to_string(),
            route: row.route.to_string(),
            template: template_name(row.template).to_owned(),
            template_reason: row.reason.map(ReasonView::of),
            template_learning: row.calls < LEARNING_CALLS && !is_given(row.template),
            document: document_name(row.state()).to_owned(),
            deprecated_by: deprecated_by(row),
            announced: AnnouncedView::of(&row.announced),
            documented_since: row.since.filter(|_| row.document.is_in_document()).map(rfc3339),
            idle: row.idle.map(IdleView::of),
            rival: row.rival.as_deref().map(str::to_owned),
            protocol: protocol_name(row.protocol).to_owned(),
            running: 0,
            first: row.first.map(rfc3339),
            last: row.last.map(rfc3339),
            calls: row.calls,
            by_class: classes.map(|(class, calls)| ((*class).to_owned(), calls)).collect(),
            by_auth: row.by_auth.iter().map(|(kind, calls)| (auth_name(*kind).to_owned(), *calls)).collect(),
            request_bytes_max: row.request_bytes_max,
            response_bytes_max: row.response_bytes_max,
            response_bytes_sum: row.response_bytes_sum,
            latency_ms_p50: quantile(0),
            latency_ms_p90: quantile(1),
            latency_ms_p99: quantile(2),
            owner: row.owner.as_deref().map(str::to_owned),
            profile: row.profile.read().as_ref().map(ProfileView::from).unwrap_or_default(),
        }
    }
}

const fn is_given(state: TemplateState) -> bool {
    matches!(state, TemplateState::Pinned | TemplateState::Documented)
}

/// The name used in every output.
pub const fn template_name(state: TemplateState) -> &'static str {
    match state {
        TemplateState::Literal => "literal",
        TemplateState::Candidate => "candidate",
        TemplateState::Shape => "shape",
        TemplateState::Learnt => "learnt",
        TemplateState::Pinned => "pinned",
        TemplateState::Documented => "documented",
    }
}

/// The name used in every output.
pub const fn document_name(state: DocumentState) -> &'static str {
    match state {
        DocumentState::NoDocument => "none",
        DocumentState::Documented => "documented",
        DocumentState::Deprecated => "deprecated",
        DocumentState::Undocumented => "undocumented",
        DocumentState::Removed => "removed",
        DocumentState::Unused => "unused",
    }
}

/// The name used in every output.
pub const fn protocol_name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http => "http",
        Protocol::EventStream => "event-stream",
        Protocol::Batch => "batch",
        Protocol::Soap => "soap",
        Protocol::JsonRpc => "json-rpc",
        Protocol::Mcp => "mcp",
        Protocol::GraphQl => "graphql",
        Protocol::GrpcWeb => "grpc-web",
        Protocol::Grpc => "grpc",
        Protocol::WebSocket => "websocket",
    }
}

/// The name used in every output.
pub const fn auth_name(kind: Option<AuthKind>) -> &'static str {
    match kind {
        None => "none",
        Some(AuthKind::Basic) => "basic",
        Some(AuthKind::Bearer) => "bearer",
        Some(AuthKind::Digest) => "digest",
        Some(AuthKind::OtherScheme) => "other",
        Some(AuthKind::ApiKeyHeader) => "api-key-header",
        Some(AuthKind::ApiKeyQuery) => "api-key-query",
        Some(AuthKind::SessionCookie) => "session-cookie",
    }
}
