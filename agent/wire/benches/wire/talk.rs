//! Traffic as it comes from capture: packets of flows, made once and played often.

use std::fmt::Write as _;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use apiscope_wire::{
    CloseReason, Event, FlowId, Hop, Input, Limits, Origin, Payload, Role, Segment, Seq, Side, Timestamp, Wire,
};
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use crate::count;

/// Bytes of Ethernet, IPv4 and TCP with its timestamps before the payload of a packet.
pub(crate) const PACKET_HEADERS: usize = 14 + 20 + 32;
/// Payload of a packet on a usual network.
pub(crate) const SEGMENT_BYTES: usize = 1448;

/// A request and its response.
pub(crate) struct Exchange {
    request: Vec<u8>,
    response: Vec<u8>,
}

impl Exchange {
    /// What a client of an API and nginx say to each other.
    pub(crate) fn benign() -> Self {
        let body = format!("{{\"id\":1,\"name\":\"item\",\"text\":\"{}\"}}", "x".repeat(990));
        Self::new(&[("Authorization", "Bearer bench-4f9a1c77b0e2d6385ac1")], &body)
    }

    /// The same with a body of some bytes.
    pub(crate) fn small() -> Self {
        Self::new(&[], "{\"ok\":true}")
    }

    fn new(fields: &[(&str, &str)], body: &str) -> Self {
        let mut request = String::from("GET /items/17?full=1 HTTP/1.1\r\nHost: api.example.com\r\n");
        for (name, value) in [("Accept", "application/json"), ("User-Agent", "curl/8.5.0")].iter().chain(fields) {
            write!(request, "{name}: {value}\r\n").expect("a string");
        }
        request.push_str("\r\n");
        let response = format!(
            "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Tue, 24 Nov 2026 17:00:00 GMT\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: keep-alive\r\n\r\n{body}",
            body.len()
        );
        Self { request: request.into_bytes(), response: response.into_bytes() }
    }
}

/// A packet of a flow.
#[derive(Clone)]
pub(crate) struct Packet {
    pub(crate) flow: u64,
    pub(crate) side: Side,
    pub(crate) seq: u32,
    pub(crate) bytes: Vec<u8>,
}

/// Packets of some flows in the order in which they come.
pub(crate) struct Talk {
    pub(crate) packets: Vec<Packet>,
    pub(crate) exchanges: f64,
    /// With the headers of the packets.
    pub(crate) bytes: f64,
    flows: u64,
}

impl Talk {
    /// Of one flow, everything in packets of the usual size.
    pub(crate) fn of(parts: &[(Side, Vec<u8>)]) -> Self {
        let packets = parts.iter().map(|(side, bytes)| Packet { flow: 0, side: *side, seq: 0, bytes: bytes.clone() });
        Self::new(packets.collect(), 1.0, 1).numbered().in_pieces(SEGMENT_BYTES)
    }

    /// Of packets that are numbered already.
    pub(crate) fn of_packets(packets: Vec<Packet>) -> Self {
        Self::new(packets, 1.0, 1)
    }

    #[expect(clippy::cast_precision_loss, reason = "a measurement needs no more digits")]
    fn new(packets: Vec<Packet>, exchanges: f64, flows: u64) -> Self {
        let bytes = packets.iter().map(|packet| packet.bytes.len() + PACKET_HEADERS).sum::<usize>() as f64;
        Self { packets, exchanges, bytes, flows }
    }

    /// So many exchanges over so many connections in turn.
    pub(crate) fn http1(exchange: &Exchange, flows: u64, count: u32) -> Self {
        let mut packets = Vec::new();
        for number in 0..count {
            let flow = u64::from(number) % flows;
            for (side, bytes) in [(Side::Client, &exchange.request), (Side::Server, &exchange.response)] {
                packets.push(Packet { flow, side, seq: 0, bytes: bytes.clone() });
            }
        }
        Self::new(packets, f64::from(count), flows).numbered()
    }

    /// So many exchanges of the `h2` crate's client and server, sixteen at a time.
    pub(crate) fn http2(count: u16) -> Self {
        let packets = record(count).into_iter().map(|(side, bytes)| Packet { flow: 0, side, seq: 0, bytes });
        Self::new(packets.collect(), f64::from(count), 1).numbered().in_pieces(SEGMENT_BYTES)
    }

    fn numbered(mut self) -> Self {
        let mut next = vec![[1_u32; 2]; usize::try_from(self.flows).expect("few")];
        for packet in &mut self.packets {
            let next = &mut next[usize::try_from(packet.flow).expect("few")][usize::from(packet.side == Side::Server)];
            packet.seq = *next;
            *next = next.wrapping_add(u32::try_from(packet.bytes.len()).expect("short"));
        }
        self
    }

    /// The same in smaller packets.
    pub(crate) fn in_pieces(self, most: usize) -> Self {
        let cut = |packet: &Packet| {
            let Packet { flow, side, .. } = *packet;
            let mut seq = packet.seq;
            let mut pieces = Vec::new();
            for bytes in packet.bytes.chunks(most) {
                pieces.push(Packet { flow, side, seq, bytes: bytes.to_vec() });
                seq = seq.wrapping_add(u32::try_from(bytes.len()).expect("short"));
            }
            pieces
        };
        Self::new(self.packets.iter().flat_map(cut).collect(), self.exchanges, self.flows)
    }

