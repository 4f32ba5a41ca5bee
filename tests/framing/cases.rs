//! The cases: a table of framing variants, crossed, and seeded mutations of plain requests. Each names itself.

use std::collections::HashSet;

use apiscope_wire::AmbiguityKind::{
    self, EmptyLine, Folded, LengthAndChunked, LongHead, OddChunk, OddFirstLine, OddHost, OddLength, OddLineEnd,
    OddName, OddTarget, OddTransferEncoding, OddValue, OddVersion, SeveralLengths,
};

use super::tables::{BODIES, CHUNKS, CODINGS, FIRST_LINES, HEADS, HOSTS, LEADS, LENGTHS, LINES, LONG, MANY, TARGETS};

/// Bytes to send on one connection.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    /// If wire calls its first message ambiguous, then of one of these kinds; none: of any.
    pub(crate) kinds: Kinds,
    /// What clients send every day: nothing in it may be called ambiguous.
    pub(crate) plain: bool,
}

/// Kinds of ambiguity.
pub(crate) type Kinds = &'static [AmbiguityKind];

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
        let fields = (0..n).fold(String::new(), |fields, n| fields + &format!("x{n}: y\r\n"));
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
pub(crate) fn latin(text: &str) -> Vec<u8> {
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
