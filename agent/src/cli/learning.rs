//! `apiscope learning`: the first week.

use std::process::ExitCode;

use super::output;
use super::say::{self, SayArgs};
use crate::control::act::Wish;
use crate::store::system_clock;
use crate::view::Board;

/// APIs in their first days, in which nothing below critical is told; with --end, ends that.
///
/// A host learns for its first week ([findings] learning); an API that is met later for a seventh of that. Findings open and are counted
/// as always, and those that are still open at the end are told then: `apiscope baseline` takes them for known instead.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  apiscope learning\n  apiscope learning --end --api orders-api")]
pub(crate) struct Args {
    /// End it now
    #[arg(long)]
    end: bool,
    /// Of this API only
    #[arg(long, value_name = "NAME", requires = "end")]
    api: Option<String>,
    #[command(flatten)]
    say: SayArgs,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.end {
        return say::run(&args.say, Wish::EndLearning { api: args.api.clone() }, "apiscope findings");
    }
    let time = args.say.agent.loaded().learning;
    let rows = args.say.agent.list("/v1/learning", |board: &Board| board.learning(time, (system_clock())()))?;
    output::list(args.say.list_format(), rows)?;
    Ok(ExitCode::SUCCESS)
}
