//! HPACK for an observer (RFC 7541): decodes the header blocks of one direction, also of a connection that was joined late.
//!
//! The dynamic table counts from its newest entry, so an entry that was inserted after the join keeps a provable index, whatever
//! was there before. An index that points past those is [`Text::Unknown`]: counted, never invented.

use std::collections::VecDeque;

use super::huffman::{self, HuffmanError};
use super::statics::STATIC;

/// Table size before any update (RFC 7540 §6.5.2).
const TABLE_SIZE_INITIAL: usize = 4096;
/// The largest table kept, whatever the peers agree on. Entries past it are forgotten, and so unknown.
const TABLE_SIZE_MAX: usize = 64 * 1024;
/// What an entry costs besides its text (RFC 7541 §4.1).
const ENTRY_OVERHEAD: usize = 32;
/// Longest name or value decoded.
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Most bytes that one block may decode to: bounds what a short block of indexes to long entries can cost.
const BLOCK_BYTES_MAX: usize = 256 * 1024;

/// A name or a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Text<'a> {
    /// These bytes.
    Known(&'a [u8]),
    /// It stands in a part of the table that was never seen.
    Unknown,
}

impl Text<'_> {
    /// Bytes that are known.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Known(bytes) => bytes.len(),
            Self::Unknown => 0,
        }
    }
}

/// Why a block cannot be read on. The table is then no longer in step: see [`Decoder::lost_step`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HpackError {
    /// The block ends inside a field.
    #[error("the block ends inside a field")]
    Truncated,
    /// An integer past 2^28 (RFC 7541 §5.1 leaves the bound to us).
    #[error("an integer is too large")]
    Integer,
    /// Index 0, or an index past a table that is wholly known (RFC 7541 §2.3.3).
    #[error("an index points past the table")]
    Index,
    /// A Huffman-coded string is broken.
    #[error("a Huffman-coded string: {0}")]
    Huffman(#[from] HuffmanError),
    /// A string, or the whole block, is longer than is kept.
    #[error("the decoded block is too long")]
    TooLong,
    /// A table size update after the first field (RFC 7541 §4.2).
    #[error("a table size update inside a block")]
    LateUpdate,
}

/// An entry of the table: where its text stands in [`Entries::text`].
#[derive(Clone, Copy, Debug)]
struct Entry {
    from: usize,
    /// `None` where its name is not known.
    name: Option<usize>,
    value: usize,
}

impl Entry {
    /// Bytes of its text.
    fn len(self) -> usize {
        self.name.unwrap_or_default() + self.value
    }

    /// Its size, or the least that it can be.
    fn size(self) -> usize {
        self.len() + ENTRY_OVERHEAD
    }
}

/// The entries, the newest first. Their text lies in one buffer, so that a table whose entries come and go costs no allocation.
#[derive(Debug, Default)]
struct Entries {
    places: VecDeque<Entry>,
    text: Vec<u8>,
}

/// So much text of entries that are gone may lie before that of the others, besides as much as theirs.
const GONE_BYTES_MAX: usize = 1024;

impl Entries {
    fn get(&self, at: usize) -> Option<(Text<'_>, Text<'_>)> {
        let entry = self.places.get(at)?;
        let (name, value) =
            self.text.get(entry.from..)?.get(..entry.len())?.split_at_checked(entry.name.unwrap_or(0))?;
        Some((entry.name.map_or(Text::Unknown, |_| Text::Known(name)), Text::Known(value)))
    }

    fn push(&mut self, name: Option<&[u8]>, value: &[u8]) {
        let entry = Entry { from: self.text.len(), name: name.map(<[u8]>::len), value: value.len() };
        self.text.extend_from_slice(name.unwrap_or_default());
        self.text.extend_from_slice(value);
        self.places.push_front(entry);
    }

