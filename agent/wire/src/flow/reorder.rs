//! What came before its turn: pieces of a stream, sorted by beginning and by end.
//!
//! Which copy counts where copies differ is the receiver's to decide, and nobody else knows: Linux drops a piece that waits
//! when one comes that covers it, reads what begins first where two overlap in part, and decides by how it has joined pieces in
//! memory otherwise (`tcp_data_queue_ofo`). That is followed as far as it can be, and a piece with bytes in doubt says so, so that
//! no message that is made of it is taken for proven.

use std::collections::VecDeque;

use crate::http::Fresh;
use crate::time::Timestamp;

/// Bytes of a piece shorter than this are appended to the piece before them; a message start is never that short.
const COALESCE_BELOW: usize = 12;

/// What a piece of a stream is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Piece<'a> {
    /// Bytes.
    Bytes(&'a [u8]),
    /// Bytes that were not copied on purpose.
    Skipped(u64),
    /// Bytes that nobody will read: only their number counts.
    Unread(u64),
}

impl Piece<'_> {
    pub(crate) fn len(self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Skipped(n) | Self::Unread(n) => n,
        }
    }

    /// From `skip` on, at most `take` long.
    pub(crate) fn part(self, skip: u64, take: u64) -> Self {
        let left = self.len().saturating_sub(skip).min(take);
        match self {
            Self::Bytes(bytes) => {
                let bytes = bytes.get(to_usize(skip)..).unwrap_or_default();
                Self::Bytes(bytes.get(..to_usize(left)).unwrap_or(bytes))
            }
            Self::Skipped(_) => Self::Skipped(left),
            Self::Unread(_) => Self::Unread(left),
        }
    }
}

/// A stream offset as a length in memory; saturates, which no length of ours reaches.
pub(crate) fn to_usize(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

#[derive(Debug)]
enum Held {
    Bytes(Vec<u8>),
    Skipped(u64),
    Unread(u64),
}

/// A piece that waits.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// Stream offset of its first byte.
    pub(crate) pos: u64,
    /// A message may be taken to start at its first byte: see [`crate::flow`].
    pub(crate) fresh: Fresh,
    /// When it was seen.
    pub(crate) at: Timestamp,
    /// Some of its bytes came in copies that differ.
    pub(crate) doubt: bool,
    held: Held,
}

impl Chunk {
    pub(crate) fn piece(&self) -> Piece<'_> {
        match &self.held {
            Held::Bytes(bytes) => Piece::Bytes(bytes),
            Held::Skipped(n) => Piece::Skipped(*n),
            Held::Unread(n) => Piece::Unread(*n),
        }
    }

    fn end(&self) -> u64 {
        self.pos.saturating_add(self.piece().len())
    }

    /// Bytes of memory that it holds.
    pub(crate) fn allocated(&self) -> usize {
        match &self.held {
            Held::Bytes(bytes) => bytes.capacity(),
            Held::Skipped(_) | Held::Unread(_) => 0,
        }
    }

    /// How many bytes it shares with `other`, which begins at `at`, and whether any of them differ.
    fn meet(&self, at: u64, other: Piece<'_>) -> (u64, bool) {
        let from = at.max(self.pos);
        let both = self.end().min(at.saturating_add(other.len())).saturating_sub(from);
        let mine = self.piece().part(from - self.pos, both);
        let theirs = other.part(from - at, both);
        (both, matches!((mine, theirs), (Piece::Bytes(mine), Piece::Bytes(theirs)) if mine != theirs))
    }
}

/// The pieces of one direction that wait for what is missing before them.
#[derive(Debug, Default)]
pub(crate) struct Reorder {
    chunks: VecDeque<Chunk>,
    allocated: usize,
}

/// What a piece has in common with those that wait.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Met {
    /// Bytes that were there already.
    pub(crate) duplicate: u64,
    /// Of those, some differ.
    pub(crate) conflict: bool,
}

impl Reorder {
    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    pub(crate) fn chunks(&self) -> usize {
        self.chunks.len()
    }

    /// Bytes of memory that the chunks hold.
    pub(crate) fn allocated(&self) -> usize {
        self.allocated
    }

    /// Where the first piece begins.
    pub(crate) fn first(&self) -> Option<u64> {
        self.chunks.front().map(|chunk| chunk.pos)
    }

