//! What a path segment is by its shape alone: a pure function of the segment, so that the same traffic in any order gives the same
//! templates.
//!
//! Identifiers of all forms share one name, `{id}`: an API that hands out integers and UUIDs on the same path has one endpoint there.
//! Parts of a segment can be values too: `7.json`, `10-20`, `Orders(7)`, `cars;color=red`, `7:cancel`.

mod look;

use std::borrow::Cow;

pub(super) use look::Look;

/// What the facts put in place of a path segment that is a secret.
pub(crate) const SECRET: &str = crate::secret::mask::MARK;
/// Name of a variable that was learnt from the variety of its values.
pub(crate) const LEARNT: &str = "{name}";
/// Name of a variable whose values are formats.
pub(crate) const FORMAT: &str = "{format}";
/// Begins what stands for an operation behind its path, `/graphql#query GetUser`. No path from traffic has it: there it begins the
/// fragment, which is no part of the path.
pub(crate) const OPERATION: char = '#';
/// Begins what stands for all static files of one type in a folder, `/assets/{file}.js`. In a path from traffic it is [`NO_FILE`].
pub(crate) const FILE: &str = "{file}.";
/// Stands for what a client named as if it were one of our variables.
pub(crate) const NO_FILE: &str = "%7Bfile%7D";
/// Longest literal segment, in bytes; a longer one is a value.
const LITERAL_MAX: usize = 96;

/// The shape of a whole segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A name, for all that its shape tells.
    Word,
    /// `v1`, `v2beta1`: a name, whatever stands beside it.
    Version,
    /// An operation of the path before it ([`OPERATION`]): a name, whatever stands beside it.
    Operation,
    /// A value, or the version of an API or of a standard: `1`, `2.0`, `2015-03-31`.
    Small(Class),
    /// A value.
    Value(Class),
}

/// What kind of value it is; gives the variable its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Id,
    Date,
    Email,
    Flag,
    Locale,
    Phone,
    Secret,
    Value,
}

impl Class {
    const ALL: [Self; 8] =
        [Self::Id, Self::Date, Self::Email, Self::Flag, Self::Locale, Self::Phone, Self::Secret, Self::Value];

    /// In braces.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Id => "{id}",
            Self::Date => "{date}",
            Self::Email => "{email}",
            Self::Flag => "{flag}",
            Self::Locale => "{locale}",
            Self::Phone => "{phone}",
            Self::Secret => SECRET,
            Self::Value => "{value}",
        }
    }

    /// The class of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// One bit of its own.
    pub(crate) const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A path's segments: doubled and trailing slashes mean nothing here.
pub(crate) fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

/// A template's segments; an operation behind its path is the last one.
pub(crate) fn route_segments(route: &str) -> impl Iterator<Item = &str> {
    let (path, operation) = path_and_operation(route);
    segments(path).chain((!operation.is_empty()).then_some(operation))
}

/// A template without the operation behind it, and that with its mark; empty where there is none.
pub(crate) fn path_and_operation(route: &str) -> (&str, &str) {
    route.split_at(route.find(OPERATION).unwrap_or(route.len()))
}

/// Whether a segment stands for an operation.
pub(crate) fn is_operation(segment: &str) -> bool {
    segment.starts_with(OPERATION)
}

/// Whether a segment stands for static files.
pub(crate) fn is_file(segment: &str) -> bool {
    segment.starts_with(FILE)
}

/// A segment as it stands in a template where it is a name: with values inside it replaced, and its percent-encoding made one.
pub(crate) fn key(segment: &str) -> Cow<'_, str> {
    key_of(segment, Look::at(segment.as_bytes()))
}

/// The same of a segment that was looked at.
pub(super) fn key_of(segment: &str, look: Look) -> Cow<'_, str> {
    if look.is_simple() && !look.is_two_numbers() || is_operation(segment) || is_file(segment) {
        return Cow::Borrowed(segment);
    }
    if let Some(pattern) = pattern(segment) {
        return Cow::Owned(pattern);
    }
    let plain = if segment.contains('%') { Cow::Owned(unescaped(segment)) } else { Cow::Borrowed(segment) };
    // A brace that came from a client must not pass for a variable of ours.
    if plain.contains(['{', '}']) { Cow::Owned(braces_escaped(&plain)) } else { plain }
}

