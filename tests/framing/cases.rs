//! The cases: a table of framing variants, crossed, and seeded mutations of plain requests. Each names itself.

use std::collections::HashSet;

use apiscope_wire::AmbiguityKind::{
    self, EmptyLine, Folded, LengthAndChunked, LongHead, OddChunk, OddFirstLine, OddHost, OddLength, OddLineEnd,
    OddName, OddTarget, OddTransferEncoding, OddValue, OddVersion, SeveralLengths,
};

/// Bytes to send on one connection.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    /// If wire calls its first message ambiguous, then of one of these kinds; none: of any.
    pub(crate) kinds: Kinds,
    /// What clients send every day: nothing in it may be called ambiguous.
    pub(crate) plain: bool,
}

type Kinds = &'static [AmbiguityKind];

const OF_LENGTHS: Kinds = &[OddLength, SeveralLengths, OddValue];
const OF_CODINGS: Kinds = &[OddTransferEncoding, OddValue, OddChunk];
const OF_BOTH: Kinds = &[LengthAndChunked, OddTransferEncoding, OddValue];
const OF_CHUNKS: Kinds =
    &[OddChunk, OddLineEnd, OddTransferEncoding, OddName, OddValue, LengthAndChunked, Folded, EmptyLine];
const OF_TARGETS: Kinds = &[OddTarget, OddFirstLine, OddVersion, OddHost, LongHead];
const OF_HOSTS: Kinds = &[OddHost, OddName, OddLineEnd, OddValue, Folded];
const OF_LONG: Kinds = &[LongHead];
const OF_LEADS: Kinds = &[EmptyLine, OddFirstLine];
const ANY: Kinds = &[];

/// What follows the request under test: whether the server reads it as a request shows where it ended the one before.
const AFTER: &str = "GET /after HTTP/1.1\r\nHost: a\r\n\r\n";

/// So many mutations of plain requests.
const MUTATIONS: usize = 900;

const LENGTHS: [&str; 29] = [
    "5",
    "05",
    "0000000005",
    "+5",
    "-5",
    "0x5",
    "5,5",
    "5, 5",
    "5, 6",
    "5,",
    ",5",
    "",
    "5 ",
    " 5",
    "\t5",
    "5\t",
    "5\u{b}",
    "\u{b}5",
    "5\u{c}",
    "5 5",
    "5;",
    "\"5\"",
    "5.0",
    "5e0",
    "18446744073709551615",
    "18446744073709551621",
    "99999999999999999999999",
    "0",
    "4",
];

const CODINGS: [&str; 33] = [
    "chunked",
    "Chunked",
    "CHUNKED",
    "chunKed",
    " chunked",
    "\tchunked",
    "chunked ",
    "chunked\t",
    "\u{b}chunked",
    "chunked\u{b}",
    "\u{c}chunked",
    "\u{a0}chunked",
    "chunked, identity",
    "identity, chunked",
    "identity",
    "gzip, chunked",
    "chunked, gzip",
    "gzip",
    "xchunked",
    "chunkedx",
    "chunked,chunked",
    "chunked, chunked",
    "chunked,",
    ",chunked",
    ", ,chunked",
    "chunked;q=1",
    "chunked ;",
    "\"chunked\"",
    "'chunked'",
    "chunk",
    "",
    "x, chunked",
    "deflate, chunked",
];

