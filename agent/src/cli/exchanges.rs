//! Exchanges as they end, line by line: for `watch` and for `replay --exchanges`. Holds none of them.

use std::io::Write;

use super::output::{self, Format, Row};
use super::table;
use crate::view::{ExchangeView, SCHEMA, terminal_safe};

/// Writes exchanges in the form that was asked for.
pub(crate) struct Exchanges<W: Write> {
    out: W,
    format: Format,
    begun: bool,
    written: u64,
}

impl<W: Write> Exchanges<W> {
    /// Writes nothing yet.
    pub(crate) const fn new(out: W, format: Format) -> Self {
        Self { out, format, begun: false, written: 0 }
    }

    /// One more.
    pub(crate) fn write(&mut self, exchange: &ExchangeView) -> anyhow::Result<()> {
        self.begin()?;
        match self.format {
            Format::Table => self.out.write_all(text(exchange).as_bytes())?,
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
fn text(exchange: &ExchangeView) -> String {
    let size = |bytes: Option<u64>, complete: bool| match bytes {
        Some(bytes) if complete => table::bytes(bytes),
        Some(bytes) => format!("{}…", table::bytes(bytes)),
        None => "?".to_owned(),
    };
    let call = match (&exchange.method, &exchange.path) {
        (Some(method), Some(path)) => format!("{method} {path}{}", query(&exchange.query_keys)),
        _ => "? (request not seen)".to_owned(),
    };
    let line = format!(
        "{:15}  {:>6} {:>8} {:>9} {:>9}  {:21}  {:19}  {call}",
        exchange.start.get(11..26).unwrap_or(&exchange.start),
        exchange.status.map_or_else(|| "-".to_owned(), |status| status.to_string()),
        table::milliseconds(exchange.duration_ms),
        size(exchange.request_body_bytes, exchange.request_complete),
        size(exchange.response_body_bytes, exchange.response_complete),
        exchange.client,
        exchange.api,
    );
    format!("{}\n", terminal_safe(&line))
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
    ];
    const NOUN: &'static str = "exchanges";

    fn cells(&self) -> Vec<String> {
        fn maybe<T: ToString>(value: Option<&T>) -> String {
            value.map(ToString::to_string).unwrap_or_default()
        }
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
        ]
    }
}
