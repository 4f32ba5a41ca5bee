//! wire's reading of a connection, beside the server's own.

use std::net::{IpAddr, SocketAddr};

use apiscope_wire::{
    AmbiguityKind, CloseReason, Event, FlowId, Hop, Input, Limits, Origin, Payload, Role, Segment, Seq, Side, Start,
    Timestamp, Wire,
};

use super::recorder::{READ, Taken};

/// What went over one connection.
pub(crate) struct Talk {
    pub(crate) client: IpAddr,
    pub(crate) sent: Vec<u8>,
    pub(crate) answered: Vec<u8>,
    /// The server ended it before the client did.
    pub(crate) server_closed: bool,
}

/// How wire's reading stands to the server's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The same requests, whole.
    Agrees,
    /// The server refused what it was sent; wire gives no request that the server did not read, but the refused.
    Refused,
    /// wire says that the framing is ambiguous.
    Ambiguous,
    /// wire gives less, and says so: a message marked incomplete, or bytes counted as unread.
    Less,
    /// wire is wrong and does not know.
    Silent(String),
}

/// What wire gave.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    requests: Vec<(u32, Taken)>,
    /// Exchange, status, what the recorder read, and whether it is complete.
    responses: Vec<(u32, u16, Option<Vec<u8>>, bool)>,
    kinds: Vec<AmbiguityKind>,
    unread: u64,
}

/// Reads a connection with the client's bytes in pieces of `piece`.
pub(crate) fn read(talk: &Talk, server: SocketAddr, piece: usize) -> Reading {
    let flow = FlowId::new(1);
    let origin = Origin {
        client: SocketAddr::new(talk.client, 1024),
        server,
        role: Role::Served,
        hop: Hop::Loopback,
        interface: None,
        workload: None,
        encrypted: false,
    };
    let mut reading = Reading::default();
    let mut wire = Wire::new(Limits::default());
    let mut time = 0;
    let mut feed = |input: Input<'_>| wire.handle(input, &mut |event| reading.take(&event));
    feed(Input::Origin(flow, origin));
    let mut segment = |side, seq: usize, payload| {
        time += 1_000_000;
        let at = Timestamp::from_nanos(time);
        let seq = Seq(u32::try_from(seq).expect("small"));
        feed(Input::Segment(Segment { flow, side, at, seq, payload }));
    };
    segment(Side::Client, 0, Payload::Open);
    segment(Side::Server, 0, Payload::Open);
    for (n, part) in talk.sent.chunks(piece).enumerate() {
        segment(Side::Client, n * piece, Payload::Bytes(part));
    }
    segment(Side::Server, 0, Payload::Bytes(&talk.answered));
    let mut ends = [(Side::Client, talk.sent.len()), (Side::Server, talk.answered.len())];
    if talk.server_closed {
        ends.reverse();
    }
    for (side, at) in ends {
        segment(side, at, Payload::Close(CloseReason::Fin));
    }
    segment(Side::Client, 0, Payload::Close(CloseReason::Gone));
    reading
}

impl Reading {
    fn take(&mut self, event: &Event<'_>) {
        match event {
            Event::Message(message) => match message.start {
                Start::Request { method, target } => self.requests.push((
                    message.exchange.index,
                    Taken {
                        method: method.to_owned(),
                        target: target.to_vec(),
                        body: message.body.data.to_vec(),
                        whole: message.complete && message.body.is_whole(),
                    },
                )),
                Start::Response { status } => {
                    let read = message.headers.first(READ).map(<[u8]>::to_vec);
                    self.responses.push((message.exchange.index, status, read, message.complete));
                }
            },
            Event::Ambiguous(ambiguity) => self.kinds.push(ambiguity.kind),
            Event::Coverage(_, coverage) => {
                self.unread += coverage.unparsed.malformed + coverage.unparsed.not_http + coverage.unparsed.joined_late;
            }
            Event::Hello(_) | Event::Over(..) | Event::Verdict(..) | Event::Closed(..) => {}
        }
    }

