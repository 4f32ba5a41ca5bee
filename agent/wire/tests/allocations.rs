//! In steady state a message costs no allocation, and a flow that does nothing costs little.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use apiscope_wire::{FlowId, Input, Limits, Payload, Segment, Seq, Side, Timestamp, Wire};
use common::origin;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    /// Bytes allocated now, and the most that ever were at a time.
    static LIVE: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

// SAFETY: passes everything on to the system's allocator, and only counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|n| n.set(n.get() + 1));
        LIVE.with(|live| {
            let (now, most) = live.get();
            let now = now.wrapping_add_unsigned(layout.size());
            live.set((now, most.max(now)));
        });
        // SAFETY: the caller keeps the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.with(|live| live.set((live.get().0.wrapping_sub_unsigned(layout.size()), live.get().1)));
        // SAFETY: the caller keeps the contract of `dealloc`, and `pointer` came from `System`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const EXCHANGES: u32 = 2000;

/// Exchanges in pieces of a size, and the allocations that they cost once the reader is warm.
fn allocations(request: &[u8], response: &[u8], piece: usize) -> u64 {
    let mut wire = Wire::new(Limits::default());
    let flow = FlowId::new(1);
    let mut messages = 0_u32;
    let mut handle = |wire: &mut Wire, input| {
        wire.handle(input, &mut |event| messages += u32::from(matches!(event, apiscope_wire::Event::Message(_))));
    };
    handle(&mut wire, Input::Origin(flow, origin()));
    let mut next = [0_u32; 2];
    let mut at = 0;
    let mut before = 0;
    for exchange in 0..2 * EXCHANGES {
        if exchange == EXCHANGES {
            before = ALLOCATIONS.with(Cell::get);
        }
        for (side, bytes) in [(Side::Client, request), (Side::Server, response)] {
            let seq = &mut next[usize::from(side == Side::Server)];
            for bytes in bytes.chunks(piece) {
                at += 1000;
                let payload = Payload::Bytes(bytes);
                let at = Timestamp::from_nanos(at);
                handle(&mut wire, Input::Segment(Segment { flow, side, at, seq: Seq(*seq), payload }));
                *seq = seq.wrapping_add(u32::try_from(bytes.len()).expect("small"));
            }
        }
    }
    let after = ALLOCATIONS.with(Cell::get);
    assert_eq!(messages, 4 * EXCHANGES);
    after - before
}

const REQUEST: &[u8] =
    b"GET /api/v1/things/17?full=1 HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: curl/8\r\nAccept: */*\r\n\r\n";

#[test]
fn none_for_messages_in_one_piece_or_in_many() {
    let length = [b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 3000\r\n\r\n", &[b'x'; 3000][..]].concat();
    let chunk =
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nbb8\r\n", &[b'x'; 3000][..], b"\r\n0\r\n\r\n"].concat();
    for response in [&length, &chunk] {
        for piece in [usize::MAX, 1448, 100] {
            assert_eq!(allocations(REQUEST, response, piece), 0, "pieces of {piece}");
        }
    }
}

/// Below zero where this thread freed what another had allocated.
fn live() -> isize {
    LIVE.with(Cell::get).0
}

/// A reader in which flows begin, each with a request and its response.
fn with_flows(limits: Limits, flows: u64) -> Wire {
    let mut wire = Wire::new(limits);
    let mut handle = |input| wire.handle(input, &mut |_| {});
    let response = b"HTTP/1.1 204 No Content\r\n\r\n";
    for number in 0..flows {
        let (flow, at) = (FlowId::new(number), Timestamp::from_nanos(number * 1_000_000));
        handle(Input::Origin(flow, origin()));
        for (side, bytes) in [(Side::Client, REQUEST), (Side::Server, response)] {
            handle(Input::Segment(Segment { flow, side, at, seq: Seq(1), payload: Payload::Bytes(bytes) }));
        }
        handle(Input::Tick(at));
    }
    // What is held for a flow's account is given within a second or two.
    for second in 2..5 {
        handle(Input::Tick(Timestamp::from_nanos(flows * 1_000_000 + second * 1_000_000_000)));
    }
    wire
}

#[test]
fn idle_flows_are_small() {
    const FLOWS: usize = 25_000;
    // 40 MiB for 100,000.
    const BYTES_MAX: usize = 40 * 1024 * 1024 / 100_000;
    let before = live();
    let wire = with_flows(Limits { flows_max: FLOWS, ..Limits::default() }, FLOWS as u64);
    let each = usize::try_from(live() - before).expect("more than before") / FLOWS;
    assert!(each <= BYTES_MAX, "{each} bytes a flow");
    assert_eq!(wire.counters().flows_open, FLOWS as u64);
}

#[test]
fn a_flood_of_flows_stays_under_its_ceiling() {
    const FLOWS: usize = 2_000;
    let before = live();
    LIVE.with(|live| live.set((before, before)));
    let wire = with_flows(Limits { flows_max: FLOWS, ..Limits::default() }, 50 * FLOWS as u64);
    let most = usize::try_from(LIVE.with(Cell::get).1 - before).expect("more than before");
    assert!(most <= FLOWS * 1024, "{most} bytes for {FLOWS} flows");
    assert_eq!(wire.counters().flows_evicted, 49 * FLOWS as u64);
}
