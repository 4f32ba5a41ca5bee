//! The bench of the inventory: `cargo xtask bench inventory` runs it over a folder of documents.
//!
//! `inventory FOLDER [all | held-out | tuning [faults]]`. The documents are halved by the hash of their file name; nothing was tuned on the half
//! that is held out. Of one provider at most six documents count, so that none outweighs the others.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench reads files and clocks, and may fail"
)]

mod peers;
#[path = "../../tests/traffic/mod.rs"]
mod traffic;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use apiscope_audit::ApiId;
use traffic::score::{Driver, Endpoint, Score, run, truth};
use traffic::{Api, Request, blank};

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
/// Documents of one provider.
const PROVIDER_MAX: usize = 6;
/// Larger documents are past the inventory's bound for an API.
const OPERATIONS_MAX: usize = 1_500;
const SEED: u64 = 1;
const PER_OPERATION: usize = 60;

/// One row of the table.
#[derive(Default)]
struct Row {
    documents: f64,
    f1: f64,
    late: f64,
    total: Score,
}

impl Row {
    fn add(&mut self, score: &Score) {
        self.documents += 1.0;
        self.f1 += score.f1();
        self.late += score.late_share();
        self.total.add(score);
    }

    fn print(&self, name: &str) {
        let (n, total) = (self.documents, &self.total);
        println!(
            "{name:28} {:.3}    {:.3}  {:.3}  {:.3}    {:.3}    {:.3}   {:.2}",
            self.f1 / n,
            total.f1(),
            total.precision(),
            total.recall(),
            self.late / n,
            total.late_share(),
            total.count_ratio()
        );
    }
}

fn main() {
    let mut args = std::env::args().skip(1);
    let folder = PathBuf::from(args.next().expect("the folder of the documents"));
    let which = args.next().unwrap_or_else(|| "held-out".to_owned());
    let told = args.next();
    let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
    let mut providers: BTreeMap<String, usize> = BTreeMap::new();
    for name in documents(&folder) {
        let is_wanted = which == "all" || is_held_out(&name) == (which == "held-out");
        let seen = providers.entry(name.split('/').next().unwrap_or_default().to_owned()).or_default();
        if !is_wanted || *seen >= PROVIDER_MAX {
            continue;
        }
        *seen += 1;
        let text = std::fs::read_to_string(folder.join(&name)).unwrap();
        let api = serde_json::from_str(&text).ok().and_then(|document| Api::read(&name, &document, SEED));
        let Some(api) = api.filter(|api| api.operations.len() <= OPERATIONS_MAX) else { continue };
        let requests = api.requests(SEED, PER_OPERATION, 0);
        let (score, found) = run(&api, &requests);
        rows.entry("1 apiscope").or_default().add(&score);
        if told.as_deref() == Some("faults") {
            faults(&api, &score, &found);
            continue;
        }
        let noisy = api.requests(SEED, PER_OPERATION, 20);
        rows.entry("2 apiscope, 20 % noise").or_default().add(&run(&api, &noisy).0);
        for (name, rule) in peers::PEERS {
            rows.entry(name).or_default().add(&judge(&api, &requests, &rule(&requests)));
        }
    }
    let documents = rows.values().next().map_or(0.0, |row| row.documents);
    println!("{documents} documents ({which}), {PER_OPERATION} requests an operation, seed {SEED}");
    println!("{:28} mean F1  F1     prec.  recall   mean late  late   found/true", "");
    for (name, row) in &rows {
        row.print(name.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' '));
    }
    println!("F1: templates with their method; late: requests after an operation's first 20 that got its template;");
    println!("mean: of the documents, the others over all endpoints and requests");
    cost();
}

/// What is missing in a document's endpoints, and what is too much.
fn faults(api: &Api, score: &Score, found: &BTreeSet<Endpoint>) {
    let truth = truth(api);
    println!("{} {:.3}", api.name, score.f1());
    for (sign, faults) in [('-', truth.difference(found)), ('+', found.difference(&truth))] {
        for (method, template) in faults {
            println!("  {sign} {method} {template}");
        }
    }
}

/// A peer's endpoints, learnt from the whole traffic: its templates are judged at the end, which is kind to it.
fn judge(api: &Api, requests: &[Request], templates: &BTreeMap<Endpoint, Endpoint>) -> Score {
    let (truth, found): (_, BTreeSet<&Endpoint>) = (truth(api), templates.values().collect());
    let mut score = Score {
        true_endpoints: truth.len(),
        found: found.len(),
        right: found.iter().filter(|endpoint| truth.contains(**endpoint)).count(),
        ..Score::default()
    };
    let mut seen = vec![0_usize; api.operations.len()];
    for request in requests {
        let Some(operation) = request.operation else { continue };
        seen[operation] += 1;
        if seen[operation] > 20 {
            let expected = blank(&api.operations[operation].template);
            let given = templates.get(&(request.method.clone(), request.path.clone()));
            score.late += 1;
            score.late_right += usize::from(given.is_some_and(|(_, template)| *template == expected));
        }
    }
    score
}

/// Time of a call of a known endpoint, and memory of 10,000 endpoints, through the whole audit with its detectors.
fn cost() {
    let (mut driver, before) = (Driver::new(), resident());
    let apis: Vec<ApiId> = (0..10).map(|n| ApiId::new(&format!("api{n}"))).collect();
    // Few siblings at each place, so that names stay names.
    let path =
        |n: usize| format!("/v1/{}/{}/{}/lines/{}", letters(n / 160), letters(n / 10 + 350), 4_711 + n, 1_000_000 + n);
    let get =
        |n: usize| Request { operation: None, method: "GET".to_owned(), path: path(n), status: 200, outline: None };
    for round in 0..4 {
        for n in 0..10_000 {
            driver.replay(driver.exchange(&apis[n % 10], &Request { path: path(n % 10_000), ..get(n + round) }));
        }
    }
    driver.endpoints();
    println!("{} endpoints in 10 APIs: {} KiB resident more", driver.count(), resident().saturating_sub(before));
    let exchanges: Vec<_> = (0..200_000).map(|n| driver.exchange(&apis[n % 10], &get(n % 10_000))).collect();
    let (count, began) = (exchanges.len(), Instant::now());
    let told: usize = exchanges.into_iter().map(|exchange| driver.replay(exchange)).sum();
    println!(
        "{} ns a call of a known endpoint, all of the audit ({told} told)",
        began.elapsed().as_nanos() / count as u128
    );
}

fn letters(n: usize) -> String {
    [n / 26, n].iter().map(|n| char::from(b'a' + u8::try_from(n % 26).unwrap())).collect()
}

fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or_default()
}

fn documents(folder: &Path) -> Vec<String> {
    let (mut names, mut open) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(&at).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if let Ok(name) = path.strip_prefix(folder) {
                names.push(name.to_string_lossy().into_owned());
            }
        }
    }
    names.retain(|name| !RESERVED.iter().any(|reserved| name.contains(reserved)));
    names.sort_unstable();
    names
}

fn is_held_out(name: &str) -> bool {
    blake3::hash(name.as_bytes()).as_bytes()[0] >= 128
}
