//! How often the endpoints of a tree are called, as a histogram that is kept up to date: what is typical is asked at every review, and
//! a walk over the whole tree for each would make the work for a call grow with the number of endpoints.

use super::tree::{Node, SURE_VALUES_MIN, Tree};

/// A leaf weighs no more than this in what is typical, so that one busy endpoint does not make all others quiet.
const WEIGHT_MAX: u32 = 64;
/// Fewer calls have a bin each.
const EXACT: u32 = 128;
/// Bins for each doubling above.
const BINS_A_DOUBLING: u32 = 8;
const BINS: usize = (EXACT + (u32::BITS - EXACT.ilog2()) * BINS_A_DOUBLING) as usize;

/// Endpoints by their calls. Those below a variable of which little is known are not in it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Census([u32; BINS]);

impl std::fmt::Debug for Census {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.bins()).finish()
    }
}

impl Default for Census {
    fn default() -> Self {
        Self([0; BINS])
    }
}

impl Census {
    pub(super) fn add(&mut self, calls: u32) {
        if let Some(leaves) = self.0.get_mut(bin(calls)) {
            *leaves += 1;
        }
    }

    pub(super) fn remove(&mut self, calls: u32) {
        if let Some(leaves) = self.0.get_mut(bin(calls)) {
            *leaves = leaves.saturating_sub(1);
        }
    }

    /// An endpoint is called once more.
    pub(super) fn raise(&mut self, calls: u32) {
        if bin(calls) != bin(calls.saturating_add(1)) {
            self.remove(calls);
            self.add(calls.saturating_add(1));
        }
    }

    /// The least calls of each bin, and its endpoints.
    fn bins(&self) -> impl Iterator<Item = (u32, u32)> {
        (0..).zip(self.0).filter(|(_, leaves)| *leaves > 0).map(|(bin, leaves)| (least(bin), leaves))
    }

    /// Such calls that a fifth of all calls, each endpoint's weight bounded, are of endpoints that are called as often. `None`: too few.
    fn typical(&self) -> Option<f64> {
        let weight = |calls: u32, leaves: u32| u64::from(calls.min(WEIGHT_MAX)) * u64::from(leaves);
        let total: u64 = self.bins().map(|(calls, leaves)| weight(calls, leaves)).sum();
        if total < 16 {
            return None;
        }
        let mut below = 0;
        let (typical, _) = self.bins().find(|(calls, leaves)| {
            below += weight(*calls, *leaves);
            below * 10 >= total * 8
        })?;
        // Of one or two endpoints one cannot know what is typical.
        let is_few = self.bins().map(|(_, leaves)| u64::from(leaves)).sum::<u64>() < 3;
        Some(if is_few { f64::from(typical) / 2.0 } else { f64::from(typical) })
    }
}

impl Tree {
    /// Calls of a typical endpoint that is not below these children of one place.
    pub(super) fn typical(&self, parent: u32, group: &[u32]) -> Option<f64> {
        let mut census = self.census.as_deref().map_or_else(|| self.counted(), Census::clone);
        if !self.is_hidden(parent) {
            for at in group {
                self.each_visible(*at, &mut |calls| census.remove(calls));
            }
        }
        census.typical()
    }

    /// The census as the tree is now.
    pub(super) fn counted(&self) -> Census {
        let mut census = Census::default();
        self.each_visible(Self::ROOT, &mut |calls| census.add(calls));
        census
    }

    /// Takes what is at and below places out of the census, because it changes. Gives whether it was there.
    pub(super) fn census_without(&mut self, parent: u32, places: impl Iterator<Item = u32>) -> bool {
        if self.is_hidden(parent) {
            return false;
        }
        let Some(mut census) = self.census.take() else { return false };
        places.for_each(|at| self.each_visible(at, &mut |calls| census.remove(calls)));
        self.census = Some(census);
        true
    }

    /// Takes what is at and below a place into the census again.
    pub(super) fn census_with(&mut self, at: u32) {
        let Some(mut census) = self.census.take() else { return };
        self.each_visible(at, &mut |calls| census.add(calls));
        self.census = Some(census);
    }

    /// Calls of the endpoints at and below a place that count.
    fn each_visible(&self, at: u32, give: &mut dyn FnMut(u32)) {
        let mut open = vec![at];
        while let Some(node) = open.pop().and_then(|at| self.node(at)) {
            if node.is_vague() {
                continue;
            }
            node.leaves.iter().for_each(|leaf| give(leaf.calls));
            open.extend(node.children());
        }
    }

