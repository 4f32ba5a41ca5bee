//! The OpenAPI documents of a running agent: the last good version of each stays in force, and what is wrong is told.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use apiscope_audit::Settings;
use apiscope_audit::openapi::Document;

use super::{Agent, now};
use crate::config::{Config, Reading};
use crate::metrics::{ApiSnapshot, SpecSnapshot};
use crate::trouble::Trouble;

/// What is remembered from one reading to the next.
#[derive(Debug, Default)]
pub(super) struct Documents {
    specs: BTreeMap<PathBuf, SpecSnapshot>,
    good: BTreeMap<PathBuf, Arc<Document>>,
}

impl Documents {
    /// Reads all documents; the core's settings with those that are good, and with the last good version of those that are not.
    pub(super) fn settings(&mut self, agent: &Agent, config: &Config) -> Arc<Settings> {
        let (mut settings, readings) = config.settings();
        self.good.retain(|path, _| readings.iter().any(|reading| reading.path == *path));
        let mut wrong = Vec::new();
        for reading in &readings {
            self.count(reading);
            let part = format!("document of {}", reading.api);
            match &reading.document {
                Ok(document) => {
                    self.good.insert(reading.path.clone(), Arc::clone(document));
                    if let Some(first) = reading.faults.first() {
                        let more = match reading.faults.len() - 1 {
                            0 => String::new(),
                            more => format!(" (and {more} more)"),
                        };
                        tracing::warn!("{part}: not read as written: {first}{more}");
                    }
                }
                Err(mistake) => {
                    let last = self.good.get(&reading.path);
                    agent.health.set(&part, &told(&mistake.to_string(), last.is_some()), now());
                    if let Some(document) = last {
                        settings.documents.insert(reading.api.as_str().into(), Arc::clone(document));
                    }
                    wrong.push(part);
                }
            }
        }
        agent.health.keep("document of ", &wrong);
        agent.metrics.set_specs(self.specs.values().cloned().collect());
        agent.metrics.set_apis(config.apis.iter().map(|api| about(&api.name, &settings)).collect());
        Arc::new(settings)
    }

    fn count(&mut self, reading: &Reading) {
        let name = reading.path.file_name().unwrap_or(reading.path.as_os_str()).to_string_lossy();
        let spec = self.specs.entry(reading.path.clone()).or_default();
        spec.spec = name.into_owned();
        match &reading.document {
            Ok(_) => spec.loaded_at = Some(now()),
            Err(_) => spec.failures += 1,
        }
    }
}

fn about(api: &str, settings: &Settings) -> ApiSnapshot {
    let document = settings.documents.get(api);
    ApiSnapshot {
        api: api.to_owned(),
        spec: document.map_or_else(String::new, |document| document.title.to_string()),
        ..ApiSnapshot::default()
    }
}

fn told(mistake: &str, has_last: bool) -> Trouble {
    let until = if has_last { "its last good version is still in force" } else { "the agent goes on without it" };
    Trouble::new(format!("{mistake}; {until}"), "mend the document (`apiscope check` shows the place), then reload")
}
