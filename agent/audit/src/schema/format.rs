//! Formats of strings: which of them a value has. A field has those that all of its values have.

/// A set of formats, one bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Formats(u16);

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 9562, with hyphens.
    Uuid,
    /// `2024-02-29` (RFC 3339 full-date).
    Date,
    /// RFC 3339 date-time, with its offset.
    DateTime,
    /// RFC 3339 full-time, with its offset.
    Time,
    /// `local@domain.tld`.
    Email,
    /// An absolute URI.
    Uri,
    /// Four decimal numbers.
    Ipv4,
    /// RFC 4291.
    Ipv6,
    /// Decimal digits only.
    Digits,
    /// An even number of hexadecimal digits, 16 and more.
    Hex,
    /// Base64 with padding, 16 characters and more.
    Base64,
    /// A file of a multipart form.
    File,
}

impl Format {
    /// The most telling first.
    pub const ALL: [Self; 12] = [
        Self::Uuid,
        Self::DateTime,
        Self::Date,
        Self::Time,
        Self::Email,
        Self::Ipv4,
        Self::Ipv6,
        Self::Uri,
        Self::Digits,
        Self::Hex,
        Self::Base64,
        Self::File,
    ];

    const fn bit(self) -> u16 {
        1 << self as u16
    }

    fn fits(self, text: &[u8]) -> bool {
        match self {
            Self::Uuid => is_uuid(text),
            Self::Date => is_date(text),
            Self::DateTime => is_date_time(text),
            Self::Time => is_time(text),
            Self::Email => is_email(text),
            Self::Uri => is_uri(text),
            Self::Ipv4 => is_ip::<std::net::Ipv4Addr>(text),
            Self::Ipv6 => is_ip::<std::net::Ipv6Addr>(text),
            Self::Digits => !text.is_empty() && text.iter().all(u8::is_ascii_digit),
            Self::Hex => text.len() >= 16 && text.len().is_multiple_of(2) && text.iter().all(u8::is_ascii_hexdigit),
            Self::Base64 => is_base64(text),
            Self::File => false,
        }
    }
}

impl Formats {
    /// Of a field without values.
    pub(crate) const ANY: Self = Self(u16::MAX);
    /// Of a field whose values have none in common.
    pub(crate) const NONE: Self = Self(0);

    /// Of a file of a multipart form.
    pub(crate) const FILE: Self = Self(Format::File.bit());

    /// Those that a value has.
    pub(crate) fn of(text: &[u8]) -> Self {
        // What is longer than any of them is not looked at: only URIs and base64 are long.
        if text.len() > LENGTH_MAX {
            return Self::NONE;
        }
        Self(Format::ALL.into_iter().filter(|format| format.fits(text)).fold(0, |all, format| all | format.bit()))
    }

    /// Those that both have.
    pub(crate) const fn join(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The most telling one.
    pub(crate) fn best(self) -> Option<Format> {
        if self == Self::ANY {
            return None;
        }
        Format::ALL.into_iter().find(|format| self.0 & format.bit() != 0)
    }

    pub(crate) const fn bits(self) -> u16 {
        self.0
    }

    pub(crate) const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }
}

/// Longest value that is looked at.
const LENGTH_MAX: usize = 2_048;

fn is_uuid(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn number(text: &[u8]) -> Option<u32> {
    text.iter().try_fold(0_u32, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))
}

fn is_date(text: &[u8]) -> bool {
    let (&[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2], true) =
        (text.first_chunk().unwrap_or(&[0; 10]), text.len() == 10)
    else {
        return false;
    };
    let (Some(year), Some(month), Some(day)) = (number(&[y1, y2, y3, y4]), number(&[m1, m2]), number(&[d1, d2])) else {
        return false;
    };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    // Year 0 is none to many readers.
    year > 0 && (1..=days).contains(&day)
}

fn is_date_time(text: &[u8]) -> bool {
    let Some((date, rest)) = text.split_at_checked(10) else { return false };
    let Some((b'T', time)) = rest.split_first() else { return false };
    is_date(date) && is_time(time)
}

fn is_time(text: &[u8]) -> bool {
    let Some((&[h1, h2, b':', m1, m2, b':', s1, s2], mut rest)) = text.split_first_chunk::<8>() else { return false };
    let clock = |hour: &[u8], minute: &[u8]| {
        number(hour).is_some_and(|hour| hour < 24) && number(minute).is_some_and(|minute| minute < 60)
    };
    if !clock(&[h1, h2], &[m1, m2]) || number(&[s1, s2]).is_none_or(|second| second > 59) {
        return false;
    }
    if let Some((b'.', after)) = rest.split_first() {
        let digits = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return false;
        }
        rest = after.get(digits..).unwrap_or_default();
    }
    match rest {
        b"Z" => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => clock(&[*h1, *h2], &[*m1, *m2]),
        _ => false,
    }
}

