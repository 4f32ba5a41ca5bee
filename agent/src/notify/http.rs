//! The one HTTP client of the notifier. No redirects, no proxy from the environment, ten seconds at most, and the answer's body is not read.

use std::net::{IpAddr, SocketAddr};
use std::sync::Once;
use std::time::Duration;

use reqwest::{Client, Url, redirect};

use super::{Reply, Shipment};

/// Longest time from the first byte sent to the answer's head.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A server may not put us off for longer.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(1);

/// Why there was no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NoAnswer {
    /// One of [`super::FAILURES`].
    pub(super) reason: &'static str,
    /// For people; without the address, which may hold a secret.
    pub(super) error: String,
}

/// A client for one target, bound to one of its addresses where it has several.
#[derive(Debug)]
pub(super) struct Post {
    client: Client,
    url: String,
}

impl Post {
    /// A client for `url`; `address` pins its name to one address.
    pub(super) fn new(url: &str, address: Option<IpAddr>) -> Result<Self, NoAnswer> {
        install_crypto();
        let parsed = Url::parse(url).map_err(|error| NoAnswer { reason: "address", error: error.to_string() })?;
        let build = |with_roots: bool| {
            let mut builder = Client::builder()
                .redirect(redirect::Policy::none())
                .no_proxy()
                .timeout(TIMEOUT)
                .connect_timeout(CONNECT_TIMEOUT)
                .pool_max_idle_per_host(1)
                .user_agent(concat!("apiscope/", env!("CARGO_PKG_VERSION")));
            if let (Some(address), Some(host)) = (address, parsed.host_str()) {
                builder = builder.resolve(host, SocketAddr::new(address, 0));
            }
            if !with_roots {
                builder = builder.tls_certs_only([]);
            }
            builder.build()
        };
        // Without TLS the system's certificates are not needed, and a small host may have none.
        let client = build(parsed.scheme() == "https").map_err(|error| no_answer(&error))?;
        Ok(Self { client, url: url.to_owned() })
    }

    /// Posts once.
    pub(super) async fn send(&self, shipment: &Shipment) -> Result<Reply, NoAnswer> {
        let mut request = self
            .client
            .post(format!("{}{}", self.url, shipment.path))
            .header("content-type", "application/json")
            .body(shipment.body.clone());
        for (name, value) in &shipment.headers {
            request = request.header(*name, value);
        }
        let response = request.send().await.map_err(|error| no_answer(&error))?;
        let retry_after =
            response.headers().get("retry-after").and_then(|value| value.to_str().ok()).and_then(retry_after);
        Ok(Reply { status: response.status().as_u16(), retry_after })
    }
}

/// The addresses of a URL's host; empty where it is an address already. Where a name has addresses of both families, only those of a
/// family that answers are taken: an instance that listens on one family would be waited for for ever on the other.
pub(super) async fn addresses(url: &str) -> Result<Vec<IpAddr>, NoAnswer> {
    let wrong = |error: String| NoAnswer { reason: "address", error };
    let parsed = Url::parse(url).map_err(|error| wrong(error.to_string()))?;
    let host = parsed.host_str().unwrap_or_default();
    let port = parsed.port_or_known_default().unwrap_or(80);
    if host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return Ok(Vec::new());
    }
    let looked_up = tokio::time::timeout(TIMEOUT, tokio::net::lookup_host((host, port)));
    let found = looked_up.await.map_err(|_| wrong("the name server does not answer".to_owned()))?;
    let mut found: Vec<IpAddr> = found.map_err(|error| wrong(error.to_string()))?.map(|address| address.ip()).collect();
    found.sort_unstable();
    found.dedup();
    let (v4, v6): (Vec<_>, Vec<_>) = found.into_iter().partition(IpAddr::is_ipv4);
    if v4.is_empty() || v6.is_empty() {
        return Ok([v4, v6].concat());
    }
    if !any_answers(&v4, port).await && any_answers(&v6, port).await { Ok(v6) } else { Ok(v4) }
}

async fn any_answers(addresses: &[IpAddr], port: u16) -> bool {
    for address in addresses.iter().take(4) {
        let connecting = tokio::net::TcpStream::connect((*address, port));
        if matches!(tokio::time::timeout(Duration::from_secs(1), connecting).await, Ok(Ok(_))) {
            return true;
        }
    }
    false
}

/// Once in the process. Another part may have done it; then it is done.
fn install_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
}

fn no_answer(error: &reqwest::Error) -> NoAnswer {
    let reason = if error.is_timeout() { "timeout" } else { "connection" };
    let mut text = String::new();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = inner.to_string();
        cause = inner.source();
    }
    NoAnswer { reason, error: if text.is_empty() { reason.to_owned() } else { text } }
}

/// Seconds, or an HTTP date (RFC 9110 §10.2.3).
fn retry_after(value: &str) -> Option<Duration> {
    let wait = if let Ok(seconds) = value.trim().parse::<u64>() {
        Duration::from_secs(seconds)
    } else {
        let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value.trim()).ok()?;
        // A date that is over gives a negative wait: none.
        Duration::try_from(at.duration_since(jiff::Timestamp::now())).unwrap_or_default()
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_forms_of_retry_after() {
        assert_eq!(retry_after("120"), Some(Duration::from_mins(2)));
        assert_eq!(retry_after("99999999"), Some(RETRY_AFTER_MAX));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(retry_after("soon"), None);
    }
}
