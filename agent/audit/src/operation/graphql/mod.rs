//! GraphQL over HTTP: `query GetUser`, or the fields at the root where an operation has no name: `query (me,posts)`.
//!
//! Read are JSON with `query`, arrays of it, `application/graphql`, the multipart request specification, `GET ?query=`, and persisted
//! documents, of which only a hash and perhaps the operation's name are sent.

mod document;

use smallvec::SmallVec;
use smol_str::{SmolStr, format_smolstr};

use super::json::Value;
use super::name::{self, OTHER};
use super::{Answer, Look, Operation, Request, Seen};
use crate::exchange::Protocol;
use crate::facts::percent;

use self::document::{Document, Kind};

/// Fields at the root that are shown.
const FIELDS_SHOWN_MAX: usize = 4;
/// Digits of a persisted document's hash that are shown.
const HASH_SHOWN: usize = 8;
/// Errors of an answer that are looked at.
const ERRORS_MAX: usize = 16;
/// Shortest hash (SHA-256 has 64 digits, others of clients 32).
const HASH_MIN: usize = 32;

/// The operation of a JSON object, if it is GraphQL's.
pub(super) fn of_json(seen: &Seen<'_>, look: &Look<'_>) -> Option<Operation> {
    let name = seen.operation_name.and_then(Value::string);
    let name = name.as_deref();
    if let Some(query) = seen.query.filter(|query| query.text.starts_with(b"\"")) {
        return of_text(&query.string()?, name, query.ended, look);
    }
    let hash = seen.extensions.and_then(|extensions| persisted(extensions).and_then(Value::string));
    let id = || seen.document.and_then(Value::string);
    let hash = hash.or_else(id);
    let is_named = name.is_some_and(|name| !name.is_empty());
    // An object that says no more than `{"id": …}` is anything, elsewhere than at a path of GraphQL.
    let is_one = seen.extensions.is_some() || is_named || look.is_graphql_path;
    (hash.is_some() || (is_named && look.is_graphql_path)).then_some(())?;
    is_one.then(|| operation(persisted_name("persisted", name, hash.as_deref(), look), false))
}

/// The operation of `GET ?query=…`, or of a persisted document's hash there. Only a query may be asked for in this way.
pub(super) fn of_parameters(request: &Request<'_>, look: &Look<'_>) -> Option<Operation> {
    let (mut query, mut name, mut extensions) = (None, None, None);
    for pair in request.target.query.split(|byte| *byte == b'&').take(super::PARAMETERS_MAX) {
        let Some(at) = memchr::memchr(b'=', pair) else { continue };
        let (key, value) = (pair.get(..at)?, pair.get(at + 1..)?);
        let place = match key {
            b"query" => &mut query,
            b"operationName" => &mut name,
            b"extensions" => &mut extensions,
            _ => continue,
        };
        *place = Some(percent::decode(value, true));
    }
    let name = name.as_deref();
    if let Some(query) = query {
        return of_text(&query, name, true, look);
    }
    let extensions = extensions?;
    let hash = persisted(Value::of(&extensions)).and_then(Value::string)?;
    Some(operation(persisted_name(Kind::Query.name(), name, Some(&hash), look), false))
}

/// The operation of a document.
pub(super) fn of_text(text: &[u8], name: Option<&[u8]>, whole: bool, look: &Look<'_>) -> Option<Operation> {
    let Some(document) = Document::read(text, whole) else {
        // What is sent to a path of GraphQL is no plain call of it: the answer says whether there is such an operation.
        return look.is_graphql_path.then(|| operation(OTHER.into(), false));
    };
    let Some(found) = document.operation(name) else {
        return Some(operation(OTHER.into(), false));
    };
    let fields = document.fields(found);
    let introspects = fields.iter().any(|field| matches!(*field, b"__schema" | b"__type"));
    // Of a document that was cut, fields may be missing.
    let named = if whole { &fields[..] } else { &[] };
    let shown = found.kind.map_or_else(|| OTHER.into(), |kind| shown(kind, found.name, named, look));
    Some(operation(shown, introspects))
}

