//! wire beside the kernel's TCP: what a socket gives to its program, wire reads too, or says that copies differ.
//!
//! Schedules of segments go through a tun device into the kernel, in a network namespace of the test's own, and into wire.
//! The same schedules prove the model that `agent/wire/tests/tcp_model.rs` tries a million schedules with.

#[path = "../../agent/wire/tests/common/mod.rs"]
mod common;
mod peer;
#[path = "../support/mod.rs"]
mod support;
#[path = "../../agent/wire/tests/tcp/mod.rs"]
mod tcp;

use apiscope_wire::Limits;
use common::Random;
use peer::{ACK, FIN, Network, RST};
use tcp::read::{Fate, read};
use tcp::schedule::Schedule;

/// Schedules of each kind.
const SCHEDULES: u64 = 1000;

/// Runs `work` where a network namespace of its own is not in anyone's way.
fn apart(test: &str, work: impl FnOnce(&mut Network) + Send + 'static) {
    if !support::can_run_live(test) {
        return;
    }
    let thread = std::thread::spawn(move || work(&mut Network::new()));
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

fn through_the_kernel(network: &mut Network, schedule: &Schedule) -> Vec<u8> {
    let mut connection = network.connect(schedule.first);
    for (number, (at, bytes)) in schedule.segments.iter().enumerate() {
        for fin in schedule.fins_before(number) {
            connection.send(schedule.seq(fin), FIN | ACK, &[]);
        }
        connection.send(schedule.seq(*at), ACK, bytes);
    }
    connection.finish(schedule.seq(schedule.stream.len()))
}

#[test]
fn what_the_kernel_gives_is_read() {
    apart("what_the_kernel_gives_is_read", |network| {
        for seed in 1..=SCHEDULES {
            let mut random = Random(seed);
            let schedule = Schedule::any(&mut random, false);
            let given = through_the_kernel(network, &schedule);
            assert_eq!(given, schedule.stream, "schedule {seed}");
            assert_eq!(schedule.received(true), given, "schedule {seed}: the model");
            let read = read(Limits::default(), &schedule, true, &mut |_| Fate::Arrives);
            assert_eq!(read.body, given[schedule.body..], "schedule {seed}");
            assert!(read.complete && !read.doubted && read.messages == 1, "schedule {seed}: {read:?}");
        }
    });
}

/// The kernel's choice depends on how it has joined segments in memory and on the shape of a tree, so it can't always be known:
/// but then the reader must say that it does not know.
#[test]
fn of_copies_that_differ_the_kernels_is_read_or_they_are_in_doubt() {
    apart("of_copies_that_differ_the_kernels_is_read_or_they_are_in_doubt", |network| {
        let (mut sure, mut doubted, mut as_read, mut as_model) = (0, 0, 0, 0);
        let mut silent: Vec<u64> = Vec::new();
        for seed in 1..=SCHEDULES {
            let mut random = Random(seed);
            let schedule = Schedule::any(&mut random, true);
            let given = through_the_kernel(network, &schedule);
            let read = read(Limits::default(), &schedule, true, &mut |_| Fate::Arrives);
            let same = read.body == given[schedule.body..];
            if read.doubted {
                doubted += 1;
                as_read += u32::from(same);
                as_model += u32::from([true, false].iter().any(|joins| schedule.received(*joins) == given));
                // A copy that comes after a message was given leaves it as it is: the kernel had given it, too.
                assert!(!read.complete || same, "schedule {seed}");
            } else if same && read.complete {
                sure += 1;
            } else {
                silent.push(seed);
            }
        }
        println!(
            "copies that differ: {sure} read as the kernel gave them and sure; {doubted} in doubt, of which {as_read} \
             read as the kernel gave them (the model: {as_model})"
        );
        assert!(silent.is_empty(), "read otherwise than the kernel, and not in doubt: {silent:?}");
        assert!(sure > 50 && doubted > 200, "{sure} {doubted}");
        assert!(as_read * 10 > doubted * 7, "{as_read} of {doubted}");
    });
}

/// What only the receiver can know: the reader sees packets before the kernel judges them. Known limits, so that nobody thinks
/// otherwise.
#[test]
fn what_the_kernel_refuses_or_takes_out_is_read_all_the_same() {
    apart("what_the_kernel_refuses_or_takes_out_is_read_all_the_same", |network| {
        let head = b"POST /m HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n";
        let at = u32::try_from(head.len()).expect("small");
        let body = |given: &[u8]| String::from_utf8_lossy(given.get(head.len()..).unwrap_or_default()).into_owned();

        let mut connection = network.connect(100);
        connection.send(100, ACK, head);
        connection.send_damaged(100 + at, ACK, b"evil");
        connection.send(100 + at, ACK, b"good");
        assert_eq!(body(&connection.finish(104 + at)), "good", "a wrong checksum");

        let mut connection = network.connect(100);
        connection.send(100, ACK, head);
        connection.send_urgent(100 + at, b"abcd", 2);
        assert_eq!(body(&connection.finish(104 + at)), "acd", "an urgent byte is not part of the stream");

        let mut connection = network.connect(100);
        connection.send(100, ACK, head);
        connection.send(101 + at, RST, &[]);
        connection.send(100 + at, ACK, b"abcd");
        assert_eq!(body(&connection.finish(104 + at)), "abcd", "a reset that is not exact (RFC 5961)");

        let mut connection = network.connect(100);
        connection.send(100, ACK, head);
        connection.send(100 + at, 0, b"evil");
        connection.send(100 + at, ACK, b"good");
        assert_eq!(body(&connection.finish(104 + at)), "good", "a segment without ACK");

        let mut connection = network.connect(100);
        connection.send(100, ACK, head);
        connection.send(0x4000_0000, ACK, b"evil");
        connection.send(100 + at, ACK, b"good");
        assert_eq!(body(&connection.finish(104 + at)), "good", "outside of the window");
    });
}
