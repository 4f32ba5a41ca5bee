//! Documents good and broken, and the matcher against one that tries everything.

use std::fmt::Write;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::matcher::{Part, fits};
use super::*;

const ORDERS: &str = r##"
openapi: 3.0.3
info: {title: Orders, version: "1", x-owner: team-orders}
servers:
  - url: https://{env}.example.com:{port}/api/v1/
    variables:
      env: {default: prod, enum: [prod, stage]}
      port: {default: "8443"}
  - url: /v1
security: [{key: []}, {oauth: [read], mtls: []}]
paths:
  /orders:
    get: {responses: {200: {description: ok}}}
    post: {deprecated: true, security: [], x-owner: team-cart}
  /orders/{id}:
    parameters: [{$ref: "#/components/parameters/id"}]
    get: {}
    delete: {security: [{}]}
  /orders/search:
    post: {}
  /orders/{id}/items/{item}.json:
    $ref: "#/components/pathItems/item"
  /files/{name}.{ext}:
    parameters: [{name: name, in: path}, {name: ext, in: path}]
    get: {}
  /ranges/{a}-{b}:
    parameters: [{name: a, in: path}, {name: b, in: path}]
    get: {}
  /a%20b/{x}:
    parameters: [{name: x, in: path}]
    get: {}
  /:
    get: {}
components:
  parameters:
    id: {name: id, in: path}
  pathItems:
    item:
      parameters: [{$ref: "#/components/parameters/id"}, {name: item, in: path}]
      put: {}
"##;

fn orders() -> Document {
    let (document, faults) = Document::read(ORDERS, "orders.yaml").unwrap();
    let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
    let note = "line 20, at `/paths/~1orders~1search`: GET, DELETE of this path is taken for `/api/v1/orders/{id}`, which has that method; \
                such a call is marked ambiguous";
    assert_eq!(faults, [note]);
    document
}

fn shown(document: &Document) -> String {
    let mut text = format!("{}\n", document.title);
    for operation in document.operations() {
        let route = document.route(operation.path).unwrap();
        let _ = write!(text, "{} {route}", operation.method);
        if operation.deprecated {
            text.push_str(" deprecated");
        }
        if let Some(owner) = operation.owner.as_ref().or(operation.document_owner.as_ref()) {
            let _ = write!(text, " owner={owner}");
        }
        if let Some(security) = &operation.security {
            let _ = write!(text, " security={security:?}");
        }
        text.push('\n');
    }
    text
}

#[test]
fn a_document_is_read_whole() {
    expect![[r#"
        Orders
        GET /api/v1/orders owner=team-orders security=[["key"], ["oauth", "mtls"]]
        POST /api/v1/orders deprecated owner=team-cart security=[]
        GET /api/v1/orders/{id} owner=team-orders security=[["key"], ["oauth", "mtls"]]
        DELETE /api/v1/orders/{id} owner=team-orders security=[[]]
        POST /api/v1/orders/search owner=team-orders security=[["key"], ["oauth", "mtls"]]
        PUT /api/v1/orders/{id}/items/{item}.json owner=team-orders security=[["key"], ["oauth", "mtls"]]
        GET /api/v1/files/{name}.{ext} owner=team-orders security=[["key"], ["oauth", "mtls"]]
        GET /api/v1/ranges/{a}-{b} owner=team-orders security=[["key"], ["oauth", "mtls"]]
        GET /api/v1/a%20b/{x} owner=team-orders security=[["key"], ["oauth", "mtls"]]
        GET /api/v1 owner=team-orders security=[["key"], ["oauth", "mtls"]]
    "#]]
    .assert_eq(&shown(&orders()));
}

#[test]
fn json_is_read_like_yaml() {
    let json = r##"{
        "openapi": "3.1.0", "info": {"title": "T", "version": "1"},
        "paths": {"/a/{x}": {"get": {"parameters": [{"name": "x", "in": "path"}], "responses": {"200": {}}},
                             "$ref": "#/components/pathItems/gone"}},
        "servers": [{"url": "v2"}]
    }"##;
    let (document, faults) = Document::read(json, "t.json").unwrap();
    assert_eq!(shown(&document), "T\n");
    let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        faults,
        [
            "line 5, at `/servers/0/url`: server URL `v2` is neither absolute nor begins with `/`; read as a path",
            "line 3, at `/paths/~1a~1{x}`: reference `#/components/pathItems/gone` leads nowhere",
        ]
    );
}

