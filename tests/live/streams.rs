//! What runs for long: a WebSocket, an event stream and gRPC calls of real clients and servers are told while they go on, and in
//! the end, with the numbers that the peers themselves counted.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::alone;
use crate::support::agent::{Agent, exchanges_in};
use crate::support::{PYTHON, Running, can_run_live_with_python, run, wait_for};

/// Of each half, in `streams.py`.
const EVENTS: u64 = 12;
const CLIENT_MESSAGES: u64 = 5 + 4;
const SERVER_MESSAGES: u64 = 7 + 4;

/// `streams.py` at work.
struct Peers {
    said: std::path::PathBuf,
    go: std::path::PathBuf,
    running: Running,
}

impl Peers {
    fn start(folder: &Path) -> Self {
        let (said, go) = (folder.join("peers.jsonl"), folder.join("go"));
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/live/streams.py");
        let file = File::create(&said).expect("a file can be made");
        let running = Running::start(Command::new(PYTHON).arg(script).arg(&go).stdout(file));
        Self { said, go, running }
    }

    /// Its line of this number.
    fn line(&mut self, number: usize) -> Value {
        wait_for("the peers have said it", Duration::from_secs(15), || {
            let text = std::fs::read_to_string(&self.said).unwrap_or_default();
            let line = text.split_inclusive('\n').nth(number).filter(|line| line.ends_with('\n'));
            assert!(line.is_some() || self.running.is_alive(), "the peers have ended: {text}");
            line.map(|line| serde_json::from_str(line).expect("the peers write JSON"))
        })
    }

    /// The second half may begin.
    fn go_on(&self) {
        File::create(&self.go).expect("a file can be made");
    }
}

