//! From a captured frame to its TCP segment: link layer, VLAN tags, IP, tunnels.
//!
//! Total: any bytes give a segment or the reason why there is none. Lengths come from the IP header, never from the frame
//! (Ethernet pads short ones), and a frame that was cut when captured keeps its true length in [`TcpPacket::wire_len`].

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use etherparse::{IpNumber, LaxIpSlice, TcpHeaderSlice, ip_number};

use super::container::Frame;
use super::fragments::{Datagram, Fragment, Key};

/// Tunnels inside tunnels that are followed.
pub(super) const TUNNELS_MAX: usize = 4;
/// VLAN tags of one frame that are followed (802.1ad has two).
const VLAN_TAGS_MAX: usize = 4;
/// RFC 7348 §5.
const VXLAN_PORT: u16 = 4789;
/// RFC 8926 §3.3.
const GENEVE_PORT: u16 = 6081;
/// Extension headers behind the fragment header that are followed.
const EXTENSIONS_MAX: usize = 8;

/// A TCP segment as captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are the header's flags")]
pub(super) struct TcpPacket<'a> {
    /// Who sent it.
    pub(super) source: SocketAddr,
    /// To whom.
    pub(super) destination: SocketAddr,
    /// Its sequence number.
    pub(super) seq: u32,
    /// Its acknowledgement number, with the ACK flag only.
    pub(super) ack: Option<u32>,
    /// SYN.
    pub(super) syn: bool,
    /// FIN.
    pub(super) fin: bool,
    /// RST.
    pub(super) rst: bool,
    /// URG.
    pub(super) urgent: bool,
    /// The payload that was captured.
    pub(super) data: &'a [u8],
    /// The payload's length on the wire: at least `data.len()`.
    pub(super) wire_len: u32,
}

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// A TCP segment.
    Tcp(TcpPacket<'a>),
    /// A part of an IP datagram.
    Fragment(Fragment<'a>),
}

/// Why a frame gives no segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// Neither IPv4 nor IPv6 (ARP, LLDP, …).
    NotIp,
    /// IP, but not TCP.
    NotTcp,
    /// An IP fragment that completes nothing.
    Fragment,
    /// Cut before the end of the TCP header.
    HeaderCut,
    /// A header that contradicts itself.
    BadHeader,
    /// A link type that is not read here, or an interface that was never described.
    Link,
    /// Tunnels nested too deeply.
    TooDeep,
}

/// Some bytes and how many there were on the wire.
#[derive(Clone, Copy)]
struct Layer<'a> {
    data: &'a [u8],
    wire_len: usize,
}

impl Layer<'_> {
    /// The layer inside, `len` bytes further.
    fn inner(self, len: usize) -> Result<Self, Unread> {
        let data = self.data.get(len..).ok_or(Unread::HeaderCut)?;
        Ok(Self { data, wire_len: self.wire_len.saturating_sub(len).max(data.len()) })
    }

    /// Without what lies behind `len` bytes.
    fn limit(self, len: usize) -> Self {
        Self { data: self.data.get(..len).unwrap_or(self.data), wire_len: len }
    }

    fn u16_be(self, at: usize) -> Result<u16, Unread> {
        let two = self.data.get(at..).and_then(|rest| rest.first_chunk::<2>()).ok_or(Unread::HeaderCut)?;
        Ok(u16::from_be_bytes(*two))
    }
}

/// Reads a frame. `data`: the captured bytes of `frame`.
pub(super) fn decode<'a>(frame: &Frame, data: &'a [u8]) -> Result<Found<'a>, Unread> {
    let layer = Layer { data, wire_len: frame.wire_len };
    match frame.link.ok_or(Unread::Link)? {
        link::ETHERNET => ethernet(layer, 0),
        link::RAW_BSD | link::RAW_OPENBSD | link::RAW | link::IPV4 | link::IPV6 => ip(layer, 0),
        link::NULL => loopback(layer, frame.big_endian),
        link::LOOP => loopback(layer, true),
        link::LINUX_SLL => ether_type(layer.u16_be(14)?, layer.inner(16)?, 0),
        link::LINUX_SLL2 => ether_type(layer.u16_be(0)?, layer.inner(20)?, 0),
        link::NFLOG => nflog(layer, frame.big_endian),
        _ => Err(Unread::Link),
    }
}

