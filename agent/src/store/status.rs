//! How the store is doing: for `status`, the page and the metrics.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use apiscope_wire::Timestamp;

/// What the store does; part of `store_failures_total{operation}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// Opening or making the file, and coming back to it.
    Open,
    /// Writing rows.
    Write,
    /// Reading or moving the outbox.
    Outbox,
    /// Removing what is too old or too much.
    Trim,
}

impl Operation {
    /// All, in the order of their names.
    pub const ALL: [Self; 4] = [Self::Open, Self::Outbox, Self::Trim, Self::Write];

    /// The label's value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Write => "write",
            Self::Outbox => "outbox",
            Self::Trim => "trim",
        }
    }
}

/// A snapshot of the store's health.
#[derive(Clone, Debug, Default)]
pub struct StoreStatus {
    /// The database file.
    pub path: PathBuf,
    /// What is written reaches the disk. `false`: everything since `failing_since` is in memory only.
    pub durable: bool,
    /// The last error while it is failing, for people.
    pub error: Option<String>,
    /// Since when it has been failing.
    pub failing_since: Option<Timestamp>,
    /// Where a damaged file was put at start.
    pub set_aside: Option<PathBuf>,
    /// Failures by operation.
    pub failures: BTreeMap<Operation, u64>,
    /// Bytes of the database and its log.
    pub size_bytes: u64,
    /// Last write that reached the disk.
    pub last_write: Option<Timestamp>,
    /// Calls that are not in the log because the writer was behind or the disk refused.
    pub calls_dropped: u64,
    /// Other rows that fell off a bound: 0, or a bug.
    pub rows_dropped: u64,
    /// Outbox rows that a target lost because the outbox was full, by target.
    pub outbox_dropped: BTreeMap<String, u64>,
}

/// The status that the writer keeps and others look at.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<StoreStatus>);

impl Health {
    pub(super) fn new(status: StoreStatus) -> Self {
        Self(Mutex::new(status))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, StoreStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn failed(&self, operation: Operation, error: &impl ToString, now: Timestamp) {
        let mut status = self.lock();
        *status.failures.entry(operation).or_default() += 1;
        status.error = Some(error.to_string());
        status.failing_since.get_or_insert(now);
    }

    pub(super) fn wrote(&self, now: Timestamp) {
        let mut status = self.lock();
        if status.durable {
            status.last_write = Some(now);
            status.error = None;
            status.failing_since = None;
        }
    }
}
