//! Pairing, order, names, bounds, and that no planted secret leaves.

#![expect(clippy::needless_pass_by_value, reason = "so that a check ends in expect![..]")]

use std::fmt::Write as _;

use apiscope_wire::tls::{Chain, Offer};
use apiscope_wire::{Ambiguity, AmbiguityKind, Coverage, ExchangeId, Side, Skipped, Verdict};
use base64::Engine as _;
use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::flows::FLOWS_MAX;
use super::*;
use crate::facts::sample::{Sample, origin};
use crate::settings::ApiRule;

fn gather() -> Gather {
    Gather::new(Arc::new(FingerprintKey::new([5; 32])), Arc::new(Settings::default()))
}

fn feed(gather: &mut Gather, sample: &Sample) -> Vec<Record> {
    let mut records = Vec::new();
    sample.with(|message| gather.handle(Event::Message(*message), &mut |record| records.push(record)));
    records
}

fn event(gather: &mut Gather, event: Event<'_>) -> Vec<Record> {
    let mut records = Vec::new();
    gather.handle(event, &mut |record| records.push(record));
    records
}

fn shown(record: &Record) -> String {
    match record {
        Record::Exchange(exchange) => {
            let method = exchange.method.as_ref().map_or("-", Method::as_str);
            let host = exchange.host.as_ref().map_or("-", Masked::as_str);
            let keys: Vec<_> = exchange.query_keys.iter().map(Masked::as_str).collect();
            let status = exchange.status.map_or("-".to_owned(), |status| status.to_string());
            let (id, api, path) = (exchange.id.index, &exchange.api, &exchange.path);
            let consumer = match exchange.consumer {
                ConsumerId::Credential(_) => "credential".to_owned(),
                ConsumerId::Address(ip) => ip.to_string(),
            };
            format!("#{id} {api}: {method} {host} {path} {keys:?} -> {status}, by {consumer}")
        }
        Record::Running(exchange) => {
            let Stage { request_so_far, response_so_far, counted, .. } = exchange.stage;
            let session = exchange.session.as_ref().map_or(0, |session| session.server.text);
            let (id, path) = (exchange.id.index, &exchange.path);
            format!("#{id} runs {path}: {request_so_far:?} {response_so_far:?} counted {counted}, session {session}")
        }
        Record::Session(exchange) => {
            let session = exchange.session.as_ref().map_or(0, |session| session.server.text);
            format!("#{} session {} {session}", exchange.id.index, exchange.path)
        }
        Record::Hello { api, hello, .. } => format!("hello {api} {:?}", hello.server_name),
        Record::Ambiguous(ambiguity) => format!("ambiguous {:?}", ambiguity.kind),
        Record::ApiJoined { from, into } => format!("joined {from} into {into}"),
        Record::Coverage(api, coverage) => format!("coverage {api} {}", coverage.socket()),
        Record::Closed(flow, _) => format!("closed {}", flow.get()),
    }
}

fn get(index: u32) -> Sample {
    Sample::new(&format!("GET /{index}?q=1 HTTP/1.1\nHost: API")).at(1, index)
}

fn ok(index: u32) -> Sample {
    Sample::new("HTTP/1.1 200 OK\n").at(1, index)
}

fn check(samples: &[Sample], expected: Expect) {
    let (mut gather, mut out) = (gather(), String::new());
    for sample in samples {
        for record in feed(&mut gather, sample) {
            writeln!(out, "{}", shown(&record)).unwrap();
        }
    }
    for record in event(&mut gather, Event::Closed(FlowId::new(1), Timestamp::from_nanos(9))) {
        writeln!(out, "{}", shown(&record)).unwrap();
    }
    assert_eq!((gather.counters().waiting, gather.counters().flows), (0, 0));
    expected.assert_eq(&out);
}

