//! The other passive readers: tshark on a capture file, and libhtp, which Suricata reads HTTP with.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use apiscope_wire::Side;

use super::streams::{Seen, Stream};
use super::support::run;

/// Bytes in a packet.
const PACKET_BYTES_MAX: usize = 16_000;

/// One stream as one reader read it, by number.
pub(crate) type Read = HashMap<usize, Seen>;

pub(crate) fn has_tshark() -> bool {
    Command::new("which").arg("tshark").stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}

pub(crate) fn has_libhtp() -> bool {
    Path::new("/usr/include/htp/htp.h").exists()
}

/// libhtp through `htp.c`, which is compiled here.
pub(crate) fn libhtp(streams: &[Stream]) -> Read {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/passive/htp.c");
    let program = folder.path().join("htp");
    run(Command::new("cc").args(["-O1", "-Wall", "-Werror", "-o"]).arg(&program).arg(source).arg("-lhtp"));
    let mut input = Vec::new();
    let mut record = |kind: u8, n: usize, bytes: &[u8]| {
        input.push(kind);
        input.extend_from_slice(&u32::try_from(n).expect("small").to_be_bytes());
        input.extend_from_slice(bytes);
    };
    for (n, stream) in streams.iter().enumerate() {
        record(b'N', n, &[]);
        for (side, bytes) in &stream.parts {
            record(if *side == Side::Client { b'C' } else { b'S' }, bytes.len(), bytes);
        }
    }
    let at = folder.path().join("input");
    std::fs::write(&at, input).expect("the file can be written");
    let file = std::fs::File::open(&at).expect("it was written");
    let output = Command::new(program).stdin(file).stderr(Stdio::inherit()).output().expect("it was compiled");
    assert!(output.status.success(), "{}", output.status);
    let mut read = Read::new();
    for line in String::from_utf8(output.stdout).expect("it prints digits").lines() {
        let words: Vec<_> = line.split(' ').collect();
        let [n, method, target, whole, bytes, status, answered, content] = words[..] else { panic!("{line:?}") };
        let seen = read.entry(n.parse().expect("a number")).or_default();
        if whole == "1" && method != "-" {
            let method = String::from_utf8_lossy(&unhex(method)).into_owned();
            seen.requests.push((method, unhex(target), bytes.parse().ok()));
        }
        if let Some(status) = status.parse().ok().filter(|status| answered == "1" && is_final(*status)) {
            seen.responses.push((status, content.parse().ok()));
        }
    }
    read
}

/// wire counts other interim responses than 101, and does not give them.
fn is_final(status: u16) -> bool {
    status == 101 || status >= 200
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |b: &u8| char::from(*b).to_digit(16).and_then(|n| u8::try_from(n).ok());
    let pair = |pair: &[u8]| Some(digit(&pair[0])? << 4 | digit(&pair[1])?);
    text.as_bytes().chunks_exact(2).filter_map(pair).collect()
}

/// tshark on a capture of all streams.
pub(crate) fn tshark(streams: &[Stream]) -> Read {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("streams.pcap");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).expect("a file can be made"));
    file.write_all(&capture(streams)).expect("it can be written");
    drop(file);
    tshark_on(&path, "tcp.stream")
}

/// What tshark reads in a file, by the number that `key` gives.
pub(crate) fn tshark_on(path: &Path, key: &str) -> Read {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(path).args([
        "-o",
        "tcp.reassemble_out_of_order:TRUE",
        "-Y",
        "http",
        "-T",
        "fields",
        "-E",
        "separator=/t",
        "-E",
        "aggregator=\u{1}",
    ]);
    for field in [key, "http.request.method", "http.request.uri", "http.response.code", "http.content_length"] {
        command.args(["-e", field]);
    }
    let mut read = Read::new();
    for line in run(command.stderr(Stdio::null())).lines() {
        let fields: Vec<_> = line.split('\t').collect();
        let [key, methods, targets, codes, lengths] = fields[..] else { panic!("{line:?}") };
        let seen = read.entry(key.parse().expect("a number")).or_default();
        let parts = |field: &str| -> Vec<String> {
            field.split('\u{1}').filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        let targets = parts(targets);
        for (n, method) in parts(methods).into_iter().enumerate() {
            seen.requests.push((method, targets.get(n).cloned().unwrap_or_default().into_bytes(), None));
        }
        let codes = parts(codes).into_iter().filter_map(|code| code.parse().ok());
        seen.responses.extend(codes.filter(|code| is_final(*code)).map(|code| (code, None)));
        seen.add_lengths(parts(lengths).iter().filter_map(|length| length.parse().ok()));
    }
    read
}

/// A capture file (RFC draft pcap, raw IP): each stream on a connection of its own, opened and closed.
fn capture(streams: &[Stream]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0002_0004_u32.rotate_left(16), 0, 0, 0x4_0000, 101] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    let mut time = 0;
    for (n, stream) in streams.iter().enumerate() {
        let mut next = [1000_u32, 5000];
        let mut packet = |side: Side, flags: u8, bytes: &[u8]| {
            let at = usize::from(side == Side::Server);
            time += 1;
            push_packet(&mut file, (n, side), (next[at], next[1 - at]), flags, bytes, time);
            let marks = u32::from(flags & 0b11 != 0);
            next[at] = next[at].wrapping_add(marks + u32::try_from(bytes.len()).expect("small"));
        };
        let (syn, ack, fin, push) = (2, 16, 1, 8);
        packet(Side::Client, syn, &[]);
        packet(Side::Server, syn | ack, &[]);
        packet(Side::Client, ack, &[]);
        for (side, bytes) in &stream.parts {
            for part in bytes.chunks(PACKET_BYTES_MAX) {
                packet(*side, ack | push, part);
            }
        }
        packet(Side::Server, fin | ack, &[]);
        packet(Side::Client, fin | ack, &[]);
    }
    file
}

fn push_packet(
    file: &mut Vec<u8>,
    (n, side): (usize, Side),
    (seq, ack): (u32, u32),
    flags: u8,
    bytes: &[u8],
    time: u32,
) {
    let len = u16::try_from(40 + bytes.len()).expect("small");
    for word in [time / 1000, time % 1000 * 1000, u32::from(len), u32::from(len)] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    let n = u16::try_from(n).expect("few streams").to_be_bytes();
    let client = ([10, 1, n[0], n[1]], 40_000_u16);
    let server = ([10, 2, 0, 1], 80_u16);
    let (from, to) = if side == Side::Client { (client, server) } else { (server, client) };
    file.extend_from_slice(&[0x45, 0]);
    file.extend_from_slice(&len.to_be_bytes());
    file.extend_from_slice(&[0, 0, 0, 0, 64, 6, 0, 0]);
    file.extend_from_slice(&from.0);
    file.extend_from_slice(&to.0);
    file.extend_from_slice(&from.1.to_be_bytes());
    file.extend_from_slice(&to.1.to_be_bytes());
    file.extend_from_slice(&seq.to_be_bytes());
    file.extend_from_slice(&ack.to_be_bytes());
    file.extend_from_slice(&[0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    file.extend_from_slice(bytes);
}
