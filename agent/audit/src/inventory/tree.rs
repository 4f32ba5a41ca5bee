//! The paths of one API that no document claims, as a tree of template segments that all methods share.
//!
//! Only paths that proved to be endpoints come in, so a scanner does not grow it. A segment is a value by its shape
//! ([`super::shape`]), or by what is seen of it and its siblings ([`super::evidence`]). At most one whole segment is a variable at a
//! place; names stand beside it. What is a value to the tree is counted at its variable as a hash and nothing else.

mod variable;

use std::sync::Arc;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::EndpointId;
use super::census::Census;
use super::piece::Piece;
use super::pins::{Pinned, Pins};
use super::reason::Why;
use super::shape::{Class, FORMAT, LEARNT, Shape, has_verb, is_format, is_operation, shape, suffix};
use super::values::bit;
use crate::exchange::Method;
use crate::facts::Outline;

pub(super) use variable::Variable;

/// More literal children than these no place has.
pub(crate) const CHILDREN_MAX: usize = 256;
/// Operations of one path; the others are one endpoint.
pub(crate) const OPERATIONS_MAX: u16 = 256;
/// The operations past the bound, and those whose name is not shown.
pub(crate) const OTHER_OPERATION: &str = "#(other)";
/// Methods of one path.
pub(crate) const METHODS_MAX: usize = 16;
/// Segments of a path.
pub(crate) const SEGMENTS_MAX: usize = 24;
/// So many values make sure that a place has a variable: a new segment is one.
pub(super) const SURE_VALUES_MIN: u32 = 24;
/// Key of a variable in its parent's bits.
pub(super) const VARIABLE: &str = "{}";

/// From the root (not in it) to a place, with each segment's node.
pub(crate) type Way = SmallVec<[u32; 12]>;

/// What the tree asks of the inventory.
pub(crate) trait Endpoints {
    /// The endpoint has another template from now on; gives its id there, which may be that of an endpoint that was there before.
    fn moved(&mut self, id: EndpointId, method: &Method, route: &str) -> EndpointId;
}

/// What a call tells the tree besides its path and method.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Answer {
    /// "Forbidden".
    pub(crate) is_refused: bool,
    /// The form of a success.
    pub(crate) outline: Option<Outline>,
}

/// A method at a place.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) method: Method,
    pub(super) id: EndpointId,
    pub(super) calls: u32,
    /// Only ever answered "forbidden".
    pub(super) is_refused: bool,
    /// The forms of its answers together, and how many had one.
    pub(super) outline: Outline,
    pub(super) outlined: u32,
}

/// A place: a literal, a pattern of literals and values, or a variable.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// As it stands in a template; of a variable see [`Variable::name`].
    pub(super) key: Box<str>,
    pub(super) parent: u32,
    /// Literals and patterns.
    pub(super) words: FxHashMap<Box<str>, u32>,
    pub(super) variable: Option<u32>,
    pub(super) leaves: SmallVec<[Leaf; 2]>,
    /// Calls here and below.
    pub(super) calls: u32,
    /// It is a variable.
    pub(super) values: Option<Box<Variable>>,
    /// Hashes of children that are names although the place's variable was learnt.
    pub(super) names: Vec<u64>,
    /// Learnt patterns among the words.
    pub(super) patterns: u16,
    /// Operations among the words.
    pub(super) operations: u16,
    /// Words and calls when it was last reviewed.
    pub(super) reviewed: (usize, u32),
    /// Where it stands among what the user pinned.
    pub(super) pin: Option<u16>,
    /// It may be a value, and too few like it were seen to decide.
    pub(super) is_candidate: bool,
}

/// The tree. The root is node 0.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(super) nodes: Vec<Node>,
    pub(super) free: Vec<u32>,
    /// Something here was answered otherwise than "forbidden".
    is_open: bool,
    /// Variables that have another name now, and nobody was told.
    pub(super) renamed: Vec<u32>,
    pub(super) pins: Arc<Pins>,
    /// `None`: it has to be taken anew.
    pub(super) census: Option<Box<Census>>,
}

impl Default for Tree {
    fn default() -> Self {
        Self {
            nodes: vec![Node::default()],
            free: Vec::new(),
            is_open: false,
            renamed: Vec::new(),
            pins: Arc::default(),
            census: None,
        }
    }
}

