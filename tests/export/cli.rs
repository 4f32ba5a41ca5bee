//! `apiscope export` and `apiscope merge` from outside: the program on stores as agents leave them, each option, each way to be wrong.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use apiscope_audit::export::{self, Version};
use serde_json::{Value, json};

use crate::talk::{API, Call, Talk};
use crate::{seen, shop, shop_calls};

/// A folder with a configuration whose store is its own.
struct Place(tempfile::TempDir);

impl Place {
    fn new(talk: &Talk) -> Self {
        let place = Self(tempfile::tempdir().expect("a folder"));
        talk.leave(&place.path("store"));
        place.configure("");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A file of this name with a document, and its path.
    fn document(&self, name: &str, document: &Value) -> String {
        let path = self.path(name);
        std::fs::write(&path, document.to_string()).expect("a file can be written");
        path.display().to_string()
    }

    fn configure(&self, more: &str) {
        let text = format!("[store]\ndir = \"store\"\n{more}");
        std::fs::write(self.path("apiscope.toml"), text).expect("a file can be written");
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_apiscope"));
        command.arg("export").args(arguments).arg("--config").arg(self.path("apiscope.toml"));
        command.output().expect("it starts")
    }

    /// What it writes; it must succeed.
    fn text(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.text(arguments)).expect("JSON")
    }

    /// What it says of a failure, and its exit status; stdout must be empty.
    fn fails(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.run(arguments);
        assert!(output.stdout.is_empty(), "{arguments:?}");
        (output.status.code().expect("a status"), String::from_utf8(output.stderr).expect("text"))
    }
}

