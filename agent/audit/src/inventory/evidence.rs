//! Which children of a place are values of a variable, by what is seen of them.
//!
//! Three kinds of evidence, each a function of what the tree holds and not of the order in which it came:
//!
//! - **novelty**: so many children are seen but once or twice that there must be very many more (Chao's estimator of unseen kinds);
//! - **quietness**: the children's endpoints are each called far less often than what stands elsewhere in the API, as if one endpoint's
//!   calls were spread over them; of few children all of the place have to be so, for of many the least called always are;
//! - **sharing**: the same several names come below each of the children.
//!
//! A child takes part only where what is below it is also below another (the veto). What was taken for a value and then is called far
//! more often than all other values becomes a name again ([`super::values::Values::names`]). A place is looked at again when its children
//! or its calls have grown, so that the work for a call is constant in the long run.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use super::fold::Target;
use super::pins::Pinned;
use super::reason::Why;
use super::shape::{Class, FORMAT, LEARNT, Shape, has_verb, is_file, is_format, is_mixed, is_operation, shape, suffix};
use super::tree::{CHILDREN_MAX, Endpoints, Node, SURE_VALUES_MIN, Tree};
use super::values::hash;
use super::weight::{Evidence, NOVEL_CHILDREN_MIN, count};

/// Small numbers and dates at a place of versions are values when there are more.
const VERSIONS_MAX: usize = 5;
/// A constant small number is a version after so many calls.
const CONSTANT_CALLS_MIN: u32 = 40;
/// Rounds of one review: what is merged may make more mergeable.
const ROUNDS_MAX: usize = 4;
/// Ways to divide a place's children into busy and quiet ones that are tried.
const CUTS_MAX: usize = 6;

/// Fewer siblings are no candidates for values.
const CANDIDATES_MIN: usize = 3;
/// Values of one place that became names.
const NAMES_MAX: usize = 64;

/// Children that are to be merged, and into what.
type Merge = (Vec<u32>, Target);

/// A child and its calls.
#[derive(Clone, Copy)]
pub(super) struct Item {
    pub(super) at: u32,
    pub(super) calls: u32,
}

impl Tree {
    /// Looks at the places of a path that are due; gives whether an endpoint may have another template now.
    pub(crate) fn review(&mut self, way: &[u32], endpoints: &mut dyn Endpoints) -> bool {
        let mut has_moved = self.tell_renamed(endpoints);
        for at in std::iter::once(Self::ROOT).chain(way.iter().copied()) {
            if self.is_due(at) {
                has_moved |= self.review_place(at, endpoints);
            }
        }
        has_moved
    }

    /// Looks at every place that was called since it was last looked at, so that the templates are those of all evidence.
    pub(crate) fn settle(&mut self, endpoints: &mut dyn Endpoints) {
        self.tell_renamed(endpoints);
        for at in 0..self.nodes.len() {
            let Ok(at) = u32::try_from(at) else { return };
            let is_changed = self.node(at).is_some_and(|node| {
                (!node.words.is_empty() || node.variable.is_some()) && node.reviewed != (node.words.len(), node.calls)
            });
            if is_changed {
                self.review_place(at, endpoints);
            }
        }
    }

    fn tell_renamed(&mut self, endpoints: &mut dyn Endpoints) -> bool {
        let renamed = std::mem::take(&mut self.renamed);
        for at in &renamed {
            if self.retell(*at, endpoints) {
                self.census = None;
            }
        }
        !renamed.is_empty()
    }

    fn is_due(&self, at: u32) -> bool {
        let Some(node) = self.node(at) else { return false };
        let (words, calls) = node.reviewed;
        let has_grown = node.words.len() > words + words / 8;
        let is_doubled = node.calls >= calls.saturating_mul(2);
        (!node.words.is_empty() && (has_grown || is_doubled)) || (node.variable.is_some() && is_doubled)
    }

