//! Made-up changes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use apiscope_audit::exchange::{ApiId, ConsumerId, Exchange, Method, Protocol, Stage};
use apiscope_audit::facts::{BodySize, Facts};
use apiscope_audit::finding::{FindingId, FindingRow, Severity, Status, Transition};
use apiscope_audit::inventory::{
    Announced, DocumentState, EndpointId, EndpointRow, PackedProfile, Security, TemplateState,
};
use apiscope_audit::secret::Masked;
use apiscope_audit::{Alert, CallRow, Change};
use apiscope_wire::{ExchangeId, FlowId, Hop, Origin, Role, Timestamp, Version};

/// 2026-11-24T14:02:11Z.
pub(crate) const AT: Timestamp = Timestamp::from_nanos(1_795_528_931_000_000_000);

/// A call that took 20 ms and sent 1,000 bytes.
pub(crate) fn call(api: &str, method: &str, route: Option<&str>, status: Option<u16>) -> Change {
    let origin = Origin {
        client: SocketAddr::from(([10, 0, 0, 1], 4711)),
        server: SocketAddr::from(([10, 0, 0, 2], 80)),
        role: Role::Served,
        hop: Hop::Private,
        interface: None,
        workload: None,
        encrypted: false,
    };
    let facts =
        |total| Facts { complete: true, body: BodySize { total: Some(total), scanned: total }, ..Facts::default() };
    let exchange = Exchange {
        id: ExchangeId { flow: FlowId::new(1), index: 0 },
        began: AT,
        ended: AT.plus(Duration::from_millis(20)),
        origin: Arc::new(origin),
        version: Version::Http11,
        api: ApiId::new(api),
        method: Some(Method::new(method)),
        host: None,
        path: Masked::from_stored("/"),
        query_keys: Vec::new(),
        status,
        consumer: ConsumerId::Address([10, 0, 0, 1].into()),
        request: Some(facts(0)),
        response: Some(facts(1000)),
        protocol: Protocol::Http,
        operations: None,
        stage: Stage::default(),
        session: None,
    };
    Change::Call(CallRow { exchange: Box::new(exchange), route: route.map(Into::into) })
}

pub(crate) fn endpoint(id: u64, api: &str, route: &str) -> EndpointRow {
    EndpointRow {
        id: EndpointId(id),
        api: ApiId::new(api),
        method: Method::new("GET"),
        route: route.into(),
        template: TemplateState::Literal,
        reason: None,
        document: DocumentState::NoDocument,
        rival: None,
        protocol: Protocol::Http,
        first: Some(AT),
        last: Some(AT),
        calls: 1,
        by_class: [0, 1, 0, 0, 0, 0],
        by_auth: [(None, 1)].into(),
        request_bytes_max: 0,
        response_bytes_max: 0,
        response_bytes_sum: 0,
        latency_ms: None,
        owner: None,
        announced: Announced::default(),
        since: None,
        idle: None,
        security: Security::Unsaid,
        profile: PackedProfile::default(),
    }
}

/// An open finding seen `count` times.
pub(crate) fn finding(route: &str, count: u64) -> FindingRow {
    let (api, method) = (ApiId::new("orders-api"), Method::new("POST"));
    let kind = apiscope_audit::detect::kind_named("cleartext-credential").expect("the kind is in the list");
    FindingRow {
        id: FindingId::of("test", &api, kind.name, &method, route),
        kind,
        api,
        method,
        route: route.into(),
        owner: None,
        severity: Severity::High,
        because: Masked::from_stored("crosses eth0"),
        status: Status::Open,
        levels: Vec::new(),
        quiet: None,
        opened: AT,
        first: AT,
        last: AT,
        resolved: None,
        count,
        calls: count,
        consumers: Vec::new(),
        consumers_more: false,
        evidence: Vec::new(),
        classes: Vec::new(),
        revision: 1,
        transition: Transition::Opened,
    }
}

pub(crate) fn resolved(row: &FindingRow) -> FindingRow {
    FindingRow {
        status: Status::Resolved,
        resolved: Some(AT.plus(Duration::from_secs(9))),
        revision: 2,
        transition: Transition::Resolved,
        ..row.clone()
    }
}

pub(crate) fn alert(finding: FindingRow, transition: Transition) -> Change {
    Change::Alert(Box::new(Alert { transition, finding }))
}
