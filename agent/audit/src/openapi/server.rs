//! A document's servers: which authorities they name, and their base paths.

use super::fault::Fault;
use super::tree::Node;

/// Servers made of one URL by its variables.
const SERVERS_OF_ONE_MAX: usize = 32;
/// Values taken of one variable.
const VALUES_MAX: usize = 32;

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
    /// From a URL whose variables have been put in. `own` is the document's own URL, to which a relative one is relative.
    pub(super) fn parse(url: &str, own: Option<&str>) -> Self {
        let url = url.split(['?', '#']).next().unwrap_or_default().trim();
        let (scheme, rest) = match url.split_once("://") {
            Some((scheme, rest)) => (scheme, Some(rest)),
            None => ("", url.strip_prefix("//")),
        };
        if let Some(rest) = rest {
            let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
            return Self { authority: Authority::parse(scheme, authority), base: trimmed(path), is_odd: false };
        }
        if let Some(own) = own.filter(|own| own.contains("://")) {
            let from = Self::parse(own, None);
            // Relative to the folder of the document (RFC 3986 §5.2.3).
            let folder = own.split(['?', '#']).next().and_then(|own| own.rsplit_once('/')).map(|(folder, _)| folder);
            let folder = folder.map(|folder| Self::parse(folder, None).base).unwrap_or_default();
            let base = if url.starts_with('/') { trimmed(url) } else { trimmed(&format!("{folder}/{url}")) };
            return Self { base, is_odd: false, ..from };
        }
        let path = url.strip_prefix('.').filter(|rest| rest.starts_with('/')).unwrap_or(url);
        Self { authority: None, base: trimmed(path), is_odd: !path.is_empty() && !path.starts_with('/') }
    }
}

/// A path without doubled and trailing slashes and without dots.
fn trimmed(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in crate::inventory::shape::segments(path) {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.iter().flat_map(|part| ["/", part]).collect()
}

/// The URLs that a template means, the one with the defaults first. `Err`: a variable has no value. Faults that cost nothing go to `told`.
pub(super) fn expand(template: &str, variables: Option<&Node>, told: &mut Vec<Fault>) -> Result<Vec<String>, Fault> {
    let mut urls = vec![String::new()];
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        let so_far = template.get(..template.len() - rest.len() + before.len()).unwrap_or_default();
        let mut values = values(name, variables.and_then(|variables| variables.get(name)), told)?;
        if values.len() == 1 && is_label(so_far, after) {
            values.push("*".into());
        }
        let mut longer = Vec::with_capacity(urls.len() * values.len());
        // The first value of each variable stays in front.
        for value in &values {
            longer.extend(urls.iter().map(|url| format!("{url}{before}{value}")));
        }
        if longer.len() > SERVERS_OF_ONE_MAX {
            told.push(Fault::TooMany(SERVERS_OF_ONE_MAX));
            longer.truncate(SERVERS_OF_ONE_MAX);
        }
        urls = longer;
        rest = after;
    }
    for url in &mut urls {
        url.push_str(rest);
    }
    Ok(urls)
}

/// A variable's values: the default, then the others of its enumeration.
fn values(name: &str, variable: Option<&Node>, told: &mut Vec<Fault>) -> Result<Vec<Box<str>>, Fault> {
    let default = variable.and_then(|variable| variable.get("default")).and_then(Node::scalar);
    let listed = variable.and_then(|variable| variable.get("enum")).and_then(Node::list).unwrap_or_default();
    if default.is_none() && !listed.is_empty() {
        told.push(Fault::OnlyEnum(name.into()));
    }
    if listed.len() > VALUES_MAX {
        told.push(Fault::TooMany(VALUES_MAX));
    }
    let mut values: Vec<Box<str>> = default.into_iter().collect();
    for value in listed.iter().take(VALUES_MAX).filter_map(Node::scalar) {
        if !values.contains(&value) {
            values.push(value);
        }
    }
    if values.is_empty() { Err(Fault::NoDefault(name.into())) } else { Ok(values) }
}

/// Whether a variable stands for a whole label of a host below a name of at least two others: without an enumeration it may then be any.
fn is_label(before: &str, after: &str) -> bool {
    let Some((_, host)) = before.split_once("://").or_else(|| before.split_once("//")) else { return false };
    let below = after.split(['/', ':', '?', '#']).next().unwrap_or_default();
    let labels = |host: &str| host.split('.').filter(|label| !label.is_empty() && !label.contains(['{', '}'])).count();
    (host.is_empty() || host.ends_with('.')) && !host.contains('/') && below.starts_with('.') && labels(below) >= 2
}

/// A host and port that a document names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Authority {
    /// A label `*` is any.
    host: Box<str>,
    port: Option<u16>,
    /// Ports that need not be written.
    silent: &'static [u16],
}