fn is_email(text: &[u8]) -> bool {
    let Some(at) = memchr::memchr(b'@', text).filter(|at| (1..=64).contains(at)) else { return false };
    let (local, domain) = (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default());
    let label = |label: &[u8]| {
        let inside = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
        !label.is_empty() && label.iter().all(inside) && !label.starts_with(b"-") && !label.ends_with(b"-")
    };
    local.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._%+-".contains(byte))
        && !local.starts_with(b".")
        && !local.ends_with(b".")
        && memchr::memmem::find(local, b"..").is_none()
        && domain.contains(&b'.')
        && domain.split(|byte| *byte == b'.').all(label)
}

fn is_uri(text: &[u8]) -> bool {
    let Some(colon) = memchr::memmem::find(text.get(..16.min(text.len())).unwrap_or_default(), b"://") else {
        return false;
    };
    let (scheme, rest) = (text.get(..colon).unwrap_or_default(), text.get(colon + 3..).unwrap_or_default());
    scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte))
        && rest.first().is_some_and(u8::is_ascii_alphanumeric)
        && rest.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&'()*+,;=%".contains(byte))
        && memchr::memchr_iter(b'#', rest).count() <= 1
}

fn is_ip<A: std::str::FromStr>(text: &[u8]) -> bool {
    text.len() <= 45 && std::str::from_utf8(text).is_ok_and(|text| text.parse::<A>().is_ok())
}

fn is_base64(text: &[u8]) -> bool {
    let padding = text.iter().rev().take(2).take_while(|byte| **byte == b'=').count();
    let body = text.get(..text.len() - padding).unwrap_or_default();
    text.len() >= 16
        && text.len().is_multiple_of(4)
        && body.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_apart() {
        let cases: [(&str, Option<Format>); 26] = [
            ("550e8400-e29b-41d4-a716-446655440000", Some(Format::Uuid)),
            ("550e8400-e29b-41d4-a716-44665544000", None),
            ("2024-02-29", Some(Format::Date)),
            ("2023-02-29", None),
            ("2023-13-01", None),
            ("0000-01-01", None),
            ("2024-02-29T23:59:59Z", Some(Format::DateTime)),
            ("2024-02-29T23:59:59.123+02:00", Some(Format::DateTime)),
            ("2024-02-29T23:59:59", None),
            ("2024-02-29T24:00:00Z", None),
            ("2024-02-29T23:59:59.Z", None),
            ("12:30:00Z", Some(Format::Time)),
            ("a.b+c@mail.example.com", Some(Format::Email)),
            ("a@b", None),
            (".a@b.example", None),
            ("https://api.example.com/a?b=c#d", Some(Format::Uri)),
            ("https:///a", None),
            ("https://a b", None),
            ("10.0.0.255", Some(Format::Ipv4)),
            ("10.0.0.256", None),
            ("fe80::1", Some(Format::Ipv6)),
            ("00123", Some(Format::Digits)),
            ("d41d8cd98f00b204e9800998ecf8427e", Some(Format::Hex)),
            ("aGVsbG8gd29ybGQgaGVsbG8=", Some(Format::Base64)),
            ("PENDING", None),
            ("", None),
        ];
        for (text, format) in cases {
            assert_eq!(Formats::of(text.as_bytes()).best(), format, "{text}");
        }
    }

    #[test]
    fn a_field_has_what_all_of_its_values_have() {
        let [uuid, date, digits] =
            ["550e8400-e29b-41d4-a716-446655440000", "2024-02-29", "7"].map(|text| Formats::of(text.as_bytes()));
        assert_eq!(Formats::ANY.join(uuid), uuid);
        assert_eq!(uuid.join(date), Formats::NONE);
        assert_eq!(digits.join(Formats::of(b"123456789")).best(), Some(Format::Digits));
        assert_eq!(Formats::ANY.best(), None);
    }

    #[test]
    fn each_bit_is_its_own() {
        let all = Format::ALL.into_iter().fold(0, |all, format| all | format.bit());
        assert_eq!(all.count_ones() as usize, Format::ALL.len());
        assert_eq!(Formats::of(&[b'a'; LENGTH_MAX + 2]), Formats::NONE);
    }
}
