//! What is below `paths`: path items, their operations, and the templates of both.

use std::collections::{BTreeMap, BTreeSet};

use super::accepts::{Accepts, Rule};
use super::fault::Fault;
use super::files::{At, Place, child};
use super::matcher::{Part, SEGMENTS_MAX, Segment};
use super::read::{LIST_MAX, Listed, Reader};
use super::tree::{Node, Value};
use super::{Document, Operation, PathEntry};
use crate::exchange::Method;
use crate::inventory::shape::segments;

/// Methods of a path item (`query` is of 3.2).
const METHODS: [&str; 9] = ["get", "put", "post", "delete", "options", "head", "patch", "trace", "query"];
/// Other members of a path item.
const MEMBERS: [&str; 6] = ["$ref", "summary", "description", "servers", "parameters", "additionalOperations"];

/// What a path item gives to its operations.
struct PathItem<'a, 't> {
    path: usize,
    /// The path whose template it shares, where there is one.
    same: Option<usize>,
    pointer: &'t str,
    template: &'t Template,
    /// Base paths.
    bases: Vec<String>,
    declared: BTreeMap<Box<str>, At<'a>>,
    owner: Option<Box<str>>,
}

/// A path, taken apart.
#[derive(Clone, Debug)]
pub(super) struct Template {
    /// As it is shown: without query, doubled and trailing slashes.
    shown: String,
    pub(super) segments: Vec<Segment>,
    /// Names of the parameters, with the segment and the parameter within it that each is.
    names: Vec<(Box<str>, usize, usize)>,
}

