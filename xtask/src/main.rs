//! The project's own commands: `cargo xtask <command>`. One file a command; this one only reads the command line.
//!
//! Exit status: 0 done, 1 failed, 2 wrong usage, 3 the machine lacks something that this program may not install (the
//! commands to run are printed).
#![forbid(unsafe_code)]

mod bench;
mod bpf;
mod build;
mod children;
mod demo;
mod docs;
mod fuzz;
mod interrupt;
mod long;
mod nginx;
mod paths;
mod process;
mod progress;
mod run;
mod setup;
mod test;
mod tidy;
mod time;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about, version)]
struct Args {
    #[command(subcommand)]
    command: Command,
    /// The compiler for the BPF programs, instead of the one that fits what is installed.
    #[arg(long, value_enum, global = true, value_name = "WAY")]
    bpf_toolchain: Option<bpf::Way>,
}

#[derive(Subcommand)]
enum Command {
    /// Measure what apiscope costs, beside others on the same work.
    Bench(bench::Args),
    /// Build the BPF programs and the agent.
    Build(build::Args),
    /// Write what is generated in the pages.
    Docs(docs::Args),
    /// Try every reader of outside bytes with a fuzzer, for as long as you like.
    Fuzz(fuzz::Args),
    /// Run for long what the tests run for seconds.
    Long(long::Args),
    /// Build, then start the agent on this host's own traffic; with --demo, on a sample API and its client too.
    Run(run::Args),
    /// Install what is missing on this machine, and say what and why. The other commands do it as far as they need it.
    Setup(setup::Args),
    /// Set up, build, lint and test everything, the live tests too.
    Test(test::Args),
    /// Check the rules that no compiler checks.
    Tidy(tidy::Args),
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            error.chain().skip(1).for_each(|cause| eprintln!("  because: {cause}"));
            ExitCode::from(if error.is::<setup::Missing>() { 3 } else { 1 })
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let way = args.bpf_toolchain;
    match &args.command {
        Command::Bench(bench) => bench::run(bench, way),
        Command::Build(build) => build::run(build, way),
        Command::Docs(docs) => docs::run(docs),
        Command::Fuzz(fuzz) => fuzz::run(fuzz, way),
        Command::Long(long) => long::run(long),
        Command::Run(run) => run::run(run, way),
        Command::Setup(setup) => setup::run(setup, way),
        Command::Test(test) => test::run(test, way),
        Command::Tidy(tidy) => tidy::run(tidy),
    }
}
