//! `apiscope ack`: somebody is on it.

use std::process::ExitCode;
use std::time::Duration;

use super::say::{self, SayArgs, ahead, duration};
use crate::control::act::Wish;

/// Says that somebody is on a finding: receivers hear no more of it until it gets worse, opens again, or the time is over.
///
/// It ends by itself, at the latest after 30 days. It is not the same as accepting a finding: `apiscope accept`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  apiscope ack 5b1e0c44
  apiscope ack 5b1e --for 7d --note 'the new certificate comes on Monday'
  apiscope ack 5b1e --undo")]
pub(crate) struct Args {
    /// The finding: the first digits of its ID will do
    #[arg(value_name = "FINDING")]
    finding: String,
    /// For how long, 30d at most
    #[arg(long = "for", value_name = "TIME", value_parser = duration, default_value = "24h")]
    time: Duration,
    /// For the others
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Take it back
    #[arg(long, conflicts_with = "note")]
    undo: bool,
    #[command(flatten)]
    say: SayArgs,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let finding = args.finding.clone();
    let wish = if args.undo {
        Wish::Withdraw { finding, choice: "acknowledged".to_owned() }
    } else {
        Wish::Acknowledge { finding, until: ahead(args.time), note: args.note.clone() }
    };
    say::run(&args.say, wish, &format!("apiscope findings {}", args.finding))
}
