//! HPACK's Huffman code (RFC 7541 §5.2 and appendix B).
//!
//! The code is canonical: the lengths alone give it. All tables are computed at compile time from them.

/// Length in bits of each symbol's code: the 256 bytes, then EOS (RFC 7541 appendix B).
#[rustfmt::skip]
const LENGTHS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

const SYMBOLS: usize = 257;
const EOS: u16 = 256;
const LENGTH_MAX: usize = 30;
/// Codes up to so many bits are found with one look-up: all of ASCII's letters and digits.
const QUICK_BITS: usize = 8;

struct Tables {
    /// By the next [`QUICK_BITS`] bits: symbol and length, length 0 for longer codes.
    quick: [(u8, u8); 1 << QUICK_BITS],
    /// By length: the first code of that length, how many there are, and where their symbols begin in `sorted`.
    first: [u32; LENGTH_MAX + 1],
    count: [u32; LENGTH_MAX + 1],
    start: [u16; LENGTH_MAX + 1],
    /// Symbols by length, then by value.
    sorted: [u16; SYMBOLS],
}

static TABLES: Tables = tables();

#[expect(
    clippy::cast_possible_truncation,
    reason = "symbols are below 257, lengths at most 30; const code has no try_from"
)]
const fn tables() -> Tables {
    let mut tables = Tables {
        quick: [(0, 0); 1 << QUICK_BITS],
        first: [0; LENGTH_MAX + 1],
        count: [0; LENGTH_MAX + 1],
        start: [0; LENGTH_MAX + 1],
        sorted: [0; SYMBOLS],
    };
    let (mut code, mut placed, mut length) = (0_u32, 0, 1);
    while length <= LENGTH_MAX {
        code <<= 1;
        tables.first[length] = code;
        tables.start[length] = placed as u16;
        let mut symbol = 0;
        while symbol < SYMBOLS {
            if LENGTHS[symbol] as usize == length {
                tables.sorted[placed] = symbol as u16;
                tables.count[length] += 1;
                fill_quick(&mut tables, code, length, symbol);
                placed += 1;
                code += 1;
            }
            symbol += 1;
        }
        length += 1;
    }
    tables
}

#[expect(clippy::cast_possible_truncation, reason = "see `tables`; codes of at most 8 bits belong to bytes")]
const fn fill_quick(tables: &mut Tables, code: u32, length: usize, symbol: usize) {
    if length > QUICK_BITS {
        return;
    }
    let spare = QUICK_BITS - length;
    let mut tail = 0;
    while tail < 1 << spare {
        tables.quick[((code as usize) << spare) | tail] = (symbol as u8, length as u8);
        tail += 1;
    }
}

/// What is wrong with a Huffman-coded string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HuffmanError {
    /// EOS inside the string, or a code that no symbol has.
    #[error("a code that no byte has")]
    NoSuchCode,
    /// The padding is longer than 7 bits or not all ones.
    #[error("the padding is not a prefix of EOS")]
    Padding,
    /// Longer than the caller allows.
    #[error("the decoded string is too long")]
    TooLong,
}

/// Decodes `coded` onto the end of `out`, which may grow by at most `max` bytes. One step per symbol; a symbol takes at least
/// five bits, so the output is at most 8/5 of the input.
pub(crate) fn decode(coded: &[u8], out: &mut Vec<u8>, max: usize) -> Result<(), HuffmanError> {
    let end = out.len().saturating_add(max);
    let mut bits = Bits { rest: coded.iter(), held: 0, count: 0 };
    loop {
        bits.fill();
        let Some(symbol) = bits.symbol()? else { return bits.check_padding() };
        if out.len() >= end {
            return Err(HuffmanError::TooLong);
        }
        out.push(symbol);
    }
}

/// A bit buffer: the next bit is the highest of `held`; bits past `count` are zero.
struct Bits<'a> {
    rest: std::slice::Iter<'a, u8>,
    held: u64,
    count: usize,
}

