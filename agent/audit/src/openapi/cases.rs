//! Hard cases of documents, each with a name: what a document says of a call.

mod readings;

use std::fmt::Write;

use expect_test::expect;

use super::*;

/// A document of paths, each with its methods: `/orders/{id}: get put`.
fn made(servers: &str, paths: &[&str]) -> Document {
    let mut text = format!("openapi: 3.1.0\ninfo: {{title: T}}\n{servers}\npaths:\n");
    for line in paths {
        let (path, methods) = line.split_once(": ").unwrap();
        let _ = writeln!(text, "  \"{path}\":");
        for method in methods.split(' ') {
            let _ = writeln!(text, "    {method}: {{}}");
        }
    }
    Document::read(&text, "made.yaml").unwrap().0
}

/// What a document says of a call, as one line: `GET /orders/{id}`, `only …`, `removed …` or `-`.
fn said(document: &Document, call: &str) -> String {
    let mut parts = call.splitn(3, ' ');
    let (method, path, host) = (parts.next().unwrap(), parts.next().unwrap(), parts.next());
    let route = |path: usize| document.route(path).unwrap();
    match document.match_call(method, host, path) {
        DocumentMatch::Operation { path, operation, rival } => {
            let rival = rival.map(|rival| match rival.why {
                Doubt::Tie => format!(" ~ {}", route(rival.path)),
                Doubt::Method => format!(" < {}", route(rival.path)),
            });
            let method = &document.operations()[operation].method;
            format!("{method} {}{}", route(path), rival.unwrap_or_default())
        }
        DocumentMatch::Removed { path } => format!("removed {}", route(path)),
        DocumentMatch::PathOnly { path } => format!("only {}", route(path)),
        DocumentMatch::None => "-".to_owned(),
    }
}

/// Name, server, paths, and what is said of calls: `~` marks a tie, `<` a fall-through past a more literal path.
type Case = (&'static str, &'static str, &'static [&'static str], &'static [(&'static str, &'static str)]);