/// Lines that frame, beyond one field of the two lists.
const LINES: [&str; 42] = [
    "",
    "Content-Length: 5\r\nContent-Length: 5\r\n",
    "Content-Length: 5\r\nContent-Length: 6\r\n",
    "Content-Length: 6\r\nContent-Length: 5\r\n",
    "Content-Length: 5\r\nContent-Length:\r\n",
    "Content-Length: 5\r\nContent-Length: 05\r\n",
    "Content-Length:\r\nContent-Length: 5\r\n",
    "Content-Length: 0\r\nContent-Length: 5\r\n",
    "Content-Length: 5\r\nContent-Length: 5, 5\r\n",
    "content-length: 5\r\nCONTENT-LENGTH: 5\r\n",
    "Content-Length : 5\r\n",
    "Content-Length\t: 5\r\n",
    " Content-Length: 5\r\n",
    "Content-Length: 5\n",
    "Content-Length: 5\r",
    "Content-Length:\r\n 5\r\n",
    "Content-Length: 5\r\n 5\r\n",
    "Content-Length: 5\r\n \r\n",
    "Content_Length: 5\r\n",
    "Content-Length\0: 5\r\n",
    "Content-Length: 5\0\r\n",
    "Content-Length: \x005\r\n",
    "Content-Length 5\r\n",
    "X: y\rContent-Length: 5\r\n",
    "X: y\nContent-Length: 5\r\n",
    "X: y\r\n\rContent-Length: 5\r\n",
    "Transfer-Encoding : chunked\r\n",
    "Transfer-Encoding\t: chunked\r\n",
    " Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: chunked\n",
    "Transfer-Encoding:\r\n chunked\r\n",
    "Transfer-Encoding:\n chunked\r\n",
    "Transfer-Encoding: chunked\r\n identity\r\n",
    "Transfer_Encoding: chunked\r\n",
    "Transfer-Encoding\0: chunked\r\n",
    "Transfer-Encoding: \0chunked\r\n",
    "X: y\rTransfer-Encoding: chunked\r\n",
    "X: y\nTransfer-Encoding: chunked\r\n",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
];

/// Of these, some bytes are the body under one reading and a request of their own under another.
const BODIES: [(&str, &str); 4] = [
    ("five", "hello"),
    ("chunks", "5\r\nhello\r\n0\r\n\r\n"),
    ("zero", "0\r\n\r\n"),
    ("inner", "GET /inner HTTP/1.1\r\nHost: a\r\n\r\n"),
];

const CHUNKS: [&str; 58] = [
    "5\r\nhello\r\n0\r\n\r\n",
    "05\r\nhello\r\n0\r\n\r\n",
    "0000000000000005\r\nhello\r\n0\r\n\r\n",
    "00000000000000005\r\nhello\r\n0\r\n\r\n",
    "A\r\nhellohello\r\n0\r\n\r\n",
    "a\r\nhellohello\r\n00\r\n\r\n",
    "5\r\nhello\r\n000\r\n\r\n",
    "0x5\r\nhello\r\n0\r\n\r\n",
    "+5\r\nhello\r\n0\r\n\r\n",
    "-5\r\nhello\r\n0\r\n\r\n",
    " 5\r\nhello\r\n0\r\n\r\n",
    "5 \r\nhello\r\n0\r\n\r\n",
    "5\t\r\nhello\r\n0\r\n\r\n",
    "5\u{b}\r\nhello\r\n0\r\n\r\n",
    "5;a=b\r\nhello\r\n0\r\n\r\n",
    "5;a\r\nhello\r\n0\r\n\r\n",
    "5;\r\nhello\r\n0\r\n\r\n",
    "5 ;a=b\r\nhello\r\n0\r\n\r\n",
    "5; a = b\r\nhello\r\n0\r\n\r\n",
    "5;a=\"b;c\"\r\nhello\r\n0\r\n\r\n",
    "5;a=\"b\r\nhello\r\n0\r\n\r\n",
    "5;a=\"\r\n\"\r\nhello\r\n0\r\n\r\n",
    "5;a\rb\r\nhello\r\n0\r\n\r\n",
    "5;a\nhello\r\n0\r\n\r\n",
    "5;a\0b\r\nhello\r\n0\r\n\r\n",
    "5;\x7f\r\nhello\r\n0\r\n\r\n",
    "5\nhello\r\n0\r\n\r\n",
    "5\rhello\r\n0\r\n\r\n",
    "5\r\nhello\n0\r\n\r\n",
    "5\r\nhello\r0\r\n\r\n",
    "5\r\nhello0\r\n\r\n",
    "5\r\nhelloXX0\r\n\r\n",
    "5\r\nhello\r\n0\n\r\n",
    "5\r\nhello\r\n0\r\n\n",
    "5\r\nhello\r\n0\n\n",
    "5\r\nhello\r\n0\r\n\r",
    "5\r\nhello\r\n0\r\n",
    "5\r\nhello\r\n",
    "5\r\nhel",
    "5",
    "",
    "\r\n5\r\nhello\r\n0\r\n\r\n",
    "g\r\nhello\r\n0\r\n\r\n",
    "5g\r\nhello\r\n0\r\n\r\n",
    "5,5\r\nhello\r\n0\r\n\r\n",
    "5\r\nhello\r\n0;x=y\r\n\r\n",
    "5\r\nhello\r\n0\r\nT: v\r\n\r\n",
    "5\r\nhello\r\n0\r\nT: v\n\r\n",
    "5\r\nhello\r\n0\r\nT : v\r\n\r\n",
    "5\r\nhello\r\n0\r\nno colon\r\n\r\n",
    "5\r\nhello\r\n0\r\nContent-Length: 3\r\n\r\n",
    "5\r\nhello\r\n0\r\nT: v\r\n folded\r\n\r\n",
    "5\r\nhello\r\n0\r\nT: \0\r\n\r\n",
    "5\r\nhello\r\n0\r\nT: a\rb\r\n\r\n",
    "10000000000000005\r\nhello\r\n0\r\n\r\n",
    "100000005\r\nhello\r\n0\r\n\r\n",
    "ffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "8000000000000000\r\nhello\r\n0\r\n\r\n",
];

