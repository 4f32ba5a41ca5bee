//! Counters by number, sorted, in few bytes: most counts are small.

/// A sorted list of (number, count).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bins {
    numbers: Vec<u16>,
    counts: Counts,
}

impl Bins {
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (u16, u64)> {
        self.numbers.iter().enumerate().map(|(at, number)| (*number, self.counts.get(at)))
    }

    pub(super) fn add(&mut self, number: u16, count: u64) {
        match self.numbers.binary_search(&number) {
            Ok(at) => self.counts.add(at, count),
            Err(at) => {
                // By little: most of these lists never grow long, and there are many.
                if self.numbers.len() == self.numbers.capacity() {
                    let more = 4 + self.numbers.len() / 8;
                    self.numbers.reserve_exact(more);
                    self.counts.reserve(more);
                }
                self.numbers.insert(at, number);
                self.counts.insert(at, count);
            }
        }
    }

    /// The same counts under other numbers, of which `change` never makes a greater one smaller than a smaller one.
    pub(super) fn renumbered(&self, change: impl Fn(u16) -> u16) -> Self {
        let mut bins = Self::default();
        for (number, count) in self.iter() {
            bins.add(change(number), count);
        }
        bins
    }

    /// Bytes on the heap.
    pub(super) fn heap(&self) -> usize {
        self.numbers.capacity() * size_of::<u16>() + self.counts.bytes.capacity()
    }
}

/// Counts of one width: 1, 2, 4 or 8 bytes each, little-endian.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Counts {
    width: u8,
    bytes: Vec<u8>,
}

impl Default for Counts {
    fn default() -> Self {
        Self { width: 1, bytes: Vec::new() }
    }
}

impl Counts {
    fn place(&self, at: usize) -> std::ops::Range<usize> {
        let width = usize::from(self.width);
        at * width..(at + 1) * width
    }

    fn get(&self, at: usize) -> u64 {
        let Some(bytes) = self.bytes.get(self.place(at)) else { return 0 };
        bytes.iter().rev().fold(0, |count, byte| count << 8 | u64::from(*byte))
    }

    fn add(&mut self, at: usize, count: u64) {
        // The usual case: one more, and there is room for it.
        if count == 1 {
            match self.width {
                1 => {
                    if let Some(place) = self.bytes.get_mut(at).filter(|count| **count < u8::MAX) {
                        *place += 1;
                        return;
                    }
                }
                2 => {
                    let place = self.bytes.get_mut(at * 2..).and_then(|bytes| bytes.first_chunk_mut::<2>());
                    if let Some((place, more)) =
                        place.and_then(|p| u16::from_le_bytes(*p).checked_add(1).map(|m| (p, m)))
                    {
                        *place = more.to_le_bytes();
                        return;
                    }
                }
                _ => {}
            }
        }
        let sum = self.get(at).saturating_add(count);
        self.widen(sum);
        let place = self.place(at);
        for (place, byte) in self.bytes.get_mut(place).into_iter().flatten().zip(sum.to_le_bytes()) {
            *place = byte;
        }
    }

    fn insert(&mut self, at: usize, count: u64) {
        self.widen(count);
        let start = self.place(at).start;
        self.bytes.splice(start..start, count.to_le_bytes().into_iter().take(usize::from(self.width)));
    }

    fn reserve(&mut self, more: usize) {
        self.bytes.reserve_exact(more * usize::from(self.width));
    }

    /// Makes room in each for a count as large as this one.
    fn widen(&mut self, count: u64) {
        let width = match count {
            0..=0xff => 1,
            0x100..=0xffff => 2,
            0x1_0000..=0xffff_ffff => 4,
            _ => 8,
        };
        if width > self.width {
            let counts: Vec<u64> = (0..self.bytes.len() / usize::from(self.width)).map(|at| self.get(at)).collect();
            self.bytes = Vec::with_capacity((counts.len() + 1) * usize::from(width));
            self.width = width;
            for count in counts {
                self.bytes.extend(count.to_le_bytes().into_iter().take(usize::from(width)));
            }
        }
    }
}
