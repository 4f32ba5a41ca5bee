//! Real traffic (nginx and curl on loopback), captured by tcpdump in several ways at once, converted by editcap, mergecap,
//! gzip and zstd: every file gives the exchanges that nginx logged and tshark sees.

use std::collections::HashMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use apiscope::capture::replay::Replay;
use apiscope_wire::{Event, ExchangeId, Limits, Start, Wire};

use super::support::{Scratch, read};

/// Ends the process with the test, also when it fails.
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A process that is asked to end (SIGTERM) and waited for.
pub(crate) fn stop(mut process: Process) {
    // SAFETY: kill only sends a signal; the id is that of a child that has not been waited for.
    unsafe { libc::kill(process.0.id().cast_signed(), libc::SIGTERM) };
    let _ = process.0.wait();
}

pub(crate) fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).stderr(Stdio::piped()).output().expect(program);
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Whether the tools are there and this user may capture; loud where not, and a failure in CI.
fn can_capture() -> bool {
    can_run(&["nginx", "curl", "tcpdump", "tshark", "editcap", "mergecap", "gzip", "zstd"])
}

/// The same with these tools.
pub(crate) fn can_run(tools: &[&'static str]) -> bool {
    let missing: Vec<&str> = tools
        .iter()
        .copied()
        .filter(|tool| {
            Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err()
        })
        .collect();
    // SAFETY: geteuid has no preconditions.
    let root = unsafe { libc::geteuid() } == 0;
    if missing.is_empty() && root {
        return true;
    }
    let ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!ci, "CI must run this test: missing {missing:?}, root {root}");
    eprintln!("SKIPPED: replay of real traffic needs root ({root}) and these tools: {missing:?}");
    false
}

fn server(scratch: &Scratch) -> (Process, u16) {
    let port = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound").port();
    let dir = scratch.path().display();
    fs::create_dir(scratch.path().join("www")).expect("a directory");
    fs::write(scratch.path().join("www/small.json"), br#"{"id": 1}"#).expect("a file");
    fs::write(scratch.path().join("www/large.bin"), vec![7; 400_000]).expect("a file");
    let config = format!(
        "daemon off; master_process off; pid {dir}/nginx.pid; error_log {dir}/error.log; user root;
         events {{ worker_connections 64; }}
         http {{
           log_format plain '$request_method $request_uri $status $body_bytes_sent'; access_log {dir}/access.log plain;
           client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
           uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
           server {{ listen 127.0.0.1:{port}; listen [::1]:{port}; root {dir}/www;
             location = /items {{ return 201 'created'; }} location = /none {{ return 204; }} }} }}"
    );
    let path = scratch.file("nginx.conf", config.as_bytes());
    let nginx = Command::new("nginx").arg("-c").arg(path).stderr(Stdio::null()).spawn().expect("nginx");
    let nginx = Process(nginx);
    let deadline = Instant::now() + Duration::from_secs(10);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "nginx does not listen");
        sleep(Duration::from_millis(20));
    }
    (nginx, port)
}

pub(crate) fn capture(path: &Path, port: u16, arguments: &[&str]) -> Process {
    capture_ports(path, &[port], arguments)
}

/// The same of several ports.
pub(crate) fn capture_ports(path: &Path, ports: &[u16], arguments: &[&str]) -> Process {
    let filter = ports.iter().map(|port| format!("tcp port {port}")).collect::<Vec<_>>().join(" or ");
    let child = Command::new("tcpdump")
        // Frames of the ring have the snap length: a shorter one gives more of them, and none is lost.
        .args(["-s", "66000", "--immediate-mode", "-U", "-B", "32768", "-Z", "root"])
        .args(arguments)
        .arg("-w")
        .arg(path)
        .arg(filter)
        .stderr(fs::File::create(path.with_extension("log")).expect("a log"))
        .spawn()
        .expect("tcpdump");
    let deadline = Instant::now() + Duration::from_secs(10);
    while fs::metadata(path).map_or(0, |file| file.len()) < 24 {
        assert!(Instant::now() < deadline, "tcpdump does not start");
        sleep(Duration::from_millis(20));
    }
    Process(child)
}

