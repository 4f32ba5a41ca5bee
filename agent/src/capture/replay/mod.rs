//! Capture files as a source: pcap and pcapng, plain or compressed with gzip or zstd.
//!
//! [`Replay`] gives [`Input`]s packet by packet and takes verdicts back, exactly as live capture does: the same budget step
//! decides how many bytes of a packet `wire` may see. Time is the file's. It never waits, puts IP fragments together and no TCP, and
//! holds one window of the file, a bounded table of flows and bounded fragments in memory, whatever the file says. The one entry is [`Replay::open`].
//!
//! Files given together are one capture as long as each begins after the last one ended (`tcpdump -C`, `-G`): connections
//! go on from file to file. A file that begins earlier is a capture of its own.

mod container;
mod error;
mod files;
mod flows;
mod fragments;
mod packet;
mod table;
mod window;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::vec;

use apiscope_common::budget::Limits;
use apiscope_wire::{FlowId, Input, Timestamp, Verdict};

use container::{Container, Fault, Frame};
pub use error::{Damage, ReplayError, ReplayNote};
pub use flows::FlowStats;
use flows::{Flows, Seen, Sink};
pub use fragments::FragmentStats;
use fragments::{Datagram, Fragments};
use packet::{Found, TcpPacket, Unread};

/// Notes that are kept; further ones are counted in [`ReplayStats::notes_dropped`].
const NOTES_MAX: usize = 1000;
/// Interfaces of a file that are told apart in notes on unread link types.
const LINKS_MAX: usize = 256;

/// How to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayOptions {
    /// The budget per turn; `None`: every byte of the file.
    pub limits: Option<Limits>,
    /// Flows known at a time.
    pub flows_max: usize,
}

impl Default for ReplayOptions {
    /// As live capture does by default.
    fn default() -> Self {
        Self { limits: Some(Limits::DEFAULT), flows_max: flows::FLOWS_MAX }
    }
}

/// Packets that gave no TCP segment, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnreadStats {
    /// Neither IPv4 nor IPv6.
    pub not_ip: u64,
    /// IP, but not TCP.
    pub not_tcp: u64,
    /// IP fragments that did not complete their datagram; what became of them is in [`ReplayStats::fragments`].
    pub fragments: u64,
    /// Cut before the end of the TCP header when captured.
    pub header_cut: u64,
    /// A header that contradicts itself.
    pub bad_header: u64,
    /// A link type that is not read, or an interface that the file does not describe.
    pub link: u64,
    /// Tunnels or VLAN tags nested too deeply.
    pub too_deep: u64,
}

/// What was read so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplayStats {
    /// Files opened.
    pub files: u64,
    /// Packets.
    pub packets: u64,
    /// Captured bytes of packets, headers and all.
    pub bytes: u64,
    /// TCP segments among the packets.
    pub segments: u64,
    /// Packets shorter in the file than on the wire.
    pub cut: u64,
    /// Segments with urgent data: most servers take its last byte out of the stream (RFC 6093), and it is read here like any other.
    pub urgent: u64,
    /// Packets seen earlier than one before them in the same file.
    pub out_of_time: u64,
    /// Packets that gave no segment.
    pub unread: UnreadStats,
    /// IP fragments.
    pub fragments: FragmentStats,
    /// The flows.
    pub flows: FlowStats,
    /// The earliest packet.
    pub first: Option<Timestamp>,
    /// The latest packet.
    pub last: Option<Timestamp>,
    /// Notes beyond the number that is kept.
    pub notes_dropped: u64,
}

/// Capture files being read.
///
/// Call [`Replay::next_inputs`] until it gives `false`, and [`Replay::apply`] with each verdict as soon as it is there.
pub struct Replay {
    files: vec::IntoIter<PathBuf>,
    open: Option<Open>,
    flows: Flows,
    fragments: Fragments,
    /// Lost fragments that a note has told of.
    fragments_noted: u64,
    stats: ReplayStats,
    notes: Vec<ReplayNote>,
    /// The latest time of the capture that is being read, and the second of its last tick.
    now: Timestamp,
    ticked: Option<u64>,
    finished: bool,
}

/// The file that is being read.
struct Open {
    path: PathBuf,
    container: Container,
    fresh: bool,
    cut: u64,
    urgent: u64,
    /// Packets of unread link types, by interface and link type.
    links: BTreeMap<(u32, Option<u16>), u64>,
}

