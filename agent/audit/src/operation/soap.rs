//! SOAP: the last part of the action (`SOAPAction` of 1.1, the media type's `action` of 1.2), or else the name of the body's first
//! element.

use smol_str::SmolStr;

use super::name;
use super::{Answer, Look, Operation, Request};
use crate::exchange::Protocol;
use crate::facts::multipart::parameter;

/// Punctuation in names of XML.
const NAME: &[u8] = b"-.";
/// Elements in front of the body that are passed over (a signed header has some dozens).
const TAGS_MAX: usize = 4096;
/// What an envelope's tag names.
const NAMESPACES: [&[u8]; 2] =
    [b"http://schemas.xmlsoap.org/soap/envelope/", b"http://www.w3.org/2003/05/soap-envelope"];

/// The operation of a message in XML, if it is SOAP.
pub(super) fn of_xml(request: &Request<'_>, essence: &[u8], look: &Look<'_>) -> Option<Operation> {
    let is_12 = essence.eq_ignore_ascii_case(b"application/soap+xml");
    let action = if is_12 {
        parameter(request.content_type, b"action")
    } else {
        look.headers.first("soapaction").or_else(|| parameter(request.content_type, b"action"))
    };
    let local = action.and_then(last_part);
    if let Some(local) = local {
        return Some(Operation::named(Protocol::Soap, SmolStr::new(name::shown(local, NAME, look.known))));
    }
    let child = body_child(request.body, is_12 || action.is_some())?;
    let name = child.map_or(name::OTHER, |child| name::shown(child.name, NAME, look.known));
    Some(Operation::named(Protocol::Soap, SmolStr::new(name)))
}

/// What a response says of the operation.
pub(super) fn answer(body: &[u8], whole: bool) -> Answer {
    let Some(child) = body_child(body, true) else {
        // Whole, and no envelope: whoever answered does not speak SOAP.
        return if whole { Answer::Silent } else { Answer::Unknown };
    };
    if child.is_none_or(|child| child.name != b"Fault") {
        return Answer::Proves;
    }
    let mut code = None;
    let mut within = b"" as &[u8];
    for tag in Tags::new(body).take(TAGS_MAX) {
        match tag.name {
            b"faultcode" => code = code.or(Some(tag.content)),
            b"Value" if within == b"Code" => code = code.or(Some(tag.content)),
            _ => {}
        }
        if tag.is_open {
            within = tag.name;
        }
    }
    let code = code.map(|code| local(code.trim_ascii())).unwrap_or_default();
    match code.split(|byte| *byte == b'.').next().unwrap_or_default() {
        b"Client" | b"Sender" | b"VersionMismatch" | b"MustUnderstand" | b"DataEncodingUnknown" => Answer::Denies,
        b"Server" | b"Receiver" => Answer::Proves,
        _ => Answer::Silent,
    }
}

/// The last part of an action, which is a URI: `http://example.com/Quotes#GetPrice`, `urn:GetPrice`. `None` where it is empty.
fn last_part(action: &[u8]) -> Option<&[u8]> {
    let action = action.trim_ascii();
    let action =
        action.strip_prefix(b"\"").map_or(action, |rest| rest.strip_suffix(b"\"").unwrap_or(rest)).trim_ascii();
    let action = action.strip_suffix(b"/").unwrap_or(action);
    action.rsplit(|byte| b"/#:".contains(byte)).next().filter(|last| !last.is_empty())
}

/// The first element in the body of an envelope. `None`: there is no envelope; `Some(None)`: nothing in its body.
#[expect(clippy::option_option, reason = "no envelope is not the same as an empty one")]
fn body_child(text: &[u8], is_vouched: bool) -> Option<Option<Tag<'_>>> {
    let mut tags = Tags::new(text).take(TAGS_MAX);
    let envelope = tags.find(|tag| tag.is_open)?;
    let is_soap = |tag: &Tag<'_>| NAMESPACES.iter().any(|name| memchr::memmem::find(tag.attributes, name).is_some());
    if envelope.name != b"Envelope" || !(is_vouched || is_soap(&envelope)) {
        return None;
    }
    let mut depth = 1_usize;
    while let Some(tag) = tags.next() {
        if depth == 1 && tag.is_open && tag.name == b"Body" {
            return Some(if tag.is_empty { None } else { tags.next().filter(|tag| tag.is_open) });
        }
        if tag.is_open && !tag.is_empty {
            depth += 1;
        } else if !tag.is_open {
            depth = depth.saturating_sub(1);
        }
    }
    Some(None)
}

/// A tag of XML, by its local name.
#[derive(Clone, Copy, Debug)]
struct Tag<'a> {
    name: &'a [u8],
    attributes: &'a [u8],
    /// `<a>` or `<a/>`, and not `</a>`.
    is_open: bool,
    /// `<a/>`.
    is_empty: bool,
    /// Up to the next tag.
    content: &'a [u8],
}

/// The tags of a text in order; comments, CDATA sections, declarations and instructions are passed over.
struct Tags<'a> {
    rest: &'a [u8],
}

impl<'a> Tags<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self { rest: text }
    }

    /// Past what begins with `open`, up to and with `close`.
    fn skipped(text: &'a [u8], open: &[u8], close: &[u8]) -> Option<&'a [u8]> {
        let inner = text.strip_prefix(open)?;
        let end = memchr::memmem::find(inner, close).map_or(inner.len(), |at| at + close.len());
        Some(inner.get(end..).unwrap_or_default())
    }
}

impl<'a> Iterator for Tags<'a> {
    type Item = Tag<'a>;

    fn next(&mut self) -> Option<Tag<'a>> {
        loop {
            let open = memchr::memchr(b'<', self.rest)?;
            let text = self.rest.get(open..)?;
            let skipped = Self::skipped(text, b"<!--", b"-->")
                .or_else(|| Self::skipped(text, b"<![CDATA[", b"]]>"))
                .or_else(|| Self::skipped(text, b"<?", b"?>"))
                .or_else(|| Self::skipped(text, b"<!", b">"));
            if let Some(after) = skipped {
                self.rest = after;
                continue;
            }
            let inner = text.get(1..)?;
            let end = tag_end(inner)?;
            let (tag, after) = (inner.get(..end)?, inner.get(end + 1..)?);
            self.rest = after;
            let is_open = !tag.starts_with(b"/");
            let tag = tag.strip_prefix(b"/").unwrap_or(tag);
            let is_empty = tag.ends_with(b"/");
            let tag = tag.strip_suffix(b"/").unwrap_or(tag);
            let named = tag.iter().position(u8::is_ascii_whitespace).unwrap_or(tag.len());
            let (name, attributes) = tag.split_at(named);
            let content = after.get(..memchr::memchr(b'<', after).unwrap_or(after.len())).unwrap_or_default();
            return Some(Tag { name: local(name), attributes, is_open, is_empty, content });
        }
    }
}

/// Where a tag ends: at the first `>` that is in no quotes.
fn tag_end(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr3(b'>', b'"', b'\'', text.get(at..)?)?;
        match text.get(at) {
            Some(b'>') | None => return Some(at),
            Some(quote) => at += memchr::memchr(*quote, text.get(at + 1..)?)? + 2,
        }
    }
}

fn local(name: &[u8]) -> &[u8] {
    memchr::memrchr(b':', name).and_then(|at| name.get(at + 1..)).unwrap_or(name)
}
