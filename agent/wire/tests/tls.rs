//! TLS: every bound is reached, holds and is counted; what is said of a handshake that is not whole; hostile bytes.

mod common;
#[path = "../../../fuzz/targets/meter.rs"]
#[expect(clippy::disallowed_types, reason = "a test may look at the clock")]
mod meter;
#[allow(dead_code, reason = "each test binary uses a part")]
#[path = "../../../fuzz/targets/wire.rs"]
mod targets;

use std::path::Path;

use apiscope_wire::{Limits, Side};
use common::{Act, Outcome, Random, Transcript, play, steps};

/// A transcript of `cases/`.
#[expect(clippy::disallowed_methods, reason = "the cases are files")]
fn case(name: &str) -> Transcript {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/cases/{name}.http"));
    Transcript::parse(&std::fs::read_to_string(path).expect("a case"))
}

fn played(transcript: &Transcript) -> Outcome {
    play(Limits::default(), &steps(transcript, &mut |n| n))
}

/// The bytes of the first act of each side.
fn hellos(name: &str) -> [Vec<u8>; 2] {
    let transcript = case(name);
    [Side::Client, Side::Server].map(|wanted| {
        let bytes = transcript.acts.iter().find_map(|(side, act)| match act {
            Act::Bytes(bytes) if *side == wanted => Some(bytes.clone()),
            _ => None,
        });
        bytes.expect("bytes of both sides")
    })
}

fn talk(client: &[u8], server: &[u8]) -> Outcome {
    let mut transcript = Transcript::default();
    transcript.push(Side::Client, client);
    transcript.push(Side::Server, server);
    transcript.acts.push((Side::Client, Act::Fin));
    transcript.acts.push((Side::Server, Act::Fin));
    played(&transcript)
}

/// A handshake message in records of this size.
fn records(kind: u8, content: &[u8], size: usize) -> Vec<u8> {
    let len = u32::try_from(content.len()).expect("small").to_be_bytes();
    let message = [&[kind][..], &len[1..], content].concat();
    let record = |content: &[u8]| {
        let len = u16::try_from(content.len()).expect("a record").to_be_bytes();
        [&[0x16, 3, 3][..], &len, content].concat()
    };
    message.chunks(size).flat_map(record).collect()
}

/// A server's first record, its hello.
fn server_hello(server: &[u8]) -> &[u8] {
    &server[..5 + usize::from(u16::from_be_bytes([server[3], server[4]]))]
}

/// The content of the message of certificates.
fn certificates(server: &[u8]) -> &[u8] {
    let after = &server[server_hello(server).len()..];
    &server_hello(after)[9..]
}

#[test]
fn a_long_chain_is_read_up_to_its_bound() {
    let [client, server] = hellos("tls_12_ecdsa");
    let list = &certificates(&server)[3..];
    let chain = |n: usize| {
        let list = list.repeat(n);
        let len = u32::try_from(list.len()).expect("small").to_be_bytes();
        let message = records(11, &[&len[1..], &list].concat(), 16_000);
        talk(&client, &[server_hello(&server), &message].concat())
    };
    let (ten, eleven) = (chain(10), chain(11));
    assert_eq!(ten.verdicts[0].matches("shop.example.com").count(), 1 + 2 * 10);
    assert!(!ten.verdicts[0].contains("and more") && eleven.verdicts[0].ends_with("and more"));
    assert_eq!(eleven.verdicts[0].matches("shop.example.com").count(), 1 + 2 * 10);
    let too_long = chain(150);
    assert!(too_long.verdicts[0].ends_with("c02c None ?"), "{}", too_long.verdicts[0]);
    assert_eq!((eleven.counters.handshakes_too_long, too_long.counters.handshakes_too_long), (0, 1));
}

#[test]
fn messages_in_too_many_records_are_not_read() {
    cov_mark::check_count!(tls_records_max, 2);
    let [client, server] = hellos("tls_12_ecdsa");
    let list = certificates(&server);
    let fits = talk(&client, &[server_hello(&server), &records(11, list, list.len() / 60)].concat());
    assert!(fits.verdicts[0].contains("P384"), "{}", fits.render());
    let not = talk(&client, &[server_hello(&server), &records(11, list, list.len() / 70)].concat());
    assert!(not.verdicts[0].ends_with("c02c None ?"), "{}", not.render());
    let hello = &client[9..];
    assert!(talk(&records(1, hello, hello.len() / 10), &server).verdicts[0].contains("P384"));
    let not_client = talk(&records(1, hello, hello.len() / 20), &server);
    assert!(not_client.verdicts[0].starts_with("hello ? -> 0303 c02c"), "{}", not_client.render());
    assert_eq!((not.counters.handshakes_too_long, not_client.counters.handshakes_too_long), (1, 1));
}

