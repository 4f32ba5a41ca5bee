//! `apiscope replay`: everything that live does, from capture files.

use std::io::{BufWriter, StdoutLock, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use apiscope_audit::{Change, Restored, Severity};
use apiscope_wire::{Input, Limits, Timestamp};

use super::exchanges::Exchanges;
use super::output::{self, Format};
use super::rows::account;
use super::{ConfigArg, EXIT_FINDINGS, next, note, random_key, say};
use crate::capture::replay::{Replay, ReplayError, ReplayStats};
use crate::config::Config;
use crate::pipeline::{Owner, Pipeline, Shard};
use crate::view::{Board, ExchangeView, ReplayView, SCHEMA};

/// Reads capture files (pcap, pcapng; also .gz and .zst; directories of them) and prints what live capture would have.
///
/// Needs no privilege and no running agent, changes nothing, and keeps no secret. The time is that of the files.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tcpdump -i any -s 0 -w traffic.pcap 'tcp port 8080'
  apiscope replay traffic.pcap
  apiscope replay traffic.pcap --exchanges -o jsonl | jq .path
  apiscope replay captures/ --fail-on high     # in CI: exit status 3 if there is such a finding

Exit status: 0 ok, 1 a file could not be read, 2 wrong usage, 3 findings at or above --fail-on.")]
pub(crate) struct Args {
    /// Capture files, or directories of them
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print each exchange, in the order in which they end, instead of the summary; and each WebSocket or tunnel when it ends
    #[arg(long)]
    exchanges: bool,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    /// Exit with status 3 if there is a finding of this severity or worse
    #[arg(long, value_name = "SEVERITY", value_parser = severity)]
    fail_on: Option<Severity>,
    #[command(flatten)]
    config: ConfigArg,
}

/// Notes shown to people.
const NOTES_SHOWN: usize = 10;

/// From its name, for clap.
pub(crate) fn severity(name: &str) -> Result<Severity, String> {
    let names = || Severity::ALL.map(Severity::name).join(", ");
    Severity::from_name(name).ok_or_else(|| format!("one of {}", names()))
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = match Config::load(args.config.config.as_deref()) {
        Ok(config) => config,
        Err(mistakes) => {
            super::check::show(&mistakes);
            return Ok(ExitCode::FAILURE);
        }
    };
    let mut run = Run::new(args, &config)?;
    let whole = run.read()?;
    run.finish()?;
    let worst = run.board.worst();
    Ok(if !whole {
        ExitCode::FAILURE
    } else if args.fail_on.is_some_and(|limit| worst >= Some(limit)) {
        ExitCode::from(EXIT_FINDINGS)
    } else {
        ExitCode::SUCCESS
    })
}

/// A replay under way.
struct Run<'a> {
    args: &'a Args,
    replay: Replay,
    pipeline: Pipeline,
    board: Board,
    notes: Vec<String>,
    exchanges: Option<Exchanges<BufWriter<StdoutLock<'static>>>>,
}

impl<'a> Run<'a> {
    fn new(args: &'a Args, config: &Config) -> anyhow::Result<Self> {
        let (mut settings, readings) = config.settings();
        // A file tells what was there: nothing is over because a later file is silent about it.
        settings.resolve_after = Duration::MAX;
        // Nothing leaves from here, so there is nothing to hold back.
        settings.learning = Duration::ZERO;
        let settings = Arc::new(settings);
        let shard = Shard::new(Limits::default(), Arc::new(random_key()?), Arc::clone(&settings));
        let owner = Owner::new(settings, Restored::default());
        let out = || Exchanges::new(BufWriter::new(std::io::stdout().lock()), args.output);
        Ok(Self {
            args,
            replay: Replay::open(&args.files)?,
            pipeline: Pipeline::new(shard, owner),
            board: Board::default(),
            notes: readings
                .iter()
                .filter_map(|reading| reading.document.as_ref().err())
                .map(ToString::to_string)
                .collect(),
            exchanges: args.exchanges.then(out),
        })
    }

