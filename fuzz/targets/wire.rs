//! The readers of `apiscope-wire`: what their targets do with bytes. Apart from the fuzzer, so that the usual test run tries
//! them too (`agent/wire/tests/fuzz.rs`). Each: no panic, each byte accounted for once, bounded memory and time.

use std::fmt::Write as _;
use std::time::Duration;

use apiscope_wire::http::coding::{Decoder, OUTPUT_BYTES_MAX};
use apiscope_wire::{
    Body, CloseReason, Counters, Coverage, Event, FlowId, Header, Headers, Hop, Input, Limits, Origin, Payload, Role,
    Segment, Seq, Session, Side, Timestamp, Wire,
};

use crate::meter::Allowance;

/// With its usual limits a flow holds a head, a body, what came out of order in both directions, and tables.
const READER: Allowance =
    Allowance { memory_bytes: 4 << 20, fixed: Duration::from_millis(20), per_byte: Duration::from_micros(20) };

/// A decoder may give [`OUTPUT_BYTES_MAX`] for each coding, and has windows of its own.
const DECODER: Allowance =
    Allowance { memory_bytes: 96 << 20, fixed: Duration::from_millis(500), per_byte: Duration::from_micros(20) };

const FLOW: FlowId = FlowId::new(1);

/// A connection that is fed in order.
struct Talk {
    wire: Wire,
    coverage: Coverage,
    /// What was given of messages, as text.
    given: String,
    /// What was said of TLS, as text.
    hellos: String,
    session: Option<Session>,
    next: [u32; 2],
    sent: u64,
    now: u64,
}

impl Talk {
    fn new(limits: Limits) -> Self {
        let mut wire = Wire::new(limits);
        wire.handle(Input::Origin(FLOW, origin()), &mut |_| {});
        let mut this = Self {
            wire,
            coverage: Coverage::default(),
            given: String::new(),
            hellos: String::new(),
            session: None,
            next: [0; 2],
            sent: 0,
            now: 1,
        };
        this.put(Side::Client, Payload::Open);
        this.put(Side::Server, Payload::Open);
        this
    }

    fn put(&mut self, side: Side, payload: Payload<'_>) {
        self.now += 1_000_000;
        let place = &mut self.next[usize::from(side == Side::Server)];
        let segment = Segment { flow: FLOW, side, at: Timestamp::from_nanos(self.now), seq: Seq(*place), payload };
        let n = match payload {
            Payload::Bytes(bytes) => u32::try_from(bytes.len()).expect("small"),
            Payload::Skipped(n) => n,
            Payload::Open | Payload::Close(_) => 0,
        };
        *place = place.wrapping_add(n);
        self.sent += u64::from(n);
        let Self { wire, coverage, given, hellos, session, .. } = self;
        wire.handle(Input::Segment(segment), &mut |event| match event {
            Event::Coverage(_, more) => *coverage += more,
            Event::Session(over, _) => *session = Some(over),
            Event::Hello(hello) => {
                assert!(hellos.is_empty(), "a second hello");
                *hellos = format!("{hello:?}");
            }
            Event::Message(message) if message.complete => {
                let (index, body) = (message.exchange.index, message.body.data.escape_ascii());
                writeln!(given, "{index} {:?} {:?} {body}", message.start, message.headers).expect("a string");
            }
            _ => {}
        });
    }

    fn bytes(&mut self, side: Side, bytes: &[u8], most: usize) {
        for part in bytes.chunks(most.max(1)) {
            self.put(side, Payload::Bytes(part));
        }
    }

    /// Closes, and checks the account.
    fn end(mut self) -> (String, Counters) {
        self.put(Side::Client, Payload::Close(CloseReason::Gone));
        assert_eq!(self.coverage.socket(), self.sent);
        let counters = self.wire.counters();
        assert_eq!((counters.buffered_bytes, counters.flows_open), (0, 0));
        (self.given, counters)
    }
}

/// A byte for the size of pieces, then turns, each a byte of length and the bytes; the sides take turns.
pub(crate) fn bytes(data: &[u8]) {
    let Some((most, turns)) = data.split_first() else { return };
    READER.check(data.len(), || {
        let (mut talk, mut side, mut rest) = (Talk::new(Limits::default()), Side::Client, turns);
        while let Some((len, after)) = rest.split_first() {
            let (bytes, after) = after.split_at(usize::from(*len).min(after.len()));
            talk.bytes(side, bytes, usize::from(*most));
            (rest, side) = (after, side.other());
        }
        talk.end();
    });
}

