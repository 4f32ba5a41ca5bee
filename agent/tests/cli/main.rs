//! The command line from outside: real processes, real files, real signals.

mod check;
mod run;
mod support;
mod traffic;
