//! Transcripts in, endpoints out.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::store::{API_ENDPOINTS_MAX, APIS_MAX};
use super::*;
use crate::detect::sample::{basic, call};
use crate::openapi::Document;
use crate::sketch::Tally;

type Documents = BTreeMap<Box<str>, Arc<Document>>;

fn document(text: &str) -> Documents {
    let (document, _) = Document::read(&format!("openapi: 3.1.0\ninfo: {{title: T}}\n{text}"), "t.yaml").unwrap();
    [("orders".into(), Arc::new(document))].into()
}

fn observe(inventory: &mut Inventory, lines: &[&str]) {
    for line in lines {
        inventory.observe(&call(line).done());
    }
}

/// All that changed, by route and method, then the joins and the counters that are not zero.
fn told(inventory: &mut Inventory) -> String {
    inventory.settle();
    let mut rows = Vec::new();
    inventory.take_changed(&mut |row| {
        let (template, document) = (row.template, row.document);
        let text = format!("{} {} {}: {} calls, {template:?}, {document:?}", row.api, row.method, row.route, row.calls);
        rows.push((row.route.clone(), row.method.clone(), text));
    });
    rows.sort();
    let mut text = String::new();
    for (_, _, row) in &rows {
        let _ = writeln!(text, "{row}");
    }
    let gone = inventory.take_gone();
    if !gone.is_empty() {
        let kept = gone.iter().filter(|(_, into)| into.is_some_and(|into| inventory.row(into).is_some())).count();
        let _ = writeln!(text, "gone: {}, into others that are there: {kept}", gone.len());
    }
    let InventoryCounters { probed, overflowed, merged, .. } = inventory.counters();
    for (name, count) in [("probed", probed), ("overflowed", overflowed), ("merged", merged)] {
        if count > 0 {
            let _ = writeln!(text, "{name}: {count}");
        }
    }
    text
}

#[expect(clippy::needless_pass_by_value, reason = "expect! is written in place")]
fn check(documents: &Documents, lines: &[&str], expected: Expect) {
    let mut inventory = Inventory::new("test", documents, Vec::new());
    observe(&mut inventory, lines);
    expected.assert_eq(&told(&mut inventory));
}

