//! From the start to the end: what is opened in which order, and how each failure is told.

use std::cell::{Cell, RefCell};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Context;
use apiscope_wire::Timestamp;
use sd_notify::NotifyState;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::capture::{Capture, Order};
use super::documents::{Documents, LOOK_EVERY};
use super::logging::{self, Log};
use super::{Agent, now, sinks, start};
use crate::capture::live::Live;
use crate::config::{Config, Mistake};
use crate::control::{self, Seat};
use crate::metrics::ConfigSnapshot;
use crate::pipeline::{Owner, Pipeline, Shard};
use crate::trouble::Trouble;
use crate::view::Board;
use crate::web::{self, serve::Connections};

/// Batches of changes between capture and sinks.
const BATCHES_MAX: usize = 64;
/// How long the listeners may take to end.
const LISTENERS_END: Duration = Duration::from_secs(1);

/// What wakes the main thread.
enum Wake {
    Signal(i32),
    /// A thread has ended, which none does by itself.
    Ended(&'static str),
}

/// Runs until a signal ends it.
pub fn run(path: Option<PathBuf>, level: Option<String>) -> anyhow::Result<ExitCode> {
    let mut config = match Config::load(path.as_deref()) {
        Ok(config) => config,
        Err(mistakes) => {
            crate::cli::show_mistakes(&mistakes);
            return Ok(ExitCode::FAILURE);
        }
    };
    if let Some(level) = &level {
        config.log.clone_from(level);
    }
    let log = logging::start(&config.log);
    let seat = Seat::take(&config.control.socket)?;
    let metrics = config.metrics.listen.map(start::bind).transpose()?;
    let daemon = Daemon::start(path, level, log, &Arc::new(config), &seat, metrics)?;
    daemon.until_stopped()
}

/// All that runs.
struct Daemon {
    path: Option<PathBuf>,
    level: Option<String>,
    log: Log,
    /// When the configuration in force was read.
    read_at: Cell<Timestamp>,
    documents: RefCell<Documents>,
    agent: Arc<Agent>,
    orders: Sender<Order>,
    wakes: Receiver<Wake>,
    capture: JoinHandle<()>,
    sinks: JoinHandle<()>,
    /// Connections on the control socket.
    asking: Connections,
    runtime: tokio::runtime::Runtime,
}

impl Daemon {
    fn start(
        path: Option<PathBuf>,
        level: Option<String>,
        log: Log,
        config: &Arc<Config>,
        seat: &Seat,
        metrics: Option<TcpListener>,
    ) -> anyhow::Result<Self> {
        let (store, restored) = start::store(config)?;
        let agent = Arc::new(Agent::new(Arc::clone(config), Board::restored(&restored), store, now()));
        agent.metrics.restore(&restored);
        let mut documents = Documents::new(&agent);
        let settings = documents.settings(&agent, config);
        let key = Arc::new(start::key(&agent, &config.store.dir)?);
        let mut shard = Shard::new(start::wire_limits(config), key, Arc::clone(&settings));
        shard.recall(&restored);
        let pipeline = Pipeline::new(shard, Owner::new(settings, restored));
        let live = start::capture(config)?;
        announce(&live);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("listeners")
            .enable_all()
            .build()
            .context("no event loop")?;
        // Before the first change, so that no alert is missed.
        agent.set_alerts(Some(start::alerts(&runtime, &agent, config)?));
        let asking = serve(&runtime, &agent, seat, metrics)?;
        let (wake, wakes) = mpsc::channel();
        signals(wake.clone())?;
        let sinks_wake = wake.clone();
        let (orders, order) = mpsc::channel();
        agent.set_orders(Some(orders.clone()));
        let (changes, change) = mpsc::sync_channel(BATCHES_MAX);
        let sinking = Arc::clone(&agent);
        let sinks = thread::Builder::new().name("sinks".into()).spawn(move || {
            let _end = OnDrop("sinks", sinks_wake);
            sinks::run(&sinking, &change);
        })?;
        let work = Capture { live, pipeline, agent: Arc::clone(&agent), orders: order, changes };
        let capture = thread::Builder::new().name("capture".into()).spawn(move || {
            // Sent when the work ends, also by a defect.
            let _end = OnDrop("capture", wake);
            work.run();
        })?;
        Ok(Self {
            path,
            level,
            log,
            read_at: Cell::new(now()),
            documents: RefCell::new(documents),
            agent,
            orders,
            wakes,
            capture,
            sinks,
            asking,
            runtime,
        })
    }

