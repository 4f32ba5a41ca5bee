//! `object-enumeration`: one caller walks through the ids of an endpoint's objects, and most of them are not his or are not there.
//!
//! A hint, not a proof: nobody outside sees what a caller may read. What is told from an attack by this kind: who pages, polls or copies
//! what a list gave him meets what is there, and who asks again for one object that is missing asks for one. So only *different* ids that
//! were refused (403) or not found (404) count; they have to be most of what the caller asked of the endpoint, and others must not fare
//! the same. Numbers that go up or down in small steps show that they were not handed out; other ids need far more misses.

use std::hash::{BuildHasher as _, Hasher as _};
use std::time::Duration;

use rustc_hash::{FxBuildHasher, FxHashMap};

use super::setting::settings;
use super::told::Told;
use super::{Case, Containment, Detector, Kind, grouped};
use crate::finding::{Finding, Severity};
use crate::inventory::{EndpointId, Sighting};
use crate::secret::Masked;
use crate::sketch::{Count, Distinct, Windowed};

/// What it is.
pub static KIND: Kind = Kind {
    name: "object-enumeration",
    summary: "One caller walks through the ids of objects, and most are not his or not there.",
    owasp: "API1:2023",
    cwe: 639,
    cwe_title: "Authorization Bypass Through User-Controlled Key",
    why: "Where the server checks who calls but not whose object it is, guessed ids open the data of others.",
    what_to_do: &[
        "Look at the calls that succeeded among those listed, and whether the objects were the caller's own.",
        "Make the server check the owner of each object on each endpoint, and answer 404 for what is somebody else's.",
        "Use ids that cannot be counted up (UUID version 4), and limit the misses of a caller.",
    ],
    containment: Containment::Consumer(
        "Refuse the listed caller at this endpoint until the calls that succeeded are explained.",
    ),
};

settings! {
    /// From how much on it speaks, and how loudly.
    pub struct Config {
        /// Severity where some of the ids succeeded.
        met: Option<Severity> = Some(Severity::Medium),
        /// Severity where none did so far.
        missed: Option<Severity> = Some(Severity::Low),
        /// Different ids of one endpoint that a caller missed within ten minutes, where they are numbers in small steps.
        misses: u64 = 20,
        /// The same, where they are other ids.
        other_misses: u64 = 100,
        /// Of a caller's calls of the endpoint so many in a hundred have to be misses.
        missed_percent: u64 = 50,
    }
}

/// Callers of endpoints that are counted at once; see [`Windowed`].
const WALKS_MAX: usize = 4096;
/// Endpoints whose usual misses are known; past it they are learnt anew.
const ENDPOINTS_MAX: usize = 2048;
/// Counts of a caller begin anew after so long.
const WINDOW: Duration = Duration::from_mins(10);
/// Calls of others before they say what is usual.
const OTHERS_MIN: u64 = 20;
/// Largest step from one number to the next that is one of a walk.
const STEP_MAX: u64 = 8;
/// Of the steps between a caller's misses so many in a hundred have to be small.
const STEPS_PERCENT: u64 = 60;
/// What was counted of an endpoint is halved at so many calls, so that it stays what is usual now.
const FADE_AT: u64 = 1 << 16;

/// The detector.
pub(super) type Judge = super::Judge<Config, State>;

/// What it remembers: counts and hashes of ids.
#[derive(Debug)]
pub(super) struct State {
    walks: Windowed<Walk, WALKS_MAX>,
    usual: FxHashMap<EndpointId, Usual>,
    told: Told,
}

impl Default for State {
    fn default() -> Self {
        Self { walks: Windowed::new(WINDOW), usual: FxHashMap::default(), told: Told::default() }
    }
}

/// One caller at one endpoint.
#[derive(Debug, Default)]
struct Walk {
    calls: u64,
    misses: u64,
    /// Different ids that succeeded, and that were missed.
    met: Distinct,
    missed: Distinct,
    /// The last number missed, steps between two of them, and the small ones.
    last: Option<u64>,
    steps: u64,
    small: u64,
}

impl Count for Walk {
    fn weight(&self) -> u64 {
        self.missed.size()
    }
}

/// All callers of one endpoint.
#[derive(Debug, Default)]
struct Usual {
    calls: u64,
    missed: u64,
}

/// The ids of one call.
#[derive(Debug)]
struct Ids {
    hash: u32,
    /// The last of them that is a number.
    number: Option<u64>,
}

