//! Prometheus Alertmanager, API v2 (v1 is gone since 0.27).
//!
//! An alert's labels are its identity: fixed for the finding's life, no counts, addresses or times; the rest are annotations. It is a
//! state: told again every minute with an end four times as far away, so that it does not flap when a reminder is late, and its end is
//! told for fifteen minutes. `instance` stays in the identity: two hosts that shared a label set would end each other's alerts. Group
//! replicas by `[alertname, api, route]`.

use std::time::Duration;

use apiscope_audit::finding::Severity;
use apiscope_wire::Timestamp;
use serde::Serialize;

use super::text::{Text, clean, link, rfc3339};
use super::{ConfigError, Context, Manner, Notice, Parcel, Receiver, Reminders, Shipment, Target, check_url};

/// What it is, for the reference page.
pub const DOC: &str =
    "Prometheus Alertmanager (API v2). Name every instance of a cluster, never a load balancer in front of it.";

/// The keys of its section.
pub const KEYS: &[(&str, &str)] = &[
    ("name", "Name in status and metrics, and part of its place in the outbox: keep it."),
    (
        "urls",
        "Base addresses, one for each instance; `/api/v2/alerts` is added. A name is sent to at all its addresses.",
    ),
    ("min_severity", "Findings below it are not sent."),
    (
        "life_min",
        "An alert that ends earlier is kept until this age, so that it is not gone before Alertmanager grouped it.",
    ),
];

/// Alerts in one request, as Prometheus does.
const BATCH_MAX: usize = 256;
/// Findings that stand at a time: Alertmanager's own limit on alerts of a name drops silently.
const STANDING_MAX: usize = 200;
/// Time between two reminders.
const EVERY: Duration = Duration::from_mins(1);
/// Reminders that may be missed before Alertmanager takes an alert for resolved.
const MISSED_MAX: u32 = 4;
/// An end is told so long.
const END_REPEATED: Duration = Duration::from_mins(15);

/// One Alertmanager or one cluster of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Name in status and metrics, and part of its place in the outbox.
    pub name: String,
    /// Base addresses, one for each instance.
    pub urls: Vec<String>,
    /// Findings below it are not sent. Default low.
    pub min_severity: Severity,
    /// Youngest age at which an alert may end. Default 10 minutes.
    pub life_min: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: "alertmanager".into(),
            urls: Vec::new(),
            min_severity: Severity::Low,
            life_min: Duration::from_mins(10),
        }
    }
}

/// The receiver.
#[derive(Debug)]
pub struct Sender {
    config: Config,
    context: Context,
    targets: Vec<Target>,
}

impl Sender {
    /// Checks the addresses.
    pub fn new(config: Config, context: Context) -> Result<Self, ConfigError> {
        let mut targets = Vec::new();
        for url in &config.urls {
            let parsed = check_url(&config.name, url, "http://alertmanager:9093")?;
            // Not the whole address: it may hold a password.
            let place = format!(
                "{}{}{}",
                parsed.host_str().unwrap_or_default(),
                parsed.port().map(|port| format!(":{port}")).unwrap_or_default(),
                parsed.path().trim_end_matches('/')
            );
            let id = format!("{} {place}", config.name);
            if targets.iter().any(|target: &Target| target.id == id) {
                return Err(ConfigError::Twice { receiver: config.name });
            }
            targets.push(Target { id, url: url.trim_end_matches('/').to_owned() });
        }
        if targets.is_empty() {
            return Err(ConfigError::Url {
                receiver: config.name,
                what: "it has no urls",
                example: "http://alertmanager:9093",
            });
        }
        Ok(Self { config, context, targets })
    }

    fn alert(&self, notice: &Notice, text: &Text, now: Timestamp) -> Alert {
        let finding = &notice.finding;
        Alert {
            labels: Labels {
                alertname: alert_name(finding.kind.name),
                severity: notice.severity.name(),
                api: clean(finding.api.as_str()),
                method: clean(finding.method.as_str()),
                route: clean(&finding.route),
                finding: finding.id.to_string(),
                team: notice.team.as_deref().map(clean),
                instance: self.context.instance.clone(),
                job: "apiscope",
            },
            annotations: Annotations::of(text),
            starts_at: rfc3339(finding.opened),
            // An end before the beginning is refused.
            ends_at: rfc3339(notice.ended.unwrap_or_else(|| now.plus(EVERY * MISSED_MAX)).max(finding.opened)),
            generator_url: link(notice, &self.context),
        }
    }

    fn summary(&self, not_told: u64, now: Timestamp) -> serde_json::Value {
        serde_json::json!({
            "labels": {
                "alertname": "ApiscopeFindingsNotShown", "severity": "info", "instance": self.context.instance, "job": "apiscope",
            },
            "annotations": {
                "title": "More findings are open than alerts are sent for",
                "summary": "More findings are open than alerts are sent for.",
                "description": format!(
                    "{STANDING_MAX} findings are told one by one, {not_told} more are open. `apiscope findings` lists all of them."
                ),
            },
            "endsAt": rfc3339(now.plus(EVERY * MISSED_MAX)),
        })
    }
}

