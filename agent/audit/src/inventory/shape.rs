//! Segments that are variables by the shape of their value: a pure function of the segment, so that the same traffic in any order gives
//! the same templates.
//!
//! Identifiers of all forms share one name, `{id}`: an API that hands out integers and UUIDs on the same path has one endpoint there.

use std::borrow::Cow;

/// What the facts put in place of a path segment that is a secret.
pub(crate) const SECRET: &str = crate::secret::mask::MARK;
/// Name of a variable that was learnt from the variety of its values.
pub(crate) const LEARNT: &str = "{name}";
/// Longest literal segment, in bytes; a longer one is a value.
const LITERAL_MAX: usize = 96;

/// A segment in a template: the segment itself, or a variable's name in braces, with a file name's extension kept.
pub(crate) fn piece(segment: &str) -> Cow<'_, str> {
    let look = Look::at(segment);
    if let Some(name) = variable(segment, look) {
        return Cow::Borrowed(name);
    }
    if look.is_plain {
        return Cow::Borrowed(segment);
    }
    if let Some((stem, extension)) = segment.rsplit_once('.')
        && is_extension(extension)
        && let Some(name) = variable(stem, Look::at(stem))
    {
        return Cow::Owned(format!("{name}.{extension}"));
    }
    if look.has_brace {
        // A brace that came from a client must not pass for a variable of ours.
        return Cow::Owned(segment.replace('{', "%7B").replace('}', "%7D"));
    }
    Cow::Borrowed(segment)
}

/// A path's segments: doubled and trailing slashes mean nothing here.
pub(crate) fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

/// The template of a path by shape alone.
#[cfg(test)]
pub(crate) fn template(path: &str) -> String {
    join(segments(path).map(piece))
}

/// Segments put together to a path.
pub(crate) fn join<'a>(pieces: impl Iterator<Item = Cow<'a, str>>) -> String {
    let mut route = String::new();
    for piece in pieces {
        route.push('/');
        route.push_str(&piece);
    }
    if route.is_empty() {
        route.push('/');
    }
    route
}

/// What one pass over a segment tells: nearly every segment of a path is decided by it.
#[derive(Clone, Copy)]
struct Look {
    digits: usize,
    has_brace: bool,
    /// An at sign, plain or percent-encoded.
    has_at: bool,
    /// No byte but letters, digits, `-` and `_`.
    is_plain: bool,
}

impl Look {
    fn at(segment: &str) -> Self {
        let mut look = Self { digits: 0, has_brace: false, has_at: false, is_plain: true };
        for byte in segment.bytes() {
            match byte {
                b'0'..=b'9' => look.digits += 1,
                b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'_' => {}
                _ => {
                    look.is_plain = false;
                    look.has_brace |= matches!(byte, b'{' | b'}');
                    look.has_at |= matches!(byte, b'@' | b'%');
                }
            }
        }
        look
    }
}

/// The variable's name, in braces, if the segment is one.
fn variable(segment: &str, look: Look) -> Option<&'static str> {
    let bytes = segment.as_bytes();
    if look.has_brace && segment.contains(SECRET) {
        return Some(SECRET);
    }
    if look.digits > 0 {
        if is_date(bytes) {
            return Some("{date}");
        }
        if is_integer(bytes) || is_uuid(bytes) || is_ulid(bytes) || is_hex_id(bytes) || is_random(bytes) {
            return Some("{id}");
        }
    }
    if look.has_at && is_email(segment) {
        return Some("{email}");
    }
    (bytes.len() > LITERAL_MAX).then_some("{value}")
}

