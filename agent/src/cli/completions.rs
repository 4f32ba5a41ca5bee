//! `apiscope completions`: what a shell needs to complete commands and options.

use std::io::Write;
use std::process::ExitCode;

use clap_complete::Shell;

/// Prints the completions for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  apiscope completions bash > /etc/bash_completion.d/apiscope
  apiscope completions zsh > /usr/local/share/zsh/site-functions/_apiscope")]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &Args, command: &mut clap::Command) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "apiscope", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}
