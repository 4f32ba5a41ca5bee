//! `apiscope merge`: what several agents saw, as one inventory.

use std::path::PathBuf;
use std::process::ExitCode;

use apiscope_audit::inventory::fleet::{Fleet, Report};

use super::output::{self, Format};
use super::{next, note, stores};
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
        let (reader, life) = stores::open(path)?;
        stores::add(&mut fleet, life, Report::new(reader.endpoints()?))?;
    }
    note(&format!("{} stores of {} agents", args.stores.len(), fleet.lives()));
    let views: Vec<_> = fleet.endpoints().iter().map(EndpointView::from).collect();
    output::list(args.output, views)?;
    next("apiscope export API --store STORE --store STORE, for one API of them as an OpenAPI document");
    Ok(ExitCode::SUCCESS)
}
