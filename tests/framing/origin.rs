//! A server that answers `GET /n` with the bytes of answer n and ends its side: what real clients make of them.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::answers::Answer;

/// So long a client may leave a connection open that the server has ended.
const LINGER: Duration = Duration::from_secs(2);

/// Runs until the runtime ends.
pub(crate) async fn serve(answers: Arc<Vec<Answer>>) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free loopback port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, Arc::clone(&answers)));
        }
    });
    address
}

async fn answer(mut stream: TcpStream, answers: Arc<Vec<Answer>>) {
    let mut asked = Vec::new();
    while !asked.windows(4).any(|end| end == b"\r\n\r\n") {
        if !matches!(stream.read_buf(&mut asked).await, Ok(1..)) {
            return;
        }
    }
    let target = asked.split(|b| *b == b' ').nth(1).unwrap_or_default();
    let number = target.rsplit(|b| *b == b'/').next().and_then(|text| str::from_utf8(text).ok()?.parse::<usize>().ok());
    let bytes = number.and_then(|n| answers.get(n)).map_or(&b""[..], |answer| &answer.bytes);
    // A client may have gone; then it has read enough.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let drain = async { while matches!(stream.read_buf(&mut asked).await, Ok(1..)) {} };
    let _ = tokio::time::timeout(LINGER, drain).await;
}
