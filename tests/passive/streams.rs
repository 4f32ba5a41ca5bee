//! The streams that every reader gets: the transcripts of wire, and the cases and answers of `tests/framing`.

use std::path::Path;

use apiscope_wire::{CloseReason, Event, Message, Payload, Side, Start};

use super::common::{Act, Transcript};
use super::feed::Feed;
use super::{answers, cases};

/// A connection from its first byte to its end, nothing missing.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(crate) name: String,
    pub(crate) parts: Vec<(Side, Vec<u8>)>,
}

/// What a reader read of a stream: whole messages only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Method, target, and bytes of content where known.
    pub(crate) requests: Vec<(String, Vec<u8>, Option<u64>)>,
    /// Status, and bytes of content where known. Final responses only.
    pub(crate) responses: Vec<(u16, Option<u64>)>,
    /// The values of all Content-Length fields in ascending order, if the reader tells.
    pub(crate) lengths: Option<Vec<u64>>,
}

impl Seen {
    pub(crate) fn join(mut self, other: Self) -> Self {
        self.requests.extend(other.requests);
        self.responses.extend(other.responses);
        self.add_lengths(other.lengths.unwrap_or_default());
        self
    }

    pub(crate) fn add_lengths(&mut self, more: impl IntoIterator<Item = u64>) {
        let lengths = self.lengths.get_or_insert_default();
        lengths.extend(more);
        lengths.sort_unstable();
    }

    pub(crate) fn sort(&mut self) {
        self.requests.sort();
        self.responses.sort_unstable();
    }
}

impl Stream {
    pub(crate) fn holds(&self, part: &[u8]) -> bool {
        self.parts.iter().any(|(_, bytes)| bytes.windows(part.len()).any(|window| window == part))
    }

    pub(crate) fn holds_chunked_in_upper_case(&self) -> bool {
        [&b": Chunked\r\n"[..], b": CHUNKED\r\n", b": chunKed\r\n"].iter().any(|part| self.holds(part))
    }
}

/// What wire read, and what it says of what it did not.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) seen: Seen,
    pub(crate) is_ambiguous: bool,
    /// A message is incomplete, or bytes are unread, or it is not HTTP.
    pub(crate) is_less: bool,
}

pub(crate) fn all() -> Vec<Stream> {
    let mut streams = transcripts();
    assert!(streams.len() >= 60, "{} transcripts", streams.len());
    let requests = cases::all().into_iter().filter(|case| !case.name.starts_with("mutation"));
    streams.extend(requests.map(|case| Stream { name: case.name, parts: vec![(Side::Client, case.bytes)] }));
    streams.extend(answers::all().into_iter().filter(|answer| !answer.bytes.is_empty()).map(|answer| {
        let ask = format!("{} /x HTTP/1.1\r\nHost: a\r\n\r\n", answer.method);
        let parts = vec![(Side::Client, ask.into_bytes()), (Side::Server, answer.bytes)];
        Stream { name: format!("answer {}", answer.name), parts }
    }));
    streams
}

/// Those transcripts of HTTP/1 in which nothing is missing and nothing but bytes and FIN is sent.
fn transcripts() -> Vec<Stream> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("wire/tests/cases");
    let mut streams = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder of cases") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let other = ["h2_", "http2_", "tls_", "not_http", "ws_", "doubt_"].iter().any(|start| name.starts_with(start));
        if other || path.extension().is_none_or(|extension| extension != "http") {
            continue;
        }
        let transcript = Transcript::parse(&std::fs::read_to_string(&path).expect("a case"));
        let parts = transcript.acts.iter().map(|(side, act)| match act {
            Act::Bytes(bytes) => Some((*side, bytes.clone())),
            Act::Fin => Some((*side, Vec::new())),
            _ => None,
        });
        let parts: Option<Vec<_>> = parts.collect();
        if let Some(parts) = parts.filter(|_| !transcript.late) {
            let parts = parts.into_iter().filter(|(_, bytes)| !bytes.is_empty()).collect();
            streams.push(Stream { name, parts });
        }
    }
    streams.sort_by(|a, b| a.name.cmp(&b.name));
    streams
}

/// wire's reading.
pub(crate) fn read(stream: &Stream) -> Reading {
    let mut reading = Reading::default();
    let mut feed = Feed::new();
    let mut take = |event: &Event<'_>| reading.take(event);
    feed.segment(Side::Client, 0, Payload::Open, &mut take);
    feed.segment(Side::Server, 0, Payload::Open, &mut take);
    let mut next = [0, 0];
    for (side, bytes) in &stream.parts {
        let seq = &mut next[usize::from(*side == Side::Server)];
        feed.segment(*side, *seq, Payload::Bytes(bytes), &mut take);
        *seq += bytes.len();
    }
    feed.segment(Side::Server, next[1], Payload::Close(CloseReason::Fin), &mut take);
    feed.segment(Side::Client, next[0], Payload::Close(CloseReason::Fin), &mut take);
    reading
}

impl Reading {
    fn take(&mut self, event: &Event<'_>) {
        match event {
            Event::Message(message) if !message.complete => self.is_less = true,
            Event::Message(message) => self.add(message),
            Event::Ambiguous(_) => self.is_ambiguous = true,
            Event::Coverage(_, coverage) => {
                let unread = coverage.unparsed;
                self.is_less |= unread.malformed + unread.not_http + unread.joined_late > 0;
            }
            Event::Verdict(..) => self.is_less = true,
            _ => {}
        }
    }

    pub(crate) fn add(&mut self, message: &Message<'_>) {
        let length = message.headers.first("content-length").and_then(|value| str::from_utf8(value).ok()?.parse().ok());
        self.seen.add_lengths(length);
        match message.start {
            Start::Request { method, target } => {
                self.seen.requests.push((method.to_owned(), target.to_vec(), message.body.total));
            }
            Start::Response { status } => self.seen.responses.push((status, message.body.total)),
        }
    }
}
