//! The daemon: how it starts, refuses to start, reloads and ends.

use std::process::Command;
use std::time::Duration;

use crate::support::{Place, apiscope, capture_works, eventually, http, texts};

/// As nobody, who may read the binary.
fn as_nobody(arguments: &[&str]) -> std::process::Output {
    let dir =
        tempfile::Builder::new().permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755)).tempdir().unwrap();
    let binary = dir.path().join("apiscope");
    std::fs::copy(env!("CARGO_BIN_EXE_apiscope"), &binary).unwrap();
    let drop = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    Command::new("setpriv").args(drop).arg(&binary).args(arguments).output().unwrap()
}

fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status").unwrap().lines().any(|line| line.starts_with("Uid:\t0\t0"))
}

#[test]
fn starts_answers_and_ends_on_sigterm() {
    if !capture_works() {
        return;
    }
    let place = Place::new();
    let mut agent = place.start();
    let status = place.json("status");
    assert_eq!(status["agent"]["pid"], agent.pid());
    assert_eq!(status["problems"].as_array().map(Vec::len), Some(0), "{status:#}");
    let coverage = &status["coverage"];
    let sum = ["skipped_bytes", "lost_bytes", "unparsed_bytes"]
        .iter()
        .flat_map(|part| coverage[part].as_object().unwrap().values())
        .chain([&coverage["parsed_bytes"]])
        .map(|bytes| bytes.as_u64().unwrap())
        .sum::<u64>();
    assert_eq!(coverage["socket_bytes"].as_u64(), Some(sum), "the parts are the whole");

    assert!(http(place.port, "GET /-/ready HTTP/1.1").starts_with("HTTP/1.1 200"));
    assert!(http(place.port, "GET /-/healthy HTTP/1.1").starts_with("HTTP/1.1 200"));
    let head = http(place.port, "HEAD /metrics HTTP/1.1");
    assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(http(place.port, "POST /metrics HTTP/1.1").starts_with("HTTP/1.1 405"));
    assert!(http(place.port, "DELETE / HTTP/1.1").starts_with("HTTP/1.1 405"));
    assert!(http(place.port, "GET /etc/passwd HTTP/1.1").starts_with("HTTP/1.1 404"));
    let metrics = http(place.port, "GET /metrics HTTP/1.1");
    assert!(metrics.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{metrics}");
    let packed = http(place.port, "GET /metrics HTTP/1.1\r\nAccept-Encoding: gzip");
    assert!(packed.contains("content-encoding: gzip") && !packed.contains("# HELP"), "{packed}");
    assert!(metrics.contains("apiscope_bpf_program_attached{program=\"ingress\"} 1"), "{metrics}");
    assert!(metrics.contains("apiscope_config_last_reload_successful 1"), "{metrics}");

    agent.signal("TERM");
    let (status, took) = agent.wait();
    assert!(status.success() && took < Duration::from_secs(5), "{status:?} after {took:?}: {}", agent.log());
    assert!(!place.path("agent.sock").exists());
}

#[test]
fn a_second_one_is_refused_and_a_killed_one_leaves_nothing_in_the_way() {
    if !capture_works() {
        return;
    }
    let place = Place::new();
    let mut agent = place.start();
    let second = apiscope(&["run", "--config", &place.config()]);
    let (_, stderr) = texts(&second);
    assert_eq!(second.status.code(), Some(1));
    assert!(stderr.contains(&format!("apiscope is already running (process {})", agent.pid())), "{stderr}");
    assert!(stderr.contains("what to do: look at it with `apiscope status`"), "{stderr}");
    assert_eq!(place.ask("status").status.code(), Some(0), "the first one is not disturbed");

    agent.signal("KILL");
    agent.wait();
    assert!(place.path("agent.sock").exists(), "left behind");
    let mut next = place.start();
    assert_eq!(place.json("status")["agent"]["pid"], next.pid());
    next.signal("INT");
    assert!(next.wait().0.success());
}

#[test]
fn a_port_in_use_is_told_before_anything_begins() {
    let place = Place::new();
    let _taken = std::net::TcpListener::bind(("127.0.0.1", place.port)).unwrap();
    let output = place.ask("run");
    let (stdout, stderr) = texts(&output);
    assert_eq!((output.status.code(), stdout.as_str()), (Some(1), ""));
    let what = format!("the metrics cannot listen on 127.0.0.1:{}: address already in use", place.port);
    assert!(stderr.contains(&what) && stderr.contains(&format!("ss -ltnp sport = :{}", place.port)), "{stderr}");
    assert!(!place.path("agent.sock").exists(), "what was begun is taken back");
}

#[test]
fn without_permission_it_says_what_is_lacking() {
    if !is_root() {
        eprintln!("SKIPPED: only root can become nobody");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let config = dir.path().join("apiscope.toml");
    std::fs::write(&config, "[control]\nsocket = \"s\"\n[store]\ndir = \"store\"\n[metrics]\nlisten = \"off\"\n")
        .unwrap();
    let config = config.to_str().unwrap();

    let output = as_nobody(&["run", "--config", config]);
    let (_, stderr) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("capture cannot start: this process lacks CAP_BPF"), "{stderr}");
    assert!(stderr.contains("what to do: run as root"), "{stderr}");

    // Where even the socket is out of reach, that is what is told.
    let output = as_nobody(&["run", "--config", "/dev/null"]);
    let (_, stderr) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("/run/apiscope") && stderr.contains("permission denied"), "{stderr}");

    let output = as_nobody(&["doctor", "--config", config]);
    let (stdout, _) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{stdout}");
    assert!(stdout.contains("× permission for BPF") && stdout.contains("what to do: run as root"), "{stdout}");

    std::fs::set_permissions(config, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let output = as_nobody(&["check", "--config", config]);
    let (_, stderr) = texts(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.contains("cannot be read: permission denied"), "{stderr}");
}

#[test]
fn a_wrong_new_configuration_leaves_the_old_one_in_force() {
    if !capture_works() {
        return;
    }
    let place = Place::new();
    place.configure("[[api]]\nname = \"orders\"\nports = [1]\n");
    let mut agent = place.start();

    place.configure("[[api]]\nname = \"orders\"\nport = [1]\n");
    agent.signal("HUP");
    agent.wait_for("the old one is still in force");
    let output = place.ask("status");
    let (stdout, _) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{stdout}");
    assert!(
        stdout.contains("configuration (for ") && stdout.contains("apiscope.toml:11:1: unknown key `port`"),
        "{stdout}"
    );
    assert!(stdout.contains("did you mean `ports`?"), "{stdout}");
    assert!(http(place.port, "GET /metrics HTTP/1.1").contains("apiscope_config_last_reload_successful 0"));

    place.configure("environment = \"x\"\n");
    // `environment` stands below [metrics] here, so it is wrong still, and otherwise.
    agent.signal("HUP");
    eventually("the other mistake", || place.json("status").to_string().contains("`environment`").then_some(()));

    place.configure("[capture]\nring_bytes = \"16MiB\"\n");
    agent.signal("HUP");
    agent.wait_for("the configuration was read again");
    let status = place.json("status");
    let problems = status["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0]["what"].as_str().unwrap().contains("[capture] ring_bytes changed, which counts after a restart")
    );
    assert!(http(place.port, "GET /metrics HTTP/1.1").contains("apiscope_config_last_reload_successful 1"));
}

#[test]
fn a_broken_document_is_told_and_the_last_good_one_stays() {
    if !capture_works() {
        return;
    }
    let place = Place::new();
    let good = "openapi: 3.0.3\ninfo: {title: X, version: '1'}\npaths: {/a: {get: {responses: {}}}}\n";
    std::fs::write(place.path("spec.yaml"), "openapi: [\n").unwrap();
    place.configure("[[api]]\nname = \"x\"\nports = [1]\nopenapi = \"spec.yaml\"\n");
    let mut agent = place.start();
    let told = |part: &str| {
        let status = place.json("status");
        let problems = status["problems"].as_array().unwrap().clone();
        problems
            .iter()
            .any(|problem| problem["part"] == "document of x" && problem["what"].as_str().unwrap().contains(part))
    };
    assert!(told("the agent goes on without it"));
    let metrics = http(place.port, "GET /metrics HTTP/1.1");
    assert!(metrics.contains("apiscope_spec_load_failures_total{spec=\"spec.yaml\"} 1"), "{metrics}");

    std::fs::write(place.path("spec.yaml"), good).unwrap();
    agent.signal("HUP");
    eventually("the good document", || place.json("status")["problems"].as_array().unwrap().is_empty().then_some(()));
    eventually("its endpoint", || {
        let endpoints = place.json("endpoints");
        endpoints["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["route"] == "/a" && row["document"] == "unused")
            .then_some(())
    });

    // It is looked at without being told.
    std::fs::write(place.path("spec.yaml"), good.replace("/a", "/longer")).unwrap();
    eventually("the new version", || {
        let endpoints = place.json("endpoints");
        let rows = endpoints["items"].as_array().unwrap().clone();
        let has = |route: &str| rows.iter().any(|row| row["route"] == route);
        (has("/longer") && !has("/a")).then_some(())
    });
    std::fs::remove_file(place.path("spec.yaml")).unwrap();
    eventually("the loss of the document", || told("its last good version is still in force").then_some(()));
    agent.signal("TERM");
    assert!(agent.wait().0.success());
}

#[test]
fn a_store_that_cannot_be_written_is_told_and_the_rest_goes_on() {
    if !capture_works() {
        return;
    }
    let place = Place::new();
    std::fs::write(place.path("store"), "a file where a directory should be").unwrap();
    let mut agent = place.start();
    let (stdout, _) = texts(&place.ask("status"));
    assert!(stdout.contains("store (for ") && stdout.contains("in memory only"), "{stdout}");
    assert!(stdout.contains("[store] dir"), "{stdout}");
    let metrics = http(place.port, "GET /metrics HTTP/1.1");
    assert!(metrics.contains("apiscope_store_failures_total{operation=\"open\"} "), "{metrics}");
    agent.signal("TERM");
    let (status, took) = agent.wait();
    assert!(status.success() && took < Duration::from_secs(5), "{status:?} after {took:?}");
}

#[test]
fn without_an_agent_the_commands_say_so() {
    let place = Place::new();
    for command in ["status", "watch", "apis", "endpoints", "findings"] {
        let output = place.ask(command);
        let (stdout, stderr) = texts(&output);
        assert_eq!(output.status.code(), Some(1), "{command}: {stderr}");
        assert!(stderr.contains("no agent answers on") && stderr.contains("apiscope run"), "{command}: {stderr}");
        assert!(stdout.is_empty() || command == "watch", "{command}: {stdout}");
    }
}

#[test]
fn after_the_agent_its_store_answers() {
    if !capture_works() {
        return;
    }
    let place = Place::new();
    let mut agent = place.start();
    agent.signal("TERM");
    assert!(agent.wait().0.success());
    for command in ["apis", "endpoints", "findings"] {
        let output = place.ask(command);
        let (_, stderr) = texts(&output);
        assert_eq!(output.status.code(), Some(0), "{command}: {stderr}");
        assert!(stderr.contains("this is what it left in"), "{command}: {stderr}");
    }
}

#[test]
fn a_cgroup_that_is_none_is_told() {
    if !capture_works() {
        return;
    }
    let place = Place::new();
    place.configure("[capture]\ncgroup = \"/tmp\"\n");
    let output = place.ask("run");
    let (_, stderr) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("/tmp: not a cgroup v2 directory") && stderr.contains("what to do"), "{stderr}");
    assert!(!place.path("agent.sock").exists());
}

#[test]
fn doctor_says_what_is_wrong_why_and_what_to_do() {
    let place = Place::new();
    let _taken = std::net::TcpListener::bind(("127.0.0.1", place.port)).unwrap();
    std::fs::write(place.path("store"), "no directory").unwrap();
    let output = place.ask("doctor");
    let (stdout, stderr) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{stdout}");
    for part in [
        "× store: ",
        "not a directory",
        "× metrics: ",
        "address already in use",
        "why: ",
        "what to do: see who has it: ss",
    ] {
        assert!(stdout.contains(part), "{part} is not in\n{stdout}");
    }
    assert!(stderr.contains("of the checks failed"), "{stderr}");
    let json = apiscope(&["doctor", "--json", "--config", &place.config()]);
    let groups: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let checks = groups["items"].as_array().unwrap().iter().flat_map(|group| group["checks"].as_array().unwrap());
    assert!(checks.filter(|check| check["ok"] == false).all(|check| check["why"] != "" && check["todo"] != ""));
}

#[test]
fn systemd_is_told_of_ready_reload_and_stop() {
    if !capture_works() {
        return;
    }
    let place = Place::new();
    let path = place.path("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let next = || {
        let mut message = [0; 256];
        loop {
            let length = socket.recv(&mut message).unwrap();
            let text = String::from_utf8_lossy(&message[..length]).into_owned();
            if text.trim() != "WATCHDOG=1" {
                return text;
            }
        }
    };
    let mut agent = place.start_with(&[("NOTIFY_SOCKET", &path)]);
    assert_eq!(next().trim(), "READY=1");
    agent.signal("HUP");
    let reloading = next();
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert_eq!(next().trim(), "READY=1");
    agent.signal("TERM");
    assert_eq!(next().trim(), "STOPPING=1");
    assert!(agent.wait().0.success());
}
