//! When a value counts as a secret. Precision comes first: what is not proven is not one.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::json;

/// Shortest opaque token that counts.
const TOKEN_MIN: usize = 16;
/// Longest value that is looked at.
const VALUE_MAX: usize = 16 * 1024;
/// Shortest text that can be called random.
const RANDOM_MIN: usize = 20;
/// Different characters that a token has at least.
const DISTINCT_MIN: u32 = 8;
/// Longest value that may be a placeholder: templates and examples are short.
const PLACEHOLDER_MAX: usize = 128;
/// Longest JWT header, coded.
const JWT_HEADER_MAX: usize = 2048;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Beginnings by which issuers mark their tokens.
const PREFIXES: &[&[u8]] = &[
    b"AIza",
    b"AKIA",
    b"ASIA",
    b"SG.",
    b"dop_v1_",
    b"gho_",
    b"ghp_",
    b"ghr_",
    b"ghs_",
    b"ghu_",
    b"github_pat_",
    b"glpat-",
    b"hf_",
    b"npm_",
    b"pk_live_",
    b"pypi-",
    b"rk_live_",
    b"rk_test_",
    b"shpat_",
    b"sk-",
    b"sk_live_",
    b"sk_test_",
    b"whsec_",
    b"xoxa-",
    b"xoxb-",
    b"xoxp-",
    b"ya29.",
];

/// What stands in place of a secret in examples, templates and masked logs, anywhere in a token, in any case.
static PLACEHOLDER: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let words = [
        "your",
        "example",
        "placeholder",
        "changeme",
        "change-me",
        "change_me",
        "redacted",
        "xxxx",
        "***",
        "insert",
        "{{",
        "${",
        "<",
        "%s",
        "dummy",
        "sample",
        "undefined",
        "[object",
        "filtered",
        "masked",
        "...",
    ];
    AhoCorasick::builder().ascii_case_insensitive(true).build(words).expect("a few short words are within its limits")
});

/// Values that say that there is none.
const NOTHING: &[&[u8]] = &[
    b"null",
    b"undefined",
    b"none",
    b"nil",
    b"nan",
    b"true",
    b"false",
    b"[object object]",
    b"[filtered]",
    b"redacted",
    // What Swagger UI puts into a request that nobody has filled in.
    b"string",
];

/// Empty, `null`, a template, or characters that hide: no value at all.
pub(crate) fn is_placeholder(value: &[u8]) -> bool {
    let value = value.trim_ascii();
    let Some(&first) = value.first() else { return true };
    NOTHING.iter().any(|word| value.eq_ignore_ascii_case(word))
        || (value.len() >= 3
            && matches!(first, b'*' | b'x' | b'X' | b'.' | b'#' | b'-')
            && value.iter().all(|b| *b == first))
        || value.starts_with("•".as_bytes())
        || (value.starts_with(b"{{") && value.ends_with(b"}}"))
        || (value.starts_with(b"${") && value.ends_with(b"}"))
        || (value.starts_with(b"<") && value.ends_with(b">"))
        || (value.starts_with(b"[") && value.ends_with(b"]") && value.eq_ignore_ascii_case(b"[redacted]"))
        || (value.len() <= 2 && value.iter().all(|b| *b == b'*'))
}

/// What stands in examples, templates and masked logs.
pub(crate) fn is_example(value: &[u8]) -> bool {
    value.len() <= PLACEHOLDER_MAX && PLACEHOLDER.is_match(value)
}

/// A password, under a name that says so: any value that stands for itself.
pub(crate) fn is_password(value: &[u8]) -> bool {
    value.len() <= VALUE_MAX && !is_placeholder(value) && !find(value, b"***")
}

/// An opaque token or key, in a place that is made for one: long enough, of several kinds of characters, of enough different ones.
pub(crate) fn is_token(value: &[u8]) -> bool {
    (TOKEN_MIN..=VALUE_MAX).contains(&value.len())
        && value.iter().all(u8::is_ascii_graphic)
        && kinds(value) >= 2
        && distinct(value) >= DISTINCT_MIN
        && !is_counting(value)
        && !is_example(value)
}

/// As [`is_token`], and of the alphabet of RFC 9110 §11.2.
pub(crate) fn is_token68(value: &[u8]) -> bool {
    let end = value.iter().rposition(|b| *b != b'=').map_or(0, |last| last + 1);
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-._~+/".contains(b);
    value.get(..end).is_some_and(|text| text.iter().all(plain)) && is_token(value)
}