/// First lines; `{}` for what follows is a whole head.
const FIRST_LINES: [&str; 53] = [
    "GET / HTTP/1.1\r\n",
    "GET /x?y=z HTTP/1.1\r\n",
    "GET http://a/x HTTP/1.1\r\n",
    "GET http://b/x HTTP/1.1\r\n",
    "GET https://a/x HTTP/1.1\r\n",
    "GET http://a HTTP/1.1\r\n",
    "OPTIONS * HTTP/1.1\r\n",
    "GET * HTTP/1.1\r\n",
    "CONNECT a:80 HTTP/1.1\r\n",
    "GET a:80 HTTP/1.1\r\n",
    "GET x HTTP/1.1\r\n",
    "HEAD /x HTTP/1.1\r\n",
    "DELETE /x HTTP/1.1\r\n",
    "PUT /x HTTP/1.1\r\n",
    "PATCH /x HTTP/1.1\r\n",
    "TRACE /x HTTP/1.1\r\n",
    "OPTIONS /x HTTP/1.1\r\n",
    "get /x HTTP/1.1\r\n",
    "QUERY /x HTTP/1.1\r\n",
    "FOO /x HTTP/1.1\r\n",
    "F-O.O /x HTTP/1.1\r\n",
    "F@O /x HTTP/1.1\r\n",
    "HEAD /s204 HTTP/1.1\r\n",
    "GET /s204 HTTP/1.1\r\n",
    "GET /s304 HTTP/1.1\r\n",
    "HEAD /s304 HTTP/1.1\r\n",
    "GET /s404 HTTP/1.1\r\n",
    "GET /x HTTP/1.0\r\n",
    "GET /x HTTP/1.2\r\n",
    "GET /x HTTP/1.9\r\n",
    "GET /x HTTP/2.0\r\n",
    "GET /x HTTP/0.9\r\n",
    "GET /x HTTP/01.1\r\n",
    "GET /x HTTP/1.10\r\n",
    "GET /x http/1.1\r\n",
    "GET /x HTTP/1\r\n",
    "GET /x HTTP/1.\r\n",
    "GET /x HTTP 1.1\r\n",
    "GET /x HTTPS/1.1\r\n",
    "GET /x\r\n",
    "GET  /x HTTP/1.1\r\n",
    "GET /x  HTTP/1.1\r\n",
    "GET /x HTTP/1.1 \r\n",
    "GET\t/x HTTP/1.1\r\n",
    "GET /x\tHTTP/1.1\r\n",
    " GET /x HTTP/1.1\r\n",
    "GET /x y HTTP/1.1\r\n",
    "GET /x#y HTTP/1.1\r\n",
    "GET /x HTTP/1.1\n",
    "GET /x HTTP/1.1\r",
    "\r\nGET /x HTTP/1.1\r\n",
    "\n\nGET /x HTTP/1.1\r\n",
    "\rGET /x HTTP/1.1\r\n",
];

