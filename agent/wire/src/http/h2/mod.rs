//! HTTP/2 (RFC 9113) as an observer reads it: both directions of a connection, its streams, its header tables.
//!
//! Flow control, priorities and settings are not followed: they change nothing of what was sent. What was not seen is never
//! invented: a stream whose request line stands in a part of the table that nobody here has seen is counted, and given without
//! its request. After a hole that is not inside a body the frames are found again where a segment begins with a whole chain of them, or where [`search`]
//! proves that one begins.
//! Entry: [`Connection::bytes`], [`Connection::hole`], [`Connection::end`].

pub(crate) mod frame;
mod hpack;
mod huffman;
mod search;
mod session;
mod settings;
mod statics;
mod stream;
mod table;

use crate::event::Event;
use crate::http::session::Talked;
use crate::http::{Cx, Hole, Talk, Unread};
use crate::input::Side;
use frame::{Frames, Head, Piece};
use hpack::Decoder;
use search::Search;
use session::Tally;
use settings::Settings;
pub(crate) use stream::Part;
use table::Table;

/// Streams known at a time; past it the oldest is given as it is. Servers allow 100 to 250 (RFC 9113 §6.5.2 asks for at least 100).
const STREAMS_MAX: usize = 512;

/// For each byte of a direction, so many bytes of decoded fields are kept; more are dropped and counted. A few bytes of indexes
/// can stand for 64 KiB of fields, and reading those must not cost a thousand times what other bytes cost. Peers whose table holds
/// a large token or cookie come to 130 for each byte.
const CREDIT_PER_BYTE: usize = 256;

/// So much of that is saved up: one head of the largest size.
const CREDIT_MAX: usize = 64 * 1024;

/// A buffer for header blocks is kept for the next one up to this size.
const BLOCK_BYTES_KEPT: usize = 4096;

/// One direction.
#[derive(Debug)]
struct Half {
    frames: Frames,
    table: Decoder,
    /// The header block at hand: frames' payloads without padding and priority.
    block: Vec<u8>,
    /// The frame that began it.
    block_of: Option<Head>,
    /// It was longer than is kept.
    block_cut: bool,
    /// Bytes of fields that may still be kept, see [`CREDIT_PER_BYTE`].
    credit: usize,
    /// It came in copies that differ.
    block_doubt: bool,
    /// Bytes of the DATA frame at hand that are body; the rest is padding.
    data_left: u32,
    /// The next byte of the DATA frame at hand is the length of its padding.
    pad_next: bool,
    place: Place,
    /// Behind a hole: where the frames go on, if the longest is known.
    search: Option<Box<Search>>,
    /// What it has said of what it takes.
    settings: Settings,
}

/// Whether the place in the frames of a direction is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Known,
    /// Joined late, or behind a hole.
    Lost,
    /// What came were no frames.
    Broken,
}

impl Half {
    fn new(frames: Frames, table: Decoder, place: Place) -> Self {
        Self {
            frames,
            table,
            block: Vec::new(),
            block_of: None,
            block_cut: false,
            credit: CREDIT_MAX,
            block_doubt: false,
            data_left: 0,
            pad_next: false,
            place,
            search: None,
            settings: Settings::default(),
        }
    }

    /// The place in the frames is lost, and with it what a block has put into the table.
    fn lose_step(&mut self) {
        let settings = std::mem::take(&mut self.settings);
        *self = Self { settings, ..Self::new(Frames::default(), Decoder::joined_late(), Place::Lost) };
    }

    /// How many of these bytes lie before the next frame; all if there is none for sure. Bytes are passed over where a sender sends
    /// much at a time, so who writes a body may choose what follows: then only a proof counts. Where bytes were missed, nobody has
    /// chosen that frames begin with a segment.
    fn unread(&mut self, data: &[u8], side: Side) -> usize {
        match self.search.as_deref_mut() {
            Some(search) => search.bytes(data).unwrap_or(data.len()),
            None if frame::is_chain(data, side) => 0,
            None => data.len(),
        }
    }
}

/// What is known of one direction of a stream.
#[derive(Debug)]
enum Way {
    /// Nothing yet.
    None,
    /// A message is under way.
    Open(Box<Part>),
    /// The stream's session goes on.
    Session,
    /// It has ended, or is not wanted.
    Over,
}

