//! Live capture against real programs: every byte that was sent is copied, skipped or lost, and said so; each connection is seen
//! once; nothing of it outlives the process. Needs root.

mod account;
mod extensions;
mod rig;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{env, thread};

use apiscope::capture::live::{Config, Live};
use apiscope_common::budget::Limits;
use apiscope_wire::{Hop, Role, Verdict};
use aya_log::Level;
use rig::{Capture, Cgroup, Logged, Namespace, Nginx, connect, curl, may_run, turn};

use crate::account::Flow;

/// The flows of an account are exactly the connections of the log, each with all its bytes.
#[track_caller]
fn assert_all_bytes(flows: &[&Flow], logged: &[Logged]) {
    assert_eq!(flows.len(), logged.len(), "each connection once: {flows:#?}");
    for flow in flows {
        let log =
            logged.iter().find(|log| log.client_port == flow.origin.client.port()).expect("a connection of the log");
        assert_eq!(flow.client.told(), log.received, "requests of {:?}", flow.origin);
        assert_eq!(flow.server.told(), log.sent, "responses of {:?}", flow.origin);
        for stream in [&flow.client, &flow.server] {
            assert!(
                stream.sent().is_none_or(|sent| sent == stream.told()),
                "FIN and account differ: {:?}",
                flow.origin
            );
        }
    }
}

fn get(stream: &mut TcpStream, path: &str) -> String {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    while !head.ends_with("\r\n\r\n") {
        let from = head.len();
        assert_ne!(reader.read_line(&mut head).unwrap(), 0, "{head}");
        if let Some(value) = head[from..].strip_prefix("Content-Length: ") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    head
}

#[test]
fn loopback_is_seen_once_and_whole() {
    if !may_run() {
        return;
    }
    let _turn = turn();
    let nginx = Nginx::start(None, &["127.0.0.1:{port}", "[::1]:{port}", "127.0.0.2:{port} deferred"]);
    let port = nginx.port;
    let mut capture = Capture::start(&[port]);
    for host in ["127.0.0.1", "[::1]", "127.0.0.2"] {
        let url = |path: &str| format!("http://{host}:{port}{path}");
        capture.during(&mut curl(&[&url("/small"), &url("/text"), &url("/absent")]));
        capture.during(curl(&["--head", &url("/small")]).arg("-v").stderr(Stdio::null()));
    }
    let logged = nginx.logged(12);
    capture.until("the end of six flows", |account| account.flows.values().filter(|flow| flow.gone).count() == 6);
    let flows = capture.account.settle();
    assert_all_bytes(&flows, &logged);
    for flow in flows {
        assert_eq!((flow.origin.role, flow.origin.hop), (Role::Served, Hop::Loopback));
        assert_eq!(flow.origin.server.port(), port);
        assert_eq!(flow.origin.interface.as_deref(), Some("lo"));
        assert_eq!(flow.client.opened, 1, "its beginning was seen");
        assert_eq!((flow.client.skipped(), flow.client.lost, flow.server.skipped(), flow.server.lost), (0, 0, 0, 0));
        let requests = flow.client.count("GET /") + flow.client.count("HEAD /");
        assert_eq!(requests, flow.server.count("HTTP/1.1 "), "whole requests and responses");
        assert!(
            flow.client.text.starts_with(b"GET /small HTTP/1.1\r\n") || flow.client.text.starts_with(b"HEAD /small ")
        );
    }
    assert!(capture.account.ticks > 0);
}

#[test]
fn a_connection_over_veth_is_seen_at_the_server() {
    if !may_run() {
        return;
    }
    let _turn = turn();
    let namespace = Namespace::new();
    let nginx = Nginx::start(Some(&namespace), &["{port}", "[::]:{port} ipv6only=on"]);
    let port = nginx.port;
    let mut capture = Capture::start(&[port]);
    let hosts = [namespace.v4.clone(), format!("[{}]", namespace.v6)];
    for host in &hosts {
        let url = format!("http://{host}:{port}/small");
        capture.during(&mut curl(&[&url, &url, &url]));
    }
    let logged = nginx.logged(6);
    capture.until("the end of two flows", |account| account.flows.values().filter(|flow| flow.gone).count() == 2);
    let flows = capture.account.settle();
    assert_all_bytes(&flows, &logged);
    for flow in &flows {
        assert_eq!((flow.origin.role, flow.origin.hop), (Role::Served, Hop::Private));
        assert_eq!(flow.origin.interface, None, "an interface of another namespace has no name here");
        assert_eq!((flow.client.count("GET /small "), flow.server.count("HTTP/1.1 200 ")), (3, 3));
    }
    let v6 = flows.iter().filter(|flow| flow.origin.server.is_ipv6()).count();
    assert_eq!(v6, 1);
}

#[test]
fn data_with_the_syn_is_not_missed() {
    if !may_run() {
        return;
    }
    let _turn = turn();
    let namespace = Namespace::new();
    let ip = |words: &[&str]| Command::new("ip").args(["netns", "exec", &namespace.name]).args(words).status().unwrap();
    assert!(ip(&["sysctl", "-qw", "net.ipv4.tcp_fastopen=3"]).success());
    let nginx = Nginx::start(Some(&namespace), &["{port} fastopen=64"]);
    let mut capture = Capture::start(&[nginx.port]);
    let url = format!("http://127.0.0.1:{}/small", nginx.port);
    // The first gets the cookie that lets the others send at once.
    for _ in 0..4 {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &namespace.name, "curl", "-s", "--noproxy", "*", "--tcp-fastopen", &url]);
        capture.during(&mut command);
    }
    let logged = nginx.logged(4);
    capture.until("the end of four flows", |account| account.flows.values().filter(|flow| flow.gone).count() == 4);
    let counters =
        Command::new("ip").args(["netns", "exec", &namespace.name, "cat", "/proc/net/netstat"]).output().unwrap();
    assert!(
        passive_fast_opens(&String::from_utf8_lossy(&counters.stdout)) >= 1,
        "no fast open happened: this tests nothing"
    );
    let flows = capture.account.settle();
    assert_all_bytes(&flows, &logged);
    for flow in flows {
        assert_eq!((flow.origin.role, flow.client.count("GET /small ")), (Role::Served, 1));
    }
}

