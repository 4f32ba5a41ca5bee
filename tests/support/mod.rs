//! What the end-to-end tests share: real programs in the foreground, on free loopback ports or in a network namespace of the
//! test's own, with their files in a temporary directory; ended by a guard, also when the test fails.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]

pub mod agent;
pub mod net;
pub mod nginx;
pub mod recorder;

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Whether a test that needs root, BPF and network namespaces can run. In CI it fails if it can't; elsewhere it says so.
pub fn can_run_live(test: &str) -> bool {
    can_run(test, what_is_missing())
}

/// The same of a test that also needs these modules of Debian's Python.
pub fn can_run_live_with_python(test: &str, modules: &str) -> bool {
    let python = || {
        let status = Command::new(PYTHON).args(["-c", &format!("import {modules}")]).stderr(Stdio::null()).status();
        let there = status.is_ok_and(|status| status.success());
        (!there).then(|| format!("{PYTHON} does not import {modules}: run cargo xtask setup"))
    };
    can_run(test, what_is_missing().or_else(python))
}

/// The same of a test that also needs a program which the set-up put below `target/tools`.
pub fn can_run_live_with(test: &str, program: &Path) -> bool {
    let missing = || (!program.is_file()).then(|| format!("{} is missing: run cargo xtask setup", program.display()));
    can_run(test, what_is_missing().or_else(missing))
}

/// Debian's own: the first `python3` of the path may be another, without Debian's modules.
pub const PYTHON: &str = "/usr/bin/python3";

fn can_run(test: &str, missing: Option<String>) -> bool {
    let Some(missing) = missing else { return true };
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!in_ci, "{test} must run in CI, but {missing}");
    eprintln!("\n*** SKIPPED {test}: {missing} ***\n");
    false
}

fn what_is_missing() -> Option<String> {
    // SAFETY: geteuid has no preconditions and cannot fail.
    #[expect(unsafe_code, reason = "no safe wrapper in std")]
    let euid = unsafe { libc::geteuid() };
    if euid != 0 {
        return Some("it needs root (BPF and network namespaces)".to_owned());
    }
    for program in ["nginx", "curl", "ip", "tcpdump"] {
        if Command::new("which").arg(program).stdout(Stdio::null()).status().map_or(true, |status| !status.success()) {
            return Some(format!("`{program}` is not installed: run cargo xtask setup"));
        }
    }
    None
}

/// A program that ends with its guard.
pub struct Running {
    child: Child,
    name: String,
}

impl Running {
    /// Starts it.
    pub fn start(command: &mut Command) -> Self {
        let name = format!("{command:?}");
        let child = command.stdin(Stdio::null()).spawn().unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        Self { child, name }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let _ = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .stderr(Stdio::null())
            .status();
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end; panics past the time.
    pub fn wait(&mut self, limit: Duration) -> std::process::ExitStatus {
        let end = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                return status;
            }
            assert!(Instant::now() < end, "{} has not ended within {limit:?}", self.name);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // TERM first, so that a server ends its workers; then KILL.
        self.signal("TERM");
        let end = Instant::now() + Duration::from_secs(3);
        while Instant::now() < end {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end and gives its stdout; panics if it fails.
pub fn run(command: &mut Command) -> String {
    let output =
        command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Waits until `ready` gives something; panics with `what` past the time.
pub fn wait_for<T>(what: &str, limit: Duration, mut ready: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(Instant::now() < end, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Every byte of every file below a folder, for searches.
pub fn all_bytes_below(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() {
                let mut bytes = Vec::new();
                if std::fs::File::open(&path).and_then(|mut file| file.read_to_end(&mut bytes)).is_ok() {
                    found.push((path, bytes));
                }
            }
        }
    }
    found
}
