//! How what was seen differs from the document that was given.

use std::collections::BTreeMap;

use serde_json::Value;

use super::given::{self, escaped, resolve};
use super::operation::{Operation, auth_name};
use super::{Seen, Version, operations};
use crate::inventory::shape::segments;
use crate::schema::render::Parameter;
use crate::schema::{Part, Schema};

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// Path, as the document has it where it does.
    pub path: String,
    /// Method.
    pub method: String,
    /// What kind.
    pub kind: DifferenceKind,
    /// Which: a name, a status, a JSON pointer of a member.
    pub what: String,
    /// Calls of the endpoint.
    pub calls: u64,
    /// Where in the document it would belong, for a patch.
    pub(super) place: String,
}

/// The kinds of difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DifferenceKind {
    /// Called, and not in the document.
    OperationUndocumented,
    /// In the document, and not called.
    OperationUnseen,
    /// A parameter of the query or a header field of the API's own.
    ParameterUndocumented,
    /// A media type of requests.
    RequestMediaUndocumented,
    /// A member of a request's body.
    RequestFieldUndocumented,
    /// A status.
    StatusUndocumented,
    /// A media type of responses.
    ResponseMediaUndocumented,
    /// A member of a response's body.
    ResponseFieldUndocumented,
    /// Called without credentials, where the document asks for some.
    SecurityNotMet,
}

impl DifferenceKind {
    /// The name used in every output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OperationUndocumented => "operation-undocumented",
            Self::OperationUnseen => "operation-unseen",
            Self::ParameterUndocumented => "parameter-undocumented",
            Self::RequestMediaUndocumented => "request-media-type-undocumented",
            Self::RequestFieldUndocumented => "request-field-undocumented",
            Self::StatusUndocumented => "status-undocumented",
            Self::ResponseMediaUndocumented => "response-media-type-undocumented",
            Self::ResponseFieldUndocumented => "response-field-undocumented",
            Self::SecurityNotMet => "security-not-met",
        }
    }
}

/// Differences kept of one document.
pub const DIFFERENCES_MAX: usize = 10_000;
/// Deepest member that is compared.
const DEPTH_MAX: usize = 16;

/// All differences, by path and method. `given` is the document as JSON, `OpenAPI` 3.
pub fn diff(seen: &Seen<'_>, given: &Value) -> Vec<Difference> {
    let mut compare = Compare { given, all: Vec::new() };
    let routes = Routes::of(given);
    let mut called = Vec::new();
    for operation in operations(seen) {
        let method = operation.row.method.as_str().to_ascii_lowercase();
        if let Some(path) = routes.find(given, operation.route, &method) {
            called.push((path.clone(), method.clone()));
            compare.operation(&operation, &path, &method);
        } else {
            let path = routes.without_base(&operation.path.text);
            compare.add(&operation, &path, DifferenceKind::OperationUndocumented, String::new(), String::new());
        }
    }
    for (path, item) in given.get("paths").and_then(Value::as_object).into_iter().flatten() {
        for method in super::METHODS {
            let key = method.to_ascii_lowercase();
            if item.get(&key).is_some() && !called.contains(&(path.clone(), key)) {
                compare.all.push(Difference {
                    path: path.clone(),
                    method: method.to_owned(),
                    kind: DifferenceKind::OperationUnseen,
                    what: String::new(),
                    calls: 0,
                    place: String::new(),
                });
            }
        }
    }
    compare.all.sort();
    compare.all.dedup();
    compare.all.truncate(DIFFERENCES_MAX);
    compare.all
}

/// The document's paths, by what of them can be compared.
pub(super) struct Routes {
    /// Base paths of the servers.
    bases: Vec<String>,
    paths: BTreeMap<Vec<String>, String>,
}

impl Routes {
    pub(super) fn of(given: &Value) -> Self {
        let servers = given.get("servers").and_then(Value::as_array).into_iter().flatten();
        let urls = servers.filter_map(|server| server.get("url").and_then(Value::as_str));
        let mut bases: Vec<String> = urls.map(base).collect();
        bases.push(String::new());
        let paths = given.get("paths").and_then(Value::as_object).into_iter().flatten();
        Self { bases, paths: paths.map(|(path, _)| (key(path), path.clone())).collect() }
    }

    /// The document's path of a route that has this method; without the method, for what is undocumented, none.
    fn find(&self, given: &Value, route: &str, method: &str) -> Option<String> {
        self.path(route).filter(|path| {
            let item = given.get("paths").and_then(|paths| paths.get(path));
            item.is_some_and(|item| item.get(method).is_some())
        })
    }

    /// The document's path of a route.
    pub(super) fn path(&self, route: &str) -> Option<String> {
        let of_base = |base: &String| route.strip_prefix(base.as_str()).and_then(|rest| self.paths.get(&key(rest)));
        self.bases.iter().find_map(of_base).cloned()
    }

