//! The bench of the inventory's templates: `cargo xtask bench inventory` runs it over a folder of documents.

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "a bench reads files and clocks")]
#![expect(missing_docs, clippy::unwrap_used, reason = "a bench")]

#[path = "../../tests/traffic/mod.rs"]
mod traffic;

use std::path::{Path, PathBuf};

use traffic::Api;
use traffic::score::{Score, run, truth};

/// Reserved for acceptance: never read.
const RESERVED: [&str; 19] = [
    "spacetraders.io",
    "netlify.com",
    "openai.com",
    "spotify.com",
    "gitlab.com",
    "asana.com",
    "vimeo.com",
    "hetzner.cloud",
    "linode.com",
    "sendgrid.com",
    "bitbucket.org",
    "twilio.com",
    "box.com",
    "digitalocean.com",
    "netbox.dev",
    "atlassian.com/jira",
    "stripe.com",
    "kubernetes.io",
    "github.com",
];

fn main() {
    let mut args = std::env::args().skip(1);
    let folder = PathBuf::from(args.next().unwrap());
    let mode = args.next().unwrap_or_default();
    let filter = args.next().unwrap_or_default();
    let mut files = Vec::new();
    walk(&folder, &folder, &mut files);
    files.sort();
    let mut total = Score::default();
    let mut noisy = Score::default();
    let (mut f1, mut late, mut documents) = (0.0, 0.0, 0.0);
    let mut worst = Vec::new();
    let mut per_provider = std::collections::BTreeMap::<String, usize>::new();
    for name in files {
        if is_held_out(&name) != (mode == "held-out") || !name.contains(&filter) {
            continue;
        }
        let provider = name.split('/').next().unwrap().to_owned();
        let n = per_provider.entry(provider).or_default();
        *n += 1;
        if *n > 6 {
            continue;
        }
        let Ok(document) = serde_json::from_str(&std::fs::read_to_string(folder.join(&name)).unwrap()) else {
            continue;
        };
        let Some(api) = Api::read(&name, &document, 1) else { continue };
        if api.operations.len() > 1_500 {
            continue;
        }
        let requests = api.requests(1, 60, 0);
        let (score, found) = run(&api, &requests);
        if mode == "show" {
            show(&api, &found);
        }
        let (noise, _) = run(&api, &api.requests(1, 60, 20));
        noisy.add(&noise);
        total.add(&score);
        f1 += score.f1();
        late += score.late_share();
        documents += 1.0;
        worst.push((score.f1(), score.late_share(), api.operations.len(), name));
    }
    worst.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (f1, late, operations, name) in worst.iter().take(60) {
        println!("{f1:.3} {late:.3} {operations:5} {name}");
    }
    println!(
        "{documents} documents: mean F1 {:.3}, mean late {:.3}; all: precision {:.3} recall {:.3} F1 {:.3} late {:.3}; with noise F1 {:.3} count {:.3}",
        f1 / documents,
        late / documents,
        total.precision(),
        total.recall(),
        total.f1(),
        total.late_share(),
        noisy.f1(),
        noisy.count_ratio()
    );
}

fn show(api: &Api, found: &std::collections::BTreeSet<(String, String)>) {
    let truth = truth(api);
    for (method, path) in truth.difference(found) {
        println!("missing {method} {path}");
    }
    for (method, path) in found.difference(&truth).take(200) {
        println!("wrong   {method} {path}");
    }
}

fn walk(root: &Path, folder: &Path, files: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(root, &path, files);
        } else if let Ok(name) = path.strip_prefix(root) {
            let name = name.to_string_lossy().into_owned();
            if !RESERVED.iter().any(|reserved| name.starts_with(reserved)) {
                files.push(name);
            }
        }
    }
}

fn is_held_out(name: &str) -> bool {
    blake3::hash(name.as_bytes()).as_bytes()[0] >= 128
}
