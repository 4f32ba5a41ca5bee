//! Sizes of files, and of functions outside of tests (whose examples may be long). What is larger stands in
//! `xtask/tidy.ratchet` with its number, which may only fall.

use super::Source;
use crate::paths;
use anyhow::{Context, Result};
use std::{collections::BTreeMap, fs};

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 600;
const MAIN_LINES_MAX: usize = 100;
const RATCHET: &str = "xtask/tidy.ratchet";

pub(super) fn check(sources: &[Source], complaints: &mut Vec<String>) -> Result<()> {
    let ratchet = fs::read_to_string(paths::root().join(RATCHET)).with_context(|| format!("cannot read {RATCHET}"))?;
    judge(&parse(&ratchet)?, &too_large(sources), complaints);
    Ok(())
}

/// `path number` or `path::function number` a line; `#` begins a comment.
fn parse(text: &str) -> Result<BTreeMap<String, usize>> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    lines
        .filter(|line| !line.is_empty())
        .map(|line| {
            let (what, number) = line.rsplit_once(' ').with_context(|| format!("{RATCHET}: no number in `{line}`"))?;
            let number = number.parse().with_context(|| format!("{RATCHET}: no number in `{line}`"))?;
            Ok((what.trim().to_owned(), number))
        })
        .collect()
}

/// Everything above its limit, with its lines.
fn too_large(sources: &[Source]) -> BTreeMap<String, usize> {
    let mut large = BTreeMap::new();
    for source in sources {
        let lines = source.text.lines().count();
        let limit = if source.path.ends_with("src/main.rs") { MAIN_LINES_MAX } else { FILE_LINES_MAX };
        if lines > limit {
            large.insert(source.path.clone(), lines);
        }
        for (name, lines) in functions(source.without_tests()) {
            if lines > FUNCTION_LINES_MAX {
                large.insert(format!("{}::{name}", source.path), lines);
            }
        }
    }
    large
}

fn judge(ratchet: &BTreeMap<String, usize>, large: &BTreeMap<String, usize>, complaints: &mut Vec<String>) {
    for (what, lines) in large {
        match ratchet.get(what) {
            None => complaints.push(format!(
                "{what} has {lines} lines (functions {FUNCTION_LINES_MAX}, files {FILE_LINES_MAX}, main.rs {MAIN_LINES_MAX}): split it"
            )),
            Some(allowed) if lines > allowed => {
                complaints.push(format!("{what} grew from {allowed} to {lines} lines: it may only shrink"));
            }
            Some(allowed) if lines < allowed => {
                complaints.push(format!("{what} shrank to {lines} lines, well done: write that into {RATCHET}"));
            }
            Some(_) => {}
        }
    }
    let gone = ratchet.keys().filter(|what| !large.contains_key(*what));
    complaints
        .extend(gone.map(|what| format!("{what} keeps the limit or is gone, well done: take it out of {RATCHET}")));
}

/// Each function with its number of lines, from `fn` to its closing brace. Relies on rustfmt's indentation.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<_> = text.lines().collect();
    let mut functions = Vec::new();
    for (begin, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = &line[..line.len() - line.trim_start().len()];
        let closing = format!("{indent}}}");
        // The closing brace, or the end of a declaration without a body.
        let ends = |line: &str| line == closing || line.starts_with(&format!("{indent})")) && line.ends_with(';');
        if let Some(length) = lines[begin..].iter().position(|line| ends(line)) {
            functions.push((name.to_owned(), length + 1));
        }
    }
    functions
}

/// The name in `pub(crate) const fn name(`.
fn function_name(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let (before, after) = line.split_once("fn ")?;
    let is_qualifier = |word: &str| {
        word.starts_with("pub") || word.starts_with('"') || ["async", "const", "extern", "unsafe"].contains(&word)
    };
    if !before.split_whitespace().all(is_qualifier) || line.ends_with(['}', ';']) {
        return None;
    }
    after.split(['(', '<']).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_measured_from_fn_to_brace() {
        let text = "fn one() {\n    1;\n}\n\nimpl T {\n    pub(crate) const fn two<A>(\n        a: A,\n    ) {\n        a\n    }\n    fn three();\n}\n// fn four() {\n";
        assert_eq!(functions(text), [("one".to_owned(), 3), ("two".to_owned(), 5)]);
    }

    #[test]
    fn a_number_may_only_fall() {
        let sizes = |pairs: &[(&str, usize)]| pairs.iter().map(|(what, n)| ((*what).to_owned(), *n)).collect();
        let ratchet = sizes(&[("grew.rs", 700), ("same.rs", 700), ("shrank.rs", 700), ("gone.rs", 700)]);
        let large = sizes(&[("grew.rs", 701), ("same.rs", 700), ("shrank.rs", 699), ("new.rs::f", 71)]);
        let mut complaints = Vec::new();
        judge(&ratchet, &large, &mut complaints);
        let told = |begin: &str| complaints.iter().any(|complaint| complaint.starts_with(begin));
        assert!(told("grew.rs grew from 700 to 701"));
        assert!(told("shrank.rs shrank to 699"));
        assert!(told("new.rs::f has 71 lines"));
        assert!(told("gone.rs keeps the limit or is gone"));
        assert_eq!(complaints.len(), 4);
    }

    #[test]
    fn the_ratchet_file_is_read_or_its_fault_is_told() {
        let read = parse("# why\na/b.rs::f 80 # because\n\n").expect("well formed");
        assert_eq!(read, BTreeMap::from([("a/b.rs::f".to_owned(), 80)]));
        assert!(parse("a.rs many").is_err());
        assert!(parse("a.rs").is_err());
    }
}