impl Replay {
    /// Opens capture files, and directories of them, as live capture would see their traffic.
    ///
    /// # Errors
    /// A path that can't be read, a file that is no capture, a directory without one. Nothing was read then.
    pub fn open(paths: &[PathBuf]) -> Result<Self, ReplayError> {
        Self::with_options(paths, ReplayOptions::default())
    }

    /// The same with other options.
    ///
    /// # Errors
    /// As [`Replay::open`].
    pub fn with_options(paths: &[PathBuf], options: ReplayOptions) -> Result<Self, ReplayError> {
        let (files, notes) = files::list(paths)?;
        let mut replay = Self {
            files: files.into_iter(),
            open: None,
            flows: Flows::new(options.flows_max, options.limits),
            fragments: Fragments::default(),
            fragments_noted: 0,
            stats: ReplayStats::default(),
            notes: Vec::new(),
            now: Timestamp::EPOCH,
            ticked: None,
            finished: false,
        };
        for note in notes {
            replay.note(note);
        }
        Ok(replay)
    }

    /// Reads one packet and gives what follows from it: often one input, sometimes none. `false`: everything has been read,
    /// and every flow was closed.
    ///
    /// # Errors
    /// A file that can't be read further. What it gave before stands; called again, it goes on with the next file.
    pub fn next_inputs(&mut self, sink: &mut Sink<'_>) -> Result<bool, ReplayError> {
        let Some(open) = &mut self.open else { return self.next_file(sink) };
        match open.container.next_frame() {
            Ok(Some(frame)) => {
                self.frame(&frame, sink);
                Ok(true)
            }
            Ok(None) => {
                self.close_file();
                Ok(true)
            }
            Err(fault) => self.fault(fault),
        }
    }

    /// Does with a flow what `wire` asks for, from its next turn on.
    pub fn apply(&mut self, flow: FlowId, verdict: Verdict) {
        self.flows.apply(flow, verdict);
    }

    /// What was read so far.
    pub fn stats(&self) -> ReplayStats {
        ReplayStats { flows: self.flows.stats(), fragments: self.fragments.stats(), ..self.stats }
    }

    /// What the reader of the result must know. A file's notes are there when it has been read.
    pub fn notes(&self) -> &[ReplayNote] {
        &self.notes
    }

    fn next_file(&mut self, sink: &mut Sink<'_>) -> Result<bool, ReplayError> {
        let Some(path) = self.files.next() else {
            if !self.finished {
                self.finished = true;
                self.flows.close_all(self.now, sink);
                sink(Input::Tick(self.now));
            }
            return Ok(false);
        };
        let container = files::open(&path)?;
        self.stats.files += 1;
        self.open = Some(Open { path, container, fresh: true, cut: 0, urgent: 0, links: BTreeMap::new() });
        Ok(true)
    }

    fn frame(&mut self, frame: &Frame, sink: &mut Sink<'_>) {
        let at = frame.at.unwrap_or(self.now);
        self.advance(at, sink);
        let Some(open) = &mut self.open else { return };
        let data = open.container.bytes(frame);
        self.stats.packets += 1;
        self.stats.bytes += data.len() as u64;
        let cut = u64::from(data.len() < frame.wire_len);
        self.stats.cut += cut;
        let found = packet::decode(frame, data);
        let mut whole;
        let found = match found {
            Ok(Found::Fragment(fragment)) => {
                whole = self.fragments.take(&fragment, at);
                assembled(&mut whole, &mut self.fragments, at)
            }
            Ok(Found::Tcp(packet)) => Ok(packet),
            Err(unread) => Err(unread),
        };
        match found {
            Ok(packet) => {
                self.stats.segments += 1;
                let urgent = u64::from(packet.urgent && packet.wire_len > 0);
                self.stats.urgent += urgent;
                open.urgent += urgent;
                open.cut += u64::from(packet.data.len() < packet.wire_len as usize);
                let interface = open.container.interface_name(frame.interface);
                self.flows.handle(&packet, Seen { at, interface }, sink);
            }
            Err(unread) => {
                self.stats.unread.count(unread);
                open.unread(unread, frame);
            }
        }
    }

