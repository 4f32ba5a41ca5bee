//! What all threads of the daemon share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use apiscope_audit::ledger::{Command, Done, Refusal};
use apiscope_wire::Timestamp;
use axum::body::Bytes;
use tokio::sync::{broadcast, oneshot};

use super::Health;
use super::capture::Order;
use super::say::Saying;
use crate::config::Config;
use crate::metrics::{ConfigSnapshot, Metrics, ReceiverSnapshot};
use crate::notify::Notifier;
use crate::store::Store;
use crate::view::{
    AgentView, Board, CaptureView, CoreView, DecisionCounts, Problem, ReceiverView, SCHEMA, SayingsView, StatusView,
    rfc3339,
};

/// Lines of `watch` that a reader may be behind before it misses some.
const WATCH_LINES_MAX: usize = 4_096;

/// The running agent's shared state. Locks are held for the time of a copy, and never two at once.
#[derive(Debug)]
pub struct Agent {
    started: Timestamp,
    config: Mutex<Arc<Config>>,
    board: Mutex<Board>,
    /// What does not work now.
    pub health: Health,
    /// Counts every change.
    pub metrics: Metrics,
    /// Keeps every change.
    pub store: Store,
    alerts: Mutex<Option<Notifier>>,
    /// To the one who owns the ledger; `None` while it does not work.
    orders: Mutex<Option<Sender<Order>>>,
    numbers: Mutex<(CaptureView, CoreView)>,
    ready: AtomicBool,
    watch: Mutex<Option<broadcast::Sender<Bytes>>>,
    watch_dropped: AtomicU64,
}

impl Agent {
    /// Begins with this configuration and this state.
    pub fn new(config: Arc<Config>, board: Board, store: Store, started: Timestamp) -> Self {
        let metrics = Metrics::new();
        metrics.set_config(ConfigSnapshot { successful: true, success_at: started });
        Self {
            started,
            config: Mutex::new(config),
            board: Mutex::new(board),
            health: Health::default(),
            metrics,
            store,
            alerts: Mutex::new(None),
            orders: Mutex::new(None),
            numbers: Mutex::default(),
            ready: AtomicBool::new(false),
            watch: Mutex::new(Some(broadcast::Sender::new(WATCH_LINES_MAX))),
            watch_dropped: AtomicU64::new(0),
        }
    }

