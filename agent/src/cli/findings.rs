//! `apiscope findings`: what is wrong, worst first.

use std::process::ExitCode;

use apiscope_audit::Severity;
use apiscope_audit::detect::kinds;

use super::ask::AgentArg;
use super::output::{self, Format};
use super::replay::severity;
use super::{EXIT_FINDINGS, finding, next};
use crate::config::mistake::suggestion;
use crate::trouble::Trouble;
use crate::view::{Board, FindingView};

/// What is wrong: open findings, worst first.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  apiscope findings
  apiscope findings 5b1e                    # all about one, with its history
  apiscope findings --api orders-api --min-severity high
  apiscope findings --all -o jsonl          # resolved ones too
  apiscope findings --fail-on critical      # exit status 3 if there is one

Exit status: 0 ok, 1 failed, 2 wrong usage, 3 findings at or above --fail-on.")]
pub(crate) struct Args {
    /// All about this one: the first digits of its ID will do
    #[arg(value_name = "FINDING", conflicts_with_all = ["api", "kind", "min_severity", "all", "fail_on"])]
    finding: Option<String>,
    #[command(flatten)]
    agent: AgentArg,
    /// Only those of this API
    #[arg(long, value_name = "NAME")]
    api: Option<String>,
    /// Only those of this kind
    #[arg(long, value_name = "KIND", value_parser = kind)]
    kind: Option<String>,
    /// Only those of this severity or worse
    #[arg(long, value_name = "SEVERITY", value_parser = severity)]
    min_severity: Option<Severity>,
    /// Resolved ones too
    #[arg(long)]
    all: bool,
    /// Exit with status 3 if an open one among those shown, that nobody accepted, is of this severity or worse
    #[arg(long, value_name = "SEVERITY", value_parser = severity)]
    fail_on: Option<Severity>,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// A kind's name, for clap.
pub(crate) fn kind(name: &str) -> Result<String, String> {
    let names = || kinds().iter().map(|kind| kind.name);
    if names().any(|known| known == name) {
        return Ok(name.to_owned());
    }
    let near = suggestion(name, names()).map_or_else(String::new, |known| format!("did you mean {known}? "));
    Err(format!("{near}known are {}", names().collect::<Vec<_>>().join(", ")))
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if let Some(prefix) = &args.finding {
        return one(args, prefix);
    }
    let mut rows = args.agent.list("/v1/findings", Board::findings)?;
    rows.retain(|row| args.wants(row));
    let accepted =
        |row: &FindingView| row.quiet.as_ref().is_some_and(|quiet| ["accepted", "baseline"].contains(&&*quiet.why));
    let open = rows.iter().filter(|row| row.status == "open" && !accepted(row));
    let worst = open.filter_map(|row| Severity::from_name(&row.severity)).max();
    let first = rows.first().map(|row| row.id.clone());
    output::list(args.output, rows)?;
    if let Some(id) = first {
        next(&format!("apiscope explain {id}"));
    }
    let fails = args.fail_on.is_some_and(|limit| worst >= Some(limit));
    Ok(if fails { ExitCode::from(EXIT_FINDINGS) } else { ExitCode::SUCCESS })
}

/// All about one.
fn one(args: &Args, prefix: &str) -> anyhow::Result<ExitCode> {
    let Some(finding) = args.agent.finding(prefix)? else {
        let what = format!("no finding's id begins with {prefix:?}");
        return Err(Trouble::new(what, "`apiscope findings --all` lists all findings").into());
    };
    if args.output == Format::Table {
        finding::show(&finding::page(&finding))?;
    } else {
        output::object(&mut std::io::stdout().lock(), &finding)?;
    }
    next(&format!("apiscope explain {}", finding.id));
    Ok(ExitCode::SUCCESS)
}

impl Args {
    fn wants(&self, row: &FindingView) -> bool {
        let severity = Severity::from_name(&row.severity);
        (self.all || row.status == "open")
            && self.api.as_ref().is_none_or(|api| *api == row.api)
            && self.kind.as_ref().is_none_or(|kind| *kind == row.kind)
            && self.min_severity.is_none_or(|limit| severity >= Some(limit))
    }
}
