//! Real traffic: nginx and curl, seen live by `run` and `watch`, written by tcpdump, and read again by `replay`.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::support::{Place, apiscope, capture_works, eventually, texts};

/// A child that is ended with the test.
pub(crate) struct Process(Child);

impl Process {
    fn stop(&mut self) {
        let id = self.0.id().to_string();
        let done = Command::new("kill").args(["-s", "INT", &id]).status().unwrap();
        assert!(done.success());
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const NGINX: &str = "daemon off; master_process off; pid DIR/nginx.pid; error_log DIR/error.log;
events { worker_connections 64; }
http {
  log_format told '$request_method $uri $status $body_bytes_sent $sent_http_content_encoding';
  access_log DIR/access.log told;
  client_body_temp_path DIR/body; proxy_temp_path DIR/proxy; fastcgi_temp_path DIR/fastcgi; uwsgi_temp_path DIR/uwsgi; scgi_temp_path DIR/scgi;
  types { application/json json; }
  gzip on; gzip_types application/json; gzip_min_length 1;
  server {
    listen LISTEN;
    client_max_body_size 1g;
    root DIR/www;
    location /accept { return 204; }
    location /login { return 200 '{\"ok\":true}'; }
    location /broken { return 500; }
  }
}
";

/// What stands in requests and must stand nowhere else.
const SECRETS: [&str; 5] = [
    "hunter2secret",
    "YWxpY2U6aHVudGVyMnNlY3JldA==",
    "c2tfbGl2ZV9wbGFudGVk",
    "k3yPlantedInTheQuery0",
    "plantedJsonPassword1",
];

pub(crate) fn nginx(dir: &Path, port: u16) -> Process {
    let process = nginx_in(None, dir, &format!("127.0.0.1:{port}"));
    eventually("nginx", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
    process
}

/// In a network namespace, or in this one.
pub(crate) fn nginx_in(namespace: Option<&str>, dir: &Path, listen: &str) -> Process {
    std::fs::create_dir_all(dir.join("www/orders")).unwrap();
    for number in [17, 18, 4711] {
        std::fs::write(dir.join(format!("www/orders/{number}")), format!("{{\"id\":{number}}}")).unwrap();
    }
    let rows: Vec<_> = (0..2_000).map(|row| format!("{{\"row\":{row}}}")).collect();
    std::fs::write(dir.join("www/all.json"), format!("[{}]", rows.join(","))).unwrap();
    std::fs::write(dir.join("www/big.bin"), vec![b'x'; 5 << 20]).unwrap();
    let text = NGINX.replace("DIR", dir.to_str().unwrap()).replace("LISTEN", listen);
    std::fs::write(dir.join("nginx.conf"), text).unwrap();
    let mut command = match namespace {
        Some(name) => {
            let mut command = Command::new("ip");
            command.args(["netns", "exec", name, "nginx"]);
            command
        }
        None => Command::new("nginx"),
    };
    Process(command.arg("-c").arg(dir.join("nginx.conf")).stderr(Stdio::null()).spawn().unwrap())
}

fn tcpdump(file: &Path, port: u16) -> Process {
    let filter = format!("tcp port {port}");
    let said = file.with_extension("said");
    let mut command = Command::new("tcpdump");
    command.args(["-i", "lo", "-s", "0", "-U", "--immediate-mode", "-B", "65536", "-w"]).arg(file).arg(filter);
    let process = Process(command.stderr(File::create(&said).unwrap()).spawn().unwrap());
    eventually("tcpdump", || std::fs::read_to_string(&said).unwrap().contains("listening on").then_some(()));
    process
}

pub(crate) fn curl(arguments: &[&str]) {
    let done = Command::new("curl").args(["-s", "-S", "-o", "/dev/null"]).args(arguments).status().unwrap();
    assert!(done.success(), "{arguments:?}");
}

/// The calls that [`call`] makes.
const CALLS: usize = 14;

/// A client that behaves and misbehaves.
fn call(port: u16) {
    let at = |path: &str| format!("http://127.0.0.1:{port}{path}");
    // Three on one connection.
    curl(&[&at("/orders/17"), "-o", "/dev/null", &at("/orders/18"), "-o", "/dev/null", &at("/orders/4711")]);
    curl(&["--head", &at("/orders/17")]);
    curl(&["--compressed", &at("/all.json")]);
    curl(&[&at("/all.json")]);
    curl(&[&at("/big.bin")]);
    curl(&["-u", "alice:hunter2secret", &at("/orders/17")]);
    curl(&["-H", "Authorization: Bearer c2tfbGl2ZV9wbGFudGVk", &at("/orders/18")]);
    curl(&[&at("/orders/17?api_key=k3yPlantedInTheQuery0&page=2")]);
    let body = "{\"user\":\"alice\",\"password\":\"plantedJsonPassword1\"}";
    curl(&["-H", "Content-Type: application/json", "-d", body, &at("/login")]);
    curl(&["-X", "PUT", "-d", "x=1", &at("/accept")]);
    curl(&[&at("/broken")]);
    curl(&[&at("/nowhere")]);
}

/// `method path status bytes` as nginx logged it, sorted. nginx counts the framing of a chunked body as body, we do not: one
/// chunk of four hexadecimal digits and the last one are 13 bytes.
pub(crate) fn logged(dir: &Path) -> Vec<String> {
    const FRAMING: u64 = "12d3\r\n\r\n0\r\n\r\n".len() as u64;
    let log = std::fs::read_to_string(dir.join("access.log")).unwrap();
    let line = |line: &str| {
        let (line, coding) = line.rsplit_once(' ').unwrap();
        let (call, bytes) = line.rsplit_once(' ').unwrap();
        let bytes: u64 = bytes.parse().unwrap();
        let body = match (coding, call.ends_with(" 204")) {
            // What nginx sent then was `100 Continue`, to a client that expected it.
            (_, true) => 0,
            ("gzip", false) => bytes - FRAMING,
            (_, false) => bytes,
        };
        format!("{call} {body}")
    };
    let mut lines: Vec<_> = log.lines().map(line).collect();
    lines.sort();
    lines
}

/// The same of exchanges. A HEAD's body is none, whatever its Content-Length says.
pub(crate) fn seen(exchanges: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let line = |exchange: &Value| {
        let (method, path) = (text(&exchange["method"]), text(&exchange["path"]));
        format!("{method} {path} {} {}", exchange["status"], exchange["response_body_bytes"])
    };
    let mut lines: Vec<_> = exchanges.iter().map(line).collect();
    lines.sort();
    lines
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Without what the clocks of kernel and tcpdump may see differently.
fn timeless(exchanges: &[Value]) -> Vec<String> {
    let strip = |exchange: &Value| {
        let mut exchange = exchange.clone();
        let fields = exchange.as_object_mut().unwrap();
        fields.remove("start").unwrap();
        fields.remove("duration_ms").unwrap();
        exchange.to_string()
    };
    let mut lines: Vec<_> = exchanges.iter().map(strip).collect();
    lines.sort();
    lines
}

/// What makes a finding the same one. The host may have other traffic, which is no part of the file.
fn essence(findings: &Value, port: u16) -> Vec<String> {
    let one = |row: &Value| {
        format!("{} {} {} {} {} {}", row["id"], row["kind"], row["severity"], row["route"], row["count"], row["calls"])
    };
    let api = format!("127.0.0.1:{port}");
    let mut lines: Vec<_> = findings.as_array().unwrap().iter().filter(|row| row["api"] == *api).map(one).collect();
    lines.sort();
    lines
}

/// A running `watch`.
pub(crate) struct Watch {
    process: Process,
    lines: PathBuf,
}

impl Watch {
    /// Returns when it is subscribed.
    pub(crate) fn start(place: &Place, more: &[&str]) -> Self {
        let lines = place.path("watch");
        let child = Command::new(env!("CARGO_BIN_EXE_apiscope"))
            .args(["watch", "-o", "jsonl", "--config", &place.config()])
            .args(more)
            .stdout(File::create(&lines).unwrap())
            .stderr(File::create(place.path("watch.err")).unwrap())
            .spawn()
            .unwrap();
        let watch = Self { process: Process(child), lines };
        eventually("the watch", || place.json("status")["watchers"].as_u64().filter(|readers| *readers > 0));
        watch
    }

    /// What it has written so far.
    pub(crate) fn exchanges(&self) -> Vec<Value> {
        json_lines(&whole_lines(&self.lines))
    }
}

/// The traffic, live and in a file.
struct Scene {
    place: Place,
    port: u16,
    capture: PathBuf,
    watched: Vec<Value>,
    outputs: Vec<String>,
}

impl Scene {
    /// Everything that the running agent says of the traffic, and tcpdump's file of it.
    fn play() -> Self {
        let place = Place::new();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let _nginx = nginx(place.dir.path(), port);
        let mut agent = place.start();
        let mut watch = Watch::start(&place, &["--api", &format!("127.0.0.1:{port}")]);
        let capture = place.path("traffic.pcap");
        let mut tcpdump = tcpdump(&capture, port);
        call(port);
        let expected =
            eventually("every call in the log", || Some(logged(place.dir.path())).filter(|log| log.len() == CALLS));
        let watched = eventually("every call in watch", || {
            let watched = watch.exchanges();
            (watched.len() >= expected.len()).then_some(watched)
        });
        std::thread::sleep(std::time::Duration::from_millis(1_200));
        tcpdump.stop();
        let mut outputs = vec![whole_lines(&watch.lines), crate::support::http(place.port, "GET /metrics HTTP/1.1")];
        for command in ["status", "apis", "endpoints", "findings"] {
            outputs.push(place.json(command).to_string());
            outputs.push(texts(&place.ask(command)).0);
        }
        agent.signal("TERM");
        assert!(agent.wait().0.success());
        assert!(watch.process.0.wait().unwrap().success(), "watch ends when the agent does");
        outputs.push(agent.log());
        Self { place, port, capture, watched, outputs }
    }
}

fn whole_lines(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    text[..text.rfind('\n').map_or(0, |end| end + 1)].to_owned()
}

#[test]
fn what_nginx_logged_is_seen_live_and_in_the_file() {
    if !capture_works() {
        return;
    }
    let scene = Scene::play();
    let expected = logged(scene.place.dir.path());
    assert_eq!(seen(&scene.watched), expected, "watch");

    let file = scene.capture.to_str().unwrap();
    let replayed = apiscope(&["replay", "--exchanges", "-o", "jsonl", file]);
    assert_eq!(replayed.status.code(), Some(0));
    let (lines, _) = texts(&replayed);
    let exchanges = json_lines(&lines);
    assert_eq!(seen(&exchanges), expected, "replay");
    assert_eq!(timeless(&exchanges), timeless(&scene.watched), "live and replay say the same");

    let (summary, _) = texts(&apiscope(&["replay", "-o", "json", file]));
    let summary: Value = serde_json::from_str(&summary).unwrap();
    let live: Value = serde_json::from_str(&scene.outputs[8]).unwrap();
    assert_eq!(essence(&summary["findings"], scene.port), essence(&live["items"], scene.port), "the same findings");
    kinds(&summary["findings"]);
    exit_codes(file);
    damaged(&scene);
    outputs_of_all_forms(file);
    secrets(&scene, file);
}

/// What the misbehaving client gave cause for.
fn kinds(findings: &Value) {
    let has = |kind: &str, route: &str| {
        findings.as_array().unwrap().iter().any(|row| row["kind"] == kind && row["route"] == route)
    };
    assert!(has("cleartext-credential", "/login"), "{findings:#}");
    assert!(has("oversized-response", "/all.json"), "{findings:#}");
    assert!(findings.as_array().unwrap().iter().all(|row| row["schema"].is_null() && row["cwe"].is_u64()));
}

fn exit_codes(file: &str) {
    let code = |arguments: &[&str]| apiscope(arguments).status.code();
    assert_eq!(code(&["replay", file, "--fail-on", "info"]), Some(3));
    assert_eq!(code(&["replay", file, "--fail-on", "critical"]), Some(0));
    assert_eq!(code(&["replay", file, "--fail-on", "awful"]), Some(2));
    assert_eq!(code(&["replay"]), Some(2));
    assert_eq!(code(&["replay", file, "--no-such-flag"]), Some(2));
    assert_eq!(code(&["replay", "/no/such/file.pcap"]), Some(1));
    assert_eq!(code(&["replay", "/etc/passwd"]), Some(1));
    assert_eq!(code(&["frobnicate"]), Some(2));
    assert_eq!(code(&["explain", "no-such-kind"]), Some(1));
    assert_eq!(code(&["explain", "cleartext-credential"]), Some(0));
    assert_eq!(code(&["findings", "--kind", "no-such-kind"]), Some(2));
}

/// A file that is not whole: what is there is read, what is not is told; the other files are read all the same.
fn damaged(scene: &Scene) {
    let bytes = std::fs::read(&scene.capture).unwrap();
    let cut = scene.place.path("cut.pcap");
    std::fs::write(&cut, &bytes[..bytes.len() - 7]).unwrap();
    let output = apiscope(&["replay", "-o", "json", cut.to_str().unwrap()]);
    let (stdout, _) = texts(&output);
    let summary: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(summary["notes"][0].as_str().unwrap().contains("ends inside the record at byte"), "{summary:#}");
    assert!(summary["coverage"]["parsed_bytes"].as_u64() > Some(0));

    let broken = scene.place.path("broken.pcap");
    let mut rotten = bytes.clone();
    let middle = bytes.len() / 2;
    rotten[middle..middle + 4_096].fill(0xff);
    std::fs::write(&broken, rotten).unwrap();
    let output = apiscope(&["replay", "-o", "json", broken.to_str().unwrap(), scene.capture.to_str().unwrap()]);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
    assert!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["endpoints"].as_array().unwrap().len() > 3);
}

fn outputs_of_all_forms(file: &str) {
    for form in ["table", "json", "jsonl", "csv"] {
        for exchanges in [&["--exchanges"][..], &[]] {
            let output = apiscope(&[&["replay", file, "-o", form], exchanges].concat());
            let (stdout, stderr) = texts(&output);
            assert_eq!(output.status.code(), Some(0), "{form}: {stderr}");
            assert!(!stdout.contains('\u{1b}') && !stderr.contains('\u{1b}'), "no colour where there is no terminal");
            match form {
                "json" => drop(serde_json::from_str::<Value>(&stdout).unwrap()),
                "jsonl" => drop(json_lines(&stdout)),
                _ => assert!(stdout.lines().count() > 2, "{form}: {stdout}"),
            }
        }
    }
    // A reader that goes away is no failure.
    let mut child = Command::new(env!("CARGO_BIN_EXE_apiscope"))
        .args(["replay", file, "--exchanges", "-o", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert!(child.wait().unwrap().success() && !stderr.contains("panicked"), "{stderr}");
}

/// No output holds what was planted.
fn secrets(scene: &Scene, file: &str) {
    let mut outputs = scene.outputs.clone();
    for form in ["table", "json", "jsonl", "csv"] {
        for exchanges in [&["--exchanges"][..], &[]] {
            let (stdout, stderr) = texts(&apiscope(&[&["replay", file, "-o", form], exchanges].concat()));
            outputs.extend([stdout, stderr]);
        }
    }
    let findings: Value = serde_json::from_str(&scene.outputs[8]).unwrap();
    for row in findings["items"].as_array().unwrap() {
        let id = row["id"].as_str().unwrap();
        let (story, stderr) = texts(&apiscope(&["explain", id, "--config", &scene.place.config()]));
        assert!(story.contains("what to do") && story.contains("proof (masked)"), "{story}{stderr}");
        outputs.push(story);
    }
    let wire = std::fs::read(&scene.capture).unwrap();
    for secret in SECRETS {
        assert!(outputs.iter().all(|output| !output.contains(secret)), "{secret} is in an output");
        let there = wire.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(there || secret == "hunter2secret", "{secret} was never sent");
    }
    assert!(scene.outputs[0].contains("/orders/"), "the search looks at something: {}", scene.port);
}

/// Takes every POST on the port, answers 200, and keeps what came. The host may have other traffic with alerts of its own.
fn receiver(port: u16) -> Arc<Mutex<Vec<String>>> {
    let taken = Arc::new(Mutex::new(Vec::new()));
    let listener = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let keep = Arc::clone(&taken);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let text = take(&mut stream.unwrap());
            keep.lock().unwrap().push(text);
        }
    });
    taken
}

fn take(stream: &mut std::net::TcpStream) -> String {
    stream.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
    let mut text = String::new();
    let mut chunk = [0; 4_096];
    loop {
        let read = stream.read(&mut chunk).unwrap();
        text.push_str(&String::from_utf8_lossy(&chunk[..read]));
        let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            body.len() >= length.unwrap_or(0)
        });
        if whole || read == 0 {
            break;
        }
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
    text
}

#[test]
fn a_receiver_that_is_down_is_told_and_gets_its_alert_when_it_is_up() {
    if !capture_works() {
        return;
    }
    let free = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (place, port, hook) = (Place::new(), free(), free());
    let secret = place.path("secret");
    std::fs::write(&secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
    let webhook = format!(
        "[[webhook]]\nname = \"ops\"\nurl = \"http://127.0.0.1:{hook}/in\"\nsecret_file = \"secret\"\nmin_severity = \"info\"\n"
    );
    place.configure(&webhook);

    // A secret that others may read is refused, by `check` too.
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    for command in ["run", "check"] {
        let (_, stderr) = texts(&place.ask(command));
        assert!(stderr.contains("lets others read it"), "{command}: {stderr}");
        assert_eq!(place.ask(command).status.code(), Some(1));
    }
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();

    let _nginx = nginx(place.dir.path(), port);
    let mut agent = place.start();
    curl(&["-u", "alice:hunter2secret", &format!("http://127.0.0.1:{port}/orders/17")]);
    let problem = eventually("the problem", || {
        let status = place.json("status");
        let problems = status["problems"].as_array().unwrap().clone();
        problems.into_iter().find(|problem| {
            problem["part"] == "receiver ops" && problem["what"].as_str().unwrap().contains(" alerts wait for it")
        })
    });
    assert!(problem["what"].as_str().unwrap().contains("onnection refused;"), "{problem:#}");
    assert_eq!(place.ask("status").status.code(), Some(1));

    let taken = receiver(hook);
    let alert = eventually("the alert", || {
        let taken = taken.lock().unwrap();
        taken.iter().find(|alert| alert.contains(&format!("127.0.0.1:{port}"))).cloned()
    });
    assert!(alert.starts_with("POST /in") && alert.contains("webhook-signature: v1,"), "{alert}");
    assert!(alert.contains("cleartext-credential"), "{alert}");
    for secret in SECRETS.iter().chain(&["whsec", "MfKQ9r8G"]) {
        assert!(!alert.contains(secret), "{alert}");
    }
    eventually("all is well", || place.json("status")["problems"].as_array().unwrap().is_empty().then_some(()));
    assert!(place.json("status")["receivers"][0]["sent"].as_u64() > Some(0));
    // Other kinds of finding may be told of the same API.
    let is_ours =
        |alert: &&String| alert.contains(&format!("127.0.0.1:{port}")) && alert.contains("cleartext-credential");
    assert_eq!(taken.lock().unwrap().iter().filter(is_ours).count(), 1, "told once");
    agent.signal("TERM");
    let (status, took) = agent.wait();
    assert!(status.success() && took < std::time::Duration::from_secs(5), "{took:?}");
    assert!(!agent.log().contains("hunter2secret") && !agent.log().contains("whsec"));
}
