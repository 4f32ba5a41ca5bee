//! `apiscope check` on configurations that are wrong: every mistake at once, each with its place and what to do.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// What is wrong where: `line:column`, a part of the message, a part of the help.
type Expected = &'static [(&'static str, &'static str, &'static str)];

/// Each wrong file, and what must be said about it: all of that, in this order, and nothing else.
const WRONG: &[(&str, Expected)] = &[
    // Unknown names.
    ("enviroment = \"x\"", &[("1:1", "unknown key `enviroment`", "did you mean `environment`?")]),
    ("Environment = \"x\"", &[("1:1", "unknown key `Environment`", "did you mean `environment`?")]),
    ("resolve-after = \"1h\"", &[("1:1", "unknown key `resolve-after`", "did you mean `resolve_after`?")]),
    ("zzz = 1", &[("1:1", "unknown key `zzz`", "known here: environment, instance, external_url, log")]),
    ("[stroe]\ndir = \"/x\"", &[("1:2", "unknown key `stroe`", "did you mean `store`?")]),
    ("[[apis]]\nname = \"x\"", &[("1:3", "unknown key `apis`", "did you mean `api`?")]),
    ("[alertmanagers]\nurl = \"http://x\"", &[("1:2", "unknown key `alertmanagers`", "did you mean `alertmanager`?")]),
    ("[capture]\nbody_byte = 3", &[("2:1", "unknown key `body_byte` in capture", "did you mean `body_bytes`?")]),
    ("[capture]\nlisten = \"off\"", &[("2:1", "unknown key `listen` in capture", "it belongs below [metrics]")]),
    ("body_bytes = 0", &[("1:1", "unknown key `body_bytes`", "it belongs below [capture]")]),
    ("socket = \"/x\"", &[("1:1", "unknown key `socket`", "it belongs below [control]")]),
    ("[metrics]\nenvironment = \"x\"", &[("2:1", "unknown key", "it belongs at the top of the file")]),
    ("[store.calls]\nmax = 3", &[("1:8", "unknown key `calls` in store", "did you mean `calls_")]),
    (
        "[[api]]\nname = \"x\"\nports = [1]\nopen_api = \"x.yaml\"",
        &[("4:1", "unknown key `open_api` in api", "did you mean `openapi`?")],
    ),
    // Types.
    ("environment = 3", &[("1:15", "expected text, found the number 3", "in quotes")]),
    ("environment = [\"a\"]", &[("1:15", "expected text, found a list", "in quotes")]),
    ("environment = 2026-11-24", &[("1:15", "expected text, found a date", "in quotes")]),
    ("api_key_headers = \"X-Key\"", &[("1:19", "expected a list, found the text", "[\"…\", \"…\"]")]),
    ("api_key_headers = [\"X-Key\", 7]", &[("1:29", "expected text, found the number 7", "in quotes")]),
    ("resolve_after = 24", &[("1:17", "expected a duration, found the number 24", "\"24h\"")]),
    ("[store]\ndir = true", &[("2:7", "expected text, found true", "in quotes")]),
    ("[store]\ncalls_max = \"many\"", &[("2:13", "expected a number, found the text", "from 1000 to")]),
    ("[[api]]\nname = \"x\"\nports = 8080", &[("3:9", "expected a list, found the number 8080", "")]),
    ("capture = 3", &[("1:1", "`capture` is a section", "write [capture] on a line of its own")]),
    ("[[capture]]\nbody_bytes = 1", &[("1:3", "`capture` is a section", "write [capture]")]),
    ("[api]\nname = \"x\"", &[("1:2", "`api` may come several times", "write [[api]]")]),
    ("webhook = \"http://x\"", &[("1:1", "`webhook` may come several times", "write [[webhook]]")]),
    // Values.
    ("environment = \"\"", &[("1:15", "a name has 1 to 128 characters", "")]),
    ("log = \"verbose\"", &[("1:7", "\"verbose\" is not known here", "one of error, warn, info, debug, trace")]),
    ("log = \"debg\"", &[("1:7", "\"debg\" is not known here", "did you mean \"debug\"?")]),
    ("api_key_headers = [\"X Key\"]", &[("1:20", "\"X Key\" is not a header name", "")]),
    ("resolve_after = \"1 hour\"", &[("1:17", "expected a duration", "units: ms, s, m, h, d, w")]),
    ("resolve_after = \"-1h\"", &[("1:17", "expected a duration", "")]),
    ("resolve_after = \"5s\"", &[("1:17", "5s is out of range", "from 1m to 365d")]),
    ("resolve_after = \"99999999999999999999w\"", &[("1:17", "expected a duration", "")]),
    ("[capture]\nhead_bytes = \"1KB\"", &[("2:14", "expected bytes, found the text \"1KB\"", "units: B, KiB")]),
    ("[capture]\nhead_bytes = -1", &[("2:14", "expected bytes, found the number -1", "")]),
    ("[capture]\nbody_bytes = \"2GiB\"", &[("2:14", "2GiB is out of range", "from 0B to 1MiB")]),
    ("[capture]\ncgroup = \"\"", &[("2:10", "the path is empty", "")]),
    ("[metrics]\nlisten = \"localhost\"", &[("2:10", "expected an address", "127.0.0.1:10466")]),
    ("[metrics]\nlisten = \"127.0.0.1:0\"", &[("2:10", "expected an address", "or \"off\"")]),
    ("[metrics]\nlisten = 9100", &[("2:10", "expected an address, found the number 9100", "")]),
    ("[[api]]\nname = \"x\"\nports = [0, 80]", &[("3:10", "expected a port, found the number 0", "1 to 65535")]),
    ("[[api]]\nname = \"x\"\nports = [80, 65536]", &[("3:14", "expected a port, found the number 65536", "")]),
    ("[[api]]\nname = \"x\"\nauthorities = [\"https://api.example\"]", &[("3:16", "leave out scheme and path", "")]),
    ("[[alertmanager]]\nurls = [\"alertmanager:9093\"]", &[("2:9", "a URL here must begin with http://", "")]),
    ("[[alertmanager]]\nurls = \"http://am:9093\"", &[("2:8", "expected a list", "[\"…\", \"…\"]")]),
    (
        "[[alertmanager]]\nurl = \"http://am:9093\"",
        &[("2:1", "unknown key `url`", "did you mean `urls`?"), ("1:1", "`urls` is missing", "")],
    ),
    ("[[alertmanager]]\nurls = [\"http://u:pw@am:9093\"]", &[("2:9", "must not hold a user or a password", "")]),
    (
        "[[webhook]]\nsecret_file = \"s\"\nurl = \"https://x/\"\nmin_severity = \"hihg\"",
        &[("4:16", "\"hihg\" is not known here", "did you mean \"high\"?")],
    ),
    // Acceptances.
    (
        "[[accept]]\nkind = \"oversized\"\nreson = \"x\"",
        &[
            ("2:8", "\"oversized\" is no kind of finding: did you mean \"oversized-response\"?", ""),
            ("3:1", "unknown key `reson` in accept", "did you mean `reason`?"),
            ("1:1", "`reason` is missing in accept", "Why it may stay"),
            ("1:1", "`author` is missing in accept", ""),
            ("1:1", "`until` is missing in accept", "When it ends"),
        ],
    ),
    (
        "[[accept]]\nreason = \"x\"\nauthor = \"a\"\nendpoint = \"items\"\nuntil = 2999-01-01",
        &[
            ("4:12", "neither a template", ""),
            ("5:9", "this end is too far ahead", "nothing is accepted for longer than 365d"),
        ],
    ),
    (
        "[[accept]]\nreason = \"x\"\nauthor = \"a\"\nuntil = \"soon\"",
        &[("4:9", "expected a day or a time, found the text \"soon\"", "2027-03-31")],
    ),
    ("[findings]\nlearnign = \"3d\"", &[("2:1", "unknown kind of finding `learnign`", "did you mean `learning`?")]),
    ("[findings]\nlearning = \"a week\"", &[("2:12", "expected a duration", "30d")]),
    // Kinds of finding, whose keys are the core's own.
    ("findings = 3", &[("1:1", "`findings` is a section", "[findings.KIND]")]),
    ("[findings]\nmax_bytes = 1", &[("2:1", "unknown kind of finding `max_bytes`", "known here: ambiguous-framing")]),
    (
        "[findings.oversized-responses]\nmax_bytes = 1",
        &[("1:11", "unknown kind of finding `oversized-responses`", "did you mean `oversized-response`?")],
    ),
    (
        "[findings]\noversized-response = false",
        &[("2:1", "`oversized-response` is a section", "[findings.oversized-response]")],
    ),
    (
        "[findings.oversized-response]\nmaxbytes = 1",
        &[("2:1", "unknown key `maxbytes` in findings.oversized-response", "did you mean `max_bytes`?")],
    ),
    (
        "[findings.oversized-response]\nmax_bytes = \"10MB\"",
        &[("2:13", "expected a whole number of at least 1, found the text \"10MB\"", "Largest response body")],
    ),
    ("[findings.cleartext-credential]\nenabled = \"no\"", &[("2:11", "expected true or false", "")]),
    ("[findings.cleartext-credential]\nprivate = \"hgih\"", &[("2:11", "expected \"critical\"", "Severity between")]),
    ("[findings.oversized-response]\nmax_records = 1.5", &[("2:15", "found the number 1.5", "")]),
    // What one key alone can't tell.
    ("[[api]]\nports = [80]", &[("1:1", "`name` is missing in api", "The API's name")]),
    ("[[alertmanager]]\nname = \"am\"", &[("1:1", "`urls` is missing in alertmanager", "Where Alertmanager answers")]),
    ("[[api]]\nname = \"x\"", &[("2:8", "has no rule", "add authorities")]),
    (
        "[[api]]\nname = \"x\"\nports = [1]\n[[api]]\nname = \"x\"\nports = [2]",
        &[("5:8", "two APIs are named \"x\"", "a name of its own")],
    ),
    (
        "[[webhook]]\nurl = \"http://a/\"\nsecret_file = \"s\"\n[[webhook]]\nurl = \"http://b/\"\nsecret_file = \"s\"",
        &[("4:1", "two receivers are named \"webhook\"", "a name of its own")],
    ),
    ("[[webhook]]\nurl = \"http://a/\"", &[("1:1", "needs a signing secret", "secret_file")]),
    (
        "[[webhook]]\nurl = \"http://a/\"\nsecret_file = \"s\"\nsecret_credential = \"s\"",
        &[("4:21", "both `secret_file` and `secret_credential`", "leave one")],
    ),
    ("external_url = \"apiscope.example\"", &[("1:16", "must begin with http://", "")]),
    // Not TOML.
    ("environment = ", &[("1:15", "", "")]),
    ("environment = \"x", &[("1:17", "unterminated", "")]),
    ("environment = x", &[("1:15", "", "")]),
    (
        "[store\ndir = \"/x\"",
        &[("1:7", "expected a right bracket", ""), ("2:1", "unknown key `dir`", "it belongs below [store]")],
    ),
    ("log = \"info\"\nlog = \"warn\"", &[("2:1", "defined multiple times", "line 1")]),
    // Several at once, also behind a line that is not TOML.
    (
        "environment = 3\nlgo = \"info\"\n[metrics]\nlisten = true\n[store]\ndirectory = \"/x\"",
        &[
            ("1:15", "expected text", ""),
            ("2:1", "unknown key `lgo`", "did you mean `log`?"),
            ("4:10", "expected an address, found true", ""),
            ("6:1", "unknown key `directory` in store", "did you mean `dir`?"),
        ],
    ),
    ("a = = 3\nlgo = 1", &[("1:5", "", ""), ("2:1", "unknown key `lgo`", "did you mean `log`?")]),
    // The column counts characters, not bytes.
    ("environment = \"ä\" # ü\napi_key_headers = [\"öä\", 3]", &[("2:20", "not a header name", "")]),
];

