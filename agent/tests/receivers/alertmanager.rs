//! A real Alertmanager: the alert arrives with the right labels, its end arrives, an outage loses nothing, a restart changes nothing.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use apiscope::notify::alertmanager::Config;
use apiscope::notify::{Context, Notifier, Receivers};
use apiscope::store::{Options, Store};
use apiscope_audit::Severity;
use apiscope_audit::finding::Transition;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::support::{Request, Running, Server, changed, free_port, get, now, opened, tell, wait_for};

const PROGRAM: &str = "/usr/bin/prometheus-alertmanager";

/// One Alertmanager, its files in `dir`, that tells `page` what it would tell people.
pub(crate) fn alertmanager(dir: &Path, port: u16, page: &str) -> Running {
    let config = format!(
        "route: {{receiver: page, group_by: [alertname, api, route], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}\n\
         receivers: [{{name: page, webhook_configs: [{{url: \"{page}\", send_resolved: true}}]}}]\n"
    );
    std::fs::write(dir.join("am.yml"), config).expect("a file");
    let running = Running::start(
        Command::new(PROGRAM)
            .arg(format!("--config.file={}", dir.join("am.yml").display()))
            .arg(format!("--storage.path={}", dir.join("am").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    );
    wait_for("Alertmanager is ready", 60, || get(port, "/-/ready"));
    running
}

struct Agent {
    store: Store,
    notifier: Notifier,
    runtime: Runtime,
}

impl Agent {
    fn start(dir: &Path, urls: Vec<String>) -> Self {
        let (store, _) = Store::open(Options::new(dir)).expect("it opens");
        let runtime = Runtime::new().expect("a runtime");
        let config = Config { urls, life_min: Duration::ZERO, min_severity: Severity::Low, ..Config::default() };
        let receivers = Receivers { alertmanager: vec![config], ..Receivers::default() };
        let context = Context { instance: "web-1".into(), environment: "test".into(), external_url: None };
        let notifier = Notifier::start(runtime.handle(), receivers, &context, &store).expect("it starts");
        Self { store, notifier, runtime }
    }

    fn stop(self) {
        self.runtime.block_on(self.notifier.stop());
        self.store.close();
    }
}

pub(crate) fn active(port: u16) -> Vec<Value> {
    let body = get(port, "/api/v2/alerts").unwrap_or_else(|| "[]".into());
    serde_json::from_str(&body).expect("JSON")
}

/// What people were told of an API: `status route`, one for each alert of each notification.
pub(crate) fn told(page: &Server, api: &str) -> Vec<String> {
    let notifications = page.seen();
    let alerts = notifications
        .iter()
        .flat_map(|request: &Request| request.json()["alerts"].as_array().cloned().unwrap_or_default())
        .filter(|alert| alert["labels"]["api"] == api);
    alerts.map(|alert| format!("{} {}", text(&alert["status"]), text(&alert["labels"]["route"]))).collect()
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[test]
fn the_alert_arrives_survives_restarts_on_both_sides_and_ends() {
    let (files, dir) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let page = Server::start(Box::new(|_| Some(200)));
    let port = free_port();
    // A name, so that its addresses are looked up as in a cluster.
    let url = format!("http://localhost:{port}");
    let running = alertmanager(files.path(), port, &page.url());
    let agent = Agent::start(dir.path(), vec![url.clone()]);
    let row = opened("/login", now());
    tell(&agent.store, &row);
    let alert = wait_for("the alert", 60, || active(port).pop());
    let labels: Vec<(&str, &str)> =
        alert["labels"].as_object().expect("labels").iter().map(|(name, value)| (&**name, text(value))).collect();
    assert_eq!(
        labels,
        [
            ("alertname", "ApiscopeCleartextCredential"),
            ("api", "orders-api"),
            ("finding", &*row.id.to_string()),
            ("instance", "web-1"),
            ("job", "apiscope"),
            ("method", "POST"),
            ("route", "/login"),
            ("severity", "high"),
            ("team", "payments"),
        ]
    );
    let began = text(&alert["startsAt"]).to_owned();
    wait_for("people are told", 10, || told(&page, "orders-api").contains(&"firing /login".to_owned()).then_some(()));

    // The agent is started again: the same alert, from the same time, nobody is told again.
    agent.stop();
    let agent = Agent::start(dir.path(), vec![url]);
    wait_for("a reminder", 60, || agent.notifier.errors().is_empty().then_some(()));
    std::thread::sleep(Duration::from_secs(2));
    let again = active(port);
    assert_eq!((again.len(), text(&again[0]["startsAt"])), (1, &*began));

    // Alertmanager is down while something new comes and something old gets worse.
    drop(running);
    let worse = changed(&row, Transition::Escalated, now());
    for row in [opened("/meanwhile", now()), worse.clone()] {
        tell(&agent.store, &row);
    }
    wait_for("it fails", 60, || agent.notifier.errors().pop());
    let running = alertmanager(files.path(), port, &page.url());
    let mut routes = wait_for("both", 60, || {
        let alerts = active(port);
        let found: Vec<String> = alerts
            .iter()
            .map(|alert| format!("{} {}", text(&alert["labels"]["route"]), text(&alert["labels"]["severity"])))
            .collect();
        (found.len() == 2 && found.contains(&"/login critical".to_owned())).then_some(found)
    });
    routes.sort();
    assert_eq!(routes, ["/login critical", "/meanwhile high"], "the label set of the old severity has ended");

    // The end.
    let over = changed(&worse, Transition::Resolved, now());
    tell(&agent.store, &over);
    wait_for("the end", 60, || (active(port).len() == 1).then_some(()));
    wait_for("people are told of the end", 60, || {
        told(&page, "orders-api").contains(&"resolved /login".to_owned()).then_some(())
    });
    assert_eq!(told(&page, "orders-api").iter().filter(|told| *told == "firing /meanwhile").count(), 1);
    agent.stop();
    assert_eq!(text(&active(port)[0]["labels"]["route"]), "/meanwhile", "a stop resolves nothing");
    drop(running);
}

#[test]
fn a_bad_alert_is_parked_and_the_others_of_its_batch_arrive() {
    let dir = tempfile::tempdir().expect("a directory");
    // Refuses every batch with /bad in it, as Alertmanager does with what it can't take.
    let bodies: std::sync::Arc<std::sync::Mutex<Vec<String>>> = std::sync::Arc::default();
    let server = picky(std::sync::Arc::clone(&bodies));
    let agent = Agent::start(dir.path(), vec![server]);
    let rows: Vec<_> =
        (0..9).map(|n| opened(if n == 4 { "/bad".into() } else { format!("/{n}") }.as_str(), now())).collect();
    for row in rows {
        tell(&agent.store, &row);
    }
    wait_for("the good ones", 60, || {
        let accepted = bodies.lock().expect("no panic").join("\n");
        (0..9).filter(|n| *n != 4).all(|n| accepted.contains(&format!("\"/{n}\""))).then_some(())
    });
    let snapshot = wait_for("the bad one is counted", 10, || {
        agent.notifier.snapshot().pop().filter(|snapshot| snapshot.dropped.contains(&("refused", 1)))
    });
    assert_eq!(snapshot.sent, 8);
    wait_for("nothing waits", 10, || (agent.notifier.snapshot()[0].waiting == 0).then_some(()));
    agent.stop();
}

/// A server that answers 400 to every body that holds `/bad`, and keeps the others.
fn picky(accepted: std::sync::Arc<std::sync::Mutex<Vec<String>>>) -> String {
    use std::io::{BufRead, BufReader, Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let mut reader = BufReader::new(connection.try_clone().expect("a socket"));
            let (mut line, mut length) = (String::new(), 0);
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a number");
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            let body = String::from_utf8(body).expect("text");
            let status = if body.contains("/bad") { 400 } else { 200 };
            if status == 200 {
                accepted.lock().expect("no panic").push(body);
            }
            write!(connection, "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
                .expect("it is read");
        }
    });
    format!("http://{address}")
}
