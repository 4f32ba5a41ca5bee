//! Other programs in the background: in a process group of their own, so that Ctrl-C reaches this program first and it
//! can end them in order; ended when dropped.

use crate::process;
use anyhow::{Context, Result};
use std::{
    fs,
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

    /// Its processor time so far, its own and the kernel's for it, in microseconds.
    pub(crate) fn cpu_us(&self) -> Result<f64> {
        let path = format!("/proc/{}/stat", self.0.id());
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        cpu_us(&text).with_context(|| format!("{path} is not understood"))
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

/// Fields 14 and 15 of `proc_pid_stat(5)`, in ticks, of which Linux always tells 100 a second. The name, field 2, may hold
/// anything and ends with the last parenthesis.
fn cpu_us(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(11).map(str::parse::<f64>);
    let (user, system) = (fields.next()?.ok()?, fields.next()?.ok()?);
    Some((user + system) * 10_000.0)
}

/// How long a program may take to end in order.
const GRACE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::cpu_us;

    #[test]
    fn processor_time_is_found_behind_any_name() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 1 0 5";
        assert!((cpu_us(stat).expect("well formed") - 2_000_000.0).abs() < 1.0);
        assert!(cpu_us("nonsense").is_none());
    }
}
