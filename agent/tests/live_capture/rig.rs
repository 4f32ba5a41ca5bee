//! The stage: a real nginx, a network namespace of the test's own, and a running capture. All of it ends with the test.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use apiscope::capture::live::{Config, Live};

use crate::account::Account;

/// Whether the test can run; fails in CI if not, else says loudly that it is skipped.
pub(crate) fn may_run() -> bool {
    let missing = missing();
    if missing.is_empty() {
        return true;
    }
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "cannot run in CI: {missing}");
    eprintln!("\n*** SKIPPED, nothing was tested: {missing} ***\n");
    false
}

fn missing() -> String {
    let bad: Vec<String> = apiscope::capture::need::facts()
        .into_iter()
        .filter(|fact| !fact.ok)
        .map(|fact| format!("{}: {}", fact.what, fact.found))
        .collect();
    if !bad.is_empty() {
        return bad.join("; ");
    }
    let absent = ["nginx", "curl", "ip"]
        .into_iter()
        .filter(|tool| !Path::new("/usr/sbin").join(tool).exists() && !in_path(tool));
    absent.map(|tool| [tool, " is not installed; "].concat()).collect()
}

fn in_path(tool: &str) -> bool {
    std::env::var("PATH").unwrap_or_default().split(':').any(|folder| Path::new(folder).join(tool).exists())
}

/// One test at a time: they share the host's cgroup root and its two cores.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A port that is free now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("[::]:0").unwrap().local_addr().unwrap().port()
}

/// A network namespace with a veth pair to this one: an address of each family at both ends.
pub(crate) struct Namespace {
    pub(crate) name: String,
    /// The end of the pair on this side.
    here: String,
    pub(crate) v4: String,
    pub(crate) v6: String,
}

impl Namespace {
    pub(crate) fn new() -> Self {
        let id = std::process::id() & 0x3fff;
        let name = format!("apiscope{id}");
        let net4 = format!("10.{}.{}", 64 + (id >> 8), id & 255);
        let net6 = format!("fd00:a91:{id:x}:");
        let here = format!("as{id}");
        // What a killed test of the same process id has left.
        remove(&name, &here);
        run("ip", &["netns", "add", &name]);
        run("ip", &["link", "add", &here, "type", "veth", "peer", "name", "eth0", "netns", &name]);
        for (net, end) in [(None, 1), (Some(&name), 2)] {
            let device = if net.is_some() { "eth0" } else { &here };
            let ip = |words: &[&str]| match net {
                Some(name) => run("ip", &[&["-n", name], words].concat()),
                None => run("ip", words),
            };
            ip(&["addr", "add", &format!("{net4}.{end}/24"), "dev", device]);
            ip(&["addr", "add", &format!("{net6}:{end}/64"), "dev", device, "nodad"]);
            // Packets far larger than a record, and than 64 KiB (BIG TCP).
            ip(&["link", "set", device, "up", "gso_max_size", "190000", "gro_max_size", "190000"]);
        }
        run("ip", &["-n", &name, "link", "set", "lo", "up"]);
        Self { name, here, v4: format!("{net4}.2"), v6: format!("{net6}:2") }
    }
}

/// Takes namespace and pair away. The pair first: with its namespace alone it would go some time later, and the next test, which
/// gives it the same name, could meet it.
fn remove(name: &str, here: &str) {
    for words in [["link", "delete", here], ["netns", "delete", name]] {
        let _ = Command::new("ip").args(words).stderr(Stdio::null()).status();
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        remove(&self.name, &self.here);
    }
}

/// What nginx's access log says of a connection: bytes of requests and responses, and how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Logged {
    pub(crate) client_port: u16,
    pub(crate) requests: usize,
    pub(crate) received: u64,
    pub(crate) sent: u64,
}

/// A running nginx.
pub(crate) struct Nginx {
    folder: tempfile::TempDir,
    child: Child,
    pub(crate) port: u16,
}

