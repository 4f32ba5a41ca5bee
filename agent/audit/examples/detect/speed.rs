//! How long a message's facts take: whole messages through `Gather`, as live and replay do it.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use apiscope_wire::Header;

use crate::messages::Messages;

/// Rounds of each measurement.
const ROUNDS: usize = 400;

/// Prints nanoseconds an exchange and MB/s of its body; `only` those whose name holds the text.
pub(crate) fn run(only: Option<&str>) {
    tables();
    let small = format!("{{\"id\":1,\"name\":\"item\",\"text\":\"{}\"}}", "x".repeat(990));
    for (name, body) in [
        ("no body", String::new()),
        ("1 KiB, one long string", small),
        ("1 KiB of records", records(1024)),
        ("16 KiB of clean JSON", records(16 * 1024)),
        ("64 KiB of clean JSON", records(64 * 1024)),
        ("hostile: @", format!("[\"{}\"]", "@".repeat(16_000))),
        ("hostile: backslashes", format!("[\"{}\"]", "\\".repeat(16_000))),
        ("hostile: quotes", "\"".repeat(16_000)),
        ("hostile: brackets", "[]".repeat(8_000)),
        ("hostile: names", format!("{{{}}}", vec!["\"password\":\"\""; 1_200].join(","))),
        ("hostile: prefixes", format!("[\"{}\"]", "-glagent-ghp_".repeat(1_250))),
        ("hostile: tokens", format!("[\"{}\"]", "-eyJhbGciOiJ".repeat(1_300))),
        ("hostile: mails", format!("[\"{}\"]", "a@b.cc ".repeat(2_300))),
        ("hostile: digits", format!("[\"{}\"]", "4111 ".repeat(3_200))),
    ] {
        if only.is_some_and(|only| !name.contains(only)) {
            continue;
        }
        let took = best(body.as_bytes());
        let length = body.len().max(1) as f64;
        println!("{name:<26} {:>9.0} ns {:>8.2} ns/B {:>8.0} MB/s", took, took / length, length * 1e3 / took);
    }
}

/// What names, formats and their indexes cost: they are made with the first `Gather`.
fn tables() {
    let (before, start) = (resident_kib(), Instant::now());
    let first = Messages::default();
    let took = start.elapsed().as_secs_f64() * 1e3;
    println!("tables of names and formats {took:>9.2} ms {:>8} KiB", resident_kib().saturating_sub(before));
    drop(first);
}

/// Resident memory (`proc_pid_statm(5)`, pages of 4 KiB); 0 where the kernel does not tell.
fn resident_kib() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4
}

/// The best of many short rounds: other work on the machine only ever adds.
fn best(body: &[u8]) -> f64 {
    let repeat = (100_000 / (body.len() + 500)).max(3);
    (0..ROUNDS).map(|_| once(body, repeat)).fold(f64::INFINITY, f64::min)
}

/// Nanoseconds of an exchange.
fn once(body: &[u8], repeat: usize) -> f64 {
    let mut messages = Messages::default();
    let request = [
        ("Host", "api.example.com"),
        ("User-Agent", "bench/1.0"),
        ("Accept", "application/json"),
        ("X-Request-Id", "550e8400-e29b-41d4-a716-446655440000"),
    ];
    let response = [
        ("Server", "nginx"),
        ("Date", "Tue, 24 Nov 2026 20:00:00 GMT"),
        ("Content-Type", "application/json"),
        ("Content-Length", "1024"),
        ("Connection", "keep-alive"),
    ];
    let fields = |list: &[(&'static str, &'static str)]| -> Vec<Header<'static>> {
        list.iter().map(|(name, value)| Header { name, value: value.as_bytes() }).collect()
    };
    let (request, response) = (fields(&request), fields(&response));
    let start = Instant::now();
    for _ in 0..repeat {
        messages.exchange(b"/items/42?page=2", &request, b"", &response, body, &mut |record| {
            black_box(record);
        });
    }
    start.elapsed().as_nanos() as f64 / repeat as f64
}

/// What an API gives that holds nothing to find.
pub(crate) fn records(length: usize) -> String {
    let mut body = String::from("[");
    for n in 0.. {
        let _ = write!(
            body,
            "{{\"id\":{n},\"sku\":\"A-{}\",\"title\":\"Blue cotton shirt\",\"price\":{}.{},\"in_stock\":{},\"created_at\":\"2026-11-{:02}T10:{:02}:00Z\",\"tags\":[\"blue\",\"summer\"],\"rating\":4.{}}}",
            n * 7919 % 100_000,
            n % 90 + 10,
            n % 10,
            n % 3 == 0,
            n % 28 + 1,
            n % 60,
            n % 10
        );
        if body.len() >= length {
            break;
        }
        body.push(',');
    }
    body.push(']');
    body
}
