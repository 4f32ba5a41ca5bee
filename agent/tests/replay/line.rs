//! Two real TCP stacks, each in a network namespace of its own, and between them a line that the test holds in its hands: it may
//! lose, repeat and delay packets, and it notes what is seen at either end. Ends with the value; leaves nothing behind.

use std::collections::BinaryHeap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use super::support::Packet;

/// The way of a packet from one host to the other.
pub(crate) const DELAY: Duration = Duration::from_millis(10);

/// What happens to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Pass,
    Lose,
    Twice,
    /// Behind what follows within so long.
    Late(Duration),
}

/// A TCP packet on the line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passing {
    /// From the first host, else from the second.
    pub(crate) from_client: bool,
    /// Which one of this direction, from 0.
    pub(crate) number: usize,
    pub(crate) payload: usize,
    pub(crate) flags: u8,
}

pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;

type Job = Box<dyn FnOnce() + Send>;

/// A network stack: work is done in its namespace.
pub(crate) struct Host {
    jobs: mpsc::Sender<Job>,
    pub(crate) address: Ipv4Addr,
}

impl Host {
    /// Makes a namespace with an interface that leads into the test.
    fn new(last: u8) -> (Self, File) {
        let (jobs, work) = mpsc::channel::<Job>();
        let (send, tun) = mpsc::channel();
        let address = Ipv4Addr::new(10, 99, 0, last);
        thread::spawn(move || {
            // SAFETY: only this thread leaves its network namespace, and it does nothing else first.
            assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWNET) }, 0, "a network namespace");
            send.send(interface(address)).expect("awaited");
            for job in work {
                job();
            }
        });
        (Self { jobs, address }, tun.recv().expect("an interface"))
    }

    /// Does something in the namespace, meanwhile.
    pub(crate) fn start<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> mpsc::Receiver<T> {
        let (send, done) = mpsc::channel();
        let job = move || {
            let _ = send.send(job());
        };
        self.jobs.send(Box::new(job)).expect("the thread lives");
        done
    }

    /// Does something in the namespace.
    pub(crate) fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        self.start(job).recv_timeout(Duration::from_secs(20)).expect("it ends")
    }
}

fn interface(address: Ipv4Addr) -> File {
    const TUNSETIFF: u64 = 0x4004_54ca;
    const IFF_TUN_NO_PI: u16 = 0x1001;
    let mut options = OpenOptions::new();
    let tun = options.read(true).write(true).custom_flags(libc::O_NONBLOCK).open("/dev/net/tun").expect("tun");
    let mut request = [0_u8; 40];
    request[..5].copy_from_slice(b"line0");
    request[16..18].copy_from_slice(&IFF_TUN_NO_PI.to_ne_bytes());
    // SAFETY: the request is as long as a `struct ifreq`, and lives.
    assert_eq!(unsafe { libc::ioctl(tun.as_raw_fd(), TUNSETIFF, request.as_mut_ptr()) }, 0, "an interface");
    std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").expect("a setting");
    // Data with the SYN, without a cookie, on every socket.
    std::fs::write("/proc/sys/net/ipv4/tcp_fastopen", "1543").expect("a setting");
    let address = format!("{address}/24");
    for words in [&["addr", "add", &address, "dev", "line0"][..], &["link", "set", "line0", "up", "mtu", "1500"]] {
        assert!(Command::new("ip").args(words).status().expect("ip").success(), "{words:?}");
    }
    tun
}

/// A packet under way, the next one first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Due(std::cmp::Reverse<(Instant, u64)>, bool, Vec<u8>);

/// What was seen at each end.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) at_client: Vec<Packet>,
    pub(crate) at_server: Vec<Packet>,
}

/// The line and its two hosts.
pub(crate) struct Line {
    pub(crate) client: Host,
    pub(crate) server: Host,
    over: Arc<AtomicBool>,
    relay: Option<JoinHandle<Seen>>,
}

impl Line {
    /// `fate` is asked for each TCP packet, in the order in which they are sent.
    pub(crate) fn new(fate: impl FnMut(Passing) -> Fate + Send + 'static) -> Self {
        let ((client, near), (server, far)) = (Host::new(1), Host::new(2));
        let over = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&over);
        let relay = thread::spawn(move || relay([near, far], fate, &stop));
        Self { client, server, over, relay: Some(relay) }
    }

    /// Lets what is under way arrive, and gives what was seen.
    pub(crate) fn end(mut self) -> Seen {
        thread::sleep(DELAY * 8);
        self.over.store(true, Ordering::Relaxed);
        self.relay.take().expect("once").join().expect("it carried packets")
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn relay(mut ends: [File; 2], mut fate: impl FnMut(Passing) -> Fate, over: &AtomicBool) -> Seen {
    let (mut seen, mut numbers, mut order) = (Seen::default(), [0_usize; 2], 0_u64);
    let mut under_way: BinaryHeap<Due> = BinaryHeap::new();
    let mut buffer = vec![0; 65_536];
    while !over.load(Ordering::Relaxed) {
        let mut idle = true;
        for side in [0, 1] {
            let Ok(len) = ends[side].read(&mut buffer) else { continue };
            idle = false;
            let Some(passing) = passing(&buffer[..len], side == 0, &mut numbers[side]) else { continue };
            let fate = fate(passing);
            note(if side == 0 { &mut seen.at_client } else { &mut seen.at_server }, &buffer[..len]);
            let times = match fate {
                Fate::Pass => vec![DELAY],
                Fate::Lose => vec![],
                Fate::Twice => vec![DELAY, DELAY * 2],
                Fate::Late(more) => vec![DELAY + more],
            };
            for delay in times {
                order += 1;
                let due = std::cmp::Reverse((Instant::now() + delay, order));
                under_way.push(Due(due, side == 0, buffer[..len].to_vec()));
            }
        }
        while under_way.peek().is_some_and(|due| due.0.0.0 <= Instant::now()) {
            let Some(Due(_, from_client, packet)) = under_way.pop() else { break };
            note(if from_client { &mut seen.at_server } else { &mut seen.at_client }, &packet);
            let _ = ends[usize::from(from_client)].write(&packet);
            idle = false;
        }
        if idle {
            thread::sleep(Duration::from_micros(200));
        }
    }
    seen
}

fn note(seen: &mut Vec<Packet>, packet: &[u8]) {
    let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_nanos();
    seen.push(Packet::new(u64::try_from(at).expect("before 2554"), packet.to_vec()));
}

/// What the headers say, if it is TCP.
fn passing(packet: &[u8], from_client: bool, number: &mut usize) -> Option<Passing> {
    if packet.first()? >> 4 != 4 || *packet.get(9)? != 6 {
        return None;
    }
    let ip = usize::from(packet[0] & 15) * 4;
    let payload = packet.len() - ip - usize::from(packet.get(ip + 12)? >> 4) * 4;
    let this = Passing { from_client, number: *number, payload, flags: *packet.get(ip + 13)? };
    *number += 1;
    Some(this)
}
