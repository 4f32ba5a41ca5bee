//! A document's files: the document itself and what it refers to inside its folder, each parsed once. Opens nothing: its caller gives
//! the text of a name.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::Document;
use super::fault::{DocumentError, DocumentFault, Fault};
use super::lines;
use super::matcher::decoded;
use super::tree::{Node, is_json};

/// Gives the text of a file by its name, which is relative to the document's folder, with `/` between its parts and without `.` and
/// `..`; or says for people why there is none.
pub type Open<'a> = dyn FnMut(&str) -> Result<String, Box<str>> + 'a;

/// A document and the files that it refers to, parsed.
#[derive(Debug)]
pub struct Source {
    /// The document itself first.
    files: Vec<File>,
    by_name: FxHashMap<Box<str>, usize>,
    /// Files that can't be used, and why.
    missing: FxHashMap<Box<str>, Fault>,
    /// The folder part of `$self`, where it is a URL: references that begin with it mean files of the folder.
    own_url: Option<Box<str>>,
    /// What was wrong with references.
    pub(super) faults: Vec<DocumentFault>,
}

#[derive(Debug)]
struct File {
    name: Arc<str>,
    /// Folder of the file within the document's folder; empty for the document's own.
    folder: Box<str>,
    tree: Node,
    /// Kept of JSON, which has no lines in its tree.
    text: Option<Box<str>>,
}

/// A node and the file in which it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'a> {
    pub(super) file: usize,
    pub(super) node: &'a Node,
}

/// Where an operation stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Which of the API's documents.
    pub source: u16,
    /// Which of its files; see [`Source::value`].
    pub file: u16,
    /// JSON pointer in it.
    pub pointer: Box<str>,
}

impl Source {
    /// Files read of one document.
    pub const FILES_MAX: usize = 256;
    /// References followed in a row.
    pub(super) const REFERENCES_MAX: usize = 16;

    /// Parses a document, and all files that it refers to. Files that can't be used are faults.
    pub fn parse(text: &str, name: &str, open: &mut Open<'_>) -> Result<Self, DocumentError> {
        if text.len() > Document::BYTES_MAX {
            return Err(DocumentError::TooLarge { bytes: text.len() });
        }
        let mut source = Self {
            files: Vec::new(),
            by_name: FxHashMap::default(),
            missing: FxHashMap::default(),
            own_url: None,
            faults: Vec::new(),
        };
        source.add(name, text)?;
        // By the name that a reference in another file gives it.
        let own = source.root().node.get("$self").and_then(Node::text).filter(|own| has_scheme(own));
        source.own_url = own.and_then(|own| own.rsplit_once('/')).map(|(folder, _)| format!("{folder}/").into());
        let mut bytes = text.len();
        let mut next = 0;
        while next < source.files.len() {
            source.load_from(next, &mut bytes, open);
            next += 1;
        }
        source.check_references();
        Ok(source)
    }

    /// A node as JSON, references as they stand. `file` and `pointer` are a [`Place`]'s.
    pub fn value(&self, file: u16, pointer: &str) -> Option<serde_json::Value> {
        self.files.get(usize::from(file))?.tree.lookup(pointer).map(Node::json)
    }

    /// Where a reference leads that stands in `file`: file and pointer.
    pub fn target(&self, file: u16, reference: &str) -> Option<(u16, Box<str>)> {
        let (file, pointer) = self.locate(usize::from(file), reference).ok()?;
        Some((u16::try_from(file).ok()?, pointer.into()))
    }

