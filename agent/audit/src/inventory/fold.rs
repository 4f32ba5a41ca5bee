//! Names become values of a variable, values become names, and what is below them moves along.

use std::sync::Arc;

use smallvec::SmallVec;

use super::pins::{Pinned, Pins};
use super::reason::Why;
use super::shape::{Shape, is_operation, key, shape};
use super::tree::{Endpoints, Leaf, Tree, VARIABLE, is_learnt_pattern};
use super::values::{bit, hash};

/// What children are to become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// Values of the place's variable. Learnt: words that are not there yet are values, too.
    Variable { is_learnt: bool, why: Why },
    /// Values in a pattern, such as `{name}.json`.
    Pattern(Box<str>),
}

impl Tree {
    /// A value of a learnt variable becomes a name, with what only it had below.
    pub(super) fn unfold(&mut self, parent: u32, segment: &str) -> Option<u32> {
        let variable = self.node(parent)?.variable?;
        let child = self.add_word(parent, &key(segment))?;
        self.census = None;
        let node = self.node_mut(variable)?;
        let (calls, own) = node.values.as_mut()?.sample.take(hash(segment));
        node.calls = node.calls.saturating_sub(calls);
        let mut leaves: SmallVec<[Leaf; 2]> = SmallVec::new();
        let mut rest: SmallVec<[Leaf; 2]> = SmallVec::new();
        for leaf in std::mem::take(&mut node.leaves) {
            if own & bit(leaf.method.as_str()) == 0 { rest.push(leaf) } else { leaves.push(leaf) }
        }
        node.leaves = rest;
        let is_own = |key: &str| own & bit(key) != 0;
        let words: Vec<(Box<str>, u32)> =
            node.words.iter().filter(|(key, _)| is_own(key)).map(|(key, child)| (key.clone(), *child)).collect();
        let operations = words.iter().map(|(key, _)| u16::from(is_operation(key))).sum::<u16>();
        node.operations = node.operations.saturating_sub(operations);
        node.words.retain(|key, _| !is_own(key));
        let below = node.variable.take_if(|_| is_own(VARIABLE));
        for at in words.iter().map(|(_, at)| *at).chain(below) {
            if let Some(node) = self.node_mut(at) {
                node.parent = child;
            }
        }
        let node = self.node_mut(child)?;
        (node.calls, node.leaves, node.variable) = (calls, leaves, below);
        node.words.extend(words);
        node.operations = operations;
        // What came along has another template now.
        self.renamed.push(child);
        Some(child)
    }

    /// A variable that has but one small value is a name: a version. Gives the place.
    pub(super) fn make_literal(&mut self, parent: u32) -> Option<u32> {
        let child = self.node(parent)?.variable?;
        let node = self.node_mut(child)?;
        let key = node.values.as_mut()?.only.take()?;
        (node.values, node.key) = (None, key.clone());
        let parent = self.node_mut(parent)?;
        parent.variable = None;
        parent.names.push(hash(&key));
        parent.words.insert(key, child);
        Some(child)
    }

    /// Children become values of the place's variable, or of a pattern. Gives where they are now.
    pub(super) fn fold_into(&mut self, parent: u32, group: &[u32], into: &Target) -> Option<u32> {
        let target = match into {
            Target::Variable { .. } => self.node(parent)?.variable.or_else(|| self.add_variable(parent))?,
            Target::Pattern(pattern) => match self.node(parent)?.words.get(&**pattern) {
                Some(child) => *child,
                None => self.add_word(parent, pattern)?,
            },
        };
        let mut group: Vec<(Box<str>, u32)> = group
            .iter()
            .filter_map(|at| Some((self.node(*at)?.key.clone(), *at)))
            .filter(|(_, at)| *at != target)
            .collect();
        // Same result whatever the order in the map.
        group.sort_unstable();
        for (key, child) in group {
            let node = self.node_mut(parent)?;
            node.words.remove(&key);
            node.names.retain(|name| *name != hash(&key));
            node.patterns = node.patterns.saturating_sub(u16::from(is_learnt_pattern(&key)));
            let (calls, below) = (self.node(child)?.calls, self.below(child));
            if let Some(variable) = self.node_mut(target).and_then(|node| node.values.as_mut()) {
                variable.sample.count(hash(&key), calls, below);
                if let Target::Variable { is_learnt, why } = into {
                    variable.is_learnt |= is_learnt;
                    variable.why = variable.why.max(*why);
                }
                variable.only = None;
                if let Shape::Value(class) | Shape::Small(class) = shape(&key) {
                    variable.classes |= class.bit();
                }
            }
            self.fold(child, target);
        }
        Some(target)
    }

