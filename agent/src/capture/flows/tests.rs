#![expect(clippy::needless_raw_string_hashes, reason = "as expect-test writes them")]

use std::fmt::Write as _;
use std::net::IpAddr;

use apiscope_common::abi::{
    FLAG_BASE, FLAG_FIN, FLAG_FIRST, FLAG_LISTENER, FLAG_RST, RecordKind, SegmentHeader, SocketRole,
};
use apiscope_wire::{Input, Payload, Timestamp};
use expect_test::{Expect, expect};

use super::{End, Flows, HELD_BYTES_MAX, HOLD_NS_MAX, Names, ORPHAN_NS_MAX, ORPHANS_MAX, Record};

struct NoNames;

impl Names for NoNames {
    fn interface(&mut self, _: u32, _: IpAddr) -> Option<Box<str>> {
        None
    }

    fn workload(&mut self, _: u64) -> Option<Box<str>> {
        None
    }
}

/// Flows, and what they said.
#[derive(Default)]
struct Stage {
    flows: Flows,
    said: String,
}

impl Stage {
    fn take(&mut self, header: SegmentHeader, payload: &[u8]) -> &mut Self {
        let said = &mut self.said;
        let record = Record { header: &header, payload, at: Timestamp::from_nanos(header.time_ns) };
        self.flows.take(record, &mut NoNames, &mut |input| note(said, &input));
        self
    }

    fn answer(&mut self, ends: &[End]) -> Vec<u64> {
        let said = &mut self.said;
        self.flows.answer(ends, &mut NoNames, &mut |input| note(said, &input))
    }

    fn tick(&mut self, now_ns: u64) -> &mut Self {
        let said = &mut self.said;
        self.flows.tick(now_ns, &mut NoNames, &mut |input| note(said, &input));
        self
    }

    #[expect(clippy::needless_pass_by_value, reason = "`expect!` makes a value")]
    fn check(&mut self, expect: Expect) -> &mut Self {
        expect.assert_eq(&std::mem::take(&mut self.said));
        self
    }
}

fn note(said: &mut String, input: &Input<'_>) {
    match input {
        Input::Origin(flow, origin) => {
            writeln!(said, "{} origin {} -> {} {:?}", flow.get(), origin.client, origin.server, origin.role)
        }
        Input::Segment(segment) => {
            let (flow, side, seq) = (segment.flow.get(), segment.side, segment.seq.0);
            match segment.payload {
                Payload::Bytes(bytes) => writeln!(said, "{flow} {side:?} {seq} {}", String::from_utf8_lossy(bytes)),
                Payload::Open | Payload::Skipped(_) | Payload::Close(_) => {
                    writeln!(said, "{flow} {side:?} {seq} {:?}", segment.payload)
                }
            }
        }
        Input::Lost(flow, side, bytes) => writeln!(said, "{} {side:?} lost {bytes}", flow.get()),
        Input::Tick(_) => Ok(()),
    }
    .unwrap();
}

/// A record of a connection from 10.0.0.1:40000 to 10.0.0.2:80, as the end with this role sees it.
fn record(cookie: u64, role: SocketRole, out: bool, seq: u32, payload: &[u8]) -> SegmentHeader {
    let (client, server) = ([10, 0, 0, 1], [10, 0, 0, 2]);
    let is_client = role == SocketRole::Client;
    let (local, remote) = if is_client { (client, server) } else { (server, client) };
    let len = u32::try_from(payload.len()).unwrap();
    SegmentHeader {
        cookie,
        kind: RecordKind::Segment as u8,
        role: role as u8,
        direction: u8::from(out),
        seq,
        len,
        copied: len,
        family: 4,
        local: [u32::from_ne_bytes(local), 0, 0, 0],
        remote: [u32::from_ne_bytes(remote), 0, 0, 0],
        local_port: if is_client { 40_000 } else { 80 },
        remote_port: if is_client { 80 } else { 40_000 },
        ..SegmentHeader::ZERO
    }
}

/// The same, of a connection whose beginning was seen: in from 100, out from 900.
fn first(cookie: u64, role: SocketRole, out: bool, seq: u32, payload: &[u8]) -> SegmentHeader {
    SegmentHeader { flags: FLAG_FIRST | FLAG_BASE, base: [100, 900], ..record(cookie, role, out, seq, payload) }
}

fn twin(cookie: u64) -> SegmentHeader {
    SegmentHeader { cookie, kind: RecordKind::Twin as u8, ..SegmentHeader::ZERO }
}

fn close(cookie: u64, out: bool) -> SegmentHeader {
    SegmentHeader { cookie, kind: RecordKind::Close as u8, direction: u8::from(out), ..SegmentHeader::ZERO }
}

const SERVER: SocketRole = SocketRole::Server;
const CLIENT: SocketRole = SocketRole::Client;
const UNKNOWN: SocketRole = SocketRole::Unknown;

