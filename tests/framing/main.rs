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

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use cases::Case;
use judge::{Talk, Verdict};
use recorder::Taken;
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

/// Added to a case's number for its second connection.
const AGAIN: usize = 30_000;

/// The issue asks for so many.
const CASES_MIN: usize = 2000;

/// So many disagreements are shown in full.
const SHOWN: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_and_wire_read_the_same() {
    let cases = Arc::new(cases::all());
    assert!(cases.len() >= CASES_MIN, "{} cases", cases.len());
    let only = std::env::var("FRAMING_SERVER").ok();
    let mut table = format!(
        "{:<12}{:>7}{:>8}{:>9}{:>11}{:>6}{:>8}\n",
        "server", "cases", "agree", "refused", "ambiguous", "less", "silent"
    );
    let mut wrong = 0;
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
        let silent = judge_all(&server, &cases, &talks, &mut table);
        for text in silent.iter().take(SHOWN) {
            eprintln!("{text}");
        }
        wrong += silent.len();
    }
    eprintln!("\n{table}");
    assert_eq!(wrong, 0, "silent disagreements");
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
    let silent = |talk: &&mut Talk| matches!(verdict(server, talk, &taken), Verdict::Silent(_));
    for (n, again) in talks.iter_mut().enumerate().filter(|(_, talk)| silent(talk)).take(SHOWN) {
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

/// Adds a row to the table; gives the disagreements.
fn judge_all(server: &servers::Server, cases: &[Case], talks: &[Talk], table: &mut String) -> Vec<String> {
    let taken = server.taken();
    let (mut agree, mut refused, mut ambiguous, mut less) = (0, 0, 0, 0);
    let mut silent = Vec::new();
    for (case, talk) in cases.iter().zip(talks) {
        match verdict(server, talk, &taken) {
            Verdict::Agrees => agree += 1,
            Verdict::Refused => refused += 1,
            Verdict::Ambiguous => ambiguous += 1,
            Verdict::Less => less += 1,
            Verdict::Silent(why) => silent.push(format!(
                "{}: {}\n  {why}\n  > {}\n  < {}\n  the server took {:?}",
                server.name,
                case.name,
                talk.sent.escape_ascii(),
                talk.answered.escape_ascii(),
                taken.get(&talk.client)
            )),
        }
    }
    let row = format!(
        "{:<12}{:>7}{agree:>8}{refused:>9}{ambiguous:>11}{less:>6}{:>8}\n",
        server.name,
        cases.len(),
        silent.len()
    );
    table.push_str(&row);
    silent
}

/// The worst of some ways in which the bytes may arrive.
fn verdict(server: &servers::Server, talk: &Talk, taken: &HashMap<IpAddr, Vec<Taken>>) -> Verdict {
    let taken = taken.get(&talk.client).map_or(&[][..], Vec::as_slice);
    let [whole, bytes, pieces] =
        [usize::MAX, 1, 7].map(|piece| judge::read(talk, server.address, piece.min(talk.sent.len())).judge(taken));
    [bytes, pieces].into_iter().find(|verdict| matches!(verdict, Verdict::Silent(_))).unwrap_or(whole)
}
