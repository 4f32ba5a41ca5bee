//! The frames of one direction of a WebSocket (RFC 6455 §5): counted, never kept.
//!
//! What is held is the head of the frame at hand, at most 14 bytes; payload passes by. Not looked into: whether text is UTF-8, and
//! what compressed payload (RFC 7692) says. What breaks the rules is counted once, and from that frame's first byte on the direction
//! is unknown, since two readers may take it differently. Entry: [`Frames::bytes`], [`Frames::hole`], [`Frames::end`].

use crate::event::Sent;
use crate::http::Unread;
use crate::input::Side;

/// The longest head: two bytes, a length of eight and a mask of four.
const HEAD_BYTES_MAX: usize = 14;

/// The most bytes of a control frame's payload (§5.5).
const CONTROL_BYTES_MAX: u64 = 125;

const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const RSV: u8 = 0x70;
const MASKED: u8 = 0x80;

/// What the handshake agreed on, as far as frames depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extensions {
    /// permessage-deflate (RFC 7692): the first frame of a message may have RSV1.
    pub(crate) deflate: bool,
    /// One that is not known here: it may use any reserved bit.
    pub(crate) other: bool,
}

impl Extensions {
    /// Adds what one `Sec-WebSocket-Extensions` field of the response says (§9.1).
    pub(crate) fn add(&mut self, value: &[u8]) {
        for extension in value.split(|b| *b == b',') {
            let name = extension.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
            if name.eq_ignore_ascii_case(b"permessage-deflate") {
                self.deflate = true;
            } else {
                self.other |= !name.is_empty();
            }
        }
    }
}

/// A frame under way.
#[derive(Clone, Copy, Debug)]
struct Frame {
    opcode: u8,
    is_final: bool,
    /// Bytes of payload still to come.
    left: u64,
    /// The mask's first two bytes, for the close code.
    mask: [u8; 2],
    /// Bytes of the payload so far.
    passed: u64,
}

/// A data message under way.
#[derive(Clone, Copy, Debug)]
struct Message {
    is_text: bool,
    is_compressed: bool,
    frames: u64,
    bytes: u64,
}

/// Why nothing more is read of a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blind {
    /// Something is missing, not inside a payload.
    Gap,
    /// What came breaks the rules.
    Broken,
    /// It is no WebSocket.
    Foreign,
}

impl Blind {
    /// Where its bytes are accounted for.
    pub(crate) fn unread(self) -> Option<Unread> {
        match self {
            Self::Gap => Some(Unread::JoinedLate),
            Self::Broken => Some(Unread::Malformed),
            Self::Foreign => None,
        }
    }
}

/// Where one direction is in its frames, and what it has sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frames {
    side: Side,
    extensions: Extensions,
    head: [u8; HEAD_BYTES_MAX],
    have: usize,
    frame: Option<Frame>,
    message: Option<Message>,
    /// The close code's bytes, unmasked; `None` while one was not seen.
    code: [Option<u8>; 2],
    blind: Option<Blind>,
    pub(crate) sent: Sent,
}

impl Frames {
    /// From the first byte after the handshake.
    pub(crate) fn new(side: Side, extensions: Extensions) -> Self {
        Self {
            side,
            extensions,
            head: [0; HEAD_BYTES_MAX],
            have: 0,
            frame: None,
            message: None,
            code: [None; 2],
            blind: None,
            sent: Sent::default(),
        }
    }

    /// Of a protocol that nobody here reads: bytes are counted.
    pub(crate) fn foreign(side: Side) -> Self {
        Self { blind: Some(Blind::Foreign), ..Self::new(side, Extensions::default()) }
    }

    /// Why nothing more is read, if so.
    pub(crate) fn blind(&self) -> Option<Blind> {
        self.blind
    }

    /// The next bytes. Gives how many of them, and of those held before, were read as frames; the rest of both is unknown. The bytes
    /// of a head count when it is whole.
    pub(crate) fn bytes(&mut self, mut data: &[u8]) -> (u64, u64) {
        let mut read = 0;
        while self.blind.is_none() && !data.is_empty() {
            if let Some(frame) = self.frame {
                let n = frame.left.min(data.len() as u64);
                let (now, rest) =
                    data.split_at_checked(usize::try_from(n).unwrap_or(usize::MAX)).unwrap_or((data, &[]));
                self.code_bytes(frame, now);
                self.pass(n);
                read += n;
                data = rest;
            } else {
                let (first, rest) = data.split_at(1);
                data = rest;
                read += self.head_byte(first.first().copied().unwrap_or_default());
            }
        }
        let mut unknown = data.len() as u64;
        if self.blind.is_some() {
            unknown += std::mem::take(&mut self.have) as u64;
        }
        self.sent.unknown_bytes += unknown;
        (read, unknown)
    }

