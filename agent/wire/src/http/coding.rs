//! Content codings (RFC 9110 §8.4.1): gzip, deflate in both readings, br and zstd, stacked.
//!
//! Everything that is decoded passes [`Decoder::decode`], which bounds layers, output and ratio. A body that was cut by the budget
//! decodes as far as its bytes reach. The raw decoders are banned elsewhere by clippy.toml.
#![expect(clippy::disallowed_types, reason = "this is the one place that may hold raw decoders: it caps them")]

use std::io::Read;

use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use smallvec::SmallVec;

use crate::event::{Body, Headers};

/// Layers undone; a body with more stays as it is.
pub const LAYERS_MAX: usize = 3;
/// Bytes that one layer may give.
pub const OUTPUT_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of output for each byte of input; past it the body is a bomb, and what was decoded so far is all that is given.
pub const RATIO_MAX: usize = 1_100;
/// A zstd window of 8 MiB at most (RFC 9659 §3).
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// Bytes asked of a decoder at a time.
const STEP_BYTES: usize = 16 * 1024;

/// How a decoding ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// There was no content coding.
    Plain,
    /// The whole body was decoded.
    Whole,
    /// The body was cut: decoded as far as it reaches.
    Cut,
    /// More output than the bounds allow: decoded up to the bound.
    Capped,
    /// The body breaks its coding: decoded up to the fault.
    Broken,
    /// A coding that is not known here, or too many layers: nothing is given.
    Unknown,
}

/// A body with its content coding undone.
#[derive(Clone, Copy)]
pub struct Decoded<'a> {
    /// The first bytes, without holes.
    pub data: &'a [u8],
    /// Whether that is all, and if not, why.
    pub outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

impl Coding {
    /// RFC 9110 §8.4.1: names are compared without case; `x-gzip` is gzip. `None` for `identity`.
    fn named(name: &[u8]) -> Result<Option<Self>, ()> {
        let known: [(&[u8], Option<Self>); 6] = [
            (b"gzip", Some(Self::Gzip)),
            (b"x-gzip", Some(Self::Gzip)),
            (b"deflate", Some(Self::Deflate)),
            (b"br", Some(Self::Brotli)),
            (b"zstd", Some(Self::Zstd)),
            (b"identity", None),
        ];
        known.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, coding)| coding).ok_or(())
    }
}

/// Undoes content codings; keeps its buffers.
#[derive(Debug, Default)]
pub struct Decoder {
    front: Vec<u8>,
    back: Vec<u8>,
}

impl Decoder {
    /// Undoes the codings that `headers` name, last first. The result lives until the next call.
    pub fn decode<'a>(&'a mut self, headers: Headers<'_>, body: Body<'a>) -> Decoded<'a> {
        let Ok(layers) = layers(headers) else { return Decoded { data: &[], outcome: Outcome::Unknown } };
        let mut layers = layers.into_iter().rev();
        let Some(outermost) = layers.next().filter(|_| !body.data.is_empty()) else {
            return Decoded { data: body.data, outcome: Outcome::Plain };
        };
        let mut outcome = undo(outermost, body.data, &mut self.front);
        for coding in layers {
            std::mem::swap(&mut self.front, &mut self.back);
            outcome = outcome.then(undo(coding, &self.back, &mut self.front));
        }
        if outcome == Outcome::Broken && !body.is_whole() {
            outcome = Outcome::Cut;
        }
        Decoded { data: &self.front, outcome }
    }
}

impl Outcome {
    /// The outcome of two layers: the first that is not whole explains the second's.
    const fn then(self, inner: Self) -> Self {
        match self {
            Self::Whole | Self::Plain => inner,
            Self::Cut | Self::Capped | Self::Broken | Self::Unknown => self,
        }
    }
}

/// The codings in the order applied.
fn layers(headers: Headers<'_>) -> Result<SmallVec<[Coding; LAYERS_MAX]>, ()> {
    let mut layers = SmallVec::new();
    for value in headers.all("content-encoding") {
        for name in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|name| !name.is_empty()) {
            if let Some(coding) = Coding::named(name)? {
                if layers.len() == LAYERS_MAX {
                    return Err(());
                }
                layers.push(coding);
            }
        }
    }
    Ok(layers)
}

/// Undoes one layer into `out`, which is emptied first.
fn undo(coding: Coding, input: &[u8], out: &mut Vec<u8>) -> Outcome {
    match coding {
        Coding::Gzip => drain(MultiGzDecoder::new(input), input.len(), out),
        Coding::Deflate => undo_deflate(input, out),
        Coding::Brotli => drain(brotli_decompressor::Decompressor::new(input, STEP_BYTES), input.len(), out),
        Coding::Zstd => {
            out.clear();
            zstd_reader(input).map_or(Outcome::Broken, |reader| drain(reader, input.len(), out))
        }
    }
}

/// `deflate` means the zlib format (RFC 9110 §8.4.1.2), but some send the bare one: read as zlib if its header says so.
fn undo_deflate(input: &[u8], out: &mut Vec<u8>) -> Outcome {
    let is_zlib =
        matches!(input, [cmf, flg, ..] if cmf & 0x0f == 8 && (u16::from(*cmf) << 8 | u16::from(*flg)) % 31 == 0);
    if is_zlib {
        let outcome = drain(ZlibDecoder::new(input), input.len(), out);
        if outcome != Outcome::Broken || !out.is_empty() {
            return outcome;
        }
    }
    drain(DeflateDecoder::new(input), input.len(), out)
}

fn zstd_reader(input: &[u8]) -> std::io::Result<zstd::stream::read::Decoder<'static, &[u8]>> {
    let mut reader = zstd::stream::read::Decoder::with_buffer(input)?;
    reader.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    Ok(reader)
}