    fn review_place(&mut self, at: u32, endpoints: &mut dyn Endpoints) -> bool {
        if let Some(node) = self.node_mut(at) {
            node.reviewed = (node.words.len(), node.calls);
        }
        if self.pins.is_decided(self.node(at).and_then(|node| node.pin)) {
            return false;
        }
        if self.census.is_none() {
            self.census = Some(Box::new(self.counted()));
        }
        self.split(at);
        if self.is_constant(at) {
            if let Some(place) = self.make_literal(at) {
                self.retell(place, endpoints);
            }
            return true;
        }
        let mut has_moved = false;
        for _ in 0..ROUNDS_MAX {
            let Some((group, target)) = self.surplus(at) else { break };
            let Some(place) = self.merge(at, &group, &target, endpoints) else { break };
            has_moved = true;
            let below: Vec<u32> = self.node(place).into_iter().flat_map(Node::children).collect();
            for at in std::iter::once(place).chain(below) {
                if self.node(at).is_some_and(|node| !node.words.is_empty()) {
                    self.review_place(at, endpoints);
                }
            }
        }
        self.mark_candidates(at);
        has_moved
    }

    /// Children become values; gives where they are now.
    fn merge(&mut self, at: u32, group: &[u32], into: &Target, endpoints: &mut dyn Endpoints) -> Option<u32> {
        let known = match (into, self.node(at)?) {
            (Target::Variable { .. }, node) => node.variable,
            (Target::Pattern(pattern), node) => node.words.get(&**pattern).copied().filter(|at| !group.contains(at)),
        };
        let is_counted = self.census_without(at, group.iter().copied().chain(known));
        let Some(place) = self.fold_into(at, group, into) else {
            self.census = None;
            return None;
        };
        self.retell(place, endpoints);
        if is_counted {
            self.census_with(place);
        }
        Some(place)
    }

    /// The children that are alike and rather new, rather quiet or answered in one form of their own, but too few to decide.
    pub(super) fn candidates(&self, at: u32) -> Vec<u32> {
        let Some(node) = self.node(at) else { return Vec::new() };
        let items = self.items(node);
        if items.len() < CANDIDATES_MIN {
            return Vec::new();
        }
        let group = self.of_one_form(self.alike(&items, node.variable), node.variable);
        if group.len() < CANDIDATES_MIN {
            return Vec::new();
        }
        let evidence = self.evidence(at, &group);
        let is_near = evidence.is_rather_new(self.is_prefix(at)) || evidence.is_rather_quiet();
        if is_near || self.is_of_own_form(&group) { group.iter().map(|item| item.at).collect() } else { Vec::new() }
    }

    /// Values that turned out to be names become children when they are next called.
    fn split(&mut self, at: u32) {
        let Some(node) = self.node(at) else { return };
        let variable = node.variable.and_then(|variable| self.node(variable)?.values.as_ref());
        let Some(variable) = variable.filter(|variable| variable.is_learnt) else { return };
        let names = variable.sample.names();
        if let Some(node) = self.node_mut(at) {
            for name in names {
                if node.names.len() < NAMES_MAX && !node.names.contains(&name) {
                    node.names.push(name);
                }
            }
        }
    }

    /// A variable of one small value, called often, with several endpoints below and no other variable above: a version.
    fn is_constant(&self, at: u32) -> bool {
        let variable = self.node(at).and_then(|node| node.variable);
        let Some((at, node)) = variable.and_then(|at| Some((at, self.node(at)?))) else { return false };
        let has_one = node.values.as_ref().is_some_and(|variable| variable.only.is_some());
        has_one && node.calls >= CONSTANT_CALLS_MIN && self.leaves(at) >= 3 && !self.is_below_variable(at)
    }

    fn is_below_variable(&self, at: u32) -> bool {
        let mut above = self.node(at).map_or(Self::ROOT, |node| node.parent);
        while above != Self::ROOT {
            let Some(node) = self.node(above) else { return false };
            if node.values.is_some() {
                return true;
            }
            above = node.parent;
        }
        false
    }

    /// What is to be merged at a place.
    fn surplus(&self, at: u32) -> Option<Merge> {
        let node = self.node(at)?;
        let items = self.items(node);
        let by_shape = self.small(at, node).or_else(|| self.beside(node, &items));
        by_shape
            .or_else(|| self.formats(node))
            .or_else(|| self.quiet(at, node, &items))
            .or_else(|| past_bound(node, &items))
    }

