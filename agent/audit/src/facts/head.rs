//! Credentials in header fields: Authorization, keys in headers of their own, session cookies.

use apiscope_wire::{Header, Headers};
use zeroize::Zeroizing;

use crate::secret::mask;
use crate::secret::password::weakness;

use super::collect::{Collector, Rank};
use super::disclosure::{self, ProgramVersion};
use super::retirement::Retirement;
use super::{AuthKind, BasicFacts, CredentialKind, Place, names, proof};

/// Cookies of one field that are looked at.
pub(super) const COOKIES_MAX: usize = 128;
/// Shortest value of a session cookie that tells one session from another.
const SESSION_MIN: usize = 8;
/// Shortest key in a header that the configuration names: the name was vouched for, the value only has to be one.
const CONFIGURED_KEY_MIN: usize = 8;

/// What is kept of a head besides what the scanners find.
#[derive(Default)]
pub(super) struct Head<'a> {
    /// The first Content-Type.
    pub content_type: &'a [u8],
    /// Of a request: it has several Authorization fields, and they differ.
    pub has_rivals: bool,
    /// The first `grpc-status`.
    pub grpc_status: Option<&'a [u8]>,
    /// Of a response: the programs that name their versions.
    pub versions: Vec<ProgramVersion>,
    /// Of a response: what it announces of its resource's end.
    pub retirement: Retirement,
}

/// Takes in a request's head. `configured` are further names of key headers, lower case.
pub(super) fn request<'a>(headers: Headers<'a>, configured: &[Box<str>], found: &mut Collector<'_>) -> Head<'a> {
    let mut head = Head::default();
    let mut authorized: Option<&[u8]> = None;
    for &Header { name, value } in headers.iter() {
        // The length tells most names apart.
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        match name.len() {
            6 if is("cookie") => cookies(value, found),
            12 if is("content-type") => head.add_type(value),
            13 if is("authorization") => {
                head.has_rivals |= *authorized.get_or_insert(value) != value;
                authorization(value, true, found);
            }
            // It opens the proxy, not the API: a credential, and no way in which the API authenticates.
            19 if is("proxy-authorization") => authorization(value, false, found),
            _ if names::is_api_key_header(name) => api_key(name, value, proof::is_token(value), found),
            _ if configured.iter().any(|known| is(known)) => {
                api_key(name, value, value.len() >= CONFIGURED_KEY_MIN, found);
            }
            _ => {}
        }
    }
    head
}

