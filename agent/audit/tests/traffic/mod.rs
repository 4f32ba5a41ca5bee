//! Traffic made from an `OpenAPI` document: the yardstick of the inventory's templates.
//!
//! The document is read with no code of ours but this, so that the reader under test proves nothing about itself. The same seed gives the
//! same traffic on every machine.

pub(crate) mod form;
pub(crate) mod score;
pub(crate) mod values;

use std::collections::BTreeSet;

use apiscope_audit::facts::Outline;
use serde_json::Value;

use form::Form;
use values::{Pool, Random, kind};

/// One operation of a document.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) method: String,
    /// With the first server's base path; parameters as `{name}`.
    pub(crate) template: String,
    pieces: Vec<Piece>,
    /// What a success answers, if the document says so.
    answer: Option<Form>,
}

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    /// Index into the document's pools.
    Parameter(usize),
}

/// A document's operations, each method and shape of path once.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) name: String,
    pub(crate) operations: Vec<Operation>,
    pools: Vec<Pool>,
}

/// One request, and the operation that it is of; `None`: noise.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) operation: Option<usize>,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) status: u16,
    /// The form of the answer.
    pub(crate) outline: Option<Outline>,
}

const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

impl Api {
    /// From a document's JSON. `None`: it has no operation.
    pub(crate) fn read(name: &str, document: &Value, seed: u64) -> Option<Self> {
        let mut api = Self { name: name.to_owned(), operations: Vec::new(), pools: Vec::new() };
        let base = base_path(document);
        let mut random = Random::of(&[name, &seed.to_string()]);
        let style = random.below(1_000);
        let mut forms = Random::of(&[name, "answers", &seed.to_string()]);
        let is_lax = forms.below(2) == 0;
        let mut pools = Vec::<(String, usize)>::new();
        let mut known = BTreeSet::new();
        for (path, item) in document.get("paths")?.as_object()? {
            let Some(item) = item.as_object() else { continue };
            let path = path.split(['#', '?']).next().unwrap_or_default();
            let template = format!("{base}/{}", path.trim_start_matches('/'));
            for method in METHODS {
                let Some(operation) = item.get(method).and_then(Value::as_object) else { continue };
                let shared = item.get("parameters");
                let parameters = [operation.get("parameters"), shared];
                let mut make = |name: &str, before: &str| {
                    let key = format!("{}{{{name}}}", blank(before));
                    if let Some((_, pool)) = pools.iter().find(|(known, _)| *known == key) {
                        return *pool;
                    }
                    let declared = parameters
                        .iter()
                        .flatten()
                        .filter_map(|list| list.as_array())
                        .flatten()
                        .map(|parameter| resolved(document, parameter))
                        .find(|parameter| {
                            parameter.get("in").and_then(Value::as_str) == Some("path")
                                && parameter.get("name").and_then(Value::as_str) == Some(name)
                        });
                    let schema = declared
                        .map(|declared| declared.get("schema").map_or(declared, |schema| resolved(document, schema)));
                    api.pools.push(Pool::new(kind(name, schema, style, &mut random), &mut random));
                    pools.push((key, api.pools.len() - 1));
                    api.pools.len() - 1
                };
                let pieces = pieces(&template, &mut make);
                let answer = form::of(document, operation, is_lax, &mut forms);
                let mut operation =
                    Operation { method: method.to_ascii_uppercase(), template: template.clone(), pieces, answer };
                api.settle(&mut operation);
                if known.insert((operation.method.clone(), blank(&operation.template))) {
                    api.operations.push(operation);
                }
            }
        }
        (!api.operations.is_empty()).then_some(api)
    }

