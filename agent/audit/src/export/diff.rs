//! How what was seen differs from the documents that were given.

use std::collections::BTreeSet;

use serde_json::Value;

use super::given::{self, Found, Given, escaped, resolve};
use super::operation::{Operation, auth_name};
use super::{Seen, Version, operations};
use crate::schema::render::{Parameter, Style};
use crate::schema::{Part, Schema};

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// Of which document, by number: the one that has the operation, or would have it by its base path.
    pub document: usize,
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
    /// Where in the document it would belong, for a patch; empty: nowhere.
    pub(super) place: String,
    /// The operation as it was learnt.
    pub(super) learnt: Option<Learnt>,
}

/// Method in small letters, and path, of an operation in the document that is made of what was seen.
pub(super) type Learnt = (String, String);

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

/// Differences kept.
pub const DIFFERENCES_MAX: usize = 10_000;
/// Deepest member that is compared.
const DEPTH_MAX: usize = 16;

/// All differences, by document, path and method.
pub fn diff(seen: &Seen<'_>, given: &Given) -> Vec<Difference> {
    let mut all = Vec::new();
    let mut called = BTreeSet::new();
    for operation in operations(seen) {
        let method = &operation.row.method;
        if let Some(found) = given.find(method, operation.route) {
            called.insert((found.document, found.pointer.clone()));
            let is_head = method.as_str() == "HEAD" && !found.pointer.ends_with("/head");
            // It is its path's GET: nothing else is said of it.
            if !is_head {
                Compare { given: given.tree(found.document), found: &found, all: &mut all }.operation(&operation);
            }
        } else {
            all.push(undocumented(&operation, given));
        }
    }
    for (method, found) in given.operations() {
        if !called.contains(&(found.document, found.pointer.clone())) {
            all.push(Difference {
                document: found.document,
                path: found.path,
                method: method.to_string(),
                kind: DifferenceKind::OperationUnseen,
                what: String::new(),
                calls: 0,
                place: String::new(),
                learnt: None,
            });
        }
    }
    all.sort();
    all.dedup();
    all.truncate(DIFFERENCES_MAX);
    all
}

fn undocumented(operation: &Operation<'_>, given: &Given) -> Difference {
    let (document, place) = given.place(&operation.row.method, operation.route);
    let method = operation.row.method.as_str().to_ascii_lowercase();
    // What is below no base path of the document has no place in it.
    let (path, item) = place.unwrap_or_else(|| (operation.path.text.clone(), String::new()));
    let is_there = !item.is_empty() && !given::is_elsewhere(&item);
    Difference {
        document,
        path,
        method: operation.row.method.to_string(),
        kind: DifferenceKind::OperationUndocumented,
        what: String::new(),
        calls: operation.row.calls,
        place: if is_there { format!("{item}/{method}") } else { String::new() },
        learnt: Some((method, operation.path.text.clone())),
    }
}

/// An operation of the documents beside the same as it was seen.
struct Compare<'g> {
    /// The document that it stands in.
    given: &'g Value,
    found: &'g Found,
    all: &'g mut Vec<Difference>,
}

