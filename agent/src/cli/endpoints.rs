//! `apiscope endpoints`: the inventory.

use std::process::ExitCode;

use super::ask::AgentArg;
use super::next;
use super::output::{self, Format};
use crate::view::Board;

/// Every endpoint seen: method and path template, compared with the API's document.
///
/// A path that was only ever answered 400, 404 or 405 is no endpoint. `{id}` and the like stand for values that vary.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  apiscope endpoints
  apiscope endpoints --api orders-api
  apiscope endpoints --document undocumented
  apiscope endpoints -o jsonl | jq 'select(.by_auth.none > 0) | .route'     # called without credentials")]
pub(crate) struct Args {
    #[command(flatten)]
    agent: AgentArg,
    /// Only those of this API
    #[arg(long, value_name = "NAME")]
    api: Option<String>,
    /// Only those that stand so to the document
    #[arg(long, value_name = "STATE", value_parser = ["none", "documented", "deprecated", "undocumented", "unused"])]
    document: Option<String>,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut rows = args.agent.list("/v1/endpoints", Board::endpoints)?;
    rows.retain(|row| args.api.as_ref().is_none_or(|api| *api == row.api));
    rows.retain(|row| args.document.as_ref().is_none_or(|state| *state == row.document));
    output::list(args.output, rows)?;
    next("apiscope findings, for what is wrong with them");
    Ok(ExitCode::SUCCESS)
}
