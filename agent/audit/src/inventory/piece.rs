//! A path's segments, each looked at once: the tree asks the same of a segment at several places.

use std::borrow::Cow;
use std::cell::Cell;

use smallvec::SmallVec;

use super::shape::{Look, Shape, is_operation, key_of, shape_of};
use super::tree::SEGMENTS_MAX;
use super::values::hash;

/// A segment and what the tree asks of it.
#[derive(Clone, Debug)]
pub(crate) struct Piece<'a> {
    pub(super) text: &'a str,
    /// As it stands in a template where it is a name, if that is not the text.
    key: Option<Box<str>>,
    look: Look,
    /// Of most segments nobody asks for it.
    shape: Cell<Option<Shape>>,
}

/// A path, split.
pub(crate) type Path<'a> = SmallVec<[Piece<'a>; 8]>;

impl<'a> Piece<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self::seen(text, Look::at(text.as_bytes()))
    }

    fn seen(text: &'a str, look: Look) -> Self {
        let key = key_of(text, look);
        let key = matches!(key, Cow::Owned(_)).then(|| key.into());
        Self { text, key, look, shape: Cell::new(None) }
    }

    pub(super) fn is_operation(&self) -> bool {
        is_operation(self.text)
    }

    /// As it stands in a template where it is a name.
    pub(super) fn key(&self) -> &str {
        self.key.as_deref().unwrap_or(self.text)
    }

    pub(super) fn shape(&self) -> Shape {
        self.shape.get().unwrap_or_else(|| {
            let shape = shape_of(self.text, self.look);
            self.shape.set(Some(shape));
            shape
        })
    }

    /// Of the text.
    pub(super) fn hash(&self) -> u64 {
        hash(self.text)
    }
}

/// Splits a path in one pass over it, up to one segment too many; doubled and trailing slashes mean nothing here.
pub(super) fn split<'a>(path: &'a str, pieces: &mut Path<'a>) {
    let (mut start, mut look) = (0, Look::default());
    let mut add = |start: usize, end: usize, look: Look| {
        if let Some(text) = path.get(start..end).filter(|text| !text.is_empty()) {
            pieces.push(Piece::seen(text, look));
        }
        pieces.len() > SEGMENTS_MAX
    };
    for (at, byte) in path.bytes().enumerate() {
        if byte != b'/' {
            look.add(byte);
        } else if add(start, at, std::mem::take(&mut look)) {
            return;
        } else {
            start = at + 1;
        }
    }
    add(start, path.len(), look);
}
