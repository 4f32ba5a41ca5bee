//! What the BPF programs have to say, as the agent's own log lines.

use log::{Level, Log, Metadata, Record};

/// Hands the lines of `aya-log` to `tracing`.
#[derive(Clone, Copy, Debug)]
pub(super) struct ToTracing;

impl Log for ToTracing {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let words = record.args();
        match record.level() {
            Level::Error => tracing::error!(target: "apiscope::bpf", "{words}"),
            Level::Warn => tracing::warn!(target: "apiscope::bpf", "{words}"),
            Level::Info => tracing::info!(target: "apiscope::bpf", "{words}"),
            Level::Debug => tracing::debug!(target: "apiscope::bpf", "{words}"),
            Level::Trace => tracing::trace!(target: "apiscope::bpf", "{words}"),
        }
    }

    fn flush(&self) {}
}
