//! What real TCP stacks do on a line that loses, repeats and delays: replay and wire read the exchanges that took place.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd};
use std::sync::{Arc, Barrier, mpsc};
use std::time::Duration;
use std::{fs, thread};

use apiscope::capture::replay::{Replay, ReplayOptions};
use apiscope_wire::{Coverage, Event, Limits, Start, Wire};

use super::line::{DELAY, FIN, Fate, Line, Passing, SYN, Seen};
use super::support::{Packet, Pcap, Scratch};
use super::tools::{can_run, exchanges_of};

const PORT: u16 = 8080;

/// Whether this machine can be asked.
fn may_run() -> bool {
    can_run(&["ip"]) && {
        let found = fs::metadata("/dev/net/tun").is_ok();
        assert!(found || std::env::var("CI").is_ok_and(|value| value != "true"), "no /dev/net/tun");
        found
    }
}

/// Sets a socket option that is a number.
fn set(socket: &impl AsRawFd, level: i32, option: i32, value: i32) {
    let len = libc::socklen_t::try_from(size_of::<i32>()).expect("small");
    // SAFETY: the value lives, and is as long as is said.
    let failed = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), len) };
    assert_eq!(failed, 0, "option {option} of level {level}: {}", std::io::Error::last_os_error());
}

/// A closed socket that will be reset instead of ended.
fn reset(socket: TcpStream) {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    let len = libc::socklen_t::try_from(size_of::<libc::linger>()).expect("small");
    // SAFETY: the value lives, and is as long as is said.
    let failed = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, (&raw const linger).cast(), len)
    };
    assert_eq!(failed, 0);
    drop(socket);
}

/// A socket bound to this port of any address.
fn bound(port: u16) -> TcpStream {
    // SAFETY: a call without pointers; the descriptor is ours alone.
    let socket = unsafe {
        let fd = libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0);
        assert!(fd >= 0);
        TcpStream::from_raw_fd(fd)
    };
    set(&socket, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1);
    with_address(Ipv4Addr::UNSPECIFIED, port, |address, len| {
        // SAFETY: the address lives, and is as long as is said.
        unsafe { libc::bind(socket.as_raw_fd(), address, len) }
    });
    socket
}

fn connect(socket: &TcpStream, to: Ipv4Addr, port: u16) {
    with_address(to, port, |address, len| {
        // SAFETY: as above.
        unsafe { libc::connect(socket.as_raw_fd(), address, len) }
    });
}

fn with_address(to: Ipv4Addr, port: u16, call: impl FnOnce(*const libc::sockaddr, libc::socklen_t) -> i32) {
    let address = libc::sockaddr_in {
        sin_family: libc::sa_family_t::try_from(libc::AF_INET).expect("small"),
        sin_port: port.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(to.octets()) },
        sin_zero: [0; 8],
    };
    let len = libc::socklen_t::try_from(size_of::<libc::sockaddr_in>()).expect("small");
    assert_eq!(call((&raw const address).cast(), len), 0, "{}", std::io::Error::last_os_error());
}

/// Serves one connection: `GET /NUMBER` is answered with so many bytes. Until the client ends.
fn serve(mut socket: TcpStream) -> TcpStream {
    let mut head = Vec::new();
    let mut byte = [0];
    while socket.read(&mut byte).is_ok_and(|n| n == 1) {
        head.push(byte[0]);
        if head.ends_with(b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&head).into_owned();
            let size: usize = text[5..].split(' ').next().and_then(|number| number.parse().ok()).expect("a number");
            let answer = [format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n").into_bytes(), vec![b'x'; size]];
            if socket.write_all(&answer.concat()).is_err() {
                break;
            }
            head.clear();
        }
    }
    socket
}

/// Asks for so many bytes, and reads them.
fn ask(socket: &mut TcpStream, size: usize) {
    socket.write_all(&request(size)).expect("sent");
    read_answer(socket, size);
}

fn request(size: usize) -> Vec<u8> {
    format!("GET /{size} HTTP/1.1\r\nHost: line\r\n\r\n").into_bytes()
}

fn read_answer(socket: &mut TcpStream, size: usize) {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n").len();
    socket.read_exact(&mut vec![0; head + size]).expect("an answer");
}

/// A server that takes connections until the line ends.
fn listen(line: &Line) {
    let listener = line.server.run(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).expect("a port"));
    thread::spawn(move || {
        for socket in listener.incoming() {
            let Ok(socket) = socket else { return };
            thread::spawn(move || drop(serve(socket)));
        }
    });
}

/// A connection, asked for these sizes one after the other.
fn talk(line: &Line, sizes: &'static [usize]) -> TcpStream {
    let to = line.server.address;
    line.client.run(move || {
        let mut socket = TcpStream::connect((to, PORT)).expect("a connection");
        socket.set_nodelay(true).expect("an option");
        for size in sizes {
            ask(&mut socket, *size);
        }
        socket
    })
}

fn expected(sizes: &[usize]) -> Vec<String> {
    sizes.iter().map(|size| format!("GET /{size} 200 {size}")).collect()
}

