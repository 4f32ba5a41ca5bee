//! What watching costs: in the kernel against programs that do nothing on the same hooks and the same packets (so each
//! round is paired), in the agent by its processor time, and for the server by its throughput with and without.

use super::{
    load::{Load, Protocol},
    measure::median,
};
use crate::{
    interrupt::Interrupt,
    nginx::bound_to_us,
    paths, process,
    run::{Agent, write_config},
};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Stdio},
};

/// Measures and prints a table.
pub(super) fn run(folder: &Path, rounds: u8, interrupt: &Interrupt) -> Result<()> {
    process::run(process::command("cargo").args([
        "build",
        "--release",
        "--package",
        "apiscope",
        "--example",
        "empty_hooks",
    ]))?;
    let folder = folder.join("live");
    fs::create_dir_all(&folder)?;
    let load = Load::start(&folder, Protocol::Http1)?;
    let mut measured = Measured::default();
    for round in 1..=rounds {
        interrupt.check()?;
        eprintln!("live: round {round} of {rounds}");
        measured.without.push(load.run(SECONDS)?.per_second);
        with_agent(&folder, &load, interrupt, &mut measured)?;
    }
    measured.print(rounds);
    Ok(())
}

/// The agent and the empty programs, both attached, see the same load.
fn with_agent(folder: &Path, load: &Load, interrupt: &Interrupt, measured: &mut Measured) -> Result<()> {
    let program = paths::target().join("release/apiscope");
    let before = programs()?;
    let config = write_config(folder, "")?;
    let mut agent = Agent::start(&program, &config, &[], folder)?;
    agent.wait_until_ready(interrupt)?;
    let with_agent = programs()?;
    // Throughput without the counting of run times, which costs some too.
    measured.with.push(load.run(SECONDS)?.per_second);
    let _empty = Empty::attach()?;
    let with_empty = programs()?;
    let _stats = RunTimes::count()?;
    let (cpu, begin) = (agent.cpu_us()?, programs()?);
    let made = load.run(SECONDS)?;
    let (end, cpu_end) = (programs()?, agent.cpu_us()?);
    agent.check()?;
    let spent = |new: &BTreeMap<u64, Program>, old: &BTreeMap<u64, Program>| {
        let ids: BTreeSet<_> = new.keys().filter(|id| !old.contains_key(id)).collect();
        ids.iter().map(|id| end[id].run_ns - begin[id].run_ns).sum::<f64>() / made.exchanges
    };
    if made.exchanges < 1.0 {
        bail!("wrk made no exchange");
    }
    measured.ours_ns.push(spent(&with_agent, &before));
    measured.empty_ns.push(spent(&with_empty, &with_agent));
    measured.agent_us.push((cpu_end - cpu) / made.exchanges);
    for (id, program) in end.iter().filter(|(id, _)| !before.contains_key(id)) {
        let runs = program.runs - begin[id].runs;
        let each = (program.run_ns - begin[id].run_ns) / runs.max(1.0);
        measured.programs.entry(program.name.clone()).or_default().push((runs / made.exchanges, each));
    }
    Ok(())
}

#[derive(Default)]
struct Measured {
    without: Vec<f64>,
    with: Vec<f64>,
    ours_ns: Vec<f64>,
    empty_ns: Vec<f64>,
    agent_us: Vec<f64>,
    /// By program: runs per exchange, ns per run.
    programs: BTreeMap<String, Vec<(f64, f64)>>,
}

impl Measured {
    fn print(self, rounds: u8) {
        println!("\nlive: nginx and wrk on loopback, 1 KiB of JSON, medians of {rounds} rounds of {SECONDS} s");
        let lost = self.without.iter().zip(&self.with).map(|(without, with)| (1.0 - with / without) * 100.0).collect();
        let added = self.ours_ns.iter().zip(&self.empty_ns).map(|(ours, empty)| ours - empty).collect();
        println!("  kernel, our programs       {:>8.0} ns per exchange", median(self.ours_ns));
        println!("  kernel, empty programs     {:>8.0} ns per exchange", median(self.empty_ns));
        println!("  kernel, added by ours      {:>8.0} ns per exchange", median(added));
        println!("  agent, processor time      {:>8.2} µs per exchange", median(self.agent_us));
        println!("  throughput without apiscope {:>7.0} exchanges/s", median(self.without));
        println!("  throughput with apiscope    {:>7.0} exchanges/s", median(self.with));
        println!("  throughput lost, paired    {:>8.1} %", median(lost));
        for (name, values) in self.programs {
            let (runs, each) = values.into_iter().unzip();
            println!("    {name:<16} {:>5.2} runs per exchange, {:>5.0} ns a run", median(runs), median(each));
        }
    }
}

/// A loaded program, as bpftool tells it.
struct Program {
    name: String,
    run_ns: f64,
    runs: f64,
}

fn programs() -> Result<BTreeMap<u64, Program>> {
    let text = process::output(process::command("bpftool").args(["-j", "prog", "show"])).context("bpftool fails")?;
    let value: Value = serde_json::from_str(&text).context("bpftool's output is not JSON")?;
    let list = value.as_array().context("bpftool's output is not a list")?;
    let number = |value: &Value| value.as_f64().unwrap_or(0.0);
    let program = |value: &Value| {
        let name = value["name"].as_str().unwrap_or("?").to_owned();
        Some((
            value["id"].as_u64()?,
            Program { name, run_ns: number(&value["run_time_ns"]), runs: number(&value["run_cnt"]) },
        ))
    };
    Ok(list.iter().filter_map(program).collect())
}

/// The programs that do nothing, attached until dropped.
struct Empty(Child);

impl Empty {
    fn attach() -> Result<Self> {
        let mut command = bound_to_us(&paths::target().join("release/examples/empty_hooks").to_string_lossy());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut empty = Self(command.spawn().context("cannot start empty_hooks")?);
        let mut line = String::new();
        BufReader::new(empty.0.stdout.take().context("piped above")?).read_line(&mut line)?;
        if line.trim() != "attached" {
            bail!("the empty programs do not attach");
        }
        Ok(empty)
    }
}

impl Drop for Empty {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// The kernel counts the programs' run times while this lives.
struct RunTimes(String);

impl RunTimes {
    fn count() -> Result<Self> {
        let was = fs::read_to_string(RUN_TIMES).with_context(|| format!("cannot read {RUN_TIMES}"))?;
        fs::write(RUN_TIMES, "1").with_context(|| format!("cannot write {RUN_TIMES}"))?;
        Ok(Self(was))
    }
}

impl Drop for RunTimes {
    fn drop(&mut self) {
        let _ = fs::write(RUN_TIMES, self.0.trim());
    }
}

const RUN_TIMES: &str = "/proc/sys/kernel/bpf_stats_enabled";
const SECONDS: u32 = 3;
