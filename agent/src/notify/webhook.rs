//! A webhook, signed as Standard Webhooks 1.0 says (<https://www.standardwebhooks.com>): `webhook-id` is equal over retries, so whoever
//! gets a message twice can tell; `webhook-signature` is `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`.

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use apiscope_audit::finding::{FindingRow, Severity};
use apiscope_audit::ledger::{Quiet, Said};
use apiscope_wire::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::text::{Text, call_id, clean, rfc3339};
use super::{ConfigError, Context, Manner, Notice, Parcel, Receiver, Shipment, Target, check_url};
use crate::store::Named;

/// What it is, for the reference page.
pub const DOC: &str = "A webhook that gets each change of a finding once, signed (Standard Webhooks 1.0).";

/// The keys of its section.
pub const KEYS: &[(&str, &str)] = &[
    ("name", "Name in status and metrics, and its place in the outbox: keep it."),
    ("url", "Where messages are posted."),
    ("secret_file", "File with the signing secret: `whsec_` and base64, or any text of 16 bytes or more. Mode 0600."),
    ("secret_credential", "The same from a systemd credential of this name."),
    ("min_severity", "Findings below it are not sent."),
];

/// The version of the body's `data`. Grows when a field changes its meaning or goes; new fields may come at any time.
pub const SCHEMA: u32 = 1;

/// Shortest secret, bytes.
const SECRET_MIN: usize = 16;
/// Longest secret file, bytes.
const SECRET_FILE_MAX: u64 = 4096;
/// Bytes of the hash that is a message's id.
const ID_BYTES: usize = 12;
/// Longest wait between two attempts.
const BACK_OFF_MAX: Duration = Duration::from_mins(5);

/// A signing secret. Wiped when dropped; never shown.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct WebhookSecret(Vec<u8>);

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(..)")
    }
}

