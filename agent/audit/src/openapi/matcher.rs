//! Paths against templates, segment by segment.

use std::borrow::Cow;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::DocumentMatch;
use crate::exchange::Method;
use crate::inventory::shape::segments;

/// Segments of a template.
pub(super) const SEGMENTS_MAX: usize = 64;

/// One segment of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    /// `orders`.
    Literal(Box<str>),
    /// `{id}.json`, `{a}-{b}`.
    Mixed(Vec<Part>),
    /// `{id}`.
    Parameter,
}

/// One part of a mixed segment. No two parameters stand side by side: they would be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Literal(Box<str>),
    Parameter,
}

/// All templates of a document, as a tree.
#[derive(Debug, Default)]
pub(super) struct Matcher {
    nodes: Vec<Node>,
    /// By path: its operations.
    methods: Vec<SmallVec<[(Method, usize); 4]>>,
}

#[derive(Debug, Default)]
struct Node {
    literals: FxHashMap<Box<str>, u32>,
    /// The most specific (most literal characters) first.
    mixed: Vec<(Vec<Part>, u32)>,
    parameter: Option<u32>,
    /// The path that ends here.
    path: Option<usize>,
}

impl Matcher {
    /// The path whose template this is, but for the names of its parameters.
    pub(super) fn path_of(&self, template: &[Segment]) -> Option<usize> {
        let mut at = self.nodes.first()?;
        for segment in template {
            let child = match segment {
                Segment::Literal(literal) => at.literals.get(&*decoded(literal)).copied(),
                Segment::Parameter => at.parameter,
                Segment::Mixed(parts) => at.mixed.iter().find(|(known, _)| known == parts).map(|(_, child)| *child),
            };
            at = self.nodes.get(child? as usize)?;
        }
        at.path
    }

    /// Adds a template of a path. One that is there stays as it is.
    pub(super) fn insert(&mut self, template: &[Segment], path: usize) {
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let end = template.iter().try_fold(0, |at, segment| self.child(at, segment));
        if let Some(node) = end.and_then(|end| self.nodes.get_mut(end as usize)) {
            node.path.get_or_insert(path);
        }
    }

    /// Adds an operation of a path; `false` if it has that method already.
    pub(super) fn add_operation(&mut self, path: usize, method: Method, operation: usize) -> bool {
        if self.methods.len() <= path {
            self.methods.resize_with(path + 1, SmallVec::new);
        }
        let Some(methods) = self.methods.get_mut(path) else { return false };
        let is_new = methods.iter().all(|(known, _)| *known != method);
        if is_new {
            methods.push((method, operation));
        }
        is_new
    }

    /// The best template that has the method, or `instead`; or else the best template.
    pub(super) fn find(&self, path: &str, method: &str, instead: Option<&str>) -> DocumentMatch {
        let segments: SmallVec<[Cow<'_, str>; 16]> = segments(path).take(SEGMENTS_MAX + 1).map(decoded).collect();
        let mut search = Search { matcher: self, segments: &segments, method, instead, second: None, first: None };
        if let Some(found) = search.walk(0, 0) {
            return found;
        }
        search.second.or(search.first).unwrap_or(DocumentMatch::None)
    }

    fn child(&mut self, at: u32, segment: &Segment) -> Option<u32> {
        let next = u32::try_from(self.nodes.len()).ok()?;
        let node = self.nodes.get_mut(at as usize)?;
        let child = match segment {
            Segment::Literal(literal) => *node.literals.entry(decoded(literal).into()).or_insert(next),
            Segment::Parameter => *node.parameter.get_or_insert(next),
            Segment::Mixed(parts) => {
                let known = node.mixed.iter().find(|(known, _)| known == parts).map(|(_, child)| *child);
                known.unwrap_or_else(|| {
                    node.mixed.push((parts.clone(), next));
                    node.mixed.sort_by_key(|(parts, _)| std::cmp::Reverse(literal_length(parts)));
                    next
                })
            }
        };
        if child == next {
            self.nodes.push(Node::default());
        }
        Some(child)
    }

    fn operation(&self, path: usize, method: &str) -> Option<usize> {
        self.methods.get(path)?.iter().find(|(known, _)| known.as_str() == method).map(|(_, operation)| *operation)
    }
}

/// One walk: literals before mixed segments before parameters. Each node is met at most once, because each has one way to it.
struct Search<'a> {
    matcher: &'a Matcher,
    segments: &'a [Cow<'a, str>],
    method: &'a str,
    instead: Option<&'a str>,
    /// The best template with the method `instead`.
    second: Option<DocumentMatch>,
    /// The best template of all.
    first: Option<DocumentMatch>,
}

