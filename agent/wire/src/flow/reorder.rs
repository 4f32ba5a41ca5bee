//! What came before its turn: pieces of a stream, sorted, without overlap, the first copy kept.

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

    /// Whether `other`, which begins at `at`, has other bytes than this chunk where both have bytes.
    fn conflicts(&self, at: u64, other: Piece<'_>) -> bool {
        let (Held::Bytes(mine), Piece::Bytes(theirs)) = (&self.held, other) else { return false };
        let from = at.max(self.pos);
        let mine = mine.get(to_usize(from - self.pos)..).unwrap_or_default();
        let theirs = theirs.get(to_usize(from - at)..).unwrap_or_default();
        mine.iter().zip(theirs).any(|(a, b)| a != b)
    }
}

/// The pieces of one direction that wait for what is missing before them.
#[derive(Debug, Default)]
pub(crate) struct Reorder {
    chunks: VecDeque<Chunk>,
    allocated: usize,
}

/// What an insertion did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Inserted {
    /// Bytes that were there already.
    pub(crate) duplicate: u64,
    /// Of those, some differ from the first copy.
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

    /// The first piece, if it begins at or before `next`.
    pub(crate) fn pop_at(&mut self, next: u64) -> Option<Chunk> {
        if self.first()? > next {
            return None;
        }
        let chunk = self.chunks.pop_front()?;
        self.allocated -= chunk.allocated();
        Some(chunk)
    }

    /// Keeps those parts of `piece` that no piece covers yet.
    pub(crate) fn insert(&mut self, pos: u64, piece: Piece<'_>, fresh: Fresh, at: Timestamp) -> Inserted {
        let mut done = Inserted::default();
        let end = pos.saturating_add(piece.len());
        let mut from = pos;
        let mut index = self.chunks.partition_point(|chunk| chunk.end() <= pos);
        while from < end {
            let fresh = if from == pos { fresh } else { Fresh::No };
            let Some(chunk) = self.chunks.get(index) else {
                self.place(index, from, piece.part(from - pos, end - from), fresh, at);
                break;
            };
            if from < chunk.pos {
                let until = chunk.pos.min(end);
                if self.place(index, from, piece.part(from - pos, until - from), fresh, at) {
                    index += 1;
                }
                from = until;
            } else {
                done.conflict |= chunk.conflicts(pos, piece);
                done.duplicate += chunk.end().min(end) - from;
                from = chunk.end();
                index += 1;
            }
        }
        done
    }

    /// Puts a piece before `index`; whether it became a chunk of its own.
    fn place(&mut self, index: usize, pos: u64, piece: Piece<'_>, fresh: Fresh, at: Timestamp) -> bool {
        if let Some(before) = index.checked_sub(1).and_then(|before| self.chunks.get_mut(before))
            && before.end() == pos
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
        let chunk = Chunk { pos, fresh, at, held };
        self.allocated += chunk.allocated();
        self.chunks.insert(index.min(self.chunks.len()), chunk);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(mut reorder: Reorder, from: u64) -> Vec<u8> {
        let mut out = Vec::new();
        let mut next = from;
        while let Some(chunk) = reorder.pop_at(next) {
            if let Piece::Bytes(bytes) = chunk.piece() {
                out.extend_from_slice(bytes);
            }
            next = chunk.end();
        }
        assert!(reorder.is_empty());
        assert_eq!(reorder.allocated(), 0);
        out
    }

    #[test]
    fn first_copy_wins_and_fills_the_holes() {
        let mut reorder = Reorder::default();
        reorder.insert(12, Piece::Bytes(b"cd"), Fresh::No, Timestamp::EPOCH);
        reorder.insert(16, Piece::Bytes(b"gh"), Fresh::No, Timestamp::EPOCH);
        let done = reorder.insert(10, Piece::Bytes(b"abXdefgY"), Fresh::No, Timestamp::EPOCH);
        assert_eq!(done.duplicate, 4);
        assert!(done.conflict);
        assert_eq!(drain(reorder, 10), b"abcdefgh");
    }

    #[test]
    fn equal_bytes_are_no_conflict() {
        let mut reorder = Reorder::default();
        reorder.insert(10, Piece::Bytes(b"abcd"), Fresh::No, Timestamp::EPOCH);
        let done = reorder.insert(11, Piece::Bytes(b"bc"), Fresh::No, Timestamp::EPOCH);
        assert_eq!((done.duplicate, done.conflict), (2, false));
        assert_eq!(drain(reorder, 10), b"abcd");
    }

    #[test]
    fn single_bytes_are_one_chunk() {
        let mut reorder = Reorder::default();
        for pos in 0..1000 {
            reorder.insert(pos, Piece::Bytes(b"x"), Fresh::No, Timestamp::EPOCH);
        }
        assert_eq!(reorder.chunks(), 1);
    }
}
