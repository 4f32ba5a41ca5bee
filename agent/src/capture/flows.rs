//! From records to [`Input`]s: which end is the client, what was skipped where, what belongs to nobody yet. Pure: no kernel,
//! no clock.
//!
//! **Order.** A flow's first record gives its `Origin`, then (if its beginning was seen) `Open` for both sides, then what it
//! carries. A record carries, in this order: what was skipped and lost before it, its bytes, what was skipped behind them, the
//! end of the side.
//!
//! **Who is the client.** `sock_ops` and the socket tables say it. A flow that the kernel does not know is held back while the
//! tables are read again. If they do not say it, the first bytes do: a request line or a `ClientHello` comes from the client, a
//! status line or a `ServerHello` from the server; else the lower port is the server's. Such a flow keeps [`Role::Unknown`].
//!
//! **Both ends on this host.** The server's end is the one that is read. The kernel says which client's end to drop as soon
//! as the server's is established, but the client may have sent before that. So what a client sends is held back until its server
//! speaks, until the kernel has said so, or for [`HOLD_NS_MAX`].

use std::collections::VecDeque;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use apiscope_common::abi::{
    FLAG_BASE, FLAG_FIN, FLAG_FIRST, FLAG_LISTENER, FLAG_RST, RecordKind, SegmentHeader, SocketRole,
};
use apiscope_common::flow::Flow;
use apiscope_wire::{CloseReason, FlowId, Input, Origin, Payload, Role, Segment, Seq, Side, Timestamp};
use rustc_hash::FxHashMap;

use super::seed::End;

/// Flows remembered; past it those not heard of for longest are forgotten, and introduced again when they speak.
const FLOWS_MAX: usize = 65_536;
/// How long what a client sent is held back: a server's kernel that was too busy for the client's ACK repeats its own SYN after 1, 2
/// and 4 seconds.
const HOLD_NS_MAX: u64 = 8_000_000_000;
/// Bytes held back, of all flows; past it they are let go at once.
const HELD_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Flows whose role waits to be looked up; past it they are told without.
const WAITING_MAX: usize = 16_384;
/// Client's ends remembered after the kernel has said that they are void.
const VOID_MAX: usize = 1_024;
/// Ends of handshakes that wait for their flow, and how long.
const ORPHANS_MAX: usize = 512;
const ORPHAN_NS_MAX: u64 = 120_000_000_000;
/// Room for a sequence number to be recognised as the beginning of a flow.
const WINDOW: u32 = 1 << 30;

/// Names for what records only number.
pub(super) trait Names {
    /// The interface with this index, if the address is one of its own.
    fn interface(&mut self, index: u32, local: IpAddr) -> Option<Box<str>>;
    /// The workload in this cgroup.
    fn workload(&mut self, cgroup: u64) -> Option<Box<str>>;
}

/// A record with its time of day.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) header: &'a SegmentHeader,
    pub(super) payload: &'a [u8],
    pub(super) at: Timestamp,
}

struct Kept {
    header: SegmentHeader,
    payload: Vec<u8>,
    at: Timestamp,
}

enum State {
    /// Introduced. `client_is_local`: what goes out is the client's.
    Told { client_is_local: bool },
    /// A client that has spoken, and whose server has not; or, if `asks`, a flow whose role is being looked up.
    Held { since_ns: u64, asks: bool, records: Vec<Kept> },
}

/// What could not be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Untold {
    /// Handshake ends that found no flow: records.
    pub orphans: u64,
    /// Flows whose client's end was let go before its server spoke: with both ends on this host they may be seen twice.
    pub released_early: u64,
    /// Flows that turned out to be the other end of another after they had been told: what they gave was given twice.
    pub told_twice: u64,
}

/// All flows that are known.
#[derive(Default)]
pub(super) struct Flows {
    young: FxHashMap<u64, State>,
    old: FxHashMap<u64, State>,
    held_bytes: usize,
    /// Those among the held whose role is to be looked up, and those for which it is being done.
    waiting: Vec<u64>,
    asked: Vec<u64>,
    voids: VecDeque<u64>,
    orphans: VecDeque<Kept>,
    pub(super) untold: Untold,
}

type Emit<'e> = dyn FnMut(Input<'_>) + 'e;

impl Flows {
    /// Flows remembered.
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Takes one record.
    pub(super) fn take(&mut self, record: Record<'_>, names: &mut dyn Names, emit: &mut Emit<'_>) {
        let cookie = record.header.cookie;
        if record.header.kind == RecordKind::Twin as u8 {
            self.void(cookie);
        } else if record.header.kind == RecordKind::Close as u8 {
            self.close(record, names, emit);
        } else if record.header.flags & FLAG_LISTENER != 0 {
            self.keep_orphan(record);
        } else {
            self.segment(record, names, emit);
        }
    }

