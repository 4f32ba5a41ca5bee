//! Store, outbox and receivers from outside: real files, real kills, a real Alertmanager, and a foreign check of signatures.

mod alertmanager;
mod leaks;
mod live;
mod outbox;
mod sayings;
mod store;
mod support;
mod webhook;
