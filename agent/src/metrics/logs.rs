//! Counts log messages by level, as a layer of the log itself.

use std::sync::atomic::{AtomicU64, Ordering};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Levels with their label values.
pub(super) const LEVELS: [(Level, &str); 5] = [
    (Level::ERROR, "error"),
    (Level::WARN, "warn"),
    (Level::INFO, "info"),
    (Level::DEBUG, "debug"),
    (Level::TRACE, "trace"),
];

static COUNTS: [AtomicU64; LEVELS.len()] = [const { AtomicU64::new(0) }; LEVELS.len()];

/// The layer; to be added to the subscriber once.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogCounter;

impl<S: Subscriber> Layer<S> for LogCounter {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let place = LEVELS.iter().position(|(level, _)| level == event.metadata().level());
        if let Some(count) = place.and_then(|place| COUNTS.get(place)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Messages by level so far.
pub(super) fn counts() -> impl Iterator<Item = (&'static str, u64)> {
    LEVELS.iter().zip(&COUNTS).map(|((_, name), count)| (*name, count.load(Ordering::Relaxed)))
}
