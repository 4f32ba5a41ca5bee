//! The OpenAPI documents of a running agent: the last good version of each stays in force, and what is wrong is told. What a version had
//! is remembered, so that what a later one lacks is known to be removed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use apiscope_audit::Settings;
use apiscope_audit::openapi::Document;

use super::{Agent, now};
use crate::config::{Config, Memory, Reading};
use crate::metrics::{ApiSnapshot, SpecSnapshot};
use crate::trouble::Trouble;

/// How often the documents' files are looked at.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(3);

/// What is remembered from one reading to the next.
#[derive(Debug, Default)]
pub(super) struct Documents {
    specs: BTreeMap<PathBuf, SpecSnapshot>,
    /// By API.
    good: BTreeMap<String, Arc<Document>>,
    /// The files, and how each was when it was read.
    files: BTreeMap<PathBuf, Option<Stamp>>,
    memory: Memory,
}

/// What tells that a file is another one now.
type Stamp = (SystemTime, u64);

impl Documents {
    /// With what the store remembers.
    pub(super) fn new(agent: &Agent) -> Self {
        let memory = agent.store.documents().unwrap_or_else(|error| {
            tracing::warn!("what the documents had before is not known: {error}");
            Vec::new()
        });
        Self { memory: memory.into_iter().collect(), ..Self::default() }
    }

    /// Reads all documents; the core's settings with those that are good, and with the last good version of those that are not.
    pub(super) fn settings(&mut self, agent: &Agent, config: &Config) -> Arc<Settings> {
        let (mut settings, readings) = config.settings_after(&self.memory);
        self.good.retain(|api, _| readings.iter().any(|reading| reading.api == *api));
        self.specs.retain(|path, _| readings.iter().any(|reading| reading.paths.contains(path)));
        self.files =
            readings.iter().flat_map(|reading| &reading.files).map(|file| (file.clone(), stamp(file))).collect();
        let mut wrong = Vec::new();
        for reading in &readings {
            self.count(reading);
            let part = format!("document of {}", reading.api);
            match &reading.document {
                Ok(document) => {
                    self.good.insert(reading.api.clone(), Arc::clone(document));
                    self.remember(agent, &reading.api, document);
                    tell_faults(&part, reading);
                }
                Err(mistake) => {
                    let last = self.good.get(&reading.api);
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

    /// Whether there are any files to look at.
    pub(super) fn has_files(&self) -> bool {
        !self.files.is_empty()
    }

    /// Whether a file is another one than when it was read, or is there now and was not, or the other way round.
    pub(super) fn have_changed(&self) -> bool {
        self.files.iter().any(|(file, known)| stamp(file) != *known)
    }

    fn remember(&mut self, agent: &Agent, api: &str, document: &Document) {
        let present = document.earlier();
        let known = self.memory.entry(api.to_owned()).or_default();
        let before = known.clone();
        if !known.add(&present) {
            tracing::warn!(
                "document of {api}: it had more operations than are remembered; some will not be known as removed"
            );
        }
        if *known != before
            && let Err(error) = agent.store.remember_document(api, known)
        {
            tracing::warn!("document of {api}: what it has is not remembered after a restart: {error}");
        }
    }

    fn count(&mut self, reading: &Reading) {
        for path in &reading.paths {
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
            let spec = self.specs.entry(path.clone()).or_default();
            spec.spec = name.into_owned();
            match &reading.document {
                Ok(_) => spec.loaded_at = Some(now()),
                Err(mistake) if mistake.source.path == *path => spec.failures += 1,
                Err(_) => {}
            }
        }
    }
}

fn tell_faults(part: &str, reading: &Reading) {
    let faults: Vec<_> = reading.faults.iter().filter(|fault| fault.gravity != crate::config::Gravity::Note).collect();
    if let Some(first) = faults.first() {
        let more = match faults.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more; `apiscope check` shows all)"),
        };
        tracing::warn!("{part}: not read as written: {first}{more}");
    }
}

fn stamp(file: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn about(api: &str, settings: &Settings) -> ApiSnapshot {
    let document = settings.documents.get(api);
    let owner = settings.owners.get(api).or_else(|| document?.owner.as_ref()).map(AsRef::as_ref);
    ApiSnapshot {
        api: api.to_owned(),
        team: owner.unwrap_or_default().to_owned(),
        spec: document.map_or_else(String::new, |document| document.title.to_string()),
        ..ApiSnapshot::default()
    }
}

fn told(mistake: &str, has_last: bool) -> Trouble {
    let until = if has_last { "its last good version is still in force" } else { "the agent goes on without it" };
    Trouble::new(
        format!("{mistake}; {until}"),
        "mend the document (`apiscope check` shows the place); it is read again by itself",
    )
}
