//! Exchanges and sightings made by hand, for the tests of this crate.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use apiscope_wire::{ExchangeId, FlowId, Origin, Role, Timestamp, Version};
use expect_test::Expect;

use super::{Case, Detector};
use crate::exchange::{ApiId, ConsumerId, Exchange, Method, Protocol, Stage};
use crate::facts::{
    AuthKind, BasicFacts, BodySize, Credential, CredentialKind, Deprecation, Detail, Exposure, Facts, Grade, LogIn,
    MediaKind, Place, ProgramVersion, Retirement, Stranger, Token, TokenFacts, What,
};
use crate::inventory::{DocumentState, EndpointRow, Security, Sighting, shape};
use crate::secret::{Fingerprint, FingerprintKey, Masked, Secret, password};

/// Stands for the host where the document needs a credential; see [`Sample::done`].
const REQUIRED: &str = "required";

/// The second at which samples begin.
pub(crate) const START: u64 = 1_000;

/// A point in time, in seconds after [`START`].
pub(crate) fn at(second: u64) -> Timestamp {
    Timestamp::from_nanos((START + second) * 1_000_000_000)
}

/// An exchange under construction.
pub(crate) struct Sample {
    exchange: Exchange,
    document: DocumentState,
}

/// `METHOD /path STATUS`, with `-` for no answer: over loopback, at second 0, to `10.0.4.2:80`, which is the API `orders`.
pub(crate) fn call(line: &str) -> Sample {
    let mut parts = line.split(' ');
    let (method, path, status) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let server: SocketAddr = "10.0.4.2:80".parse().unwrap();
    let origin = Origin {
        client: SocketAddr::new(server.ip(), 40_000),
        server,
        role: Role::Served,
        hop: Origin::hop_between(server, server),
        interface: None,
        workload: None,
        encrypted: false,
    };
    let status = status.parse().ok();
    let facts = Facts { complete: true, ..Facts::default() };
    let exchange = Exchange {
        id: ExchangeId { flow: FlowId::new(1), index: 0 },
        began: at(0),
        ended: at(0).plus(std::time::Duration::from_millis(20)),
        origin: Arc::new(origin),
        version: Version::Http11,
        api: ApiId::new("orders"),
        method: (method != "?").then(|| Method::new(method)),
        host: Some(Masked::vouched("orders.test")),
        path: Masked::vouched(path),
        query_keys: Vec::new(),
        status,
        consumer: ConsumerId::Address(server.ip()),
        request: Some(facts.clone()),
        response: status.map(|_| facts),
        protocol: Protocol::Http,
        operations: None,
        stage: Stage::default(),
        session: None,
    };
    Sample { exchange, document: DocumentState::NoDocument }
}

/// `Authorization: Basic` of user `admin`.
pub(crate) fn basic() -> Credential {
    credential(CredentialKind::Basic, Place::Header("authorization".into()), "Basic ****, user a***n")
}

/// A password in JSON.
pub(crate) fn password() -> Credential {
    credential(CredentialKind::Password, Place::Json("/password".into()), "****")
}

fn fingerprint(value: &str) -> Fingerprint {
    Secret::new(value.as_bytes()).fingerprint(&FingerprintKey::new([7; 32]))
}

fn credential(kind: CredentialKind, place: Place, masked: &str) -> Credential {
    Credential { kind, place, fingerprint: fingerprint("sample"), masked: Masked::vouched(masked) }
}

/// A credential in the query.
pub(crate) fn in_query(kind: CredentialKind, name: &str) -> Credential {
    credential(kind, Place::Query(name.into()), "****")
}

fn exposure(what: What, grade: Grade, place: Place, count: u32) -> Exposure {
    let samples = [fingerprint("sample")].into_iter().collect();
    Exposure { what, grade, place, count, seen: count, need: 0, samples }
}

impl Sample {
    /// The response has something at a JSON pointer.
    pub(crate) fn gives(self, what: What, grade: Grade, pointer: &str) -> Self {
        self.gives_many(what, grade, pointer, 1)
    }

    pub(crate) fn gives_many(mut self, what: What, grade: Grade, pointer: &str, count: u32) -> Self {
        self.response().exposures.push(exposure(what, grade, Place::Json(pointer.into()), count));
        self
    }

