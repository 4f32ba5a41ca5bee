//! The reader of a shard: inputs to flows, time, and the bound on flows.

use std::fmt;
use std::time::Duration;

use crate::event::Event;
use crate::flow::delivered::Delivered;
use crate::flow::table::Table;
use crate::flow::{Flow, Io, orphan};
use crate::http::work::Pool;
use crate::input::{CloseReason, FlowId, Input, Origin, Payload, Segment};
use crate::limits::{Counters, Limits};
use crate::time::Timestamp;

/// How often flows are looked through for what time alone decides.
const SWEEP_EVERY: Duration = Duration::from_millis(250);

/// The reader: one per shard. Bounded in flows, bytes and chunks; see [`Limits`].
///
/// # What it promises on exchanges
///
/// - The messages of a side are given in the order sent. A request's [`index`](crate::ExchangeId::index) is larger than
///   that of any request before it. A response has the index of the request that it answers, where that is proven;
///   otherwise an index of its own, that no request has: it is then never marked complete, since the framing of a
///   response depends on its request.
/// - In HTTP/1 the indexes of responses grow too: once a response with index *n* was given, a request with a lower index
///   will never be answered.
/// - A response may be given before the request that it answers, if the server did not wait for all of it.
/// - What was missed or could not be read costs the messages next to it: they are marked incomplete or not given, and the
///   exchanges after it are not paired until the order of the connection is proven again. The rules stand in
///   `http/pairs.rs`.
///
/// # Flows
///
/// A flow is known from its first [`Input::Origin`] until [`CloseReason::Gone`]. [`Event::Closed`] is given when both sides
/// have ended. After it, a [`Payload::Open`] under the same id is a new connection, whose exchanges are counted from 0 again;
/// so is one under an open flow if data follows it at its sequence number.
#[derive(Default)]
pub struct Wire {
    limits: Limits,
    table: Table,
    pool: Pool,
    delivered: Delivered,
    counters: Counters,
    /// Flows that want a tick.
    waiting: Vec<FlowId>,
    swept: Timestamp,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("limits", &self.limits).field("counters", &self.counters).finish_non_exhaustive()
    }
}

impl Wire {
    /// A reader with these bounds.
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// What was seen and what fell off, since the start.
    pub fn counters(&self) -> Counters {
        Counters { buffered_bytes: self.pool.allocated as u64, ..self.counters }
    }

    /// Takes one input and gives what follows from it. Total: never fails, never blocks.
    pub fn handle(&mut self, input: Input<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        match input {
            Input::Origin(id, origin) => self.origin(id, origin, emit),
            Input::Segment(segment) => self.segment(&segment, emit),
            Input::Lost(id, side, n) => {
                if let Some(flow) = self.table.find(id).and_then(|index| self.table.flow(index)) {
                    flow.lost(side, n);
                }
            }
            Input::Tick(now) => self.tick(now, emit),
        }
    }

    fn origin(&mut self, id: FlowId, origin: Origin, emit: &mut dyn FnMut(Event<'_>)) {
        if let Some(flow) = self.table.find(id).and_then(|index| self.table.flow(index)) {
            flow.origin = origin;
            return;
        }
        while self.table.len() >= self.limits.flows_max.max(1) {
            let Some(index) = self.table.oldest() else { break };
            self.evict(index, emit);
        }
        self.counters.flows_begun += 1;
        self.counters.flows_open += 1;
        self.table.add(Flow::new(id, origin));
    }

    fn evict(&mut self, index: u32, emit: &mut dyn FnMut(Event<'_>)) {
        let Some(mut flow) = self.table.remove(index) else { return };
        if !flow.over {
            self.counters.flows_evicted += 1;
            flow.close(CloseReason::Gone, &mut self.io(self.swept, emit).1);
        }
    }

    fn io<'a>(&'a mut self, at: Timestamp, emit: &'a mut dyn FnMut(Event<'_>)) -> (&'a mut Table, Io<'a>) {
        let Self { limits, table, pool, delivered, counters, .. } = self;
        (table, Io { limits, counters, pool, delivered, emit, at })
    }

    fn segment(&mut self, segment: &Segment<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        let found = self.table.find(segment.flow);
        let (table, mut io) = self.io(segment.at, emit);
        let Some((index, flow)) = found.and_then(|index| Some((index, table.flow(index)?))) else {
            return orphan(&segment.payload, &mut io);
        };
        flow.segment(segment, &mut io);
        let wants = !flow.listed && flow.wants_tick();
        flow.listed |= wants;
        if matches!(segment.payload, Payload::Close(CloseReason::Gone)) {
            table.remove(index);
        } else {
            table.touch(index);
        }
        if wants {
            self.waiting.push(segment.flow);
        }
        if let Some(index) = self.table.oldest_over(self.limits.flows_max) {
            self.table.remove(index);
        }
    }

    fn tick(&mut self, now: Timestamp, emit: &mut dyn FnMut(Event<'_>)) {
        if now >= self.swept && now.since(self.swept) < SWEEP_EVERY {
            return;
        }
        self.swept = now;
        let mut waiting = std::mem::take(&mut self.waiting);
        let (table, mut io) = self.io(now, emit);
        waiting.retain(|id| {
            let Some(index) = table.find(*id) else { return false };
            let Some(flow) = table.flow(index) else { return false };
            flow.tick(&mut io);
            let over = flow.over;
            flow.listed = flow.wants_tick();
            let listed = flow.listed;
            if over {
                table.touch(index);
            }
            listed
        });
        self.waiting = waiting;
    }
}
