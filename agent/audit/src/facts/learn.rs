//! A sample of one message for the schemas: body, query and header fields of note.

use apiscope_wire::http::coding::Decoded;
use apiscope_wire::{Header, Headers, Message, Start};
use smol_str::SmolStr;

use crate::schema::{FIELDS_MAX, Field, Sample, Schema, Taker, fields};

use super::media::{self, Reading};
use super::target::Target;
use super::{Facts, MediaKind, multipart, names, proof};

/// Longest media type.
const MEDIA_MAX: usize = 64;
/// Header fields of one message.
const HEADERS_MAX: usize = 16;

/// Takes a sample. `facts` says which places hold secrets or personal data. The second is `false` where the body was not whole: then
/// nothing is said of it but its type.
pub(crate) fn sample(
    message: &Message<'_>,
    plain: Decoded<'_>,
    target: &Target<'_>,
    facts: &Facts,
    taker: &mut Taker<'_>,
) -> (Sample, bool) {
    let content_type = message.headers.first("content-type").unwrap_or_default();
    let reading = media::reading(content_type, &message.body, plain);
    let is_request = matches!(message.start, Start::Request { .. });
    let (body, is_whole) = body(reading, content_type, message, plain, taker);
    let mut sample = Sample {
        seen: taker.seen,
        query: if is_request { form(target.query, taker) } else { None },
        headers: headers(message.headers, is_request, taker),
        body,
    };
    for place in facts.credentials.iter().map(|one| &one.place).chain(facts.exposures.iter().map(|one| &one.place)) {
        sample.silence(place);
    }
    (sample, is_whole)
}

fn body(
    reading: Reading<'_>,
    content_type: &[u8],
    message: &Message<'_>,
    plain: Decoded<'_>,
    taker: &mut Taker<'_>,
) -> (Option<(SmolStr, Schema)>, bool) {
    let schema = match reading {
        Reading::Other(MediaKind::None) => return (None, true),
        Reading::Json => taker.json(plain.data),
        Reading::Form if message.body.is_whole() => form(plain.data, taker),
        Reading::Multipart(content_type) if message.body.is_whole() => parts(content_type, plain.data, taker),
        Reading::Form | Reading::Multipart(_) => None,
        Reading::Coded(_) | Reading::Xml | Reading::Text | Reading::Other(_) => Some(Schema::opaque(taker.seen)),
    };
    let is_whole = schema.is_some();
    let schema = schema.unwrap_or(Schema::unknown());
    let fallback = match reading {
        Reading::Json => "application/json",
        Reading::Form => "application/x-www-form-urlencoded",
        Reading::Multipart(_) => "multipart/form-data",
        _ => "application/octet-stream",
    };
    (Some((media_type(content_type).unwrap_or(SmolStr::new_static(fallback)), schema)), is_whole)
}

fn form(text: &[u8], taker: &mut Taker<'_>) -> Option<Schema> {
    let pairs: Vec<_> = fields(text).collect();
    taker.fields(pairs.iter().map(|(name, value)| (&**name, Field::Text(value))), FIELDS_MAX)
}

/// A multipart form.
fn parts(content_type: &[u8], body: &[u8], taker: &mut Taker<'_>) -> Option<Schema> {
    let fields = multipart::parts(content_type, body)?.filter_map(|part| {
        let (name, is_file) = part.field()?;
        Some((name, if is_file { Field::File } else { Field::Text(part.content) }))
    });
    taker.fields(fields, FIELDS_MAX)
}

/// Without parameters, in lower case; `None` for what is none.
fn media_type(field: &[u8]) -> Option<SmolStr> {
    let essence = field.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"/+.-_".contains(byte);
    let is_one = essence.len() <= MEDIA_MAX
        && essence.iter().all(token)
        && memchr::memchr_iter(b'/', essence).count() == 1
        && !essence.starts_with(b"/")
        && !essence.ends_with(b"/")
        && !proof::is_secret_alone(essence);
    let text = std::str::from_utf8(essence).ok().filter(|_| is_one)?;
    Some(SmolStr::new(text.to_ascii_lowercase()))
}

/// Header fields of an API's own making, and those of the standard that say what it can do.
fn headers(headers: Headers<'_>, is_request: bool, taker: &mut Taker<'_>) -> Option<Schema> {
    let of_note = if is_request { REQUEST } else { RESPONSE };
    let named: Vec<(String, &[u8])> = headers
        .iter()
        .map(|Header { name, value }| (name.to_ascii_lowercase(), value.trim_ascii()))
        .filter(|(name, _)| of_note.contains(&&**name) || is_own(name))
        .collect();
    taker.fields(named.iter().map(|(name, value)| (name.as_bytes(), Field::Text(value))), HEADERS_MAX)
}

const REQUEST: &[&str] = &[
    "accept-language",
    "accept-version",
    "api-version",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "prefer",
];
const RESPONSE: &[&str] = &[
    "content-disposition",
    "deprecation",
    "etag",
    "link",
    "location",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "retry-after",
    "sunset",
    "www-authenticate",
];
/// Fields of proxies, clients and servers: nothing of the API.
const NOT_OWN: &[&str] = &[
    "x-amz",
    "x-b3-",
    "x-cache",
    "x-client-",
    "x-cloud",
    "x-cluster",
    "x-content-type-options",
    "x-correlation-id",
    "x-datadog-",
    "x-envoy-",
    "x-forwarded-",
    "x-frame-options",
    "x-http-method",
    "x-original-",
    "x-powered-by",
    "x-real-ip",
    "x-request-id",
    "x-requested-with",
    "x-runtime",
    "x-served-by",
    "x-timer",
    "x-trace",
    "x-varnish",
    "x-via",
    "x-xss-protection",
];

fn is_own(name: &str) -> bool {
    name.starts_with("x-")
        && !NOT_OWN.iter().any(|start| name.starts_with(start))
        && !names::is_api_key_header(name)
        && names::promise(name.as_bytes()).is_none()
}
