//! One pass over JSON: each member with a plain value is given with its place, and the records are counted.
//!
//! It is no validator: of a body that is cut or broken it gives what is there and says that it was not whole. It does not recurse,
//! takes time linear in the bytes, and stops at [`DEPTH_MAX`] levels.

use smallvec::SmallVec;
use zeroize::Zeroizing;

use super::percent::{self, Plain};
use super::redact;

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
    key: &'a [u8],
}

impl<'a> Place<'_, 'a> {
    /// The member's name, escapes not undone.
    pub(crate) fn key(&self) -> &'a [u8] {
        self.key
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
                Level::Array => pointer.push_str("/-"),
                Level::Object(key) => push_name(&mut pointer, key),
            }
            if pointer.len() > POINTER_MAX {
                pointer.push_str("/…");
                push_name(&mut pointer, self.key);
                break;
            }
        }
        pointer.into()
    }
}

/// Takes each member whose value is plain.
pub(crate) type OnMember<'f, 'a> = &'f mut dyn FnMut(Place<'_, 'a>, Scalar<'a>);

#[derive(Clone, Copy)]
enum Level<'a> {
    Array,
    /// With the name of the member that is being read.
    Object(&'a [u8]),
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
pub(crate) fn walk<'a>(data: &'a [u8], on_member: OnMember<'_, 'a>) -> Outcome {
    let start = if data.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let mut walk = Walk {
        data,
        at: start,
        levels: SmallVec::new(),
        expect: Expect::Value,
        sound: true,
        counting: false,
        elements: 0,
        records: None,
        on_member,
    };
    while walk.step() {}
    let whole = walk.sound && walk.expect == Expect::Nothing;
    Outcome { whole, records: walk.records.filter(|_| whole), read: walk.at }
}

struct Walk<'a, 'f> {
    data: &'a [u8],
    at: usize,
    levels: SmallVec<[Level<'a>; 16]>,
    expect: Expect,
    /// No fault so far.
    sound: bool,
    /// The innermost level is an array to be counted.
    counting: bool,
    /// Of the array that is being counted.
    elements: u64,
    records: Option<u64>,
    on_member: OnMember<'f, 'a>,
}

impl<'a> Walk<'a, '_> {
    /// One token. `false` at the end.
    fn step(&mut self) -> bool {
        let Some(&byte) = self.data.get(self.at) else { return false };
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => self.at += 1,
            b'{' | b'[' => return self.open(byte == b'['),
            b'}' | b']' => self.close(byte == b']'),
            b'"' => return self.string(),
            b':' => {
                self.at += 1;
                self.pass(Expect::Colon, Expect::Value);
            }
            b',' => self.comma(),
            _ => self.bare(byte),
        }
        true
    }

    /// Goes on after a mark; a mark out of place is a fault and is passed over.
    fn pass(&mut self, expected: Expect, next: Expect) {
        self.sound &= self.expect == expected;
        self.expect = if self.levels.is_empty() { Expect::Nothing } else { next };
    }

    fn comma(&mut self) {
        self.at += 1;
        let next = if matches!(self.levels.last(), Some(Level::Array)) { Expect::Value } else { Expect::Key };
        self.pass(Expect::CommaOrEnd, next);
    }

    /// A value begins: counts it where its array is the one to count.
    fn begin_value(&mut self) {
        self.sound &= matches!(self.expect, Expect::Value | Expect::ValueOrEnd);
        self.elements += u64::from(self.counting);
    }

    /// After the nesting has changed.
    fn note_counting(&mut self) {
        self.counting = matches!(self.levels.as_slice(), [Level::Array] | [Level::Object(_), Level::Array]);
    }

    fn end_value(&mut self) {
        self.expect = if self.levels.is_empty() { Expect::Nothing } else { Expect::CommaOrEnd };
    }

    fn open(&mut self, array: bool) -> bool {
        self.begin_value();
        if self.levels.len() >= DEPTH_MAX {
            self.sound = false;
            return false;
        }
        self.at += 1;
        self.levels.push(if array { Level::Array } else { Level::Object(b"") });
        self.expect = if array { Expect::ValueOrEnd } else { Expect::KeyOrEnd };
        self.note_counting();
        if self.counting {
            self.elements = 0;
        }
        true
    }

    fn close(&mut self, array: bool) {
        self.at += 1;
        let fits = matches!(self.levels.last(), Some(Level::Array)) == array;
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

    /// A name or a string value. `false` where it does not end.
    fn string(&mut self) -> bool {
        let start = self.at + 1;
        let Some(end) = string_end(self.data, start) else {
            self.at = self.data.len();
            self.sound = false;
            return false;
        };
        let text = self.data.get(start..end).unwrap_or_default();
        self.at = end + 1;
        if matches!(self.expect, Expect::Key | Expect::KeyOrEnd)
            && let Some(Level::Object(key)) = self.levels.last_mut()
        {
            *key = text;
            // Nearly always the colon follows at once.
            let colon = self.data.get(self.at) == Some(&b':');
            self.at += usize::from(colon);
            self.expect = if colon { Expect::Value } else { Expect::Colon };
            return true;
        }
        self.begin_value();
        self.give(Scalar::String(text));
        self.end_value();
        true
    }

    /// A number or a word: up to the next mark.
    fn bare(&mut self, first: u8) {
        let rest = self.data.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|b| ENDS_BARE[usize::from(*b)]).unwrap_or(rest.len());
        let text = rest.get(..length).unwrap_or_default();
        self.at += length;
        self.begin_value();
        let number = first == b'-' || first.is_ascii_digit();
        self.sound &= number || matches!(text, b"true" | b"false" | b"null");
        // A number at the end of a body that was cut may be cut itself.
        if number && self.at < self.data.len() {
            self.give(Scalar::Number(text));
        } else {
            self.give(Scalar::Word);
        }
        self.end_value();
    }

    fn give(&mut self, value: Scalar<'a>) {
        if self.expect == Expect::Value
            && let Some(&Level::Object(key)) = self.levels.last()
        {
            (self.on_member)(Place { levels: &self.levels, key }, value);
        }
    }
}

/// Bytes of a string looked at one by one.
const STRING_NEAR: usize = 16;

/// Whether a byte ends a number or a word.
const ENDS_BARE: [bool; 256] = {
    let mut ends = [false; 256];
    let marks = b",:]}[{\" \t\r\n";
    let mut at = 0;
    while at < marks.len() {
        ends[marks[at] as usize] = true;
        at += 1;
    }
    ends
};

/// The closing quote of the string that starts at `start`.
fn string_end(data: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    // Most strings are short: a plain loop finds their end sooner than a call.
    let near = data.get(start..)?.iter().take(STRING_NEAR).position(|b| matches!(b, b'"' | b'\\'));
    at += near.unwrap_or(STRING_NEAR);
    loop {
        at += memchr::memchr2(b'"', b'\\', data.get(at..)?)?;
        if data.get(at) == Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
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
