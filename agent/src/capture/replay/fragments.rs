//! IP fragments put together (RFC 791 §3.2, RFC 8200 §4.5), within bounds of bytes, datagrams, pieces and time.
//!
//! A datagram in which two fragments overlap is refused as a whole (RFC 5722): hosts disagree on which copy counts. The same
//! fragment a second time is none: a file often holds a packet twice. Time is the packets' own.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use apiscope_wire::Timestamp;

/// How long a datagram waits for its missing fragments; Linux waits 30 s for IPv4, 60 s for IPv6.
const WAIT: Duration = Duration::from_secs(30);
/// Datagrams that wait at a time.
const DATAGRAMS_MAX: usize = 1024;
/// Bytes that wait in all.
const BYTES_MAX: usize = 8 << 20;
/// Fragments of one datagram: 64 KiB over the smallest packets that are in use have some 130.
const PIECES_MAX: usize = 256;
/// The longest datagram.
const DATAGRAM_BYTES_MAX: u32 = 65_535;

/// What the fragments of a datagram have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) id: u32,
    /// Of IPv4 the protocol; of IPv6 0, for the first fragment alone says it.
    pub(super) protocol: u8,
}

/// A fragment as captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fragment<'a> {
    pub(super) key: Key,
    /// What the datagram carries; of IPv6 only the first fragment is believed.
    pub(super) protocol: u8,
    /// Where in the datagram it begins.
    pub(super) offset: u32,
    /// There are others behind it.
    pub(super) more: bool,
    /// What was captured of it, and its length on the wire.
    pub(super) data: &'a [u8],
    pub(super) wire_len: u32,
    /// Tunnels around it.
    pub(super) tunnels: usize,
}

/// A datagram put together.
#[derive(Debug)]
pub(super) struct Datagram {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: u8,
    /// Its bytes up to the first that was not captured.
    pub(super) data: Vec<u8>,
    pub(super) wire_len: usize,
    pub(super) tunnels: usize,
}

/// What became of fragments, in numbers. All only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FragmentStats {
    /// Datagrams put together.
    pub whole: u64,
    /// Fragments that were there already.
    pub repeated: u64,
    /// Fragments of datagrams given up because one was missing for too long, or at the end.
    pub incomplete: u64,
    /// Fragments of datagrams refused because two of them overlapped, or contradicted each other.
    pub refused: u64,
    /// Fragments of datagrams given up because too many, or too many bytes, waited.
    pub evicted: u64,
}

impl FragmentStats {
    /// Fragments that became part of nothing.
    pub(super) const fn lost(&self) -> u64 {
        self.incomplete + self.refused + self.evicted
    }
}

/// One that waits.
#[derive(Debug)]
struct Waiting {
    begun: Timestamp,
    /// In the order of their offsets, without overlap.
    pieces: Vec<Piece>,
    /// Known from the fragment behind which there is none.
    len: Option<u32>,
    protocol: u8,
    tunnels: usize,
}

#[derive(Debug)]
struct Piece {
    offset: u32,
    wire_len: u32,
    data: Vec<u8>,
}

impl Piece {
    const fn end(&self) -> u32 {
        self.offset + self.wire_len
    }
}

/// What a fragment did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Put {
    New,
    Repeated,
    Refused,
}

/// The datagrams that wait for fragments.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    waiting: BTreeMap<Key, Waiting>,
    /// In the order in which they began; some may have gone since.
    order: VecDeque<(Timestamp, Key)>,
    bytes: usize,
    stats: FragmentStats,
}

impl Fragments {
    /// The numbers so far.
    pub(super) const fn stats(&self) -> FragmentStats {
        self.stats
    }

    /// Takes a fragment; gives the datagram that it completes.
    pub(super) fn take(&mut self, fragment: &Fragment<'_>, at: Timestamp) -> Option<Datagram> {
        self.expire(at);
        let end = fragment.offset.saturating_add(fragment.wire_len);
        // All but the last are multiples of eight bytes long, or the next could not begin where it does.
        let odd = fragment.more && !fragment.wire_len.is_multiple_of(8);
        if fragment.wire_len == 0 || end > DATAGRAM_BYTES_MAX || odd {
            self.stats.refused += 1;
            return None;
        }
        self.make_room(fragment);
        if !self.waiting.contains_key(&fragment.key) {
            self.order.push_back((at, fragment.key));
        }
        let waiting = self.waiting.entry(fragment.key).or_insert_with(|| Waiting::new(fragment, at));
        match waiting.put(fragment) {
            Put::New => self.bytes += fragment.data.len(),
            Put::Repeated => self.stats.repeated += 1,
            Put::Refused => {
                self.stats.refused += 1 + self.remove(&fragment.key);
                return None;
            }
        }
        if self.waiting.get(&fragment.key).is_some_and(Waiting::is_whole) {
            let waiting = self.forget(&fragment.key)?;
            self.stats.whole += 1;
            return Some(waiting.join(&fragment.key));
        }
        None
    }

