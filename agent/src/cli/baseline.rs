//! `apiscope baseline`: today's state is known.

use std::process::ExitCode;
use std::time::Duration;

use super::say::{self, SayArgs, ahead, duration};
use crate::control::act::Wish;

/// Takes everything that is open now for known, so that day one is quiet and new things are told. May be said again at any time.
///
/// A finding of the baseline is told again when it gets worse, when it shows a new class of data, and at the end of the baseline. It also
/// ends the first week of the APIs concerned: from then on everything new is told.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  apiscope baseline
  apiscope baseline --api orders-api --for 90d
  apiscope baseline --undo")]
pub(crate) struct Args {
    /// Of this API only
    #[arg(long, value_name = "NAME")]
    api: Option<String>,
    /// For how long, 365d at most
    #[arg(long = "for", value_name = "TIME", value_parser = duration, default_value = "365d")]
    time: Duration,
    /// Take it back: what is open is told again
    #[arg(long)]
    undo: bool,
    #[command(flatten)]
    say: SayArgs,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let api = args.api.clone();
    let wish = if args.undo { Wish::UndoBaseline { api } } else { Wish::Baseline { api, until: ahead(args.time) } };
    say::run(&args.say, wish, "apiscope findings")
}
