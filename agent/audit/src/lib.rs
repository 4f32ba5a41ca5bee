//! Messages in, changes out: facts, inventory, detectors and the ledger of findings.
//!
//! Two machines, both sans-IO (no socket, file, clock, thread or async; time comes with the input):
//!
//! - [`Gather`], one per shard, makes the only pass over a message's bytes. From [`Record`] on everything is owned and small.
//! - [`Audit`], one in all, owns inventory, detectors and ledger without a lock and turns each [`Record`] into [`Change`]s.
//!
//! A secret found in traffic never leaves the call that saw it: only a keyed fingerprint and a masked form do ([`secret`]).
#![forbid(unsafe_code)]

pub mod change;
pub mod detect;
pub mod exchange;
pub mod export;
pub mod facts;
pub mod finding;
pub mod inventory;
pub mod ledger;
pub mod openapi;
pub mod operation;
pub mod schema;
pub mod secret;
pub mod settings;
pub mod sketch;
pub mod tls;
pub mod watch;

mod audit;
mod gather;
mod glob;

pub use audit::{Audit, Restored};
pub use change::{CallRow, Change};
pub use exchange::{ApiId, ConsumerId, Exchange, Method, Protocol, Record, RedactedPath, Stage};
pub use facts::Facts;
pub use finding::{Alert, Evidence, Finding, FindingId, FindingRow, Severity, Transition};
pub use gather::{Gather, GatherCounters, SampleCounters};
pub use settings::Settings;
