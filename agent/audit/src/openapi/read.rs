//! From a tree to a document: everything that can be used is taken, every fault is placed.

use std::collections::BTreeSet;

use super::fault::{DocumentError, DocumentFault, Fault};
use super::matcher::{Part, SEGMENTS_MAX, Segment};
use super::server::Server;
use super::tree::{Node, Value};
use super::{Document, Operation};
use crate::exchange::Method;

/// Methods of a path item (`query` is of 3.2).
const METHODS: [&str; 9] = ["get", "put", "post", "delete", "options", "head", "patch", "trace", "query"];
/// Other members of a path item.
const MEMBERS: [&str; 5] = ["$ref", "summary", "description", "servers", "parameters"];
/// References followed in a row.
const REFERENCES_MAX: usize = 16;
/// Servers of a document or path.
const SERVERS_MAX: usize = 32;
/// Parameters of an operation or path, security requirements, schemes of one.
const LIST_MAX: usize = 1_024;

/// See [`Document::read`].
pub(super) fn read(text: &str, name: &str) -> Result<(Document, Vec<DocumentFault>), DocumentError> {
    if text.len() > Document::BYTES_MAX {
        return Err(DocumentError::TooLarge { bytes: text.len() });
    }
    let root = Node::parse(text)?;
    let mut reader = Reader { root: &root, faults: Vec::new(), document: Document::default(), bases: Vec::new() };
    reader.version()?;
    reader.info(name);
    reader.bases = reader.servers(&root, "").unwrap_or_else(|| vec![String::new()]);
    reader.paths();
    Ok((reader.document, reader.faults))
}

struct Reader<'a> {
    root: &'a Node,
    faults: Vec<DocumentFault>,
    document: Document,
    /// Base paths of the document's servers, without doubles.
    bases: Vec<String>,
}

/// What a path item gives to its operations.
struct PathItem<'a> {
    path: usize,
    /// No earlier path has the same template.
    is_first: bool,
    pointer: &'a str,
    /// Names in the template.
    names: &'a BTreeSet<Box<str>>,
    declared: BTreeSet<Box<str>>,
    owner: Option<Box<str>>,
}

impl<'a> Reader<'a> {
    fn fault(&mut self, node: &Node, pointer: &str, fault: Fault) {
        if self.faults.len() < Document::FAULTS_MAX {
            let line = (node.line > 0).then_some(node.line);
            self.faults.push(DocumentFault { pointer: pointer.into(), line, fault });
        }
    }

