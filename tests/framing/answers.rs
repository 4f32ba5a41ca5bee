//! Responses that clients may read differently: the tables of the requests' framing once more, and what only responses have.

use std::collections::HashSet;

use apiscope_wire::AmbiguityKind::{
    EmptyLine, Folded, LengthAndChunked, OddChunk, OddFirstLine, OddLength, OddLineEnd, OddName, OddTransferEncoding,
    OddValue, OddVersion, SeveralLengths,
};

use super::cases::{Kinds, latin};
use super::tables::{CHUNKS, CODINGS, LENGTHS, LINES};

/// A response, and what it answers.
pub(crate) struct Answer {
    pub(crate) name: String,
    pub(crate) method: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) kinds: Kinds,
    /// What servers send every day: nothing in it may be called ambiguous.
    pub(crate) plain: bool,
}

/// What may follow: whether a client takes it for a part of the body shows where it ended the response.
const AFTER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nafter";

const ANY: Kinds = &[];
const OF_LENGTHS: Kinds = &[OddLength, SeveralLengths, OddValue];
const OF_CODINGS: Kinds = &[OddTransferEncoding, OddValue, OddChunk];
const OF_BOTH: Kinds = &[LengthAndChunked, OddTransferEncoding, OddValue];
const OF_CHUNKS: Kinds = &[OddChunk, OddLineEnd, OddTransferEncoding, OddName, OddValue, LengthAndChunked, Folded];
const OF_STARTS: Kinds = &[OddFirstLine, OddVersion, OddLineEnd, EmptyLine];

/// First lines; a body of known length follows.
const STARTS: [&str; 38] = [
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 200 \r\n",
    "HTTP/1.1 200\r\n",
    "HTTP/1.1  200 OK\r\n",
    "HTTP/1.1 200  OK\r\n",
    "HTTP/1.1\t200 OK\r\n",
    "HTTP/1.1 200\tOK\r\n",
    "HTTP/1.1 200 O\tK\r\n",
    "HTTP/1.1 200 \u{e9}\r\n",
    "HTTP/1.1 200 O\0K\r\n",
    "HTTP/1.1 200 O\rK\r\n",
    "HTTP/1.1 200 O\u{b}K\r\n",
    "HTTP/1.1 200 OK\n",
    "HTTP/1.1 200 OK\r",
    "HTTP/1.1 20 OK\r\n",
    "HTTP/1.1 2000 OK\r\n",
    "HTTP/1.1 0200 OK\r\n",
    "HTTP/1.1 2x0 OK\r\n",
    "HTTP/1.1 -20 OK\r\n",
    "HTTP/1.1 099 OK\r\n",
    "HTTP/1.1 600 OK\r\n",
    "HTTP/1.1 999 OK\r\n",
    "HTTP/1.1 000 OK\r\n",
    "HTTP/1.1 OK\r\n",
    "HTTP/1.1\r\n",
    "HTTP/1.0 200 OK\r\n",
    "HTTP/1.2 200 OK\r\n",
    "HTTP/1.9 200 OK\r\n",
    "HTTP/2.0 200 OK\r\n",
    "HTTP/2 200 OK\r\n",
    "HTTP/0.9 200 OK\r\n",
    "HTTP/1.10 200 OK\r\n",
    "HTTP/01.1 200 OK\r\n",
    "http/1.1 200 OK\r\n",
    "HTTPS/1.1 200 OK\r\n",
    "ICY 200 OK\r\n",
    " HTTP/1.1 200 OK\r\n",
    "\r\nHTTP/1.1 200 OK\r\n",
];

