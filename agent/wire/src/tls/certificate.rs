//! Certificates that a server sends in clear (up to TLS 1.2): names, dates, issuer, key (RFC 5280). Nothing is verified.
//!
//! Total: of a certificate that breaks the rules what could be read stands, and the rest is unknown.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use crate::time::days_of;
use crate::tls::cursor::Cursor;
use crate::tls::der::{self, Der};

/// Certificates of a chain that are read; a longer chain is marked as cut.
pub const CERTIFICATES_MAX: usize = 10;

/// A server's chain, as sent: its own certificate first.
#[derive(Clone, Copy)]
pub struct Certificates<'a>(pub(crate) &'a [u8]);

impl<'a> Certificates<'a> {
    /// The certificates, at most [`CERTIFICATES_MAX`]. Ends where the list breaks the rules.
    pub fn iter(self) -> impl Iterator<Item = Certificate<'a>> + use<'a> {
        self.all().take(CERTIFICATES_MAX)
    }

    /// Whether there are more than are read.
    pub fn is_cut(self) -> bool {
        self.all().nth(CERTIFICATES_MAX).is_some()
    }

    fn all(self) -> impl Iterator<Item = Certificate<'a>> + use<'a> {
        let mut rest = Cursor(self.0);
        std::iter::from_fn(move || {
            let len = rest.three()?;
            rest.take(len).map(Certificate::read)
        })
    }
}

impl fmt::Debug for Certificates<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// One certificate.
#[derive(Clone, Copy, Debug)]
pub struct Certificate<'a> {
    /// All of it, as sent: for a fingerprint.
    pub der: &'a [u8],
    /// Whom it names.
    pub subject: Name<'a>,
    /// Who signed it.
    pub issuer: Name<'a>,
    /// Valid from, seconds since 1970; `None` unknown.
    pub not_before: Option<i64>,
    /// Valid until, seconds since 1970; `None` unknown.
    pub not_after: Option<i64>,
    /// The kind of its key.
    pub key: Key,
    /// The names that it is good for (RFC 5280 §4.2.1.6).
    pub names: AlternativeNames<'a>,
}

impl<'a> Certificate<'a> {
    fn read(bytes: &'a [u8]) -> Self {
        let mut certificate = Self {
            der: bytes,
            subject: Name::default(),
            issuer: Name::default(),
            not_before: None,
            not_after: None,
            key: Key::Unknown,
            names: AlternativeNames::default(),
        };
        let _ = certificate.fill(bytes);
        certificate
    }

    /// Fills in what can be read, in the order of the fields; `None` where it ends.
    fn fill(&mut self, bytes: &'a [u8]) -> Option<()> {
        const VERSION: u8 = 0xa0;
        const EXTENSIONS: u8 = 0xa3;
        let mut fields = Der(bytes).enter(der::SEQUENCE)?.enter(der::SEQUENCE)?;
        fields.content(VERSION);
        fields.content(der::INTEGER)?;
        fields.content(der::SEQUENCE)?;
        self.issuer = Name(fields.content(der::SEQUENCE)?);
        let mut validity = fields.enter(der::SEQUENCE)?;
        self.not_before = validity.next().and_then(|value| time(value.tag, value.content));
        self.not_after = validity.next().and_then(|value| time(value.tag, value.content));
        self.subject = Name(fields.content(der::SEQUENCE)?);
        self.key = key(fields.enter(der::SEQUENCE)?);
        let extensions = fields.find(|value| value.tag == EXTENSIONS)?;
        for extension in Der(extensions.content).enter(der::SEQUENCE)? {
            self.extension(Der(extension.content));
        }
        Some(())
    }

    fn extension(&mut self, mut fields: Der<'a>) -> Option<()> {
        const SUBJECT_ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];
        let oid = fields.content(der::OID)?;
        fields.content(der::BOOLEAN);
        let value = fields.content(der::OCTET_STRING)?;
        if oid == SUBJECT_ALTERNATIVE_NAME {
            self.names = AlternativeNames(Der(value).content(der::SEQUENCE)?);
        }
        Some(())
    }

    /// Whether subject and issuer are the same: a root, or a certificate that only its owner vouches for.
    pub fn is_self_issued(&self) -> bool {
        !self.subject.0.is_empty() && self.subject.0 == self.issuer.0
    }
}

