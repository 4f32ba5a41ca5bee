//! A real nginx in the foreground, with its files in a folder of the caller's, until it is dropped.

use crate::{children::Running, process};
use anyhow::{Result, bail};
use std::{
    fs,
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// A running server.
pub(crate) struct Nginx {
    _running: Running,
}

impl Nginx {
    /// Starts it by `command` (`nginx`, or a way into a namespace that ends in `nginx`) with the `server` block's content
    /// `server`, and returns when `address` answers.
    pub(crate) fn start(mut command: Command, folder: &Path, server: &str, address: &str) -> Result<Self> {
        let config = folder.join("nginx.conf");
        fs::write(&config, file(folder, server))?;
        let log = folder.join("nginx-error.log");
        command.arg("-e").arg(&log).arg("-c").arg(&config).stdin(Stdio::null()).stdout(Stdio::null());
        let mut running = Running::start(&mut command)?;
        let begin = Instant::now();
        while TcpStream::connect(address).is_err() {
            if running.ended()?.is_some() || begin.elapsed() > READY_WITHIN {
                bail!("nginx does not start:\n{}", fs::read_to_string(&log).unwrap_or_default());
            }
            sleep(Duration::from_millis(50));
        }
        Ok(Self { _running: running })
    }
}

/// `program`, ended by the kernel when this program ends, however it ends.
pub(crate) fn bound_to_us(program: &str) -> Command {
    let mut command = process::command("setpriv");
    command.args(["--pdeathsig", "TERM", "--", program]);
    command
}

fn file(folder: &Path, server: &str) -> String {
    let folder = folder.display();
    format!(
        "daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
events {{ worker_connections 512; }}
http {{
    access_log {folder}/nginx-access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    default_type application/json;
    sendfile on;
    server {{
{server}
    }}
}}
"
    )
}

const READY_WITHIN: Duration = Duration::from_secs(5);
