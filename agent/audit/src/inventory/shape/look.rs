//! The one look at a segment that decides most of them.

/// What one pass over a segment tells, counts of bytes: nearly every segment of a path is decided by it.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::inventory) struct Look {
    /// Twelve bits each; see [`KINDS`].
    sum: u64,
    /// Of what does not fit there: only whether there are any is asked of a segment so long.
    len: u32,
}

impl Look {
    pub(in crate::inventory) fn at(bytes: &[u8]) -> Self {
        let mut look = Self::default();
        for byte in bytes {
            look.add(*byte);
        }
        look
    }

    pub(in crate::inventory) fn add(&mut self, byte: u8) {
        let kind = KINDS.get(usize::from(byte)).copied().unwrap_or_default();
        self.len = self.len.saturating_add(1);
        // Past its bits a kind would count as the next.
        self.sum = if self.len < 1 << BITS { self.sum + kind } else { self.sum | kind };
    }

    const fn count(self, kind: u32) -> usize {
        ((self.sum >> (BITS * kind)) & ((1 << BITS) - 1)) as usize
    }

    pub(super) const fn digits(self) -> usize {
        self.count(DIGIT)
    }

    pub(super) const fn capitals(self) -> usize {
        self.count(UPPER)
    }

    /// Neither letters nor digits nor `-`, `_`, `=`.
    pub(super) const fn others(self) -> usize {
        self.count(OTHER)
    }

    /// Nothing but letters, digits, `-` and `_`.
    pub(super) const fn is_simple(self) -> bool {
        self.others() == 0 && self.count(EQUALS) == 0
    }

    /// Nothing but digits and one `-`.
    pub(super) const fn is_two_numbers(self) -> bool {
        self.count(DASH) == 1 && self.digits() + 1 == self.len as usize
    }
}

/// Bits of a count.
const BITS: u32 = 12;
const DIGIT: u32 = 0;
const UPPER: u32 = 1;
const DASH: u32 = 2;
const EQUALS: u32 = 3;
const OTHER: u32 = 4;

/// For each byte a one in the place of what it is; nothing for small letters and `_`.
const KINDS: [u64; 256] = {
    let mut kinds = [1 << (BITS * OTHER); 256];
    let mut byte = 0_u8;
    loop {
        let kind = match byte {
            b'0'..=b'9' => Some(DIGIT),
            b'A'..=b'Z' => Some(UPPER),
            b'-' => Some(DASH),
            b'=' => Some(EQUALS),
            b'a'..=b'z' | b'_' => None,
            _ => Some(OTHER),
        };
        kinds[byte as usize] = match kind {
            Some(kind) => 1 << (BITS * kind),
            None => 0,
        };
        if byte == u8::MAX {
            break kinds;
        }
        byte += 1;
    }
};