    /// A path as it would stand in the document.
    pub(super) fn without_base(&self, path: &str) -> String {
        if let Some(known) = self.path(path) {
            return known;
        }
        let rest =
            self.bases.iter().find_map(|base| path.strip_prefix(base.as_str()).filter(|rest| rest.starts_with('/')));
        rest.unwrap_or(path).to_owned()
    }
}

/// A path without the names of its variables.
fn key(path: &str) -> Vec<String> {
    let plain = |segment: &str| {
        let mut plain = String::new();
        let mut inside = false;
        for c in segment.chars() {
            inside = (inside || c == '{') && c != '}';
            if !inside || c == '{' {
                plain.push(c);
            }
        }
        plain
    };
    segments(path).map(plain).collect()
}

/// The path of a server's URL, without a slash at its end.
fn base(url: &str) -> String {
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default(),
        None => url,
    };
    path.trim_end_matches('/').to_owned()
}

struct Compare<'g> {
    given: &'g Value,
    all: Vec<Difference>,
}

impl Compare<'_> {
    fn add(&mut self, operation: &Operation<'_>, path: &str, kind: DifferenceKind, what: String, place: String) {
        self.all.push(Difference {
            path: path.to_owned(),
            method: operation.row.method.to_string(),
            kind,
            what,
            calls: operation.row.calls,
            place,
        });
    }

    fn operation(&mut self, operation: &Operation<'_>, path: &str, method: &str) {
        let item = format!("/paths/{}", escaped(path));
        let pointer = format!("{item}/{method}");
        self.parameters(operation, path, &item, &pointer);
        self.bodies(operation, path, &pointer);
        self.responses(operation, path, &pointer);
        self.security(operation, path, &pointer);
    }

    fn parameters(&mut self, operation: &Operation<'_>, path: &str, item: &str, pointer: &str) {
        let mut known = Vec::new();
        for list in [format!("{item}/parameters"), format!("{pointer}/parameters")] {
            let length = self.given.pointer(&list).and_then(Value::as_array).map_or(0, Vec::len);
            for at in 0..length {
                let Some((_, parameter)) = resolve(self.given, &format!("{list}/{at}")) else { continue };
                let text = |key: &str| parameter.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
                known.push((text("in"), text("name")));
            }
        }
        let style = Version::V31.style();
        for (place, part) in [("query", Part::Query), ("header", Part::RequestHeaders)] {
            for Parameter { name, .. } in operation.fields(part, style) {
                let is_it = |(known_in, known): &(String, String)| {
                    known_in == place
                        && if place == "header" {
                            known.eq_ignore_ascii_case(&name)
                        } else {
                            is_parameter(known, &name)
                        }
                };
                // A key in the query is a matter of security.
                let is_key = (place == "query") && crate::facts::is_telling(name.as_bytes());
                if !known.iter().any(is_it) && !is_key {
                    let kind = DifferenceKind::ParameterUndocumented;
                    self.add(operation, path, kind, format!("{place} {name}"), format!("{pointer}/parameters"));
                }
            }
        }
    }

    fn bodies(&mut self, operation: &Operation<'_>, path: &str, pointer: &str) {
        let body = resolve(self.given, &format!("{pointer}/requestBody")).map(|(pointer, _)| pointer);
        let body = body.unwrap_or_else(|| format!("{pointer}/requestBody"));
        for ((_, media), schema) in operation.parts(Part::RequestBody) {
            let kinds = (DifferenceKind::RequestMediaUndocumented, DifferenceKind::RequestFieldUndocumented);
            self.content(operation, path, &body, (&media, &schema), "", kinds);
        }
    }

    fn responses(&mut self, operation: &Operation<'_>, path: &str, pointer: &str) {
        let responses = format!("{pointer}/responses");
        let bodies = operation.parts(Part::ResponseBody);
        for status in operation.statuses().into_keys() {
            let range = format!("{}XX", status / 100);
            let names = [status.to_string(), range, "default".to_owned()];
            let known = names.iter().find_map(|name| resolve(self.given, &format!("{responses}/{name}")));
            // Of a status nobody needs to document: the gateway's, and what says nothing of the operation.
            let Some((response, _)) = known else {
                if !matches!(status, 304 | 404 | 405 | 429 | 500..=599) {
                    let place = format!("{responses}/{status}");
                    self.add(operation, path, DifferenceKind::StatusUndocumented, status.to_string(), place);
                }
                continue;
            };
            let kinds = (DifferenceKind::ResponseMediaUndocumented, DifferenceKind::ResponseFieldUndocumented);
            for ((_, media), schema) in bodies.iter().filter(|((of, _), _)| *of == status) {
                self.content(operation, path, &response, (media, schema), &format!("{status} "), kinds);
            }
        }
    }

    /// A body that was seen beside the content that stands at `pointer`.
    fn content(
        &mut self,
        operation: &Operation<'_>,
        path: &str,
        pointer: &str,
        (media, schema): (&str, &Schema),
        prefix: &str,
        (media_kind, field_kind): (DifferenceKind, DifferenceKind),
    ) {
        if media.is_empty() {
            return;
        }
        let content = self.given.pointer(&format!("{pointer}/content")).and_then(Value::as_object);
        let known = content.into_iter().flatten().find(|(known, _)| is_media(known, media));
        let Some((known, _)) = known else {
            return self.add(
                operation,
                path,
                media_kind,
                format!("{prefix}{media}"),
                format!("{pointer}/content/{}", escaped(media)),
            );
        };
        let rendered = schema.render(Version::V31.style());
        let place = format!("{pointer}/content/{}/schema", escaped(known));
        let mut missing = Vec::new();
        fields(self.given, &place, &rendered, "", 0, &mut missing);
        for (field, place) in missing {
            self.add(operation, path, field_kind, format!("{prefix}{field}"), place);
        }
    }

    fn security(&mut self, operation: &Operation<'_>, path: &str, pointer: &str) {
        let asked = self.given.pointer(&format!("{pointer}/security")).or_else(|| self.given.get("security"));
        let Some(asked) = asked.and_then(Value::as_array).filter(|asked| !asked.is_empty()) else { return };
        if asked.iter().any(|way| way.as_object().is_some_and(serde_json::Map::is_empty)) {
            return;
        }
        let without = operation.row.by_auth.get(&None).copied().unwrap_or(0);
        // What was refused is as it should be.
        let refused = operation.row.by_class.get(3).copied().unwrap_or(0);
        if without > refused {
            let what = format!("{} of {} calls without credentials", auth_calls(operation), operation.row.calls);
            self.add(operation, path, DifferenceKind::SecurityNotMet, what, String::new());
        }
    }
}

