//! The fuzz targets of the readers (`fuzz/targets/wire.rs`), tried here without a fuzzer: on seeds made of the transcripts, on
//! changes of them by a seeded generator, and on the inputs that once broke something (`fuzz/regressions/<target>/`).
//!
//! `cargo xtask fuzz` gets its seeds from here (`APISCOPE_FUZZ_SEEDS`).

mod common;
#[path = "../../../fuzz/targets/meter.rs"]
#[expect(clippy::disallowed_types, reason = "a test may look at the clock")]
mod meter;
#[path = "../../../fuzz/targets/wire.rs"]
mod wire;

use std::path::Path;

use apiscope_wire::{CloseReason, Side};
use common::{Act, Random, Step, Transcript, What, steps};

type Target = fn(&[u8]);

const TARGETS: [(&str, Target); 8] = [
    ("bytes", wire::bytes),
    ("operations", wire::operations),
    ("h1", wire::h1),
    ("h2", wire::h2),
    ("hpack", wire::hpack),
    ("tls", wire::tls),
    ("coding", wire::coding),
    ("websocket", wire::websocket),
];

/// Changed inputs of each target in the usual run.
const CHANGED: usize = 3000;

fn byte(n: usize) -> u8 {
    u8::try_from(n & 0xff).expect("masked")
}

#[expect(clippy::disallowed_methods, reason = "the cases are files")]
fn transcripts() -> Vec<Transcript> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).expect("the cases").map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "http"));
    paths.iter().map(|path| Transcript::parse(&std::fs::read_to_string(path).expect("a case"))).collect()
}

/// The transcript as turns of at most 255 bytes: an empty one where the same side goes on.
fn as_bytes(transcript: &Transcript) -> Vec<u8> {
    let (mut data, mut next) = (vec![255], Side::Client);
    for (side, act) in &transcript.acts {
        let Act::Bytes(bytes) = act else { continue };
        for part in bytes.chunks(255) {
            if *side != next {
                data.push(0);
            }
            data.push(byte(part.len()));
            data.extend_from_slice(part);
            next = side.other();
        }
    }
    data
}

/// The transcript as operations on one flow.
fn as_operations(transcript: &Transcript, most: usize) -> Vec<u8> {
    let mut data = vec![1, 200, 200, 255, 5, 0, 0, 0];
    for step in steps(transcript, &mut |_| most.min(255)) {
        match step {
            Step::Segment { side, seq, what } => {
                let side_bit = if side == Side::Client { 0 } else { 0x20 };
                let first = common::FIRST[usize::from(side == Side::Server)];
                let place = seq.wrapping_sub(first).wrapping_add(0x4000).to_be_bytes();
                let (kind, bytes) = match what {
                    What::Open => (0, Vec::new()),
                    What::Bytes(bytes) => (8, bytes),
                    What::Skipped(n) => {
                        data.extend_from_slice(&[1 | side_bit, place[2], place[3], byte(n.min(255) as usize)]);
                        continue;
                    }
                    What::Close(CloseReason::Fin) => (2, Vec::new()),
                    What::Close(CloseReason::Reset) => (3, Vec::new()),
                    What::Close(CloseReason::Gone) => (4, Vec::new()),
                };
                data.extend_from_slice(&[kind | side_bit, place[2], place[3], byte(bytes.len())]);
                data.extend_from_slice(&bytes);
            }
            Step::LostInRing(side, n) => {
                let what = if side == Side::Client { 6 } else { 0x26 };
                data.extend_from_slice(&[what, 0, 0, byte(usize::try_from(n).expect("small"))]);
            }
            Step::Seconds(_) => data.extend_from_slice(&[7, 0, 0, 255]),
        }
    }
    data
}

