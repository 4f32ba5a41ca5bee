//! Rows of the database and the core's types, one into the other. A row that can't be read back is skipped by the reader and counted.

use apiscope_audit::exchange::{ApiId, ConsumerId, Method};
use apiscope_audit::finding::{Evidence, FindingId, FindingRow, Level, Severity};
use apiscope_audit::inventory::{EndpointId, EndpointRow, PackedProfile, Probed, Security};
use apiscope_audit::ledger::{Quiet, Said, Why};
use apiscope_audit::schema::EndpointSchemas;
use apiscope_audit::secret::{Fingerprint, Masked};
use apiscope_wire::{Coverage, ExchangeId, FlowId, Lost, Skipped, Timestamp, Unparsed};
use rusqlite::types::FromSql;
use rusqlite::{Connection, Row, named_params, params};
use serde::{Deserialize, Serialize};

use super::names::Named;
use super::retired::{StoredAnnounced, StoredIdle};

/// A finding as it lies in the outbox: all of [`FindingRow`], in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredFinding {
    id: String,
    api: String,
    kind: String,
    method: String,
    route: String,
    #[serde(default)]
    owner: Option<String>,
    severity: String,
    because: String,
    status: String,
    opened: u64,
    first: u64,
    last: u64,
    resolved: Option<u64>,
    count: u64,
    calls: u64,
    consumers: Vec<String>,
    consumers_more: bool,
    evidence: Vec<StoredEvidence>,
    revision: u32,
    transition: String,
    // Rows of the outbox that an earlier version wrote have none of these.
    #[serde(default)]
    levels: Vec<StoredLevel>,
    #[serde(default)]
    classes: Vec<u32>,
    #[serde(default)]
    quiet: Option<StoredQuiet>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct StoredLevel {
    severity: String,
    last: u64,
    because: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct StoredQuiet {
    why: String,
    since: u64,
    until: u64,
    by: Option<String>,
    reason: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct StoredEvidence {
    at: u64,
    flow: Option<String>,
    index: u32,
    consumer: Option<String>,
    /// Absent in rows of an earlier version, which has one severity for all proofs.
    #[serde(default)]
    severity: Option<String>,
    what: String,
}

impl StoredFinding {
    pub(super) fn of(row: &FindingRow) -> Self {
        Self {
            id: row.id.to_string(),
            api: row.api.to_string(),
            kind: row.kind.name.to_owned(),
            method: row.method.to_string(),
            route: row.route.to_string(),
            owner: row.owner.as_deref().map(str::to_owned),
            severity: row.severity.name().to_owned(),
            because: row.because.to_string(),
            status: row.status.word().to_owned(),
            opened: row.opened.as_nanos(),
            first: row.first.as_nanos(),
            last: row.last.as_nanos(),
            resolved: row.resolved.map(Timestamp::as_nanos),
            count: row.count,
            calls: row.calls,
            consumers: row.consumers.iter().map(ToString::to_string).collect(),
            consumers_more: row.consumers_more,
            evidence: row.evidence.iter().map(StoredEvidence::of).collect(),
            revision: row.revision,
            transition: row.transition.word().to_owned(),
            levels: row.levels.iter().map(StoredLevel::of).collect(),
            classes: row.classes.clone(),
            quiet: row.quiet.as_ref().map(StoredQuiet::of),
        }
    }

    /// Back to the core's type; `None` where a word is not known here (a kind that this version no longer has).
    pub(super) fn restore(self) -> Option<FindingRow> {
        let severity = Severity::from_name(&self.severity)?;
        Some(FindingRow {
            id: FindingId::parse(&self.id)?,
            kind: apiscope_audit::detect::kind_named(&self.kind)?,
            api: ApiId::new(&self.api),
            method: Method::new(&self.method),
            route: self.route.into(),
            owner: self.owner.map(Into::into),
            severity,
            because: Masked::from_stored(&self.because),
            levels: self.levels.into_iter().filter_map(StoredLevel::restore).collect(),
            quiet: self.quiet.and_then(StoredQuiet::restore),
            status: Named::of_word(&self.status)?,
            opened: Timestamp::from_nanos(self.opened),
            first: Timestamp::from_nanos(self.first),
            last: Timestamp::from_nanos(self.last),
            resolved: self.resolved.map(Timestamp::from_nanos),
            count: self.count,
            calls: self.calls,
            consumers: self.consumers.iter().filter_map(|text| consumer(text)).collect(),
            consumers_more: self.consumers_more,
            evidence: self.evidence.into_iter().filter_map(|proof| proof.restore(severity)).collect(),
            classes: self.classes,
            revision: self.revision,
            transition: Named::of_word(&self.transition)?,
        })
    }

    pub(super) fn json(&self) -> String {
        json(self)
    }

    pub(super) fn from_json(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    pub(super) fn upsert(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(
            "INSERT OR REPLACE INTO findings (id, api, kind, method, route, owner, severity, because, status, opened, first, last, \
             resolved, count, calls, consumers, consumers_more, evidence, revision, transition, levels, classes, quiet) VALUES (:id, :api, :kind, \
             :method, :route, :owner, :severity, :because, :status, :opened, :first, :last, :resolved, :count, :calls, :consumers, \
             :consumers_more, :evidence, :revision, :transition, :levels, :classes, :quiet)",
        )?;
        statement.execute(named_params! {
            ":id": self.id, ":api": self.api, ":kind": self.kind, ":method": self.method, ":route": self.route,
            ":owner": self.owner, ":severity": self.severity, ":because": self.because, ":status": self.status, ":opened": int(self.opened),
            ":first": int(self.first), ":last": int(self.last), ":resolved": self.resolved.map(int), ":count": int(self.count),
            ":calls": int(self.calls), ":consumers": json(&self.consumers), ":consumers_more": self.consumers_more,
            ":evidence": json(&self.evidence), ":revision": self.revision, ":transition": self.transition,
            ":levels": json(&self.levels), ":classes": json(&self.classes), ":quiet": self.quiet.as_ref().map(json),
        })?;
        Ok(())
    }

    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            api: row.get("api")?,
            kind: row.get("kind")?,
            method: row.get("method")?,
            route: row.get("route")?,
            owner: newer(row, "owner"),
            severity: row.get("severity")?,
            because: row.get("because")?,
            status: row.get("status")?,
            opened: nat(row.get("opened")?),
            first: nat(row.get("first")?),
            last: nat(row.get("last")?),
            resolved: row.get::<_, Option<i64>>("resolved")?.map(nat),
            count: nat(row.get("count")?),
            calls: nat(row.get("calls")?),
            consumers: list(row, "consumers")?,
            consumers_more: row.get("consumers_more")?,
            evidence: list(row, "evidence")?,
            revision: row.get("revision")?,
            transition: row.get("transition")?,
            levels: since_four(row, "levels").unwrap_or_default(),
            classes: since_four(row, "classes").unwrap_or_default(),
            quiet: since_four(row, "quiet"),
        })
    }
}

