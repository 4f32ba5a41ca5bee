//! Every request that nginx answered is in `watch`, once, with its method, path, status and body size; and the same packets
//! written by tcpdump and replayed say the same.

use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::alone;
use crate::support::agent::{Agent, exchanges_in};
use crate::support::net::Namespace;
use crate::support::nginx::Nginx;
use crate::support::{Running, can_run_live, run};

const LOCATIONS: &str = r#"
        location /items/ { return 200 '{"id":1,"name":"thing"}'; }
        location /orders { return 201 '{"created":true}'; }
        location /empty { return 204; }
        location /gone { return 404 '{"error":"gone"}'; }
        location /moved { return 301 /items/1; }
        location /ssi/ { ssi on; ssi_types application/json; alias www/; }
"#;

/// (method, path, status, response body bytes).
type Call = (String, String, u16, u64);

/// curl's options for one run each; every run may hold several requests on one connection.
fn plan(base: &str, folder: &Path) -> Vec<Vec<String>> {
    let big = folder.join("big.json");
    std::fs::write(&big, format!("{{\"data\":\"{}\"}}", "x".repeat(150_000))).expect("a file can be written");
    let big = format!("@{}", big.display());
    let words =
        |line: &str| line.replace("BASE", base).replace("BIG", &big).split(' ').map(str::to_owned).collect::<Vec<_>>();
    vec![
        words("BASE/items/[1-60]"),
        words("BASE/ssi/page.json?n=[1-20]"),
        words("--head BASE/items/7 BASE/files/plain.json"),
        words("BASE/files/plain.json BASE/empty BASE/gone BASE/moved BASE/items/8"),
        words("--data {\"a\":1} --header Content-Type:application/json BASE/orders"),
        words("--data-binary BIG --header Content-Type:application/json --header Expect:100-continue BASE/orders"),
        words("--data-binary BIG --header Transfer-Encoding:chunked BASE/orders"),
        words("--http1.0 BASE/items/9"),
        words("--http1.0 BASE/ssi/page.json"),
        words("--request DELETE BASE/orders/17"),
    ]
}

/// Runs the plan and gives curl's own account of it.
fn traffic(base: &str, folder: &Path) -> Vec<Call> {
    let mut calls = Vec::new();
    for options in plan(base, folder) {
        let outputs: Vec<String> = options
            .iter()
            .filter(|word| word.starts_with("http:"))
            .flat_map(|_| ["-o".to_owned(), "/dev/null".to_owned()])
            .collect();
        let said = run(Command::new("curl")
            .args(["-sS", "-w", "%{method} %{url_effective} %{response_code} %{size_download}\n"])
            .args(outputs)
            .args(&options));
        calls.extend(said.lines().filter(|line| line.contains("http://")).map(call_of_curl));
    }
    calls
}

fn call_of_curl(line: &str) -> Call {
    let mut words = line.split(' ');
    let mut word = || words.next().expect("curl writes four words").to_owned();
    let (method, url, status, size) = (word(), word(), word(), word());
    let path = url
        .splitn(4, '/')
        .nth(3)
        .and_then(|rest| rest.split('?').next())
        .map(|path| format!("/{path}"))
        .expect("a URL has a path");
    (method, path, status.parse().expect("a status"), size.parse().expect("a size"))
}

