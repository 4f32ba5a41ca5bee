//! What the kinds that judge TLS have in common: their findings are of an API's name and port, not of an endpoint.

use apiscope_wire::{ExchangeId, Hop, Role};
use smallvec::SmallVec;

use super::{Greeting, Kind, way};
use crate::exchange::{ConsumerId, Method};
use crate::finding::{Evidence, Finding, Severity};
use crate::inventory::EndpointId;
use crate::secret::Masked;

/// Stands where an endpoint has its method.
const METHOD: &str = "TLS";

impl Greeting<'_> {
    /// A finding of this kind on the server's name and port. `because` and `what` hold no secret.
    pub(super) fn finding(&self, kind: &'static Kind, severity: Severity, because: &str, what: &str) -> Finding {
        let route = self.subject();
        let what = format!("{what}; {}", way(self.origin));
        Finding {
            kind,
            api: self.api.clone(),
            endpoint: self.id_of(&route),
            method: Method::new(METHOD),
            route: route.as_str().into(),
            severity,
            because: Masked::vouched(because),
            evidence: Evidence {
                at: self.at,
                call: Some(ExchangeId { flow: self.flow, index: 0 }),
                consumer: Some(ConsumerId::Address(self.origin.client.ip().to_canonical())),
                severity,
                what: Masked::from_clean(what),
            },
            classes: SmallVec::new(),
        }
    }

    /// Under which the ledger counts the handshakes of this name and port. No endpoint has this method.
    pub(crate) fn id(&self) -> EndpointId {
        self.id_of(&self.subject())
    }

    fn id_of(&self, route: &str) -> EndpointId {
        EndpointId::of("", self.api, &Method::new(METHOD), route)
    }

    /// The name that the client asked for, or else the server's address; and the port.
    fn subject(&self) -> String {
        let server = self.origin.server;
        match &self.hello.server_name {
            Some(name) => format!("{name}:{}", server.port()),
            None => server.to_string(),
        }
    }

    /// Whether the handshake went on after the server's choice.
    pub(super) fn is_agreed(&self) -> bool {
        self.hello.choice.is_some() && self.hello.refused.is_none()
    }

    /// Whether the server is known to be on another host.
    pub(super) fn is_foreign(&self) -> bool {
        self.origin.role == Role::Called
    }

    /// The severity where the bytes crossed a wire; milder on loopback, and where the server is somebody else's.
    pub(super) fn tempered(&self, severity: Severity) -> Severity {
        let milder = |severity: Severity| match severity {
            Severity::Critical => Severity::High,
            Severity::High => Severity::Medium,
            Severity::Medium => Severity::Low,
            Severity::Low | Severity::Info => Severity::Info,
        };
        let once = if self.origin.hop == Hop::Loopback { milder(severity) } else { severity };
        if self.is_foreign() { milder(once) } else { once }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::fmt::Write as _;

    use apiscope_wire::FlowId;

    use super::*;
    use crate::detect::sample::{at, call};
    use crate::detect::{Case, Detector};
    use crate::exchange::ApiId;
    use crate::tls::{CertificateFacts, ChainFacts, ChoiceFacts, HelloFacts, Key};

    /// An agreed handshake of TLS 1.2 with a good suite, to `shop.test`.
    pub(in crate::detect) fn hello(version: u16, suite: u16) -> HelloFacts {
        HelloFacts {
            server_name: Some(Masked::vouched("shop.test")),
            offer: None,
            choice: Some(ChoiceFacts { version, suite, protocol: None }),
            refused: None,
            chain: ChainFacts::Unknown,
        }
    }

    /// A certificate for `name` that is valid until so many seconds after the handshake.
    pub(in crate::detect) fn certificate(name: &str, seconds: i64) -> CertificateFacts {
        CertificateFacts {
            sha256: [7; 32],
            subject: Masked::vouched(&format!("CN={name}")),
            issuer: Masked::vouched("CN=issuer"),
            names: vec![Masked::vouched(name)],
            names_dropped: 0,
            not_before: None,
            not_after: Some(i64::try_from(at(0).as_nanos() / 1_000_000_000).unwrap() + seconds),
            key: Key::P256,
            self_issued: false,
        }
    }

    /// What a detector finds in handshakes from `client`, as text.
    pub(in crate::detect) fn judged(
        detector: &mut dyn Detector,
        client: &str,
        role: Role,
        hellos: &[HelloFacts],
    ) -> String {
        let mut text = String::new();
        let mut origin = (*call("GET / 200").from(client).interface("eth0").done().origin).clone();
        origin.role = role;
        let api = ApiId::new("shop");
        for hello in hellos {
            let greeting = Greeting { api: &api, flow: FlowId::new(1), origin: &origin, hello, at: at(0) };
            detector.judge(&Case::Hello(&greeting), &mut |finding| {
                let _ =
                    writeln!(text, "{} {} {}: {}", finding.severity, finding.method, finding.route, finding.because);
                let _ = writeln!(text, "     {}", finding.evidence.what);
            });
        }
        text
    }
}
