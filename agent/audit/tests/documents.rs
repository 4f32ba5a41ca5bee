//! Documents against what is obviously right: matching beside a slow matcher that reads the document by itself, and the state of every
//! endpoint of twenty documents with some operations taken out, marked, or only in an earlier version.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]
#![allow(dead_code, reason = "the benches use the rest")]

mod oracle;
mod traffic;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apiscope_audit::facts::{Deprecation, Retirement};
use apiscope_audit::finding::Transition;
use apiscope_audit::inventory::{DocumentState, Idle};
use apiscope_audit::openapi::{Document, DocumentMatch, Doubt};
use apiscope_audit::watch::Seen;
use apiscope_audit::{ApiId, Audit, Change, Record, Restored, Settings};
use apiscope_wire::{Coverage, Lost, Skipped, Timestamp, Unparsed};
use oracle::{Oracle, nameless};
use serde_json::{Map, Value, json};
use traffic::score::Driver;
use traffic::values::Random;
use traffic::{Request, blank};

/// A document in which many templates fit one path: few words, and parameters, whole and in part, everywhere.
fn tangle(random: &mut Random) -> Value {
    const SEGMENTS: [&str; 9] = ["a", "b", "ab", "{x}", "{y}", "a{x}", "{x}b", "{x}.{y}", "a-{x}-b"];
    let mut paths = Map::new();
    for _ in 0..30 {
        let mut path = String::new();
        for _ in 0..=random.below(3) {
            path.push('/');
            path.push_str(SEGMENTS[random.below(SEGMENTS.len())]);
        }
        let methods = ["get", "put", "post"].into_iter().filter(|_| random.below(2) == 0);
        paths.insert(path, methods.map(|method| (method.to_owned(), json!({}))).collect::<Map<_, _>>().into());
    }
    json!({"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "paths": paths})
}

/// What ours says of a call, without the names of parameters; whether it calls it a tie.
fn ours(document: &Document, method: &str, path: &str) -> Option<(String, bool)> {
    match document.match_path(method, path) {
        DocumentMatch::Operation { path, rival, .. } => {
            let is_tie = rival.is_some_and(|rival| rival.why == Doubt::Tie);
            Some((nameless(document.route(path).unwrap()), is_tie))
        }
        _ => None,
    }
}

#[test]
fn matching_is_that_of_a_matcher_that_tries_every_template() {
    const VALUES: [&str; 6] = ["a", "b", "ab", "aab", "a.b", "a-c-b"];
    let (mut found, mut ties) = (0, 0);
    for seed in 0..200 {
        let mut random = Random::of(&["tangle", &seed.to_string()]);
        let tree = tangle(&mut random);
        let (document, _) = Document::read(&tree.to_string(), "tangle").unwrap();
        let oracle = Oracle::new(&tree, "");
        for _ in 0..300 {
            let path: String = (0..=random.below(3)).flat_map(|_| ["/", VALUES[random.below(6)]]).collect();
            let method = ["GET", "PUT", "POST", "HEAD"][random.below(4)];
            let right: Vec<_> = oracle.find(method, &path).iter().map(|known| known.path.clone()).collect();
            match ours(&document, method, &path) {
                None => assert!(right.is_empty(), "{method} {path}: nothing, and not one of {right:?} in {tree}"),
                Some((route, is_tie)) => {
                    assert!(right.contains(&route), "{method} {path}: {route}, and not one of {right:?} in {tree}");
                    // Two templates that differ in names only are one path.
                    let several = right.iter().any(|other| *other != right[0]);
                    assert!(is_tie || !several, "{method} {path}: {route} is told as sure, of {right:?} in {tree}");
                    found += 1;
                    ties += usize::from(several);
                }
            }
        }
    }
    assert!(found > 10_000 && ties > 500, "{found} found, {ties} ties");
}

/// What an operation is made to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// In the document.
    Stays,
    /// In no document.
    TakenOut,
    /// Marked in the document.
    Marked,
    /// Announced by its answers only.
    Announced,
    /// In the document before only.
    Earlier,
    /// In the document, and nobody calls it.
    NotCalled,
}

/// Some dozen resources, each with a list, items and what belongs to items.
fn operations(random: &mut Random) -> Vec<(&'static str, String)> {
    const WORDS: [&str; 12] = [
        "orders",
        "users",
        "carts",
        "invoices",
        "shipments",
        "refunds",
        "notes",
        "teams",
        "labels",
        "events",
        "jobs",
        "keys",
    ];
    let mut operations = Vec::new();
    for (index, word) in WORDS.into_iter().enumerate() {
        if random.below(4) == 0 && index > 4 {
            continue;
        }
        operations.push(("get", format!("/{word}")));
        operations.push(("post", format!("/{word}")));
        operations.push(("get", format!("/{word}/{{{word}Id}}")));
        operations.push(("delete", format!("/{word}/{{{word}Id}}")));
        if random.below(2) == 0 {
            operations.push(("get", format!("/{word}/{{{word}Id}}/history")));
            operations.push(("put", format!("/{word}/{{{word}Id}}/history/{{version}}")));
        }
    }
    operations
}

fn fate(index: usize, offset: usize) -> Fate {
    match (index + offset) % 10 {
        1 => Fate::TakenOut,
        3 => Fate::Marked,
        5 => Fate::Announced,
        7 => Fate::Earlier,
        9 => Fate::NotCalled,
        _ => Fate::Stays,
    }
}

/// A document of those operations that `has` says, of another kind with each seed.
fn document(seed: usize, base: &str, operations: &[(&str, String, Fate)], has: impl Fn(Fate) -> bool) -> Document {
    let mut paths = Map::new();
    for (method, path, fate) in operations.iter().filter(|(.., fate)| has(*fate)) {
        let item = paths.entry(path.clone()).or_insert_with(|| json!({}));
        item[*method] = if *fate == Fate::Marked { json!({"deprecated": true}) } else { json!({}) };
    }
    let info = json!({"title": "T", "version": "1"});
    let text = match seed % 3 {
        0 => json!({"swagger": "2.0", "info": info, "basePath": base, "paths": paths}),
        1 => {
            json!({"openapi": "3.0.3", "info": info, "servers": [{"url": format!("http://x.test{base}")}], "paths": paths})
        }
        _ => json!({"openapi": "3.1.0", "info": info, "servers": [{"url": base}], "paths": paths}),
    };
    Document::read(&text.to_string(), "d").unwrap().0
}

fn truth(fate: Fate) -> DocumentState {
    match fate {
        Fate::Stays => DocumentState::Documented,
        Fate::TakenOut => DocumentState::Undocumented,
        Fate::Marked | Fate::Announced => DocumentState::Deprecated,
        Fate::Earlier => DocumentState::Removed,
        Fate::NotCalled => DocumentState::Unused,
    }
}

#[test]
fn each_endpoint_of_twenty_changed_documents_has_its_state() {
    let mut count = BTreeMap::<String, usize>::new();
    for seed in 0..20 {
        let mut random = Random::of(&["states", &seed.to_string()]);
        let base = ["", "/v1", "/api/v2"][random.below(3)];
        let all = operations(&mut random).into_iter().enumerate();
        let all: Vec<_> = all.map(|(index, (method, path))| (method, path, fate(index, seed))).collect();
        let base_path = if base.is_empty() { "/" } else { base };
        let before = document(seed, base_path, &all, |fate| fate != Fate::TakenOut);
        let now = document(seed, base_path, &all, |fate| !matches!(fate, Fate::TakenOut | Fate::Earlier));
        let now = now.after(&before.earlier());
        let documents = [("api".into(), Arc::new(now))].into();
        let settings = Settings { environment: "test".into(), documents, ..Settings::default() };
        let mut audit = Audit::new(Arc::new(settings), Restored::default());
        let (driver, id) = (Driver::new(), ApiId::new("api"));
        let mut rows = BTreeMap::new();
        let mut calls: Vec<_> =
            all.iter().filter(|(.., fate)| *fate != Fate::NotCalled).cycle().take(all.len() * 8).collect();
        random.shuffle(&mut calls);
        for (method, path, fate) in calls {
            let filled = path.split('/').map(|segment| match segment.strip_prefix('{') {
                Some(_) => (100 + random.below(100_000)).to_string(),
                None => segment.to_owned(),
            });
            let path = format!("{base}{}", filled.collect::<Vec<_>>().join("/"));
            let request = Request { operation: None, method: method.to_uppercase(), path, status: 200, outline: None };
            let mut exchange = driver.exchange(&id, &request);
            if *fate == Fate::Announced {
                let deprecation = Some(Deprecation::Date(0));
                exchange.response.as_mut().unwrap().retirement = Retirement { deprecation, sunset: None };
            }
            audit.handle(Record::Exchange(exchange), &mut |change| note(&mut rows, change));
        }
        audit.flush(Timestamp::from_nanos(9_000_000_000), &mut |change| note(&mut rows, change));
        let found: BTreeMap<_, _> = rows.into_values().collect();
        let right: BTreeMap<_, _> = all
            .iter()
            .map(|(method, path, fate)| ((method.to_uppercase(), blank(&format!("{base}{path}"))), truth(*fate)))
            .collect();
        assert_eq!(found, right, "document {seed}");
        for state in right.values() {
            *count.entry(format!("{state:?}")).or_default() += 1;
        }
    }
    assert!(count.len() == 5 && count.values().all(|count| *count >= 60), "{count:?}");
}

/// A month and a day of an API with one operation that is called and others that are not, and what was told of it.
struct Month {
    audit: Audit,
    now: u64,
    unused: BTreeSet<String>,
    rows: BTreeMap<String, (DocumentState, Option<Idle>)>,
}

const DAY: u64 = 86_400;

impl Month {
    fn new(operations: usize) -> Self {
        let mut paths: Map<String, Value> =
            (0..operations).map(|n| (format!("/unused{n}"), json!({"get": {}}))).collect();
        paths.insert("/used".into(), json!({"get": {}}));
        let text = json!({"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "paths": paths}).to_string();
        let documents = [("api".into(), Arc::new(Document::read(&text, "d").unwrap().0))].into();
        let settings = Settings { environment: "test".into(), documents, ..Settings::default() };
        let audit = Audit::new(Arc::new(settings), Restored::default());
        let mut month = Self { audit, now: 20_000 * DAY, unused: BTreeSet::new(), rows: BTreeMap::new() };
        // From here on the document is known.
        month.handle(None);
        month
    }

    fn handle(&mut self, record: Option<Record>) {
        let Self { audit, now, unused, rows } = self;
        let mut take = |change: Change| match change {
            Change::Alert(alert) if alert.finding.kind.name == "unused-documented-endpoint" => {
                assert_eq!(alert.finding.consumers.len(), 0);
                match alert.transition {
                    // The call that ends it may be counted already.
                    Transition::Resolved => unused.remove(&*alert.finding.route),
                    Transition::Opened => {
                        assert_eq!(alert.finding.calls, 0);
                        unused.insert(alert.finding.route.to_string())
                    }
                    _ => unused.insert(alert.finding.route.to_string()),
                };
            }
            Change::Endpoint(row) => drop(rows.insert(row.route.to_string(), (row.state(), row.idle))),
            _ => {}
        };
        match record {
            Some(record) => audit.handle(record, &mut take),
            None => audit.tick(Timestamp::from_nanos(*now * 1_000_000_000), &mut take),
        }
    }

    fn call(&mut self, path: &str) {
        let request = Request { operation: None, method: "GET".into(), path: path.into(), status: 200, outline: None };
        let mut exchange = Driver::new().exchange(&ApiId::new("api"), &request);
        (exchange.began, exchange.ended) = (self.time(), self.time());
        self.handle(Some(Record::Exchange(exchange)));
    }

    fn time(&self) -> Timestamp {
        Timestamp::from_nanos(self.now * 1_000_000_000)
    }

    /// So many days, with a tick each minute, a call each hour, and this account for each.
    fn pass(&mut self, days: u64, coverage: Option<Coverage>) {
        for minute in 0..days * 24 * 60 {
            self.now += 60;
            self.handle(None);
            if let Some(coverage) = coverage.filter(|_| minute % 60 == 0) {
                self.call("/used");
                self.handle(Some(Record::Coverage(ApiId::new("api"), coverage)));
            }
        }
    }
}

const READ: Coverage = Coverage {
    parsed: 1_000,
    skipped: Skipped { budget: 5_000, verdict: 0, encrypted: 0 },
    lost: Lost { ring: 0, gap: 0, memory: 0 },
    unparsed: Unparsed { not_http: 0, malformed: 0, joined_late: 0 },
};

#[test]
fn what_nobody_calls_for_a_month_is_told_and_is_over_with_a_call() {
    let mut month = Month::new(2);
    month.pass(29, Some(READ));
    assert!(month.unused.is_empty(), "{:?}", month.unused);
    month.pass(2, Some(READ));
    assert_eq!(month.unused.iter().map(String::as_str).collect::<Vec<_>>(), ["/unused0", "/unused1"]);
    let (state, idle) = month.rows["/unused0"];
    let seen = Seen { watched: 1_000, covered: Some(1_000) };
    assert_eq!((state, idle), (DocumentState::Unused, Some(Idle { days: 31, seen })));
    assert_eq!(month.rows["/used"], (DocumentState::Documented, None));
    month.call("/unused0");
    month.pass(2, Some(READ));
    assert_eq!(month.unused.iter().map(String::as_str).collect::<Vec<_>>(), ["/unused1"]);
    assert_eq!(month.rows["/unused0"], (DocumentState::Documented, None));
    month.pass(31, Some(READ));
    assert_eq!(month.rows["/unused0"].0, DocumentState::Unused, "once called, and not for a month");
    assert_eq!(month.unused.len(), 2);
}

#[test]
fn nothing_is_called_unused_where_its_calls_may_have_been_missed() {
    let lossy = Coverage { lost: Lost { gap: 100, ..READ.lost }, ..READ };
    for (days, coverage) in [(32, Some(lossy)), (32, None)] {
        let mut month = Month::new(1);
        month.pass(days, coverage);
        assert!(month.unused.is_empty(), "{coverage:?}: {:?}", month.rows);
        let idle = month.rows["/unused0"].1.unwrap();
        assert_eq!(idle.days, 32);
        assert_eq!(idle.seen.covered, coverage.map(|_| 983), "{idle:?}");
    }
    let mut asleep = Month::new(1);
    asleep.pass(20, Some(READ));
    asleep.now += 10 * DAY;
    // The idle are looked for once an hour: the last look was up to an hour ago.
    asleep.pass(3, Some(READ));
    let idle = asleep.rows["/unused0"].1.unwrap();
    assert!(asleep.unused.is_empty() && idle.days == 32 && (695..=705).contains(&idle.seen.watched), "{idle:?}");
}

#[test]
fn of_many_idle_operations_a_thousand_are_told() {
    let mut month = Month::new(1_200);
    month.now += 60;
    month.call("/used");
    month.handle(Some(Record::Coverage(ApiId::new("api"), READ)));
    month.pass(30, None);
    // The one that is called is a minute short of it.
    assert_eq!((month.unused.len(), month.audit.counters().0.idle_overflowed), (1_000, 200));
}

type Rows = BTreeMap<u64, ((String, String), DocumentState)>;

fn note(rows: &mut Rows, change: Change) {
    match change {
        Change::Endpoint(row) => {
            rows.insert(row.id.0, ((row.method.as_str().to_owned(), blank(&row.route)), row.state()));
        }
        Change::EndpointGone { id, .. } => {
            rows.remove(&id.0);
        }
        _ => {}
    }
}