impl Search<'_> {
    fn walk(&mut self, at: u32, depth: usize) -> Option<DocumentMatch> {
        let node = self.matcher.nodes.get(at as usize)?;
        let Some(segment) = self.segments.get(depth) else { return self.end(node) };
        if let Some(child) = node.literals.get(&**segment)
            && let Some(found) = self.walk(*child, depth + 1)
        {
            return Some(found);
        }
        for (parts, child) in &node.mixed {
            if fits(parts, segment)
                && let Some(found) = self.walk(*child, depth + 1)
            {
                return Some(found);
            }
        }
        node.parameter.and_then(|child| self.walk(child, depth + 1))
    }

    fn end(&mut self, node: &Node) -> Option<DocumentMatch> {
        let path = node.path?;
        let find = |method: &str| {
            let operation = self.matcher.operation(path, method)?;
            Some(DocumentMatch::Operation { path, operation })
        };
        let found = find(self.method);
        if found.is_none() {
            let second = self.instead.and_then(find);
            self.second = self.second.or(second);
            self.first = self.first.or(Some(DocumentMatch::PathOnly { path }));
        }
        found
    }
}

/// Whether a segment is of these parts: each parameter takes at least one character.
pub(super) fn fits(parts: &[Part], segment: &str) -> bool {
    match parts {
        [] => segment.is_empty(),
        [Part::Parameter] => !segment.is_empty(),
        [Part::Literal(literal), rest @ ..] => segment.strip_prefix(&**literal).is_some_and(|tail| fits(rest, tail)),
        // The last literal is the segment's end.
        [Part::Parameter, Part::Literal(literal)] => {
            segment.strip_suffix(&**literal).is_some_and(|head| !head.is_empty())
        }
        [Part::Parameter, rest @ ..] => {
            // The leftmost place is as good as any: what comes after it only gets longer.
            let [Part::Literal(literal), rest @ ..] = rest else { return fits(rest, segment) };
            let from = segment.chars().next().map_or(0, char::len_utf8);
            let Some((_, tail)) = segment.split_at_checked(from).filter(|_| from > 0) else { return false };
            tail.find(&**literal).and_then(|at| tail.get(at + literal.len()..)).is_some_and(|tail| fits(rest, tail))
        }
    }
}

fn literal_length(parts: &[Part]) -> usize {
    let length = |part: &Part| match part {
        Part::Literal(literal) => literal.len(),
        Part::Parameter => 0,
    };
    parts.iter().map(length).sum()
}

/// Percent-encoding taken off, for comparison only; a segment that does not decode to text stays as it is.
pub(super) fn decoded(segment: &str) -> Cow<'_, str> {
    if !segment.contains('%') {
        return Cow::Borrowed(segment);
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [byte, after @ ..] = rest {
        let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        rest = match (byte, after) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.push(digit(high).unwrap_or_default() << 4 | digit(low).unwrap_or_default());
                after
            }
            _ => {
                bytes.push(*byte);
                after
            }
        };
    }
    String::from_utf8(bytes).map_or(Cow::Borrowed(segment), Cow::Owned)
}