impl Detector for Judge {
    fn judge(&mut self, case: &Case<'_>, found: &mut dyn FnMut(Finding)) {
        let Case::Call(sighting) = case else { return };
        let exchange = sighting.exchange;
        let is_missed = match exchange.status {
            Some(403 | 404) => true,
            Some(200..=299) => false,
            _ => return,
        };
        let Some(ids) = ids(exchange.path.as_str(), &sighting.endpoint.route) else { return };
        self.count(sighting, &ids, is_missed);
        if let Some(finding) = self.finding(sighting).filter(|_| is_missed) {
            found(finding);
        }
    }
}

impl Judge {
    fn count(&mut self, sighting: &Sighting<'_>, ids: &Ids, is_missed: bool) {
        let state = &mut self.state;
        if state.usual.len() >= ENDPOINTS_MAX && !state.usual.contains_key(&sighting.endpoint.id) {
            state.usual.clear();
        }
        let usual = state.usual.entry(sighting.endpoint.id).or_default();
        if usual.calls >= FADE_AT {
            (usual.calls, usual.missed) = (usual.calls / 2, usual.missed / 2);
        }
        usual.calls += 1;
        usual.missed += u64::from(is_missed);
        let walk = state.walks.at(of_caller(sighting), sighting.exchange.ended);
        walk.calls += 1;
        if !is_missed {
            return walk.met.add(ids.hash);
        }
        walk.misses += 1;
        walk.missed.add(ids.hash);
        let (Some(number), Some(last)) = (ids.number, walk.last) else {
            walk.last = ids.number;
            return;
        };
        if number != last {
            walk.steps += 1;
            walk.small += u64::from(number.abs_diff(last) <= STEP_MAX);
            walk.last = Some(number);
        }
    }

    fn finding(&mut self, sighting: &Sighting<'_>) -> Option<Finding> {
        let (config, now) = (&self.config, sighting.exchange.ended);
        let walk = self.state.walks.get(of_caller(sighting), now)?;
        let (missed, met) = (walk.missed.size(), walk.met.size());
        let is_counting = walk.steps > 0 && walk.small * 100 >= walk.steps * STEPS_PERCENT;
        let least = if is_counting { config.misses } else { config.other_misses };
        let all = missed + met;
        if missed < least
            || missed * 100 < all * config.missed_percent
            || is_usual(walk, self.state.usual.get(&sighting.endpoint.id))
        {
            return None;
        }
        let severity = if met > 0 { config.met } else { config.missed }?;
        let form = if is_counting { "numbers in small steps" } else { "ids of no order" };
        let because = match (met > 0, is_counting) {
            (true, true) => "one caller counts through ids, and some of the objects were given",
            (true, false) => {
                "one caller tries many ids that are not there or not his, and some of the objects were given"
            }
            (false, true) => "one caller counts through ids; none was given so far",
            (false, false) => "one caller tries many ids that are not there or not his; none was given so far",
        };
        if !self.state.told.is_due((of_caller(sighting), because), now) {
            return None;
        }
        let what = format!("{} different ids missed and {} given within 10 min: {form}", grouped(missed), grouped(met));
        Some(sighting.finding(&KIND, severity, Masked::vouched(because), Masked::from_clean(what)))
    }
}

/// Whether the endpoint's other callers miss at least half as often.
fn is_usual(walk: &Walk, usual: Option<&Usual>) -> bool {
    let Some(usual) = usual else { return false };
    let (calls, missed) = (usual.calls.saturating_sub(walk.calls), usual.missed.saturating_sub(walk.misses));
    calls >= OTHERS_MIN && missed * walk.calls * 2 >= walk.misses * calls
}

/// What stands in the path where the template has variables; `None` where it has none, or the path is another.
fn ids(path: &str, route: &str) -> Option<Ids> {
    let mut hasher = FxBuildHasher.build_hasher();
    let (mut has_any, mut number) = (false, None);
    let mut values = path.split('/');
    for part in route.split('/') {
        let value = values.next()?;
        if part.starts_with('{') {
            has_any = true;
            hasher.write(value.as_bytes());
            hasher.write_u8(0xff);
            number = value.parse().ok().or(number);
        }
    }
    // Spread over all bits.
    let hash = hasher.finish().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    has_any.then(|| Ids { hash: u32::try_from(hash).unwrap_or_default(), number })
}

