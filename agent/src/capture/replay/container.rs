//! The two file formats, pcap and pcapng: where the next packet lies, when it was seen and on which link.
//!
//! Blocks that hold no packet are skipped. The only state is the section's byte order and its interfaces.

use std::io;
use std::ops::Range;

use apiscope_wire::Timestamp;
use pcap_parser::{Block, PcapHeader};

use super::error::Damage;
use super::window::Window;

/// A packet longer than this is damage: the largest real ones (GSO with BIG TCP, RFC 2675 jumbograms) have 512 KiB.
const PACKET_BYTES_MAX: u32 = 1024 * 1024;
/// A pcapng block that is read (not skipped) is at most this long: a packet and 64 KiB of options, twice over.
const BLOCK_BYTES_MAX: u32 = 2 * 1024 * 1024;
/// Interfaces of a section that are remembered; packets of further ones count as [`Frame::link`] `None`.
const INTERFACES_MAX: usize = 4096;
/// Characters of an interface's name that are kept.
const NAME_CHARS_MAX: usize = 64;

const NANOS_PER_SECOND: u64 = 1_000_000_000;
const PCAP_RECORD_HEADER: usize = 16;
const MODIFIED_RECORD_HEADER: usize = 24;
const PCAP_HEADER: usize = 24;
const BLOCK_HEADER: usize = 12;
const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const BYTE_ORDER_LITTLE: [u8; 4] = [0x4d, 0x3c, 0x2b, 0x1a];
const BYTE_ORDER_BIG: [u8; 4] = [0x1a, 0x2b, 0x3c, 0x4d];
const INTERFACE: u32 = 1;
const PACKET_OBSOLETE: u32 = 2;
const PACKET_SIMPLE: u32 = 3;
const PACKET_ENHANCED: u32 = 6;
const OPTION_TIME_OFFSET: u16 = 14;

/// Where a packet lies and what its record says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// When; `None` where the record has no time (simple packet blocks).
    pub(super) at: Option<Timestamp>,
    /// Its link type; `None` if its interface was never described.
    pub(super) link: Option<u16>,
    /// The section's byte order, for the link types that are written in it.
    pub(super) big_endian: bool,
    /// Number of its interface in the section.
    pub(super) interface: u32,
    /// Bytes that it had on the wire, at least as many as were captured.
    pub(super) wire_len: usize,
    /// What was captured, for [`Container::bytes`].
    pub(super) range: Range<usize>,
}

/// Why no further frame can be read.
#[derive(Debug)]
pub(super) enum Fault {
    /// The stream could not be read.
    Io(io::Error),
    /// The stream ends inside the record that begins here.
    Truncated(u64),
    /// The record that begins here contradicts itself.
    Damaged(u64, Damage),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// An open capture file.
pub(super) struct Container {
    window: Window,
    format: Format,
}

enum Format {
    Pcap(PcapFormat),
    PcapNg(Section),
}

#[derive(Clone, Copy)]
struct PcapFormat {
    big_endian: bool,
    nanos: bool,
    record_header: usize,
    link: u16,
}

#[derive(Default)]
struct Section {
    big_endian: bool,
    interfaces: Vec<Interface>,
}

struct Interface {
    link: u16,
    snap_len: u32,
    clock: Clock,
    name: Option<Box<str>>,
}

/// How an interface's ticks become time.
#[derive(Clone, Copy)]
struct Clock {
    per_second: u64,
    /// Nanoseconds of one tick, if that is a whole number: nearly always, and it saves a long division per packet.
    nanos_per_tick: Option<u64>,
    offset_nanos: i128,
}

impl Container {
    /// Whether a file that begins so is a capture.
    pub(super) fn recognises(magic: [u8; 4]) -> bool {
        magic == SECTION_HEADER.to_be_bytes() || pcap_magic(magic)
    }