impl Receiver for Sender {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn targets(&self) -> Vec<Target> {
        self.targets.clone()
    }

    fn manner(&self) -> Manner {
        Manner {
            min_severity: self.config.min_severity,
            // One place is for the summary.
            batch_max: BATCH_MAX - 1,
            back_off_max: EVERY,
            reminders: Some(Reminders {
                every: EVERY,
                life_min: self.config.life_min,
                end_repeated: END_REPEATED,
                standing_max: STANDING_MAX,
                every_address: true,
            }),
        }
    }

    fn encode(&self, parcel: Parcel<'_>) -> Shipment {
        let texts: Vec<Text> = parcel.notices.iter().map(|notice| Text::of(notice, &self.context)).collect();
        let mut alerts: Vec<serde_json::Value> = parcel
            .notices
            .iter()
            .zip(&texts)
            .map(|(notice, text)| {
                serde_json::to_value(self.alert(notice, text, parcel.now)).expect("strings can always be written")
            })
            .collect();
        if parcel.not_told > 0 {
            alerts.push(self.summary(parcel.not_told, parcel.now));
        }
        Shipment {
            path: "/api/v2/alerts",
            headers: Vec::new(),
            body: serde_json::Value::from(alerts).to_string().into_bytes(),
            incomplete: texts.iter().filter(|text| text.incomplete > 0).count() as u64,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    labels: Labels,
    annotations: Annotations,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL", skip_serializing_if = "Option::is_none")]
    generator_url: Option<String>,
}

/// Identity.
#[derive(Serialize)]
struct Labels {
    alertname: String,
    severity: &'static str,
    api: String,
    method: String,
    route: String,
    finding: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    team: Option<String>,
    instance: String,
    job: &'static str,
}

/// Everything else.
#[derive(Serialize)]
struct Annotations {
    title: String,
    summary: String,
    description: String,
    severity_reason: String,
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

impl Annotations {
    fn of(text: &Text) -> Self {
        let description = text.description();
        let text = text.clone();
        Self {
            title: text.title,
            summary: text.summary,
            description,
            severity_reason: text.severity,
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

/// `cleartext-credential` as `ApiscopeCleartextCredential`.
fn alert_name(kind: &str) -> String {
    let words = kind.split('-').map(|word| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    });
    std::iter::once("Apiscope".to_owned()).chain(words).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::tests::{OPENED, context, notice};
    use super::*;

    fn sender() -> Sender {
        let config = Config { urls: vec!["http://u:p@am:9093/x/".into()], ..Config::default() };
        Sender::new(config, context()).expect("a good configuration")
    }

    #[test]
    fn writes_what_the_api_wants() {
        let now = OPENED.plus(Duration::from_hours(1));
        let mut ended = notice("/logout");
        ended.ended = Some(now);
        (ended.finding.status, ended.finding.resolved) = (apiscope_audit::finding::Status::Resolved, Some(now));
        ended.team = None;
        let notices = [notice("/login"), ended];
        let shipment = sender().encode(Parcel { notices: &notices, not_told: 3, now });
        let body: serde_json::Value = serde_json::from_slice(&shipment.body).expect("JSON");
        expect![[r#"
            [
              {
                "annotations": {
                  "affected": "2 consumers (k:0000000000009f2c, 10.0.4.7)",
                  "confidence": "Coverage of this API 99.8 % of its bytes, the rest was lost.",
                  "containment": "consumer: Revoke the credentials of the listed consumers and give them new ones over TLS; other consumers go on.",
                  "description": "critical: crosses eth0, not loopback. first 2026-11-24T14:02:11Z, last 2026-11-24T14:31:07Z, 412 of 418 calls. Affected: 2 consumers (k:0000000000009f2c, 10.0.4.7). Evidence: Authorization: Basic ****, user a***n, crossed eth0 (private) (call 0000000000000007/2). Whoever can read the network on the way has the credential and can act as its owner until it is changed. (API2:2023, CWE-319) Do now: 1. Serve this API over TLS, or put a TLS terminator on the same host in front of it. 2. Refuse plain HTTP for it; a redirect is too late, because the client has sent the credential already. 3. Change the credentials that crossed the wire: the consumers are listed with the finding. Until it is mended, by consumer: Revoke the credentials of the listed consumers and give them new ones over TLS; other consumers go on. Coverage of this API 99.8 % of its bytes, the rest was lost.",
                  "evidence": "Authorization: Basic ****, user a***n, crossed eth0 (private) (call 0000000000000007/2)",
                  "links": "https://apiscope.example/findings/9fe95e6d792c77f5 or: apiscope explain 9fe95e6d792c77f5",
                  "quieten": "It resolves by itself once it has not recurred for its time. `apiscope ack 9fe95e6d792c77f5` stops repeats while you are on it; `apiscope accept 9fe95e6d792c77f5 --reason … --for 90d` if it may stay.",
                  "severity_reason": "critical: crosses eth0, not loopback",
                  "summary": "Credentials reach the API in clear text.",
                  "team": "payments",
                  "timing": "first 2026-11-24T14:02:11Z, last 2026-11-24T14:31:07Z, 412 of 418 calls",
                  "title": "Credentials reach the API in clear text: orders-api POST /login",
                  "what_to_do": "1. Serve this API over TLS, or put a TLS terminator on the same host in front of it. 2. Refuse plain HTTP for it; a redirect is too late, because the client has sent the credential already. 3. Change the credentials that crossed the wire: the consumers are listed with the finding.",
                  "why": "Whoever can read the network on the way has the credential and can act as its owner until it is changed. (API2:2023, CWE-319)"
                },
                "endsAt": "2026-11-24T15:06:11Z",
                "generatorURL": "https://apiscope.example/findings/9fe95e6d792c77f5",
                "labels": {
                  "alertname": "ApiscopeCleartextCredential",
                  "api": "orders-api",
                  "finding": "9fe95e6d792c77f5",
                  "instance": "web-1",
                  "job": "apiscope",
                  "method": "POST",
                  "route": "/login",
                  "severity": "critical",
                  "team": "payments"
                },
                "startsAt": "2026-11-24T14:02:11Z"
              },
              {
                "annotations": {
                  "affected": "2 consumers (k:0000000000009f2c, 10.0.4.7)",
                  "confidence": "Coverage of this API 99.8 % of its bytes, the rest was lost.",
                  "containment": "consumer: Revoke the credentials of the listed consumers and give them new ones over TLS; other consumers go on.",
                  "description": "critical: crosses eth0, not loopback. first 2026-11-24T14:02:11Z, last 2026-11-24T14:31:07Z, 412 of 418 calls, resolved 2026-11-24T15:02:11Z. Affected: 2 consumers (k:0000000000009f2c, 10.0.4.7). Evidence: Authorization: Basic ****, user a***n, crossed eth0 (private) (call 0000000000000007/2). Whoever can read the network on the way has the credential and can act as its owner until it is changed. (API2:2023, CWE-319) Do now: 1. Serve this API over TLS, or put a TLS terminator on the same host in front of it. 2. Refuse plain HTTP for it; a redirect is too late, because the client has sent the credential already. 3. Change the credentials that crossed the wire: the consumers are listed with the finding. Until it is mended, by consumer: Revoke the credentials of the listed consumers and give them new ones over TLS; other consumers go on. Coverage of this API 99.8 % of its bytes, the rest was lost.",
                  "evidence": "Authorization: Basic ****, user a***n, crossed eth0 (private) (call 0000000000000007/2)",
                  "links": "https://apiscope.example/findings/b16bafcc4f28cda4 or: apiscope explain b16bafcc4f28cda4",
                  "quieten": "It resolves by itself once it has not recurred for its time. `apiscope ack b16bafcc4f28cda4` stops repeats while you are on it; `apiscope accept b16bafcc4f28cda4 --reason … --for 90d` if it may stay.",
                  "severity_reason": "critical: crosses eth0, not loopback",
                  "summary": "Credentials reach the API in clear text.",
                  "team": "unknown",
                  "timing": "first 2026-11-24T14:02:11Z, last 2026-11-24T14:31:07Z, 412 of 418 calls, resolved 2026-11-24T15:02:11Z",
                  "title": "Resolved: Credentials reach the API in clear text: orders-api POST /logout",
                  "what_to_do": "1. Serve this API over TLS, or put a TLS terminator on the same host in front of it. 2. Refuse plain HTTP for it; a redirect is too late, because the client has sent the credential already. 3. Change the credentials that crossed the wire: the consumers are listed with the finding.",
                  "why": "Whoever can read the network on the way has the credential and can act as its owner until it is changed. (API2:2023, CWE-319)"
                },
                "endsAt": "2026-11-24T15:02:11Z",
                "generatorURL": "https://apiscope.example/findings/b16bafcc4f28cda4",
                "labels": {
                  "alertname": "ApiscopeCleartextCredential",
                  "api": "orders-api",
                  "finding": "b16bafcc4f28cda4",
                  "instance": "web-1",
                  "job": "apiscope",
                  "method": "POST",
                  "route": "/logout",
                  "severity": "critical"
                },
                "startsAt": "2026-11-24T14:02:11Z"
              },
              {
                "annotations": {
                  "description": "200 findings are told one by one, 3 more are open. `apiscope findings` lists all of them.",
                  "summary": "More findings are open than alerts are sent for.",
                  "title": "More findings are open than alerts are sent for"
                },
                "endsAt": "2026-11-24T15:06:11Z",
                "labels": {
                  "alertname": "ApiscopeFindingsNotShown",
                  "instance": "web-1",
                  "job": "apiscope",
                  "severity": "info"
                }
              }
            ]"#]].assert_eq(&serde_json::to_string_pretty(&body).expect("JSON"));
    }

    #[test]
    fn a_password_in_the_address_is_no_part_of_the_place() {
        assert_eq!(sender().targets()[0].id, "alertmanager am:9093/x");
    }
}
