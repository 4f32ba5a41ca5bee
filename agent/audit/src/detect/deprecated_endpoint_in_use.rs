//! `deprecated-endpoint-in-use`: an endpoint is called that is to go, or is gone from the document already (a zombie endpoint).
//!
//! Two reasons, one kind, because what to do is the same: find who calls, and move them. *Deprecated*: the document marks the operation, or
//! the endpoint's own answers say so (`Deprecation`, RFC 9745; `Sunset`, RFC 8594), and then it weighs more from the announced end on.
//! *Removed*: an earlier version of the document had the operation, the present one has not, and it answers. A removed endpoint that is only
//! refused or redirected may be a gate's doing, which does so with every path.

use std::fmt::Write as _;

use super::setting::settings;
use super::undocumented_endpoint::shows_handler;
use super::{Case, Containment, Detector, Kind};
use crate::facts::{Day, Deprecation, Retirement};
use crate::finding::{Finding, Severity};
use crate::inventory::{DocumentState, Sighting, seconds, status_proves_endpoint};
use crate::secret::Masked;

/// What it is.
pub static KIND: Kind = Kind {
    name: "deprecated-endpoint-in-use",
    summary: "An endpoint is still called that is deprecated or removed.",
    owasp: "API9:2023",
    cwe: 477,
    cwe_title: "Use of Obsolete Function",
    why: "An old endpoint lacks what its successor mends and is tested by nobody; and when it goes, whoever still calls it breaks.",
    what_to_do: &[
        "See who calls: the consumers stand with the finding, and with their counts in `apiscope endpoints 'METHOD ROUTE'`.",
        "Tell them its successor and its end, and move them.",
        "When nobody calls any more, take it out of service, and make it answer 410.",
    ],
    containment: Containment::Consumer(
        "If it has to go at once, refuse the listed callers on this method and route at the gateway; what else they call goes on.",
    ),
};

settings! {
    /// What counts.
    pub struct Config {
        /// Severity where it is deprecated, by the document or by its own answers.
        severity: Option<Severity> = Some(Severity::Low),
        /// Severity from the end on that its answers announced (`Sunset`).
        past_sunset: Option<Severity> = Some(Severity::Medium),
        /// Severity where an earlier version of the document had it and the present one has not: removed, and still answering.
        removed: Option<Severity> = Some(Severity::Medium),
        /// Severity where it is removed and was only refused or redirected so far.
        removed_refused: Option<Severity> = Some(Severity::Low),
    }
}

/// The detector.
pub(super) type Judge = super::Judge<Config>;

impl Detector for Judge {
    fn judge(&mut self, case: &Case<'_>, found: &mut dyn FnMut(Finding)) {
        let Case::Call(sighting) = case else { return };
        let (endpoint, now) = (sighting.endpoint, sighting.exchange.ended);
        if endpoint.method.as_str() == "OPTIONS" {
            return;
        }
        let Some(status) = sighting.exchange.status.filter(|status| status_proves_endpoint(*status)) else { return };
        let is_removed = endpoint.document == DocumentState::Removed;
        let by_document = endpoint.document == DocumentState::Deprecated;
        let by_answers = endpoint.announced.in_force().filter(|said| said.is_deprecated(seconds(now)));
        let is_past = by_answers.and_then(|said| said.sunset).is_some_and(|sunset| sunset <= seconds(now));
        let reasons = [
            (is_past, self.config.past_sunset, "it is called after the end that its answers announce"),
            (
                is_removed && shows_handler(status),
                self.config.removed,
                "an earlier version of the document had it, and it still answers",
            ),
            (
                is_removed && !shows_handler(status),
                self.config.removed_refused,
                "an earlier version of the document had it; so far it only refused or redirected",
            ),
            (by_document, self.config.severity, "the document says that it is deprecated"),
            (by_answers.is_some(), self.config.severity, "its answers say that it is deprecated"),
        ];
        let apply = reasons.into_iter().filter(|(applies, ..)| *applies);
        let apply = apply.filter_map(|(_, severity, because)| Some((severity?, because)));
        // Of reasons that weigh the same the first is told.
        let Some((severity, because)) = apply.rev().max_by_key(|(severity, _)| *severity) else { return };
        let said = by_answers.map_or_else(String::new, |said| told(&said, by_document, is_past));
        let what = format!("{}{said}", answered(sighting, status, is_removed, by_document));
        found(sighting.finding(&KIND, severity, Masked::vouched(because), Masked::from_clean(what)));
    }
}

