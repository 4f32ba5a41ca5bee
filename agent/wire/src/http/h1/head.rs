//! Heads: the first line and the header fields.
//!
//! The usual head goes through httparse, once, where it lies. What httparse refuses is read line by line by [`walk`],
//! which keeps what stands before the first fault.

use std::mem::MaybeUninit;

use smallvec::SmallVec;

use crate::event::{AmbiguityKind, Header, Start, Version};
use crate::http::Odds;
use crate::http::h1::framing::Fields;
use crate::input::Side;

/// Header fields of a message; more are a fault. Apache's and nginx's own limits are lower.
pub(crate) const HEADERS_MAX: usize = 256;

/// Method names are shorter (the longest registered one has 17 bytes).
const METHOD_BYTES_MAX: usize = 32;

/// So much of a first line decides whether it can be one.
pub(crate) const SIGN_BYTES: usize = METHOD_BYTES_MAX + 1;

/// The fields of the head at hand; on the stack up to 64.
pub(crate) type HeaderVec<'a> = SmallVec<[Header<'a>; 64]>;

/// A head that was read.
#[derive(Clone, Copy)]
pub(crate) struct Head<'a> {
    pub(crate) version: Version,
    pub(crate) start: Start<'a>,
    /// Its bytes, empty line included; or the bytes before the fault.
    pub(crate) len: usize,
    pub(crate) odds: Odds,
    pub(crate) fields: Fields,
}

/// What stopped [`walk`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The bytes ended before the empty line.
    Ended,
    /// A line breaks the rules, in this way.
    Line(AmbiguityKind),
}

/// What httparse found.
pub(crate) enum Parsed<'a> {
    Whole(Head<'a>),
    /// Not whole, or not in order: for [`end`] and [`walk`] to say.
    Not,
}

/// Reads a head that was read before: whole, or as far as there is no fault.
pub(crate) fn read<'a>(bytes: &'a [u8], side: Side, headers: &mut HeaderVec<'a>) -> Option<Head<'a>> {
    match parse(bytes, side, headers) {
        Parsed::Whole(head) => Some(head),
        Parsed::Not => {
            headers.clear();
            walk(bytes, side, headers).0
        }
    }
}

/// Reads a whole head at the start of `bytes`. Empty lines before it have been removed.
pub(crate) fn parse<'a>(bytes: &'a [u8], side: Side, headers: &mut HeaderVec<'a>) -> Parsed<'a> {
    let mut fields = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let (len, version, start, fields) = match side {
        Side::Client => {
            let mut request = httparse::Request::new(&mut []);
            let Ok(httparse::Status::Complete(len)) = request.parse_with_uninit_headers(bytes, &mut fields) else {
                return Parsed::Not;
            };
            let (Some(method), Some(target)) = (request.method, request.path) else { return Parsed::Not };
            if method.len() > METHOD_BYTES_MAX {
                return Parsed::Not;
            }
            (len, request.version, Start::Request { method, target: target.as_bytes() }, request.headers)
        }
        Side::Server => {
            let mut response = httparse::Response::new(&mut []);
            let mut config = httparse::ParserConfig::default();
            config.allow_spaces_after_header_name_in_responses(true);
            let result = config.parse_response_with_uninit_headers(&mut response, bytes, &mut fields);
            let Ok(httparse::Status::Complete(len)) = result else { return Parsed::Not };
            let Some(status) = response.code.filter(|code| *code >= 100) else { return Parsed::Not };
            (len, response.version, Start::Response { status }, response.headers)
        }
    };
    let version = if version == Some(0) { Version::Http10 } else { Version::Http11 };
    let Some(head) = bytes.get(..len) else { return Parsed::Not };
    let mut oddities =
        Oddities { head, side, bare: !head.ends_with(b"\r\n\r\n"), spaced: false, odds: Odds::default() };
    let mut framing = Fields::default();
    // One pass: there are many fields, and each is looked at for little.
    headers.extend(fields.iter().map(|field| {
        let header = Header { name: field.name, value: field.value };
        framing.add(&header);
        oddities.add(&header);
        header
    }));
    Parsed::Whole(Head { version, start, len, odds: oddities.odds(), fields: framing })
}

/// What httparse lets pass: bare LF, white space before the colon (in responses), and what [`tab`] finds.
struct Oddities<'a> {
    head: &'a [u8],
    side: Side,
    bare: bool,
    spaced: bool,
    odds: Odds,
}

