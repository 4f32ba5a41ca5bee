//! An account of what capture gave, byte by byte, and nothing but capture's own words: no reassembly is trusted here.

use std::collections::BTreeMap;

use apiscope_wire::{CloseReason, FlowId, Input, Origin, Payload, Segment, Side};

/// One side of a flow.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) opened: usize,
    base: Option<u32>,
    end: Option<u32>,
    copied: Vec<(u64, u64)>,
    skipped: Vec<(u64, u64)>,
    pub(crate) lost: u64,
    /// The most that was copied and skipped in one place.
    pub(crate) largest: u64,
    /// The first bytes at their places, zeros where there are none.
    pub(crate) text: Vec<u8>,
}

/// How many of the text's bytes are kept.
const TEXT: usize = 256 * 1024;

impl Stream {
    fn take(&mut self, segment: &Segment<'_>) {
        let seq = segment.seq.0;
        match segment.payload {
            Payload::Open => {
                self.opened += 1;
                self.base = Some(seq);
            }
            Payload::Bytes(bytes) => self.bytes(seq, bytes),
            Payload::Skipped(len) => {
                let from = self.offset(seq);
                self.skipped.push((from, from + u64::from(len)));
                // Behind bytes of the same packet.
                if let Some((start, end)) = self.copied.last().filter(|(_, end)| *end == from) {
                    self.largest = self.largest.max(end - start + u64::from(len));
                }
            }
            Payload::Close(CloseReason::Fin) => self.end = Some(seq),
            Payload::Close(CloseReason::Reset | CloseReason::Gone) => {}
        }
    }

    fn bytes(&mut self, seq: u32, bytes: &[u8]) {
        let from = self.offset(seq);
        self.copied.push((from, from + bytes.len() as u64));
        self.largest = self.largest.max(bytes.len() as u64);
        let from = usize::try_from(from).unwrap();
        if from + bytes.len() <= TEXT {
            self.text.resize(self.text.len().max(from + bytes.len()), 0);
            self.text[from..from + bytes.len()].copy_from_slice(bytes);
        }
    }

    fn offset(&mut self, seq: u32) -> u64 {
        u64::from(seq.wrapping_sub(*self.base.get_or_insert(seq)))
    }

    /// Bytes copied.
    pub(crate) fn copied(&self) -> u64 {
        covered(&self.copied)
    }

    /// Bytes skipped, and not copied as well.
    pub(crate) fn skipped(&self) -> u64 {
        let both: Vec<_> = self.copied.iter().chain(&self.skipped).copied().collect();
        covered(&both) - self.copied()
    }

    /// Everything that capture says was sent.
    pub(crate) fn told(&self) -> u64 {
        self.copied() + self.skipped() + self.lost
    }

    /// What the sequence number of the FIN says was sent.
    pub(crate) fn sent(&self) -> Option<u64> {
        Some(u64::from(self.end?.wrapping_sub(self.base?)))
    }

    /// In how many pieces it was told.
    pub(crate) fn pieces(&self) -> usize {
        self.copied.len() + self.skipped.len()
    }

    /// How often these bytes occur in the text.
    pub(crate) fn count(&self, what: &str) -> usize {
        self.text.windows(what.len()).filter(|window| *window == what.as_bytes()).count()
    }
}

fn covered(ranges: &[(u64, u64)]) -> u64 {
    let mut ranges = ranges.to_vec();
    ranges.sort_unstable();
    let (mut sum, mut reached) = (0, 0);
    for (from, to) in ranges {
        sum += to.saturating_sub(from.max(reached));
        reached = reached.max(to);
    }
    sum
}

/// A flow.
#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) origin: Origin,
    pub(crate) introduced: usize,
    pub(crate) client: Stream,
    pub(crate) server: Stream,
    pub(crate) gone: bool,
}

/// All flows of one server port.
#[derive(Debug, Default)]
pub(crate) struct Account {
    ports: Vec<u16>,
    pub(crate) flows: BTreeMap<FlowId, Flow>,
    pub(crate) ticks: usize,
    /// Segments and losses of flows of which no origin came before, and that are not of other ports.
    strangers: Vec<FlowId>,
    others: std::collections::HashSet<FlowId>,
}

impl Account {
    /// Of the flows to these ports only: other programs use this host too.
    pub(crate) fn of(ports: &[u16]) -> Self {
        Self { ports: ports.to_vec(), ..Self::default() }
    }

    pub(crate) fn take(&mut self, input: &Input<'_>) {
        match input {
            Input::Origin(flow, origin) => self.introduce(*flow, origin),
            Input::Segment(segment) => {
                if let Some(flow) = self.flow(segment.flow) {
                    flow.gone |= segment.payload == Payload::Close(CloseReason::Gone);
                    match segment.side {
                        Side::Client => flow.client.take(segment),
                        Side::Server => flow.server.take(segment),
                    }
                }
            }
            Input::Lost(id, side, bytes) => {
                if let Some(flow) = self.flow(*id) {
                    match side {
                        Side::Client => flow.client.lost += bytes,
                        Side::Server => flow.server.lost += bytes,
                    }
                }
            }
            Input::Tick(_) => self.ticks += 1,
        }
    }

    fn introduce(&mut self, id: FlowId, origin: &Origin) {
        if !self.ports.contains(&origin.server.port()) && !self.ports.contains(&origin.client.port()) {
            self.others.insert(id);
            return;
        }
        let new = || Flow {
            origin: origin.clone(),
            introduced: 0,
            client: Stream::default(),
            server: Stream::default(),
            gone: false,
        };
        self.flows.entry(id).or_insert_with(new).introduced += 1;
    }

    fn flow(&mut self, id: FlowId) -> Option<&mut Flow> {
        let found = self.flows.get_mut(&id);
        if found.is_none() && !self.others.contains(&id) {
            self.strangers.push(id);
        }
        found
    }

    /// The flows, after what is true of every account: an origin first, and once; at most one opening.
    pub(crate) fn settle(&self) -> Vec<&Flow> {
        assert_eq!(self.strangers, [], "segments of flows without an origin");
        for flow in self.flows.values() {
            assert_eq!(flow.introduced, 1, "{:?}", flow.origin);
            assert!(flow.client.opened <= 1 && flow.server.opened == flow.client.opened, "{:?}", flow.origin);
        }
        self.flows.values().collect()
    }
}
