//! Other programs: started with a clean environment, followed line by line, their failure told with their last words.

use crate::{paths, progress::Progress};
use anyhow::{Context, Result, bail};
use std::{
    collections::VecDeque,
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

/// What `cargo run` and rustup's proxies leave in the environment and a child must not inherit: it would choose the
/// child's compiler or libraries for it.
const INHERITED: [&str; 10] = [
    "CARGO",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "LD_LIBRARY_PATH",
    "RUSTC",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
    "RUSTUP_TOOLCHAIN",
];

/// How many of a failed program's last lines are shown.
const LAST_LINES: usize = 30;

/// A command in the repository's root with the user's own environment, for the workspace's compiler.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(paths::root());
    // What cargo has set for this program would make build scripts that look at it (ring's does) run again each time.
    let of_this_program = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| {
            of_this_program(name) || ["LD_LIBRARY_PATH", "CARGO_BIN_NAME", "CARGO_CRATE_NAME"].contains(&name)
        }) {
            command.env_remove(name);
        }
    }
    command
}

/// A command for another compiler than the workspace's: nothing chosen for this one reaches it.
pub(crate) fn command_apart(program: &str) -> Command {
    let mut command = command(program);
    for name in INHERITED {
        command.env_remove(name);
    }
    // A look at a toolchain must not install it.
    command.env("RUSTUP_AUTO_INSTALL", "0");
    command
}

/// Runs it, output straight to the terminal.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    let status = command.status().with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed: {status}");
    }
    Ok(())
}

/// Its standard output, or nothing if it cannot start or fails: for looking at what is there.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs it with its output in `target/setup/<log>`, each line also given to `line`.
pub(crate) fn follow(
    command: &Command,
    log: &str,
    progress: &mut Progress,
    mut line: impl FnMut(&str, &mut Progress),
) -> Result<()> {
    let folder = paths::target().join("setup");
    fs::create_dir_all(&folder)?;
    let path = folder.join(log);
    let mut file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    let shown = shown(command);
    let mut child = with_one_output(command).spawn().with_context(|| format!("cannot start `{shown}`"))?;
    let mut last = VecDeque::new();
    for text in BufReader::new(child.stdout.take().expect("piped above")).split(b'\n') {
        let text = String::from_utf8_lossy(&text?).into_owned();
        writeln!(file, "{text}")?;
        line(&text, progress);
        if last.len() == LAST_LINES {
            last.pop_front();
        }
        last.push_back(text);
    }
    let status = child.wait()?;
    if !status.success() {
        let last = Vec::from(last).join("\n  ");
        bail!("`{shown}` failed: {status}\nIts last lines (all of them: {}):\n  {last}", path.display());
    }
    Ok(())
}

/// The same command with stderr in stdout, so that one reader sees the lines in their order.
fn with_one_output(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$@\" 2>&1", "sh"]).arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        shell.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.stdin(Stdio::null()).stdout(Stdio::piped());
    shell
}

/// The command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
