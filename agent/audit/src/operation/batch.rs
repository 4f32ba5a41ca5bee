//! Several requests in one: `OData`'s `$batch` (4.01 §11.7 and JSON Format §19), Microsoft's of the same name, and batches in
//! `multipart/mixed` of parts in `application/http` as Google has them. Each is a request of its own, with method and path.

use std::borrow::Cow;

use super::json::Value;
use super::{Answer, Ask, Look, Operation, Operations, Request, Tie, id_of};
use crate::exchange::{Method, Protocol};
use crate::facts::multipart::{self, Part};
use crate::facts::{redact, target};

/// Longest path that is put together.
const PATH_MAX: usize = 2 * redact::PATH_MAX;
/// What the path of `OData`'s batches ends in.
const ODATA: &[u8] = b"/$batch";
/// More than there are places inside a part.
const WITHIN: u32 = 1 << 12;

/// The requests in a body of `multipart/mixed`. `None`: there are none.
pub(super) fn of_multipart(request: &Request<'_>, look: &Look<'_>) -> Option<Operations> {
    let mut operations = Operations::default();
    each(request.content_type, request.body, &mut |place, part| {
        if let Some((method, target)) = request_line(part.content) {
            let path = resolved(target, request.target.path, false);
            let tie = Tie { name: content_id(part), place };
            operations.add(operation(method, path.as_deref(), tie, look));
        }
    });
    (!operations.is_empty()).then_some(operations)
}

/// The requests of `{"requests": […]}`. `None`: there are none.
pub(super) fn of_json(requests: Value<'_>, look: &Look<'_>) -> Option<Operations> {
    let mut operations = Operations::default();
    for request in requests.elements().take(super::ANSWERS_MAX) {
        let (mut name, mut method, mut url) = (0, None, None);
        for (key, value) in request.members().take(super::json::MEMBERS_MAX) {
            match key {
                b"id" => name = id_of(value.text),
                b"method" => method = value.string(),
                b"url" => url = value.string(),
                _ => {}
            }
        }
        let (method, url) = (method?, url?);
        let method = std::str::from_utf8(&method).ok().filter(|method| is_method(method))?;
        let path = resolved(&url, look.path, true);
        operations.add(operation(method, path.as_deref(), Tie { name, place: 0 }, look));
    }
    (!operations.is_empty()).then_some(operations)
}

/// `None` where the path is not known, such as that of `$1/Orders`, where `$1` is what an earlier request made.
fn operation(method: &str, path: Option<&[u8]>, tie: Tie, look: &Look<'_>) -> Option<Operation> {
    let path = redact::path(path?, look.known);
    let method = method.to_ascii_uppercase();
    let ask = Ask::Request { method: Method::new(redact::method(&method)), path };
    Some(Operation { tie, ..Operation::new(Protocol::Batch, ask) })
}

/// Takes the statuses from a response in `multipart/mixed`. By the part's name where both sides have one, else by its place; where a
/// set of changes failed, one answer stands for all of it (`OData` 4.01 §11.7.5).
pub(super) fn answer_multipart(operations: &mut Operations, content_type: &[u8], body: &[u8]) {
    each(content_type, body, &mut |place, part| {
        let Some(status) = status_line(part.content) else { return };
        let name = content_id(part);
        let is_named = name != 0 && operations.list.iter().any(|operation| operation.tie.name == name);
        for operation in &mut operations.list {
            let Tie { name: asked, place: at } = operation.tie;
            let is_set = place.is_multiple_of(WITHIN) && at / WITHIN == place / WITHIN;
            if if is_named { asked == name } else { at == place || is_set } {
                operation.answer = Answer::Status(status);
            }
        }
    });
}

