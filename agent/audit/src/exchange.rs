//! The owned, small values that pass from a shard to the one owner of inventory and ledger.

use std::fmt;
use std::sync::Arc;

use apiscope_wire::{
    Ambiguity, Content, Coverage, ExchangeId, FlowId, Origin, Session, SessionKind, Timestamp, Version,
};
use smol_str::SmolStr;

use crate::facts::Facts;
use crate::operation::Operations;
use crate::secret::{Fingerprint, Masked};
use crate::tls::HelloFacts;

/// An API's name: the same on every host that serves it (design §4).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiId(Arc<str>);

impl ApiId {
    /// A name from the configuration, a document or an authority; already free of secrets and control characters.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApiId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A request's method: a token as sent (methods are case-sensitive, RFC 9110 §9.1), at most 24 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Method(SmolStr);

impl Method {
    /// Longest method kept; a longer one is cut.
    pub const LENGTH_MAX: usize = 24;

    /// From a token as sent.
    pub fn new(token: &str) -> Self {
        if token.len() <= Self::LENGTH_MAX && token.bytes().all(|b| b.is_ascii_graphic()) {
            return Self(token.into());
        }
        Self(token.chars().filter(char::is_ascii_graphic).take(Self::LENGTH_MAX).collect())
    }

    /// The token.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A path as sent, without its query, in which each value proven secret is masked. Another type than a raw path on purpose.
pub type RedactedPath = Masked;

/// Who called: never the raw key or token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConsumerId {
    /// A credential's keyed fingerprint (API key, token, Basic user).
    Credential(Fingerprint),
    /// The client's address, where there is no credential.
    Address(std::net::IpAddr),
}

impl fmt::Display for ConsumerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credential(fingerprint) => write!(f, "k:{fingerprint}"),
            Self::Address(ip) => write!(f, "{ip}"),
        }
    }
}

/// What an exchange speaks above HTTP. Of an endpoint, whose calls may differ, the last in this order counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// HTTP and nothing else that is known.
    #[default]
    Http,
    /// Server-sent events.
    EventStream,
    /// Several requests in one.
    Batch,
    /// SOAP.
    Soap,
    /// JSON-RPC.
    JsonRpc,
    /// The Model Context Protocol.
    Mcp,
    /// GraphQL.
    GraphQl,
    /// gRPC-Web.
    GrpcWeb,
    /// gRPC.
    Grpc,
    /// The handshake of a WebSocket.
    WebSocket,
}

impl Protocol {
    /// As a message's content says.
    pub(crate) const fn of(content: Content) -> Self {
        match content {
            Content::Events(_) => Self::EventStream,
            Content::Grpc(grpc) if grpc.web => Self::GrpcWeb,
            Content::Grpc(_) => Self::Grpc,
            Content::Session(SessionKind::WebSocket) => Self::WebSocket,
            Content::Plain | Content::Session(SessionKind::Tunnel | SessionKind::Other) => Self::Http,
        }
    }

    /// Whether the path is the full name of a method.
    pub const fn is_grpc(self) -> bool {
        matches!(self, Self::Grpc | Self::GrpcWeb)
    }
}

/// How far an exchange is that takes longer than a second. All unset: it is over, and nothing was told before its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stage {
    /// The request goes on: bytes of its body so far.
    pub request_so_far: Option<u64>,
    /// The response goes on: bytes of its body so far.
    pub response_so_far: Option<u64>,
    /// It was given as running before, with request and status: it is counted already.
    pub counted: bool,
    /// It is over and given; its session goes on.
    pub(crate) is_handshake: bool,
    /// The endpoint, for all that the shard knows of it: where it counts what is sampled.
    pub(crate) place: u64,
}

impl Stage {
    /// Whether a message of it goes on.
    pub const fn runs(&self) -> bool {
        self.request_so_far.is_some() || self.response_so_far.is_some()
    }
}

/// A request and its response, as facts. Owned, small, free of secrets.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Flow and place in it.
    pub id: ExchangeId,
    /// First byte of the request (of the response, where no request was seen).
    pub began: Timestamp,
    /// Last byte of the response (of the request, where none came).
    pub ended: Timestamp,
    /// Addresses, role, hop, owner.
    pub origin: Arc<Origin>,
    /// Protocol version.
    pub version: Version,
    /// The API.
    pub api: ApiId,
    /// The method; `None` where the request was not seen: such an exchange is counted, and makes no endpoint.
    pub method: Option<Method>,
    /// Authority of the target or Host header, with its port as sent; lower-cased, userinfo removed, masked.
    pub host: Option<Masked>,
    /// The path as sent, without the query.
    pub path: RedactedPath,
    /// The names of the query's parameters, in order, at most [`Exchange::QUERY_KEYS_MAX`]. A name that looks like a value is masked.
    pub query_keys: Vec<Masked>,
    /// The response's status.
    pub status: Option<u16>,
    /// Who called.
    pub consumer: ConsumerId,
    /// Facts of the request; `None` not seen.
    pub request: Option<Facts>,
    /// Facts of the response; `None` not seen.
    pub response: Option<Facts>,
    /// What it speaks above HTTP.
    pub protocol: Protocol,
    /// What it asks for beyond method and path: several where it is a batch. `None`: it is one call of its path.
    pub operations: Option<Box<Operations>>,
    /// How far it is.
    pub stage: Stage,
    /// The session that follows it, as far as it is: only in [`Record::Running`] and [`Record::Session`].
    pub session: Option<Box<Session>>,
}

impl Exchange {
    /// Query names kept.
    pub const QUERY_KEYS_MAX: usize = 32;

    /// Whether request and status are known, so that it can be counted although it is not over.
    pub fn is_countable(&self) -> bool {
        self.request.is_some() && self.status.is_some() && !self.stage.counted && self.session.is_none()
    }
}

/// What leaves a shard.
#[derive(Clone, Debug)]
pub enum Record {
    /// An exchange ended.
    Exchange(Box<Exchange>),
    /// An exchange, or the session that it began, goes on. At most once a second for each; its end comes as one of the other two.
    Running(Box<Exchange>),
    /// The session that an exchange began is over; its totals are with the exchange.
    Session(Box<Exchange>),
    /// A flow is TLS.
    Hello {
        /// The API, named by the server name in place of an authority.
        api: ApiId,
        /// The flow.
        flow: FlowId,
        /// Who owns the flow.
        origin: Arc<Origin>,
        /// What the handshake says.
        hello: Box<HelloFacts>,
        /// When.
        at: Timestamp,
    },
    /// Framing that servers read differently.
    Ambiguous(Ambiguity),
    /// What was added to an API's account.
    Coverage(ApiId, Coverage),
    /// An API turned out to be one with others, which are known by a name of all from now on.
    ApiJoined {
        /// What it was called.
        from: ApiId,
        /// What it is called.
        into: ApiId,
    },
    /// A flow is over.
    Closed(FlowId, Timestamp),
}
