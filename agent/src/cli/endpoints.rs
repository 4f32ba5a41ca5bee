//! `apiscope endpoints`: the inventory.

use std::fmt::Write as _;
use std::io::Write;
use std::process::ExitCode;

use super::ask::AgentArg;
use super::output::{self, Format};
use super::{next, rows, table};
use crate::trouble::Trouble;
use crate::view::{Board, DataView, EndpointView, SpreadView, terminal_safe};

/// Every endpoint seen: method and path template, compared with the API's document.
///
/// A path that was only ever answered 400, 404 or 405 is no endpoint. `{id}` and the like stand for values that vary. With an endpoint,
/// all that is known of it: statuses, how times and sizes are spread, who calls, which data it gives away, and since when.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  apiscope endpoints
  apiscope endpoints --api orders-api
  apiscope endpoints --document undocumented
  apiscope endpoints --document deprecated  # by the document or by its own answers, and who says so
  apiscope endpoints 'GET /orders/{id}'     # all about one
  apiscope endpoints -o jsonl | jq 'select(.by_auth.none > 0) | .route'     # called without credentials
  apiscope endpoints -o jsonl | jq 'select(any(.data[]; .class == \"card\")) | .route'     # card numbers seen")]
pub(crate) struct Args {
    /// All about this one: its id, its route, or method and route
    #[arg(value_name = "ENDPOINT")]
    endpoint: Option<String>,
    #[command(flatten)]
    agent: AgentArg,
    /// Only those of this API
    #[arg(long, value_name = "NAME")]
    api: Option<String>,
    /// Only those that stand so to the document
    #[arg(long, value_name = "STATE", value_parser = ["none", "documented", "deprecated", "undocumented", "removed", "unused"])]
    document: Option<String>,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut rows = args.agent.list("/v1/endpoints", Board::endpoints)?;
    rows.retain(|row| args.api.as_ref().is_none_or(|api| *api == row.api));
    rows.retain(|row| args.document.as_ref().is_none_or(|state| *state == row.document));
    let Some(wanted) = &args.endpoint else {
        output::list(args.output, rows)?;
        next("apiscope findings, for what is wrong with them; apiscope endpoints ROUTE, for all about one");
        return Ok(ExitCode::SUCCESS);
    };
    rows.retain(|row| is_wanted(row, wanted));
    if rows.is_empty() {
        let todo = "`apiscope endpoints` lists all routes; give one as it stands there, in quotes: 'GET /orders/{id}'";
        return Err(Trouble::new(format!("{wanted:?} is no endpoint that is known here"), todo.to_owned()).into());
    }
    if args.output != Format::Table {
        output::list(args.output, rows)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = std::io::stdout().lock();
    for (number, row) in rows.iter().enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        story(row).lines().try_for_each(|line| writeln!(out, "{}", terminal_safe(line)))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn is_wanted(row: &EndpointView, wanted: &str) -> bool {
    let with_method = wanted.split_once(' ').is_some_and(|(method, route)| row.method == method && row.route == route);
    with_method || row.route == wanted || row.id == wanted
}

/// All that is known of an endpoint, in the order in which it is asked for.
pub(super) fn story(row: &EndpointView) -> String {
    let profile = &row.profile;
    let mut text = format!("{} {} of {}\n", row.method, row.route, row.api);
    let time = |at: &Option<String>| at.as_ref().map_or_else(|| "never".to_owned(), |at| table::time(at));
    line(&mut text, "id", &row.id);
    template(&mut text, row);
    line(&mut text, "document", &row.document);
    retired(&mut text, row);
    line(&mut text, "owner", row.owner.as_deref().unwrap_or("unknown"));
    line(&mut text, "protocol", &row.protocol);
    line(&mut text, "first call", &format!("{} UTC", time(&row.first)));
    line(&mut text, "last call", &format!("{} UTC", time(&row.last)));
    line(
        &mut text,
        "calls",
        &if row.running > 0 { format!("{}, {} of them go on", row.calls, row.running) } else { row.calls.to_string() },
    );
    line(
        &mut text,
        "statuses",
        &or_unknown(rows::counted(if profile.by_status.is_empty() { &row.by_class } else { &profile.by_status })),
    );
    line(&mut text, "authentication", &or_unknown(rows::counted(&row.by_auth)));
    spreads(&mut text, row);
    growth(&mut text, row);
    consumers(&mut text, row);
    data(&mut text, &profile.data, profile.data_others);
    text
}

/// What is announced of its end, and for how long nobody called it.
fn retired(text: &mut String, row: &EndpointView) {
    if !row.deprecated_by.is_empty() {
        line(text, "deprecated by", &row.deprecated_by.join(" and "));
    }
    if let Some(said) = &row.announced {
        let deprecation = said.deprecation.as_deref().map(|form| match (form, &said.since) {
            ("date", Some(since)) => format!("Deprecation since {since}"),
            (_, Some(since)) => format!("Deprecation since {since} (an HTTP date, as a draft had it)"),
            (_, None) => "Deprecation without a date (`true`, as a draft had it)".to_owned(),
        });
        let sunset = said.sunset.as_ref().map(|at| format!("Sunset {at}"));
        let words: Vec<_> = deprecation.into_iter().chain(sunset).collect();
        let over = if said.in_force { "" } else { "; no longer: later answers leave it out" };
        line(text, "announced", &format!("{}, last at {} UTC{over}", words.join(", "), table::time(&said.said)));
    }
    if let Some(idle) = &row.idle {
        let seen = idle.coverage.map_or_else(
            || "no byte of the API was seen".to_owned(),
            |share| format!("{:.1} % of the API's bytes read", share * 100.0),
        );
        line(
            text,
            "not called",
            &format!("for {} days, {:.1} % of them watched, {seen}", idle.days, idle.watched * 100.0),
        );
    }
}

/// Where the template comes from, why, and what was counted.
fn template(text: &mut String, row: &EndpointView) {
    let learning = if row.template_learning { ", learning: few calls so far, it may still change" } else { "" };
    line(text, "template", &format!("{}{learning}", row.template));
    let Some(reason) = &row.template_reason else {
        line(text, "because", "not known since the agent started");
        return;
    };
    line(text, "because", &reason.why);
    let values = match reason.values {
        0 => String::new(),
        values => format!("{values} values or more in "),
    };
    let counts = format!(
        "{values}{} calls there and below; {} names beside it; {} endpoints and places right below it",
        reason.calls, reason.siblings, reason.below
    );
    line(text, "seen", &counts);
}

fn line(text: &mut String, name: &str, value: &str) {
    let _ = writeln!(text, "  {name:15} {value}");
}

fn or_unknown(text: String) -> String {
    if text.is_empty() { "unknown".to_owned() } else { text }
}

/// A name, its numbers, and how one of them is written.
type Shown<'s> = (&'s str, &'s Option<SpreadView>, &'s dyn Fn(f64) -> String);

fn spreads(text: &mut String, row: &EndpointView) {
    let profile = &row.profile;
    let ms = |value: f64| format!("{} ms", table::milliseconds(value));
    let records = |value: f64| format!("{value:.0}");
    let rows: [Shown<'_>; 4] = [
        ("latency", &profile.latency_ms, &ms),
        ("request bytes", &profile.request_bytes, &table::bytes_near),
        ("response bytes", &profile.response_bytes, &table::bytes_near),
        ("records", &profile.records, &records),
    ];
    for (name, spread, show) in rows {
        let Some(spread) = spread else { continue };
        let shown =
            [("min", spread.min), ("p50", spread.p50), ("p90", spread.p90), ("p99", spread.p99), ("max", spread.max)]
                .map(|(name, value)| format!("{name} {}", show(value)))
                .join(", ");
        line(text, name, &format!("{shown} (of {}, within {:.0} %)", spread.count, spread.error * 100.0));
    }
}

/// Calls over time as bars, one for each hour and day, up to the newest with a call.
fn growth(text: &mut String, row: &EndpointView) {
    let hours = bars(&row.profile.calls_by_hour, 3600, 24);
    let days = bars(&row.profile.calls_by_day, 86_400, 30);
    for (name, bars) in [("by hour", hours), ("by day", days)] {
        if let Some((bars, newest, most)) = bars {
            line(text, name, &format!("{bars}  up to {newest}, at most {most}"));
        }
    }
}

/// Bars of the `slots` up to the newest, that one's name, and the longest bar's count.
fn bars(counts: &std::collections::BTreeMap<String, u64>, seconds: i64, slots: i64) -> Option<(String, String, u64)> {
    const BARS: [char; 9] = ['·', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let second = |at: &str| {
        let at = if at.len() == 10 { format!("{at}T00:00:00Z") } else { at.to_owned() };
        at.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second)
    };
    let (newest, most) = (counts.keys().next_back()?, *counts.values().max()?);
    let end = second(newest)?;
    let by_slot: std::collections::BTreeMap<i64, u64> =
        counts.iter().filter_map(|(at, calls)| Some(((end - second(at)?) / seconds, *calls))).collect();
    let bar = |ago: i64| {
        let calls = by_slot.get(&ago).copied().unwrap_or_default();
        let height = usize::try_from(calls.saturating_mul(8).div_ceil(most.max(1))).unwrap_or_default();
        BARS[height.min(8)]
    };
    let named = if newest.len() == 10 { newest.clone() } else { format!("{} UTC", &table::time(newest)[..16]) };
    Some(((0..slots).rev().map(bar).collect(), named, most))
}

fn consumers(text: &mut String, row: &EndpointView) {
    let profile = &row.profile;
    if profile.consumers.is_empty() {
        return;
    }
    let distinct = rows::near(profile.consumers_distinct, profile.consumers_distinct_exact);
    let _ = writeln!(text, "\nconsumers: {distinct}");
    for consumer in &profile.consumers {
        let calls = rows::range(consumer.calls_least, consumer.calls_most);
        let _ = writeln!(text, "  {:39} {calls} calls", consumer.consumer);
    }
}

fn data(text: &mut String, rows: &[DataView], others: u64) {
    if rows.is_empty() {
        return;
    }
    text.push_str("\nsecrets and personal data (grade C is a guess)\n");
    for row in rows {
        let what = if row.class == "secret" {
            format!("secret: {}", row.name)
        } else {
            format!("{}: {}", row.class, row.name)
        };
        let _ = writeln!(
            text,
            "  {:8} {what}, {}  grade {}, {} of {} values in {} messages",
            row.side, row.place, row.grade, row.values, row.looked_at, row.messages
        );
    }
    if others > 0 {
        let _ = writeln!(text, "  and {others} sightings of others");
    }
}
