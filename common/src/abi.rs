//! The record that a BPF program writes to the ring: a [`SegmentHeader`], then at least `copied` payload bytes.
//!
//! Native byte order and alignment; written and read on the same host by the same build. A record is as long as its size
//! class ([`CLASSES`]); what follows the `copied` bytes means nothing.

/// What a record says. The value of [`SegmentHeader::kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RecordKind {
    /// A TCP segment with payload, FIN or RST; or, with none of them, only what was skipped and lost before.
    Segment = 1,
    /// The socket `cookie` is the client's end of a connection whose server's end is on this host too: that end is the one
    /// to read, and what came of this one is void.
    Twin = 2,
    /// The socket is gone; `skipped` and `lost` of `direction` are still to be told. `seq` means nothing.
    Close = 3,
}

/// Who opened the connection, as the socket knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SocketRole {
    /// Not known.
    Unknown = 0,
    /// The local socket was accepted: the host serves.
    Server = 1,
    /// The local socket connected: the host calls.
    Client = 2,
}

impl SocketRole {
    /// From the byte of a record or of a map; any other byte is `Unknown`.
    pub const fn from_byte(byte: u8) -> Self {
        match byte {
            1 => Self::Server,
            2 => Self::Client,
            _ => Self::Unknown,
        }
    }
}

/// Set in [`SegmentHeader::flags`]: the segment carries FIN.
pub const FLAG_FIN: u8 = 1;
/// Set in [`SegmentHeader::flags`]: the segment carries RST.
pub const FLAG_RST: u8 = 2;
/// Set in [`SegmentHeader::flags`]: no record of this flow was written before.
pub const FLAG_FIRST: u8 = 4;
/// Set in [`SegmentHeader::flags`]: [`SegmentHeader::base`] is known.
pub const FLAG_BASE: u8 = 8;
/// Set in [`SegmentHeader::flags`]: the segment ended a handshake and was seen at the listening socket, before its own socket
/// was made (deferred accept). `cookie` is the listener's: the flow is found by its addresses and `base`.
pub const FLAG_LISTENER: u8 = 16;

/// The payload bytes that a record has room for. Powers of two: the verifier wants a length that is provably `1..=N`.
pub const CLASSES: [u32; 7] = [256, 512, 1024, 2048, 4096, 16_384, PAYLOAD_MAX];
/// The most payload that one record holds. A packet may be larger (BIG TCP); the rest is counted as skipped.
pub const PAYLOAD_MAX: u32 = 65_536;

/// The head of a record. 104 bytes, no padding.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct SegmentHeader {
    /// The socket's cookie: unique for the life of the boot.
    pub cookie: u64,
    /// `bpf_ktime_get_ns`: monotonic, not counting suspend.
    pub time_ns: u64,
    /// The socket's cgroup v2 id; 0 unknown.
    pub cgroup: u64,
    /// TCP sequence number of the first payload byte (of the FIN or RST, if there is none).
    pub seq: u32,
    /// Payload bytes of the packet.
    pub len: u32,
    /// Payload bytes that follow this header: the first of the packet's.
    pub copied: u32,
    /// Where the bytes begin that were not copied on purpose since the last record of this direction.
    pub skipped_from: u32,
    /// How many they are: one unbroken range.
    pub skipped: u32,
    /// Payload bytes of this direction since its last record whose own record could not be written (ring full).
    pub lost: u32,
    /// The first sequence number of the payload, in and out; valid with [`FLAG_BASE`].
    pub base: [u32; 2],
    /// Interface index in the socket's network namespace, 0 unknown.
    pub ifindex: u32,
    /// Local address as it lies in the packet, IPv4 in the first word.
    pub local: [u32; 4],
    /// Remote address as it lies in the packet, IPv4 in the first word.
    pub remote: [u32; 4],
    /// Local port, host order.
    pub local_port: u16,
    /// Remote port, host order.
    pub remote_port: u16,
    /// A [`RecordKind`].
    pub kind: u8,
    /// 0 in, 1 out: [`crate::budget::Direction`].
    pub direction: u8,
    /// 4 or 6; 0 if the record has no addresses.
    pub family: u8,
    /// [`FLAG_FIN`] and the others.
    pub flags: u8,
    /// A [`SocketRole`].
    pub role: u8,
    /// Always zero.
    pub pad: [u8; 3],
}

const _: () = assert!(size_of::<SegmentHeader>() == 104);
const _: () = assert!(align_of::<SegmentHeader>() == 8);

impl SegmentHeader {
    /// All zero: the start of every record.
    pub const ZERO: Self = Self {
        cookie: 0,
        time_ns: 0,
        cgroup: 0,
        seq: 0,
        len: 0,
        copied: 0,
        skipped_from: 0,
        skipped: 0,
        lost: 0,
        base: [0; 2],
        ifindex: 0,
        local: [0; 4],
        remote: [0; 4],
        local_port: 0,
        remote_port: 0,
        kind: 0,
        direction: 0,
        family: 0,
        flags: 0,
        role: 0,
        pad: [0; 3],
    };
}

/// The programs that count, as rows of the counters map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Program {
    /// `cgroup_skb` ingress.
    Ingress = 0,
    /// `cgroup_skb` egress.
    Egress = 1,
    /// `sock_ops`.
    SockOps = 2,
}

impl Program {
    /// All, in the order of their rows.
    pub const ALL: [Self; 3] = [Self::Ingress, Self::Egress, Self::SockOps];

    /// The name of the program in the object.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
            Self::SockOps => "sock_ops",
        }
    }
}

/// Why something was missed, as columns of the counters map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Reason {
    /// The ring had no room: a record was not written.
    RingFull = 0,
    /// The flow map took no entry: a packet was not read.
    FlowMap = 1,
    /// The payload could not be read from the packet: a record was not written.
    Load = 2,
    /// More IPv6 extension headers than are followed, or one that breaks the rules: a packet was not read.
    Extension = 3,
    /// An IPv6 fragment, which only a raw socket can show here: a packet was not read.
    Fragment = 4,
}

impl Reason {
    /// All, in the order of their columns.
    pub const ALL: [Self; 5] = [Self::RingFull, Self::FlowMap, Self::Load, Self::Extension, Self::Fragment];

    /// The name for metrics and people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RingFull => "ring_full",
            Self::FlowMap => "flow_map",
            Self::Load => "load",
            Self::Extension => "extension",
            Self::Fragment => "fragment",
        }
    }
}

/// The cells of the counters map: a row a program, a column a reason.
pub const COUNTERS: u32 = 15;

/// The cell of the counters map.
pub const fn counter(program: Program, reason: Reason) -> u32 {
    program as u32 * 5 + reason as u32
}
const _: () = assert!(COUNTERS as usize == Program::ALL.len() * Reason::ALL.len());