/// Orders and stock, without words and seldom enough that each message is learnt from.
fn call(at: u32, give: &mut dyn FnMut(&Call<'_>)) {
    let client = u8::try_from(at % 5).expect("small");
    let order = json!({"id": at, "note": format!("a b {at}"), "on": "2024-02-29", "lines": [{"count": at % 7}], "x": if at.is_multiple_of(2) { Value::Null } else { json!(0.5) }});
    let json = |value: &Value| Some(("application/json", value.to_string()));
    let target = format!("/v1/orders?page={at}");
    give(&Call {
        method: "GET",
        target: &target,
        status: 200,
        response: json(&json!([order])),
        client,
        ..Call::default()
    });
    let target = format!("/v2/orders/{}", 1_000 + at);
    give(&Call {
        method: "PUT",
        target: &target,
        status: 200,
        request: json(&order),
        response: json(&order),
        client,
        ..Call::default()
    });
}

#[test]
fn a_document_in_every_version_and_form() {
    let talk = shop(60);
    let place = Place::new(&talk);
    for (version, name) in [(Version::V30, "3.0"), (Version::V31, "3.1")] {
        for strict in [false, true] {
            let expected = export::document(&seen(&talk), version, strict);
            let arguments = [&[API, "--openapi", name][..], if strict { &["--strict"] } else { &[] }].concat();
            let given = place.json(&arguments);
            assert_eq!(given["components"], expected["components"]);
            assert_eq!(given["openapi"], expected["openapi"]);
            let keys =
                |document: &Value| document["paths"].as_object().expect("paths").keys().cloned().collect::<Vec<_>>();
            assert_eq!(keys(&given), keys(&expected));
            assert_eq!(given["info"]["x-apiscope-coverage"], json!({"socket_bytes": 420_000, "read_bytes": 420_000}));
            let first = given["paths"]["/v1/orders"]["get"]["x-apiscope-first"].as_str().expect("a time");
            assert!(first.starts_with("2023-11-14T"), "{first}");
            let yaml = place.text(&[&arguments[..], &["--format", "yaml"]].concat());
            assert!(yaml.starts_with("components:"), "{yaml}");
            assert_eq!(export::from_yaml(&yaml).expect("YAML"), given, "YAML says the same");
        }
    }
    assert_eq!(place.json(&[API])["openapi"], "3.1.0", "unless another is asked for");
    let store = place.path("store").display().to_string();
    let elsewhere = Place::new(&Talk::new());
    assert_eq!(elsewhere.json(&[API, "--store", &store]), place.json(&[API]));
    assert_eq!(elsewhere.json(&[API, "--store", &format!("{store}/apiscope.db")]), place.json(&[API]));
}

#[test]
fn differences_as_text_json_and_patched_document() {
    let mut talk = Talk::new();
    (0..20).for_each(|at| call(at, &mut |call| talk.call(call)));
    talk.flush();
    let place = Place::new(&talk);
    let (code, told) = place.fails(&[API, "--diff", "text"]);
    assert!(code == 1 && told.contains("has no document") && told.contains("--document FILE"), "{told}");

    let document = |base: &str, paths: &Value| json!({"openapi": "3.1.0", "info": {"title": "a", "version": "1"}, "servers": [{"url": base}], "paths": paths});
    let get = json!({"get": {"responses": {"200": {"description": "d"}}}});
    let one = place.document("one.json", &document("/v1", &json!({"/orders": get, "/stock": get})));
    let two = place.document("two.json", &document("/v2", &json!({"/stock": get})));
    // A document that the configuration does not name stands alone.
    let text = place.text(&[API, "--diff", "text", "--document", &two]);
    assert!(text.contains("operation-undocumented GET /v1/orders (20 calls)\n"), "{text}");

    place.configure(&format!(
        "[[api]]\nname = \"{API}\"\nauthorities = [\"{API}\"]\nopenapi = [\"one.json\", \"two.json\"]\n"
    ));
    expect_test::expect![[r"
        one.json: parameter-undocumented GET /orders: query page (20 calls)
        one.json: response-media-type-undocumented GET /orders: 200 application/json (20 calls)
        one.json: operation-unseen GET /stock
        two.json: operation-undocumented PUT /orders/{id} (20 calls)
        two.json: operation-unseen GET /stock
    "]]
    .assert_eq(&place.text(&[API, "--diff", "text"]));
    let only = place.text(&[API, "--diff", "text", "--document", &two]);
    assert_eq!(only.lines().count(), 2, "one of the API's: what concerns it: {only}");
    let differences = place.json(&[API, "--diff", "json"]);
    assert_eq!(
        differences["differences"][3],
        json!({"document": "two.json", "kind": "operation-undocumented", "method": "PUT", "path": "/orders/{id}", "what": null, "calls": 20})
    );
    let (code, told) = place.fails(&[API, "--diff", "patched"]);
    assert!(code == 1 && told.contains("several documents") && told.contains("one.json"), "{told}");
    let patched = place.json(&[API, "--diff", "patched", "--document", &two]);
    assert_eq!(patched["paths"]["/orders/{id}"]["put"]["x-apiscope-seen"], true);
    assert_eq!(patched["paths"].as_object().map(serde_json::Map::len), Some(2), "nothing of the other document");
    let yaml = place.text(&[API, "--diff", "patched", "--document", &one, "--format", "yaml"]);
    assert_eq!(export::from_yaml(&yaml).expect("YAML")["paths"]["/orders"]["get"]["parameters"][0]["name"], "page");

    place.document(
        "two.json",
        &json!({"swagger": "2.0", "info": {"title": "a", "version": "1"}, "basePath": "/v2", "paths": {}}),
    );
    let text = place.text(&[API, "--diff", "text", "--document", &two]);
    assert_eq!(text, "two.json: operation-undocumented PUT /orders/{id} (20 calls)\n");
    let (code, told) = place.fails(&[API, "--diff", "patched", "--document", &two]);
    assert!(code == 1 && told.contains("Swagger 2.0") && told.contains("--diff text"), "{told}");
    for (text, why) in [
        ("{\"openapi\": \"3.1.0\"", "two.json"),
        ("{\"a\": 1}", "two.json: there is no `openapi` member"),
        ("", "two.json"),
    ] {
        std::fs::write(&two, text).expect("a file can be written");
        let (code, told) = place.fails(&[API, "--diff", "text"]);
        assert!(code == 1 && told.contains(why), "{text}: {told}");
    }
    let (code, told) = place.fails(&[API, "--diff", "text", "--document", "/no/such/file.yaml"]);
    assert!(code == 1 && told.contains("/no/such/file.yaml") && told.contains("cannot be read"), "{told}");
}

#[test]
fn what_is_wrong_is_said_with_what_to_do() {
    let place = Place::new(&shop(1));
    let (code, told) = place.fails(&["api.exmaple.com"]);
    assert!(code == 1 && told.contains("did you mean \"api.example.com\"?"), "{told}");
    let (code, told) = place.fails(&["quite-another"]);
    assert!(code == 1 && told.contains("\"quite-another\"") && told.contains("known are api.example.com"), "{told}");

    let empty = Place::new(&Talk::new());
    let (code, told) = empty.fails(&[API]);
    assert!(code == 1 && told.contains("nothing was seen yet") && told.contains("apiscope status"), "{told}");
    std::fs::remove_dir_all(empty.path("store")).expect("it is there");
    let (code, told) = empty.fails(&[API]);
    assert!(code == 1 && told.contains("nothing was seen yet that") && told.contains("store"), "{told}");
    let (code, told) = place.fails(&[API, "--store", "/no/such/store"]);
    assert!(code == 1 && told.contains("/no/such/store"), "{told}");

    let wrong: [&[&str]; 7] = [
        &[],
        &[API, "--openapi", "2.0"],
        &[API, "--format", "xml"],
        &[API, "--diff", "html"],
        &[API, "--document", "a.yaml"],
        &[API, "--strict", "--diff", "text"],
        &[API, "another"],
    ];
    for arguments in wrong {
        let (code, told) = place.fails(arguments);
        assert!(code == 2 && told.contains("--help"), "{arguments:?}: {told}");
    }
}

#[test]
fn an_api_that_nobody_called_is_an_empty_document_and_a_note() {
    let mut talk = shop(1);
    talk.rows.values_mut().for_each(|row| row.calls = 0);
    let output = Place::new(&talk).run(&[API]);
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((output.status.code(), &document["paths"]), (Some(0), &json!({})));
    assert!(String::from_utf8_lossy(&output.stderr).contains("none of its endpoints was called yet"));
}

/// Two agents that share the calls, and one that sees all of them.
fn agents(keys: [u8; 2], rounds: u32) -> [Talk; 3] {
    let [mut a, mut b] = keys.map(Talk::with_key);
    let mut one = Talk::with_key(keys[0]);
    for at in 0..rounds {
        call(at, &mut |call| {
            let (sees, passes) = if at % 2 == 0 { (&mut a, &mut b) } else { (&mut b, &mut a) };
            sees.call(call);
            passes.pass();
            one.call(call);
        });
    }
    let mut all = [a, b, one];
    all.iter_mut().for_each(Talk::flush);
    all
}

#[test]
fn stores_of_agents_are_exported_as_if_one_had_seen_all() {
    for keys in [[1, 1], [1, 2]] {
        let [a, b, one] = agents(keys, 60).map(|talk| Place::new(&talk));
        let store = |place: &Place| place.path("store").display().to_string();
        let merged = a.json(&[API, "--store", &store(&a), "--store", &store(&b)]);
        let mut expected = one.json(&[API]);
        // Both agents' accounts, of all calls that each was told of.
        expected["info"] = merged["info"].clone();
        assert_eq!(merged, expected, "{keys:?}");
        assert_eq!(merged["paths"]["/v1/orders"]["get"]["x-apiscope-calls"], 60);
        let more = [API, "--store", &store(&b), "--store", &store(&a), "--store", &store(&b)];
        assert_eq!(b.json(&more), merged, "in any order, one of them twice");
        assert_ne!(a.json(&[API]), merged);
    }
}

#[test]
fn words_are_listed_where_agents_share_their_key_or_each_has_proven_them() {
    let place = |key| {
        let mut talk = Talk::with_key(key);
        shop_calls(60, &mut |call| talk.call(call));
        talk.flush();
        Place::new(&talk)
    };
    let [a, b] = [place(1), place(2)];
    let state = |document: &Value| {
        document["paths"]["/v1/orders"]["get"]["parameters"].as_array().cloned().expect("parameters")
    };
    let store = |place: &Place| place.path("store").display().to_string();
    let merged = a.json(&[API, "--store", &store(&a), "--store", &store(&b)]);
    assert!(state(&merged).iter().any(|one| one["schema"]["enum"] == json!(["OPEN"])), "{merged:#}");
    assert_eq!(state(&merged), state(&a.json(&[API])));
}

#[test]
fn merge_takes_stores_and_names_the_next_step() {
    let [a, b, _] = agents([1, 1], 4).map(|talk| Place::new(&talk));
    let run = |paths: &[&Path], form: &str| {
        let mut merge = Command::new(env!("CARGO_BIN_EXE_apiscope"));
        merge.arg("merge").args(paths).args(["-o", form]).output().expect("it starts")
    };
    let output = run(&[&a.path("store"), &b.path("store/apiscope.db"), &a.path("store")], "json");
    let rows: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let calls: Vec<_> = rows["items"].as_array().expect("rows").iter().map(|row| row["calls"].clone()).collect();
    assert_eq!(calls, [json!(4), json!(4)]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("3 stores of 2 agents") && told.contains("apiscope export API --store"), "{told}");
    let output = run(&[Path::new("/no/such/store")], "table");
    assert_eq!(output.status.code(), Some(1));
    let output = Command::new(env!("CARGO_BIN_EXE_apiscope")).arg("merge").output().expect("it starts");
    assert_eq!(output.status.code(), Some(2));
}
