//! The clients: programs and proxies that ask [`super::origin`] for every answer, and what they make of it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::answers::Answer;
use super::recorder::unhex;
use super::support::run;

/// What a client made of an answer: status and content; nothing if it refused it or got it only in part.
pub(crate) type Got = Option<(u16, Vec<u8>)>;

/// Requests at a time.
const AT_ONCE: usize = 20;

/// Longer no client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A program that asks for every answer and prints `number status hex(content)`, or `number -`.
pub(crate) struct Client {
    pub(crate) name: &'static str,
    pub(crate) program: &'static str,
    command: fn(&Path, SocketAddr, &[(usize, &str)]) -> Command,
}

pub(crate) static CLIENTS: [Client; 4] = [
    Client { name: "curl", program: "curl", command: curl },
    Client { name: "python", program: "python3", command: python },
    Client { name: "node", program: "node", command: node },
    Client { name: "undici", program: "node", command: undici },
];

impl Client {
    pub(crate) fn is_installed(&self) -> bool {
        let found = Command::new("which").arg(self.program).stdout(Stdio::null()).status();
        found.is_ok_and(|status| status.success())
    }

    /// Asks for all of them; for what was not got a second time: it may have been asked for on a connection that just ended.
    pub(crate) fn ask(&self, origin: SocketAddr, answers: &[Answer]) -> Vec<Got> {
        let all: Vec<_> = answers.iter().map(|answer| answer.method).enumerate().collect();
        let mut got = self.ask_for(origin, all.clone());
        let again = all.into_iter().filter(|(n, _)| got.get(n).is_none_or(Option::is_none)).collect();
        got.extend(self.ask_for(origin, again));
        (0..answers.len()).map(|n| got.remove(&n).expect("all were asked for")).collect()
    }

    /// Some faults end curl: then it is started again behind them.
    fn ask_for(&self, origin: SocketAddr, mut left: Vec<(usize, &'static str)>) -> HashMap<usize, Got> {
        let mut got: HashMap<usize, Got> = HashMap::new();
        while let Some((first, _)) = left.first().copied() {
            let told = self.run(origin, &left);
            if told.is_empty() {
                got.insert(first, None);
            }
            got.extend(told);
            left.retain(|(n, _)| !got.contains_key(n));
        }
        got
    }

    fn run(&self, origin: SocketAddr, asked: &[(usize, &str)]) -> HashMap<usize, Got> {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let mut command = (self.command)(folder.path(), origin, asked);
        command.current_dir(folder.path()).env("HOME", folder.path()).stderr(Stdio::null());
        let told = run(&mut command);
        let told = told.lines().map(|line| {
            let mut words = line.split(' ');
            let number = words.next().and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("{line:?}"));
            let status = words.next().unwrap_or_default().parse().ok();
            let content = match words.next() {
                Some("file") => std::fs::read(folder.path().join(format!("{number}"))).unwrap_or_default(),
                word => unhex(word.unwrap_or_default()),
            };
            (number, status.map(|status| (status, content)))
        });
        told.collect()
    }
}

/// hyper in this process; through a proxy, if `server` is one. What the proxy answers itself is its refusal.
pub(crate) async fn hyper(server: SocketAddr, answers: &Arc<Vec<Answer>>, is_proxy: bool) -> Vec<Got> {
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    for n in 0..answers.len() {
        let slot = Arc::clone(&slots).acquire_owned().await.expect("it is never closed");
        let method = answers[n].method;
        running.spawn(async move {
            let got = tokio::time::timeout(PATIENCE, fetch(server, method, n)).await.ok().and_then(Result::ok);
            drop(slot);
            (n, got.filter(|(status, _)| !is_proxy || !matches!(status, 502..=504)))
        });
    }
    let mut got = running.join_all().await;
    got.sort_by_key(|(n, _)| *n);
    got.into_iter().map(|(_, got)| got).collect()
}

