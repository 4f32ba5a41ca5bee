//! The account of bytes.

use apiscope_wire::Coverage;
use serde::{Deserialize, Serialize};

/// Every payload byte seen at the sockets falls in exactly one part: socket = parsed + skipped + lost + unparsed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverageView {
    /// Bytes seen at the sockets.
    pub socket_bytes: u64,
    /// Bytes copied: parsed and unparsed.
    pub captured_bytes: u64,
    /// Bytes that became messages.
    pub parsed_bytes: u64,
    /// Bytes not copied on purpose.
    pub skipped_bytes: SkippedView,
    /// Bytes missed.
    pub lost_bytes: LostView,
    /// Bytes copied and not understood.
    pub unparsed_bytes: UnparsedView,
}

/// Not copied on purpose, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedView {
    /// Past the budget of the turn.
    pub budget: u64,
    /// The flow is not HTTP.
    pub verdict: u64,
    /// TLS after its hellos.
    pub encrypted: u64,
}

/// Missed, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostView {
    /// The ring was full.
    pub ring: u64,
    /// A gap with no other cause known.
    pub gap: u64,
    /// Our own memory bound.
    pub memory: u64,
}

/// Not understood, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnparsedView {
    /// Not HTTP.
    pub not_http: u64,
    /// HTTP that breaks its own rules.
    pub malformed: u64,
    /// Of a connection joined in the middle.
    pub joined_late: u64,
}

impl SkippedView {
    /// All reasons.
    pub const fn total(&self) -> u64 {
        self.budget + self.verdict + self.encrypted
    }
}

impl LostView {
    /// All reasons.
    pub const fn total(&self) -> u64 {
        self.ring + self.gap + self.memory
    }
}

impl UnparsedView {
    /// All reasons.
    pub const fn total(&self) -> u64 {
        self.not_http + self.malformed + self.joined_late
    }
}

impl From<&Coverage> for CoverageView {
    fn from(coverage: &Coverage) -> Self {
        let Coverage { parsed, skipped, lost, unparsed } = coverage;
        Self {
            socket_bytes: coverage.socket(),
            captured_bytes: coverage.captured(),
            parsed_bytes: *parsed,
            skipped_bytes: SkippedView {
                budget: skipped.budget,
                verdict: skipped.verdict,
                encrypted: skipped.encrypted,
            },
            lost_bytes: LostView { ring: lost.ring, gap: lost.gap, memory: lost.memory },
            unparsed_bytes: UnparsedView {
                not_http: unparsed.not_http,
                malformed: unparsed.malformed,
                joined_late: unparsed.joined_late,
            },
        }
    }
}
