//! The inventory from outside: an endpoint in detail, why its template is as it is, what the configuration pins, and what was asked for
//! in vain.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::{Agent, Place, apiscope, capture_works, eventually, http, texts};
use crate::traffic::{Process, curl, nginx};

/// An nginx that is the API `orders`, and an agent that watches it.
struct Scene {
    place: Place,
    port: u16,
    agent: Agent,
    _nginx: Process,
}

impl Scene {
    fn new() -> Self {
        let place = Place::new();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let nginx = nginx(place.dir.path(), port);
        std::fs::create_dir(place.path("www/people")).unwrap();
        for name in ["alice", "bob"] {
            std::fs::write(place.path("www/people").join(name), "{}").unwrap();
        }
        place.configure(&rule(port, ""));
        let agent = place.start();
        Self { place, port, agent, _nginx: nginx }
    }

    fn get(&self, paths: &[&str]) {
        for path in paths {
            curl(&[&format!("http://127.0.0.1:{}{path}", self.port)]);
        }
    }

    /// A command with words, and what it says.
    fn say(&self, words: &[&str]) -> (Option<i32>, String, String) {
        let config = self.place.config();
        let output = apiscope(&[words, &["--config", &config]].concat());
        let (stdout, stderr) = texts(&output);
        (output.status.code(), stdout, stderr)
    }

    /// The API's rows of a list.
    fn rows(&self, words: &[&str]) -> Vec<Value> {
        let (_, stdout, stderr) = self.say(&[words, &["-o", "json"]].concat());
        let list: Value = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}{stderr}"));
        list["items"].as_array().unwrap().iter().filter(|row| row["api"] == "orders").cloned().collect()
    }

    /// Calls by method and template.
    fn calls(&self) -> BTreeMap<String, u64> {
        let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
        let rows = self.rows(&["endpoints"]);
        let one =
            |row: &Value| (format!("{} {}", text(row, "method"), text(row, "route")), row["calls"].as_u64().unwrap());
        rows.iter().map(one).collect()
    }

    fn wait_for_calls(&self, expected: &[(&str, u64)]) {
        let expected: BTreeMap<_, _> = expected.iter().map(|(name, calls)| ((*name).to_owned(), *calls)).collect();
        eventually(&format!("{expected:?}"), || (self.calls() == expected).then_some(()));
    }

    fn id(&self, route: &str) -> String {
        let rows = self.rows(&["endpoints"]);
        rows.iter().find(|row| row["route"] == route).unwrap()["id"].as_str().unwrap().to_owned()
    }
}

fn rule(port: u16, more: &str) -> String {
    format!("[[api]]\nname = \"orders\"\nauthorities = [\"127.0.0.1:{port}\"]\n{more}")
}