#[test]
fn what_runs_for_long_is_told_while_it_runs_and_as_its_peers_count_it() {
    if !can_run_live_with_python("what_runs_for_long_is_told_while_it_runs", "grpc, websockets") {
        return;
    }
    let _alone = alone();
    let agent = Agent::start("");
    let watch = agent.watch();
    let mut peers = Peers::start(agent.folder.path());
    let ports = peers.line(0);
    let port = |kind: &str| ports[kind].as_u64().and_then(|port| u16::try_from(port).ok()).expect("a port");
    let (web_socket, events, grpc) = (port("websocket"), port("events"), port("grpc"));

    while_they_run(&agent, web_socket, events);
    peers.go_on();
    let counted = peers.line(1);

    check_web_socket(&watch.wait(web_socket, 2), &counted["websocket"], &agent);
    check_events(&watch.wait(events, 2), &counted["events"], &agent);
    check_grpc(&watch.wait(grpc, 4), counted["grpc"].as_array().expect("calls"), &agent);
    let left = run(agent.client("running").args(["-o", "jsonl"]));
    let left: Vec<_> = [web_socket, events, grpc].iter().flat_map(|port| exchanges_in(&left, *port)).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Waits until exactly the first halves are told, and until they are in the other views.
fn while_they_run(agent: &Agent, web_socket: u16, events: u16) {
    let end = std::time::Instant::now() + Duration::from_secs(8);
    let stream = loop {
        let last = run(agent.client("running").args(["-o", "jsonl"]));
        let (streams, sockets) = (exchanges_in(&last, events), exchanges_in(&last, web_socket));
        let messages = |side: &str| {
            let sent = &sockets.first()?["session"][side];
            Some(sent["text_messages"].as_u64()? + sent["binary_messages"].as_u64()?)
        };
        let halves = [messages("client"), messages("server"), streams.first().and_then(|line| line["events"].as_u64())];
        if halves == [Some(CLIENT_MESSAGES), Some(SERVER_MESSAGES), Some(EVENTS)] {
            break streams[0].clone();
        }
        assert!(std::time::Instant::now() < end, "the halves are not told as running: {last}");
        std::thread::sleep(Duration::from_millis(200));
    };
    let so_far = &stream["running"];
    assert_eq!(so_far["request_body_bytes"], Value::Null, "{stream}");
    assert!(so_far["response_body_bytes"].as_u64().is_some_and(|bytes| bytes > 100), "{stream}");
    assert_eq!((&stream["path"], &stream["status"]), (&json!("/prices"), &json!(200)), "{stream}");
    check_endpoint(agent, &stream, &json!(["GET", "/prices", "event-stream", 1, 1]));
    let label = label_of(&stream);
    assert!((agent.metric("apiscope_exchanges_running", &label) - 1.0).abs() < 0.1, "{}", agent.metrics());
    let table = run(&mut agent.client("running"));
    let line = table.lines().find(|line| line.contains("GET /prices")).unwrap_or_else(|| panic!("not in {table}"));
    assert!(line.ends_with(&format!("[{EVENTS} events]")), "{line}");
    let lasts = line.split_whitespace().nth(2).and_then(|word| word.strip_suffix('s')?.parse::<u64>().ok());
    assert!(lasts.is_some_and(|seconds| (1..10).contains(&seconds)), "{line}");
}

/// Method, route, protocol, running and calls of the endpoint of an exchange; its row may come a second later.
fn check_endpoint(agent: &Agent, exchange: &Value, expected: &Value) {
    wait_for(&format!("an endpoint {expected}"), Duration::from_secs(3), || {
        let endpoints = agent.json("endpoints");
        let of_it = |row: &&Value| ["api", "method", "route"].iter().all(|key| row[key] == exchange[key]);
        let row = endpoints["items"].as_array()?.iter().find(of_it)?;
        let told = json!([row["method"], row["route"], row["protocol"], row["running"], row["calls"]]);
        (told == *expected).then_some(())
    });
}

/// As it stands in the metrics.
fn label_of(exchange: &Value) -> String {
    format!("api=\"{}\"", exchange["api"].as_str().expect("an exchange has an API"))
}

fn check_web_socket(lines: &[Value], counted: &Value, agent: &Agent) {
    let [handshake, line] = lines else { panic!("a handshake and a session, not {lines:?}") };
    assert_eq!((&handshake["status"], &handshake["path"]), (&json!(101), &json!("/talk")), "{handshake}");
    let session = &line["session"];
    assert_eq!((&session["kind"], &session["deflate"]), (&json!("websocket"), &json!(true)), "{line}");
    assert_eq!(session["closed_first"], "client", "{line}");
    for side in ["client", "server"] {
        let told = &session[side];
        let told_of_peer = json!({
            "text": told["text_messages"],
            "binary": told["binary_messages"],
            "fragmented": told["fragmented_messages"],
            "compressed": told["compressed_messages"],
            "control": told["control_frames"],
            "bytes": told["payload_bytes"],
        });
        assert_eq!(told_of_peer, counted[side], "{side}: {line}");
        assert_eq!((&told["close_code"], &counted["code"]), (&json!(4001), &json!(4001)), "{side}: {line}");
        assert_eq!((&told["unknown_bytes"], &told["protocol_errors"]), (&json!(0), &json!(0)), "{side}: {line}");
        let messages = u32::try_from(2 * if side == "client" { CLIENT_MESSAGES } else { SERVER_MESSAGES });
        let filter = format!("{},side=\"{side}\"", label_of(line));
        let exposed = agent.metric("apiscope_websocket_messages_total", &filter);
        assert!((exposed - f64::from(messages.expect("few"))).abs() < 0.1, "{exposed}: {}", agent.metrics());
    }
    let text_and_binary = |side: &Value| json!({"text": side["text"], "binary": side["binary"]});
    assert_eq!(text_and_binary(&counted["client"]), counted["server_got"], "the peers agree");
    assert_eq!(text_and_binary(&counted["server"]), counted["client_got"], "the peers agree");
    let sessions = agent.metric("apiscope_websocket_sessions_total", &label_of(line));
    assert!((sessions - 1.0).abs() < 0.1, "{sessions}");
    check_endpoint(agent, line, &json!(["GET", "/talk", "websocket", 0, 1]));
}

fn check_events(lines: &[Value], counted: &Value, agent: &Agent) {
    let [begun, line] = lines else { panic!("its beginning and its end, not {lines:?}") };
    assert!(begun["running"].is_object() && line.get("running").is_none(), "{lines:?}");
    assert_eq!(line["events"], counted["events"], "{line}");
    assert_eq!(counted["events"], json!(2 * EVENTS));
    assert_eq!(line["response_body_bytes"], counted["bytes"], "{line}");
    assert_eq!(line["response_complete"], true, "{line}");
    let seconds = counted["seconds"].as_f64().expect("the client measured");
    let told = line["duration_ms"].as_f64().expect("a duration") / 1e3;
    assert!(seconds > 2.0 && (told - seconds).abs() < 1.0, "{told} s against {seconds} s");
    check_endpoint(agent, line, &json!(["GET", "/prices", "event-stream", 0, 1]));
}

/// gRPC puts five bytes before each message.
const PREFIX: u64 = 5;

fn check_grpc(lines: &[Value], counted: &[Value], agent: &Agent) {
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            let grpc = &line["grpc"];
            json!({
                "service": grpc["service"],
                "method": grpc["method"],
                "path": line["path"],
                "status": line["grpc_status"],
                "request": [grpc["request_messages"], line["request_body_bytes"]],
                "response": [grpc["response_messages"], line["response_body_bytes"]],
            })
        })
        .collect();
    let sent = |of: &Value| {
        let (messages, bytes) = (of[0].as_u64().expect("a count"), of[1].as_u64().expect("a size"));
        json!([messages, bytes + messages * PREFIX])
    };
    let by_peers: Vec<_> = counted
        .iter()
        .map(|call| {
            json!({
                "service": "shop.v1.Orders",
                "method": call["method"],
                "path": format!("/shop.v1.Orders/{}", call["method"].as_str().expect("a method")),
                "status": call["status"],
                "request": sent(&call["request"]),
                "response": sent(&call["response"]),
            })
        })
        .collect();
    assert_eq!(told, by_peers, "{lines:?}");
    let statuses: Vec<_> = counted.iter().map(|call| call["status"].clone()).collect();
    assert_eq!(statuses, [0, 5, 0, 0], "5 is NOT_FOUND");
    check_endpoint(agent, &lines[0], &json!(["POST", "/shop.v1.Orders/Get", "grpc", 0, 3]));
    check_endpoint(agent, &lines[3], &json!(["POST", "/shop.v1.Orders/List", "grpc", 0, 1]));
    for (code, calls) in [("ok", 3.0), ("error", 1.0), ("unknown", 0.0)] {
        let exposed = agent.metric("apiscope_grpc_calls_total", &format!("{},code=\"{code}\"", label_of(&lines[0])));
        assert!((exposed - calls).abs() < 0.1, "{code}: {exposed} {}", agent.metrics());
    }
}
