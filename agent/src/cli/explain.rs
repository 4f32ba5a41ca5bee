//! `apiscope explain`: a kind of finding, one finding, or one endpoint, in plain words.

use std::fmt::Write as _;
use std::io::Write;
use std::process::ExitCode;

use apiscope_audit::detect::{Kind, kind_named, kinds};

use super::ask::AgentArg;
use super::{endpoints, finding, next, output};
use crate::config::form::show_duration;
use crate::config::mistake::suggestion;
use crate::trouble::Trouble;
use crate::view::{Board, terminal_safe};

/// Says what a kind of finding means, what is behind one finding, or why an endpoint has its template.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  apiscope explain                          all kinds
  apiscope explain cleartext-credential     a kind
  apiscope explain 5b1e0c44                 a finding, by the first digits of the ID that `apiscope findings` shows
  apiscope explain ee09492ae4bfcd2f         an endpoint, by the ID that `apiscope endpoints -o json` shows")]
pub(crate) struct Args {
    /// A kind, or the ID of a finding or an endpoint
    #[arg(value_name = "KIND|ID")]
    what: Option<String>,
    #[command(flatten)]
    agent: AgentArg,
    /// A finding or an endpoint as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let Some(what) = &args.what else {
        for kind in kinds() {
            writeln!(out, "{:24} {}", kind.name, kind.summary)?;
        }
        next("apiscope explain KIND");
        return Ok(ExitCode::SUCCESS);
    };
    if let Some(kind) = kind_named(what) {
        out.write_all(about(kind).as_bytes())?;
        next(&format!("apiscope findings --kind {}", kind.name));
        return Ok(ExitCode::SUCCESS);
    }
    let is_id = (4..=16).contains(&what.len()) && what.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_id {
        return Err(unknown(what).into());
    }
    let Some(finding) = args.agent.finding(what)? else { return endpoint(args, what, &mut out) };
    if args.json {
        output::object(&mut out, &finding)?;
        return Ok(ExitCode::SUCCESS);
    }
    let apis = args.agent.list("/v1/apis", Board::apis)?;
    let coverage = apis.iter().find(|api| api.api == finding.api).map(|api| &api.coverage);
    let resolve_after = show_duration(args.agent.loaded().resolve_after);
    drop(out);
    finding::show(&finding::story(&finding, coverage, &resolve_after))?;
    next(&format!("apiscope findings {}; apiscope ack {}; apiscope accept --help", finding.id, finding.id));
    Ok(ExitCode::SUCCESS)
}

/// An endpoint has an ID like a finding.
fn endpoint(args: &Args, what: &str, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let rows = args.agent.list("/v1/endpoints", Board::endpoints)?;
    let Some(row) = rows.iter().find(|row| row.id == what) else { return Err(unknown(what).into()) };
    if args.json {
        output::object(out, row)?;
    } else {
        let text = endpoints::story(row);
        text.lines().try_for_each(|line| writeln!(out, "{}", terminal_safe(line)))?;
    }
    next("[[api]] templates and literal in the configuration, where a template should be another");
    Ok(ExitCode::SUCCESS)
}

fn unknown(what: &str) -> Trouble {
    let todo = match suggestion(what, kinds().iter().map(|kind| kind.name)) {
        Some(kind) => format!("did you mean {kind}? `apiscope explain` alone lists all kinds"),
        None => "`apiscope explain` alone lists all kinds, `apiscope findings --all` all findings".to_owned(),
    };
    Trouble::new(
        format!("{what:?} is neither a kind of finding nor the ID of a finding or an endpoint that is known here"),
        todo,
    )
}

fn about(kind: &Kind) -> String {
    let mut text = format!("{}: {}\n", kind.name, kind.summary);
    let _ =
        writeln!(text, "class: OWASP {} ({}), CWE-{} ({})", kind.owasp, kind.owasp_title(), kind.cwe, kind.cwe_title);
    let _ = writeln!(text, "\nwhy it matters\n  {}\n\nwhat to do", kind.why);
    steps(&mut text, kind.what_to_do.iter().copied());
    let _ =
        writeln!(text, "\nuntil it is mended (narrowest: {})\n  {}", kind.containment.scope(), kind.containment.text());
    text
}

pub(crate) fn steps<'s>(text: &mut String, steps: impl Iterator<Item = &'s str>) {
    for (number, step) in steps.enumerate() {
        let _ = writeln!(text, "  {}. {step}", number + 1);
    }
}
