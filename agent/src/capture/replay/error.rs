//! What can go wrong with a capture file, in words for people; and what is only worth a note.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a file could not be read, or not to its end. What was read before stands.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file or directory can't be opened or read.
    #[error("{}: {cause}; check that the path exists and that this user may read it", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The file's first bytes are those of no format that is read here.
    #[error(
        "{}: not a capture file: it begins with {}; pcap and pcapng are read, plain or compressed with gzip or zstd \
         (`editcap -F pcapng IN OUT` converts other formats)",
        path.display(), Magic(*found)
    )]
    NotACapture {
        /// The file.
        path: PathBuf,
        /// Its first bytes (after decompression), and how many there are.
        found: ([u8; 4], usize),
    },
    /// A record contradicts itself: nothing behind it can be trusted.
    #[error(
        "{}: damaged at byte {offset}: {what}; everything before it was read, the rest of the file was not \
         (`editcap` or `pcapfix` may save more)",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the record begins, counted after decompression.
        offset: u64,
        /// What is wrong.
        what: Damage,
    },
    /// The compression is broken.
    #[error(
        "{}: the compressed data is damaged behind byte {offset} of its content: {cause}; everything before it was \
         read (`gzip -t` or `zstd -t` tells more)",
        path.display()
    )]
    Unpacking {
        /// The file.
        path: PathBuf,
        /// Bytes of content that were good.
        offset: u64,
        /// What the decoder said.
        cause: io::Error,
    },
    /// A directory without a single capture file.
    #[error("{}: no capture file in this directory (sub-directories are not searched)", path.display())]
    NoCaptureIn {
        /// The directory.
        path: PathBuf,
    },
}

/// What contradicts itself in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// A record longer than any packet.
    #[error("a record claims {0} bytes, which no packet has")]
    RecordLength(u32),
    /// A block whose length is impossible.
    #[error("a block claims {0} bytes, which its kind can't have")]
    BlockLength(u32),
    /// A block whose content does not fit its length.
    #[error("a block of type {0:#010x} contradicts its own length")]
    BlockContent(u32),
    /// The file header.
    #[error("the file header is not valid")]
    Header,
}

/// Something that the reader of a result must know, but that stops nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplayNote {
    /// The file ends inside a record: its writer was stopped, or the copy is not whole. All before it was read.
    Truncated {
        /// The file.
        path: PathBuf,
        /// Where the cut record begins, counted after decompression.
        offset: u64,
    },
    /// A file of a directory that is no capture.
    NotACapture {
        /// The file.
        path: PathBuf,
    },
    /// Packets of a link type that is not read here.
    LinkUnsupported {
        /// The file.
        path: PathBuf,
        /// The interface's name, or its number in the file.
        interface: Box<str>,
        /// The link type (tcpdump.org/linktypes.html); `None`: the file does not describe the interface.
        link: Option<u16>,
        /// How many packets.
        packets: u64,
    },
    /// Packets that were captured shorter than they were.
    Cut {
        /// The file.
        path: PathBuf,
        /// How many.
        packets: u64,
    },
    /// Segments with urgent data, which servers read differently.
    Urgent {
        /// The file.
        path: PathBuf,
        /// How many.
        packets: u64,
    },
    /// IP fragments that could not be put together.
    Fragments {
        /// The file.
        path: PathBuf,
        /// How many.
        packets: u64,
    },
}

impl fmt::Display for ReplayNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { path, offset } => {
                write!(f, "{}: ends inside the record at byte {offset}; everything before it was read", path.display())
            }
            Self::NotACapture { path } => write!(f, "{}: not a capture file, left out", path.display()),
            Self::LinkUnsupported { path, interface, link: Some(link), packets } => write!(
                f,
                "{}: {packets} packets of interface {interface} were not read: link type {link} is not supported",
                path.display()
            ),
            Self::LinkUnsupported { path, interface, link: None, packets } => write!(
                f,
                "{}: {packets} packets of interface {interface} were not read: the file does not describe that interface",
                path.display()
            ),
            Self::Cut { path, packets } => write!(
                f,
                "{}: {packets} packets were captured without their end; the missing bytes count as skipped \
                 (capture with `tcpdump -s 0` to have them)",
                path.display()
            ),
            Self::Urgent { path, packets } => write!(
                f,
                "{}: {packets} packets carry urgent data, which servers may read otherwise than it is read here",
                path.display()
            ),
            Self::Fragments { path, packets } => {
                write!(
                    f,
                    "{}: {packets} IP fragments were not read: others of their datagrams are missing, or overlap",
                    path.display()
                )
            }
        }
    }
}

struct Magic(([u8; 4], usize));

impl fmt::Display for Magic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, len) = self.0;
        let bytes = bytes.get(..len).unwrap_or_default();
        if bytes.is_empty() {
            return f.write_str("nothing (it is empty)");
        }
        f.write_str("the bytes")?;
        bytes.iter().try_for_each(|byte| write!(f, " {byte:02x}"))
    }
}
