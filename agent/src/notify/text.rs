//! What an alert says, for every receiver alike: the eleven things on-call needs. A fact that is missing is written `unknown`,
//! and counted where it should have been there.

use std::fmt::Write as _;

use apiscope_audit::finding::{Evidence, Status};
use apiscope_audit::ledger::{Quiet, Why};
use apiscope_wire::{ExchangeId, Timestamp};

use super::{Context, Notice};

/// Longest title, in characters.
pub(super) const TITLE_MAX: usize = 80;
/// Consumers named.
const CONSUMERS_SHOWN: usize = 3;
/// Proofs shown.
const EVIDENCE_SHOWN: usize = 2;

/// An alert in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// At most [`TITLE_MAX`] characters, symptom first.
    pub title: String,
    /// One static sentence: the kind's.
    pub summary: String,
    /// Severity, and why this one.
    pub severity: String,
    /// Since when, until when, how often.
    pub timing: String,
    /// Who called.
    pub affected: String,
    /// What was seen, redacted, with the calls' ids.
    pub evidence: String,
    /// Why it matters, and its class.
    pub why: String,
    /// Steps, in order.
    pub what_to_do: String,
    /// The smallest thing that stops the harm until it is mended: its scope, and what to do.
    pub containment: String,
    /// Where to look.
    pub links: String,
    /// Who owns the endpoint.
    pub team: String,
    /// How it goes away.
    pub quieten: String,
    /// How sure the agent can be.
    pub confidence: String,
    /// Facts that should have been there and were not.
    pub incomplete: u64,
}

impl Text {
    /// Writes a notice.
    pub fn of(notice: &Notice, context: &Context) -> Self {
        let finding = &notice.finding;
        let mut missing = Missing(0);
        let because = missing.or_unknown(finding.because.as_str());
        let id = finding.id;
        let page = link(notice, context);
        Self {
            title: title(notice),
            summary: finding.kind.summary.to_owned(),
            severity: format!("{}: {because}", notice.severity),
            timing: timing(notice),
            affected: missing.or_unknown(&affected(notice)),
            evidence: missing.or_unknown(&evidence(notice)),
            why: format!("{} ({}, CWE-{})", finding.kind.why, finding.kind.owasp, finding.kind.cwe),
            what_to_do: steps(finding.kind.what_to_do),
            containment: format!("{}: {}", finding.kind.containment.scope(), finding.kind.containment.text()),
            links: page
                .map_or_else(|| format!("apiscope explain {id}"), |page| format!("{page} or: apiscope explain {id}")),
            team: notice.team.as_deref().map_or_else(|| "unknown".to_owned(), clean),
            quieten: match &finding.quiet {
                Some(quiet) => format!("{}. `apiscope explain {id}` shows all that is known.", quiet_words(quiet)),
                None => format!(
                    "It resolves by itself once it has not recurred for its time. `apiscope ack {id}` stops repeats while you are on it; \
                     `apiscope accept {id} --reason … --for 90d` if it may stay."
                ),
            },
            confidence: confidence(notice.coverage),
            incomplete: missing.0,
        }
    }

    /// All in one, with values; for receivers that have one field.
    pub fn description(&self) -> String {
        format!(
            "{}. {}. Affected: {}. Evidence: {}. {} Do now: {} Until it is mended, by {} {}",
            self.severity,
            self.timing,
            self.affected,
            self.evidence,
            self.why,
            self.what_to_do,
            self.containment,
            self.confidence
        )
    }
}

/// The finding's page, where the configuration says under which address people reach it.
pub(super) fn link(notice: &Notice, context: &Context) -> Option<String> {
    let base = context.external_url.as_deref()?.trim_end_matches('/');
    Some(format!("{base}/findings/{}", notice.finding.id))
}

/// Text from traffic without control and direction characters.
pub(super) fn clean(text: &str) -> String {
    let shown = |c: char| {
        !c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if shown(c) { c } else { '\u{fffd}' }).collect()
}

/// RFC 3339, whole seconds.
pub(super) fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(at.as_nanos()))
        .map_or_else(|_| "unknown".to_owned(), |at| format!("{at:.0}"))
}

