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
    /// What is marked in the next block.
    #[inline]
    pub(super) fn marked(&mut self, classes: &Classes) -> Marked {
        let token = long(self.token, classes.token);
        let digits = long(self.digit, classes.digit);
        (self.token, self.digit) = (classes.token, classes.digit);
        Marked { at: classes.at, token, digits }
    }
}

/// The marks of a block, one bit a byte: each `@`, and each character that ends (or goes on) a run of at least [`RUN_MIN`].
#[derive(Clone, Copy, Default)]
pub(super) struct Marked {
    at: u64,
    token: u64,
    digits: u64,
}

impl Marked {
    /// All of them.
    #[inline]
    pub(super) fn bits(&self) -> u64 {
        self.at | self.token | self.digits
    }

    /// What kinds there are from one bit to before another; both at most 64.
    #[inline]
    pub(super) fn within(&self, from: u32, to: u32) -> Marks {
        let bits = u64::MAX.checked_shl(from).unwrap_or(0) & !u64::MAX.checked_shl(to).unwrap_or(0);
        if self.bits() & bits == 0 {
            return Marks(0);
        }
        let kind = |class: u64, kind: Marks| if class & bits == 0 { 0 } else { kind.0 };
        Marks(kind(self.at, Marks::AT) | kind(self.token, Marks::TOKEN) | kind(self.digits, Marks::DIGITS))
    }
}

/// Kinds of marks that a value holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks(u8);

impl Marks {
    /// An `@`.
    pub(crate) const AT: Self = Self(1);
    /// A run of token characters.
    pub(crate) const TOKEN: Self = Self(2);
    /// A run of digits and separators.
    pub(crate) const DIGITS: Self = Self(4);

    /// There is one.
    #[inline]
    pub(crate) fn any(self) -> bool {
        self.0 != 0
    }

    /// Of this kind.
    #[inline]
    pub(crate) fn has(self, kind: Self) -> bool {
        self.0 & kind.0 != 0
    }

    /// Those that a value holds.
    pub(super) fn of(value: &[u8]) -> Self {
        if value.len() < RUN_MIN {
            return if value.contains(&b'@') { Self::AT } else { Self(0) };
        }
        let mut runs = Runs::default();
        Blocks::new(value, 0).fold(Self(0), |marks, (_, classes)| marks | runs.marked(&classes).within(0, 64))
    }
}

impl std::ops::BitOr for Marks {
    type Output = Self;

    #[inline]
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Where words begin in a block: letters and digits behind what is neither. `before`: the last block's last byte was one.
#[inline]
fn word_starts(block: &[u8; BLOCK], before: &mut u64) -> u64 {
    let mut word = 0;
    for (part, bytes) in block.as_chunks::<16>().0.iter().enumerate() {
        let x = u8x16::new(*bytes);
        let letter = at_most((x | u8x16::splat(0x20)) - u8x16::splat(b'a'), 25);
        let class = letter | at_most(x - u8x16::splat(b'0'), 9);
        word |= u64::from(class.to_bitmask() & 0xffff) << (part * 16);
    }
    let starts = word & !(word << 1 | *before);
    *before = word >> 63;
    starts
}

/// Where words of letters and digits begin in `text`.
pub(crate) struct Words<'t> {
    text: &'t [u8],
    base: usize,
    starts: u64,
    before: u64,
}

impl<'t> Words<'t> {
    pub(crate) fn new(text: &'t [u8]) -> Self {
        let mut words = Self { text, base: 0, starts: 0, before: 0 };
        words.read();
        words
    }

    fn read(&mut self) {
        let rest = self.text.get(self.base..).unwrap_or_default();
        if let Some(block) = rest.first_chunk::<BLOCK>() {
            self.starts = word_starts(block, &mut self.before);
            return;
        }
        let mut last = [b' '; BLOCK];
        if let Some(part) = last.get_mut(..rest.len()) {
            part.copy_from_slice(rest);
        }
        self.starts = word_starts(&last, &mut self.before);
    }
}

impl Iterator for Words<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.starts == 0 {
            self.base += BLOCK;
            if self.base >= self.text.len() {
                return None;
            }
            self.read();
        }
        let bit = self.starts.trailing_zeros();
        self.starts &= self.starts - 1;
        Some(self.base + bit as usize)
    }
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
            let bits = runs.marked(&classes).bits();
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
        fn words_begin_behind_what_is_none(text in "[a1 _-]{0,200}") {
            let is = |at: usize| text.as_bytes()[at].is_ascii_alphanumeric();
            let expected: Vec<usize> = (0..text.len()).filter(|at| is(*at) && (*at == 0 || !is(at - 1))).collect();
            prop_assert_eq!(Words::new(text.as_bytes()).collect::<Vec<_>>(), expected);
        }

        #[test]
        fn kinds_of_marks_are_those_of_the_range(text in "[a1 @]{0,64}", from in 0..64_u32, to in 0..65_u32) {
            let mut block = [0; BLOCK];
            block[..text.len()].copy_from_slice(text.as_bytes());
            let marked = Runs::default().marked(&classify(&block));
            let bits = (from..to).fold(0_u64, |bits, bit| bits | 1 << bit);
            let marks = marked.within(from, to);
            prop_assert_eq!(marks.has(Marks::AT), marked.at & bits != 0);
            prop_assert_eq!(marks.has(Marks::TOKEN), marked.token & bits != 0);
            prop_assert_eq!(marks.has(Marks::DIGITS), marked.digits & bits != 0);
        }

        #[test]
        fn runs_are_met_at_any_place(runs in prop::collection::vec((0..40_usize, prop::sample::select(b"a1-_ @\"\xff".to_vec())), 0..30)) {
            let data: Vec<u8> = runs.iter().flat_map(|(length, byte)| vec![*byte; *length]).collect();
            prop_assert_eq!(marked(&data), expected(&data));
        }
    }
}
