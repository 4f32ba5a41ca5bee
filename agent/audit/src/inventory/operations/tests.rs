//! From messages to endpoints: what each protocol's calls make of the inventory.

#![expect(clippy::needless_pass_by_value, reason = "so that a check ends in expect![..]")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use apiscope_wire::Event;
use expect_test::{Expect, expect};

use super::*;
use crate::exchange::Record;
use crate::facts::sample::Sample;
use crate::openapi::Document;
use crate::secret::FingerprintKey;
use crate::{Gather, Settings};

const API: &str = "api";

struct Bench {
    gather: Gather,
    inventory: Inventory,
    index: u32,
    /// Seconds.
    now: u64,
}

impl Bench {
    fn new(document: Option<&str>) -> Self {
        let key = Arc::new(FingerprintKey::new([5; 32]));
        let documents = documents(document);
        let gather = Gather::new(key, Arc::new(Settings::default()));
        Self { gather, inventory: Inventory::new("", &documents, Vec::new()), index: 0, now: 1 }
    }

    /// A request to the API, and its response; gives the endpoint's template.
    fn call(&mut self, start: &str, kind: &str, body: &str, status: u16, answer: &str) -> String {
        let request = format!("{start} HTTP/1.1\nHost: {API}\nContent-Type: {kind}");
        let answer_kind = if answer.starts_with('<') { "text/xml" } else { kind };
        let response = format!("HTTP/1.1 {status} -\nContent-Type: {answer_kind}\n");
        self.index += 1;
        let (mut route, inventory) = ("-".to_owned(), &mut self.inventory);
        for sample in [Sample::new(&request).body(body.as_bytes()), Sample::new(&response).body(answer.as_bytes())] {
            let mut sample = sample.at(1, self.index);
            sample.times = (self.now * 1_000_000_000, self.now * 1_000_000_000);
            sample.with(|message| {
                self.gather.handle(Event::Message(*message), &mut |record| {
                    if let Record::Exchange(exchange) = record
                        && let Some(sighting) = inventory.observe(&exchange)
                    {
                        route = sighting.endpoint.route.to_string();
                    }
                });
            });
        }
        route
    }

    /// ... in JSON.
    fn json(&mut self, path: &str, body: &str, answer: &str) -> String {
        self.call(&format!("POST {path}"), "application/json", body, 200, answer)
    }

