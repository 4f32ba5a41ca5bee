//! The outbox: what receivers have to hear, in order, one cursor for each target. All of this runs on the writer's thread.
//!
//! A row is made in the transaction that writes the finding's new revision, and only there: so a kill between any two steps
//! leaves either both or neither. A cursor moves in the transaction that notes what the target accepted.

use apiscope_audit::finding::{FindingRow, Severity};
use apiscope_wire::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::names::Named;
use super::rows::{StoredFinding, nanos, time};

/// Rows kept for receivers that do not answer; past it the oldest go, resolutions first.
pub const OUTBOX_MAX: u32 = 10_000;
/// Refused alerts kept for people to look at.
const PARKED_MAX: u32 = 1_000;

/// A row of the outbox.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Place in the order.
    pub id: i64,
    /// When it came in.
    pub enqueued: Timestamp,
    /// The finding right after its transition.
    pub finding: FindingRow,
    /// The endpoint's owner.
    pub team: Option<String>,
    /// Share of the API's bytes that were not lost, 0 to 1; `None` before any were seen.
    pub coverage: Option<f64>,
}

/// What a target that is reminded (Alertmanager) has accepted.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The finding as it is now (as it was told, where it is gone).
    pub finding: FindingRow,
    /// The severity it was told with: part of the alert's identity.
    pub severity: Severity,
    /// The team it was told with: part of the alert's identity.
    pub team: Option<String>,
    /// See [`Entry::coverage`].
    pub coverage: Option<f64>,
    /// First acceptance.
    pub accepted: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// When the target first accepted its end.
    pub end_told: Option<Timestamp>,
}

/// What a target accepted, or refused for good: written at once.
#[derive(Clone, Debug, Default)]
pub struct Accepted {
    /// The cursor's new place.
    pub position: Option<i64>,
    /// Firing alerts that are now known there: finding, severity and team told, and whether the end is already known but held.
    pub firing: Vec<(FindingRow, Severity, Option<String>)>,
    /// Ends that were seen: finding id in words, severity told (`None`: all), and when it ended. Not told yet.
    pub ending: Vec<(String, Option<Severity>, Timestamp)>,
    /// Ends that the target accepted: finding id, severity.
    pub end_told: Vec<(String, Severity)>,
    /// Ends that need not be told again: finding id, severity.
    pub forget: Vec<(String, Severity)>,
    /// Alerts that were refused for good, with the reason.
    pub parked: Vec<(FindingRow, String)>,
}

/// Makes a row for the finding's state, if any target is there to hear it.
pub(super) fn enqueue(
    transaction: &Transaction<'_>,
    finding: &StoredFinding,
    row: &FindingRow,
    at: Timestamp,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO outbox (finding, revision, transition, severity, enqueued, snapshot) \
             SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE EXISTS (SELECT 1 FROM cursors)",
        )?
        .execute(params![
            row.id.to_string(),
            row.revision,
            row.transition.word(),
            row.severity.name(),
            nanos(at),
            finding.json()
        ])?;
    Ok(())
}

/// Makes `targets` the ones there are: new ones begin at the end of the outbox, those no longer named are forgotten.
pub(super) fn register(connection: &mut Connection, targets: &[String], now: Timestamp) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    let known: Vec<String> = transaction
        .prepare("SELECT target FROM cursors")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for gone in known.iter().filter(|known| !targets.iter().any(|target| target == base_of(known))) {
        forget(&transaction, gone)?;
    }
    for target in targets {
        transaction.execute(
            "INSERT INTO cursors (target, position, seen) VALUES (?1, (SELECT coalesce(max(seq), 0) FROM sqlite_sequence \
             WHERE name = 'outbox'), ?2) ON CONFLICT (target) DO UPDATE SET seen = ?2",
            params![target, nanos(now)],
        )?;
    }
    transaction.commit()
}

/// The target that an address belongs to; a target that is no address is its own.
fn base_of(target: &str) -> &str {
    target.split_once(ADDRESS_MARK).map_or(target, |(base, _)| base)
}

/// Between a target and one of its addresses.
pub const ADDRESS_MARK: &str = " @ ";

fn forget(transaction: &Transaction<'_>, target: &str) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM cursors WHERE target = ?1", [target])?;
    transaction.execute("DELETE FROM standing WHERE target = ?1", [target])?;
    Ok(())
}

