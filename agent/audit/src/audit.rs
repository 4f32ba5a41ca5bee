//! The one owner of inventory, detectors and ledger.

use std::sync::Arc;

use apiscope_wire::Timestamp;

use crate::change::Change;
use crate::exchange::Record;
use crate::finding::FindingRow;
use crate::inventory::EndpointRow;
use crate::settings::Settings;

/// State from the store, loaded once at start.
#[derive(Debug, Default)]
pub struct Restored {
    /// Endpoints.
    pub endpoints: Vec<EndpointRow>,
    /// Findings.
    pub findings: Vec<FindingRow>,
}

/// Inventory, detectors and ledger behind one call.
#[derive(Debug)]
pub struct Audit {
    settings: Arc<Settings>,
}

impl Audit {
    /// With what the store held. Documents' endpoints that were never called appear at the first tick.
    pub fn new(settings: Arc<Settings>, restored: Restored) -> Self {
        let _ = restored;
        Self { settings }
    }

    /// New settings from now on.
    pub fn configure(&mut self, settings: Arc<Settings>) {
        self.settings = settings;
    }

    /// Observes, judges, records.
    pub fn handle(&mut self, record: Record, emit: &mut dyn FnMut(Change)) {
        let _ = (record, emit);
    }

    /// Time passes: rows that changed are given (once a second), findings resolve.
    pub fn tick(&mut self, now: Timestamp, emit: &mut dyn FnMut(Change)) {
        let _ = (now, emit);
    }

    /// The end: all rows that changed and were not yet given.
    pub fn flush(&mut self, now: Timestamp, emit: &mut dyn FnMut(Change)) {
        let _ = (now, emit);
    }
}