#[derive(Debug)]
struct Stream {
    index: u32,
    request: Way,
    response: Way,
    /// One of its two messages was not given, and will not be.
    is_half: bool,
    /// Its response may lie in a hole.
    is_doubted: bool,
    /// What follows its handshake.
    session: Option<Box<Talked>>,
}

impl Stream {
    fn new(index: u32, request: Way, is_half: bool) -> Self {
        Self { index, request, response: Way::None, is_half, is_doubted: false, session: None }
    }

    fn way(&mut self, side: Side) -> &mut Way {
        match side {
            Side::Client => &mut self.request,
            Side::Server => &mut self.response,
        }
    }

    fn is_over(&self) -> bool {
        matches!((&self.request, &self.response), (Way::Over, Way::Over))
    }
}

/// A connection that speaks HTTP/2.
#[derive(Debug)]
pub(crate) struct Connection {
    client: Half,
    server: Half,
    streams: Table,
    /// Bytes of sessions since they were last accounted for.
    tally: Tally,
    /// Something that runs may have to be told of.
    is_news: bool,
}

impl Connection {
    /// Seen from its first byte: the client's preface comes next.
    pub(crate) fn new() -> Self {
        Self {
            client: Half::new(Frames::with_preface(), Decoder::new(), Place::Known),
            server: Half::new(Frames::default(), Decoder::new(), Place::Known),
            streams: Table::default(),
            tally: Tally::default(),
            is_news: false,
        }
    }

    /// Joined in the middle: neither direction's place is known.
    pub(crate) fn joined_late() -> Self {
        let half = || Half::new(Frames::default(), Decoder::joined_late(), Place::Lost);
        Self { client: half(), server: half(), ..Self::new() }
    }

    /// After `101 Switching Protocols` to `h2c` (RFC 7540 §3.2): the request that asked for it is stream 1, and its response comes there.
    pub(crate) fn upgraded(index: u32) -> Self {
        let mut this = Self::new();
        this.streams.insert(1, Stream::new(index, Way::Over, false));
        this
    }