    /// Gives up what waits for too long.
    fn expire(&mut self, now: Timestamp) {
        while let Some((begun, key)) = self.order.front().copied()
            && now.since(begun) >= WAIT
        {
            self.order.pop_front();
            if self.waiting.get(&key).is_some_and(|waiting| waiting.begun == begun) {
                self.stats.incomplete += self.remove(&key);
            }
        }
    }

    /// Gives up the oldest while there is no room.
    fn make_room(&mut self, fragment: &Fragment<'_>) {
        let new = !self.waiting.contains_key(&fragment.key);
        while (new && self.waiting.len() >= DATAGRAMS_MAX) || self.bytes + fragment.data.len() > BYTES_MAX {
            let Some((begun, key)) = self.order.pop_front() else { return };
            if self.waiting.get(&key).is_some_and(|waiting| waiting.begun == begun) {
                self.stats.evicted += self.remove(&key);
            }
        }
        // Entries of datagrams that are whole stay in the queue: so it has a bound of its own.
        while self.order.len() > 2 * DATAGRAMS_MAX {
            self.order.retain(|(begun, key)| self.waiting.get(key).is_some_and(|waiting| waiting.begun == *begun));
        }
    }

    /// Gives up everything.
    pub(super) fn clear(&mut self) {
        while let Some((key, _)) = self.waiting.first_key_value() {
            let key = *key;
            self.stats.incomplete += self.remove(&key);
        }
        self.order.clear();
    }

    /// Forgets a datagram; how many fragments it had.
    fn remove(&mut self, key: &Key) -> u64 {
        self.forget(key).map_or(0, |waiting| waiting.pieces.len() as u64)
    }

    fn forget(&mut self, key: &Key) -> Option<Waiting> {
        let waiting = self.waiting.remove(key)?;
        self.bytes -= waiting.pieces.iter().map(|piece| piece.data.len()).sum::<usize>();
        Some(waiting)
    }
}

impl Waiting {
    const fn new(fragment: &Fragment<'_>, begun: Timestamp) -> Self {
        Self { begun, pieces: Vec::new(), len: None, protocol: fragment.protocol, tunnels: fragment.tunnels }
    }

    fn put(&mut self, fragment: &Fragment<'_>) -> Put {
        let Fragment { offset, wire_len, .. } = *fragment;
        let end = offset + wire_len;
        let index = self.pieces.partition_point(|piece| piece.offset < offset);
        if let Some(same) = self.pieces.get(index).filter(|piece| piece.offset == offset) {
            let known = same.data.iter().zip(fragment.data).all(|(a, b)| a == b);
            return if same.wire_len == wire_len && known { Put::Repeated } else { Put::Refused };
        }
        let before = index.checked_sub(1).and_then(|before| self.pieces.get(before)).map_or(0, Piece::end);
        let after = self.pieces.get(index).map_or(u32::MAX, |piece| piece.offset);
        let last = self.pieces.last().map_or(0, Piece::end);
        let past_the_end = self.len.is_some_and(|len| end > len) || (!fragment.more && end < last);
        if before > offset || end > after || past_the_end || self.pieces.len() >= PIECES_MAX {
            return Put::Refused;
        }
        if !fragment.more {
            self.len = Some(end);
        }
        if offset == 0 {
            self.protocol = fragment.protocol;
        }
        self.pieces.insert(index, Piece { offset, wire_len, data: fragment.data.to_vec() });
        Put::New
    }

    fn is_whole(&self) -> bool {
        let sum: u32 = self.pieces.iter().map(|piece| piece.wire_len).sum();
        self.len == Some(sum)
    }

