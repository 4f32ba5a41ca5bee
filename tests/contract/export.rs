//! What is exported of a real API server before other people's programs: a client generator, whose client then calls the server, and a mock
//! server, which then answers that client and the generator of requests.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::agent::Agent;
use crate::support::run;
use crate::{Server, alone, can_run, endpoints, here, program, settled};

/// Calls of each operation.
const ROUNDS: usize = 80;
/// What `drive.py` asks for: the kinds of articles are values of one.
const OPERATIONS: usize = 11;

#[test]
fn an_exported_document_makes_a_client_and_a_mock_server() {
    if !can_run("an_exported_document_makes_a_client_and_a_mock_server") {
        return;
    }
    let _alone = alone();
    let mut agent = Agent::start("");
    let folder = agent.folder.path().to_owned();
    // Nobody asks it for its document: a document has members called `$ref`, which connexion would follow in the schema of one.
    let server = Server::start(&folder, "shop", "shop", "", &[]);
    run(Command::new(program("python")).arg(here("drive.py")).args([server.port.to_string(), ROUNDS.to_string()]));
    settled(|| endpoints(&agent, &server.authority()).len() == OPERATIONS);
    // All that it knows is in the store when it has ended.
    assert!(agent.stop().success());
    for version in ["3.0", "3.1"] {
        let document = folder.join(format!("seen-{version}.json"));
        let text = run(agent.client("export").arg(server.authority()).args(["--openapi", version]));
        std::fs::write(&document, &text).expect("a file can be written");
        let seen: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(seen["paths"]["/orders"]["post"]["requestBody"]["required"], true, "{seen:#}");
        let package = format!("client_{}", version.replace('.', "_"));
        generate(&folder, &document, &package);
        let of_server = client(&folder, &document, &package, &server.authority());
        assert_eq!(of_server.lines().count(), OPERATIONS, "{of_server}");
        // connexion takes no document of 3.1.
        if version == "3.0" {
            let mock = Server::start(&folder, "mock", "desk", "", &[&document]);
            let of_mock = client(&folder, &document, &package, &mock.authority());
            assert_eq!(of_mock, of_server, "the mock answers as the server does");
            conforms(&document, &mock);
        }
    }
}

/// Lets openapi-python-client make a client; its own formatting of the code is left out.
fn generate(folder: &Path, document: &Path, package: &str) {
    let settings = folder.join("generator.yaml");
    std::fs::write(&settings, "post_hooks: []\n").expect("a file can be written");
    let mut generator = Command::new(program("python"));
    generator
        .args(["-m", "openapi_python_client", "generate", "--meta", "none", "--fail-on-warning", "--path"])
        .arg(document);
    run(generator.arg("--config").arg(settings).arg("--output-path").arg(folder.join(package)));
}

/// Which operations the client called, with their statuses.
fn client(folder: &Path, document: &Path, package: &str, authority: &str) -> String {
    let mut client = Command::new(program("python"));
    client.arg(here("client.py")).arg(document).args([package, &format!("http://{authority}")]);
    run(client.current_dir(folder))
}

/// Requests that the document allows get answers that it describes.
fn conforms(document: &Path, mock: &Server) {
    let mut asker = Command::new(program("schemathesis"));
    asker.arg("run").arg(document).args(["--url", &format!("http://{}", mock.authority()), "--seed", "1"]);
    asker.args([
        "--header",
        "Authorization: Bearer bm90IGEgc2VjcmV0",
        "--phases",
        "fuzzing",
        "--mode",
        "positive",
        "--max-examples",
        "3",
        "--no-color",
        "--checks",
    ]);
    asker.current_dir(document.parent().expect("a document lies in a folder"));
    let told = run(asker.arg("response_schema_conformance,status_code_conformance,content_type_conformance"));
    assert!(told.contains("Test cases:") && !told.contains("FAILURES"), "{told}");
}
