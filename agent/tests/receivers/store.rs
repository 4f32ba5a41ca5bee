//! The store: what goes in comes out after a restart, and nothing that happens to its file stops the agent.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use apiscope::store::{Accepted, CallFilter, DATABASE_FILE, OUTBOX_MAX, Operation, Options, Store, StoreError};
use apiscope_audit::exchange::{ApiId, ConsumerId, Exchange, Method, Protocol, Record, Stage};
use apiscope_audit::facts::{AuthKind, BodySize, Deprecation, Facts, Retirement};
use apiscope_audit::finding::Transition;
use apiscope_audit::inventory::{
    Announced, DocumentState, EndpointId, EndpointRow, Idle, PackedProfile, Probed, Security, TemplateState,
};
use apiscope_audit::secret::{Fingerprint, Masked};
use apiscope_audit::watch::{Seen, WatchedDay};
use apiscope_audit::{Audit, CallRow, Change, Restored, Settings};
use apiscope_wire::{Coverage, ExchangeId, FlowId, Lost, Origin, Role, Timestamp, Version};

use super::support::{changed, now, opened, tell, wait_for};

fn endpoint(route: &str) -> EndpointRow {
    let (api, method) = (ApiId::new("orders-api"), Method::new("POST"));
    EndpointRow {
        id: EndpointId(u64::MAX - route.len() as u64),
        api,
        method,
        route: route.into(),
        template: TemplateState::Shape,
        reason: None,
        document: DocumentState::Undocumented,
        rival: None,
        protocol: Protocol::Grpc,
        first: Some(now()),
        last: Some(now()),
        calls: u64::MAX,
        by_class: [0, 7, 0, 1, 0, 2],
        by_auth: [(None, 1), (Some(AuthKind::Basic), 9)].into(),
        request_bytes_max: 10,
        response_bytes_max: 1 << 40,
        response_bytes_sum: 1 << 41,
        latency_ms: Some([0.5, 1.25, 99.0]),
        owner: Some("payments".into()),
        announced: Announced {
            said: Some((now(), Retirement { deprecation: Some(Deprecation::DraftDate(5)), sunset: Some(1 << 40) })),
            unsaid: Some(now()),
        },
        since: Some(now()),
        idle: Some(Idle { days: 40, seen: Seen { watched: 1_000, covered: Some(999) } }),
        security: Security::Unsaid,
        profile: PackedProfile::from_stored(&[1, 0, 255]),
    }
}

fn call(consumer: u64, began: Timestamp) -> Change {
    let origin = Origin {
        client: SocketAddr::from(([10, 0, 0, 1], 4711)),
        server: SocketAddr::from(([10, 0, 0, 2], 80)),
        role: Role::Served,
        hop: apiscope_wire::Hop::Private,
        interface: Some("eth0".into()),
        workload: None,
        encrypted: false,
    };
    let facts = Facts { complete: true, body: BodySize { total: Some(12), scanned: 12 }, ..Facts::default() };
    let exchange = Exchange {
        id: ExchangeId { flow: FlowId::new(u64::MAX), index: 3 },
        began,
        ended: began.plus(Duration::from_millis(5)),
        origin: Arc::new(origin),
        version: Version::Http11,
        api: ApiId::new("orders-api"),
        method: Some(Method::new("GET")),
        host: Some(Masked::from_stored("orders.example")),
        path: Masked::from_stored("/orders/17"),
        query_keys: vec![Masked::from_stored("page")],
        status: Some(404),
        consumer: ConsumerId::Credential(Fingerprint::from_stored(consumer)),
        request: Some(facts.clone()),
        response: Some(facts),
        protocol: Protocol::Http,
        operations: None,
        stage: Stage::default(),
        session: None,
    };
    Change::Call(CallRow { exchange: Box::new(exchange), route: Some("/orders/{id}".into()) })
}