/// What may follow a first line, up to the empty line and further.
const HEADS: [&str; 35] = [
    "Host: a\r\n\r\n",
    "\r\n",
    "Host: a\r\nHost: a\r\n\r\n",
    "Host: a\r\nHost: b\r\n\r\n",
    "Host:\r\n\r\n",
    "Host: a b\r\n\r\n",
    "Host : a\r\n\r\n",
    " Host: a\r\n\r\n",
    "Host: a\n\n",
    "Host: a\r\n\n",
    "Host: a\n\r\n",
    "Host: a\r\r\n\r\n",
    "Host: a\r\nX: \0\r\n\r\n",
    "Host: a\r\nX: a\rb\r\n\r\n",
    "Host: a\r\nX: y\r\n z\r\n\r\n",
    "Host: a\r\n: y\r\n\r\n",
    "Host: a\r\nX\r\n\r\n",
    "Host: a\r\nX Y: z\r\n\r\n",
    "Host: a\r\nX(: z\r\n\r\n",
    "Host: a\r\nX:\u{b}z\r\n\r\n",
    "Host: a\r\nConnection: close\r\n\r\n",
    "Host: a\r\nConnection: Keep-Alive\r\n\r\n",
    "Host: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
    "Host: a\r\nExpect: 100-Continue\r\nContent-Length: 5\r\n\r\nhello",
    "Host: a\r\nExpect: other\r\nContent-Length: 5\r\n\r\nhello",
    "Host: a\r\nExpect: 100-continue\r\n\r\n",
    "Host: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "Host: a\r\nContent-Length: 5\r\n\r\nhello",
    "Host: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "Host: a\r\nContent-Length: 5\r\n\r\nhel",
    "Host: a\r\nContent-Length: 5\r\n\r\nhello\r\n",
    "Host: a\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "Host: a\r\nUpgrade: x\r\nConnection: upgrade\r\nContent-Length: 5\r\n\r\nhello",
    "Host: a\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
    "Host: a\r\nX: \u{e9}\r\n\r\n",
];

/// Targets behind `GET`.
const TARGETS: [&str; 46] = [
    "/",
    "/a/b?c=d&e",
    "/a%20b",
    "/a%2fb",
    "/%zz",
    "/%",
    "/%00",
    "/%0d%0a",
    "/a?%zz",
    "//a",
    "/a//b",
    "/./a",
    "/a/../b",
    "/../a",
    "/a;b=c",
    "/a:b@c",
    "/~a!$&'()*+,=",
    "/a\"b",
    "/a<b>",
    "/a\\b",
    "/a^b",
    "/a`b",
    "/a{b}",
    "/a|b",
    "/[a]",
    "/a#b",
    "/a?b#c",
    "/a?b?c",
    "/\u{e9}",
    "/\u{80}",
    "/\x7f",
    "/\x01",
    "/\t",
    "?a",
    "a/b",
    "*",
    "*/a",
    "http://a/b?c",
    "HTTP://a/b",
    "http://a:80/b",
    "http://b@a/b",
    "http://a?b",
    "http:///b",
    "http:/a/b",
    "ftp://a/b",
    "a:80",
];

/// Host fields.
const HOSTS: [&str; 34] = [
    "Host: a\r\n",
    "host: a\r\n",
    "HOST:a\r\n",
    "Host:  a  \r\n",
    "Host:\ta\r\n",
    "Host: a\t\r\n",
    "Host: a.example\r\n",
    "Host: a:80\r\n",
    "Host: a:8080\r\n",
    "Host: a:\r\n",
    "Host: a:x\r\n",
    "Host: a:99999\r\n",
    "Host: :80\r\n",
    "Host: a_b\r\n",
    "Host: a-b\r\n",
    "Host: -a\r\n",
    "Host: a.\r\n",
    "Host: .\r\n",
    "Host: ..\r\n",
    "Host: a..b\r\n",
    "Host: 127.0.0.1\r\n",
    "Host: [::1]\r\n",
    "Host: [::1]:80\r\n",
    "Host: [::1\r\n",
    "Host: ::1\r\n",
    "Host: a/b\r\n",
    "Host: b@a\r\n",
    "Host: a%20b\r\n",
    "Host: a,b\r\n",
    "Host: a;b\r\n",
    "Host: http://a\r\n",
    "Host: a\r\nHost: a\r\n",
    "Host: a\r\nHost:\r\n",
    "Host: \u{e9}\r\n",
];

/// What may stand before a request line, or between two requests.
const LEADS: [&str; 8] = ["\r\n", "\r\n\r\n", "\r\n\r\n\r\n\r\n", "\n", "\n\n", "\r", " \r\n", "\r\n\n"];

