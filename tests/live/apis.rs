//! Which calls are of one API: several on one port, one on several ports, and one that this side calls beside one that it serves.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::alone;
use crate::support::agent::Agent;
use crate::support::net::free_port;
use crate::support::nginx::Nginx;
use crate::support::{PYTHON, Running, can_run_live, run, wait_for};

const LOCATIONS: &str = r#"
        location /orders/ { return 200 '{"id":1}'; }
        location /charges/ { return 200 '{"id":2}'; }
        location /tickets/ { return 200 '{"id":3}'; }
"#;

/// By name: from which sides it was seen, endpoints, calls.
type Apis = BTreeMap<String, (Vec<String>, u64, u64)>;

fn apis(agent: &Agent) -> Apis {
    let rows = agent.json("apis");
    let one = |row: &Value| {
        let roles = row["roles"].as_array().expect("roles").iter().filter_map(Value::as_str).map(str::to_owned);
        let number = |key: &str| row[key].as_u64().unwrap_or(u64::MAX);
        (row["api"].as_str().unwrap_or_default().to_owned(), (roles.collect(), number("endpoints"), number("calls")))
    };
    rows["items"].as_array().expect("a list").iter().map(one).collect()
}

/// Waits for these rows (the host may have others); what is not so in time is shown.
fn expect_apis(agent: &Agent, expected: &[(&str, &str, u64, u64)]) {
    let expected: Apis = expected
        .iter()
        .map(|(name, role, endpoints, calls)| ((*name).to_owned(), (vec![(*role).to_owned()], *endpoints, *calls)))
        .collect();
    let found = || {
        let mut found = apis(agent);
        found.retain(|name, _| expected.contains_key(name));
        found
    };
    let end = std::time::Instant::now() + Duration::from_secs(8);
    while found() != expected && std::time::Instant::now() < end {
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(found(), expected);
}

/// Calls a path of nginx under a name, so often.
fn call(nginx: &Nginx, host: &str, path: &str, times: u32) {
    let url = format!("{}{path}/[1-{times}]", nginx.url(Ipv4Addr::LOCALHOST));
    run(Command::new("curl").args(["-sSf", "-o", "/dev/null", "-H", &format!("Host: {host}"), &url]));
}

#[test]
fn hosts_of_one_port_are_apis_of_their_own_and_ports_of_one_host_are_one() {
    if !can_run_live("hosts_of_one_port_are_apis_of_their_own") {
        return;
    }
    let _alone = alone();
    let replicas = [Nginx::start(None, LOCATIONS), Nginx::start(None, LOCATIONS)];
    let ports = replicas.each_ref().map(|nginx| nginx.port);
    let rules = format!(
        "[[api]]\nname = \"tickets\"\nauthorities = [\"tickets.test\"]\n\n[[api]]\nname = \"desk\"\nauthorities = [\"127.0.0.1:{}\", \"127.0.0.1:{}\"]\n",
        ports[0], ports[1]
    );
    let agent = Agent::start(&rules);
    // Several on one port.
    call(&replicas[0], "shop.test", "/orders", 4);
    call(&replicas[0], "pay.test", "/charges", 3);
    call(&replicas[0], "pay.test", "/orders", 2);
    // One on two ports, by its name.
    call(&replicas[1], "shop.test", "/orders", 5);
    // One on two ports that it is called with, by a rule.
    for (nginx, times) in replicas.iter().zip([2, 6]) {
        call(nginx, &format!("tickets.test:{}", nginx.port), "/tickets", times);
        call(nginx, &format!("127.0.0.1:{}", nginx.port), "/charges", times);
    }
    expect_apis(
        &agent,
        &[
            ("shop.test", "served", 1, 9),
            ("pay.test", "served", 2, 5),
            ("tickets", "served", 1, 8),
            ("desk", "served", 1, 8),
        ],
    );
    let rows = agent.json("endpoints");
    let of = |api: &str| -> Vec<String> {
        let rows = rows["items"].as_array().expect("a list").iter().filter(|row| row["api"] == *api);
        rows.map(|row| row["route"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(of("pay.test"), ["/charges/{id}", "/orders/{id}"]);
    assert_eq!((of("shop.test"), of("desk")), (vec!["/orders/{id}".to_owned()], vec!["/charges/{id}".to_owned()]));
}

/// A control group of the test's own; gone with its guard, when nothing is in it any more.
struct Group(PathBuf);

impl Group {
    /// `None`: this host has no version 2 of control groups that could be written.
    fn new() -> Option<Self> {
        let mounts = std::fs::read_to_string("/proc/mounts").ok()?;
        let root = mounts
            .lines()
            .map(|line| line.split(' ').collect::<Vec<_>>())
            .find(|line| line.get(2) == Some(&"cgroup2"))?;
        let folder = Path::new(root.get(1)?).join(format!("apiscope-test-{}", std::process::id()));
        std::fs::create_dir(&folder).ok()?;
        Some(Self(folder))
    }

    /// A shell line that runs inside.
    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("echo $$ > {}/cgroup.procs && exec {line}", self.0.display())]);
        command
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for _ in 0..50 {
            if std::fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn an_api_that_is_called_from_here_stands_beside_one_that_is_served_here() {
    if !can_run_live("an_api_that_is_called_from_here") {
        return;
    }
    let _alone = alone();
    // What is outside of the group is another host for the agent: it sees one side of these calls only.
    let Some(group) = Group::new() else {
        return eprintln!("\n*** SKIPPED: no cgroup2 file system that can be written ***\n");
    };
    let agent = Agent::start(&format!("[capture]\ncgroup = \"{}\"\n", group.0.display()));
    let partner = Nginx::start(None, LOCATIONS);
    let (folder, port) = (tempfile::tempdir().expect("a temporary directory"), free_port());
    std::fs::create_dir(folder.path().join("orders")).expect("a folder can be made");
    for number in 1..=4 {
        std::fs::write(folder.path().join(format!("orders/{number}")), "{}").expect("a file can be written");
    }
    let server = format!("{PYTHON} -m http.server {port} --bind 127.0.0.1 --directory {}", folder.path().display());
    let _server = Running::start(group.command(&server).stdout(Stdio::null()).stderr(Stdio::null()));
    wait_for("the server answers", Duration::from_secs(20), || std::net::TcpStream::connect(("127.0.0.1", port)).ok());

    let get = |host: &str, url: &str| format!("curl -sSf -o /dev/null -H 'Host: {host}' '{url}'");
    let (theirs, mine) = (
        format!("{}/charges/[1-5]", partner.url(Ipv4Addr::LOCALHOST)),
        format!("http://127.0.0.1:{port}/orders/[1-4]"),
    );
    run(&mut group.command(&get("partner.test", &theirs)));
    run(Command::new("sh").args(["-c", &get("mine.test", &mine)]));
    // Neither side of this one is here.
    run(Command::new("sh").args(["-c", &get("elsewhere.test", &theirs)]));
    expect_apis(&agent, &[("partner.test", "called", 1, 5), ("mine.test", "served", 1, 4)]);
    assert!(!apis(&agent).contains_key("elsewhere.test"));
}
