//! The load: wrk, or h2load for HTTP/2, against a real nginx, both on loopback, one core each, bounded in time.

use crate::{
    nginx::{Nginx, bound_to_us},
    process,
};
use anyhow::{Context, Result};
use std::{fs, net::TcpListener, path::Path, path::PathBuf};

/// What they speak.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    /// In clear text, with prior knowledge.
    Http2,
}

/// The server under load.
pub(super) struct Load {
    protocol: Protocol,
    port: u16,
    script: PathBuf,
    _nginx: Nginx,
}

/// What one run of the load made.
pub(super) struct Made {
    pub(super) exchanges: f64,
    pub(super) per_second: f64,
}

impl Load {
    /// An API that answers 1 KiB of JSON.
    pub(super) fn start(folder: &Path, protocol: Protocol) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0").context("no free port on 127.0.0.1")?.local_addr()?.port();
        let script = folder.join("load.lua");
        fs::write(&script, SCRIPT)?;
        let body = format!("{{\"id\":1,\"name\":\"item\",\"text\":\"{}\"}}", "x".repeat(BODY_BYTES - 34));
        let server = format!(
            "        listen 127.0.0.1:{port}{};\n        access_log off;\n        keepalive_requests 100000000;\n\
             \x20       location / {{ return 200 '{body}'; }}",
            if protocol == Protocol::Http2 { " http2" } else { "" }
        );
        let mut command = bound_to_us("taskset");
        command.args(["-c", "0", "nginx"]);
        let nginx = Nginx::start(command, folder, &server, &format!("127.0.0.1:{port}"))?;
        Ok(Self { protocol, port, script, _nginx: nginx })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Loads it with a fixed number of exchanges, or for a second.
    pub(super) fn fill(&self) -> Result<()> {
        if self.protocol == Protocol::Http1 {
            return self.run(1).map(drop);
        }
        let mut h2load = process::command("taskset");
        h2load.args(["-c", "1", "h2load", "-n", "20000", "-c", "8", "-m", "8"]);
        h2load.args(["-H", "Authorization: Bearer bench-4f9a1c77b0e2d6385ac1", "-H", "Accept: application/json"]);
        h2load.args((0..100).map(|item| format!("http://127.0.0.1:{}/items/{item}", self.port)));
        process::output(&mut h2load).map(drop).context("h2load fails")
    }

    /// Loads it for so many seconds.
    pub(super) fn run(&self, seconds: u32) -> Result<Made> {
        let mut wrk = process::command("taskset");
        wrk.args(["-c", "1", "wrk", "-t1", "-c8", &format!("-d{seconds}s"), "-s"]).arg(&self.script);
        wrk.arg(format!("http://127.0.0.1:{}", self.port));
        let text = process::output(&mut wrk).context("wrk fails")?;
        made(&text).with_context(|| format!("wrk tells no numbers:\n{text}"))
    }
}

/// `  123456 requests in 3.00s, 150.00MB read` and `Requests/sec:  41234.56`.
fn made(text: &str) -> Option<Made> {
    let mut lines = text.lines().map(str::trim);
    let exchanges = lines.find_map(|line| line.split_once(" requests in ")?.0.parse().ok())?;
    let per_second = lines.find_map(|line| line.strip_prefix("Requests/sec:")?.trim().parse().ok())?;
    Some(Made { exchanges, per_second })
}

const BODY_BYTES: usize = 1024;

/// A thousand items and a token, as a client of an API has them.
const SCRIPT: &str = r#"
local n = 0
local headers = { ["Authorization"] = "Bearer bench-4f9a1c77b0e2d6385ac1", ["Accept"] = "application/json" }
request = function()
    n = n + 1
    return wrk.format("GET", "/items/" .. (n % 1000), headers)
end
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrk_is_understood() {
        let text =
            "Running 1s test @ http://127.0.0.1:1\n  30123 requests in 1.00s, 5.00MB read\nRequests/sec:  30100.50\n";
        let made = made(text).expect("both numbers are there");
        assert!((made.exchanges - 30123.0).abs() < 0.1 && (made.per_second - 30100.5).abs() < 0.1);
        assert!(super::made("nothing").is_none());
    }
}
