//! From the configuration to what the core is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use apiscope_audit::inventory::Pins;
use apiscope_audit::ledger::{AcceptRule, Matcher, Said};
use apiscope_audit::openapi::Earlier;
use apiscope_audit::settings::ApiRule;
use apiscope_audit::{Settings, Severity};

use super::{Accept, Api, Config, Reading};

/// What each API's documents had before, as far as it is remembered.
pub type Memory = BTreeMap<String, Earlier>;

impl Config {
    /// Settings with the documents that could be read, and how each reading went.
    pub fn settings(&self) -> (Settings, Vec<Reading>) {
        self.settings_after(&Memory::new())
    }

    /// The same, compared with what is remembered of earlier documents.
    pub fn settings_after(&self, memory: &Memory) -> (Settings, Vec<Reading>) {
        let readings: Vec<_> = self.apis.iter().filter_map(|api| Reading::of(api, memory.get(&api.name))).collect();
        let good = readings.iter().filter_map(|reading| Some((reading, reading.document.as_ref().ok()?)));
        let documents: BTreeMap<_, _> =
            good.map(|(reading, document)| (reading.api.as_str().into(), Arc::clone(document))).collect();
        let settings = Settings {
            environment: self.environment.as_str().into(),
            apis: self.apis.iter().map(rule).collect(),
            documents,
            templates: self.apis.iter().filter_map(|api| Some((api.name.as_str().into(), pins(api).ok()?))).collect(),
            api_key_headers: self.api_key_headers.iter().map(|name| name.to_lowercase().into()).collect(),
            detect: self.detect.clone(),
            resolve_after: self.resolve_after,
            without_schemas: self.schemas == "off",
            accepts: self.accepts(),
            learning: self.learning,
            idle_after: self.idle_after,
            owners: self
                .apis
                .iter()
                .filter_map(|api| Some((api.name.as_str().into(), api.owner.as_deref()?.into())))
                .collect(),
        };
        (settings, readings)
    }
}

impl Config {
    /// What the configuration accepts, as the ledger is told.
    pub fn accepts(&self) -> Vec<AcceptRule> {
        self.accepts.iter().filter_map(accepted).collect()
    }
}

/// What the user pins of an API's templates; the pattern that contradicts one before it, or is one too many.
pub(super) fn pins(api: &Api) -> Result<Arc<Pins>, &str> {
    let mut pins = Pins::default();
    for pattern in api.templates.iter().chain(&api.literal) {
        if !pins.add(pattern) {
            return Err(pattern);
        }
    }
    Ok(Arc::new(pins))
}

/// What is accepted. Each text was checked when it was read; a section that lacks one was refused.
fn accepted(accept: &Accept) -> Option<AcceptRule> {
    let part = |part: &Option<String>| part.as_deref().map(Into::into);
    Some(AcceptRule {
        matcher: Matcher { kind: part(&accept.kind), api: part(&accept.api), endpoint: part(&accept.endpoint) },
        reason: Said::new(&accept.reason)?,
        author: Said::new(&accept.author)?,
        until: accept.until?,
        up_to: Severity::from_name(&accept.up_to)?,
    })
}

fn rule(api: &Api) -> ApiRule {
    ApiRule {
        name: api.name.as_str().into(),
        authorities: api.authorities.clone(),
        ports: api.ports.clone(),
        workloads: api.workloads.clone(),
    }
}
