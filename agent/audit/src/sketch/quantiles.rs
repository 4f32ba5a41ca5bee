//! Quantiles within one percent: a `DDSketch` (Masson, Rim, Lee 2019) that halves its resolution where others forget (Epicoco et al.,
//! `UDDSketch`, 2020), so that the error stays known for every quantile.

use super::bins::Bins;
use super::{Packer, Unpacker};

/// Fraction bits of a value's place between two powers of two.
const FRACTION: u32 = 28;
/// Bins for each doubling.
const BINS_A_DOUBLING: u64 = 35;
/// More levels are never needed: at this one all numbers there are have fewer bins than [`Quantiles::BINS_MAX`].
const LEVEL_MAX: u8 = 3;

/// How often which value came, so that each quantile has a relative error of at most 1 %.
///
/// A value is counted in a bin whose upper end is at most 2.02 % above its lower end; zero and small whole numbers have one each. Past
/// [`Quantiles::BINS_MAX`] different bins each two neighbours become one: then, and whenever that happens again, the error doubles
/// ([`Quantiles::error`]). 512 bins without a hole between them span a factor of 28,000. What a sketch holds depends on which values
/// came how often, and on nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantiles {
    zeros: u64,
    min: u64,
    max: u64,
    level: u8,
    bins: Bins,
}

impl Default for Quantiles {
    fn default() -> Self {
        Self { zeros: 0, min: u64::MAX, max: 0, level: 0, bins: Bins::default() }
    }
}

impl Quantiles {
    /// Bins kept.
    pub const BINS_MAX: usize = 512;

    /// Counts a value.
    pub fn add(&mut self, value: u64) {
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        match value.checked_ilog2() {
            None => self.zeros = self.zeros.saturating_add(1),
            Some(log) => {
                self.bins.add(bin(value, log) >> self.level, 1);
                self.fit();
            }
        }
    }

    /// Adds all that another counted.
    pub fn join(&mut self, other: &Self) {
        self.zeros = self.zeros.saturating_add(other.zeros);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        if other.level > self.level {
            self.coarsen(other.level);
        }
        for (number, count) in other.bins.iter() {
            self.bins.add(number >> (self.level - other.level), count);
        }
        self.fit();
    }

    /// Values counted.
    pub fn count(&self) -> u64 {
        self.bins.iter().fold(self.zeros, |sum, (_, count)| sum.saturating_add(count))
    }

    /// The smallest and the largest value, exactly.
    pub fn range(&self) -> Option<(u64, u64)> {
        (self.min <= self.max).then_some((self.min, self.max))
    }

    /// The largest relative error of a quantile: 0.01, or twice, four or eight times as much (rounded up).
    pub fn error(&self) -> f64 {
        0.01 * f64::from(1_u32 << self.level.min(LEVEL_MAX))
    }

