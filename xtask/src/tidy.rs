//! `cargo xtask tidy`: the rules of ARCHITECTURE.md that no compiler checks. Reads the repository only; also runs as a
//! test of this package.

mod dependencies;
mod rules;
mod sizes;

use crate::{paths, process};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The `tidy` command's own arguments.
#[derive(Default, clap::Args)]
pub(crate) struct Args {
    /// Also check licences, sources and bans of all dependencies with cargo-deny (built into target/tools if missing).
    #[arg(long)]
    deny: bool,
}

/// Checks everything and tells all that is wrong at once.
pub(crate) fn run(args: &Args) -> Result<()> {
    let complaints = check()?;
    if !complaints.is_empty() {
        bail!("the repository is not tidy:\n  {}", complaints.join("\n  "));
    }
    eprintln!("tidy: dependencies, sources and sizes keep the rules");
    if args.deny {
        deny()?;
    }
    Ok(())
}

fn check() -> Result<Vec<String>> {
    let sources = Source::all()?;
    let mut complaints = dependencies::check()?;
    for source in &sources {
        rules::check(source, &mut complaints);
    }
    sizes::check(&sources, &mut complaints)?;
    Ok(complaints)
}

/// One Rust file of the repository.
struct Source {
    /// From the repository's root, with `/`.
    path: String,
    text: String,
}

impl Source {
    fn all() -> Result<Vec<Self>> {
        let listed = process::output(process::command("git").args(["ls-files", "-co", "--exclude-standard", "*.rs"]));
        let files = match listed {
            Some(list) => list.lines().map(PathBuf::from).collect(),
            None => walk(&paths::root(), Path::new(""))?,
        };
        let mut sources = Vec::new();
        for file in files {
            let full = paths::root().join(&file);
            // Deleted, but not yet committed.
            if !full.exists() {
                continue;
            }
            let text = fs::read_to_string(&full).with_context(|| format!("cannot read {}", full.display()))?;
            sources.push(Self { path: file.to_string_lossy().into_owned(), text });
        }
        sources.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(sources)
    }

    /// What is built into a program: all but the tests at the end of the file.
    fn without_tests(&self) -> &str {
        if self.is_tests() {
            return "";
        }
        self.text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default()
    }

    /// The whole file is tests, or an example.
    fn is_tests(&self) -> bool {
        self.path.split('/').any(|part| ["tests", "tests.rs", "benches", "examples"].contains(&part))
    }

    fn is_in(&self, folders: &[&str]) -> bool {
        folders.iter().any(|folder| self.path.starts_with(folder))
    }
}

/// The Rust files of a copy without git, such as an unpacked archive.
fn walk(root: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if entry.file_type()?.is_dir() && !hidden && !path.ends_with("target") {
            files.extend(walk(root, &path)?);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

/// Licences, bans and sources; not advisories, which need a database from the network.
fn deny() -> Result<()> {
    let program = paths::tools().join("bin/cargo-deny");
    if !program.is_file() {
        eprintln!("Building cargo-deny into target/tools (several minutes)");
        let mut install = process::command_apart("cargo");
        install.args(["install", "cargo-deny", "--locked", "--version", DENY_VERSION, "--root"]).arg(paths::tools());
        process::run(&mut install)?;
    }
    for manifest in ["Cargo.toml", "ebpf/Cargo.toml"] {
        let mut check = process::command(&program.to_string_lossy());
        check.args(["--manifest-path", manifest, "check", "--config", "deny.toml", "licenses", "bans", "sources"]);
        process::run(&mut check)?;
    }
    Ok(())
}

const DENY_VERSION: &str = "0.19.0";

#[cfg(test)]
mod tests {
    #[test]
    fn the_repository_is_tidy() {
        let complaints = super::check().expect("the repository can be read");
        assert!(complaints.is_empty(), "\n  {}", complaints.join("\n  "));
    }
}
