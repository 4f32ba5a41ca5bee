//! Reading the store without the agent: the command line, when nothing runs. Never writes.

use std::path::Path;

use apiscope_audit::Restored;
use apiscope_audit::exchange::ApiId;
use apiscope_audit::finding::{FindingId, FindingRow};
use apiscope_audit::inventory::fleet::Life;
use apiscope_audit::inventory::{EndpointId, EndpointRow, Probed};
use apiscope_audit::ledger::{Event, RestoredSayings};
use apiscope_audit::schema::EndpointSchemas;
use apiscope_audit::secret::KeyMark;
use apiscope_wire::Coverage;
use rusqlite::{Connection, OptionalExtension};

use super::calls::{self, Call, CallFilter};
use super::retired::days;
use super::rows::{StoredFinding, read_coverage, read_endpoint, read_schemas};
use super::{StoreError, sayings, schema};

/// Endpoints and findings that are loaded at most, each: the newest ones.
const RESTORED_MAX: u32 = 100_000;

/// A store opened for reading.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    path: std::path::PathBuf,
}

impl Reader {
    /// Opens the store in `dir`; an agent may be writing it meanwhile.
    pub(super) fn open(dir: &Path) -> Result<Self, StoreError> {
        Ok(Self { connection: schema::open_read_only(dir)?, path: dir.join(schema::DATABASE_FILE) })
    }

    /// All endpoints, by API, route and method.
    pub fn endpoints(&self) -> Result<Vec<EndpointRow>, StoreError> {
        endpoints(&self.connection).map_err(|source| self.failed(source))
    }

    /// What endpoints take and give. What can't be read is left out.
    pub fn schemas(&self) -> Result<Vec<(EndpointId, EndpointSchemas)>, StoreError> {
        schemas(&self.connection).map_err(|source| self.failed(source))
    }

    /// Paths that are no endpoint, by API. What can't be read is left out.
    pub fn probed(&self) -> Result<Vec<Probed>, StoreError> {
        // A store that no agent of this version has opened for writing has none.
        let is_there = self.connection.table_exists(None, "probed").map_err(|source| self.failed(source))?;
        if is_there { probed(&self.connection).map_err(|source| self.failed(source)) } else { Ok(Vec::new()) }
    }

    /// What its counts belong to: the same in every copy of the store. `None`: no agent of this version has opened it for writing yet.
    pub fn life(&self) -> Result<Option<Life>, StoreError> {
        let life =
            self.connection.query_row("SELECT value FROM meta WHERE key = 'life'", [], |row| row.get::<_, String>(0));
        let life = life.optional().map_err(|source| self.failed(source))?;
        Ok(life.and_then(|hex| u64::from_str_radix(&hex, 16).ok()).map(Life))
    }

    /// The key that made the fingerprints and hashes in it. `None`: several have, or no agent of this version has opened it for writing yet.
    pub fn key(&self) -> Result<Option<KeyMark>, StoreError> {
        let mark =
            self.connection.query_row("SELECT value FROM meta WHERE key = 'key'", [], |row| row.get::<_, String>(0));
        let mark = mark.optional().map_err(|source| self.failed(source))?;
        Ok(mark.and_then(|hex| u64::from_str_radix(&hex, 16).ok()).map(KeyMark::from_stored))
    }

    /// All findings, open ones first, worst first.
    pub fn findings(&self) -> Result<Vec<FindingRow>, StoreError> {
        let mut rows = findings(&self.connection).map_err(|source| self.failed(source))?;
        rows.sort_by_key(|row| (row.resolved.is_some(), std::cmp::Reverse(row.severity), std::cmp::Reverse(row.last)));
        Ok(rows)
    }

    /// What people said about findings.
    pub fn sayings(&self) -> Result<RestoredSayings, StoreError> {
        sayings::restore(&self.connection).map_err(|source| self.failed(source))
    }

    /// A finding's history, oldest first.
    pub fn history(&self, finding: FindingId) -> Result<Vec<Event>, StoreError> {
        sayings::history(&self.connection, finding).map_err(|source| self.failed(source))
    }

    /// Each API's account since the store was made.
    pub fn coverage(&self) -> Result<Vec<(ApiId, Coverage)>, StoreError> {
        coverage(&self.connection).map_err(|source| self.failed(source))
    }

    /// Calls, newest first.
    pub fn calls(&self, filter: &CallFilter) -> Result<Vec<Call>, StoreError> {
        calls::select(&self.connection, filter).map_err(|source| self.failed(source))
    }

    /// Alerts that wait, by target.
    pub fn backlog(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let mut statement = self
            .connection
            .prepare("SELECT target, (SELECT count(*) FROM outbox WHERE id > position) FROM cursors ORDER BY target")
            .map_err(|source| self.failed(source))?;
        let rows = statement
            .query_map([], |row| Ok((row.get(0)?, super::rows::nat(row.get(1)?))))
            .and_then(Iterator::collect::<Result<Vec<_>, _>>);
        rows.map_err(|source| self.failed(source))
    }

    fn failed(&self, source: rusqlite::Error) -> StoreError {
        StoreError::Database { what: "can't read", path: self.path.clone(), source }
    }
}

/// What the core starts with.
pub(super) fn restore(connection: &Connection) -> rusqlite::Result<Restored> {
    Ok(Restored {
        endpoints: endpoints(connection)?,
        findings: findings(connection)?,
        schemas: schemas(connection)?,
        sayings: sayings::restore(connection)?,
        watched: days(connection)?,
        probed: probed(connection)?,
    })
}

pub(super) fn endpoints(connection: &Connection) -> rusqlite::Result<Vec<EndpointRow>> {
    let mut statement = connection.prepare_cached(
        "SELECT * FROM (SELECT * FROM endpoints ORDER BY coalesce(last, 0) DESC LIMIT ?1) ORDER BY api, route, method",
    )?;
    let rows = statement.query_map([RESTORED_MAX], read_endpoint)?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

pub(super) fn schemas(connection: &Connection) -> rusqlite::Result<Vec<(EndpointId, EndpointSchemas)>> {
    let mut statement = connection.prepare_cached("SELECT endpoint, packed FROM schemas ORDER BY endpoint LIMIT ?1")?;
    let rows = statement.query_map([RESTORED_MAX], read_schemas)?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

pub(super) fn probed(connection: &Connection) -> rusqlite::Result<Vec<Probed>> {
    let mut statement = connection.prepare_cached("SELECT packed FROM probed ORDER BY api LIMIT ?1")?;
    let lists = statement.query_map([RESTORED_MAX], |row| Ok(Probed::unpack(row.get_ref(0)?.as_blob()?)))?;
    Ok(lists.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

pub(super) fn findings(connection: &Connection) -> rusqlite::Result<Vec<FindingRow>> {
    let mut statement = connection.prepare_cached("SELECT * FROM findings ORDER BY last DESC LIMIT ?1")?;
    let rows = statement.query_map([RESTORED_MAX], StoredFinding::read)?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().filter_map(StoredFinding::restore).collect())
}

pub(super) fn coverage(connection: &Connection) -> rusqlite::Result<Vec<(ApiId, Coverage)>> {
    connection.prepare_cached("SELECT * FROM coverage ORDER BY api")?.query_map([], read_coverage)?.collect()
}
