//! A secret value from traffic, and what may be kept of it.
//!
//! [`Secret`] has no `Display`, `Debug`, `Clone` or serialisation, and borrows: it cannot outlive the call that saw the bytes.
//! What leaves is a [`Fingerprint`] (keyed, so that nobody without the installation's key can test a guess) and a [`Masked`] form.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// The installation's key for fingerprints. Made once by the agent; never shown.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct FingerprintKey([u8; 32]);

impl FingerprintKey {
    /// From 32 random bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FingerprintKey(..)")
    }
}

/// A value that must not be shown.
pub struct Secret<'a>(&'a [u8]);

impl<'a> Secret<'a> {
    /// Takes the bytes into custody.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The same value under the same key gives the same fingerprint; without the key nothing can be tested against it.
    pub fn fingerprint(&self, key: &FingerprintKey) -> Fingerprint {
        let hash = blake3::keyed_hash(&key.0, self.0);
        let mut short = [0; 8];
        short.copy_from_slice(hash.as_bytes().get(..8).unwrap_or(&[0; 8]));
        Fingerprint(u64::from_be_bytes(short))
    }
}

/// A keyed hash of a secret, 64 bits, shown as 16 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// The number, for the store.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Back from the store.
    pub const fn from_stored(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Text that was made from traffic and holds nothing secret: it may be stored, logged and shown. Control characters are gone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Masked(Box<str>);

impl Masked {
    /// For the redaction code in this crate: `text` holds no secret.
    pub(crate) fn vouched(text: &str) -> Self {
        Self(text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect())
    }

    /// Back from the store, where only masked text goes in.
    pub fn from_stored(text: &str) -> Self {
        Self::vouched(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Masked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
