//! The part of DER (X.690) that certificates need: reading from the front, total, without recursion.

/// A value: its tag byte, its content, and all of it with tag and length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    pub(crate) whole: &'a [u8],
}

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OID: u8 = 0x06;
pub(crate) const UTF8_STRING: u8 = 0x0c;
pub(crate) const PRINTABLE_STRING: u8 = 0x13;
pub(crate) const IA5_STRING: u8 = 0x16;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// Values one after the other. Ends at the first that breaks the rules.
#[derive(Clone, Debug, Default)]
pub(crate) struct Der<'a>(pub(crate) &'a [u8]);

impl<'a> Der<'a> {
    /// The next value, if it has this tag; else nothing is taken.
    pub(crate) fn content(&mut self, tag: u8) -> Option<&'a [u8]> {
        let before = self.0;
        let value = self.next()?;
        if value.tag == tag {
            return Some(value.content);
        }
        self.0 = before;
        None
    }

    /// The values inside the next value, which has this tag.
    pub(crate) fn enter(&mut self, tag: u8) -> Option<Self> {
        self.content(tag).map(Self)
    }
}

impl<'a> Iterator for Der<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        // Tags of several bytes do not occur in certificates.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (len, rest) = length(rest)?;
        let (content, after) = rest.split_at_checked(len)?;
        let whole = self.0.get(..self.0.len() - after.len())?;
        self.0 = after;
        Some(Value { tag, content, whole })
    }
}

/// A length in its shortest form, at most three bytes long, and what follows it.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match *bytes {
        [short @ 0..=0x7f, ref rest @ ..] => Some((usize::from(short), rest)),
        [0x81, one @ 0x80..=0xff, ref rest @ ..] => Some((usize::from(one), rest)),
        [0x82, high @ 1..=0xff, low, ref rest @ ..] => Some((usize::from(u16::from_be_bytes([high, low])), rest)),
        [0x83, high @ 1..=0xff, middle, low, ref rest @ ..] => {
            Some((usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low), rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_one_form() {
        assert_eq!(length(&[5, 9]), Some((5, &[9][..])));
        assert_eq!(length(&[0x81, 0x80]), Some((128, &[][..])));
        assert_eq!(length(&[0x82, 1, 0, 7]), Some((256, &[7][..])));
        assert_eq!(length(&[0x83, 1, 0, 0]), Some((65_536, &[][..])));
        for not in [&[0x80_u8][..], &[0x81, 0x7f], &[0x82, 0, 1], &[0x83, 0, 1, 1], &[0x84, 1, 1, 1, 1], &[0x81], &[]] {
            assert_eq!(length(not), None, "{not:x?}");
        }
    }

    #[test]
    fn a_value_that_is_cut_ends_the_reading() {
        let mut der = Der(&[2, 1, 7, 2, 2, 7]);
        assert_eq!(der.content(SEQUENCE), None, "another tag takes nothing");
        assert_eq!(der.content(INTEGER), Some(&[7][..]));
        assert_eq!(der.next(), None);
    }
}
