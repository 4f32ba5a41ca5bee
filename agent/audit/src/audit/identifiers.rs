//! By what an API knows its callers where it is none of the known ways: a header, cookie or query parameter of its own.
//!
//! Learnt from what is refused: where calls without any credential get 401, the thing that all calls have which succeed is the
//! credential. It must come again (a request's id does not) and differ between callers (a client's build number does not). What was
//! learnt makes the call one with a credential, and its value the caller's identity; nothing is kept of it but its keyed fingerprint.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::exchange::{ApiId, ConsumerId, Exchange};
use crate::facts::{AuthKind, Stranger};
use crate::sketch::Distinct;

/// APIs of which something is learnt; past it all begins anew.
const APIS_MAX: usize = 256;
/// Endpoints of an API that are known to refuse who brings nothing.
const GUARDED_MAX: usize = 256;
/// Names of one API that are weighed.
const NAMES_MAX: usize = 8;
/// Calls with it that succeeded where others were refused, before it counts.
const PASSED_MIN: u64 = 20;
/// Different values, before it counts.
const VALUES_MIN: u64 = 2;

/// All APIs.
#[derive(Debug, Default)]
pub(super) struct Identifiers {
    apis: FxHashMap<ApiId, OfApi>,
}

/// One API.
#[derive(Debug, Default)]
struct OfApi {
    /// Endpoints, as the shard knows them, that answered 401 to calls that brought nothing.
    guarded: FxHashSet<u64>,
    names: Vec<Candidate>,
}

/// One name, and how its calls fared at guarded endpoints.
#[derive(Debug)]
struct Candidate {
    way: AuthKind,
    name: Box<str>,
    /// With it.
    passed: u64,
    refused: u64,
    /// Without it, and without any known credential.
    passed_without: u64,
    values: Distinct,
}

impl Candidate {
    fn is_of(&self, stranger: &Stranger) -> bool {
        self.way == stranger.way && self.name == stranger.name
    }

    fn is_identifier(&self) -> bool {
        let values = self.values.size();
        self.passed >= PASSED_MIN
            && (VALUES_MIN..=self.passed / 2).contains(&values)
            && self.refused <= self.passed
            && self.passed_without * 20 <= self.passed
    }
}

impl Identifiers {
    /// Learns from a call without a known credential, and gives it the one that was learnt.
    pub(super) fn meet(&mut self, exchange: &mut Exchange) {
        let (Some(status), Some(request)) = (exchange.status, &exchange.request) else { return };
        if !request.auth.is_empty() || !request.credentials.is_empty() {
            return;
        }
        if self.apis.len() >= APIS_MAX && !self.apis.contains_key(&exchange.api) {
            self.apis.clear();
        }
        let strangers = request.strangers.as_slice();
        if strangers.is_empty() && status != 401 && !self.apis.contains_key(&exchange.api) {
            return;
        }
        let api = self.apis.entry(exchange.api.clone()).or_default();
        api.learn(exchange.stage.place, status, strangers);
        let learnt = strangers.iter().find(|stranger| api.is_identifier(stranger));
        let Some((way, fingerprint)) = learnt.map(|stranger| (stranger.way, stranger.fingerprint)) else { return };
        if let ConsumerId::Address(_) = exchange.consumer {
            exchange.consumer = ConsumerId::Credential(fingerprint);
        }
        exchange.request.iter_mut().for_each(|request| request.auth.push(way));
    }
}

impl OfApi {
    fn learn(&mut self, endpoint: u64, status: u16, strangers: &[Stranger]) {
        if status == 401 && strangers.is_empty() && self.guarded.len() < GUARDED_MAX {
            self.guarded.insert(endpoint);
        }
        let (passed, refused) = ((200..300).contains(&status), status == 401);
        if !self.guarded.contains(&endpoint) || !(passed || refused) {
            return;
        }
        for stranger in strangers {
            let Some(name) = self.name(stranger) else { continue };
            name.passed += u64::from(passed);
            name.refused += u64::from(refused);
            if passed {
                // Any 32 bits of a keyed hash are as good as random.
                name.values.add(u32::try_from(stranger.fingerprint.get() >> 32).unwrap_or_default());
            }
        }
        for name in &mut self.names {
            name.passed_without += u64::from(passed && !strangers.iter().any(|stranger| name.is_of(stranger)));
        }
    }

