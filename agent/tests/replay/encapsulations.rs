//! Tags, extension headers, tunnels and fragments: every segment in them is the one that tshark finds in the same file.

use etherparse::{IpNumber, Ipv4Header, PacketBuilder};

use super::support::{Packet, Pcap, Scratch, read, script_between};
use super::tools::{can_run, run};
use apiscope::capture::replay::Replay;
use apiscope_wire::{Input, Payload};

const MAC: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

/// One exchange between ports of its own, from the IP header on.
fn talk(port: u16) -> Vec<Packet> {
    let text = r"
        1.0 > S 100
        1.1 < S 200 ack 101
        1.2 > 101 ack 201 'GET /a-somewhat-longer-path HTTP/1.1\r\nHost: encapsulated.example.com\r\n\r\n
        1.3 < 201 ack 176 'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n12345678
        1.4 > F 176 ack 246
        1.5 < F 246 ack 177
    ";
    script_between(text, port, 80)
}

/// An Ethernet frame of this type.
fn frame(kind: u16, content: &[u8]) -> Vec<u8> {
    [&MAC[..], &kind.to_be_bytes(), content].concat()
}

fn ip4(protocol: u8, content: &[u8]) -> Vec<u8> {
    let len = u16::try_from(content.len()).expect("short");
    let mut header = Ipv4Header::new(len, 64, IpNumber(protocol), [172, 16, 0, 1], [172, 16, 0, 2]).expect("short");
    header.header_checksum = header.calc_header_checksum();
    let mut data = Vec::new();
    header.write(&mut data).expect("in memory");
    [data, content.to_vec()].concat()
}

