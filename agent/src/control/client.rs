//! Asks the running agent. Every failure says whether the agent runs at all.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::act;
use crate::trouble::{Trouble, plain};

/// Bytes of an answer that are read at most: a full inventory is some tens of MiB.
const ANSWER_BYTES_MAX: usize = 256 << 20;
/// How long an answer may take.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);
/// Bytes of a line of `watch`.
const LINE_BYTES_MAX: usize = 1 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody listens on the socket.
    #[error("{0}")]
    NotRunning(Trouble),
    /// This user may not ask.
    #[error("{0}")]
    NotAllowed(Trouble),
    /// It runs, and says why not.
    #[error("{0}")]
    Refused(Trouble),
    /// It runs, and gave no usable answer.
    #[error("the running agent gave no usable answer on {path}: {cause:#}")]
    Broken {
        /// The socket.
        path: PathBuf,
        /// What went wrong.
        cause: anyhow::Error,
    },
}

/// A connection's way to the agent.
#[derive(Debug)]
pub struct Client {
    socket: PathBuf,
    runtime: tokio::runtime::Runtime,
}

impl Client {
    /// For the agent behind this socket. Connects with each question.
    pub fn new(socket: &Path) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no event loop")?;
        Ok(Self { socket: socket.to_owned(), runtime })
    }

    /// One answer; `None` where the agent knows nothing of that name.
    pub fn ask<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, AskError> {
        self.runtime.block_on(async { self.answer(self.get(path).await?).await })
    }

    /// Says something about findings.
    pub fn say(&self, request: &act::Request) -> Result<act::Reply, AskError> {
        let body = serde_json::to_vec(request).map_err(|error| self.broken(error))?;
        let request = Request::post("/v1/act").header("content-type", "application/json").header("host", "apiscope");
        let request = request.body(Full::new(Bytes::from(body))).map_err(|error| self.broken(error))?;
        let reply = self.runtime.block_on(async { self.answer(self.send(request).await?).await })?;
        reply.ok_or_else(|| self.broken(anyhow::anyhow!("it does not know this command: is it older than this one?")))
    }

    async fn answer<T: DeserializeOwned>(&self, response: Response<Incoming>) -> Result<Option<T>, AskError> {
        let status = response.status();
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect();
        let body = tokio::time::timeout(ANSWER_TIME_MAX, body).await.map_err(|error| self.broken(error))?;
        let bytes = body.map_err(|error| self.broken(anyhow::anyhow!("{error}")))?.to_bytes();
        if status == StatusCode::CONFLICT {
            let refused: act::Refused = serde_json::from_slice(&bytes).map_err(|error| self.broken(error))?;
            return Err(AskError::Refused(refused.into()));
        }
        serde_json::from_slice(&bytes).map(Some).map_err(|error| self.broken(error))
    }

    /// Lines until the agent stops, or `take` gives `false`.
    pub fn lines(&self, path: &str, take: &mut dyn FnMut(&[u8]) -> anyhow::Result<bool>) -> anyhow::Result<()> {
        self.runtime.block_on(async {
            let mut body = self.get(path).await?.into_body();
            let mut pending = Vec::new();
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|error| self.broken(error))?;
                pending.extend_from_slice(frame.data_ref().map_or(&[], |data| data.as_ref()));
                while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
                    if !take(&pending[..end])? {
                        return Ok(());
                    }
                    pending.drain(..=end);
                }
                anyhow::ensure!(pending.len() <= LINE_BYTES_MAX, "a line of more than {LINE_BYTES_MAX} bytes");
            }
            Ok(())
        })
    }

    async fn get(&self, path: &str) -> Result<Response<Incoming>, AskError> {
        let request = Request::get(path).header("host", "apiscope").body(Full::default());
        self.send(request.map_err(|error| self.broken(error))?).await
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, AskError> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| self.refused(&error))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake::<_, Full<Bytes>>(TokioIo::new(stream))
            .await
            .map_err(|error| self.broken(error))?;
        tokio::spawn(connection);
        let answer = tokio::time::timeout(ANSWER_TIME_MAX, sender.send_request(request));
        let response = answer.await.map_err(|error| self.broken(error))?.map_err(|error| self.broken(error))?;
        match response.status() {
            StatusCode::OK | StatusCode::NOT_FOUND | StatusCode::CONFLICT => Ok(response),
            status => Err(self.broken(anyhow::anyhow!("status {status}"))),
        }
    }

    fn refused(&self, error: &std::io::Error) -> AskError {
        let what = format!("no agent answers on {}: {}", self.socket.display(), plain(error));
        if error.kind() == std::io::ErrorKind::PermissionDenied {
            return AskError::NotAllowed(Trouble::new(what, "run this as root, or as a member of the socket's group"));
        }
        let todo = "start it with `systemctl start apiscope` or `apiscope run`; if it runs with another configuration, \
                    give the same --config";
        AskError::NotRunning(Trouble::new(what, todo))
    }

    fn broken(&self, cause: impl Into<anyhow::Error>) -> AskError {
        AskError::Broken { path: self.socket.clone(), cause: cause.into() }
    }
}

/// Whether an agent answers on the socket.
pub fn answers(socket: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(socket).is_ok()
}
