//! The whole agent with a real Alertmanager and a webhook: a finding in live traffic becomes an alert; the agent is killed and started
//! again at its worst moments and sends nothing twice and loses nothing; and the end of the finding is the end of the alert.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use apiscope::store::Store;

use super::alertmanager::{active, alertmanager, text, told};
use super::support::{Running, Server, free_port, get, wait_for};
use super::webhook::SECRET;

/// Whether the test can run; fails in CI if not, else says loudly that it is skipped.
fn may_run() -> bool {
    let facts = apiscope::capture::need::facts();
    let missing: Vec<String> =
        facts.into_iter().filter(|fact| !fact.ok).map(|fact| format!("{}: {}", fact.what, fact.found)).collect();
    if missing.is_empty() {
        return true;
    }
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "cannot run in CI: {missing:?}");
    eprintln!("\n*** SKIPPED, nothing was tested: {missing:?} ***\n");
    false
}

/// The agent, its files in `dir`.
fn agent(dir: &Path, port: u16) -> Running {
    let log = File::options().create(true).append(true).open(dir.join("log")).expect("a log");
    let mut running = Running::start(
        Command::new(env!("CARGO_BIN_EXE_apiscope"))
            .args(["run", "--config"])
            .arg(dir.join("apiscope.toml"))
            .stdout(Stdio::null())
            .stderr(log),
    );
    wait_for("the agent is ready", 60, || {
        let ended = running.0.try_wait().expect("it is a child");
        assert!(ended.is_none(), "{}", fs::read_to_string(dir.join("log")).unwrap_or_default());
        get(port, "/-/ready")
    });
    running
}

fn configure(dir: &Path, port: u16, api: u16, am: u16, webhook: &str) {
    let secret = dir.join("secret");
    fs::write(&secret, SECRET).expect("a file");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(&secret, mode).expect("a mode");
    let text = format!(
        "instance = \"web-1\"\nresolve_after = \"1m\"\n\
         [findings]\nlearning = \"0s\"\n[control]\nsocket = \"agent.sock\"\n[store]\ndir = \"store\"\n[metrics]\nlisten = \"127.0.0.1:{port}\"\n\
         [[api]]\nname = \"live-api\"\nports = [{api}]\n\
         [[alertmanager]]\nurls = [\"http://127.0.0.1:{am}\"]\nmin_severity = \"info\"\nlife_min = \"0s\"\n\
         [[webhook]]\nurl = \"{webhook}\"\nsecret_file = \"{}\"\nmin_severity = \"info\"\n",
        secret.display()
    );
    fs::write(dir.join("apiscope.toml"), text).expect("a file");
}

/// A call with a password in clear text.
fn misbehave(api: &Server, path: &str) {
    let sent = Command::new("curl")
        .args(["-s", "-S", "--noproxy", "*", "-o", "/dev/null", "-u", "admin:correct-horse-battery"])
        .args(["-H", "content-length: 0", &format!("{}{path}", api.url())])
        .status();
    assert!(sent.expect("curl is installed").success());
}

/// What the webhook was told of our API: `transition route id`. Other programs on this host misbehave too.
fn heard(webhook: &Server) -> Vec<(String, String)> {
    let ours = webhook.seen().into_iter().filter(|request| request.json()["data"]["finding"]["api"] == "live-api");
    let said = ours.map(|request| {
        let body = request.json();
        let what = format!("{} {}", text(&body["type"]), text(&body["data"]["finding"]["route"]));
        (what, request.header("webhook-id").to_owned())
    });
    said.collect()
}

fn ours(am: u16) -> Vec<serde_json::Value> {
    active(am).into_iter().filter(|alert| alert["labels"]["api"] == "live-api").collect()
}

#[test]
fn killed_and_started_again_it_sends_nothing_twice_and_loses_nothing() {
    if !may_run() {
        return;
    }
    let (dir, files) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let (page, api) = (Server::start(Box::new(|_| Some(200))), Server::start(Box::new(|_| Some(200))));
    let webhook = Server::start(Box::new(|_| Some(204)));
    let (port, am) = (free_port(), free_port());
    configure(dir.path(), port, api.address.port(), am, &webhook.url());
    let alertmanager_runs = alertmanager(files.path(), am, &page.url());
    let running = agent(dir.path(), port);

    misbehave(&api, "/login");
    let alert = wait_for("the alert", 30, || ours(am).pop());
    assert_eq!(alert["labels"]["alertname"], "ApiscopeCleartextCredential");
    assert_eq!((text(&alert["labels"]["route"]), text(&alert["labels"]["instance"])), ("/login", "web-1"));
    wait_for("the webhook's", 30, || (!heard(&webhook).is_empty()).then_some(()));

    // Killed (SIGKILL) after all was delivered.
    drop(running);
    let running = agent(dir.path(), port);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(ours(am).iter().map(|again| &again["startsAt"]).collect::<Vec<_>>(), [&alert["startsAt"]]);

    // Killed while Alertmanager is down and an alert waits for it.
    alertmanager_runs.end();
    misbehave(&api, "/reset");
    wait_for("it waits", 30, || {
        let backlog = Store::read_only(&dir.path().join("store")).and_then(|reader| reader.backlog()).ok()?;
        backlog.iter().any(|(target, rows)| target.starts_with("alertmanager") && *rows > 0).then_some(())
    });
    drop(running);
    let _alertmanager = alertmanager(files.path(), am, &page.url());
    let _running = agent(dir.path(), port);
    wait_for("both alerts", 60, || (ours(am).len() == 2).then_some(()));
    wait_for("the webhook has both", 30, || (heard(&webhook).len() >= 2).then_some(()));

    // A minute without a recurrence.
    wait_for("the end", 150, || ours(am).is_empty().then_some(()));
    wait_for("people are told of it", 30, || {
        let told = told(&page, "live-api");
        ["/login", "/reset"].iter().all(|route| told.contains(&format!("resolved {route}"))).then_some(())
    });
    wait_for("the webhook has the ends", 30, || (heard(&webhook).len() >= 4).then_some(()));
    let mut heard = heard(&webhook);
    heard.sort();
    // The same id may come twice after a kill; here no kill hit that moment.
    heard.dedup_by(|a, b| a.1 == b.1);
    let what: Vec<&str> = heard.iter().map(|(what, _)| what.as_str()).collect();
    assert_eq!(
        what,
        [
            "apiscope.finding.opened /login",
            "apiscope.finding.opened /reset",
            "apiscope.finding.resolved /login",
            "apiscope.finding.resolved /reset"
        ]
    );
    let told = told(&page, "live-api");
    for route in ["/login", "/reset"] {
        assert_eq!(told.iter().filter(|told| **told == format!("firing {route}")).count(), 1, "{told:?}");
    }
}
