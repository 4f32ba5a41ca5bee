//! The conversation: the `h2` crate's client and server, each doing what the specs say.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use apiscope_wire::Side;
use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use super::{Session, Spec, spec};
use crate::common::{Random, Transcript};

type Log = Arc<Mutex<Transcript>>;

/// One end of the pipe: what is written is remembered.
struct Tap {
    io: DuplexStream,
    side: Side,
    log: Log,
}

impl AsyncRead for Tap {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Tap {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        if let Poll::Ready(Ok(n)) = written {
            self.log.lock().expect("the log").push(self.side, &bytes[..n]);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

fn map(fields: &[(String, Vec<u8>)]) -> HeaderMap {
    let field = |(name, value): &(String, Vec<u8>)| {
        (HeaderName::try_from(name).expect("a name"), HeaderValue::from_bytes(value).expect("a value"))
    };
    fields.iter().filter(|(name, _)| name != "host").map(field).collect()
}

fn unmap(map: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let mut fields: Vec<_> = map.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    fields
}

async fn send_body(stream: &mut SendStream<Bytes>, body: &[u8], piece: usize, trailers: &[(String, Vec<u8>)]) {
    let pieces = body.chunks(piece);
    let last = pieces.len().saturating_sub(1);
    for (at, part) in pieces.enumerate() {
        let ends = at == last && trailers.is_empty();
        if stream.send_data(Bytes::copy_from_slice(part), ends).is_err() {
            return;
        }
        tokio::task::yield_now().await;
    }
    if !trailers.is_empty() {
        let _ = stream.send_trailers(map(trailers));
    }
}

async fn receive(stream: &mut RecvStream) -> Option<(Vec<u8>, Vec<(String, Vec<u8>)>)> {
    let mut body = Vec::new();
    while let Some(part) = stream.data().await {
        let part = part.ok()?;
        stream.flow_control().release_capacity(part.len()).ok()?;
        body.extend_from_slice(&part);
    }
    let trailers = stream.trailers().await.ok()?;
    Some((body, trailers.as_ref().map(unmap).unwrap_or_default()))
}

async fn ask(spec: Spec, mut sender: h2::client::SendRequest<Bytes>) {
    let said = &spec.request;
    let (method, target) = said.start.split_once(' ').expect("method and target");
    let host = said.headers.iter().find(|(name, _)| name == "host").expect("a host");
    let uri = format!("http://{}{target}", String::from_utf8_lossy(&host.1));
    let mut request = Request::builder().method(method).uri(uri).body(()).expect("a request");
    *request.headers_mut() = map(&said.headers);
    let ends = said.body.is_empty() && said.trailers.is_empty();
    let (response, mut stream) = sender.send_request(request, ends).expect("sent");
    if spec.torn && spec.by_client {
        let half = said.body.len() / 2;
        for part in said.body[..half].chunks(spec.piece) {
            let _ = stream.send_data(Bytes::copy_from_slice(part), false);
            tokio::task::yield_now().await;
        }
        stream.send_reset(Reason::CANCEL);
        return;
    }
    if !ends {
        send_body(&mut stream, &said.body, spec.piece, &said.trailers).await;
    }
    let answer = response.await;
    if spec.torn {
        return;
    }
    let (head, mut body) = answer.expect("a response").into_parts();
    assert_eq!(head.status.as_str(), spec.response.start);
    assert_eq!(unmap(&head.headers), spec.response.headers);
    let (body, trailers) = receive(&mut body).await.expect("a body");
    assert!(body == spec.response.body && trailers == spec.response.trailers, "exchange {}", spec.id);
}

async fn answer(spec: Spec, request: Request<RecvStream>, mut respond: h2::server::SendResponse<Bytes>) {
    let (head, mut body) = request.into_parts();
    if spec.pushes && !spec.torn {
        let promise = Request::builder().uri(format!("http://api0.example/pushed/{}", spec.id)).body(());
        if let Ok(mut pushed) = respond.push_request(promise.expect("a promise")) {
            let _ = pushed.send_response(Response::new(()), true);
        }
    }
    if spec.interim && !spec.torn {
        let early = Response::builder().status(103).header("link", "</a>; rel=preload").body(());
        respond.send_informational(early.expect("a response")).expect("sent");
    }
    let received = receive(&mut body).await;
    if spec.torn && !spec.by_client {
        return respond.send_reset(Reason::INTERNAL_ERROR);
    }
    if !spec.torn {
        let (body, trailers) = received.expect("a body");
        assert!(body == spec.request.body && trailers == spec.request.trailers, "exchange {}", spec.id);
        assert_eq!(head.method.as_str(), spec.request.start.split(' ').next().unwrap_or_default());
    }
    let said = &spec.response;
    let mut response = Response::builder().status(said.start.as_str()).body(()).expect("a response");
    *response.headers_mut() = map(&said.headers);
    let ends = said.body.is_empty() && said.trailers.is_empty();
    let Ok(mut stream) = respond.send_response(response, ends) else { return };
    if !ends {
        send_body(&mut stream, &said.body, spec.piece, &said.trailers).await;
    }
}

async fn serve(tap: Tap, specs: Vec<Spec>, frame_max: u32) {
    let mut builder = h2::server::Builder::new();
    builder.max_frame_size(frame_max).max_concurrent_streams(20);
    let mut connection = builder.handshake::<_, Bytes>(tap).await.expect("a handshake");
    while let Some(Ok((request, respond))) = connection.accept().await {
        let id = request.uri().path().strip_prefix("/r/").and_then(|id| id.parse::<usize>().ok()).expect("an id");
        tokio::spawn(answer(specs[id].clone(), request, respond));
    }
}

async fn call(tap: Tap, specs: Vec<Spec>, at_once: usize, table: u32) {
    let mut builder = h2::client::Builder::new();
    builder.header_table_size(table).max_concurrent_reset_streams(100);
    let (mut sender, connection) = builder.handshake::<_, Bytes>(tap).await.expect("a handshake");
    let driver = tokio::spawn(connection);
    let mut running = Vec::new();
    for spec in specs {
        sender = sender.ready().await.expect("ready");
        running.push(tokio::spawn(ask(spec, sender.clone())));
        if running.len() >= at_once {
            running.remove(0).await.expect("asked");
        }
    }
    for one in running {
        one.await.expect("asked");
    }
    drop(sender);
    let _ = driver.await;
}

/// Lets them talk, and gives what each wrote.
pub fn record(seed: u64) -> Session {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let count = 4 + random.below(50);
    let specs: Vec<Spec> = (0..count).map(|id| spec(id, &mut random)).collect();
    let log = Log::default();
    let room = [900, 5000, 70_000][random.below(3)];
    let (client, server) = tokio::io::duplex(room);
    let frame_max = [16_384, 16_384, 50_000][random.below(3)];
    let table = [0, 100, 4096, 4096, 65_536][random.below(5)];
    let at_once = 1 + random.below(16);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (ours, theirs) = (specs.clone(), specs.clone());
    let tap = |io, side| Tap { io, side, log: Arc::clone(&log) };
    let (client, server) = (tap(client, Side::Client), tap(server, Side::Server));
    runtime.block_on(async {
        tokio::join!(serve(server, theirs, frame_max), call(client, ours, at_once, table));
    });
    drop(runtime);
    let transcript = log.lock().expect("the log").clone();
    Session { seed, specs, transcript }
}
