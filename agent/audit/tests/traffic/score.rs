//! Traffic through the audit, and how well its templates fit the document's.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use apiscope_audit::exchange::{ApiId, ConsumerId, Exchange, Method, Protocol, Record, Stage};
use apiscope_audit::facts::Facts;
use apiscope_audit::inventory::EndpointId;
use apiscope_audit::secret::Masked;
use apiscope_audit::{Audit, Change, Settings};
use apiscope_wire::{ExchangeId, FlowId, Origin, Role, Timestamp, Version};

use super::{Api, Request, blank};

/// An endpoint without the names of its parameters.
pub(crate) type Endpoint = (String, String);

/// An audit without documents, fed with requests.
pub(crate) struct Driver {
    audit: Audit,
    origin: Arc<Origin>,
    now: Timestamp,
    rows: BTreeMap<EndpointId, (Endpoint, u64)>,
}

impl Driver {
    pub(crate) fn new() -> Self {
        let server: SocketAddr = "10.0.4.2:80".parse().expect("an address");
        let origin = Origin {
            client: SocketAddr::new(server.ip(), 40_000),
            server,
            role: Role::Served,
            hop: Origin::hop_between(server, server),
            interface: None,
            workload: None,
            encrypted: false,
        };
        let settings = Settings { environment: "bench".into(), ..Settings::default() };
        Self {
            audit: Audit::new(Arc::new(settings), apiscope_audit::Restored::default()),
            origin: Arc::new(origin),
            now: Timestamp::from_nanos(1_000_000_000),
            rows: BTreeMap::new(),
        }
    }

    /// The exchange of a request.
    pub(crate) fn exchange(&self, api: &ApiId, request: &Request) -> Box<Exchange> {
        let facts = Some(Facts { complete: true, ..Facts::default() });
        Box::new(Exchange {
            id: ExchangeId { flow: FlowId::new(1), index: 0 },
            began: self.now,
            ended: self.now.plus(Duration::from_millis(3)),
            origin: Arc::clone(&self.origin),
            version: Version::Http11,
            protocol: Protocol::Http,
            operations: None,
            stage: Stage::default(),
            session: None,
            api: api.clone(),
            method: Some(Method::new(&request.method)),
            host: None,
            path: Masked::from_stored(&request.path),
            query_keys: Vec::new(),
            status: Some(request.status),
            consumer: ConsumerId::Address(self.origin.client.ip()),
            request: facts.clone(),
            response: facts.map(|facts| Facts { outline: request.outline, ..facts }),
        })
    }

    /// Handles an exchange that was made before; gives how many changes it told.
    pub(crate) fn replay(&mut self, exchange: Box<Exchange>) -> usize {
        let mut told = 0;
        self.audit.handle(Record::Exchange(exchange), &mut |_| told += 1);
        told
    }

    /// One request, 10 ms after the one before; gives its template as it is at that moment.
    pub(crate) fn call(&mut self, api: &ApiId, request: &Request) -> Option<String> {
        let exchange = self.exchange(api, request);
        self.now = self.now.plus(Duration::from_millis(10));
        let (mut route, rows) = (None, &mut self.rows);
        let mut take = |change: Change| match change {
            Change::Call(call) => route = call.route.map(|route| blank(&route)),
            other => note(rows, other),
        };
        self.audit.handle(Record::Exchange(exchange), &mut take);
        self.audit.tick(self.now, &mut take);
        route
    }

    /// How many endpoints were told, of all APIs.
    pub(crate) fn count(&self) -> usize {
        self.rows.len()
    }

    /// The endpoints as they are told at the end.
    pub(crate) fn endpoints(&mut self) -> BTreeSet<Endpoint> {
        let rows = &mut self.rows;
        self.audit.flush(self.now, &mut |change| note(rows, change));
        rows.values().filter(|(_, calls)| *calls > 0).map(|(endpoint, _)| endpoint.clone()).collect()
    }
}

fn note(rows: &mut BTreeMap<EndpointId, (Endpoint, u64)>, change: Change) {
    match change {
        Change::Endpoint(row) => {
            rows.insert(row.id, ((row.method.as_str().to_owned(), blank(&row.route)), row.calls));
        }
        Change::EndpointGone { id, .. } => {
            rows.remove(&id);
        }
        _ => {}
    }
}

/// How well the endpoints found are those of the document.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Score {
    pub(crate) true_endpoints: usize,
    pub(crate) found: usize,
    pub(crate) right: usize,
    /// Requests after the first 20 of each operation, and those of them that got their template.
    pub(crate) late: usize,
    pub(crate) late_right: usize,
}

impl Score {
    pub(crate) fn precision(&self) -> f64 {
        ratio(self.right, self.found)
    }

    pub(crate) fn recall(&self) -> f64 {
        ratio(self.right, self.true_endpoints)
    }

    pub(crate) fn f1(&self) -> f64 {
        ratio(2 * self.right, self.found + self.true_endpoints)
    }

    pub(crate) fn late_share(&self) -> f64 {
        ratio(self.late_right, self.late)
    }

    /// Endpoints found for each true one.
    pub(crate) fn count_ratio(&self) -> f64 {
        ratio(self.found, self.true_endpoints)
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.true_endpoints += other.true_endpoints;
        self.found += other.found;
        self.right += other.right;
        self.late += other.late;
        self.late_right += other.late_right;
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a bench")]
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

/// The document's endpoints.
pub(crate) fn truth(api: &Api) -> BTreeSet<Endpoint> {
    api.operations.iter().map(|operation| (operation.method.clone(), blank(&operation.template))).collect()
}

/// Requests through the audit.
pub(crate) fn run(api: &Api, requests: &[Request]) -> (Score, BTreeSet<Endpoint>) {
    let mut driver = Driver::new();
    let id = ApiId::new("api");
    let mut seen = vec![0_usize; api.operations.len()];
    let mut score = Score::default();
    let expected: Vec<String> = api.operations.iter().map(|operation| blank(&operation.template)).collect();
    for request in requests {
        let route = driver.call(&id, request);
        let Some(operation) = request.operation else { continue };
        seen[operation] += 1;
        if seen[operation] > 20 {
            score.late += 1;
            score.late_right += usize::from(route.as_ref() == Some(&expected[operation]));
        }
    }
    let found = driver.endpoints();
    let truth = truth(api);
    score.true_endpoints = truth.len();
    score.found = found.len();
    score.right = found.intersection(&truth).count();
    (score, found)
}
