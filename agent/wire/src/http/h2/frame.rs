//! Frames of one direction (RFC 9113 §4): bytes to the pieces of frames, whatever the segments.

use crate::input::Side;

/// What a client sends first (RFC 9113 §3.4).
pub(crate) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes of a frame's head.
pub(crate) const HEAD_BYTES: usize = 9;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 0x1;
pub(crate) const ACK: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;
pub(crate) const PADDED: u8 = 0x8;
pub(crate) const WITH_PRIORITY: u8 = 0x20;

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// Bytes of its payload.
    pub(crate) length: u32,
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
}

impl Head {
    pub(crate) fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    pub(crate) fn read(bytes: [u8; HEAD_BYTES]) -> Self {
        let [a, b, c, kind, flags, s0, s1, s2, s3] = bytes;
        Self {
            length: u32::from_be_bytes([0, a, b, c]),
            kind,
            flags,
            // The highest bit is reserved and must be ignored (RFC 9113 §4.1).
            stream: u32::from_be_bytes([s0, s1, s2, s3]) & 0x7fff_ffff,
        }
    }

    /// Whether it breaks no rule on sizes and streams (RFC 9113 §6). Frames of an unknown kind are ignored (§5.5), so they break none.
    pub(crate) fn is_allowed(self) -> bool {
        match self.kind {
            DATA | HEADERS | CONTINUATION | PUSH_PROMISE => self.stream != 0,
            PRIORITY => self.stream != 0 && self.length == 5,
            RST_STREAM => self.stream != 0 && self.length == 4,
            SETTINGS => self.stream == 0 && self.length.is_multiple_of(6) && (!self.has(ACK) || self.length == 0),
            PING => self.stream == 0 && self.length == 8,
            GOAWAY => self.stream == 0 && self.length >= 8,
            WINDOW_UPDATE => self.length == 4,
            _ => true,
        }
    }

    /// Whether it is likely enough to take bytes from the middle of a connection for frames: of a kind that RFC 9113 has, with no flag
    /// that the kind has not, no larger than peers send unless told otherwise (§6.5.2), and on a stream that the sender may use.
    fn is_plausible(self, side: Side) -> bool {
        let flags = match self.kind {
            DATA => END_STREAM | PADDED,
            HEADERS => END_STREAM | END_HEADERS | PADDED | WITH_PRIORITY,
            SETTINGS | PING => ACK,
            CONTINUATION => END_HEADERS,
            PUSH_PROMISE => END_HEADERS | PADDED,
            PRIORITY | RST_STREAM | GOAWAY | WINDOW_UPDATE => 0,
            _ => return false,
        };
        let may_push = self.kind != PUSH_PROMISE || side == Side::Server;
        let is_request = self.stream == 0 || self.stream % 2 == 1 || side == Side::Server;
        self.flags & !flags == 0 && self.length <= 16_384 && may_push && is_request && self.is_allowed()
    }
}

/// Whether these bytes, from the middle of a connection, are frames one after the other: at least two, or one that ends with them.
pub(crate) fn is_chain(data: &[u8], side: Side) -> bool {
    let mut rest = data;
    let mut count = 0;
    while let Some((head, tail)) = rest.split_first_chunk::<HEAD_BYTES>() {
        let head = Head::read(*head);
        if !head.is_plausible(side) {
            return false;
        }
        count += 1;
        let Some(after) = usize::try_from(head.length).ok().and_then(|length| tail.get(length..)) else {
            return count > 1;
        };
        rest = after;
    }
    rest.is_empty() && count > 0
}

/// A server's first frame: SETTINGS (RFC 9113 §3.4), before the client has said anything.
pub(crate) fn is_server_preface(data: &[u8]) -> bool {
    data.first_chunk::<HEAD_BYTES>()
        .map(|head| Head::read(*head))
        .is_some_and(|head| head.kind == SETTINGS && head.flags == 0 && head.length <= 6 * 64 && head.is_allowed())
}

/// Whether it may turn out to be one: too few bytes to tell, none of which contradicts.
pub(crate) fn may_be_server_preface(data: &[u8]) -> bool {
    let mut head = [0, 0, 0, SETTINGS, 0, 0, 0, 0, 0];
    let room = head.get_mut(..data.len()).filter(|_| !data.is_empty() && data.len() < HEAD_BYTES);
    let Some(room) = room else { return false };
    room.copy_from_slice(data);
    // The length may still come to a multiple of six.
    if data.len() < 3 {
        data.first() == Some(&0) && data.get(1).is_none_or(|high| *high <= 1)
    } else {
        is_server_preface(&head)
    }
}

/// A piece of a frame, in order: its head, its payload in as many parts as it came in, its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'d> {
    Begin(Head),
    Bytes(Head, &'d [u8]),
    End(Head),
}

/// The bytes are no frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoFrames;

/// Where one direction is in its frames.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Frames {
    /// Bytes of the preface still to come.
    preface: usize,
    head: [u8; HEAD_BYTES],
    have: usize,
    now: Option<Head>,
    left: u32,
}

impl Frames {
    /// The client's preface comes first.
    pub(crate) fn with_preface() -> Self {
        Self { preface: PREFACE.len(), ..Self::default() }
    }

