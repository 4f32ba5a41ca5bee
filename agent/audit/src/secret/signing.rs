//! Signing keys that everybody knows: those of documentation, tutorials and defaults. Who signs with one lets everybody sign.
//!
//! HMAC (RFC 2104) over SHA-2 as RFC 7518 §3.2 uses it. Which of the keys it was is told to nobody: it may be a key in use.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::facts::proof;

/// Keys from public documentation, tutorials, frameworks' defaults and lists of common passwords. Each is tried as it stands, and as
/// base64 where it decodes, because some libraries take keys so.
const KEYS: &[&str] = &[
    "",
    // What jwt.io has shown and shows.
    "secret",
    "your-256-bit-secret",
    "your-384-bit-secret",
    "your-512-bit-secret",
    "a-string-secret-at-least-256-bits-long",
    "a-valid-string-secret-that-is-at-least-384-bits-long",
    "a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
    // RFC 7515 §A.1.
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    // READMEs and manuals of libraries.
    "shhhhh",
    "shhhhhared-secret",
    "AllYourBase",
    "hmacSampleSecret",
    "keyboard cat",
    "super-secret",
    "my$ecretK3y",
    "s3cr3t",
    "some-secret",
    "some_secret",
    "secret-key",
    "secret_key",
    "secretkey",
    "SECRET_KEY",
    "your_secret_key",
    "your-secret-key",
    "your_jwt_secret",
    "your-jwt-secret",
    "YOUR_SECRET_KEY",
    "jwt",
    "jwt_secret",
    "jwt-secret",
    "jwt_secret_key",
    "jwtsecret",
    "jwtSecretKey",
    "jwt-secret-key",
    "JWT_SECRET",
    "JWT_SECRET_KEY",
    "JWTSuperSecretKey",
    "supersecret",
    "super_secret",
    "super-secret-key",
    "supersecretkey",
    "topsecret",
    "top-secret",
    "mysecret",
    "my_secret",
    "my-secret",
    "my_secret_key",
    "my-secret-key",
    "mysecretkey",
    "mySecretKey",
    "ThisIsASecret",
    "thisisasecret",
    "thisismysecret",
    "this-is-a-secret",
    "this is a secret",
    "thisismysecretkey",
    "ThisismySecretKey",
    "verysecret",
    "very-secret",
    "not-so-secret",
    "dont-tell-anyone",
    "changeme",
    "change-me",
    "change_me",
    "changeit",
    "change-this-secret",
    "replaceme",
    "replace-me",
    "token",
    "key",
    "private",
    "private_key",
    "privatekey",
    "example",
    "example_key",
    "example-secret",
    "sample",
    "demo",
    "dev",
    "development",
    "local",
    "default",
    "default-secret",
    "test",
    "test-secret",
    "test_secret",
    "testsecret",
    "testing",
    "tests",
    "foo",
    "bar",
    "foobar",
    "auth",
    "api",
    "app",
    "server",
    "access",
    "session",
    "signature",
    "hmac",
    "HS256",
    // Defaults and tutorials that much is copied from.
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    "super-secret-jwt-token-with-at-least-32-characters-long",
    "reallyreallyreallyreallyverysafe",
    "my-secret-token-to-change-in-production",
    "myJWT4Gr4v1t33_S3cr3t",
    "SecretKey012345678901234567890123456789012345678901234567890123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "abcdefghijklmnopqrstuvwxyz123456",
    "javainuse",
    "bezKoderSecretKey",
    "bezkoder-secret-key",
    "SecretKeyToGenJWTs",
    "superSecretKey@345",
    "THIS IS USED TO SIGN AND VERIFY JWT TOKENS, REPLACE IT WITH YOUR OWN SECRET, IT CAN BE ANY STRING",
    "thisisasamplesecret",
    "fallback_secret",
    "crapi",
    "random",
    // The commonest passwords.
    "123",
    "1234",
    "12345",
    "123456",
    "1234567",
    "12345678",
    "123456789",
    "1234567890",
    "123456789012345678901234567890",
    "0123456789",
    "0123456789abcdef",
    "111111",
    "000000",
    "qwerty",
    "qwertyuiop",
    "abc",
    "abc123",
    "abcdef",
    "admin",
    "administrator",
    "root",
    "user",
    "guest",
    "password",
    "Password",
    "password1",
    "password123",
    "passw0rd",
    "P@ssw0rd",
    "letmein",
    "welcome",
    "hello",
    "hello world",
    "iloveyou",
    "monkey",
    "dragon",
    "master",
];

