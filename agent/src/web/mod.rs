//! The HTTP listener for Prometheus and for probes: /metrics, /-/healthy, /-/ready, and a landing page. GET and HEAD only;
//! it changes nothing and shows no finding's detail. Entry: [`router`], served by [`serve::tcp`].

pub mod serve;

use std::io::Write;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use crate::metrics::CONTENT_TYPE;
use crate::run::Agent;

const LANDING: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>apiscope</title>
<h1>apiscope</h1>
<p>Watches this host's own API traffic.
<ul><li><a href=\"/metrics\">Metrics</a><li><a href=\"/-/healthy\">Healthy</a><li><a href=\"/-/ready\">Ready</a></ul>
<p>More on the host itself: <code>apiscope status</code>, <code>apiscope findings</code>.
</html>
";

/// All addresses.
pub fn router(agent: Arc<Agent>) -> Router {
    Router::new()
        .route("/", get(async || Html(LANDING)))
        .route("/metrics", get(metrics))
        .route("/-/healthy", get(async || "apiscope is healthy\n"))
        .route("/-/ready", get(ready))
        .with_state(agent)
}

async fn ready(State(agent): State<Arc<Agent>>) -> Response {
    if agent.is_ready() {
        "apiscope is ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "apiscope is not capturing\n").into_response()
    }
}

async fn metrics(State(agent): State<Arc<Agent>>, headers: HeaderMap) -> Response {
    // Made on a thread for blocking work: a scrape reads /proc and takes locks.
    let Ok(text) = tokio::task::spawn_blocking(move || agent.metrics_text()).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let wanted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    if wanted.is_some_and(accepts_gzip)
        && let Ok(packed) = gzip(text.as_bytes())
    {
        return ([(header::CONTENT_TYPE, CONTENT_TYPE), (header::CONTENT_ENCODING, "gzip")], packed).into_response();
    }
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response()
}

/// RFC 9110 §12.5.3, as far as needed: gzip is named, and not with weight zero.
fn accepts_gzip(accept: &str) -> bool {
    accept.split(',').any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.trim().parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::accepts_gzip;

    #[test]
    fn gzip_is_used_only_when_asked_for() {
        assert!(accepts_gzip("gzip"));
        assert!(accepts_gzip("deflate, GZIP;q=0.5"));
        assert!(!accepts_gzip("gzip;q=0, deflate"));
        assert!(!accepts_gzip("identity"));
        assert!(!accepts_gzip(""));
    }
}