impl Tree {
    pub(super) const ROOT: u32 = 0;

    /// Nodes in use, the root among them.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len() - self.free.len()
    }

    /// The way to the place of a path that has one of the methods; literals before patterns before the variable.
    pub(crate) fn find(&self, path: &[Piece<'_>], methods: &[&str]) -> Option<Way> {
        let has = |node: &Node| node.leaves.iter().any(|leaf| methods.contains(&leaf.method.as_str()));
        let mut way = Way::new();
        self.walk(Self::ROOT, path, &has, &mut way).then_some(way)
    }

    /// The way to the place of a path, whatever its methods.
    pub(crate) fn place(&self, path: &[Piece<'_>]) -> Option<Way> {
        let mut way = Way::new();
        self.walk(Self::ROOT, path, &|node| !node.leaves.is_empty(), &mut way).then_some(way)
    }

    /// Depth is bounded by the path's length, which [`SEGMENTS_MAX`] bounds, and each level has at most three ways on.
    fn walk(&self, at: u32, path: &[Piece<'_>], is_end: &dyn Fn(&Node) -> bool, way: &mut Way) -> bool {
        let Some(node) = self.node(at) else { return false };
        let Some((piece, rest)) = path.split_first() else { return is_end(node) };
        let mut step = |child: Option<u32>| {
            let Some(child) = child else { return false };
            way.push(child);
            let found = self.walk(child, rest, is_end, way);
            if !found {
                way.pop();
            }
            found
        };
        if piece.is_operation() {
            return step(node.operation(piece.text));
        }
        match self.pins.of(node.pin, piece.key()) {
            Pinned::Free => {}
            Pinned::Name(_) => return step(node.words.get(piece.key()).copied()),
            Pinned::Value(..) => return step(node.variable),
        }
        step(node.words.get(piece.key()).copied())
            || (node.patterns > 0 && step(node.pattern(piece.text)))
            || step(self.variable_of(node, piece))
    }

    /// The place's variable, if the segment is one of its values.
    pub(super) fn variable_of(&self, node: &Node, piece: &Piece<'_>) -> Option<u32> {
        let child = node.variable?;
        let variable = self.node(child)?.values.as_ref()?;
        // What is a value by its shape is one, however often it comes.
        let is_shaped = matches!(piece.shape(), Shape::Value(_) | Shape::Small(_));
        let is_value = is_shaped
            || (variable.accepts(piece.text, piece.shape())
                && (node.names.is_empty() || !node.names.contains(&piece.hash())));
        is_value.then_some(child)
    }

    /// The endpoint of a method at a place.
    pub(crate) fn endpoint(&self, way: &[u32], method: &str) -> Option<EndpointId> {
        let leaves = &self.end(way)?.leaves;
        leaves.iter().find(|leaf| leaf.method.as_str() == method).map(|leaf| leaf.id)
    }

    /// Whether a way ends at the place of this name itself, and not at one that stands for others too.
    pub(crate) fn is_at(&self, way: &[u32], key: &str) -> bool {
        self.end(way).is_some_and(|node| &*node.key == key)
    }

    /// The template of a place.
    pub(crate) fn route(&self, way: &[u32]) -> String {
        let mut route = String::new();
        for at in way {
            let text = self.node(*at).map_or("", Node::text);
            if route.is_empty() || !is_operation(text) {
                route.push('/');
            }
            route.push_str(text);
        }
        if route.is_empty() {
            route.push('/');
        }
        route
    }

    /// Makes the place of a path that proved to be an endpoint. `None` where `nodes_left` does not allow it, or a place has too many
    /// children.
    pub(crate) fn insert(&mut self, path: &[Piece<'_>], nodes_left: usize) -> Option<Way> {
        if path.len() > SEGMENTS_MAX || path.len() > nodes_left {
            return None;
        }
        let (mut way, mut at) = (Way::new(), Self::ROOT);
        for piece in path {
            at = self.step(at, piece)?;
            way.push(at);
        }
        Some(way)
    }

    /// The way to the place of a path in which every segment is a name.
    pub(crate) fn find_named(&self, path: &[Piece<'_>]) -> Option<Way> {
        let mut at = Self::ROOT;
        path.iter()
            .map(|piece| {
                at = *self.node(at)?.words.get(piece.text)?;
                Some(at)
            })
            .collect()
    }

    /// Makes the place of a path in which every segment is a name, whatever stands beside it.
    pub(crate) fn insert_named(&mut self, path: &[Piece<'_>], nodes_left: usize) -> Option<Way> {
        if path.len() > SEGMENTS_MAX || path.len() > nodes_left {
            return None;
        }
        let (mut way, mut at) = (Way::new(), Self::ROOT);
        for piece in path {
            let node = self.node_mut(at)?;
            if !node.names.contains(&piece.hash()) && node.names.len() < CHILDREN_MAX {
                node.names.push(piece.hash());
            }
            let known = node.words.get(piece.text).copied();
            at = known.or_else(|| self.add_word(at, piece.text))?;
            way.push(at);
        }
        Some(way)
    }

    pub(super) fn step(&mut self, at: u32, piece: &Piece<'_>) -> Option<u32> {
        if piece.is_operation() {
            return self.node(at)?.operation(piece.text).or_else(|| self.add_operation(at, piece.text));
        }
        let (node, key) = (self.node(at)?, piece.key());
        match self.pins.of(node.pin, key) {
            Pinned::Free => {}
            Pinned::Value(..) => return node.variable.or_else(|| self.add_variable(at)),
            Pinned::Name(_) => {
                let known = node.words.get(key).copied();
                return known.or_else(|| self.unfold(at, piece.text)).or_else(|| self.add_word(at, key));
            }
        }
        let is_value = match piece.shape() {
            Shape::Value(_) => true,
            // A version of the API, until there are several.
            Shape::Small(class) => node.variable.is_some() || (!self.is_prefix(at) && (class != Class::Value)),
            Shape::Word | Shape::Version | Shape::Operation => false,
        };
        if let Shape::Value(class) | Shape::Small(class) = piece.shape()
            && is_value
        {
            let child = node.variable.or_else(|| self.add_variable(at))?;
            self.classify(child, class);
            return Some(child);
        }
        if !node.names.is_empty() && node.names.contains(&piece.hash()) && !node.words.contains_key(key) {
            return self.unfold(at, piece.text);
        }
        let is_sure = node.variable.is_some_and(|variable| self.is_sure(variable)) && !has_verb(piece.text);
        let known = node.words.get(key).copied().or_else(|| node.pattern(piece.text));
        let is_quiet = |child: u32| self.node(child).is_some_and(|child| child.calls <= 2);
        match known {
            Some(child) if !(is_sure && is_quiet(child)) => Some(child),
            _ if is_sure => node.variable,
            Some(_) | None => self.add_word(at, key),
        }
    }

    /// A variable has a value of this class, which may change its name.
    fn classify(&mut self, at: u32, class: Class) {
        let Some(variable) = self.node_mut(at).and_then(|node| node.values.as_mut()) else { return };
        let before = variable.classes;
        variable.classes |= class.bit();
        if before != 0 && before != variable.classes && !self.renamed.contains(&at) {
            self.renamed.push(at);
        }
    }

    /// A learnt variable of very many values.
    fn is_sure(&self, variable: u32) -> bool {
        let variable = self.node(variable).and_then(|node| node.values.as_ref());
        variable.is_some_and(|variable| variable.is_learnt && variable.sample.news >= SURE_VALUES_MIN)
    }

    /// An endpoint at a place; `false` if it has too many methods.
    pub(crate) fn add_leaf(&mut self, way: &[u32], method: &Method, id: EndpointId, is_refused: bool) -> bool {
        self.is_open |= !is_refused;
        let end = way.last().copied().unwrap_or(Self::ROOT);
        let is_hidden = self.is_hidden(end);
        let Some(node) = self.node_mut(end).filter(|node| node.leaves.len() < METHODS_MAX) else { return false };
        node.leaves.push(Leaf {
            method: method.clone(),
            id,
            calls: 0,
            is_refused,
            outline: Outline::default(),
            outlined: 0,
        });
        if let Some(census) = self.census.as_mut().filter(|_| !is_hidden) {
            census.add(0);
        }
        true
    }

    /// Takes an endpoint away; the empty place stays until its tree is rebuilt.
    pub(crate) fn remove(&mut self, way: &[u32], method: &str) {
        let end = way.last().copied().unwrap_or(Self::ROOT);
        if let Some(node) = self.node_mut(end) {
            node.leaves.retain(|leaf| leaf.method.as_str() != method);
        }
        self.census = None;
    }

    /// Whether anything here was answered otherwise than "forbidden".
    pub(crate) const fn is_open(&self) -> bool {
        self.is_open
    }

    /// Takes out what was only ever forbidden in an API where other things were not: a wall answers so to every path.
    pub(crate) fn take_refused(&mut self) -> Vec<EndpointId> {
        let mut taken = Vec::new();
        if self.is_open {
            for node in &mut self.nodes {
                node.leaves.retain(|leaf| {
                    if leaf.is_refused {
                        taken.push(leaf.id);
                    }
                    !leaf.is_refused
                });
            }
        }
        if !taken.is_empty() {
            self.census = None;
        }
        taken
    }

    /// Counts a call of an endpoint, and gives the endpoint.
    pub(crate) fn count(
        &mut self,
        way: &[u32],
        path: &[Piece<'_>],
        method: &str,
        answer: Answer,
    ) -> Option<EndpointId> {
        self.is_open |= !answer.is_refused;
        if let Some(root) = self.nodes.first_mut() {
            root.calls = root.calls.saturating_add(1);
        }
        // The first place of which little was known before this call: what is below it is not in the census.
        let mut hidden = None;
        for (depth, (at, piece)) in way.iter().zip(path).enumerate() {
            let node = self.node_mut(*at)?;
            node.calls = node.calls.saturating_add(1);
            if node.values.is_some() {
                let is_vague = node.is_vague();
                let next = way.get(depth + 1).and_then(|next| self.node(*next));
                let next = next.map_or_else(|| bit(method), Node::bit);
                self.count_value(*at, piece, next);
                if is_vague && hidden.is_none() {
                    hidden = Some(*at);
                }
            }
        }
        let leaf = self.leaf_mut(way, method)?;
        let (id, calls) = (leaf.id, leaf.calls);
        leaf.calls = leaf.calls.saturating_add(1);
        leaf.is_refused &= answer.is_refused;
        if let Some(outline) = answer.outline {
            leaf.outline = leaf.outline.or(outline);
            leaf.outlined = leaf.outlined.saturating_add(1);
        }
        match hidden {
            None => {
                if let Some(census) = &mut self.census {
                    census.raise(calls);
                }
            }
            // Enough is known of it now.
            Some(at) if !self.node(at).is_some_and(Node::is_vague) => self.census_with(at),
            Some(_) => {}
        }
        Some(id)
    }

    fn count_value(&mut self, at: u32, piece: &Piece<'_>, next: u64) {
        let Some(variable) = self.node_mut(at).and_then(|node| node.values.as_mut()) else { return };
        variable.sample.count(piece.hash(), 1, next);
        if variable.sample.news > 1 || variable.is_learnt {
            variable.only = None;
        } else if variable.only.is_none() && matches!(piece.shape(), Shape::Small(_)) {
            variable.only = Some(piece.text.into());
        }
        if let Shape::Value(class) | Shape::Small(class) = piece.shape() {
            variable.cast(piece.text);
            self.classify(at, class);
        }
    }

    pub(super) fn way(&self, at: u32) -> Way {
        let (mut way, mut at) = (Way::new(), at);
        while at != Self::ROOT && way.len() <= SEGMENTS_MAX {
            way.push(at);
            at = self.node(at).map_or(Self::ROOT, |node| node.parent);
        }
        way.reverse();
        way
    }

    /// Whether names of resources usually stand here: first, and right after `api` or a version.
    pub(super) fn is_prefix(&self, at: u32) -> bool {
        let Some(node) = self.node(at) else { return false };
        at == Self::ROOT
            || (node.values.is_none()
                && (matches!(&*node.key, "api" | "rest" | "rpc" | "v" | "version")
                    || matches!(shape(&node.key), Shape::Version | Shape::Small(_))))
    }

    pub(super) fn adopt(&mut self, parent: u32, child: u32, key: Option<Box<str>>) {
        if let Some(node) = self.node_mut(child) {
            node.parent = parent;
        }
        let Some(node) = self.node_mut(parent) else { return };
        match key {
            Some(key) => {
                node.patterns += u16::from(is_learnt_pattern(&key));
                node.operations = node.operations.saturating_add(u16::from(is_operation(&key)));
                node.words.insert(key, child);
            }
            None => node.variable = Some(child),
        }
    }

    pub(super) fn add_word(&mut self, parent: u32, key: &str) -> Option<u32> {
        let node = self.node(parent)?;
        if node.words.len() >= CHILDREN_MAX + usize::from(node.operations) {
            return None;
        }
        self.add_child(parent, key)
    }

    pub(super) fn add_child(&mut self, parent: u32, key: &str) -> Option<u32> {
        let pin = match self.pins.of(self.node(parent)?.pin, key) {
            Pinned::Name(pin) => Some(pin),
            Pinned::Free | Pinned::Value(..) => None,
        };
        let child = self.add(Node { key: key.into(), parent, pin, ..Node::default() })?;
        self.adopt(parent, child, Some(key.into()));
        Some(child)
    }

    pub(super) fn add_variable(&mut self, parent: u32) -> Option<u32> {
        let mut values = Box::new(Variable { why: Why::Shape, ..Variable::default() });
        let pin = self.pins.value(self.node(parent)?.pin).map(|(name, pin)| {
            (values.is_learnt, values.named) = (true, Some(name.into()));
            pin
        });
        let child = self.add(Node { parent, values: Some(values), pin, ..Node::default() })?;
        self.adopt(parent, child, None);
        Some(child)
    }

    fn add(&mut self, node: Node) -> Option<u32> {
        if let Some(free) = self.free.pop() {
            *self.node_mut(free)? = node;
            return Some(free);
        }
        let at = u32::try_from(self.nodes.len()).ok()?;
        self.nodes.push(node);
        Some(at)
    }

    /// What is below a place, as bits.
    pub(super) fn below(&self, at: u32) -> u64 {
        let Some(node) = self.node(at) else { return 0 };
        let methods = node.leaves.iter().map(|leaf| bit(leaf.method.as_str()));
        let words = node.words.keys().map(|key| bit(key));
        methods.chain(words).chain(node.variable.map(|_| bit(VARIABLE))).fold(0, |all, bit| all | bit)
    }

    pub(super) fn leaf_mut(&mut self, way: &[u32], method: &str) -> Option<&mut Leaf> {
        let end = way.last().copied().unwrap_or(Self::ROOT);
        self.node_mut(end)?.leaves.iter_mut().find(|leaf| leaf.method.as_str() == method)
    }

    fn end(&self, way: &[u32]) -> Option<&Node> {
        self.node(way.last().copied().unwrap_or(Self::ROOT))
    }

    pub(super) fn node(&self, at: u32) -> Option<&Node> {
        self.nodes.get(at as usize)
    }

    pub(super) fn node_mut(&mut self, at: u32) -> Option<&mut Node> {
        self.nodes.get_mut(at as usize)
    }
}

impl Node {
    pub(super) fn text(&self) -> &str {
        self.values.as_ref().map_or(&*self.key, |variable| variable.name())
    }

    fn bit(&self) -> u64 {
        bit(if self.values.is_some() { VARIABLE } else { &self.key })
    }

    /// The learnt pattern that a segment fits.
    pub(super) fn pattern(&self, segment: &str) -> Option<u32> {
        let (stem, suffix) = suffix(segment)?;
        let of = |pattern: String| self.words.get(pattern.as_str()).copied();
        of(format!("{LEARNT}{suffix}"))
            .or_else(|| of(format!("{stem}.{FORMAT}")).filter(|_| is_format(suffix.trim_start_matches('.'))))
            .or_else(|| of(format!("{}.{FORMAT}", Class::Id.name())).filter(|_| !matches!(shape(stem), Shape::Word)))
    }

    /// All children.
    pub(super) fn children(&self) -> impl Iterator<Item = u32> {
        self.words.values().copied().chain(self.variable)
    }
}

pub(super) fn is_learnt_pattern(key: &str) -> bool {
    key.contains(LEARNT) || key.contains(FORMAT)
}