    /// Moves the time on, and begins a new capture where a file goes back in it.
    fn advance(&mut self, at: Timestamp, sink: &mut Sink<'_>) {
        let first_of_file = self.open.as_mut().is_some_and(|open| std::mem::take(&mut open.fresh));
        self.stats.first = Some(self.stats.first.map_or(at, |first| first.min(at)));
        self.stats.last = Some(self.stats.last.map_or(at, |last| last.max(at)));
        if at < self.now {
            if !first_of_file {
                self.stats.out_of_time += 1;
                return;
            }
            self.flows.close_all(self.now, sink);
            self.fragments.clear();
            self.ticked = None;
        }
        self.now = at;
        let second = at.as_nanos() / 1_000_000_000;
        if self.ticked != Some(second) {
            self.ticked = Some(second);
            self.flows.expire(at, sink);
            sink(Input::Tick(at));
        }
    }

    fn fault(&mut self, fault: Fault) -> Result<bool, ReplayError> {
        let Some((path, offset)) = self.open.as_ref().map(|open| (open.path.clone(), open.container.offset())) else {
            return Ok(true);
        };
        self.close_file();
        match fault {
            Fault::Truncated(offset) => self.note(ReplayNote::Truncated { path, offset }),
            Fault::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                self.note(ReplayNote::Truncated { path, offset });
            }
            fault @ (Fault::Io(_) | Fault::Damaged(..)) => return Err(files::failure(&path, fault, offset)),
        }
        Ok(true)
    }

    fn close_file(&mut self) {
        let Some(open) = self.open.take() else { return };
        for note in open.notes() {
            self.note(note);
        }
        if self.files.as_slice().is_empty() {
            self.fragments.clear();
        }
        let lost = self.fragments.stats().lost();
        let packets = lost - std::mem::replace(&mut self.fragments_noted, lost);
        if packets > 0 {
            self.note(ReplayNote::Fragments { path: open.path, packets });
        }
    }

    fn note(&mut self, note: ReplayNote) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(note);
        } else {
            self.stats.notes_dropped += 1;
        }
    }
}

impl Open {
    fn unread(&mut self, unread: Unread, frame: &Frame) {
        match unread {
            Unread::Link => {
                let key = (frame.interface, frame.link);
                if self.links.len() < LINKS_MAX || self.links.contains_key(&key) {
                    *self.links.entry(key).or_default() += 1;
                }
            }
            Unread::Fragment
            | Unread::NotIp
            | Unread::NotTcp
            | Unread::HeaderCut
            | Unread::BadHeader
            | Unread::TooDeep => {}
        }
    }

    fn notes(&self) -> Vec<ReplayNote> {
        let path = || Path::to_path_buf(&self.path);
        let mut notes = Vec::new();
        for (&(number, link), &packets) in &self.links {
            let interface = self.container.interface_name(number).map_or_else(|| number.to_string().into(), Box::from);
            notes.push(ReplayNote::LinkUnsupported { path: path(), interface, link, packets });
        }
        if self.cut > 0 {
            notes.push(ReplayNote::Cut { path: path(), packets: self.cut });
        }
        if self.urgent > 0 {
            notes.push(ReplayNote::Urgent { path: path(), packets: self.urgent });
        }
        notes
    }
}

/// What a datagram that is whole holds. In a tunnel it may be a fragment again.
fn assembled<'d>(
    whole: &'d mut Option<Datagram>,
    fragments: &mut Fragments,
    at: Timestamp,
) -> Result<TcpPacket<'d>, Unread> {
    for _ in 0..packet::TUNNELS_MAX {
        let Some(datagram) = whole.as_ref() else { return Err(Unread::Fragment) };
        let Ok(Found::Fragment(fragment)) = packet::reassembled(datagram) else { break };
        let inner = fragments.take(&fragment, at);
        *whole = inner;
    }
    match packet::reassembled(whole.as_ref().ok_or(Unread::Fragment)?)? {
        Found::Tcp(packet) => Ok(packet),
        Found::Fragment(_) => Err(Unread::TooDeep),
    }
}

impl UnreadStats {
    const fn count(&mut self, unread: Unread) {
        let counter = match unread {
            Unread::NotIp => &mut self.not_ip,
            Unread::NotTcp => &mut self.not_tcp,
            Unread::Fragment => &mut self.fragments,
            Unread::HeaderCut => &mut self.header_cut,
            Unread::BadHeader => &mut self.bad_header,
            Unread::Link => &mut self.link,
            Unread::TooDeep => &mut self.too_deep,
        };
        *counter += 1;
    }
}
