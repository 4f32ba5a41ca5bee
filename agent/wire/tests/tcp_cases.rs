//! What TCP does besides carrying bytes in order, case by case: the messages are those that were sent, and each byte counts once.

mod common;

use apiscope_wire::{CloseReason, Limits, Side};
use common::{FIRST, Outcome, Step, Transcript, What, play, steps};

const REQUEST: &[u8] = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 Fine\r\nContent-Length: 10\r\n\r\n0123456789";

fn segment(side: Side, offset: u32, what: What) -> Step {
    Step::Segment { side, seq: FIRST[usize::from(side == Side::Server)].wrapping_add(offset), what }
}

fn bytes(side: Side, offset: u32, bytes: &[u8]) -> Step {
    segment(side, offset, What::Bytes(bytes.to_vec()))
}

fn len(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("small")
}

fn opens() -> Vec<Step> {
    [Side::Client, Side::Server].map(|side| segment(side, 0, What::Open)).to_vec()
}

/// A whole exchange after the openings, with `between` before the answer's second half.
fn exchange_with(between: Vec<Step>) -> Outcome {
    let mut all = opens();
    all.push(bytes(Side::Client, 0, REQUEST));
    all.push(bytes(Side::Server, 0, &ANSWER[..30]));
    all.extend(between);
    all.push(bytes(Side::Server, 30, &ANSWER[30..]));
    play(Limits::default(), &all)
}

/// One complete exchange, and as many bytes as were sent.
#[track_caller]
fn assert_whole(got: &Outcome) {
    let complete: Vec<_> = got.lines.iter().map(|line| (line.index, line.complete)).collect();
    assert_eq!(complete, [(0, true), (0, true)], "{}", got.render());
    assert_eq!(got.coverage.parsed, u64::from(len(REQUEST) + len(ANSWER)), "{}", got.render());
    assert_eq!(got.coverage.socket(), got.coverage.parsed, "{}", got.render());
    assert!(got.odd.is_empty(), "{}", got.render());
}

#[test]
fn several_holes_are_filled_in_any_order() {
    let pieces: Vec<(u32, &[u8])> = (0..).step_by(4).zip(ANSWER.chunks(4)).collect();
    for hole in [[1, 4, 8], [8, 4, 1], [4, 8, 1]] {
        let mut all = opens();
        all.push(bytes(Side::Client, 0, REQUEST));
        let seen = pieces.iter().enumerate().filter(|(n, _)| !hole.contains(n)).map(|(_, piece)| piece);
        all.extend(seen.map(|(at, piece)| bytes(Side::Server, *at, piece)));
        all.extend(hole.iter().map(|n| bytes(Side::Server, pieces[*n].0, pieces[*n].1)));
        let got = play(Limits::default(), &all);
        assert_whole(&got);
        assert_eq!(got.counters.gaps, 0);
    }
}

#[test]
fn keep_alive_probes_are_no_news() {
    // The byte before the next one, with any value; or none at all (RFC 1122 §4.2.3.6).
    let probe = |side, offset| vec![bytes(side, offset, b"\0"), segment(side, offset, What::Bytes(Vec::new()))];
    let got = exchange_with([probe(Side::Server, 29), probe(Side::Client, len(REQUEST) - 1)].concat());
    assert_whole(&got);
    assert_eq!((got.counters.duplicate_bytes, got.counters.conflicts), (2, 0));
}

#[test]
fn a_probe_of_a_closed_window_carries_the_next_byte() {
    let probe = bytes(Side::Server, 30, &ANSWER[30..31]);
    let got = exchange_with(vec![probe.clone(), probe]);
    assert_whole(&got);
    assert_eq!(got.counters.duplicate_bytes, 2);
}

#[test]
fn data_with_the_syn() {
    let mut all = vec![segment(Side::Client, 0, What::Open), bytes(Side::Client, 0, REQUEST)];
    all.push(segment(Side::Server, 0, What::Open));
    // Not taken by the server, and sent again.
    all.push(bytes(Side::Client, 0, REQUEST));
    all.push(bytes(Side::Server, 0, ANSWER));
    assert_whole(&play(Limits::default(), &all));
}

#[test]
fn data_after_the_end_is_dropped_and_counted() {
    let fin = segment(Side::Client, len(REQUEST), What::Close(CloseReason::Fin));
    let late = bytes(Side::Client, len(REQUEST), REQUEST);
    let got = exchange_with(vec![fin.clone(), late.clone(), fin, late]);
    assert_whole(&got);
    assert_eq!(got.counters.out_of_window_segments, 2);
}

#[test]
fn an_end_that_comes_again_or_too_early() {
    let fin = |offset| segment(Side::Server, offset, What::Close(CloseReason::Fin));
    // The second copy, and one before the data that it follows.
    assert_whole(&exchange_with(vec![fin(len(ANSWER)), fin(len(ANSWER))]));
    // One inside of what was read is not this stream's.
    assert_whole(&exchange_with(vec![fin(10)]));
}

