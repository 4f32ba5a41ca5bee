//! A connection as it is put into wire.

use apiscope_wire::{Event, FlowId, Hop, Input, Limits, Origin, Payload, Role, Segment, Seq, Side, Timestamp, Wire};

/// One, with its own clock.
pub(crate) struct Feed {
    wire: Wire,
    time: u64,
}

const FLOW: FlowId = FlowId::new(1);

impl Feed {
    pub(crate) fn new() -> Self {
        let origin = Origin {
            client: ([127, 0, 0, 1], 1024).into(),
            server: ([127, 0, 0, 1], 80).into(),
            role: Role::Served,
            hop: Hop::Loopback,
            interface: None,
            workload: None,
            encrypted: false,
        };
        let mut wire = Wire::new(Limits::default());
        wire.handle(Input::Origin(FLOW, origin), &mut |_| {});
        Self { wire, time: 0 }
    }

    /// The byte at `seq` of a side, or an act there.
    pub(crate) fn segment(&mut self, side: Side, seq: usize, payload: Payload<'_>, take: &mut dyn FnMut(&Event<'_>)) {
        self.time += 1_000_000;
        let seq = Seq(u32::try_from(seq).expect("small"));
        let segment = Segment { flow: FLOW, side, at: Timestamp::from_nanos(self.time), seq, payload };
        self.wire.handle(Input::Segment(segment), &mut |event| take(&event));
    }

    /// Seconds pass: the account is given.
    pub(crate) fn pause(&mut self, take: &mut dyn FnMut(&Event<'_>)) {
        self.time += 2_000_000_000;
        self.wire.handle(Input::Tick(Timestamp::from_nanos(self.time)), &mut |event| take(&event));
    }
}
