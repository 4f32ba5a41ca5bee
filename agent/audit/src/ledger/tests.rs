//! Findings' lives as transcripts, and random ones against a model that keeps the whole history.

mod sayings;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use apiscope_wire::{ExchangeId, FlowId};
use expect_test::expect;
use proptest::prelude::*;

use super::*;
use crate::detect::sample::at;
use crate::exchange::ConsumerId;
use crate::exchange::Method;
use crate::finding::Evidence;
use crate::secret::Masked;

fn finding(route: &str, severity: Severity, second: u64, consumer: u8) -> Finding {
    let (api, method) = (ApiId::new("orders"), Method::new("GET"));
    Finding {
        kind: &crate::detect::cleartext_card_number::KIND,
        endpoint: EndpointId::of("test", &api, &method, route),
        api,
        method,
        route: route.into(),
        severity,
        because: Masked::from_stored(&format!("{severity} at {second}")),
        evidence: Evidence {
            at: at(second),
            call: Some(ExchangeId { flow: FlowId::new(second), index: 0 }),
            consumer: Some(ConsumerId::Address([10, 0, 0, consumer].into())),
            severity,
            what: Masked::from_stored("seen"),
        },
        classes: SmallVec::new(),
    }
}

fn endpoint(route: &str) -> EndpointRow {
    EndpointRow::new("test", &ApiId::new("orders"), &Method::new("GET"), route)
}

/// A ledger, and what it gave as text.
struct Book {
    ledger: Ledger,
    text: String,
}

impl Book {
    fn new(hours: u64, restored: Vec<FindingRow>) -> Self {
        let mut ledger = Ledger::new("test", restored, RestoredSayings::default());
        ledger.configure(Duration::from_hours(hours), &[], Duration::ZERO);
        Self { ledger, text: String::new() }
    }

    /// A call of the endpoint with a finding.
    fn seen(&mut self, route: &str, severity: Severity, second: u64, consumer: u8) {
        self.ledger.called(endpoint(route).id);
        self.ledger.record(finding(route, severity, second, consumer), None, &mut tell(&mut self.text));
    }

    /// A call without.
    fn quiet(&mut self, route: &str) {
        self.ledger.called(endpoint(route).id);
    }

    fn tick(&mut self, second: u64) {
        self.ledger.tick(at(second), &mut tell(&mut self.text));
    }

    fn joined(&mut self, from: &str, into: &str) {
        self.ledger.joined(endpoint(from).id, &endpoint(into), &mut tell(&mut self.text));
    }

    fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }
}

fn tell(text: &mut String) -> impl FnMut(Change) {
    |change| match change {
        Change::Finding(row) => {
            let _ = writeln!(
                text,
                "row   {} {:?} {} ({}): {} of {} calls, {}{} consumers, {} proofs",
                row.route,
                row.status,
                row.severity,
                row.because,
                row.count,
                row.calls,
                row.consumers.len(),
                if row.consumers_more { " and more" } else { "" },
                row.evidence.len()
            );
        }
        Change::Alert(alert) => {
            let row = alert.finding;
            let _ = writeln!(
                text,
                "ALERT {} {:?} {}, revision {}",
                row.route, alert.transition, row.severity, row.revision
            );
        }
        Change::Kept(_) => {}
        other => panic!("{other:?}"),
    }
}

const HOUR: u64 = 3_600;

