//! Starts the program, and waits for it without guessing.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long anything may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The program with arguments.
pub(crate) fn apiscope(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_apiscope")).args(arguments).output().unwrap()
}

/// Both streams as text.
pub(crate) fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

/// Whether live capture can be tested here. Where it can't, that is said loudly; in CI it fails.
pub(crate) fn capture_works() -> bool {
    let (stdout, _) = texts(&apiscope(&["doctor", "--json"]));
    let groups: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    let capture = groups["items"].as_array().unwrap().iter().find(|group| group["name"] == "capture").unwrap();
    let failed: Vec<_> = capture["checks"].as_array().unwrap().iter().filter(|check| check["ok"] == false).collect();
    if !failed.is_empty() {
        assert!(std::env::var("CI").is_err(), "capture does not work in CI: {failed:#?}");
        eprintln!("SKIPPED, because capture does not work here: {failed:#?}");
    }
    failed.is_empty()
}

/// A directory of a test's own, with a configuration whose socket, store and port are its own too.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
    pub(crate) port: u16,
}

impl Place {
    pub(crate) fn new() -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let place = Self { dir: tempfile::tempdir().unwrap(), port };
        place.configure("");
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn config(&self) -> String {
        self.path("apiscope.toml").display().to_string()
    }

    /// Writes the configuration; `more` comes after what every test needs.
    pub(crate) fn configure(&self, more: &str) {
        let text = format!(
            "[control]\nsocket = \"agent.sock\"\n[store]\ndir = \"store\"\n[metrics]\nlisten = \"127.0.0.1:{}\"\n[findings]\nlearning = \"0s\"\n{more}",
            self.port
        );
        std::fs::write(self.config(), text).unwrap();
    }

    pub(crate) fn ask(&self, command: &str) -> Output {
        apiscope(&[command, "--config", &self.config()])
    }

    /// An answer as JSON.
    pub(crate) fn json(&self, command: &str) -> serde_json::Value {
        let output = apiscope(&[command, "-o", "json", "--config", &self.config()]);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    }

    pub(crate) fn start(&self) -> Agent {
        self.start_with(&[])
    }

    pub(crate) fn start_with(&self, environment: &[(&str, &Path)]) -> Agent {
        let log = self.path("log");
        let file = std::fs::File::create(&log).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_apiscope"))
            .args(["run", "--config", &self.config()])
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .unwrap();
        let mut agent = Agent { child, log };
        agent.wait_for("ready;");
        agent
    }
}

/// A running agent; killed when the test ends.
pub(crate) struct Agent {
    child: Child,
    log: PathBuf,
}

impl Agent {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn log(&self) -> String {
        read(&self.log)
    }

    /// Waits until the log says so.
    pub(crate) fn wait_for(&mut self, text: &str) {
        let begin = Instant::now();
        while !self.log().contains(text) {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "ended with {ended:?} before it said {text:?}: {}", self.log());
            assert!(begin.elapsed() < PATIENCE, "never said {text:?}: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let done = Command::new("kill").args(["-s", name, &self.pid().to_string()]).status().unwrap();
        assert!(done.success());
    }

    /// How it ended, and how long that took from now.
    pub(crate) fn wait(&mut self) -> (ExitStatus, Duration) {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, begin.elapsed());
            }
            assert!(begin.elapsed() < PATIENCE, "does not end: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until `look` gives something.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begin.elapsed() < PATIENCE, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A plain HTTP/1.1 request, answered by whoever listens there.
pub(crate) fn http(port: u16, request: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "{request}\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
