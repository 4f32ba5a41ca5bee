//! `apiscope watch`: each exchange as it ends.

use std::process::ExitCode;

use super::ask::AgentArg;
use super::exchanges::Exchanges;
use super::output::Format;
use super::{note, say};
use crate::view::WatchLine;

/// Each exchange as it ends, until Ctrl-C or until the agent stops.
///
/// One that goes on for longer than a second is also told of then, and again at its end; a WebSocket with its handshake, and at its end.
///
/// A reader that does not keep up misses exchanges and is told how many; the agent never waits for it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  apiscope watch
  apiscope watch --api orders-api
  apiscope watch -o jsonl | jq 'select(.status >= 500)'
  apiscope watch --count 10")]
pub(crate) struct Args {
    #[command(flatten)]
    agent: AgentArg,
    /// Only those of this API
    #[arg(long, value_name = "NAME")]
    api: Option<String>,
    /// End after so many
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut left = args.count.unwrap_or(u64::MAX);
    let mut exchanges = Exchanges::new(std::io::stdout().lock(), args.output);
    if args.output == Format::Table {
        exchanges.begin()?;
        exchanges.flush()?;
    }
    let client = args.agent.client()?;
    client.lines("/v1/watch", &mut |line| {
        match serde_json::from_slice(line)? {
            WatchLine::Exchange(exchange) if args.api.as_ref().is_none_or(|api| *api == exchange.api) => {
                exchanges.write(&exchange)?;
                exchanges.flush()?;
                left -= 1;
            }
            WatchLine::Exchange(_) => {}
            WatchLine::Dropped { dropped } => {
                note(&format!("{dropped} exchanges were not shown: this reader is too slow"));
            }
        }
        Ok(left > 0)
    })?;
    exchanges.finish()?;
    if left > 0 {
        say("the agent has stopped");
    }
    Ok(ExitCode::SUCCESS)
}
