//! What people and programs are shown: one place of serialisable structs, fed to tables, JSON, the control socket and replay.
//!
//! The core's types do not serialise; these do, and they are what is promised to stay: [`SCHEMA`] changes when a field
//! changes its meaning or goes. Nothing here holds a secret: all text comes from `Masked` values, names and numbers.
//! Entry: [`Board`], the newest state of everything, and the views made from it.

mod board;
mod coverage;
mod exchange;
mod finding;
mod inventory;
mod probed;
mod profile;
mod reason;
mod retired;
mod sayings;
mod session;
mod status;
mod tls;

pub use board::Board;
pub use coverage::{CoverageView, LostView, SkippedView, UnparsedView};
pub use exchange::{ExchangeView, WatchLine};
pub use finding::{ContainmentView, EvidenceView, FindingView, LevelView};
pub use inventory::{ApiView, EndpointView, auth_name, document_name, protocol_name, template_name};
pub use probed::{ProbedView, ProberView};
pub use profile::{ConsumerView, DataView, ProfileView, SpreadView};
pub use reason::ReasonView;
pub use retired::{AnnouncedView, IdleView};
pub use sayings::{DecisionView, EventView, LearningView, QuietView, SilenceView};
pub use session::{GrpcView, RunningView, SentView, SessionView};
pub use status::{
    AgentView, CaptureView, CoreView, CountsView, DecisionCounts, Problem, ReceiverView, SayingsView, StatusView,
};
pub use tls::{CertificateView, TlsView};

use apiscope_wire::Timestamp;
use serde::{Deserialize, Serialize};

/// The version of every struct here.
pub const SCHEMA: u32 = 1;

/// A list with the schema's version: what `-o json` and the control socket give.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct List<T> {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The rows.
    pub items: Vec<T>,
}

impl<T> List<T> {
    /// In this schema.
    pub const fn new(items: Vec<T>) -> Self {
        Self { schema: SCHEMA, items }
    }
}

/// What replay found, in one object.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReplayView {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The account of all bytes.
    pub coverage: CoverageView,
    /// APIs, by name.
    pub apis: Vec<ApiView>,
    /// Endpoints, by API, route and method.
    pub endpoints: Vec<EndpointView>,
    /// Paths that are no endpoint, the most frequent of each API first.
    pub probed: Vec<ProbedView>,
    /// Clients that asked for them, likewise.
    pub probers: Vec<ProberView>,
    /// TLS, by API, port and server name.
    pub tls: Vec<TlsView>,
    /// Findings, worst first.
    pub findings: Vec<FindingView>,
    /// What could not be read, and other things to know about the files.
    pub notes: Vec<String>,
}

/// RFC 3339 in UTC with nanoseconds.
pub fn rfc3339(at: Timestamp) -> String {
    let nanos = i128::from(at.as_nanos());
    jiff::Timestamp::from_nanosecond(nanos)
        .map_or_else(|_| "unknown".to_owned(), |at| at.strftime("%Y-%m-%dT%H:%M:%S%.9fZ").to_string())
}

/// Text that may stand in a terminal: control characters and marks that turn the writing direction are replaced.
pub fn terminal_safe(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if c.is_control() || turns(c) { '\u{fffd}' } else { c }).collect()
}
