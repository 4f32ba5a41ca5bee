//! Endpoints of the store find their place, and endpoints of a place get their template told anew.

use smallvec::SmallVec;

use super::EndpointId;
use super::piece::Piece;
use super::reason::Why;
use super::shape::{Class, LEARNT, Shape, is_operation, route_segments, shape};
use super::tree::{Endpoints, Leaf, SEGMENTS_MAX, SURE_VALUES_MIN, Tree, Way};
use super::values::{NAME_CALLS_MIN, hash};
use crate::exchange::Method;

impl Tree {
    /// Puts an endpoint of the store, or of a document that went, at its template. `false`: there is no room.
    pub(crate) fn restore(
        &mut self,
        route: &str,
        method: &Method,
        id: EndpointId,
        calls: u64,
        nodes_left: usize,
    ) -> bool {
        let path: SmallVec<[&str; 12]> = route_segments(route).take(SEGMENTS_MAX + 1).collect();
        if path.len() > SEGMENTS_MAX || path.len() > nodes_left {
            return false;
        }
        let calls = u32::try_from(calls).unwrap_or(u32::MAX);
        self.census = None;
        let (mut way, mut at) = (Way::new(), Self::ROOT);
        for segment in path {
            let Some(child) = self.restore_step(at, segment, calls) else { return false };
            at = child;
            way.push(at);
        }
        let added = self.add_leaf(&way, method, id, false);
        for at in std::iter::once(Self::ROOT).chain(way.iter().copied()) {
            if let Some(node) = self.node_mut(at) {
                node.calls = node.calls.saturating_add(calls);
            }
        }
        if let Some(leaf) = self.leaf_mut(&way, method.as_str()) {
            leaf.calls = calls;
        }
        added
    }

    fn restore_step(&mut self, at: u32, segment: &str, calls: u32) -> Option<u32> {
        if is_operation(segment) {
            return self.step(at, &Piece::new(segment));
        }
        let is_variable = segment.starts_with('{') && segment.ends_with('}') && segment.matches('{').count() == 1;
        if !is_variable {
            if let Some(child) = self.node(at)?.words.get(segment) {
                return Some(*child);
            }
            // What was a name among values when it was stored stays one.
            if calls >= NAME_CALLS_MIN || matches!(shape(segment), Shape::Small(_)) {
                self.node_mut(at)?.names.push(hash(segment));
            }
            return self.add_word(at, segment);
        }
        let child = self.node(at)?.variable.or_else(|| self.add_variable(at))?;
        let variable = self.node_mut(child)?.values.as_mut()?;
        variable.why = variable.why.max(if Class::named(segment).is_some() { Why::Shape } else { Why::Kept });
        if let Some(class) = Class::named(segment) {
            variable.classes |= class.bit();
        } else {
            variable.is_learnt = true;
            variable.sample.news = variable.sample.news.max(SURE_VALUES_MIN);
            if segment != LEARNT {
                variable.named.get_or_insert_with(|| segment.into());
            }
        }
        Some(child)
    }

    /// Tells the inventory of every endpoint at and below a place under its template as it is now. Gives whether some became one.
    pub(super) fn retell(&mut self, at: u32, endpoints: &mut dyn Endpoints) -> bool {
        let (mut is_joined, mut open) = (false, vec![at]);
        while let Some(at) = open.pop() {
            let way = self.way(at);
            let route = self.route(&way);
            let Some(node) = self.node_mut(at) else { continue };
            let before = node.leaves.len();
            node.leaves = retold(std::mem::take(&mut node.leaves), &route, endpoints);
            is_joined |= node.leaves.len() != before;
            let mut children: Vec<(&str, u32)> = node.words.iter().map(|(key, child)| (&**key, *child)).collect();
            // The same order on every run: what is told first may matter to who listens.
            children.sort_unstable();
            open.extend(children.into_iter().map(|(_, child)| child).chain(node.variable));
        }
        is_joined
    }
}

/// The endpoints of a place under their template as it is now, each method once. A HEAD is its path's GET, where there is one.
fn retold(leaves: SmallVec<[Leaf; 2]>, route: &str, endpoints: &mut dyn Endpoints) -> SmallVec<[Leaf; 2]> {
    let get = leaves.iter().find(|leaf| leaf.method.as_str() == "GET").map(|leaf| leaf.method.clone());
    let mut told: SmallVec<[Leaf; 2]> = SmallVec::new();
    for mut leaf in leaves {
        if let Some(get) = get.as_ref().filter(|_| leaf.method.as_str() == "HEAD") {
            leaf.method = get.clone();
        }
        leaf.id = endpoints.moved(leaf.id, &leaf.method, route);
        match told.iter_mut().find(|known| known.method == leaf.method) {
            Some(known) => {
                known.calls = known.calls.saturating_add(leaf.calls);
                known.is_refused &= leaf.is_refused;
                known.outline = known.outline.or(leaf.outline);
                known.outlined = known.outlined.saturating_add(leaf.outlined);
            }
            None => told.push(leaf),
        }
    }
    told
}
