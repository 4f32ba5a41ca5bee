//! Europe, with Turkey and Russia.

use super::super::card::luhn;
use super::{at, day_month, digits, mod_11_10, month_day, number, sum};

pub(super) fn britain(text: &[u8]) -> bool {
    let [a, b, digits @ .., suffix] = text else { return false };
    let letter = |byte: &u8, none: &[u8]| byte.is_ascii_uppercase() && !none.contains(byte);
    let none: [&[u8; 2]; 7] = [b"BG", b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ"];
    letter(a, b"DFIQUV")
        && letter(b, b"DFIQUVO")
        && !none.contains(&&[*a, *b])
        && digits.len() == 6
        && digits.iter().all(u8::is_ascii_digit)
        && (b'A'..=b'D').contains(suffix)
}

pub(super) fn nhs(text: &[u8]) -> bool {
    digits(text).is_some_and(|d| {
        let check = 11 - sum(&d, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
        check != 10 && at(&d, 9) == check % 11
    })
}

/// Of the first ten digits one occurs two or three times, the others at most once.
pub(super) fn germany(text: &[u8]) -> bool {
    digits(text).is_some_and(|d| {
        let mut counts = [0_u8; 10];
        for digit in d.iter().take(10) {
            if let Some(count) = counts.get_mut(usize::from(*digit)) {
                *count += 1;
            }
        }
        let repeated = counts.iter().filter(|count| **count > 1).count();
        d.first() != Some(&0) && repeated == 1 && counts.iter().all(|count| *count <= 3) && mod_11_10(&d)
    })
}

pub(super) fn france(text: &[u8]) -> bool {
    // Corsica's departments are written 2A and 2B and count as 19 and 18.
    let mut text: smallvec::SmallVec<[u8; 16]> = text.into();
    let department: Option<&[u8; 2]> = match text.get(5..7) {
        Some(b"2A") => Some(b"19"),
        Some(b"2B") => Some(b"18"),
        _ => None,
    };
    if let (Some(department), Some(place)) = (department, text.get_mut(5..7)) {
        place.copy_from_slice(department);
    }
    digits(&text).is_some_and(|d| {
        let body = d.iter().take(13).fold(0_u64, |number, digit| number * 10 + u64::from(*digit));
        let month = number(&d, 3, 2);
        matches!(at(&d, 0), 1 | 2 | 3 | 4 | 7 | 8)
            && ((1..=12).contains(&month) || month >= 20)
            && 97 - body % 97 == u64::from(number(&d, 13, 2))
    })
}

pub(super) fn spain(text: &[u8]) -> bool {
    let Some((letter, rest)) = text.split_last() else { return false };
    let mut number: smallvec::SmallVec<[u8; 8]> = rest.into();
    if let Some(first) = number.first_mut() {
        *first = match *first {
            b'X' => b'0',
            b'Y' => b'1',
            b'Z' => b'2',
            other => other,
        };
    }
    let Some(d) = digits(&number) else { return false };
    let value = d.iter().fold(0_usize, |number, digit| number * 10 + usize::from(*digit));
    b"TRWAGMYFPDXBNJZSQVHLCKE".get(value % 23) == Some(letter)
}

pub(super) fn italy(text: &[u8]) -> bool {
    const ODD: [u32; 36] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16,
        10, 22, 25, 24, 23,
    ];
    let value = |byte: u8| match byte {
        b'0'..=b'9' => Some(usize::from(byte - b'0')),
        b'A'..=b'Z' => Some(usize::from(byte - b'A') + 10),
        _ => None,
    };
    let Some((check, body)) = text.split_last() else { return false };
    let letters = body.iter().enumerate().all(|(at, byte)| !matches!(at, 0..=5 | 8 | 11) || byte.is_ascii_uppercase());
    let mut sum = 0;
    for (at, byte) in body.iter().enumerate() {
        let Some(value) = value(*byte) else { return false };
        let even = u32::try_from(if value >= 10 { value - 10 } else { value }).unwrap_or(0);
        sum += if at % 2 == 0 { ODD.get(value).copied().unwrap_or(0) } else { even };
    }
    letters && u32::from(*check) == u32::from(b'A') + sum % 26
}

pub(super) fn netherlands(text: &[u8]) -> bool {
    digits(text).is_some_and(|d| {
        let total = sum(&d, &[9, 8, 7, 6, 5, 4, 3, 2]);
        total >= at(&d, 8) && (total - at(&d, 8)).is_multiple_of(11)
    })
}

pub(super) fn belgium(text: &[u8]) -> bool {
    digits(text).is_some_and(|d| {
        let body = u64::from(number(&d, 0, 9));
        let check = u64::from(number(&d, 9, 2));
        month_day(&d, 2) && (97 - body % 97 == check || 97 - (2_000_000_000 + body) % 97 == check)
    })
}

pub(super) fn poland(text: &[u8]) -> bool {
    digits(text).is_some_and(|d| {
        let (month, day) = (number(&d, 2, 2) % 20, number(&d, 4, 2));
        let total = sum(&d, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]);
        (1..=12).contains(&month) && (1..=31).contains(&day) && (10 - total % 10) % 10 == at(&d, 10)
    })
}

pub(super) fn sweden(text: &[u8]) -> bool {
    let short = text.get(text.len().saturating_sub(10)..).unwrap_or_default();
    text.len() != 11 && digits(short).is_some_and(|d| month_day(&d, 2) && luhn(&d))
}

