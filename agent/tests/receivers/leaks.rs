//! 200 secrets on the wire, in headers, addresses, forms, JSON and cookies, cut into segments anywhere: none of them, in no form and no
//! part, is in the store's files, in the metrics, or in what receivers are sent.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use apiscope::metrics::Metrics;
use apiscope::notify::{Context, Notifier, Receivers, alertmanager};
use apiscope::pipeline::{Owner, Pipeline, Shard};
use apiscope::store::{Options, Store, ephemeral_key};
use apiscope_audit::{Change, Restored, Settings, Severity};
use apiscope_wire::{CloseReason, FlowId, Hop, Input, Limits, Origin, Payload, Role, Segment, Seq, Side, Timestamp};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::support::{Dice, Server, now, wait_for};
use super::webhook;

const SECRETS: usize = 200;

/// Where they are planted. `{s}` is the secret, `{b}` the base64 of `admin:` and it.
const PLACES: [&str; 14] = [
    "GET /a HTTP/1.1\nAuthorization: Basic {b}",
    "GET /a HTTP/1.1\nAuthorization: Bearer {s}",
    "GET /a HTTP/1.1\nAuthorization: Odd {s}",
    "GET /a HTTP/1.1\nX-Api-Key: {s}",
    "GET /a HTTP/1.1\nX-Anything: {s}\nReferer: http://a/?k={s}",
    "GET /a HTTP/1.1\nCookie: a=b; JSESSIONID={s}; other={s}",
    "GET /a?api_key={s}&x={s} HTTP/1.1",
    "GET /a;jsessionid={s}/b HTTP/1.1",
    "GET /reset/{s}/now HTTP/1.1",
    "GET /a?{s}=1 HTTP/1.1",
    "GET http://admin:{s}@host/a HTTP/1.1",
    "POST /login HTTP/1.1\nContent-Type: application/x-www-form-urlencoded\n\nuser=admin&password={s}",
    "POST /login HTTP/1.1\nContent-Type: application/json\n\n{\"user\":\"a\",\"deep\":[{\"password\":\"{s}\"}],\"token\":\"{s}\"}",
    "POST /upload HTTP/1.1\nContent-Type: text/plain\n\n{s}",
];

/// What is no secret, and so has to be found: a search that finds nothing proves nothing.
const MARKER: &str = "visible-marker";

fn secret(dice: &mut Dice) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let length = 32 + usize::try_from(dice.roll(20)).expect("it is small");
    (0..length).map(|_| char::from(ALPHABET[usize::try_from(dice.roll(62)).expect("it is small")])).collect()
}