/// Heads behind a plain first line, up to the empty line, and what follows.
const HEADS: [&str; 34] = [
    "\r\nhello",
    "Connection: close\r\n\r\nhello",
    "Connection: keep-alive\r\n\r\nhello",
    "X: y\r\n z\r\nContent-Length: 5\r\n\r\nhello",
    "X: y\r\n\tz\r\nContent-Length: 5\r\n\r\nhello",
    "X:\r\n z\r\nContent-Length: 5\r\n\r\nhello",
    "X: y\r\n \r\nContent-Length: 5\r\n\r\nhello",
    " X: y\r\nContent-Length: 5\r\n\r\nhello",
    "X : y\r\nContent-Length: 5\r\n\r\nhello",
    "X\t: y\r\nContent-Length: 5\r\n\r\nhello",
    "X y: z\r\nContent-Length: 5\r\n\r\nhello",
    "X(: y\r\nContent-Length: 5\r\n\r\nhello",
    ": y\r\nContent-Length: 5\r\n\r\nhello",
    "X\r\nContent-Length: 5\r\n\r\nhello",
    "X: \0\r\nContent-Length: 5\r\n\r\nhello",
    "X: a\rb\r\nContent-Length: 5\r\n\r\nhello",
    "X: a\u{b}b\r\nContent-Length: 5\r\n\r\nhello",
    "X: \u{e9}\r\nContent-Length: 5\r\n\r\nhello",
    "X: y\nContent-Length: 5\r\n\r\nhello",
    "X: y\r\nContent-Length: 5\n\nhello",
    "X: y\r\nContent-Length: 5\r\n\nhello",
    "X: y\r\nContent-Length: 5\n\r\nhello",
    "X: y\r\r\nContent-Length: 5\r\n\r\nhello",
    "Content-Length: 5\r\n\r\nhel",
    "Content-Length: 5\r\n\r\nhello\r\n",
    "Content-Length: 5\r\n\r\n",
    "Content-Length: 0\r\n\r\n",
    "Content-Length: 5\r\n",
    "Content-Le",
    "Upgrade: x\r\nConnection: upgrade\r\nContent-Length: 5\r\n\r\nhello",
    "Transfer-Encoding: chunked\r\nTrailer: T\r\n\r\n5\r\nhello\r\n0\r\nT: v\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
    "Transfer-Encoding: chunked\r\n\r\n",
];

/// Statuses, what they answer and what they carry.
const STATUSES: [&str; 12] = ["200", "201", "204", "205", "206", "301", "304", "404", "418", "451", "500", "599"];
const CONTENTS: [&str; 7] = [
    "\r\n",
    "\r\nhello",
    "Content-Length: 0\r\n\r\n",
    "Content-Length: 5\r\n\r\n",
    "Content-Length: 5\r\n\r\nhello",
    "Transfer-Encoding: chunked\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
];

/// Interim responses, before a plain one.
const INTERIM: [&str; 12] = [
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
    "HTTP/1.1 199 X\r\n\r\n",
    "HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n",
    "HTTP/1.1 103 X\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.0 100 Continue\r\n\r\n",
    "HTTP/1.1 100 Continue\n\n",
    "HTTP/1.1 100\r\n\r\n",
    "\r\nHTTP/1.1 100 Continue\r\n\r\n",
];

/// Who reads which answers otherwise, and why.
type Explained = (&'static str, fn(&Answer) -> bool, &'static str);

/// What peers read otherwise than wire for reasons of their own: who, of which answers, why. wire does not call these
/// ambiguous: it would do so at every interim response. Each must still be so.
pub(crate) const EXPLAINED: [Explained; 4] = [
    (
        "python",
        |answer| answer.has_interim() && !answer.bytes.starts_with(b"HTTP/1.1 100 "),
        "http.client skips 100 only, and takes any other interim response for the final one (RFC 9110 §15.2 forbids it)",
    ),
    (
        "undici",
        |answer| answer.bytes.starts_with(b"HTTP/1.1 100"),
        "undici refuses a 100 for which it did not ask, although any client must expect one (RFC 9110 §15.2)",
    ),
    (
        "nginx",
        |answer| answer.has_interim() && answer.method == "HEAD",
        "nginx 1.22 does not know interim responses of the server behind it: of HEAD it gives the first",
    ),
    (
        "caddy (Go)",
        |answer| holds(&answer.bytes, b"chunked"),
        "caddy gives what came of a chunked answer that was cut as if it were whole; Go's own client reports the cut",
    ),
];

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

impl Answer {
    fn has_interim(&self) -> bool {
        self.bytes.starts_with(b"HTTP/1.1 1")
    }
}

