//! Messages begin and are given.

use crate::event::{
    AmbiguityKind, Body, Content, Event, Header, Headers, Message, Progress, SessionKind, Start, Version,
};
use crate::http::h1::framing::{Fields, Framing};
use crate::http::h1::head::{self, Fault, Head, HeaderVec};
use crate::http::h1::{Awaited, Chunks, Reader, State, chunked, request, switch};
use crate::http::h2::Connection;
use crate::http::pairs::{Answer, Asked, StartsAt};
use crate::http::session::Agreed;
use crate::http::units::Units;
use crate::http::work::{Begun, Work};
use crate::http::{Cx, Fresh, Kind, Odds, RUNS_AFTER, TELL_EVERY, Talk, Unread};
use crate::input::{ExchangeId, Origin, Side};
use crate::time::Timestamp;

/// What a method means for its response.
pub(crate) fn asked(method: &[u8]) -> Asked {
    match method {
        b"HEAD" => Asked::Head,
        b"CONNECT" => Asked::Connect,
        _ => Asked::Other,
    }
}

/// A server sends this by itself when it closes an idle connection (RFC 9110 §15.5.9).
const REQUEST_TIMEOUT: u16 = 408;

impl Reader {
    /// A head lies whole in the segment. Gives the message if all of it does.
    pub(crate) fn begin_in_place<'d>(
        &mut self,
        data: &'d [u8],
        head: &Head<'_>,
        headers: &HeaderVec<'_>,
        talk: &mut Talk,
        cx: &mut Cx<'_>,
    ) -> &'d [u8] {
        let (head_bytes, rest) = data.split_at_checked(head.len).unwrap_or((data, &[]));
        talk.coverage.parsed += head_bytes.len() as u64;
        let begun = self.begin(head, headers, false, None, talk, cx);
        self.state = State::Head(None);
        let Some(begun) = begun else { return rest };
        let whole = match begun.framing {
            Framing::Length(n) => usize::try_from(n).ok().and_then(|n| rest.get(..n)).map(|body| (body, body.len())),
            Framing::Chunked => chunked::single(rest),
            Framing::Switched => Some((&rest[..0], 0)),
            Framing::UntilClose | Framing::Unknown => None,
        };
        if let Some((body, len)) = whole.filter(|(body, _)| body.len() <= cx.limits.body_bytes_max) {
            talk.coverage.parsed += len as u64;
            let mut units = Units::new(begun.units, begun.is_coded);
            units.bytes(body);
            let body = Body { data: body, total: begun.sure.then_some(body.len() as u64) };
            let complete = begun.sure && !self.tell_doubt(cx.doubt, begun, cx);
            let given = Given { begun, trailers: &[], body, units: &units, complete, times: (cx.at, cx.at) };
            give(head, headers, given, cx);
            self.after(begun, talk, cx);
            return rest.get(len..).unwrap_or_default();
        }
        let mut work = cx.pool.take();
        if !cx.pool.append(&mut work.buf, head_bytes, cx.limits) {
            cx.counters.cut_by_memory += 1;
            let body = Body { data: &[], total: None };
            self.tell_doubt(cx.doubt, begun, cx);
            let mut units = Units::new(begun.units, begun.is_coded);
            units.lose();
            let given = Given { begun, trailers: &[], body, units: &units, complete: false, times: (cx.at, cx.at) };
            give(head, headers, given, cx);
            cx.pool.give(work);
            self.lose_step(Unread::JoinedLate, talk, cx);
            return rest;
        }
        work.began = cx.at;
        work.latest = cx.at;
        work.head_len = head_bytes.len();
        self.work = Some(work);
        self.follow(Some(begun), talk, cx);
        rest
    }

    /// A head has ended: pairs it and says how it goes on. `None` for an interim response.
    pub(crate) fn begin(
        &mut self,
        head: &Head<'_>,
        headers: &[Header<'_>],
        folded: bool,
        fault: Option<Fault>,
        talk: &mut Talk,
        cx: &mut Cx<'_>,
    ) -> Option<Begun> {
        talk.kind = Kind::Http;
        let (fields, mut agreed) = (head.fields, None);
        self.guessed = self.is_guess();
        let (index, sure, framing, mut odds) = match head.start {
            Start::Request { method, target } => {
                let behind_switch = talk.pairs.may_switch();
                let asked = asked(method.as_bytes());
                // HTTP/1.0 has no Upgrade (RFC 9110 §7.8).
                let switches = asked == Asked::Connect || (fields.upgrade && head.version == Version::Http11);
                let start = match (self.starts, talk.server_busy) {
                    (Fresh::Turn, false) => StartsAt::CleanTurn,
                    (Fresh::Turn, true) | (Fresh::Held, _) => StartsAt::Turn,
                    (Fresh::No | Fresh::Guess, _) => StartsAt::Anywhere,
                };
                let (index, too_many) = talk.pairs.request(asked, switches, start, cx.limits.pipeline_max);
                cx.counters.pipelines_too_long += u64::from(too_many);
                cx.counters.pairings_broken += u64::from(too_many);
                let (framing, mut odds) = fields.of_request(head.version, method);
                odds = odds.union(request::odds(method, target, head, headers, fault.is_none()));
                odds.add_if(behind_switch, AmbiguityKind::BehindSwitch);
                (index, !self.guessed, framing, odds)
            }
            Start::Response { status: 101 } if fault.is_none() && switch::is_to_h2(headers) => {
                let (index, _) = self.answer(101, talk, cx);
                cx.counters.interim_responses += 1;
                talk.speak_h2(Connection::upgraded(index));
                return None;
            }
            Start::Response { status } if (100..200).contains(&status) && status != 101 => {
                if status == 100 {
                    talk.pairs.told_to_continue();
                }
                cx.counters.interim_responses += 1;
                let mut odds = head.odds.union(fields.of_interim(head.version));
                odds.add_if(folded, AmbiguityKind::Folded);
                odds.add_if(self.led, AmbiguityKind::EmptyLine);
                self.tell_odds(talk.pairs.current(), odds, cx);
                return None;
            }
            Start::Response { status } => {
                let (index, asked) = self.answer(status, talk, cx);
                let (framing, odds) = fields.of_response(head.version, status, asked);
                if framing == Framing::Switched {
                    agreed = Some(switch::agreed(status, asked, headers));
                }
                (index, asked != Asked::Unknown, framing, odds)
            }
        };
        odds = odds.union(head.odds);
        odds.add_if(folded, AmbiguityKind::Folded);
        odds.add_if(self.led, AmbiguityKind::EmptyLine);
        if let Some(Fault::Line(kind)) = fault {
            odds.add(kind);
        }
        self.tell_odds(index, odds, cx);
        cx.counters.malformed_heads += u64::from(matches!(fault, Some(Fault::Line(_))) || framing == Framing::Unknown);
        let framing = if fault.is_some() { Framing::Unknown } else { framing };
        let Fields { expects, units, is_coded, .. } = fields;
        let agreed = agreed.filter(|_| framing == Framing::Switched);
        Some(Begun { index, framing, sure, expects, units, is_coded, agreed, doubt: cx.doubt })
    }

    /// Whether the message at hand is a guess: in step again where a turn is proven; a guess where its place was only looked for.
    pub(crate) fn is_guess(&self) -> bool {
        match self.starts {
            Fresh::Turn | Fresh::Held => false,
            Fresh::Guess => self.guessed || matches!(self.state, State::Head(Some(_))),
            Fresh::No => self.guessed,
        }
    }

    /// Of what only may be a head nothing is said: it may lie in a body, and who sent it is not to blame.
    fn tell_odds(&self, index: u32, odds: Odds, cx: &mut Cx<'_>) {
        if !self.guessed {
            cx.all_ambiguous(index, self.side, odds);
        }
    }

    fn answer(&mut self, status: u16, talk: &mut Talk, cx: &mut Cx<'_>) -> (u32, Asked) {
        // No server switches before it has read the request.
        let half_asked = talk.half_asked.filter(|_| !talk.client_gap && status != 101);
        match talk.pairs.response(self.awaited != Awaited::Yes, half_asked) {
            Answer::To(waiting) => (waiting.index, waiting.asked),
            Answer::Unpaired(index) => {
                cx.counters.unpaired_responses += 1;
                if talk.client_gap {
                    talk.pairs.break_client();
                }
                let looked_for = matches!(self.state, State::Head(Some(_)));
                if status != REQUEST_TIMEOUT && !looked_for && self.awaited == Awaited::No {
                    talk.pairs.remember_unasked(index, cx.at);
                }
                (index, Asked::Unknown)
            }
        }
    }

    /// The head is in the buffer: goes on as the framing says.
    pub(crate) fn follow(&mut self, begun: Option<Begun>, talk: &mut Talk, cx: &mut Cx<'_>) {
        self.state = State::Head(None);
        let Some(begun) = begun else {
            if let Some(work) = self.work.take() {
                cx.pool.give(work);
            }
            return;
        };
        if let Some(work) = self.work.as_deref_mut() {
            work.begun = Some(begun);
            work.units = Units::new(begun.units, begun.is_coded);
        }
        match begun.framing {
            Framing::Length(0) | Framing::Switched => self.finish(true, talk, cx),
            Framing::Length(left) => self.state = State::Length { left },
            Framing::Chunked => self.state = State::Chunked(Chunks::default()),
            Framing::UntilClose => self.state = State::UntilClose,
            Framing::Unknown => {
                self.finish(false, talk, cx);
                self.lose_step(Unread::Malformed, talk, cx);
            }
        }
    }

    /// Gives the message in the buffer. `ended`: as its framing says.
    pub(crate) fn finish(&mut self, ended: bool, talk: &mut Talk, cx: &mut Cx<'_>) {
        self.state = State::Head(None);
        let Some(work) = self.work.take() else { return };
        if let Some(begun) = work.begun {
            self.give_gathered(&work, begun, ended, cx);
            if ended {
                self.after(begun, talk, cx);
            }
        }
        cx.pool.give(work);
    }

    fn give_gathered(&self, work: &Work, begun: Begun, ended: bool, cx: &mut Cx<'_>) {
        let (bytes, data) = work.buf.split_at_checked(work.head_len).unwrap_or((&work.buf, &[]));
        let mut headers = HeaderVec::new();
        let Some(head) = head::read(bytes, self.side, &mut headers) else { return };
        let body = Body { data, total: (ended && begun.sure).then_some(work.total) };
        let complete = ended && begun.sure && !work.lost && !self.tell_doubt(work.doubt, begun, cx);
        let mut trailers = HeaderVec::new();
        head::trailers(&work.trailers, &mut trailers);
        let times = (work.began, work.latest.max(cx.at));
        give(&head, &headers, Given { begun, trailers: &trailers, body, units: &work.units, complete, times }, cx);
    }

    /// Whether there is something to tell of a message that runs.
    pub(crate) fn is_news(&self) -> bool {
        self.work.as_deref().is_some_and(|work| {
            work.begun.is_some() && (work.told == Timestamp::EPOCH || work.told_total != work.total)
        })
    }

    /// Tells that the message at hand runs, and how far it is.
    pub(crate) fn tell(&mut self, cx: &mut Cx<'_>) {
        let side = self.side;
        if !self.is_news() {
            return;
        }
        let Some(work) = self.work.as_deref_mut() else { return };
        let Some(begun) = work.begun.filter(|_| cx.at.since(work.began) >= RUNS_AFTER) else { return };
        if work.told == Timestamp::EPOCH {
            let bytes = work.buf.get(..work.head_len).unwrap_or_default();
            let mut headers = HeaderVec::new();
            let Some(head) = head::read(bytes, side, &mut headers) else { return };
            let body = Body { data: &[], total: None };
            let times = (work.began, work.latest);
            let given = Given { begun, trailers: &[], body, units: &work.units, complete: false, times };
            cx.counters.heads_given += 1;
            let message = given.message(&head, &headers, cx.exchange(begun.index), cx.origin);
            (cx.emit)(Event::Head(message));
        } else if cx.at.since(work.told) < TELL_EVERY {
            return;
        }
        (work.told, work.told_total) = (cx.at, work.total);
        let exchange = cx.exchange(begun.index);
        let content = work.units.content();
        (cx.emit)(Event::Progress(Progress::Body { exchange, side, bytes: work.total, content, at: work.latest }));
    }

    /// A message has ended as its framing says.
    fn after(&mut self, begun: Begun, talk: &mut Talk, cx: &mut Cx<'_>) {
        if begun.framing == Framing::Switched {
            cov_mark::hit!(switched);
            talk.switch(begun.index, begun.agreed.unwrap_or(Agreed::on(SessionKind::Other)), cx);
            if !begun.sure {
                // Some of the client's bytes were missed: what comes may still be of its request.
                talk.session_lose(Side::Client, cx);
            }
        } else if begun.doubt || (!begun.sure && begun.framing != Framing::Length(0)) {
            cov_mark::hit!(unsure_framing);
            self.lose_step(Unread::JoinedLate, talk, cx);
        }
    }
}

