//! Every transcript in `cases/`: as it stands, and however its bytes may arrive.
//!
//! The expectation stands beside it; `UPDATE_EXPECT=1 cargo test -p apiscope-wire --test transcripts` writes it anew.

mod common;

use std::path::{Path, PathBuf};

use apiscope_wire::{CloseReason, Limits, Sent, Session, Side};
use common::{Act, Outcome, Random, Step, Transcript, What, play, steps};

/// How often each random schedule is tried.
const ROUNDS: u64 = 12;

fn cases() -> Vec<(String, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut cases: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder of cases")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "http"))
        .map(|path| (path.file_stem().expect("a name").to_string_lossy().into_owned(), path))
        .collect();
    cases.sort();
    assert!(cases.len() >= 250, "{} cases", cases.len());
    cases
}

#[expect(clippy::disallowed_methods, reason = "the cases are files")]
fn read(path: &Path) -> Transcript {
    Transcript::parse(&std::fs::read_to_string(path).expect("a case"))
}

fn each(check: impl Fn(&str, &Transcript, &Outcome)) {
    for (name, path) in cases() {
        let transcript = read(&path);
        let whole = play(Limits::default(), &steps(&transcript, &mut |n| n));
        check(&name, &transcript, &whole);
    }
}

#[test]
fn as_written() {
    for (_, path) in cases() {
        let transcript = read(&path);
        let whole = play(Limits::default(), &steps(&transcript, &mut |n| n));
        expect_test::expect_file![path.with_extension("expect")].assert_eq(&whole.render());
    }
}

#[test]
fn every_byte_is_accounted_for_once() {
    each(|name, transcript, whole| {
        let seen_end = transcript.acts.iter().rposition(|(_, act)| !matches!(act, Act::Lost(_) | Act::LostInRing(_)));
        if seen_end.is_some() && !name.starts_with("tail_") && !name.starts_with("reuse_") {
            assert_eq!(whole.coverage.socket(), transcript.sent(), "{name}");
        }
    });
}

#[test]
fn in_pieces_of_any_size() {
    each(|name, transcript, whole| {
        for size in [1, 2, 3, 5, 11, 64].map(|size: usize| size.max(least(name))) {
            let got = play(Limits::default(), &steps(transcript, &mut |_| size));
            assert_eq!(got.essence(), whole.essence(), "{name} in pieces of {size}");
        }
    });
}

#[test]
fn reordered() {
    each(|name, transcript, whole| {
        for seed in 1..=if transcript.late { 0 } else { ROUNDS } {
            let mut random = Random(seed);
            // So that the bound on pieces out of order is not reached.
            let size = least(name) + random.below(40) + usize::try_from(transcript.sent() / 100).expect("small");
            let mut all = steps(transcript, &mut |_| size);
            shuffle_runs(&mut all, &mut random);
            let got = play(Limits::default(), &all);
            assert_eq!(got.essence(), whole.essence(), "{name} with seed {seed}");
        }
    });
}

#[test]
fn duplicated_and_overlapping() {
    each(|name, transcript, whole| {
        for seed in 1..=ROUNDS {
            let mut random = Random(seed);
            let size = least(name) + random.below(40);
            let all = repeat(&steps(transcript, &mut |_| size), &mut random);
            let got = play(Limits::default(), &all);
            assert_eq!(got.essence(), whole.essence(), "{name} with seed {seed}");
        }
    });
}

#[test]
fn with_gaps_it_is_equal_or_honestly_less() {
    each(|name, transcript, whole| {
        // Of these the written run does not tell all that was sent; `model.rs` knows it of its own.
        if ["reuse_", "lost_", "late", "doubt_"].iter().any(|start| name.starts_with(start)) {
            return;
        }
        let (messages, pairs) = whole.claims();
        for seed in 1..=ROUNDS * 4 {
            let mut random = Random(seed);
            let size = 1 + random.below(60);
            let one_in = 2 + random.below(12);
            let mut all = steps(transcript, &mut |_| size);
            if seed % 2 == 0 {
                shuffle_runs(&mut all, &mut random);
            }
            // Where a connection is joined, a gap that nobody tells of can't be seen.
            let told = if transcript.late { 1 } else { 2 };
            let all = lose(all, one_in, told, &mut random);
            let got = play(Limits::default(), &all);
            let (got_messages, got_pairs) = got.claims();
            // Where the written run refuses the request, it is not sure of the answer, and may be where the first line is cut.
            // A response to a lost CONNECT is told as a body: no one else can know that it is a tunnel.
            let sent =
                |text: &String| messages.contains(text) || (name.starts_with("refused_") && whole.has_content(text));
            for message in got_messages.iter().filter(|_| !name.starts_with("h2_connect")) {
                assert!(sent(message), "{name} with seed {seed} invents {message}\n{}", got.render());
            }
            for pair in got_pairs {
                let known = pairs.iter().any(|known| is_cut_of(&pair, known));
                assert!(known, "{name} with seed {seed} pairs {pair}\n{}\nof\n{}", got.render(), whole.render());
            }
            for session in &got.sessions {
                let known = whole.sessions.iter().any(|known| is_less(session, known));
                assert!(known, "{name} with seed {seed} invents {session:?}\n{}", whole.render());
            }
            let sent = transcript.sent();
            assert!(got.coverage.socket() <= sent, "{name} with seed {seed}: {sent}\n{}\n{all:?}", got.render());
        }
    });
}

