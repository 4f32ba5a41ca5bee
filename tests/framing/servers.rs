//! The servers: each in the foreground on a loopback port of its own, ended by its guard.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::recorder::{self, Log, PEER, Taken};
use super::support::net::free_port;
use super::support::{Running, wait_for};

/// A server that runs.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    source: Source,
    _guard: Option<(Running, tempfile::TempDir)>,
}

enum Source {
    Recorder(Log),
    File(PathBuf),
}

/// How to start one.
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    /// The program, of the Debian package that xtask/src/setup/needs.rs names. None: it is in this process.
    pub(crate) program: Option<&'static str>,
    start: fn(&Path, u16, SocketAddr) -> Command,
    /// It logs by itself; else it passes requests on to a recorder.
    logs: bool,
}

/// All of them. Caddy stands for Go's net/http.
pub(crate) static PLANS: [Plan; 7] = [
    Plan { name: "hyper", program: None, start: |_, _, _| unreachable!("hyper is in this process"), logs: false },
    Plan { name: "node", program: Some("node"), start: node, logs: true },
    Plan { name: "gunicorn", program: Some("gunicorn"), start: gunicorn, logs: true },
    Plan { name: "nginx", program: Some("nginx"), start: nginx, logs: false },
    Plan { name: "haproxy", program: Some("haproxy"), start: haproxy, logs: false },
    Plan { name: "apache2", program: Some("apache2"), start: apache2, logs: false },
    Plan { name: "caddy (Go)", program: Some("caddy"), start: caddy, logs: false },
];

/// What stands behind a proxy takes more header fields than any proxy passes on.
const FIELDS_MAX: usize = 400;

impl Plan {
    pub(crate) fn is_installed(&self) -> bool {
        let found = |program| Command::new("which").arg(program).stdout(Stdio::null()).status();
        self.program.is_none_or(|program| found(program).is_ok_and(|status| status.success()))
    }

    /// Whether it passes on what it reads.
    pub(crate) fn is_proxy(&self) -> bool {
        self.program.is_some() && !self.logs
    }

    pub(crate) async fn start(&self) -> Server {
        let (behind, log) = recorder::serve(self.program.map(|_| FIELDS_MAX)).await;
        if self.program.is_none() {
            return Server { address: behind, source: Source::Recorder(log), _guard: None };
        }
        self.start_before(behind, log)
    }

    /// Starts the program, before a server of which this is the log.
    pub(crate) fn start_before(&self, behind: SocketAddr, log: Log) -> Server {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let port = free_port();
        let mut command = (self.start)(folder.path(), port, behind);
        let output = std::fs::File::create(folder.path().join("output")).expect("a file can be made");
        command
            .current_dir(folder.path())
            .env("HOME", folder.path())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_DATA_HOME");
        command.stderr(output.try_clone().expect("a second handle")).stdout(output);
        let running = Running::start(&mut command);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        wait_for(&format!("{} listens", self.name), Duration::from_secs(15), || {
            std::net::TcpStream::connect(address).ok()
        });
        let source = if self.logs { Source::File(folder.path().join("log")) } else { Source::Recorder(log) };
        Server { address, source, _guard: Some((running, folder)) }
    }
}

impl Server {
    /// What it read, by the client's address.
    pub(crate) fn taken(&self) -> HashMap<IpAddr, Vec<Taken>> {
        match &self.source {
            Source::Recorder(log) => log.lock().expect("no holder panics").clone(),
            Source::File(path) => recorder::from_file(path),
        }
    }
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("the file can be written");
    path
}

fn node(folder: &Path, port: u16, _: SocketAddr) -> Command {
    let script = r"
const fs = require('fs'), hex = text => Buffer.from(text, 'latin1').toString('hex');
const take = (request, answer) => {
  const body = [];
  const log = whole => fs.appendFileSync('log',
    [request.socket.remoteAddress, hex(request.method), hex(request.url), whole, Buffer.concat(body).toString('hex')].join(' ') + '\n');
  let logged = false;
  const once = whole => { if (!logged) { logged = true; log(whole); } };
  const peer = request.socket.remoteAddress;
  Object.defineProperty(request.socket, 'remoteAddress', { value: peer });
  request.on('data', part => body.push(part));
  request.on('aborted', () => once(0));
  request.on('error', () => once(0));
  request.on('end', () => {
    once(1);
    const status = { '/s204': 204, '/s304': 304, '/s404': 404 }[request.url] || 200;
    answer.writeHead(status, { 'X-Read': request.method + ' ' + request.url });
    answer.end(status == 200 || status == 404 ? 'read' : '');
  });
};
const server = require('http').createServer(take);
server.keepAliveTimeout = 60000;
server.on('checkExpectation', take);
server.listen(+process.argv[2], '127.0.0.1');
";
    let mut command = Command::new("node");
    command.arg(write(folder, "server.js", script)).arg(port.to_string());
    command
}

