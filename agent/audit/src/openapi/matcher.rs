//! Paths against templates, segment by segment.

use std::borrow::Cow;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::accepts::Accepts;
use super::{DocumentMatch, Doubt, Rival};
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
    /// `{path+}`: this segment and all behind it. Only the last one.
    Rest,
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
    /// By operation: what its path parameters accept, where the document says.
    accepts: Vec<Vec<Accepts>>,
}

#[derive(Debug, Default)]
struct Node {
    literals: FxHashMap<Box<str>, u32>,
    /// The most specific (most literal characters) first.
    mixed: Vec<(Vec<Part>, u32)>,
    parameter: Option<u32>,
    /// All that is left of a path.
    rest: Option<u32>,
    /// The paths that end here: more than one only where the schemas of their parameters tell them apart.
    paths: SmallVec<[usize; 1]>,
}

/// Places of the tree that are equally literal.
type Places = SmallVec<[u32; 2]>;

impl Matcher {
    /// The first path whose template this is, but for the names of its parameters.
    pub(super) fn path_of(&self, template: &[Segment]) -> Option<usize> {
        self.paths_of(template).first().copied()
    }

    /// All paths whose template this is, but for the names of their parameters.
    pub(super) fn paths_of(&self, template: &[Segment]) -> &[usize] {
        self.place(template).map_or(&[], |node| &node.paths)
    }

    fn place(&self, template: &[Segment]) -> Option<&Node> {
        let step = |node: &Node, segment: &Segment| match segment {
            Segment::Literal(literal) => node.literals.get(&*decoded(literal)).copied(),
            Segment::Parameter => node.parameter,
            Segment::Rest => node.rest,
            Segment::Mixed(parts) => node.mixed.iter().find(|(known, _)| known == parts).map(|(_, child)| *child),
        };
        let mut node = self.nodes.first()?;
        for segment in template {
            node = self.nodes.get(step(node, segment)? as usize)?;
        }
        Some(node)
    }

    /// Adds a template of a path, behind those that are there.
    pub(super) fn insert(&mut self, template: &[Segment], path: usize) {
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let end = template.iter().try_fold(0, |at, segment| self.child(at, segment));
        if let Some(node) = end.and_then(|end| self.nodes.get_mut(end as usize))
            && !node.paths.contains(&path)
        {
            node.paths.push(path);
        }
    }

    /// Adds an operation of a path; `false` if it has that method already.
    pub(super) fn add_operation(
        &mut self,
        path: usize,
        method: Method,
        operation: usize,
        accepts: Vec<Accepts>,
    ) -> bool {
        if self.operation(path, method.as_str()).is_some() {
            return false;
        }
        if self.methods.len() <= path {
            self.methods.resize_with(path + 1, SmallVec::new);
        }
        if let Some(methods) = self.methods.get_mut(path) {
            methods.push((method, operation));
        }
        if self.accepts.len() <= operation {
            self.accepts.resize_with(operation + 1, Vec::new);
        }
        if let Some(known) = self.accepts.get_mut(operation) {
            *known = accepts;
        }
        true
    }

    /// What an operation's path parameters accept.
    pub(super) fn accepts(&self, operation: usize) -> &[Accepts] {
        self.accepts.get(operation).map_or(&[], |accepts| accepts)
    }

    /// The methods of a path, and their operations.
    pub(super) fn methods(&self, path: usize) -> &[(Method, usize)] {
        self.methods.get(path).map_or(&[], |methods| methods)
    }

    /// How many operations there are.
    pub(super) fn operations(&self) -> usize {
        self.accepts.len()
    }

    /// All paths, each once, in order.
    pub(super) fn paths(&self) -> Vec<usize> {
        let mut paths: Vec<usize> = self.nodes.iter().flat_map(|node| node.paths.iter().copied()).collect();
        paths.sort_unstable();
        paths.dedup();
        paths
    }

    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Mixed segments beside one that are as literal as it.
    pub(super) fn as_literal<'m>(&'m self, before: &[Segment], parts: &'m [Part]) -> impl Iterator<Item = &'m [Part]> {
        let mixed = self.place(before).map_or(&[][..], |node| &node.mixed);
        let length = literal_length(parts);
        mixed
            .iter()
            .map(|(other, _)| other.as_slice())
            .filter(move |other| *other != parts && literal_length(other) == length)
    }

