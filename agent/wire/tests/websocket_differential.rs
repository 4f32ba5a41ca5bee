//! Random frames, read by wire and by tungstenite: the same messages, sizes, control frames, close code, and the same frames refused.

mod common;

use std::io::{self, Read, Write};

use apiscope_wire::{Limits, Sent, Side};
use common::{Act, Random, Transcript, play, steps};
use tungstenite::error::ProtocolError;
use tungstenite::protocol::Role;
use tungstenite::{Error, Message, WebSocket};

/// Sequences of frames in each direction.
const ROUNDS: u64 = 3_000;

/// What was sent, in the words of both readers.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    text: u64,
    binary: u64,
    control: u64,
    bytes: u64,
    largest: u64,
    closed: bool,
    code: Option<u16>,
    refused: bool,
}

impl Seen {
    fn data(&mut self, n: usize) {
        self.bytes += n as u64;
        self.largest = self.largest.max(n as u64);
    }
}

impl From<&Sent> for Seen {
    fn from(sent: &Sent) -> Self {
        Self {
            text: sent.text,
            binary: sent.binary,
            control: sent.control,
            bytes: sent.payload_bytes,
            largest: sent.largest,
            closed: sent.closed,
            code: sent.close_code,
            refused: sent.errors > 0,
        }
    }
}

/// Bytes to be read; what is answered is of no interest.
struct Peer<'a>(&'a [u8]);

impl Read for Peer<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Write for Peer<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn tungstenite(side: Side, bytes: &[u8]) -> Seen {
    let role = if side == Side::Client { Role::Server } else { Role::Client };
    let mut socket = WebSocket::from_raw_socket(Peer(bytes), role, None);
    let mut seen = Seen::default();
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => {
                seen.text += 1;
                seen.data(text.len());
            }
            Ok(Message::Binary(data)) => {
                seen.binary += 1;
                seen.data(data.len());
            }
            Ok(Message::Ping(_) | Message::Pong(_)) => seen.control += 1,
            Ok(Message::Close(frame)) => {
                seen.control += 1;
                seen.closed = true;
                seen.code = frame.map(|frame| frame.code.into());
            }
            Ok(Message::Frame(_)) => unreachable!("not given by read"),
            Err(
                Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)
                | Error::ConnectionClosed
                | Error::AlreadyClosed
                | Error::Io(_),
            ) => return seen,
            Err(Error::Protocol(_) | Error::Capacity(_) | Error::Utf8(_)) => {
                seen.refused = true;
                return seen;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// A frame; `spoil` breaks a rule.
fn frame(side: Side, opcode: u8, is_final: bool, payload: &[u8], spoil: usize, random: &mut Random) -> Vec<u8> {
    let mut first = opcode | if is_final { 0x80 } else { 0 };
    match spoil {
        1 => first |= 0x40 >> random.below(3),
        2 => first = first & 0xf0 | 0x3,
        3 => first = first & 0x70 | 0x9,
        _ => {}
    }
    let masked = (side == Side::Client) != (spoil == 4);
    let mut bytes = vec![first];
    let mask_bit = if masked { 0x80 } else { 0 };
    match payload.len() {
        n @ 0..126 => bytes.push(u8::try_from(n).expect("small") | mask_bit),
        n @ 126..65_536 => {
            bytes.push(0x7e | mask_bit);
            bytes.extend_from_slice(&u16::try_from(n).expect("two bytes").to_be_bytes());
        }
        n => {
            bytes.push(0x7f | mask_bit);
            bytes.extend_from_slice(&(n as u64).to_be_bytes());
        }
    }
    let mask = if masked { random.next().to_be_bytes() } else { [0; 8] };
    if masked {
        bytes.extend_from_slice(&mask[..4]);
    }
    bytes.extend(payload.iter().zip(mask[..4].iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

fn payload(random: &mut Random) -> Vec<u8> {
    let n = match random.below(40) {
        0 => 65_536 + random.below(100),
        1..4 => 120 + random.below(600),
        _ => random.below(60),
    };
    (0..n).map(|at| b'a' + u8::try_from(at % 26).expect("a letter")).collect()
}

/// Messages whole and in pieces, pings between the pieces, and often an end by a close or by a broken rule.
fn sequence(side: Side, random: &mut Random) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..random.below(8) {
        let opcode = if random.chance(2) { 1 } else { 2 };
        let pieces = 1 + if random.chance(3) { random.below(4) } else { 0 };
        for piece in 0..pieces {
            let opcode = if piece == 0 { opcode } else { 0 };
            out.extend(frame(side, opcode, piece + 1 == pieces, &payload(random), 0, random));
            if random.chance(5) {
                let data = payload(random);
                let opcode = if random.chance(2) { 9 } else { 10 };
                out.extend(frame(side, opcode, true, &data[..data.len().min(125)], 0, random));
            }
        }
    }
    match random.below(4) {
        0 => {
            let codes = [1000_u16, 1001, 1003, 1011, 3000, 4999];
            let mut data = codes[random.below(codes.len())].to_be_bytes().to_vec();
            data.extend_from_slice(&b"going away"[..random.below(11)]);
            let data = if random.chance(4) { &[][..] } else { &data };
            out.extend(frame(side, 8, true, data, 0, random));
        }
        1 => {
            let spoil = 1 + random.below(4);
            let opcode = if spoil == 3 { 9 } else { 1 };
            out.extend(frame(side, opcode, spoil != 3, &b"spoilt"[..random.below(7)], spoil, random));
            out.extend(frame(side, 1, true, b"behind it", 0, random));
        }
        2 => {
            let (opcode, n) = [(0, 3), (9, 126)][random.below(2)];
            out.extend(frame(side, opcode, true, &vec![b'x'; n], 0, random));
        }
        _ => {}
    }
    out
}

const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

#[test]
fn the_same_as_tungstenite() {
    let mut refused = 0_u64;
    for seed in 1..=ROUNDS {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let sent = [Side::Client, Side::Server].map(|side| (side, sequence(side, &mut random)));
        let mut acts =
            vec![(Side::Client, Act::Bytes(REQUEST.to_vec())), (Side::Server, Act::Bytes(RESPONSE.to_vec()))];
        acts.extend(sent.iter().map(|(side, bytes)| (*side, Act::Bytes(bytes.clone()))));
        acts.extend([(Side::Client, Act::Fin), (Side::Server, Act::Fin)]);
        let most = 1 + random.below(3000);
        let got = play(Limits::default(), &steps(&Transcript { acts, late: false }, &mut |_| most));
        let [session] = &got.sessions[..] else { panic!("seed {seed}: {}", got.render()) };
        for ((side, bytes), ours) in sent.iter().zip([&session.client, &session.server]) {
            let (theirs, ours) = (tungstenite(*side, bytes), Seen::from(ours));
            refused += u64::from(theirs.refused);
            assert_eq!(ours, theirs, "seed {seed}, {side:?}");
        }
    }
    assert!(refused > 500, "{refused} were refused");
}