    fn half(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// The next bytes of a side; they begin a segment, or follow what was held.
    pub(crate) fn bytes(&mut self, side: Side, data: &[u8], talk: &mut Talk, cx: &mut Cx<'_>) {
        let half = self.half(side);
        let mut data = data;
        if half.place != Place::Known {
            let why = if half.place == Place::Broken { Unread::Malformed } else { Unread::JoinedLate };
            let unread = half.unread(data, side);
            why.count(&mut talk.coverage, unread as u64);
            data = data.get(unread..).unwrap_or_default();
            if data.is_empty() {
                return;
            }
            half.place = Place::Known;
            half.search = None;
        }
        let half = self.half(side);
        half.credit = CREDIT_MAX.min(half.credit.saturating_add(data.len().saturating_mul(CREDIT_PER_BYTE)));
        let mut rest = data;
        let frames_end = !self.half(side).frames.is_within(data.len());
        if self.frames(side, &mut rest, talk, cx).is_err() {
            cx.counters.malformed_frames += 1;
            self.lose_step(side, cx);
            self.half(side).place = Place::Broken;
        } else if cx.doubt && frames_end {
            // Where a frame ends is in doubt, and so is all that follows.
            self.lose_step(side, cx);
        }
        talk.coverage.parsed += (data.len() - rest.len()) as u64;
        talk.coverage.unparsed.malformed += rest.len() as u64;
        self.settle(talk);
    }

    /// Reads as far as there are frames.
    fn frames(
        &mut self,
        side: Side,
        rest: &mut &[u8],
        talk: &mut Talk,
        cx: &mut Cx<'_>,
    ) -> Result<(), frame::NoFrames> {
        while let Some(piece) = self.half(side).frames.next(rest)? {
            self.piece(side, piece, talk, cx)?;
        }
        Ok(())
    }

    fn piece(&mut self, side: Side, piece: Piece<'_>, talk: &mut Talk, cx: &mut Cx<'_>) -> Result<(), frame::NoFrames> {
        match piece {
            Piece::Begin(head) => self.begin(side, head),
            Piece::Bytes(head, bytes) => {
                match head.kind {
                    frame::DATA => self.data(side, head.stream, bytes, cx),
                    frame::HEADERS | frame::CONTINUATION | frame::PUSH_PROMISE => self.gather(side, bytes, cx),
                    frame::SETTINGS => self.half(side).settings.bytes(bytes),
                    _ => {}
                }
                Ok(())
            }
            Piece::End(head) => self.finish(side, head, talk, cx),
        }
    }

    /// A frame begins. Inside a header block nothing but CONTINUATION may come (RFC 9113 §4.3).
    fn begin(&mut self, side: Side, head: Head) -> Result<(), frame::NoFrames> {
        let half = self.half(side);
        let continues = head.kind == frame::CONTINUATION;
        match half.block_of {
            Some(of) if !continues || of.stream != head.stream => return Err(frame::NoFrames),
            None if continues => return Err(frame::NoFrames),
            _ => {}
        }
        match head.kind {
            frame::HEADERS | frame::PUSH_PROMISE => {
                half.block.clear();
                half.block_cut = false;
                half.block_doubt = false;
                half.block_of = Some(head);
            }
            frame::DATA => {
                half.pad_next = head.has(frame::PADDED);
                half.data_left = head.length;
            }
            frame::SETTINGS => half.settings.begin(),
            _ => {}
        }
        Ok(())
    }

    fn gather(&mut self, side: Side, bytes: &[u8], cx: &mut Cx<'_>) {
        let half = self.half(side);
        half.block_doubt |= cx.doubt;
        // A flood of CONTINUATION frames ends here: past the bound a block is passed over, not kept.
        if half.block_cut
            || half.block.len() + bytes.len() > cx.limits.head_bytes_max
            || !cx.pool.append(&mut half.block, bytes, cx.limits)
        {
            half.block_cut = true;
        }
    }

    fn data(&mut self, side: Side, stream: u32, mut bytes: &[u8], cx: &mut Cx<'_>) {
        let half = self.half(side);
        if std::mem::take(&mut half.pad_next)
            && let Some((pad, rest)) = bytes.split_first()
        {
            half.data_left = half.data_left.saturating_sub(1 + u32::from(*pad));
            bytes = rest;
        }
        let body = bytes.get(..usize::try_from(half.data_left).unwrap_or(usize::MAX)).unwrap_or(bytes);
        half.data_left -= u32::try_from(body.len()).unwrap_or(half.data_left);
        self.is_news = true;
        let Some(stream) = self.streams.get_mut(stream) else { return };
        match stream.way(side) {
            Way::Open(part) => {
                part.heard(cx.at, cx.doubt);
                part.data(body, cx.pool, cx.limits);
            }
            Way::Session => self.tally.bytes(stream.session.as_deref_mut(), side, body, cx),
            Way::None | Way::Over => {}
        }
    }

    fn finish(&mut self, side: Side, head: Head, talk: &mut Talk, cx: &mut Cx<'_>) -> Result<(), frame::NoFrames> {
        match head.kind {
            frame::DATA if head.has(frame::END_STREAM) => self.end_way(side, head.stream, true, cx),
            frame::HEADERS | frame::PUSH_PROMISE => {
                let half = self.half(side);
                if !half.block_cut {
                    strip(&mut half.block, head)?;
                }
                if head.has(frame::END_HEADERS) {
                    self.block(side, talk, cx);
                }
            }
            frame::CONTINUATION if head.has(frame::END_HEADERS) => self.block(side, talk, cx),
            frame::RST_STREAM => self.reset(head.stream, cx),
            _ => {}
        }
        Ok(())
    }

    /// A header block is whole.
    fn block(&mut self, side: Side, talk: &mut Talk, cx: &mut Cx<'_>) {
        let half = self.half(side);
        let Some(of) = half.block_of.take() else { return };
        let block = std::mem::take(&mut half.block);
        let (is_cut, is_doubted) = (half.block_cut, half.block_doubt);
        if is_cut {
            cx.counters.heads_too_long += 1;
            half.table.lost_step();
        }
        if of.kind == frame::PUSH_PROMISE {
            cx.counters.pushes += 1;
            self.promised(if is_cut { &[] } else { &block });
        } else if is_cut {
            self.fields(side, of, None, talk, cx);
        } else {
            self.fields(side, of, Some(&block), talk, cx);
        }
        if is_doubted {
            self.half(side).table.lost_step();
        }
        if block.capacity() <= BLOCK_BYTES_KEPT {
            self.half(side).block = block;
        } else {
            cx.pool.release(block.capacity());
        }
    }

    /// A response that the server pushes: the table is kept in step, the exchange is not ours to give, for nobody has asked.
    fn promised(&mut self, block: &[u8]) {
        if self.server.table.decode(block, &mut |_, _| {}).is_err() {
            self.server.table.lost_step();
        }
    }

    /// The fields of a block; `None` if it was too long to keep: then the message has them not, and says so.
    fn fields(&mut self, side: Side, of: Head, block: Option<&[u8]>, talk: &mut Talk, cx: &mut Cx<'_>) {
        self.open_stream(side, of.stream, talk, cx);
        let half = match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        };
        let Some(stream) = self.streams.get_mut(of.stream) else { return };
        let way = stream.way(side);
        if matches!(way, Way::None) {
            let mut part = cx.pool.take_part();
            part.begin(cx.at);
            *way = Way::Open(part);
        }
        let mut scrap = None;
        let part = match way {
            Way::Open(part) => part,
            // Fields after the end: read for the table's sake.
            Way::None | Way::Session | Way::Over => scrap.insert(cx.pool.take_part()),
        };
        self.is_news = true;
        part.heard(cx.at, half.block_doubt);
        part.lost |= block.is_none();
        if side == Side::Server && part.is_headless() {
            // Fields whose status is not known: those of an interim response, if a head follows, which these then may be.
            part.forget_head();
            part.lost = true;
        }
        let (mut dropped, mut unknown) = (0, 0);
        let credit = &mut half.credit;
        let read = half.table.decode(block.unwrap_or_default(), &mut |name, value| {
            unknown += u64::from(name == hpack::Text::Unknown || value == hpack::Text::Unknown);
            let Some(left) = credit.checked_sub(name.len() + value.len()) else {
                part.lost = true;
                dropped += 1;
                return;
            };
            *credit = left;
            dropped += u64::from(!part.field(name, value, cx.pool, cx.limits));
        });
        cx.counters.unknown_fields += unknown;
        cx.counters.fields_dropped += dropped - unknown.min(dropped);
        if read.is_err() {
            cx.counters.malformed_heads += 1;
            part.lost = true;
            half.table.lost_step();
        }
        let is_interim = part.status.is_some_and(|status| (100..200).contains(&status));
        if is_interim && !part.has_head {
            cx.counters.interim_responses += 1;
            part.forget_head();
        } else if !part.has_head {
            part.end_head();
        }
        if let Some(part) = scrap {
            cx.pool.give_part(part);
        } else if side == Side::Server {
            self.switch(of.stream, cx);
        }
        if of.has(frame::END_STREAM) {
            self.end_way(side, of.stream, true, cx);
        }
    }

