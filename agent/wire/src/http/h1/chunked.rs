//! The chunked coding (RFC 9112 §7.1), byte by byte where it matters and in bulk where it does not.

use crate::event::AmbiguityKind;
use crate::http::h1::head::is_token;

/// Hexadecimal digits of a chunk size: 64 bits.
const SIZE_DIGITS_MAX: u8 = 16;

/// Digits of a size that is read at once: up to 4 GiB.
const PLAIN_DIGITS_MAX: usize = 8;

/// Bytes of one chunk's extensions.
const EXTENSION_BYTES_MAX: u32 = 4096;

/// Bytes of all trailer fields.
const TRAILER_BYTES_MAX: u32 = 64 * 1024;

/// Where in the coding we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Size {
        digits: u8,
    },
    /// White space after the size.
    Padding,
    Extension {
        bytes: u32,
        part: Part,
    },
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// In the trailer section, with so many bytes of it read, at the start of a line or not.
    Trailer {
        bytes: u32,
        line_start: bool,
    },
    TrailerLf {
        bytes: u32,
        line_start: bool,
    },
    Done,
}

/// Where in the extensions of a chunk we are: `;name`, `;name=token` or `;name="text"` (RFC 9112 §7.1.1). White space
/// between them is allowed only to who reads it, and servers refuse it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// After the semicolon.
    Start,
    Name,
    /// After the equals sign.
    Equals,
    Value,
    Quoted,
    /// After a backslash in quotes.
    Escaped,
    /// After the closing quote.
    Closed,
    /// Against the grammar: told, and passed over until the line ends.
    Odd,
}

impl Part {
    fn next(self, b: u8) -> Self {
        let token = is_token(b);
        match (self, b) {
            (Self::Start | Self::Name, _) if token => Self::Name,
            (Self::Equals | Self::Value, _) if token => Self::Value,
            (Self::Name, b'=') => Self::Equals,
            (Self::Name | Self::Value | Self::Closed, b';') => Self::Start,
            (Self::Quoted, b'"') => Self::Closed,
            (Self::Quoted, b'\\') => Self::Escaped,
            (Self::Equals, b'"') | (Self::Escaped | Self::Quoted, b'\t' | b' '..=b'~') => Self::Quoted,
            (
                Self::Start
                | Self::Name
                | Self::Equals
                | Self::Value
                | Self::Quoted
                | Self::Escaped
                | Self::Closed
                | Self::Odd,
                _,
            ) => Self::Odd,
        }
    }

    /// Whether the extensions may not end here.
    fn is_open(self) -> bool {
        match self {
            Self::Start | Self::Equals | Self::Quoted | Self::Escaped => true,
            Self::Name | Self::Value | Self::Closed | Self::Odd => false,
        }
    }
}

/// A reader of the coding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunks {
    at: At,
    left: u64,
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// So many bytes were framing.
    Framing(usize),
    /// So many bytes are data.
    Data(usize),
    /// So many bytes were framing, and something is odd that servers read differently.
    Odd(usize, AmbiguityKind),
    /// So many bytes were framing, and the body is over.
    End(usize),
    /// What follows breaks the rules.
    Broken(AmbiguityKind),
}

impl Default for Chunks {
    fn default() -> Self {
        Self { at: At::Size { digits: 0 }, left: 0 }
    }
}

impl Chunks {
    /// Reads on. `bytes` is not empty; at least one byte is taken, unless it is broken.
    pub(crate) fn step(&mut self, bytes: &[u8]) -> Step {
        if self.at == At::Data {
            let n = bytes.len().min(crate::flow::reorder::to_usize(self.left));
            self.data(n as u64);
            return Step::Data(n);
        }
        if let Some(n) = self.plain(bytes) {
            return Step::Framing(n);
        }
        for (i, b) in bytes.iter().enumerate() {
            match self.byte(*b) {
                Ok(None) if self.at == At::Done => return Step::End(i + 1),
                Ok(None) if matches!(self.at, At::Data | At::Trailer { bytes: 0, .. }) => return Step::Framing(i + 1),
                Ok(None) => {}
                Ok(Some(odd)) => return Step::Odd(i + 1, odd),
                Err(kind) => return if i == 0 { Step::Broken(kind) } else { Step::Framing(i) },
            }
        }
        Step::Framing(bytes.len())
    }

