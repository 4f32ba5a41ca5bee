//! `sock_ops`: who opened a connection, whether its other end is here too, and when its socket is gone.
//!
//! Returns 1 and leaves `reply` alone, so that other programs' answers and the kernel's defaults stand; of the call-back flags
//! it only adds its own.

use apiscope_common::abi::{Program, RecordKind, SegmentHeader, SocketRole};
use apiscope_common::flow::{FLOW_BASE, FLOW_TOLD, FLOW_TWIN, Flow, Hole, Pair, WAY_NEXT, Way};
use aya_ebpf::bindings::{
    BPF_ANY, BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB, BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB, BPF_SOCK_OPS_STATE_CB,
    BPF_SOCK_OPS_STATE_CB_FLAG,
};
use aya_ebpf::helpers::generated::{bpf_get_socket_cookie, bpf_ktime_get_ns};
use aya_ebpf::macros::sock_ops;
use aya_ebpf::programs::SockOpsContext;
use aya_log_ebpf::{debug, warn};

use crate::maps::{FLOWS, PAIRS, miss};
use crate::record;
use apiscope_common::abi::Reason;

/// `TCP_CLOSE` of the kernel's socket states.
const CLOSED: u32 = 7;

#[sock_ops]
pub fn sock_ops(ctx: SockOpsContext) -> u32 {
    match ctx.op() {
        BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB => established(&ctx, SocketRole::Client),
        BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB => established(&ctx, SocketRole::Server),
        BPF_SOCK_OPS_STATE_CB if ctx.arg(1) == CLOSED => closed(&ctx),
        _ => {}
    }
    1
}

#[inline(always)]
fn established(ctx: &SockOpsContext, role: SocketRole) {
    // SAFETY: a helper that is allowed in this program type, with its context; fields of the context.
    let (cookie, sends, receives) =
        unsafe { (bpf_get_socket_cookie(ctx.ops.cast()), sends_first(ctx, role), (*ctx.ops).rcv_nxt) };
    let mut flow = Flow { role: role as u8, flags: FLOW_BASE, ..Flow::default() };
    flow.ways = [way(receives), way(sends)];
    let pair = match role {
        SocketRole::Client => Pair { client: sends, server: receives },
        SocketRole::Server | SocketRole::Unknown => Pair { client: receives, server: sends },
    };
    if FLOWS.insert(cookie, flow, u64::from(BPF_ANY)).is_err() {
        miss(Program::SockOps, Reason::FlowMap);
        warn!(ctx, "the flow map took no entry for a new connection: its role is unknown");
    }
    debug!(ctx, "connection {} established, role {}", cookie, role as u8);
    // The client's end is established first (its ACK establishes the server's), but for TCP Fast Open.
    // SAFETY: the entry is only copied; a wrong cookie cannot be in it, for the two numbers belong to one connection.
    match unsafe { PAIRS.get(pair) }.copied() {
        Some(other) => {
            let _ = PAIRS.remove(pair);
            twin(if matches!(role, SocketRole::Client) { cookie } else { other });
        }
        None => {
            let _ = PAIRS.insert(pair, cookie, u64::from(BPF_ANY));
        }
    }
    let _ = ctx.set_cb_flags((ctx.cb_flags() | BPF_SOCK_OPS_STATE_CB_FLAG) as i32);
}

/// The sequence number of the first byte that the socket sends. A client may have sent data already, with its SYN (TCP Fast Open):
/// then `snd_nxt` is past it, but what was acknowledged counts from the SYN on.
#[inline(always)]
fn sends_first(ctx: &SockOpsContext, role: SocketRole) -> u32 {
    // SAFETY: fields of the context.
    unsafe {
        match role {
            SocketRole::Client => (*ctx.ops).snd_una.wrapping_sub((*ctx.ops).bytes_acked as u32).wrapping_add(1),
            SocketRole::Server | SocketRole::Unknown => (*ctx.ops).snd_nxt,
        }
    }
}

const fn way(base: u32) -> Way {
    Way { base, next: base, hole: Hole { from: 0, len: 0 }, lost: 0, state: WAY_NEXT }
}

/// The client's end of a connection whose both ends are here is not read. Records that were written before this was known
/// (data with the very ACK) are taken back by the record.
#[inline(always)]
fn twin(client: u64) {
    if let Some(flow) = FLOWS.get_ptr_mut(client) {
        // SAFETY: the map gave the entry.
        unsafe { (*flow).flags |= FLOW_TWIN };
    }
    let mut header = SegmentHeader::ZERO;
    header.cookie = client;
    header.kind = RecordKind::Twin as u8;
    record::bare(&header, Program::SockOps);
}

/// The socket is gone: tells what is still to be told of both directions, and forgets the flow.
#[inline(always)]
fn closed(ctx: &SockOpsContext) {
    // SAFETY: a helper that is allowed in this program type, with its context.
    let cookie = unsafe { bpf_get_socket_cookie(ctx.ops.cast()) };
    let Some(flow) = FLOWS.get_ptr_mut(cookie) else { return };
    // SAFETY: the map gave the entry.
    let flow = unsafe { *flow };
    if flow.flags & FLOW_TWIN == 0 && flow.flags & FLOW_TOLD != 0 {
        for direction in 0..2 {
            close(cookie, &flow, direction);
        }
    }
    let _ = FLOWS.remove(cookie);
}

#[inline(always)]
fn close(cookie: u64, flow: &Flow, direction: u8) {
    let way = if direction == 0 { &flow.ways[0] } else { &flow.ways[1] };
    // One record is enough where nothing is left to be told.
    if direction == 0 && way.hole.len == 0 && way.lost == 0 {
        return;
    }
    let mut header = SegmentHeader::ZERO;
    header.cookie = cookie;
    header.kind = RecordKind::Close as u8;
    header.direction = direction;
    header.skipped_from = way.hole.from;
    header.skipped = way.hole.len;
    header.lost = way.lost;
    header.role = flow.role;
    // SAFETY: a helper without arguments.
    header.time_ns = unsafe { bpf_ktime_get_ns() };
    record::bare(&header, Program::SockOps);
}