const CASES: &[Case] = &[
    ("root", "", &["/: get"], &[("GET /", "GET /"), ("GET //", "GET /"), ("GET /x", "-")]),
    ("empty path", "", &["/: get"], &[("GET ", "GET /")]),
    ("asterisk form", "", &["/{x}: get"], &[("OPTIONS *", "only /{x}")]),
    ("a name", "", &["/orders: get"], &[("GET /orders", "GET /orders"), ("GET /order", "-"), ("GET /orderss", "-")]),
    ("case of a name", "", &["/Orders: get"], &[("GET /orders", "-"), ("GET /Orders", "GET /Orders")]),
    ("case of a method", "", &["/a: get"], &[("get /a", "only /a"), ("Get /a", "only /a")]),
    ("trailing slash of the call", "", &["/orders: get"], &[("GET /orders/", "GET /orders")]),
    ("trailing slash of the document", "", &["/orders/: get"], &[("GET /orders", "GET /orders")]),
    ("doubled slashes", "", &["/a/{b}/c: get"], &[("GET //a///x/c", "GET /a/{b}/c")]),
    ("no empty parameter", "", &["/a/{b}: get"], &[("GET /a/", "-"), ("GET /a", "-")]),
    ("a parameter", "", &["/a/{b}: get"], &[("GET /a/x", "GET /a/{b}"), ("GET /a/x/y", "-")]),
    ("base path", "servers: [{url: /api}]", &["/x: get"], &[("GET /api/x", "GET /api/x"), ("GET /x", "-")]),
    (
        "base path ends at a segment",
        "servers: [{url: /api}]",
        &["/{x}: get"],
        &[("GET /apix", "-"), ("GET /apix/y", "-")],
    ),
    (
        "base path alone",
        "servers: [{url: /api}]",
        &["/: get", "/{x}: get"],
        &[("GET /api", "GET /api"), ("GET /api/", "GET /api")],
    ),
    (
        "base path of two segments",
        "servers: [{url: 'https://a.test/api/v1/'}]",
        &["/x: get"],
        &[("GET /api/v1/x", "GET /api/v1/x"), ("GET /api/x", "-")],
    ),
    ("two base paths", "servers: [{url: /v1}, {url: /v2}]", &["/x: get"], &[("GET /v2/x", "GET /v1/x")]),
    (
        "base path by variable",
        "servers: [{url: '/{v}', variables: {v: {default: v1, enum: [v1, v2]}}}]",
        &["/x: get"],
        &[("GET /v2/x", "GET /v1/x"), ("GET /v3/x", "-")],
    ),
    ("base path encoded", "servers: [{url: /a%20b}]", &["/x: get"], &[("GET /a%20b/x", "GET /a%20b/x")]),
    ("base path relative", "servers: [{url: ./v1}]", &["/x: get"], &[("GET /v1/x", "GET /v1/x")]),
    (
        "name before parameter",
        "",
        &["/a/{b}: get", "/a/me: get"],
        &[("GET /a/me", "GET /a/me"), ("GET /a/you", "GET /a/{b}")],
    ),
    ("name before parameter, other order", "", &["/a/me: get", "/a/{b}: get"], &[("GET /a/me", "GET /a/me")]),
    (
        "the leftmost name decides",
        "",
        &["/{a}/x: get", "/a/{b}: get"],
        &[("GET /a/x", "GET /a/{b}"), ("GET /b/x", "GET /{a}/x")],
    ),
    ("a name that leads nowhere", "", &["/a/b/c: get", "/{x}/b/d: get"], &[("GET /a/b/d", "GET /{x}/b/d")]),
    (
        "a long way back",
        "",
        &["/a/{b}/c/d: get", "/a/b/{c}/e: get", "/{a}/{b}/{c}/f: get"],
        &[
            ("GET /a/b/c/f", "GET /{a}/{b}/{c}/f"),
            ("GET /a/b/c/e", "GET /a/b/{c}/e"),
            ("GET /a/b/c/d", "GET /a/{b}/c/d"),
        ],
    ),
    (
        "method falls through",
        "",
        &["/a/me: post", "/a/{b}: get"],
        &[("GET /a/me", "GET /a/{b} < /a/me"), ("POST /a/me", "POST /a/me")],
    ),
    (
        "method falls through two",
        "",
        &["/a/b: put", "/a/{b}: post", "/{a}/b: get"],
        &[("GET /a/b", "GET /{a}/b < /a/b")],
    ),
    (
        "method nowhere",
        "",
        &["/a/me: post", "/a/{b}: get"],
        &[("PUT /a/me", "only /a/me"), ("PUT /a/x", "only /a/{b}")],
    ),
    ("HEAD is GET", "", &["/a: get"], &[("HEAD /a", "GET /a")]),
    ("HEAD of its own", "", &["/a: get head"], &[("HEAD /a", "HEAD /a")]),
    ("HEAD of a less literal path", "", &["/a: get", "/{x}: head"], &[("HEAD /a", "HEAD /{x} < /a")]),
    ("OPTIONS", "", &["/a: get options"], &[("OPTIONS /a", "OPTIONS /a")]),
    ("method of 3.2", "", &["/a: query"], &[("QUERY /a", "QUERY /a")]),
    (
        "suffix",
        "",
        &["/{id}.json: get", "/{id}: get"],
        &[("GET /7.json", "GET /{id}.json"), ("GET /7.xml", "GET /{id}"), ("GET /.json", "GET /{id}")],
    ),
    ("suffix that repeats", "", &["/{id}.json: get"], &[("GET /a.json.json", "GET /{id}.json")]),
    ("prefix", "", &["/v{n}: get"], &[("GET /v1", "GET /v{n}"), ("GET /v", "-"), ("GET /x1", "-")]),
    (
        "two in a segment",
        "",
        &["/{a}-{b}: get"],
        &[("GET /1-2", "GET /{a}-{b}"), ("GET /1-", "-"), ("GET /-2", "-"), ("GET /1-2-3", "GET /{a}-{b}")],
    ),
    (
        "three in a segment",
        "",
        &["/{y}-{m}-{d}: get"],
        &[("GET /2026-11-24", "GET /{y}-{m}-{d}"), ("GET /2026-11", "-")],
    ),
    ("two side by side", "", &["/{a}{b}: get"], &[("GET /xy", "GET /{a}{b}")]),
    (
        "bounding box",
        "",
        &["/{a},{b},{c}: get"],
        &[("GET /1,2,3", "GET /{a},{b},{c}"), ("GET /1%2C2%2C3", "GET /{a},{b},{c}")],
    ),
    (
        "verb behind a parameter",
        "",
        &["/a/{id}:cancel: post", "/a/{id}: post"],
        &[
            ("POST /a/7:cancel", "POST /a/{id}:cancel"),
            ("POST /a/7%3Acancel", "POST /a/{id}:cancel"),
            ("POST /a/7", "POST /a/{id}"),
        ],
    ),
    (
        "verb behind a name",
        "",
        &["/a:batch: post", "/{x}: post"],
        &[("POST /a:batch", "POST /a:batch"), ("POST /a", "POST /{x}")],
    ),
    (
        "longer literal of two mixed",
        "",
        &["/{a}.json: get", "/{a}.min.json: get"],
        &[("GET /x.min.json", "GET /{a}.min.json")],
    ),
    (
        "mixed of one length tie",
        "",
        &["/{a}-{b}: get", "/{a}.{b}: get"],
        &[("GET /1-2.3", "GET /{a}-{b} ~ /{a}.{b}"), ("GET /1-2", "GET /{a}-{b}"), ("GET /1.2", "GET /{a}.{b}")],
    ),
    (
        "a later segment decides a tie",
        "",
        &["/{a}-{b}/{c}: get", "/{a}.{b}/x: get"],
        &[("GET /1-2.3/x", "GET /{a}.{b}/x"), ("GET /1-2.3/y", "GET /{a}-{b}/{c}")],
    ),
    (
        "a tie of which one lacks the method",
        "",
        &["/{a}-{b}: put", "/{a}.{b}: get"],
        &[("GET /1-2.3", "GET /{a}.{b}"), ("POST /1-2.3", "only /{a}-{b}")],
    ),
    ("encoded name", "", &["/a b: get"], &[("GET /a%20b", "GET /a b"), ("GET /a+b", "-")]),
    ("encoded letter", "", &["/orders: get"], &[("GET /%6Frders", "GET /orders"), ("GET /%6frders", "GET /orders")]),
    ("encoded slash is no slash", "", &["/a/{b}: get", "/a/{b}/{c}: get"], &[("GET /a/x%2Fy", "GET /a/{b}")]),
    (
        "encoded in the document",
        "",
        &["/caf%C3%A9: get"],
        &[("GET /café", "GET /caf%C3%A9"), ("GET /caf%c3%a9", "GET /caf%C3%A9")],
    ),
    (
        "broken encoding",
        "",
        &["/a/{b}: get", "/100%: get"],
        &[("GET /a/%zz", "GET /a/{b}"), ("GET /a/%", "GET /a/{b}"), ("GET /100%", "GET /100%")],
    ),
    ("encoded bytes that are no text", "", &["/a/{b}: get"], &[("GET /a/%ff%fe", "GET /a/{b}")]),
    (
        "matrix parameter of a name",
        "",
        &["/cars: get"],
        &[("GET /cars;color=red", "GET /cars"), ("GET /cars;jsessionid=1;x", "GET /cars")],
    ),
    (
        "matrix parameter in the document",
        "",
        &["/cars{color}: get", "/cars: get"],
        &[("GET /cars;color=red", "GET /cars"), ("GET /cars", "GET /cars")],
    ),
    ("matrix parameter alone", "", &["/map/{point}: get"], &[("GET /map/;x=1;y=2", "GET /map/{point}")]),
    ("label parameter", "", &["/a{.ext}: get"], &[("GET /a.json", "GET /a{.ext}")]),
    ("semicolon in a name", "", &["/a;b: get", "/a: get"], &[("GET /a;b", "GET /a;b"), ("GET /a;c", "GET /a")]),
    ("a dot is a name", "", &["/.well-known/{x}: get"], &[("GET /.well-known/jwks.json", "GET /.well-known/{x}")]),
    ("dots are not resolved", "", &["/a: get"], &[("GET /b/../a", "-")]),
    (
        "rest of the path, gateway",
        "",
        &["/files/{path+}: get", "/files/{id}: get"],
        &[("GET /files/a/b/c", "GET /files/{path+}"), ("GET /files/a", "GET /files/{id}"), ("GET /files", "-")],
    ),
    (
        "rest of the path, frameworks",
        "",
        &["/a/{*path}: get", "/b/{+path}: get", "/c/{path:.*}: get"],
        &[("GET /a/1/2", "GET /a/{*path}"), ("GET /b/1/2", "GET /b/{+path}"), ("GET /c/1/2", "GET /c/{path:.*}")],
    ),
    (
        "rest of the path comes last",
        "",
        &["/{path+}: get", "/a/{x}/c: get"],
        &[("GET /a/b/c", "GET /a/{x}/c"), ("GET /a/b/d", "GET /{path+}")],
    ),
    (
        "rest of the path lacks the method",
        "",
        &["/{path+}: put", "/{x}: get"],
        &[("GET /a", "GET /{x}"), ("PUT /a", "PUT /{path+} < /{x}")],
    ),
    ("query in the document", "", &["/a?x=1: get", "/a?x=2: post"], &[("GET /a", "GET /a"), ("POST /a", "POST /a")]),
    ("many segments", "", &["/a/{r+}: get"], &[("GET /a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v", "GET /a/{r+}")]),
    ("one name for two places", "", &["/a/{id}/b/{id}: get"], &[("GET /a/1/b/2", "GET /a/{id}/b/{id}")]),
    (
        "same template, other names",
        "",
        &["/a/{x}: get", "/a/{y}: put"],
        &[("PUT /a/1", "PUT /a/{x}"), ("GET /a/1", "GET /a/{x}")],
    ),
    ("letters beyond ASCII", "", &["/größe/{x}: get"], &[("GET /gr%C3%B6%C3%9Fe/1", "GET /größe/{x}")]),
];

