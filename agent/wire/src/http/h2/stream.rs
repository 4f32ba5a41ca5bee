//! One direction of a stream: a message that is not over yet, and how it is given.

use std::ops::Range;

use smallvec::SmallVec;

use crate::event::{
    AmbiguityKind, Body, Content, Event, Header, Headers, Message, Progress, SessionKind, Start, Version,
};
use crate::http::h2::hpack::Text;
use crate::http::units::{UnitKind, Units};
use crate::http::work::Pool;
use crate::http::ws::Extensions;
use crate::http::{Cx, RUNS_AFTER, TELL_EVERY};
use crate::input::{ExchangeId, Origin, Side};
use crate::limits::Limits;
use crate::time::Timestamp;

/// Header fields kept of one message; the rest is dropped and counted.
const FIELDS_MAX: usize = 256;

#[derive(Clone, Debug)]
struct Field {
    name: Range<usize>,
    value: Range<usize>,
}

/// A message so far. `text` holds names and values, `body` the body's prefix.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and all of them combine")]
pub(crate) struct Part {
    text: Vec<u8>,
    fields: Vec<Field>,
    /// Where the trailers begin in `fields`; 0 while the head is not over.
    trailers: usize,
    method: Option<Range<usize>>,
    path: Option<Range<usize>>,
    authority: Option<Range<usize>>,
    /// What an extended CONNECT asks for (RFC 8441).
    protocol: Option<Range<usize>>,
    pub(crate) status: Option<u16>,
    body: Vec<u8>,
    total: u64,
    cut: bool,
    /// Bytes of it were missed, or fields of it are not known.
    pub(crate) lost: bool,
    /// Some of it came in copies that differ.
    doubt: bool,
    pub(crate) has_head: bool,
    /// What was counted in the body.
    pub(crate) units: Units,
    /// What begins behind it, if it ends a handshake.
    pub(crate) leads_to: Option<SessionKind>,
    began: Timestamp,
    latest: Timestamp,
    /// When it was last told that it runs; the epoch: never.
    told: Timestamp,
    /// How far it was then.
    told_total: u64,
}

impl Part {
    pub(crate) fn begin(&mut self, at: Timestamp) {
        self.began = at;
        self.latest = at;
    }

    /// Something of it came; `doubt`: in copies that differ.
    pub(crate) fn heard(&mut self, at: Timestamp, doubt: bool) {
        self.latest = self.latest.max(at);
        self.doubt |= doubt;
    }

    /// The head is over: what follows is body, and fields are trailers.
    pub(crate) fn end_head(&mut self) {
        self.has_head = true;
        self.trailers = self.fields.len();
        let kind = self.values("content-type").next().map(UnitKind::of).unwrap_or_default();
        let is_coded = self.values("content-encoding").any(|value| !value.eq_ignore_ascii_case(b"identity"));
        self.units = Units::new(kind, is_coded);
    }

    /// The values of a field; its name in lower case.
    fn values(&self, name: &'static str) -> impl Iterator<Item = &[u8]> {
        let fields = self.fields.iter().filter(move |field| self.bytes(&field.name) == name.as_bytes());
        fields.map(|field| self.bytes(&field.value))
    }

    /// What a CONNECT asks for: a tunnel, or another protocol on its stream (RFC 9113 §8.5, RFC 8441 §4).
    pub(crate) fn asks_for(&self) -> Option<SessionKind> {
        let method = self.method.as_ref().filter(|_| self.has_head)?;
        (self.bytes(method) == b"CONNECT").then(|| match &self.protocol {
            None => SessionKind::Tunnel,
            Some(name) if self.bytes(name).eq_ignore_ascii_case(b"websocket") => SessionKind::WebSocket,
            Some(_) => SessionKind::Other,
        })
    }

    /// Takes off the body, which is none: it belongs to the session. How long it was.
    pub(crate) fn forget_body(&mut self) -> u64 {
        self.body.clear();
        self.cut = false;
        std::mem::take(&mut self.total)
    }

    /// The extensions that a response agrees on.
    pub(crate) fn extensions(&self) -> Extensions {
        let mut extensions = Extensions::default();
        self.values("sec-websocket-extensions").for_each(|value| extensions.add(value));
        extensions
    }

