//! The shared captures: what other projects say of their files is what replay and wire read from them.
//!
//! `../shared/captures/expected.json` beside the checkout (its README explains the fields). [`DIFFERENT`] names what we read
//! otherwise on purpose, and why; it may not name what is not so.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use apiscope::capture::replay::Replay;
use apiscope_wire::http::coding::{Decoder, Outcome};
use apiscope_wire::{Event, ExchangeId, Headers, Limits, Message, Start, Version, Wire};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Where what we read differs from what llhttp reports: the sample, what llhttp says, what we read, and why ours stands.
/// This table is also in ARCHITECTURE.md.
const DIFFERENT: &[(&str, &str, &str, &str)] = &[
    (
        "request_sample_10",
        "GET / 0",
        "nothing",
        "an HTTP/0.9 request: it has no version, no header and no framing, so nothing about it can be proven",
    ),
    ("response_sample_02", "200 0", "nothing", "RTSP/1.1 200 OK: another protocol, which llhttp happens to accept"),
    ("response_sample_03", "200 0", "nothing", "ICE/1.1 200 OK: another protocol, which llhttp happens to accept"),
    (
        "response_sample_06",
        "301 0",
        "301 219",
        "the file holds two samples run together: the first has Content-Length 219 and is read; the expectation is of the second, \
         which begins in the middle of what follows as no message may",
    ),
    ("response_sample_17", "200 0", "nothing", "HTTP/0.9 200 OK: no such version has a status line"),
];

/// One exchange as read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Exchange {
    request: Option<Half>,
    response: Option<Half>,
}

impl Exchange {
    fn request(&self) -> Option<&Half> {
        self.request.as_ref()
    }

    fn response(&self) -> Option<&Half> {
        self.response.as_ref()
    }
}

/// One message as read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Half {
    method: String,
    target: String,
    status: Option<u16>,
    version: Version,
    headers: Vec<(String, Vec<u8>)>,
    trailers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    body_len: Option<u64>,
    /// With the content codings undone; `None` if that can't be known.
    decoded_len: Option<u64>,
    complete: bool,
}

impl Half {
    fn of(message: &Message<'_>) -> Self {
        let (method, target, status) = match message.start {
            Start::Request { method, target } => {
                (method.to_owned(), String::from_utf8_lossy(target).into_owned(), None)
            }
            Start::Response { status } => (String::new(), String::new(), Some(status)),
        };
        Self {
            method,
            target,
            status,
            version: message.version,
            headers: fields(message.headers),
            trailers: fields(message.trailers),
            decoded_len: decoded_len(message),
            body: message.body.data.to_vec(),
            body_len: message.body.total,
            complete: message.complete,
        }
    }

    fn header(&self, name: &str) -> Option<String> {
        let fields = self.headers.iter().chain(&self.trailers);
        let value = &fields.into_iter().find(|(known, _)| known == name)?.1;
        Some(String::from_utf8_lossy(value).into_owned())
    }
}

fn fields(headers: Headers<'_>) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|header| (header.name.to_lowercase(), header.value.to_vec())).collect()
}

fn decoded_len(message: &Message<'_>) -> Option<u64> {
    let mut decoder = Decoder::default();
    let body = decoder.decode(message.headers, message.body);
    match body.outcome {
        Outcome::Plain => message.body.total,
        Outcome::Whole => Some(body.data.len() as u64),
        Outcome::Cut | Outcome::Capped | Outcome::Broken | Outcome::Unknown => None,
    }
}

/// All exchanges of a file, in the order of flows and requests.
fn exchanges(path: &Path) -> Vec<Exchange> {
    read(path).0
}

