//! The whole way from records to changes, as transcripts.

use std::fmt::Write;

use apiscope_wire::{Ambiguity, AmbiguityKind, Coverage, ExchangeId, FlowId, SessionKind, Side};
use expect_test::{Expect, expect};

use super::*;
use crate::detect::SettingValue;
use crate::detect::sample::{at, basic, call};
use crate::exchange::{Exchange, Protocol, Stage};
use crate::facts::Facts;
use crate::openapi::Document;
use crate::tls::ChainFacts;

fn settings(document: &str) -> Settings {
    let mut settings = Settings { environment: "test".into(), ..Settings::default() };
    if !document.is_empty() {
        let (document, _) = Document::read(document, "orders.yaml").unwrap();
        settings.documents.insert("orders".into(), Arc::new(document));
    }
    settings
}

const DOCUMENT: &str = "
openapi: 3.0.0
info: {title: Orders, x-owner: team-orders}
paths:
  /orders: {get: {}}
  /orders/{id}: {get: {}, delete: {}}
";

fn show(text: &mut String, change: &Change) {
    let _ = match change {
        Change::Running(row) => {
            let (so_far, route) = (row.exchange.stage.response_so_far, row.route.as_deref().unwrap_or("-"));
            writeln!(text, "running {} -> {route}, {so_far:?} bytes", row.exchange.path)
        }
        Change::Session(row) => {
            writeln!(text, "session {} -> {}", row.exchange.path, row.route.as_deref().unwrap_or("-"))
        }
        Change::Call(row) => {
            let exchange = &row.exchange;
            let method = exchange.method.as_ref().map_or("?", |method| method.as_str());
            writeln!(text, "call {method} {} -> {}", exchange.path, row.route.as_deref().unwrap_or("-"))
        }
        Change::Endpoint(row) => {
            let owner = row.owner.as_deref().unwrap_or("nobody");
            writeln!(text, "endpoint {} {}: {} calls, {:?}, of {owner}", row.method, row.route, row.calls, row.document)
        }
        Change::EndpointGone { into, .. } => writeln!(text, "gone into another: {}", into.is_some()),
        Change::Schemas { packed, .. } => writeln!(text, "schemas, some: {}", packed.is_some()),
        Change::Probed(list) => {
            let paths: Vec<_> = list.paths.iter().map(|path| format!("{} {}", path.method, path.path)).collect();
            writeln!(text, "probed {}", paths.join(", "))
        }
        Change::Finding(row) => writeln!(
            text,
            "finding {} {} {}: {:?} {}, {} of {}",
            row.kind.name, row.method, row.route, row.status, row.severity, row.count, row.calls
        ),
        Change::Alert(alert) => writeln!(text, "ALERT {:?} {}", alert.transition, alert.finding.kind.name),
        Change::Coverage(api, coverage) => writeln!(text, "coverage {api} {}", coverage.socket()),
        Change::ApiJoined { from, into } => writeln!(text, "joined {from} into {into}"),
        Change::Ambiguous(ambiguity) => writeln!(text, "ambiguous {:?}", ambiguity.kind),
        Change::TlsUnobserved(api, _) => writeln!(text, "tls {api}"),
        Change::Tls(row) => writeln!(text, "tls {} {} {}", row.key.api, row.key.port, row.connections),
        Change::TlsGone(key) => writeln!(text, "tls {} gone", key.api),
        // The ledger's own tests show it.
        Change::Kept(_) => Ok(()),
        Change::Watched(day) => writeln!(text, "watched {:?} on {}", day.api, day.day),
    };
}

fn handle(audit: &mut Audit, text: &mut String, exchange: Exchange) {
    audit.handle(Record::Exchange(Box::new(exchange)), &mut |change| show(text, &change));
}

#[expect(clippy::needless_pass_by_value, reason = "expect! is written in place")]
fn check(audit: &mut Audit, exchanges: Vec<Exchange>, second: u64, expected: Expect) {
    let mut text = String::new();
    for exchange in exchanges {
        handle(audit, &mut text, exchange);
    }
    audit.tick(at(second), &mut |change| show(&mut text, &change));
    expected.assert_eq(&text);
}

