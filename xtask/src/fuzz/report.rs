//! What a run of a target came to, for people.

use std::{
    fmt::{self, Write as _},
    path::PathBuf,
};

/// Lines of a panic that are shown.
const CAUSE_LINES: usize = 6;

/// One target's run.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    target: String,
    executions: u64,
    per_second: u64,
    /// Places in the code that were reached, as libFuzzer counts them.
    covered: u64,
    /// Inputs kept.
    kept: u64,
    /// The input that broke it, as small as it was found.
    pub(crate) crash: Option<PathBuf>,
    /// Why, in the target's words.
    pub(crate) said: String,
}

impl Outcome {
    /// From what libFuzzer has said.
    pub(crate) fn read(target: &str, said: &str) -> Self {
        let stat = |name: &str| {
            let line = said.lines().rev().find_map(|line| line.strip_prefix(name));
            line.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
        };
        let last = said.lines().rev().find(|line| line.starts_with('#') && line.contains(" cov: ")).unwrap_or_default();
        let number = |name: &str| {
            let word = last.split_once(name).and_then(|(_, rest)| rest.split([' ', '/']).next());
            word.and_then(|word| word.parse().ok()).unwrap_or(0)
        };
        Self {
            target: target.to_owned(),
            executions: stat("stat::number_of_executed_units:"),
            per_second: stat("stat::average_exec_per_sec:"),
            covered: number(" cov: "),
            kept: number(" corp: "),
            ..Self::default()
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, executions, per_second, covered, kept, crash, said } = self;
        write!(
            f,
            "{target}: {executions} inputs, {per_second} a second, {covered} places covered, {kept} inputs kept"
        )?;
        let Some(crash) = crash else { return Ok(()) };
        write!(
            f,
            "\n{target} BROKE: {said}\n  the input: {input}\n  to see it again: {target} of target/fuzz/build, with the input as argument\n  \
             to keep it from coming back: mkdir -p fuzz/regressions/{target} && cp {input} fuzz/regressions/{target}/NAME\n  \
             (the usual tests try every file there; where it is a talk that a person can read, write it as a transcript too: \
             agent/wire/tests/cases)",
            input = crash.display(),
        )
    }
}

/// All of them, one a line.
pub(crate) fn table(outcomes: &[Outcome]) -> String {
    let mut out = format!("{:<12}{:>12}{:>10}{:>9}{:>8}  result\n", "target", "inputs", "a second", "covered", "kept");
    for one in outcomes {
        let result = if one.crash.is_some() { "BROKE" } else { "ok" };
        let Outcome { target, executions, per_second, covered, kept, .. } = one;
        writeln!(out, "{target:<12}{executions:>12}{per_second:>10}{covered:>9}{kept:>8}  {result}").expect("a string");
    }
    out
}

/// What a target said when it broke.
pub(crate) fn cause(said: &str) -> String {
    let panic = said.lines().skip_while(|line| !line.contains("panicked at") && !line.contains("ERROR: libFuzzer"));
    let lines: Vec<_> = panic.take(CAUSE_LINES).map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join("\n    ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "#12\tNEW    cov: 100 ft: 5 corp: 2/3b lim: 4\n#99\tREDUCE cov: 1264 ft: 41 corp: 17/90Kb lim: 778\n\
                        thread 'x' panicked at a.rs:1:\nleft: 1\nDone 99 runs in 1 second(s)\n\
                        stat::number_of_executed_units: 99\nstat::average_exec_per_sec:     33\n";

    #[test]
    fn a_run_is_read() {
        let outcome = Outcome::read("h1", SAID);
        assert_eq!(outcome.to_string(), "h1: 99 inputs, 33 a second, 1264 places covered, 17 inputs kept");
        assert_eq!(table(&[outcome]).lines().count(), 2);
        assert!(cause(SAID).starts_with("thread 'x' panicked at a.rs:1:\n    left: 1"));
    }

    #[test]
    fn what_broke_is_shown_with_what_to_do() {
        let outcome = Outcome { crash: Some("c/h1-1".into()), ..Outcome::read("h1", SAID) };
        assert!(outcome.to_string().contains("cp c/h1-1 fuzz/regressions/h1/NAME"), "{outcome}");
        assert!(table(&[outcome]).ends_with("BROKE\n"));
    }
}
