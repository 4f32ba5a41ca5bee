//! Servers that speak GraphQL (graphql-core), JSON-RPC, MCP and SOAP behind one path each: the endpoints are the operations which they say
//! they carried out, as often as they did, no more and no fewer; what there was not is probed.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::alone;
use crate::support::agent::Agent;
use crate::support::net::free_port;
use crate::support::{Running, can_run_live_with, run, wait_for};

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools/python/bin/python");
const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/live/operations.py");

/// Media type, path and body; without a body it is a GET.
type Request = (&'static str, String, Option<String>);

fn requests() -> Vec<Request> {
    let json = |path: &str, body: Value| ("application/json", path.to_owned(), Some(body.to_string()));
    let query = |text: &str| json("/graphql", json!({ "query": text }));
    let rpc = |method: &str| json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": [3, 1, 2]});
    let tool = |name: &str| {
        json(
            "/mcp",
            json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": {}}}),
        )
    };
    let soap = |operation: &str| {
        let text = format!(
            r#"<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><m:{operation} xmlns:m="urn:m"/></e:Body></e:Envelope>"#
        );
        ("text/xml", "/soap".to_owned(), Some(text))
    };
    let both = "query One { me { id } } query Two { order(id: 2) { items } }";
    let mut requests = vec![
        query("query Who { me { name } }"),
        query("query Who { me { id } }"),
        query("{ me { id } order(id: 7) { items } }"),
        query("mutation Add { add(id: 7) { items } }"),
        query("query Broken { nothing }"),
        query("query Failing { me { id } fails }"),
        query("query Unclosed { me {"),
        json("/graphql", json!({ "query": both, "operationName": "Two" })),
        json("/graphql", json!([{ "query": "query Who { me { id } }" }, { "query": "query Batched { me { id } }" }])),
        ("", "/graphql?query=query%20Asked%20%7B%20me%20%7B%20id%20%7D%20%7D".to_owned(), None),
        json("/rpc", json!([rpc("add"), rpc("largest")])),
        json("/rpc", rpc("nothing")),
        json("/mcp", json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}})),
        tool("search"),
        tool("guess"),
        tool("forecast"),
        soap("GetPrice"),
        soap("GetStock"),
        soap("GetPrice"),
        soap("Guess"),
        ("", "/orders/17".to_owned(), None),
        ("", "/orders/18".to_owned(), None),
        ("", "/wp-login.php".to_owned(), None),
    ];
    requests.extend(["add", "largest", "first.of", "add"].map(|method| json("/rpc", rpc(method))));
    requests
}

/// Asks all of it, each with a connection of its own.
fn ask(port: u16) {
    for (media, path, body) in requests() {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-o", "/dev/null", &format!("http://127.0.0.1:{port}{path}")]);
        if let Some(body) = body {
            curl.args(["-H", &format!("Content-Type: {media}"), "--data-binary", &body]);
        }
        run(&mut curl);
    }
}

/// The server, and what it says into a file.
fn start(folder: &Path, port: u16) -> Running {
    let said = File::create(folder.join("said")).expect("a file can be made");
    let errors = File::create(folder.join("errors")).expect("a file can be made");
    let server = Running::start(Command::new(PYTHON).arg(SERVER).arg(port.to_string()).stdout(said).stderr(errors));
    wait_for("the server answers", Duration::from_mins(1), || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
    server
}

/// Operations by how often they were carried out, in the server's own words.
fn carried_out(folder: &Path) -> BTreeMap<String, u64> {
    let text = std::fs::read_to_string(folder.join("said")).expect("the server's words can be read");
    let mut operations = BTreeMap::new();
    text.lines().for_each(|line| *operations.entry(line.to_owned()).or_default() += 1);
    operations
}

/// The endpoints of an API by their calls.
fn listed(agent: &Agent, api: &str) -> BTreeMap<String, u64> {
    let rows = agent.json("endpoints");
    let rows = rows["items"].as_array().expect("a list").iter().filter(|row| row["api"] == *api);
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    rows.map(|row| (format!("{} {}", text(row, "method"), text(row, "route")), row["calls"].as_u64().unwrap_or(0)))
        .collect()
}

#[test]
fn endpoints_are_the_operations_that_were_carried_out() {
    if !can_run_live_with("endpoints_are_the_operations_that_were_carried_out", Path::new(PYTHON)) {
        return;
    }
    let _alone = alone();
    let agent = Agent::start("");
    let (folder, port) = (tempfile::tempdir().expect("a temporary directory"), free_port());
    let _server = start(folder.path(), port);
    ask(port);
    let expected = carried_out(folder.path());
    assert!(expected.len() >= 15, "{expected:?}");
    let api = format!("127.0.0.1:{port}");
    let end = std::time::Instant::now() + Duration::from_secs(8);
    while listed(&agent, &api) != expected && std::time::Instant::now() < end {
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(listed(&agent, &api), expected);

    // What there was not.
    let probed = || {
        let rows = agent.json("probed");
        let rows = rows["items"].as_array().expect("a list").iter().filter(|row| row["api"] == *api);
        let mut texts: Vec<_> =
            rows.map(|row| format!("{} {}", row["method"], row["path"]).replace('"', "")).collect::<Vec<_>>();
        texts.sort();
        texts
    };
    wait_for("what is probed is told", Duration::from_secs(10), || (!probed().is_empty()).then_some(()));
    assert_eq!(
        probed(),
        [
            "GET /wp-login.php",
            "POST /graphql#(other)",
            "POST /graphql#query Broken",
            "POST /mcp#tools/call guess",
            "POST /rpc#nothing",
            "POST /soap#Guess",
        ]
    );
}
