//! A host of the test's own: a network namespace joined to ours by a veth pair, with IPv4 and IPv6 addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::run;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A port that nothing listens on, below those that the kernel gives to clients: one of these could have it before the server does.
pub fn free_port() -> u16 {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    loop {
        let tried = TRIED.fetch_add(1, Ordering::Relaxed);
        assert!(tried < 10_000, "no free port");
        let port = 20_000 + (std::process::id().wrapping_mul(61) + tried) % 12_000;
        let port = u16::try_from(port).expect("below 32,768");
        if TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() {
            return port;
        }
    }
}

/// A network namespace with one veth; gone with its guard.
pub struct Namespace {
    /// Its name, for `ip netns exec`.
    pub name: String,
    /// The veth's name on our side.
    pub interface: String,
    /// Its own addresses.
    pub inside: (Ipv4Addr, Ipv6Addr),
    /// Our addresses on the pair.
    pub outside: (Ipv4Addr, Ipv6Addr),
}

impl Namespace {
    /// Makes one. Names and addresses carry our process id, so that tests beside each other don't meet.
    pub fn new() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let (high, low) = (u8::try_from(std::process::id() >> 6 & 0xff).unwrap_or(0), std::process::id() & 0x3f);
        let block = u8::try_from((low * 4 + number * 4) & 0xfc).unwrap_or(0);
        let name = format!("aps{}-{number}", std::process::id());
        let interface = format!("av{}-{number}", std::process::id());
        let peer = format!("aw{}-{number}", std::process::id());
        let four = |last: u8| Ipv4Addr::new(10, 213, high, block + last);
        let six = |last: u16| Ipv6Addr::new(0xfd21, 0xa215, u16::from(high), u16::from(block), 0, 0, 0, last);
        let this = Self { name, interface, inside: (four(2), six(2)), outside: (four(1), six(1)) };
        let ip = |line: &str| run(Command::new("ip").args(line.split_whitespace()));
        ip(&format!("netns add {}", this.name));
        ip(&format!("link add {} type veth peer name {peer} netns {}", this.interface, this.name));
        ip(&format!("addr add {}/30 dev {}", this.outside.0, this.interface));
        ip(&format!("addr add {}/126 dev {} nodad", this.outside.1, this.interface));
        ip(&format!("link set {} up", this.interface));
        ip(&format!("-n {} addr add {}/30 dev {peer}", this.name, this.inside.0));
        ip(&format!("-n {} addr add {}/126 dev {peer} nodad", this.name, this.inside.1));
        ip(&format!("-n {} link set {peer} up", this.name));
        ip(&format!("-n {} link set lo up", this.name));
        this
    }

    /// A command that runs inside.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["link", "del", &self.interface]).status();
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

/// An address as it stands in a URL.
pub fn in_url(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    }
}
