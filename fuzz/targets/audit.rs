//! The readers of `apiscope-audit`: what their targets do with bytes. The usual test run tries them too
//! (`agent/audit/tests/fuzz.rs`).

use std::sync::Arc;
use std::time::Duration;

use apiscope_audit::inventory::{PackedProfile, Profile};
use apiscope_audit::openapi::{Document, Earlier, Source};
use apiscope_audit::operation::{Ask, Operations};
use apiscope_audit::secret::FingerprintKey;
use apiscope_audit::{Audit, Gather, Record, Restored, Settings};
use apiscope_wire::{
    Body, Event, ExchangeId, FlowId, Header, Headers, Hop, Message, Origin, Role, Start, Timestamp, Version,
};

use crate::meter::Allowance;

const FACTS: Allowance =
    Allowance { memory_bytes: 4 << 20, fixed: Duration::from_millis(20), per_byte: Duration::from_micros(40) };

/// A document is read once, when it is loaded: it may cost more.
const DOCUMENT: Allowance =
    Allowance { memory_bytes: 64 << 20, fixed: Duration::from_millis(200), per_byte: Duration::from_micros(200) };

const PROFILE: Allowance =
    Allowance { memory_bytes: 1 << 20, fixed: Duration::from_millis(20), per_byte: Duration::from_micros(10) };

const NAMES: [&str; 16] = [
    "authorization",
    "cookie",
    "set-cookie",
    "content-type",
    "host",
    "x-api-key",
    "proxy-authorization",
    "content-encoding",
    "x-forwarded-for",
    "www-authenticate",
    "location",
    "x-y",
    "referer",
    "link",
    "user-agent",
    "accept",
];

const TYPES: [&str; 8] = [
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/plain",
    "application/problem+json",
    "application/graphql",
    "text/html",
    "",
];

fn take<'d>(rest: &mut &'d [u8]) -> &'d [u8] {
    let Some((len, after)) = rest.split_first() else { return &[] };
    let (taken, after) = after.split_at(usize::from(*len).min(after.len()));
    *rest = after;
    taken
}

/// A message: a byte for its media type and side, then target, three fields and body, each but the last after a byte of length.
pub(crate) fn facts(data: &[u8]) {
    let Some((which, rest)) = data.split_first() else { return };
    let mut rest = rest;
    let target = take(&mut rest);
    let kind = TYPES[usize::from(which & 7)];
    let mut headers = vec![Header { name: "content-type", value: kind.as_bytes() }];
    for _ in 0..3 {
        let name = rest.first().map_or("x", |byte| NAMES[usize::from(byte & 15)]);
        rest = rest.get(1..).unwrap_or_default();
        headers.push(Header { name, value: take(&mut rest) });
    }
    let method = ["GET", "POST", "X", "CONNECT"][usize::from(which >> 3 & 3)];
    let start = if which & 0x40 == 0 { Start::Request { method, target } } else { Start::Response { status: 200 } };
    let origin = origin();
    let message = Message {
        exchange: ExchangeId { flow: FlowId::new(1), index: 0 },
        origin: &origin,
        version: Version::Http11,
        start,
        headers: Headers(&headers),
        body: Body { data: rest, total: (which & 0x80 == 0).then_some(rest.len() as u64) },
        trailers: Headers(&[]),
        content: apiscope_wire::Content::Plain,
        began: Timestamp::from_nanos(1),
        ended: Timestamp::from_nanos(2),
        complete: which & 0x20 == 0,
    };
    FACTS.check(data.len(), || {
        let key = Arc::new(FingerprintKey::new([5; 32]));
        let mut gather = Gather::new(key, Arc::new(Settings::default()));
        let mut records = 0;
        gather.handle(Event::Message(message), &mut |_| records += 1);
        gather.handle(Event::Closed(FlowId::new(1), Timestamp::from_nanos(3)), &mut |_| records += 1);
        assert!(records >= 2, "the exchange and the close");
    });
}

const CALLS: [&str; 8] = [
    "application/json",
    "application/graphql",
    "multipart/mixed; boundary=b",
    "multipart/form-data; boundary=b",
    "text/xml",
    "application/soap+xml; action=a",
    "text/event-stream",
    "",
];

/// A call and its answer: a byte for both media types, then target, a field and the request's body, each behind its length (of the body
/// in two bytes), then the response's. What is found of operations is bounded, and shown as the grammar of names allows.
pub(crate) fn calls(data: &[u8]) {
    let Some((which, rest)) = data.split_first() else { return };
    let mut rest = rest;
    let (target, action) = (take(&mut rest), take(&mut rest));
    let length = rest.first_chunk::<2>().map_or(0, |length| usize::from(u16::from_be_bytes(*length)));
    let (body, answer) = rest.get(2..).unwrap_or_default().split_at_checked(length).unwrap_or((rest, &[]));
    let kinds = [CALLS[usize::from(which & 7)], CALLS[usize::from(which >> 3 & 7)]];
    let fields = [
        [Header { name: "content-type", value: kinds[0].as_bytes() }, Header { name: "soapaction", value: action }],
        [Header { name: "content-type", value: kinds[1].as_bytes() }, Header { name: "x", value: b"" }],
    ];
    let starts = [
        Start::Request { method: if which & 0x80 == 0 { "POST" } else { "GET" }, target },
        Start::Response { status: 200 },
    ];
    let origin = origin();
    let message = |side: usize, bytes| Message {
        exchange: ExchangeId { flow: FlowId::new(1), index: 0 },
        origin: &origin,
        version: Version::Http11,
        start: starts[side],
        headers: Headers(if side == 1 { &fields[1] } else { &fields[0] }),
        body: Body { data: bytes, total: (which & 0x40 == 0).then_some(bytes.len() as u64) },
        trailers: Headers(&[]),
        content: apiscope_wire::Content::Plain,
        began: Timestamp::from_nanos(1),
        ended: Timestamp::from_nanos(2),
        complete: true,
    };
    FACTS.check(data.len(), || {
        let settings = Arc::new(Settings::default());
        let mut gather = Gather::new(Arc::new(FingerprintKey::new([5; 32])), Arc::clone(&settings));
        let mut audit = Audit::new(settings, Restored::default());
        let mut changes = 0;
        for message in [message(0, body), message(1, answer)] {
            gather.handle(Event::Message(message), &mut |record| {
                if let Record::Exchange(exchange) = &record {
                    check_operations(exchange.operations.as_deref());
                }
                audit.handle(record, &mut |_| changes += 1);
            });
        }
        audit.flush(Timestamp::from_nanos(5), &mut |_| changes += 1);
        assert!(changes >= 1, "the call");
    });
}

