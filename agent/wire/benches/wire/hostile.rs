//! Traffic that wants to cost much, beside benign traffic: nanoseconds for each byte on the wire, headers of packets included.

use apiscope_wire::Side::{Client, Server};

use crate::measure::{Line, nanos};
use crate::talk::{Exchange, Packet, SEGMENT_BYTES, Talk};

/// A hostile byte may cost so many times what a benign one does.
const TIMES_MAX: f64 = 10.0;

/// Measures all.
pub(crate) fn run() {
    let cost = |talk: &Talk| nanos(|| talk.play()) / talk.bytes;
    let benign = cost(&Talk::http1(&Exchange::benign(), 8, 1000));
    let small = cost(&Talk::http1(&Exchange::small(), 8, 1000));
    println!("benign: 1 KiB of JSON | {benign:.2} ns a byte |");
    println!("benign: small | {small:.2} ns a byte |");
    let mut worst: f64 = 0.0;
    let only = std::env::args().nth(2).unwrap_or_default();
    for (name, talk) in http1().into_iter().chain(tcp()).chain(http2()).filter(|(name, _)| name.contains(&only)) {
        let each = cost(&talk);
        worst = worst.max(each / benign);
        println!(
            "hostile: {name} | {each:.2} ns a byte, {:.1} times 1 KiB, {:.1} times small |",
            each / benign,
            each / small
        );
    }
    Line::new("hostile: the worst, times benign", worst, "times").at_most(Some(TIMES_MAX)).print();
}

const BYTES: usize = 128 * 1024;

fn requests(text: &str) -> Talk {
    Talk::of(&[(Client, text.repeat(BYTES / text.len()).into_bytes())])
}

fn response(head: &str, body: &str) -> Talk {
    let ask = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec();
    let body = body.repeat(BYTES / body.len());
    Talk::of(&[(Client, ask), (Server, format!("HTTP/1.1 200 OK\r\n{head}\r\n{body}").into_bytes())])
}

