//! A model of a TCP receiver, as simple as can be, and schedules of segments to try it and the reader with.
//!
//! [`Receiver`] shares nothing with the reader. That it reads as Linux does is proven by the kernel itself
//! (`tests/tcp/main.rs` of the repository gives it and a real socket the same segments); that the reader reads as it does,
//! by `tcp_model.rs`.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test binary uses a part")]

pub mod read;
pub mod schedule;

/// What a Linux socket gives to its program (`tcp_data_queue`, `tcp_data_queue_ofo` and `tcp_ofo_queue` in `tcp_input.c`):
///
/// - What was given already stays; what is next in order is given at once, whatever waits in the queue.
/// - A segment that waits is dropped if one comes that covers it whole and more, and keeps its bytes otherwise.
/// - Of two that wait and overlap in part, the one that begins first gives its bytes.
/// - A segment that begins where another ends may be joined to it, and is then one with it. Whether it is depends on how the
///   driver has laid it out in memory, so both are right.
#[derive(Clone, Debug, Default)]
pub struct Receiver {
    pub given: Vec<u8>,
    /// Sorted by beginning.
    held: Vec<(usize, Vec<u8>)>,
    pub joins: bool,
}

impl Receiver {
    pub fn new(joins: bool) -> Self {
        Self { joins, ..Self::default() }
    }

    /// A segment whose first byte has this offset.
    pub fn take(&mut self, at: usize, bytes: &[u8]) {
        let end = at + bytes.len();
        if end <= self.given.len() {
            return;
        }
        if at > self.given.len() {
            return self.hold(at, bytes);
        }
        self.given.extend_from_slice(&bytes[self.given.len() - at..]);
        while let Some((from, held)) = self.held.first().filter(|(from, _)| *from <= self.given.len()) {
            let known = self.given.len() - from;
            if let Some(new) = held.get(known..) {
                let new = new.to_vec();
                self.given.extend(new);
            }
            self.held.remove(0);
        }
    }

    fn hold(&mut self, at: usize, bytes: &[u8]) {
        let end = at + bytes.len();
        let before = self.held.iter().rposition(|(from, _)| *from <= at);
        if let Some((from, held)) = before.map(|index| &mut self.held[index]) {
            let held_end = *from + held.len();
            if end <= held_end {
                return;
            }
            if held_end == at && self.joins {
                held.extend_from_slice(bytes);
                return;
            }
        }
        self.held.retain(|(from, held)| *from < at || from + held.len() > end);
        let index = self.held.partition_point(|(from, _)| *from < at);
        self.held.insert(index, (at, bytes.to_vec()));
    }

    /// Whether nothing waits.
    pub fn is_even(&self) -> bool {
        self.held.is_empty()
    }
}
