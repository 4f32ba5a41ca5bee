//! Paths that are no endpoint, and who asks for them.

use std::collections::BTreeMap;

use apiscope_audit::inventory::{Probed, ProbedPath, Prober, Statuses};
use serde::{Deserialize, Serialize};

use super::rfc3339;

/// A path that was only ever answered 404, 405, 400 and the like, or not at all, called with one method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbedView {
    /// The API, or the name that was called where no call has shown that there is one.
    pub api: String,
    /// Method; `(other)` for all that are not registered.
    pub method: String,
    /// The path: names stay, what may be a value is a variable.
    pub path: String,
    /// It was called at least so often.
    pub calls_least: u64,
    /// It was called at most so often: the same, unless more paths came than are counted one by one.
    pub calls_most: u64,
    /// Calls by status, `none` without an answer; of those since it is in the list.
    pub by_status: BTreeMap<String, u64>,
    /// First call since it is in the list.
    pub first: String,
    /// Last call.
    pub last: String,
    /// How many different clients called it.
    pub clients: u64,
    /// Whether that is exact; else it is near.
    pub clients_exact: bool,
    /// Who called it most: a keyed fingerprint of the credential, or an address.
    pub top_client: Option<String>,
}

/// A client that asks for paths that are no endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProberView {
    /// The API. `null`: all that have no list of their own.
    pub api: Option<String>,
    /// Who: a keyed fingerprint of the credential, or an address.
    pub client: String,
    /// It asked at least so often.
    pub calls_least: u64,
    /// It asked at most so often: the same, unless there are more clients than are counted one by one.
    pub calls_most: u64,
    /// How many different methods and paths it asked for.
    pub paths: u64,
    /// Whether that is exact; else it is near.
    pub paths_exact: bool,
    /// Calls by status, `none` without an answer; of those since it is in the list.
    pub by_status: BTreeMap<String, u64>,
    /// First call since it is in the list.
    pub first: String,
    /// Last call.
    pub last: String,
}

impl From<&ProbedPath> for ProbedView {
    fn from(path: &ProbedPath) -> Self {
        Self {
            api: path.api.to_string(),
            method: path.method.to_string(),
            path: path.path.to_string(),
            calls_least: path.calls_least(),
            calls_most: path.calls_most,
            by_status: by_status(&path.statuses, path.calls_least()),
            first: rfc3339(path.first),
            last: rfc3339(path.last),
            clients: path.clients.size(),
            clients_exact: path.clients.is_exact(),
            top_client: path.top.ranked().first().map(|tally| tally.key.to_string()),
        }
    }
}

impl ProberView {
    /// All of a list.
    pub fn of(probed: &Probed) -> impl Iterator<Item = Self> {
        let view = |prober: &Prober| Self {
            api: probed.api.as_ref().map(ToString::to_string),
            client: prober.consumer.to_string(),
            calls_least: prober.calls_least(),
            calls_most: prober.calls_most,
            paths: prober.paths.size(),
            paths_exact: prober.paths.is_exact(),
            by_status: by_status(&prober.statuses, prober.calls_least()),
            first: rfc3339(prober.first),
            last: rfc3339(prober.last),
        };
        probed.probers.iter().map(view)
    }
}

/// Of so many calls.
fn by_status(statuses: &Statuses, calls: u64) -> BTreeMap<String, u64> {
    let mut by_status: BTreeMap<String, u64> =
        statuses.counts().iter().map(|(status, calls)| (status.to_string(), *calls)).collect();
    if statuses.others() > 0 {
        by_status.insert("other".to_owned(), statuses.others());
    }
    let answered = by_status.values().sum();
    if calls > answered {
        by_status.insert("none".to_owned(), calls - answered);
    }
    by_status
}
