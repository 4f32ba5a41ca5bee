//! TLS, as far as it is in clear: that it is TLS, and for whom (RFC 8446 §4.1.2, RFC 6066 §3, RFC 7301 §3.1). Nothing is decrypted.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::event::{Protocols, TlsVersions};

/// Record type of a handshake.
pub(crate) const HANDSHAKE: u8 = 0x16;

/// Largest record: 2^14 bytes and an allowance (RFC 8446 §5.2, RFC 5246 §6.2.3).
const RECORD_BYTES_MAX: usize = (1 << 14) + 2048;

const RECORD_HEADER: usize = 5;
const CLIENT_HELLO: u8 = 1;
const EXTENSION_SERVER_NAME: u16 = 0;

const EXTENSION_PROTOCOLS: u16 = 16;
const EXTENSION_VERSIONS: u16 = 43;

/// Type and length of a handshake message.
const MESSAGE_HEADER: usize = 4;

/// Largest hello that is read, its header included; the largest in use have post-quantum key shares of some kilobytes.
const HELLO_BYTES_MAX: usize = 32 * 1024;

/// Records over which a hello may lie; more is a trick.
const RECORDS_MAX: usize = 16;

/// What the first records say.
pub(crate) enum Read<'a> {
    /// Not all of it is there.
    More,
    /// It is not TLS.
    Not,
    /// A `ClientHello` in records of `len` bytes, their headers included. Empty where it can't be read.
    Hello { len: usize, hello: Cow<'a, [u8]> },
}

/// What a `ClientHello` offers, as far as it can be read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Offer<'a> {
    pub(crate) server_name: Option<&'a str>,
    pub(crate) protocols: Protocols<'a>,
    pub(crate) versions: TlsVersions<'a>,
}

/// Whether bytes at the start of a turn are a record of a TLS connection that was joined late.
pub(crate) fn is_record(bytes: &[u8]) -> bool {
    let [kind, 3, minor, high, low, ..] = *bytes else { return false };
    let len = usize::from(u16::from_be_bytes([high, low]));
    (0x14..=0x17).contains(&kind) && minor <= 4 && (1..=RECORD_BYTES_MAX).contains(&len)
}

/// What stands at the front.
enum Fragment<'a> {
    /// A record of a handshake, with this content.
    Whole(&'a [u8]),
    /// The beginning of one.
    Part,
    /// Something else.
    Other,
}

fn fragment(bytes: &[u8]) -> Fragment<'_> {
    if bytes.iter().zip([HANDSHAKE, 3]).any(|(b, wanted)| *b != wanted) {
        return Fragment::Other;
    }
    let [_, _, _, high, low, content @ ..] = bytes else { return Fragment::Part };
    if !is_record(bytes) {
        return Fragment::Other;
    }
    content.get(..usize::from(u16::from_be_bytes([*high, *low]))).map_or(Fragment::Part, Fragment::Whole)
}

/// Reads the first message of a connection, over as many records as it has. Bounded by [`HELLO_BYTES_MAX`] and
/// [`RECORDS_MAX`]; looks at no more than the records' headers until all of it is there.
pub(crate) fn client_hello(bytes: &[u8]) -> Read<'_> {
    if bytes.get(RECORD_HEADER).is_some_and(|kind| *kind != CLIENT_HELLO) {
        return Read::Not;
    }
    let mut contents: SmallVec<[&[u8]; 2]> = SmallVec::new();
    let (mut len, mut have) = (0, 0);
    loop {
        let content = match fragment(bytes.get(len..).unwrap_or_default()) {
            Fragment::Whole(content) => content,
            Fragment::Part => return Read::More,
            Fragment::Other => return Read::Not,
        };
        contents.push(content);
        len += RECORD_HEADER + content.len();
        have += content.len();
        let start = contents.iter().copied().flatten().take(MESSAGE_HEADER);
        let wanted = MESSAGE_HEADER + start.skip(1).fold(0, |sum, byte| (sum << 8) | usize::from(*byte));
        return match contents[..] {
            _ if wanted > HELLO_BYTES_MAX => Read::Hello { len, hello: Cow::Borrowed(&[]) },
            _ if have < MESSAGE_HEADER && contents.len() < RECORDS_MAX => continue,
            [one] if have >= wanted => Read::Hello { len, hello: Cow::Borrowed(one) },
            _ if have >= wanted => Read::Hello { len, hello: Cow::Owned(contents.concat()) },
            _ if contents.len() >= RECORDS_MAX => Read::Hello { len, hello: Cow::Borrowed(&[]) },
            _ => continue,
        };
    }
}

/// What the hello offers. What breaks the rules ends the reading; what was read before it stands.
pub(crate) fn offer(hello: &[u8]) -> Offer<'_> {
    let mut offer = Offer::default();
    let mut rest = Cursor(hello);
    let Some(legacy) = rest.skip(MESSAGE_HEADER).and_then(|()| rest.take(2)) else { return offer };
    // RFC 8446 §4.2.1: it is the highest version offered where the extension is missing.
    offer.versions = TlsVersions(legacy);
    let Some(mut rest) = extensions(rest) else { return offer };
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
    offer
}

/// The extensions, which follow the random bytes, the session, the suites and the compressions.
fn extensions(mut rest: Cursor<'_>) -> Option<Cursor<'_>> {
    rest.skip(32)?;
    let session = rest.byte()?;
    rest.skip(usize::from(session))?;
    rest.list()?;
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

/// Reads from the front; every step is checked.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    fn skip(&mut self, n: usize) -> Option<()> {
        self.take(n).map(|_| ())
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    /// What stands behind its length of two bytes.
    fn list(&mut self) -> Option<&'a [u8]> {
        let len = self.short()?;
        self.take(usize::from(len))
    }

    fn short(&mut self) -> Option<u16> {
        match self.take(2)? {
            [high, low] => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        }
    }
}
