//! `apiscope silence`: a window in which nothing leaves.

use std::process::ExitCode;
use std::time::Duration;

use super::findings::kind;
use super::say::{self, SayArgs, ahead, duration};
use crate::control::act::Wish;

/// Makes a window in which nothing leaves for what matches, such as while something is deployed. Ends by itself, after 30 days at the latest.
///
/// Findings open and are counted as always; those that are still open at the end are told then. Without --kind, --api and --endpoint it is
/// silent about everything.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  apiscope silence --api orders-api --for 2h --reason 'deployment'
  apiscope silence --kind oversized-response --endpoint 'GET /export/*' --for 30m --reason 'monthly export'
  apiscope silences
  apiscope silence --end 1f0c")]
pub(crate) struct Args {
    /// Of this kind only
    #[arg(long, value_name = "KIND", value_parser = kind)]
    kind: Option<String>,
    /// Of this API only; * matches
    #[arg(long, value_name = "NAME")]
    api: Option<String>,
    /// Of this endpoint only: a template, or a method and a template; * matches
    #[arg(long, value_name = "GLOB")]
    endpoint: Option<String>,
    /// For how long, 30d at most
    #[arg(long = "for", value_name = "TIME", value_parser = duration, required_unless_present = "end")]
    time: Option<Duration>,
    /// Why
    #[arg(long, value_name = "TEXT", required_unless_present = "end")]
    reason: Option<String>,
    /// End this silence now: the first digits of its ID will do
    #[arg(long, value_name = "ID", conflicts_with_all = ["kind", "api", "endpoint", "time", "reason"])]
    end: Option<String>,
    #[command(flatten)]
    say: SayArgs,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let wish = match &args.end {
        Some(silence) => Wish::EndSilence { silence: silence.clone() },
        None => Wish::Silence {
            kind: args.kind.clone(),
            api: args.api.clone(),
            endpoint: args.endpoint.clone(),
            until: ahead(args.time.unwrap_or_default()),
            reason: args.reason.clone().unwrap_or_default(),
        },
    };
    say::run(&args.say, wish, "apiscope silences")
}