/// A distinguished name: attributes, as sent. Hostile text.
#[derive(Clone, Copy, Default)]
pub struct Name<'a>(&'a [u8]);

impl<'a> Name<'a> {
    /// Whether it has no attribute, or is unknown.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Its attributes in the order sent, those of unknown kinds left out.
    pub fn attributes(self) -> impl Iterator<Item = (Attribute, Cow<'a, str>)> + use<'a> {
        let sets = Der(self.0).filter(|value| value.tag == der::SET);
        sets.flat_map(|set| Der(set.content)).filter_map(|pair| {
            let mut pair = Der(pair.content);
            let kind = Attribute::of(pair.content(der::OID)?)?;
            let value = pair.next()?;
            Some((kind, text(value.tag, value.content)?))
        })
    }

    /// The last of its common names: the most specific.
    pub fn common_name(self) -> Option<Cow<'a, str>> {
        self.attributes().filter(|(kind, _)| *kind == Attribute::CommonName).last().map(|(_, text)| text)
    }
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.attributes()).finish()
    }
}

/// Kinds of attributes of a name that tell people something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// CN.
    CommonName,
    /// O.
    Organisation,
    /// OU.
    Unit,
    /// C.
    Country,
}

impl Attribute {
    fn of(oid: &[u8]) -> Option<Self> {
        match oid {
            [0x55, 4, 3] => Some(Self::CommonName),
            [0x55, 4, 10] => Some(Self::Organisation),
            [0x55, 4, 11] => Some(Self::Unit),
            [0x55, 4, 6] => Some(Self::Country),
            _ => None,
        }
    }

    /// As RFC 4514 §3 writes it.
    pub const fn short(self) -> &'static str {
        match self {
            Self::CommonName => "CN",
            Self::Organisation => "O",
            Self::Unit => "OU",
            Self::Country => "C",
        }
    }
}

/// A string of any kind that names use; what is no text of its kind is replaced.
fn text(tag: u8, content: &[u8]) -> Option<Cow<'_, str>> {
    const TELETEX_STRING: u8 = 0x14;
    const UNIVERSAL_STRING: u8 = 0x1c;
    const BMP_STRING: u8 = 0x1e;
    let replaced = |code: u32| char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    match tag {
        der::UTF8_STRING | der::PRINTABLE_STRING | der::IA5_STRING => Some(String::from_utf8_lossy(content)),
        TELETEX_STRING => Some(content.iter().map(|byte| char::from(*byte)).collect()),
        BMP_STRING => {
            let units = content.chunks_exact(2).filter_map(|pair| <[u8; 2]>::try_from(pair).ok());
            Some(units.map(|pair| replaced(u32::from(u16::from_be_bytes(pair)))).collect())
        }
        UNIVERSAL_STRING => {
            let units = content.chunks_exact(4).filter_map(|four| <[u8; 4]>::try_from(four).ok());
            Some(units.map(|four| replaced(u32::from_be_bytes(four))).collect())
        }
        _ => None,
    }
}

/// The names that a certificate is good for, as sent. Hostile text.
#[derive(Clone, Copy, Default)]
pub struct AlternativeNames<'a>(&'a [u8]);

/// One of them; other kinds (mail, URI) are for no API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlternativeName<'a> {
    /// A host name, perhaps with `*` as its first label.
    Dns(&'a str),
    /// An address.
    Ip(IpAddr),
}

impl<'a> AlternativeNames<'a> {
    /// Host names and addresses in the order sent. A host name that is no visible ASCII is left out.
    pub fn iter(self) -> impl Iterator<Item = AlternativeName<'a>> + use<'a> {
        const DNS: u8 = 0x82;
        const IP: u8 = 0x87;
        Der(self.0).filter_map(|value| match value.tag {
            DNS => {
                let name = std::str::from_utf8(value.content).ok()?;
                let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
                plain.then_some(AlternativeName::Dns(name))
            }
            IP => match value.content.len() {
                4 => <[u8; 4]>::try_from(value.content).ok().map(|ip| AlternativeName::Ip(ip.into())),
                _ => <[u8; 16]>::try_from(value.content).ok().map(|ip| AlternativeName::Ip(ip.into())),
            },
            _ => None,
        })
    }
}