    /// Moves everything of the subtree `from` into `into`. Depth is bounded by [`SEGMENTS_MAX`].
    fn fold(&mut self, from: u32, into: u32) {
        let Some(node) = self.node_mut(from).map(std::mem::take) else { return };
        self.free.push(from);
        let Some(target) = self.node_mut(into) else { return };
        target.calls = target.calls.saturating_add(node.calls);
        target.leaves.extend(node.leaves);
        if let (Some(ours), Some(theirs)) = (&mut target.values, node.values) {
            ours.sample.join(theirs.sample);
            ours.classes |= theirs.classes;
            ours.is_learnt |= theirs.is_learnt;
            ours.why = ours.why.max(theirs.why);
            ours.named = ours.named.take().or(theirs.named);
            ours.only = None;
        }
        let mut children: Vec<_> = node.words.into_iter().collect();
        children.sort_unstable();
        for (key, child) in children {
            let known = self.node(into).and_then(|node| node.words.get(&key).copied());
            match known {
                Some(known) => self.fold(child, known),
                None => self.adopt(into, child, Some(key)),
            }
        }
        if let Some(child) = node.variable {
            match self.node(into).and_then(|node| node.variable) {
                Some(known) => self.fold(child, known),
                None => self.adopt(into, child, None),
            }
        }
    }

    /// What the user pins holds from now on, also for what was learnt otherwise: names that are to be values become values at once, a
    /// value that is to be a name becomes one when it is called next. What is pinned no longer is learnt again.
    pub(crate) fn pin(&mut self, pins: &Arc<Pins>, endpoints: &mut dyn Endpoints) {
        self.pins = Arc::clone(pins);
        self.census = None;
        for node in &mut self.nodes {
            if node.pin.take().is_some() {
                node.reviewed = (0, 0);
            }
        }
        let mut open: SmallVec<[(u32, Option<u16>); 16]> = [(Self::ROOT, pins.root())].into_iter().collect();
        while let Some((at, pin)) = open.pop() {
            let Some(node) = self.node_mut(at) else { continue };
            node.pin = pin;
            if let Some((name, _)) = pins.value(pin) {
                self.pin_variable(at, name, pins);
                if let Some(variable) = self.node(at).and_then(|node| node.variable) {
                    self.retell(variable, endpoints);
                }
            }
            let Some(node) = self.node(at) else { continue };
            for (key, child) in &node.words {
                if let Pinned::Name(pin) = pins.of(pin, key) {
                    open.push((*child, Some(pin)));
                }
            }
            if let (Some(child), Some((_, pin))) = (node.variable, pins.value(pin)) {
                open.push((child, Some(pin)));
            }
        }
    }

    fn pin_variable(&mut self, at: u32, name: &str, pins: &Pins) {
        let Some(node) = self.node(at) else { return };
        let is_value = |key: &str| !is_operation(key) && matches!(pins.of(node.pin, key), Pinned::Value(..));
        let group: Vec<u32> = node.words.iter().filter(|(key, _)| is_value(key)).map(|(_, child)| *child).collect();
        if !group.is_empty() {
            self.fold_into(at, &group, &Target::Variable { is_learnt: true, why: Why::Pinned });
        }
        let variable = self.node(at).and_then(|node| node.variable);
        if let Some(values) = variable.and_then(|at| self.node_mut(at)?.values.as_mut()) {
            (values.is_learnt, values.named) = (true, Some(name.into()));
        }
    }
}