fn operation(name: SmolStr, introspects: bool) -> Operation {
    Operation { introspects, ..Operation::named(Protocol::GraphQl, name) }
}

fn shown(kind: Kind, name: &[u8], fields: &[&[u8]], look: &Look<'_>) -> SmolStr {
    let kind = kind.name();
    if !name.is_empty() {
        return name::after(kind, name, b"", look.known);
    }
    let first: SmallVec<[&[u8]; FIELDS_SHOWN_MAX]> = fields.iter().copied().take(FIELDS_SHOWN_MAX).collect();
    let names: Option<Vec<&str>> = first.iter().map(|field| name::accepted(field, b"", look.known)).collect();
    match names {
        Some(names) if !names.is_empty() => {
            let more = if fields.len() > FIELDS_SHOWN_MAX { ",…" } else { "" };
            format_smolstr!("{kind} ({}{more})", names.join(","))
        }
        Some(_) | None => format_smolstr!("{kind} {OTHER}"),
    }
}

/// `extensions.persistedQuery.sha256Hash`.
fn persisted(extensions: Value<'_>) -> Option<Value<'_>> {
    extensions.member(b"persistedQuery")?.member(b"sha256Hash")
}

/// Of a document that is not sent: its operation's name, or else the beginning of its hash.
fn persisted_name(kind: &str, name: Option<&[u8]>, hash: Option<&[u8]>, look: &Look<'_>) -> SmolStr {
    if let Some(name) = name.filter(|name| !name.is_empty()) {
        return name::after(kind, name, b"", look.known);
    }
    let is_hash = |hash: &&[u8]| {
        hash.len() >= HASH_MIN && hash.iter().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte))
    };
    let start = hash.filter(is_hash).and_then(|hash| std::str::from_utf8(hash.get(..HASH_SHOWN)?).ok());
    start.map_or_else(|| format_smolstr!("{kind} {OTHER}"), |start| format_smolstr!("{kind} {start}…"))
}

/// What a response says of each operation. `None`: it is no GraphQL, and so was none of the request.
///
/// `data` is there only where the execution began, and so the operation is one of the schema (specification §7.1.1). Some servers give
/// `null` with the errors of a request that they refused; an error of a field that made all of it `null` says which field (§7.1.2).
pub(super) fn answers(body: Value<'_>, whole: bool) -> Option<SmallVec<[Answer; 1]>> {
    let one = |value: Value<'_>, whole: bool| {
        let (mut has_data, mut has_errors, mut is_null, mut has_path) = (false, false, false, false);
        for (key, value) in value.members().take(super::json::MEMBERS_MAX) {
            has_data |= key == b"data";
            has_errors |= key == b"errors";
            is_null |= key == b"data" && value.text == b"null";
            has_path |=
                key == b"errors" && value.elements().take(ERRORS_MAX).any(|error| error.member(b"path").is_some());
        }
        has_data &= !(is_null && has_errors && !has_path);
        match (has_data, has_errors) {
            (true, _) => Some(Answer::Proves),
            (false, true) if whole => Some(Answer::Denies),
            (false, true) => Some(Answer::Unknown),
            (false, false) => (!whole).then_some(Answer::Unknown),
        }
    };
    if body.is_array() {
        return body.elements().take(super::OPERATIONS_MAX).map(|value| one(value, whole || value.ended)).collect();
    }
    Some(std::iter::once(one(body, whole)?).collect())
}

/// The JSON of a multipart request: its part `operations`.
pub(super) fn of_multipart<'a>(request: &Request<'a>) -> Option<&'a [u8]> {
    let parts = crate::facts::multipart::parts(request.content_type, request.body)?;
    parts.take(1).find(|part| part.name() == Some(b"operations")).map(|part| part.content)
}
