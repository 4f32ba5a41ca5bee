//! What a JSON Web Token (RFC 7519) says of itself, and whether everybody could have signed it.
//!
//! A token comes with each call of its owner, so what is known of it is kept by its keyed fingerprint ([`Tokens`], bounded): the second
//! time it costs one look. To try signing keys costs as many hashes as there are keys; a stream of ever new tokens may take only so much
//! of it ([`Tokens::BYTES_PER_SECOND`]), and what was not tried is counted and tried when the token comes again.

use std::sync::Arc;

use apiscope_wire::Timestamp;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::secret::{Fingerprint, FingerprintKey, signing};

use super::body::{self, Found};
use super::collect::Collector;
use super::data::{Finder, Grade, What};
use super::{CredentialKind, Place, json, proof, scan};

/// Tokens of one request whose facts are kept.
pub(super) const TOKENS_MAX: usize = 4;
/// Classes of data named of one token.
const CLAIMS_MAX: usize = 4;

/// A JSON Web Token that a request carries as its credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Where.
    pub place: Place,
    /// Keyed hash of the value.
    pub fingerprint: Fingerprint,
    /// Nothing else in the request's head could be a credential, known or unknown.
    pub alone: bool,
    /// What it says.
    pub facts: Arc<TokenFacts>,
}

/// What is known of a token, whoever carries it. Nothing of its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenFacts {
    /// The algorithm of its header: a name from our list, or `""` for another.
    pub algorithm: &'static str,
    /// What its signature is worth.
    pub signature: Signature,
    /// Its `exp`.
    pub expiry: Expiry,
    /// Its `iat`, seconds since 1970.
    pub issued: Option<u64>,
    /// What should not be in a text that everybody can read who holds it, such as `password`; at most four.
    pub claims: SmallVec<[&'static str; 1]>,
}

/// What a signature is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// There is none, or the header says that there is none: anybody can write such a token.
    Missing,
    /// Made with a key that everybody knows.
    KnownKey,
    /// None of that is known.
    Unknown,
    /// Keys should be tried, and were not yet.
    Untried,
}

/// When a token ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// The claims cannot be read: encrypted, broken or too long.
    Unknown,
    /// There is no such claim.
    Never,
    /// Seconds since 1970.
    At(u64),
}

/// What was found out about tokens, by fingerprint. One per shard.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    /// Met since the last turn; when it is full, it becomes `old`, and what was in `old` is forgotten.
    young: FxHashMap<Fingerprint, Arc<TokenFacts>>,
    old: FxHashMap<Fingerprint, Arc<TokenFacts>>,
    /// Bytes of tokens that may be tried now.
    allowance: u64,
    refilled: Timestamp,
    counters: TokenCounters,
}

/// What fell off the bounds of [`Tokens`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenCounters {
    /// Tokens whose facts were forgotten, because there were too many.
    pub forgotten: u64,
    /// Times that signing keys were not tried, because too many new tokens came.
    pub untried: u64,
}

impl Tokens {
    /// Tokens known at once, in each of the two halves.
    pub(crate) const KNOWN_MAX: usize = 2048;
    /// Bytes of tokens whose signing keys are tried in a second: with some 300 keys, at most 10 MB are hashed in it.
    pub(crate) const BYTES_PER_SECOND: u64 = 16 * 1024;
    /// Longest signed part that is tried.
    const SIGNED_MAX: usize = 4 * 1024;

    pub(crate) fn counters(&self) -> TokenCounters {
        self.counters
    }

    /// What is known of a token; `None` where it is none.
    fn facts(
        &mut self,
        fingerprint: Fingerprint,
        token: &[u8],
        key: &FingerprintKey,
        now: Timestamp,
    ) -> Option<Arc<TokenFacts>> {
        let known = self.young.get(&fingerprint).or_else(|| self.old.get(&fingerprint));
        let mut facts = match known {
            Some(known) => Arc::clone(known),
            None => Arc::new(read(token, key)?),
        };
        let is_new = known.is_none();
        if facts.signature == Signature::Untried && self.may_try(token, now) {
            let tried = TokenFacts { signature: try_keys(token, facts.algorithm), ..facts.as_ref().clone() };
            facts = Arc::new(tried);
        } else if !is_new && self.young.contains_key(&fingerprint) {
            return Some(facts);
        }
        if self.young.len() >= Self::KNOWN_MAX {
            let forgotten = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
            self.counters.forgotten += forgotten.len() as u64;
        }
        self.young.insert(fingerprint, Arc::clone(&facts));
        Some(facts)
    }

    fn may_try(&mut self, token: &[u8], now: Timestamp) -> bool {
        let seconds = now.since(self.refilled).as_secs();
        if seconds > 0 {
            let more = seconds.saturating_mul(Self::BYTES_PER_SECOND);
            self.allowance = self.allowance.saturating_add(more).min(2 * Self::BYTES_PER_SECOND);
            self.refilled = now;
        }
        let allowance = self.allowance.checked_sub(token.len() as u64);
        self.counters.untried += u64::from(allowance.is_none());
        self.allowance = allowance.unwrap_or(self.allowance);
        allowance.is_some()
    }
}