fn http1() -> Vec<(&'static str, Talk)> {
    let fields = |field: &str| format!("GET / HTTP/1.1\r\n{}\r\n", field.repeat(60 * 1024 / field.len()));
    vec![
        ("the smallest requests, pipelined", requests("GET / HTTP/1.1\r\n\r\n")),
        ("the smallest exchanges", smallest()),
        ("heads of 60 KiB, one field", requests(&fields(&format!("A: {}\r\n", "b".repeat(60_000))))),
        ("heads of the smallest fields", requests(&format!("GET / HTTP/1.1\r\n{}\r\n", "a:\r\n".repeat(250)))),
        ("heads of too many fields", requests(&fields("a:\r\n"))),
        ("heads of folded lines", requests(&fields("a: b\r\n c\r\n"))),
        ("heads of odd names", requests(&fields("a : b\r\n"))),
        ("heads of bare LF", requests(&fields("a: b\n"))),
        ("transfer codings", requests(&fields("Transfer-Encoding: chunked\r\n"))),
        ("lengths in lists", requests(&format!("GET / HTTP/1.1\r\nContent-Length: {}1\r\n\r\n", "1,".repeat(30_000)))),
        ("empty lines", requests("\r\n")),
        ("no HTTP", requests("\u{1}\u{2}\u{3}\u{4}")),
        ("almost a request", requests("GET / HTTP/1.")),
        ("chunks of one byte", response("Transfer-Encoding: chunked\r\n", "1\r\nx\r\n")),
        ("chunks of one byte with extensions", response("Transfer-Encoding: chunked\r\n", "1;a=\"b\"\r\nx\r\n")),
        ("odd chunk ends", response("Transfer-Encoding: chunked\r\n", "1\nx\n")),
        ("trailers", response("Transfer-Encoding: chunked\r\n", "0\r\na: b\r\n")),
        ("interim responses", interim()),
        (
            "unasked responses",
            Talk::of(&[(Server, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".repeat(3000).into())]),
        ),
    ]
}

fn smallest() -> Talk {
    let mut parts = Vec::new();
    for _ in 0..1000 {
        parts.push((Client, b"GET / HTTP/1.1\r\n\r\n".to_vec()));
        parts.push((Server, b"HTTP/1.1 204 \r\n\r\n".to_vec()));
    }
    Talk::of(&parts)
}

fn interim() -> Talk {
    let ask = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec();
    Talk::of(&[(Client, ask), (Server, "HTTP/1.1 103 \r\n\r\n".repeat(8000).into())])
}

fn tcp() -> Vec<(&'static str, Talk)> {
    let whole = || Talk::http1(&Exchange::benign(), 1, 40);
    let heads = || Talk::of(&[(Client, format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "b".repeat(20_000)).into())]);
    vec![
        ("segments of one byte", whole().in_pieces(1)),
        ("one head in segments of one byte", heads().in_pieces(1)),
        ("the last first, segments of one byte", backwards(whole().in_pieces(1), 200)),
        ("the last first, segments of 100 bytes", backwards(whole().in_pieces(100), 200)),
        ("every second segment late", every_second_late(&whole().in_pieces(13))),
        ("a gap after each segment", gaps(whole().in_pieces(100))),
        ("each segment twice, other bytes", conflicting(&whole().in_pieces(100))),
        ("each byte in a hundred segments", overlapping()),
    ]
}

/// Runs of `run` packets of a side, each with its last packet first.
fn backwards(talk: Talk, run: usize) -> Talk {
    let mut packets = talk.packets;
    let runs = packets.chunk_by_mut(|a, b| a.side == b.side);
    runs.for_each(|side| side.chunks_mut(run).for_each(<[Packet]>::reverse));
    Talk::of_packets(packets)
}

fn every_second_late(talk: &Talk) -> Talk {
    let mut packets = Vec::new();
    for side in talk.packets.chunk_by(|a, b| a.side == b.side) {
        packets.extend(side.iter().skip(1).step_by(2).cloned());
        packets.extend(side.iter().step_by(2).cloned());
    }
    Talk::of_packets(packets)
}

fn gaps(talk: Talk) -> Talk {
    Talk::of_packets(talk.packets.into_iter().step_by(2).collect())
}

fn conflicting(talk: &Talk) -> Talk {
    let other = |packet: &Packet| Packet { bytes: vec![b'y'; packet.bytes.len()], ..packet.clone() };
    Talk::of_packets(talk.packets.iter().flat_map(|packet| [packet.clone(), other(packet)]).collect())
}

fn overlapping() -> Talk {
    let body = vec![b'x'; 40_000];
    let head = format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n", body.len());
    let bytes = [head.as_bytes(), &body].concat();
    let mut packets = Vec::new();
    // All but the first byte is there before it.
    for from in (1..bytes.len() - SEGMENT_BYTES).step_by(14) {
        let seq = u32::try_from(1 + from).expect("short");
        packets.push(Packet { flow: 0, side: Client, seq, bytes: bytes[from..from + SEGMENT_BYTES].to_vec() });
    }
    packets.push(Packet { flow: 0, side: Client, seq: 1, bytes: bytes[..1].to_vec() });
    Talk::of_packets(packets)
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// `GET`, `http`, `/`, of the static table.
const HEAD: [u8; 3] = [0x82, 0x86, 0x84];

fn frames(mut one: impl FnMut(u32) -> Vec<u8>) -> Talk {
    let mut bytes = [PREFACE, &frame(4, 0, 0, &[])].concat();
    let mut stream = 1;
    while bytes.len() < BYTES {
        bytes.extend(one(stream));
        stream += 2;
    }
    Talk::of(&[(Client, bytes)])
}

fn http2() -> Vec<(&'static str, Talk)> {
    // An entry of 4,000 bytes, and then indexes to it.
    let entry = [&[0x40, 1, b'a', 0x7f, 0xa1, 0x1e][..], &[b'v'; 4000]].concat();
    let bomb = [&HEAD[..], &entry, &[0xbe; 60]].concat();
    let indexes = [&HEAD[..], &[0xbe; 60]].concat();
    // Literals that are inserted, each of which evicts another.
    let thrash: Vec<u8> = HEAD.into_iter().chain((0..200_u8).flat_map(|n| [0x40, 1, b'a' + n % 26, 1, n])).collect();
    let huffman: Vec<u8> = HEAD.into_iter().chain([0, 1, b'a', 0xff, 0x81, 0x06]).chain([0x1c; 1024 - 128]).collect();
    let resize: Vec<u8> = [0x20, 0x3f, 0xe1, 0x1f].repeat(50).into_iter().chain(HEAD).collect();
    let mut first = true;
    vec![
        ("HTTP/2: the smallest requests", frames(|stream| frame(1, 5, stream, &HEAD))),
        ("HTTP/2: rapid reset", frames(|stream| [frame(1, 5, stream, &HEAD), frame(3, 0, stream, &[0; 4])].concat())),
        ("HTTP/2: streams that never end", frames(|stream| frame(1, 4, stream, &HEAD))),
        ("HTTP/2: DATA of no bytes", frames(|_| frame(0, 0, 1, &[]))),
        ("HTTP/2: DATA of one byte", frames(|_| frame(0, 0, 1, b"x"))),
        ("HTTP/2: CONTINUATION without end", {
            frames(move |stream| {
                let head = std::mem::take(&mut first).then(|| frame(1, 0, stream, &HEAD));
                head.unwrap_or_else(|| frame(9, 0, 1, &[0, 1, b'a', 1, b'b']))
            })
        }),
        ("HTTP/2: pings", frames(|_| frame(6, 0, 0, &[0; 8]))),
        ("HTTP/2: settings", frames(|_| frame(4, 0, 0, &[]))),
        ("HTTP/2: a table bomb", frames(|stream| frame(1, 5, stream, &bomb))),
        ("HTTP/2: a table bomb, indexes only", {
            let mut begun = false;
            frames(move |stream| {
                let block = if std::mem::replace(&mut begun, true) { &indexes } else { &bomb };
                frame(1, 5, stream, block)
            })
        }),
        ("HTTP/2: a table that changes all the time", frames(|stream| frame(1, 5, stream, &thrash))),
        ("HTTP/2: long Huffman codes", frames(|stream| frame(1, 5, stream, &huffman))),
        ("HTTP/2: a table of many sizes", frames(|stream| frame(1, 5, stream, &resize))),
    ]
}
