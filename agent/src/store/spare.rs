//! What an agent writes to while its disk does not take anything: a database in memory, and the way there and back.
//!
//! The call log is not kept meanwhile: it could fill the memory. Everything else is small, because the core bounds it.

use std::path::Path;

use rusqlite::{Connection, params};

use super::{StoreError, schema};

/// Tables that go along. `calls` stays where it is.
const TABLES: [&str; 15] = [
    "meta",
    "endpoints",
    "schemas",
    "probed",
    "findings",
    "decisions",
    "silences",
    "learning",
    "history",
    "coverage",
    "watched",
    "documents",
    "outbox",
    "standing",
    "parked",
];

/// A database in memory with what the file still lets us read. The second part tells whether it could be read.
pub(super) fn leave(file: Option<&Path>) -> Result<(Connection, bool), StoreError> {
    let connection = schema::open_memory()?;
    let Some(file) = file else { return Ok((connection, false)) };
    let copied = attached(&connection, file, |connection| {
        for table in TABLES.iter().chain(&["cursors"]) {
            connection.execute_batch(&format!("INSERT OR REPLACE INTO main.{table} SELECT * FROM disk.{table}"))?;
        }
        connection.execute_batch(
            "DELETE FROM main.sqlite_sequence; INSERT INTO main.sqlite_sequence SELECT * FROM disk.sqlite_sequence",
        )
    });
    match copied {
        Ok(()) => Ok((connection, true)),
        Err(_unreadable) => Ok((schema::open_memory()?, false)),
    }
}

/// Takes what was gathered in memory back to the file. What came from the file replaces what is there; where the file could
/// not be read before, rows are laid over it, and the caller waits until the outbox in memory is empty, because its numbers
/// are not the file's.
pub(super) fn come_back(memory: &Connection, file: &Path, seeded: bool) -> rusqlite::Result<()> {
    attached(memory, file, |connection| {
        for table in TABLES {
            if seeded {
                connection.execute_batch(&format!("DELETE FROM disk.{table}"))?;
            }
            // What is only of the file in memory stays there: the numbers of its outbox, and which life it would have begun.
            if seeded || !["outbox", "meta"].contains(&table) {
                connection.execute_batch(&format!("INSERT OR REPLACE INTO disk.{table} SELECT * FROM main.{table}"))?;
            }
        }
        if seeded {
            return connection.execute_batch(
                "DELETE FROM disk.cursors; INSERT INTO disk.cursors SELECT * FROM main.cursors; \
                 DELETE FROM disk.sqlite_sequence WHERE name = 'outbox'; \
                 INSERT INTO disk.sqlite_sequence SELECT * FROM main.sqlite_sequence WHERE name = 'outbox'",
            );
        }
        connection.execute_batch(
            "INSERT OR REPLACE INTO disk.cursors SELECT target, (SELECT coalesce(max(seq), 0) FROM disk.sqlite_sequence \
             WHERE name = 'outbox'), seen FROM main.cursors WHERE target NOT IN (SELECT target FROM disk.cursors)",
        )
    })
}

fn attached(
    connection: &Connection,
    file: &Path,
    copy: impl FnOnce(&Connection) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    connection.execute("ATTACH DATABASE ?1 AS disk", params![file.to_string_lossy()])?;
    let done = connection
        .execute_batch("BEGIN")
        .and_then(|()| copy(connection))
        .and_then(|()| connection.execute_batch("COMMIT"));
    if done.is_err() && !connection.is_autocommit() {
        // The error that matters is the one above.
        let _ = connection.execute_batch("ROLLBACK");
    }
    let detached = connection.execute_batch("DETACH DATABASE disk");
    done.and(detached)
}
