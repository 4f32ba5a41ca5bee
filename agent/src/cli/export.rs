//! `apiscope export`: an API as an `OpenAPI` document, and what the given documents lack.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use apiscope_audit::exchange::ApiId;
use apiscope_audit::export::{self, Given, Seen, Version, diff};
use apiscope_audit::inventory::EndpointRow;
use apiscope_audit::inventory::fleet::{Fleet, Life, Report};
use apiscope_audit::schema::EndpointSchemas;
use serde_json::Value;

use super::ask::AgentArg;
use super::{note, stores};
use crate::config::mistake::suggestion;
use crate::config::{Config, parse_document};
use crate::store::{Reader, Store};
use crate::trouble::Trouble;
use crate::view::rfc3339;

/// APIs named where one is not known.
const NAMED_MAX: usize = 20;

/// An API as it was seen, as an OpenAPI document; or what the documents that it has lack.
///
/// Operations, parameters, bodies, statuses and ways of authentication as they were in traffic, without a value from it. Read from the store,
/// so that it works with and without a running agent. A member is "required" when it was in each of some twenty messages and more;
/// "x-apiscope-..." says how often an operation was called, and when.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  apiscope export orders-api > orders.json
  apiscope export orders-api --openapi 3.0 --format yaml
  apiscope export orders-api --store host-a --store host-b     # as several agents saw it together
  apiscope export orders-api --diff text                       # what the API's documents lack, and what nobody calls
  apiscope export orders-api --diff patched > orders.new.json  # the document, with that added and marked x-apiscope-seen")]
pub(crate) struct Args {
    /// The API, as `apiscope apis` names it
    #[arg(value_name = "API")]
    api: String,
    #[command(flatten)]
    agent: AgentArg,
    /// Store to read, a directory or a copy of its apiscope.db; several as one, as `apiscope merge` joins them [default: the agent's]
    #[arg(long = "store", value_name = "STORE")]
    stores: Vec<PathBuf>,
    /// Version of OpenAPI
    #[arg(long, value_name = "VERSION", value_parser = ["3.0", "3.1"], default_value = "3.1")]
    openapi: String,
    /// Form of the document
    #[arg(long, value_enum, default_value_t = Form::Json)]
    format: Form,
    /// Schemas that allow nothing but what was seen: no other members of objects; numbers, lengths and sizes up to 16 times of what was met
    #[arg(long, conflicts_with = "diff")]
    strict: bool,
    /// Compare with the API's documents instead: as text, as JSON, or as the document with what it lacks
    #[arg(long, value_enum, value_name = "FORM")]
    diff: Option<DiffForm>,
    /// The document to compare with; one of the API's, and only what concerns it is told [default: all that the configuration has of the API]
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
    let known = Known::read(args, &config)?;
    if known.endpoints.iter().all(|(row, _)| row.calls == 0) {
        note("none of its endpoints was called yet");
    }
    let seen = Seen {
        api: &args.api,
        endpoints: known.endpoints.iter().map(|(row, schemas)| (row, schemas.as_ref())).collect(),
        bytes: known.bytes,
        time: &rfc3339,
    };
    let version = if args.openapi == "3.0" { Version::V30 } else { Version::V31 };
    match args.diff {
        None => write(&export::document(&seen, version, args.strict), args.format),
        Some(form) => compare(args, &config, &seen, form),
    }
}

/// What the stores hold of the API.
struct Known {
    endpoints: Vec<(EndpointRow, Option<EndpointSchemas>)>,
    /// Bytes at the sockets, and those of them that were read.
    bytes: Option<(u64, u64)>,
}

impl Known {
    fn read(args: &Args, config: &Config) -> anyhow::Result<Self> {
        let mut readers = Vec::new();
        if args.stores.is_empty() {
            let dir = &config.store.dir;
            let reader =
                Store::read_only(dir).with_context(|| format!("nothing was seen yet that {} holds", dir.display()))?;
            readers.push((reader, Life(0)));
        }
        for path in &args.stores {
            readers.push(stores::open(path)?);
        }
        let api = ApiId::new(&args.api);
        let (mut fleet, mut others) = (Fleet::default(), BTreeSet::new());
        // Of several copies of one store only one counts.
        let mut bytes = BTreeMap::new();
        for (reader, life) in &readers {
            stores::add(&mut fleet, *life, report(reader, &api, &mut others)?)?;
            if let Some((_, coverage)) = reader.coverage()?.into_iter().find(|(of, _)| *of == api) {
                let known: &mut (u64, u64) = bytes.entry(*life).or_default();
                *known = (*known).max((coverage.socket(), coverage.parsed));
            }
        }
        let endpoints = fleet.api(&api);
        if endpoints.is_empty() {
            return Err(unknown(&args.api, &others).into());
        }
        let sum = |(socket, read): (u64, u64), of: (u64, u64)| (socket.saturating_add(of.0), read.saturating_add(of.1));
        Ok(Self { endpoints, bytes: bytes.into_values().reduce(sum) })
    }
}

