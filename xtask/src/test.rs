//! `cargo xtask test`: everything that must hold before a change lands, the live tests included.

mod lanes;
mod verdict;

use crate::{bpf, docs, process, setup, tidy};
use anyhow::{Context, Result, bail};
use std::time::Instant;

/// The `test` command's own arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Given to `cargo test`, such as the name of a test; without any, all tests run.
    #[arg(last = true)]
    cargo_test: Vec<String>,
}

/// Each stage with its name; the first that fails ends it. The tests come last, so that their closing lines show.
pub(crate) fn run(args: &Args, way: Option<bpf::Way>) -> Result<()> {
    let started = Instant::now();
    let mut way_used = None;
    stage("set-up", || {
        way_used = Some(setup::ensure(setup::Scope::Test, way)?);
        Ok(())
    })?;
    stage("BPF programs", || bpf::build(way_used.context("set up above")?).map(drop))?;
    stage("format", format)?;
    stage("lints", lints)?;
    stage("tidy", || tidy::run(&tidy::Args::default()))?;
    stage("generated pages", || docs::run(&docs::Args { check: true }))?;
    stage("a deliberate leak is noticed", || {
        let leaking = ["test", "-p", "apiscope", "--features", "deliberate-leak", "--test", "leaks"];
        process::run(process::command("cargo").args(leaking))
    })?;
    stage("tests", || match &*args.cargo_test {
        [] => lanes::run(),
        chosen => process::run(process::command("cargo").args(["test", "--workspace", "--no-fail-fast"]).args(chosen)),
    })?;
    eprintln!("\nAll stages passed in {:.0} s.", started.elapsed().as_secs_f64());
    Ok(())
}

fn stage(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    eprintln!("\n== {name}");
    let started = Instant::now();
    work().with_context(|| format!("the stage `{name}` failed"))?;
    eprintln!("== {name}: passed in {:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}

fn format() -> Result<()> {
    if is_missing("fmt")? {
        return Ok(());
    }
    process::run(process::command("cargo").args(["fmt", "--all", "--check"]))?;
    process::run(process::command("cargo").args(["fmt", "--manifest-path", "ebpf/Cargo.toml", "--check"]))
}

fn lints() -> Result<()> {
    if is_missing("clippy")? {
        return Ok(());
    }
    process::run(process::command("cargo").args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

/// The user's toolchain may lack the component, and this program does not change toolchains: said loudly, and a failure
/// where nobody reads it.
fn is_missing(component: &str) -> Result<bool> {
    if process::output(process::command("cargo").args([component, "--version"])).is_some() {
        return Ok(false);
    }
    let package = if component == "fmt" { "rustfmt" } else { component };
    let what = format!("cargo {component} is not installed. Run: rustup component add {package}");
    if std::env::var("CI").is_ok_and(|ci| ci == "true") {
        bail!("{what}");
    }
    eprintln!("SKIPPED: {what}");
    Ok(true)
}
