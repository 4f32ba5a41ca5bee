//! Exchanges as they end, line by line: for `watch` and for `replay --exchanges`. Holds none of them.

use std::io::Write;

use super::output::{self, Format, Row};
use super::table;
use crate::view::{ExchangeView, SCHEMA, SessionView, terminal_safe};

/// Writes exchanges in the form that was asked for.
pub(crate) struct Exchanges<W: Write> {
    out: W,
    format: Format,
    /// All of them go on: told is for how long they do.
    ongoing: bool,
    begun: bool,
    written: u64,
}

impl<W: Write> Exchanges<W> {
    /// Writes nothing yet.
    pub(crate) const fn new(out: W, format: Format) -> Self {
        Self { out, format, ongoing: false, begun: false, written: 0 }
    }

    /// The same for exchanges that all go on.
    pub(crate) const fn ongoing(out: W, format: Format) -> Self {
        Self { out, format, ongoing: true, begun: false, written: 0 }
    }

    /// One more.
    pub(crate) fn write(&mut self, exchange: &ExchangeView) -> anyhow::Result<()> {
        self.begin()?;
        match self.format {
            Format::Table => self.out.write_all(text(exchange, self.ongoing).as_bytes())?,
            Format::Jsonl => output::line(&mut self.out, exchange)?,
            Format::Json => {
                self.out.write_all(if self.written == 0 { b"\n" } else { b",\n" })?;
                serde_json::to_writer(&mut self.out, exchange)?;
            }
            Format::Csv => output::csv(&mut self.out, exchange.cells().into_iter())?,
        }
        self.written += 1;
        Ok(())
    }

    /// The end: what closes the form.
    pub(crate) fn finish(&mut self) -> anyhow::Result<()> {
        self.begin()?;
        if self.format == Format::Json {
            self.out.write_all(b"\n]}\n")?;
        }
        self.flush()
    }

    /// All that was written is there for the reader.
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        Ok(self.out.flush()?)
    }

    /// What comes before the first exchange; once.
    pub(crate) fn begin(&mut self) -> anyhow::Result<()> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        match self.format {
            Format::Table if self.ongoing => self.out.write_all(HEADER.replace("  MS ", " FOR ").as_bytes())?,
            Format::Table => self.out.write_all(HEADER.as_bytes())?,
            Format::Json => write!(self.out, "{{\"schema\": {SCHEMA}, \"items\": [")?,
            Format::Csv => output::csv_titles::<ExchangeView>(&mut self.out)?,
            Format::Jsonl => {}
        }
        Ok(())
    }
}

const HEADER: &str =
    "TIME             STATUS       MS   REQUEST  RESPONSE  CLIENT                 API                  CALL\n";

/// One line for people: what does not fit its column pushes the rest to the right, so that nothing is cut.
fn text(exchange: &ExchangeView, ongoing: bool) -> String {
    let size = |bytes: Option<u64>, complete: bool| match bytes {
        Some(bytes) if complete => table::bytes(bytes),
        Some(bytes) => format!("{}…", table::bytes(bytes)),
        None => "?".to_owned(),
    };
    let call = match (&exchange.method, &exchange.path) {
        (Some(method), Some(path)) => format!("{method} {path}{}", query(&exchange.query_keys)),
        _ => "? (request not seen)".to_owned(),
    };
    let so_far = exchange.running.as_ref();
    let request = so_far.and_then(|running| running.request_body_bytes);
    let response = so_far.and_then(|running| running.response_body_bytes);
    let (request, response) = match &exchange.session {
        Some(session) => (table::bytes(session.client.payload_bytes), table::bytes(session.server.payload_bytes)),
        None => (
            size(request.or(exchange.request_body_bytes), exchange.request_complete),
            size(response.or(exchange.response_body_bytes), exchange.response_complete),
        ),
    };
    // The last byte says little of what is idle and goes on.
    let lasted = if ongoing { table::since(&exchange.start) } else { table::milliseconds(exchange.duration_ms) };
    let line = format!(
        "{:15}  {:>6} {lasted:>8} {request:>9} {response:>9}  {:21}  {:19}  {call}{}",
        exchange.start.get(11..26).unwrap_or(&exchange.start),
        exchange.status.map_or_else(|| "-".to_owned(), |status| status.to_string()),
        exchange.client,
        exchange.api,
        more(exchange, ongoing),
    );
    format!("{}\n", terminal_safe(&line))
}

