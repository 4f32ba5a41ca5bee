//! Transcripts, schedules of segments, and what comes out as text.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test binary uses a part")]

use std::fmt::Write as _;

use apiscope_wire::tls::{Certificate, Chain, Hello};
use apiscope_wire::{
    CloseReason, Content, Counters, Coverage, Event, FlowId, Hop, Input, Limits, Origin, Payload, Progress, Role,
    Segment, Sent, Seq, Session, SessionKind, Side, Start, Timestamp, Version, Wire,
};

/// What a side does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    Bytes(Vec<u8>),
    Skipped(u32),
    /// Bytes that never arrive.
    Lost(u32),
    /// The same, and capture says so.
    LostInRing(u32),
    Fin,
    Reset,
    Gone,
    Open,
    /// Seconds pass.
    Tick(u64),
}

/// Who does what, in order.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    pub acts: Vec<(Side, Act)>,
    /// The connection's beginning was not seen.
    pub late: bool,
}

impl Transcript {
    /// `>>>` and `<<<` begin a block of the client or the server. A line stands for itself and CRLF; a `\` at its end leaves
    /// out the CRLF; `\n`, `\r`, `\t`, `\0`, `\\`, `\xHH` are single bytes. Lines that begin with `... ` are acts, see below.
    /// Lines before the first block that begin with `#` are comments; `... late` there leaves out the opening.
    pub fn parse(text: &str) -> Self {
        let mut transcript = Self::default();
        let mut side = None;
        for line in text.lines() {
            match line {
                ">>>" => side = Some(Side::Client),
                "<<<" => side = Some(Side::Server),
                "... late" => transcript.late = true,
                _ if line.starts_with("... ") => {
                    let act = act(&line[4..]);
                    transcript.acts.push((side.unwrap_or(Side::Client), act));
                }
                _ => match side {
                    Some(side) => transcript.push(side, &unescape(line)),
                    None => assert!(line.is_empty() || line.starts_with('#'), "before the first block: {line}"),
                },
            }
        }
        transcript
    }

    pub fn push(&mut self, side: Side, bytes: &[u8]) {
        match self.acts.last_mut() {
            Some((last, Act::Bytes(before))) if *last == side => before.extend_from_slice(bytes),
            _ => self.acts.push((side, Act::Bytes(bytes.to_vec()))),
        }
    }

    /// Bytes that a side sent, seen or not.
    pub fn sent(&self) -> u64 {
        self.acts
            .iter()
            .map(|(_, act)| match act {
                Act::Bytes(bytes) => bytes.len() as u64,
                Act::Skipped(n) | Act::Lost(n) | Act::LostInRing(n) => u64::from(*n),
                _ => 0,
            })
            .sum()
    }
}

fn act(text: &str) -> Act {
    let words: Vec<_> = text.split(' ').collect();
    match words[..] {
        [n, "bytes", "skipped"] => Act::Skipped(n.parse().expect("a number")),
        [n, "bytes", "lost"] => Act::Lost(n.parse().expect("a number")),
        [n, "bytes", "lost", "in", "the", "ring"] => Act::LostInRing(n.parse().expect("a number")),
        [n, "times", what] => Act::Bytes(unescape(&format!("{what}\\")).repeat(n.parse().expect("a number"))),
        ["fin"] => Act::Fin,
        ["reset"] => Act::Reset,
        ["gone"] => Act::Gone,
        ["open"] => Act::Open,
        [n, "seconds"] => Act::Tick(n.parse().expect("a number")),
        _ => panic!("unknown act: {text}"),
    }
}

