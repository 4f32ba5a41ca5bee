//! From a tree to a document: version, title, servers, tags. What is below `paths` is in `paths.rs`.

use super::fault::{DocumentError, DocumentFault, Fault};
use super::files::{At, Source, child};
use super::matcher::Segment;
use super::server::{Authority, Server, expand};
use super::tree::{Node, Value};
use super::{Document, DocumentPart};

/// Servers of a document or path, and schemes of Swagger 2.0.
const SERVERS_MAX: usize = 32;
/// Parameters of an operation or path, security requirements, schemes of one, tags.
pub(super) const LIST_MAX: usize = 1_024;

/// See [`Document::of`].
pub(super) fn read(document: &mut Document, source: &Source, index: u16) -> Result<Vec<DocumentFault>, DocumentError> {
    let mut reader = Reader {
        source,
        index,
        faults: Vec::new(),
        document,
        part: DocumentPart { name: source.name(), ..DocumentPart::default() },
        bases: vec![String::new()],
        own_url: source.root().node.get("$self").and_then(Node::text).map(Into::into),
        owner: None,
        is_swagger: false,
        listed: Vec::new(),
    };
    reader.version()?;
    reader.info();
    reader.base();
    reader.tags();
    reader.paths();
    reader.tell_ties();
    let Reader { mut faults, mut part, bases, .. } = reader;
    part.bases = bases;
    document.parts.push(part);
    // What was found while following references is told there already.
    let known =
        |fault: &&DocumentFault| !faults.iter().any(|other| other.pointer == fault.pointer && other.file == fault.file);
    let more: Vec<DocumentFault> = source.faults.iter().filter(known).cloned().collect();
    faults.extend(more);
    faults.truncate(Document::FAULTS_MAX);
    source.place(&mut faults);
    for fault in &mut faults {
        fault.source = index;
    }
    Ok(faults)
}

pub(super) struct Reader<'a, 'd> {
    pub(super) source: &'a Source,
    /// Which of the API's documents it is.
    pub(super) index: u16,
    pub(super) faults: Vec<DocumentFault>,
    pub(super) document: &'d mut Document,
    pub(super) part: DocumentPart,
    /// Base paths of the document's servers, without doubles.
    pub(super) bases: Vec<String>,
    /// `$self`.
    own_url: Option<Box<str>>,
    /// `x-owner` of this document.
    pub(super) owner: Option<Box<str>>,
    /// Swagger 2.0.
    pub(super) is_swagger: bool,
    /// The paths that were read, for what is told at the end.
    pub(super) listed: Vec<Listed<'a>>,
}

/// A path that was read.
pub(super) struct Listed<'a> {
    pub(super) path: usize,
    pub(super) at: At<'a>,
    pub(super) pointer: String,
    /// Below the first base path.
    pub(super) template: Vec<Segment>,
}

