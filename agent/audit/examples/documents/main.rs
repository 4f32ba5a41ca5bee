//! The bench of documents: `cargo xtask bench documents` runs it over a folder of public documents. Every path of each is matched beside a
//! slow matcher that reads the document by itself; then how long a document of 1,000 operations takes to load, and a match in it.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a bench reads files and clocks, and may fail"
)]
#![allow(dead_code, reason = "the tests use the rest")]

#[path = "../../tests/oracle/mod.rs"]
mod oracle;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use apiscope_audit::openapi::{Document, DocumentMatch, Doubt};
use oracle::{Known, Oracle, nameless};
use serde_json::Value;

/// Reserved for acceptance: never read.
const RESERVED: [&str; 19] = [
    "spacetraders",
    "netlify",
    "openai",
    "spotify",
    "gitlab",
    "asana",
    "vimeo",
    "hetzner",
    "linode",
    "sendgrid",
    "bitbucket",
    "twilio",
    "box.com",
    "digitalocean",
    "netbox",
    "jira",
    "stripe",
    "kubernetes",
    "github",
];
const OPERATIONS: usize = 1_000;
const ROUNDS: usize = 20;

/// Counts over all documents.
#[derive(Debug, Default)]
struct Sums {
    documents: usize,
    unread: usize,
    operations: usize,
    matches: usize,
    ties: usize,
    wrong: usize,
}

fn main() {
    if let Some(folder) = std::env::args().nth(1) {
        let mut sums = Sums::default();
        for path in documents(Path::new(&folder)) {
            compare(&path, &mut sums);
        }
        println!("{sums:?}");
        assert_eq!(sums.wrong, 0, "matches that a matcher that tries every template does not give");
    }
    speed();
}

fn documents(folder: &Path) -> Vec<PathBuf> {
    let (mut paths, mut open) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(&at).unwrap().flatten() {
            if entry.path().is_dir() { open.push(entry.path()) } else { paths.push(entry.path()) }
        }
    }
    paths.retain(|path| !RESERVED.iter().any(|reserved| path.to_string_lossy().contains(reserved)));
    paths.sort_unstable();
    paths
}

/// Each path of a document, with two kinds of values, beside the slow matcher.
fn compare(file: &Path, sums: &mut Sums) {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let tree = serde_json::from_str(&text).ok().or_else(|| serde_saphyr::from_str::<Value>(&text).ok());
    let document = Document::read(&text, "document");
    let Some((mut tree, (document, _))) = tree.zip(document.ok()) else {
        sums.unread += 1;
        return;
    };
    // Where it is served is for tests of its own: here the paths count.
    if let Some(root) = tree.as_object_mut() {
        for key in ["servers", "basePath", "host"] {
            root.remove(key);
        }
    }
    let Ok((bare, _)) = Document::read(&tree.to_string(), "document") else { return };
    sums.documents += 1;
    sums.operations += document.operations().len();
    let has_own_servers = tree.to_string().contains("\"servers\"");
    // A path with `?`, `#` or `%` is none to the slow matcher; to us it may be what was meant.
    let mut paths = tree.get("paths").and_then(Value::as_object).into_iter().flatten();
    let has_odd_paths = paths.any(|(path, _)| path.contains(['#', '?', '%']));
    let oracle = Oracle::new(&tree, "");
    for value in ["7", "zq-w8"] {
        for (method, path) in oracle.paths(value) {
            // To us `/x/` and `//x` are `/x`.
            let trimmed = |path: &str| {
                path.split('/').filter(|part| !part.is_empty()).fold(String::new(), |path, part| path + "/" + part)
            };
            let right: Vec<_> = oracle.find(&method, &path).iter().map(|known| trimmed(&known.path)).collect();
            let found = bare.match_path(&method, &path);
            let alike = |known: &&Known| known.method == method && right.contains(&trimmed(&known.path));
            let several = right.len() > 1 || oracle.operations().filter(alike).count() > 1;
            sums.matches += 1;
            sums.ties += usize::from(several);
            let is_right = match found {
                DocumentMatch::Operation { path, rival, .. } => {
                    let route = nameless(bare.route(path).unwrap_or_default());
                    // A schema may say which of two is meant, so a tie may be told as sure; what is one may not be told as a tie.
                    let is_no_tie = has_odd_paths || rival.is_none_or(|rival| rival.why != Doubt::Tie);
                    right.contains(&trimmed(&route)) && (several || is_no_tie)
                }
                // What is served elsewhere is not here.
                _ => has_own_servers,
            };
            if !is_right {
                sums.wrong += 1;
                println!(
                    "{}: {method} {path}: {found:?}, {:?}, not {right:?}",
                    file.display(),
                    found.path().and_then(|path| bare.route(path))
                );
            }
        }
    }
}