#[test]
fn what_goes_in_comes_out_after_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path().join("store");
    let (store, restored) = Store::open(Options::new(&dir)).expect("it opens");
    assert!(restored.endpoints.is_empty() && restored.findings.is_empty());
    let (row, finding) = (endpoint("/login"), opened("/login", now()));
    let resolved = changed(&finding, Transition::Resolved, now());
    let lost = Coverage { parsed: 90, lost: Lost { gap: 10, ..Lost::default() }, ..Coverage::default() };
    store.apply(&Change::Endpoint(Box::new(row.clone())));
    tell(&store, &finding);
    tell(&store, &resolved);
    for _ in 0..2 {
        store.apply(&Change::Coverage(ApiId::new("orders-api"), lost));
    }
    store.apply(&call(0x9f2c, now()));
    store.apply(&call(0xffff, now()));
    let day =
        |api: Option<&str>, day| WatchedDay { api: api.map(ApiId::new), day, seconds: 9, bytes: 1 << 40, missed: 7 };
    let days = [day(None, 20_781), day(Some("orders-api"), 20_781), day(None, 20_780)];
    for row in days.iter().chain([&day(None, 20_781 - 366)]) {
        store.apply(&Change::Watched(row.clone()));
    }
    store.close();

    let reader = Store::read_only(&dir).expect("it can be read");
    let consumer = ConsumerId::Credential(Fingerprint::from_stored(0x9f2c)).to_string();
    let filter = CallFilter { consumer: Some(consumer), status_class: Some(4), limit: 10, ..CallFilter::default() };
    let calls = reader.calls(&filter).expect("calls");
    assert_eq!(calls.len(), 1);
    assert_eq!((&*calls[0].path, calls[0].status, calls[0].response_bytes), ("/orders/17", Some(404), Some(12)));
    let mut sum = lost;
    sum += lost;
    assert_eq!(reader.coverage().expect("coverage"), [(ApiId::new("orders-api"), sum)]);
    let (_store, restored) = Store::open(Options::new(&dir)).expect("it opens again");
    // SQLite's numbers end at 2^63.
    assert_eq!(restored.endpoints, [EndpointRow { calls: i64::MAX as u64, ..row }]);
    assert_eq!(restored.findings, [resolved]);
    assert_eq!(restored.watched[..3], days);
}

/// Calls of two endpoints, each another than the others.
fn traffic(numbers: std::ops::Range<u64>) -> impl Iterator<Item = Record> {
    numbers.map(|n| {
        let Change::Call(CallRow { mut exchange, .. }) = call(n % 7, Timestamp::from_nanos(n * 700_000_000_000)) else {
            unreachable!("it is a call")
        };
        exchange.ended = exchange.began.plus(Duration::from_micros(n * n * 37 % 90_000));
        exchange.status = Some([200, 201, 429][usize::try_from(n % 3).expect("small")]);
        exchange.method = Some(Method::new(["GET", "POST"][usize::try_from(n % 2).expect("small")]));
        let facts = |bytes| {
            Some(Facts { complete: true, body: BodySize { total: Some(bytes), scanned: 0 }, ..Facts::default() })
        };
        (exchange.request, exchange.response) = (facts(n), facts(n * n));
        Record::Exchange(exchange)
    })
}

/// What an agent with the store's state makes of traffic; the last state of each endpoint goes back to the store.
fn agent(store: &Store, restored: Restored, traffic: impl Iterator<Item = Record>) {
    let mut audit = Audit::new(Arc::new(Settings { environment: "test".into(), ..Settings::default() }), restored);
    for record in traffic {
        audit.handle(record, &mut |change| store.give(change));
    }
    audit.flush(now(), &mut |change| store.give(change));
}

#[test]
fn an_agent_that_restarts_counts_on_as_if_it_had_not() {
    let run = |parts: &[(u64, u64)]| {
        let dir = tempfile::tempdir().expect("a directory");
        for (from, to) in parts {
            let (store, restored) = Store::open(Options::new(dir.path())).expect("it opens");
            agent(&store, restored, traffic(*from..*to));
            store.close();
        }
        let reader = Store::read_only(dir.path()).expect("it can be read");
        (reader.endpoints().expect("endpoints"), reader.life().expect("a life"))
    };
    let ((whole, one), (parts, other)) = (run(&[(1, 400)]), run(&[(1, 100), (100, 101), (101, 250), (250, 400)]));
    assert_eq!(parts, whole, "quantiles, consumers, statuses and growth too");
    assert_eq!(whole.iter().map(|row| row.calls).sum::<u64>(), 399);
    let profile = whole[0].profile.read().expect("a profile");
    assert_eq!(
        (profile.latency_ns.count(), profile.consumers_distinct.size(), profile.statuses.counts().len()),
        (199, 7, 3)
    );
    assert!(one.is_some() && other.is_some() && one != other, "a store is a life");
}

