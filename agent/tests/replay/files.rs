//! The containers: both formats in all their forms, compression, directories, several files, and what is wrong with files.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use apiscope::capture::replay::{Replay, ReplayError, ReplayNote};
use apiscope_wire::{Input, Timestamp};
use expect_test::expect;

use super::support::{
    ETHERNET, Packet, Pcap, Scratch, block, enhanced, interface, read, read_bytes, read_packets, script, section,
};

const TALK: &str = r"
    1600000000.123456 > S 100
    1600000000.2 < S 200 ack 101
    1600000001.3 > 101 ack 201 'GET / HTTP/1.1\r\n\r\n
    1600000003.4 < 201 ack 119 'HTTP/1.1 204 No Content\r\n\r\n
";

fn plain() -> Vec<u8> {
    Pcap::RAW.write(&script(TALK))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).expect("in memory");
    encoder.include_checksum(true).expect("in memory");
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

fn error(paths: &[&Path]) -> String {
    let paths: Vec<PathBuf> = paths.iter().map(|path| path.to_path_buf()).collect();
    let error = Replay::open(&paths).err().expect("an error").to_string();
    error.replace(&*paths[0].parent().expect("in a directory").to_string_lossy(), "DIR")
}

#[test]
fn byte_orders_and_resolutions() {
    let expected = read_bytes(&plain()).text;
    for (big_endian, nanos) in [(false, true), (true, false), (true, true)] {
        let file = Pcap { link: 101, big_endian, nanos }.write(&script(TALK));
        assert_eq!(read_bytes(&file).text, expected, "{big_endian} {nanos}");
    }
}

#[test]
fn compressed_files_by_their_magic() {
    let expected = read_bytes(&plain()).text;
    for packed in [gzip(&plain()), zstd(&plain())] {
        assert_eq!(read_bytes(&packed).text, expected);
    }
    let (head, tail) = (plain()[..50].to_vec(), plain()[50..].to_vec());
    assert_eq!(read_bytes(&[gzip(&head), gzip(&tail)].concat()).text, expected, "members of one gzip file");
    assert_eq!(read_bytes(&[zstd(&head), zstd(&tail)].concat()).text, expected, "frames of one zstd file");
}