    /// Reads all files. `false`: one could not be read to its end; the others were.
    fn read(&mut self) -> anyhow::Result<bool> {
        let mut whole = true;
        let mut end = Timestamp::EPOCH;
        loop {
            match self.step(&mut end)? {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    self.notes.push(error.to_string());
                    whole = false;
                }
            }
        }
        let Self { pipeline, board, exchanges, .. } = self;
        let mut written = Ok(());
        pipeline.flush(end, &mut |change| take(board, exchanges, &change, &mut written));
        written?;
        Ok(whole)
    }

    /// One packet. The inner result is that of the file, the outer that of our output.
    fn step(&mut self, end: &mut Timestamp) -> anyhow::Result<Result<bool, ReplayError>> {
        let Self { replay, pipeline, board, exchanges, .. } = self;
        let mut verdicts = Vec::new();
        let mut written = Ok(());
        let result = replay.next_inputs(&mut |input| {
            if let Input::Tick(now) = input {
                *end = now;
            }
            pipeline.handle(input, &mut |flow, verdict| verdicts.push((flow, verdict)), &mut |change| {
                take(board, exchanges, &change, &mut written);
            });
        });
        for (flow, verdict) in verdicts {
            replay.apply(flow, verdict);
        }
        written?;
        Ok(result)
    }

    fn finish(&mut self) -> anyhow::Result<()> {
        let notes = self.replay.notes().iter().map(ToString::to_string);
        let notes: Vec<_> = std::mem::take(&mut self.notes).into_iter().chain(notes).collect();
        if self.args.exchanges || self.args.output != Format::Json {
            for text in notes.iter().take(NOTES_SHOWN) {
                note(text);
            }
            if notes.len() > NOTES_SHOWN {
                note(&format!("and {} more; `-o json` tells all", notes.len() - NOTES_SHOWN));
            }
        }
        match (&mut self.exchanges, self.args.output) {
            (Some(exchanges), _) => exchanges.finish()?,
            (None, Format::Json) => output::object(&mut std::io::stdout().lock(), &self.view(notes))?,
            (None, Format::Table) => self.tables()?,
            (None, format) => output::list(format, self.board.findings())?,
        }
        say(&summary(&self.replay.stats(), &self.board));
        if self.args.exchanges {
            next("the same without --exchanges for endpoints and findings");
        } else if self.board.worst().is_some() {
            next("apiscope explain KIND, for what a kind means and what to do");
        } else {
            next("--exchanges shows each call");
        }
        Ok(())
    }

    fn view(&self, notes: Vec<String>) -> ReplayView {
        ReplayView {
            schema: SCHEMA,
            coverage: self.board.total(),
            apis: self.board.apis(),
            endpoints: self.board.endpoints(),
            probed: self.board.probed(),
            probers: self.board.probers(),
            tls: self.board.tls(),
            findings: self.board.findings(),
            notes,
        }
    }

    fn tables(&self) -> anyhow::Result<()> {
        writeln!(std::io::stdout(), "{}", account(&self.board.total()))?;
        table(self.board.apis())?;
        table(self.board.endpoints())?;
        let probed = self.board.probed();
        if !probed.is_empty() {
            table(probed)?;
            table(self.board.probers())?;
        }
        let tls = self.board.tls();
        if !tls.is_empty() {
            table(tls)?;
        }
        table(self.board.findings())
    }
}

/// A table with an empty line before it.
fn table<T: output::Row>(rows: Vec<T>) -> anyhow::Result<()> {
    if !rows.is_empty() {
        writeln!(std::io::stdout())?;
    }
    output::list(Format::Table, rows)
}

/// A change goes to the board, and a call to stdout; the first failure to write is kept.
fn take<W: Write>(
    board: &mut Board,
    exchanges: &mut Option<Exchanges<W>>,
    change: &Change,
    written: &mut anyhow::Result<()>,
) {
    board.apply(change);
    if let (Some(exchanges), Change::Call(call) | Change::Session(call), Ok(())) = (exchanges, change, &written) {
        *written = exchanges.write(&ExchangeView::from(call));
    }
}

fn summary(stats: &ReplayStats, board: &Board) -> String {
    let counts = board.counts();
    let open: u64 = counts.findings.values().sum();
    format!(
        "{} packets in {} files: {} exchanges, {} endpoints of {} APIs, {open} findings",
        stats.packets, stats.files, counts.exchanges, counts.endpoints, counts.apis
    )
}
