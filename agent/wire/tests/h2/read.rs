//! What the reader gives of a recorded connection, with whole bodies.

use apiscope_wire::{
    CloseReason, Counters, Coverage, Event, Headers, Input, Limits, Message, Payload, Segment, Seq, Side, Start,
    Timestamp, Wire,
};

use crate::common::{FLOW, Step, What, origin};

/// A message, owned.
#[derive(Debug)]
pub struct Read {
    /// Which exchange it says that it is of.
    pub id: Option<usize>,
    pub client: bool,
    pub index: u32,
    pub complete: bool,
    /// Method and target, or status.
    pub start: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub trailers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    pub total: Option<u64>,
}

/// All that came out.
#[derive(Debug, Default)]
pub struct Got {
    pub messages: Vec<Read>,
    pub coverage: Coverage,
    pub counters: Counters,
}

impl Got {
    /// Both messages of an exchange, if they were given as one.
    pub fn pair(&self, id: usize) -> Option<(&Read, &Read)> {
        let ask = self.messages.iter().find(|message| message.client && message.id == Some(id))?;
        let answer = self.messages.iter().find(|message| !message.client && message.index == ask.index)?;
        Some((ask, answer))
    }
}

fn fields(headers: Headers<'_>) -> Vec<(String, Vec<u8>)> {
    let mut fields: Vec<_> = headers.iter().map(|header| (header.name.to_owned(), header.value.to_vec())).collect();
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    fields
}

fn message(message: Message<'_>) -> Read {
    let (client, start, id) = match message.start {
        Start::Request { method, target } => {
            let target = String::from_utf8_lossy(target);
            let id = target.strip_prefix("/r/").and_then(|rest| rest.split('?').next()?.parse().ok());
            (true, format!("{method} {target}"), id)
        }
        Start::Response { status } => {
            let id = message.headers.first("x-id").and_then(|id| std::str::from_utf8(id).ok()?.parse().ok());
            (false, status.to_string(), id)
        }
    };
    Read {
        id,
        client,
        index: message.exchange.index,
        complete: message.complete,
        start,
        headers: fields(message.headers),
        trailers: fields(message.trailers),
        body: message.body.data.to_vec(),
        total: message.body.total,
    }
}

/// Plays the steps and closes.
pub fn read(limits: Limits, steps: &[Step]) -> Got {
    let mut wire = Wire::new(limits);
    let mut got = Got::default();
    let mut now = 1_000_000_000_u64;
    wire.handle(Input::Origin(FLOW, origin()), &mut |_| {});
    let end = Step::Segment { side: Side::Client, seq: 0, what: What::Close(CloseReason::Gone) };
    for step in steps.iter().chain([&end]) {
        now += 1000;
        let at = Timestamp::from_nanos(now);
        let Step::Segment { side, seq, what } = step else { continue };
        let payload = match what {
            What::Open => Payload::Open,
            What::Bytes(bytes) => Payload::Bytes(bytes),
            What::Skipped(n) => Payload::Skipped(*n),
            What::Close(reason) => Payload::Close(*reason),
        };
        let segment = Segment { flow: FLOW, side: *side, at, seq: Seq(*seq), payload };
        wire.handle(Input::Segment(segment), &mut |event| match event {
            Event::Message(given) => got.messages.push(message(given)),
            Event::Coverage(_, coverage) => got.coverage += coverage,
            _ => {}
        });
    }
    got.counters = wire.counters();
    got
}
