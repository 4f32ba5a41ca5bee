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

/// A command that says something about findings, and its answer.
fn say(agent: &Agent, command: &str, args: &[&str]) -> Value {
    let text = run(agent.client(command).args(args).args(["-o", "json"]).stderr(Stdio::null()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("`{command}` gives no JSON: {error}\n{text}"))
}

fn cleartext(agent: &Agent) -> Option<Value> {
    let findings = agent.json("findings");
    findings["items"].as_array().into_iter().flatten().find(|row| row["kind"] == "cleartext-credential").cloned()
}

#[test]
fn what_people_say_ends_and_begins_alerts_and_outlives_a_kill() {
    if !can_run_live("what_people_say_ends_and_begins_alerts_and_outlives_a_kill") {
        return;
    }
    let _alone = alone();
    let (alertmanager, recorder) = (Alertmanager::start(), Recorder::start());
    let namespace = Namespace::new();
    let nginx = Nginx::start(Some(&namespace), LOCATIONS);
    let mut agent =
        Agent::start(&format!("[[alertmanager]]\nurls = [\"{}\"]\n\n{}", alertmanager.url, recorder.configuration()));
    leak_a_password(&nginx, &namespace);
    let firing = || {
        let is_ours = |alert: &Value| alert["labels"]["alertname"] == "ApiscopeCleartextCredential";
        alertmanager.alerts().iter().any(is_ours)
    };
    let wait = |what: &str, wanted: bool| {
        wait_for(what, Duration::from_secs(20), || (firing() == wanted).then_some(()));
    };
    wait("the alert is in Alertmanager", true);
    let finding = wait_for("the finding is shown", Duration::from_secs(10), || cleartext(&agent));
    let id = finding["id"].as_str().expect("an id").to_owned();

    let reply = say(&agent, "accept", &[&id[..6], "--for", "90d", "--reason", "a lab", "--by", "ann"]);
    assert_eq!((&reply["durable"], &reply["decisions"][0]["finding"]), (&Value::from(true), &Value::from(id.as_str())));
    // Although it is younger than life_min: who accepts it has heard of it.
    wait("its end is in Alertmanager", false);
    let told = |count: usize| {
        wait_for("the webhook has it", Duration::from_secs(15), || {
            Some(messages(&recorder)).filter(|messages| messages.len() >= count)
        })
        .into_iter()
        .map(|(_, what)| what)
        .collect::<Vec<_>>()
    };
    assert_eq!(told(2), ["opened", "quieted"]);
    agent.kill();
    agent.launch();
    leak_a_password(&nginx, &namespace);
    let shown = say(&agent, "findings", &[&id[..4]]);
    let by = shown["quiet"]["by"].as_str().expect("somebody");
    assert!(by.starts_with("ann (user ") && shown["quiet"]["why"] == "accepted", "{shown}");
    let history: Vec<&str> =
        shown["history"].as_array().into_iter().flatten().filter_map(|line| line["what"].as_str()).collect();
    assert_eq!(history, ["opened", "accepted", "quieted"]);
    assert!(!firing(), "a restart does not tell what is accepted");

    say(&agent, "accept", &[&id, "--undo"]);
    wait("it is in Alertmanager again", true);
    say(&agent, "silence", &["--kind", "cleartext-credential", "--for", "1h", "--reason", "deployment"]);
    wait("the silence ends it", false);
    let silence = agent.json("silences")["items"][0]["id"].as_str().expect("a silence").to_owned();
    say(&agent, "silence", &["--end", &silence]);
    wait("after the silence it is told", true);
    let baseline = say(&agent, "baseline", &[]);
    assert!(
        baseline["decisions"].as_array().is_some_and(|taken| taken.iter().any(|row| row["finding"] == id.as_str()))
    );
    wait("the baseline ends it", false);
    assert_eq!(say(&agent, "baseline", &[])["decisions"], Value::Array(Vec::new()), "said again it takes nothing");
    let expected = ["opened", "quieted", "resumed", "quieted", "resumed", "quieted"];
    assert_eq!(told(expected.len()), expected);

    agent.stop();
    let refused = agent.client("ack").arg(&id).output().expect("it can be started");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("no agent answers"), "{said}");
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
