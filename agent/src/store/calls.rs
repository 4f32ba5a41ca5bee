//! The call log: who called what, when, with which result. Bounded in rows and in age.

use apiscope_audit::change::CallRow;
use apiscope_wire::Timestamp;
use rusqlite::{Connection, Row, named_params, params};

use super::names::Named;
use super::rows::{int, json, nanos, nat, time};

/// A call as the log holds it. All text was masked before it came here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// First byte of the request.
    pub began: Timestamp,
    /// Last byte of the response.
    pub ended: Timestamp,
    /// Flow, 16 hex digits, and the request's place in it.
    pub call: (String, u32),
    /// API.
    pub api: String,
    /// Method; `None` not seen.
    pub method: Option<String>,
    /// Template; `None` where the call belongs to no endpoint.
    pub route: Option<String>,
    /// Host header, masked.
    pub host: Option<String>,
    /// Path without query, masked.
    pub path: String,
    /// Names of the query's parameters.
    pub query_keys: Vec<String>,
    /// Status; `None` no answer seen.
    pub status: Option<u16>,
    /// Who called.
    pub consumer: String,
    /// Client address and port.
    pub client: String,
    /// Server address and port.
    pub server: String,
    /// Interface; `None` unknown.
    pub interface: Option<String>,
    /// Workload; `None` unknown.
    pub workload: Option<String>,
    /// `http/1.0`, `http/1.1` or `h2`.
    pub version: String,
    /// Encrypted on the wire.
    pub encrypted: bool,
    /// Request body bytes on the wire; `None` not known.
    pub request_bytes: Option<u64>,
    /// Response body bytes on the wire; `None` not known.
    pub response_bytes: Option<u64>,
    /// Records in a JSON response.
    pub records: Option<u64>,
    /// The request ended as its framing says.
    pub request_complete: bool,
    /// The response ended as its framing says.
    pub response_complete: bool,
}

/// Which calls to read. Newest first.
#[derive(Clone, Debug, Default)]
pub struct CallFilter {
    /// Only this API.
    pub api: Option<String>,
    /// Only this method (upper case).
    pub method: Option<String>,
    /// Only this template.
    pub route: Option<String>,
    /// Only this consumer, as it is shown (`k:…` or an address).
    pub consumer: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Not after.
    pub until: Option<Timestamp>,
    /// Only statuses of this class: 4 for 4xx.
    pub status_class: Option<u16>,
    /// At most so many rows.
    pub limit: u32,
}

/// Writes a call.
pub(super) fn insert(connection: &Connection, row: &CallRow) -> rusqlite::Result<()> {
    let exchange = &row.exchange;
    let origin = &exchange.origin;
    let (request, response) = (exchange.request.as_ref(), exchange.response.as_ref());
    let query_keys: Vec<&str> = exchange.query_keys.iter().map(apiscope_audit::secret::Masked::as_str).collect();
    let mut statement = connection.prepare_cached(
        "INSERT INTO calls (began, ended, flow, exchange, api, method, route, host, path, query_keys, status, consumer, client, \
         server, interface, workload, version, encrypted, request_bytes, response_bytes, records, request_complete, \
         response_complete) VALUES (:began, :ended, :flow, :exchange, :api, :method, :route, :host, :path, :query_keys, \
         :status, :consumer, :client, :server, :interface, :workload, :version, :encrypted, :request_bytes, :response_bytes, \
         :records, :request_complete, :response_complete)",
    )?;
    statement.execute(named_params! {
        ":began": nanos(exchange.began), ":ended": nanos(exchange.ended), ":flow": format!("{:016x}", exchange.id.flow.get()),
        ":exchange": exchange.id.index, ":api": exchange.api.as_str(),
        ":method": exchange.method.as_ref().map(apiscope_audit::Method::as_str), ":route": row.route,
        ":host": exchange.host.as_ref().map(apiscope_audit::secret::Masked::as_str), ":path": exchange.path.as_str(),
        ":query_keys": json(&query_keys), ":status": exchange.status, ":consumer": exchange.consumer.to_string(),
        ":client": origin.client.to_string(), ":server": origin.server.to_string(), ":interface": origin.interface,
        ":workload": origin.workload, ":version": exchange.version.word(), ":encrypted": origin.encrypted,
        ":request_bytes": request.and_then(|facts| facts.body.total).map(int),
        ":response_bytes": response.and_then(|facts| facts.body.total).map(int),
        ":records": response.and_then(|facts| facts.records).map(int),
        ":request_complete": request.is_some_and(|facts| facts.complete),
        ":response_complete": response.is_some_and(|facts| facts.complete),
    })?;
    Ok(())
}

/// Removes what is older than `oldest` or past `rows_max`, at most `step` rows at a time so that the writer is not held up.
/// Gives the number removed.
pub(super) fn trim(connection: &Connection, rows_max: u64, oldest: Timestamp, step: u32) -> rusqlite::Result<usize> {
    let by_age = connection.execute(
        "DELETE FROM calls WHERE id IN (SELECT id FROM calls WHERE began < ?1 ORDER BY began LIMIT ?2)",
        params![nanos(oldest), step],
    )?;
    // Row ids grow, and rows go from both ends of time only: the difference is a close upper bound and costs no scan.
    let by_count = connection.execute(
        "DELETE FROM calls WHERE id IN (SELECT id FROM calls WHERE id <= (SELECT max(id) FROM calls) - ?1 ORDER BY id LIMIT ?2)",
        params![int(rows_max), step],
    )?;
    Ok(by_age + by_count)
}

/// Reads calls, newest first.
pub(super) fn select(connection: &Connection, filter: &CallFilter) -> rusqlite::Result<Vec<Call>> {
    let mut statement = connection.prepare_cached(
        "SELECT * FROM calls WHERE (:api IS NULL OR api = :api) AND (:method IS NULL OR method = :method) \
         AND (:route IS NULL OR route = :route) AND (:consumer IS NULL OR consumer = :consumer) \
         AND (:since IS NULL OR began >= :since) AND (:until IS NULL OR began <= :until) \
         AND (:class IS NULL OR status / 100 = :class) ORDER BY began DESC LIMIT :limit",
    )?;
    let rows = statement.query_map(
        named_params! {
            ":api": filter.api, ":method": filter.method, ":route": filter.route, ":consumer": filter.consumer,
            ":since": filter.since.map(nanos), ":until": filter.until.map(nanos), ":class": filter.status_class,
            ":limit": filter.limit,
        },
        read,
    )?;
    rows.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Call> {
    let query_keys: String = row.get("query_keys")?;
    Ok(Call {
        began: time(row.get("began")?),
        ended: time(row.get("ended")?),
        call: (row.get("flow")?, row.get("exchange")?),
        api: row.get("api")?,
        method: row.get("method")?,
        route: row.get("route")?,
        host: row.get("host")?,
        path: row.get("path")?,
        query_keys: serde_json::from_str(&query_keys).unwrap_or_default(),
        status: row.get("status")?,
        consumer: row.get("consumer")?,
        client: row.get("client")?,
        server: row.get("server")?,
        interface: row.get("interface")?,
        workload: row.get("workload")?,
        version: row.get("version")?,
        encrypted: row.get("encrypted")?,
        request_bytes: row.get::<_, Option<i64>>("request_bytes")?.map(nat),
        response_bytes: row.get::<_, Option<i64>>("response_bytes")?.map(nat),
        records: row.get::<_, Option<i64>>("records")?.map(nat),
        request_complete: row.get("request_complete")?,
        response_complete: row.get("response_complete")?,
    })
}
