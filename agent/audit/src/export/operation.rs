//! One endpoint as an operation.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::Seen;
use super::example::example;
use super::given::without_authority;
use crate::facts::AuthKind;
use crate::inventory::shape::segments;
use crate::inventory::{DocumentState, EndpointRow, fleet};
use crate::schema::render::{Parameter, Style};
use crate::schema::{EndpointSchemas, Part, PartKey, Schema};

/// A path as `OpenAPI` writes it: each variable with a name of its own.
pub(super) struct Path {
    pub(super) text: String,
    /// Names, with the segment that each fills as a whole.
    pub(super) variables: Vec<(String, Option<usize>)>,
}

impl Path {
    pub(super) fn of(route: &str) -> Self {
        let (mut text, mut variables) = (String::new(), Vec::<(String, Option<usize>)>::new());
        for (at, segment) in segments(route).enumerate() {
            text.push('/');
            let mut rest = segment;
            while let Some((before, name, after)) = variable(rest) {
                let number = variables
                    .iter()
                    .filter(|(known, _)| known.trim_end_matches(|c: char| c.is_ascii_digit()) == name)
                    .count();
                let name = if number == 0 { name.to_owned() } else { format!("{name}{}", number + 1) };
                text.push_str(before);
                text.push('{');
                text.push_str(&name);
                text.push('}');
                let is_whole = before.is_empty() && after.is_empty() && rest.len() == segment.len();
                variables.push((name, is_whole.then_some(at)));
                rest = after;
            }
            text.push_str(rest);
        }
        if text.is_empty() {
            text.push('/');
        }
        Self { text, variables }
    }
}