struct Missing(u64);

impl Missing {
    fn or_unknown(&mut self, fact: &str) -> String {
        if fact.is_empty() {
            self.0 += 1;
            return "unknown".to_owned();
        }
        clean(fact)
    }
}

/// How a finding ended for who hears of it; empty while it stands.
fn over(notice: &Notice) -> &'static str {
    let finding = &notice.finding;
    match (&finding.quiet, finding.status) {
        (_, Status::Resolved) => "Resolved: ",
        (Some(quiet), Status::Open) => match quiet.why {
            Why::Acknowledged => "Acknowledged: ",
            Why::Accepted | Why::Baseline => "Accepted: ",
            Why::Silenced => "Silenced: ",
            Why::Learning => "Learning: ",
        },
        // The end of a label set: it goes on under another severity.
        (None, Status::Open) if notice.ended.is_some() => "Changed: ",
        (None, Status::Open) => "",
    }
}

/// Why nothing more is told of it, and until when.
fn quiet_words(quiet: &Quiet) -> String {
    let by = quiet.by.as_ref().map_or_else(String::new, |by| format!(" by {}", by.as_str()));
    let reason = quiet.reason.as_ref().map_or_else(String::new, |reason| format!(": {}", reason.as_str()));
    clean(&format!("{}{by} until {}{reason}", quiet.why.name(), rfc3339(quiet.until)))
}

/// What is wrong comes first: the kind's sentence where there is room for the endpoint beside it, else the kind's name.
fn title(notice: &Notice) -> String {
    let finding = &notice.finding;
    let over = over(notice);
    let endpoint = format!("{} {} {}", clean(finding.api.as_str()), finding.method, clean(&finding.route));
    let whole = format!("{over}{}: {endpoint}", finding.kind.summary.trim_end_matches('.'));
    if whole.chars().count() <= TITLE_MAX {
        return whole;
    }
    cut(&format!("{over}{}: {endpoint}", finding.kind.name.replace('-', " ")), TITLE_MAX)
}

fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    text.chars().take(max - 1).chain(['…']).collect()
}

fn timing(notice: &Notice) -> String {
    let finding = &notice.finding;
    let mut text = format!("first {}, last {}", rfc3339(finding.first), rfc3339(finding.last));
    if finding.calls > 0 {
        let _ = write!(text, ", {} of {} calls", finding.count, finding.calls.max(finding.count));
    }
    if finding.opened != finding.first {
        let _ = write!(text, ", opened again {}", rfc3339(finding.opened));
    }
    if let Some(resolved) = finding.resolved {
        let _ = write!(text, ", resolved {}", rfc3339(resolved));
    } else if let Some(ended) = notice.ended.filter(|_| finding.quiet.is_none()) {
        let _ = write!(text, ", {} since {}", finding.severity, rfc3339(ended));
    }
    if let Some(quiet) = &finding.quiet {
        let _ = write!(text, ", {}", quiet_words(quiet));
    }
    text
}

fn affected(notice: &Notice) -> String {
    let consumers = &notice.finding.consumers;
    if consumers.is_empty() {
        let of_no_call = !notice.finding.evidence.is_empty() && notice.finding.calls == 0;
        return if of_no_call { "no consumer: it is about calls that were not made".to_owned() } else { String::new() };
    }
    let named: Vec<String> = consumers.iter().take(CONSUMERS_SHOWN).map(ToString::to_string).collect();
    let (more, plural) =
        (if notice.finding.consumers_more { " or more" } else { "" }, if consumers.len() == 1 { "" } else { "s" });
    let rest = if consumers.len() > CONSUMERS_SHOWN { ", …" } else { "" };
    format!("{}{more} consumer{plural} ({}{rest})", consumers.len(), named.join(", "))
}

fn evidence(notice: &Notice) -> String {
    let shown = notice.finding.evidence.iter().rev().take(EVIDENCE_SHOWN);
    let line = |proof: &Evidence| match proof.call {
        Some(call) => format!("{} (call {})", proof.what, call_id(call)),
        None => proof.what.to_string(),
    };
    shown.map(line).collect::<Vec<_>>().join("; ")
}

