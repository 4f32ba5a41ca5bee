//! What endpoints announce of their end, how long nobody called them, and the account of each day, as the database has them.

use apiscope_audit::exchange::ApiId;
use apiscope_audit::facts::{Deprecation, Retirement};
use apiscope_audit::inventory::{Announced, Idle};
use apiscope_audit::watch::{Seen, WatchedDay};
use apiscope_wire::Timestamp;
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use super::rows::{int, nat};

/// Days of all APIs that are loaded at most.
const DAYS_MAX: u32 = 100_000;

/// [`Announced`], in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredAnnounced {
    /// When it was last said.
    #[serde(skip_serializing_if = "Option::is_none")]
    said: Option<u64>,
    /// `date`, `draft-date`, `draft-true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    form: Option<String>,
    /// Seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<i64>,
    /// Seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    sunset: Option<i64>,
    /// When a success last did not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    unsaid: Option<u64>,
}

impl StoredAnnounced {
    pub(super) fn of(announced: &Announced) -> Option<Self> {
        if *announced == Announced::default() {
            return None;
        }
        let (at, said) = announced.said.unzip();
        let deprecation = said.and_then(|said| said.deprecation);
        Some(Self {
            said: at.map(Timestamp::as_nanos),
            form: deprecation.map(|deprecation| form(deprecation).to_owned()),
            since: deprecation.and_then(Deprecation::since),
            sunset: said.and_then(|said| said.sunset),
            unsaid: announced.unsaid.map(Timestamp::as_nanos),
        })
    }

    pub(super) fn restore(self) -> Announced {
        let deprecation = match (self.form.as_deref(), self.since) {
            (Some("date"), Some(since)) => Some(Deprecation::Date(since)),
            (Some("draft-date"), Some(since)) => Some(Deprecation::DraftDate(since)),
            (Some("draft-true"), _) => Some(Deprecation::DraftTrue),
            _ => None,
        };
        let retirement = Retirement { deprecation, sunset: self.sunset };
        Announced {
            said: self.said.map(|at| (Timestamp::from_nanos(at), retirement)),
            unsaid: self.unsaid.map(Timestamp::from_nanos),
        }
    }
}

/// The word of a form, in the database and in every output.
pub(crate) const fn form(deprecation: Deprecation) -> &'static str {
    match deprecation {
        Deprecation::Date(_) => "date",
        Deprecation::DraftDate(_) => "draft-date",
        Deprecation::DraftTrue => "draft-true",
    }
}

/// [`Idle`], in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredIdle {
    days: u32,
    watched: u16,
    covered: Option<u16>,
}

impl StoredIdle {
    pub(super) const fn of(idle: Idle) -> Self {
        Self { days: idle.days, watched: idle.seen.watched, covered: idle.seen.covered }
    }

    pub(super) const fn restore(self) -> Idle {
        Idle { days: self.days, seen: Seen { watched: self.watched, covered: self.covered } }
    }
}

/// Writes a day in place of what was known of it.
pub(super) fn put_day(connection: &Connection, row: &WatchedDay) -> rusqlite::Result<()> {
    let api = row.api.as_ref().map_or("", ApiId::as_str);
    connection
        .prepare_cached("INSERT OR REPLACE INTO watched VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![api, row.day, row.seconds, int(row.bytes), int(row.missed)])
        .map(drop)
}

/// Days that the core has let go of.
pub(super) fn trim_days(connection: &Connection) -> rusqlite::Result<()> {
    let kept = apiscope_audit::watch::DAYS_MAX;
    connection.execute("DELETE FROM watched WHERE day <= (SELECT max(day) FROM watched) - ?1", [kept]).map(drop)
}

/// The newest days of all.
pub(super) fn days(connection: &Connection) -> rusqlite::Result<Vec<WatchedDay>> {
    let mut statement = connection.prepare_cached("SELECT * FROM watched ORDER BY day DESC, api LIMIT ?1")?;
    statement.query_map([DAYS_MAX], read_day)?.collect()
}

fn read_day(row: &Row<'_>) -> rusqlite::Result<WatchedDay> {
    let api: String = row.get("api")?;
    Ok(WatchedDay {
        api: (!api.is_empty()).then(|| ApiId::new(&api)),
        day: row.get("day")?,
        seconds: row.get("seconds")?,
        bytes: nat(row.get("bytes")?),
        missed: nat(row.get("missed")?),
    })
}
