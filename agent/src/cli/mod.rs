//! The command line: one file a command. stdout is data, stderr is progress and errors.
//!
//! Exit status: 0 ok, 1 failed, 2 wrong usage, 3 findings at or above `--fail-on`. A reader that goes away (`| head`) is
//! no failure. Entry: [`main`].

mod accept;
mod acceptances;
mod ack;
mod apis;
mod ask;
mod baseline;
mod check;
mod completions;
mod docs;
mod doctor;
mod endpoints;
mod exchanges;
mod explain;
mod export;
mod finding;
mod findings;
mod learning;
mod merge;
mod output;
mod probed;
mod replay;
mod rows;
mod run;
mod running;
mod say;
mod silence;
mod silences;
mod status;
mod stores;
mod table;
mod tls;
mod watch;

use std::io::{ErrorKind, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use apiscope_audit::secret::FingerprintKey;
use clap::{CommandFactory, Parser, Subcommand};

pub(crate) use check::show as show_mistakes;

use crate::view::terminal_safe;

/// Findings at or above `--fail-on`.
pub const EXIT_FINDINGS: u8 = 3;

/// Watches this host's own API traffic with eBPF, and says what an API security review asks.
///
/// It serves no traffic and changes none: it reads copies of packets, keeps no secret, and says what it missed.
#[derive(Debug, Parser)]
#[command(name = "apiscope", version, max_term_width = 120, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  apiscope doctor                       what works on this host, and what to do about the rest
  sudo apiscope run                     watch this host until stopped
  apiscope status                       coverage first, then what does not work
  apiscope watch                        each exchange as it ends
  apiscope findings                     what is wrong, worst first
  apiscope ack 5b1e --note 'on it'      no repeats for a day; see also accept, silence, baseline
  apiscope explain cleartext-credential what a kind of finding means, and what to do
  apiscope replay traffic.pcap          the same, from a capture file (tcpdump -w)

Exit status: 0 ok, 1 failed, 2 wrong usage, 3 findings at or above --fail-on.";

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Args),
    Status(status::Args),
    Watch(watch::Args),
    Running(running::Args),
    Apis(apis::Args),
    Endpoints(endpoints::Args),
    Probed(probed::Args),
    Tls(tls::Args),
    Findings(findings::Args),
    Explain(explain::Args),
    Ack(ack::Args),
    Accept(accept::Args),
    Acceptances(acceptances::Args),
    Silence(silence::Args),
    Silences(silences::Args),
    Baseline(baseline::Args),
    Learning(learning::Args),
    Merge(merge::Args),
    Export(export::Args),
    Check(check::Args),
    Doctor(doctor::Args),
    Replay(replay::Args),
    Completions(completions::Args),
    #[command(hide = true)]
    Docs(docs::Args),
}

/// `--config`, for every command that needs it.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigArg {
    /// Configuration file [default: /etc/apiscope/apiscope.toml, which may be absent]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Parses, runs, and says how it ended.
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => run::run(args),
        Command::Status(args) => status::run(&args),
        Command::Watch(args) => watch::run(&args),
        Command::Running(args) => running::run(&args),
        Command::Apis(args) => apis::run(&args),
        Command::Endpoints(args) => endpoints::run(&args),
        Command::Probed(args) => probed::run(&args),
        Command::Tls(args) => tls::run(&args),
        Command::Findings(args) => findings::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Ack(args) => ack::run(&args),
        Command::Accept(args) => accept::run(&args),
        Command::Acceptances(args) => acceptances::run(&args),
        Command::Silence(args) => silence::run(&args),
        Command::Silences(args) => silences::run(&args),
        Command::Baseline(args) => baseline::run(&args),
        Command::Learning(args) => learning::run(&args),
        Command::Merge(args) => merge::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Completions(args) => completions::run(&args, &mut Cli::command()),
        Command::Docs(args) => docs::run(&args),
    };
    match result {
        Ok(code) => code,
        Err(error) if reader_is_gone(&error) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{}: {error:#}", paint("error", "31;1")));
            ExitCode::FAILURE
        }
    }
}

/// Somebody closed our stdout, such as `| head`.
fn reader_is_gone(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        let json = cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        io.or(json) == Some(ErrorKind::BrokenPipe)
    })
}

/// Whether colour may go to this stream.
pub(crate) fn colour(stream: &impl IsTerminal) -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Text for stderr in a colour, if it may have one.
pub(crate) fn paint(text: &str, code: &str) -> String {
    if colour(&std::io::stderr()) { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

/// A key of this run's own: fingerprints tell values apart inside one run, and nothing outside of it.
pub(crate) fn random_key() -> anyhow::Result<FingerprintKey> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).context("no random numbers from the system")?;
    Ok(FingerprintKey::new(bytes))
}

/// The next command to try, on stderr.
pub(crate) fn next(hint: &str) {
    say(&format!("{} {hint}", paint("next:", "2")));
}

/// A line on stderr. That nobody reads it any more is no failure.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Something to know on stderr, which may hold text from traffic or files.
pub(crate) fn note(text: &str) {
    say(&format!("{}: {}", paint("note", "33;1"), terminal_safe(text)));
}