pub(super) fn norway(text: &[u8]) -> bool {
    digits(text).is_some_and(|d| {
        let first = 11 - sum(&d, &[3, 7, 6, 1, 8, 9, 4, 5, 2]) % 11;
        let second = 11 - sum(&d, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
        first != 10 && second != 10 && first % 11 == at(&d, 9) && second % 11 == at(&d, 10)
    })
}

/// The check digit was given up in 2007: a date and a form.
pub(super) fn denmark(text: &[u8]) -> bool {
    digits(text).is_some_and(|d| day_month(&d, 0))
}

/// `131052-308T`: the sign tells the century.
pub(super) fn finland(text: &[u8]) -> bool {
    let [day @ .., sign, a, b, c, check] = text else { return false };
    let Some(d) = digits(&[day, &[*a, *b, *c]].concat()) else { return false };
    let value = d.iter().fold(0_usize, |number, digit| number * 10 + usize::from(*digit));
    day.len() == 6
        && day_month(&d, 0)
        && b"-+ABCDEFYXWVU".contains(sign)
        && b"0123456789ABCDEFHJKLMNPRSTUVWXY".get(value % 31) == Some(&check.to_ascii_uppercase())
}

pub(super) fn czechia(text: &[u8]) -> bool {
    digits(text).is_some_and(|d| {
        let month = number(&d, 2, 2);
        let value = d.iter().fold(0_u64, |number, digit| number * 10 + u64::from(*digit));
        matches!(month, 1..=12 | 21..=32 | 51..=62 | 71..=82)
            && (1..=31).contains(&number(&d, 4, 2))
            && value.is_multiple_of(11)
    })
}

pub(super) fn bulgaria(text: &[u8]) -> bool {
    digits(text).is_some_and(|d| {
        let month = number(&d, 2, 2) % 20;
        let check = sum(&d, &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10;
        (1..=12).contains(&month) && (1..=31).contains(&number(&d, 4, 2)) && check == at(&d, 9)
    })
}

pub(super) fn romania(text: &[u8]) -> bool {
    digits(text).is_some_and(|d| {
        let check = sum(&d, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
        at(&d, 0) != 0 && month_day(&d, 3) && at(&d, 12) == if check == 10 { 1 } else { check }
    })
}

pub(super) fn baltic(text: &[u8]) -> bool {
    digits(text).is_some_and(|d| {
        let first = sum(&d, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
        let second = sum(&d, &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11;
        let check = if first < 10 { first } else { second % 10 };
        (1..=8).contains(&at(&d, 0)) && month_day(&d, 3) && at(&d, 10) == check
    })
}

pub(super) fn balkans(text: &[u8]) -> bool {
    digits(text).is_some_and(|d| {
        let check = 11 - sum(&d, &[7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
        day_month(&d, 0) && at(&d, 12) == if check >= 10 { 0 } else { check }
    })
}

pub(super) fn turkey(text: &[u8]) -> bool {
    digits(text).is_some_and(|d| {
        let odd = at(&d, 0) + at(&d, 2) + at(&d, 4) + at(&d, 6) + at(&d, 8);
        let even = at(&d, 1) + at(&d, 3) + at(&d, 5) + at(&d, 7);
        let tenth = (odd * 7 + 100 - even) % 10;
        at(&d, 0) != 0 && at(&d, 9) == tenth && at(&d, 10) == (odd + even + tenth) % 10
    })
}

/// An EAN of 13 digits whose prefix is the country's number.
pub(super) fn switzerland(text: &[u8]) -> bool {
    digits(text).is_some_and(|d| {
        let total = sum(&d, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3]);
        number(&d, 0, 3) == 756 && (10 - total % 10) % 10 == at(&d, 12)
    })
}

pub(super) fn austria(text: &[u8]) -> bool {
    digits(text).is_some_and(|d| {
        let check = sum(&d, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11;
        day_month(&d, 4) && at(&d, 0) != 0 && check == at(&d, 3)
    })
}

pub(super) fn ireland(text: &[u8]) -> bool {
    let (Some(number), Some(letter)) = (text.get(..7), text.get(7)) else { return false };
    let Some(d) = digits(number) else { return false };
    let more = match text.get(8) {
        None | Some(b'W') => 0,
        Some(second @ b'A'..=b'I') => u32::from(second - b'A' + 1) * 9,
        Some(_) => return false,
    };
    let check = (sum(&d, &[8, 7, 6, 5, 4, 3, 2]) + more) % 23;
    u32::from(*letter) == if check == 0 { u32::from(b'W') } else { u32::from(b'A') + check - 1 }
}

pub(super) fn iceland(text: &[u8]) -> bool {
    digits(text).is_some_and(|d| {
        let check = 11 - sum(&d, &[3, 2, 7, 6, 5, 4, 3, 2]) % 11;
        day_month(&d, 0) && check != 10 && check % 11 == at(&d, 8)
    })
}

pub(super) fn ukraine(text: &[u8]) -> bool {
    digits(text).is_some_and(|d| {
        const WEIGHTS: [i32; 9] = [-1, 5, 7, 9, 4, 6, 10, 5, 7];
        let total: i32 = d.iter().zip(WEIGHTS).map(|(digit, weight)| i32::from(*digit) * weight).sum();
        i64::from(total.rem_euclid(11) % 10) == i64::from(at(&d, 9))
    })
}

pub(super) fn russia(text: &[u8]) -> bool {
    digits(text).is_some_and(|d| sum(&d, &[9, 8, 7, 6, 5, 4, 3, 2, 1]) % 101 % 100 == number(&d, 9, 2))
}
