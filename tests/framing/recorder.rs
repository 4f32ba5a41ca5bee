//! What a server read: each request that it took, by connection. Connections are told apart by the client's loopback address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

/// The header by which a proxy tells whose request it passes on.
pub(crate) const PEER: &str = "X-Peer";

/// The header of every answer that a recorder gave: the request's method and target. An answer without it is the server's own.
pub(crate) const READ: &str = "X-Read";

/// A request as the server read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) method: String,
    pub(crate) target: Vec<u8>,
    pub(crate) body: Vec<u8>,
    /// The server says that the body is whole.
    pub(crate) whole: bool,
}

pub(crate) type Log = Arc<Mutex<HashMap<IpAddr, Vec<Taken>>>>;

/// hyper, that records what it reads: a server to test, and what stands behind the proxies. Runs until the runtime ends.
/// It takes so many header fields, or as many as hyper does.
pub(crate) async fn serve(fields_max: Option<usize>) -> (SocketAddr, Log) {
    let log = Log::default();
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free loopback port");
    let address = listener.local_addr().expect("it is bound");
    let shared = Arc::clone(&log);
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            let log = Arc::clone(&shared);
            let service = hyper::service::service_fn(move |request| answer(request, peer.ip(), Arc::clone(&log)));
            let mut builder = hyper::server::conn::http1::Builder::new();
            builder.half_close(true);
            if let Some(fields_max) = fields_max {
                builder.max_headers(fields_max);
            }
            tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
        }
    });
    (address, log)
}

async fn answer(request: Request<Incoming>, peer: IpAddr, log: Log) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let told = request.headers().get(PEER).and_then(|value| value.to_str().ok()?.parse().ok());
    let peer = told.unwrap_or(peer);
    let mut taken = Taken {
        method: request.method().to_string(),
        target: request.uri().to_string().into_bytes(),
        body: Vec::new(),
        whole: false,
    };
    let place = {
        let mut log = log.lock().expect("no holder panics");
        let list = log.entry(peer).or_default();
        list.push(taken.clone());
        list.len() - 1
    };
    let status = match request.uri().path() {
        "/s204" => 204,
        "/s304" => 304,
        "/s404" => 404,
        _ => 200,
    };
    let read = format!("{} {}", taken.method, request.uri());
    let mut body = request.into_body();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            taken.body.extend_from_slice(&data);
        }
    }
    taken.whole = true;
    if let Some(known) = log.lock().expect("no holder panics").get_mut(&peer).and_then(|list| list.get_mut(place)) {
        *known = taken;
    }
    let text = if status == 200 || status == 404 { "read" } else { "" };
    Ok(Response::builder().status(status).header(READ, read).body(Full::from(text)).expect("it is in order"))
}

/// Reads what a program logged: `address hex(method) hex(target) whole hex(body)`, a request on each line.
pub(crate) fn from_file(path: &Path) -> HashMap<IpAddr, Vec<Taken>> {
    let mut log: HashMap<IpAddr, Vec<Taken>> = HashMap::new();
    for line in std::fs::read_to_string(path).unwrap_or_default().lines() {
        let parts: Vec<_> = line.split(' ').collect();
        let [address, method, target, whole, body] = parts[..] else { panic!("{}: {line:?}", path.display()) };
        let address = address.trim_start_matches("::ffff:").parse().expect("an address");
        log.entry(address).or_default().push(Taken {
            method: String::from_utf8(unhex(method)).expect("methods are text"),
            target: unhex(target),
            body: unhex(body),
            whole: whole == "1",
        });
    }
    log
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|n| u8::try_from(n).ok()).expect("hexadecimal");
    text.as_bytes().chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}
