//! Every bound is reached, holds, and is counted.

mod common;

use apiscope_wire::{
    CloseReason, Counters, Coverage, Event, FlowId, Input, Limits, Payload, Segment, Seq, Side, Timestamp, Wire,
};
use common::{FIRST, Outcome, Step, Transcript, What, origin, play, steps};

fn outcome(limits: Limits, text: &str) -> Outcome {
    play(limits, &steps(&Transcript::parse(text), &mut |n| n))
}

/// A wire with flows put in by hand.
struct Hand {
    wire: Wire,
    closed: Vec<u64>,
    messages: u32,
    coverage: Coverage,
    flushes: u32,
    nanos: u64,
}

impl Hand {
    fn new(limits: Limits) -> Self {
        let coverage = Coverage::default();
        Self { wire: Wire::new(limits), closed: Vec::new(), messages: 0, coverage, flushes: 0, nanos: 1_000_000_000 }
    }

    fn handle(&mut self, input: Input<'_>) {
        let Self { wire, closed, messages, coverage, flushes, .. } = self;
        wire.handle(input, &mut |event| match event {
            Event::Closed(flow, _) => closed.push(flow.get()),
            Event::Message(_) => *messages += 1,
            Event::Coverage(_, more) => {
                *coverage += more;
                *flushes += 1;
            }
            Event::Hello(_)
            | Event::Over(..)
            | Event::Head(_)
            | Event::Progress(_)
            | Event::Session(..)
            | Event::Ambiguous(_)
            | Event::Verdict(..) => {}
        });
    }

    fn flow(&mut self, flow: u64) {
        self.handle(Input::Origin(FlowId::new(flow), origin()));
    }

    fn put(&mut self, flow: u64, side: Side, seq: u32, payload: Payload<'_>) {
        self.nanos += 1000;
        let at = Timestamp::from_nanos(self.nanos);
        self.handle(Input::Segment(Segment { flow: FlowId::new(flow), side, at, seq: Seq(seq), payload }));
    }

    fn tick(&mut self, millis: u64) {
        self.nanos += millis * 1_000_000;
        self.handle(Input::Tick(Timestamp::from_nanos(self.nanos)));
    }