/// The addresses that a target's name has now. A new one begins where the target stands; one not seen for `keep` is forgotten.
pub(super) fn adopt(
    connection: &mut Connection,
    target: &str,
    addresses: &[String],
    now: Timestamp,
    keep: std::time::Duration,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for address in addresses {
        transaction.execute(
            "INSERT INTO cursors (target, position, seen) SELECT ?1, position, ?3 FROM cursors WHERE target = ?2 \
             ON CONFLICT (target) DO UPDATE SET seen = ?3",
            params![format!("{target}{ADDRESS_MARK}{address}"), target, nanos(now)],
        )?;
    }
    let oldest =
        Timestamp::from_nanos(now.as_nanos().saturating_sub(u64::try_from(keep.as_nanos()).unwrap_or(u64::MAX)));
    let stale: Vec<String> = transaction
        .prepare_cached("SELECT target FROM cursors WHERE seen < ?1 AND instr(target, ?2) = 1")?
        .query_map(params![nanos(oldest), format!("{target}{ADDRESS_MARK}")], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for gone in &stale {
        forget(&transaction, gone)?;
    }
    transaction.commit()
}

/// A target that is sent to by its addresses stands where the hindmost of them does.
fn follow_addresses(transaction: &Transaction<'_>, target: &str) -> rusqlite::Result<()> {
    let base = base_of(target);
    if base != target {
        transaction.execute(
            "UPDATE cursors SET position = max(position, (SELECT min(position) FROM cursors WHERE instr(target, ?2) = 1)) \
             WHERE target = ?1",
            params![base, format!("{base}{ADDRESS_MARK}")],
        )?;
    }
    Ok(())
}

/// The next rows for a target, oldest first, and the place of the last one looked at. Rows below its severity are passed over.
pub(super) fn pending(
    connection: &Connection,
    target: &str,
    at_least: Severity,
    limit: usize,
) -> rusqlite::Result<(Vec<Entry>, Option<i64>)> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT o.id, o.enqueued, o.severity, o.snapshot, {FACTS} FROM outbox o LEFT JOIN findings f ON f.id = o.finding \
         WHERE o.id > (SELECT position FROM cursors WHERE target = ?1) ORDER BY o.id"
    ))?;
    let mut rows = statement.query([target])?;
    let (mut entries, mut last) = (Vec::new(), None);
    while let Some(row) = rows.next()? {
        last = Some(row.get("id")?);
        let severity: String = row.get("severity")?;
        if Severity::from_name(&severity).is_some_and(|severity| severity >= at_least) {
            entries.extend(read_entry(row)?);
        }
        if entries.len() >= limit {
            break;
        }
    }
    Ok((entries, last))
}

/// The owner and the API's coverage, beside a finding `f`. A finding that was last seen by a version before the fourth has no owner of its own.
const FACTS: &str = "coalesce(f.owner, (SELECT owner FROM endpoints e WHERE e.api = f.api AND e.method = f.method AND e.route = f.route)) \
     AS team, \
     (SELECT 1.0 - CAST(ring + gap + memory AS REAL) / nullif(parsed + budget + verdict + encrypted + ring + gap + memory \
     + not_http + malformed + joined_late, 0) FROM coverage c WHERE c.api = f.api) AS coverage";

fn read_entry(row: &Row<'_>) -> rusqlite::Result<Option<Entry>> {
    let snapshot: String = row.get("snapshot")?;
    let (id, enqueued) = (row.get("id")?, time(row.get("enqueued")?));
    let (team, coverage) = (row.get("team")?, row.get("coverage")?);
    let finding = StoredFinding::from_json(&snapshot).and_then(StoredFinding::restore);
    Ok(finding.map(|finding| Entry { id, enqueued, finding, team, coverage }))
}

/// What stands at a target.
pub(super) fn standing(connection: &Connection, target: &str) -> rusqlite::Result<Vec<Standing>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT s.severity AS told, s.team AS told_team, s.accepted, s.ended, s.end_told, s.snapshot, f.*, {FACTS} \
         FROM standing s LEFT JOIN findings f ON f.id = s.finding WHERE s.target = ?1 ORDER BY s.accepted, s.finding"
    ))?;
    let rows = statement.query_map([target], read_standing)?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

fn read_standing(row: &Row<'_>) -> rusqlite::Result<Option<Standing>> {
    let (told, snapshot): (String, String) = (row.get("told")?, row.get("snapshot")?);
    let now = row.get::<_, Option<String>>("id")?.map(|_| StoredFinding::read(row)).transpose()?;
    let finding = now.or_else(|| StoredFinding::from_json(&snapshot)).and_then(StoredFinding::restore);
    let (Some(finding), Some(severity)) = (finding, Severity::from_name(&told)) else { return Ok(None) };
    Ok(Some(Standing {
        finding,
        severity,
        team: row.get("told_team")?,
        coverage: row.get("coverage")?,
        accepted: time(row.get("accepted")?),
        ended: row.get::<_, Option<i64>>("ended")?.map(time),
        end_told: row.get::<_, Option<i64>>("end_told")?.map(time),
    }))
}

/// Open findings that a reminded target should know and does not: it is new, or lost its memory.
pub(super) fn missing(
    connection: &Connection,
    target: &str,
    at_least: Severity,
    limit: usize,
) -> rusqlite::Result<Vec<Entry>> {
    // Only what lies behind the cursor: what is still before it comes in its turn.
    let mut statement = connection.prepare_cached(&format!(
        "SELECT f.*, {FACTS} FROM findings f WHERE f.status = 'open' AND f.quiet IS NULL \
         AND NOT EXISTS (SELECT 1 FROM standing s WHERE s.target = ?1 AND s.finding = f.id AND s.ended IS NULL) \
         AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.finding = f.id AND o.id > (SELECT position FROM cursors WHERE target = ?1)) \
         ORDER BY f.opened"
    ))?;
    let mut rows = statement.query([target])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let (team, coverage) = (row.get("team")?, row.get("coverage")?);
        let Some(finding) = StoredFinding::read(row)?.restore() else { continue };
        if finding.severity >= at_least && entries.len() < limit {
            entries.push(Entry { id: 0, enqueued: finding.opened, finding, team, coverage });
        }
    }
    Ok(entries)
}

