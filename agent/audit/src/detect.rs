//! The kinds of finding, one file each, and the list of them.
//!
//! A detector is a short function over facts: it sees a [`Case`] and gives [`Finding`]s. It parses nothing, knows no inventory, no
//! ledger and no clock, and remembers nothing of a secret. Adding a kind is one file, its `mod` line and its name in the list below;
//! configuration, reference and `explain` are made from that list.

pub mod ambiguous_framing;
pub mod authentication_failures;
pub mod certificate_expiring;
pub mod certificate_name_mismatch;
pub mod cleartext_card_number;
pub mod cleartext_credential;
pub mod credential_in_url;
pub mod deprecated_endpoint_in_use;
pub mod error_detail_leak;
mod fields;
mod greeting;
mod guard;
mod kind;
pub mod missing_authentication;
pub mod object_enumeration;
pub mod outdated_tls;
pub mod oversized_response;
pub mod personal_data_in_response;
pub mod quota_exceeded;
pub mod secret_in_response;
pub mod setting;
mod told;
pub mod undocumented_endpoint;
pub mod unobservable_tls;
pub mod unused_documented_endpoint;
pub mod version_disclosure;
pub mod weak_token;

#[cfg(test)]
pub(crate) mod sample;

use apiscope_wire::{Ambiguity, FlowId, Hop, Origin, Timestamp};
use smallvec::SmallVec;

use crate::exchange::{ApiId, Exchange, Method};
use crate::facts::Place;
use crate::finding::{Evidence, Finding, Severity};
use crate::inventory::{EndpointId, EndpointRow, Idle, Probe, Sighting};
use crate::secret::Masked;
use crate::tls::HelloFacts;

pub use kind::{Containment, Kind, OWASP};
pub use setting::{SettingError, SettingKey, SettingValue};

/// What a detector is asked to judge.
#[derive(Clone, Copy, Debug)]
pub enum Case<'a> {
    /// A call of a known endpoint: it is over, or its request and status are known and it goes on.
    Call(&'a Sighting<'a>),
    /// The end of a call that was a [`Case::Call`] while it went on: for what only the end tells.
    Ended(&'a Sighting<'a>),
    /// A call of a path that is no endpoint, as a scanner makes them.
    Probe(&'a Probe<'a>),
    /// A TLS flow began.
    Hello(&'a Greeting<'a>),
    /// Framing that servers read differently.
    Ambiguous(&'a Ambiguity),
    /// An operation of a document was not called for long.
    Idle(&'a Unused<'a>),
}

/// An operation of a document that was not called for long.
#[derive(Clone, Copy, Debug)]
pub struct Unused<'a> {
    /// It.
    pub endpoint: &'a EndpointRow,
    /// For how long, and how well that is known.
    pub idle: Idle,
    /// When this was found.
    pub at: Timestamp,
}

/// A TLS handshake, as detectors see it.
#[derive(Clone, Copy, Debug)]
pub struct Greeting<'a> {
    /// The API.
    pub api: &'a ApiId,
    /// Its flow.
    pub flow: FlowId,
    /// Who owns it.
    pub origin: &'a Origin,
    /// What it says.
    pub hello: &'a HelloFacts,
    /// When.
    pub at: Timestamp,
}

