//! Whether a request carries nothing at all that could be a credential: not only none that is known as one.
//!
//! That a known credential is missing proves little: an API may have a header of its own. A request whose every header field is one of
//! those that programs and proxies send for other reasons, and whose target has no value that could be a key, has authenticated by nothing
//! that it says. What remains possible is outside HTTP: the address, or a client's certificate.

use apiscope_wire::Headers;

use crate::secret::{Fingerprint, FingerprintKey, Secret};

use super::head::COOKIES_MAX;
use super::target::Target;
use super::{AuthKind, proof, redact};

/// Shorter values are no keys.
const KEY_MIN: usize = 12;

/// Header fields that carry no credential, lower case, sorted. RFC 9110, RFC 9111, RFC 6455 §11.3, Fetch, W3C trace context, and what
/// proxies add about the connection.
const PLAIN: [&str; 78] = [
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "access-control-request-headers",
    "access-control-request-method",
    "baggage",
    "cache-control",
    "connection",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-type",
    "correlation-id",
    "date",
    "depth",
    "destination",
    "dnt",
    "early-data",
    "expect",
    "forwarded",
    "from",
    "grpc-accept-encoding",
    "grpc-encoding",
    "grpc-timeout",
    "host",
    "http2-settings",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "last-event-id",
    "max-forwards",
    "mime-version",
    "origin",
    "pragma",
    "prefer",
    "priority",
    "proxy-connection",
    "range",
    "referer",
    "request-id",
    "save-data",
    "sec-ch-ua",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-fetch-site",
    "sec-fetch-user",
    "sec-gpc",
    "sec-purpose",
    "soapaction",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "upgrade-insecure-requests",
    "user-agent",
    "via",
    "x-amzn-trace-id",
    "x-b3-sampled",
    "x-b3-spanid",
    "x-b3-traceid",
    "x-correlation-id",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
    "x-requested-with",
];

/// Whether nothing in the head could be a credential. The body is not looked at: who logs in sends one there, and is told by that.
pub(super) fn is_bare(headers: Headers<'_>, target: &Target<'_>) -> bool {
    headers.iter().all(|header| is_plain(header.name))
        && !target.query.split(|byte| *byte == b'&').any(|pair| may_be_key(pair.rsplit(|byte| *byte == b'=').next()))
}

/// A value in a request's head that may be a credential of a kind that is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// Header, query or cookie.
    pub way: AuthKind,
    /// The name; a header's in lower case.
    pub name: Box<str>,
    /// Keyed hash of the value.
    pub fingerprint: Fingerprint,
}

/// Values kept of one request.
const STRANGERS_MAX: usize = 4;
/// Shorter values tell no caller from another.
const STRANGER_MIN: usize = 8;

/// The values in a head that may be a credential, in order.
pub(super) fn strangers(headers: Headers<'_>, target: &Target<'_>, key: &FingerprintKey) -> Vec<Stranger> {
    let mut all = Vec::new();
    let mut add = |way, name: &str, value: &[u8]| {
        if all.len() < STRANGERS_MAX && value.len() >= STRANGER_MIN && !proof::is_placeholder(value) {
            all.push(Stranger { way, name: name.into(), fingerprint: Secret::new(value).fingerprint(key) });
        }
    };
    for header in headers.iter().filter(|header| !is_plain(header.name)) {
        if !header.name.eq_ignore_ascii_case("cookie") {
            add(AuthKind::ApiKeyHeader, &header.name.to_ascii_lowercase(), header.value);
            continue;
        }
        for (name, value) in header.value.split(|byte| *byte == b';').take(COOKIES_MAX).filter_map(named) {
            add(AuthKind::SessionCookie, redact::field_name(name), value);
        }
    }
    for (name, value) in target.query.split(|byte| *byte == b'&').filter_map(named) {
        add(AuthKind::ApiKeyQuery, redact::field_name(name), value);
    }
    all
}

fn named(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(b'=', pair)?;
    Some((pair.get(..at)?.trim_ascii(), pair.get(at + 1..)?.trim_ascii()))
}

/// Whether at most one value in the head could be a credential: then what the server took is known to be that one.
pub(super) fn is_alone(headers: Headers<'_>, target: &Target<'_>) -> bool {
    let fields = headers.iter().filter(|header| !is_plain(header.name)).flat_map(|header| {
        let separator = if header.name.eq_ignore_ascii_case("cookie") { b';' } else { 0 };
        header.value.split(move |byte| *byte == separator)
    });
    let parameters =
        target.query.split(|byte| *byte == b'&').filter_map(|pair| pair.rsplit(|byte| *byte == b'=').next());
    fields.chain(parameters).filter(|value| may_be_key(Some(value))).take(2).count() < 2
}