/// The same, and how many ambiguities there were.
fn read(path: &Path) -> (Vec<Exchange>, usize) {
    let mut ambiguities = 0;
    let mut replay = Replay::open(&[path.to_path_buf()]).expect("opens");
    let mut wire = Wire::new(Limits::default());
    let mut exchanges: BTreeMap<ExchangeId, Exchange> = BTreeMap::new();
    loop {
        let mut verdicts = Vec::new();
        let more = replay.next_inputs(&mut |input| {
            wire.handle(input, &mut |event| match event {
                Event::Message(message) => {
                    let exchange = exchanges.entry(message.exchange).or_default();
                    let half = match message.start {
                        Start::Request { .. } => &mut exchange.request,
                        Start::Response { .. } => &mut exchange.response,
                    };
                    assert!(half.replace(Half::of(&message)).is_none(), "a message is given once");
                }
                Event::Verdict(flow, verdict) => verdicts.push((flow, verdict)),
                Event::Ambiguous(_) => ambiguities += 1,
                Event::Hello(_)
                | Event::Over(..)
                | Event::Head(_)
                | Event::Progress(_)
                | Event::Session(..)
                | Event::Coverage(..)
                | Event::Closed(..) => {}
            });
        });
        for (flow, verdict) in verdicts {
            replay.apply(flow, verdict);
        }
        if !more.expect("reads") {
            return (exchanges.into_values().collect(), ambiguities);
        }
    }
}

/// The captures beside the checkout or one of the folders around it. Their absence fails in CI and is loud elsewhere.
fn captures() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = here.ancestors().map(|above| above.join("shared/captures")).find(|path| path.is_dir());
    if found.is_none() {
        let ci = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!ci, "CI must have shared/captures beside the checkout");
        eprintln!("SKIPPED: no shared/captures beside the checkout ({})", here.display());
    }
    found
}

/// The cases whose file has this prefix.
fn cases(captures: &Path, prefix: &str) -> Vec<Value> {
    let text = std::fs::read(captures.join("expected.json")).expect("expected.json");
    let all: Value = serde_json::from_slice(&text).expect("JSON");
    let all = all["cases"].as_array().expect("cases").clone();
    let cases: Vec<Value> = all.into_iter().filter(|case| file(case).starts_with(prefix)).collect();
    assert!(!cases.is_empty(), "no case of {prefix}");
    cases
}

fn file(case: &Value) -> &str {
    case["file"].as_str().expect("a file")
}

#[test]
fn the_files_are_those_that_the_expectations_are_about() {
    let Some(captures) = captures() else { return };
    let cases = cases(&captures, "");
    assert_eq!(cases.len(), 99);
    for case in &cases {
        let content = std::fs::read(captures.join(file(case))).expect("the file");
        let expected = case["sha256"].as_str().expect("a sum").as_bytes().chunks(2);
        let expected =
            expected.map(|digits| u8::from_str_radix(str::from_utf8(digits).expect("hex"), 16).expect("hex"));
        assert!(expected.eq(Sha256::digest(&content)), "{} has changed", file(case));
    }
    for (sample, ..) in DIFFERENT {
        let name = format!("llhttp/{sample}.pcap");
        assert!(cases.iter().any(|case| file(case) == name), "{name} is no file");
    }
}

