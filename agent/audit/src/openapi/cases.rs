//! Hard cases of documents, each with a name: what a document says of a call.

use std::collections::BTreeMap;
use std::fmt::Write;

use expect_test::{Expect, expect};

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

/// A document and the files that it refers to.
fn with_files(text: &str, files: &[(&str, &str)]) -> (Document, Vec<DocumentFault>, Vec<String>) {
    let files: BTreeMap<&str, &str> = files.iter().copied().collect();
    let mut opened = Vec::new();
    let source = Source::parse(text, "main.yaml", &mut |name: &str| {
        opened.push(name.to_owned());
        files.get(name).map(|text| (*text).to_owned()).ok_or_else(|| "there is no such file".into())
    });
    let (document, faults) = Document::of(&[&source.unwrap()]).unwrap();
    (document, faults, opened)
}

fn show(document: &Document, faults: &[DocumentFault]) -> String {
    let mut text = String::new();
    for operation in document.operations() {
        let _ = write!(text, "{} {}", operation.method, document.route(operation.path).unwrap());
        let _ = writeln!(text, "{}", if operation.deprecated { " deprecated" } else { "" });
    }
    for fault in faults {
        let _ = writeln!(text, "- {fault}");
    }
    text
}

#[expect(clippy::needless_pass_by_value, reason = "expect! is written in place")]
fn check(text: &str, expected: Expect) {
    match Document::read(text, "main.yaml") {
        Ok((document, faults)) => expected.assert_eq(&show(&document, &faults)),
        Err(error) => expected.assert_eq(&error.to_string()),
    }
}