impl<'a> Reader<'a, '_> {
    pub(super) fn paths(&mut self) {
        let root = self.source.root();
        let Some(node) = root.node.get("paths") else {
            // 3.1 allows a document of webhooks or components only.
            if root.node.get("webhooks").is_none() && root.node.get("components").is_none() {
                self.fault(root, "", Fault::Missing("paths"));
            }
            return;
        };
        let Some((paths, place)) = self.target(At { node, ..root }, "/paths") else { return };
        if !paths.node.is_map() {
            self.fault(paths, &place, Fault::Expected("a mapping"));
            return;
        }
        let mut seen = BTreeSet::new();
        for (path, node) in paths.node.members() {
            let (item, pointer) = (At { node, ..paths }, child(&place, path));
            if path.starts_with("x-") {
                continue;
            }
            if !seen.insert(path) {
                self.fault(item, &pointer, Fault::Twice(path.clone()));
            } else if self.document.paths.len() >= Document::PATHS_MAX {
                self.fault(item, &pointer, Fault::TooMany(Document::PATHS_MAX));
                return;
            } else {
                self.path(path, item, &pointer);
            }
        }
    }

    fn path(&mut self, path: &str, item: At<'a>, pointer: &str) {
        let Some(template) = self.template(path, item, pointer) else { return };
        let Some((target, place)) = self.target(item, pointer) else { return };
        if !target.node.is_map() {
            self.fault(target, &place, Fault::Expected("a mapping"));
            return;
        }
        let bases = self.servers(target, &place).unwrap_or_else(|| self.bases.clone());
        let told = self.faults.len();
        let same = self.same_path(&bases, &template);
        let path = same.unwrap_or_else(|| self.add_path(&bases, &template, item, pointer));
        if same.is_some() {
            self.insert(&bases, &template, path);
        }
        let known = self.document.paths.len();
        let declared = self.declared(target, &place, &template);
        let owner = self.owner_of(target, &place);
        let shared = PathItem { path, same, pointer: &place, template: &template, bases, declared, owner };
        self.members(target, &shared);
        let is_told_apart = self.document.paths.len() > known;
        if let Some(other) = same.and_then(|same| self.document.route(same)).filter(|_| !is_told_apart) {
            let fault = self.source.fault(item, pointer, Fault::SameTemplate(other.into()));
            if told < Document::FAULTS_MAX {
                self.faults.insert(told, fault);
                self.faults.truncate(Document::FAULTS_MAX);
            }
        }
    }

    /// A path of this document with the same template, but for the names of its parameters.
    fn same_path(&self, bases: &[String], template: &Template) -> Option<usize> {
        bases.iter().find_map(|base| self.part.matcher.path_of(&with_base(base, &template.segments)))
    }

    fn insert(&mut self, bases: &[String], template: &Template, path: usize) {
        for base in bases {
            self.part.matcher.insert(&with_base(base, &template.segments), path);
        }
    }

    fn add_path(&mut self, bases: &[String], template: &Template, at: At<'a>, pointer: &str) -> usize {
        let path = self.document.paths.len();
        self.insert(bases, template, path);
        let mut routes = bases.iter().map(|base| template.below(base));
        let route = routes.next().unwrap_or_else(|| template.below(""));
        self.document.paths.push(PathEntry { route, others: routes.collect() });
        let first = bases.first().map_or("", String::as_str);
        self.listed.push(Listed {
            path,
            at,
            pointer: pointer.to_owned(),
            template: with_base(first, &template.segments),
        });
        path
    }

    /// A path taken apart; `None` where it can't be used.
    fn template(&mut self, path: &str, item: At<'a>, pointer: &str) -> Option<Template> {
        if !path.starts_with('/') {
            self.fault(item, pointer, Fault::NoSlash);
        }
        if path.contains(['?', '#']) {
            self.fault(item, pointer, Fault::PathHasQuery);
        }
        let path = path.split(['?', '#']).next().unwrap_or_default();
        if segments(path).nth(SEGMENTS_MAX).is_some() {
            self.fault(item, pointer, Fault::TooDeep);
            return None;
        }
        let Some(template) = Template::parse(path) else {
            self.fault(item, pointer, Fault::Braces);
            return None;
        };
        let mut names = BTreeSet::new();
        for (name, ..) in &template.names {
            if name.is_empty() {
                self.fault(item, pointer, Fault::Nameless);
            } else if !names.insert(name) {
                self.fault(item, pointer, Fault::ParameterTwice(name.clone()));
            }
        }
        if let Some(inside) = rest_inside(path) {
            self.fault(item, pointer, Fault::RestInside(inside.into()));
        }
        Some(template)
    }

    fn members(&mut self, item: At<'a>, shared: &PathItem<'a, '_>) {
        for (name, node) in item.node.members() {
            let (at, pointer) = (At { node, ..item }, child(shared.pointer, name));
            if METHODS.contains(&&**name) {
                self.operation(&name.to_ascii_uppercase(), at, &pointer, shared);
            } else if &**name == "additionalOperations" {
                self.additional(at, &pointer, shared);
            } else if !MEMBERS.contains(&&**name) && !name.starts_with("x-") {
                self.fault(at, &pointer, Fault::UnknownMember(name.clone()));
            }
        }
    }

    /// Methods without a member of their own (3.2), written as they are sent.
    fn additional(&mut self, at: At<'a>, pointer: &str, shared: &PathItem<'a, '_>) {
        if !at.node.is_map() {
            self.fault(at, pointer, Fault::Expected("a mapping"));
            return;
        }
        if at.node.members().len() > LIST_MAX {
            self.fault(at, pointer, Fault::TooMany(LIST_MAX));
        }
        for (name, node) in at.node.members().iter().take(LIST_MAX) {
            let (at, pointer) = (At { node, ..at }, child(pointer, name));
            let is_token = !name.is_empty()
                && name.len() <= Method::LENGTH_MAX
                && name.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]{}".contains(&byte));
            if !is_token {
                self.fault(at, &pointer, Fault::Expected("a method as its name"));
                continue;
            }
            if METHODS.contains(&&*name.to_ascii_lowercase()) {
                self.fault(at, &pointer, Fault::NotAdditional(name.clone()));
            }
            self.operation(name, at, &pointer, shared);
        }
    }

    fn operation(&mut self, method: &str, at: At<'a>, pointer: &str, shared: &PathItem<'a, '_>) {
        if !at.node.is_map() {
            self.fault(at, pointer, Fault::Expected("a mapping"));
            return;
        }
        let deprecated = match at.node.get("deprecated").map(|deprecated| &deprecated.value) {
            Some(Value::Bool(deprecated)) => *deprecated,
            Some(Value::Null | Value::Number(_) | Value::Text(_) | Value::List(_) | Value::Map(_)) => {
                self.fault(at, &child(pointer, "deprecated"), Fault::Expected("true or false"));
                false
            }
            None => false,
        };
        let mut declared = self.declared(at, pointer, shared.template);
        for (name, parameter) in &shared.declared {
            declared.entry(name.clone()).or_insert(*parameter);
        }
        let undeclared: BTreeSet<&Box<str>> = shared.template.names.iter().map(|(name, ..)| name).collect();
        for name in undeclared.into_iter().filter(|name| !name.is_empty() && !is_declared(name, &declared)) {
            self.fault(at, pointer, Fault::Undeclared(name.clone()));
        }
        let owner = self.owner_of(at, pointer).or_else(|| shared.owner.clone());
        let document_owner = self.owner.clone();
        let root = self.source.root();
        let security = match at.node.get("security") {
            Some(node) => self.security(At { node, ..at }, &child(pointer, "security")),
            None => root.node.get("security").and_then(|node| self.security(At { node, ..root }, "/security")),
        };
        let by_certificate = security.iter().flatten().any(|way| self.is_certificate(way));
        let bases = self.servers(at, pointer).filter(|bases| *bases != shared.bases);
        let accepts = self.accepts(shared.template, &declared);
        let place =
            Place { source: self.index, file: u16::try_from(at.file).unwrap_or(u16::MAX), pointer: pointer.into() };
        let operation = Operation {
            method: Method::new(method),
            path: shared.path,
            deprecated,
            owner,
            document_owner,
            security,
            by_certificate,
            place,
        };
        match bases {
            Some(bases) => self.elsewhere(operation, accepts, at, &bases, shared),
            None => self.add_operation(operation, accepts, at, shared),
        }
    }

    /// An operation with servers of its own is a path of its own.
    fn elsewhere(
        &mut self,
        operation: Operation,
        accepts: Vec<Accepts>,
        at: At<'a>,
        bases: &[String],
        shared: &PathItem<'a, '_>,
    ) {
        let pointer = operation.place.pointer.clone();
        let same = self.same_path(bases, shared.template);
        let path = match same {
            Some(path) => path,
            None if self.document.paths.len() >= Document::PATHS_MAX => {
                return self.fault(at, &pointer, Fault::TooMany(Document::PATHS_MAX));
            }
            None => self.add_path(bases, shared.template, at, &pointer),
        };
        self.insert(bases, shared.template, path);
        let method = operation.method.clone();
        if !self.push(Operation { path, ..operation }, accepts) {
            self.fault(at, &pointer, Fault::Twice(method.as_str().to_ascii_lowercase().into()));
        }
    }

    fn add_operation(&mut self, operation: Operation, accepts: Vec<Accepts>, at: At<'a>, shared: &PathItem<'a, '_>) {
        let (method, pointer) = (operation.method.clone(), operation.place.pointer.clone());
        let Some(known) = self.part.matcher.operation(shared.path, method.as_str()) else {
            if let Some(other) = self.other_document(&operation) {
                return self.fault(at, &pointer, Fault::OtherDocument(other));
            }
            self.push(operation, accepts);
            return;
        };
        if shared.same.is_none() {
            return self.fault(at, &pointer, Fault::Twice(method.as_str().to_ascii_lowercase().into()));
        }
        let says = !accepts.is_empty() || !self.part.matcher.accepts(known).is_empty();
        if !says || self.document.paths.len() >= Document::PATHS_MAX {
            // Of another path with the same template it was said there.
            return;
        }
        let other = self.document.route(shared.path).unwrap_or_default().into();
        let twins = self.part.matcher.paths_of(&with_base(first(&shared.bases), &shared.template.segments)).to_vec();
        let route = shared.template.below(first(&shared.bases));
        let twin = twins.into_iter().find(|path| self.document.route(*path) == Some(&*route) && *path != shared.path);
        let path = twin.unwrap_or_else(|| self.add_path(&shared.bases, shared.template, at, &pointer));
        if self.push(Operation { path, ..operation }, accepts) {
            self.fault(at, &pointer, Fault::ToldApart(other));
        }
    }

    fn push(&mut self, operation: Operation, accepts: Vec<Accepts>) -> bool {
        let index = self.document.operations.len();
        let is_new = self.part.matcher.add_operation(operation.path, operation.method.clone(), index, accepts);
        if is_new {
            self.document.operations.push(operation);
        }
        is_new
    }

    /// An earlier document of the API with the same operation that may be served at the same place.
    fn other_document(&self, operation: &Operation) -> Option<std::sync::Arc<str>> {
        let listed = self.listed.iter().find(|listed| listed.path == operation.path)?;
        let has = |part: &&super::DocumentPart| {
            let paths = part.matcher.paths_of(&listed.template);
            paths.iter().any(|path| part.matcher.operation(*path, operation.method.as_str()).is_some())
        };
        let apart = |part: &&super::DocumentPart| {
            !part.authorities.is_empty() && !self.part.authorities.is_empty() && !part.is_served_by(&self.part)
        };
        self.document.parts.iter().filter(|part| !apart(part)).find(has).map(|part| std::sync::Arc::clone(&part.name))
    }

    /// The path parameters that are declared here.
    fn declared(&mut self, at: At<'a>, pointer: &str, template: &Template) -> BTreeMap<Box<str>, At<'a>> {
        let pointer = child(pointer, "parameters");
        let mut declared = BTreeMap::new();
        let Some(node) = at.node.get("parameters") else { return declared };
        let at = At { node, ..at };
        let Some(list) = node.list() else {
            self.fault(at, &pointer, Fault::Expected("a list"));
            return declared;
        };
        if list.len() > LIST_MAX {
            self.fault(at, &pointer, Fault::TooMany(LIST_MAX));
        }
        for (index, node) in list.iter().take(LIST_MAX).enumerate() {
            let (parameter, pointer) = (At { node, ..at }, child(&pointer, &index.to_string()));
            let Some((target, place)) = self.target(parameter, &pointer) else { continue };
            let Some(name) = target.node.get("name").and_then(Node::text) else {
                self.fault(target, &place, Fault::Missing("name"));
                continue;
            };
            if target.node.get("in").and_then(Node::text) != Some("path") {
                continue;
            }
            if !template.names.iter().any(|(known, ..)| **known == *name || bare(name) == &**known) {
                self.fault(parameter, &pointer, Fault::NotInPath(name.into()));
            }
            declared.insert(name.into(), target);
        }
        declared
    }

    /// What the path's parameters accept.
    fn accepts(&self, template: &Template, declared: &BTreeMap<Box<str>, At<'a>>) -> Vec<Accepts> {
        let mut accepts = Vec::new();
        if template.segments.last() == Some(&Segment::Rest) {
            return accepts;
        }
        for (name, segment, which) in &template.names {
            let Some(parameter) = declared.get(name) else { continue };
            let schema = match parameter.node.get("schema") {
                Some(node) => self.schema(At { node, ..*parameter }),
                None if self.is_swagger => Some(parameter.node),
                None => None,
            };
            let Some(rule) = schema.and_then(Rule::of) else { continue };
            let within = match template.segments.get(*segment) {
                Some(Segment::Mixed(parts)) => Some((parts.clone().into_boxed_slice(), *which)),
                _ => None,
            };
            accepts.push(Accepts::new(template.segments.len() - segment, within, rule));
        }
        accepts
    }

    /// A schema, its references followed; what is wrong with them is told once, for all.
    fn schema(&self, at: At<'a>) -> Option<&'a Node> {
        let mut at = at;
        for _ in 0..super::Source::REFERENCES_MAX {
            let Some(reference) = at.node.get("$ref").and_then(Node::text) else { return Some(at.node) };
            at = self.source.follow(at.file, reference).ok()?;
        }
        None
    }

    fn security(&mut self, at: At<'_>, pointer: &str) -> Option<Vec<Vec<Box<str>>>> {
        let Some(list) = at.node.list() else {
            self.fault(at, pointer, Fault::Expected("a list"));
            return None;
        };
        let mut requirements = Vec::new();
        for (index, node) in list.iter().take(LIST_MAX).enumerate() {
            if node.is_map() {
                requirements.push(node.members().iter().take(LIST_MAX).map(|(name, _)| name.clone()).collect());
            } else {
                let pointer = child(pointer, &index.to_string());
                self.fault(At { node, ..at }, &pointer, Fault::Expected("a mapping"));
            }
        }
        Some(requirements)
    }

    /// Whether all schemes that go together are of mutual TLS (OpenAPI 3.1 §4.8.27).
    fn is_certificate(&self, way: &[Box<str>]) -> bool {
        let root = self.source.root();
        let schemes = root.node.get("components").and_then(|components| components.get("securitySchemes"));
        let is_mutual = |name: &str| {
            let scheme = schemes.and_then(|schemes| schemes.get(name));
            let scheme = scheme.and_then(|node| self.schema(At { node, ..root }));
            scheme.and_then(|scheme| scheme.get("type")).and_then(Node::text) == Some("mutualTLS")
        };
        !way.is_empty() && way.iter().all(|name| is_mutual(name))
    }
}

impl Template {
    /// `None` where braces do not pair within a segment.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let mut template = Self { shown: String::new(), segments: Vec::new(), names: Vec::new() };
        let last = segments(path).count().saturating_sub(1);
        for (index, text) in segments(path).enumerate() {
            let (segment, names) = segment(text)?;
            let is_rest = index == last && segment == Segment::Parameter && is_rest(text);
            template.segments.push(if is_rest { Segment::Rest } else { segment });
            template.names.extend(names.into_iter().map(|(name, which)| (bare(name).into(), index, which)));
            template.shown.push('/');
            template.shown.push_str(text);
        }
        Some(template)
    }

    /// As it is shown below a base path.
    fn below(&self, base: &str) -> Box<str> {
        let route = format!("{base}{}", self.shown);
        if route.is_empty() { "/".into() } else { route.into() }
    }
}

