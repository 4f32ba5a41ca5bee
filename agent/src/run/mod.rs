//! The daemon: capture and core on one thread, sinks on another, listeners and receivers on an event loop, signals on the
//! main one. It starts whole or says why not; what fails later is told in `status`, metrics and log, and the rest goes on.
//!
//! Threads: `capture` (drain, pipeline, sleep) → bounded channel of changes → `sinks` (board, store, metrics, watch).
//! When the sinks are slow, `capture` waits, the ring fills, and what is lost is counted by the kernel: nothing is lost in
//! silence, and memory stays bounded. Entry: [`run`].

mod agent;
mod capture;
mod daemon;
mod documents;
mod health;
mod logging;
mod say;
mod sinks;
mod start;

pub use agent::Agent;
pub use daemon::run;
pub use health::Health;

use std::time::SystemTime;

use apiscope_wire::Timestamp;

/// The system's clock.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
