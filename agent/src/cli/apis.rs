//! `apiscope apis`: the APIs, with their account of bytes.

use std::process::ExitCode;

use super::ask::AgentArg;
use super::next;
use super::output::{self, Format};
use crate::view::Board;

/// The APIs that this host serves and calls, with endpoints, findings and coverage.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  apiscope apis\n  apiscope apis -o csv > apis.csv")]
pub(crate) struct Args {
    #[command(flatten)]
    agent: AgentArg,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    output::list(args.output, args.agent.list("/v1/apis", Board::apis)?)?;
    next("apiscope endpoints --api NAME");
    Ok(ExitCode::SUCCESS)
}
