//! What the reader makes of a schedule.

use apiscope_wire::{
    AmbiguityKind, CloseReason, Counters, Coverage, Event, Input, Limits, Payload, Segment, Seq, Side, Timestamp, Wire,
};

use super::schedule::Schedule;
use crate::common::{FLOW, origin};

/// The one message of a schedule, and the account.
#[derive(Debug, Default)]
pub struct Read {
    pub body: Vec<u8>,
    pub total: Option<u64>,
    pub complete: bool,
    pub messages: usize,
    /// Copies that differ were told.
    pub doubted: bool,
    pub coverage: Coverage,
    pub counters: Counters,
}

/// What happens besides segments that arrive.
#[derive(Clone, Copy, Debug)]
pub enum Fate {
    Arrives,
    /// Capture passes its bytes over, by its budget.
    Skipped,
    /// It never comes here.
    Lost,
    /// It comes when its gap was given up.
    Late,
}

/// Gives the reader a schedule, each segment with its fate, and closes.
pub fn read(limits: Limits, schedule: &Schedule, opened: bool, fates: &mut dyn FnMut(usize) -> Fate) -> Read {
    let mut wire = Wire::new(limits);
    let mut read = Read::default();
    let mut now = 1_000_000_000_u64;
    let mut handle = |wire: &mut Wire, input: Input<'_>| wire.handle(input, &mut |event| read.event(event));
    let segment = |now: u64, at: usize, payload| {
        let (seq, at) = (Seq(schedule.seq(at)), Timestamp::from_nanos(now));
        Input::Segment(Segment { flow: FLOW, side: Side::Client, at, seq, payload })
    };
    wire.handle(Input::Origin(FLOW, origin()), &mut |_| {});
    if opened {
        handle(&mut wire, segment(now, 0, Payload::Open));
    }
    for (number, (at, bytes)) in schedule.segments.iter().enumerate() {
        now += 1000;
        for fin in schedule.fins_before(number) {
            handle(&mut wire, segment(now, fin, Payload::Close(CloseReason::Fin)));
        }
        match fates(number) {
            Fate::Arrives => handle(&mut wire, segment(now, *at, Payload::Bytes(bytes))),
            Fate::Skipped => {
                handle(&mut wire, segment(now, *at, Payload::Skipped(u32::try_from(bytes.len()).expect("small"))));
            }
            Fate::Lost => {}
            Fate::Late => {
                now += 3_000_000_000;
                handle(&mut wire, Input::Tick(Timestamp::from_nanos(now)));
                handle(&mut wire, segment(now, *at, Payload::Bytes(bytes)));
            }
        }
    }
    handle(&mut wire, segment(now + 1, schedule.stream.len(), Payload::Close(CloseReason::Fin)));
    handle(&mut wire, segment(now + 2, 0, Payload::Close(CloseReason::Gone)));
    read.counters = wire.counters();
    read
}

impl Read {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Message(message) => {
                self.messages += 1;
                self.body = message.body.data.to_vec();
                self.total = message.body.total;
                self.complete = message.complete;
            }
            Event::Ambiguous(odd) => self.doubted |= odd.kind == AmbiguityKind::ConflictingBytes,
            Event::Coverage(_, more) => self.coverage += more,
            _ => {}
        }
    }
}
