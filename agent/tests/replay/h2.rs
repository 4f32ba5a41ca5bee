//! HTTP/2 as nghttp2's own tools speak it: h2load against nghttpd on loopback, captured by tcpdump. The exchanges read
//! are as many as h2load counts, each with the path it asked for and the status it got.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::support::Scratch;
use super::tools::{Process, can_run, capture, exchanges_of, run, stop};
use apiscope::capture::replay::{Replay, ReplayOptions};

/// Requests sent, the paths in turn.
const REQUESTS: usize = 600;

fn server(scratch: &Scratch) -> (Process, u16) {
    let port = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound").port();
    scratch.file("small.json", br#"{"id": 1}"#);
    scratch.file("large.bin", &vec![7; 30_000]);
    let server = Command::new("nghttpd")
        .args(["--no-tls", "--address=127.0.0.1", "--trailer=x-check: 1", "-d"])
        .arg(scratch.path())
        .arg(port.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("nghttpd");
    let server = Process(server);
    let deadline = Instant::now() + Duration::from_secs(10);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "nghttpd does not listen");
        sleep(Duration::from_millis(20));
    }
    (server, port)
}

/// What h2load says, and the exchanges read: how many of each.
fn load(names: &[&str], options: ReplayOptions) -> (String, BTreeMap<String, usize>) {
    let scratch = Scratch::new();
    let (nghttpd, port) = server(&scratch);
    let path = scratch.path().join("h2.pcap");
    let tcpdump = capture(&path, port, &["-i", "lo"]);
    let uris: Vec<String> = names.iter().map(|name| format!("http://127.0.0.1:{port}/{name}")).collect();
    let count = format!("-n{REQUESTS}");
    let mut arguments = vec![count.as_str(), "-c4", "-m10", "--header-table-size=200"];
    arguments.extend(uris.iter().map(String::as_str));
    let said = run("h2load", &arguments);
    sleep(Duration::from_millis(500));
    stop(tcpdump);
    stop(nghttpd);
    let log = fs::read_to_string(path.with_extension("log")).expect("tcpdump says how it went");
    assert!(log.contains("\n0 packets dropped by kernel"), "tcpdump lost packets: {log}");
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for exchange in exchanges_of(Replay::with_options(&[path], options).expect("opens")) {
        let (line, _) = exchange.rsplit_once(' ').expect("a size");
        *counts.entry(line.to_owned()).or_default() += 1;
    }
    (said, counts)
}

#[test]
fn as_many_exchanges_as_h2load_counts_each_with_its_path_and_status() {
    if !can_run(&["nghttpd", "h2load", "tcpdump"]) {
        return;
    }
    let (said, counts) = load(&["small.json", "missing?x=1"], ReplayOptions::default());
    assert!(said.contains("300 2xx, 0 3xx, 300 4xx, 0 5xx"), "{said}");
    let expected = [("GET /missing?x=1 404", 300), ("GET /small.json 200", 300)];
    assert_eq!(counts, expected.map(|(line, count)| (line.to_owned(), count)).into());

    // Bodies of many streams in one turn are past the budget: here every byte is read.
    let every_byte = ReplayOptions { limits: None, ..ReplayOptions::default() };
    let (said, counts) = load(&["small.json", "large.bin", "missing?x=1"], every_byte);
    assert!(said.contains("400 2xx, 0 3xx, 200 4xx, 0 5xx"), "{said}");
    let expected = [("GET /large.bin 200", 200), ("GET /missing?x=1 404", 200), ("GET /small.json 200", 200)];
    assert_eq!(counts, expected.map(|(line, count)| (line.to_owned(), count)).into());
}
