//! Traffic that leaves the host's namespace: nginx in a network namespace of its own, IPv4 and IPv6, a connection older than
//! the agent, and a gigabyte.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use serde_json::Value;

use crate::support::{Place, capture_works, eventually};
use crate::traffic::{Watch, curl, logged, nginx_in, seen};

/// A namespace with a veth pair to this one; gone with the test.
struct Namespace {
    name: String,
    v4: String,
    v6: String,
}

impl Namespace {
    fn new() -> Self {
        let id = std::process::id() & 0x3fff;
        let name = format!("apiscope-cli{id}");
        let (net4, net6) = (format!("10.{}.{}", 160 + (id >> 8), id & 255), format!("fd00:c11:{id:x}:"));
        ip(&["netns", "add", &name]);
        let made = Self { name: name.clone(), v4: format!("{net4}.2"), v6: format!("{net6}:2") };
        let here = format!("ac{id}");
        ip(&["link", "add", &here, "type", "veth", "peer", "name", "eth0", "netns", &name]);
        for (inside, end, device) in [(&["-n", &name][..], 2, "eth0"), (&[][..], 1, &*here)] {
            ip(&[inside, &["addr", "add", &format!("{net4}.{end}/24"), "dev", device]].concat());
            ip(&[inside, &["addr", "add", &format!("{net6}:{end}/64"), "dev", device, "nodad"]].concat());
            ip(&[inside, &["link", "set", device, "up"]].concat());
        }
        made
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Best effort: the test is over either way.
        let _ = Command::new("ip").args(["netns", "delete", &self.name]).status();
    }
}

fn ip(words: &[&str]) {
    assert!(Command::new("ip").args(words).status().unwrap().success(), "ip {words:?}");
}

/// A request on a connection that stays open; reads the answer to its end.
fn ask(stream: &mut TcpStream, path: &str) {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: older\r\n\r\n").unwrap();
    let mut text = String::new();
    let mut chunk = [0; 4_096];
    while !text.ends_with('}') {
        let read = stream.read(&mut chunk).unwrap();
        assert!(read > 0, "closed after {text}");
        text.push_str(std::str::from_utf8(&chunk[..read]).unwrap());
    }
}

const GIB: u64 = 1 << 30;

#[test]
fn every_call_over_veth_is_seen_once_with_its_exact_size() {
    if !capture_works() {
        return;
    }
    let place = Place::new();
    let namespace = Namespace::new();
    let port = std::net::TcpListener::bind("[::]:0").unwrap().local_addr().unwrap().port();
    let _nginx = nginx_in(Some(&namespace.name), place.dir.path(), &format!("[::]:{port} ipv6only=off"));
    std::fs::File::create(place.path("www/huge.bin")).unwrap().set_len(GIB).unwrap();
    let mut older = eventually("nginx", || TcpStream::connect((&*namespace.v4, port)).ok());
    ask(&mut older, "/orders/17");
    eventually("the log", || (logged(place.dir.path()).len() == 1).then_some(()));

    let mut agent = place.start();
    let watch = Watch::start(&place, &[]);
    let (v4, v6) = (format!("http://{}:{port}", namespace.v4), format!("http://[{}]:{port}", namespace.v6));
    ask(&mut older, "/orders/18");
    ask(&mut older, "/orders/4711");
    for base in [&v4, &v6] {
        let at = |path: &str| format!("{base}{path}");
        curl(&[&at("/orders/17"), "-o", "/dev/null", &at("/orders/18")]);
        curl(&["--head", &at("/orders/17")]);
        curl(&["--compressed", &at("/all.json")]);
        curl(&["-u", "alice:hunter2secret", &at("/orders/17")]);
        curl(&["-T", place.path("www/big.bin").to_str().unwrap(), &at("/accept")]);
        curl(&[&at("/nowhere")]);
    }
    curl(&[&format!("{v4}/huge.bin")]);
    let mut expected = eventually("the log", || Some(logged(place.dir.path())).filter(|log| log.len() == 18));
    let before = expected.iter().position(|line| line == "GET /orders/17 200 9").unwrap();
    expected.remove(before);
    let mine =
        |exchange: &Value| exchange["server"].as_str().is_some_and(|server| server.ends_with(&format!(":{port}")));
    let watched = eventually("every call in watch", || {
        let watched: Vec<_> = watch.exchanges().into_iter().filter(mine).collect();
        (watched.len() >= expected.len()).then_some(watched)
    });
    assert_eq!(seen(&watched), expected);
    assert!(
        watched.iter().all(|exchange| exchange["request_complete"] == true && exchange["response_complete"] == true)
    );
    let uploads: Vec<_> = watched.iter().filter(|exchange| exchange["path"] == "/accept").collect();
    assert!(uploads.iter().all(|upload| upload["request_body_bytes"] == 5 << 20), "{uploads:#?}");

    // The account of this server alone: the host may have other traffic.
    let apis = place.json("apis");
    let ours = |api: &&Value| {
        let name = api["api"].as_str().unwrap();
        name == "older" || name.ends_with(&format!(":{port}"))
    };
    let coverage: Vec<_> = apis["items"].as_array().unwrap().iter().filter(ours).map(|api| &api["coverage"]).collect();
    let sum =
        |part: &str| coverage.iter().map(|coverage| coverage.pointer(part).unwrap().as_u64().unwrap()).sum::<u64>();
    assert_eq!(coverage.len(), 3, "{apis:#}");
    assert!(sum("/captured_bytes") < 1 << 20, "{coverage:#?}");
    assert!(sum("/socket_bytes") > GIB + (10 << 20), "{coverage:#?}");
    assert_eq!(sum("/lost_bytes/ring") + sum("/lost_bytes/gap") + sum("/lost_bytes/memory"), 0, "{coverage:#?}");
    let findings = place.json("findings");
    let found = |row: &&Value| {
        row["kind"] == "cleartext-credential" && row["route"] == "/orders/{id}" && row["severity"] == "high"
    };
    assert!(findings["items"].as_array().unwrap().iter().any(|row| found(&row)), "{findings:#}");
    agent.signal("TERM");
    assert!(agent.wait().0.success());
}
