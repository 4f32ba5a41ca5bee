//! `apiscope doctor`: what works on this host, and what to do about the rest.

use std::io::Write;
use std::process::ExitCode;

use super::{ConfigArg, colour, next, output, say};
use crate::doctor::{self, Group};
use crate::view::List;

/// Looks at everything that the agent needs: kernel, permission, configuration, paths, listeners. Changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  apiscope doctor
  apiscope doctor --json | jq '.items[].checks[] | select(.ok | not)'

Exit status: 0 all is well, 1 something is not, 2 wrong usage.")]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// As data
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let groups = doctor::examine(args.config.config.as_deref());
    let failed = groups.iter().flat_map(|group| &group.checks).filter(|check| !check.ok).count();
    let mut out = std::io::stdout().lock();
    if args.json {
        output::object(&mut out, &List::new(groups))?;
    } else {
        groups.iter().try_for_each(|group| print(&mut out, group))?;
    }
    out.flush()?;
    if failed == 0 {
        next("sudo apiscope run, or systemctl start apiscope");
        return Ok(ExitCode::SUCCESS);
    }
    say(&format!("{failed} of the checks failed"));
    Ok(ExitCode::FAILURE)
}

fn print(out: &mut impl Write, group: &Group) -> std::io::Result<()> {
    let colour = colour(&std::io::stdout());
    let mark = |ok| match (ok, colour) {
        (true, true) => "\x1b[32m√\x1b[0m",
        (true, false) => "√",
        (false, true) => "\x1b[31m×\x1b[0m",
        (false, false) => "×",
    };
    writeln!(out, "{}\n{}", group.name, "-".repeat(group.name.len()))?;
    for check in &group.checks {
        let found = if check.found.is_empty() { String::new() } else { format!(": {}", check.found) };
        writeln!(out, "{} {}{found}", mark(check.ok), check.what)?;
        if !check.ok {
            writeln!(out, "    why: {}\n    what to do: {}", check.why, check.todo)?;
        }
    }
    writeln!(out)
}