#[test]
fn from_calls_to_alerts() {
    let mut audit = Audit::new(Arc::new(settings(DOCUMENT)), Restored::default());
    check(
        &mut audit,
        Vec::new(),
        0,
        expect![[r"
        endpoint GET /orders: 0 calls, Unused, of team-orders
        endpoint GET /orders/{id}: 0 calls, Unused, of team-orders
        endpoint DELETE /orders/{id}: 0 calls, Unused, of team-orders
    "]],
    );
    check(
        &mut audit,
        vec![
            call("GET /orders 200").from("10.0.4.7").credential(basic()).done(),
            call("GET /orders 200").json(2_000_000, Some(20)).done(),
            call("GET /debug 200").done(),
            call("GET /.git/config 404").done(),
        ],
        1,
        expect![[r"
            call GET /orders -> /orders
            finding cleartext-credential GET /orders: Open high, 1 of 1
            ALERT Opened cleartext-credential
            call GET /orders -> /orders
            finding oversized-response GET /orders: Open medium, 1 of 1
            ALERT Opened oversized-response
            call GET /debug -> /debug
            finding undocumented-endpoint GET /debug: Open medium, 1 of 1
            ALERT Opened undocumented-endpoint
            call GET /.git/config -> -
            endpoint GET /orders: 2 calls, Documented, of team-orders
            endpoint GET /debug: 1 calls, Undocumented, of team-orders
            finding cleartext-credential GET /orders: Open high, 1 of 2
        "]],
    );
    // Within the same second nothing more is given, and nothing is lost.
    check(
        &mut audit,
        vec![call("GET /debug 200").second(1).done()],
        1,
        expect![[r"
        call GET /debug -> /debug
    "]],
    );
    check(
        &mut audit,
        Vec::new(),
        2,
        expect![[r"
            endpoint GET /debug: 2 calls, Undocumented, of team-orders
            finding undocumented-endpoint GET /debug: Open medium, 2 of 2
        "]],
    );
    check(
        &mut audit,
        Vec::new(),
        2 + 24 * 3_600,
        expect![[r"
            endpoint GET /orders/{id}: 0 calls, Unused, of team-orders
            endpoint DELETE /orders/{id}: 0 calls, Unused, of team-orders
            watched None on 0
            probed GET /.git/config
            finding undocumented-endpoint GET /debug: Resolved medium, 2 of 2
            ALERT Resolved undocumented-endpoint
            finding oversized-response GET /orders: Resolved medium, 1 of 1
            ALERT Resolved oversized-response
            finding cleartext-credential GET /orders: Resolved high, 1 of 2
            ALERT Resolved cleartext-credential
        "]],
    );
    let (inventory, ledger) = audit.counters();
    assert_eq!((inventory.apis, inventory.endpoints, inventory.probed), (1, 4, 1));
    assert_eq!((ledger.open, ledger.resolved), ([0; 5], 3));
}

#[test]
fn new_settings_count_from_the_next_call_on() {
    let mut audit = Audit::new(Arc::new(settings("")), Restored::default());
    check(
        &mut audit,
        vec![call("GET /debug/7 200").done()],
        1,
        expect![[r"
        call GET /debug/7 -> /debug/{id}
        endpoint GET /debug/{id}: 1 calls, NoDocument, of nobody
    "]],
    );
    let mut new = settings(DOCUMENT);
    new.detect.set("oversized-response", "max_bytes", SettingValue::Integer(10)).unwrap();
    new.detect.set("cleartext-credential", "enabled", SettingValue::Bool(false)).unwrap();
    audit.configure(Arc::new(new));
    let large = call("GET /orders/7 200").other(Some(11)).from("10.0.4.7").credential(basic()).done();
    check(
        &mut audit,
        vec![call("GET /debug/7 200").done(), large],
        2,
        expect![[r"
            call GET /debug/7 -> /debug/{id}
            finding undocumented-endpoint GET /debug/{id}: Open medium, 1 of 1
            ALERT Opened undocumented-endpoint
            call GET /orders/7 -> /orders/{id}
            finding oversized-response GET /orders/{id}: Open low, 1 of 1
            ALERT Opened oversized-response
            endpoint GET /orders: 0 calls, Unused, of team-orders
            endpoint GET /orders/{id}: 1 calls, Documented, of team-orders
            endpoint DELETE /orders/{id}: 0 calls, Unused, of team-orders
            endpoint GET /debug/{id}: 2 calls, Undocumented, of team-orders
        "]],
    );
}

#[test]
fn a_merge_is_told_in_order() {
    let mut audit = Audit::new(Arc::new(settings(DOCUMENT)), Restored::default());
    let mut text = String::new();
    let word = |n: u8| char::from(b'a' + n % 26).to_string().repeat(usize::from(n / 26) + 1);
    for n in 0..21 {
        handle(&mut audit, &mut text, call(&format!("GET /files/{} 200", word(n))).done());
        if n == 9 {
            audit.tick(at(1), &mut |_| {});
        }
    }
    assert_eq!(text.matches("ALERT Opened").count(), 21);
    text.clear();
    handle(&mut audit, &mut text, call("GET /files/last 200").done());
    let lines: Vec<&str> = text.lines().collect();
    expect![[r"
        endpoint GET /files/{name}: 22 calls, Undocumented, of team-orders
        gone into another: true
        finding undocumented-endpoint GET /files/a: Resolved medium, 1 of 1
        ALERT Resolved undocumented-endpoint
        finding undocumented-endpoint GET /files/{name}: Open medium, 1 of 1
        ALERT Opened undocumented-endpoint"]]
    .assert_eq(&lines[..6].join("\n"));
    assert_eq!(text.matches("gone into another").count(), 22);
    assert_eq!(text.matches("ALERT Resolved").count(), 21);
    expect![[r"
        finding undocumented-endpoint GET /files/u: Resolved medium, 1 of 1
        ALERT Resolved undocumented-endpoint
        call GET /files/last -> /files/{name}"]]
    .assert_eq(&lines[lines.len() - 3..].join("\n"));
    check(
        &mut audit,
        Vec::new(),
        2,
        expect![[r"
            endpoint GET /files/{name}: 22 calls, Undocumented, of team-orders
            finding undocumented-endpoint GET /files/{name}: Open medium, 22 of 22
        "]],
    );
}

#[test]
fn what_is_no_exchange_passes_through() {
    let mut audit = Audit::new(Arc::new(settings("")), Restored::default());
    let mut text = String::new();
    let sample = call("GET / 200").done();
    let exchange = ExchangeId { flow: FlowId::new(1), index: 0 };
    let kind = AmbiguityKind::OddChunk;
    let unknown =
        HelloFacts { server_name: None, offer: None, choice: None, refused: None, chain: ChainFacts::Unknown };
    for record in [
        Record::Hello {
            api: ApiId::new("pay.test"),
            flow: FlowId::new(2),
            origin: sample.origin.clone(),
            hello: Box::new(unknown),
            at: at(0),
        },
        Record::Ambiguous(Ambiguity { exchange, side: Side::Client, kind, at: at(0) }),
        Record::Coverage(ApiId::new("orders"), Coverage { parsed: 7, ..Coverage::default() }),
        Record::Closed(FlowId::new(1), at(0)),
    ] {
        audit.handle(record, &mut |change| show(&mut text, &change));
    }
    audit.flush(at(0), &mut |change| show(&mut text, &change));
    expect![[r"
        tls pay.test
        ambiguous OddChunk
        coverage orders 7
        tls pay.test 80 1
    "]]
    .assert_eq(&text);
}

#[test]
fn a_call_that_goes_on_is_counted_and_judged_once() {
    let mut audit = Audit::new(Arc::new(settings(DOCUMENT)), Restored::default());
    audit.tick(at(0), &mut |_| {});
    let mut text = String::new();
    let mut exchange = call("GET /orders 200").from("10.0.4.7").credential(basic()).json(2_000_000, None).done();
    let whole = exchange.response.replace(Facts::default());
    let mut show_all = |record| audit.handle(record, &mut |change| show(&mut text, &change));
    exchange.stage.response_so_far = Some(0);
    show_all(Record::Running(Box::new(exchange.clone())));
    exchange.stage = Stage { response_so_far: Some(9), counted: true, ..Stage::default() };
    show_all(Record::Running(Box::new(exchange.clone())));
    exchange.stage.response_so_far = None;
    exchange.response = whole;
    show_all(Record::Exchange(Box::new(exchange)));
    audit.tick(at(1), &mut |change| show(&mut text, &change));
    expect![[r"
        running /orders -> /orders, Some(0) bytes
        finding cleartext-credential GET /orders: Open high, 1 of 1
        ALERT Opened cleartext-credential
        running /orders -> /orders, Some(9) bytes
        call GET /orders -> /orders
        finding oversized-response GET /orders: Open medium, 1 of 1
        ALERT Opened oversized-response
        endpoint GET /orders: 1 calls, Documented, of team-orders
    "]]
    .assert_eq(&text);
}

#[test]
fn a_session_is_of_its_handshakes_endpoint() {
    let mut audit = Audit::new(Arc::new(settings(DOCUMENT)), Restored::default());
    audit.tick(at(0), &mut |_| {});
    let mut text = String::new();
    let mut exchange = call("GET /orders 101").done();
    if let Some(response) = &mut exchange.response {
        response.content = Content::Session(SessionKind::WebSocket);
    }
    exchange.protocol = Protocol::WebSocket;
    let mut show_all = |record| audit.handle(record, &mut |change| show(&mut text, &change));
    show_all(Record::Exchange(Box::new(exchange.clone())));
    show_all(Record::Session(Box::new(exchange.clone())));
    show_all(Record::Session(Box::new(exchange)));
    let mut protocols = Vec::new();
    audit.tick(at(1), &mut |change| {
        if let Change::Endpoint(row) = &change {
            protocols.push((row.protocol, row.calls));
        }
    });
    assert_eq!(protocols, [(Protocol::WebSocket, 1)]);
    // The second end of the same is of nothing that is known.
    expect![[r"
        call GET /orders -> /orders
        session /orders -> /orders
        session /orders -> -
    "]]
    .assert_eq(&text);
}

#[test]
fn a_client_certificate_is_no_missing_credential() {
    let found = |scheme: &str| {
        let document = format!(
            "openapi: 3.1.0\ninfo: {{title: T}}\nsecurity: [{{way: []}}]\npaths: {{/orders: {{get: {{}}}}}}\n\
             components: {{securitySchemes: {{way: {{{scheme}}}}}}}"
        );
        let mut audit = Audit::new(Arc::new(settings(&document)), Restored::default());
        let mut text = String::new();
        handle(&mut audit, &mut text, call("GET /orders 200").bare().done());
        text.contains("missing-authentication")
    };
    assert!(found("type: apiKey, in: header, name: X-Key"));
    assert!(!found("type: mutualTLS"));
}
