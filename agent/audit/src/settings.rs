//! What the configuration says to the core. The agent reads files; here are only values.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::detect::DetectSettings;
use crate::inventory::Pins;
use crate::ledger::AcceptRule;
use crate::openapi::Document;

/// A rule that names an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiRule {
    /// The name to give.
    pub name: Box<str>,
    /// Authorities (host or host:port, `*` matches within a label) that belong to it.
    pub authorities: Vec<Box<str>>,
    /// Server ports that belong to it.
    pub ports: Vec<u16>,
    /// Workload names (globs) that belong to it.
    pub workloads: Vec<Box<str>>,
}

/// Everything that `Gather` and `Audit` are told. Replaced as a whole on reload.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Part of every id: production, staging, ...
    pub environment: Box<str>,
    /// Naming rules, first match wins.
    pub apis: Vec<ApiRule>,
    /// Documents, by API name.
    pub documents: BTreeMap<Box<str>, Arc<Document>>,
    /// Templates that the user pinned, by API name.
    pub templates: BTreeMap<Box<str>, Arc<Pins>>,
    /// Header names (lower case) that carry API keys, besides the known ones.
    pub api_key_headers: Vec<Box<str>>,
    /// Detectors' settings.
    pub detect: DetectSettings,
    /// A finding that has not recurred for so long resolves. Zero means the default, 24 h.
    pub resolve_after: Duration,
    /// What bodies look like is not learnt.
    pub without_schemas: bool,
    /// Findings that the configuration accepts.
    pub accepts: Vec<AcceptRule>,
    /// The first week, in which nothing below critical is told; zero: there is none.
    pub learning: Duration,
    /// An operation of a document that was not called for so long is idle. Zero means the default, 30 days.
    pub idle_after: Duration,
    /// Who owns an API, by its name; what an operation says of its own owner outranks it.
    pub owners: BTreeMap<Box<str>, Box<str>>,
}
