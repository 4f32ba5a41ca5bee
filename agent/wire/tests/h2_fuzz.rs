//! The fuzzer's targets of HTTP/2 and of content codings, on bytes that are the same in every run.

mod common;
#[allow(dead_code, reason = "each test binary uses a part")]
#[path = "../fuzz/targets.rs"]
mod targets;

use common::Random;

fn bytes(random: &mut Random, most: usize) -> Vec<u8> {
    (0..random.below(most)).map(|_| u8::try_from(random.below(256)).expect("a byte")).collect()
}

#[test]
fn any_frames_are_accounted_for() {
    for seed in 1..=1500 {
        let mut random = Random(seed);
        let mut data = Vec::new();
        for _ in 0..random.below(30) {
            let payload = bytes(&mut random, 60);
            // Header blocks mostly: a head and its end, of either side.
            let kind = [0x01, 0x11, 0x00, 0x10, 0x09, 0x19, 0x15, 0x03][random.below(8)];
            let flags = [0x05, 0x04, 0x01, 0x0d, 0x25, 0x00][random.below(6)];
            let stream = u8::try_from(random.below(8)).expect("a byte");
            data.extend_from_slice(&[kind, flags, stream, u8::try_from(payload.len()).expect("a byte")]);
            data.extend_from_slice(&payload);
        }
        targets::h2(&data);
    }
}

#[test]
fn any_coded_bytes_are_bounded() {
    for seed in 1..=3000 {
        targets::coding(&bytes(&mut Random(seed), 200));
    }
}
