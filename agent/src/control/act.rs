//! What people say about findings, on its way from a command to the ledger and back. The wire's form is here, and nowhere else.

use apiscope_audit::exchange::ApiId;
use apiscope_audit::ledger::{Act, Choice, Command, Decision, Done, Matcher, Refusal, Said};
use apiscope_audit::{FindingId, Severity};
use apiscope_wire::Timestamp;
use serde::{Deserialize, Serialize};

use crate::run::Agent;
use crate::trouble::Trouble;
use crate::view::{DecisionView, SCHEMA, SilenceView};

/// What is wanted, and by whom.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// Who says it; without it the user who opened the connection.
    pub by: Option<String>,
    /// What.
    pub wish: Wish,
}

/// What is wanted. Times are nanoseconds since the epoch; findings are meant by the beginning of their id.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Wish {
    /// `ack`.
    Acknowledge {
        /// The finding.
        finding: String,
        /// Until when.
        until: u64,
        /// For the others.
        note: Option<String>,
    },
    /// `accept`.
    Accept {
        /// The finding.
        finding: String,
        /// Until when.
        until: u64,
        /// Why.
        reason: String,
        /// The worst that is accepted.
        up_to: Option<String>,
    },
    /// `ack --undo`, `accept --undo`.
    Withdraw {
        /// The finding.
        finding: String,
        /// acknowledged, accepted, baseline.
        choice: String,
    },
    /// `silence`.
    Silence {
        /// A kind.
        kind: Option<String>,
        /// An API, with `*`.
        api: Option<String>,
        /// An endpoint, with `*`.
        endpoint: Option<String>,
        /// Until when.
        until: u64,
        /// Why.
        reason: String,
    },
    /// `silence --end`.
    EndSilence {
        /// Its id, or the beginning of it.
        silence: String,
    },
    /// `baseline`.
    Baseline {
        /// One API.
        api: Option<String>,
        /// Until when.
        until: u64,
    },
    /// `baseline --undo`.
    UndoBaseline {
        /// One API.
        api: Option<String>,
    },
    /// `learning --end`.
    EndLearning {
        /// One API.
        api: Option<String>,
    },
}

/// What was done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reply {
    /// The schema's version.
    pub schema: u32,
    /// In words.
    pub did: Vec<String>,
    /// Decisions that were made or taken back.
    pub decisions: Vec<DecisionView>,
    /// Silences that were made or ended.
    pub silences: Vec<SilenceView>,
    /// APIs whose first days were ended.
    pub learnt: Vec<String>,
    /// Whether it reached the disk. If not, it is lost when the agent stops now.
    pub durable: bool,
}

/// Why nothing was done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refused {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub todo: String,
}

impl Refused {
    pub(super) fn new(what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { what: what.into(), todo: todo.into() }
    }
}

impl From<Refused> for Trouble {
    fn from(refused: Refused) -> Self {
        Self::new(refused.what, refused.todo)
    }
}

/// Does what is wanted. `peer` is the user who opened the connection.
pub(super) async fn act(agent: &Agent, peer: &str, request: Request) -> Result<Reply, Refused> {
    let by = said(&author(peer, request.by.as_deref()), "a name")?;
    let act = read(agent, request.wish)?;
    let at = agent.store.now();
    let done = agent.say(Command { at, by, act }).await;
    let done = done.ok_or_else(|| Refused::new("the agent is starting or stopping", "try again in a moment"))?;
    let done = done.map_err(|refusal| refused(&refusal))?;
    let durable = agent.store.settled().await.is_ok() && agent.store.status().durable;
    Ok(reply(agent, done, at, durable))
}

/// The finding whose id begins so.
pub(super) fn finding(agent: &Agent, prefix: &str) -> Result<FindingId, Refused> {
    const PREFIX_MIN: usize = 4;
    const LIST: &str = "`apiscope findings --all` lists all findings";
    let prefix = prefix.to_ascii_lowercase();
    if prefix.len() < PREFIX_MIN || prefix.len() > 16 || !prefix.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let what = format!("{prefix:?} is not the beginning of a finding's id: that is {PREFIX_MIN} to 16 hex digits");
        return Err(Refused::new(what, LIST));
    }
    let board = agent.board();
    match board.candidates(&prefix).as_slice() {
        [] => Err(Refused::new(format!("no finding's id begins with {prefix}"), LIST)),
        [one] => Ok(*one),
        several => {
            let line = |id: &FindingId| match board.finding_view(*id) {
                Some(row) => {
                    format!("\n  {id}  {} {} of {} {} {}", row.severity, row.kind, row.api, row.method, row.route)
                }
                None => format!("\n  {id}  (no longer known)"),
            };
            let lines: String = several.iter().map(line).collect();
            Err(Refused::new(format!("several findings' ids begin with {prefix}:{lines}"), "give more of the id"))
        }
    }
}

/// Under the name that was given, and always with the user who really did it.
fn author(peer: &str, by: Option<&str>) -> String {
    match by.map(str::trim) {
        Some(by) if !by.is_empty() && by != peer => format!("{by} (user {peer})"),
        _ => peer.to_owned(),
    }
}

fn said(text: &str, noun: &str) -> Result<Said, Refused> {
    let refuse = || Refused::new(format!("{noun} is one line of 1 to {} bytes", Said::LENGTH_MAX), "write it shorter");
    Said::new(text).ok_or_else(refuse)
}