/// What stands before, inside and behind the first braces.
fn variable(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

pub(super) struct Operation<'a> {
    pub(super) row: Cow<'a, EndpointRow>,
    schemas: Option<Cow<'a, EndpointSchemas>>,
    pub(super) path: Path,
    /// Route without the name of an operation beyond the path.
    pub(super) route: &'a str,
    /// Of GraphQL and the like: the operations that share the path, with their calls.
    names: Vec<(&'a str, u64)>,
}

/// Schemas of a kind of part.
type Parts = BTreeMap<(u16, String), Schema>;

impl<'a> Operation<'a> {
    pub(super) fn new(row: &'a EndpointRow, schemas: Option<&'a EndpointSchemas>) -> Self {
        let (route, name) = route(row);
        Self {
            row: Cow::Borrowed(row),
            schemas: schemas.map(Cow::Borrowed),
            path: Path::of(without_authority(route)),
            route,
            names: name.map(|name| (name, row.calls)).into_iter().collect(),
        }
    }

    /// Takes in another row of the same path and method.
    pub(super) fn add(&mut self, row: &'a EndpointRow, schemas: Option<&'a EndpointSchemas>) {
        fleet::add(self.row.to_mut(), row);
        self.names.extend(route(row).1.map(|name| (name, row.calls)));
        match (&mut self.schemas, schemas) {
            (Some(known), Some(schemas)) => drop(known.to_mut().join(schemas.clone())),
            (known @ None, schemas) => *known = schemas.map(Cow::Borrowed),
            (Some(_), None) => {}
        }
    }

    /// The first segment that is neither a version nor a word for APIs as such.
    pub(super) fn tag(&self) -> Option<String> {
        let is_version = |segment: &str| {
            segment.strip_prefix('v').is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
        };
        segments(without_authority(self.route))
            .find(|segment| !is_version(segment) && !matches!(*segment, "api" | "rest") && !segment.contains('{'))
            .map(str::to_owned)
    }

    pub(super) fn parts(&self, part: Part) -> Parts {
        let all = self.schemas.iter().flat_map(|schemas| schemas.parts());
        all.filter(|(key, _)| key.part == part)
            .map(|(PartKey { status, media, .. }, schema)| ((*status, media.to_string()), schema))
            .collect()
    }

    /// Parameters of the query (`Part::Query`) or the header fields of requests.
    pub(super) fn fields(&self, part: Part, style: Style) -> Vec<Parameter> {
        self.parts(part).into_values().next().map(|schema| schema.parameters(style)).unwrap_or_default()
    }

    /// Statuses with their calls, as far as they are counted.
    pub(super) fn statuses(&self) -> BTreeMap<u16, Option<u64>> {
        let bodies = self.parts(Part::ResponseBody).into_keys().map(|(status, _)| (status, None));
        let mut statuses: BTreeMap<u16, Option<u64>> = bodies.collect();
        if let Some(profile) = self.row.profile.read() {
            statuses.extend(profile.statuses.counts().iter().map(|(status, calls)| (*status, Some(*calls))));
        }
        statuses.retain(|status, _| (100..600).contains(status));
        statuses
    }

    pub(super) fn value(
        &self,
        seen: &Seen<'_>,
        style: Style,
        ids: &mut BTreeSet<String>,
        schemes: &mut BTreeMap<String, Value>,
    ) -> Value {
        let mut value = Map::new();
        value.insert("operationId".into(), json!(self.id(ids)));
        if let Some(tag) = self.tag() {
            value.insert("tags".into(), json!([tag]));
        }
        let parameters = self.parameters(style);
        if !parameters.is_empty() {
            value.insert("parameters".into(), json!(parameters));
        }
        if let Some(body) = self.request_body(style) {
            value.insert("requestBody".into(), body);
        }
        value.insert("responses".into(), self.responses(style));
        if self.row.document == DocumentState::Deprecated {
            value.insert("deprecated".into(), json!(true));
        }
        if let Some(security) = self.security(schemes) {
            value.insert("security".into(), security);
        }
        self.counts(seen, &mut value);
        Value::Object(value)
    }

    fn counts(&self, seen: &Seen<'_>, value: &mut Map<String, Value>) {
        let row = &self.row;
        value.insert("x-apiscope-calls".into(), json!(row.calls));
        for (key, time) in [("x-apiscope-first", row.first), ("x-apiscope-last", row.last)] {
            if let Some(time) = time {
                value.insert(key.into(), json!((seen.time)(time)));
            }
        }
        let auth: BTreeMap<&str, u64> = row.by_auth.iter().map(|(kind, calls)| (auth_name(*kind), *calls)).collect();
        if !auth.is_empty() {
            value.insert("x-apiscope-auth".into(), json!(auth));
        }
        if let Some(owner) = &row.owner {
            value.insert("x-owner".into(), json!(owner));
        }
        if !self.names.is_empty() {
            let names = self.names.iter().map(|(name, calls)| json!({"name": name, "calls": calls}));
            value.insert("x-apiscope-operations".into(), names.collect());
        }
    }

    fn id(&self, ids: &mut BTreeSet<String>) -> String {
        let mut id = self.row.method.as_str().to_ascii_lowercase();
        for segment in segments(&self.path.text) {
            id.push_str(if segment.starts_with('{') { "_by_" } else { "_" });
            id.extend(
                segment
                    .chars()
                    .filter(|c| !matches!(c, '{' | '}'))
                    .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }),
            );
        }
        let mut unique = id.clone();
        let mut number = 2;
        while !ids.insert(unique.clone()) {
            unique = format!("{id}_{number}");
            number += 1;
        }
        unique
    }

    fn parameters(&self, style: Style) -> Vec<Value> {
        let known: BTreeMap<String, Value> =
            self.fields(Part::Path, style).into_iter().map(|one| (one.name, one.schema)).collect();
        let mut all: Vec<Value> = Vec::new();
        for (name, segment) in &self.path.variables {
            let schema = segment.and_then(|at| known.get(&format!("{at:02}")).cloned());
            let schema = schema.filter(|schema| *schema != json!({})).unwrap_or_else(|| json!({"type": "string"}));
            all.push(json!({"name": name, "in": "path", "required": true, "schema": schema}));
        }
        for (place, part) in [("query", Part::Query), ("header", Part::RequestHeaders)] {
            for Parameter { name, required, schema } in self.fields(part, style) {
                let mut parameter = json!({"name": name, "in": place, "schema": schema});
                if required && let Some(parameter) = parameter.as_object_mut() {
                    parameter.insert("required".into(), json!(true));
                }
                all.push(parameter);
            }
        }
        all
    }

    fn request_body(&self, style: Style) -> Option<Value> {
        let bodies = self.parts(Part::RequestBody);
        let content = content(bodies.iter().map(|((_, media), schema)| (media.as_str(), schema)), style);
        if content.is_empty() {
            return None;
        }
        let is_always = !bodies.contains_key(&(0, String::new()));
        Some(json!({"required": is_always, "content": content}))
    }

    fn responses(&self, style: Style) -> Value {
        let (bodies, headers) = (self.parts(Part::ResponseBody), self.parts(Part::ResponseHeaders));
        let mut responses = Map::new();
        for (status, calls) in self.statuses() {
            let of_status = bodies.iter().filter(|((of, _), _)| *of == status);
            let content = content(of_status.map(|((_, media), schema)| (media.as_str(), schema)), style);
            let mut response = json!({"description": reason(status)});
            let Some(members) = response.as_object_mut() else { continue };
            if !content.is_empty() {
                members.insert("content".into(), json!(content));
            }
            if let Some(fields) = headers.get(&(status, String::new())) {
                let fields = fields.parameters(style).into_iter();
                let fields: Map<String, Value> =
                    fields.map(|Parameter { name, schema, .. }| (name, json!({"schema": schema}))).collect();
                members.insert("headers".into(), json!(fields));
            }
            if let Some(calls) = calls {
                members.insert("x-apiscope-calls".into(), json!(calls));
            }
            responses.insert(status.to_string(), response);
        }
        if responses.is_empty() {
            responses.insert("default".into(), json!({"description": "No answer was seen."}));
        }
        Value::Object(responses)
    }

    /// `None`: nothing can be said, for a way of authentication was seen that `OpenAPI` needs a name for, and the name is not known.
    fn security(&self, schemes: &mut BTreeMap<String, Value>) -> Option<Value> {
        let mut ways: Vec<Value> = Vec::new();
        for kind in self.row.by_auth.keys() {
            match kind {
                None => ways.push(json!({})),
                Some(kind) => {
                    let found = self.schemes(*kind);
                    if found.is_empty() {
                        return None;
                    }
                    ways.extend(found.iter().map(|(name, _)| json!({name.as_str(): []})));
                    schemes.extend(found);
                }
            }
        }
        (!ways.is_empty()).then(|| json!(ways))
    }

    fn schemes(&self, kind: AuthKind) -> Vec<(String, Value)> {
        let http = |scheme: &str| vec![(scheme.to_owned(), json!({"type": "http", "scheme": scheme}))];
        let keys = |in_query: bool| {
            let all =
                self.schemas.iter().flat_map(|schemas| schemas.keys()).filter(move |(query, _)| *query == in_query);
            let place = if in_query { "query" } else { "header" };
            all.map(|(_, name)| {
                let id: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
                (format!("{place}_{id}"), json!({"type": "apiKey", "in": place, "name": name}))
            })
            .collect()
        };
        match kind {
            AuthKind::Basic => http("basic"),
            AuthKind::Bearer => http("bearer"),
            AuthKind::Digest => http("digest"),
            AuthKind::ApiKeyHeader => keys(false),
            AuthKind::ApiKeyQuery => keys(true),
            AuthKind::OtherScheme => {
                vec![("authorization".to_owned(), json!({"type": "apiKey", "in": "header", "name": "Authorization"}))]
            }
            AuthKind::SessionCookie => Vec::new(),
        }
    }
}

