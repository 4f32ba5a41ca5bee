//! What capture costs in the kernel: `kernel_cost capture|ignore|empty COMMAND…` attaches the programs (`ignore`: with the verdict to copy
//! nothing of any flow; `empty`: programs that do nothing, for the price of the hooks alone), runs the command as load, and prints one JSON line a program with its runs and nanoseconds (the kernel's own
//! count, `BPF_ENABLE_STATS`, which itself adds some 20 ns a run). Needs root. Run both alternately and compare the medians.

use std::collections::HashSet;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, thread};

use anyhow::{Context as _, Result, bail};
use apiscope::capture::live::{Config, Live};
use apiscope::capture::{empty, live};
use apiscope_wire::{Input, Verdict};
use aya::programs::{ProgramInfo, loaded_programs};
use aya::sys::{Stats, enable_stats};

fn main() -> Result<()> {
    let mut words = env::args().skip(1);
    let what = words.next().context("usage: kernel_cost capture|ignore|empty COMMAND…")?;
    let command: Vec<String> = words.collect();
    let before: HashSet<u32> = loaded_programs().flatten().map(|program| program.id()).collect();
    let _counting = enable_stats(Stats::RunTime).context("the kernel does not count the time of BPF programs")?;
    match what.as_str() {
        "capture" | "ignore" => {
            let mut live = Live::start(&Config::default())?;
            let child = start(&command)?;
            wait(child, || {
                let mut flows = Vec::new();
                live.drain(&mut |input| {
                    if let Input::Origin(flow, _) = input {
                        flows.push(flow);
                    }
                });
                if what == "ignore" {
                    for flow in flows {
                        live.apply(flow, Verdict::IgnoreNotHttp);
                    }
                }
                live.wait();
            })?;
            print(&before);
            eprintln!("{:?}", Summary::of(&live.stats()));
        }
        "empty" => {
            let _attached = empty::attach(None)?;
            wait(start(&command)?, || thread::sleep(Duration::from_millis(20)))?;
            print(&before);
        }
        other => bail!("{other}: not `capture`, `ignore` or `empty`"),
    }
    Ok(())
}

fn start(command: &[String]) -> Result<Child> {
    let (program, arguments) = command.split_first().context("no command to run as load")?;
    let child = Command::new(program).args(arguments).stdout(Stdio::null()).spawn();
    child.with_context(|| format!("cannot run {program}"))
}

fn wait(mut child: Child, mut step: impl FnMut()) -> Result<()> {
    loop {
        step();
        if let Some(status) = child.try_wait()? {
            if !status.success() {
                bail!("the load ended with {status}");
            }
            return Ok(());
        }
    }
}

fn print(before: &HashSet<u32>) {
    for program in loaded_programs().flatten().filter(|program| !before.contains(&program.id())) {
        if let Some(name) = ours(&program) {
            let (runs, nanos) = (program.run_count(), program.run_time().as_nanos());
            println!("{{\"program\":\"{name}\",\"runs\":{runs},\"ns\":{nanos}}}");
        }
    }
}

fn ours(program: &ProgramInfo) -> Option<&str> {
    program
        .name_as_str()
        .filter(|name| matches!(*name, "ingress" | "egress" | "sock_ops" | "empty_ingress" | "empty_egress"))
}

/// What the run itself was like.
#[derive(Debug)]
#[expect(dead_code, reason = "printed")]
struct Summary {
    records: u64,
    copied_bytes: u64,
    missed: u64,
    ring_peak: u64,
}

impl Summary {
    fn of(stats: &live::Stats) -> Self {
        Self {
            records: stats.records,
            copied_bytes: stats.copied_bytes,
            missed: stats.missed.iter().map(|missed| missed.count).sum(),
            ring_peak: stats.ring_peak,
        }
    }
}
