//! `apiscope run`: the daemon.

use std::process::ExitCode;

use super::ConfigArg;

/// Watches this host until stopped (SIGTERM, Ctrl-C). SIGHUP reads the configuration again.
///
/// Needs root, or three capabilities (`apiscope doctor` names them). Traffic is never changed or held up; when the process ends, however
/// it ends, nothing of it stays in the kernel.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sudo apiscope run
  sudo apiscope run --config ./apiscope.toml --log debug
  apiscope status                      in another terminal, once it says that it is ready

Exit status: 0 stopped by a signal, 1 failed, 2 wrong usage.")]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// Level of the log: error, warn, info, debug, trace [default: from the configuration, info]
    #[arg(long, value_name = "LEVEL", value_parser = ["error", "warn", "info", "debug", "trace"])]
    log: Option<String>,
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    crate::run::run(args.config.config, args.log)
}
