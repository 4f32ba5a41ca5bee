//! `cargo xtask setup`: what the other commands need on this machine, installed where missing.
//!
//! A look costs some file checks, so each command takes it. Installs Debian packages (as root), one program of
//! crates.io and some of `PyPI` into `target/tools`; never touches rustup's toolchains or `~/.cargo/bin`, and never removes a package.

mod apt;
mod needs;
mod python;

use crate::bpf::{self, Choice, Way};
use anyhow::{Result, bail};
use needs::Need;
use std::fmt::{self, Write};

/// The `setup` command's own arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only say what is missing and how to install it.
    #[arg(long)]
    dry_run: bool,
}

/// How much of the set-up a command needs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// The compiler and linker of the BPF programs.
    Build,
    /// And what the demo starts.
    Demo,
    /// And what the tests and the bench start.
    Test,
}

/// What this program may not install: the way it ends, with exit status 3.
#[derive(Debug)]
pub(crate) struct Missing(String);

/// What is missing, in words for people.
pub(crate) fn missing_words(what: &str) -> Missing {
    Missing(what.to_owned())
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Missing {}

/// Sets up everything and says how things stand.
pub(crate) fn run(args: &Args, forced: Option<Way>) -> Result<()> {
    let choice = bpf::choose(forced);
    eprintln!("BPF programs: {choice}");
    let missing = missing(Scope::Test, &choice)?;
    if args.dry_run && !missing.is_nothing() {
        return Err(Missing(missing.commands("This is missing")).into());
    }
    install(&missing)?;
    eprintln!("Set-up: everything is there.");
    Ok(())
}

/// Sets up what `scope` needs, silent when all is there. Returns the way to build the BPF programs.
pub(crate) fn ensure(scope: Scope, forced: Option<Way>) -> Result<Way> {
    let choice = bpf::choose(forced);
    let missing = missing(scope, &choice)?;
    if !missing.is_nothing() {
        eprintln!("BPF programs: {choice}");
    }
    install(&missing)?;
    Ok(choice.way)
}

/// Ends with [`Missing`] without root. `why` says what needs it.
pub(crate) fn need_root(why: &str) -> Result<()> {
    if apt::is_root() {
        return Ok(());
    }
    let words: Vec<_> = std::env::args().skip(1).collect();
    bail!(Missing(format!("{why}, which needs root. As root: cargo xtask {}", words.join(" "))))
}

/// What is not there.
struct ToInstall {
    needs: Vec<&'static Need>,
    linker: bool,
    python: bool,
}

impl ToInstall {
    fn is_nothing(&self) -> bool {
        self.needs.is_empty() && !self.linker && !self.python
    }

    fn packages(&self) -> Vec<&'static str> {
        let mut packages: Vec<_> = self.needs.iter().map(|need| need.package).collect();
        packages.sort_unstable();
        packages.dedup();
        packages
    }

    /// The commands to run by hand.
    fn commands(&self, why: &str) -> String {
        let wanted = self.needs.iter().map(|need| (need.package, need.why));
        let wanted = wanted.chain(self.linker.then_some(("bpf-linker", LINKER_WHY)));
        let wanted = wanted.chain(self.python.then_some(("Python packages", python::WHY)));
        let wanted = wanted.map(|(name, why)| format!("  {name:<24} {why}\n")).collect::<Vec<_>>().concat();
        let apt = match self.packages().join(" ") {
            none if none.is_empty() => String::new(),
            some => format!("  apt-get update\n  apt-get install --no-install-recommends --no-remove {some}\n"),
        };
        format!("{why}:\n{wanted}On Debian 12, as root:\n{apt}  cargo xtask setup")
    }
}

fn missing(scope: Scope, choice: &Choice) -> Result<ToInstall> {
    if choice.way == Way::Nightly {
        bpf::check_nightly().map_err(|error| Missing(error.to_string()))?;
    }
    let linker = bpf::linker(choice.way).is_none();
    if choice.way == Way::Nightly && !bpf::linker_can_be_had_for_nightly() {
        bail!(Missing(format!(
            "rustup's nightly uses a newer LLVM than Debian's packages ({}). Install bpf-linker for it \
             (cargo binstall bpf-linker), or add --bpf-toolchain debian",
            bpf::LINKER_LLVM
        )));
    }
    let mut needs: Vec<_> = needs::TOOLS.iter().filter(|need| need.scope <= scope).collect();
    if choice.way == Way::Debian {
        needs.extend(needs::DEBIAN_COMPILER);
    }
    if linker {
        needs.extend(needs::LINKER);
    }
    needs.retain(|need| !need.is_there());
    let python = scope == Scope::Test && !python::is_there();
    Ok(ToInstall { needs, linker, python })
}

fn install(missing: &ToInstall) -> Result<()> {
    if missing.is_nothing() {
        return Ok(());
    }
    if !missing.needs.is_empty() {
        if !apt::is_debian_12() {
            bail!(Missing(missing.commands("This system is not Debian 12, so nothing was installed. This is missing")));
        }
        if !apt::is_root() {
            bail!(Missing(missing.commands("Installing needs root, so nothing was installed. This is missing")));
        }
        eprintln!("Installing with apt-get (no service is started or enabled):");
        for need in &missing.needs {
            eprintln!("  {:<24} {}", need.package, need.why);
        }
        apt::install(&missing.packages())?;
    }
    if missing.linker {
        eprintln!("  {:<24} {LINKER_WHY}", "bpf-linker");
        bpf::install_linker()?;
    }
    if missing.python {
        eprintln!("  {:<24} {}", "Python packages", python::WHY);
        python::install()?;
    }
    Ok(())
}

/// What the set-up may install, for the people who contribute.
pub(crate) fn packages_table() -> String {
    let mut table = "| Package | What for |\n|---|---|\n".to_owned();
    for need in needs::TOOLS.iter().chain(needs::DEBIAN_COMPILER).chain(needs::LINKER) {
        let _ = writeln!(table, "| {} | {} |", need.package, need.why);
    }
    let _ = writeln!(table, "| bpf-linker (crates.io) | {LINKER_WHY} |");
    let _ = writeln!(table, "| Python packages (PyPI) | {} |", python::WHY);
    table
}

const LINKER_WHY: &str = "links the BPF programs; into target/tools, ~/.cargo stays as it is";
