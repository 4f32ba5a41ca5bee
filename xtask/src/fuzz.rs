//! `cargo xtask fuzz`: every reader of outside bytes, for as long as one likes, guided by coverage (libFuzzer).
//!
//! Nothing is installed: `libfuzzer-sys` brings the fuzzer's source, and the flags that make the compiler count are those that
//! `cargo fuzz run --sanitizer none` gives, which the stable compiler has too. No sanitizer: the readers forbid `unsafe`, and
//! memory and time are bounded by the targets themselves (`fuzz/targets/meter.rs`).
//!
//! What was found goes on from run to run under `target/fuzz/corpus`. Seeds come from the tests of the readers, and from
//! `fuzz/regressions`, which holds what once broke something.

mod report;

use crate::{bpf, build, interrupt::Interrupt, paths, process, time};
use anyhow::{Context, Result, bail};
use report::Outcome;
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

/// The longest input tried: what is longer is longer only, and slow.
const INPUT_BYTES_MAX: usize = 4096;

/// One input may take so long. The targets have their own, tighter bounds; this is for what never ends.
const INPUT_SECONDS_MAX: u32 = 20;

/// Memory of the fuzzer with its corpus.
const MEMORY_MIB_MAX: u32 = 2048;

/// A crash is made smaller for so long.
const MINIMISE_SECONDS: u32 = 60;

/// What makes the compiler count which code was run, and what numbers and texts were compared.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions -Coverflow-checks -Ccodegen-units=1 --cfg fuzzing";

/// Needs the whole agent, which takes long to build.
const OF_THE_AGENT: &str = "replay";

/// The `fuzz` command's own arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only these; see `fuzz/fuzz_targets`.
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// Time for all of them together, each an equal share: such as 90s, 30m, 8h.
    #[arg(long = "for", default_value = "1h", value_name = "TIME", value_parser = time::parse)]
    time: Duration,
}

/// Builds, runs each target for its share, and makes what breaks one small.
pub(crate) fn run(args: &Args, way: Option<bpf::Way>) -> Result<()> {
    let targets = chosen(&args.targets)?;
    let share = args.time.as_secs() / targets.len() as u64;
    if share == 0 {
        bail!("{:?} is less than a second for each of {} targets: give more with --for", args.time, targets.len());
    }
    let bin = build_all(&targets, way)?;
    write_seeds()?;
    let interrupt = Interrupt::catch()?;
    let mut outcomes = Vec::new();
    for target in &targets {
        interrupt.check()?;
        eprintln!("\n== {target}: {share} s");
        let outcome = fuzz(&bin, target, share)?;
        eprintln!("{outcome}");
        outcomes.push(outcome);
    }
    eprintln!("\n{}", report::table(&outcomes));
    let broken = outcomes.iter().filter(|outcome| outcome.crash.is_some()).count();
    if broken > 0 {
        bail!("{broken} of {} targets broke: see above", outcomes.len());
    }
    Ok(())
}

fn folder() -> PathBuf {
    paths::root().join("fuzz")
}

fn made() -> PathBuf {
    paths::target().join("fuzz")
}

/// The wanted targets, or all.
fn chosen(wanted: &[String]) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder().join("fuzz_targets"))?;
    let mut all: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.path().file_stem().map(|stem| stem.to_string_lossy().into_owned()))
        .collect();
    all.sort();
    if let Some(unknown) = wanted.iter().find(|target| !all.contains(target)) {
        bail!("there is no target `{unknown}`. There are: {}", all.join(", "));
    }
    Ok(if wanted.is_empty() { all } else { wanted.to_vec() })
}

