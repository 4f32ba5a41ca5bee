//! The database file: how it is opened, made, brought up to date, and set aside when it is damaged.

use std::fs::{self, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::StoreError;
use super::fingerprint::create_dir;
use crate::claim::Claim;

/// The database's name in the store's directory.
pub const DATABASE_FILE: &str = "apiscope.db";

/// Held by the agent that writes.
const LOCK_FILE: &str = "apiscope.lock";

/// One step each; `user_version` counts the steps that were taken. Never change one that was released: add another.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
];

/// How long to wait for a reader that holds the file.
const BUSY: Duration = Duration::from_secs(5);

/// An opened database, and what had to be done for it.
pub(super) struct Opened {
    pub(super) connection: Connection,
    /// Where a damaged file went.
    pub(super) set_aside: Option<PathBuf>,
}

/// Opens or makes the database in `dir`. A damaged file is renamed to `apiscope.db.corrupt-SECONDS` and a new one begun:
/// what was in it is lost to the agent, and there for whoever wants to mend it.
pub(super) fn open(dir: &Path, now_seconds: u64) -> Result<Opened, StoreError> {
    create_dir(dir)?;
    let path = dir.join(DATABASE_FILE);
    match open_file(&path, now_seconds) {
        Ok(connection) => Ok(Opened { connection, set_aside: None }),
        Err(StoreError::Database { source, .. }) if is_damage(&source) => {
            let aside = set_aside(&path, now_seconds)?;
            Ok(Opened { connection: open_file(&path, now_seconds)?, set_aside: Some(aside) })
        }
        Err(error) => Err(error),
    }
}

/// Takes the directory for this process: two agents on one outbox would send everything twice. Given back by the claim's
/// end, also by a kill.
pub(super) fn take(dir: &Path) -> Result<Claim, StoreError> {
    create_dir(dir)?;
    let path = dir.join(LOCK_FILE);
    let failed = |source| StoreError::File { what: "can't open", path: path.clone(), source };
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(failed)?;
    Claim::take(file).map_err(|(_, error)| match error {
        TryLockError::WouldBlock => StoreError::InUse { dir: dir.into() },
        TryLockError::Error(source) => failed(source),
    })
}

/// A database that lives in memory, for an agent that has no file to write to.
pub(super) fn open_memory() -> Result<Connection, StoreError> {
    let path = Path::new("(memory)");
    let failed = |source| StoreError::Database { what: "can't open", path: path.into(), source };
    let mut connection = Connection::open_in_memory().map_err(failed)?;
    migrate(&mut connection, path)?;
    Ok(connection)
}

/// Opens the database in `dir` for reading, beside an agent that may be writing it.
pub(super) fn open_read_only(dir: &Path) -> Result<Connection, StoreError> {
    let path = dir.join(DATABASE_FILE);
    if !path.exists() {
        return Err(StoreError::Missing { path });
    }
    let failed = |source| StoreError::Database { what: "can't read", path: path.clone(), source };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&path, flags).map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    let found = version(&connection).map_err(failed)?;
    if found > known() {
        return Err(StoreError::Newer { path, found, known: known() });
    }
    Ok(connection)
}

pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

fn open_file(path: &Path, now_seconds: u64) -> Result<Connection, StoreError> {
    // Made here first: SQLite would make it, and its -wal and -shm files that copy its mode, readable for all.
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|source| StoreError::File { what: "can't open", path: path.into(), source })?;
    let failed = |source| StoreError::Database { what: "can't open", path: path.into(), source };
    let mut connection = Connection::open(path).map_err(failed)?;
    configure(&connection).map_err(failed)?;
    let sound: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failed)?;
    if sound != "ok" {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
        return Err(failed(rusqlite::Error::SqliteFailure(code, Some(sound))));
    }
    migrate(&mut connection, path)?;
    note(&connection, now_seconds).map_err(failed)?;
    Ok(connection)
}

/// Since when there is a store, and who wrote it last: for a support case.
fn note(connection: &Connection, now_seconds: u64) -> rusqlite::Result<()> {
    connection.execute("INSERT OR IGNORE INTO meta VALUES ('created', ?1)", [now_seconds.to_string()])?;
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('version', ?1)", [env!("CARGO_PKG_VERSION")])?;
    Ok(())
}

/// WAL: readers never block the writer nor it them. NORMAL: a kill loses nothing that was committed; a power cut may lose the
/// last commits as a whole, never half of one.
fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "journal_size_limit", 16 * 1024 * 1024)?;
    connection.pragma_update(None, "cache_size", -2048)?;
    connection.pragma_update(None, "secure_delete", true)
}

fn known() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::Database { what: "can't bring up to date", path: path.into(), source };
    let found = version(connection).map_err(failed)?;
    if found > known() {
        return Err(StoreError::Newer { path: path.into(), found, known: known() });
    }
    for (step, sql) in (1u32..).zip(MIGRATIONS).skip(found as usize) {
        let transaction = connection.transaction().map_err(failed)?;
        transaction.execute_batch(sql).map_err(failed)?;
        transaction.pragma_update(None, "user_version", step).map_err(failed)?;
        transaction.commit().map_err(failed)?;
    }
    Ok(())
}

fn set_aside(path: &Path, now_seconds: u64) -> Result<PathBuf, StoreError> {
    let aside = path.with_file_name(format!("{DATABASE_FILE}.corrupt-{now_seconds}"));
    fs::rename(path, &aside).map_err(|source| StoreError::File {
        what: "is damaged and can't be set aside:",
        path: path.into(),
        source,
    })?;
    for suffix in ["-wal", "-shm"] {
        // A log that belongs to the damaged file must not be replayed into the new one. It may not be there.
        let _ = fs::rename(
            path.with_file_name(format!("{DATABASE_FILE}{suffix}")),
            path.with_file_name(format!("{DATABASE_FILE}.corrupt-{now_seconds}{suffix}")),
        );
    }
    Ok(aside)
}