/// All of them, without doubles.
pub(crate) fn all() -> Vec<Answer> {
    let mut answers = Answers::default();
    plain(&mut answers);
    let ok = "HTTP/1.1 200 OK\r\n";
    for value in LENGTHS {
        for body in ["hello", ""] {
            answers.add("GET", &format!("{ok}Content-Length: {value}\r\n\r\n{body}{AFTER}"), OF_LENGTHS);
        }
    }
    for value in CODINGS {
        let chunks = "5\r\nhello\r\n0\r\n\r\n";
        answers.add("GET", &format!("{ok}Transfer-Encoding: {value}\r\n\r\n{chunks}"), OF_CODINGS);
        answers.add("GET", &format!("{ok}Transfer-Encoding: {value}\r\n\r\nhello"), OF_CODINGS);
        answers.add("GET", &format!("{ok}Content-Length: 5\r\nTransfer-Encoding: {value}\r\n\r\n{chunks}"), OF_BOTH);
        answers.add("GET", &format!("{ok}Transfer-Encoding: {value}\r\nContent-Length: 5\r\n\r\n{chunks}"), OF_BOTH);
    }
    for line in LINES {
        answers.add("GET", &format!("{ok}{line}\r\nhello"), ANY);
        answers.add("GET", &format!("{ok}{line}\r\n5\r\nhello\r\n0\r\n\r\n"), ANY);
    }
    for chunks in CHUNKS {
        answers.add("GET", &format!("{ok}Transfer-Encoding: chunked\r\n\r\n{chunks}"), OF_CHUNKS);
        answers.add("GET", &format!("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"), OF_CHUNKS);
    }
    for start in STARTS {
        answers.add("GET", &format!("{start}Content-Length: 5\r\n\r\nhello"), OF_STARTS);
        answers.add("GET", &format!("{start}\r\nhello"), OF_STARTS);
    }
    for head in HEADS {
        answers.add("GET", &format!("{ok}{head}"), ANY);
        answers.add("HEAD", &format!("{ok}{head}"), ANY);
    }
    for interim in INTERIM {
        answers.add("GET", &format!("{interim}{ok}Content-Length: 5\r\n\r\nhello"), ANY);
        answers.add("HEAD", &format!("{interim}{ok}Content-Length: 5\r\n\r\n"), ANY);
    }
    for status in STATUSES {
        for content in CONTENTS {
            for method in ["GET", "HEAD"] {
                answers.add(method, &format!("HTTP/1.1 {status} X\r\n{content}"), ANY);
            }
        }
    }
    answers.add("GET", "", ANY);
    answers.add("GET", "hello", ANY);
    answers.list
}

/// What servers send every day.
fn plain(answers: &mut Answers) {
    let fields = [
        "",
        "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: x/1.0 (y)\r\nContent-Type: text/html; charset=utf-8\r\n",
        "ETag: W/\"x\"\r\nSet-Cookie: a=b; Path=/\r\nSet-Cookie: c=\"d\"; Secure\r\nX-Empty:\r\nVary: *\r\n",
        "Connection: keep-alive\r\nKeep-Alive: timeout=5, max=100\r\nLink: </a>; rel=\"next\"\r\n",
    ];
    let contents = [
        "Content-Length: 5\r\n\r\nhello",
        "Content-Length: 0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nTrailer: T\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nT: v\r\n\r\n",
        "Connection: close\r\n\r\nhello",
    ];
    for status in ["200 OK", "201 Created", "404 Not Found", "500 Internal Server Error"] {
        for field in fields {
            for content in contents {
                if answers.add("GET", &format!("HTTP/1.1 {status}\r\n{field}{content}"), ANY) {
                    answers.list.last_mut().expect("it was added").plain = true;
                }
            }
        }
    }
}

#[derive(Default)]
struct Answers {
    list: Vec<Answer>,
    known: HashSet<(&'static str, Vec<u8>)>,
}

impl Answers {
    fn add(&mut self, method: &'static str, text: &str, kinds: Kinds) -> bool {
        let bytes = latin(text);
        let new = self.known.insert((method, bytes.clone()));
        if new {
            let name = format!("{method} {}", bytes.escape_ascii());
            self.list.push(Answer { name, method, bytes, kinds, plain: false });
        }
        new
    }
}