    /// So many bytes are missing. Inside a payload its length tells how it goes on; after any other gap nothing does.
    pub(crate) fn hole(&mut self, n: u64) {
        let inside = self.frame.map_or(0, |frame| frame.left.min(n));
        self.pass(inside);
        if n > inside {
            self.go_blind(Blind::Gap);
            self.sent.unknown_bytes += n - inside;
        }
    }

    /// The direction is over. Gives the bytes of a head that never became whole.
    pub(crate) fn end(&mut self) -> u64 {
        let rest = std::mem::take(&mut self.have) as u64;
        self.sent.unknown_bytes += rest;
        rest
    }

    /// Bytes that nobody read, because the connection is no longer looked at.
    pub(crate) fn unread(&mut self, n: u64) {
        self.sent.unknown_bytes += n;
    }

    /// An unknown number of bytes is missing.
    pub(crate) fn lose(&mut self) {
        self.go_blind(Blind::Gap);
    }

    fn go_blind(&mut self, why: Blind) {
        self.blind.get_or_insert(why);
        self.frame = None;
        self.message = None;
    }

    fn broken(&mut self) {
        self.sent.errors += 1;
        self.go_blind(Blind::Broken);
    }

    /// Takes a byte of a head. Gives the head's length when it is whole.
    fn head_byte(&mut self, byte: u8) -> u64 {
        if let Some(place) = self.head.get_mut(self.have) {
            *place = byte;
            self.have += 1;
        }
        let [flags, length, ..] = self.head;
        if self.have < 2 {
            return 0;
        }
        if self.have == 2 && !self.is_allowed(flags, length) {
            self.broken();
            return 0;
        }
        let mask_bytes = if length & MASKED == 0 { 0 } else { 4 };
        let length_bytes = match length & !MASKED {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if self.have < 2 + length_bytes + mask_bytes {
            return 0;
        }
        let extended = self.head.get(2..2 + length_bytes).unwrap_or_default();
        let long = extended.iter().fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
        // The shortest form must be used, and the highest bit must be 0 (§5.2).
        let is_long = match length_bytes {
            2 => long > CONTROL_BYTES_MAX,
            8 => long > u64::from(u16::MAX) && long >> 63 == 0,
            _ => true,
        };
        if !is_long {
            self.broken();
            return 0;
        }
        let left = if length_bytes == 0 { u64::from(length & !MASKED) } else { long };
        let mask = self.head.get(2 + length_bytes..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
        let read = std::mem::take(&mut self.have) as u64;
        let mask = if mask_bytes == 0 { [0; 2] } else { mask };
        self.begin(flags, Frame { opcode: flags & 0xf, is_final: flags & FIN != 0, left, mask, passed: 0 });
        read
    }

    /// Whether the first two bytes of a head may stand here.
    fn is_allowed(&self, flags: u8, length: u8) -> bool {
        let (opcode, is_final) = (flags & 0xf, flags & FIN != 0);
        let is_control = opcode & 0x8 != 0;
        let reserved = if self.extensions.other { 0 } else { flags & RSV };
        let may_compress = self.extensions.deflate && matches!(opcode, TEXT | BINARY);
        let known = matches!(opcode, CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG);
        // Data frames of a message stand together (§5.4).
        let in_place = is_control || (opcode == CONTINUATION) == self.message.is_some();
        let small = !is_control || (is_final && u64::from(length & !MASKED) <= CONTROL_BYTES_MAX);
        let masked = (length & MASKED != 0) == (self.side == Side::Client);
        let whole_code = opcode != CLOSE || length & !MASKED != 1;
        known
            && in_place
            && small
            && masked
            && whole_code
            && !self.sent.closed
            && (reserved == 0 || (may_compress && reserved == RSV1))
    }

    fn begin(&mut self, flags: u8, frame: Frame) {
        match frame.opcode {
            CONTINUATION => {
                if let Some(message) = &mut self.message {
                    message.frames += 1;
                }
            }
            TEXT | BINARY => {
                let is_compressed = flags & RSV1 != 0 && self.extensions.deflate;
                self.message = Some(Message { is_text: frame.opcode == TEXT, is_compressed, frames: 1, bytes: 0 });
            }
            _ => {}
        }
        self.frame = Some(frame);
        self.pass(0);
    }

    /// The first two bytes of a close frame's payload are its code (§5.5.1).
    fn code_bytes(&mut self, frame: Frame, now: &[u8]) {
        if frame.opcode != CLOSE {
            return;
        }
        for (at, byte) in (frame.passed..).zip(now).take(2) {
            let place = usize::try_from(at).unwrap_or(usize::MAX);
            if let (Some(code), Some(mask)) = (self.code.get_mut(place), frame.mask.get(place)) {
                *code = Some(byte ^ mask);
            }
        }
    }

    /// So many bytes of the payload at hand have passed, seen or not.
    fn pass(&mut self, n: u64) {
        let Some(frame) = &mut self.frame else { return };
        frame.left -= n.min(frame.left);
        frame.passed += n;
        let frame = *frame;
        if frame.opcode & 0x8 == 0 {
            self.sent.payload_bytes = self.sent.payload_bytes.saturating_add(n);
            if let Some(message) = &mut self.message {
                message.bytes = message.bytes.saturating_add(n);
            }
        }
        if frame.left == 0 {
            self.frame = None;
            self.finish(frame);
        }
    }

    fn finish(&mut self, frame: Frame) {
        let sent = &mut self.sent;
        match frame.opcode {
            CLOSE => {
                sent.control += 1;
                sent.closed = true;
                if let [Some(high), Some(low)] = self.code {
                    sent.close_code = Some(u16::from_be_bytes([high, low]));
                }
            }
            PING | PONG => sent.control += 1,
            _ if frame.is_final => {
                if let Some(message) = self.message.take() {
                    *(if message.is_text { &mut sent.text } else { &mut sent.binary }) += 1;
                    sent.fragmented += u64::from(message.frames > 1);
                    sent.compressed += u64::from(message.is_compressed);
                    sent.largest = sent.largest.max(message.bytes);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(side: Side, extensions: Extensions, bytes: &[u8], step: usize) -> (Sent, u64) {
        let mut frames = Frames::new(side, extensions);
        let mut read = 0;
        for part in bytes.chunks(step) {
            read += frames.bytes(part).0;
        }
        frames.end();
        (frames.sent, read)
    }

    /// The same in any cut; gives errors and unknown bytes too.
    fn check(side: Side, extensions: Extensions, bytes: &[u8]) -> Sent {
        let whole = read(side, extensions, bytes, bytes.len().max(1));
        for step in 1..bytes.len() {
            assert_eq!(read(side, extensions, bytes, step), whole, "cut at {step}");
        }
        assert_eq!(whole.1 + whole.0.unknown_bytes, bytes.len() as u64);
        whole.0
    }

    const PLAIN: Extensions = Extensions { deflate: false, other: false };
    const DEFLATE: Extensions = Extensions { deflate: true, other: false };

    #[test]
    fn messages_and_their_sizes() {
        // The examples of RFC 6455 §5.7.
        let sent = check(Side::Server, PLAIN, b"\x81\x05Hello\x01\x03Hel\x80\x02lo\x82\x00\x89\x05Hello");
        assert_eq!((sent.text, sent.binary, sent.control, sent.fragmented), (2, 1, 1, 1));
        assert_eq!((sent.payload_bytes, sent.largest, sent.errors, sent.unknown_bytes), (10, 5, 0, 0));
        let sent = check(Side::Client, PLAIN, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
        assert_eq!((sent.text, sent.payload_bytes), (1, 5));
        let long = [&b"\x82\x7e\x01\x00"[..], &[0; 256], b"\x82\x7f\0\0\0\0\0\x01\0\0", &vec![0; 65536]].concat();
        let (sent, _) = read(Side::Server, PLAIN, &long, 1000);
        assert_eq!((sent.binary, sent.largest, sent.payload_bytes), (2, 65_536, 65_792));
    }

    #[test]
    fn a_close_code_is_unmasked() {
        let sent = check(Side::Client, PLAIN, b"\x88\x82\x01\x02\x03\x04\x02\xea");
        assert_eq!((sent.closed, sent.close_code), (true, Some(1000)));
        assert_eq!(check(Side::Server, PLAIN, b"\x88\x00").close_code, None);
        let sent = check(Side::Server, PLAIN, b"\x88\x05\x03\xf3bye");
        assert_eq!((sent.closed, sent.close_code, sent.payload_bytes), (true, Some(1011), 0));
    }

    #[test]
    fn each_broken_rule_is_one_error_and_then_all_is_unknown() {
        for (side, bytes) in [
            (Side::Client, &b"\x81\x05Hello"[..]),
            (Side::Server, b"\x81\x85\x01\x02\x03\x04Hello"),
            (Side::Server, b"\xa1\x00"),
            (Side::Server, b"\x91\x00"),
            (Side::Server, b"\xc1\x00"),
            (Side::Server, b"\x83\x00"),
            (Side::Server, b"\x8b\x00"),
            (Side::Server, b"\x09\x00"),
            (Side::Server, b"\x89\x7e\x00\x7e"),
            (Side::Server, b"\x80\x00"),
            (Side::Server, b"\x88\x01x"),
            (Side::Server, b"\x82\x7e\x00\x7d"),
            (Side::Server, b"\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff"),
            (Side::Server, b"\x82\x7f\x80\x00\x00\x00\x00\x01\x00\x00"),
        ] {
            let all = [bytes, b"\x81\x05Hello"].concat();
            let sent = check(side, PLAIN, &all);
            assert_eq!((sent.errors, sent.text, sent.unknown_bytes), (1, 0, all.len() as u64), "{bytes:x?}");
        }
        let sent = check(Side::Server, PLAIN, b"\x01\x01a\x01\x01b");
        assert_eq!((sent.errors, sent.unknown_bytes), (1, 3), "a message inside a message");
        let sent = check(Side::Server, PLAIN, b"\x88\x00\x81\x00");
        assert_eq!((sent.errors, sent.unknown_bytes, sent.text), (1, 2, 0), "after the close");
    }

    #[test]
    fn reserved_bits_are_those_of_the_extension() {
        let sent = check(Side::Server, DEFLATE, b"\xc1\x01a\x41\x01b\x80\x01c");
        assert_eq!((sent.text, sent.compressed, sent.fragmented, sent.errors), (2, 2, 1, 0));
        assert_eq!(check(Side::Server, DEFLATE, b"\x41\x01b\xc0\x01c").errors, 1, "only on the first frame");
        assert_eq!(check(Side::Server, DEFLATE, b"\xc9\x00").errors, 1, "not on control frames");
        let other = Extensions { deflate: false, other: true };
        assert_eq!(check(Side::Server, other, b"\xf1\x00\xc9\x00").errors, 0);
        let mut named = Extensions::default();
        named.add(b" Permessage-Deflate; server_max_window_bits=10");
        assert_eq!(named, DEFLATE);
        named.add(b"x-other");
        assert!(named.other);
    }

    #[test]
    fn a_gap_inside_a_payload_costs_only_its_bytes() {
        let mut frames = Frames::new(Side::Server, PLAIN);
        assert_eq!(frames.bytes(b"\x81\x7e\x01\x00abc"), (7, 0));
        frames.hole(200);
        frames.bytes(&[b'x'; 53]);
        assert_eq!((frames.sent.text, frames.sent.largest, frames.blind()), (1, 256, None));
        frames.bytes(b"\x82\x05ab");
        frames.hole(3);
        assert_eq!((frames.sent.binary, frames.blind()), (1, None), "up to the very end of the payload");
        frames.bytes(b"\x88\x02");
        frames.hole(2);
        assert_eq!((frames.sent.closed, frames.sent.close_code), (true, None));
    }

    #[test]
    fn after_any_other_gap_all_is_unknown() {
        let mut frames = Frames::new(Side::Server, PLAIN);
        frames.bytes(b"\x81\x02a");
        frames.hole(3);
        assert_eq!((frames.sent.text, frames.sent.unknown_bytes), (1, 2), "the payload's end lay in the gap");
        assert_eq!(frames.bytes(b"\x81\x00"), (0, 2));
        assert_eq!((frames.sent.text, frames.sent.unknown_bytes, frames.sent.errors), (1, 4, 0));
    }
}
