//! The budget per turn: how many payload bytes of a packet are copied to user space.
//!
//! A *turn* begins when the direction of the payload changes: a request ends and its response begins, or the reverse.
//! Each turn refills the direction's budget; past it the kernel only counts. User space narrows or widens it with a [`Verdict`].
//! The step is one pure function, taken by the BPF program and by replay alike.

use crate::abi::PAYLOAD_MAX;

/// Default bytes for the head of a message.
pub const HEAD_BYTES: u32 = 4 * 1024;
/// Default bytes for the body of a message.
pub const BODY_BYTES: u32 = 64 * 1024;

/// What user space has decided for a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Verdict {
    /// Head and body budgets per turn.
    #[default]
    Full = 0,
    /// Only the head budget per turn.
    HeadsOnly = 1,
    /// No bytes at all: not HTTP, not wanted, or encrypted. Bytes are still counted.
    Ignore = 2,
    /// The other end of the connection is captured, on this host: nothing of this end is told at all.
    Twin = 3,
}

/// The bytes granted at each turn. Configurable; the same for all flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Limits {
    /// Bytes for a message's head.
    pub head: u32,
    /// Bytes for a message's body.
    pub body: u32,
}

impl Limits {
    /// The defaults of the design: 4 KiB and 64 KiB.
    pub const DEFAULT: Self = Self { head: HEAD_BYTES, body: BODY_BYTES };
}

/// The two directions of a flow, as the socket sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Direction {
    /// Towards the socket.
    In = 0,
    /// From the socket.
    Out = 1,
}

/// A flow's budget: what may still be copied in each direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Budget {
    /// Bytes that may still be copied, by [`Direction`].
    pub left: [u32; 2],
    /// The direction of the last payload: 0 none yet, else `Direction as u8 + 1`.
    pub last: u8,
    /// The [`Verdict`] as a number: user space writes it, so it may be any byte.
    pub verdict: u8,
    /// Always zero: keeps the layout free of padding.
    pub pad: [u8; 2],
}

impl Budget {
    /// Whether payload in `direction` begins a turn: then, and only then, [`grant`] looks at its limits and the verdict.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "see `grant`")]
    pub const fn turns(&self, direction: Direction) -> bool {
        self.last != direction as u8 + 1
    }
}

/// Takes the step: a packet of `len` payload bytes in `direction` arrives. Returns the new budget and how many of the
/// packet's first bytes to copy (`0..=len`, and at most [`PAYLOAD_MAX`]).
#[inline(always)]
#[expect(clippy::inline_always, reason = "a BPF program has no calls to spare: the step must be part of the hook")]
pub const fn grant(budget: Budget, limits: Limits, direction: Direction, len: u32) -> (Budget, u32) {
    let mut next = budget;
    let index = direction as usize;
    if len == 0 {
        return (next, 0);
    }
    if budget.turns(direction) {
        next.last = direction as u8 + 1;
        next.left[index] = refill(budget.verdict, limits);
    }
    let left = next.left[index];
    let most = if left < PAYLOAD_MAX { left } else { PAYLOAD_MAX };
    let copy = if len < most { len } else { most };
    next.left[index] = left - copy;
    (next, copy)
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "see `grant`")]
const fn refill(verdict: u8, limits: Limits) -> u32 {
    if verdict == Verdict::Full as u8 {
        limits.head.saturating_add(limits.body)
    } else if verdict == Verdict::HeadsOnly as u8 {
        limits.head
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, Direction, Limits, Verdict, grant};
    use crate::abi::PAYLOAD_MAX;

    const LIMITS: Limits = Limits { head: 100, body: 1000 };

    #[test]
    fn a_turn_refills_and_a_run_drains() {
        let (budget, copy) = grant(Budget::default(), LIMITS, Direction::Out, 900);
        assert_eq!(copy, 900);
        let (budget, copy) = grant(budget, LIMITS, Direction::Out, 900);
        assert_eq!(copy, 200);
        let (budget, copy) = grant(budget, LIMITS, Direction::Out, 900);
        assert_eq!(copy, 0);
        let (budget, _) = grant(budget, LIMITS, Direction::In, 1);
        assert_eq!(grant(budget, LIMITS, Direction::Out, 2000).1, 1100);
    }

    #[test]
    fn no_payload_takes_no_step() {
        let (budget, copy) = grant(Budget::default(), LIMITS, Direction::In, 0);
        assert_eq!((budget, copy), (Budget::default(), 0));
    }

    #[test]
    fn the_verdict_counts_from_the_next_turn() {
        let (mut budget, _) = grant(Budget::default(), LIMITS, Direction::In, 10);
        budget.verdict = Verdict::HeadsOnly as u8;
        assert_eq!(grant(budget, LIMITS, Direction::In, 500).1, 500);
        let (mut budget, copy) = grant(budget, LIMITS, Direction::Out, 500);
        assert_eq!(copy, 100);
        budget.verdict = Verdict::Ignore as u8;
        assert_eq!(grant(budget, LIMITS, Direction::In, 500).1, 0);
    }

    #[test]
    fn a_record_holds_no_more_than_its_largest_class() {
        let limits = Limits { head: u32::MAX, body: 1 };
        assert_eq!(grant(Budget::default(), limits, Direction::In, 500_000).1, PAYLOAD_MAX);
    }
}
