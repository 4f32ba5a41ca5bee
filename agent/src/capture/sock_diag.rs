//! The kernel's table of TCP sockets in the current network namespace, with their cookies (`NETLINK_SOCK_DIAG`).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Sockets read from one namespace at most.
const SOCKETS_MAX: usize = 262_144;
/// `TCP_LISTEN` of the kernel's socket states.
const LISTEN: u8 = 10;
/// Established, both waits for FIN, close-wait, last-ack, closing, and listening: the sockets that can carry data or take connections.
const STATES: u32 = 1 << 1 | 1 << 4 | 1 << 5 | 1 << 8 | 1 << 9 | 1 << 11 | 1 << LISTEN;
/// `SOCK_DIAG_BY_FAMILY` of `linux/sock_diag.h`.
const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// A request: a netlink header and `struct inet_diag_req_v2`.
const REQUEST_BYTES: u8 = 16 + 56;
/// `struct inet_diag_msg`.
const MESSAGE_BYTES: usize = 72;

/// A TCP socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Socket {
    pub(super) listens: bool,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) cookie: u64,
    /// The socket's cgroup v2 id; 0 if the kernel does not tell (before 5.9).
    pub(super) cgroup: u64,
}

/// All TCP sockets, IPv4 and IPv6. Addresses of IPv4 on an IPv6 socket are given as IPv4, as in the packets.
pub(super) fn sockets() -> io::Result<Vec<Socket>> {
    let netlink = open()?;
    let mut found = Vec::new();
    for family in [libc::AF_INET, libc::AF_INET6] {
        ask(&netlink, u8::try_from(family).map_err(io::Error::other)?)?;
        while read(&netlink, &mut found)? {}
    }
    Ok(found)
}

fn open() -> io::Result<OwnedFd> {
    // SAFETY: a call without pointers.
    let fd = unsafe { libc::socket(libc::AF_NETLINK, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, libc::NETLINK_SOCK_DIAG) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just given this descriptor to nobody else.
    let netlink = unsafe { OwnedFd::from_raw_fd(fd) };
    let patience = libc::timeval { tv_sec: 2, tv_usec: 0 };
    let size = libc::socklen_t::try_from(size_of::<libc::timeval>()).map_err(io::Error::other)?;
    // SAFETY: the structure lives over the call, and its size is stated.
    unsafe {
        libc::setsockopt(netlink.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVTIMEO, (&raw const patience).cast(), size);
    }
    Ok(netlink)
}

fn ask(netlink: &OwnedFd, family: u8) -> io::Result<()> {
    const FLAGS: u16 = 0x1 | 0x300; // NLM_F_REQUEST, NLM_F_DUMP
    let mut request = [0_u8; REQUEST_BYTES as usize];
    request[..4].copy_from_slice(&u32::from(REQUEST_BYTES).to_ne_bytes());
    request[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    request[6..8].copy_from_slice(&FLAGS.to_ne_bytes());
    request[16] = family;
    request[17] = u8::try_from(libc::IPPROTO_TCP).map_err(io::Error::other)?;
    request[20..24].copy_from_slice(&STATES.to_ne_bytes());
    // SAFETY: the buffer lives over the call, and its size is stated.
    let sent = unsafe { libc::send(netlink.as_raw_fd(), request.as_ptr().cast(), request.len(), 0) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Reads one answer. Whether more follow.
fn read(netlink: &OwnedFd, found: &mut Vec<Socket>) -> io::Result<bool> {
    let mut buffer = vec![0_u8; 64 * 1024];
    // SAFETY: the buffer lives over the call, and its size is stated.
    let got = unsafe { libc::recv(netlink.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), 0) };
    let got = usize::try_from(got).map_err(|_| io::Error::last_os_error())?;
    let mut rest = buffer.get(..got).unwrap_or_default();
    if rest.is_empty() {
        return Ok(false);
    }
    while let Some((kind, body, behind)) = message(rest) {
        match kind {
            3 => return Ok(false), // NLMSG_DONE
            2 => return Err(refusal(body)),
            _ if found.len() >= SOCKETS_MAX => return Err(io::Error::other("more sockets than are read")),
            _ => found.extend(socket(body)),
        }
        rest = behind;
    }
    Ok(true)
}

/// The first message of an answer: its type, its body, and what is behind it.
fn message(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = usize::try_from(u32::from_ne_bytes(*bytes.first_chunk()?)).ok()?;
    let kind = u16::from_ne_bytes(*bytes.get(4..)?.first_chunk()?);
    let body = bytes.get(16..length)?;
    Some((kind, body, bytes.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

fn refusal(body: &[u8]) -> io::Error {
    let code = body.first_chunk().map_or(0, |code| i32::from_ne_bytes(*code));
    io::Error::from_raw_os_error(code.saturating_neg())
}

/// `struct inet_diag_msg`.
fn socket(body: &[u8]) -> Option<Socket> {
    let family = *body.first()?;
    let state = *body.get(1)?;
    let port = |at: usize| Some(u16::from_be_bytes(*body.get(at..)?.first_chunk()?));
    let half = |at: usize| Some(u64::from(u32::from_ne_bytes(*body.get(at..)?.first_chunk()?)));
    let address = |at: usize| {
        let bytes: [u8; 16] = *body.get(at..)?.first_chunk()?;
        Some(if i32::from(family) == libc::AF_INET6 {
            IpAddr::from(Ipv6Addr::from(bytes)).to_canonical()
        } else {
            let [a, b, c, d, ..] = bytes;
            Ipv4Addr::new(a, b, c, d).into()
        })
    };
    Some(Socket {
        listens: state == LISTEN,
        local: SocketAddr::new(address(8)?, port(4)?),
        remote: SocketAddr::new(address(24)?, port(6)?),
        cookie: half(44)? | half(48)? << 32,
        cgroup: cgroup(body.get(MESSAGE_BYTES..).unwrap_or_default()),
    })
}

/// `INET_DIAG_CGROUP_ID` among the attributes behind the message.
fn cgroup(mut attributes: &[u8]) -> u64 {
    const CGROUP_ID: u16 = 21;
    while let Some(&[a, b, c, d]) = attributes.first_chunk() {
        let length = usize::from(u16::from_ne_bytes([a, b]));
        let value = attributes.get(4..length).unwrap_or_default();
        if u16::from_ne_bytes([c, d]) == CGROUP_ID {
            return value.first_chunk().map_or(0, |id| u64::from_ne_bytes(*id));
        }
        attributes = attributes.get(length.next_multiple_of(4).max(4)..).unwrap_or_default();
    }
    0
}
