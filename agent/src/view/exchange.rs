//! One line per exchange, and one per session that an exchange began, as `watch` and `replay --exchanges` print them.

use apiscope_audit::operation::{Ask, Operation};
use apiscope_audit::{CallRow, Exchange};
use apiscope_wire::{Content, SessionKind, Version};
use serde::{Deserialize, Serialize};

use super::{GrpcView, RunningView, SessionView, rfc3339};

/// A request and its response; or, with `session`, what followed them. The fields are stable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExchangeView {
    /// First byte of the request, RFC 3339 with nanoseconds.
    pub start: String,
    /// `ip:port` that connected.
    pub client: String,
    /// `ip:port` that accepted.
    pub server: String,
    /// `http/1.0`, `http/1.1`, `h2`; of a session `websocket`, `tunnel` or `upgrade`.
    pub protocol: String,
    /// Encrypted on the wire.
    pub tls: bool,
    /// The API.
    pub api: String,
    /// The method; `null` where the request was not seen.
    pub method: Option<String>,
    /// The authority.
    pub host: Option<String>,
    /// As sent, without the query; values proven secret are masked. `null` where the request was not seen.
    pub path: Option<String>,
    /// Names only, in order.
    pub query_keys: Vec<String>,
    /// The endpoint's template; `null` where it belongs to no endpoint.
    pub route: Option<String>,
    /// What it asks for beyond method and path, in order, at most 32: `query GetUser`, `tools/call search`, `GetPrice`; of a batch of
    /// requests each with its method and path. Absent where there is nothing of the kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<String>,
    /// Operations past those, and those of a batch that could not be read.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub operations_dropped: u64,
    /// The response's status.
    pub status: Option<u16>,
    /// Body bytes on the wire, transfer coding removed, content coding kept; exact or `null`.
    pub request_body_bytes: Option<u64>,
    /// The same of the response.
    pub response_body_bytes: Option<u64>,
    /// The request ended as its framing says.
    pub request_complete: bool,
    /// The response ended as its framing says.
    pub response_complete: bool,
    /// From the first byte of the request to the last of the response.
    pub duration_ms: f64,
    /// gRPC's own status.
    pub grpc_status: Option<u32>,
    /// Of a gRPC call: its method and messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc: Option<GrpcView>,
    /// Server-sent events of the response; absent where there are none, or where they could not all be counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<u64>,
    /// It goes on: bytes so far. Absent once it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<RunningView>,
    /// The session that this exchange began. The line of the exchange itself has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Box<SessionView>>,
}

/// A line of `watch`: an exchange, or the news that this reader was too slow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum WatchLine {
    /// An exchange ended.
    Exchange(Box<ExchangeView>),
    /// So many exchanges were not written, because this reader did not keep up.
    Dropped {
        /// How many.
        dropped: u64,
    },
}

impl From<&CallRow> for ExchangeView {
    fn from(row: &CallRow) -> Self {
        let exchange = &row.exchange;
        let facts = |facts: &Option<apiscope_audit::Facts>| {
            facts.as_ref().map_or((None, false), |facts| (facts.body.total, facts.complete))
        };
        let (request_body_bytes, request_complete) = facts(&exchange.request);
        let (response_body_bytes, response_complete) = facts(&exchange.response);
        let seen = exchange.method.is_some();
        Self {
            start: rfc3339(exchange.began),
            client: exchange.origin.client.to_string(),
            server: exchange.origin.server.to_string(),
            protocol: protocol(exchange).to_owned(),
            tls: exchange.origin.encrypted,
            api: exchange.api.to_string(),
            method: exchange.method.as_ref().map(ToString::to_string),
            host: exchange.host.as_ref().map(ToString::to_string),
            path: seen.then(|| exchange.path.to_string()),
            query_keys: exchange.query_keys.iter().map(ToString::to_string).collect(),
            route: row.route.as_deref().map(str::to_owned),
            operations: operations(exchange),
            operations_dropped: exchange.operations.as_ref().map_or(0, |operations| operations.dropped),
            status: exchange.status,
            request_body_bytes,
            response_body_bytes,
            request_complete,
            response_complete,
            duration_ms: exchange.ended.since(exchange.began).as_secs_f64() * 1e3,
            grpc_status: exchange.response.as_ref().and_then(|facts| facts.grpc_status),
            grpc: GrpcView::of(exchange),
            events: exchange.response.as_ref().and_then(|facts| match facts.content {
                Content::Events(events) => events,
                Content::Plain | Content::Grpc(_) | Content::Session(_) => None,
            }),
            running: RunningView::of(exchange),
            session: exchange.session.as_deref().map(SessionView::from).map(Box::new),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn operations(exchange: &Exchange) -> Vec<String> {
    let shown = |operation: &Operation| match &operation.ask {
        Ask::Named(name) => name.to_string(),
        Ask::Request { method, path } => format!("{method} {path}"),
    };
    exchange.operations.iter().flat_map(|operations| operations.list.iter().map(shown)).collect()
}

fn protocol(exchange: &Exchange) -> &'static str {
    match (&exchange.session, exchange.version) {
        (Some(session), _) => session_name(session.kind),
        (None, Version::Http10) => "http/1.0",
        (None, Version::Http11) => "http/1.1",
        (None, Version::H2) => "h2",
    }
}

/// The name used in every output.
pub(super) const fn session_name(kind: SessionKind) -> &'static str {
    match kind {
        SessionKind::WebSocket => "websocket",
        SessionKind::Tunnel => "tunnel",
        SessionKind::Other => "upgrade",
    }
}
