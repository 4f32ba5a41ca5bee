//! Alerts, on their way to people.
//!
//! A [`Receiver`] is pure: it knows how a notice is written for it and what its answer means. One deliverer does everything that can
//! fail: sending, waiting, and the cursor in the store's outbox, which moves on acceptance only. Nothing but what the core vouched
//! for (masked text, keyed fingerprints) goes out. The entry is [`Notifier`].
//!
//! No redirect is followed, and no proxy is taken from the environment: an alert goes where the configuration says, or stays in the
//! outbox.

pub mod alertmanager;
mod deliver;
mod http;
#[cfg(test)]
mod model;
mod plan;
mod stats;
mod text;
pub mod webhook;

use std::time::Duration;

use apiscope_audit::finding::{FindingRow, Severity};
use apiscope_wire::Timestamp;

pub use deliver::Notifier;
pub use stats::{DROPPED, FAILURES};
pub use text::Text;

/// What all receivers are told about this agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// This host's name in alerts (`instance`): replicas must differ.
    pub instance: String,
    /// The environment that is part of every id.
    pub environment: String,
    /// Address under which people reach the agent's page; links begin with it.
    pub external_url: Option<String>,
}

/// Something to tell about a finding.
#[derive(Clone, Debug)]
pub struct Notice {
    /// The finding.
    pub finding: FindingRow,
    /// The severity that is part of the alert's identity.
    pub severity: Severity,
    /// The team that is part of the alert's identity.
    pub team: Option<String>,
    /// Share of the API's bytes that were not lost, 0 to 1.
    pub coverage: Option<f64>,
    /// When it ended; `None`: it stands.
    pub ended: Option<Timestamp>,
}

/// What goes out at once.
#[derive(Clone, Copy, Debug)]
pub struct Parcel<'a> {
    /// The notices, at most [`Manner::batch_max`].
    pub notices: &'a [Notice],
    /// Open findings that are not told because there are too many.
    pub not_told: u64,
    /// Now.
    pub now: Timestamp,
}

/// A request, ready to be posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shipment {
    /// Added to the target's address.
    pub path: &'static str,
    /// Header fields besides the usual ones.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: Vec<u8>,
    /// Facts that had to be written as unknown.
    pub incomplete: u64,
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// From `Retry-After`.
    pub retry_after: Option<Duration>,
}

/// What it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It has them.
    Accepted,
    /// It will never take (at least one of) them as they are.
    Refused,
    /// Try again, not before this time has passed.
    Later(Option<Duration>),
}

/// How a receiver wants to be told.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Findings below it are not told.
    pub min_severity: Severity,
    /// Notices in one parcel.
    pub batch_max: usize,
    /// Longest wait between two attempts.
    pub back_off_max: Duration,
    /// It forgets, and wants to be reminded of what stands; `None`: it is told each change once.
    pub reminders: Option<Reminders>,
}

/// How a receiver wants to be reminded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reminders {
    /// Time between two reminders; each is moved by up to a tenth.
    pub every: Duration,
    /// What ended earlier is held up to this age, so that it is not gone before anybody was told.
    pub life_min: Duration,
    /// An end is repeated so long.
    pub end_repeated: Duration,
    /// Findings told at a time; critical ones are told all the same.
    pub standing_max: usize,
    /// Send to every address of the name, each with a cursor of its own.
    pub every_address: bool,
}

/// An address to send to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its place in the outbox: steady, and without anything secret of the address.
    pub id: String,
    /// Where.
    pub url: String,
}

/// A kind of receiver. Pure: no clock, no network.
pub trait Receiver: Send + Sync + std::fmt::Debug {
    /// Its name in the configuration, status and metrics.
    fn name(&self) -> &str;

    /// Where to send; each has a cursor.
    fn targets(&self) -> Vec<Target>;

    /// How it wants to be told.
    fn manner(&self) -> Manner;

