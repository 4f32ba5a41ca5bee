//! What an endpoint's own answers announce of its end, as far as it is in force.

use std::time::Duration;

use apiscope_wire::Timestamp;

use crate::exchange::Exchange;
use crate::facts::Retirement;

/// So long after it was last said an announcement is in force, while successes do not repeat it: one of several replicas, or a proxy on
/// the way, may leave it out.
const HOLDS_FOR: Duration = Duration::from_hours(24);

/// What was announced last, and when it was not. Two agents' join is what one would hold that saw both ones' calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Announced {
    /// The newest answer that announces something: when it came, and what it says.
    pub said: Option<(Timestamp, Retirement)>,
    /// The newest success that announces nothing.
    pub unsaid: Option<Timestamp>,
}

impl Announced {
    /// A response that is known to its end, or whose head is.
    pub(crate) fn add(&mut self, exchange: &Exchange) {
        let Some(response) = &exchange.response else { return };
        if !response.retirement.is_empty() {
            self.said = self.said.max(Some((exchange.ended, response.retirement)));
        } else if matches!(exchange.status, Some(200..=399)) {
            self.unsaid = self.unsaid.max(Some(exchange.ended));
        }
    }

    /// Adds what another agent saw.
    pub(super) fn join(&mut self, other: &Self) {
        self.said = self.said.max(other.said);
        self.unsaid = self.unsaid.max(other.unsaid);
    }

    /// What is announced now.
    pub fn in_force(&self) -> Option<Retirement> {
        let (at, retirement) = self.said?;
        let is_over = self.unsaid.is_some_and(|unsaid| unsaid.since(at) >= HOLDS_FOR);
        (!is_over).then_some(retirement)
    }

    /// Whether what is announced says at this moment that the endpoint is deprecated.
    pub fn is_deprecated(&self, at: Timestamp) -> bool {
        self.in_force().is_some_and(|retirement| retirement.is_deprecated(seconds(at)))
    }
}

/// Whole seconds since 1970.
pub(crate) fn seconds(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanos() / 1_000_000_000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::detect::sample::{at, call};
    use crate::facts::Deprecation;

    fn answer(second: u64, status: u16, date: Option<i64>) -> Exchange {
        let mut exchange = call(&format!("GET /a {status}")).second(second).done();
        if let Some(response) = &mut exchange.response {
            response.retirement.deprecation = date.map(Deprecation::Date);
        }
        exchange
    }

    fn of(answers: &[Exchange]) -> Announced {
        let mut announced = Announced::default();
        for answer in answers {
            announced.add(answer);
        }
        announced
    }

    #[test]
    fn the_newest_word_holds_for_a_day_of_silence() {
        const DAY: u64 = 86_400;
        let said = [answer(0, 200, Some(1)), answer(1, 200, Some(2)), answer(2, 500, None)];
        assert_eq!(of(&said).in_force().and_then(|said| said.deprecation), Some(Deprecation::Date(2)));
        let silent = |second| [&said[..], &[answer(second, 200, None)]].concat();
        assert!(of(&silent(DAY)).is_deprecated(at(DAY)));
        assert_eq!(of(&silent(DAY + 1)).in_force(), None);
        let errors = [&said[..], &[answer(9 * DAY, 503, None)]].concat();
        assert!(of(&errors).is_deprecated(at(9 * DAY)), "an error says nothing of it");
        assert!(!of(&[answer(0, 200, Some(5_000_000))]).is_deprecated(at(0)), "its date is ahead");
    }

    proptest! {
        #[test]
        fn two_join_to_what_one_would_know(
            answers in prop::collection::vec((0_u64..200_000, prop::option::of(0_i64..9), prop::bool::ANY), 0..20),
        ) {
            let made = |ours: Option<bool>| -> Vec<Exchange> {
                let of_it = answers.iter().filter(|(.., agent)| ours.is_none_or(|ours| ours == *agent));
                of_it.map(|(second, date, _)| answer(*second, 200, *date)).collect()
            };
            let (mut one, other) = (of(&made(Some(true))), of(&made(Some(false))));
            one.join(&other);
            prop_assert_eq!(one, of(&made(None)));
        }
    }
}
