//! From the link layer to the segment: every link type, tags, tunnels, lengths, cuts.

use etherparse::{IpNumber, PacketBuilder};

use super::support::{ETHERNET, Packet, Pcap, Read, read_bytes, script};

const TALK: &str = r"
    1.0 > S 100
    1.1 < S 200 ack 101
    1.2 > 101 ack 201 'GET / HTTP/1.1\r\n\r\n
    1.3 < 201 ack 119 'HTTP/1.1 204 No Content\r\n\r\n
    1.4 > F 119 ack 228
    1.5 < F 228 ack 120
";

fn on(link: u32, wrap: impl Fn(&Packet) -> Packet) -> Read {
    let packets: Vec<Packet> = script(TALK).iter().map(wrap).collect();
    read_bytes(&Pcap { link, ..Pcap::RAW }.write(&packets))
}

fn behind(link: u32, head: &[u8]) -> Read {
    on(link, |packet| packet.wrapped(head, &[]))
}

#[track_caller]
fn same(read: &Read) {
    let bare = on(101, Packet::clone);
    assert_eq!(read.text, bare.text);
    assert!(read.notes.is_empty(), "{:?}", read.notes);
}

#[test]
fn every_link_type_gives_the_same() {
    same(&behind(1, &ETHERNET));
    for raw in [12, 14, 101, 228] {
        same(&behind(raw, &[]));
    }
    same(&behind(0, &[2, 0, 0, 0]));
    same(&behind(108, &[0, 0, 0, 2]));
    same(&behind(113, &[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0]));
    same(&behind(276, &[8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0]));
    let big = Pcap { link: 0, big_endian: true, nanos: false };
    let packets: Vec<Packet> = script(TALK).iter().map(|packet| packet.wrapped(&[0, 0, 0, 2], &[])).collect();
    same(&read_bytes(&big.write(&packets)));
}

#[test]
fn tags_and_paddings_are_no_payload() {
    let tagged = [&ETHERNET[..12], &[0x88, 0xa8, 0, 1, 0x81, 0, 0, 2, 8, 0]].concat();
    same(&behind(1, &tagged));
    same(&on(1, |packet| packet.wrapped(&ETHERNET, b"PADDING")));
    let too_many = [&ETHERNET[..12], &[0x81, 0, 0, 1].repeat(6), &[8, 0]].concat();
    assert_eq!(behind(1, &too_many).stats.unread.too_deep, 6);
}

#[test]
fn netfilters_log_in_both_byte_orders() {
    let log = |big_endian: bool| {
        let two = |value: usize| {
            let value = u16::try_from(value).expect("short");
            if big_endian { value.to_be_bytes() } else { value.to_le_bytes() }
        };
        let packets: Vec<Packet> = script(TALK)
            .iter()
            .map(|packet| {
                let prefix = [&two(6)[..], &two(10), b"x\0", &[0; 2]].concat();
                let payload = [two(4 + packet.data.len()), two(9)].concat();
                packet.wrapped(&[&[2, 0, 0, 1][..], &prefix, &payload].concat(), &[0; 3])
            })
            .collect();
        read_bytes(&Pcap { link: 239, big_endian, nanos: false }.write(&packets))
    };
    same(&log(false));
    same(&log(true));
}

#[test]
fn tunnels_are_followed() {
    let outer = |protocol: u8, head: &[u8]| {
        let head = head.to_vec();
        on(101, move |packet| {
            let inside = [head.as_slice(), packet.data.as_slice()].concat();
            let mut data = Vec::new();
            let ip = etherparse::Ipv4Header::new(
                u16::try_from(inside.len()).expect("short"),
                64,
                IpNumber(protocol),
                [172, 16, 0, 1],
                [172, 16, 0, 2],
            );
            ip.expect("short").write(&mut data).expect("in memory");
            Packet::new(packet.at, [data, inside].concat())
        })
    };
    same(&outer(4, &[]));
    same(&outer(47, &[0, 0, 8, 0]));
    same(&outer(
        47,
        &[0xb0, 0, 0x65, 0x58, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1].iter().chain(&ETHERNET).copied().collect::<Vec<_>>(),
    ));
    let vxlan = on(101, |packet| {
        let mut data = Vec::new();
        let inside = [&[8, 0, 0, 0, 0, 0, 7, 0], &ETHERNET[..], &packet.data].concat();
        PacketBuilder::ipv4([172, 16, 0, 1], [172, 16, 0, 2], 64)
            .udp(5555, 4789)
            .write(&mut data, &inside)
            .expect("in memory");
        Packet::new(packet.at, data)
    });
    same(&vxlan);
    let mut nested = script(TALK).remove(0);
    for _ in 0..8 {
        let mut data = Vec::new();
        let ip = etherparse::Ipv4Header::new(
            u16::try_from(nested.data.len()).expect("short"),
            64,
            IpNumber(4),
            [1; 4],
            [2; 4],
        );
        ip.expect("short").write(&mut data).expect("in memory");
        nested = nested.wrapped(&data, &[]);
    }
    assert_eq!(read_bytes(&Pcap::RAW.write(&[nested])).stats.unread.too_deep, 1);
}

