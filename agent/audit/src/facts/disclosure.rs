//! What a response says about the program behind it: versions in its head, and in error bodies the stack traces, database errors and debug
//! pages of some thirty frameworks.
//!
//! Both give names from lists of our own and never text of the message; of a version only digits, dots and a letter. A mark counts when all
//! its parts are there, and only in answers that are errors (or, for a directory's listing, in a page), so that documentation about errors
//! is none.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use smallvec::SmallVec;
use smol_str::SmolStr;

/// Bytes of a body that are looked through: what leaks stands at the beginning.
const BODY_MAX: usize = 32 * 1024;
/// Different marks kept of one body.
const DETAILS_MAX: usize = 4;
/// Different versions kept of one head.
const VERSIONS_MAX: usize = 4;
/// Longest version.
const VERSION_MAX: usize = 16;

/// What a body gives away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Detail {
    /// A list of the files of a directory.
    Listing(&'static str),
    /// A database's error.
    Database(&'static str),
    /// A stack trace or the place of a fault in the program.
    Trace(&'static str),
    /// A page made for developers, which shows settings or takes commands.
    DebugPage(&'static str),
}

/// A program and its version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProgramVersion {
    /// From our list.
    pub program: &'static str,
    /// Digits, dots and at most one letter.
    pub version: SmolStr,
}

/// Programs that name themselves in `Server` or `X-Powered-By`, as they write it.
const PROGRAMS: &[&str] = &[
    "Apache",
    "Caddy",
    "Cowboy",
    "CherryPy",
    "Express",
    "GlassFish",
    "HAProxy",
    "IIS",
    "Jetty",
    "Kestrel",
    "LiteSpeed",
    "Microsoft-IIS",
    "Mono",
    "OpenSSL",
    "PHP",
    "Passenger",
    "Phusion Passenger",
    "Puma",
    "Python",
    "Tengine",
    "Tomcat",
    "TornadoServer",
    "Undertow",
    "Unicorn",
    "WEBrick",
    "WSGIServer",
    "WebLogic",
    "Werkzeug",
    "WildFly",
    "Zope",
    "aiohttp",
    "envoy",
    "gunicorn",
    "hypercorn",
    "lighttpd",
    "mod_perl",
    "mod_ssl",
    "mod_wsgi",
    "nginx",
    "openresty",
    "uvicorn",
    "uWSGI",
    "waitress",
];

/// Whether a response's field may say a version.
pub(super) fn is_telling(name: &str) -> bool {
    ["server", "x-powered-by", "x-aspnet-version", "x-aspnetmvc-version"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

/// The versions in a field for which [`is_telling`] holds: `Program/1.2.3` or `Program(1.2.3)`, or `1.2.3` alone where the name says whose.
pub(super) fn versions(name: &str, value: &[u8], found: &mut Vec<ProgramVersion>) {
    let mut add = |program, text: &[u8]| {
        let Some(version) = version(text) else { return };
        let one = ProgramVersion { program, version };
        if found.len() < VERSIONS_MAX && !found.contains(&one) {
            found.push(one);
        }
    };
    if name.len() == "x-aspnet-version".len() {
        return add("ASP.NET", value.trim_ascii());
    }
    if name.len() == "x-aspnetmvc-version".len() {
        return add("ASP.NET MVC", value.trim_ascii());
    }
    for word in value.get(..256).unwrap_or(value).split(|byte| matches!(byte, b' ' | b',' | b';')) {
        let Some(at) = word.iter().position(|byte| matches!(byte, b'/' | b'(')) else { continue };
        let (program, rest) = word.split_at(at);
        let known = PROGRAMS.iter().find(|known| known.as_bytes().eq_ignore_ascii_case(program));
        if let (Some(known), Some(rest)) = (known, rest.get(1..)) {
            add(known, rest);
        }
    }
}

/// Two numbers or more with dots between, and perhaps one letter.
fn version(text: &[u8]) -> Option<SmolStr> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'.').unwrap_or(text.len());
    let is_letter = text.get(end).is_some_and(u8::is_ascii_lowercase) && !text.get(..end)?.ends_with(b".");
    let end = end + usize::from(is_letter);
    let text = std::str::from_utf8(text.get(..end)?).ok()?.trim_end_matches('.');
    let is_version =
        text.len() <= VERSION_MAX && text.contains('.') && text.starts_with(|first: char| first.is_ascii_digit());
    is_version.then(|| text.into())
}

/// A mark: what it proves, and the parts that must all be there.
type Mark = (Detail, &'static [&'static str]);

use Detail::{Database, DebugPage, Listing, Trace};

const MARKS: &[Mark] = &[
    (Listing("Apache or nginx"), &["<title>Index of /", "<h1>Index of /"]),
    (Listing("Python"), &["<title>Directory listing for "]),
    (Listing("IIS"), &["[To Parent Directory]</A><br>"]),
    (Database("Cassandra"), &["com.datastax."]),
    (Database("Elasticsearch"), &["\"root_cause\"", "\"stack_trace\""]),
    (Database("Hibernate"), &["org.hibernate."]),
    (Database("MongoDB"), &["MongoServerError"]),
    (Database("MySQL"), &["You have an error in your SQL syntax"]),
    (Database("MySQL"), &["com.mysql."]),
    (Database("Oracle"), &["ORA-0", "SQL"]),
    (Database("PostgreSQL"), &["syntax error at or near \\\""]),
    (Database("PostgreSQL"), &["syntax error at or near \""]),
    (Database("PostgreSQL"), &["org.postgresql."]),
    (Database("PostgreSQL"), &["psycopg2."]),
    (Database("Prisma"), &["PrismaClientKnownRequestError"]),
    (Database("SQL Server"), &["Unclosed quotation mark after the character string"]),
    (Database("SQL Server"), &["System.Data.SqlClient."]),
    (Database("SQLAlchemy"), &["sqlalchemy.exc."]),
    (Database("SQLite"), &["SQLITE_ERROR"]),
    (Database("SQLite"), &["sqlite3.OperationalError"]),
    (Database("Sequelize"), &["SequelizeDatabaseError"]),
    (Database("PDO"), &["SQLSTATE["]),
    (Trace("ColdFusion"), &["coldfusion.runtime."]),
    (Trace("Elixir"), &["(elixir ", "** ("]),
    (Trace("Go"), &["goroutine ", " [running]:"]),
    (Trace("Java"), &["\tat ", ".java:"]),
    (Trace("Java"), &["\\tat ", ".java:"]),
    (Trace("Kotlin"), &["\tat ", ".kt:"]),
    (Trace("Kotlin"), &["\\tat ", ".kt:"]),
    (Trace("Laravel"), &["vendor/laravel/framework"]),
    (Trace("Laravel"), &["vendor\\/laravel\\/framework"]),
    (Trace(".NET"), &["   at System."]),
    (Trace(".NET"), &["   at Microsoft.AspNetCore."]),
    (Trace("Node.js"), &[" at ", "/node_modules/"]),
    (Trace("Node.js"), &[" at ", "(node:internal/"]),
    (Trace("PHP"), &["Stack trace:\n#0 "]),
    (Trace("PHP"), &["<b>Fatal error</b>:", " on line <b>"]),
    (Trace("PHP"), &["<b>Warning</b>:", " on line <b>"]),
    (Trace("Perl"), &[".pm line "]),
    (Trace("Python"), &["Traceback (most recent call last)"]),
    (Trace("Ruby"), &[".rb:", ":in `"]),
    (Trace("Ruby"), &[".rb:", ":in '"]),
    (Trace("Rust"), &["thread '", "' panicked at "]),
    (Trace("Scala"), &["\tat ", ".scala:"]),
    (Trace("Symfony"), &["Symfony\\Component\\"]),
    (Trace("Symfony"), &["Symfony\\\\Component\\\\"]),
    (DebugPage("ASP.NET"), &["Server Error in '/", "' Application."]),
    (DebugPage("Django"), &["because you have <code>DEBUG = True</code>"]),
    (DebugPage("Laravel Ignition"), &["window.ignite("]),
    (DebugPage("Rails"), &["<code>Rails.root: "]),
    (DebugPage("Phoenix"), &["Plug.Debugger"]),
    (DebugPage("Werkzeug"), &["EVALEX = true"]),
    (DebugPage("Werkzeug"), &["The debugger caught an exception in your WSGI application"]),
];

/// The marks' parts in one automaton; each knows which marks it belongs to by its number.
struct Parts {
    automaton: Option<AhoCorasick>,
    /// Of each mark, the numbers of its parts.
    marks: Vec<(Detail, SmallVec<[usize; 2]>)>,
}

static PARTS: LazyLock<Parts> = LazyLock::new(|| {
    let mut texts: Vec<&str> = MARKS.iter().flat_map(|(_, parts)| parts.iter().copied()).collect();
    texts.sort_unstable();
    texts.dedup();
    let number = |part: &&str| texts.binary_search(part).ok();
    let marks = MARKS.iter().map(|(detail, parts)| (*detail, parts.iter().filter_map(number).collect())).collect();
    // Of plain texts within the automaton's limits: it cannot fail, and without it nothing would be found, which the tests would see.
    let automaton = AhoCorasick::builder().match_kind(MatchKind::Standard).build(&texts).ok();
    Parts { automaton, marks }
});

/// Makes the automaton, so that the first error does not wait for it.
pub(super) fn load() {
    LazyLock::force(&PARTS);
}

/// What the body of an answer gives away; `is_page`: it is HTML. Bodies that are no errors may only be listings.
pub(super) fn details(status: u16, is_page: bool, body: &[u8]) -> Vec<Detail> {
    let is_error = status >= 400;
    if body.is_empty() || !(is_error || is_page) {
        return Vec::new();
    }
    let Parts { automaton: Some(automaton), marks } = &*PARTS else { return Vec::new() };
    let body = body.get(..BODY_MAX).unwrap_or(body);
    let mut seen = 0_u128;
    for found in automaton.find_overlapping_iter(body) {
        seen |= 1_u128.checked_shl(found.pattern().as_u32()).unwrap_or(0);
    }
    if seen == 0 {
        return Vec::new();
    }
    let has = |part: &usize| {
        u32::try_from(*part).ok().and_then(|part| seen.checked_shr(part)).is_some_and(|bits| bits & 1 == 1)
    };
    let mut details: Vec<Detail> = Vec::new();
    for (detail, parts) in marks {
        let may_be = is_error || matches!(detail, Listing(_));
        if may_be && details.len() < DETAILS_MAX && parts.iter().all(has) && !details.contains(detail) {
            details.push(*detail);
        }
    }
    details
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_is_found_by_its_parts_and_not_by_fewer() {
        for (detail, parts) in MARKS {
            let whole = format!("<p>{}</p>", parts.join(" x "));
            assert!(details(500, false, whole.as_bytes()).contains(detail), "{detail:?}");
            let is_listing = matches!(detail, Listing(_));
            assert_eq!(!details(200, true, whole.as_bytes()).is_empty(), is_listing, "{detail:?}");
            if parts.len() > 1 {
                for part in *parts {
                    assert!(!details(500, false, part.as_bytes()).contains(detail), "{detail:?} by {part}");
                }
            }
        }
        let parts: std::collections::BTreeSet<_> = MARKS.iter().flat_map(|(_, parts)| *parts).collect();
        assert!(parts.len() <= 128, "one bit each");
        let stacks: std::collections::BTreeSet<_> = MARKS.iter().map(|(detail, _)| detail).collect();
        assert!(stacks.len() >= 35);
    }

    #[test]
    fn real_errors_are_told_and_plain_ones_are_not() {
        let python = b"{\"detail\":\"Traceback (most recent call last):\\n  File \\\"/app/main.py\\\", line 3\"}";
        assert_eq!(details(500, false, python), [Trace("Python")]);
        let java = b"{\"trace\":\"java.lang.NullPointerException\\n\\tat com.shop.Orders.get(Orders.java:41)\\n\"}";
        assert_eq!(details(500, false, java), [Trace("Java")]);
        let node = b"TypeError: x is undefined\n    at handler (/srv/app/node_modules/express/lib/router.js:3:1)";
        assert_eq!(details(400, false, node), [Trace("Node.js")]);
        for plain in [
            &b"{\"error\":\"not found\",\"at\":\"2026-11-24\"}"[..],
            b"{\"title\":\"One or more validation errors occurred.\",\"status\":400}",
            b"<html><h1>500 Internal Server Error</h1><hr>nginx</html>",
            b"",
        ] {
            assert_eq!(details(500, true, plain), []);
        }
        assert_eq!(details(200, false, python), [], "a document about errors");
        let late = [vec![b' '; BODY_MAX], python.to_vec()].concat();
        assert_eq!(details(500, false, &late), []);
    }

    fn read(name: &str, value: &str) -> String {
        let mut found = Vec::new();
        versions(name, value.as_bytes(), &mut found);
        found.iter().map(|one| format!("{} {};", one.program, one.version)).collect::<Vec<_>>().concat()
    }

    #[test]
    fn versions_are_read_and_nothing_else() {
        assert_eq!(read("Server", "nginx/1.22.1"), "nginx 1.22.1;");
        let apache = "Apache/2.4.52 (Ubuntu) OpenSSL/1.1.1k PHP/8.1.2-1ubuntu2";
        assert_eq!(read("server", apache), "Apache 2.4.52;OpenSSL 1.1.1k;PHP 8.1.2;");
        assert_eq!(read("Server", "Jetty(9.4.43.v20210629)"), "Jetty 9.4.43;");
        assert_eq!(read("X-AspNet-Version", "4.0.30319"), "ASP.NET 4.0.30319;");
        for quiet in [
            "nginx",
            "cloudflare",
            "Express",
            "secret/8f3a.91",
            "PHP/",
            "PHP/8",
            "nginx/x.y",
            "Apache/2.4.5.2.1.1.1.1.1.1",
            "",
        ] {
            assert_eq!(read("Server", quiet), "", "{quiet}");
        }
        assert!(is_telling("X-Powered-By") && !is_telling("x-version"));
    }
}
