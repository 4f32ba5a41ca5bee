//! What is read of documents of every version, of several files, and of several versions of one API.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};

use super::*;

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
