//! wire's reading of a connection, beside the server's own.

use std::collections::BTreeSet;
use std::net::IpAddr;

use apiscope_wire::{AmbiguityKind, CloseReason, Event, Payload, Side, Start, Verdict as WireVerdict, Version};

use super::feed::Feed;
use super::recorder::{READ, Taken};

/// What went over one connection.
pub(crate) struct Talk {
    pub(crate) client: IpAddr,
    pub(crate) sent: Vec<u8>,
    pub(crate) answered: Vec<u8>,
    /// The server ended it before the client did.
    pub(crate) server_closed: bool,
}

/// How the server's reading stands to wire's, what wire calls ambiguous left aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    /// The same requests, whole.
    Same,
    /// The same requests; one of them the server did not pass on, but answered itself, not for its framing (405, say).
    Own,
    /// The same whole requests, then one that the client did not send whole: incomplete for both.
    Cut,
    /// Not HTTP for wire, and no request for the server.
    NotHttp,
    /// Not the same.
    Differs(String),
}

/// What wire gave.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    requests: Vec<(u32, Taken)>,
    responses: Vec<Answer>,
    pub(crate) kinds: BTreeSet<String>,
    /// Of these, those of the first message.
    first: BTreeSet<String>,
    /// Captured bytes that wire did not read, although the client had not ended its side yet.
    unread: u64,
    not_http: bool,
    odd_answer: bool,
}

/// A response as wire gave it.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    index: u32,
    status: u16,
    /// What the recorder read; none of an answer of the server's own.
    read: Option<Vec<u8>>,
    complete: bool,
    /// It says that the server closes.
    closes: bool,
}

/// Statuses by which a server says that it could not read a request, or not on; others judge what was read.
const REJECTIONS: [u16; 8] = [400, 408, 411, 413, 414, 431, 501, 505];

