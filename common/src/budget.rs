//! The budget per turn: how many payload bytes of a packet are copied to user space.
//!
//! A *turn* begins when the direction of the payload changes: a request ends and its response begins, or the reverse.
//! Each turn refills the direction's budget; past it the kernel only counts. User space narrows or widens it with a [`Verdict`].
//! The step is one pure function, taken by the BPF program and by replay alike.

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

/// Takes the step: a packet of `len` payload bytes in `direction` arrives. Returns the new budget and how many of the
/// packet's first bytes to copy (`0..=len`).
#[inline(always)]
#[expect(clippy::inline_always, reason = "a BPF program has no calls to spare: the step must be part of the hook")]
pub const fn grant(budget: Budget, limits: Limits, direction: Direction, len: u32) -> (Budget, u32) {
    let mut next = budget;
    let index = direction as usize;
    if len == 0 {
        return (next, 0);
    }
    let mark = direction as u8 + 1;
    if next.last != mark {
        next.last = mark;
        next.left[index] = refill(budget.verdict, limits);
    }
    let left = next.left[index];
    let copy = if len < left { len } else { left };
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
