//! One pass over JSON: plain values that are wanted by name, or that hold a mark, are given with their place, and the records are
//! counted. No tree is built, and a byte that is neither wanted nor a mark is seen by vector instructions only ([`scan`](super::scan)).
//!
//! It is no validator: of a body that is cut or broken it gives what is there and says that it was not whole. It does not recurse,
//! takes time linear in the bytes, and stops at [`DEPTH_MAX`] levels.

use smallvec::SmallVec;
use zeroize::Zeroizing;

use super::percent::{self, Plain};
use super::redact;
use super::scan::{Blocks, RUN_MIN, Runs};

/// Deepest nesting that is read.
pub(crate) const DEPTH_MAX: usize = 128;
/// Longest pointer that is built.
const POINTER_MAX: usize = 256;

/// What a walk gives in the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// One value, without a fault, to its end.
    pub whole: bool,
    /// Elements of the top-level array, or of the largest array member of the top-level object. `None` where not [`Outcome::whole`].
    pub records: Option<u64>,
    /// Bytes read. Fewer than there were only where the nesting was too deep.
    pub read: usize,
}

/// A plain value as it stands: strings without quotes and with their escapes.
#[derive(Clone, Copy)]
pub(crate) enum Scalar<'a> {
    /// A string, escapes not undone: [`unescape`].
    String(&'a [u8]),
    /// A number.
    Number(&'a [u8]),
    /// `true`, `false`, `null`, or something broken.
    Word,
}

/// Where in the nesting a value stands.
pub(crate) struct Place<'w, 'a> {
    levels: &'w [Level<'a>],
}

impl<'a> Place<'_, 'a> {
    /// The member's name, escapes not undone; of an array's element the name of the array. Empty where there is none.
    pub(crate) fn key(&self) -> &'a [u8] {
        let named = self.levels.iter().rev().find_map(|level| match level {
            Level::Object(key, _) => Some(*key),
            Level::Array(_) => None,
        });
        named.unwrap_or_default()
    }

    /// The names of the members in which it stands, escapes not undone; `-` for an array.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'a [u8]> {
        self.levels.iter().map(|level| match level {
            Level::Array(_) => &b"-"[..],
            Level::Object(key, _) => key,
        })
    }

    /// Not an element of an array.
    pub(crate) fn is_member(&self) -> bool {
        matches!(self.levels.last(), Some(Level::Object(..)))
    }

    /// 1 for a member of the top-level object.
    pub(crate) fn depth(&self) -> usize {
        self.levels.len()
    }

    /// JSON pointer (RFC 6901), array indexes as `-`, names that are no plain names masked.
    pub(crate) fn pointer(&self) -> Box<str> {
        let mut pointer = String::new();
        for level in self.levels {
            match level {
                Level::Array(_) => pointer.push_str("/-"),
                Level::Object(key, _) => push_name(&mut pointer, key),
            }
            if pointer.len() > POINTER_MAX {
                pointer.push_str("/…");
                push_name(&mut pointer, self.key());
                break;
            }
        }
        pointer.into()
    }
}

