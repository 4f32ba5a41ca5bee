//! What the tests share: scripts that become packets, packets that become files, and inputs as text.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use apiscope::capture::replay::{Replay, ReplayNote, ReplayOptions, ReplayStats};
use apiscope_wire::{Event, FlowId, Input, Limits, Payload, Start, Timestamp, Verdict, Wire};
use etherparse::PacketBuilder;

/// A packet to be written to a file.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    /// Nanoseconds since the epoch.
    pub(crate) at: u64,
    /// The bytes from the IP header on, unless a test put a link layer before them.
    pub(crate) data: Vec<u8>,
    /// Length on the wire where it is more than `data`.
    pub(crate) wire_len: usize,
}

impl Packet {
    pub(crate) fn new(at: u64, data: Vec<u8>) -> Self {
        let wire_len = data.len();
        Self { at, data, wire_len }
    }

    /// With `head` before and `tail` behind, as a link layer does it.
    pub(crate) fn wrapped(&self, head: &[u8], tail: &[u8]) -> Self {
        Self::new(self.at, [head, self.data.as_slice(), tail].concat())
    }

    /// Captured only up to `len` bytes.
    pub(crate) fn cut(&self, len: usize) -> Self {
        Self { at: self.at, data: self.data[..len.min(self.data.len())].to_vec(), wire_len: self.wire_len }
    }
}

/// The head of an Ethernet frame with IPv4 inside.
pub(crate) const ETHERNET: [u8; 14] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];

/// Packets of a script. A line: `SECONDS <|> [S|F|R...] SEQ [ack ACK] [+LENGTH | 'TEXT]`; `>` is from the client
/// 10.0.0.1:40000 to the server 10.0.0.2:80. Text goes to the end of the line, with `\r\n` as such.
pub(crate) fn script(text: &str) -> Vec<Packet> {
    script_between(text, 40_000, 80)
}

/// The same with other ports.
pub(crate) fn script_between(text: &str, client: u16, server: u16) -> Vec<Packet> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| packet(line, client, server)).collect()
}

fn packet(line: &str, client: u16, server: u16) -> Packet {
    let (head, text) = line.split_once('\'').unwrap_or((line, ""));
    let mut payload = text.replace("\\r\\n", "\r\n").into_bytes();
    let mut words = head.split_whitespace();
    let at = nanos(words.next().expect("time"));
    let from_client = words.next().expect("direction") == ">";
    let (mut flags, mut seq, mut ack) = (String::new(), 0, None);
    while let Some(word) = words.next() {
        match word.as_bytes() {
            [b'+', ..] => payload = vec![b'x'; word[1..].parse().expect("length")],
            [b'0'..=b'9', ..] => seq = word.parse().expect("seq"),
            b"ack" => ack = Some(words.next().expect("ack").parse().expect("ack")),
            _ => flags.push_str(word),
        }
    }
    let (client, server) = (([10, 0, 0, 1], client), ([10, 0, 0, 2], server));
    let (from, to) = if from_client { (client, server) } else { (server, client) };
    let mut builder = PacketBuilder::ipv4(from.0, to.0, 64).tcp(from.1, to.1, seq, 65_535);
    builder = if flags.contains('S') { builder.syn() } else { builder };
    builder = if flags.contains('F') { builder.fin() } else { builder };
    builder = if flags.contains('R') { builder.rst() } else { builder };
    builder = if let Some(ack) = ack { builder.ack(ack) } else { builder };
    let mut data = Vec::new();
    builder.write(&mut data, &payload).expect("in memory");
    Packet::new(at, data)
}

/// Decimal seconds as nanoseconds.
fn nanos(seconds: &str) -> u64 {
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    format!("{whole}{fraction:0<9}").parse().expect("a time")
}

/// A pcap file.
#[derive(Clone, Copy)]
pub(crate) struct Pcap {
    pub(crate) link: u32,
    pub(crate) big_endian: bool,
    pub(crate) nanos: bool,
}

impl Pcap {
    pub(crate) const RAW: Self = Self { link: 101, big_endian: false, nanos: false };

    pub(crate) fn write(self, packets: &[Packet]) -> Vec<u8> {
        let mut file = Vec::new();
        let four = |value: u32| if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
        let version = if self.big_endian { [0, 2, 0, 4] } else { [2, 0, 4, 0] };
        file.extend(four(if self.nanos { 0xa1b2_3c4d } else { 0xa1b2_c3d4 }));
        file.extend(version);
        file.extend([0, 0, 262_144, self.link].map(four).concat());
        for packet in packets {
            let fraction = packet.at % 1_000_000_000 / if self.nanos { 1 } else { 1000 };
            let lens = [packet.data.len(), packet.wire_len].map(|len| u32::try_from(len).expect("short"));
            file.extend(four(u32::try_from(packet.at / 1_000_000_000).expect("before 2106")));
            file.extend(four(u32::try_from(fraction).expect("a fraction")));
            file.extend(lens.map(four).concat());
            file.extend(&packet.data);
        }
        file
    }
}

/// A pcapng block, little-endian: its type, its body, its padding.
pub(crate) fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(12 + body.len().next_multiple_of(4)).expect("short");
    let mut block = [kind.to_le_bytes(), len.to_le_bytes()].concat();
    block.extend(body);
    block.resize(len as usize - 4, 0);
    block.extend(len.to_le_bytes());
    block
}

/// A section header block.
pub(crate) fn section() -> Vec<u8> {
    block(0x0a0d_0d0a, &[0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255])
}

