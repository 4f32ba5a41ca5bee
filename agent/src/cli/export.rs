//! `apiscope export`: an API as an `OpenAPI` document, and what the given document lacks.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use apiscope_audit::export::{self, Seen, Version, diff};
use serde_json::Value;

use super::ask::AgentArg;
use super::note;
use crate::config::Config;
use crate::store::Store;
use crate::view::rfc3339;

/// Longest document that is compared, bytes.
const DOCUMENT_BYTES_MAX: u64 = 16 << 20;

/// An API as it was seen, as an OpenAPI document; or what the document that it has lacks.
///
/// Operations, parameters, bodies, statuses and ways of authentication as they were in traffic, without a value from it. Read from the store,
/// so that it works with and without a running agent. A member is "required" when it was in each of some twenty messages and more;
/// "x-apiscope-..." says how often an operation was called, and when.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  apiscope export orders-api > orders.json
  apiscope export orders-api --openapi 3.0 --format yaml
  apiscope export orders-api --diff text                       # what the API's document lacks, and what nobody calls
  apiscope export orders-api --diff patched > orders.new.json  # the document, with that added and marked x-apiscope-seen")]
pub(crate) struct Args {
    /// The API, as `apiscope apis` names it
    #[arg(value_name = "API")]
    api: String,
    #[command(flatten)]
    agent: AgentArg,
    /// Version of OpenAPI
    #[arg(long, value_name = "VERSION", value_parser = ["3.0", "3.1"], default_value = "3.1")]
    openapi: String,
    /// Form of the document
    #[arg(long, value_enum, default_value_t = Form::Json)]
    format: Form,
    /// Compare with the API's document instead: as text, as JSON, or as the document with what it lacks
    #[arg(long, value_enum, value_name = "FORM")]
    diff: Option<DiffForm>,
    /// The document to compare with [default: the API's, from the configuration]
    #[arg(long, value_name = "FILE", requires = "diff")]
    document: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    Json,
    Yaml,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum DiffForm {
    Text,
    Json,
    Patched,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = args.agent.loaded();
    let reader = Store::read_only(&config.store.dir)
        .with_context(|| format!("nothing was seen yet that {} holds", config.store.dir.display()))?;
    let rows = reader.endpoints()?;
    let schemas: BTreeMap<_, _> = reader.schemas()?.into_iter().collect();
    let coverage = reader.coverage()?.into_iter().find(|(api, _)| api.as_str() == args.api);
    let seen = Seen {
        api: &args.api,
        endpoints: rows
            .iter()
            .filter(|row| row.api.as_str() == args.api)
            .map(|row| (row, schemas.get(&row.id)))
            .collect(),
        bytes: coverage.map(|(_, coverage)| (coverage.socket(), coverage.parsed)),
        time: &rfc3339,
    };
    if seen.endpoints.is_empty() {
        let known: BTreeSet<_> = rows.iter().map(|row| row.api.as_str()).collect();
        let known: Vec<_> = known.into_iter().take(20).collect();
        bail!("no endpoint of an API {:?} is known; known APIs: {}", args.api, known.join(", "));
    }
    if seen.endpoints.iter().all(|(row, _)| row.calls == 0) {
        note("none of its endpoints was called yet");
    }
    let version = if args.openapi == "3.0" { Version::V30 } else { Version::V31 };
    match args.diff {
        None => write(&export::document(&seen, version), args.format),
        Some(form) => {
            let given = given(args, &config)?;
            match form {
                DiffForm::Text => text(&diff::text(&diff::diff(&seen, &given))),
                DiffForm::Json => write(&diff::json(&diff::diff(&seen, &given)), args.format),
                DiffForm::Patched => write(&export::patched(&seen, &given), args.format),
            }
        }
    }
}

/// The document to compare with.
fn given(args: &Args, config: &Config) -> anyhow::Result<Value> {
    let configured = || config.apis.iter().find(|api| api.name == args.api)?.openapi.first().cloned();
    let Some(path) = args.document.clone().or_else(configured) else {
        bail!("API {:?} has no document: name one with --document FILE, or as openapi under its [[api]]", args.api);
    };
    let value = read(&path).with_context(|| format!("can't read {}", path.display()))?;
    let is_three = value.get("openapi").and_then(Value::as_str).is_some_and(|version| version.starts_with("3."));
    if !is_three {
        bail!("{} is no OpenAPI 3 document: only those can be compared", path.display());
    }
    Ok(value)
}

fn read(path: &Path) -> anyhow::Result<Value> {
    let size = std::fs::metadata(path)?.len();
    if size > DOCUMENT_BYTES_MAX {
        bail!("it has {size} bytes; the most that is read is {DOCUMENT_BYTES_MAX}");
    }
    let text = std::fs::read_to_string(path)?;
    if let Ok(value) = serde_json::from_str(&text) {
        return Ok(value);
    }
    export::from_yaml(&text).map_err(anyhow::Error::msg)
}

fn write(value: &Value, form: Form) -> anyhow::Result<ExitCode> {
    match form {
        Form::Json => text(&format!("{value:#}\n")),
        Form::Yaml => text(&export::yaml(value).map_err(anyhow::Error::msg)?),
    }
}

fn text(text: &str) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