impl StoredEvidence {
    fn of(evidence: &Evidence) -> Self {
        Self {
            at: evidence.at.as_nanos(),
            flow: evidence.call.map(|call| format!("{:016x}", call.flow.get())),
            index: evidence.call.map_or(0, |call| call.index),
            consumer: evidence.consumer.map(|consumer| consumer.to_string()),
            severity: Some(evidence.severity.name().to_owned()),
            what: evidence.what.to_string(),
        }
    }

    fn restore(self, severity: Severity) -> Option<Evidence> {
        Some(Evidence {
            at: Timestamp::from_nanos(self.at),
            call: match self.flow {
                Some(flow) => {
                    Some(ExchangeId { flow: FlowId::new(u64::from_str_radix(&flow, 16).ok()?), index: self.index })
                }
                None => None,
            },
            consumer: match self.consumer {
                Some(text) => Some(consumer(&text)?),
                None => None,
            },
            severity: self.severity.as_deref().and_then(Severity::from_name).unwrap_or(severity),
            what: Masked::from_stored(&self.what),
        })
    }
}

impl StoredLevel {
    fn of(level: &Level) -> Self {
        Self {
            severity: level.severity.name().to_owned(),
            last: level.last.as_nanos(),
            because: level.because.to_string(),
        }
    }

    fn restore(self) -> Option<Level> {
        Some(Level {
            severity: Severity::from_name(&self.severity)?,
            last: Timestamp::from_nanos(self.last),
            because: Masked::from_stored(&self.because),
        })
    }
}

impl StoredQuiet {
    fn of(quiet: &Quiet) -> Self {
        let text = |said: &Option<Said>| said.as_ref().map(|said| said.as_str().to_owned());
        Self {
            why: quiet.why.name().to_owned(),
            since: quiet.since.as_nanos(),
            until: quiet.until.as_nanos(),
            by: text(&quiet.by),
            reason: text(&quiet.reason),
        }
    }

    fn restore(self) -> Option<Quiet> {
        Some(Quiet {
            why: Why::from_name(&self.why)?,
            since: Timestamp::from_nanos(self.since),
            until: Timestamp::from_nanos(self.until),
            by: self.by.as_deref().and_then(Said::new),
            reason: self.reason.as_deref().and_then(Said::new),
        })
    }
}

/// A column of the fourth schema, as JSON: a file that an earlier version wrote, and nobody has opened for writing since, has none.
fn since_four<T: for<'a> Deserialize<'a>>(row: &Row<'_>, column: &str) -> Option<T> {
    let text = row.get_ref(column).ok()?;
    text.as_str().ok().and_then(|text| serde_json::from_str(text).ok())
}