    /// ... and it takes `need` different values to prove it.
    pub(crate) fn gives_unproven(mut self, what: What, pointer: &str, need: u8) -> Self {
        let found = exposure(what, Grade::C, Place::Json(pointer.into()), 1);
        self.response().exposures.push(Exposure { need, ..found });
        self
    }

    /// The request has something at a JSON pointer.
    pub(crate) fn asks(self, what: What, grade: Grade, pointer: &str) -> Self {
        self.asks_at(what, grade, Place::Json(pointer.into()))
    }

    pub(crate) fn asks_at(mut self, what: What, grade: Grade, place: Place) -> Self {
        self.request().exposures.push(exposure(what, grade, place, 1));
        self
    }

    fn request(&mut self) -> &mut Facts {
        self.exchange.request.get_or_insert_default()
    }

    fn response(&mut self) -> &mut Facts {
        self.exchange.response.get_or_insert_default()
    }

    fn origin(&mut self) -> &mut Origin {
        Arc::make_mut(&mut self.exchange.origin)
    }

    pub(crate) fn api(mut self, name: &str) -> Self {
        self.exchange.api = ApiId::new(name);
        self
    }

    pub(crate) fn second(mut self, second: u64) -> Self {
        self.exchange.began = at(second);
        self.exchange.ended = at(second).plus(std::time::Duration::from_millis(20));
        self
    }

    pub(crate) fn from(mut self, client: &str) -> Self {
        let ip: IpAddr = client.parse().unwrap();
        let origin = self.origin();
        origin.client = SocketAddr::new(ip, 40_000);
        origin.hop = Origin::hop_between(origin.client, origin.server);
        self.exchange.consumer = ConsumerId::Address(ip);
        self
    }

    pub(crate) fn interface(mut self, name: &str) -> Self {
        self.origin().interface = Some(name.into());
        self
    }

    pub(crate) fn encrypted(mut self) -> Self {
        self.origin().encrypted = true;
        self
    }

    pub(crate) fn credential(mut self, credential: Credential) -> Self {
        if credential.kind == CredentialKind::Basic {
            self.request().auth = vec![AuthKind::Basic];
        }
        self.request().credentials.push(credential);
        self
    }

    pub(crate) fn json(mut self, total: u64, records: Option<u64>) -> Self {
        let facts = self.response();
        facts.media = MediaKind::Json;
        facts.body = BodySize { total: Some(total), scanned: total.min(65_536) };
        facts.records = records;
        self
    }

    pub(crate) fn other(mut self, total: Option<u64>) -> Self {
        let facts = self.response();
        facts.media = MediaKind::Other;
        facts.body.total = total;
        self
    }

    pub(crate) fn scanned(mut self, bytes: u64) -> Self {
        self.response().body.scanned = bytes;
        self
    }

    /// The document says that a credential is needed.
    pub(crate) fn required(mut self) -> Self {
        self.exchange.host = Some(Masked::vouched(REQUIRED));
        self
    }

    pub(crate) fn done(mut self) -> Exchange {
        if self.document != DocumentState::NoDocument {
            // The detectors' tests have no inventory: the state travels in the host.
            self.exchange.host = Some(Masked::vouched(&format!("{:?}", self.document)));
        }
        self.exchange
    }

    /// The response's body gives this away.
    pub(crate) fn leaks(mut self, detail: Detail) -> Self {
        self.response().details.push(detail);
        self
    }

    /// The response's head names a version.
    pub(crate) fn runs_on(mut self, program: &'static str, version: &str) -> Self {
        self.response().versions.push(ProgramVersion { program, version: version.into() });
        self
    }

    /// A JWT in Authorization, beside which nothing could be a credential. `of` names the token.
    pub(crate) fn token(self, of: &str, token: TokenFacts) -> Self {
        let (mut sample, fingerprint) = (self.bearer(of), fingerprint(of));
        let place = Place::Header("authorization".into());
        sample.request().tokens.push(Token { place, fingerprint, alone: true, facts: Arc::new(token) });
        sample
    }

    /// ... and something beside it could be the credential.
    pub(crate) fn not_alone(mut self) -> Self {
        self.request().tokens.iter_mut().for_each(|token| token.alone = false);
        self
    }

