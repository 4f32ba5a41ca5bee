//! How far a long step is: a bar on a terminal, plain lines elsewhere. Progress goes to stderr; stdout is for data.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    io::{IsTerminal, stderr},
    time::{Duration, Instant},
};

/// Without a terminal, a line at most this often.
const PLAIN_EVERY: Duration = Duration::from_secs(10);
const BAR_MAX: u64 = 100;

/// One long step. Ends with [`Progress::done`].
pub(crate) struct Progress {
    title: String,
    bar: Option<ProgressBar>,
    started: Instant,
    told: Instant,
}

impl Progress {
    /// Begins a step.
    pub(crate) fn start(title: &str) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(BAR_MAX), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{spinner} {prefix} {bar:24} {percent:>3} % {wide_msg}");
            bar.set_style(style.expect("a constant template"));
            bar.set_prefix(title.to_owned());
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        if bar.is_none() {
            eprintln!("{title} ...");
        }
        let now = Instant::now();
        Self { title: title.to_owned(), bar, started: now, told: now }
    }

    /// `percent` of it is done; `what` is being done now.
    pub(crate) fn at(&mut self, percent: u64, what: &str) {
        if let Some(bar) = &self.bar {
            bar.set_position(percent.min(BAR_MAX));
            bar.set_message(what.to_owned());
        } else if self.told.elapsed() >= PLAIN_EVERY {
            self.told = Instant::now();
            eprintln!("  {} %, {what}", percent.min(BAR_MAX));
        }
    }

    /// The step ended well.
    pub(crate) fn done(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        eprintln!("{}: done in {:.1} s", self.title, self.started.elapsed().as_secs_f64());
    }
}