/// What is read of packets, all of it complete.
fn read(packets: &[Packet]) -> Vec<String> {
    let scratch = Scratch::new();
    let path = scratch.file("line.pcap", &Pcap { nanos: true, ..Pcap::RAW }.write(packets));
    exchanges_of(Replay::open(&[path]).expect("opens"))
}

/// Requests and responses read, whole and cut, and the account.
fn halves(packets: &[Packet]) -> ([usize; 4], Coverage) {
    let scratch = Scratch::new();
    let path = scratch.file("line.pcap", &Pcap { nanos: true, ..Pcap::RAW }.write(packets));
    let options = ReplayOptions { limits: None, ..ReplayOptions::default() };
    let mut replay = Replay::with_options(&[path], options).expect("opens");
    let mut wire = Wire::new(Limits::default());
    let (mut found, mut coverage) = ([0; 4], Coverage::default());
    while replay
        .next_inputs(&mut |input| {
            wire.handle(input, &mut |event| match event {
                Event::Message(message) => {
                    let response = usize::from(matches!(message.start, Start::Response { .. }));
                    found[response * 2 + usize::from(!message.complete)] += 1;
                }
                Event::Coverage(_, more) => coverage += more,
                Event::Hello(_)
                | Event::Head(_)
                | Event::Progress(_)
                | Event::Session(..)
                | Event::Over(..)
                | Event::Ambiguous(_)
                | Event::Verdict(..)
                | Event::Closed(..) => {}
            });
        })
        .expect("reads")
    {}
    assert_eq!(wire.counters().buffered_bytes, 0);
    (found, coverage)
}

/// Both ends see the same exchanges.
#[track_caller]
fn assert_read(seen: &Seen, sizes: &[usize]) {
    assert_eq!(read(&seen.at_client), expected(sizes), "at the client");
    assert_eq!(read(&seen.at_server), expected(sizes), "at the server");
}

/// Whether a packet of one direction has these flags.
fn count(packets: &[Packet], wanted: impl Fn(&[u8]) -> bool) -> usize {
    packets.iter().filter(|packet| wanted(&packet.data[20..])).count()
}

#[test]
fn simultaneous_open_and_close() {
    if !may_run() {
        return;
    }
    // Whoever's SYN is seen first: the one that asks is the client.
    for server_first in [false, true] {
        let line = Line::new(|_| Fate::Pass);
        let barrier = Arc::new(Barrier::new(2));
        let open = |host: &super::line::Host, to: Ipv4Addr, first: bool| {
            let barrier = Arc::clone(&barrier);
            host.start(move || {
                let socket = bound(PORT);
                barrier.wait();
                if !first {
                    thread::sleep(Duration::from_millis(3));
                }
                connect(&socket, to, PORT);
                socket
            })
        };
        let mine = open(&line.client, line.server.address, !server_first);
        let other = open(&line.server, line.client.address, server_first);
        let taken = |waiting: mpsc::Receiver<TcpStream>| waiting.recv_timeout(Duration::from_secs(10)).expect("open");
        let (mut mine, other) = (taken(mine), taken(other));
        let server = other.try_clone().expect("a handle");
        let serving = thread::spawn(move || drop(serve(server)));
        for size in [10, 3000] {
            ask(&mut mine, size);
        }
        thread::scope(|scope| {
            scope.spawn(|| mine.shutdown(Shutdown::Both));
            scope.spawn(|| other.shutdown(Shutdown::Both));
        });
        serving.join().expect("served");
        let seen = line.end();
        assert_eq!(count(&seen.at_server, |tcp| tcp[13] & 0x12 == SYN), 2, "SYNs without ACK from both sides");
        assert_read(&seen, &[10, 3000]);
    }
}

/// Answers of several windows, of few bytes, and of none.
const SIZES: &[usize] = &[60_000, 20, 50_000, 0, 60_000, 40_000, 1];

#[test]
fn losses_copies_and_changes_of_order() {
    if !may_run() {
        return;
    }
    let fate = |passing: Passing| {
        // Several holes in one window; of each packet lost the next copy passes.
        match (passing.payload > 0, passing.number % 17) {
            (true, 3 | 5 | 9) => Fate::Lose,
            (true, 7) => Fate::Twice,
            (true, 11) => Fate::Late(DELAY / 2),
            (_, 13) => Fate::Late(DELAY),
            _ => Fate::Pass,
        }
    };
    let line = Line::new(fate);
    listen(&line);
    drop(talk(&line, SIZES));
    let seen = line.end();
    assert_read(&seen, SIZES);

    // The same seen from one side only: every message of that side is counted, and nothing is invented.
    for (client, messages) in [(true, [SIZES.len(), 0, 0, 0]), (false, [0, 0, 0, SIZES.len()])] {
        let mine: Vec<Packet> =
            seen.at_server.iter().filter(|packet| (packet.data[15] == 1) == client).cloned().collect();
        let (found, coverage) = halves(&mine);
        assert_eq!(found, messages, "only the client's side: {client}");
        assert_eq!(coverage.lost_bytes() + coverage.unparsed.not_http + coverage.unparsed.malformed, 0);
    }
    // With times that run back, and in a capture that begins in the middle of an exchange.
    let mut back = seen.at_server.clone();
    let last = back.last().expect("packets").at;
    for packet in &mut back {
        packet.at = 2 * last - packet.at;
    }
    assert_eq!(read(&back), expected(SIZES));
    let late = &seen.at_server[30..];
    let (found, coverage) = halves(late);
    assert!(found[2] >= 3 && found[2] < SIZES.len(), "{found:?}");
    assert!(coverage.unparsed.joined_late > 0);
}