    /// Reads the file header. `Ok(Err(_))`: the first bytes (and their number) are those of no capture.
    pub(super) fn open(mut window: Window) -> Result<Result<Self, ([u8; 4], usize)>, Fault> {
        window.fill(4)?;
        let found = first_bytes(window.available());
        if found.1 < 4 || !Self::recognises(found.0) {
            return Ok(Err(found));
        }
        let format = if pcap_magic(found.0) {
            Format::Pcap(PcapFormat::read(&mut window)?)
        } else {
            Format::PcapNg(Section::default())
        };
        Ok(Ok(Self { window, format }))
    }

    /// The next packet, `None` at the end.
    pub(super) fn next_frame(&mut self) -> Result<Option<Frame>, Fault> {
        match &mut self.format {
            Format::Pcap(format) => format.next_frame(&mut self.window),
            Format::PcapNg(section) => section.next_frame(&mut self.window),
        }
    }

    /// A frame's captured bytes; only until the next [`Container::next_frame`].
    pub(super) fn bytes(&self, frame: &Frame) -> &[u8] {
        self.window.bytes(frame.range.clone())
    }

    /// Content bytes read so far.
    pub(super) const fn offset(&self) -> u64 {
        self.window.offset()
    }

    /// The name of a section's interface, where the file gives one.
    pub(super) fn interface_name(&self, interface: u32) -> Option<&str> {
        match &self.format {
            Format::Pcap(_) => None,
            Format::PcapNg(section) => section.interface(interface).and_then(|known| known.name.as_deref()),
        }
    }
}

fn pcap_magic(magic: [u8; 4]) -> bool {
    matches!(u32::from_be_bytes(magic), 0xa1b2_c3d4 | 0xd4c3_b2a1 | 0xa1b2_3c4d | 0x4d3c_b2a1 | 0x34cd_b2a1)
}

fn first_bytes(available: &[u8]) -> ([u8; 4], usize) {
    let mut magic = [0; 4];
    let len = available.len().min(4);
    magic.iter_mut().zip(available).for_each(|(to, from)| *to = *from);
    (magic, len)
}

impl PcapFormat {
    fn read(window: &mut Window) -> Result<Self, Fault> {
        if !window.fill(PCAP_HEADER)? {
            return Err(Fault::Truncated(0));
        }
        let Ok((_, header)) = pcap_parser::parse_pcap_header(window.available()) else {
            return Err(Fault::Damaged(0, Damage::Header));
        };
        let format = Self::from_header(&header);
        window.consume(PCAP_HEADER);
        Ok(format)
    }

    fn from_header(header: &PcapHeader) -> Self {
        // The upper half of the field says whether frames carry a checksum, which the IP length cuts off anyway.
        let [link_low, link_high, ..] = header.network.0.to_le_bytes();
        Self {
            big_endian: header.is_bigendian(),
            nanos: header.is_nanosecond_precision(),
            record_header: if header.is_modified_format() { MODIFIED_RECORD_HEADER } else { PCAP_RECORD_HEADER },
            link: u16::from_le_bytes([link_low, link_high]),
        }
    }