fn unescape(line: &str) -> Vec<u8> {
    let (line, end) = match line.strip_suffix('\\') {
        Some(line) if !line.ends_with('\\') => (line, &b""[..]),
        _ => (line, &b"\r\n"[..]),
    };
    let mut out = Vec::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        match chars.next() {
            Some('n') => out.push(b'\n'),
            Some('r') => out.push(b'\r'),
            Some('t') => out.push(b'\t'),
            Some('0') => out.push(0),
            Some('x') => {
                let hex: String = chars.by_ref().take(2).collect();
                out.push(u8::from_str_radix(&hex, 16).expect("two hexadecimal digits"));
            }
            Some(other) => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
            None => panic!("a lone backslash"),
        }
    }
    out.extend_from_slice(end);
    out
}

/// What is put into the reader, ready made.
#[derive(Clone, Debug)]
pub enum Step {
    Segment { side: Side, seq: u32, what: What },
    LostInRing(Side, u64),
    Seconds(u64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    Open,
    Bytes(Vec<u8>),
    Skipped(u32),
    Close(CloseReason),
}

/// Initial sequence numbers: the client's wraps soon.
pub const FIRST: [u32; 2] = [u32::MAX - 20, 1_000_000];

/// The steps of a transcript, in order; bytes cut into pieces by `cut`, which is given what is left.
pub fn steps(transcript: &Transcript, cut: &mut dyn FnMut(usize) -> usize) -> Vec<Step> {
    let mut next = FIRST;
    let mut out = Vec::new();
    if !transcript.late {
        out.push(Step::Segment { side: Side::Client, seq: next[0], what: What::Open });
        out.push(Step::Segment { side: Side::Server, seq: next[1], what: What::Open });
    }
    for (side, act) in &transcript.acts {
        let side = *side;
        let seq = &mut next[usize::from(side == Side::Server)];
        match act {
            Act::Bytes(bytes) => {
                let mut rest = &bytes[..];
                while !rest.is_empty() {
                    let (now, after) = rest.split_at(cut(rest.len()).clamp(1, rest.len()));
                    out.push(Step::Segment { side, seq: *seq, what: What::Bytes(now.to_vec()) });
                    *seq = seq.wrapping_add(u32::try_from(now.len()).expect("small"));
                    rest = after;
                }
            }
            Act::Skipped(n) => {
                out.push(Step::Segment { side, seq: *seq, what: What::Skipped(*n) });
                *seq = seq.wrapping_add(*n);
            }
            Act::Lost(n) => *seq = seq.wrapping_add(*n),
            Act::LostInRing(n) => {
                out.push(Step::LostInRing(side, u64::from(*n)));
                *seq = seq.wrapping_add(*n);
            }
            Act::Fin => out.push(Step::Segment { side, seq: *seq, what: What::Close(CloseReason::Fin) }),
            Act::Reset => out.push(Step::Segment { side, seq: *seq, what: What::Close(CloseReason::Reset) }),
            Act::Gone => out.push(Step::Segment { side, seq: *seq, what: What::Close(CloseReason::Gone) }),
            Act::Open => {
                *seq = seq.wrapping_add(0x1000_0000);
                out.push(Step::Segment { side, seq: *seq, what: What::Open });
            }
            Act::Tick(n) => out.push(Step::Seconds(*n)),
        }
    }
    out
}

/// A message as text, without its index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    pub client: bool,
    pub index: u32,
    pub complete: bool,
    pub text: String,
    /// First line, fields and as much of the body as is known.
    pub content: String,
}

/// All that came out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub lines: Vec<Line>,
    pub odd: Vec<String>,
    pub verdicts: Vec<String>,
    /// What was told of messages and sessions before their end.
    pub running: Vec<String>,
    pub sessions: Vec<Session>,
    pub coverage: Coverage,
    pub closed: u32,
    pub counters: Counters,
}

