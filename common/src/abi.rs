//! The record that a BPF program writes to the ring: a [`SegmentHeader`], then `copied` payload bytes.
//!
//! Native byte order and alignment; written and read on the same host by the same build.

/// What a record says. The first byte of [`SegmentHeader::kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RecordKind {
    /// A TCP segment with payload (or FIN or RST).
    Segment = 1,
    /// A connection was established: addresses and role are set, no payload.
    Open = 2,
    /// The socket is gone: `seq` and `len` are unused, `skipped` holds what was skipped since the last record.
    Close = 3,
}

/// Who opened the connection, as the socket knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SocketRole {
    /// Not known: older than the agent.
    Unknown = 0,
    /// The local socket was accepted: the host serves.
    Server = 1,
    /// The local socket connected: the host calls.
    Client = 2,
}

/// Set in [`SegmentHeader::flags`]: the segment carries FIN.
pub const FLAG_FIN: u8 = 1;
/// Set in [`SegmentHeader::flags`]: the segment carries RST.
pub const FLAG_RST: u8 = 2;

/// The head of a record. 96 bytes, no padding.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct SegmentHeader {
    /// The socket's cookie: unique for the life of the boot.
    pub cookie: u64,
    /// `bpf_ktime_get_ns`: monotonic, not counting suspend.
    pub time_ns: u64,
    /// The socket's cgroup v2 id.
    pub cgroup: u64,
    /// Payload bytes of this direction not copied since the last record of this direction (budget, verdict).
    pub skipped: u64,
    /// Payload bytes of this direction whose record could not be written since the last one (ring full).
    pub lost: u64,
    /// TCP sequence number of the first payload byte.
    pub seq: u32,
    /// Payload bytes of the packet.
    pub len: u32,
    /// Payload bytes that follow this header.
    pub copied: u32,
    /// Interface index, 0 unknown.
    pub ifindex: u32,
    /// Local address, IPv4 in the first 4 bytes.
    pub local: [u8; 16],
    /// Remote address, IPv4 in the first 4 bytes.
    pub remote: [u8; 16],
    /// Local port, host order.
    pub local_port: u16,
    /// Remote port, host order.
    pub remote_port: u16,
    /// A [`RecordKind`].
    pub kind: u8,
    /// 0 in, 1 out: [`crate::budget::Direction`].
    pub direction: u8,
    /// 4 or 6.
    pub family: u8,
    /// [`FLAG_FIN`], [`FLAG_RST`].
    pub flags: u8,
    /// A [`SocketRole`].
    pub role: u8,
    /// Always zero.
    pub pad: [u8; 7],
}

const _: () = assert!(size_of::<SegmentHeader>() == 104);
const _: () = assert!(align_of::<SegmentHeader>() == 8);
