//! What a test binary's lines say of its tests, and the second look at those that failed.
//!
//! The live tests share a machine with whatever else runs on it: one that failed is run again alone. Failing twice is failing;
//! failing once is told at the end, by name, and its output stays above. More than a few failures are no chance and get no second look.

use anyhow::{Context, Result};
use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

/// More failures than these in one run are judged at the first look.
const SECOND_LOOKS_MAX: usize = 3;

/// How a whole run went.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// Binaries, or what else was run, that failed.
    pub(super) failed: Vec<String>,
    /// Tests that failed once and passed alone.
    pub(super) unsteady: Vec<String>,
}

impl Verdict {
    /// Adds what another lane found.
    pub(super) fn join(&mut self, other: Self) {
        self.failed.extend(other.failed);
        self.unsteady.extend(other.unsteady);
    }

    /// Judges a binary by its exit and its lines; `again` runs the tests named, alone, and tells whether all of them passed.
    pub(super) fn judge(
        &mut self,
        name: &str,
        success: bool,
        lines: &str,
        again: impl FnOnce(&[&str]) -> Result<bool>,
    ) -> Result<()> {
        if success {
            return Ok(());
        }
        let tests = failed_tests(lines);
        // Without a name (an abort, a missing summary) there is nothing to run again.
        if tests.is_empty() || self.unsteady.len() + tests.len() > SECOND_LOOKS_MAX {
            self.failed.push(name.to_owned());
            return Ok(());
        }
        eprintln!("\n     Failed, run again alone: {name}: {}", tests.join(", "));
        if again(&tests)? {
            self.unsteady.extend(tests.iter().map(|test| format!("{name}: {test}")));
        } else {
            self.failed.push(name.to_owned());
        }
        Ok(())
    }
}

/// Runs it, each line of its output shown as it comes, and gives them all.
pub(super) fn shown(command: &mut Command) -> Result<(bool, String)> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start it")?;
    let mut lines = String::new();
    for line in BufReader::new(child.stdout.take().context("its output is piped")?).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        let mut terminal = std::io::stdout().lock();
        writeln!(terminal, "{line}")?;
        lines.push_str(&line);
        lines.push('\n');
    }
    Ok((child.wait()?.success(), lines))
}

/// The names in the list with which libtest ends: the last `failures:` whose lines are indented by four blanks.
fn failed_tests(lines: &str) -> Vec<&str> {
    let Some((_, list)) = lines.rsplit_once("\nfailures:\n") else { return Vec::new() };
    list.lines().map_while(|line| line.strip_prefix("    ")).filter(|name| !name.contains(' ')).collect()
}

#[cfg(test)]
mod tests {
    use super::{Verdict, failed_tests};

    const LINES: &str = "\nrunning 3 tests\ntest a::b ... FAILED\ntest c ... ok\ntest d ... FAILED\n\nfailures:\n\n---- a::b stdout ----\n\
        failures:\n    no name\n\n\nfailures:\n    a::b\n    d\n\ntest result: FAILED. 1 passed; 2 failed\n";

    #[test]
    fn the_failed_are_read_from_the_closing_list() {
        assert_eq!(failed_tests(LINES), ["a::b", "d"]);
        assert!(failed_tests("running 1 test\ntest a ... ok\n\ntest result: ok.\n").is_empty());
        assert!(failed_tests("").is_empty());
    }

    #[test]
    fn who_fails_twice_has_failed_and_who_fails_once_is_named() {
        let mut verdict = Verdict::default();
        verdict.judge("good", true, "", |_| unreachable!("it passed")).unwrap();
        verdict.judge("race", false, LINES, |tests| Ok(tests == ["a::b", "d"])).unwrap();
        assert_eq!(
            (verdict.failed.len(), &*verdict.unsteady),
            (0, &["race: a::b".to_owned(), "race: d".to_owned()][..])
        );
        verdict.judge("many", false, LINES, |_| unreachable!("too many by now")).unwrap();
        let mut other = Verdict::default();
        other.judge("broken", false, LINES, |_| Ok(false)).unwrap();
        other.judge("aborted", false, "running 1 test\n", |_| unreachable!("no name")).unwrap();
        verdict.join(other);
        assert_eq!(verdict.failed, ["many", "broken", "aborted"]);
    }
}
