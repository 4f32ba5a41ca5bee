//! The inventory: every endpoint seen, by API, method and template.
//!
//! A path that the API's document knows has the document's template; another has one by the shape of its segments ([`shape`]) and by
//! what is seen of each segment and its siblings ([`evidence`]). A path that was only ever answered "not found", "bad request" or
//! "method not allowed", or not at all, is no endpoint. Everything is bounded; what falls off is counted.
//!
//! It judges nothing and keeps no value from traffic: detectors get a [`Sighting`]. Its one entry is [`Inventory`].

mod announced;
mod book;
mod census;
mod entry;
mod evidence;
mod files;
pub mod fleet;
mod fold;
mod forms;
mod idle;
mod link;
mod operations;
mod piece;
mod pins;
mod probed;
mod profile;
mod reason;
mod retell;
pub(crate) mod shape;
mod store;
mod tree;
mod values;
mod weight;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod pins_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use apiscope_wire::Timestamp;

use crate::exchange::{ApiId, Exchange, Method, Protocol};
use crate::facts::AuthKind;

pub use announced::Announced;
pub(crate) use announced::seconds;
pub use idle::Idle;
pub use pins::Pins;
pub use probed::{Probe, Probed, ProbedPath, Prober};
pub use profile::{Data, DataRow, PackedProfile, Profile, Side, Statuses};
pub use reason::{TemplateReason, Why};
pub(crate) use store::Inventory;

/// An endpoint's id: hash(environment, API, method, template); shown as 16 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId(pub u64);

impl EndpointId {
    /// The id of a method and template.
    pub fn of(environment: &str, api: &ApiId, method: &Method, route: &str) -> Self {
        Self(id_hash(&[environment, api.as_str(), method.as_str(), route]))
    }
}

impl std::fmt::Display for EndpointId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Whether the API's document knows the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DocumentState {
    /// The API has no document.
    NoDocument,
    /// In the document.
    Documented,
    /// In the document, marked deprecated.
    Deprecated,
    /// The API has a document, and the endpoint is not in it.
    Undocumented,
    /// An earlier version of the document had it; the present one has not.
    Removed,
    /// In the document, and never called or not for long.
    Unused,
}

impl DocumentState {
    /// Whether the present document has it.
    pub const fn is_in_document(self) -> bool {
        matches!(self, Self::Documented | Self::Deprecated | Self::Unused)
    }
}

/// What the API's document says of the credential that an endpoint needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Security {
    /// Nothing: there is no document, or it does not say.
    #[default]
    Unsaid,
    /// None is needed, or it may be left out.
    Open,
    /// One is needed.
    Required,
    /// One is needed, and a client's certificate is enough, of which HTTP shows nothing.
    Certificate,
}

/// What makes a template's variables variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TemplateState {
    /// All segments literal.
    Literal,
    /// Variables by the shape of their values.
    Shape,
    /// A name so far, but siblings are alike: it may become a value.
    Candidate,
    /// Variables by the variety of siblings.
    Learnt,
    /// The user said so.
    Pinned,
    /// From the document.
    Documented,
}

/// An endpoint's whole state. Enough to be stored, shown and loaded again.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointRow {
    /// Identity.
    pub id: EndpointId,
    /// The API.
    pub api: ApiId,
    /// Method.
    pub method: Method,
    /// Template, such as `/orders/{id}`.
    pub route: Arc<str>,
    /// Where the template comes from.
    pub template: TemplateState,
    /// Why it is as it is, by what was seen when the row was told. `None`: of several agents, or from the store.
    pub reason: Option<TemplateReason>,
    /// Compared with the document.
    pub document: DocumentState,
    /// Another path of the document that a call of this endpoint might have meant: the match was ambiguous.
    pub rival: Option<Arc<str>>,
    /// What its calls speak above HTTP.
    pub protocol: Protocol,
    /// First call.
    pub first: Option<Timestamp>,
    /// Last call.
    pub last: Option<Timestamp>,
    /// Calls.
    pub calls: u64,
    /// Calls by status class, index 0 = 1xx .. 4 = 5xx, 5 = no answer seen.
    pub by_class: [u64; 6],
    /// Calls by way of authentication; calls without any count under `None`.
    pub by_auth: BTreeMap<Option<AuthKind>, u64>,
    /// Largest request body, bytes.
    pub request_bytes_max: u64,
    /// Largest response body, bytes.
    pub response_bytes_max: u64,
    /// Sum of response bodies, bytes.
    pub response_bytes_sum: u64,
    /// Latency quantiles in milliseconds: p50, p90, p99; `None` before the first complete exchange.
    pub latency_ms: Option<[f64; 3]>,
    /// Owner: `x-owner` of the operation, else the API's by the configuration, else `x-owner` of the document.
    pub owner: Option<Box<str>>,
    /// What its own answers announce of its end.
    pub announced: Announced,
    /// Since when it is known to be in the document.
    pub since: Option<Timestamp>,
    /// Where it is [`DocumentState::Unused`]: for how long, and how well that is known.
    pub idle: Option<Idle>,
    /// From the document; not stored, for the document is read at each start.
    pub security: Security,
    /// What its calls were like. Only in a row that is given or restored: in the inventory's own it is elsewhere and this is empty.
    pub profile: PackedProfile,
}

