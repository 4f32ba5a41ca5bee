//! What runs inside or after an exchange: gRPC's messages, sessions, and how far an exchange is that goes on.

use apiscope_audit::{Exchange, Facts};
use apiscope_wire::{Content, GrpcCounts, Sent, Session, Side};
use serde::{Deserialize, Serialize};

use super::exchange::session_name;
use super::rfc3339;

/// An exchange that goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningView {
    /// Bytes of the request's body so far; `null` where the request is over.
    pub request_body_bytes: Option<u64>,
    /// Bytes of the response's body so far; `null` where the response is over, or has not begun.
    pub response_body_bytes: Option<u64>,
}

impl RunningView {
    pub(super) fn of(exchange: &Exchange) -> Option<Self> {
        let stage = &exchange.stage;
        stage
            .runs()
            .then_some(Self { request_body_bytes: stage.request_so_far, response_body_bytes: stage.response_so_far })
    }
}

/// A gRPC call. Its status is the exchange's `grpc_status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrpcView {
    /// In the form of gRPC-Web.
    pub web: bool,
    /// The service's full name; `null` where the path is not known or is no method's.
    pub service: Option<String>,
    /// The method.
    pub method: Option<String>,
    /// Messages that the client sent; `null` where not all could be counted.
    pub request_messages: Option<u64>,
    /// Of them: compressed.
    pub request_compressed: Option<u64>,
    /// Messages that the server sent; `null` where not all could be counted.
    pub response_messages: Option<u64>,
    /// Of them: compressed.
    pub response_compressed: Option<u64>,
}

impl GrpcView {
    pub(super) fn of(exchange: &Exchange) -> Option<Self> {
        if !exchange.protocol.is_grpc() {
            return None;
        }
        let name = exchange.method.as_ref().and_then(|_| exchange.path.as_str().strip_prefix('/'));
        let name = name.and_then(|name| name.rsplit_once('/')).filter(|(service, _)| !service.is_empty());
        let (request, response) = (counts(exchange.request.as_ref()), counts(exchange.response.as_ref()));
        Some(Self {
            web: exchange.protocol == apiscope_audit::Protocol::GrpcWeb,
            service: name.map(|(service, _)| service.to_owned()),
            method: name.map(|(_, method)| method.to_owned()),
            request_messages: request.map(|counts| counts.messages),
            request_compressed: request.map(|counts| counts.compressed),
            response_messages: response.map(|counts| counts.messages),
            response_compressed: response.map(|counts| counts.compressed),
        })
    }
}

fn counts(facts: Option<&Facts>) -> Option<GrpcCounts> {
    match facts?.content {
        Content::Grpc(grpc) => grpc.counts,
        Content::Plain | Content::Events(_) | Content::Session(_) => None,
    }
}

/// What followed a handshake: a WebSocket, a tunnel, another protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionView {
    /// `websocket`, `tunnel`, `upgrade`.
    pub kind: String,
    /// permessage-deflate was agreed on.
    pub deflate: bool,
    /// The end of the handshake.
    pub began: String,
    /// What the client sent.
    pub client: SentView,
    /// What the server sent.
    pub server: SentView,
    /// Whose close frame came first: `client`, `server`; `null` where none was seen.
    pub closed_first: Option<String>,
}

/// What one side of a session sent. The numbers are lower bounds where `unknown_bytes` is not 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentView {
    /// Text messages.
    pub text_messages: u64,
    /// Binary messages.
    pub binary_messages: u64,
    /// Of both: in several frames.
    pub fragmented_messages: u64,
    /// Of both: compressed.
    pub compressed_messages: u64,
    /// Pings, pongs, closes.
    pub control_frames: u64,
    /// Payload bytes of messages, as sent.
    pub payload_bytes: u64,
    /// The largest message, bytes as sent.
    pub largest_message_bytes: u64,
    /// The code of its close frame.
    pub close_code: Option<u16>,
    /// Frames that break the rules: after one, nothing more of this side is read.
    pub protocol_errors: u64,
    /// Bytes that could not be read as frames.
    pub unknown_bytes: u64,
}

impl SentView {
    /// Messages of both kinds.
    pub const fn messages(&self) -> u64 {
        self.text_messages + self.binary_messages
    }
}

impl From<&Sent> for SentView {
    fn from(sent: &Sent) -> Self {
        Self {
            text_messages: sent.text,
            binary_messages: sent.binary,
            fragmented_messages: sent.fragmented,
            compressed_messages: sent.compressed,
            control_frames: sent.control,
            payload_bytes: sent.payload_bytes,
            largest_message_bytes: sent.largest,
            close_code: sent.close_code,
            protocol_errors: sent.errors,
            unknown_bytes: sent.unknown_bytes,
        }
    }
}

impl From<&Session> for SessionView {
    fn from(session: &Session) -> Self {
        let side = |side| match side {
            Side::Client => "client".to_owned(),
            Side::Server => "server".to_owned(),
        };
        Self {
            kind: session_name(session.kind).to_owned(),
            deflate: session.deflate,
            began: rfc3339(session.began),
            client: SentView::from(&session.client),
            server: SentView::from(&session.server),
            closed_first: session.closed_first.map(side),
        }
    }
}
