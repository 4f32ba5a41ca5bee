//! What was seen beside the documents of an API: one or several, of any version, with base paths and further files.

use std::collections::BTreeMap;

use apiscope_audit::export::{self, Given, diff};
use apiscope_audit::openapi::Source;
use serde_json::{Value, json};

use crate::talk::{Call, Talk};
use crate::{judge, seen, shop};

fn source(name: &str, document: &Value, files: &BTreeMap<&str, Value>) -> Source {
    let mut open = |name: &str| files.get(name).map(Value::to_string).ok_or_else(|| "no such file".into());
    Source::parse(&document.to_string(), name, &mut open).expect("a document")
}

fn given(documents: &[(&str, &Value)]) -> Given {
    let sources: Vec<_> = documents.iter().map(|(name, document)| source(name, document, &BTreeMap::new())).collect();
    Given::of(&sources.iter().collect::<Vec<_>>()).expect("documents")
}

fn lines(talk: &Talk, given: &Given) -> String {
    diff::text(&diff::diff(&seen(talk), given), given)
}

/// Calls of these methods and paths, each often enough to be learnt from.
fn called(lines: &[&str]) -> Talk {
    let mut talk = Talk::new();
    for at in 0..20_u8 {
        for line in lines {
            let (method, target) = line.split_once(' ').expect("a method and a path");
            let target = target.replace('#', &(1_000 + u32::from(at)).to_string());
            let response = Some(("application/json", json!({"id": at, "title": "a b"}).to_string()));
            talk.call(&Call { method, target: &target, status: 200, response, client: at % 5, ..Call::default() });
        }
    }
    talk.flush();
    talk
}

fn ok() -> Value {
    let schema = json!({"type": "object", "properties": {"id": {"type": "integer"}}});
    json!({"responses": {"200": {"description": "d", "content": {"application/json": {"schema": schema}}}}})
}