/// What one store holds of an API; names of others go to `others`.
fn report(reader: &Reader, api: &ApiId, others: &mut BTreeSet<String>) -> anyhow::Result<Report> {
    let (rows, other): (Vec<_>, Vec<_>) = reader.endpoints()?.into_iter().partition(|row| row.api == *api);
    others.extend(other.into_iter().map(|row| row.api.to_string()));
    let ids: BTreeSet<_> = rows.iter().map(|row| row.id).collect();
    let schemas = reader.schemas()?.into_iter().filter(|(id, _)| ids.contains(id)).collect();
    Ok(Report::new(rows).with_schemas(schemas, reader.key()?))
}

fn unknown(api: &str, others: &BTreeSet<String>) -> Trouble {
    let what = format!("no endpoint of an API {api:?} is known");
    if let Some(near) = suggestion(api, others.iter().map(String::as_str)) {
        return Trouble::new(what, format!("did you mean {near:?}?"));
    }
    if others.is_empty() {
        return Trouble::new(what, "nothing was seen yet: `apiscope status` tells what the agent captures");
    }
    let mut names = others.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    if others.len() > NAMED_MAX {
        names.push_str(", ...");
    }
    Trouble::new(what, format!("known are {names}"))
}

/// The documents to compare with, and which of them is meant alone.
struct Documents {
    paths: Vec<PathBuf>,
    only: Option<usize>,
}

impl Documents {
    fn of(args: &Args, config: &Config) -> anyhow::Result<Self> {
        let configured = config.apis.iter().find(|api| api.name == args.api).map(|api| api.openapi.as_slice());
        let configured = configured.unwrap_or_default();
        let Some(named) = &args.document else {
            if configured.is_empty() {
                let what = format!("API {:?} has no document", args.api);
                return Err(Trouble::new(what, "name one with --document FILE, or as openapi under its [[api]]").into());
            }
            return Ok(Self { paths: configured.to_vec(), only: None });
        };
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let only = configured.iter().position(|path| real(path) == real(named));
        let paths = if only.is_some() { configured.to_vec() } else { vec![named.clone()] };
        Ok(Self { paths, only })
    }

    fn names(&self) -> String {
        self.paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    }
}

fn compare(args: &Args, config: &Config, seen: &Seen<'_>, form: DiffForm) -> anyhow::Result<ExitCode> {
    let documents = Documents::of(args, config)?;
    let mut sources = Vec::new();
    for path in &documents.paths {
        sources.push(parse_document(path).map_err(anyhow::Error::msg)?);
    }
    let given = Given::of(&sources.iter().collect::<Vec<_>>()).with_context(|| {
        let is_broken = |source| Given::of(&[source]).is_err();
        let broken = sources.iter().zip(&documents.paths).find(|(source, _)| is_broken(source));
        format!(
            "can't compare with {}",
            broken.map_or_else(|| documents.names(), |(_, path)| path.display().to_string())
        )
    })?;
    if form == DiffForm::Patched {
        return write(&patched(args, &documents, seen, &given)?, args.format);
    }
    let mut differences = diff::diff(seen, &given);
    differences.retain(|difference| documents.only.is_none_or(|only| difference.document == only));
    match form {
        DiffForm::Json => write(&diff::json(&differences, &given), args.format),
        DiffForm::Text | DiffForm::Patched => text(&diff::text(&differences, &given)),
    }
}

fn patched(args: &Args, documents: &Documents, seen: &Seen<'_>, given: &Given) -> anyhow::Result<Value> {
    let (at, path) = match (documents.only, documents.paths.as_slice()) {
        (None, [only]) => (0, only),
        (Some(at), paths) if at < paths.len() => (at, &paths[at]),
        _ => {
            let what = format!("API {:?} has several documents", args.api);
            let todo = format!("name the one to patch with --document FILE: {}", documents.names());
            return Err(Trouble::new(what, todo).into());
        }
    };
    let original = read(path).with_context(|| format!("can't read {}", path.display()))?;
    if original.get("openapi").is_none() {
        let what = format!("{} is a Swagger 2.0 document: what was seen has no words in it", path.display());
        return Err(Trouble::new(what, "--diff text or --diff json tell the differences").into());
    }
    let (patched, lost) = export::patched(seen, given, at, &original);
    if lost > 0 {
        note(&format!(
            "{lost} differences have no place in it (below none of its base paths, or in a file that it refers to): --diff text tells them"
        ));
    }
    Ok(patched)
}

/// As the file has it: the parsed form that is compared does not keep numbers past 2^53.
fn read(path: &Path) -> anyhow::Result<Value> {
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