/// What a collector needs to look at tokens.
pub(super) struct Reader<'k> {
    pub(super) tokens: &'k mut Tokens,
    pub(super) now: Timestamp,
    pub(super) found: Vec<Token>,
}

impl Reader<'_> {
    /// Takes in a value that may be a token; gives the algorithm of one, as [`proof::jwt`] does.
    pub(super) fn take(
        &mut self,
        place: impl FnOnce() -> Place,
        fingerprint: Fingerprint,
        value: &[u8],
        key: &FingerprintKey,
    ) -> Option<&'static str> {
        if value.first() != Some(&b'e') {
            return None;
        }
        let facts = self.tokens.facts(fingerprint, value, key, self.now)?;
        let algorithm = facts.algorithm;
        if self.found.len() < TOKENS_MAX && self.found.iter().all(|known| known.fingerprint != fingerprint) {
            self.found.push(Token { place: place(), fingerprint, alone: false, facts });
        }
        Some(algorithm)
    }
}

/// A token's parts: what is signed, and the signature; `None` of an encrypted one (RFC 7516), which has no signature of its own.
fn parts(token: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = token.splitn(4, |byte| *byte == b'.');
    let (header, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
    let signed = token.get(..header.len() + 1 + payload.len())?;
    parts.next().is_none().then_some((signed, signature))
}

/// Reads a token, but for its signing key. `None` where it is no token.
fn read(token: &[u8], key: &FingerprintKey) -> Option<TokenFacts> {
    let algorithm = proof::jwt(token)?;
    let mut facts = TokenFacts {
        algorithm,
        signature: Signature::Unknown,
        expiry: Expiry::Unknown,
        issued: None,
        claims: SmallVec::new(),
    };
    let Some((signed, signature)) = parts(token) else { return Some(facts) };
    facts.signature = match algorithm {
        "none" => Signature::Missing,
        _ if signature.is_empty() => Signature::Missing,
        "HS256" | "HS384" | "HS512" if signed.len() <= Tokens::SIGNED_MAX => Signature::Untried,
        _ => Signature::Unknown,
    };
    let payload = signed.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    let Some(claims) = proof::base64(payload) else { return Some(facts) };
    let mut dates = Dates { expiry: Expiry::Never, issued: None };
    if json::walk(&claims, &mut dates).whole && claims.trim_ascii_start().first() == Some(&b'{') {
        (facts.expiry, facts.issued) = (dates.expiry, dates.issued);
        facts.claims = sensitive(&claims, key);
    }
    Some(facts)
}

fn try_keys(token: &[u8], algorithm: &str) -> Signature {
    let by_known_key = parts(token)
        .and_then(|(signed, signature)| signing::is_by_known_key(algorithm, signed, &proof::base64(signature)?));
    if by_known_key == Some(true) { Signature::KnownKey } else { Signature::Unknown }
}

/// Takes `exp` and `iat`.
struct Dates {
    expiry: Expiry,
    issued: Option<u64>,
}

impl<'a> json::Visit<'a> for Dates {
    fn wants(&mut self, key: &'a [u8], _: bool) -> bool {
        matches!(key, b"exp" | b"iat")
    }

    fn value(&mut self, place: &json::Place<'_, 'a>, value: json::Scalar<'a>, _: scan::Marks) {
        if place.depth() != 1 || !place.is_member() {
            return;
        }
        let seconds = match value {
            json::Scalar::Number(number) => seconds(number),
            json::Scalar::String(_) | json::Scalar::Word(_) => None,
        };
        match place.key() {
            b"exp" => self.expiry = seconds.map_or(Expiry::Unknown, Expiry::At),
            b"iat" => self.issued = seconds,
            _ => {}
        }
    }
}

/// A `NumericDate` (RFC 7519 §2): seconds, perhaps with a fraction, which does not count here.
fn seconds(number: &[u8]) -> Option<u64> {
    if number.iter().any(|byte| matches!(byte, b'e' | b'E')) {
        return None;
    }
    let whole = number.split(|byte| *byte == b'.').next()?;
    std::str::from_utf8(whole).ok()?.parse().ok()
}

/// What the claims have that nobody should read who holds the token: secrets, and data by which a person is harmed. Name, e-mail
/// address and the like are what tokens are made for.
fn sensitive(claims: &[u8], key: &FingerprintKey) -> SmallVec<[&'static str; 1]> {
    let (mut credentials, mut data, mut names) = (Collector::new(key, None), Finder::new(key), 0);
    body::json(claims, &mut Found { credentials: Some(&mut credentials), data: &mut data, names: &mut names });
    let mut found = SmallVec::new();
    if credentials.credentials.iter().any(|credential| credential.kind == CredentialKind::Password) {
        found.push("password");
    }
    for exposure in data.finish() {
        let is_grave = match exposure.what {
            What::Secret(_) => true,
            What::Data(class, _) => class.is_grave(),
        };
        let name = exposure.what.name();
        if is_grave
            && exposure.need == 0
            && exposure.grade <= Grade::B
            && found.len() < CLAIMS_MAX
            && !found.contains(&name)
        {
            found.push(name);
        }
    }
    found
}

#[cfg(test)]
mod tests;
