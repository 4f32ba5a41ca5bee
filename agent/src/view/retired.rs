//! What an endpoint announces of its end, and how long nobody called it.

use apiscope_audit::facts::Deprecation;
use apiscope_audit::inventory::{Announced, Idle};
use serde::{Deserialize, Serialize};

use super::rfc3339;
use crate::store::deprecation_form;

/// What an endpoint's own answers announce: `Deprecation` (RFC 9745) and `Sunset` (RFC 8594).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnnouncedView {
    /// The form of `Deprecation`: `date` as the RFC has it, `draft-date` or `draft-true` as the drafts before it. `null`: it was not said.
    pub deprecation: Option<String>,
    /// Since when it is deprecated, or from when on.
    pub since: Option<String>,
    /// When it is expected to answer no more.
    pub sunset: Option<String>,
    /// When this was last said.
    pub said: String,
    /// Whether it still holds: successes have not left it out for a day.
    pub in_force: bool,
}

impl AnnouncedView {
    pub(super) fn of(announced: &Announced) -> Option<Self> {
        let (at, said) = announced.said?;
        Some(Self {
            deprecation: said.deprecation.map(|deprecation| deprecation_form(deprecation).to_owned()),
            since: said.deprecation.and_then(Deprecation::since).map(date_time),
            sunset: said.sunset.map(date_time),
            said: rfc3339(at),
            in_force: announced.in_force().is_some(),
        })
    }
}

/// For how long an endpoint of a document was not called, and how well that is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IdleView {
    /// Whole days since its last call, or since it is known to be in the document.
    pub days: u32,
    /// Share of this time that was watched, 0 to 1.
    pub watched: f64,
    /// Share of the API's bytes of this time in which a call would have been seen, 0 to 1. `null`: no byte of the API was seen.
    pub coverage: Option<f64>,
}

impl IdleView {
    pub(super) fn of(idle: Idle) -> Self {
        let share = |permille: u16| f64::from(permille) / 1000.0;
        Self { days: idle.days, watched: share(idle.seen.watched), coverage: idle.seen.covered.map(share) }
    }
}

/// RFC 3339 of seconds since 1970.
fn date_time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| "unknown".to_owned(), |at| at.to_string())
}
