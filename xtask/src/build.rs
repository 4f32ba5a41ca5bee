//! `cargo xtask build`: the BPF programs, then the agent that embeds them.

use crate::{bpf, process, setup};
use anyhow::Result;

/// What to build.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Build the agent with optimisation.
    #[arg(long)]
    pub(crate) release: bool,
    /// Build only the BPF programs.
    #[arg(long)]
    pub(crate) bpf_only: bool,
}

/// Builds; sets up what the build needs.
pub(crate) fn run(args: &Args, way: Option<bpf::Way>) -> Result<()> {
    let way = setup::ensure(setup::Scope::Build, way)?;
    bpf::build(way)?;
    if args.bpf_only {
        return Ok(());
    }
    let mut cargo = process::command("cargo");
    cargo.args(["build", "--package", "apiscope"]);
    if args.release {
        cargo.arg("--release");
    }
    process::run(&mut cargo)
}
