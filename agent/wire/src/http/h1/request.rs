//! What servers read differently in a request beyond its framing: method, target, host and size.

use crate::event::{AmbiguityKind, Header, Version};
use crate::http::Odds;
use crate::http::h1::head::Head;

/// nginx takes fields and first lines up to 8 KiB, Apache up to 8,190 bytes, gunicorn first lines up to 4,094 bytes.
const FIRST_LINE_BYTES_MAX: usize = 4094;
const FIELD_BYTES_MAX: usize = 8190;

/// node and haproxy take heads up to 16 KiB, less what haproxy reserves of it.
const HEAD_BYTES_MAX: usize = 15 * 1024;

/// hyper, Apache and gunicorn take so many fields.
const FIELDS_MAX: usize = 100;

/// haproxy takes names up to so many bytes.
const NAME_BYTES_MAX: usize = 255;

/// The registered methods that node knows (RFC 9110 §16.1, RFC 4918 and its kin): it refuses all others.
const METHODS: [&str; 34] = [
    "GET",
    "POST",
    "PUT",
    "DELETE",
    "HEAD",
    "OPTIONS",
    "PATCH",
    "CONNECT",
    "TRACE",
    "ACL",
    "BIND",
    "CHECKOUT",
    "COPY",
    "LINK",
    "LOCK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MOVE",
    "PROPFIND",
    "PROPPATCH",
    "PURGE",
    "QUERY",
    "REBIND",
    "REPORT",
    "SEARCH",
    "SOURCE",
    "SUBSCRIBE",
    "UNBIND",
    "UNLINK",
    "UNLOCK",
    "UNSUBSCRIBE",
    "NOTIFY",
];

/// What is odd about a request that was read. `whole`: to the end of its head.
pub(crate) fn odds(method: &str, target: &[u8], head: &Head<'_>, headers: &[Header<'_>], whole: bool) -> Odds {
    let mut odds = Odds::default();
    odds.add_if(!METHODS.contains(&method), AmbiguityKind::OddMethod);
    odds.add_if(!is_target(method, target), AmbiguityKind::OddTarget);
    odds.add_if(!is_hosted(target, head.version, headers, whole), AmbiguityKind::OddHost);
    odds.add_if(is_long(target, head.len, headers), AmbiguityKind::LongHead);
    odds
}

/// Whether a target has one of the four forms (RFC 9112 §3.2). A fragment is none of its parts.
fn is_target(method: &str, target: &[u8]) -> bool {
    let formed = match target {
        _ if method == "CONNECT" => is_host(target),
        b"*" => method == "OPTIONS",
        [b'/', ..] => true,
        _ => authority(target).is_some_and(is_host),
    };
    let path = target.split(|b| *b == b'?').next().unwrap_or_default();
    let is_visible =
        |b: &u8| b.is_ascii() && !matches!(b, b'#' | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}');
    formed && !leaves_root(path) && is_escaped(path) && target.iter().all(is_visible)
}

/// The authority of a target in absolute form.
fn authority(target: &[u8]) -> Option<&[u8]> {
    let rest = [&b"http://"[..], b"https://"].iter().find_map(|scheme| {
        let (start, rest) = target.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    })?;
    rest.split(|b| *b == b'/').next()
}

/// Whether each percent sign begins an octet, and none is NUL.
fn is_escaped(path: &[u8]) -> bool {
    memchr::memchr_iter(b'%', path).all(|at| match path.get(at + 1..at + 3) {
        Some(digits) => digits.iter().all(u8::is_ascii_hexdigit) && digits != b"00",
        None => false,
    })
}

/// Whether its `..` segments climb above the first.
fn leaves_root(path: &[u8]) -> bool {
    if memchr::memmem::find(path, b"/..").is_none() {
        return false;
    }
    let mut depth = 0_i64;
    path.split(|b| *b == b'/').skip(1).any(|segment| {
        match segment {
            b".." => depth -= 1,
            b"" | b"." => {}
            _ => depth += 1,
        }
        depth < 0
    })
}