    /// Names of its files, relative to the document's folder; the document's own first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| &*file.name)
    }

    /// Names of the files that could not be used: they may be there later.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        self.missing.keys().map(AsRef::as_ref)
    }

    pub(super) fn root(&self) -> At<'_> {
        const NOTHING: &Node = &Node { line: 0, value: super::tree::Value::Null };
        At { file: 0, node: self.files.first().map_or(NOTHING, |file| &file.tree) }
    }

    pub(super) fn name(&self) -> Arc<str> {
        self.files.first().map_or_else(|| "".into(), |file| Arc::clone(&file.name))
    }

    /// A fault's place; its line comes from the tree, or at the end from [`Source::place`].
    pub(super) fn fault(&self, at: At<'_>, pointer: &str, fault: Fault) -> DocumentFault {
        DocumentFault {
            source: 0,
            file: self.files.get(at.file).map_or_else(|| "".into(), |file| Arc::clone(&file.name)),
            is_elsewhere: at.file > 0,
            pointer: pointer.into(),
            line: (at.node.line > 0).then_some(at.node.line),
            fault,
        }
    }

    /// Gives the faults in JSON files their lines.
    pub(super) fn place(&self, faults: &mut [DocumentFault]) {
        for file in &self.files {
            let Some(text) = &file.text else { continue };
            let is_here = |fault: &DocumentFault| fault.line.is_none() && fault.file == file.name;
            let here: Vec<&mut DocumentFault> = faults.iter_mut().filter(|fault| is_here(fault)).collect();
            if here.is_empty() {
                continue;
            }
            let lines = lines::find(text, here.iter().map(|fault| &*fault.pointer));
            for fault in here {
                fault.line = lines::nearest(&lines, &fault.pointer);
            }
        }
    }

    /// What a reference leads to. `Err`: nothing, and why.
    pub(super) fn follow(&self, file: usize, reference: &str) -> Result<At<'_>, Fault> {
        let (file, pointer) = self.locate(file, reference)?;
        let gone = || Fault::NoSuchReference(reference.into());
        let node = self.files.get(file).and_then(|file| file.tree.lookup(&pointer)).ok_or_else(gone)?;
        Ok(At { file, node })
    }

    /// File and pointer of a reference, which need not be there.
    pub(super) fn locate(&self, file: usize, reference: &str) -> Result<(usize, String), Fault> {
        let (uri, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        if uri.is_empty() {
            return Ok((file, fragment.to_owned()));
        }
        let name = self.name_of(file, uri, reference)?;
        if let Some(known) = self.by_name.get(&*name) {
            return Ok((*known, fragment.to_owned()));
        }
        Err(self.missing.get(&*name).cloned().unwrap_or_else(|| Fault::NoSuchReference(reference.into())))
    }

    /// The name of the file that a URI reference means.
    fn name_of(&self, file: usize, uri: &str, reference: &str) -> Result<String, Fault> {
        let own = self.own_url.as_deref().and_then(|own| uri.strip_prefix(own));
        if own.is_none() && (has_scheme(uri) || uri.starts_with("//")) {
            return Err(Fault::RemoteReference(reference.into()));
        }
        let folder = match own {
            Some(_) => "",
            None => self.files.get(file).map_or("", |file| &*file.folder),
        };
        let uri = decoded(own.unwrap_or(uri));
        let uri = uri.split('?').next().unwrap_or_default();
        let outside = || Fault::OutsideFolder(reference.into());
        if uri.starts_with('/') || uri.contains('\0') {
            return Err(outside());
        }
        let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
        for part in uri.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop().ok_or_else(outside)?;
                }
                part => parts.push(part),
            }
        }
        Ok(parts.join("/"))
    }

    fn add(&mut self, name: &str, text: &str) -> Result<(), DocumentError> {
        let tree = Node::parse(text)?;
        let folder = match name.rsplit_once('/') {
            Some((folder, _)) if !self.files.is_empty() => folder.into(),
            _ => "".into(),
        };
        self.by_name.insert(name.into(), self.files.len());
        self.files.push(File { name: name.into(), folder, tree, text: is_json(text).then(|| text.into()) });
        Ok(())
    }

    /// Loads what a file refers to.
    fn load_from(&mut self, from: usize, bytes: &mut usize, open: &mut Open<'_>) {
        let Some(file) = self.files.get(from) else { return };
        let mut wanted = Vec::new();
        let mut visit = |_: &Node, _: &[Step<'_>], reference: &str| {
            let uri = reference.split('#').next().unwrap_or_default();
            if !uri.is_empty()
                && let Ok(name) = self.name_of(from, uri, reference)
                && !wanted.contains(&name)
            {
                wanted.push(name);
            }
        };
        references(&file.tree, &mut Vec::new(), &mut visit);
        for name in wanted {
            if !self.by_name.contains_key(&*name)
                && !self.missing.contains_key(&*name)
                && let Err(fault) = self.load(&name, bytes, open)
                && self.missing.len() < Document::FAULTS_MAX
            {
                self.missing.insert(name.into(), fault);
            }
        }
    }

    fn load(&mut self, name: &str, bytes: &mut usize, open: &mut Open<'_>) -> Result<(), Fault> {
        if self.files.len() >= Self::FILES_MAX {
            return Err(Fault::TooManyFiles(Self::FILES_MAX, name.into()));
        }
        let text = open(name).map_err(|why| Fault::File { file: name.into(), why })?;
        if *bytes + text.len() > Document::BYTES_MAX {
            return Err(Fault::TooManyBytes(Document::BYTES_MAX, name.into()));
        }
        *bytes += text.len();
        self.add(name, &text).map_err(|error| Fault::File { file: name.into(), why: error.to_string().into() })
    }

    /// Places every reference that leads nowhere, but for the same one in the same file again.
    fn check_references(&mut self) {
        let mut faults = Vec::new();
        for (index, file) in self.files.iter().enumerate() {
            let mut known: FxHashSet<Box<str>> = FxHashSet::default();
            let mut visit = |node: &Node, way: &[Step<'_>], reference: &str| {
                if faults.len() >= Document::FAULTS_MAX || known.contains(reference) {
                    return;
                }
                known.insert(reference.into());
                if let Err(fault) = self.follow(index, reference) {
                    let pointer: String = way.iter().map(Step::pointer).collect();
                    faults.push(self.fault(At { file: index, node }, &pointer, fault));
                }
            };
            references(&file.tree, &mut Vec::new(), &mut visit);
        }
        self.faults = faults;
    }
}