impl Bits<'_> {
    fn fill(&mut self) {
        while self.count <= 56 {
            let Some(byte) = self.rest.next() else { return };
            self.held |= u64::from(*byte) << (56 - self.count);
            self.count += 8;
        }
    }

    /// The next symbol; `None` where only padding can be left.
    fn symbol(&mut self) -> Result<Option<u8>, HuffmanError> {
        let index = usize::try_from(self.held >> (64 - QUICK_BITS)).unwrap_or(0);
        let (symbol, length) = TABLES.quick.get(index).copied().unwrap_or_default();
        if length > 0 {
            return Ok(self.take(usize::from(length)).then_some(symbol));
        }
        self.long_symbol()
    }

    fn long_symbol(&mut self) -> Result<Option<u8>, HuffmanError> {
        let top = u32::try_from(self.held >> 32).unwrap_or(0);
        for length in QUICK_BITS + 1..=LENGTH_MAX {
            if length > self.count {
                return Ok(None);
            }
            let code = top >> (32 - length);
            let offset = code.wrapping_sub(TABLES.first[length]);
            if offset < TABLES.count[length] {
                let place = usize::from(TABLES.start[length]) + usize::try_from(offset).unwrap_or(0);
                let symbol = TABLES.sorted.get(place).copied().unwrap_or(EOS);
                self.take(length);
                return u8::try_from(symbol).map(Some).map_err(|_| HuffmanError::NoSuchCode);
            }
        }
        Err(HuffmanError::NoSuchCode)
    }

    /// Drops `length` bits; `false` if there are not so many.
    fn take(&mut self, length: usize) -> bool {
        if length > self.count {
            return false;
        }
        self.held <<= length;
        self.count -= length;
        true
    }

    /// What is left must be fewer than eight ones (RFC 7541 §5.2).
    fn check_padding(&self) -> Result<(), HuffmanError> {
        let ones = self.count == 0 || self.held >> (64 - self.count) == (1 << self.count) - 1;
        if self.count < 8 && ones { Ok(()) } else { Err(HuffmanError::Padding) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An encoder for the tests, straight from the lengths.
    fn encode(text: &[u8]) -> Vec<u8> {
        let (mut held, mut count, mut out) = (0_u64, 0, Vec::new());
        for byte in text {
            let length = usize::from(LENGTHS[usize::from(*byte)]);
            let place = TABLES.sorted.iter().position(|symbol| *symbol == u16::from(*byte)).unwrap();
            let code = u64::from(TABLES.first[length]) + (place - usize::from(TABLES.start[length])) as u64;
            held = held << length | code;
            count += length;
            while count >= 8 {
                out.push((held >> (count - 8) & 0xff).try_into().unwrap());
                count -= 8;
            }
        }
        if count > 0 {
            let last: u8 = (held << (8 - count) & 0xff).try_into().unwrap();
            out.push(last | ((1 << (8 - count)) - 1));
        }
        out
    }

    fn decoded(coded: &[u8]) -> Result<Vec<u8>, HuffmanError> {
        let mut out = Vec::new();
        decode(coded, &mut out, 4096).map(|()| out)
    }

    #[test]
    fn the_examples_of_the_rfc_decode() {
        // RFC 7541 appendix C.4 and C.6.
        let cases: [(&[u8], &[u8]); 4] = [
            (&[0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff], b"www.example.com"),
            (&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf], b"no-cache"),
            (&[0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xb8, 0xe8, 0xb4, 0xbf], b"custom-value"),
            (&[0x64, 0x02], b"302"),
        ];
        for (coded, text) in cases {
            assert_eq!(decoded(coded).as_deref(), Ok(text));
        }
    }

    #[test]
    fn every_byte_survives_the_way_there_and_back() {
        let all: Vec<u8> = (0..=255).chain((0..=255).rev()).collect();
        assert_eq!(decoded(&encode(&all)), Ok(all));
    }

    #[test]
    fn what_is_no_huffman_string_is_refused() {
        assert_eq!(decoded(&[0xff, 0xff, 0xff, 0xff]), Err(HuffmanError::NoSuchCode), "EOS");
        assert_eq!(decoded(&[0x64, 0x02, 0xff]), Err(HuffmanError::Padding), "a whole byte of padding");
        assert_eq!(decoded(&[0x00, 0x00]).map(|out| out.len()), Err(HuffmanError::Padding), "zeros as padding");
        assert_eq!(decode(&encode(b"hello"), &mut Vec::new(), 4), Err(HuffmanError::TooLong));
        assert_eq!(decoded(&[]), Ok(Vec::new()));
    }
}