/// `TCPFastOpenPassive` of `/proc/net/netstat`: a line of names, and a line of values.
fn passive_fast_opens(text: &str) -> u64 {
    let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:"));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let at = names.split(' ').position(|name| name == "TCPFastOpenPassive").unwrap();
    values.split(' ').nth(at).unwrap().parse().unwrap()
}

#[test]
fn packets_over_64_kib_are_counted_whole() {
    if !may_run() {
        return;
    }
    let _turn = turn();
    let namespace = Namespace::new();
    let nginx = Nginx::start(Some(&namespace), &["[::]:{port} ipv6only=on"]);
    nginx.serve_zeros("large", 64 << 20);
    // Packets grow with the congestion window: the budget lasts until they are large.
    let limits = Limits { head: 4096, body: 32 << 20 };
    let config = Config { limits, ring_size_bytes: 16 << 20, ..Config::default() };
    let mut capture = Capture::with(&[nginx.port], &config);
    let url = format!("http://[{}]:{}/large", namespace.v6, nginx.port);
    capture.during(&mut curl(&[&url, "--output", "/dev/null"]));
    let logged = nginx.logged(1);
    capture.until("the end of the flow", |account| account.flows.values().any(|flow| flow.gone));
    let flows = capture.account.settle();
    assert_all_bytes(&flows, &logged);
    assert!(flows[0].server.copied() <= u64::from(limits.head + limits.body));
    assert!(flows[0].server.largest > 65_536, "no packet was larger than a record: {}", flows[0].server.largest);
}