fn of_caller(sighting: &Sighting<'_>) -> u64 {
    FxBuildHasher.hash_one((sighting.endpoint.id, sighting.exchange.consumer))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::detect::sample::{call, check, judge};
    use crate::exchange::Exchange;

    /// A caller at an address asks for an object.
    fn ask(from: &str, id: &str, status: u16) -> Exchange {
        call(&format!("GET /orders/{id} {status}")).from(from).done()
    }

    fn ordinary(from: usize) -> Vec<Exchange> {
        (0..40).map(|number| ask(&format!("10.0.0.{from}"), &(1_000 * from + number).to_string(), 200)).collect()
    }

    #[test]
    fn fires_on_who_counts_through_ids() {
        let mut calls: Vec<_> = (1..4).flat_map(ordinary).collect();
        for id in 5_000..5_060 {
            calls.push(ask("203.0.113.9", &id.to_string(), if id % 20 == 19 { 200 } else { 404 }));
        }
        check::<Judge>(
            &calls,
            expect![[r"
                medium GET /orders/{id}: one caller counts through ids, and some of the objects were given
                     20 different ids missed and 1 given within 10 min: numbers in small steps
            "]],
        );
    }

    #[test]
    fn milder_where_nothing_was_given() {
        let calls: Vec<_> = (0..20).map(|id| ask("203.0.113.9", &id.to_string(), 403)).collect();
        assert!(
            judge(&mut Judge::default(), &calls).starts_with("low GET /orders/{id}: one caller counts through ids")
        );
    }

    #[test]
    fn other_ids_need_more() {
        let uuid = |number: u32| format!("3fa85f64-5717-4562-b3fc-{number:012x}");
        let calls = |count| (0..count).map(|n: u32| ask("203.0.113.9", &uuid(n * 7_919), 404)).collect::<Vec<_>>();
        assert_eq!(judge(&mut Judge::default(), &calls(95)), "");
        // The sizes of sketches past 32 are off by some percent.
        assert!(judge(&mut Judge::default(), &calls(130)).contains("ids of no order"));
    }

    #[test]
    fn silent_on_pagers_pollers_batch_jobs_and_old_links() {
        let mut calls = Vec::new();
        // A job copies all objects in order; a few were deleted meanwhile.
        calls.extend((0..2_000).map(|id| ask("10.0.0.1", &id.to_string(), if id % 50 == 0 { 404 } else { 200 })));
        // Somebody waits for an object that is not there yet.
        calls.extend((0..500).map(|_| ask("10.0.0.2", "77777", 404)));
        // Someone's own objects, and a dozen old links.
        calls.extend((0..12).map(|id| ask("10.0.0.3", &(id * 37).to_string(), 404)));
        // Numbers that were handed out, without an order, of which many are gone.
        calls.extend((0..60).map(|id| ask("10.0.0.4", &(id * 7_919 % 100_003).to_string(), 404)));
        // A list has no ids.
        calls.extend((0..200).map(|_| call("GET /orders 404").from("10.0.0.5").done()));
        check::<Judge>(&calls, expect![""]);
    }

    #[test]
    fn silent_where_everybody_misses() {
        // A cache of which each client asks first: misses are the rule.
        let mut calls = Vec::new();
        for client in 0..10 {
            calls.extend(
                (0..60)
                    .map(|id| ask(&format!("10.0.1.{client}"), &id.to_string(), if id % 4 == 0 { 200 } else { 404 })),
            );
        }
        let (first, others) = calls.split_at(60);
        let mut judge_ = Judge::default();
        judge(&mut judge_, first);
        assert_eq!(judge(&mut judge_, others), "");
    }

    #[test]
    fn ids_are_what_stands_for_variables() {
        let of = |path: &str, route: &str| ids(path, route).map(|ids| ids.number);
        assert_eq!(of("/orders/7", "/orders/{id}"), Some(Some(7)));
        assert_eq!(of("/shops/a-b/orders/8", "/shops/{shop}/orders/{id}"), Some(Some(8)));
        assert_eq!(of("/orders/a7", "/orders/{id}"), Some(None));
        assert_eq!((of("/orders", "/orders"), of("/orders", "/orders/{id}")), (None, None));
    }

    #[test]
    fn counting_is_bounded() {
        let mut judge_ = Judge::default();
        for number in 0..2 * WALKS_MAX {
            let from = format!("10.1.{}.{}", number / 250, number % 250);
            judge(&mut judge_, &[call("GET /orders/7 404").api(&format!("api-{number}")).from(&from).done()]);
            assert!(judge_.state.walks.len() <= WALKS_MAX && judge_.state.usual.len() <= ENDPOINTS_MAX);
        }
        assert!(judge_.state.walks.forgotten() > 0);
    }
}
