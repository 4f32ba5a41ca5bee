//! `error-detail-leak`: an answer shows how the program is made: a stack trace, a database's error, a debug page, the files of a directory.
//!
//! Proven by marks that frameworks and databases write and nobody else does, in answers that are errors; see the facts.

use super::setting::settings;
use super::{Case, Containment, Detector, Kind};
use crate::facts::Detail;
use crate::finding::{Finding, Severity};
use crate::secret::Masked;

/// What it is.
pub static KIND: Kind = Kind {
    name: "error-detail-leak",
    summary: "Answers show stack traces, database errors, debug pages or directory listings.",
    owasp: "API8:2023",
    cwe: 209,
    cwe_title: "Generation of Error Message Containing Sensitive Information",
    why: "Names of files, tables and libraries tell an attacker what to try next, and a debug page may run what he sends.",
    what_to_do: &[
        "Switch the framework's debug mode off on this host; that ends most of these at once.",
        "Answer errors with a number and a short text, and write the details to the log under that number.",
        "Mend the error itself: the calls listed with the finding show how it is reached.",
    ],
    containment: Containment::Endpoint(
        "Let the proxy answer errors of this endpoint with a fixed page (nginx: proxy_intercept_errors, with error_page 500 502 503 504 in its location); its good answers go on.",
    ),
};

settings! {
    /// Severity by what is shown.
    pub struct Config {
        /// Severity of a framework's debug page.
        debug_page: Option<Severity> = Some(Severity::High),
        /// Severity of a database's error: what reaches the database unchecked shows so first.
        database: Option<Severity> = Some(Severity::Medium),
        /// Severity of a stack trace.
        trace: Option<Severity> = Some(Severity::Medium),
        /// Severity of a directory's listing.
        listing: Option<Severity> = Some(Severity::Low),
    }
}

/// The detector.
pub(super) type Judge = super::Judge<Config>;

impl Judge {
    /// The severity, what it is, and of which program.
    fn grade(&self, detail: Detail) -> (Option<Severity>, &'static str, &'static str) {
        match detail {
            Detail::DebugPage(of) => (self.config.debug_page, "debug page", of),
            Detail::Database(of) => (self.config.database, "database error", of),
            Detail::Trace(of) => (self.config.trace, "stack trace", of),
            Detail::Listing(of) => (self.config.listing, "directory listing", of),
        }
    }
}

impl Detector for Judge {
    fn judge(&mut self, case: &Case<'_>, found: &mut dyn FnMut(Finding)) {
        let Case::Call(sighting) = case else { return };
        let details = sighting.exchange.response.as_ref().map_or(&[][..], |facts| &facts.details);
        let graded = details.iter().map(|detail| self.grade(*detail)).filter(|(severity, ..)| severity.is_some());
        let Some((Some(severity), what, of)) = graded.max_by_key(|(severity, ..)| *severity) else { return };
        let status = sighting.exchange.status.map_or_else(|| "?".to_owned(), |status| status.to_string());
        let what_said = format!("{what} of {of} in the body of a {status}");
        let because = match what {
            "debug page" => "a page for developers is shown to callers",
            "database error" => "a database's own error reaches the caller",
            "stack trace" => "the program's inside is shown",
            _ => "the server lists its files",
        };
        let finding = sighting.finding(&KIND, severity, Masked::vouched(because), Masked::from_clean(what_said));
        found(finding.of_classes([what]));
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::detect::sample::{call, judge};

    #[test]
    fn fires_by_the_worst() {
        let calls = [
            call("GET /orders/7 500").leaks(Detail::Trace("Java")).leaks(Detail::Database("Hibernate")).done(),
            call("GET /admin 500").leaks(Detail::Trace("Python")).leaks(Detail::DebugPage("Werkzeug")).done(),
            call("GET /files 200").leaks(Detail::Listing("Python")).done(),
        ];
        expect![[r"
            medium GET /orders/{id}: a database's own error reaches the caller
                 database error of Hibernate in the body of a 500
            high GET /admin: a page for developers is shown to callers
                 debug page of Werkzeug in the body of a 500
            low GET /files: the server lists its files
                 directory listing of Python in the body of a 200
        "]]
        .assert_eq(&judge(&mut Judge::default(), &calls));
    }

    #[test]
    fn silent_on_plain_errors_and_what_is_switched_off() {
        let mut judge_ = Judge::new(Config { trace: None, ..Config::default() });
        let calls = [call("GET /orders/7 500").done(), call("GET /orders/7 500").leaks(Detail::Trace("Java")).done()];
        assert_eq!(judge(&mut judge_, &calls), "");
    }
}
