//! A path's segments, each looked at once: the tree asks the same of a segment at several places.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::shape::{Shape, shape_and_key};
use super::values::hash;

/// A segment and what the tree asks of it.
#[derive(Clone, Debug)]
pub(crate) struct Piece<'a> {
    pub(super) text: &'a str,
    /// As it stands in a template where it is a name.
    pub(super) key: Cow<'a, str>,
    pub(super) shape: Shape,
    /// Of the text.
    pub(super) hash: u64,
}

/// A path, split.
pub(crate) type Path<'a> = SmallVec<[Piece<'a>; 8]>;

impl<'a> Piece<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let (shape, key) = shape_and_key(text);
        Self { text, key, shape, hash: hash(text) }
    }
}
