//! What is known of one message after the one pass over its bytes. Knows neither inventory nor detectors.
//!
//! The one entry is `take`. Scanners look at the head, the path, the query and the body of a message, and count a response's records.
//! They borrow; what they find goes as fingerprint and mask into [`Facts`], and the raw value is gone when `take` returns. All of
//! them are total, do not recurse, take time linear in the bytes and never give more than [`Facts::CREDENTIALS_MAX`].

mod bare;
mod body;
pub(crate) mod collect;
mod data;
mod disclosure;
mod head;
pub(crate) mod json;
pub(crate) mod learn;
mod login;
mod media;
pub(crate) mod multipart;
mod names;
mod outline;
pub(crate) mod percent;
pub(crate) mod proof;
pub(crate) mod redact;
mod retirement;
pub(crate) mod scan;
pub(crate) mod target;
mod token;
mod xml;

use std::fmt::{self, Write as _};

use apiscope_wire::http::coding::{Decoded, Outcome};
use apiscope_wire::{Content, Grpc, Headers, Message, Start};

use crate::operation::{self, Operations, Request, Response};
use crate::schema::Sample;
use crate::secret::{Fingerprint, FingerprintKey, Masked, PasswordWeakness};

pub use self::bare::Stranger;
pub use self::data::{DataClass, Exposure, Grade, What};
pub use self::disclosure::{Detail, ProgramVersion};
pub use self::login::LogIn;
pub use self::outline::Outline;
pub use self::retirement::{Day, Deprecation, Retirement};
pub(crate) use self::token::Tokens;
pub use self::token::{Expiry, Signature, Token, TokenCounters, TokenFacts};

use self::body::Found;
use self::collect::{Collector, KnownValues};
use self::data::Finder;
use self::media::Reading;
use self::redact::Known;
use self::target::Target;
use self::token::Reader;

/// How a request authenticates. Several may be present.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuthKind {
    /// `Authorization: Basic` (RFC 7617).
    Basic,
    /// `Authorization: Bearer` (RFC 6750).
    Bearer,
    /// `Authorization: Digest` (RFC 7616).
    Digest,
    /// Another `Authorization` scheme.
    OtherScheme,
    /// A key in a header of its own.
    ApiKeyHeader,
    /// A key in the query.
    ApiKeyQuery,
    /// A session cookie.
    SessionCookie,
}

/// What kind of credential a value is, and so how it was proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CredentialKind {
    /// Basic: decodes to `user:password`.
    Basic,
    /// Bearer token: at least 16 characters of the token68 alphabet, or a JWT.
    Bearer,
    /// API key.
    ApiKey,
    /// A password field with a value.
    Password,
}

/// Where in the message it stood. Names only, never values.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A header field, by name (lower case).
    Header(Box<str>),
    /// A query parameter, by name.
    Query(Box<str>),
    /// A form field, by name.
    Form(Box<str>),
    /// A JSON member, as a JSON pointer with array indexes as `-`.
    Json(Box<str>),
    /// An element or attribute of XML or HTML, by its local name.
    Element(Box<str>),
    /// Somewhere in text without fields.
    Text,
    /// A segment of the path.
    Path,
}

/// For people. A name is as long as its sender likes: it is cut.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAME_MAX: usize = 64;
        let (what, name) = match self {
            Self::Header(name) => ("", name),
            Self::Query(name) => ("query parameter ", name),
            Self::Form(name) => ("form field ", name),
            Self::Json(pointer) => ("JSON member ", pointer),
            Self::Element(name) => ("element ", name),
            Self::Text => return f.write_str("text"),
            Self::Path => return f.write_str("path"),
        };
        f.write_str(what)?;
        let mut start = matches!(self, Self::Header(_));
        for c in name.chars().take(NAME_MAX) {
            // `x-api-key` as it is usually written: `X-Api-Key`.
            f.write_char(if start { c.to_ascii_uppercase() } else { c })?;
            start = matches!(self, Self::Header(_)) && c == '-';
        }
        Ok(())
    }
}

/// A credential that a message carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// What.
    pub kind: CredentialKind,
    /// Where.
    pub place: Place,
    /// Keyed hash of the value.
    pub fingerprint: Fingerprint,
    /// A form that may be shown, such as `Basic ****, user a***n`.
    pub masked: Masked,
}

/// What is kept of Basic credentials besides their mask: nothing that could be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BasicFacts {
    /// Who.
    pub user: Fingerprint,
    /// The password's keyed hash, so that two users with one password are known as such.
    pub password: Fingerprint,
    /// Why the password is weak, if it is.
    pub weakness: Option<PasswordWeakness>,
}

