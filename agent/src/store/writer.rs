//! The one thread that writes. It owns the connection; everybody else leaves rows and jobs in the queue.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use apiscope_audit::finding::{FindingRow, Transition};
use apiscope_wire::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction};
use tokio::sync::watch;

use super::queue::{Batch, Queue};
use super::retired::{put_day, trim_days};
use super::rows::{StoredFinding, add_coverage, put_probed, put_schemas, remove_endpoint, upsert_endpoint};
use super::status::{Health, Operation};
use super::{Clock, calls, outbox, sayings, schema, spare};
use crate::claim::Claim;

/// Looks for something to do at least so often.
const IDLE: Duration = Duration::from_secs(5);
/// Time between two looks at size and age.
const TRIM_EVERY: Duration = Duration::from_secs(30);
/// Calls removed at a time.
const TRIM_STEP: u32 = 5_000;
/// Pause after a failed write.
const RETRY: Duration = Duration::from_secs(1);
/// Failed writes in a row before the agent goes on in memory.
const PATIENCE: u32 = 3;
/// Resolved findings are kept so long after their last sighting.
const RESOLVED_KEPT: Duration = Duration::from_hours(24 * 365);

/// Where the writer writes.
pub(super) enum Medium {
    /// The file.
    Disk,
    /// Memory; `seeded` with what the file held.
    Memory { seeded: bool },
}

/// Everything the thread owns.
pub(super) struct Writer {
    pub(super) connection: Connection,
    /// The directory is this process's; `None` while there is none.
    pub(super) lock: Option<Claim>,
    pub(super) medium: Medium,
    pub(super) dir: PathBuf,
    pub(super) queue: Arc<Queue>,
    /// Those that were registered, for a database that knows none.
    pub(super) targets: Arc<Mutex<Vec<String>>>,
    pub(super) outbox_grew: watch::Sender<u64>,
    pub(super) health: Arc<Health>,
    pub(super) clock: Clock,
    pub(super) calls_rows_max: u64,
    pub(super) calls_age_max: Duration,
    pub(super) come_back_every: Duration,
}

