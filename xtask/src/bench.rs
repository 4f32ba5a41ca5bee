//! `cargo xtask bench`: what apiscope costs, beside others on the same work in the same run. Rounds are interleaved and
//! medians are told, because other work on the machine comes and goes.

mod detect;
mod documents;
mod inventory;
mod live;
mod load;
mod measure;
mod replay;

use crate::{bpf, build, interrupt::Interrupt, paths, process, setup};
use anyhow::Result;
use std::fs;

/// The `bench` command's own arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only one of them; without it, replay and live.
    #[arg(value_enum)]
    what: Option<What>,
    /// How often each is measured.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=50))]
    rounds: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// Secrets and personal data: precision, recall and cost, beside detect-secrets and credsweeper. Needs neither root nor set-up.
    Detect,
    /// Reading by itself: exchanges, heads beside httparse, allocations, flows, hostile bytes. Needs no root.
    Wire,
    /// Documents: every path of public ones (npm gives them) beside a matcher that tries every template; loading and matching. Needs no root.
    Documents,
    /// The inventory's templates, on traffic made from public documents (npm gives them), beside the rules of others.
    Inventory,
    /// Capture files: MB/s beside tcpdump, tcpflow and tshark; agent µs per exchange.
    Replay,
    /// This host: kernel ns per exchange against empty programs on the same hooks; agent µs per exchange.
    Live,
}

/// Builds with optimisation and measures.
pub(crate) fn run(args: &Args, way: Option<bpf::Way>) -> Result<()> {
    let folder = paths::target().join("bench");
    if args.what == Some(What::Detect) {
        fs::create_dir_all(&folder)?;
        return detect::run(&folder, &Interrupt::catch()?);
    }
    if args.what == Some(What::Wire) {
        let bench = ["bench", "--quiet", "-p", "apiscope-wire", "--bench", "wire"];
        return process::run(process::command("cargo").args(bench));
    }
    if args.what == Some(What::Documents) {
        return documents::run();
    }
    if args.what == Some(What::Inventory) {
        return inventory::run();
    }
    setup::ensure(setup::Scope::Test, way)?;
    setup::need_root("the bench captures packets and loads BPF programs")?;
    build::run(&build::Args { release: true, bpf_only: false }, way)?;
    let interrupt = Interrupt::catch()?;
    fs::create_dir_all(&folder)?;
    if args.what != Some(What::Live) {
        replay::run(&folder, args.rounds, &interrupt)?;
    }
    if args.what != Some(What::Replay) {
        live::run(&folder, args.rounds, &interrupt)?;
    }
    Ok(())
}
