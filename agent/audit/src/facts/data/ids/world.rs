//! The Americas, Asia, Africa and Oceania.

use super::super::card::luhn;
use super::{Digits, at, digits, month_day, number, sum, weighted};

/// No check digit; areas 000, 666 and 900 to 999 are not given.
pub(super) fn us(text: &[u8]) -> bool {
    digits(text).is_some_and(|d| {
        let (area, group, serial) = (number(&d, 0, 3), number(&d, 3, 2), number(&d, 5, 4));
        !matches!(area, 0 | 666 | 900..) && group != 0 && serial != 0
    })
}

pub(super) fn brazil(text: &[u8]) -> bool {
    digits(text).is_some_and(|d| {
        let check = |sum: u32| if sum % 11 < 2 { 0 } else { 11 - sum % 11 };
        check(sum(&d, &[10, 9, 8, 7, 6, 5, 4, 3, 2])) == at(&d, 9)
            && check(sum(&d, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2])) == at(&d, 10)
    })
}

pub(super) fn argentina(text: &[u8]) -> bool {
    digits(text).is_some_and(|d| {
        let check = 11 - sum(&d, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
        matches!(number(&d, 0, 2), 20 | 23 | 24 | 27)
            && at(&d, 10)
                == if check == 11 {
                    0
                } else if check == 10 {
                    9
                } else {
                    check
                }
    })
}

pub(super) fn chile(text: &[u8]) -> bool {
    let Some((check, body)) = text.split_last() else { return false };
    let Some(d) = digits(body) else { return false };
    let total: u32 = d
        .iter()
        .rev()
        .zip([2_u32, 3, 4, 5, 6, 7].iter().cycle())
        .map(|(digit, weight)| u32::from(*digit) * weight)
        .sum();
    let right = match 11 - total % 11 {
        11 => u32::from(b'0'),
        10 => u32::from(b'K'),
        digit => u32::from(b'0') + digit,
    };
    u32::from(*check) == right
}

pub(super) fn mexico(text: &[u8]) -> bool {
    let value = |byte: u8| match byte {
        b'0'..=b'9' => Some(u32::from(byte - b'0')),
        b'A'..=b'N' => Some(u32::from(byte - b'A') + 10),
        b'O'..=b'Z' => Some(u32::from(byte - b'O') + 25),
        _ => None,
    };
    let letters = text.iter().take(4).all(u8::is_ascii_uppercase);
    let Some(d) = text.get(4..10).and_then(digits) else { return false };
    let sex = matches!(text.get(10), Some(b'H' | b'M' | b'X'));
    let weights = (2..=18).rev();
    let total: Option<u32> = text.iter().take(17).zip(weights).map(|(byte, weight)| Some(value(*byte)? * weight)).sum();
    let Some(total) = total else { return false };
    letters
        && sex
        && month_day(&d, 2)
        && text.get(17).map(|byte| u32::from(*byte)) == Some(u32::from(b'0') + (10 - total % 10) % 10)
}

/// Verhoeff's check.
pub(super) fn india(text: &[u8]) -> bool {
    const PERMUTE: [[u8; 10]; 8] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
        [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
        [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
        [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
        [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
        [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
        [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
    ];
    // The dihedral group of ten elements.
    let multiply = |a: u8, b: u8| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b - 5) % 5,
        (false, true) => 5 + (a - 5 + 5 - b) % 5,
        (false, false) => (a - 5 + 5 - (b - 5)) % 5,
    };
    digits(text).is_some_and(|d| {
        let check = d.iter().rev().enumerate().fold(0, |check, (at, digit)| {
            let permuted = PERMUTE.get(at % 8).and_then(|row| row.get(usize::from(*digit))).copied().unwrap_or(0);
            multiply(check, permuted)
        });
        at(&d, 0) >= 2 && check == 0
    })
}

/// ISO/IEC 7064 MOD 11-2 with a date of birth.
pub(super) fn china(text: &[u8]) -> bool {
    let Some(d) = text.get(..17).and_then(digits) else { return false };
    let total = sum(&d, &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    (1900..=2035).contains(&number(&d, 6, 4))
        && month_day(&d, 10)
        && (11..=82).contains(&number(&d, 0, 2))
        && b"10X98765432".get((total % 11) as usize) == text.get(17)
}

pub(super) fn korea(text: &[u8]) -> bool {
    digits(text).is_some_and(|d| {
        let total = sum(&d, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]);
        month_day(&d, 2) && (11 - total % 11) % 10 == at(&d, 12)
    })
}

pub(super) fn japan(text: &[u8]) -> bool {
    weighted(text, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2], |sum| if sum % 11 <= 1 { 0 } else { 11 - sum % 11 })
}

pub(super) fn singapore(text: &[u8]) -> bool {
    let [first, middle @ .., last] = text else { return false };
    let Some(d) = digits(middle).filter(|d| d.len() == 7) else { return false };
    let total = sum(&d, &[2, 7, 6, 5, 4, 3, 2]);
    let (more, letters): (u32, &[u8; 11]) = match first {
        b'S' => (0, b"JZIHGFEDCBA"),
        b'T' => (4, b"JZIHGFEDCBA"),
        b'F' => (0, b"XWUTRQPNMLK"),
        b'G' => (4, b"XWUTRQPNMLK"),
        _ => return false,
    };
    letters.get(((total + more) % 11) as usize) == Some(last)
}

pub(super) fn thailand(text: &[u8]) -> bool {
    digits(text).is_some_and(|d| {
        let total = sum(&d, &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
        at(&d, 0) != 0 && (11 - total % 11) % 10 == at(&d, 12)
    })
}

pub(super) fn taiwan(text: &[u8]) -> bool {
    let Some((letter, rest)) = text.split_first() else { return false };
    let Some(place) = b"ABCDEFGHJKLMNPQRSTUVXYWZIO".iter().position(|known| known == letter) else { return false };
    let Some(d) = digits(rest) else { return false };
    let place = u32::try_from(place).unwrap_or(0) + 10;
    let total = place / 10 + place % 10 * 9 + sum(&d, &[8, 7, 6, 5, 4, 3, 2, 1, 1]);
    matches!(at(&d, 0), 1 | 2 | 8 | 9) && total.is_multiple_of(10)
}

pub(super) fn hong_kong(text: &[u8]) -> bool {
    let letters = text.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    let (Some(check), Some(middle)) = (text.last(), text.get(letters..text.len() - 1)) else { return false };
    let Some(d) = digits(middle).filter(|d| d.len() == 6) else { return false };
    let value = |byte: u8| u32::from(byte.wrapping_sub(b'A')) + 10;
    let head = match text.get(..letters) {
        Some([one]) => 36 * 9 + value(*one) * 8,
        Some([one, two]) => value(*one) * 9 + value(*two) * 8,
        _ => return false,
    };
    let last = match check {
        b'A' => 10,
        b'0'..=b'9' => u32::from(check - b'0'),
        _ => return false,
    };
    (head + sum(&d, &[7, 6, 5, 4, 3, 2]) + last).is_multiple_of(11)
}

pub(super) fn south_africa(text: &[u8]) -> bool {
    digits(text).is_some_and(|d| month_day(&d, 2) && at(&d, 10) <= 2 && luhn(&d))
}

pub(super) fn australia(text: &[u8]) -> bool {
    digits(text).is_some_and(|d| sum(&d, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11))
}

pub(super) fn new_zealand(text: &[u8]) -> bool {
    let Some(d) = digits(text) else { return false };
    let padded: Digits = std::iter::repeat_n(0, 9 - d.len().min(9)).chain(d.iter().copied()).collect();
    let check = |weights: &[u32]| (11 - sum(&padded, weights) % 11) % 11;
    let first = check(&[3, 2, 7, 6, 5, 4, 3, 2]);
    let right = if first == 10 { check(&[7, 4, 3, 2, 5, 2, 7, 6]) } else { first };
    right != 10 && right == at(&padded, 8)
}

pub(super) fn kazakhstan(text: &[u8]) -> bool {
    digits(text).is_some_and(|d| {
        let first = sum(&d, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) % 11;
        let check = if first == 10 { sum(&d, &[3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2]) % 11 } else { first };
        month_day(&d, 2) && (1..=6).contains(&at(&d, 6)) && check < 10 && check == at(&d, 11)
    })
}
