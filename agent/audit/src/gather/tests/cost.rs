//! What a message costs. Run by hand, on a release build:
//! `cargo test -p apiscope-audit --release -- --ignored --nocapture cost`.

#![expect(clippy::cast_precision_loss, reason = "a measurement needs no more digits")]
#![expect(clippy::disallowed_types, reason = "a measurement needs a clock, and only the test has it")]

use std::time::Instant;

use super::*;

/// The best of many short batches: what it costs when nobody else has the processor.
fn nanos(name: &str, (request, response): (Sample, Sample)) -> f64 {
    let bytes = request.total.unwrap() + response.total.unwrap();
    let rounds = 1 + 200_000 / (2_000 + bytes);
    let (mut gather, mut given, mut best) = (gather(), 0_u64, f64::MAX);
    for _ in 0..300 {
        let before = Instant::now();
        for _ in 0..rounds {
            for half in [&request, &response] {
                half.with(|message| gather.handle(Event::Message(*message), &mut |_| given += 1));
            }
        }
        best = best.min(before.elapsed().as_nanos() as f64 / (rounds * 2) as f64);
    }
    println!("{name}: {best:.0} ns a message, {:.0} MB/s of body", bytes as f64 / (best * 2.0) * 1000.0);
    assert!(given > 0);
    best
}

fn pair(request: &str, body: &str, response: &str) -> (Sample, Sample) {
    let json = "HTTP/1.1 200 OK\nContent-Type: application/json\nServer: nginx\nDate: Tue, 24 Nov 2026 17:00:00 GMT\nContent-Length: 1\n\n";
    (Sample::new(request).body(body.as_bytes()), Sample::new(&format!("{json}{response}")))
}

#[test]
#[ignore = "a measurement"]
fn cost() {
    let plain = "GET /api/v1/orders/550e8400-e29b-41d4-a716-446655440000/items?page=2&sort=name HTTP/1.1\nHost: shop.example.com\nUser-Agent: curl/8\nAccept: */*\nAccept-Encoding: gzip\nX-Request-Id: 7f3d";
    let login = "POST /login HTTP/1.1\nHost: shop.example.com\nContent-Type: application/json\nUser-Agent: curl/8";
    let item = r#"{"id":1234567,"name":"A name of some length","tags":["one","two"],"price":12.50,"nested":{"a":null,"b":true}}"#;
    let page = |bytes: usize| format!("{{\"items\":[{}]}}", vec![item; bytes / item.len()].join(","));
    nanos("no body", pair(plain, "", ""));
    nanos("bearer", pair(&format!("{plain}\nAuthorization: Bearer Zk3vQ9xLw2Pd8RtY5nBcZk3vQ9xLw2Pd8RtY5nBc"), "", ""));
    nanos("login", pair(login, r#"{"user":"admin","password":"hunter2"}"#, r#"{"ok":true}"#));
    nanos("1 KiB each way", pair(login, &page(1024), &page(1024)));
    let benign = nanos("16 KiB each way", pair(login, &page(16_384), &page(16_384)));
    for (name, unit) in [
        ("names", r#"{"password":"x"},"#),
        ("keys", r#"{"apikey":"Zk3vQ9xLw2Pd8RtY5nBc"},"#),
        ("escapes", r#""\u0061\u0062","#),
        ("brackets", "[],"),
    ] {
        let body = format!("[{}1]", unit.repeat(16_384 / unit.len()));
        let hostile = nanos(&format!("16 KiB of {name}"), pair(login, &body, &body));
        println!("  {:.1} times benign", hostile / benign);
    }
    let path = format!("GET /{} HTTP/1.1\nX-Api-Key: Zk3vQ9xLw2Pd8RtY5nBc", "Zk3vQ9xLw2Pd8RtY5nBc/".repeat(800));
    nanos("16 KiB of path", pair(&path, "", ""));
    let query = format!("GET /a?{} HTTP/1.1", "api_key=Zk3vQ9xLw2Pd8RtY5nBc&".repeat(600));
    nanos("16 KiB of query", pair(&query, "", ""));
}