    fn version(&mut self) -> Result<(), DocumentError> {
        let root = self.root;
        if !root.is_map() {
            return Err(DocumentError::NotAMapping);
        }
        let scalar = |node: &Node| match &node.value {
            Value::Text(text) => text.clone(),
            Value::Number(number) => format!("{number:?}").into(),
            Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) => "?".into(),
        };
        if let Some(swagger) = root.get("swagger") {
            return Err(DocumentError::Swagger { version: scalar(swagger) });
        }
        let node = root.get("openapi").ok_or(DocumentError::NotOpenApi)?;
        if matches!(node.value, Value::Number(_)) {
            self.fault(node, "/openapi", Fault::VersionIsNumber);
        }
        let version = scalar(node);
        let minor = version.split('.').take(2).collect::<Vec<_>>().join(".");
        match minor.as_str() {
            "3.0" | "3.1" => Ok(()),
            "3.2" => {
                self.fault(node, "/openapi", Fault::NewerVersion(version));
                Ok(())
            }
            _ => Err(DocumentError::Version { version }),
        }
    }

    fn info(&mut self, name: &str) {
        let root = self.root;
        self.document.title = name.into();
        let Some(info) = root.get("info") else {
            self.fault(root, "", Fault::Missing("info"));
            return;
        };
        match info.get("title") {
            Some(title) => match title.text() {
                Some(text) => self.document.title = text.trim().into(),
                None => self.fault(title, "/info/title", Fault::Expected("a string")),
            },
            None => self.fault(info, "/info", Fault::Missing("title")),
        }
        self.document.owner = self.owner_of(info, "/info").or_else(|| self.owner_of(root, ""));
    }

    fn owner_of(&mut self, node: &Node, pointer: &str) -> Option<Box<str>> {
        let owner = node.get("x-owner")?;
        let text = owner.text().map(Into::into);
        if text.is_none() {
            self.fault(owner, &child(pointer, "x-owner"), Fault::Expected("a string"));
        }
        text
    }

    /// Base paths of the servers of `node`; `None` where it has none. Authorities go to the document.
    fn servers(&mut self, node: &Node, pointer: &str) -> Option<Vec<String>> {
        let pointer = child(pointer, "servers");
        let servers = node.get("servers")?;
        let Some(list) = servers.list() else {
            self.fault(servers, &pointer, Fault::Expected("a list"));
            return None;
        };
        if list.len() > SERVERS_MAX {
            self.fault(servers, &pointer, Fault::TooMany(SERVERS_MAX));
        }
        let mut bases = Vec::new();
        for (index, server) in list.iter().take(SERVERS_MAX).enumerate() {
            let Some(server) = self.server(server, &child(&pointer, &index.to_string())) else { continue };
            if !bases.contains(&server.base) {
                bases.push(server.base);
            }
            if let Some(authority) = server.authority.filter(|authority| !self.document.authorities.contains(authority))
            {
                self.document.authorities.push(authority);
            }
        }
        (!bases.is_empty()).then_some(bases)
    }

    fn server(&mut self, node: &Node, pointer: &str) -> Option<Server> {
        let pointer = child(pointer, "url");
        let Some(url) = node.get("url") else {
            self.fault(node, &pointer, Fault::Missing("url"));
            return None;
        };
        let Some(template) = url.text() else {
            self.fault(url, &pointer, Fault::Expected("a string"));
            return None;
        };
        let mut filled = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            let variable = node.get("variables").and_then(|variables| variables.get(name));
            let Some(default) = variable.and_then(|variable| variable.get("default")).and_then(Node::text) else {
                self.fault(url, &pointer, Fault::NoDefault(name.into()));
                return None;
            };
            filled.push_str(before);
            filled.push_str(default);
            rest = after;
        }
        filled.push_str(rest);
        let server = Server::parse(&filled);
        if server.is_odd {
            self.fault(url, &pointer, Fault::ServerUrl(template.into()));
        }
        Some(server)
    }

    fn paths(&mut self) {
        let root = self.root;
        let Some(paths) = root.get("paths") else {
            // 3.1 allows a document of webhooks or components only.
            if root.get("webhooks").is_none() && root.get("components").is_none() {
                self.fault(root, "", Fault::Missing("paths"));
            }
            return;
        };
        if !paths.is_map() {
            self.fault(paths, "/paths", Fault::Expected("a mapping"));
            return;
        }
        let mut seen = BTreeSet::new();
        for (path, item) in paths.members() {
            let pointer = child("/paths", path);
            if path.starts_with("x-") {
                continue;
            }
            if !seen.insert(path) {
                self.fault(item, &pointer, Fault::Twice(path.clone()));
            } else if self.document.routes.len() >= Document::PATHS_MAX {
                self.fault(item, &pointer, Fault::TooMany(Document::PATHS_MAX));
                return;
            } else {
                self.path(path, item, &pointer);
            }
        }
    }

    fn path(&mut self, path: &str, item: &'a Node, pointer: &str) {
        let Some((segments, names)) = self.template(path, item, pointer) else { return };
        let Some(target) = self.target(item, pointer) else { return };
        if !target.is_map() {
            self.fault(target, pointer, Fault::Expected("a mapping"));
            return;
        }
        let bases = self.servers(target, pointer).unwrap_or_else(|| self.bases.clone());
        let templates: Vec<Vec<Segment>> = bases.iter().map(|base| with_base(base, &segments)).collect();
        let same = templates.iter().find_map(|template| self.document.matcher.path_of(template));
        let index = same.unwrap_or(self.document.routes.len());
        for template in &templates {
            self.document.matcher.insert(template, index);
        }
        if let Some(other) = self.document.routes.get(index) {
            let other = other.clone();
            self.fault(item, pointer, Fault::SameTemplate(other));
        } else {
            self.document.routes.push(route(bases.first().map_or("", String::as_str), path));
        }
        let declared = self.declared(target, pointer, &names);
        let owner = self.owner_of(target, pointer);
        self.members(
            target,
            &PathItem { path: index, is_first: same.is_none(), pointer, names: &names, declared, owner },
        );
    }

    /// A path's segments and the names of its parameters; `None` where it can't be used.
    fn template(&mut self, path: &str, item: &Node, pointer: &str) -> Option<(Vec<Segment>, BTreeSet<Box<str>>)> {
        if !path.starts_with('/') {
            self.fault(item, pointer, Fault::NoSlash);
        }
        if path.contains(['?', '#']) {
            self.fault(item, pointer, Fault::PathHasQuery);
        }
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let mut names = BTreeSet::new();
        let mut segments = Vec::new();
        for text in crate::inventory::shape::segments(path) {
            if segments.len() >= SEGMENTS_MAX {
                self.fault(item, pointer, Fault::TooDeep);
                return None;
            }
            let Some((segment, found)) = segment(text) else {
                self.fault(item, pointer, Fault::Braces);
                return None;
            };
            for name in found {
                if name.is_empty() {
                    self.fault(item, pointer, Fault::Nameless);
                } else if !names.insert(Box::from(name)) {
                    self.fault(item, pointer, Fault::ParameterTwice(name.into()));
                }
            }
            segments.push(segment);
        }
        Some((segments, names))
    }

    fn members(&mut self, item: &'a Node, shared: &PathItem<'_>) {
        for (name, node) in item.members() {
            let pointer = child(shared.pointer, name);
            if METHODS.contains(&&**name) {
                self.operation(&name.to_ascii_uppercase(), node, &pointer, shared);
            } else if !MEMBERS.contains(&&**name) && !name.starts_with("x-") && &**name != "additionalOperations" {
                self.fault(node, &pointer, Fault::UnknownMember(name.clone()));
            }
        }
    }

    fn operation(&mut self, method: &str, node: &'a Node, pointer: &str, shared: &PathItem<'_>) {
        if !node.is_map() {
            self.fault(node, pointer, Fault::Expected("a mapping"));
            return;
        }
        let deprecated = match node.get("deprecated").map(|deprecated| &deprecated.value) {
            Some(Value::Bool(deprecated)) => *deprecated,
            Some(Value::Null | Value::Number(_) | Value::Text(_) | Value::List(_) | Value::Map(_)) => {
                self.fault(node, &child(pointer, "deprecated"), Fault::Expected("true or false"));
                false
            }
            None => false,
        };
        let mut declared = self.declared(node, pointer, shared.names);
        declared.extend(shared.declared.iter().cloned());
        for name in shared.names.difference(&declared) {
            self.fault(node, pointer, Fault::Undeclared(name.clone()));
        }
        let owner =
            self.owner_of(node, pointer).or_else(|| shared.owner.clone()).or_else(|| self.document.owner.clone());
        let security = match node.get("security") {
            Some(own) => self.security(own, &child(pointer, "security")),
            None => self.root.get("security").and_then(|all| self.security(all, "/security")),
        };
        let method = Method::new(method);
        let operation = self.document.operations.len();
        if self.document.matcher.add_operation(shared.path, method.clone(), operation) {
            self.document.operations.push(Operation { method, path: shared.path, deprecated, owner, security });
        } else if shared.is_first {
            // Of another path with the same template it was said there.
            self.fault(node, pointer, Fault::Twice(method.as_str().to_ascii_lowercase().into()));
        }
    }

    /// Names of the path parameters that are declared here.
    fn declared(&mut self, node: &'a Node, pointer: &str, names: &BTreeSet<Box<str>>) -> BTreeSet<Box<str>> {
        let pointer = child(pointer, "parameters");
        let mut declared = BTreeSet::new();
        let Some(parameters) = node.get("parameters") else { return declared };
        let Some(list) = parameters.list() else {
            self.fault(parameters, &pointer, Fault::Expected("a list"));
            return declared;
        };
        if list.len() > LIST_MAX {
            self.fault(parameters, &pointer, Fault::TooMany(LIST_MAX));
        }
        for (index, parameter) in list.iter().take(LIST_MAX).enumerate() {
            let pointer = child(&pointer, &index.to_string());
            let Some(target) = self.target(parameter, &pointer) else { continue };
            let Some(name) = target.get("name").and_then(Node::text) else {
                self.fault(target, &pointer, Fault::Missing("name"));
                continue;
            };
            if target.get("in").and_then(Node::text) != Some("path") {
                continue;
            }
            if !names.contains(name) {
                self.fault(parameter, &pointer, Fault::NotInPath(name.into()));
            }
            declared.insert(name.into());
        }
        declared
    }

    fn security(&mut self, node: &Node, pointer: &str) -> Option<Vec<Vec<Box<str>>>> {
        let Some(list) = node.list() else {
            self.fault(node, pointer, Fault::Expected("a list"));
            return None;
        };
        let mut requirements = Vec::new();
        for (index, requirement) in list.iter().take(LIST_MAX).enumerate() {
            if requirement.is_map() {
                requirements.push(requirement.members().iter().take(LIST_MAX).map(|(name, _)| name.clone()).collect());
            } else {
                self.fault(requirement, &child(pointer, &index.to_string()), Fault::Expected("a mapping"));
            }
        }
        Some(requirements)
    }

    /// The node itself, or what its `$ref` leads to within the document.
    fn target(&mut self, node: &'a Node, pointer: &str) -> Option<&'a Node> {
        let mut target = node;
        for _ in 0..REFERENCES_MAX {
            let Some(reference) = target.get("$ref") else { return Some(target) };
            let Some(text) = reference.text() else {
                self.fault(reference, &child(pointer, "$ref"), Fault::Expected("a string"));
                return None;
            };
            let Some(inside) = text.strip_prefix('#') else {
                self.fault(node, pointer, Fault::ExternalReference(text.into()));
                return None;
            };
            let Some(next) = lookup(self.root, inside) else {
                self.fault(node, pointer, Fault::NoSuchReference(text.into()));
                return None;
            };
            target = next;
        }
        self.fault(node, pointer, Fault::ReferenceCircle);
        None
    }
}

