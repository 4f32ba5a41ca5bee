//! What is learnt and exported, before judges that are not ours: learnt schemas take every later valid body and refuse nearly every body with one
//! fault; exported documents are valid for two validators. Neither root nor network; needs the tests' Python programs.

mod budget;
mod cli;
mod given;
mod model;
mod talk;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use apiscope_audit::export::{self, Seen, Version};
use apiscope_audit::schema::Part;
use apiscope_audit::schema::render::Style;
use model::{Model, Random};
use serde_json::{Value, json};
use talk::{API, Call, Talk};

/// Random schemas.
const MODELS: u64 = 40;
/// Bodies to learn from.
const LEARNT: u64 = 700;
/// Later ones, all valid.
const LATER: u64 = 60;

/// `None`: the judge's programs are not there.
fn judge(asked: &Value) -> Option<Value> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder");
    let python = target.join("tools/python/bin/python");
    if !python.is_file() {
        let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!in_ci, "this test must run in CI, but {} is not there", python.display());
        eprintln!("skipped: {} is not there; `cargo xtask setup` makes it", python.display());
        return None;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/export/judge.py");
    let mut child =
        Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python starts");
    child.stdin.take().expect("piped").write_all(asked.to_string().as_bytes()).expect("it reads");
    let answer = child.wait_with_output().expect("it ends");
    assert!(answer.status.success());
    Some(serde_json::from_slice(&answer.stdout).expect("JSON"))
}

#[test]
fn learnt_schemas_take_what_is_valid_and_refuse_what_is_not() {
    let mut cases = Vec::new();
    for seed in 0..MODELS {
        let mut random = Random(seed);
        let model = Model::object(&mut random, 0);
        let mut talk = Talk::new();
        for at in 0..LEARNT {
            let body = model.make(&mut random).to_string();
            talk.call(&Call {
                method: "GET",
                target: &format!("/things/{}", 1_000 + at),
                status: 200,
                response: Some(("application/json", body)),
                client: u8::try_from(random.below(7)).expect("small"),
                ..Call::default()
            });
        }
        talk.flush();
        assert_eq!(talk.schemas.len(), 1, "one endpoint");
        let schemas = talk.schemas.values().next().expect("one");
        let (_, schema) = schemas.parts().find(|(key, _)| key.part == Part::ResponseBody).expect("a body");
        let valid: Vec<_> = (0..LATER).map(|_| model.make(&mut random)).collect();
        let changes: Vec<_> = valid.iter().take(12).flat_map(|body| model.mutations(body, &mut random)).collect();
        let (mutations, mutated): (Vec<_>, Vec<_>) = changes.into_iter().unzip();
        let schema = schema.render(Style { modern: true, strict: true });
        cases.push(json!({"schema": schema, "valid": valid, "mutated": mutated, "mutations": mutations}));
    }
    let Some(answer) = judge(&json!({"bodies": cases})) else { return };
    let (mut all, mut passed, mut refused) = (0, std::collections::BTreeMap::<String, u32>::new(), Vec::new());
    for (seed, (case, answer)) in cases.iter().zip(answer["bodies"].as_array().expect("a list")).enumerate() {
        all += case["mutated"].as_array().map_or(0, Vec::len);
        for what in answer["passed"].as_array().expect("a list") {
            *passed.entry(what.as_str().unwrap_or_default().to_owned()).or_default() += 1;
        }
        if answer["refusals"] != json!(0) {
            refused.push(format!("seed {seed}: {} {}", answer["refusals"], answer["refused"]));
        }
    }
    let missed: u32 = passed.values().sum();
    eprintln!("{all} bodies with one fault, {missed} of them taken: {passed:?}");
    assert!(refused.is_empty(), "valid bodies refused:\n{}", refused.join("\n"));
    assert!(missed as usize * 10 <= all, "{missed} of {all}: {passed:?}");
}

/// Some hundred calls of an API with what `OpenAPI` has words for.
fn shop(rounds: u64) -> Talk {
    let mut talk = Talk::new();
    shop_calls(rounds, &mut |call| talk.call(call));
    talk.flush();
    talk
}

