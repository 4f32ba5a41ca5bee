//! Bodies: by length, chunked, until the close; and holes in them.

use crate::event::AmbiguityKind;
use crate::flow::reorder::to_usize;
use crate::http::h1::chunked::{Chunks, Step};
use crate::http::h1::head::{self, Sign};
use crate::http::h1::{Reader, State};
use crate::http::work::Work;
use crate::http::{Cx, Fresh, Hole, Talk, Unread};
use crate::input::Side;

impl Reader {
    pub(crate) fn length<'d>(
        &mut self,
        data: &'d [u8],
        left: u64,
        fresh: Fresh,
        talk: &mut Talk,
        cx: &mut Cx<'_>,
    ) -> &'d [u8] {
        if fresh == Fresh::Turn && self.body_never_came(data, talk, cx) {
            return data;
        }
        let (body, rest) = data.split_at_checked(to_usize(left)).unwrap_or((data, &[]));
        self.take_body(body, talk, cx);
        let left = left - body.len() as u64;
        self.state = State::Length { left };
        if left == 0 {
            self.finish(true, talk, cx);
        }
        rest
    }

    pub(crate) fn until_close<'d>(
        &mut self,
        data: &'d [u8],
        fresh: Fresh,
        talk: &mut Talk,
        cx: &mut Cx<'_>,
    ) -> &'d [u8] {
        if fresh == Fresh::Turn && self.body_never_came(data, talk, cx) {
            return data;
        }
        self.take_body(data, talk, cx);
        &[]
    }

    pub(crate) fn chunked<'d>(
        &mut self,
        data: &'d [u8],
        mut chunks: Chunks,
        fresh: Fresh,
        talk: &mut Talk,
        cx: &mut Cx<'_>,
    ) -> &'d [u8] {
        if fresh == Fresh::Turn && self.body_never_came(data, talk, cx) {
            return data;
        }
        let mut rest = data;
        // Over all chunks that are here: a body may be made of very many small ones.
        while !rest.is_empty() {
            let in_trailers = chunks.is_in_trailers();
            let n = match chunks.step(rest) {
                Step::Data(n) => {
                    self.take_body(rest.get(..n).unwrap_or_default(), talk, cx);
                    rest = rest.get(n..).unwrap_or_default();
                    continue;
                }
                Step::Framing(n) | Step::End(n) => n,
                Step::Odd(n, kind) => {
                    self.odd_chunk(kind, cx);
                    n
                }
                Step::Broken(kind) => {
                    self.odd_chunk(kind, cx);
                    cx.counters.malformed_bodies += 1;
                    self.lose_units();
                    self.finish(false, talk, cx);
                    self.lose_step(Unread::Malformed, talk, cx);
                    return rest;
                }
            };
            talk.coverage.parsed += n as u64;
            if in_trailers {
                self.take_trailers(rest.get(..n).unwrap_or_default(), cx);
            }
            rest = rest.get(n..).unwrap_or_default();
            if chunks.is_done() {
                self.judge_trailers(cx);
                self.finish(true, talk, cx);
                return rest;
            }
        }
        self.state = State::Chunked(chunks);
        rest
    }

    fn judge_trailers(&mut self, cx: &mut Cx<'_>) {
        let odds = self.work.as_deref().map(|work| head::trailer_odds(&work.trailers)).unwrap_or_default();
        for kind in odds.iter() {
            self.odd_chunk(kind, cx);
        }
    }

    /// The direction ends in a chunked body. Behind the last chunk gunicorn takes it for whole.
    pub(crate) fn end_in_chunks(&mut self, chunks: Chunks, talk: &mut Talk, cx: &mut Cx<'_>) {
        if chunks.is_in_trailers() {
            self.odd_chunk(AmbiguityKind::OddChunk, cx);
        }
        self.finish(false, talk, cx);
    }

    fn odd_chunk(&mut self, kind: AmbiguityKind, cx: &mut Cx<'_>) {
        let side = self.side();
        if let Some(work) = self.work.as_deref_mut()
            && let Some(begun) = work.begun.filter(|begun| begun.sure)
            && work.odds.add_new(kind)
        {
            cx.ambiguous(begun.index, side, kind);
        }
    }

    /// Body bytes: counted, and kept as far as the bounds allow.
    fn take_body(&mut self, body: &[u8], talk: &mut Talk, cx: &mut Cx<'_>) {
        talk.coverage.parsed += body.len() as u64;
        let Some(work) = self.work.as_deref_mut() else { return };
        work.total += body.len() as u64;
        work.units.bytes(body);
        if work.cut {
            return;
        }
        let room = cx.limits.body_bytes_max.saturating_sub(work.buf.len() - work.head_len);
        let kept = body.get(..room).unwrap_or(body);
        if kept.len() < body.len() {
            work.cut = true;
            cx.counters.bodies_cut += 1;
        }
        if !cx.pool.append(&mut work.buf, kept, cx.limits) {
            work.cut = true;
            cx.counters.cut_by_memory += 1;
        }
    }

    /// Bytes of the trailer section: kept as far as the bound on all buffers allows.
    fn take_trailers(&mut self, bytes: &[u8], cx: &mut Cx<'_>) {
        let Some(work) = self.work.as_deref_mut() else { return };
        // Usually there are none, but the empty line.
        if work.trailers.is_empty() && matches!(bytes.first(), Some(b'\r' | b'\n')) {
            return;
        }
        cx.counters.cut_by_memory += u64::from(!cx.pool.append(&mut work.trailers, bytes, cx.limits));
    }

    /// A turn begins where the first byte of a body should be. There is none if the client was refused before it sent
    /// it, or if a response, whose request is not known, answers HEAD.
    fn body_never_came(&mut self, data: &[u8], talk: &mut Talk, cx: &mut Cx<'_>) -> bool {
        let side = self.side();
        let Some(work) = self.work.as_deref_mut() else { return false };
        let Some(begun) = work.begun.as_mut().filter(|_| work.total == 0) else { return false };
        let doubtful = match side {
            Side::Client => {
                begun.expects && talk.pairs.was_answered(begun.index) && !talk.pairs.was_continued(begun.index)
            }
            Side::Server => !begun.sure,
        };
        if doubtful {
            begun.sure = false;
        }
        let first_line = data.split(|b| *b == b'\n').next().unwrap_or_default();
        let starts =
            doubtful && head::sign(data, side) == Sign::Yes && head::line(first_line, side) == head::Line::Http;
        if starts {
            cov_mark::hit!(body_never_came);
            self.finish(false, talk, cx);
        }
        starts
    }

    pub(crate) fn hole_in_length(&mut self, n: u64, left: u64, hole: Hole, talk: &mut Talk, cx: &mut Cx<'_>) {
        let inside = n.min(left);
        self.lose_body(inside, hole);
        self.state = State::Length { left: left - inside };
        if inside == left {
            self.finish(true, talk, cx);
        }
        if n > inside {
            cov_mark::hit!(hole_past_the_body);
            self.lose_step(Unread::JoinedLate, talk, cx);
        }
    }

    pub(crate) fn hole_in_chunks(&mut self, n: u64, mut chunks: Chunks, hole: Hole, talk: &mut Talk, cx: &mut Cx<'_>) {
        if chunks.hole(n) {
            self.lose_body(n, hole);
            self.state = State::Chunked(chunks);
        } else {
            cov_mark::hit!(hole_across_chunks);
            self.lose_units();
            self.finish(false, talk, cx);
            self.lose_step(Unread::JoinedLate, talk, cx);
        }
    }

    pub(crate) fn hole_until_close(&mut self, n: u64, hole: Hole) {
        self.lose_body(n, hole);
    }

    /// How the body goes on is not known.
    pub(crate) fn lose_units(&mut self) {
        if let Some(work) = self.work.as_deref_mut() {
            work.units.lose();
        }
    }

    fn lose_body(&mut self, n: u64, hole: Hole) {
        if let Some(work) = self.work.as_deref_mut() {
            let work: &mut Work = work;
            work.total += n;
            work.units.hole(n);
            work.cut |= n > 0;
            work.lost |= hole == Hole::Lost && n > 0;
        }
    }
}