/// Lengths of targets and values, and numbers of fields.
const LONG: [usize; 9] = [1000, 4000, 4090, 8000, 8300, 14_000, 17_000, 40_000, 70_000];
const MANY: [usize; 5] = [90, 99, 101, 200, 300];

/// All of them, without doubles.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = Cases::default();
    plain(&mut cases);
    framing(&mut cases);
    heads(&mut cases);
    for chunks in CHUNKS {
        for method in ["POST", "GET"] {
            for (version, after) in [("1.1", AFTER), ("1.1", ""), ("1.0", AFTER)] {
                let head = format!("{method} /x HTTP/{version}\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
                let behind = if after.is_empty() { "" } else { " and a request" };
                let name = format!("chunks {method} {version} {chunks:?}{behind}");
                cases.add(name, format!("{head}{chunks}{after}").as_bytes(), OF_CHUNKS);
            }
        }
    }
    for (n, first) in FIRST_LINES.iter().enumerate() {
        for (m, head) in HEADS.iter().enumerate() {
            // The plain first line with every head, the plain head with every first line, and a third of the rest.
            if n < 2 || m == 0 || (n + m) % 3 == 0 {
                cases.add(format!("head {first:?} {head:?}"), format!("{first}{head}{AFTER}").as_bytes(), ANY);
            }
        }
    }
    mutations(&mut cases);
    cases.list
}

/// What clients send every day.
fn plain(cases: &mut Cases) {
    let fields = [
        "Host: a\r\n",
        "Host: a:8080\r\nUser-Agent: x/1.0 (y; z)\r\nAccept: */*\r\n",
        "Host: [::1]:8080\r\nCookie: a=b; c=\"d\"; e={f}\r\nAccept-Encoding: gzip, deflate, br\r\n",
        "host:a.example\r\nX-Empty:\r\nAuthorization: Bearer aGVsbG8=\r\nConnection: keep-alive\r\n",
        "Host: a\r\nIf-None-Match: W/\"x\"\r\nTE: trailers\r\nX-Forwarded-For: 10.0.0.1, ::1\r\n",
    ];
    let bodies = [
        "\r\n",
        "Content-Length: 0\r\n\r\n",
        "Content-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
        "Transfer-Encoding: chunked\r\n\r\n7\r\n{\"a\":1}\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\nX-Sum: 1\r\n\r\n",
    ];
    for (n, method) in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "PROPFIND"].iter().enumerate() {
        let target = ["/", "/v1/users/42?a=b&c=%20d", "/a/b.json", "/~x/a;b=c,d", "/a:b@c/(d)!$*'", "/?q=a+b"][n % 6];
        for field in fields {
            for body in bodies {
                let text = format!("{method} {target} HTTP/1.1\r\n{field}{body}{AFTER}");
                if cases.add(format!("plain {}", text.escape_debug()), text.as_bytes(), ANY) {
                    cases.list.last_mut().expect("it was added").plain = true;
                }
            }
        }
    }
}

/// Targets, hosts, empty lines, and what is long.
fn heads(cases: &mut Cases) {
    for target in TARGETS {
        for method in ["GET", "POST"] {
            let text = format!("{method} {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n{AFTER}");
            cases.add(format!("target {method} {target:?}"), &latin(&text), OF_TARGETS);
        }
    }
    for host in HOSTS {
        for first in
            ["GET /x HTTP/1.1\r\n", "GET http://a/x HTTP/1.1\r\n", "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n"]
        {
            let text = format!("{first}{host}\r\n{AFTER}");
            cases.add(format!("host {:?} {host:?}", first.trim_end()), &latin(&text), OF_HOSTS);
        }
    }
    for lead in LEADS {
        let get = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
        let post = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
        cases.add(format!("lead {lead:?}"), format!("{lead}{get}{AFTER}").as_bytes(), OF_LEADS);
        cases.add(format!("lead after GET {lead:?}"), format!("{get}{lead}{AFTER}").as_bytes(), OF_LEADS);
        cases.add(format!("lead after POST {lead:?}"), format!("{post}{lead}{AFTER}").as_bytes(), OF_LEADS);
        cases.add(format!("lead at the end {lead:?}"), format!("{get}{AFTER}{lead}").as_bytes(), OF_LEADS);
    }
    for n in LONG {
        let long = "a".repeat(n);
        let target = format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n{AFTER}");
        cases.add(format!("target of {n}"), target.as_bytes(), OF_LONG);
        let field = format!("GET /x HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n{AFTER}");
        cases.add(format!("field of {n}"), field.as_bytes(), OF_LONG);
        let name = format!("GET /x HTTP/1.1\r\nHost: a\r\n{long}: x\r\n\r\n{AFTER}");
        cases.add(format!("name of {n}"), name.as_bytes(), OF_LONG);
        let fields = format!("X: {}\r\n", "a".repeat(500)).repeat(n / 506);
        let fields = format!("GET /x HTTP/1.1\r\nHost: a\r\n{fields}\r\n{AFTER}");
        cases.add(format!("fields of {n}"), fields.as_bytes(), OF_LONG);
    }
    for n in MANY {
        let fields: String = (0..n).map(|n| format!("x{n}: y\r\n")).collect();
        let text = format!("GET /x HTTP/1.1\r\nHost: a\r\n{fields}\r\n{AFTER}");
        cases.add(format!("{n} fields"), text.as_bytes(), OF_LONG);
    }
}

