//! `cargo xtask fuzz websocket`; what it does is in `targets/wire.rs`.
#![no_main]
#![allow(dead_code, reason = "each target uses a part")]

#[path = "../targets/meter.rs"]
mod meter;
#[path = "../targets/wire.rs"]
mod wire;

libfuzzer_sys::fuzz_target!(|data: &[u8]| wire::websocket(data));
