//! The honest account: every payload byte that the socket sent or received falls in exactly one part.

use std::ops::AddAssign;

use crate::seldom::Unset;

/// Bytes not copied on purpose, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Past the budget of the turn.
    pub budget: u64,
    /// The flow was not wanted (not HTTP, filtered).
    pub verdict: u64,
    /// TLS after its hellos.
    pub encrypted: u64,
}

/// Bytes missed, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// The ring was full.
    pub ring: u64,
    /// A gap in the sequence numbers with no other cause known.
    pub gap: u64,
    /// Our own memory bound.
    pub memory: u64,
}

/// Bytes that were captured but not understood, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unparsed {
    /// Not HTTP.
    pub not_http: u64,
    /// HTTP that breaks its own rules.
    pub malformed: u64,
    /// Before the first message start of a connection that was joined in the middle, or after a gap.
    pub joined_late: u64,
}

/// A flow's (or an API's) account. The socket's bytes are the sum of the parts, so they always add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Bytes that became messages, and TLS hellos.
    pub parsed: u64,
    /// Not copied on purpose.
    pub skipped: Skipped,
    /// Missed.
    pub lost: Lost,
    /// Captured and not understood.
    pub unparsed: Unparsed,
}

impl Coverage {
    /// All payload bytes seen at the socket.
    pub const fn socket(&self) -> u64 {
        self.captured() + self.skipped_bytes() + self.lost_bytes()
    }

    /// Bytes that were copied.
    pub const fn captured(&self) -> u64 {
        self.parsed + self.unparsed.not_http + self.unparsed.malformed + self.unparsed.joined_late
    }

    /// Bytes not copied on purpose.
    pub const fn skipped_bytes(&self) -> u64 {
        self.skipped.budget + self.skipped.verdict + self.skipped.encrypted
    }

    /// Bytes missed.
    pub const fn lost_bytes(&self) -> u64 {
        self.lost.ring + self.lost.gap + self.lost.memory
    }
}

impl Unset for Coverage {
    const UNSET: &'static Self = &Self {
        parsed: 0,
        skipped: Skipped { budget: 0, verdict: 0, encrypted: 0 },
        lost: Lost { ring: 0, gap: 0, memory: 0 },
        unparsed: Unparsed { not_http: 0, malformed: 0, joined_late: 0 },
    };

    fn unset() -> Self {
        Self::default()
    }
}

impl AddAssign for Coverage {
    fn add_assign(&mut self, other: Self) {
        self.parsed += other.parsed;
        self.skipped.budget += other.skipped.budget;
        self.skipped.verdict += other.skipped.verdict;
        self.skipped.encrypted += other.skipped.encrypted;
        self.lost.ring += other.lost.ring;
        self.lost.gap += other.lost.gap;
        self.lost.memory += other.lost.memory;
        self.unparsed.not_http += other.unparsed.not_http;
        self.unparsed.malformed += other.unparsed.malformed;
        self.unparsed.joined_late += other.unparsed.joined_late;
    }
}
