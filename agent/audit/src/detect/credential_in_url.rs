//! `credential-in-url`: a request carries a credential in its path or query.
//!
//! URLs are written down where bodies and headers are not: access logs, proxies, browsers' histories, `Referer`. So it matters whatever the
//! connection is. Proven by the facts: a parameter whose name and value say so, or a token by its format anywhere in the URL.

use super::setting::settings;
use super::{Case, Containment, Detector, Kind, place};
use crate::facts::{CredentialKind, Grade, Place, What};
use crate::finding::{Finding, Severity};
use crate::secret::Masked;

/// What it is.
pub static KIND: Kind = Kind {
    name: "credential-in-url",
    summary: "Credentials reach the API in the URL.",
    owasp: "API2:2023",
    cwe: 598,
    cwe_title: "Use of GET Request Method With Sensitive Query Strings",
    why: "URLs end up in access logs, proxies and browser histories, and whoever reads those can act as the credential's owner.",
    what_to_do: &[
        "Take the credential from the Authorization header or the body, and refuse it in the URL.",
        "Remove it from the access logs of this server and of the proxies before it.",
        "Change the credentials that were sent so: the consumers are listed with the finding.",
    ],
    containment: Containment::Consumer(
        "Revoke the credentials of the listed consumers, and keep the named query key out of the access log; other consumers go on.",
    ),
};

settings! {
    /// Severity by what the URL holds.
    pub struct Config {
        /// Severity of passwords.
        password: Option<Severity> = Some(Severity::High),
        /// Severity of keys and tokens.
        token: Option<Severity> = Some(Severity::Medium),
    }
}

/// The detector.
pub(super) type Judge = super::Judge<Config>;

impl Judge {
    fn severity(&self, kind: CredentialKind) -> Option<Severity> {
        match kind {
            CredentialKind::Password | CredentialKind::Basic => self.config.password,
            CredentialKind::Bearer | CredentialKind::ApiKey => self.config.token,
        }
    }
}

impl Detector for Judge {
    fn judge(&mut self, case: &Case<'_>, found: &mut dyn FnMut(Finding)) {
        let Case::Call(sighting) = case else { return };
        let Some(facts) = &sighting.exchange.request else { return };
        let in_url = |place: &Place| matches!(place, Place::Query(_) | Place::Path);
        let credentials =
            facts.credentials.iter().filter(|credential| in_url(&credential.place)).filter_map(|credential| {
                let shown = || format!("{}: {}", place(&credential.place), credential.masked);
                self.severity(credential.kind).map(|severity| (severity, shown()))
            });
        let tokens = facts.exposures.iter().filter(|exposure| in_url(&exposure.place)).filter_map(|exposure| {
            let What::Secret(name) = exposure.what else { return None };
            let known = facts.credentials.iter().any(|credential| credential.place == exposure.place);
            let proven = exposure.grade <= Grade::B && !known;
            let shown = || format!("{}: {name}, grade {}", place(&exposure.place), exposure.grade.letter());
            self.config.token.filter(|_| proven).map(|severity| (severity, shown()))
        });
        let all: Vec<(Severity, String)> = credentials.chain(tokens).collect();
        let Some((severity, first)) = all.iter().max_by_key(|(severity, _)| *severity) else { return };
        let refused = match sighting.exchange.status {
            Some(status @ (401 | 403)) => format!(", refused with {status}"),
            _ => String::new(),
        };
        let more = if all.len() > 1 { format!(" and {} more", all.len() - 1) } else { String::new() };
        let what = format!("{first}{more}{refused}");
        found(sighting.finding(
            &KIND,
            *severity,
            Masked::vouched("URLs are written down in logs and histories"),
            Masked::from_clean(what),
        ));
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::detect::sample::{basic, call, check, in_query, password};

    #[test]
    fn fires_on_query_and_path() {
        check::<Judge>(
            &[
                call("GET /a 200").credential(in_query(CredentialKind::ApiKey, "api_key")).done(),
                call("GET /a 401")
                    .credential(in_query(CredentialKind::ApiKey, "key"))
                    .credential(in_query(CredentialKind::Password, "pw"))
                    .done(),
                call("GET /bot 200").asks_at(What::Secret("Telegram bot token"), Grade::B, Place::Path).done(),
            ],
            expect![[r"
                medium GET /a: URLs are written down in logs and histories
                     query parameter api_key: ****
                high GET /a: URLs are written down in logs and histories
                     query parameter pw: **** and 1 more, refused with 401
                medium GET /bot: URLs are written down in logs and histories
                     path: Telegram bot token, grade B
            "]],
        );
    }

    #[test]
    fn silent_on_headers_and_bodies() {
        check::<Judge>(
            &[
                call("GET /a 200").credential(basic()).done(),
                call("POST /login 200")
                    .credential(password())
                    .asks(What::Secret("GitHub OAuth token"), Grade::A, "/t")
                    .done(),
                call("GET /a 200").asks_at(What::Secret("Twilio API key"), Grade::C, Place::Query("q".into())).done(),
            ],
            expect![""],
        );
    }
}
