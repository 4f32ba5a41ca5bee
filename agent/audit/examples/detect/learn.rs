//! What it costs to learn schemas: the same exchanges through `Gather` and `Audit`, with and without it, in turns.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use apiscope_audit::{Audit, Restored, Settings};
use apiscope_wire::Header;

use crate::messages::Messages;
use crate::speed::records;

/// Pairs of rounds.
const ROUNDS: usize = 300;
/// Exchanges of a round: fewer than are all sampled of a young endpoint.
const YOUNG: usize = 60;
/// Exchanges before an endpoint counts as known.
const WARM: usize = 2_000;
/// Exchanges of a round of a known endpoint: of 16 messages one is sampled.
const KNOWN: usize = 160;

/// Prints nanoseconds an exchange, medians; the difference is the median of that of the pairs.
pub(crate) fn run() {
    println!("{:<22} {:<6} {:>12} {:>12} {:>12}", "body", "", "without ns", "with ns", "difference");
    for (name, body) in
        [("no body", String::new()), ("1 KiB of records", records(1024)), ("16 KiB of records", records(16 * 1024))]
    {
        let young = |_| (Shard::new(true).timed(&body, YOUNG), Shard::new(false).timed(&body, YOUNG));
        print(name, "young", (0..ROUNDS).map(young).collect());
        let (mut with, mut without) = (Shard::new(false), Shard::new(true));
        with.exchanges(&body, WARM);
        without.exchanges(&body, WARM);
        let known = |_| (without.timed(&body, KNOWN), with.timed(&body, KNOWN));
        print(name, "known", (0..ROUNDS).map(known).collect());
    }
}

fn print(name: &str, state: &str, pairs: Vec<(f64, f64)>) {
    let middle = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let without = middle(pairs.iter().map(|(without, _)| *without).collect());
    let with = middle(pairs.iter().map(|(_, with)| *with).collect());
    let difference = middle(pairs.into_iter().map(|(without, with)| with - without).collect());
    println!("{name:<22} {state:<6} {without:>12.0} {with:>12.0} {difference:>12.0}");
}

struct Shard {
    messages: Messages,
    audit: Audit,
}

impl Shard {
    fn new(without_schemas: bool) -> Self {
        let settings = Arc::new(Settings { without_schemas, ..Settings::default() });
        Self { messages: Messages::new(Arc::clone(&settings)), audit: Audit::new(settings, Restored::default()) }
    }

    fn exchanges(&mut self, body: &str, count: usize) {
        let request = [Header { name: "Host", value: b"api.example.com" }];
        let response = [Header { name: "Content-Type", value: b"application/json" }];
        let Self { messages, audit } = self;
        for _ in 0..count {
            messages.exchange(b"/items/42?page=2", &request, b"", &response, body.as_bytes(), &mut |record| {
                audit.handle(record, &mut |change| drop(black_box(change)));
            });
        }
    }

    /// Nanoseconds an exchange.
    fn timed(&mut self, body: &str, count: usize) -> f64 {
        let start = Instant::now();
        self.exchanges(body, count);
        start.elapsed().as_nanos() as f64 / count as f64
    }
}
