//! What people said about findings, and the history of each finding.

use apiscope_audit::exchange::ApiId;
use apiscope_audit::finding::{FindingId, Severity};
use apiscope_audit::ledger::{
    About, Choice, Decision, Event, EventKind, Learning, Matcher, RestoredSayings, Said, Silence,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::rows::{json, nanos, time};

/// Lines kept of a finding's history; past it the oldest go.
pub const HISTORY_MAX: u32 = 500;

/// Writes a decision in place of the one before; `None` takes it out.
pub(super) fn put_decision(
    connection: &Connection,
    finding: FindingId,
    row: Option<&Decision>,
) -> rusqlite::Result<()> {
    let Some(row) = row else {
        connection.prepare_cached("DELETE FROM decisions WHERE finding = ?1")?.execute([finding.to_string()])?;
        return Ok(());
    };
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO decisions (finding, choice, author, at, until, reason, up_to, classes, warned, kind, api, method, route) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    statement.execute(params![
        finding.to_string(),
        row.choice.name(),
        row.by.as_str(),
        nanos(row.at),
        nanos(row.until),
        row.reason.as_ref().map(Said::as_str),
        row.up_to.name(),
        row.classes.as_ref().map(json),
        row.warned,
        row.about.kind,
        row.about.api.as_str(),
        row.about.method,
        row.about.route,
    ])?;
    Ok(())
}

/// Writes a silence; `None` takes it out.
pub(super) fn put_silence(connection: &Connection, id: u32, row: Option<&Silence>) -> rusqlite::Result<()> {
    let Some(row) = row else {
        connection.prepare_cached("DELETE FROM silences WHERE id = ?1")?.execute([id])?;
        return Ok(());
    };
    let Matcher { kind, api, endpoint } = &row.matcher;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO silences (id, kind, api, endpoint, author, at, until, reason) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            id,
            kind,
            api,
            endpoint,
            row.by.as_str(),
            nanos(row.at),
            nanos(row.until),
            row.reason.as_str()
        ])?;
    Ok(())
}

/// Writes when an API was met; `None` takes it out.
pub(super) fn put_learning(connection: &Connection, api: &ApiId, row: Option<&Learning>) -> rusqlite::Result<()> {
    let Some(row) = row else {
        connection.prepare_cached("DELETE FROM learning WHERE api = ?1")?.execute([api.as_str()])?;
        return Ok(());
    };
    let (at, by) = row.ended.as_ref().map(|(at, by)| (nanos(*at), by.as_str())).unzip();
    connection
        .prepare_cached("INSERT OR REPLACE INTO learning (api, began, ended, ended_by) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![api.as_str(), nanos(row.began), at, by])?;
    Ok(())
}

/// Adds a line of history.
pub(super) fn add_event(connection: &Connection, event: &Event) -> rusqlite::Result<()> {
    let finding = event.finding.to_string();
    connection
        .prepare_cached(
            "INSERT INTO history (finding, at, author, what, severity, note) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            finding,
            nanos(event.at),
            event.by.as_ref().map(Said::as_str),
            event.what.name(),
            event.severity.name(),
            event.note
        ])?;
    connection
        .prepare_cached(
            "DELETE FROM history WHERE finding = ?1 AND id <= \
             (SELECT id FROM history WHERE finding = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        )?
        .execute(params![finding, HISTORY_MAX])?;
    Ok(())
}

/// Lets go of the history of findings that are no longer there.
pub(super) fn trim_history(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .execute(
            "DELETE FROM history WHERE finding NOT IN (SELECT id FROM findings) \
             AND finding NOT IN (SELECT finding FROM decisions)",
            [],
        )
        .map(|_removed| ())
}

/// A finding's history, oldest first. Lines that can't be read are left out; a store of an older version has none.
pub(super) fn history(connection: &Connection, finding: FindingId) -> rusqlite::Result<Vec<Event>> {
    if !has_table(connection, "history")? {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare_cached("SELECT * FROM history WHERE finding = ?1 ORDER BY id")?;
    let rows = statement.query_map([finding.to_string()], |row| read_event(row, finding))?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// What the ledger starts with.
pub(super) fn restore(connection: &Connection) -> rusqlite::Result<RestoredSayings> {
    if !has_table(connection, "decisions")? {
        return Ok(RestoredSayings::default());
    }
    let decisions = connection
        .prepare_cached("SELECT * FROM decisions ORDER BY at DESC")?
        .query_map([], read_decision)?
        .collect::<Result<Vec<_>, _>>()?;
    let silences = connection
        .prepare_cached("SELECT * FROM silences")?
        .query_map([], read_silence)?
        .collect::<Result<Vec<_>, _>>()?;
    let learning = connection
        .prepare_cached("SELECT * FROM learning ORDER BY began")?
        .query_map([], read_learning)?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(RestoredSayings {
        decisions: decisions.into_iter().flatten().collect(),
        silences: silences.into_iter().flatten().collect(),
        learning,
    })
}

fn has_table(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    let found = connection
        .prepare_cached("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1")?
        .query_row([name], |_row| Ok(()))
        .optional()?;
    Ok(found.is_some())
}

fn said(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Said>> {
    Ok(row.get::<_, Option<String>>(column)?.as_deref().and_then(Said::new))
}

fn read_decision(row: &Row<'_>) -> rusqlite::Result<Option<Decision>> {
    let (finding, choice, up_to): (String, String, String) =
        (row.get("finding")?, row.get("choice")?, row.get("up_to")?);
    let (Some(finding), Some(choice), Some(up_to), Some(by)) =
        (FindingId::parse(&finding), Choice::from_name(&choice), Severity::from_name(&up_to), said(row, "author")?)
    else {
        return Ok(None);
    };
    let classes: Option<String> = row.get("classes")?;
    Ok(Some(Decision {
        finding,
        choice,
        by,
        at: time(row.get("at")?),
        until: time(row.get("until")?),
        reason: said(row, "reason")?,
        up_to,
        classes: classes.and_then(|text| serde_json::from_str(&text).ok()),
        warned: row.get("warned")?,
        about: About {
            kind: row.get("kind")?,
            api: ApiId::new(&row.get::<_, String>("api")?),
            method: row.get("method")?,
            route: row.get("route")?,
        },
    }))
}

fn read_silence(row: &Row<'_>) -> rusqlite::Result<Option<Silence>> {
    let (Some(by), Some(reason)) = (said(row, "author")?, said(row, "reason")?) else { return Ok(None) };
    let matcher = Matcher { kind: row.get("kind")?, api: row.get("api")?, endpoint: row.get("endpoint")? };
    Ok(Some(Silence {
        id: row.get("id")?,
        matcher,
        by,
        at: time(row.get("at")?),
        until: time(row.get("until")?),
        reason,
    }))
}

fn read_learning(row: &Row<'_>) -> rusqlite::Result<(ApiId, Learning)> {
    let ended = row.get::<_, Option<i64>>("ended")?.map(time).zip(said(row, "ended_by")?);
    Ok((ApiId::new(&row.get::<_, String>("api")?), Learning { began: time(row.get("began")?), ended }))
}

fn read_event(row: &Row<'_>, finding: FindingId) -> rusqlite::Result<Option<Event>> {
    let (what, severity): (String, String) = (row.get("what")?, row.get("severity")?);
    let (Some(what), Some(severity)) = (EventKind::from_name(&what), Severity::from_name(&severity)) else {
        return Ok(None);
    };
    Ok(Some(Event {
        finding,
        at: time(row.get("at")?),
        by: said(row, "author")?,
        what,
        severity,
        note: row.get("note")?,
    }))
}