    /// Writes the request.
    fn encode(&self, parcel: Parcel<'_>) -> Shipment;

    /// Reads the answer.
    fn accepted(&self, reply: Reply) -> Delivery {
        match reply.status {
            200..=299 => Delivery::Accepted,
            400 | 413 | 422 => Delivery::Refused,
            _ => Delivery::Later(reply.retry_after),
        }
    }
}

/// A kind of receiver, for the reference page.
#[derive(Debug, PartialEq, Eq)]
pub struct ReceiverKind {
    /// Name of its section.
    pub name: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// Its keys, with what they are.
    pub keys: &'static [(&'static str, &'static str)],
}

macro_rules! receivers {
    ($($kind:ident),+ $(,)?) => {
        /// The receivers of the configuration, by kind.
        #[derive(Debug, Default)]
        pub struct Receivers {
            $(#[doc = concat!("Of kind [`", stringify!($kind), "`].")] pub $kind: Vec<$kind::Config>),+
        }

        impl Receivers {
            /// Every receiver, ready to encode. Fails on the first one that can't work.
            pub fn build(self, context: &Context) -> Result<Vec<Box<dyn Receiver>>, ConfigError> {
                let mut built: Vec<Box<dyn Receiver>> = Vec::new();
                $(for config in self.$kind {
                    built.push(Box::new($kind::Sender::new(config, context.clone())?));
                })+
                Ok(built)
            }
        }

        /// Every kind of receiver.
        pub static KINDS: &[ReceiverKind] = &[$(ReceiverKind {
            name: stringify!($kind),
            doc: $kind::DOC,
            keys: $kind::KEYS,
        }),+];
    };
}

receivers![alertmanager, webhook];

/// A receiver's settings that can't work.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not an address that alerts can be posted to.
    #[error("receiver {receiver}: {what}. Give an address such as {example}")]
    Url {
        /// Its name.
        receiver: String,
        /// What is wrong with it.
        what: &'static str,
        /// One that would do.
        example: &'static str,
    },
    /// Two receivers would share their place in the outbox.
    #[error("receiver {receiver}: there are two of that name and address. Give each a name of its own")]
    Twice {
        /// The name.
        receiver: String,
    },
    /// The signing secret can't be had.
    #[error("receiver {receiver}: signing secret: {what}")]
    Secret {
        /// Its name.
        receiver: String,
        /// What is wrong, and what to do. Never the secret.
        what: String,
    },
    /// The store did not take the targets.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}

/// Checks an address: `http` or `https`, with a host, without fragment.
fn check_url(receiver: &str, url: &str, example: &'static str) -> Result<reqwest::Url, ConfigError> {
    let failed = |what| ConfigError::Url { receiver: receiver.to_owned(), what, example };
    let parsed = reqwest::Url::parse(url).map_err(|_| failed("its url is not an address"))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(failed("its url is neither http nor https"));
    }
    if parsed.host_str().is_none_or(str::is_empty) {
        return Err(failed("its url has no host"));
    }
    if parsed.fragment().is_some() {
        return Err(failed("its url has a fragment (#…), which is never sent"));
    }
    Ok(parsed)
}

#[cfg(test)]
pub(crate) mod tests {
    use apiscope_audit::exchange::{ApiId, ConsumerId, Method};
    use apiscope_audit::finding::{Evidence, FindingId, Status, Transition};
    use apiscope_audit::secret::{Fingerprint, Masked};
    use apiscope_wire::{ExchangeId, FlowId};

    use super::*;

    /// 2026-11-24T14:02:11Z.
    pub(crate) const OPENED: Timestamp = Timestamp::from_nanos(1_795_528_931_000_000_000);

    pub(crate) fn finding(route: &str) -> FindingRow {
        let (api, method) = (ApiId::new("orders-api"), Method::new("POST"));
        let kind = apiscope_audit::detect::kind_named("cleartext-credential").expect("the kind is in the list");
        FindingRow {
            id: FindingId::of("test", &api, kind.name, &method, route),
            kind,
            api,
            method,
            route: route.into(),
            owner: None,
            severity: Severity::Critical,
            because: Masked::from_stored("crosses eth0, not loopback"),
            status: Status::Open,
            levels: Vec::new(),
            quiet: None,
            opened: OPENED,
            first: OPENED,
            last: OPENED.plus(Duration::from_secs(1736)),
            resolved: None,
            count: 412,
            calls: 418,
            consumers: vec![
                ConsumerId::Credential(Fingerprint::from_stored(0x9f2c)),
                ConsumerId::Address("10.0.4.7".parse().expect("an address")),
            ],
            consumers_more: false,
            evidence: vec![Evidence {
                at: OPENED,
                call: Some(ExchangeId { flow: FlowId::new(7), index: 2 }),
                consumer: Some(ConsumerId::Credential(Fingerprint::from_stored(0x9f2c))),
                severity: Severity::Critical,
                what: Masked::from_stored("Authorization: Basic ****, user a***n, crossed eth0 (private)"),
            }],
            classes: Vec::new(),
            revision: 1,
            transition: Transition::Opened,
        }
    }

    pub(crate) fn notice(route: &str) -> Notice {
        let finding = finding(route);
        Notice {
            severity: finding.severity,
            finding,
            team: Some("payments".into()),
            coverage: Some(0.998),
            ended: None,
        }
    }

    pub(crate) fn context() -> Context {
        Context {
            instance: "web-1".into(),
            environment: "test".into(),
            external_url: Some("https://apiscope.example".into()),
        }
    }

    #[test]
    fn the_list_says_what_the_configuration_knows() {
        use crate::config::keys::{ALERTMANAGER, WEBHOOK};
        let known =
            [ALERTMANAGER.iter().map(|key| key.name).collect::<Vec<_>>(), WEBHOOK.iter().map(|key| key.name).collect()];
        for (kind, mut known) in KINDS.iter().zip(known) {
            let mut listed: Vec<&str> = kind.keys.iter().map(|(name, _)| *name).collect();
            listed.sort_unstable();
            known.sort_unstable();
            assert_eq!(listed, known, "{}", kind.name);
        }
    }

    #[test]
    fn a_url_that_cannot_work_is_refused() {
        for (url, what) in [
            ("am:9093", "neither http nor https"),
            ("nonsense", "not an address"),
            ("http://", "not an address"),
            ("file:///x", "neither http nor https"),
            ("http://a/#b", "fragment"),
        ] {
            let error = check_url("am", url, "http://am:9093").expect_err(url).to_string();
            assert!(error.contains(what), "{url}: {error}");
        }
        check_url("am", "https://am.example/prefix", "").expect("a good one");
    }
}
