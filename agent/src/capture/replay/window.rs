//! A sliding window over a byte stream: the next bytes in one piece, without a copy per record.

use std::io::{self, Read};

/// The window's size when nothing larger was asked for: large enough to make system calls rare, small enough for the cache.
const WINDOW_BYTES: usize = 256 * 1024;

/// The next bytes of a stream. [`Window::fill`] makes them available, [`Window::consume`] moves on; bytes that were
/// consumed stay readable through their range until the next `fill`.
pub(super) struct Window {
    source: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    offset: u64,
}

impl Window {
    /// A window at the stream's first byte.
    pub(super) fn new(source: Box<dyn Read + Send>) -> Self {
        Self { source, buffer: vec![0; WINDOW_BYTES], start: 0, end: 0, offset: 0 }
    }

    /// The stream's position: bytes consumed so far.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// What is available.
    pub(super) fn available(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Tries to have `want` bytes available; `false` at the end of the stream.
    pub(super) fn fill(&mut self, want: usize) -> io::Result<bool> {
        if self.end - self.start >= want {
            return Ok(true);
        }
        self.make_room(want);
        while self.end - self.start < want {
            let Some(room) = self.buffer.get_mut(self.end..) else { return Ok(false) };
            match self.source.read(room) {
                Ok(0) => return Ok(false),
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Moves on by `len` bytes, at most by what is available. Gives the range for [`Window::bytes`].
    pub(super) fn consume(&mut self, len: usize) -> std::ops::Range<usize> {
        let from = self.start;
        self.start = self.end.min(from.saturating_add(len));
        self.offset = self.offset.saturating_add((self.start - from) as u64);
        from..self.start
    }

    /// Moves on by `len` bytes without keeping them; `false` if the stream ends before.
    pub(super) fn skip(&mut self, mut len: u64) -> io::Result<bool> {
        while len > 0 {
            if self.start == self.end && !self.fill(1)? {
                return Ok(false);
            }
            let step = usize::try_from(len).unwrap_or(usize::MAX).min(self.end - self.start);
            self.consume(step);
            len -= step as u64;
        }
        Ok(true)
    }

    /// Consumed bytes; only until the next `fill`.
    pub(super) fn bytes(&self, range: std::ops::Range<usize>) -> &[u8] {
        self.buffer.get(range).unwrap_or_default()
    }

    fn make_room(&mut self, want: usize) {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() < want {
            self.buffer.resize(want, 0);
        }
    }
}
