//! A peer of the kernel's TCP that sends exactly the segments it is told to: raw packets through a tun device.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::run;

/// The kernel's address on the device, and ours.
const KERNEL: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);
const PEER: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 2);

/// A flag of TCP (RFC 9293 §3.1).
pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const RST: u8 = 0x04;
pub(crate) const ACK: u8 = 0x10;

/// So long the kernel may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A network namespace with one device, whose other end we are. Ends with the thread that made it.
pub(crate) struct Network {
    device: File,
    listener: TcpListener,
    next_port: u16,
}

impl Network {
    /// Moves this thread into a network namespace of its own.
    pub(crate) fn new() -> Self {
        // SAFETY: changes the namespace of this thread only; the test has made the thread for this.
        #[expect(unsafe_code, reason = "no safe wrapper in std")]
        let apart = unsafe { libc::unshare(libc::CLONE_NEWNET) };
        assert_eq!(apart, 0, "unshare: {}", std::io::Error::last_os_error());
        let device = tun("wire0");
        let ip = |line: &str| run(Command::new("ip").args(line.split_whitespace()));
        ip(&format!("addr add {KERNEL}/24 dev wire0"));
        ip("link set wire0 up");
        let listener = TcpListener::bind((KERNEL, 0)).expect("the device's address");
        Self { device, listener, next_port: 1024 }
    }

    /// A connection whose first byte from us has this sequence number.
    pub(crate) fn connect(&mut self, first: u32) -> Connection<'_> {
        self.next_port += 1;
        let port = self.next_port;
        let mut connection = Connection { network: self, port, acknowledged: 0, socket: None };
        connection.send(first.wrapping_sub(1), SYN, &[]);
        let answer = connection.answer(SYN | ACK);
        connection.acknowledged = answer.seq.wrapping_add(1);
        connection.send(first, ACK, &[]);
        let (socket, _) = connection.network.listener.accept().expect("the connection that was just made");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time");
        connection.socket = Some(socket);
        connection
    }
}

/// What the kernel has sent.
struct Answer {
    seq: u32,
    flags: u8,
}

/// A connection, seen from the peer, with the socket of the program that it reaches.
pub(crate) struct Connection<'n> {
    network: &'n mut Network,
    port: u16,
    acknowledged: u32,
    socket: Option<TcpStream>,
}

