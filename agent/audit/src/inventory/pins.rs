//! What the user said of an API's templates: it outranks all that is learnt, for as long as it stands in the configuration.

use std::collections::BTreeMap;

use super::shape::{key, segments};
use super::tree::SEGMENTS_MAX;

/// Templates of one API that are pinned, as a tree of their segments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins {
    nodes: Vec<Pin>,
}

/// A place of the tree. Node 0 is the root, so a child is never 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Pin {
    names: BTreeMap<Box<str>, u16>,
    /// Every other segment is a value, under this name.
    value: Option<(Box<str>, u16)>,
    /// Every other segment is a name.
    any_name: Option<u16>,
    /// A pattern ends here.
    is_end: bool,
}

/// What a segment is below a pinned place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pinned<'a> {
    /// Nothing was said of it.
    Free,
    /// A name, whatever it looks like.
    Name(u16),
    /// A value of the variable of that name.
    Value(&'a str, u16),
}

impl Pins {
    /// Patterns of one API that count.
    pub const MAX: usize = 1_000;

    /// Whether a text is a pattern: `/users/{name}` (what is in braces is a value, the rest are names), `/org/*` (whatever stands
    /// there is a name). Says what is wrong.
    pub fn check(pattern: &str) -> Result<(), String> {
        if !pattern.starts_with('/') {
            return Err(format!("{pattern:?} is not a path: it begins with /"));
        }
        if segments(pattern).count() > SEGMENTS_MAX {
            return Err(format!("a template has at most {SEGMENTS_MAX} segments"));
        }
        for segment in segments(pattern) {
            let is_value = variable(segment).is_some();
            if !is_value && segment != "*" && segment.contains(['{', '}', '*', '?', '#']) {
                return Err(format!(
                    "{segment:?} is neither a name nor one whole value such as {{id}}, nor * for any name"
                ));
            }
        }
        Ok(())
    }

    /// Adds a pattern. `false`: it is none, contradicts one that is there (a value here, any name there), or is one too many.
    pub fn add(&mut self, pattern: &str) -> bool {
        if Self::check(pattern).is_err() || self.nodes.len() + SEGMENTS_MAX > Self::MAX * 8 {
            return false;
        }
        if self.nodes.is_empty() {
            self.nodes.push(Pin::default());
        }
        let mut at = 0;
        for segment in segments(pattern) {
            let Some(next) = self.add_segment(at, segment) else { return false };
            at = next;
        }
        if let Some(pin) = self.nodes.get_mut(usize::from(at)) {
            pin.is_end = true;
        }
        true
    }

    fn add_segment(&mut self, at: u16, segment: &str) -> Option<u16> {
        let fresh = u16::try_from(self.nodes.len()).ok()?;
        let pin = self.nodes.get_mut(usize::from(at))?;
        let next = if let Some(name) = variable(segment) {
            if pin.any_name.is_some() {
                return None;
            }
            pin.value.get_or_insert_with(|| (format!("{{{name}}}").into(), fresh)).1
        } else if segment == "*" {
            if pin.value.is_some() {
                return None;
            }
            *pin.any_name.get_or_insert(fresh)
        } else {
            *pin.names.entry(key(segment).into()).or_insert(fresh)
        };
        if next == fresh {
            self.nodes.push(Pin::default());
        }
        Some(next)
    }

    /// The root's pin, if anything is pinned.
    pub(super) fn root(&self) -> Option<u16> {
        (!self.nodes.is_empty()).then_some(0)
    }

    /// What a segment is below a place; by its [`key`].
    pub(super) fn of(&self, at: Option<u16>, key: &str) -> Pinned<'_> {
        let Some(pin) = at.and_then(|at| self.nodes.get(usize::from(at))) else { return Pinned::Free };
        if let Some(next) = pin.names.get(key).copied().or(pin.any_name) {
            return Pinned::Name(next);
        }
        pin.value.as_ref().map_or(Pinned::Free, |(name, next)| Pinned::Value(name, *next))
    }

    /// The name of the variable below a place, and its pin.
    pub(super) fn value(&self, at: Option<u16>) -> Option<(&str, u16)> {
        let pin = at.and_then(|at| self.nodes.get(usize::from(at)))?;
        pin.value.as_ref().map(|(name, next)| (&**name, *next))
    }

    /// Whether a pattern ends at a place.
    pub(super) fn is_end(&self, at: Option<u16>) -> bool {
        at.and_then(|at| self.nodes.get(usize::from(at))).is_some_and(|pin| pin.is_end)
    }

    /// Whether it is said of every segment below a place what it is.
    pub(super) fn is_decided(&self, at: Option<u16>) -> bool {
        let pin = at.and_then(|at| self.nodes.get(usize::from(at)));
        pin.is_some_and(|pin| pin.value.is_some() || pin.any_name.is_some())
    }
}

/// The name in braces that make up a whole segment.
fn variable(segment: &str) -> Option<&str> {
    let name = segment.strip_prefix('{')?.strip_suffix('}')?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    is_name.then_some(name)
}
