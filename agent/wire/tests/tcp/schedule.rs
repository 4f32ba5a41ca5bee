//! Schedules: what one side sends, cut, lost, sent again, reordered and overlapped at random.

use super::Receiver;
use crate::common::Random;

/// A segment of a schedule: offset in the stream, and bytes.
pub type Sent = (usize, Vec<u8>);

/// One direction of a connection.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Sequence number of the stream's first byte: near the wrap in many.
    pub first: u32,
    /// What the sender's program has written.
    pub stream: Vec<u8>,
    /// Where the body begins in it.
    pub body: usize,
    /// Ends that come too early: before which segment, and at which offset. At the stream's end, or where its bytes were given already,
    /// and such an end is an old one's that nobody heeds.
    pub fins: Vec<(usize, usize)>,
    /// In the order of arrival. Together they hold every byte of the stream.
    pub segments: Vec<Sent>,
    /// Copies of a byte of the body may differ.
    pub conflicting: bool,
}

/// How a schedule is made.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    pub conflicting: bool,
    /// The longest segment.
    pub longest: usize,
    /// Segments are that far from the place where they belong.
    pub spread: usize,
}

impl Form {
    pub fn any(random: &mut Random, conflicting: bool) -> Self {
        let longest = [3, 20, 150, 1400][random.below(4)];
        Self { conflicting, longest, spread: 1 + random.below(longest * 8) }
    }
}

/// A byte of the body: each copy has an alphabet of its own.
fn letter(at: usize, copy: usize) -> u8 {
    let step = u8::try_from((at * 7 + copy * 5) % 26).expect("below 26");
    if copy == 0 { b'a' + step } else { b'A' + step }
}

/// The bytes of a stretch; of the head there is one copy only, so that there is a message at all.
fn stretch(stream: &[u8], body: usize, from: usize, to: usize, copy: usize) -> Vec<u8> {
    (from..to).map(|at| if at < body || copy == 0 { stream[at] } else { letter(at, copy) }).collect()
}

impl Schedule {
    /// One of any form.
    pub fn any(random: &mut Random, conflicting: bool) -> Self {
        let form = Form::any(random, conflicting);
        Self::new(random, form)
    }

    /// One at random, over a stream that is one request.
    pub fn new(random: &mut Random, form: Form) -> Self {
        let length = 1 + random.below(form.longest * 12);
        let head = format!("POST /m HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n").into_bytes();
        let body = head.len();
        let mut stream = head;
        stream.extend((0..length).map(|at| letter(body + at, 0)));
        let near_wrap = random.chance(2);
        let first = u32::try_from(random.next() >> 32).expect("32 bits");
        let first = if near_wrap { 0_u32.wrapping_sub(1 + first % 2000) } else { first };
        let mut this =
            Self { first, stream, body, fins: Vec::new(), segments: Vec::new(), conflicting: form.conflicting };
        this.fill(random, form);
        this
    }

    /// Segments at random until all has arrived: near the place that is next, as a window allows, with what was lost sent again
    /// in other cuts.
    fn fill(&mut self, random: &mut Random, form: Form) {
        let mut receiver = Receiver::default();
        let mut copies = 0;
        while receiver.given.len() < self.stream.len() {
            let next = receiver.given.len();
            if random.chance(12) {
                let at = if random.chance(2) { self.stream.len() } else { random.below(next) };
                self.fins.extend((at != next).then_some((self.segments.len(), at)));
            }
            let from = match random.below(6) {
                // What is missing, at last.
                0 => next,
                // Part of what was given already, and perhaps more.
                1 => next.saturating_sub(random.below(form.spread)),
                // Where another begins or ends, for those are the edges.
                2 => self.an_edge(random).unwrap_or(next),
                _ => next + random.below(form.spread),
            };
            let from = from.min(self.stream.len() - 1);
            let to = (from + 1 + random.below(form.longest)).min(self.stream.len());
            let copy = if form.conflicting && random.chance(3) {
                copies += 1;
                copies
            } else {
                0
            };
            let bytes = stretch(&self.stream, self.body, from, to, copy);
            receiver.take(from, &bytes);
            self.segments.push((from, bytes));
        }
    }

    fn an_edge(&self, random: &mut Random) -> Option<usize> {
        let back = random.below(self.segments.len().min(8));
        let (at, bytes) = self.segments.iter().rev().nth(back)?;
        Some(if random.chance(2) { *at } else { at + bytes.len() })
    }

    /// The sequence number of an offset.
    pub fn seq(&self, at: usize) -> u32 {
        self.first.wrapping_add(u32::try_from(at).expect("small"))
    }

    /// Bytes that arrive for places where bytes were already.
    pub fn repeated(&self) -> u64 {
        let arrived: usize = self.segments.iter().map(|(_, bytes)| bytes.len()).sum();
        (arrived - self.stream.len()) as u64
    }

    /// The ends that come before a segment.
    pub fn fins_before(&self, number: usize) -> impl Iterator<Item = usize> {
        self.fins.iter().filter(move |(before, _)| *before == number).map(|(_, at)| *at)
    }

    /// What a receiver gives of it.
    pub fn received(&self, joins: bool) -> Vec<u8> {
        let mut receiver = Receiver::new(joins);
        for (at, bytes) in &self.segments {
            receiver.take(*at, bytes);
        }
        assert!(receiver.is_even());
        receiver.given
    }
}
