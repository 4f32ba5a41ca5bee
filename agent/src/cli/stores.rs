//! Stores that agents leave, for the commands that join them.

use std::path::Path;

use anyhow::Context;
use apiscope_audit::inventory::fleet::{Fleet, Life, Report};

use crate::store::{DATABASE_FILE, Reader, Store};
use crate::trouble::Trouble;

/// A store by its directory or its database file, and what its counts belong to.
pub(super) fn open(path: &Path) -> anyhow::Result<(Reader, Life)> {
    let is_file = path.file_name().is_some_and(|name| name == DATABASE_FILE);
    let dir = if is_file { path.parent().unwrap_or(path) } else { path };
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    let reader = Store::read_only(dir)?;
    let Some(life) = reader.life().with_context(|| format!("{} is no store of an agent", path.display()))? else {
        let what = format!("{} was written by an older apiscope", path.display());
        return Err(Trouble::new(what, "start the newer agent on it once, then merge again".to_owned()).into());
    };
    Ok((reader, life))
}

/// Takes a report into a fleet.
pub(super) fn add(fleet: &mut Fleet, life: Life, report: Report) -> anyhow::Result<()> {
    if fleet.report(life, report) {
        return Ok(());
    }
    let what = format!("more than {} agents are too many for one inventory", Fleet::LIVES_MAX);
    Err(Trouble::new(what, "merge fewer stores at a time".to_owned()).into())
}