    /// The children that may be values, the least called first.
    fn items(&self, node: &Node) -> Vec<Item> {
        let may_be_value = |key: &str| {
            self.pins.of(node.pin, key) == Pinned::Free
                && !matches!(shape(key), Shape::Version | Shape::Operation)
                && !key.contains('{')
                && (node.names.is_empty() || !node.names.contains(&hash(key)))
        };
        let words = node.words.iter().filter(|(key, _)| may_be_value(key));
        let mut items: Vec<Item> =
            words.filter_map(|(_, at)| Some(Item { at: *at, calls: self.node(*at)?.calls })).collect();
        items.sort_unstable_by_key(|item| (item.calls, item.at));
        items
    }

    /// Small numbers and dates: versions of the API while there are few, where such stand, and values elsewhere.
    fn small(&self, at: u32, node: &Node) -> Option<Merge> {
        let class = |key: &str| match shape(key) {
            Shape::Small(class) => Some(class),
            Shape::Word | Shape::Version | Shape::Operation | Shape::Value(_) => None,
        };
        let free = node.words.iter().filter(|(key, _)| self.pins.of(node.pin, key) == Pinned::Free);
        let small = free.filter_map(|(key, at)| Some((hash(key), class(key)?, *at)));
        let small: Vec<(u64, Class, u32)> = small.collect();
        let is_value = if self.is_prefix(at) {
            small.len() > VERSIONS_MAX
        } else {
            small.len() > 1 || small.iter().any(|(key, class, _)| *class != Class::Value && !node.names.contains(key))
        };
        let is_one = is_value || (!small.is_empty() && node.variable.is_some());
        let target = Target::Variable { is_learnt: false, why: Why::Shape };
        is_one.then(|| (small.into_iter().map(|(_, _, at)| at).collect(), target))
    }

    /// Words beside a variable: values that look like one, and what a learnt variable has already.
    fn beside(&self, node: &Node, items: &[Item]) -> Option<Merge> {
        let at = node.variable?;
        let below = self.node(at)?;
        let variable = below.values.as_ref()?;
        let mean = (below.calls / variable.sample.news.max(1)).max(1);
        let is_value = |item: &&Item| {
            let key = self.key(item.at);
            if has_verb(key) {
                false
            } else if variable.is_learnt {
                let is_rare = item.calls <= 2 && variable.sample.news >= SURE_VALUES_MIN;
                item.calls <= mean.saturating_mul(8) && (is_rare || self.is_within(item.at, at))
            } else {
                let is_rare = item.calls <= mean.saturating_mul(2) && variable.sample.news >= SURE_VALUES_MIN / 2;
                let is_made_so = variable.has_mould_of(key) || (is_rare && variable.has_length_of(key));
                (is_made_so || is_mixed(key)) && self.is_within(item.at, at)
            }
        };
        let group: Vec<Item> = items.iter().filter(is_value).copied().collect();
        let group = self.of_one_form(group, Some(at));
        let group: Vec<u32> = group.iter().map(|item| item.at).collect();
        (!group.is_empty()).then_some((group, Target::Variable { is_learnt: false, why: Why::Shape }))
    }

    /// Whether all that is below a place is also below another.
    fn is_within(&self, at: u32, other: u32) -> bool {
        let (Some(node), Some(other)) = (self.node(at), self.node(other)) else { return false };
        // The variable of which a word may be a value.
        let of = |key: &str| {
            other.variable.filter(|at| {
                let variable = self.node(*at).and_then(|node| node.values.as_ref());
                variable.is_some_and(|variable| variable.is_learnt || is_mixed(key) || variable.has_length_of(key))
            })
        };
        node.leaves.iter().all(|leaf| other.leaves.iter().any(|known| known.method == leaf.method))
            && node.words.iter().all(|(key, child)| {
                let known = other.words.get(key).copied().or_else(|| of(key));
                known.is_some_and(|known| self.is_within(*child, known))
            })
            && node.variable.is_none_or(|child| other.variable.is_some_and(|known| self.is_within(child, known)))
    }