    /// Plays it to a new reader. Gives the messages read.
    pub(crate) fn play(&self) -> u64 {
        let mut player = Player::new(Limits::default());
        player.open(self.flows);
        player.play(&self.packets);
        player.close(self.flows);
        player.messages
    }

    /// Allocations an exchange in the second half.
    #[expect(clippy::cast_precision_loss, reason = "a measurement needs no more digits")]
    pub(crate) fn allocations_when_warm(&self) -> f64 {
        let mut player = Player::new(Limits::default());
        player.open(self.flows);
        let (first, second) = self.packets.split_at(self.packets.len() / 2);
        player.play(first);
        let before = count::allocations();
        player.play(second);
        (count::allocations() - before) as f64 / (self.exchanges / 2.0)
    }
}

/// A reader that is played to.
struct Player {
    wire: Wire,
    messages: u64,
    now: u64,
}

impl Player {
    fn new(limits: Limits) -> Self {
        Self { wire: Wire::new(limits), messages: 0, now: 1_000_000_000 }
    }

    fn handle(&mut self, input: Input<'_>) {
        let Self { wire, messages, .. } = self;
        wire.handle(input, &mut |event| *messages += u64::from(matches!(event, Event::Message(_))));
    }

    fn segment(&mut self, flow: u64, side: Side, seq: u32, payload: Payload<'_>) {
        self.now += 1000;
        let at = Timestamp::from_nanos(self.now);
        self.handle(Input::Segment(Segment { flow: FlowId::new(flow), side, at, seq: Seq(seq), payload }));
    }

    fn open(&mut self, flows: u64) {
        for flow in 0..flows {
            self.handle(Input::Origin(FlowId::new(flow), origin()));
            for side in [Side::Client, Side::Server] {
                self.segment(flow, side, 1, Payload::Open);
            }
        }
    }

    fn play(&mut self, packets: &[Packet]) {
        for packet in packets {
            self.segment(packet.flow, packet.side, packet.seq, Payload::Bytes(&packet.bytes));
        }
    }

    fn close(&mut self, flows: u64) {
        for flow in 0..flows {
            self.segment(flow, Side::Client, 0, Payload::Close(CloseReason::Gone));
        }
    }
}

fn origin() -> Origin {
    Origin {
        client: ([10, 0, 0, 1], 40000).into(),
        server: ([10, 0, 0, 2], 80).into(),
        role: Role::Unknown,
        hop: Hop::Private,
        interface: None,
        workload: None,
        encrypted: false,
    }
}

/// Bytes that a reader holds for flows each of which has had an exchange.
#[expect(clippy::cast_precision_loss, reason = "a measurement needs no more digits")]
pub(crate) fn idle_flow_bytes(flows: u64) -> f64 {
    let before = count::live();
    let limits = Limits { flows_max: usize::try_from(flows).expect("few"), ..Limits::default() };
    let mut player = Player::new(limits);
    let one = Talk::http1(&Exchange::benign(), 1, 1).packets;
    player.open(flows);
    for flow in 0..flows {
        for packet in &one {
            player.segment(flow, packet.side, packet.seq, Payload::Bytes(&packet.bytes));
        }
        if flow % 1000 == 0 {
            player.tick();
        }
    }
    player.tick();
    (count::live() - before) as f64
}

impl Player {
    /// A second passes: what was held for the account is given.
    fn tick(&mut self) {
        self.now += 1_000_000_000;
        self.handle(Input::Tick(Timestamp::from_nanos(self.now)));
    }
}

/// The most bytes that a reader holds while many more flows begin than it may know, and what the flows that it may know cost.
#[expect(clippy::cast_precision_loss, reason = "a measurement needs no more digits")]
pub(crate) fn attempted_flow_bytes(flows: u64) -> (f64, f64) {
    let limits = Limits::default();
    // A table doubles: the old one and the new one are there at once.
    let ceiling = limits.flows_max * 1024 * 2 + limits.buffered_bytes_max;
    let before = count::live();
    count::forget_peak();
    let mut player = Player::new(limits);
    let half = Talk::http1(&Exchange::benign(), 1, 1).in_pieces(100).packets;
    for flow in 0..flows {
        player.handle(Input::Origin(FlowId::new(flow), origin()));
        let packet = &half[0];
        player.segment(flow, packet.side, packet.seq, Payload::Bytes(&packet.bytes));
    }
    ((count::peak() - before) as f64, ceiling as f64)
}