#[test]
fn an_endpoint_in_detail_and_what_the_configuration_pins() {
    if !capture_works() {
        return;
    }
    let mut scene = Scene::new();
    scene.get(&["/orders/17", "/orders/17", "/orders/18", "/people/alice", "/people/bob"]);
    scene.wait_for_calls(&[("GET /orders/{id}", 3), ("GET /people/alice", 1), ("GET /people/bob", 1)]);

    let id = scene.id("/orders/{id}");
    let (code, story, _) = scene.say(&["endpoints", &id]);
    for line in [
        "GET /orders/{id} of orders",
        &format!("  id              {id}"),
        "  template        shape, learning: few calls so far, it may still change",
        "  because         by its form it is a value",
        "  document        none",
        "  calls           3",
        "  statuses        200 (3)",
        "  authentication  none (3)",
        "consumers: 1",
        "  127.0.0.1 ",
    ] {
        assert!(story.lines().any(|known| known.starts_with(line)), "{line:?} is not in:\n{story}");
    }
    assert_eq!(code, Some(0));
    // By its template it is the same, beside the like of other APIs on this host (other tests'); so is what `explain` says.
    for template in ["/orders/{id}", "GET /orders/{id}"] {
        let (_, stories, _) = scene.say(&["endpoints", template]);
        assert!(stories.contains(&story), "{stories}");
    }
    assert_eq!(scene.say(&["explain", &id]).1, story);
    let (_, json, _) = scene.say(&["explain", &id, "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["route"], &json["template"], &json["calls"]),
        (&"/orders/{id}".into(), &"shape".into(), &3.into())
    );
    let (code, _, error) = scene.say(&["endpoints", "GET /nothing"]);
    assert!(
        code == Some(1) && error.contains("is no endpoint that is known here") && error.contains("in quotes"),
        "{error}"
    );
    let (code, _, error) = scene.say(&["explain", "0123456789abcdef"]);
    assert!(code == Some(1) && error.contains("neither a kind of finding nor the ID"), "{error}");

    // A template and a name of the user's, from the next moment on and for what is known already.
    let pins = "templates = [\"/people/{login}\"]\nliteral = [\"/orders/17\"]\n";
    scene.place.configure(&rule(scene.port, pins));
    scene.agent.signal("HUP");
    scene.agent.wait_for("the configuration was read again");
    scene.wait_for_calls(&[("GET /orders/{id}", 3), ("GET /people/{login}", 2)]);
    scene.get(&["/orders/17", "/orders/18", "/people/bob"]);
    scene.wait_for_calls(&[("GET /orders/17", 1), ("GET /orders/{id}", 4), ("GET /people/{login}", 3)]);
    for route in ["/people/{login}", "/orders/17"] {
        let (_, story, _) = scene.say(&["explain", &scene.id(route)]);
        assert!(story.contains("template        pinned") && story.contains("the configuration says so"), "{story}");
    }
}

#[test]
fn what_was_asked_for_in_vain_is_listed_with_who_asked() {
    if !capture_works() {
        return;
    }
    let mut scene = Scene::new();
    scene.get(&["/orders/17", "/.env", "/.env", "/nowhere/4711", "/orders/17/secret-notes-of-my-own-life"]);
    let paths = |scene: &Scene| -> Vec<String> {
        let rows = scene.rows(&["probed"]);
        let mut paths: Vec<_> = rows
            .iter()
            .map(|row| {
                assert_eq!(row["top_client"], "127.0.0.1", "{row}");
                format!("{} {} {} {}", row["method"], row["path"], row["calls_most"], row["by_status"]["404"])
                    .replace('"', "")
            })
            .collect();
        paths.sort();
        paths
    };
    let expected = ["GET /.env 2 2", "GET /nowhere/{id} 1 1", "GET /orders/{id}/{value} 1 1"];
    eventually("the list", || (paths(&scene).len() == expected.len()).then_some(()));
    assert_eq!(paths(&scene), expected);
    let clients = scene.rows(&["probed", "--clients"]);
    assert_eq!(clients.len(), 1, "{clients:?}");
    assert_eq!((&clients[0]["client"], &clients[0]["paths"]), (&"127.0.0.1".into(), &3.into()));
    assert_eq!((&clients[0]["calls_least"], &clients[0]["calls_most"]), (&4.into(), &4.into()));
    let (_, table, _) = scene.say(&["probed"]);
    assert!(table.starts_with("API") && table.contains("404 (2)"), "{table}");
    let (_, table, hint) = scene.say(&["probed", "--clients"]);
    assert!(table.contains("DIFFERENT PATHS") && hint.contains("apiscope probed"), "{table}{hint}");
    let (_, help, _) = scene.say(&["probed", "-h"]);
    assert!(help.contains("Examples:") && help.contains("scanner"), "{help}");
    let (_, status, _) = scene.say(&["status"]);
    assert!(
        status.contains("calls of paths that are no endpoint, such as scanners make (apiscope probed)"),
        "{status}"
    );
    let metrics = http(scene.place.port, "GET /metrics HTTP/1.1");
    for metric in ["apiscope_probed_calls_total ", "apiscope_probed_displaced_total "] {
        assert!(metrics.contains(metric), "{metric}");
    }
    // The agent's store has it when nothing runs.
    scene.agent.signal("TERM");
    assert!(scene.agent.wait().0.success());
    assert_eq!(paths(&scene), expected);
    let (code, _, note) = scene.say(&["probed", "--clients"]);
    assert!(code == Some(0) && note.contains("this is what it left in"), "{note}");
}