fn client(port: u16) {
    for host in ["127.0.0.1", "[::1]"] {
        let base = format!("http://{host}:{port}");
        let urls: Vec<String> = ["/small.json", "/small.json?x=1", "/none", "/missing", "/large.bin", "/small.json"]
            .iter()
            .map(|path| format!("{base}{path}"))
            .collect();
        let mut keep_alive: Vec<&str> = vec!["-s"];
        for url in &urls {
            keep_alive.extend(["-o", "/dev/null", url]);
        }
        run("curl", &keep_alive);
        run("curl", &["-s", "-o", "/dev/null", "-d", "name=x", &format!("{base}/items")]);
        run("curl", &["-s", "-I", &format!("{base}/small.json")]);
    }
}

/// The exchanges that wire reads: `METHOD TARGET STATUS`, and the bytes of the response's body as nginx counts them.
fn exchanges(path: &Path) -> Vec<String> {
    exchanges_of(Replay::open(&[path.to_path_buf()]).expect("opens"))
}

/// The same of what is open already.
pub(crate) fn exchanges_of(mut replay: Replay) -> Vec<String> {
    let mut wire = Wire::new(Limits::default());
    let mut requests: HashMap<ExchangeId, String> = HashMap::new();
    let mut exchanges = Vec::new();
    let mut more = true;
    while more {
        let mut verdicts = Vec::new();
        more = replay
            .next_inputs(&mut |input| {
                wire.handle(input, &mut |event| match event {
                    Event::Verdict(flow, verdict) => verdicts.push((flow, verdict)),
                    Event::Message(message) => {
                        assert!(message.complete, "{message:?}");
                        match message.start {
                            Start::Request { method, target } => {
                                let line = format!("{method} {}", String::from_utf8_lossy(target));
                                assert!(requests.insert(message.exchange, line).is_none(), "a request is given once");
                            }
                            Start::Response { status } => {
                                let request = requests.remove(&message.exchange).expect("the request comes first");
                                let sent = message.body.total.expect("an exact size");
                                exchanges.push(format!("{request} {status} {sent}"));
                            }
                        }
                    }
                    Event::Ambiguous(ambiguity) => panic!("{ambiguity:?}"),
                    Event::Hello(_)
                    | Event::Over(..)
                    | Event::Head(_)
                    | Event::Progress(_)
                    | Event::Session(..)
                    | Event::Coverage(..)
                    | Event::Closed(..) => {}
                });
            })
            .expect("reads");
        for (flow, verdict) in verdicts {
            replay.apply(flow, verdict);
        }
    }
    exchanges
}

/// A port that is free now, outside of the range from which clients get theirs.
pub(crate) fn free_port() -> u16 {
    let start = std::process::id() % 10_000;
    let mut ports = (0..10_000).map(|n| u16::try_from(15_000 + (start + n * 7) % 15_000).expect("a port"));
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a free port")
}

/// What tshark finds in the file: method and target of each request, status of each response.
fn as_tshark_reads(path: &Path) -> (Vec<String>, Vec<String>) {
    let fields = ["http.request.method", "http.request.uri", "http.response.code"];
    let mut arguments = vec!["-r", path.to_str().expect("UTF-8"), "-Y", "http", "-T", "fields", "-E", "separator=|"];
    arguments.extend(["-d", "tcp.port==1-65535,http"]);
    for field in fields {
        arguments.extend(["-e", field]);
    }
    let lines = run("tshark", &arguments);
    let fields = lines.lines().map(|line| line.split('|').collect::<Vec<_>>());
    let (requests, responses): (Vec<_>, Vec<_>) = fields.partition(|fields| !fields[0].is_empty());
    (
        requests.iter().map(|fields| format!("{} {}", fields[0], fields[1])).collect(),
        responses.iter().map(|fields| fields[2].to_owned()).collect(),
    )
}