    /// Whether any template is in both.
    pub(super) fn shares(&self, other: &Self) -> bool {
        let mut open: Vec<(u32, u32)> = vec![(0, 0)];
        while let Some((ours, theirs)) = open.pop() {
            let (Some(a), Some(b)) = (self.nodes.get(ours as usize), other.nodes.get(theirs as usize)) else {
                continue;
            };
            if !a.paths.is_empty() && !b.paths.is_empty() {
                return true;
            }
            open.extend(a.literals.iter().filter_map(|(name, child)| Some((*child, *b.literals.get(name)?))));
            let same = |parts: &Vec<Part>| b.mixed.iter().find(|(known, _)| known == parts).map(|(_, child)| *child);
            open.extend(a.mixed.iter().filter_map(|(parts, child)| Some((*child, same(parts)?))));
            open.extend(a.parameter.zip(b.parameter));
            open.extend(a.rest.zip(b.rest));
        }
        false
    }

    /// The best template that has the method, or `instead`; or else the best template.
    pub(super) fn find(&self, path: &str, method: &str, instead: Option<&str>) -> DocumentMatch {
        let segments: SmallVec<[Cow<'_, str>; 16]> = segments(path).take(SEGMENTS_MAX + 1).map(decoded).collect();
        let mut search = Search { matcher: self, segments: &segments, method, instead, second: None, first: None };
        if self.nodes.is_empty() {
            return DocumentMatch::None;
        }
        search.walk(&[0], 0).or(search.second).unwrap_or(match search.first {
            Some(path) => DocumentMatch::PathOnly { path },
            None => DocumentMatch::None,
        })
    }

    fn child(&mut self, at: u32, segment: &Segment) -> Option<u32> {
        let next = u32::try_from(self.nodes.len()).ok()?;
        let node = self.nodes.get_mut(at as usize)?;
        let child = match segment {
            Segment::Literal(literal) => *node.literals.entry(decoded(literal).into()).or_insert(next),
            Segment::Parameter => *node.parameter.get_or_insert(next),
            Segment::Rest => *node.rest.get_or_insert(next),
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

    pub(super) fn operation(&self, path: usize, method: &str) -> Option<usize> {
        self.methods(path).iter().find(|(known, _)| known.as_str() == method).map(|(_, operation)| *operation)
    }
}

/// One walk: literals before mixed segments before parameters before rests, and places that are equally literal side by side. Each node
/// is met at most once, because each has one way to it.
struct Search<'a> {
    matcher: &'a Matcher,
    segments: &'a [Cow<'a, str>],
    method: &'a str,
    instead: Option<&'a str>,
    /// The best template with the method `instead`.
    second: Option<DocumentMatch>,
    /// The best template of all.
    first: Option<usize>,
}

impl Search<'_> {
    fn walk(&mut self, places: &[u32], depth: usize) -> Option<DocumentMatch> {
        let matcher = self.matcher;
        let nodes = || places.iter().filter_map(|at| matcher.nodes.get(*at as usize));
        let Some(segment) = self.segments.get(depth).map(|segment| &**segment) else { return self.end(places) };
        let literals = |text: &str| -> Places { nodes().filter_map(|node| node.literals.get(text).copied()).collect() };
        if let Some(found) = self.descend(&literals(segment), depth) {
            return Some(found);
        }
        // Matrix parameters (RFC 3986 §3.3), such as `;jsessionid=…`, are no part of a name.
        if let Some((name, _)) = segment.split_once(';').filter(|(name, _)| !name.is_empty())
            && let Some(found) = self.descend(&literals(name), depth)
        {
            return Some(found);
        }
        if nodes().any(|node| !node.mixed.is_empty()) {
            let mixed = nodes().flat_map(|node| &node.mixed).filter(|(parts, _)| fits(parts, segment));
            let mut mixed: SmallVec<[(usize, u32); 4]> =
                mixed.map(|(parts, child)| (literal_length(parts), *child)).collect();
            mixed.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
            for equals in mixed.chunk_by(|(a, _), (b, _)| a == b) {
                let places: Places = equals.iter().map(|(_, child)| *child).collect();
                if let Some(found) = self.descend(&places, depth) {
                    return Some(found);
                }
            }
        }
        let parameters: Places = nodes().filter_map(|node| node.parameter).collect();
        if let Some(found) = self.descend(&parameters, depth) {
            return Some(found);
        }
        let rests: Places = nodes().filter_map(|node| node.rest).collect();
        if rests.is_empty() { None } else { self.end(&rests) }
    }