/// Writes an endpoint's row in place of the one before.
pub(super) fn upsert_endpoint(connection: &Connection, row: &EndpointRow) -> rusqlite::Result<()> {
    let by_auth: Vec<(Option<&str>, u64)> =
        row.by_auth.iter().map(|(way, calls)| (way.map(Named::word), *calls)).collect();
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO endpoints (id, api, method, route, template, document, first, last, calls, by_class, by_auth, \
         request_bytes_max, response_bytes_max, response_bytes_sum, latency_ms, owner, protocol, profile, announced, since, idle) VALUES (:id, :api, :method, :route, \
         :template, :document, :first, :last, :calls, :by_class, :by_auth, :request_bytes_max, :response_bytes_max, \
         :response_bytes_sum, :latency_ms, :owner, :protocol, :profile, :announced, :since, :idle)",
    )?;
    statement.execute(named_params! {
        ":id": row.id.to_string(), ":api": row.api.as_str(), ":method": row.method.as_str(), ":route": row.route,
        ":template": row.template.word(), ":document": row.document.word(), ":first": row.first.map(nanos),
        ":last": row.last.map(nanos), ":calls": int(row.calls), ":by_class": json(&row.by_class), ":by_auth": json(&by_auth),
        ":request_bytes_max": int(row.request_bytes_max), ":response_bytes_max": int(row.response_bytes_max),
        ":response_bytes_sum": int(row.response_bytes_sum), ":latency_ms": row.latency_ms.as_ref().map(json),
        ":owner": row.owner, ":protocol": row.protocol.word(), ":profile": row.profile.bytes(),
        ":announced": StoredAnnounced::of(&row.announced).as_ref().map(json), ":since": row.since.map(nanos),
        ":idle": row.idle.map(StoredIdle::of).as_ref().map(json),
    })?;
    Ok(())
}

/// Removes the row of an endpoint that was joined into another.
pub(super) fn remove_endpoint(connection: &Connection, id: EndpointId) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM endpoints WHERE id = ?1")?.execute([id.to_string()])?;
    put_schemas(connection, id, None)
}

/// Writes what is known of an endpoint's bodies and parameters in place of what was before.
pub(super) fn put_schemas(connection: &Connection, id: EndpointId, packed: Option<&[u8]>) -> rusqlite::Result<()> {
    let id = id.to_string();
    match packed {
        Some(packed) => connection
            .prepare_cached("INSERT OR REPLACE INTO schemas (endpoint, packed) VALUES (?1, ?2)")?
            .execute(params![id, packed])?,
        None => connection.prepare_cached("DELETE FROM schemas WHERE endpoint = ?1")?.execute([id])?,
    };
    Ok(())
}

/// Writes an API's paths that are no endpoint in place of what was before.
pub(super) fn put_probed(connection: &Connection, list: &Probed) -> rusqlite::Result<()> {
    let api = list.api.as_ref().map_or("", ApiId::as_str);
    if list.is_empty() {
        connection.prepare_cached("DELETE FROM probed WHERE api = ?1")?.execute([api])?;
    } else {
        connection
            .prepare_cached("INSERT OR REPLACE INTO probed (api, packed) VALUES (?1, ?2)")?
            .execute(params![api, list.pack()])?;
    }
    Ok(())
}

/// Reads what is known of an endpoint's bodies and parameters; `None` where it is of another form.
pub(super) fn read_schemas(row: &Row<'_>) -> rusqlite::Result<Option<(EndpointId, EndpointSchemas)>> {
    let (id, packed): (String, Vec<u8>) = (row.get("endpoint")?, row.get("packed")?);
    let id = u64::from_str_radix(&id, 16).ok().map(EndpointId);
    Ok(id.zip(EndpointSchemas::unpack(&packed)))
}

