//! Everything that is known, as series. Each snapshot is capped too: what comes from a configuration may be long.

use apiscope_wire::Timestamp;

use super::encode::Families;
use super::labels::{CODES, METHODS, OTHER, clean};
use super::process::Process;
use super::running::GRPC_CODES;
use super::snapshot::{CaptureSnapshot, ReceiverSnapshot, SchemaSnapshot, WireSnapshot};
use super::state::{APIS_MAX, ApiSeries, INCOMPLETE, OVERFLOWS, State, real};
use super::{Inner, logs, table};
use crate::store::{Operation, StoreStatus};

/// Programs, rings, documents and receivers shown, each.
const LISTED_MAX: usize = 16;
/// Reasons shown of each program or receiver.
const REASONS_MAX: usize = 8;

pub(super) fn gather(inner: &Inner, families: &mut Families) {
    families.add(&table::BUILD_INFO, &[env!("CARGO_PKG_VERSION"), inner.revision, TARGET], 1.0);
    for info in inner.apis.iter().take(APIS_MAX) {
        let values = [&info.api, &info.team, &info.scheme, &info.spec].map(|value| clean(value));
        families.add(&table::API_INFO, &[&values[0], &values[1], &values[2], &values[3]], 1.0);
    }
    if let Some(config) = inner.config {
        families.add(&table::CONFIG_RELOADED, &[], flag(config.successful));
        families.add(&table::CONFIG_RELOADED_AT, &[], seconds(Some(config.success_at)));
    }
    for spec in inner.specs.iter().take(LISTED_MAX * 3) {
        let name = clean(&spec.spec);
        families.add(&table::SPEC_FAILURES, &[&name], real(spec.failures));
        families.add(&table::SPEC_LOADED_AT, &[&name], seconds(spec.loaded_at));
    }
    if let Some(capture) = &inner.capture {
        gather_capture(capture, families);
    }
    if let Some(wire) = &inner.wire {
        gather_wire(wire, families);
    }
    if let Some(schemas) = &inner.schemas {
        gather_schemas(schemas, families);
    }
    if let Some(inventory) = &inner.inventory {
        families.add(&table::PROBED_CALLS, &[], real(inventory.probed));
        families.add(&table::PROBED_DISPLACED, &[], real(inventory.probed_displaced));
    }
    if let Some(store) = &inner.store {
        gather_store(store, families);
    }
    for receiver in inner.receivers.iter().take(LISTED_MAX) {
        gather_receiver(receiver, families);
    }
    gather_state(&inner.state, families);
    gather_process(families);
}

const TARGET: &str = if cfg!(target_arch = "x86_64") {
    "x86_64-linux"
} else if cfg!(target_arch = "aarch64") {
    "aarch64-linux"
} else {
    "linux"
};

fn gather_capture(capture: &CaptureSnapshot, families: &mut Families) {
    for program in capture.programs.iter().take(LISTED_MAX) {
        let name = clean(&program.program);
        families.add(&table::PROGRAM_ATTACHED, &[&name], flag(program.attached));
        families.add(&table::CAPTURE_RECORDS, &[&name], real(program.records));
        for (reason, records) in program.dropped.iter().take(REASONS_MAX) {
            families.add(&table::CAPTURE_DROPPED, &[&name, &clean(reason)], real(*records));
        }
    }
    for ring in capture.rings.iter().take(LISTED_MAX) {
        let name = clean(&ring.ring);
        families.add(&table::RING_SIZE, &[&name], real(ring.size_bytes));
        families.add(&table::RING_USED, &[&name], real(ring.used_bytes));
    }
}