/// An HMAC of which all but the text is done.
struct Keyed<D> {
    inner: D,
    outer: D,
}

impl<D: Digest + Clone> Keyed<D> {
    /// `block`: bytes of the hash's block.
    fn new(key: &[u8], block: usize) -> Self {
        let short = if key.len() > block { D::digest(key).to_vec() } else { key.to_vec() };
        let filled = |pad: u8| -> Vec<u8> {
            short.iter().copied().chain(std::iter::repeat(0)).take(block).map(|byte| byte ^ pad).collect()
        };
        Self { inner: D::new_with_prefix(filled(0x36)), outer: D::new_with_prefix(filled(0x5c)) }
    }

    fn signs(&self, text: &[u8], signature: &[u8]) -> bool {
        let inner = self.inner.clone().chain_update(text).finalize();
        self.outer.clone().chain_update(inner).finalize().as_slice() == signature
    }
}

fn all<D: Digest + Clone>(block: usize) -> Vec<Keyed<D>> {
    let mut keys: BTreeSet<Vec<u8>> = BTreeSet::new();
    for key in KEYS {
        keys.insert(key.as_bytes().to_vec());
        keys.extend(proof::base64(key.as_bytes()).map(|decoded| decoded.to_vec()));
    }
    keys.iter().map(|key| Keyed::new(key, block)).collect()
}

static HS256: LazyLock<Vec<Keyed<Sha256>>> = LazyLock::new(|| all(64));
static HS384: LazyLock<Vec<Keyed<Sha384>>> = LazyLock::new(|| all(128));
static HS512: LazyLock<Vec<Keyed<Sha512>>> = LazyLock::new(|| all(128));

/// Whether `signature` of `text` was made with one of the keys. `None` for another algorithm (RFC 7518 §3.1) than HMAC. Hashes `text`
/// once for each key.
pub(crate) fn is_by_known_key(algorithm: &str, text: &[u8], signature: &[u8]) -> Option<bool> {
    match algorithm {
        "HS256" => Some(HS256.iter().any(|key| key.signs(text, signature))),
        "HS384" => Some(HS384.iter().any(|key| key.signs(text, signature))),
        "HS512" => Some(HS512.iter().any(|key| key.signs(text, signature))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first<D: Digest + Clone>(key: &[u8], text: &[u8], block: usize) -> u128 {
        let Keyed { inner, outer } = Keyed::<D>::new(key, block);
        let inner = inner.chain_update(text).finalize();
        let whole = outer.chain_update(inner).finalize();
        whole.iter().take(16).fold(0, |number, byte| number << 8 | u128::from(*byte))
    }

    /// RFC 4231 §4: key, data and HMAC-SHA-256, -384, -512, of which the first 16 bytes do.
    #[test]
    fn hmac_is_that_of_rfc_4231() {
        let long = [0xaa; 131];
        let cases: [(&[u8], &[u8], [u128; 3]); 3] = [
            (
                &[0x0b; 20],
                b"Hi There",
                [
                    0xb034_4c61_d8db_3853_5ca8_afce_af0b_f12b,
                    0xafd0_3944_d848_9562_6b08_25f4_ab46_907f,
                    0x87aa_7cde_a5ef_619d_4ff0_b424_1a1d_6cb0,
                ],
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                [
                    0x5bdc_c146_bf60_754e_6a04_2426_0895_75c7,
                    0xaf45_d2e3_7648_4031_617f_78d2_b58a_6b1b,
                    0x164b_7a7b_fcf8_19e2_e395_fbe7_3b56_e0a3,
                ],
            ),
            (
                &long,
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                [
                    0x60e4_3159_1ee0_b67f_0d8a_26aa_cbf5_b77f,
                    0x4ece_0844_8581_3e90_88d2_c63a_041b_c5b4,
                    0x80b2_4263_c7c1_a3eb_b714_93c1_dd7b_e8b4,
                ],
            ),
        ];
        for (key, text, expected) in cases {
            let given =
                [first::<Sha256>(key, text, 64), first::<Sha384>(key, text, 128), first::<Sha512>(key, text, 128)];
            assert_eq!(given, expected);
        }
    }

    #[test]
    fn the_keys_are_different() {
        let keys: BTreeSet<_> = KEYS.iter().collect();
        assert_eq!(keys.len(), KEYS.len());
    }
}
