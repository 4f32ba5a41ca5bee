//! HTTP/2 bodies longer than is copied: what a hole costs, and where the frames are found again behind it.

mod common;

use apiscope_wire::{Limits, Side};
use common::{Act, Outcome, Transcript, play, steps};

/// Of `:method GET`, `:scheme http`, `:path /`, each by index; and of `:status 200`.
const GET: &[u8] = &[0x82, 0x86, 0x84];
const OK: &[u8] = &[0x88];

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("small").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn data(stream: u32, flags: u8) -> Vec<u8> {
    frame(0, flags, stream, &[b'x'; 16_384])
}

/// Two requests, and the answers of a server: of what it sends, the bytes in `hole` are passed over.
fn talk(settings: &[u8], answers: &[u8], hole: std::ops::Range<usize>) -> Outcome {
    let mut transcript = Transcript::default();
    let ask = [frame(1, END_STREAM | END_HEADERS, 1, GET), frame(1, END_STREAM | END_HEADERS, 3, GET)].concat();
    let first = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(4, 0, 0, settings), ask].concat();
    transcript.push(Side::Client, &first);
    transcript.push(Side::Server, &answers[..hole.start]);
    transcript.acts.push((Side::Server, Act::Skipped(u32::try_from(hole.len()).expect("small"))));
    transcript.push(Side::Server, &answers[hole.end..]);
    let got = play(Limits::default(), &steps(&transcript, &mut |n| n.min(1448)));
    assert_eq!(got.coverage.socket(), transcript.sent());
    got
}

fn responses(got: &Outcome) -> Vec<(u32, String)> {
    let lines = got.lines.iter().filter(|line| !line.client);
    lines.map(|line| (line.index, line.text.replace(&format!("<{}>", 16_384 * 4), "<64 KiB>"))).collect()
}

/// A long answer on stream 1, then a short one on stream 3.
fn answers() -> Vec<u8> {
    let mut bytes = [frame(4, 0, 0, &[]), frame(1, END_HEADERS, 1, OK)].concat();
    (0..9).for_each(|_| bytes.extend(data(1, 0)));
    bytes.extend(data(1, END_STREAM));
    bytes.extend(frame(1, END_STREAM | END_HEADERS, 3, OK));
    bytes.extend(frame(6, 0, 0, &[0; 8]));
    bytes
}

#[test]
fn a_hole_inside_a_frame_of_a_body_costs_no_more_than_its_bytes() {
    let got = talk(&[], &answers(), 40_000..45_000);
    let told = responses(&got);
    assert_eq!(told.len(), 2, "{}", got.render());
    assert!(told[0].0 == 0 && told[0].1.ends_with("of 163840"), "{told:?}");
    assert_eq!(told[1], (1, "200".to_owned()));
    assert_eq!(got.coverage.unparsed.joined_late, 0);
}

#[test]
fn behind_a_hole_across_frames_the_next_provable_frame_is_found() {
    let got = talk(&[], &answers(), 20_000..70_000);
    let told = responses(&got);
    assert!(told[0].0 == 0 && told[0].1.ends_with("of ? incomplete"), "{told:?}");
    assert_eq!(told[1..], [(1, "200".to_owned())], "the other answer is whole: {}", got.render());
    // A frame's rest, and as much as it takes to prove where the next begins.
    let unread = got.coverage.unparsed.joined_late;
    assert!((10_000..70_000).contains(&unread), "{unread}");
}

#[test]
fn a_receiver_of_longer_frames_is_believed() {
    // SETTINGS_MAX_FRAME_SIZE of 40,000: proof takes longer.
    let long = |flags| frame(0, flags, 1, &vec![b'x'; 40_000]);
    let mut bytes = [frame(4, 0, 0, &[]), frame(1, END_HEADERS, 1, OK)].concat();
    (0..6).for_each(|_| bytes.extend(long(0)));
    bytes.extend(long(END_STREAM));
    bytes.extend(frame(1, END_STREAM | END_HEADERS, 3, OK));
    bytes.extend(frame(6, 0, 0, &[0; 8]));
    let got = talk(&[0, 5, 0, 0, 0x9c, 0x40], &bytes, 20_000..70_000);
    assert_eq!(responses(&got)[1..], [(1, "200".to_owned())], "{}", got.render());
    // One that has said nothing of it does not get such frames.
    let got = talk(&[], &bytes, 20_000..70_000);
    assert_eq!(responses(&got).len(), 1, "{}", got.render());
}

/// Who writes a body may write frames into it, but not where the true ones are.
#[test]
fn frames_written_into_a_body_are_not_taken_for_answers() {
    let lie = [frame(1, END_STREAM | END_HEADERS, 3, &[0x8d]), frame(6, 0, 0, &[0; 8])].concat();
    for shift in 0..12 {
        let mut payload = vec![b'x'; shift];
        while payload.len() + lie.len() <= 16_384 {
            payload.extend_from_slice(&lie);
        }
        payload.resize(16_384, b'x');
        let body = frame(0, 0, 1, &payload);
        let mut bytes = [frame(4, 0, 0, &[]), frame(1, END_HEADERS, 1, OK)].concat();
        (0..9).for_each(|_| bytes.extend_from_slice(&body));
        bytes.extend(data(1, END_STREAM));
        let got = talk(&[], &bytes, 20_000..70_000);
        let told = responses(&got);
        assert!(told.iter().all(|(_, text)| !text.starts_with("404")), "{shift}: {told:?}");
    }
}
