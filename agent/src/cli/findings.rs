//! `apiscope findings`: what is wrong, worst first.

use std::process::ExitCode;

use apiscope_audit::Severity;
use apiscope_audit::detect::kinds;

use super::ask::AgentArg;
use super::output::{self, Format};
use super::replay::severity;
use super::{EXIT_FINDINGS, next};
use crate::config::mistake::suggestion;
use crate::view::{Board, FindingView};

/// What is wrong: open findings, worst first.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  apiscope findings
  apiscope findings --api orders-api --min-severity high
  apiscope findings --all -o jsonl          # resolved ones too
  apiscope findings --fail-on critical      # exit status 3 if there is one

Exit status: 0 ok, 1 failed, 2 wrong usage, 3 findings at or above --fail-on.")]
pub(crate) struct Args {
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
    /// Exit with status 3 if an open one among those shown is of this severity or worse
    #[arg(long, value_name = "SEVERITY", value_parser = severity)]
    fail_on: Option<Severity>,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// A kind's name, for clap.
fn kind(name: &str) -> Result<String, String> {
    let names = || kinds().iter().map(|kind| kind.name);
    if names().any(|known| known == name) {
        return Ok(name.to_owned());
    }
    let near = suggestion(name, names()).map_or_else(String::new, |known| format!("did you mean {known}? "));
    Err(format!("{near}known are {}", names().collect::<Vec<_>>().join(", ")))
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut rows = args.agent.list("/v1/findings", Board::findings)?;
    rows.retain(|row| args.wants(row));
    let open = rows.iter().filter(|row| row.status == "open");
    let worst = open.filter_map(|row| Severity::from_name(&row.severity)).max();
    let first = rows.first().map(|row| row.id.clone());
    output::list(args.output, rows)?;
    if let Some(id) = first {
        next(&format!("apiscope explain {id}"));
    }
    let fails = args.fail_on.is_some_and(|limit| worst >= Some(limit));
    Ok(if fails { ExitCode::from(EXIT_FINDINGS) } else { ExitCode::SUCCESS })
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
