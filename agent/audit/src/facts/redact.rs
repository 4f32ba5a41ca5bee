//! Paths, hosts, names and methods in a form that may be shown: what is proven secret in them becomes `{secret}`.
//!
//! Masked are: a JWT, text with an issuer's prefix, random text of 20 characters and more, a value after a word such as `reset`, a
//! parameter's value under a session's or credential's name, and whatever equals a credential of the same request. Shown are ids:
//! UUID, ULID, `ObjectId`, hexadecimal hashes, numbers, names. A short secret in a path that nothing marks as one can't be known.

use crate::secret::mask::{MARK, VALUE_MARK};
use crate::secret::{FingerprintKey, Masked, Secret};

use super::collect::KnownValue;
use super::{names, percent, proof};

/// Longest path kept, in bytes.
pub(crate) const PATH_MAX: usize = 1024;
/// Longest host kept (RFC 1035 §2.3.4).
const HOST_MAX: usize = 255;
/// Longest name of a parameter or field that is shown.
const NAME_MAX: usize = 64;
/// Longest name of a query parameter without a value that is shown.
const BARE_NAME_MAX: usize = 24;
/// Shortest value that is compared with the credentials of the request.
const KNOWN_MIN: usize = 4;
/// Shows that something was cut off.
const CUT: char = '…';

/// A request's credentials, to find the same value in its path.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    /// The key they were made with.
    pub key: &'a FingerprintKey,
    /// Their lengths and fingerprints.
    pub values: &'a [KnownValue],
}

impl Known<'_> {
    fn has(&self, value: &[u8]) -> bool {
        let mut of_length = self.values.iter().filter(|(length, _)| *length == value.len()).peekable();
        if value.len() < KNOWN_MIN || of_length.peek().is_none() {
            return false;
        }
        let fingerprint = Secret::new(value).fingerprint(self.key);
        of_length.any(|(_, known)| *known == fingerprint)
    }
}

/// A path as sent, its secrets masked, cut after [`PATH_MAX`].
pub(crate) fn path(raw: &[u8], known: Known<'_>) -> Masked {
    let mut shown = String::with_capacity(raw.len().min(PATH_MAX));
    let mut before: &[u8] = b"";
    for (at, segment) in raw.split(|b| *b == b'/').enumerate() {
        if at > 0 {
            shown.push('/');
        }
        let cut = shown.len() + segment.len() > PATH_MAX && !is_secret(segment, before, known);
        if cut || shown.len() > PATH_MAX {
            shown.push(CUT);
            break;
        }
        push_segment(&mut shown, segment, before, known);
        before = segment;
    }
    Masked::from_clean(shown)
}

/// Piece by piece, so that of `app;jsessionid=…` the rest stays readable. Where only the whole is a secret, the whole goes.
fn push_segment(shown: &mut String, segment: &[u8], before: &[u8], known: Known<'_>) {
    let start = shown.len();
    let mut masked = false;
    for (at, piece) in segment.split(|b| *b == b';').enumerate() {
        if at > 0 {
            shown.push(';');
        }
        masked |= push_piece(shown, piece, before, known);
    }
    if !masked && is_secret(segment, before, known) {
        shown.truncate(start);
        shown.push_str(MARK);
    }
}

/// `true` where something was masked.
fn push_piece(shown: &mut String, piece: &[u8], before: &[u8], known: Known<'_>) -> bool {
    let equals = memchr::memchr(b'=', piece).filter(|at| at + 1 < piece.len());
    let Some((name, value)) = equals.and_then(|at| Some((piece.get(..at)?, piece.get(at + 1..)?))) else {
        return push_unless_secret(shown, piece, is_secret(piece, before, known));
    };
    let given_away = names::is_secret_parameter(name) && !proof::is_placeholder(value);
    let name_masked = push_unless_secret(shown, name, is_secret(name, before, known));
    shown.push('=');
    push_unless_secret(shown, value, given_away || is_secret(value, before, known)) || name_masked
}

fn push_unless_secret(shown: &mut String, text: &[u8], secret: bool) -> bool {
    if secret {
        shown.push_str(MARK);
    } else {
        shown.push_str(&percent::text(text));
    }
    secret
}

