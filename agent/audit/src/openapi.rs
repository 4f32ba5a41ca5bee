//! `OpenAPI` 3.0, 3.1 and 3.2 and Swagger 2.0 documents: read once, matched often.
//!
//! A document from the real world is often broken in places. It is read as far as possible: each fault is placed (file, line, JSON pointer)
//! and the rest of the document counts. Only what cannot be a document at all is an error. An API may have several documents, such as one
//! for each version: they are one [`Document`] here.
//!
//! It opens no file: its caller gives the text of each name that a document refers to inside its folder. Its entries are
//! [`Source::parse`] and [`Document::of`].

mod accepts;
mod earlier;
mod fault;
mod files;
mod lines;
mod matcher;
mod paths;
mod read;
mod server;
mod ties;
mod tree;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::exchange::Method;

pub use earlier::Earlier;
pub use fault::{DocumentError, DocumentFault, Fault};
pub use files::{Open, Place, Source};
use matcher::Matcher;
use server::Authority;

/// An operation: a method on a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The method.
    pub method: Method,
    /// Which path; see [`Document::route`].
    pub path: usize,
    /// `deprecated: true`.
    pub deprecated: bool,
    /// `x-owner` of the operation or its path.
    pub owner: Option<Box<str>>,
    /// `x-owner` of its document: of `info`, or at the root.
    pub document_owner: Option<Box<str>>,
    /// Security requirements, one of which must be met: each is a set of scheme names that go together, and an empty set means that no
    /// credential is needed. `None`: the document says nothing.
    pub security: Option<Vec<Vec<Box<str>>>>,
    /// One of these ways shows nothing in HTTP: a client's certificate (`mutualTLS`) is enough.
    pub by_certificate: bool,
    /// Where it stands.
    pub place: Place,
}

/// What a document says of a method and a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentMatch {
    /// An operation.
    Operation {
        /// Its path; see [`Document::route`].
        path: usize,
        /// Index into [`Document::operations`].
        operation: usize,
        /// What else it might have been: the match is ambiguous.
        rival: Option<Rival>,
    },
    /// An operation that an earlier version of the document had; the present one has not.
    Removed {
        /// Its path; see [`Document::route`].
        path: usize,
    },
    /// A path, but not with this method.
    PathOnly {
        /// The path; see [`Document::route`].
        path: usize,
    },
    /// Not in the document.
    None,
}

impl DocumentMatch {
    /// The path, whatever is said of it.
    pub const fn path(self) -> Option<usize> {
        match self {
            Self::Operation { path, .. } | Self::Removed { path } | Self::PathOnly { path } => Some(path),
            Self::None => None,
        }
    }
}

/// Another path that fits too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rival {
    /// The path; see [`Document::route`].
    pub path: usize,
    /// Why it may be meant.
    pub why: Doubt,
}

/// Why a match is ambiguous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The other is as literal, has the method, and its parameters accept the values.
    Tie,
    /// The other is more literal and has not the method: a server may answer 405 instead of going on to this one.
    Method,
}

/// An API's documents, read and compiled. Shared as a snapshot: it never changes.
#[derive(Debug, Default)]
pub struct Document {
    /// `info.title` of the first; the file's name where there is none.
    pub title: Box<str>,
    /// `x-owner` of `info` or of the first document: who owns what names no other owner.
    pub owner: Option<Box<str>>,
    paths: Vec<PathEntry>,
    operations: Vec<Operation>,
    parts: Vec<DocumentPart>,
    /// What an earlier version had.
    removed: Matcher,
}

/// One document of an API.
#[derive(Debug, Default)]
struct DocumentPart {
    name: Arc<str>,
    authorities: Vec<Authority>,
    /// Base paths of its servers.
    bases: Vec<String>,
    matcher: Matcher,
}

#[derive(Debug, Default)]
struct PathEntry {
    /// With the first server's base path, such as `/v1/orders/{id}`.
    route: Box<str>,
    /// The same below the base paths of the other servers.
    others: Box<[Box<str>]>,
}

impl Document {
    /// Longest document read, in bytes, with all files that it refers to.
    pub const BYTES_MAX: usize = 16 * 1024 * 1024;
    /// Most paths kept of an API's documents.
    pub const PATHS_MAX: usize = 10_000;
    /// Most faults kept of a document.
    pub const FAULTS_MAX: usize = 1_000;
    /// Most documents of one API.
    pub const PARTS_MAX: usize = 64;

    /// Reads a document in YAML or JSON that refers to no other file. `name` is the file's, for people. Faults do not keep the rest from
    /// being used; they come in the order of the document.
    pub fn read(text: &str, name: &str) -> Result<(Self, Vec<DocumentFault>), DocumentError> {
        let source = Source::parse(text, name, &mut |_| Err("no other file is read here".into()))?;
        Self::of(&[&source])
    }

