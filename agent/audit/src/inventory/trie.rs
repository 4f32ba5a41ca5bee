//! The paths of one API that no document claims, as a tree of template segments.
//!
//! Only paths that proved to be endpoints come in, so a scanner does not grow it. A place with too many literal children is merged into
//! one variable: the children that look alike (the same methods and the same continuations), where most of them are hardly called; or,
//! at the hard bound, all that are hardly called. Where names of resources usually stand (first, or right after `api` or a version)
//! only the hard bound merges.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashMap, FxHasher};
use smallvec::SmallVec;

use super::EndpointId;
use super::shape::{LEARNT, join};
use crate::exchange::Method;

/// More literal siblings than these, alike and hardly called, are values of one variable.
pub(crate) const SIBLINGS_MAX: usize = 32;
/// More literal children than these no place has.
pub(crate) const CHILDREN_MAX: usize = 256;
/// Methods of one path.
pub(crate) const METHODS_MAX: usize = 16;
/// Segments of a path.
pub(crate) const SEGMENTS_MAX: usize = 24;
/// A child with at most so many calls is hardly called.
const QUIET_CALLS_MAX: u64 = 3;

/// A path as template segments.
pub(crate) type Pieces<'a> = SmallVec<[Cow<'a, str>; 12]>;
/// The endpoints of one path, by method.
pub(crate) type Leaves = SmallVec<[(Method, EndpointId); 2]>;

/// A place in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(u32);

/// What the tree asks of the inventory.
pub(crate) trait Endpoints {
    /// Calls so far.
    fn calls(&self, id: EndpointId) -> u64;
    /// The endpoint has another template from now on; gives its id there, which may be that of an endpoint that was there before.
    fn moved(&mut self, id: EndpointId, method: &Method, route: &str) -> EndpointId;
}

#[derive(Debug, Default)]
struct Node {
    children: FxHashMap<Box<str>, u32>,
    /// Children that are no pure variables.
    literals: usize,
    leaves: Leaves,
}

/// The tree. The root is node 0.
#[derive(Debug)]
pub(crate) struct Trie {
    nodes: Vec<Node>,
    free: Vec<u32>,
}

impl Default for Trie {
    fn default() -> Self {
        Self { nodes: vec![Node::default()], free: Vec::new() }
    }
}

impl Trie {
    const ROOT: u32 = 0;