    fn until_stopped(self) -> anyhow::Result<ExitCode> {
        notify(&[NotifyState::Ready]);
        if let Some(address) = self.agent.config().metrics.listen {
            tracing::info!("metrics on http://{address}/metrics");
        }
        tracing::info!("ready; see `apiscope status`, `apiscope watch`, `apiscope findings`");
        let mut code = ExitCode::SUCCESS;
        loop {
            let Some(wake) = self.wait()? else {
                self.look_at_documents();
                continue;
            };
            match wake {
                Wake::Signal(SIGHUP) => self.reload(),
                Wake::Signal(_) => break,
                Wake::Ended(thread) => {
                    tracing::error!(
                        "the thread {thread} has ended by a defect; stopping, so that it can be started again"
                    );
                    code = ExitCode::FAILURE;
                    break;
                }
            }
        }
        self.stop();
        Ok(code)
    }

    /// What there is to do; `None`: nothing came, and it is time to look at the documents.
    fn wait(&self) -> anyhow::Result<Option<Wake>> {
        const GONE: &str = "the signal thread has ended";
        if !self.documents.borrow().has_files() {
            return self.wakes.recv().map(Some).context(GONE);
        }
        match self.wakes.recv_timeout(LOOK_EVERY) {
            Ok(wake) => Ok(Some(wake)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => anyhow::bail!(GONE),
        }
    }

    /// Reads the documents again where one of their files changed; the configuration stays.
    fn look_at_documents(&self) {
        if !self.documents.borrow().have_changed() {
            return;
        }
        let config = self.agent.config();
        let settings = self.documents.borrow_mut().settings(&self.agent, &config);
        // Fails only where the thread has ended, and then the main loop knows.
        let _ = self.orders.send(Order::Configure(settings, start::budget_of(&config)));
        tracing::info!("a document changed and was read again");
    }

    /// Detaches first; then everything that was seen reaches its sinks; then the listeners end.
    fn stop(self) {
        notify(&[NotifyState::Stopping]);
        tracing::info!("stopping");
        let Self { agent, orders, capture, sinks, asking, runtime, .. } = self;
        agent.set_orders(None);
        // Fails only where the thread has ended already.
        let _ = orders.send(Order::Stop);
        for (name, thread) in [("capture", capture), ("sinks", sinks)] {
            if thread.join().is_err() {
                tracing::error!("the thread {name} ended by a defect: what it held is lost");
            }
        }
        if let Some(alerts) = agent.set_alerts(None) {
            runtime.block_on(alerts.stop());
        }
        if let Err(error) = agent.store.flush() {
            tracing::error!("not everything reached the store: {error}");
        }
        agent.end_watch();
        // Readers of `watch` get their last lines; nobody can hold up the end for longer.
        let _ = runtime.block_on(async { tokio::time::timeout(LISTENERS_END, asking.end()).await });
        runtime.shutdown_timeout(Duration::from_millis(200));
        agent.store.close();
        tracing::info!("stopped; {} exchanges were seen", agent.board().counts().exchanges);
    }

    /// Reads the configuration again. A wrong one leaves the old one in force, and says so.
    fn reload(&self) {
        let mut reloading = vec![NotifyState::Reloading];
        // systemd 253 and newer wants the time of the reload with it.
        reloading.extend(NotifyState::monotonic_usec_now().ok());
        notify(&reloading);
        match Config::load(self.path.as_deref()) {
            Ok(config) => self.configure(config),
            Err(mistakes) => {
                let trouble = still_old(&mistakes);
                self.agent.health.set("configuration", &trouble, now());
                self.agent.metrics.set_config(ConfigSnapshot { successful: false, success_at: self.read_at.get() });
            }
        }
        notify(&[NotifyState::Ready]);
    }

    fn configure(&self, mut config: Config) {
        if let Some(level) = &self.level {
            config.log.clone_from(level);
        }
        let old = self.agent.config();
        let config = Arc::new(keep_fixed(&self.agent, &old, config));
        self.log.set(&config.log);
        let settings = self.documents.borrow_mut().settings(&self.agent, &config);
        self.alerts(&config);
        self.agent.set_config(Arc::clone(&config));
        // Fails only where the thread has ended, and then the main loop knows.
        let _ = self.orders.send(Order::Configure(settings, start::budget_of(&config)));
        self.agent.health.clear("configuration");
        self.read_at.set(now());
        self.agent.metrics.set_config(ConfigSnapshot { successful: true, success_at: self.read_at.get() });
        tracing::info!("the configuration was read again and is in force");
    }

    /// Delivers to the receivers of this configuration from now on. Those that can't work leave the old ones in force.
    fn alerts(&self, config: &Config) {
        if let Err(trouble) = start::check_alerts(config) {
            self.agent.health.set("receivers", &trouble, now());
            return;
        }
        // Two that deliver at once could tell the same alert twice.
        if let Some(old) = self.agent.set_alerts(None) {
            self.runtime.block_on(old.stop());
        }
        match start::alerts(&self.runtime, &self.agent, config) {
            Ok(alerts) => {
                self.agent.set_alerts(Some(alerts));
                self.agent.health.clear("receivers");
            }
            Err(trouble) => self.agent.health.set("receivers", &trouble, now()),
        }
    }
}

/// What can't change while running keeps its old value; that it waits for a restart is told.
fn keep_fixed(agent: &Agent, old: &Config, mut new: Config) -> Config {
    let mut waits = Vec::new();
    let mut keep = |name, differs: bool| {
        if differs {
            waits.push(name);
        }
    };
    keep("[metrics] listen", old.metrics != new.metrics);
    keep("[control] socket", old.control != new.control);
    keep("[store]", old.store != new.store);
    keep("[capture] cgroup", old.capture.cgroup != new.capture.cgroup);
    keep("[capture] ring_bytes", old.capture.ring_bytes != new.capture.ring_bytes);
    new.metrics = old.metrics.clone();
    new.control = old.control.clone();
    new.store = old.store.clone();
    new.capture.cgroup.clone_from(&old.capture.cgroup);
    new.capture.ring_bytes = old.capture.ring_bytes;
    if waits.is_empty() {
        agent.health.clear("configuration, restart");
    } else {
        let what = format!("{} changed, which counts after a restart only", waits.join(", "));
        agent.health.set("configuration, restart", &Trouble::new(what, "systemctl restart apiscope"), now());
    }
    new
}

fn still_old(mistakes: &[Mistake]) -> Trouble {
    let first = mistakes.first().map(ToString::to_string).unwrap_or_default();
    let more = match mistakes.len() {
        0 | 1 => String::new(),
        number => format!(" (and {} more)", number - 1),
    };
    let what = format!("the changed configuration is wrong, so the old one is still in force: {first}{more}");
    Trouble::new(what, "mend what `apiscope check` shows, then reload again")
}

fn announce(live: &Live) {
    let (cgroup, mounted) = live.cgroup();
    let stats = live.stats();
    let found = stats.seeded.servers + stats.seeded.clients + stats.seeded.unknown;
    let mounted = if mounted { " (mounted by this process)" } else { "" };
    let programs = stats.programs.join(", ");
    tracing::info!("watching {}{mounted} with {programs}; {found} connections were open before", cgroup.display());
}

fn serve(
    runtime: &tokio::runtime::Runtime,
    agent: &Arc<Agent>,
    seat: &Seat,
    metrics: Option<TcpListener>,
) -> anyhow::Result<Connections> {
    let _context = runtime.enter();
    let socket = tokio::net::UnixListener::from_std(seat.listener()?)?;
    let asking = Connections::default();
    runtime.spawn(web::serve::unix(socket, control::server::router(Arc::clone(agent)), asking.clone()));
    if let Some(metrics) = metrics {
        let listener = tokio::net::TcpListener::from_std(metrics)?;
        runtime.spawn(web::serve::tcp(listener, web::router(Arc::clone(agent)), Connections::default()));
    }
    Ok(asking)
}

fn signals(wake: Sender<Wake>) -> anyhow::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP]).context("signals cannot be received")?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        let mut asked_to_end = false;
        for signal in signals.forever() {
            // Asked a second time, it ends at once: with the process everything in the kernel goes too.
            if signal != SIGHUP && std::mem::replace(&mut asked_to_end, true) {
                std::process::exit(1);
            }
            if wake.send(Wake::Signal(signal)).is_err() {
                break;
            }
        }
    })?;
    Ok(())
}

/// Tells systemd, where it is there.
fn notify(states: &[NotifyState<'_>]) {
    // Without systemd there is nobody to tell.
    let _ = sd_notify::notify(states);
}

/// Tells the main thread when it goes.
struct OnDrop(&'static str, Sender<Wake>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        // The main thread may be gone first.
        let _ = self.1.send(Wake::Ended(self.0));
    }
}
