//! The readers of HTTP, and what the two directions of a connection share.
//!
//! A reader gets one direction's bytes in order, and is told of holes. It never waits for the other direction: what it
//! must know of it (which request a response answers, that the protocol was switched) is in [`Talk`].

pub mod coding;
mod grpc;
pub(crate) mod h1;
pub(crate) mod h2;
pub(crate) mod pairs;
pub(crate) mod session;
mod sse;
mod units;
pub(crate) mod work;
mod ws;

use std::time::Duration;

use crate::coverage::Coverage;
use crate::event::{Ambiguity, AmbiguityKind, Event, Verdict};
use crate::input::{ExchangeId, FlowId, Origin, Side};
use crate::limits::{Counters, Limits};
use crate::seldom::Seldom;
use crate::time::Timestamp;
use crate::tls::Handshake;
use pairs::Pairs;
use work::Pool;

/// A message that runs for longer is told of before its end.
pub(crate) const RUNS_AFTER: Duration = Duration::from_secs(1);

/// How often it is told how far something is that runs.
pub(crate) const TELL_EVERY: Duration = Duration::from_secs(1);

/// Reads a whole head as the reader of HTTP/1 does: fields, oddities, framing. Gives its length and its fields. Only for the
/// bench, which measures it beside bare httparse.
#[doc(hidden)]
pub fn measured_head(bytes: &[u8], side: Side) -> (usize, usize) {
    let mut headers = h1::head::HeaderVec::new();
    let h1::head::Parsed::Whole(head) = h1::head::parse(bytes, side, &mut headers) else { return (0, 0) };
    let fields = head.fields;
    let framing = match side {
        Side::Client => fields.of_request(head.version, "GET"),
        Side::Server => fields.of_response(head.version, 200, pairs::Asked::Other),
    };
    std::hint::black_box((framing, head.odds));
    (head.len, headers.len())
}

/// What a step of a reader has at hand.
pub(crate) struct Cx<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) counters: &'a mut Counters,
    pub(crate) pool: &'a mut Pool,
    pub(crate) emit: &'a mut dyn FnMut(Event<'_>),
    pub(crate) flow: FlowId,
    pub(crate) origin: &'a Origin,
    /// When the bytes at hand were seen.
    pub(crate) at: Timestamp,
    /// They came in copies that differ: what is made of them is not proven.
    pub(crate) doubt: bool,
}

impl Cx<'_> {
    pub(crate) fn exchange(&self, index: u32) -> ExchangeId {
        ExchangeId { flow: self.flow, index }
    }

    pub(crate) fn ambiguous(&mut self, index: u32, side: Side, kind: AmbiguityKind) {
        let ambiguity = Ambiguity { exchange: self.exchange(index), side, kind, at: self.at };
        (self.emit)(Event::Ambiguous(ambiguity));
    }

    pub(crate) fn all_ambiguous(&mut self, index: u32, side: Side, odds: Odds) {
        for kind in odds.iter() {
            self.ambiguous(index, side, kind);
        }
    }
}

/// What a connection carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Not decided yet.
    #[default]
    Unknown,
    /// HTTP/1.
    Http,
    /// HTTP/2.
    H2,
    /// A WebSocket, after its handshake.
    Session,
    /// Something else, or no longer HTTP/1.
    NotHttp,
    /// TLS, whose first messages are being read.
    Tls,
    /// TLS, after what can be read of it.
    Encrypted,
}

/// What both directions of a connection share.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    pub(crate) kind: Kind,
    pub(crate) pairs: Pairs,
    /// The reader of both directions, while `kind` is [`Kind::H2`].
    pub(crate) h2: Option<Box<h2::Connection>>,
    /// The reader of both directions, while `kind` is [`Kind::Tls`].
    pub(crate) tls: Option<Box<Handshake>>,
    /// What follows a handshake on the connection as a whole.
    pub(crate) session: Option<Box<session::Talked>>,
    /// What was added to the account since it was last given.
    pub(crate) coverage: Seldom<Coverage>,
    /// A response is half read, or the server's stream has a gap.
    pub(crate) server_busy: bool,
    /// The client is in the middle of a head: what it asks, as far as that is known.
    pub(crate) half_asked: Option<pairs::Asked>,
    /// The client's stream has a gap.
    pub(crate) client_gap: bool,
    /// Starts of turns at which no message began, on a flow whose kind is not known.
    pub(crate) strikes: u8,
}

