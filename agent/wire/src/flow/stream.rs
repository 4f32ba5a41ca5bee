//! One direction of a connection: sequence numbers become offsets in a stream that never wraps.

use crate::flow::reorder::Reorder;
use crate::input::Seq;
use crate::seldom::{Seldom, Unset};
use crate::time::Timestamp;

/// Offset of the first byte known: leaves room below for what a late join sees out of order.
pub(crate) const BASE: u64 = 1 << 32;

/// No window is larger (RFC 7323 §2.3): what is further off is not of this connection.
const WINDOW_MAX: u32 = 1 << 30;

/// So far below the first byte seen of a stream joined late, bytes are taken for reordered ones.
pub(crate) const BELOW_MAX: u64 = 16 << 20;

/// A connection that begins anew within this distance of the old one's stream can't be told from an old packet.
const REOPEN_DISTANCE: u32 = 1 << 20;

/// One direction.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and all of them combine")]
pub(crate) struct Stream {
    /// Offset of the next byte to be read.
    pub(crate) next: u64,
    /// Offset of the end, known from the FIN; `u64::MAX` unknown.
    pub(crate) fin: u64,
    /// Where the side's present turn began, as far as its bytes were seen.
    pub(crate) turn_start: u64,
    /// What waits behind a gap.
    pub(crate) reorder: Option<Box<Reorder>>,
    /// What most streams never need.
    pub(crate) rare: Seldom<Rare>,
    /// Sequence number of the byte at `next`.
    seq: u32,
    /// `seq` and `next` mean something.
    based: bool,
    /// Its beginning was seen.
    pub(crate) opened: bool,
    /// Its end was reached and told.
    pub(crate) ended: bool,
    /// A conflict was counted.
    conflicted: bool,
}

/// What is needed only where something went wrong or came late.
#[derive(Debug)]
pub(crate) struct Rare {
    /// Lowest offset accounted for; below [`BASE`] only in a stream joined late.
    pub(crate) lowest: u64,
    /// Bytes known to be lost in the ring and not yet found as a gap.
    pub(crate) ring_lost: u64,
    /// Bytes given up as lost for which no loss in the ring was known then.
    pub(crate) unexplained: u64,
    /// When the FIN was seen, if something is missing before it.
    pub(crate) fin_at: Timestamp,
    /// Another `Open` came with this number: a new connection, if data follows there.
    reopen: Option<u32>,
}

impl Unset for Rare {
    const UNSET: &'static Self = &Self::unset();

    fn unset() -> Self {
        Self::unset()
    }
}

impl Rare {
    const fn unset() -> Self {
        Self { lowest: BASE, ring_lost: 0, unexplained: 0, fin_at: Timestamp::EPOCH, reopen: None }
    }
}

/// Where a segment lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// At this offset, at most a window away.
    At(u64),
    /// Too far away.
    Far,
    /// In a new connection on the same flow, which begins here.
    Anew(Seq),
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            next: BASE,
            fin: u64::MAX,
            turn_start: BASE,
            reorder: None,
            rare: Seldom::default(),
            seq: 0,
            based: false,
            opened: false,
            ended: false,
            conflicted: false,
        }
    }
}

impl Stream {
    /// Its beginning was seen at `seq`.
    pub(crate) fn open(&mut self, seq: Seq) {
        if !self.based {
            self.seq = seq.0;
            self.based = true;
            self.opened = true;
        } else if self.seq == seq.0 && self.next == BASE {
            self.opened = true;
        } else if self.distance(seq) > REOPEN_DISTANCE {
            self.rare.reopen = Some(seq.0);
        }
    }

    /// Where `seq` lies. The first segment ever sets the base.
    pub(crate) fn place(&mut self, seq: Seq) -> Place {
        if !self.based {
            self.seq = seq.0;
            self.based = true;
        }
        if let Some(first) = self.rare.reopen
            && seq.0.wrapping_sub(first) < REOPEN_DISTANCE
        {
            return Place::Anew(Seq(first));
        }
        let ahead = seq.0.wrapping_sub(self.seq);
        let behind = self.seq.wrapping_sub(seq.0);
        if ahead < WINDOW_MAX {
            Place::At(self.next.saturating_add(u64::from(ahead)))
        } else if behind < WINDOW_MAX {
            Place::At(self.next.saturating_sub(u64::from(behind)))
        } else {
            Place::Far
        }
    }

    fn distance(&self, seq: Seq) -> u32 {
        seq.0.wrapping_sub(self.seq).min(self.seq.wrapping_sub(seq.0))
    }

    /// The number of the `Open` that may begin a new connection.
    pub(crate) fn reopened_at(&self) -> Option<Seq> {
        self.rare.reopen.map(Seq)
    }

    /// Whether any segment or `Open` was seen.
    pub(crate) fn is_based(&self) -> bool {
        self.based
    }

    /// The bytes up to `next + n` have been read or given up.
    pub(crate) fn advance(&mut self, n: u64) {
        self.next = self.next.saturating_add(n);
        // The sequence number is the offset modulo 2^32, by definition.
        self.seq = self.seq.wrapping_add(low_half(n));
        if self.rare.reopen.is_some() {
            self.rare.reopen = None;
        }
    }

    /// Whether something is known to be missing at `next`.
    pub(crate) fn has_gap(&self) -> bool {
        self.reorder.is_some() || (self.fin != u64::MAX && self.fin > self.next)
    }

    /// Where the last byte seen ends.
    pub(crate) fn seen_end(&self) -> u64 {
        self.reorder.as_ref().and_then(|reorder| reorder.end()).unwrap_or(self.next)
    }

    /// Since when the gap at `next` has been known.
    pub(crate) fn gap_since(&self) -> Timestamp {
        self.reorder.as_ref().and_then(|reorder| reorder.first_at()).unwrap_or(self.rare.fin_at)
    }

    /// How long the gap at `next` is.
    pub(crate) fn gap(&self) -> Option<u64> {
        let until = self.reorder.as_ref().and_then(|reorder| reorder.first());
        let until = until.or(if self.fin == u64::MAX { None } else { Some(self.fin) })?;
        until.checked_sub(self.next).filter(|n| *n > 0)
    }

    /// Two copies of bytes differ: whether for the first time.
    pub(crate) fn conflict(&mut self) -> bool {
        !std::mem::replace(&mut self.conflicted, true)
    }
}

fn low_half(n: u64) -> u32 {
    u32::try_from(n & u64::from(u32::MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_wrap_and_offsets_do_not() {
        let mut stream = Stream::default();
        stream.open(Seq(u32::MAX - 1));
        stream.advance(4);
        assert_eq!(stream.place(Seq(2)), Place::At(BASE + 4));
        assert_eq!(stream.place(Seq(u32::MAX)), Place::At(BASE + 1));
        assert_eq!(stream.place(Seq(0x8000_0000)), Place::Far);
    }

    #[test]
    fn a_repeated_open_changes_nothing() {
        let mut stream = Stream::default();
        stream.open(Seq(7));
        stream.advance(3);
        stream.open(Seq(7));
        assert_eq!(stream.place(Seq(10)), Place::At(BASE + 3));
        stream.open(Seq(0x4000_0000));
        assert_eq!(stream.place(Seq(10)), Place::At(BASE + 3));
        assert_eq!(stream.place(Seq(0x4000_0000)), Place::Anew(Seq(0x4000_0000)));
    }
}
