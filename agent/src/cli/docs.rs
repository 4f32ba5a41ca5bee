//! `apiscope docs` (hidden): the pages of docs/ that are made from the lists in the code, on stdout.

use std::fmt::Write as _;
use std::io::Write;
use std::process::ExitCode;

use apiscope_audit::detect::kinds;

use crate::config::reference;
use crate::metrics;

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
    /// docs/findings.md
    Findings,
    /// docs/metrics.md
    Metrics,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let page = match args.page {
        Page::Configuration => reference::page(),
        Page::Findings => findings(),
        Page::Metrics => metrics(),
    };
    std::io::stdout().lock().write_all(page.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn findings() -> String {
    let mut page = String::from(
        "# Kinds of finding

<!-- Made by `apiscope docs findings` from agent/audit/src/detect/: edit there. -->

A finding is one thing on one endpoint. It opens, is counted, gets worse, resolves when it has not recurred for its time, and
reopens. `apiscope explain KIND` shows what stands here, `apiscope explain ID` one finding with its evidence.
",
    );
    for kind in kinds() {
        let _ = write!(
            page,
            "\n## {}\n\n{}\n\nOWASP {} ({}), CWE-{} ({}). {}\n\nWhat to do:\n\n",
            kind.name,
            kind.summary,
            kind.owasp,
            kind.owasp_title(),
            kind.cwe,
            kind.cwe_title,
            kind.why
        );
        for (number, step) in kind.what_to_do.iter().enumerate() {
            let _ = writeln!(page, "{}. {step}", number + 1);
        }
        let _ = writeln!(page, "\nUntil it is mended, by {}: {}", kind.containment.scope(), kind.containment.text());
    }
    page
}

fn metrics() -> String {
    let mut page = String::from(
        "# Metrics

<!-- Made by `apiscope docs metrics` from agent/src/metrics/table.rs: edit there. -->

On `http://127.0.0.1:10466/metrics` (`[metrics] listen`), in the text format 0.0.4. Never more than 5,000 series: what is past a
bound is counted under the label value `other`, and `apiscope_label_overflow_total` says so.

| Name | Type | Labels | Meaning |
|---|---|---|---|
",
    );
    for metric in metrics::table() {
        let labels = metric.labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
        let _ = writeln!(page, "| `{}` | {} | {labels} | {} |", metric.name, metric.kind.name(), metric.help);
    }
    page
}
