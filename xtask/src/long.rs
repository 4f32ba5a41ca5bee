//! `cargo xtask long`: what the usual test run does in seconds, for long, with other random numbers each time.

use crate::process;
use anyhow::{Context as _, Result};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The `long` command's own arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[arg(value_enum)]
    what: What,
    /// Schedules of each kind.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    schedules: u64,
    /// The first generator, to see a failure again: it is told at the beginning of a run.
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum What {
    /// wire against models of TCP: schedules of loss, reordering, repetition, splits and overlap.
    Model,
}

/// Builds with optimisation and runs.
pub(crate) fn run(args: &Args) -> Result<()> {
    let What::Model = args.what;
    let seed = match args.seed {
        Some(seed) => seed,
        None => SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?.as_secs(),
    };
    eprintln!("{} schedules of each kind from seed {seed}", args.schedules);
    let started = Instant::now();
    let mut cargo = process::command("cargo");
    cargo.args(["test", "--release", "-p", "apiscope-wire", "--test", "tcp_model", "--test", "model"]);
    cargo.env("APISCOPE_MODEL_SCHEDULES", args.schedules.to_string()).env("APISCOPE_MODEL_SEED", seed.to_string());
    // As fast to run, and built in a fraction of the time.
    cargo.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    cargo.env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true");
    process::run(&mut cargo)?;
    eprintln!("\nAll hold, in {:.0} s.", started.elapsed().as_secs_f64());
    Ok(())
}