fn first(bases: &[String]) -> &str {
    bases.first().map_or("", String::as_str)
}

fn is_declared(name: &str, declared: &BTreeMap<Box<str>, At<'_>>) -> bool {
    declared.contains_key(name) || declared.keys().any(|known| bare(known) == name)
}

/// A template below a base path.
pub(super) fn with_base(base: &str, template: &[Segment]) -> Vec<Segment> {
    let base = segments(base).map(|literal| Segment::Literal(literal.into()));
    base.chain(template.iter().cloned()).collect()
}

/// Whether a parameter takes the rest of the path, as gateways and frameworks write it: `{path+}`, `{+path}`, `{*path}`, `{path:.*}`.
fn is_rest(text: &str) -> bool {
    let Some(inside) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) else { return false };
    inside.starts_with(['+', '*']) || inside.ends_with(['+', '*'])
}

/// A segment that takes the rest of the path and has something behind it.
fn rest_inside(path: &str) -> Option<&str> {
    let count = segments(path).count();
    let is_inside = |index: usize, text: &str| {
        (is_rest(text) && index + 1 < count) || (text.contains("{+") && !text.ends_with('}'))
    };
    segments(path).enumerate().find(|(index, text)| is_inside(*index, text)).map(|(_, text)| text)
}

/// A parameter's name without the signs that say how much it takes.
fn bare(name: &str) -> &str {
    let name = name.split_once(':').map_or(name, |(name, _)| name);
    name.trim_start_matches(['+', '*', ';', '.']).trim_end_matches(['+', '*'])
}

/// A segment, and the names of its parameters with which parameter of it each is; `None` where braces do not pair.
fn segment(text: &str) -> Option<(Segment, Vec<(&str, usize)>)> {
    let (mut parts, mut names) = (Vec::new(), Vec::new());
    let (mut rest, mut which) = (text, 0_usize);
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        if before.contains('}') || name.contains('{') {
            return None;
        }
        if !before.is_empty() {
            parts.push(Part::Literal(before.into()));
        }
        if parts.last() != Some(&Part::Parameter) {
            parts.push(Part::Parameter);
            which += 1;
        }
        names.push((name, which - 1));
        rest = after;
    }
    if rest.contains('}') {
        return None;
    }
    if parts.is_empty() {
        return Some((Segment::Literal(rest.into()), names));
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest.into()));
    }
    Some((if parts == [Part::Parameter] { Segment::Parameter } else { Segment::Mixed(parts) }, names))
}
