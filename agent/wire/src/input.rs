//! What goes in: who a flow belongs to, its segments, and the time.

use std::net::SocketAddr;

use crate::time::Timestamp;

/// One TCP connection as one socket sees it. Live: the socket's cookie; in a file: a number of the file's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId(u64);

impl FlowId {
    /// A flow's id; the caller keeps them unique while the flow lives.
    pub const fn new(id: u64) -> Self {
        Self(id)
    }

    /// The number, for capture to find its entry again.
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// One request and its response: the flow and the request's place in it, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeId {
    /// The flow.
    pub flow: FlowId,
    /// Which request of the flow.
    pub index: u32,
}

/// Which end of the connection *sent* the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The one that connected: it sends requests.
    Client,
    /// The one that accepted: it sends responses.
    Server,
}

impl Side {
    /// The other end.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// Whether this host serves the API or calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The server's socket is on this host.
    Served,
    /// Only the client's socket is on this host.
    Called,
    /// Not known: a capture file, or a connection whose role could not be proven.
    Unknown,
}

/// The kind of way that the bytes really took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hop {
    /// Never left the host: both addresses are loopback, or both are the same.
    Loopback,
    /// Between private addresses (RFC 1918, RFC 4193, link-local, carrier NAT).
    Private,
    /// At least one address is public.
    Public,
}

/// What capture knows of a flow. Sent before the flow's first segment, and again when more is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The end that connected.
    pub client: SocketAddr,
    /// The end that accepted.
    pub server: SocketAddr,
    /// Served or called by this host.
    pub role: Role,
    /// The way taken.
    pub hop: Hop,
    /// The interface's name; `None` unknown.
    pub interface: Option<Box<str>>,
    /// The workload that owns the local socket (systemd unit, container id, or cgroup path); `None` unknown.
    pub workload: Option<Box<str>>,
    /// The bytes are plaintext taken from a TLS library: they were encrypted on the wire.
    pub encrypted: bool,
}

impl Origin {
    /// The hop between two addresses.
    pub fn hop_between(a: SocketAddr, b: SocketAddr) -> Hop {
        let (a, b) = (a.ip().to_canonical(), b.ip().to_canonical());
        if a == b || (a.is_loopback() && b.is_loopback()) {
            return Hop::Loopback;
        }
        if is_private(a) && is_private(b) { Hop::Private } else { Hop::Public }
    }
}

fn is_private(ip: std::net::IpAddr) -> bool {
    match ip {
        std::net::IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || (a == 100 && (64..128).contains(&b))
        }
        std::net::IpAddr::V6(v6) => {
            let first = v6.segments()[0];
            v6.is_loopback() || first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80
        }
    }
}

/// A TCP sequence number: wraps, so it has no order of its own (RFC 9293 §3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seq(pub u32);

/// Why a direction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// FIN of this side: everything before `seq` was sent.
    Fin,
    /// RST of this side: both directions are over.
    Reset,
    /// The socket is gone or the file has ended: nothing more will come from either side; `seq` means nothing.
    Gone,
}

/// What a segment carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    /// The connection begins: the next byte of this side has sequence number `seq`.
    Open,
    /// Bytes, the first at `seq`.
    Bytes(&'a [u8]),
    /// Bytes that were sent but not copied on purpose (budget, verdict), the first at `seq`.
    Skipped(u32),
    /// The side ends at `seq`.
    Close(CloseReason),
}

/// Something of one direction of a flow.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// The flow.
    pub flow: FlowId,
    /// Who sent it.
    pub side: Side,
    /// When it was seen.
    pub at: Timestamp,
    /// Where in the side's stream.
    pub seq: Seq,
    /// What it carries.
    pub payload: Payload<'a>,
}

/// What [`crate::Wire`] takes.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// A flow is known, or better known. Must come before the flow's first segment; a segment of an unknown flow is counted and dropped.
    Origin(FlowId, Origin),
    /// Bytes, skips, open and close.
    Segment(Segment<'a>),
    /// So many payload bytes of this side were lost before they reached us (ring full), without their place: seen later as a gap.
    Lost(FlowId, Side, u64),
    /// Time passes: at least once a second live; in a file, with the packets' time.
    Tick(Timestamp),
}
