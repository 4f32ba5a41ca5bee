//! What was seen of an API as an `OpenAPI` document, and how it differs from the documents that were given.
//!
//! Pure: values in, values out; the same input gives the same bytes. It writes no value from traffic, for there is none in what it is
//! given. What is only likely is not claimed: a member is required where enough messages had it, each of them, and everything that `OpenAPI`
//! has no word for stands under `x-apiscope-`.

pub mod diff;
mod example;
mod given;
mod operation;
mod patch;
mod share;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use apiscope_wire::Timestamp;
use serde_json::{Map, Value, json};

use crate::exchange::Method;
use crate::inventory::EndpointRow;
use crate::schema::EndpointSchemas;
use crate::schema::render::Style;

pub use given::Given;
pub use patch::patched;

use operation::Operation;

/// Which `OpenAPI`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 3.0.3.
    V30,
    /// 3.1.0.
    V31,
}

impl Version {
    const fn style(self, strict: bool) -> Style {
        Style { modern: matches!(self, Self::V31), strict }
    }
}

/// What was seen of an API.
pub struct Seen<'a> {
    /// Its name.
    pub api: &'a str,
    /// Its endpoints, uncalled ones of its document too, with what is known of their bodies and parameters.
    pub endpoints: Vec<(&'a EndpointRow, Option<&'a EndpointSchemas>)>,
    /// Bytes at the sockets, and those of them that were read.
    pub bytes: Option<(u64, u64)>,
    /// A time as text.
    pub time: &'a dyn Fn(Timestamp) -> String,
}

/// Methods that a path item has a member for.
const METHODS: [&str; 8] = ["GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"];

/// The document. Endpoints that were never called are left out. `strict`: schemas allow nothing but what was seen (see [`Style::strict`]).
pub fn document(seen: &Seen<'_>, version: Version, strict: bool) -> Value {
    let mut document = inline(seen, version.style(strict));
    share::share(&mut document);
    document
}

/// As [`document`], each schema where it is used.
fn inline(seen: &Seen<'_>, style: Style) -> Value {
    let mut paths = Map::new();
    let mut ids = BTreeSet::new();
    let (mut schemes, mut tags) = (BTreeMap::new(), BTreeSet::new());
    let mut left_out = Vec::new();
    for operation in operations(seen) {
        let (path, method) = (operation.path.text.clone(), operation.row.method.as_str());
        let item = paths.entry(path).or_insert_with(|| json!({}));
        let key = method.to_ascii_lowercase();
        if !METHODS.contains(&method) || item.get(&key).is_some() {
            left_out.push(json!({"method": method, "route": &*operation.row.route, "calls": operation.row.calls}));
            continue;
        }
        let value = operation.value(seen, style, &mut ids, &mut schemes);
        tags.extend(operation.tag());
        if let Some(item) = item.as_object_mut() {
            item.insert(key, value);
        }
    }
    paths.retain(|_, item| item.as_object().is_some_and(|item| !item.is_empty()));
    let mut document = json!({
        "openapi": if style.modern { "3.1.0" } else { "3.0.3" },
        "info": info(seen),
        "servers": servers(seen),
        "paths": paths,
    });
    let mut add = |key: &str, value: Value| {
        if let Some(document) = document.as_object_mut() {
            document.insert(key.to_owned(), value);
        }
    };
    if !tags.is_empty() {
        add("tags", tags.into_iter().map(|name| json!({"name": name})).collect());
    }
    if !schemes.is_empty() {
        add("components", json!({"securitySchemes": schemes}));
    }
    if !left_out.is_empty() {
        add("x-apiscope-left-out", json!(left_out));
    }
    document
}

/// Called operations, in a stable order.
fn operations<'a>(seen: &Seen<'a>) -> Vec<Operation<'a>> {
    let called = seen.endpoints.iter().filter(|(row, _)| row.calls > 0 && row.route.starts_with('/'));
    let mut called: Vec<_> = called.copied().collect();
    called.sort_by(|(a, _), (b, _)| (&a.route, &a.method).cmp(&(&b.route, &b.method)));
    let mut operations: Vec<Operation<'a>> = Vec::new();
    let mut places: BTreeMap<(&str, &Method), usize> = BTreeMap::new();
    for (row, schemas) in called {
        let place = (operation::route(row).0, &row.method);
        if let Some(known) = places.get(&place).and_then(|at| operations.get_mut(*at)) {
            known.add(row, schemas);
        } else {
            places.insert(place, operations.len());
            operations.push(Operation::new(row, schemas));
        }
    }
    operations
}

fn info(seen: &Seen<'_>) -> Value {
    let mut info = json!({
        "title": seen.api,
        "version": "seen",
        "description": "Made by apiscope from what was seen in traffic. What nobody called is not in it, and what was never sent is unknown.",
    });
    if let (Some((socket, read)), Some(info)) = (seen.bytes, info.as_object_mut()) {
        info.insert("x-apiscope-coverage".into(), json!({"socket_bytes": socket, "read_bytes": read}));
    }
    info
}

fn servers(seen: &Seen<'_>) -> Value {
    let all: BTreeSet<&str> =
        seen.endpoints.iter().filter_map(|(_, schemas)| *schemas).flat_map(EndpointSchemas::servers).collect();
    let all: Vec<Value> = all.into_iter().take(16).map(|url| json!({"url": url})).collect();
    if all.is_empty() { json!([{"url": "/"}]) } else { json!(all) }
}

/// As YAML.
pub fn yaml(document: &Value) -> Result<String, String> {
    serde_saphyr::to_string(document).map_err(|error| error.to_string())
}

/// From YAML.
pub fn from_yaml(text: &str) -> Result<Value, String> {
    serde_saphyr::from_str(text).map_err(|error| error.to_string())
}
