//! Connections: segments of two directions to two streams of bytes in order, each byte accounted for once.
//!
//! Each direction waits at a gap for what is missing, within bounds of bytes, pieces and time, and then gives it up: the
//! reader is told of a hole of known length. Of copies of a byte that differ one counts, in doubt (see [`reorder`]). Two things pass between the directions: a
//! response that nobody waits for gives up the client's gap, since the server has read what we miss; and a *turn*. A turn
//! begins where a side goes on after the other side has sent something, with nothing missing just before it. Only there
//! a reader that lost its place may take bytes for the start of a message: inside a body nothing that looks like a message
//! is one, and who sends a body must not be able to make us believe in messages that never were.
//!
//! It never copies what is in order, and keeps nothing of a connection at rest but its place in the streams.
//! Entry: [`table::Table`], [`Flow::segment`].

pub(crate) mod delivered;
mod order;
pub(crate) mod reorder;
pub(crate) mod stream;
pub(crate) mod table;
mod tell;

use std::time::Duration;

use crate::coverage::Coverage;
use crate::event::Event;
use crate::http::h1::Reader;
use crate::http::work::Pool;
use crate::http::{Cx, Fresh, Hole, Talk};
use crate::input::{CloseReason, FlowId, Origin, Payload, Segment, Seq, Side};
use crate::limits::{Counters, Limits};
use crate::time::Timestamp;
use delivered::Delivered;
use reorder::Piece;
use stream::{BASE, BELOW_MAX, Place, Stream};

/// After this time what is missing will not come any more: a retransmission takes less (RFC 6298's timer starts at 1 s).
const GAP_KEPT: Duration = Duration::from_secs(2);

/// How often a flow's account is given.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// What the flows share while an input is taken.
pub(crate) struct Io<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) counters: &'a mut Counters,
    pub(crate) pool: &'a mut Pool,
    pub(crate) delivered: &'a mut Delivered,
    pub(crate) emit: &'a mut dyn FnMut(Event<'_>),
    pub(crate) at: Timestamp,
}

/// Why a gap is given up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    /// Nothing more will come.
    Past,
    /// A bound of ours.
    Limit,
}

#[derive(Debug)]
struct Half {
    stream: Stream,
    reader: Reader,
}

impl Half {
    fn new(side: Side) -> Self {
        Self { stream: Stream::default(), reader: Reader::new(side) }
    }

    /// Nothing of this side was ever seen.
    fn is_unknown(&self) -> bool {
        !self.stream.is_based()
    }

    fn was_heard(&self) -> bool {
        self.stream.next != BASE || self.stream.reorder.is_some()
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) id: FlowId,
    pub(crate) origin: Origin,
    client: Half,
    server: Half,
    talk: Talk,
    /// Who sent last.
    speaker: Option<Side>,
    flushed: Timestamp,
    /// It is over; kept for a new connection under the same id.
    pub(crate) over: bool,
    /// The table has it among those that are over.
    pub(crate) shelved: bool,
    /// It is in the list of those that want a tick.
    pub(crate) listed: bool,
}

impl Flow {
    pub(crate) fn new(id: FlowId, origin: Origin) -> Self {
        Self {
            id,
            origin,
            client: Half::new(Side::Client),
            server: Half::new(Side::Server),
            talk: Talk::default(),
            speaker: None,
            flushed: Timestamp::EPOCH,
            over: false,
            shelved: false,
            listed: false,
        }
    }