/// Whether a session's numbers are of this one: no more messages than there were, and no code that was not sent.
fn is_less(session: &Session, known: &Session) -> bool {
    let less = |got: &Sent, all: &Sent| {
        got.text <= all.text
            && got.binary <= all.binary
            && got.fragmented <= all.fragmented
            && got.compressed <= all.compressed
            && got.control <= all.control
            && got.payload_bytes <= all.payload_bytes
            && got.largest <= all.largest
            && got.errors <= all.errors
            && (!got.closed || all.closed)
            && (got.close_code.is_none() || got.close_code == all.close_code)
    };
    (session.kind, session.deflate) == (known.kind, known.deflate)
        && less(&session.client, &known.client)
        && less(&session.server, &known.server)
}

/// Whether a pair, whose heads may have lost fields, is of this pair.
fn is_cut_of(pair: &str, known: &str) -> bool {
    let both = |text: &str| text.split_once(" -> ").map(|(a, b)| (a.to_owned(), b.to_owned()));
    match (both(pair), both(known)) {
        (Some((ask, answer)), Some((all_ask, all_answer))) => {
            all_ask.starts_with(&ask) && all_answer.starts_with(&answer)
        }
        _ => false,
    }
}

/// The smallest piece to cut a case into: what a reader can only guess, it guesses from a whole line.
fn least(name: &str) -> usize {
    if name.starts_with("doubt_") { 64 } else { 1 }
}

fn run_of(step: &Step) -> Option<Side> {
    match step {
        Step::Segment { side, what: What::Bytes(_) | What::Skipped(_) | What::Close(CloseReason::Fin), .. } => {
            Some(*side)
        }
        _ => None,
    }
}

/// Shuffles what a side sends before the other side sends anything.
fn shuffle_runs(all: &mut [Step], random: &mut Random) {
    let mut start = 0;
    while start < all.len() {
        let side = run_of(&all[start]);
        let mut end = start + 1;
        while side.is_some() && end < all.len() && run_of(&all[end]) == side {
            end += 1;
        }
        for i in (start + 1..end).rev() {
            let j = start + random.below(i - start + 1);
            all.swap(i, j);
        }
        start = end;
    }
}

/// Repeats segments, early and late, and lets them reach back into what came before.
fn repeat(all: &[Step], random: &mut Random) -> Vec<Step> {
    let mut out: Vec<Step> = Vec::new();
    for step in all {
        let mut step = step.clone();
        if let Some(Step::Segment { side: last_side, seq: last_seq, what: What::Bytes(last) }) = out.last()
            && let Step::Segment { side, seq, what: What::Bytes(bytes) } = &mut step
            && side == last_side
            && last_seq.wrapping_add(u32::try_from(last.len()).expect("small")) == *seq
        {
            let back = random.below(last.len() + 1);
            *seq = seq.wrapping_sub(u32::try_from(back).expect("small"));
            bytes.splice(0..0, last[last.len() - back..].iter().copied());
        }
        out.push(step.clone());
        let repeats = matches!(&step, Step::Segment { what: What::Bytes(_) | What::Skipped(_), .. });
        if repeats && random.chance(2) {
            out.push(step);
        }
    }
    out
}

/// Takes segments away; capture says so of one in `told`.
fn lose(all: Vec<Step>, one_in: usize, told: usize, random: &mut Random) -> Vec<Step> {
    let mut out = Vec::new();
    for step in all {
        match &step {
            Step::Segment { side, what: What::Bytes(bytes), .. } if random.chance(one_in) => {
                if random.chance(told) {
                    out.push(Step::LostInRing(*side, bytes.len() as u64));
                }
            }
            _ => out.push(step),
        }
    }
    out
}