impl WebhookSecret {
    /// From its text: `whsec_` and base64, or the bytes as they are (white space around them removed).
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let bytes = match text.strip_prefix("whsec_") {
            Some(encoded) => STANDARD.decode(encoded).map_err(|_| "what follows whsec_ is not base64".to_owned())?,
            None => text.as_bytes().to_vec(),
        };
        let secret = Self(bytes);
        if secret.0.len() < SECRET_MIN {
            return Err(format!(
                "shorter than {SECRET_MIN} bytes. Make one: openssl rand -base64 32 | sed s/^/whsec_/"
            ));
        }
        Ok(secret)
    }

    /// From a file that only its owner may read.
    pub fn from_file(path: &Path) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        let file = File::open(path).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(format!("{}: mode {mode:04o} lets others read it. chmod 600 it", path.display()));
        }
        Self::read(file, path)
    }

    /// From a systemd credential (`LoadCredential=`); the kernel checks who may read it.
    pub fn from_credential(name: &str) -> Result<Self, String> {
        if name.is_empty() || name.contains('/') {
            return Err("a credential's name has no slash".to_owned());
        }
        let Some(dir) = std::env::var_os("CREDENTIALS_DIRECTORY") else {
            return Err(format!(
                "no credentials were given. Add LoadCredential={name}:/path to the unit, or use secret_file"
            ));
        };
        let path = Path::new(&dir).join(name);
        let file = File::open(&path)
            .map_err(|error| format!("credential {name}: {error}. Add LoadCredential= to the unit"))?;
        Self::read(file, &path)
    }

    fn read(file: File, path: &Path) -> Result<Self, String> {
        let mut text = Zeroizing::new(String::new());
        file.take(SECRET_FILE_MAX).read_to_string(&mut text).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(&text).map_err(|what| format!("{}: {what}", path.display()))
    }

    fn sign(&self, id: &str, at: u64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of every length");
        mac.update(format!("{id}.{at}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// One webhook.
#[derive(Debug)]
pub struct Config {
    /// Name in status and metrics, and its place in the outbox.
    pub name: String,
    /// Where messages are posted.
    pub url: String,
    /// Signs them.
    pub secret: WebhookSecret,
    /// Findings below it are not sent. Default low.
    pub min_severity: Severity,
}

/// The receiver.
#[derive(Debug)]
pub struct Sender {
    config: Config,
    context: Context,
}

impl Sender {
    /// Checks the address.
    pub fn new(config: Config, context: Context) -> Result<Self, ConfigError> {
        check_url(&config.name, &config.url, "https://hooks.example/apiscope")?;
        Ok(Self { config, context })
    }

    /// The same for the same change of the same finding on the same host, however often it is sent and after whatever restart.
    fn id(&self, finding: &FindingRow) -> String {
        let mut hasher = Sha256::new();
        for part in [&*self.context.instance, &finding.id.to_string(), finding.transition.word()] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        hasher.update(finding.revision.to_be_bytes());
        // A store that was lost begins again at revision 1: the time tells the two apart.
        hasher.update(finding.opened.as_nanos().to_be_bytes());
        let hash = hasher.finalize();
        hash.iter().take(ID_BYTES).fold("msg_".to_owned(), |mut id, byte| {
            // A String takes everything.
            let _ = write!(id, "{byte:02x}");
            id
        })
    }

    fn body(&self, notice: &Notice, text: &Text) -> Vec<u8> {
        let finding = &notice.finding;
        let body = Body {
            kind: format!("apiscope.finding.{}", finding.transition.word()),
            timestamp: precise(notice.ended.unwrap_or(finding.last)),
            data: Data {
                schema: SCHEMA,
                instance: &self.context.instance,
                environment: &self.context.environment,
                finding: Finding::of(notice),
                text: Words::of(text),
            },
        };
        serde_json::to_vec(&body).expect("strings and numbers can always be written")
    }
}

impl Receiver for Sender {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn targets(&self) -> Vec<Target> {
        vec![Target { id: self.config.name.clone(), url: self.config.url.clone() }]
    }

    fn manner(&self) -> Manner {
        Manner { min_severity: self.config.min_severity, batch_max: 1, back_off_max: BACK_OFF_MAX, reminders: None }
    }

    fn encode(&self, parcel: Parcel<'_>) -> Shipment {
        let Some(notice) = parcel.notices.first() else {
            return Shipment { path: "", headers: Vec::new(), body: Vec::new(), incomplete: 0 };
        };
        let text = Text::of(notice, &self.context);
        let (id, body) = (self.id(&notice.finding), self.body(notice, &text));
        let at = parcel.now.as_nanos() / 1_000_000_000;
        let signature = self.config.secret.sign(&id, at, &body);
        Shipment {
            path: "",
            headers: vec![("webhook-id", id), ("webhook-timestamp", at.to_string()), ("webhook-signature", signature)],
            body,
            incomplete: u64::from(text.incomplete > 0),
        }
    }
}

/// RFC 3339 with all that is known.
fn precise(at: Timestamp) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(at.as_nanos())).map_or_else(|_| rfc3339(at), |at| at.to_string())
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: String,
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    schema: u32,
    instance: &'a str,
    environment: &'a str,
    finding: Finding,
    text: Words,
}

#[derive(Serialize)]
struct Finding {
    id: String,
    kind: &'static str,
    api: String,
    method: String,
    route: String,
    severity: &'static str,
    because: String,
    status: &'static str,
    quiet: Option<QuietSaid>,
    opened: String,
    first: String,
    last: String,
    resolved: Option<String>,
    count: u64,
    calls: u64,
    revision: u32,
    team: Option<String>,
    owasp: &'static str,
    cwe: u32,
    containment: Containment,
    coverage: Option<f64>,
    consumers: Vec<String>,
    consumers_more: bool,
    evidence: Vec<Proof>,
}

/// The smallest thing that stops the harm.
#[derive(Serialize)]
struct Containment {
    scope: &'static str,
    text: &'static str,
}

/// Why nothing is told of it any more.
#[derive(Serialize)]
struct QuietSaid {
    why: &'static str,
    by: Option<String>,
    until: String,
    reason: Option<String>,
}

impl QuietSaid {
    fn of(quiet: &Quiet) -> Self {
        let text = |said: &Option<Said>| said.as_ref().map(|said| clean(said.as_str()));
        Self { why: quiet.why.name(), by: text(&quiet.by), until: precise(quiet.until), reason: text(&quiet.reason) }
    }
}

#[derive(Serialize)]
struct Proof {
    at: String,
    call: Option<String>,
    consumer: Option<String>,
    what: String,
}

impl Finding {
    fn of(notice: &Notice) -> Self {
        let row = &notice.finding;
        Self {
            id: row.id.to_string(),
            kind: row.kind.name,
            api: clean(row.api.as_str()),
            method: clean(row.method.as_str()),
            route: clean(&row.route),
            severity: row.severity.name(),
            because: clean(row.because.as_str()),
            status: row.status.word(),
            quiet: row.quiet.as_ref().map(QuietSaid::of),
            opened: precise(row.opened),
            first: precise(row.first),
            last: precise(row.last),
            resolved: row.resolved.map(precise),
            count: row.count,
            calls: row.calls,
            revision: row.revision,
            team: notice.team.as_deref().map(clean),
            owasp: row.kind.owasp,
            cwe: row.kind.cwe,
            containment: Containment { scope: row.kind.containment.scope(), text: row.kind.containment.text() },
            coverage: notice.coverage,
            consumers: row.consumers.iter().map(ToString::to_string).collect(),
            consumers_more: row.consumers_more,
            evidence: row.evidence.iter().map(Proof::of).collect(),
        }
    }
}

impl Proof {
    fn of(evidence: &apiscope_audit::Evidence) -> Self {
        Self {
            at: precise(evidence.at),
            call: evidence.call.map(call_id),
            consumer: evidence.consumer.map(|consumer| consumer.to_string()),
            what: clean(evidence.what.as_str()),
        }
    }
}

/// The eleven things, in words.
#[derive(Serialize)]
struct Words {
    title: String,
    severity: String,
    timing: String,
    affected: String,
    evidence: String,
    why: String,
    what_to_do: String,
    containment: String,
    links: String,
    team: String,
    quieten: String,
    confidence: String,
}

impl Words {
    fn of(text: &Text) -> Self {
        let text = text.clone();
        Self {
            title: text.title,
            severity: text.severity,
            timing: text.timing,
            affected: text.affected,
            evidence: text.evidence,
            why: text.why,
            what_to_do: text.what_to_do,
            containment: text.containment,
            links: text.links,
            team: text.team,
            quieten: text.quieten,
            confidence: text.confidence,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use apiscope_audit::finding::Transition;
    use expect_test::expect;

    use super::super::tests::{OPENED, context, notice};
    use super::*;

    fn sender() -> Sender {
        let config = Config {
            name: "hook".into(),
            url: "http://127.0.0.1:1/x".into(),
            secret: WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a good secret"),
            min_severity: Severity::Low,
        };
        Sender::new(config, context()).expect("a good configuration")
    }

    #[test]
    fn signs_as_the_specification_does() {
        // The example of the specification's own libraries.
        let secret = WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a good secret");
        assert_eq!(
            secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn the_id_is_equal_over_retries_and_differs_between_changes() {
        let (first, mut second) = (notice("/login"), notice("/login"));
        let at = |notice: &Notice, seconds| {
            let now = OPENED.plus(Duration::from_secs(seconds));
            sender().encode(Parcel { notices: std::slice::from_ref(notice), not_told: 0, now })
        };
        let (one, again) = (at(&first, 1), at(&first, 99));
        assert_eq!((&one.headers[0], &one.body), (&again.headers[0], &again.body));
        assert_ne!(one.headers[2], again.headers[2]);
        second.finding.revision = 2;
        second.finding.transition = Transition::Resolved;
        assert_ne!(at(&second, 1).headers[0], one.headers[0]);
    }

    #[test]
    fn the_body_is_what_the_schema_says() {
        let notice = notice("/login");
        let parcel = Parcel { notices: std::slice::from_ref(&notice), not_told: 0, now: OPENED };
        let body: serde_json::Value = serde_json::from_slice(&sender().encode(parcel).body).expect("JSON");
        expect![[r#"
            {
              "api": "orders-api",
              "because": "crosses eth0, not loopback",
              "calls": 418,
              "consumers": [
                "k:0000000000009f2c",
                "10.0.4.7"
              ],
              "consumers_more": false,
              "containment": {
                "scope": "consumer",
                "text": "Revoke the credentials of the listed consumers and give them new ones over TLS; other consumers go on."
              },
              "count": 412,
              "coverage": 0.998,
              "cwe": 319,
              "evidence": [
                {
                  "at": "2026-11-24T14:02:11Z",
                  "call": "0000000000000007/2",
                  "consumer": "k:0000000000009f2c",
                  "what": "Authorization: Basic ****, user a***n, crossed eth0 (private)"
                }
              ],
              "first": "2026-11-24T14:02:11Z",
              "id": "9fe95e6d792c77f5",
              "kind": "cleartext-credential",
              "last": "2026-11-24T14:31:07Z",
              "method": "POST",
              "opened": "2026-11-24T14:02:11Z",
              "owasp": "API2:2023",
              "quiet": null,
              "resolved": null,
              "revision": 1,
              "route": "/login",
              "severity": "critical",
              "status": "open",
              "team": "payments"
            }"#]]
        .assert_eq(&serde_json::to_string_pretty(&body["data"]["finding"]).expect("JSON"));
    }

    #[test]
    fn a_secret_is_never_shown_and_a_bad_one_is_refused() {
        assert_eq!(format!("{:?}", sender().config.secret), "WebhookSecret(..)");
        WebhookSecret::parse("short").expect_err("too short");
        WebhookSecret::parse("whsec_!!!").expect_err("not base64");
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("secret");
        std::fs::write(&path, "0123456789abcdef\n").expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("a mode");
        assert!(WebhookSecret::from_file(&path).expect_err("readable").contains("chmod 600"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("a mode");
        assert_eq!(WebhookSecret::from_file(&path).expect("a good file").0, b"0123456789abcdef");
    }
}
