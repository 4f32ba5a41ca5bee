//! What proves a token besides its form: checksums, and that it decodes.

use std::ops::Range;

use crate::facts::proof;

use super::{Check, Proof};

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Different characters that the part of a token that is its own has at least.
const DISTINCT_MIN: u32 = 8;

/// How well `token` is proven.
pub(super) fn prove(check: Check, token: &[u8]) -> Proof {
    let right = match check {
        Check::None => return Proof::Form,
        Check::Named => return Proof::Weak,
        Check::Crc32Base62 => crc32_base62(token),
        Check::Grafana => grafana(token),
        Check::Macaroon => macaroon(token),
        Check::Jwt => proof::jwt(token).is_some(),
        Check::PrivateKey => true,
    };
    if right { Proof::Checked } else { Proof::Weak }
}

/// Not an example, a template or a row of one character. `fixed` characters are the same in each token.
pub(super) fn is_varied(token: &[u8], fixed: usize) -> bool {
    let own = token.get(fixed..).unwrap_or_default();
    proof::distinct(own) >= DISTINCT_MIN && !proof::is_counting(own) && !proof::is_example(own)
}

/// GitHub's and npm's: the prefix ends with the first `_`.
fn crc32_base62(token: &[u8]) -> bool {
    let Some(start) = memchr::memchr(b'_', token).map(|at| at + 1) else { return false };
    let Some((payload, sum)) = token.get(start..).and_then(|own| own.split_last_chunk::<6>()) else { return false };
    *sum == base62(crc32(payload))
}

pub(super) fn base62(mut number: u32) -> [u8; 6] {
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62.get((number % 62) as usize).copied().unwrap_or(b'0');
        number /= 62;
    }
    digits
}

fn grafana(token: &[u8]) -> bool {
    let Some(at) = memchr::memrchr(b'_', token) else { return false };
    let (Some(payload), Some(sum)) = (token.get(..at), token.get(at + 1..)) else { return false };
    sum == hexadecimal(crc32(payload).to_le_bytes())
}

pub(super) fn hexadecimal(bytes: [u8; 4]) -> [u8; 8] {
    let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' + value - 10 };
    let mut digits = [0; 8];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
    digits
}

/// A version 2 macaroon (libmacaroons' binary format): version, location, identifier, ..., a signature of 32 bytes.
fn macaroon(token: &[u8]) -> bool {
    let Some(coded) = memchr::memchr(b'-', token).and_then(|at| token.get(at + 1..)) else { return false };
    let Some(decoded) = proof::base64(coded) else { return false };
    let Some(rest) = decoded.strip_prefix(&[2, 1]) else { return false };
    let location = rest.split_first().and_then(|(length, rest)| rest.get(..usize::from(*length)));
    let ends = decoded.len() > 34 && decoded.get(decoded.len() - 34..decoded.len() - 32) == Some(&[6, 32]);
    ends && location.is_some_and(|location| location.ends_with(b"pypi.org"))
}

/// How far the characters go on of which tokens of any kind are made.
pub(super) fn reach(text: &[u8], most: usize) -> usize {
    text.iter().take(most).take_while(|byte| byte.is_ascii_alphanumeric() || b"-_.=+/".contains(byte)).count()
}

/// A JSON Web Token that begins at `at`: its extent, where its header decodes.
pub(super) fn jwt(text: &[u8], at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    let most = 16 * 1024;
    let length =
        rest.iter().take(most).take_while(|byte| byte.is_ascii_alphanumeric() || b"-_.=".contains(byte)).count();
    let token = rest.get(..length)?;
    proof::jwt(token).map(|_| at..at + length)
}

/// A private key whose `BEGIN ` stands at `at`, with at least so much of it that it is no example.
pub(super) fn private_key(text: &[u8], at: usize) -> Option<Range<usize>> {
    const LABEL_MAX: usize = 48;
    const KEY_MIN: usize = 48;
    const KEY_MAX: usize = 16 * 1024;
    text.get(..at)?.ends_with(b"-----").then_some(())?;
    let rest = text.get(at..)?.strip_prefix(b"BEGIN ")?;
    let label = memchr::memmem::find(rest.get(..LABEL_MAX.min(rest.len()))?, b"-----")?;
    memchr::memmem::find(rest.get(..label)?, b"PRIVATE KEY")?;
    let key = rest.get(label + 5..)?;
    let length = key
        .iter()
        .take(KEY_MAX)
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"+/=\\ \r\n:,".contains(byte))
        .count();
    let body = key.get(..length)?;
    let own = body.iter().filter(|byte| byte.is_ascii_alphanumeric()).count();
    (own >= KEY_MIN).then_some(at - 5..text.len() - key.len() + length)
}

/// CRC-32 as of IEEE 802.3: reflected, polynomial 0x04c11db7.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let table = &CRC_TABLE;
    let sum = bytes.iter().fold(u32::MAX, |sum, byte| {
        let [low, ..] = sum.to_le_bytes();
        table.get(usize::from(low ^ byte)).copied().unwrap_or(0) ^ sum >> 8
    });
    !sum
}

const CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    let mut seed = 0_u32;
    while at < 256 {
        let mut sum = seed;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { 0xedb8_8320 ^ sum >> 1 } else { sum >> 1 };
            bit += 1;
        }
        table[at] = sum;
        at += 1;
        seed += 1;
    }
    table
};