    /// When the first piece was seen.
    pub(crate) fn first_at(&self) -> Option<Timestamp> {
        self.chunks.front().map(|chunk| chunk.at)
    }

    /// Where the last piece ends.
    pub(crate) fn end(&self) -> Option<u64> {
        self.chunks.back().map(Chunk::end)
    }

    /// The first piece, if it begins at or before `next`; and how much of it lies before.
    pub(crate) fn pop_at(&mut self, next: u64) -> Option<(Chunk, u64)> {
        let behind = next.checked_sub(self.first()?)?;
        let chunk = self.chunks.pop_front()?;
        self.allocated -= chunk.allocated();
        Some((chunk, behind))
    }

    /// Compares a piece with those that wait, which then are in doubt where they differ.
    pub(crate) fn meet(&mut self, pos: u64, piece: Piece<'_>) -> Met {
        let end = pos.saturating_add(piece.len());
        let (mut met, mut counted) = (Met::default(), pos);
        let first = self.chunks.partition_point(|chunk| chunk.end() <= pos);
        for chunk in self.chunks.range_mut(first..).take_while(|chunk| chunk.pos < end) {
            let (both, conflict) = chunk.meet(pos, piece);
            let until = chunk.pos.max(pos) + both;
            // Those that wait may overlap too.
            met.duplicate += until.saturating_sub(chunk.pos.max(counted));
            counted = counted.max(until);
            met.conflict |= conflict;
            chunk.doubt |= conflict;
        }
        met
    }

    /// How far bytes at `pos` are as sure as the first of them, and whether that is in doubt.
    pub(crate) fn doubt_at(&self, pos: u64) -> (u64, bool) {
        let from = self.chunks.partition_point(|chunk| chunk.end() <= pos);
        match self.chunks.get(from) {
            Some(chunk) if chunk.pos <= pos => (chunk.end(), chunk.doubt),
            Some(chunk) => (chunk.pos, false),
            None => (u64::MAX, false),
        }
    }

    /// Keeps what nothing covers of a piece; where copies differ, all of it, as Linux does.
    pub(crate) fn insert(&mut self, pos: u64, piece: Piece<'_>, fresh: Fresh, at: Timestamp) -> Met {
        let met = self.meet(pos, piece);
        if met.conflict {
            self.keep(pos, piece, fresh, at);
        } else {
            self.fill(pos, piece, fresh, at);
        }
        met
    }

    fn keep(&mut self, pos: u64, piece: Piece<'_>, fresh: Fresh, at: Timestamp) {
        let end = pos.saturating_add(piece.len());
        let after = self.chunks.partition_point(|chunk| chunk.pos <= pos);
        let before = after.checked_sub(1).and_then(|before| self.chunks.get(before));
        if before.is_some_and(|before| before.end() >= end) {
            return;
        }
        let from = self.chunks.partition_point(|chunk| chunk.pos < pos);
        let until = self.chunks.partition_point(|chunk| chunk.end() <= end).max(from);
        let covered: usize = self.chunks.drain(from..until).map(|chunk| chunk.allocated()).sum();
        self.allocated -= covered;
        self.place(from, pos, piece, fresh, at, true);
    }

    /// Keeps those parts of `piece` that no piece covers yet.
    fn fill(&mut self, pos: u64, piece: Piece<'_>, fresh: Fresh, at: Timestamp) {
        let end = pos.saturating_add(piece.len());
        let mut from = pos;
        let mut index = self.chunks.partition_point(|chunk| chunk.end() <= pos);
        while from < end {
            let fresh = if from == pos { fresh } else { Fresh::No };
            let Some(chunk) = self.chunks.get(index) else {
                self.place(index, from, piece.part(from - pos, end - from), fresh, at, false);
                break;
            };
            if from < chunk.pos {
                let until = chunk.pos.min(end);
                if self.place(index, from, piece.part(from - pos, until - from), fresh, at, false) {
                    index += 1;
                }
                from = until;
            } else {
                from = from.max(chunk.end());
                index += 1;
            }
        }
    }

