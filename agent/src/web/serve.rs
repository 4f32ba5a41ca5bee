//! Serves a router with bounds: on connections at a time, and on the time a request's head may take.

use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections at a time; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 64;
/// How long a request's head may take.
const HEAD_TIME_MAX: Duration = Duration::from_secs(10);
/// How long to wait after an accept that failed, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The connections of a listener: how many more there may be.
#[derive(Clone, Debug)]
pub struct Connections(Arc<Semaphore>);

impl Default for Connections {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(CONNECTIONS_MAX)))
    }
}

impl Connections {
    /// Accepts no further ones, and waits for the end of those there are. One permit is held by whoever accepts.
    pub async fn end(&self) {
        // Fails only when it is closed, which nobody does.
        let _ = self.0.acquire_many(u32::try_from(CONNECTIONS_MAX - 1).unwrap_or(u32::MAX)).await;
    }
}

/// Serves a TCP listener for ever.
pub async fn tcp(listener: TcpListener, router: Router, Connections(permits): Connections) {
    while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => connection(stream, router.clone(), permit),
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Serves a unix listener for ever.
pub async fn unix(listener: UnixListener, router: Router, Connections(permits): Connections) {
    while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => match stream.peer_cred() {
                Ok(peer) => connection(stream, router.clone().layer(Extension(Peer { uid: peer.uid() })), permit),
                // Whoever cannot be told is not answered.
                Err(_) => drop(permit),
            },
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Who opened a unix connection, as the kernel tells.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// The user.
    pub uid: u32,
}

fn connection<S>(stream: S, router: Router, permit: OwnedSemaphorePermit)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    tokio::spawn(async move {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME_MAX);
        // A peer that breaks off is its own affair.
        let _ = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).await;
        drop(permit);
    });
}
