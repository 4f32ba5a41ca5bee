//! `apiscope tls`: versions, cipher suites and certificates.

use std::process::ExitCode;

use anyhow::Context;

use super::ask::AgentArg;
use super::next;
use super::output::{self, Format};
use crate::view::{List, TlsView};

/// The TLS of this host's traffic: versions and cipher suites offered and chosen, names and dates of certificates.
///
/// By API, port and server name, since the agent started. Up to TLS 1.2 certificates are in clear; in TLS 1.3 they are encrypted,
/// and so is the choice of the application protocol. Nothing is verified: a certificate's names and dates are what it says.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  apiscope tls
  apiscope tls --api shop.example.com -o json
  apiscope tls -o jsonl | jq 'select(.versions | has(\"TLS 1.0\") or has(\"TLS 1.1\"))'     # outdated versions in use
  apiscope tls -o jsonl | jq -r '.certificates[0] | select(.) | [.not_after, .subject] | @tsv' | sort    # what ends first")]
pub(crate) struct Args {
    #[command(flatten)]
    agent: AgentArg,
    /// Only those of this API
    #[arg(long, value_name = "NAME")]
    api: Option<String>,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let answer: Option<List<TlsView>> = args.agent.client()?.ask("/v1/tls")?;
    let mut rows = answer.context("the running agent does not know this list: is it older than this command?")?.items;
    rows.retain(|row| args.api.as_ref().is_none_or(|api| *api == row.api));
    output::list(args.output, rows)?;
    next("apiscope tls -o json, for what clients offer and for whole chains");
    Ok(ExitCode::SUCCESS)
}
