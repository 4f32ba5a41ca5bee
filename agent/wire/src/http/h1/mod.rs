//! HTTP/1.0 and 1.1: one direction's bytes to messages (RFC 9112).
//!
//! The usual message lies whole in one segment and is given from where it lies. Any other is gathered in a [`Work`].
//! What can't be read is counted, and reading goes on where a message provably starts. It never looks at a byte more
//! often than a fixed number of times. Entry: [`Reader::bytes`], [`Reader::hole`], [`Reader::end`].

mod body;
mod chunked;
pub(crate) mod framing;
mod give;
pub(crate) mod head;
mod request;
mod secure;
mod switch;

use crate::event::AmbiguityKind;
use crate::http::h2::{Connection, frame};
use crate::http::pairs::Asked;
use crate::http::work::Work;
use crate::http::{Cx, Fresh, Hole, Kind, Talk, Unread};
use crate::input::{CloseReason, Side};
use crate::tls;
use chunked::Chunks;
use head::{Fault, HeaderVec, Line, Parsed, Sign};
use switch::Preface;

/// Empty lines before a message, in bytes.
const LEAD_BYTES_MAX: u64 = 4096;

/// Changes of state in a row that take no byte; more would be a defect, and must not become a loop without end.
const STALLS_MAX: u32 = 8;

/// So many turns of a connection joined late may start with what is no message, until it is taken for not HTTP.
const STRIKES_MAX: u8 = 16;

/// The reader of one direction.
#[derive(Debug)]
pub(crate) struct Reader {
    side: Side,
    state: State,
    /// Whether the message at hand begins where a turn begins.
    pub(crate) starts: Fresh,
    /// Empty lines came before the message at hand.
    led: bool,
    /// Whether the message at hand was waited for when it began, if it is a response.
    pub(crate) awaited: Awaited,
    /// That a message began where it was taken to begin was a guess: so are all that follow it.
    guessed: bool,
    /// The message at hand, unless it was given in place.
    work: Option<Box<Work>>,
}

/// Whether a response was waited for when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// By a request, or by one whose head was half there.
    Yes,
    /// By none.
    No,
    /// By none that is known; one may have been missed.
    Unknown,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Before or in a head. With a reason: only perhaps, and what turns out to be no head is unread for that reason.
    Head(Option<Unread>),
    /// In a body of known length.
    Length { left: u64 },
    /// In a chunked body.
    Chunked(Chunks),
    /// In a body that ends with the connection.
    UntilClose,
    /// In what can't be read, for this reason.
    Resync(Unread),
}

impl Reader {
    pub(crate) fn new(side: Side) -> Self {
        Self {
            side,
            state: State::Head(None),
            starts: Fresh::No,
            led: false,
            awaited: Awaited::Yes,
            guessed: false,
            work: None,
        }
    }

    /// The stream's beginning was not seen.
    pub(crate) fn join(&mut self) {
        self.state = State::Resync(Unread::JoinedLate);
    }

    /// Whether it is in the middle of a message.
    pub(crate) fn is_within(&self) -> bool {
        match self.state {
            State::Head(_) => self.work.is_some(),
            State::Length { .. } | State::Chunked(_) | State::UntilClose => true,
            State::Resync(_) => false,
        }
    }

    fn is_in_body(&self) -> bool {
        matches!(self.state, State::Length { .. } | State::Chunked(_))
    }

    /// The other side is seen for the first time: what was guessed without it ends here, and the next turn proves the place.
    pub(crate) fn end_guess(&mut self, talk: &mut Talk, cx: &mut Cx<'_>) {
        if !std::mem::take(&mut self.guessed) {
            return;
        }
        cov_mark::hit!(guess_ends);
        match self.state {
            State::Length { .. } | State::Chunked(_) | State::UntilClose => self.finish(false, talk, cx),
            State::Head(_) | State::Resync(_) => self.unread(Unread::JoinedLate, talk, cx),
        }
        self.lose_step(Unread::JoinedLate, talk, cx);
    }

    /// The other side speaks: a message under way no longer ends the last that was said.
    pub(crate) fn interrupt(&mut self) {
        if self.starts == Fresh::Turn {
            self.starts = Fresh::Held;
        }
    }

    /// If a head is half there: what it asks, as far as that is known.
    pub(crate) fn half_asked(&self) -> Option<Asked> {
        let head = self.work.as_deref().map(|work| &work.buf[..]).filter(|head| !head.is_empty())?;
        let method_end = memchr::memchr(b' ', head);
        let asked = || method_end.and_then(|end| head.get(..end)).map_or(Asked::Unknown, give::asked);
        matches!(self.state, State::Head(None)).then(asked)
    }

