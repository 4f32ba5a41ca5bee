//! A direction's pieces in order: what waits, what is given up, and what is read of copies that differ.

use crate::flow::reorder::{Met, Piece};
use crate::flow::{Flow, Io, Why};
use crate::http::{Fresh, Hole};
use crate::input::Side;

impl Flow {
    /// Keeps a piece for later, within the bounds.
    pub(super) fn hold(&mut self, side: Side, pos: u64, piece: Piece<'_>, fresh: Fresh, io: &mut Io<'_>) {
        let needed = match piece {
            Piece::Bytes(bytes) => bytes.len(),
            Piece::Skipped(_) | Piece::Unread(_) => 0,
        };
        while io.pool.allocated.saturating_add(needed) > io.limits.buffered_bytes_max {
            if !self.give_up(side, Why::Limit, io) {
                break;
            }
        }
        let full = io.pool.allocated.saturating_add(needed) > io.limits.buffered_bytes_max;
        let next = self.half(side).stream.next;
        if pos <= next {
            let behind = next - pos;
            io.counters.duplicate_bytes += behind.min(piece.len());
            let fresh = if behind == 0 { fresh } else { Fresh::No };
            return self.in_order(side, piece.part(behind, u64::MAX), fresh, io);
        }
        if full {
            self.lose(side, pos - next, Why::Limit, io);
            return self.in_order(side, piece, fresh, io);
        }
        self.insert(side, pos, piece, fresh, io);
        while self.half(side).stream.reorder.as_ref().is_some_and(|reorder| {
            reorder.allocated() > io.limits.reorder_bytes_max || reorder.chunks() > io.limits.reorder_chunks_max
        }) {
            if !self.give_up(side, Why::Limit, io) {
                break;
            }
        }
    }

    /// Reads a piece that is next in order. Where others wait with bytes for the same places, it is the piece's that count, but
    /// bytes that were passed over never count against any.
    pub(super) fn in_order(&mut self, side: Side, piece: Piece<'_>, fresh: Fresh, io: &mut Io<'_>) {
        if piece.len() == 0 {
            return;
        }
        let stream = &mut self.half(side).stream;
        let pos = stream.next;
        let Some(reorder) = stream.reorder.as_mut() else {
            return self.feed(side, piece, fresh, false, io);
        };
        if let Piece::Bytes(_) = piece {
            let met = reorder.meet(pos, piece);
            self.tell_met(side, met, io);
            self.feed_doubted(side, piece, fresh, io);
        } else {
            let until = reorder.first().unwrap_or(u64::MAX);
            let now = piece.part(0, until.saturating_sub(pos));
            if now.len() > 0 {
                self.feed(side, now, fresh, false, io);
            }
            if now.len() < piece.len() {
                self.insert(side, pos + now.len(), piece.part(now.len(), u64::MAX), Fresh::No, io);
            }
        }
        self.drain(side, io);
    }

    /// Gives the reader bytes that are next in order, those apart of which others wait that differ.
    fn feed_doubted(&mut self, side: Side, mut piece: Piece<'_>, mut fresh: Fresh, io: &mut Io<'_>) {
        while piece.len() > 0 {
            let stream = &self.half(side).stream;
            let (until, doubt) = stream.reorder.as_ref().map_or((u64::MAX, false), |held| held.doubt_at(stream.next));
            let sure = until - stream.next;
            self.feed(side, piece.part(0, sure), fresh, doubt, io);
            (piece, fresh) = (piece.part(sure, u64::MAX), Fresh::No);
        }
    }

    /// Keeps a piece for later.
    fn insert(&mut self, side: Side, pos: u64, piece: Piece<'_>, fresh: Fresh, io: &mut Io<'_>) {
        let at = io.at;
        let reorder = self.half(side).stream.reorder.get_or_insert_default();
        let had = reorder.allocated();
        let met = reorder.insert(pos, piece, fresh, at);
        io.pool.allocated = (io.pool.allocated + reorder.allocated()).saturating_sub(had);
        self.tell_met(side, met, io);
    }

    fn tell_met(&mut self, side: Side, met: Met, io: &mut Io<'_>) {
        io.counters.duplicate_bytes += met.duplicate;
        if met.conflict {
            io.counters.conflicts += u64::from(self.half(side).stream.conflict());
        }
    }

    /// Gives up the first gap, and reads on behind it. Whether there was one.
    pub(super) fn give_up(&mut self, side: Side, why: Why, io: &mut Io<'_>) -> bool {
        let Some(n) = self.half(side).stream.gap() else { return false };
        self.lose(side, n, why, io);
        self.drain(side, io);
        true
    }

    /// So many bytes at the head of the stream are lost.
    fn lose(&mut self, side: Side, n: u64, why: Why, io: &mut Io<'_>) {
        if n == 0 {
            return;
        }
        io.counters.gaps += 1;
        io.counters.gaps_by_limit += u64::from(why == Why::Limit);
        let stream = &mut self.half(side).stream;
        let rare = &mut *stream.rare;
        let ring = n.min(rare.ring_lost);
        rare.ring_lost -= ring;
        rare.unexplained = rare.unexplained.saturating_add(n - ring);
        stream.advance(n);
        let lost = &mut self.talk.coverage.lost;
        lost.ring += ring;
        match why {
            Why::Past => lost.gap += n - ring,
            Why::Limit => lost.memory += n - ring,
        }
        self.with_reader(side, io, |reader, talk, cx| reader.hole(n, Hole::Lost, talk, cx));
    }

    /// Reads what has become in order.
    fn drain(&mut self, side: Side, io: &mut Io<'_>) {
        let now = io.at;
        loop {
            let stream = &mut self.half(side).stream;
            let next = stream.next;
            let Some(reorder) = stream.reorder.as_mut() else { break };
            let Some((chunk, behind)) = reorder.pop_at(next) else {
                if reorder.is_empty() {
                    stream.reorder = None;
                }
                break;
            };
            io.pool.allocated = io.pool.allocated.saturating_sub(chunk.allocated());
            io.at = chunk.at;
            let piece = chunk.piece().part(behind, u64::MAX);
            if piece.len() == 0 {
                continue;
            }
            let fresh = match chunk.fresh {
                _ if behind > 0 => Fresh::No,
                Fresh::Turn => Fresh::Held,
                fresh => fresh,
            };
            self.feed(side, piece, fresh, chunk.doubt, io);
        }
        io.at = now;
    }
}