/// Reads a connection with the client's bytes in pieces of `piece`.
pub(crate) fn read(talk: &Talk, piece: usize) -> Reading {
    let mut reading = Reading::default();
    let mut feed = Feed::new();
    let mut take = |event: &Event<'_>| reading.take(event);
    feed.segment(Side::Client, 0, Payload::Open, &mut take);
    feed.segment(Side::Server, 0, Payload::Open, &mut take);
    for (n, part) in talk.sent.chunks(piece).enumerate() {
        feed.segment(Side::Client, n * piece, Payload::Bytes(part), &mut take);
    }
    feed.segment(Side::Server, 0, Payload::Bytes(&talk.answered), &mut take);
    feed.pause(&mut take);
    let unread = reading.unread;
    let mut ends = [(Side::Client, talk.sent.len()), (Side::Server, talk.answered.len())];
    if talk.server_closed {
        ends.reverse();
    }
    for (side, at) in ends {
        feed.segment(side, at, Payload::Close(CloseReason::Fin), &mut |event| reading.take(event));
    }
    reading.unread = unread;
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
                    let said = |word: &[u8]| message.headers.all("connection").any(|v| v.eq_ignore_ascii_case(word));
                    self.responses.push(Answer {
                        index: message.exchange.index,
                        status,
                        read: message.headers.first(READ).map(<[u8]>::to_vec),
                        complete: message.complete,
                        closes: said(b"close") || (message.version == Version::Http10 && !said(b"keep-alive")),
                    });
                }
            },
            Event::Ambiguous(odd) if odd.side == Side::Client => {
                self.kinds.insert(format!("{:?}", odd.kind));
                if odd.exchange.index == 0 {
                    self.first.insert(format!("{:?}", odd.kind));
                }
            }
            // It comes of how many requests there are: that is compared.
            Event::Ambiguous(odd) if odd.kind == AmbiguityKind::UnaskedResponse => {}
            // Some servers send content with the refusal of a HEAD.
            Event::Ambiguous(_) => self.odd_answer = true,
            Event::Coverage(_, coverage) => self.unread += coverage.unparsed.malformed + coverage.unparsed.joined_late,
            Event::Verdict(_, verdict) => self.not_http |= *verdict == WireVerdict::IgnoreNotHttp,
            Event::Hello(_)
            | Event::Over(..)
            | Event::Head(_)
            | Event::Progress(_)
            | Event::Session(..)
            | Event::Closed(..) => {}
        }
    }

    /// Whether what is told of the first message is of one of these kinds, or nothing is told, or there are none.
    pub(crate) fn is_of(&self, kinds: &[AmbiguityKind]) -> bool {
        let of = |told: &String| kinds.iter().any(|kind| format!("{kind:?}") == *told);
        kinds.is_empty() || self.first.is_empty() || self.first.iter().any(of)
    }

    /// Whether another reading of the same bytes says the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.requests == other.requests && self.responses == other.responses && self.kinds == other.kinds
    }

    /// Compares it with what the server took, as if no ambiguity had been told.
    pub(crate) fn compare(&self, taken: &[Taken], server_closed: bool) -> Match {
        if self.unread > 0 && !self.odd_answer {
            return Match::Differs("wire leaves bytes unread".to_owned());
        }
        if let Some(wrong) = self.wrong_pair() {
            return Match::Differs(wrong);
        }
        let mut left = taken;
        let mut result = Match::Same;
        let mut closes = false;
        for (index, request) in &self.requests {
            let answer = self.responses.iter().find(|answer| answer.index == *index);
            let own = answer.filter(|answer| answer.read.is_none()).map(|answer| answer.status);
            let begun = left.first().filter(|next| {
                let whole = if request.whole { !next.whole || next.body == request.body } else { !next.whole };
                same_line(next.line(), request.line()) && whole
            });
            match (begun, own) {
                (Some(next), _) if next.whole == request.whole => {}
                // `OPTIONS *` asks the server itself, and CONNECT for what few servers do: the answer is its own, whatever it is.
                (_, Some(_))
                    if request.whole && (request.method == "CONNECT" || request.line() == (b"OPTIONS", b"*")) =>
                {
                    result = Match::Own;
                }
                (_, Some(status)) if request.whole && REJECTIONS.contains(&status) => {
                    return Match::Differs(format!("the server rejects with {status} {}", show(request)));
                }
                (_, Some(_)) if request.whole => result = Match::Own,
                (Some(next), None) => {
                    return Match::Differs(format!("wire reads {}, the server {}", show(request), show(next)));
                }
                (None, None) if request.whole && closes && server_closed => {}
                (None, None) if request.whole => {
                    return Match::Differs(format!("the server did not take {}", show(request)));
                }
                (None, _) | (Some(_), Some(_)) => {}
            }
            if !request.whole {
                result = Match::Cut;
            }
            left = left.get(usize::from(begun.is_some())..).unwrap_or_default();
            closes |= answer.is_some_and(|answer| answer.closes) || own.is_some();
        }
        match left.first() {
            Some(missed) => Match::Differs(format!("wire misses {}", show(missed))),
            None if self.requests.is_empty() && self.not_http => Match::NotHttp,
            None => result,
        }
    }

    /// What is wrong if an answer is paired with another request than that which the recorder read.
    fn wrong_pair(&self) -> Option<String> {
        self.responses.iter().filter(|answer| answer.complete).find_map(|answer| {
            let read = answer.read.as_deref()?;
            let (_, request) = self.requests.iter().find(|(index, one)| *index == answer.index && one.whole)?;
            let (method, target) = read.split_at(read.iter().position(|b| *b == b' ')?);
            let right = same_line((method, &target[1..]), request.line());
            (!right).then(|| format!("{} is paired with the answer to {}", show(request), read.escape_ascii()))
        })
    }
}

impl Taken {
    fn line(&self) -> (&[u8], &[u8]) {
        (self.method.as_bytes(), &self.target)
    }
}

/// The same method and target. Without case, since gunicorn makes methods upper case; and a target that is no path is
/// the proxy's own to write.
fn same_line((method, target): (&[u8], &[u8]), (other_method, other_target): (&[u8], &[u8])) -> bool {
    let is_path = |target: &[u8]| target.starts_with(b"/") || target.contains(&b'/') || target == b"*";
    let rewritten = !is_path(target) || !is_path(other_target);
    method.eq_ignore_ascii_case(other_method) && (rewritten || path(target) == path(other_target))
}

/// The target as proxies pass it on: without scheme, authority and fragment, and from Apache with one slash at its start.
fn path(target: &[u8]) -> &[u8] {
    let fragment = (0..target.len()).find(|at| target[*at..].starts_with(b"#") || target[*at..].starts_with(b"%23"));
    let target = &target[..fragment.unwrap_or(target.len())];
    let target = if target.starts_with(b"//") { &target[1..] } else { target };
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
