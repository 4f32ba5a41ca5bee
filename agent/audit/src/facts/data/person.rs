//! What is known of persons by its form and the name of its field: e-mail, telephone, names, dates of birth, addresses, positions.

/// Longest local part (RFC 5321 §4.5.3.1.1).
const LOCAL_MAX: usize = 64;
const DOMAIN_MAX: usize = 253;

/// Mailboxes of offices, not of persons.
const OFFICES: &[&[u8]] = &[
    b"noreply",
    b"no-reply",
    b"no_reply",
    b"donotreply",
    b"do-not-reply",
    b"support",
    b"info",
    b"contact",
    b"admin",
    b"administrator",
    b"sales",
    b"help",
    b"hello",
    b"webmaster",
    b"postmaster",
    b"hostmaster",
    b"abuse",
    b"security",
    b"privacy",
    b"feedback",
    b"team",
    b"office",
    b"service",
    b"press",
    b"jobs",
    b"careers",
    b"billing",
    b"accounts",
    b"root",
    b"mailer-daemon",
    b"notifications",
    b"notification",
    b"news",
    b"newsletter",
    b"marketing",
    b"legal",
    b"git",
    b"bot",
    b"api",
    b"dev",
    b"test",
    b"example",
    b"user",
    b"username",
    b"email",
    b"name",
    b"you",
    b"someone",
    b"customerservice",
    b"enquiries",
    b"orders",
    b"hr",
];

/// Domains that belong to nobody (RFC 2606), and endings that are files rather than domains.
const NO_DOMAINS: &[&[u8]] =
    &[b"example.com", b"example.org", b"example.net", b"domain.com", b"email.com", b"users.noreply.github.com"];
const NO_ENDS: &[&[u8]] = &[
    b"example",
    b"test",
    b"invalid",
    b"localhost",
    b"local",
    b"internal",
    b"png",
    b"jpg",
    b"jpeg",
    b"gif",
    b"svg",
    b"webp",
    b"js",
    b"css",
    b"json",
    b"ts",
    b"mjs",
    b"html",
    b"php",
    b"ico",
    b"svc",
    b"cluster",
    b"x",
    b"mp4",
    b"pdf",
    b"lan",
];

/// An e-mail address of a person, not of an office and not of an example.
pub(super) fn is_email(value: &[u8]) -> bool {
    let Some(at) = memchr::memrchr(b'@', value) else { return false };
    let (Some(local), Some(domain)) = (value.get(..at), value.get(at + 1..)) else { return false };
    is_local(local) && is_domain(domain)
}

fn is_local(local: &[u8]) -> bool {
    let plain = local.iter().all(|byte| is_local_byte(*byte));
    let ends =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80);
    let digits = local.iter().filter(|byte| byte.is_ascii_digit()).count();
    let hash = local.len() >= 24 && digits * 5 >= local.len();
    let office = local.split(|byte| *byte == b'+').next().unwrap_or(local);
    plain
        && (1..=LOCAL_MAX).contains(&local.len())
        && ends(local.first())
        && ends(local.last())
        && !hash
        && local.iter().any(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80)
        && !OFFICES.iter().any(|name| name.eq_ignore_ascii_case(office))
}

/// Characters of a local part that are in use (RFC 5322 allows more).
pub(super) fn is_local_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || b"._%+-".contains(&byte)
}

/// Characters of a domain.
pub(super) fn is_domain_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || b".-".contains(&byte)
}

fn is_domain(domain: &[u8]) -> bool {
    let mut labels = domain.rsplit(|byte| *byte == b'.');
    let top = labels.next().unwrap_or_default();
    let second = labels.next().unwrap_or_default();
    let label = |label: &[u8]| {
        (1..=63).contains(&label.len())
            && label.iter().all(|byte| is_domain_byte(*byte))
            && label.first() != Some(&b'-')
    };
    domain.len() <= DOMAIN_MAX
        && (2..=24).contains(&top.len())
        && top.iter().all(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80)
        && label(second)
        && labels.all(label)
        && !NO_ENDS.iter().any(|end| end.eq_ignore_ascii_case(top))
        && !NO_DOMAINS.iter().any(|known| known.eq_ignore_ascii_case(domain))
}