impl fmt::Debug for AlternativeNames<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The kind of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// RSA (RSASSA-PSS too) with so many bits.
    Rsa(u32),
    /// On the curve P-256.
    P256,
    /// On the curve P-384.
    P384,
    /// On the curve P-521.
    P521,
    /// Ed25519.
    Ed25519,
    /// Ed448.
    Ed448,
    /// Another kind, or unreadable.
    Unknown,
}

fn key(mut fields: Der<'_>) -> Key {
    const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
    const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10];
    let Some(mut algorithm) = fields.enter(der::SEQUENCE) else { return Key::Unknown };
    match algorithm.content(der::OID) {
        Some(RSA | RSA_PSS) => rsa_bits(fields).map_or(Key::Unknown, Key::Rsa),
        Some(EC) => match algorithm.content(der::OID) {
            Some([0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]) => Key::P256,
            Some([0x2b, 0x81, 4, 0, 34]) => Key::P384,
            Some([0x2b, 0x81, 4, 0, 35]) => Key::P521,
            _ => Key::Unknown,
        },
        Some([0x2b, 0x65, 112]) => Key::Ed25519,
        Some([0x2b, 0x65, 113]) => Key::Ed448,
        _ => Key::Unknown,
    }
}

/// Bits of the modulus.
fn rsa_bits(mut fields: Der<'_>) -> Option<u32> {
    // The first byte says how many bits of the last are unused: none.
    let bits = fields.content(der::BIT_STRING)?.strip_prefix(&[0])?;
    let modulus = Der(bits).enter(der::SEQUENCE)?.content(der::INTEGER)?;
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let first = *modulus.get(zeros)?;
    u32::try_from((modulus.len() - zeros) * 8).ok()?.checked_sub(first.leading_zeros())
}

/// Seconds since 1970 of a time as RFC 5280 §4.1.2.5 allows it: in UTC, with seconds.
fn time(tag: u8, content: &[u8]) -> Option<i64> {
    let digits = content.strip_suffix(b"Z")?;
    let (year, rest) = match tag {
        der::UTC_TIME => {
            let year = number(digits.get(..2)?)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, digits.get(2..)?)
        }
        der::GENERALIZED_TIME => (number(digits.get(..4)?)?, digits.get(4..)?),
        _ => return None,
    };
    if rest.len() != 10 {
        return None;
    }
    let part = |at: usize| number(rest.get(at..at + 2)?);
    let (month, day, hour, minute, second) = (part(0)?, part(2)?, part(4)?, part(6)?, part(8)?);
    let valid = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    valid.then(|| days_of(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds() {
        let utc = |text: &str| time(der::UTC_TIME, text.as_bytes());
        let long = |text: &str| time(der::GENERALIZED_TIME, text.as_bytes());
        // `date -u -d ... +%s`.
        assert_eq!(utc("700101000000Z"), Some(0));
        assert_eq!(utc("240229235959Z"), Some(1_709_251_199));
        assert_eq!(utc("491231235959Z"), Some(2_524_607_999));
        assert_eq!(utc("500101000000Z"), Some(-631_152_000));
        assert_eq!(long("20500101000000Z"), Some(2_524_608_000));
        assert_eq!(long("99991231235959Z"), Some(253_402_300_799));
        for odd in ["2402292359Z", "240229235959", "240229235959+0100", "241329235959Z", "24022923595xZ", ""] {
            assert_eq!(utc(odd), None, "{odd}");
        }
    }

    #[test]
    fn strings_of_every_kind_are_text() {
        assert_eq!(text(der::UTF8_STRING, "é".as_bytes()).as_deref(), Some("é"));
        assert_eq!(text(0x14, &[0xe9]).as_deref(), Some("é"));
        assert_eq!(text(0x1e, &[0, b'a', 0xd8, 0]).as_deref(), Some("a\u{fffd}"));
        assert_eq!(text(0x1c, &[0, 0, 0, b'a', 0, 0x11, 0, 0]).as_deref(), Some("a\u{fffd}"));
        assert_eq!(text(der::INTEGER, b"a"), None);
    }
}
