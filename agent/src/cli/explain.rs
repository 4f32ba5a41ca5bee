//! `apiscope explain`: a kind of finding, one finding, or one endpoint, in plain words.

use std::fmt::Write as _;
use std::io::Write;
use std::process::ExitCode;

use apiscope_audit::FindingId;
use apiscope_audit::detect::{Kind, kind_named, kinds};

use super::ask::AgentArg;
use super::{endpoints, next, output, table};
use crate::config::mistake::suggestion;
use crate::control::client::AskError;
use crate::trouble::Trouble;
use crate::view::{Board, FindingView, terminal_safe};

/// Says what a kind of finding means, what is behind one finding, or why an endpoint has its template.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  apiscope explain                          all kinds
  apiscope explain cleartext-credential     a kind
  apiscope explain 5b1e0c44a17f2d93         a finding, by the ID that `apiscope findings` shows
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
    let Some(id) = FindingId::parse(what) else { return Err(unknown(what).into()) };
    let Some(finding) = find(&args.agent, id)? else { return endpoint(args, what, &mut out) };
    if args.json {
        output::object(&mut out, &finding)?;
    } else {
        let text = story(&finding);
        text.lines().try_for_each(|line| writeln!(out, "{}", terminal_safe(line)))?;
    }
    next(&format!("apiscope findings --api {:?}", finding.api));
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

fn find(agent: &AgentArg, id: FindingId) -> anyhow::Result<Option<FindingView>> {
    match agent.client()?.ask(&format!("/v1/findings/{id}")) {
        Err(AskError::NotRunning(trouble)) => match agent.stored(&trouble)? {
            Some(board) => Ok(board.finding_view(id)),
            None => Err(AskError::NotRunning(trouble).into()),
        },
        answer => Ok(answer?),
    }
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

/// The fields that on-call needs, in the order in which they are asked for.
fn story(finding: &FindingView) -> String {
    let mut text = format!("{} {} of {}: {}\n", finding.method, finding.route, finding.api, finding.summary);
    let _ = writeln!(text, "severity: {} ({})", finding.severity, finding.because);
    let state = match &finding.resolved {
        Some(at) => format!("{} since {}", finding.status, table::time(at)),
        None => finding.status.clone(),
    };
    let _ = writeln!(
        text,
        "{state}; first seen {} UTC, last {} UTC; {} of {} calls",
        table::time(&finding.first),
        table::time(&finding.last),
        finding.count,
        finding.calls
    );
    let more = if finding.consumers_more { " and others" } else { "" };
    let _ = writeln!(text, "callers: {}{more}", list(&finding.consumers));
    text.push_str("\nevidence (redacted)\n");
    for evidence in &finding.evidence {
        let _ = writeln!(
            text,
            "  {} UTC  call {}  {}  {}",
            table::time(&evidence.at),
            evidence.call,
            evidence.consumer,
            evidence.what
        );
    }
    let _ = writeln!(
        text,
        "\nwhy it matters (OWASP {} {}, CWE-{} {})\n  {}\n\nwhat to do",
        finding.owasp, finding.owasp_title, finding.cwe, finding.cwe_title, finding.why
    );
    steps(&mut text, finding.what_to_do.iter().map(String::as_str));
    let contain = &finding.containment;
    let _ = writeln!(text, "\nuntil it is mended (narrowest: {})\n  {}", contain.scope, contain.text);
    text
}

fn list(items: &[String]) -> String {
    if items.is_empty() { "unknown".to_owned() } else { items.join(", ") }
}

fn steps<'s>(text: &mut String, steps: impl Iterator<Item = &'s str>) {
    for (number, step) in steps.enumerate() {
        let _ = writeln!(text, "  {}. {step}", number + 1);
    }
}