/// Pieces of the grammar of HTTP/1, for what bytes alone reach late.
const WORDS: [&str; 64] = [
    "GET / HTTP/1.1\r\n",
    "POST /a?b=c HTTP/1.1\r\n",
    "HEAD /h HTTP/1.1\r\n",
    "CONNECT a:1 HTTP/1.1\r\n",
    "OPTIONS * HTTP/1.0\r\n",
    "GET http://a/b HTTP/1.1\r\n",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 204 \r\n",
    "HTTP/1.1 100 Continue\r\n",
    "HTTP/1.1 101 Switching Protocols\r\n",
    "HTTP/1.0 304 Not Modified\r\n",
    "HTTP/1.1 103\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 0\r\n",
    "Content-Length: ",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Transfer-Encoding: ",
    "Connection: upgrade\r\n",
    "Connection: close\r\n",
    "Upgrade: websocket\r\n",
    "Upgrade: h2c\r\n",
    "HTTP2-Settings: AAMAAABk\r\n",
    "Expect: 100-continue\r\n",
    "Trailer: x\r\n",
    "Host: a\r\n",
    "x: y\r\n",
    "x:\r\n",
    ": y\r\n",
    " fold\r\n",
    "\tfold\r\n",
    "x : y\r\n",
    "\r\n",
    "\n",
    "\r",
    "\0",
    " ",
    "hello",
    "5\r\n",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "0\r\n",
    "a;b=\"c\"\r\n0123456789\r\n",
    "5;\r\n",
    "FFFFFFFFFFFFFFFF\r\n",
    "18446744073709551615",
    "+5",
    "0x5",
    "05",
    "5, 5",
    "chunked",
    "identity",
    ",",
    ";",
    "\"",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "GET /0.9\r\n",
    "RTSP/1.0 200 OK\r\n",
    "SSH-2.0-x\r\n",
    "\u{16}\u{3}\u{1}\0\u{5}\u{1}\0\0\u{1}\0",
    "\u{ff}",
    "A",
    "0123456789",
    "close",
];

/// Words of HTTP/1, one a byte; a high bit changes the side. Whole or byte by byte, the complete messages are the same.
pub(crate) fn h1(data: &[u8]) {
    let mut turns: Vec<(Side, Vec<u8>)> = Vec::new();
    let mut side = Side::Client;
    for byte in data {
        if byte & 0x80 != 0 {
            side = side.other();
        }
        let word = WORDS.get(usize::from(byte & 0x3f)).copied().unwrap_or_default().as_bytes();
        match turns.last_mut() {
            Some((last, bytes)) if *last == side => bytes.extend_from_slice(word),
            _ => turns.push((side, word.to_vec())),
        }
    }
    let bytes: usize = turns.iter().map(|(_, bytes)| bytes.len()).sum();
    let play = |most: usize| {
        let mut talk = Talk::new(Limits::default());
        for (side, bytes) in &turns {
            talk.bytes(*side, bytes, most);
        }
        talk.end().0
    };
    READER.check(bytes, || drop(play(1)));
    assert_eq!(play(usize::MAX), play(1), "whole and byte by byte");
}

