//! Any bytes: nothing panics, nothing runs away, and what comes out keeps its order (the support code asserts it, and gives
//! every input to wire as well).

use super::support::{
    ETHERNET, Packet, Pcap, Read, block, enhanced, interface, read_bytes, script, script_between, section,
};

/// Changed files per kind of file. Seeded: the same ones every time.
const ROUNDS: u64 = 800;

const TALK: &str = r"
    1.0 > S 100
    1.1 < S 200 ack 101
    1.2 > 101 ack 201 'GET / HTTP/1.1\r\n\r\n
    1.3 < 201 ack 119 'HTTP/1.1 200 OK\r\n\r\n
    1.4 < 220 ack 119 +30000
    1.5 > F 119 ack 220
    9.6 < F 220 ack 120
    9.7 > S 4000
    9.8 < R 5000
";

/// xorshift64*: no seed but the round's number.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound.max(1)
    }

    /// A byte that is often an edge.
    fn byte(&mut self) -> u8 {
        [0, 1, 0x7f, 0x80, 0xff, self.below(256).to_le_bytes()[0]][self.below(6)]
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            match self.below(5) {
                0 => bytes.truncate(at),
                1 => drop(bytes.splice(at..at, [self.byte()].repeat(1 + at % 8))),
                2 => drop(bytes.drain(at..(at + 1 + at % 8).min(bytes.len()))),
                _ if bytes.is_empty() => {}
                _ => bytes[at] = self.byte(),
            }
        }
    }
}

fn check(read: &Read) {
    let stats = read.stats;
    let unread = stats.unread;
    let counted = unread.not_ip + unread.not_tcp + unread.fragments + unread.header_cut + unread.bad_header;
    assert_eq!(
        stats.packets,
        stats.segments + counted + unread.link + unread.too_deep,
        "every packet is accounted for"
    );
    let closed = read.text.lines().filter(|line| line.ends_with("Close(Gone)")).count();
    assert_eq!(stats.flows.opened, closed as u64, "every flow goes once");
}

fn pcapng(packets: &[Packet]) -> Vec<u8> {
    let mut file = [section(), interface(101, &[(2, b"lo"), (9, &[9])]), interface(1, &[])].concat();
    file.extend(block(4, &[7; 12]));
    for packet in packets {
        file.extend(enhanced(0, packet.at, packet));
    }
    for packet in packets {
        file.extend(enhanced(1, packet.at / 1000, &packet.wrapped(&ETHERNET, &[0; 4])));
    }
    file
}

#[test]
fn changed_files() {
    let packets = script(TALK);
    for whole in [Pcap::RAW.write(&packets), pcapng(&packets)] {
        for round in 1..=ROUNDS {
            let mut file = whole.clone();
            // The file's first bytes stay: the others are for the format that they name.
            let mut rest = file.split_off(8);
            Random(round).change(&mut rest);
            file.extend(rest);
            if let Some(read) = readable(&file) {
                check(&read);
            }
        }
    }
}

/// Reads the file if its header is whole: opening says so at once.
fn readable(file: &[u8]) -> Option<Read> {
    let header = if file.starts_with(&[0xd4, 0xc3]) { 24 } else { 12 };
    (file.len() >= header).then(|| read_bytes(file))
}

#[test]
fn changed_packets_on_every_link() {
    let packets = script(TALK);
    for link in [0, 1, 12, 101, 108, 113, 228, 229, 239, 276] {
        for round in 1..=ROUNDS / 5 {
            let mut random = Random(round << 16 | u64::from(link));
            let changed: Vec<Packet> = (0..8)
                .map(|_| {
                    let head: Vec<u8> = (0..random.below(24)).map(|_| random.byte()).collect();
                    let mut packet = packets[random.below(packets.len())].wrapped(&head, &[]);
                    packet.data.truncate(200);
                    random.change(&mut packet.data);
                    packet.wire_len = random.below(70_000);
                    packet
                })
                .collect();
            check(&read_bytes(&Pcap { link, big_endian: round % 2 == 0, nanos: false }.write(&changed)));
        }
    }
}

#[test]
fn segments_in_any_order_with_any_flags() {
    for round in 1..=ROUNDS {
        let mut random = Random(round);
        let text: String = (0..40).map(|_| segment(&mut random)).collect();
        check(&super::support::read_packets(&script_between(&text, 7, 7 + (round % 3) as u16)));
    }
}

fn segment(random: &mut Random) -> String {
    let seqs = [0u32, 1, 100, 101, 201, 5000, 5001, u32::MAX, 1 << 31];
    let mut pick = |of: &[&str]| of[random.below(of.len())].to_owned();
    let (side, flags) = (pick(&["<", ">"]), pick(&["", "", "", "S", "F", "R", "SF", "SR"]));
    let body = pick(&["", "+1", "+1460", "+60000", "'GET / HTTP/1.1\\r\\n", "'HTTP/1.1 200 OK\\r\\n"]);
    let (seq, ack) = (seqs[random.below(seqs.len())], seqs[random.below(seqs.len())]);
    let ack = if random.below(2) == 0 { String::new() } else { format!("ack {ack}") };
    format!("{} {side} {flags} {seq} {ack} {body}\n", random.below(40))
}