impl Outcome {
    /// For the expectation file.
    pub fn render(&self) -> String {
        let mut out = String::new();
        for line in &self.lines {
            writeln!(out, "{} {} {}", if line.client { '>' } else { '<' }, line.index, line.text).expect("a string");
        }
        for running in &self.running {
            writeln!(out, "~ {running}").expect("a string");
        }
        for session in &self.sessions {
            writeln!(out, "# {}", session_line(session)).expect("a string");
        }
        for odd in self.odd.iter().chain(&self.verdicts) {
            writeln!(out, "! {odd}").expect("a string");
        }
        let c = self.coverage;
        let parts = [
            ("parsed", c.parsed),
            ("skipped.budget", c.skipped.budget),
            ("skipped.verdict", c.skipped.verdict),
            ("skipped.encrypted", c.skipped.encrypted),
            ("lost.ring", c.lost.ring),
            ("lost.gap", c.lost.gap),
            ("lost.memory", c.lost.memory),
            ("unparsed.not_http", c.unparsed.not_http),
            ("unparsed.malformed", c.unparsed.malformed),
            ("unparsed.joined_late", c.unparsed.joined_late),
        ];
        for (name, n) in parts.iter().filter(|(_, n)| *n > 0) {
            writeln!(out, "= {name} {n}").expect("a string");
        }
        out
    }

    /// The messages of each side in order, and the rest: what must not depend on how the bytes arrived.
    pub fn essence(&self) -> String {
        let side = |client| self.lines.iter().filter(move |line| line.client == client);
        let mut out = String::new();
        for line in side(true).chain(side(false)) {
            writeln!(out, "{} {} {}", line.client, line.index, line.text).expect("a string");
        }
        for session in &self.sessions {
            writeln!(out, "{}", session_line(session)).expect("a string");
        }
        let mut odd = self.odd.clone();
        odd.sort();
        write!(out, "{odd:?} {:?} {:?} closed {}", self.verdicts, self.coverage, self.closed).expect("a string");
        out
    }

    /// Whether a message of this content came out, complete or not.
    pub fn has_content(&self, content: &str) -> bool {
        self.lines.iter().any(|line| line.content.trim_end_matches(" body=\"\"") == content)
    }

    /// Complete messages, and pairs of complete messages: what must be true however much was missed.
    pub fn claims(&self) -> (Vec<String>, Vec<String>) {
        let complete = || self.lines.iter().filter(|line| line.complete);
        let mut single: Vec<_> = complete().map(|line| line.text.clone()).collect();
        let mut pairs: Vec<_> = self
            .lines
            .iter()
            .filter(|line| line.client)
            .flat_map(|ask| {
                let answers = self.lines.iter().filter(move |line| !line.client && line.index == ask.index);
                answers.map(move |answer| format!("{} -> {}", start_of(&ask.content), start_of(&answer.content)))
            })
            .collect();
        single.sort();
        pairs.sort();
        (single, pairs)
    }
}

/// The first line and the fields `x` that tests use as marks: known even of a message that was cut.
fn start_of(content: &str) -> &str {
    content.split(" body=").next().unwrap_or_default()
}

/// An origin that does not matter.
pub fn origin() -> Origin {
    Origin {
        client: ([10, 0, 0, 1], 40000).into(),
        server: ([10, 0, 0, 2], 80).into(),
        role: Role::Unknown,
        hop: Hop::Private,
        interface: None,
        workload: None,
        encrypted: false,
    }
}

pub const FLOW: FlowId = FlowId::new(7);

/// Plays the steps, lets time pass, closes.
pub fn play(limits: Limits, steps: &[Step]) -> Outcome {
    let mut wire = Wire::new(limits);
    let mut outcome = Outcome::default();
    let mut now = 1_000_000_000_u64;
    let mut handle = |wire: &mut Wire, input: Input<'_>| {
        wire.handle(input, &mut |event| collect(&mut outcome, event));
    };
    handle(&mut wire, Input::Origin(FLOW, origin()));
    for step in steps {
        now += 1000;
        let at = Timestamp::from_nanos(now);
        match step {
            Step::Segment { side, seq, what } => {
                let payload = match what {
                    What::Open => Payload::Open,
                    What::Bytes(bytes) => Payload::Bytes(bytes),
                    What::Skipped(n) => Payload::Skipped(*n),
                    What::Close(reason) => Payload::Close(*reason),
                };
                handle(&mut wire, Input::Segment(Segment { flow: FLOW, side: *side, at, seq: Seq(*seq), payload }));
            }
            Step::LostInRing(side, n) => handle(&mut wire, Input::Lost(FLOW, *side, *n)),
            Step::Seconds(n) => {
                for _ in 0..*n {
                    now += 1_000_000_000;
                    handle(&mut wire, Input::Tick(Timestamp::from_nanos(now)));
                }
            }
        }
    }
    let gone = Payload::Close(CloseReason::Gone);
    let at = Timestamp::from_nanos(now + 1);
    handle(&mut wire, Input::Segment(Segment { flow: FLOW, side: Side::Client, at, seq: Seq(0), payload: gone }));
    outcome.counters = wire.counters();
    outcome
}

