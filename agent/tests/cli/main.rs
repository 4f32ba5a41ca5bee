//! The command line from outside: real processes, real files, real signals.

mod check;
mod classes;
mod run;
mod support;
mod traffic;