/// A template below a base path.
fn with_base(base: &str, segments: &[Segment]) -> Vec<Segment> {
    let base = crate::inventory::shape::segments(base).map(|literal| Segment::Literal(literal.into()));
    base.chain(segments.iter().cloned()).collect()
}

/// A template as it is shown: without query, doubled and trailing slashes.
fn route(base: &str, path: &str) -> Box<str> {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let route: String = crate::inventory::shape::segments(path).flat_map(|segment| ["/", segment]).collect();
    let route = format!("{base}{route}");
    if route.is_empty() { "/".into() } else { route.into() }
}

/// A segment and the names of its parameters; `None` where braces do not pair.
fn segment(text: &str) -> Option<(Segment, Vec<&str>)> {
    let (mut parts, mut names) = (Vec::new(), Vec::new());
    let mut rest = text;
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
        }
        names.push(name);
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

/// A member's pointer (RFC 6901 §3).
fn child(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// What a pointer leads to; in a URI fragment it may be percent-encoded (RFC 6901 §6).
fn lookup<'a>(root: &'a Node, pointer: &str) -> Option<&'a Node> {
    if pointer.is_empty() {
        return Some(root);
    }
    pointer.strip_prefix('/')?.split('/').try_fold(root, |node, token| {
        let token = super::matcher::decoded(token).replace("~1", "/").replace("~0", "~");
        match node.list() {
            Some(list) => list.get(token.parse::<usize>().ok()?),
            None => node.get(&token),
        }
    })
}