/// What there is besides request and response, in brackets.
fn more(exchange: &ExchangeView, ongoing: bool) -> String {
    let known = |count: Option<u64>| count.map_or_else(|| "?".to_owned(), |count| count.to_string());
    let mut parts = Vec::new();
    if let Some(grpc) = &exchange.grpc {
        let (asked, answered) = (known(grpc.request_messages), known(grpc.response_messages));
        let status = exchange.grpc_status.map_or_else(|| "status ?".to_owned(), grpc_status);
        parts.push(format!("gRPC {status}, messages {asked} from client, {answered} from server"));
    }
    if let Some(events) = exchange.events {
        parts.push(format!("{events} {}", if events == 1 { "event" } else { "events" }));
    }
    if exchange.running.is_some() && !ongoing {
        parts.push("goes on".to_owned());
    }
    if let Some(session) = &exchange.session {
        parts.push(said(session));
    }
    if parts.is_empty() { String::new() } else { format!("  [{}]", parts.join(", ")) }
}

/// The number and the name of a gRPC status, as in gRPC's `statuscodes.md`.
fn grpc_status(code: u32) -> String {
    const NAMES: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    let name = usize::try_from(code).ok().and_then(|code| NAMES.get(code));
    name.map_or_else(|| format!("status {code}"), |name| format!("{code} {name}"))
}

fn said(session: &SessionView) -> String {
    let unknown = session.client.unknown_bytes + session.server.unknown_bytes;
    let unknown = if unknown > 0 { format!(", {} not read", table::bytes(unknown)) } else { String::new() };
    if session.kind != "websocket" {
        return format!("{}{unknown}", session.kind);
    }
    let closed = match session.closed_first.as_deref() {
        Some("client") => close("client", session.client.close_code),
        Some(by) => close(by, session.server.close_code),
        None => String::new(),
    };
    let (asked, answered) = (session.client.messages(), session.server.messages());
    format!("websocket, messages {asked} from client, {answered} from server{closed}{unknown}")
}

fn close(by: &str, code: Option<u16>) -> String {
    let code = code.map_or_else(String::new, |code| format!(" with {code}"));
    format!(", closed by {by}{code}")
}

fn query(keys: &[String]) -> String {
    if keys.is_empty() { String::new() } else { format!("?{}", keys.join("&")) }
}

impl Row for ExchangeView {
    const COLUMNS: &'static [&'static str] = &[
        "start",
        "client",
        "server",
        "protocol",
        "tls",
        "api",
        "method",
        "host",
        "path",
        "query_keys",
        "route",
        "status",
        "request_body_bytes",
        "response_body_bytes",
        "request_complete",
        "response_complete",
        "duration_ms",
        "grpc_status",
        "running",
        "events",
        "request_messages",
        "response_messages",
    ];
    const NOUN: &'static str = "exchanges";

    fn cells(&self) -> Vec<String> {
        fn maybe<T: ToString>(value: Option<&T>) -> String {
            value.map(ToString::to_string).unwrap_or_default()
        }
        // Of gRPC or of a WebSocket: an exchange is never both.
        let messages = match (&self.grpc, &self.session) {
            (Some(grpc), _) => (grpc.request_messages, grpc.response_messages),
            (None, Some(session)) => (Some(session.client.messages()), Some(session.server.messages())),
            (None, None) => (None, None),
        };
        vec![
            self.start.clone(),
            self.client.clone(),
            self.server.clone(),
            self.protocol.clone(),
            self.tls.to_string(),
            self.api.clone(),
            maybe(self.method.as_ref()),
            maybe(self.host.as_ref()),
            maybe(self.path.as_ref()),
            self.query_keys.join("&"),
            maybe(self.route.as_ref()),
            maybe(self.status.as_ref()),
            maybe(self.request_body_bytes.as_ref()),
            maybe(self.response_body_bytes.as_ref()),
            self.request_complete.to_string(),
            self.response_complete.to_string(),
            self.duration_ms.to_string(),
            maybe(self.grpc_status.as_ref()),
            self.running.is_some().to_string(),
            maybe(self.events.as_ref()),
            maybe(messages.0.as_ref()),
            maybe(messages.1.as_ref()),
        ]
    }
}