#[test]
fn many_short_connections_are_each_seen_once() {
    if !may_run() {
        return;
    }
    let _turn = turn();
    let nginx = Nginx::start(None, &["127.0.0.1:{port}", "127.0.0.2:{port} deferred"]);
    let port = nginx.port;
    let mut capture = Capture::start(&[port]);
    let clients: Vec<_> = (0..4)
        .map(|client| {
            thread::spawn(move || {
                let host = if client % 2 == 0 { "127.0.0.1" } else { "127.0.0.2" };
                for _ in 0..250 {
                    let mut stream = TcpStream::connect((host, port)).unwrap();
                    get(&mut stream, "/text");
                }
            })
        })
        .collect();
    while clients.iter().any(|client| !client.is_finished()) {
        capture.drain();
        capture.live.wait();
    }
    let logged = nginx.logged(1000);
    capture.until("the end of all", |account| account.flows.values().filter(|flow| flow.gone).count() == 1000);
    thread::sleep(Duration::from_millis(300));
    capture.drain();
    let flows = capture.account.settle();
    assert_all_bytes(&flows, &logged);
    for flow in flows {
        assert_eq!((flow.origin.role, flow.client.lost, flow.server.lost), (Role::Served, 0, 0));
        assert_eq!((flow.client.count("GET /text "), flow.server.count("HTTP/1.1 200 ")), (1, 1));
    }
    assert_eq!(capture.live.stats().untold.told_twice, 0);
}

#[test]
fn a_large_download_costs_no_copies_and_its_size_is_exact() {
    const SIZE: u64 = 1 << 30;
    if !may_run() {
        return;
    }
    let _turn = turn();
    let nginx = Nginx::start(None, &["127.0.0.1:{port}"]);
    nginx.serve_zeros("large", SIZE);
    let mut capture = Capture::start(&[nginx.port]);
    let url = format!("http://127.0.0.1:{}/large", nginx.port);
    capture.during(&mut curl(&[&url, "--output", "/dev/null"]));
    let logged = nginx.logged(1);
    capture.until("the end of the flow", |account| account.flows.values().any(|flow| flow.gone));
    let flows = capture.account.settle();
    assert_all_bytes(&flows, &logged);
    let server = &flows[0].server;
    assert!(server.told() > SIZE && server.lost == 0);
    assert!(server.copied() < 1 << 20, "{} bytes copied", server.copied());
    assert!(server.copied() >= u64::from(Limits::DEFAULT.head));
    assert!(server.pieces() < 100, "skipped packets write no records: {}", server.pieces());
}

#[test]
fn what_the_kernel_has_counted_is_told_at_the_end() {
    if !may_run() {
        return;
    }
    let _turn = turn();
    let nginx = Nginx::start(None, &["127.0.0.1:{port}"]);
    nginx.serve_zeros("large", 16 << 20);
    let mut capture = Capture::start(&[nginx.port]);
    let mut stream = connect(nginx.port);
    get(&mut stream, "/large");
    let logged = nginx.logged(1);
    capture.drain();
    let told = |capture: &Capture| capture.account.flows.values().next().unwrap().server.told();
    assert!(told(&capture) < logged[0].sent, "the kernel only counts");
    let Capture { live, account } = &mut capture;
    live.finish(&mut |input| account.take(&input));
    assert_all_bytes(&capture.account.settle(), &logged);
}

#[test]
fn an_upload_is_counted_whole() {
    if !may_run() {
        return;
    }
    let _turn = turn();
    let nginx = Nginx::start(None, &["127.0.0.1:{port}"]);
    let mut capture = Capture::start(&[nginx.port]);
    let body = tempfile::NamedTempFile::new().unwrap();
    body.as_file().set_len(3_000_000).unwrap();
    let data = format!("@{}", body.path().display());
    let url = format!("http://127.0.0.1:{}/drop", nginx.port);
    capture.during(&mut curl(&["--data-binary", &data, "--header", "Expect:", &url, &url]));
    nginx.logged(2);
    capture.until("the end of the flow", |account| account.flows.values().any(|flow| flow.gone));
    let flows = capture.account.settle();
    assert_eq!(flows.len(), 1);
    // nginx does not log the bytes of a body that it throws away; TCP knows them.
    let client = &flows[0].client;
    assert_eq!(client.sent(), Some(client.told()));
    assert!((6_000_000..6_001_000).contains(&client.told()), "{}", client.told());
    assert!(client.skipped() > 5_500_000 && client.lost == 0);
}

