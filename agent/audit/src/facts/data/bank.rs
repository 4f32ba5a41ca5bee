//! Bank accounts: IBAN (ISO 13616) by length and remainder, and account and routing numbers by their names.

/// Different right values that prove a field whose name says that it holds IBANs: random text of that form is right in 1 of 97 cases.
pub(super) const NEED_NAMED: u8 = 3;
/// ... and any other field.
pub(super) const NEED: u8 = 4;
/// Shortest and longest.
const LENGTHS: std::ops::RangeInclusive<usize> = 15..=34;

/// Countries and the length of their IBANs (the registry of ISO 13616).
const COUNTRIES: &[(&[u8; 2], usize)] = &[
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NL", 18),
    (b"NO", 15),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"SA", 24),
    (b"SC", 31),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
];

/// A whole value that is an IBAN. Gives whether it is written in groups of four.
pub(super) fn iban(value: &[u8]) -> Option<bool> {
    if value.len() > 42 || !value.get(..2)?.iter().all(u8::is_ascii_uppercase) {
        return None;
    }
    let mut plain = [0_u8; 34];
    let mut length = 0;
    let mut spaces = 0;
    for (at, &byte) in value.iter().enumerate() {
        if byte == b' ' && at % 5 == 4 {
            spaces += 1;
            continue;
        }
        if !(byte.is_ascii_digit() || byte.is_ascii_uppercase()) {
            return None;
        }
        *plain.get_mut(length)? = byte;
        length += 1;
    }
    let plain = plain.get(..length).filter(|plain| LENGTHS.contains(&plain.len()))?;
    let grouped = spaces > 0;
    if grouped && spaces != (length - 1) / 4 {
        return None;
    }
    let (country, rest) = plain.split_first_chunk::<2>()?;
    let known = COUNTRIES.iter().any(|(code, length)| *code == country && *length == plain.len());
    let digits = rest.iter().take(2).all(u8::is_ascii_digit);
    (known && digits && remainder(plain) == 1).then_some(grouped)
}

/// ISO/IEC 7064 MOD 97-10 of the text with its first four characters at the end.
fn remainder(plain: &[u8]) -> u32 {
    let (head, tail) = plain.split_at(plain.len().min(4));
    tail.iter().chain(head).fold(0, |sum, byte| match byte {
        b'0'..=b'9' => (sum * 10 + u32::from(byte - b'0')) % 97,
        _ => (sum * 100 + u32::from(byte.wrapping_sub(b'A')) + 10) % 97,
    })
}

/// A number of an account: 6 to 17 digits, which may be parted.
pub(super) fn is_account(value: &[u8]) -> bool {
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let different = value.iter().filter(|byte| byte.is_ascii_digit()).fold(0_u16, |seen, b| seen | 1 << (b - b'0'));
    (6..=17).contains(&digits)
        && different.count_ones() >= 3
        && value.iter().all(|byte| byte.is_ascii_digit() || b" -".contains(byte))
}

/// A routing number of the USA (ABA): nine digits with weights 3, 7, 1.
pub(super) fn is_routing(value: &[u8]) -> bool {
    let sum: u32 = value
        .iter()
        .zip([3_u32, 7, 1].iter().cycle())
        .map(|(byte, weight)| u32::from(byte.wrapping_sub(b'0')) * weight)
        .sum();
    value.len() == 9 && value.iter().all(u8::is_ascii_digit) && sum > 0 && sum.is_multiple_of(10)
}