    /// The next bytes. `fresh`: they begin where a message may be taken to start, see [`crate::flow`].
    pub(crate) fn bytes(&mut self, mut data: &[u8], fresh: Fresh, talk: &mut Talk, cx: &mut Cx<'_>) {
        let mut fresh = fresh;
        let mut stalled = 0;
        while !data.is_empty() {
            // A request is sent whole before the client speaks HTTP/2 (RFC 7540 section 3.2).
            if talk.kind == Kind::H2 && !self.is_in_body() {
                return self.h2_bytes(data, talk, cx);
            }
            if talk.kind == Kind::Tls {
                return self.tls_bytes(data, talk, cx);
            }
            if talk.kind == Kind::Session {
                return self.session_bytes(data, talk, cx);
            }
            if talk.ignored() {
                self.drop_all(talk, cx);
                talk.count_unread(self.side, data.len() as u64, cx.at);
                return;
            }
            if let Some(work) = self.work.as_deref_mut() {
                work.latest = work.latest.max(cx.at);
            }
            if cx.doubt {
                self.doubt();
            }
            let had = data.len();
            data = match self.state {
                State::Head(Some(why)) if fresh.is_turn() && self.work.is_some() => {
                    cov_mark::hit!(no_head_by_turn);
                    self.unread(why, talk, cx);
                    data
                }
                State::Head(after) => self.head(data, after, fresh, talk, cx),
                State::Length { left } => self.length(data, left, fresh, talk, cx),
                State::Chunked(chunks) => self.chunked(data, chunks, fresh, talk, cx),
                State::UntilClose => self.until_close(data, fresh, talk, cx),
                State::Resync(why) if fresh != Fresh::No => self.resync(data, why, fresh, talk, cx),
                State::Resync(why) => {
                    if self.side == Side::Server {
                        talk.pairs.break_server();
                    }
                    why.count(&mut talk.coverage, data.len() as u64);
                    return;
                }
            };
            if cx.doubt {
                self.doubt();
            }
            if data.len() < had {
                fresh = Fresh::No;
                stalled = 0;
            } else {
                stalled += 1;
                if stalled > STALLS_MAX {
                    debug_assert!(false, "no progress in {:?}", self.state);
                    talk.coverage.unparsed.malformed += data.len() as u64;
                    return;
                }
            }
        }
    }

    /// A message may start here.
    fn resync<'d>(&mut self, data: &'d [u8], why: Unread, fresh: Fresh, talk: &mut Talk, cx: &mut Cx<'_>) -> &'d [u8] {
        if fresh.is_turn() && talk.kind == Kind::Unknown && tls::is_record(data) {
            talk.speak_tls(cx.at);
            return data;
        }
        if fresh.is_turn() && talk.kind == Kind::Unknown && frame::is_chain(data, self.side) {
            cov_mark::hit!(h2_joined_late);
            talk.speak_h2(Connection::joined_late());
            return data;
        }
        self.state = State::Head(Some(why));
        self.head(data, Some(why), fresh, talk, cx)
    }