impl Writer {
    /// Works until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let (mut failures, mut hold, mut trimmed, mut tried) = (0u32, None, None::<Instant>, Instant::now());
        loop {
            let work = self.queue.wait(IDLE.min(self.come_back_every), hold);
            if !work.batch.is_empty() {
                failures = if self.write(work.batch) { 0 } else { failures + 1 };
                hold = (failures > 0).then(|| Instant::now() + RETRY);
            }
            if failures >= PATIENCE && matches!(self.medium, Medium::Disk) {
                self.leave_disk();
                (failures, hold) = (0, None);
            }
            for job in work.jobs {
                if let Err(error) = job(&mut self.connection) {
                    self.failed(Operation::Outbox, &error);
                }
            }
            if work.closed {
                break;
            }
            if trimmed.is_none_or(|at| at.elapsed() >= TRIM_EVERY) {
                trimmed = Some(Instant::now());
                self.trim();
            }
            if tried.elapsed() >= self.come_back_every {
                tried = Instant::now();
                self.come_back();
            }
        }
        self.close();
    }

    /// The last chance for what still waits, then the log goes into the file so that one file is all there is.
    fn close(mut self) {
        let work = self.queue.wait(Duration::ZERO, None);
        if !work.batch.is_empty() && !self.write(work.batch) {
            log::error!(
                "store: the last rows could not be written: {}",
                self.health.lock().error.as_deref().unwrap_or("unknown")
            );
        }
        for job in work.jobs {
            if let Err(error) = job(&mut self.connection) {
                self.failed(Operation::Outbox, &error);
            }
        }
        self.come_back();
        if matches!(self.medium, Medium::Memory { .. }) {
            log::error!("store: {} took no writes to the end: what was found meanwhile is lost", self.dir.display());
        }
        if let Err((_, error)) = self.connection.close() {
            log::warn!("store: closing: {error}");
        }
    }

    /// One transaction. A batch that fails goes back to the queue, but for its calls: they are what can be spared.
    fn write(&mut self, mut batch: Batch) -> bool {
        let now = (self.clock)();
        let keep_calls = matches!(self.medium, Medium::Disk);
        let written = write_batch(&mut self.connection, &batch, keep_calls, now);
        let calls = std::mem::take(&mut batch.calls);
        let spared = if written.is_ok() && keep_calls { 0 } else { calls.len() as u64 };
        let mut status = self.health.lock();
        status.calls_dropped += spared + std::mem::take(&mut batch.dropped_calls);
        status.rows_dropped += std::mem::take(&mut batch.dropped_rows);
        drop(status);
        match written {
            Ok(alerts) => {
                self.outbox_grew.send_if_modified(|rows| {
                    *rows += alerts;
                    alerts > 0
                });
                self.health.wrote(now);
                true
            }
            Err(error) => {
                self.failed(Operation::Write, &error);
                self.queue.put_back(batch);
                false
            }
        }
    }

    fn trim(&mut self) {
        let now = (self.clock)();
        let oldest = back(now, self.calls_age_max);
        let trimmed = calls::trim(&self.connection, self.calls_rows_max, oldest, TRIM_STEP)
            .and_then(|_| trim_findings(&self.connection, back(now, RESOLVED_KEPT)))
            .and_then(|()| trim_days(&self.connection))
            .and_then(|()| outbox::trim(&mut self.connection));
        match trimmed {
            Ok(lost) => {
                let mut status = self.health.lock();
                for (target, rows) in lost {
                    *status.outbox_dropped.entry(target).or_default() += rows;
                }
            }
            Err(error) => self.failed(Operation::Trim, &error),
        }
        self.health.lock().size_bytes = size(&self.dir);
    }

    fn leave_disk(&mut self) {
        match spare::leave(Some(&self.dir.join(schema::DATABASE_FILE))) {
            Ok((mut connection, seeded)) => {
                if !seeded {
                    self.register_again(&mut connection);
                }
                log::error!(
                    "store: {} does not take writes; going on in memory: new state and undelivered alerts are lost if the agent \
                     stops now, the call log is not kept. Free space or mend permissions; the agent returns by itself",
                    self.dir.display()
                );
                self.connection = connection;
                self.medium = Medium::Memory { seeded };
                self.health.lock().durable = false;
            }
            Err(error) => self.failed(Operation::Open, &error),
        }
    }

    /// Without targets nothing would go to the outbox.
    fn register_again(&self, connection: &mut Connection) {
        let targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Err(error) = outbox::register(connection, &targets, (self.clock)()) {
            self.failed(Operation::Outbox, &error);
        }
    }

    fn come_back(&mut self) {
        let Medium::Memory { seeded } = self.medium else { return };
        let waiting = self.connection.query_row("SELECT count(*) FROM outbox", [], |row| row.get::<_, u32>(0));
        if !seeded && waiting.unwrap_or(1) > 0 {
            return;
        }
        let now = (self.clock)();
        if self.lock.is_none() {
            match schema::take(&self.dir) {
                Ok(lock) => self.lock = Some(lock),
                Err(error) => return self.failed(Operation::Open, &error),
            }
        }
        match schema::open(&self.dir, now.as_nanos() / 1_000_000_000) {
            Ok(opened) => match spare::come_back(&self.connection, &self.dir.join(schema::DATABASE_FILE), seeded) {
                Ok(()) => {
                    log::info!("store: {} takes writes again", self.dir.display());
                    self.connection = opened.connection;
                    self.medium = Medium::Disk;
                    let mut status = self.health.lock();
                    status.durable = true;
                    status.set_aside = opened.set_aside.or(status.set_aside.take());
                    drop(status);
                    self.health.wrote(now);
                }
                Err(error) => self.failed(Operation::Open, &error),
            },
            Err(error) => self.failed(Operation::Open, &error),
        }
    }

    fn failed(&self, operation: Operation, error: &impl ToString) {
        let now = (self.clock)();
        let first = self.health.lock().failing_since.is_none();
        self.health.failed(operation, error, now);
        if first {
            log::error!("store: {} failed: {}. It is tried again", operation.name(), error.to_string());
        }
    }
}