/// One kind's judgement. May keep bounded state; is asked by one owner only.
pub(crate) trait Detector: Send + std::fmt::Debug {
    /// Gives what it finds in `case`: at most a few findings, none twice.
    fn judge(&mut self, case: &Case<'_>, found: &mut dyn FnMut(Finding));
}

/// A kind's detector: its settings, and what it remembers from one case to the next. Each kind names its own by
/// `type Judge = super::Judge<Config, State>` and implements [`Detector`] for it.
#[derive(Debug, Default)]
pub(crate) struct Judge<C, S = ()> {
    config: C,
    state: S,
}

impl<C, S: Default> Judge<C, S> {
    pub(crate) fn new(config: C) -> Self {
        Self { config, state: S::default() }
    }
}

macro_rules! detectors {
    ($($kind:ident),+ $(,)?) => {
        /// All detectors' settings, by kind.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct DetectSettings {
            $(#[doc = concat!("Of [`", stringify!($kind), "`].")] pub $kind: $kind::Config),+
        }

        impl DetectSettings {
            /// Sets one key of one kind, named as in the configuration file.
            pub fn set(&mut self, kind: &str, key: &str, value: SettingValue<'_>) -> Result<(), SettingError> {
                $(if kind == $kind::KIND.name {
                    return self.$kind.set(key, value);
                })+
                Err(SettingError::UnknownKind)
            }

            /// The detectors that are switched on.
            pub(crate) fn detectors(&self) -> Vec<Box<dyn Detector>> {
                let mut detectors: Vec<Box<dyn Detector>> = Vec::new();
                $(if self.$kind.enabled {
                    detectors.push(Box::new($kind::Judge::new(self.$kind.clone())));
                })+
                detectors
            }
        }

        /// Every kind, in the order of their names.
        pub fn kinds() -> &'static [&'static Kind] {
            static KINDS: &[&Kind] = &[$(&$kind::KIND),+];
            KINDS
        }

        /// The keys of a kind's settings; `None` where there is no such kind.
        pub fn setting_keys(kind: &str) -> Option<Vec<SettingKey>> {
            $(if kind == $kind::KIND.name {
                return Some($kind::Config::keys());
            })+
            None
        }
    };
}

detectors![
    ambiguous_framing,
    authentication_failures,
    certificate_expiring,
    certificate_name_mismatch,
    cleartext_card_number,
    cleartext_credential,
    credential_in_url,
    deprecated_endpoint_in_use,
    error_detail_leak,
    missing_authentication,
    object_enumeration,
    outdated_tls,
    oversized_response,
    personal_data_in_response,
    quota_exceeded,
    secret_in_response,
    undocumented_endpoint,
    unobservable_tls,
    unused_documented_endpoint,
    version_disclosure,
    weak_token,
];

/// The kind of this name.
pub fn kind_named(name: &str) -> Option<&'static Kind> {
    kinds().iter().copied().find(|kind| kind.name == name)
}

impl Sighting<'_> {
    /// A finding on this call's endpoint. `because` and `what` hold no secret: they are made of masked parts.
    pub(crate) fn finding(&self, kind: &'static Kind, severity: Severity, because: Masked, what: Masked) -> Finding {
        Finding {
            kind,
            api: self.endpoint.api.clone(),
            endpoint: self.endpoint.id,
            method: self.endpoint.method.clone(),
            route: self.endpoint.route.clone(),
            severity,
            because,
            evidence: Evidence {
                at: self.exchange.ended,
                call: Some(self.exchange.id),
                consumer: Some(self.exchange.consumer),
                severity,
                what,
            },
            classes: SmallVec::new(),
        }
    }
}

/// Stands for an endpoint's method and template in what concerns a whole API.
const WHOLE: (&str, &str) = ("*", "*");

impl Sighting<'_> {
    /// A finding on this call's API: all its endpoints have what is found, and one finding says so.
    pub(crate) fn finding_of_api(
        &self,
        kind: &'static Kind,
        severity: Severity,
        because: Masked,
        what: Masked,
    ) -> Finding {
        let (method, route) = (Method::new(WHOLE.0), WHOLE.1);
        Finding {
            endpoint: EndpointId::of("", &self.endpoint.api, &method, route),
            method,
            route: route.into(),
            ..self.finding(kind, severity, because, what)
        }
    }
}

/// A place, for people.
pub(crate) fn place(place: &Place) -> String {
    place.to_string()
}

/// The call carried no credential and succeeded.
pub(crate) fn is_open_success(exchange: &Exchange) -> bool {
    let without = exchange.request.as_ref().is_some_and(|facts| facts.auth.is_empty() && facts.credentials.is_empty());
    without && exchange.status.is_some_and(|status| (200..300).contains(&status))
}