#[test]
fn a_connection_older_than_the_capture_has_its_role_and_is_seen_once() {
    if !may_run() {
        return;
    }
    let _turn = turn();
    let namespace = Namespace::new();
    let there = Nginx::start(Some(&namespace), &["{port}"]);
    let here = Nginx::start(None, &["127.0.0.1:{port}"]);
    let mut streams = [connect(here.port), TcpStream::connect((namespace.v4.as_str(), there.port)).unwrap()];
    for stream in &mut streams {
        get(stream, "/small");
    }
    let mut capture = Capture::start(&[here.port, there.port]);
    let seeded = capture.live.stats().seeded;
    assert!(seeded.servers >= 2 && seeded.twins >= 2 && seeded.namespaces >= 2, "{seeded:?}");
    for stream in &mut streams {
        get(stream, "/text");
    }
    drop(streams);
    let ended = |flow: &Flow| flow.client.sent().is_some() && flow.server.sent().is_some();
    capture.until("both ends of two flows", |account| account.flows.values().filter(|flow| ended(flow)).count() == 2);
    thread::sleep(Duration::from_millis(1200));
    capture.drain();
    let flows = capture.account.settle();
    assert_eq!(flows.len(), 2, "{flows:#?}");
    for flow in flows {
        assert_eq!((flow.origin.role, flow.client.opened), (Role::Served, 0));
        assert!(flow.client.text.starts_with(b"GET /text HTTP/1.1\r\n"));
        assert!(flow.server.text.starts_with(b"HTTP/1.1 200 OK\r\n"));
        assert_eq!(flow.client.sent(), Some(flow.client.told()));
        assert_eq!(flow.server.sent(), Some(flow.server.told()));
    }
}

#[test]
fn a_client_without_its_server_is_a_call() {
    if !may_run() {
        return;
    }
    let _turn = turn();
    let nginx = Nginx::start(None, &["127.0.0.1:{port}"]);
    let root = Live::start(&Config::default()).unwrap().cgroup().0.to_owned();
    let cgroup = Cgroup::new(&root);
    let config = Config { cgroup: Some(cgroup.path.clone()), ..Config::default() };
    let mut capture = Capture::with(&[nginx.port], &config);
    let inside = format!("echo $$ > {}/cgroup.procs && exec \"$@\"", cgroup.path.display());
    let url = format!("http://127.0.0.1:{}/small", nginx.port);
    capture.during(Command::new("sh").args(["-c", &inside, "sh", "curl", "-s", "--noproxy", "*", &url, &url]));
    let logged = nginx.logged(2);
    capture.until("the end of the flow", |account| account.flows.values().any(|flow| flow.gone));
    let flows = capture.account.settle();
    assert_all_bytes(&flows, &logged);
    assert_eq!((flows[0].origin.role, flows[0].origin.server.port()), (Role::Called, nginx.port));
    let name = format!("/{}", cgroup.path.file_name().unwrap().to_string_lossy());
    assert_eq!(flows[0].origin.workload.as_deref(), Some(name.as_str()));
}

#[test]
fn an_older_call_of_a_watched_cgroup_is_not_passed_over_for_its_server() {
    if !may_run() {
        return;
    }
    let _turn = turn();
    let nginx = Nginx::start(None, &["127.0.0.1:{port}"]);
    let root = Live::start(&Config::default()).unwrap().cgroup().0.to_owned();
    let cgroup = Cgroup::new(&root);
    // Two requests on one connection, the second when the capture runs: it waits for a line on stdin.
    let script = r#"echo $$ > "$1/cgroup.procs"; exec 3<>"/dev/tcp/127.0.0.1/$2"
        ask() { printf 'GET /text HTTP/1.1\r\nHost: t\r\nConnection: %s\r\n\r\n' "$1" >&3; }
        ask keep-alive; read -r line <&3; echo "$line"; read -r go; ask close; cat <&3"#;
    let (folder, port) = (cgroup.path.display().to_string(), nginx.port.to_string());
    let mut shell = Command::new("bash")
        .args(["-c", script, "bash", &folder, &port])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(shell.stdout.take().unwrap());
    said.read_line(&mut String::new()).unwrap();
    let config = Config { cgroup: Some(cgroup.path.clone()), ..Config::default() };
    let mut capture = Capture::with(&[nginx.port], &config);
    shell.stdin.take().unwrap().write_all(b"go\n").unwrap();
    let answers = |flow: &Flow| flow.server.count("HTTP/1.1 200 ");
    capture.until("an answer", |account| account.flows.values().any(|flow| answers(flow) == 1));
    said.read_to_string(&mut String::new()).unwrap();
    assert!(shell.wait().unwrap().success());
    let flows = capture.account.settle();
    assert_eq!((flows.len(), flows[0].origin.role, flows[0].client.count("GET /text ")), (1, Role::Called, 1));
}

