//! What Prometheus reads. Own counters inside, filled from [`Change`]s and from snapshots of the other parts; the `prometheus` crate only
//! encodes, at a scrape.
//!
//! The entry is [`Metrics`]. It never has more than [`SERIES_MAX`] series, never lets one vanish, and never shows a value from traffic
//! that was not cleaned. The list is [`TABLE`].

mod encode;
mod gather;
mod histogram;
mod labels;
mod logs;
mod process;
mod running;
mod snapshot;
mod state;
mod table;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use apiscope_audit::{Change, Restored};

use crate::store::StoreStatus;
use encode::Families;
use state::State;

pub use histogram::{DELIVERY_SECONDS, Histogram};
pub use logs::LogCounter;
pub use snapshot::{
    ApiSnapshot, CaptureSnapshot, ConfigSnapshot, InventorySnapshot, ProgramSnapshot, ReceiverSnapshot, RingSnapshot,
    SchemaSnapshot, SpecSnapshot, WireSnapshot,
};
pub use table::{Metric, MetricKind, TABLE};

/// Most series in one answer.
pub const SERIES_MAX: usize = 5_000;

/// The answer's `Content-Type`.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The list of metrics, for the reference page.
pub fn table() -> &'static [&'static Metric] {
    TABLE
}

/// All metrics of the agent.
#[derive(Debug)]
pub struct Metrics(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    state: State,
    revision: &'static str,
    capture: Option<CaptureSnapshot>,
    wire: Option<WireSnapshot>,
    schemas: Option<SchemaSnapshot>,
    inventory: Option<InventorySnapshot>,
    store: Option<StoreStatus>,
    config: Option<ConfigSnapshot>,
    specs: Vec<SpecSnapshot>,
    apis: Vec<ApiSnapshot>,
    receivers: Vec<ReceiverSnapshot>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Everything at 0.
    pub fn new() -> Self {
        Self(Mutex::new(Inner {
            state: State::new(),
            revision: option_env!("APISCOPE_REVISION").unwrap_or("unknown"),
            capture: None,
            wire: None,
            schemas: None,
            inventory: None,
            store: None,
            config: None,
            specs: Vec::new(),
            apis: Vec::new(),
            receivers: Vec::new(),
        }))
    }

    /// What the store held: open findings and endpoints that are not new. Before the first change.
    pub fn restore(&self, restored: &Restored) {
        self.lock().state.restore(restored);
    }

    /// Counts a change.
    pub fn observe(&self, change: &Change) {
        self.lock().state.observe(change);
    }

    /// How capture is doing.
    pub fn set_capture(&self, capture: CaptureSnapshot) {
        self.lock().capture = Some(capture);
    }

    /// What the inventory counts about itself.
    pub fn set_inventory(&self, inventory: InventorySnapshot) {
        self.lock().inventory = Some(inventory);
    }

    /// How the reader of flows is doing (all shards added up).
    pub fn set_wire(&self, wire: WireSnapshot) {
        self.lock().wire = Some(wire);
    }

    /// How learning from bodies is doing.
    pub fn set_schemas(&self, schemas: SchemaSnapshot) {
        self.lock().schemas = Some(schemas);
    }

    /// How the store is doing.
    pub fn set_store(&self, store: StoreStatus) {
        self.lock().store = Some(store);
    }

    /// How the last reading of the configuration went.
    pub fn set_config(&self, config: ConfigSnapshot) {
        self.lock().config = Some(config);
    }

    /// The OpenAPI documents.
    pub fn set_specs(&self, mut specs: Vec<SpecSnapshot>) {
        specs.sort_by(|a, b| a.spec.cmp(&b.spec));
        specs.dedup_by(|a, b| labels::clean(&a.spec) == labels::clean(&b.spec));
        self.lock().specs = specs;
    }

    /// What is known of APIs from configuration and documents.
    pub fn set_apis(&self, mut apis: Vec<ApiSnapshot>) {
        apis.sort_by(|a, b| a.api.cmp(&b.api));
        apis.dedup_by(|a, b| labels::clean(&a.api) == labels::clean(&b.api));
        self.lock().apis = apis;
    }

    /// How deliveries are doing.
    pub fn set_receivers(&self, receivers: Vec<ReceiverSnapshot>) {
        self.lock().receivers = receivers;
    }

    /// The answer to a scrape, as [`CONTENT_TYPE`].
    pub fn render(&self) -> String {
        let began = Instant::now();
        let mut families = Families::default();
        gather::gather(&self.lock(), &mut families);
        // Itself and the next one are series too.
        let series = families.series() + 2;
        families.add(&table::SCRAPE_SERIES, &[], state::real(series as u64));
        families.add(&table::SCRAPE_DURATION, &[], began.elapsed().as_secs_f64());
        families.encode()
    }

    /// A panic elsewhere leaves the counts as they are: each is one step.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