    /// Whether a place is below a variable of which little is known, or is one.
    pub(super) fn is_hidden(&self, at: u32) -> bool {
        let mut at = at;
        while let Some(node) = self.node(at).filter(|_| at != Self::ROOT) {
            if node.is_vague() {
                return true;
            }
            at = node.parent;
        }
        false
    }
}

impl Node {
    /// A variable of which little is known.
    pub(super) fn is_vague(&self) -> bool {
        self.values.as_ref().is_some_and(|variable| variable.is_learnt && variable.sample.news < 2 * SURE_VALUES_MIN)
    }
}

fn bin(calls: u32) -> usize {
    let bin = match calls.checked_ilog2() {
        Some(log) if calls >= EXACT => {
            let within = (calls >> (log - BINS_A_DOUBLING.ilog2())) - BINS_A_DOUBLING;
            EXACT + (log - EXACT.ilog2()) * BINS_A_DOUBLING + within
        }
        Some(_) | None => calls,
    };
    bin as usize
}

/// The least calls of a bin.
fn least(bin: u32) -> u32 {
    let Some(above) = bin.checked_sub(EXACT) else { return bin };
    let (doubling, within) = (above / BINS_A_DOUBLING, above % BINS_A_DOUBLING);
    (BINS_A_DOUBLING + within) << (EXACT.ilog2() - BINS_A_DOUBLING.ilog2() + doubling)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_exact_while_small_and_an_eighth_wide_above() {
        let mut last = None;
        for bin_of in 0..u32::try_from(BINS).unwrap() {
            let calls = least(bin_of);
            assert_eq!(bin(calls), bin_of as usize, "{calls}");
            assert_eq!(calls.checked_sub(1).map(bin), last, "{calls} is the least of its bin");
            assert!(calls <= EXACT || calls - least(bin_of - 1) <= calls / 8, "{calls}");
            last = Some(bin_of as usize);
        }
        assert_eq!(bin(u32::MAX), BINS - 1);
    }

    #[test]
    fn a_fifth_of_the_weight_is_called_as_often() {
        let census = |calls: &[u32]| {
            let mut census = Census::default();
            for calls in calls {
                census.add(*calls);
            }
            census.typical()
        };
        assert_eq!(census(&[]), None);
        assert_eq!(census(&[10, 5]), None, "too few calls");
        assert_eq!(census(&[30, 10]), Some(15.0), "of two one cannot know");
        assert_eq!(census(&[10; 9]), Some(10.0));
        assert_eq!(
            census(&[1, 1, 50, 60, 60, 60, 60, 1_000_000]),
            Some(60.0),
            "one busy endpoint weighs no more than 64"
        );
    }

    /// Names, values, merges, names split off, methods, refusals: what is kept up to date is what a count anew gives.
    #[test]
    fn what_is_kept_is_what_a_count_gives() {
        use super::super::Inventory;
        use crate::detect::sample::call;

        let mut inventory = Inventory::new("test", &std::collections::BTreeMap::new(), Vec::new());
        let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).unwrap());
        let mut kept = 0;
        for n in 0..4_000_usize {
            let word = format!("{}{}x", letter(n * 7 / 26), letter(n * 7));
            let path = match n * 31 % 11 {
                0 => "/about".to_owned(),
                1 => format!("/users/{word}/cart"),
                2 => format!("/users/{word}/{}", n % 40),
                3 => "/users/me".to_owned(),
                4 => format!("/orders/{n}"),
                5 => format!("/shop/{word}/{}/lines", ["red", "green", "blue"][n % 3]),
                6 => format!("/files/{word}.pdf"),
                _ => format!("/users/{word}"),
            };
            let method = ["GET", "GET", "HEAD", "PUT"][n / 7 % 4];
            let status = if n % 97 == 0 { 403 } else { 200 };
            inventory.observe(&call(&format!("{method} {path} {status}")).done());
            if n % 200 == 0 {
                inventory.settle();
            }
            for api in inventory.apis.values() {
                if let Some(census) = api.tree.census.as_deref() {
                    assert_eq!(*census, api.tree.counted(), "{n}: {path}");
                    kept += 1;
                }
            }
        }
        assert!(kept > 3_000, "{kept}: it is hardly ever taken anew");
    }
}
