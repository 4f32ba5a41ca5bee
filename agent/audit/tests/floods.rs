//! A million of whatever a client can invent: constant memory, counted, no endpoint of it, and all others as exact as without it.
//!
//! Each flood is of real messages, through facts, pairing, naming, inventory and ledger, with calls of known endpoints among them.

mod counting;

use std::collections::BTreeMap;
use std::sync::Arc;

use apiscope_audit::inventory::{EndpointId, InventoryCounters, Probed};
use apiscope_audit::secret::FingerprintKey;
use apiscope_audit::{ApiId, Audit, Change, Gather, Restored, Settings};
use apiscope_wire::{
    Body, Content, Event, ExchangeId, FlowId, Header, Headers, Hop, Message, Origin, Role, Start, Timestamp, Version,
};
use counting::live;

/// Calls of a flood: a million where the code is optimised (`cargo test --release -p apiscope-audit --test floods`). What does not grow from
/// [`WARM`] on does not grow, so fewer do for the usual run.
const FLOOD: u64 = if cfg!(debug_assertions) { 60_000 } else { 1_000_000 };
/// Every table that there is was filled before.
const WARM: u64 = 20_000;
/// One call in so many is of a known endpoint.
const KNOWN_EVERY: u64 = 1_000;
/// Growth between the warm-up and the end that is not growth: tables and vectors double by chance of the numbers.
const SLACK: isize = 256 * 1024;

/// Splitmix64: the same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Writes a word without digits, so that no shape makes a value of it.
    fn word(&mut self, to: &mut String) {
        let mut n = self.next();
        for _ in 0..12 {
            to.push(char::from(b'a' + u8::try_from(n % 26).unwrap_or_default()));
            n /= 26;
        }
    }
}

/// A call, in buffers that are used again.
#[derive(Default)]
struct Call {
    host: String,
    method: String,
    target: String,
    /// Names of further header fields.
    fields: Vec<String>,
    media: &'static str,
    body: String,
    status: u16,
    answer: &'static str,
}

impl Call {
    fn set(&mut self, host: &str, method: &str, target: &str, status: u16) {
        for (text, to) in [(&mut self.host, host), (&mut self.method, method), (&mut self.target, target)] {
            text.clear();
            text.push_str(to);
        }
        self.fields.clear();
        self.body.clear();
        (self.media, self.status, self.answer) = ("application/json", status, "{}");
    }
}

/// The whole core, and what it has told.
struct Core {
    gather: Gather,
    audit: Audit,
    origin: Origin,
    index: u32,
    seconds: u64,
    /// Endpoints by method, API and template.
    endpoints: BTreeMap<String, (EndpointId, u64)>,
    gone: u64,
    probed: Vec<Probed>,
}

impl Core {
    fn new() -> Self {
        let origin = Origin {
            client: ([10, 0, 0, 1], 50_000).into(),
            server: ([10, 0, 0, 2], 8080).into(),
            role: Role::Served,
            hop: Hop::Private,
            interface: None,
            workload: None,
            encrypted: false,
        };
        let settings = Arc::new(Settings { environment: "test".into(), ..Settings::default() });
        let gather = Gather::new(Arc::new(FingerprintKey::new([7; 32])), Arc::clone(&settings));
        let audit = Audit::new(settings, Restored::default());
        let (endpoints, probed) = (BTreeMap::new(), Vec::new());
        Self { gather, audit, origin, index: 0, seconds: 1_800_000_000, endpoints, gone: 0, probed }
    }

    fn call(&mut self, call: &Call) {
        let id = ExchangeId { flow: FlowId::new(1), index: self.index };
        self.index += 1;
        let at = Timestamp::from_nanos(self.seconds * 1_000_000_000);
        let mut request = vec![
            Header { name: "Host", value: call.host.as_bytes() },
            Header { name: "Content-Type", value: call.media.as_bytes() },
        ];
        request.extend(call.fields.iter().map(|name| Header { name, value: b"1" }));
        let response = [Header { name: "Content-Type", value: b"application/json" }];
        let sides = [
            (Start::Request { method: &call.method, target: call.target.as_bytes() }, &*request, call.body.as_bytes()),
            (Start::Response { status: call.status }, &response[..], call.answer.as_bytes()),
        ];
        for (start, headers, data) in sides {
            let message = Message {
                exchange: id,
                origin: &self.origin,
                version: Version::Http11,
                start,
                headers: Headers(headers),
                body: Body { data, total: Some(data.len() as u64) },
                trailers: Headers(&[]),
                content: Content::Plain,
                began: at,
                ended: at,
                complete: true,
            };
            let audit = &mut self.audit;
            self.gather.handle(Event::Message(message), &mut |record| audit.handle(record, &mut |_| {}));
        }
    }