/// The template of a path by shape alone.
#[cfg(test)]
pub(crate) fn template(path: &str) -> String {
    let piece = |segment| match shape(segment) {
        Shape::Value(class) | Shape::Small(class) => Cow::Borrowed(class.name()),
        Shape::Word | Shape::Version | Shape::Operation => key(segment),
    };
    let route: String = segments(path).flat_map(|segment| [Cow::Borrowed("/"), piece(segment)]).collect();
    if route.is_empty() { "/".to_owned() } else { route }
}

/// The shape of a segment.
pub(crate) fn shape(segment: &str) -> Shape {
    shape_of(segment, Look::at(segment.as_bytes()))
}

/// The same of a segment that was looked at.
pub(super) fn shape_of(segment: &str, look: Look) -> Shape {
    let bytes = segment.as_bytes();
    if look.others() > 0 {
        if is_operation(segment) {
            return Shape::Operation;
        }
        if segment.contains(SECRET) {
            return Shape::Value(Class::Secret);
        }
        if is_email(segment) {
            return Shape::Value(Class::Email);
        }
    }
    if bytes.len() > LITERAL_MAX {
        return Shape::Value(Class::Value);
    }
    if look.digits() > 0 {
        return numbered(bytes, look);
    }
    if matches!(segment, "true" | "false") {
        return Shape::Value(Class::Flag);
    }
    if is_locale(bytes) {
        return Shape::Value(Class::Locale);
    }
    if look.others() == 0
        && look.capitals() >= 3
        && (is_odd_case(bytes) || behind_prefix(bytes).is_some_and(is_odd_case))
    {
        return Shape::Value(Class::Id);
    }
    Shape::Word
}

/// The shape of a segment that has a digit.
fn numbered(bytes: &[u8], look: Look) -> Shape {
    if is_version(bytes) {
        return Shape::Version;
    }
    if is_date(bytes) {
        return if bytes.len() == 10 { Shape::Small(Class::Date) } else { Shape::Value(Class::Date) };
    }
    if look.digits() == bytes.len() || is_integer(bytes) {
        return if bytes.len() <= 2 { Shape::Small(Class::Id) } else { Shape::Value(Class::Id) };
    }
    if is_decimal(bytes) {
        return if bytes.len() <= 5 { Shape::Small(Class::Value) } else { Shape::Value(Class::Value) };
    }
    if let [b'+', digits @ ..] = bytes
        && digits.len() >= 7
        && digits.iter().all(u8::is_ascii_digit)
    {
        return Shape::Value(Class::Phone);
    }
    let is_id = look.others() == 0
        && (is_uuid(bytes)
            || is_ulid(bytes)
            || is_hex_id(bytes, look.digits())
            || is_numbered_key(bytes)
            || is_random(bytes)
            || is_odd_case(bytes)
            || behind_prefix(bytes).is_some_and(is_odd_case)
            || is_prefixed_id(bytes));
    if is_id { Shape::Value(Class::Id) } else { Shape::Word }
}

/// A word that is a value rather than a name where there are values beside it: digits and letters mixed, or an odd change of case.
pub(crate) fn is_mixed(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    if bytes.len() < 7 || !bytes.iter().all(u8::is_ascii_alphanumeric) {
        return false;
    }
    let count = |is: fn(&u8) -> bool| bytes.iter().filter(|byte| is(byte)).count();
    let (upper, lower, digits) =
        (count(u8::is_ascii_uppercase), count(u8::is_ascii_lowercase), count(u8::is_ascii_digit));
    (digits >= 1 && lower >= 1 && (upper >= 1 || bytes.len() >= 8))
        || (upper >= 3 && lower >= 1 && lone_lowercase(bytes) >= 1)
}

/// How an id is made, as one bit of 64: the prefix before an underscore, and the length. And whether a word made so hardly is a name:
/// it has such a prefix, or mixes capitals with small letters or digits as no name does.
pub(crate) fn mould(segment: &str) -> Option<(u64, bool)> {
    let bytes = segment.as_bytes();
    let (prefix, tail) = match segment.split_once('_') {
        Some((prefix, tail)) if (2..=8).contains(&prefix.len()) => (prefix, tail.as_bytes()),
        Some(_) | None => ("", bytes),
    };
    if tail.len() < 8 || !tail.iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }
    let upper = tail.iter().filter(|byte| byte.is_ascii_uppercase()).count();
    let is_odd = upper >= 2
        && upper < tail.len()
        && (lone_lowercase(tail) >= 1 || tail.windows(2).any(|pair| pair.iter().all(u8::is_ascii_uppercase)));
    let add = |hash: u64, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte));
    let hash = prefix.bytes().fold(bytes.len() as u64, add);
    let bit = 1 << (hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58);
    Some((bit, is_odd || (!prefix.is_empty() && upper >= 1)))
}

