//! wire beside real servers and clients: what they read of odd framing, wire reads too, or says that it is ambiguous.
//!
//! Every case of [`cases`] is sent to every server of [`servers`] on a connection of its own. What went over the
//! connection is given to wire; what the server read is known from an application inside or behind it. No BPF, no root.
//! Every answer of [`answers`] is likewise given to every client of [`clients`], proxies among them.
//! Entry: [`servers_and_wire_read_the_same`], [`clients_and_wire_read_the_same`]. `FRAMING_PEER=nginx` runs one peer only.

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod cases;
mod clients;
mod feed;
mod judge;
mod origin;
mod recorder;
mod replies;
mod servers;
mod summary;
mod tables;

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use answers::Answer;
use cases::Case;
use clients::{Client, Got};
use judge::{Match, Talk};
use recorder::Taken;
use summary::{Named, Summary, Verdict};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Connections at a time.
const AT_ONCE: usize = 40;

/// Without an answer for so long, the server waits for more: the client ends its side.
const IDLE: Duration = Duration::from_millis(120);

/// After that, so long for what still comes.
const END: Duration = Duration::from_millis(400);

/// The same for the connections of [`talk_again`].
const IDLE_AGAIN: Duration = Duration::from_secs(2);

/// So many connections are made again.
const AGAIN_MAX: usize = 40;

/// Added to a case's number for its second connection.
const AGAIN: usize = 30_000;

/// Servers at a time: they mostly wait for more.
const PEERS_AT_ONCE: usize = 3;

/// The issue asks for so many.
const CASES_MIN: usize = 2000;
const ANSWERS_MIN: usize = 300;

/// So many may be called ambiguous needlessly, see [`Summary`].
const NEEDLESS_MAX: usize = 20;
const NEEDLESS_ANSWERS_MAX: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_and_wire_read_the_same() {
    let cases = Arc::new(cases::all());
    assert!(cases.len() >= CASES_MIN, "{} cases", cases.len());
    let names = cases.iter().map(|case| Named { name: &case.name, plain: case.plain }).collect();
    let mut summary = Summary::new(names, NEEDLESS_MAX);
    let slots = Arc::new(Semaphore::new(PEERS_AT_ONCE));
    let mut running = JoinSet::new();
    for (n, plan) in servers::PLANS.iter().enumerate() {
        if is_wanted(plan.name) && is_there(plan.name, plan.is_installed()) {
            let (slots, cases) = (Arc::clone(&slots), Arc::clone(&cases));
            running.spawn(async move {
                let _slot = slots.acquire_owned().await.expect("it is never closed");
                let server = plan.start().await;
                let mut talks = talk_all(server.address, &cases).await;
                talk_again(&server, &cases, &mut talks).await;
                let taken = server.taken();
                let verdicts: Vec<_> =
                    cases.iter().zip(&talks).map(|(case, talk)| verdict(case, talk, &taken)).collect();
                (n, plan.name, verdicts)
            });
        }
    }
    let mut done = running.join_all().await;
    done.sort_by_key(|(n, ..)| *n);
    for (_, name, verdicts) in done {
        summary.add(name, verdicts);
    }
    summary.tell();
    summary.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_and_wire_read_the_same() {
    let answers = Arc::new(answers::all());
    assert!(answers.len() >= ANSWERS_MIN, "{} answers", answers.len());
    let origin = origin::serve(Arc::clone(&answers)).await;
    let names = answers.iter().map(|answer| Named { name: &answer.name, plain: answer.plain }).collect();
    let mut summary = Summary::new(names, NEEDLESS_ANSWERS_MAX);
    let mut explained = BTreeSet::new();
    let mut add = |name, got: Vec<Got>| {
        let verdicts = answers.iter().zip(&got).map(|(answer, got)| {
            let mut verdict = reply(answer, got);
            let known = answers::EXPLAINED.iter().position(|(peer, of, _)| *peer == name && of(answer));
            if let Some(known) = known.filter(|_| verdict.is_silent()) {
                explained.insert(known);
                verdict.matches = Match::Own;
            }
            verdict
        });
        summary.add(name, verdicts.collect());
    };
    if is_wanted("hyper") {
        add("hyper", clients::hyper(origin, &answers, false).await);
    }
    let wanted = clients::CLIENTS.iter().filter(|one| is_wanted(one.name) && is_there(one.name, one.is_installed()));
    let ask = |client: &'static Client| {
        let answers = Arc::clone(&answers);
        (client.name, tokio::task::spawn_blocking(move || client.ask(origin, &answers)))
    };
    let asking: Vec<_> = wanted.map(ask).collect();
    for (name, got) in asking {
        add(name, got.await.expect("it does not panic"));
    }
    for plan in servers::PLANS.iter().filter(|plan| plan.is_proxy() && is_wanted(plan.name)) {
        if is_there(plan.name, plan.is_installed()) {
            let proxy = plan.start_before(origin, recorder::Log::default());
            add(plan.name, clients::hyper(proxy.address, &answers, true).await);
        }
    }
    summary.tell();
    summary.check();
    let stale =
        (0..answers::EXPLAINED.len()).filter(|n| !explained.contains(n) && std::env::var("FRAMING_PEER").is_err());
    let stale: Vec<_> = stale.map(|n| answers::EXPLAINED[n].2).collect();
    assert!(stale.is_empty(), "no longer so: {stale:?}");
}