    /// Basic credentials.
    pub(crate) fn user(mut self, user: &str, password: &str) -> Self {
        self.exchange.consumer = ConsumerId::Credential(fingerprint(user));
        self.request().basic = Some(BasicFacts {
            user: fingerprint(user),
            password: fingerprint(password),
            weakness: password::weakness(user.as_bytes(), password.as_bytes()),
        });
        self.credential(basic())
    }

    /// A user and a password in the body.
    pub(crate) fn login(mut self, user: &str, password: &str) -> Self {
        self.request().login = Some(LogIn { user: Some(fingerprint(user)), password: fingerprint(password) });
        self
    }

    /// An opaque token in Authorization.
    pub(crate) fn bearer(mut self, token: &str) -> Self {
        let fingerprint = fingerprint(token);
        self.exchange.consumer = ConsumerId::Credential(fingerprint);
        let facts = self.request();
        facts.auth = vec![AuthKind::Bearer];
        facts.credentials.push(Credential {
            kind: CredentialKind::Bearer,
            place: Place::Header("authorization".into()),
            fingerprint,
            masked: Masked::vouched("Bearer ****"),
        });
        self
    }

    /// A value that may be a credential of a kind that is not known.
    pub(crate) fn stranger(mut self, way: AuthKind, name: &str, value: &str) -> Self {
        self.request().strangers.push(Stranger { way, name: name.into(), fingerprint: fingerprint(value) });
        self
    }

    /// Several Authorization fields that differ.
    pub(crate) fn rivals(mut self) -> Self {
        self.request().rivals = true;
        self
    }

    /// The request holds nothing that could be a credential.
    pub(crate) fn bare(mut self) -> Self {
        self.request().bare = true;
        self
    }

    pub(crate) fn documented(mut self) -> Self {
        self.document = DocumentState::Documented;
        self
    }

    pub(crate) fn deprecated(mut self) -> Self {
        self.document = DocumentState::Deprecated;
        self
    }

    /// The response's head announces the endpoint's end.
    pub(crate) fn announces(mut self, deprecation: Option<Deprecation>, sunset: Option<i64>) -> Self {
        self.response().retirement = Retirement { deprecation, sunset };
        self
    }

    pub(crate) fn removed(mut self) -> Self {
        self.document = DocumentState::Removed;
        self
    }

    pub(crate) fn undocumented(mut self) -> Self {
        self.document = DocumentState::Undocumented;
        self
    }
}

/// A kind with its defaults finds in a transcript what is expected.
#[expect(clippy::needless_pass_by_value, reason = "expect! is written in place")]
pub(crate) fn check<J: Detector + Default>(transcript: &[Exchange], expected: Expect) {
    expected.assert_eq(&judge(&mut J::default(), transcript));
}

/// What a detector finds in a transcript, as text.
pub(crate) fn judge(detector: &mut dyn Detector, transcript: &[Exchange]) -> String {
    let mut text = String::new();
    for exchange in transcript {
        let endpoint = endpoint_of(exchange);
        let sighting = Sighting { exchange, endpoint: &endpoint, is_new: false };
        detector.judge(&Case::Call(&sighting), &mut |finding| {
            let _ = writeln!(text, "{} {} {}: {}", finding.severity, finding.method, finding.route, finding.because);
            let _ = writeln!(text, "     {}", finding.evidence.what);
        });
    }
    text
}

pub(crate) fn endpoint_of(exchange: &Exchange) -> EndpointRow {
    let method = exchange.method.clone().unwrap();
    let mut row = EndpointRow::new("test", &exchange.api, &method, &shape::template(exchange.path.as_str()));
    if exchange.host.as_ref().is_some_and(|host| host.as_str() == REQUIRED) {
        row.security = Security::Required;
    }
    row.document = match exchange.host.as_ref().map(Masked::as_str) {
        Some("Documented" | REQUIRED) => DocumentState::Documented,
        Some("Undocumented") => DocumentState::Undocumented,
        Some("Removed") => DocumentState::Removed,
        Some("Deprecated") => DocumentState::Deprecated,
        _ => DocumentState::NoDocument,
    };
    row.announced.add(exchange);
    row
}