#[test]
fn references_lead_into_other_files() {
    let text = r#"
openapi: 3.1.0
info: {title: T}
paths:
  /a/{id}: {$ref: "paths/a.yaml"}
  /b: {$ref: "./paths/b.json#/items/b"}
  /c: {$ref: "paths/a.yaml#/none"}
  /d: {$ref: "paths/none.yaml"}
  /e: {$ref: "../outside.yaml"}
  /f: {$ref: "https://example.com/f.yaml"}
  /g: {$ref: "/etc/passwd"}
  /h: {$ref: "paths/../../x.yaml"}
  /i: {$ref: "paths/%2e%2e/%2e%2e/x.yaml"}
  /j: {$ref: "paths/broken.yaml"}
"#;
    let files = [
        (
            "paths/a.yaml",
            "parameters: [{$ref: '../common.yaml#/parameters/id'}]\nget: {deprecated: true}\nput: {deprecated: 7}\n",
        ),
        ("paths/b.json", "{\"items\": {\"b\":\n {\"post\": {},\n \"pst\": {}}}}"),
        ("paths/broken.yaml", "a: [\n"),
        (
            "common.yaml",
            "parameters: {id: {name: id, in: path, schema: {$ref: 'gone.yaml'}}, self: {$ref: 'main.yaml#/info'}}\n",
        ),
    ];
    let (document, faults, opened) = with_files(text, &files);
    expect![[r"
        GET /a/{id} deprecated
        PUT /a/{id}
        POST /b
        - paths/a.yaml, line 3, at `/put/deprecated`: expected true or false; left out
        - paths/b.json, line 3, at `/items/b/pst`: `pst` is no method and no member of a path item; left out
        - line 7, at `/paths/~1c`: reference `paths/a.yaml#/none` leads nowhere
        - line 8, at `/paths/~1d`: file `paths/none.yaml` is not used: there is no such file
        - line 9, at `/paths/~1e`: reference `../outside.yaml` leads out of the document's folder: not followed
        - line 10, at `/paths/~1f`: reference to a URL (`https://example.com/f.yaml`): not followed
        - line 11, at `/paths/~1g`: reference `/etc/passwd` leads out of the document's folder: not followed
        - line 12, at `/paths/~1h`: reference `paths/../../x.yaml` leads out of the document's folder: not followed
        - line 13, at `/paths/~1i`: reference `paths/%2e%2e/%2e%2e/x.yaml` leads out of the document's folder: not followed
        - line 14, at `/paths/~1j`: file `paths/broken.yaml` is not used: line 1, column 4: unclosed bracket '['
        - common.yaml, line 1, at `/parameters/id/schema`: file `gone.yaml` is not used: there is no such file
    "]].assert_eq(&show(&document, &faults));
    assert_eq!(
        opened,
        ["paths/a.yaml", "paths/b.json", "paths/none.yaml", "paths/broken.yaml", "common.yaml", "gone.yaml"],
        "each file once, in the order of the references, and none outside"
    );
}

#[test]
fn references_in_a_circle_end() {
    let text = "openapi: 3.1.0\ninfo: {title: T}\npaths: {/a: {$ref: 'x.yaml'}, /b: {$ref: 'y.yaml#/b'}}\n";
    let files = [("x.yaml", "{$ref: 'y.yaml'}".replace(['{', '}'], ""))];
    let files = [("x.yaml", files[0].1.as_str()), ("y.yaml", "$ref: 'x.yaml'\nb: {get: {}}\n")];
    let (document, faults, opened) = with_files(text, &files);
    assert_eq!(opened.len(), 2);
    expect![[r"
        GET /b
        - line 3, at `/paths/~1a`: references lead in a circle
    "]]
    .assert_eq(&show(&document, &faults));
}

#[test]
fn files_have_bounds() {
    let mut text = "openapi: 3.1.0\ninfo: {title: T}\npaths:\n".to_owned();
    for file in 0..Source::FILES_MAX + 3 {
        let _ = writeln!(text, "  /p{file}: {{$ref: 'f{file}.yaml'}}");
    }
    let mut opened = 0;
    let source = Source::parse(&text, "main.yaml", &mut |_| {
        opened += 1;
        Ok("get: {}\n".to_owned())
    });
    let (document, faults) = Document::of(&[&source.unwrap()]).unwrap();
    assert_eq!((opened, document.operations().len()), (Source::FILES_MAX - 1, Source::FILES_MAX - 1));
    let is_bound = |fault: &&DocumentFault| matches!(fault.fault, Fault::TooManyFiles(Source::FILES_MAX, _));
    assert_eq!(faults.iter().filter(is_bound).count(), 4);

    let text = "openapi: 3.1.0\ninfo: {title: T}\npaths: {/a: {$ref: 'a.yaml'}, /b: {$ref: 'b.yaml'}}\n";
    let half = format!("get: {{}}\n#{}", "x".repeat(Document::BYTES_MAX / 2));
    let source = Source::parse(text, "main.yaml", &mut |_| Ok(half.clone()));
    let (document, faults) = Document::of(&[&source.unwrap()]).unwrap();
    assert_eq!(document.operations().len(), 1);
    assert!(faults.iter().any(|fault| matches!(fault.fault, Fault::TooManyBytes(..))), "{faults:?}");
}

#[test]
fn a_documents_own_url_names_its_files_and_its_servers() {
    let text = "openapi: 3.2.0\n$self: https://api.example.com/specs/v2/main.yaml\ninfo: {title: T}\n\
                servers: [{url: ../../v2}]\npaths: {/a: {$ref: 'https://api.example.com/specs/v2/a.yaml'}}\n";
    let (document, faults, opened) = with_files(text, &[("a.yaml", "get: {}\n")]);
    assert_eq!((show(&document, &faults).as_str(), opened.len()), ("GET /v2/a\n", 1));
    assert!(document.serves("api.example.com") && !document.serves("example.com"));
}

#[test]
fn what_is_new_in_3_2_is_read() {
    check(
        r##"
openapi: 3.2.0
info: {title: T}
tags: [{name: a, kind: nav}, {name: b, parent: a}, {name: c, parent: d}, {name: e, parent: f}, {name: f, parent: e}]
paths:
  /a:
    query: {}
    additionalOperations: {COPY: {deprecated: true}, Lock: {}, GET: {}, "a b": {}, "": {}}
  /b: {additionalOperations: []}
  /stream: {get: {responses: {200: {description: d, content: {application/jsonl: {itemSchema: {type: object}}}}}}}
components: {mediaTypes: {m: {itemSchema: {$ref: "#/gone"}}}}
"##,
        expect![[r"
            QUERY /a
            COPY /a deprecated
            Lock /a
            GET /a
            GET /stream
            - line 4, at `/tags/2/parent`: parent `d` is no tag
            - line 4, at `/tags/3/parent`: the parents of tag `e` lead in a circle
            - line 4, at `/tags/4/parent`: the parents of tag `f` lead in a circle
            - line 8, at `/paths/~1a/additionalOperations/GET`: `GET` has a member of its own in a path item; read as if it stood there
            - line 8, at `/paths/~1a/additionalOperations/a b`: expected a method as its name; left out
            - line 8, at `/paths/~1a/additionalOperations/`: expected a method as its name; left out
            - line 9, at `/paths/~1b/additionalOperations`: expected a mapping; left out
            - line 11, at `/components/mediaTypes/m/itemSchema`: reference `#/gone` leads nowhere
        "]],
    );
}

#[test]
fn operations_may_have_servers_of_their_own() {
    let text = r#"
openapi: 3.0.3
info: {title: T}
servers: [{url: "https://api.example.com/v1"}]
paths:
  /a:
    get: {}
    put: {servers: [{url: "https://upload.example.com/v1"}]}
    post: {servers: [{url: "https://upload.example.com/up"}, {url: /up2}]}
  /b:
    servers: [{url: /other}]
    get: {}
    put: {servers: [{url: /v1}]}
"#;
    let (document, faults) = Document::read(text, "t.yaml").unwrap();
    assert_eq!(faults, []);
    for (call, expected) in [
        ("GET /v1/a", "GET /v1/a"),
        ("PUT /v1/a", "PUT /v1/a"),
        ("POST /v1/a", "only /v1/a"),
        ("POST /up/a", "POST /up/a"),
        ("POST /up2/a", "POST /up/a"),
        ("GET /up/a", "only /up/a"),
        ("GET /other/b", "GET /other/b"),
        ("GET /v1/b", "only /v1/b"),
        ("PUT /v1/b", "PUT /v1/b"),
    ] {
        assert_eq!(said(&document, call), expected, "{call}");
    }
    assert!(document.serves("upload.example.com"));
}

#[test]
fn swagger_is_read() {
    let text = r##"
swagger: "2.0"
info: {title: Pets, version: "1"}
host: petstore.example.com:8080
basePath: /v2/
schemes: [http, https]
consumes: [application/json]
securityDefinitions: {key: {type: apiKey, in: header, name: X-Key}}
security: [{key: []}]
parameters: {id: {name: id, in: path, required: true, type: integer}}
paths:
  /pets:
    post: {consumes: [application/json; charset=utf-8], parameters: [{in: body, name: pet, schema: {$ref: "#/definitions/Pet"}}]}
    get: {deprecated: true, security: []}
  /pets/{id}: {parameters: [{$ref: "#/parameters/id"}], get: {}}
  /pets/{name}: {get: {parameters: [{name: name, in: path, required: true, type: string}]}}
definitions: {Pet: {type: object}}
"##;
    let (document, faults) = Document::read(text, "pets.yaml").unwrap();
    expect![[r"
        POST /v2/pets
        GET /v2/pets deprecated
        GET /v2/pets/{id}
        GET /v2/pets/{name}
        - line 16, at `/paths/~1pets~1{name}/get`: same template and method as `/v2/pets/{id}`; the schemas of the parameters tell them apart, and where both fit, the call is marked ambiguous
    "]].assert_eq(&show(&document, &faults));
    assert!(document.serves("petstore.example.com:8080") && !document.serves("petstore.example.com"));
    assert_eq!(said(&document, "GET /v2/pets/7"), "GET /v2/pets/{id} ~ /v2/pets/{name}");
    assert_eq!(said(&document, "GET /v2/pets/tom"), "GET /v2/pets/{name}");
    assert_eq!(document.operations()[0].security.as_deref(), Some(&[vec!["key".into()]][..]));
    assert_eq!(document.operations()[1].security.as_deref(), Some(&[][..]));

    check(
        "swagger: 2.0\ninfo: {title: T}\nhost: 'https://a.test/x'\nbasePath: v1\npaths: {/a: {get: {}}}",
        expect![[r"
            GET /v1/a
            - line 1, at `/swagger`: the version is a number; write it in quotes
            - line 4, at `/basePath`: server URL `v1` is neither absolute nor begins with `/`; read as a path
            - line 3, at `/host`: host `https://a.test/x` holds more than a host and a port; the rest is left out
        "]],
    );
    check(
        "swagger: '2.0'\ninfo: {title: T}\nhost: [a]\nbasePath: 7\npaths: {/a: {get: {}}}",
        expect![[r"
        GET /a
        - line 4, at `/basePath`: expected a string; left out
        - line 3, at `/host`: expected a string; left out
    "]],
    );
    check(
        "swagger: '2.0'\ninfo: {title: T}\nhost: 'a.test'\nbasePath: https://a.test/v1\npaths: {/a: {get: {}}}",
        expect![[r"
            GET /v1/a
            - line 4, at `/basePath`: server URL `https://a.test/v1` is neither absolute nor begins with `/`; read as a path
        "]],
    );
}

fn versions(first: &str, second: &str) -> (Document, Vec<DocumentFault>) {
    let parse = |text: &str, name: &str| Source::parse(text, name, &mut |_| Err("none".into())).unwrap();
    Document::of(&[&parse(first, "v1.yaml"), &parse(second, "v2.yaml")]).unwrap()
}

#[test]
fn versions_are_told_apart_by_base_path() {
    let text = |v: &str, more: &str| {
        format!("openapi: 3.0.0\ninfo: {{title: T{v}}}\nservers: [{{url: /{v}}}]\npaths: {{/a: {{get: {{}}}}{more}}}\n")
    };
    let (document, faults) = versions(&text("v1", ", /old: {get: {}}"), &text("v2", ""));
    assert_eq!((&*document.title, faults.len()), ("Tv1", 0));
    for (call, expected) in [
        ("GET /v1/a", "GET /v1/a"),
        ("GET /v2/a", "GET /v2/a"),
        ("GET /v1/old", "GET /v1/old"),
        ("GET /v2/old", "-"),
        ("GET /a", "-"),
    ] {
        assert_eq!(said(&document, call), expected, "{call}");
    }
    assert_eq!(document.operations()[2].place, Place { source: 1, file: 0, pointer: "/paths/~1a/get".into() });
}

#[test]
fn versions_are_told_apart_by_authority() {
    let text = |v: &str, more: &str| {
        let server = format!("https://{v}.example.com/api");
        format!(
            "openapi: 3.0.0\ninfo: {{title: T}}\nservers: [{{url: '{server}'}}]\npaths: {{/a: {{get: {{}}{more}}}}}\n"
        )
    };
    let (document, faults) = versions(&text("v1", ", put: {}"), &text("v2", ""));
    assert_eq!(faults, []);
    for (call, expected) in [
        ("GET /api/a v1.example.com", "GET //v1.example.com/api/a"),
        ("GET /api/a v2.example.com", "GET //v2.example.com/api/a"),
        ("PUT /api/a v1.example.com", "PUT //v1.example.com/api/a"),
        ("PUT /api/a v2.example.com", "only //v2.example.com/api/a"),
        ("GET /api/a 10.0.0.1:8080", "GET //v1.example.com/api/a ~ //v2.example.com/api/a"),
        ("PUT /api/a 10.0.0.1:8080", "PUT //v1.example.com/api/a"),
    ] {
        assert_eq!(said(&document, call), expected, "{call}");
    }
    // A stored endpoint finds itself again.
    for operation in document.operations() {
        let found = document.match_path(operation.method.as_str(), document.route(operation.path).unwrap());
        assert_eq!(found.path(), Some(operation.path));
    }
}

#[test]
fn one_operation_in_two_documents_counts_once() {
    let text = "openapi: 3.0.0\ninfo: {title: T}\npaths: {/a: {get: {}}, /b: {get: {}}}\n";
    let (document, faults) = versions(text, &text.replace("/b", "/c"));
    let routes: Vec<&str> =
        document.operations().iter().map(|operation| document.route(operation.path).unwrap()).collect();
    assert_eq!(routes, ["/a", "/b", "/c"]);
    assert!(matches!(&faults[..], [fault] if fault.fault == Fault::OtherDocument("v1.yaml".into())), "{faults:?}");
}

#[test]
fn what_an_earlier_version_had_is_removed() {
    let earlier = "openapi: 3.0.0\ninfo: {title: T}\nservers: [{url: /v1}, {url: /v2}]\npaths:\n  /a: {get: {}, put: {}}\n  /b/{id}: {get: {}}\n  /c/{x}: {get: {}}\n  /d: {get: {}}\n";
    let present =
        "openapi: 3.0.0\ninfo: {title: T}\nservers: [{url: /v2}]\npaths:\n  /a: {get: {}}\n  /c/{other}: {get: {}}\n";
    let (earlier, _) = Document::read(earlier, "old.yaml").unwrap();
    let kept = Earlier::parse(&earlier.earlier().write());
    assert_eq!(kept, earlier.earlier());
    let document = Document::read(present, "new.yaml").unwrap().0.after(&kept);
    for (call, expected) in [
        ("GET /v2/a", "GET /v2/a"),
        ("PUT /v2/a", "removed /v2/a"),
        ("PUT /v1/a", "removed /v1/a"),
        ("GET /v1/a", "removed /v1/a"),
        ("GET /v2/b/7", "removed /v2/b/{id}"),
        ("HEAD /v1/b/7", "removed /v1/b/{id}"),
        ("POST /v2/b/7", "-"),
        ("GET /v2/c/7", "GET /v2/c/{other}"),
        ("GET /v2/d", "removed /v2/d"),
        ("DELETE /v2/a", "only /v2/a"),
        ("GET /v3/d", "-"),
    ] {
        assert_eq!(said(&document, call), expected, "{call}");
    }
    let removed: Vec<String> = document.removed().map(|(method, route)| format!("{method} {route}")).collect();
    assert_eq!(
        removed,
        [
            "PUT /v2/a",
            "GET /v1/a",
            "PUT /v1/a",
            "GET /v1/b/{id}",
            "GET /v2/b/{id}",
            "GET /v1/c/{x}",
            "GET /v1/d",
            "GET /v2/d",
        ]
    );

    let mut all = earlier.earlier();
    assert!(all.add(&document.earlier()) && all == earlier.earlier(), "nothing new");
    assert_eq!(Earlier::parse("GET\nnothing\n\tx\n").write(), "\tx\n");
}

#[test]
fn an_earlier_version_has_a_bound() {
    let line = |n: usize| format!("GET\t/p{n}\n");
    let all: String = (0..Earlier::OPERATIONS_MAX + 5).map(line).collect();
    let full = Earlier::parse(&all);
    assert_eq!(full.write().lines().count(), Earlier::OPERATIONS_MAX);
    let mut all = full.clone();
    assert!(!all.add(&Earlier::parse("GET\t/more\n")));
    assert_eq!(all, full);
    let document = Document::default().after(&full);
    assert_eq!(document.removed().count(), Earlier::OPERATIONS_MAX);
}
