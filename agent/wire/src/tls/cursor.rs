//! Reading from the front of bytes; every step is checked.

/// What is left to be read.
pub(crate) struct Cursor<'a>(pub(crate) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn skip(&mut self, n: usize) -> Option<()> {
        self.take(n).map(|_| ())
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(crate) fn short(&mut self) -> Option<u16> {
        match self.take(2)? {
            [high, low] => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        }
    }

    /// A number of three bytes.
    pub(crate) fn three(&mut self) -> Option<usize> {
        let bytes = self.take(3)?;
        Some(bytes.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte)))
    }

    /// What stands behind its length of two bytes.
    pub(crate) fn list(&mut self) -> Option<&'a [u8]> {
        let len = self.short()?;
        self.take(usize::from(len))
    }
}