/// `json`, `XML`: what a client may choose as the form of an answer.
pub(crate) fn is_format(word: &str) -> bool {
    const FORMATS: [&str; 14] =
        ["json", "xml", "csv", "html", "yaml", "yml", "txt", "pdf", "rss", "atom", "jsonp", "xlsx", "svg", "bson"];
    word.len() <= 5 && FORMATS.iter().any(|format| word.eq_ignore_ascii_case(format))
}

/// What stands before and what is a suffix: `.json` of `7.json`, `:cancel` of `7:cancel`.
pub(crate) fn suffix(segment: &str) -> Option<(&str, &str)> {
    if let Some(at) = segment.rfind(':') {
        let (stem, suffix) = segment.split_at_checked(at)?;
        let verb = suffix.get(1..)?;
        if !stem.is_empty() && verb.len() >= 2 && verb.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_') {
            return Some((stem, suffix));
        }
    }
    let (stem, suffix) = segment.split_at_checked(segment.rfind('.')?)?;
    let extension = suffix.get(1..)?;
    let is_one = !stem.is_empty()
        && (2..=5).contains(&extension.len())
        && extension.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && extension.bytes().any(|byte| byte.is_ascii_alphabetic());
    is_one.then_some((stem, suffix))
}

/// `7:cancel`, `orders:search`: a method of its own, as some APIs write them.
pub(crate) fn has_verb(segment: &str) -> bool {
    segment.contains(':') && suffix(segment).is_some_and(|(_, suffix)| suffix.starts_with(':'))
}

/// The template of a segment that is made of parts, some of which are values by their shape.
fn pattern(segment: &str) -> Option<String> {
    if let Some(pattern) = arguments(segment) {
        return Some(pattern);
    }
    if let Some((stem, suffix)) = suffix(segment)
        && let Shape::Value(class) | Shape::Small(class) = shape(stem)
    {
        return Some(format!("{}{suffix}", class.name()));
    }
    let both = |separator: char, is: fn(&[u8]) -> bool| {
        segment.split_once(separator).is_some_and(|(a, b)| is(a.as_bytes()) && is(b.as_bytes()))
    };
    if both('-', |part| !part.is_empty() && part.iter().all(u8::is_ascii_digit)) {
        return Some("{a}-{b}".to_owned());
    }
    if both(',', |part| is_integer(part) || is_decimal(part)) {
        return Some("{a},{b}".to_owned());
    }
    if let Some((a, b)) = segment.split_once("...")
        && !a.is_empty()
        && !b.is_empty()
    {
        return Some("{a}...{b}".to_owned());
    }
    None
}

/// Arguments in a segment: `OData` keys and functions (`Orders(7)`, `f(a='x',b=1)`), matrix parameters (`cars;color=red`, RFC 3986
/// §3.3) and `name=value`. The names stay, the values go.
fn arguments(segment: &str) -> Option<String> {
    let (head, inside, tail, separator) = if let Some(open) = segment.find('(') {
        let close = segment.rfind(')')?;
        (segment.get(..=open)?, segment.get(open + 1..close)?, segment.get(close..)?, ',')
    } else if let Some(at) = segment.find(';').filter(|_| segment.contains('=')) {
        (segment.get(..=at)?, segment.get(at + 1..)?, "", ';')
    } else {
        let (name, value) = segment.split_once('=')?;
        let is_name = name.len() >= 2 && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        (!value.is_empty() && is_name).then_some(("", segment, "", ','))?
    };
    if inside.is_empty() {
        return None;
    }
    let mut pattern = braces_escaped(head);
    for (index, part) in inside.split(separator).enumerate() {
        if index > 0 {
            pattern.push(separator);
        }
        let (name, value) = part.split_once('=').unwrap_or(("", part));
        let label = if name.is_empty() { "key" } else { name };
        if !name.is_empty() {
            pattern.push_str(&braces_escaped(name));
            pattern.push('=');
        }
        let label: String = label.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        let is_quoted = value.len() >= 2 && value.starts_with('\'') && value.ends_with('\'');
        let quote = if is_quoted { "'" } else { "" };
        pattern.extend([quote, "{", &label, "}", quote]);
    }
    pattern.push_str(&braces_escaped(tail));
    Some(pattern)
}

fn braces_escaped(text: &str) -> String {
    text.replace('{', "%7B").replace('}', "%7D")
}

