//! What the tests share: made-up findings, a small HTTP server that does what it is told, and processes that end with their test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use apiscope::store::Store;
use apiscope_audit::exchange::{ApiId, ConsumerId, Method};
use apiscope_audit::finding::{Evidence, FindingId, FindingRow, Severity, Status, Transition};
use apiscope_audit::ledger::{Quiet, Said, Why};
use apiscope_audit::secret::{Fingerprint, Masked};
use apiscope_audit::{Alert, Change};
use apiscope_wire::{ExchangeId, FlowId, Timestamp};

/// Now, from the system's clock: the real programs that are told live in it.
pub(crate) fn now() -> Timestamp {
    apiscope::store::system_clock()()
}

/// A finding on `POST route` that has just opened.
pub(crate) fn opened(route: &str, at: Timestamp) -> FindingRow {
    let (api, method) = (ApiId::new("orders-api"), Method::new("POST"));
    let kind = apiscope_audit::detect::kind_named("cleartext-credential").expect("the kind is in the list");
    let consumer = ConsumerId::Credential(Fingerprint::from_stored(0x9f2c));
    FindingRow {
        id: FindingId::of("test", &api, kind.name, &method, route),
        kind,
        api,
        method,
        route: route.into(),
        owner: Some("payments".into()),
        severity: Severity::High,
        because: Masked::from_stored("crosses eth0 (private)"),
        status: Status::Open,
        levels: Vec::new(),
        quiet: None,
        opened: at,
        first: at,
        last: at,
        resolved: None,
        count: 1,
        calls: 1,
        consumers: vec![consumer],
        consumers_more: false,
        evidence: vec![Evidence {
            at,
            call: Some(ExchangeId { flow: FlowId::new(u64::MAX), index: 2 }),
            consumer: Some(consumer),
            severity: Severity::High,
            what: Masked::from_stored("Authorization: Basic ****, user a***n"),
        }],
        classes: Vec::new(),
        revision: 1,
        transition: Transition::Opened,
    }
}

/// The same finding after another transition.
pub(crate) fn changed(before: &FindingRow, transition: Transition, at: Timestamp) -> FindingRow {
    let mut row = before.clone();
    (row.transition, row.last, row.revision) = (transition, at, row.revision + 1);
    match transition {
        Transition::Resolved => (row.status, row.resolved) = (Status::Resolved, Some(at)),
        Transition::Escalated => row.severity = Severity::Critical,
        Transition::Eased => row.severity = Severity::Low,
        Transition::Quieted => {
            let (why, until) = (Why::Accepted, at.plus(Duration::from_hours(1)));
            row.quiet = Some(Quiet { why, since: at, until, by: Said::new("ann"), reason: Said::new("a lab") });
        }
        Transition::Resumed => row.quiet = None,
        Transition::Opened | Transition::Reopened => (row.status, row.resolved, row.opened) = (Status::Open, None, at),
    }
    row
}

/// What the core gives for a transition: the row, then the alert.
pub(crate) fn changes(row: &FindingRow) -> [Change; 2] {
    let alert = Alert { transition: row.transition, finding: row.clone() };
    [Change::Finding(Box::new(row.clone())), Change::Alert(Box::new(alert))]
}

/// Gives the store what the core gives for a transition.
pub(crate) fn tell(store: &Store, row: &FindingRow) {
    for change in changes(row) {
        store.apply(&change);
    }
}

/// Numbers without a pattern, the same in every run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Waits until `found` gives something; fails after `seconds`.
pub(crate) fn wait_for<T>(what: &str, seconds: u64, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        if let Some(value) = found() {
            return value;
        }
        assert!(Instant::now() < deadline, "{what}: not within {seconds} s");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A process that ends with the test, also when that fails.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }
}

impl Running {
    /// Asks it to end, and waits: it may write down what it knows.
    pub(crate) fn end(mut self) {
        let asked = Command::new("kill").args(["-s", "TERM", &self.0.id().to_string()]).status();
        assert!(asked.is_ok_and(|status| status.success()));
        wait_for("it ends", 60, || self.0.try_wait().expect("it is a child"));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that nothing listens on, below those that the kernel gives to clients: one of these could have it before the server does.
pub(crate) fn free_port() -> u16 {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    loop {
        let tried = TRIED.fetch_add(1, Ordering::Relaxed);
        assert!(tried < 10_000, "no free port");
        let port = 20_000 + (std::process::id().wrapping_mul(61) + tried) % 12_000;
        let port = u16::try_from(port).expect("below 32,768");
        if TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() {
            return port;
        }
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// What was answered; `None`: the connection was closed without an answer.
    pub(crate) answer: Option<u16>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

/// Decides what to answer, by the number of the request.
pub(crate) type Answer = Box<dyn FnMut(usize) -> Option<u16> + Send>;

/// A server on loopback that keeps what it was sent.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Serves in threads that last as long as the test process.
    pub(crate) fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port");
        let address = listener.local_addr().expect("it has an address");
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (kept, answer) = (Arc::clone(&seen), Arc::new(Mutex::new(answer)));
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                std::thread::spawn(move || serve(connection, &kept, &answer));
            }
        });
        Self { address, seen }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().expect("no test thread panics with it").clone()
    }
}

/// One request a connection. One that is cut off (its sender was killed) is no request.
fn serve(connection: TcpStream, kept: &Mutex<Vec<Request>>, answer: &Mutex<Answer>) -> Option<()> {
    connection.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let mut reader = BufReader::new(connection.try_clone().ok()?);
    let (mut line, mut headers) = (String::new(), Vec::new());
    reader.read_line(&mut line).ok()?;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_owned(), value.trim().to_owned())),
            None => break,
        }
    }
    let mut request = Request { headers, body: Vec::new(), answer: None };
    request.body = vec![0; request.header("content-length").parse().ok()?];
    reader.read_exact(&mut request.body).ok()?;
    let mut kept = kept.lock().ok()?;
    request.answer = (answer.lock().ok()?)(kept.len());
    let status = request.answer;
    kept.push(request);
    drop(kept);
    let mut connection = connection;
    write!(connection, "HTTP/1.1 {} x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", status?).ok()
}

/// A GET on loopback.
pub(crate) fn get(port: u16, path: &str) -> Option<String> {
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    connection.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(connection, "GET {path} HTTP/1.0\r\nhost: localhost\r\n\r\n").ok()?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.contains(" 200 ").then(|| body.to_owned())
}
