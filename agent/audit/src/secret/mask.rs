//! The forms in which a credential may be shown.
//!
//! A form says what kind of credential it was and never depends on the secret part: two credentials of one kind and user have one form.
//! Of a user name at most the first and the last character are kept, and nothing of a short one.

use super::Masked;

/// Stands where a proven secret stood, in a path, a host or a name.
pub(crate) const MARK: &str = "{secret}";

/// Stands where a name was expected and something else stood that may well be a value.
pub(crate) const VALUE_MARK: &str = "{value}";

/// Shortest user name of which two characters are shown.
const USER_SHOWN_MIN: usize = 4;

/// `Basic ****, user a***n`.
pub(crate) fn basic(user: &[u8]) -> Masked {
    Masked::from_clean(format!("Basic ****, user {}", partly(user)))
}

/// `Bearer ****`, or `Bearer ****, a JWT signed with HS256`. `algorithm` is a name from our own list, never text from the token.
pub(crate) fn bearer(algorithm: Option<&'static str>) -> Masked {
    match algorithm {
        Some("none") => Masked::vouched("Bearer ****, a JWT without a signature"),
        Some("") => Masked::vouched("Bearer ****, a JWT"),
        Some(algorithm) => Masked::from_clean(format!("Bearer ****, a JWT signed with {algorithm}")),
        None => Masked::vouched("Bearer ****"),
    }
}

/// `API key ****`.
pub(crate) fn api_key() -> Masked {
    Masked::vouched("API key ****")
}

/// `password ****`.
pub(crate) fn password() -> Masked {
    Masked::vouched("password ****")
}

/// First and last character, where there are enough between them.
fn partly(user: &[u8]) -> String {
    let text = String::from_utf8_lossy(user);
    let shown = |c: &char| c.is_alphanumeric();
    match (text.chars().next().filter(shown), text.chars().next_back().filter(shown)) {
        (Some(first), Some(last)) if text.chars().count() >= USER_SHOWN_MIN => format!("{first}***{last}"),
        _ => "***".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn users_are_shown_in_part_or_not_at_all() {
        let forms = [("admin", "a***n"), ("Jörg", "J***g"), ("bob", "***"), ("", "***"), ("a@b.c!", "***")];
        for (user, form) in forms {
            assert_eq!(basic(user.as_bytes()).as_str(), format!("Basic ****, user {form}"));
        }
    }

    proptest! {
        #[test]
        fn no_four_characters_of_a_user_survive(user in "[A-Z0-9@._-]{4,40}") {
            let shown = basic(user.as_bytes());
            for four in user.as_bytes().windows(4) {
                prop_assert!(!shown.as_str().as_bytes().windows(4).any(|w| w == four), "{shown}");
            }
        }

        #[test]
        fn the_middle_of_a_user_changes_nothing(a in "[a-z0-9]{2,20}", b in "[a-z0-9]{2,20}") {
            prop_assert_eq!(basic(format!("x{a}y").as_bytes()), basic(format!("x{b}y").as_bytes()));
        }
    }
}
