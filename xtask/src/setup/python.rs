//! Programs of `PyPI` that the tests start: pinned to the last dot, in an environment of their own below `target/tools`.

use crate::{paths, process, progress::Progress};
use anyhow::Result;
use std::fs;
use std::path::PathBuf;

/// What for, in words for people.
pub(super) const WHY: &str = "real API servers and the generator that follows their documents; into target/tools";

/// Every package with its version, as `pip freeze` writes it.
const PACKAGES: &str = include_str!("python.txt");

fn folder() -> PathBuf {
    paths::tools().join("python")
}

/// Written last: what is in the environment.
fn stamp() -> PathBuf {
    folder().join("packages.txt")
}

/// Whether the environment has just these packages, and its interpreter is still there.
pub(super) fn is_there() -> bool {
    folder().join("bin/python").is_file() && fs::read_to_string(stamp()).is_ok_and(|found| found == PACKAGES)
}

/// Makes the environment anew.
pub(super) fn install() -> Result<()> {
    let mut progress = Progress::start("Installing the tests' Python programs into target/tools (about a minute)");
    let folder = folder();
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let mut make = process::command_apart("python3");
    make.args(["-m", "venv"]).arg(&folder);
    process::follow(&make, "python-venv.log", &mut progress, |_, _| {})?;
    let wanted = paths::target().join("setup/python.txt");
    fs::write(&wanted, PACKAGES)?;
    let mut pip = process::command_apart(&folder.join("bin/pip").to_string_lossy());
    pip.args(["install", "--disable-pip-version-check", "--no-input", "--no-deps", "--requirement"]).arg(&wanted);
    let all = PACKAGES.lines().count().max(1) as u64;
    let mut collected = 0;
    process::follow(&pip, "python.log", &mut progress, |line, progress| {
        if let Some(what) = line.strip_prefix("Collecting ") {
            collected += 1;
            progress.at(collected * 100 / all, what);
        }
    })?;
    fs::write(stamp(), PACKAGES)?;
    progress.done();
    Ok(())
}