#[test]
fn a_reset_in_the_middle_cuts_and_one_from_elsewhere_does_not() {
    let reset = |side, offset| segment(side, offset, What::Close(CloseReason::Reset));
    let cut = exchange_with(vec![reset(Side::Client, len(REQUEST))]);
    assert!(cut.lines.iter().any(|line| !line.client && !line.complete), "{}", cut.render());
    assert_eq!((cut.closed, cut.counters.orphan_bytes), (1, u64::from(len(ANSWER)) - 30));
    let got = exchange_with(vec![reset(Side::Client, 0x7000_0000)]);
    assert_whole(&got);
    assert_eq!(got.counters.out_of_window_segments, 1);
}

#[test]
fn numbers_wrap_anywhere() {
    // The client's begin 21 bytes before the wrap: here in the head, in the body, and in a hole.
    for (head, body) in
        [(REQUEST.to_vec(), 0), (b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 200\r\n\r\n".to_vec(), 200)]
    {
        let mut all = opens();
        let sent = [head, vec![b'x'; body]].concat();
        let pieces: Vec<_> = (0..).step_by(7).zip(sent.chunks(7)).collect();
        let (even, odd): (Vec<_>, Vec<_>) = pieces.into_iter().partition(|(at, _)| at % 2 == 0);
        all.extend(even.iter().chain(&odd).map(|(at, piece)| bytes(Side::Client, *at, piece)));
        all.push(bytes(Side::Server, 0, ANSWER));
        let got = play(Limits::default(), &all);
        assert_eq!(got.lines.iter().filter(|line| line.complete).count(), 2, "{}", got.render());
    }
}

#[test]
fn joined_in_the_middle_of_both_directions() {
    let transcript = Transcript::parse(
        "... late\n<<<\nrest of a body\n>>>\nGET /a HTTP/1.1\n\n<<<\nHTTP/1.1 204 Fine\n\n>>>\nGET /b HTTP/1.1\n\n<<<\nHTTP/1.1 204 Fine\n\n",
    );
    let got = play(Limits::default(), &steps(&transcript, &mut |n| n));
    assert_eq!(got.lines.iter().filter(|line| line.complete).count(), 4, "{}", got.render());
    assert_eq!((got.coverage.unparsed.joined_late, got.coverage.socket()), (16, transcript.sent()));
}

/// Only one side of a connection, as a mirror port or an asymmetric route shows it.
fn one_sided(side: Side, message: &[u8], lost: Option<usize>, opened: bool) -> Outcome {
    let mut all = if opened { vec![segment(side, 0, What::Open)] } else { Vec::new() };
    for n in 0..10 {
        if lost != Some(n) {
            all.push(bytes(side, len(message) * u32::try_from(n).expect("small"), message));
        }
    }
    all.push(Step::Seconds(3));
    all.push(bytes(side, len(message) * 10, message));
    play(Limits::default(), &all)
}

#[test]
fn one_side_alone_is_counted_whole() {
    for opened in [true, false] {
        let requests = one_sided(Side::Client, REQUEST, None, opened);
        assert_eq!(requests.lines.iter().filter(|line| line.complete).count(), 11, "{}", requests.render());
        let answers = one_sided(Side::Server, ANSWER, None, opened);
        assert_eq!(answers.lines.len(), 11, "{}", answers.render());
        assert!(answers.lines.iter().all(|line| !line.complete), "their requests are not known");
        assert_eq!(answers.odd.len(), 0, "{}", answers.render());
    }
}

#[test]
fn one_side_alone_is_read_on_behind_a_gap_and_said_to_be_a_guess() {
    cov_mark::check!(guess_ends);
    for (side, message) in [(Side::Client, REQUEST), (Side::Server, ANSWER)] {
        let got = one_sided(side, message, Some(4), true);
        assert_eq!(got.lines.len(), 10, "{}", got.render());
        let complete = got.lines.iter().filter(|line| line.complete).count();
        assert_eq!(complete, if side == Side::Client { 4 } else { 0 }, "{}", got.render());
        assert_eq!(got.coverage.lost.gap, u64::from(len(message)));
        assert_eq!(got.coverage.socket(), 11 * u64::from(len(message)));
    }
    // A body that looks like requests, behind a hole: nothing of it is ever complete.
    let mut all = vec![segment(Side::Client, 0, What::Open)];
    let head = b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n";
    all.push(bytes(Side::Client, 60, REQUEST));
    all.push(bytes(Side::Client, 60 + len(REQUEST), &REQUEST.repeat(3)));
    all.push(Step::Seconds(3));
    let got = play(Limits::default(), &all);
    assert!(head.len() < 60 && got.lines.iter().all(|line| !line.complete), "{}", got.render());
    // Once the other side is seen, a turn proves the place again.
    all.push(bytes(Side::Server, 0, ANSWER));
    all.push(bytes(Side::Client, 60 + 4 * len(REQUEST), REQUEST));
    all.push(bytes(Side::Server, len(ANSWER), ANSWER));
    let got = play(Limits::default(), &all);
    assert_eq!(got.lines.len(), 4 + 3, "{}", got.render());
}