    fn descend(&mut self, places: &[u32], depth: usize) -> Option<DocumentMatch> {
        if places.is_empty() { None } else { self.walk(places, depth + 1) }
    }

    /// The paths that end at places which are equally literal.
    fn end(&mut self, places: &[u32]) -> Option<DocumentMatch> {
        let matcher = self.matcher;
        let nodes = places.iter().filter_map(|at| matcher.nodes.get(*at as usize));
        let mut paths: SmallVec<[usize; 2]> = nodes.flat_map(|node| node.paths.iter().copied()).collect();
        paths.sort_unstable();
        let first = paths.first().copied()?;
        let found = self.choose(&paths, self.method);
        if found.is_none() {
            if self.second.is_none() {
                self.second = self.instead.and_then(|instead| self.choose(&paths, instead));
            }
            self.first.get_or_insert(first);
        }
        found
    }

    /// Of the paths that have a method the one whose parameters accept the values. What else it might have been goes with it.
    fn choose(&self, paths: &[usize], method: &str) -> Option<DocumentMatch> {
        let matcher = self.matcher;
        let mut able: SmallVec<[(usize, usize); 2]> =
            paths.iter().filter_map(|path| Some((*path, matcher.operation(*path, method)?))).collect();
        let mut is_sure = true;
        if able.len() > 1 {
            let accepting = |wanted: bool| {
                let of = able.iter().filter(|(_, operation)| {
                    let accepts = matcher.accepts(*operation);
                    (!wanted || !accepts.is_empty()) && accepts.iter().all(|accepts| accepts.fits(self.segments))
                });
                of.copied().collect::<SmallVec<[(usize, usize); 2]>>()
            };
            let (fitting, told) = (accepting(false), accepting(true));
            is_sure = fitting.len() == 1;
            // A schema that says something and accepts the value says more than one that accepts anything.
            let best = if told.len() == 1 { &told } else { &fitting };
            if let [best] = best.as_slice() {
                able.sort_by_key(|candidate| candidate != best);
            }
        }
        let (path, operation) = able.first().copied()?;
        let tie = able.get(1).filter(|_| !is_sure).map(|(path, _)| Rival { path: *path, why: Doubt::Tie });
        let rival = tie.or_else(|| self.first.map(|path| Rival { path, why: Doubt::Method }));
        Some(DocumentMatch::Operation { path, operation, rival })
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

/// What the parameters of a mixed segment stand for, each at its leftmost place; none where it does not fit.
pub(super) fn values<'s>(parts: &[Part], segment: &'s str) -> SmallVec<[&'s str; 2]> {
    let mut values = SmallVec::new();
    let mut rest = segment;
    let mut parts = parts.iter().peekable();
    while let Some(part) = parts.next() {
        match (part, parts.peek()) {
            (Part::Literal(literal), _) => rest = rest.strip_prefix(&**literal).unwrap_or(rest),
            (Part::Parameter, Some(Part::Literal(literal))) => {
                let from = rest.chars().next().map_or(0, char::len_utf8);
                let is_last = parts.len() == 1;
                let tail = rest.get(from..).unwrap_or_default();
                let at = if is_last { tail.rfind(&**literal) } else { tail.find(&**literal) };
                let (value, after) = rest.split_at_checked(from + at.unwrap_or_default()).unwrap_or((rest, ""));
                values.push(value);
                rest = after;
            }
            (Part::Parameter, _) => values.push(std::mem::take(&mut rest)),
        }
    }
    values
}

pub(super) fn literal_length(parts: &[Part]) -> usize {
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