    /// The documents of one API, such as one for each of its versions. Where two have the same operation, the first counts, unless
    /// their servers tell them apart.
    pub fn of(sources: &[&Source]) -> Result<(Self, Vec<DocumentFault>), DocumentError> {
        let mut document = Self::default();
        let mut faults = Vec::new();
        for (index, source) in sources.iter().take(Self::PARTS_MAX).enumerate() {
            faults.extend(read::read(&mut document, source, u16::try_from(index).unwrap_or_default())?);
        }
        document.tell_apart();
        Ok((document, faults))
    }

    /// All operations, in the order of the documents.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// How many paths there are: [`Operation::path`] and [`DocumentMatch`] count them from 0. Those that only an earlier version had are
    /// the last.
    pub fn paths(&self) -> usize {
        self.paths.len()
    }

    /// A path's template with the first server's base path. Where the documents of one API are told apart by the authority only, that
    /// stands before it, as in `//v2.example.com/orders`.
    pub fn route(&self, path: usize) -> Option<&str> {
        self.paths.get(path).map(|path| &*path.route)
    }

    /// Base paths of the servers of one of the documents, by its number; empty text is the root.
    pub fn bases(&self, source: usize) -> &[String] {
        self.parts.get(source).map_or(&[], |part| &part.bases)
    }

    /// Whether one of the documents' absolute server URLs names this authority (`host` or `host:port`).
    pub fn serves(&self, authority: &str) -> bool {
        self.parts.iter().any(|part| part.serves(authority))
    }

    /// What the documents say of a path as sent, without query. Of several templates that fit, the one with the most literal segments
    /// from the left wins that has the method; a HEAD is its path's GET where it is not an operation of its own. A template of
    /// [`Document::route`] finds itself.
    pub fn match_path(&self, method: &str, path: &str) -> DocumentMatch {
        match path.strip_prefix("//").and_then(|rest| Some((rest, rest.find('/')?))) {
            Some((rest, at)) if self.parts.len() > 1 && self.serves(rest.get(..at).unwrap_or_default()) => {
                let (authority, path) = rest.split_at(at);
                self.match_call(method, Some(authority), path)
            }
            _ => self.match_call(method, None, path),
        }
    }

    /// The same of a call whose authority is known: where an API has several documents, those whose servers name it are asked, and all
    /// where none does.
    pub fn match_call(&self, method: &str, authority: Option<&str>, path: &str) -> DocumentMatch {
        let get = if method == "HEAD" { Some("GET") } else { None };
        let found = match self.parts.as_slice() {
            [only] => only.matcher.find(path, method, get),
            parts => {
                let named = authority.is_some_and(|authority| self.serves(authority));
                let asked =
                    parts.iter().filter(|part| !named || authority.is_some_and(|authority| part.serves(authority)));
                best(asked.map(|part| part.matcher.find(path, method, get)))
            }
        };
        if matches!(found, DocumentMatch::Operation { .. }) || self.removed.is_empty() {
            return found;
        }
        match self.removed.find(path, method, get) {
            DocumentMatch::Operation { path, .. } => DocumentMatch::Removed { path },
            _ => found,
        }
    }

    /// An operation's route goes under the name of its authority where two documents have the same template and only that tells them
    /// apart.
    fn tell_apart(&mut self) {
        let pairs = || (0..self.parts.len()).flat_map(|a| (a + 1..self.parts.len()).map(move |b| (a, b)));
        let overlap = |a: &DocumentPart, b: &DocumentPart| {
            !a.authorities.is_empty() && !b.authorities.is_empty() && !a.is_served_by(b) && a.matcher.shares(&b.matcher)
        };
        if !pairs().any(|(a, b)| matches!((self.parts.get(a), self.parts.get(b)), (Some(a), Some(b)) if overlap(a, b)))
        {
            return;
        }
        for part in &self.parts {
            let Some(authority) = part.authorities.first().map(Authority::written) else { continue };
            for path in part.matcher.paths() {
                if let Some(entry) = self.paths.get_mut(path) {
                    entry.route = format!("//{authority}{}", entry.route).into();
                }
            }
        }
    }
}

impl DocumentPart {
    fn serves(&self, authority: &str) -> bool {
        self.authorities.iter().any(|known| known.is(authority))
    }

    /// Whether an authority may be of both.
    fn is_served_by(&self, other: &Self) -> bool {
        self.authorities.iter().any(|ours| other.authorities.iter().any(|theirs| ours.overlaps(theirs)))
    }
}

/// An operation before a path before nothing; of several the first, and a second operation is its rival.
fn best(found: impl Iterator<Item = DocumentMatch>) -> DocumentMatch {
    let mut best = DocumentMatch::None;
    for found in found {
        match (&mut best, found) {
            (DocumentMatch::Operation { rival, .. }, DocumentMatch::Operation { path, .. }) => {
                rival.get_or_insert(Rival { path, why: Doubt::Tie });
            }
            (DocumentMatch::Operation { .. }, _)
            | (_, DocumentMatch::None)
            | (DocumentMatch::PathOnly { .. }, DocumentMatch::PathOnly { .. }) => {}
            (best, found) => *best = found,
        }
    }
    best
}