/// Numbers of tcpdump.org/linktypes.html.
mod link {
    pub(super) const NULL: u16 = 0;
    pub(super) const ETHERNET: u16 = 1;
    pub(super) const RAW_BSD: u16 = 12;
    pub(super) const RAW_OPENBSD: u16 = 14;
    pub(super) const RAW: u16 = 101;
    pub(super) const LOOP: u16 = 108;
    pub(super) const LINUX_SLL: u16 = 113;
    pub(super) const IPV4: u16 = 228;
    pub(super) const IPV6: u16 = 229;
    pub(super) const NFLOG: u16 = 239;
    pub(super) const LINUX_SLL2: u16 = 276;
}

fn ethernet(layer: Layer<'_>, tunnels: usize) -> Result<Found<'_>, Unread> {
    ether_type(layer.u16_be(12)?, layer.inner(14)?, tunnels)
}

fn ether_type(mut kind: u16, mut layer: Layer<'_>, tunnels: usize) -> Result<Found<'_>, Unread> {
    for _ in 0..=VLAN_TAGS_MAX {
        match kind {
            0x0800 | 0x86dd => return ip(layer, tunnels),
            0x8100 | 0x88a8 | 0x9100 => {
                kind = layer.u16_be(2)?;
                layer = layer.inner(4)?;
            }
            _ => return Err(Unread::NotIp),
        }
    }
    Err(Unread::TooDeep)
}

/// BSD loopback: four bytes of address family, in the byte order of the capturing host, whose numbers differ by system.
fn loopback(layer: Layer<'_>, big_endian: bool) -> Result<Found<'_>, Unread> {
    let family = layer.data.first_chunk::<4>().ok_or(Unread::HeaderCut)?;
    let family = if big_endian { u32::from_be_bytes(*family) } else { u32::from_le_bytes(*family) };
    match family {
        2 | 10 | 23 | 24 | 28 | 30 => ip(layer.inner(4)?, 0),
        _ => Err(Unread::NotIp),
    }
}

/// Netfilter's log: a header, then attributes in the capturing host's byte order; one of them is the packet.
fn nflog(layer: Layer<'_>, big_endian: bool) -> Result<Found<'_>, Unread> {
    const PAYLOAD: u16 = 9;
    let mut rest = layer.inner(4)?;
    // Each turn takes at least four bytes of the frame.
    loop {
        let (len, kind) = (rest.u16_be(0)?, rest.u16_be(2)?);
        let (len, kind) = if big_endian { (len, kind) } else { (len.swap_bytes(), kind.swap_bytes()) };
        let len = usize::from(len);
        if len < 4 {
            return Err(Unread::BadHeader);
        }
        if kind & 0x7fff == PAYLOAD {
            return ip(rest.limit(len).inner(4)?, 0);
        }
        rest = rest.inner(len.next_multiple_of(4))?;
    }
}

fn ip(layer: Layer<'_>, tunnels: usize) -> Result<Found<'_>, Unread> {
    plain(layer).map_or_else(|| any_ip(layer, tunnels), |packet| Ok(Found::Tcp(packet)))
}

fn any_ip(layer: Layer<'_>, tunnels: usize) -> Result<Found<'_>, Unread> {
    let layer = match declared_len(layer.data)? {
        // Segmentation offload (or a jumbogram) leaves the field at zero: the frame ends where the packet ends.
        0 => layer,
        len => layer.limit(len),
    };
    let (slice, _) = LaxIpSlice::from_slice(layer.data).map_err(|error| match error {
        etherparse::err::ip::LaxHeaderSliceError::Len(_) => Unread::HeaderCut,
        etherparse::err::ip::LaxHeaderSliceError::Content(_) => Unread::BadHeader,
    })?;
    if slice.is_fragmenting_payload() {
        return fragment(layer, tunnels).map(Found::Fragment);
    }
    // Lax parsing lets the payload reach to the end of what it was given.
    let inside = layer.inner(layer.data.len() - slice.payload().payload.len())?;
    transport(slice.payload_ip_number(), inside, (slice.source_addr(), slice.destination_addr()), tunnels)
}

/// What an IP packet carries.
fn transport(
    protocol: IpNumber,
    inside: Layer<'_>,
    (source, destination): (IpAddr, IpAddr),
    tunnels: usize,
) -> Result<Found<'_>, Unread> {
    match protocol {
        ip_number::TCP => tcp(inside, source, destination),
        _ if tunnels >= TUNNELS_MAX => Err(Unread::TooDeep),
        ip_number::UDP => in_udp(inside, tunnels + 1),
        ip_number::IPV4 | ip_number::IPV6 => ip(inside, tunnels + 1),
        ip_number::GRE => gre(inside, tunnels + 1),
        _ => Err(Unread::NotTcp),
    }
}

/// Reads a datagram that was put together.
pub(super) fn reassembled(datagram: &Datagram) -> Result<Found<'_>, Unread> {
    let mut layer = Layer { data: &datagram.data, wire_len: datagram.wire_len };
    let mut protocol = IpNumber(datagram.protocol);
    let v6 = datagram.source.is_ipv6();
    for _ in 0..EXTENSIONS_MAX {
        let unit = match protocol {
            ip_number::IPV6_HEADER_HOP_BY_HOP | ip_number::IPV6_ROUTE_HEADER | ip_number::IPV6_DESTINATION_OPTIONS
                if v6 =>
            {
                8
            }
            ip_number::AUTHENTICATION_HEADER => 4,
            _ => return transport(protocol, layer, (datagram.source, datagram.destination), datagram.tunnels),
        };
        let [next, len] = layer.u16_be(0)?.to_be_bytes();
        let head = if unit == 8 { 8 } else { 2 * unit };
        protocol = IpNumber(next);
        layer = layer.inner(head + usize::from(len) * unit)?;
    }
    Err(Unread::TooDeep)
}

/// A fragment: of IPv4 by its header, of IPv6 by the extension header that says so.
fn fragment(layer: Layer<'_>, tunnels: usize) -> Result<Fragment<'_>, Unread> {
    let first = *layer.data.first().ok_or(Unread::HeaderCut)?;
    if first >> 4 == 4 {
        let address =
            |at: usize| layer.data.get(at..).and_then(|rest| rest.first_chunk::<4>()).map(|ip| IpAddr::from(*ip));
        let (source, destination) = address(12).zip(address(16)).ok_or(Unread::HeaderCut)?;
        let flags = layer.u16_be(6)?;
        let inside = layer.inner(usize::from(first & 0x0f) * 4)?;
        let protocol = layer.data.get(9).copied().unwrap_or_default();
        let key = Key { source, destination, id: u32::from(layer.u16_be(4)?), protocol };
        return part(inside, key, protocol, u32::from(flags & 0x1fff) * 8, flags & 0x2000 != 0, tunnels);
    }
    let addresses = layer.inner(8)?.data;
    let (source, rest) = addresses.split_first_chunk::<16>().ok_or(Unread::HeaderCut)?;
    let destination = rest.first_chunk::<16>().ok_or(Unread::HeaderCut)?;
    let mut next = layer.data.get(6).copied().unwrap_or_default();
    let mut inside = layer.inner(40)?;
    for _ in 0..EXTENSIONS_MAX {
        let [after, len] = inside.u16_be(0)?.to_be_bytes();
        match IpNumber(next) {
            ip_number::IPV6_FRAGMENTATION_HEADER => {
                let (place, high, low) = (inside.u16_be(2)?, inside.u16_be(4)?, inside.u16_be(6)?);
                let id = u32::from(high) << 16 | u32::from(low);
                let key = Key { source: (*source).into(), destination: (*destination).into(), id, protocol: 0 };
                return part(inside.inner(8)?, key, after, u32::from(place & 0xfff8), place & 1 != 0, tunnels);
            }
            ip_number::IPV6_HEADER_HOP_BY_HOP | ip_number::IPV6_ROUTE_HEADER | ip_number::IPV6_DESTINATION_OPTIONS => {
                inside = inside.inner(8 + usize::from(len) * 8)?;
                next = after;
            }
            _ => return Err(Unread::BadHeader),
        }
    }
    Err(Unread::TooDeep)
}

fn part(
    inside: Layer<'_>,
    key: Key,
    protocol: u8,
    offset: u32,
    more: bool,
    tunnels: usize,
) -> Result<Fragment<'_>, Unread> {
    let wire_len = u32::try_from(inside.wire_len).map_err(|_| Unread::BadHeader)?;
    Ok(Fragment { key, protocol, offset, more, data: inside.data, wire_len, tunnels })
}

/// TCP in IPv4 without options and without fragments, both headers whole: what nearly every packet is, read in a few
/// nanoseconds. `None`: read it the long way, which gives the same where both can.
fn plain(layer: Layer<'_>) -> Option<TcpPacket<'_>> {
    let ip = layer.data.first_chunk::<20>()?;
    let [0x45, _, len_high, len_low, _, _, fragment_high, fragment_low, _, ip_number, _, _, rest @ ..] = *ip else {
        return None;
    };
    // All but "don't fragment".
    if ip_number != ip_number::TCP.0 || fragment_high & 0x3f != 0 || fragment_low != 0 {
        return None;
    }
    let len = usize::from(u16::from_be_bytes([len_high, len_low]));
    let layer = if len == 0 { layer } else { layer.limit(len) };
    let segment = layer.data.get(20..)?;
    let tcp = segment.first_chunk::<20>()?;
    let [a, b, c, d, s0, s1, s2, s3, a0, a1, a2, a3, offset, flags, ..] = *tcp;
    let header_len = usize::from(offset >> 4) * 4;
    let data = segment.get(header_len..).filter(|_| header_len >= 20)?;
    // Before the payload, both headers.
    let wire_len = layer.wire_len.checked_sub(20 + header_len)?;
    let address = |at: usize| rest.get(at..).and_then(|four| four.first_chunk::<4>()).copied().map(Ipv4Addr::from);
    let socket = |at, port| Some(SocketAddr::new(IpAddr::V4(address(at)?), u16::from_be_bytes(port)));
    Some(TcpPacket {
        source: socket(0, [a, b])?,
        destination: socket(4, [c, d])?,
        seq: u32::from_be_bytes([s0, s1, s2, s3]),
        ack: (flags & 0x10 != 0).then_some(u32::from_be_bytes([a0, a1, a2, a3])),
        syn: flags & 0x02 != 0,
        fin: flags & 0x01 != 0,
        rst: flags & 0x04 != 0,
        urgent: flags & 0x20 != 0,
        data,
        wire_len: u32::try_from(wire_len).ok()?,
    })
}

/// The IP packet's length as its header says it, 0 if it does not.
fn declared_len(data: &[u8]) -> Result<usize, Unread> {
    let field = |at: usize| {
        let two = data.get(at..).and_then(|rest| rest.first_chunk::<2>()).ok_or(Unread::HeaderCut)?;
        Ok(usize::from(u16::from_be_bytes(*two)))
    };
    let first = *data.first().ok_or(Unread::HeaderCut)?;
    match first >> 4 {
        4 => match field(2)? {
            0 => Ok(0),
            len if len < usize::from(first & 0x0f) * 4 => Err(Unread::BadHeader),
            len => Ok(len),
        },
        6 => Ok(match field(4)? {
            0 => 0,
            len => len + 40,
        }),
        _ => Err(Unread::NotIp),
    }
}

/// The tunnels that use UDP, by the port to which they go.
fn in_udp(udp: Layer<'_>, tunnels: usize) -> Result<Found<'_>, Unread> {
    match udp.u16_be(2)? {
        VXLAN_PORT => vxlan(udp, tunnels),
        GENEVE_PORT => geneve(udp, tunnels),
        _ => Err(Unread::NotTcp),
    }
}

fn vxlan(udp: Layer<'_>, tunnels: usize) -> Result<Found<'_>, Unread> {
    const VALID_NETWORK: u8 = 0x08;
    if udp.data.get(8).is_none_or(|flags| flags & VALID_NETWORK == 0) {
        return Err(Unread::NotTcp);
    }
    ethernet(udp.inner(16)?, tunnels)
}

/// RFC 8926 §3.4: version 0; options are passed over.
fn geneve(udp: Layer<'_>, tunnels: usize) -> Result<Found<'_>, Unread> {
    let first = *udp.data.get(8).ok_or(Unread::HeaderCut)?;
    if first >> 6 != 0 {
        return Err(Unread::NotTcp);
    }
    let inside = udp.inner(16 + usize::from(first & 0x3f) * 4)?;
    match udp.u16_be(10)? {
        TRANSPARENT_ETHERNET => ethernet(inside, tunnels),
        kind => ether_type(kind, inside, tunnels),
    }
}

/// An Ethernet frame inside of something.
const TRANSPARENT_ETHERNET: u16 = 0x6558;

/// RFC 2784 and 2890; only version 0.
fn gre(layer: Layer<'_>, tunnels: usize) -> Result<Found<'_>, Unread> {
    let flags = layer.u16_be(0)?;
    if flags & 0x4007 != 0 {
        return Err(Unread::NotTcp);
    }
    let optional = [0x8000, 0x2000, 0x1000].iter().filter(|bit| flags & **bit != 0).count();
    let inside = layer.inner(4 + 4 * optional)?;
    match layer.u16_be(2)? {
        TRANSPARENT_ETHERNET => ethernet(inside, tunnels),
        kind => ether_type(kind, inside, tunnels),
    }
}

fn tcp(layer: Layer<'_>, source: IpAddr, destination: IpAddr) -> Result<Found<'_>, Unread> {
    let mut cut = [0; 60];
    let header = header(layer.data, &mut cut)?;
    let header_len = usize::from(header.data_offset()) * 4;
    let wire_len = layer.wire_len.checked_sub(header_len).ok_or(Unread::BadHeader)?;
    let data = layer.data.get(header_len..).unwrap_or_default();
    Ok(Found::Tcp(TcpPacket {
        source: SocketAddr::new(source, header.source_port()),
        destination: SocketAddr::new(destination, header.destination_port()),
        seq: header.sequence_number(),
        ack: header.ack().then(|| header.acknowledgment_number()),
        syn: header.syn(),
        fin: header.fin(),
        rst: header.rst(),
        urgent: header.urg(),
        data,
        wire_len: u32::try_from(wire_len).map_err(|_| Unread::BadHeader)?,
    }))
}

/// The TCP header; if its options were cut off when captured, with zeros in their place.
fn header<'a>(data: &'a [u8], cut: &'a mut [u8; 60]) -> Result<TcpHeaderSlice<'a>, Unread> {
    let offset = usize::from(data.get(12).ok_or(Unread::HeaderCut)? >> 4) * 4;
    let options_cut = data.len() < offset && data.len() >= 20;
    let bytes = if options_cut {
        cut.iter_mut().zip(data).for_each(|(to, from)| *to = *from);
        cut.as_slice()
    } else {
        data
    };
    TcpHeaderSlice::from_slice(bytes).map_err(|error| match error {
        etherparse::err::tcp::HeaderSliceError::Len(_) => Unread::HeaderCut,
        etherparse::err::tcp::HeaderSliceError::Content(_) => Unread::BadHeader,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_short_way_reads_what_the_long_way_reads(
            mut data in proptest::collection::vec(any::<u8>(), 40..90),
            head in prop_oneof![Just(0x45_u8), any::<u8>()],
            flags in prop_oneof![Just(0x40_u8), any::<u8>()],
            len in prop_oneof![40..90_usize, Just(0)],
            offset in 4..9_u8,
            more in 0..40_usize,
        ) {
            data[0] = head;
            data[2..4].copy_from_slice(&u16::try_from(len).unwrap().to_be_bytes());
            (data[6], data[7], data[9], data[32]) = (flags, 0, 6, offset << 4);
            let layer = Layer { data: &data, wire_len: data.len() + more };
            if let Some(packet) = plain(layer) {
                prop_assert_eq!(any_ip(layer, 0), Ok(Found::Tcp(packet)));
            }
            if head == 0x45 && flags == 0x40 && len == 0 && (5..=8).contains(&offset) && data.len() >= 52 {
                prop_assert!(plain(layer).is_some(), "the usual packet takes it");
            }
        }
    }
}
