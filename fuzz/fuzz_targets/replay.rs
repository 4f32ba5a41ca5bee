//! `cargo xtask fuzz replay`; what it does is in `targets/replay.rs`.
#![no_main]
#![allow(dead_code, reason = "each target uses a part")]

#[path = "../targets/meter.rs"]
mod meter;
#[path = "../targets/replay.rs"]
mod replay;

libfuzzer_sys::fuzz_target!(|data: &[u8]| replay::replay(data));
