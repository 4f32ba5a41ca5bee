//! What both packet hooks do with a packet: find its flow, take the budget's step, and write a record or only count.
//!
//! Two packets of one flow and direction do not pass here at the same time (the sender holds the socket; a receive queue
//! belongs to one CPU), so a direction's own counters need no lock. What both directions share, the budget's turn, may be
//! seen late by the other CPU: then a turn begins one packet later.

use apiscope_common::abi::{
    FLAG_BASE, FLAG_FIN, FLAG_FIRST, FLAG_LISTENER, FLAG_RST, Program, Reason, RecordKind, SegmentHeader,
};
use apiscope_common::budget::{Direction, Limits, Verdict, grant};
use apiscope_common::flow::{FLOW_BASE, FLOW_TOLD, FLOW_TWIN, Flow, Hole, Way, verdict_slot};
use aya_ebpf::bindings::{__sk_buff, BPF_NOEXIST};
use aya_ebpf::helpers::generated::{bpf_get_socket_cookie, bpf_ktime_get_ns, bpf_sk_fullsock, bpf_skb_cgroup_id};
use core::ptr;

use crate::maps::{FLOWS, LIMITS, VERDICTS, miss};
use crate::packet::{self, FIN, Found, Packet, RST};
use crate::record;

/// `TCP_LISTEN` of the kernel's socket states.
const LISTEN: u32 = 10;

/// Takes the step for one packet.
#[inline(always)]
pub fn take(skb: *mut __sk_buff, direction: Direction, program: Program) {
    let packet = match packet::read(skb) {
        Found::Tcp(packet) => packet,
        Found::Nothing => return,
        Found::Extension => return miss(program, Reason::Extension),
        Found::Fragment => return miss(program, Reason::Fragment),
    };
    // SAFETY: a helper that is allowed in this program type, with its context.
    let cookie = unsafe { bpf_get_socket_cookie(skb.cast()) };
    let flow = match FLOWS.get_ptr_mut(cookie) {
        Some(flow) => flow,
        None => match strange(skb, cookie, &packet, direction, program) {
            Some(flow) => flow,
            None => return,
        },
    };
    known(skb, flow, cookie, &packet, direction, program);
}

/// A packet of a flow that has an entry.
#[inline(always)]
fn known(skb: *mut __sk_buff, flow: *mut Flow, cookie: u64, packet: &Packet, direction: Direction, program: Program) {
    // SAFETY: the map gave the entry; entries stay readable and writable until the program ends (they are preallocated).
    let flow = unsafe { &mut *flow };
    if flow.flags & FLOW_TWIN != 0 {
        return;
    }
    let (way, fresh) = flow.ways[direction as usize].pass(packet.seq, packet.len);
    flow.ways[direction as usize] = way;
    // A retransmission. At the receiver its bytes may differ from the first copy, and that is for the agent to see.
    let repeated = fresh == 0 && packet.len != 0;
    if repeated && matches!(direction, Direction::Out) {
        return;
    }
    let packet = &Packet { fresh, ..*packet };
    let Some(copied) = granted(flow, cookie, packet.len, direction) else { return };
    let ends = packet.flags & (FIN | RST) != 0;
    if copied == 0 && !ends {
        if repeated {
            return;
        }
        return skip(skb, flow, cookie, packet, direction, program);
    }
    // The end of a connection of which nothing was ever told, and nothing is to be told, is no news.
    if packet.len == 0 && flow.flags & FLOW_TOLD == 0 && flow.ways[direction as usize].hole.len == 0 {
        return;
    }
    tell(skb, flow, cookie, packet, copied, direction, program);
}

/// The bytes to copy; `None` if the agent has found that the flow's other end is captured.
#[inline(always)]
fn granted(flow: &mut Flow, cookie: u64, len: u32, direction: Direction) -> Option<u32> {
    let mut limits = Limits { head: 0, body: 0 };
    if len != 0 && flow.budget.turns(direction) {
        if let Some(word) = VERDICTS.get_ptr(verdict_slot(cookie)) {
            // SAFETY: an aligned word of the array; the agent writes it at any time, in one piece.
            let word = unsafe { ptr::read_volatile(word) };
            if word >> 8 == cookie {
                flow.budget.verdict = word as u8;
            }
        }
        if flow.budget.verdict == Verdict::Twin as u8 {
            flow.flags |= FLOW_TWIN;
            return None;
        }
        if let Some(set) = LIMITS.get(0) {
            limits = *set;
        }
    }
    let (budget, copied) = grant(flow.budget, limits, direction, len);
    flow.budget = budget;
    Some(copied)
}

/// Counts a packet of which nothing is copied.
#[inline(always)]
fn skip(skb: *mut __sk_buff, flow: &mut Flow, cookie: u64, packet: &Packet, direction: Direction, program: Program) {
    let way = &mut flow.ways[direction as usize];
    let from = packet.seq.wrapping_add(packet.len - packet.fresh);
    if let Some(hole) = way.hole.with(from, packet.fresh) {
        way.hole = hole;
        return;
    }
    // Not one range: tell the old hole, begin a new one.
    let told = Packet { len: 0, fresh: 0, flags: 0, ..*packet };
    if tell(skb, flow, cookie, &told, 0, direction, program) {
        flow.ways[direction as usize].hole = Hole { from, len: packet.fresh };
    } else {
        lose(&mut flow.ways[direction as usize], packet.fresh);
    }
}

