//! The columns of each list, and the line of coverage.

use std::collections::BTreeMap;

use super::output::Row;
use super::table;
use crate::view::{
    ApiView, CoverageView, DecisionView, EndpointView, FindingView, LearningView, ProbedView, ProberView, SilenceView,
    TlsView,
};

impl Row for ApiView {
    const COLUMNS: &'static [&'static str] = &[
        "api",
        "role",
        ">endpoints",
        ">undocumented",
        ">deprecated",
        ">removed",
        ">unused",
        ">calls",
        ">5xx",
        ">no auth",
        ">last call",
        "open findings",
        ">seen",
        ">lost",
        ">not parsed",
        "owner",
    ];
    const NOUN: &'static str = "APIs";

    fn cells(&self) -> Vec<String> {
        let coverage = &self.coverage;
        vec![
            self.api.clone(),
            if self.roles.is_empty() { "-".to_owned() } else { self.roles.join(", ") },
            self.endpoints.to_string(),
            self.undocumented.to_string(),
            self.deprecated.to_string(),
            self.removed.to_string(),
            self.idle_longest
                .as_ref()
                .filter(|idle| idle.days > 0)
                .map_or_else(|| self.unused.to_string(), |idle| format!("{} ({} d)", self.unused, idle.days)),
            self.calls.to_string(),
            self.errors.to_string(),
            self.unauthenticated.to_string(),
            self.last.as_deref().map_or_else(|| "-".to_owned(), table::ago),
            severities(&self.findings),
            table::bytes(coverage.socket_bytes),
            table::bytes(coverage.lost_bytes.total()),
            table::bytes(coverage.unparsed_bytes.total()),
            if self.owners.is_empty() { "-".to_owned() } else { self.owners.join(", ") },
        ]
    }
}

impl Row for EndpointView {
    const COLUMNS: &'static [&'static str] = &[
        "api",
        "method",
        "route",
        "protocol",
        "document",
        ">calls",
        ">running",
        ">4xx",
        ">5xx",
        "auth",
        ">p50 ms",
        ">p99 ms",
        ">largest answer",
        ">last call",
        "owner",
    ];
    const NOUN: &'static str = "endpoints";

    fn cells(&self) -> Vec<String> {
        let class = |name: &str| self.by_class.get(name).copied().unwrap_or_default().to_string();
        let latency = |ms: Option<f64>| ms.map_or_else(|| "-".to_owned(), table::milliseconds);
        // While none of its calls is over no answer has a size yet.
        let none_ended = self.latency_ms_p50.is_none() && self.response_bytes_max == 0;
        let largest = if none_ended { "-".to_owned() } else { table::bytes(self.response_bytes_max) };
        let ways = self.by_auth.keys().map(String::as_str).collect::<Vec<_>>().join(",");
        vec![
            self.api.clone(),
            self.method.clone(),
            self.route.clone(),
            self.protocol.clone(),
            document(self),
            self.calls.to_string(),
            if self.running == 0 { "-".to_owned() } else { self.running.to_string() },
            class("4xx"),
            class("5xx"),
            if ways.is_empty() { "-".to_owned() } else { ways },
            latency(self.latency_ms_p50),
            latency(self.latency_ms_p99),
            largest,
            self.last.as_deref().map_or_else(|| "never".to_owned(), table::ago),
            or_dash(self.owner.as_deref()),
        ]
    }
}

impl Row for ProbedView {
    const COLUMNS: &'static [&'static str] =
        &["api", "method", "path", ">calls", "statuses", ">clients", "top client", ">first", ">last"];
    const NOUN: &'static str = "paths that are no endpoint";

    fn cells(&self) -> Vec<String> {
        vec![
            self.api.clone(),
            self.method.clone(),
            self.path.clone(),
            range(self.calls_least, self.calls_most),
            counted(&self.by_status),
            near(self.clients, self.clients_exact),
            self.top_client.clone().unwrap_or_else(|| "-".to_owned()),
            table::ago(&self.first),
            table::ago(&self.last),
        ]
    }
}

impl Row for ProberView {
    const COLUMNS: &'static [&'static str] =
        &["api", "client", ">calls", ">different paths", "statuses", ">first", ">last"];
    const NOUN: &'static str = "clients that ask for paths that are no endpoint";

    fn cells(&self) -> Vec<String> {
        vec![
            self.api.clone().unwrap_or_else(|| "(others)".to_owned()),
            self.client.clone(),
            range(self.calls_least, self.calls_most),
            near(self.paths, self.paths_exact),
            counted(&self.by_status),
            table::ago(&self.first),
            table::ago(&self.last),
        ]
    }
}

/// A number that is known within bounds.
pub(super) fn range(least: u64, most: u64) -> String {
    if least == most { most.to_string() } else { format!("{least} to {most}") }
}

/// A number that may be an estimate.
pub(super) fn near(number: u64, is_exact: bool) -> String {
    if is_exact { number.to_string() } else { format!("about {number}") }
}

/// `404 (3), 405 (1)`.
pub(super) fn counted(counts: &BTreeMap<String, u64>) -> String {
    counts.iter().map(|(name, count)| format!("{name} ({count})")).collect::<Vec<_>>().join(", ")
}

