//! A document's servers: which authorities they name, and their base paths.

/// What a server's URL says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Server {
    /// Host and port of an absolute URL.
    pub(super) authority: Option<Authority>,
    /// Path of the URL; empty for the root.
    pub(super) base: String,
    /// It was neither absolute nor began with a slash.
    pub(super) is_odd: bool,
}

impl Server {
    /// From a URL whose variables have been put in.
    pub(super) fn parse(url: &str) -> Self {
        let url = url.split(['?', '#']).next().unwrap_or_default().trim();
        let (scheme, rest) = match url.split_once("://") {
            Some((scheme, rest)) => (scheme, Some(rest)),
            None => ("", url.strip_prefix("//")),
        };
        if let Some(rest) = rest {
            let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
            return Self { authority: Authority::parse(scheme, authority), base: trimmed(path), is_odd: false };
        }
        let path = url.strip_prefix('.').filter(|rest| rest.starts_with('/')).unwrap_or(url);
        Self { authority: None, base: trimmed(path), is_odd: !path.is_empty() && !path.starts_with('/') }
    }
}

fn trimmed(path: &str) -> String {
    crate::inventory::shape::segments(path).flat_map(|segment| ["/", segment]).collect()
}

/// A host and port that a document names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Authority {
    host: Box<str>,
    port: Option<u16>,
    /// Ports that need not be written.
    silent: &'static [u16],
}

impl Authority {
    fn parse(scheme: &str, authority: &str) -> Option<Self> {
        let authority = authority.rsplit('@').next().unwrap_or_default();
        let (host, port) = host_and_port(authority);
        let silent: &[u16] = match scheme.to_ascii_lowercase().as_str() {
            "http" | "ws" => &[80],
            "https" | "wss" => &[443],
            _ => &[80, 443],
        };
        (!host.is_empty()).then(|| Self { host: host.to_ascii_lowercase().into(), port, silent })
    }

    /// Whether a Host header or `:authority` names it.
    pub(super) fn is(&self, authority: &str) -> bool {
        let (host, port) = host_and_port(authority);
        host.eq_ignore_ascii_case(&self.host)
            && match (self.port, port) {
                (Some(ours), Some(theirs)) => ours == theirs,
                (None, Some(port)) | (Some(port), None) => self.silent.contains(&port),
                (None, None) => true,
            }
    }
}

fn host_and_port(authority: &str) -> (&str, Option<u16>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            (host, port.parse().ok())
        }
        _ => (authority, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let bases = [
            ("", ""),
            ("/", ""),
            ("/v1/", "/v1"),
            ("./v1", "/v1"),
            ("https://api.example.com", ""),
            ("https://api.example.com/", ""),
            ("https://api.example.com/a//b/?x=1#y", "/a/b"),
            ("//api.example.com/v2", "/v2"),
            ("http://user:pw@api.example.com:8080/v2", "/v2"),
        ];
        for (url, base) in bases {
            let server = Server::parse(url);
            assert_eq!((server.base.as_str(), server.is_odd), (base, false), "{url}");
        }
        assert_eq!(Server::parse("v1"), Server { authority: None, base: "/v1".to_owned(), is_odd: true });
    }

    #[test]
    fn authorities() {
        let cases = [
            ("https://api.example.com/v1", "API.example.com", true),
            ("https://api.example.com/v1", "api.example.com:443", true),
            ("https://api.example.com/v1", "api.example.com:80", false),
            ("http://api.example.com", "api.example.com:80", true),
            ("//api.example.com", "api.example.com:443", true),
            ("http://api.example.com:8080", "api.example.com:8080", true),
            ("http://api.example.com:8080", "api.example.com", false),
            ("http://api.example.com:80", "api.example.com", true),
            ("http://[::1]:3000", "[::1]:3000", true),
            ("http://[::1]", "[::1]", true),
            ("http://u:p@localhost:3000", "localhost:3000", true),
            ("http://api.example.com", "xapi.example.com", false),
        ];
        for (url, authority, expected) in cases {
            let known = Server::parse(url).authority.unwrap();
            assert_eq!(known.is(authority), expected, "{url} {authority}");
        }
    }
}
