//! What people said about findings, in the store: it survives, and decides who hears of a finding.

use std::path::Path;
use std::time::Duration;

use apiscope::store::{HISTORY_MAX, Options, Store};
use apiscope_audit::Change;
use apiscope_audit::exchange::ApiId;
use apiscope_audit::finding::{FindingId, FindingRow, Severity, Transition};
use apiscope_audit::ledger::{About, Choice, Decision, Event, EventKind, Kept, Learning, Matcher, Said, Silence};

use super::support::{changed, now, opened, tell};

/// A store as the third schema left it, with one finding.
fn of_the_third_schema(dir: &Path, row: &FindingRow) {
    let store = Store::open(Options::new(dir)).expect("it opens").0;
    tell(&store, row);
    store.close();
    let connection = rusqlite::Connection::open(dir.join("apiscope.db")).expect("it opens");
    connection
        .execute_batch(
            "ALTER TABLE findings DROP COLUMN levels; ALTER TABLE findings DROP COLUMN classes; \
             ALTER TABLE findings DROP COLUMN quiet; DROP TABLE decisions; DROP TABLE silences; DROP TABLE learning; \
             DROP TABLE history; ALTER TABLE findings DROP COLUMN owner; \
             ALTER TABLE endpoints DROP COLUMN announced; ALTER TABLE endpoints DROP COLUMN since; \
             ALTER TABLE endpoints DROP COLUMN idle; DROP TABLE watched; DROP TABLE probed; PRAGMA user_version = 3",
        )
        .expect("the third schema");
}

#[test]
fn a_store_of_the_third_schema_is_read_and_brought_up_to_date() {
    let dir = tempfile::tempdir().expect("a directory");
    // Owners came later.
    let row = FindingRow { owner: None, ..opened("/login", now()) };
    of_the_third_schema(dir.path(), &row);
    let reader = Store::read_only(dir.path()).expect("it can be read as it is");
    assert_eq!(reader.findings().expect("findings"), std::slice::from_ref(&row));
    assert!(reader.sayings().expect("none").decisions.is_empty() && reader.history(row.id).expect("none").is_empty());
    let (store, restored) = Store::open(Options::new(dir.path())).expect("it is brought up to date");
    assert_eq!(restored.findings, [row]);
    store.close();
}

#[test]
fn what_people_said_and_the_history_survive_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, _) = Store::open(Options::new(dir.path())).expect("it opens");
    let (at, text) = (now(), |text| Said::new(text).expect("a line"));
    let row = changed(&opened("/login", at), Transition::Quieted, at);
    let about =
        About { kind: row.kind.name.into(), api: row.api.clone(), method: "POST".into(), route: "/login".into() };
    let decision = Decision {
        finding: row.id,
        choice: Choice::Baseline,
        by: text("ann (user root)"),
        at,
        until: at.plus(Duration::from_hours(24)),
        reason: Some(text("known")),
        up_to: Severity::High,
        classes: Some(vec![7, u32::MAX]),
        warned: true,
        about,
    };
    let other = FindingId::parse("00000000000000aa").expect("an id");
    let matcher = Matcher { endpoint: Some("GET /*".into()), ..Matcher::default() };
    let silence = Silence { id: u32::MAX, matcher, by: text("bob"), at, until: at, reason: text("move") };
    let learning = Learning { began: at, ended: Some((at, text("ann"))) };
    let event = |n: u64| Event {
        finding: row.id,
        at: at.plus(Duration::from_secs(n)),
        by: n.is_multiple_of(2).then(|| text("ann")),
        what: EventKind::Accepted,
        severity: Severity::Low,
        note: format!("line {n}").into(),
    };
    tell(&store, &row);
    let kept = [
        Kept::Decision(Box::new(decision.clone())),
        Kept::Decision(Box::new(Decision { finding: other, ..decision.clone() })),
        Kept::DecisionGone(other),
        Kept::Silence(Box::new(silence.clone())),
        Kept::Silence(Box::new(Silence { id: 1, ..silence.clone() })),
        Kept::SilenceGone(1),
        Kept::Learning(row.api.clone(), learning.clone()),
        Kept::Learning(ApiId::new("gone"), learning.clone()),
        Kept::LearningGone(ApiId::new("gone")),
    ];
    let lines = u64::from(HISTORY_MAX) + 20;
    let history = (0..lines).map(|n| Kept::History(Box::new(event(n))));
    kept.into_iter().chain(history).for_each(|kept| store.give(Change::Kept(kept)));
    store.close();
    let (store, restored) = Store::open(Options::new(dir.path())).expect("it opens again");
    assert_eq!(restored.findings, std::slice::from_ref(&row));
    assert_eq!(restored.sayings.decisions, [decision]);
    assert_eq!(restored.sayings.silences, [silence]);
    assert_eq!(restored.sayings.learning, [(row.api.clone(), learning)]);
    store.close();
    let history = Store::read_only(dir.path()).expect("it can be read").history(row.id).expect("a history");
    assert_eq!(history, (20..lines).map(event).collect::<Vec<_>>(), "the newest lines, in their order");
}

#[test]
fn nobody_hears_of_what_is_quiet_but_that_it_is() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, _) = Store::open(Options::new(dir.path())).expect("it opens");
    store.register_targets(vec!["t".into()]).expect("a target");
    let steps = [
        (Transition::Quieted, true),
        (Transition::Escalated, false),
        (Transition::Resolved, false),
        (Transition::Reopened, false),
        (Transition::Resumed, true),
        (Transition::Eased, true),
        (Transition::Quieted, true),
    ];
    let mut row = opened("/login", now());
    tell(&store, &row);
    let mut heard = vec![Transition::Opened];
    for (transition, is_heard) in steps {
        row = changed(&row, transition, now());
        tell(&store, &row);
        heard.extend(is_heard.then_some(transition));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let (entries, _) = runtime.block_on(store.pending("t", Severity::Info, 100)).expect("rows");
    assert_eq!(entries.iter().map(|entry| entry.finding.transition).collect::<Vec<_>>(), heard);
    let (_, missing) = runtime.block_on(store.standing("t", Severity::Info, 100)).expect("what stands");
    assert!(missing.is_empty(), "what is quiet need not be told");
    store.close();
}
