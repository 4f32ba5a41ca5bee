//! The one list of metrics. What is exposed, what the reference page says and what the tests expect all come from here.

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows, from 0 at start.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by upper bound.
    Histogram,
}

impl MetricKind {
    /// As the exposition format calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric, as it is exposed.
#[derive(Debug)]
pub struct Metric {
    /// Whole name.
    pub name: &'static str,
    /// What it is.
    pub kind: MetricKind,
    /// Label names, in the order in which values are given.
    pub labels: &'static [&'static str],
    /// One sentence.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($id:ident: $kind:ident $name:literal [$($label:literal),*] $help:literal;)+) => {
        $(pub(super) static $id: Metric = Metric {
            name: $name,
            kind: MetricKind::$kind,
            labels: &[$($label),*],
            help: $help,
        };)+

        /// Every metric, in the order of the reference page.
        pub static TABLE: &[&Metric] = &[$(&$id),+];
    };
}

metrics! {
    BUILD_INFO: Gauge "apiscope_build_info" ["version", "revision", "target"] "The running build; always 1.";
    API_INFO: Gauge "apiscope_api_info" ["api", "team", "scheme", "spec"] "What is known of an API, to be joined; always 1.";
    CONFIG_RELOADED: Gauge "apiscope_config_last_reload_successful" [] "Whether the last reading of the configuration succeeded.";
    CONFIG_RELOADED_AT: Gauge "apiscope_config_last_reload_success_timestamp_seconds" [] "When the configuration was last read without a mistake.";
    PROGRAM_ATTACHED: Gauge "apiscope_bpf_program_attached" ["program"] "Whether the BPF program is attached.";
    RING_SIZE: Gauge "apiscope_ring_size_bytes" ["ring"] "Size of the ring between kernel and agent.";
    RING_USED: Gauge "apiscope_ring_used_bytes" ["ring"] "Bytes in the ring that were not yet read.";
    CAPTURE_RECORDS: Counter "apiscope_capture_records_total" ["program"] "Records that the BPF program handed over.";
    CAPTURE_DROPPED: Counter "apiscope_capture_dropped_records_total" ["program", "reason"] "Records that the BPF program could not hand over.";
    SOCKET_BYTES: Counter "apiscope_socket_bytes_total" ["api"] "Payload bytes seen at the sockets: captured, skipped and lost.";
    CAPTURED_BYTES: Counter "apiscope_captured_bytes_total" ["api"] "Payload bytes that were copied.";
    SKIPPED_BYTES: Counter "apiscope_skipped_bytes_total" ["api", "reason"] "Payload bytes not copied on purpose.";
    LOST_BYTES: Counter "apiscope_lost_bytes_total" ["api", "reason"] "Payload bytes missed against the agent's will.";
    UNPARSED_BYTES: Counter "apiscope_unparsed_bytes_total" ["api", "reason"] "Payload bytes that were copied and not understood.";
    TLS_UNOBSERVED: Counter "apiscope_tls_unobserved_flows_total" ["api"] "TLS flows that nobody here can read: a blind spot.";
    FLOWS_OPEN: Gauge "apiscope_flows_open" [] "Flows that are followed now.";
    FLOWS: Counter "apiscope_flows_total" ["role"] "Flows seen.";
    FLOW_EVICTIONS: Counter "apiscope_flow_evictions_total" ["reason"] "Flows given up before their end.";
    REASSEMBLY_GAPS: Counter "apiscope_reassembly_gaps_total" [] "Gaps in byte streams.";
    REASSEMBLY_CONFLICTS: Counter "apiscope_reassembly_conflicts_total" [] "Retransmitted bytes that differ from the first copy.";
    EXCHANGES: Counter "apiscope_exchanges_total" ["api", "method", "route", "code"] "Exchanges seen.";
    EXCHANGES_RUNNING: Gauge "apiscope_exchanges_running" ["api"] "Exchanges, and WebSockets and tunnels, that go on and have for longer than a second; they count in apiscope_exchanges_total when they end.";
    GRPC_CALLS: Counter "apiscope_grpc_calls_total" ["api", "code"] "gRPC calls that ended, by their own status: ok, error, unknown.";
    WEBSOCKET_SESSIONS: Counter "apiscope_websocket_sessions_total" ["api"] "WebSockets that ended.";
    WEBSOCKET_MESSAGES: Counter "apiscope_websocket_messages_total" ["api", "side"] "WebSocket messages, by who sent them; also of WebSockets that go on.";
    WEBSOCKET_ERRORS: Counter "apiscope_websocket_protocol_errors_total" [] "WebSocket frames that break the rules; what follows them is not read.";
    EXCHANGE_DURATION: Histogram "apiscope_exchange_duration_seconds" ["api"] "From the first byte of the request to the last of the response.";
    REQUEST_SIZE: Histogram "apiscope_request_size_bytes" ["api"] "Request bodies as sent.";
    RESPONSE_SIZE: Histogram "apiscope_response_size_bytes" ["api"] "Response bodies as sent.";
    INCOMPLETE: Counter "apiscope_incomplete_exchanges_total" ["reason"] "Exchanges of which a part was not seen or did not end as its framing says.";
    LAST_EXCHANGE: Gauge "apiscope_last_exchange_timestamp_seconds" ["api"] "When the last exchange ended.";
    AMBIGUITIES: Counter "apiscope_ambiguous_messages_total" ["kind"] "Messages whose framing servers read differently.";
    ENDPOINTS: Gauge "apiscope_endpoints" ["api", "state"] "Endpoints known, compared with the API's document.";
    ENDPOINTS_DISCOVERED: Counter "apiscope_endpoints_discovered_total" ["api"] "Endpoints seen for the first time.";
    SCHEMA_MESSAGES: Counter "apiscope_schema_messages_total" ["outcome"] "Messages for the learnt schemas: taken, passed (their endpoint is known well enough), spared (too dear), incomplete.";
    SCHEMA_SIZE: Gauge "apiscope_schema_size_bytes" [] "Size of the learnt schemas in memory; at most 4 MiB.";
    SCHEMAS_DROPPED: Counter "apiscope_schemas_dropped_total" ["what"] "What was left out or forgotten of the learnt schemas for lack of room: endpoint (all that was learnt of one), part (a body of a status or media type past those kept).";
    PROBED_CALLS: Counter "apiscope_probed_calls_total" [] "Calls of paths that are no endpoint: only ever answered 404, 405, 400 and the like, or not at all.";
    PROBED_DISPLACED: Counter "apiscope_probed_displaced_total" [] "Times that a path that is no endpoint, or who asked for it, made room for another in the list of the most frequent.";
    SPEC_FAILURES: Counter "apiscope_spec_load_failures_total" ["spec"] "Attempts to read the OpenAPI document that failed.";
    SPEC_LOADED_AT: Gauge "apiscope_spec_last_load_timestamp_seconds" ["spec"] "When the OpenAPI document was last read without a mistake; 0 never.";
    FINDINGS_OPEN: Gauge "apiscope_findings_open" ["api", "kind", "severity"] "Findings that are open now.";
    FINDINGS_OPENED: Counter "apiscope_findings_opened_total" ["kind", "severity"] "Findings that opened or opened again.";
    FINDING_OBSERVATIONS: Counter "apiscope_finding_observations_total" ["kind"] "Sightings of what a finding says.";
    ALERTS_SENT: Counter "apiscope_alerts_sent_total" ["receiver"] "Alerts that the receiver accepted; reminders are not counted.";
    ALERT_SEND_FAILURES: Counter "apiscope_alert_send_failures_total" ["receiver", "reason"] "Attempts that the receiver did not accept; they are made again.";
    ALERTS_DROPPED: Counter "apiscope_alerts_dropped_total" ["receiver", "reason"] "Alerts given up: 0, or somebody has to look.";
    ALERTS_INCOMPLETE: Counter "apiscope_alerts_incomplete_total" ["receiver"] "Alerts that said unknown where a fact should stand.";
    OUTBOX_ENTRIES: Gauge "apiscope_outbox_entries" ["receiver"] "Alerts that wait for the receiver.";
    OUTBOX_OLDEST: Gauge "apiscope_outbox_oldest_timestamp_seconds" ["receiver"] "When the oldest alert that waits came; 0 if none waits.";
    ALERT_DELIVERY: Histogram "apiscope_alert_delivery_seconds" ["receiver"] "From the change of a finding to the receiver's acceptance.";
    STORE_DURABLE: Gauge "apiscope_store_durable" [] "Whether what is written reaches the disk.";
    STORE_SIZE: Gauge "apiscope_store_size_bytes" [] "Size of the store with its log.";
    STORE_LAST_WRITE: Gauge "apiscope_store_last_write_timestamp_seconds" [] "When something was last written to the disk; 0 never.";
    STORE_FAILURES: Counter "apiscope_store_failures_total" ["operation"] "Operations of the store that failed.";
    STORE_DROPPED: Counter "apiscope_store_dropped_rows_total" ["kind"] "Rows that were not stored because the writer was behind or the disk refused.";
    LABEL_OVERFLOW: Counter "apiscope_label_overflow_total" ["label"] "Observations counted under the value other because a cap on label values or series was reached.";
    SCRAPE_SERIES: Gauge "apiscope_scrape_series" [] "Series in this answer.";
    SCRAPE_DURATION: Gauge "apiscope_scrape_duration_seconds" [] "Time taken to gather this answer, without its encoding.";
    LOG_MESSAGES: Counter "apiscope_log_messages_total" ["level"] "Messages logged.";
    PROCESS_CPU: Counter "process_cpu_seconds_total" [] "Total user and system CPU time spent in seconds.";
    PROCESS_MEMORY: Gauge "process_resident_memory_bytes" [] "Resident memory size in bytes.";
    PROCESS_FDS: Gauge "process_open_fds" [] "Number of open file descriptors.";
    PROCESS_START: Gauge "process_start_time_seconds" [] "Start time of the process since unix epoch in seconds.";
}