    fn half(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// Takes one segment.
    pub(crate) fn segment(&mut self, segment: &Segment<'_>, io: &mut Io<'_>) {
        let Segment { side, seq, .. } = *segment;
        match segment.payload {
            Payload::Open if self.over => self.renew(side, seq, io),
            _ if self.over => orphan(&segment.payload, io),
            Payload::Open => self.half(side).stream.open(seq),
            Payload::Bytes([]) | Payload::Skipped(0) => {}
            Payload::Bytes(bytes) if self.talk.ignored() => {
                self.arrive(side, seq, Piece::Unread(bytes.len() as u64), io);
            }
            Payload::Bytes(bytes) => self.arrive(side, seq, Piece::Bytes(bytes), io),
            Payload::Skipped(n) => self.arrive(side, seq, Piece::Skipped(u64::from(n)), io),
            Payload::Close(CloseReason::Fin) => self.fin(side, seq, io),
            Payload::Close(CloseReason::Reset) => {
                let stream = &mut self.half(side).stream;
                if stream.is_based() && stream.place(seq) == Place::Far {
                    io.counters.out_of_window_segments += 1;
                } else {
                    self.close(CloseReason::Reset, io);
                }
            }
            Payload::Close(CloseReason::Gone) => self.close(CloseReason::Gone, io),
        }
    }

    /// So many bytes of a side were lost in the ring.
    pub(crate) fn lost(&mut self, side: Side, n: u64) {
        if side == Side::Client && n > 0 {
            self.talk.pairs.break_client();
        }
        let stream = &mut self.half(side).stream;
        let rare = &mut *stream.rare;
        let explained = n.min(rare.unexplained);
        rare.unexplained -= explained;
        rare.ring_lost = rare.ring_lost.saturating_add(n - explained);
    }

    /// A new connection under the same id.
    fn renew(&mut self, side: Side, seq: Seq, io: &mut Io<'_>) {
        if !self.over {
            self.close(CloseReason::Gone, io);
        }
        let other = self.half(side.other()).stream.reopened_at();
        self.client = Half::new(Side::Client);
        self.server = Half::new(Side::Server);
        self.talk = Talk::default();
        self.speaker = None;
        self.over = false;
        io.counters.flows_begun += 1;
        io.counters.flows_open += 1;
        self.half(side).stream.open(seq);
        if let Some(other) = other {
            self.half(side.other()).stream.open(other);
        }
    }

    /// Where a segment lies; `None` if nowhere. Sets the base of a stream joined late.
    fn place(&mut self, side: Side, seq: Seq, io: &mut Io<'_>) -> Option<u64> {
        if !self.half(side).stream.is_based() {
            cov_mark::hit!(joined_late);
            self.half(side).reader.join();
            let lost = self.half(side).stream.rare.ring_lost > 0;
            match side {
                Side::Client if lost => {
                    self.talk.pairs.break_client();
                }
                Side::Client => self.talk.pairs.join(),
                Side::Server if lost || self.client.stream.opened => self.talk.pairs.break_server(),
                Side::Server => {}
            }
        }
        match self.half(side).stream.place(seq) {
            Place::At(pos) => Some(pos),
            Place::Far => {
                io.counters.out_of_window_segments += 1;
                None
            }
            Place::Anew(first) => {
                cov_mark::hit!(reused_without_close);
                self.renew(side, first, io);
                self.place(side, seq, io)
            }
        }
    }

    fn arrive(&mut self, side: Side, seq: Seq, piece: Piece<'_>, io: &mut Io<'_>) {
        let first = !self.half(side).was_heard();
        let Some(pos) = self.place(side, seq, io) else { return };
        let Some((pos, piece)) = self.cut(side, pos, piece, io) else { return };
        let fresh = self.fresh(side, pos, first);
        if first {
            self.with_reader(side.other(), io, Reader::end_guess);
        }
        if side == Side::Server && !is_tls(piece) {
            self.server_speaks(io);
        }
        if pos > self.half(side).stream.next {
            self.hold(side, pos, piece, fresh, io);
        } else {
            self.in_order(side, piece, fresh, io);
        }
        self.expire(side, io);
        self.settle(side, io);
    }

    /// Whether a message may be taken to start at `pos`; `first`: nothing of the side was there before.
    fn fresh(&mut self, side: Side, pos: u64, first: bool) -> Fresh {
        let client_heard = self.client.was_heard();
        let turn = self.speaker.replace(side) != Some(side);
        let stream = &mut self.half(side).stream;
        if turn {
            stream.turn_start = stream.seen_end();
        }
        let joined = first && !stream.opened;
        match side {
            _ if pos == stream.turn_start && !first => Fresh::Turn,
            Side::Client if joined => Fresh::Turn,
            Side::Server if joined && client_heard => Fresh::Turn,
            Side::Client | Side::Server if self.half(side.other()).is_unknown() => Fresh::Guess,
            Side::Client | Side::Server => Fresh::No,
        }
    }

    /// Removes what was there before, and what lies past the end.
    fn cut<'p>(&mut self, side: Side, pos: u64, piece: Piece<'p>, io: &mut Io<'_>) -> Option<(u64, Piece<'p>)> {
        let stream = &mut self.half(side).stream;
        let next = stream.next;
        let end = pos.saturating_add(piece.len());
        if end > stream.fin || stream.ended {
            cov_mark::hit!(past_the_end);
            io.counters.out_of_window_segments += 1;
            let inside = stream.fin.saturating_sub(pos);
            return if inside == 0 || stream.ended { None } else { self.cut(side, pos, piece.part(0, inside), io) };
        }
        if pos >= next {
            return Some((pos, piece));
        }
        let behind = (next - pos).min(piece.len());
        let early = self.account_early(side, pos, piece, io.at);
        io.counters.duplicate_bytes += behind - early;
        if let Piece::Bytes(bytes) = piece
            && io.delivered.differs(self.id, side, pos, bytes)
            && self.half(side).stream.conflict()
        {
            io.counters.conflicts += 1;
            let index = self.talk.pairs.current();
            self.cx(io).ambiguous(index, side, crate::event::AmbiguityKind::ConflictingBytes);
        }
        (behind < piece.len()).then(|| (next, piece.part(behind, u64::MAX)))
    }

