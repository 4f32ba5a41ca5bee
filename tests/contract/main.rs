//! Real API servers with documents of their own, asked by a generator that follows the documents (schemathesis: valid and invalid
//! values, methods that are none): the inventory has the operations that were answered, no more and no fewer; compared with a document
//! from which some were taken out or in which some were marked, it says so of just these. And what is exported of them is good enough for
//! other people's programs (`export.rs`).

#[path = "../support/mod.rs"]
mod support;

mod export;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use support::agent::Agent;
use support::net::free_port;
use support::{Running, can_run_live_with, run, wait_for};

/// A method and a path whose variables have no names: those of the inventory are its own.
type Operation = (String, String);

/// All tests watch the whole host.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/contract").join(name)
}

/// A program of the environment that the set-up makes.
fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/python/bin").join(name)
}

/// An API server that says which operation answered what.
struct Server {
    port: u16,
    document: PathBuf,
    base: &'static str,
    said: PathBuf,
    _running: Running,
}

impl Server {
    /// `FastAPI`, whose document is asked of itself.
    fn shop(folder: &Path) -> Self {
        let mut this = Self::start(folder, "shop", "shop", "", &[]);
        let text = run(Command::new("curl").args(["-sf", &format!("http://127.0.0.1:{}/openapi.json", this.port)]));
        this.document = folder.join("shop.json");
        std::fs::write(&this.document, text).expect("a file can be written");
        this
    }

    /// `connexion`'s mock server of a document.
    fn desk(folder: &Path) -> Self {
        Self::start(folder, "desk", "desk", "/v1", &[&here("desk.yaml")])
    }

