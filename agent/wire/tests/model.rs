//! Whole conversations against what was really said: made up, cut into segments, reordered, repeated, overlapped, skipped and lost
//! at random. What the reader must give is made from the conversation by [`expected`], which shares nothing with it.
//!
//! `tcp_model.rs` does the same for one direction, with copies that differ; `cargo xtask long model` is the long run of both.

mod common;

use std::collections::HashMap;

use apiscope_wire::{Limits, Side};
use common::{Act, Outcome, Random, Step, Transcript, What, play, steps};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// Schedules of each kind in the usual run.
const SCHEDULES: u32 = 2500;

fn config() -> ProptestConfig {
    let wanted = std::env::var_os("APISCOPE_MODEL_SCHEDULES");
    // The usual run is the same every time; a long one is to find what is new.
    let rng_seed = if wanted.is_some() { RngSeed::Random } else { RngSeed::Fixed(4) };
    let cases = wanted.and_then(|n| n.to_str()?.parse().ok()).unwrap_or(SCHEDULES);
    ProptestConfig { cases, rng_seed, failure_persistence: None, ..ProptestConfig::default() }
}

/// How a message's body is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framed {
    None,
    Length(usize),
    Chunked(usize, usize),
}

#[derive(Clone, Debug)]
struct Exchange {
    method: &'static str,
    request: Framed,
    status: u16,
    response: Framed,
    /// The request is sent without waiting for the response before it.
    pipelined: bool,
    interim: bool,
}

impl Exchange {
    fn response_framed(&self) -> Framed {
        match self.response {
            Framed::None => Framed::Length(0),
            // Clients read these differently.
            Framed::Chunked(..) if matches!(self.status, 204 | 304) && self.method != "HEAD" => Framed::Length(0),
            framed => framed,
        }
    }
}

fn framed() -> impl Strategy<Value = Framed> {
    prop_oneof![
        2 => Just(Framed::None),
        3 => (0_usize..400).prop_map(Framed::Length),
        2 => (0_usize..400, 1_usize..100).prop_map(|(n, size)| Framed::Chunked(n, size)),
    ]
}

fn exchange() -> impl Strategy<Value = Exchange> {
    let method = prop_oneof![5 => Just("GET"), 3 => Just("POST"), 1 => Just("HEAD"), 1 => Just("PUT")];
    let status = prop_oneof![6 => Just(200), 1 => Just(304), 1 => Just(204), 1 => Just(404)];
    (method, framed(), status, framed(), prop::bool::weighted(0.15), prop::bool::weighted(0.1)).prop_map(
        |(method, request, status, response, pipelined, interim)| Exchange {
            method,
            request,
            status,
            response,
            pipelined,
            interim,
        },
    )
}

/// A body that looks like what it is not.
fn body(mark: usize, len: usize) -> Vec<u8> {
    let text = format!("HTTP/1.1 200 OK\r\nx: lie\r\n\r\nGET /lie HTTP/1.1\r\n\r\n5\r\n{mark}\r\n0\r\n\r\n");
    text.bytes().cycle().take(len).collect()
}

fn message(out: &mut Vec<u8>, start: &str, mark: usize, framed: Framed, with_body: bool) {
    out.extend_from_slice(format!("{start}\r\nx: {mark}\r\n").as_bytes());
    match framed {
        Framed::None => out.extend_from_slice(b"\r\n"),
        Framed::Length(n) => {
            out.extend_from_slice(format!("Content-Length: {n}\r\n\r\n").as_bytes());
            if with_body {
                out.extend_from_slice(&body(mark, n));
            }
        }
        Framed::Chunked(n, size) => {
            out.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
            if with_body {
                for chunk in body(mark, n).chunks(size) {
                    out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    out.extend_from_slice(chunk);
                    out.extend_from_slice(b"\r\n");
                }
                out.extend_from_slice(b"0\r\n\r\n");
            }
        }
    }
}