fn is_wanted(peer: &str) -> bool {
    std::env::var("FRAMING_PEER").map_or(true, |only| peer.starts_with(&only))
}

/// Whether a peer can run. In CI it must; elsewhere its absence is told.
fn is_there(peer: &str, is_installed: bool) -> bool {
    if !is_installed {
        let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!in_ci, "{peer} must run in CI, but it is not installed: run cargo xtask setup");
        eprintln!("\n*** SKIPPED {peer}: it is not installed: run cargo xtask setup ***\n");
    }
    is_installed
}

fn reply(answer: &Answer, got: &Got) -> Verdict {
    let [whole, bytes, pieces] = [usize::MAX, 1, 7].map(|n| replies::read(answer, n.min(answer.bytes.len()).max(1)));
    let mut matches = whole.compare(got);
    let mut kinds = whole.kinds.clone();
    if let Some(other) = [bytes, pieces].iter().find(|other| whole != **other) {
        matches = Match::Differs(format!("in pieces it is read otherwise: {whole:?} and {other:?}"));
        kinds.clear();
    }
    if !whole.is_of(answer.kinds) {
        matches = Match::Differs(format!("of the wrong kind: {kinds:?}"));
        kinds.clear();
    }
    Verdict { matches, kinds, shown: String::new() }
}

/// The client's address of a case: it tells the connections apart.
fn client(case: usize) -> IpAddr {
    let (high, low) = (u8::try_from(case / 250).expect("few cases"), u8::try_from(case % 250).expect("below 250"));
    Ipv4Addr::new(127, 1, high, low + 1).into()
}

async fn talk_all(server: SocketAddr, cases: &Arc<Vec<Case>>) -> Vec<Talk> {
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    for n in 0..cases.len() {
        let slot = Arc::clone(&slots).acquire_owned().await.expect("it is never closed");
        let cases = Arc::clone(cases);
        running.spawn(async move {
            let talk = talk(server, client(n), &cases[n].bytes, IDLE).await;
            drop(slot);
            (n, talk)
        });
    }
    let mut talks = running.join_all().await;
    talks.sort_by_key(|(n, _)| *n);
    // For what the server has still to log.
    tokio::time::sleep(END).await;
    talks.into_iter().map(|(_, talk)| talk).collect()
}

/// A busy machine answers late, and some servers drop what they have not answered when the client ends its side: what seems
/// a disagreement is tried once more, alone and with patience. A true one stays.
async fn talk_again(server: &servers::Server, cases: &[Case], talks: &mut [Talk]) {
    let taken = server.taken();
    let silent = |(n, talk): &(usize, &mut Talk)| verdict(&cases[*n], talk, &taken).is_silent();
    for (n, again) in talks.iter_mut().enumerate().filter(silent).take(AGAIN_MAX) {
        *again = talk(server.address, client(AGAIN + n), &cases[n].bytes, IDLE_AGAIN).await;
    }
    tokio::time::sleep(END).await;
}

async fn talk(server: SocketAddr, client: IpAddr, bytes: &[u8], idle: Duration) -> Talk {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::new(client, 0)).expect("all of 127/8 is this host's");
    let mut stream = socket.connect(server).await.expect("the server listens");
    // A server may have closed before all is written: then that is the answer.
    let _ = stream.write_all(bytes).await;
    let mut answered = Vec::new();
    let mut server_closed = false;
    for limit in [idle, END] {
        while !server_closed {
            let Ok(read) = tokio::time::timeout(limit, stream.read_buf(&mut answered)).await else { break };
            server_closed = !matches!(read, Ok(1..));
        }
        if server_closed {
            break;
        }
        let _ = stream.shutdown().await;
    }
    Talk { client, sent: bytes.to_vec(), answered, server_closed }
}

fn verdict(case: &Case, talk: &Talk, taken: &HashMap<IpAddr, Vec<Taken>>) -> Verdict {
    let taken = taken.get(&talk.client).map_or(&[][..], Vec::as_slice);
    let [whole, bytes, pieces] = [usize::MAX, 1, 7].map(|piece| judge::read(talk, piece.min(talk.sent.len())));
    let mut matches = whole.compare(taken, talk.server_closed);
    let mut kinds = whole.kinds.clone();
    if let Some(other) = [bytes, pieces].iter().find(|other| !whole.is_same(other)) {
        matches = Match::Differs(format!("in pieces it is read otherwise: {whole:?} and {other:?}"));
        kinds.clear();
    }
    if !whole.is_of(case.kinds) {
        matches = Match::Differs(format!("of the wrong kind: {kinds:?}"));
        kinds.clear();
    }
    let shown = || {
        let (sent, answered) = (talk.sent.escape_ascii(), talk.answered.escape_ascii());
        format!("  > {sent}\n  < {answered}\n  the server took {taken:?}")
    };
    let shown = if kinds.is_empty() && matches!(matches, Match::Differs(_)) { shown() } else { String::new() };
    Verdict { matches, kinds, shown }
}