fn read(agent: &Agent, wish: Wish) -> Result<Act, Refused> {
    let api = |name: Option<String>| name.map(|name| ApiId::new(&name));
    let part = |text: Option<String>| text.map(Into::into);
    let time = Timestamp::from_nanos;
    Ok(match wish {
        Wish::Acknowledge { finding: id, until, note } => {
            let note = note.map(|note| said(&note, "a note")).transpose()?;
            Act::Acknowledge { finding: finding(agent, &id)?, until: time(until), note }
        }
        Wish::Accept { finding: id, until, reason, up_to } => {
            let up_to = up_to.as_deref().and_then(Severity::from_name);
            Act::Accept { finding: finding(agent, &id)?, until: time(until), reason: said(&reason, "a reason")?, up_to }
        }
        Wish::Withdraw { finding: id, choice } => {
            let choice = Choice::from_name(&choice).unwrap_or(Choice::Accepted);
            Act::Withdraw { finding: finding(agent, &id)?, choice }
        }
        Wish::Silence { kind, api, endpoint, until, reason } => Act::Silence {
            matcher: Matcher { kind: part(kind), api: part(api), endpoint: part(endpoint) },
            until: time(until),
            reason: said(&reason, "a reason")?,
        },
        Wish::EndSilence { silence: prefix } => Act::EndSilence { id: silence(agent, &prefix)? },
        Wish::Baseline { api: name, until } => Act::Baseline { api: api(name), until: time(until) },
        Wish::UndoBaseline { api: name } => Act::UndoBaseline { api: api(name) },
        Wish::EndLearning { api: name } => Act::EndLearning { api: api(name) },
    })
}

fn silence(agent: &Agent, prefix: &str) -> Result<u32, Refused> {
    let all = agent.board().silences(agent.store.now());
    let ids: Vec<&str> = all.iter().map(|row| row.id.as_str()).filter(|id| id.starts_with(prefix)).collect();
    let id = match ids.as_slice() {
        [one] => u32::from_str_radix(one, 16).ok(),
        _ => None,
    };
    id.ok_or_else(|| {
        let what = if ids.is_empty() {
            format!("no silence {prefix}")
        } else {
            format!("several silences: {}", ids.join(", "))
        };
        Refused::new(what, "`apiscope silences` lists those in force")
    })
}

fn refused(refusal: &Refusal) -> Refused {
    let todo = match refusal {
        Refusal::UnknownFinding => {
            "`apiscope findings --all` lists all findings; `--undo` works for those that are no longer known"
        }
        Refusal::Resolved => "nothing to do; `apiscope accept` keeps it quiet when it opens again",
        Refusal::IsQuiet(_) => "`apiscope findings ID` shows by whom and until when; `--undo` takes that back",
        Refusal::Late | Refusal::TooLong(_) => "give another end with --for or --until",
        Refusal::TooMany(_) => "take some back first: `apiscope acceptances`, `apiscope silences`",
        Refusal::NotDecided(_) => "`apiscope acceptances` lists what was decided",
        Refusal::UnknownSilence => "`apiscope silences` lists those in force",
        Refusal::UnknownApi => "`apiscope apis` lists them",
        Refusal::NotLearning => "nothing to do",
    };
    Refused::new(refusal.to_string(), todo)
}

fn reply(agent: &Agent, done: Done, at: Timestamp, durable: bool) -> Reply {
    let mut reply = Reply {
        schema: SCHEMA,
        did: Vec::new(),
        decisions: Vec::new(),
        silences: Vec::new(),
        learnt: Vec::new(),
        durable,
    };
    let board = agent.board();
    let view = |decision: &Decision| board.decision_view(decision, at);
    match done {
        Done::Decided { decision, before } => {
            let instead = before.map_or_else(String::new, |before| format!(" (it was {})", before.name()));
            reply.did.push(format!("{} until {}{instead}", decision.choice.name(), shown(decision.until)));
            reply.decisions.push(view(&decision));
        }
        Done::Withdrawn(decision) => {
            reply.did.push(format!("no longer {}", decision.choice.name()));
            reply.decisions.push(view(&decision));
        }
        Done::Silenced { silence, matching } => {
            let id = format!("{:08x}", silence.id);
            reply
                .did
                .push(format!("silence {id} until {}: it matches {matching} open findings now", shown(silence.until)));
            reply.silences.push(SilenceView::of(&silence, matching));
        }
        Done::SilenceEnded(silence) => {
            reply.did.push(format!("silence {:08x} is ended: what it matched is told again", silence.id));
            reply.silences.push(SilenceView::of(&silence, 0));
        }
        Done::Baseline { taken, already, accepted, learnt } => {
            reply.did.push(format!(
                "baseline: {} open findings taken, {already} were in it, {accepted} are accepted and left so",
                taken.len()
            ));
            reply.decisions = taken.iter().map(view).collect();
            reply.learnt = learnt.iter().map(ToString::to_string).collect();
        }
        Done::BaselineUndone(gone) => {
            reply.did.push(format!("{} findings are no longer of the baseline: they are told again", gone.len()));
            reply.decisions = gone.iter().map(view).collect();
        }
        Done::LearningEnded(apis) => reply.learnt = apis.iter().map(ToString::to_string).collect(),
    }
    drop(board);
    if !reply.learnt.is_empty() {
        reply
            .did
            .push(format!("learning has ended for {}: everything new is told from now on", reply.learnt.join(", ")));
    }
    reply
}

/// To the minute.
fn shown(at: Timestamp) -> String {
    let text = crate::view::rfc3339(at);
    text.get(..16).map_or_else(|| text.clone(), |minute| format!("{} UTC", minute.replace('T', " ")))
}
