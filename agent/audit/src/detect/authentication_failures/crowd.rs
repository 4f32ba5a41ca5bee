//! What an endpoint's refusals usually are, so that a crowd of strangers shows although each of them comes once.

use std::time::Duration;

use apiscope_wire::Timestamp;

use crate::sketch::Distinct;

/// Counted and compared in such steps.
const WINDOW: Duration = Duration::from_mins(5);
/// Windows before it may speak: an hour.
const WINDOWS_MIN: u32 = 12;
/// A window's weight in what is usual.
const WEIGHT: f64 = 0.05;
/// Users beyond what is usual, at least.
const EXCESS_MIN: f64 = 50.0;
/// So many standard deviations beyond what is usual. Chance passes six once in 10^9 windows.
const DEVIATIONS: f64 = 6.0;
/// So many times what is usual.
const TIMES: f64 = 2.0;
/// Of the usual successes at least this share has to go on: where all are refused, the server is broken.
const SUCCESSES: f64 = 0.3;

/// One endpoint's log-ins.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    began: Timestamp,
    /// Different users refused in this window.
    users: Distinct,
    passed: u64,
    /// Windows that are over.
    windows: u32,
    /// Usual share of different refused users in all (refused users and successes), and how much it changes.
    share: f64,
    deviation: f64,
    /// Usual successes of a window.
    successes: f64,
}

impl Crowd {
    pub(super) fn refused(&mut self, user: u32, now: Timestamp) {
        self.advance(now);
        self.users.add(user);
    }

    pub(super) fn passed(&mut self, now: Timestamp) {
        self.advance(now);
        self.passed += 1;
    }

    /// Different users refused in this window and how many are usual, where that is beyond chance and the endpoint's own changes.
    pub(super) fn excess(&self, now: Timestamp) -> Option<(u64, u64)> {
        if self.windows < WINDOWS_MIN {
            return None;
        }
        let (refused, passed) = (float(self.users.size()), float(self.passed));
        let part = (now.since(self.began).as_secs_f64() / WINDOW.as_secs_f64()).min(1.0);
        // From the successes, because the attack itself is part of all.
        let rate = |share: f64| passed * share / (1.0 - share).max(0.01);
        let usual = rate(self.share);
        let bound = rate(self.deviation.mul_add(DEVIATIONS, self.share).min(0.95)).max(usual * TIMES);
        let by_chance = DEVIATIONS.mul_add(usual.sqrt(), usual);
        let is_beyond = refused >= usual + EXCESS_MIN && refused >= bound && refused >= by_chance;
        let is_served = passed >= self.successes * part * SUCCESSES && passed > 0.0;
        (is_beyond && is_served).then(|| (self.users.size(), whole(usual)))
    }

    /// Begins a new window where the last one is over.
    fn advance(&mut self, now: Timestamp) {
        if now.since(self.began) < WINDOW {
            return;
        }
        let (refused, passed) = (float(self.users.size()), float(self.passed));
        if passed > 0.0 {
            let share = refused / (refused + passed);
            if self.windows == 0 {
                (self.share, self.successes) = (share, passed);
            } else {
                // What is far out moves what is usual by little: an attack must not become usual at once.
                let share = if self.windows < WINDOWS_MIN { share } else { share.min(self.share * TIMES + 0.05) };
                self.deviation += WEIGHT * ((share - self.share).abs() - self.deviation);
                self.share += WEIGHT * (share - self.share);
                self.successes += WEIGHT * (passed - self.successes);
            }
            self.windows = self.windows.saturating_add(1);
        }
        (self.began, self.users, self.passed) = (now, Distinct::default(), 0);
    }
}

/// Counts here are far below 2^52.
#[expect(clippy::cast_precision_loss, reason = "counts of five minutes")]
const fn float(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, far below 2^53")]
fn whole(count: f64) -> u64 {
    count.round() as u64
}
