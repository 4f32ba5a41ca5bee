//! Issuers' token formats: where one stands in a text, and how well it is proven.
//!
//! A table ([`table`]) holds one line a format. It is compiled once into an index by the first two characters of each format's literal
//! text; a text costs one bit test for each place at which a word may begin. Knows no field, no message and no name.

mod check;
mod pattern;
mod table;

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use crate::facts::scan::Words;

pub(crate) use pattern::Pattern;

/// The name of the format of JSON Web Tokens.
pub(crate) const JWT: &str = "JSON Web Token";

/// One line of the table.
pub(crate) struct Format {
    /// Issuer and kind, for people.
    pub name: &'static str,
    /// Its form.
    pattern: &'static str,
    check: Check,
}

/// What proves a token besides its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    /// Its form is all there is.
    None,
    /// Its form says too little: only under a name that promises a secret.
    Named,
    /// The last six characters are the CRC-32 of those between prefix and them, in base62.
    Crc32Base62,
    /// The last eight characters are the CRC-32 of all before the last `_`, least byte first, in hexadecimal.
    Grafana,
    /// It decodes to a macaroon of its issuer.
    Macaroon,
    /// A JSON Web Token whose header decodes (RFC 7519).
    Jwt,
    /// A private key between its marks (RFC 7468).
    PrivateKey,
}

/// How well a token is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// Its checksum is right, or it decodes.
    Checked,
    /// Its form is right, and the form has nothing to check.
    Form,
    /// Its checksum is wrong, or its form says little.
    Weak,
}

/// A token in a text.
pub(crate) struct Hit {
    pub(crate) name: &'static str,
    pub(crate) proof: Proof,
    pub(crate) at: Range<usize>,
}

struct Compiled {
    /// The first characters of the anchor, at most four, and which bits of them there are.
    head: (u32, u32),
    format: &'static Format,
    pattern: Pattern,
}

/// The compiled table.
struct Index {
    /// By the first two characters of the anchor, in that order.
    formats: Vec<(u16, Compiled)>,
    /// Which first two characters there are.
    starts: Box<[u64; 1024]>,
    /// Anchors that may stand inside a word.
    inner: AhoCorasick,
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut formats: Vec<(u16, Compiled)> = Vec::with_capacity(table::FORMATS.len());
    let mut starts = Box::new([0; 1024]);
    let mut inner = Vec::new();
    for format in table::FORMATS {
        let pattern = Pattern::new(format.pattern);
        let [first, second, ..] = pattern.anchor() else { continue };
        let start = u16::from_be_bytes([*first, *second]);
        if let Some(word) = starts.get_mut(usize::from(start >> 6)) {
            *word |= 1_u64 << (start & 63);
        }
        if pattern.has_lead() && first.is_ascii_alphanumeric() {
            inner.push(pattern.anchor().to_vec());
        }
        let length = pattern.anchor().len().min(4);
        let mask = u32::MAX << (8 * (4 - length));
        formats.push((start, Compiled { head: (head(pattern.anchor(), 0) & mask, mask), format, pattern }));
    }
    formats.sort_by_key(|(start, _)| *start);
    let inner = AhoCorasick::new(inner).expect("a few short words are within its limits");
    Index { formats, starts, inner }
});

/// The four characters at `at` as a number.
#[inline]
fn head(text: &[u8], at: usize) -> u32 {
    match text.get(at..).unwrap_or_default() {
        [a, b, c, d, ..] => u32::from_be_bytes([*a, *b, *c, *d]),
        rest => (0..4).fold(0, |number, at| number << 8 | u32::from(rest.get(at).copied().unwrap_or(0))),
    }
}

/// Makes the index, so that the first message does not wait for it.
pub(crate) fn load() {
    LazyLock::force(&INDEX);
}

/// Number of formats.
#[cfg(test)]
pub(crate) fn count() -> usize {
    INDEX.formats.len()
}

/// Shortest run that a hostile text must not make us follow from each of its characters.
const LONG_MIN: usize = 200;
/// Longest run that is followed.
const LONG_MAX: usize = 16 * 1024;

/// Whether a token stands in `text`.
pub(crate) fn has_token(text: &[u8]) -> bool {
    Search::new(text).next().is_some()
}

/// The tokens in a text, one after the other; those whose anchor stands inside a word last.
pub(crate) struct Search<'t> {
    text: &'t [u8],
    words: Words<'t>,
    /// Tokens before have been given.
    done: usize,
    /// No long format begins before: one that began earlier in the same run was none.
    long_from: usize,
    /// Where to go on looking inside of words; `None` before the last word.
    inner: Option<usize>,
}

