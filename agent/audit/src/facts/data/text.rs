//! Secrets and addresses inside of text: tokens by their format, keys, credentials in URLs, e-mail addresses, cards in groups.

use crate::secret::format;

use super::super::percent;
use super::super::proof;
use super::super::scan::{Blocks, Marks, RUN_MIN, Runs};
use super::judge;
use super::{DataClass, Grade, Proof, What, card, person};

/// Longest reach to the left of a mark: the literal head of a token, the user in a URL.
const BEFORE_MAX: usize = 96;
/// Longest reach to the right of a mark.
const AFTER_MAX: usize = 16 * 1024;
/// Words beside a number that say that it is a card's.
const CARD_WORDS: &[&[u8]] =
    &[b"card", b"visa", b"mastercard", b"amex", b"credit", b"debit", b"karte", b"tarjeta", b"carte"];

/// Takes what is proven, and its text.
pub(super) type Add<'a> = &'a mut dyn FnMut(Proof, &[u8]);

/// Looks through a value that holds `marks`. `promised`: its name promises a secret.
pub(super) fn search(text: &[u8], marks: Marks, promised: bool, add: Add<'_>) {
    if promised || marks.has(Marks::TOKEN) {
        secrets(text, promised, add);
    }
    let mut at = 0;
    while marks.has(Marks::AT)
        && let Some(next) = text.get(at..).and_then(|rest| memchr::memchr(b'@', rest))
    {
        around(text, at + next, add);
        at += next + 1;
    }
    if marks.has(Marks::DIGITS) && text.len() > RUN_MIN {
        cards(text, add);
    }
}

/// Looks through text of any length, and only near its marks.
pub(super) fn search_marked(text: &[u8], add: Add<'_>) {
    let mut runs = Runs::default();
    let mut done = 0;
    for (base, classes) in Blocks::new(text, 0) {
        let mut marked = runs.marked(&classes).bits();
        while marked != 0 {
            let at = base + marked.trailing_zeros() as usize;
            marked &= marked - 1;
            if at < done {
                continue;
            }
            let start = at.saturating_sub(BEFORE_MAX + RUN_MIN).max(done);
            let rest = text.get(at..).unwrap_or_default();
            let reach = rest.iter().take(AFTER_MAX).position(|byte| ends_window(*byte));
            let end = at + reach.unwrap_or(rest.len().min(AFTER_MAX));
            let window = text.get(start..end).unwrap_or_default();
            search(window, Marks::of(window), false, add);
            done = end.max(at + 1);
        }
    }
}

/// A window ends with the line or the element, but a key goes on over its lines.
fn ends_window(byte: u8) -> bool {
    matches!(byte, b'<' | b'>' | b'"' | b'\'' | b'\t' | b' ' | b';')
}

fn secrets(text: &[u8], promised: bool, add: Add<'_>) {
    for hit in format::Search::new(text) {
        let grade = match hit.proof {
            // Under a token's name it is what a login is for.
            format::Proof::Checked if promised && hit.name == format::JWT => Grade::C,
            format::Proof::Checked => Grade::A,
            format::Proof::Form => Grade::B,
            format::Proof::Weak if promised => Grade::B,
            format::Proof::Weak => Grade::C,
        };
        if let Some(token) = text.get(hit.at) {
            add(Proof::alone(What::Secret(hit.name), grade), token);
        }
    }
}

/// An `@`: of an address, or of a URL with user and password.
fn around(text: &[u8], at: usize, add: Add<'_>) {
    let (left, right) = text.split_at(at);
    let right = right.get(1..).unwrap_or_default();
    let reach = left.iter().rev().take(BEFORE_MAX);
    let domain = right.iter().take(256).take_while(|byte| person::is_domain_byte(**byte)).count();
    if domain == 0 {
        return;
    }
    let user = reach.clone().take_while(|byte| is_user_byte(**byte)).count();
    let user_start = at - user;
    // `scheme://user:password@host`.
    let before = left.get(..user_start).unwrap_or_default();
    if before.ends_with(b"://") {
        if let Some(password) = left.get(user_start..).and_then(password)
            && before.get(..before.len() - 3).is_some_and(|scheme| scheme.last().is_some_and(u8::is_ascii_alphanumeric))
        {
            add(Proof::alone(What::Secret("password in a URL"), Grade::B), password);
        }
        return;
    }
    let local = reach.take_while(|byte| person::is_local_byte(**byte)).count();
    let start = at - local;
    if left.get(..start).is_some_and(|before| before.ends_with(b"//")) {
        return;
    }
    let end = at
        + 1
        + right.get(..domain).map_or(0, |domain| domain.trim_ascii_end().strip_suffix(b".").unwrap_or(domain).len());
    if let Some(address) = text.get(start..end).filter(|address| person::is_email(address)) {
        add(Proof::alone(judge::EMAIL, Grade::A), address);
    }
}

/// Characters of a URL's userinfo that are in use (RFC 3986 §3.2.1).
fn is_user_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,=:".contains(&byte)
}

/// The password of `user:password`.
fn password(user: &[u8]) -> Option<&[u8]> {
    let colon = memchr::memchr(b':', user)?;
    let password = user.get(colon + 1..)?;
    let plain = percent::decode(password, false);
    let right = password.len() >= 3 && proof::is_password(&plain) && !proof::is_example(&plain);
    let placeholder = [&b"password"[..], b"pass", b"passwd", b"pwd", b"secret", b"user", b"port"];
    (right && !placeholder.iter().any(|word| word.eq_ignore_ascii_case(&plain))).then_some(password)
}

/// Numbers in groups, as on a card, where the text speaks of one.
fn cards(text: &[u8], add: Add<'_>) {
    let mut at = 0;
    while let Some(next) = text.get(at..).and_then(|rest| rest.iter().position(u8::is_ascii_digit)) {
        let start = at + next;
        let rest = text.get(start..).unwrap_or_default();
        let length = rest.iter().take(24).take_while(|byte| byte.is_ascii_digit() || b" -".contains(byte)).count();
        let number = rest.get(..length).unwrap_or_default().trim_ascii_end();
        let number = number.strip_suffix(b"-").unwrap_or(number);
        if card::of(number).is_some_and(|card| card.grouped) && speaks_of_cards(text) {
            add(Proof::alone(What::Data(DataClass::Card, "card number"), Grade::A), number);
        }
        at = start + length.max(1);
    }
}

fn speaks_of_cards(text: &[u8]) -> bool {
    let lower = text.get(..text.len().min(4096)).unwrap_or_default().to_ascii_lowercase();
    let lower = zeroize::Zeroizing::new(lower);
    CARD_WORDS.iter().any(|word| memchr::memmem::find(&lower, word).is_some())
}
