//! Payment cards: Luhn's check (ISO/IEC 7812-1) and the ranges of issuers.

/// Different right values that prove a field whose name says that it holds cards: a random number is right in 1 of 42 cases.
pub(super) const NEED_NAMED: u8 = 3;
/// ... and any other field.
pub(super) const NEED: u8 = 5;

/// The digits of a number of 15, 16 or 19 digits that may be a card's, and whether it is written in groups as on a card.
pub(super) struct Card {
    /// In groups of four (or 4-6-5).
    pub(super) grouped: bool,
}

/// A whole value that is a card's number: digits alone, or in groups parted by one kind of separator.
pub(super) fn of(value: &[u8]) -> Option<Card> {
    let (digits, groups) = digits(value)?;
    let number = digits.as_slice();
    let grouped = match groups.as_slice() {
        [] | [_] => false,
        [4, 4, 4, 4] | [4, 6, 5] => true,
        _ => return None,
    };
    let varied = number.iter().any(|digit| *digit != *number.last().unwrap_or(&0));
    (is_issued(number) && luhn(number) && varied).then_some(Card { grouped })
}

/// Three or four digits, or a date of expiry: what stands beside a card's number.
pub(super) fn is_part(value: &[u8]) -> bool {
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    (1..=6).contains(&digits) && value.iter().all(|byte| byte.is_ascii_digit() || b"/- ".contains(byte))
}

type Digits = smallvec::SmallVec<[u8; 24]>;

/// The digits, and the lengths of the groups.
fn digits(value: &[u8]) -> Option<(Digits, smallvec::SmallVec<[usize; 8]>)> {
    if !(15..=23).contains(&value.len()) {
        return None;
    }
    let mut digits = Digits::new();
    let mut groups = smallvec::SmallVec::new();
    let mut separator = None;
    let mut length = 0;
    for &byte in value {
        match byte {
            b'0'..=b'9' => {
                digits.push(byte - b'0');
                length += 1;
            }
            b' ' | b'-' if length > 0 && *separator.get_or_insert(byte) == byte => {
                groups.push(length);
                length = 0;
            }
            _ => return None,
        }
    }
    groups.push(length);
    Some((digits, groups))
}

/// Luhn: every second digit from the right doubled.
pub(crate) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let digit = u32::from(*digit);
            if at % 2 == 0 { digit } else { (digit * 2) / 10 + (digit * 2) % 10 }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Issuers' ranges with the lengths that they have now.
fn is_issued(digits: &[u8]) -> bool {
    let first = |count: usize| digits.iter().take(count).fold(0_u32, |number, digit| number * 10 + u32::from(*digit));
    match digits.len() {
        // American Express.
        15 => matches!(first(2), 34 | 37),
        16 => {
            matches!(first(1), 4)
                || matches!(first(2), 51..=55 | 65)
                || matches!(first(4), 2221..=2720 | 3528..=3589 | 6011)
                || matches!(first(3), 644..=649)
                || matches!(first(2), 62)
        }
        // Visa and UnionPay issue a few of this length.
        19 => matches!(first(1), 4) || matches!(first(2), 62),
        _ => false,
    }
}
