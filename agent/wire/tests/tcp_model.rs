//! TCP as the model of `tcp/mod.rs` has it against the reader: schedules of loss, reordering, repetition, overlap, sequence
//! numbers that wrap, bytes passed over and streams joined late.
//!
//! The usual run is the same every time; `cargo xtask long model` takes other schedules, and a million of them.

mod common;
mod tcp;

use apiscope_wire::Limits;
use common::Random;
use tcp::read::{Fate, Read, read};
use tcp::schedule::Schedule;

/// Schedules of each kind in the usual run.
const SCHEDULES: u64 = 3500;

/// Tries a kind of schedules; each has a seed of its own, which is told where it fails.
fn each(kind: u64, mut work: impl FnMut(&mut Random)) {
    let number = |name| std::env::var_os(name).and_then(|n| n.to_str()?.parse::<u64>().ok());
    let wanted = number("APISCOPE_MODEL_SCHEDULES");
    // A long run is to find what is new.
    let begin = number("APISCOPE_MODEL_SEED").unwrap_or(1);
    for number in 0..wanted.unwrap_or(SCHEDULES) {
        let seed = begin.wrapping_add(number).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ kind | 1;
        let told = Told { seed, kind };
        work(&mut Random(seed));
        std::mem::forget(told);
    }
}

/// Says where it was if a check fails.
struct Told {
    seed: u64,
    kind: u64,
}

impl Drop for Told {
    fn drop(&mut self) {
        eprintln!("kind {} of schedule, generator {:#x}", self.kind, self.seed);
    }
}

/// What holds of every schedule: each byte of the stream is in exactly one part of the account, and nothing stays buffered.
fn check_account(schedule: &Schedule, read: &Read) {
    assert_eq!(read.coverage.socket(), schedule.stream.len() as u64, "{read:?}");
    assert_eq!(read.counters.buffered_bytes, 0);
    assert!(read.messages <= 1, "{read:?}");
}

#[test]
fn whatever_the_order_what_the_socket_gives_is_read() {
    each(1, |random| {
        let schedule = Schedule::any(random, false);
        let read = read(Limits::default(), &schedule, true, &mut |_| Fate::Arrives);
        assert_eq!(schedule.received(true), schedule.stream);
        assert_eq!(read.body, schedule.stream[schedule.body..]);
        assert_eq!(read.total, Some(read.body.len() as u64));
        assert!(read.complete && !read.doubted && read.messages == 1, "{read:?}");
        assert_eq!(read.coverage.parsed, schedule.stream.len() as u64);
        assert_eq!(read.counters.duplicate_bytes, schedule.repeated());
        assert_eq!((read.counters.gaps, read.counters.conflicts), (0, 0));
        check_account(&schedule, &read);
    });
}

#[test]
fn of_copies_that_differ_one_is_read_and_in_doubt() {
    let (mut sure, mut same) = (0, 0);
    each(2, |random| {
        let schedule = Schedule::any(random, true);
        let read = read(Limits::default(), &schedule, true, &mut |_| Fate::Arrives);
        let given = [true, false].map(|joins| schedule.received(joins));
        if read.complete && !read.doubted {
            sure += 1;
            // The socket had no choice.
            assert_eq!(given, [&read.body; 2].map(|body| [&schedule.stream[..schedule.body], body].concat()));
        }
        // Told, too, of a copy of what had been read by then.
        assert!(read.complete || read.doubted);
        assert_eq!(read.doubted, read.counters.conflicts > 0);
        assert_eq!(read.counters.duplicate_bytes, schedule.repeated());
        same += usize::from(given.iter().any(|given| given[schedule.body..] == read.body));
        check_account(&schedule, &read);
        let is_a_copy = |(place, byte): (usize, &u8)| {
            let place = schedule.body + place;
            schedule.segments.iter().any(|(at, bytes)| place.checked_sub(*at).and_then(|n| bytes.get(n)) == Some(byte))
        };
        assert!(read.body.iter().enumerate().all(is_a_copy), "bytes that nobody sent");
    });
    assert!(sure > 0 && same > sure, "{sure} {same}");
}