#[test]
fn every_case_is_matched() {
    let mut wrong = String::new();
    for (name, servers, paths, calls) in CASES {
        let document = made(servers, paths);
        for (call, expected) in *calls {
            let found = said(&document, call);
            if found != *expected {
                let _ = writeln!(wrong, "{name}: {call} is {found}, not {expected}");
            }
        }
    }
    assert!(CASES.len() >= 60, "{}", CASES.len());
    assert_eq!(wrong, "");
}

/// A document of one path for each parameter schema of a segment, all with GET.
fn schemas(segment: &str, rules: &[(&str, &str)]) -> (Document, Vec<DocumentFault>) {
    let mut text = "openapi: 3.1.0\ninfo: {title: T}\npaths:\n".to_owned();
    for (name, schema) in rules {
        let path = segment.replace("{}", &format!("{{{name}}}"));
        let _ =
            writeln!(text, "  \"{path}\": {{get: {{parameters: [{{name: {name}, in: path, schema: {{{schema}}}}}]}}}}");
    }
    let document = Document::read(&format!("{text}components: {{schemas: {{Id: {{type: integer}}}}}}\n"), "made.yaml");
    document.unwrap()
}

#[test]
fn schemas_tell_equal_templates_apart() {
    let (document, faults) = schemas("/u/{}", &[("id", "type: integer"), ("name", "type: string")]);
    assert_eq!(said(&document, "GET /u/7"), "GET /u/{id} ~ /u/{name}", "a number is a string too");
    assert_eq!(said(&document, "GET /u/bob"), "GET /u/{name}");
    assert!(matches!(faults.as_slice(), [fault] if fault.fault.is_note()), "{faults:?}");

    let (document, _) = schemas("/u/{}", &[("name", "pattern: '^[a-z]+$'"), ("id", "$ref: '#/components/schemas/Id'")]);
    assert_eq!(said(&document, "GET /u/7"), "GET /u/{id}");
    assert_eq!(said(&document, "GET /u/bob"), "GET /u/{name}");
    assert_eq!(said(&document, "GET /u/B0B"), "GET /u/{name} ~ /u/{id}", "neither accepts it");
    assert_eq!(said(&document, "PUT /u/7"), "only /u/{name}");

    let (document, _) = schemas("/u/{}.json", &[("kind", "enum: [all, none]"), ("id", "format: uuid")]);
    assert_eq!(said(&document, "GET /u/none.json"), "GET /u/{kind}.json");
    assert_eq!(said(&document, "GET /u/3fa85f64-5717-4562-b3fc-2c963f66afa6.json"), "GET /u/{id}.json");

    let (document, faults) = schemas("/u/{}", &[("a", "type: string"), ("b", "type: string")]);
    assert_eq!(document.operations().len(), 1, "what can never be told apart is one operation");
    assert!(matches!(&faults[0].fault, Fault::SameTemplate(_)), "{faults:?}");
}

#[test]
fn schemas_tell_mixed_templates_apart() {
    let text = r"
openapi: 3.0.0
info: {title: T}
paths:
  /{day}.{rest}: {get: {parameters: [{name: day, in: path, schema: {type: string, format: date}}, {name: rest, in: path}]}}
  /{name}-{n}: {get: {parameters: [{name: name, in: path}, {name: n, in: path, schema: {type: integer}}]}}
";
    let (document, faults) = Document::read(text, "t.yaml").unwrap();
    assert_eq!(said(&document, "GET /2026-11-24.x"), "GET /{day}.{rest}", "`11-24.x` is no integer");
    assert_eq!(said(&document, "GET /a.b-7"), "GET /{name}-{n}", "`a` is no date");
    assert_eq!(said(&document, "GET /a.b-c"), "GET /{day}.{rest} ~ /{name}-{n}", "both refuse");
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    expect!["line 6, at `/paths/~1{name}-{n}`: a path may fit this and `/{day}.{rest}`, and neither is more literal; such a call is marked ambiguous"].assert_eq(&told.join("\n"));
}