fn call_of(line: &Value) -> Call {
    let text = |key: &str| line[key].as_str().unwrap_or("?").to_owned();
    (
        text("method"),
        text("path"),
        line["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(0),
        line["response_body_bytes"].as_u64().unwrap_or(u64::MAX),
    )
}

fn sorted<T: Ord>(mut list: Vec<T>) -> Vec<T> {
    list.sort();
    list
}

fn nginx(namespace: Option<&Namespace>) -> Nginx {
    let nginx = Nginx::start(namespace, LOCATIONS);
    std::fs::write(nginx.www().join("plain.json"), "{\"plain\":true}").expect("a file can be written");
    std::fs::write(nginx.www().join("page.json"), "{\"pad\":\"<!--#echo var=\"request_method\" -->\"}")
        .expect("a file can be written");
    nginx
}

/// Compares what was watched with what curl got and with what nginx wrote into its log.
fn check(watched: &[Value], curl: Vec<Call>, log: Vec<(String, String, u16)>) {
    let calls = sorted(watched.iter().map(call_of).collect());
    assert_same(&calls, &sorted(curl), "watch against curl");
    let short: Vec<_> = calls.into_iter().map(|(method, path, status, _)| (method, path, status)).collect();
    assert_same(&sorted(short), &sorted(log), "watch against nginx's access log");
    for line in watched {
        assert_eq!(line["response_complete"], Value::Bool(true), "{line}");
        // Behind the budget the sizes of chunks are not seen: such a request's end, and so its size, is not known; and is said not to be.
        let known = line["request_complete"] == Value::Bool(true);
        assert_eq!(line["request_body_bytes"].is_u64(), known, "{line}");
    }
    let unknown: Vec<_> = watched.iter().filter(|line| line["request_complete"] == Value::Bool(false)).collect();
    assert_eq!(
        unknown.len(),
        CHUNKED_PAST_THE_BUDGET * 2,
        "only the chunked upload past the budget, once for each address: {unknown:?}"
    );
}

/// How many requests of the plan have a chunked body longer than the budget.
const CHUNKED_PAST_THE_BUDGET: usize = 1;

/// Compares two sorted lists and shows only what differs.
fn assert_same<T: Ord + std::fmt::Debug>(left: &[T], right: &[T], what: &str) {
    let count = |list: &[T], item: &T| list.iter().filter(|other| *other == item).count();
    let mut differences: Vec<String> = left
        .iter()
        .chain(right)
        .map(|item| (count(left, item), count(right, item), item))
        .filter(|(in_left, in_right, _)| in_left != in_right)
        .map(|(in_left, in_right, item)| format!("{in_left} times against {in_right}: {item:?}"))
        .collect();
    differences.sort();
    differences.dedup();
    assert!(differences.is_empty(), "{what}:\n{}", differences.join("\n"));
}

#[test]
fn every_request_is_seen_once_on_loopback_and_over_veth() {
    if !can_run_live("every_request_is_seen_once_on_loopback_and_over_veth") {
        return;
    }
    let _alone = alone();
    let namespace = Namespace::new();
    let (near, far) = (nginx(None), nginx(Some(&namespace)));
    let agent = Agent::start("");
    let watch = agent.watch();
    let scratch = tempfile::tempdir().expect("a temporary directory");

    let mut on_loopback = Vec::new();
    for ip in Nginx::loopback() {
        on_loopback.extend(traffic(&near.url(ip), scratch.path()));
    }
    let mut over_veth = Vec::new();
    for ip in [IpAddr::from(namespace.inside.0), IpAddr::from(namespace.inside.1)] {
        over_veth.extend(traffic(&far.url(ip), scratch.path()));
    }
    check(&watch.wait(near.port, on_loopback.len()), on_loopback, near.access_log());
    check(&watch.wait(far.port, over_veth.len()), over_veth, far.access_log());
}

/// What must be equal between live and replay: all but the times, and what a file cannot know.
fn essence(line: &Value) -> String {
    let keys = [
        "client",
        "server",
        "protocol",
        "tls",
        "api",
        "method",
        "host",
        "path",
        "query_keys",
        "route",
        "status",
        "request_body_bytes",
        "response_body_bytes",
        "request_complete",
        "response_complete",
    ];
    keys.map(|key| format!("{key}={}", line[key])).join(" ")
}

/// Finding ids with their kinds; severity may differ, for a file does not know the interface.
fn findings(list: &Value) -> Vec<(String, String)> {
    let list =
        list.get("findings").or_else(|| list.get("items")).unwrap_or(list).as_array().expect("findings are a list");
    let text =
        |finding: &Value, key: &str| finding[key].as_str().unwrap_or_else(|| panic!("no {key}: {finding}")).to_owned();
    sorted(list.iter().map(|finding| (text(finding, "id"), text(finding, "kind"))).collect())
}

#[test]
fn the_same_packets_replayed_give_the_same_exchanges_and_findings() {
    if !can_run_live("the_same_packets_replayed_give_the_same_exchanges_and_findings") {
        return;
    }
    let _alone = alone();
    let namespace = Namespace::new();
    let far = nginx(Some(&namespace));
    let agent = Agent::start("");
    let watch = agent.watch();
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let file = scratch.path().join("traffic.pcap");
    let mut tcpdump = Running::start(
        Command::new("tcpdump")
            .args(["-i", &namespace.interface, "-s", "0", "-U", "--immediate-mode", "-B", "65536", "-w"])
            .arg(&file)
            .args(["tcp", "port", &far.port.to_string()]),
    );
    std::thread::sleep(Duration::from_millis(800));

    let base = far.url(namespace.inside.0);
    let mut curl = traffic(&base, scratch.path());
    let secret = run(Command::new("curl").args([
        "-sS",
        "-o",
        "/dev/null",
        "-w",
        "%{method} %{url_effective} %{response_code} %{size_download}\n",
        "-u",
        "alice:correct-horse-battery",
        &format!("{base}/items/1"),
    ]));
    curl.push(call_of_curl(secret.trim_end()));
    let live = watch.wait(far.port, curl.len());
    // tcpdump drops what it has not read yet when it is interrupted.
    std::thread::sleep(Duration::from_secs(1));
    tcpdump.signal("INT");
    tcpdump.wait(Duration::from_secs(5));

    let replay = |form: &[&str]| run(agent.client("replay").arg(&file).args(form));
    let replayed = exchanges_in(&replay(&["--exchanges", "-o", "jsonl"]), far.port);
    let set = |lines: &[Value]| sorted(lines.iter().map(essence).collect::<Vec<_>>());
    assert_same(&set(&live), &set(&replayed), "live against replay");
    assert_eq!(live.len(), curl.len());

    let from_file: Value = serde_json::from_str(&replay(&["-o", "json"])).expect("replay gives JSON");
    let of_file = findings(&from_file);
    assert!(of_file.iter().any(|(_, kind)| kind == "cleartext-credential"), "{of_file:?}");
    assert_eq!(findings(&agent.json("findings")), of_file);
}
