//! `apiscope acceptances`: what was decided about findings, and what of it needs a look.

use std::process::ExitCode;

use super::ask::AgentArg;
use super::output::{self, Format};
use crate::store::system_clock;
use crate::view::Board;

/// What was decided about findings: acknowledged, accepted, baseline, and the acceptances of the configuration.
///
/// What needs a look comes first: expired, matching nothing (the finding is no longer known), not covering (it got worse, or shows something
/// new), ending within 14 days.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  apiscope acceptances
  apiscope acceptances -o jsonl | jq 'select(.state != \"in force\")'")]
pub(crate) struct Args {
    #[command(flatten)]
    agent: AgentArg,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let rows = args.agent.list("/v1/decisions", |board: &Board| board.decisions(&[], (system_clock())()))?;
    output::list(args.output, rows)?;
    Ok(ExitCode::SUCCESS)
}