/// What `apiscope merge` says of stores.
fn merged(stores: &[&Path]) -> serde_json::Value {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_apiscope"))
        .arg("merge")
        .args(stores)
        .args(["-o", "json"])
        .output();
    let output = output.expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn stores_of_several_agents_merge_to_what_one_would_have() {
    let dir = tempfile::tempdir().expect("a directory");
    let make = |name: &str, traffic: &mut dyn Iterator<Item = Record>| {
        let (store, restored) = Store::open(Options::new(dir.path().join(name))).expect("it opens");
        agent(&store, restored, traffic);
        store.close();
    };
    let every = |third: u64| (1..200).filter(move |n| n % 3 == third).flat_map(|n| traffic(n..n + 1));
    make("whole", &mut traffic(1..200));
    make("early", &mut every(0));
    for (name, third) in [("a", 0), ("b", 1), ("c", 2)] {
        make(name, &mut every(third));
    }
    let path = |name: &str| dir.path().join(name);
    let [whole, a, b, c] = ["whole", "a", "b", "c"].map(path);
    let database = b.join(DATABASE_FILE);
    let one = merged(&[&whole]);
    assert_eq!(one["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(merged(&[&c, &a, &database, &a]), one, "in any order, and once although it came twice");
    assert_ne!(merged(&[&a, &b]), one);
    let twice: u64 = merged(&[&whole, &path("early")])["items"][0]["calls"].as_u64().expect("calls");
    assert!(twice > one["items"][0]["calls"].as_u64().expect("calls"), "another store is another agent");
}

#[test]
fn an_endpoint_that_was_joined_into_another_is_forgotten() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, _) = Store::open(Options::new(dir.path())).expect("it opens");
    let (ann, name, back) = (endpoint("/users/ann"), endpoint("/users/{name}"), endpoint("/back"));
    for row in [&ann, &back] {
        store.apply(&Change::Endpoint(Box::new(row.clone())));
    }
    store.flush().expect("it writes");
    store.apply(&Change::Endpoint(Box::new(name.clone())));
    for id in [ann.id, back.id] {
        store.apply(&Change::EndpointGone { id, into: Some(name.id) });
    }
    // It was gone for a moment only.
    store.apply(&Change::Endpoint(Box::new(back.clone())));
    store.close();
    let (_store, restored) = Store::open(Options::new(dir.path())).expect("it opens again");
    let routes: Vec<_> = restored.endpoints.iter().map(|row| &*row.route).collect();
    assert_eq!(routes, ["/back", "/users/{name}"]);
}

#[test]
fn only_its_owner_can_read_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path().join("store");
    let (store, _) = Store::open(Options::new(&dir)).expect("it opens");
    tell(&store, &opened("/a", now()));
    store.flush().expect("it writes");
    assert_eq!(fs::metadata(&dir).expect("it is there").mode() & 0o777, 0o700);
    for file in fs::read_dir(&dir).expect("a directory").flatten() {
        let mode = file.metadata().expect("it is there").mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", file.path());
    }
}

#[test]
fn a_damaged_file_is_set_aside() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join(DATABASE_FILE);
    let (store, _) = Store::open(Options::new(dir.path())).expect("it opens");
    for n in 0..200 {
        store.apply(&Change::Endpoint(Box::new(endpoint(&"x".repeat(n)))));
    }
    store.close();
    let mut bytes = fs::read(&path).expect("a file");
    let middle = bytes.len() / 2;
    bytes[4096..middle].fill(0x5a);
    fs::write(&path, bytes).expect("it is damaged");
    let (store, restored) = Store::open(Options::new(dir.path())).expect("it opens all the same");
    assert!(restored.endpoints.is_empty());
    let aside = store.status().set_aside.expect("it says where the file went");
    assert!(aside.exists() && aside.to_string_lossy().contains("apiscope.db.corrupt-"), "{}", aside.display());
}