    /// Reads a size without anything odd about it, and the end of the chunk before it, at once: what nearly all framing is.
    /// Gives its length; `None`: it must be read byte by byte.
    fn plain(&mut self, bytes: &[u8]) -> Option<usize> {
        let line = match self.at {
            At::Size { digits: 0 } => bytes,
            At::DataCr => bytes.strip_prefix(b"\r\n")?,
            _ => return None,
        };
        let (mut size, mut digits) = (0_u64, 0);
        for b in line.iter().take(PLAIN_DIGITS_MAX) {
            let Some(value) = char::from(*b).to_digit(16) else { break };
            size = size << 4 | u64::from(value);
            digits += 1;
        }
        if digits == 0 || !line.get(digits..)?.starts_with(b"\r\n") {
            return None;
        }
        self.left = size;
        self.size_ends();
        Some(bytes.len() - line.len() + digits + 2)
    }

    /// Whether what follows are trailer fields, or the empty line that ends them.
    pub(crate) fn is_in_trailers(&self) -> bool {
        matches!(self.at, At::Trailer { .. } | At::TrailerLf { .. })
    }

    /// Whether the body was over with the last step. After [`Step::Odd`] it must be asked.
    pub(crate) fn is_done(&self) -> bool {
        self.at == At::Done
    }

    /// A hole of `n` bytes; whether it lies in one chunk's data.
    pub(crate) fn hole(&mut self, n: u64) -> bool {
        let inside = self.at == At::Data && n <= self.left;
        if inside {
            self.data(n);
        }
        inside
    }

    fn data(&mut self, n: u64) {
        self.left -= n;
        if self.left == 0 {
            self.at = At::DataCr;
        }
    }

    fn byte(&mut self, b: u8) -> Result<Option<AmbiguityKind>, AmbiguityKind> {
        use AmbiguityKind::{OddChunk, OddLineEnd};
        match (self.at, b) {
            (At::Size { digits }, b) if b.is_ascii_hexdigit() => self.digit(digits, b)?,
            (At::Size { digits: 0 }, _) => return Err(OddChunk),
            (At::Size { .. } | At::Padding, b'\r') => self.at = At::SizeLf,
            (At::Extension { part, .. }, b'\r') => {
                self.at = At::SizeLf;
                return Ok(part.is_open().then_some(OddChunk));
            }
            (At::Size { .. } | At::Padding | At::Extension { .. }, b'\n') => {
                self.size_ends();
                return Ok(Some(OddLineEnd));
            }
            (At::Size { .. } | At::Padding, b';') => self.at = At::Extension { bytes: 0, part: Part::Start },
            (At::Size { .. }, b' ' | b'\t') => {
                self.at = At::Padding;
                return Ok(Some(OddChunk));
            }
            (At::Padding, b' ' | b'\t') => {}
            (At::Extension { .. }, 0) => return Err(OddLineEnd),
            (At::Extension { bytes, part }, b) if bytes < EXTENSION_BYTES_MAX => {
                let next = part.next(b);
                self.at = At::Extension { bytes: bytes + 1, part: next };
                return Ok((next == Part::Odd && part != Part::Odd).then_some(OddChunk));
            }
            (At::SizeLf, b'\n') => self.size_ends(),
            (At::DataCr, b'\r') => self.at = At::DataLf,
            (At::DataCr, b'\n') => {
                self.at = At::Size { digits: 0 };
                return Ok(Some(OddChunk));
            }
            (At::DataLf, b'\n') => self.at = At::Size { digits: 0 },
            (At::Trailer { bytes, line_start }, b'\r') => self.at = At::TrailerLf { bytes, line_start },
            (At::Trailer { bytes, line_start }, b'\n') => {
                self.trailer_line_ends(bytes, line_start);
                return Ok(Some(OddLineEnd));
            }
            (At::Trailer { bytes, .. }, b) if b != 0 && bytes < TRAILER_BYTES_MAX => {
                self.at = At::Trailer { bytes: bytes + 1, line_start: false };
            }
            (At::TrailerLf { bytes, line_start }, b'\n') => self.trailer_line_ends(bytes, line_start),
            (At::SizeLf | At::TrailerLf { .. } | At::Trailer { .. }, _) => return Err(OddLineEnd),
            (
                At::Size { .. } | At::Padding | At::Extension { .. } | At::Data | At::DataCr | At::DataLf | At::Done,
                _,
            ) => {
                return Err(OddChunk);
            }
        }
        Ok(None)
    }

    fn digit(&mut self, digits: u8, b: u8) -> Result<(), AmbiguityKind> {
        let value = char::from(b).to_digit(16).unwrap_or_default();
        if digits >= SIZE_DIGITS_MAX {
            return Err(AmbiguityKind::OddChunk);
        }
        self.left = (self.left << 4) | u64::from(value);
        self.at = At::Size { digits: digits + 1 };
        Ok(())
    }