fn check(path: &Path) -> Output {
    let check = ["check", "-o", "json", "--config"];
    Command::new(env!("CARGO_BIN_EXE_apiscope")).args(check).arg(path).output().unwrap()
}

fn mistakes(output: &Output) -> Vec<Value> {
    let list: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    list["items"].as_array().unwrap().clone()
}

#[test]
fn every_mistake_is_told_with_its_place_and_what_to_do() {
    assert!(WRONG.len() >= 40);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("apiscope.toml");
    let mut failures = Vec::new();
    for (text, expected) in WRONG {
        std::fs::write(&path, text).unwrap();
        let output = check(&path);
        let found = mistakes(&output);
        let fits = found.len() == expected.len()
            && found.iter().zip(*expected).all(|(found, (place, message, help))| {
                format!("{}:{}", found["line"], found["column"]) == *place
                    && found["message"].as_str().unwrap().contains(message)
                    && found["help"].as_str().unwrap_or_default().contains(help)
                    && found["file"] == path.to_str().unwrap()
            });
        if !fits || output.status.code() != Some(1) {
            failures.push(format!(
                "{text}\n  expected {expected:?}\n  found {found:#?}, status {:?}",
                output.status.code()
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn drop_ins_count_in_order_and_their_mistakes_are_told_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("apiscope.toml");
    std::fs::create_dir(dir.path().join("conf.d")).unwrap();
    std::fs::write(&path, "environment = 1\n").unwrap();
    std::fs::write(dir.path().join("conf.d/20.toml"), "log = 2\n").unwrap();
    std::fs::write(dir.path().join("conf.d/10.toml"), "log = 3\n").unwrap();
    std::fs::write(dir.path().join("conf.d/README"), "not read").unwrap();
    let output = check(&path);
    let files: Vec<_> = mistakes(&output).iter().map(|mistake| mistake["file"].as_str().unwrap().to_owned()).collect();
    let names: Vec<_> = files.iter().map(|file| file.rsplit('/').next().unwrap()).collect();
    assert_eq!(names, ["apiscope.toml", "10.toml", "20.toml"]);
}

#[test]
fn a_good_configuration_passes_and_nothing_is_on_stdout() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("apiscope.toml");
    let text = "environment = \"staging\"\nlog = \"warn\"\napi_key_headers = [\"X-Partner-Key\"]\nresolve_after = \"12h\"
[capture]\nhead_bytes = 2048\nbody_bytes = \"128KiB\"\n[store]\ndir = \"state\"\ncalls_age = \"3d\"
[metrics]\nlisten = \"off\"\n[[api]]\nname = \"orders\"\nauthorities = [\"orders.*.example:8443\", \"[::1]:80\"]\nports = [8080]
[[alertmanager]]\nurls = [\"http://127.0.0.1:9093/am\"]\n[[webhook]]\nsecret_credential = \"ops\"\nname = \"ops\"\nurl = \"https://hooks.example/x?y=z\"\nmin_severity = \"high\"\n";
    std::fs::write(&path, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_apiscope")).args(["check", "--config"]).arg(&path).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(output.stdout.is_empty());
    assert!(stderr.contains("1 API rule, 2 receivers"), "{stderr}");
}

#[test]
fn documents_are_checked_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("apiscope.toml");
    let configured = |document: &str| {
        std::fs::write(&path, "[[api]]\nname = \"x\"\nports = [80]\nopenapi = \"spec.yaml\"\n").unwrap();
        std::fs::write(dir.path().join("spec.yaml"), document).unwrap();
        let output = check(&path);
        (output.status.code(), mistakes(&output))
    };
    let (code, found) =
        configured("openapi: 3.0.3\ninfo: {title: X, version: '1'}\npaths:\n  /a: {get: {responses: {}}}\n");
    assert_eq!((code, found.len()), (Some(0), 0), "{found:?}");

    let (code, found) = configured("openapi: 3.0.3\npaths:\n  /a: [\n");
    assert_eq!((code, found.len()), (Some(1), 1), "{found:?}");
    assert!(found[0]["file"].as_str().unwrap().ends_with("spec.yaml"));
    assert!(found[0]["line"].as_u64().is_some_and(|line| line >= 3), "{found:?}");

    let (code, found) = configured("swagger: '1.2'\npaths: {}\n");
    assert_eq!(code, Some(1));
    assert!(found[0]["message"].as_str().unwrap().contains("version `1.2` is not supported"), "{found:?}");
    let (code, found) = configured("swagger: '2.0'\ninfo: {title: X}\npaths: {/a: {get: {}}}\n");
    assert_eq!((code, found.len()), (Some(0), 0), "{found:?}");

    // A choice that one should know of is a note.
    let (code, found) = configured(
        "{\"openapi\": \"3.1.0\", \"info\": {\"title\": \"X\"}, \"paths\": {\n\"/a/me\": {\"post\": {}},\n\"/{b}/{c}\": {\"get\": {\"parameters\": [{\"name\": \"b\", \"in\": \"path\"}, {\"name\": \"c\", \"in\": \"path\"}]}}}}",
    );
    assert_eq!((code, found.len(), found[0]["gravity"].as_str()), (Some(0), 1, Some("note")), "{found:?}");
    assert_eq!(found[0]["line"].as_u64(), Some(2), "{found:?}");
    assert!(found[0]["message"].as_str().unwrap().contains("GET of this path is taken for `/{b}/{c}`"), "{found:?}");

    // A fault in one place is a warning: the rest counts.
    let (code, found) =
        configured("openapi: 3.0.3\ninfo: {title: X, version: '1'}\npaths:\n  a: {get: {responses: {}}}\n");
    assert_eq!((code, found[0]["gravity"].as_str()), (Some(0), Some("warning")), "{found:?}");
    assert_eq!(found[0]["line"].as_u64(), Some(4), "{found:?}");

    std::fs::remove_file(dir.path().join("spec.yaml")).unwrap();
    let output = check(&path);
    assert_eq!(output.status.code(), Some(1));
    assert!(mistakes(&output)[0]["message"].as_str().unwrap().contains("no such file"));
}

/// One API with documents in a folder of their own, some of which refer to other files, inside and outside.
#[test]
fn documents_may_refer_to_files_of_their_folder_only() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = dir.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    };
    let info = "info: {title: X}\n";
    write(
        "apiscope.toml",
        "[[api]]\nname = \"x\"\nports = [80]\nopenapi = [\"specs/v1.yaml\", \"specs/v2.json\"]\nprevious = \"old.yaml\"\n",
    );
    write("old.yaml", &format!("swagger: '2.0'\n{info}paths: {{/gone: {{get: {{}}}}}}\n"));
    write("secret.yaml", "get: {}\n");
    write("specs/paths/a.yaml", "get: {deprecated: 7}\n");
    write(
        "specs/v2.json",
        "{\"openapi\": \"3.1.0\", \"info\": {\"title\": \"X\"}, \"servers\": [{\"url\": \"/v2\"}],\n\"paths\": {\"/a\": {\n\"git\": {}}}}",
    );
    std::os::unix::fs::symlink("../secret.yaml", dir.path().join("specs/link.yaml")).unwrap();
    std::os::unix::fs::symlink("paths/a.yaml", dir.path().join("specs/inside.yaml")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", dir.path().join("specs/zero.yaml")).unwrap();
    let paths = [
        ("a", "paths/a.yaml"),
        ("b", "link.yaml"),
        ("c", "../secret.yaml"),
        ("d", "inside.yaml"),
        ("e", "zero.yaml"),
        ("f", "paths"),
        ("g", "paths/none.yaml"),
    ];
    let paths = paths.map(|(path, file)| format!("  /{path}: {{$ref: '{file}'}}\n")).concat();
    write("specs/v1.yaml", &format!("openapi: 3.0.3\n{info}paths:\n{paths}"));
    let output = check(&dir.path().join("apiscope.toml"));
    let found = mistakes(&output);
    let told: Vec<String> = found
        .iter()
        .map(|mistake| {
            let file = mistake["file"].as_str().unwrap().strip_prefix(dir.path().to_str().unwrap()).unwrap().to_owned();
            format!("{file}:{} {}", mistake["line"], mistake["message"].as_str().unwrap())
        })
        .collect();
    let why = |file: &str, why: &str| format!("file `{file}` is not used: {why}");
    assert_eq!(
        told,
        [
            "/specs/paths/a.yaml:1 `/get/deprecated`: expected true or false; left out".to_owned(),
            format!("/specs/v1.yaml:5 `/paths/~1b`: {}", why("link.yaml", "it is a link that leads out of the document's folder")),
            "/specs/v1.yaml:6 `/paths/~1c`: reference `../secret.yaml` leads out of the document's folder: not followed".to_owned(),
            "/specs/inside.yaml:1 `/get/deprecated`: expected true or false; left out".to_owned(),
            format!("/specs/v1.yaml:8 `/paths/~1e`: {}", why("zero.yaml", "it is a link that leads out of the document's folder")),
            format!("/specs/v1.yaml:9 `/paths/~1f`: {}", why("paths", "not a file")),
            format!("/specs/v1.yaml:10 `/paths/~1g`: {}", why("paths/none.yaml", "no such file or directory")),
            "/specs/v2.json:3 `/paths/~1a/git`: `git` is no method and no member of a path item; left out".to_owned(),
        ],
        "{found:?}"
    );
    assert_eq!(output.status.code(), Some(0));

    // One that can't be read keeps the API from having any: what stands in it would be taken for undocumented.
    write("specs/v2.json", "{");
    let output = check(&dir.path().join("apiscope.toml"));
    assert_eq!(output.status.code(), Some(1));
    assert!(mistakes(&output)[0]["file"].as_str().unwrap().ends_with("v2.json"));
}

#[test]
fn files_that_cannot_be_read_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let absent = check(&dir.path().join("absent.toml"));
    assert_eq!(absent.status.code(), Some(1));
    assert!(mistakes(&absent)[0]["message"].as_str().unwrap().contains("no such file"));
    let directory = check(dir.path());
    assert!(mistakes(&directory)[0]["message"].as_str().unwrap().contains("is a directory"));
    let path = dir.path().join("latin1.toml");
    std::fs::write(&path, b"environment = \"caf\xe9\"\n").unwrap();
    let latin1 = mistakes(&check(&path));
    assert_eq!((&latin1[0]["line"], &latin1[0]["column"]), (&Value::from(1), &Value::from(19)));
    assert!(latin1[0]["message"].as_str().unwrap().contains("UTF-8"));
}

#[test]
fn people_see_the_line_and_the_help() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("apiscope.toml");
    std::fs::write(&path, "[metrics]\nlisten = \"localhost\"\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_apiscope")).args(["check", "--config"]).arg(&path).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let place = format!("{}:2:10", path.display());
    for part in
        [place.as_str(), "listen = \"localhost\"", "^^^^^^^^^^^", "help: write an address and a port", "1 mistake"]
    {
        assert!(stderr.contains(part), "{part} is not in\n{stderr}");
    }
    assert!(!stderr.contains('\u{1b}'), "no colour where there is no terminal");
}

#[test]
fn generated_pages_are_not_stale() {
    for page in ["configuration", "findings", "metrics"] {
        let output = Command::new(env!("CARGO_BIN_EXE_apiscope")).args(["docs", page]).output().unwrap();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page).with_extension("md");
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        let made = String::from_utf8(output.stdout).unwrap();
        assert!(kept == made, "{} is stale: `apiscope docs {page} > docs/{page}.md`", path.display());
    }
}