#[test]
fn endpoints_have_templates_by_shape() {
    check(
        &Documents::new(),
        &[
            "GET /orders 200",
            "GET /orders/7 200",
            "GET /orders/3fa85f64-5717-4562-b3fc-2c963f66afa6 404",
            "DELETE /orders/7 204",
            "GET /orders/7/items/2026-11-24 200",
            "GET / 200",
            "GET /users/a@b.example/ 302",
        ],
        expect![[r"
            orders GET /: 1 calls, Literal, NoDocument
            orders GET /orders: 1 calls, Literal, NoDocument
            orders DELETE /orders/{id}: 1 calls, Shape, NoDocument
            orders GET /orders/{id}: 2 calls, Shape, NoDocument
            orders GET /orders/{id}/items/{date}: 1 calls, Shape, NoDocument
            orders GET /users/{email}: 1 calls, Shape, NoDocument
        "]],
    );
}

#[test]
fn what_was_only_refused_as_unknown_is_no_endpoint() {
    check(
        &Documents::new(),
        &[
            "GET /.env 404",
            "PUT /orders 405",
            "GET /orders?x 400",
            "GET /orders -",
            "GET /down 502",
            "? /orders 200",
            "OPTIONS /orders 204",
            "GET /orders 401",
            "GET /orders 404",
            "GET /orders -",
        ],
        expect![[r"
            orders GET /orders: 3 calls, Literal, NoDocument
            probed: 5
        "]],
    );
}

#[test]
fn head_counts_to_its_get() {
    check(
        &Documents::new(),
        &["GET /a 200", "HEAD /a 200", "HEAD /b 200"],
        expect![[r"
        orders GET /a: 2 calls, Literal, NoDocument
        orders HEAD /b: 1 calls, Literal, NoDocument
    "]],
    );
    check(
        &Documents::new(),
        &["HEAD /a 200", "HEAD /a 200", "GET /a 200", "HEAD /a 200"],
        expect![[r"
        orders GET /a: 4 calls, Literal, NoDocument
        gone: 1, into others that are there: 1
        merged: 1
    "]],
    );
}

const ORDERS: &str = "
servers: [{url: /v1}]
paths:
  /orders: {get: {}, head: {}}
  /orders/{orderId}: {get: {}, put: {deprecated: true, x-owner: team}, options: {}}
  /orders/export: {post: {}}
";

#[test]
fn a_document_outranks_what_is_seen() {
    check(
        &document(ORDERS),
        &[
            "GET /v1/orders 200",
            "GET /v1/orders/abc 200",
            "GET /v1/orders/abc 404",
            "PUT /v1/orders/7 200",
            "PATCH /v1/orders/7 200",
            "PATCH /v1/orders/8 200",
            "DELETE /v1/orders/7 405",
            "GET /v1/orders/export 200",
            "HEAD /v1/orders 200",
            "HEAD /v1/orders/7 200",
            "OPTIONS /v1/orders/7 200",
            "OPTIONS /v1/orders 200",
            "GET /v1/debug/7 200",
            "GET /orders 200",
            "GET /orders/9 404",
        ],
        expect![[r"
            orders GET /orders: 1 calls, Literal, Undocumented
            orders GET /v1/debug/{id}: 1 calls, Shape, Undocumented
            orders GET /v1/orders: 1 calls, Documented, Documented
            orders HEAD /v1/orders: 1 calls, Documented, Documented
            orders POST /v1/orders/export: 0 calls, Documented, Unused
            orders GET /v1/orders/{orderId}: 4 calls, Documented, Documented
            orders OPTIONS /v1/orders/{orderId}: 1 calls, Documented, Documented
            orders PATCH /v1/orders/{orderId}: 2 calls, Documented, Undocumented
            orders PUT /v1/orders/{orderId}: 1 calls, Documented, Deprecated
            probed: 2
        "]],
    );
}

#[test]
fn a_document_that_comes_goes_and_changes() {
    let mut inventory = Inventory::new("test", &Documents::new(), Vec::new());
    observe(
        &mut inventory,
        &["GET /v1/orders/7 200", "PATCH /v1/orders/7 200", "GET /v1/debug 200", "PUT /v1/orders/export 200"],
    );
    told(&mut inventory);
    inventory.configure(&document(ORDERS));
    expect![[r"
        orders GET /v1/debug: 1 calls, Literal, Undocumented
        orders GET /v1/orders: 0 calls, Documented, Unused
        orders HEAD /v1/orders: 0 calls, Documented, Unused
        orders POST /v1/orders/export: 0 calls, Documented, Unused
        orders GET /v1/orders/{orderId}: 1 calls, Documented, Documented
        orders OPTIONS /v1/orders/{orderId}: 0 calls, Documented, Unused
        orders PATCH /v1/orders/{orderId}: 1 calls, Documented, Undocumented
        orders PUT /v1/orders/{orderId}: 1 calls, Documented, Deprecated
        gone: 3, into others that are there: 3
    "]]
    .assert_eq(&told(&mut inventory));
    observe(&mut inventory, &["GET /v1/orders/7 200", "PATCH /v1/orders/7 200", "GET /v1/debug 200"]);
    expect![[r"
        orders GET /v1/debug: 2 calls, Literal, Undocumented
        orders GET /v1/orders/{orderId}: 2 calls, Documented, Documented
        orders PATCH /v1/orders/{orderId}: 2 calls, Documented, Undocumented
    "]]
    .assert_eq(&told(&mut inventory));
    inventory.configure(&document("paths:\n  /v1/debug: {get: {}}\n  /v1/orders/{id}: {get: {}}\n"));
    expect![[r"
        orders GET /v1/debug: 2 calls, Documented, Documented
        orders GET /v1/orders/{id}: 2 calls, Documented, Documented
        orders PATCH /v1/orders/{id}: 2 calls, Documented, Undocumented
        orders PUT /v1/orders/{id}: 1 calls, Documented, Undocumented
        gone: 7, into others that are there: 3
    "]]
    .assert_eq(&told(&mut inventory));
    inventory.configure(&Documents::new());
    expect![[r"
        orders GET /v1/debug: 2 calls, Documented, NoDocument
        orders GET /v1/orders/{id}: 2 calls, Documented, NoDocument
        orders PATCH /v1/orders/{id}: 2 calls, Documented, NoDocument
        orders PUT /v1/orders/{id}: 1 calls, Documented, NoDocument
    "]]
    .assert_eq(&told(&mut inventory));
}

#[test]
fn counts_go_on_after_a_restart() {
    let mut inventory = Inventory::new("test", &document(ORDERS), Vec::new());
    let lines: Vec<String> = (0..40).map(|n| format!("GET /users/{}/cart 200", word(n))).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).chain(["GET /v1/orders/7 200", "HEAD /x 200"]).collect();
    observe(&mut inventory, &lines);
    let mut rows = Vec::new();
    inventory.take_changed(&mut |row| rows.push(row.clone()));
    let before = rows.clone();

    let mut inventory = Inventory::new("test", &document(ORDERS), rows);
    assert!(inventory.take_gone().is_empty());
    let mut after = Vec::new();
    inventory.take_changed(&mut |row| after.push(row.clone()));
    let sorted = |mut rows: Vec<EndpointRow>| {
        for row in &mut rows {
            row.reason = None;
        }
        rows.sort_by_key(|row| row.id);
        rows
    };
    assert_eq!(sorted(after), sorted(before));
    observe(&mut inventory, &["GET /users/somebody/cart 200", "GET /v1/orders/8 200", "GET /x 200"]);
    expect![[r"
        orders GET /users/{name}/cart: 41 calls, Learnt, Undocumented
        orders GET /v1/orders/{orderId}: 2 calls, Documented, Documented
        orders GET /x: 2 calls, Literal, Undocumented
        gone: 1, into others that are there: 1
        merged: 1
    "]]
    .assert_eq(&told(&mut inventory));
}

#[test]
fn another_environment_is_another_id() {
    let mut inventory = Inventory::new("test", &Documents::new(), Vec::new());
    observe(&mut inventory, &["GET /a 200"]);
    let mut rows = Vec::new();
    inventory.take_changed(&mut |row| rows.push(row.clone()));
    // blake3 of the length-prefixed parts, checked with another implementation.
    assert_eq!(rows[0].id.to_string(), "ee09492ae4bfcd2f");
    let mut inventory = Inventory::new("live", &Documents::new(), rows);
    expect![[r"
        orders GET /a: 1 calls, Literal, NoDocument
        gone: 1, into others that are there: 1
    "]]
    .assert_eq(&told(&mut inventory));
}

/// A word for a number, without digits.
fn word(n: usize) -> String {
    let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).unwrap());
    format!("user-{}{}{}", letter(n / 676), letter(n / 26), letter(n))
}

#[test]
fn many_alike_siblings_are_one_variable() {
    let mut inventory = Inventory::new("test", &Documents::new(), Vec::new());
    observe(&mut inventory, &["GET /api/users/me/settings 200", "GET /api/users/7 200"]);
    let mut visit = |n: usize| {
        observe(
            &mut inventory,
            &[&format!("GET /api/users/{} 200", word(n)), &format!("GET /api/users/{}/cart 200", word(n))],
        );
        inventory.counters().merged
    };
    assert!((0..19).all(|n| visit(n) == 0), "not yet enough");
    assert!((19..40).any(|n| visit(n) > 0), "so many that there must be more");
    expect![[r"
        orders GET /api/users/{name}: 25 calls, Learnt, NoDocument
        orders GET /api/users/{name}/cart: 24 calls, Learnt, NoDocument
        orders GET /api/users/{name}/settings: 1 calls, Learnt, NoDocument
        gone: 49, into others that are there: 49
        merged: 49
    "]]
    .assert_eq(&told(&mut inventory));
}

#[test]
fn what_the_variable_has_already_is_folded_into_it() {
    let mut inventory = Inventory::new("test", &Documents::new(), Vec::new());
    observe(&mut inventory, &["GET /api/users/ann/cart 200", "GET /api/users/me/settings 200"]);
    for n in 0..10 {
        observe(&mut inventory, &["GET /api/users/search 200"; 4]);
        observe(&mut inventory, &[&format!("DELETE /api/users/{} 200", word(n))]);
    }
    for n in 0..33 {
        observe(&mut inventory, &[&format!("GET /api/users/{} 200", word(100 + n))]);
    }
    observe(&mut inventory, &["DELETE /api/users/zoe 204", "GET /api/users/zoe/cart 200"]);
    expect![[r"
        orders GET /api/users/search: 40 calls, Literal, NoDocument
        orders DELETE /api/users/{name}: 11 calls, Learnt, NoDocument
        orders GET /api/users/{name}: 33 calls, Learnt, NoDocument
        orders GET /api/users/{name}/cart: 2 calls, Learnt, NoDocument
        orders GET /api/users/{name}/settings: 1 calls, Learnt, NoDocument
        gone: 9, into others that are there: 9
        merged: 9
    "]]
    .assert_eq(&told(&mut inventory));
}

#[test]
fn names_of_resources_are_not_merged_early() {
    for prefix in ["", "/api", "/shop/v2"] {
        let mut inventory = Inventory::new("test", &Documents::new(), Vec::new());
        for n in 0..100 {
            observe(&mut inventory, &[format!("GET {prefix}/{} 200", word(n)).as_str(); 3]);
        }
        inventory.settle();
        assert_eq!((inventory.counters().endpoints, inventory.counters().merged), (100, 0), "{prefix}");
    }
}

#[test]
fn busy_siblings_are_not_merged() {
    let mut inventory = Inventory::new("test", &Documents::new(), Vec::new());
    for n in 0..100 {
        for _ in 0..5 {
            observe(&mut inventory, &[&format!("POST /rpc/shop/{} 200", word(n))]);
        }
    }
    assert_eq!((inventory.counters().endpoints, inventory.counters().merged), (100, 0));
}

#[test]
fn past_the_bound_the_quiet_ones_are_merged_and_the_busy_ones_stay() {
    let mut inventory = Inventory::new("test", &Documents::new(), Vec::new());
    for _ in 0..10 {
        observe(&mut inventory, &["GET /orders/7/items 200", "GET /health 200"]);
    }
    for n in 0..1_000 {
        observe(&mut inventory, &[&format!("GET /{} 200", word(n))]);
    }
    expect![[r"
        orders GET /health: 10 calls, Literal, NoDocument
        orders GET /orders/{id}/items: 10 calls, Shape, NoDocument
        orders GET /{name}: 1000 calls, Learnt, NoDocument
        gone: 31, into others that are there: 31
        merged: 31
    "]]
    .assert_eq(&told(&mut inventory));
}

#[test]
fn a_client_cannot_invent_a_variable() {
    check(
        &Documents::new(),
        &["GET /{name} 200", "GET /%7Bname%7D 200", "GET /a 200", "GET /a/{id} 200", "GET /{secret} 200"],
        expect![[r"
            orders GET /%7Bname%7D: 2 calls, Literal, NoDocument
            orders GET /a: 1 calls, Literal, NoDocument
            orders GET /a/%7Bid%7D: 1 calls, Literal, NoDocument
            orders GET /{secret}: 1 calls, Shape, NoDocument
        "]],
    );
}

#[test]
fn apis_endpoints_methods_and_segments_are_bounded() {
    let mut inventory = Inventory::new("test", &Documents::new(), Vec::new());
    for n in 0..APIS_MAX + 10 {
        inventory.observe(&call("GET /a 200").api(&format!("api{n}")).done());
    }
    // One a second makes room.
    assert_eq!((inventory.counters().apis, inventory.counters().overflowed), (APIS_MAX as u64, 9));

    let mut inventory = Inventory::new("test", &Documents::new(), Vec::new());
    for n in 0..20 {
        observe(&mut inventory, &[&format!("M{n} /a 200")]);
    }
    assert_eq!((inventory.counters().endpoints, inventory.counters().overflowed), (16, 4));
    let deep = "/a".repeat(25);
    observe(&mut inventory, &[&format!("GET {deep} 200")]);
    assert_eq!((inventory.counters().endpoints, inventory.counters().overflowed), (16, 5));

    let mut inventory = Inventory::new("test", &Documents::new(), Vec::new());
    for n in 0..API_ENDPOINTS_MAX + 5 {
        for _ in 0..4 {
            // Busy, so that they are not merged.
            observe(&mut inventory, &[&format!("GET /{}/{} 200", word(n / 200), word(n % 200))]);
        }
    }
    assert_eq!((inventory.counters().endpoints, inventory.counters().overflowed), (API_ENDPOINTS_MAX as u64, 20));
}

#[test]
fn a_flood_of_hosts_does_not_keep_a_real_api_out() {
    let mut inventory = Inventory::new("test", &document(ORDERS), Vec::new());
    for _ in 0..4 {
        inventory.observe(&call("GET /a 200").api("early").done());
    }
    for second in 0..3 {
        for n in 0..1_000 {
            inventory.observe(&call("GET /a 200").api(&format!("flood{second}x{n}")).second(second).done());
        }
    }
    told(&mut inventory);
    assert!(inventory.observe(&call("GET /b 200").api("late").second(5).done()).is_some());
    assert!(inventory.observe(&call("GET /a 200").api("early").second(5).done()).is_some_and(|seen| !seen.is_new));
    assert!(inventory.observe(&call("GET /orders 200").second(5).done()).is_some());
    assert_eq!(inventory.counters().apis, APIS_MAX as u64);
    let gone = inventory.take_gone();
    assert_eq!(gone.len(), 1, "what is forgotten is told");
}

#[test]
fn a_call_is_counted_in_every_column() {
    let mut inventory = Inventory::new("test", &Documents::new(), Vec::new());
    inventory.observe(&call("POST /a 200").second(5).credential(basic()).json(300, None).done());
    inventory.observe(&call("POST /a 503").second(3).json(100, None).done());
    inventory.observe(&call("POST /a -").second(9).done());
    let mut unseen = call("POST /a 999").done();
    unseen.request = None;
    inventory.observe(&unseen);
    inventory.take_changed(&mut |row| {
        let latency = row.latency_ms.unwrap().map(|ms| (ms - 20.0).abs() < 0.5);
        assert_eq!(latency, [true; 3], "{:?}", row.latency_ms);
        expect![[r#"
            EndpointRow {
                id: EndpointId(
                    4802827955860983396,
                ),
                api: ApiId(
                    "orders",
                ),
                method: Method(
                    "POST",
                ),
                route: "/a",
                template: Literal,
                reason: None,
                document: NoDocument,
                rival: None,
                protocol: Http,
                first: Some(
                    Timestamp(
                        1000000000000,
                    ),
                ),
                last: Some(
                    Timestamp(
                        1009020000000,
                    ),
                ),
                calls: 4,
                by_class: [
                    0,
                    1,
                    0,
                    0,
                    2,
                    1,
                ],
                by_auth: {
                    None: 2,
                    Some(
                        Basic,
                    ): 1,
                },
                request_bytes_max: 0,
                response_bytes_max: 300,
                response_bytes_sum: 400,
                latency_ms: None,
                owner: None,
                announced: Announced {
                    said: None,
                    unsaid: Some(
                        Timestamp(
                            1005020000000,
                        ),
                    ),
                },
                since: None,
                idle: None,
                security: Unsaid,
                profile: PackedProfile(0 bytes),
            }"#]]
        .assert_eq(&format!(
            "{:#?}",
            EndpointRow { latency_ms: None, reason: None, profile: PackedProfile::default(), ..row.clone() }
        ));
        let profile = row.profile.read().unwrap();
        assert_eq!(profile.statuses.counts(), [(200, 1), (503, 1), (999, 1)]);
        assert_eq!(profile.latency_ns.range(), Some((20_000_000, 20_000_000)));
        assert_eq!(profile.response_bytes.range(), Some((100, 300)));
        assert_eq!(profile.request_bytes.count(), 0, "a size that is not known is none");
        assert_eq!(profile.consumers.tallies().iter().map(Tally::least).sum::<u64>(), 4);
        assert_eq!(profile.consumers_distinct.size(), 1);
        assert_eq!(profile.hours.iter().collect::<Vec<_>>(), [(0, 4)]);
        assert_eq!(profile.days.iter().collect::<Vec<_>>(), [(0, 4)]);
    });
}

fn path() -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        Just("orders".to_owned()),
        Just("users".to_owned()),
        Just("v1".to_owned()),
        (1_u32..5).prop_map(|n| n.to_string()),
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        Just("2026-11-24".to_owned()),
        Just("9.json".to_owned()),
    ];
    prop::collection::vec(segment, 0..4).prop_map(|segments| format!("/{}", segments.join("/")))
}

fn line() -> impl Strategy<Value = String> {
    let method = prop::sample::select(vec!["GET", "HEAD", "POST", "OPTIONS"]);
    (method, path(), prop::sample::select(vec!["200", "401", "404", "-"]))
        .prop_map(|(method, path, status)| format!("{method} {path} {status}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// By shape alone the order of the traffic means nothing to which endpoints there are.
    #[test]
    fn any_order_gives_the_same_endpoints(lines in prop::collection::vec(line(), 0..60), seed: u64) {
        let endpoints = |lines: &[String]| {
            let mut inventory = Inventory::new("test", &document(ORDERS), Vec::new());
            observe(&mut inventory, &lines.iter().map(String::as_str).collect::<Vec<_>>());
            let mut rows = Vec::new();
            inventory.settle();
            inventory.take_changed(&mut |row| rows.push((row.id, row.route.clone(), row.template, row.document)));
            rows.sort_by_key(|row| row.0);
            rows
        };
        let mut shuffled = lines.clone();
        shuffled.sort_by_key(|line| id_hash(&[line, &seed.to_string()]));
        prop_assert_eq!(endpoints(&lines), endpoints(&shuffled));
    }

    /// Whatever is merged, no call is lost and every route that is told is there.
    #[test]
    fn no_call_is_lost(words in prop::collection::vec((0_usize..300, 0_usize..4), 0..600)) {
        let mut inventory = Inventory::new("test", &Documents::new(), Vec::new());
        let mut calls = 0;
        for (n, below) in words {
            let below = ["", "/cart", "/cart/7", "/x/y"][below];
            let exchange = call(&format!("GET /users/{}{below} 200", word(n))).done();
            let sighting = inventory.observe(&exchange).unwrap();
            prop_assert!(sighting.endpoint.calls > 0);
            calls += 1;
        }
        let mut total = 0;
        inventory.take_changed(&mut |row| total += row.calls);
        prop_assert_eq!(total, calls);
        for (_, into) in inventory.take_gone() {
            prop_assert!(into.is_some_and(|into| inventory.row(into).is_some()));
        }
    }
}