#[test]
fn what_was_not_captured_is_skipped() {
    let whole = script("1.0 > 101 ack 201 'GET / HTTP/1.1\\r\\n\\r\\n").remove(0);
    let read = read_bytes(&Pcap::RAW.write(&[whole.cut(44)]));
    assert!(read.text.contains("Client 101 4 bytes GET \n1 1.000 Client 105 Skipped(14)\n"), "{}", read.text);
    assert_eq!((read.stats.cut, read.notes.len()), (1, 1));
    assert!(read.notes[0].to_string().contains("1 packets were captured without their end"), "{}", read.notes[0]);
    // The header alone, a part of its options, and less.
    let mut options = Vec::new();
    let builder = PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).tcp(40_000, 80, 101, 1);
    builder.options_raw(&[1; 12]).expect("fits").write(&mut options, b"GET / HTTP/1.1\r\n\r\n").expect("in memory");
    let options = Packet::new(1_000_000_000, options);
    for len in [40, 45, 52] {
        let read = read_bytes(&Pcap::RAW.write(&[options.cut(len)]));
        assert!(read.text.contains("Client 101 Skipped(18)\n"), "{len}: {}", read.text);
    }
    for len in 0..40 {
        let read = read_bytes(&Pcap::RAW.write(&[options.cut(len)]));
        assert_eq!((read.stats.unread.header_cut, read.text.as_str()), (1, ""), "{len}");
    }
}

#[test]
fn an_offloaded_packet_has_the_length_of_its_frame() {
    let same_but_without_length = |packet: &Packet| {
        let mut packet = packet.clone();
        packet.data[2..4].copy_from_slice(&[0, 0]);
        packet
    };
    same(&on(101, same_but_without_length));
}

#[test]
fn ip6_with_extension_headers() {
    let mut data = Vec::new();
    let builder = PacketBuilder::ipv6([1; 16], [2; 16], 64).tcp(40_000, 80, 101, 1);
    builder.write(&mut data, b"GET /").expect("in memory");
    let plain = Packet::new(1_000_000_000, data.clone());
    // Hop-by-hop, destination options, and the atomic fragment of RFC 6946 between the IPv6 header and TCP.
    let extensions = [[60, 0, 1, 4, 0, 0, 0, 0], [44, 0, 1, 4, 0, 0, 0, 0], [6, 0, 0, 0, 0, 0, 0, 9]].concat();
    let mut longer = [&data[..40], &extensions, &data[40..]].concat();
    longer[6] = 0;
    let mut atomic = longer.clone();
    let len = u16::try_from(longer.len() - 40).expect("short");
    atomic[4..6].copy_from_slice(&len.to_be_bytes());
    let read = |data: Vec<u8>| read_bytes(&Pcap { link: 229, ..Pcap::RAW }.write(&[Packet::new(plain.at, data)]));
    let expected = read(plain.data.clone());
    assert!(expected.text.contains("5 bytes GET /"), "{}", expected.text);
    assert_eq!(read(atomic.clone()).text, expected.text);
    atomic[58] = 0;
    atomic[59] = 1;
    let fragment = read(atomic);
    assert_eq!((fragment.stats.unread.fragments, fragment.text.as_str()), (1, ""));
    assert!(fragment.notes[0].to_string().contains("1 IP fragments were not read"), "{}", fragment.notes[0]);
    assert_eq!(fragment.stats.fragments.refused + fragment.stats.fragments.incomplete, 1);
}

#[test]
fn what_is_no_tcp_is_counted_by_reason() {
    let one = |link: u32, data: &[u8]| {
        read_bytes(&Pcap { link, ..Pcap::RAW }.write(&[Packet::new(0, data.to_vec())])).stats.unread
    };
    assert_eq!(one(1, &[&ETHERNET[..12], &[8, 6], &[0; 28]].concat()).not_ip, 1);
    assert_eq!(one(101, &[0x70; 40]).not_ip, 1);
    assert_eq!(one(0, &[7, 0, 0, 0, 0x45]).not_ip, 1);
    let mut udp = Vec::new();
    PacketBuilder::ipv4([1; 4], [2; 4], 64).udp(53, 53).write(&mut udp, b"?").expect("in memory");
    assert_eq!(one(101, &udp).not_tcp, 1);
    let mut first_fragment = script(TALK).remove(0).data;
    first_fragment[6] = 0x20;
    assert_eq!(one(101, &first_fragment).fragments, 1);
    let mut short_header = script(TALK).remove(0).data;
    short_header[0] = 0x44;
    assert_eq!(one(101, &short_header).bad_header, 1);
    let mut short_offset = script(TALK).remove(0).data;
    short_offset[32] = 0x40;
    assert_eq!(one(101, &short_offset).bad_header, 1);
    let mut lying = script(TALK).remove(0).data;
    lying[2..4].copy_from_slice(&[0, 10]);
    assert_eq!(one(101, &lying).bad_header, 1);
}

#[test]
fn an_unknown_link_is_noted() {
    let read = behind(147, &[]);
    assert_eq!(read.stats.unread.link, 6);
    let [note] = read.notes.as_slice() else { panic!("{:?}", read.notes) };
    assert!(note.to_string().ends_with(": 6 packets of interface 0 were not read: link type 147 is not supported"));
}