/// Writes the record, and settles the direction's account with it. Whether it was written.
#[inline(always)]
fn tell(
    skb: *mut __sk_buff,
    flow: &mut Flow,
    cookie: u64,
    packet: &Packet,
    copied: u32,
    direction: Direction,
    program: Program,
) -> bool {
    if flow.cgroup == 0 {
        // SAFETY: a helper that is allowed in this program type, with its context.
        flow.cgroup = unsafe { bpf_skb_cgroup_id(skb) };
    }
    let way = &flow.ways[direction as usize];
    let mut header = header(skb, cookie, packet, copied, direction);
    header.cgroup = flow.cgroup;
    header.skipped_from = way.hole.from;
    header.skipped = way.hole.len;
    header.lost = way.lost;
    header.role = flow.role;
    if flow.flags & FLOW_TOLD == 0 {
        header.flags |= FLAG_FIRST;
    }
    if flow.flags & FLOW_BASE != 0 {
        header.flags |= FLAG_BASE;
        header.base = [flow.ways[0].base, flow.ways[1].base];
    }
    let told = write(skb, &header, packet, program);
    let way = &mut flow.ways[direction as usize];
    if told {
        way.hole = Hole { from: 0, len: 0 };
        way.lost = 0;
        flow.flags |= FLOW_TOLD;
    } else {
        lose(way, packet.fresh);
    }
    told
}

#[inline(always)]
fn write(skb: *mut __sk_buff, header: &SegmentHeader, packet: &Packet, program: Program) -> bool {
    if header.copied == 0 {
        record::bare(header, program)
    } else {
        record::with_payload(skb, header, packet.payload_at, program)
    }
}

/// What the packet itself says of the record.
#[inline(always)]
fn header(skb: *mut __sk_buff, cookie: u64, packet: &Packet, copied: u32, direction: Direction) -> SegmentHeader {
    let mut header = SegmentHeader::ZERO;
    header.cookie = cookie;
    header.kind = RecordKind::Segment as u8;
    header.direction = direction as u8;
    header.seq = packet.seq;
    header.len = packet.len;
    header.copied = copied;
    if packet.flags & FIN != 0 {
        header.flags |= FLAG_FIN;
    }
    if packet.flags & RST != 0 {
        header.flags |= FLAG_RST;
    }
    // SAFETY: `skb` is the context of the running program; a helper without arguments.
    unsafe {
        header.ifindex = (*skb).ifindex;
        header.time_ns = bpf_ktime_get_ns();
    }
    addresses(skb, packet, direction, &mut header);
    header
}

#[inline(always)]
fn addresses(skb: *mut __sk_buff, packet: &Packet, direction: Direction, header: &mut SegmentHeader) {
    let ends = packet::ends(skb, packet);
    header.family = if packet.v6 { 6 } else { 4 };
    match direction {
        Direction::In => {
            (header.local, header.local_port) = (ends.destination, ends.to);
            (header.remote, header.remote_port) = (ends.source, ends.from);
        }
        Direction::Out => {
            (header.local, header.local_port) = (ends.source, ends.from);
            (header.remote, header.remote_port) = (ends.destination, ends.to);
        }
    }
}

/// The entry for a packet with payload whose socket has none: older than the agent and missed by its look-ups, or evicted. Or
/// the packet is the end of a handshake and still with the listening socket: then it is told as such, and has no entry.
#[inline(always)]
fn strange(
    skb: *mut __sk_buff,
    cookie: u64,
    packet: &Packet,
    direction: Direction,
    program: Program,
) -> Option<*mut Flow> {
    if packet.len == 0 {
        return None;
    }
    if state(skb)? == LISTEN {
        let limits = LIMITS.get(0).copied().unwrap_or(Limits::DEFAULT);
        let (_, copied) = grant(Default::default(), limits, direction, packet.len);
        let mut header = header(skb, cookie, packet, copied, direction);
        header.flags |= FLAG_LISTENER;
        write(skb, &header, packet, program);
        return None;
    }
    // Losing a race for the entry is as good as winning it.
    let _ = FLOWS.insert(cookie, Flow::default(), u64::from(BPF_NOEXIST));
    let flow = FLOWS.get_ptr_mut(cookie);
    if flow.is_none() {
        miss(program, Reason::FlowMap);
    }
    flow
}

/// The state of the packet's socket; `None` if it has none any more, or only the rest of one (time-wait).
#[inline(always)]
fn state(skb: *mut __sk_buff) -> Option<u32> {
    // SAFETY: `skb` is the context; the helper takes the socket it gave, tested for null as the verifier wants.
    unsafe {
        let sk = (*skb).__bindgen_anon_2.sk;
        if sk.is_null() {
            return None;
        }
        let full = bpf_sk_fullsock(sk);
        if full.is_null() { None } else { Some((*full).state) }
    }
}

#[inline(always)]
fn lose(way: &mut Way, len: u32) {
    way.lost = way.lost.saturating_add(len);
}