    fn head<'d>(
        &mut self,
        data: &'d [u8],
        after: Option<Unread>,
        fresh: Fresh,
        talk: &mut Talk,
        cx: &mut Cx<'_>,
    ) -> &'d [u8] {
        if self.work.is_none() {
            self.starts = fresh;
            self.led = false;
            self.awaited = match talk.pairs.is_proven() && !talk.client_gap {
                _ if !talk.pairs.is_idle() => Awaited::Yes,
                true if talk.half_asked.is_some() => Awaited::Yes,
                true => Awaited::No,
                false => Awaited::Unknown,
            };
        }
        let mut lead = 0;
        let mut rest = data;
        if self.work.as_deref().is_none_or(|work| work.buf.is_empty()) && after.is_none() {
            let text = data.iter().position(|b| !matches!(b, b'\r' | b'\n')).unwrap_or(data.len());
            (lead, rest) = (text as u64, data.get(text..).unwrap_or_default());
            self.led |= lead > 0;
        }
        if self.work.is_none() && !rest.is_empty() && (after.is_none() || sign(rest, self.side, true) == Sign::Yes) {
            let mut headers = HeaderVec::new();
            if let Parsed::Whole(head) = head::parse(rest, self.side, &mut headers)
                && head.len <= cx.limits.head_bytes_max
            {
                talk.coverage.parsed += lead;
                return self.begin_in_place(rest, &head, &headers, talk, cx);
            }
        }
        let work = self.work.get_or_insert_with(|| cx.pool.take());
        work.lead += lead;
        if rest.is_empty() {
            if work.lead > LEAD_BYTES_MAX {
                self.refuse_head(AmbiguityKind::EmptyLine, talk, cx);
            }
            return rest;
        }
        self.gather(rest, after, talk, cx)
    }

    /// Adds to a head that does not lie whole in one segment.
    fn gather<'d>(&mut self, data: &'d [u8], after: Option<Unread>, talk: &mut Talk, cx: &mut Cx<'_>) -> &'d [u8] {
        let Some(work) = self.work.as_deref_mut() else { return &[] };
        let had = work.buf.len();
        if had == 0 {
            work.began = cx.at;
            work.latest = cx.at;
            work.scan = 0;
        }
        let room = cx.limits.head_bytes_max.saturating_sub(had);
        let (taken, rest) = data.split_at_checked(room).unwrap_or((data, &[]));
        if !cx.pool.append(&mut work.buf, taken, cx.limits) {
            return self.no_memory(data, talk, cx);
        }
        match switch::preface(&work.buf, self.side, talk.kind) {
            Preface::Whole => {
                talk.speak_h2(Connection::new());
                self.h2_bytes(rest, talk, cx);
                return &[];
            }
            Preface::Begun if rest.is_empty() => return rest,
            Preface::Begun => return self.too_long(rest, talk, cx),
            Preface::None => {}
        }
        if had < head::SIGN_BYTES {
            match sign(&work.buf, self.side, after.is_some()) {
                Sign::Yes => {}
                Sign::Maybe if rest.is_empty() => return rest,
                Sign::Maybe => return self.too_long(rest, talk, cx),
                Sign::No => return self.no_head(rest, after, talk, cx),
            }
        }
        if !work.line_read
            && let Some(line_end) = memchr::memchr(b'\n', work.buf.get(work.scan..).unwrap_or_default())
        {
            let line = work.buf.get(..work.scan + line_end).unwrap_or_default();
            match head::line(line, self.side) {
                Line::Http => work.line_read = true,
                Line::Odd(kind) => {
                    self.refuse_head(kind, talk, cx);
                    return rest;
                }
                Line::Http09 => {
                    cx.counters.http09_requests += 1;
                    if after.is_none() && talk.kind == Kind::Unknown {
                        self.tell_unread(AmbiguityKind::OddVersion, talk, cx);
                    }
                    return self.no_head(rest, after, talk, cx);
                }
                Line::Other => return self.no_head(rest, after, talk, cx),
            }
        }
        match head::end(&work.buf, &mut work.scan) {
            Some(end) => {
                let back = work.buf.len() - end;
                work.buf.truncate(end);
                self.begin_gathered(talk, cx);
                data.get(taken.len() - back..).unwrap_or_default()
            }
            None if rest.is_empty() => rest,
            None => self.too_long(rest, talk, cx),
        }
    }

    fn too_long<'d>(&mut self, rest: &'d [u8], talk: &mut Talk, cx: &mut Cx<'_>) -> &'d [u8] {
        cx.counters.heads_too_long += 1;
        self.cut_head(Unread::Malformed, Fault::Line(AmbiguityKind::LongHead), talk, cx);
        // Taken here, so that there is progress whatever the bound.
        Unread::Malformed.count(&mut talk.coverage, rest.len() as u64);
        &[]
    }

    /// The first bytes are no head.
    fn no_head<'d>(&mut self, rest: &'d [u8], after: Option<Unread>, talk: &mut Talk, cx: &mut Cx<'_>) -> &'d [u8] {
        if let Some(why) = after {
            if talk.kind == Kind::Unknown && self.starts.is_turn() {
                talk.strikes = talk.strikes.saturating_add(1);
            }
            self.unread(why, talk, cx);
            if talk.strikes >= STRIKES_MAX {
                talk.ignore(Kind::NotHttp, cx);
            }
            why.count(&mut talk.coverage, rest.len() as u64);
            return &[];
        }
        if talk.kind == Kind::Http && !(self.side == Side::Client && talk.pairs.may_switch()) {
            cov_mark::hit!(garbage_after_http);
            self.refuse_head(AmbiguityKind::OddFirstLine, talk, cx);
            return rest;
        }
        if self.may_be_tls(talk) {
            talk.speak_tls(cx.at);
            self.tls_bytes(rest, talk, cx);
            return &[];
        }
        let begun = self.work.as_deref().map(|work| &work.buf[..]).unwrap_or_default();
        if talk.kind == Kind::Unknown && self.side == Side::Client && head::is_usual_but_for_a_tab(begun) {
            self.tell_unread(AmbiguityKind::OddFirstLine, talk, cx);
        }
        talk.ignore(Kind::NotHttp, cx);
        self.drop_all(talk, cx);
        rest
    }

    /// The bound on all buffers is reached: the head is given up.
    fn no_memory<'d>(&mut self, data: &'d [u8], talk: &mut Talk, cx: &mut Cx<'_>) -> &'d [u8] {
        cx.counters.cut_by_memory += 1;
        let undecided = self.work.as_deref().map_or(0, Work::undecided);
        talk.coverage.lost.memory += undecided + data.len() as u64;
        if let Some(work) = self.work.take() {
            cx.pool.give(work);
        }
        self.lose_step(Unread::JoinedLate, talk, cx);
        &[]
    }

    /// A head is whole in the buffer.
    fn begin_gathered(&mut self, talk: &mut Talk, cx: &mut Cx<'_>) {
        let Some(mut work) = self.work.take() else { return };
        talk.coverage.parsed += std::mem::take(&mut work.lead);
        let folded = head::unfold(&mut work.buf);
        let mut fault = None;
        let mut headers = HeaderVec::new();
        let head = match head::parse(&work.buf, self.side, &mut headers) {
            Parsed::Whole(head) => Some(head),
            Parsed::Not => {
                headers.clear();
                let (head, found) = head::walk(&work.buf, self.side, &mut headers);
                fault = found;
                head
            }
        };
        let Some(head) = head else {
            drop(headers);
            self.work = Some(work);
            let kind = if let Some(Fault::Line(kind)) = fault { kind } else { AmbiguityKind::OddFirstLine };
            return self.refuse_head(kind, talk, cx);
        };
        let len = head.len;
        let mut begun = self.begin(&head, &headers, folded, fault, talk, cx);
        drop(headers);
        if let Some(begun) = &mut begun {
            begun.doubt |= work.doubt;
        }
        talk.coverage.parsed += len as u64;
        talk.coverage.unparsed.malformed += (work.buf.len() - len) as u64;
        work.buf.truncate(len);
        work.head_len = len;
        self.work = Some(work);
        self.follow(begun, talk, cx);
    }

    /// What was gathered is no head, in this way.
    fn refuse_head(&mut self, kind: AmbiguityKind, talk: &mut Talk, cx: &mut Cx<'_>) {
        cx.counters.malformed_heads += 1;
        self.tell_unread(kind, talk, cx);
        self.refuse(Unread::Malformed, talk, cx);
    }

    /// Tells of an ambiguity that belongs to no message; unless it only may be where a message begins.
    fn tell_unread(&self, kind: AmbiguityKind, talk: &Talk, cx: &mut Cx<'_>) {
        if self.is_guess() {
            return;
        }
        let index = match self.side {
            Side::Client => talk.pairs.coming(),
            Side::Server => talk.pairs.current(),
        };
        cx.ambiguous(index, self.side, kind);
    }

    /// What was gathered breaks the rules, and no message can be made of it.
    fn refuse(&mut self, why: Unread, talk: &mut Talk, cx: &mut Cx<'_>) {
        self.unread(why, talk, cx);
        self.lose_step(why, talk, cx);
    }

    /// Counts what was gathered as not read.
    fn unread(&mut self, why: Unread, talk: &mut Talk, cx: &mut Cx<'_>) {
        if let Some(work) = self.work.take() {
            why.count(&mut talk.coverage, work.undecided());
            cx.pool.give(work);
        }
        self.state = State::Resync(why);
    }

    /// From here on messages of this side may be missing.
    fn lose_step(&mut self, why: Unread, talk: &mut Talk, cx: &mut Cx<'_>) {
        self.state = State::Resync(why);
        match self.side {
            Side::Client => cx.counters.pairings_broken += u64::from(talk.pairs.break_client()),
            Side::Server => talk.pairs.break_server(),
        }
    }

    /// The connection is ignored: whatever was gathered is given or counted.
    pub(crate) fn drop_all(&mut self, talk: &mut Talk, cx: &mut Cx<'_>) {
        if self.work.as_deref().is_some_and(|work| work.head_len > 0) {
            self.lose_units();
            self.finish(false, talk, cx);
        }
        if let Some(work) = self.work.take() {
            talk.count_unread(self.side, work.undecided(), cx.at);
            cx.pool.give(work);
        }
        self.state = State::Head(None);
    }

    /// A head ends here although it is not whole: what is known of it is given.
    fn cut_head(&mut self, why: Unread, fault: Fault, talk: &mut Talk, cx: &mut Cx<'_>) {
        let Some(mut work) = self.work.take() else { return self.lose_step(why, talk, cx) };
        head::unfold(&mut work.buf);
        let whole = work.buf.len();
        head::drop_open_field(&mut work.buf);
        let mut headers = HeaderVec::new();
        let (head, _) = head::walk(&work.buf, self.side, &mut headers);
        let Some(head) = head else {
            drop(headers);
            why.count(&mut talk.coverage, (whole - work.buf.len()) as u64);
            self.work = Some(work);
            if let Fault::Line(kind) = fault {
                self.tell_unread(kind, talk, cx);
            }
            return self.refuse(why, talk, cx);
        };
        let len = head.len;
        let begun = self.begin(&head, &headers, false, Some(fault), talk, cx);
        drop(headers);
        talk.coverage.parsed += work.lead + len as u64;
        why.count(&mut talk.coverage, (whole - len) as u64);
        work.buf.truncate(len);
        work.head_len = len;
        work.begun = begun;
        self.work = Some(work);
        self.finish(false, talk, cx);
        self.lose_step(why, talk, cx);
    }

    /// So many bytes are missing here. Their account is not the reader's.
    pub(crate) fn hole(&mut self, n: u64, hole: Hole, talk: &mut Talk, cx: &mut Cx<'_>) {
        if self.session_hole(n, talk, cx)
            || talk.ignored()
            || self.h2_hole(n, hole, talk, cx)
            || self.tls_ends(talk, cx)
        {
            return;
        }
        match self.state {
            State::Head(Some(why)) => {
                self.unread(why, talk, cx);
                self.lose_step(why, talk, cx);
            }
            State::Head(None) => {
                let half = self.work.as_deref().is_some_and(|work| !work.buf.is_empty());
                if half {
                    self.cut_head(Unread::JoinedLate, Fault::Ended, talk, cx);
                } else {
                    self.refuse(Unread::JoinedLate, talk, cx);
                }
            }
            State::Resync(_) => self.lose_step(Unread::JoinedLate, talk, cx),
            State::Length { left } => self.hole_in_length(n, left, hole, talk, cx),
            State::Chunked(chunks) => self.hole_in_chunks(n, chunks, hole, talk, cx),
            State::UntilClose => self.hole_until_close(n, hole),
        }
    }

    /// The direction is over.
    pub(crate) fn end(&mut self, reason: CloseReason, talk: &mut Talk, cx: &mut Cx<'_>) {
        if talk.ignored() {
            self.drop_all(talk, cx);
            return;
        }
        if self.session_end(talk, cx) || self.h2_end(talk, cx) || self.tls_ends(talk, cx) {
            return;
        }
        match self.state {
            State::Head(Some(why)) => self.unread(why, talk, cx),
            State::Head(None) => match self.work.as_deref() {
                Some(work) if !work.buf.is_empty() => {
                    cov_mark::hit!(closed_in_head);
                    // curl and Python take a head that ends so for a whole one.
                    let answer = self.side == Side::Server && reason == CloseReason::Fin;
                    let fault = if answer { Fault::Line(AmbiguityKind::OddLineEnd) } else { Fault::Ended };
                    self.cut_head(Unread::Malformed, fault, talk, cx);
                }
                Some(_) => self.unread(Unread::Malformed, talk, cx),
                None => {}
            },
            State::Chunked(chunks) => self.end_in_chunks(chunks, talk, cx),
            State::Length { .. } => self.finish(false, talk, cx),
            State::UntilClose => self.finish(reason == CloseReason::Fin, talk, cx),
            State::Resync(_) => {}
        }
    }
}

/// Whether bytes can begin a message. Where one is only looked for, the method must be a usual one.
fn sign(bytes: &[u8], side: Side, looking: bool) -> Sign {
    match head::sign(bytes, side) {
        Sign::Yes if looking && side == Side::Client && !head::is_usual(bytes) => Sign::No,
        sign => sign,
    }
}
