//! wire beside real servers: what they read of odd framing, wire reads too, or says that it is ambiguous.
//!
//! Every case of [`cases`] is sent to every server of [`servers`] on a connection of its own. What went over the
//! connection is given to wire; what the server read is known from an application inside or behind it. No BPF, no root.
//! Entry: [`servers_and_wire_read_the_same`]. `FRAMING_SERVER=nginx` runs one server only.

#[path = "../support/mod.rs"]
mod support;

mod cases;
mod judge;
mod recorder;
mod servers;
mod summary;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use cases::Case;
use judge::{Match, Talk};
use recorder::Taken;
use summary::{Summary, Verdict};
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

/// The issue asks for so many.
const CASES_MIN: usize = 2000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_and_wire_read_the_same() {
    let cases = Arc::new(cases::all());
    assert!(cases.len() >= CASES_MIN, "{} cases", cases.len());
    let only = std::env::var("FRAMING_SERVER").ok();
    let mut summary = Summary::new(cases.len());
    for plan in &servers::PLANS {
        if only.as_deref().is_some_and(|only| !plan.name.starts_with(only)) {
            continue;
        }
        if !plan.is_installed() {
            let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
            assert!(!in_ci, "{} must run in CI, but it is not installed: run cargo xtask setup", plan.name);
            eprintln!("\n*** SKIPPED {}: it is not installed: run cargo xtask setup ***\n", plan.name);
            continue;
        }
        let server = plan.start().await;
        let mut talks = talk_all(server.address, &cases).await;
        talk_again(&server, &cases, &mut talks).await;
        let taken = server.taken();
        let verdicts = cases.iter().zip(&talks).map(|(case, talk)| verdict(&server, case, talk, &taken)).collect();
        summary.add(plan.name, verdicts);
    }
    summary.tell(&cases);
    if only.is_none() {
        summary.check(&cases);
    }
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
    let silent = |(n, talk): &(usize, &mut Talk)| verdict(server, &cases[*n], talk, &taken).is_silent();
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

fn verdict(server: &servers::Server, case: &Case, talk: &Talk, taken: &HashMap<IpAddr, Vec<Taken>>) -> Verdict {
    let taken = taken.get(&talk.client).map_or(&[][..], Vec::as_slice);
    let [whole, bytes, pieces] =
        [usize::MAX, 1, 7].map(|piece| judge::read(talk, server.address, piece.min(talk.sent.len())));
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
    Verdict { matches, kinds, sent: talk.sent.clone(), answered: talk.answered.clone(), taken: taken.to_vec() }
}
