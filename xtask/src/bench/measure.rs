//! Times and medians.

use crate::process;
use anyhow::{Context, Result, bail};
use std::process::Command;

/// What a program took.
#[derive(Clone, Copy)]
pub(super) struct Took {
    /// Seconds by the clock.
    pub(super) wall_s: f64,
    /// Seconds of processor time, its own and the kernel's for it.
    pub(super) cpu_s: f64,
}

/// Runs it with its output thrown away. Bash measures: it knows the processor time of its children.
pub(super) fn timed(command: &Command) -> Result<Took> {
    let mut bash = process::command("bash");
    let script = "TIMEFORMAT='%3R %3U %3S'; { time \"$@\" >/dev/null 2>/dev/null; } 2>&1 || exit 1";
    bash.args(["-c", script, "bash"]).arg(command.get_program()).args(command.get_args());
    let shown = process::shown(command);
    let text = process::output(&mut bash).with_context(|| format!("`{shown}` fails"))?;
    let times = text.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>();
    match times.as_deref() {
        Ok([wall_s, user_s, system_s]) => Ok(Took { wall_s: *wall_s, cpu_s: user_s + system_s }),
        _ => bail!("bash tells no times: {text:?}"),
    }
}

/// The middle one. Zero of nothing.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
        assert!(median(Vec::new()).abs() < f64::EPSILON);
    }

    #[test]
    fn a_program_is_timed_or_its_failure_told() {
        let mut sleep = Command::new("sleep");
        let took = timed(sleep.arg("0.05")).expect("sleep works");
        assert!(took.wall_s >= 0.05 && took.cpu_s < took.wall_s, "{} {}", took.wall_s, took.cpu_s);
        assert!(timed(&Command::new("false")).is_err());
    }
}
