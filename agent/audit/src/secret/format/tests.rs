//! Each format: a made-up token of its form is found, and one that is nearly of its form is not.

use super::*;

/// Splitmix64: the same tokens in every run.
pub(crate) struct Seeded(pub(crate) u64);

impl Seeded {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % limit as u64).unwrap()
    }
}

/// A token of the format, its checksum right.
fn made(format: &'static Format, seed: u64) -> Vec<u8> {
    let mut seeded = Seeded(seed);
    let mut token = Pattern::new(format.pattern).make(&mut |limit| seeded.below(limit));
    match format.check {
        Check::Crc32Base62 => {
            let start = token.iter().position(|byte| *byte == b'_').unwrap() + 1;
            let end = token.len() - 6;
            let sum = check::base62(check::crc32(&token[start..end]));
            token[end..].copy_from_slice(&sum);
        }
        Check::Grafana => {
            let end = token.len() - 9;
            let sum = check::hexadecimal(check::crc32(&token[..end]).to_le_bytes());
            token[end + 1..].copy_from_slice(&sum);
        }
        Check::Macaroon => {
            use base64::Engine as _;
            let test = format.name.starts_with("Test");
            let location: &[u8] = if test { b"test.pypi.org" } else { b"pypi.org" };
            let mut raw = vec![2, 1, u8::try_from(location.len()).unwrap()];
            raw.extend_from_slice(location);
            raw.extend([2, 36]);
            raw.extend((0..36).map(|at| b"0123456789abcdef-"[(at * 7 + seeded.below(16)) % 17]));
            raw.extend([0, 0, 6, 32]);
            raw.extend((0..32).map(|_| u8::try_from(seeded.below(256)).unwrap()));
            let coded = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(raw);
            token = [b"pypi-", coded.as_bytes()].concat();
        }
        Check::Jwt => token = b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dGhlIHNpZ25hdHVyZQ".to_vec(),
        Check::PrivateKey => {
            let key: Vec<u8> = (0..128).map(|_| b"abcdefghijKLMNOPqrstUVWX0123456789+/"[seeded.below(36)]).collect();
            token = [b"-----BEGIN EC PRIVATE KEY-----\n", &key[..], b"\n-----END EC PRIVATE KEY-----"].concat();
        }
        Check::None | Check::Named => {}
    }
    token
}

fn first(text: &[u8]) -> Option<(&'static str, Proof)> {
    Search::new(text).next().map(|hit| (hit.name, hit.proof))
}

/// Formats that tokens of this one may be taken for: they share their form.
fn is_named(format: &Format, found: &str) -> bool {
    let issuer = |name: &str| name.split(' ').next().unwrap_or_default().to_owned();
    found == format.name
        || issuer(found) == issuer(format.name)
        || format.check == Check::Named
        || matches!(
            (format.name, found),
            ("Stripe secret key", "Paystack secret key")
                | ("Sourcegraph access token", _)
                | ("Mapbox secret token", "JSON Web Token")
        )
}

#[test]
fn there_are_enough_and_each_is_well_formed() {
    assert!(count() >= 150, "{}", count());
    for format in table::FORMATS {
        let pattern = Pattern::new(format.pattern);
        assert!(pattern.anchor().len() >= 2, "{}", format.name);
        let prefix = pattern.anchor();
        assert!(
            prefix.iter().all(u8::is_ascii_graphic)
                || format.name == "Okta API token"
                || format.check == Check::PrivateKey
        );
    }
}

#[test]
fn a_made_up_token_of_each_format_is_found_alone_and_in_text() {
    for format in table::FORMATS {
        for seed in 0..8 {
            let token = made(format, seed * 1_000_003 + 17);
            let shown = String::from_utf8_lossy(&token).into_owned();
            for text in [
                token.clone(),
                [b"the key is ", &token[..], b" keep it"].concat(),
                [b"key=", &token[..], b"\n"].concat(),
            ] {
                let (name, proof) = first(&text).unwrap_or_else(|| panic!("{}: {shown}", format.name));
                assert!(is_named(format, name), "{} is taken for {name}: {shown}", format.name);
                let expected = match format.check {
                    Check::None => Proof::Form,
                    Check::Named => continue,
                    _ => Proof::Checked,
                };
                assert_eq!(proof, expected, "{}: {shown}", format.name);
            }
        }
    }
}

#[test]
fn near_misses_of_each_format_are_not_found() {
    for format in table::FORMATS {
        if matches!(format.check, Check::Jwt | Check::PrivateKey) {
            continue;
        }
        let token = made(format, 4242);
        let shown = String::from_utf8_lossy(&token).into_owned();
        let pattern = Pattern::new(format.pattern);
        let same = |text: &[u8]| Search::new(text).any(|hit| hit.name == format.name && hit.proof != Proof::Weak);
        // Inside a longer word, cut before its shortest length, and of one character only.
        if !pattern.has_lead() && pattern.anchor()[0].is_ascii_alphanumeric() {
            assert!(!same(&[b"q", &token[..]].concat()), "{}: in a word: {shown}", format.name);
        }
        let cut = pattern.least_length() - 1;
        if format.check == Check::None && !format.pattern.ends_with('=') {
            assert!(!same(&token[..cut.min(token.len())]), "{}: cut: {shown}", format.name);
        }
        let dull: Vec<u8> = [pattern.anchor(), &vec![b'x'; token.len()]].concat();
        assert!(!same(&dull), "{}: dull", format.name);
    }
}

#[test]
fn a_wrong_checksum_leaves_a_doubt() {
    for format in table::FORMATS.iter().filter(|format| matches!(format.check, Check::Crc32Base62 | Check::Grafana)) {
        let mut token = made(format, 99);
        let last = token.last_mut().unwrap();
        *last = if *last == b'0' { b'1' } else { b'0' };
        assert_eq!(first(&token), Some((format.name, Proof::Weak)));
    }
}

#[test]
fn known_values_of_the_checksum() {
    assert_eq!(check::crc32(b"123456789"), 0xcbf4_3926);
    assert_eq!(&check::base62(0), b"000000");
    assert_eq!(&check::base62(62 * 62 + 61), b"00010z");
}

#[test]
fn examples_and_templates_are_no_tokens() {
    for text in [
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "sk_live_your_key_here_please_0123456789",
        "sk-ant-api03-...",
        "eyJhbGciOiJIUzI1NiJ9.only-two",
        "-----BEGIN PUBLIC KEY-----\nMFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Qu\n-----END",
        "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
        "xoxb-not-a-real-token",
    ] {
        assert!(Search::new(text.as_bytes()).all(|hit| hit.proof == Proof::Weak), "{text}");
    }
}