fn shop_calls(rounds: u64, give: &mut dyn FnMut(&Call<'_>)) {
    let mut random = Random(7);
    let (order, problem) = (Model::object(&mut random, 0), Model::object(&mut random, 2));
    let json = |value: &Value| Some(("application/json", value.to_string()));
    for at in 0..rounds {
        let client = u8::try_from(at % 5).expect("small");
        let token = ("authorization", format!("Bearer Zk3vQ9xLw2Pd8RtY5nBc7hJ{at:04}"));
        let id = 10_000 + at * 7;
        give(&Call {
            method: "GET",
            target: &format!("/v1/orders?page={at}&state=OPEN&sort=asc"),
            status: 200,
            headers: vec![token.clone()],
            response: json(&json!([order.make(&mut random)])),
            response_headers: vec![("x-total-count", at.to_string())],
            client,
            ..Call::default()
        });
        give(&Call {
            method: "POST",
            target: "/v1/orders",
            status: 201,
            headers: vec![token.clone(), ("idempotency-key", format!("k {at}"))],
            request: json(&order.make(&mut random)),
            response: json(&order.make(&mut random)),
            response_headers: vec![("location", format!("/v1/orders/{id}"))],
            client,
        });
        give(&Call {
            method: "GET",
            target: &format!("/v1/orders/{id}/items/{}", id + 1),
            status: if at % 9 == 0 { 404 } else { 200 },
            headers: vec![token],
            response: if at % 9 == 0 {
                Some(("application/problem+json", problem.make(&mut random).to_string()))
            } else {
                json(&order.make(&mut random))
            },
            client,
            ..Call::default()
        });
        give(&Call {
            method: "DELETE",
            target: &format!("/v1/orders/{id}"),
            status: 204,
            headers: vec![("x-api-key", format!("Zk3vQ9xLw2Pd8RtY5nBc{at:04}"))],
            client,
            ..Call::default()
        });
        give(&Call {
            method: "POST",
            target: "/login",
            status: 200,
            request: Some(("application/x-www-form-urlencoded", format!("name=n{at}&remember=true"))),
            response: Some(("text/html; charset=utf-8", "<p>hello</p>".to_owned())),
            client,
            ..Call::default()
        });
        let query = ["query Orders { orders { id } }", "mutation Pay { pay { id } }"][usize::from(at % 2 == 0)];
        give(&Call {
            method: "POST",
            target: "/graphql",
            status: 200,
            request: json(&json!({"query": query})),
            response: json(&json!({"data": {"orders": []}})),
            client,
            ..Call::default()
        });
        give(&Call { method: "PROPFIND", target: "/v1/dav", status: 200, client, ..Call::default() });
    }
}

fn seen(talk: &Talk) -> Seen<'_> {
    Seen {
        api: API,
        endpoints: talk.rows.values().map(|row| (row, talk.schemas.get(&row.id))).collect(),
        bytes: Some((1_000, 900)),
        time: &|at| format!("{}", at.as_nanos()),
    }
}

#[test]
fn exported_documents_are_valid_and_say_what_was_seen() {
    let talk = shop(400);
    let seen = seen(&talk);
    let forms = [(Version::V30, false), (Version::V31, false), (Version::V31, true)];
    let documents = forms.map(|(version, strict)| export::document(&seen, version, strict));
    for (document, (version, strict)) in documents.iter().zip(forms) {
        let paths = &document["paths"];
        let keys: Vec<_> = paths.as_object().expect("paths").keys().map(String::as_str).collect();
        assert_eq!(keys, ["/graphql", "/login", "/v1/orders", "/v1/orders/{id}", "/v1/orders/{id}/items/{id2}"]);
        assert_eq!(paths["/v1/orders"]["post"]["responses"]["201"]["headers"]["location"]["schema"]["type"], "string");
        assert_eq!(paths["/v1/orders"]["get"]["security"], json!([{"bearer": []}]));
        assert_eq!(paths["/v1/orders"]["get"]["x-apiscope-calls"], 400);
        assert_eq!(paths["/v1/orders/{id}"]["delete"]["security"], json!([{"header_x_api_key": []}]));
        assert_eq!(paths["/v1/orders/{id}"]["delete"]["responses"]["204"].get("content"), None);
        assert_eq!(paths["/v1/orders/{id}/items/{id2}"]["get"]["parameters"][1]["schema"]["type"], "integer");
        assert!(
            paths["/v1/orders/{id}/items/{id2}"]["get"]["responses"]["404"]["content"]
                .get("application/problem+json")
                .is_some()
        );
        assert_eq!(document["x-apiscope-left-out"][0]["method"], "PROPFIND");
        let operations = json!([{"name": "mutation Pay", "calls": 200}, {"name": "query Orders", "calls": 200}]);
        assert_eq!(paths["/graphql"]["post"]["x-apiscope-operations"], operations);
        assert_eq!(paths["/graphql"]["post"]["x-apiscope-calls"], 400, "as one operation");
        assert_eq!(document["servers"], json!([{"url": "https://api.example.com"}]));
        assert!(document["components"]["schemas"].as_object().is_some_and(|schemas| !schemas.is_empty()));
        let text = document.to_string();
        assert!(!text.contains("Zk3vQ9x") && !text.contains("hello"), "no value");
        assert_eq!(text, export::document(&seen, version, strict).to_string(), "the same again");
        assert_eq!(text.contains("\"additionalProperties\":false"), strict);
    }
    let asked: Vec<_> = documents
        .iter()
        .map(|document| json!({"json": document, "yaml": export::yaml(document).expect("YAML")}))
        .collect();
    let Some(answer) = judge(&json!({"documents": asked})) else { return };
    assert_eq!(answer["documents"], json!([[], [], []]), "{}", documents[1]);
}
