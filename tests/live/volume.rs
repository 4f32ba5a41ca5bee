//! Large things and old things: sizes are exact although next to nothing is copied.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::alone;
use crate::support::agent::Agent;
use crate::support::can_run_live;
use crate::support::net::Namespace;
use crate::support::nginx::Nginx;
use crate::support::run;

const GIB: u64 = 1 << 30;

#[test]
fn a_download_of_a_gibibyte_copies_less_than_a_mebibyte_and_its_size_is_exact() {
    if !can_run_live("a_download_of_a_gibibyte") {
        return;
    }
    let _alone = alone();
    let namespace = Namespace::new();
    let nginx = Nginx::start(Some(&namespace), "");
    std::fs::File::create(nginx.www().join("huge.bin"))
        .and_then(|file| file.set_len(GIB))
        .expect("a sparse file can be made");
    let agent = Agent::start("");
    let watch = agent.watch();
    run(Command::new("curl").args([
        "-sS",
        "-o",
        "/dev/null",
        &format!("{}/files/huge.bin", nginx.url(namespace.inside.0)),
    ]));
    let seen = watch.wait_for_ended(nginx.port, 1);
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0]["response_body_bytes"].as_u64(), Some(GIB), "{}", seen[0]);
    assert_eq!(seen[0]["response_complete"], Value::Bool(true), "{}", seen[0]);

    // The account is given at the latest a second or two later.
    std::thread::sleep(Duration::from_secs(3));
    let port = format!(":{}\"", nginx.port);
    let (socket, captured) =
        (agent.metric("apiscope_socket_bytes_total", &port), agent.metric("apiscope_captured_bytes_total", &port));
    let (skipped, lost) =
        (agent.metric("apiscope_skipped_bytes_total", &port), agent.metric("apiscope_lost_bytes_total", &port));
    #[expect(clippy::cast_precision_loss, reason = "2^30 is exact in a double")]
    let gib = GIB as f64;
    assert!(socket >= gib && socket < gib + 4096.0, "socket {socket}");
    assert!(captured < 1_048_576.0, "captured {captured}");
    assert!((socket - captured - skipped - lost).abs() < 0.5, "{socket} = {captured} + {skipped} + {lost}");
}

#[test]
fn a_connection_older_than_the_agent_is_read_from_its_next_request_on() {
    if !can_run_live("a_connection_older_than_the_agent") {
        return;
    }
    let _alone = alone();
    let namespace = Namespace::new();
    let nginx = Nginx::start(Some(&namespace), "location /items/ { return 200 '{\"id\":1}'; }");
    let mut old = TcpStream::connect((namespace.inside.0, nginx.port)).expect("nginx accepts");
    ask(&mut old, "/items/1");
    let agent = Agent::start("");
    let watch = agent.watch();
    ask(&mut old, "/items/2");
    ask(&mut old, "/items/3");
    let seen = watch.wait(nginx.port, 2);
    let paths: Vec<_> = seen
        .iter()
        .map(|line| (line["path"].as_str(), line["status"].as_u64(), line["response_body_bytes"].as_u64()))
        .collect();
    assert_eq!(paths, [(Some("/items/2"), Some(200), Some(8)), (Some("/items/3"), Some(200), Some(8))]);
}

fn ask(stream: &mut TcpStream, path: &str) {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: old.example\r\n\r\n").expect("the connection is open");
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    while !answer.ends_with(b"{\"id\":1}") {
        let count = stream.read(&mut part).expect("nginx answers");
        assert_ne!(count, 0, "nginx closed the connection");
        answer.extend_from_slice(&part[..count]);
    }
}