/// What is given of a message besides its head.
#[derive(Clone, Copy)]
struct Given<'a> {
    begun: Begun,
    trailers: &'a [Header<'a>],
    body: Body<'a>,
    units: &'a Units,
    complete: bool,
    times: (Timestamp, Timestamp),
}

impl<'a> Given<'a> {
    fn message(
        self,
        head: &Head<'a>,
        headers: &'a [Header<'a>],
        exchange: ExchangeId,
        origin: &'a Origin,
    ) -> Message<'a> {
        let content = self.begun.agreed.map_or(self.units.content(), |agreed| Content::Session(agreed.kind));
        Message {
            exchange,
            origin,
            version: head.version,
            start: head.start,
            headers: Headers(headers),
            body: self.body,
            trailers: Headers(self.trailers),
            content,
            began: self.times.0,
            ended: self.times.1,
            complete: self.complete,
        }
    }
}

fn give<'a>(head: &Head<'a>, headers: &'a [Header<'a>], given: Given<'a>, cx: &mut Cx<'_>) {
    cx.counters.messages += 1;
    cx.counters.messages_incomplete += u64::from(!given.complete);
    let message = given.message(head, headers, cx.exchange(given.begun.index), cx.origin);
    (cx.emit)(Event::Message(message));
}

impl Reader {
    /// Says of a message that copies of its bytes differ, if it is so.
    fn tell_doubt(&self, doubt: bool, begun: Begun, cx: &mut Cx<'_>) -> bool {
        if doubt || begun.doubt {
            cx.ambiguous(begun.index, self.side, AmbiguityKind::ConflictingBytes);
        }
        doubt || begun.doubt
    }

    /// The bytes at hand came in copies that differ: so does the message under way, and where it ends unless its length is known.
    pub(crate) fn doubt(&mut self) {
        let ends_anywhere = matches!(self.state, State::Chunked(_));
        if let Some(work) = self.work.as_deref_mut() {
            work.doubt = true;
            if let Some(begun) = &mut work.begun {
                begun.doubt |= ends_anywhere;
            }
        }
    }

    /// The side that this reader reads.
    pub(crate) fn side(&self) -> Side {
        self.side
    }
}
