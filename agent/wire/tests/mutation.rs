//! Whatever comes in: no panic, no byte counted twice or not at all, no buffer left, and time that grows with the bytes.
//!
//! Transcripts are mutated by a seeded generator, so that every run is the same. `fuzz/` does the same with coverage.

mod common;

use std::path::{Path, PathBuf};

use apiscope_wire::{CloseReason, Limits, Side};
use common::{Random, Step, Transcript, What, play, steps};

/// Rounds over all transcripts.
const ROUNDS: u64 = 60;

#[expect(clippy::disallowed_methods, reason = "the cases are files")]
fn transcripts() -> Vec<Transcript> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("the folder of cases").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let cases = paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "http"));
    cases.map(|path| Transcript::parse(&std::fs::read_to_string(path).expect("a case"))).collect()
}

/// Pieces of grammar that matter to a reader of HTTP.
const WORDS: [&[u8]; 20] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 3\r\n",
    b"Content-Length: ",
    b"HTTP/1.1 200 OK\r\n",
    b"GET / HTTP/1.1\r\n",
    b"0\r\n\r\n",
    b"ffffffffffffffff\r\n",
    b" ",
    b":",
    b",",
    b"\x16\x03\x01",
    b"18446744073709551615",
    b"HEAD ",
    b"CONNECT ",
    b"Upgrade: x\r\n",
];

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        match random.below(5) {
            0 if at < bytes.len() => bytes[at] = u8::try_from(random.below(256)).expect("a byte"),
            1 if at < bytes.len() => {
                bytes.remove(at);
            }
            2 => bytes.truncate(at),
            3 => {
                let from = random.below(bytes.len() + 1);
                let copy = bytes[from.min(at)..from.max(at)].to_vec();
                bytes.splice(at..at, copy.into_iter().take(2000));
            }
            _ => {
                bytes.splice(at..at, WORDS[random.below(WORDS.len())].iter().copied());
            }
        }
    }
}

fn mutate_steps(all: &mut Vec<Step>, random: &mut Random) {
    for _ in 0..random.below(6) {
        let at = random.below(all.len());
        let (side, n) = (if random.chance(2) { Side::Client } else { Side::Server }, random.next());
        let low = u32::try_from(n & 0xffff_ffff).expect("masked");
        match random.below(8) {
            0 => {
                let step = all.remove(at);
                let to = random.below(all.len() + 1);
                all.insert(to, step);
            }
            1 => all.insert(at, all[at].clone()),
            2 => all.insert(at, Step::Seconds(1 + n % 3)),
            3 => all.insert(at, Step::LostInRing(side, n % 5000)),
            4 => {
                let reason = [CloseReason::Fin, CloseReason::Reset, CloseReason::Gone][random.below(3)];
                all.insert(at, Step::Segment { side, seq: low, what: What::Close(reason) });
            }
            5 => all.insert(at, Step::Segment { side, seq: low, what: What::Open }),
            6 => all.insert(at, Step::Segment { side, seq: low, what: What::Skipped(low % 100_000) }),
            _ => {
                if let Step::Segment { seq, .. } = &mut all[at] {
                    *seq = seq.wrapping_add(low % 200).wrapping_sub(100);
                }
            }
        }
    }
}

fn limits(random: &mut Random) -> Limits {
    if random.chance(2) {
        return Limits::default();
    }
    Limits {
        head_bytes_max: random.below(300),
        body_bytes_max: random.below(300),
        reorder_bytes_max: random.below(1000),
        reorder_chunks_max: random.below(8),
        buffered_bytes_max: random.below(5000),
        pipeline_max: random.below(4),
        flows_max: random.below(2),
    }
}

#[test]
fn mutated_bytes_are_accounted_for() {
    for (case, original) in transcripts().iter().enumerate() {
        for round in 0..ROUNDS {
            let mut random = Random(1 + round * 1000 + case as u64);
            let mut transcript = original.clone();
            let mut skip = false;
            for (_, act) in &mut transcript.acts {
                match act {
                    common::Act::Bytes(bytes) => mutate(bytes, &mut random),
                    common::Act::Lost(_) | common::Act::LostInRing(_) | common::Act::Open => skip = true,
                    _ => {}
                }
            }
            let most = [1, 10, 2000][random.below(3)];
            let least = usize::try_from(transcript.sent() / 300).expect("small");
            let all = steps(&transcript, &mut |_| most.max(least));
            let got = play(limits(&mut random), &all);
            if !skip && got.counters.orphan_segments == 0 && got.counters.out_of_window_segments == 0 {
                assert_eq!(got.coverage.socket(), transcript.sent(), "case {case} round {round}\n{}", got.render());
            }
            assert_eq!(got.counters.buffered_bytes, 0, "case {case} round {round}");
        }
    }
}

#[test]
fn mutated_operations_do_no_harm() {
    for (case, original) in transcripts().iter().enumerate() {
        for round in 0..ROUNDS {
            let mut random = Random(7 + round * 1000 + case as u64);
            let most = [1, 10, 2000][random.below(3)];
            let least = usize::try_from(original.sent() / 300).expect("small");
            let mut all = steps(original, &mut |_| most.max(least));
            mutate_steps(&mut all, &mut random);
            let got = play(limits(&mut random), &all);
            assert_eq!(got.counters.buffered_bytes, 0, "case {case} round {round}");
            assert_eq!(got.counters.flows_open, 0, "case {case} round {round}");
        }
    }
}