#[test]
fn one_traffic_in_every_kind_of_file() {
    if !can_capture() {
        return;
    }
    let scratch = Scratch::new();
    let (nginx, port) = server(&scratch);
    let path = |name: &str| scratch.path().join(name);
    let ways: [(&str, &[&str]); 5] = [
        ("lo.pcap", &["-i", "lo"]),
        ("nano.pcap", &["-i", "lo", "--time-stamp-precision", "nano"]),
        ("short.pcap", &["-i", "lo", "-s", "400"]),
        ("sll2.pcap", &["-i", "any"]),
        ("sll.pcap", &["-i", "any", "-y", "LINUX_SLL"]),
    ];
    let captures = ways.map(|(name, arguments)| capture(&path(name), port, arguments));
    client(port);
    sleep(Duration::from_millis(500));
    captures.into_iter().for_each(stop);
    stop(nginx);
    for (name, _) in ways {
        let log = fs::read_to_string(path(name).with_extension("log")).expect("tcpdump says how it went");
        assert!(log.contains("\n0 packets dropped by kernel"), "tcpdump lost packets: {log}");
    }

    let log = fs::read_to_string(path("access.log")).expect("nginx has logged");
    let expected: Vec<String> = log.lines().map(str::to_owned).collect();
    assert_eq!(expected.len(), 16);
    for (name, _) in ways {
        assert_eq!(exchanges(&path(name)), expected, "{name}");
    }
    let (requests, statuses) = as_tshark_reads(&path("lo.pcap"));
    let word = |line: &String, from: usize, to: usize| line.split(' ').collect::<Vec<_>>()[from..to].join(" ");
    assert_eq!(requests, expected.iter().map(|line| word(line, 0, 2)).collect::<Vec<_>>());
    assert_eq!(statuses, expected.iter().map(|line| word(line, 2, 3)).collect::<Vec<_>>());
    converted(&scratch, &expected);

    let whole = read(&[path("lo.pcap")]);
    assert!(whole.text.contains("Skipped("), "the large file is past the budget");
    assert!(whole.notes.is_empty(), "{:?}", whole.notes);
    let short = read(&[path("short.pcap")]);
    assert!(short.notes.iter().any(|note| note.to_string().contains("without their end")), "{:?}", short.notes);
    assert_eq!(bytes_of(&short.text), bytes_of(&whole.text), "cut packets keep their length");
}

fn converted(scratch: &Scratch, expected: &[String]) {
    let text = |name: &str| scratch.path().join(name).display().to_string();
    let (lo, any) = (text("lo.pcap"), text("sll2.pcap"));
    run("editcap", &["-F", "pcapng", &lo, &text("ng.pcapng")]);
    run("editcap", &["-F", "nsecpcap", &lo, &text("ns.pcap")]);
    run("editcap", &["-s", "400", &lo, &text("cut.pcapng")]);
    run("mergecap", &["-w", &text("two.pcapng"), &lo, &any]);
    run("gzip", &["-k", &lo]);
    run("zstd", &["-q", &lo]);
    for name in ["ng.pcapng", "ns.pcap", "cut.pcapng", "two.pcapng", "lo.pcap.gz", "lo.pcap.zst"] {
        assert_eq!(exchanges(&PathBuf::from(text(name))), expected, "{name}");
    }
}

/// Payload bytes of all segments, captured or not.
fn bytes_of(text: &str) -> u64 {
    let number = |word: &str| word.trim_start_matches("Skipped(").trim_end_matches(')').parse::<u64>().ok();
    text.lines()
        .filter_map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let counts = words.get(5) == Some(&"bytes") || words.get(4)?.starts_with("Skipped(");
            counts.then(|| number(words[4])).flatten()
        })
        .sum()
}
