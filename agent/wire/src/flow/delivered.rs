//! What was read of late: enough to prove that bytes sent again differ from the first copy.
//!
//! Sums, not bytes: the bytes are gone. Of fixed size for all flows together, a newer segment in the place of an older one.
//! Only a copy that begins where a remembered segment begins and holds it whole can be compared; of any other nothing is
//! said. The sums have no key: who builds a copy with the same sum goes unnoticed, and nobody is accused wrongly.

use crate::input::{FlowId, Side};

/// Segments remembered, of all flows; a power of two.
const KEPT: usize = 4096;

/// An odd number without a pattern: 2^64 divided by the golden ratio.
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

/// The last segments read.
#[derive(Debug)]
pub(crate) struct Delivered(Vec<Segment>);

#[derive(Clone, Copy, Debug, Default)]
struct Segment {
    /// Flow and side, or 0.
    whose: u64,
    pos: u64,
    len: u32,
    sum: u32,
}

impl Default for Delivered {
    fn default() -> Self {
        Self(vec![Segment::default(); KEPT])
    }
}

impl Delivered {
    /// A segment was read at this offset of a flow's side.
    pub(crate) fn add(&mut self, flow: FlowId, side: Side, pos: u64, bytes: &[u8]) {
        let Ok(len) = u32::try_from(bytes.len()) else { return };
        let whose = whose(flow, side);
        if let Some(place) = self.0.get_mut(place(whose, pos)) {
            *place = Segment { whose, pos, len, sum: sum(bytes) };
        }
    }

    /// Whether bytes sent again at this offset are other ones than were read. A single byte may be a keep-alive probe's,
    /// which means nothing (RFC 9293 §3.8.4).
    pub(crate) fn differs(&self, flow: FlowId, side: Side, pos: u64, bytes: &[u8]) -> bool {
        let whose = whose(flow, side);
        let Some(segment) = self.0.get(place(whose, pos)) else { return false };
        let again = usize::try_from(segment.len).ok().and_then(|len| bytes.get(..len));
        bytes.len() > 1
            && segment.whose == whose
            && segment.pos == pos
            && again.is_some_and(|again| sum(again) != segment.sum)
    }
}

fn whose(flow: FlowId, side: Side) -> u64 {
    flow.get().wrapping_mul(2).wrapping_add(1 + u64::from(side == Side::Server))
}

fn place(whose: u64, pos: u64) -> usize {
    let mixed = (whose ^ pos.rotate_left(32)).wrapping_mul(ODD) >> 40;
    usize::try_from(mixed).unwrap_or_default() % KEPT
}

/// In four lanes, so that it costs a fraction of reading the bytes.
fn sum(bytes: &[u8]) -> u32 {
    let mut lanes = [1_u64, 2, 3, 4];
    let (blocks, rest) = bytes.as_chunks::<32>();
    let mut last = [0; 32];
    if let Some(start) = last.get_mut(..rest.len()) {
        start.copy_from_slice(rest);
    }
    for block in blocks.iter().chain([&last]) {
        for (lane, word) in lanes.iter_mut().zip(block.as_chunks::<8>().0) {
            *lane = (*lane ^ u64::from_le_bytes(*word)).wrapping_mul(ODD).rotate_left(29);
        }
    }
    let sum = lanes.iter().fold(bytes.len() as u64, |sum, lane| (sum ^ lane).wrapping_mul(ODD).rotate_left(29));
    u32::try_from(sum >> 32).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOW: FlowId = FlowId::new(7);

    #[test]
    fn any_other_byte_is_seen() {
        let first: Vec<u8> = (0..100).collect();
        let mut delivered = Delivered::default();
        delivered.add(FLOW, Side::Client, 1 << 32, &first);
        assert!(!delivered.differs(FLOW, Side::Client, 1 << 32, &first));
        for at in 0..first.len() {
            let mut again = first.clone();
            again[at] ^= 0x80;
            assert!(delivered.differs(FLOW, Side::Client, 1 << 32, &again), "{at}");
        }
    }

    #[test]
    fn only_what_begins_there_and_is_held_whole_is_compared() {
        let mut delivered = Delivered::default();
        delivered.add(FLOW, Side::Client, 10, b"hello");
        delivered.add(FLOW, Side::Client, 15, b"x");
        let differs = |pos, bytes: &[u8]| delivered.differs(FLOW, Side::Client, pos, bytes);
        assert!(differs(10, b"hellOworld"));
        assert!(!differs(10, b"helloworld"));
        assert!(!differs(10, b"HELL"), "it does not hold it whole");
        assert!(!differs(11, b"ELLOWORLD"), "it begins elsewhere");
        assert!(!differs(15, b"y"), "it may be a probe");
        assert!(!delivered.differs(FLOW, Side::Server, 10, b"HELLO"), "of the other side");
    }
}
