//! The whole way on this host: real nginx, real curl, the real kernel, the real agent.

#[path = "../support/mod.rs"]
mod support;

mod apis;
mod exchanges;
mod life;
mod operations;
mod streams;
mod volume;

use std::sync::{Mutex, MutexGuard};

/// One at a time: each test loads programs on the whole host, and two cores are few.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