#[test]
fn a_reader_that_sleeps_is_woken_when_the_ring_fills() {
    if !may_run() {
        return;
    }
    let _turn = turn();
    let nginx = Nginx::start(None, &["127.0.0.1:{port}"]);
    let config = Config { ring_size_bytes: 256 << 10, ..Config::default() };
    let mut capture = Capture::with(&[nginx.port], &config);
    let port = nginx.port;
    let mut shortest = Duration::MAX;
    // Other traffic of the host keeps the reader awake, and a busy host wakes it late: one time of ten is proof enough.
    for _ in 0..10 {
        while capture.live.pace() < Duration::from_millis(128) {
            capture.drain();
            thread::sleep(Duration::from_millis(5));
        }
        let client = thread::spawn(move || {
            thread::sleep(Duration::from_millis(10));
            let mut stream = connect(port);
            (0..100).for_each(|_| drop(get(&mut stream, "/small")));
        });
        let began = Instant::now();
        capture.live.wait();
        shortest = shortest.min(began.elapsed());
        client.join().unwrap();
        capture.drain();
    }
    assert!(shortest < Duration::from_millis(110), "{shortest:?}");
}

#[test]
fn the_programs_log_through_tracing() {
    if !may_run() {
        return;
    }
    let _turn = turn();
    let nginx = Nginx::start(None, &["127.0.0.1:{port}"]);
    let lines: Arc<Mutex<Vec<u8>>> = Arc::default();
    let writer = Arc::clone(&lines);
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(move || Sink(Arc::clone(&writer)))
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        let config = Config { log_level: Level::Debug, ..Config::default() };
        let mut capture = Capture::with(&[nginx.port], &config);
        get(&mut connect(nginx.port), "/text");
        capture.drain();
    });
    let text = String::from_utf8(lines.lock().unwrap().clone()).unwrap();
    assert!(
        text.contains("DEBUG") && text.contains("apiscope::bpf: connection ") && text.contains(" established"),
        "{text}"
    );
}

/// Where the log lines of a test go.
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_connection_that_the_kernel_forgot_is_looked_up_and_seen_once() {
    if !may_run() {
        return;
    }
    let _turn = turn();
    let nginx = Nginx::start(None, &["127.0.0.1:{port}"]);
    let config = Config { flows_max: 1_024, ..Config::default() };
    let mut capture = Capture::with(&[nginx.port], &config);
    rig::stay_on_this_processor();
    let mut stream = connect(nginx.port);
    // Both ends' entries are evicted by those of others.
    rig::allow_files(4_000);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let crowd: Vec<_> = (0..1_500).map(|_| (connect(port), listener.accept().unwrap())).collect();
    get(&mut stream, "/text");
    capture.until("an answer", |account| account.flows.values().any(|flow| flow.server.count("HTTP/1.1 200 ") == 1));
    get(&mut stream, "/small");
    drop(stream);
    let ended = |flow: &Flow| flow.client.sent().is_some() && flow.server.sent().is_some();
    capture.until("the end", |account| account.flows.values().any(ended));
    thread::sleep(Duration::from_millis(300));
    capture.drain();
    let flows = capture.account.settle();
    assert_eq!(flows.len(), 1, "{flows:#?}");
    assert_eq!(flows[0].client.opened, 0, "the kernel had forgotten it, or this test tests nothing");
    assert_eq!((flows[0].origin.role, flows[0].client.count("GET /")), (Role::Served, 2));
    drop(crowd);
}

