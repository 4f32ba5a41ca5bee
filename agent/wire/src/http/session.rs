//! What follows a handshake that ends HTTP on a connection, or on a stream of HTTP/2: a WebSocket, a tunnel, another protocol.
//!
//! The handshake is an exchange like any other. From then on nothing is a message: a WebSocket's frames are counted ([`Frames`]), of
//! anything else only bytes, and none of it is guessed at.

use crate::event::{Event, Progress, Session, SessionKind};
use crate::http::ws::{Blind, Extensions, Frames};
use crate::http::{Cx, TELL_EVERY, Talk};
use crate::input::Side;
use crate::time::Timestamp;

/// What a handshake has agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Agreed {
    pub(crate) kind: SessionKind,
    pub(crate) extensions: Extensions,
}

impl Agreed {
    /// On something without frames of its own.
    pub(crate) fn on(kind: SessionKind) -> Self {
        Self { kind, extensions: Extensions::default() }
    }
}

/// A session under way.
#[derive(Debug)]
pub(crate) struct Talked {
    index: u32,
    agreed: Agreed,
    began: Timestamp,
    latest: Timestamp,
    client: Frames,
    server: Frames,
    closed_first: Option<Side>,
    /// When its numbers were last told.
    told: Timestamp,
    /// They have changed since.
    is_news: bool,
}

impl Talked {
    pub(crate) fn new(index: u32, agreed: Agreed, cx: &mut Cx<'_>) -> Self {
        cx.counters.sessions += 1;
        let half = |side| match agreed.kind {
            SessionKind::WebSocket => Frames::new(side, agreed.extensions),
            SessionKind::Tunnel | SessionKind::Other => Frames::foreign(side),
        };
        Self {
            index,
            agreed,
            began: cx.at,
            latest: cx.at,
            client: half(Side::Client),
            server: half(Side::Server),
            closed_first: None,
            told: cx.at,
            is_news: true,
        }
    }

    fn half(&mut self, side: Side) -> &mut Frames {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// Whether nothing more of it can be read: neither side's frames are known.
    pub(crate) fn is_blind(&self) -> bool {
        self.client.blind().is_some() && self.server.blind().is_some()
    }

    /// The next bytes of a side. Gives how many were read as frames, and how many were not, and why.
    pub(crate) fn bytes(&mut self, side: Side, data: &[u8], cx: &mut Cx<'_>) -> (u64, u64, Option<Blind>) {
        if cx.doubt {
            // Copies of these bytes differ: which of them the other end has read is not known.
            self.lose(side, cx);
        }
        let half = self.half(side);
        let errors = half.sent.errors;
        let (read, unknown) = half.bytes(data);
        cx.counters.websocket_errors += half.sent.errors - errors;
        let why = half.blind();
        self.heard(side, cx.at);
        (read, unknown, why)
    }

    /// So many bytes of a side are missing.
    pub(crate) fn hole(&mut self, side: Side, n: u64, cx: &mut Cx<'_>) {
        let was_blind = self.half(side).blind().is_some();
        self.half(side).hole(n);
        cx.counters.websocket_gaps += u64::from(!was_blind && self.half(side).blind().is_some());
        self.heard(side, cx.at);
    }

    /// The place in a side is lost: it is not known how much is missing.
    pub(crate) fn lose(&mut self, side: Side, cx: &mut Cx<'_>) {
        cx.counters.websocket_gaps += u64::from(self.half(side).blind().is_none());
        self.half(side).lose();
    }

    /// So many bytes of a side are there, and nobody looks at them.
    pub(crate) fn unread(&mut self, side: Side, n: u64, at: Timestamp) {
        self.half(side).unread(n);
        self.heard(side, at);
    }

    /// A side is over. Gives the bytes of a frame's head that never became whole.
    pub(crate) fn end(&mut self, side: Side) -> u64 {
        self.half(side).end()
    }

    fn heard(&mut self, side: Side, at: Timestamp) {
        self.latest = self.latest.max(at);
        self.is_news = true;
        if self.closed_first.is_none() && self.half(side).sent.closed {
            self.closed_first = Some(side);
        }
    }

    fn numbers(&self, cx: &Cx<'_>) -> Session {
        Session {
            exchange: cx.exchange(self.index),
            kind: self.agreed.kind,
            deflate: self.agreed.extensions.deflate,
            began: self.began,
            latest: self.latest,
            client: self.client.sent,
            server: self.server.sent,
            closed_first: self.closed_first,
        }
    }

    /// Whether there is something to tell.
    pub(crate) fn is_news(&self) -> bool {
        self.is_news
    }

    /// Tells how far it is, at most once in [`TELL_EVERY`].
    pub(crate) fn tell(&mut self, cx: &mut Cx<'_>) {
        if self.is_news && cx.at.since(self.told) >= TELL_EVERY {
            (self.told, self.is_news) = (cx.at, false);
            let numbers = self.numbers(cx);
            (cx.emit)(Event::Progress(Progress::Session(numbers)));
        }
    }

    /// It is over: tells its totals.
    pub(crate) fn finish(mut self, cx: &mut Cx<'_>) {
        self.end(Side::Client);
        self.end(Side::Server);
        let numbers = self.numbers(cx);
        (cx.emit)(Event::Session(numbers, cx.origin));
    }
}

impl Talk {
    /// The connection carries a session from the next byte of either side on.
    pub(crate) fn switch(&mut self, index: u32, agreed: Agreed, cx: &mut Cx<'_>) {
        let session = Talked::new(index, agreed, cx);
        let is_blind = session.is_blind();
        self.session = Some(Box::new(session));
        if is_blind {
            self.ignore(super::Kind::NotHttp, cx);
        } else {
            self.kind = super::Kind::Session;
        }
    }

    /// The next bytes of a session's side.
    pub(crate) fn session_bytes(&mut self, side: Side, data: &[u8], cx: &mut Cx<'_>) {
        let Some(session) = &mut self.session else { return };
        let (read, unknown, why) = session.bytes(side, data, cx);
        let is_blind = session.is_blind();
        self.coverage.parsed += read;
        match why.and_then(Blind::unread) {
            Some(why) => why.count(&mut self.coverage, unknown),
            None => self.coverage.unparsed.not_http += unknown,
        }
        if is_blind {
            cov_mark::hit!(session_blind);
            self.ignore(super::Kind::NotHttp, cx);
        }
    }

    /// Where a session's side is in its frames is not known.
    pub(crate) fn session_lose(&mut self, side: Side, cx: &mut Cx<'_>) {
        if let Some(session) = &mut self.session {
            session.lose(side, cx);
        }
    }

    /// A hole in a session's side; `false` if there is none.
    pub(crate) fn session_hole(&mut self, side: Side, n: u64, cx: &mut Cx<'_>) -> bool {
        let Some(session) = &mut self.session else { return false };
        session.hole(side, n, cx);
        if session.is_blind() {
            self.ignore(super::Kind::NotHttp, cx);
        }
        true
    }

    /// A session's side is over; `false` if there is none.
    pub(crate) fn session_end(&mut self, side: Side) -> bool {
        let Some(session) = &mut self.session else { return false };
        self.coverage.unparsed.malformed += session.end(side);
        true
    }
}