fn write_batch(connection: &mut Connection, batch: &Batch, keep_calls: bool, now: Timestamp) -> rusqlite::Result<u64> {
    let transaction = connection.transaction()?;
    for id in &batch.gone {
        remove_endpoint(&transaction, *id)?;
    }
    for row in batch.endpoints.values() {
        upsert_endpoint(&transaction, row)?;
    }
    for (id, packed) in &batch.schemas {
        put_schemas(&transaction, *id, packed.as_deref())?;
    }
    for row in batch.watched.values() {
        put_day(&transaction, row)?;
    }
    for list in batch.probed.values() {
        put_probed(&transaction, list)?;
    }
    for (api, added) in &batch.coverage {
        add_coverage(&transaction, api, added)?;
    }
    // The transitions in their order first, each an alert of its own; then the latest state.
    let mut alerts = 0;
    for row in batch.alerts.iter().chain(batch.findings.values()) {
        alerts += u64::from(write_finding(&transaction, row, now)?);
    }
    write_sayings(&transaction, batch)?;
    if keep_calls {
        for row in &batch.calls {
            calls::insert(&transaction, row)?;
        }
    }
    transaction.commit()?;
    Ok(alerts)
}

fn write_sayings(transaction: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
    for (finding, row) in &batch.decisions {
        sayings::put_decision(transaction, *finding, row.as_ref())?;
    }
    for (id, row) in &batch.silences {
        sayings::put_silence(transaction, *id, row.as_ref())?;
    }
    for (api, row) in &batch.learning {
        sayings::put_learning(transaction, api, row.as_ref())?;
    }
    batch.history.iter().try_for_each(|event| sayings::add_event(transaction, event))
}

/// Writes the finding, and with it, in the same transaction, what receivers have to hear: once for each revision. Gives whether there
/// was something.
fn write_finding(transaction: &Transaction<'_>, row: &FindingRow, now: Timestamp) -> rusqlite::Result<bool> {
    let stored = StoredFinding::of(row);
    let before: Option<u32> = transaction
        .prepare_cached("SELECT revision FROM findings WHERE id = ?1")?
        .query_row([row.id.to_string()], |found| found.get(0))
        .optional()?;
    if before.is_some_and(|revision| revision > row.revision) {
        return Ok(false);
    }
    stored.upsert(transaction)?;
    // Of what is quiet nobody hears, but that it is from now on.
    let is_heard = row.quiet.is_none() || row.transition == Transition::Quieted;
    let is_new = before.is_none_or(|revision| revision < row.revision) && is_heard;
    if is_new {
        outbox::enqueue(transaction, &stored, row, now)?;
    }
    Ok(is_new)
}

fn trim_findings(connection: &Connection, oldest: Timestamp) -> rusqlite::Result<()> {
    connection
        .execute("DELETE FROM findings WHERE status = 'resolved' AND last < ?1", [super::rows::nanos(oldest)])
        .and_then(|removed| if removed > 0 { sayings::trim_history(connection) } else { Ok(()) })
}

fn back(now: Timestamp, by: Duration) -> Timestamp {
    Timestamp::from_nanos(now.as_nanos().saturating_sub(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)))
}

/// Bytes of the database with its log.
fn size(dir: &Path) -> u64 {
    ["", "-wal", "-shm"]
        .iter()
        .filter_map(|suffix| std::fs::metadata(dir.join(format!("{}{suffix}", schema::DATABASE_FILE))).ok())
        .map(|metadata| metadata.len())
        .sum()
}