#[test]
fn a_life() {
    let mut book = Book::new(0, Vec::new());
    book.seen("/a", Severity::Medium, 0, 1);
    book.seen("/a", Severity::Low, 1, 1);
    book.quiet("/a");
    book.seen("/a", Severity::Medium, 2, 2);
    book.quiet("/b");
    book.tick(3);
    book.tick(4);
    book.seen("/a", Severity::High, 5, 3);
    book.quiet("/a");
    book.tick(5 + 24 * HOUR - 1);
    book.tick(5 + 24 * HOUR);
    book.quiet("/a");
    book.tick(5 + 25 * HOUR);
    book.seen("/a", Severity::Medium, 30 * HOUR, 3);
    book.tick(30 * HOUR + 1);
    expect![[r"
        row   /a Open medium (medium at 0): 1 of 1 calls, 1 consumers, 1 proofs
        ALERT /a Opened medium, revision 1
        row   /a Open medium (medium at 0): 3 of 4 calls, 2 consumers, 3 proofs
        row   /a Open high (high at 5): 4 of 5 calls, 3 consumers, 4 proofs
        ALERT /a Escalated high, revision 2
        row   /a Open high (high at 5): 4 of 6 calls, 3 consumers, 4 proofs
        row   /a Resolved high (high at 5): 4 of 6 calls, 3 consumers, 4 proofs
        ALERT /a Resolved high, revision 3
        row   /a Open medium (medium at 108000): 1 of 1 calls, 1 consumers, 5 proofs
        ALERT /a Reopened medium, revision 4
    "]]
    .assert_eq(&book.take());
}

#[test]
fn what_was_restored_does_not_alert_again() {
    let mut book = Book::new(1, Vec::new());
    let mut rows = Vec::new();
    book.ledger.record(finding("/a", Severity::Low, 0, 1), None, &mut |change| {
        if let Change::Finding(row) = change {
            rows.push(*row);
        }
    });
    let mut book = Book::new(1, rows);
    book.tick(1);
    book.seen("/a", Severity::Low, 2, 1);
    book.tick(3);
    book.tick(2 + HOUR);
    expect![[r"
        row   /a Open low (low at 0): 2 of 2 calls, 1 consumers, 2 proofs
        row   /a Resolved low (low at 0): 2 of 2 calls, 1 consumers, 2 proofs
        ALERT /a Resolved low, revision 2
    "]]
    .assert_eq(&book.take());
}

#[test]
fn consumers_and_proofs_are_bounded() {
    let mut book = Book::new(1, Vec::new());
    for second in 0..100 {
        book.seen("/a", Severity::Low, second, u8::try_from(second).unwrap());
    }
    book.take();
    book.tick(100);
    expect![[r"
        row   /a Open low (low at 0): 100 of 100 calls, 16 and more consumers, 5 proofs
    "]]
    .assert_eq(&book.take());
}

#[test]
fn findings_are_bounded_and_resolved_ones_make_room() {
    let mut book = Book::new(1, Vec::new());
    for n in 0..FINDINGS_MAX as u64 + 3 {
        book.seen(&format!("/{n}"), Severity::Low, n / 10_000, 1);
    }
    let counters = book.ledger.counters();
    assert_eq!((counters.open, counters.overflowed), ([0, FINDINGS_MAX as u64, 0, 0, 0], 3));
    for n in 1..FINDINGS_MAX as u64 {
        book.seen(&format!("/{n}"), Severity::Low, 100, 1);
    }
    book.take();
    book.tick(HOUR);
    book.take();
    book.seen("/new", Severity::High, HOUR, 1);
    book.seen("/newer", Severity::High, HOUR, 1);
    let counters = book.ledger.counters();
    assert_eq!((counters.forgotten, counters.resolved, counters.overflowed), (1, 0, 4));
    // It was forgotten at revision 2 (opened, resolved): what is stored of it must not be taken for newer than this.
    expect![[r"
        row   /new Open high (high at 3600): 1 of 1 calls, 1 consumers, 1 proofs
        ALERT /new Opened high, revision 3
    "]]
    .assert_eq(&book.take());
    assert_eq!(book.ledger.by_endpoint.values().map(SmallVec::len).sum::<usize>(), book.ledger.entries.len());
}

#[test]
fn findings_of_joined_endpoints_are_joined() {
    let mut book = Book::new(1, Vec::new());
    book.seen("/users/ann", Severity::Low, 0, 1);
    book.seen("/users/bob", Severity::High, 1, 2);
    book.seen("/users/cleo", Severity::Low, 2, 3);
    book.tick(2);
    book.take();
    for from in ["/users/ann", "/users/bob", "/users/cleo", "/users/none"] {
        book.joined(from, "/users/{name}");
    }
    book.seen("/users/{name}", Severity::Low, 3, 3);
    book.tick(4);
    expect![[r"
        row   /users/ann Resolved low (joined into the finding f12efbf90a78fc54 of GET /users/{name}): 1 of 1 calls, 1 consumers, 1 proofs
        ALERT /users/ann Resolved low, revision 2
        row   /users/{name} Open low (low at 0): 1 of 1 calls, 1 consumers, 1 proofs
        ALERT /users/{name} Opened low, revision 1
        row   /users/bob Resolved high (joined into the finding f12efbf90a78fc54 of GET /users/{name}): 1 of 1 calls, 1 consumers, 1 proofs
        ALERT /users/bob Resolved high, revision 2
        row   /users/{name} Open high (high at 1): 2 of 2 calls, 2 consumers, 2 proofs
        ALERT /users/{name} Escalated high, revision 2
        row   /users/cleo Resolved low (joined into the finding f12efbf90a78fc54 of GET /users/{name}): 1 of 1 calls, 1 consumers, 1 proofs
        ALERT /users/cleo Resolved low, revision 2
        row   /users/{name} Open high (high at 1): 4 of 4 calls, 3 consumers, 4 proofs
    "]].assert_eq(&book.take());
    assert_eq!(book.ledger.entries.len(), 1);
}

#[test]
fn severity_follows_what_still_holds_down_as_well_as_up() {
    let mut book = Book::new(24, Vec::new());
    book.seen("/a", Severity::Critical, 0, 1);
    for hour in 1..40 {
        book.seen("/a", Severity::Low, hour * HOUR, 2);
        book.tick(hour * HOUR);
        if hour == 23 {
            assert!(
                book.take()
                    .ends_with("row   /a Open critical (critical at 0): 24 of 24 calls, 2 consumers, 5 proofs\n")
            );
        }
    }
    let text = book.take();
    let eased = text.lines().filter(|line| line.starts_with("ALERT")).collect::<Vec<_>>();
    assert_eq!(eased, ["ALERT /a Eased low, revision 2"]);
    assert!(text.contains("row   /a Open low (low at 3600): 25 of 25 calls"), "{text}");
    // What was worse is not kept for ever, but its proof is as long as it counts.
    book.seen("/a", Severity::Critical, 40 * HOUR, 1);
    assert!(book.take().contains("ALERT /a Escalated critical, revision 3"));
    book.tick(64 * HOUR);
    assert!(book.take().contains("ALERT /a Resolved critical, revision 4"));
}

#[test]
fn a_row_of_an_older_store_goes_on() {
    let mut rows = Vec::new();
    let mut book = Book::new(1, Vec::new());
    book.ledger.record(finding("/a", Severity::High, 0, 1), None, &mut |change| {
        if let Change::Finding(row) = change {
            rows.push(FindingRow { levels: Vec::new(), ..*row });
        }
    });
    let mut book = Book::new(1, rows);
    book.seen("/a", Severity::Low, HOUR / 2, 1);
    book.tick(HOUR);
    book.tick(2 * HOUR);
    let text = book.take();
    assert!(
        text.contains("ALERT /a Eased low, revision 2") && text.contains("ALERT /a Resolved low, revision 3"),
        "{text}"
    );
}

#[derive(Clone, Debug)]
enum Step {
    Seen(usize, Severity, u8),
    Quiet(usize),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_usize..3, prop::sample::select(Severity::ALL.to_vec()), 0_u8..20).prop_map(|(route, severity, consumer)| Step::Seen(route, severity, consumer)),
        2 => (0_usize..3).prop_map(Step::Quiet),
        2 => prop_oneof![Just(1), Just(600), Just(HOUR), Just(2 * HOUR)].prop_map(Step::Pass),
    ]
}

/// One endpoint's history since its finding last opened, as a plain list.
#[derive(Debug, Default)]
struct Life {
    /// (second, severity if seen, consumer) of each call.
    calls: Vec<(u64, Option<Severity>, u8)>,
    /// When it was last told what still holds.
    judged: u64,
    resolved_with: Option<Severity>,
    is_open: bool,
    ever: bool,
    transitions: Vec<Transition>,
}

impl Life {
    fn call(&mut self, second: u64, seen: Option<Severity>, consumer: u8) {
        if let Some(severity) = seen {
            let worst = self.worst();
            if !self.is_open {
                self.calls.clear();
                self.transitions.push(if self.ever { Transition::Reopened } else { Transition::Opened });
                (self.is_open, self.ever) = (true, true);
            } else if Some(severity) > worst {
                self.transitions.push(Transition::Escalated);
            }
        }
        if self.is_open {
            self.calls.push((second, seen, consumer));
        }
    }

    /// The worst severity whose last sighting was not too old when that was last looked at.
    fn worst(&self) -> Option<Severity> {
        let holds = |second: u64| second + HOUR > self.judged;
        let seen = self.calls.iter().filter_map(|(second, seen, _)| seen.map(|severity| (*second, severity)));
        seen.filter(|(second, _)| !self.is_open || holds(*second)).map(|(_, severity)| severity).max()
    }

    fn pass(&mut self, now: u64) {
        let before = self.worst();
        let last = self.calls.iter().filter(|(_, seen, _)| seen.is_some()).map(|(second, _, _)| *second).max();
        if self.is_open && last.is_some_and(|last| now >= last + HOUR) {
            self.is_open = false;
            self.resolved_with = before;
            self.transitions.push(Transition::Resolved);
        }
        self.judged = now;
        if self.is_open && self.worst() < before {
            self.transitions.push(Transition::Eased);
        }
    }

    fn agrees_with(&self, row: &FindingRow) {
        let seen: Vec<_> = self.calls.iter().filter(|(_, seen, _)| seen.is_some()).collect();
        assert_eq!(row.status == Status::Open, self.is_open);
        assert_eq!((row.count, row.calls), (seen.len() as u64, self.calls.len() as u64));
        assert_eq!(Some(row.severity), if self.is_open { self.worst() } else { self.resolved_with });
        assert_eq!((row.opened, row.last), (at(seen[0].0), at(seen[seen.len() - 1].0)));
        assert_eq!(row.resolved.is_some(), !self.is_open);
        assert_eq!((row.revision as usize, Some(&row.transition)), (self.transitions.len(), self.transitions.last()));
        let consumers: std::collections::BTreeSet<u8> = seen.iter().map(|(_, _, consumer)| *consumer).collect();
        assert_eq!(row.consumers.len(), consumers.len().min(FindingRow::CONSUMERS_MAX));
        assert_eq!(row.consumers_more, consumers.len() > FindingRow::CONSUMERS_MAX);
        let shown: std::collections::BTreeSet<Severity> =
            row.evidence.iter().map(|evidence| evidence.severity).collect();
        assert!(!self.is_open || shown.contains(&row.severity), "the severity has its proof");
        assert!(
            row.evidence.len() <= FindingRow::EVIDENCE_MAX && row.evidence.is_sorted_by_key(|evidence| evidence.at)
        );
    }
}

proptest! {
    #[test]
    fn the_ledger_agrees_with_the_history(steps in prop::collection::vec(step(), 0..120)) {
        const ROUTES: [&str; 3] = ["/a", "/b", "/c"];
        let mut ledger = Ledger::new("test", Vec::new(), RestoredSayings::default());
        ledger.configure(Duration::from_hours(1), &[], Duration::ZERO);
        let mut lives: [Life; 3] = Default::default();
        let (mut now, mut rows, mut alerts) = (0, BTreeMap::<Arc<str>, FindingRow>::new(), Vec::new());
        let mut emit = |change: Change| match change {
            Change::Finding(row) => {
                rows.insert(row.route.clone(), *row);
            }
            Change::Alert(alert) => {
                assert_eq!(rows.get(&alert.finding.route), Some(&alert.finding), "the row comes first");
                alerts.push((alert.finding.route.clone(), alert.transition));
            }
            Change::Kept(_) => {}
            other => panic!("{other:?}"),
        };
        for step in &steps {
            match step {
                Step::Seen(route, severity, consumer) => {
                    ledger.called(endpoint(ROUTES[*route]).id);
                    ledger.record(finding(ROUTES[*route], *severity, now, *consumer), None, &mut emit);
                    lives[*route].call(now, Some(*severity), *consumer);
                }
                Step::Quiet(route) => {
                    ledger.called(endpoint(ROUTES[*route]).id);
                    lives[*route].call(now, None, 0);
                }
                Step::Pass(seconds) => {
                    now += seconds;
                    ledger.tick(at(now), &mut emit);
                    for life in &mut lives {
                        life.pass(now);
                    }
                }
            }
        }
        ledger.flush(&mut emit);
        for (route, life) in ROUTES.iter().zip(&lives) {
            let told: Vec<_> = alerts.iter().filter(|(known, _)| &**known == *route).map(|(_, transition)| *transition).collect();
            prop_assert_eq!(&told, &life.transitions);
            prop_assert_eq!(rows.contains_key(*route), life.ever);
            if let Some(row) = rows.get(*route) {
                life.agrees_with(row);
            }
        }
        let open = ledger.counters().open.iter().sum::<u64>();
        prop_assert_eq!(open, lives.iter().filter(|life| life.is_open).count() as u64);
    }
}
