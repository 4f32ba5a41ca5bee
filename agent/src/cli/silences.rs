//! `apiscope silences`: windows in which nothing leaves.

use std::process::ExitCode;

use super::ask::AgentArg;
use super::output::{self, Format};
use crate::store::system_clock;
use crate::view::Board;

/// Silences in force, the one that ends first on top.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  apiscope silences\n  apiscope silence --end ID")]
pub(crate) struct Args {
    #[command(flatten)]
    agent: AgentArg,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let rows = args.agent.list("/v1/silences", |board: &Board| board.silences((system_clock())()))?;
    output::list(args.output, rows)?;
    Ok(ExitCode::SUCCESS)
}
