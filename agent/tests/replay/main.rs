//! Replay from outside: scripts of segments, files that real tools wrote and converted, and files made to hurt.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

mod encapsulations;
mod files;
mod flows;
mod h2;
mod hostile;
mod kernel;
mod line;

mod packets;
mod support;
mod tls;
mod tools;
