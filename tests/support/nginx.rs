//! A real nginx with an access log that can be compared.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::net::{Namespace, free_port};
use super::{Running, wait_for};

/// nginx in the foreground.
pub struct Nginx {
    /// Its files.
    pub folder: tempfile::TempDir,
    /// Where it listens (all addresses).
    pub port: u16,
    _running: Running,
}

impl Nginx {
    /// Starts it, in a namespace if one is given. `locations` go into its one `server` block.
    pub fn start(namespace: Option<&Namespace>, locations: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let port = free_port();
        std::fs::create_dir(folder.path().join("www")).expect("a folder can be made");
        std::fs::write(folder.path().join("nginx.conf"), configuration(folder.path(), port, locations))
            .expect("the configuration can be written");
        let mut command = namespace.map_or_else(|| Command::new("nginx"), |namespace| namespace.command("nginx"));
        command.args(["-p", &folder.path().display().to_string(), "-c", "nginx.conf", "-e", "error.log"]);
        let running = Running::start(&mut command);
        let this = Self { folder, port, _running: running };
        this.wait_ready(namespace.map_or(Ipv4Addr::LOCALHOST, |namespace| namespace.inside.0));
        this
    }

    fn wait_ready(&self, ip: Ipv4Addr) {
        let log = self.folder.path().join("error.log");
        wait_for("nginx listens", Duration::from_secs(10), || {
            std::net::TcpStream::connect((ip, self.port)).ok().or_else(|| {
                let text = std::fs::read_to_string(&log).unwrap_or_default();
                assert!(!text.contains("[emerg]"), "nginx: {text}");
                None
            })
        });
    }

    /// A folder whose files are served under `/files/`.
    pub fn www(&self) -> PathBuf {
        self.folder.path().join("www")
    }

    /// `http://address:port`.
    pub fn url(&self, ip: impl Into<IpAddr>) -> String {
        format!("http://{}:{}", super::net::in_url(ip.into()), self.port)
    }

    /// IPv4 and IPv6 loopback.
    pub fn loopback() -> [IpAddr; 2] {
        [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
    }

    /// What it answered, in its own words: method, path without query, status, in order of their ends.
    pub fn access_log(&self) -> Vec<(String, String, u16)> {
        let text = std::fs::read_to_string(self.folder.path().join("access.log")).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("nginx writes JSON"))
            .map(|line| entry(&line))
            .collect()
    }
}

fn entry(line: &Value) -> (String, String, u16) {
    let text = |key: &str| line.get(key).and_then(Value::as_str).expect("the log format has it").to_owned();
    let path = text("uri").split('?').next().unwrap_or_default().to_owned();
    (text("method"), path, text("status").parse().expect("a status is a number"))
}

fn configuration(folder: &Path, port: u16, locations: &str) -> String {
    let folder = folder.display();
    format!(
        r#"daemon off;
worker_processes 2;
pid {folder}/nginx.pid;
user root;
events {{ worker_connections 4096; }}
http {{
    log_format truth escape=json '{{"method":"$request_method","uri":"$request_uri","status":"$status"}}';
    access_log {folder}/access.log truth;
    client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    default_type application/json;
    sendfile on;
    keepalive_requests 100000;
    client_max_body_size 64m;
    server {{
        listen {port} backlog=4096; listen [::]:{port} backlog=4096;
        root {folder}/www;
        location /files/ {{ alias {folder}/www/; }}
        {locations}
    }}
}}
"#
    )
}
