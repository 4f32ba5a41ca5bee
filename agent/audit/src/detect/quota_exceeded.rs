//! `quota-exceeded`: a caller takes more than it was granted.
//!
//! Two proofs, and no guess from what is usual: the quota that the configuration grants each caller of an API, and the server's own word,
//! 429 (RFC 6585 §4), said again and again to a caller that does not slow down.

use std::time::Duration;

use rustc_hash::FxBuildHasher;
use std::hash::BuildHasher as _;

use super::setting::settings;
use super::told::Told;
use super::{Case, Containment, Detector, Kind, grouped};
use crate::exchange::Exchange;
use crate::finding::{Finding, Severity};
use crate::inventory::Sighting;
use crate::secret::Masked;
use crate::sketch::{Count, Windowed};

/// What it is.
pub static KIND: Kind = Kind {
    name: "quota-exceeded",
    summary: "A caller takes more calls or bytes than it was granted.",
    owasp: "API4:2023",
    cwe: 770,
    cwe_title: "Allocation of Resources Without Limits or Throttling",
    why: "One caller without a limit takes from all others what the API can give, and may be copying all that it holds.",
    what_to_do: &[
        "Ask the listed callers what they do; a loop without a pause is the commonest reason.",
        "Make the server or the gateway limit each caller by its key, and answer 429 with Retry-After.",
        "If the caller needs as much, raise its quota in the plan and in the configuration.",
    ],
    containment: Containment::Consumer("Slow the listed caller down at the gateway, by its key; others go on."),
};

settings! {
    /// What each caller of an API is granted; nothing unless it is set here.
    pub struct Config {
        /// Calls of one caller in a minute; `"off"` for any number.
        calls_per_minute: Option<u64> = None,
        /// Calls of one caller in a day; `"off"` for any number.
        calls_per_day: Option<u64> = None,
        /// Bytes of bodies to one caller in a day, as sent; `"off"` for any number.
        bytes_per_day: Option<u64> = None,
        /// Severity of more than that.
        granted: Option<Severity> = Some(Severity::Medium),
        /// Answers 429 to one caller within ten minutes that show that it does not slow down.
        refusals: u64 = 100,
        /// Severity of that.
        refused: Option<Severity> = Some(Severity::Low),
    }
}

/// Callers that are counted at once; see [`Windowed`].
const CALLERS_MAX: usize = 4096;
const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);
/// Refusals are counted for so long.
const REFUSALS: Duration = Duration::from_mins(10);
/// Of a caller's calls so many in a hundred have to be refused: who slows down is refused seldom.
const REFUSED_PERCENT: u64 = 50;

/// The detector.
pub(super) type Judge = super::Judge<Config, State>;

/// What it remembers.
#[derive(Debug)]
pub(super) struct State {
    minutes: Windowed<Taken, CALLERS_MAX>,
    days: Windowed<Taken, CALLERS_MAX>,
    refusals: Windowed<Taken, CALLERS_MAX>,
    told: Told,
}

impl Default for State {
    fn default() -> Self {
        Self {
            minutes: Windowed::new(MINUTE),
            days: Windowed::new(DAY),
            refusals: Windowed::new(REFUSALS),
            told: Told::default(),
        }
    }
}

/// What one caller took.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    calls: u64,
    bytes: u64,
    refused: u64,
}

impl Count for Taken {
    fn weight(&self) -> u64 {
        self.calls
    }
}

impl Taken {
    /// Counts a call.
    fn add(&mut self, exchange: &Exchange) -> Self {
        self.calls += 1;
        self.bytes =
            self.bytes.saturating_add(exchange.response.as_ref().and_then(|facts| facts.body.total).unwrap_or(0));
        self.refused += u64::from(exchange.status == Some(429));
        *self
    }
}

impl Detector for Judge {
    fn judge(&mut self, case: &Case<'_>, found: &mut dyn FnMut(Finding)) {
        let Case::Call(sighting) = case else { return };
        let excess = [self.granted(sighting), self.refused(sighting)];
        for (severity, because, what) in excess.into_iter().flatten() {
            let due = (&sighting.endpoint.api, sighting.exchange.consumer, because);
            if self.state.told.is_due(due, sighting.exchange.ended) {
                let (because, what) = (Masked::vouched(because), Masked::from_clean(what));
                return found(sighting.finding_of_api(&KIND, severity, because, what));
            }
        }
    }
}

