//! The command line from outside: real processes, real files, real signals.

mod check;
mod classes;
mod inventory;
mod run;
mod support;
mod traffic;