/// A telephone number, under a name that says so: 7 to 15 digits (ITU-T E.164) with the signs by which people part them.
pub(super) fn is_phone(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"tel:").unwrap_or(value);
    let digits = value.iter().filter(|byte| byte.is_ascii_digit());
    let different = digits.clone().fold(0_u16, |seen, byte| seen | 1 << (byte - b'0')).count_ones();
    (7..=15).contains(&digits.count())
        && different >= 3
        && value.len() <= 30
        && value.iter().all(|byte| byte.is_ascii_digit() || b" +-()./x".contains(byte))
        && !is_date(value)
}

/// A name of a person, under a name that says so: letters of any script, no digits.
pub(super) fn is_name(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else { return false };
    let (mut letters, mut length) = (0, 0);
    for c in text.chars() {
        length += 1;
        letters += usize::from(c.is_alphabetic());
        if !(c.is_alphabetic() || matches!(c, ' ' | '.' | '-' | '\'' | '’' | ',' | '\u{300}'..='\u{36f}'))
            || length > 80
        {
            return false;
        }
    }
    let nothing =
        [&b"unknown"[..], b"none", b"null", b"n/a", b"test", b"string", b"anonymous", b"guest", b"undefined", b"user"];
    letters >= 2 && !nothing.iter().any(|word| word.eq_ignore_ascii_case(value))
}

/// A date with a year from 1900 on: `1970-12-31` (also with a time), `31.12.1970`, `12/31/1970`, `19701231`.
pub(super) fn is_date(value: &[u8]) -> bool {
    let day = value.split(|byte| matches!(byte, b'T' | b' ')).next().unwrap_or_default();
    let mut numbers = [0_u32; 3];
    let mut widths = [0_usize; 3];
    let mut at = 0;
    for &byte in day {
        match byte {
            b'0'..=b'9' => {
                let (Some(number), Some(width)) = (numbers.get_mut(at), widths.get_mut(at)) else { return false };
                *number = *number * 10 + u32::from(byte - b'0');
                *width += 1;
                if *width > 8 {
                    return false;
                }
            }
            b'-' | b'.' | b'/' => at += 1,
            _ => return false,
        }
    }
    let year = |year: u32| (1900..=2035).contains(&year);
    let day_and_month = |a: u32, b: u32| (1..=31).contains(&a) && (1..=31).contains(&b) && (a <= 12 || b <= 12);
    match (numbers, widths) {
        ([y, m, d], [4, 1..=2, 1..=2]) => year(y) && (1..=12).contains(&m) && (1..=31).contains(&d),
        ([a, b, y], [1..=2, 1..=2, 4]) => year(y) && day_and_month(a, b),
        ([all, _, _], [8, 0, 0]) => year(all / 10_000) && day_and_month(all % 100, all / 100 % 100),
        _ => false,
    }
}

/// A street with a number, under a name that says so.
pub(super) fn is_address(value: &[u8]) -> bool {
    let digit = value.iter().any(u8::is_ascii_digit);
    let letters = value.iter().filter(|byte| byte.is_ascii_alphabetic() || **byte >= 0x80).count();
    let space = value.iter().any(|byte| matches!(byte, b' ' | b',' | b'\n'));
    let code =
        value.iter().any(|byte| matches!(byte, b'@' | b'{' | b'<' | b'=')) || super::super::proof::find(value, b"://");
    digit && letters >= 4 && space && !code && (6..=200).contains(&value.len())
}

/// Degrees with at least four decimals, which is some ten metres.
pub(super) fn is_position(value: &[u8]) -> bool {
    let text = value.strip_prefix(b"-").unwrap_or(value);
    let Some(point) = memchr::memchr(b'.', text) else { return false };
    let (Some(whole), Some(decimals)) = (text.get(..point), text.get(point + 1..)) else { return false };
    let number = |digits: &[u8]| digits.iter().all(u8::is_ascii_digit);
    let degrees = whole.iter().fold(0_u32, |sum, digit| sum * 10 + u32::from(digit.wrapping_sub(b'0')));
    (1..=3).contains(&whole.len())
        && number(whole)
        && degrees <= 180
        && (4..=16).contains(&decimals.len())
        && number(decimals)
}

/// A word or more of text, under a name of health.
pub(super) fn is_health(value: &[u8]) -> bool {
    let nothing = [&b"none"[..], b"null", b"n/a", b"unknown", b"string", b"true", b"false", b"no", b"yes"];
    let letters = value.iter().filter(|byte| byte.is_ascii_alphabetic() || **byte >= 0x80).count();
    let code = value.starts_with(b"http") || value.starts_with(b"{") || value.starts_with(b"/");
    letters >= 1 && !code && value.len() <= 2000 && !nothing.iter().any(|word| word.eq_ignore_ascii_case(value))
}
