//! What is opened at the start, each with what is told when that fails.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use apiscope_audit::Restored;
use apiscope_audit::secret::FingerprintKey;
use apiscope_common::budget;
use apiscope_wire::Limits;
use tokio::runtime::Runtime;

use super::{Agent, now};
use crate::capture::error::StartError;
use crate::capture::live::{self, Live};
use crate::config::Config;
use crate::notify::{ConfigError, Notifier};
use crate::store::{self, Store, StoreError};
use crate::trouble::{Trouble, plain};

/// The metrics address.
pub(super) fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).map_err(|error| {
        let what = format!("the metrics cannot listen on {address}: {}", plain(&error));
        let port = address.port();
        let todo =
            format!("`ss -ltnp sport = :{port}` shows who has the port; or set another [metrics] listen, or \"off\"");
        Trouble::new(what, todo)
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// The store, or one in memory: a directory that can't be written does not stop the agent, which says so.
pub(super) fn store(config: &Config) -> anyhow::Result<(Store, Restored)> {
    let options = || store::Options {
        calls_rows_max: config.store.calls_max,
        calls_age_max: config.store.calls_age,
        ..store::Options::new(&config.store.dir)
    };
    match Store::open(options()) {
        Ok(opened) => Ok(opened),
        Err(error) => {
            tracing::error!("{error}; going on in memory: what is found now is lost with the process");
            Ok((Store::in_memory(options(), &error)?, Restored::default()))
        }
    }
}

/// The installation's key, or one for this run.
pub(super) fn key(agent: &Agent, dir: &Path) -> anyhow::Result<FingerprintKey> {
    let key = store::fingerprint_key(dir).or_else(|error| {
        let told = trouble_of(&error);
        let what = format!("{}; fingerprints of this run will differ from those of other runs", told.what);
        agent.health.set("fingerprint key", &Trouble::new(what, told.todo), now());
        store::ephemeral_key()
    })?;
    if let Err(error) = agent.store.note_key(key.mark()) {
        tracing::warn!("which key made its fingerprints is not in the store: {error}");
    }
    Ok(key)
}

/// A store's error, whose text is what is wrong, a full stop, and what to do.
fn trouble_of(error: &StoreError) -> Trouble {
    let text = error.to_string();
    let (what, todo) = text.split_once(". ").unwrap_or((&text, "see the log"));
    Trouble::new(what, todo)
}

/// Whether the receivers can work, without beginning anything.
pub(super) fn check_alerts(config: &Config) -> Result<(), Trouble> {
    let built = config.receivers().and_then(|receivers| receivers.build(&config.alert_context()));
    built.map(drop).map_err(|error| no_alerts(&error))
}

/// The deliveries to the receivers.
pub(super) fn alerts(runtime: &Runtime, agent: &Agent, config: &Config) -> Result<Notifier, Trouble> {
    let start = |receivers| Notifier::start(runtime.handle(), receivers, &config.alert_context(), &agent.store);
    config.receivers().and_then(start).map_err(|error| no_alerts(&error))
}

fn no_alerts(error: &ConfigError) -> Trouble {
    let text = error.to_string();
    let (what, todo) = text.split_once(". ").unwrap_or((&text, "correct it in the configuration"));
    Trouble::new(format!("no alerts can be sent: {what}"), todo)
}

/// The programs, loaded and attached.
pub(super) fn capture(config: &Config) -> Result<Live, Trouble> {
    let live = live::Config {
        cgroup: config.capture.cgroup.clone(),
        ring_size_bytes: u32::try_from(config.capture.ring_bytes).unwrap_or(u32::MAX),
        limits: budget_of(config),
        ..live::Config::default()
    };
    Live::start(&live).map_err(|error| match error {
        StartError::NoPermission { ref missing } => Trouble::new(
            format!("capture cannot start: this process lacks {}", missing.join(", ")),
            "run as root (sudo apiscope run), or give the process these capabilities; `apiscope replay` needs none",
        ),
        error => Trouble::new(
            format!("capture cannot start: {error}"),
            "`apiscope doctor` looks at each thing that it needs; `apiscope replay` works without it",
        ),
    })
}

/// Bytes copied per turn.
pub(super) fn budget_of(config: &Config) -> budget::Limits {
    let narrow = |bytes| u32::try_from(bytes).unwrap_or(u32::MAX);
    budget::Limits { head: narrow(config.capture.head_bytes), body: narrow(config.capture.body_bytes) }
}

/// Bounds of the reader: it must be able to hold the body that is copied.
pub(super) fn wire_limits(config: &Config) -> Limits {
    let defaults = Limits::default();
    let wanted = usize::try_from(config.capture.body_bytes).unwrap_or(usize::MAX);
    Limits { body_bytes_max: wanted.max(defaults.body_bytes_max), ..defaults }
}