    /// The same in several formats: `list.json` and `list.xml`, `{id}.json` and `{id}.xml`, `json` and `xml`.
    fn formats(&self, node: &Node) -> Option<Merge> {
        let mut stems: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        let mut named = Vec::new();
        let is_free = |key: &str| !is_operation(key) && self.pins.of(node.pin, key) == Pinned::Free;
        for (key, at) in node.words.iter().filter(|(key, _)| is_free(key)) {
            if is_format(key) {
                named.push(*at);
            } else if let Some((stem, suffix)) = suffix(key)
                && is_format(suffix.trim_start_matches('.'))
                && stem != LEARNT
                && !is_file(key)
            {
                stems.entry(stem).or_default().push(*at);
            }
        }
        if self.are_alike(&named) {
            return Some((named, Target::Variable { is_learnt: false, why: Why::Format }));
        }
        let (stem, group) = stems.into_iter().find(|(_, group)| self.are_alike(group))?;
        Some((group, Target::Pattern(format!("{stem}.{FORMAT}").into())))
    }

    /// Two at least, with something below that they share.
    fn are_alike(&self, group: &[u32]) -> bool {
        let [first, rest @ ..] = group else { return false };
        let first = self.near(*first);
        !rest.is_empty() && rest.iter().all(|at| self.near(*at).iter().any(|mark| first.contains(mark)))
    }

    /// Children that are values by novelty, quietness or sharing.
    fn quiet(&self, at: u32, node: &Node, items: &[Item]) -> Option<Merge> {
        let mut groups: BTreeMap<&str, Vec<Item>> = BTreeMap::new();
        for item in items {
            let key = self.key(item.at);
            let verb = suffix(key).map(|(_, suffix)| suffix).filter(|suffix| suffix.starts_with(':'));
            groups.entry(verb.unwrap_or_default()).or_default().push(*item);
        }
        for (verb, items) in groups {
            for cut in cuts(&items) {
                let variable = node.variable.filter(|_| verb.is_empty());
                let judged = self.judge(at, items.get(..=cut).unwrap_or_default(), variable);
                let Some((group, why)) = judged else { continue };
                return Some(if verb.is_empty() {
                    self.by_extension(group, why)
                } else {
                    (group, Target::Pattern(format!("{LEARNT}{verb}").into()))
                });
            }
        }
        None
    }

    /// File names that nearly all have one extension keep it.
    fn by_extension(&self, group: Vec<u32>, why: Why) -> Merge {
        let mut extensions: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for at in &group {
            if let Some((_, extension)) = suffix(self.key(*at)) {
                extensions.entry(extension).or_default().push(*at);
            }
        }
        let most = extensions.into_iter().max_by_key(|(extension, group)| (group.len(), *extension));
        match most {
            Some((extension, of)) if of.len() >= 2 && of.len() * 10 >= group.len() * 9 => {
                (of, Target::Pattern(format!("{LEARNT}{extension}").into()))
            }
            Some(_) | None => (group, Target::Variable { is_learnt: true, why }),
        }
    }

    /// Those of the children that are values, if they are.
    fn judge(&self, parent: u32, items: &[Item], variable: Option<u32>) -> Option<(Vec<u32>, Why)> {
        let learnt = variable.filter(|variable| self.is_learnt(*variable));
        let limit = learnt.and_then(|at| {
            let node = self.node(at)?;
            let news = node.values.as_ref()?.sample.news.max(1);
            Some((node.calls / news).max(1).saturating_mul(6).saturating_add(2))
        });
        let items: Vec<Item> =
            items.iter().copied().filter(|item| limit.is_none_or(|limit| item.calls <= limit)).collect();
        let group = self.of_one_form(self.alike(&items, variable), variable);
        if group.len() < if learnt.is_some() { 1 } else { 2 } {
            return None;
        }
        let evidence = self.evidence(parent, &group);
        let is_prefix = self.is_prefix(parent);
        let is_after = self.node(parent).is_some_and(|node| node.values.is_some());
        let least = match (learnt, variable) {
            (Some(_), _) => 1,
            (None, Some(_)) => 3,
            (None, None) if is_prefix => 12,
            (None, None) if is_after => 6,
            (None, None) => 5,
        };
        let kinds = if is_prefix {
            400.0
        } else if is_after {
            200.0
        } else {
            150.0
        };
        let is_own =
            || (evidence.is_rather_new(is_prefix) || evidence.is_rather_quiet()) && self.is_of_own_form(&group);
        let why = if evidence.is_quiet(least, learnt.is_some(), is_prefix) {
            Some(Why::Quiet)
        } else if evidence.is_shared(is_prefix) {
            Some(Why::Shared)
        } else if is_own() {
            Some(Why::Answers)
        } else {
            let is_whole = self.node(parent).is_some_and(|node| self.items(node).len() == group.len());
            (!is_prefix && evidence.is_divided(is_whole)).then_some(Why::Quiet)
        };
        if let Some(why) = why {
            return Some((group.iter().map(|item| item.at).collect(), why));
        }
        // What is called far more often than most says nothing of how many there are.
        let median = group.get(group.len() / 2).map_or(1, |item| item.calls);
        let rare = group.iter().filter(|item| item.calls <= median.saturating_mul(8));
        evidence.is_novel(kinds).then(|| (rare.map(|item| item.at).collect(), Why::Novel))
    }