impl Connection<'_> {
    /// Sends a segment. The kernel has taken it in when this returns.
    pub(crate) fn send(&mut self, seq: u32, flags: u8, payload: &[u8]) {
        let packet = self.packet(seq, flags, payload);
        self.network.device.write_all(&packet).expect("a packet into the device");
    }

    /// The same with a wrong checksum.
    pub(crate) fn send_damaged(&mut self, seq: u32, flags: u8, payload: &[u8]) {
        let mut packet = self.packet(seq, flags, payload);
        packet[20 + 16] ^= 0x55;
        self.network.device.write_all(&packet).expect("a packet into the device");
    }

    /// The same as urgent up to an offset in its payload (RFC 9293 §3.8.5).
    pub(crate) fn send_urgent(&mut self, seq: u32, payload: &[u8], until: u16) {
        let mut packet = self.packet(seq, ACK | 0x20, payload);
        packet[20 + 18..20 + 20].copy_from_slice(&until.to_be_bytes());
        packet[20 + 16..20 + 18].fill(0);
        let sum = checksum(&pseudo(&packet[20..]), &packet[20..]);
        packet[20 + 16..20 + 18].copy_from_slice(&sum.to_be_bytes());
        self.network.device.write_all(&packet).expect("a packet into the device");
    }

    /// Ends our side at `seq`, and gives all that the program has read.
    pub(crate) fn finish(mut self, seq: u32) -> Vec<u8> {
        self.send(seq, FIN | ACK, &[]);
        self.read_all()
    }

    /// All that the program reads until the end, or until the connection is reset.
    pub(crate) fn read_all(&mut self) -> Vec<u8> {
        let mut given = Vec::new();
        let mut socket = self.socket.take().expect("accepted");
        if let Err(error) = socket.read_to_end(&mut given) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "after {} bytes", given.len());
        }
        given
    }

    fn packet(&self, seq: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
        let port = self.network.listener.local_addr().expect("bound").port();
        let mut tcp = Vec::with_capacity(20 + payload.len());
        tcp.extend_from_slice(&self.port.to_be_bytes());
        tcp.extend_from_slice(&port.to_be_bytes());
        tcp.extend_from_slice(&seq.to_be_bytes());
        tcp.extend_from_slice(&self.acknowledged.to_be_bytes());
        tcp.extend_from_slice(&[5 << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
        tcp.extend_from_slice(payload);
        let sum = checksum(&pseudo(&tcp), &tcp);
        tcp[16..18].copy_from_slice(&sum.to_be_bytes());
        let total = u16::try_from(20 + tcp.len()).expect("a packet").to_be_bytes();
        let mut ip = vec![0x45, 0, total[0], total[1], 0, 0, 0x40, 0, 64, 6, 0, 0];
        ip.extend_from_slice(&PEER.octets());
        ip.extend_from_slice(&KERNEL.octets());
        let sum = checksum(&[], &ip);
        ip[10..12].copy_from_slice(&sum.to_be_bytes());
        ip.extend_from_slice(&tcp);
        ip
    }

    /// The next packet of this connection with these flags.
    fn answer(&mut self, flags: u8) -> Answer {
        let until = Instant::now() + PATIENCE;
        let mut packet = [0; 2048];
        while Instant::now() < until {
            let n = self.network.device.read(&mut packet).expect("a packet from the device");
            if let Some((port, answer)) = read_answer(&packet[..n])
                && port == self.port
                && answer.flags == flags
            {
                return answer;
            }
        }
        panic!("no answer with flags {flags:#x} within {PATIENCE:?}");
    }
}

/// To which port of ours, and what.
fn read_answer(packet: &[u8]) -> Option<(u16, Answer)> {
    let tcp = packet.get(20..40).filter(|_| packet[0] == 0x45 && packet[9] == 6)?;
    let seq = u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]]);
    Some((u16::from_be_bytes([tcp[2], tcp[3]]), Answer { seq, flags: tcp[13] }))
}

fn pseudo(tcp: &[u8]) -> Vec<u8> {
    let length = u16::try_from(tcp.len()).expect("a packet").to_be_bytes();
    [&PEER.octets()[..], &KERNEL.octets(), &[0, 6], &length].concat()
}

/// RFC 1071. The first part is of even length.
fn checksum(first: &[u8], rest: &[u8]) -> u16 {
    let pairs = first.chunks(2).chain(rest.chunks(2));
    let sum: u32 = pairs.map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    !u16::try_from(sum & 0xffff).expect("masked")
}

/// A tun device without packet information (Documentation/networking/tuntap.rst).
fn tun(name: &str) -> File {
    let device = OpenOptions::new().read(true).write(true).open("/dev/net/tun").expect("/dev/net/tun, as root");
    // `struct ifreq`: the name, then the flags IFF_TUN | IFF_NO_PI.
    let mut request = [0_u8; 40];
    request[..name.len()].copy_from_slice(name.as_bytes());
    request[16..18].copy_from_slice(&0x1001_u16.to_ne_bytes());
    // SAFETY: an open descriptor, and a buffer of the size of `struct ifreq` that outlives the call.
    #[expect(unsafe_code, reason = "no safe wrapper in std")]
    let made = unsafe { libc::ioctl(device.as_raw_fd(), 0x4004_54ca, request.as_mut_ptr()) };
    assert!(made >= 0, "TUNSETIFF: {}", std::io::Error::last_os_error());
    device
}