    /// Nodes in use, the root among them.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len() - self.free.len()
    }

    /// The place of a path: its own segments first, then the learnt variables.
    pub(crate) fn find(&self, pieces: &[Cow<'_, str>]) -> Option<Place> {
        self.walk(pieces, false).or_else(|| self.walk(pieces, true))
    }

    fn walk(&self, pieces: &[Cow<'_, str>], learnt_first: bool) -> Option<Place> {
        let mut at = Self::ROOT;
        for piece in pieces {
            let children = &self.node(at)?.children;
            let (own, learnt) = (children.get(&**piece), children.get(LEARNT));
            let learnt = learnt.filter(|_| !is_variable(piece));
            at = *if learnt_first { learnt.or(own) } else { own.or(learnt) }?;
        }
        self.node(at).filter(|node| !node.leaves.is_empty()).map(|_| Place(at))
    }

    /// The endpoint of a method at a place.
    pub(crate) fn endpoint(&self, place: Place, method: &str) -> Option<EndpointId> {
        self.node(place.0)?.leaves.iter().find(|(known, _)| known.as_str() == method).map(|(_, id)| *id)
    }

    /// Writes the learnt variables' names over the segments that are their values.
    pub(crate) fn generalise(&self, pieces: &mut [Cow<'_, str>]) {
        let mut at = Self::ROOT;
        for piece in pieces {
            let Some(node) = self.node(at) else { return };
            let own = node.children.get(&**piece);
            let learnt = node.children.get(LEARNT).filter(|_| own.is_none() && !is_variable(piece));
            if learnt.is_some() {
                *piece = Cow::Borrowed(LEARNT);
            }
            match own.or(learnt) {
                Some(child) => at = *child,
                None => return,
            }
        }
    }

    /// Puts an endpoint at a path that [`Trie::generalise`] has seen. `false` where `nodes_left` does not allow it, the path has too many
    /// segments, or the place too many methods.
    pub(crate) fn insert(
        &mut self,
        pieces: &[Cow<'_, str>],
        method: &Method,
        id: EndpointId,
        nodes_left: usize,
    ) -> bool {
        let (known, at) = self.descend(pieces);
        let Some(new) = pieces.get(known..).filter(|new| pieces.len() <= SEGMENTS_MAX && new.len() <= nodes_left)
        else {
            return false;
        };
        if new.is_empty() && self.node(at).is_some_and(|node| node.leaves.len() >= METHODS_MAX) {
            return false;
        }
        let end = new.iter().try_fold(at, |at, piece| self.add_child(at, piece));
        let Some(node) = end.and_then(|end| self.node_mut(end)) else { return false };
        node.leaves.push((method.clone(), id));
        true
    }

    /// Takes an endpoint away; the empty place stays until its tree is rebuilt.
    pub(crate) fn remove(&mut self, place: Place, method: &str) {
        if let Some(node) = self.node_mut(place.0) {
            node.leaves.retain(|(known, _)| known.as_str() != method);
        }
    }

    /// Merges what has become too many by an endpoint that was just put at this path.
    pub(crate) fn merge(&mut self, pieces: &mut [Cow<'_, str>], endpoints: &mut dyn Endpoints) {
        for depth in 0..pieces.len() {
            let Some(above) = pieces.get(..depth) else { return };
            let (known, parent) = self.descend(above);
            if known < depth {
                return;
            }
            let group = self.surplus(parent, above.last().map(AsRef::as_ref), endpoints);
            if !group.is_empty() {
                let route = if above.is_empty() { String::new() } else { join(above.iter().cloned()) };
                self.merge_group(parent, &group, &format!("{route}/{LEARNT}"), endpoints);
                self.generalise(pieces);
            }
        }
    }

    /// The children of a place that are to be merged. `name` is the place's own segment; the root has none.
    fn surplus(&self, parent: u32, name: Option<&str>, endpoints: &dyn Endpoints) -> Vec<Box<str>> {
        let Some(node) = self.node(parent) else { return Vec::new() };
        let is_protected = name.is_none_or(is_prefix);
        let mut group = Vec::new();
        if let Some(learnt) = node.children.get(LEARNT)
            && !is_protected
        {
            group = self.covered(parent, *learnt, endpoints);
        }
        if group.is_empty() && !is_protected && node.literals > SIBLINGS_MAX {
            group = self.alike(parent, endpoints);
        }
        if group.is_empty() && node.literals > CHILDREN_MAX {
            group = self.quiet(parent, endpoints);
        }
        group
    }

    /// Quiet literal children below which there is nothing that the learnt variable does not have.
    fn covered(&self, parent: u32, learnt: u32, endpoints: &dyn Endpoints) -> Vec<Box<str>> {
        let children = self.literal_children(parent);
        let covered = children.filter(|(_, child)| self.is_within(*child, learnt) && self.is_quiet(*child, endpoints));
        covered.map(|(key, _)| key.clone()).collect()
    }

    fn is_within(&self, at: u32, other: u32) -> bool {
        let (Some(node), Some(other)) = (self.node(at), self.node(other)) else { return false };
        let has = |method: &Method| other.leaves.iter().any(|(known, _)| known == method);
        node.leaves.iter().all(|(method, _)| has(method))
            && node
                .children
                .iter()
                .all(|(key, child)| other.children.get(key).is_some_and(|other| self.is_within(*child, *other)))
    }

    /// The largest set of literal children with the same methods and continuations, if it is large and half of it hardly called.
    fn alike(&self, parent: u32, endpoints: &dyn Endpoints) -> Vec<Box<str>> {
        let mut groups: FxHashMap<u64, Vec<(&Box<str>, u32)>> = FxHashMap::default();
        for (key, child) in self.literal_children(parent) {
            groups.entry(self.signature(child, 0)).or_default().push((key, child));
        }
        let largest =
            groups.into_values().max_by_key(|group| (group.len(), group.iter().map(|(key, _)| *key).min().cloned()));
        let Some(group) = largest.filter(|group| group.len() > SIBLINGS_MAX) else { return Vec::new() };
        let quiet = group.iter().filter(|(_, child)| self.is_quiet(*child, endpoints)).count();
        if quiet * 2 < group.len() { Vec::new() } else { group.into_iter().map(|(key, _)| key.clone()).collect() }
    }

    /// All literal children that are hardly called.
    fn quiet(&self, parent: u32, endpoints: &dyn Endpoints) -> Vec<Box<str>> {
        let quiet = self.literal_children(parent).filter(|(_, child)| self.is_quiet(*child, endpoints));
        quiet.map(|(key, _)| key.clone()).collect()
    }

    fn is_quiet(&self, child: u32, endpoints: &dyn Endpoints) -> bool {
        let Some(node) = self.node(child) else { return true };
        // One busy endpoint below is enough: there is no need for the sum over the whole tree.
        let own: u64 = node.leaves.iter().map(|(_, id)| endpoints.calls(*id)).sum();
        own <= QUIET_CALLS_MAX && node.children.values().all(|below| self.is_quiet(*below, endpoints))
    }

    /// A hash of what is below, whatever the order in which it came.
    fn signature(&self, at: u32, depth: usize) -> u64 {
        let Some(node) = self.node(at) else { return 0 };
        let hash = |value: &dyn Fn(&mut FxHasher)| {
            let mut hasher = FxHasher::default();
            value(&mut hasher);
            hasher.finish()
        };
        let leaves = node.leaves.iter().map(|(method, _)| hash(&|hasher| method.hash(hasher)));
        let children = node.children.iter().map(|(key, child)| {
            let below = if depth < SEGMENTS_MAX { self.signature(*child, depth + 1) } else { 0 };
            hash(&|hasher| (key, below).hash(hasher))
        });
        leaves.chain(children).fold(0, u64::wrapping_add)
    }

    fn merge_group(&mut self, parent: u32, group: &[Box<str>], route: &str, endpoints: &mut dyn Endpoints) {
        let learnt = self.node(parent).and_then(|node| node.children.get(LEARNT).copied());
        let Some(into) = learnt.or_else(|| self.add_child(parent, LEARNT)) else { return };
        let mut group = group.to_vec();
        // Same result whatever the order in the map.
        group.sort_unstable();
        for key in group {
            let Some(node) = self.node_mut(parent) else { return };
            if let Some(child) = node.children.remove(&key) {
                node.literals -= 1;
                self.fold(child, into, route, endpoints);
            }
        }
    }

    /// Moves everything of the subtree `from` into `into`, whose template is `route`. Depth is bounded by [`SEGMENTS_MAX`].
    fn fold(&mut self, from: u32, into: u32, route: &str, endpoints: &mut dyn Endpoints) {
        let Some(node) = self.node_mut(from).map(std::mem::take) else { return };
        self.free.push(from);
        for (method, id) in node.leaves {
            let moved = endpoints.moved(id, &method, route);
            let Some(target) = self.node_mut(into) else { return };
            if target.leaves.iter().all(|(known, _)| *known != method) {
                target.leaves.push((method, moved));
            }
        }
        let mut children: Vec<_> = node.children.into_iter().collect();
        children.sort_unstable();
        for (key, child) in children {
            let known = self.node(into).and_then(|node| node.children.get(&key).copied());
            if let Some(target) = known.or_else(|| self.add_child(into, &key)) {
                self.fold(child, target, &format!("{route}/{key}"), endpoints);
            }
        }
    }

    /// How many pieces exist already, and where they end.
    fn descend(&self, pieces: &[Cow<'_, str>]) -> (usize, u32) {
        let mut at = Self::ROOT;
        for (depth, piece) in pieces.iter().enumerate() {
            match self.node(at).and_then(|node| node.children.get(&**piece)) {
                Some(child) => at = *child,
                None => return (depth, at),
            }
        }
        (pieces.len(), at)
    }

    fn add_child(&mut self, parent: u32, piece: &str) -> Option<u32> {
        let child = match self.free.pop() {
            Some(free) => free,
            None => u32::try_from(self.nodes.len()).ok()?,
        };
        if child as usize == self.nodes.len() {
            self.nodes.push(Node::default());
        }
        let node = self.node_mut(parent)?;
        node.children.insert(piece.into(), child);
        node.literals += usize::from(!is_variable(piece));
        Some(child)
    }

    fn literal_children(&self, parent: u32) -> impl Iterator<Item = (&Box<str>, u32)> {
        let children = self.node(parent).into_iter().flat_map(|node| &node.children);
        children.filter(|(key, _)| !is_variable(key)).map(|(key, child)| (key, *child))
    }

    fn node(&self, at: u32) -> Option<&Node> {
        self.nodes.get(at as usize)
    }

    fn node_mut(&mut self, at: u32) -> Option<&mut Node> {
        self.nodes.get_mut(at as usize)
    }
}

/// A whole segment that is a variable.
fn is_variable(piece: &str) -> bool {
    piece.starts_with('{') && piece.ends_with('}')
}

/// After these the names of resources stand.
fn is_prefix(piece: &str) -> bool {
    let version = piece.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    version || matches!(piece, "api" | "rest" | "rpc" | "{date}")
}