fn framing(cases: &mut Cases) {
    let lengths = LENGTHS.iter().map(|value| (format!("Content-Length: {value}\r\n"), OF_LENGTHS));
    let codings = CODINGS.iter().map(|value| (format!("Transfer-Encoding: {value}\r\n"), OF_CODINGS));
    let both = CODINGS.iter().flat_map(|value| {
        [
            (format!("Content-Length: 5\r\nTransfer-Encoding: {value}\r\n"), OF_BOTH),
            (format!("Transfer-Encoding: {value}\r\nContent-Length: 5\r\n"), OF_BOTH),
        ]
    });
    let lines: Vec<_> =
        LINES.iter().map(|line| ((*line).to_owned(), ANY)).chain(lengths).chain(codings).chain(both).collect();
    for (line, kinds) in lines {
        for (body_name, body) in BODIES {
            for start in [
                "POST /x HTTP/1.1\r\nHost: a\r\n",
                "GET /x HTTP/1.1\r\nHost: a\r\n",
                "POST /x HTTP/1.0\r\nConnection: keep-alive\r\n",
            ] {
                // GET and 1.0 with half of the bodies: those that tell most.
                if start.starts_with("POST /x HTTP/1.1") || matches!(body_name, "five" | "chunks") {
                    let bytes = format!("{start}{line}\r\n{body}{AFTER}");
                    cases.add(format!("framing {:?} {line:?} {body_name}", &start[..16]), &latin(&bytes), kinds);
                }
            }
        }
    }
}

/// One or two bytes put in, taken out or replaced.
fn mutations(cases: &mut Cases) {
    let bases = [
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nT: v\r\n\r\n",
    ];
    let bytes = b"\r\n\0 \t\x0b\x0c:,;0-+\"a\x80\x7f";
    let mut random = Random(0x5eed_0004);
    let mut made = 0;
    while made < MUTATIONS {
        let base = bases[random.below(bases.len())];
        let mut text = base.as_bytes().to_vec();
        for _ in 0..=random.below(2) {
            // Not in the target: proxies rewrite odd ones, and that is no framing.
            let at = 7 + random.below(text.len() - 7);
            let byte = bytes[random.below(bytes.len())];
            match random.below(4) {
                0 => drop(text.remove(at)),
                1 => text[at] = byte,
                _ => text.insert(at, byte),
            }
        }
        text.extend_from_slice(AFTER.as_bytes());
        let name = format!("mutation {made} {}", text.escape_ascii());
        made += usize::from(cases.add(name, &text, ANY));
    }
}

/// The text with each character as the one byte that it is in Latin-1.
fn latin(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).expect("the tables are Latin-1")).collect()
}

#[derive(Default)]
struct Cases {
    list: Vec<Case>,
    known: HashSet<Vec<u8>>,
}

impl Cases {
    fn add(&mut self, name: String, bytes: &[u8], kinds: Kinds) -> bool {
        let new = self.known.insert(bytes.to_vec());
        if new {
            self.list.push(Case { name, bytes: bytes.to_vec(), kinds, plain: false });
        }
        new
    }
}

/// xorshift64*: the cases are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize;
        high % n
    }
}
