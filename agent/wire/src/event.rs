//! What comes out: messages, what runs, ambiguities, verdicts and the account of a flow.

use std::fmt;

use crate::coverage::Coverage;
use crate::input::{ExchangeId, FlowId, Origin, Side};
use crate::time::Timestamp;
use crate::tls::Hello;

/// The protocol version of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
    /// HTTP/2.
    H2,
}

/// A header field. The name as sent; the value without surrounding white space. Bytes of the traffic: no Debug of values in logs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// Field name as sent (compare without case).
    pub name: &'a str,
    /// Field value, any bytes.
    pub value: &'a [u8],
}

impl fmt::Debug for Header<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: <{} bytes>", self.name, self.value.len())
    }
}

/// A message's header fields, in the order sent.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a>(pub &'a [Header<'a>]);

impl<'a> Headers<'a> {
    /// The first value of `name`, compared without case.
    pub fn first(&self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// Every value of `name`, compared without case.
    pub fn all<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.0.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
    }

    /// All fields.
    pub fn iter(&self) -> impl Iterator<Item = &'a Header<'a>> + use<'a> {
        self.0.iter()
    }
}

/// The first line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Start<'a> {
    /// A request: method and target as sent (origin, absolute, authority or asterisk form).
    Request {
        /// The method, a token.
        method: &'a str,
        /// The request target, any visible bytes, with its query.
        target: &'a [u8],
    },
    /// A final response (1xx other than 101 are counted, not given).
    Response {
        /// The status code, 100..=999.
        status: u16,
    },
}

impl fmt::Debug for Start<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request { method, target } => write!(f, "{method} <{} bytes>", target.len()),
            Self::Response { status } => write!(f, "{status}"),
        }
    }
}

/// A message's body: what was captured of it, transfer coding removed, content coding kept.
#[derive(Clone, Copy)]
pub struct Body<'a> {
    /// The first bytes, up to the budget; in order and without holes.
    pub data: &'a [u8],
    /// Bytes sent on the wire with the transfer coding removed; exact although `data` may be cut; `None` where it can't be known.
    pub total: Option<u64>,
}

impl Body<'_> {
    /// Whether `data` is all of it.
    pub fn is_whole(&self) -> bool {
        self.total == Some(self.data.len() as u64)
    }
}

impl fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} of {:?} bytes>", self.data.len(), self.total)
    }
}

/// What a body is made of, or what follows the message, where its head says so; and how much of it was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Content {
    /// A body of any other kind, or none.
    #[default]
    Plain,
    /// Server-sent events: how many were dispatched. `None`: some of the body is missing, or it is in a content coding.
    Events(Option<u64>),
    /// gRPC.
    Grpc(Grpc),
    /// The message ends the handshake of a session, which begins behind it.
    Session(SessionKind),
}

/// One direction of a gRPC call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grpc {
    /// In the form of gRPC-Web.
    pub web: bool,
    /// Messages seen to their end. `None`: not provable, because some of the body is missing or is no such messages.
    pub counts: Option<GrpcCounts>,
    /// The status in gRPC-Web's trailers, which lie in the body. That of gRPC itself stands in the header fields.
    pub status: Option<u32>,
}

/// Messages of one direction of a gRPC call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GrpcCounts {
    /// All of them.
    pub messages: u64,
    /// Those whose flag says that they are compressed.
    pub compressed: u64,
}

/// What follows a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SessionKind {
    /// WebSocket: RFC 6455 after an Upgrade, RFC 8441 on a stream of HTTP/2.
    WebSocket,
    /// The tunnel of a CONNECT.
    Tunnel,
    /// Another protocol after an Upgrade.
    Other,
}

/// What one side of a session has sent. All but bytes stays 0 where the session is no WebSocket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Text messages that have ended.
    pub text: u64,
    /// Binary messages that have ended.
    pub binary: u64,
    /// Of both: those in several frames.
    pub fragmented: u64,
    /// Of both: those compressed by permessage-deflate.
    pub compressed: u64,
    /// Control frames: pings, pongs, closes.
    pub control: u64,
    /// Payload bytes of data frames as sent: compressed, and without the frames' heads.
    pub payload_bytes: u64,
    /// The largest message's payload bytes, as sent.
    pub largest: u64,
    /// A close frame was sent.
    pub closed: bool,
    /// Its code; `None` where it has none or was not seen.
    pub close_code: Option<u16>,
    /// Frames that break the rules of RFC 6455: at most one, for what follows it is not read.
    pub errors: u64,
    /// Bytes, seen or missed, that were not read as frames: after a gap that is not inside a payload, after an error, of another
    /// protocol. The numbers above are lower bounds where this is not 0.
    pub unknown_bytes: u64,
}

/// A session's numbers, so far or in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// The exchange that was its handshake.
    pub exchange: ExchangeId,
    /// What it is.
    pub kind: SessionKind,
    /// permessage-deflate (RFC 7692) was agreed on.
    pub deflate: bool,
    /// The end of the handshake.
    pub began: Timestamp,
    /// The last byte.
    pub latest: Timestamp,
    /// What the client has sent.
    pub client: Sent,
    /// What the server has sent.
    pub server: Sent,
    /// Whose close frame came first.
    pub closed_first: Option<Side>,
}