/// A step from a node to one below it.
#[derive(Clone, Copy)]
enum Step<'a> {
    Member(&'a str),
    Element(usize),
}

impl Step<'_> {
    fn pointer(&self) -> String {
        match self {
            Self::Member(name) => child("", name),
            Self::Element(index) => format!("/{index}"),
        }
    }
}

/// What [`references`] gives: the node that holds the reference, its way from the root, and the reference.
type Visit<'v, 'a> = dyn FnMut(&'a Node, &[Step<'a>], &'a str) + 'v;

/// Every reference of a tree, examples and defaults left out. As deep as the parser goes.
fn references<'a>(node: &'a Node, way: &mut Vec<Step<'a>>, visit: &mut Visit<'_, 'a>) {
    if let Some(reference) = node.get("$ref").and_then(Node::text) {
        visit(node, way, reference);
    }
    // A property may be called `example`; elsewhere that is a value and no part of the document.
    let are_names =
        matches!(way.last(), Some(Step::Member("properties" | "schemas" | "definitions" | "patternProperties")));
    for (name, member) in node.members() {
        let is_value =
            matches!(&**name, "example" | "examples" | "default" | "enum" | "const") || name.starts_with("x-");
        if are_names || !is_value {
            way.push(Step::Member(name));
            references(member, way, visit);
            way.pop();
        }
    }
    for (index, element) in node.list().unwrap_or_default().iter().enumerate() {
        way.push(Step::Element(index));
        references(element, way, visit);
        way.pop();
    }
}

/// A member's pointer (RFC 6901 §3).
pub(super) fn child(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn has_scheme(uri: &str) -> bool {
    uri.split_once(':').is_some_and(|(scheme, _)| {
        scheme.len() > 1
            && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    })
}