    /// A stream's first frame of fields. The server's may be the first that is seen, on a connection joined late.
    fn open_stream(&mut self, side: Side, id: u32, talk: &mut Talk, cx: &mut Cx<'_>) {
        if self.streams.contains(id) {
            return;
        }
        if self.streams.len() >= STREAMS_MAX
            && let Some(oldest) = self.streams.oldest()
        {
            cx.counters.streams_evicted += 1;
            self.lose_units(oldest, Side::Client);
            self.lose_units(oldest, Side::Server);
            self.reset(oldest, cx);
        }
        let is_pushed = id.is_multiple_of(2);
        if is_pushed {
            return;
        }
        let is_half = side == Side::Server;
        cx.counters.unpaired_responses += u64::from(is_half);
        let request = if is_half { Way::Over } else { Way::None };
        self.streams.insert(id, Stream::new(talk.pairs.take_index(), request, is_half));
    }

    /// A direction of a stream ends. The stream is forgotten when both have.
    fn end_way(&mut self, side: Side, id: u32, ended: bool, cx: &mut Cx<'_>) {
        let Some(stream) = self.streams.get_mut(id) else { return };
        let index = stream.index;
        match std::mem::replace(stream.way(side), Way::Over) {
            Way::Open(part) => {
                let given = part.give(side, index, ended && part.has_head, cx);
                cx.counters.unknown_heads += u64::from(!given);
                stream.is_half |= !given;
                cx.pool.give_part(part);
            }
            Way::None => stream.is_half = true,
            Way::Session => self.tally.end(stream.session.as_deref_mut(), side),
            Way::Over => {}
        }
        if stream.is_over() {
            if let Some(session) = stream.session.take() {
                session.finish(cx);
            }
            if stream.is_half {
                let exchange = cx.exchange(index);
                (cx.emit)(Event::Over(exchange, cx.at));
            }
            self.streams.remove(id);
        }
    }