/// How far something is that runs for longer than a second. Given at most once a second for each, and only when there is news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A message whose [`Event::Head`] was given.
    Body {
        /// Its exchange.
        exchange: ExchangeId,
        /// Whose message.
        side: Side,
        /// Bytes of the body so far, transfer coding removed; a hole inside it counts by its length.
        bytes: u64,
        /// What it is made of, so far.
        content: Content,
        /// When.
        at: Timestamp,
    },
    /// A session.
    Session(Session),
}

/// A whole message, or all that will ever be known of it. Given when it ends; borrows the record or the flow's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Which exchange it belongs to; request and response share it. A response whose request is not proven has an index of
    /// its own; see [`crate::Wire`].
    pub exchange: ExchangeId,
    /// Who owns the flow.
    pub origin: &'a Origin,
    /// Protocol version.
    pub version: Version,
    /// First line.
    pub start: Start<'a>,
    /// Header fields.
    pub headers: Headers<'a>,
    /// Body.
    pub body: Body<'a>,
    /// Fields after the body, in the order sent.
    pub trailers: Headers<'a>,
    /// What the body is made of.
    pub content: Content,
    /// Time of its first byte.
    pub began: Timestamp,
    /// Time of its last byte (or of the close that ended it).
    pub ended: Timestamp,
    /// It ended as its framing says: not by a gap, a reset or an early close; and no header field of it is unknown (HTTP/2, joined late).
    /// A body cut by the budget is complete.
    pub complete: bool,
}

/// What servers or clients read differently, or refuse. What each kind is proven with: `tests/framing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AmbiguityKind {
    /// Both Content-Length and Transfer-Encoding (RFC 9112 §6.3).
    LengthAndChunked,
    /// Several Content-Length values that differ.
    SeveralLengths,
    /// A Content-Length that is not plain digits.
    OddLength,
    /// A Transfer-Encoding other than a single `chunked`.
    OddTransferEncoding,
    /// CR or NUL where it has no business, or a bare LF as line end.
    OddLineEnd,
    /// An empty line before a message (RFC 9112 §2.2: servers should skip one; some skip any number, some none).
    EmptyLine,
    /// A field continued on the next line (RFC 9112 §5.2).
    Folded,
    /// Bytes that are no first line where a message must begin, or a first line with other spaces than the two it must have.
    OddFirstLine,
    /// A version other than 1.0 and 1.1. A higher minor version is read as 1.1 (RFC 9110 §2.5), any other is refused.
    OddVersion,
    /// A method that is no token, or none that is registered.
    OddMethod,
    /// A target in none of the four forms (RFC 9112 §3.2), or with bytes that none may have.
    OddTarget,
    /// No Host in HTTP/1.1, several, one that is no host, or another one than the target's.
    OddHost,
    /// White space before the colon, or a name that is no token, or no colon.
    OddName,
    /// A control byte in a field's value.
    OddValue,
    /// A head longer, or with more fields, than servers take by default.
    LongHead,
    /// Bytes of the client behind a request for a tunnel or another protocol, before the answer.
    BehindSwitch,
    /// A chunk size that is not plain hexadecimal, or a chunk that does not end where it must.
    OddChunk,
    /// A response that no request asked for.
    UnaskedResponse,
    /// Retransmitted bytes that differ from the first copy.
    ConflictingBytes,
}

/// An ambiguity at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ambiguity {
    /// The exchange at which it was met.
    pub exchange: ExchangeId,
    /// Whose message.
    pub side: Side,
    /// What.
    pub kind: AmbiguityKind,
    /// When.
    pub at: Timestamp,
}

/// What capture should do with the flow from now on. The one arrow that runs back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Copy nothing more: not HTTP.
    IgnoreNotHttp,
    /// Copy nothing more: TLS, after what is in clear.
    IgnoreEncrypted,
}

/// What [`crate::Wire`] gives. Borrowed: taken in before `handle` returns.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A message ended.
    Message(Message<'a>),
    /// A message has been under way for a second, and goes on: its first line and fields, without a body. The message comes when it ends.
    Head(Message<'a>),
    /// How far a message or a session is.
    Progress(Progress),
    /// A session is over: its totals, and who owns its flow.
    Session(Session, &'a Origin),
    /// A flow is TLS: all that is known of its beginning, once.
    Hello(Hello<'a>),
    /// Nothing more of an exchange will come although its flow goes on, and one of its two messages was not given (HTTP/2).
    Over(ExchangeId, Timestamp),
    /// Framing that servers read differently.
    Ambiguous(Ambiguity),
    /// To be applied by capture.
    Verdict(FlowId, Verdict),
    /// What was added to a flow's account since the last time; at most once a second and flow, and at the close.
    Coverage(FlowId, Coverage),
    /// The flow is over: nothing more comes of it. All its messages have been given.
    Closed(FlowId, Timestamp),
}
