//! TLS, as far as it is in clear: that it is TLS, and for whom (RFC 8446 §4.1.2, RFC 6066 §3). Nothing is decrypted.

/// Record type of a handshake.
pub(crate) const HANDSHAKE: u8 = 0x16;

/// Largest record: 2^14 bytes and an allowance (RFC 8446 §5.2, RFC 5246 §6.2.3).
const RECORD_BYTES_MAX: usize = (1 << 14) + 2048;

const RECORD_HEADER: usize = 5;
const CLIENT_HELLO: u8 = 1;
const EXTENSION_SERVER_NAME: u16 = 0;

/// What the first record says.
pub(crate) enum Read<'a> {
    /// Not all of it is there.
    More,
    /// It is not TLS.
    Not,
    /// A `ClientHello` in a record of `len` bytes, header included.
    Hello { len: usize, server_name: Option<&'a str> },
}

/// Whether bytes at the start of a turn are a record of a TLS connection that was joined late.
pub(crate) fn is_record(bytes: &[u8]) -> bool {
    let [kind, 3, minor, high, low, ..] = *bytes else { return false };
    let len = usize::from(u16::from_be_bytes([high, low]));
    (0x14..=0x17).contains(&kind) && minor <= 4 && (1..=RECORD_BYTES_MAX).contains(&len)
}

/// Reads the first record of a connection. Bounded by a record's size.
pub(crate) fn client_hello(bytes: &[u8]) -> Read<'_> {
    let header = [HANDSHAKE, 3];
    if bytes.iter().zip(header).any(|(b, wanted)| *b != wanted) {
        return Read::Not;
    }
    if bytes.len() <= RECORD_HEADER {
        return Read::More;
    }
    let len = match bytes.get(3..RECORD_HEADER) {
        Some([high, low]) => usize::from(u16::from_be_bytes([*high, *low])),
        _ => return Read::Not,
    };
    if !is_record(bytes) || bytes.get(RECORD_HEADER) != Some(&CLIENT_HELLO) {
        return Read::Not;
    }
    let len = RECORD_HEADER + len;
    match bytes.get(RECORD_HEADER..len) {
        None => Read::More,
        Some(hello) => Read::Hello { len, server_name: server_name(hello) },
    }
}

/// The first host name of the extension, if there is one and it is a name.
fn server_name(hello: &[u8]) -> Option<&str> {
    let mut rest = Cursor(hello);
    rest.skip(4 + 2 + 32)?;
    let session = rest.byte()?;
    rest.skip(usize::from(session))?;
    let suites = rest.short()?;
    rest.skip(usize::from(suites))?;
    let compressions = rest.byte()?;
    rest.skip(usize::from(compressions))?;
    let extensions = rest.short()?;
    let mut rest = Cursor(rest.take(usize::from(extensions))?);
    loop {
        let kind = rest.short()?;
        let len = rest.short()?;
        let content = rest.take(usize::from(len))?;
        if kind == EXTENSION_SERVER_NAME {
            let mut list = Cursor(content);
            list.skip(3)?;
            let name = list.short()?;
            let name = std::str::from_utf8(list.take(usize::from(name))?).ok()?;
            let plain = name.bytes().all(|b| b.is_ascii_graphic());
            return Some(name).filter(|name| !name.is_empty() && name.len() < 256 && plain);
        }
    }
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

    fn short(&mut self) -> Option<u16> {
        match self.take(2)? {
            [high, low] => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        }
    }
}
