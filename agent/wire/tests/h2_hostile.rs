//! HTTP/2 that means harm: floods and bombs cost bounded memory and time, and each is counted.

mod common;

use std::fmt::Write as _;

use apiscope_wire::{CloseReason, Counters, Event, Input, Limits, Payload, Segment, Seq, Side, Timestamp, Wire};
use common::{FLOW, Random, origin};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Of `:method GET`, `:scheme http`, `:path /`, each by index.
const GET: &[u8] = &[0x82, 0x86, 0x84];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("small").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// What a side sends, in segments of `step`; the most that was buffered, and the events given.
fn play(limits: Limits, side: Side, bytes: &[u8], step: usize) -> (Counters, u64, usize) {
    let mut wire = Wire::new(limits);
    let (mut most, mut messages, mut seq) = (0, 0, 1_u32);
    wire.handle(Input::Origin(FLOW, origin()), &mut |_| {});
    let mut put = |wire: &mut Wire, side, seq, payload| {
        let segment = Segment { flow: FLOW, side, at: Timestamp::from_nanos(1_000_000_000), seq: Seq(seq), payload };
        wire.handle(Input::Segment(segment), &mut |event| messages += usize::from(matches!(event, Event::Message(_))));
    };
    put(&mut wire, Side::Client, 1, Payload::Open);
    put(&mut wire, Side::Server, 1, Payload::Open);
    for part in bytes.chunks(step) {
        put(&mut wire, side, seq, Payload::Bytes(part));
        seq = seq.wrapping_add(u32::try_from(part.len()).expect("small"));
        most = most.max(wire.counters().buffered_bytes);
    }
    put(&mut wire, side, 0, Payload::Close(CloseReason::Gone));
    let counters = wire.counters();
    assert_eq!(counters.buffered_bytes, 0);
    (counters, most, messages)
}

fn client(frames: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut bytes = [PREFACE, &frame(4, 0, 0, &[])].concat();
    frames.into_iter().for_each(|frame| bytes.extend_from_slice(&frame));
    bytes
}

#[test]
fn a_continuation_flood_is_not_kept() {
    let flood = (0..5000).map(|_| frame(9, 0, 1, &[0x82; 1000]));
    let bytes = client([frame(1, 0, 1, GET)].into_iter().chain(flood).chain([frame(9, 4, 1, &[])]));
    let (counters, most, _) = play(Limits::default(), Side::Client, &bytes, 1448);
    assert_eq!(counters.heads_too_long, 1, "{counters:?}");
    assert!(most < 200_000, "{most}");
}

#[test]
fn streams_are_bounded() {
    let bytes = client((0..20_000).map(|n| frame(1, 4, 2 * n + 1, GET)));
    let (counters, most, messages) = play(Limits::default(), Side::Client, &bytes, 1448);
    assert_eq!(counters.streams_evicted, 20_000 - 512, "{counters:?}");
    assert_eq!(messages, 20_000);
    assert!(most < 1_000_000, "{most}");
}

#[test]
fn an_entry_repeated_is_no_bomb() {
    // An entry of 4000 bytes, then sixteen thousand times its index: 64 MB if all were kept.
    let entry = [&[0x40, 1, b'a', 0x7f, 0xa1, 0x1e][..], &[b'x'; 4000]].concat();
    let bomb = [GET, &entry, &[0xbe; 12_000]].concat();
    let bytes = client((0..50).map(|n| frame(1, 5, 2 * n + 1, &bomb)));
    let (counters, most, _) = play(Limits::default(), Side::Client, &bytes, 1448);
    assert!(counters.malformed_heads >= 50, "{counters:?}");
    assert!(most < 400_000, "{most}");
}

#[test]
fn what_breaks_the_rules_of_hpack_is_malformed() {
    let blocks: [&[u8]; 7] = [
        &[0x80],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
        &[0xc0],
        &[0x82, 0x3f, 0x00],
        &[0x40, 0x05, b'a'],
        &[0x40, 0x81, 0xff, 0x00],
        &[0x40, 1, b'a', 0x84, 0xff, 0xff, 0xff, 0xff],
    ];
    for block in blocks {
        let bytes = client([frame(1, 5, 1, block)]);
        let (counters, _, messages) = play(Limits::default(), Side::Client, &bytes, 1448);
        assert_eq!((counters.malformed_heads, messages), (1, 0), "{block:02x?}: {counters:?}");
    }
}

/// What each kind of hostile traffic is.
fn floods() -> Vec<(&'static str, Vec<u8>)> {
    let mut random = Random(9);
    let mut noise = |n: usize| (0..n).map(|_| u8::try_from(random.below(256)).expect("a byte")).collect::<Vec<u8>>();
    let open = (0..511).map(|n| frame(1, 5, 2 * n + 1, GET)).collect::<Vec<_>>().concat();
    let reset = |n: u32| [frame(1, 4, 2 * n + 1, GET), frame(3, 0, 2 * n + 1, &[0, 0, 0, 8])].concat();
    // Each segment of 22 bytes is a chain of frames, and then breaks it.
    let broken = [frame(8, 0, 0, &[0; 4]), frame(3, 0, 1, &[])].concat().repeat(20_000);
    vec![
        ("settings", client((0..60_000).map(|_| frame(4, 0, 0, &[])))),
        ("pings", client((0..40_000).map(|_| frame(6, 0, 0, &[0; 8])))),
        ("empty data", client([frame(1, 4, 1, GET)].into_iter().chain((0..60_000).map(|_| frame(0, 0, 1, &[]))))),
        (
            "empty continuations",
            client([frame(1, 0, 1, GET)].into_iter().chain((0..60_000).map(|_| frame(9, 0, 1, &[])))),
        ),
        ("headers", client((0..40_000).map(|n| frame(1, 5, 2 * n + 1, GET)))),
        ("rapid resets", client((0..20_000).map(reset))),
        ("bombs", client((0..40).map(|n| frame(1, 5, 2 * n + 1, &[GET, &[0x90; 15_000]].concat())))),
        ("table", client((0..40).map(|n| frame(1, 5, 2 * n + 1, &[0x40, 0, 0].repeat(5000))))),
        ("noise", client([noise(600_000)])),
        ("broken", [client([open]), broken].concat()),
    ]
}

/// Nanoseconds for a thousand bytes, the least of a few runs: other processes must not matter.
#[expect(clippy::disallowed_types, reason = "a test may look at the clock")]
fn cost(bytes: &[u8], size: usize) -> u128 {
    let run = || {
        let begun = std::time::Instant::now();
        play(Limits::default(), Side::Client, bytes, size);
        begun.elapsed().as_nanos() * 1000 / bytes.len() as u128
    };
    (0..4).map(|_| run()).min().unwrap_or_default()
}

#[test]
fn no_byte_costs_ten_times_a_benign_one() {
    let fields = b"\x40\x06accept\x10application/json";
    let benign = client((0..10_000).map(|n| frame(1, 5, 2 * n + 1, &[GET, fields].concat())));
    let mut told = String::new();
    let mut worst = 0;
    for (name, bytes) in floods() {
        let size = if name == "broken" { 22 } else { 1448 };
        let tenths = cost(&bytes, size) * 10 / cost(&benign, size).max(1);
        writeln!(told, "{name}: {}.{} times", tenths / 10, tenths % 10).expect("a string");
        worst = worst.max(tenths);
    }
    assert!(worst < 100, "{told}");
    println!("{told}");
}