impl Oddities<'_> {
    fn add(&mut self, header: &Header<'_>) {
        let at = place(header.name.as_bytes(), self.head);
        self.bare |= self.head.get(at.wrapping_sub(2)) != Some(&b'\r');
        self.spaced |= self.head.get(at.wrapping_add(header.name.len())) != Some(&b':');
        tab(self.head, self.side, header, &mut self.odds);
    }

    fn odds(mut self) -> Odds {
        self.odds.add_if(self.bare, AmbiguityKind::OddLineEnd);
        self.odds.add_if(self.spaced, AmbiguityKind::OddName);
        self.odds
    }
}

/// Tabs around a value that decides: nginx takes one before it for a part of it, node one behind it. And in responses a space
/// behind a coding: Python takes it for a part of it.
fn tab(head: &[u8], side: Side, header: &Header<'_>, odds: &mut Odds) {
    let Some(kind) = deciding(header.name) else { return };
    let name_end = place(header.name.as_bytes(), head).saturating_add(header.name.len());
    let line = head.get(name_end..).unwrap_or_default();
    let line = line.get(..memchr::memchr(b'\n', line).unwrap_or(line.len())).unwrap_or_default();
    // Nearly always one space before the value and nothing behind it.
    if line.len() == header.value.len() + 3 && line.starts_with(b": ") && line.ends_with(b"\r") {
        return;
    }
    odds.add_if(memchr::memchr(b'\t', line).is_some() && memchr::memchr(b'\t', header.value).is_none(), kind);
    let spaced = line.trim_ascii_end().len() < line.strip_suffix(b"\r").unwrap_or(line).len();
    odds.add_if(spaced && side == Side::Server && kind == AmbiguityKind::OddTransferEncoding, kind);
}

/// Of a field that decides how the message is read: the kind of what is odd about it.
fn deciding(name: &str) -> Option<AmbiguityKind> {
    match name.len() {
        4 if name.eq_ignore_ascii_case("host") => Some(AmbiguityKind::OddHost),
        14 if name.eq_ignore_ascii_case("content-length") => Some(AmbiguityKind::OddLength),
        17 if name.eq_ignore_ascii_case("transfer-encoding") => Some(AmbiguityKind::OddTransferEncoding),
        _ => None,
    }
}

/// Where bytes lie that are a part of `whole`.
fn place(part: &[u8], whole: &[u8]) -> usize {
    part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr())
}

/// Where the head in `buf` ends: after the first empty line. `scan` is where the search goes on next time, so that no
/// byte is searched twice.
pub(crate) fn end(buf: &[u8], scan: &mut usize) -> Option<usize> {
    loop {
        let rest = buf.get(*scan..)?;
        let line_end = memchr::memchr(b'\n', rest);
        let Some(line_end) = line_end else {
            *scan = buf.len();
            return None;
        };
        match rest.get(line_end + 1..) {
            Some([b'\n', ..]) => return Some(*scan + line_end + 2),
            Some([b'\r', b'\n', ..]) => return Some(*scan + line_end + 3),
            Some([] | [b'\r']) | None => {
                *scan += line_end;
                return None;
            }
            Some(_) => *scan += line_end + 1,
        }
    }
}

/// Whether bytes can be the beginning of a first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    Yes,
    No,
    /// Too few to say.
    Maybe,
}

/// Looks at the first [`SIGN_BYTES`] only. Monotone: more bytes never turn yes into no or no into yes.
pub(crate) fn sign(bytes: &[u8], side: Side) -> Sign {
    match side {
        Side::Client => match bytes.iter().take(SIGN_BYTES).position(|b| !is_token(*b)) {
            Some(at) if at > 0 && bytes.get(at) == Some(&b' ') => Sign::Yes,
            Some(_) => Sign::No,
            None if bytes.len() >= SIGN_BYTES => Sign::No,
            None => Sign::Maybe,
        },
        Side::Server => {
            let matches = bytes.iter().zip(b"HTTP/1.0 ").enumerate().all(|(i, (b, sign))| match i {
                7 => b.is_ascii_digit(),
                _ => b == sign,
            });
            let digits = bytes.iter().skip(9).take(3).all(u8::is_ascii_digit);
            match (matches && digits, bytes.len() >= 12) {
                (false, _) => Sign::No,
                (true, true) => Sign::Yes,
                (true, false) => Sign::Maybe,
            }
        }
    }
}

/// Whether a first line begins with a method in common use (RFC 9110 §9, RFC 5789, the QUERY draft).
pub(crate) fn is_usual(bytes: &[u8]) -> bool {
    begins_usual(bytes).is_some_and(|rest| rest.first() == Some(&b' '))
}