    /// `name`: of its files; `script`: what it runs.
    fn start(folder: &Path, name: &str, script: &str, base: &'static str, arguments: &[&Path]) -> Self {
        let (port, said) = (free_port(), folder.join(format!("{name}.said")));
        let file = File::create(&said).expect("a file can be made");
        let errors = File::create(folder.join(format!("{name}.err"))).expect("a file can be made");
        let mut command = Command::new(program("python"));
        command.arg(here(&format!("{script}.py"))).args(arguments).arg(port.to_string()).stdout(file).stderr(errors);
        let running = Running::start(&mut command);
        wait_for("the server answers", Duration::from_mins(1), || {
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Self { port, document: here("desk.yaml"), base, said, _running: running }
    }

    fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Lets schemathesis ask for everything that the document has.
    fn ask(&self, examples: u32) {
        let mut asker = Command::new(program("schemathesis"));
        asker.arg("run").arg(&self.document).args(["--url", &format!("http://{}{}", self.authority(), self.base)]);
        asker.args(["--seed", "1", "--phases", "examples,coverage,fuzzing", "--checks", "not_a_server_error"]);
        asker.args(["--no-color", "--max-examples", &examples.to_string()]).stdin(Stdio::null());
        // It leaves a folder of what it found where it stands.
        asker.current_dir(self.said.parent().expect("the server's words lie in a folder"));
        // What it finds wrong with the server (a mock's internal errors) is not ours: only that it has asked.
        let output = asker.output().expect("schemathesis starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("Test cases:"), "{text}{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The operations that the server itself says it answered, other than that there is no such method.
    fn answered(&self) -> BTreeSet<Operation> {
        let text = std::fs::read_to_string(&self.said).expect("the server's words can be read");
        let words = text.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        let answered = words.filter_map(|words| match *words {
            [method, path, status] if !["404", "405"].contains(&status) && method != "HEAD" => {
                Some((method.to_owned(), nameless(path)))
            }
            _ => None,
        });
        answered.collect()
    }
}

/// A path with `{}` for each variable, `{number}` or `<int:number>`.
fn nameless(path: &str) -> String {
    let variable = |segment: &str| segment.contains(['{', '<']);
    path.split('/').map(|segment| if variable(segment) { "{}" } else { segment }).collect::<Vec<_>>().join("/")
}

/// The endpoints of an API with their state.
fn endpoints(agent: &Agent, api: &str) -> BTreeMap<Operation, String> {
    let rows = agent.json("endpoints");
    let rows =
        rows["items"].as_array().unwrap_or_else(|| panic!("no list: {rows}")).iter().filter(|row| row["api"] == *api);
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    rows.map(|row| ((text(row, "method"), nameless(&text(row, "route"))), text(row, "document"))).collect()
}

fn can_run(test: &str) -> bool {
    can_run_live_with(test, &program("schemathesis"))
}

#[test]
fn without_a_document_endpoints_are_the_operations_that_answered() {
    if !can_run("without_a_document_endpoints_are_the_operations") {
        return;
    }
    let _alone = alone();
    let agent = Agent::start("");
    // The mock is left out: of one of its variables schemathesis knows hardly another value than `aaa`, and nobody can tell that from a name.
    let server = Server::shop(agent.folder.path());
    server.ask(60);
    let answered = server.answered();
    assert!(answered.len() >= 10, "{answered:?}");
    let found = || -> BTreeSet<Operation> {
        let found = endpoints(&agent, &server.authority()).into_keys();
        found.filter(|(_, path)| path != "/openapi.json").collect()
    };
    settled(|| found() == answered);
    assert_eq!(found(), answered);
}

/// Waits for what should come within seconds; what did not is for the assertion that follows.
fn settled(done: impl Fn() -> bool) {
    let end = std::time::Instant::now() + Duration::from_secs(5);
    while !done() && std::time::Instant::now() < end {
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Takes one operation in ten out of a document, and marks another one in ten. Gives the changed document, and both kinds.
fn changed(document: &Value, base: &str) -> (Value, BTreeSet<Operation>, BTreeSet<Operation>) {
    let mut changed = document.clone();
    let (mut removed, mut marked) = (BTreeSet::new(), BTreeSet::new());
    let paths = changed["paths"].as_object_mut().expect("a document has paths");
    let mut number = 0;
    for (path, item) in paths {
        let item = item.as_object_mut().expect("a path has operations");
        for method in ["get", "put", "post", "delete"] {
            if item.get(method).is_none_or(|operation| operation["deprecated"] == true) {
                continue;
            }
            number += 1;
            let operation = (method.to_uppercase(), nameless(&format!("{base}{path}")));
            match number % 10 {
                3 => {
                    item.remove(method);
                    removed.insert(operation);
                }
                7 => {
                    item[method]["deprecated"] = true.into();
                    marked.insert(operation);
                }
                _ => {}
            }
        }
    }
    (changed, removed, marked)
}

#[test]
fn what_a_document_lacks_or_marks_is_told_of_just_these() {
    if !can_run("what_a_document_lacks_or_marks") {
        return;
    }
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a temporary directory");
    let servers = [("shop", Server::shop(folder.path())), ("desk", Server::desk(folder.path()))];
    let mut configuration = String::new();
    let mut expected = Vec::new();
    for (name, server) in &servers {
        let (document, removed, mut marked) = changed(&as_json(&server.document), server.base);
        assert!(!removed.is_empty() && !marked.is_empty(), "{name}");
        if *name == "desk" {
            marked.insert(("DELETE".to_owned(), "/v1/tickets/{}".to_owned()));
        } else {
            // By its own answers.
            marked.insert(("GET".to_owned(), "/report".to_owned()));
        }
        let file = folder.path().join(format!("{name}.changed.json"));
        std::fs::write(&file, document.to_string()).expect("a file can be written");
        let (file, authority) = (file.display(), server.authority());
        let api = format!(
            "[[api]]\nname = \"{name}\"\nowner = \"team-{name}\"\nauthorities = [\"{authority}\"]\nopenapi = \"{file}\"\n"
        );
        configuration.push_str(&api);
        expected.push((removed, marked));
    }
    let agent = Agent::start(&configuration);
    for (_, server) in &servers {
        server.ask(10);
    }
    for ((name, server), (removed, marked)) in servers.iter().zip(&expected) {
        let answered = server.answered();
        let of = |state: &str| -> BTreeSet<Operation> {
            let rows = endpoints(&agent, name)
                .into_iter()
                .filter(|((_, path), found)| found == state && path != "/openapi.json");
            rows.map(|(operation, _)| operation).collect()
        };
        let mut known = answered.clone();
        known.retain(|operation| !removed.contains(operation) && !marked.contains(operation));
        settled(|| of("documented") == known);
        assert_eq!(of("documented"), known, "{name}");
        assert_eq!(of("undocumented"), *removed, "{name}");
        assert_eq!(of("deprecated"), *marked, "{name}");
        assert_eq!(of("unused"), BTreeSet::new(), "{name}");
    }
    announced_by_itself(&agent);
    removed_while_it_runs(&agent, &servers[0].1, &folder.path().join("shop.changed.json"));
}

/// The endpoint whose answers announce its end says so, and by whom it is called.
fn announced_by_itself(agent: &Agent) {
    let rows = agent.json("endpoints");
    let row =
        rows["items"].as_array().into_iter().flatten().find(|row| row["route"] == "/report").expect("the endpoint");
    assert_eq!(row["deprecated_by"], serde_json::json!(["answers"]), "{row}");
    let said = &row["announced"];
    let told = (&said["deprecation"], &said["since"], &said["sunset"]);
    let right = ("date", "2023-06-30T23:59:59Z", "2024-06-30T23:59:59Z");
    assert_eq!(told, (&right.0.into(), &right.1.into(), &right.2.into()), "{row}");
    let finding = finding(agent, "/report").expect("it is told");
    assert_eq!((&finding["severity"], &finding["owner"]), (&"medium".into(), &"team-shop".into()), "{finding}");
    assert_eq!(finding["consumers"], serde_json::json!(["127.0.0.1"]), "{finding}");
}

/// An operation goes from the document while the agent runs; its next call is one of what was removed.
fn removed_while_it_runs(agent: &Agent, server: &Server, file: &Path) {
    let health = ("GET".to_owned(), "/health".to_owned());
    let mut document = as_json(file);
    assert!(document["paths"].as_object_mut().expect("paths").remove("/health").is_some());
    std::fs::write(file, document.to_string()).expect("a file can be written");
    let url = format!("http://{}/health", server.authority());
    wait_for("what is gone from the document is removed", Duration::from_secs(20), || {
        run(Command::new("curl").args(["-sf", &url]));
        (endpoints(agent, "shop").get(&health).map(String::as_str) == Some("removed")).then_some(())
    });
    wait_for("its call is told", Duration::from_secs(10), || {
        run(Command::new("curl").args(["-sf", &url]));
        finding(agent, "/health")
            .filter(|finding| finding["evidence"].to_string().contains("no longer in the document"))
    });
}

/// The finding that an endpoint is called which is to go, or is gone.
fn finding(agent: &Agent, route: &str) -> Option<Value> {
    let rows = agent.json("findings");
    let mut rows = rows["items"].as_array().into_iter().flatten();
    rows.find(|row| row["kind"] == "deprecated-endpoint-in-use" && row["route"] == *route).cloned()
}

/// A document as JSON: the mock's is YAML.
fn as_json(document: &Path) -> Value {
    let script = "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)";
    let text = run(Command::new(program("python")).args(["-c", script]).arg(document));
    serde_json::from_str(&text).expect("JSON")
}
