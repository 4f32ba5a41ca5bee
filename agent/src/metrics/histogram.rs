//! Classic histograms with fixed bounds.

/// `OTel`'s bounds for durations, seconds.
pub(super) const SECONDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// Bounds for sizes, bytes: 256 B to 16 MiB, each four times the one before.
pub(super) const BYTES: [f64; 9] =
    [256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262_144.0, 1_048_576.0, 4_194_304.0, 16_777_216.0];
/// Bounds for deliveries, seconds: an outage of a receiver lasts minutes or hours.
pub const DELIVERY_SECONDS: [f64; 12] = [0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14400.0];

/// Counts by bound, with their sum.
#[derive(Clone, Debug)]
pub struct Histogram {
    bounds: &'static [f64],
    /// One for each bound, not yet added up.
    counts: Vec<u64>,
    count: u64,
    sum: f64,
}

impl Histogram {
    /// Nothing observed.
    pub fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len()], count: 0, sum: 0.0 }
    }

    /// One observation.
    pub fn observe(&mut self, value: f64) {
        self.count += 1;
        self.sum += value;
        let place = self.bounds.iter().position(|bound| value <= *bound);
        if let Some(count) = place.and_then(|place| self.counts.get_mut(place)) {
            *count += 1;
        }
    }

    /// Series that it is exposed as: one a bound, `+Inf`, sum and count.
    pub(super) const fn series(bounds: &[f64]) -> usize {
        bounds.len() + 3
    }

    /// Upper bounds with what lies at or below each.
    pub(super) fn buckets(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        self.bounds.iter().zip(&self.counts).scan(0, |below, (bound, count)| {
            *below += count;
            Some((*bound, *below))
        })
    }

    /// Observations.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Sum of observations.
    pub fn sum(&self) -> f64 {
        self.sum
    }
}