async fn fetch(
    server: SocketAddr,
    method: &str,
    n: usize,
) -> Result<(u16, Vec<u8>), Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(server).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request =
        Request::builder().method(method).uri(format!("/{n}")).header("Host", "a").body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await?;
    Ok((status, body.to_bytes().to_vec()))
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("the file can be written");
}

/// The numbers and methods, for the scripts.
fn list(folder: &Path, asked: &[(usize, &str)]) {
    let lines: Vec<_> = asked.iter().map(|(n, method)| format!("{n} {method}\n")).collect();
    write(folder, "list", &lines.concat());
}

fn curl(folder: &Path, origin: SocketAddr, asked: &[(usize, &str)]) -> Command {
    let transfers: Vec<_> = asked
        .iter()
        .map(|(n, method)| {
            // Of HEAD curl writes the head as content.
            let (head, content) = if *method == "HEAD" { ("head\n", "") } else { ("", " file") };
            let told = format!("{n} %{{exitcode}}:%{{http_code}}{content}\\n");
            format!("url = http://{origin}/{n}\noutput = {n}\n{head}write-out = \"{told}\"\nsilent\n")
        })
        .collect();
    write(folder, "config", &transfers.join("next\n"));
    let mut command = Command::new("sh");
    command.args(["-c", "{ curl --config config; exit 0; } | sed 's/ 0:/ /; s/ [0-9]*:[0-9]*.*/ -/'"]);
    command
}

fn python(folder: &Path, origin: SocketAddr, asked: &[(usize, &str)]) -> Command {
    list(folder, asked);
    let script = r#"
import http.client, sys
for line in open("list"):
    n, method = line.split()
    try:
        connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=5)
        connection.request(method, "/" + n)
        answer = connection.getresponse()
        print(n, answer.status, answer.read().hex())
    except Exception:
        print(n, "-")
    connection.close()
"#;
    write(folder, "client.py", script);
    let mut command = Command::new("python3");
    command.args(["client.py", &origin.port().to_string()]);
    command
}

/// What both of node's clients share: `ask` gives status and content.
const NODE: &str = r"
const list = require('fs').readFileSync('list', 'latin1').trim().split('\n');
const each = async () => {
  while (list.length) {
    const [n, method] = list.shift().split(' ');
    try {
      const [status, content] = await ask(n, method);
      console.log(`${n} ${status} ${content.toString('hex')}`);
    } catch { console.log(`${n} -`); }
  }
};
for (let i = 0; i < 10; i++) each();
";

fn script(folder: &Path, origin: SocketAddr, asked: &[(usize, &str)], ask: &str) -> Command {
    list(folder, asked);
    write(folder, "client.js", &format!("{ask}{NODE}"));
    let mut command = Command::new("node");
    command.args(["client.js", &origin.port().to_string()]);
    command
}

fn node(folder: &Path, origin: SocketAddr, asked: &[(usize, &str)]) -> Command {
    let ask = r"
const http = require('http');
const ask = (n, method) => new Promise((done, fail) => {
  const request = http.request({ port: +process.argv[2], host: '127.0.0.1', path: '/' + n, method, agent: false, timeout: 5000 });
  request.on('error', fail).on('timeout', () => request.destroy()).end();
  request.on('upgrade', (answer, socket) => { socket.destroy(); done([answer.statusCode, Buffer.alloc(0)]); });
  request.on('response', answer => {
    const content = [];
    answer.on('data', part => content.push(part)).on('error', fail);
    answer.on('end', () => answer.complete ? done([answer.statusCode, Buffer.concat(content)]) : fail());
  });
});
";
    script(folder, origin, asked, ask)
}

fn undici(folder: &Path, origin: SocketAddr, asked: &[(usize, &str)]) -> Command {
    let ask = r"
const ask = async (n, method) => {
  const url = `http://127.0.0.1:${process.argv[2]}/${n}`;
  const answer = await fetch(url, { method, redirect: 'manual', headers: { connection: 'close' }, signal: AbortSignal.timeout(5000) });
  return [answer.status, Buffer.from(await answer.arrayBuffer())];
};
";
    script(folder, origin, asked, ask)
}