/// Whether a tab follows such a method: haproxy reads a request in it.
pub(crate) fn is_usual_but_for_a_tab(bytes: &[u8]) -> bool {
    begins_usual(bytes).is_some_and(|rest| rest.first() == Some(&b'\t'))
}

/// What follows a method in common use.
fn begins_usual(bytes: &[u8]) -> Option<&[u8]> {
    let methods =
        [&b"GET"[..], b"POST", b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"PATCH", b"CONNECT", b"TRACE", b"QUERY"];
    methods.iter().find_map(|method| bytes.strip_prefix(*method))
}

/// What a whole first line is that has the right [`sign`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Of HTTP/1.0, 1.1 or a higher minor version.
    Http,
    /// Of HTTP, in a version or a form that is none.
    Odd(AmbiguityKind),
    /// `GET target`, without a version.
    Http09,
    Other,
}

/// Judges a first line, without its end.
pub(crate) fn line(line: &[u8], side: Side) -> Line {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if side == Side::Server {
        return Line::Http;
    }
    let last = line.rsplit(|b| *b == b' ').next().unwrap_or_default();
    match last {
        _ if version_of(last).is_some() => Line::Http,
        b"HTTP/2.0" if line.starts_with(b"PRI * ") => Line::Other,
        _ if last.get(..5).is_some_and(|name| name.eq_ignore_ascii_case(b"HTTP/")) => {
            Line::Odd(AmbiguityKind::OddVersion)
        }
        _ if line.starts_with(b"GET /") && !line[5..].contains(&b' ') => Line::Http09,
        _ if is_usual(line) && line.split(|b| *b == b' ').nth(1).is_some_and(|target| target.starts_with(b"/")) => {
            Line::Odd(AmbiguityKind::OddFirstLine)
        }
        _ => Line::Other,
    }
}

/// Replaces obsolete line folding by spaces, in place (RFC 9112 §5.2). Whether there was any.
pub(crate) fn unfold(head: &mut [u8]) -> bool {
    let mut folded = false;
    let mut first_line = true;
    let mut at = 0;
    while let Some(line_end) = head.get(at..).and_then(|rest| memchr::memchr(b'\n', rest)).map(|n| at + n) {
        at = line_end + 1;
        let folds = matches!(head.get(at), Some(b' ' | b'\t'));
        if folds && !first_line {
            folded = true;
            if let Some(b) = head.get_mut(line_end) {
                *b = b' ';
            }
            if let Some(b) = line_end.checked_sub(1).and_then(|before| head.get_mut(before))
                && *b == b'\r'
            {
                *b = b' ';
            }
        }
        first_line = false;
    }
    folded
}

/// Removes the last field of a head that ends with it: what is missing may have been more of its value, folded.
pub(crate) fn drop_open_field(head: &mut Vec<u8>) {
    let Some(lines) = head.strip_suffix(b"\n") else { return };
    if let Some(line_end) = memchr::memrchr(b'\n', lines) {
        head.truncate(line_end + 1);
    }
}

/// Reads what is in order: the first line, or nothing is; then fields until the first fault.
pub(crate) fn walk<'a>(bytes: &'a [u8], side: Side, headers: &mut HeaderVec<'a>) -> (Option<Head<'a>>, Option<Fault>) {
    let Some((first, mut len)) = next_line(bytes, 0) else { return (None, Some(Fault::Ended)) };
    let (text, mut bare) = without_end(first);
    let first = match side {
        Side::Client => request_line(text),
        Side::Server => status_line(text),
    };
    let Some((version, start)) = first else { return (None, Some(Fault::Line(first_fault(text, side)))) };
    let fault = loop {
        let Some((line, after)) = next_line(bytes, len) else { break Some(Fault::Ended) };
        let (text, bare_here) = without_end(line);
        if text.is_empty() {
            bare |= bare_here;
            len = after;
            break None;
        }
        match field(text) {
            Some(header) if headers.len() < HEADERS_MAX => headers.push(header),
            Some(_) => break Some(Fault::Line(AmbiguityKind::LongHead)),
            None => break Some(Fault::Line(fault_kind(text))),
        }
        bare |= bare_here;
        len = after;
    };
    let mut odds = Odds::default();
    for header in headers.iter() {
        tab(bytes, side, header, &mut odds);
    }
    odds.add_if(bare, AmbiguityKind::OddLineEnd);
    odds.add_if(is_odd_version(bytes, side), AmbiguityKind::OddVersion);
    (Some(Head { version, start, len, odds, fields: Fields::of(headers) }), fault)
}

