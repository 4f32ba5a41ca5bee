//! One endpoint's live state: its row, and what the row is made of but does not hold.

use std::fmt;
use std::time::Duration;

use apiscope_wire::Timestamp;
use sketches_ddsketch::{Config, DDSketch};

use super::{DocumentState, EndpointRow};
use crate::exchange::Exchange;
use crate::facts::{AuthKind, Facts};

/// Relative error of the quantiles.
const LATENCY_ERROR: f64 = 0.04;
/// Bins of a sketch. Past them the shortest latencies collapse: with this error they span a factor of 28,000.
const LATENCY_BINS_MAX: u32 = 128;
/// Latencies below a microsecond are zero.
const LATENCY_MS_MIN: f64 = 0.001;

/// An endpoint.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) row: EndpointRow,
    /// Made with the first complete exchange: most endpoints of a document are never called.
    latency: Option<Box<Latency>>,
    /// The row's document state once it is called, if it is in a document.
    pub(super) called_state: DocumentState,
    /// Changed since its row was last given.
    pub(super) dirty: bool,
}

struct Latency(DDSketch);

impl fmt::Debug for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Latency({} samples)", self.0.count())
    }
}

impl Entry {
    pub(super) fn new(row: EndpointRow) -> Self {
        Self { row, latency: None, called_state: DocumentState::Documented, dirty: false }
    }

    /// Adds a call.
    pub(super) fn count(&mut self, exchange: &Exchange) {
        let row = &mut self.row;
        row.first = earliest(row.first, Some(exchange.began));
        row.calls += 1;
        if let Some(class) = row.by_class.get_mut(status_class(exchange.status)) {
            *class += 1;
        }
        count_auth(row, exchange.request.as_ref());
        self.finish(exchange);
    }

    /// Adds what only the end of a call tells: sizes and latency.
    pub(super) fn finish(&mut self, exchange: &Exchange) {
        let row = &mut self.row;
        row.last = row.last.max(Some(exchange.ended));
        row.protocol = row.protocol.max(exchange.protocol);
        row.request_bytes_max = row.request_bytes_max.max(body_bytes(exchange.request.as_ref()));
        let response_bytes = body_bytes(exchange.response.as_ref());
        row.response_bytes_max = row.response_bytes_max.max(response_bytes);
        row.response_bytes_sum = row.response_bytes_sum.saturating_add(response_bytes);
        let complete = |facts: &Option<Facts>| facts.as_ref().is_some_and(|facts| facts.complete);
        if complete(&exchange.request) && complete(&exchange.response) {
            self.add_latency(exchange.ended.since(exchange.began));
        }
    }

    fn add_latency(&mut self, latency: Duration) {
        let sketch = self.latency.get_or_insert_with(|| {
            Box::new(Latency(DDSketch::new(Config::new(LATENCY_ERROR, LATENCY_BINS_MAX, LATENCY_MS_MIN))))
        });
        sketch.0.add(latency.as_secs_f64() * 1_000.0);
    }

    /// Takes in all that another endpoint counted.
    pub(super) fn join(&mut self, other: Self) {
        let (row, gone) = (&mut self.row, other.row);
        row.first = earliest(row.first, gone.first);
        row.last = row.last.max(gone.last);
        row.protocol = row.protocol.max(gone.protocol);
        row.calls = row.calls.saturating_add(gone.calls);
        for (ours, theirs) in row.by_class.iter_mut().zip(gone.by_class) {
            *ours = ours.saturating_add(theirs);
        }
        for (auth, calls) in gone.by_auth {
            let ours = row.by_auth.entry(auth).or_default();
            *ours = ours.saturating_add(calls);
        }
        row.request_bytes_max = row.request_bytes_max.max(gone.request_bytes_max);
        row.response_bytes_max = row.response_bytes_max.max(gone.response_bytes_max);
        row.response_bytes_sum = row.response_bytes_sum.saturating_add(gone.response_bytes_sum);
        row.latency_ms = row.latency_ms.or(gone.latency_ms);
        if row.owner.is_none() {
            row.owner = gone.owner;
        }
        match (&mut self.latency, other.latency) {
            // Sketches of one configuration always merge.
            (Some(ours), Some(theirs)) => ours.0.merge(&theirs.0).unwrap_or_default(),
            (ours @ None, theirs) => *ours = theirs,
            (Some(_), None) => {}
        }
    }

    /// The row with its quantiles as they are now.
    pub(super) fn current(&mut self) -> &EndpointRow {
        if let Some(sketch) = &self.latency {
            let quantile = |q| sketch.0.quantile(q).ok().flatten();
            if let (Some(p50), Some(p90), Some(p99)) = (quantile(0.5), quantile(0.9), quantile(0.99)) {
                self.row.latency_ms = Some([p50, p90, p99]);
            }
        }
        &self.row
    }
}

fn earliest(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (known, None) | (None, known) => known,
    }
}

fn body_bytes(facts: Option<&Facts>) -> u64 {
    facts.map_or(0, |facts| facts.body.total.unwrap_or(facts.body.scanned))
}

/// Index into [`EndpointRow::by_class`]. Clients treat what is past 5xx as a server error (RFC 9110 §15).
fn status_class(status: Option<u16>) -> usize {
    status.map_or(5, |status| usize::from(status / 100).clamp(1, 5) - 1)
}

fn count_auth(row: &mut EndpointRow, request: Option<&Facts>) {
    // A request that was not seen is not a call without authentication.
    let Some(facts) = request else { return };
    let mut add = |auth: Option<AuthKind>| *row.by_auth.entry(auth).or_default() += 1;
    if facts.auth.is_empty() {
        add(None);
    }
    for auth in &facts.auth {
        add(Some(*auth));
    }
}
