//! From TCP segments to flows: which connection, who is the client, how many bytes live capture would have copied.
//!
//! It gives `wire` what live capture gives: an origin before the first segment, opens, bytes, skips, closes. It never
//! reassembles: order, overlap and gaps are for `wire`.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use apiscope_common::budget::{self, Budget, Direction, Limits};
use apiscope_wire::{CloseReason, FlowId, Input, Origin, Payload, Role, Segment, Seq, Side, Timestamp, Verdict};

use super::packet::TcpPacket;
use super::table::{Key, Slot, Table};

/// Flows known at a time; past it the one idle for longest is closed and counted. The same number as wire's default.
pub(super) const FLOWS_MAX: usize = 65_536;
/// How long a closed flow is kept for late segments, in the file's time.
const LINGER: Duration = Duration::from_secs(5);
/// A SYN on a flow idle for this long begins a new one, without waiting for its answer.
const IDLE: Duration = Duration::from_mins(1);
/// Segments of a side that are remembered, to know a packet that a file holds twice.
const RECENT: usize = 8;
/// The most data with a SYN: a packet holds no more.
const SYN_DATA_MAX: u32 = 65_535;
/// More than any method's name has (`MKREDIRECTREF`, `UPDATEREDIRECTREF`).
const METHOD_BYTES_MAX: usize = 24;

/// What takes the inputs.
pub(super) type Sink<'s> = dyn FnMut(Input<'_>) + 's;

/// Where and when a segment was seen.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    /// When.
    pub(super) at: Timestamp,
    /// On which interface.
    pub(super) interface: Option<&'a str>,
}

/// What became of the flows, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowStats {
    /// Connections seen.
    pub opened: u64,
    /// Closed because more than the bound were known at a time.
    pub evicted: u64,
    /// Segments of no known connection that could not begin one (late acknowledgements, stray resets).
    pub stray: u64,
    /// Connections whose client was told by the port numbers alone.
    pub guessed: u64,
}

/// All flows of the files.
pub(super) struct Flows {
    table: Table<Flow>,
    /// Flows that have ended, in the order of the time when they may go.
    closing: VecDeque<(Timestamp, FlowId)>,
    limits: Option<Limits>,
    stats: FlowStats,
}

struct Flow {
    client_first: bool,
    /// The client was told by the ports alone: the first payload that says otherwise is believed.
    guessed: bool,
    closed: bool,
    budget: Budget,
    client: Half,
    server: Half,
    /// A SYN on a living flow: believed once it is answered or followed.
    pending_syn: Option<(Side, u32)>,
    last_seen: Timestamp,
}

/// One side's sending.
#[derive(Default)]
struct Half {
    isn: Option<u32>,
    any: bool,
    fin: bool,
    recent: Recent,
}

/// A side's last segments, to know a packet that a file holds twice.
#[derive(Default)]
struct Recent {
    segments: [(u32, u32); RECENT],
    next: usize,
}

impl Recent {
    /// Whether the segment is new; remembers it.
    fn is_new(&mut self, seq: u32, len: u32) -> bool {
        if self.segments.contains(&(seq, len)) {
            return false;
        }
        if let Some(place) = self.segments.get_mut(self.next % RECENT) {
            *place = (seq, len);
        }
        self.next = (self.next + 1) % RECENT;
        true
    }
}

const FRESH: Fate = Fate::Fresh { client_isn: None, server_isn: None };

/// What a segment means for the flow that its addresses have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It belongs to it.
    Same,
    /// It begins another; initial sequence numbers may be known: the client's from a pending SYN, both of a simultaneous open.
    Fresh { client_isn: Option<u32>, server_isn: Option<u32> },
    /// It is a SYN that may begin another.
    Pending(Side),
    /// It belongs to nothing.
    Stray,
}

impl Flows {
    /// `limits`: the budget per turn, `None` for none.
    pub(super) fn new(flows_max: usize, limits: Option<Limits>) -> Self {
        Self { table: Table::new(flows_max), closing: VecDeque::new(), limits, stats: FlowStats::default() }
    }

    /// The numbers so far.
    pub(super) const fn stats(&self) -> FlowStats {
        self.stats
    }

    /// Takes one segment.
    pub(super) fn handle(&mut self, packet: &TcpPacket<'_>, seen: Seen<'_>, sink: &mut Sink<'_>) {
        let (key, source_first) = Key::new(packet.source, packet.destination);
        let Some(slot) = self.slot_for(key, source_first, packet, seen, sink) else {
            self.stats.stray += 1;
            return;
        };
        self.table.touch(slot);
        let id = self.table.id(slot);
        let limits = self.limits;
        let Some(flow) = self.table.get_mut(slot) else { return };
        flow.last_seen = seen.at;
        let newly_closed = flow.take(id, source_first, packet, seen.at, limits, sink);
        if newly_closed {
            self.linger(id, seen.at, sink);
        }
    }