    /// Accounts for bytes before the first one seen of a stream joined late: they are reordered, or sent again. How many.
    /// What lies between them and the first one is not known to have been missed: it may be from before the join.
    fn account_early(&mut self, side: Side, pos: u64, piece: Piece<'_>, at: Timestamp) -> u64 {
        let stream = &mut self.half(side).stream;
        let lowest = stream.rare.lowest;
        if stream.opened || pos >= lowest || lowest - pos > BELOW_MAX {
            return 0;
        }
        let end = pos.saturating_add(piece.len()).min(lowest);
        stream.rare.lowest = pos;
        let n = end - pos;
        match piece {
            Piece::Bytes(_) => self.talk.coverage.unparsed.joined_late += n,
            Piece::Skipped(_) => self.talk.count_skipped(n),
            Piece::Unread(_) => self.talk.count_unread(side, n, at),
        }
        n
    }

    /// A response that nobody waits for: the server has read what we miss of the client.
    fn server_speaks(&mut self, io: &mut Io<'_>) {
        if self.talk.h2.is_none()
            && self.talk.pairs.nobody_waits()
            && self.client.stream.has_gap()
            && !self.server.reader.is_within()
        {
            cov_mark::hit!(answered_gap);
            while self.give_up(Side::Client, Why::Past, io) {}
            self.settle(Side::Client, io);
        }
    }

    /// Gives the reader what is next in order. `doubt`: it came in copies that differ.
    fn feed(&mut self, side: Side, piece: Piece<'_>, fresh: Fresh, doubt: bool, io: &mut Io<'_>) {
        let n = piece.len();
        self.half(side).stream.advance(n);
        match piece {
            Piece::Bytes(bytes) => {
                io.delivered.add(self.id, side, self.half(side).stream.next - n, bytes);
                self.prove_unasked(side, io);
                self.with_reader(side, io, |reader, talk, cx| {
                    cx.doubt = doubt;
                    reader.bytes(bytes, fresh, talk, cx);
                });
            }
            Piece::Skipped(_) => {
                self.talk.count_skipped(n);
                self.with_reader(side, io, |reader, talk, cx| reader.hole(n, Hole::Skipped, talk, cx));
            }
            Piece::Unread(_) => self.talk.count_unread(side, n, io.at),
        }
    }

    /// The client's stream goes on without a hole: a response before it that nobody waited for was not asked for.
    fn prove_unasked(&mut self, side: Side, io: &mut Io<'_>) {
        if side == Side::Client
            && let Some((index, at)) = self.talk.pairs.proven_unasked()
        {
            let now = std::mem::replace(&mut io.at, at);
            self.cx(io).ambiguous(index, Side::Server, crate::event::AmbiguityKind::UnaskedResponse);
            io.at = now;
        }
    }

