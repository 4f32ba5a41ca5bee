//! What the kernel remembers of a flow: the value of the flow map, and the account of what was not copied.

use crate::budget::Budget;

/// Set in [`Flow::flags`]: [`Way::base`] is known, for both directions.
pub const FLOW_BASE: u8 = 1;
/// Set in [`Flow::flags`]: the other end's socket is on this host and is the one captured; nothing of this one is.
pub const FLOW_TWIN: u8 = 2;
/// Set in [`Flow::flags`]: a record of this flow has been written.
pub const FLOW_TOLD: u8 = 4;
/// Set in [`Way::state`]: [`Way::next`] is known.
pub const WAY_NEXT: u32 = 1;
/// Set in [`Way::state`]: bytes before [`Way::next`] may not have been seen.
pub const WAY_GAP: u32 = 2;

/// The most bytes in one hole. Past it the hole is told and a new one begun, long before its length could wrap.
pub const HOLE_MAX: u32 = 1 << 30;

/// A range of payload that was not copied on purpose. Empty if `len` is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Hole {
    /// Sequence number of its first byte.
    pub from: u32,
    /// Bytes.
    pub len: u32,
}

impl Hole {
    /// This hole with `len` bytes at `from` added; `None` if the two do not make one unbroken range of at most [`HOLE_MAX`]
    /// bytes: then tell this one first. Bytes already in it (a retransmission) change nothing.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a BPF program has no calls to spare: the step must be part of the hook")]
    pub const fn with(self, from: u32, len: u32) -> Option<Self> {
        if self.len == 0 {
            return Some(Self { from, len });
        }
        let offset = from.wrapping_sub(self.from);
        if offset > self.len || len > HOLE_MAX {
            return None;
        }
        let end = offset + len;
        if end <= self.len {
            return Some(self);
        }
        if end > HOLE_MAX {
            return None;
        }
        Some(Self { from: self.from, len: end })
    }
}

/// One direction of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Way {
    /// Sequence number of the first payload byte; valid with [`FLOW_BASE`].
    pub base: u32,
    /// One past the highest payload byte seen; valid with [`WAY_NEXT`].
    pub next: u32,
    /// Skipped since the last record.
    pub hole: Hole,
    /// Lost since the last record.
    pub lost: u32,
    /// [`WAY_NEXT`], [`WAY_GAP`].
    pub state: u32,
}

impl Way {
    /// Takes note of a packet's place. Returns how many of its bytes, the last of them, pass for the first time: 0 for a
    /// retransmission. Where bytes may be missing before others that came (a packet overtook another, or was dropped before it
    /// could be seen), what looks repeated may be what was missing: from then on every byte is taken for a first one.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "see `Hole::with`")]
    pub const fn pass(self, seq: u32, len: u32) -> (Self, u32) {
        let mut way = self;
        let end = seq.wrapping_add(len);
        if len == 0 {
            return (way, 0);
        }
        if way.state & WAY_NEXT == 0 {
            way.state |= WAY_NEXT;
            way.next = end;
            return (way, len);
        }
        if is_after(seq, way.next) {
            way.state |= WAY_GAP;
        }
        let mut fresh = 0;
        if is_after(end, way.next) {
            fresh = end.wrapping_sub(way.next);
            way.next = end;
        }
        let all = way.state & WAY_GAP != 0 || fresh > len;
        (way, if all { len } else { fresh })
    }
}

/// Whether `a` is later than `b` in the circle of sequence numbers.
#[inline(always)]
#[expect(clippy::inline_always, reason = "see `Hole::with`")]
const fn is_after(a: u32, b: u32) -> bool {
    let ahead = a.wrapping_sub(b);
    ahead != 0 && ahead < 1 << 31
}

/// What the kernel remembers of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Flow {
    /// The socket's cgroup v2 id; 0 not asked yet.
    pub cgroup: u64,
    /// In and out, by [`crate::budget::Direction`].
    pub ways: [Way; 2],
    /// What may still be copied.
    pub budget: Budget,
    /// A [`crate::abi::SocketRole`].
    pub role: u8,
    /// [`FLOW_BASE`] and the others.
    pub flags: u8,
    /// Always zero.
    pub pad: [u8; 2],
}