    fn linger(&mut self, id: FlowId, at: Timestamp, sink: &mut Sink<'_>) {
        self.closing.push_back((at.plus(LINGER), id));
        // Entries of flows that were replaced since stay in the queue: so it has a bound of its own.
        if self.closing.len() > self.table.capacity()
            && let Some((_, id)) = self.closing.pop_front()
            && let Some(slot) = self.table.by_id(id)
        {
            self.end(slot, at, sink);
        }
    }

    /// Does what `wire` asks for, as the kernel does it: from the flow's next turn on. An unknown flow is one that has gone.
    pub(super) fn apply(&mut self, id: FlowId, verdict: Verdict) {
        let Some(flow) = self.table.by_id(id).and_then(|slot| self.table.get_mut(slot)) else { return };
        match verdict {
            Verdict::IgnoreNotHttp | Verdict::IgnoreEncrypted => flow.budget.verdict = budget::Verdict::Ignore as u8,
        }
    }

    /// Lets flows go that have ended a while ago.
    pub(super) fn expire(&mut self, now: Timestamp, sink: &mut Sink<'_>) {
        while let Some((due, id)) = self.closing.front().copied() {
            if due > now {
                return;
            }
            self.closing.pop_front();
            let Some(slot) = self.table.by_id(id) else { continue };
            let last_seen = self.table.get_mut(slot).map_or(Timestamp::EPOCH, |flow| flow.last_seen);
            if now.since(last_seen) < LINGER {
                self.closing.push_back((last_seen.plus(LINGER), id));
                return;
            }
            self.end(slot, now, sink);
        }
    }

    /// Closes every flow, the one idle for longest first.
    pub(super) fn close_all(&mut self, now: Timestamp, sink: &mut Sink<'_>) {
        while let Some(slot) = self.table.oldest() {
            self.end(slot, now, sink);
        }
        self.closing.clear();
    }

    fn end(&mut self, slot: Slot, at: Timestamp, sink: &mut Sink<'_>) {
        let flow = self.table.id(slot);
        self.table.remove(slot);
        let payload = Payload::Close(CloseReason::Gone);
        sink(Input::Segment(Segment { flow, side: Side::Client, at, seq: Seq(0), payload }));
    }

    /// The flow that the segment belongs to, made if need be.
    fn slot_for(
        &mut self,
        key: Key,
        source_first: bool,
        packet: &TcpPacket<'_>,
        seen: Seen<'_>,
        sink: &mut Sink<'_>,
    ) -> Option<Slot> {
        let Some(slot) = self.table.find(&key) else {
            return self.begin(key, source_first, packet, [None, None], seen, sink);
        };
        match self.table.get_mut(slot)?.fate(source_first, packet, seen.at) {
            Fate::Same => Some(slot),
            Fate::Stray => None,
            Fate::Pending(side) => {
                self.table.get_mut(slot)?.pending_syn = Some((side, packet.seq));
                None
            }
            Fate::Fresh { client_isn, server_isn } => {
                self.end(slot, seen.at, sink);
                self.begin(key, source_first, packet, [client_isn, server_isn], seen, sink)
            }
        }
    }

    fn begin(
        &mut self,
        key: Key,
        source_first: bool,
        packet: &TcpPacket<'_>,
        isns: [Option<u32>; 2],
        seen: Seen<'_>,
        sink: &mut Sink<'_>,
    ) -> Option<Slot> {
        if !packet.syn && packet.wire_len == 0 {
            return None;
        }
        self.make_room(seen.at, sink);
        let (sender, guessed) = sender_of(packet, isns[0].is_some());
        let flow = Flow::new(source_first == (sender == Side::Client), guessed, seen.at);
        let slot = self.table.insert(key, flow);
        self.stats.opened += 1;
        self.stats.guessed += u64::from(guessed);
        let id = self.table.id(slot);
        sink(Input::Origin(id, origin(packet, sender, seen.interface)));
        for (side, isn) in [Side::Client, Side::Server].into_iter().zip(isns) {
            if let Some(isn) = isn {
                self.table.get_mut(slot)?.open(id, side, isn, seen.at, sink);
            }
        }
        Some(slot)
    }

