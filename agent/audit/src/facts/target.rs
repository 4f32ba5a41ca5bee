//! A request target split into its parts (RFC 9112 §3.2).

/// The parts, as sent.
#[derive(Clone, Copy, Default)]
pub(crate) struct Target<'a> {
    /// Of the absolute and the authority form, without userinfo.
    pub authority: Option<&'a [u8]>,
    /// Without query and fragment. `*` and the authority form stand for themselves.
    pub path: &'a [u8],
    /// After the first `?`, without the fragment.
    pub query: &'a [u8],
}

/// Longest scheme of an absolute form.
const SCHEME_MAX: usize = 16;

/// Splits; total.
pub(crate) fn split<'a>(method: &str, target: &'a [u8]) -> Target<'a> {
    if method == "CONNECT" && !target.starts_with(b"/") {
        let authority = without_userinfo(target);
        return Target { authority: Some(authority), path: authority, query: b"" };
    }
    let (authority, rest) = match after_scheme(target) {
        Some(rest) => {
            let (authority, rest) = cut(rest, rest.iter().position(|b| matches!(b, b'/' | b'?' | b'#')));
            (Some(without_userinfo(authority)), rest)
        }
        None => (None, target),
    };
    let (rest, _fragment) = cut(rest, memchr::memchr(b'#', rest));
    let (path, query) = cut(rest, memchr::memchr(b'?', rest));
    let path = if path.is_empty() && authority.is_some() { b"/" } else { path };
    // Only the absolute form may carry userinfo; a target of no known form that looks like one loses it too.
    let path = if path.starts_with(b"/") { path } else { without_userinfo(path) };
    Target { authority, path, query: query.get(1..).unwrap_or_default() }
}

/// What follows the last `@` before the path.
pub(crate) fn without_userinfo(authority: &[u8]) -> &[u8] {
    memchr::memrchr(b'@', authority).and_then(|at| authority.get(at + 1..)).unwrap_or(authority)
}

fn after_scheme(target: &[u8]) -> Option<&[u8]> {
    let colon = memchr::memmem::find(target.get(..SCHEME_MAX.min(target.len()))?, b"://")?;
    let scheme = target.get(..colon)?;
    let named =
        scheme.first()?.is_ascii_alphabetic() && scheme.iter().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b));
    target.get(colon + 3..).filter(|_| named)
}

fn cut(bytes: &[u8], at: Option<usize>) -> (&[u8], &[u8]) {
    bytes.split_at(at.unwrap_or(bytes.len()).min(bytes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_split() {
        let shown = |method: &str, target: &str| {
            let parts = split(method, target.as_bytes());
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            format!("{} {} {}", parts.authority.map_or("-".into(), text), text(parts.path), text(parts.query))
        };
        assert_eq!(shown("GET", "/a/b?c=d&e#f"), "- /a/b c=d&e");
        assert_eq!(shown("GET", "/a#access_token=1?x"), "- /a ");
        assert_eq!(shown("GET", "http://u:p@Host:81/a?b"), "Host:81 /a b");
        assert_eq!(shown("GET", "http://host?b=/c"), "host / b=/c");
        assert_eq!(shown("OPTIONS", "*"), "- * ");
        assert_eq!(shown("CONNECT", "u:p@host:443"), "host:443 host:443 ");
        assert_eq!(shown("GET", "u:p@host/a"), "- host/a ");
        assert_eq!(shown("GET", ""), "-  ");
        assert_eq!(shown("GET", "/u:p@x"), "- /u:p@x ");
    }
}