const _: () = assert!(size_of::<Flow>() == 72);

/// The two ends of a connection know the same two numbers: which end is asked does not matter. The client's next sequence
/// number and the server's, at the moment when the connection is established, prove that two sockets are its two ends, even
/// through address translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Pair {
    /// What the client sends next.
    pub client: u32,
    /// What the server sends next.
    pub server: u32,
}

/// Slots of the verdict map: one 64-bit word each, `cookie << 8 | verdict`, at `cookie % VERDICT_SLOTS`. A slot taken by a
/// younger flow is no loss once the older flow has turned: the kernel keeps the verdict in the flow's own entry.
pub const VERDICT_SLOTS: u32 = 16_384;

/// The slot of a flow.
#[inline(always)]
#[expect(
    clippy::inline_always,
    clippy::cast_possible_truncation,
    reason = "see `Hole::with`; the mask is 32 bits wide"
)]
pub const fn verdict_slot(cookie: u64) -> u32 {
    cookie as u32 & (VERDICT_SLOTS - 1)
}

/// The word that says `verdict` for a flow.
#[inline(always)]
#[expect(clippy::inline_always, reason = "see `Hole::with`")]
pub const fn verdict_word(cookie: u64, verdict: u8) -> u64 {
    cookie << 8 | verdict as u64
}

#[cfg(feature = "user")]
mod user {
    // SAFETY: `repr(C)`, made of integers, without padding (the sizes are asserted above), and any bytes are a valid value.
    unsafe impl aya::Pod for super::Flow {}
    // SAFETY: as above.
    unsafe impl aya::Pod for super::Pair {}
    // SAFETY: as above.
    unsafe impl aya::Pod for crate::budget::Limits {}
}

#[cfg(test)]
mod tests {
    use super::{HOLE_MAX, Hole, WAY_NEXT, Way};

    #[test]
    fn a_hole_grows_at_its_end_only() {
        let hole = Hole::default().with(u32::MAX - 9, 10).unwrap();
        assert_eq!(hole, Hole { from: u32::MAX - 9, len: 10 });
        let grown = hole.with(0, 5).unwrap();
        assert_eq!(grown, Hole { from: u32::MAX - 9, len: 15 }, "over the wrap");
        assert_eq!(grown.with(u32::MAX - 9, 10), Some(grown), "a retransmission");
        assert_eq!(grown.with(0, 8).unwrap().len, 18, "a retransmission with more behind it");
        assert_eq!(grown.with(6, 1), None, "a byte is missing between the two");
        assert_eq!(grown.with(u32::MAX - 10, 1), None, "before it");
    }

    #[test]
    fn a_hole_never_wraps() {
        let full = Hole { from: 7, len: HOLE_MAX };
        assert_eq!(full.with(7 + HOLE_MAX, 1), None);
        assert_eq!(full.with(7, HOLE_MAX), Some(full));
        assert_eq!(full.with(7, u32::MAX), None);
    }

    #[test]
    fn a_retransmission_is_not_fresh() {
        let (way, fresh) = Way::default().pass(u32::MAX - 4, 10);
        assert_eq!((fresh, way.next), (10, 5));
        assert_eq!(way.pass(u32::MAX - 4, 10), (way, 0), "all of it again");
        assert_eq!(way.pass(0, 5), (way, 0), "the end of it again");
        assert_eq!(way.pass(0, 8).1, 3, "with more behind it");
        assert_eq!(way.pass(5, 8).1, 8);
        assert_eq!(way.pass(900, 0), (way, 0), "a place without bytes is no news");
    }

    #[test]
    fn behind_a_gap_everything_is_fresh() {
        let (way, _) = Way { next: 100, state: WAY_NEXT, ..Way::default() }.pass(100, 10);
        let (way, fresh) = way.pass(120, 10);
        assert_eq!((fresh, way.next), (10, 130));
        assert_eq!(way.pass(110, 10).1, 10, "what was missing");
        assert_eq!(way.pass(100, 10).1, 10, "may be missing, for all that is known");
    }
}
