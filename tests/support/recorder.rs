//! A webhook receiver that keeps every byte it is sent, and says yes.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The receiver; it ends with the test's process.
pub struct Recorder {
    folder: tempfile::TempDir,
    port: u16,
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl Recorder {
    /// Starts it on a free loopback port.
    pub fn start() -> Self {
        Self::start_on(0)
    }

    /// Starts it on this loopback port.
    pub fn start_on(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the loopback port is free");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bytes);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                keep(stream, &kept);
            }
        });
        let folder = tempfile::tempdir().expect("a temporary directory");
        Self { folder, port, bytes }
    }

    /// The agent's configuration for it.
    pub fn configuration(&self) -> String {
        webhook(self.folder.path(), "recorder", self.port)
    }

    /// All that it was sent.
    pub fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().expect("the keeper does not panic").clone()
    }

    /// How many requests.
    pub fn requests(&self) -> usize {
        String::from_utf8_lossy(&self.bytes()).matches("POST /hook").count()
    }
}

/// A webhook's section, with a signing secret in a file below `folder`.
pub fn webhook(folder: &Path, name: &str, port: u16) -> String {
    let secret = folder.join("webhook.secret");
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(&secret);
    file.and_then(|mut file| file.write_all(b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).expect("a file can be written");
    let secret = secret.display();
    format!(
        "[[webhook]]\nname = \"{name}\"\nurl = \"http://127.0.0.1:{port}/hook\"\nsecret_file = \"{secret}\"\nmin_severity = \"info\"\n"
    )
}

/// Reads one request by its Content-Length and answers 204.
fn keep(mut stream: TcpStream, kept: &Mutex<Vec<u8>>) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
    let (mut request, mut part) = (Vec::new(), [0; 8192]);
    while !is_whole(&request) {
        match stream.read(&mut part) {
            Ok(count) if count > 0 => request.extend_from_slice(&part[..count]),
            _ => break,
        }
    }
    kept.lock().expect("the keeper does not panic").extend_from_slice(&request);
    let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.trim().parse::<usize>().ok())
        .unwrap_or(0);
    body.len() >= length
}
