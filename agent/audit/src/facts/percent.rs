//! Percent-encoding, as servers undo it.

use std::borrow::Cow;

use zeroize::Zeroizing;

/// A value without its escapes: borrowed where it has none, else wiped when dropped.
pub(crate) enum Plain<'a> {
    /// As it stood.
    Borrowed(&'a [u8]),
    /// Decoded.
    Decoded(Zeroizing<Vec<u8>>),
}

impl std::ops::Deref for Plain<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Decoded(bytes) => bytes,
        }
    }
}

/// Decodes `%XX`; `+` stands for a space in forms and queries. A broken escape stays as it is.
pub(crate) fn decode(coded: &[u8], plus_is_space: bool) -> Plain<'_> {
    if !coded.iter().any(|b| *b == b'%' || (plus_is_space && *b == b'+')) {
        return Plain::Borrowed(coded);
    }
    let mut plain = Zeroizing::new(Vec::with_capacity(coded.len()));
    let mut rest = coded;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                plain.push(digit(*high) << 4 | digit(*low));
                rest = after;
            }
            (b'+', _) if plus_is_space => plain.push(b' '),
            _ => plain.push(byte),
        }
    }
    Plain::Decoded(plain)
}

/// Text of bytes that may be no UTF-8: what is not becomes `%XX`.
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        shown.push_str(chunk.valid());
        for byte in chunk.invalid() {
            shown.extend(['%', char::from(hex(byte >> 4)), char::from(hex(byte & 15))]);
        }
    }
    Cow::Owned(shown)
}

fn hex(digit: u8) -> u8 {
    if digit < 10 { b'0' + digit } else { b'A' + digit - 10 }
}

/// The value of a hexadecimal digit; 0 for what is none.
pub(crate) fn digit(hex: u8) -> u8 {
    match hex {
        b'0'..=b'9' => hex - b'0',
        b'a'..=b'f' => hex - b'a' + 10,
        b'A'..=b'F' => hex - b'A' + 10,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_and_broken_ones_kept() {
        for (coded, plain) in [("a%20b+c", "a b c"), ("%", "%"), ("%4", "%4"), ("%zz%41", "%zzA"), ("%2541", "%41")] {
            assert_eq!(&*decode(coded.as_bytes(), true), plain.as_bytes());
        }
        assert_eq!(&*decode(b"a+b", false), b"a+b");
        assert!(matches!(decode(b"plain", true), Plain::Borrowed(_)));
    }

    #[test]
    fn bytes_that_are_no_text_are_escaped() {
        assert_eq!(text(b"/a\xffb"), "/a%FFb");
        assert_eq!(text("/größe".as_bytes()), "/größe");
    }
}