/// A secret anywhere, without a name that says so: a JWT, an issuer's prefix, or text that is random and no id.
pub(crate) fn is_secret_alone(value: &[u8]) -> bool {
    if !(TOKEN_MIN..=VALUE_MAX).contains(&value.len()) {
        return false;
    }
    jwt(value).is_some()
        || (PREFIXES.iter().any(|prefix| value.starts_with(prefix))
            && distinct(value) >= DISTINCT_MIN
            && kinds(value) >= 2)
        || (is_random(value) && !is_id(value))
}

/// A secret after a word such as `reset` or `token`: shorter, and hexadecimal counts too.
pub(crate) fn is_secret_in_context(value: &[u8]) -> bool {
    let letters = value.iter().any(u8::is_ascii_alphabetic);
    let digits = value.iter().any(u8::is_ascii_digit);
    value.len() >= TOKEN_MIN
        && letters
        && digits
        && distinct(value) >= DISTINCT_MIN
        && !is_uuid(value)
        && shifts(value).is_noisy()
}

/// The signing algorithm of a JWT (RFC 7519) whose header decodes; a name from our list, or `""` for one not in it.
pub(crate) fn jwt(value: &[u8]) -> Option<&'static str> {
    // Every header begins with a brace, and that is coded as `e`.
    if value.first() != Some(&b'e') {
        return None;
    }
    let mut parts = value.split(|b| *b == b'.');
    let (header, payload) = (parts.next()?, parts.next()?);
    let more = parts.count();
    let coded = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'=' | b'.');
    if header.len() > JWT_HEADER_MAX || payload.is_empty() || !matches!(more, 1 | 3) || !value.iter().all(coded) {
        return None;
    }
    let header = base64(header)?;
    let mut algorithm = Algorithm(None);
    let outcome = json::walk(&header, &mut algorithm);
    algorithm.0.filter(|_| outcome.whole)
}

/// Takes `alg` of a JWT's header.
struct Algorithm(Option<&'static str>);

impl<'a> json::Visit<'a> for Algorithm {
    fn wants(&mut self, key: &'a [u8], _: bool) -> bool {
        key == b"alg"
    }

    fn value(&mut self, place: &json::Place<'_, 'a>, value: json::Scalar<'a>, _: super::scan::Marks) {
        if let json::Scalar::String(name) = value
            && place.depth() == 1
            && place.key() == b"alg"
        {
            self.0 = Some(algorithm(name));
        }
    }
}

/// Names are case-sensitive; but some servers took `None` and `nOnE` for none, and who tries that means none.
fn algorithm(name: &[u8]) -> &'static str {
    if name.eq_ignore_ascii_case(b"none") {
        return "none";
    }
    ALGORITHMS.iter().copied().find(|known| known.as_bytes() == name).unwrap_or("")
}

/// RFC 7518 §3.1 and §4.1, RFC 8037.
const ALGORITHMS: &[&str] = &[
    "none", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512",
    "EdDSA",
];

/// Decodes either alphabet, with or without padding. The result is wiped when dropped.
pub(crate) fn base64(coded: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    if coded.len() > VALUE_MAX {
        return None;
    }
    let mut decoded = Zeroizing::new(vec![0; base64::decoded_len_estimate(coded.len())]);
    let length =
        STANDARD.decode_slice(coded, &mut decoded).or_else(|_| URL_SAFE.decode_slice(coded, &mut decoded)).ok()?;
    decoded.truncate(length);
    Some(decoded)
}

/// User and password of decoded Basic credentials (RFC 7617): text with a colon. A password may be empty where the user is a key.
pub(crate) fn user_and_password(decoded: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = std::str::from_utf8(decoded).map_or_else(
        |_| decoded.iter().all(|b| matches!(b, 0x20..=0x7e | 0xa0..)),
        |text| !text.chars().any(char::is_control),
    );
    let colon = memchr::memchr(b':', decoded).filter(|_| text)?;
    let (user, password) = (decoded.get(..colon)?, decoded.get(colon + 1..)?);
    let proven = if password.is_empty() { is_token(user) } else { is_password(password) };
    proven.then_some((user, password))
}

/// How often the kind of character changes inside words: random text does it often, names do not.
#[derive(Default)]
struct Shifts {
    /// Letters and digits.
    characters: u32,
    /// Neighbours that are both letters or digits.
    pairs: u32,
    /// Those of different kinds (lower, upper, digit).
    changes: u32,
}

impl Shifts {
    /// At least one in four.
    fn is_noisy(&self) -> bool {
        self.changes * 4 >= self.pairs
    }
}