fn is_integer(bytes: &[u8]) -> bool {
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// RFC 9562 §4, with or without braces' worth of punctuation: 8-4-4-4-12 hexadecimal digits.
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

/// `ObjectId`s, hashes and the like: at least 16 hexadecimal digits, decimal digits among them.
fn is_hex_id(bytes: &[u8]) -> bool {
    bytes.len() >= 16 && bytes.iter().all(u8::is_ascii_hexdigit) && bytes.iter().any(u8::is_ascii_digit)
}

/// ISO 8601 dates and times: `2026-11-24`, `2026-11-24T10:30:00Z`.
fn is_date(bytes: &[u8]) -> bool {
    let Some((day, rest)) = bytes.split_at_checked(10) else { return false };
    let fits = day.iter().enumerate().all(|(index, byte)| match index {
        4 | 7 => *byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    let number = |range: std::ops::Range<usize>| {
        day.get(range)
            .unwrap_or_default()
            .iter()
            .fold(0_u32, |sum, digit| sum * 10 + u32::from(digit.wrapping_sub(b'0')))
    };
    fits && (1..=12).contains(&number(5..7))
        && (1..=31).contains(&number(8..10))
        && match rest {
            [] => true,
            [b'T' | b't' | b' ', time @ ..] => {
                time.len() >= 4
                    && time
                        .iter()
                        .all(|byte| byte.is_ascii_digit() || b":.,+-Zz%".contains(byte) || byte.is_ascii_hexdigit())
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

/// An id in base 62 or base 64url: long, digits and letters mixed, and changing between them more often than words, versions
/// (`v2beta1`) and slugs (`top-10-of-2026`) do.
fn is_random(bytes: &[u8]) -> bool {
    const LENGTH_MIN: usize = 10;
    // An id with a short prefix, such as `cus_9s6XKzkNRiz8i3` or `order-8f3kd82ma0`.
    let tail = bytes.iter().position(|byte| matches!(byte, b'_' | b'-')).and_then(|at| {
        let (prefix, tail) = bytes.split_at_checked(at)?;
        (at <= 8 && prefix.iter().all(u8::is_ascii_lowercase)).then(|| tail.get(1..).unwrap_or_default())
    });
    [Some(bytes), tail].into_iter().flatten().any(|text| {
        let token = text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'='));
        token && text.len() >= LENGTH_MIN && looks_random(text)
    })
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
    let separators = text.iter().filter(|byte| matches!(byte, b'_' | b'-')).count();
    // Slugs change class at their separators (twice each) and nowhere else.
    digits >= 2 && changes.saturating_sub(2 * separators) * 4 >= text.len().saturating_sub(separators)
}

fn is_extension(text: &str) -> bool {
    (1..=5).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && !is_integer(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        let cases = [
            ("/", "/"),
            ("", "/"),
            ("/orders", "/orders"),
            ("//orders///7/", "/orders/{id}"),
            ("/orders/-7", "/orders/{id}"),
            ("/orders/3fa85f64-5717-4562-b3fc-2c963f66afa6", "/orders/{id}"),
            ("/orders/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/orders/{id}"),
            ("/orders/507f1f77bcf86cd799439011", "/orders/{id}"),
            ("/blobs/d41d8cd98f00b204e9800998ecf8427e/raw", "/blobs/{id}/raw"),
            ("/customers/cus_9s6XKzkNRiz8i3", "/customers/{id}"),
            ("/videos/dQw4w9WgXcQ", "/videos/{id}"),
            ("/videos/aB3dE5gH9k", "/videos/{id}"),
            ("/orders/7.json", "/orders/{id}.json"),
            ("/files/3fa85f64-5717-4562-b3fc-2c963f66afa6.pdf", "/files/{id}.pdf"),
            ("/days/2026-11-24", "/days/{date}"),
            ("/days/2026-11-24T10:30:00Z", "/days/{date}"),
            ("/days/2026-13-24x", "/days/2026-13-24x"),
            ("/users/a.b@example.com", "/users/{email}"),
            ("/users/bob%40example.com", "/users/{email}"),
            ("/t/{secret}/x", "/t/{secret}/x"),
            ("/t/pre{secret}", "/t/{secret}"),
            ("/v1/api", "/v1/api"),
            ("/v2beta1/x", "/v2beta1/x"),
            ("/oauth2/token", "/oauth2/token"),
            ("/top-10-of-2026", "/top-10-of-2026"),
            ("/my-first-post-2024-review", "/my-first-post-2024-review"),
            ("/@scope", "/@scope"),
            ("/internationalization", "/internationalization"),
            ("/application-configuration-settings", "/application-configuration-settings"),
            ("/.well-known/openid-configuration", "/.well-known/openid-configuration"),
            ("/robots.txt", "/robots.txt"),
            ("/app.1.2", "/app.1.2"),
            ("/{name}/x", "/%7Bname%7D/x"),
            ("/{id}", "/%7Bid%7D"),
            ("/deadbeefdeadbeefdeadbeef", "/deadbeefdeadbeefdeadbeef"),
        ];
        for (path, expected) in cases {
            assert_eq!(template(path), expected, "{path}");
        }
        assert_eq!(template(&format!("/{}", "é".repeat(60))), "/{value}");
        assert_eq!(template(&format!("/{}", "x".repeat(96))), format!("/{}", "x".repeat(96)));
    }

    proptest::proptest! {
        #[test]
        fn total_and_stable(path in "(/|[a-zA-Z0-9{}%@._-]|\\PC){0,80}") {
            let once = template(&path);
            proptest::prop_assert!(once.starts_with('/'));
            proptest::prop_assert!(!once.contains("//"));
        }

        #[test]
        fn ids_of_any_value_share_their_template(a: u64, b: uuid_like::Uuid, c in "[0-9a-f]{24}") {
            proptest::prop_assert_eq!(template(&format!("/o/{a}/x")), "/o/{id}/x");
            proptest::prop_assert_eq!(template(&format!("/o/{}/x", b.0)), "/o/{id}/x");
            proptest::prop_assume!(c.bytes().any(|byte| byte.is_ascii_digit()));
            proptest::prop_assert_eq!(template(&format!("/o/{c}/x")), "/o/{id}/x");
        }
    }

    mod uuid_like {
        use proptest::prelude::*;

        #[derive(Clone, Debug)]
        pub(super) struct Uuid(pub(super) String);

        impl Arbitrary for Uuid {
            type Parameters = ();
            type Strategy = BoxedStrategy<Self>;

            fn arbitrary_with((): ()) -> Self::Strategy {
                any::<u128>()
                    .prop_map(|n| {
                        let hex = format!("{n:032x}");
                        Self(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
                    })
                    .boxed()
            }
        }
    }
}