fn collect(outcome: &mut Outcome, event: Event<'_>) {
    match event {
        Event::Message(message) => {
            let mut content = first_line(&message.start);
            if message.version == Version::Http10 {
                content.push_str(" HTTP/1.0");
            }
            for header in message.headers.iter() {
                write!(content, " [{}: {}]", header.name, header.value.escape_ascii()).expect("a string");
            }
            let data = message.body.data;
            let shown =
                if data.len() > 64 { format!("<{}>", data.len()) } else { format!("\"{}\"", data.escape_ascii()) };
            if !data.is_empty() || message.body.total != Some(0) {
                write!(content, " body={shown}").expect("a string");
            }
            for trailer in message.trailers.iter() {
                write!(content, " ({}: {})", trailer.name, trailer.value.escape_ascii()).expect("a string");
            }
            let mut text = content.clone();
            match message.body.total {
                Some(n) if n == data.len() as u64 => {}
                Some(n) => write!(text, " of {n}").expect("a string"),
                None => text.push_str(" of ?"),
            }
            text.push_str(&content_text(message.content));
            text.push_str(if message.complete { "" } else { " incomplete" });
            assert!(message.began <= message.ended, "time runs back: {content}");
            let client = matches!(message.start, Start::Request { .. });
            let (index, complete) = (message.exchange.index, message.complete);
            outcome.lines.push(Line { client, index, complete, text, content });
        }
        Event::Hello(hello) => outcome.verdicts.push(hello_text(&hello)),
        Event::Ambiguous(odd) => {
            outcome.odd.push(format!("{} {:?} {:?}", odd.exchange.index, odd.side, odd.kind));
        }
        Event::Verdict(_, verdict) => outcome.verdicts.push(format!("{verdict:?}")),
        Event::Coverage(_, coverage) => {
            outcome.coverage += coverage;
        }
        Event::Over(..) => {}
        Event::Head(message) => {
            let line = format!("{} {} runs", message.exchange.index, first_line(&message.start));
            assert!(message.body.data.is_empty() && message.body.total.is_none() && !message.complete, "{line}");
            outcome.running.push(line);
        }
        Event::Progress(progress) => outcome.running.push(running(&progress)),
        Event::Session(session, _) => outcome.sessions.push(session),
        Event::Closed(..) => outcome.closed += 1,
    }
}

