//! `cargo xtask fuzz references`; what it does is in `targets/audit.rs`.
#![no_main]
#![allow(dead_code, reason = "each target uses a part")]

#[path = "../targets/meter.rs"]
mod meter;
#[path = "../targets/audit.rs"]
mod audit;

libfuzzer_sys::fuzz_target!(|data: &[u8]| audit::references(data));