/// The frames of a transcript of HTTP/2, and its header blocks.
fn as_frames(transcript: &Transcript) -> (Vec<u8>, Vec<u8>) {
    let (mut frames, mut blocks) = (Vec::new(), Vec::new());
    for (side, act) in &transcript.acts {
        let Act::Bytes(bytes) = act else { continue };
        let mut rest = bytes.strip_prefix(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap_or(bytes);
        while let Some((head, after)) = rest.split_first_chunk::<9>() {
            let length = usize::from(head[1]) << 8 | usize::from(head[2]);
            let (payload, after) = after.split_at(length.min(after.len()));
            rest = after;
            let server = *side == Side::Server;
            let kept = &payload[..payload.len().min(255)];
            frames.extend_from_slice(&[
                head[3] & 0xf | if server { 0x10 } else { 0 },
                head[4],
                head[8],
                byte(kept.len()),
            ]);
            frames.extend_from_slice(kept);
            if head[3] == 1 {
                let length = u16::try_from(payload.len()).expect("small").to_be_bytes();
                blocks.extend_from_slice(&[length[0] & 0x3f | if server { 0x80 } else { 0 }, length[1]]);
                blocks.extend_from_slice(payload);
            }
        }
    }
    (frames, blocks)
}

/// What follows the handshake of a transcript of a WebSocket, in pieces.
fn as_pieces(transcript: &Transcript) -> Vec<u8> {
    let mut data = Vec::new();
    for (side, act) in &transcript.acts {
        let side_bit = if *side == Side::Server { 0x80 } else { 0 };
        match act {
            Act::Bytes(bytes) if bytes.starts_with(b"GET ") => {}
            Act::Bytes(bytes) => {
                let text = bytes.escape_ascii().to_string();
                let after = if text.starts_with("HTTP/1.1 101") {
                    let end = bytes.windows(4).position(|end| end == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
                    data.push(u8::from(text.contains("permessage-deflate")));
                    &bytes[end..]
                } else {
                    bytes
                };
                let is_begun = !data.is_empty();
                for part in after.chunks(63).filter(|_| is_begun) {
                    data.push(side_bit | byte(part.len()));
                    data.extend_from_slice(part);
                }
            }
            Act::Skipped(n) if !data.is_empty() => data.push(side_bit | 0x40 | byte((*n).min(63) as usize)),
            _ => {}
        }
    }
    data
}

/// The records of a transcript of TLS, with the sides.
fn as_records(transcript: &Transcript) -> Vec<u8> {
    let mut data = Vec::new();
    for (side, act) in &transcript.acts {
        let Act::Bytes(bytes) = act else { continue };
        let mut rest = &bytes[..];
        while let Some((head, after)) = rest.split_first_chunk::<5>() {
            let length = usize::from(head[3]) << 8 | usize::from(head[4]);
            let (payload, after) = after.split_at(length.min(after.len()));
            rest = after;
            if !(20..24).contains(&head[0]) {
                return Vec::new();
            }
            // Lengths are told by the sixteen.
            let kept = payload[..payload.len().min(4080)].len().next_multiple_of(16);
            let side = if *side == Side::Server { 0x80 } else { 0 };
            data.extend_from_slice(&[(head[0] - 20) | 0xc | side, 255, byte(kept / 16)]);
            data.extend(payload.iter().copied().chain(std::iter::repeat(0)).take(kept));
        }
    }
    data
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let all = transcripts();
    let mut seeds: Vec<Vec<u8>> = match target {
        "bytes" => all.iter().map(as_bytes).collect(),
        "operations" => all.iter().map(|case| as_operations(case, 60)).collect(),
        "h1" => vec![
            vec![0, 25, 32, 0x86, 12, 32, 37],
            vec![1, 15, 32, 39, 40, 0x86, 15, 32, 39, 40],
            vec![1, 23, 12, 32, 0x88, 32, 0xa5, 0x86, 13, 32],
            vec![3, 25, 32, 0x86, 32, 0xbb],
            vec![0, 18, 21, 22, 32, 0x89, 21, 32, 0xb7],
        ],
        "h2" => all.iter().map(|case| as_frames(case).0).collect(),
        "hpack" => all.iter().map(|case| as_frames(case).1).collect(),
        "tls" => all.iter().map(as_records).collect(),
        "websocket" => all.iter().map(as_pieces).collect(),
        "coding" => vec![
            [
                &[0][..],
                &[
                    0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 7, 0, 0x86, 0xa6, 0x10, 0x36, 5,
                    0, 0, 0,
                ],
            ]
            .concat(),
            vec![1, 0x78, 0x9c, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 7, 0, 6, 0x2c, 2, 0x15],
            vec![2, 0x0b, 2, 0x80, b'h', b'e', b'l', b'l', b'o', 3],
            vec![3, 0x28, 0xb5, 0x2f, 0xfd, 4, 0x58, 0x29, 0, 0, b'h', b'e', b'l', b'l', b'o', 0xb8, 0x9d, 0x6a, 0x52],
        ],
        _ => panic!("no such target: {target}"),
    };
    seeds.retain(|seed| !seed.is_empty());
    assert!(!seeds.is_empty(), "{target} has seeds");
    seeds
}

/// Inputs that once broke a fuzz target: they must not again.
#[expect(clippy::disallowed_methods, reason = "they are files")]
fn regressions(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/regressions").join(target);
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("an input")).collect()
}

fn change(data: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    for _ in 0..=random.below(5) {
        let at = random.below(data.len() + 1);
        match random.below(7) {
            0 => data.truncate(at),
            1 => data.insert(at, byte(random.below(256))),
            2 => drop(data.splice(at..at, other[random.below(other.len())..].iter().take(40).copied())),
            3 => drop(data.drain(at..(at + random.below(9)).min(data.len()))),
            4 if at < data.len() => data[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            _ if at < data.len() => data[at] ^= 1 << random.below(8),
            _ => {}
        }
    }
}

/// Runs a target, and shows the input if it panics.
fn run(name: &str, target: Target, data: &[u8]) {
    struct Shown<'a>(&'a str, &'a [u8]);
    impl Drop for Shown<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("the input of {}: {:02x?}", self.0, self.1);
            }
        }
    }
    let shown = Shown(name, data);
    target(shown.1);
}

fn each_target(mut work: impl FnMut(&str, Target)) {
    for (name, target) in TARGETS {
        work(name, target);
    }
}

#[test]
fn seeds_and_what_once_broke_something() {
    each_target(|name, target| {
        for input in seeds(name).iter().chain(&regressions(name)) {
            run(name, target, input);
        }
    });
}

#[test]
fn changed_seeds() {
    each_target(|name, target| {
        let seeds = seeds(name);
        let changed = if name == "coding" { CHANGED / 10 } else { CHANGED };
        for number in 0..changed {
            let mut random = Random(1 + number as u64);
            let mut data = seeds[random.below(seeds.len())].clone();
            let other = &seeds[random.below(seeds.len())];
            change(&mut data, other, &mut random);
            data.truncate(4096);
            run(name, target, &data);
        }
    });
}

/// Not a test of anything by itself: `cargo xtask fuzz` asks for the seeds as files.
#[test]
#[expect(clippy::disallowed_methods, reason = "the seeds are files")]
fn seeds_are_written_where_they_are_asked_for() {
    let Some(folder) = std::env::var_os("APISCOPE_FUZZ_SEEDS") else { return };
    each_target(|name, _| {
        let folder = Path::new(&folder).join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        for (number, seed) in seeds(name).iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number:03}")), seed).expect("a file");
        }
    });
}
