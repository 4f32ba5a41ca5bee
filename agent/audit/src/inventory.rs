//! The inventory: every endpoint seen, by API, method and template.

use std::collections::BTreeMap;

use apiscope_wire::Timestamp;

use crate::exchange::{ApiId, Exchange, Method};
use crate::facts::AuthKind;

/// An endpoint's id: hash(environment, API, method, template); shown as 16 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId(pub u64);

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
    /// In the document, never called.
    Unused,
}

/// What makes a template's variables variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TemplateState {
    /// All segments literal.
    Literal,
    /// Variables by the shape of their values.
    Shape,
    /// Variables by the variety of siblings.
    Learnt,
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
    pub route: Box<str>,
    /// Why the template is as it is.
    pub template: TemplateState,
    /// Compared with the document.
    pub document: DocumentState,
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
    /// Latency quantiles in milliseconds: p50, p90, p99; `None` before the first complete exchange (and after a restart, until the next).
    pub latency_ms: Option<[f64; 3]>,
    /// Owner, from the document's `x-owner`.
    pub owner: Option<Box<str>>,
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