fn check_operations(operations: Option<&Operations>) {
    let Some(operations) = operations else { return };
    assert!((1..=32).contains(&operations.list.len()));
    for operation in &operations.list {
        if let Ask::Named(name) = &operation.ask {
            let is_shown = |c: char| c.is_ascii_alphanumeric() || "_ ./:-$*~(),…".contains(c);
            assert!(!name.is_empty() && name.len() <= 420 && name.chars().all(is_shown), "{name}");
        }
    }
}

/// A document: what it says of any path is no more than what it holds.
pub(crate) fn openapi(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    DOCUMENT.check(data.len(), || {
        let Ok((document, faults)) = Document::read(text, "fuzz") else { return };
        assert!(faults.len() <= Document::FAULTS_MAX && document.paths() <= Document::PATHS_MAX);
        for path in 0..document.paths() {
            let route = document.route(path).unwrap_or_default();
            document.match_path("GET", route);
            document.match_path("HEAD", &route.replace(['{', '}'], ""));
        }
        document.match_path("GET", "/");
        document.serves("a:80");
    });
}

/// A document and the files that it refers to, `0` to `9`, parted by zero bytes, as two documents of an API and as an earlier version of one.
pub(crate) fn references(data: &[u8]) {
    let texts: Vec<&str> =
        data.split(|byte| *byte == 0).take(10).filter_map(|text| std::str::from_utf8(text).ok()).collect();
    DOCUMENT.check(data.len(), || {
        let mut asked = 0;
        let mut open = |name: &str| {
            asked += 1;
            assert!(
                !name.starts_with('/') && name.split('/').all(|part| part != ".."),
                "outside of the folder: {name}"
            );
            let text = name.parse::<usize>().ok().and_then(|number| texts.get(number));
            text.map(|text| (*text).to_owned()).ok_or_else(|| "there is none".into())
        };
        let parse = |name: &str, open: &mut dyn FnMut(&str) -> Result<String, Box<str>>| {
            let text = name.parse::<usize>().ok().and_then(|number| texts.get(number))?;
            Source::parse(text, name, open).ok()
        };
        let Some(first) = parse("0", &mut open) else { return };
        let second = parse("1", &mut open);
        assert!(asked <= 2 * Source::FILES_MAX, "{asked} files");
        let sources: Vec<&Source> = std::iter::once(&first).chain(second.as_ref()).collect();
        let Ok((document, faults)) = Document::of(&sources) else { return };
        assert!(faults.len() <= sources.len() * Document::FAULTS_MAX && document.paths() <= Document::PATHS_MAX);
        let earlier = document.earlier();
        assert_eq!(Earlier::parse(&earlier.write()), earlier, "what is remembered is read again as it was");
        let Ok((last, _)) = Document::of(&sources[sources.len() - 1..]) else { return };
        let last = last.after(&earlier);
        for (method, route) in last.removed() {
            assert!(
                last.operations().iter().all(|known| known.method != *method || last.route(known.path) != Some(route))
            );
        }
        for path in 0..last.paths() {
            last.match_path("GET", last.route(path).unwrap_or_default());
        }
    });
}

/// A profile as the store gives it back: what can be read is written and read again as it is, and adds up.
pub(crate) fn profile(data: &[u8]) {
    PROFILE.check(data.len(), || {
        let Some(profile) = PackedProfile::from_stored(data).read() else { return };
        assert!(profile.bytes() <= Profile::BYTES_MAX);
        assert_eq!(PackedProfile::of(&profile).read().as_ref(), Some(&profile));
        let mut twice = profile.clone();
        twice.join(&profile);
        assert!(twice.bytes() <= Profile::BYTES_MAX);
        let (one, two) = (&profile.latency_ns, &twice.latency_ns);
        assert_eq!(two.count(), one.count().saturating_mul(2));
        assert_eq!(two.range(), one.range());
        for q in [0.0, 0.5, 1.0] {
            assert_eq!(one.quantile(q).is_some(), one.count() > 0);
        }
        profile.latency_ms();
        profile.consumers.ranked();
        profile.consumers_distinct.size();
    });
}

fn origin() -> Origin {
    Origin {
        client: ([10, 0, 0, 1], 40000).into(),
        server: ([10, 0, 0, 2], 80).into(),
        role: Role::Unknown,
        hop: Hop::Private,
        interface: None,
        workload: None,
        encrypted: false,
    }
}