/// The request's bytes: lines end as they should, and the body has its length.
fn request(place: &str, secret: &str) -> Vec<u8> {
    let basic = STANDARD.encode(format!("admin:{secret}"));
    let text = place.replace("{s}", secret).replace("{b}", &basic);
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let head = head.replace('\n', "\r\n");
    let host = if head.contains("\r\nHost:") { "" } else { "\r\nHost: orders.example" };
    format!("{head}{host}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// One connection with one exchange, its bytes in segments of any size.
fn exchange(pipeline: &mut Pipeline, number: u64, sent: &[u8], dice: &mut Dice, emit: &mut dyn FnMut(Change)) {
    let flow = FlowId::new(number);
    let origin = Origin {
        client: std::net::SocketAddr::from(([10, 0, 0, 1], 40_000)),
        server: std::net::SocketAddr::from(([10, 0, 0, 2], 80)),
        role: Role::Served,
        hop: Hop::Private,
        interface: Some("eth0".into()),
        workload: None,
        encrypted: false,
    };
    let mut handle = |input: Input<'_>| pipeline.handle(input, &mut |_, _| {}, emit);
    handle(Input::Origin(flow, origin));
    let answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    for (side, bytes) in [(Side::Client, sent), (Side::Server, &answer[..])] {
        let mut seq = 1000;
        let mut give = |payload, seq| {
            handle(Input::Segment(Segment { flow, side, at: now(), seq: Seq(seq), payload }));
        };
        give(Payload::Open, seq);
        let mut rest = bytes;
        while !rest.is_empty() {
            let (piece, left) = rest.split_at(rest.len().min(1 + usize::try_from(dice.roll(60)).expect("it is small")));
            give(Payload::Bytes(piece), seq);
            seq += u32::try_from(piece.len()).expect("it is small");
            rest = left;
        }
    }
    for side in [Side::Client, Side::Server] {
        let payload = Payload::Close(CloseReason::Gone);
        handle(Input::Segment(Segment { flow, side, at: now(), seq: Seq(0), payload }));
    }
}

/// Runs of a secret by which it would be known, in any case of letters: eight characters as they are or in base64, eight bytes in
/// hexadecimal.
struct Search {
    plain: HashSet<Vec<u8>>,
    hex: HashSet<Vec<u8>>,
}

impl Search {
    fn new(secrets: &[String]) -> Self {
        let windows =
            |text: &str, size| text.to_lowercase().as_bytes().windows(size).map(<[u8]>::to_vec).collect::<Vec<_>>();
        let (mut plain, mut hex) = (HashSet::new(), HashSet::new());
        for secret in secrets {
            plain.extend(windows(secret, 8));
            for before in ["", "a", "ab", "admin:"] {
                let coded = STANDARD.encode(format!("{before}{secret}"));
                // The first and the last group mix with what stands beside the secret.
                plain.extend(windows(&coded[8..coded.len() - 4], 8));
            }
            let digits: Vec<String> = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
            hex.extend(windows(&digits.concat(), 16));
        }
        Self { plain, hex }
    }

    fn finds(&self, output: &[u8]) -> Option<String> {
        let output = output.to_ascii_lowercase();
        let found = output.windows(8).find(|run| self.plain.contains(*run));
        found
            .or_else(|| output.windows(16).find(|run| self.hex.contains(*run)))
            .map(|run| String::from_utf8_lossy(run).into_owned())
    }
}

#[test]
fn no_sink_shows_a_planted_secret() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, _) = Store::open(Options::new(dir.path())).expect("it opens");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = Server::start(Box::new(|_| Some(200)));
    let everything = alertmanager::Config {
        urls: vec![server.url()],
        min_severity: Severity::Info,
        life_min: Duration::ZERO,
        ..alertmanager::Config::default()
    };
    let receivers = Receivers { alertmanager: vec![everything], ..webhook::receivers(server.url()) };
    let context = Context { instance: "web-1".into(), environment: "test".into(), external_url: None };
    let notifier = Notifier::start(runtime.handle(), receivers, &context, &store).expect("it starts");
    let metrics = Metrics::new();

    let mut dice = Dice(42);
    let settings = Arc::new(Settings { environment: "test".into(), ..Settings::default() });
    let key = Arc::new(ephemeral_key().expect("random bytes"));
    let shard = Shard::new(Limits::default(), key, Arc::clone(&settings));
    let mut pipeline = Pipeline::new(shard, Owner::new(settings, Restored::default()));
    let (mut calls, mut alerts) = (0, 0);
    let mut emit = |change: Change| {
        calls += usize::from(matches!(change, Change::Call(_)));
        alerts += usize::from(matches!(change, Change::Alert(_)));
        metrics.observe(&change);
        store.apply(&change);
    };
    let secrets: Vec<String> = (0..SECRETS).map(|_| secret(&mut dice)).collect();
    for (number, secret) in (1..).zip(&secrets) {
        let place = PLACES[usize::try_from(number).expect("it is small") % PLACES.len()];
        exchange(&mut pipeline, number, &request(place, secret), &mut dice, &mut emit);
    }
    let marker = request(&format!("GET /{MARKER} HTTP/1.1\nAuthorization: Bearer {{s}}"), &secrets[0]);
    exchange(&mut pipeline, 9_999, &marker, &mut dice, &mut emit);
    let later = Timestamp::from_nanos(now().as_nanos() + 2_000_000_000);
    pipeline.handle(Input::Tick(later), &mut |_, _| {}, &mut emit);
    pipeline.flush(later, &mut emit);
    assert_eq!(calls, SECRETS + 1);
    assert!(alerts >= 3, "{alerts} alerts");

    store.flush().expect("it writes");
    wait_for("receivers have everything", 30, || {
        let snapshots = notifier.snapshot();
        snapshots.iter().all(|snapshot| snapshot.waiting == 0 && snapshot.sent >= alerts as u64).then_some(())
    });
    runtime.block_on(notifier.stop());
    store.close();
    let mut outputs: Vec<(String, Vec<u8>)> = vec![("metrics".into(), metrics.render().into_bytes())];
    for (number, sent) in server.seen().into_iter().enumerate() {
        outputs.push((format!("shipment {number}"), [format!("{:?}", sent.headers).into_bytes(), sent.body].concat()));
    }
    for file in std::fs::read_dir(dir.path()).expect("a directory").flatten() {
        outputs.push((file.path().display().to_string(), std::fs::read(file.path()).expect("it can be read")));
    }
    let search = Search::new(&secrets);
    for (name, output) in &outputs {
        assert_eq!(search.finds(output), None, "{name} shows a part of a secret");
    }
    let marker = Search::new(&[MARKER.to_owned()]);
    let found = |part: &str| outputs.iter().any(|(name, output)| name.contains(part) && marker.finds(output).is_some());
    assert!(found("metrics") && found("shipment") && found("apiscope.db"), "the search itself finds nothing");
}