fn gather_wire(wire: &WireSnapshot, families: &mut Families) {
    families.add(&table::FLOWS_OPEN, &[], real(wire.flows_open));
    for (role, flows) in ["served", "called", "unknown"].into_iter().zip(wire.flows_by_role) {
        families.add(&table::FLOWS, &[role], real(flows));
    }
    for (reason, flows) in wire.evictions.iter().take(REASONS_MAX) {
        families.add(&table::FLOW_EVICTIONS, &[&clean(reason)], real(*flows));
    }
    families.add(&table::REASSEMBLY_GAPS, &[], real(wire.gaps));
    families.add(&table::REASSEMBLY_CONFLICTS, &[], real(wire.conflicts));
    families.add(&table::WEBSOCKET_ERRORS, &[], real(wire.websocket_errors));
}

fn gather_schemas(schemas: &SchemaSnapshot, families: &mut Families) {
    for (outcome, messages) in ["taken", "passed", "spared", "incomplete"].into_iter().zip(schemas.messages) {
        families.add(&table::SCHEMA_MESSAGES, &[outcome], real(messages));
    }
    families.add(&table::SCHEMA_SIZE, &[], real(schemas.size_bytes));
    families.add(&table::SCHEMAS_DROPPED, &["endpoint"], real(schemas.endpoints_dropped));
    families.add(&table::SCHEMAS_DROPPED, &["part"], real(schemas.parts_dropped));
}

fn gather_store(store: &StoreStatus, families: &mut Families) {
    families.add(&table::STORE_DURABLE, &[], flag(store.durable));
    families.add(&table::STORE_SIZE, &[], real(store.size_bytes));
    families.add(&table::STORE_LAST_WRITE, &[], seconds(store.last_write));
    for operation in Operation::ALL {
        let failures = store.failures.get(&operation).copied().unwrap_or(0);
        families.add(&table::STORE_FAILURES, &[operation.name()], real(failures));
    }
    families.add(&table::STORE_DROPPED, &["call"], real(store.calls_dropped));
    families.add(&table::STORE_DROPPED, &["state"], real(store.rows_dropped));
}

fn gather_receiver(receiver: &ReceiverSnapshot, families: &mut Families) {
    let name = clean(&receiver.receiver);
    families.add(&table::ALERTS_SENT, &[&name], real(receiver.sent));
    for (reason, attempts) in receiver.failures.iter().take(REASONS_MAX) {
        families.add(&table::ALERT_SEND_FAILURES, &[&name, reason], real(*attempts));
    }
    for (reason, alerts) in receiver.dropped.iter().take(REASONS_MAX) {
        families.add(&table::ALERTS_DROPPED, &[&name, reason], real(*alerts));
    }
    families.add(&table::ALERTS_INCOMPLETE, &[&name], real(receiver.incomplete));
    families.add(&table::OUTBOX_ENTRIES, &[&name], real(receiver.waiting));
    families.add(&table::OUTBOX_OLDEST, &[&name], seconds(receiver.oldest));
    families.add_histogram(&table::ALERT_DELIVERY, &[&name], &receiver.delivery);
}

fn gather_state(state: &State, families: &mut Families) {
    for (api, series) in &state.apis {
        gather_api(api, series, families);
    }
    for (code, exchanges) in CODES.iter().zip(state.overflowed_exchanges) {
        if exchanges > 0 {
            families.add(&table::EXCHANGES, &[OTHER, OTHER, OTHER, code], real(exchanges));
        }
    }
    for (reason, exchanges) in INCOMPLETE.iter().zip(state.incomplete) {
        families.add(&table::INCOMPLETE, &[reason], real(exchanges));
    }
    for (kind, messages) in &state.ambiguous {
        families.add(&table::AMBIGUITIES, &[kind], real(*messages));
    }
    for ((api, word), endpoints) in state.endpoints() {
        families.add(&table::ENDPOINTS, &[api, word], real(endpoints));
    }
    for ((api, kind, severity), findings) in &state.findings_open {
        families.add(&table::FINDINGS_OPEN, &[api, kind, severity.name()], real(*findings));
    }
    for ((kind, severity), findings) in &state.findings_opened {
        families.add(&table::FINDINGS_OPENED, &[kind, severity.name()], real(*findings));
    }
    for (kind, sightings) in &state.observations {
        families.add(&table::FINDING_OBSERVATIONS, &[kind], real(*sightings));
    }
    for (label, observations) in OVERFLOWS.iter().zip(state.overflow) {
        families.add(&table::LABEL_OVERFLOW, &[label], real(observations));
    }
}

