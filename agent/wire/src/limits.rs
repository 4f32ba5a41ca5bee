//! Bounds, and what fell off at them.

/// Bounds of a [`crate::Wire`].
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Flows known at a time; past it the one idle for longest is closed and counted.
    pub flows_max: usize,
    /// Bytes of a message's head; past it the message is malformed.
    pub head_bytes_max: usize,
    /// Bytes of a body kept for `audit`.
    pub body_bytes_max: usize,
    /// Bytes buffered out of order, per flow and direction.
    pub reorder_bytes_max: usize,
    /// Chunks buffered out of order, per flow and direction.
    pub reorder_chunks_max: usize,
    /// Bytes buffered in all flows.
    pub buffered_bytes_max: usize,
    /// Requests of a flow that wait for their response.
    pub pipeline_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            flows_max: 65_536,
            head_bytes_max: 64 * 1024,
            body_bytes_max: 64 * 1024,
            reorder_bytes_max: 256 * 1024,
            reorder_chunks_max: 256,
            buffered_bytes_max: 24 * 1024 * 1024,
            pipeline_max: 256,
        }
    }
}

/// What a [`crate::Wire`] has seen and what fell off at its bounds. All but the two gauges only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Gauge: flows known and not over.
    pub flows_open: u64,
    /// Gauge: bytes allocated for buffered segments and unfinished messages, in all flows.
    pub buffered_bytes: u64,
    /// Flows begun, a reused flow id counted again.
    pub flows_begun: u64,
    /// Open flows closed because `flows_max` was reached.
    pub flows_evicted: u64,
    /// Segments of a flow that is not known, or that is over.
    pub orphan_segments: u64,
    /// Payload bytes of those.
    pub orphan_bytes: u64,
    /// Payload bytes that were there already: retransmissions, keep-alive probes, late copies of what had been given up.
    pub duplicate_bytes: u64,
    /// Segments further from the stream than any window allows, or past its end; dropped.
    pub out_of_window_segments: u64,
    /// Gaps in a stream that were given up.
    pub gaps: u64,
    /// Gaps given up because `reorder_bytes_max`, `reorder_chunks_max` or `buffered_bytes_max` was reached.
    pub gaps_by_limit: u64,
    /// Directions of flows in which a second copy of bytes differed from the first.
    pub conflicts: u64,
    /// Messages given.
    pub messages: u64,
    /// Messages given that did not end as their framing says, or whose framing was not sure.
    pub messages_incomplete: u64,
    /// Interim responses (1xx without 101).
    pub interim_responses: u64,
    /// First lines that are HTTP/0.9: refused.
    pub http09_requests: u64,
    /// Hellos in the manner of SSL 2: refused.
    pub ssl2_hellos: u64,
    /// TLS: hellos and certificates that are too long, or lie in too many records.
    pub handshakes_too_long: u64,
    /// Heads that break HTTP's rules.
    pub malformed_heads: u64,
    /// Heads longer than `head_bytes_max`.
    pub heads_too_long: u64,
    /// Bodies (chunked) that break HTTP's rules.
    pub malformed_bodies: u64,
    /// Bodies of which not all could be kept because of `body_bytes_max`.
    pub bodies_cut: u64,
    /// Heads and bodies of which not all could be kept because of `buffered_bytes_max`.
    pub cut_by_memory: u64,
    /// Times that the pairing of a flow's requests and responses could no longer be proven.
    pub pairings_broken: u64,
    /// Of those: because more than `pipeline_max` requests waited.
    pub pipelines_too_long: u64,
    /// Responses given without a known request.
    pub unpaired_responses: u64,
    /// Sessions begun: a WebSocket, a tunnel, another protocol after an Upgrade.
    pub sessions: u64,
    /// WebSocket: frames that break the rules; the rest of their direction is not read.
    pub websocket_errors: u64,
    /// WebSocket: directions not read to their end because of a gap that is not inside a payload.
    pub websocket_gaps: u64,
    /// Messages that ran for longer than a second, of which the head was given before their end.
    pub heads_given: u64,
    /// HTTP/2: directions whose bytes broke the rules of frames.
    pub malformed_frames: u64,
    /// HTTP/2: streams given before their end, because too many were open.
    pub streams_evicted: u64,
    /// HTTP/2: pushes promised; their responses are not given.
    pub pushes: u64,
    /// HTTP/2: messages not given because their first line stands in a part of the table that was not seen, or never came.
    pub unknown_heads: u64,
    /// HTTP/2: header fields not known, because they stand in a part of the table that was not seen.
    pub unknown_fields: u64,
    /// HTTP/2: header fields not kept, because they were too many, too long or no header fields.
    pub fields_dropped: u64,
}
