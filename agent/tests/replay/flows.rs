//! Which connection a segment belongs to, who its client is, and how many bytes live capture would have copied.

use apiscope::capture::replay::ReplayOptions;
use apiscope_wire::Verdict;
use expect_test::{Expect, expect};

use super::support::{Packet, Pcap, Read, Scratch, read_packets, read_with, script, script_between};

fn check(text: &str, expected: &Expect) -> Read {
    let read = read_packets(&script(text));
    expected.assert_eq(&read.text);
    read
}

#[test]
fn a_whole_connection() {
    let read = check(
        r"
        1.0 > S 100
        1.1 < S 200 ack 101
        1.2 > 101 ack 201
        1.3 > 101 ack 201 'GET / HTTP/1.1\r\n\r\n
        1.4 < 201 ack 119 'HTTP/1.1 204 No Content\r\n\r\n
        1.5 > F 119 ack 228
        1.6 < F 228 ack 120
        1.7 > 120 ack 229
        ",
        &expect![[r#"
            1 10.0.0.1:40000 -> 10.0.0.2:80
            1 1.000 Client 101 Open
            1 1.100 Server 201 Open
            1 1.300 Client 101 18 bytes GET / HTTP/1.1\r\n
            1 1.400 Server 201 27 bytes HTTP/1.1 204 No 
            1 1.500 Client 119 Close(Fin)
            1 1.600 Server 228 Close(Fin)
            1 1.700 Client 0 Close(Gone)
        "#]],
    );
    assert_eq!((read.stats.packets, read.stats.segments, read.stats.flows.opened), (8, 8, 1));
    assert_eq!(read.ticks, 2, "one for the second, one at the end");
}

#[test]
fn payload_on_the_syn_and_sequence_wrap() {
    check(
        r"
        1.0 > S 4294967295 'GET / HTTP/1.1\r\n
        1.1 < S 200 ack 17
        1.2 > 16 ack 201 '\r\n
        ",
        &expect![[r#"
            1 10.0.0.1:40000 -> 10.0.0.2:80
            1 1.000 Client 0 Open
            1 1.000 Client 0 16 bytes GET / HTTP/1.1\r\n
            1 1.100 Server 201 Open
            1 1.200 Client 16 2 bytes \r\n
            1 1.200 Client 0 Close(Gone)
        "#]],
    );
}

#[test]
fn a_retransmitted_syn_opens_nothing_twice() {
    check(
        r"
        1.0 > S 100
        2.0 > S 100
        2.1 < S 200 ack 101
        2.2 < S 200 ack 101
        2.3 > 101 ack 201 'GET /
        2.4 > S 100
        ",
        &expect![[r#"
            1 10.0.0.1:40000 -> 10.0.0.2:80
            1 1.000 Client 101 Open
            1 2.100 Server 201 Open
            1 2.300 Client 101 5 bytes GET /
            1 2.400 Client 0 Close(Gone)
        "#]],
    );
}

#[test]
fn the_answer_before_the_syn() {
    check(
        r"
        1.0 < S 200 ack 101
        1.1 > S 100
        1.2 > 101 ack 201 'GET /
        ",
        &expect![[r#"
            1 10.0.0.1:40000 -> 10.0.0.2:80
            1 1.000 Server 201 Open
            1 1.100 Client 101 Open
            1 1.200 Client 101 5 bytes GET /
            1 1.200 Client 0 Close(Gone)
        "#]],
    );
}

#[test]
fn without_a_syn_the_payload_tells_the_client() {
    let packets = [
        script_between("1.0 < 500 ack 1 'HTTP/1.1 200 OK\\r\\n", 80, 40_000),
        script_between("1.0 > 500 ack 1 'GET / HTTP/1.1\\r\\n", 81, 40_000),
    ];
    let read = read_packets(&packets.concat());
    expect![[r#"
        1 10.0.0.1:80 -> 10.0.0.2:40000
        1 1.000 Server 500 17 bytes HTTP/1.1 200 OK\r
        2 10.0.0.1:81 -> 10.0.0.2:40000
        2 1.000 Client 500 16 bytes GET / HTTP/1.1\r\n
        1 1.000 Client 0 Close(Gone)
        2 1.000 Client 0 Close(Gone)
    "#]]
    .assert_eq(&read.text);
    assert_eq!(read.stats.flows.guessed, 0);
}

#[test]
fn without_any_hint_the_lower_port_serves_until_a_payload_says_otherwise() {
    let read = read_packets(&script_between(
        r"
        1.0 > 100 ack 1 'binary
        1.1 < 200 ack 106 'more
        1.2 < 204 ack 106 'GET / HTTP/1.1\r\n
        1.3 > 106 ack 220 'HTTP/1.1 200 OK\r\n
        ",
        40_000,
        9_000,
    ));
    expect![[r#"
        1 10.0.0.1:40000 -> 10.0.0.2:9000
        1 1.000 Client 100 6 bytes binary
        1 1.100 Server 200 4 bytes more
        1 1.200 Client 0 Close(Gone)
        2 10.0.0.2:9000 -> 10.0.0.1:40000
        2 1.200 Client 204 16 bytes GET / HTTP/1.1\r\n
        2 1.300 Server 106 17 bytes HTTP/1.1 200 OK\r
        2 1.300 Client 0 Close(Gone)
    "#]]
    .assert_eq(&read.text);
    assert_eq!(read.stats.flows.guessed, 1);
}

#[test]
fn the_port_again_after_the_end() {
    check(
        r"
        1.0 > S 100
        1.1 > 101 ack 1 'GET /1
        1.2 > F 107 ack 1
        1.3 < F 1 ack 108
        1.4 > S 100
        1.5 > 101 ack 1 'GET /2
        ",
        &expect![[r#"
            1 10.0.0.1:40000 -> 10.0.0.2:80
            1 1.000 Client 101 Open
            1 1.100 Client 101 6 bytes GET /1
            1 1.200 Client 107 Close(Fin)
            1 1.300 Server 1 Close(Fin)
            1 1.400 Client 0 Close(Gone)
            2 10.0.0.1:40000 -> 10.0.0.2:80
            2 1.400 Client 101 Open
            2 1.500 Client 101 6 bytes GET /2
            2 1.500 Client 0 Close(Gone)
        "#]],
    );
}

#[test]
fn the_port_again_while_the_old_one_seems_alive() {
    check(
        r"
        1.0 > S 100
        1.1 < S 200 ack 101
        1.2 > 101 ack 201 'GET /1
        1.3 > S 9000
        1.4 < S 8000 ack 9001
        1.5 > 9001 ack 8001 'GET /2
        ",
        &expect![[r#"
            1 10.0.0.1:40000 -> 10.0.0.2:80
            1 1.000 Client 101 Open
            1 1.100 Server 201 Open
            1 1.200 Client 101 6 bytes GET /1
            1 1.400 Client 0 Close(Gone)
            2 10.0.0.1:40000 -> 10.0.0.2:80
            2 1.400 Client 9001 Open
            2 1.400 Server 8001 Open
            2 1.500 Client 9001 6 bytes GET /2
            2 1.500 Client 0 Close(Gone)
        "#]],
    );
}

#[test]
fn the_port_again_with_only_the_clients_side_in_the_file() {
    check(
        r"
        1.0 > S 100
        1.2 > 101 ack 201 'GET /1
        1.3 > S 9000
        1.5 > 9001 ack 8001 'GET /2
        ",
        &expect![[r#"
            1 10.0.0.1:40000 -> 10.0.0.2:80
            1 1.000 Client 101 Open
            1 1.200 Client 101 6 bytes GET /1
            1 1.500 Client 0 Close(Gone)
            2 10.0.0.1:40000 -> 10.0.0.2:80
            2 1.500 Client 9001 Open
            2 1.500 Client 9001 6 bytes GET /2
            2 1.500 Client 0 Close(Gone)
        "#]],
    );
}

#[test]
fn a_stray_syn_does_not_split_a_living_connection() {
    let read = check(
        r"
        1.0 > S 100
        1.1 < S 200 ack 101
        1.2 > 101 ack 201 'GET /1
        1.3 > S 9000
        1.4 < 201 ack 107
        1.5 < 201 ack 107 'HTTP/1.1
        ",
        &expect![[r#"
            1 10.0.0.1:40000 -> 10.0.0.2:80
            1 1.000 Client 101 Open
            1 1.100 Server 201 Open
            1 1.200 Client 101 6 bytes GET /1
            1 1.500 Server 201 8 bytes HTTP/1.1
            1 1.500 Client 0 Close(Gone)
        "#]],
    );
    assert_eq!(read.stats.flows.stray, 1);
}

#[test]
fn a_syn_after_long_silence_is_another_connection() {
    check(
        r"
        1.0 > S 100
        1.2 > 101 ack 201 'GET /1
        90 > S 9000
        ",
        &expect![[r#"
            1 10.0.0.1:40000 -> 10.0.0.2:80
            1 1.000 Client 101 Open
            1 1.200 Client 101 6 bytes GET /1
            1 90.000 Client 0 Close(Gone)
            2 10.0.0.1:40000 -> 10.0.0.2:80
            2 90.000 Client 9001 Open
            2 90.000 Client 0 Close(Gone)
        "#]],
    );
}

#[test]
fn reset_and_late_segments() {
    check(
        r"
        1.0 > S 100
        1.1 < S 200 ack 101
        1.2 < R 201
        1.3 > 101 ack 201 'GET /
        8.0 > 106 ack 201
        ",
        &expect![[r#"
            1 10.0.0.1:40000 -> 10.0.0.2:80
            1 1.000 Client 101 Open
            1 1.100 Server 201 Open
            1 1.200 Server 201 Close(Reset)
            1 1.300 Client 101 5 bytes GET /
            1 8.000 Client 0 Close(Gone)
        "#]],
    );
}

#[test]
fn an_ended_flow_goes_after_its_time() {
    check(
        r"
        1.0 > S 100
        1.1 > R 101
        20 < 5 ack 4
        21 > S 500
        ",
        &expect![[r#"
            1 10.0.0.1:40000 -> 10.0.0.2:80
            1 1.000 Client 101 Open
            1 1.100 Client 101 Close(Reset)
            1 20.000 Client 0 Close(Gone)
            2 10.0.0.1:40000 -> 10.0.0.2:80
            2 21.000 Client 501 Open
            2 21.000 Client 0 Close(Gone)
        "#]],
    );
}

#[test]
fn acknowledgements_and_ends_of_nothing_are_stray() {
    let read = check(
        r"
        1.0 > 100 ack 1
        1.1 > F 100 ack 1
        1.2 < R 1
        ",
        &expect![[""]],
    );
    assert_eq!(read.stats.flows.stray, 3);
}

#[test]
fn past_the_budget_bytes_are_skipped_until_the_turn() {
    check(
        r"
        1.0 > S 100
        1.1 > 101 ack 201 'GET / HTTP/1.1\r\n\r\n
        1.2 < 201 ack 119 +60000
        1.3 < 60201 ack 119 +9632
        1.4 < 69833 ack 119 +1000
        1.5 > 119 ack 70833 'GET / HTTP/1.1\r\n\r\n
        1.6 < 70833 ack 137 +1000
        ",
        &expect![[r#"
            1 10.0.0.1:40000 -> 10.0.0.2:80
            1 1.000 Client 101 Open
            1 1.100 Client 101 18 bytes GET / HTTP/1.1\r\n
            1 1.200 Server 201 60000 bytes xxxxxxxxxxxxxxxx
            1 1.300 Server 60201 9632 bytes xxxxxxxxxxxxxxxx
            1 1.400 Server 69833 Skipped(1000)
            1 1.500 Client 119 18 bytes GET / HTTP/1.1\r\n
            1 1.600 Server 70833 1000 bytes xxxxxxxxxxxxxxxx
            1 1.600 Client 0 Close(Gone)
        "#]],
    );
}

#[test]
fn a_packet_that_is_there_twice_takes_one_step() {
    check(
        r"
        1.0 > 101 ack 201 'GET / HTTP/1.1\r\n\r\n
        1.0 > 101 ack 201 'GET / HTTP/1.1\r\n\r\n
        1.2 < 201 ack 119 +40000
        1.2 < 201 ack 119 +40000
        1.3 < 40201 ack 119 +20000
        1.3 < 40201 ack 119 +20000
        ",
        &expect![[r#"
            1 10.0.0.1:40000 -> 10.0.0.2:80
            1 1.000 Client 101 18 bytes GET / HTTP/1.1\r\n
            1 1.000 Client 101 18 bytes GET / HTTP/1.1\r\n
            1 1.200 Server 201 40000 bytes xxxxxxxxxxxxxxxx
            1 1.200 Server 201 29632 bytes xxxxxxxxxxxxxxxx
            1 1.300 Server 40201 20000 bytes xxxxxxxxxxxxxxxx
            1 1.300 Server 40201 9632 bytes xxxxxxxxxxxxxxxx
            1 1.300 Client 0 Close(Gone)
        "#]],
    );
}

#[test]
fn verdicts_are_obeyed_and_full_means_all() {
    let packets = script(
        r"
        1.0 > S 100
        1.1 > 101 ack 201 'nothing
        1.2 > 108 ack 201 'of this turn
        1.3 < 201 ack 120 +60000
        1.4 < 60201 ack 120 +60000
        1.5 > 120 ack 120201 'more
        ",
    );
    let scratch = Scratch::new();
    let path = [scratch.file("a.pcap", &Pcap::RAW.write(&packets))];
    let ignored = read_with(&path, ReplayOptions::default(), &[(1, 2, Verdict::IgnoreNotHttp)]);
    expect![[r#"
        1 10.0.0.1:40000 -> 10.0.0.2:80
        1 1.000 Client 101 Open
        1 1.100 Client 101 7 bytes nothing
        1 1.200 Client 108 12 bytes of this turn
        1 1.300 Server 201 Skipped(60000)
        1 1.400 Server 60201 Skipped(60000)
        1 1.500 Client 120 Skipped(4)
        1 1.500 Client 0 Close(Gone)
    "#]]
    .assert_eq(&ignored.text);
    let full = ReplayOptions { limits: None, ..ReplayOptions::default() };
    assert!(!read_with(&path, full, &[]).text.contains("Skipped"));
    let ignored_all = read_with(&path, full, &[(1, 2, Verdict::IgnoreEncrypted)]);
    assert_eq!(ignored_all.text.matches(" bytes ").count(), 1, "{}", ignored_all.text);
}

#[test]
fn flows_have_a_bound_and_the_idle_one_goes() {
    let scratch = Scratch::new();
    let packets: Vec<Packet> = (1..=4).flat_map(|port| script_between("1.0 > S 100", port, 80)).collect();
    let path = [scratch.file("a.pcap", &Pcap::RAW.write(&packets))];
    let options = ReplayOptions { flows_max: 2, ..ReplayOptions::default() };
    let read = read_with(&path, options, &[]);
    expect![[r#"
        1 10.0.0.1:1 -> 10.0.0.2:80
        1 1.000 Client 101 Open
        2 10.0.0.1:2 -> 10.0.0.2:80
        2 1.000 Client 101 Open
        1 1.000 Client 0 Close(Gone)
        3 10.0.0.1:3 -> 10.0.0.2:80
        3 1.000 Client 101 Open
        2 1.000 Client 0 Close(Gone)
        4 10.0.0.1:4 -> 10.0.0.2:80
        4 1.000 Client 101 Open
        3 1.000 Client 0 Close(Gone)
        4 1.000 Client 0 Close(Gone)
    "#]]
    .assert_eq(&read.text);
    assert_eq!((read.stats.flows.opened, read.stats.flows.evicted), (4, 2));
}

#[test]
fn an_ended_flow_makes_room_first() {
    let scratch = Scratch::new();
    let mut packets = script_between("1.0 > S 100", 1, 80);
    packets.extend(script_between("1.0 > S 100\n1.0 > R 101", 2, 80));
    packets.extend(script_between("1.0 > S 100", 3, 80));
    let path = [scratch.file("a.pcap", &Pcap::RAW.write(&packets))];
    let read = read_with(&path, ReplayOptions { flows_max: 2, ..ReplayOptions::default() }, &[]);
    expect![[r#"
        1 10.0.0.1:1 -> 10.0.0.2:80
        1 1.000 Client 101 Open
        2 10.0.0.1:2 -> 10.0.0.2:80
        2 1.000 Client 101 Open
        2 1.000 Client 101 Close(Reset)
        2 1.000 Client 0 Close(Gone)
        3 10.0.0.1:3 -> 10.0.0.2:80
        3 1.000 Client 101 Open
        1 1.000 Client 0 Close(Gone)
        3 1.000 Client 0 Close(Gone)
    "#]]
    .assert_eq(&read.text);
    assert_eq!(read.stats.flows.evicted, 0);
}

#[test]
fn time_that_goes_back_hurts_nothing() {
    let read = check(
        r"
        9.0 > S 100
        2.0 > 101 ack 201 'GET /
        7.0 > F 106 ack 201
        ",
        &expect![[r#"
            1 10.0.0.1:40000 -> 10.0.0.2:80
            1 9.000 Client 101 Open
            1 2.000 Client 101 5 bytes GET /
            1 7.000 Client 106 Close(Fin)
            1 9.000 Client 0 Close(Gone)
        "#]],
    );
    assert_eq!((read.stats.out_of_time, read.ticks), (2, 2));
}