/// An interface description block with these options: code and value.
pub(crate) fn interface(link: u16, options: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = [&link.to_le_bytes()[..], &[0; 6]].concat();
    for (code, value) in options {
        body.extend(code.to_le_bytes());
        body.extend(u16::try_from(value.len()).expect("short").to_le_bytes());
        body.extend(*value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    if !options.is_empty() {
        body.extend([0; 4]);
    }
    block(1, &body)
}

/// An enhanced packet block: `ticks` in the interface's own resolution.
pub(crate) fn enhanced(interface: u32, ticks: u64, packet: &Packet) -> Vec<u8> {
    let mut body = Vec::new();
    let lens = [packet.data.len(), packet.wire_len].map(|len| u32::try_from(len).expect("short"));
    let [high, low] = [(ticks >> 32) as u32, (ticks & 0xffff_ffff) as u32];
    body.extend([interface, high, low, lens[0], lens[1]].map(u32::to_le_bytes).concat());
    body.extend(&packet.data);
    block(6, &body)
}

/// A directory of the test's own, gone with the value.
pub(crate) struct Scratch(tempfile::TempDir);

impl Scratch {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).expect("a temporary file");
        path
    }
}

/// All that a replay gave.
pub(crate) struct Read {
    /// The inputs as text; flows are numbered as they come, ticks left out.
    pub(crate) text: String,
    pub(crate) ticks: usize,
    pub(crate) stats: ReplayStats,
    pub(crate) notes: Vec<ReplayNote>,
    pub(crate) errors: Vec<String>,
}

/// Reads files to their end.
pub(crate) fn read(paths: &[PathBuf]) -> Read {
    read_with(paths, ReplayOptions::default(), &[])
}

/// Reads one file with these bytes.
pub(crate) fn read_bytes(content: &[u8]) -> Read {
    let scratch = Scratch::new();
    read(&[scratch.file("capture", content)])
}

/// Reads packets as a raw IP pcap.
pub(crate) fn read_packets(packets: &[Packet]) -> Read {
    read_bytes(&Pcap::RAW.write(packets))
}

/// Reads with options, and gives `verdicts`: for the flow with that number, behind so many packets.
pub(crate) fn read_with(paths: &[PathBuf], options: ReplayOptions, verdicts: &[(u64, usize, Verdict)]) -> Read {
    let mut replay = Replay::with_options(paths, options).expect("opens");
    let mut printer = Printer::default();
    let mut wire = Wire::new(Limits::default());
    let mut given = HashSet::new();
    let mut errors = Vec::new();
    loop {
        let result = replay.next_inputs(&mut |input| {
            printer.print(&input);
            wire.handle(input, &mut |event| match event {
                Event::Message(message) => {
                    let is_request = matches!(message.start, Start::Request { .. });
                    assert!(given.insert((message.exchange, is_request)), "a message is given once");
                }
                Event::Closed(flow, _) => given.retain(|(exchange, _)| exchange.flow != flow),
                Event::Hello(_)
                | Event::Over(..)
                | Event::Head(_)
                | Event::Progress(_)
                | Event::Session(..)
                | Event::Ambiguous(_)
                | Event::Verdict(..)
                | Event::Coverage(..) => {}
            });
        });
        match result {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => errors.push(error.to_string()),
        }
        for (number, packets, verdict) in verdicts {
            if replay.stats().packets == *packets as u64
                && let Some(flow) = printer.flow(*number)
            {
                replay.apply(flow, *verdict);
            }
        }
    }
    Read { text: printer.text, ticks: printer.ticks, stats: replay.stats(), notes: replay.notes().to_vec(), errors }
}

#[derive(Default)]
struct Printer {
    text: String,
    ticks: usize,
    flows: HashMap<FlowId, u64>,
}

impl Printer {
    fn flow(&self, number: u64) -> Option<FlowId> {
        self.flows.iter().find(|(_, known)| **known == number).map(|(flow, _)| *flow)
    }

    fn number(&mut self, flow: FlowId) -> u64 {
        let next = self.flows.len() as u64 + 1;
        *self.flows.entry(flow).or_insert(next)
    }

    fn print(&mut self, input: &Input<'_>) {
        match input {
            Input::Tick(_) => self.ticks += 1,
            Input::Lost(..) => panic!("a file loses nothing"),
            Input::Origin(flow, origin) => {
                assert!(!self.flows.contains_key(flow), "an id is given once");
                let number = self.number(*flow);
                let interface = origin.interface.as_deref().map_or(String::new(), |name| format!(" on {name}"));
                let _ = writeln!(self.text, "{number} {} -> {}{interface}", origin.client, origin.server);
            }
            Input::Segment(segment) => {
                assert!(self.flows.contains_key(&segment.flow), "the origin comes first");
                let number = self.number(segment.flow);
                let _ = write!(self.text, "{number} {} {:?} {} ", seconds(segment.at), segment.side, segment.seq.0);
                let _ = match segment.payload {
                    Payload::Bytes(bytes) => writeln!(self.text, "{} bytes {}", bytes.len(), excerpt(bytes)),
                    other => writeln!(self.text, "{other:?}"),
                };
            }
        }
    }
}

fn seconds(at: Timestamp) -> String {
    let millis = at.as_nanos() / 1_000_000;
    format!("{}.{:03}", millis / 1000, millis % 1000)
}

fn excerpt(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(16)]).escape_debug().to_string()
}
