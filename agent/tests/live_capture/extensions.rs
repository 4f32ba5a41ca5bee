//! IPv6 extension headers: a socket that sends them is read like any other, and a fragment is counted.

use std::io::{Read, Write};
use std::net::{Ipv6Addr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

use crate::rig::{Capture, free_port, may_run, turn};

/// Socket options of RFC 3542; `libc` has them for no platform of ours under one name.
const IPV6_HOPOPTS: i32 = 54;
const IPV6_DSTOPTS: i32 = 59;

/// An extension header without an effect: `units` of eight bytes of an option for experiments, which who does not know it passes
/// over (RFC 8200 §4.2, RFC 4727). Linux drops packets with more than seven bytes of padding.
fn padding(units: u8) -> Vec<u8> {
    let mut header = vec![0, units - 1, 0x1e, units * 8 - 4];
    header.resize(usize::from(units) * 8, 0);
    header
}

/// From now on each packet of the socket carries these headers.
fn carry(socket: &TcpStream, way: &[(i32, u8)]) {
    for (option, units) in way {
        carry_one(socket, *option, &padding(*units));
    }
}

fn carry_one(socket: &TcpStream, option: i32, header: &[u8]) {
    let len = libc::socklen_t::try_from(header.len()).unwrap();
    // SAFETY: the header lives, and is as long as is said.
    let failed =
        unsafe { libc::setsockopt(socket.as_raw_fd(), libc::IPPROTO_IPV6, option, header.as_ptr().cast(), len) };
    assert_eq!(failed, 0, "option {option}: {}", std::io::Error::last_os_error());
}

/// A packet that is dropped must not hold the test up.
const PATIENCE: Duration = Duration::from_secs(10);

const REQUEST: &[u8] = b"GET /small HTTP/1.1\r\nHost: test\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn sockets_that_send_extension_headers_are_read() {
    if !may_run() {
        return;
    }
    let _turn = turn();
    let port = free_port();
    let mut capture = Capture::start(&[port]);
    let ways: [&[(i32, u8)]; 5] = [
        &[(IPV6_DSTOPTS, 1)],
        &[(IPV6_HOPOPTS, 1)],
        &[(IPV6_HOPOPTS, 4)],
        &[(IPV6_HOPOPTS, 2), (IPV6_DSTOPTS, 3)],
        &[(IPV6_HOPOPTS, 1), (IPV6_DSTOPTS, 25)],
    ];
    let listener = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).unwrap();
    let server = thread::spawn(move || {
        for way in ways {
            let (mut socket, _) = listener.accept().unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            carry(&socket, way);
            for _ in 0..3 {
                socket.read_exact(&mut [0; REQUEST.len()]).unwrap();
                socket.write_all(ANSWER).unwrap();
            }
        }
    });
    for way in ways {
        let mut socket = TcpStream::connect((Ipv6Addr::LOCALHOST, port)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        carry(&socket, way);
        for _ in 0..3 {
            socket.write_all(REQUEST).unwrap();
            socket.read_exact(&mut [0; ANSWER.len()]).unwrap();
        }
    }
    server.join().unwrap();
    capture
        .until("the end of all flows", |account| account.flows.values().filter(|flow| flow.gone).count() == ways.len());
    assert_eq!(capture.missed(), 0);
    for flow in capture.account.settle() {
        assert_eq!((flow.client.told(), flow.server.told()), (3 * REQUEST.len() as u64, 3 * ANSWER.len() as u64));
        assert_eq!((flow.client.count("GET /small "), flow.server.count("HTTP/1.1 200 ")), (3, 3));
    }
}

#[test]
fn a_fragment_is_counted_and_not_read() {
    if !may_run() {
        return;
    }
    let _turn = turn();
    let capture = Capture::start(&[1]);
    let fragments = || {
        let missed = capture.live.stats().missed;
        missed.iter().filter(|missed| missed.reason == "fragment").map(|missed| missed.count).sum::<u64>()
    };
    assert_eq!(fragments(), 0);
    // IPv6, a fragment header with TCP behind it, and a TCP header's worth of bytes.
    let mut packet = vec![0x60, 0, 0, 0, 0, 28, 44, 64];
    packet.extend([Ipv6Addr::LOCALHOST.octets(), Ipv6Addr::LOCALHOST.octets()].concat());
    packet.extend([6, 0, 0, 1, 0, 0, 0, 9]);
    packet.extend([0; 20]);
    let address = libc::sockaddr_in6 {
        sin6_family: libc::sa_family_t::try_from(libc::AF_INET6).unwrap(),
        sin6_port: 0,
        sin6_flowinfo: 0,
        sin6_addr: libc::in6_addr { s6_addr: Ipv6Addr::LOCALHOST.octets() },
        sin6_scope_id: 0,
    };
    let len = libc::socklen_t::try_from(size_of::<libc::sockaddr_in6>()).unwrap();
    // SAFETY: the packet and the address live, and are as long as is said.
    unsafe {
        let raw = libc::socket(libc::AF_INET6, libc::SOCK_RAW | libc::SOCK_CLOEXEC, libc::IPPROTO_RAW);
        assert!(raw >= 0, "{}", std::io::Error::last_os_error());
        let sent = libc::sendto(raw, packet.as_ptr().cast(), packet.len(), 0, (&raw const address).cast(), len);
        assert_eq!(usize::try_from(sent), Ok(packet.len()), "{}", std::io::Error::last_os_error());
        libc::close(raw);
    }
    assert!(fragments() >= 1, "{:?}", capture.live.stats().missed);
}