    fn cx<'a>(&'a self, io: &'a mut Io<'_>) -> Cx<'a> {
        Cx {
            limits: io.limits,
            counters: io.counters,
            pool: io.pool,
            emit: io.emit,
            flow: self.id,
            origin: &self.origin,
            at: io.at,
            doubt: false,
        }
    }

    fn with_reader(&mut self, side: Side, io: &mut Io<'_>, step: impl FnOnce(&mut Reader, &mut Talk, &mut Cx<'_>)) {
        let Self { id, origin, client, server, talk, .. } = self;
        talk.server_busy = server.reader.is_within() || server.stream.has_gap();
        talk.half_asked = client.reader.half_asked();
        talk.client_gap = client.stream.has_gap();
        if side == Side::Server {
            client.reader.interrupt();
        }
        let (reader, other) = match side {
            Side::Client => (&mut client.reader, &mut server.reader),
            Side::Server => (&mut server.reader, &mut client.reader),
        };
        let Io { limits, counters, pool, emit, at, .. } = io;
        let mut cx = Cx { limits, counters, pool, emit: &mut **emit, flow: *id, origin, at: *at, doubt: false };
        let ignored = talk.ignored();
        step(reader, talk, &mut cx);
        if talk.ignored() && !ignored {
            reader.drop_all(talk, &mut cx);
            other.drop_all(talk, &mut cx);
        }
    }

    fn fin(&mut self, side: Side, seq: Seq, io: &mut Io<'_>) {
        let Some(pos) = self.place(side, seq, io) else { return };
        let at = io.at;
        let stream = &mut self.half(side).stream;
        if stream.ended || stream.fin != u64::MAX {
            return;
        }
        if pos < stream.next {
            // An old one, or none at all: receivers don't heed it (RFC 9293 section 3.10.7.4).
            io.counters.out_of_window_segments += 1;
            return;
        }
        stream.fin = pos.max(stream.seen_end());
        if stream.fin == stream.next {
            self.prove_unasked(side, io);
        } else {
            stream.rare.fin_at = at;
        }
        self.settle(side, io);
    }

    /// Tells the end of a direction once everything before it was read; closes when both are over.
    fn settle(&mut self, side: Side, io: &mut Io<'_>) {
        let stream = &mut self.half(side).stream;
        if stream.ended || stream.fin > stream.next || stream.reorder.is_some() {
            return;
        }
        stream.ended = true;
        self.with_reader(side, io, |reader, talk, cx| reader.end(CloseReason::Fin, talk, cx));
        if self.client.stream.ended && self.server.stream.ended {
            self.tell_closed(io);
        }
    }

    /// Both directions are over at once.
    pub(crate) fn close(&mut self, reason: CloseReason, io: &mut Io<'_>) {
        for side in [Side::Client, Side::Server] {
            while self.give_up(side, Why::Past, io) {}
            if self.over {
                return;
            }
            if !self.half(side).stream.ended {
                let fin = self.half(side).stream.fin == self.half(side).stream.next;
                // What was lost and never seen as a gap was lost at the end.
                let ring = self.half(side).stream.rare.ring_lost;
                if ring > 0 {
                    self.talk.coverage.lost.ring += ring;
                }
                self.half(side).stream.ended = true;
                let reason = if fin { CloseReason::Fin } else { reason };
                self.with_reader(side, io, |reader, talk, cx| reader.end(reason, talk, cx));
            }
        }
        self.tell_closed(io);
    }

    fn tell_closed(&mut self, io: &mut Io<'_>) {
        if let Some(session) = self.talk.session.take() {
            session.finish(&mut self.cx(io));
        }
        // A direction may have ended before the other side showed that the connection is TLS.
        for side in [Side::Client, Side::Server] {
            self.with_reader(side, io, |reader, talk, cx| {
                reader.tls_ends(talk, cx);
            });
        }
        self.flush(io);
        self.talk.coverage.release();
        self.over = true;
        io.counters.flows_open = io.counters.flows_open.saturating_sub(1);
        (io.emit)(Event::Closed(self.id, io.at));
    }

    fn flush(&mut self, io: &mut Io<'_>) {
        if *self.talk.coverage == Coverage::default() {
            self.talk.coverage.release();
            return;
        }
        self.flushed = io.at;
        let coverage = std::mem::take(&mut *self.talk.coverage);
        (io.emit)(Event::Coverage(self.id, coverage));
    }

    /// Gives up the gaps of a side that are too old.
    fn expire(&mut self, side: Side, io: &mut Io<'_>) {
        while self.half(side).stream.has_gap() && io.at.since(self.half(side).stream.gap_since()) >= GAP_KEPT {
            cov_mark::hit!(old_gap);
            if !self.give_up(side, Why::Past, io) {
                break;
            }
        }
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, io: &mut Io<'_>) {
        for side in [Side::Client, Side::Server] {
            self.expire(side, io);
            if !self.over {
                self.settle(side, io);
            }
        }
        if !self.over {
            self.tell(io);
        }
        if !self.over && io.at.since(self.flushed) >= FLUSH_EVERY {
            self.flush(io);
        }
    }

    /// Whether a tick has something to do here.
    pub(crate) fn wants_tick(&self) -> bool {
        !self.over
            && (self.talk.coverage.is_held()
                || self.client.stream.has_gap()
                || self.server.stream.has_gap()
                || self.is_news())
    }
}

/// Whether bytes look like a record of TLS. A server that sends one has read the client's hello, but we may not have yet: what is
/// in no exchange may be seen in any order.
fn is_tls(piece: Piece<'_>) -> bool {
    matches!(piece, Piece::Bytes(bytes) if crate::tls::is_record(bytes))
}

/// A segment of no flow.
pub(crate) fn orphan(payload: &Payload<'_>, io: &mut Io<'_>) {
    io.counters.orphan_segments += 1;
    io.counters.orphan_bytes += match payload {
        Payload::Bytes(bytes) => bytes.len() as u64,
        Payload::Skipped(n) => u64::from(*n),
        Payload::Open | Payload::Close(_) => 0,
    };
}

/// What an idle flow costs besides its place in the table.
const FLOW_BYTES_MAX: usize = 376;
const _: () = assert!(size_of::<Flow>() <= FLOW_BYTES_MAX, "an idle flow must stay small");