/// The conversation as bytes, side after side.
fn talk(exchanges: &[Exchange], late: bool) -> Transcript {
    let mut transcript = Transcript { late, ..Transcript::default() };
    let mut unanswered: Vec<usize> = Vec::new();
    for (mark, exchange) in exchanges.iter().enumerate() {
        if !exchange.pipelined {
            answer(exchanges, &mut unanswered, &mut transcript);
        }
        let mut bytes = Vec::new();
        let start = format!("{} /{mark} HTTP/1.1\r\nHost: a", exchange.method);
        message(&mut bytes, &start, mark, exchange.request, true);
        transcript.push(Side::Client, &bytes);
        unanswered.push(mark);
    }
    answer(exchanges, &mut unanswered, &mut transcript);
    transcript.acts.push((Side::Client, Act::Fin));
    transcript.acts.push((Side::Server, Act::Fin));
    transcript
}

fn answer(exchanges: &[Exchange], unanswered: &mut Vec<usize>, transcript: &mut Transcript) {
    for mark in unanswered.drain(..) {
        let exchange = &exchanges[mark];
        let mut bytes = Vec::new();
        if exchange.interim {
            bytes.extend_from_slice(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
        }
        let empty = exchange.method == "HEAD" || matches!(exchange.status, 204 | 304);
        let framed = exchange.response_framed();
        message(&mut bytes, &format!("HTTP/1.1 {} Fine", exchange.status), mark, framed, !empty);
        transcript.push(Side::Server, &bytes);
    }
}

/// A message as it must be read.
struct Said {
    client: bool,
    mark: usize,
    /// First line and fields.
    head: String,
    /// Of the body.
    length: usize,
}

impl Said {
    fn text(&self) -> String {
        match self.length {
            0 => self.head.clone(),
            n @ 1..=64 => format!("{} body=\"{}\"", self.head, body(self.mark, n).escape_ascii()),
            n => format!("{} body=<{n}>", self.head),
        }
    }

    /// Whether a message that was given is this one, with its body perhaps not kept to the end, but its size known.
    fn is(&self, text: &str) -> bool {
        if text == self.text() {
            return true;
        }
        let Some(rest) = text.strip_prefix(&self.head) else { return false };
        let Some(kept) = rest.strip_suffix(&format!(" of {}", self.length)) else { return false };
        let whole = body(self.mark, self.length).escape_ascii().to_string();
        match kept.strip_prefix(" body=") {
            None => kept.is_empty(),
            Some(kept) => match kept.strip_prefix('<').and_then(|kept| kept.strip_suffix('>')) {
                Some(n) => n.parse::<usize>().is_ok_and(|n| n < self.length),
                None => kept
                    .strip_prefix('"')
                    .and_then(|kept| kept.strip_suffix('"'))
                    .is_some_and(|kept| whole.starts_with(kept)),
            },
        }
    }
}

/// What there is to read, from what was said.
fn expected(exchanges: &[Exchange]) -> Vec<Said> {
    let message = |client, start: String, mark: usize, framed: Framed, with_body: bool| {
        let (field, length) = match framed {
            Framed::None => (String::new(), 0),
            Framed::Length(n) => (format!(" [Content-Length: {n}]"), n),
            Framed::Chunked(n, _) => (" [Transfer-Encoding: chunked]".to_owned(), n),
        };
        Said { client, mark, head: format!("{start} [x: {mark}]{field}"), length: if with_body { length } else { 0 } }
    };
    let ask = |(mark, exchange): (usize, &Exchange)| {
        message(true, format!("{} /{mark} [Host: a]", exchange.method), mark, exchange.request, true)
    };
    let answer = |(mark, exchange): (usize, &Exchange)| {
        let with_body = exchange.method != "HEAD" && !matches!(exchange.status, 204 | 304);
        let framed = exchange.response_framed();
        message(false, exchange.status.to_string(), mark, framed, with_body)
    };
    exchanges.iter().enumerate().map(ask).chain(exchanges.iter().enumerate().map(answer)).collect()
}

/// All of it was read, in order, each response as the answer to its request, and nothing else.
fn check_all(got: &Outcome, exchanges: &[Exchange]) -> Result<(), TestCaseError> {
    let side = |client| got.lines.iter().filter(move |line| line.client == client);
    let read: Vec<_> = side(true).chain(side(false)).map(|line| (line.client, line.text.clone())).collect();
    let said: Vec<_> = expected(exchanges).iter().map(|said| (said.client, said.text())).collect();
    prop_assert_eq!(read, said);
    for client in [true, false] {
        let indexes: Vec<_> = side(client).map(|line| line.index as usize).collect();
        prop_assert_eq!(indexes, (0..exchanges.len()).collect::<Vec<_>>());
    }
    prop_assert!(got.lines.iter().all(|line| line.complete), "{}", got.render());
    prop_assert_eq!((got.odd.len(), got.verdicts.len(), got.closed), (0, 0, 1), "{}", got.render());
    Ok(())
}

fn schedule(transcript: &Transcript, random: &mut Random) -> Vec<Step> {
    let most = [1, 7, 60, 400, 1500][random.below(5)];
    let mut sizes = random.clone();
    let mut all = steps(transcript, &mut |_| 1 + sizes.below(most));
    if random.chance(2) && !transcript.late {
        reorder(&mut all, random);
    }
    all
}

fn repeated(all: Vec<Step>, random: &mut Random) -> Vec<Step> {
    if random.chance(2) { repeat(&all, random) } else { all }
}

/// Moves segments a little, within what one side sends in a row.
fn reorder(all: &mut [Step], random: &mut Random) {
    for i in 1..all.len() {
        let j = i.saturating_sub(1 + random.below(4));
        let side = |step: &Step| match step {
            Step::Segment { side, what: What::Bytes(_) | What::Skipped(_), .. } => Some(*side),
            _ => None,
        };
        let same = all[j..=i].iter().all(|step| side(step).is_some() && side(step) == side(&all[i]));
        if same && random.chance(3) {
            all.swap(i, j);
        }
    }
}

fn repeat(all: &[Step], random: &mut Random) -> Vec<Step> {
    let mut out: Vec<Step> = Vec::new();
    for step in all {
        out.push(step.clone());
        let Step::Segment { side, seq, what: What::Bytes(bytes) } = step else { continue };
        if random.chance(3) {
            // A part of it again, from somewhere within.
            let from = random.below(bytes.len());
            let seq = seq.wrapping_add(u32::try_from(from).expect("small"));
            out.push(Step::Segment { side: *side, seq, what: What::Bytes(bytes[from..].to_vec()) });
        }
    }
    out
}

/// Loses segments, alone or in a burst of both sides; and lets capture skip some.
fn lose(all: Vec<Step>, late: bool, random: &mut Random) -> Vec<Step> {
    let one_in = [3, 10, 40][random.below(3)];
    let mut burst = 0;
    let mut joined = [!late; 2];
    let mut out = Vec::new();
    for step in all {
        // A late join is at a segment.
        if let Step::Segment { side, .. } = &step
            && !std::mem::replace(&mut joined[usize::from(*side == Side::Server)], true)
        {
            out.push(step);
            continue;
        }
        let Step::Segment { side, seq, what: What::Bytes(bytes) } = &step else {
            out.push(step);
            continue;
        };
        if burst == 0 && random.chance(one_in) {
            burst = 1 + random.below(5);
        }
        if burst == 0 {
            out.push(step);
            continue;
        }
        burst -= 1;
        match random.below(3) {
            0 => {
                let n = u32::try_from(bytes.len()).expect("small");
                out.push(Step::Segment { side: *side, seq: *seq, what: What::Skipped(n) });
            }
            1 => out.push(Step::LostInRing(*side, bytes.len() as u64)),
            _ if late => out.push(step),
            _ => {}
        }
        if random.chance(8) {
            out.push(Step::Seconds(3));
        }
    }
    out
}

fn mark_of(content: &str) -> Option<usize> {
    let (_, rest) = content.split_once("[x: ")?;
    rest.split_once(']')?.0.parse().ok()
}

/// What is claimed must be true: complete messages are those that were sent, and answers belong to their requests.
fn check_claims(got: &Outcome, exchanges: &[Exchange]) -> Result<(), TestCaseError> {
    let said = expected(exchanges);
    // With small limits a head may be too long.
    prop_assert!(got.odd.iter().all(|odd| odd.ends_with(" LongHead")), "{}", got.render());
    prop_assert!(got.verdicts.is_empty(), "{}", got.render());
    let mut asked = HashMap::new();
    for line in got.lines.iter().filter(|line| line.client) {
        prop_assert!(asked.insert(line.index, mark_of(&line.content)).is_none(), "{}", got.render());
    }
    for line in &got.lines {
        prop_assert!(!line.content.contains("lie HTTP") || line.content.contains("body="), "{}", got.render());
        if line.complete {
            let was_said = said.iter().any(|said| said.client == line.client && said.is(&line.text));
            prop_assert!(was_said, "invented: {}\n{}", line.text, got.render());
        }
        if !line.client
            && let (Some(Some(asked)), Some(answers)) = (asked.get(&line.index), mark_of(&line.content))
        {
            prop_assert_eq!(*asked, answers, "wrong pair\n{}", got.render());
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn all_is_read_whatever_the_order(
        exchanges in prop::collection::vec(exchange(), 1..6),
        late in prop::bool::weighted(0.2),
        seed in 1_u64..u64::MAX,
    ) {
        let transcript = talk(&exchanges, late && !exchanges[0].pipelined && !exchanges.get(1).is_some_and(|e| e.pipelined));
        let truth = play(Limits::default(), &steps(&transcript, &mut |n| n));
        check_all(&truth, &exchanges)?;
        let mut random = Random(seed);
        let all = schedule(&transcript, &mut random);
        let got = play(Limits::default(), &repeated(all, &mut random));
        check_all(&got, &exchanges)?;
        prop_assert_eq!(got.essence(), truth.essence());
        prop_assert_eq!(got.coverage.parsed, transcript.sent());
        prop_assert_eq!(got.counters.buffered_bytes, 0);
    }

    #[test]
    fn with_losses_nothing_is_invented(
        exchanges in prop::collection::vec(exchange(), 1..8),
        late in prop::bool::weighted(0.2),
        seed in 1_u64..u64::MAX,
    ) {
        let transcript = talk(&exchanges, late && !exchanges[0].pipelined && !exchanges.get(1).is_some_and(|e| e.pipelined));
        let mut random = Random(seed);
        let all = lose(schedule(&transcript, &mut random), transcript.late, &mut random);
        let got = play(Limits::default(), &repeated(all, &mut random));
        check_claims(&got, &exchanges)?;
        prop_assert!(got.coverage.socket() <= transcript.sent(), "{}", got.render());
        if !transcript.late {
            prop_assert_eq!(got.coverage.socket(), transcript.sent(), "{}", got.render());
        }
        prop_assert_eq!(got.counters.buffered_bytes, 0);
    }

    #[test]
    fn with_small_limits_nothing_is_invented_and_they_hold(
        exchanges in prop::collection::vec(exchange(), 1..8),
        seed in 1_u64..u64::MAX,
    ) {
        let transcript = talk(&exchanges, false);
        let mut random = Random(seed);
        let limits = Limits {
            head_bytes_max: 20 + random.below(200),
            body_bytes_max: random.below(300),
            reorder_bytes_max: random.below(600),
            reorder_chunks_max: random.below(6),
            buffered_bytes_max: random.below(2000),
            pipeline_max: 1 + random.below(3),
            flows_max: 1,
        };
        let all = lose(schedule(&transcript, &mut random), false, &mut random);
        let got = play(limits, &repeated(all, &mut random));
        check_claims(&got, &exchanges)?;
        prop_assert_eq!(got.coverage.socket(), transcript.sent(), "{}", got.render());
        prop_assert_eq!(got.counters.buffered_bytes, 0);
    }
}