    /// The children of which what is below is also below others: of those hardly called something, of the others everything.
    fn alike(&self, items: &[Item], variable: Option<u32>) -> Vec<Item> {
        let near: Vec<Vec<u64>> = items.iter().map(|item| self.near(item.at)).collect();
        let far: Vec<Vec<u64>> = items.iter().map(|item| self.far(item.at)).collect();
        let mut seen: FxHashMap<u64, u32> = FxHashMap::default();
        for mark in near.iter().chain(&far).flatten() {
            *seen.entry(*mark).or_default() += 1;
        }
        if let Some(variable) = variable {
            for mark in self.near(variable).into_iter().chain(self.far(variable)) {
                *seen.entry(mark).or_default() += 2;
            }
        }
        let is_shared = |mark: &u64| seen.get(mark).is_some_and(|count| *count >= 2);
        let is_alike = |(index, item): &(usize, &Item)| {
            let (Some(near), Some(far)) = (near.get(*index), far.get(*index)) else { return false };
            let is_any_far = far.iter().any(is_shared);
            if item.calls <= 2 {
                is_any_far || near.iter().any(is_shared)
            } else {
                near.iter().all(is_shared) || (is_any_far && near.len() <= 2)
            }
        };
        items.iter().enumerate().filter(is_alike).map(|(_, item)| *item).collect()
    }

    fn evidence(&self, parent: u32, group: &[Item]) -> Evidence {
        let size = count(group.len());
        let novelty = |seen: &[u32]| {
            let at_calls = |calls: u32| count(seen.iter().filter(|seen| **seen == calls).count());
            let (once, twice) = (at_calls(1), at_calls(2));
            (once / size, size + once * (once - 1.0).max(0.0) / (2.0 * (twice + 1.0)))
        };
        let (once, kinds) = novelty(&group.iter().map(|item| item.calls).collect::<Vec<_>>());
        // A value may be used in several endpoints, one after the other: then no endpoint sees it twice.
        let (unrepeated, kinds_unrepeated) = novelty(&group.iter().map(|item| self.peak(item.at)).collect::<Vec<_>>());
        let calls: f64 = group.iter().map(|item| f64::from(item.calls)).sum();
        let leaves = count(group.iter().map(|item| self.leaves(item.at)).sum::<usize>().max(1));
        let places: Vec<u32> = group.iter().map(|item| item.at).collect();
        Evidence {
            size: group.len(),
            once,
            kinds,
            unrepeated,
            kinds_unrepeated,
            calls_each: calls / size,
            calls_max: group.last().map_or(0, |item| item.calls),
            calls_leaf: calls / leaves,
            typical: self.typical(parent, &places).unwrap_or_default(),
            names: self.shared_names(group),
        }
    }