impl<'a> Reader<'a, '_> {
    pub(super) fn fault(&mut self, at: At<'_>, pointer: &str, fault: Fault) {
        if self.faults.len() < Document::FAULTS_MAX {
            self.faults.push(self.source.fault(at, pointer, fault));
        }
    }

    fn version(&mut self) -> Result<(), DocumentError> {
        let root = self.source.root();
        if !root.node.is_map() {
            return Err(DocumentError::NotAMapping);
        }
        let scalar = |node: &Node| match &node.value {
            Value::Text(text) => text.clone(),
            Value::Number(number) => format!("{number:?}").into(),
            Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) => "?".into(),
        };
        if let Some(swagger) = root.node.get("swagger") {
            self.is_swagger = true;
            let version = scalar(swagger);
            if matches!(swagger.value, Value::Number(_)) {
                self.fault(At { node: swagger, ..root }, "/swagger", Fault::VersionIsNumber);
            }
            return if version.trim() == "2.0" { Ok(()) } else { Err(DocumentError::Version { version }) };
        }
        let node = root.node.get("openapi").ok_or(DocumentError::NotOpenApi)?;
        let at = At { node, ..root };
        if matches!(node.value, Value::Number(_)) {
            self.fault(at, "/openapi", Fault::VersionIsNumber);
        }
        let version = scalar(node);
        let mut numbers = version.trim().split('.');
        match (numbers.next(), numbers.next().map(str::parse::<u8>)) {
            (Some("3"), Some(Ok(0..=2))) => Ok(()),
            (Some("3"), Some(Ok(_))) => {
                self.fault(at, "/openapi", Fault::NewerVersion(version));
                Ok(())
            }
            _ => Err(DocumentError::Version { version }),
        }
    }

    fn info(&mut self) {
        let root = self.source.root();
        let mut title = self.source.name().as_ref().into();
        match root.node.get("info") {
            None => self.fault(root, "", Fault::Missing("info")),
            Some(info) => {
                let at = At { node: info, ..root };
                match info.get("title") {
                    Some(node) => match node.text() {
                        Some(text) => title = text.trim().into(),
                        None => self.fault(At { node, ..root }, "/info/title", Fault::Expected("a string")),
                    },
                    None => self.fault(at, "/info", Fault::Missing("title")),
                }
                self.owner = self.owner_of(at, "/info");
            }
        }
        if root.node.get("info").is_some() && self.owner.is_none() {
            self.owner = self.owner_of(root, "");
        }
        if self.index == 0 {
            self.document.title = title;
            self.document.owner.clone_from(&self.owner);
        }
    }

    pub(super) fn owner_of(&mut self, at: At<'_>, pointer: &str) -> Option<Box<str>> {
        let owner = at.node.get("x-owner")?;
        let text = owner.text().map(Into::into);
        if text.is_none() {
            self.fault(At { node: owner, ..at }, &child(pointer, "x-owner"), Fault::Expected("a string"));
        }
        text
    }

    /// Where the document as a whole is served.
    fn base(&mut self) {
        let root = self.source.root();
        if self.is_swagger {
            self.swagger_base();
        } else if let Some(bases) = self.servers(root, "") {
            self.bases = bases;
        } else if root.node.get("servers").is_none() {
            // Without servers it is `/`, relative to the document's own URL.
            let server = Server::parse("/", self.own_url.as_deref());
            self.part.authorities.extend(server.authority);
        }
    }

    /// `host`, `basePath` and `schemes` of Swagger 2.0.
    fn swagger_base(&mut self) {
        let root = self.source.root();
        if let Some(node) = root.node.get("basePath") {
            let at = At { node, ..root };
            match node.text() {
                Some(path) => {
                    // A whole URL is a mistake that is often made.
                    let server = Server::parse(path, None);
                    if server.is_odd || server.authority.is_some() {
                        self.fault(at, "/basePath", Fault::ServerUrl(path.into()));
                    }
                    self.bases = vec![server.base];
                }
                None => self.fault(at, "/basePath", Fault::Expected("a string")),
            }
        }
        let Some(node) = root.node.get("host") else { return };
        let at = At { node, ..root };
        let Some(host) = node.text() else {
            self.fault(at, "/host", Fault::Expected("a string"));
            return;
        };
        let bare = host.split_once("://").map_or(host, |(_, rest)| rest);
        let bare = bare.split(['/', '?', '#']).next().unwrap_or_default();
        if bare != host || host.contains('{') {
            self.fault(at, "/host", Fault::Host(host.into()));
        }
        if bare.contains('{') {
            return;
        }
        let schemes = root.node.get("schemes").and_then(Node::list).unwrap_or_default();
        let mut schemes: Vec<&str> = schemes.iter().take(SERVERS_MAX).filter_map(Node::text).collect();
        if schemes.is_empty() {
            schemes.push("");
        }
        self.part.authorities.extend(schemes.iter().filter_map(|scheme| Authority::parse(scheme, bare)));
    }

    /// Base paths of the servers of a node; `None` where it has none. Authorities go to the document.
    pub(super) fn servers(&mut self, at: At<'a>, pointer: &str) -> Option<Vec<String>> {
        let pointer = child(pointer, "servers");
        let node = at.node.get("servers")?;
        let at = At { node, ..at };
        let Some(list) = node.list() else {
            self.fault(at, &pointer, Fault::Expected("a list"));
            return None;
        };
        if list.len() > SERVERS_MAX {
            self.fault(at, &pointer, Fault::TooMany(SERVERS_MAX));
        }
        let mut bases = Vec::new();
        for (index, node) in list.iter().take(SERVERS_MAX).enumerate() {
            for server in self.server(At { node, ..at }, &child(&pointer, &index.to_string())) {
                if !bases.contains(&server.base) {
                    bases.push(server.base);
                }
                let known = &mut self.part.authorities;
                if let Some(authority) = server.authority.filter(|authority| !known.contains(authority)) {
                    known.push(authority);
                }
            }
        }
        if bases.len() > SERVERS_MAX {
            self.fault(at, &pointer, Fault::TooMany(SERVERS_MAX));
            bases.truncate(SERVERS_MAX);
        }
        (!bases.is_empty()).then_some(bases)
    }

    /// The servers that one entry means, by the values of its variables.
    fn server(&mut self, at: At<'a>, pointer: &str) -> Vec<Server> {
        let pointer = child(pointer, "url");
        let Some(url) = at.node.get("url") else {
            self.fault(at, &pointer, Fault::Missing("url"));
            return Vec::new();
        };
        let place = At { node: url, ..at };
        let Some(template) = url.text() else {
            self.fault(place, &pointer, Fault::Expected("a string"));
            return Vec::new();
        };
        let mut told = Vec::new();
        let urls = expand(template, at.node.get("variables"), &mut told).unwrap_or_else(|fault| {
            told.push(fault);
            Vec::new()
        });
        let servers: Vec<Server> = urls.iter().map(|url| Server::parse(url, self.own_url.as_deref())).collect();
        if servers.iter().any(|server| server.is_odd) {
            told.push(Fault::ServerUrl(template.into()));
        }
        for fault in told {
            self.fault(place, &pointer, fault);
        }
        servers
    }

    /// Tags form a forest (3.2).
    fn tags(&mut self) {
        let root = self.source.root();
        let list = root.node.get("tags").and_then(Node::list).unwrap_or_default();
        let name = |tag: &'a Node| tag.get("name").and_then(Node::text);
        let parent = |tag: &'a Node| tag.get("parent").and_then(Node::text);
        let by_name: rustc_hash::FxHashMap<&str, &Node> =
            list.iter().take(LIST_MAX).filter_map(|tag| Some((name(tag)?, tag))).collect();
        for (index, tag) in list.iter().take(LIST_MAX).enumerate() {
            let Some(above) = parent(tag) else { continue };
            let (at, pointer) = (At { node: tag, ..root }, format!("/tags/{index}/parent"));
            if !by_name.contains_key(above) {
                self.fault(at, &pointer, Fault::NoSuchTag(above.into()));
                continue;
            }
            let mut next = Some(above);
            let steps = std::iter::from_fn(|| {
                let now = next?;
                next = by_name.get(now).copied().and_then(parent);
                Some(now)
            });
            let own = name(tag).unwrap_or_default();
            if steps.take(by_name.len()).any(|above| above == own) {
                self.fault(at, &pointer, Fault::TagCircle(own.into()));
            }
        }
    }

    /// The node itself, or what its `$ref` leads to, and its pointer there.
    pub(super) fn target(&mut self, at: At<'a>, pointer: &str) -> Option<(At<'a>, String)> {
        let (mut target, mut place) = (at, pointer.to_owned());
        for _ in 0..Source::REFERENCES_MAX {
            let Some(reference) = target.node.get("$ref") else { return Some((target, place)) };
            let Some(text) = reference.text() else {
                self.fault(At { node: reference, ..target }, &child(&place, "$ref"), Fault::Expected("a string"));
                return None;
            };
            match self.source.follow(target.file, text) {
                Ok(next) => target = next,
                Err(fault) => {
                    self.fault(at, pointer, fault);
                    return None;
                }
            }
            place = text.split_once('#').map_or_else(String::new, |(_, fragment)| fragment.to_owned());
        }
        self.fault(at, pointer, Fault::ReferenceCircle);
        None
    }
}