    fn query(&mut self, path: &str, name: &str, answer: &str) -> String {
        self.json(path, &format!(r#"{{"query":"query {name} {{ a }}"}}"#), answer)
    }

    fn rows(&self) -> Vec<EndpointRow> {
        let mut rows: Vec<EndpointRow> = self.inventory.book.entries.values().map(|entry| entry.row.clone()).collect();
        rows.sort_by(|a, b| (&a.route, &a.method).cmp(&(&b.route, &b.method)));
        rows
    }

    fn check(&self, expected: Expect) {
        expected.assert_eq(&shown(&self.rows()));
    }

    fn probed(&self) -> u64 {
        self.inventory.counters().probed
    }

    /// As after a restart.
    fn restarted(&self, document: Option<&str>) -> Inventory {
        Inventory::new("", &documents(document), self.rows())
    }
}

fn documents(document: Option<&str>) -> BTreeMap<Box<str>, Arc<Document>> {
    let read = |text: &str| (API.into(), Arc::new(Document::read(text, "a.yaml").unwrap().0));
    document.map(read).into_iter().collect()
}

fn shown(rows: &[EndpointRow]) -> String {
    let mut text = String::new();
    for row in rows {
        let (method, route, calls) = (&row.method, &row.route, row.calls);
        let sizes = if row.response_bytes_max > 0 { "" } else { ", no sizes" };
        writeln!(text, "{method} {route}: {:?}, {calls}{sizes}, {:?}", row.protocol, row.document).unwrap();
    }
    text
}

const DATA: &str = r#"{"data":{}}"#;
const ERRORS: &str = r#"{"errors":[{"message":"no"}]}"#;

#[test]
fn each_operation_of_graphql_is_an_endpoint() {
    let mut bench = Bench::new(None);
    assert_eq!(bench.query("/graphql", "A", DATA), "/graphql#query A");
    assert_eq!(bench.query("/graphql", "B", DATA), "/graphql#query B");
    assert_eq!(bench.query("/graphql", "A", ERRORS), "/graphql#query A");
    assert_eq!(bench.query("/graphql", "Guess", ERRORS), "-");
    assert_eq!(bench.json("/graphql", r#"{"query":"{ __schema { x } }"}"#, DATA), "/graphql#query (__schema)");
    // Refused before it began, as some servers say it; and begun, with an error of a field that may not be null.
    let refused = r#"{"data":null,"errors":[{"message":"Cannot query field","locations":[]}]}"#;
    let failed = r#"{"data":null,"errors":[{"message":"no","path":["me"]}]}"#;
    assert_eq!(bench.query("/graphql", "Guess", refused), "-");
    assert_eq!(bench.query("/graphql", "A", failed), "/graphql#query A");
    assert_eq!(bench.json("/graphql", r#"{"query":"query Unclosed { a {"}"#, ERRORS), "-");
    let get = |bench: &mut Bench| bench.call("GET /graphql?query=query%20A%7Ba%7D", "application/json", "", 200, DATA);
    assert_eq!(get(&mut bench), "/graphql#query A");
    assert_eq!(bench.probed(), 3);
    bench.check(expect![[r"
        POST /graphql#query (__schema): GraphQl, 1, NoDocument
        GET /graphql#query A: GraphQl, 1, NoDocument
        POST /graphql#query A: GraphQl, 3, NoDocument
        POST /graphql#query B: GraphQl, 1, NoDocument
    "]]);
}

#[test]
fn a_batch_counts_at_each_of_its_operations_and_at_itself() {
    let mut bench = Bench::new(None);
    let (a, b) = (r#"{"query":"query A {a}"}"#, r#"{"query":"query B {b}"}"#);
    assert_eq!(
        bench.json("/graphql", &format!("[{a},{b},{a}]"), &format!("[{DATA},{DATA},{DATA}]")),
        "/graphql#(batch)"
    );
    assert_eq!(bench.json("/graphql", &format!("[{a}]"), &format!("[{DATA}]")), "/graphql#query A");
    assert_eq!(bench.json("/graphql", &format!("[{b},{b}]"), &format!("[{ERRORS},{ERRORS}]")), "/graphql#(batch)");
    bench.check(expect![[r"
        POST /graphql#(batch): GraphQl, 2, NoDocument
        POST /graphql#query A: GraphQl, 3, NoDocument
        POST /graphql#query B: GraphQl, 3, no sizes, NoDocument
    "]]);
    // A batch of guesses is none.
    let guess = r#"{"query":"query G {g}"}"#;
    let mut bench = Bench::new(None);
    assert_eq!(bench.json("/graphql", &format!("[{guess},{guess}]"), &format!("[{ERRORS},{ERRORS}]")), "-");
    bench.check(expect![""]);
}

#[test]
fn a_persisted_document_is_the_operation_of_its_name() {
    let hash = "ecf4edb46db40b5132295c0291d62fb65d6759a9eedfa4d5d612dd5ec54a6b38";
    let short =
        format!(r#"{{"operationName":"A","extensions":{{"persistedQuery":{{"version":1,"sha256Hash":"{hash}"}}}}}}"#);
    let long = r#"{"operationName":"A","query":"mutation A { a }"}"#;
    let mut orders = Vec::new();
    for order in [[&*short, long, &short], [long, &short, &short], [&short, &short, long]] {
        let mut bench = Bench::new(None);
        for body in order {
            bench.json("/graphql", body, DATA);
        }
        orders.push(shown(&bench.rows()));
    }
    expect![[r"
        POST /graphql#mutation A: GraphQl, 3, NoDocument
    "]]
    .assert_eq(&orders[0]);
    assert!(orders.iter().all(|order| *order == orders[0]), "{orders:?}");
}

#[test]
fn methods_of_json_rpc_and_tools_of_mcp() {
    let mut bench = Bench::new(None);
    let rpc = |method: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}"}}"#);
    let result = r#"{"jsonrpc":"2.0","id":1,"result":1}"#;
    let unknown = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found"}}"#;
    assert_eq!(bench.json("/", &rpc("eth_call"), result), "/#eth_call");
    assert_eq!(bench.json("/", &rpc("eth_guess"), unknown), "-");
    assert_eq!(bench.json("/", r#"{"jsonrpc":"2.0","method":"log","params":[]}"#, ""), "/#(other)");
    let tool = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a/search.v1"}}"#;
    assert_eq!(bench.json("/mcp", tool, result), "/mcp#tools/call a/search.v1");
    assert_eq!(bench.json("/mcp", &rpc("tools/list"), result), "/mcp#tools/list");
    assert_eq!(bench.call("POST /", "application/json", &rpc("eth_call"), 500, unknown), "/#eth_call");
    // A wall's answer says nothing of what is behind it.
    assert_eq!(bench.call("POST /walled", "application/json", &rpc("a"), 401, "{}"), "/walled#(other)");
    assert_eq!(bench.call("POST /none", "application/json", &rpc("a"), 404, "{}"), "-");
    bench.check(expect![[r"
        POST /#(other): JsonRpc, 1, no sizes, NoDocument
        POST /#eth_call: JsonRpc, 2, NoDocument
        POST /mcp#tools/call a/search.v1: Mcp, 1, NoDocument
        POST /mcp#tools/list: Mcp, 1, NoDocument
        POST /walled#(other): JsonRpc, 1, NoDocument
    "]]);
}

#[test]
fn operations_of_soap() {
    let mut bench = Bench::new(None);
    let envelope = |body: &str| {
        format!(
            r#"<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>{body}</e:Body></e:Envelope>"#
        )
    };
    let mut call = |ask: &str, status: u16, give: &str| {
        bench.call("POST /stock", "text/xml", &envelope(ask), status, &envelope(give))
    };
    let fault = |code: &str| format!("<e:Fault><faultcode>e:{code}</faultcode></e:Fault>");
    assert_eq!(call("<GetPrice/>", 200, "<GetPriceResponse/>"), "/stock#GetPrice");
    assert_eq!(call("<GetPrice/>", 500, &fault("Client")), "/stock#GetPrice");
    assert_eq!(call("<Guess/>", 500, &fault("Client")), "-");
    assert_eq!(call("<Buy/>", 500, &fault("Server")), "/stock#Buy");
    bench.check(expect![[r"
        POST /stock#Buy: Soap, 1, NoDocument
        POST /stock#GetPrice: Soap, 2, NoDocument
    "]]);
}

#[test]
fn requests_of_a_batch_are_calls_of_their_endpoints() {
    let mut bench = Bench::new(None);
    bench.call("GET /s/Customers", "application/json", "", 200, "[]");
    let body = r#"{"requests":[
        {"id":"1","method":"GET","url":"/s/Customers"},
        {"id":"2","method":"GET","url":"Orders(7)"},
        {"id":"3","method":"GET","url":"Orders(8)"},
        {"id":"4","method":"GET","url":"Guess"},
        {"id":"5","method":"DELETE","url":"Orders(9)"}]}"#;
    let answer = r#"{"responses":[{"id":"1","status":200},{"id":"2","status":200},{"id":"3","status":200},{"id":"4","status":404}]}"#;
    assert_eq!(bench.json("/s/$batch", body, answer), "/s/$batch");
    bench.check(expect![[r"
        POST /s/$batch: Batch, 1, NoDocument
        GET /s/Customers: Http, 2, NoDocument
        GET /s/Orders({key}): Http, 2, no sizes, NoDocument
    "]]);
    assert_eq!(bench.probed(), 2);
}

#[test]
fn templates_are_learnt_in_front_of_operations() {
    let mut bench = Bench::new(None);
    for tenant in 0..40 {
        let path = format!("/tenants/{}/graphql", ["ada", "bob", "cyd", "dan"][tenant % 4].repeat(1 + tenant / 4));
        bench.query(&path, "A", DATA);
        bench.query(&path, "B", DATA);
    }
    for id in 0..3 {
        bench.query(&format!("/shops/{id}77/graphql"), "A", DATA);
    }
    bench.inventory.settle();
    bench.check(expect![[r"
        POST /shops/{id}/graphql#query A: GraphQl, 3, NoDocument
        POST /tenants/{name}/graphql#query A: GraphQl, 40, NoDocument
        POST /tenants/{name}/graphql#query B: GraphQl, 40, NoDocument
    "]]);
    // Operations are names: however many there are, and whatever they look like.
    for n in 0..200 {
        bench.query("/graphql", &format!("Op{n}"), DATA);
    }
    bench.inventory.settle();
    assert_eq!(bench.rows().len(), 203);
}

#[test]
fn what_is_stored_comes_back_where_it_was() {
    let mut bench = Bench::new(None);
    bench.query("/t/17/graphql", "A", DATA);
    bench.query("/graphql", "B", DATA);
    bench.json("/", r#"{"jsonrpc":"2.0","id":1,"method":"a/b.c"}"#, r#"{"id":1,"result":1}"#);
    let before = bench.rows();
    bench.inventory = bench.restarted(None);
    assert_eq!(bench.rows(), before);
    assert_eq!(bench.query("/t/18/graphql", "A", ERRORS), "/t/{id}/graphql#query A");
    assert_eq!(bench.json("/", r#"{"jsonrpc":"2.0","id":1,"method":"a/b.c"}"#, ""), "/#a/b.c");
    assert_eq!(bench.rows().len(), before.len());
}

#[test]
fn behind_a_path_of_the_document() {
    let document = "openapi: 3.1.0\ninfo: {title: api, version: '1'}\npaths:\n  /graphql:\n    post: {deprecated: true, responses: {}}\n  /rpc/{id}:\n    get: {responses: {}}\n";
    let mut bench = Bench::new(Some(document));
    assert_eq!(bench.query("/graphql", "A", DATA), "/graphql#query A");
    assert_eq!(bench.query("/graphql", "G", ERRORS), "-");
    let rpc = r#"{"jsonrpc":"2.0","id":1,"method":"m"}"#;
    assert_eq!(bench.json("/rpc/x", rpc, r#"{"id":1,"result":1}"#), "/rpc/{id}#m");
    let expected = expect![[r"
        POST /graphql: Http, 0, no sizes, Deprecated
        POST /graphql#query A: GraphQl, 1, Deprecated
        GET /rpc/{id}: Http, 0, no sizes, Unused
        POST /rpc/{id}#m: JsonRpc, 1, Undocumented
    "]];
    expected.assert_eq(&shown(&bench.rows()));
    expected.assert_eq(&shown(&{
        bench.inventory = bench.restarted(Some(document));
        bench.rows()
    }));
    // The document goes, and comes again.
    bench.inventory.configure(&documents(None));
    bench.check(expect![[r"
        POST /graphql#query A: GraphQl, 1, NoDocument
        POST /rpc/{id}#m: JsonRpc, 1, NoDocument
    "]]);
    bench.inventory.configure(&documents(Some(document)));
    expected.assert_eq(&shown(&bench.rows()));
}

#[test]
fn operations_that_are_not_called_for_long_make_room_for_new_ones() {
    for document in
        [None, Some("openapi: 3.1.0\ninfo: {title: api, version: '1'}\npaths: {/graphql: {post: {responses: {}}}}\n")]
    {
        let mut bench = Bench::new(document);
        for n in 0..=OPERATIONS_MAX {
            bench.query("/graphql", &format!("N{n}x"), DATA);
        }
        bench.now += 6 * 86_400;
        assert_eq!(bench.query("/graphql", "N0x", DATA), "/graphql#query N0x");
        assert_eq!(bench.query("/graphql", "Early", DATA), "/graphql#(other)", "all were called within a week");
        bench.now += 2 * 86_400;
        let before = bench.rows().len();
        for name in ["Late", "Later"] {
            bench.now += 2;
            assert_eq!(bench.query("/graphql", name, DATA), format!("/graphql#query {name}"));
        }
        // Not called for long does not mean gone: those that nobody needs the room of stay, and those that were called.
        assert_eq!((bench.rows().len(), bench.inventory.counters().operations_retired), (before, 2));
        assert!(bench.rows().iter().any(|row| &*row.route == "/graphql#query N0x" && row.calls == 2));
        assert_eq!(bench.inventory.take_gone().iter().filter(|(_, into)| into.is_none()).count(), 2);
        // A flood of names finds room once a second, and only that of what is idle.
        for n in 0..1_000 {
            bench.query("/graphql", &format!("Flood{n}"), DATA);
        }
        assert!(bench.inventory.counters().operations_retired <= 3, "{:?}", bench.inventory.counters());
    }
}

#[test]
fn a_client_that_invents_names_makes_few_endpoints() {
    for document in
        [None, Some("openapi: 3.1.0\ninfo: {title: api, version: '1'}\npaths: {/graphql: {post: {responses: {}}}}\n")]
    {
        let mut bench = Bench::new(document);
        for n in 0..2_000 {
            bench.query("/graphql", &format!("N{n}x"), DATA);
        }
        let most = usize::from(OPERATIONS_MAX) + 1;
        let rows = bench.rows();
        let operations: Vec<_> = rows.iter().filter(|row| row.calls > 0).collect();
        assert_eq!(operations.len(), most);
        assert_eq!(operations.iter().map(|row| row.calls).sum::<u64>(), 2_000);
        let other = operations.iter().find(|row| &*row.route == "/graphql#(other)").unwrap();
        assert_eq!(other.calls, 2_000 - u64::from(OPERATIONS_MAX));
        // What was known before stays, and other paths are unharmed.
        assert_eq!(bench.query("/graphql", "N7x", DATA), "/graphql#query N7x");
        assert_eq!(bench.query("/graphql", "Fresh", DATA), "/graphql#(other)");
        assert_eq!(bench.query("/graphql", "Guess", ERRORS), if document.is_some() { "-" } else { "/graphql#(other)" });
        assert_eq!(bench.call("GET /graphql/status", "application/json", "", 200, "{}"), "/graphql/status");
        assert_eq!(bench.rows().len(), rows.len() + 1);
    }
}
