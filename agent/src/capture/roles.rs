//! Reads the socket tables again when a flow turns up that the kernel does not know (it was missed at the start, or forgotten among
//! too many): beside the capture, and not too often.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use super::cgroup::Root;
use super::seed::{self, End};

/// The least time between two look-ups.
const AGAIN: Duration = Duration::from_secs(5);

/// The look-up that runs, if one does.
#[derive(Debug, Default)]
pub(super) struct Roles {
    running: Option<Receiver<Vec<End>>>,
    began: Option<Instant>,
}

impl Roles {
    /// What a look-up has found, once.
    pub(super) fn take(&mut self) -> Option<Vec<End>> {
        match self.running.as_ref()?.try_recv() {
            Err(TryRecvError::Empty) => None,
            found => {
                self.running = None;
                Some(found.unwrap_or_default())
            }
        }
    }

    /// Whether another may begin.
    pub(super) fn is_due(&self) -> bool {
        self.running.is_none() && self.began.is_none_or(|began| began.elapsed() >= AGAIN)
    }

    /// Begins a look-up.
    pub(super) fn begin(&mut self, root: Arc<Root>) {
        let (found, running) = mpsc::channel();
        self.began = Some(Instant::now());
        // Without a thread the channel is closed at once: then nothing is found.
        let _ = thread::Builder::new().name("roles".to_owned()).spawn(move || found.send(seed::look(&root).ends));
        self.running = Some(running);
    }
}
