//! `apiscope probed`: paths that are no endpoint, and who asks for them.

use std::process::ExitCode;

use super::ask::AgentArg;
use super::next;
use super::output::{self, Format};
use crate::view::Board;

/// Paths that are no endpoint: only ever answered 404, 405, 400 and the like, or not at all. Who asks for many of them is a scanner.
///
/// Few paths that many clients ask for are broken links or an old version of a client. Names of files and folders are shown as they are;
/// what may be a value is `{id}`, `{value}` and the like. Of each API the 64 paths and 16 clients that came most often are kept: where
/// there were more, a count is a range.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  apiscope probed
  apiscope probed --clients                 # who scans: many paths, few of them twice
  apiscope probed --api shop.example.com -o json
  apiscope probed --clients -o jsonl | jq -r 'select(.paths > 20) | .client'
  apiscope probed -o jsonl | jq 'select(.clients > 5) | .path'     # asked for by many: a broken link?")]
pub(crate) struct Args {
    /// The clients that ask for such paths, in place of the paths
    #[arg(long)]
    clients: bool,
    #[command(flatten)]
    agent: AgentArg,
    /// Only those of this API
    #[arg(long, value_name = "NAME")]
    api: Option<String>,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.clients {
        let mut rows = args.agent.list("/v1/probers", Board::probers)?;
        rows.retain(|row| args.api.is_none() || args.api == row.api);
        output::list(args.output, rows)?;
        next("apiscope probed, for what they ask for; apiscope watch, to see them at it");
    } else {
        let mut rows = args.agent.list("/v1/probed", Board::probed)?;
        rows.retain(|row| args.api.as_ref().is_none_or(|api| *api == row.api));
        output::list(args.output, rows)?;
        next("apiscope probed --clients, for who asks for them");
    }
    Ok(ExitCode::SUCCESS)
}
