//! A real Alertmanager gets the alert and its end; a real Prometheus scrapes; killed and started again, nothing is sent twice
//! and nothing is lost.

#[path = "../support/mod.rs"]
mod support;

use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use serde_json::Value;
use support::agent::Agent;
use support::net::{Namespace, free_port};
use support::nginx::Nginx;
use support::recorder::{Recorder, webhook};
use support::{Running, can_run_live, run, wait_for};

fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

struct Alertmanager {
    url: String,
    _folder: tempfile::TempDir,
    _running: Running,
}

impl Alertmanager {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let config = folder.path().join("am.yml");
        std::fs::write(&config, "route: {receiver: none}\nreceivers: [{name: none}]\n").expect("a file can be written");
        let address = format!("127.0.0.1:{}", free_port());
        let running = Running::start(
            Command::new("prometheus-alertmanager")
                .arg(format!("--config.file={}", config.display()))
                .arg(format!("--storage.path={}", folder.path().display()))
                .args([format!("--web.listen-address={address}"), "--cluster.listen-address=".to_owned()])
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        );
        let url = format!("http://{address}");
        wait_for("Alertmanager is ready", Duration::from_secs(20), || get(&format!("{url}/-/ready")));
        Self { url, _folder: folder, _running: running }
    }

    /// What amtool says is firing.
    fn alerts(&self) -> Vec<Value> {
        let text = run(Command::new("amtool").args(["alert", "query", "-o", "json", "--alertmanager.url", &self.url]));
        serde_json::from_str(&text).unwrap_or_default()
    }
}

