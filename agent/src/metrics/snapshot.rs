//! What other parts of the agent tell the metrics: plain values, replaced as a whole. Counters count since the agent's start.

use apiscope_wire::Timestamp;

/// Capture: its programs and rings.
#[derive(Clone, Debug, Default)]
pub struct CaptureSnapshot {
    /// Every program that should be attached.
    pub programs: Vec<ProgramSnapshot>,
    /// Every ring.
    pub rings: Vec<RingSnapshot>,
}

/// One BPF program.
#[derive(Clone, Debug, Default)]
pub struct ProgramSnapshot {
    /// Its name.
    pub program: String,
    /// Whether it is attached.
    pub attached: bool,
    /// Records handed over.
    pub records: u64,
    /// Records dropped, by reason.
    pub dropped: Vec<(String, u64)>,
}

/// One ring.
#[derive(Clone, Debug, Default)]
pub struct RingSnapshot {
    /// Its number or name.
    pub ring: String,
    /// Bytes it holds.
    pub size_bytes: u64,
    /// Bytes in it.
    pub used_bytes: u64,
}

/// The reader of flows.
#[derive(Clone, Debug, Default)]
pub struct WireSnapshot {
    /// Flows followed now.
    pub flows_open: u64,
    /// Flows seen: served, called, unknown.
    pub flows_by_role: [u64; 3],
    /// Flows given up, by reason.
    pub evictions: Vec<(String, u64)>,
    /// Gaps.
    pub gaps: u64,
    /// Conflicting copies.
    pub conflicts: u64,
    /// WebSocket frames that break the rules.
    pub websocket_errors: u64,
}

/// What is learnt of bodies.
#[derive(Clone, Copy, Debug, Default)]
pub struct SchemaSnapshot {
    /// Messages taken, passed over by rule, spared for their cost, and not whole.
    pub messages: [u64; 4],
    /// Bytes that the schemas take.
    pub size_bytes: u64,
    /// Endpoints forgotten to make room.
    pub endpoints_dropped: u64,
    /// Parts of endpoints past those that are kept.
    pub parts_dropped: u64,
}

/// The inventory.
#[derive(Clone, Copy, Debug, Default)]
pub struct InventorySnapshot {
    /// Calls of paths that are no endpoint.
    pub probed: u64,
    /// Times that such a path, or who asked for it, made room for another.
    pub probed_displaced: u64,
}

/// The configuration's last reading.
#[derive(Clone, Copy, Debug)]
pub struct ConfigSnapshot {
    /// The last reading succeeded.
    pub successful: bool,
    /// When one last did.
    pub success_at: Timestamp,
}

/// An OpenAPI document.
#[derive(Clone, Debug, Default)]
pub struct SpecSnapshot {
    /// Its file's name.
    pub spec: String,
    /// Failed readings.
    pub failures: u64,
    /// Last good reading.
    pub loaded_at: Option<Timestamp>,
}

/// What is known of an API besides its traffic.
#[derive(Clone, Debug, Default)]
pub struct ApiSnapshot {
    /// Name.
    pub api: String,
    /// Team; empty unknown.
    pub team: String,
    /// `http`, `https`, or both; empty unknown.
    pub scheme: String,
    /// Document's title or file; empty none.
    pub spec: String,
}

/// A receiver's deliveries.
#[derive(Clone, Debug)]
pub struct ReceiverSnapshot {
    /// Its name in the configuration.
    pub receiver: String,
    /// Alerts accepted.
    pub sent: u64,
    /// Attempts failed, by reason.
    pub failures: Vec<(&'static str, u64)>,
    /// Alerts given up, by reason.
    pub dropped: Vec<(&'static str, u64)>,
    /// Alerts that said unknown.
    pub incomplete: u64,
    /// Alerts that wait.
    pub waiting: u64,
    /// When the oldest of them came.
    pub oldest: Option<Timestamp>,
    /// From a finding's change to acceptance, seconds.
    pub delivery: super::Histogram,
}