/// A document of 1,000 operations, with parameters, schemas and answers as real ones have.
fn large() -> String {
    let mut text = String::from(
        "openapi: 3.0.3\ninfo: {title: Large, version: '1'}\nservers: [{url: https://api.example/v1}]\npaths:\n",
    );
    for resource in 0..OPERATIONS / 4 {
        let _ = write!(
            text,
            "  /group{group}/resource{resource}:\n    get:\n      summary: List them\n      parameters:\n        - {{name: limit, in: query, schema: \
             {{type: integer, maximum: 100}}}}\n      responses: {{'200': {{description: ok, content: {{application/json: {{schema: {{$ref: \
             '#/components/schemas/S{resource}'}}}}}}}}}}\n    post:\n      requestBody: {{content: {{application/json: {{schema: {{$ref: \
             '#/components/schemas/S{resource}'}}}}}}}}\n      responses: {{'201': {{description: made}}}}\n  \
             /group{group}/resource{resource}/{{id}}:\n    parameters:\n      - {{name: id, in: path, required: true, schema: {{type: string, \
             format: uuid}}}}\n    get:\n      responses: {{'200': {{description: ok}}}}\n    delete:\n      deprecated: true\n      responses: \
             {{'204': {{description: gone}}}}\n",
            group = resource % 10
        );
    }
    text.push_str("components:\n  schemas:\n");
    for resource in 0..OPERATIONS / 4 {
        let _ = writeln!(
            text,
            "    S{resource}: {{type: object, required: [id], properties: {{id: {{type: string}}, name: {{type: string, maxLength: 80}}, tags: {{type: \
             array, items: {{type: string}}}}}}}}"
        );
    }
    text
}

fn speed() {
    let yaml = large();
    let tree: Value = serde_saphyr::from_str(&yaml).unwrap();
    for (form, text) in [("YAML", yaml), ("JSON", tree.to_string())] {
        let mut best = Duration::MAX;
        for _ in 0..ROUNDS {
            let began = Instant::now();
            let (document, _) = Document::read(&text, "large").unwrap();
            best = best.min(began.elapsed());
            assert_eq!(document.operations().len(), OPERATIONS);
        }
        println!(
            "{OPERATIONS} operations, {} bytes of {form}: loaded in {best:.1?} (best of {ROUNDS}; aim 200 ms)",
            text.len()
        );
    }
    let (document, _) = Document::read(&tree.to_string(), "large").unwrap();
    let calls: Vec<(&str, String)> = (0..OPERATIONS)
        .map(|n| match (n % 4, n / 4) {
            (0, r) => ("GET", format!("/v1/group{}/resource{r}", r % 10)),
            (1, r) => ("POST", format!("/v1/group{}/resource{r}", r % 10)),
            (2, r) => ("GET", format!("/v1/group{}/resource{r}/7c9e6679-7425-40de-944b-e07fc1f90ae7", r % 10)),
            (_, r) => ("DELETE", format!("/v1/group{}/resource{r}/7c9e6679-7425-40de-944b-e07fc1f90ae7", r % 10)),
        })
        .collect();
    let mut best = Duration::MAX;
    for _ in 0..20 * ROUNDS {
        let began = Instant::now();
        let found = calls
            .iter()
            .filter(|(method, path)| matches!(document.match_path(method, path), DocumentMatch::Operation { .. }));
        assert_eq!(found.count(), OPERATIONS);
        best = best.min(began.elapsed());
    }
    println!("a match in it: {} ns (best of {}; aim 500)", best.as_nanos() / OPERATIONS as u128, 20 * ROUNDS);
}
