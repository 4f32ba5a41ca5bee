//! What is known of one message after the one pass over its bytes. Knows neither inventory nor detectors.

use crate::secret::{Fingerprint, Masked};

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

/// How much of the body there was, and how much was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BodySize {
    /// Bytes on the wire, transfer coding removed, content coding kept; `None` not known.
    pub total: Option<u64>,
    /// Bytes that were there to be scanned.
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
    /// Records of a JSON response: elements of the top-level array, or of the one array member of a top-level object. `None` not JSON, or cut before it could be counted.
    pub records: Option<u64>,
}

impl Facts {
    /// Credentials kept of one message.
    pub const CREDENTIALS_MAX: usize = 16;
}