/// After the handshake of a WebSocket: a byte for permessage-deflate, then pieces, each a byte of side, kind and length, and
/// the bytes. Whole or byte by byte, what was counted is the same; at most one error a side; what is skipped is never made a message of.
pub(crate) fn websocket(data: &[u8]) {
    let Some((deflate, pieces)) = data.split_first() else { return };
    let extensions = if deflate & 1 == 0 { "" } else { "Sec-WebSocket-Extensions: permessage-deflate\r\n" };
    let play = |most: usize| {
        let mut talk = Talk::new(Limits::default());
        talk.bytes(
            Side::Client,
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            most,
        );
        let response = format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n{extensions}\r\n");
        talk.bytes(Side::Server, response.as_bytes(), usize::MAX);
        let mut rest = pieces;
        while let Some((first, after)) = rest.split_first() {
            let side = if first & 0x80 == 0 { Side::Client } else { Side::Server };
            let length = usize::from(first & 0x3f);
            if first & 0x40 == 0 {
                let (bytes, after) = after.split_at(length.min(after.len()));
                talk.bytes(side, bytes, most);
                rest = after;
            } else {
                talk.put(side, Payload::Skipped(u32::try_from(length).expect("small")));
                rest = after;
            }
        }
        talk.put(Side::Client, Payload::Close(CloseReason::Gone));
        let session = talk.session.expect("a session");
        let [client, server] = [session.client, session.server];
        assert!(client.errors <= 1 && server.errors <= 1);
        (client, server)
    };
    READER.check(data.len() + 200, || {
        let _ = play(1);
    });
    assert_eq!(play(usize::MAX), play(1), "whole and byte by byte");
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("small").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Frames of a connection in turns, each a byte of kind, one of flags, one of stream, one of length, and the payload:
/// their heads are right, so that header blocks, strings and bodies are reached. Bit 6 of the kind passes the payload over, bit 7
/// the whole frame.
pub(crate) fn h2(data: &[u8]) {
    READER.check(data.len(), || {
        let (mut talk, mut rest) = (Talk::new(Limits::default()), data);
        talk.bytes(Side::Client, PREFACE, usize::MAX);
        while let Some((&[kind, flags, stream, length], after)) = rest.split_first_chunk::<4>() {
            let (payload, after) = after.split_at(usize::from(length).min(after.len()));
            rest = after;
            let side = if kind & 0x10 == 0 { Side::Client } else { Side::Server };
            let whole = frame(kind & 0xf, flags, u32::from(stream & 0x1f), payload);
            let head = whole.len() - payload.len();
            match kind >> 6 {
                0 => talk.bytes(side, &whole, if kind & 0x20 == 0 { usize::MAX } else { head }),
                1 => {
                    talk.bytes(side, &whole[..head], usize::MAX);
                    talk.put(side, Payload::Skipped(u32::from(length)));
                }
                _ => talk.put(side, Payload::Skipped(u32::try_from(whole.len()).expect("small"))),
            }
        }
        talk.end();
    });
}

/// Header blocks, each after two bytes of length, on a stream each: whole or over many frames, the same is read.
pub(crate) fn hpack(data: &[u8]) {
    let play = |most: usize| {
        let (mut talk, mut rest, mut stream) = (Talk::new(Limits::default()), data, 1);
        talk.bytes(Side::Client, PREFACE, usize::MAX);
        while let Some((&[high, low], after)) = rest.split_first_chunk::<2>() {
            let length = usize::from(u16::from_be_bytes([high & 0x3f, low]));
            let (block, after) = after.split_at(length.min(after.len()));
            rest = after;
            let side = if high & 0x80 == 0 { Side::Client } else { Side::Server };
            let parts = block.chunks(most.max(1));
            let last = parts.len().saturating_sub(1);
            let none: &[u8] = &[];
            let parts = if block.is_empty() { vec![none] } else { parts.collect() };
            for (number, part) in parts.into_iter().enumerate() {
                let (kind, end_stream) = if number == 0 { (1, 1) } else { (9, 0) };
                let flags = end_stream | if number == last { 4 } else { 0 };
                talk.bytes(side, &frame(kind, flags, stream, part), usize::MAX);
            }
            if high & 0x40 == 0 {
                stream += 2;
            }
        }
        let (given, counters) = talk.end();
        (given, counters.malformed_heads, counters.unknown_fields, counters.fields_dropped)
    };
    READER.check(data.len(), || drop(play(usize::MAX)));
    assert_eq!(play(usize::MAX), play(7), "whole and over many frames");
}

/// Records of both sides in turns, each a byte of kind (and side), one of a piece's length, one of length, and the content: their
/// heads are right, so that hellos and certificates are reached. Whatever is said of the flow can be looked at.
pub(crate) fn tls(data: &[u8]) {
    READER.check(data.len(), || {
        let (mut talk, mut rest) = (Talk::new(Limits::default()), data);
        while let Some((&[kind, piece, length], after)) = rest.split_first_chunk::<3>() {
            let (content, after) = after.split_at((usize::from(length) * 16).min(after.len()));
            rest = after;
            let side = if kind & 0x80 == 0 { Side::Client } else { Side::Server };
            let [high, low] = u16::try_from(content.len()).expect("at most 4080").to_be_bytes();
            let record = [&[0x14 + (kind & 3), 3, kind >> 2 & 3, high, low][..], content].concat();
            talk.bytes(side, &record, usize::from(piece));
        }
        assert!(talk.hellos.len() <= 100 * (data.len() + 100));
        talk.end();
    });
}

/// A byte for the codings, then the body: never more than the bound.
pub(crate) fn coding(data: &[u8]) {
    let Some((which, data)) = data.split_first() else { return };
    let names = ["gzip", "deflate", "br", "zstd", "gzip, zstd", "br, deflate, gzip", "x", "identity"];
    let name = names.get(usize::from(which % 8)).copied().unwrap_or_default();
    let headers = [Header { name: "content-encoding", value: name.as_bytes() }];
    let total = (which & 0x80 == 0).then_some(data.len() as u64);
    DECODER.check(data.len(), || {
        let mut undoing = Decoder::default();
        let plain = undoing.decode(Headers(&headers), Body { data, total });
        assert!(plain.data.len() <= OUTPUT_BYTES_MAX.max(data.len()));
    });
}

/// Flows that [`operations`] are about.
const FLOWS: u64 = 4;

/// Any inputs in any order: four bytes of limits, then operations of a byte for what and for whom, two for the sequence number and
/// one for the length, and the bytes. The bounds hold, and nothing is left when all flows are gone.
pub(crate) fn operations(data: &[u8]) {
    let Some((&[flows, head, reorder, all], operations)) = data.split_first_chunk::<4>() else { return };
    let limits = Limits {
        flows_max: usize::from(flows % 4),
        head_bytes_max: usize::from(head) * 4,
        body_bytes_max: usize::from(head),
        reorder_bytes_max: usize::from(reorder) * 8,
        reorder_chunks_max: usize::from(reorder % 16),
        buffered_bytes_max: usize::from(all) * 64,
        pipeline_max: usize::from(all % 8),
    };
    READER.check(data.len(), || {
        let (mut wire, mut now, mut rest) = (Wire::new(limits), 1_u64, operations);
        while let Some((&[what, high, low, len], after)) = rest.split_first_chunk::<4>() {
            let (bytes, after) = after.split_at(usize::from(len).min(after.len()));
            rest = after;
            now += u64::from(len) * 10_000_000;
            let seq = u32::from(u16::from_be_bytes([high, low])).wrapping_sub(0x4000);
            wire.handle(operation(what, seq, bytes, len, Timestamp::from_nanos(now)), &mut |_| {});
            let counters = wire.counters();
            assert!(counters.flows_open <= limits.flows_max.max(1) as u64);
        }
        for flow in 0..FLOWS {
            let (at, payload) = (Timestamp::from_nanos(now), Payload::Close(CloseReason::Gone));
            let segment = Segment { flow: FlowId::new(flow), side: Side::Client, at, seq: Seq(0), payload };
            wire.handle(Input::Segment(segment), &mut |_| {});
        }
        assert_eq!((wire.counters().flows_open, wire.counters().buffered_bytes), (0, 0));
    });
}

fn operation(what: u8, seq: u32, bytes: &[u8], len: u8, at: Timestamp) -> Input<'_> {
    let flow = FlowId::new(u64::from(what >> 6) % FLOWS);
    let side = if what & 0x20 == 0 { Side::Client } else { Side::Server };
    let payload = match what & 0x0f {
        0 => Payload::Open,
        1 => Payload::Skipped(u32::from(len)),
        2 => Payload::Close(CloseReason::Fin),
        3 => Payload::Close(CloseReason::Reset),
        4 => Payload::Close(CloseReason::Gone),
        5 => return Input::Origin(flow, origin()),
        6 => return Input::Lost(flow, side, u64::from(len)),
        7 => return Input::Tick(at),
        _ => Payload::Bytes(bytes),
    };
    Input::Segment(Segment { flow, side, at, seq: Seq(seq), payload })
}

fn origin() -> Origin {
    Origin {
        client: ([10, 0, 0, 1], 40000).into(),
        server: ([10, 0, 0, 2], 80).into(),
        role: Role::Unknown,
        hop: Hop::Private,
        interface: None,
        workload: None,
        encrypted: false,
    }
}