    fn size_ends(&mut self) {
        self.at = if self.left == 0 { At::Trailer { bytes: 0, line_start: true } } else { At::Data };
    }

    fn trailer_line_ends(&mut self, bytes: u32, line_start: bool) {
        self.at = if line_start { At::Done } else { At::Trailer { bytes: bytes.saturating_add(2), line_start: true } };
    }
}

/// The data of a body that is one chunk and lies whole at the start of `bytes`, and the body's length with its framing.
pub(crate) fn single(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let mut chunks = Chunks::default();
    let Step::Framing(size_len) = chunks.step(bytes) else { return None };
    let rest = bytes.get(size_len..).filter(|rest| !rest.is_empty())?;
    let Step::Data(len) = chunks.step(rest) else { return None };
    let (data, rest) = rest.split_at_checked(len)?;
    let last = rest.strip_prefix(b"\r\n0\r\n\r\n")?;
    (chunks.at == At::DataCr).then_some((data, bytes.len() - last.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut bytes: &[u8], piece: usize) -> (Vec<u8>, Vec<AmbiguityKind>, bool, usize) {
        let all = bytes.len();
        let (mut chunks, mut data, mut odd) = (Chunks::default(), Vec::new(), Vec::new());
        while !bytes.is_empty() && !chunks.is_done() {
            let n = match chunks.step(&bytes[..piece.min(bytes.len())]) {
                Step::Framing(n) | Step::End(n) => n,
                Step::Data(n) => {
                    data.extend_from_slice(&bytes[..n]);
                    n
                }
                Step::Odd(n, kind) => {
                    odd.push(kind);
                    n
                }
                Step::Broken(kind) => {
                    odd.push(kind);
                    break;
                }
            };
            bytes = &bytes[n..];
        }
        (data, odd, chunks.is_done(), all - bytes.len())
    }

    #[track_caller]
    fn check(body: &[u8], data: &[u8], odd: &[AmbiguityKind], done: bool, used: usize) {
        for piece in [1, 2, 3, 7, 1000] {
            assert_eq!(read(body, piece), (data.to_vec(), odd.to_vec(), done, used), "pieces of {piece}");
        }
    }

    #[test]
    fn plain() {
        check(b"5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nT: x\r\n\r\nnext", b"hello world", &[], true, 36);
    }

    #[test]
    fn extensions_in_order() {
        for plain in ["a", "a;b", "a=b", "a=b;c", "a=\"b;c\"", "a=\"\\\"\";b"] {
            let body = format!("5;{plain}\r\nhello\r\n0\r\n\r\n");
            check(body.as_bytes(), b"hello", &[], true, body.len());
        }
    }

    #[test]
    fn odd_but_readable() {
        check(b"5 \r\nhello\r\n0\r\n\r\n", b"hello", &[AmbiguityKind::OddChunk], true, 16);
        for odd in ["", ";", "a;", " a", "a ", "a=", "a= b", "a=\"b", "a=\"\\", "a=\"b\"c", "\x7f"] {
            let body = format!("5;{odd}\r\nhello\r\n0\r\n\r\n");
            check(body.as_bytes(), b"hello", &[AmbiguityKind::OddChunk], true, body.len());
        }
        check(b"5\nhello\r\n0\r\n\r\n", b"hello", &[AmbiguityKind::OddLineEnd], true, 14);
        check(b"5\r\nhello\n0\r\n\r\n", b"hello", &[AmbiguityKind::OddChunk], true, 14);
    }

    #[test]
    fn broken() {
        use AmbiguityKind::{OddChunk, OddLineEnd};
        check(b"5\r\nhelloX", b"hello", &[OddChunk], false, 8);
        check(b"0x5\r\n", b"", &[OddChunk], false, 1);
        check(b"-5\r\n", b"", &[OddChunk], false, 0);
        check(b"\r\n", b"", &[OddChunk], false, 0);
        check(b"10000000000000000\r\n", b"", &[OddChunk], false, 16);
        check(b"5\rhello", b"", &[OddLineEnd], false, 2);
    }

    #[test]
    fn one_chunk_lies_in_place() {
        assert_eq!(single(b"5\r\nhello\r\n0\r\n\r\nGET"), Some((&b"hello"[..], 15)));
        assert_eq!(single(b"5\r\nhello\r\n0\r\nT: x\r\n\r\n"), None);
        assert_eq!(single(b"5\r\nhel"), None);
        assert_eq!(single(b"0\r\n\r\n"), None);
    }
}
