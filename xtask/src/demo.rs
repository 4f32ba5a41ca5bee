//! `cargo xtask run --demo`: the agent, a sample API behind a virtual network cable, and a client that behaves and
//! misbehaves. Leaves nothing behind: no namespace, no process, no file.

mod client;
mod network;
mod sample;

use crate::{
    interrupt::Interrupt,
    run::{Agent, write_config},
};
use anyhow::{Context, Result, bail};
use client::Client;
use network::Network;
use sample::SampleApi;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

/// Runs until `end` or Ctrl-C. Fails if the agent did not see what the client did.
pub(crate) fn run(program: &Path, more: &[String], end: Option<Instant>, interrupt: &Interrupt) -> Result<()> {
    let folder = Folder::make()?;
    let network = Network::make()?;
    let config = write_config(&folder.0, &sample::config(&folder.0, &network)?)?;
    let mut agent = Agent::start(program, &config, more, &folder.0)?;
    agent.wait_until_ready(interrupt)?;
    let api = SampleApi::start(&folder.0, &network)?;
    let mut client = Client::new(&api);
    introduce(&network, &api, &config.metrics);
    let begin = Instant::now();
    let mut watch = agent.watch()?;
    let mut shown = false;
    // The last seconds are for the agent: an exchange is told when it has ended.
    while !interrupt.requested() && end.is_none_or(|end| Instant::now() + SETTLE < end) {
        agent.check()?;
        client.round()?;
        if end.is_none() && !shown && begin.elapsed() > TABLES_AFTER {
            shown = true;
            watch.end();
            tables(&agent)?;
            hint(program, &config.socket);
            watch = agent.watch()?;
        }
        sleep(ROUND_EVERY);
    }
    sleep(SETTLE / 2);
    watch.end();
    tables(&agent)?;
    let summary = Summary::of(&agent, &client)?;
    println!("\n== summary\n{}", summary.text);
    println!("Metrics were at http://{}/metrics; ended, nothing left behind.", config.metrics);
    if end.is_some() { summary.verdict() } else { Ok(()) }
}

fn introduce(network: &Network, api: &SampleApi, metrics: &str) {
    println!("The sample API: nginx at http://{} in the namespace {}", api.address(), network.namespace());
    println!("Its document:   {}", api.document().display());
    println!("Metrics:        http://{metrics}/metrics");
    println!("\n== exchanges");
}

fn hint(program: &Path, socket: &Path) {
    println!("\nIt goes on until Ctrl-C. In another terminal:");
    println!("  {} explain cleartext-credential", program.display());
    println!("  {} findings -o json --socket {}\n", program.display(), socket.display());
}

fn tables(agent: &Agent) -> Result<()> {
    agent.show(&["endpoints", "--api", sample::NAME])?;
    agent.show(&["findings", "--api", sample::NAME])
}

/// What was done and what was seen of it.
struct Summary {
    text: String,
    endpoints: usize,
    kinds: BTreeMap<String, usize>,
}

impl Summary {
    fn of(agent: &Agent, client: &Client<'_>) -> Result<Self> {
        let endpoints = rows(agent, "endpoints")?;
        let calls: u64 = endpoints.iter().filter_map(|endpoint| endpoint["calls"].as_u64()).sum();
        let mut kinds = BTreeMap::new();
        for finding in rows(agent, "findings")? {
            *kinds.entry(finding["kind"].as_str().unwrap_or("?").to_owned()).or_default() += 1;
        }
        let found: Vec<_> = kinds.iter().map(|(kind, count): (&String, &usize)| format!("{count} {kind}")).collect();
        let text = format!(
            "The client made {} calls, apiscope saw {calls}. It knows {} endpoints and has {} findings: {}.",
            client.calls(),
            endpoints.len(),
            kinds.values().sum::<usize>(),
            found.join(", ")
        );
        Ok(Self { text, endpoints: endpoints.len(), kinds })
    }

    /// The demo shows what it is there to show, or it failed.
    fn verdict(&self) -> Result<()> {
        let missing: Vec<_> = EXPECTED.iter().filter(|kind| !self.kinds.contains_key(**kind)).collect();
        if self.endpoints == 0 || !missing.is_empty() {
            bail!("the demo did not show all that it should: {} endpoints, no {missing:?}", self.endpoints);
        }
        Ok(())
    }
}

/// What the agent knows of the sample API, as values.
fn rows(agent: &Agent, what: &str) -> Result<Vec<Value>> {
    let text = agent.ask(&[what, "--api", sample::NAME, "-o", "jsonl"]);
    let text = text.with_context(|| format!("the agent does not tell its {what}"))?;
    let rows = text.lines().map(serde_json::from_str).collect::<Result<_, _>>();
    rows.with_context(|| format!("`apiscope {what} -o jsonl` is not JSON"))
}

/// A folder that goes with its owner. Others may read it: nginx's workers are not root.
struct Folder(PathBuf);

impl Folder {
    fn make() -> Result<Self> {
        remove_leftovers();
        let path = std::env::temp_dir().join(format!("{PREFIX}{}", std::process::id()));
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Folders of demos that were killed.
fn remove_leftovers() {
    for entry in std::env::temp_dir().read_dir().into_iter().flatten().flatten() {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && is_left_over(&entry.file_name().to_string_lossy()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether something of this name belongs to a demo whose process, told in the name, is gone.
fn is_left_over(name: &str) -> bool {
    let gone = |id: &str| id.parse::<u32>().is_ok() && !Path::new("/proc").join(id).exists();
    name.strip_prefix(PREFIX).is_some_and(gone)
}

/// Namespaces and folders are called so, with the process's id.
const PREFIX: &str = "apiscope-demo-";
/// The kinds of finding that the client provokes.
const EXPECTED: [&str; 3] = ["cleartext-credential", "oversized-response", "undocumented-endpoint"];
const ROUND_EVERY: Duration = Duration::from_secs(1);
const SETTLE: Duration = Duration::from_secs(2);
const TABLES_AFTER: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{process, setup};

    /// The stage without the agent: every path of the document answers over the cable, and nothing stays.
    #[test]
    fn the_sample_api_answers_over_the_cable_and_goes() {
        if let Err(error) = setup::need_root("the demo makes a network namespace") {
            assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{error}");
            eprintln!("SKIPPED: {error}");
            return;
        }
        let folder = Folder::make().expect("a folder");
        let network = Network::make().expect("a namespace");
        let namespace = network.namespace().to_owned();
        let api = SampleApi::start(&folder.0, &network).expect("nginx answers");
        let mut client = Client::new(&api);
        for _ in 0..7 {
            client.round().expect("curl is answered");
        }
        let log = fs::read_to_string(folder.0.join("nginx-access.log")).expect("nginx wrote its log");
        let answered = log.lines().filter(|line| line.contains("\" 200 ")).count();
        assert_eq!(answered, client.calls(), "{log}");
        let path = folder.0.clone();
        drop((api, network, folder));
        assert!(!path.exists());
        let left = process::output(process::command("ip").args(["netns", "list"])).expect("ip works");
        assert!(!left.contains(&namespace), "{left}");
    }
}