#[test]
fn paths_find_their_operation() {
    let document = orders();
    let mut text = String::new();
    for line in [
        "GET /api/v1/orders",
        "GET /api/v1/orders/",
        "GET //api//v1/orders",
        "GET /v1/orders",
        "GET /api/v1x/orders",
        "GET /orders",
        "GET /api/v1",
        "GET /v1/",
        "GET /",
        "GET /v1/orders/7",
        "GET /v1/orders/search",
        "POST /v1/orders/search",
        "DELETE /v1/orders/search",
        "PUT /v1/orders/search",
        "HEAD /v1/orders/7",
        "HEAD /v1/orders/search",
        "OPTIONS /v1/orders/7",
        "PUT /v1/orders/7/items/9.json",
        "PUT /v1/orders/7/items/9.xml",
        "PUT /v1/orders/7/items/.json",
        "GET /v1/files/a.b.c",
        "GET /v1/files/.c",
        "GET /v1/files/a",
        "GET /v1/ranges/1-2",
        "GET /v1/ranges/-2",
        "GET /v1/ranges/1-",
        "GET /v1/ranges/1--2",
        "GET /v1/a%20b/1",
        "GET /v1/a b/1",
        "GET /v1/%61%20b/%2F",
        "GET /v1/orders/7/8",
        "get /v1/orders",
    ] {
        let (method, path) = line.split_once(' ').unwrap();
        let found = match document.match_path(method, path) {
            DocumentMatch::Operation { path, operation, rival } => {
                assert_eq!(document.operations()[operation].path, path);
                let rival = rival.map(|rival| format!(" or {} ({:?})", document.route(rival.path).unwrap(), rival.why));
                let rival = rival.unwrap_or_default();
                format!("{} {}{rival}", document.operations()[operation].method, document.route(path).unwrap())
            }
            DocumentMatch::Removed { path } => format!("removed {}", document.route(path).unwrap()),
            DocumentMatch::PathOnly { path } => format!("only {}", document.route(path).unwrap()),
            DocumentMatch::None => "-".to_owned(),
        };
        let _ = writeln!(text, "{line} -> {found}");
    }
    expect![[r"
        GET /api/v1/orders -> GET /api/v1/orders
        GET /api/v1/orders/ -> GET /api/v1/orders
        GET //api//v1/orders -> GET /api/v1/orders
        GET /v1/orders -> GET /api/v1/orders
        GET /api/v1x/orders -> -
        GET /orders -> -
        GET /api/v1 -> GET /api/v1
        GET /v1/ -> GET /api/v1
        GET / -> -
        GET /v1/orders/7 -> GET /api/v1/orders/{id}
        GET /v1/orders/search -> GET /api/v1/orders/{id} or /api/v1/orders/search (Method)
        POST /v1/orders/search -> POST /api/v1/orders/search
        DELETE /v1/orders/search -> DELETE /api/v1/orders/{id} or /api/v1/orders/search (Method)
        PUT /v1/orders/search -> only /api/v1/orders/search
        HEAD /v1/orders/7 -> GET /api/v1/orders/{id}
        HEAD /v1/orders/search -> GET /api/v1/orders/{id} or /api/v1/orders/search (Method)
        OPTIONS /v1/orders/7 -> only /api/v1/orders/{id}
        PUT /v1/orders/7/items/9.json -> PUT /api/v1/orders/{id}/items/{item}.json
        PUT /v1/orders/7/items/9.xml -> -
        PUT /v1/orders/7/items/.json -> -
        GET /v1/files/a.b.c -> GET /api/v1/files/{name}.{ext}
        GET /v1/files/.c -> -
        GET /v1/files/a -> -
        GET /v1/ranges/1-2 -> GET /api/v1/ranges/{a}-{b}
        GET /v1/ranges/-2 -> -
        GET /v1/ranges/1- -> -
        GET /v1/ranges/1--2 -> GET /api/v1/ranges/{a}-{b}
        GET /v1/a%20b/1 -> GET /api/v1/a%20b/{x}
        GET /v1/a b/1 -> GET /api/v1/a%20b/{x}
        GET /v1/%61%20b/%2F -> GET /api/v1/a%20b/{x}
        GET /v1/orders/7/8 -> -
        get /v1/orders -> only /api/v1/orders
    "]]
    .assert_eq(&text);
}

#[test]
fn servers_name_authorities() {
    let document = orders();
    assert!(document.serves("prod.example.com:8443"));
    assert!(!document.serves("prod.example.com"));
    assert!(document.serves("stage.example.com:8443"), "the enumeration names it");
    assert!(!document.serves("test.example.com:8443"));
}

/// What is left of a document and what is said of the rest.
#[expect(clippy::needless_pass_by_value, reason = "expect! is written in place")]
pub(super) fn check(text: &str, expected: Expect) {
    let mut shown_text = String::new();
    match Document::read(text, "broken.yaml") {
        Ok((document, faults)) => {
            shown_text = shown(&document);
            for fault in faults {
                let _ = writeln!(shown_text, "- {fault}");
            }
        }
        Err(error) => {
            let _ = writeln!(shown_text, "error: {error}");
        }
    }
    expected.assert_eq(&shown_text);
}

#[test]
fn what_is_no_document_is_an_error() {
    check(
        "",
        expect![[r"
        error: it is not a mapping; an OpenAPI document begins with `openapi: 3.1.0`
    "]],
    );
    check(
        "[1, 2]",
        expect![[r"
        error: it is not a mapping; an OpenAPI document begins with `openapi: 3.1.0`
    "]],
    );
    check(
        "title: x",
        expect![[r"
        error: there is no `openapi` member; an OpenAPI document begins with `openapi: 3.1.0`
    "]],
    );
    check(
        "swagger: \"1.2\"\npaths: {}",
        expect![[r"
        error: version `1.2` is not supported; OpenAPI 3.0, 3.1 and 3.2 and Swagger 2.0 are
    "]],
    );
    check(
        "openapi: 4.0.0",
        expect![[r"
            error: version `4.0.0` is not supported; OpenAPI 3.0, 3.1 and 3.2 and Swagger 2.0 are
        "]],
    );
    check(
        "openapi: 3.0.0\npaths: {/a: {get: [}",
        expect![[r"
            error: line 2, column 19: mismatched bracket '[' closed by '}'
        "]],
    );
    check(
        "openapi: 3.0.0\npaths:\n  /a:\n   get: {}\n  b",
        expect![[r"
            error: line 5, column 3: simple key expected ':'
        "]],
    );
    check(
        "{\"openapi\": \"3.0.0\",\n \"paths\": {\"/a\": }}",
        expect![[r"
        error: line 2, column 18: expected value
    "]],
    );
    check(
        "openapi: 3.0.0\n---\nopenapi: 3.0.0\n",
        expect![[r"
            error: line 2, column 1: there are several documents in one file
        "]],
    );
    let bomb = (1..20).fold("a0: &a0 [x, x]\n".to_owned(), |text, n| {
        format!("{text}a{n}: &a{n} [*a{m}, *a{m}, *a{m}, *a{m}]\n", m = n - 1)
    });
    check(
        &format!("openapi: 3.0.0\n{bomb}"),
        expect![[r"
            error: line 9, column 25: nested, repeated or aliased too much
        "]],
    );
    check(
        &format!("openapi: 3.0.0\nx: {}", "[".repeat(10_000)),
        expect![[r"
            error: line 2, column 259: nested, repeated or aliased too much
        "]],
    );
    check(
        &format!("{{\"openapi\": \"3.0.0\", \"x\": {}", "[".repeat(10_000)),
        expect![[r"
        error: line 1, column 153: recursion limit exceeded
    "]],
    );
    let long = "#".repeat(Document::BYTES_MAX + 1);
    check(
        &long,
        expect![[r"
        error: 16777217 bytes is more than the 16777216 that are read
    "]],
    );
}

#[test]
fn broken_documents_are_read_as_far_as_possible() {
    check(
        "openapi: 3.1.0",
        expect![[r"
        broken.yaml
        - line 1, at ``: `info` is missing
        - line 1, at ``: `paths` is missing
    "]],
    );
    check(
        "openapi: 3.0\ninfo: {title: 7}\npaths: []",
        expect![[r"
        broken.yaml
        - line 1, at `/openapi`: the version is a number; write it in quotes
        - line 2, at `/info/title`: expected a string; left out
        - line 3, at `/paths`: expected a mapping; left out
    "]],
    );
    check(
        "openapi: 3.2.0\ninfo: {title: T}\npaths:\n  /a: {query: {}}",
        expect![[r"
            T
            QUERY /a
        "]],
    );
}

#[test]
fn every_fault_has_its_place() {
    check(
        r##"
openapi: 3.0.0
info: {title: T, x-owner: [a]}
servers: {url: /x}
paths:
  a/b: {get: {}}
  /b?x=1: {get: {}}
  /c/{: {get: {}}
  /c/}{: {get: {}}
  /c/{a/b}: {get: {}}
  /d/{}: {get: {}}
  /e/{x}/{x}: {get: {parameters: [{name: x, in: path}]}}
  /f: [get]
  /g: {get: yes, put: {deprecated: "true"}, GET: {}, poste: {}, x-y: 1, summary: s}
  /h/{x}: {get: {}}
  /h/{y}: {get: {parameters: [{name: y, in: path}]}, put: {parameters: [{name: y, in: path}, {name: z, in: path}]}}
  /i: {get: {}}
  /i: {put: {}}
  /j: {get: {}, get: {}}
  /k: {$ref: "other.yaml#/x"}
  /l: {$ref: "#/paths/~1m"}
  /m: {$ref: "#/paths/~1l"}
  /n: {$ref: 7}
  /o: {parameters: {name: x}, get: {parameters: [{in: path}, {$ref: "#/nowhere"}]}}
  /p: {servers: [{}, {url: 7}, {url: "https://{x}.test"}, {url: "{y"}, {url: a.test/v1}], get: {}}
  /q: {get: {security: key}, put: {security: [key, {ok: []}]}}
  x-extra: {}
"##,
        expect![[r#"
            T
            GET /a/b
            GET /b
            GET /d/{}
            GET /e/{x}/{x}
            PUT /g
            GET /h/{x}
            PUT /h/{x}
            GET /i
            GET /j
            GET /o
            GET /a.test/v1/p
            GET /q
            PUT /q security=[["ok"]]
            - line 3, at `/info/x-owner`: expected a string; left out
            - line 4, at `/servers`: expected a list; left out
            - line 6, at `/paths/a~1b`: a path begins with `/`; read as if it did
            - line 7, at `/paths/~1b?x=1`: a path has no query and no fragment; cut off
            - line 8, at `/paths/~1c~1{`: braces do not pair; path left out
            - line 9, at `/paths/~1c~1}{`: braces do not pair; path left out
            - line 10, at `/paths/~1c~1{a~1b}`: braces do not pair; path left out
            - line 11, at `/paths/~1d~1{}`: a parameter has no name
            - line 12, at `/paths/~1e~1{x}~1{x}`: parameter `x` is twice in the path
            - line 13, at `/paths/~1f`: expected a mapping; left out
            - line 14, at `/paths/~1g/get`: expected a mapping; left out
            - line 14, at `/paths/~1g/put/deprecated`: expected true or false; left out
            - line 14, at `/paths/~1g/GET`: `GET` is no method and no member of a path item; left out
            - line 14, at `/paths/~1g/poste`: `poste` is no method and no member of a path item; left out
            - line 15, at `/paths/~1h~1{x}/get`: parameter `x` of the path is not declared
            - line 16, at `/paths/~1h~1{y}`: same template as `/h/{x}`; the methods of both are taken, the first one's where both have one
            - line 16, at `/paths/~1h~1{y}/put/parameters/1`: path parameter `z` is not in the path
            - line 18, at `/paths/~1i`: `/i` is there twice; the first one counts
            - line 19, at `/paths/~1j/get`: `get` is there twice; the first one counts
            - line 20, at `/paths/~1k`: file `other.yaml` is not used: no other file is read here
            - line 21, at `/paths/~1l`: references lead in a circle
            - line 22, at `/paths/~1m`: references lead in a circle
            - line 23, at `/paths/~1n/$ref`: expected a string; left out
            - line 24, at `/paths/~1o/parameters`: expected a list; left out
            - line 24, at `/paths/~1o/get/parameters/0`: `name` is missing
            - line 24, at `/paths/~1o/get/parameters/1`: reference `#/nowhere` leads nowhere
            - line 25, at `/paths/~1p/servers/0/url`: `url` is missing
            - line 25, at `/paths/~1p/servers/1/url`: expected a string; left out
            - line 25, at `/paths/~1p/servers/2/url`: server variable `x` has no default; server left out
            - line 25, at `/paths/~1p/servers/3/url`: server variable `y` has no default; server left out
            - line 25, at `/paths/~1p/servers/4/url`: server URL `a.test/v1` is neither absolute nor begins with `/`; read as a path
            - line 26, at `/paths/~1q/get/security`: expected a list; left out
            - line 26, at `/paths/~1q/put/security/0`: expected a mapping; left out
        "#]],
    );
}

#[test]
fn paths_with_one_template_are_one_path() {
    check(
        "openapi: 3.1.0\ninfo: {title: T}\nservers: [{url: /v1}, {url: /v2}]\npaths:\n  /tags?a: {get: {}}\n  /tags?b: {post: {}}\n  /tags/: {post: {}, put: {}}\n",
        expect![[r"
            T
            GET /v1/tags
            POST /v1/tags
            PUT /v1/tags
            - line 5, at `/paths/~1tags?a`: a path has no query and no fragment; cut off
            - line 6, at `/paths/~1tags?b`: a path has no query and no fragment; cut off
            - line 6, at `/paths/~1tags?b`: same template as `/v1/tags`; the methods of both are taken, the first one's where both have one
            - line 7, at `/paths/~1tags~1`: same template as `/v1/tags`; the methods of both are taken, the first one's where both have one
        "]],
    );
}

#[test]
fn bounds_are_told() {
    let mut text = "openapi: 3.0.0\ninfo: {title: T}\npaths:\n".to_owned();
    for path in 0..=Document::PATHS_MAX {
        let _ = writeln!(text, "  /p{path}: {{get: {{}}}}");
    }
    let (document, faults) = Document::read(&text, "long.yaml").unwrap();
    assert_eq!((document.paths(), document.operations().len()), (Document::PATHS_MAX, Document::PATHS_MAX));
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].fault, Fault::TooMany(Document::PATHS_MAX));

    let deep = "/a".repeat(65);
    let mut broken = String::new();
    for path in 0..Document::FAULTS_MAX + 9 {
        let _ = writeln!(broken, "  /{path}/{{: {{}}");
    }
    let text = format!("openapi: 3.0.0\ninfo: {{title: T}}\npaths:\n  {deep}: {{get: {{}}}}\n{broken}");
    let (read, faults) = Document::read(&text, "deep.yaml").unwrap();
    assert_eq!((read.paths(), faults.len()), (0, Document::FAULTS_MAX));
    assert_eq!(faults[0].fault, Fault::TooDeep);
}

/// A segment against parts, by trying every split: the matcher's oracle.
fn fits_by_trial(parts: &[Part], segment: &[char]) -> bool {
    match parts {
        [] => segment.is_empty(),
        [Part::Literal(literal), rest @ ..] => {
            let literal: Vec<char> = literal.chars().collect();
            segment.strip_prefix(&literal[..]).is_some_and(|tail| fits_by_trial(rest, tail))
        }
        [Part::Parameter, rest @ ..] => (1..=segment.len()).any(|length| fits_by_trial(rest, &segment[length..])),
    }
}

/// How literal a template's segments are, from the left: what the best match is chosen by.
fn rank(segments: &[Vec<Part>]) -> Vec<(u8, usize)> {
    let literal = |parts: &[Part]| {
        parts.iter().map(|part| if let Part::Literal(text) = part { text.len() } else { 0 }).sum::<usize>()
    };
    segments
        .iter()
        .map(|parts| match parts.as_slice() {
            [Part::Literal(_)] => (0, 0),
            [Part::Parameter] => (2, 0),
            mixed => (1, usize::MAX - literal(mixed)),
        })
        .collect()
}

fn parts() -> impl Strategy<Value = Vec<Part>> {
    let part = prop_oneof![Just(Part::Parameter), "[ab.-]{1,2}".prop_map(|text| Part::Literal(text.into()))];
    // Neighbours of one sort are one part.
    prop::collection::vec(part, 1..5).prop_map(|parts| {
        let mut joined: Vec<Part> = Vec::new();
        for part in parts {
            match (joined.last_mut(), part) {
                (Some(Part::Literal(before)), Part::Literal(after)) => *before = format!("{before}{after}").into(),
                (Some(Part::Parameter), Part::Parameter) => {}
                (_, part) => joined.push(part),
            }
        }
        joined
    })
}

fn written(template: &[Vec<Part>]) -> String {
    let mut path = String::new();
    for (at, segment) in template.iter().enumerate() {
        path.push('/');
        for (index, part) in segment.iter().enumerate() {
            match part {
                Part::Literal(text) => path.push_str(text),
                Part::Parameter => {
                    let _ = write!(path, "{{p{at}x{index}}}");
                }
            }
        }
    }
    path
}

proptest! {
    #[test]
    fn a_segment_fits_as_trying_every_split_says(parts in parts(), segment in "[abé.-]{0,8}") {
        let chars: Vec<char> = segment.chars().collect();
        prop_assert_eq!(fits(&parts, &segment), fits_by_trial(&parts, &chars));
    }

    #[test]
    fn the_best_template_is_the_one_that_trying_all_finds(
        shapes in prop::collection::vec((prop::collection::vec(parts(), 1..4), prop::bool::ANY), 1..12),
        paths in prop::collection::vec(prop::collection::vec("[ab.-]{1,4}", 1..4), 1..20),
    ) {
        let mut text = "openapi: 3.1.0\ninfo: {title: T}\npaths:\n".to_owned();
        let mut known: Vec<(Vec<Vec<Part>>, bool)> = Vec::new();
        for (template, is_get) in shapes {
            if known.iter().all(|(other, _)| *other != template) {
                let method = if is_get { "get" } else { "put" };
                let _ = writeln!(text, "  \"{}\": {{{method}: {{}}}}", written(&template));
                known.push((template, is_get));
            }
        }
        let (document, _) = Document::read(&text, "t.yaml").unwrap();
        for path in paths {
            let fitting = |with_get: bool| {
                let fit = known.iter().enumerate().filter(|(_, (template, is_get))| {
                    *is_get >= with_get
                        && template.len() == path.len()
                        && template.iter().zip(&path).all(|(parts, segment)| fits_by_trial(parts, &segment.chars().collect::<Vec<_>>()))
                });
                fit.map(|(index, (template, _))| (rank(template), index)).min()
            };
            let found = document.match_path("GET", &format!("/{}", path.join("/")));
            match (fitting(true), fitting(false), found) {
                // Mixed segments of one length are equally good: the rank decides, not the template.
                (Some(best), _, DocumentMatch::Operation { path, .. }) => prop_assert_eq!(&best.0, &rank(&known[path].0)),
                (None, Some(best), DocumentMatch::PathOnly { path }) => prop_assert_eq!(&best.0, &rank(&known[path].0)),
                (None, None, DocumentMatch::None) => {}
                (operation, any, found) => prop_assert!(false, "{path:?}: {operation:?} {any:?}, found {found:?} in {text}"),
            }
        }
    }

    #[test]
    fn a_damaged_document_never_panics(at in 0..ORDERS.len(), length in 0_usize..30, put in "[{}\\[\\]:,\"'&*$#/ \n-]{0,6}") {
        let from = (0..=at).rev().find(|at| ORDERS.is_char_boundary(*at)).unwrap_or_default();
        let to = (from + length..=ORDERS.len()).find(|at| ORDERS.is_char_boundary(*at)).unwrap_or(ORDERS.len());
        let text = format!("{}{put}{}", &ORDERS[..from], &ORDERS[to..]);
        if let Ok((document, _)) = Document::read(&text, "damaged.yaml") {
            for operation in document.operations() {
                prop_assert!(document.route(operation.path).is_some_and(|route| route.starts_with('/')));
            }
        }
    }
}