fn get(url: &str) -> Option<String> {
    let output = Command::new("curl").args(["-sf", "-m", "5", url]).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

const LOCATIONS: &str = "location /items/ { return 200 '{\"id\":1}'; }";

/// Basic credentials in clear text over veth.
fn leak_a_password(nginx: &Nginx, namespace: &Namespace) {
    run(Command::new("curl").args([
        "-sS",
        "-o",
        "/dev/null",
        "-u",
        "alice:correct-horse-battery",
        &format!("{}/items/1", nginx.url(namespace.inside.0)),
    ]));
}

/// The webhook messages: id, and what the alert is about.
fn messages(recorder: &Recorder) -> Vec<(String, String)> {
    let bytes = recorder.bytes();
    let text = String::from_utf8_lossy(&bytes);
    // nginx names its version, too: that is told as a finding of its own, and is not what these tests count.
    let about = text.split("POST /hook").skip(1).filter(|request| request.contains("cleartext-credential"));
    about.map(|request| (header(request, "webhook-id"), transition(request))).collect()
}

fn header(request: &str, name: &str) -> String {
    let line = request.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")));
    let (_, value) = line.and_then(|line| line.split_once(':')).unwrap_or_else(|| panic!("no {name} in {request}"));
    value.trim().to_owned()
}

fn transition(request: &str) -> String {
    let body = request.split_once("\r\n\r\n").expect("a request has a body").1;
    let body: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
    body["type"].as_str().and_then(|kind| kind.rsplit('.').next()).unwrap_or("?").to_owned()
}

#[test]
fn the_alert_and_its_end_arrive_once_over_a_kill() {
    if !can_run_live("the_alert_and_its_end_arrive_once_over_a_kill") {
        return;
    }
    let _alone = alone();
    let (alertmanager, recorder) = (Alertmanager::start(), Recorder::start());
    let namespace = Namespace::new();
    let nginx = Nginx::start(Some(&namespace), LOCATIONS);
    let mut agent = Agent::start(&format!(
        "resolve_after = \"1m\"\n\n[[alertmanager]]\nurls = [\"{}\"]\nlife_min = \"0ms\"\n\n{}",
        alertmanager.url,
        recorder.configuration()
    ));
    leak_a_password(&nginx, &namespace);

    let alert = wait_for("the alert is in Alertmanager", Duration::from_secs(15), || {
        alertmanager.alerts().into_iter().find(|alert| {
            alert["labels"]["alertname"].as_str().is_some_and(|name| name.to_lowercase().contains("cleartext"))
        })
    });
    for label in ["alertname", "severity", "api", "method", "route", "finding", "instance", "job"] {
        assert!(alert["labels"][label].is_string(), "label {label}: {alert}");
    }
    assert_eq!(alert["labels"]["route"], "/items/{id}", "{alert}");
    wait_for("the webhook has it too", Duration::from_secs(15), || (!messages(&recorder).is_empty()).then_some(()));
    let before = messages(&recorder);

    agent.kill();
    agent.launch();
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(messages(&recorder), before, "nothing is sent twice over a kill");

    wait_for("its end is in Alertmanager", Duration::from_mins(2), || alertmanager.alerts().is_empty().then_some(()));
    let after = wait_for("its end is at the webhook", Duration::from_secs(15), || {
        Some(messages(&recorder)).filter(|messages| messages.len() > before.len())
    });
    assert_eq!(after.iter().filter(|(_, what)| what == "resolved").count(), after.len() - before.len(), "{after:?}");
    let mut ids: Vec<_> = after.iter().map(|(id, _)| id).collect();
    ids.dedup();
    assert_eq!(ids.len(), after.len(), "each message has its own id: {after:?}");
}

#[test]
fn what_was_found_while_the_receiver_was_down_arrives_after_it_is_up() {
    if !can_run_live("what_was_found_while_the_receiver_was_down") {
        return;
    }
    let _alone = alone();
    let namespace = Namespace::new();
    let nginx = Nginx::start(Some(&namespace), LOCATIONS);
    let port = free_port();
    let files = tempfile::tempdir().expect("a temporary directory");
    let configuration = webhook(files.path(), "late", port);
    let mut agent = Agent::start(&configuration);
    leak_a_password(&nginx, &namespace);
    wait_for("the agent counts the failure", Duration::from_secs(15), || {
        (agent.metric("apiscope_alert_send_failures_total", "late") > 0.0).then_some(())
    });
    agent.kill();
    let recorder = Recorder::start_on(port);
    agent.launch();
    let got = wait_for("the alert arrives", Duration::from_mins(1), || {
        Some(messages(&recorder)).filter(|messages| !messages.is_empty())
    });
    assert_eq!(got.len(), 1, "{got:?}");
}

#[test]
fn a_real_prometheus_scrapes_and_promtool_has_no_complaint() {
    if !can_run_live("a_real_prometheus_scrapes") {
        return;
    }
    let _alone = alone();
    let namespace = Namespace::new();
    let nginx = Nginx::start(Some(&namespace), LOCATIONS);
    let agent = Agent::start("");
    leak_a_password(&nginx, &namespace);

    let folder = tempfile::tempdir().expect("a temporary directory");
    let config = folder.path().join("prometheus.yml");
    std::fs::write(&config, format!("global: {{scrape_interval: 1s}}\nscrape_configs: [{{job_name: apiscope, static_configs: [{{targets: ['127.0.0.1:{}']}}]}}]\n", agent.metrics_port)).expect("a file can be written");
    let port = free_port();
    let _prometheus = Running::start(
        Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}/data", folder.path().display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    );
    let query = |text: &str| {
        get(&format!("http://127.0.0.1:{port}/api/v1/query?query={text}"))
            .and_then(|answer| serde_json::from_str::<Value>(&answer).ok())
            .map(|answer| answer["data"]["result"].clone())
    };
    let exchanges = wait_for("Prometheus has the exchange", Duration::from_secs(30), || {
        query("apiscope_exchanges_total%7Broute!%3D%22%22%7D").filter(|result| {
            result.as_array().is_some_and(|list| list.iter().any(|series| series["metric"]["route"] == "/items/{id}"))
        })
    });
    assert!(exchanges.to_string().contains("\"2xx\""), "{exchanges}");
    assert_eq!(query("up").expect("Prometheus answers")[0]["value"][1], "1");

    let metrics = folder.path().join("metrics");
    std::fs::write(&metrics, agent.metrics()).expect("a file can be written");
    let checked = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(std::fs::File::open(&metrics).expect("it was written"))
        .output()
        .expect("promtool can be started");
    let said = format!("{}{}", String::from_utf8_lossy(&checked.stdout), String::from_utf8_lossy(&checked.stderr));
    assert!(checked.status.success() && said.trim().is_empty(), "promtool: {said}");
}