    /// The next piece; `None` when `data` is used up. At most two pieces for each payload byte, and two for each head.
    pub(crate) fn next<'d>(&mut self, data: &mut &'d [u8]) -> Result<Option<Piece<'d>>, NoFrames> {
        if self.preface > 0 {
            self.read_preface(data)?;
        }
        if let Some(now) = self.now {
            if self.left == 0 {
                self.now = None;
                return Ok(Some(Piece::End(now)));
            }
            let bytes = take(data, usize::try_from(self.left).unwrap_or(usize::MAX));
            self.left -= u32::try_from(bytes.len()).unwrap_or(self.left);
            return Ok((!bytes.is_empty()).then_some(Piece::Bytes(now, bytes)));
        }
        let bytes = take(data, HEAD_BYTES - self.have);
        if let Some(room) = self.head.get_mut(self.have..self.have + bytes.len()) {
            room.copy_from_slice(bytes);
            self.have += bytes.len();
        }
        if self.have < HEAD_BYTES {
            return Ok(None);
        }
        let head = Head::read(self.head);
        (self.have, self.left) = (0, head.length);
        if !head.is_allowed() {
            return Err(NoFrames);
        }
        self.now = Some(head);
        Ok(Some(Piece::Begin(head)))
    }

    fn read_preface(&mut self, data: &mut &[u8]) -> Result<(), NoFrames> {
        let wanted = PREFACE.get(PREFACE.len() - self.preface..).unwrap_or_default();
        let bytes = take(data, wanted.len());
        self.preface -= bytes.len();
        if wanted.starts_with(bytes) { Ok(()) } else { Err(NoFrames) }
    }

    /// Whether so many bytes all lie in the payload at hand.
    pub(crate) fn is_within(&self, n: usize) -> bool {
        self.now.is_some() && u64::from(self.left) >= n as u64
    }

    /// Passes over a hole inside the payload at hand. How much of it lay there; the rest is in what follows.
    pub(crate) fn pass(&mut self, n: u64) -> (Option<Head>, u64) {
        let passed = n.min(u64::from(self.left));
        self.left -= u32::try_from(passed).unwrap_or(self.left);
        (self.now, passed)
    }
}

fn take<'d>(data: &mut &'d [u8], n: usize) -> &'d [u8] {
    let (taken, rest) = data.split_at_checked(n).unwrap_or((data, &[]));
    *data = rest;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
    }

    /// The frames of `bytes`, cut in parts of `step`, with their payloads put together again.
    fn read(bytes: &[u8], step: usize) -> Result<Vec<(u8, u32, Vec<u8>)>, NoFrames> {
        let (mut frames, mut out, mut payload) = (Frames::with_preface(), Vec::new(), Vec::new());
        for mut part in bytes.chunks(step) {
            while let Some(piece) = frames.next(&mut part)? {
                match piece {
                    Piece::Begin(_) => payload.clear(),
                    Piece::Bytes(_, bytes) => payload.extend_from_slice(bytes),
                    Piece::End(head) => out.push((head.kind, head.stream, payload.clone())),
                }
            }
        }
        Ok(out)
    }

    #[test]
    fn any_cut_gives_the_same_frames() {
        let bytes = [
            PREFACE.to_vec(),
            frame(SETTINGS, 0, 0, &[]),
            frame(HEADERS, 4, 1, b"block"),
            frame(DATA, 1, 1, b"x"),
            frame(77, 0, 9, b"?"),
        ]
        .concat();
        let whole = read(&bytes, bytes.len()).unwrap();
        assert_eq!(whole.len(), 4);
        assert_eq!(whole[1], (HEADERS, 1, b"block".to_vec()));
        for step in 1..bytes.len() {
            assert_eq!(read(&bytes, step).unwrap(), whole, "{step}");
        }
    }

    #[test]
    fn what_breaks_the_rules_is_no_frame() {
        for (kind, flags, stream, payload) in [
            (DATA, 0, 0, &b"x"[..]),
            (RST_STREAM, 0, 1, b"abc"),
            (SETTINGS, 0, 0, b"abc"),
            (SETTINGS, ACK, 0, b"abcdef"),
            (PING, 0, 0, b"abc"),
        ] {
            let bytes = [PREFACE.to_vec(), frame(kind, flags, stream, payload)].concat();
            assert_eq!(read(&bytes, bytes.len()), Err(NoFrames), "{kind}");
        }
        assert_eq!(read(b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", 5), Err(NoFrames));
    }

    #[test]
    fn a_chain_is_told_from_other_bytes() {
        let two = [frame(WINDOW_UPDATE, 0, 0, &[0; 4]), frame(HEADERS, 5, 3, b"abcdef")].concat();
        assert!(is_chain(&two, Side::Client));
        assert!(is_chain(&two[..24], Side::Client), "the second is cut");
        assert!(is_chain(&two[..13], Side::Client), "one, whole");
        assert!(!is_chain(&two[..12], Side::Client), "one, cut");
        assert!(!is_chain(b"GET / HTTP/1.1\r\n\r\n", Side::Client));
        assert!(!is_chain(&frame(HEADERS, 5, 2, b"abc"), Side::Client), "a stream that a client may not open");
        assert!(!is_chain(&[], Side::Client));
    }

    #[test]
    fn a_servers_first_frame_is_known_from_any_part() {
        let first = frame(SETTINGS, 0, 0, &[0; 12]);
        for n in 1..HEAD_BYTES {
            assert!(may_be_server_preface(&first[..n]) && !is_server_preface(&first[..n]), "{n}");
        }
        assert!(is_server_preface(&first) && !may_be_server_preface(&first));
        assert!(!may_be_server_preface(&[]) && !may_be_server_preface(b"HTTP/1") && !may_be_server_preface(&[0, 0, 4]));
        assert!(!may_be_server_preface(&[0, 0, 6, HEADERS]));
    }
}
