//! TLS as it is seen from outside.

use std::collections::BTreeMap;

use apiscope_audit::tls::{CertificateFacts, Key, TlsRow, suite_name, version_name};
use serde::{Deserialize, Serialize};

use super::rfc3339;

/// The TLS of one API, port and server name: what was chosen and offered, and the certificates where they are in clear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsView {
    /// The API; `other` with port 0 for what found no room.
    pub api: String,
    /// The server's port.
    pub port: u16,
    /// The name that clients asked for; null: none, or it was not seen.
    pub server_name: Option<String>,
    /// First handshake.
    pub first: String,
    /// Last handshake.
    pub last: String,
    /// Connections.
    pub connections: u64,
    /// Of those: refused by the server before its hello.
    pub refused: u64,
    /// Of those: the server's choice was not seen, and it did not refuse.
    pub choice_unknown: u64,
    /// Of those: the client's offer was not seen.
    pub offer_unknown: u64,
    /// Connections by version chosen.
    pub versions: BTreeMap<String, u64>,
    /// Connections by cipher suite chosen.
    pub suites: BTreeMap<String, u64>,
    /// Connections by application protocol chosen; in clear up to TLS 1.2 only.
    pub protocols: BTreeMap<String, u64>,
    /// Connections whose client offered the version.
    pub offered_versions: BTreeMap<String, u64>,
    /// Connections whose client offered the suite.
    pub offered_suites: BTreeMap<String, u64>,
    /// Connections whose client offered the application protocol.
    pub offered_protocols: BTreeMap<String, u64>,
    /// Values that found no room in one of these lists.
    pub values_dropped: u64,
    /// Connections by what became of the certificates: `sent`, `encrypted` (TLS 1.3), `not_sent` (resumed), `unknown`.
    pub chains: BTreeMap<String, u64>,
    /// The chain seen last, the server's own certificate first; empty where none was in clear.
    pub certificates: Vec<CertificateView>,
    /// When that chain was seen last.
    pub certificates_seen: Option<String>,
    /// Different certificates of the server that were seen, at most 32.
    pub certificates_different: usize,
}

/// What a certificate says of itself; nothing of it was verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateView {
    /// Whom it names, as RFC 4514 writes it.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// Host names and addresses that it is good for.
    pub names: Vec<String>,
    /// Names past those shown.
    pub names_dropped: u32,
    /// Valid from; null unknown.
    pub not_before: Option<String>,
    /// Valid until; null unknown.
    pub not_after: Option<String>,
    /// Its key: `RSA 2048`, `P-256`, `Ed25519`; null unknown.
    pub key: Option<String>,
    /// SHA-256, hex digits.
    pub sha256: String,
    /// Subject and issuer are the same.
    pub self_issued: bool,
}

impl From<&TlsRow> for TlsView {
    fn from(row: &TlsRow) -> Self {
        let unknown = row.connections - row.chains_sent - row.chains_encrypted - row.chains_not_sent;
        let chains = [
            ("sent", row.chains_sent),
            ("encrypted", row.chains_encrypted),
            ("not_sent", row.chains_not_sent),
            ("unknown", unknown),
        ];
        Self {
            api: row.key.api.to_string(),
            port: row.key.port,
            server_name: row.key.server_name.as_ref().map(ToString::to_string),
            first: rfc3339(row.first),
            last: rfc3339(row.last),
            connections: row.connections,
            refused: row.refused,
            choice_unknown: row.choice_unknown,
            offer_unknown: row.offer_unknown,
            versions: named(&row.versions, version_name),
            suites: named(&row.suites, suite_name),
            protocols: texts(&row.protocols),
            offered_versions: named(&row.offered_versions, version_name),
            offered_suites: named(&row.offered_suites, suite_name),
            offered_protocols: texts(&row.offered_protocols),
            values_dropped: row.values_dropped,
            chains: chains.into_iter().filter(|(_, n)| *n > 0).map(|(name, n)| (name.to_owned(), n)).collect(),
            certificates: row.chain.iter().map(CertificateView::from).collect(),
            certificates_seen: row.chain_seen.map(rfc3339),
            certificates_different: row.certificates,
        }
    }
}

impl From<&CertificateFacts> for CertificateView {
    fn from(facts: &CertificateFacts) -> Self {
        Self {
            subject: facts.subject.to_string(),
            issuer: facts.issuer.to_string(),
            names: facts.names.iter().map(ToString::to_string).collect(),
            names_dropped: facts.names_dropped,
            not_before: facts.not_before.and_then(second),
            not_after: facts.not_after.and_then(second),
            key: key_name(facts.key),
            sha256: hex(&facts.sha256),
            self_issued: facts.self_issued,
        }
    }
}

fn named(counts: &BTreeMap<u16, u64>, name: impl Fn(u16) -> String) -> BTreeMap<String, u64> {
    counts.iter().map(|(number, n)| (name(*number), *n)).collect()
}

fn texts(counts: &BTreeMap<Box<str>, u64>) -> BTreeMap<String, u64> {
    counts.iter().map(|(text, n)| (text.to_string(), *n)).collect()
}

fn key_name(key: Key) -> Option<String> {
    Some(match key {
        Key::Rsa(bits) => format!("RSA {bits}"),
        Key::P256 => "P-256".to_owned(),
        Key::P384 => "P-384".to_owned(),
        Key::P521 => "P-521".to_owned(),
        Key::Ed25519 => "Ed25519".to_owned(),
        Key::Ed448 => "Ed448".to_owned(),
        Key::Unknown => return None,
    })
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// RFC 3339 in UTC, whole seconds.
fn second(at: i64) -> Option<String> {
    jiff::Timestamp::from_second(at).ok().map(|at| at.to_string())
}
