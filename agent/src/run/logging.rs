//! The log: to stderr, for people and the journal. Its level comes from the configuration or `--log`, never from the
//! environment, and can change while running. No value from traffic is ever logged.

use crate::metrics::LogCounter;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt};

/// Sets the level of a running log.
pub(super) struct Log(reload::Handle<EnvFilter, Registry>);

/// Begins the log, to which a defect of our own goes too: where it is, without the message, which may quote what was read.
pub(super) fn start(level: &str) -> Log {
    std::panic::set_hook(Box::new(|defect| {
        let place = defect.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("without a name");
        tracing::error!("a defect of apiscope at {place} in the thread {thread}; please report it with this line");
    }));
    let (filter, handle) = reload::Layer::new(filter(level));
    let colour = crate::cli::colour(&std::io::stderr());
    let layer = fmt::layer().with_writer(std::io::stderr).with_ansi(colour).with_target(false);
    // Fails only where a log was begun before, and then that one stays.
    let _ = tracing_subscriber::registry().with(filter).with(layer).with(LogCounter).try_init();
    Log(handle)
}

impl Log {
    /// Another level from now on.
    pub(super) fn set(&self, level: &str) {
        // Fails only when the log is gone.
        let _ = self.0.reload(filter(level));
    }
}

/// Our own messages at this level; libraries only when something is wrong.
fn filter(level: &str) -> EnvFilter {
    EnvFilter::new(format!("warn,apiscope={level}"))
}