    fn next_frame(self, window: &mut Window) -> Result<Option<Frame>, Fault> {
        let offset = window.offset();
        if !window.fill(self.record_header)? {
            return if window.available().is_empty() { Ok(None) } else { Err(Fault::Truncated(offset)) };
        }
        let caplen = u32_at(window.available(), 8, self.big_endian);
        if caplen > PACKET_BYTES_MAX {
            return Err(Fault::Damaged(offset, Damage::RecordLength(caplen)));
        }
        let len = self.record_header + caplen as usize;
        if !window.fill(len)? {
            return Err(Fault::Truncated(offset));
        }
        let head = window.available();
        let (seconds, fraction) = (u32_at(head, 0, self.big_endian), u32_at(head, 4, self.big_endian));
        let wire_len = u32_at(head, 12, self.big_endian).max(caplen) as usize;
        let fraction = u64::from(fraction).saturating_mul(if self.nanos { 1 } else { 1000 });
        let at = Timestamp::from_nanos(u64::from(seconds) * NANOS_PER_SECOND + fraction);
        let range = window.consume(len);
        Ok(Some(Frame {
            at: Some(at),
            link: Some(self.link),
            big_endian: self.big_endian,
            interface: 0,
            wire_len,
            range: range.start + self.record_header..range.end,
        }))
    }
}

impl Section {
    fn next_frame(&mut self, window: &mut Window) -> Result<Option<Frame>, Fault> {
        loop {
            let offset = window.offset();
            if !window.fill(BLOCK_HEADER)? {
                return if window.available().is_empty() { Ok(None) } else { Err(Fault::Truncated(offset)) };
            }
            let (kind, len) = self.block_header(window.available(), offset)?;
            if !matches!(kind, SECTION_HEADER | INTERFACE | PACKET_OBSOLETE | PACKET_SIMPLE | PACKET_ENHANCED) {
                if !window.skip(u64::from(len))? {
                    return Err(Fault::Truncated(offset));
                }
                continue;
            }
            if len > BLOCK_BYTES_MAX {
                return Err(Fault::Damaged(offset, Damage::BlockLength(len)));
            }
            if !window.fill(len as usize)? {
                return Err(Fault::Truncated(offset));
            }
            let block = window.available().get(..len as usize).unwrap_or_default();
            let found = self.block(kind, block).ok_or(Fault::Damaged(offset, Damage::BlockContent(kind)))?;
            let range = window.consume(len as usize);
            if let Found::Packet(packet) = found {
                let start = range.start + packet.data_at;
                let range = start..range.end.min(start + packet.captured);
                return Ok(Some(self.frame(&packet, range)));
            }
        }
    }

    /// The kind and length of the block at the window's start. A section header sets the byte order.
    fn block_header(&mut self, head: &[u8], offset: u64) -> Result<(u32, u32), Fault> {
        if head.starts_with(&SECTION_HEADER.to_be_bytes()) {
            let order: [u8; 4] = std::array::from_fn(|at| head.get(8 + at).copied().unwrap_or(0));
            self.big_endian = match order {
                BYTE_ORDER_LITTLE => false,
                BYTE_ORDER_BIG => true,
                _ => return Err(Fault::Damaged(offset, Damage::Header)),
            };
        }
        let kind = u32_at(head, 0, self.big_endian);
        let len = u32_at(head, 4, self.big_endian);
        if (len as usize) < BLOCK_HEADER || !len.is_multiple_of(4) {
            return Err(Fault::Damaged(offset, Damage::BlockLength(len)));
        }
        Ok((kind, len))
    }

    /// Reads a block. `None`: it contradicts itself.
    fn block(&mut self, kind: u32, block: &[u8]) -> Option<Found> {
        if matches!(kind, PACKET_ENHANCED | PACKET_OBSOLETE) {
            return Packet::read(kind, block, self.big_endian).map(Found::Packet);
        }
        let parse = if self.big_endian { pcap_parser::parse_block_be } else { pcap_parser::parse_block_le };
        match parse(block).ok()?.1 {
            Block::SectionHeader(_) => {
                self.interfaces.clear();
                Some(Found::Other)
            }
            Block::InterfaceDescription(description) => {
                if self.interfaces.len() < INTERFACES_MAX {
                    self.interfaces.push(Interface::new(&description, self.big_endian));
                }
                Some(Found::Other)
            }
            Block::SimplePacket(packet) => {
                let snap_len = self.interface(0).map_or(0, |known| known.snap_len);
                let captured = if snap_len == 0 { packet.origlen } else { packet.origlen.min(snap_len) };
                let captured = (captured as usize).min(packet.data.len());
                Some(Found::Packet(Packet {
                    interface: 0,
                    ticks: None,
                    wire_len: packet.origlen,
                    captured,
                    data_at: 12,
                }))
            }
            _ => Some(Found::Other),
        }
    }

    fn interface(&self, interface: u32) -> Option<&Interface> {
        self.interfaces.get(interface as usize)
    }