/// Takes in a response's head.
pub(super) fn response(headers: Headers<'_>) -> Head<'_> {
    let mut head = Head::default();
    for &Header { name, value } in headers.iter() {
        match name.len() {
            11 if name.eq_ignore_ascii_case("grpc-status") => head.grpc_status = head.grpc_status.or(Some(value)),
            12 if name.eq_ignore_ascii_case("content-type") => head.add_type(value),
            6 if name.eq_ignore_ascii_case("sunset") => head.retirement.add_sunset(value),
            11 if name.eq_ignore_ascii_case("deprecation") => head.retirement.add_deprecation(value),
            6 | 12 | 16 | 19 if disclosure::is_telling(name) => disclosure::versions(name, value, &mut head.versions),
            _ => {}
        }
    }
    head
}

impl<'a> Head<'a> {
    fn add_type(&mut self, value: &'a [u8]) {
        if self.content_type.is_empty() {
            self.content_type = value;
        }
    }
}

fn header(name: &str) -> Place {
    Place::Header(name.to_ascii_lowercase().into())
}

fn api_key(name: &str, value: &[u8], proven: bool, found: &mut Collector<'_>) {
    let value = unfolded(value);
    let value = value.strip_prefix(b"Bearer ").unwrap_or(&value).trim_ascii();
    if proof::is_placeholder(value) {
        return;
    }
    found.auth(AuthKind::ApiKeyHeader);
    let fingerprint = found.know(value);
    found.consumer(Rank::ApiKey, fingerprint);
    if proven {
        found.credential(CredentialKind::ApiKey, || header(name), fingerprint, mask::api_key());
    }
}

fn authorization(value: &[u8], api: bool, found: &mut Collector<'_>) {
    let value = unfolded(value);
    let (scheme, rest) = value.split_at(value.iter().position(u8::is_ascii_whitespace).unwrap_or(value.len()));
    let (rest, place) = (rest.trim_ascii(), || header(if api { "authorization" } else { "proxy-authorization" }));
    let kind = if scheme.eq_ignore_ascii_case(b"basic") {
        basic(rest, api, place, found)
    } else if scheme.eq_ignore_ascii_case(b"bearer") {
        bearer(rest, api, place, found)
    } else if scheme.eq_ignore_ascii_case(b"digest") {
        digest(rest, api, found)
    } else {
        other(scheme, rest, api, place, found)
    };
    if let Some(kind) = kind.filter(|_| api) {
        found.auth(kind);
    }
}

fn basic(coded: &[u8], api: bool, place: impl FnOnce() -> Place, found: &mut Collector<'_>) -> Option<AuthKind> {
    if proof::is_placeholder(coded) {
        return None;
    }
    found.know(coded);
    if let Some(decoded) = proof::base64(coded)
        && let Some((user, password)) = proof::user_and_password(&decoded)
    {
        let fingerprint = found.know(&decoded);
        found.credential(CredentialKind::Basic, place, fingerprint, mask::basic(user));
        let secret = found.know(if password.is_empty() { user } else { password });
        if api && !user.is_empty() {
            let by = found.user(user);
            // Some put their key in the user's place, and a word that is always the same in the password's.
            if !password.is_empty() && !proof::is_token(user) {
                found.basic = Some(BasicFacts { user: by, password: secret, weakness: weakness(user, password) });
            }
        }
    }
    Some(AuthKind::Basic)
}

fn bearer(token: &[u8], api: bool, place: impl Fn() -> Place, found: &mut Collector<'_>) -> Option<AuthKind> {
    if proof::is_placeholder(token) {
        return None;
    }
    let fingerprint = found.know(token);
    let jwt = if api { found.token(&place, fingerprint, token) } else { proof::jwt(token) };
    if jwt.is_some() || proof::is_token68(token) {
        found.credential(CredentialKind::Bearer, place, fingerprint, mask::bearer(jwt));
    }
    if api {
        found.consumer(Rank::Bearer, fingerprint);
    }
    Some(AuthKind::Bearer)
}

/// A digest's answer is good for one request; only who asks is taken.
fn digest(parameters: &[u8], api: bool, found: &mut Collector<'_>) -> Option<AuthKind> {
    const USER: &[u8] = b"username=\"";
    let user = memchr::memmem::find(parameters, USER).and_then(|at| parameters.get(at + USER.len()..));
    let user = user.and_then(|rest| rest.get(..memchr::memchr(b'"', rest)?));
    if let Some(user) = user.filter(|user| api && !user.is_empty()) {
        found.user(user);
    }
    (!parameters.is_empty()).then_some(AuthKind::Digest)
}

/// `Token …` and `ApiKey …` are keys; a JWT without a scheme is a token; of other schemes only that they are there.
fn other(
    scheme: &[u8],
    rest: &[u8],
    api: bool,
    place: impl Fn() -> Place,
    found: &mut Collector<'_>,
) -> Option<AuthKind> {
    if rest.is_empty() {
        let Some(jwt) = proof::jwt(scheme) else {
            found.know(scheme);
            return (!proof::is_placeholder(scheme)).then_some(AuthKind::OtherScheme);
        };
        let fingerprint = found.know(scheme);
        found.credential(CredentialKind::Bearer, &place, fingerprint, mask::bearer(Some(jwt)));
        if api {
            found.token(&place, fingerprint, scheme);
            found.consumer(Rank::Bearer, fingerprint);
        }
        return Some(AuthKind::OtherScheme);
    }
    if proof::is_placeholder(rest) {
        return None;
    }
    found.know(rest);
    if [&b"token"[..], b"apikey", b"api-key", b"key"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        // Some write `Token token="…"` (Rails).
        let key = rest.strip_prefix(b"token=").unwrap_or(rest);
        let key = key.strip_prefix(b"\"").map_or(key, |key| key.split(|b| *b == b'"').next().unwrap_or(key));
        if proof::is_token(key) {
            let fingerprint = found.know(key);
            found.credential(CredentialKind::ApiKey, place, fingerprint, mask::api_key());
            if api {
                found.consumer(Rank::ApiKey, fingerprint);
            }
        }
    }
    Some(AuthKind::OtherScheme)
}

fn cookies(value: &[u8], found: &mut Collector<'_>) {
    for pair in value.split(|b| *b == b';').take(COOKIES_MAX) {
        let pair = pair.trim_ascii();
        let Some((name, value)) =
            memchr::memchr(b'=', pair).and_then(|at| Some((pair.get(..at)?, pair.get(at + 1..)?)))
        else {
            continue;
        };
        let value = value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value);
        let session =
            value.len() >= SESSION_MIN && !proof::is_placeholder(value) && names::is_session_cookie(name.trim_ascii());
        if session || proof::jwt(value).is_some() {
            found.auth(AuthKind::SessionCookie);
            let fingerprint = found.know(value);
            found.token(|| header("cookie"), fingerprint, value);
            found.consumer(Rank::Session, fingerprint);
        }
    }
}

/// A value without obsolete line folding (RFC 9112 §5.2): borrowed where there is none.
fn unfolded(value: &[u8]) -> super::percent::Plain<'_> {
    use super::percent::Plain;
    if !value.iter().any(|b| matches!(b, b'\r' | b'\n')) {
        return Plain::Borrowed(value.trim_ascii());
    }
    let mut plain = Zeroizing::new(Vec::with_capacity(value.len()));
    for line in value.split(|b| matches!(b, b'\r' | b'\n')).map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
        if !plain.is_empty() {
            plain.push(b' ');
        }
        plain.extend_from_slice(line);
    }
    Plain::Decoded(plain)
}