#[test]
fn a_file_that_gets_damaged_under_a_running_agent_is_set_aside_and_no_alert_is_lost() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = Options { come_back_every: Duration::from_millis(200), ..Options::new(dir.path()) };
    let (store, _) = Store::open(options).expect("it opens");
    store.register_targets(vec!["t".into()]).expect("a target");
    // More than SQLite keeps in memory, so that it has to look at the file.
    let endpoints = || {
        for n in 0..200 {
            let row = EndpointRow { owner: Some("x".repeat(50_000).into()), ..endpoint(&"x".repeat(n)) };
            store.apply(&Change::Endpoint(Box::new(row)));
        }
    };
    endpoints();
    store.flush().expect("it writes");
    for suffix in ["", "-wal"] {
        let path = dir.path().join(format!("{DATABASE_FILE}{suffix}"));
        let length = fs::metadata(&path).expect("a file").len();
        let garbage = vec![0x5a; usize::try_from(length).expect("it is small")];
        fs::write(&path, garbage).expect("it is damaged");
    }
    tell(&store, &opened("/a", now()));
    tell(&store, &opened("/b", now()));
    wait_for("the store notices", 60, || {
        endpoints();
        (store.status().failures.get(&Operation::Write) >= Some(&1)).then_some(())
    });
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let routes = || {
        let (rows, _) = runtime.block_on(store.pending("t", apiscope_audit::Severity::Info, 10)).ok()?;
        (rows.len() == 2 && !store.status().durable).then_some(())
    };
    wait_for("both alerts wait in memory", 60, routes);
    let (rows, last) = runtime.block_on(store.pending("t", apiscope_audit::Severity::Info, 10)).expect("they wait");
    assert_eq!(rows.iter().map(|row| &*row.finding.route).collect::<Vec<_>>(), ["/a", "/b"]);
    let accepted = Accepted { position: last, ..Accepted::default() };
    runtime.block_on(store.accept("t", accepted)).expect("they are delivered");
    wait_for("a new file", 60, || store.status().durable.then_some(()));
    assert!(store.status().set_aside.is_some_and(|aside| aside.exists()));
    tell(&store, &opened("/c", now()));
    store.flush().expect("it writes");
    let (rows, _) = runtime.block_on(store.pending("t", apiscope_audit::Severity::Info, 10)).expect("it waits");
    assert_eq!(rows.iter().map(|row| &*row.finding.route).collect::<Vec<_>>(), ["/c"]);
}

#[test]
fn what_was_probed_goes_on_after_a_restart_and_a_file_of_the_third_version_gets_room_for_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    let connection = rusqlite::Connection::open(dir.join(DATABASE_FILE)).expect("a database");
    let versions = [
        include_str!("../../src/store/schema/1.sql"),
        include_str!("../../src/store/schema/2.sql"),
        include_str!("../../src/store/schema/3.sql"),
    ];
    for sql in versions {
        connection.execute_batch(sql).expect("a version of the past");
    }
    connection.pragma_update(None, "user_version", 3).expect("a version");
    drop(connection);
    let probed = || Store::read_only(dir).expect("it can be read").probed().expect("lists");
    assert_eq!(probed(), [], "before an agent has opened it");

    let asked = |path: &str, status| {
        let Change::Call(CallRow { mut exchange, .. }) = call(1, now()) else { unreachable!("it is a call") };
        (exchange.path, exchange.status) = (Masked::from_stored(path), Some(status));
        Record::Exchange(exchange)
    };
    for calls in 1..=2 {
        let (store, restored) = Store::open(Options::new(dir)).expect("it opens");
        assert_eq!(restored.probed.len(), calls - 1);
        agent(&store, restored, [asked("/orders", 200), asked("/.env", 404)].into_iter());
        store.close();
        drop(store);
        let lists = probed();
        assert_eq!(lists.iter().map(|list| list.paths.len()).collect::<Vec<_>>(), [1]);
        let path = &lists[0].paths[0];
        assert_eq!((&*path.path, path.calls_most, path.calls_least()), ("/.env", calls as u64, calls as u64));
    }
    let (store, restored) = Store::open(Options::new(dir)).expect("it opens");
    assert_eq!(restored.probed, probed());
    store.apply(&Change::Probed(Box::new(Probed { api: restored.probed[0].api.clone(), ..Probed::default() })));
    store.close();
    assert_eq!(probed(), [], "what is no more is removed");
}