/// Percent-encoding taken off where it need not be (RFC 3986 §6.2.2): unreserved characters, and digits in lower case.
fn unescaped(segment: &str) -> String {
    let mut text = String::with_capacity(segment.len());
    let mut rest = segment;
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        let code = after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| !after.starts_with('+'));
        match code {
            Some(byte) if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') => {
                text.push(char::from(byte));
                rest = after.get(2..).unwrap_or_default();
            }
            Some(_) => {
                text.push('%');
                text.push_str(&after.get(..2).unwrap_or_default().to_ascii_uppercase());
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                text.push('%');
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}

fn is_integer(bytes: &[u8]) -> bool {
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// `12.5`, `1.2.3`, `10.0.4.2`, `-33.86`.
fn is_decimal(bytes: &[u8]) -> bool {
    let number = bytes.strip_prefix(b"-").unwrap_or(bytes);
    number.contains(&b'.')
        && number.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
        && number.first().is_some_and(u8::is_ascii_digit)
        && number.last().is_some_and(u8::is_ascii_digit)
}

/// `v1`, `V2.1`, `v2beta1`, `v1alpha`, `v3-preview`.
fn is_version(bytes: &[u8]) -> bool {
    let [b'v' | b'V', rest @ ..] = bytes else { return false };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'_')).count();
    if digits == 0 || digits > 8 || !rest.first().is_some_and(u8::is_ascii_digit) {
        return false;
    }
    let stage = rest.get(digits..).unwrap_or_default();
    let stages: [&[u8]; 6] = [b"alpha", b"beta", b"rc", b"pre", b"p", b"-"];
    stage.is_empty() || stages.iter().any(|word| stage.starts_with(word) && stage.len() <= word.len() + 8)
}

/// `en-US`, `pt_BR`.
fn is_locale(bytes: &[u8]) -> bool {
    matches!(bytes, [a, b, b'-' | b'_', c, d]
        if a.is_ascii_lowercase() && b.is_ascii_lowercase() && c.is_ascii_uppercase() && d.is_ascii_uppercase())
}

/// RFC 9562 §4: 8-4-4-4-12 hexadecimal digits.
fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Crockford's base 32, 26 characters, the first at most 7 (128 bits).
fn is_ulid(bytes: &[u8]) -> bool {
    bytes.len() == 26
        && bytes.first().is_some_and(|first| (b'0'..=b'7').contains(first))
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() && !b"ILOUilou".contains(byte))
        && bytes.iter().filter(|byte| byte.is_ascii_digit()).count() >= 2
}

/// `ObjectId`s, hashes and the like: at least 8 hexadecimal digits, decimal digits among them.
fn is_hex_id(bytes: &[u8], digits: usize) -> bool {
    let needed = if bytes.len() >= 16 { 1 } else { 2 };
    bytes.len() >= 8 && digits >= needed && bytes.iter().all(u8::is_ascii_hexdigit)
}

/// A key with a number: `PROJ-123`, `order-12345`, but not `iso-8601` or `top-10`.
fn is_numbered_key(bytes: &[u8]) -> bool {
    let mut parts = bytes.splitn(2, |byte| matches!(byte, b'-' | b'_'));
    let (Some(prefix), Some(number)) = (parts.next(), parts.next()) else { return false };
    let is_upper = (2..=10).contains(&prefix.len())
        && prefix.first().is_some_and(u8::is_ascii_uppercase)
        && prefix.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let is_lower = (1..=12).contains(&prefix.len()) && prefix.iter().all(u8::is_ascii_lowercase);
    !number.is_empty() && number.iter().all(u8::is_ascii_digit) && (is_upper || (is_lower && number.len() >= 5))
}

