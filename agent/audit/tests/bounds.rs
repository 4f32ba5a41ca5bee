//! What ten thousand endpoints take, and what a call of a known one costs.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test from outside: it measures time and memory"
)]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use apiscope_audit::exchange::{ApiId, ConsumerId, Exchange, Method, Protocol, Record, Stage};
use apiscope_audit::facts::Facts;
use apiscope_audit::secret::Masked;
use apiscope_audit::{Audit, Restored, Settings};
use apiscope_wire::{ExchangeId, FlowId, Hop, Origin, Role, Timestamp, Version};

/// Splitmix64: the same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A word without digits, so that no shape makes a variable of it.
    fn word(&mut self) -> String {
        let mut n = self.next();
        let letters = (0..12).map(|_| {
            let letter = u8::try_from(n % 26).unwrap_or_default();
            n /= 26;
            char::from(b'a' + letter)
        });
        letters.collect()
    }
}

fn exchange(origin: &Arc<Origin>, api: &str, method: &str, path: &str, status: u16) -> Box<Exchange> {
    let facts = Some(Facts { complete: true, ..Facts::default() });
    let began = Timestamp::from_nanos(1_000_000_000);
    Box::new(Exchange {
        id: ExchangeId { flow: FlowId::new(1), index: 0 },
        began,
        ended: began.plus(Duration::from_millis(3)),
        origin: Arc::clone(origin),
        version: Version::Http11,
        api: ApiId::new(api),
        method: Some(Method::new(method)),
        host: None,
        path: Masked::from_stored(path),
        query_keys: Vec::new(),
        status: Some(status),
        consumer: ConsumerId::Address(origin.client.ip()),
        request: facts.clone(),
        response: facts,
        protocol: Protocol::Http,
        operations: None,
        stage: Stage::default(),
        session: None,
    })
}

fn origin() -> Arc<Origin> {
    let server: SocketAddr = ([10, 0, 0, 2], 80).into();
    let client = ([10, 0, 0, 1], 40_000).into();
    let hop = Hop::Private;
    Arc::new(Origin { client, server, role: Role::Served, hop, interface: None, workload: None, encrypted: false })
}

/// One at a time: memory is the process's.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Resident memory in MiB (Linux: `statm` counts pages of 4 KiB on the machines that we know).
fn resident_mib() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4 / 1024
}

#[test]
fn ten_thousand_endpoints_take_less_than_forty_mebibytes() {
    let _alone = alone();
    let (origin, mut numbers) = (origin(), Numbers(9));
    let mut audit = Audit::new(Arc::new(Settings::default()), Restored::default());
    let before = resident_mib();
    for n in 0..10_000 {
        // So that siblings are few: nothing is merged.
        let (api, path) = (format!("api{}", n / 2_000), format!("/{}/v{}/{}", numbers.word(), n % 8, numbers.word()));
        let path = format!("/group{}{path}", n / 16);
        for milliseconds in [1, 30, 900] {
            let mut exchange = exchange(&origin, &api, "GET", &path, 200);
            exchange.ended = exchange.began.plus(Duration::from_millis(milliseconds));
            audit.handle(Record::Exchange(exchange), &mut |_| {});
        }
    }
    audit.tick(Timestamp::from_nanos(9_000_000_000), &mut |_| {});
    let grown = resident_mib().saturating_sub(before);
    let (inventory, _) = audit.counters();
    println!("10,000 endpoints: {grown} MiB, {inventory:?}");
    assert!(inventory.endpoints > 7_000, "{inventory:?}");
    assert!(grown <= 40, "{grown} MiB more");
}

#[test]
#[ignore = "measures: cargo test --release -p apiscope-audit --test bounds -- --ignored --nocapture"]
fn nanoseconds_per_call_of_a_known_endpoint() {
    const CALLS: u32 = 500;
    let _alone = alone();
    let origin = origin();
    let mut audit = Audit::new(Arc::new(Settings::default()), Restored::default());
    let mut rounds: Vec<_> = (0..400)
        .map(|_| {
            let paths = (0..CALLS).map(|n| format!("/api/v1/orders/{n}/items"));
            let records: Vec<_> =
                paths.map(|path| Record::Exchange(exchange(&origin, "orders", "GET", &path, 200))).collect();
            let mut calls = Vec::with_capacity(records.len());
            let start = Instant::now();
            for record in records {
                audit.handle(record, &mut |change| calls.push(change));
            }
            let took = start.elapsed();
            assert_eq!(calls.len(), CALLS as usize);
            took.as_nanos() / u128::from(CALLS)
        })
        .collect();
    rounds.sort_unstable();
    println!("ns per call: {} at best, {} in the middle", rounds[0], rounds[rounds.len() / 2]);
}
