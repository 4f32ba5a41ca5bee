//! Exchanges through `Gather` and `Audit`, as the agent's shard has them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use apiscope::store::{Options, Store};
use apiscope_audit::inventory::{EndpointId, EndpointRow};
use apiscope_audit::schema::{EndpointSchemas, SchemaCounters};
use apiscope_audit::secret::FingerprintKey;
use apiscope_audit::{ApiId, Audit, Change, Gather, Restored, Settings};
use apiscope_wire::{
    Body, Content, Coverage, Event, ExchangeId, FlowId, Header, Headers, Hop, Message, Origin, Role, Start, Timestamp,
    Version,
};

/// One call.
#[derive(Default)]
pub(crate) struct Call<'a> {
    pub(crate) method: &'a str,
    pub(crate) target: &'a str,
    pub(crate) headers: Vec<(&'a str, String)>,
    pub(crate) request: Option<(&'a str, String)>,
    pub(crate) status: u16,
    pub(crate) response_headers: Vec<(&'a str, String)>,
    pub(crate) response: Option<(&'a str, String)>,
    /// Which client calls.
    pub(crate) client: u8,
}

/// Of which all calls are.
pub(crate) const API: &str = "api.example.com";

/// A shard with its audit.
pub(crate) struct Talk {
    key: u8,
    keeps: bool,
    gather: Gather,
    audit: Audit,
    flow: u64,
    pub(crate) rows: BTreeMap<EndpointId, EndpointRow>,
    pub(crate) schemas: BTreeMap<EndpointId, EndpointSchemas>,
}

impl Talk {
    pub(crate) fn new() -> Self {
        Self::with_key(5)
    }

    /// Of an installation with a key of its own.
    pub(crate) fn with_key(key: u8) -> Self {
        Self::with(key, Settings::default(), true)
    }

    /// That keeps nothing of what it is told.
    pub(crate) fn deaf(settings: Settings) -> Self {
        Self::with(5, settings, false)
    }

    fn with(key: u8, settings: Settings, keeps: bool) -> Self {
        let settings = Arc::new(settings);
        let gather = Gather::new(Arc::new(FingerprintKey::new([key; 32])), Arc::clone(&settings));
        let audit = Audit::new(settings, Restored::default());
        Self { key, keeps, gather, audit, flow: 0, rows: BTreeMap::new(), schemas: BTreeMap::new() }
    }

    /// What the schemas count about themselves.
    pub(crate) fn counters(&self) -> SchemaCounters {
        self.audit.schema_counters()
    }

    /// A call that another agent sees.
    pub(crate) fn pass(&mut self) {
        self.flow += 1;
    }

    pub(crate) fn call(&mut self, call: &Call<'_>) {
        self.flow += 1;
        let with_type = |own: &[(&str, String)], body: &Option<(&str, String)>| -> Vec<(String, Vec<u8>)> {
            let mut all: Vec<_> =
                own.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into_bytes())).collect();
            if let Some((media, _)) = body {
                all.push(("content-type".to_owned(), media.as_bytes().to_vec()));
            }
            all
        };
        let mut request_headers = with_type(&call.headers, &call.request);
        request_headers.push(("host".to_owned(), API.as_bytes().to_vec()));
        let response_headers = with_type(&call.response_headers, &call.response);
        let start = Start::Request { method: call.method, target: call.target.as_bytes() };
        self.message(call.client, start, &request_headers, call.request.as_ref().map(|(_, body)| body.as_str()));
        let start = Start::Response { status: call.status };
        self.message(call.client, start, &response_headers, call.response.as_ref().map(|(_, body)| body.as_str()));
    }

    fn message(&mut self, client: u8, start: Start<'_>, headers: &[(String, Vec<u8>)], body: Option<&str>) {
        let origin = Origin {
            client: ([10, 0, 0, client], 40_000).into(),
            server: ([10, 0, 1, 1], 443).into(),
            role: Role::Served,
            hop: Hop::Private,
            interface: None,
            workload: None,
            encrypted: true,
        };
        let headers: Vec<_> = headers.iter().map(|(name, value)| Header { name, value }).collect();
        let body = body.unwrap_or_default().as_bytes();
        let message = Message {
            exchange: ExchangeId { flow: FlowId::new(self.flow), index: 0 },
            origin: &origin,
            version: Version::Http11,
            start,
            headers: Headers(&headers),
            body: Body { data: body, total: Some(body.len() as u64) },
            trailers: Headers(&[]),
            content: Content::Plain,
            began: Timestamp::from_nanos(1_700_000_000_000_000_000 + self.flow * 1_000),
            ended: Timestamp::from_nanos(1_700_000_000_000_000_500 + self.flow * 1_000),
            complete: true,
        };
        let Self { gather, audit, rows, schemas, keeps, .. } = self;
        gather.handle(Event::Message(message), &mut |record| {
            audit.handle(record, &mut |change| {
                if *keeps {
                    take(rows, schemas, change);
                }
            });
        });
    }

    /// Leaves what is known in a store, as an agent does.
    pub(crate) fn leave(&self, dir: &Path) {
        let (store, _) = Store::open(Options::new(dir)).expect("a store can be made");
        store.note_key(FingerprintKey::new([self.key; 32]).mark()).expect("it takes a note");
        self.rows.values().for_each(|row| store.give(Change::Endpoint(Box::new(row.clone()))));
        for (id, schemas) in &self.schemas {
            store.give(Change::Schemas { id: *id, packed: Some(schemas.pack().into()) });
        }
        store.give(Change::Coverage(ApiId::new(API), Coverage { parsed: 1_000 * self.flow, ..Coverage::default() }));
        store.flush().expect("all is written");
        store.close();
    }

    /// All that changed.
    pub(crate) fn flush(&mut self) {
        let Self { audit, rows, schemas, keeps, .. } = self;
        audit.flush(Timestamp::from_nanos(1_700_000_100_000_000_000), &mut |change| {
            if *keeps {
                take(rows, schemas, change);
            }
        });
    }
}

fn take(
    rows: &mut BTreeMap<EndpointId, EndpointRow>,
    schemas: &mut BTreeMap<EndpointId, EndpointSchemas>,
    change: Change,
) {
    match change {
        Change::Endpoint(row) => drop(rows.insert(row.id, *row)),
        Change::EndpointGone { id, .. } => drop(rows.remove(&id)),
        Change::Schemas { id, packed: Some(packed) } => {
            drop(schemas.insert(id, EndpointSchemas::unpack(&packed).expect("what was packed")));
        }
        Change::Schemas { id, packed: None } => drop(schemas.remove(&id)),
        _ => {}
    }
}