    /// Back to before the head: it was an interim response.
    pub(crate) fn forget_head(&mut self) {
        self.text.clear();
        self.fields.clear();
        self.status = None;
        self.has_head = false;
        self.lost = false;
    }

    /// Whether fields have come, but no first line: what comes next may be the head.
    pub(crate) fn is_headless(&self) -> bool {
        self.has_head && self.status.is_none() && self.total == 0
    }

    /// A decoded field. Whether it was kept.
    pub(crate) fn field(&mut self, name: Text<'_>, value: Text<'_>, pool: &mut Pool, limits: &Limits) -> bool {
        let (Text::Known(name), Text::Known(value)) = (name, value) else {
            self.lost = true;
            return false;
        };
        if self.text.len() + name.len() + value.len() > limits.head_bytes_max || self.fields.len() >= FIELDS_MAX {
            return false;
        }
        let from = self.text.len();
        if !pool.append(&mut self.text, name, limits) || !pool.append(&mut self.text, value, limits) {
            self.text.truncate(from);
            self.lost = true;
            return false;
        }
        let middle = from + name.len();
        self.place(name, value, from..middle, middle..self.text.len())
    }

    fn place(&mut self, name: &[u8], value: &[u8], name_at: Range<usize>, value_at: Range<usize>) -> bool {
        let slot = match name {
            b":method" => &mut self.method,
            b":path" => &mut self.path,
            b":authority" => &mut self.authority,
            b":protocol" => &mut self.protocol,
            b":status" => return self.place_status(value),
            [b':', ..] => return true,
            // RFC 9113 §8.2.1: a name is a lower-case token. One that is not even ASCII has no place in a `Header`.
            name if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) => return false,
            _ => {
                self.fields.push(Field { name: name_at, value: value_at });
                return true;
            }
        };
        // Once, and not in the trailers (RFC 9113 §8.3): servers refuse the message. What stood first is kept.
        if slot.is_some() || self.has_head {
            self.lost = true;
            return false;
        }
        *slot = Some(value_at);
        true
    }

    /// Three digits, once (RFC 9110 §15).
    fn place_status(&mut self, value: &[u8]) -> bool {
        let status = match value {
            [b'1'..=b'9', b'0'..=b'9', b'0'..=b'9'] => {
                value.iter().fold(0, |sum, digit| sum * 10 + u16::from(*digit - b'0'))
            }
            _ => 0,
        };
        if status == 0 || self.status.is_some() {
            self.lost = true;
            return false;
        }
        self.status = Some(status);
        true
    }

    /// Bytes of the body.
    pub(crate) fn data(&mut self, bytes: &[u8], pool: &mut Pool, limits: &Limits) {
        self.total = self.total.saturating_add(bytes.len() as u64);
        self.units.bytes(bytes);
        if self.cut {
            return;
        }
        let room = limits.body_bytes_max.saturating_sub(self.body.len());
        let kept = bytes.get(..room).unwrap_or(bytes);
        self.cut = kept.len() < bytes.len() || !pool.append(&mut self.body, kept, limits);
    }

    /// So many bytes of the body are missing.
    pub(crate) fn hole(&mut self, n: u64, lost: bool) {
        self.total = self.total.saturating_add(n);
        self.units.hole(n);
        self.cut = true;
        self.lost |= lost;
    }

    fn bytes(&self, range: &Range<usize>) -> &[u8] {
        self.text.get(range.clone()).unwrap_or_default()
    }

    fn header(&self, field: &Field) -> Option<Header<'_>> {
        Some(Header { name: std::str::from_utf8(self.bytes(&field.name)).ok()?, value: self.bytes(&field.value) })
    }

    fn start(&self, side: Side) -> Option<Start<'_>> {
        if side == Side::Server {
            return self.status.map(|status| Start::Response { status });
        }
        let method = std::str::from_utf8(self.bytes(self.method.as_ref()?)).ok().filter(|method| is_token(method))?;
        // CONNECT has no path: its target is the authority (RFC 9113 §8.5).
        let target = self.path.as_ref().or(self.authority.as_ref().filter(|_| method == "CONNECT"))?;
        let target = self.bytes(target);
        // White space and control characters have no place in a target (RFC 9113 §8.3.1): no server takes it.
        let is_visible = !target.is_empty() && target.iter().all(|byte| *byte > b' ' && *byte != 0x7f);
        is_visible.then_some(Start::Request { method, target })
    }

    /// Gives the message. `false` if its first line is not known: then nothing is invented.
    pub(crate) fn give(&self, side: Side, index: u32, ended: bool, cx: &mut Cx<'_>) -> bool {
        let complete = ended && !self.lost && !self.doubt;
        if self.doubt {
            cx.ambiguous(index, side, AmbiguityKind::ConflictingBytes);
        }
        let body = Body { data: &self.body, total: ended.then_some(self.total) };
        let Cx { counters, emit, at, .. } = cx;
        let (exchange, until) = (ExchangeId { flow: cx.flow, index }, self.latest.max(*at));
        self.message(side, |start, headers, trailers| {
            counters.messages += 1;
            counters.messages_incomplete += u64::from(!complete);
            let message = self.given(exchange, cx.origin, (start, headers, trailers), body, (until, complete));
            emit(Event::Message(message));
        })
    }

    /// The first line and the fields, if the first line is known.
    fn message(&self, side: Side, give: impl FnOnce(Start<'_>, Headers<'_>, Headers<'_>)) -> bool {
        let Some(start) = self.start(side) else { return false };
        let mut headers: SmallVec<[Header<'_>; 32]> = SmallVec::new();
        let authority = self.authority.as_ref().filter(|_| side == Side::Client);
        headers.extend(authority.map(|at| Header { name: "host", value: self.bytes(at) }));
        let (head, trailers) = self.fields.split_at_checked(self.trailers).unwrap_or((&self.fields, &[]));
        headers.extend(head.iter().filter_map(|field| self.header(field)));
        let trailers: SmallVec<[Header<'_>; 4]> = trailers.iter().filter_map(|field| self.header(field)).collect();
        give(start, Headers(&headers), Headers(&trailers));
        true
    }

    fn given<'a>(
        &self,
        exchange: ExchangeId,
        origin: &'a Origin,
        (start, headers, trailers): (Start<'a>, Headers<'a>, Headers<'a>),
        body: Body<'a>,
        (ended, complete): (Timestamp, bool),
    ) -> Message<'a> {
        Message {
            exchange,
            origin,
            version: Version::H2,
            start,
            headers,
            body,
            trailers,
            content: self.leads_to.map_or(self.units.content(), Content::Session),
            began: self.began,
            ended,
            complete,
        }
    }

    /// Tells that it runs, and how far it is. Whether there will be more to tell although nothing more comes.
    pub(crate) fn tell(&mut self, side: Side, index: u32, cx: &mut Cx<'_>) -> bool {
        let is_untold = self.told == Timestamp::EPOCH;
        if !self.has_head || (!is_untold && self.told_total == self.total) {
            return false;
        }
        let (since, wait) = if is_untold { (self.began, RUNS_AFTER) } else { (self.told, TELL_EVERY) };
        if cx.at.since(since) < wait {
            return true;
        }
        let exchange = cx.exchange(index);
        (self.told, self.told_total) = (cx.at, self.total);
        if is_untold {
            let Cx { counters, emit, .. } = cx;
            let body = Body { data: &[], total: None };
            let is_known = self.message(side, |start, headers, _| {
                counters.heads_given += 1;
                let head = (start, headers, Headers(&[]));
                emit(Event::Head(self.given(exchange, cx.origin, head, body, (self.latest, false))));
            });
            if !is_known {
                return false;
            }
        }
        let content = self.units.content();
        (cx.emit)(Event::Progress(Progress::Body { exchange, side, bytes: self.total, content, at: self.latest }));
        false
    }

    /// Bytes that its buffers hold.
    pub(crate) fn allocated(&self) -> usize {
        self.text.capacity() + self.body.capacity()
    }

    /// Empties it for the next message; large buffers go back to the allocator.
    pub(crate) fn clear(&mut self, kept_bytes_max: usize) {
        let keep = |mut buf: Vec<u8>| {
            buf.clear();
            if buf.capacity() > kept_bytes_max { Vec::new() } else { buf }
        };
        let (text, body) = (keep(std::mem::take(&mut self.text)), keep(std::mem::take(&mut self.body)));
        let mut fields = std::mem::take(&mut self.fields);
        fields.clear();
        *self = Self { text, fields, body, ..Self::default() };
    }
}

/// RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    let is_mark = |byte| b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || is_mark(byte))
}
