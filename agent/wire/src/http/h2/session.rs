//! Streams that carry a session after a CONNECT: a WebSocket (RFC 8441), a tunnel (RFC 9113 §8.5). And what of a connection is told
//! while it runs.

use crate::coverage::Unparsed;
use crate::http::session::{Agreed, Talked};
use crate::http::ws::Blind;
use crate::http::{Cx, Talk, Unread};
use crate::input::Side;

use super::{Connection, Stream, Way};

/// Bytes of DATA frames that belong to sessions: not parsed only because the frames around them were.
#[derive(Debug, Default)]
pub(super) struct Tally {
    given: u64,
    read: u64,
    unparsed: Unparsed,
}

impl Tally {
    /// The next bytes of a session's side.
    pub(super) fn bytes(&mut self, session: Option<&mut Talked>, side: Side, bytes: &[u8], cx: &mut Cx<'_>) {
        let Some(session) = session else { return };
        let (read, unknown, why) = session.bytes(side, bytes, cx);
        self.given += bytes.len() as u64;
        self.read += read;
        match why.and_then(Blind::unread) {
            Some(Unread::Malformed) => self.unparsed.malformed += unknown,
            Some(Unread::JoinedLate) => self.unparsed.joined_late += unknown,
            None => self.unparsed.not_http += unknown,
        }
    }

    /// A session's side is over.
    pub(super) fn end(&mut self, session: Option<&mut Talked>, side: Side) {
        self.unparsed.malformed += session.map_or(0, |session| session.end(side));
    }
}

impl Connection {
    /// Puts the bytes of sessions where they belong in the account: so far they counted as parsed with their DATA frames.
    pub(super) fn settle(&mut self, talk: &mut Talk) {
        let Tally { given, read, unparsed } = std::mem::take(&mut self.tally);
        if given == 0 && unparsed == Unparsed::default() {
            return;
        }
        let coverage = &mut talk.coverage;
        // What was given came with the very bytes at hand, so that it is still part of the account that is open.
        coverage.parsed = coverage.parsed.saturating_sub(given) + read;
        coverage.unparsed.not_http += unparsed.not_http;
        coverage.unparsed.malformed += unparsed.malformed;
        coverage.unparsed.joined_late += unparsed.joined_late;
    }

    /// The head of a response is over: if it answers a CONNECT, both messages are, and the stream carries a session.
    pub(super) fn switch(&mut self, id: u32, cx: &mut Cx<'_>) {
        let Some(stream) = self.streams.get_mut(id) else { return };
        let (Way::Open(request), Way::Open(response)) = (&mut stream.request, &mut stream.response) else { return };
        let is_agreed = response.has_head && response.status.is_some_and(|status| (200..300).contains(&status));
        let Some(kind) = request.asks_for().filter(|_| is_agreed) else { return };
        let agreed = Agreed { kind, extensions: response.extensions() };
        response.leads_to = Some(kind);
        let mut session = Talked::new(stream.index, agreed, cx);
        // A client must wait for the response: what came before it is not to be relied on.
        let early = request.forget_body();
        if early > 0 {
            session.hole(Side::Client, early, cx);
        }
        for (way, side) in [(&mut stream.request, Side::Client), (&mut stream.response, Side::Server)] {
            if let Way::Open(part) = std::mem::replace(way, Way::Session) {
                let given = part.give(side, stream.index, true, cx);
                cx.counters.unknown_heads += u64::from(!given);
                cx.pool.give_part(part);
            }
        }
        stream.session = Some(Box::new(session));
    }

    /// Whether something that runs may have to be told of.
    pub(crate) fn is_news(&self) -> bool {
        self.is_news
    }

    /// Tells what runs, and how far it is.
    pub(crate) fn tell(&mut self, cx: &mut Cx<'_>) {
        if !std::mem::take(&mut self.is_news) {
            return;
        }
        let mut is_news = false;
        self.streams.for_each_mut(|stream| {
            let Stream { index, request, response, session, .. } = stream;
            for (way, side) in [(request, Side::Client), (response, Side::Server)] {
                if let Way::Open(part) = way {
                    is_news |= part.tell(side, *index, cx);
                }
            }
            if let Some(session) = session {
                session.tell(cx);
                is_news |= session.is_news();
            }
        });
        self.is_news = is_news;
    }

    /// How the body at hand goes on is not known.
    pub(super) fn lose_units(&mut self, id: u32, side: Side) {
        if let Some(Way::Open(part)) = self.streams.get_mut(id).map(|stream| stream.way(side)) {
            part.units.lose();
        }
    }

    /// All that a side had under way ends as it is.
    pub(super) fn finish_all(&mut self, side: Side, cx: &mut Cx<'_>) {
        let mut open = self.forget_place(side, cx);
        open.extend(self.streams.iter().filter(|(_, stream)| stream.session.is_some()).map(|(id, _)| id));
        for id in open {
            if side == Side::Client {
                self.end_way(side, id, false, cx);
            }
        }
        if side == Side::Server {
            while let Some(id) = self.streams.oldest() {
                self.reset(id, cx);
            }
        }
    }
}