#[test]
fn windows_that_close_and_probes() {
    if !may_run() {
        return;
    }
    let line = Line::new(|_| Fate::Pass);
    listen(&line);
    let to = line.server.address;
    line.client.run(move || {
        let mut socket = bound(40_000);
        set(&socket, libc::SOL_SOCKET, libc::SO_RCVBUF, 4096);
        connect(&socket, to, PORT);
        ask(&mut socket, 10);
        // Keep-alive probes: a byte before the next one, or none.
        set(&socket, libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1);
        set(&socket, libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, 1);
        set(&socket, libc::IPPROTO_TCP, libc::TCP_KEEPINTVL, 1);
        thread::sleep(Duration::from_millis(1300));
        // A window that closes: the server probes it.
        socket.write_all(&request(30_000)).expect("sent");
        thread::sleep(Duration::from_millis(700));
        read_answer(&mut socket, 30_000);
        ask(&mut socket, 5);
    });
    let seen = line.end();
    let window = |tcp: &[u8]| u16::from_be_bytes([tcp[14], tcp[15]]);
    let zero = count(&seen.at_server, |tcp| window(tcp) == 0 && tcp[13] & 0x16 == 0x10);
    assert!(zero > 0, "a window closed");
    assert_read(&seen, &[10, 30_000, 5]);
}

#[test]
fn data_with_the_syn_and_an_end_that_is_lost() {
    if !may_run() {
        return;
    }
    let mut lost = false;
    let line = Line::new(move |passing: Passing| {
        let first_fin = passing.from_client && passing.flags & FIN != 0 && !std::mem::replace(&mut lost, true);
        if first_fin { Fate::Lose } else { Fate::Pass }
    });
    listen(&line);
    let to = line.server.address;
    line.client.run(move || {
        let mut socket = bound(40_000);
        set(&socket, libc::IPPROTO_TCP, libc::TCP_FASTOPEN_CONNECT, 1);
        connect(&socket, to, PORT);
        ask(&mut socket, 700);
        ask(&mut socket, 8);
        socket.shutdown(Shutdown::Write).expect("an end");
        let _ = socket.read(&mut [0]);
    });
    let seen = line.end();
    let with_data = count(&seen.at_server, |tcp| tcp[13] & 0x12 == SYN && tcp.len() > usize::from(tcp[12] >> 4) * 4);
    assert_eq!(with_data, 1, "a SYN carried data");
    assert!(count(&seen.at_client, |tcp| tcp[13] & FIN != 0 && tcp[1] != 0x90) >= 2, "a FIN was sent again");
    assert_read(&seen, &[700, 8]);
}

#[test]
fn a_port_again_at_once_and_a_reset_in_the_middle() {
    if !may_run() {
        return;
    }
    let line = Line::new(|_| Fate::Pass);
    listen(&line);
    let to = line.server.address;
    line.client.run(move || {
        for size in [11, 12, 13, 14] {
            let mut socket = bound(40_000);
            connect(&socket, to, PORT);
            ask(&mut socket, size);
            reset(socket);
        }
    });
    let seen = line.end();
    assert_read(&seen, &[11, 12, 13, 14]);
    let times: Vec<u64> =
        [seen.at_client.first(), seen.at_client.last()].map(|packet| packet.expect("one").at).to_vec();
    assert!(times[1] - times[0] < 1_000_000_000, "within one second");

    let line = Line::new(|_| Fate::Pass);
    let listener = line.server.run(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).expect("a port"));
    let server = thread::spawn(move || {
        let (mut socket, from) = listener.accept().expect("a connection");
        assert!(matches!(from, std::net::SocketAddr::V4(from) if from != SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)));
        let mut head = vec![0; request(500).len()];
        socket.read_exact(&mut head).expect("a request");
        socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf").expect("sent");
        thread::sleep(DELAY * 3);
        reset(socket);
    });
    let to = line.server.address;
    line.client.run(move || {
        let mut socket = TcpStream::connect((to, PORT)).expect("a connection");
        socket.write_all(&request(500)).expect("sent");
        let mut rest = Vec::new();
        assert!(socket.read_to_end(&mut rest).is_err(), "the connection is reset");
    });
    server.join().expect("served");
    let (found, coverage) = halves(&line.end().at_server);
    assert_eq!(found, [1, 0, 0, 1], "the request is whole, the response is not");
    assert_eq!(coverage.socket(), coverage.parsed);
}