fn gunicorn(folder: &Path, port: u16, _: SocketAddr) -> Command {
    let script = r#"
import os
log = os.open("log", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
def app(environ, start_response):
    method, target = environ["REQUEST_METHOD"], environ["RAW_URI"]
    body, whole = b"", 0
    try:
        body = environ["wsgi.input"].read()
        chunked = environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked"
        whole = int(chunked or len(body) == int(environ.get("CONTENT_LENGTH") or 0))
    finally:
        hex = lambda text: text.encode("latin-1").hex()
        os.write(log, f"{environ['REMOTE_ADDR']} {hex(method)} {hex(target)} {whole} {body.hex()}\n".encode())
    status = {"/s204": "204 No Content", "/s304": "304 Not Modified", "/s404": "404 Not Found"}.get(target, "200 OK")
    text = b"read" if status[:3] in ("200", "404") else b""
    start_response(status, [("X-Read", method + " " + target)] + ([("Content-Length", str(len(text)))] if text else []))
    return [text]
"#;
    write(folder, "app.py", script);
    let mut command = Command::new("gunicorn");
    // Within the guard's patience: else the guard kills the master, and the worker lives on.
    command.args(["--graceful-timeout", "1"]);
    command.args(["-k", "gthread", "--threads", "48", "--keep-alive", "60", "--log-level", "critical"]);
    command.args(["-b", &format!("127.0.0.1:{port}"), "app:app"]);
    command
}

fn nginx(folder: &Path, port: u16, behind: SocketAddr) -> Command {
    let at = folder.display();
    let text = format!(
        "daemon off; worker_processes 1; pid {at}/pid; user root; error_log stderr crit;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    client_body_temp_path {at}/b; proxy_temp_path {at}/p; fastcgi_temp_path {at}/f; uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location / {{
            proxy_pass http://{behind};
            proxy_http_version 1.1;
            proxy_ignore_client_abort on;
            proxy_set_header {PEER} $remote_addr;
        }}
    }}
}}
"
    );
    let mut command = Command::new("nginx");
    command.args(["-p", &at.to_string(), "-e", "stderr", "-c"]).arg(write(folder, "nginx.conf", &text));
    command
}

fn haproxy(folder: &Path, port: u16, behind: SocketAddr) -> Command {
    let text = format!(
        "global
    maxconn 1000
    nbthread 1
defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
frontend client
    bind 127.0.0.1:{port}
    http-request set-header {PEER} %[src]
    default_backend recorder
backend recorder
    server recorder {behind}
"
    );
    let mut command = Command::new("haproxy");
    command.args(["-db", "-f"]).arg(write(folder, "haproxy.cfg", &text));
    command
}

fn apache2(folder: &Path, port: u16, behind: SocketAddr) -> Command {
    let at = folder.display();
    let modules: String = ["mpm_event", "authz_core", "proxy", "proxy_http", "headers"]
        .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
        .concat();
    let text = format!(
        "ServerRoot {at}
{modules}
ServerName a
Listen 127.0.0.1:{port}
PidFile {at}/pid
DefaultRuntimeDir {at}
ErrorLog {at}/error.log
LogLevel crit
User www-data
Group www-data
KeepAliveTimeout 60
MaxKeepAliveRequests 0
AllowEncodedSlashes NoDecode
MergeSlashes Off
ProxyPass / http://{behind}/ nocanon disablereuse=On
RequestHeader set {PEER} expr=%{{REMOTE_ADDR}}
"
    );
    let mut command = Command::new("apache2");
    command.args(["-D", "FOREGROUND", "-f"]).arg(write(folder, "apache2.conf", &text));
    command
}

fn caddy(folder: &Path, port: u16, behind: SocketAddr) -> Command {
    let text = format!(
        "{{
    admin off
    auto_https off
    servers {{
        protocols h1
    }}
}}
http://:{port} {{
    bind 127.0.0.1
    reverse_proxy {behind} {{
        header_up {PEER} {{http.request.remote.host}}
    }}
}}
"
    );
    let mut command = Command::new("caddy");
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(write(folder, "Caddyfile", &text));
    command
}