fn auth_calls(operation: &Operation<'_>) -> u64 {
    operation.row.by_auth.iter().filter(|(kind, _)| auth_name(**kind) == "none").map(|(_, calls)| *calls).sum()
}

/// `filter[x]` is described by `filter`, as an object.
fn is_parameter(known: &str, name: &str) -> bool {
    known == name || name.split_once('[').is_some_and(|(stem, _)| stem == known || format!("{stem}[]") == known)
}

fn is_media(known: &str, seen: &str) -> bool {
    let known = known.split(';').next().unwrap_or_default().trim();
    let is_range = |range: &str| {
        known == "*/*" || known.strip_suffix("/*").is_some_and(|kind| range.split('/').next() == Some(kind))
    };
    known.eq_ignore_ascii_case(seen) || is_range(seen)
}

/// Members of a learnt schema that the given one does not describe, with the place where they would be.
fn fields(given: &Value, pointer: &str, learnt: &Value, at: &str, depth: usize, missing: &mut Vec<(String, String)>) {
    if depth > DEPTH_MAX || missing.len() >= DIFFERENCES_MAX {
        return;
    }
    for kind in ["oneOf", "anyOf"].iter().filter_map(|key| learnt.get(key)).filter_map(Value::as_array).flatten() {
        fields(given, pointer, kind, at, depth + 1, missing);
    }
    for (name, inner) in learnt.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let here = format!("{at}/{}", escaped(name));
        match given::property(given, pointer, name) {
            Ok(Some(place)) => fields(given, &place, inner, &here, depth + 1, missing),
            Ok(None) => {}
            Err(place) => {
                let place = place.map_or_else(String::new, |place| format!("{place}/properties/{}", escaped(name)));
                missing.push((here, place));
            }
        }
    }
    if let Some(items) = learnt.get("items") {
        for (place, schema) in given::alternatives(given, pointer) {
            if schema.get("items").is_some() {
                fields(given, &format!("{place}/items"), items, &format!("{at}/-"), depth + 1, missing);
            }
        }
    }
}

/// As text, one line a difference; empty where there is none.
pub fn text(differences: &[Difference]) -> String {
    let mut text = String::new();
    for Difference { path, method, kind, what, calls, .. } in differences {
        let what = if what.is_empty() { String::new() } else { format!(": {what}") };
        let calls = if *kind == DifferenceKind::OperationUnseen { String::new() } else { format!(" ({calls} calls)") };
        text.extend([kind.name(), " ", method, " ", path, &what, &calls, "\n"]);
    }
    text
}

/// As JSON.
pub fn json(differences: &[Difference]) -> Value {
    let one = |difference: &Difference| {
        serde_json::json!({
            "kind": difference.kind.name(),
            "method": difference.method,
            "path": difference.path,
            "what": if difference.what.is_empty() { Value::Null } else { difference.what.as_str().into() },
            "calls": difference.calls,
        })
    };
    serde_json::json!({"differences": differences.iter().map(one).collect::<Vec<_>>()})
}

pub(super) fn style(given: &Value) -> Version {
    let is_old = given.get("openapi").and_then(Value::as_str).is_some_and(|version| version.starts_with("3.0"));
    if is_old { Version::V30 } else { Version::V31 }
}
