//! How long a message's body is: RFC 9112 §6.3, the strict way.

use crate::event::{AmbiguityKind, Header, Version};
use crate::http::Odds;
use crate::http::pairs::Asked;
use crate::http::units::UnitKind;

/// How a message ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// After so many bytes of body.
    Length(u64),
    /// With its last chunk and trailers.
    Chunked,
    /// With the connection.
    UntilClose,
    /// With its head; what follows is no HTTP/1.
    Switched,
    /// It can't be known: the fields contradict themselves.
    Unknown,
}

/// What the header fields say on the framing and on what follows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fields {
    length: Length,
    coding: Coding,
    pub(crate) upgrade: bool,
    pub(crate) expects: bool,
    pub(crate) units: UnitKind,
    pub(crate) is_coded: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Length {
    #[default]
    None,
    Plain(u64),
    /// Several equal values.
    Listed(u64),
    Differing,
    Odd,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Coding {
    #[default]
    None,
    /// A single `chunked`.
    Chunked,
    /// `chunked` is last, but not alone.
    OddChunked,
    /// Something else.
    Other,
}

impl Fields {
    pub(crate) fn of(headers: &[Header<'_>]) -> Self {
        let mut fields = Self::default();
        for header in headers {
            fields.add(header);
        }
        fields
    }

    /// Takes in one more field.
    pub(crate) fn add(&mut self, header: &Header<'_>) {
        match header.name.len() {
            6 if header.name.eq_ignore_ascii_case("expect") => {
                self.expects |= header.value.eq_ignore_ascii_case(b"100-continue");
            }
            7 if header.name.eq_ignore_ascii_case("upgrade") => self.upgrade = true,
            12 if header.name.eq_ignore_ascii_case("content-type") => self.units = UnitKind::of(header.value),
            16 if header.name.eq_ignore_ascii_case("content-encoding") => {
                self.is_coded |= !header.value.eq_ignore_ascii_case(b"identity");
            }
            14 if header.name.eq_ignore_ascii_case("content-length") => {
                self.length = self.length.and(Length::of(header.value));
            }
            17 if header.name.eq_ignore_ascii_case("transfer-encoding") => {
                self.coding = self.coding.and(Coding::of(header.value));
            }
            _ => {}
        }
    }

    /// The framing of a request.
    pub(crate) fn of_request(self, version: Version, method: &str) -> (Framing, Odds) {
        let (framing, mut odds) = self.of_plain_request(version);
        if version == Version::Http10 && matches!(method, "GET" | "HEAD" | "DELETE") {
            // haproxy takes content only of methods for which HTTP/1.0 knew it.
            odds.add_if(!matches!(self.length, Length::None | Length::Plain(0)), AmbiguityKind::OddLength);
        }
        if method == "CONNECT" {
            // Content of a CONNECT means nothing (RFC 9110 §9.3.6): haproxy passes none on.
            odds.add_if(!matches!(self.length, Length::None | Length::Plain(0)), AmbiguityKind::OddLength);
            odds.add_if(self.coding != Coding::None, AmbiguityKind::OddTransferEncoding);
        }
        (framing, odds)
    }

    fn of_plain_request(self, version: Version) -> (Framing, Odds) {
        match self.coding {
            Coding::None => match self.length {
                Length::None => (Framing::Length(0), Odds::default()),
                Length::Plain(n) | Length::Listed(n) => (Framing::Length(n), self.odds(version)),
                Length::Differing | Length::Odd => (Framing::Unknown, self.odds(version)),
            },
            Coding::Chunked | Coding::OddChunked => (Framing::Chunked, self.odds(version)),
            Coding::Other => (Framing::Unknown, self.odds(version)),
        }
    }

    /// The framing of a final response (101 included).
    pub(crate) fn of_response(self, version: Version, status: u16, asked: Asked) -> (Framing, Odds) {
        if status == 101 || (asked == Asked::Connect && (200..300).contains(&status)) {
            return (Framing::Switched, Odds::default());
        }
        let mut odds = Odds::default();
        if asked == Asked::Head || status == 204 || status == 304 {
            odds.add_if(asked == Asked::Other && self.coding != Coding::None, AmbiguityKind::OddTransferEncoding);
            return (Framing::Length(0), odds);
        }
        let framing = match (self.coding, self.length) {
            (Coding::None, Length::Plain(n) | Length::Listed(n)) => Framing::Length(n),
            (Coding::None, Length::Differing | Length::Odd) => Framing::Unknown,
            (Coding::Chunked | Coding::OddChunked, _) => Framing::Chunked,
            (Coding::Other, _) | (Coding::None, Length::None) => Framing::UntilClose,
        };
        // It has no content (RFC 9110 §15.3.6), which the fetch standard takes at its word.
        odds.add_if(status == 205 && framing != Framing::Length(0), AmbiguityKind::OddLength);
        (framing, odds.union(self.odds(version)))
    }

    /// What is odd about an interim response: it has no framing (RFC 9110 §8.6, RFC 9112 §6.1), and HTTP/1.0 has none.
    pub(crate) fn of_interim(self, version: Version) -> Odds {
        let mut odds = Odds::default();
        odds.add_if(version == Version::Http10, AmbiguityKind::OddVersion);
        odds.add_if(self.length != Length::None, AmbiguityKind::OddLength);
        odds.add_if(self.coding != Coding::None, AmbiguityKind::OddTransferEncoding);
        odds
    }

    fn odds(self, version: Version) -> Odds {
        let mut odds = Odds::default();
        match self.length {
            Length::None | Length::Plain(_) => {}
            Length::Listed(_) | Length::Odd => odds.add(AmbiguityKind::OddLength),
            Length::Differing => odds.add(AmbiguityKind::SeveralLengths),
        }
        match self.coding {
            Coding::None => return odds,
            // A transfer coding is unknown to HTTP/1.0 (RFC 9112 §6.1).
            Coding::Chunked => odds.add_if(version == Version::Http10, AmbiguityKind::OddTransferEncoding),
            Coding::OddChunked | Coding::Other => odds.add(AmbiguityKind::OddTransferEncoding),
        }
        odds.add_if(self.length != Length::None, AmbiguityKind::LengthAndChunked);
        odds
    }
}

impl Length {
    fn of(value: &[u8]) -> Self {
        if let Some(n) = digits(value) {
            return Self::Plain(n);
        }
        let mut parts = value.split(|b| *b == b',').map(|part| digits(part.trim_ascii()));
        match parts.next() {
            Some(Some(first)) if value.contains(&b',') => {
                parts.fold(Self::Listed(first), |sum, part| match (sum, part) {
                    (Self::Listed(n), Some(m)) if n == m => sum,
                    (_, None) | (Self::Odd, _) => Self::Odd,
                    (_, Some(_)) => Self::Differing,
                })
            }
            _ => Self::Odd,
        }
    }

    fn and(self, more: Self) -> Self {
        match (self, more) {
            (Self::None, other) | (other, Self::None) => other,
            (Self::Differing, _) | (_, Self::Differing) => Self::Differing,
            (Self::Odd, _) | (_, Self::Odd) => Self::Odd,
            (Self::Plain(a) | Self::Listed(a), Self::Plain(b) | Self::Listed(b)) if a == b => Self::Listed(a),
            (Self::Plain(_) | Self::Listed(_), Self::Plain(_) | Self::Listed(_)) => Self::Differing,
        }
    }
}

/// Plain digits of a number that fits in 63 bits: a larger one is endless for some.
fn digits(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0_u64, |n, b| {
        let digit = b.is_ascii_digit().then(|| u64::from(b - b'0'))?;
        n.checked_mul(10)?.checked_add(digit).filter(|n| i64::try_from(*n).is_ok())
    })
}

impl Coding {
    fn of(value: &[u8]) -> Self {
        if value.eq_ignore_ascii_case(b"chunked") {
            return Self::Chunked;
        }
        let last = value.rsplit(|b| *b == b',').next().unwrap_or_default();
        if last.trim_ascii().eq_ignore_ascii_case(b"chunked") { Self::OddChunked } else { Self::Other }
    }

    fn and(self, more: Self) -> Self {
        match (self, more) {
            (Self::None, other) | (other, Self::None) => other,
            (_, Self::Chunked | Self::OddChunked) => Self::OddChunked,
            (_, Self::Other) => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(fields: &[(&str, &str)]) -> (Framing, Vec<AmbiguityKind>) {
        let headers: Vec<_> = fields.iter().map(|(name, value)| Header { name, value: value.as_bytes() }).collect();
        let (framing, odds) = Fields::of(&headers).of_request(Version::Http11, "POST");
        (framing, odds.iter().collect())
    }

    #[test]
    fn lengths() {
        use AmbiguityKind::{OddLength, SeveralLengths};
        assert_eq!(request(&[]), (Framing::Length(0), vec![]));
        assert_eq!(request(&[("Content-Length", "007")]), (Framing::Length(7), vec![]));
        assert_eq!(request(&[("content-length", "7"), ("Content-Length", "7")]), (Framing::Length(7), vec![OddLength]));
        assert_eq!(request(&[("Content-Length", "7, 7")]), (Framing::Length(7), vec![OddLength]));
        assert_eq!(request(&[("Content-Length", "7, 8")]), (Framing::Unknown, vec![SeveralLengths]));
        assert_eq!(
            request(&[("Content-Length", "7"), ("Content-Length", "8")]),
            (Framing::Unknown, vec![SeveralLengths])
        );
        for odd in ["", "+7", "-7", "0x7", "7 7", "7,", ",", "18446744073709551616"] {
            assert_eq!(request(&[("Content-Length", odd)]), (Framing::Unknown, vec![OddLength]), "{odd}");
        }
    }

    #[test]
    fn codings() {
        use AmbiguityKind::{LengthAndChunked, OddTransferEncoding};
        let odd = vec![OddTransferEncoding];
        assert_eq!(request(&[("Transfer-Encoding", "Chunked")]), (Framing::Chunked, vec![]));
        assert_eq!(request(&[("Transfer-Encoding", "gzip, chunked")]), (Framing::Chunked, odd.clone()));
        assert_eq!(
            request(&[("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")]),
            (Framing::Chunked, odd.clone())
        );
        for other in ["identity", "xchunked", "chunked, gzip", "chunked;q=1", "\u{b}chunked", ""] {
            assert_eq!(request(&[("Transfer-Encoding", other)]), (Framing::Unknown, odd.clone()), "{other}");
        }
        assert_eq!(
            request(&[("Content-Length", "5"), ("Transfer-Encoding", "chunked")]),
            (Framing::Chunked, vec![LengthAndChunked])
        );
    }
}