fn is_secret(coded: &[u8], before: &[u8], known: Known<'_>) -> bool {
    if coded.len() < KNOWN_MIN {
        return false;
    }
    let plain = percent::decode(coded, false);
    proof::is_secret_alone(&plain)
        || (names::leads_to_secret(before) && proof::is_secret_in_context(&plain))
        || known.has(&plain)
}

/// Whether a name is a secret: by itself, or because it equals a credential of the request.
pub(crate) fn is_secret_name(plain: &[u8], known: Known<'_>) -> bool {
    proof::is_secret_alone(plain) || known.has(plain)
}

/// A host or authority: lower case, userinfo gone, a label that is a secret masked, cut after 255 bytes.
pub(crate) fn host(raw: &[u8]) -> Masked {
    let raw = super::target::without_userinfo(raw);
    let mut shown = String::with_capacity(raw.len().min(HOST_MAX));
    for (at, label) in raw.split(|b| *b == b'.').enumerate() {
        if at > 0 {
            shown.push('.');
        }
        let secret = proof::is_secret_alone(label);
        if !secret && shown.len() + label.len() > HOST_MAX {
            shown.push(CUT);
            break;
        }
        push_unless_secret(&mut shown, label, secret);
    }
    shown.make_ascii_lowercase();
    Masked::from_clean(shown)
}

/// A text without structure, such as a part of a certificate's name: words that are secrets masked.
pub(crate) fn label(text: &str) -> String {
    let shown = |word: &str| if proof::is_secret_alone(word.as_bytes()) { MARK.to_owned() } else { word.to_owned() };
    text.split(' ').map(shown).collect::<Vec<_>>().join(" ")
}

/// The names of a query's parameters, at most `max`, in order. What is rather a value becomes `{value}`, a secret `{secret}`.
pub(crate) fn query_keys(query: &[u8], max: usize) -> Vec<Masked> {
    query.split(|b| *b == b'&').filter(|pair| !pair.is_empty()).take(max).map(query_key).collect()
}

/// Whether what stands before the `=` may be shown.
pub(crate) fn is_named(pair: &[u8]) -> bool {
    let shown = query_key(pair);
    shown.as_str() != MARK && shown.as_str() != VALUE_MARK
}

fn query_key(pair: &[u8]) -> Masked {
    let (name, value) = pair.split_at(memchr::memchr(b'=', pair).unwrap_or(pair.len()));
    let plain = percent::decode(name, true);
    let is_name = match value {
        // No value: what stands here may well be one. A flag is a word.
        b"" => plain.len() <= BARE_NAME_MAX && plain.iter().all(|b| b.is_ascii_alphabetic() || b"-_.".contains(b)),
        // Not an empty value but the padding of base64.
        b"==" | b"===" => false,
        b"=" if plain.len() % 4 == 3 && proof::kinds(&plain) == 3 => false,
        _ => plain.len() <= NAME_MAX,
    };
    if proof::is_secret_alone(&plain) {
        Masked::vouched(MARK)
    } else if is_name {
        Masked::vouched(&percent::text(&plain))
    } else {
        Masked::vouched(VALUE_MARK)
    }
}

/// A field's name as part of a place: a plain name is shown; anything else becomes `{value}`, a secret `{secret}`.
pub(crate) fn field_name(plain: &[u8]) -> &str {
    let identifier = |b: &u8| b.is_ascii_alphanumeric() || b"_-.$:[]".contains(b);
    let is_name = !plain.is_empty() && plain.len() <= NAME_MAX && plain.iter().all(identifier);
    if proof::is_secret_alone(plain) {
        return MARK;
    }
    std::str::from_utf8(plain).ok().filter(|_| is_name).unwrap_or(VALUE_MARK)
}