    /// Lets go what has been held for too long. `now_ns` is of the clock of the records.
    pub(super) fn tick(&mut self, now_ns: u64, names: &mut dyn Names, emit: &mut Emit<'_>) {
        let waited = |state: &State| matches!(state, State::Held { since_ns, .. } if now_ns.saturating_sub(*since_ns) > HOLD_NS_MAX);
        if self.held_bytes > 0 {
            let due: Vec<u64> = self
                .young
                .iter()
                .chain(&self.old)
                .filter(|(_, state)| waited(state))
                .map(|(cookie, _)| *cookie)
                .collect();
            for cookie in due {
                self.release(cookie, names, emit);
            }
        }
        while self.orphans.front().is_some_and(|kept| now_ns.saturating_sub(kept.header.time_ns) > ORPHAN_NS_MAX) {
            self.orphans.pop_front();
            self.untold.orphans += 1;
        }
    }

    /// Tells what the kernel has counted of a flow and not told yet: at the end of the capture.
    pub(super) fn settle(
        &mut self,
        cookie: u64,
        flow: &Flow,
        at: Timestamp,
        names: &mut dyn Names,
        emit: &mut Emit<'_>,
    ) {
        if matches!(self.find(cookie), Some(State::Held { .. })) {
            self.release(cookie, names, emit);
        }
        let Some(State::Told { client_is_local }) = self.find(cookie) else { return };
        let client_is_local = *client_is_local;
        for (direction, way) in (0..).zip(flow.ways) {
            let (skipped_from, skipped, lost) = (way.hole.from, way.hole.len, way.lost);
            let header = SegmentHeader { cookie, direction, skipped_from, skipped, lost, ..SegmentHeader::ZERO };
            gaps(Record { header: &header, payload: &[], at }, side(direction, client_is_local), emit);
        }
    }

    fn segment(&mut self, record: Record<'_>, names: &mut dyn Names, emit: &mut Emit<'_>) {
        let header = record.header;
        match self.find(header.cookie) {
            Some(State::Told { client_is_local }) => tell(record, *client_is_local, emit),
            Some(State::Held { asks, .. }) if *asks || header.direction == OUT => self.hold(record, names, emit),
            Some(State::Held { .. }) => {
                self.release(header.cookie, names, emit);
                self.segment(record, names, emit);
            }
            None => self.begin(record, names, emit),
        }
    }

    fn begin(&mut self, record: Record<'_>, names: &mut dyn Names, emit: &mut Emit<'_>) {
        if self.voids.contains(&record.header.cookie) {
            return;
        }
        let asks = record.header.role == SocketRole::Unknown as u8 && self.waiting.len() < WAITING_MAX;
        if is_fresh_client(record.header) || asks {
            self.hold(record, names, emit);
        } else {
            self.introduce(record, names, emit);
        }
    }

    /// A flow's entry; one not heard of for long is young again.
    fn find(&mut self, cookie: u64) -> Option<&mut State> {
        if !self.young.contains_key(&cookie) {
            let state = self.old.remove(&cookie)?;
            self.insert(cookie, state);
        }
        self.young.get_mut(&cookie)
    }