impl Authority {
    pub(super) fn parse(scheme: &str, authority: &str) -> Option<Self> {
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
        is_host(&self.host, host)
            && match (self.port, port) {
                (Some(ours), Some(theirs)) => ours == theirs,
                (None, Some(port)) | (Some(port), None) => self.silent.contains(&port),
                (None, None) => true,
            }
    }

    /// Whether an authority could be both.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let ports = match (self.port, other.port) {
            (Some(ours), Some(theirs)) => ours == theirs,
            (None, Some(port)) => self.silent.contains(&port),
            (Some(port), None) => other.silent.contains(&port),
            (None, None) => true,
        };
        ports && (is_host(&self.host, &other.host) || is_host(&other.host, &self.host))
    }

    /// As it would be sent.
    pub(super) fn written(&self) -> String {
        self.port.map_or_else(|| self.host.to_string(), |port| format!("{}:{port}", self.host))
    }
}

fn is_host(known: &str, host: &str) -> bool {
    if !known.contains('*') {
        return known.eq_ignore_ascii_case(host);
    }
    let (mut ours, mut theirs) = (known.split('.'), host.split('.'));
    loop {
        match (ours.next(), theirs.next()) {
            (None, None) => return true,
            (Some("*"), Some(label)) if !label.is_empty() => {}
            (Some(ours), Some(theirs)) if ours.eq_ignore_ascii_case(theirs) => {}
            _ => return false,
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
            ("https://api.example.com/a/../b/./c", "/b/c"),
            ("//api.example.com/v2", "/v2"),
            ("http://user:pw@api.example.com:8080/v2", "/v2"),
        ];
        for (url, base) in bases {
            let server = Server::parse(url, None);
            assert_eq!((server.base.as_str(), server.is_odd), (base, false), "{url}");
        }
        assert_eq!(Server::parse("v1", None), Server { authority: None, base: "/v1".to_owned(), is_odd: true });
        assert_eq!(Server::parse("../v1", None), Server { authority: None, base: "/v1".to_owned(), is_odd: true });
    }

    #[test]
    fn relative_urls_are_relative_to_the_documents_own() {
        let own = Some("https://api.example.com/docs/v2/openapi.yaml");
        for (url, base) in
            [("/v1", "/v1"), ("v1", "/docs/v2/v1"), ("..", "/docs"), ("../../v3/", "/v3"), ("", "/docs/v2")]
        {
            let server = Server::parse(url, own);
            assert_eq!((server.base.as_str(), server.is_odd), (base, false), "{url}");
            assert!(server.authority.unwrap().is("api.example.com"), "{url}");
        }
        let absolute = Server::parse("http://other.example.com/x", own);
        assert!(absolute.authority.unwrap().is("other.example.com"));
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
            ("https://*.example.com", "acme.example.com", true),
            ("https://*.example.com", "example.com", false),
            ("https://*.example.com", "a.b.example.com", false),
            ("https://*.example.com", ".example.com", false),
        ];
        for (url, authority, expected) in cases {
            let known = Server::parse(url, None).authority.unwrap();
            assert_eq!(known.is(authority), expected, "{url} {authority}");
        }
    }

    #[test]
    fn variables_give_every_url_that_they_mean() {
        let variables = "{\"env\": {\"default\": \"prod\", \"enum\": [\"stage\", \"prod\"]}, \"v\": {\"default\": 2}, \
                         \"tenant\": {\"default\": \"demo\"}, \"only\": {\"enum\": [\"a\", \"b\"]}, \"none\": {}}";
        let variables = Node::parse(variables).unwrap();
        let cases: [(&str, &[&str]); 7] = [
            ("https://{env}.example.com/v{v}", &["https://prod.example.com/v2", "https://stage.example.com/v2"]),
            ("https://{tenant}.example.com", &["https://demo.example.com", "https://*.example.com"]),
            ("https://{tenant}.com", &["https://demo.com"]),
            ("https://x-{tenant}.example.com", &["https://x-demo.example.com"]),
            ("/{tenant}", &["/demo"]),
            ("/{only}/{env}", &["/a/prod", "/b/prod", "/a/stage", "/b/stage"]),
            ("/plain", &["/plain"]),
        ];
        for (template, urls) in cases {
            let mut told = Vec::new();
            assert_eq!(expand(template, Some(&variables), &mut told).unwrap(), urls, "{template}");
            assert_eq!(!told.is_empty(), template.contains("only"), "{template}");
        }
        for template in ["/{none}", "/{unknown}", "/{"] {
            assert!(expand(template, Some(&variables), &mut Vec::new()).is_err(), "{template}");
        }
        let many: Vec<String> = (0..40).map(|n| format!("\"v{n}\"")).collect();
        let many = Node::parse(&format!("{{\"a\": {{\"enum\": [{}]}}}}", many.join(","))).unwrap();
        assert_eq!(expand("/{a}/{a}", Some(&many), &mut Vec::new()).unwrap().len(), SERVERS_OF_ONE_MAX);
    }
}
