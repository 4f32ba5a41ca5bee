//! Which calls are of static files, and what becomes of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use apiscope_wire::Event;
use expect_test::{Expect, expect};

use super::super::Inventory;
use crate::exchange::Record;
use crate::facts::sample::Sample;
use crate::secret::FingerprintKey;
use crate::{Gather, Settings};

/// `GET /a.js 200 text/javascript`, and what the request's head has besides; what comes of it, through the facts of real messages.
fn told(calls: &[(&str, &str)]) -> String {
    let mut gather = Gather::new(Arc::new(FingerprintKey::new([5; 32])), Arc::new(Settings::default()));
    let mut inventory = Inventory::new("", &BTreeMap::new(), Vec::new());
    for (index, (line, head)) in (1..).zip(calls) {
        let mut parts = line.split(' ');
        let mut next = || parts.next().unwrap_or_default();
        let (method, target, status, media) = (next(), next(), next(), next());
        let request = format!("{method} {target} HTTP/1.1\nHost: api\n{head}");
        let body = if media.is_empty() || method == "HEAD" { "" } else { "{}" };
        let response = format!("HTTP/1.1 {status} -\nContent-Type: {media}\n");
        for sample in [Sample::new(&request), Sample::new(&response).body(body.as_bytes())] {
            sample.at(1, index).with(|message| {
                gather.handle(Event::Message(*message), &mut |record| {
                    if let Record::Exchange(exchange) = record {
                        inventory.observe(&exchange);
                    }
                });
            });
        }
    }
    inventory.settle();
    let mut rows = Vec::new();
    inventory.take_changed(&mut |row| rows.push(row));
    rows.sort_by(|a, b| (&a.route, &a.method).cmp(&(&b.route, &b.method)));
    let mut text = String::new();
    for row in rows {
        let why = row.reason.map(|reason| reason.why);
        let _ = writeln!(text, "{} {}: {} calls, {:?}", row.method, row.route, row.calls, why.unwrap_or_default());
    }
    let probed = inventory.counters().probed;
    if probed > 0 {
        let _ = writeln!(text, "probed: {probed}");
    }
    text
}

#[expect(clippy::needless_pass_by_value, reason = "expect! is written in place")]
fn check(calls: &[(&str, &str)], expected: Expect) {
    expected.assert_eq(&told(calls));
}

#[test]
fn files_of_one_folder_and_type_are_one_endpoint() {
    check(
        &[
            ("GET /assets/app.3f2a.js 200 text/javascript", ""),
            ("GET /assets/vendor.js?v=7 200 application/javascript", "Cookie: session=4dfx9k2m"),
            ("GET /assets/app.css?3f2a99 200 text/css", ""),
            ("GET /img/logo.png 200 image/png", ""),
            ("GET /img/team.png 200 image/png", ""),
            ("GET /favicon.ico 200 image/x-icon", ""),
            ("GET /fonts/a.woff2 200 font/woff2", ""),
            ("GET /orders 200 application/json", ""),
        ],
        expect![[r"
            GET /assets/{file}.css: 1 calls, File
            GET /assets/{file}.js: 2 calls, File
            GET /fonts/{file}.woff2: 1 calls, File
            GET /img/{file}.png: 2 calls, File
            GET /orders: 1 calls, Name
            GET /{file}.ico: 1 calls, File
        "]],
    );
}

#[test]
fn what_an_api_gives_away_is_no_static_file() {
    check(
        &[
            // Documents and data, whoever asks.
            ("GET /invoices/17.pdf 200 application/pdf", "Authorization: Bearer abcdefghijkl"),
            ("GET /invoices/18.pdf 200 application/pdf", "Authorization: Bearer abcdefghijkl"),
            ("GET /report.pdf 200 application/pdf", ""),
            ("GET /config.json 200 application/json", ""),
            ("GET /export.csv 200 text/csv", ""),
            // The name of a script, and data in it.
            ("GET /api/feed.js 200 application/json", ""),
            // Pictures for whom it concerns.
            ("GET /photos/me.png 200 image/png", "Authorization: Bearer abcdefghijkl"),
            ("GET /photos/my.png 200 image/png", "Cookie: session=4dfx9k2m"),
            // What the query chooses is made for the call.
            ("GET /charts/sales.svg?from=2026 200 image/svg+xml", ""),
            // Not what its name says.
            ("POST /upload/run.js 200 text/javascript", ""),
        ],
        expect![[r"
            GET /api/feed.js: 1 calls, Name
            GET /charts/sales.svg: 1 calls, Name
            GET /config.json: 1 calls, Name
            GET /export.csv: 1 calls, Name
            GET /invoices/{id}.pdf: 2 calls, Shape
            GET /photos/me.png: 1 calls, Name
            GET /photos/my.png: 1 calls, Name
            GET /report.pdf: 1 calls, Name
            POST /upload/run.js: 1 calls, Name
        "]],
    );
}

#[test]
fn what_was_not_found_or_not_changed_counts_where_such_files_are() {
    check(
        &[
            ("GET /assets/new.js 304", ""),
            ("GET /assets/app.js 200 text/javascript", ""),
            ("HEAD /assets/app.js 200 text/javascript", ""),
            ("GET /assets/app.js 304", ""),
            ("GET /assets/gone.js 404 text/html", ""),
            ("GET /assets/gone.css 404 text/html", ""),
            ("GET /nothing/gone.js 404 text/html", ""),
            ("OPTIONS /assets/app.js 204", ""),
        ],
        expect![[r"
            GET /assets/new.js: 1 calls, Name
            GET /assets/{file}.js: 4 calls, File
            probed: 2
        "]],
    );
}

#[test]
fn who_calls_a_path_as_our_variable_makes_none() {
    check(
        &[
            ("GET /x/{file}.js 200 application/json", ""),
            ("GET /x/other.js 200 application/json", ""),
            ("GET /x/%7Bfile%7D.js 200 application/json", ""),
        ],
        expect![[r"
            GET /x/%7Bfile%7D: 1 calls, Name
            GET /x/%7Bfile%7D.js: 1 calls, Name
            GET /x/other.js: 1 calls, Name
        "]],
    );
}

#[test]
fn a_thousand_files_are_one_endpoint_and_leave_the_others_alone() {
    let lines: Vec<String> = (0..1_000).map(|n| format!("GET /assets/chunk-{n:x}.js 200 text/javascript")).collect();
    let mut calls: Vec<(&str, &str)> = lines.iter().map(|line| (line.as_str(), "")).collect();
    calls.push(("GET /assets/manifest.json 200 application/json", ""));
    check(
        &calls,
        expect![[r"
            GET /assets/manifest.json: 1 calls, Name
            GET /assets/{file}.js: 1000 calls, File
        "]],
    );
}