/// Reads the fields of a trailer section, until the first that is none.
pub(crate) fn trailers<'a>(bytes: &'a [u8], headers: &mut HeaderVec<'a>) {
    let mut at = 0;
    while let Some((line, after)) = next_line(bytes, at) {
        match field(without_end(line).0) {
            Some(header) if headers.len() < HEADERS_MAX => headers.push(header),
            Some(_) | None => return,
        }
        at = after;
    }
}

/// What in a trailer section makes servers refuse the body, or read another: a line that is no field, a fold, or a field
/// that frames (RFC 9110 §6.5.1).
pub(crate) fn trailer_odds(bytes: &[u8]) -> Odds {
    let mut odds = Odds::default();
    let mut at = 0;
    while let Some((line, after)) = next_line(bytes, at) {
        at = after;
        let text = without_end(line).0;
        if text.is_empty() {
            continue;
        }
        let kind = match field(text) {
            _ if text.starts_with(b" ") || text.starts_with(b"\t") => Some(AmbiguityKind::Folded),
            None => Some(fault_kind(text)),
            Some(header) if header.name.eq_ignore_ascii_case("content-length") => Some(AmbiguityKind::LengthAndChunked),
            Some(header) if header.name.eq_ignore_ascii_case("transfer-encoding") => {
                Some(AmbiguityKind::OddTransferEncoding)
            }
            Some(_) => None,
        };
        if let Some(kind) = kind {
            odds.add(kind);
        }
    }
    odds
}

fn next_line(bytes: &[u8], from: usize) -> Option<(&[u8], usize)> {
    let rest = bytes.get(from..)?;
    let line_end = memchr::memchr(b'\n', rest)?;
    Some((rest.get(..=line_end)?, from + line_end + 1))
}

/// A line without its end, and whether that was a bare LF.
fn without_end(line: &[u8]) -> (&[u8], bool) {
    match line.strip_suffix(b"\r\n") {
        Some(text) => (text, false),
        None => (line.strip_suffix(b"\n").unwrap_or(line), true),
    }
}

fn request_line(line: &[u8]) -> Option<(Version, Start<'_>)> {
    let mut parts = line.split(|b| *b == b' ');
    let (method, target, version) = (parts.next()?, parts.next()?, parts.next()?);
    let visible = !target.is_empty() && target.iter().all(|b| *b > b' ' && *b != 0x7f);
    if parts.next().is_some() || method.is_empty() || method.len() > METHOD_BYTES_MAX || !visible {
        return None;
    }
    let version = version_of(version)?;
    let method = token(method)?;
    Some((version, Start::Request { method, target }))
}

fn status_line(line: &[u8]) -> Option<(Version, Start<'_>)> {
    let version = version_of(line.get(..8)?)?;
    let (b' ', [hundreds, tens, ones]) = (*line.get(8)?, line.get(9..12)?) else { return None };
    if ![hundreds, tens, ones].iter().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digit = |b: &u8| u16::from(b - b'0');
    let status = digit(hundreds) * 100 + digit(tens) * 10 + digit(ones);
    let reason = line.get(12..)?;
    let ends = reason.is_empty() || (reason.starts_with(b" ") && reason.iter().all(|b| is_text(*b)));
    (status >= 100 && ends).then_some((version, Start::Response { status }))
}

/// A higher minor version is read as the highest that is known (RFC 9110 §2.5).
fn version_of(bytes: &[u8]) -> Option<Version> {
    match bytes.strip_prefix(b"HTTP/1.") {
        Some(b"0") => Some(Version::Http10),
        Some([minor]) if minor.is_ascii_digit() => Some(Version::Http11),
        _ => None,
    }
}

fn is_odd_version(head: &[u8], side: Side) -> bool {
    let (line, _) = without_end(head.split_inclusive(|b| *b == b'\n').next().unwrap_or_default());
    let version = match side {
        Side::Client => line.rsplit(|b| *b == b' ').next().unwrap_or_default(),
        Side::Server => line.get(..8).unwrap_or_default(),
    };
    !matches!(version, b"HTTP/1.0" | b"HTTP/1.1")
}

fn field(line: &[u8]) -> Option<Header<'_>> {
    let colon = memchr::memchr(b':', line)?;
    let name = token(line.get(..colon)?)?;
    let value = trim(line.get(colon + 1..)?);
    value.iter().all(|b| is_text(*b)).then_some(Header { name, value })
}