/// Writes down what a target accepted, and lets go of what every target has passed.
pub(super) fn accept(
    connection: &mut Connection,
    target: &str,
    accepted: &Accepted,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    write_standing(&transaction, target, accepted, now)?;
    for (row, reason) in &accepted.parked {
        transaction.execute(
            "INSERT INTO parked (target, finding, revision, at, reason, snapshot) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![target, row.id.to_string(), row.revision, nanos(now), reason, StoredFinding::of(row).json()],
        )?;
    }
    if !accepted.parked.is_empty() {
        transaction.execute("DELETE FROM parked WHERE id <= (SELECT max(id) FROM parked) - ?1", [PARKED_MAX])?;
    }
    if let Some(position) = accepted.position {
        transaction.execute(
            "UPDATE cursors SET position = ?2 WHERE target = ?1 AND position < ?2",
            params![target, position],
        )?;
        follow_addresses(&transaction, target)?;
        transaction.execute("DELETE FROM outbox WHERE id <= (SELECT min(position) FROM cursors)", [])?;
    }
    transaction.commit()
}

fn write_standing(
    transaction: &Transaction<'_>,
    target: &str,
    accepted: &Accepted,
    now: Timestamp,
) -> rusqlite::Result<()> {
    for (row, severity, team) in &accepted.firing {
        // Accepted again: its first acceptance stays, a former end is void.
        transaction.execute(
            "INSERT INTO standing (target, finding, severity, team, accepted, snapshot) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
             ON CONFLICT (target, finding, severity) DO UPDATE SET snapshot = ?6, \
             accepted = CASE WHEN end_told IS NULL THEN accepted ELSE ?5 END, ended = NULL, end_told = NULL",
            params![target, row.id.to_string(), severity.name(), team, nanos(now), StoredFinding::of(row).json()],
        )?;
    }
    for (finding, severity, ended) in &accepted.ending {
        transaction.execute(
            "UPDATE standing SET ended = ?4 WHERE target = ?1 AND finding = ?2 AND (?3 IS NULL OR severity = ?3) AND ended IS NULL",
            params![target, finding, severity.map(Severity::name), nanos(*ended)],
        )?;
    }
    for (finding, severity) in &accepted.end_told {
        transaction.execute(
            "UPDATE standing SET end_told = ?4 WHERE target = ?1 AND finding = ?2 AND severity = ?3 AND end_told IS NULL",
            params![target, finding, severity.name(), nanos(now)],
        )?;
    }
    for (finding, severity) in &accepted.forget {
        transaction.execute(
            "DELETE FROM standing WHERE target = ?1 AND finding = ?2 AND severity = ?3",
            params![target, finding, severity.name()],
        )?;
    }
    Ok(())
}

/// Rows and the oldest of them that wait for a target.
pub(super) fn backlog(connection: &Connection, target: &str) -> rusqlite::Result<(u64, Option<Timestamp>)> {
    connection.query_row(
        "SELECT count(*), min(enqueued) FROM outbox WHERE id > (SELECT position FROM cursors WHERE target = ?1)",
        [target],
        |row| Ok((super::rows::nat(row.get(0)?), row.get::<_, Option<i64>>(1)?.map(time))),
    )
}

/// Keeps the outbox below [`OUTBOX_MAX`]: the oldest resolutions go first, then the oldest of all. Gives how many rows each target lost.
pub(super) fn trim(connection: &mut Connection) -> rusqlite::Result<Vec<(String, u64)>> {
    let rows: u32 = connection.query_row("SELECT count(*) FROM outbox", [], |row| row.get(0))?;
    if rows <= OUTBOX_MAX {
        return Ok(Vec::new());
    }
    let transaction = connection.transaction()?;
    let mut lost: std::collections::BTreeMap<String, u64> = std::collections::BTreeMap::new();
    for _ in OUTBOX_MAX..rows {
        let victim: Option<i64> = transaction
            .prepare_cached("SELECT id FROM outbox ORDER BY transition = 'resolved' DESC, id LIMIT 1")?
            .query_row([], |row| row.get(0))
            .optional()?;
        let Some(victim) = victim else { break };
        let waiting: Vec<String> = transaction
            .prepare_cached("SELECT target FROM cursors WHERE position < ?1")?
            .query_map([victim], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for target in waiting {
            *lost.entry(target).or_default() += 1;
        }
        transaction.execute("DELETE FROM outbox WHERE id = ?1", [victim])?;
    }
    transaction.commit()?;
    Ok(lost.into_iter().collect())
}
