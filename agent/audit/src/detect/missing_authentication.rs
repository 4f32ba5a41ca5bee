//! `missing-authentication`: a call without anything that could be a credential succeeds where one should be needed.
//!
//! Needs two proofs. That the call had none: nothing in its head could be one, known or unknown ([`Facts::bare`](crate::Facts::bare)). And
//! that it should have had one: the API's document says so, or nearly all other calls of the same endpoint carry one, or nearly all other
//! endpoints of the API do, and the response holds personal data or a secret. Without a document and without such data nothing is said: an
//! endpoint may be open on purpose.

use rustc_hash::FxHashMap;

use super::setting::settings;
use super::{Case, Containment, Detector, Kind, grouped, place};
use crate::exchange::{ApiId, Exchange};
use crate::facts::{Exposure, Grade};
use crate::finding::{Finding, Severity};
use crate::inventory::{EndpointId, EndpointRow, Security, Sighting};
use crate::secret::Masked;

/// What it is.
pub static KIND: Kind = Kind {
    name: "missing-authentication",
    summary: "Calls without any credential succeed where one should be needed.",
    owasp: "API2:2023",
    cwe: 306,
    cwe_title: "Missing Authentication for Critical Function",
    why: "Whoever reaches the port gets what was meant for known callers only, and nobody can tell afterwards who it was.",
    what_to_do: &[
        "Call the endpoint yourself without a credential, from where the listed client stands, to see it succeed.",
        "Make the server check the credential on this endpoint and method; a gateway in front is no check for those who go around it.",
        "If it is open on purpose, say so in the API's document (security: []) or accept the finding with that reason.",
    ],
    containment: Containment::Endpoint(
        "Refuse this method and route without a credential at the gateway (401) until the server checks it; callers with a credential and all other endpoints go on.",
    ),
};

settings! {
    /// Severity by proof.
    pub struct Config {
        /// Severity where the API's document says that a credential is needed.
        documented: Option<Severity> = Some(Severity::High),
        /// Severity where the other calls or endpoints carry one and the response holds personal data or a secret.
        unlike_others: Option<Severity> = Some(Severity::Medium),
        /// Calls, or endpoints with such calls, before the others may speak.
        least_others: u64 = 20,
    }
}

/// Of the others, as many in a hundred must carry a credential.
const SHARE: u64 = 90;
/// APIs and endpoints whose calls are counted; past it counting starts anew, which delays a finding and invents none.
const ENDPOINTS_MAX: usize = 4096;

/// Successful calls of one endpoint.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    with: u64,
    all: u64,
}

/// The detector.
pub(super) type Judge = super::Judge<Config, Tallies>;

/// Calls of endpoints, by API.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    apis: FxHashMap<ApiId, FxHashMap<EndpointId, Tally>>,
    kept: usize,
}

impl Tallies {
    fn count(&mut self, endpoint: &EndpointRow, with: bool) {
        if self.kept >= ENDPOINTS_MAX {
            self.apis.clear();
            self.kept = 0;
        }
        let of_api = self.apis.entry(endpoint.api.clone()).or_default();
        let before = of_api.len();
        let tally = of_api.entry(endpoint.id).or_default();
        tally.all += 1;
        tally.with += u64::from(with);
        self.kept += of_api.len() - before;
    }

    /// Why a credential should have been there, where the others tell.
    fn unlike(&self, endpoint: &EndpointRow, least_others: u64) -> Option<String> {
        let of_api = self.apis.get(&endpoint.api)?;
        let is_most = |with: u64, all: u64| with >= least_others && with * 100 >= all * SHARE;
        if let Some(own) = of_api.get(&endpoint.id).filter(|own| is_most(own.with, own.all)) {
            return Some(format!("{} of its {} calls carry a credential", grouped(own.with), grouped(own.all)));
        }
        let others = || of_api.iter().filter(|(id, tally)| **id != endpoint.id && tally.all > 0);
        let guarded = others().filter(|(_, tally)| tally.with == tally.all).count() as u64;
        let all = others().count() as u64;
        is_most(guarded, all).then(|| {
            format!("{} of the {} other endpoints of the API always get a credential", grouped(guarded), grouped(all))
        })
    }
}