    /// The name of a value, new where there is room.
    fn name(&mut self, of: &Stranger) -> Option<&mut Candidate> {
        let at = self.names.iter().position(|name| name.is_of(of)).unwrap_or(self.names.len());
        if at == self.names.len() && at < NAMES_MAX {
            let (way, name, values) = (of.way, of.name.clone(), Distinct::default());
            self.names.push(Candidate { way, name, passed: 0, refused: 0, passed_without: 0, values });
        }
        self.names.get_mut(at)
    }

    fn is_identifier(&self, stranger: &Stranger) -> bool {
        self.names.iter().any(|name| name.is_of(stranger) && name.is_identifier())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::sample::call;

    const HEADER: AuthKind = AuthKind::ApiKeyHeader;

    /// Meets a call with these values; gives its ways of authentication and whether its caller is known by a credential.
    fn meet(identifiers: &mut Identifiers, status: u16, values: &[(AuthKind, &str, String)]) -> (Vec<AuthKind>, bool) {
        let mut sample = call(&format!("GET /orders {status}"));
        for (way, name, value) in values {
            sample = sample.stranger(*way, name, value);
        }
        let mut exchange = sample.done();
        identifiers.meet(&mut exchange);
        let auth = exchange.request.map(|request| request.auth).unwrap_or_default();
        (auth, matches!(exchange.consumer, ConsumerId::Credential(_)))
    }

    fn session(number: usize) -> String {
        format!("session-{}", number % 7)
    }

    #[test]
    fn what_is_there_on_success_and_absent_on_refusal_is_learnt() {
        for way in [HEADER, AuthKind::SessionCookie, AuthKind::ApiKeyQuery] {
            let mut identifiers = Identifiers::default();
            meet(&mut identifiers, 401, &[]);
            let mut known = Vec::new();
            for number in 0..30 {
                let (auth, by_credential) = meet(&mut identifiers, 200, &[(way, "shop", session(number))]);
                assert_eq!(auth.is_empty(), !by_credential);
                known.push(auth);
            }
            assert!(known[..19].iter().all(Vec::is_empty), "not before it is proven");
            assert!(known[19..].iter().all(|auth| *auth == [way]), "{known:?}");
            assert_eq!(meet(&mut identifiers, 401, &[]).0, [], "a call without it has none");
        }
    }

    #[test]
    fn what_is_the_same_for_all_new_for_each_or_not_needed_is_not() {
        let mut identifiers = Identifiers::default();
        meet(&mut identifiers, 401, &[]);
        for number in 0..200 {
            let mut values = vec![
                (HEADER, "x-client-build", "2026.11.25-a1b2c3d4".to_owned()),
                (HEADER, "x-call-token", format!("call-{number}")),
            ];
            if number % 2 == 0 {
                values.push((HEADER, "x-tracking", session(number)));
            }
            assert_eq!(meet(&mut identifiers, 200, &values), (Vec::new(), false), "{number}");
        }
        // Nothing is ever refused there: what is sent need not be a credential.
        let mut identifiers = Identifiers::default();
        for number in 0..200 {
            assert!(!meet(&mut identifiers, 200, &[(HEADER, "x-shop-session", session(number))]).1);
        }
    }

    #[test]
    fn learning_is_bounded() {
        let mut identifiers = Identifiers::default();
        for number in 0..3 * APIS_MAX {
            let mut exchange = call("GET /a 401").api(&format!("api-{number}")).done();
            identifiers.meet(&mut exchange);
            assert!(identifiers.apis.len() <= APIS_MAX);
        }
        let mut identifiers = Identifiers::default();
        for number in 0..1_000 {
            let mut exchange = call("GET /a 401").done();
            exchange.stage.place = number;
            identifiers.meet(&mut exchange);
            meet(&mut identifiers, 200, &[(HEADER, &format!("x-{number}"), session(1))]);
        }
        let api = identifiers.apis.values().next().unwrap();
        assert_eq!((api.guarded.len(), api.names.len()), (GUARDED_MAX, NAMES_MAX));
    }
}
