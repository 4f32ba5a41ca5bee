//! What does not work now: one entry a part, set and cleared by whoever notices.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use apiscope_wire::Timestamp;

use crate::trouble::Trouble;
use crate::view::{Problem, rfc3339};

/// The board of troubles. Parts are few and named by the code and the configuration, so it is bounded by them.
#[derive(Debug, Default)]
pub struct Health(Mutex<BTreeMap<String, Problem>>);

impl Health {
    /// The part does not work. Logged when it is new or has changed.
    pub fn set(&self, part: &str, trouble: &Trouble, now: Timestamp) {
        let mut problems = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = match problems.get(part) {
            Some(known) if known.what == trouble.what => return,
            Some(known) => known.since.clone(),
            None => rfc3339(now),
        };
        tracing::error!("{part}: {}; what to do: {}", trouble.what, trouble.todo);
        let problem = Problem { part: part.to_owned(), what: trouble.what.clone(), todo: trouble.todo.clone(), since };
        problems.insert(part.to_owned(), problem);
    }

    /// The part works. Logged if it did not.
    pub fn clear(&self, part: &str) {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(part);
        if known.is_some() {
            tracing::info!("{part}: works again");
        }
    }

    /// Clears all parts whose name begins so, but for those named.
    pub fn keep(&self, prefix: &str, kept: &[String]) {
        let mut problems = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        problems.retain(|part, _| !part.starts_with(prefix) || kept.contains(part));
    }

    /// All, by part.
    pub fn problems(&self) -> Vec<Problem> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}