    fn join(self, key: &Key) -> Datagram {
        let mut data = Vec::with_capacity(self.len.unwrap_or_default() as usize);
        for piece in &self.pieces {
            data.extend_from_slice(&piece.data);
            if piece.data.len() < piece.wire_len as usize {
                break;
            }
        }
        Datagram {
            source: key.source,
            destination: key.destination,
            protocol: self.protocol,
            data,
            wire_len: self.len.unwrap_or_default() as usize,
            tunnels: self.tunnels,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fragment(id: u32, offset: u32, data: &[u8], more: bool) -> Fragment<'_> {
        let ip = IpAddr::from([10, 0, 0, 1]);
        let key = Key { source: ip, destination: ip, id, protocol: 6 };
        let wire_len = u32::try_from(data.len()).expect("short");
        Fragment { key, protocol: 6, offset, more, data, wire_len, tunnels: 0 }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn any_order_gives_the_datagram() {
        let parts = [(0, &b"01234567"[..], true), (8, b"89abcdef", true), (16, b"xyz", false)];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]] {
            let mut fragments = Fragments::default();
            let given: Vec<_> = order
                .iter()
                .filter_map(|n: &usize| fragments.take(&fragment(1, parts[*n].0, parts[*n].1, parts[*n].2), at(1)))
                .collect();
            assert_eq!(given.len(), 1);
            assert_eq!((&given[0].data[..], given[0].wire_len), (&b"0123456789abcdefxyz"[..], 19));
            assert_eq!((fragments.bytes, fragments.stats.whole, fragments.waiting.len()), (0, 1, 0));
        }
    }

    #[test]
    fn a_copy_is_none_and_an_overlap_refuses_all() {
        let mut fragments = Fragments::default();
        for _ in 0..2 {
            assert!(fragments.take(&fragment(1, 0, b"01234567", true), at(1)).is_none());
        }
        assert_eq!((fragments.stats.repeated, fragments.bytes), (1, 8));
        let overlaps = [(0, &b"0123456X"[..], true), (8, b"8", false)];
        for (offset, data, more) in overlaps {
            assert!(fragments.take(&fragment(1, offset, data, more), at(1)).is_none());
        }
        assert_eq!((fragments.stats.refused, fragments.stats.whole), (2, 0), "the second begins another");
        for (offset, len, more) in [(0, 16, true), (8, 16, true)] {
            fragments.take(&fragment(2, offset, &vec![1; len], more), at(1));
        }
        for (offset, len, more) in [(16, 8, false), (0, 8, true), (8, 32, true)] {
            fragments.take(&fragment(3, offset, &vec![1; len], more), at(1));
        }
        for (offset, len, more) in [(0, 7, true), (65_528, 8, false), (0, 0, true)] {
            fragments.take(&fragment(4, offset, &vec![1; len], more), at(1));
        }
        assert_eq!((fragments.stats.refused, fragments.stats.whole), (2 + 2 + 3 + 3, 0));
    }

    #[test]
    fn what_waits_has_bounds() {
        let mut fragments = Fragments::default();
        let count = u32::try_from(DATAGRAMS_MAX).expect("small");
        for id in 0..count + 5 {
            fragments.take(&fragment(id, 0, b"01234567", true), at(1));
        }
        assert_eq!((fragments.waiting.len(), fragments.stats.evicted), (DATAGRAMS_MAX, 5));
        fragments.take(&fragment(9_000_000, 0, b"01234567", true), at(31));
        assert_eq!((fragments.waiting.len(), fragments.stats.incomplete), (1, u64::from(count)));

        let piece = vec![7; 65_528];
        let fits = BYTES_MAX / piece.len();
        for id in 0..u32::try_from(fits).expect("small") + 3 {
            fragments.take(&fragment(id, 0, &piece, true), at(40));
        }
        assert!(fragments.bytes <= BYTES_MAX && fragments.stats.evicted >= 5 + 3);

        for n in 0..=u32::try_from(PIECES_MAX).expect("small") {
            fragments.take(&fragment(8_000_000, 16 * n, b"01234567", true), at(50));
        }
        assert_eq!(fragments.stats.refused, PIECES_MAX as u64 + 1);
        fragments.clear();
        assert_eq!((fragments.bytes, fragments.waiting.len()), (0, 0));
    }

    #[test]
    fn whole_datagrams_leave_no_trace() {
        let mut fragments = Fragments::default();
        for id in 0..10_000 {
            fragments.take(&fragment(id, 0, b"01234567", true), at(1));
            assert!(fragments.take(&fragment(id, 8, b"8", false), at(1)).is_some());
        }
        assert!(fragments.order.len() <= 2 * DATAGRAMS_MAX + 1);
    }
}
