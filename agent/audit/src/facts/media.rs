//! What a body is.

use apiscope_wire::http::coding::{Decoded, Outcome};
use apiscope_wire::{Body, Headers};

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
}

impl Reading<'_> {
    pub(super) fn kind(self) -> MediaKind {
        match self {
            Self::Coded(kind) | Self::Other(kind) => kind,
            Self::Json => MediaKind::Json,
            Self::Form => MediaKind::Form,
            Self::Multipart(_) => MediaKind::Other,
        }
    }
}

/// By the Content-Type; by the first byte where that is absent, plain text, or curl's default form type.
pub(super) fn reading<'a>(headers: Headers<'a>, body: &Body<'_>, plain: Decoded<'_>) -> Reading<'a> {
    if body.data.is_empty() && matches!(body.total, None | Some(0)) {
        return Reading::Other(MediaKind::None);
    }
    let field = headers.first("content-type").unwrap_or_default();
    let essence = field.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
    let kind = by_type(essence, field, plain.data);
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
    } else {
        Reading::Other(MediaKind::Other)
    }
}
