//! Tokens of others: the example of jwt.io, RFC 7515 §A.1, and some that Python's `hmac` has signed.

use std::fmt::Write as _;

use expect_test::expect;

use super::*;
use crate::facts::sample::Sample;
use crate::facts::{Facts, take, target};
use crate::secret::Secret;
use apiscope_wire::http::coding::Decoder;

/// `your-256-bit-secret`; no `exp`.
const JWT_IO: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c";
/// RFC 7515 §A.1.1; `exp` 1300819380.
const RFC: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// HS384 with `secret`.
const SECRET_384: &str = "eyJhbGciOiJIUzM4NCIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIiwiZXhwIjoxOTAwMDAwMDAwfQ.n-f8d2_Y9HEuNB_fSdpp5Sb1sAcVDKD8auEwqx6i3Ux4qCyGIkf2kX9lDep4UO1z";
/// HS512 with `secret`; `iat` 1890000000.
const SECRET_512: &str = "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIiwiZXhwIjoxOTAwMDAwMDAwLCJpYXQiOjE4OTAwMDAwMDB9.bi18IBZzr5x009E1O6DrvG1wNnhjfzzK_64Dwq4MlovPVB43RyRM8RkCFdMNf0F8hLLyzKGGx4Kv8wk_x5pa-A";
/// The bytes that `secret` is in base64, as jjwt takes it.
const SECRET_CODED: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIiwiZXhwIjoxOTAwMDAwMDAwfQ.vn_vetBy7Y-ym2pXk_xybPiMr7zB6ehss82jBur0Meo";
/// A key of 32 random bytes.
const SOUND: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIiwiZXhwIjoxOTAwMDAwMDAwfQ.3T-7ds6jiyQ4h5BZk87KuN96EA_xlmH7WreZJ5JnS3I";
const NONE: &str = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiIxIiwiZXhwIjoxOTAwMDAwMDAwfQ.";
/// As `jwt_tool` tries it: `nOnE`.
const NONE_MIXED: &str = "eyJhbGciOiJuT25FIiwidHlwIjoiSldUIn0.eyJzdWIiOiIxIiwiZXhwIjoxOTAwMDAwMDAwfQ.";
/// HS256, and the signature left out.
const STRIPPED: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIiwiZXhwIjoxOTAwMDAwMDAwfQ.";
/// Claims `password`, `ssn` and `email`.
const TELLING: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIiwiZXhwIjoxOTAwMDAwMDAwLCJwYXNzd29yZCI6IlprMyF2djlxTG1uIiwic3NuIjoiMjE5LTA5LTk5OTkiLCJlbWFpbCI6ImEuYkBzaG9wLmV4YW1wbGUifQ.NC2oVo661ql6gLvm-NlHkhxbMdnzQzPiTJuerL-0joM";
/// As Azure AD's: `pwd_exp`, `pwd_url`, `name`, `email`, and an `exp` with a fraction.
const PLAIN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIiwiZXhwIjoxOTAwMDAwMDAwLjc1LCJwd2RfZXhwIjoiMTIzNCIsInB3ZF91cmwiOiJodHRwczovL3BvcnRhbC5leGFtcGxlL3B3IiwiZW1haWwiOiJhLmJAc2hvcC5leGFtcGxlIiwibmFtZSI6IkpvIE1pbGwifQ.x1DJP-2Ie0Oth_Fy8WIHcC2slVHwb5C08LtTW9wCA50";
/// `exp` is a word.
const WORD: &str =
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIiwiZXhwIjoic29vbiJ9.TDAeH3ep-ncOye4mb0NswaQKdR0iBHHbi5EPfHl0rS0";
/// `exp` is inside another claim.
const NESTED: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIiwiYSI6eyJleHAiOjV9fQ.HoSMPOp6GNsgbP40IjtfCw4nUTn5WOqXnIWF1U8Fsrc";

const KEY: FingerprintKey = FingerprintKey::new([9; 32]);

