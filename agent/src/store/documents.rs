//! What is remembered of APIs' documents: which operations they have and had.

use apiscope_audit::openapi::Earlier;
use rusqlite::Connection;

use super::{Store, StoreError};

/// APIs of which this is remembered.
const APIS_MAX: u32 = 1_000;

impl Store {
    /// What is remembered of each API's documents.
    pub fn documents(&self) -> Result<Vec<(String, Earlier)>, StoreError> {
        self.run(|connection| select(connection))
    }

    /// Remembers what an API's documents have and had, in place of what was known.
    pub fn remember_document(&self, api: &str, earlier: &Earlier) -> Result<(), StoreError> {
        let (api, operations) = (api.to_owned(), earlier.write());
        self.run(move |connection| {
            connection.execute("INSERT OR REPLACE INTO documents VALUES (?1, ?2)", [api, operations]).map(drop)
        })
    }
}

fn select(connection: &Connection) -> rusqlite::Result<Vec<(String, Earlier)>> {
    let mut statement = connection.prepare_cached("SELECT api, operations FROM documents ORDER BY api LIMIT ?1")?;
    let rows = statement.query_map([APIS_MAX], |row| Ok((row.get(0)?, Earlier::parse(&row.get::<_, String>(1)?))))?;
    rows.collect()
}