/// Heads of several senders.
pub(crate) fn heads() -> [(&'static str, &'static [u8], Side); 5] {
    [
        ("wrk", b"GET /items/17 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAuthorization: Bearer bench-4f9a1c77b0e2d6385ac1\r\nAccept: application/json\r\n\r\n", Side::Client),
        ("nginx", b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Tue, 24 Nov 2026 17:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: 1024\r\nConnection: keep-alive\r\n\r\n", Side::Server),
        ("browser", BROWSER, Side::Client),
        ("gateway", GATEWAY, Side::Server),
        ("minimal", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", Side::Client),
    ]
}

const BROWSER: &[u8] = b"GET /api/v2/users/4711/orders?page=2&per_page=50&sort=-created_at HTTP/1.1\r\nHost: shop.example.com\r\nConnection: keep-alive\r\nsec-ch-ua: \"Chromium\";v=\"130\", \"Not?A_Brand\";v=\"99\"\r\nsec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: \"Linux\"\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36\r\nAccept: application/json, text/plain, */*\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nReferer: https://shop.example.com/account/orders\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9\r\nCookie: session=2f1c6f0e9f5d4a7b8c3d; theme=dark; _ga=GA1.2.1234567890.1700000000\r\n\r\n";

const GATEWAY: &[u8] = b"HTTP/1.1 200 OK\r\nDate: Tue, 24 Nov 2026 17:00:00 GMT\r\nContent-Type: application/json; charset=utf-8\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\nVary: Accept-Encoding, Origin\r\nX-Request-Id: 8f14e45f-ceea-467f-a0e6-1c1f2b3d4e5f\r\nX-RateLimit-Limit: 1000\r\nX-RateLimit-Remaining: 987\r\nCache-Control: max-age=0, private, must-revalidate\r\nETag: W/\"7215ee9c7d9dc229d2921a40e899ec5f\"\r\nStrict-Transport-Security: max-age=31536000; includeSubDomains\r\nX-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\nServer: envoy\r\nx-envoy-upstream-service-time: 12\r\n\r\n";

/// What wire does with a head: fields, oddities, framing.
pub(crate) fn read_ours(head: &[u8], side: Side) -> (usize, usize) {
    let read = apiscope_wire::http::measured_head(head, side);
    assert!(read.1 > 0);
    read
}

/// httparse alone, into as many fields as its users give it.
pub(crate) fn read_bare(head: &[u8], side: Side) -> (usize, usize) {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    match side {
        Side::Client => {
            let mut request = httparse::Request::new(&mut fields);
            let read = request.parse(head).expect("a head");
            (read.unwrap(), request.headers.len())
        }
        Side::Server => {
            let mut response = httparse::Response::new(&mut fields);
            let read = response.parse(head).expect("a head");
            (read.unwrap(), response.headers.len())
        }
    }
}

type Log = Arc<Mutex<Vec<(Side, Vec<u8>)>>>;

/// One end of a pipe: what is written is remembered.
struct Tap {
    io: DuplexStream,
    side: Side,
    log: Log,
}

impl AsyncRead for Tap {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Tap {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        if let Poll::Ready(Ok(n)) = written {
            self.log.lock().expect("the log").push((self.side, bytes[..n].to_vec()));
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// What two peers of the `h2` crate write in so many exchanges.
fn record(count: u16) -> Vec<(Side, Vec<u8>)> {
    let log = Log::default();
    let (client, server) = tokio::io::duplex(1 << 20);
    let tap = |io, side| Tap { io, side, log: Arc::clone(&log) };
    let (client, server) = (tap(client, Side::Client), tap(server, Side::Server));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async { tokio::join!(serve(server), call(client, count)) });
    drop(runtime);
    Arc::try_unwrap(log).expect("both are gone").into_inner().expect("the log")
}

async fn serve(tap: Tap) {
    let mut connection = h2::server::handshake(tap).await.expect("a handshake");
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        let response = http::Response::builder()
            .header("content-type", "application/json")
            .header("server", "bench")
            .header("date", "Tue, 24 Nov 2026 17:00:00 GMT")
            .header("content-length", "1024");
        let mut body = respond.send_response(response.body(()).expect("a response"), false).expect("sent");
        body.send_data(Bytes::from_static(&[b'x'; 1024]), true).expect("sent");
    }
}

async fn call(tap: Tap, count: u16) {
    let (mut sender, connection) = h2::client::handshake(tap).await.expect("a handshake");
    let driver = tokio::spawn(connection);
    let mut running: std::collections::VecDeque<Pin<Box<dyn Future<Output = ()>>>> = std::collections::VecDeque::new();
    for number in 0..count {
        sender = sender.ready().await.expect("ready");
        let uri = format!("http://api.example.com/items/{}?full=1", number % 100);
        let request =
            http::Request::builder().uri(uri).header("accept", "application/json").header("user-agent", "bench");
        let (response, _) = sender.send_request(request.body(()).expect("a request"), true).expect("sent");
        running.push_back(Box::pin(async {
            let mut body = response.await.expect("a response").into_body();
            while let Some(part) = body.data().await {
                let part = part.expect("a part");
                body.flow_control().release_capacity(part.len()).expect("as much as came");
            }
        }));
        if running.len() >= 16
            && let Some(first) = running.pop_front()
        {
            first.await;
        }
    }
    for one in running {
        one.await;
    }
    drop(sender);
    let _ = driver.await;
}