#[test]
fn pcapng_with_interfaces_of_their_own_clocks() {
    let packets = script(TALK);
    let ethernet: Vec<Packet> = packets.iter().map(|packet| packet.wrapped(&ETHERNET, &[])).collect();
    let offset = 1_500_000_000i64.to_le_bytes();
    let mut file = section();
    file.extend(interface(1, &[(2, b"eth0"), (9, &[9])]));
    file.extend(interface(101, &[(9, &[0x80 | 0x14]), (14, &offset)]));
    file.extend(interface(101, &[]));
    file.extend(block(5, &[1; 40]));
    file.extend(enhanced(0, packets[0].at, &ethernet[0]));
    file.extend(block(0x0bad, b"not known to anyone"));
    let since_offset = packets[1].at - 1_500_000_000_000_000_000;
    let ticks = u64::try_from((u128::from(since_offset) * (1 << 20)).div_ceil(1_000_000_000)).expect("60 bits");
    file.extend(enhanced(1, ticks, &packets[1]));
    file.extend(enhanced(2, packets[2].at / 1000, &packets[2]));
    file.extend(enhanced(2, packets[3].at / 1000, &packets[3]));
    let read = read_bytes(&file);
    expect![[r#"
        1 10.0.0.1:40000 -> 10.0.0.2:80 on eth0
        1 1600000000.123 Client 101 Open
        1 1600000000.200 Server 201 Open
        1 1600000001.300 Client 101 18 bytes GET / HTTP/1.1\r\n
        1 1600000003.400 Server 201 27 bytes HTTP/1.1 204 No 
        1 1600000003.400 Client 0 Close(Gone)
    "#]]
    .assert_eq(&read.text);
    assert!(read.notes.is_empty());
}

#[test]
fn pcapng_in_big_endian_with_old_and_simple_blocks() {
    let packets = script(TALK);
    let mut file = vec![0x0a, 0x0d, 0x0d, 0x0a, 0, 0, 0, 28, 0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0];
    file.extend([255; 8]);
    file.extend([0, 0, 0, 28]);
    file.extend([0, 0, 0, 1, 0, 0, 0, 20, 0, 101, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20]);
    for (at, packet) in packets.iter().enumerate() {
        let len = u32::try_from(packet.data.len()).expect("short").to_be_bytes();
        let ticks = (packet.at / 1000).to_be_bytes();
        let body = if at < 3 {
            [&[0, 0, 0, 0][..], &ticks, &len, &len, &packet.data].concat()
        } else {
            [&len[..], &packet.data].concat()
        };
        let padded = body.len().next_multiple_of(4);
        let block_len = u32::try_from(12 + padded).expect("short").to_be_bytes();
        file.extend([0, 0, 0, if at < 3 { 2 } else { 3 }]);
        file.extend(block_len);
        file.extend(&body);
        file.resize(file.len() + padded - body.len(), 0);
        file.extend(block_len);
    }
    let expected = read_packets(&packets).text.replace("1600000003.400", "1600000001.300");
    assert_eq!(read_bytes(&file).text, expected, "a simple block has no time: that of the packet before");
}

#[test]
fn a_second_section_forgets_the_interfaces() {
    let packets = script(TALK);
    let mut file = [section(), interface(101, &[]), enhanced(0, 1, &packets[0])].concat();
    file.extend([section(), enhanced(0, 2, &packets[1])].concat());
    let read = read_bytes(&file);
    assert_eq!((read.stats.segments, read.stats.unread.link), (1, 1));
    assert!(read.notes[0].to_string().ends_with("the file does not describe that interface"), "{}", read.notes[0]);
}

#[test]
fn a_directory_in_name_order_and_rotated_files() {
    let scratch = Scratch::new();
    let packets = script(TALK);
    scratch.file("b.pcap", &Pcap::RAW.write(&packets[2..]));
    scratch.file("a.pcap.gz", &gzip(&Pcap::RAW.write(&packets[..2])));
    scratch.file("notes.txt", b"no capture");
    std::fs::create_dir(scratch.path().join("sub")).expect("a directory");
    let result = read(&[scratch.path().to_path_buf()]);
    assert_eq!(result.text, read_packets(&packets).text, "a connection goes on in the next file");
    assert_eq!(result.notes, [ReplayNote::NotACapture { path: scratch.path().join("notes.txt") }]);
    assert_eq!(result.stats.files, 2);
}

#[test]
fn a_broken_file_of_a_directory_stops_no_other() {
    let scratch = Scratch::new();
    scratch.file("a.pcap", &plain()[..20]);
    scratch.file("b.pcap", &plain());
    let result = read(&[scratch.path().to_path_buf()]);
    assert_eq!(result.text, read_bytes(&plain()).text);
    let [error] = result.errors.as_slice() else { panic!("{:?}", result.errors) };
    assert!(error.contains("a.pcap: damaged at byte 0: the file header is not valid"), "{error}");
}

#[test]
fn a_pipe_is_read_once() {
    let scratch = Scratch::new();
    let path = scratch.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
    let writer = std::thread::spawn({
        let path = path.clone();
        move || std::fs::write(path, plain()).expect("a reader")
    });
    assert_eq!(read(&[path]).text, read_bytes(&plain()).text);
    writer.join().expect("written");
}

#[test]
fn a_file_that_begins_earlier_is_a_capture_of_its_own() {
    let scratch = Scratch::new();
    let path = scratch.file("a.pcap", &plain());
    let twice = read(&[path.clone(), path.clone()]);
    let once = read(&[path]);
    assert_eq!(twice.text, once.text.clone() + &once.text.replace("1 1600", "2 1600").replace("1 10.0", "2 10.0"));
    assert_eq!(twice.ticks, 2 * once.ticks - 1);
}

#[test]
fn ticks_come_with_the_packets_seconds() {
    let scratch = Scratch::new();
    let mut replay = Replay::open(&[scratch.file("a.pcap", &plain())]).expect("opens");
    let mut ticks = Vec::new();
    while replay
        .next_inputs(&mut |input| {
            if let Input::Tick(at) = input {
                ticks.push(at.as_nanos() / 1_000_000 % 1_000_000);
            }
        })
        .expect("reads")
    {}
    assert_eq!(ticks, [123, 1300, 3400, 3400]);
    let stats = replay.stats();
    assert_eq!(stats.first, Some(Timestamp::from_nanos(1_600_000_000_123_456_000)));
    assert_eq!(stats.last, Some(Timestamp::from_nanos(1_600_000_003_400_000_000)));
    assert!(!replay.next_inputs(&mut |_| panic!("nothing twice")).expect("stays at the end"));
}

#[test]
fn a_truncated_file_gives_what_it_has_and_a_note() {
    let whole = plain();
    let expected = read_bytes(&whole);
    let expected: Vec<&str> = expected.text.lines().collect();
    for len in 24..whole.len() {
        let result = read_bytes(&whole[..len]);
        let lines: Vec<&str> = result.text.lines().filter(|line| !line.ends_with("Close(Gone)")).collect();
        assert!(expected.starts_with(&lines), "{len}");
        let at_boundary = [24, 80, 136, 210].contains(&len);
        assert_eq!(result.notes.len(), usize::from(!at_boundary), "{len}: {:?}", result.notes);
        assert!(result.errors.is_empty());
    }
    let note = &read_bytes(&whole[..100]).notes[0];
    assert!(note.to_string().ends_with("/capture: ends inside the record at byte 80; everything before it was read"));
    let ng = [section(), interface(101, &[]), enhanced(0, 1, &script(TALK)[0])].concat();
    for len in 29..ng.len() {
        let result = read_bytes(&ng[..len]);
        assert_eq!(result.notes.len(), usize::from(len != 48), "{len}: {:?}", result.notes);
    }
}

/// Enough packets, different enough, that the compressed file has many blocks.
fn many() -> Vec<u8> {
    let packet = script("1.0 > S 1").remove(0);
    let number = |at: u32| at.wrapping_mul(2_654_435_761).to_be_bytes();
    let packets: Vec<Packet> = (0..40_000).map(|at| packet.wrapped(&number(at), &[])).collect();
    Pcap { link: 147, ..Pcap::RAW }.write(&packets)
}

#[test]
fn a_truncated_compressed_file_too() {
    for packed in [gzip(&many()), zstd(&many())] {
        let result = read_bytes(&packed[..packed.len() / 2]);
        assert!(result.stats.packets > 1000 && result.stats.packets < 40_000, "{:?}", result.stats);
        assert!(result.notes.iter().any(|note| matches!(note, ReplayNote::Truncated { .. })), "{:?}", result.notes);
        assert!(result.errors.is_empty(), "{:?}", result.errors);
    }
}

#[test]
fn damage_ends_the_file_and_the_next_one_is_read() {
    let scratch = Scratch::new();
    let mut damaged = Pcap::RAW.write(&script(TALK)[..2]);
    damaged.extend([0xff; 16]);
    let first = scratch.file("a.pcap", &damaged);
    let second = scratch.file("b.pcap", &Pcap::RAW.write(&script(TALK)[2..]));
    let result = read(&[first, second]);
    assert_eq!(result.text, read_packets(&script(TALK)).text);
    let errors = result.errors.join("\n").replace(&*scratch.path().to_string_lossy(), "DIR");
    expect!["DIR/a.pcap: damaged at byte 136: a record claims 4294967295 bytes, which no packet has; everything before it was read, the rest of the file was not (`editcap` or `pcapfix` may save more)"].assert_eq(&errors);
}

#[test]
fn damaged_compression_is_an_error_behind_what_was_good() {
    for mut packed in [gzip(&many()), zstd(&many())] {
        let middle = packed.len() / 2;
        packed[middle..middle + 64].fill(0xff);
        let result = read_bytes(&packed);
        assert!(result.stats.packets > 1000, "{:?}", result.stats);
        assert_eq!(result.errors.len(), 1, "{:?}", result.notes);
    }
}

#[test]
fn what_can_not_be_read_is_said_at_once() {
    let scratch = Scratch::new();
    let text = scratch.file("text", b"GET / HTTP/1.1\r\n");
    let empty = scratch.file("empty", b"");
    let packed = scratch.file("packed.gz", &gzip(b"tar"));
    let header = scratch.file("header", &plain()[..20]);
    std::fs::create_dir(scratch.path().join("sub")).expect("a directory");
    let lines = [&text, &empty, &packed, &header, &scratch.path().join("sub"), &scratch.path().join("none")]
        .map(|path| error(&[path]))
        .join("\n");
    expect![[r#"
        DIR/text: not a capture file: it begins with the bytes 47 45 54 20; pcap and pcapng are read, plain or compressed with gzip or zstd (`editcap -F pcapng IN OUT` converts other formats)
        DIR/empty: not a capture file: it begins with nothing (it is empty); pcap and pcapng are read, plain or compressed with gzip or zstd (`editcap -F pcapng IN OUT` converts other formats)
        DIR/packed.gz: not a capture file: it begins with the bytes 74 61 72; pcap and pcapng are read, plain or compressed with gzip or zstd (`editcap -F pcapng IN OUT` converts other formats)
        DIR/header: damaged at byte 0: the file header is not valid; everything before it was read, the rest of the file was not (`editcap` or `pcapfix` may save more)
        DIR/sub: no capture file in this directory (sub-directories are not searched)
        DIR/none: No such file or directory (os error 2); check that the path exists and that this user may read it"#]].assert_eq(&lines);
    let good = scratch.file("good", &plain());
    assert!(matches!(Replay::open(&[good, text]), Err(ReplayError::NotACapture { .. })));
}