/// HTTP/2's names are lower case already; the longest name here has 30 characters.
fn is_plain(name: &str) -> bool {
    let mut lower = [0_u8; 32];
    let Some(lower) = lower.get_mut(..name.len()) else { return false };
    lower.copy_from_slice(name.as_bytes());
    lower.make_ascii_lowercase();
    PLAIN.binary_search_by(|known| known.as_bytes().cmp(lower)).is_ok()
}

/// Letters and digits mixed, of some length: what a key looks like. Words, numbers, dates and lists are none.
fn may_be_key(value: Option<&[u8]>) -> bool {
    let value = value.unwrap_or_default();
    value.len() >= KEY_MIN && value.iter().any(u8::is_ascii_digit) && value.iter().any(u8::is_ascii_alphabetic)
}

#[cfg(test)]
mod tests {
    use apiscope_wire::Header;

    use super::*;
    use crate::facts::target;

    fn bare(path: &str, names: &[&str]) -> bool {
        let headers: Vec<_> = names.iter().map(|name| Header { name, value: b"x" }).collect();
        is_bare(Headers(&headers), &target::split("GET", path.as_bytes()))
    }

    #[test]
    fn the_list_is_sorted() {
        assert!(PLAIN.is_sorted() && PLAIN.iter().all(|name| name.len() <= 32));
    }

    #[test]
    fn strangers_are_named_and_hashed() {
        let headers = [
            Header { name: "Host", value: b"shop.example.com" },
            Header { name: "X-Shop-Session", value: b"8f3a91c2d4e5f6" },
            Header { name: "X-Tenant", value: b"7" },
            Header { name: "Cookie", value: b"theme=dark; shop=8f3a91c2d4e5f6" },
        ];
        let target = target::split("GET", b"/a?page=2&u=8f3a91c2d4e5f6");
        let found = strangers(Headers(&headers), &target, &FingerprintKey::new([9; 32]));
        let shown: Vec<_> = found.iter().map(|one| format!("{:?} {}", one.way, one.name)).collect();
        assert_eq!(shown, ["ApiKeyHeader x-shop-session", "SessionCookie shop", "ApiKeyQuery u"]);
        assert!(found.iter().all(|one| one.fingerprint == found[0].fingerprint));
    }

    #[test]
    fn alone_is_what_has_no_other_beside_it() {
        let alone = |path: &str, fields: &[(&str, &str)]| {
            let headers: Vec<_> = fields.iter().map(|(name, value)| Header { name, value: value.as_bytes() }).collect();
            is_alone(Headers(&headers), &target::split("GET", path.as_bytes()))
        };
        let token = ("Authorization", "Bearer eyJhbGciOiJub25lIn0.e30.");
        assert!(alone("/a?page=2", &[token, ("User-Agent", "curl/8.5.0 with 12 more"), ("X-Tenant", "shop-7")]));
        assert!(alone("/a", &[("Cookie", "theme=dark; session=eyJhbGciOiJub25lIn0.e30.")]));
        assert!(!alone("/a", &[token, ("Cookie", "theme=dark; sid=8f3a91c2d4e5f6")]));
        assert!(!alone("/a", &[token, ("X-Session", "8f3a91c2d4e5f6")]));
        assert!(!alone("/a?sig=8f3a91c2d4e5f6", &[token]));
    }

    #[test]
    fn only_what_cannot_be_a_credential_is_bare() {
        assert!(bare(
            "/orders/7?page=2&sort=created_at&from=2026-11-24",
            &["Host", "User-Agent", "Accept", "X-Forwarded-For"]
        ));
        assert!(bare("/", &[]));
        for name in
            ["Authorization", "Cookie", "X-Api-Key", "X-Tenant", "x-user-id", "Proxy-Authorization", "Signature"]
        {
            assert!(!bare("/orders/7", &["Host", name]), "{name}");
        }
        for query in ["key=8f3a91c2d4e5", "a=1&8f3a91c2d4e5f6", "sig=abcdefghijk1"] {
            assert!(!bare(&format!("/orders?{query}"), &["Host"]), "{query}");
        }
        assert!(!bare("/", &["a-very-long-name-of-a-header-field-that-is-none-of-ours"]));
    }
}