#[test]
fn a_file_of_a_newer_version_is_left_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    drop(Store::open(Options::new(dir.path())).expect("it opens"));
    let connection = rusqlite::Connection::open(dir.path().join(DATABASE_FILE)).expect("a database");
    connection.pragma_update(None, "user_version", 99).expect("a version");
    drop(connection);
    let error = Store::open(Options::new(dir.path())).expect_err("it is newer");
    assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
    assert!(matches!(Store::read_only(dir.path()), Err(StoreError::Newer { .. })));
    let absent = Store::read_only(&dir.path().join("absent")).expect_err("nothing is there").to_string();
    assert!(absent.contains("does not exist. Has `apiscope run` been started"), "{absent}");
}

#[test]
fn a_second_agent_is_told_of_the_first() {
    let dir = tempfile::tempdir().expect("a directory");
    let (first, _) = Store::open(Options::new(dir.path())).expect("it opens");
    let error = Store::open(Options::new(dir.path())).expect_err("it is in use");
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    Store::read_only(dir.path()).expect("a reader does not mind");
    first.close();
    Store::open(Options::new(dir.path())).expect("it is free again");
}

#[test]
fn a_directory_that_cannot_be_used_does_not_stop_a_running_agent() {
    let dir = tempfile::tempdir().expect("a directory");
    let blocked = dir.path().join("store");
    fs::write(&blocked, "a file where the directory should be").expect("a file");
    let options = Options { come_back_every: Duration::from_millis(200), ..Options::new(&blocked) };
    let error = Store::open(options.clone()).expect_err("it can't");
    assert!(error.to_string().contains("can't create"), "{error}");
    let store = Store::in_memory(options, &error).expect("memory is there");
    tell(&store, &opened("/a", now()));
    store.flush().expect("it takes it");
    let status = store.status();
    assert!(!status.durable && status.failures[&Operation::Open] >= 1 && status.error.is_some(), "{status:?}");
    fs::remove_file(&blocked).expect("the way is free");
    wait_for("the store comes back", 10, || store.status().durable.then_some(()));
    assert_eq!(store.status().error, None);
    store.close();
    assert_eq!(Store::read_only(&blocked).expect("it is a store").findings().expect("findings").len(), 1);
}

/// A file system of 1 MiB that gets full.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    fn mount(at: &'a Path) -> Option<Self> {
        let status =
            std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(at).status();
        status.is_ok_and(|status| status.success()).then_some(Self(at))
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        // Nothing can be done about one that stays, and it holds 1 MiB.
        let _ = std::process::Command::new("umount").args(["-l"]).arg(self.0).status();
    }
}