#[test]
fn a_served_exchange() {
    let fin = |out, seq| SegmentHeader { flags: FLAG_FIN, ..record(7, SERVER, out, seq, b"") };
    Stage::default()
        .take(first(7, SERVER, false, 100, b"GET /"), b"GET /")
        .take(record(7, SERVER, true, 900, b"HTTP/"), b"HTTP/")
        .take(fin(true, 905), b"")
        .take(fin(false, 105), b"")
        .take(close(7, true), b"")
        .check(expect![[r#"
            7 origin 10.0.0.1:40000 -> 10.0.0.2:80 Served
            7 Client 100 Open
            7 Server 900 Open
            7 Client 100 GET /
            7 Server 900 HTTP/
            7 Server 905 Close(Fin)
            7 Client 105 Close(Fin)
            7 Server 0 Close(Gone)
        "#]]);
}

#[test]
fn what_was_not_copied_comes_at_its_place() {
    let mut cut = record(7, SERVER, true, 5000, b"abc");
    (cut.len, cut.skipped_from, cut.skipped, cut.lost) = (10, 4000, 600, 40);
    let mut reset = record(7, SERVER, true, 5010, b"");
    (reset.flags, reset.skipped_from, reset.skipped) = (FLAG_RST, u32::MAX, 2);
    let mut last = close(7, false);
    (last.skipped_from, last.skipped) = (1, 3);
    Stage::default().take(cut, b"abc").take(reset, b"").take(last, b"").check(expect![[r#"
        7 origin 10.0.0.1:40000 -> 10.0.0.2:80 Served
        7 Server 4000 Skipped(600)
        7 Server lost 40
        7 Server 5000 abc
        7 Server 5003 Skipped(7)
        7 Server 4294967295 Skipped(2)
        7 Server 5010 Close(Reset)
        7 Client 1 Skipped(3)
    "#]]);
}

#[test]
fn a_call_is_told_when_its_server_speaks() {
    let mut stage = Stage::default();
    stage.take(first(7, CLIENT, true, 900, b"GET /"), b"GET /").check(expect![""]);
    stage.take(record(7, CLIENT, true, 905, b"a"), b"a").check(expect![""]);
    stage.take(record(7, CLIENT, false, 100, b"HTTP/"), b"HTTP/").check(expect![[r#"
        7 origin 10.0.0.1:40000 -> 10.0.0.2:80 Called
        7 Server 100 Open
        7 Client 900 Open
        7 Client 900 GET /
        7 Client 905 a
        7 Server 100 HTTP/
    "#]]);
    assert_eq!(stage.flows.held_bytes, 0);
}

#[test]
fn a_call_without_an_answer_is_told_at_its_end_or_in_time() {
    let mut stage = Stage::default();
    stage.take(first(7, CLIENT, true, 900, b"GET /"), b"GET /");
    stage.tick(HOLD_NS_MAX).check(expect![""]);
    stage.tick(HOLD_NS_MAX + 1).check(expect![[r#"
        7 origin 10.0.0.1:40000 -> 10.0.0.2:80 Called
        7 Server 100 Open
        7 Client 900 Open
        7 Client 900 GET /
    "#]]);
    stage.take(first(8, CLIENT, true, 900, b"x"), b"x").take(close(8, true), b"").check(expect![[r#"
        8 origin 10.0.0.1:40000 -> 10.0.0.2:80 Called
        8 Server 100 Open
        8 Client 900 Open
        8 Client 900 x
        8 Client 0 Close(Gone)
    "#]]);
    assert_eq!(stage.flows.len(), 1);
}

#[test]
fn the_clients_end_of_a_connection_within_the_host_is_void() {
    let mut stage = Stage::default();
    stage.take(first(7, CLIENT, true, 900, b"GET /"), b"GET /").take(twin(7), b"");
    stage.take(record(7, CLIENT, true, 905, b"late"), b"late").tick(HOLD_NS_MAX * 2).check(expect![""]);
    // The kernel may say so before anything was sent.
    stage.take(twin(8), b"").take(first(8, CLIENT, true, 900, b"GET /"), b"GET /").check(expect![""]);
    assert_eq!((stage.flows.len(), stage.flows.held_bytes, stage.flows.untold.told_twice), (0, 0, 0));
}

#[test]
fn what_is_held_is_bounded() {
    let mut stage = Stage::default();
    let payload = vec![b'x'; 64 * 1024];
    for cookie in 0..70 {
        stage.take(first(cookie, CLIENT, true, 900, &payload), &payload);
    }
    assert!(stage.flows.held_bytes <= HELD_BYTES_MAX);
    assert!(stage.flows.untold.released_early > 0 && stage.said.contains("origin"));
    stage.take(twin(69), b"");
    assert_eq!(stage.flows.untold.told_twice, 1);
}

#[test]
fn the_end_of_a_handshake_finds_its_flow() {
    let orphan = |seq| SegmentHeader { flags: FLAG_LISTENER, ..record(3, UNKNOWN, false, seq, b"GET /") };
    let mut stage = Stage::default();
    // The second has the same addresses and another connection's numbers.
    stage.take(orphan(100), b"GET /").take(orphan(99), b"older").check(expect![""]);
    stage.take(first(7, SERVER, true, 900, b"HTTP/"), b"HTTP/").check(expect![[r#"
        7 origin 10.0.0.1:40000 -> 10.0.0.2:80 Served
        7 Client 100 Open
        7 Server 900 Open
        7 Client 100 GET /
        7 Server 900 HTTP/
    "#]]);
    assert_eq!(stage.tick(ORPHAN_NS_MAX + 1).flows.untold.orphans, 1);
    for _ in 0..=ORPHANS_MAX {
        stage.take(orphan(1), b"GET /");
    }
    assert_eq!((stage.flows.untold.orphans, stage.flows.orphans.len()), (2, ORPHANS_MAX));
}

#[test]
fn a_flow_that_the_kernel_does_not_know_waits_for_the_socket_tables() {
    let end = |cookie, role, twin| End { cookie, cgroup: 0, role, twin };
    let mut stage = Stage::default();
    for cookie in [7, 8] {
        stage.take(record(cookie, UNKNOWN, cookie == 8, 1, b"GET /"), b"GET /");
        stage.take(record(cookie, UNKNOWN, cookie == 7, 50, b"HTTP/"), b"HTTP/");
    }
    stage.check(expect![""]);
    assert!(stage.flows.ask());
    stage.take(record(9, UNKNOWN, false, 1, b"?"), b"?");
    assert_eq!(stage.answer(&[end(7, SERVER, false), end(8, CLIENT, true)]), [8]);
    stage.check(expect![[r#"
        7 origin 10.0.0.1:40000 -> 10.0.0.2:80 Served
        7 Client 1 GET /
        7 Server 50 HTTP/
    "#]]);
    // 8 is void, 9 came after the question: it waits for the next, which finds nothing.
    stage.take(record(8, UNKNOWN, true, 6, b"x"), b"x").check(expect![""]);
    assert!(stage.flows.ask());
    assert!(stage.answer(&[]).is_empty());
    stage.check(expect![[r#"
        9 origin 10.0.0.1:40000 -> 10.0.0.2:80 Unknown
        9 Client 1 ?
    "#]]);
    assert!(!stage.flows.ask());
    assert_eq!((stage.flows.len(), stage.flows.held_bytes), (2, 0));
}

#[test]
fn a_role_that_was_not_found_in_time_comes_to_no_harm() {
    let mut stage = Stage::default();
    stage.take(record(7, UNKNOWN, false, 1, b"GET /"), b"GET /").tick(HOLD_NS_MAX + 1);
    assert!(stage.said.contains("7 Client 1 GET /") && stage.flows.ask());
    assert!(stage.answer(&[]).is_empty());
    stage.said.clear();
    stage.take(record(7, UNKNOWN, false, 6, b"x"), b"x").check(expect![[r#"
        7 Client 6 x
    "#]]);
}

#[test]
fn the_first_bytes_say_who_is_the_client() {
    let speaks = |out, payload: &[u8]| {
        let mut stage = Stage::default();
        stage.take(record(7, UNKNOWN, out, 1, payload), payload).tick(HOLD_NS_MAX + 1);
        stage.said.lines().nth(1).unwrap().split(' ').nth(1).unwrap().to_owned()
    };
    for out in [true, false] {
        assert_eq!(speaks(out, b"POST /x HTTP/1.1\r\n"), "Client");
        assert_eq!(speaks(out, b"HTTP/1.1 200 OK\r\n"), "Server");
        assert_eq!(speaks(out, b"\x16\x03\x01\x02\x00\x01\x00"), "Client");
        assert_eq!(speaks(out, b"\x16\x03\x03\x00\x7a\x02\x00"), "Server");
    }
    // Port 80 is here.
    assert_eq!((speaks(true, b"??").as_str(), speaks(false, b"??").as_str()), ("Server", "Client"));
}

#[test]
fn a_flow_that_is_not_heard_of_is_forgotten_and_introduced_again() {
    let mut stage = Stage::default();
    for cookie in 0..100_000 {
        stage.take(record(cookie, SERVER, false, 1, b"x"), b"x");
        if cookie % 1000 == 0 {
            stage.take(record(0, SERVER, false, 1, b"x"), b"x");
        }
        assert!(stage.flows.len() <= super::FLOWS_MAX);
    }
    assert_eq!(stage.said.matches("\n0 origin").count() + usize::from(stage.said.starts_with("0 origin")), 1);
    stage.said.clear();
    assert!(stage.take(record(1, SERVER, false, 1, b"x"), b"x").said.starts_with("1 origin"));
}