/// A token with an anchor as short as this stands beside no `-` or `_`.
const SHORT_ANCHOR: usize = 4;
/// Shortest text with an anchor inside of a word.
const INNER_MIN: usize = 36;

impl<'t> Search<'t> {
    pub(crate) fn new(text: &'t [u8]) -> Self {
        Self { text, words: Words::new(text), done: 0, long_from: 0, inner: None }
    }

    /// The format whose anchor stands at `at`. Of several the best proven one, then the first.
    #[inline]
    fn hit_at(&mut self, index: &Index, at: usize, led: bool) -> Option<Hit> {
        let head = head(self.text, at);
        let start = u16::try_from(head >> 16).unwrap_or(0);
        if index.starts.get(usize::from(start >> 6)).is_none_or(|word| word >> (start & 63) & 1 == 0) {
            return None;
        }
        self.best_at(index, at, start, head, led)
    }

    fn best_at(&mut self, index: &Index, at: usize, start: u16, head: u32, led: bool) -> Option<Hit> {
        let first = index.formats.partition_point(|(known, _)| *known < start);
        let mut best: Option<Hit> = None;
        let long_from = self.long_from;
        for (_, compiled) in index.formats.get(first..)?.iter().take_while(|(known, _)| *known == start) {
            let (wanted, mask) = compiled.head;
            if head & mask != wanted || (led && !compiled.pattern.has_lead()) {
                continue;
            }
            let Some(hit) = self.hit_of(compiled, at, long_from) else { continue };
            if best.as_ref().is_none_or(|best| rank(hit.proof) > rank(best.proof)) {
                best = Some(hit);
            }
        }
        best
    }

    fn hit_of(&mut self, compiled: &Compiled, at: usize, long_from: usize) -> Option<Hit> {
        let check = compiled.format.check;
        let long = compiled.pattern.most() >= LONG_MIN || check == Check::Jwt;
        if (long && at < long_from) || !self.text.get(at..)?.starts_with(compiled.pattern.anchor()) {
            return None;
        }
        let range = match check {
            Check::Jwt => check::jwt(self.text, at),
            Check::PrivateKey => check::private_key(self.text, at),
            _ => compiled.pattern.matches(self.text, at),
        };
        let Some(range) = range.filter(|range| range.start >= self.done) else {
            if long {
                self.long_from = at + check::reach(self.text.get(at..)?, LONG_MAX);
            }
            return None;
        };
        let around = [range.start.checked_sub(1).and_then(|at| self.text.get(at)), self.text.get(range.end)];
        // In long random text of base64url a short anchor stands somewhere.
        if compiled.pattern.anchor().len() <= SHORT_ANCHOR
            && around.iter().any(|byte| matches!(byte, Some(b'-' | b'_')))
        {
            return None;
        }
        let token = self.text.get(range.clone())?;
        check::is_varied(token, compiled.pattern.fixed()).then(|| Hit {
            name: compiled.format.name,
            proof: check::prove(check, token),
            at: range,
        })
    }

    /// Anchors inside of words.
    fn next_inner(&mut self, index: &Index) -> Option<Hit> {
        let mut from = self.inner.filter(|_| self.text.len() >= INNER_MIN)?;
        while let Some(found) = index.inner.find(self.text.get(from..)?) {
            let at = from + found.start();
            from = at + 1;
            if let Some(hit) = self.hit_at(index, at, true) {
                self.inner = Some(hit.at.end.max(from));
                return Some(hit);
            }
        }
        self.inner = Some(self.text.len());
        None
    }
}

impl Iterator for Search<'_> {
    type Item = Hit;

    fn next(&mut self) -> Option<Hit> {
        let index = &*INDEX;
        while self.inner.is_none() {
            let Some(at) = self.words.next() else {
                self.inner = Some(0);
                self.done = 0;
                break;
            };
            if at < self.done {
                continue;
            }
            // An anchor may begin with the sign before the word.
            let sign = at.checked_sub(1).filter(|sign| *sign >= self.done);
            let hit = sign.and_then(|sign| self.hit_at(index, sign, false)).or_else(|| self.hit_at(index, at, false));
            if let Some(hit) = hit {
                self.done = hit.at.end;
                return Some(hit);
            }
        }
        self.next_inner(index)
    }
}

fn rank(proof: Proof) -> u8 {
    match proof {
        Proof::Weak => 0,
        Proof::Form => 1,
        Proof::Checked => 2,
    }
}

#[cfg(test)]
pub(crate) mod tests;