/// A call's id, as every alert names it.
pub(super) fn call_id(call: ExchangeId) -> String {
    format!("{:016x}/{}", call.flow.get(), call.index)
}

fn steps(steps: &[&str]) -> String {
    (1..).zip(steps).map(|(number, step): (u32, _)| format!("{number}. {step}")).collect::<Vec<_>>().join(" ")
}

fn confidence(coverage: Option<f64>) -> String {
    match coverage {
        Some(share) => {
            format!("Coverage of this API {:.1} % of its bytes, the rest was lost.", (share * 1000.0).floor() / 10.0)
        }
        None => "Coverage of this API unknown: nothing counted yet.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::tests::{context, notice};
    use super::*;

    #[test]
    fn says_everything_on_call_needs() {
        let mut notice = notice("/login");
        let text = Text::of(&notice, &context());
        expect![[r"
            Credentials reach the API in clear text: orders-api POST /login
            critical: crosses eth0, not loopback
            first 2026-11-24T14:02:11Z, last 2026-11-24T14:31:07Z, 412 of 418 calls
            2 consumers (k:0000000000009f2c, 10.0.4.7)
            Authorization: Basic ****, user a***n, crossed eth0 (private) (call 0000000000000007/2)
            https://apiscope.example/findings/9fe95e6d792c77f5 or: apiscope explain 9fe95e6d792c77f5
            payments
            Coverage of this API 99.8 % of its bytes, the rest was lost."]]
        .assert_eq(&format!(
            "{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}",
            text.title,
            text.severity,
            text.timing,
            text.affected,
            text.evidence,
            text.links,
            text.team,
            text.confidence
        ));
        assert_eq!(text.incomplete, 0);
        assert!(text.why.contains("API2:2023, CWE-319"), "{}", text.why);
        assert!(text.what_to_do.starts_with("1. "), "{}", text.what_to_do);
        notice.finding.evidence.clear();
        notice.finding.consumers.clear();
        let text = Text::of(&notice, &context());
        assert_eq!((text.incomplete, &*text.evidence, &*text.affected), (2, "unknown", "unknown"));
    }

    #[test]
    fn what_is_quiet_says_why_by_whom_and_until_when() {
        let mut notice = notice("/login");
        let (since, until) = (notice.finding.last, notice.finding.last.plus(std::time::Duration::from_hours(24)));
        let said = |text| apiscope_audit::ledger::Said::new(text);
        notice.finding.quiet =
            Some(Quiet { why: Why::Accepted, since, until, by: said("ann (user root)"), reason: said("a lab") });
        notice.ended = Some(since);
        let text = Text::of(&notice, &context());
        assert!(text.title.starts_with("Accepted: Credentials reach"), "{}", text.title);
        let words = "accepted by ann (user root) until 2026-11-25T14:31:07Z: a lab";
        assert!(text.timing.ends_with(words) && text.quieten.starts_with(words), "{}; {}", text.timing, text.quieten);
        notice.finding.quiet = None;
        let text = Text::of(&notice, &context());
        assert!(
            text.title.starts_with("Changed: ") && text.timing.ends_with("critical since 2026-11-24T14:31:07Z"),
            "{text:?}"
        );
    }

    #[test]
    fn a_title_never_grows_and_shows_no_control_characters() {
        let long = Text::of(&notice(&format!("/{}", "very-long/".repeat(30))), &context());
        assert_eq!(long.title.chars().count(), TITLE_MAX);
        assert!(!Text::of(&notice("/a\u{1b}[31m\u{202e}"), &context()).title.contains(['\u{1b}', '\u{202e}']));
        for kind in apiscope_audit::detect::kinds() {
            let mut notice = notice("/customers/{id}/orders");
            notice.finding.kind = kind;
            let title = Text::of(&notice, &context()).title;
            assert!(title.ends_with("orders-api POST /customers/{id}/orders"), "no room for the endpoint: {title}");
        }
    }
}