/// How much of the body there was, and how much was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BodySize {
    /// Bytes on the wire, transfer coding removed, content coding kept; `None` not known.
    pub total: Option<u64>,
    /// Bytes as sent that were there and were scanned; none of a body in a content coding that can't be undone.
    pub scanned: u64,
}

/// What a body is, by its media type and its first byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MediaKind {
    /// No body.
    #[default]
    None,
    /// JSON.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// What a page is made of: a script, a style sheet, a font, a picture.
    Asset,
    /// Anything else.
    Other,
}

/// The facts of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// It ended as its framing says.
    pub complete: bool,
    /// Body size.
    pub body: BodySize,
    /// Body kind.
    pub media: MediaKind,
    /// Ways of authentication present, sorted, without doubles.
    pub auth: Vec<AuthKind>,
    /// Credentials present, at most [`Facts::CREDENTIALS_MAX`].
    pub credentials: Vec<Credential>,
    /// Of a request: JSON Web Tokens by which it authenticates, at most four.
    pub tokens: Vec<Token>,
    /// Of a request: user and password, where it authenticates by Basic.
    pub basic: Option<BasicFacts>,
    /// Of a request without a known credential: values in its head that may be one of another kind, at most four.
    pub strangers: Vec<Stranger>,
    /// Of a request: its body has a user's password, as a log-in's has.
    pub login: Option<LogIn>,
    /// Of a request: it has several Authorization fields, and they differ.
    pub rivals: bool,
    /// Of a request: nothing in its head could be a credential, known or unknown ([`bare`]).
    pub bare: bool,
    /// Secrets and personal data, at most [`Facts::EXPOSURES_MAX`]: of a request also in its path and query. What a request's field is
    /// made for (a password under `password`) is a credential and not here.
    pub exposures: Vec<Exposure>,
    /// Of a response: what its body gives away of the program, at most four.
    pub details: Vec<Detail>,
    /// Of a response: programs whose version its head names, at most four.
    pub versions: Vec<ProgramVersion>,
    /// Of a response: what it announces of its resource's end.
    pub retirement: Retirement,
    /// Records of a JSON response: elements of the top-level array, or of the array member of a top-level object (of the largest, where
    /// it has several). `None` not JSON, without an array there, broken, or cut before it could be counted.
    pub records: Option<u64>,
    /// The form of a JSON response. `None` not JSON, broken or cut.
    pub outline: Option<Outline>,
    /// gRPC's status of a response, from its trailers (or its head, where there is nothing but a status).
    pub grpc_status: Option<u32>,
    /// What the body is made of: events, gRPC messages, how many.
    pub content: Content,
    /// What the message looks like, for the schemas; of few messages.
    pub sample: Option<Box<Sample>>,
}

impl Facts {
    /// Credentials kept of one message.
    pub const CREDENTIALS_MAX: usize = 16;
    /// Exposures kept of one message.
    pub const EXPOSURES_MAX: usize = data::EXPOSURES_MAX;
}

/// Which names a message has, as a filter: each sets one of 128 bits.
pub(crate) type Names = u128;

/// The facts of a message, and what the call that saw its bytes needs besides.
pub(crate) struct Taken {
    /// The facts.
    pub facts: Facts,
    /// The credential that tells who calls, as fingerprint.
    pub consumer: Option<Fingerprint>,
    /// The values that must not be shown in the path.
    pub known: KnownValues,
    /// Credentials past [`Facts::CREDENTIALS_MAX`] and exposures past [`Facts::EXPOSURES_MAX`].
    pub dropped: u64,
    /// Which names its query and body have.
    pub names: Names,
}