    /// The newest state of everything, locked: to be let go soon.
    pub fn board(&self) -> MutexGuard<'_, Board> {
        lock(&self.board)
    }

    /// The configuration in force.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&lock(&self.config))
    }

    /// Another configuration is in force.
    pub fn set_config(&self, config: Arc<Config>) {
        *lock(&self.config) = config;
    }

    /// The numbers of capture and core, as of now.
    pub fn set_numbers(&self, capture: CaptureView, core: CoreView) {
        *lock(&self.numbers) = (capture, core);
    }

    /// Puts other deliveries in force, and gives those that were.
    pub fn set_alerts(&self, notifier: Option<Notifier>) -> Option<Notifier> {
        std::mem::replace(&mut *lock(&self.alerts), notifier)
    }

    /// Where the ledger's owner takes orders.
    pub(super) fn set_orders(&self, orders: Option<Sender<Order>>) {
        *lock(&self.orders) = orders;
    }

    /// Says something about findings to the ledger. The answer comes when what follows is shown and with the store; `None`: the agent is
    /// starting or stopping.
    pub async fn say(&self, command: Command) -> Option<Result<Done, Refusal>> {
        let (answer, answered) = oneshot::channel();
        let order = Order::Say(Box::new(Saying { command, answer }));
        let sent = lock(&self.orders).as_ref().map(|orders| orders.send(order));
        match sent {
            Some(Ok(())) => answered.await.ok(),
            Some(Err(_)) | None => None,
        }
    }

    /// What Prometheus reads.
    pub fn metrics_text(&self) -> String {
        self.metrics.set_store(self.store.status());
        self.metrics.set_receivers(self.receivers().0);
        self.metrics.render()
    }

    /// Capture has begun, or has ended.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    /// Whether traffic is captured.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    /// A reader of exchanges as they end; `None` when the agent is stopping.
    pub fn subscribe(&self) -> Option<broadcast::Receiver<Bytes>> {
        lock(&self.watch).as_ref().map(broadcast::Sender::subscribe)
    }

    /// Gives a line to all readers; it is made only if there is one.
    pub fn publish(&self, line: impl FnOnce() -> Bytes) {
        if let Some(sender) = lock(&self.watch).as_ref().filter(|sender| sender.receiver_count() > 0) {
            // The last reader may just have gone.
            let _ = sender.send(line());
        }
    }

    /// A reader missed so many lines.
    pub fn watch_missed(&self, lines: u64) {
        self.watch_dropped.fetch_add(lines, Ordering::Relaxed);
    }

    /// No more lines will come: readers get what is there, then the end.
    pub fn end_watch(&self) {
        lock(&self.watch).take();
    }

    /// The first screen.
    pub fn status(&self) -> StatusView {
        let config = self.config();
        let (capture, core) = lock(&self.numbers).clone();
        let (rules, now) = (config.accepts(), self.store.now());
        let (coverage, mut apis, mut counts, sayings) = {
            let board = self.board();
            let sayings = SayingsView {
                learning: board.learning(config.learning, now),
                decisions: DecisionCounts::of(&board.decisions(&rules, now)),
                silences: board.silences(now),
            };
            (board.total(), board.apis(), board.counts(), sayings)
        };
        counts.watch_dropped = self.watch_dropped.load(Ordering::Relaxed);
        apis.sort_by_key(|api| std::cmp::Reverse(api.coverage.socket_bytes));
        StatusView {
            schema: SCHEMA,
            agent: self.about(&config),
            coverage,
            apis,
            problems: self.problems(),
            capture,
            core,
            counts,
            sayings,
            receivers: self.receiver_views(),
            watchers: lock(&self.watch).as_ref().map_or(0, broadcast::Sender::receiver_count) as u64,
        }
    }

    /// How deliveries are doing, and the last failure of each receiver that is failing.
    fn receivers(&self) -> (Vec<ReceiverSnapshot>, Vec<(String, String)>) {
        lock(&self.alerts).as_ref().map_or_else(Default::default, |alerts| (alerts.snapshot(), alerts.errors()))
    }

    fn receiver_views(&self) -> Vec<ReceiverView> {
        let (snapshots, errors) = self.receivers();
        let view = |snapshot: ReceiverSnapshot| ReceiverView {
            failing: errors.iter().find(|(name, _)| *name == snapshot.receiver).map(|(_, error)| error.clone()),
            name: snapshot.receiver,
            waiting: snapshot.waiting,
            sent: snapshot.sent,
        };
        snapshots.into_iter().map(view).collect()
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = self.health.problems();
        let (snapshots, errors) = self.receivers();
        for (name, error) in errors {
            let snapshot = snapshots.iter().find(|snapshot| snapshot.receiver == name);
            let (waiting, oldest) = snapshot.map_or((0, None), |snapshot| (snapshot.waiting, snapshot.oldest));
            let waits = if waiting > 0 { format!("; {waiting} alerts wait for it") } else { String::new() };
            problems.push(Problem {
                part: format!("receiver {name}"),
                what: format!("it does not take alerts: {}{waits}", error.split(" (os error").next().unwrap_or(&error)),
                todo: "nothing is lost: they go out when it answers; see that it runs and that its address is right"
                    .to_owned(),
                since: rfc3339(oldest.unwrap_or(self.started)),
            });
        }
        let store = self.store.status();
        if let Some(error) = store.error {
            let (what, todo) = error.split_once(". ").unwrap_or((&error, "see the log"));
            let kept = if store.durable { "" } else { " (everything since then is in memory only)" };
            problems.push(Problem {
                part: "store".to_owned(),
                what: format!("{what}{kept}"),
                todo: todo.to_owned(),
                since: rfc3339(store.failing_since.unwrap_or(self.started)),
            });
        }
        if let Some(aside) = store.set_aside {
            problems.push(Problem {
                part: "store".to_owned(),
                what: format!("the database was damaged, so a new one was begun; the old one is {}", aside.display()),
                todo: "nothing, unless you want to look at the old one; this ends with the next start".to_owned(),
                since: rfc3339(self.started),
            });
        }
        problems
    }

    fn about(&self, config: &Config) -> AgentView {
        AgentView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started: rfc3339(self.started),
            environment: config.environment.clone(),
            config_files: config.files.iter().map(|file| file.display().to_string()).collect(),
            metrics: config.metrics.listen.map(|listen| format!("http://{listen}/metrics")),
            store: config.store.dir.display().to_string(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
