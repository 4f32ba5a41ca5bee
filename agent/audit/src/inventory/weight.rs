//! What is counted of children that may be values, and what it says.

/// Before something elsewhere is called so often, nothing is called quiet.
const TYPICAL_MIN: f64 = 12.0;
/// From so many calls on the difference between few endpoints is no chance.
const TYPICAL_SURE: f64 = 24.0;
/// So many times as quiet as what is elsewhere.
const QUIET_MIN: f64 = 4.0;
/// What is called more often than this is not quiet, whatever is elsewhere.
const QUIET_CALLS_MAX: f64 = 24.0;
/// Fewer children say nothing about those that are not seen yet.
pub(super) const NOVEL_CHILDREN_MIN: usize = 20;

/// What is known of children that may be values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evidence {
    pub(super) size: usize,
    /// Share of those called once.
    pub(super) once: f64,
    /// How many there are in all, seen or not (Chao 1984, the lower bound).
    pub(super) kinds: f64,
    /// The same of those of which no endpoint was called twice.
    pub(super) unrepeated: f64,
    pub(super) kinds_unrepeated: f64,
    /// Calls of a child, and of the busiest.
    pub(super) calls_each: f64,
    pub(super) calls_max: u32,
    /// Calls of an endpoint below them.
    pub(super) calls_leaf: f64,
    /// Calls of a typical endpoint elsewhere; 0 not known.
    pub(super) typical: f64,
    /// Names below that half of them share.
    pub(super) names: usize,
}

impl Evidence {
    pub(super) fn is_novel(&self, kinds: f64) -> bool {
        let is_new = self.once >= 0.6 || self.calls_max <= 3;
        let is_unrepeated = self.unrepeated >= 0.8 && self.kinds_unrepeated >= 2.5 * kinds;
        let is_many = self.size >= NOVEL_CHILDREN_MIN;
        (is_many && ((self.kinds >= kinds && is_new) || is_unrepeated)) || (self.size >= 200 && self.once >= 0.5)
    }

    pub(super) fn is_quiet(&self, least: usize, is_learnt: bool, is_prefix: bool) -> bool {
        // Where names of resources stand, those that are all called often are such names.
        let is_new = self.once >= 0.1 || self.size >= 24;
        self.typical >= TYPICAL_MIN
            && self.size >= least
            && self.quietness() >= QUIET_MIN
            && self.calls_leaf <= QUIET_CALLS_MAX
            && (self.once >= 0.2 || is_learnt || self.size >= 12)
            && (is_new || !is_prefix)
            && self.calls_each <= self.typical
    }

    /// Enough for what is all answered in one form of its own.
    pub(super) fn is_rather_new(&self, is_prefix: bool) -> bool {
        let least = if is_prefix { 12 } else { 6 };
        self.size >= least && self.once >= 0.3 && self.kinds >= 2.0 * count(self.size)
    }

    /// The same.
    pub(super) fn is_rather_quiet(&self) -> bool {
        self.typical >= TYPICAL_MIN
            && self.size >= 4
            && self.quietness() >= QUIET_MIN / 1.6
            && self.calls_leaf <= QUIET_CALLS_MAX
    }

    pub(super) fn is_shared(&self, is_prefix: bool) -> bool {
        let is_rich = match self.size {
            0 | 1 => false,
            2 => self.names >= 6,
            3 => self.names >= 4,
            4 | 5 => self.names >= 3,
            _ => self.names >= 2,
        };
        let size = count(self.size);
        let sure = if self.size < 6 { TYPICAL_SURE } else { TYPICAL_MIN };
        let is_spread = self.typical >= sure && self.quietness() >= (0.6 * size).min(QUIET_MIN);
        let is_many = self.typical == 0.0 && self.size >= if is_prefix { 48 } else { 24 };
        // There is nothing but these, and they have the same below.
        let is_all = self.typical == 0.0 && self.size >= 24 && self.names >= 1;
        (is_rich && ((is_spread && (!is_prefix || self.size >= 4)) || is_many)) || is_all
    }

    /// The calls of one endpoint, divided among a few words: the more words, the quieter is each. `is_whole`: they are all children of the
    /// place that may be values.
    pub(super) fn is_divided(&self, is_whole: bool) -> bool {
        let (size, quietness) = (count(self.size), self.quietness());
        let is_much = self.typical >= TYPICAL_MIN && self.size >= 5 && quietness >= (0.7 * size).max(QUIET_MIN);
        let is_even = self.typical >= TYPICAL_SURE && self.size >= 3 && quietness >= 0.75 * size;
        is_much || (is_whole && is_even)
    }

    pub(super) fn quietness(&self) -> f64 {
        self.typical / self.calls_leaf
    }
}

#[expect(clippy::cast_precision_loss, reason = "children and endpoints are far fewer than 2^52")]
pub(super) fn count(n: usize) -> f64 {
    n as f64
}