    /// The stream is over, whatever is under way.
    fn reset(&mut self, id: u32, cx: &mut Cx<'_>) {
        self.end_way(Side::Client, id, false, cx);
        self.end_way(Side::Server, id, false, cx);
    }

    /// The place in the frames of a side is lost: what is under way there may have ended unseen.
    fn lose_step(&mut self, side: Side, cx: &mut Cx<'_>) {
        self.streams.for_each_mut(|stream| {
            if let Some(session) = &mut stream.session {
                session.lose(side, cx);
            }
        });
        for id in self.forget_place(side, cx) {
            self.lose_units(id, side);
            match side {
                Side::Client => self.end_way(side, id, false, cx),
                Side::Server if self.may_be_answered(id) => {}
                Side::Server => {
                    self.lose_units(id, Side::Client);
                    self.reset(id, cx);
                }
            }
        }
    }

    /// Forgets the place in the frames of a side. Gives the streams on which messages of it are open, or wait for their response.
    fn forget_place(&mut self, side: Side, cx: &mut Cx<'_>) -> Vec<u32> {
        let block = std::mem::take(&mut self.half(side).block);
        cx.pool.release(block.capacity());
        self.half(side).lose_step();
        // Only those that change: a flood of broken frames does not pay for each stream again.
        let is_open = |stream: &Stream| {
            stream.session.is_none() && (side == Side::Server || !matches!(stream.request, Way::Over))
        };
        self.streams.iter().filter(|(_, stream)| is_open(stream)).map(|(id, _)| id).collect()
    }

    /// A stream's id is never used again, so a response that comes after a hole still answers its request. It is waited for
    /// until the next hole: it may as well lie in this one.
    fn may_be_answered(&mut self, id: u32) -> bool {
        let waiting = self.streams.get_mut(id).filter(|stream| matches!(stream.response, Way::None));
        waiting.is_some_and(|stream| !std::mem::replace(&mut stream.is_doubted, true))
    }

    /// So many bytes of a side are missing.
    pub(crate) fn hole(&mut self, side: Side, n: u64, hole: Hole, talk: &mut Talk, cx: &mut Cx<'_>) {
        self.pass(side, n, hole, cx);
        self.settle(talk);
    }

    fn pass(&mut self, side: Side, n: u64, hole: Hole, cx: &mut Cx<'_>) {
        self.is_news = true;
        let half = self.half(side);
        let (frame, passed) = half.frames.pass(n);
        let Some(frame) = frame.filter(|frame| frame.kind == frame::DATA && !half.pad_next && passed == n) else {
            self.lose_step(side, cx);
            if hole == Hole::Skipped {
                let longest = self.half(side.other()).settings.frame_bytes_max();
                self.half(side).search = Some(Box::new(Search::new(longest)));
            }
            return;
        };
        let body = u64::from(half.data_left).min(n);
        half.data_left -= u32::try_from(body).unwrap_or(half.data_left);
        let Some(stream) = self.streams.get_mut(frame.stream) else { return };
        match stream.way(side) {
            Way::Open(part) => part.hole(body, hole == Hole::Lost),
            Way::Session => {
                if let Some(session) = &mut stream.session {
                    session.hole(side, body, cx);
                }
            }
            Way::None | Way::Over => {}
        }
    }

    /// A side is over: what it had under way is given as it is.
    pub(crate) fn end(&mut self, side: Side, talk: &mut Talk, cx: &mut Cx<'_>) {
        self.finish_all(side, cx);
        self.settle(talk);
    }
}

/// Takes padding, priority and the promised stream's id off a frame's payload, which is the whole block so far (RFC 9113 §6.2, §6.6).
fn strip(block: &mut Vec<u8>, head: Head) -> Result<(), frame::NoFrames> {
    let mut from = 0;
    let mut pad = 0;
    if head.has(frame::PADDED) {
        pad = usize::from(*block.first().ok_or(frame::NoFrames)?);
        from += 1;
    }
    if head.kind == frame::PUSH_PROMISE {
        from += 4;
    } else if head.has(frame::WITH_PRIORITY) {
        from += 5;
    }
    let end = block.len().checked_sub(pad).filter(|end| from <= *end).ok_or(frame::NoFrames)?;
    block.truncate(end);
    block.drain(..from);
    Ok(())
}
