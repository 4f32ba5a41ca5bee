//! `apiscope docs` (hidden): the generated pages of docs/, on stdout.

use std::io::Write;
use std::process::ExitCode;

use crate::config::reference;

/// Prints a page of docs/ that is made from the lists in the code.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which page
    page: Page,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Page {
    /// docs/configuration.md
    Configuration,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let page = match args.page {
        Page::Configuration => reference::page(),
    };
    std::io::stdout().lock().write_all(page.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