fn gather_api(api: &str, series: &ApiSeries, families: &mut Families) {
    let coverage = &series.coverage;
    families.add(&table::SOCKET_BYTES, &[api], real(coverage.socket()));
    families.add(&table::CAPTURED_BYTES, &[api], real(coverage.captured()));
    let (skipped, lost, unparsed) = (coverage.skipped, coverage.lost, coverage.unparsed);
    for (reason, bytes) in [("budget", skipped.budget), ("verdict", skipped.verdict), ("encrypted", skipped.encrypted)]
    {
        families.add(&table::SKIPPED_BYTES, &[api, reason], real(bytes));
    }
    for (reason, bytes) in [("ring", lost.ring), ("gap", lost.gap), ("memory", lost.memory)] {
        families.add(&table::LOST_BYTES, &[api, reason], real(bytes));
    }
    for (reason, bytes) in
        [("not_http", unparsed.not_http), ("malformed", unparsed.malformed), ("joined_late", unparsed.joined_late)]
    {
        families.add(&table::UNPARSED_BYTES, &[api, reason], real(bytes));
    }
    families.add(&table::TLS_UNOBSERVED, &[api], real(series.tls_unobserved));
    let streams = &series.streams;
    families.add(&table::EXCHANGES_RUNNING, &[api], real(streams.running));
    for (code, calls) in GRPC_CODES.iter().zip(streams.grpc) {
        families.add(&table::GRPC_CALLS, &[api, code], real(calls));
    }
    families.add(&table::WEBSOCKET_SESSIONS, &[api], real(streams.websockets));
    for (side, messages) in ["client", "server"].iter().zip(streams.messages) {
        families.add(&table::WEBSOCKET_MESSAGES, &[api, side], real(messages));
    }
    families.add_histogram(&table::EXCHANGE_DURATION, &[api], &series.duration);
    families.add_histogram(&table::REQUEST_SIZE, &[api], &series.request_size);
    families.add_histogram(&table::RESPONSE_SIZE, &[api], &series.response_size);
    families.add(&table::ENDPOINTS_DISCOVERED, &[api], real(series.discovered));
    if series.last.is_some() {
        families.add(&table::LAST_EXCHANGE, &[api], seconds(series.last));
    }
    for (route, keys) in &series.routes {
        for ((method, code), exchanges) in keys {
            let method = METHODS.get(usize::from(*method)).copied().unwrap_or(OTHER);
            let code = CODES.get(usize::from(*code)).copied().unwrap_or(OTHER);
            families.add(&table::EXCHANGES, &[api, method, route, code], real(*exchanges));
        }
    }
}

fn gather_process(families: &mut Families) {
    for (level, messages) in logs::counts() {
        families.add(&table::LOG_MESSAGES, &[level], real(messages));
    }
    let process = Process::read();
    for (metric, value) in [
        (&table::PROCESS_CPU, process.cpu_seconds),
        (&table::PROCESS_MEMORY, process.resident_bytes),
        (&table::PROCESS_FDS, process.open_fds),
        (&table::PROCESS_START, process.start_seconds),
    ] {
        if let Some(value) = value {
            families.add(metric, &[], value);
        }
    }
}

fn flag(value: bool) -> f64 {
    f64::from(u8::from(value))
}

/// Seconds since the epoch; 0 never.
fn seconds(at: Option<Timestamp>) -> f64 {
    at.map_or(0.0, |at| at.since(Timestamp::EPOCH).as_secs_f64())
}