    /// Evicts while the table is full: first what has ended, then what was idle for longest.
    fn make_room(&mut self, at: Timestamp, sink: &mut Sink<'_>) {
        while self.table.is_full() {
            let ended = self.closing.pop_front();
            if let Some(slot) = ended.and_then(|(_, id)| self.table.by_id(id)) {
                self.end(slot, at, sink);
            } else if ended.is_none() {
                let Some(slot) = self.table.oldest() else { return };
                self.stats.evicted += 1;
                self.end(slot, at, sink);
            }
        }
    }
}

fn origin(packet: &TcpPacket<'_>, sender: Side, interface: Option<&str>) -> Origin {
    let (client, server): (SocketAddr, SocketAddr) = match sender {
        Side::Client => (packet.source, packet.destination),
        Side::Server => (packet.destination, packet.source),
    };
    Origin {
        client,
        server,
        role: Role::Unknown,
        hop: Origin::hop_between(client, server),
        interface: interface.map(Box::from),
        workload: None,
        encrypted: false,
    }
}

/// Which side sent the first segment that is known of a flow, and whether only the ports say so.
///
/// `follows_syn`: the segment answers or follows a SYN that was seen.
fn sender_of(packet: &TcpPacket<'_>, follows_syn: bool) -> (Side, bool) {
    if packet.syn {
        return (if packet.ack.is_some() { Side::Server } else { Side::Client }, false);
    }
    if let Some(side) = side_by_payload(packet.data) {
        return (side, false);
    }
    if follows_syn {
        return (Side::Client, false);
    }
    let sender = if packet.source.port() < packet.destination.port() { Side::Server } else { Side::Client };
    (sender, true)
}

/// Which side sends bytes like these; `None`: either may.
fn side_by_payload(data: &[u8]) -> Option<Side> {
    if data.starts_with(b"HTTP/1.") {
        return Some(Side::Server);
    }
    match data {
        // A TLS handshake record: ClientHello or ServerHello.
        [0x16, 0x03, _, _, _, 1, ..] => Some(Side::Client),
        [0x16, 0x03, _, _, _, 2, ..] => Some(Side::Server),
        _ => looks_like_request(data).then_some(Side::Client),
    }
}

/// Whether `ack` answers the SYN with this number, and perhaps data that came with it (TCP Fast Open, RFC 7413).
const fn answers(ack: u32, isn: u32) -> bool {
    ack.wrapping_sub(isn).wrapping_sub(1) <= SYN_DATA_MAX
}

/// A method, one space, and a target: `/path`, `*`, or a scheme or authority with a colon.
fn looks_like_request(data: &[u8]) -> bool {
    let method = data.iter().take(METHOD_BYTES_MAX).take_while(|byte| byte.is_ascii_uppercase()).count();
    let (Some(b' '), Some(target)) = (data.get(method), data.get(method + 1..)) else { return false };
    method >= 3 && (matches!(target.first(), Some(b'/' | b'*')) || target.starts_with(b"http"))
}

impl Flow {
    fn new(client_first: bool, guessed: bool, at: Timestamp) -> Self {
        Self {
            client_first,
            guessed,
            closed: false,
            budget: Budget::default(),
            client: Half::default(),
            server: Half::default(),
            pending_syn: None,
            last_seen: at,
        }
    }

    const fn side(&self, source_first: bool) -> Side {
        if source_first == self.client_first { Side::Client } else { Side::Server }
    }