/// Takes a message's facts. `plain` is its body with the content coding undone, `target` is the request's, split; `key_headers` are
/// further names of headers that carry API keys. `operations` are found in a request, and their answers in its response. `tokens` is
/// what is known of tokens.
pub(crate) fn take(
    message: &Message<'_>,
    plain: Decoded<'_>,
    target: &Target<'_>,
    key: &FingerprintKey,
    key_headers: &[Box<str>],
    operations: &mut Option<Box<Operations>>,
    tokens: &mut Tokens,
) -> Taken {
    let reader = Reader { tokens, now: message.ended, found: Vec::new() };
    let (mut credentials, mut data, mut names) = (Collector::new(key, Some(reader)), Finder::new(key), 0);
    let mut facts = Facts::default();
    let whole = is_whole(message, plain);
    let (media, outcome, grpc) = match message.start {
        Start::Request { method, .. } => {
            let head = head::request(message.headers, key_headers, &mut credentials);
            facts.rivals = head.has_rivals;
            facts.bare = credentials.auth.is_empty() && bare::is_bare(message.headers, target);
            let mut found = Found { credentials: Some(&mut credentials), data: &mut data, names: &mut names };
            body::path(target.path, &mut found);
            body::query(target.query, &mut found);
            let reading = media::reading(head.content_type, &message.body, plain);
            let outcome = body(reading, whole, plain, &mut found);
            let (headers, content_type, body) = (message.headers, head.content_type, readable(plain));
            beside(&mut facts, &mut credentials, headers, target, key);
            facts.login = login::find(reading, body, &credentials.credentials, key);
            let known = Known { key, values: &credentials.known };
            *operations = operation::find(&Request { method, target, headers, content_type, body, whole, known });
            (reading.kind(), outcome, None)
        }
        Start::Response { status } => {
            let head = head::response(message.headers);
            (facts.versions, facts.retirement) = (head.versions, head.retirement);
            let reading = media::reading(head.content_type, &message.body, plain);
            let mut found = Found { credentials: None, data: &mut data, names: &mut names };
            operation::answer(operations, &Response { content_type: head.content_type, body: readable(plain), whole });
            let grpc = message.trailers.first("grpc-status").or(head.grpc_status);
            let is_page = media::is_page(head.content_type);
            facts.details = disclosure::details(status, is_page, plain.data);
            let media = if media::is_asset(head.content_type) { MediaKind::Asset } else { reading.kind() };
            (media, body(reading, whole, plain, &mut found), grpc.and_then(number))
        }
    };
    let (read, is_response) = (outcome.read, matches!(message.start, Start::Response { .. }));
    let records = outcome.records.filter(|_| is_response);
    let Collector { auth, credentials, known, consumer, basic, reader, dropped, .. } = credentials;
    let dropped = dropped + data.dropped;
    // Bytes as sent, also where more came out of a content coding: a lower bound of the size has to be one.
    let sent = message.body.data.len();
    let scanned = if read == plain.data.len() && read > 0 { sent } else { read.min(sent) };
    let facts = Facts {
        complete: message.complete,
        body: BodySize { total: message.body.total, scanned: scanned as u64 },
        media,
        auth: auth.to_vec(),
        credentials,
        tokens: reader.map(|reader| reader.found).unwrap_or_default(),
        basic,
        exposures: data.finish(),
        records,
        outline: (outcome.whole && is_response).then_some(outcome.outline),
        grpc_status: match message.content {
            Content::Grpc(Grpc { status: Some(status), .. }) => Some(status),
            Content::Plain | Content::Events(_) | Content::Grpc(_) | Content::Session(_) => grpc,
        },
        content: message.content,
        ..facts
    };
    Taken { facts, consumer: consumer.map(|(_, fingerprint)| fingerprint), known, dropped, names }
}

/// What a request's head has besides known credentials that may be one of another kind.
fn beside(
    facts: &mut Facts,
    credentials: &mut Collector<'_>,
    headers: Headers<'_>,
    target: &Target<'_>,
    key: &FingerprintKey,
) {
    if !facts.bare && credentials.auth.is_empty() {
        facts.strangers = bare::strangers(headers, target, key);
    }
    if credentials.has_tokens() && bare::is_alone(headers, target) {
        credentials.tokens_are_alone();
    }
}

fn number(field: &[u8]) -> Option<u32> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// Whether nothing of the body is missing.
fn is_whole(message: &Message<'_>, plain: Decoded<'_>) -> bool {
    match plain.outcome {
        Outcome::Plain => message.body.is_whole(),
        Outcome::Whole => true,
        Outcome::Cut | Outcome::Capped | Outcome::Broken | Outcome::Unknown => false,
    }
}

/// The body without its content coding; nothing where that could not be undone.
fn readable(plain: Decoded<'_>) -> &[u8] {
    if plain.outcome == Outcome::Unknown { &[] } else { plain.data }
}

/// Gives the bytes read and, of JSON, the records.
fn body(reading: Reading<'_>, is_whole: bool, plain: Decoded<'_>, found: &mut Found<'_, '_>) -> json::Outcome {
    let data = plain.data;
    match reading {
        Reading::Json => return body::json(data, found),
        Reading::Coded(_) => return json::Outcome::default(),
        Reading::Form => body::form(data, is_whole, found),
        Reading::Multipart(content_type) => body::multipart(content_type, data, found),
        Reading::Xml => body::xml(data, found),
        Reading::Text => body::text(data, found),
        Reading::Other(_) => {}
    }
    json::Outcome { read: data.len(), ..json::Outcome::default() }
}

/// Whether a field of this name may hold a secret or personal data, or says so.
pub(crate) fn is_telling(name: &[u8]) -> bool {
    data::topic::of(name).is_some() || names::promise(name).is_some()
}

/// Makes the tables of names and formats, so that the first message does not wait for them.
pub(crate) fn load() {
    data::topic::load();
    disclosure::load();
    crate::secret::format::load();
}

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
