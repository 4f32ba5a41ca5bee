//! The messages of gRPC in a body: each has a prefix of five bytes, a flag and a length (gRPC over HTTP/2, "Length-Prefixed-Message").
//!
//! gRPC-Web sends the trailers as a last such message, with the highest bit of the flag set; of it the status code is taken. No
//! payload is kept. A hole inside a message costs nothing, any other makes the count unknown.

use crate::event::{Grpc, GrpcCounts};

const PREFIX_BYTES: usize = 5;
const COMPRESSED: u8 = 0x01;
/// The flag of gRPC-Web's trailers.
const TRAILERS: u8 = 0x80;

/// What is looked for in gRPC-Web's trailers, and how far a line is.
const STATUS: &[u8] = b"grpc-status:";

/// How far one direction of a call is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Messages {
    web: bool,
    prefix: [u8; PREFIX_BYTES],
    have: usize,
    left: u32,
    /// A message is under way, and its flag.
    now: Option<u8>,
    counts: GrpcCounts,
    status: Status,
    /// Not provable any more.
    lost: bool,
}

/// The place in a line of gRPC-Web's trailers, and the status found.
#[derive(Clone, Copy, Debug, Default)]
struct Status {
    /// Bytes of [`STATUS`] that this line begins with; past its length in the value. `None`: another line.
    at: Option<usize>,
    /// Digits so far.
    digits: Option<u32>,
    found: Option<u32>,
}

impl Messages {
    /// In gRPC's own form.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// In gRPC-Web's binary form.
    pub(crate) fn web() -> Self {
        Self { web: true, ..Self::default() }
    }

    /// In gRPC-Web's text form, base64 over the binary one: not counted.
    pub(crate) fn web_text() -> Self {
        Self { web: true, lost: true, ..Self::default() }
    }

    /// The next bytes of the body.
    pub(crate) fn bytes(&mut self, mut data: &[u8]) {
        while !self.lost && !data.is_empty() {
            if let Some(flag) = self.now {
                let n = usize::try_from(self.left).unwrap_or(usize::MAX).min(data.len());
                let (payload, rest) = data.split_at(n);
                if flag & TRAILERS != 0 && flag & COMPRESSED == 0 {
                    self.status.bytes(payload);
                }
                data = rest;
                self.pass(u32::try_from(n).unwrap_or(self.left));
                continue;
            }
            let (first, rest) = data.split_at(1);
            data = rest;
            if let (Some(place), Some(byte)) = (self.prefix.get_mut(self.have), first.first()) {
                *place = *byte;
                self.have += 1;
            }
            if self.have == PREFIX_BYTES {
                self.begin();
            }
        }
    }

    fn begin(&mut self) {
        let [flag, a, b, c, d] = self.prefix;
        self.have = 0;
        // Other bits mean nothing today: the bytes are no messages, or none that can be read here.
        let known = if self.web { TRAILERS | COMPRESSED } else { COMPRESSED };
        if flag & !known != 0 {
            self.lost = true;
            return;
        }
        self.left = u32::from_be_bytes([a, b, c, d]);
        self.now = Some(flag);
        self.status.at = Some(0);
        self.pass(0);
    }

    fn pass(&mut self, n: u32) {
        self.left -= n.min(self.left);
        if self.left > 0 {
            return;
        }
        let Some(flag) = self.now.take() else { return };
        if flag & TRAILERS != 0 {
            self.status.end_line();
        } else {
            self.counts.messages += 1;
            self.counts.compressed += u64::from(flag & COMPRESSED != 0);
        }
    }

    /// So many bytes of the body are missing.
    pub(crate) fn hole(&mut self, n: u64) {
        match u32::try_from(n).ok().filter(|n| self.now.is_some() && *n <= self.left) {
            Some(n) => {
                self.status.at = None;
                self.status.digits = None;
                self.pass(n);
            }
            None => self.lost |= n > 0,
        }
    }

    /// More may have come than was seen.
    pub(crate) fn lose(&mut self) {
        self.lost = true;
    }

    /// What is known so far: messages that were seen to their end.
    pub(crate) fn so_far(&self) -> Grpc {
        Grpc { web: self.web, counts: (!self.lost).then_some(self.counts), status: self.status.found }
    }
}

impl Status {
    fn bytes(&mut self, payload: &[u8]) {
        for byte in payload {
            match (*byte, self.at) {
                (b'\r' | b'\n', _) => self.end_line(),
                (_, None) => {}
                (byte, Some(at)) => match STATUS.get(at) {
                    Some(wanted) if byte.eq_ignore_ascii_case(wanted) => self.at = Some(at + 1),
                    None if byte.is_ascii_digit() => {
                        let digit = u32::from(byte - b'0');
                        let more = self.digits.unwrap_or(0).checked_mul(10).and_then(|n| n.checked_add(digit));
                        self.digits = more;
                        self.at = more.map(|_| at);
                    }
                    None if matches!(byte, b' ' | b'\t') => {}
                    Some(_) | None => (self.at, self.digits) = (None, None),
                },
            }
        }
    }

    fn end_line(&mut self) {
        if let Some(digits) = self.digits.take() {
            self.found.get_or_insert(digits);
        }
        self.at = Some(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(flag: u8, payload: &[u8]) -> Vec<u8> {
        [&[flag][..], &u32::try_from(payload.len()).unwrap().to_be_bytes(), payload].concat()
    }

    fn check(messages: Messages, body: &[u8]) -> Grpc {
        let read = |step: usize| {
            let mut messages = messages;
            body.chunks(step).for_each(|part| messages.bytes(part));
            messages.so_far()
        };
        let whole = read(body.len());
        for step in 1..body.len() {
            assert_eq!(read(step), whole, "in steps of {step}");
        }
        whole
    }

    #[test]
    fn whole_messages_count() {
        let body =
            [message(0, b"abc"), message(1, b""), message(0, &[7; 300]), message(0, b"cut")[..6].to_vec()].concat();
        let counts = check(Messages::new(), &body).counts.unwrap();
        assert_eq!((counts.messages, counts.compressed), (3, 1));
    }

    #[test]
    fn the_status_of_the_web_form_is_in_its_last_message() {
        for (trailers, status) in [
            (&b"grpc-status:0\r\ngrpc-message:\r\n"[..], Some(0)),
            (b"grpc-message: grpc-status: 9\r\nGrpc-Status: 13", Some(13)),
            (b"grpc-status: 5x\r\n", None),
            (b"grpc-status-details-bin:0\r\n", None),
            (b"grpc-status: 99999999999\r\n", None),
            (b"", None),
        ] {
            let body = [message(0, b"abc"), message(TRAILERS, trailers)].concat();
            let got = check(Messages::web(), &body);
            assert_eq!((got.counts.unwrap().messages, got.status), (1, status), "{}", trailers.escape_ascii());
        }
    }

    #[test]
    fn what_is_no_prefix_makes_it_unknown() {
        assert_eq!(check(Messages::new(), &message(TRAILERS, b"grpc-status:0")).counts, None);
        assert_eq!(check(Messages::new(), b"hello, world").counts, None);
        assert_eq!(check(Messages::web_text(), b"AAAAAAA=").counts, None);
    }

    #[test]
    fn a_hole_inside_a_message_costs_nothing() {
        let mut messages = Messages::new();
        messages.bytes(&message(0, b"abcdef")[..6]);
        messages.hole(5);
        assert_eq!(messages.so_far().counts.unwrap().messages, 1);
        messages.hole(1);
        messages.bytes(&message(0, b"abcdef"));
        assert_eq!(messages.so_far().counts, None);
    }
}
