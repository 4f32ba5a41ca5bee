//! `OpenAPI` 3.0 and 3.1 documents: read once, matched often.
//!
//! A document from the real world is often broken in places. It is read as far as possible: each fault is placed (JSON pointer, and line
//! where the file is YAML) and the rest of the document counts. Only what cannot be a document at all is an error.
//!
//! It opens no file and follows no reference to another file. Its one entry is [`Document::read`].

mod fault;
mod matcher;
mod read;
mod server;
mod tree;

#[cfg(test)]
mod tests;

use crate::exchange::Method;

pub use fault::{DocumentError, DocumentFault, Fault};
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
    /// `x-owner` of the operation, its path or the document (`info`).
    pub owner: Option<Box<str>>,
    /// Security requirements, one of which must be met: each is a set of scheme names that go together, and an empty set means that no
    /// credential is needed. `None`: the document says nothing.
    pub security: Option<Vec<Vec<Box<str>>>>,
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
    },
    /// A path, but not with this method.
    PathOnly {
        /// The path; see [`Document::route`].
        path: usize,
    },
    /// Not in the document.
    None,
}

/// A document, read and compiled. Shared as a snapshot: it never changes.
#[derive(Debug, Default)]
pub struct Document {
    /// `info.title`; the file's name where there is none.
    pub title: Box<str>,
    /// `x-owner` of `info` or of the document: who owns what names no other owner.
    pub owner: Option<Box<str>>,
    /// Templates with the first server's base path, such as `/v1/orders/{id}`.
    routes: Vec<Box<str>>,
    operations: Vec<Operation>,
    authorities: Vec<Authority>,
    matcher: Matcher,
}

impl Document {
    /// Longest document read, in bytes.
    pub const BYTES_MAX: usize = 16 * 1024 * 1024;
    /// Most paths kept of a document.
    pub const PATHS_MAX: usize = 10_000;
    /// Most faults kept of a document.
    pub const FAULTS_MAX: usize = 1_000;

    /// Reads a document in YAML or JSON. `name` is the file's, for people. Faults do not keep the rest from being used; they come in the
    /// order of the document.
    pub fn read(text: &str, name: &str) -> Result<(Self, Vec<DocumentFault>), DocumentError> {
        read::read(text, name)
    }

    /// All operations, in the order of the document.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// How many paths there are: [`Operation::path`] and [`DocumentMatch`] count them from 0.
    pub fn paths(&self) -> usize {
        self.routes.len()
    }

    /// A path's template with the first server's base path.
    pub fn route(&self, path: usize) -> Option<&str> {
        self.routes.get(path).map(AsRef::as_ref)
    }

    /// Whether one of the document's absolute server URLs names this authority (`host` or `host:port`).
    pub fn serves(&self, authority: &str) -> bool {
        self.authorities.iter().any(|known| known.is(authority))
    }

    /// What the document says of a path as sent, without query. Of several templates that fit, the one with the most literal segments
    /// from the left wins that has the method; a HEAD is its path's GET where it is not an operation of its own.
    pub fn match_path(&self, method: &str, path: &str) -> DocumentMatch {
        let get = if method == "HEAD" { Some("GET") } else { None };
        self.matcher.find(path, method, get)
    }
}
