//! What the agent remembers: inventory, findings with their evidence, coverage, the outbox, and a bounded log of calls, in one
//! `SQLite` file that one thread writes.
//!
//! The entry is [`Store`]. It never holds up who gives it a [`Change`], never fails a running agent (it goes on in memory, counts and
//! says so), and is never given anything but what the core vouched for: masked text and keyed fingerprints.

mod calls;
mod documents;
mod error;
mod fingerprint;
mod names;
mod outbox;
mod queue;
mod reader;
mod retired;
mod rows;
mod sayings;
mod schema;
mod spare;
mod status;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use apiscope_audit::finding::{FindingId, Severity};
use apiscope_audit::ledger::Event;
use apiscope_audit::secret::KeyMark;
use apiscope_audit::{Change, Restored};
use apiscope_wire::Timestamp;
use rusqlite::Connection;
use tokio::sync::watch;

use crate::claim::Claim;

pub use calls::{Call, CallFilter};
pub use error::StoreError;
pub use fingerprint::{KEY_FILE, ephemeral as ephemeral_key, load_or_create as fingerprint_key};
pub(crate) use names::Named;
pub use outbox::{ADDRESS_MARK, Accepted, Entry, OUTBOX_MAX, Standing};
pub use reader::Reader;
pub(crate) use retired::form as deprecation_form;
pub use sayings::HISTORY_MAX;
pub use schema::DATABASE_FILE;
pub use status::{Operation, StoreStatus};

use queue::Queue;
use status::Health;
use writer::{Medium, Writer};

/// Where the time comes from; a test gives its own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The system's clock.
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_nanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    })
}

/// How long a caller waits for the writer's answer.
const ANSWER: Duration = Duration::from_secs(30);

/// Where the store lives and how much it keeps.
#[derive(Clone)]
pub struct Options {
    /// Directory; made with mode 0700 if absent.
    pub dir: PathBuf,
    /// Calls kept. Default 1,000,000 (about 300 MB).
    pub calls_rows_max: u64,
    /// Age of the oldest call kept. Default 7 days.
    pub calls_age_max: Duration,
    /// Time between two attempts to come back to a disk that did not take anything. Default 15 s.
    pub come_back_every: Duration,
    /// The clock.
    pub clock: Clock,
}

impl Options {
    /// The defaults, in `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            calls_rows_max: 1_000_000,
            calls_age_max: Duration::from_hours(7 * 24),
            come_back_every: Duration::from_secs(15),
            clock: system_clock(),
        }
    }
}

