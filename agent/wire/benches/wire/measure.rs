//! Times, and how they are told.

use std::hint::black_box;
use std::time::Duration;

/// A thing is measured for so long.
const MEASURED_FOR: Duration = Duration::from_millis(400);
/// A round lasts at least so long, so that the clock does not count.
const ROUND: Duration = Duration::from_micros(200);

/// The processor time of this thread: what others take of a busy machine is not ours.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a place for one timespec, and lives until the call is over.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(failed, 0, "Linux has this clock");
    Duration::new(time.tv_sec.cast_unsigned(), u32::try_from(time.tv_nsec).expect("below a second"))
}

/// Nanoseconds of one call: the best round.
pub(crate) fn nanos<R>(mut step: impl FnMut() -> R) -> f64 {
    let mut calls = 1_u32;
    let mut round = |calls: u32| {
        let begun = processor_time();
        for _ in 0..calls {
            black_box(step());
        }
        processor_time().saturating_sub(begun)
    };
    while round(calls) < ROUND && calls < 1 << 20 {
        calls *= 2;
    }
    let begun = processor_time();
    let mut best = f64::MAX;
    while processor_time().saturating_sub(begun) < MEASURED_FOR {
        best = best.min(round(calls).as_secs_f64() * 1e9 / f64::from(calls));
    }
    best
}

/// A number with its goal.
pub(crate) struct Line<'a> {
    name: &'a str,
    value: f64,
    unit: &'a str,
    goal: Option<(f64, bool)>,
}

impl<'a> Line<'a> {
    pub(crate) fn new(name: &'a str, value: f64, unit: &'a str) -> Self {
        Self { name, value, unit, goal: None }
    }

    pub(crate) fn at_least(self, goal: Option<f64>) -> Self {
        Self { goal: goal.map(|goal| (goal, true)), ..self }
    }

    pub(crate) fn at_most(self, goal: Option<f64>) -> Self {
        Self { goal: goal.map(|goal| (goal, false)), ..self }
    }

    pub(crate) fn print(&self) {
        let Self { name, value, unit, goal } = self;
        let digits = if *value >= 100.0 { 0 } else { 2 };
        print!("{name} | {value:.digits$} {unit} |");
        match goal {
            Some((goal, true)) => println!(" at least {goal:.0}: {}", verdict(value >= goal)),
            Some((goal, false)) => println!(" at most {goal:.1}: {}", verdict(value <= goal)),
            None => println!(),
        }
    }
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}
