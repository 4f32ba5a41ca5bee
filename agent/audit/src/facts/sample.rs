//! Messages from text, for the tests of facts and of gather.

use apiscope_wire::{
    Body, Content, ExchangeId, FlowId, Header, Headers, Hop, Message, Origin, Role, Start, Timestamp, Version,
};

/// A message that owns its text.
pub(crate) struct Sample {
    start: Vec<String>,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    /// Body bytes on the wire; the body's length where it is not cut.
    pub total: Option<u64>,
    /// Flow and place.
    pub exchange: ExchangeId,
    /// Owner.
    pub origin: Origin,
    /// Protocol.
    pub version: Version,
    /// First and last byte, nanoseconds.
    pub times: (u64, u64),
}

impl Sample {
    /// From `POST /a HTTP/1.1`, header lines (a line that begins with a space goes on), an empty line and the body. A response begins
    /// with `HTTP/1.1 200`. Line ends in the head are plain; the body is taken as it stands.
    pub(crate) fn new(text: &str) -> Self {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let start = lines.next().unwrap_or_default().split(' ').map(str::to_owned).collect();
        let mut headers: Vec<(String, Vec<u8>)> = Vec::new();
        for line in lines {
            match (line.split_once(':'), headers.last_mut()) {
                (_, Some((_, value))) if line.starts_with(' ') => {
                    value.extend_from_slice(b"\r\n");
                    value.extend_from_slice(line.as_bytes());
                }
                (Some((name, value)), _) => headers.push((name.to_owned(), value.trim().as_bytes().to_vec())),
                (None, _) => panic!("no header: {line}"),
            }
        }
        Self {
            start,
            headers,
            body: body.as_bytes().to_vec(),
            total: Some(body.len() as u64),
            exchange: ExchangeId { flow: FlowId::new(1), index: 0 },
            origin: origin(),
            version: Version::Http11,
            times: (1_000, 2_000),
        }
    }

    /// With another body.
    pub(crate) fn body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self.total = Some(body.len() as u64);
        self
    }

    /// Cut: `total` bytes were sent.
    pub(crate) fn total(mut self, total: Option<u64>) -> Self {
        self.total = total;
        self
    }

    /// At this place.
    pub(crate) fn at(mut self, flow: u64, index: u32) -> Self {
        self.exchange = ExchangeId { flow: FlowId::new(flow), index };
        self
    }

    /// Gives the message to `take`.
    pub(crate) fn with<R>(&self, take: impl FnOnce(&Message<'_>) -> R) -> R {
        let headers: Vec<Header<'_>> = self.headers.iter().map(|(name, value)| Header { name, value }).collect();
        let start = if self.start[0].starts_with("HTTP/") {
            Start::Response { status: self.start[1].parse().unwrap() }
        } else {
            Start::Request { method: &self.start[0], target: self.start[1].as_bytes() }
        };
        take(&Message {
            exchange: self.exchange,
            origin: &self.origin,
            version: self.version,
            start,
            headers: Headers(&headers),
            body: Body { data: &self.body, total: self.total },
            trailers: Headers(&[]),
            content: Content::Plain,
            began: Timestamp::from_nanos(self.times.0),
            ended: Timestamp::from_nanos(self.times.1),
            complete: true,
        })
    }
}

/// A client on a private network calls a server on port 8080.
pub(crate) fn origin() -> Origin {
    Origin {
        client: ([10, 0, 0, 1], 50_000).into(),
        server: ([10, 0, 0, 2], 8080).into(),
        role: Role::Served,
        hop: Hop::Private,
        interface: Some("eth0".into()),
        workload: None,
        encrypted: false,
    }
}