/// Whether there is one Host, as there must be (RFC 9112 §3.2), and the target names no other.
fn is_hosted(target: &[u8], version: Version, headers: &[Header<'_>], whole: bool) -> bool {
    let mut hosts = headers.iter().filter(|header| header.name.len() == 4 && header.name.eq_ignore_ascii_case("host"));
    let Some(host) = hosts.next() else { return version == Version::Http10 || !whole };
    let authority = if target.starts_with(b"/") { None } else { authority(target) };
    hosts.next().is_none()
        && is_host(host.value)
        && authority.is_none_or(|authority| without_port(authority).eq_ignore_ascii_case(without_port(host.value)))
}

/// A host without the port that it has anyway.
fn without_port(host: &[u8]) -> &[u8] {
    host.strip_suffix(b":80").unwrap_or(host)
}

/// Whether bytes are a host with or without a port. Stricter than RFC 3986, as Apache is: no user, no empty port, none of
/// the delimiters that a registered name might have.
fn is_host(host: &[u8]) -> bool {
    let (name, port) = match host.iter().rposition(|b| *b == b':') {
        Some(colon) if !host.ends_with(b"]") => host.split_at(colon),
        _ => (host, &b":0"[..]),
    };
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    let named = match name.strip_prefix(b"[").and_then(|address| address.strip_suffix(b"]")) {
        Some(address) => address.iter().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.')),
        None => name.iter().all(is_name),
    };
    let port = port.get(1..).and_then(|port| std::str::from_utf8(port).ok()).unwrap_or_default();
    let ported = port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
    let labelled = !name.is_empty() && !name.starts_with(b".") && memchr::memmem::find(name, b"..").is_none();
    named && ported && labelled
}

/// Whether some server would refuse the head for its size.
fn is_long(target: &[u8], len: usize, headers: &[Header<'_>]) -> bool {
    if headers.len() > FIELDS_MAX || len > HEAD_BYTES_MAX {
        return true;
    }
    if len <= NAME_BYTES_MAX {
        return false;
    }
    let long_name = headers.iter().any(|header| header.name.len() > NAME_BYTES_MAX);
    let long_line = target.len() + "GET  HTTP/1.1\r\n".len() > FIRST_LINE_BYTES_MAX;
    // Apache joins fields of one name before it measures them.
    let joined = |name: &str| -> usize {
        let same = headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
        same.map(|header| header.value.len() + ", ".len()).sum::<usize>() + name.len() + "\r\n".len()
    };
    long_name
        || long_line
        || (len > FIELD_BYTES_MAX && headers.iter().any(|header| joined(header.name) > FIELD_BYTES_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for host in [&b"a"[..], b"a.b-c_d", b"a:80", b"127.0.0.1:1", b"[::1]", b"[::1]:80"] {
            assert!(is_host(host), "{}", host.escape_ascii());
        }
        for none in [
            &b""[..],
            b"a b",
            b"a:",
            b":80",
            b"a:b",
            b"a@b",
            b"+a",
            b"\x80",
            b"[::1",
            b"::1]",
            b"a,b",
            b"a:80:80",
            b"a:99999",
            b".",
            b"a..b",
        ] {
            assert!(!is_host(none), "{}", none.escape_ascii());
        }
    }

    #[test]
    fn targets() {
        for (method, target) in [
            ("GET", "/"),
            ("GET", "/x?y=/z"),
            ("GET", "/x/../%20?%"),
            ("OPTIONS", "*"),
            ("CONNECT", "a:80"),
            ("GET", "http://a"),
            ("GET", "HTTPS://a:1/x"),
        ] {
            assert!(is_target(method, target.as_bytes()), "{target}");
        }
        for (method, target) in [
            ("GET", "*"),
            ("GET", "a:80"),
            ("GET", "x"),
            ("GET", "/#x"),
            ("CONNECT", "/x"),
            ("GET", "http:///x"),
            ("GET", "http://a?b"),
            ("GET", "/%zz"),
            ("GET", "/%00"),
            ("GET", "/a/../../b"),
        ] {
            assert!(!is_target(method, target.as_bytes()), "{target}");
        }
    }
}
