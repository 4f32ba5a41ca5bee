//! Ctrl-C and SIGTERM as a request to end in order, so that nothing is left behind on the machine.

use anyhow::{Result, bail};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag,
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// From its making on, the signals no longer end the process: whoever made it looks at it.
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Catches the signals, for the rest of the process's life.
    pub(crate) fn catch() -> Result<Self> {
        let seen = Arc::new(AtomicBool::new(false));
        for signal in [SIGHUP, SIGINT, SIGTERM] {
            flag::register(signal, Arc::clone(&seen))?;
        }
        Ok(Self(seen))
    }

    /// Whether one has come.
    pub(crate) fn requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// An error if one has come.
    pub(crate) fn check(&self) -> Result<()> {
        if self.requested() {
            bail!("interrupted");
        }
        Ok(())
    }
}