fn ip6(next: u8, content: &[u8]) -> Vec<u8> {
    let len = u16::try_from(content.len()).expect("short").to_be_bytes();
    let addresses = [
        [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
    ];
    [&[0x60, 0, 0, 0, len[0], len[1], next, 64][..], &addresses.concat(), content].concat()
}

/// TCP of IPv4 as TCP of IPv6: the checksum is then wrong, which no reader of files minds.
fn tcp_of(packet: &Packet) -> &[u8] {
    &packet.data[20..]
}

fn udp(port: u16, content: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    PacketBuilder::ipv4([172, 16, 0, 1], [172, 16, 0, 2], 64)
        .udp(5555, port)
        .write(&mut data, content)
        .expect("in memory");
    data
}

/// Parts of an IPv4 packet, in this order.
fn fragments4(packet: &[u8], size: usize, order: &[usize]) -> Vec<Vec<u8>> {
    let (header, content) = packet.split_at(20);
    let parts: Vec<&[u8]> = content.chunks(size).collect();
    let part = |n: usize| {
        let offset = u16::try_from(n * size / 8).expect("short");
        let more = if n + 1 < parts.len() { 0x2000 } else { 0 };
        let mut header = header.to_vec();
        header[2..4].copy_from_slice(&u16::try_from(20 + parts[n].len()).expect("short").to_be_bytes());
        header[4..6].copy_from_slice(&[0x77, packet[27]]);
        header[6..8].copy_from_slice(&(offset | more).to_be_bytes());
        header[10..12].copy_from_slice(&[0, 0]);
        let sum = header.chunks(2).fold(0_u32, |sum, two| sum + u32::from(u16::from_be_bytes([two[0], two[1]])));
        let sum = !u16::try_from((sum & 0xffff) + (sum >> 16)).expect("two carries are impossible here");
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        [header, parts[n].to_vec()].concat()
    };
    let known = order.iter().copied().filter(|n| *n < parts.len());
    let rest = (0..parts.len()).filter(|n| !order.contains(n));
    known.chain(rest).map(part).collect()
}

/// Parts of what an IPv6 packet carries behind `next`.
fn fragments6(next: u8, content: &[u8], size: usize, id: u8) -> Vec<Vec<u8>> {
    let parts: Vec<&[u8]> = content.chunks(size).collect();
    let part = |(n, part): (usize, &&[u8])| {
        let place = u16::try_from(n * size).expect("short") | u16::from(n + 1 < parts.len());
        let [high, low] = place.to_be_bytes();
        // Hop-by-hop before it, as RFC 8200 §4.5 allows.
        let head = [44, 0, 1, 4, 0, 0, 0, 0, next, 0, high, low, 0, 0, 9, id];
        frame(0x86dd, &ip6(0, &[&head[..], part].concat()))
    };
    let mut frames: Vec<_> = parts.iter().enumerate().map(part).collect();
    frames.reverse();
    frames
}

/// What a way makes of a packet: its frames.
type Way = fn(&Packet, u8) -> Vec<Vec<u8>>;

/// The ways, each with a name.
const WAYS: &[(&str, Way)] = &[
    ("plain", |packet, _| vec![frame(0x0800, &packet.data)]),
    ("VLAN", |packet, _| vec![frame(0x8100, &[&[0, 7, 8, 0][..], &packet.data].concat())]),
    ("QinQ", |packet, _| vec![frame(0x88a8, &[&[0, 7, 0x81, 0, 0, 9, 8, 0][..], &packet.data].concat())]),
    ("IPv6", |packet, _| vec![frame(0x86dd, &ip6(6, tcp_of(packet)))]),
    ("IPv6, hop-by-hop and destination options", |packet, _| {
        let options = [60, 0, 1, 4, 0, 0, 0, 0, 6, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        vec![frame(0x86dd, &ip6(0, &[&options[..], tcp_of(packet)].concat()))]
    }),
    ("IPv6, segment routing", |packet, _| {
        let routing =
            [&[6, 2, 4, 0, 0, 0, 0, 0][..], &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]].concat();
        vec![frame(0x86dd, &ip6(43, &[&routing[..], tcp_of(packet)].concat()))]
    }),
    ("IPv6, an atomic fragment", |packet, _| {
        vec![frame(0x86dd, &ip6(44, &[&[6, 0, 0, 0, 0, 0, 0, 9][..], tcp_of(packet)].concat()))]
    }),
    ("IPIP", |packet, _| vec![frame(0x0800, &ip4(4, &packet.data))]),
    ("IPv4 in IPv6", |packet, _| vec![frame(0x86dd, &ip6(4, &packet.data))]),
    ("GRE", |packet, _| vec![frame(0x0800, &ip4(47, &[&[0, 0, 8, 0][..], &packet.data].concat()))]),
    ("GRE with key and Ethernet", |packet, _| {
        let inside = frame(0x0800, &packet.data);
        vec![frame(0x0800, &ip4(47, &[&[0x20, 0, 0x65, 0x58, 0, 0, 0, 7][..], &inside].concat()))]
    }),
    ("VXLAN", |packet, _| {
        let inside = frame(0x0800, &packet.data);
        vec![frame(0x0800, &udp(4789, &[&[8, 0, 0, 0, 0, 0, 7, 0][..], &inside].concat()))]
    }),
    ("Geneve with an option", |packet, _| {
        let head = [2, 0, 0x65, 0x58, 0, 0, 7, 0, 1, 2, 0x80, 1, 0, 0, 0, 0];
        vec![frame(0x0800, &udp(6081, &[&head[..], &frame(0x0800, &packet.data)].concat()))]
    }),
    ("Geneve with IP", |packet, _| {
        vec![frame(0x0800, &udp(6081, &[&[0, 0, 8, 0, 0, 0, 7, 0][..], &packet.data].concat()))]
    }),
    ("IPv4 fragments", |packet, _| fragments4(&packet.data, 24, &[]).iter().map(|part| frame(0x0800, part)).collect()),
    ("IPv4 fragments in any order, one twice", |packet, _| {
        let mut parts = fragments4(&packet.data, 16, &[2, 0, 3]);
        parts.insert(1, parts[0].clone());
        parts.iter().map(|part| frame(0x0800, part)).collect()
    }),
    ("IPv6 fragments, the last one first", |packet, id| fragments6(6, tcp_of(packet), 24, id)),
    ("IPv6 fragments of destination options and TCP", |packet, id| {
        let content = [&[6, 0, 1, 4, 0, 0, 0, 0][..], tcp_of(packet)].concat();
        fragments6(60, &content, 32, id + 100)
    }),
    ("VXLAN in fragments", |packet, id| {
        let mut outer = udp(4789, &[&[8, 0, 0, 0, 0, 0, 7, 0][..], &frame(0x0800, &packet.data)].concat());
        outer[15] = 50 + id;
        fragments4(&outer, 40, &[1, 0]).iter().map(|part| frame(0x0800, part)).collect()
    }),
];

/// All ways in one file, each with a port of its own.
fn file() -> Vec<u8> {
    let mut packets = Vec::new();
    for (port, (_, way)) in (1000..).zip(WAYS) {
        for (id, packet) in (0..).zip(talk(port)) {
            packets.extend(way(&packet, id).into_iter().map(|data| Packet::new(packet.at, data)));
        }
    }
    Pcap { link: 1, ..Pcap::RAW }.write(&packets)
}

/// Segments with payload: the client's port, the sequence number, and the bytes in hexadecimal digits.
fn segments(path: &std::path::Path) -> Vec<String> {
    let mut replay = Replay::open(&[path.to_path_buf()]).expect("opens");
    let (mut found, mut ports) = (Vec::new(), std::collections::HashMap::new());
    while replay
        .next_inputs(&mut |input| match input {
            Input::Origin(flow, origin) => drop(ports.insert(flow, origin.client.port())),
            Input::Segment(segment) => {
                if let Payload::Bytes(bytes) = segment.payload {
                    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
                    found.push(format!("{} {} {digits}", ports[&segment.flow], segment.seq.0));
                }
            }
            Input::Lost(..) | Input::Tick(_) => {}
        })
        .expect("reads")
    {}
    found.sort();
    found
}

#[test]
fn segments_are_those_that_tshark_finds() {
    if !can_run(&["tshark"]) {
        return;
    }
    let scratch = Scratch::new();
    let path = scratch.file("ways.pcap", &file());
    let mut words = vec!["-r", path.to_str().expect("UTF-8"), "-Y", "tcp.len > 0", "-T", "fields"];
    words.extend(["-e", "tcp.srcport", "-e", "tcp.dstport", "-e", "tcp.seq_raw", "-e", "tcp.payload"]);
    let text = run("tshark", &words);
    let mut theirs: Vec<String> = text
        .lines()
        .map(|line| {
            let [source, destination, seq, payload] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            format!("{} {seq} {payload}", if destination == "80" { source } else { destination })
        })
        .collect();
    theirs.sort();
    let ours = segments(&path);
    for (port, (name, _)) in (1000..).zip(WAYS) {
        let of = |all: &[String]| {
            all.iter().filter(|line| line.starts_with(&format!("{port} "))).cloned().collect::<Vec<_>>()
        };
        assert_eq!(of(&ours), of(&theirs), "{name}");
        assert_eq!(of(&ours).len(), 2, "{name}");
    }
    assert_eq!(ours, theirs);
}

#[test]
fn fragments_are_counted_by_what_became_of_them() {
    let stats = |parts: &[(u64, Vec<u8>)]| {
        let packets: Vec<Packet> =
            parts.iter().map(|(at, data)| Packet::new(*at * 1_000_000_000, data.clone())).collect();
        let scratch = Scratch::new();
        let got = read(&[scratch.file("a.pcap", &Pcap::RAW.write(&packets))]);
        (got.stats, got.text.matches(" bytes ").count(), got.notes.len())
    };
    let parts = fragments4(&talk(9)[2].data, 24, &[]);
    let at = |seconds: u64, numbers: &[usize]| -> Vec<(u64, Vec<u8>)> {
        numbers.iter().map(|n| (seconds, parts[*n].clone())).collect()
    };
    let all: Vec<usize> = (0..parts.len()).collect();
    let (whole, segments, notes) = stats(&at(1, &all));
    assert_eq!((whole.fragments.whole, whole.unread.fragments, segments, notes), (1, parts.len() as u64 - 1, 1, 0));
    // One is missing: at the end, and after its time.
    let (missing, segments, notes) = stats(&at(1, &all[1..]));
    assert_eq!((missing.fragments.incomplete, segments, notes), (parts.len() as u64 - 1, 0, 1));
    let (late, segments, notes) = stats(&[at(1, &all[1..]), at(40, &all[..1])].concat());
    assert_eq!((late.fragments.incomplete, segments, notes), (parts.len() as u64, 0, 1));
    // An overlap: the datagram is refused, whichever copy would have been right.
    let mut overlap = at(1, &all[..1]);
    let mut second = parts[1].clone();
    second[7] -= 1;
    overlap.push((1, second));
    overlap.extend(at(1, &all[2..]));
    let (refused, segments, notes) = stats(&overlap);
    assert_eq!((refused.fragments.refused, segments, notes), (2, 0, 1));
    assert_eq!(refused.packets, refused.segments + refused.unread.fragments);
}

#[test]
fn a_fragment_that_was_cut_when_captured_loses_what_follows_it() {
    let mut packets: Vec<Packet> =
        fragments4(&talk(9)[2].data, 40, &[]).into_iter().map(|data| Packet::new(1_000_000_000, data)).collect();
    packets[1] = packets[1].cut(20 + 8);
    let scratch = Scratch::new();
    let got = read(&[scratch.file("a.pcap", &Pcap::RAW.write(&packets))]);
    assert!(got.text.contains("Client 101 28 bytes") && got.text.contains("Client 129 Skipped(44)"), "{}", got.text);
}

#[test]
fn urgent_data_is_said_to_be_in_doubt() {
    let mut packets = talk(9);
    packets[2].data[33] |= 0x20;
    let scratch = Scratch::new();
    let got = read(&[scratch.file("a.pcap", &Pcap::RAW.write(&packets))]);
    assert_eq!(got.stats.urgent, 1);
    assert!(got.notes[0].to_string().contains("1 packets carry urgent data"), "{}", got.notes[0]);
}