    const fn half(&self, side: Side) -> &Half {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    const fn half_mut(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    fn has_payload(&self) -> bool {
        self.client.any || self.server.any
    }

    fn fate(&mut self, source_first: bool, packet: &TcpPacket<'_>, at: Timestamp) -> Fate {
        let side = self.side(source_first);
        match (packet.syn, packet.ack) {
            (true, None) => self.fate_of_syn(side, packet.seq, at),
            (true, Some(ack)) => self.fate_of_syn_ack(side, packet.seq, ack),
            (false, _) => self.fate_of_data(side, packet),
        }
    }

    fn fate_of_syn(&mut self, side: Side, seq: u32, at: Timestamp) -> Fate {
        let isn = self.half(side).isn;
        if self.closed {
            return FRESH;
        }
        if isn == Some(seq) || (isn.is_none() && !self.has_payload()) {
            // A SYN from both sides (RFC 9293 §3.5): either may be the client.
            self.guessed |= isn.is_none() && self.half(side.other()).isn.is_some();
            return Fate::Same;
        }
        if self.guessed || !self.has_payload() || at.since(self.last_seen) > IDLE {
            return FRESH;
        }
        Fate::Pending(side)
    }

    fn fate_of_syn_ack(&self, side: Side, seq: u32, ack: u32) -> Fate {
        if self.pending_syn.is_some_and(|(from, isn)| from != side && answers(ack, isn)) {
            return Fate::Fresh { client_isn: self.pending_syn.map(|(_, isn)| isn), server_isn: None };
        }
        let (own, other) = (self.half(side).isn, self.half(side.other()).isn);
        let answers = other.map_or(!self.has_payload(), |isn| answers(ack, isn));
        match own {
            Some(isn) if isn == seq && !self.closed => Fate::Same,
            None if answers && !self.closed && !self.guessed => Fate::Same,
            _ if self.closed || self.guessed || other.is_none() => FRESH,
            _ => Fate::Stray,
        }
    }

    fn fate_of_data(&mut self, side: Side, packet: &TcpPacket<'_>) -> Fate {
        if packet.wire_len == 0 {
            return Fate::Same;
        }
        if self.pending_syn.is_some_and(|(from, isn)| from == side && packet.seq == isn.wrapping_add(1)) {
            return Fate::Fresh { client_isn: self.pending_syn.map(|(_, isn)| isn), server_isn: None };
        }
        if self.guessed
            && let Some(sender) = side_by_payload(packet.data)
        {
            if sender != side {
                if self.has_payload() {
                    return FRESH;
                }
                // After a simultaneous open both numbers are known, and only who is who was wrong.
                return Fate::Fresh { client_isn: self.server.isn, server_isn: self.client.isn };
            }
            self.guessed = false;
        }
        Fate::Same
    }

    /// Gives what the segment says. Returns whether it ended the flow.
    fn take(
        &mut self,
        id: FlowId,
        source_first: bool,
        packet: &TcpPacket<'_>,
        at: Timestamp,
        limits: Option<Limits>,
        sink: &mut Sink<'_>,
    ) -> bool {
        let side = self.side(source_first);
        if packet.syn {
            self.open(id, side, packet.seq, at, sink);
        }
        let mut segment = |seq, payload| sink(Input::Segment(Segment { flow: id, side, at, seq: Seq(seq), payload }));
        if packet.rst {
            segment(packet.seq, Payload::Close(CloseReason::Reset));
            return !std::mem::replace(&mut self.closed, true);
        }
        let seq = packet.seq.wrapping_add(u32::from(packet.syn));
        let end = seq.wrapping_add(packet.wire_len);
        if packet.wire_len > 0 {
            let Grant { bytes, known } = self.grant(side, seq, packet.wire_len, limits);
            let data = packet.data.get(..bytes as usize).unwrap_or(packet.data);
            let len = u32::try_from(data.len()).unwrap_or(packet.wire_len);
            if len > 0 {
                segment(seq, Payload::Bytes(data));
            }
            if len < packet.wire_len && !known {
                segment(seq.wrapping_add(len), Payload::Skipped(packet.wire_len - len));
            }
        }
        if !packet.fin {
            return false;
        }
        segment(end, Payload::Close(CloseReason::Fin));
        self.half_mut(side).fin = true;
        let over = self.client.fin && self.server.fin;
        over && !std::mem::replace(&mut self.closed, true)
    }

    fn open(&mut self, flow: FlowId, side: Side, isn: u32, at: Timestamp, sink: &mut Sink<'_>) {
        let half = self.half_mut(side);
        if half.isn.is_none() {
            half.isn = Some(isn);
            let seq = Seq(isn.wrapping_add(1));
            sink(Input::Segment(Segment { flow, side, at, seq, payload: Payload::Open }));
        }
    }

    /// How many of the segment's first bytes live capture would have copied.
    ///
    /// A packet that the file holds twice (two interfaces, `-i any`, a retransmission) takes no second step, since a socket
    /// sees it once. Its bytes are given all the same, as far as the budget has something left: copies may differ.
    fn grant(&mut self, side: Side, seq: u32, len: u32, limits: Option<Limits>) -> Grant {
        let direction = match side {
            Side::Client => Direction::In,
            Side::Server => Direction::Out,
        };
        let half = self.half_mut(side);
        half.any = true;
        let known = !half.recent.is_new(seq, len);
        let Some(limits) = limits else {
            let bytes = if self.budget.verdict == budget::Verdict::Ignore as u8 { 0 } else { len };
            return Grant { bytes, known };
        };
        if known {
            let left = self.budget.left.get(direction as usize).copied().unwrap_or(0);
            return Grant { bytes: len.min(left), known };
        }
        let bytes;
        (self.budget, bytes) = budget::grant(self.budget, limits, direction, len);
        Grant { bytes, known }
    }
}

/// How many of a segment's first bytes `wire` may see, and whether the file has shown the segment before.
struct Grant {
    bytes: u32,
    known: bool,
}