impl Talk {
    /// Decides that nothing more of this connection is read, and says so once.
    pub(crate) fn ignore(&mut self, kind: Kind, cx: &mut Cx<'_>) {
        let verdict = match kind {
            Kind::NotHttp => Verdict::IgnoreNotHttp,
            Kind::Encrypted => Verdict::IgnoreEncrypted,
            Kind::Unknown | Kind::Http | Kind::H2 | Kind::Session | Kind::Tls => return,
        };
        if !self.ignored() {
            self.kind = kind;
            (cx.emit)(Event::Verdict(cx.flow, verdict));
        }
    }

    /// Whether nothing more is read.
    pub(crate) fn ignored(&self) -> bool {
        matches!(self.kind, Kind::NotHttp | Kind::Encrypted)
    }

    /// Counts bytes of a side that are there but not read, since the connection is ignored.
    pub(crate) fn count_unread(&mut self, side: Side, n: u64, at: Timestamp) {
        if let Some(session) = self.session.as_mut().filter(|_| n > 0) {
            session.unread(side, n, at);
        }
        self.count_ignored(n);
    }

    /// The same, where there is no session.
    pub(crate) fn count_ignored(&mut self, n: u64) {
        match self.kind {
            Kind::Encrypted | Kind::Tls => self.coverage.skipped.encrypted += n,
            Kind::NotHttp | Kind::Unknown | Kind::Http | Kind::H2 | Kind::Session => {
                self.coverage.unparsed.not_http += n;
            }
        }
    }

    /// Counts bytes that were not copied.
    pub(crate) fn count_skipped(&mut self, n: u64) {
        match self.kind {
            Kind::Encrypted => self.coverage.skipped.encrypted += n,
            Kind::NotHttp => self.coverage.skipped.verdict += n,
            Kind::Unknown | Kind::Http | Kind::H2 | Kind::Session | Kind::Tls => self.coverage.skipped.budget += n,
        }
    }
}

/// Whether the first of some bytes may be taken for the start of a message by a reader that lost its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fresh {
    /// No.
    No,
    /// Perhaps: nothing of the other side was ever seen, so that no turn can be. What is found there is never marked complete.
    Guess,
    /// Yes: a turn of this side began here, but something came late, and the other side may have gone on meanwhile.
    Held,
    /// Yes: a turn of this side begins now.
    Turn,
}

/// Why bytes that are there are not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// The start of their message was not seen.
    JoinedLate,
    /// They follow what breaks HTTP's rules.
    Malformed,
}

impl Fresh {
    /// Whether a turn is proven to begin here.
    pub(crate) fn is_turn(self) -> bool {
        matches!(self, Self::Held | Self::Turn)
    }
}

impl Unread {
    pub(crate) fn count(self, coverage: &mut Coverage, n: u64) {
        match self {
            Self::JoinedLate => coverage.unparsed.joined_late += n,
            Self::Malformed => coverage.unparsed.malformed += n,
        }
    }
}

/// Why bytes are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hole {
    /// Not copied on purpose.
    Skipped,
    /// Missed.
    Lost,
}

/// A set of ambiguities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Odds(u32);

const KINDS: [AmbiguityKind; 19] = [
    AmbiguityKind::LengthAndChunked,
    AmbiguityKind::SeveralLengths,
    AmbiguityKind::OddLength,
    AmbiguityKind::OddTransferEncoding,
    AmbiguityKind::OddLineEnd,
    AmbiguityKind::EmptyLine,
    AmbiguityKind::Folded,
    AmbiguityKind::OddFirstLine,
    AmbiguityKind::OddVersion,
    AmbiguityKind::OddMethod,
    AmbiguityKind::OddTarget,
    AmbiguityKind::OddHost,
    AmbiguityKind::OddName,
    AmbiguityKind::OddValue,
    AmbiguityKind::LongHead,
    AmbiguityKind::BehindSwitch,
    AmbiguityKind::OddChunk,
    AmbiguityKind::UnaskedResponse,
    AmbiguityKind::ConflictingBytes,
];

impl Odds {
    pub(crate) fn add(&mut self, kind: AmbiguityKind) {
        if let Some(bit) = KINDS.iter().position(|k| *k == kind) {
            self.0 |= 1 << bit;
        }
    }

    /// Adds the kind; whether it is new.
    pub(crate) fn add_new(&mut self, kind: AmbiguityKind) -> bool {
        let before = self.0;
        self.add(kind);
        self.0 != before
    }

    pub(crate) fn add_if(&mut self, odd: bool, kind: AmbiguityKind) {
        if odd {
            self.add(kind);
        }
    }

    pub(crate) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = AmbiguityKind> {
        KINDS.iter().enumerate().filter(move |(bit, _)| self.0 & (1 << bit) != 0).map(|(_, kind)| *kind)
    }
}
