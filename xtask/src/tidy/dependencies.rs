//! Which packages may know which. The core stays without effects because nothing that has effects is in its tree.

use crate::{paths, process};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What brings clocks, sockets, files, threads or the kernel with it.
const EFFECTS: [&str; 15] = [
    "aya",
    "axum",
    "clap",
    "hyper",
    "jiff",
    "mio",
    "reqwest",
    "rusqlite",
    "rustls",
    "signal-hook",
    "socket2",
    "tempfile",
    "tokio",
    "tracing",
    "tracing-subscriber",
];

/// Each package of ours, and the ones of ours that it may use.
const OURS: [(&str, &[&str]); 6] = [
    ("apiscope", &["apiscope-audit", "apiscope-common", "apiscope-wire"]),
    ("apiscope-audit", &["apiscope-wire"]),
    ("apiscope-common", &[]),
    ("apiscope-ebpf", &["apiscope-common"]),
    ("apiscope-wire", &["apiscope-common"]),
    ("xtask", &[]),
];

/// Packages whose whole tree is free of effects.
const PURE: [&str; 3] = ["apiscope-audit", "apiscope-common", "apiscope-wire"];

pub(super) fn check() -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    let mut packages = metadata("Cargo.toml")?;
    // A name that nothing uses proves nothing: it may be misspelt.
    complaints.extend(EFFECTS.iter().filter(|name| !in_lock_file(name)).map(|name| {
        format!("xtask/src/tidy/dependencies.rs: no package is called {name}, so its absence proves nothing")
    }));
    if paths::root().join("ebpf/Cargo.toml").exists() {
        packages.extend(metadata("ebpf/Cargo.toml")?.into_iter().filter(|(name, _)| name == "apiscope-ebpf"));
    }
    own_arrows(&packages, &mut complaints);
    for name in PURE {
        let tree = tree(name)?;
        let found = EFFECTS.iter().filter(|effect| tree.contains(**effect));
        complaints
            .extend(found.map(|effect| format!("{name} depends on {effect} (see `cargo tree -p {name} -i {effect}`)")));
    }
    Ok(complaints)
}

/// The arrows between our packages are the drawn ones.
fn own_arrows(packages: &BTreeMap<String, BTreeSet<String>>, complaints: &mut Vec<String>) {
    let ours: BTreeSet<_> = OURS.iter().map(|(name, _)| *name).collect();
    for (package, uses) in packages {
        let Some((_, allowed)) = OURS.iter().find(|(name, _)| name == package) else {
            complaints.push(format!("{package} is a new package: draw it in ARCHITECTURE.md and in tidy's list"));
            continue;
        };
        let wrong = uses.iter().filter(|used| ours.contains(used.as_str()) && !allowed.contains(&used.as_str()));
        complaints.extend(wrong.map(|used| format!("{package} must not depend on {used}")));
    }
}

/// Each workspace package and its direct dependencies (not those for tests).
fn metadata(manifest: &str) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let mut cargo = process::command("cargo");
    cargo.args(["metadata", "--format-version", "1", "--no-deps", "--manifest-path", manifest]);
    let text = process::output(&mut cargo).with_context(|| format!("`cargo metadata` fails for {manifest}"))?;
    let value: Value = serde_json::from_str(&text)?;
    let packages = value["packages"].as_array().context("`cargo metadata` tells no packages")?;
    if packages.is_empty() {
        bail!("`cargo metadata` tells no packages for {manifest}");
    }
    Ok(packages.iter().map(|package| (string(&package["name"]), direct(package))).collect())
}

fn direct(package: &Value) -> BTreeSet<String> {
    let dependencies = package["dependencies"].as_array().into_iter().flatten();
    dependencies.filter(|used| used["kind"] != "dev").map(|used| string(&used["name"])).collect()
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Every package that `name`'s own build contains, with the features that it asks for itself.
fn tree(name: &str) -> Result<BTreeSet<String>> {
    let mut cargo = process::command("cargo");
    cargo.args(["tree", "--package", name, "--edges", "normal,build", "--prefix", "none", "--format", "{p}"]);
    let text = process::output(&mut cargo).with_context(|| format!("`cargo tree` fails for {name}"))?;
    Ok(text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect())
}

fn in_lock_file(name: &str) -> bool {
    let lock = std::fs::read_to_string(paths::root().join("Cargo.lock")).unwrap_or_default();
    lock.lines().any(|line| line == format!("name = \"{name}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrow_that_is_not_drawn_is_told() {
        let uses = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let packages = BTreeMap::from([
            ("apiscope-wire".to_owned(), uses(&["apiscope-audit", "memchr"])),
            ("apiscope-audit".to_owned(), uses(&["apiscope-wire"])),
            ("apiscope-more".to_owned(), uses(&[])),
        ]);
        let mut complaints = Vec::new();
        own_arrows(&packages, &mut complaints);
        assert_eq!(complaints.len(), 2, "{complaints:?}");
        assert!(complaints[0].starts_with("apiscope-more is a new package"));
        assert_eq!(complaints[1], "apiscope-wire must not depend on apiscope-audit");
    }

    #[test]
    fn the_agent_has_the_effects_that_the_core_lacks() {
        let tree = tree("apiscope").expect("cargo tree works");
        assert!(tree.contains("tokio") && tree.contains("aya") && tree.contains("rusqlite"), "{tree:?}");
    }
}
