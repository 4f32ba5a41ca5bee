//! The configuration: one TOML file and the `*.toml` of the `conf.d` beside it, in alphabetical order, later ones winning.
//!
//! Every key has a default; an unknown key is a mistake, never ignored; all mistakes are told at once, each with its place.
//! The one table of keys is [`keys`]; reading, suggestions and `docs/configuration.md` come from it. Never writes a file.
//! Entry: [`Config::load`].

mod documents;
pub mod form;
pub mod keys;
pub mod mistake;
mod read;
mod receivers;
pub mod reference;
mod settings;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use apiscope_audit::detect::DetectSettings;
use apiscope_wire::Timestamp;

pub use documents::{Reading, parse as parse_document};
pub use mistake::{Gravity, Mistake, Source};
pub use settings::Memory;

/// Where the configuration is looked for when nothing else is said. It may be absent.
pub const DEFAULT_PATH: &str = "/etc/apiscope/apiscope.toml";

/// All that can be configured.
#[derive(Clone, Debug)]
pub struct Config {
    /// Part of every id.
    pub environment: String,
    /// This host's name in alerts; `None` its host name.
    pub instance: Option<String>,
    /// Where people reach this agent.
    pub external_url: Option<String>,
    /// Level of the log: error, warn, info, debug, trace.
    pub log: String,
    /// Request headers that carry API keys, besides the known ones.
    pub api_key_headers: Vec<Box<str>>,
    /// A finding that has not recurred for so long resolves.
    pub resolve_after: Duration,
    /// Whether schemas are learnt: on, off.
    pub schemas: String,
    /// `[findings] learning`: the first week; zero: none.
    pub learning: Duration,
    /// `[[accept]]`: findings that may stay as they are.
    pub accepts: Vec<Accept>,
    /// An operation of a document that was not called for so long is idle.
    pub idle_after: Duration,
    /// `[findings.KIND]`: what each kind of finding is told.
    pub detect: DetectSettings,
    /// `[capture]`.
    pub capture: Capture,
    /// `[[api]]`, first match wins.
    pub apis: Vec<Api>,
    /// `[store]`.
    pub store: Store,
    /// `[metrics]`.
    pub metrics: Metrics,
    /// `[control]`.
    pub control: Control,
    /// `[[alertmanager]]`.
    pub alertmanagers: Vec<Alertmanager>,
    /// `[[webhook]]`.
    pub webhooks: Vec<Webhook>,
    /// The files that were read, in order.
    pub files: Vec<PathBuf>,
}

/// What is copied from the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// The cgroup v2 directory watched; `None` the root.
    pub cgroup: Option<PathBuf>,
    /// Bytes of a message's head.
    pub head_bytes: u64,
    /// Bytes of a message's body.
    pub body_bytes: u64,
    /// Bytes of the ring.
    pub ring_bytes: u64,
}

/// A rule that names an API, and its document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Api {
    /// The API's name.
    pub name: String,
    /// Who owns it.
    pub owner: Option<String>,
    /// Hosts.
    pub authorities: Vec<Box<str>>,
    /// Server ports.
    pub ports: Vec<u16>,
    /// Workloads.
    pub workloads: Vec<Box<str>>,
    /// Its documents.
    pub openapi: Vec<PathBuf>,
    /// Its documents as they were before.
    pub previous: Vec<PathBuf>,
    /// Templates that hold whatever is learnt.
    pub templates: Vec<Box<str>>,
    /// Paths of which each segment is a name.
    pub literal: Vec<Box<str>>,
}

/// Findings that may stay as they are, for a reason and a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accept {
    /// The kind; `None`: every.
    pub kind: Option<String>,
    /// The API; `None`: every.
    pub api: Option<String>,
    /// The endpoint; `None`: every.
    pub endpoint: Option<String>,
    /// Why.
    pub reason: String,
    /// Who accepted it.
    pub author: String,
    /// When it ends; always given.
    pub until: Option<Timestamp>,
    /// The worst severity that is accepted.
    pub up_to: String,
}

/// Where state is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// The directory.
    pub dir: PathBuf,
    /// How long calls are kept.
    pub calls_age: Duration,
    /// How many calls are kept.
    pub calls_max: u64,
}

/// The metrics listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// Its address; `None` off.
    pub listen: Option<SocketAddr>,
}

/// The control socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// Its path.
    pub socket: PathBuf,
}

/// An Alertmanager that gets alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alertmanager {
    /// Receiver's name.
    pub name: String,
    /// Base addresses, one for each instance.
    pub urls: Vec<Box<str>>,
    /// Youngest age at which an alert may end.
    pub life_min: Duration,
    /// Findings below it are not sent.
    pub min_severity: String,
}

/// A webhook that gets alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Receiver's name.
    pub name: String,
    /// Address.
    pub url: String,
    /// File with the signing secret.
    pub secret_file: Option<PathBuf>,
    /// systemd credential with the signing secret.
    pub secret_credential: Option<String>,
    /// Findings below it are not sent.
    pub min_severity: String,
}

impl Config {
    /// Reads the file (the default one, which may be absent, or the one named, which may not) and its `conf.d`.
    /// Every mistake of every file is given.
    pub fn load(path: Option<&Path>) -> Result<Self, Vec<Mistake>> {
        let (config, mistakes) = Self::load_what_is_right(path);
        if mistakes.is_empty() { Ok(config) } else { Err(mistakes) }
    }

    /// The same, with the default for whatever is wrong: for commands that only want to find the running agent, which
    /// still works with the configuration as it was.
    pub fn load_what_is_right(path: Option<&Path>) -> (Self, Vec<Mistake>) {
        read::load(path)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            environment: "default".to_owned(),
            instance: None,
            external_url: None,
            log: "info".to_owned(),
            api_key_headers: Vec::new(),
            resolve_after: Duration::from_hours(24),
            schemas: "on".to_owned(),
            learning: Duration::from_hours(7 * 24),
            accepts: Vec::new(),
            idle_after: Duration::from_hours(30 * 24),
            detect: DetectSettings::default(),
            capture: Capture::default(),
            apis: Vec::new(),
            store: Store::default(),
            metrics: Metrics::default(),
            control: Control::default(),
            alertmanagers: Vec::new(),
            webhooks: Vec::new(),
            files: Vec::new(),
        }
    }
}

impl Default for Accept {
    fn default() -> Self {
        Self {
            kind: None,
            api: None,
            endpoint: None,
            reason: String::new(),
            author: String::new(),
            until: None,
            up_to: "critical".to_owned(),
        }
    }
}

impl Default for Capture {
    fn default() -> Self {
        Self { cgroup: None, head_bytes: 4 << 10, body_bytes: 64 << 10, ring_bytes: 8 << 20 }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self { dir: "/var/lib/apiscope".into(), calls_age: Duration::from_hours(7 * 24), calls_max: 1_000_000 }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self { listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 10_466))) }
    }
}

impl Default for Control {
    fn default() -> Self {
        Self { socket: "/run/apiscope/apiscope.sock".into() }
    }
}

impl Default for Alertmanager {
    fn default() -> Self {
        Self {
            name: "alertmanager".to_owned(),
            urls: Vec::new(),
            life_min: Duration::from_mins(10),
            min_severity: "low".to_owned(),
        }
    }
}

impl Default for Webhook {
    fn default() -> Self {
        Self {
            name: "webhook".to_owned(),
            url: String::new(),
            secret_file: None,
            secret_credential: None,
            min_severity: "low".to_owned(),
        }
    }
}
