//! The agent as its user runs it: the real binary, a configuration file, its command line.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::net::free_port;
use super::{Running, run, wait_for};

/// The binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_apiscope");

/// An agent with files of its own.
pub struct Agent {
    /// Configuration, store, socket, output.
    pub folder: tempfile::TempDir,
    /// Where `/metrics` is.
    pub metrics_port: u16,
    running: Option<Running>,
}

impl Agent {
    /// Writes the configuration (`extra` is added to the basics) without starting.
    pub fn configure(extra: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let metrics_port = free_port();
        let at = folder.path().display();
        // The extra comes first, so that it may begin with keys of no section.
        // No first week: what is found is told at once.
        let text = format!(
            "environment = \"test\"\n{extra}\n\n[findings]\nlearning = \"0s\"\n\n[metrics]\nlisten = \"127.0.0.1:{metrics_port}\"\n\n[control]\nsocket = \"{at}/apiscope.sock\"\n\n[store]\ndir = \"{at}/store\"\n"
        );
        std::fs::write(folder.path().join("apiscope.toml"), text).expect("the configuration can be written");
        Self { folder, metrics_port, running: None }
    }

    /// Configures, starts and waits until it captures.
    pub fn start(extra: &str) -> Self {
        let mut this = Self::configure(extra);
        this.launch();
        this
    }

    /// Starts (again) with the same files.
    pub fn launch(&mut self) {
        let log = self.log_file("agent.log");
        let running = Running::start(
            Command::new(BINARY)
                .args(["run", "--config"])
                .arg(self.path("apiscope.toml"))
                .stdout(log.try_clone().expect("a file can be shared"))
                .stderr(log),
        );
        self.running = Some(running);
        let port = self.metrics_port;
        wait_for("the agent is ready", Duration::from_secs(20), || {
            let alive = self.running.as_mut().is_some_and(Running::is_alive);
            assert!(alive, "the agent has ended:\n{}", self.log());
            let status = Command::new("curl")
                .args(["-sf", "-o", "/dev/null", &format!("http://127.0.0.1:{port}/-/ready")])
                .status();
            status.ok().filter(std::process::ExitStatus::success)
        });
    }

    /// A path in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn log_file(&self, name: &str) -> File {
        File::options().create(true).append(true).open(self.path(name)).expect("a log can be opened")
    }

    /// All that it has said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("agent.log")).unwrap_or_default()
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Running {
        self.running.as_mut().expect("the agent was started")
    }

    /// A client command that talks to it.
    pub fn client(&self, command: &str) -> Command {
        let mut client = Command::new(BINARY);
        client.arg(command).arg("--config").arg(self.path("apiscope.toml"));
        client
    }

    /// Runs a client command and reads its JSON.
    pub fn json(&self, command: &str) -> Value {
        let text = run(self.client(command).args(["-o", "json"]));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("`{command} -o json` gives no JSON: {error}\n{text}"))
    }

    /// Starts `watch -o jsonl` into a file; give it a moment before the traffic.
    pub fn watch(&self) -> Watch {
        let path = self.path("watch.jsonl");
        let file = File::create(&path).expect("a file can be made");
        let running =
            Running::start(self.client("watch").args(["-o", "jsonl"]).stdout(file).stderr(self.log_file("watch.err")));
        std::thread::sleep(Duration::from_millis(700));
        Watch { path, _running: running }
    }

    /// `/metrics`.
    pub fn metrics(&self) -> String {
        run(Command::new("curl").args(["-sf", &format!("http://127.0.0.1:{}/metrics", self.metrics_port)]))
    }

    /// The sum of a metric's series whose labels contain `filter`.
    pub fn metric(&self, name: &str, filter: &str) -> f64 {
        self.metrics()
            .lines()
            .filter(|line| {
                line.starts_with(name) && line[name.len()..].starts_with(['{', ' ']) && line.contains(filter)
            })
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    /// SIGTERM, and its exit status.
    pub fn stop(&mut self) -> std::process::ExitStatus {
        let mut running = self.running.take().expect("the agent was started");
        running.signal("TERM");
        running.wait(Duration::from_secs(15))
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        let mut running = self.running.take().expect("the agent was started");
        running.signal("KILL");
        running.wait(Duration::from_secs(5));
    }
}

/// `apiscope watch -o jsonl` at work.
pub struct Watch {
    path: PathBuf,
    _running: Running,
}

impl Watch {
    /// The lines so far whose server port is `port`.
    pub fn exchanges(&self, port: u16) -> Vec<Value> {
        exchanges_in(&std::fs::read_to_string(&self.path).unwrap_or_default(), port)
    }

    /// Waits until there are at least so many, and then a moment for those too many.
    pub fn wait(&self, port: u16, count: usize) -> Vec<Value> {
        let end = std::time::Instant::now() + Duration::from_secs(20);
        while self.exchanges(port).len() < count && std::time::Instant::now() < end {
            std::thread::sleep(Duration::from_millis(100));
        }
        std::thread::sleep(Duration::from_millis(500));
        self.exchanges(port)
    }

    /// As [`Self::wait`], of those that have ended: one that takes long is told while it runs, too.
    pub fn wait_for_ended(&self, port: u16, count: usize) -> Vec<Value> {
        let ended = || self.exchanges(port).into_iter().filter(|row| row.get("running").is_none()).collect::<Vec<_>>();
        let end = std::time::Instant::now() + Duration::from_secs(20);
        while ended().len() < count && std::time::Instant::now() < end {
            std::thread::sleep(Duration::from_millis(100));
        }
        std::thread::sleep(Duration::from_millis(500));
        ended()
    }
}

/// The lines of a JSON lines text whose server port is `port`; a last line that is still being written is left out.
pub fn exchanges_in(text: &str, port: u16) -> Vec<Value> {
    let suffix = format!(":{port}");
    text.split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
        .map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("no JSON: {error}: {line}")))
        .filter(|line| line["server"].as_str().is_some_and(|server| server.ends_with(&suffix)))
        .collect()
}

/// `replay --exchanges -o jsonl` of a capture file.
pub fn replay_exchanges(file: &Path, port: u16) -> Vec<Value> {
    let text =
        run(Command::new(BINARY).arg("replay").arg(file).args(["--exchanges", "-o", "jsonl"]).stderr(Stdio::null()));
    exchanges_in(&text, port)
}