/// A method's token, or `{secret}` where it is a value in disguise.
pub(crate) fn method(token: &str) -> &str {
    if proof::is_secret_alone(token.as_bytes()) { MARK } else { token }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::needless_pass_by_value, reason = "so that a check ends in expect![..]")]

    use expect_test::{Expect, expect};

    use super::*;

    fn check(raw: &str, expected: Expect) {
        let key = FingerprintKey::new([7; 32]);
        let values = [(7, Secret::new(b"hunter2").fingerprint(&key))];
        let shown = path(raw.as_bytes(), Known { key: &key, values: &values });
        expected.assert_eq(shown.as_str());
    }

    #[test]
    fn ids_and_names_stay() {
        for raw in [
            "/",
            "",
            "*",
            "/orders/42",
            "/orders/550e8400-e29b-41d4-a716-446655440000/items",
            "/files/d41d8cd98f00b204e9800998ecf8427e",
            "/a//b/",
            "/v1/users/alice@example.com",
            "/gr%C3%B6%C3%9Fe",
            "/odata/Orders(42)",
            "/x;v=1/y",
            "/p=1",
            "/a=/b",
            "/images/G/01/img12/shoes/sales_events/11_nov/1030_AccessoriesPROMO_GWright._V400626950_.gif",
            "/images/I/41HZ-ND-SUL._SL135_.jpg",
            "/StreamingService/ClientStreamRPC",
            "/x/xx/xxxxxxxxxxxxxxxxxxx/x/xxxxxx/xxxxxxxxxxxxxxx",
            "/get_one_header_no_body",
            "/password/reset",
            "/reset/confirmation-page-two",
        ] {
            let key = FingerprintKey::new([7; 32]);
            assert_eq!(path(raw.as_bytes(), Known { key: &key, values: &[] }).as_str(), raw);
        }
    }

    #[test]
    fn secrets_go() {
        check("/t/Zk3vQ9xLw2Pd8RtY5nBc/x", expect!["/t/{secret}/x"]);
        check("/t/Zk3vQ9xLw2Pd8RtY5%6eBc", expect!["/t/{secret}"]);
        check("/t/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", expect!["/t/{secret}"]);
        check("/reset/d41d8cd98f00b204e9800998ecf8427e", expect!["/reset/{secret}"]);
        check("/app;jsessionid=1A2B3C/cart;v=2", expect!["/app;jsessionid={secret}/cart;v=2"]);
        check("/token=abc/x", expect!["/token={secret}/x"]);
        check("/login/hunter2/hunter3", expect!["/login/{secret}/hunter3"]);
        check("/login/hunter%32", expect!["/login/{secret}"]);
        check("/a;b;Zk3vQ9xLw2Pd8RtY5nBc=", expect!["/a;b;{secret}"]);
        check("/a/Zk3vQ9xLw2=Pd8RtY5nBc", expect!["/a/{secret}"]);
        check("/a/Zk3vQ9;xLw2Pd8;RtY5nBc", expect!["/a/{secret}"]);
    }

    #[test]
    fn long_paths_are_cut_and_odd_bytes_shown_as_escapes() {
        let key = FingerprintKey::new([7; 32]);
        let known = Known { key: &key, values: &[] };
        let shown = path("/abc".repeat(10_000).as_bytes(), known);
        assert!(shown.as_str().len() <= PATH_MAX + 16 && shown.as_str().ends_with('…'));
        assert_eq!(path(b"/a\xff\x1b[0m", known).as_str(), "/a%FF\u{fffd}[0m");
        let shown = path(format!("/{}", "Zk3vQ9xLw2Pd8RtY5nBc".repeat(100)).as_bytes(), known);
        assert_eq!(shown.as_str(), "/{secret}");
        let shown = path("/Zk3vQ9xLw2Pd8RtY5nBc".repeat(1000).as_bytes(), known);
        assert!(shown.as_str().len() <= PATH_MAX + 16);
    }

    #[test]
    fn hosts_lose_userinfo_and_secret_labels() {
        for (raw, shown) in [
            ("API.Example.com:8080", "api.example.com:8080"),
            ("user:pass@host", "host"),
            ("[::1]:80", "[::1]:80"),
            ("Zk3vQ9xLw2Pd8RtY5nBc.hooks.example.com", "{secret}.hooks.example.com"),
        ] {
            assert_eq!(host(raw.as_bytes()).as_str(), shown);
        }
    }

    #[test]
    fn query_names_are_names() {
        let shown = |query: &str| {
            query_keys(query.as_bytes(), 4).iter().map(|m| m.as_str().to_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shown("a=1&b&&filter%5Bx%5D=2&wsdl"), "a b filter[x] wsdl");
        assert_eq!(
            shown("hunter2&1590632942&dXNlcjpwYXNz==&Zk3vQ9xLw2Pd8RtY5nBc=1"),
            "{value} {value} {value} {secret}"
        );
        assert_eq!(shown("a=1&b=2&c=3&d=4&e=5"), "a b c d");
        assert_eq!(shown("c2VjcmV0MTI=&pass2="), "{value} pass2");
        assert_eq!(shown("empty=&x"), "empty x");
    }
}
