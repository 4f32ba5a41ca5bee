//! kill -9 at any moment: a process of the test's own writes findings and delivers them, is killed and started again, and the receiver
//! fails at random. Nothing is lost, and what comes twice comes under the same id.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use apiscope::notify::Notifier;
use apiscope::store::{Options, Store};
use apiscope_audit::Change;
use apiscope_audit::finding::{FindingRow, Transition};
use apiscope_wire::Timestamp;

use super::support::{Dice, Running, Server, changed, changes, opened, wait_for};
use super::webhook::{context, receivers};

/// Findings that are made; each opens, and resolves.
const FINDINGS: usize = 60;
/// Kills before the process may go on to the end.
const KILLS: u64 = 25;

/// The life that every finding has, whatever is killed in between: fixed times, as a replayed file would give.
fn life(number: usize) -> [FindingRow; 2] {
    let at = |seconds: usize| Timestamp::from_nanos((1_795_528_931 + seconds as u64) * 1_000_000_000);
    let row = opened(&format!("/{number}"), at(number));
    let resolved = changed(&row, Transition::Resolved, at(number + 100_000));
    [row, resolved]
}

/// The process that is killed. Goes on from what the store holds, as the agent does.
#[test]
#[ignore = "run by the test below, in a process of its own"]
fn child() {
    let (Ok(dir), Ok(url)) = (std::env::var("APISCOPE_TEST_DIR"), std::env::var("APISCOPE_TEST_URL")) else { return };
    let (store, restored) = Store::open(Options::new(Path::new(&dir))).expect("it opens");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _notifier = Notifier::start(runtime.handle(), receivers(url), &context(), &store).expect("it starts");
    let known: BTreeMap<String, FindingRow> =
        restored.findings.into_iter().map(|row| (row.route.to_string(), row)).collect();
    for number in 0..FINDINGS {
        for row in life(number) {
            if known.get(&*row.route).is_some_and(|known| known.revision >= row.revision) {
                continue;
            }
            let [finding, alert] = changes(&row);
            store.apply(&finding);
            // The writer may take the row alone: the alert must not depend on what comes after it.
            if number % 3 == 0 {
                store.flush().expect("it writes");
            }
            store.apply(&alert);
            std::thread::sleep(Duration::from_millis(3));
        }
    }
    loop {
        store.apply(&Change::TlsUnobserved(apiscope_audit::ApiId::new("x"), Timestamp::EPOCH));
        std::thread::sleep(Duration::from_secs(1));
    }
}

#[test]
fn nothing_is_lost_and_nothing_comes_twice_under_another_id() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut dice = Dice(7);
    let server = Server::start(Box::new(move |_| match dice.roll(20) {
        0 => Some(500),
        1 => Some(429),
        2 => None,
        _ => Some(200),
    }));
    let start = || {
        Running::start(
            Command::new(std::env::current_exe().expect("this program"))
                .args(["--ignored", "--exact", "outbox::child"])
                .env("APISCOPE_TEST_DIR", dir.path())
                .env("APISCOPE_TEST_URL", server.url())
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        )
    };
    let mut dice = Dice(11);
    for _ in 0..KILLS {
        let process = start();
        std::thread::sleep(Duration::from_millis(20 + dice.roll(350)));
        // SIGKILL.
        drop(process);
    }
    let _last = start();
    let accepted = || -> BTreeSet<String> {
        let seen = server.seen().into_iter().filter(|request| request.answer == Some(200));
        seen.map(|request| key(&request.json())).collect()
    };
    let want: BTreeSet<String> =
        (0..FINDINGS).flat_map(life).map(|row| format!("{}#{}", row.route, row.revision)).collect();
    wait_for("every alert", 120, || (accepted().len() >= want.len()).then_some(()));
    assert_eq!(accepted(), want);
    let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut twice = 0;
    let mut told: BTreeSet<String> = BTreeSet::new();
    for request in server.seen() {
        ids.entry(key(&request.json())).or_default().insert(request.header("webhook-id").to_owned());
        if request.answer == Some(200) && !told.insert(request.header("webhook-id").to_owned()) {
            twice += 1;
        }
    }
    assert!(ids.values().all(|ids| ids.len() == 1), "an alert came under two ids: {ids:?}");
    // Only a kill between the receiver's answer and the writing of the cursor sends again.
    assert!(twice <= KILLS, "{twice} alerts came again after they were accepted, {KILLS} kills");
    eprintln!("{} alerts, {KILLS} kills, {} requests, {twice} again after acceptance", want.len(), server.seen().len());
}

fn key(body: &serde_json::Value) -> String {
    let finding = &body["data"]["finding"];
    format!("{}#{}", finding["route"].as_str().unwrap_or_default(), finding["revision"])
}