fn at(second: u64) -> Timestamp {
    Timestamp::from_nanos(second * 1_000_000_000)
}

fn facts_of(tokens: &mut Tokens, token: &str, second: u64) -> Arc<TokenFacts> {
    let fingerprint = Secret::new(token.as_bytes()).fingerprint(&KEY);
    tokens.facts(fingerprint, token.as_bytes(), &KEY, at(second)).expect("a token")
}

fn request(head: &str) -> Facts {
    Sample::new(&format!("GET /a?x=1 HTTP/1.1\n{head}")).with(|message| {
        let target = target::split(
            "GET",
            if let apiscope_wire::Start::Request { target, .. } = message.start { target } else { b"/" },
        );
        let mut tokens = Tokens { allowance: 1 << 20, ..Tokens::default() };
        let mut decoder = Decoder::default();
        let plain = decoder.decode(message.headers, message.body);
        take(message, plain, &target, &KEY, &[], &mut None, &mut tokens).facts
    })
}

#[test]
fn what_tokens_say_of_themselves() {
    let mut out = String::new();
    let mut tokens = Tokens::default();
    let all = [
        JWT_IO,
        RFC,
        SECRET_384,
        SECRET_512,
        SECRET_CODED,
        SOUND,
        NONE,
        NONE_MIXED,
        STRIPPED,
        TELLING,
        PLAIN,
        WORD,
        NESTED,
    ];
    for token in all {
        let facts = facts_of(&mut tokens, token, 1);
        let TokenFacts { algorithm, signature, expiry, issued, claims } = facts.as_ref();
        writeln!(out, "{algorithm} {signature:?} {expiry:?} {issued:?} {claims:?}").unwrap();
    }
    expect![[r#"
        HS256 KnownKey Never Some(1516239022) []
        HS256 KnownKey At(1300819380) None []
        HS384 KnownKey At(1900000000) None []
        HS512 KnownKey At(1900000000) Some(1890000000) []
        HS256 KnownKey At(1900000000) None []
        HS256 Unknown At(1900000000) None []
        none Missing At(1900000000) None []
        none Missing At(1900000000) None []
        HS256 Missing At(1900000000) None []
        HS256 Unknown At(1900000000) None ["password", "US social security number"]
        HS256 Unknown At(1900000000) None []
        HS256 Unknown Unknown None []
        HS256 Unknown Never None []
    "#]]
    .assert_eq(&out);
}

#[test]
fn a_changed_signature_is_by_no_known_key() {
    for (at, _) in JWT_IO.char_indices().skip(JWT_IO.rfind('.').unwrap() + 1).take(40) {
        let mut changed = JWT_IO.as_bytes().to_vec();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(facts_of(&mut Tokens::default(), &changed, 1).signature, Signature::Unknown);
    }
}

#[test]
fn tokens_are_found_where_requests_authenticate() {
    let places = |head: &str| -> Vec<String> {
        request(head).tokens.iter().map(|token| format!("{} {:?}", token.place, token.facts.signature)).collect()
    };
    assert_eq!(places(&format!("Authorization: Bearer {JWT_IO}")), ["Authorization KnownKey"]);
    assert_eq!(places(&format!("Authorization: {NONE}")), ["Authorization Missing"]);
    assert_eq!(places(&format!("Cookie: theme=dark; jwt={NONE}; sid=1")), ["Cookie Missing"]);
    assert_eq!(places(&format!("Proxy-Authorization: Bearer {NONE}")), [""; 0]);
    assert_eq!(places("Authorization: Bearer 8f3a91c2d4e5f6a7b8c9"), [""; 0]);
    assert!(request(&format!("Authorization: Bearer {SOUND}\nAccept: */*")).tokens[0].alone);
    assert!(!request(&format!("Authorization: Bearer {SOUND}\nCookie: sid=8f3a91c2d4e5f6")).tokens[0].alone);
}

#[test]
fn several_authorizations_are_told_where_they_differ() {
    let twice = |a: &str, b: &str| request(&format!("Authorization: Bearer {a}\nauthorization: Bearer {b}")).rivals;
    assert!(twice(SOUND, NONE));
    assert!(!twice(SOUND, SOUND));
    assert!(!request(&format!("Authorization: Bearer {SOUND}")).rivals);
}

#[test]
fn basic_passwords_are_weighed_and_keys_are_none() {
    let basic = |plain: &str| {
        use base64::Engine as _;
        request(&format!("Authorization: Basic {}", base64::engine::general_purpose::STANDARD.encode(plain))).basic
    };
    let of = |plain: &str| basic(plain).and_then(|basic| basic.weakness);
    assert_eq!(of("admin:admin"), Some(crate::secret::PasswordWeakness::Default));
    assert_eq!(of("admin:b7Xw-2kq9-Zr4t"), None);
    let (a, b) = (basic("a:b7Xw-2kq9-Zr4t").unwrap(), basic("b:b7Xw-2kq9-Zr4t").unwrap());
    assert!(a.password == b.password && a.user != b.user);
    assert_eq!(basic("sk_live_4eC39HqLyjWDarjtT1zdp7dc:"), None);
    assert_eq!(basic("8f3a91c2d4e5f6a7b8c9:X"), None, "a key, and a word that is always the same");
}

#[test]
fn a_token_that_comes_again_costs_one_look() {
    let mut tokens = Tokens::default();
    let first = facts_of(&mut tokens, JWT_IO, 1);
    let left = tokens.allowance;
    for _ in 0..10_000 {
        assert!(Arc::ptr_eq(&first, &facts_of(&mut tokens, JWT_IO, 1)));
    }
    assert_eq!(tokens.allowance, left);
}

/// A token like [`SOUND`] with another signature.
fn numbered(number: usize) -> String {
    format!("{}.{number:043}", &SOUND[..SOUND.rfind('.').unwrap()])
}

#[test]
fn a_flood_of_new_tokens_is_bounded_and_counted() {
    let mut tokens = Tokens::default();
    let mut tried = 0_u64;
    for number in 0..4 * Tokens::KNOWN_MAX {
        let token = numbered(number);
        if facts_of(&mut tokens, &token, 10).signature != Signature::Untried {
            tried += token.len() as u64;
        }
        assert!(tokens.young.len() <= Tokens::KNOWN_MAX && tokens.old.len() <= Tokens::KNOWN_MAX);
    }
    assert!(tried <= 2 * Tokens::BYTES_PER_SECOND && tried > Tokens::BYTES_PER_SECOND, "{tried}");
    let TokenCounters { forgotten, untried } = tokens.counters();
    assert!(forgotten > 0 && untried > 0, "{forgotten} {untried}");
}

#[test]
fn what_was_not_tried_is_tried_when_it_comes_again() {
    let mut tokens = Tokens::default();
    for number in 0..1_000 {
        facts_of(&mut tokens, &numbered(number), 10);
    }
    assert_eq!(facts_of(&mut tokens, JWT_IO, 10).signature, Signature::Untried);
    assert_eq!(facts_of(&mut tokens, JWT_IO, 12).signature, Signature::KnownKey);
    assert_eq!(facts_of(&mut tokens, JWT_IO, 12).signature, Signature::KnownKey);
}

#[test]
fn dates_are_whole_seconds_or_unknown() {
    let cases: [(&[u8], Option<u64>); 7] = [
        (b"1900000000", Some(1_900_000_000)),
        (b"1900000000.75", Some(1_900_000_000)),
        (b"1.9e9", None),
        (b"19E8", None),
        (b"-1", None),
        (b"99999999999999999999999", None),
        (b"0", Some(0)),
    ];
    for (text, expected) in cases {
        assert_eq!(seconds(text), expected, "{}", String::from_utf8_lossy(text));
    }
}
