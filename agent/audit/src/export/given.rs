//! The documents that were given: which operation of which of them a call is of, and their trees, in which references are followed.
//!
//! Which operation a path is of is told by the same matcher that the inventory uses ([`Document`]), so that both say the same of base paths,
//! server variables and several versions.

mod swagger;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::operation::Path;
use crate::exchange::Method;
use crate::facts::percent;
use crate::inventory::shape::segments;
use crate::openapi::{Document, DocumentError, DocumentMatch, Source};

/// References followed in a row.
const REFERENCES_MAX: usize = 16;
/// Deepest nesting of `allOf`, `anyOf` and `oneOf` that is looked into.
const ALTERNATIVES_MAX: usize = 8;
/// Where a document's other files stand in its tree.
const FILES: &str = "x-apiscope-files";

/// The documents of an API.
pub struct Given {
    documents: Vec<One>,
    /// All of them, for the paths.
    compiled: Document,
}

/// One document.
pub(super) struct One {
    /// Its file's name.
    pub(super) name: String,
    /// With its other files, as `OpenAPI` 3.
    pub(super) tree: Value,
    /// The path of each path item, by where the item stands: several, where an item is referred to.
    items: BTreeMap<String, Vec<String>>,
}

/// An operation in the documents.
pub(super) struct Found {
    /// Which document.
    pub(super) document: usize,
    /// The path as it stands there.
    pub(super) path: String,
    /// Where it stands in the tree.
    pub(super) pointer: String,
}

impl Found {
    /// Where its path item stands.
    pub(super) fn item(&self) -> &str {
        self.pointer.rsplit_once('/').map_or("", |(item, _)| item)
    }
}

impl Given {
    /// At most [`Document::PARTS_MAX`] documents; others are left out.
    pub fn of(sources: &[&Source]) -> Result<Self, DocumentError> {
        let (compiled, _) = Document::of(sources)?;
        let mut documents: Vec<One> = sources.iter().take(Document::PARTS_MAX).map(|source| One::of(source)).collect();
        for operation in compiled.operations() {
            let place = &operation.place;
            let Some(one) = documents.get_mut(usize::from(place.source)) else { continue };
            let pointer = in_tree(place.file, &place.pointer);
            swagger::modernise(&mut one.tree, &pointer);
        }
        Ok(Self { documents, compiled })
    }

    /// Names of the documents.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.documents.iter().map(|one| one.name.as_str())
    }

    pub(super) fn tree(&self, document: usize) -> &Value {
        self.documents.get(document).map_or(&Value::Null, |one| &one.tree)
    }

    pub(super) fn name(&self, document: usize) -> &str {
        self.documents.get(document).map_or("", |one| one.name.as_str())
    }

    /// All operations.
    pub(super) fn operations(&self) -> impl Iterator<Item = (&Method, Found)> {
        self.compiled.operations().iter().enumerate().filter_map(|(at, operation)| {
            let found = self.found(at)?;
            Some((&operation.method, found))
        })
    }

    /// The operation of a route.
    pub(super) fn find(&self, method: &Method, route: &str) -> Option<Found> {
        match self.compiled.match_path(method.as_str(), route) {
            DocumentMatch::Operation { operation, .. } => self.found(operation),
            DocumentMatch::Removed { .. } | DocumentMatch::PathOnly { .. } | DocumentMatch::None => None,
        }
    }

    fn found(&self, operation: usize) -> Option<Found> {
        let operation = self.compiled.operations().get(operation)?;
        let document = usize::from(operation.place.source);
        let pointer = in_tree(operation.place.file, &operation.place.pointer);
        let path = self.documents.get(document)?.path(self.compiled.route(operation.path)?, &pointer)?.to_owned();
        Some(Found { document, path, pointer })
    }

    /// Where a route would stand that has no operation: the document, and the path in it with the place of its item. The path's own, where it
    /// has other methods; below the longest base path otherwise. `None`: it is below none of the documents' base paths.
    pub(super) fn place(&self, method: &Method, route: &str) -> (usize, Option<(String, String)>) {
        let known = self.compiled.match_path(method.as_str(), route).path();
        let beside = |path: usize| self.compiled.operations().iter().position(|operation| operation.path == path);
        if let Some(found) = known.and_then(beside).and_then(|operation| self.found(operation)) {
            return (found.document, Some((found.path.clone(), found.item().to_owned())));
        }
        let bases = (0..self.documents.len()).flat_map(|at| self.compiled.bases(at).iter().map(move |base| (at, base)));
        let all = bases.filter_map(|(at, base)| Some((base.len(), std::cmp::Reverse(at), below(route, base)?)));
        let Some((_, std::cmp::Reverse(at), path)) = all.max() else { return (0, None) };
        let path = Path::of(path).text;
        let item = format!("/paths/{}", escaped(&path));
        (at, Some((path, item)))
    }
}