impl Compare<'_> {
    fn add(&mut self, operation: &Operation<'_>, kind: DifferenceKind, what: String, place: String) {
        self.all.push(Difference {
            document: self.found.document,
            path: self.found.path.clone(),
            method: operation.row.method.to_string(),
            kind,
            what,
            calls: operation.row.calls,
            place: if given::is_elsewhere(&place) { String::new() } else { place },
            learnt: Some((operation.row.method.as_str().to_ascii_lowercase(), operation.path.text.clone())),
        });
    }

    fn operation(&mut self, operation: &Operation<'_>) {
        self.parameters(operation);
        self.bodies(operation);
        self.responses(operation);
        self.security(operation);
    }

    fn parameters(&mut self, operation: &Operation<'_>) {
        let (item, pointer) = (self.found.item(), &self.found.pointer);
        let mut known = Vec::new();
        for list in [format!("{item}/parameters"), format!("{pointer}/parameters")] {
            let length = self.given.pointer(&list).and_then(Value::as_array).map_or(0, Vec::len);
            for at in 0..length {
                let Some((_, parameter)) = resolve(self.given, &format!("{list}/{at}")) else { continue };
                let text = |key: &str| parameter.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
                known.push((text("in"), text("name")));
            }
        }
        let style = Version::V31.style(false);
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
                    self.add(operation, kind, format!("{place} {name}"), format!("{pointer}/parameters"));
                }
            }
        }
    }

    fn bodies(&mut self, operation: &Operation<'_>) {
        let pointer = &self.found.pointer;
        let body = resolve(self.given, &format!("{pointer}/requestBody")).map(|(pointer, _)| pointer);
        let body = body.unwrap_or_else(|| format!("{pointer}/requestBody"));
        for ((_, media), schema) in operation.parts(Part::RequestBody) {
            let kinds = (DifferenceKind::RequestMediaUndocumented, DifferenceKind::RequestFieldUndocumented);
            self.content(operation, &body, (&media, &schema), "", kinds);
        }
    }

    fn responses(&mut self, operation: &Operation<'_>) {
        let responses = format!("{}/responses", self.found.pointer);
        let bodies = operation.parts(Part::ResponseBody);
        for status in operation.statuses().into_keys() {
            let range = format!("{}XX", status / 100);
            let names = [status.to_string(), range, "default".to_owned()];
            let known = names.iter().find_map(|name| resolve(self.given, &format!("{responses}/{name}")));
            // Of a status nobody needs to document: the gateway's, and what says nothing of the operation.
            let Some((response, _)) = known else {
                if !matches!(status, 304 | 404 | 405 | 429 | 500..=599) {
                    let place = format!("{responses}/{status}");
                    self.add(operation, DifferenceKind::StatusUndocumented, status.to_string(), place);
                }
                continue;
            };
            let kinds = (DifferenceKind::ResponseMediaUndocumented, DifferenceKind::ResponseFieldUndocumented);
            for ((_, media), schema) in bodies.iter().filter(|((of, _), _)| *of == status) {
                self.content(operation, &response, (media, schema), &format!("{status} "), kinds);
            }
        }
    }

    /// A body that was seen beside the content that stands at `pointer`.
    fn content(
        &mut self,
        operation: &Operation<'_>,
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
            let place = format!("{pointer}/content/{}", escaped(media));
            return self.add(operation, media_kind, format!("{prefix}{media}"), place);
        };
        let rendered = schema.render(Version::V31.style(false));
        let place = format!("{pointer}/content/{}/schema", escaped(known));
        let mut missing = Vec::new();
        fields(self.given, &place, &rendered, "", 0, &mut missing);
        for (field, place) in missing {
            self.add(operation, field_kind, format!("{prefix}{field}"), place);
        }
    }

    fn security(&mut self, operation: &Operation<'_>) {
        let asked =
            self.given.pointer(&format!("{}/security", self.found.pointer)).or_else(|| self.given.get("security"));
        let Some(asked) = asked.and_then(Value::as_array).filter(|asked| !asked.is_empty()) else { return };
        if asked.iter().any(|way| way.as_object().is_some_and(serde_json::Map::is_empty)) {
            return;
        }
        let without = operation.row.by_auth.get(&None).copied().unwrap_or(0);
        // What was refused is as it should be.
        let refused = operation.row.by_class.get(3).copied().unwrap_or(0);
        if without > refused {
            let what = format!("{} of {} calls without credentials", auth_calls(operation), operation.row.calls);
            self.add(operation, DifferenceKind::SecurityNotMet, what, String::new());
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

/// As text, one line a difference, with the document's name where there are several; empty where there is none.
pub fn text(differences: &[Difference], given: &Given) -> String {
    let mut text = String::new();
    let is_one = given.names().count() < 2;
    for Difference { document, path, method, kind, what, calls, .. } in differences {
        let what = if what.is_empty() { String::new() } else { format!(": {what}") };
        let calls = if *kind == DifferenceKind::OperationUnseen { String::new() } else { format!(" ({calls} calls)") };
        let name = if is_one { String::new() } else { format!("{}: ", given.name(*document)) };
        text.extend([&*name, kind.name(), " ", method, " ", path, &what, &calls, "\n"]);
    }
    text
}

/// As JSON.
pub fn json(differences: &[Difference], given: &Given) -> Value {
    let one = |difference: &Difference| {
        serde_json::json!({
            "document": given.name(difference.document),
            "kind": difference.kind.name(),
            "method": difference.method,
            "path": difference.path,
            "what": if difference.what.is_empty() { Value::Null } else { difference.what.as_str().into() },
            "calls": difference.calls,
        })
    };
    serde_json::json!({"differences": differences.iter().map(one).collect::<Vec<_>>()})
}

/// The style of a document's own version.
pub(super) fn style(given: &Value) -> Style {
    let is_old = given.get("openapi").and_then(Value::as_str).is_some_and(|version| version.starts_with("3.0"));
    if is_old { Version::V30.style(false) } else { Version::V31.style(false) }
}
