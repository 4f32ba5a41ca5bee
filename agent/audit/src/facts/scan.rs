//! The classes of bytes, 64 at a time: where JSON's marks are, and where something stands that a closer look may prove.
//!
//! A clean byte costs a few vector instructions here and is never looked at again. What deserves a closer look is marked: an `@`, a run
//! of [`RUN_MIN`] characters such as tokens are made of, or of digits with the separators of cards and accounts. Everything that
//! [`super::sensitive`] can prove without a name holds such a mark.

use wide::u8x16;

/// Bytes that are classified at once.
pub(super) const BLOCK: usize = 64;
/// Shortest run of token characters, or of digits and separators, that is marked.
pub(super) const RUN_MIN: usize = 15;

/// The classes of 64 bytes, one bit a byte, the first byte lowest.
#[derive(Clone, Copy, Default)]
pub(super) struct Classes {
    /// `"`.
    pub quote: u64,
    /// `\`.
    pub backslash: u64,
    /// `{`, `}`, `[`, `]`, `:` and `,`.
    pub mark: u64,
    /// Letters, digits, `_` and `-`.
    token: u64,
    /// Digits, space and `-`.
    digit: u64,
    /// `@`.
    at: u64,
}

/// Classifies a block.
#[inline]
pub(super) fn classify(block: &[u8; BLOCK]) -> Classes {
    let mut all = Classes::default();
    for (part, bytes) in block.as_chunks::<16>().0.iter().enumerate() {
        let x = u8x16::new(*bytes);
        let lower = x | u8x16::splat(0x20);
        let letter = at_most(lower - u8x16::splat(b'a'), 25);
        let digit = at_most(x - u8x16::splat(b'0'), 9);
        let dash = x.simd_eq(u8x16::splat(b'-'));
        let token = letter | digit | dash | x.simd_eq(u8x16::splat(b'_'));
        let separated = digit | dash | x.simd_eq(u8x16::splat(b' '));
        // Square brackets and braces differ in the bit that tells the cases of letters apart.
        let mark = lower.simd_eq(u8x16::splat(b'{'))
            | lower.simd_eq(u8x16::splat(b'}'))
            | x.simd_eq(u8x16::splat(b':'))
            | x.simd_eq(u8x16::splat(b','));
        let bits = |class: u8x16| u64::from(class.to_bitmask() & 0xffff) << (part * 16);
        all.quote |= bits(x.simd_eq(u8x16::splat(b'"')));
        all.backslash |= bits(x.simd_eq(u8x16::splat(b'\\')));
        all.mark |= bits(mark);
        all.token |= bits(token);
        all.digit |= bits(separated);
        all.at |= bits(x.simd_eq(u8x16::splat(b'@')));
    }
    all
}

#[inline]
fn at_most(x: u8x16, most: u8) -> u8x16 {
    x.min(u8x16::splat(most)).simd_eq(x)
}

/// Follows runs over the borders of blocks.
#[derive(Default)]
pub(super) struct Runs {
    token: u64,
    digit: u64,
}

impl Runs {
    /// What is marked in the next block: each `@`, and each character that ends (or goes on) a run of at least [`RUN_MIN`].
    #[inline]
    pub(super) fn marked(&mut self, classes: &Classes) -> u64 {
        let marked = classes.at | long(self.token, classes.token) | long(self.digit, classes.digit);
        (self.token, self.digit) = (classes.token, classes.digit);
        marked
    }
}

/// Whether a value holds a mark.
#[inline]
pub(super) fn is_marked(value: &[u8]) -> bool {
    let mut runs = Runs::default();
    Blocks::new(value, 0).any(|(_, classes)| runs.marked(&classes) != 0)
}

#[inline]
fn long(before: u64, now: u64) -> u64 {
    // A run of 15 covers eight bits at a multiple of eight: without such a byte there is none.
    let gaps = !now;
    let full = gaps.wrapping_sub(0x0101_0101_0101_0101) & !gaps & 0x8080_8080_8080_8080;
    if full == 0 && before >> 56 != 0xff {
        return 0;
    }
    run_ends(before, now)
}

#[cold]
fn run_ends(before: u64, now: u64) -> u64 {
    let mut window = u128::from(now) << 64 | u128::from(before);
    window &= window << 1;
    window &= window << 2;
    window &= window << 4;
    window &= window << (RUN_MIN - 8);
    u64::try_from(window >> 64).unwrap_or(0)
}

/// The blocks of `data` from `at` on, the last one filled up with spaces, each with its place.
pub(super) struct Blocks<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(data: &'a [u8], at: usize) -> Self {
        Self { data, at }
    }
}

impl Iterator for Blocks<'_> {
    type Item = (usize, Classes);

    #[inline]
    fn next(&mut self) -> Option<(usize, Classes)> {
        let at = self.at;
        let rest = self.data.get(at..).filter(|rest| !rest.is_empty())?;
        self.at += BLOCK;
        if let Some(block) = rest.first_chunk::<BLOCK>() {
            return Some((at, classify(block)));
        }
        let mut last = [b' '; BLOCK];
        last.get_mut(..rest.len())?.copy_from_slice(rest);
        let mut classes = classify(&last);
        // The spaces that fill it up are not there.
        classes.digit &= (1 << rest.len()) - 1;
        Some((at, classes))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    fn marked(data: &[u8]) -> Vec<usize> {
        let mut runs = Runs::default();
        let mut all = Vec::new();
        for (at, classes) in Blocks::new(data, 0) {
            let bits = runs.marked(&classes);
            all.extend((0..64).filter(|bit| bits >> bit & 1 == 1).map(|bit| at + bit));
        }
        all
    }

    /// The same, said byte by byte.
    pub(in super::super) fn expected(data: &[u8]) -> Vec<usize> {
        let (mut token, mut digit) = (0, 0);
        let mut all = Vec::new();
        for (at, byte) in data.iter().enumerate() {
            token = if byte.is_ascii_alphanumeric() || b"_-".contains(byte) { token + 1 } else { 0 };
            digit = if byte.is_ascii_digit() || b" -".contains(byte) { digit + 1 } else { 0 };
            if *byte == b'@' || token >= RUN_MIN || digit >= RUN_MIN {
                all.push(at);
            }
        }
        all
    }

    #[test]
    fn each_byte_has_its_classes() {
        for byte in 0..=u8::MAX {
            let classes = classify(&[byte; BLOCK]);
            let all = |yes: bool| if yes { u64::MAX } else { 0 };
            assert_eq!(classes.quote, all(byte == b'"'), "{byte}");
            assert_eq!(classes.backslash, all(byte == b'\\'), "{byte}");
            assert_eq!(classes.mark, all(b"{}[]:,".contains(&byte)), "{byte}");
            assert_eq!(classes.token, all(byte.is_ascii_alphanumeric() || b"_-".contains(&byte)), "{byte}");
            assert_eq!(classes.digit, all(byte.is_ascii_digit() || b" -".contains(&byte)), "{byte}");
            assert_eq!(classes.at, all(byte == b'@'), "{byte}");
        }
    }

    proptest! {
        #[test]
        fn runs_are_met_at_any_place(runs in prop::collection::vec((0..40_usize, prop::sample::select(b"a1-_ @\"\xff".to_vec())), 0..30)) {
            let data: Vec<u8> = runs.iter().flat_map(|(length, byte)| vec![*byte; *length]).collect();
            prop_assert_eq!(marked(&data), expected(&data));
        }
    }
}
