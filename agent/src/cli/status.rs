//! `apiscope status`: the first screen. Coverage first, then what does not work now.

use std::fmt::Write as _;
use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;

use super::ask::AgentArg;
use super::rows::{account, severities};
use super::{next, output, table};
use crate::view::{ApiView, SayingsView, StatusView, terminal_safe};

/// APIs shown; the rest is counted.
const APIS_SHOWN: usize = 15;

/// How the running agent is: what it sees and misses, and what does not work now.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  apiscope status
  apiscope status -o json | jq .problems

Exit status: 0 it runs, 1 it does not run or something does not work, 2 wrong usage.")]
pub(crate) struct Args {
    #[command(flatten)]
    agent: AgentArg,
    /// Form of the output
    #[arg(short, long, value_enum, default_value = "table")]
    output: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    Table,
    Json,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let status: Option<StatusView> = args.agent.client()?.ask("/v1/status")?;
    let status = status.context("the running agent does not know its status: is it older than this command?")?;
    let mut out = std::io::stdout().lock();
    match args.output {
        Form::Json => output::object(&mut out, &status)?,
        Form::Table => out.write_all(terminal_safe_lines(&screen(&status)).as_bytes())?,
    }
    out.flush()?;
    if !status.counts.findings.is_empty() {
        next("apiscope findings");
    } else if status.counts.exchanges == 0 {
        next("apiscope watch, and call an API of this host");
    } else {
        next("apiscope endpoints");
    }
    Ok(if status.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn terminal_safe_lines(text: &str) -> String {
    text.lines().map(|line| terminal_safe(line) + "\n").collect()
}

fn screen(status: &StatusView) -> String {
    let mut screen = account(&status.coverage) + "\n";
    coverage_by_api(&mut screen, status);
    problems(&mut screen, status);
    seen(&mut screen, status);
    quiet(&mut screen, status);
    screen
}

/// What is not told, and why; nothing where everything is.
fn quiet(screen: &mut String, status: &StatusView) {
    let SayingsView { learning, decisions, silences } = &status.sayings;
    if let Some(last) = learning.iter().max_by(|a, b| a.until.cmp(&b.until)) {
        let held: u64 = learning.iter().map(|api| api.held).sum();
        let _ = writeln!(
            screen,
            "learning until {} UTC: {} APIs, nothing below critical is told of them; {held} findings held back (apiscope learning)",
            table::time(&last.until),
            learning.len(),
        );
    }
    for silence in silences {
        let _ = writeln!(
            screen,
            "silence {} until {} UTC by {}: {}; {} open findings (apiscope silences)",
            silence.id,
            table::time(&silence.until),
            silence.by,
            silence.reason,
            silence.matching
        );
    }
    if decisions.all > 0 {
        let parts = [
            (decisions.expired, "expired"),
            (decisions.matching_nothing, "match nothing"),
            (decisions.not_covering, "no longer cover their finding"),
            (decisions.ending, "end within 14 days"),
        ];
        let look: Vec<_> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        let look = if look.is_empty() { "none needs a look".to_owned() } else { look.join(", ") };
        let _ = writeln!(screen, "acceptances: {}; {look} (apiscope acceptances)", decisions.all);
    }
}

fn coverage_by_api(screen: &mut String, status: &StatusView) {
    let shown: Vec<_> = status.apis.iter().filter(|api| api.coverage.socket_bytes > 0).collect();
    let rows = shown.iter().take(APIS_SHOWN).map(|api| {
        let coverage = &api.coverage;
        vec![
            api.api.clone(),
            table::bytes(coverage.socket_bytes),
            table::bytes(coverage.parsed_bytes),
            table::bytes(coverage.skipped_bytes.total()),
            table::bytes(coverage.lost_bytes.total()),
            table::bytes(coverage.unparsed_bytes.total()),
            api.calls.to_string(),
            severities(&api.findings),
        ]
    });
    let titles = ["  api", ">at sockets", ">read", ">skipped", ">lost", ">not parsed", ">calls", "open findings"];
    let rows: Vec<_> = rows
        .map(|mut row| {
            row[0].insert_str(0, "  ");
            row
        })
        .collect();
    if !rows.is_empty() {
        screen.push_str(&table::render(&titles, rows));
    }
    if shown.len() > APIS_SHOWN {
        let _ = writeln!(screen, "  and {} more: apiscope apis", shown.len() - APIS_SHOWN);
    }
}

fn problems(screen: &mut String, status: &StatusView) {
    if status.problems.is_empty() {
        screen.push_str("everything works\n");
        return;
    }
    let _ = writeln!(screen, "{} does not work now:", if status.problems.len() == 1 { "this" } else { "all this" });
    for problem in &status.problems {
        let since = table::ago(&problem.since);
        let _ = writeln!(screen, "  {} (for {since}): {}", problem.part, problem.what);
        let _ = writeln!(screen, "    what to do: {}", problem.todo);
    }
}

fn seen(screen: &mut String, status: &StatusView) {
    let (agent, capture, counts) = (&status.agent, &status.capture, &status.counts);
    let missed: u64 = capture.missed.values().sum();
    let _ = writeln!(
        screen,
        "seen: {} exchanges, {} endpoints of {} APIs; open findings: {}",
        counts.exchanges,
        counts.endpoints,
        counts.apis,
        severities(&counts.findings)
    );
    documented(screen, status);
    let also = [
        (counts.running, "exchanges or WebSockets that go on now (apiscope running)"),
        (counts.sessions, "WebSockets, tunnels and the like that ended"),
        (counts.tls_unobserved_flows, "TLS connections that cannot be read"),
        (status.core.probed, "calls of paths that are no endpoint, such as scanners make (apiscope probed)"),
        (status.core.preflights, "OPTIONS that ask about an endpoint and are no call of it"),
        (status.core.operations_retired, "operations that were not called for a week and made room for new ones"),
        (status.core.halves, "exchanges of which one half was not seen"),
        (counts.ambiguous_framing, "messages with ambiguous framing"),
        (status.core.flows_evicted, "connections given up because there were too many"),
        (status.core.overflowed + counts.rows_over_bound, "calls or rows past a bound of memory"),
        (status.core.not_learnt, "messages that `export` did not learn from: too dear, or no room"),
        (status.core.schemas_forgotten, "endpoints of which `export` forgot the bodies, for want of room"),
        (counts.running_over_bound, "times that what goes on was past a bound of memory"),
        (counts.watch_dropped, "lines missed by slow `watch` readers"),
    ];
    let also: Vec<_> =
        also.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if !also.is_empty() {
        let _ = writeln!(screen, "also: {}", also.join("; "));
    }
    let _ = writeln!(
        screen,
        "capture: {} at {}; {} connections; ring {} of {} at most; {missed} events missed in the kernel{}",
        if capture.attached.is_empty() { "nothing attached".to_owned() } else { capture.attached.join(", ") },
        capture.cgroup,
        status.core.flows,
        table::bytes(capture.ring_bytes_peak),
        table::bytes(capture.ring_bytes),
        reasons(status),
    );
    for receiver in &status.receivers {
        let _ = writeln!(screen, "receiver {}: {} sent, {} waiting", receiver.name, receiver.sent, receiver.waiting);
    }
    let files = if agent.config_files.is_empty() { "defaults".to_owned() } else { agent.config_files.join(", ") };
    let _ = writeln!(
        screen,
        "agent: {} (process {}), for {}; environment {}; configuration: {files}; store: {}; metrics: {}",
        agent.version,
        agent.pid,
        table::ago(&agent.started),
        agent.environment,
        agent.store,
        agent.metrics.as_deref().unwrap_or("off"),
    );
}

/// How the endpoints stand to their documents, where there are any that do not stand well.
fn documented(screen: &mut String, status: &StatusView) {
    let sum = |of: fn(&ApiView) -> u64| status.apis.iter().map(of).sum::<u64>();
    let counts = [
        (sum(|api| api.undocumented), "undocumented"),
        (sum(|api| api.deprecated), "deprecated and in use"),
        (sum(|api| api.removed), "removed and in use"),
        (sum(|api| api.unused), "unused"),
    ];
    let words: Vec<_> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if words.is_empty() {
        return;
    }
    let longest = status.apis.iter().filter_map(|api| api.idle_longest.as_ref()).max_by_key(|idle| idle.days);
    let longest = longest.filter(|idle| idle.days > 0).map_or_else(String::new, |idle| {
        let read = idle.coverage.map_or_else(
            || "none of the API's bytes seen".to_owned(),
            |share| format!("{:.1} % of the API's bytes read", share * 100.0),
        );
        format!(" (for up to {} days, {:.1} % of them watched, {read})", idle.days, idle.watched * 100.0)
    });
    let _ = writeln!(screen, "documents: {}{longest}", words.join(", "));
}

fn reasons(status: &StatusView) -> String {
    if status.capture.missed.is_empty() {
        return String::new();
    }
    let parts = status.capture.missed.iter().map(|(reason, count)| format!("{reason}: {count}"));
    format!(" ({})", parts.collect::<Vec<_>>().join(", "))
}
