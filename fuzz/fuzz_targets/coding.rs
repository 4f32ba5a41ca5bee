//! `cargo +nightly fuzz run coding` in `agent/wire`; what it does is in `targets.rs`.
#![no_main]
#![allow(dead_code, reason = "each target uses one function")]

#[path = "../targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::coding(data));
