//! Records of one direction, from bytes in any pieces (RFC 8446 §5.1, RFC 5246 §6.2.1).

/// Record type of a change of keys, of an alert, of a handshake, of data.
pub(crate) const CHANGE: u8 = 0x14;
pub(crate) const ALERT: u8 = 0x15;
pub(crate) const HANDSHAKE: u8 = 0x16;
const DATA: u8 = 0x17;

const HEADER: usize = 5;

/// Largest record: 2^14 bytes and an allowance (RFC 8446 §5.2, RFC 5246 §6.2.3).
const RECORD_BYTES_MAX: u16 = (1 << 14) + 2048;

/// Whether bytes at the start of a turn are a record of a TLS connection that was joined late.
pub(crate) fn is_record(bytes: &[u8]) -> bool {
    bytes.first_chunk().is_some_and(|header| parse(*header).is_some())
}

/// Type and length of content.
fn parse(header: [u8; HEADER]) -> Option<(u8, u16)> {
    let [kind, 3, minor, high, low] = header else { return None };
    let len = u16::from_be_bytes([high, low]);
    ((CHANGE..=DATA).contains(&kind) && minor <= 4 && (1..=RECORD_BYTES_MAX).contains(&len)).then_some((kind, len))
}

/// Where in the records a direction is.
#[derive(Debug, Default)]
pub(crate) struct Records {
    header: [u8; HEADER],
    have: usize,
    kind: u8,
    /// Bytes of the present record's content still to come.
    left: u16,
    /// Records begun.
    pub(crate) count: u32,
}

/// What stands next.
pub(crate) enum Item<'a> {
    /// Nothing more for now.
    More,
    /// So much of a record's content; the type is that of the record.
    Content(u8, &'a [u8]),
    /// No record. The bytes that should be its header.
    NotRecord([u8; HEADER]),
}

impl Records {
    /// Takes from the front of `rest`.
    pub(crate) fn next<'a>(&mut self, rest: &mut &'a [u8]) -> Item<'a> {
        while self.left == 0 {
            let Some((byte, after)) = rest.split_first() else { return Item::More };
            *rest = after;
            if let Some(place) = self.header.get_mut(self.have) {
                *place = *byte;
            }
            self.have += 1;
            if self.have < HEADER {
                continue;
            }
            self.have = 0;
            let Some((kind, len)) = parse(self.header) else { return Item::NotRecord(self.header) };
            (self.kind, self.left) = (kind, len);
            self.count = self.count.saturating_add(1);
        }
        if rest.is_empty() {
            return Item::More;
        }
        let (content, after) = rest.split_at_checked(usize::from(self.left)).unwrap_or((rest, &[]));
        *rest = after;
        self.left -= u16::try_from(content.len()).unwrap_or(self.left);
        Item::Content(self.kind, content)
    }
}
