//! How deliveries are doing, by receiver.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use apiscope_wire::Timestamp;

use crate::metrics::{DELIVERY_SECONDS, Histogram, ReceiverSnapshot};

/// Why an attempt failed; part of `alert_send_failures_total{reason}`.
pub const FAILURES: [&str; 6] = ["address", "connection", "status_4xx", "status_5xx", "status_other", "timeout"];

/// Why an alert was given up; part of `alerts_dropped_total{reason}`.
pub const DROPPED: [&str; 2] = ["outbox_full", "refused"];

/// One receiver's counts.
#[derive(Debug)]
pub(super) struct Stats {
    receiver: String,
    counts: Mutex<Counts>,
}

#[derive(Debug)]
struct Counts {
    sent: u64,
    failures: BTreeMap<&'static str, u64>,
    refused: u64,
    incomplete: u64,
    /// By target: rows that wait, and since when the oldest does.
    waiting: BTreeMap<String, (u64, Option<Timestamp>)>,
    delivery: Histogram,
    /// The last failure, for people.
    error: Option<String>,
}

impl Stats {
    pub(super) fn new(receiver: &str) -> Self {
        Self {
            receiver: receiver.to_owned(),
            counts: Mutex::new(Counts {
                sent: 0,
                failures: FAILURES.iter().map(|reason| (*reason, 0)).collect(),
                refused: 0,
                incomplete: 0,
                waiting: BTreeMap::new(),
                delivery: Histogram::new(&DELIVERY_SECONDS),
                error: None,
            }),
        }
    }

    /// Alerts were accepted; the times are from each finding's change to now.
    pub(super) fn sent(&self, waited: impl IntoIterator<Item = f64>, incomplete: u64) {
        let mut counts = self.lock();
        for seconds in waited {
            counts.sent += 1;
            counts.delivery.observe(seconds);
        }
        counts.incomplete += incomplete;
        counts.error = None;
    }

    /// An attempt failed. Gives whether it is the first since a success: worth a line in the log.
    pub(super) fn failed(&self, reason: &'static str, error: &str) -> bool {
        let mut counts = self.lock();
        *counts.failures.entry(reason).or_default() += 1;
        counts.error.replace(error.to_owned()).is_none()
    }

    /// Alerts were refused for good.
    pub(super) fn refused(&self, alerts: u64) {
        self.lock().refused += alerts;
    }

    /// What waits for a target.
    pub(super) fn waiting(&self, target: &str, rows: u64, oldest: Option<Timestamp>) {
        self.lock().waiting.insert(target.to_owned(), (rows, oldest));
    }

    /// A target is gone.
    pub(super) fn forget(&self, target: &str) {
        self.lock().waiting.remove(target);
    }

    /// The last failure since the last success.
    pub(super) fn error(&self) -> Option<String> {
        self.lock().error.clone()
    }

    pub(super) fn receiver(&self) -> &str {
        &self.receiver
    }

    /// For the metrics. `outbox_dropped` is what the store counted.
    pub(super) fn snapshot(&self, outbox_dropped: u64) -> ReceiverSnapshot {
        let counts = self.lock();
        ReceiverSnapshot {
            receiver: self.receiver.clone(),
            sent: counts.sent,
            failures: counts.failures.iter().map(|(reason, attempts)| (*reason, *attempts)).collect(),
            dropped: vec![(DROPPED[0], outbox_dropped), (DROPPED[1], counts.refused)],
            incomplete: counts.incomplete,
            waiting: counts.waiting.values().map(|(rows, _)| *rows).max().unwrap_or(0),
            oldest: counts.waiting.values().filter_map(|(_, oldest)| *oldest).min(),
            delivery: counts.delivery.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