/// Builds the targets, and gives the folder in which they are.
fn build_all(targets: &[String], way: Option<bpf::Way>) -> Result<PathBuf> {
    let with_agent = targets.iter().any(|target| target == OF_THE_AGENT);
    if with_agent {
        build::run(&build::Args { release: false, bpf_only: true }, way)?;
    }
    if paths::program("c++").is_none() {
        bail!("libFuzzer is built with a C++ compiler, and there is no `c++`. Run: apt-get install g++");
    }
    let host = host()?;
    let mut cargo = process::command("cargo");
    cargo.args(["build", "--release", "--manifest-path", "fuzz/Cargo.toml", "--target", &host]);
    // Named, so that the flags do not reach build scripts.
    cargo.env("RUSTFLAGS", FLAGS).env("CARGO_TARGET_DIR", made().join("build"));
    if with_agent {
        cargo.args(["--features", OF_THE_AGENT]);
    }
    for target in targets {
        cargo.args(["--bin", target]);
    }
    process::run(&mut cargo)?;
    Ok(made().join("build").join(host).join("release"))
}

fn host() -> Result<String> {
    let version = process::output(process::command("rustc").arg("-vV")).context("cannot run `rustc -vV`")?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("`rustc -vV` names no host")?.to_owned())
}

/// The tests of the readers know what good inputs are.
fn write_seeds() -> Result<()> {
    let mut cargo = process::command("cargo");
    cargo.args(["test", "--quiet", "-p", "apiscope-wire", "-p", "apiscope-audit", "--test", "fuzz"]);
    cargo.args(["seeds_are_written_where_they_are_asked_for"]);
    cargo.env("APISCOPE_FUZZ_SEEDS", made().join("seeds")).stdout(Stdio::null());
    process::run(&mut cargo)
}

fn fuzz(bin: &Path, target: &str, seconds: u64) -> Result<Outcome> {
    let corpus = made().join("corpus").join(target);
    let crashes = made().join("crashes");
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&crashes)?;
    let before = listed(&crashes);
    let log = made().join(format!("{target}.log"));
    let mut command = libfuzzer(bin, target);
    command.arg(format!("-max_total_time={seconds}")).arg("-print_final_stats=1");
    command.arg(format!("-artifact_prefix={}/{target}-", crashes.display()));
    command.arg(&corpus);
    let more = [made().join("seeds").join(target), folder().join("regressions").join(target)];
    command.args(more.iter().filter(|folder| folder.is_dir()));
    if target == OF_THE_AGENT {
        // Its seeds are captures of other projects, where this checkout has them beside it.
        command.args(
            [paths::root().join("../shared/captures/zeek"), paths::root().join("../shared/captures/arkime")]
                .iter()
                .filter(|folder| folder.is_dir()),
        );
    }
    command.stdout(Stdio::null()).stderr(File::create(&log).with_context(|| log.display().to_string())?);
    let status = command.status().with_context(|| format!("cannot start `{}`", process::shown(&command)))?;
    let said = fs::read_to_string(&log).unwrap_or_default();
    let mut outcome = Outcome::read(target, &said);
    if !status.success() {
        let crash = listed(&crashes).into_iter().find(|path| !before.contains(path));
        let crash = crash.with_context(|| format!("{target} ended with {status}: see {}", log.display()))?;
        outcome.crash = Some(smaller(bin, target, &crash));
        outcome.said = report::cause(&said);
    }
    Ok(outcome)
}

fn libfuzzer(bin: &Path, target: &str) -> Command {
    let mut command = process::command(&bin.join(target).to_string_lossy());
    command.arg(format!("-timeout={INPUT_SECONDS_MAX}")).arg(format!("-rss_limit_mb={MEMORY_MIB_MAX}"));
    command.arg(format!("-max_len={INPUT_BYTES_MAX}"));
    command
}

/// The smallest input found that breaks the target too; the given one if none is smaller.
fn smaller(bin: &Path, target: &str, crash: &Path) -> PathBuf {
    let small = crash.with_extension("small");
    let mut command = libfuzzer(bin, target);
    command.args(["-minimize_crash=1", &format!("-max_total_time={MINIMISE_SECONDS}")]);
    command.arg(format!("-exact_artifact_path={}", small.display())).arg(crash);
    // It ends as the target does, with a failure; whether it has found something shows in the file.
    let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    if small.is_file() { small } else { crash.to_path_buf() }
}

fn listed(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}
