//! `apiscope running`: what has not ended yet.

use std::process::ExitCode;

use super::ask::AgentArg;
use super::exchanges::Exchanges;
use super::output::Format;
use super::say;
use crate::view::Board;

/// Exchanges that go on for longer than a second, and each WebSocket and tunnel: how far they are, the longest first.
///
/// An event stream, a long download, a gRPC stream: it is counted as a call from the moment that its status is known.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  apiscope running
  apiscope running --api orders-api
  apiscope running -o jsonl | jq 'select(.session) | .session.server.text_messages'")]
pub(crate) struct Args {
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
    let mut all = args.agent.list("/v1/running", Board::running_views)?;
    all.retain(|running| args.api.as_ref().is_none_or(|api| *api == running.api));
    if all.is_empty() && args.output == Format::Table {
        say("nothing goes on for longer than a second now");
        return Ok(ExitCode::SUCCESS);
    }
    let mut exchanges = Exchanges::ongoing(std::io::stdout().lock(), args.output);
    for running in &all {
        exchanges.write(running)?;
    }
    exchanges.finish()?;
    Ok(ExitCode::SUCCESS)
}
