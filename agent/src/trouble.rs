//! An error for people: what, why, what to do.

use std::fmt;

/// Something that does not work, said so that the reader can mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What does not work, and why: one sentence without a full stop.
    pub what: String,
    /// What to do about it.
    pub todo: String,
}

impl Trouble {
    /// Both halves.
    pub fn new(what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { what: what.into(), todo: todo.into() }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  what to do: {}", self.what, self.todo)
    }
}

impl std::error::Error for Trouble {}

/// An I/O error in plain words, without its number.
pub fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}
