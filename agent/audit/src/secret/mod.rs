//! A secret value from traffic, and what may be kept of it.
//!
//! [`Secret`] has no `Display`, `Debug`, `Clone` or serialisation, and borrows: it cannot outlive the call that saw the bytes.
//! What leaves is a [`Fingerprint`] (keyed, so that nobody without the installation's key can test a guess) and a [`Masked`] form.

pub(crate) mod format;
pub(crate) mod mask;
pub(crate) mod password;
pub(crate) mod signing;

use std::fmt;

use smol_str::SmolStr;
use zeroize::{Zeroize, ZeroizeOnDrop};

pub use self::password::PasswordWeakness;

/// The installation's key for fingerprints. Made once by the agent; never shown.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct FingerprintKey([u8; 32]);

impl FingerprintKey {
    /// From 32 random bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// What tells this key from others, and nothing of it.
    pub fn mark(&self) -> KeyMark {
        KeyMark(Secret::new(b"").fingerprint_in(b"mark of the key", self).get())
    }
}

/// Tells keys apart: agents with the same mark hash the same value alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyMark(u64);

impl KeyMark {
    /// The number, for the store.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Back from the store.
    pub const fn from_stored(number: u64) -> Self {
        Self(number)
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
        Fingerprint::of(&blake3::keyed_hash(&key.0, self.0))
    }

    /// The fingerprint of a value in a name space of its own, so that a user called as somebody's key is not taken for the key.
    pub fn fingerprint_in(&self, space: &[u8], key: &FingerprintKey) -> Fingerprint {
        let mut hasher = blake3::Hasher::new_keyed(&key.0);
        hasher.update(&(space.len() as u64).to_be_bytes());
        hasher.update(space);
        hasher.update(self.0);
        Fingerprint::of(&hasher.finalize())
    }
}

/// A keyed hash of a secret, 64 bits, shown as 16 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(u64);

impl Fingerprint {
    fn of(hash: &blake3::Hash) -> Self {
        let mut short = [0; 8];
        short.copy_from_slice(hash.as_bytes().get(..8).unwrap_or(&[0; 8]));
        Self(u64::from_be_bytes(short))
    }

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

/// Control characters, and those that reorder or hide text on a terminal.
fn is_unprintable(c: char) -> bool {
    let hides =
        |c| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    c.is_control() || (!c.is_ascii() && hides(c))
}

/// Text that was made from traffic and holds nothing secret: it may be stored, logged and shown. Control characters are gone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Masked(SmolStr);

impl Masked {
    /// For the redaction code in this crate: `text` holds no secret.
    pub(crate) fn vouched(text: &str) -> Self {
        Self::printable(text).unwrap_or_else(|| Self(text.into()))
    }

    /// As [`Masked::vouched`], of text that is at hand as a whole.
    #[expect(clippy::needless_pass_by_value, reason = "a text that was made for this")]
    pub(crate) fn from_clean(text: String) -> Self {
        Self::vouched(&text)
    }

    /// With other characters in place of those that must not be shown; `None` where there are none.
    fn printable(text: &str) -> Option<Self> {
        let plain = text.bytes().all(|b| matches!(b, b' '..=b'~'));
        (!plain && text.chars().any(is_unprintable))
            .then(|| Self(text.chars().map(|c| if is_unprintable(c) { '\u{fffd}' } else { c }).collect()))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// `false` unless the type implements the trait: the inherent constant wins over the trait's where its bound holds.
    macro_rules! implements {
        ($type:ty: $($bound:tt)+) => {{
            #[allow(dead_code, reason = "the fallback, not met where the bound holds")]
            trait Absent {
                const IT: bool = false;
            }
            impl<T: ?Sized> Absent for T {}
            struct Probe<T: ?Sized>(std::marker::PhantomData<T>);
            #[allow(dead_code, reason = "used only where the bound holds")]
            impl<T: ?Sized + $($bound)+> Probe<T> {
                const IT: bool = true;
            }
            <Probe<$type>>::IT
        }};
    }

    // A secret can't be printed, copied, compared or serialised; the probe itself works.
    const _: () = {
        assert!(!implements!(Secret<'static>: fmt::Debug));
        assert!(!implements!(Secret<'static>: fmt::Display));
        assert!(!implements!(Secret<'static>: Clone));
        assert!(!implements!(Secret<'static>: PartialEq));
        assert!(!implements!(Secret<'static>: AsRef<[u8]>));
        assert!(!implements!(Secret<'static>: serde::Serialize));
        assert!(!implements!(FingerprintKey: Clone));
        assert!(!implements!(FingerprintKey: fmt::Display));
        assert!(!implements!(FingerprintKey: serde::Serialize));
        assert!(!implements!(Masked: serde::Serialize));
        assert!(implements!(Masked: fmt::Display));
        assert!(implements!(Masked: Clone));
    };

    #[test]
    fn a_fingerprint_depends_on_the_value_the_key_and_the_space() {
        let (a, b) = (FingerprintKey::new([1; 32]), FingerprintKey::new([2; 32]));
        let value = Secret::new(b"hunter2");
        assert_eq!(value.fingerprint(&a), Secret::new(b"hunter2").fingerprint(&a));
        assert_ne!(value.fingerprint(&a), value.fingerprint(&b));
        assert_ne!(value.fingerprint(&a), Secret::new(b"hunter3").fingerprint(&a));
        assert_ne!(value.fingerprint(&a), value.fingerprint_in(b"user", &a));
        assert_ne!(value.fingerprint_in(b"user", &a), value.fingerprint_in(b"cookie", &a));
        assert_eq!(format!("{a:?}"), "FingerprintKey(..)");
        assert_eq!(a.mark(), FingerprintKey::new([1; 32]).mark());
        assert_ne!(a.mark(), b.mark());
    }

    #[test]
    fn masked_text_cannot_command_a_terminal() {
        assert_eq!(Masked::vouched("a\u{1b}[2Jb\u{202e}c\n\u{9b}").as_str(), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}\u{fffd}");
        assert_eq!(Masked::from_stored("/größe").as_str(), "/größe");
    }
}
