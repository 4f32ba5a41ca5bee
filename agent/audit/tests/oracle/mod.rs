//! A matcher of paths that is slow and obviously right: it holds every template of a document against a path, as the specification says
//! (`OpenAPI` 3.1, "Path Templating" and "Paths Object"), and reads the document with nothing of ours. Concrete segments go before templated
//! ones, from the left; where the specification leaves it to the tool ("in case of ambiguous matching"), all that may be meant are given.

use serde_json::Value;

/// Methods of an operation.
pub(crate) const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// An operation: its method, and its path with the first server's base path, parameters without names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) method: String,
    pub(crate) path: String,
}

/// A part of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Any,
}

/// All operations of a document.
#[derive(Debug)]
pub(crate) struct Oracle {
    operations: Vec<(Known, Vec<Vec<Part>>)>,
}

impl Oracle {
    /// Of a document's JSON, whose paths are below `base`.
    pub(crate) fn new(document: &Value, base: &str) -> Self {
        let mut operations = Vec::new();
        for (path, item) in document.get("paths").and_then(Value::as_object).into_iter().flatten() {
            if !path.starts_with('/') || path.contains(['#', '?', '%']) {
                continue;
            }
            for method in METHODS.iter().filter(|method| item.get(**method).is_some_and(Value::is_object)) {
                let segments: Vec<_> = format!("{base}{path}").split('/').skip(1).map(parts).collect();
                let known = Known { method: method.to_uppercase(), path: blank(&segments) };
                operations.push((known, segments));
            }
        }
        Self { operations }
    }

    pub(crate) fn operations(&self) -> impl Iterator<Item = &Known> {
        self.operations.iter().map(|(known, _)| known)
    }

    /// A path of each operation, with `value` for each parameter.
    pub(crate) fn paths(&self, value: &str) -> Vec<(String, String)> {
        let filled = |known: &Known| (known.method.clone(), known.path.replace("{}", value));
        self.operations().map(filled).collect()
    }

    /// What a call may mean: one operation, several where it is ambiguous, or none.
    pub(crate) fn find(&self, method: &str, path: &str) -> Vec<&Known> {
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let fits = |template: &Vec<Vec<Part>>| {
            template.len() == segments.len() && template.iter().zip(&segments).all(|(parts, text)| takes(parts, text))
        };
        let all: Vec<_> = self.operations.iter().filter(|(_, template)| fits(template)).collect();
        let able = |name: &str| all.iter().filter(|(known, _)| known.method == name).copied().collect::<Vec<_>>();
        let mut able = able(method);
        // Who answers GET answers HEAD (RFC 9110 §9.3.2).
        if able.is_empty() && method == "HEAD" {
            able = all.iter().filter(|(known, _)| known.method == "GET").copied().collect();
        }
        let best = able.iter().map(|(_, template)| key(template)).max();
        able.into_iter().filter(|(_, template)| Some(key(template)) == best).map(|(known, _)| known).collect()
    }
}

/// From the left: whether each segment is concrete, and of one that is in part, how many characters are.
fn key(template: &[Vec<Part>]) -> Vec<(bool, usize)> {
    let length = |part: &Part| if let Part::Text(text) = part { text.len() } else { 0 };
    let of_segment = |parts: &Vec<Part>| {
        let is_concrete = !parts.contains(&Part::Any);
        (is_concrete, if is_concrete { 0 } else { parts.iter().map(length).sum() })
    };
    template.iter().map(of_segment).collect()
}

/// Whether a segment is of these parts, by trying every end of every parameter; a parameter takes one character at least.
fn takes(parts: &[Part], text: &str) -> bool {
    match parts.split_first() {
        None => text.is_empty(),
        Some((Part::Text(literal), rest)) => text.strip_prefix(literal.as_str()).is_some_and(|tail| takes(rest, tail)),
        Some((Part::Any, rest)) => {
            let ends = text.char_indices().skip(1).map(|(at, _)| at).chain([text.len()]);
            !text.is_empty() && ends.into_iter().any(|end| takes(rest, &text[end..]))
        }
    }
}

fn parts(segment: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = segment;
    while let Some((before, (_, after))) =
        rest.split_once('{').and_then(|(before, after)| Some((before, after.split_once('}')?)))
    {
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        parts.push(Part::Any);
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    parts
}

fn blank(segments: &[Vec<Part>]) -> String {
    let text = |part: &Part| if let Part::Text(text) = part { text.clone() } else { "{}".to_owned() };
    segments
        .iter()
        .fold(String::new(), |path, parts| parts.iter().map(text).fold(path + "/", |path, part| path + &part))
}

/// A template without the names of its parameters.
pub(crate) fn nameless(template: &str) -> String {
    blank(&template.split('/').skip(1).map(parts).collect::<Vec<_>>())
}
