//! Reads the headers of a packet where they lie. `cgroup_skb` data begins at the IP header.
//!
//! The bounds are tested once for the IP and TCP headers together: tests byte by byte are compiled into a form that the
//! verifier refuses. Options and extension headers are rare, and are read through a helper.

use aya_ebpf::bindings::__sk_buff;
use aya_ebpf::helpers::generated::bpf_skb_load_bytes;

const TCP: u8 = 6;

/// IPv6 extension headers (RFC 8200 §4.1, RFC 4302, RFC 6275).
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION: u8 = 60;
const MOBILITY: u8 = 135;

/// Extension headers that are followed: each kind once, and destination options twice, as RFC 8200 §4.1 recommends.
const EXTENSIONS_MAX: u32 = 6;

/// What a packet says that the step needs to decide. The rest is read when a record is written.
#[derive(Clone, Copy)]
pub struct Packet {
    /// Where the TCP header begins.
    pub tcp_at: u32,
    /// Where the payload begins.
    pub payload_at: u32,
    /// Payload bytes.
    pub len: u32,
    /// How many of them, the last, pass for the first time: see `Way::pass`.
    pub fresh: u32,
    /// Sequence number, host order.
    pub seq: u32,
    /// The TCP flags byte.
    pub flags: u8,
    /// IPv6, else IPv4.
    pub v6: bool,
}

/// TCP flag FIN.
pub const FIN: u8 = 1;
/// TCP flag SYN.
pub const SYN: u8 = 2;
/// TCP flag RST.
pub const RST: u8 = 4;

/// What [`read`] finds.
pub enum Found {
    /// A TCP packet.
    Tcp(Packet),
    /// Not TCP, or no payload, FIN or RST: nothing to do.
    Nothing,
    /// IPv6 extension headers that are too many, or cut.
    Extension,
    /// An IPv6 fragment.
    Fragment,
}

/// Reads the headers.
#[inline(always)]
pub fn read(skb: *mut __sk_buff) -> Found {
    // SAFETY: `skb` is the context of the running program.
    let (total, data, end) = unsafe { ((*skb).len, (*skb).data as usize, (*skb).data_end as usize) };
    if data + 40 > end {
        return Found::Nothing;
    }
    let head = data as *const u8;
    // SAFETY: 40 bytes were tested above.
    let version = unsafe { *head };
    if version == 0x45 {
        // SAFETY: as above.
        if unsafe { *head.add(9) } != TCP {
            return Found::Nothing;
        }
        // SAFETY: as above: a TCP header of 20 bytes behind an IPv4 header of 20.
        let (seq, offset, flags) = unsafe { fields(head.add(20)) };
        return judge(total, 20, seq, offset, flags, false);
    }
    if version >> 4 == 6 {
        if data + 60 > end {
            return Found::Nothing;
        }
        // SAFETY: 60 bytes were tested above.
        let next = unsafe { *head.add(6) };
        if next == TCP {
            // SAFETY: as above: a TCP header of 20 bytes behind an IPv6 header of 40.
            let (seq, offset, flags) = unsafe { fields(head.add(40)) };
            return judge(total, 40, seq, offset, flags, true);
        }
        return extended(skb, total, next);
    }
    if version >> 4 == 4 {
        return with_options(skb, total, version);
    }
    Found::Nothing
}

/// IPv4 with options.
#[inline(always)]
fn with_options(skb: *mut __sk_buff, total: u32, version: u8) -> Found {
    if load(skb, 9) != Some([TCP]) {
        return Found::Nothing;
    }
    from_tcp_header(skb, total, u32::from(version & 15) * 4, false)
}

/// IPv6 with extension headers before TCP (RFC 8200 §4): a BIG TCP packet (over 64 KiB) has one, and a socket can be told to send them.
/// What is no TCP in the end is none of ours. The kernel puts fragments together before they come here, and takes packets apart after
/// they have passed: a fragment is counted and not read.
#[inline(always)]
fn extended(skb: *mut __sk_buff, total: u32, next: u8) -> Found {
    let mut next = next;
    let mut at = 40;
    for _ in 0..EXTENSIONS_MAX {
        let len = match next {
            TCP => return from_tcp_header(skb, total, at, true),
            HOP_BY_HOP | ROUTING | DESTINATION | MOBILITY => match load::<[u8; 2]>(skb, at) {
                Some([after, len]) => {
                    next = after;
                    8 + u32::from(len) * 8
                }
                None => return Found::Extension,
            },
            AUTHENTICATION => match load::<[u8; 2]>(skb, at) {
                Some([after, len]) => {
                    next = after;
                    8 + u32::from(len) * 4
                }
                None => return Found::Extension,
            },
            FRAGMENT => return Found::Fragment,
            _ => return Found::Nothing,
        };
        at += len;
    }
    match next {
        TCP => from_tcp_header(skb, total, at, true),
        HOP_BY_HOP | ROUTING | DESTINATION | MOBILITY | AUTHENTICATION | FRAGMENT => Found::Extension,
        _ => Found::Nothing,
    }
}