    /// Puts a piece before `index`; whether it became a chunk of its own.
    fn place(&mut self, index: usize, pos: u64, piece: Piece<'_>, fresh: Fresh, at: Timestamp, doubt: bool) -> bool {
        if let Some(before) = index.checked_sub(1).and_then(|before| self.chunks.get_mut(before))
            && before.end() == pos
            && before.doubt == doubt
        {
            match (&mut before.held, piece) {
                (Held::Skipped(n), Piece::Skipped(more)) | (Held::Unread(n), Piece::Unread(more)) => {
                    *n += more;
                    return false;
                }
                (Held::Bytes(bytes), Piece::Bytes(more)) if more.len() < COALESCE_BELOW && fresh != Fresh::Turn => {
                    let capacity = bytes.capacity();
                    bytes.extend_from_slice(more);
                    self.allocated += bytes.capacity() - capacity;
                    return false;
                }
                _ => {}
            }
        }
        let held = match piece {
            Piece::Bytes(bytes) => Held::Bytes(bytes.to_vec()),
            Piece::Skipped(n) => Held::Skipped(n),
            Piece::Unread(n) => Held::Unread(n),
        };
        let chunk = Chunk { pos, fresh, at, doubt, held };
        self.allocated += chunk.allocated();
        self.chunks.insert(index.min(self.chunks.len()), chunk);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of it, and whether it is in doubt, piece by piece.
    fn drain(mut reorder: Reorder, from: u64) -> (String, Vec<bool>) {
        let (mut out, mut doubts) = (String::new(), Vec::new());
        let mut next = from;
        while let Some((chunk, behind)) = reorder.pop_at(next) {
            if let Piece::Bytes(bytes) = chunk.piece().part(behind, u64::MAX) {
                out.push_str(std::str::from_utf8(bytes).unwrap());
            }
            doubts.push(chunk.doubt);
            next = chunk.end().max(next);
        }
        assert!(reorder.is_empty());
        assert_eq!(reorder.allocated(), 0);
        (out, doubts)
    }

    fn put(reorder: &mut Reorder, pos: u64, text: &str) -> (u64, bool) {
        let met = reorder.insert(pos, Piece::Bytes(text.as_bytes()), Fresh::No, Timestamp::EPOCH);
        (met.duplicate, met.conflict)
    }

    #[test]
    fn of_copies_that_differ_the_one_that_linux_reads_counts_in_doubt() {
        let waiting = |pos: u64, text: &str| {
            let mut reorder = Reorder::default();
            put(&mut reorder, 12, "cd");
            put(&mut reorder, 16, "gh");
            (put(&mut reorder, pos, text), drain(reorder, 12))
        };
        let (f, t) = (false, true);
        assert_eq!(waiting(10, "abXdefYh"), ((4, t), ("Xdef".to_owned() + "Yh", vec![t])), "what covers");
        assert_eq!(waiting(12, "XdefY"), ((3, t), ("XdefYh".to_owned(), vec![t, t])), "what begins first");
        assert_eq!(waiting(13, "XefY"), ((2, t), ("cdefYh".to_owned(), vec![t, t, t])), "what begins first");
        assert_eq!(waiting(14, "ef"), ((0, f), ("cdefgh".to_owned(), vec![f, f])), "nothing in common");
        let mut reorder = Reorder::default();
        put(&mut reorder, 12, "cd");
        assert_eq!(
            (put(&mut reorder, 12, "XY"), drain(reorder, 12)),
            ((2, t), ("cd".to_owned(), vec![t])),
            "the first"
        );
    }

    #[test]
    fn equal_bytes_are_no_conflict() {
        let mut reorder = Reorder::default();
        put(&mut reorder, 10, "abcd");
        assert_eq!(put(&mut reorder, 11, "bc"), (2, false));
        assert_eq!(put(&mut reorder, 9, "Xabcde"), (4, false));
        assert_eq!(drain(reorder, 9), ("Xabcde".to_owned(), vec![false; 2]));
    }

    #[test]
    fn what_was_passed_over_never_hides_bytes() {
        let mut reorder = Reorder::default();
        put(&mut reorder, 12, "cd");
        let met = reorder.insert(10, Piece::Skipped(6), Fresh::No, Timestamp::EPOCH);
        assert_eq!((met.duplicate, met.conflict, reorder.chunks()), (2, false, 3));
        assert_eq!(drain(reorder, 10).0, "cd");
    }

    #[test]
    fn single_bytes_are_one_chunk() {
        let mut reorder = Reorder::default();
        for pos in 0..1000 {
            put(&mut reorder, pos, "x");
        }
        assert_eq!(reorder.chunks(), 1);
    }
}
