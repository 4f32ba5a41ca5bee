//! Other programs in the background: in a process group of their own, so that Ctrl-C reaches this program first and it
//! can end them in order; ended when dropped.

use crate::process;
use anyhow::{Context, Result};
use std::{
    os::unix::process::CommandExt,
    process::{Child, Command, ExitStatus},
    thread::sleep,
    time::{Duration, Instant},
};

/// A started program.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let shown = process::shown(command);
        command.process_group(0);
        Ok(Self(command.spawn().with_context(|| format!("cannot start `{shown}`"))?))
    }

    /// Its status if it has ended by itself.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.0.try_wait()?)
    }

    /// Ends it: asks first, then does not.
    pub(crate) fn end(&mut self) {
        let deadline = Instant::now() + GRACE;
        process::output(process::command("kill").args(["-TERM", &self.0.id().to_string()]));
        while Instant::now() < deadline {
            // An error means that there is nothing to wait for any more.
            if self.0.try_wait().map_or(true, |status| status.is_some()) {
                return;
            }
            sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.try_wait().is_ok_and(|status| status.is_none()) {
            self.end();
        }
    }
}

/// How long a program may take to end in order.
const GRACE: Duration = Duration::from_secs(10);