impl Nginx {
    /// Starts it, in a namespace or here, with `listen` lines for this port (`{port}` stands for it).
    pub(crate) fn start(namespace: Option<&Namespace>, listen: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let lines: Vec<String> = listen.iter().map(|line| ["listen ", line, ";"].concat()).collect();
        let lines = lines.join("\n").replace("{port}", &port.to_string());
        let root = folder.path().display().to_string();
        let config = include_str!("nginx.conf").replace("LISTEN;", &lines).replace("ROOT", &root);
        fs::write(folder.path().join("nginx.conf"), config).unwrap();
        fs::create_dir(folder.path().join("www")).unwrap();
        fs::write(folder.path().join("www/small"), "s".repeat(1000)).unwrap();
        open_to_workers(folder.path());
        let file = folder.path().join("nginx.conf");
        let mut command = match namespace {
            Some(namespace) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", &namespace.name, "nginx"]);
                command
            }
            None => Command::new("nginx"),
        };
        let log = File::create(folder.path().join("stderr")).unwrap();
        let child = command.arg("-c").arg(&file).args(["-p", &root]).stderr(log).spawn().unwrap();
        let nginx = Self { folder, child, port };
        nginx.wait();
        nginx
    }

    /// A file of zeros to serve, without blocks on the disk.
    pub(crate) fn serve_zeros(&self, name: &str, len: u64) {
        let file = File::create(self.folder.path().join("www").join(name)).unwrap();
        file.set_len(len).unwrap();
    }

    fn wait(&self) {
        let until = Instant::now() + Duration::from_secs(20);
        while !self.folder.path().join("nginx.pid").exists() {
            assert!(
                Instant::now() < until,
                "nginx did not start: {}",
                fs::read_to_string(self.folder.path().join("stderr")).unwrap()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// What its access log says, one entry a connection. nginx writes a line after the response is sent.
    pub(crate) fn logged(&self, requests: usize) -> Vec<Logged> {
        let path = self.folder.path().join("access.log");
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let text = fs::read_to_string(&path).unwrap_or_default();
            if text.lines().count() >= requests {
                assert_eq!(text.lines().count(), requests, "{text}");
                return connections(&text);
            }
            assert!(Instant::now() < until, "{requests} requests awaited, logged: {text}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Lines of `connection client_port request_length bytes_sent`.
fn connections(text: &str) -> Vec<Logged> {
    let mut found: std::collections::BTreeMap<u64, Logged> = std::collections::BTreeMap::new();
    for line in text.lines() {
        let words: Vec<u64> = line.split(' ').map(|word| word.parse().unwrap()).collect();
        let [connection, port, received, sent] = words[..] else { panic!("{line}") };
        let entry = found.entry(connection).or_default();
        entry.client_port = u16::try_from(port).unwrap();
        entry.requests += 1;
        entry.received += received;
        entry.sent += sent;
    }
    found.into_values().collect()
}

fn open_to_workers(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
}

impl Drop for Nginx {
    fn drop(&mut self) {
        if let Some(pid) =
            fs::read_to_string(self.folder.path().join("nginx.pid")).ok().and_then(|pid| pid.trim().parse().ok())
        {
            // SAFETY: a call without pointers; the process is the nginx that was started here.
            unsafe { libc::kill(pid, libc::SIGTERM) };
        }
        let _ = self.child.wait();
    }
}

/// A running capture with the account of what it gave.
pub(crate) struct Capture {
    pub(crate) live: Live,
    pub(crate) account: Account,
}

impl Capture {
    pub(crate) fn start(ports: &[u16]) -> Self {
        Self::with(ports, &Config::default())
    }

    pub(crate) fn with(ports: &[u16], config: &Config) -> Self {
        Self { live: Live::start(config).unwrap(), account: Account::of(ports) }
    }

    pub(crate) fn drain(&mut self) {
        let account = &mut self.account;
        self.live.drain(&mut |input| account.take(&input));
    }

    /// Drains while a command runs, and once more after it.
    pub(crate) fn during(&mut self, command: &mut Command) -> Output {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        while child.try_wait().unwrap().is_none() {
            self.drain();
            self.live.wait();
        }
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{command:?}: {output:?}");
        output
    }

    /// Drains until `done` says so.
    pub(crate) fn until(&mut self, what: &str, mut done: impl FnMut(&Account) -> bool) {
        let until = Instant::now() + Duration::from_secs(20);
        while !done(&self.account) {
            assert!(Instant::now() < until, "{what} did not come: {:#?}", self.account.flows);
            self.drain();
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// How often something was missed, for any reason.
    pub(crate) fn missed(&self) -> u64 {
        self.live.stats().missed.iter().map(|missed| missed.count).sum()
    }
}

/// curl, quiet, to /dev/null.
pub(crate) fn curl(words: &[&str]) -> Command {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--globoff", "--noproxy", "*", "--max-time", "60"]).args(words);
    command
}

/// A connection with its own port, for requests by hand.
pub(crate) fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Lets this process have so many files open.
pub(crate) fn allow_files(count: u64) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: one live structure, read and written.
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        limit.rlim_cur = limit.rlim_cur.max(count.min(limit.rlim_max));
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
    }
}

/// Keeps the calling thread on one processor until it ends. The kernel's list of least recently used entries has a part for each processor: those
/// made on one do not drive out, soon, those made on another.
pub(crate) fn stay_on_this_processor() {
    // SAFETY: a set of plain bits, written and then read within its size; the call takes no pointer that outlives it.
    let outcome = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(usize::try_from(libc::sched_getcpu()).unwrap(), &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set)
    };
    assert_eq!(outcome, 0, "{}", std::io::Error::last_os_error());
}

/// A directory of the cgroup v2 hierarchy, of the test's own.
pub(crate) struct Cgroup {
    pub(crate) path: PathBuf,
}

impl Cgroup {
    pub(crate) fn new(root: &Path) -> Self {
        let path = root.join(format!("apiscope-test-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self { path }
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.path);
    }
}

fn run(program: &str, words: &[&str]) {
    let output = Command::new(program).args(words).output().unwrap();
    assert!(output.status.success(), "{program} {words:?}: {}", String::from_utf8_lossy(&output.stderr));
}