impl Row for TlsView {
    const COLUMNS: &'static [&'static str] = &[
        "api",
        ">port",
        "server name",
        ">connections",
        ">refused",
        "chosen versions",
        "most chosen suite",
        "certificate",
        "issuer",
        "valid until",
        ">last",
    ];
    const NOUN: &'static str = "TLS connections";

    fn cells(&self) -> Vec<String> {
        let dash = || "-".to_owned();
        let versions: Vec<_> = self.versions.iter().map(|(version, n)| format!("{version} ({n})")).collect();
        let suite = self.suites.iter().max_by_key(|(_, n)| **n).map_or_else(dash, |(suite, _)| suite.clone());
        let own = self.certificates.first();
        let unseen = || if self.chains.contains_key("encrypted") { "encrypted".to_owned() } else { dash() };
        vec![
            self.api.clone(),
            self.port.to_string(),
            self.server_name.clone().unwrap_or_else(dash),
            self.connections.to_string(),
            self.refused.to_string(),
            if versions.is_empty() { "unknown".to_owned() } else { versions.join(", ") },
            suite,
            own.map_or_else(unseen, |own| own.subject.clone()),
            own.map_or_else(dash, |own| own.issuer.clone()),
            own.and_then(|own| own.not_after.clone()).unwrap_or_else(dash),
            table::ago(&self.last),
        ]
    }
}

impl Row for FindingView {
    const COLUMNS: &'static [&'static str] =
        &["id", "severity", "kind", "api", "method", "route", "owner", ">calls", ">last", "status", "because"];
    const NOUN: &'static str = "findings";

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.severity.clone(),
            self.kind.clone(),
            self.api.clone(),
            self.method.clone(),
            self.route.clone(),
            or_dash(self.owner.as_deref()),
            if self.calls == 0 { "-".to_owned() } else { format!("{} of {}", self.count, self.calls) },
            table::ago(&self.last),
            self.quiet.as_ref().map_or_else(|| self.status.clone(), |quiet| quiet.why.clone()),
            self.because.clone(),
        ]
    }
}

impl Row for DecisionView {
    const COLUMNS: &'static [&'static str] =
        &["finding", "decision", "state", "kind", "api", "endpoint", "up to", "until", "by", "reason", ">quiet now"];
    const NOUN: &'static str = "acceptances";

    fn cells(&self) -> Vec<String> {
        vec![
            self.finding.clone().unwrap_or_else(|| "(configuration)".to_owned()),
            self.choice.clone(),
            self.state.clone(),
            self.kind.clone(),
            self.api.clone(),
            self.endpoint.clone(),
            self.up_to.clone(),
            table::time(&self.until),
            self.by.clone(),
            self.reason.clone().unwrap_or_else(|| "-".to_owned()),
            self.matching.to_string(),
        ]
    }
}

impl Row for SilenceView {
    const COLUMNS: &'static [&'static str] =
        &["id", "kind", "api", "endpoint", "until", "by", "reason", ">open findings"];
    const NOUN: &'static str = "silences";

    fn cells(&self) -> Vec<String> {
        let any = |part: &Option<String>| part.clone().unwrap_or_else(|| "*".to_owned());
        vec![
            self.id.clone(),
            any(&self.kind),
            any(&self.api),
            any(&self.endpoint),
            table::time(&self.until),
            self.by.clone(),
            self.reason.clone(),
            self.matching.to_string(),
        ]
    }
}

impl Row for LearningView {
    const COLUMNS: &'static [&'static str] = &["api", "until", ">findings held back"];
    const NOUN: &'static str = "APIs in their first days";

    fn cells(&self) -> Vec<String> {
        vec![self.api.clone(), table::time(&self.until), self.held.to_string()]
    }
}

fn or_dash(text: Option<&str>) -> String {
    text.unwrap_or("-").to_owned()
}

/// The state, with who says so and the days that matter.
fn document(row: &EndpointView) -> String {
    let sunset = row.announced.as_ref().filter(|said| said.in_force).and_then(|said| said.sunset.as_deref());
    let sunset = sunset.and_then(|at| at.get(..10)).map(|day| format!("sunset {day}"));
    let by = row.deprecated_by.iter().map(|who| format!("by {who}"));
    let details = match (&*row.document, &row.idle) {
        ("none", _) => return "-".to_owned(),
        ("unused", Some(idle)) if idle.days > 0 => vec![format!("{} d", idle.days)],
        ("unused", _) => Vec::new(),
        _ => by.chain(sunset).collect(),
    };
    if details.is_empty() { row.document.clone() } else { format!("{} ({})", row.document, details.join(", ")) }
}

/// `2 high, 1 low`, worst first; `-` for none.
pub(crate) fn severities(counts: &BTreeMap<String, u64>) -> String {
    let worst_first = ["critical", "high", "medium", "low", "info"];
    let parts: Vec<_> = worst_first
        .iter()
        .filter_map(|name| counts.get(*name).filter(|count| **count > 0).map(|count| format!("{count} {name}")))
        .collect();
    if parts.is_empty() { "-".to_owned() } else { parts.join(", ") }
}

/// The account in one line: its parts add up.
pub(crate) fn account(coverage: &CoverageView) -> String {
    let share = |part| match part {
        0 => "0".to_owned(),
        part => format!("{} ({})", table::bytes(part), table::percent(part, coverage.socket_bytes)),
    };
    format!(
        "coverage: {} at the sockets = {} read + {} skipped on purpose + {} lost + {} not parsed",
        table::bytes(coverage.socket_bytes),
        share(coverage.parsed_bytes),
        share(coverage.skipped_bytes.total()),
        share(coverage.lost_bytes.total()),
        share(coverage.unparsed_bytes.total()),
    )
}