#[inline(always)]
fn from_tcp_header(skb: *mut __sk_buff, total: u32, at: u32, v6: bool) -> Found {
    let Some(tcp) = load::<[u32; 5]>(skb, at) else { return Found::Nothing };
    // SAFETY: the array has 20 bytes, and is aligned.
    let (seq, offset, flags) = unsafe { fields(tcp.as_ptr().cast()) };
    judge(total, at, seq, offset, flags, v6)
}

/// Sequence number, header length and flags of a TCP header.
///
/// # Safety
/// 20 bytes must be readable at `tcp`.
#[inline(always)]
unsafe fn fields(tcp: *const u8) -> (u32, u32, u8) {
    // SAFETY: the caller's promise.
    unsafe { (u32::from_be(word(tcp, 4)), u32::from(*tcp.add(12) >> 4) * 4, *tcp.add(13)) }
}

/// The 32-bit word at `offset`, in network order. Read in one piece, for LLVM takes an unaligned read apart into bytes: the
/// kernel aligns IP headers where the processor needs it, and the verifier refuses what it would not do.
///
/// # Safety
/// The word must be readable.
#[inline(always)]
unsafe fn word(at: *const u8, offset: usize) -> u32 {
    // SAFETY: the caller's promise.
    unsafe { *at.add(offset).cast::<u32>() }
}

#[inline(always)]
fn judge(total: u32, tcp_at: u32, seq: u32, offset: u32, flags: u8, v6: bool) -> Found {
    let payload_at = tcp_at + offset;
    if total < payload_at {
        return Found::Nothing;
    }
    // A SYN may carry data (TCP Fast Open): it begins behind the SYN's own number.
    let seq = if flags & SYN != 0 { seq.wrapping_add(1) } else { seq };
    let len = total - payload_at;
    if len == 0 && flags & (FIN | RST) == 0 {
        return Found::Nothing;
    }
    Found::Tcp(Packet { tcp_at, payload_at, len, fresh: len, seq, flags, v6 })
}

/// The addresses and ports of a packet.
#[derive(Default)]
pub struct Ends {
    /// As it lies in the packet, IPv4 in the first word.
    pub source: [u32; 4],
    /// As it lies in the packet, IPv4 in the first word.
    pub destination: [u32; 4],
    /// Source port, host order.
    pub from: u16,
    /// Destination port, host order.
    pub to: u16,
}

/// Reads the addresses and ports.
#[inline(always)]
pub fn ends(skb: *mut __sk_buff, packet: &Packet) -> Ends {
    // SAFETY: `skb` is the context of the running program.
    let (data, end) = unsafe { ((*skb).data as usize, (*skb).data_end as usize) };
    let head = data as *const u8;
    let mut ends = Ends::default();
    if packet.tcp_at == 20 && data + 24 <= end {
        // SAFETY: 24 bytes were tested above.
        unsafe {
            ends.source[0] = word(head, 12);
            ends.destination[0] = word(head, 16);
            ends.ports(word(head, 20));
        }
    } else if packet.tcp_at == 40 && packet.v6 && data + 44 <= end {
        // SAFETY: 44 bytes were tested above.
        unsafe {
            ends.source = [word(head, 8), word(head, 12), word(head, 16), word(head, 20)];
            ends.destination = [word(head, 24), word(head, 28), word(head, 32), word(head, 36)];
            ends.ports(word(head, 40));
        }
    } else {
        elsewhere(skb, packet, &mut ends);
    }
    ends
}

impl Ends {
    #[inline(always)]
    fn ports(&mut self, network_order: u32) {
        let both = u32::from_be(network_order);
        (self.from, self.to) = ((both >> 16) as u16, both as u16);
    }
}

/// Behind options and extension headers.
#[inline(always)]
fn elsewhere(skb: *mut __sk_buff, packet: &Packet, ends: &mut Ends) {
    ends.ports(load(skb, packet.tcp_at).unwrap_or_default());
    if packet.v6 {
        ends.source = load(skb, 8).unwrap_or_default();
        ends.destination = load(skb, 24).unwrap_or_default();
    } else {
        ends.source[0] = load(skb, 12).unwrap_or_default();
        ends.destination[0] = load(skb, 16).unwrap_or_default();
    }
}

/// What can be read from a packet byte by byte: any bytes are a value.
pub trait Plain: Default {}
impl Plain for u32 {}
impl<const N: usize> Plain for [u32; N] where Self: Default {}
impl<const N: usize> Plain for [u8; N] where Self: Default {}

/// A value at `at`, wherever it lies.
#[inline(always)]
fn load<T: Plain>(skb: *mut __sk_buff, at: u32) -> Option<T> {
    let mut value = T::default();
    // SAFETY: the helper writes as many bytes as the value has, or fails; any bytes are a value.
    let failed = unsafe { bpf_skb_load_bytes(skb.cast(), at, (&raw mut value).cast(), size_of::<T>() as u32) };
    (failed == 0).then_some(value)
}