fn answered(sighting: &Sighting<'_>, status: u16, is_removed: bool, by_document: bool) -> String {
    let document = if is_removed {
        ", no longer in the document"
    } else if by_document {
        ", deprecated in the document"
    } else {
        ""
    };
    format!("{} {} answered {status}{document}", sighting.endpoint.method, sighting.endpoint.route)
}

/// What the answers announce, with its dates.
fn told(said: &Retirement, by_document: bool, is_past: bool) -> String {
    let mut text = match said.deprecation {
        None => String::new(),
        Some(Deprecation::Date(since)) => format!(", Deprecation: since {}", Day(since)),
        Some(Deprecation::DraftDate(since)) => format!(", Deprecation: since {} (a draft's form)", Day(since)),
        Some(Deprecation::DraftTrue) if by_document => ", Deprecation: true".to_owned(),
        Some(Deprecation::DraftTrue) => ", Deprecation: true (a draft's form, no date)".to_owned(),
    };
    if let Some(sunset) = said.sunset {
        let past = if is_past { ", which is past" } else { "" };
        // Into a text this cannot fail.
        let _ = write!(text, ", Sunset: {}{past}", Day(sunset));
    }
    text
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::detect::sample::{self, Sample, call, judge};

    fn check(transcript: Vec<Sample>, expected: Expect) {
        let transcript: Vec<_> = transcript.into_iter().map(Sample::done).collect();
        sample::check::<Judge>(&transcript, expected);
    }

    const NOW: i64 = sample::START.cast_signed();
    const DAY: i64 = 86_400;

    #[test]
    fn fires_on_what_is_marked_announced_or_removed() {
        check(
            vec![
                call("GET /orders/7 200").deprecated(),
                call("GET /orders/7 403").deprecated(),
                call("GET /carts 200").announces(Some(Deprecation::Date(NOW)), None),
                call("GET /carts 200").announces(Some(Deprecation::DraftTrue), None),
                call("GET /carts 200").announces(Some(Deprecation::DraftDate(NOW - DAY)), None),
                call("GET /carts 200").announces(None, Some(NOW + DAY)),
                call("GET /carts 200").deprecated().announces(Some(Deprecation::Date(-DAY)), Some(NOW)),
                call("GET /v1/orders 200").removed(),
                call("GET /v1/orders 302").removed(),
                call("GET /debug 200").undocumented().announces(Some(Deprecation::DraftTrue), None),
            ],
            expect![[r"
                low GET /orders/{id}: the document says that it is deprecated
                     GET /orders/{id} answered 200, deprecated in the document
                low GET /orders/{id}: the document says that it is deprecated
                     GET /orders/{id} answered 403, deprecated in the document
                low GET /carts: its answers say that it is deprecated
                     GET /carts answered 200, Deprecation: since 1970-01-01
                low GET /carts: its answers say that it is deprecated
                     GET /carts answered 200, Deprecation: true (a draft's form, no date)
                low GET /carts: its answers say that it is deprecated
                     GET /carts answered 200, Deprecation: since 1969-12-31 (a draft's form)
                low GET /carts: its answers say that it is deprecated
                     GET /carts answered 200, Sunset: 1970-01-02
                medium GET /carts: it is called after the end that its answers announce
                     GET /carts answered 200, deprecated in the document, Deprecation: since 1969-12-31, Sunset: 1970-01-01, which is past
                medium GET /v1/orders: an earlier version of the document had it, and it still answers
                     GET /v1/orders answered 200, no longer in the document
                low GET /v1/orders: an earlier version of the document had it; so far it only refused or redirected
                     GET /v1/orders answered 302, no longer in the document
                low GET /debug: its answers say that it is deprecated
                     GET /debug answered 200, Deprecation: true (a draft's form, no date)
            "]],
        );
    }

    #[test]
    fn silent_on_what_stays_and_on_what_is_gone() {
        check(
            vec![
                call("GET /orders 200").documented(),
                call("GET /orders 200"),
                call("GET /orders 200").undocumented(),
                call("GET /orders 200").announces(Some(Deprecation::Date(NOW + DAY)), None),
                call("GET /orders 410").deprecated(),
                call("GET /v1/orders 404").removed(),
                call("GET /v1/orders -").removed(),
                call("OPTIONS /v1/orders 204").removed(),
            ],
            expect![""],
        );
    }

    #[test]
    fn each_reason_can_be_switched_off() {
        let off = Config { severity: None, past_sunset: None, removed: None, ..Config::default() };
        let calls =
            [call("GET /carts 200").announces(None, Some(NOW)).done(), call("GET /v1/orders 200").removed().done()];
        assert_eq!(judge(&mut Judge::new(off), &calls), "");
    }
}