/// Bytes of the body that are not there: passed over, lost, or too late. The rest is read, and no other byte is.
#[test]
fn what_is_missing_is_counted_and_never_invented() {
    let (mut whole, mut cut, mut lost) = (0, 0, 0);
    each(3, |random| {
        let mut schedule = Schedule::any(random, false);
        // Where bytes are missing, an end that lies before others may be the true one.
        schedule.fins.retain(|(_, at)| *at == schedule.stream.len());
        let one_in = [3, 12, 60][random.below(3)];
        let fates: Vec<Fate> =
            schedule.segments.iter().map(|(at, _)| fate(*at >= schedule.body, one_in, random)).collect();
        let read = read(Limits::default(), &schedule, true, &mut |number| fates[number]);
        check_account(&schedule, &read);
        let seen = Seen::of(&schedule, &fates);
        assert!(read.coverage.lost_bytes() >= seen.never as u64, "{read:?}");
        assert!(read.counters.gaps >= u64::from(seen.gave_up), "a gap of three seconds: {read:?}");
        if seen.head_is_there && read.messages == 1 {
            let body = &schedule.stream[schedule.body..];
            assert!(body.starts_with(&read.body), "{read:?}");
            assert!(read.total.is_none_or(|total| total == body.len() as u64), "{read:?}");
            // Bytes that were passed over are known to have been there; what was lost is not known to be what it was.
            assert!(read.complete <= (read.coverage.lost_bytes() == 0), "{read:?}");
            assert!(read.complete || read.coverage.lost_bytes() > 0, "{read:?}");
            if !fates.iter().any(|fate| matches!(fate, Fate::Late)) && seen.never == 0 {
                assert_eq!(read.coverage.lost_bytes(), 0);
            }
        }
        match (read.coverage.lost_bytes(), read.coverage.skipped_bytes()) {
            (0, 0) => whole += 1,
            (0, _) => cut += 1,
            _ => lost += 1,
        }
    });
    assert!(whole > 0 && cut > 0 && lost > 0, "{whole} {cut} {lost}");
}

fn fate(in_body: bool, one_in: usize, random: &mut Random) -> Fate {
    if !random.chance(one_in) {
        return Fate::Arrives;
    }
    match random.below(if in_body { 8 } else { 3 }) {
        0 | 1 => Fate::Lost,
        2 => Fate::Late,
        _ => Fate::Skipped,
    }
}

/// What of a schedule came, in any way.
struct Seen {
    head_is_there: bool,
    /// Bytes that never came.
    never: usize,
    /// Something waited behind a gap for longer than is waited.
    gave_up: bool,
}

impl Seen {
    fn of(schedule: &Schedule, fates: &[Fate]) -> Self {
        let mut seen = vec![(false, false); schedule.stream.len()];
        let mut gave_up = false;
        for ((at, bytes), fate) in schedule.segments.iter().zip(fates) {
            let gap = seen.iter().position(|(came, _)| !came).unwrap_or(seen.len());
            gave_up |= matches!(fate, Fate::Late) && seen[gap..].iter().any(|(came, _)| *came);
            for byte in &mut seen[*at..at + bytes.len()] {
                byte.0 |= !matches!(fate, Fate::Lost);
                byte.1 |= matches!(fate, Fate::Arrives);
            }
        }
        let head_is_there = seen[..schedule.body].iter().all(|(_, bytes)| *bytes);
        Self { head_is_there, never: seen.iter().filter(|(came, _)| !came).count(), gave_up }
    }
}

/// The first segments were not seen, and neither was the opening.
#[test]
fn joined_late_nothing_is_invented() {
    let (mut messages, mut unread) = (0, 0);
    each(4, |random| {
        let mut schedule = Schedule::any(random, false);
        let from = random.below(schedule.segments.len());
        schedule.segments.drain(..from);
        schedule.fins.clear();
        let read = read(Limits::default(), &schedule, false, &mut |_| Fate::Arrives);
        assert_eq!(read.coverage.socket(), since_the_join(&schedule), "{read:?}");
        assert_eq!(read.counters.buffered_bytes, 0);
        if read.complete {
            messages += 1;
            assert_eq!(read.body, schedule.stream[schedule.body..]);
            let head: Vec<bool> = (0..schedule.stream.len())
                .map(|place| schedule.segments.iter().any(|(at, bytes)| (*at..at + bytes.len()).contains(&place)))
                .collect();
            assert!(head.iter().all(|came| *came), "bytes that never came");
        }
        unread += usize::from(read.messages == 0);
    });
    assert!(messages > 0 && unread > 0, "{messages} {unread}");
}

/// Bytes from the first one seen to the end, and of those before it what came in the meantime, each time from further back.
fn since_the_join(schedule: &Schedule) -> u64 {
    let first = schedule.segments[0].0;
    let (mut lowest, mut early) = (first, 0);
    for (at, bytes) in &schedule.segments {
        if *at < lowest {
            early += (at + bytes.len()).min(lowest) - at;
            lowest = *at;
        }
    }
    (schedule.stream.len() - first + early) as u64
}
