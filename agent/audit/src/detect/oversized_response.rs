//! `oversized-response`: a response is larger, or holds more records, than anybody should need at once.
//!
//! Judged by absolute limits on what was really sent: sizes come from the sequence numbers, so they are exact although only the first
//! bytes of the body were captured. JSON has a limit of its own, far below the one for downloads: a page of JSON is data, not a file.

use super::setting::settings;
use super::{Case, Containment, Detector, Kind, grouped};
use crate::facts::{Facts, MediaKind};
use crate::finding::{Finding, Severity};
use crate::secret::Masked;

/// What it is.
pub static KIND: Kind = Kind {
    name: "oversized-response",
    summary: "A response gives far more than a caller needs at once.",
    owasp: "API4:2023",
    cwe: 770,
    cwe_title: "Allocation of Resources Without Limits or Throttling",
    why: "Endless lists let one call take a whole table with it and make a few calls enough to exhaust the server.",
    what_to_do: &[
        "Give the endpoint pages with an upper limit that the server enforces.",
        "Ask the consumers listed with the finding whether they need all of it.",
        "If the size is as it should be (a download), raise the limit for this kind in the configuration.",
    ],
    containment: Containment::Consumer(
        "Limit the rate of the listed consumers on this endpoint at the gateway; others, and other endpoints, go on.",
    ),
};

settings! {
    /// Absolute limits. A response exceeds a limit when it is larger, not when it is equal.
    pub struct Config {
        /// Largest response body of any media type, in bytes as sent.
        max_bytes: u64 = 100 * 1024 * 1024,
        /// Largest JSON response body, in bytes as sent.
        max_json_bytes: u64 = 1024 * 1024,
        /// Most records (elements of the list that it holds) in a JSON response.
        max_records: u64 = 1_000,
    }
}

/// A JSON response so many times over its limit is high, not medium.
const HIGH_FACTOR: u64 = 10;

/// The detector.
pub(super) type Judge = super::Judge<Config>;

impl Judge {
    /// What is exceeded first in this order: records, bytes of JSON, bytes of anything.
    fn excess(&self, facts: &Facts) -> Option<Excess> {
        let bytes = facts.body.total.unwrap_or(facts.body.scanned);
        let excess = |amount, limit, unit, key| (amount > limit).then_some(Excess { amount, limit, unit, key });
        let json = facts.media == MediaKind::Json;
        let records = facts.records.and_then(|n| excess(n, self.config.max_records, "records", "max_records"));
        records
            .or_else(|| {
                json.then(|| excess(bytes, self.config.max_json_bytes, "bytes of JSON", "max_json_bytes")).flatten()
            })
            .or_else(|| excess(bytes, self.config.max_bytes, "bytes", "max_bytes"))
    }
}

impl Detector for Judge {
    fn judge(&mut self, case: &Case<'_>, found: &mut dyn FnMut(Finding)) {
        let (Case::Call(sighting) | Case::Ended(sighting)) = case else { return };
        let Some(facts) = &sighting.exchange.response else { return };
        let Some(excess) = self.excess(facts) else { return };
        let severity = excess.severity(facts.media);
        let at_least = if facts.body.total.is_none() && excess.unit != "records" { "at least " } else { "" };
        let what = format!(
            "{at_least}{} {}, limit {} ({})",
            grouped(excess.amount),
            excess.unit,
            grouped(excess.limit),
            excess.key
        );
        let because = match severity {
            Severity::High => {
                format!("more than {HIGH_FACTOR} times the limit of {} {}", grouped(excess.limit), excess.unit)
            }
            Severity::Info | Severity::Low | Severity::Medium | Severity::Critical => {
                format!("over the limit of {} {}", grouped(excess.limit), excess.unit)
            }
        };
        found(sighting.finding(&KIND, severity, Masked::from_clean(because), Masked::from_clean(what)));
    }
}

#[derive(Debug)]
struct Excess {
    amount: u64,
    limit: u64,
    unit: &'static str,
    key: &'static str,
}

impl Excess {
    /// A large file is seldom a mistake; a large list of records often is.
    fn severity(&self, media: MediaKind) -> Severity {
        match media {
            MediaKind::Json if self.amount / HIGH_FACTOR > self.limit => Severity::High,
            MediaKind::Json => Severity::Medium,
            MediaKind::None | MediaKind::Form | MediaKind::Asset | MediaKind::Other => Severity::Low,
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::detect::sample::{call, check};

    #[test]
    fn fires_above_each_limit() {
        check::<Judge>(
            &[
                call("GET /orders 200").json(1_048_577, None).done(),
                call("GET /orders 200").json(200_000, Some(12_000)).done(),
                call("GET /dump 200").other(Some(1 << 30)).done(),
                call("GET /dump 200").other(None).scanned(200 << 20).done(),
            ],
            expect![[r"
                medium GET /orders: over the limit of 1,048,576 bytes of JSON
                     1,048,577 bytes of JSON, limit 1,048,576 (max_json_bytes)
                high GET /orders: more than 10 times the limit of 1,000 records
                     12,000 records, limit 1,000 (max_records)
                low GET /dump: over the limit of 104,857,600 bytes
                     1,073,741,824 bytes, limit 104,857,600 (max_bytes)
                low GET /dump: over the limit of 104,857,600 bytes
                     at least 209,715,200 bytes, limit 104,857,600 (max_bytes)
            "]],
        );
    }

    #[test]
    fn silent_up_to_the_limit() {
        check::<Judge>(
            &[
                call("GET /orders 200").json(1_048_576, Some(1_000)).done(),
                call("GET /logo 200").other(Some(50 << 20)).done(),
                call("GET /orders 204").done(),
            ],
            expect![""],
        );
    }
}