impl EndpointRow {
    /// An endpoint that was never called.
    pub fn new(environment: &str, api: &ApiId, method: &Method, route: &str) -> Self {
        Self {
            id: EndpointId::of(environment, api, method, route),
            api: api.clone(),
            method: method.clone(),
            route: route.into(),
            template: if route.contains('{') { TemplateState::Shape } else { TemplateState::Literal },
            reason: None,
            document: DocumentState::NoDocument,
            rival: None,
            protocol: Protocol::Http,
            first: None,
            last: None,
            calls: 0,
            by_class: [0; 6],
            by_auth: BTreeMap::new(),
            request_bytes_max: 0,
            response_bytes_max: 0,
            response_bytes_sum: 0,
            latency_ms: None,
            owner: None,
            announced: Announced::default(),
            since: None,
            idle: None,
            security: Security::Unsaid,
            profile: PackedProfile::default(),
        }
    }

    /// How it stands to the document and to what its own answers announce: what these call deprecated is so, unless the document does not
    /// know it or no longer does, which is worse.
    pub fn state(&self) -> DocumentState {
        match self.document {
            DocumentState::NoDocument | DocumentState::Documented if self.is_announced_deprecated() => {
                DocumentState::Deprecated
            }
            state => state,
        }
    }

    /// Whether its own answers said at its last call that it is deprecated.
    pub fn is_announced_deprecated(&self) -> bool {
        self.last.is_some_and(|last| self.announced.is_deprecated(last))
    }
}

/// What the inventory counts about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InventoryCounters {
    /// APIs with endpoints or a document.
    pub apis: u64,
    /// Endpoints, uncalled ones of documents among them.
    pub endpoints: u64,
    /// Calls of paths that are no endpoint: only ever answered 404, 405, 400 and the like, or not at all.
    pub probed: u64,
    /// Times that such a path, or who asked for it, made room for another in the list that is kept of them.
    pub probed_displaced: u64,
    /// OPTIONS that were no call of an endpoint: they ask about one.
    pub preflights: u64,
    /// Calls that would have made an endpoint or an API past the bound: they belong to none.
    pub overflowed: u64,
    /// Operations that were not called for long and made room for new ones of their path.
    pub operations_retired: u64,
    /// Endpoints joined into one with a wider template.
    pub merged: u64,
    /// Times that an idle operation of a document was not judged, because there were too many of them.
    pub idle_overflowed: u64,
}

/// Whether an answer shows that there is something behind the path and method. What servers and gateways say of any path does not.
pub(crate) const fn status_proves_endpoint(status: u16) -> bool {
    matches!(status, 101 | 200..=399 | 401..=403 | 409 | 412 | 415 | 422..=424 | 428 | 429 | 500)
}

/// What the inventory says of an exchange. Detectors see this and never the inventory.
#[derive(Debug)]
pub struct Sighting<'a> {
    /// The exchange.
    pub exchange: &'a Exchange,
    /// Its endpoint, as it is after this call.
    pub endpoint: &'a EndpointRow,
    /// It is the endpoint's first call.
    pub is_new: bool,
}

/// A stable hash of parts, the same on every host and in every version.
pub(crate) fn id_hash(parts: &[&str]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let mut short = [0; 8];
    short.copy_from_slice(hasher.finalize().as_bytes().get(..8).unwrap_or(&[0; 8]));
    u64::from_be_bytes(short)
}