impl Detector for Judge {
    fn judge(&mut self, case: &Case<'_>, found: &mut dyn FnMut(Finding)) {
        let Case::Call(sighting) = case else { return };
        let (exchange, endpoint) = (sighting.exchange, sighting.endpoint);
        let Some(request) = &exchange.request else { return };
        if !exchange.status.is_some_and(|status| (200..300).contains(&status)) || endpoint.method.as_str() == "OPTIONS"
        {
            return;
        }
        let with = !request.auth.is_empty();
        // A log-in brings its credential in the body: no evidence either way.
        if with || request.credentials.is_empty() {
            self.state.count(endpoint, with);
        }
        if !request.bare || !request.credentials.is_empty() {
            return;
        }
        let (severity, because, what) = if endpoint.security == Security::Required {
            let what = "nothing in the request could be a credential, and it succeeded".to_owned();
            (self.config.documented, "the API's document says that a credential is needed".to_owned(), what)
        } else if let Some(exposure) = proven(exchange).filter(|_| endpoint.security == Security::Unsaid)
            && let Some(because) = self.state.unlike(endpoint, self.config.least_others)
        {
            let what = format!("without a credential it gave {} in {}", exposure.what.name(), place(&exposure.place));
            (self.config.unlike_others, because, what)
        } else {
            return;
        };
        let Some(severity) = severity else { return };
        found(said(sighting, severity, because, what));
    }
}

fn said(sighting: &Sighting<'_>, severity: Severity, because: String, what: String) -> Finding {
    sighting.finding(&KIND, severity, Masked::from_clean(because), Masked::from_clean(what))
}

/// What the response should not give to anybody.
fn proven(exchange: &Exchange) -> Option<&Exposure> {
    let exposures = exchange.response.as_ref().map_or(&[][..], |facts| &facts.exposures);
    exposures.iter().find(|exposure| exposure.need == 0 && exposure.grade <= Grade::B)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::detect::sample::{basic, call, judge};
    use crate::facts::{DataClass, What};

    const EMAIL: What = What::Data(DataClass::Email, "e-mail address");

    fn judged(transcript: &[Exchange]) -> String {
        judge(&mut Judge::default(), transcript)
    }

    fn guarded(count: usize) -> Vec<Exchange> {
        (0..count).map(|number| call(&format!("GET /part-{number} 200")).credential(basic()).done()).collect()
    }

    #[test]
    fn fires_where_the_document_needs_one() {
        let calls =
            [call("GET /orders 200").required().bare().done(), call("DELETE /orders/7 204").required().bare().done()];
        expect![[r"
            high GET /orders: the API's document says that a credential is needed
                 nothing in the request could be a credential, and it succeeded
            high DELETE /orders/{id}: the API's document says that a credential is needed
                 nothing in the request could be a credential, and it succeeded
        "]]
        .assert_eq(&judged(&calls));
    }

    #[test]
    fn fires_where_the_other_endpoints_need_one_and_persons_are_shown() {
        let mut calls = guarded(20);
        calls.push(call("GET /users 200").bare().gives(EMAIL, Grade::A, "/-/email").done());
        expect![[r"
            medium GET /users: 20 of the 20 other endpoints of the API always get a credential
                 without a credential it gave e-mail address in JSON member /-/email
        "]]
        .assert_eq(&judged(&calls));
    }

    #[test]
    fn fires_where_the_other_calls_carry_one_and_persons_are_shown() {
        let mut calls: Vec<_> = (0..40).map(|_| call("GET /users 200").credential(basic()).done()).collect();
        calls.push(call("GET /users 200").bare().gives(EMAIL, Grade::A, "/-/email").done());
        expect![[r"
            medium GET /users: 40 of its 41 calls carry a credential
                 without a credential it gave e-mail address in JSON member /-/email
        "]]
        .assert_eq(&judged(&calls));
    }

    #[test]
    fn silent_where_either_proof_is_missing() {
        let mut calls = guarded(20);
        let required = |line: &str| call(line).required();
        calls.extend([
            required("GET /orders 401").bare().done(),
            required("GET /orders 200").done(),
            required("OPTIONS /orders 200").bare().done(),
            required("POST /login 200").bare().credential(crate::detect::sample::password()).done(),
            call("GET /health 200").bare().done(),
            call("GET /users 200").gives(EMAIL, Grade::A, "/email").done(),
            call("GET /users 200").bare().gives(EMAIL, Grade::C, "/email").done(),
        ]);
        assert_eq!(judged(&calls), "");
        let few = [guarded(19), vec![call("GET /users 200").bare().gives(EMAIL, Grade::A, "/email").done()]].concat();
        assert_eq!(judged(&few), "");
        let mut open: Vec<_> = guarded(20);
        open.extend((0..5).map(|number| call(&format!("GET /open-{number} 200")).bare().done()));
        open.push(call("GET /users 200").bare().gives(EMAIL, Grade::A, "/email").done());
        assert_eq!(judged(&open), "");
    }

    #[test]
    fn counting_is_bounded() {
        let mut judge_ = Judge::default();
        for number in 0..2 * ENDPOINTS_MAX {
            judge(&mut judge_, &[call(&format!("GET /a-b{number}-c 200")).api(&format!("api-{}", number % 50)).done()]);
            assert!(judge_.state.kept <= ENDPOINTS_MAX && judge_.state.apis.len() <= 50);
        }
    }
}