fn token(bytes: &[u8]) -> Option<&str> {
    if bytes.is_empty() || !bytes.iter().all(|b| is_token(*b)) {
        return None;
    }
    std::str::from_utf8(bytes).ok()
}

/// Without white space around it, which is not what Rust means by it: servers differ on any but space and tab.
fn trim(value: &[u8]) -> &[u8] {
    let is_space = |b: &u8| matches!(b, b' ' | b'\t');
    let start = value.iter().position(|b| !is_space(b)).unwrap_or(value.len());
    let end = value.iter().rposition(|b| !is_space(b)).map_or(start, |last| last + 1);
    value.get(start..end).unwrap_or_default()
}

/// What is wrong with a line that is no field: a control byte before all.
fn fault_kind(line: &[u8]) -> AmbiguityKind {
    let name = memchr::memchr(b':', line).and_then(|colon| token(line.get(..colon)?));
    match name {
        _ if has_odd_end(line) => AmbiguityKind::OddLineEnd,
        Some(_) => AmbiguityKind::OddValue,
        None => AmbiguityKind::OddName,
    }
}

/// What is wrong with a line that is no first line.
fn first_fault(line: &[u8], side: Side) -> AmbiguityKind {
    let words: SmallVec<[&[u8]; 4]> = line.split(|b| *b == b' ').take(4).collect();
    match (side, &words[..]) {
        _ if has_odd_end(line) => AmbiguityKind::OddLineEnd,
        (Side::Client, [method, _, _]) if token(method).is_none_or(|method| method.len() > METHOD_BYTES_MAX) => {
            AmbiguityKind::OddMethod
        }
        (Side::Client, [_, target, version]) if !target.is_empty() && version_of(version).is_some() => {
            AmbiguityKind::OddTarget
        }
        (Side::Client, [_, target, _]) if !target.is_empty() => AmbiguityKind::OddVersion,
        (Side::Client | Side::Server, _) => AmbiguityKind::OddFirstLine,
    }
}

fn has_odd_end(line: &[u8]) -> bool {
    line.iter().any(|b| matches!(b, b'\r' | 0))
}

/// `tchar` of RFC 9110 §5.6.2.
pub(crate) fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

/// A byte that a field value or a reason may have (RFC 9110 §5.5).
fn is_text(b: u8) -> bool {
    b == b'\t' || (b >= b' ' && b != 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_found_at_any_split() {
        for (head, after) in [(&b"GET / HTTP/1.1\r\nA: b\r\n\r\n"[..], &b"xyz"[..]), (b"GET / HTTP/1.1\n\n", b"\n\n")] {
            let all = [head, after].concat();
            let mut scan = 0;
            let found = (0..=all.len()).find_map(|n| end(&all[..n], &mut scan));
            assert_eq!(found, Some(head.len()));
        }
    }

    #[test]
    fn signs_are_monotone() {
        for (text, side, wanted) in [
            (&b"PROPFIND /x HTTP/1.1"[..], Side::Client, Sign::Yes),
            (b"SSH-2.0-OpenSSH\r\n", Side::Client, Sign::No),
            (b"AVERYLONGTOKENTHATISNOMETHODATALLASITGOESON ", Side::Client, Sign::No),
            (b"HTTP/1.1 200 OK", Side::Server, Sign::Yes),
            (b"HTTP/1.1 2x0 OK", Side::Server, Sign::No),
            (b"220 ready", Side::Server, Sign::No),
        ] {
            let mut last = Sign::Maybe;
            for n in 0..=text.len() {
                let now = sign(&text[..n], side);
                assert!(last == Sign::Maybe || last == now, "{n}");
                last = now;
            }
            assert_eq!(last, wanted);
        }
    }

    #[test]
    fn folding_becomes_spaces() {
        let mut head = *b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n";
        assert!(unfold(&mut head));
        assert_eq!(&head, b"GET / HTTP/1.1\r\nA: b   c\r\n\r\n");
        assert!(!unfold(&mut head));
    }

    #[test]
    fn what_stands_before_the_fault_is_kept() {
        let mut headers = HeaderVec::new();
        let (head, fault) = walk(b"GET / HTTP/1.1\r\nA: b\r\nB : c\r\n\r\n", Side::Client, &mut headers);
        assert_eq!(fault, Some(Fault::Line(AmbiguityKind::OddName)));
        assert_eq!(head.map(|head| head.len), Some(22));
        assert_eq!(headers.len(), 1);
    }
}
