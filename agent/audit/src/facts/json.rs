//! One pass over JSON: plain values that are wanted by name, or that hold a mark, are given with their place, and the records are
//! counted. No tree is built, and a byte that is neither wanted nor a mark is seen by vector instructions only ([`scan`](super::scan)).
//!
//! It is no validator: of a body that is cut or broken it gives what is there and says that it was not whole. It does not recurse,
//! takes time linear in the bytes, and stops at [`DEPTH_MAX`] levels.

use smallvec::SmallVec;
use zeroize::Zeroizing;

use super::outline::{ELEMENTS_MAX, Outline};
use super::percent::{self, Plain};
use super::redact;
use super::scan::{Blocks, Marked, Marks, RUN_MIN, Runs};

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
    /// The names near the top, as far as it was read.
    pub outline: Outline,
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
    Word(&'a [u8]),
}

/// Where in the nesting a value stands.
pub(crate) struct Place<'w, 'a> {
    /// The outermost stands for the body itself.
    outer: &'w [Level<'a>],
    inner: &'w Level<'a>,
}

impl<'a> Place<'_, 'a> {
    fn levels(&self) -> impl Iterator<Item = &Level<'a>> {
        self.outer.iter().chain([self.inner]).filter(|level| level.kind != Kind::Body)
    }

    /// The member's name, escapes not undone; of an array's element the name of the array. Empty where there is none.
    pub(crate) fn key(&self) -> &'a [u8] {
        let mut inwards = [self.inner].into_iter().chain(self.outer.iter().rev());
        inwards.find(|level| level.kind == Kind::Object).map(|level| level.key).unwrap_or_default()
    }

    /// The names of the members in which it stands, escapes not undone; `-` for an array.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'a [u8]> {
        self.levels().map(|level| if level.kind == Kind::Array { &b"-"[..] } else { level.key })
    }

    /// Not an element of an array.
    pub(crate) fn is_member(&self) -> bool {
        self.inner.kind == Kind::Object
    }

    /// 1 for a member of the top-level object.
    pub(crate) fn depth(&self) -> usize {
        self.outer.len()
    }

    /// JSON pointer (RFC 6901), array indexes as `-`, names that are no plain names masked.
    pub(crate) fn pointer(&self) -> Box<str> {
        let mut pointer = String::new();
        for level in self.levels() {
            match level.kind {
                Kind::Array => pointer.push_str("/-"),
                Kind::Body => {}
                Kind::Object => push_name(&mut pointer, level.key),
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
    /// Each plain value is given, whatever its name.
    const ALL: bool = false;

    /// Whether each plain value under this name is wanted, whatever it looks like. `escapes`: the name may have some, not undone. Asked
    /// at each member: has to be quick.
    fn wants(&mut self, key: &'a [u8], escapes: bool) -> bool;

    /// A plain value that is wanted, or that holds a mark ([`Marks`]). Elements of arrays have the name of their array.
    fn value(&mut self, place: &Place<'_, 'a>, value: Scalar<'a>, marks: Marks);

    /// An object or array begins.
    #[inline]
    fn opened(&mut self, _is_array: bool) {}

    /// It ends.
    #[inline]
    fn closed(&mut self) {}
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Outside of everything.
    Body,
    Array,
    Object,
}

#[derive(Clone, Copy)]
struct Level<'a> {
    kind: Kind,
    /// The values here are wanted.
    wanted: bool,
    /// Of an object: the name of the member that is being read.
    key: &'a [u8],
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
        outer: SmallVec::new(),
        inner: Level { kind: Kind::Body, wanted: false, key: b"" },
        expect: Expect::Value,
        sound: true,
        escapes: false,
        counting: false,
        elements: 0,
        records: None,
        outlining: false,
        outline: Outline::default(),
        visit,
    };
    let read = walk.blocks(start);
    let whole = walk.sound && walk.expect == Expect::Nothing;
    Outcome { whole, records: walk.records.filter(|_| whole), outline: walk.outline, read }
}

#[expect(clippy::struct_excessive_bools, reason = "each is a state of its own, asked at each mark")]
struct Walk<'a, 'v, V> {
    data: &'a [u8],
    /// Behind the last mark.
    from: usize,
    /// Where the string that is being read begins, and what marks it holds, where it began in an earlier block.
    string: Option<(usize, Marks)>,
    /// The levels around the innermost; the first stands for the body.
    outer: SmallVec<[Level<'a>; 16]>,
    inner: Level<'a>,
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
    /// The innermost level is an object near the top.
    outlining: bool,
    outline: Outline,
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
            let marks = quotes | (classes.mark & !strings);
            if let Err(read) = self.block(base, marks, quotes, &marked) {
                return read;
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

    /// One block's marks, quotes among them. The bytes read where the nesting is too deep.
    #[inline]
    fn block(&mut self, base: usize, mut marks: u64, quotes: u64, marked: &Marked) -> Result<(), usize> {
        if let Some((start, before)) = self.string.take() {
            if marks == 0 {
                self.string = Some((start, before | marked.within(0, 64)));
                return Ok(());
            }
            // Inside a string the next mark is its end.
            let end = marks.trailing_zeros();
            marks &= marks - 1;
            marks &= self.string_ends(start, base, end, before | marked.within(0, end));
        }
        while marks != 0 {
            let bit = marks.trailing_zeros();
            marks &= marks - 1;
            let at = base + bit as usize;
            if quotes >> bit & 1 == 0 {
                if !self.mark(at) {
                    return Err(at);
                }
                continue;
            }
            self.bare(at);
            if marks == 0 {
                self.string = Some((at + 1, marked.within(bit, 64)));
                break;
            }
            let end = marks.trailing_zeros();
            marks &= marks - 1;
            marks &= self.string_ends(at + 1, base, end, marked.within(bit, end));
        }
        Ok(())
    }

    /// A mark outside of strings. `false` where the nesting is too deep.
    #[inline]
    fn mark(&mut self, at: usize) -> bool {
        self.bare(at);
        self.from = at + 1;
        match self.data.get(at) {
            Some(b',') => {
                let next = if self.inner.kind == Kind::Array { Expect::Value } else { Expect::Key };
                self.pass(Expect::CommaOrEnd, next);
            }
            Some(b'{') => return self.open(Kind::Object),
            Some(b'[') => return self.open(Kind::Array),
            Some(b'}') => self.close(Kind::Object),
            Some(b']') => self.close(Kind::Array),
            _ => self.pass(Expect::Colon, Expect::Value),
        }
        true
    }

    /// Goes on after a mark; a mark out of place is a fault and is passed over.
    #[inline]
    fn pass(&mut self, expected: Expect, next: Expect) {
        self.sound &= self.expect == expected;
        self.expect = if self.inner.kind == Kind::Body { Expect::Nothing } else { next };
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
        let place = match self.outer.as_slice() {
            [_] => true,
            [_, level] => level.kind == Kind::Object,
            _ => false,
        };
        self.counting = place && self.inner.kind == Kind::Array;
        let near = match self.outer.as_slice() {
            [_] => true,
            [_, level] => level.kind == Kind::Object || self.elements <= ELEMENTS_MAX,
            [_, top, level] => top.kind == Kind::Object && level.kind == Kind::Array && self.elements <= ELEMENTS_MAX,
            _ => false,
        };
        self.outlining = near && self.inner.kind == Kind::Object;
    }

    #[inline]
    fn end_value(&mut self) {
        self.expect = if self.inner.kind == Kind::Body { Expect::Nothing } else { Expect::CommaOrEnd };
    }

    fn open(&mut self, kind: Kind) -> bool {
        self.begin_value();
        if self.outer.len() >= DEPTH_MAX {
            self.sound = false;
            return false;
        }
        let array = kind == Kind::Array;
        self.outer.push(self.inner);
        self.inner = Level { kind, wanted: array && self.inner.wanted, key: b"" };
        self.expect = if array { Expect::ValueOrEnd } else { Expect::KeyOrEnd };
        self.note_counting();
        if self.counting {
            self.elements = 0;
        }
        self.visit.opened(array);
        true
    }

    fn close(&mut self, kind: Kind) {
        let fits = self.inner.kind == kind;
        let empty = if kind == Kind::Array { Expect::ValueOrEnd } else { Expect::KeyOrEnd };
        self.sound &= fits && (self.expect == Expect::CommaOrEnd || self.expect == empty);
        if !fits {
            return;
        }
        if self.counting {
            self.records = self.records.max(Some(self.elements));
        }
        if let Some(outer) = self.outer.pop() {
            self.visit.closed();
            self.inner = outer;
            self.note_counting();
            self.end_value();
        }
    }

    /// A name or a string value has ended at bit `end` of the block. Gives the marks that are still to be read.
    #[inline]
    fn string_ends(&mut self, start: usize, base: usize, end: u32, marks: Marks) -> u64 {
        let behind = base + end as usize + 1;
        self.from = behind;
        let text = self.data.get(start..behind - 1).unwrap_or_default();
        if matches!(self.expect, Expect::Key | Expect::KeyOrEnd) && self.inner.kind == Kind::Object {
            self.inner.key = text;
            if self.outlining {
                self.outline.add(self.outer.len(), text);
            }
            self.inner.wanted = self.visit.wants(text, self.escapes);
            // Nearly always the colon follows at once.
            if end < 63 && self.data.get(behind) == Some(&b':') {
                self.from = behind + 1;
                self.expect = Expect::Value;
                return !(2 << end);
            }
            self.expect = Expect::Colon;
            return u64::MAX;
        }
        self.begin_value();
        self.give(Scalar::String(text), marks);
        self.end_value();
        u64::MAX
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
        let sound = if number {
            text.iter().all(|byte| IN_NUMBER.get(usize::from(*byte)).copied().unwrap_or(false))
        } else {
            matches!(text, b"true" | b"false" | b"null")
        };
        self.sound &= sound;
        // A number at the end of a body that was cut may be cut itself.
        if number && end < self.data.len() {
            self.give(Scalar::Number(text), if text.len() >= RUN_MIN { Marks::DIGITS } else { Marks::default() });
        } else {
            self.give(Scalar::Word(text), Marks::default());
        }
        self.end_value();
    }

    #[inline]
    fn give(&mut self, value: Scalar<'a>, marks: Marks) {
        if (V::ALL || self.inner.wanted || marks.any()) && matches!(self.expect, Expect::Value | Expect::ValueOrEnd) {
            self.visit.value(&Place { outer: &self.outer, inner: &self.inner }, value, marks);
        }
    }
}

/// Characters of numbers (RFC 8259 §6).
const IN_NUMBER: [bool; 256] = {
    let mut all = [false; 256];
    let characters = b"0123456789+-.eE";
    let mut at = 0;
    while at < characters.len() {
        all[characters[at] as usize] = true;
        at += 1;
    }
    all
};

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