#[test]
fn a_full_disk_costs_calls_and_no_alert() {
    let dir = tempfile::tempdir().expect("a directory");
    let Some(_small) = Small::mount(dir.path()) else {
        assert!(
            std::env::var_os("CI").is_none_or(|ci| ci != "true"),
            "a file system of the test's own can't be mounted"
        );
        eprintln!("SKIPPED a_full_disk_costs_calls_and_no_alert: mounting a tmpfs needs root");
        return;
    };
    let options = Options { come_back_every: Duration::from_millis(200), ..Options::new(dir.path()) };
    let (store, _) = Store::open(options).expect("it opens");
    store.register_targets(vec!["t".into()]).expect("a target");
    tell(&store, &opened("/before", now()));
    store.flush().expect("it writes");
    let ballast = dir.path().join("ballast");
    fs::write(&ballast, vec![1; 2 << 20]).expect_err("the disk is full");
    tell(&store, &opened("/meanwhile", now()));
    // It may have room in what it has; calls take it.
    let full = wait_for("the store notices", 60, || {
        for _ in 0..500 {
            store.apply(&call(1, now()));
        }
        Some(store.status()).filter(|status| !status.durable)
    });
    assert!(
        full.failures[&Operation::Write] >= 3 && full.failing_since.is_some() && full.calls_dropped > 0,
        "{full:?}"
    );
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let pending = |store: &Store| {
        let (rows, _) =
            runtime.block_on(store.pending("t", apiscope_audit::Severity::Info, 10)).expect("the outbox can be read");
        rows.iter().map(|row| row.finding.route.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(pending(&store), ["/before", "/meanwhile"]);
    tell(&store, &opened("/later", now()));
    store.flush().expect("it goes on in memory");
    fs::remove_file(&ballast).expect("there is room again");
    wait_for("the store comes back", 60, || store.status().durable.then_some(()));
    assert_eq!(pending(&store), ["/before", "/meanwhile", "/later"]);
    store.close();
    let (store, restored) = Store::open(Options::new(dir.path())).expect("it opens again");
    assert_eq!((pending(&store).len(), restored.findings.len()), (3, 3));
}

#[test]
fn the_call_log_is_bounded_in_rows_and_age() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = Options { calls_rows_max: 10, calls_age_max: Duration::from_hours(1), ..Options::new(dir.path()) };
    let (store, _) = Store::open(options.clone()).expect("it opens");
    let old = Timestamp::from_nanos(now().as_nanos() - 7_200_000_000_000);
    for _ in 0..30 {
        store.apply(&call(1, now()));
    }
    for _ in 0..30 {
        store.apply(&call(2, old));
    }
    for _ in 0..30 {
        store.apply(&call(3, now()));
    }
    store.close();
    // Trimming is the first thing that a store does.
    let (store, _) = Store::open(options).expect("it opens again");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    wait_for("old calls go", 10, || {
        let filter = CallFilter { limit: 1000, ..CallFilter::default() };
        let calls = runtime.block_on(store.calls(filter)).expect("calls");
        (calls.len() == 10 && calls.iter().all(|call| call.consumer.ends_with('3'))).then_some(())
    });
}

#[test]
fn a_reader_beside_the_writer_sees_what_was_written() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, _) = Store::open(Options::new(dir.path())).expect("it opens");
    tell(&store, &opened("/a", now()));
    store.flush().expect("it writes");
    fs::set_permissions(dir.path().join(DATABASE_FILE), fs::Permissions::from_mode(0o400)).expect("a mode");
    assert_eq!(Store::read_only(dir.path()).expect("it can be read").findings().expect("findings").len(), 1);
}

#[test]
fn an_outbox_that_nobody_empties_is_bounded_and_says_what_it_let_go() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, _) = Store::open(Options::new(dir.path())).expect("it opens");
    store.register_targets(vec!["down".into()]).expect("a target");
    let most = usize::try_from(OUTBOX_MAX).expect("it is small");
    let first = opened("/first", now());
    tell(&store, &first);
    tell(&store, &changed(&first, Transition::Resolved, now()));
    for n in 0..most + 10 {
        tell(&store, &opened(&format!("/{n}"), now()));
    }
    store.close();
    // Trimming is the first thing that a store does.
    let (store, _) = Store::open(Options::new(dir.path())).expect("it opens again");
    wait_for("the outbox is trimmed", 60, || (store.status().outbox_dropped.get("down") == Some(&12)).then_some(()));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (waiting, _) = runtime.block_on(store.backlog("down")).expect("a backlog");
    assert_eq!(waiting, u64::from(OUTBOX_MAX));
    // The resolution went first, then the oldest.
    let (rows, _) = runtime.block_on(store.pending("down", apiscope_audit::Severity::Info, 1)).expect("rows");
    assert_eq!(&*rows[0].finding.route, "/10");
}