    /// Takes the oldest away. Its size.
    fn pop(&mut self) -> Option<usize> {
        let oldest = self.places.pop_back()?;
        let gone = self.places.back().map_or(self.text.len(), |next| next.from);
        if gone > GONE_BYTES_MAX + (self.text.len() - gone) {
            self.text.drain(..gone);
            self.places.iter_mut().for_each(|entry| entry.from -= gone);
        }
        Some(oldest.size())
    }
}

/// One direction's decoder.
#[derive(Debug)]
pub(crate) struct Decoder {
    entries: Entries,
    size: usize,
    size_max: usize,
    /// Everything that the table holds was seen: an index past it is an error, not an unknown.
    is_whole: bool,
    scratch: Scratch,
}

#[derive(Debug, Default)]
struct Scratch {
    name: Vec<u8>,
    value: Vec<u8>,
}

impl Decoder {
    /// For a connection seen from its first byte.
    pub(crate) fn new() -> Self {
        Self {
            entries: Entries::default(),
            size: 0,
            size_max: TABLE_SIZE_INITIAL,
            is_whole: true,
            scratch: Scratch::default(),
        }
    }

    /// For a connection joined in the middle: the table holds what nobody here has seen.
    pub(crate) fn joined_late() -> Self {
        Self { is_whole: false, size_max: TABLE_SIZE_MAX, ..Self::new() }
    }

    /// A block was lost or broken: what it put into the table, nobody knows.
    pub(crate) fn lost_step(&mut self) {
        *self = Self::joined_late();
    }

    /// Bytes held by the table, as RFC 7541 §4.1 counts them.
    #[cfg(test)]
    pub(crate) fn table_bytes(&self) -> usize {
        self.size
    }

    /// Decodes a whole block and gives each field. On an error the fields before it were given; call [`Self::lost_step`].
    pub(crate) fn decode(&mut self, block: &[u8], emit: &mut dyn FnMut(Text<'_>, Text<'_>)) -> Result<(), HpackError> {
        let mut rest = block;
        let (mut is_first, mut budget) = (true, BLOCK_BYTES_MAX);
        while let Some(first) = rest.first().copied() {
            if first & 0xe0 == 0x20 {
                if !is_first {
                    return Err(HpackError::LateUpdate);
                }
                let size = integer(&mut rest, 5)?;
                self.resize(size);
                continue;
            }
            is_first = false;
            self.field(first, &mut rest, &mut budget, emit)?;
        }
        Ok(())
    }

    fn field(
        &mut self,
        first: u8,
        rest: &mut &[u8],
        budget: &mut usize,
        emit: &mut dyn FnMut(Text<'_>, Text<'_>),
    ) -> Result<(), HpackError> {
        if first & 0x80 != 0 {
            let index = integer(rest, 7)?;
            let (name, value) = self.lookup(index)?;
            spend(budget, name, value)?;
            emit(name, value);
            return Ok(());
        }
        let is_inserted = first & 0x40 != 0;
        let index = integer(rest, if is_inserted { 6 } else { 4 })?;
        let mut scratch = std::mem::take(&mut self.scratch);
        let given = self.literal(index, rest, budget, &mut scratch, emit);
        if is_inserted && let Ok(is_named) = given {
            self.insert(is_named.then_some(scratch.name.as_slice()), &scratch.value);
        }
        self.scratch = scratch;
        given.map(drop)
    }

    /// A literal field: its name by index or spelled out, then its value. Leaves both in `scratch`; gives whether the name is known.
    fn literal(
        &self,
        index: usize,
        rest: &mut &[u8],
        budget: &mut usize,
        scratch: &mut Scratch,
        emit: &mut dyn FnMut(Text<'_>, Text<'_>),
    ) -> Result<bool, HpackError> {
        scratch.name.clear();
        scratch.value.clear();
        let is_named = if index == 0 {
            string(rest, &mut scratch.name)?;
            true
        } else {
            match self.lookup(index)?.0 {
                Text::Known(name) => {
                    scratch.name.extend_from_slice(name);
                    true
                }
                Text::Unknown => false,
            }
        };
        string(rest, &mut scratch.value)?;
        let (name, value) =
            (if is_named { Text::Known(&scratch.name) } else { Text::Unknown }, Text::Known(&scratch.value));
        spend(budget, name, value)?;
        emit(name, value);
        Ok(is_named)
    }

