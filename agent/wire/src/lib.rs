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
mod flow;
pub mod http;
pub mod input;
mod limits;
mod seldom;
pub mod time;
pub mod tls;
mod wire;

pub use coverage::{Coverage, Lost, Skipped, Unparsed};
pub use event::{
    Ambiguity, AmbiguityKind, Body, Content, Event, Grpc, GrpcCounts, Header, Headers, Message, Progress, Sent,
    Session, SessionKind, Start, Verdict, Version,
};
pub use input::{CloseReason, ExchangeId, FlowId, Hop, Input, Origin, Payload, Role, Segment, Seq, Side};
pub use limits::{Counters, Limits};
pub use time::Timestamp;
pub use wire::Wire;
