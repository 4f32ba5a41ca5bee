//! What the targets of HTTP/2, TLS and content codings do with their bytes. Apart from the fuzzer, so that the usual test
//! run tries them too (`tests/h2_fuzz.rs`, `tests/tls.rs`).

use apiscope_wire::http::coding::{Decoder, OUTPUT_BYTES_MAX};
use apiscope_wire::{
    Body, CloseReason, Coverage, Event, FlowId, Header, Headers, Hop, Input, Limits, Origin, Payload, Role, Segment,
    Seq, Side, Timestamp, Wire,
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Frames of a connection in turns, each a byte of kind, one of flags, one of stream, one of length, and the payload:
/// their heads are right, so that header blocks, strings and bodies are reached. No panic, each byte accounted for once.
pub(crate) fn h2(data: &[u8]) {
    let mut wire = Wire::new(Limits::default());
    let (mut coverage, mut next, mut rest) = (Coverage::default(), [0_u32; 2], data);
    let mut put = |wire: &mut Wire, side: Side, payload: Payload<'_>| {
        let place = &mut next[usize::from(side == Side::Server)];
        let segment = Segment { flow: FlowId::new(1), side, at: Timestamp::from_nanos(1), seq: Seq(*place), payload };
        if let Payload::Bytes(bytes) = payload {
            *place += u32::try_from(bytes.len()).expect("small");
        }
        wire.handle(Input::Segment(segment), &mut |event| {
            if let Event::Coverage(_, more) = event {
                coverage += more;
            }
        });
    };
    wire.handle(Input::Origin(FlowId::new(1), origin()), &mut |_| {});
    put(&mut wire, Side::Client, Payload::Open);
    put(&mut wire, Side::Server, Payload::Open);
    put(&mut wire, Side::Client, Payload::Bytes(PREFACE));
    while let Some((&[kind, flags, stream, length], after)) = rest.split_first_chunk::<4>() {
        let (payload, after) = after.split_at(usize::from(length).min(after.len()));
        rest = after;
        let side = if kind & 0x10 == 0 { Side::Client } else { Side::Server };
        let head = [0, 0, u8::try_from(payload.len()).expect("a byte"), kind & 0xf, flags, 0, 0, 0, stream & 0x1f];
        put(&mut wire, side, Payload::Bytes(&head));
        if !payload.is_empty() {
            put(&mut wire, side, Payload::Bytes(payload));
        }
    }
    put(&mut wire, Side::Client, Payload::Close(CloseReason::Gone));
    assert_eq!(coverage.socket(), u64::from(next[0]) + u64::from(next[1]));
    assert_eq!(wire.counters().buffered_bytes, 0);
}

/// Records of both sides in turns, each a byte of kind (and side), one of a piece's size, one of length, and the content: their
/// heads are right, so that hellos and certificates are reached. No panic, each byte accounted for once, whatever is said of the flow
/// can be looked at, and nothing stays in memory.
pub(crate) fn tls(data: &[u8]) {
    let mut wire = Wire::new(Limits::default());
    let (mut coverage, mut next, mut rest, mut hellos) = (Coverage::default(), [0_u32; 2], data, 0);
    let mut put = |wire: &mut Wire, side: Side, payload: Payload<'_>| {
        let place = &mut next[usize::from(side == Side::Server)];
        let segment = Segment { flow: FlowId::new(1), side, at: Timestamp::from_nanos(1), seq: Seq(*place), payload };
        if let Payload::Bytes(bytes) = payload {
            *place += u32::try_from(bytes.len()).expect("small");
        }
        wire.handle(Input::Segment(segment), &mut |event| match event {
            Event::Coverage(_, more) => coverage += more,
            Event::Hello(hello) => {
                hellos += 1;
                assert!(format!("{hello:?}").len() < 100 * (data.len() + 100));
            }
            _ => {}
        });
    };
    wire.handle(Input::Origin(FlowId::new(1), origin()), &mut |_| {});
    put(&mut wire, Side::Client, Payload::Open);
    put(&mut wire, Side::Server, Payload::Open);
    while let Some((&[kind, size, length], after)) = rest.split_first_chunk::<3>() {
        let (content, after) = after.split_at((usize::from(length) * 16).min(after.len()));
        rest = after;
        let side = if kind & 0x80 == 0 { Side::Client } else { Side::Server };
        let [high, low] = u16::try_from(content.len()).expect("at most 4080").to_be_bytes();
        let record = [&[0x14 + (kind & 3), 3, kind >> 2 & 3, high, low][..], content].concat();
        for piece in record.chunks(usize::from(size).max(1)) {
            put(&mut wire, side, Payload::Bytes(piece));
        }
    }
    put(&mut wire, Side::Client, Payload::Close(CloseReason::Gone));
    assert!(hellos <= 1);
    assert_eq!(coverage.socket(), u64::from(next[0]) + u64::from(next[1]));
    assert_eq!(wire.counters().buffered_bytes, 0);
}

/// A byte for the codings, then the body: no panic, and never more than the bound.
pub(crate) fn coding(data: &[u8]) {
    let Some((which, data)) = data.split_first() else { return };
    let names = ["gzip", "deflate", "br", "zstd", "gzip, zstd", "br, deflate, gzip", "x", "identity"];
    let name = names.get(usize::from(which % 8)).copied().unwrap_or_default();
    let headers = [Header { name: "content-encoding", value: name.as_bytes() }];
    let total = (which & 0x80 == 0).then_some(data.len() as u64);
    let mut undoing = Decoder::default();
    let plain = undoing.decode(Headers(&headers), Body { data, total });
    assert!(plain.data.len() <= OUTPUT_BYTES_MAX.max(data.len()));
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
