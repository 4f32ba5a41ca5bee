//! Where the frames go on behind a hole, if that can be proven.
//!
//! No frame is longer than its receiver has said, so within that many bytes a frame must begin. All places where one may begin are
//! followed from frame to frame. The true one never breaks the rules; those that only look like one, by chance or because somebody has
//! written frames into a body, break them sooner or later, or come upon the true one. When all that are left go on at the same place,
//! that place is proven.

use smallvec::SmallVec;

use super::frame::{HEAD_BYTES, Head};

/// A receiver that takes longer frames than this is not searched for: what is between is too much to follow.
const FRAME_BYTES_MAX: u32 = 1 << 20;

/// Places followed at a time; more are a flood, and nothing is proven.
const CHAINS_MAX: usize = 64;

/// So many frames in a row are followed at least: what are no frames at all must not pass for some.
const LINKS_MIN: u32 = 2;

/// After so many frames of the longest kind there is no proof any more.
const FRAMES_MAX: u64 = 8;

/// The search in one direction, from the end of a hole.
#[derive(Debug)]
pub(crate) struct Search {
    /// The longest frame that may come.
    frame_bytes_max: u64,
    /// The last bytes, for heads that lie across the border of segments.
    carry: SmallVec<[u8; HEAD_BYTES]>,
    /// Bytes since the hole, without those in `carry`.
    at: u64,
    /// Where the next frames of what is followed begin, counted from the hole, and how many came before; no two places alike.
    chains: SmallVec<[(u64, u32); 4]>,
    is_over: bool,
}

impl Search {
    /// The longest frame that the other side has said to take; `None`: what it has said was not seen, and nothing can be proven.
    pub(crate) fn new(frame_bytes_max: Option<u32>) -> Self {
        Self {
            frame_bytes_max: u64::from(frame_bytes_max.unwrap_or_default()),
            carry: SmallVec::new(),
            at: 0,
            chains: SmallVec::new(),
            is_over: frame_bytes_max.is_none_or(|longest| longest > FRAME_BYTES_MAX),
        }
    }

    /// The next bytes: where in them a frame is proven to begin.
    pub(crate) fn bytes(&mut self, data: &[u8]) -> Option<usize> {
        let carried = self.carry.len();
        let across: SmallVec<[u8; 2 * HEAD_BYTES]> =
            self.carry.iter().chain(data.iter().take(HEAD_BYTES - 1)).copied().collect();
        let begun = self.at;
        let first = begun + carried as u64;
        for start in 0..(carried + data.len()).saturating_sub(HEAD_BYTES - 1) {
            if self.is_over {
                return None;
            }
            if let Some(found) = self.proven(first, data.len()) {
                return Some(found);
            }
            self.at = begun + start as u64;
            let head = if start < carried { across.get(start..) } else { data.get(start - carried..) };
            if let Some(head) = head.and_then(|bytes| bytes.first_chunk()) {
                self.place(Head::read(*head));
            }
        }
        let found = self.proven(first, data.len());
        self.keep(data, first);
        found
    }

    /// Where in the next `n` bytes, which begin at `first`, all that is followed goes on.
    fn proven(&self, first: u64, n: usize) -> Option<usize> {
        let [(next, links)] = *self.chains.as_slice() else { return None };
        let is_proven = self.at > self.window() && next > self.at && links >= LINKS_MIN;
        let place = usize::try_from(next.checked_sub(first)?).ok()?;
        (is_proven && place < n).then_some(place)
    }

    /// Within so many bytes a frame must begin.
    fn window(&self) -> u64 {
        self.frame_bytes_max + HEAD_BYTES as u64
    }

    /// A head that may be one begins at `at`.
    fn place(&mut self, head: Head) {
        let followed = self.chains.iter().position(|(next, _)| *next == self.at);
        let links = followed.map(|index| self.chains.swap_remove(index).1);
        if links.is_none() && self.at > self.window() {
            self.is_over |= self.chains.is_empty() || self.at > self.window() * FRAMES_MAX;
            return;
        }
        if !head.is_allowed() || u64::from(head.length) > self.frame_bytes_max {
            return;
        }
        let next = self.at + HEAD_BYTES as u64 + u64::from(head.length);
        let links = links.unwrap_or(0) + 1;
        if let Some((_, before)) = self.chains.iter_mut().find(|(place, _)| *place == next) {
            *before = links.max(*before);
        } else {
            self.is_over |= self.chains.len() >= CHAINS_MAX;
            self.chains.push((next, links));
        }
    }

    /// Remembers the bytes whose head is not whole yet.
    fn keep(&mut self, data: &[u8], first: u64) {
        let end = first + data.len() as u64;
        self.carry.extend(data.iter().copied().skip(data.len().saturating_sub(HEAD_BYTES - 1)));
        let old = self.carry.len().saturating_sub(HEAD_BYTES - 1);
        self.carry.drain(..old);
        self.at = end - self.carry.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: u32 = 16_384;

    fn frame(kind: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, 0], &stream.to_be_bytes(), payload].concat()
    }

    /// Where it is proven, in segments of a size.
    fn found(bytes: &[u8], size: usize) -> Option<usize> {
        let mut search = Search::new(Some(MAX));
        let mut at = 0;
        for part in bytes.chunks(size) {
            if let Some(n) = search.bytes(part) {
                return Some(at + n);
            }
            at += part.len();
        }
        None
    }

    #[test]
    fn behind_a_body_the_frames_are_found_again_in_any_segments() {
        let (rest, data) = (vec![b'x'; 5000], frame(0, 1, &[b'y'; 16_384]));
        let all = [&rest[..], &data, &data, &frame(1, 3, b"block"), &data].concat();
        for size in [1, 7, 1448, 20_000, all.len()] {
            assert_eq!(found(&all, size), Some(rest.len() + 2 * data.len()), "{size}");
        }
    }

    #[test]
    fn frames_inside_a_body_are_not_believed() {
        // A body full of frames that lie: they end where the true frame ends, or go on.
        let lie = [frame(1, 1, b"lie"), frame(0, 1, b"lie")].concat().repeat(600);
        let mut payload = lie[..16_384.min(lie.len())].to_vec();
        payload.resize(16_384, 0);
        let data = frame(0, 1, &payload);
        let all = [&payload[3..], &data, &data, &data, &data].concat();
        let borders: Vec<_> = (0..4).map(|n| payload.len() - 3 + n * data.len()).collect();
        let place = found(&all, 1448);
        assert!(place.is_none_or(|place| borders.contains(&place)), "{place:?}");
    }

    #[test]
    fn noise_proves_nothing_and_ends() {
        let mut state = 1_u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .take(400_000)
        .collect();
        assert_eq!(found(&noise, 1448), None);
        assert_eq!(found(&vec![0; 400_000], 1448), None);
        let mut search = Search::new(Some(MAX));
        noise.chunks(1448).for_each(|part| assert_eq!(search.bytes(part), None));
        assert!(search.is_over);
    }
}
