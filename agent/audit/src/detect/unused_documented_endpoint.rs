//! `unused-documented-endpoint`: the document has it, and nobody calls it.
//!
//! That nothing was called cannot be seen; that nothing was seen can. So it is said only where the time was watched and the API's traffic
//! read nearly whole, and where there was traffic of the API at all: an agent on another host would not see its calls. `idle_after` in the
//! configuration says how long is long.

use smallvec::SmallVec;

use super::setting::settings;
use super::{Case, Containment, Detector, Kind};
use crate::finding::{Evidence, Finding, Severity};
use crate::secret::Masked;

/// What it is.
pub static KIND: Kind = Kind {
    name: "unused-documented-endpoint",
    summary: "The document has an endpoint that nobody calls.",
    owasp: "API9:2023",
    cwe: 561,
    cwe_title: "Dead Code",
    why: "What nobody calls is maintained and attacked all the same; and a document that promises what is not there misleads.",
    what_to_do: &[
        "Ask the owner whether it is still needed: some endpoints are called once a year.",
        "If it is not, mark it deprecated in the document, then take it out of service and out of the document.",
    ],
    containment: Containment::Endpoint(
        "Nothing is harmed now. If it must not be reachable, refuse this method and route at the gateway; the API's others go on.",
    ),
};

settings! {
    /// What counts.
    pub struct Config {
        /// Severity.
        severity: Option<Severity> = Some(Severity::Info),
        /// Share of the time that must have been watched, in percent. Below it nothing is said.
        watched_percent: u64 = 90,
        /// Share of the API's bytes in which calls would have been seen, in percent. Below it nothing is said.
        coverage_percent: u64 = 99,
    }
}

/// The detector.
pub(super) type Judge = super::Judge<Config>;

impl Detector for Judge {
    fn judge(&mut self, case: &Case<'_>, found: &mut dyn FnMut(Finding)) {
        let Case::Idle(unused) = case else { return };
        let (endpoint, idle) = (unused.endpoint, unused.idle);
        let Some((severity, covered)) = self.config.severity.zip(idle.seen.covered) else { return };
        let is_enough = |permille: u16, percent: u64| u64::from(permille) >= percent.saturating_mul(10);
        if !is_enough(idle.seen.watched, self.config.watched_percent)
            || !is_enough(covered, self.config.coverage_percent)
        {
            return;
        }
        let what = format!(
            "{} {} was not called for {} days, of which {} % were watched; {} % of the API's bytes were read",
            endpoint.method,
            endpoint.route,
            idle.days,
            percent(idle.seen.watched),
            percent(covered)
        );
        found(Finding {
            kind: &KIND,
            api: endpoint.api.clone(),
            endpoint: endpoint.id,
            method: endpoint.method.clone(),
            route: endpoint.route.clone(),
            severity,
            because: Masked::vouched("no call of it was seen for as long as `idle_after` says"),
            evidence: Evidence { at: unused.at, call: None, consumer: None, severity, what: Masked::from_clean(what) },
            classes: SmallVec::new(),
        });
    }
}

fn percent(permille: u16) -> String {
    format!("{}.{}", permille / 10, permille % 10)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use expect_test::expect;

    use super::*;
    use crate::detect::Unused;
    use crate::detect::sample::{at, call};
    use crate::exchange::{ApiId, Method};
    use crate::inventory::{EndpointRow, Idle};
    use crate::watch::Seen;

    fn judged(config: Config, seen: &[(u16, Option<u16>)]) -> String {
        let (mut judge, mut text) = (Judge::new(config), String::new());
        let endpoint = EndpointRow::new("test", &ApiId::new("orders"), &Method::new("GET"), "/orders/{id}");
        for (watched, covered) in seen {
            let idle = Idle { days: 31, seen: Seen { watched: *watched, covered: *covered } };
            let case = Unused { endpoint: &endpoint, idle, at: at(0) };
            judge.judge(&Case::Idle(&case), &mut |finding| {
                assert_eq!((finding.evidence.call, finding.evidence.consumer), (None, None));
                let _ = writeln!(text, "{}: {}", finding.severity, finding.evidence.what);
            });
        }
        text
    }

    #[test]
    fn fires_where_time_and_traffic_were_seen() {
        expect![[r"
            info: GET /orders/{id} was not called for 31 days, of which 100.0 % were watched; 100.0 % of the API's bytes were read
            info: GET /orders/{id} was not called for 31 days, of which 90.0 % were watched; 99.0 % of the API's bytes were read
        "]]
        .assert_eq(&judged(Config::default(), &[(1_000, Some(1_000)), (900, Some(990))]));
    }

    #[test]
    fn silent_where_much_was_missed_or_there_was_no_traffic() {
        let seen = [(899, Some(1_000)), (1_000, Some(989)), (1_000, None), (0, None)];
        assert_eq!(judged(Config::default(), &seen), "");
        assert_eq!(judged(Config { severity: None, ..Config::default() }, &[(1_000, Some(1_000))]), "");
    }

    #[test]
    fn silent_on_calls() {
        let called = call("GET /orders/7 200").documented().done();
        crate::detect::sample::check::<Judge>(&[called], expect![""]);
    }
}
