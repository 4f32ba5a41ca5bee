//! From the configuration to what the core is told. OpenAPI documents are read here: files are effects.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use apiscope_audit::Settings;
use apiscope_audit::openapi::{Document, DocumentError, DocumentFault};
use apiscope_audit::settings::ApiRule;

use super::{Api, Config, Mistake, Source};
use crate::trouble::plain;

/// How the reading of an API's document went.
#[derive(Debug)]
pub struct Reading {
    /// The API.
    pub api: String,
    /// The file.
    pub path: PathBuf,
    /// The document, or why there is none.
    pub document: Result<Arc<Document>, Mistake>,
    /// What is wrong in places; the rest counts.
    pub faults: Vec<Mistake>,
}

impl Config {
    /// Settings with the documents that could be read, and how each reading went.
    pub fn settings(&self) -> (Settings, Vec<Reading>) {
        let readings: Vec<_> = self.apis.iter().filter_map(Reading::of).collect();
        let good = readings.iter().filter_map(|reading| Some((reading, reading.document.as_ref().ok()?)));
        let documents: BTreeMap<_, _> =
            good.map(|(reading, document)| (reading.api.as_str().into(), Arc::clone(document))).collect();
        let settings = Settings {
            environment: self.environment.as_str().into(),
            apis: self.apis.iter().map(rule).collect(),
            documents,
            api_key_headers: self.api_key_headers.iter().map(|name| name.to_lowercase().into()).collect(),
            detect: self.detect.clone(),
            resolve_after: self.resolve_after,
        };
        (settings, readings)
    }
}

impl Reading {
    fn of(api: &Api) -> Option<Self> {
        let path = api.openapi.clone()?;
        let (document, faults) = match read(&path) {
            Ok((document, faults)) => (Ok(Arc::new(document)), faults),
            Err(mistake) => (Err(mistake), Vec::new()),
        };
        Some(Self { api: api.name.clone(), path, document, faults })
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

fn read(path: &Path) -> Result<(Document, Vec<Mistake>), Mistake> {
    let text = std::fs::metadata(path).and_then(|metadata| {
        // A device or a pipe would be read for ever.
        if metadata.is_file() { std::fs::read(path) } else { Err(std::io::Error::other("not a file")) }
    });
    let (text, error) = match text {
        Ok(bytes) => (String::from_utf8(bytes).unwrap_or_default(), None),
        Err(error) => (String::new(), Some(error)),
    };
    let source = Arc::new(Source { path: path.to_owned(), text });
    if let Some(error) = error {
        let mistake = Mistake::whole(&source, format!("the OpenAPI document cannot be read: {}", plain(&error)));
        return Err(mistake.help("check the path in [[api]] openapi, and that the agent may read it"));
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    match Document::read(&source.text, &name) {
        Ok((document, faults)) => Ok((document, faults.iter().map(|fault| warning(&source, fault)).collect())),
        Err(error) => Err(broken(&source, &error)),
    }
}

fn broken(source: &Arc<Source>, error: &DocumentError) -> Mistake {
    let mistake = match error {
        DocumentError::Syntax { line, column, what } if *line > 0 => {
            Mistake::at_line(source, *line, *column, format!("neither YAML nor JSON: {what}"))
        }
        error => Mistake::whole(source, format!("no OpenAPI document: {error}")),
    };
    mistake.help("the agent goes on without this document: nothing is told about undocumented endpoints of its API")
}

fn warning(source: &Arc<Source>, fault: &DocumentFault) -> Mistake {
    let message = format!("`{}`: {}", fault.pointer, fault.fault);
    let line = fault.line.and_then(|line| usize::try_from(line).ok());
    line.map_or_else(|| Mistake::whole(source, &*message), |line| Mistake::at_line(source, line, 0, &*message))
        .warning()
}