    fn insert(&mut self, cookie: u64, state: State) {
        let full = self.young.len() >= FLOWS_MAX / 2;
        if full {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(cookie, state);
        if full {
            self.held_bytes = self.young.values().chain(self.old.values()).map(held).sum();
        }
    }

    fn remove(&mut self, cookie: u64) -> Option<State> {
        let state = self.young.remove(&cookie).or_else(|| self.old.remove(&cookie))?;
        self.held_bytes -= held(&state);
        Some(state)
    }

    fn hold(&mut self, record: Record<'_>, names: &mut dyn Names, emit: &mut Emit<'_>) {
        let cookie = record.header.cookie;
        if self.find(cookie).is_none() {
            let asks = record.header.role == SocketRole::Unknown as u8;
            if asks {
                self.waiting.push(cookie);
            }
            self.insert(cookie, State::Held { since_ns: record.header.time_ns, asks, records: Vec::new() });
        }
        if let Some(State::Held { records, .. }) = self.find(cookie) {
            records.push(Kept { header: *record.header, payload: record.payload.to_vec(), at: record.at });
            self.held_bytes += HEADER_BYTES + record.payload.len();
        }
        if self.held_bytes > HELD_BYTES_MAX {
            self.untold.released_early += 1;
            self.release(cookie, names, emit);
        }
    }

    fn release(&mut self, cookie: u64, names: &mut dyn Names, emit: &mut Emit<'_>) {
        if let Some(State::Held { records, .. }) = self.remove(cookie) {
            let mut records = records.iter().map(Kept::record);
            if let Some(first) = records.next() {
                let client_is_local = self.introduce(first, names, emit);
                records.for_each(|record| tell(record, client_is_local, emit));
            }
        }
    }

    /// Whether the socket tables are to be read now: the next [`Self::answer`] is for the flows that wait for it now.
    pub(super) fn ask(&mut self) -> bool {
        self.asked.append(&mut self.waiting);
        !self.asked.is_empty()
    }

    /// Takes what the socket tables say. Gives the flows that are the other end of one that is read: the kernel is to be told.
    pub(super) fn answer(&mut self, ends: &[End], names: &mut dyn Names, emit: &mut Emit<'_>) -> Vec<u64> {
        let found: FxHashMap<u64, &End> = ends.iter().map(|end| (end.cookie, end)).collect();
        let mut twins = Vec::new();
        for cookie in mem::take(&mut self.asked) {
            let end = found.get(&cookie);
            if end.is_some_and(|end| end.twin) {
                self.void(cookie);
                twins.push(cookie);
            } else if let Some(State::Held { records, .. }) = self.find(cookie) {
                let role = end.map_or(SocketRole::Unknown, |end| end.role);
                for kept in records {
                    kept.header.role = role as u8;
                }
                self.release(cookie, names, emit);
            }
        }
        twins
    }

    /// Gives a flow's origin, its beginning, and its first record. Whether the client is the local end.
    fn introduce(&mut self, record: Record<'_>, names: &mut dyn Names, emit: &mut Emit<'_>) -> bool {
        let header = record.header;
        let client_is_local = client_is_local(header, record.payload);
        self.insert(header.cookie, State::Told { client_is_local });
        emit(Input::Origin(FlowId::new(header.cookie), origin(header, client_is_local, names)));
        open(record, client_is_local, emit);
        if header.flags & FLAG_FIRST != 0 && header.flags & FLAG_BASE != 0 {
            self.adopt(header, client_is_local, emit);
        }
        tell(record, client_is_local, emit);
        client_is_local
    }

    /// The end of the handshake that was seen at the listening socket, as the flow's own.
    fn adopt(&mut self, header: &SegmentHeader, client_is_local: bool, emit: &mut Emit<'_>) {
        let mut at = 0;
        while let Some(kept) = self.orphans.get(at) {
            if !kept.begins(header) {
                at += 1;
                continue;
            }
            if let Some(mut kept) = self.orphans.remove(at) {
                kept.header.cookie = header.cookie;
                tell(kept.record(), client_is_local, emit);
            }
        }
    }

    fn keep_orphan(&mut self, record: Record<'_>) {
        if self.orphans.len() >= ORPHANS_MAX {
            self.orphans.pop_front();
            self.untold.orphans += 1;
        }
        self.orphans.push_back(Kept { header: *record.header, payload: record.payload.to_vec(), at: record.at });
    }

    fn void(&mut self, cookie: u64) {
        if matches!(self.remove(cookie), Some(State::Told { .. })) {
            self.untold.told_twice += 1;
        }
        if self.voids.len() >= VOID_MAX {
            self.voids.pop_front();
        }
        self.voids.push_back(cookie);
    }

    fn close(&mut self, record: Record<'_>, names: &mut dyn Names, emit: &mut Emit<'_>) {
        let cookie = record.header.cookie;
        if matches!(self.find(cookie), Some(State::Held { .. })) {
            self.release(cookie, names, emit);
        }
        let Some(State::Told { client_is_local }) = self.find(cookie) else { return };
        let side = side(record.header.direction, *client_is_local);
        gaps(record, side, emit);
        if record.header.direction == OUT {
            self.remove(cookie);
            emit(segment(record, side, 0, Payload::Close(CloseReason::Gone)));
        }
    }
}

const HEADER_BYTES: usize = size_of::<SegmentHeader>();
const OUT: u8 = 1;

fn held(state: &State) -> usize {
    match state {
        State::Told { .. } => 0,
        State::Held { records, .. } => records.iter().map(|kept| HEADER_BYTES + kept.payload.len()).sum(),
    }
}

impl Kept {
    fn record(&self) -> Record<'_> {
        Record { header: &self.header, payload: &self.payload, at: self.at }
    }

    /// Whether these are the first bytes of the flow with this header.
    fn begins(&self, flow: &SegmentHeader) -> bool {
        let own = &self.header;
        own.local_port == flow.local_port
            && own.remote_port == flow.remote_port
            && own.local == flow.local
            && own.remote == flow.remote
            && own.seq.wrapping_sub(flow.base[0]) < WINDOW
    }
}

fn is_fresh_client(header: &SegmentHeader) -> bool {
    header.role == SocketRole::Client as u8
        && header.direction == OUT
        && header.flags & FLAG_FIRST != 0
        && header.flags & FLAG_BASE != 0
}

