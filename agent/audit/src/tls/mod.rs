//! TLS as it is seen from outside: what clients offer, what servers choose, which certificates they show.
//!
//! [`HelloFacts`] are taken once a flow, in the shard; the [`Book`] sums them by API, port and server name. Nothing is judged here and
//! nothing verified: a certificate's names and dates are what it says of itself.

mod book;
mod suites;

use apiscope_wire::tls::{AlternativeName, Attribute, Certificate, Chain, Hello, Name};
use sha2::{Digest, Sha256};

use crate::facts::redact;
use crate::secret::Masked;

pub use apiscope_wire::tls::{Key, TLS13};
pub(crate) use book::Book;
pub use book::{TlsKey, TlsRow};
pub(crate) use suites::{Weakness, suite_weakness, version_weakness};
pub use suites::{suite_name, version_name};

/// Versions kept of an offer; there are six.
const VERSIONS_MAX: usize = 8;
/// Suites kept of an offer; the longest lists in use have some two hundred.
const SUITES_MAX: usize = 256;
/// Application protocols kept of an offer.
const PROTOCOLS_MAX: usize = 16;
/// Longest name of an application protocol that is kept.
const PROTOCOL_BYTES_MAX: usize = 32;
/// Names kept of a certificate; the others are counted.
const NAMES_MAX: usize = 64;
/// Longest text of a distinguished name.
const NAME_CHARS_MAX: usize = 160;

/// What one handshake says. Owned, bounded, free of secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelloFacts {
    /// The name that the client asked for, if in clear.
    pub server_name: Option<Masked>,
    /// What the client offers; `None` unknown.
    pub offer: Option<OfferFacts>,
    /// What the server chose; `None` unknown, or refused.
    pub choice: Option<ChoiceFacts>,
    /// The description of the alert with which the server refused (RFC 8446 §6).
    pub refused: Option<u8>,
    /// The server's certificates.
    pub chain: ChainFacts,
}

/// What a client offers. Numbers as on the wire; the preferred one first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfferFacts {
    /// Versions.
    pub versions: Vec<u16>,
    /// Cipher suites.
    pub suites: Vec<u16>,
    /// Application protocols; what is no short printable name is left out.
    pub protocols: Vec<Box<str>>,
}

/// What a server chose. Numbers as on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChoiceFacts {
    /// Version.
    pub version: u16,
    /// Cipher suite.
    pub suite: u16,
    /// Application protocol, if in clear.
    pub protocol: Option<Box<str>>,
}

/// What is known of a server's certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ChainFacts {
    /// Nothing.
    #[default]
    Unknown,
    /// They are encrypted (TLS 1.3).
    Encrypted,
    /// None came: the session goes on from an earlier one, or the suite needs none.
    NotSent,
    /// These, the server's own first.
    Sent(Vec<CertificateFacts>),
}

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// SHA-256 of it, as every tool shows it.
    pub sha256: [u8; 32],
    /// Whom it names, as RFC 4514 writes it.
    pub subject: Masked,
    /// Who signed it.
    pub issuer: Masked,
    /// Host names and addresses that it is good for.
    pub names: Vec<Masked>,
    /// Names past those kept.
    pub names_dropped: u32,
    /// Valid from, seconds since 1970; `None` unknown.
    pub not_before: Option<i64>,
    /// Valid until, seconds since 1970; `None` unknown.
    pub not_after: Option<i64>,
    /// Its key.
    pub key: Key,
    /// Subject and issuer are the same.
    pub self_issued: bool,
}

impl HelloFacts {
    /// Takes the facts of a handshake.
    pub(crate) fn of(hello: &Hello<'_>) -> Self {
        let offer = hello.offer.map(|offer| OfferFacts {
            versions: offer.versions.iter().take(VERSIONS_MAX).collect(),
            suites: offer.suites.iter().take(SUITES_MAX).collect(),
            protocols: offer.protocols.iter().take(PROTOCOLS_MAX).filter_map(protocol).collect(),
        });
        let choice = hello.choice.map(|choice| ChoiceFacts {
            version: choice.version,
            suite: choice.suite,
            protocol: choice.protocol.and_then(protocol),
        });
        Self {
            server_name: hello.offer.and_then(|offer| offer.server_name).map(|name| redact::host(name.as_bytes())),
            offer,
            choice,
            refused: hello.refused,
            chain: match hello.chain {
                Chain::Unknown => ChainFacts::Unknown,
                Chain::Encrypted => ChainFacts::Encrypted,
                Chain::NotSent => ChainFacts::NotSent,
                Chain::Sent(chain) => ChainFacts::Sent(chain.iter().map(|one| CertificateFacts::of(&one)).collect()),
            },
        }
    }
}

impl CertificateFacts {
    fn of(certificate: &Certificate<'_>) -> Self {
        let names = certificate.names.iter().take(NAMES_MAX).map(|name| match name {
            AlternativeName::Dns(name) => redact::host(name.as_bytes()),
            AlternativeName::Ip(ip) => Masked::vouched(&ip.to_string()),
        });
        Self {
            sha256: Sha256::digest(certificate.der).into(),
            subject: distinguished(certificate.subject),
            issuer: distinguished(certificate.issuer),
            names: names.collect(),
            names_dropped: u32::try_from(certificate.names.iter().skip(NAMES_MAX).count()).unwrap_or(u32::MAX),
            not_before: certificate.not_before,
            not_after: certificate.not_after,
            key: certificate.key,
            self_issued: certificate.is_self_issued(),
        }
    }
}

/// `CN=a,O=b`: the most specific part first (RFC 4514 §2.1), commas inside replaced, cut where it is long. A part that is a secret is
/// masked as in a host.
fn distinguished(name: Name<'_>) -> Masked {
    let mut parts: Vec<(Attribute, _)> = name.attributes().take(PROTOCOLS_MAX).collect();
    parts.reverse();
    let mut shown = String::new();
    for (kind, text) in parts {
        if !shown.is_empty() {
            shown.push(',');
        }
        shown.push_str(kind.short());
        shown.push('=');
        shown.push_str(&redact::label(&text).replace([',', '='], " "));
    }
    if let Some((cut, _)) = shown.char_indices().nth(NAME_CHARS_MAX) {
        shown.truncate(cut);
        shown.push('…');
    }
    Masked::from_clean(shown)
}

fn protocol(name: &[u8]) -> Option<Box<str>> {
    let text = std::str::from_utf8(name).ok()?;
    let plain = !name.is_empty() && name.len() <= PROTOCOL_BYTES_MAX && name.iter().all(u8::is_ascii_graphic);
    plain.then(|| text.into())
}
