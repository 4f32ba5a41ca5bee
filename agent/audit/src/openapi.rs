//! OpenAPI 3.0 and 3.1 documents: read once, matched often.

/// A document, read and compiled.
#[derive(Debug, Default)]
pub struct Document {
    /// `info.title`.
    pub title: Box<str>,
}
