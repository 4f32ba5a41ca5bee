//! The two hellos: what a client offers and what a server chooses (RFC 8446 §4.1, RFC 5246 §7.4.1, RFC 6066 §3, RFC 7301).

use std::fmt;

use crate::tls::cursor::Cursor;

/// TLS 1.3 as a number on the wire.
pub const TLS13: u16 = 0x0304;

const EXTENSION_SERVER_NAME: u16 = 0;
const EXTENSION_PROTOCOLS: u16 = 16;
const EXTENSION_VERSIONS: u16 = 43;

/// Type and length of a handshake message.
pub(crate) const MESSAGE_HEADER: usize = 4;

/// The random bytes of a server that asks for another hello (RFC 8446 §4.1.3): SHA-256 of `HelloRetryRequest`.
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
    0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// The names of a `ClientHello`'s protocol list (ALPN, RFC 7301), as sent: hostile bytes.
#[derive(Clone, Copy, Default)]
pub struct Protocols<'a>(pub(crate) &'a [u8]);

impl<'a> Protocols<'a> {
    /// The names, the preferred one first. Ends where the list breaks the rules.
    pub fn iter(self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (len, after) = rest.split_first()?;
            let (name, after) = after.split_at_checked(usize::from(*len))?;
            rest = after;
            Some(name)
        })
    }
}

impl fmt::Debug for Protocols<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} protocols>", self.iter().count())
    }
}

/// The versions of TLS that a `ClientHello` offers.
#[derive(Clone, Copy, Default)]
pub struct TlsVersions<'a>(pub(crate) &'a [u8]);

impl<'a> TlsVersions<'a> {
    /// The versions as numbers on the wire (0x0303 is TLS 1.2, 0x0304 TLS 1.3), the preferred one first, without reserved ones
    /// (RFC 8701). Of a client that sends no list: the highest that it speaks.
    pub fn iter(self) -> impl Iterator<Item = u16> + use<'a> {
        numbers(self.0)
    }
}

impl fmt::Debug for TlsVersions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The cipher suites that a `ClientHello` offers.
#[derive(Clone, Copy, Default)]
pub struct Suites<'a>(pub(crate) &'a [u8]);

impl<'a> Suites<'a> {
    /// The suites as numbers on the wire, the preferred one first, without reserved ones (RFC 8701). The two signals that stand
    /// among the suites (0x00ff, 0x5600) are given too.
    pub fn iter(self) -> impl Iterator<Item = u16> + use<'a> {
        numbers(self.0)
    }
}

impl fmt::Debug for Suites<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} suites>", self.iter().count())
    }
}

/// Numbers of two bytes, without GREASE (RFC 8701).
fn numbers(bytes: &[u8]) -> impl Iterator<Item = u16> + use<'_> {
    let numbers = bytes.chunks_exact(2).filter_map(|pair| <[u8; 2]>::try_from(pair).ok());
    numbers.filter(|[high, low]| !(high == low && high & 0x0f == 0x0a)).map(u16::from_be_bytes)
}

/// What a `ClientHello` offers, as far as it can be read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Offer<'a> {
    /// The name of the server that it wants, if in clear. Visible ASCII, at most 255 bytes.
    pub server_name: Option<&'a str>,
    /// The application protocols; none where it has no list.
    pub protocols: Protocols<'a>,
    /// The versions.
    pub versions: TlsVersions<'a>,
    /// The cipher suites.
    pub suites: Suites<'a>,
}

/// What a server chose.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// The version as a number on the wire.
    pub version: u16,
    /// The cipher suite as a number on the wire.
    pub suite: u16,
    /// The application protocol: in clear up to TLS 1.2 only.
    pub protocol: Option<&'a [u8]>,
    /// It asked for another hello first (RFC 8446 §4.1.4); version and suite stay as they are here.
    pub retry: bool,
}

/// Reads a whole `ClientHello`, its message header included. What breaks the rules ends the reading; what was read before it
/// stands. `None`: not even the version is there.
pub(crate) fn offer(hello: &[u8]) -> Option<Offer<'_>> {
    let mut rest = Cursor(hello);
    rest.skip(MESSAGE_HEADER)?;
    // RFC 8446 §4.2.1: it is the highest version offered where the extension is missing.
    let mut offer = Offer { versions: TlsVersions(rest.take(2)?), ..Offer::default() };
    let extensions = offered_suites(&mut rest).and_then(|suites| {
        offer.suites = Suites(suites);
        extensions(&mut rest)
    });
    let mut rest = extensions.unwrap_or(Cursor(&[]));
    while let Some((kind, content)) = extension(&mut rest) {
        match kind {
            EXTENSION_SERVER_NAME => offer.server_name = offer.server_name.or_else(|| server_name(content)),
            EXTENSION_PROTOCOLS => offer.protocols = Cursor(content).list().map(Protocols).unwrap_or_default(),
            EXTENSION_VERSIONS => {
                let list = content.split_first().map(|(len, list)| list.get(..usize::from(*len)).unwrap_or(list));
                offer.versions = TlsVersions(list.unwrap_or_default());
            }
            _ => {}
        }
    }
    Some(offer)
}

/// The suites, which follow the random bytes and the session.
fn offered_suites<'a>(rest: &mut Cursor<'a>) -> Option<&'a [u8]> {
    rest.skip(32)?;
    let session = rest.byte()?;
    rest.skip(usize::from(session))?;
    rest.list()
}

/// The extensions, which follow the compressions.
fn extensions<'a>(rest: &mut Cursor<'a>) -> Option<Cursor<'a>> {
    let compressions = rest.byte()?;
    rest.skip(usize::from(compressions))?;
    rest.list().map(Cursor)
}

fn extension<'a>(rest: &mut Cursor<'a>) -> Option<(u16, &'a [u8])> {
    Some((rest.short()?, rest.list()?))
}

/// The first host name of the extension, if it is a name.
fn server_name(content: &[u8]) -> Option<&str> {
    let mut list = Cursor(content);
    list.skip(3)?;
    let name = std::str::from_utf8(list.list()?).ok()?;
    let plain = name.bytes().all(|b| b.is_ascii_graphic());
    Some(name).filter(|name| !name.is_empty() && name.len() < 256 && plain)
}

/// Reads a whole `ServerHello`, its message header included. `None` where its fixed part breaks the rules.
pub(crate) fn choice(hello: &[u8]) -> Option<Choice<'_>> {
    let mut rest = Cursor(hello);
    rest.skip(MESSAGE_HEADER)?;
    let version = rest.short()?;
    let retry = rest.take(RETRY.len())? == RETRY;
    let session = rest.byte()?;
    rest.skip(usize::from(session))?;
    let mut choice = Choice { version, suite: rest.short()?, protocol: None, retry };
    rest.byte()?;
    let mut rest = rest.list().map_or(Cursor(&[]), Cursor);
    while let Some((kind, content)) = extension(&mut rest) {
        match kind {
            EXTENSION_PROTOCOLS => {
                choice.protocol = Cursor(content).list().and_then(|list| Protocols(list).iter().next());
            }
            EXTENSION_VERSIONS => choice.version = Cursor(content).short().unwrap_or(version),
            _ => {}
        }
    }
    Some(choice)
}
