//! What may be shown as the name of an operation.
//!
//! The API's developers choose such names; but a client can send any text in their place, and a secret with it. So a name is shown
//! only where it is an identifier of bounded length that is none of the secrets that paths are searched for, and holds no number so
//! long that it could be one of a person's.

use smol_str::{SmolStr, format_smolstr};

use crate::facts::redact::{self, Known};

/// Stands for every operation whose name is not shown, and for those past a bound.
pub(crate) const OTHER: &str = "(other)";
/// Longest name.
const NAME_MAX: usize = 96;
/// So many digits in a row are no part of a name: a date has eight.
const DIGITS_MAX: usize = 8;

/// The name, or [`OTHER`]. `grammar` says which punctuation it may have besides letters and digits.
pub(super) fn shown<'a>(name: &'a [u8], grammar: &[u8], known: Known<'_>) -> &'a str {
    accepted(name, grammar, known).unwrap_or(OTHER)
}

/// A name behind what kind of operation it is.
pub(super) fn after(kind: &str, name: &[u8], grammar: &[u8], known: Known<'_>) -> SmolStr {
    format_smolstr!("{kind} {}", shown(name, grammar, known))
}

/// The name, if it may be shown.
pub(super) fn accepted<'a>(name: &'a [u8], grammar: &[u8], known: Known<'_>) -> Option<&'a str> {
    let text = std::str::from_utf8(name).ok()?;
    let begins = name.first().is_some_and(|first| first.is_ascii_alphabetic() || b"_$".contains(first));
    let is_name = begins
        && name.len() <= NAME_MAX
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_' || grammar.contains(byte));
    let long_number = || name.split(|byte| !byte.is_ascii_digit()).any(|digits| digits.len() > DIGITS_MAX);
    (is_name && !long_number() && !redact::is_secret_name(name, known)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::{FingerprintKey, Secret};

    #[test]
    fn names_are_shown_and_nothing_else() {
        let key = FingerprintKey::new([7; 32]);
        let values = [(7, Secret::new(b"hunter2").fingerprint(&key))];
        let known = Known { key: &key, values: &values };
        for name in
            ["GetUser", "_x1", "eth_getBalance", "a.b/c-d", "$x", "List20240131", "getUserAccountPreferencesById"]
        {
            assert_eq!(shown(name.as_bytes(), b"./-$", known), name);
        }
        let long = "a".repeat(97);
        for name in [
            "",
            "hunter2",
            "1a",
            "a b",
            "a@b.cc",
            "a#b",
            "a{b}",
            "ä",
            "a\u{1b}b",
            &long,
            "u4111111111111111",
            "tel_491701234567",
            "AKIAZk3vQ9xLw2Pd8RtY",
            "Zk3vQ9xLw2Pd8RtY5nBc",
        ] {
            assert_eq!(shown(name.as_bytes(), b"./-$", known), OTHER, "{name}");
        }
        assert_eq!(shown(b"a\xff", b"", known), OTHER);
    }
}