    /// A parameter that has but one value is no parameter.
    fn settle(&self, operation: &mut Operation) {
        for piece in &mut operation.pieces {
            if let Piece::Parameter(pool) = piece
                && let Some(only) = self.pools[*pool].only()
            {
                *piece = Piece::Text(only.to_owned());
            }
        }
        operation.template = operation
            .pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.as_str(),
                Piece::Parameter(_) => "{}",
            })
            .collect();
    }

    /// `per_operation` requests of each operation, shuffled, with so many noise requests among 100 others.
    pub(crate) fn requests(&self, seed: u64, per_operation: usize, noise_percent: usize) -> Vec<Request> {
        let mut random = Random::of(&[&self.name, "requests", &seed.to_string()]);
        let mut bodies = Random::of(&[&self.name, "bodies", &seed.to_string()]);
        let mut requests = Vec::with_capacity(self.operations.len() * per_operation);
        let mut body = String::new();
        for (index, operation) in self.operations.iter().enumerate() {
            for _ in 0..per_operation {
                let mut path = String::new();
                let mut free = false;
                for piece in &operation.pieces {
                    match piece {
                        Piece::Text(text) => path.push_str(text),
                        Piece::Parameter(pool) => {
                            path.push_str(&self.pools[*pool].draw(&mut random));
                            free = true;
                        }
                    }
                }
                let status = status(&operation.method, free, &mut random);
                let form = operation.answer.as_ref().filter(|_| (200..300).contains(&status) && status != 204);
                let outline = form.and_then(|form| {
                    body.clear();
                    form.write(&mut body, &mut bodies);
                    Outline::of(body.as_bytes())
                });
                let method = operation.method.clone();
                requests.push(Request { operation: Some(index), method, path, status, outline });
            }
        }
        for _ in 0..requests.len() * noise_percent / 100 {
            let operation = &self.operations[random.below(self.operations.len())];
            requests.push(values::noise(&operation.template, &mut random));
        }
        random.shuffle(&mut requests);
        requests
    }
}

/// A template without its parameters' names and without a trailing or doubled slash.
pub(crate) fn blank(template: &str) -> String {
    let mut text = String::new();
    for segment in template.split('/').filter(|segment| !segment.is_empty()) {
        text.push('/');
        let mut rest = segment;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((_, after)) = after.split_once('}') else { break };
            text.push_str(before);
            text.push_str("{}");
            rest = after;
        }
        text.push_str(rest);
    }
    if text.is_empty() {
        text.push('/');
    }
    text
}

fn pieces(template: &str, make: &mut dyn FnMut(&str, &str) -> usize) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(open) = template[at..].find('{').map(|n| n + at) {
        let Some(close) = template[open..].find('}').map(|n| n + open) else { break };
        if open > at {
            pieces.push(Piece::Text(template[at..open].to_owned()));
        }
        pieces.push(Piece::Parameter(make(&template[open + 1..close], &template[..open])));
        at = close + 1;
    }
    if at < template.len() {
        pieces.push(Piece::Text(template[at..].to_owned()));
    }
    pieces
}

fn base_path(document: &Value) -> String {
    let server = document.pointer("/servers/0");
    let mut url = server.and_then(|server| server.get("url")).and_then(Value::as_str).unwrap_or_default().to_owned();
    let variables = server.and_then(|server| server.get("variables")).and_then(Value::as_object);
    for (name, variable) in variables.into_iter().flatten() {
        let default = variable.get("default").and_then(Value::as_str).unwrap_or_default();
        url = url.replace(&format!("{{{name}}}"), default);
    }
    let path = match url.split_once("//") {
        Some((_, rest)) => rest.split_once('/').map(|(_, path)| path).unwrap_or_default(),
        None => &url,
    };
    let path = path.split(['?', '#']).next().unwrap_or_default().trim_matches('/');
    if path.is_empty() || path.contains('{') { String::new() } else { format!("/{path}") }
}

/// What a reference inside the document stands for.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let reference = value.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix('#'));
    reference.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}

/// What a server answers: mostly success, "not found" mostly where there is an id.
fn status(method: &str, free: bool, random: &mut Random) -> u16 {
    match random.below(100) {
        0..=5 if free => 404,
        6..=8 => [400, 422, 409][random.below(3)],
        9..=10 => [401, 403][random.below(2)],
        11 => [500, 503][random.below(2)],
        12 => 429,
        _ => match method {
            "POST" => [201, 200, 202][random.below(3)],
            "DELETE" => 204,
            _ => 200,
        },
    }
}
