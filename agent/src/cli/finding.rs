//! One finding for people: everything that is known ([`page`]), or what it means in plain words ([`story`]).

use std::fmt::Write as _;
use std::io::Write;

use super::explain::steps;
use super::table;
use crate::view::{CoverageView, EvidenceView, FindingView, terminal_safe};

/// Lines of history that are shown in a story; the page has all.
const HISTORY_SHOWN: usize = 5;

/// Writes a text to stdout, each line made safe for terminals.
pub(crate) fn show(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    text.lines().try_for_each(|line| writeln!(out, "{}", terminal_safe(line)))?;
    out.flush()?;
    Ok(())
}

/// Everything that is known.
pub(crate) fn page(finding: &FindingView) -> String {
    let mut text = format!("{}  {}\n", finding.id, finding.kind);
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:10} {value}");
    };
    line("where", &format!("{} {} of {}", finding.method, finding.route, finding.api));
    line("what", &finding.summary);
    line("state", &state(finding));
    for level in finding.levels.iter().rev() {
        let seen = format!("{}: {} (last {} UTC)", level.severity, level.because, table::time(&level.last));
        line("severity", &seen);
    }
    line("since", &format!("{} UTC; first ever {} UTC", table::time(&finding.opened), table::time(&finding.first)));
    line("last", &format!("{} UTC; {} of {} calls", table::time(&finding.last), finding.count, finding.calls));
    line("callers", &callers(finding));
    line("class", &class(finding));
    text.push_str("\nevidence (masked; the newest, and of each severity one)\n");
    proofs(&mut text, &finding.evidence);
    text.push_str("\nhistory\n");
    history(&mut text, finding, usize::MAX);
    text
}

/// What it means, in plain words.
pub(crate) fn story(finding: &FindingView, coverage: Option<&CoverageView>, resolve_after: &str) -> String {
    let mut text = format!("{} {} of {}: {}\n", finding.method, finding.route, finding.api, finding.summary);
    let _ = writeln!(text, "{}", state(finding));
    let _ = writeln!(
        text,
        "\nwhy it matters ({})\n  {}\n  It is {} here because: {}.",
        class(finding),
        finding.why,
        finding.severity,
        finding.because
    );
    text.push_str("\nproof (masked)\n");
    proofs(&mut text, &finding.evidence);
    let _ = writeln!(text, "\nwho is affected\n  owner: {}", finding.owner.as_deref().unwrap_or("unknown"));
    if finding.calls > 0 {
        let (count, calls) = (finding.count, finding.calls);
        let _ = writeln!(text, "  {}\n  {count} of {calls} calls of this endpoint since it opened", callers(finding));
    }
    let _ = writeln!(
        text,
        "\nsince when\n  open since {} UTC, first ever {} UTC, last {} UTC",
        table::time(&finding.opened),
        table::time(&finding.first),
        table::time(&finding.last)
    );
    history(&mut text, finding, HISTORY_SHOWN);
    text.push_str("\nwhat to do\n");
    steps(&mut text, finding.what_to_do.iter().map(String::as_str));
    let contain = &finding.containment;
    let _ = writeln!(text, "\nuntil it is mended (narrowest: {})\n  {}", contain.scope, contain.text);
    let _ = writeln!(
        text,
        "\nwhat would resolve it\n  No sighting for {resolve_after}: it resolves by itself. A severity that is not seen for {resolve_after} no longer counts."
    );
    text.push_str("\nwhat apiscope does not know\n");
    for unknown in unknowns(finding, coverage) {
        let _ = writeln!(text, "  - {unknown}");
    }
    text
}

fn state(finding: &FindingView) -> String {
    let mut text = format!("{}, {}", finding.severity, finding.status);
    if let Some(at) = &finding.resolved {
        let _ = write!(text, " since {} UTC", table::time(at));
    }
    if let Some(quiet) = &finding.quiet {
        let by = quiet.by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
        let reason = quiet.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
        let _ = write!(text, "; nobody is told until {} UTC: {}{by}{reason}", table::time(&quiet.until), quiet.why);
    }
    text
}

fn class(finding: &FindingView) -> String {
    format!("OWASP {} {}, CWE-{} {}", finding.owasp, finding.owasp_title, finding.cwe, finding.cwe_title)
}

fn callers(finding: &FindingView) -> String {
    let more = if finding.consumers_more { " and others" } else { "" };
    let known = if finding.consumers.is_empty() { "unknown".to_owned() } else { finding.consumers.join(", ") };
    format!("{known}{more}")
}

fn proofs(text: &mut String, evidence: &[EvidenceView]) {
    for proof in evidence {
        let (at, severity) = (table::time(&proof.at), &proof.severity);
        let call = proof.call.as_ref().map_or_else(String::new, |call| format!("call {call}  "));
        let consumer = proof.consumer.as_ref().map_or_else(String::new, |consumer| format!("{consumer}  "));
        let _ = writeln!(text, "  {at} UTC  {severity:8}  {call}{consumer}{}", proof.what);
    }
}

fn history(text: &mut String, finding: &FindingView, most: usize) {
    let earlier = finding.history.len().saturating_sub(most);
    if earlier > 0 {
        let _ = writeln!(text, "  {earlier} earlier lines: apiscope findings {}", finding.id);
    }
    for event in finding.history.iter().skip(earlier) {
        let who = event.by.as_deref().unwrap_or("apiscope");
        let _ = writeln!(text, "  {} UTC  {:12}  {who}  {}", table::time(&event.at), event.what, event.note);
    }
}

/// What must not be read into a finding. Only what applies to this one.
fn unknowns(finding: &FindingView, coverage: Option<&CoverageView>) -> Vec<String> {
    let mut all = Vec::new();
    if finding.consumers.iter().any(|consumer| !consumer.starts_with("k:")) {
        all.push("who stands behind an address: a proxy or NAT looks like one caller".to_owned());
    }
    if finding.consumers.iter().any(|consumer| consumer.starts_with("k:")) {
        all.push(
            "whose credential k:… is: only a keyed fingerprint is kept, which is the same for the same credential"
                .to_owned(),
        );
    }
    if finding.consumers_more {
        all.push(format!("which callers there are besides the {} listed", finding.consumers.len()));
    }
    if finding.count > finding.evidence.len() as u64 {
        all.push(format!(
            "the details of {} earlier sightings: they are counted only",
            finding.count - finding.evidence.len() as u64
        ));
    }
    match coverage {
        None => all.push("how much of this API's traffic it saw: nothing is counted for it yet".to_owned()),
        Some(coverage) => {
            let unseen = coverage.lost_bytes.total() + coverage.unparsed_bytes.total();
            if unseen > 0 {
                all.push(format!(
                    "what was in {} of this API's bytes that were lost or could not be read",
                    table::bytes(unseen)
                ));
            }
            let skipped = coverage.skipped_bytes.total();
            if skipped > 0 {
                all.push(format!(
                    "what was in {} of this API's bytes that were passed over on purpose",
                    table::bytes(skipped)
                ));
            }
        }
    }
    all.push("what happened before it was started, and on other hosts".to_owned());
    all
}