    fn frame(&self, packet: &Packet, range: Range<usize>) -> Frame {
        let interface = self.interface(packet.interface);
        Frame {
            at: packet.ticks.map(|ticks| interface.map_or(Clock::DEFAULT, |known| known.clock).time(ticks)),
            link: interface.map(|known| known.link),
            big_endian: self.big_endian,
            interface: packet.interface,
            wire_len: (packet.wire_len as usize).max(range.len()),
            range,
        }
    }
}

/// What a block holds.
enum Found {
    Packet(Packet),
    Other,
}

/// What a packet block says.
struct Packet {
    interface: u32,
    ticks: Option<u64>,
    wire_len: u32,
    captured: usize,
    data_at: usize,
}

impl Packet {
    /// An Enhanced Packet Block, or the Packet Block of early pcapng drafts. `pcap_parser` does not know the latter, and makes a
    /// list of the former's options, which no one here wants.
    fn read(kind: u32, block: &[u8], big_endian: bool) -> Option<Self> {
        let field = |at| u32_at(block, at, big_endian);
        let captured = plausible(field(20))?;
        // The obsolete block has the number in 16 bits, and a count of drops behind it.
        let short = if big_endian { field(8) >> 16 } else { field(8) & 0xffff };
        (28 + captured + 4 <= block.len() && field(block.len() - 4) == field(4)).then(|| Self {
            interface: if kind == PACKET_OBSOLETE { short } else { field(8) },
            ticks: Some(u64::from(field(12)) << 32 | u64::from(field(16))),
            wire_len: field(24),
            captured,
            data_at: 28,
        })
    }
}

fn plausible(captured: u32) -> Option<usize> {
    (captured <= PACKET_BYTES_MAX).then_some(captured as usize)
}

impl Interface {
    fn new(description: &pcap_parser::InterfaceDescriptionBlock<'_>, big_endian: bool) -> Self {
        let [low, high, ..] = description.linktype.0.to_le_bytes();
        let offset = description.options.iter().find(|option| option.code.0 == OPTION_TIME_OFFSET);
        let offset = offset.and_then(|option| option.as_bytes().ok()?.try_into().ok());
        Self {
            link: u16::from_le_bytes([low, high]),
            snap_len: description.snaplen,
            clock: Clock::new(
                ticks_per_second(description.if_tsresol),
                offset
                    .map_or(0, |bytes| if big_endian { i64::from_be_bytes(bytes) } else { i64::from_le_bytes(bytes) }),
            ),
            name: description.if_name().and_then(Result::ok).filter(|name| !name.is_empty()).map(short),
        }
    }
}

/// pcapng `if_tsresol`: a negative power of 10, or of 2 where the highest bit is set. Past what fits: the finest that does.
fn ticks_per_second(resolution: u8) -> u64 {
    if resolution & 0x80 == 0 { 10u64.pow(u32::from(resolution).min(19)) } else { 1 << (resolution & 0x7f).min(63) }
}

impl Clock {
    const DEFAULT: Self = Self { per_second: 1_000_000, nanos_per_tick: Some(1000), offset_nanos: 0 };

    fn new(per_second: u64, offset_seconds: i64) -> Self {
        let per_second = per_second.max(1);
        Self {
            per_second,
            nanos_per_tick: NANOS_PER_SECOND.is_multiple_of(per_second).then(|| NANOS_PER_SECOND / per_second),
            offset_nanos: i128::from(offset_seconds) * i128::from(NANOS_PER_SECOND),
        }
    }

    fn time(self, ticks: u64) -> Timestamp {
        let exact = || u128::from(ticks) * u128::from(NANOS_PER_SECOND) / u128::from(self.per_second);
        let nanos = self.nanos_per_tick.map_or_else(
            || u64::try_from(exact()).unwrap_or(u64::MAX),
            |nanos_per_tick| ticks.saturating_mul(nanos_per_tick),
        );
        if self.offset_nanos == 0 {
            return Timestamp::from_nanos(nanos);
        }
        let nanos = i128::from(nanos).saturating_add(self.offset_nanos).max(0);
        Timestamp::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// An interface's name, no longer than any that is real.
fn short(name: &str) -> Box<str> {
    name.chars().take(NAME_CHARS_MAX).collect()
}

fn u32_at(bytes: &[u8], at: usize, big_endian: bool) -> u32 {
    let four = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()).copied().unwrap_or_default();
    if big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
}