/// All that one record carries.
fn tell(record: Record<'_>, client_is_local: bool, emit: &mut Emit<'_>) {
    let header = record.header;
    let side = side(header.direction, client_is_local);
    gaps(record, side, emit);
    if !record.payload.is_empty() {
        emit(segment(record, side, header.seq, Payload::Bytes(record.payload)));
    }
    let rest = header.len.saturating_sub(header.copied);
    if rest > 0 {
        emit(segment(record, side, header.seq.wrapping_add(header.copied), Payload::Skipped(rest)));
    }
    let end = header.seq.wrapping_add(header.len);
    if header.flags & FLAG_FIN != 0 {
        emit(segment(record, side, end, Payload::Close(CloseReason::Fin)));
    }
    if header.flags & FLAG_RST != 0 {
        emit(segment(record, side, end, Payload::Close(CloseReason::Reset)));
    }
}

/// What was not copied before the record.
fn gaps(record: Record<'_>, side: Side, emit: &mut Emit<'_>) {
    let header = record.header;
    if header.skipped > 0 {
        emit(segment(record, side, header.skipped_from, Payload::Skipped(header.skipped)));
    }
    if header.lost > 0 {
        emit(Input::Lost(FlowId::new(header.cookie), side, u64::from(header.lost)));
    }
}

/// The beginning of both sides, if it was seen.
fn open(record: Record<'_>, client_is_local: bool, emit: &mut Emit<'_>) {
    let header = record.header;
    if header.flags & FLAG_FIRST == 0 || header.flags & FLAG_BASE == 0 {
        return;
    }
    let [incoming, outgoing] = header.base;
    emit(segment(record, side(0, client_is_local), incoming, Payload::Open));
    emit(segment(record, side(OUT, client_is_local), outgoing, Payload::Open));
}

fn segment<'a>(record: Record<'_>, side: Side, seq: u32, payload: Payload<'a>) -> Input<'a> {
    let flow = FlowId::new(record.header.cookie);
    Input::Segment(Segment { flow, side, at: record.at, seq: Seq(seq), payload })
}

/// Who sends in a direction.
fn side(direction: u8, client_is_local: bool) -> Side {
    if (direction == OUT) == client_is_local { Side::Client } else { Side::Server }
}

fn client_is_local(header: &SegmentHeader, payload: &[u8]) -> bool {
    match SocketRole::from_byte(header.role) {
        SocketRole::Client => true,
        SocketRole::Server => false,
        SocketRole::Unknown => match sender(payload) {
            Some(Side::Client) => header.direction == OUT,
            Some(Side::Server) => header.direction != OUT,
            None => header.remote_port <= header.local_port,
        },
    }
}

/// Who sends messages that begin so.
fn sender(payload: &[u8]) -> Option<Side> {
    const METHODS: [&[u8]; 10] =
        [b"GET ", b"POST ", b"PUT ", b"HEAD ", b"DELETE ", b"PATCH ", b"OPTIONS ", b"CONNECT ", b"TRACE ", b"PRI * "];
    if payload.starts_with(b"HTTP/") {
        return Some(Side::Server);
    }
    if METHODS.iter().any(|method| payload.starts_with(method)) {
        return Some(Side::Client);
    }
    match payload {
        [0x16, 3, _, _, _, 1, ..] => Some(Side::Client),
        [0x16, 3, _, _, _, 2, ..] => Some(Side::Server),
        _ => None,
    }
}

fn origin(header: &SegmentHeader, client_is_local: bool, names: &mut dyn Names) -> Origin {
    let local = SocketAddr::new(address(header.family, header.local), header.local_port);
    let remote = SocketAddr::new(address(header.family, header.remote), header.remote_port);
    let (client, server) = if client_is_local { (local, remote) } else { (remote, local) };
    Origin {
        client,
        server,
        role: match SocketRole::from_byte(header.role) {
            SocketRole::Client => Role::Called,
            SocketRole::Server => Role::Served,
            SocketRole::Unknown => Role::Unknown,
        },
        hop: Origin::hop_between(client, server),
        interface: names.interface(header.ifindex, local.ip()),
        workload: names.workload(header.cgroup),
        encrypted: false,
    }
}

fn address(family: u8, words: [u32; 4]) -> IpAddr {
    let [first, ..] = words;
    if family != 6 {
        return Ipv4Addr::from(first.to_ne_bytes()).into();
    }
    let mut bytes = [0; 16];
    for (to, word) in bytes.chunks_exact_mut(4).zip(words) {
        to.copy_from_slice(&word.to_ne_bytes());
    }
    Ipv6Addr::from(bytes).to_canonical()
}

#[cfg(test)]
mod tests;