#[test]
fn exchanges_of_zeek_deepflow_and_arkime() {
    let Some(captures) = captures() else { return };
    let mut failures = Vec::new();
    for case in ["zeek/", "deepflow/", "arkime/"].iter().flat_map(|folder| cases(&captures, folder)) {
        let read = exchanges(&captures.join(file(&case)));
        failures.extend(compare(&case, &read));
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

/// Expected and read, as sets: every expected exchange is there, and no other.
fn compare(case: &Value, read: &[Exchange]) -> Vec<String> {
    let mut left: Vec<&Exchange> = read.iter().collect();
    let mut failures = Vec::new();
    for expected in case["exchanges"].as_array().expect("exchanges") {
        let found = left.iter().position(|exchange| differences(file(case), expected, exchange).is_empty());
        if let Some(found) = found {
            left.remove(found);
        } else {
            let nearest = left.iter().map(|exchange| differences(file(case), expected, exchange)).min_by_key(Vec::len);
            failures.push(format!("{}: {expected}: {nearest:?}", file(case)));
        }
    }
    failures.extend(left.iter().map(|exchange| format!("{}: not expected: {exchange:?}", file(case))));
    failures
}

fn differences(file: &str, expected: &Value, read: &Exchange) -> Vec<String> {
    let mut differences = Vec::new();
    let mut check = |field: &str, read: Value| {
        let expected = &expected[field];
        if !expected.is_null() && *expected != read {
            differences.push(format!("{field}: expected {expected}, read {read}"));
        }
    };
    let request = read.request.as_ref();
    let response = read.response.as_ref();
    let user = request.and_then(|request| basic(&request.header("authorization")?));
    let zeek = file.starts_with("zeek/");
    let target = request.map(|request| if zeek { percent_decoded(&request.target) } else { request.target.clone() });
    check("method", request.map(|request| request.method.clone()).into());
    check("host", request.and_then(|request| request.header("host")).into());
    check("uri", target.into());
    check("req_len", request.and_then(|request| request.body_len).into());
    check("status", response.and_then(|response| response.status).into());
    let resp_len = response.map_or(Some(0), |response| response.body_len);
    check("resp_len", resp_len.into());
    check("resp_len_wire", resp_len.into());
    check("resp_len_decoded", response.map_or(Some(0), |response| response.decoded_len).into());
    check("proto", request.map(|request| if request.version == Version::H2 { "h2" } else { "h1" }).into());
    check("grpc_status", response.and_then(|response| response.header("grpc-status")).into());
    check("username", user.as_ref().map(|(name, _)| name.clone()).into());
    check("password", user.map(|(_, password)| password).into());
    if expected["status"].is_null() && expected.get("status").is_some() && response.is_some() {
        differences.push("a response that is not there".to_owned());
    }
    differences
}

fn basic(authorization: &str) -> Option<(String, String)> {
    use base64::Engine as _;
    let coded = authorization.strip_prefix("Basic ")?.trim_start();
    let text = String::from_utf8(base64::engine::general_purpose::STANDARD.decode(coded).ok()?).ok()?;
    text.split_once(':').map(|(name, password)| (name.to_owned(), password.to_owned()))
}

fn percent_decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let byte = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte {
            Some(byte) => bytes.push(byte),
            None => bytes.push(b'%'),
        }
        bytes.extend(&part.as_bytes()[if byte.is_some() { 2 } else { 0 }..]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn sessions_of_arkime() {
    let Some(captures) = captures() else { return };
    for case in cases(&captures, "arkime/") {
        let read = exchanges(&captures.join(file(&case)));
        let request = |exchange: &Exchange| exchange.request.clone().expect("a request");
        let mut methods: BTreeMap<String, u64> = BTreeMap::new();
        for exchange in &read {
            *methods.entry(request(exchange).method).or_default() += 1;
        }
        let uris: Vec<String> =
            read.iter().map(request).map(|half| half.header("host").expect("a host") + &half.target).collect();
        let statuses: Vec<u16> = read.iter().filter_map(|exchange| exchange.response.as_ref()?.status).collect();
        assert_eq!(serde_json::json!(methods), case["methods_total"], "{}", file(&case));
        assert_eq!(serde_json::json!(uris), case["uris"], "{}", file(&case));
        assert_eq!(serde_json::json!(statuses), case["statuses"], "{}", file(&case));
    }
}

#[test]
fn messages_of_deepflow() {
    let Some(captures) = captures() else { return };
    for case in cases(&captures, "deepflow/") {
        let read = exchanges(&captures.join(file(&case)));
        let halves = read.iter().flat_map(|exchange| [exchange.request.clone(), exchange.response.clone()]).flatten();
        let halves: Vec<Half> = halves.collect();
        // "Session": a part of a gRPC stream, counted in the request's length.
        let expected = case["messages"].as_array().expect("messages").iter();
        let expected: Vec<&Value> = expected.filter(|message| message["msg_type"] != "Session").collect();
        assert_eq!(halves.len(), expected.len(), "{}", file(&case));
        for (half, expected) in halves.iter().zip(expected) {
            if expected["msg_type"] == "Request" {
                assert_eq!(expected["path"], half.target.as_str());
                assert_eq!(expected["host"], half.header("host").expect("a host"));
            } else {
                assert_eq!(expected["status_code"], serde_json::json!(half.status));
            }
            if expected["proto"] == "Http1" && expected["msg_type"] == "Request" {
                assert_eq!(text(&expected["method"]).to_uppercase(), half.method);
                assert_eq!(expected["req_content_length"], serde_json::json!(half.body_len));
            }
        }
    }
}

#[test]
fn streams_of_four_hpack_encoders() {
    let Some(captures) = captures() else { return };
    let mut rows = 0;
    for case in cases(&captures, "hpack/") {
        assert_eq!(case["columns"], serde_json::json!(["method", "host", "uri", "status", "header_fields"]));
        let read = exchanges(&captures.join(file(&case)));
        let read: Vec<Value> = read.iter().map(row).collect();
        assert_eq!(case["rows"], serde_json::json!(read), "{}", file(&case));
        rows += read.len();
    }
    assert_eq!(rows, 60);
}

/// A stream as the hpack cases have it. wire gives the authority as `host` and keeps the other three pseudo-fields of a
/// request (RFC 9113 §8.3.1) out of the header.
fn row(exchange: &Exchange) -> Value {
    let (request, response) = (exchange.request().expect("a request"), exchange.response().expect("a response"));
    assert!(request.complete && response.complete && request.version == Version::H2);
    serde_json::json!([
        request.method,
        request.header("host"),
        request.target,
        response.status,
        request.headers.len() + 3
    ])
}

#[test]
fn messages_of_llhttp() {
    let Some(captures) = captures() else { return };
    let mut failures = Vec::new();
    for case in cases(&captures, "llhttp/") {
        let (exchanges, ambiguities) = read(&captures.join(file(&case)));
        let of_interest = if case["kind"] == "request" { Exchange::request } else { Exchange::response };
        let halves: Vec<&Half> = exchanges.iter().filter_map(of_interest).collect();
        let ours: Vec<String> = halves.iter().map(|half| in_short(half)).collect();
        let messages = case["messages"].as_array().expect("messages");
        // A head that llhttp does not finish is one that it refuses.
        let theirs: Vec<String> =
            messages.iter().filter(|message| message["headers_complete"] == true).map(their_short).collect();
        let expected = different(&case).map_or(theirs.clone(), |(llhttp, read)| {
            assert_eq!(theirs, [llhttp], "{}", file(&case));
            if read == "nothing" { vec![] } else { vec![read.to_owned()] }
        });
        if !ours.starts_with(&expected) || expected.len() < ours.len() && case["error"].is_null() {
            failures.push(format!("{}: expected {expected:?}, read {ours:?}", file(&case)));
        }
        for (half, message) in halves.iter().zip(messages) {
            if message["complete"] == true && !half.complete {
                failures.push(format!("{}: not complete: {}", file(&case), in_short(half)));
            }
        }
        // What llhttp refuses we may read, but never in silence.
        if !case["error"].is_null() && ambiguities == 0 && halves.last().is_some_and(|half| half.complete) {
            failures.push(format!("{}: read in silence: {ours:?}: {}", file(&case), case["error"]));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

/// What the table says of the case: llhttp's reading and ours.
fn different(case: &Value) -> Option<(&'static str, &'static str)> {
    let name = file(case).strip_prefix("llhttp/")?.split('.').next()?;
    let (_, llhttp, ours, why) = DIFFERENT.iter().find(|(sample, ..)| *sample == name)?;
    eprintln!("DIFFERENT: {}: llhttp reads {llhttp}, we read {ours}: {why}", file(case));
    Some((llhttp, ours))
}

fn in_short(half: &Half) -> String {
    let body = half.body_len.map_or("?".to_owned(), |len| len.to_string());
    match half.status {
        Some(status) => format!("{status} {body}"),
        None => format!("{} {} {body}", half.method, half.target),
    }
}

fn their_short(message: &Value) -> String {
    let body = &message["body_len"];
    match message["status_code"].as_u64() {
        Some(status) => format!("{status} {body}"),
        None => format!("{} {} {body}", text(&message["method"]), text(&message["url"])),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

#[test]
fn a_byte_a_segment_gives_the_same_as_all_in_one() {
    let Some(captures) = captures() else { return };
    let mut pairs = 0;
    for case in cases(&captures, "llhttp/") {
        let Some(name) = file(&case).strip_suffix(".byte.pcap") else { continue };
        let bytewise = exchanges(&captures.join(file(&case)));
        let whole = exchanges(&captures.join(format!("{name}.pcap")));
        assert_eq!(bytewise, whole, "{name}");
        pairs += 1;
    }
    assert_eq!(pairs, 33);
}
