//! 250 planted secrets, in every place of a request and a response, whole and split over segments: none of them is in anything
//! that the agent has written, said, stored or sent; raw, in hex, in base64 or percent-encoded.
//!
//! `cargo xtask test` also builds this with the feature `deliberate-leak`, in which the agent logs what it reads: then the test
//! has to fail, or it could not find a leak at all.

#[path = "../support/mod.rs"]
mod support;

mod canary;

use std::process::Command;
use std::time::Duration;

use canary::{Canary, Needles, plant};
use support::agent::{Agent, BINARY};
use support::net::Namespace;
use support::nginx::Nginx;
use support::recorder::Recorder;
use support::{Running, all_bytes_below, can_run_live};

/// The response says again what the request's query said: secrets in responses.
const LOCATIONS: &str = r#"
        location / { return 200 '{"token":"$arg_echo","items":[{"note":"$arg_echo"}]}'; }
        location /refused/ { return 401 '{"error":"no"}'; }
        location /missing/ { return 404 '{"error":"no such thing as $arg_echo"}'; }
"#;

#[test]
#[cfg_attr(feature = "deliberate-leak", should_panic(expected = "planted secrets leaked"))]
#[expect(clippy::assertions_on_constants, reason = "the feature decides whether a panic is expected")]
fn no_planted_secret_is_in_any_output() {
    if !can_run_live("no_planted_secret_is_in_any_output") {
        // The deliberate leak is expected to panic with these words, also where nothing can be tried.
        assert!(!cfg!(feature = "deliberate-leak"), "planted secrets leaked: not tried, for it can't run here");
        return;
    }
    let namespace = Namespace::new();
    let nginx = Nginx::start(Some(&namespace), LOCATIONS);
    let receiver = Recorder::start();
    let agent = Agent::start(&receiver.configuration());
    let watch = agent.watch();
    let capture = agent.path("traffic.pcap");
    let mut tcpdump = Running::start(
        Command::new("tcpdump")
            .args(["-i", &namespace.interface, "-s", "0", "-U", "--immediate-mode", "-B", "65536", "-w"])
            .arg(&capture),
    );
    std::thread::sleep(Duration::from_millis(700));

    let canaries = canary::all();
    assert!(canaries.len() >= 200, "{}", canaries.len());
    let mut requests = 0;
    for canary in &canaries {
        requests += plant(canary, (namespace.inside.0, nginx.port).into());
    }
    let seen = watch.wait(nginx.port, requests);
    let read = seen.iter().filter(|line| line["request_complete"] == true).count();
    assert_eq!(read, requests, "each planted request was read, or the search would be in vain");
    tcpdump.signal("INT");
    tcpdump.wait(Duration::from_secs(5));
    // Store and receiver have their share at the latest a second or two later.
    std::thread::sleep(Duration::from_secs(3));

    let mut outputs = said_by_every_command(&agent);
    outputs.push(("replay".to_owned(), replayed(&agent)));
    assert!(receiver.requests() > 0, "the receiver was told of the findings");
    outputs.push(("webhook".to_owned(), receiver.bytes()));
    std::fs::remove_file(&capture).expect("the capture holds the secrets by design");
    drop(watch);
    outputs.extend(
        all_bytes_below(agent.folder.path()).into_iter().map(|(path, bytes)| (path.display().to_string(), bytes)),
    );

    let leaks = find_all(&canaries, &outputs);
    assert!(leaks.is_empty(), "{} of {} planted secrets leaked:\n{}", leaks.len(), canaries.len(), leaks.join("\n"));
}

fn find_all(canaries: &[Canary], outputs: &[(String, Vec<u8>)]) -> Vec<String> {
    let needles = Needles::of(canaries);
    outputs
        .iter()
        .flat_map(|(name, bytes)| needles.found_in(bytes).into_iter().map(move |what| format!("{name}: {what}")))
        .collect()
}

/// Everything that the command line can say, in each form.
fn said_by_every_command(agent: &Agent) -> Vec<(String, Vec<u8>)> {
    let mut said = vec![("metrics".to_owned(), agent.metrics().into_bytes())];
    let mut ask = |command: &str, arguments: &[&str]| {
        let output = agent.client(command).args(arguments).output().expect("the client can be started");
        assert!(output.status.success(), "{command} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        said.push((format!("{command} {arguments:?}"), [output.stdout, output.stderr].concat()));
    };
    for form in ["table", "json"] {
        ask("status", &["-o", form]);
    }
    for command in ["apis", "endpoints", "findings"] {
        for form in ["table", "json", "jsonl", "csv"] {
            ask(command, &["-o", form]);
        }
    }
    let findings = agent.json("findings");
    let list = findings.get("items").unwrap_or(&findings).as_array().expect("a list").clone();
    assert!(!list.is_empty(), "planted credentials are found");
    for finding in list {
        ask("explain", &[finding["id"].as_str().expect("an id")]);
    }
    said
}

fn replayed(agent: &Agent) -> Vec<u8> {
    let forms: [&[&str]; 3] = [&["--exchanges", "-o", "jsonl"], &["-o", "json"], &[]];
    let mut said = Vec::new();
    for form in forms {
        let output = Command::new(BINARY)
            .arg("replay")
            .arg("--config")
            .arg(agent.path("apiscope.toml"))
            .arg(agent.path("traffic.pcap"))
            .args(form)
            .output()
            .expect("replay can be started");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        said.extend([output.stdout, output.stderr].concat());
    }
    said
}

/// The search itself: it finds a secret in each coding, at each alignment, and nothing in clean bytes.
#[test]
fn the_search_finds_a_secret_in_each_coding() {
    let canaries = canary::all();
    let needles = Needles::of(&canaries);
    for canary in &canaries {
        for pad in ["", "a", "ab", "abc"] {
            for coded in canary::codings(&format!("{pad}{}{pad}", canary.value)) {
                assert!(!needles.found_in(format!("before {coded} after").as_bytes()).is_empty(), "{coded}");
            }
        }
    }
    assert_eq!(
        needles.found_in("nothing here but words, and 0123456789abcdef0123456789abcdef".as_bytes()),
        Vec::<String>::new()
    );
}
