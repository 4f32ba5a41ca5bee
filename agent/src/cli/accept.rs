//! `apiscope accept`: a finding may stay as it is, for a reason and a time.

use std::process::ExitCode;
use std::time::Duration;

use apiscope_audit::Severity;
use apiscope_wire::Timestamp;

use super::replay::severity;
use super::say::{self, SayArgs, ahead, duration, until};
use crate::control::act::Wish;

/// Accepts a finding as it is, with a reason and an end: it is shown as accepted, and receivers hear no more of it.
///
/// What gets worse than it is now is told all the same (`--up-to` accepts more). It ends after 365 days at the latest; 14 days before it is
/// shown as ending, and at the end the finding is told again. Acceptances can also stand in the configuration, as [[accept]].
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  apiscope accept 5b1e --for 90d --reason 'the lab has no TLS until the move, SEC-412'
  apiscope accept 5b1e --until 2027-03-31 --up-to critical --by ann --reason 'test data only'
  apiscope accept 5b1e --undo
  apiscope acceptances")]
pub(crate) struct Args {
    /// The finding: the first digits of its ID will do
    #[arg(value_name = "FINDING")]
    finding: String,
    /// Why it may stay as it is
    #[arg(long, value_name = "TEXT", required_unless_present = "undo")]
    reason: Option<String>,
    /// For how long, 365d at most
    #[arg(long = "for", value_name = "TIME", value_parser = duration, required_unless_present_any = ["until", "undo"])]
    time: Option<Duration>,
    /// Until when: a day, to its end in UTC, or a time
    #[arg(long, value_name = "DATE", value_parser = until, conflicts_with = "time")]
    until: Option<Timestamp>,
    /// The worst severity that is accepted [default: what it is now]
    #[arg(long, value_name = "SEVERITY", value_parser = severity)]
    up_to: Option<Severity>,
    /// Take it back
    #[arg(long, conflicts_with_all = ["reason", "time", "until", "up_to"])]
    undo: bool,
    #[command(flatten)]
    say: SayArgs,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let finding = args.finding.clone();
    let wish = if args.undo {
        Wish::Withdraw { finding, choice: "accepted".to_owned() }
    } else {
        let until = args.until.map_or_else(|| ahead(args.time.unwrap_or_default()), Timestamp::as_nanos);
        let reason = args.reason.clone().unwrap_or_default();
        Wish::Accept { finding, until, reason, up_to: args.up_to.map(|severity| severity.to_string()) }
    };
    say::run(&args.say, wish, "apiscope acceptances")
}
