//! What the answers of siblings have in common: the names of their members, as bits ([`crate::facts::Outline`]).
//!
//! Values of one parameter are answered in one form, names of resources mostly in their own. Optional members make no difference: what
//! counts is how much of a child's answers is usual among its siblings, not whether they are equal.

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use super::evidence::Item;
use super::tree::{Node, Tree, VARIABLE};
use super::values::hash;

/// Answers of fewer members say nothing.
const MEMBERS_MIN: u32 = 3;
/// A member is usual where so many of 100 siblings have it.
const USUAL_PERCENT: u32 = 30;
/// A child is another thing than its siblings where fewer than so many of 100 of its members are usual.
const ALIKE_PERCENT: u32 = 60;
/// Two forms are one where they have so many of 100 of their members in common.
const CLOSE_PERCENT: u32 = 60;
/// A form is a group's own where at most one in so many endpoints elsewhere has it.
const OTHERS_MIN: usize = 10;

/// The answers of one endpoint at or right below a child: which endpoint of the child, and its members.
pub(super) type Forms = SmallVec<[(u64, u128); 4]>;

impl Tree {
    /// The forms of what is at a place and right below it.
    pub(super) fn forms(&self, at: u32) -> Forms {
        let mut forms = Forms::new();
        let Some(node) = self.node(at) else { return forms };
        let mut add = |node: &Node, key: u64| {
            for leaf in node.leaves.iter().filter(|leaf| leaf.outline.bits().count_ones() >= MEMBERS_MIN) {
                forms.push((key ^ hash(leaf.method.as_str()), leaf.outline.bits()));
            }
        };
        add(node, 0);
        for (key, child) in &node.words {
            if let Some(child) = self.node(*child) {
                add(child, hash(key));
            }
        }
        if let Some(child) = node.variable.and_then(|child| self.node(child)) {
            add(child, hash(VARIABLE));
        }
        forms
    }

    /// Leaves out the children that are answered in another form than their siblings: names, whatever else is seen of them.
    pub(super) fn of_one_form(&self, items: Vec<Item>, variable: Option<u32>) -> Vec<Item> {
        let forms: Vec<Forms> = items.iter().map(|item| self.forms(item.at)).collect();
        let mut members: FxHashMap<u64, Members> = FxHashMap::default();
        for (mark, bits) in forms.iter().flatten() {
            members.entry(*mark).or_default().add(*bits, 1);
        }
        let known = variable.map(|at| self.forms(at)).unwrap_or_default();
        for (mark, bits) in known {
            // As much as all siblings together, and one more: there are values of it.
            let weight = members.get(&mark).map_or(1, |members| members.forms + 1);
            members.entry(mark).or_default().add(bits, weight);
        }
        let is_one = |own: &Forms| {
            let (mut alike, mut other) = (0, 0);
            for (mark, bits) in own {
                if let Some(usual) = members.get(mark).and_then(|members| members.usual_beside(*bits)) {
                    let is_alike = (bits & usual).count_ones() * 100 >= bits.count_ones() * ALIKE_PERCENT;
                    (alike, other) = (alike + u32::from(is_alike), other + u32::from(!is_alike));
                }
            }
            other <= alike
        };
        items.into_iter().zip(&forms).filter(|(_, own)| is_one(own)).map(|(item, _)| item).collect()
    }

    /// Whether the children of a group are all answered in one form that few others in the API are answered in: values, though there
    /// be but a few of them.
    pub(super) fn is_of_own_form(&self, group: &[Item]) -> bool {
        let forms: Vec<Forms> = group.iter().map(|item| self.forms(item.at)).collect();
        let mut members: FxHashMap<u64, Members> = FxHashMap::default();
        for (mark, bits) in forms.iter().flatten() {
            members.entry(*mark).or_default().add(*bits, 1);
        }
        // What each of them is answered in.
        let count = u32::try_from(group.len()).unwrap_or(u32::MAX);
        let mut own = members.values().filter(|members| members.forms == count).map(Members::usual).peekable();
        if own.peek().is_none() {
            return false;
        }
        let is_close =
            |bits: u128, usual: u128| (bits & usual).count_ones() * 100 >= (bits | usual).count_ones() * CLOSE_PERCENT;
        let skip: FxHashSet<u32> = group.iter().map(|item| item.at).collect();
        let others = self.forms_beside(&skip);
        own.any(|usual| {
            let alike = others.iter().filter(|bits| is_close(**bits, usual)).count();
            let together = forms.iter().filter(|forms| forms.iter().any(|(_, bits)| is_close(*bits, usual))).count();
            together == group.len() && alike * OTHERS_MIN <= others.len()
        })
    }

    fn forms_beside(&self, skip: &FxHashSet<u32>) -> Vec<u128> {
        let (mut forms, mut open) = (Vec::new(), vec![Self::ROOT]);
        while let Some(at) = open.pop() {
            let Some(node) = self.node(at).filter(|_| !skip.contains(&at)) else { continue };
            let bits = node.leaves.iter().map(|leaf| leaf.outline.bits());
            forms.extend(bits.filter(|bits| bits.count_ones() >= MEMBERS_MIN));
            open.extend(node.children());
        }
        forms
    }
}

/// How many of some forms have each member.
struct Members {
    forms: u32,
    with: [u32; 128],
}

impl Default for Members {
    fn default() -> Self {
        Self { forms: 0, with: [0; 128] }
    }
}

impl Members {
    fn add(&mut self, mut bits: u128, weight: u32) {
        self.forms += weight;
        while bits != 0 {
            if let Some(with) = self.with.get_mut(bits.trailing_zeros() as usize) {
                *with += weight;
            }
            bits &= bits - 1;
        }
    }

    /// The members that many have.
    fn usual(&self) -> u128 {
        let is_usual = |(bit, with): (u32, &u32)| (with * 100 >= self.forms * USUAL_PERCENT).then_some(1_u128 << bit);
        (0..).zip(&self.with).filter_map(is_usual).fold(0, |bits, bit| bits | bit)
    }

    /// The members that many of the others have. `None`: there are no others.
    fn usual_beside(&self, own: u128) -> Option<u128> {
        let others = self.forms.checked_sub(1).filter(|others| *others > 0)?;
        let is_usual = |(bit, with): (u32, &u32)| {
            let with = with - u32::from(own >> bit & 1 == 1);
            (with * 100 >= others * USUAL_PERCENT).then_some(1_u128 << bit)
        };
        Some((0..).zip(&self.with).filter_map(is_usual).fold(0, |bits, bit| bits | bit))
    }
}
