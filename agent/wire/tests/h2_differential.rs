//! HTTP/2 by someone else: the `h2` crate's client and server speak over a pipe that records both directions. What they
//! told each other is known, so what the reader gives must be that, however the bytes arrive, and no more than that when
//! bytes are missing or the connection was joined late.

mod common;
#[path = "h2/mod.rs"]
mod peers;

use apiscope_wire::{Limits, Side};
use common::{Act, Random, Step, Transcript, What, steps};
use peers::read::{Got, read};
use peers::{Session, record};

/// Connections of the usual run.
const SESSIONS: u64 = 14;

fn limits() -> Limits {
    Limits { body_bytes_max: 1 << 20, reorder_bytes_max: 8 << 20, reorder_chunks_max: 1 << 20, ..Limits::default() }
}

/// Every exchange that nobody reset is there, whole, in both directions; what was reset is there as far as it went.
fn assert_all(session: &Session, got: &Got, how: &str) {
    assert_honest(session, got, how);
    for spec in session.specs.iter().filter(|spec| !spec.torn) {
        let pair = got.pair(spec.id);
        let (ask, answer) =
            pair.unwrap_or_else(|| panic!("{how}: exchange {} of {} is missing", spec.id, session.seed));
        assert!(ask.complete && answer.complete, "{how}: exchange {} of {}: {ask:?} {answer:?}", spec.id, session.seed);
    }
    let c = got.counters;
    let bad = [c.malformed_frames, c.malformed_heads, c.unknown_fields, c.heads_too_long, c.streams_evicted];
    assert_eq!(bad, [0; 5], "{how}: {c:?}");
    assert_eq!(got.coverage.parsed, session.transcript.sent(), "{how}");
    assert_eq!(c.interim_responses, session.interim(), "{how}");
}

/// Nothing was given that was not said, and nothing was paired that does not belong together.
fn assert_honest(session: &Session, got: &Got, how: &str) {
    for message in &got.messages {
        let Some(id) = message.id else {
            // The field that says it stands in a part of the table that was not seen.
            assert!(!message.client && !message.complete, "{how}: {message:?} is of no exchange");
            continue;
        };
        let spec = session.specs.get(id).unwrap_or_else(|| panic!("{how}: exchange {id} never was"));
        let said = if message.client { &spec.request } else { &spec.response };
        said.check(message).unwrap_or_else(|error| panic!("{how}, session {}, exchange {id}: {error}", session.seed));
        let other = got.messages.iter().find(|other| other.client != message.client && other.index == message.index);
        assert!(
            other.is_none_or(|other| other.id.is_none() || other.id == message.id),
            "{how}: a wrong pair: {message:?} {other:?}"
        );
        let again = got.messages.iter().filter(|again| again.client == message.client && again.id == message.id);
        assert_eq!(again.count(), 1, "{how}: given twice: {message:?}");
    }
    assert_eq!(got.counters.buffered_bytes, 0, "{how}");
    assert!(got.coverage.socket() <= session.transcript.sent(), "{how}: {:?}", got.coverage);
}

#[test]
fn however_the_bytes_arrive_the_messages_are_what_the_peers_saw() {
    let mut exchanges = 0;
    for seed in 1..=SESSIONS {
        let session = record(seed);
        exchanges += session.specs.len();
        let whole = read(limits(), &steps(&session.transcript, &mut |n| n));
        assert_all(&session, &whole, "whole");
        if seed % 6 == 1 {
            let bytes = read(limits(), &steps(&session.transcript, &mut |_| 1));
            assert_all(&session, &bytes, "byte by byte");
        }
        for round in 0..2 {
            let mut random = Random(seed * 100 + round);
            let most = [60, 300, 1448, 9000][random.below(4)];
            let mut cut = steps(&session.transcript, &mut |_| 1 + random.below(most));
            assert_all(&session, &read(limits(), &cut), "in pieces");
            swap(&mut cut, &mut random);
            assert_all(&session, &read(limits(), &cut), "reordered");
        }
    }
    assert!(exchanges > 250, "{exchanges}");
}

#[test]
fn joined_late_nothing_is_wrong() {
    let (mut complete, mut unknown) = (0, 0);
    for seed in 1..=SESSIONS {
        let session = record(seed);
        let mut random = Random(seed);
        for _ in 0..12 {
            let size = 1 + random.below(2000);
            let all = steps(&session.transcript, &mut |_| size);
            let from = random.below(all.len());
            let got = read(limits(), &all[from.max(2)..]);
            assert_honest(&session, &got, "joined late");
            complete += got.messages.iter().filter(|message| message.complete).count();
            unknown += got.counters.unknown_heads + got.counters.unknown_fields;
        }
    }
    assert!(complete > 0 && unknown > 0, "{complete} {unknown}");
}

#[test]
fn with_gaps_it_is_equal_or_honestly_less() {
    let mut complete = 0;
    for seed in 1..=SESSIONS {
        let session = record(seed);
        let mut random = Random(seed);
        for _ in 0..12 {
            let size = 1 + random.below(2000);
            let mut all = steps(&session.transcript, &mut |_| size);
            let one_in = 4 + random.below(60);
            all.retain(|step| !matches!(step, Step::Segment { what: What::Bytes(_), .. }) || !random.chance(one_in));
            let got = read(limits(), &all);
            assert_honest(&session, &got, "with gaps");
            complete += got.messages.iter().filter(|message| message.complete).count();
        }
    }
    assert!(complete > 60, "{complete}");
}

#[test]
fn spoilt_bytes_and_tight_limits_do_no_harm() {
    for seed in 1..=SESSIONS {
        let session = record(seed);
        for round in 0..8 {
            let mut random = Random(seed * 1000 + round);
            let mut spoilt = Transcript { late: random.chance(4), ..Transcript::default() };
            for (side, act) in &session.transcript.acts {
                let mut act = act.clone();
                if let Act::Bytes(bytes) = &mut act {
                    spoil(bytes, &mut random);
                }
                spoilt.acts.push((*side, act));
            }
            let tight = Limits {
                head_bytes_max: random.below(2000),
                body_bytes_max: random.below(2000),
                buffered_bytes_max: random.below(20_000),
                ..limits()
            };
            let size = 1 + random.below(3000);
            let got = read(if round % 2 == 0 { limits() } else { tight }, &steps(&spoilt, &mut |_| size));
            assert_eq!(got.coverage.socket(), spoilt.sent(), "session {seed} round {round}");
            assert_eq!(got.counters.buffered_bytes, 0, "session {seed} round {round}");
        }
    }
}

fn spoil(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..random.below(3) {
        let at = random.below(bytes.len());
        match random.below(4) {
            0 => bytes[at] = u8::try_from(random.below(256)).expect("a byte"),
            1 => bytes[at] ^= 1 << random.below(8),
            2 if bytes.len() > 1 => {
                bytes.remove(at);
            }
            _ => bytes.insert(at, 0),
        }
    }
}

/// Swaps neighbours of the same side, as networks do.
fn swap(all: &mut [Step], random: &mut Random) {
    let side = |step: &Step| match step {
        Step::Segment { side, what: What::Bytes(_), .. } => Some(*side),
        _ => None,
    };
    for at in 1..all.len() {
        let other = at.saturating_sub(random.below(4));
        let run = &all[other..=at];
        let first: Option<Side> = side(&run[0]);
        if first.is_some() && run.iter().all(|step| side(step) == first) {
            all.swap(other, at);
        }
    }
}
