//! What the commands have in common that say something about findings: times, who says it, the way to the agent, the answer.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use apiscope_wire::Timestamp;

use super::ask::AgentArg;
use super::output::Format;
use super::{next, note, output};
use crate::config::form::{parse_duration, parse_until};
use crate::control::act::{Reply, Request, Wish};
use crate::store::system_clock;
use crate::view::terminal_safe;

/// `--by` and `-o`, for every command that says something about findings.
#[derive(Debug, clap::Args)]
pub(crate) struct SayArgs {
    #[command(flatten)]
    pub(crate) agent: AgentArg,
    /// Who says it [default: the user who runs this]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Form of the output
    #[arg(short, long, value_enum, default_value = "text")]
    output: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    Text,
    Json,
}

impl SayArgs {
    /// For a list.
    pub(crate) const fn list_format(&self) -> Format {
        match self.output {
            Form::Text => Format::Table,
            Form::Json => Format::Json,
        }
    }
}

/// A duration such as `7d`, for clap.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let given = parse_duration(text).filter(|given| !given.is_zero());
    given.ok_or_else(|| "write a text such as 90m, 2h or 7d (units: s, m, h, d, w)".to_owned())
}

/// A day or a time, for clap.
pub(crate) fn until(text: &str) -> Result<Timestamp, String> {
    let given = parse_until(text);
    given.ok_or_else(|| "write a day such as 2027-03-31, to its end in UTC, or 2027-03-31T12:00:00Z".to_owned())
}

/// So long from now, in nanoseconds since the epoch.
pub(crate) fn ahead(time: Duration) -> u64 {
    (system_clock())().plus(time).as_nanos()
}

/// Says it to the running agent, and shows what was done.
pub(crate) fn run(args: &SayArgs, wish: Wish, hint: &str) -> anyhow::Result<ExitCode> {
    let reply = args.agent.client()?.say(&Request { by: args.by.clone(), wish })?;
    if args.output == Form::Json {
        output::object(&mut std::io::stdout().lock(), &reply)?;
    } else {
        show(&reply)?;
    }
    if !reply.durable {
        note("the store does not take writes now (`apiscope status`): this is lost if the agent stops before it does");
    }
    next(hint);
    Ok(ExitCode::SUCCESS)
}

fn show(reply: &Reply) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in &reply.did {
        writeln!(out, "{}", terminal_safe(line))?;
    }
    drop(out);
    if reply.decisions.is_empty() { Ok(()) } else { output::list(Format::Table, reply.decisions.clone()) }
}
