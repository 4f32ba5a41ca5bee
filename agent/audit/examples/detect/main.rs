//! What the facts find and what they cost, on bodies made from a seed. `cargo xtask bench detect` runs it beside other programs.

#![expect(clippy::disallowed_types, reason = "a measurement from outside: it has a clock and arguments")]
#![expect(clippy::cast_precision_loss, reason = "times for people, to three digits")]

mod speed;

fn main() {
    speed::run();
}