    /// The value of rank ⌊q·(n−1)⌋ among the n counted ones, sorted; off by at most [`Quantiles::error`] of itself. `None` where none was counted.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let (min, max) = self.range()?;
        let mut rank = rank(q, self.count());
        if rank < self.zeros {
            return Some(0.0);
        }
        rank -= self.zeros;
        for (number, count) in self.bins.iter() {
            if rank < count {
                return Some(self.middle(number).clamp(real(min), real(max)));
            }
            rank -= count;
        }
        Some(real(max))
    }

    /// The bins: lower and upper end, both in it, and how many values; zero has the first.
    pub fn histogram(&self) -> impl Iterator<Item = (u64, u64, u64)> {
        let zeros = (self.zeros > 0).then_some((0, 0, self.zeros));
        zeros.into_iter().chain(self.bins.iter().map(|(number, count)| {
            let (low, high) = self.ends(number);
            (low, high, count)
        }))
    }

    /// Writes it: as many bytes as it has bins, times two to three.
    pub fn pack(&self, packer: &mut Packer) {
        packer.number(self.zeros);
        packer.number(u64::from(self.level));
        packer.number(self.bins.len() as u64);
        let mut last = 0;
        for (number, count) in self.bins.iter() {
            packer.number(u64::from(number - last));
            packer.number(count);
            last = number;
        }
        if let Some((min, max)) = self.range() {
            packer.number(min);
            packer.number(max);
        }
    }

    /// Reads it back.
    pub fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        let (zeros, level) = (from.number()?, from.small().filter(|level| *level <= LEVEL_MAX)?);
        let mut quantiles = Self { zeros, level, ..Self::default() };
        let mut last: Option<u16> = None;
        for _ in 0..from.count(Self::BINS_MAX)? {
            let step: u16 = from.small()?;
            let number =
                last.unwrap_or_default().checked_add(step).filter(|number| *number <= bin(u64::MAX, 63) >> level)?;
            let count = from.number().filter(|count| *count > 0)?;
            if last == Some(number) {
                return None;
            }
            quantiles.bins.add(number, count);
            last = Some(number);
        }
        if zeros > 0 || last.is_some() {
            (quantiles.min, quantiles.max) = (from.number()?, from.number()?);
            if quantiles.min > quantiles.max
                || (quantiles.min == 0) != (zeros > 0)
                || (quantiles.max == 0) != last.is_none()
            {
                return None;
            }
        }
        Some(quantiles)
    }

    /// Bytes on the heap.
    pub fn heap(&self) -> usize {
        self.bins.heap()
    }

    fn fit(&mut self) {
        while self.bins.len() > Self::BINS_MAX && self.level < LEVEL_MAX {
            self.coarsen(self.level + 1);
        }
    }

    fn coarsen(&mut self, level: u8) {
        let by = level.saturating_sub(self.level);
        self.bins = self.bins.renumbered(|number| number >> by);
        self.level = level;
    }

    /// The value with the same relative distance to both ends of a bin.
    fn middle(&self, number: u16) -> f64 {
        let (low, high) = self.ends(number);
        let (low, high) = (real(low), real(high));
        2.0 * low * (high / (low + high))
    }

    fn ends(&self, number: u16) -> (u64, u64) {
        let next = (u32::from(number) + 1) << self.level;
        let high = u16::try_from(next)
            .ok()
            .filter(|next| *next <= bin(u64::MAX, 63))
            .map_or(u64::MAX, |next| lowest(next) - 1);
        (lowest(number << self.level), high)
    }
}

/// The bin of a value above zero whose binary logarithm is `log`, whole part: whole numbers only, so that it is the same everywhere.
///
/// `35·log₂` would need a logarithm; between two powers of two `6s³ − 21s² + 50s` is as good but for 1 % more bins (the cubic
/// interpolation of `DDSketch`): its slope is nowhere less than `35·log₂`'s times 0.99, and 35 is 1 % more than ln 2 / 0.02.
pub(super) fn bin(value: u64, log: u32) -> u16 {
    const ONE: u64 = 1 << FRACTION;
    let s = ((value << (63 - log)) << 1) >> (64 - FRACTION);
    let bent = ((21 * ONE - 6 * s) * s) >> FRACTION;
    let within = ((50 * ONE - bent) * s) >> (2 * FRACTION);
    u16::try_from(u64::from(log) * BINS_A_DOUBLING + within).unwrap_or(u16::MAX)
}

/// The lowest value whose bin is this or a later one. Only for showing: a search.
pub(super) fn lowest(number: u16) -> u64 {
    let (mut low, mut high) = (1, u64::MAX);
    while low < high {
        let middle = low + (high - low) / 2;
        if bin(middle, middle.ilog2()) < number {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

#[expect(clippy::cast_precision_loss, reason = "2^-53 of it, beside one percent")]
const fn real(value: u64) -> f64 {
    value as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank between 0 and n - 1; NaN is 0")]
fn rank(q: f64, n: u64) -> u64 {
    let last = n.saturating_sub(1);
    ((q.clamp(0.0, 1.0) * real(last)) as u64).min(last)
}