/// Route, and the name of an operation beyond the path: no path has a `#`. `OpenAPI` knows one operation a path and method, which the
/// operations of GraphQL and the like share.
pub(super) fn route(row: &EndpointRow) -> (&str, Option<&str>) {
    let (route, name) = row.route.split_once('#').map_or((&*row.route, None), |(route, name)| (route, Some(name)));
    (if route.len() > 1 { route.trim_end_matches('/') } else { route }, name)
}

/// By media type. A body that is no JSON and no form is text or bytes.
fn content<'s>(bodies: impl Iterator<Item = (&'s str, &'s Schema)>, style: Style) -> Map<String, Value> {
    bodies
        .filter(|(media, _)| !media.is_empty())
        .map(|(media, schema)| {
            let is_form = matches!(media, "application/x-www-form-urlencoded" | "multipart/form-data");
            let is_read = is_form || media.ends_with("json");
            let schema = match (is_read, style.modern) {
                (true, _) => schema.render(style),
                (false, _) if media.starts_with("text/") => json!({"type": "string"}),
                (false, true) => json!({}),
                (false, false) => json!({"type": "string", "format": "binary"}),
            };
            let mut content = json!({"schema": schema});
            if let Some(content) = content.as_object_mut().filter(|_| is_read && !is_form) {
                content.insert("example".into(), example(&schema));
            }
            (media.to_owned(), content)
        })
        .collect()
}

pub(super) const fn auth_name(kind: Option<AuthKind>) -> &'static str {
    match kind {
        None => "none",
        Some(AuthKind::Basic) => "basic",
        Some(AuthKind::Bearer) => "bearer",
        Some(AuthKind::Digest) => "digest",
        Some(AuthKind::OtherScheme) => "other",
        Some(AuthKind::ApiKeyHeader) => "api-key-header",
        Some(AuthKind::ApiKeyQuery) => "api-key-query",
        Some(AuthKind::SessionCookie) => "session-cookie",
    }
}

/// RFC 9110 §15, the usual ones.
fn reason(status: u16) -> String {
    let known = match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        410 => "Gone",
        412 => "Precondition Failed",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => return format!("Status {status}"),
    };
    known.to_owned()
}
