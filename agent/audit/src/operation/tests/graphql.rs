//! GraphQL over HTTP.

use expect_test::expect;

use super::{check, check_none, operations, shown};
use crate::facts::sample::Sample;

const POST: &str = "POST /graphql HTTP/1.1\nContent-Type: application/json\n\n";
const OK: &str = "HTTP/1.1 200 OK\nContent-Type: application/json\n\n";

/// A body, and what answers it.
fn name(body: &str, answer: &str) -> String {
    let response = Sample::new(&format!("{OK}{answer}"));
    shown(operations(&Sample::new(&format!("{POST}{body}")), Some(&response)).as_deref()).trim_end().to_owned()
}

#[test]
fn operations_are_named_by_kind_and_name_or_root() {
    for (query, expected) in [
        ("query GetUser($id: ID!) { user(id: $id) { name } }", "query GetUser"),
        ("mutation AddUser { addUser(name: \\\"a\\\") { id } }", "mutation AddUser"),
        ("subscription OnUser @live { user { id } }", "subscription OnUser"),
        ("{ posts { id } me { name } }", "query (me,posts)"),
        ("query { mine: me { name } other: me { id } }", "query (me)"),
        ("{a b c d e f}", "query (a,b,c,d,…)"),
        ("query ($x: Int = 1 @a) @b(c: {d: [\\\"}\\\"]}) { a(x: $x) @include(if: true) { z } b }", "query (a,b)"),
        ("{ ...F } fragment F on Query { me ...G } fragment G on Query { posts ...F }", "query (me,posts)"),
        ("{ ... on Query { me } ... @include(if: true) { posts } ... { z { y } } }", "query (me,posts,z)"),
        ("# a { comment }\\n\\ufeffquery # {\\n Named { a }", "query Named"),
        ("fragment F on T { x } query Behind { ...F }", "query Behind"),
        ("{ a(text: \\\"\\\"\\\" } \\\\\\\"\\\"\\\" { \\\"\\\"\\\") { b } }", "query (a)"),
        ("query Zk3vQ9xLw2Pd8RtY5nBc { a }", "query (other)"),
        ("query A { a } query B { b }", "(other)"),
    ] {
        assert_eq!(
            name(&format!("{{\"query\":\"{query}\"}}"), r#"{"data":{}}"#),
            format!("GraphQl {expected}: Proves")
        );
    }
}

#[test]
fn the_name_chooses_the_operation() {
    let two = "query A { a } mutation B { b }";
    for (chosen, expected) in [("\"B\"", "mutation B"), ("\"C\"", "(other)"), ("null", "(other)")] {
        let body = format!(r#"{{"operationName":{chosen},"variables":{{"query":"{{x}}"}},"query":"{two}"}}"#);
        assert_eq!(name(&body, r#"{"data":null}"#), format!("GraphQl {expected}: Proves"));
    }
}

#[test]
fn the_answer_proves_or_denies() {
    let ask = r#"{"query":"query A { a }"}"#;
    for (answer, expected) in [
        (r#"{"data":{"a":1}}"#, "Proves"),
        (r#"{"errors":[{"message":"x","path":["a"]}],"data":null}"#, "Proves"),
        (r#"{"errors":[{"message":"x"}],"data":null}"#, "Denies"),
        (r#"{"errors":[{"message":"Unknown argument"}]}"#, "Denies"),
        ("", "Unknown"),
    ] {
        assert_eq!(name(ask, answer), format!("GraphQl query A: {expected}"));
    }
    // What is answered in another form was no GraphQL.
    assert_eq!(name(ask, r#"{"hits":[]}"#), "none");
    let page = "HTTP/1.1 200 OK\nContent-Type: text/html\n\n<html>";
    assert_eq!(shown(operations(&Sample::new(&format!("{POST}{ask}")), Some(&Sample::new(page))).as_deref()), "none\n");
    // ... which can't be said of a form that was cut.
    let cut = Sample::new(&format!("{OK}{{\"errors\":[{{\"mess")).total(Some(100_000));
    let found = operations(&Sample::new(&format!("{POST}{ask}")), Some(&cut));
    assert_eq!(shown(found.as_deref()), "GraphQl query A: Unknown\n");
}

#[test]
fn batches_and_introspection() {
    check(
        &format!(
            "{POST}{}\n===\n{OK}{}",
            r#"[{"query":"query A { a }"},{"query":"{ __schema { types { name } } }"},{"x":1},{"operationName":"C","query":"mutation C { c }"}]"#,
            r#"[{"data":{"a":1}},{"errors":[]},{"data":{}}]"#
        ),
        expect![[r"
            GraphQl query A: Proves
            GraphQl query (__schema): Denies, introspects
            GraphQl mutation C: Proves
            and 1 dropped
        "]],
    );
    let one = r#"{"query":"{ a }"},"#;
    let many = format!("[{}{{}}]", one.repeat(40));
    let found = operations(&Sample::new(POST).body(many.as_bytes()), None).unwrap();
    assert_eq!((found.list.len(), found.dropped, found.is_batch()), (32, 9, true));
}

#[test]
fn other_ways_to_send_it() {
    check(
        "GET /graphql?query=query%20A%7Ba%7D&operationName=A HTTP/1.1",
        expect![[r"
            GraphQl query A: Unknown
        "]],
    );
    check(
        "POST /api HTTP/1.1\nContent-Type: application/graphql\n\nmutation M { m }\n===\nHTTP/1.1 200 OK\nContent-Type: application/graphql-response+json\n\n{\"data\":{}}",
        expect![[r"
            GraphQl mutation M: Proves
        "]],
    );
    check(
        "POST /graphql HTTP/1.1\nContent-Type: multipart/form-data; boundary=ab\n\n--ab\nContent-Disposition: form-data; name=\"operations\"\n\n{ \"query\": \"mutation Up ($f: Upload!) { up(file: $f) { id } }\", \"variables\": { \"f\": null } }\n--ab\nContent-Disposition: form-data; name=\"0\"; filename=\"a.txt\"\n\nx\n--ab--\n",
        expect![[r"
            GraphQl mutation Up: Unknown
        "]],
    );
}

#[test]
fn persisted_documents_have_a_name_or_a_hash() {
    let hash = "ecf4edb46db40b5132295c0291d62fb65d6759a9eedfa4d5d612dd5ec54a6b38";
    let extensions = format!(r#""extensions":{{"persistedQuery":{{"version":1,"sha256Hash":"{hash}"}}}}"#);
    let data = r#"{"data":{}}"#;
    assert_eq!(name(&format!(r#"{{"operationName":"A",{extensions}}}"#), data), "GraphQl persisted A: Proves");
    assert_eq!(name(&format!("{{{extensions}}}"), data), "GraphQl persisted ecf4edb4…: Proves");
    assert_eq!(name(&format!(r#"{{"documentId":"{hash}","operationName":"B"}}"#), data), "GraphQl persisted B: Proves");
    assert_eq!(name(r#"{"id":"hunter2","variables":{}}"#, data), "GraphQl persisted (other): Proves");
    let refused = r#"{"errors":[{"message":"PersistedQueryNotFound"}]}"#;
    assert_eq!(name(&format!("{{{extensions}}}"), refused), "GraphQl persisted ecf4edb4…: Denies");
    let parameter = extensions.replace("\"extensions\":", "").replace('"', "%22");
    check(
        &format!("GET /graphql?extensions={parameter}&operationName=A HTTP/1.1"),
        expect![[r"
            GraphQl query A: Unknown
        "]],
    );
}

#[test]
fn what_looks_like_it_is_not_it() {
    for body in [
        r#"{"query":"shoes","page":1}"#,
        r#"{"query":"query for shoes"}"#,
        r#"{"query":{"match_all":{}}}"#,
        r#"{"query":"{app=\"foo\"} |= \"x\""}"#,
        r#"{"query":"{}"}"#,
        r#"{"query":"SELECT 1"}"#,
        r#"{"query":"{a}","size":10}"#,
        r#"{"query":"query A { a"}"#,
        r#"{"query":"query A { a } type B { c: D }"}"#,
        r#"{"id":7,"name":"a"}"#,
        r#"{"id":"abc"}"#,
        r#"{"id":"abc","operationName":""}"#,
        "{}",
        "[]",
        "[1]",
        "[{}]",
        "{",
        "7",
        "",
    ] {
        check_none("/search", body);
    }
    for request in [
        "GET /search?query=shoes HTTP/1.1",
        "GET /search?query= HTTP/1.1",
        "GET /search?xquery={a} HTTP/1.1",
        "GET /graphql HTTP/1.1",
        "PUT /graphql HTTP/1.1\nContent-Type: application/json\n\n{\"query\":\"{a}\"}",
        "POST /graphql HTTP/1.1\nContent-Type: application/json\nContent-Encoding: nonsense\n\n{\"query\":\"{a}\"}",
    ] {
        check(
            request,
            expect![[r"
            none
        "]],
        );
    }
}

#[test]
fn of_a_body_that_was_cut_as_far_as_it_goes() {
    for (body, expected) in [
        (r#"{"query":"query A { a { b"#, "GraphQl query A: Unknown\n"),
        (r#"{"query":"{ a { b"#, "GraphQl query (other): Unknown\n"),
        (r#"{"variables":{"a":["#, "none\n"),
        (r#"{"operationName":"A","query":"query A { a"#, "GraphQl query A: Unknown\n"),
    ] {
        let sample = Sample::new(POST).body(body.as_bytes()).total(Some(1 << 20));
        assert_eq!(shown(operations(&sample, None).as_deref()), expected, "{body}");
    }
}