#[test]
fn a_full_ring_loses_bytes_and_says_how_many() {
    if !may_run() {
        return;
    }
    let _turn = turn();
    let nginx = Nginx::start(None, &["127.0.0.1:{port}"]);
    let config = Config { ring_size_bytes: 256 << 10, ..Config::default() };
    let mut capture = Capture::with(&[nginx.port], &config);
    let mut stream = connect(nginx.port);
    for _ in 0..600 {
        get(&mut stream, "/small");
    }
    capture.drain();
    get(&mut stream, "/small");
    drop(stream);
    let logged = nginx.logged(601);
    capture.until("the end of the flow", |account| account.flows.values().any(|flow| flow.gone));
    let flows = capture.account.settle();
    assert!(flows[0].client.lost > 0 && flows[0].server.lost > 0 && capture.missed() > 0);
    assert_all_bytes(&flows, &logged);
}

#[test]
fn a_verdict_ends_the_copies_and_not_the_count() {
    if !may_run() {
        return;
    }
    let _turn = turn();
    let nginx = Nginx::start(None, &["127.0.0.1:{port}"]);
    let mut capture = Capture::start(&[nginx.port]);
    let mut stream = connect(nginx.port);
    get(&mut stream, "/small");
    capture.until("a flow", |account| !account.flows.is_empty());
    let flow = *capture.account.flows.keys().next().unwrap();
    capture.live.apply(flow, Verdict::IgnoreNotHttp);
    let before = capture.live.stats().copied_bytes;
    for _ in 0..20 {
        get(&mut stream, "/small");
    }
    drop(stream);
    let logged = nginx.logged(21);
    capture.until("the end of the flow", |account| account.flows.values().any(|flow| flow.gone));
    let flows = capture.account.settle();
    assert_all_bytes(&flows, &logged);
    assert_eq!(flows[0].client.count("GET /"), 1);
    assert!(flows[0].server.skipped() >= 20 * 1000);
    assert!(before > 0);
}

#[test]
fn a_killed_process_leaves_nothing() {
    if !may_run() {
        return;
    }
    let _turn = turn();
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "child_that_captures", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let ids = lines.into_iter().find_map(|line| Some(line.split_once("programs:")?.1.to_owned())).unwrap();
    let ids: Vec<u32> = ids.split(',').map(|id| id.trim().parse().unwrap()).collect();
    assert_eq!(ids.len(), 3);
    let maps: Vec<u32> = programs(&ids).iter().flat_map(|program| program.map_ids().unwrap().unwrap()).collect();
    assert!(programs(&ids).len() == 3 && links(&ids) == 3 && maps.len() >= 8);
    child.kill().unwrap();
    child.wait().unwrap();
    thread::sleep(Duration::from_secs(1));
    assert_eq!((programs(&ids).len(), links(&ids)), (0, 0));
    let left = aya::maps::loaded_maps().flatten().filter(|map| maps.contains(&map.id())).count();
    assert_eq!(left, 0);
}

fn programs(ids: &[u32]) -> Vec<aya::programs::ProgramInfo> {
    aya::programs::loaded_programs().flatten().filter(|program| ids.contains(&program.id())).collect()
}

fn links(programs: &[u32]) -> usize {
    aya::programs::loaded_links().flatten().filter(|link| programs.contains(&link.program_id())).count()
}

/// Not a test of its own: what `a_killed_process_leaves_nothing` starts and kills.
#[test]
#[ignore = "started by another test"]
fn child_that_captures() {
    let live = Live::start(&Config::default()).unwrap();
    println!("programs:{}", live.stats().program_ids.iter().map(u32::to_string).collect::<Vec<_>>().join(","));
    thread::sleep(Duration::from_secs(30));
}

#[test]
fn without_permission_the_missing_capabilities_are_named() {
    if !may_run() {
        return;
    }
    let _turn = turn();
    let output = Command::new("setpriv")
        .args(["--bounding-set=-all", "--inh-caps=-all"])
        .arg(env::current_exe().unwrap())
        .args(["--exact", "child_that_captures", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success());
    assert!(said.contains(r#"NoPermission { missing: ["CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"] }"#), "{said}");
}

#[test]
fn a_cgroup_that_is_none_is_named() {
    if !may_run() {
        return;
    }
    let _turn = turn();
    for (path, why) in [("/proc", "another file system"), ("/nowhere", "No such file or directory")] {
        let config = Config { cgroup: Some(path.into()), ..Config::default() };
        let said = Live::start(&config).unwrap_err().to_string();
        assert!(said.starts_with(&format!("{path}: not a cgroup v2 directory")) && said.contains(why), "{said}");
    }
}
