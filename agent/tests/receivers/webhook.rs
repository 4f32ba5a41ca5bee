//! The webhook: signatures checked by another implementation, order, refusals, delays, and a receiver that is down for a while.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use apiscope::notify::webhook::{Config, WebhookSecret};
use apiscope::notify::{Context, Notifier, Receivers};
use apiscope::store::{Options, Store};
use apiscope_audit::Severity;
use apiscope_audit::finding::Transition;
use tokio::runtime::Runtime;

use super::support::{Answer, Server, changed, now, opened, tell, wait_for};

pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

pub(crate) fn receivers(url: String) -> Receivers {
    let secret = WebhookSecret::parse(SECRET).expect("a good secret");
    let config = Config { name: "hook".into(), url, secret, min_severity: Severity::Low };
    Receivers { webhook: vec![config], ..Receivers::default() }
}

pub(crate) fn context() -> Context {
    Context { instance: "web-1".into(), environment: "test".into(), external_url: None }
}

fn start(dir: &std::path::Path, runtime: &Runtime, url: String) -> (Store, Notifier) {
    let (store, _) = Store::open(Options::new(dir)).expect("it opens");
    let notifier = Notifier::start(runtime.handle(), receivers(url), &context(), &store).expect("it starts");
    (store, notifier)
}

fn always(status: u16) -> Answer {
    Box::new(move |_| Some(status))
}

#[test]
fn a_foreign_implementation_accepts_the_signature() {
    let (dir, runtime) = (tempfile::tempdir().expect("a directory"), Runtime::new().expect("a runtime"));
    let server = Server::start(always(204));
    let (store, notifier) = start(dir.path(), &runtime, server.url());
    tell(&store, &opened("/login", now()));
    let request = wait_for("the message", 10, || server.seen().into_iter().next());
    runtime.block_on(notifier.stop());
    let signed = "
import sys, hmac, hashlib, base64
secret, id, at, signature = sys.argv[1:]
key = base64.b64decode(secret.removeprefix('whsec_'))
mac = hmac.new(key, id.encode() + b'.' + at.encode() + b'.' + sys.stdin.buffer.read(), hashlib.sha256).digest()
assert any(hmac.compare_digest(s, 'v1,' + base64.b64encode(mac).decode()) for s in signature.split(' ')), 'bad signature'
";
    let verify = |body: &[u8]| {
        let mut python = Command::new("python3")
            .args(["-c", signed, SECRET])
            .args(["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| request.header(name)))
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 is there");
        python.stdin.take().expect("a pipe").write_all(body).expect("it reads");
        python.wait().expect("it ends").success()
    };
    assert!(verify(&request.body));
    assert!(!verify(b"{}"), "the check itself must be able to fail");
    assert_eq!(request.header("content-type"), "application/json");
    let body = request.json();
    assert_eq!(body["type"], "apiscope.finding.opened");
    assert_eq!(body["data"]["finding"]["route"], "/login");
    assert_eq!(body["data"]["schema"], 1);
}

#[test]
fn in_order_once_each_over_failures_refusals_and_redirects() {
    let (dir, runtime) = (tempfile::tempdir().expect("a directory"), Runtime::new().expect("a runtime"));
    // Answers: no connection kept, an error, a redirect that is not followed, then one refused for good, then all is well.
    let server = Server::start(Box::new(|number| match number {
        0 => None,
        1 => Some(503),
        2 => Some(302),
        4 => Some(422),
        _ => Some(200),
    }));
    let (store, notifier) = start(dir.path(), &runtime, server.url());
    let first = opened("/a", now());
    let rows = [first.clone(), opened("/refused", now()), changed(&first, Transition::Resolved, now())];
    for row in rows {
        tell(&store, &row);
    }
    let seen = wait_for("all of them", 30, || Some(server.seen()).filter(|seen| seen.len() == 6));
    let told: Vec<String> = seen
        .iter()
        .map(|request| {
            let finding = &request.json()["data"]["finding"];
            format!("{} {} {:?}", finding["route"], finding["status"], request.answer)
        })
        .collect();
    assert_eq!(
        told,
        [
            r#""/a" "open" None"#,
            r#""/a" "open" Some(503)"#,
            r#""/a" "open" Some(302)"#,
            r#""/a" "open" Some(200)"#,
            r#""/refused" "open" Some(422)"#,
            r#""/a" "resolved" Some(200)"#,
        ]
    );
    assert!(seen[..4].iter().all(|request| request.header("webhook-id") == seen[0].header("webhook-id")));
    let snapshot = wait_for("the counts", 5, || notifier.snapshot().pop().filter(|snapshot| snapshot.sent == 2));
    assert_eq!(snapshot.dropped, [("outbox_full", 0), ("refused", 1)]);
    assert_eq!((snapshot.incomplete, snapshot.delivery.count()), (0, 2));
    assert!(snapshot.failures.contains(&("status_5xx", 1)) && snapshot.failures.contains(&("connection", 1)));
    wait_for("nothing waits", 5, || (notifier.snapshot()[0].waiting == 0).then_some(()));
    runtime.block_on(notifier.stop());
}

#[test]
fn a_receiver_that_was_down_misses_nothing_and_a_restart_sends_nothing_twice() {
    let (dir, runtime) = (tempfile::tempdir().expect("a directory"), Runtime::new().expect("a runtime"));
    let (store, notifier) = start(dir.path(), &runtime, "http://127.0.0.1:1/".into());
    for n in 0..20 {
        tell(&store, &opened(&format!("/{n}"), now()));
    }
    wait_for("a failure", 10, || notifier.errors().pop());
    wait_for("what waits is seen", 10, || {
        let (rows, oldest) = runtime.block_on(store.backlog("hook")).expect("a backlog");
        (rows == 20 && oldest.is_some()).then_some(())
    });
    runtime.block_on(notifier.stop());
    drop(store);
    let server = Server::start(always(200));
    for round in 0..3 {
        let (store, notifier) = start(dir.path(), &runtime, server.url());
        if round == 0 {
            wait_for("all of them", 60, || (server.seen().len() >= 20).then_some(()));
        } else {
            std::thread::sleep(Duration::from_millis(300));
        }
        runtime.block_on(notifier.stop());
        drop(store);
    }
    let routes: Vec<String> =
        server.seen().iter().map(|request| request.json()["data"]["finding"]["route"].to_string()).collect();
    assert_eq!(routes, (0..20).map(|n| format!("\"/{n}\"")).collect::<Vec<_>>());
}

#[test]
fn what_is_below_its_severity_is_passed_over() {
    let (dir, runtime) = (tempfile::tempdir().expect("a directory"), Runtime::new().expect("a runtime"));
    let server = Server::start(always(200));
    let (store, notifier) = start(dir.path(), &runtime, server.url());
    let mut quiet = opened("/quiet", now());
    quiet.severity = Severity::Info;
    for row in [quiet, opened("/loud", now())] {
        tell(&store, &row);
    }
    let request = wait_for("the message", 10, || server.seen().into_iter().next());
    assert_eq!(request.json()["data"]["finding"]["route"], "/loud");
    runtime.block_on(notifier.stop());
    assert_eq!(server.seen().len(), 1);
}