/// Who looks at the values of a walk.
pub(crate) trait Visit<'a> {
    /// Whether each plain value under this name is wanted, whatever it looks like. `escapes`: the name may have some, not undone. Asked
    /// at each member: has to be quick.
    fn wants(&mut self, key: &'a [u8], escapes: bool) -> bool;

    /// A plain value that is wanted, or that holds a mark of [`Runs::marked`]. Elements of arrays have the name of their array.
    fn value(&mut self, place: &Place<'_, 'a>, value: Scalar<'a>, marked: bool);
}

#[derive(Clone, Copy)]
enum Level<'a> {
    /// Whether the elements are wanted.
    Array(bool),
    /// With the name of the member that is being read, and whether its value is wanted.
    Object(&'a [u8], bool),
}

impl Level<'_> {
    fn wanted(self) -> bool {
        let (Self::Array(wanted) | Self::Object(_, wanted)) = self;
        wanted
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    CommaOrEnd,
    /// The top-level value has ended.
    Nothing,
}

/// Walks `data` once.
pub(crate) fn walk<'a, V: Visit<'a>>(data: &'a [u8], visit: &mut V) -> Outcome {
    let start = if data.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let mut walk = Walk {
        data,
        from: start,
        string: None,
        levels: SmallVec::new(),
        expect: Expect::Value,
        sound: true,
        escapes: false,
        counting: false,
        elements: 0,
        records: None,
        visit,
    };
    let read = walk.blocks(start);
    let whole = walk.sound && walk.expect == Expect::Nothing;
    Outcome { whole, records: walk.records.filter(|_| whole), read }
}

struct Walk<'a, 'v, V> {
    data: &'a [u8],
    /// Behind the last mark.
    from: usize,
    /// Where the string that is being read begins, and whether it holds a mark.
    string: Option<(usize, bool)>,
    levels: SmallVec<[Level<'a>; 16]>,
    expect: Expect,
    /// No fault so far.
    sound: bool,
    /// There was a backslash.
    escapes: bool,
    /// The innermost level is an array to be counted.
    counting: bool,
    /// Of the array that is being counted.
    elements: u64,
    records: Option<u64>,
    visit: &'v mut V,
}

impl<'a, V: Visit<'a>> Walk<'a, '_, V> {
    /// Block by block, and in each from mark to mark. Gives the bytes read.
    fn blocks(&mut self, start: usize) -> usize {
        let (mut runs, mut escape, mut inside) = (Runs::default(), false, 0);
        for (base, classes) in Blocks::new(self.data, start) {
            let quotes = classes.quote & !escaped(classes.backslash, &mut escape);
            let strings = between(quotes) ^ inside;
            // All ones where the block ends inside a string.
            inside = (strings >> 63).wrapping_neg();
            let marked = runs.marked(&classes);
            self.escapes |= classes.backslash != 0;
            let mut marks = quotes | (classes.mark & !strings);
            let mut string_from = 0;
            while marks != 0 {
                let bit = marks.trailing_zeros();
                marks &= marks - 1;
                let at = base + bit as usize;
                if quotes >> bit & 1 == 0 {
                    if !self.mark(at) {
                        return at;
                    }
                } else if let Some((start, before)) = self.string.take() {
                    let here = (marked >> string_from) << string_from & ((1 << bit) - 1);
                    self.string_ends(start, at, before || here != 0);
                } else {
                    self.bare(at);
                    self.string = Some((at + 1, false));
                    string_from = bit;
                }
            }
            if let Some((_, before)) = &mut self.string {
                *before |= marked >> string_from != 0;
            }
        }
        // What stands behind the last mark, or a string that does not end.
        if self.string.is_some() {
            self.sound = false;
        } else {
            self.bare(self.data.len());
        }
        self.data.len()
    }

    /// A mark outside of strings. `false` where the nesting is too deep.
    #[inline]
    fn mark(&mut self, at: usize) -> bool {
        self.bare(at);
        self.from = at + 1;
        match self.data.get(at) {
            Some(b'{') => return self.open(false),
            Some(b'[') => return self.open(true),
            Some(b'}') => self.close(false),
            Some(b']') => self.close(true),
            Some(b':') => self.pass(Expect::Colon, Expect::Value),
            _ => {
                let next =
                    if matches!(self.levels.last(), Some(Level::Array(_))) { Expect::Value } else { Expect::Key };
                self.pass(Expect::CommaOrEnd, next);
            }
        }
        true
    }

    /// Goes on after a mark; a mark out of place is a fault and is passed over.
    #[inline]
    fn pass(&mut self, expected: Expect, next: Expect) {
        self.sound &= self.expect == expected;
        self.expect = if self.levels.is_empty() { Expect::Nothing } else { next };
    }

    /// A value begins: counts it where its array is the one to count.
    #[inline]
    fn begin_value(&mut self) {
        self.sound &= matches!(self.expect, Expect::Value | Expect::ValueOrEnd);
        self.elements += u64::from(self.counting);
    }

    /// After the nesting has changed.
    #[inline]
    fn note_counting(&mut self) {
        self.counting = matches!(self.levels.as_slice(), [Level::Array(_)] | [Level::Object(..), Level::Array(_)]);
    }

    #[inline]
    fn end_value(&mut self) {
        self.expect = if self.levels.is_empty() { Expect::Nothing } else { Expect::CommaOrEnd };
    }

    fn open(&mut self, array: bool) -> bool {
        self.begin_value();
        if self.levels.len() >= DEPTH_MAX {
            self.sound = false;
            return false;
        }
        let wanted = array && self.levels.last().is_some_and(|level| level.wanted());
        self.levels.push(if array { Level::Array(wanted) } else { Level::Object(b"", false) });
        self.expect = if array { Expect::ValueOrEnd } else { Expect::KeyOrEnd };
        self.note_counting();
        if self.counting {
            self.elements = 0;
        }
        true
    }

    fn close(&mut self, array: bool) {
        let fits = matches!(self.levels.last(), Some(Level::Array(_))) == array;
        let empty = if array { Expect::ValueOrEnd } else { Expect::KeyOrEnd };
        self.sound &= fits && (self.expect == Expect::CommaOrEnd || self.expect == empty);
        if fits && self.counting {
            self.records = self.records.max(Some(self.elements));
        }
        if fits && self.levels.pop().is_some() {
            self.note_counting();
            self.end_value();
        }
    }

    /// A name or a string value has ended.
    #[inline]
    fn string_ends(&mut self, start: usize, end: usize, marked: bool) {
        self.from = end + 1;
        let text = self.data.get(start..end).unwrap_or_default();
        if matches!(self.expect, Expect::Key | Expect::KeyOrEnd)
            && let Some(Level::Object(key, wanted)) = self.levels.last_mut()
        {
            *key = text;
            *wanted = self.visit.wants(text, self.escapes);
            self.expect = Expect::Colon;
            return;
        }
        self.begin_value();
        self.give(Scalar::String(text), marked);
        self.end_value();
    }

    /// What stands between two marks: white space, a number or a word.
    #[inline]
    fn bare(&mut self, end: usize) {
        if self.from < end {
            self.bare_text(end);
        }
    }

    fn bare_text(&mut self, end: usize) {
        let text = self.data.get(self.from..end).unwrap_or_default().trim_ascii();
        let Some(&first) = text.first() else { return };
        self.begin_value();
        let number = first == b'-' || first.is_ascii_digit();
        let one = !text.iter().any(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n' | b'\\'));
        self.sound &= one && (number || matches!(text, b"true" | b"false" | b"null"));
        // A number at the end of a body that was cut may be cut itself.
        if number && end < self.data.len() {
            self.give(Scalar::Number(text), text.len() >= RUN_MIN);
        } else {
            self.give(Scalar::Word, false);
        }
        self.end_value();
    }

    #[inline]
    fn give(&mut self, value: Scalar<'a>, marked: bool) {
        let wanted = self.levels.last().is_some_and(|level| level.wanted());
        if (marked || wanted) && matches!(self.expect, Expect::Value | Expect::ValueOrEnd) {
            self.visit.value(&Place { levels: &self.levels }, value, marked);
        }
    }
}

/// Which bytes are escaped: those behind an odd number of backslashes. `carry`: the first byte of the next block is.
#[inline]
fn escaped(backslash: u64, carry: &mut bool) -> u64 {
    if backslash == 0 && !*carry { 0 } else { escaped_bits(backslash, carry) }
}

fn escaped_bits(backslash: u64, carry: &mut bool) -> u64 {
    let mut escaped = u64::from(*carry);
    // A backslash that is escaped itself escapes nothing.
    let mut rest = backslash & !escaped;
    *carry = rest >> 63 == 1;
    while rest != 0 {
        // Nothing where the last bit is reached: `carry` knows of it.
        let next = 1_u64.wrapping_shl(rest.trailing_zeros()) << 1;
        rest &= rest - 1;
        // A last bit that the row before it has escaped reaches over no border.
        if next >> 63 == 1 && rest >> 63 == 1 {
            *carry = false;
        }
        escaped |= next;
        rest &= !next;
    }
    escaped
}

/// Bits from each opening quote to the bit before the closing one.
#[inline]
fn between(quotes: u64) -> u64 {
    let mut bits = quotes;
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

fn push_name(pointer: &mut String, key: &[u8]) {
    pointer.push('/');
    // No `~` or `/` passes `field_name`, so nothing is left to be escaped.
    pointer.push_str(redact::field_name(&unescape(key)));
}

/// Undoes a string's escapes (RFC 8259 §7). A broken escape stays as it is.
pub(crate) fn unescape(text: &[u8]) -> Plain<'_> {
    if memchr::memchr(b'\\', text).is_none() {
        return Plain::Borrowed(text);
    }
    let mut plain = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = match (byte, after) {
            (b'\\', [b'u', after @ ..]) => unescape_unicode(after, &mut plain),
            (b'\\', [escaped, after @ ..]) => {
                plain.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'f' => 12,
                    other => *other,
                });
                after
            }
            _ => {
                plain.push(byte);
                after
            }
        };
    }
    Plain::Decoded(plain)
}

