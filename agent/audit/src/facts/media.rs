//! What a body is.

use apiscope_wire::Body;
use apiscope_wire::http::coding::{Decoded, Outcome};

use super::{MediaKind, json};

/// How to read a body. Finer than [`MediaKind`], which is what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading<'a> {
    /// Not at all: in a content coding that is not known.
    Coded(MediaKind),
    /// Not at all: none, or of another kind.
    Other(MediaKind),
    /// JSON.
    Json,
    /// URL-encoded form.
    Form,
    /// Multipart form, with the whole field.
    Multipart(&'a [u8]),
    /// XML, HTML.
    Xml,
    /// Text without fields.
    Text,
}

impl Reading<'_> {
    pub(super) fn kind(self) -> MediaKind {
        match self {
            Self::Coded(kind) | Self::Other(kind) => kind,
            Self::Json => MediaKind::Json,
            Self::Form => MediaKind::Form,
            Self::Multipart(_) | Self::Xml | Self::Text => MediaKind::Other,
        }
    }
}

/// Whether it is HTML.
pub(super) fn is_page(content_type: &[u8]) -> bool {
    const PAGE: &[u8] = b"text/html";
    content_type.get(..PAGE.len()).is_some_and(|essence| essence.eq_ignore_ascii_case(PAGE))
}

/// Whether pages are made of it: scripts, style sheets, fonts, pictures.
pub(super) fn is_asset(content_type: &[u8]) -> bool {
    const TYPES: [&[u8]; 8] = [
        b"text/css",
        b"text/javascript",
        b"application/javascript",
        b"application/x-javascript",
        b"application/font-woff",
        b"application/font-woff2",
        b"application/x-font-ttf",
        b"application/vnd.ms-fontobject",
    ];
    let essence = content_type.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
    let begins = |start: &[u8]| essence.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start));
    begins(b"image/") || begins(b"font/") || TYPES.iter().any(|known| essence.eq_ignore_ascii_case(known))
}

/// By the Content-Type; by the first byte where that is absent, plain text, or curl's default form type.
pub(super) fn reading<'a>(content_type: &'a [u8], body: &Body<'_>, plain: Decoded<'_>) -> Reading<'a> {
    if body.data.is_empty() && matches!(body.total, None | Some(0)) {
        return Reading::Other(MediaKind::None);
    }
    let essence = content_type.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
    let kind = by_type(essence, content_type, plain.data);
    if plain.outcome == Outcome::Unknown { Reading::Coded(kind.kind()) } else { kind }
}

fn by_type<'a>(essence: &[u8], field: &'a [u8], data: &[u8]) -> Reading<'a> {
    let is = |name: &[u8]| essence.eq_ignore_ascii_case(name);
    let ends = |end: &[u8]| {
        essence
            .len()
            .checked_sub(end.len())
            .and_then(|at| essence.get(at..))
            .is_some_and(|tail| tail.eq_ignore_ascii_case(end))
    };
    let json = ends(b"/json") || ends(b"+json") || ends(b"/x-ndjson") || ends(b"/json-seq");
    let says_little = essence.is_empty() || is(b"text/plain") || is(b"application/x-www-form-urlencoded");
    if json || (says_little && json::looks_like(data)) {
        Reading::Json
    } else if is(b"application/x-www-form-urlencoded") {
        Reading::Form
    } else if is(b"multipart/form-data") {
        Reading::Multipart(field)
    } else if ends(b"/xml") || ends(b"+xml") || is(b"text/html") {
        if is(b"image/svg+xml") { Reading::Other(MediaKind::Other) } else { Reading::Xml }
    } else if is_text(essence) {
        if memchr::memchr(0, data.get(..64).unwrap_or(data)).is_some() {
            Reading::Other(MediaKind::Other)
        } else {
            Reading::Text
        }
    } else {
        Reading::Other(MediaKind::Other)
    }
}

/// Kinds of text that have no fields here. What has no type at all is text until a NUL says otherwise.
fn is_text(essence: &[u8]) -> bool {
    const TEXTS: &[&[u8]] = &[
        b"application/graphql",
        b"application/javascript",
        b"application/yaml",
        b"application/x-yaml",
        b"application/toml",
        b"application/sql",
        b"application/x-sh",
        b"application/pem-certificate-chain",
        b"application/x-pem-file",
    ];
    let text = essence.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"text/"));
    let css = essence.eq_ignore_ascii_case(b"text/css");
    essence.is_empty() || (text && !css) || TEXTS.iter().any(|known| essence.eq_ignore_ascii_case(known))
}
