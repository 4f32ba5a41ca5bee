//! `cargo xtask run`: builds the agent and starts it on this host's own traffic; `--demo` adds a sample API and a client.

use crate::{bpf, build, children::Running, demo, interrupt::Interrupt, paths, process, setup, time};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    thread::sleep,
    time::{Duration, Instant},
};

/// The `run` command's own arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Also start a sample API in a network namespace of its own, with a client that behaves and misbehaves.
    #[arg(long)]
    demo: bool,
    /// End by itself after so long, such as 20s or 5m.
    #[arg(long = "for", value_name = "TIME", value_parser = time::parse)]
    time: Option<Duration>,
    /// Build the agent with optimisation.
    #[arg(long)]
    release: bool,
    /// Given to `apiscope run`, such as `--config FILE`.
    #[arg(last = true)]
    agent: Vec<String>,
}

/// Builds and runs.
pub(crate) fn run(args: &Args, way: Option<bpf::Way>) -> Result<()> {
    let scope = if args.demo { setup::Scope::Demo } else { setup::Scope::Build };
    setup::ensure(scope, way)?;
    setup::need_root("apiscope loads BPF programs into the kernel")?;
    build::run(&build::Args { release: args.release, bpf_only: false }, way)?;
    let program = paths::target().join(if args.release { "release" } else { "debug" }).join("apiscope");
    let interrupt = Interrupt::catch()?;
    let end = args.time.map(|time| Instant::now() + time);
    if args.demo {
        return demo::run(&program, &args.agent, end, &interrupt);
    }
    own_traffic(&program, args, end, &interrupt)
}

/// The agent on what this host serves and calls, until the time or the user ends it.
fn own_traffic(program: &Path, args: &Args, end: Option<Instant>, interrupt: &Interrupt) -> Result<()> {
    let folder = paths::target().join("run");
    fs::create_dir_all(&folder)?;
    let config = write_config(&folder, "")?;
    let mut agent = Agent::start(program, &config, &args.agent, &folder)?;
    agent.wait_until_ready(interrupt)?;
    eprintln!("apiscope watches this host's traffic; Ctrl-C ends it. Metrics: http://{}/metrics", config.metrics);
    eprintln!("In another terminal: {} endpoints --socket {}", program.display(), config.socket.display());
    let mut watch = agent.watch()?;
    while !interrupt.requested() && end.is_none_or(|end| Instant::now() < end) {
        agent.check()?;
        sleep(TICK);
    }
    watch.end();
    agent.show(&["endpoints"])?;
    agent.show(&["findings"])
}

/// Where a started agent keeps its things.
pub(crate) struct Config {
    pub(crate) file: PathBuf,
    pub(crate) socket: PathBuf,
    pub(crate) metrics: String,
}

/// A configuration with store, socket and metrics of its own, so that an agent that is installed on this host stays
/// untouched. `more` is appended.
pub(crate) fn write_config(folder: &Path, more: &str) -> Result<Config> {
    let free = std::net::TcpListener::bind("127.0.0.1:0").context("no free port on 127.0.0.1")?;
    let metrics = free.local_addr()?.to_string();
    let (file, socket, store) = (folder.join("apiscope.toml"), folder.join("apiscope.sock"), folder.join("store"));
    let text = format!(
        "# Written by cargo xtask run.\n\n[store]\ndir = '{}'\n\n[control]\nsocket = '{}'\n\n\
         [metrics]\nlisten = \"{metrics}\"\n{more}",
        store.display(),
        socket.display()
    );
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(Config { file, socket, metrics })
}

/// A running agent. Ended when dropped.
pub(crate) struct Agent {
    program: PathBuf,
    socket: PathBuf,
    log: PathBuf,
    running: Running,
}

impl Agent {
    pub(crate) fn start(program: &Path, config: &Config, more: &[String], folder: &Path) -> Result<Self> {
        let log = folder.join("apiscope.log");
        let mut command = process::command("setpriv");
        command
            .args(["--pdeathsig", "TERM", "--"])
            .arg(program)
            .arg("run")
            .arg("--config")
            .arg(&config.file)
            .args(more);
        let file = fs::File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let running = Running::start(&mut command)?;
        Ok(Self { program: program.to_path_buf(), socket: config.socket.clone(), log, running })
    }

    /// Returns once it answers and captures.
    pub(crate) fn wait_until_ready(&mut self, interrupt: &Interrupt) -> Result<()> {
        let begin = Instant::now();
        // Its exit status also tells whether something does not work, which is no reason to wait.
        while self.command(&["status"]).output().is_ok_and(|output| output.stdout.is_empty()) {
            interrupt.check()?;
            self.check()?;
            if begin.elapsed() > READY_WITHIN {
                bail!("the agent does not answer within {} s. Its log: {}", READY_WITHIN.as_secs(), self.log.display());
            }
            sleep(TICK);
        }
        Ok(())
    }

    /// An error with the end of its log if it has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        let Some(status) = self.running.ended()? else { return Ok(()) };
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n  ");
        bail!("the agent ended: {status}\n  {last}")
    }

    /// `apiscope watch` on the terminal, until the returned child is ended.
    pub(crate) fn watch(&self) -> Result<Running> {
        Running::start(&mut self.command(&["watch"]))
    }

    /// A command's table on the terminal, under its name.
    pub(crate) fn show(&self, words: &[&str]) -> Result<()> {
        println!("\n== {}", words[0]);
        process::run(&mut self.command(words))
    }

    /// What it answers, or nothing if it does not.
    pub(crate) fn ask(&self, words: &[&str]) -> Option<String> {
        process::output(&mut self.command(words))
    }

    /// Its processor time so far, in microseconds.
    pub(crate) fn cpu_us(&self) -> Result<f64> {
        self.running.cpu_us()
    }

    fn command(&self, words: &[&str]) -> std::process::Command {
        let mut command = process::command(&self.program.to_string_lossy());
        command.args(words).arg("--socket").arg(&self.socket);
        command
    }
}

const TICK: Duration = Duration::from_millis(200);
const READY_WITHIN: Duration = Duration::from_secs(20);
const LOG_LINES: usize = 20;