    fn lookup(&self, index: usize) -> Result<(Text<'_>, Text<'_>), HpackError> {
        let place = index.checked_sub(1).ok_or(HpackError::Index)?;
        if let Some((name, value)) = STATIC.get(place) {
            return Ok((Text::Known(name), Text::Known(value)));
        }
        match self.entries.get(place - STATIC.len()) {
            Some(texts) => Ok(texts),
            None if self.is_whole => Err(HpackError::Index),
            None => Ok((Text::Unknown, Text::Unknown)),
        }
    }

    /// RFC 7541 §4.4: evicts first; an entry larger than the table empties it.
    fn insert(&mut self, name: Option<&[u8]>, value: &[u8]) {
        let size = name.map_or(0, <[u8]>::len) + value.len() + ENTRY_OVERHEAD;
        self.evict(self.size_max.saturating_sub(size));
        if size <= self.size_max {
            self.size += size;
            self.entries.push(name, value);
        }
    }

    fn resize(&mut self, size: usize) {
        if size > TABLE_SIZE_MAX {
            // The peers may keep more than we do: past our bound entries are unknown, not wrong.
            self.is_whole = false;
        }
        if size == 0 {
            // An emptied table is known again, whatever was in it.
            self.is_whole = true;
        }
        self.size_max = size.min(TABLE_SIZE_MAX);
        self.evict(self.size_max);
    }