/// Takes the statuses from `{"responses": […]}`.
pub(super) fn answer_json(operations: &mut Operations, body: Value<'_>) {
    let responses = body.member(b"responses");
    for response in responses.into_iter().flat_map(Value::elements).take(super::ANSWERS_MAX) {
        let (mut name, mut status) = (0, None);
        for (key, value) in response.members().take(super::json::MEMBERS_MAX) {
            match key {
                b"id" => name = id_of(value.text),
                b"status" => status = number(value.text),
                _ => {}
            }
        }
        let asked = |operation: &&mut Operation| name != 0 && operation.tie.name == name;
        if let (Some(status), Some(operation)) = (status, operations.list.iter_mut().find(asked)) {
            operation.answer = Answer::Status(status);
        }
    }
}

/// Gives each part in `application/http` with its place; those of a part in `multipart/mixed` (a set of changes) after the place of that.
fn each<'a>(content_type: &[u8], body: &'a [u8], give: &mut dyn FnMut(u32, &Part<'a>)) {
    let mut left = multipart::PARTS_MAX;
    for (place, part) in (1_u32..).zip(multipart::parts(content_type, body).into_iter().flatten()) {
        let kind = part.header(b"content-type").unwrap_or_default();
        if is_http(kind) {
            give(place * WITHIN, &part);
        } else if is_mixed(kind) {
            for (within, part) in (1_u32..).zip(multipart::parts(kind, part.content).into_iter().flatten().take(left)) {
                left -= 1;
                if part.header(b"content-type").is_some_and(is_http) {
                    give(place * WITHIN + within, &part);
                }
            }
        }
    }
}

fn is_http(content_type: &[u8]) -> bool {
    super::essence(content_type).eq_ignore_ascii_case(b"application/http")
}

/// Whether a media type is that of a batch.
pub(super) fn is_mixed(content_type: &[u8]) -> bool {
    super::essence(content_type).eq_ignore_ascii_case(b"multipart/mixed")
}

/// A part's name; that of an answer is the same behind `response-` (Google).
fn content_id(part: &Part<'_>) -> u32 {
    let Some(name) = part.header(b"content-id") else { return 0 };
    let name = name.strip_prefix(b"<").map_or(name, |name| name.strip_suffix(b">").unwrap_or(name));
    id_of(name.strip_prefix(b"response-").unwrap_or(name))
}

/// `GET /path HTTP/1.1`; some leave the version out.
fn request_line(content: &[u8]) -> Option<(&str, &[u8])> {
    let line = content.split(|byte| matches!(byte, b'\r' | b'\n')).next()?;
    let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let (method, target) = (std::str::from_utf8(words.next()?).ok()?, words.next()?);
    let is_version = words.next().is_none_or(|version| version.starts_with(b"HTTP/"));
    (is_method(method) && is_version).then_some((method, target))
}

fn is_method(text: &str) -> bool {
    (1..=Method::LENGTH_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn status_line(content: &[u8]) -> Option<u16> {
    let after = content.strip_prefix(b"HTTP/")?;
    number(after.get(memchr::memchr(b' ', after)? + 1..)?.get(..3)?)
}

fn number(text: &[u8]) -> Option<u16> {
    std::str::from_utf8(text).ok()?.parse().ok().filter(|status| (100..600).contains(status))
}

/// The path that a request of a batch asks for. A relative one belongs to the batch's own service. `is_rooted`: one that begins with a
/// slash may do so too, which is Microsoft Graph's way.
fn resolved<'a>(target: &'a [u8], batch: &[u8], is_rooted: bool) -> Option<Cow<'a, [u8]>> {
    if target.starts_with(b"$") || target.is_empty() {
        return None;
    }
    let path = target::split("", target).path;
    let service = batch.strip_suffix(ODATA);
    let root = match service {
        Some(service) => service,
        None => batch.get(..memchr::memrchr(b'/', batch)?)?,
    };
    let joined = |between: &[u8]| {
        let joined = [root, between, path].concat();
        (joined.len() <= PATH_MAX).then_some(Cow::Owned(joined))
    };
    if !path.starts_with(b"/") {
        return joined(b"/");
    }
    let is_inside = path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"));
    if is_rooted && target.starts_with(b"/") && service.is_some() && !is_inside {
        joined(b"")
    } else {
        Some(Cow::Borrowed(path))
    }
}
