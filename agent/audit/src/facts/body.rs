//! Credentials in bodies and queries: JSON members, form fields, parts of multipart forms, query parameters.

use super::collect::{Collector, Rank};
use super::names::{self, Promise};
use super::{AuthKind, CredentialKind, Place, json, percent, redact};

/// Parts of a multipart form that are looked at.
const PARTS_MAX: usize = 256;
/// Longest head of a part.
const PART_HEAD_MAX: usize = 4096;
/// Longest boundary (RFC 2046 §5.1.1).
const BOUNDARY_MAX: usize = 70;

/// Query of a request.
pub(super) fn query(query: &[u8], found: &mut Collector<'_>) {
    for pair in query.split(|b| *b == b'&') {
        let Some((name, value)) = named(pair) else { continue };
        let Some(promise) = names::promise(&name) else { continue };
        let value = percent::decode(value, true);
        let place = || Place::Query(redact::field_name(&name).into());
        let Some((kind, fingerprint)) = found.field(promise, place, &value) else { continue };
        let declared = matches!(promise, Promise::ApiKey | Promise::Token);
        if declared || matches!(kind, Some(CredentialKind::ApiKey | CredentialKind::Bearer)) {
            found.auth(AuthKind::ApiKeyQuery);
            let bearer = kind == Some(CredentialKind::Bearer);
            found.consumer(if bearer { Rank::Bearer } else { Rank::ApiKey }, fingerprint);
        }
    }
}

/// `application/x-www-form-urlencoded`. The last value of a body that was cut may be cut itself, and is left alone.
pub(super) fn form(body: &[u8], whole: bool, found: &mut Collector<'_>) {
    let mut pairs = body.split(|b| *b == b'&').peekable();
    while let Some(pair) = pairs.next() {
        let complete = whole || pairs.peek().is_some();
        let Some((name, value)) = named(pair).filter(|_| complete) else { continue };
        if let Some(promise) = names::promise(&name) {
            let place = || Place::Form(redact::field_name(&name).into());
            found.field(promise, place, &percent::decode(value.trim_ascii_end(), true));
        }
    }
}

fn named(pair: &[u8]) -> Option<(percent::Plain<'_>, &[u8])> {
    let at = memchr::memchr(b'=', pair)?;
    Some((percent::decode(pair.get(..at)?, true), pair.get(at + 1..)?))
}

/// A JSON request. Gives the bytes read.
pub(super) fn json(body: &[u8], found: &mut Collector<'_>) -> usize {
    let outcome = json::walk(body, &mut |place, value| {
        let name = json::unescape(place.key());
        let Some(promise) = names::promise(&name) else { return };
        let at = || Place::Json(place.pointer());
        match value {
            json::Scalar::String(text) => {
                found.field(promise, at, &json::unescape(text));
            }
            // A PIN sent as a number. Under `pwd` and the like a number is rather a count.
            json::Scalar::Number(text) if promise == Promise::Password => {
                found.field(promise, at, text);
            }
            json::Scalar::Number(_) | json::Scalar::Word => {}
        }
    });
    outcome.read
}

/// `multipart/form-data` (RFC 7578): fields, not files. A part that was cut is left alone.
pub(super) fn multipart(content_type: &[u8], body: &[u8], found: &mut Collector<'_>) {
    let Some(boundary) = boundary(content_type) else { return };
    let mut delimiter = [0_u8; BOUNDARY_MAX + 2];
    let Some(delimiter) = delimiter.get_mut(..boundary.len() + 2) else { return };
    delimiter.fill(b'-');
    if let Some(rest) = delimiter.get_mut(2..) {
        rest.copy_from_slice(boundary);
    }
    let mut bounds =
        memchr::memmem::find_iter(body, &*delimiter).map(|at| (at, at + delimiter.len())).take(PARTS_MAX + 1);
    let Some((_, mut start)) = bounds.next() else { return };
    for (end, next) in bounds {
        if let Some(part) = body.get(start..end) {
            self::part(part, found);
        }
        start = next;
    }
}

fn part(part: &[u8], found: &mut Collector<'_>) {
    let head_max = part.get(..PART_HEAD_MAX.min(part.len())).unwrap_or_default();
    let Some(blank) = memchr::memmem::find(head_max, b"\r\n\r\n") else { return };
    let (Some(head), Some(value)) = (part.get(..blank), part.get(blank + 4..)) else { return };
    let disposition = head
        .split(|b| *b == b'\n')
        .find(|line| line.get(..20).is_some_and(|name| name.eq_ignore_ascii_case(b"content-disposition:")));
    let Some(disposition) = disposition.filter(|line| parameter(line, b"filename").is_none()) else { return };
    if let Some(name) = parameter(disposition, b"name")
        && let Some(promise) = names::promise(name)
    {
        let value = value.strip_suffix(b"\r\n").unwrap_or(value);
        found.field(promise, || Place::Form(redact::field_name(name).into()), value);
    }
}

fn boundary(content_type: &[u8]) -> Option<&[u8]> {
    parameter(content_type, b"boundary").filter(|boundary| (1..=BOUNDARY_MAX).contains(&boundary.len()))
}

/// The value of `; name=value` or `; name="value"`.
fn parameter<'a>(field: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    field.split(|b| *b == b';').skip(1).find_map(|parameter| {
        let parameter = parameter.trim_ascii();
        let (found, value) = parameter.split_at(memchr::memchr(b'=', parameter)?);
        let value = value.get(1..)?.trim_ascii();
        let plain =
            value.strip_prefix(b"\"").map_or(value, |value| value.split(|b| *b == b'"').next().unwrap_or(value));
        found.trim_ascii_end().eq_ignore_ascii_case(name).then_some(plain)
    })
}
