//! The only pass over bytes: facts of each message, and the pairing of request and response.

use std::sync::Arc;

use apiscope_wire::Event;

use crate::exchange::Record;
use crate::secret::FingerprintKey;
use crate::settings::Settings;

/// One per shard. Bounded in exchanges that wait for their other half.
#[derive(Debug)]
pub struct Gather {
    key: Arc<FingerprintKey>,
    settings: Arc<Settings>,
}

impl Gather {
    /// With the installation's key.
    pub fn new(key: Arc<FingerprintKey>, settings: Arc<Settings>) -> Self {
        Self { key, settings }
    }

    /// New settings from now on.
    pub fn configure(&mut self, settings: Arc<Settings>) {
        self.settings = settings;
    }

    /// Scans, pairs, forgets. [`Event::Verdict`] is not for here: capture takes it.
    pub fn handle(&mut self, event: Event<'_>, emit: &mut dyn FnMut(Record)) {
        let _ = (event, emit, &self.key);
    }
}
