//! Both directions' bytes, in order, in pieces: no panic, and each byte accounted for once.
//!
//! `cargo +nightly fuzz run bytes` in `agent/wire`. The input: a byte for the size of pieces, then turns, each a byte of
//! length and the bytes; the sides take turns.
#![no_main]

use apiscope_wire::{
    CloseReason, Coverage, Event, FlowId, Hop, Input, Limits, Origin, Payload, Role, Segment, Seq, Side, Timestamp, Wire,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((size, mut rest)) = data.split_first() else { return };
    let size = usize::from(*size).max(1);
    let mut wire = Wire::new(Limits::default());
    let mut coverage = Coverage::default();
    let flow = FlowId::new(1);
    let mut now = 1_u64;
    let mut next = [0_u32; 2];
    let mut handle = |input| {
        wire.handle(input, &mut |event| {
            if let Event::Coverage(_, more) = event {
                coverage += more;
            }
        });
    };
    handle(Input::Origin(flow, origin()));
    for (i, side) in [Side::Client, Side::Server].into_iter().enumerate() {
        let at = Timestamp::from_nanos(now);
        handle(Input::Segment(Segment { flow, side, at, seq: Seq(next[i]), payload: Payload::Open }));
    }
    let mut side = Side::Client;
    while let Some((len, after)) = rest.split_first() {
        let (bytes, after) = after.split_at(usize::from(*len).min(after.len()));
        for bytes in bytes.chunks(size) {
            now += 1_000_000;
            let i = usize::from(side == Side::Server);
            let (at, seq) = (Timestamp::from_nanos(now), Seq(next[i]));
            handle(Input::Segment(Segment { flow, side, at, seq, payload: Payload::Bytes(bytes) }));
            handle(Input::Tick(at));
            next[i] = next[i].wrapping_add(bytes.len() as u32);
        }
        rest = after;
        side = side.other();
    }
    let (at, payload) = (Timestamp::from_nanos(now), Payload::Close(CloseReason::Gone));
    handle(Input::Segment(Segment { flow, side, at, seq: Seq(0), payload }));
    assert_eq!(coverage.socket(), u64::from(next[0]) + u64::from(next[1]));
    assert_eq!(wire.counters().buffered_bytes, 0);
});

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
