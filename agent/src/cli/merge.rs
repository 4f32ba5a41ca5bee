//! `apiscope merge`: what several agents saw, as one inventory.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use apiscope_audit::inventory::fleet::{Fleet, Report};

use super::output::{self, Format};
use super::{next, note};
use crate::store::{DATABASE_FILE, Store};
use crate::trouble::Trouble;
use crate::view::EndpointView;

/// What several agents saw, as one inventory: as if one agent had seen all of their traffic.
///
/// Reads the stores that agents leave (a directory, or a copy of its apiscope.db), running or not, and changes nothing. Order does not matter,
/// nor whether one comes twice: of two copies of a store the newer counts. An endpoint whose template one agent could not learn yet
/// counts at the wider one of the others. Consumers with credentials are the same consumer only where agents share a fingerprint.key.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  apiscope merge host-a/apiscope.db host-b/apiscope.db
  apiscope merge stores/* -o json > inventory.json")]
pub(crate) struct Args {
    /// Stores: directories, or database files
    #[arg(value_name = "STORE", required = true)]
    stores: Vec<PathBuf>,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut fleet = Fleet::default();
    for path in &args.stores {
        let dir = if path.file_name().is_some_and(|name| name == DATABASE_FILE) {
            path.parent().unwrap_or(path)
        } else {
            path
        };
        let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
        let reader = Store::read_only(dir)?;
        let Some(life) = reader.life().with_context(|| format!("{} is no store of an agent", path.display()))? else {
            let what = format!("{} was written by an older apiscope", path.display());
            return Err(Trouble::new(what, "start the newer agent on it once, then merge again".to_owned()).into());
        };
        if !fleet.report(life, Report::new(reader.endpoints()?)) {
            let what = format!("more than {} agents are too many for one inventory", Fleet::LIVES_MAX);
            return Err(Trouble::new(what, "merge fewer stores at a time".to_owned()).into());
        }
    }
    note(&format!("{} stores of {} agents", args.stores.len(), fleet.lives()));
    let views: Vec<_> = fleet.endpoints().iter().map(EndpointView::from).collect();
    output::list(args.output, views)?;
    next("the same with -o json, for all that is known of each endpoint");
    Ok(ExitCode::SUCCESS)
}