/// ISO 8601 dates and times: `2026-11-24`, `2026-11-24T10:30:00Z`.
fn is_date(bytes: &[u8]) -> bool {
    let Some((day, rest)) = bytes.split_at_checked(10) else { return false };
    let fits = day.iter().enumerate().all(|(index, byte)| match index {
        4 | 7 => *byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    let number = |range: std::ops::Range<usize>| {
        let digits = day.get(range).unwrap_or_default();
        digits.iter().fold(0_u32, |sum, digit| sum * 10 + u32::from(digit.wrapping_sub(b'0')))
    };
    fits && (1..=12).contains(&number(5..7))
        && (1..=31).contains(&number(8..10))
        && match rest {
            [] => true,
            [b'T' | b't' | b' ' | b'%', time @ ..] => {
                time.len() >= 4 && time.iter().all(|byte| byte.is_ascii_hexdigit() || b":.,+-ZzT%".contains(byte))
            }
            _ => false,
        }
}

/// `a@b.c`, the at sign perhaps percent-encoded.
fn is_email(segment: &str) -> bool {
    let split = segment.split_once('@').or_else(|| segment.split_once("%40"));
    split.is_some_and(|(user, host)| {
        !user.is_empty() && host.contains('.') && !host.contains('@') && !host.starts_with('.') && !host.ends_with('.')
    })
}

/// What comes after a short prefix, as in `cus_9s6XKzkNRiz8i3` and `order-8f3kd82ma0`.
fn behind_prefix(bytes: &[u8]) -> Option<&[u8]> {
    let at = bytes.iter().position(|byte| matches!(byte, b'_' | b'-'))?;
    let (prefix, tail) = bytes.split_at_checked(at)?;
    (at <= 8 && prefix.iter().all(u8::is_ascii_lowercase)).then(|| tail.get(1..).unwrap_or_default())
}

/// `sub_3soIGdVkaBKIVY`: behind a prefix and an underscore at least 10 letters of both cases, with a digit that does not end it.
fn is_prefixed_id(bytes: &[u8]) -> bool {
    let Some(tail) = behind_prefix(bytes).filter(|_| !bytes.contains(&b'-')) else { return false };
    tail.len() >= 10
        && tail.iter().all(u8::is_ascii_alphanumeric)
        && tail.iter().filter(|byte| byte.is_ascii_uppercase()).count() >= 2
        && tail.iter().filter(|byte| byte.is_ascii_lowercase()).count() >= 2
        && tail.windows(2).any(|pair| matches!(pair, [a, b] if a.is_ascii_digit() && b.is_ascii_alphabetic()))
}

/// An id in base 62 or base 64url: long, digits and letters mixed, and changing between them more often than words, versions
/// (`v2beta1`) and slugs (`top-10-of-2026`) do.
fn is_random(bytes: &[u8]) -> bool {
    const LENGTH_MIN: usize = 8;
    [Some(bytes), behind_prefix(bytes)].into_iter().flatten().any(|text| text.len() >= LENGTH_MIN && looks_random(text))
}

fn looks_random(text: &[u8]) -> bool {
    let class = |byte: u8| match byte {
        b'0'..=b'9' => 0_u8,
        b'A'..=b'Z' => 1,
        b'a'..=b'z' => 2,
        _ => 3,
    };
    let digits = text.iter().filter(|byte| byte.is_ascii_digit()).count();
    let changes = text.windows(2).filter(|pair| matches!(pair, [a, b] if class(*a) != class(*b))).count();
    let separators = text.iter().filter(|byte| matches!(byte, b'_' | b'-' | b'=')).count();
    // Slugs change class at their separators (twice each) and nowhere else.
    let changes = changes.saturating_sub(2 * separators);
    let length = text.len().saturating_sub(separators);
    let is_mixed = text.iter().any(u8::is_ascii_uppercase) && text.iter().any(u8::is_ascii_lowercase);
    match text.len() {
        0..=9 => digits >= 2 && is_mixed && changes * 2 >= length,
        _ => {
            (digits >= 2 && changes * 4 >= length)
                || (is_mixed && changes * 5 >= length * 2 && lone_lowercase(text) >= 2)
        }
    }
}

/// Letters (and digits) in a case that no name has: `CYcIaxBvAz`.
fn is_odd_case(bytes: &[u8]) -> bool {
    bytes.len() >= 8
        && bytes.iter().all(u8::is_ascii_alphanumeric)
        && bytes.iter().filter(|byte| byte.is_ascii_uppercase()).count() >= 3
        && lone_lowercase(bytes) >= 2
}

/// Small letters that stand alone between capitals and digits and are no part of a short word, as in `ById`.
fn lone_lowercase(bytes: &[u8]) -> usize {
    const WORDS: [&[u8; 2]; 14] =
        [b"As", b"At", b"By", b"Do", b"Go", b"Id", b"In", b"Is", b"No", b"Of", b"On", b"Or", b"To", b"Up"];
    let is_lower = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_lowercase);
    let is_lone = |pair: &[u8], next: Option<&u8>| {
        let [before, byte] = pair else { return false };
        byte.is_ascii_lowercase()
            && !before.is_ascii_lowercase()
            && !is_lower(next)
            && !WORDS.iter().any(|word| word.as_slice() == pair)
    };
    bytes.windows(2).enumerate().filter(|(at, pair)| is_lone(pair, bytes.get(at + 2))).count()
}

#[cfg(test)]
mod tests;