    fn evict(&mut self, size: usize) {
        while self.size > size {
            let Some(oldest) = self.entries.pop() else { return };
            self.size -= oldest;
        }
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

fn spend(budget: &mut usize, name: Text<'_>, value: Text<'_>) -> Result<(), HpackError> {
    let cost = name.len() + value.len() + 1;
    *budget = budget.checked_sub(cost).ok_or(HpackError::TooLong)?;
    Ok(())
}

/// RFC 7541 §5.1: an integer with a prefix of `bits` bits.
fn integer(rest: &mut &[u8], bits: u32) -> Result<usize, HpackError> {
    const MAX: usize = 1 << 28;
    let (first, mut tail) = rest.split_first().ok_or(HpackError::Truncated)?;
    let mask = (1_usize << bits) - 1;
    let mut value = usize::from(*first) & mask;
    if value == mask {
        let mut shift = 0;
        loop {
            let (byte, after) = tail.split_first().ok_or(HpackError::Truncated)?;
            tail = after;
            value += (usize::from(*byte) & 0x7f) << shift;
            shift += 7;
            if value > MAX || shift > 28 {
                return Err(HpackError::Integer);
            }
            if byte & 0x80 == 0 {
                break;
            }
        }
    }
    *rest = tail;
    Ok(value)
}

/// RFC 7541 §5.2: a string, onto the end of `out`.
fn string(rest: &mut &[u8], out: &mut Vec<u8>) -> Result<(), HpackError> {
    let is_coded = rest.first().ok_or(HpackError::Truncated)? & 0x80 != 0;
    let length = integer(rest, 7)?;
    let (bytes, tail) = rest.split_at_checked(length).ok_or(HpackError::Truncated)?;
    *rest = tail;
    if is_coded {
        huffman::decode(bytes, out, TEXT_BYTES_MAX)?;
    } else if length <= TEXT_BYTES_MAX {
        out.extend_from_slice(bytes);
    } else {
        return Err(HpackError::TooLong);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    }

    fn fields(decoder: &mut Decoder, block: &str) -> Result<Vec<String>, HpackError> {
        let mut out = Vec::new();
        let show = |text: Text<'_>| {
            if let Text::Known(bytes) = text { String::from_utf8_lossy(bytes).into_owned() } else { "?".to_owned() }
        };
        decoder
            .decode(&hex(block), &mut |name, value| out.push(format!("{}: {}", show(name), show(value))))
            .map(|()| out)
    }

    #[test]
    fn the_requests_of_the_rfc_decode() {
        // RFC 7541 appendix C.4: three requests on one connection, Huffman-coded.
        let mut decoder = Decoder::new();
        assert_eq!(
            fields(&mut decoder, "828684418cf1e3c2e5f23a6ba0ab90f4ff").unwrap(),
            [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"]
        );
        assert_eq!(decoder.table_bytes(), 57);
        assert_eq!(fields(&mut decoder, "828684be5886a8eb10649cbf").unwrap()[4], "cache-control: no-cache");
        assert_eq!(decoder.table_bytes(), 110);
        assert_eq!(
            fields(&mut decoder, "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf").unwrap(),
            [
                ":method: GET",
                ":scheme: https",
                ":path: /index.html",
                ":authority: www.example.com",
                "custom-key: custom-value"
            ]
        );
        assert_eq!(decoder.table_bytes(), 164);
    }

    #[test]
    fn a_small_table_evicts_as_the_rfc_says() {
        // RFC 7541 appendix C.5 (no Huffman), with a table of 256 bytes: 3f e1 01 is the update.
        let mut decoder = Decoder::new();
        let first = "3fe101 4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d";
        assert_eq!(fields(&mut decoder, first).unwrap()[0], ":status: 302");
        assert_eq!(decoder.table_bytes(), 222);
        assert_eq!(
            fields(&mut decoder, "4803333037c1c0bf").unwrap(),
            [
                ":status: 307",
                "cache-control: private",
                "date: Mon, 21 Oct 2013 20:13:21 GMT",
                "location: https://www.example.com"
            ]
        );
        assert_eq!(decoder.table_bytes(), 222);
    }

    #[test]
    fn joined_late_what_came_after_is_known_and_what_came_before_is_not() {
        let mut decoder = Decoder::joined_late();
        // Index 62 before anything was inserted; then an insertion, then 62 (it) and 63 (before the join).
        assert_eq!(fields(&mut decoder, "82be").unwrap(), [":method: GET", "?: ?"]);
        assert_eq!(fields(&mut decoder, "40036b657903616263").unwrap(), ["key: abc"]);
        assert_eq!(fields(&mut decoder, "bebf").unwrap(), ["key: abc", "?: ?"]);
        // A literal whose name is unknown is inserted, and stays known by its value only.
        assert_eq!(fields(&mut decoder, "7f0003787979").unwrap(), ["?: xyy"]);
        assert_eq!(fields(&mut decoder, "bebf").unwrap(), ["?: xyy", "key: abc"]);
        // A table set to nothing and back is wholly known.
        assert_eq!(fields(&mut decoder, "203fe11f82").unwrap(), [":method: GET"]);
        assert_eq!(fields(&mut decoder, "be"), Err(HpackError::Index));
    }

    #[test]
    fn hostile_blocks_end_in_an_error() {
        for (block, error) in [
            ("80", HpackError::Index),
            ("be", HpackError::Index),
            ("ff", HpackError::Truncated),
            ("ffffffffffff", HpackError::Integer),
            ("4003", HpackError::Truncated),
            ("8220", HpackError::LateUpdate),
            ("4081ff00", HpackError::Huffman(HuffmanError::Padding)),
        ] {
            assert_eq!(fields(&mut Decoder::new(), block), Err(error), "{block}");
        }
    }

    #[test]
    fn a_block_of_indexes_to_a_long_entry_is_bounded() {
        let mut decoder = Decoder::new();
        let mut block = hex("4003 6b6579 7f b51e");
        block.extend(std::iter::repeat_n(b'v', 4020));
        assert_eq!(decoder.decode(&block, &mut |_, _| {}), Ok(()), "4,020 bytes of value fit the table");
        let (flood, mut fields) = (vec![0xbe; 10_000], 0);
        assert_eq!(decoder.decode(&flood, &mut |_, _| fields += 1), Err(HpackError::TooLong));
        assert!(fields <= BLOCK_BYTES_MAX / 4020, "{fields}");
    }
}
