//! Issuers' token formats: where one stands in a text, and how well it is proven.
//!
//! A table ([`table`]) holds one line a format. It is compiled once into an index by the first two characters of each format's literal
//! text; a text costs one bit test for each place at which a word may begin. Knows no field, no message and no name.

mod check;
mod pattern;
mod table;

use std::ops::Range;
use std::sync::LazyLock;

pub(crate) use pattern::Pattern;

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
    format: &'static Format,
    pattern: Pattern,
}

/// The compiled table.
struct Index {
    /// By the first two characters of the anchor, in that order.
    formats: Vec<(u16, Compiled)>,
    /// Which first two characters there are.
    starts: Box<[u64; 1024]>,
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut formats: Vec<(u16, Compiled)> = Vec::with_capacity(table::FORMATS.len());
    let mut starts = Box::new([0; 1024]);
    for format in table::FORMATS {
        let pattern = Pattern::new(format.pattern);
        let [first, second, ..] = pattern.anchor() else { continue };
        let start = u16::from_be_bytes([*first, *second]);
        if let Some(word) = starts.get_mut(usize::from(start >> 6)) {
            *word |= 1_u64 << (start & 63);
        }
        formats.push((start, Compiled { format, pattern }));
    }
    formats.sort_by_key(|(start, _)| *start);
    Index { formats, starts }
});

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

/// The tokens in a text, one after the other.
pub(crate) struct Search<'t> {
    text: &'t [u8],
    at: usize,
    /// No long format begins before: one that began earlier in the same run was none.
    long_from: usize,
}

impl<'t> Search<'t> {
    pub(crate) fn new(text: &'t [u8]) -> Self {
        Self { text, at: 0, long_from: 0 }
    }

    /// The format whose anchor stands at `at`. A format that begins there does not begin inside a word. Of several the best proven one,
    /// then the first.
    fn hit_at(&mut self, index: &Index, at: usize, start: u16, inside: bool) -> Option<Hit> {
        let first = index.formats.partition_point(|(known, _)| *known < start);
        let mut best: Option<Hit> = None;
        for (_, compiled) in index.formats.get(first..)?.iter().take_while(|(known, _)| *known == start) {
            let long = compiled.pattern.most() >= LONG_MIN || compiled.format.check == Check::Jwt;
            if (inside && !compiled.pattern.has_lead()) || (long && at < self.long_from) {
                continue;
            }
            let range = match compiled.format.check {
                Check::Jwt => check::jwt(self.text, at),
                Check::PrivateKey => check::private_key(self.text, at),
                _ => compiled.pattern.matches(self.text, at),
            };
            let Some(range) = range else {
                if long && self.text.get(at..).is_some_and(|rest| rest.starts_with(compiled.pattern.anchor())) {
                    self.long_from = at + check::reach(self.text.get(at..)?, LONG_MAX);
                }
                continue;
            };
            let Some(token) = self.text.get(range.clone()) else { continue };
            if !check::is_varied(token, compiled.pattern.fixed()) {
                continue;
            }
            let proof = check::prove(compiled.format.check, token);
            if best.as_ref().is_none_or(|best| rank(proof) > rank(best.proof)) {
                best = Some(Hit { name: compiled.format.name, proof, at: range });
            }
        }
        best
    }
}

impl Iterator for Search<'_> {
    type Item = Hit;

    fn next(&mut self) -> Option<Hit> {
        let index = &*INDEX;
        let from = self.at;
        let mut before = from.checked_sub(1).and_then(|at| self.text.get(at)).copied().unwrap_or(b' ');
        for (at, pair) in self.text.get(from..)?.windows(2).enumerate() {
            let [first, second] = *pair else { break };
            let inside = before.is_ascii_alphanumeric() && first.is_ascii_alphanumeric();
            before = first;
            let start = u16::from_be_bytes([first, second]);
            if index.starts.get(usize::from(start >> 6)).is_none_or(|word| word >> (start & 63) & 1 == 0) {
                continue;
            }
            if let Some(hit) = self.hit_at(index, from + at, start, inside) {
                self.at = hit.at.end.max(from + at + 1);
                return Some(hit);
            }
        }
        self.at = self.text.len();
        None
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
