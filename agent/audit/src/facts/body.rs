//! Credentials and data in bodies and queries: JSON members, form fields, parts of multipart forms, XML elements, query parameters.

use crate::secret::Fingerprint;

use super::collect::{Collector, Rank};
use super::data::topic::{self, Topic};
use super::data::{self, At, Finder};
use super::names::{self, Promise};
use super::scan::Marks;
use super::{AuthKind, CredentialKind, Names, Place, json, multipart, percent, redact, xml};

/// What is found in a body or a query: credentials of a request, and data of either side.
pub(super) struct Found<'f, 'k> {
    /// Of a request.
    pub credentials: Option<&'f mut Collector<'k>>,
    pub data: &'f mut Finder<'k>,
    /// Names of members and parameters.
    pub names: &'f mut Names,
}

impl Found<'_, '_> {
    /// A field's plain value: data, and what a request's field promises by name is no secret that leaked.
    fn data(&mut self, topic: Option<Topic>, value: &[u8], marks: Marks, at: &At<'_>) {
        let topic = topic.filter(|topic| self.credentials.is_none() || !topic.is_secret());
        self.data.value(topic, value, marks, at);
    }

    /// A field of a form or a query.
    fn field(&mut self, name: &[u8], value: &[u8], place: &dyn Fn() -> Place) -> Option<(Promise, Kept)> {
        *self.names |= name_bit(name);
        let marks = Marks::of(value);
        let topic = topic::of(name);
        if marks.any() || topic.is_some() {
            self.data(topic, value, marks, &At { id: data::place_id(std::iter::once(name)), place });
        }
        let found = self.credentials.as_deref_mut()?;
        let promise = names::promise(name)?;
        Some((promise, found.field(promise, place, value)?))
    }
}

/// The kind of a field's credential, if it is one, and its fingerprint.
type Kept = (Option<CredentialKind>, Fingerprint);

/// Query of a request.
pub(super) fn query(query: &[u8], found: &mut Found<'_, '_>) {
    if query.is_empty() {
        return;
    }
    for pair in query.split(|b| *b == b'&') {
        let Some((name, value)) = named(pair) else { continue };
        let value = percent::decode(value, true);
        let place = || Place::Query(redact::field_name(&name).into());
        let Some((promise, (kind, fingerprint))) = found.field(&name, &value, &place) else { continue };
        let declared = matches!(promise, Promise::ApiKey | Promise::Token);
        let Some(credentials) = found.credentials.as_deref_mut() else { continue };
        if declared || matches!(kind, Some(CredentialKind::ApiKey | CredentialKind::Bearer)) {
            credentials.auth(AuthKind::ApiKeyQuery);
            let bearer = kind == Some(CredentialKind::Bearer);
            if bearer {
                credentials.token(place, fingerprint, &value);
            }
            credentials.consumer(if bearer { Rank::Bearer } else { Rank::ApiKey }, fingerprint);
        }
    }
}

/// The path of a request: secrets and addresses in it.
pub(super) fn path(path: &[u8], found: &mut Found<'_, '_>) {
    let plain = percent::decode(path, false);
    if Marks::of(&plain).any() {
        found.data.text(&plain, &At { id: 0, place: &|| Place::Path });
    }
}

/// `application/x-www-form-urlencoded`. The last value of a body that was cut may be cut itself, and is left alone.
pub(super) fn form(body: &[u8], whole: bool, found: &mut Found<'_, '_>) {
    let mut pairs = body.split(|b| *b == b'&').peekable();
    while let Some(pair) = pairs.next() {
        let complete = whole || pairs.peek().is_some();
        let Some((name, value)) = named(pair).filter(|_| complete) else { continue };
        let place = || Place::Form(redact::field_name(&name).into());
        found.field(&name, &percent::decode(value.trim_ascii_end(), true), &place);
    }
}

/// XML and HTML: elements and attributes.
pub(super) fn xml(body: &[u8], found: &mut Found<'_, '_>) {
    xml::walk(body, &mut |name, value| {
        let place = || if name.is_empty() { Place::Text } else { Place::Element(redact::field_name(name).into()) };
        found.field(name, value, &place);
    });
}

/// Text without fields.
pub(super) fn text(body: &[u8], found: &mut Found<'_, '_>) {
    found.data.text(body, &At { id: 0, place: &|| Place::Text });
}

/// One of 128 bits for a name: quick, and the same for the same name.
#[inline]
fn name_bit(name: &[u8]) -> Names {
    let (Some(&first), Some(&middle), Some(&last)) = (name.first(), name.get(name.len() / 2), name.last()) else {
        return 1;
    };
    let mixed = u32::from_le_bytes([first, middle, last, name.len().to_le_bytes()[0]]).wrapping_mul(0x9e37_79b1);
    1 << (mixed >> 25)
}

fn named(pair: &[u8]) -> Option<(percent::Plain<'_>, &[u8])> {
    let at = memchr::memchr(b'=', pair)?;
    Some((percent::decode(pair.get(..at)?, true), pair.get(at + 1..)?))
}

/// JSON. Gives the bytes read and the records.
pub(super) fn json(body: &[u8], found: &mut Found<'_, '_>) -> json::Outcome {
    json::walk(body, &mut Members { found, nested: false })
}

/// Takes the members whose names promise something, and the values that hold a mark.
struct Members<'f, 'g, 'k> {
    found: &'f mut Found<'g, 'k>,
    /// In a string of another JSON: it is not looked for a third.
    nested: bool,
}

impl<'a> json::Visit<'a> for Members<'_, '_, '_> {
    #[inline]
    fn wants(&mut self, key: &'a [u8], escapes: bool) -> bool {
        *self.found.names |= name_bit(key);
        if escapes { topic::of(&json::unescape(key)).is_some() } else { topic::of(key).is_some() }
    }

    fn value(&mut self, place: &json::Place<'_, 'a>, value: json::Scalar<'a>, marks: Marks) {
        let key = json::unescape(place.key());
        match value {
            json::Scalar::String(text) => self.member(place, &key, &json::unescape(text), marks, true),
            json::Scalar::Number(text) => self.member(place, &key, text, marks, false),
            json::Scalar::Word(_) => {}
        }
    }
}

impl<'a> Members<'_, '_, '_> {
    fn member(&mut self, place: &json::Place<'_, 'a>, key: &[u8], value: &[u8], marks: Marks, string: bool) {
        if string && marks.any() && !self.nested && json::looks_like(value) {
            let inner = json::walk(value, &mut Members { found: &mut *self.found, nested: true });
            if inner.whole {
                return;
            }
        }
        let at = At { id: data::place_id(place.names()), place: &|| Place::Json(place.pointer()) };
        self.found.data(topic::of(key), value, marks, &at);
        // A PIN sent as a number. Under `pwd` and the like a number is rather a count.
        if let Some(found) = self.found.credentials.as_deref_mut()
            && let Some(promise) = names::promise(key).filter(|promise| string || *promise == Promise::Password)
            && place.is_member()
        {
            found.field(promise, at.place, value);
        }
    }
}

/// `multipart/form-data` (RFC 7578): fields, not files. A part that was cut is left alone.
pub(super) fn multipart(content_type: &[u8], body: &[u8], found: &mut Found<'_, '_>) {
    for part in multipart::parts(content_type, body).into_iter().flatten() {
        if let Some(name) = part.name() {
            found.field(name, part.content, &|| Place::Form(redact::field_name(name).into()));
        }
    }
}
