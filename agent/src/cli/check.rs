//! `apiscope check`: every mistake in the configuration, with its place.

use std::process::ExitCode;
use std::sync::Arc;

use apiscope_audit::ledger::AcceptRule;

use super::{ConfigArg, colour, next, output, say, table};
use crate::config::{Config, Gravity, Mistake, Source};
use crate::store::system_clock;
use crate::view::{List, rfc3339};

/// Reads the configuration and shows every mistake, with file, line, column and what to do.
///
/// Reads the file, the conf.d/*.toml beside it and the OpenAPI documents that they name; changes nothing, and does not
/// touch a running agent. `systemctl reload apiscope` puts the new configuration in force.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  apiscope check\n  apiscope check --config ./apiscope.toml\n  apiscope check -o json | jq .items\n\nExit status: 0 no mistake, 1 mistakes, 2 wrong usage."
)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// `json`: the mistakes as data on stdout
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    Text,
    Json,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (config, mistakes) = match Config::load(args.config.config.as_deref()) {
        Ok(config) => {
            let readings = config.settings().1;
            let mistakes =
                readings.into_iter().flat_map(|reading| reading.document.err().into_iter().chain(reading.faults));
            let mut mistakes: Vec<_> = mistakes.collect();
            mistakes.extend(secrets(&config));
            mistakes.extend(expired(&config));
            (Some(config), mistakes)
        }
        Err(mistakes) => (None, mistakes),
    };
    if args.output == Output::Json {
        let views = mistakes.iter().map(Mistake::view).collect();
        output::object(&mut std::io::stdout().lock(), &List::new(views))?;
    } else {
        show(&mistakes);
    }
    let errors = mistakes.iter().filter(|mistake| mistake.gravity == Gravity::Error).count();
    let told = |gravity, noun: &str| {
        let number = mistakes.iter().filter(|mistake| mistake.gravity == gravity).count();
        if number > 0 {
            say(&counted(number, noun));
        }
    };
    told(Gravity::Warning, "warning");
    told(Gravity::Note, "note");
    if let (Some(config), 0) = (&config, errors) {
        say(&summary(config));
        next("systemctl reload apiscope, or `apiscope run`");
        return Ok(ExitCode::SUCCESS);
    }
    say(&format!("{} in the configuration", counted(errors, "mistake")));
    Ok(ExitCode::FAILURE)
}

/// Signing secrets that can't be used, told of the file that is read last.
fn secrets(config: &Config) -> Vec<Mistake> {
    let path = config.files.last().cloned().unwrap_or_default();
    let source = Arc::new(Source { path, text: String::new() });
    config.secret_faults().into_iter().map(|fault| Mistake::whole(&source, fault)).collect()
}

/// Acceptances whose time is over: they do nothing any more, and are told of the file that is read last.
fn expired(config: &Config) -> Vec<Mistake> {
    let now = (system_clock())();
    let path = config.files.last().cloned().unwrap_or_default();
    let source = Arc::new(Source { path, text: String::new() });
    let over = config.accepts().into_iter().filter(|rule| rule.until <= now);
    let tell = |rule: AcceptRule| {
        let (end, by) = (table::time(&rfc3339(rule.until)), rule.author.as_str().to_owned());
        let message = format!("the [[accept]] of {by} ({}) ended {end} UTC", rule.reason.as_str());
        let help = "take it out, or give it another `until` after another look";
        Mistake::whole(&source, message).help(help).warning()
    };
    over.map(tell).collect()
}

/// Every mistake on stderr, as a compiler would.
pub(crate) fn show(mistakes: &[Mistake]) {
    let colour = colour(&std::io::stderr());
    for mistake in mistakes {
        say(&format!("{}\n", mistake.render(colour)));
    }
}

fn summary(config: &Config) -> String {
    let files = match config.files.as_slice() {
        [] => "no configuration file: every key has its default".to_owned(),
        files => files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", "),
    };
    let receivers = config.alertmanagers.len() + config.webhooks.len();
    format!("ok: {files} ({}, {})", counted(config.apis.len(), "API rule"), counted(receivers, "receiver"))
}

fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