fn shifts(value: &[u8]) -> Shifts {
    let mut all = Shifts::default();
    let mut before = None;
    for &byte in value {
        let kind = kind(byte);
        if let Some(kind) = kind {
            all.characters += 1;
            all.pairs += u32::from(before.is_some());
            all.changes += u32::from(before.is_some_and(|before| before != kind));
        }
        before = kind;
    }
    all
}

/// Long, with digits, noisy and varied.
fn is_random(value: &[u8]) -> bool {
    if value.len() < RANDOM_MIN {
        return false;
    }
    let all = shifts(value);
    let (letters, digits) = (value.iter().any(u8::is_ascii_alphabetic), value.iter().any(u8::is_ascii_digit));
    let both_cases = value.iter().any(u8::is_ascii_lowercase) && value.iter().any(u8::is_ascii_uppercase);
    // Camel case changes its kind about once in five characters, random letters every second time.
    let noisy = if digits { all.is_noisy() } else { all.changes * 5 >= all.pairs * 2 };
    // Many short words with a digit each (`s3-eu-west-1-ec2`) change often too, but have few neighbours.
    let dense = all.pairs * 5 >= all.characters * 3;
    dense
        && all.characters as usize >= RANDOM_MIN
        && letters
        && (digits || both_cases)
        && noisy
        && distinct(value) >= DISTINCT_MIN + 2
}

/// Shapes of ids that are shown: UUID, ULID, `ObjectId`, the usual hashes in hexadecimal (`sha256:…` too), hashed names of assets.
fn is_id(value: &[u8]) -> bool {
    let algorithm = memchr::memchr(b':', value).filter(|at| *at <= 8).map_or(0, |at| at + 1);
    let digest = value.get(algorithm..).unwrap_or_default();
    let hex = digest.iter().all(u8::is_ascii_hexdigit) && matches!(digest.len(), 24 | 32 | 40 | 56 | 64 | 96 | 128);
    hex || is_uuid(value) || is_ulid(value) || is_asset(value)
}

/// `main.8d9f0a7b6c5e4d3f2a1b.js`: what a bundler names after its content, in lower-case hexadecimal.
fn is_asset(value: &[u8]) -> bool {
    const ENDS: &[&[u8]] =
        &[b".js", b".css", b".map", b".mjs", b".png", b".svg", b".jpg", b".woff", b".woff2", b".ico"];
    let lower_hex = |word: &[u8]| word.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let plain = |word: &[u8]| !word.iter().any(u8::is_ascii_digit) || lower_hex(word) || word.len() < 8;
    ENDS.iter().any(|end| value.ends_with(end)) && value.split(|b| b"._-~".contains(b)).all(plain)
}

fn is_uuid(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"{").and_then(|v| v.strip_suffix(b"}")).unwrap_or(value);
    value.len() == 36
        && value
            .iter()
            .enumerate()
            .all(|(at, b)| if matches!(at, 8 | 13 | 18 | 23) { *b == b'-' } else { b.is_ascii_hexdigit() })
}

fn is_ulid(value: &[u8]) -> bool {
    let one_case = !value.iter().any(u8::is_ascii_lowercase) || !value.iter().any(u8::is_ascii_uppercase);
    let crockford = |b: &u8| b.is_ascii_alphanumeric() && !b"ILOUilou".contains(b);
    value.len() == 26 && matches!(value.first(), Some(b'0'..=b'7')) && one_case && value.iter().all(crockford)
}

/// `0123456789abcdef` and the like: most characters follow the one before.
pub(crate) fn is_counting(value: &[u8]) -> bool {
    let next = value.windows(2).filter(|pair| matches!(pair, [a, b] if a.wrapping_add(1) == *b)).count();
    next * 2 > value.len()
}

fn kind(byte: u8) -> Option<u8> {
    match byte {
        b'a'..=b'z' => Some(0),
        b'A'..=b'Z' => Some(1),
        b'0'..=b'9' => Some(2),
        _ => None,
    }
}

/// How many of lower case, upper case and digits occur.
pub(crate) fn kinds(value: &[u8]) -> u32 {
    value.iter().filter_map(|b| kind(*b)).fold(0_u32, |seen, kind| seen | 1 << kind).count_ones()
}

pub(crate) fn distinct(value: &[u8]) -> u32 {
    value.iter().filter(|b| b.is_ascii()).fold(0_u128, |seen, b| seen | 1 << (b & 0x7f)).count_ones()
}

