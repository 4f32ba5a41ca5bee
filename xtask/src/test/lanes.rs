//! The test binaries: first those that touch nobody else, the one that mostly waits beside those that compute; then, alone and one
//! after the other, those that watch this host's traffic, for they would see that of the others.

use super::verdict::{self, Verdict};
use crate::process;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::{path::PathBuf, process::Stdio, thread};

/// The integration test that waits more than it computes: for receivers to come back.
const WAITING: &str = "receivers";

/// The integration tests whose agent watches the whole host.
const WATCHING: [&str; 6] = ["contract", "leaks", "live", "live_capture", "metrics", "oncall"];

/// One test binary, as cargo built it.
#[derive(Clone)]
struct Binary {
    name: String,
    executable: PathBuf,
    /// Where cargo would start it.
    folder: PathBuf,
}

/// Builds all tests of the workspace and runs them; every failing binary is named at the end.
pub(super) fn run() -> Result<()> {
    let (watching, others): (Vec<_>, Vec<_>) =
        build()?.into_iter().partition(|binary| WATCHING.contains(&&*binary.name));
    let (waiting, working): (Vec<_>, Vec<_>) = others.into_iter().partition(|binary| binary.name == WAITING);
    if watching.len() != WATCHING.len() || waiting.len() != 1 {
        bail!(
            "not all of {WAITING} and {WATCHING:?} were built: bring the lists in xtask/src/test/lanes.rs up to date"
        );
    }
    let beside = thread::spawn(move || beside(&waiting));
    let mut verdict = one_by_one(&working)?;
    for (binary, success, lines) in
        beside.join().map_err(|_| anyhow::anyhow!("the waiting tests' lane ended by a defect"))??
    {
        verdict.judge(&binary.name, success, &lines, |tests| binary.again(tests))?;
    }
    verdict.join(one_by_one(&watching)?);
    if process::run(process::command("cargo").args(["test", "--quiet", "--workspace", "--doc"])).is_err() {
        verdict.failed.push("doc tests".into());
    }
    if !verdict.unsteady.is_empty() {
        eprintln!("\nUNSTEADY, failed once and passed alone (mend them): {}", verdict.unsteady.join(", "));
    }
    if !verdict.failed.is_empty() {
        bail!("these tests failed: {}. One alone: cargo test --workspace --test NAME", verdict.failed.join(", "));
    }
    Ok(())
}

/// Runs them while others run. Their output is shown whole when they have ended, so that the lanes do not mix.
fn beside(binaries: &[Binary]) -> Result<Vec<(Binary, bool, String)>> {
    let run = |binary: &Binary| {
        let output = binary.command().stdin(Stdio::null()).output().with_context(|| binary.start_failed())?;
        let lines = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        eprint!("\n     Ran beside: {}\n{lines}{errors}", binary.executable.display());
        Ok((binary.clone(), output.status.success(), lines))
    };
    binaries.iter().map(run).collect()
}

/// Runs them, output straight to the terminal.
fn one_by_one(binaries: &[Binary]) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    for binary in binaries {
        eprintln!("\n     Running {}", binary.executable.display());
        let (success, lines) = verdict::shown(&mut binary.command()).with_context(|| binary.start_failed())?;
        verdict.judge(&binary.name, success, &lines, |tests| binary.again(tests))?;
    }
    Ok(verdict)
}

impl Binary {
    fn command(&self) -> std::process::Command {
        let mut command = process::command(&self.executable.to_string_lossy());
        command.current_dir(&self.folder);
        command
    }

    /// Runs some of its tests alone, one after the other; whether all passed.
    fn again(&self, tests: &[&str]) -> Result<bool> {
        let mut command = self.command();
        command.args(tests).args(["--exact", "--test-threads", "1"]);
        Ok(command.status().with_context(|| self.start_failed())?.success())
    }

    fn start_failed(&self) -> String {
        format!("cannot start {}", self.executable.display())
    }
}

/// What of cargo's messages tells a test binary; see "External tools" in the Cargo book.
#[derive(Deserialize)]
struct Artifact {
    manifest_path: PathBuf,
    target: Target,
    profile: Profile,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

fn build() -> Result<Vec<Binary>> {
    let mut cargo = process::command("cargo");
    cargo.args(["test", "--workspace", "--no-run", "--message-format", "json-render-diagnostics"]);
    let output = cargo.stderr(Stdio::inherit()).output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("`{}` failed: {}", process::shown(&cargo), output.status);
    }
    Ok(binaries(&String::from_utf8_lossy(&output.stdout)))
}

fn binaries(messages: &str) -> Vec<Binary> {
    // Other messages lack the fields of an artifact.
    let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<Artifact>(line).ok());
    let tests = artifacts.filter(|artifact| artifact.profile.test);
    tests
        .filter_map(|artifact| {
            let folder = artifact.manifest_path.parent()?.to_owned();
            Some(Binary { name: artifact.target.name, executable: artifact.executable?, folder })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::binaries;

    #[test]
    fn tests_are_told_from_other_messages() {
        let artifact = |name: &str, test: bool, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"/w/agent/Cargo.toml","target":{{"name":"{name}","kind":["test"]}},"profile":{{"test":{test}}},"executable":{executable}}}"#
            )
        };
        let messages = [
            artifact("live", true, r#""/w/target/live-1""#),
            artifact("apiscope", false, r#""/w/target/apiscope""#),
            artifact("library", true, "null"),
            r#"{"reason":"build-finished","success":true}"#.to_owned(),
        ];
        let found = binaries(&messages.join("\n"));
        assert_eq!(found.len(), 1);
        assert_eq!((&*found[0].name, found[0].folder.to_str()), ("live", Some("/w/agent")));
    }
}
