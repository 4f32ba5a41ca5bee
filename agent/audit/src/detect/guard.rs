//! Whether an endpoint looks at credentials at all: what it refuses tells, and what it lets pass without one.
//!
//! Kinds that say "it took a bad token" need it: many clients send their token to endpoints that everybody may call.

use rustc_hash::FxHashMap;

use crate::exchange::Exchange;
use crate::inventory::{EndpointId, Security, Sighting};

/// Endpoints that are remembered; past it all begins anew, which delays a finding and invents none.
const ENDPOINTS_MAX: usize = 4096;

/// Endpoints, by what they do with credentials.
#[derive(Debug, Default)]
pub(super) struct Guards {
    seen: FxHashMap<EndpointId, Seen>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// A call with a credential got 401.
    refused_bad: bool,
    /// A call without one got 401.
    refused_none: bool,
    /// A call without one succeeded.
    open: bool,
}

impl Guards {
    /// Takes in a call, and gives whether its endpoint is known to look at credentials: its document says so, it refused some, or it
    /// refused calls without and let none of them pass.
    pub(super) fn is_guarded(&mut self, sighting: &Sighting<'_>) -> bool {
        let endpoint = sighting.endpoint;
        let seen = match said(sighting.exchange) {
            Some(said) => {
                if self.seen.len() >= ENDPOINTS_MAX {
                    self.seen.clear();
                }
                let seen = self.seen.entry(endpoint.id).or_default();
                seen.refused_bad |= said.refused_bad;
                seen.refused_none |= said.refused_none;
                seen.open |= said.open;
                *seen
            }
            None => self.seen.get(&endpoint.id).copied().unwrap_or_default(),
        };
        endpoint.security == Security::Required || seen.refused_bad || (seen.refused_none && !seen.open)
    }
}

/// What one call tells; `None` where it tells nothing.
fn said(exchange: &Exchange) -> Option<Seen> {
    let request = exchange.request.as_ref()?;
    let (status, without) = (exchange.status?, request.auth.is_empty());
    let said = Seen {
        refused_bad: status == 401 && !without && request.credentials.len() + request.tokens.len() > 0,
        refused_none: status == 401 && request.bare,
        open: (200..300).contains(&status) && without && request.credentials.is_empty(),
    };
    (said.refused_bad || said.refused_none || said.open).then_some(said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::sample::{basic, call, endpoint_of};

    fn last(calls: &[Exchange]) -> bool {
        let mut guards = Guards::default();
        let mut is_guarded = false;
        for exchange in calls {
            let endpoint = endpoint_of(exchange);
            is_guarded = guards.is_guarded(&Sighting { exchange, endpoint: &endpoint, is_new: false });
        }
        is_guarded
    }

    #[test]
    fn refusals_prove_a_guard_and_open_calls_do_not() {
        let with = |status| call(&format!("GET /a {status}")).credential(basic()).done();
        let bare = |status| call(&format!("GET /a {status}")).bare().done();
        assert!(!last(&[with(200)]));
        assert!(last(&[bare(401), with(200)]));
        assert!(last(&[with(401), with(200)]));
        assert!(!last(&[bare(401), bare(200), with(200)]), "now and then it is open");
        assert!(last(&[bare(200), with(401), with(200)]), "who brings none is let in, who brings a wrong one is not");
        assert!(!last(&[with(403), with(404), with(200)]), "a refusal of another kind is none of the credential");
        assert!(last(&[call("GET /a 200").required().bare().done()]));
    }

    #[test]
    fn counting_is_bounded() {
        let mut guards = Guards::default();
        for number in 0..2 * ENDPOINTS_MAX {
            let exchange = call("GET /a 401").api(&format!("api-{number}")).bare().done();
            let endpoint = endpoint_of(&exchange);
            assert!(guards.is_guarded(&Sighting { exchange: &exchange, endpoint: &endpoint, is_new: false }));
            assert!(guards.seen.len() <= ENDPOINTS_MAX);
        }
    }
}