impl One {
    fn of(source: &Source) -> Self {
        let mut tree = source.value(0, "").unwrap_or_default();
        link(&mut tree, source, 0);
        let mut files = Map::new();
        for file in 1..u16::try_from(source.names().count()).unwrap_or(u16::MAX) {
            let mut value = source.value(file, "").unwrap_or_default();
            link(&mut value, source, file);
            files.insert(file.to_string(), value);
        }
        if let Some(members) = tree.as_object_mut().filter(|_| !files.is_empty()) {
            members.insert(FILES.to_owned(), Value::Object(files));
        }
        let mut items = BTreeMap::<String, Vec<String>>::new();
        let paths = resolve(&tree, "/paths").map(|(pointer, paths)| (pointer, paths.as_object()));
        if let Some((pointer, Some(paths))) = paths {
            for path in paths.keys() {
                let place = format!("{pointer}/{}", escaped(path));
                let place = resolve(&tree, &place).map_or(place, |(place, _)| place);
                items.entry(place).or_default().push(path.clone());
            }
        }
        let name = source.names().next().unwrap_or_default().to_owned();
        Self { name, tree, items }
    }

    /// The path under which an operation stands that is at `pointer` and has this route.
    fn path(&self, route: &str, pointer: &str) -> Option<&str> {
        let (item, _) = pointer.rsplit_once('/')?;
        let paths = self.items.get(item)?;
        paths.iter().find(|path| is_below(route, path)).or(paths.first()).map(String::as_str)
    }
}

/// Whether a route is a path below some base path.
fn is_below(route: &str, path: &str) -> bool {
    let (route, path) = (segments(route).collect::<Vec<_>>(), segments(path).collect::<Vec<_>>());
    let tail = route.len().checked_sub(path.len()).and_then(|at| route.get(at..));
    tail.is_some_and(|tail| tail == path)
}

/// What is left of a route below a base path.
fn below<'r>(route: &'r str, base: &str) -> Option<&'r str> {
    let rest = without_authority(route).strip_prefix(base)?;
    if rest.is_empty() { Some("/") } else { Some(rest).filter(|rest| rest.starts_with('/')) }
}

/// Routes of documents that only their authority tells apart begin with it, as in `//v2.example.com/orders`.
pub(super) fn without_authority(route: &str) -> &str {
    let behind = |rest: &'_ str| rest.find('/');
    route.strip_prefix("//").map_or(route, |rest| behind(rest).and_then(|at| rest.get(at..)).unwrap_or("/"))
}

/// Makes the references of a file ones inside the tree. As deep as the document's parser goes.
fn link(value: &mut Value, source: &Source, file: u16) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref")
                && let Some((file, pointer)) = source.target(file, reference)
            {
                let pointer = percent::decode(pointer.as_bytes(), false);
                *reference = format!("#{}", in_tree(file, &String::from_utf8_lossy(&pointer)));
            }
            members.values_mut().for_each(|member| link(member, source, file));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| link(item, source, file)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The pointer in the tree of a place in one of the document's files.
fn in_tree(file: u16, pointer: &str) -> String {
    if file == 0 { pointer.to_owned() } else { format!("/{FILES}/{file}{pointer}") }
}

/// Whether a place stands in another file than the document's own.
pub(super) fn is_elsewhere(pointer: &str) -> bool {
    pointer.strip_prefix('/').is_some_and(|rest| rest.starts_with(FILES))
}

/// What a pointer leads to, references followed; with the pointer of where that is.
pub(super) fn resolve<'d>(root: &'d Value, pointer: &str) -> Option<(String, &'d Value)> {
    let mut pointer = pointer.to_owned();
    for _ in 0..REFERENCES_MAX {
        let value = root.pointer(&pointer)?;
        match value.get("$ref").and_then(Value::as_str) {
            Some(reference) => reference.strip_prefix('#')?.clone_into(&mut pointer),
            None => return Some((pointer, value)),
        }
    }
    None
}

/// A name as part of a pointer (RFC 6901).
pub(super) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The schemas that stand at a pointer: itself, and those that it is made of.
pub(super) fn alternatives<'d>(root: &'d Value, pointer: &str) -> Vec<(String, &'d Value)> {
    let mut all = Vec::new();
    let mut next = vec![(pointer.to_owned(), 0)];
    while let Some((pointer, depth)) = next.pop() {
        let Some((pointer, schema)) = resolve(root, &pointer) else { continue };
        if depth < ALTERNATIVES_MAX {
            for key in ["allOf", "anyOf", "oneOf"] {
                let kinds = schema.get(key).and_then(Value::as_array).map_or(0, Vec::len);
                next.extend((0..kinds).map(|at| (format!("{pointer}/{key}/{at}"), depth + 1)));
            }
        }
        all.push((pointer, schema));
    }
    all
}

/// Where a property of a schema is described; `Err`: nowhere, with the pointer of the object that lacks it. `Ok(None)`: it is allowed without a
/// description.
pub(super) fn property(root: &Value, pointer: &str, name: &str) -> Result<Option<String>, Option<String>> {
    let all = alternatives(root, pointer);
    if all.is_empty() {
        return Ok(None);
    }
    let mut place = None;
    for (pointer, schema) in &all {
        if schema.get("properties").and_then(|properties| properties.get(name)).is_some() {
            return Ok(Some(format!("{pointer}/properties/{}", escaped(name))));
        }
        if schema.get("properties").is_some() {
            place.get_or_insert_with(|| pointer.clone());
        }
    }
    let is_open = |schema: &Value| {
        let further = schema.get("additionalProperties");
        further.is_some_and(|further| *further != Value::Bool(false)) || schema.get("patternProperties").is_some()
    };
    // A schema that names no member says nothing of them.
    if place.is_none() || all.iter().any(|(_, schema)| is_open(schema)) { Ok(None) } else { Err(place) }
}
