//! A message that is not over yet: its bytes so far, in a buffer that is used again.

use crate::http::Odds;
use crate::http::h1::framing::Framing;
use crate::http::h2::Part;
use crate::http::session::Agreed;
use crate::http::units::{UnitKind, Units};
use crate::limits::Limits;
use crate::time::Timestamp;

/// Buffers kept for the next message.
const POOL_MAX: usize = 64;

/// A buffer larger than this is given back to the allocator.
const POOLED_BYTES_MAX: usize = 32 * 1024;

/// What was decided when the head ended.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and all of them combine")]
pub(crate) struct Begun {
    pub(crate) index: u32,
    pub(crate) framing: Framing,
    /// The framing is proven: the request is known that a response answers.
    pub(crate) sure: bool,
    /// The client waits for a 100 (Continue) before it sends the body.
    pub(crate) expects: bool,
    /// Where it ends is in doubt: bytes that say so came in copies that differ.
    pub(crate) doubt: bool,
    /// What the body is made of, as the head says.
    pub(crate) units: UnitKind,
    /// The body is in a content coding.
    pub(crate) is_coded: bool,
    /// What follows the message, if it is the last of HTTP on this connection.
    pub(crate) agreed: Option<Agreed>,
}

/// An unfinished message. While the head is read, `buf` holds the head so far; later the head and the body's prefix.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and all of them combine")]
pub(crate) struct Work {
    pub(crate) buf: Vec<u8>,
    /// The trailer section so far.
    pub(crate) trailers: Vec<u8>,
    /// Where the search for the head's end goes on.
    pub(crate) scan: usize,
    /// Length of the head; 0 while it is not whole.
    pub(crate) head_len: usize,
    /// Bytes of empty lines before the head, not accounted for yet.
    pub(crate) lead: u64,
    /// The first line is whole and plausible.
    pub(crate) line_read: bool,
    /// Time of the first byte.
    pub(crate) began: Timestamp,
    /// Latest time of a byte so far.
    pub(crate) latest: Timestamp,
    pub(crate) begun: Option<Begun>,
    /// Body bytes so far, transfer coding removed, holes included.
    pub(crate) total: u64,
    /// No more of the body is kept.
    pub(crate) cut: bool,
    /// Some of it was missed.
    pub(crate) lost: bool,
    /// Some of it came in copies that differ.
    pub(crate) doubt: bool,
    /// Ambiguities told so far.
    pub(crate) odds: Odds,
    /// What was counted in the body.
    pub(crate) units: Units,
    /// When it was last told that the message runs; the epoch: never.
    pub(crate) told: Timestamp,
    /// How far it was then.
    pub(crate) told_total: u64,
}

impl Work {
    fn clear(&mut self) {
        self.buf.clear();
        self.trailers.clear();
        let (buf, trailers) = (std::mem::take(&mut self.buf), std::mem::take(&mut self.trailers));
        *self = Self { buf, trailers, ..Self::default() };
    }

    fn allocated(&self) -> usize {
        self.buf.capacity() + self.trailers.capacity()
    }

    /// Bytes of a head not accounted for.
    pub(crate) fn undecided(&self) -> u64 {
        self.lead + self.buf.len() as u64
    }
}

/// Unused [`Work`], and the sum of what all buffers hold.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    // Boxed on purpose: an idle flow holds no more than a pointer.
    #[expect(clippy::vec_box, reason = "the boxes are what is used again")]
    free: Vec<Box<Work>>,
    /// Bytes allocated in use.
    pub(crate) allocated: usize,
    #[expect(clippy::vec_box, reason = "see `free`")]
    parts: Vec<Box<Part>>,
}

impl Pool {
    pub(crate) fn take(&mut self) -> Box<Work> {
        let work = self.free.pop().unwrap_or_default();
        self.allocated += work.allocated();
        work
    }

    pub(crate) fn give(&mut self, mut work: Box<Work>) {
        self.release(work.allocated());
        if self.free.len() >= POOL_MAX {
            return;
        }
        work.clear();
        for buf in [&mut work.buf, &mut work.trailers] {
            if buf.capacity() > POOLED_BYTES_MAX {
                *buf = Vec::new();
            }
        }
        self.free.push(work);
    }

    pub(crate) fn take_part(&mut self) -> Box<Part> {
        let part = self.parts.pop().unwrap_or_default();
        self.allocated += part.allocated();
        part
    }

    pub(crate) fn give_part(&mut self, mut part: Box<Part>) {
        self.release(part.allocated());
        if self.parts.len() < POOL_MAX {
            part.clear(POOLED_BYTES_MAX);
            self.parts.push(part);
        }
    }

    /// A buffer of so many bytes that [`Self::append`] has filled is gone.
    pub(crate) fn release(&mut self, bytes: usize) {
        self.allocated = self.allocated.saturating_sub(bytes);
    }

    /// Appends, if the bound on all buffers allows.
    pub(crate) fn append(&mut self, buf: &mut Vec<u8>, bytes: &[u8], limits: &Limits) -> bool {
        let had = buf.capacity();
        if had - buf.len() < bytes.len() {
            let wanted = (buf.len() + bytes.len()).max(had.saturating_mul(2));
            if self.allocated.saturating_add(wanted - had) > limits.buffered_bytes_max {
                return false;
            }
            buf.reserve_exact(wanted - buf.len());
            self.allocated += buf.capacity() - had;
        }
        buf.extend_from_slice(bytes);
        true
    }
}
