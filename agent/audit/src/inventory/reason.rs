//! Why a template is as it is: for people, from what the tree holds.

use super::TemplateState;
use super::pins::Pinned;
use super::shape::{is_file, route_segments};
use super::tree::{Node, Tree, is_learnt_pattern};

/// What decided, and what was counted there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TemplateReason {
    /// What decided.
    pub why: Why,
    /// Different values seen at the variable that is least sure, at least; 0 where there is none, or after a restart.
    pub values: u32,
    /// Calls at and below that variable, or the name that the template ends in.
    pub calls: u32,
    /// Names beside it.
    pub siblings: u32,
    /// Endpoints and places right below it: what its values, or its siblings, had in common.
    pub below: u32,
}

/// What makes a segment a value or a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Why {
    /// Nothing says that a segment is a value.
    #[default]
    Name,
    /// Its siblings are alike, and there are too few to decide.
    Few,
    /// The form of the values.
    Shape,
    /// So many were seen once that there must be many more.
    Novel,
    /// Each is called far less than what stands elsewhere in the API.
    Quiet,
    /// The same names come below each.
    Shared,
    /// All are answered in one form that is theirs alone.
    Answers,
    /// The same in several formats.
    Format,
    /// Static files of one folder and type.
    File,
    /// The place has no room for more names.
    Bound,
    /// It was so in the store.
    Kept,
    /// The user pinned it.
    Pinned,
    /// The API's document has it.
    Documented,
}

impl Tree {
    /// The state of a template that stands in the tree, and why.
    pub(crate) fn describe(&self, route: &str) -> Option<(TemplateState, TemplateReason)> {
        let (mut at, mut least) = (Self::ROOT, None);
        let (mut is_few, mut is_pattern, mut is_pinned) = (false, false, false);
        for segment in route_segments(route) {
            let node = self.node(at)?;
            let child = match node.words.get(segment) {
                Some(child) => *child,
                None => node.variable.filter(|child| self.node(*child).is_some_and(|node| node.text() == segment))?,
            };
            let child_node = self.node(child)?;
            is_pattern |= child_node.values.is_none() && is_learnt_pattern(segment);
            is_few |= child_node.is_candidate;
            is_pinned |= child_node.values.is_some() && child_node.pin.is_some();
            if let Some(variable) = child_node.values.as_ref()
                && least.is_none_or(|(why, _)| variable.why >= why)
                && child_node.pin.is_none()
            {
                least = Some((variable.why, child));
            }
            at = child;
        }
        let end = self.node(at)?;
        let is_value = end.values.is_some();
        let of = self.reason(least.map_or(at, |(_, at)| at));
        let (state, why) = match least {
            _ if end.pin.is_some() && self.is_all_pinned(end) => (TemplateState::Pinned, Why::Pinned),
            Some((why, _)) if why > Why::Shape => (TemplateState::Learnt, why),
            _ if is_pattern => (TemplateState::Learnt, Why::Format),
            _ if is_file(route.rsplit('/').next().unwrap_or_default()) => (TemplateState::Shape, Why::File),
            _ if is_few => (TemplateState::Candidate, Why::Few),
            Some((why, _)) => (TemplateState::Shape, why),
            None if is_pinned => (TemplateState::Pinned, Why::Pinned),
            None if route.contains('{') || is_value => (TemplateState::Shape, Why::Shape),
            None => (TemplateState::Literal, Why::Name),
        };
        Some((state, TemplateReason { why, ..of }))
    }

    fn reason(&self, at: u32) -> TemplateReason {
        let Some(node) = self.node(at) else { return TemplateReason::default() };
        let parent = self.node(node.parent).filter(|_| at != Self::ROOT);
        let siblings = parent.map_or(0, |parent| parent.words.len() - usize::from(node.values.is_none()));
        TemplateReason {
            why: Why::Name,
            values: node.values.as_ref().map_or(0, |variable| variable.sample.news),
            calls: node.calls,
            siblings: u32::try_from(siblings).unwrap_or(u32::MAX),
            below: u32::try_from(node.leaves.len() + node.children().count()).unwrap_or(u32::MAX),
        }
    }

    /// The whole path of a pinned place is pinned. A name that is only the way to a pinned variable is not.
    fn is_all_pinned(&self, end: &Node) -> bool {
        let above = self.node(end.parent).and_then(|above| above.pin);
        end.values.is_some() || (self.pins.of(above, &end.key) != Pinned::Free && self.pins.is_end(end.pin))
    }

    /// Marks the children that may be values, where too few were seen to decide.
    pub(super) fn mark_candidates(&mut self, at: u32) {
        let near: Vec<u32> = self.candidates(at);
        let Some(node) = self.node(at) else { return };
        let children: Vec<u32> = node.words.values().copied().collect();
        for child in children {
            if let Some(node) = self.node_mut(child) {
                node.is_candidate = near.contains(&child);
            }
        }
    }
}