    /// Compares it with what the server took.
    pub(crate) fn judge(&self, taken: &[Taken]) -> Verdict {
        if !self.kinds.is_empty() {
            return Verdict::Ambiguous;
        }
        if self.requests.iter().any(|(_, request)| !request.whole) || self.unread > 0 {
            return self.pairs_hold().unwrap_or(Verdict::Less);
        }
        let mut left = taken.iter();
        let mut refused = false;
        for (index, request) in &self.requests {
            let answer = self.responses.iter().find(|answer| answer.0 == *index);
            // `OPTIONS *` asks the server itself (RFC 9110 §9.3.7): a proxy answers it.
            let own = request.method == "OPTIONS" && request.target == b"*";
            let by_server = answer.is_some_and(|(_, status, read, _)| read.is_none() && (own || *status >= 400));
            match left.as_slice().first() {
                Some(next) if next.whole && same(next, request) => drop(left.next()),
                Some(next) if !by_server => {
                    return Verdict::Silent(format!("wire reads {}, the server {}", show(request), show(next)));
                }
                Some(next) if !next.whole => drop(left.next()),
                // Sent, and not answered: the server had ended the connection, and no reading of its own is known.
                None if answer.is_none() && taken.iter().all(|one| one.whole) => {}
                None if !by_server => return Verdict::Silent(format!("the server did not take {}", show(request))),
                Some(_) | None => refused = true,
            }
        }
        if let Some(missed) = left.find(|one| one.whole) {
            return Verdict::Silent(format!("wire misses {}", show(missed)));
        }
        self.pairs_hold().unwrap_or(if refused { Verdict::Refused } else { Verdict::Agrees })
    }

    /// Every answer belongs to the request that the recorder read; else what is wrong.
    fn pairs_hold(&self) -> Option<Verdict> {
        self.responses.iter().filter(|answer| answer.3).find_map(|(index, _, read, _)| {
            let read = read.as_deref()?;
            let (_, request) = self.requests.iter().find(|(other, request)| other == index && request.whole)?;
            let (method, target) = read.split_at(read.iter().position(|b| *b == b' ')?);
            let right = same_line((method, &target[1..]), (request.method.as_bytes(), &request.target));
            (!right).then(|| {
                Verdict::Silent(format!("{} is paired with the answer to {}", show(request), read.escape_ascii()))
            })
        })
    }
}

fn same(a: &Taken, b: &Taken) -> bool {
    same_line((a.method.as_bytes(), &a.target), (b.method.as_bytes(), &b.target)) && a.body == b.body
}

/// The same method and target. Without case, since gunicorn makes methods upper case; and a target that is no path is
/// the proxy's own to write.
fn same_line((method, target): (&[u8], &[u8]), (other_method, other_target): (&[u8], &[u8])) -> bool {
    let is_path = |target: &[u8]| target.starts_with(b"/") || target.contains(&b'/') || target == b"*";
    let rewritten = !is_path(target) || !is_path(other_target);
    method.eq_ignore_ascii_case(other_method) && (rewritten || path(target) == path(other_target))
}

/// The target as proxies pass it on: without scheme, authority and fragment.
fn path(target: &[u8]) -> &[u8] {
    let fragment = (0..target.len()).find(|at| target[*at..].starts_with(b"#") || target[*at..].starts_with(b"%23"));
    let target = &target[..fragment.unwrap_or(target.len())];
    let Some(scheme) = target.windows(3).position(|part| part == b"://") else { return target };
    if target[..scheme].contains(&b'/') {
        return target;
    }
    let rest = &target[scheme + 3..];
    rest.iter().position(|b| *b == b'/').map_or(b"/", |at| &rest[at..])
}

fn show(request: &Taken) -> String {
    let Taken { method, target, body, whole } = request;
    let whole = if *whole { "" } else { ", not whole" };
    format!("`{method} {} body=\"{}\"{whole}`", target.escape_ascii(), body.escape_ascii())
}