pub(crate) fn find(value: &[u8], word: &[u8]) -> bool {
    memchr::memmem::find(value, word).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coded(text: &str) -> String {
        URL_SAFE.encode(text).trim_end_matches('=').to_owned()
    }

    #[test]
    fn jwts_are_decoded_not_guessed() {
        let sign = "c2lnbmF0dXJl";
        let jwt_of = |header: &str| jwt(format!("{}.{}.{sign}", coded(header), coded(r#"{"sub":"1"}"#)).as_bytes());
        assert_eq!(jwt_of(r#"{"alg":"HS256","typ":"JWT"}"#), Some("HS256"));
        assert_eq!(jwt_of(r#"{ "typ":"JWT","alg":"none" }"#), Some("none"));
        assert_eq!(jwt_of(r#"{"alg":"secret-name"}"#), Some(""));
        assert_eq!(jwt_of(r#"{"typ":"JWT"}"#), None);
        assert_eq!(jwt_of(r#"{"a":{"alg":"HS256"}}"#), None);
        assert_eq!(jwt_of(r#"{"alg":"HS256""#), None);
        assert_eq!(jwt(b"eyJhbGciOiJIUzI1NiJ9.only-two"), None);
    }

    #[test]
    fn placeholders_are_no_secrets() {
        for value in
            ["", "null", "undefined", "None", "***", "xxx", "{{token}}", "${TOKEN}", "<token>", "[REDACTED]", "•••••"]
        {
            assert!(is_placeholder(value.as_bytes()), "{value}");
            assert!(!is_password(value.as_bytes()), "{value}");
            assert!(!is_token(value.as_bytes()), "{value}");
        }
        for value in [
            "your-api-key-goes-here-1",
            "YOUR_ACCESS_TOKEN_123",
            "0123456789abcdef",
            "sk_live_************1234",
            "aaaaaaaaaaaaaaaaaaaa1",
        ] {
            assert!(!is_token(value.as_bytes()), "{value}");
        }
        for value in ["hunter2", "x", "changeme", "null1", "pass word", "Ω"] {
            assert!(is_password(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn random_text_is_a_secret_and_an_id_or_a_name_is_not() {
        for value in [
            "Zk3vQ9xLw2Pd8RtY5nBc",
            "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
            "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
            "kJ8-xQ2_mN5vB7cX1zL4pW",
            "a8f5k2l9x0q3w7e1r6t4y2u",
            "A1B2C-D3E4F-G5H6I-J7K8L-M9N0P",
            "Zk3vQ9xLw2Pd8RtY5nBc.js",
            "token:Zk3vQ9xLw2Pd8RtY5nBc",
            "3f2a9c1b7d8e4f5a6b0c1d2e3f4a5b6c7d8e9f0a1b2c3d4e",
        ] {
            assert!(is_secret_alone(value.as_bytes()), "{value}");
        }
        for value in [
            "550e8400-e29b-41d4-a716-446655440000",
            "01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "507f1f77bcf86cd799439011",
            "d41d8cd98f00b204e9800998ecf8427e",
            "getUserAccountPreferencesById",
            "2023-01-01T00:00:00.000000+00:00",
            "sandy-relief_300x75._V400689491_.png",
            "1030_AccessoriesPROMO_GWright._V400626950_.gif",
            "12345678901234567890",
            "application-configuration-settings",
            "iphone12-pro-max-256gb-a2411",
            "StreamingService.ClientStreamRPC",
            "s3-eu-west-1-ec2-m5-k8s-v1-28",
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "main.8d9f0a7b6c5e4d3f2a1b.js",
            "top-10-tips-2024-q3-update-v2",
        ] {
            assert!(!is_secret_alone(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn basic_credentials_are_text_with_a_colon() {
        for (coded, user) in
            [("YWRtaW46c2VjcmV0", Some("admin")), ("YTpi", Some("a")), ("YTpiYw==", Some("a")), ("YTpiYw", Some("a"))]
        {
            let decoded = base64(coded.as_bytes()).unwrap();
            assert_eq!(user_and_password(&decoded).map(|(user, _)| user), user.map(str::as_bytes), "{coded}");
        }
        for text in [&b"nocolon"[..], b"user:", b"a:***", b"\x00:b", b"user:null"] {
            assert_eq!(user_and_password(text), None);
        }
        assert!(user_and_password(b"sk_test_4eC39HqLyjWDarjtT1zdp7dc:").is_some());
        assert!(base64(b"not base64!").is_none());
    }
}