/// The way that a call's bytes took, for people.
pub(crate) fn way(origin: &Origin) -> String {
    let hop = match origin.hop {
        Hop::Loopback => "loopback",
        Hop::Private => "private hop",
        Hop::Public => "public hop",
    };
    format!("over {} ({hop} {} → {})", interface(origin), origin.client.ip(), origin.server)
}

fn interface(origin: &Origin) -> &str {
    origin.interface.as_deref().unwrap_or("unknown interface")
}

/// A number with thousands separated, as people read it.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_whole_and_in_order() {
        for kind in kinds() {
            assert_eq!(kind_named(kind.name), Some(*kind));
            assert!(!kind.owasp_title().is_empty(), "{}: {} is no class of the Top 10", kind.name, kind.owasp);
            assert!(kind.summary.ends_with('.') && kind.why.ends_with('.'), "{}", kind.name);
            let contained = kind.containment.text();
            assert!(contained.ends_with('.') && contained.len() < 300, "{}: {contained}", kind.name);
            for too_much in ["the whole API", "the API offline", "stop the API", "take the API", "block the API"] {
                assert!(!contained.contains(too_much), "{}: a containment is narrow: {contained}", kind.name);
            }
            assert!(
                kind.what_to_do.len() >= 2 && kind.what_to_do.iter().all(|step| step.ends_with('.')),
                "{}",
                kind.name
            );
            assert!(kind.name.chars().all(|c| c.is_ascii_lowercase() || c == '-'));
        }
        assert!(kinds().is_sorted_by_key(|kind| kind.name));
        assert_eq!(kind_named("no-such-kind"), None);
    }

    #[test]
    fn every_kind_can_be_switched_off_and_documents_its_keys() {
        for kind in kinds() {
            let keys = setting_keys(kind.name).unwrap();
            assert_eq!((keys[0].name, keys[0].default.as_str()), ("enabled", "true"), "{}", kind.name);
            assert!(keys.iter().all(|key| key.doc.ends_with('.') && !key.takes.is_empty()), "{keys:?}");
            let mut settings = DetectSettings::default();
            settings.set(kind.name, "enabled", SettingValue::Bool(false)).unwrap();
            assert_eq!(settings.detectors().len() + 1, kinds().len());
        }
    }

    #[test]
    fn a_written_default_reads_back_as_the_default() {
        for kind in kinds() {
            for key in setting_keys(kind.name).unwrap() {
                let value = match key.default.as_str() {
                    "true" => SettingValue::Bool(true),
                    "false" => SettingValue::Bool(false),
                    text => text.parse().map_or(SettingValue::Text(text.trim_matches('"')), SettingValue::Integer),
                };
                let mut settings = DetectSettings::default();
                settings.set(kind.name, key.name, value).unwrap();
                assert_eq!(settings, DetectSettings::default(), "{} {}", kind.name, key.name);
            }
        }
    }

    #[test]
    fn a_wrong_setting_says_what_is_expected() {
        let mut settings = DetectSettings::default();
        let mut set = |kind, key, value| settings.set(kind, key, value).unwrap_err().to_string();
        assert_eq!(set("cleartext", "enabled", SettingValue::Bool(true)), "there is no such kind of finding");
        assert_eq!(
            set("oversized-response", "maxbytes", SettingValue::Integer(1)),
            "this kind of finding has no such setting"
        );
        assert_eq!(
            set("oversized-response", "max_bytes", SettingValue::Integer(-1)),
            "expected a whole number of at least 1"
        );
        assert_eq!(set("oversized-response", "enabled", SettingValue::Text("yes")), "expected true or false");
        assert_eq!(
            set("cleartext-credential", "private", SettingValue::Text("mild")),
            r#"expected "critical", "high", "medium", "low", "info" or "off""#
        );
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1_000, 1_048_576].map(grouped), ["0", "999", "1,000", "1,048,576"]);
    }
}