#[test]
fn what_a_document_lacks_is_told_and_patched_into_it() {
    let talk = shop(400);
    let document = json!({"openapi": "3.0.3", "info": {"title": "a", "version": "1"}, "servers": [{"url": "https://api.example.com/v1"}],
        "paths": {"/orders/{orderId}": {"get": {"parameters": [{"name": "orderId", "in": "path", "required": true, "schema": {"type": "string"}}], "responses": {"200": {"description": "d"}}}},
                  "/orders": {"post": {"security": [{"basic": []}], "responses": {"200": {"description": "d"}}, "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}}}}},
        "components": {"schemas": {"Order": {"type": "object", "properties": {"none": {"type": "string"}}}}, "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}}}});
    let one = given(&[("shop.json", &document)]);
    let differences = lines(&talk, &one);
    for line in [
        "operation-undocumented GET /orders (400 calls)",
        "operation-undocumented DELETE /orders/{orderId} (400 calls)",
        "operation-unseen GET /orders/{orderId}",
        "operation-undocumented POST /login (400 calls)",
        "operation-undocumented POST /graphql (400 calls)",
        "parameter-undocumented POST /orders: header idempotency-key (400 calls)",
        "status-undocumented POST /orders: 201 (400 calls)",
    ] {
        assert!(differences.lines().any(|known| known == line), "{line}:\n{differences}");
    }
    assert!(differences.contains("request-field-undocumented POST /orders: /"), "{differences}");
    let (patched, lost) = export::patched(&seen(&talk), &one, 0, &document);
    assert_eq!(lost, 2, "two are below no base path of it");
    assert_eq!(patched["paths"]["/orders/{orderId}"]["delete"]["x-apiscope-seen"], true);
    let left = lines(&talk, &given(&[("shop.json", &patched)]));
    let has_no_place =
        |line: &str| ["PROPFIND", "/login", "/graphql", "operation-unseen"].iter().any(|no| line.contains(no));
    assert!(left.lines().all(has_no_place), "{left}");
    let Some(answer) = judge(&json!({"documents": [{"json": patched}]})) else { return };
    assert_eq!(answer["documents"], json!([[]]), "{patched:#}");
}

#[test]
fn all_documents_of_an_api_are_compared_with_each_below_its_base_path() {
    let talk = called(&["GET /v1/orders", "GET /v2/orders", "GET /v2/orders/#", "GET /v10/orders", "GET /v2/stock"]);
    let document = |base: &str, paths: &Value| json!({"openapi": "3.1.0", "info": {"title": "a", "version": "1"}, "servers": [{"url": format!("https://a.example{base}")}], "paths": paths});
    let first = document("/v1", &json!({"/orders": {"get": ok()}, "/orders/{id}": {"get": ok()}}));
    let second = document("/v2", &json!({"/orders": {"get": ok()}, "/orders/{number}": {"get": ok(), "put": ok()}}));
    let both = given(&[("one.yaml", &first), ("two.yaml", &second)]);
    expect_test::expect![[r"
        one.yaml: response-field-undocumented GET /orders: 200 /title (20 calls)
        one.yaml: operation-unseen GET /orders/{id}
        one.yaml: operation-undocumented GET /v10/orders (20 calls)
        two.yaml: response-field-undocumented GET /orders: 200 /title (20 calls)
        two.yaml: response-field-undocumented GET /orders/{number}: 200 /title (20 calls)
        two.yaml: operation-unseen PUT /orders/{number}
        two.yaml: operation-undocumented GET /stock (20 calls)
    "]]
    .assert_eq(&lines(&talk, &both));
    // Alone it does not know the other's.
    let alone = lines(&talk, &given(&[("two.yaml", &second)]));
    assert!(alone.lines().any(|line| line == "operation-undocumented GET /v1/orders (20 calls)"), "{alone}");
    // What belongs to the second goes into the second, and nothing else.
    let (patched, lost) = export::patched(&seen(&talk), &both, 1, &second);
    let paths: Vec<_> = patched["paths"].as_object().expect("paths").keys().map(String::as_str).collect();
    assert_eq!((paths.as_slice(), lost), (["/orders", "/orders/{number}", "/stock"].as_slice(), 0));
    let json = diff::json(&diff::diff(&seen(&talk), &both), &both);
    assert_eq!(json["differences"][0]["document"], "one.yaml");
}

#[test]
fn of_two_versions_with_one_path_the_first_counts() {
    let talk = called(&["GET /orders", "GET /old"]);
    let document = |paths: &Value| json!({"openapi": "3.1.0", "info": {"title": "a", "version": "1"}, "paths": paths});
    let wide = json!({"responses": {"200": {"description": "d", "content": {"*/*": {}}}}});
    let new = document(&json!({"/orders": {"get": wide}}));
    let old = document(&json!({"/orders": {"get": ok()}, "/old": {"get": wide}}));
    let text = lines(&talk, &given(&[("new.json", &new), ("old.json", &old)]));
    assert_eq!(text, "", "nothing is undocumented, and nothing is not called");
    let text = lines(&talk, &given(&[("old.json", &old), ("new.json", &new)]));
    assert!(text.contains("old.json: response-field-undocumented GET /orders: 200 /title"), "{text}");
}

#[test]
fn server_variables_further_files_and_swagger_are_followed() {
    let talk = called(&["GET /eu/v3/orders/#"]);
    let expected = "response-field-undocumented GET /orders/{id}: 200 /title (20 calls)\n";
    let schema = json!({"type": "object", "properties": {"id": {"type": "integer"}}});

    let variables = json!({"openapi": "3.0.3", "info": {"title": "a", "version": "1"},
        "servers": [{"url": "https://{host}/{region}/v{major}", "variables": {"host": {"default": "h"}, "region": {"default": "us", "enum": ["us", "eu"]}, "major": {"default": "3"}}}],
        "paths": {"/orders/{id}": {"get": ok()}}});
    assert_eq!(lines(&talk, &given(&[("a.json", &variables)])), expected);

    let parts = json!({"item": {"get": {"responses": {"200": {"$ref": "#/answer"}}}},
        "answer": {"description": "d", "content": {"application/json": {"schema": {"$ref": "schemas.json#/Order"}}}}});
    let files = BTreeMap::from([("parts.json", parts), ("schemas.json", json!({"Order": schema}))]);
    let root = json!({"openapi": "3.0.3", "info": {"title": "a", "version": "1"}, "servers": [{"url": "/eu/v3"}],
        "paths": {"/orders/{id}": {"$ref": "parts.json#/item"}}});
    let source = source("root.json", &root, &files);
    let split = Given::of(&[&source]).expect("a document");
    assert_eq!(lines(&talk, &split), expected);
    let (patched, lost) = export::patched(&seen(&talk), &split, 0, &root);
    assert_eq!((patched, lost), (root, 1), "what stands in another file is not patched, and counted");

    let swagger = json!({"swagger": "2.0", "info": {"title": "a", "version": "1"}, "basePath": "/eu/v3", "produces": ["application/json"],
        "paths": {"/orders/{id}": {"get": {"responses": {"200": {"description": "d", "schema": {"$ref": "#/definitions/Order"}}}}}},
        "definitions": {"Order": schema}});
    assert_eq!(lines(&talk, &given(&[("swagger.json", &swagger)])), expected);
}

#[test]
fn forms_and_bodies_of_swagger_are_known() {
    let mut talk = Talk::new();
    for at in 0..20_u8 {
        let form = Some(("application/x-www-form-urlencoded", format!("name=n{at}&size={at}")));
        talk.call(&Call { method: "POST", target: "/form", status: 200, request: form, ..Call::default() });
        let body = Some(("application/json", json!({"name": "a b", "size": at}).to_string()));
        talk.call(&Call { method: "POST", target: "/body", status: 200, request: body, ..Call::default() });
    }
    talk.flush();
    let swagger = json!({"swagger": "2.0", "info": {"title": "a", "version": "1"}, "paths": {
        "/form": {"post": {"consumes": ["application/x-www-form-urlencoded"], "parameters": [{"in": "formData", "name": "name", "type": "string"}], "responses": {"200": {"description": "d"}}}},
        "/body": {"post": {"parameters": [{"in": "body", "name": "b", "schema": {"type": "object", "properties": {"name": {"type": "string"}}}}], "responses": {"200": {"description": "d"}}}}}});
    expect_test::expect![[r"
        request-field-undocumented POST /body: /size (20 calls)
        request-field-undocumented POST /form: /size (20 calls)
    "]]
    .assert_eq(&lines(&talk, &given(&[("swagger.json", &swagger)])));
}