/// Reads an endpoint's row; `None` where a word is not known here.
pub(super) fn read_endpoint(row: &Row<'_>) -> rusqlite::Result<Option<EndpointRow>> {
    let id: String = row.get("id")?;
    let template: String = row.get("template")?;
    let document: String = row.get("document")?;
    let protocol: String = row.get("protocol")?;
    let latency: Option<String> = row.get("latency_ms")?;
    let by_class: String = row.get("by_class")?;
    let by_auth: Vec<(Option<String>, u64)> = list(row, "by_auth")?;
    let (Ok(id), Some(template), Some(document), Some(protocol), Ok(by_class)) = (
        u64::from_str_radix(&id, 16),
        Named::of_word(&template),
        Named::of_word(&document),
        Named::of_word(&protocol),
        serde_json::from_str(&by_class),
    ) else {
        return Ok(None);
    };
    let by_auth = by_auth.into_iter().filter_map(|(way, calls)| match way {
        None => Some((None, calls)),
        Some(word) => Named::of_word(&word).map(|way| (Some(way), calls)),
    });
    Ok(Some(EndpointRow {
        id: EndpointId(id),
        api: ApiId::new(&row.get::<_, String>("api")?),
        method: Method::new(&row.get::<_, String>("method")?),
        route: row.get("route")?,
        template,
        reason: None,
        document,
        rival: None,
        protocol,
        first: row.get::<_, Option<i64>>("first")?.map(time),
        last: row.get::<_, Option<i64>>("last")?.map(time),
        calls: nat(row.get("calls")?),
        by_class,
        by_auth: by_auth.collect(),
        request_bytes_max: nat(row.get("request_bytes_max")?),
        response_bytes_max: nat(row.get("response_bytes_max")?),
        response_bytes_sum: nat(row.get("response_bytes_sum")?),
        latency_ms: latency.and_then(|text| serde_json::from_str(&text).ok()),
        owner: row.get("owner")?,
        announced: json_of::<StoredAnnounced>(row, "announced").map(StoredAnnounced::restore).unwrap_or_default(),
        since: newer::<i64>(row, "since").map(time),
        idle: json_of::<StoredIdle>(row, "idle").map(StoredIdle::restore),
        security: Security::Unsaid,
        profile: profile(row),
    }))
}

/// A file that a version before the third wrote, and nobody has opened for writing since, has none.
fn profile(row: &Row<'_>) -> PackedProfile {
    let bytes = row.get_ref("profile").ok().and_then(|value| value.as_blob().ok());
    PackedProfile::from_stored(bytes.unwrap_or_default())
}

/// A column that a file lacks which an older version wrote, and nobody has opened for writing since.
fn newer<T: FromSql>(row: &Row<'_>, column: &str) -> Option<T> {
    row.get::<_, Option<T>>(column).ok().flatten()
}

fn json_of<T: for<'a> Deserialize<'a>>(row: &Row<'_>, column: &str) -> Option<T> {
    serde_json::from_str(&newer::<String>(row, column)?).ok()
}

/// Adds to an API's account.
pub(super) fn add_coverage(connection: &Connection, api: &ApiId, added: &Coverage) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO coverage VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (api) DO UPDATE SET \
         parsed = parsed + ?2, budget = budget + ?3, verdict = verdict + ?4, encrypted = encrypted + ?5, ring = ring + ?6, \
         gap = gap + ?7, memory = memory + ?8, not_http = not_http + ?9, malformed = malformed + ?10, \
         joined_late = joined_late + ?11",
    )?;
    let Coverage { parsed, skipped, lost, unparsed } = *added;
    statement.execute(params![
        api.as_str(),
        int(parsed),
        int(skipped.budget),
        int(skipped.verdict),
        int(skipped.encrypted),
        int(lost.ring),
        int(lost.gap),
        int(lost.memory),
        int(unparsed.not_http),
        int(unparsed.malformed),
        int(unparsed.joined_late),
    ])?;
    Ok(())
}

/// Reads an API's account.
pub(super) fn read_coverage(row: &Row<'_>) -> rusqlite::Result<(ApiId, Coverage)> {
    let part = |name: &str| row.get::<_, i64>(name).map(nat);
    let coverage = Coverage {
        parsed: part("parsed")?,
        skipped: Skipped { budget: part("budget")?, verdict: part("verdict")?, encrypted: part("encrypted")? },
        lost: Lost { ring: part("ring")?, gap: part("gap")?, memory: part("memory")? },
        unparsed: Unparsed {
            not_http: part("not_http")?,
            malformed: part("malformed")?,
            joined_late: part("joined_late")?,
        },
    };
    Ok((ApiId::new(&row.get::<_, String>("api")?), coverage))
}

/// A consumer as [`ConsumerId`] shows it.
pub(super) fn consumer(text: &str) -> Option<ConsumerId> {
    match text.strip_prefix("k:") {
        Some(hex) => {
            u64::from_str_radix(hex, 16).ok().map(|number| ConsumerId::Credential(Fingerprint::from_stored(number)))
        }
        None => text.parse().ok().map(ConsumerId::Address),
    }
}

/// Counts past 2^63 stop there: `SQLite` has signed numbers only.
pub(super) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn nat(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

pub(super) fn nanos(at: Timestamp) -> i64 {
    int(at.as_nanos())
}

pub(super) fn time(nanos: i64) -> Timestamp {
    Timestamp::from_nanos(nat(nanos))
}

fn list<T: for<'a> Deserialize<'a>>(row: &Row<'_>, column: &str) -> rusqlite::Result<Vec<T>> {
    let text: String = row.get(column)?;
    Ok(serde_json::from_str(&text).unwrap_or_default())
}

pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("strings, numbers and lists of them can always be written")
}