    /// Calls of what is known: two endpoints of one API, one of another.
    fn known(&mut self, call: &mut Call) {
        for (host, target) in [("shop.test", "/orders/17"), ("shop.test", "/about"), ("pay.test", "/charges/9/lines")] {
            call.set(host, "GET", target, 200);
            self.call(call);
        }
    }

    /// Seconds pass, and what changed is told.
    fn pass(&mut self) {
        self.seconds += 10;
        let Self { audit, endpoints, gone, probed, seconds, .. } = self;
        audit.tick(Timestamp::from_nanos(*seconds * 1_000_000_000), &mut |change| match change {
            Change::Endpoint(row) => {
                endpoints.insert(format!("{} {} {}", row.method, row.api, row.route), (row.id, row.calls));
            }
            Change::EndpointGone { .. } => *gone += 1,
            Change::Probed(list) => {
                probed.retain(|known| known.api != list.api);
                probed.push(*list);
            }
            _ => {}
        });
    }
}

/// What a flood left.
struct Flood {
    core: Core,
    counters: InventoryCounters,
    /// Names of known endpoints with the calls that they must have.
    known: [(&'static str, u64); 3],
}

/// Sends the flood; memory must stay, and what was known must be counted to the call, under the id that it had.
fn flood(name: &str, bytes_max: isize, mut next: impl FnMut(&mut Numbers, &mut Call)) -> Flood {
    let (mut numbers, mut call) = (Numbers(7), Call::default());
    let start = live();
    let mut core = Core::new();
    core.known(&mut call);
    core.pass();
    let before = core.endpoints.clone();
    let (mut warm, mut rounds) = (0, 1);
    for n in 0..FLOOD {
        next(&mut numbers, &mut call);
        core.call(&call);
        if n % KNOWN_EVERY == 0 {
            core.known(&mut call);
            rounds += 1;
            if n % (10 * KNOWN_EVERY) == 0 {
                core.pass();
            }
        }
        if n == WARM {
            warm = live() - start;
        }
    }
    core.pass();
    let end = live() - start;
    println!("{name}: {} KiB after {WARM}, {} KiB after {FLOOD}", warm / 1024, end / 1024);
    assert!(end <= warm + SLACK, "{name}: {warm} bytes after the warm-up, {end} at the end");
    assert!(end <= bytes_max, "{name}: {end} bytes");
    let known = ["GET shop.test /orders/{id}", "GET shop.test /about", "GET pay.test /charges/{id}/lines"]
        .map(|name| (name, rounds));
    for (name, calls) in known {
        assert_eq!(core.endpoints.get(name), Some(&(before[name].0, calls)), "{name}");
    }
    let (counters, _) = core.audit.counters();
    Flood { core, counters, known }
}

impl Flood {
    /// Nothing but what was known is an endpoint.
    fn made_nothing(&self) {
        assert_eq!(self.core.endpoints.len(), self.known.len(), "{:?}", self.core.endpoints.keys());
        assert_eq!((self.counters.endpoints, self.counters.apis, self.core.gone), (3, 2, 0));
    }

    fn probed(&self, api: Option<&str>) -> &Probed {
        let list = self.core.probed.iter().find(|list| list.api.as_ref().map(ApiId::as_str) == api);
        list.expect("the list was told")
    }
}

const MIB: isize = 1024 * 1024;

#[test]
fn a_million_paths() {
    let flood = flood("paths", 4 * MIB, |numbers, call| {
        call.set("shop.test", "GET", "/", 404);
        numbers.word(&mut call.target);
        if numbers.next() % 64 == 0 {
            call.target.clear();
            call.target.push_str("/.env");
        }
    });
    flood.made_nothing();
    assert_eq!(flood.counters.probed, FLOOD);
    let list = flood.probed(Some("shop.test"));
    assert_eq!((list.calls, list.paths.len()), (FLOOD, 64));
    assert_eq!((&*list.paths[0].path, list.probers.len()), ("/.env", 1), "what came often is there");
    let scanner = &list.probers[0];
    assert_eq!(
        (scanner.consumer.to_string(), scanner.calls_least(), scanner.calls_most),
        ("10.0.0.1".into(), FLOOD, FLOOD)
    );
    assert!(scanner.paths.size() > FLOOD * 8 / 10, "{}", scanner.paths.size());
    assert_eq!(list.displaced, flood.counters.probed_displaced);
    assert!(list.displaced > FLOOD / 2, "{}", list.displaced);
}

#[test]
fn a_million_hosts() {
    let flood = flood("hosts", 8 * MIB, |numbers, call| {
        call.set("", "GET", "/.env", 404);
        numbers.word(&mut call.host);
        call.host.push_str(".test");
    });
    flood.made_nothing();
    assert_eq!(flood.counters.probed, FLOOD);
    assert_eq!((flood.probed(None).calls, flood.core.probed.len()), (FLOOD, 1));
    assert!(flood.core.gather.counters().names_overflow > FLOOD * 8 / 10);
}

/// Here the server answers whatever host it is called by.
#[test]
fn a_million_hosts_that_are_answered() {
    let flood = flood("hosts that are answered", 16 * MIB, |numbers, call| {
        call.set("", "GET", "/about", 200);
        numbers.word(&mut call.host);
        call.host.push_str(".test");
    });
    let InventoryCounters { apis, endpoints, overflowed, .. } = flood.counters;
    assert!(apis <= 256 && endpoints <= 258, "{:?}", flood.counters);
    // A host past the bound on names is called `other`, and counted there.
    assert!(flood.core.gather.counters().names_overflow + overflowed > FLOOD * 8 / 10, "{:?}", flood.counters);
}

#[test]
fn a_million_operations_that_there_are_not() {
    let flood = flood("operations", 4 * MIB, |numbers, call| {
        call.set("shop.test", "POST", "/rpc", 200);
        call.body.push_str(r#"{"jsonrpc":"2.0","id":1,"method":""#);
        numbers.word(&mut call.body);
        call.body.push_str(r#"","params":[]}"#);
        call.answer = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found"}}"#;
    });
    flood.made_nothing();
    assert_eq!(flood.counters.probed, FLOOD);
    assert_eq!(flood.probed(Some("shop.test")).probers[0].calls_most, FLOOD);
}

/// Here the server answers whatever name the client gave to its query.
#[test]
fn a_million_names_of_queries_that_are_answered() {
    let flood = flood("names of queries", 8 * MIB, |numbers, call| {
        call.set("shop.test", "POST", "/graphql", 200);
        call.body.push_str(r#"{"query":"query "#);
        numbers.word(&mut call.body);
        call.body.push_str(r#" { me { id } }"}"#);
        call.answer = r#"{"data":{"me":{"id":1}}}"#;
    });
    let calls = |of: &dyn Fn(&str) -> bool| -> u64 {
        flood.core.endpoints.iter().filter(|(name, _)| of(name)).map(|(_, (_, calls))| *calls).sum()
    };
    let names = flood.core.endpoints.keys().filter(|name| name.contains("#query ")).count();
    assert!((1..=256).contains(&names), "{names}");
    assert_eq!(calls(&|name| name.contains("/graphql#")), FLOOD, "each is counted, those past the bound together");
    assert!(calls(&|name| name.ends_with("/graphql#(other)")) > FLOOD * 8 / 10);
}

#[test]
fn a_million_names_of_parameters_and_fields() {
    let flood = flood("parameters and fields", 8 * MIB, |numbers, call| {
        call.set("shop.test", "GET", "/search?", 200);
        numbers.word(&mut call.target);
        call.target.push_str("=1");
        let mut field = String::from("x-");
        numbers.word(&mut field);
        call.fields.push(field);
    });
    assert_eq!((flood.counters.endpoints, flood.counters.probed, flood.core.gone), (4, 0, 0));
    assert_eq!(flood.core.endpoints["GET shop.test /search"].1, FLOOD);
}

#[test]
fn a_million_methods() {
    let flood = flood("methods", 4 * MIB, |numbers, call| {
        call.set("shop.test", "", "/about", 405);
        numbers.word(&mut call.method);
    });
    flood.made_nothing();
    let list = flood.probed(Some("shop.test"));
    let shown: Vec<_> =
        list.paths.iter().map(|path| format!("{} {} {}", path.method, path.path, path.calls_most)).collect();
    assert_eq!(shown, [format!("(other) /about {FLOOD}")]);
}

/// Here the server answers whatever method it is called with.
#[test]
fn a_million_methods_that_are_answered() {
    let flood = flood("methods that are answered", 4 * MIB, |numbers, call| {
        call.set("shop.test", "", "/about", 200);
        numbers.word(&mut call.method);
    });
    assert!(flood.core.endpoints.len() <= 16 + 3, "{:?}", flood.core.endpoints.keys());
    assert!(flood.counters.overflowed > FLOOD * 8 / 10, "{:?}", flood.counters);
}

/// Here the server answers whatever path it is called by: endpoints come, up to the bound.
#[test]
fn a_million_paths_that_are_answered() {
    let flood = flood("paths that are answered", 48 * MIB, |numbers, call| {
        call.set("wild.test", "GET", "", 200);
        for _ in 0..=numbers.next() % 4 {
            call.target.push('/');
            numbers.word(&mut call.target);
        }
    });
    assert!(flood.counters.endpoints <= 2_000 + 3, "{:?}", flood.counters);
}