/// After `\u`: gives what follows the escape, of two where they are a surrogate pair.
fn unescape_unicode<'a>(after: &'a [u8], plain: &mut Vec<u8>) -> &'a [u8] {
    let Some((first, rest)) = unit(after) else {
        plain.extend_from_slice(b"\\u");
        return after;
    };
    let pair = || {
        let (second, rest) = unit(rest.strip_prefix(b"\\u")?)?;
        let decoded = char::decode_utf16([first, second]).next()?.ok()?;
        (0xd800..0xdc00).contains(&first).then_some((decoded, rest))
    };
    let (decoded, rest) = pair().unwrap_or((char::from_u32(u32::from(first)).unwrap_or('\u{fffd}'), rest));
    plain.extend_from_slice(decoded.encode_utf8(&mut [0; 4]).as_bytes());
    rest
}

fn unit(after: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, rest) = after.split_first_chunk::<4>()?;
    let all = digits.iter().all(u8::is_ascii_hexdigit);
    all.then(|| (digits.iter().fold(0, |unit, d| unit << 4 | u16::from(percent::digit(*d))), rest))
}

/// The first byte that is no white space and no byte order mark: JSON's objects and arrays are known by it.
pub(crate) fn looks_like(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    matches!(body.trim_ascii_start().first(), Some(b'{' | b'['))
}

#[cfg(test)]
mod tests;