/// What is known of a TLS flow: offer, choice, chain; `?` is unknown.
fn hello_text(hello: &Hello<'_>) -> String {
    let mut text = "hello".to_owned();
    match hello.offer {
        Some(offer) => {
            let protocols: Vec<_> = offer.protocols.iter().map(|name| name.escape_ascii().to_string()).collect();
            let versions: Vec<_> = offer.versions.iter().map(|version| format!("{version:04x}")).collect();
            let suites = offer.suites.iter().count();
            write!(text, " {:?} {protocols:?} {versions:?} {suites} suites", offer.server_name)
        }
        None => write!(text, " ?"),
    }
    .expect("a string");
    match (hello.choice, hello.refused) {
        (Some(choice), _) => {
            let protocol = choice.protocol.map(|name| name.escape_ascii().to_string());
            let retry = if choice.retry { " retry" } else { "" };
            write!(text, " -> {:04x} {:04x} {protocol:?}{retry}", choice.version, choice.suite)
        }
        (None, Some(alert)) => write!(text, " -> refused {alert}"),
        (None, None) => write!(text, " -> ?"),
    }
    .expect("a string");
    match hello.chain {
        Chain::Unknown => text.push_str(" ?"),
        Chain::Encrypted => text.push_str(" encrypted"),
        Chain::NotSent => text.push_str(" no certificate"),
        Chain::Sent(chain) => {
            for Certificate { subject, issuer, not_before, not_after, key, names, .. } in chain.iter() {
                write!(text, "\n  {subject:?} by {issuer:?} {not_before:?}..{not_after:?} {key:?} {names:?}")
                    .expect("a string");
            }
            if chain.is_cut() {
                text.push_str("\n  and more");
            }
        }
    }
    text
}

fn first_line(start: &Start<'_>) -> String {
    match start {
        Start::Request { method, target } => format!("{method} {}", target.escape_ascii()),
        Start::Response { status } => status.to_string(),
    }
}

fn content_text(content: Content) -> String {
    let known = |n: Option<u64>| n.map_or_else(|| "?".to_owned(), |n| n.to_string());
    match content {
        Content::Plain => String::new(),
        Content::Events(events) => format!(" {{{} events}}", known(events)),
        Content::Grpc(grpc) => {
            let compressed = grpc.counts.filter(|counts| counts.compressed > 0);
            let compressed =
                compressed.map_or_else(String::new, |counts| format!(", {} compressed", counts.compressed));
            let status = grpc.status.map_or_else(String::new, |status| format!(", status {status}"));
            let form = if grpc.web { "grpc-web" } else { "grpc" };
            format!(" {{{form} {} messages{compressed}{status}}}", known(grpc.counts.map(|counts| counts.messages)))
        }
        Content::Session(kind) => format!(" {{{}}}", kind_text(kind)),
    }
}

fn kind_text(kind: SessionKind) -> &'static str {
    match kind {
        SessionKind::WebSocket => "websocket",
        SessionKind::Tunnel => "tunnel",
        SessionKind::Other => "other",
    }
}

fn running(progress: &Progress) -> String {
    match progress {
        Progress::Body { exchange, side, bytes, content, .. } => {
            format!("{} {side:?} {bytes} bytes{}", exchange.index, content_text(*content))
        }
        Progress::Session(session) => session_line(session),
    }
}

/// A session without its times.
pub fn session_line(session: &Session) -> String {
    let deflate = if session.deflate { " deflate" } else { "" };
    let first = session.closed_first.map_or_else(String::new, |side| format!(" closed by {side:?}"));
    let kind = kind_text(session.kind);
    let index = session.exchange.index;
    format!("{index} {kind}{deflate} > {} < {}{first}", sent_text(&session.client), sent_text(&session.server))
}

fn sent_text(sent: &Sent) -> String {
    let numbers = [
        ("text", sent.text),
        ("binary", sent.binary),
        ("fragmented", sent.fragmented),
        ("compressed", sent.compressed),
        ("control", sent.control),
        ("bytes", sent.payload_bytes),
        ("largest", sent.largest),
        ("errors", sent.errors),
        ("unknown", sent.unknown_bytes),
    ];
    let mut parts: Vec<_> = numbers.iter().filter(|(_, n)| *n > 0).map(|(name, n)| format!("{name} {n}")).collect();
    if sent.closed {
        parts.push(sent.close_code.map_or_else(|| "close".to_owned(), |code| format!("close {code}")));
    }
    format!("({})", parts.join(", "))
}

/// A small generator of pseudo-random numbers (xorshift64*): schedules must be the same in every run.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, n: usize) -> usize {
        let n = u64::try_from(n.max(1)).expect("small");
        usize::try_from((self.next() >> 11) % n).expect("small")
    }

    pub fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }
}