type Excess = (Severity, &'static str, String);

impl Judge {
    /// More than the configuration grants.
    fn granted(&mut self, sighting: &Sighting<'_>) -> Option<Excess> {
        let Config { calls_per_minute, calls_per_day, bytes_per_day, granted, .. } = self.config;
        let severity = granted?;
        let (caller, exchange) = (of_caller(sighting), sighting.exchange);
        let minute = calls_per_minute.map(|_| self.state.minutes.at(caller, exchange.began).add(exchange));
        let day = calls_per_day.or(bytes_per_day).map(|_| self.state.days.at(caller, exchange.began).add(exchange));
        let over = |taken: Option<u64>, most: Option<u64>| taken.zip(most).filter(|(taken, most)| taken > most);
        let said =
            |(taken, most): (u64, u64), unit: &str| format!("{} {unit}, {} are granted", grouped(taken), grouped(most));
        let minutes = over(minute.map(|taken| taken.calls), calls_per_minute);
        let days = over(day.map(|taken| taken.calls), calls_per_day);
        let bytes = over(day.map(|taken| taken.bytes), bytes_per_day);
        let what = minutes.map(|over| said(over, "calls within a minute"));
        let what = what.or_else(|| days.map(|over| said(over, "calls within a day")));
        let what = what.or_else(|| bytes.map(|over| said(over, "bytes within a day")))?;
        Some((severity, "a caller takes more than the configuration grants it", what))
    }

    /// Refused by the server, and not slower for it.
    fn refused(&mut self, sighting: &Sighting<'_>) -> Option<Excess> {
        let (caller, exchange) = (of_caller(sighting), sighting.exchange);
        let is_counted = exchange.status == Some(429) || self.state.refusals.get(caller, exchange.began).is_some();
        let taken = is_counted.then(|| self.state.refusals.at(caller, exchange.began).add(exchange))?;
        let severity = self.config.refused.filter(|_| {
            taken.refused >= self.config.refusals && taken.refused * 100 >= taken.calls * REFUSED_PERCENT
        })?;
        let what = format!("{} of {} calls within 10 min answered 429", grouped(taken.refused), grouped(taken.calls));
        Some((severity, "the server says that it is too much, and the caller goes on", what))
    }
}

fn of_caller(sighting: &Sighting<'_>) -> u64 {
    FxBuildHasher.hash_one((&sighting.endpoint.api, sighting.exchange.consumer))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::detect::sample::{call, judge};

    fn quota(calls_per_minute: Option<u64>, calls_per_day: Option<u64>, bytes_per_day: Option<u64>) -> Judge {
        Judge::new(Config { calls_per_minute, calls_per_day, bytes_per_day, ..Config::default() })
    }

    #[test]
    fn fires_above_what_is_granted() {
        let calls = |count, every: u64| -> Vec<_> {
            (0..count).map(|n| call("GET /a 200").bearer("key").second(n * every).json(1_000, None).done()).collect()
        };
        expect![[r"
            medium * *: a caller takes more than the configuration grants it
                 61 calls within a minute, 60 are granted
        "]]
        .assert_eq(&judge(&mut quota(Some(60), None, None), &[calls(60, 1), calls(61, 0)].concat()));
        expect![[r"
            medium * *: a caller takes more than the configuration grants it
                 101 calls within a day, 100 are granted
        "]]
        .assert_eq(&judge(&mut quota(None, Some(100), None), &calls(101, 800)));
        expect![[r"
            medium * *: a caller takes more than the configuration grants it
                 51,000 bytes within a day, 50,000 are granted
        "]]
        .assert_eq(&judge(&mut quota(None, None, Some(50_000)), &calls(51, 1)));
    }

    #[test]
    fn silent_up_to_it_for_others_and_without_one() {
        let calls: Vec<_> = (0..600).map(|n: u64| call("GET /a 200").bearer("key").second(n).done()).collect();
        assert_eq!(judge(&mut quota(Some(60), Some(600), None), &calls), "");
        assert_eq!(judge(&mut Judge::default(), &calls), "");
        let many: Vec<_> =
            (0..600).map(|n: u64| call("GET /a 200").bearer(&format!("key-{}", n % 20)).done()).collect();
        assert_eq!(judge(&mut quota(Some(60), None, None), &many), "");
    }

    #[test]
    fn a_caller_that_does_not_slow_down_is_told_and_one_that_does_is_not() {
        let storm: Vec<_> = (0..130).map(|n| call("GET /a 429").bearer("key").second(n).done()).collect();
        expect![[r"
            low * *: the server says that it is too much, and the caller goes on
                 100 of 100 calls within 10 min answered 429
        "]]
        .assert_eq(&judge(&mut Judge::default(), &storm));
        let polite: Vec<_> = (0..3_000)
            .map(|n: u64| {
                let status = if n.is_multiple_of(4) { 429 } else { 200 };
                call(&format!("GET /a {status}")).bearer("key").second(n / 10).done()
            })
            .collect();
        assert_eq!(judge(&mut Judge::default(), &polite), "");
        let all: Vec<_> = (0..500).map(|n| call("GET /a 429").bearer(&format!("key-{n}")).done()).collect();
        assert_eq!(judge(&mut Judge::default(), &all), "", "each of them once");
    }

    #[test]
    fn counting_is_bounded() {
        let mut judge_ = quota(Some(60), Some(600), None);
        for number in 0..2 * CALLERS_MAX {
            judge(&mut judge_, &[call("GET /a 429").bearer(&format!("key-{number}")).done()]);
            let State { minutes, days, refusals, .. } = &judge_.state;
            assert!(minutes.len().max(days.len()).max(refusals.len()) <= CALLERS_MAX);
        }
    }
}
