//! What the inventory costs for each call: time on endpoints that are known, and bytes an endpoint. `cargo xtask bench inventory` runs it.

#![expect(clippy::disallowed_types, reason = "a measurement from outside: it has a clock")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use apiscope_audit::detect::{SettingValue, kinds};
use apiscope_audit::exchange::{ApiId, ConsumerId, Exchange, Method, Protocol, Record, Stage};
use apiscope_audit::facts::{BodySize, Facts};
use apiscope_audit::secret::{Fingerprint, Masked};
use apiscope_audit::{Audit, Restored, Settings};
use apiscope_wire::{ExchangeId, FlowId, Hop, Origin, Role, Timestamp, Version};

/// Calls that are made, then handled while they are in the processor's cache, as in the agent, which handles each right after it made it.
const BATCH: u64 = 32;
/// Batches of a round.
const BATCHES: u64 = 64;
const ROUNDS: usize = 300;

/// Splitmix64: the same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    /// Around `middle`, mostly within a factor of ten.
    fn around(&mut self, middle: u64) -> u64 {
        let spread = (0..4).map(|_| self.below(700)).sum::<u64>();
        middle * (spread + 100).pow(2) / 2_250_000
    }
}

struct Traffic {
    numbers: Numbers,
    origin: Arc<Origin>,
    endpoints: u64,
    consumers: u64,
    spread: bool,
    calls: u64,
}

impl Traffic {
    fn next(&mut self) -> Record {
        let endpoint = self.numbers.below(self.endpoints);
        let item = self.numbers.below(100_000);
        let path = format!("/api/v1/group{}/things{}/{item}/items", endpoint / 16, endpoint % 16);
        let status = [200, 200, 200, 201, 304, 400][usize::try_from(endpoint % 6).unwrap_or_default()];
        self.call(ApiId::new("orders"), &path, status)
    }

    fn call(&mut self, api: ApiId, path: &str, status: u16) -> Record {
        let numbers = &mut self.numbers;
        let (consumer, size, micros) = if self.spread {
            (numbers.below(self.consumers), numbers.around(4_000), numbers.around(12_000))
        } else {
            (1, 1_024, 3_000)
        };
        self.calls += 1;
        let began = Timestamp::from_nanos(1_790_000_000_000_000_000 + self.calls * 1_000_000);
        let facts = |bytes| {
            Some(Facts { complete: true, body: BodySize { total: Some(bytes), scanned: bytes }, ..Facts::default() })
        };
        Record::Exchange(Box::new(Exchange {
            id: ExchangeId { flow: FlowId::new(1), index: 0 },
            began,
            ended: began.plus(Duration::from_micros(micros)),
            origin: Arc::clone(&self.origin),
            version: Version::Http11,
            api,
            method: Some(Method::new("GET")),
            host: None,
            path: Masked::from_stored(path),
            query_keys: Vec::new(),
            status: Some(status),
            consumer: ConsumerId::Credential(Fingerprint::from_stored(consumer.wrapping_mul(0x9e37_79b9_7f4a_7c15))),
            request: facts(0),
            response: facts(size).map(|facts| Facts { records: Some(size / 100), ..facts }),
            protocol: Protocol::Http,
            operations: None,
            stage: Stage::default(),
            session: None,
        }))
    }
}

fn origin() -> Arc<Origin> {
    let server: SocketAddr = ([10, 0, 0, 2], 80).into();
    let client = ([10, 0, 0, 1], 40_000).into();
    Arc::new(Origin {
        client,
        server,
        role: Role::Served,
        hop: Hop::Private,
        interface: None,
        workload: None,
        encrypted: false,
    })
}

/// Without detectors: what is measured is the inventory, and how a call passes through `Audit`.
fn settings() -> Arc<Settings> {
    let mut settings = Settings { environment: "test".into(), ..Settings::default() };
    for kind in kinds() {
        if let Err(error) = settings.detect.set(kind.name, "enabled", SettingValue::Bool(false)) {
            eprintln!("{}: {error}", kind.name);
        }
    }
    Arc::new(settings)
}

/// Nanoseconds a call: the best round and the one in the middle.
fn measure(endpoints: u64, consumers: u64, spread: bool) -> (u128, u128) {
    let mut audit = Audit::new(settings(), Restored::default());
    let mut traffic = Traffic { numbers: Numbers(7), origin: origin(), endpoints, consumers, spread, calls: 0 };
    for _ in 0..endpoints * 40 {
        audit.handle(traffic.next(), &mut |_| {});
    }
    let mut changes = Vec::with_capacity(64);
    let mut batch = || {
        let records: Vec<_> = (0..BATCH).map(|_| traffic.next()).collect();
        changes.clear();
        let start = Instant::now();
        for record in records {
            audit.handle(record, &mut |change| changes.push(change));
        }
        start.elapsed().as_nanos()
    };
    let mut rounds: Vec<_> =
        (0..ROUNDS).map(|_| (0..BATCHES).map(|_| batch()).sum::<u128>() / u128::from(BATCH * BATCHES)).collect();
    rounds.sort_unstable();
    (rounds[0], rounds[rounds.len() / 2])
}

/// Nanoseconds a call while 1,000 endpoints of each of 10 APIs are made, each called four times: the best of several.
fn fresh() -> (u128, u128) {
    const ENDPOINTS: u64 = 10_000;
    let letters =
        |n: u64| String::from_iter([n / 26, n].map(|n| char::from(b'a' + u8::try_from(n % 26).unwrap_or_default())));
    let mut rounds: Vec<_> = (0..9)
        .map(|_| {
            let mut audit = Audit::new(settings(), Restored::default());
            let mut traffic =
                Traffic { numbers: Numbers(7), origin: origin(), endpoints: 1, consumers: 1, spread: false, calls: 0 };
            let records: Vec<_> = (0..4 * ENDPOINTS)
                .map(|n| {
                    let (api, n) = (ApiId::new(&format!("api{}", n % 10)), n % ENDPOINTS);
                    let (folder, name) = (letters(n / 160), letters(n / 10 + 350));
                    traffic.call(api, &format!("/v1/{folder}/{name}/{}/lines/{}", 4_711 + n, 1_000_000 + n), 200)
                })
                .collect();
            let mut told = Vec::with_capacity(records.len());
            let start = Instant::now();
            for record in records {
                audit.handle(record, &mut |change| told.push(change));
            }
            start.elapsed().as_nanos() / u128::from(4 * ENDPOINTS)
        })
        .collect();
    rounds.sort_unstable();
    (rounds[0], rounds[rounds.len() / 2])
}

fn main() {
    // For a profiler: `observe 0` measures the first row alone.
    let only: Option<usize> = std::env::args().nth(1).and_then(|row| row.parse().ok());
    println!("{:<52} {:>8} {:>8}", "observe, ns a call", "best", "middle");
    let rows = [
        ("one endpoint, all calls alike", 1, 1, false),
        ("one endpoint, 10 consumers, times and sizes spread", 1, 10, true),
        ("200 endpoints, 10 consumers, spread", 200, 10, true),
        ("1,900 endpoints, 10,000 consumers, spread", 1_900, 10_000, true),
    ];
    for (row, (name, endpoints, consumers, spread)) in rows.into_iter().enumerate() {
        if only.is_some_and(|only| only != row) {
            continue;
        }
        let (best, middle) = measure(endpoints, consumers, spread);
        println!("{name:<52} {best:>8} {middle:>8}");
    }
    if only.is_none_or(|only| only == rows.len()) {
        let (best, middle) = fresh();
        println!("{:<52} {best:>8} {middle:>8}", "10,000 endpoints of 10 APIs freshly made");
    }
}