/// Reads to the end or to a bound.
fn drain(mut reader: impl Read, input_bytes: usize, out: &mut Vec<u8>) -> Outcome {
    let bound = OUTPUT_BYTES_MAX.min(input_bytes.saturating_mul(RATIO_MAX));
    out.clear();
    loop {
        let from = out.len();
        let step = STEP_BYTES.min(bound - from);
        if step == 0 {
            return if is_at_end(&mut reader) { Outcome::Whole } else { Outcome::Capped };
        }
        out.resize(from + step, 0);
        let read = reader.read(out.get_mut(from..).unwrap_or_default());
        out.truncate(from + read.as_ref().copied().unwrap_or(0).min(step));
        match read {
            Ok(0) => return Outcome::Whole,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return Outcome::Broken,
        }
    }
}

fn is_at_end(reader: &mut impl Read) -> bool {
    matches!(reader.read(&mut [0]), Ok(0))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;
    use crate::event::Header;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(data: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn deflate(data: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(data: &[u8]) -> Vec<u8> {
        zstd::encode_all(data, 3).unwrap()
    }

    /// `{"brotli":true,"brotli":true}` by Google's `brotli` at quality 11.
    const BROTLI: &str = "0b0e807b2262726f746c69223a747275652c2262726f746c69223a747275657d03";

    fn unhex(text: &str) -> Vec<u8> {
        text.as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    fn decoded(coding: &str, data: &[u8], total: Option<u64>) -> (Vec<u8>, Outcome) {
        let headers = [Header { name: "Content-Encoding", value: coding.as_bytes() }];
        let mut decoder = Decoder::default();
        let plain = decoder.decode(Headers(&headers), Body { data, total });
        (plain.data.to_vec(), plain.outcome)
    }

    fn whole(coding: &str, data: &[u8]) -> (Vec<u8>, Outcome) {
        decoded(coding, data, Some(data.len() as u64))
    }

    const TEXT: &[u8] = b"{\"records\":[1,2,3],\"pad\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}";

    #[test]
    fn each_coding_is_undone_and_so_are_stacks() {
        let cases: [(&str, Vec<u8>); 9] = [
            ("gzip", gzip(TEXT)),
            ("X-GZip", gzip(TEXT)),
            ("deflate", zlib(TEXT)),
            ("deflate", deflate(TEXT)),
            ("zstd", zstd(TEXT)),
            ("identity, gzip", gzip(TEXT)),
            ("gzip, zstd", zstd(&gzip(TEXT))),
            ("deflate,gzip , zstd", zstd(&gzip(&zlib(TEXT)))),
            ("gzip", [gzip(&TEXT[..9]), gzip(&TEXT[9..])].concat()),
        ];
        for (coding, data) in cases {
            assert_eq!(whole(coding, &data), (TEXT.to_vec(), Outcome::Whole), "{coding}");
        }
        assert_eq!(whole("br", &unhex(BROTLI)), (b"{\"brotli\":true,\"brotli\":true}".to_vec(), Outcome::Whole));
        assert_eq!(whole("identity", TEXT), (TEXT.to_vec(), Outcome::Plain));
    }

    #[test]
    fn a_cut_body_gives_its_first_bytes() {
        let text: Vec<u8> =
            (0..50_000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_string().into_bytes()).collect();
        for (coding, data) in [("gzip", gzip(&text)), ("deflate", zlib(&text)), ("zstd", zstd(&text))] {
            let part = &data[..data.len() / 2];
            let (out, outcome) = decoded(coding, part, Some(data.len() as u64));
            assert_eq!(outcome, Outcome::Cut, "{coding}");
            assert!(out.len() > text.len() / 10 && text.starts_with(&out), "{coding}: {} of {}", out.len(), text.len());
        }
    }

    #[test]
    fn bombs_are_capped_in_ratio_and_in_output() {
        let zeros = vec![0; 64 << 20];
        for (coding, data) in [
            ("gzip", gzip(&zeros)),
            ("deflate", deflate(&zeros)),
            ("zstd", zstd(&zeros)),
            ("gzip, gzip", gzip(&gzip(&zeros))),
        ] {
            let (out, outcome) = whole(coding, &data);
            assert_eq!(outcome, Outcome::Capped, "{coding}");
            assert!(out.len() <= OUTPUT_BYTES_MAX, "{coding}");
        }
        let small = zstd(&zeros[..1 << 20]);
        let (out, outcome) = whole("zstd", &small);
        assert_eq!((out.len(), outcome), (small.len() * RATIO_MAX, Outcome::Capped));
    }

    #[test]
    fn what_is_broken_or_unknown_says_so() {
        for coding in ["gzip", "deflate", "br", "zstd"] {
            assert_eq!(whole(coding, b"no such thing at all").1, Outcome::Broken, "{coding}");
        }
        assert_eq!(whole("compress", b"x").1, Outcome::Unknown);
        assert_eq!(whole("gzip, gzip, gzip, gzip", b"x").1, Outcome::Unknown);
        let mut spoilt = gzip(TEXT);
        let last = spoilt.len() - 6;
        spoilt[last] ^= 0xff;
        assert_eq!(whole("gzip", &spoilt), (TEXT.to_vec(), Outcome::Broken), "the checksum");
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let mut state = 1_u32;
        for coding in ["gzip", "deflate", "br", "zstd"] {
            for base in [gzip(TEXT), zlib(TEXT), zstd(TEXT), unhex(BROTLI)] {
                for _ in 0..300 {
                    let mut data = base.clone();
                    for _ in 0..3 {
                        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        let place = state as usize % data.len();
                        data[place] = (state >> 24) as u8;
                    }
                    let (out, _) = whole(coding, &data);
                    assert!(out.len() <= OUTPUT_BYTES_MAX);
                }
            }
        }
    }
}
