//! Segments in, messages out: a passive reader of TCP and HTTP.
//!
//! [`Wire`] takes [`Input`]s (bytes of one direction of a flow, with sequence number and time) and gives [`Event`]s. It is
//! sans-IO: it knows no socket, file, clock, thread or async; time comes with the input. So a capture file runs through
//! exactly the code that live traffic runs through.
//!
//! It never fails, never blocks and never panics: hostile bytes are data. What could not be read is counted in [`Coverage`]
//! or named as an [`Ambiguity`]; nothing is invented.
#![forbid(unsafe_code)]

pub mod coverage;
pub mod event;
pub mod input;
pub mod time;

pub use coverage::{Coverage, Lost, Skipped, Unparsed};
pub use event::{Ambiguity, AmbiguityKind, Body, Event, Header, Headers, Hello, Message, Start, Verdict, Version};
pub use input::{CloseReason, ExchangeId, FlowId, Hop, Input, Origin, Payload, Role, Segment, Seq, Side};
pub use time::Timestamp;

/// The reader: one per shard. Bounded in flows, bytes and chunks; see [`Limits`].
#[derive(Debug, Default)]
pub struct Wire {
    limits: Limits,
}

/// Bounds of a [`Wire`].
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

impl Wire {
    /// A reader with these bounds.
    pub fn new(limits: Limits) -> Self {
        Self { limits }
    }

    /// Takes one input and gives what follows from it. Total: never fails, never blocks.
    pub fn handle(&mut self, input: Input<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        let _ = (input, emit, self.limits);
    }
}