#[test]
fn messages_that_are_too_long_are_not_read() {
    cov_mark::check_count!(tls_message_max, 2);
    let [client, server] = hellos("tls_12_ecdsa");
    let long = talk(&records(1, &[client[9..].to_vec(), vec![0; 33_000]].concat(), 16_000), &server);
    assert!(long.verdicts[0].starts_with("hello ? -> 0303 c02c"), "{}", long.render());
    let long = talk(&client, &records(2, &vec![0; 33_000], 16_000));
    assert!(long.verdicts[0].ends_with("28 suites -> ? ?"), "{}", long.render());
}

#[test]
fn hellos_that_find_no_room_are_not_read() {
    let mut transcript = case("tls_12_rsa");
    transcript.acts.retain(|(_, act)| *act != Act::Fin);
    let limits = Limits { buffered_bytes_max: 700, ..Limits::default() };
    let got = play(limits, &steps(&transcript, &mut |_| 100));
    assert_eq!(got.counters.cut_by_memory, 1);
    assert_eq!(got.coverage.socket(), transcript.sent());
    assert!(got.verdicts[0].contains("-> 0303 c030") && got.verdicts[0].ends_with('?'), "{}", got.render());
    assert_eq!(got.counters.buffered_bytes, 0);
}

#[test]
fn a_hello_in_the_manner_of_ssl_2_is_counted() {
    cov_mark::check!(ssl2_hello);
    assert_eq!(played(&case("tls_ssl2_hello")).counters.ssl2_hellos, 1);
    assert_eq!(played(&case("not_http_high_bit")).counters.ssl2_hellos, 0);
}

#[test]
fn a_hello_whose_beginning_was_lost() {
    let mut transcript = case("tls_12_rsa");
    let Some((_, Act::Bytes(client))) = transcript.acts.first_mut() else { panic!("the client begins") };
    client.drain(..100);
    transcript.acts.insert(0, (Side::Client, Act::Lost(100)));
    let got = played(&transcript);
    assert!(got.verdicts[0].starts_with("hello ? -> 0303 c030 Some(\"http/1.1\")"), "{}", got.render());
    assert_eq!((got.coverage.lost.gap, got.coverage.socket()), (100, transcript.sent()));
}

/// The order in which the two directions are seen does not matter: any interleaving says the same.
#[test]
fn directions_in_any_order() {
    for name in ["tls_12_rsa", "tls_13_whole", "tls_13_retry", "tls_12_resumed", "tls_refused", "tls_12_anonymous"] {
        let whole = played(&case(name));
        let [client, server] = [Side::Client, Side::Server].map(|wanted| {
            let mut bytes = Vec::new();
            for (side, act) in &case(name).acts {
                match act {
                    Act::Bytes(more) if *side == wanted => bytes.extend_from_slice(more),
                    _ => {}
                }
            }
            bytes
        });
        for seed in 1..=20 {
            let mut random = Random(seed);
            let mut transcript = Transcript::default();
            let (mut client, mut server) = (&client[..], &server[..]);
            while !client.is_empty() || !server.is_empty() {
                let (side, rest) =
                    if random.chance(2) { (Side::Client, &mut client) } else { (Side::Server, &mut server) };
                let (now, after) = rest.split_at((1 + random.below(400)).min(rest.len()));
                transcript.push(side, now);
                *rest = after;
            }
            let got = played(&transcript);
            assert_eq!(got.verdicts, whole.verdicts, "{name} with seed {seed}");
            assert_eq!(got.coverage, whole.coverage, "{name} with seed {seed}");
        }
    }
}

/// Real handshakes with bytes changed, as the fuzzer's target takes them.
#[test]
fn changed_handshakes_do_no_harm() {
    let cases = ["tls_12_rsa", "tls_13_whole", "tls_12_resumed", "tls_10_self_issued"].map(hellos);
    for seed in 1..=3000 {
        let mut random = Random(seed);
        let mut data = Vec::new();
        for (side, bytes) in cases[random.below(cases.len())].iter().enumerate() {
            let mut rest = &bytes[..];
            while rest.len() > 5 {
                let len = usize::from(u16::from_be_bytes([rest[3], rest[4]])).min(rest.len() - 5);
                let mut content = rest[5..5 + len].to_vec();
                rest = &rest[5 + len..];
                for _ in 0..random.below(4) {
                    let at = random.below(content.len());
                    content[at] = [0, 1, 0x7f, 0x80, 0xff, 0x30][random.below(6)];
                }
                content.resize(content.len().next_multiple_of(16), 0);
                for part in content.chunks(4080) {
                    let kind = u8::try_from(side << 7 | 2).expect("a byte");
                    let size = u8::try_from(random.below(256)).expect("a byte");
                    data.extend([kind, size, u8::try_from(part.len() / 16).expect("a byte")]);
                    data.extend_from_slice(part);
                }
            }
        }
        targets::tls(&data);
    }
}