/// A handle to the store. Clones share one writer; it ends with [`Store::close`], or when the last handle goes.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    queue: Arc<Queue>,
    /// Grows whenever the outbox does.
    outbox: watch::Receiver<u64>,
    targets: Arc<Mutex<Vec<String>>>,
    health: Arc<Health>,
    clock: Clock,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Store {
    /// Opens or makes the store, and reads what the core starts with. A damaged file is set aside (see [`StoreStatus::set_aside`])
    /// and a new one begun.
    pub fn open(options: Options) -> Result<(Self, Restored), StoreError> {
        let now = (options.clock)();
        let lock = schema::take(&options.dir)?;
        let opened = schema::open(&options.dir, now.as_nanos() / 1_000_000_000)?;
        let path = options.dir.join(DATABASE_FILE);
        if let Some(aside) = &opened.set_aside {
            log::error!("store: {} was damaged; it is now {} and a new one has begun", path.display(), aside.display());
        }
        let restored = reader::restore(&opened.connection).map_err(|source| StoreError::Database {
            what: "can't read",
            path: path.clone(),
            source,
        })?;
        let status = StoreStatus { path, durable: true, set_aside: opened.set_aside, ..StoreStatus::default() };
        Self::start(options, opened.connection, Some(lock), Medium::Disk, status).map(|store| (store, restored))
    }

    /// A store in memory, for a running agent whose directory can't be used because of `error`. It tries to come back to the disk.
    pub fn in_memory(options: Options, error: &StoreError) -> Result<Self, StoreError> {
        let (connection, seeded) = spare::leave(None)?;
        let health = StoreStatus {
            path: options.dir.join(DATABASE_FILE),
            error: Some(error.to_string()),
            failing_since: Some((options.clock)()),
            failures: [(Operation::Open, 1)].into(),
            ..StoreStatus::default()
        };
        Self::start(options, connection, None, Medium::Memory { seeded }, health)
    }

    fn start(
        options: Options,
        connection: Connection,
        lock: Option<Claim>,
        medium: Medium,
        status: StoreStatus,
    ) -> Result<Self, StoreError> {
        let (queue, health) = (Arc::new(Queue::default()), Arc::new(Health::new(status)));
        let dir = options.dir.clone();
        let (outbox_grew, outbox) = watch::channel(0);
        let targets: Arc<Mutex<Vec<String>>> = Arc::default();
        let writer = Writer {
            outbox_grew,
            lock,
            targets: Arc::clone(&targets),
            connection,
            medium,
            dir: options.dir,
            queue: Arc::clone(&queue),
            health: Arc::clone(&health),
            clock: Arc::clone(&options.clock),
            calls_rows_max: options.calls_rows_max,
            calls_age_max: options.calls_age_max,
            come_back_every: options.come_back_every,
        };
        let thread = std::thread::Builder::new()
            .name("store".into())
            .spawn(move || writer.run())
            .map_err(|source| StoreError::File { what: "no thread to write", path: dir, source })?;
        Ok(Self(Arc::new(Inner {
            queue,
            outbox,
            targets,
            health,
            clock: options.clock,
            thread: Mutex::new(Some(thread)),
        })))
    }

    /// The store of an agent that may or may not be running, for reading.
    pub fn read_only(dir: &Path) -> Result<Reader, StoreError> {
        Reader::open(dir)
    }

    /// Takes a change in. Returns at once; it is written within half a second, an alert at once.
    pub fn apply(&self, change: &Change) {
        self.0.queue.push(change.clone());
    }

    /// The same, without a copy.
    pub fn give(&self, change: Change) {
        self.0.queue.push(change);
    }

    /// Notes which key makes the fingerprints and hashes from now on, so that it is known which stores can be compared by them.
    pub fn note_key(&self, mark: KeyMark) -> Result<(), StoreError> {
        // Of one that two keys were used in nothing can be compared.
        const NOTE: &str = "INSERT INTO meta VALUES ('key', ?1) \
                            ON CONFLICT(key) DO UPDATE SET value = 'several' WHERE value <> ?1";
        self.run(move |connection| connection.execute(NOTE, [format!("{:016x}", mark.get())]).map(drop))
    }

    /// Waits until everything given so far is written (or is known not to be: see [`Store::status`]).
    pub fn flush(&self) -> Result<(), StoreError> {
        self.run(|_connection| Ok(()))
    }

    /// Writes what waits, and ends the writer. Later changes are ignored.
    pub fn close(&self) {
        self.0.close();
    }

    /// How it is doing.
    pub fn status(&self) -> StoreStatus {
        self.0.health.lock().clone()
    }

    /// Makes these the targets of alerts; see the outbox. To be called before the first change, so that none is missed.
    pub fn register_targets(&self, targets: Vec<String>) -> Result<(), StoreError> {
        let now = self.now();
        self.0.targets.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&targets);
        self.run(move |connection| outbox::register(connection, &targets, now))
    }

    /// The addresses that a registered target's name has now.
    pub async fn adopt_addresses(
        &self,
        target: &str,
        addresses: Vec<String>,
        keep: Duration,
    ) -> Result<(), StoreError> {
        let (target, now) = (target.to_owned(), self.now());
        self.ask(move |connection| outbox::adopt(connection, &target, &addresses, now, keep)).await
    }

    /// The next rows for a target, and the place of the last one looked at.
    pub async fn pending(
        &self,
        target: &str,
        at_least: Severity,
        limit: usize,
    ) -> Result<(Vec<Entry>, Option<i64>), StoreError> {
        let target = target.to_owned();
        self.ask(move |connection| outbox::pending(connection, &target, at_least, limit)).await
    }

    /// What stands at a target that is reminded, and which open findings it should know besides (at most `limit`).
    pub async fn standing(
        &self,
        target: &str,
        at_least: Severity,
        limit: usize,
    ) -> Result<(Vec<Standing>, Vec<Entry>), StoreError> {
        let target = target.to_owned();
        self.ask(move |connection| {
            Ok((outbox::standing(connection, &target)?, outbox::missing(connection, &target, at_least, limit)?))
        })
        .await
    }

    /// Writes down what a target accepted or refused.
    pub async fn accept(&self, target: &str, accepted: Accepted) -> Result<(), StoreError> {
        let (target, now) = (target.to_owned(), self.now());
        self.ask(move |connection| outbox::accept(connection, &target, &accepted, now)).await
    }

    /// Changes whenever the outbox gets a row.
    pub fn outbox_changes(&self) -> watch::Receiver<u64> {
        self.0.outbox.clone()
    }

    /// Rows that wait for a target, and when the oldest came.
    pub async fn backlog(&self, target: &str) -> Result<(u64, Option<Timestamp>), StoreError> {
        let target = target.to_owned();
        self.ask(move |connection| outbox::backlog(connection, &target)).await
    }

    /// Calls, newest first, of the running agent's own log.
    pub async fn calls(&self, filter: CallFilter) -> Result<Vec<Call>, StoreError> {
        self.ask(move |connection| calls::select(connection, &filter)).await
    }

    /// A finding's history, oldest first.
    pub async fn history(&self, finding: FindingId) -> Result<Vec<Event>, StoreError> {
        self.ask(move |connection| sayings::history(connection, finding)).await
    }

    /// As [`Store::flush`], for async callers.
    pub async fn settled(&self) -> Result<(), StoreError> {
        self.ask(|_connection| Ok(())).await
    }

    /// The store's time.
    pub fn now(&self) -> Timestamp {
        (self.0.clock)()
    }

    /// Runs on the writer's thread after everything given so far; waits for the answer.
    fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = sync_channel(1);
        self.submit(job, move |answer| {
            // Whoever asked may have given up.
            let _ = sender.try_send(answer);
        })?;
        receiver.recv_timeout(ANSWER).map_err(|_| StoreError::Closed)?
    }

    /// The same for async callers.
    async fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.submit(job, move |answer| {
            // Whoever asked may have given up.
            let _ = sender.send(answer);
        })?;
        tokio::time::timeout(ANSWER, receiver).await.map_err(|_| StoreError::Closed)?.map_err(|_| StoreError::Closed)?
    }

    fn submit<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
        answer: impl FnOnce(Result<T, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        let path = self.0.health.lock().path.clone();
        let taken = self.0.queue.run(Box::new(move |connection| match job(connection) {
            Ok(value) => {
                answer(Ok(value));
                Ok(())
            }
            Err(source) => {
                let text = rusqlite::Error::SqliteFailure(
                    rusqlite::ffi::Error::new(source.sqlite_error().map_or(1, |error| error.extended_code)),
                    Some(source.to_string()),
                );
                answer(Err(StoreError::Database { what: "can't use", path, source: text }));
                Err(source)
            }
        }));
        if taken { Ok(()) } else { Err(StoreError::Closed) }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("status", &*self.0.health.lock()).finish_non_exhaustive()
    }
}

impl Inner {
    fn close(&self) {
        self.queue.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            if thread.thread().id() == std::thread::current().id() {
                return;
            }
            if thread.join().is_err() {
                log::error!("store: the writer ended by a defect; the last rows may be missing");
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}