#[test]
fn one_after_the_other() {
    check(
        &[get(0), ok(0), get(1), ok(1)],
        expect![[r#"
        #0 api: GET api /0 ["q"] -> 200, by 10.0.0.1
        #1 api: GET api /1 ["q"] -> 200, by 10.0.0.1
        closed 1
    "#]],
    );
}

#[test]
fn pipelined() {
    check(
        &[get(0), get(1), get(2), ok(0), ok(1), ok(2)],
        expect![[r#"
        #0 api: GET api /0 ["q"] -> 200, by 10.0.0.1
        #1 api: GET api /1 ["q"] -> 200, by 10.0.0.1
        #2 api: GET api /2 ["q"] -> 200, by 10.0.0.1
        closed 1
    "#]],
    );
}

#[test]
fn a_response_may_end_before_its_request() {
    check(
        &[ok(0), get(0), get(1), ok(1)],
        expect![[r#"
        #0 api: GET api /0 ["q"] -> 200, by 10.0.0.1
        #1 api: GET api /1 ["q"] -> 200, by 10.0.0.1
        closed 1
    "#]],
    );
}

#[test]
fn what_was_overtaken_is_given_as_it_is() {
    check(
        &[get(0), get(1), ok(1)],
        expect![[r#"
        #0 api: GET api /0 ["q"] -> -, by 10.0.0.1
        #1 api: GET api /1 ["q"] -> 200, by 10.0.0.1
        closed 1
    "#]],
    );
    check(
        &[ok(0), get(1), ok(1)],
        expect![[r#"
        #0 10.0.0.2:8080: - -  [] -> 200, by 10.0.0.1
        #1 api: GET api /1 ["q"] -> 200, by 10.0.0.1
        closed 1
    "#]],
    );
}

#[test]
fn what_did_not_end_is_given_at_the_close() {
    check(
        &[get(0), get(1), ok(0)],
        expect![[r#"
        #0 api: GET api /0 ["q"] -> 200, by 10.0.0.1
        #1 api: GET api /1 ["q"] -> -, by 10.0.0.1
        closed 1
    "#]],
    );
    check(
        &[ok(0)],
        expect![[r"
        #0 10.0.0.2:8080: - -  [] -> 200, by 10.0.0.1
        closed 1
    "]],
    );
}

#[test]
fn streams_of_http2_end_in_any_order() {
    let h2 = |mut sample: Sample| {
        sample.version = Version::H2;
        sample
    };
    check(
        &[h2(get(0)), h2(get(1)), h2(ok(1)), h2(ok(0))],
        expect![[r#"
        #1 api: GET api /1 ["q"] -> 200, by 10.0.0.1
        #0 api: GET api /0 ["q"] -> 200, by 10.0.0.1
        closed 1
    "#]],
    );
}

#[test]
fn targets_hosts_and_consumers() {
    check(
        &[
            Sample::new("GET http://u:p@Shop.example.com:80/a?b=c HTTP/1.1\nHost: other").at(1, 0),
            ok(0),
            Sample::new("OPTIONS * HTTP/1.1\nHost: shop.example.com").at(1, 1),
            ok(1),
            Sample::new("CONNECT db:5432 HTTP/1.1\nHost: db:5432").at(1, 2),
            ok(2),
            Sample::new("GET /x HTTP/1.0\nAuthorization: Basic YWRtaW46aHVudGVyMg==").at(1, 3),
            ok(3),
        ],
        expect![[r#"
            #0 shop.example.com: GET shop.example.com:80 /a ["b"] -> 200, by 10.0.0.1
            #1 shop.example.com: OPTIONS shop.example.com * [] -> 200, by 10.0.0.1
            #2 db:5432: CONNECT db:5432 db:5432 [] -> 200, by 10.0.0.1
            #3 10.0.0.2:8080: GET - /x [] -> 200, by credential
            closed 1
        "#]],
    );
}

#[test]
fn coverage_goes_to_the_api_of_the_flow() {
    let mut gather = gather();
    let mut out = String::new();
    let mut add = |records: Vec<Record>| records.iter().for_each(|record| writeln!(out, "{}", shown(record)).unwrap());
    let coverage = Coverage { parsed: 10, skipped: Skipped { budget: 5, ..Skipped::default() }, ..Coverage::default() };
    add(event(&mut gather, Event::Coverage(FlowId::new(1), coverage)));
    gather.introduce(FlowId::new(1), &origin(), &mut |_| ());
    add(event(&mut gather, Event::Coverage(FlowId::new(1), coverage)));
    feed(&mut gather, &get(0));
    add(event(&mut gather, Event::Coverage(FlowId::new(1), coverage)));
    let hello = Hello {
        flow: FlowId::new(2),
        origin: &origin(),
        offer: Some(Offer { server_name: Some("Shop.example.com"), ..Offer::default() }),
        choice: None,
        chain: Chain::Unknown,
        refused: None,
        at: Timestamp::EPOCH,
    };
    add(event(&mut gather, Event::Hello(hello)));
    add(event(&mut gather, Event::Coverage(FlowId::new(2), coverage)));
    add(event(&mut gather, Event::Verdict(FlowId::new(2), Verdict::IgnoreEncrypted)));
    let exchange = ExchangeId { flow: FlowId::new(1), index: 0 };
    let ambiguity = Ambiguity { exchange, side: Side::Client, kind: AmbiguityKind::OddChunk, at: Timestamp::EPOCH };
    add(event(&mut gather, Event::Ambiguous(ambiguity)));
    add(event(&mut gather, Event::Closed(FlowId::new(1), Timestamp::EPOCH)));
    expect![[r#"
        coverage unknown 15
        coverage 10.0.0.2:8080 15
        coverage api 15
        hello shop.example.com Some(Masked("shop.example.com"))
        coverage shop.example.com 15
        ambiguous OddChunk
        #0 api: GET api /0 ["q"] -> -, by 10.0.0.1
        closed 1
    "#]]
    .assert_eq(&out);
}

#[test]
fn the_configuration_names_from_the_next_request_on() {
    let mut gather = gather();
    feed(&mut gather, &get(0));
    assert!(shown(&feed(&mut gather, &ok(0))[0]).starts_with("#0 api:"));
    let rule = ApiRule { name: "shop".into(), authorities: vec!["api".into()], ports: vec![], workloads: vec![] };
    gather.configure(Arc::new(Settings { apis: vec![rule], ..Settings::default() }));
    feed(&mut gather, &get(1));
    assert!(shown(&feed(&mut gather, &ok(1))[0]).starts_with("#1 shop:"));
}

#[test]
fn a_user_stays_the_same_consumer_with_a_new_password() {
    let consumer = |credentials: &str| {
        let mut gather = gather();
        let coded = base64::engine::general_purpose::STANDARD.encode(credentials);
        feed(&mut gather, &Sample::new(&format!("GET / HTTP/1.1\nAuthorization: Basic {coded}")));
        match feed(&mut gather, &ok(0)).pop() {
            Some(Record::Exchange(exchange)) => exchange.consumer,
            _ => panic!("no exchange"),
        }
    };
    assert_eq!(consumer("admin:one"), consumer("admin:two"));
    assert_ne!(consumer("admin:one"), consumer("bob:one"));
}

#[test]
fn an_origin_is_shared_until_more_is_known() {
    let mut gather = gather();
    let mut origins = Vec::new();
    for index in 0..3 {
        let mut sample = get(index);
        if index == 2 {
            sample.origin.workload = Some("nginx.service".into());
        }
        feed(&mut gather, &sample);
        for record in feed(&mut gather, &ok(index)) {
            if let Record::Exchange(exchange) = record {
                origins.push(exchange.origin);
            }
        }
    }
    assert!(Arc::ptr_eq(&origins[0], &origins[1]) && !Arc::ptr_eq(&origins[1], &origins[2]));
}

#[test]
fn halves_are_bounded_in_a_flow_and_in_all() {
    let (mut one, mut given) = (gather(), 0);
    let h2 = |mut sample: Sample| {
        sample.version = Version::H2;
        sample
    };
    for index in 0..u32::try_from(WAITING_PER_FLOW_MAX).unwrap() + 10 {
        given += feed(&mut one, &h2(get(index))).len();
    }
    assert_eq!((given, one.counters().halves_evicted, one.counters().waiting), (10, 10, WAITING_PER_FLOW_MAX));

    let mut all = gather();
    for flow in 0..=WAITING_MAX as u64 {
        let mut sample = get(0).at(flow, 0);
        sample.times = (flow, flow);
        let given = feed(&mut all, &sample);
        assert_eq!(given.len(), if flow < WAITING_MAX as u64 { 0 } else { WAITING_MAX / 8 });
        assert!(
            given
                .iter()
                .all(|record| matches!(record, Record::Exchange(e) if e.id.flow.get() < WAITING_MAX as u64 / 8))
        );
    }
    assert_eq!(all.counters().waiting, WAITING_MAX - WAITING_MAX / 8 + 1);
}

#[test]
fn flows_are_bounded() {
    let mut gather = gather();
    for flow in 0..=FLOWS_MAX as u64 {
        gather.introduce(FlowId::new(flow), &origin(), &mut |_| ());
    }
    let counters = gather.counters();
    assert_eq!((counters.flows, counters.flows_evicted), (FLOWS_MAX - FLOWS_MAX / 8 + 1, FLOWS_MAX as u64 / 8));
}

proptest! {
    /// Any order of halves, any version: each half is in exactly one exchange, and pairs only with its own.
    #[test]
    fn each_half_leaves_once(order in Just((0..24_u32).collect::<Vec<_>>()).prop_shuffle(), h2 in any::<bool>()) {
        let (mut gather, mut seen) = (gather(), Vec::new());
        let mut note = |records: Vec<Record>| for record in records {
            if let Record::Exchange(exchange) = record {
                seen.extend(exchange.request.as_ref().map(|_| exchange.id.index * 2));
                seen.extend(exchange.response.as_ref().map(|_| exchange.id.index * 2 + 1));
                assert_eq!(exchange.method.is_some(), exchange.request.is_some());
            }
        };
        for half in order {
            let mut sample = if half % 2 == 0 { get(half / 2) } else { ok(half / 2) };
            sample.version = if h2 { Version::H2 } else { Version::Http11 };
            note(feed(&mut gather, &sample));
        }
        note(event(&mut gather, Event::Closed(FlowId::new(1), Timestamp::EPOCH)));
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..24).collect::<Vec<_>>());
        prop_assert_eq!(gather.counters().waiting, 0);
    }
}

mod cost;
mod planted;
mod running;
