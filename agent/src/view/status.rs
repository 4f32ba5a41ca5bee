//! The first screen: coverage, and what does not work now.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ApiView, CoverageView, DecisionView, LearningView, SilenceView};

/// The whole first screen.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StatusView {
    /// The schema's version.
    pub schema: u32,
    /// The process.
    pub agent: AgentView,
    /// The account of all bytes since the start.
    pub coverage: CoverageView,
    /// By API, busiest first.
    pub apis: Vec<ApiView>,
    /// What does not work now, in plain words. Empty when all is well.
    pub problems: Vec<Problem>,
    /// The capture.
    pub capture: CaptureView,
    /// What the core counts about itself.
    pub core: CoreView,
    /// What has been found.
    pub counts: CountsView,
    /// What people said about findings.
    #[serde(default)]
    pub sayings: SayingsView,
    /// Where alerts go.
    pub receivers: Vec<ReceiverView>,
    /// Readers of `watch` now.
    pub watchers: u64,
}

/// What people said about findings, as far as it changes what is told.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SayingsView {
    /// APIs in their first days.
    pub learning: Vec<LearningView>,
    /// Decisions about findings, and the configuration's acceptances.
    pub decisions: DecisionCounts,
    /// Silences in force.
    pub silences: Vec<SilenceView>,
}

/// Decisions by their state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionCounts {
    /// All.
    pub all: u64,
    /// End within 14 days.
    pub ending: u64,
    /// Match no finding that is known.
    pub matching_nothing: u64,
    /// The finding got worse, or shows something new.
    pub not_covering: u64,
    /// Ended, and still in the configuration.
    pub expired: u64,
}

impl DecisionCounts {
    /// Counts them.
    pub fn of(decisions: &[DecisionView]) -> Self {
        let in_state = |state: &str| decisions.iter().filter(|decision| decision.state == state).count() as u64;
        Self {
            all: decisions.len() as u64,
            ending: in_state("ending"),
            matching_nothing: in_state("matches nothing"),
            not_covering: in_state("does not cover"),
            expired: in_state("expired"),
        }
    }
}

/// The process.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AgentView {
    /// Its version.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// When it started.
    pub started: String,
    /// The environment's name.
    pub environment: String,
    /// The configuration files in force; empty for the defaults.
    pub config_files: Vec<String>,
    /// Address of /metrics.
    pub metrics: Option<String>,
    /// The store's directory.
    pub store: String,
}

/// Something that does not work now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Which part: store, metrics, capture, config, document NAME, receiver NAME.
    pub part: String,
    /// What does not work, and why.
    pub what: String,
    /// What to do.
    pub todo: String,
    /// Since when.
    pub since: String,
}

/// The capture.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CaptureView {
    /// Programs attached.
    pub attached: Vec<String>,
    /// The cgroup watched.
    pub cgroup: String,
    /// Flows known now.
    pub flows: u64,
    /// Records read from the ring.
    pub records: u64,
    /// Payload bytes in them.
    pub copied_bytes: u64,
    /// What a program missed, by program and reason.
    pub missed: BTreeMap<String, u64>,
    /// Size of the ring between kernel and agent.
    pub ring_bytes: u64,
    /// The most bytes that were found in it.
    pub ring_bytes_peak: u64,
    /// Connections that were open before the agent.
    pub connections_found: u64,
    /// Network namespaces that could not be looked into.
    pub namespaces_failed: u64,
}

/// What the core counts about itself. All since the start, but for those that say otherwise.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CoreView {
    /// Flows followed now.
    pub flows: u64,
    /// Bytes buffered now.
    pub buffered_bytes: u64,
    /// Flows given up because there were too many.
    pub flows_evicted: u64,
    /// Gaps in streams that were given up.
    pub gaps: u64,
    /// Messages that did not end as their framing says.
    pub messages_incomplete: u64,
    /// Exchanges of which one half was not seen.
    pub halves: u64,
    /// Calls of paths that are no endpoint: only ever answered 404, 405, 400 and the like.
    pub probed: u64,
    /// Times that such a path, or who asked for it, made room for another in `apiscope probed`.
    #[serde(default)]
    pub probed_displaced: u64,
    /// OPTIONS that are no call of an endpoint: they ask about one.
    #[serde(default)]
    pub preflights: u64,
    /// Operations (of GraphQL, JSON-RPC, SOAP) that were not called for a week and made room for new ones.
    #[serde(default)]
    pub operations_retired: u64,
    /// Calls and sightings for which there was no room in inventory or ledger.
    pub overflowed: u64,
    /// Messages that the schemas of `export` were due to be learnt from and were not: for their cost, or because there was no room.
    #[serde(default)]
    pub not_learnt: u64,
    /// Endpoints whose learnt schemas were forgotten to make room for others.
    #[serde(default)]
    pub schemas_forgotten: u64,
}

/// What has been found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CountsView {
    /// Exchanges since the start.
    pub exchanges: u64,
    /// Sessions (a WebSocket, a tunnel) that have ended, since the start.
    pub sessions: u64,
    /// Exchanges and sessions that go on, and have for longer than a second.
    pub running: u64,
    /// News of exchanges that go on for which there was no room in this view: they show when they end.
    pub running_over_bound: u64,
    /// TLS flows that nobody can read, since the start.
    pub tls_unobserved_flows: u64,
    /// Framing that servers read differently, since the start.
    pub ambiguous_framing: u64,
    /// APIs.
    pub apis: u64,
    /// Endpoints that were called.
    pub endpoints: u64,
    /// Paths that are no endpoint and are listed (`apiscope probed`).
    #[serde(default)]
    pub probed_paths: u64,
    /// Clients that ask for them and are listed.
    #[serde(default)]
    pub probers: u64,
    /// Open findings, by severity.
    pub findings: BTreeMap<String, u64>,
    /// Rows that did not fit into this view's memory: a sign of an attack, or of a bound that is too small.
    pub rows_over_bound: u64,
    /// Lines that `watch` readers missed, because they did not keep up.
    pub watch_dropped: u64,
}

/// Where alerts go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiverView {
    /// Its name.
    pub name: String,
    /// Alerts that wait for it.
    pub waiting: u64,
    /// Alerts it has accepted since the start.
    pub sent: u64,
    /// What its last answer was, when it was not good.
    pub failing: Option<String>,
}