    fn counters(&self) -> Counters {
        self.wire.counters()
    }
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\n\r\n";

#[test]
fn flows_past_the_bound_push_out_the_one_idle_for_longest() {
    let mut hand = Hand::new(Limits { flows_max: 3, ..Limits::default() });
    for flow in 1..=3 {
        hand.flow(flow);
        hand.put(flow, Side::Client, 0, Payload::Bytes(REQUEST));
    }
    hand.put(1, Side::Client, 18, Payload::Bytes(REQUEST));
    hand.flow(4);
    assert_eq!(hand.closed, [2]);
    assert_eq!(hand.counters().flows_evicted, 1);
    assert_eq!(hand.counters().flows_open, 3);
    hand.put(2, Side::Client, 18, Payload::Bytes(REQUEST));
    assert_eq!((hand.counters().orphan_segments, hand.counters().orphan_bytes), (1, 18));
}

#[test]
fn flows_that_are_over_go_first_and_are_not_evicted() {
    let mut hand = Hand::new(Limits { flows_max: 8, ..Limits::default() });
    for flow in 0..100 {
        hand.flow(flow);
        hand.put(flow, Side::Client, 0, Payload::Bytes(REQUEST));
        hand.put(flow, Side::Client, 18, Payload::Close(CloseReason::Reset));
    }
    assert_eq!(hand.closed.len(), 100);
    assert_eq!(hand.messages, 100);
    assert_eq!(hand.counters().flows_evicted, 0);
    assert_eq!(hand.counters().flows_open, 0);
}

#[test]
fn a_flow_that_is_gone_is_forgotten() {
    let mut hand = Hand::new(Limits::default());
    hand.flow(1);
    hand.put(1, Side::Client, 0, Payload::Open);
    hand.put(1, Side::Client, 0, Payload::Close(CloseReason::Gone));
    hand.put(1, Side::Client, 0, Payload::Open);
    assert_eq!(hand.closed, [1]);
    assert_eq!(hand.counters().orphan_segments, 1);
}

#[test]
fn a_head_past_the_bound_is_given_as_far_as_it_goes() {
    let limits = Limits { head_bytes_max: 60, ..Limits::default() };
    let got = outcome(limits, ">>>\nGET /a HTTP/1.1\nx-a: b\nCookie: \\\n... 100 times c\n\n\n");
    assert_eq!(got.counters.heads_too_long, 1);
    assert_eq!(got.lines.len(), 1);
    assert!(!got.lines[0].complete && got.lines[0].content.contains("[x-a: b]"), "{}", got.render());
    let whole =
        outcome(limits, ">>>\nGET /a HTTP/1.1\nx-a: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n\n");
    assert_eq!(whole.counters.heads_too_long, 1);
}

#[test]
fn more_fields_than_the_bound_are_a_fault() {
    let fields = "x: y\n".repeat(300);
    let got = outcome(Limits::default(), &format!(">>>\nGET /a HTTP/1.1\n{fields}\n"));
    assert_eq!(got.counters.malformed_heads, 1);
    assert!(!got.lines[0].complete);
}

#[test]
fn a_body_past_the_bound_is_cut_and_its_size_exact() {
    let limits = Limits { body_bytes_max: 10, ..Limits::default() };
    let text = ">>>\nPOST /a HTTP/1.1\nContent-Length: 50\n\n\\\n... 50 times b\n";
    let got = outcome(limits, text);
    assert_eq!(got.counters.bodies_cut, 1);
    assert!(got.lines[0].complete && got.lines[0].text.ends_with("of 50"), "{}", got.render());
}

fn behind_a_gap(n: u32, size: usize) -> Vec<Step> {
    let mut all = steps(&Transcript::parse(">>>\nGET /a HTTP/1.1\n"), &mut |n| n);
    let bytes = vec![b'x'; size];
    for i in 0..n {
        let seq = 100 + i * u32::try_from(2 * size).expect("small");
        all.push(Step::Segment { side: Side::Client, seq, what: What::Bytes(bytes.clone()) });
    }
    all
}

#[test]
fn pieces_out_of_order_are_bounded() {
    let limits = Limits { reorder_chunks_max: 4, ..Limits::default() };
    let got = play(limits, &behind_a_gap(5, 10));
    assert_eq!(got.counters.gaps_by_limit, 1);
    assert!(got.coverage.lost.memory > 0);
    let fits = play(limits, &behind_a_gap(4, 10));
    assert_eq!(fits.counters.gaps_by_limit, 0);
}

#[test]
fn bytes_out_of_order_are_bounded() {
    let limits = Limits { reorder_bytes_max: 4000, ..Limits::default() };
    assert_eq!(play(limits, &behind_a_gap(5, 1000)).counters.gaps_by_limit, 1);
    assert_eq!(play(limits, &behind_a_gap(4, 1000)).counters.gaps_by_limit, 0);
}

#[test]
fn bytes_in_all_flows_are_bounded() {
    let limits = Limits { buffered_bytes_max: 20_000, ..Limits::default() };
    let mut hand = Hand::new(limits);
    for flow in 0..50 {
        hand.flow(flow);
        hand.put(flow, Side::Client, 0, Payload::Open);
        // A head that does not end, and bytes behind a gap.
        hand.put(flow, Side::Client, 0, Payload::Bytes(b"GET / HTTP/1.1\r\nx: "));
        hand.put(flow, Side::Client, 5000, Payload::Bytes(&[b'x'; 1000]));
        assert!(hand.counters().buffered_bytes <= 20_000);
    }
    assert!(hand.counters().gaps_by_limit > 0);
    for flow in 0..50 {
        hand.put(flow, Side::Client, 0, Payload::Close(CloseReason::Gone));
    }
    assert_eq!(hand.counters().buffered_bytes, 0);
    assert_eq!(hand.coverage.socket(), 50 * 6000);
}

#[test]
fn a_head_that_finds_no_room_is_lost_to_memory() {
    let limits = Limits { buffered_bytes_max: 100, ..Limits::default() };
    let mut hand = Hand::new(limits);
    hand.flow(1);
    hand.put(1, Side::Client, 0, Payload::Open);
    hand.put(1, Side::Client, 0, Payload::Bytes(b"GET / HTTP/1.1\r\nx: "));
    hand.put(1, Side::Client, 19, Payload::Bytes(&[b'x'; 1000]));
    hand.put(1, Side::Client, 0, Payload::Close(CloseReason::Gone));
    assert_eq!(hand.counters().cut_by_memory, 1);
    assert_eq!(hand.coverage.lost.memory, 1019);
}

#[test]
fn requests_that_wait_are_bounded() {
    let limits = Limits { pipeline_max: 2, ..Limits::default() };
    let ask = "GET /a HTTP/1.1\n\n".repeat(3);
    let answer = "HTTP/1.1 204 Fine\n\n".repeat(3);
    let got = outcome(limits, &format!(">>>\n{ask}<<<\n{answer}"));
    assert_eq!(got.counters.pipelines_too_long, 1);
    let paired = got.lines.iter().filter(|line| !line.client && line.complete).count();
    assert_eq!(paired, 2, "{}", got.render());
}

#[test]
fn an_account_is_given_at_most_once_a_second() {
    let mut hand = Hand::new(Limits::default());
    hand.flow(1);
    hand.put(1, Side::Client, 0, Payload::Open);
    for i in 0..50 {
        hand.put(1, Side::Client, i * 18, Payload::Bytes(REQUEST));
        hand.tick(100);
    }
    assert!((4..=6).contains(&hand.flushes), "{} in 5 s", hand.flushes);
    hand.put(1, Side::Client, 0, Payload::Close(CloseReason::Gone));
    assert_eq!(hand.coverage.parsed, 50 * 18);
}

#[test]
fn a_gap_is_given_up_after_two_seconds() {
    let mut hand = Hand::new(Limits::default());
    hand.flow(1);
    hand.put(1, Side::Client, 0, Payload::Open);
    hand.put(1, Side::Client, 0, Payload::Bytes(REQUEST));
    hand.put(1, Side::Client, 40, Payload::Bytes(b"rest"));
    hand.tick(1500);
    assert_eq!(hand.counters().gaps, 0);
    hand.tick(1000);
    assert_eq!(hand.counters().gaps, 1);
    hand.put(1, Side::Client, 18, Payload::Bytes(&[b'x'; 22]));
    assert_eq!(hand.counters().duplicate_bytes, 22, "what comes after it was given up");
}

#[test]
fn what_is_out_of_every_window_is_dropped() {
    let mut hand = Hand::new(Limits::default());
    hand.flow(1);
    hand.put(1, Side::Client, 0, Payload::Open);
    hand.put(1, Side::Client, 0x7000_0000, Payload::Bytes(REQUEST));
    hand.put(1, Side::Client, 0x7000_0000, Payload::Close(CloseReason::Reset));
    hand.put(1, Side::Client, 0, Payload::Bytes(REQUEST));
    assert_eq!((hand.counters().out_of_window_segments, hand.messages), (2, 1));
}

#[test]
fn copies_that_differ_leave_their_message_in_doubt_and_no_other() {
    let text = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcdPOST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nefgh";
    let (body, second) = (text.find("abcd").expect("a body"), text.find("efgh").expect("a body"));
    let segment = |at: usize, text: &str| {
        let seq = FIRST[0].wrapping_add(u32::try_from(at).expect("small"));
        Step::Segment { side: Side::Client, seq, what: What::Bytes(text.into()) }
    };
    let open = steps(&Transcript::default(), &mut |n| n);
    for (index, at) in [body, second].into_iter().enumerate() {
        let copies = [segment(at, &text[at..at + 4]), segment(at + 1, "XY"), segment(at + 2, "Z")];
        let got = play(Limits::default(), &[&open[..], &copies, &[segment(0, text)]].concat());
        let complete: Vec<_> = got.lines.iter().map(|line| line.complete).collect();
        assert_eq!(complete, [index != 0, index != 1], "{}", got.render());
        assert_eq!(got.odd, [format!("{index} Client ConflictingBytes")]);
        assert_eq!(got.counters.conflicts, 1);
    }
}

#[test]
fn copies_of_a_head_that_differ_leave_what_follows_in_doubt() {
    let text = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcdGET /b HTTP/1.1\r\nHost: a\r\n\r\n";
    let at = text.find("4\r\n").expect("a length");
    let segment = |at: usize, text: &str| {
        let seq = FIRST[0].wrapping_add(u32::try_from(at).expect("small"));
        Step::Segment { side: Side::Client, seq, what: What::Bytes(text.into()) }
    };
    let mut all = steps(&Transcript::default(), &mut |n| n);
    all.extend([segment(at, "9"), segment(at, "4"), segment(0, text)]);
    let got = play(Limits::default(), &all);
    assert_eq!(got.lines.len(), 1, "{}", got.render());
    assert!(!got.lines[0].complete);
    assert_eq!(got.odd, ["0 Client ConflictingBytes"]);
    assert_eq!(got.coverage.socket(), text.len() as u64);
}

#[test]
fn a_second_copy_of_what_was_read_that_differs_is_told_once() {
    let transcript =
        Transcript::parse(">>>\nGET /a HTTP/1.1\nHost: x\n\n<<<\nHTTP/1.1 200 OK\nContent-Length: 5\n\nhello\\\n");
    let all = steps(&transcript, &mut |n| n);
    let again = |of: Side, change: &dyn Fn(&mut Vec<u8>)| {
        let mut all = all.clone();
        let copy =
            all.iter().find(|step| matches!(step, Step::Segment { side, what: What::Bytes(_), .. } if *side == of));
        let mut copy = copy.expect("it sends bytes").clone();
        if let Step::Segment { what: What::Bytes(bytes), .. } = &mut copy {
            change(bytes);
        }
        all.extend([copy.clone(), copy]);
        play(Limits::default(), &all)
    };
    let other_byte = |bytes: &mut Vec<u8>| bytes[5] ^= 1;
    assert_eq!(again(Side::Client, &other_byte).odd, ["1 Client ConflictingBytes"]);
    assert_eq!(again(Side::Server, &other_byte).odd, ["1 Server ConflictingBytes"]);
    assert_eq!(again(Side::Server, &other_byte).counters.conflicts, 1);
    let longer = |bytes: &mut Vec<u8>| bytes.extend_from_slice(b"more");
    for same in [&(|_: &mut Vec<u8>| {}) as &dyn Fn(&mut Vec<u8>), &longer, &|bytes| bytes.truncate(9)] {
        assert_eq!(again(Side::Client, same).counters.conflicts, 0);
    }
}

#[test]
fn endless_empty_lines_are_no_message() {
    let got = outcome(Limits::default(), ">>>\n... 100000 times \\r\\n\n");
    assert_eq!(got.coverage.socket(), 200_000);
    assert_eq!(got.coverage.parsed, 0);
    assert!(got.lines.is_empty());
}

#[test]
fn chunk_lines_and_trailers_are_bounded() {
    let head = ">>>\nPOST /a HTTP/1.1\nTransfer-Encoding: chunked\n\n";
    let extension = outcome(Limits::default(), &format!("{head}5;\\\n... 5000 times e\n\nhello\n0\n\n"));
    let trailers = outcome(Limits::default(), &format!("{head}0\nx: \\\n... 70000 times t\n\n\n"));
    for got in [extension, trailers] {
        assert_eq!(got.counters.malformed_bodies, 1, "{}", got.render());
        assert!(!got.lines[0].complete);
    }
}