    /// Names that come below half of the children at least.
    fn shared_names(&self, group: &[Item]) -> usize {
        let mut seen: FxHashMap<(u64, u64), usize> = FxHashMap::default();
        for item in group {
            let mut names: BTreeSet<(u64, u64)> = BTreeSet::new();
            let Some(node) = self.node(item.at) else { continue };
            for (key, child) in &node.words {
                let key = hash(key);
                names.insert((key, 0));
                names.extend(
                    self.node(*child).into_iter().flat_map(|node| node.words.keys()).map(|below| (key, hash(below))),
                );
            }
            let below = node.variable.and_then(|child| self.node(child));
            names.extend(below.into_iter().flat_map(|node| node.words.keys()).map(|below| (1, hash(below))));
            for name in names {
                *seen.entry(name).or_default() += 1;
            }
        }
        seen.values().filter(|count| **count >= 2 && **count * 2 >= group.len()).count()
    }

    /// Marks of what is right below a place.
    fn near(&self, at: u32) -> Vec<u64> {
        self.node(at).map(|node| marks(node, "near").collect()).unwrap_or_default()
    }

    /// Marks of what is below its children, whatever they are called.
    fn far(&self, at: u32) -> Vec<u64> {
        let Some(node) = self.node(at) else { return Vec::new() };
        let mut far: Vec<u64> =
            node.children().filter_map(|child| self.node(child)).flat_map(|child| marks(child, "far")).collect();
        far.sort_unstable();
        far.dedup();
        far
    }

    /// Calls of the busiest endpoint at and below a place.
    fn peak(&self, at: u32) -> u32 {
        let (mut peak, mut open) = (0, vec![at]);
        while let Some(node) = open.pop().and_then(|at| self.node(at)) {
            peak = node.leaves.iter().map(|leaf| leaf.calls).fold(peak, u32::max);
            open.extend(node.children());
        }
        peak
    }

    /// Endpoints at and below a place.
    fn leaves(&self, at: u32) -> usize {
        let (mut leaves, mut open) = (0, vec![at]);
        while let Some(node) = open.pop().and_then(|at| self.node(at)) {
            leaves += node.leaves.len();
            open.extend(node.children());
        }
        leaves
    }

    fn is_learnt(&self, at: u32) -> bool {
        self.node(at).and_then(|node| node.values.as_ref()).is_some_and(|variable| variable.is_learnt)
    }

    fn key(&self, at: u32) -> &str {
        self.node(at).map_or("", |node| &*node.key)
    }
}

/// Where to divide the children, from the least called on, into quiet and busy ones: at each gap, at the end, and after those hardly
/// called. Gives the last of the quiet ones.
fn cuts(items: &[Item]) -> Vec<usize> {
    let Some(last) = items.len().checked_sub(1) else { return Vec::new() };
    let is_gap = |pair: &[Item]| match pair {
        [less, more] => more.calls >= less.calls.saturating_mul(3).saturating_add(4),
        _ => false,
    };
    let mut cuts: Vec<usize> =
        items.windows(2).enumerate().filter(|(_, pair)| is_gap(pair)).map(|(at, _)| at).collect();
    cuts.push(last);
    cuts.reverse();
    cuts.truncate(CUTS_MAX);
    let rare = items.iter().take_while(|item| item.calls <= 3).count();
    if rare >= NOVEL_CHILDREN_MIN && !cuts.contains(&(rare - 1)) {
        cuts.push(rare - 1);
    }
    cuts
}

/// At the hard bound all that are hardly called are values.
fn past_bound(node: &Node, items: &[Item]) -> Option<Merge> {
    if node.words.len() < CHILDREN_MAX + usize::from(node.operations) {
        return None;
    }
    let group: Vec<u32> = items.iter().filter(|item| item.calls <= 3).map(|item| item.at).collect();
    (!group.is_empty()).then_some((group, Target::Variable { is_learnt: true, why: Why::Bound }))
}

fn marks<'a>(node: &'a Node, kind: &'a str) -> impl Iterator<Item = u64> + 'a {
    let seed = hash(kind);
    let methods = node.leaves.iter().map(move |leaf| seed ^ hash(leaf.method.as_str()));
    let words = node.words.keys().map(move |key| seed.rotate_left(7) ^ hash(key));
    methods.chain(words).chain(node.variable.map(|_| seed.rotate_left(13) ^ u64::from(Class::Id.bit())))
}
