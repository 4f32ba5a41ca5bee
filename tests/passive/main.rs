//! wire beside other passive readers on the same bytes: tshark and libhtp.
//!
//! Where wire calls nothing ambiguous and misses nothing, it reads what they read, or [`EXPLAINED`] says why not. What wire
//! does call ambiguous they read in one way of several: that is counted, not compared.

#[path = "../framing/answers.rs"]
#[allow(dead_code, reason = "made for the servers and clients of tests/framing")]
mod answers;
mod captures;
#[path = "../framing/cases.rs"]
#[allow(dead_code, reason = "made for the servers and clients of tests/framing")]
mod cases;
#[path = "../../agent/wire/tests/common/mod.rs"]
mod common;
#[path = "../framing/feed.rs"]
#[allow(dead_code, reason = "made for the servers and clients of tests/framing")]
mod feed;
mod peers;
mod streams;
#[path = "../support/mod.rs"]
mod support;
#[path = "../framing/tables.rs"]
#[allow(dead_code, reason = "made for the servers and clients of tests/framing")]
mod tables;

use peers::Read;
use streams::{Reading, Seen, Stream};

/// So many disagreements are shown in full.
const SHOWN: usize = 40;

/// Who reads a stream otherwise than wire and does not say so: the reader, whether it is such a stream, and why.
type Explained = (&'static str, fn(&Stream, &Seen, &Seen) -> bool, &'static str);
const EXPLAINED: &[Explained] = &[
    (
        "tshark",
        |stream, mine, theirs| stream.holds_chunked_in_upper_case() && theirs.requests.len() < mine.requests.len(),
        "tshark knows `chunked` in lower case only (codings have no case, RFC 9112 §7)",
    ),
    (
        "tshark",
        |_, mine, _| mine.requests.iter().any(|(method, ..)| method == "QUERY"),
        "tshark 4.0 does not know QUERY, and takes the connection for another protocol's",
    ),
    (
        "tshark",
        |stream, _, _| stream.name.contains("response_sample_14.byte.pcap"),
        "tshark takes an empty chunked answer that comes byte by byte for a continuation",
    ),
    (
        "tshark",
        |stream, _, _| matches!(&*stream.name, "early_response_to_half_head_request" | "pipelined_with_head_and_empty"),
        "tshark does not find the HEAD of an early or pipelined answer, and waits for the content that its length names",
    ),
    (
        "libhtp",
        |stream, _, _| stream.holds(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"),
        "libhtp takes a second 100 for an error (RFC 9110 §15.2 allows any number)",
    ),
    (
        "libhtp",
        |stream, _, _| stream.holds(b"HTTP/1.1 304 "),
        "libhtp reads content behind a 304 that has a length (RFC 9110 §15.4.5: it has none)",
    ),
];

#[test]
fn tshark_reads_the_same() {
    if !is_there("tshark", peers::has_tshark()) {
        return;
    }
    let streams = [streams::all(), captures::streams()].concat();
    compare("tshark", &streams, &peers::tshark(&streams));
}

#[test]
fn libhtp_reads_the_same() {
    if !is_there("libhtp", peers::has_libhtp()) {
        return;
    }
    let streams = [streams::all(), captures::streams()].concat();
    compare("libhtp", &streams, &peers::libhtp(&streams));
}

#[test]
fn tshark_reads_the_captures_as_they_are() {
    let Some(files) = captures::files().filter(|_| is_there("tshark", peers::has_tshark())) else { return };
    let mut wrong = Vec::new();
    let mut messages = 0;
    for path in &files {
        let mut mine = captures::read(path);
        let mut theirs = peers::tshark_on(path, "frame.number").into_values().fold(Seen::default(), Seen::join);
        for seen in [&mut mine, &mut theirs] {
            seen.requests.iter_mut().for_each(|(_, target, len)| (*target, *len) = (plain(target), None));
            seen.responses.iter_mut().for_each(|(_, len)| *len = None);
            seen.sort();
        }
        messages += mine.requests.len() + mine.responses.len();
        // tshark 4.0 does not know QUERY.
        let query = mine.requests.iter().any(|(method, ..)| method == "QUERY");
        if query {
            assert!(theirs.requests.is_empty(), "no longer so: tshark does not know QUERY");
            (mine.requests, mine.lengths) = (Vec::new(), theirs.lengths.clone());
        }
        if mine != theirs {
            wrong.push(format!("{}\n  wire {}\n  tshark {}", path.display(), show(&mine), show(&theirs)));
        }
    }
    eprintln!("\ntshark: {} captures, {messages} messages", files.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether a reader can run. In CI it must; elsewhere its absence is told.
fn is_there(peer: &str, is_installed: bool) -> bool {
    if !is_installed {
        let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!in_ci, "{peer} must run in CI, but it is not installed: run cargo xtask setup");
        eprintln!("\n*** SKIPPED {peer}: it is not installed: run cargo xtask setup ***\n");
    }
    is_installed
}

fn compare(peer: &str, streams: &[Stream], read: &Read) {
    let none = Seen::default();
    let (mut equal, mut ambiguous, mut less) = (0, 0, 0);
    let mut explained = vec![0; EXPLAINED.len()];
    let mut silent = Vec::new();
    for (n, stream) in streams.iter().enumerate() {
        let reading = streams::read(stream);
        let theirs = read.get(&n).unwrap_or(&none);
        let known = EXPLAINED.iter().position(|(who, is, _)| *who == peer && is(stream, &reading.seen, theirs));
        match reading {
            _ if is_same(&reading.seen, theirs) => equal += 1,
            Reading { is_ambiguous: true, .. } => ambiguous += 1,
            Reading { is_less: true, .. } => less += 1,
            _ if known.is_some() => explained[known.unwrap_or_default()] += 1,
            _ => silent.push(format!("{}\n  wire {}\n  {peer} {}", stream.name, show(&reading.seen), show(theirs))),
        }
    }
    for text in silent.iter().take(SHOWN) {
        eprintln!("{text}");
    }
    eprintln!(
        "\n{peer}: {} streams, {equal} read alike, {ambiguous} ambiguous, {less} incomplete, {} explained, {} silent",
        streams.len(),
        explained.iter().sum::<usize>(),
        silent.len()
    );
    for ((who, _, why), n) in EXPLAINED.iter().zip(&explained).filter(|((who, ..), _)| *who == peer) {
        eprintln!("  {n} {why}");
        assert!(*n > 0, "no longer so of {who}: {why}");
    }
    assert!(silent.is_empty(), "{} silent disagreements with {peer}", silent.len());
}

/// The same messages: method, target, status, and content where both know it.
fn is_same(mine: &Seen, theirs: &Seen) -> bool {
    let same_len = |a: Option<u64>, b: Option<u64>| a.is_none() || b.is_none() || a == b;
    let requests = mine.requests.len() == theirs.requests.len()
        && mine.requests.iter().zip(&theirs.requests).all(
            |((method, target, len), (other, other_target, other_len))| {
                method == other && plain(target) == plain(other_target) && same_len(*len, *other_len)
            },
        );
    let responses = mine.responses.len() == theirs.responses.len()
        && mine.responses.iter().zip(&theirs.responses).all(|(a, b)| a.0 == b.0 && same_len(a.1, b.1));
    requests && responses && theirs.lengths.as_ref().is_none_or(|lengths| mine.lengths.as_ref() == Some(lengths))
}

/// The visible bytes: tshark prints others in words of its own.
fn plain(target: &[u8]) -> Vec<u8> {
    target.iter().copied().filter(|b| b.is_ascii_graphic() && *b != b'\\').collect()
}

fn show(seen: &Seen) -> String {
    let requests =
        seen.requests.iter().map(|(method, target, len)| format!("{method} {} {len:?}", target.escape_ascii()));
    let responses = seen.responses.iter().map(|(status, len)| format!("{status} {len:?}"));
    let shown: Vec<_> = requests.chain(responses).map(|text| text.chars().take(80).collect::<String>()).collect();
    shown.join(" | ")
}
