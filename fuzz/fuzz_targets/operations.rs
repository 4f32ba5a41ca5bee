//! Any inputs in any order: no panic, the bounds hold, nothing is left when all flows are gone.
//!
//! `cargo +nightly fuzz run operations` in `agent/wire`. The input: four bytes of limits, then operations of a byte for what
//! and for whom, two for the sequence number and one for the length, and the bytes.
#![no_main]

use apiscope_wire::{
    CloseReason, FlowId, Hop, Input, Limits, Origin, Payload, Role, Segment, Seq, Side, Timestamp, Wire,
};
use libfuzzer_sys::fuzz_target;

/// Flows that the operations are about.
const FLOWS: u64 = 4;

fuzz_target!(|data: &[u8]| {
    let Some((&[flows, head, reorder, all], mut rest)) = data.split_first_chunk::<4>() else { return };
    let limits = Limits {
        flows_max: usize::from(flows % 4),
        head_bytes_max: usize::from(head) * 4,
        body_bytes_max: usize::from(head),
        reorder_bytes_max: usize::from(reorder) * 8,
        reorder_chunks_max: usize::from(reorder % 16),
        buffered_bytes_max: usize::from(all) * 64,
        pipeline_max: usize::from(all % 8),
    };
    let mut wire = Wire::new(limits);
    let mut now = 1_u64;
    while let Some((&[what, high, low, len], after)) = rest.split_first_chunk::<4>() {
        let (bytes, after) = after.split_at(usize::from(len).min(after.len()));
        rest = after;
        now += u64::from(len) * 10_000_000;
        let at = Timestamp::from_nanos(now);
        let flow = FlowId::new(u64::from(what >> 6) % FLOWS);
        let side = if what & 0x20 == 0 { Side::Client } else { Side::Server };
        let seq = Seq(u32::from(u16::from_be_bytes([high, low])).wrapping_sub(0x4000));
        let payload = match what & 0x0f {
            0 => Payload::Open,
            1 => Payload::Skipped(u32::from(len)),
            2 => Payload::Close(CloseReason::Fin),
            3 => Payload::Close(CloseReason::Reset),
            4 => Payload::Close(CloseReason::Gone),
            _ => Payload::Bytes(bytes),
        };
        let input = match what & 0x0f {
            5 => Input::Origin(flow, origin()),
            6 => Input::Lost(flow, side, u64::from(len)),
            7 => Input::Tick(at),
            _ => Input::Segment(Segment { flow, side, at, seq, payload }),
        };
        wire.handle(input, &mut |_| {});
        let counters = wire.counters();
        assert!(counters.flows_open <= limits.flows_max.max(1) as u64);
    }
    for flow in 0..FLOWS {
        let (at, payload) = (Timestamp::from_nanos(now), Payload::Close(CloseReason::Gone));
        let segment = Segment { flow: FlowId::new(flow), side: Side::Client, at, seq: Seq(0), payload };
        wire.handle(Input::Segment(segment), &mut |_| {});
    }
    assert_eq!(wire.counters().flows_open, 0);
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
