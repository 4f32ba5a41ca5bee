//! `undocumented-endpoint`: the API has a document, and answers on a path or method that is not in it (a shadow endpoint).
//!
//! Only answers that show a handler behind the path count fully. A refusal or a redirect may come from a gate that stands in front of
//! every path, also of those that do not exist: it is reported, but mildly. Requests that were answered "not found", "bad request" or
//! "method not allowed" are no endpoints at all and never come here.

use super::setting::settings;
use super::{Case, Containment, Detector, Kind};
use crate::finding::{Finding, Severity};
use crate::inventory::{DocumentState, status_proves_endpoint};
use crate::secret::Masked;

/// What it is.
pub static KIND: Kind = Kind {
    name: "undocumented-endpoint",
    summary: "The API answers on an endpoint that its document does not know.",
    owasp: "API9:2023",
    cwe: 912,
    cwe_title: "Hidden Functionality",
    why: "What is not documented is not reviewed, tested or retired: old versions, debug pages and forgotten features live there.",
    what_to_do: &[
        "Find out who owns the endpoint and whether it is meant to be reachable.",
        "If it is, add it to the API's OpenAPI document.",
        "If it is not, remove it or close it at the gateway.",
    ],
    containment: Containment::Endpoint(
        "Refuse this method and route at the gateway until its owner is found; documented endpoints go on.",
    ),
};

settings! {
    /// What counts.
    pub struct Config {
        /// Leave out files such as scripts, styles, images and fonts.
        ignore_static: bool = true,
        /// Severity where an answer shows that there is a handler behind the path.
        severity: Option<Severity> = Some(Severity::Medium),
        /// Severity where it was only refused or redirected so far, which a gate in front of every path may do.
        refused: Option<Severity> = Some(Severity::Low),
    }
}

/// File name extensions of what a page loads.
const STATIC: [&str; 22] = [
    "avif",
    "bmp",
    "css",
    "eot",
    "gif",
    "htm",
    "html",
    "ico",
    "jpeg",
    "jpg",
    "js",
    "map",
    "mjs",
    "otf",
    "png",
    "svg",
    "ttf",
    "txt",
    "webmanifest",
    "webp",
    "woff",
    "woff2",
];

/// The detector.
pub(super) type Judge = super::Judge<Config>;

impl Detector for Judge {
    fn judge(&mut self, case: &Case<'_>, found: &mut dyn FnMut(Finding)) {
        let Case::Call(sighting) = case else { return };
        let endpoint = sighting.endpoint;
        // What the document had and no longer has is `deprecated-endpoint-in-use`.
        if endpoint.document != DocumentState::Undocumented || matches!(endpoint.method.as_str(), "HEAD" | "OPTIONS") {
            return;
        }
        if self.config.ignore_static && endpoint.method.as_str() == "GET" && is_static(&endpoint.route) {
            return;
        }
        let Some(status) = sighting.exchange.status.filter(|status| status_proves_endpoint(*status)) else { return };
        let (severity, because) = if shows_handler(status) {
            (self.config.severity, "it answers as an endpoint does")
        } else {
            (self.config.refused, "so far it only refused or redirected, which a gate in front of every path may do")
        };
        let Some(severity) = severity else { return };
        let what = format!("{} {} answered {status}, not in the document", endpoint.method, endpoint.route);
        found(sighting.finding(&KIND, severity, Masked::vouched(because), Masked::from_clean(what)));
    }
}

/// Statuses that no gate gives on its own.
pub(super) fn shows_handler(status: u16) -> bool {
    matches!(status, 101 | 200..=299 | 304 | 409 | 412 | 415 | 422)
}

fn is_static(route: &str) -> bool {
    let name = route.rsplit('/').next().unwrap_or_default();
    name.rsplit_once('.').is_some_and(|(_, extension)| STATIC.iter().any(|known| known.eq_ignore_ascii_case(extension)))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::detect::sample::{call, check};

    #[test]
    fn fires_on_what_the_document_does_not_know() {
        check::<Judge>(
            &[
                call("GET /debug/vars 200").undocumented().done(),
                call("DELETE /orders/7 403").undocumented().done(),
                call("POST /old/login 302").undocumented().done(),
            ],
            expect![[r"
                medium GET /debug/vars: it answers as an endpoint does
                     GET /debug/vars answered 200, not in the document
                low DELETE /orders/{id}: so far it only refused or redirected, which a gate in front of every path may do
                     DELETE /orders/{id} answered 403, not in the document
                low POST /old/login: so far it only refused or redirected, which a gate in front of every path may do
                     POST /old/login answered 302, not in the document
            "]],
        );
    }

    #[test]
    fn silent_on_documented_unanswered_static_and_without_document() {
        check::<Judge>(
            &[
                call("GET /orders 200").documented().done(),
                call("GET /orders 200").done(),
                call("GET /v1/orders 200").removed().done(),
                call("GET /debug/vars 404").undocumented().done(),
                call("GET /debug/vars -").undocumented().done(),
                call("HEAD /debug/vars 200").undocumented().done(),
                call("GET /assets/app.JS 200").undocumented().done(),
            ],
            expect![""],
        );
    }
}
