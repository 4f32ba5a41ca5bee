//! Line by line: no effects in the core, no leftovers, a first sentence in each module's own file.

use super::Source;

/// The folders of the core, which has no effects, and whose code forbids `unsafe`.
const CORE: [&str; 3] = ["agent/audit/src/", "agent/wire/src/", "common/src/"];

/// Effects, as they are written.
const EFFECTS: [&str; 14] = [
    "File::open",
    "Instant::now",
    "SystemTime",
    "TcpListener",
    "TcpStream",
    "UdpSocket",
    "eprintln!",
    "println!",
    "std::env",
    "std::fs",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::Instant",
];

/// Leftovers. Written in two halves, so that this file does not hold them.
const LEFTOVERS: [&str; 6] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("X", "XX"),
    concat!("dbg", "!("),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
];

pub(super) fn check(source: &Source, complaints: &mut Vec<String>) {
    let mut complain = |line: usize, what: &str| complaints.push(format!("{}:{line}: {what}", source.path));
    for (number, line) in (1..).zip(source.text.lines()) {
        if let Some(leftover) = LEFTOVERS.iter().find(|leftover| line.contains(**leftover)) {
            complain(number, &format!("{leftover}: do it, or open an issue"));
        }
        if is_commented_code(line) {
            complain(number, "code in a comment: git remembers it");
        }
    }
    if source.is_in(&CORE) {
        for (number, line) in (1..).zip(source.without_tests().lines()) {
            let code = line.split("//").next().unwrap_or_default();
            if let Some(effect) = EFFECTS.iter().find(|effect| code.contains(**effect)) {
                complain(number, &format!("{effect}: the core knows no clock, file, socket, thread or environment"));
            }
        }
    }
    if is_own_file_of_module(&source.path) && !source.text.starts_with("//!") {
        complain(1, "open it with //!: what it is, what it never does, its one entry");
    }
    if is_root_of_core(&source.path) && !source.text.contains("forbid(unsafe_code)") {
        complain(1, "the core forbids unsafe code: #![forbid(unsafe_code)]");
    }
}

/// `lib.rs`, `main.rs`, `mod.rs`: what a reader opens first.
fn is_own_file_of_module(path: &str) -> bool {
    ["lib.rs", "main.rs", "mod.rs"].iter().any(|name| path.rsplit('/').next() == Some(name))
}

fn is_root_of_core(path: &str) -> bool {
    CORE.iter().any(|folder| path.strip_prefix(folder) == Some("lib.rs"))
}

/// A comment that reads like a statement. Doc comments may hold examples.
fn is_commented_code(line: &str) -> bool {
    let Some(text) = line.trim_start().strip_prefix("//") else { return false };
    if text.starts_with(['/', '!']) {
        return false;
    }
    let text = text.trim();
    let statement = text.ends_with(';') && (text.contains('(') || text.contains(" = "));
    let opening = text.ends_with('{')
        && ["fn ", "if ", "for ", "impl ", "pub ", "match "].iter().any(|word| text.starts_with(word));
    statement || opening || text.starts_with("let ") && text.contains(" = ") || text == "}"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, text: &str) -> Vec<String> {
        let mut complaints = Vec::new();
        check(&Source { path: path.to_owned(), text: text.to_owned() }, &mut complaints);
        complaints
    }

    #[test]
    fn a_clock_in_the_core_is_told_but_not_in_its_tests_or_the_agent() {
        let text = "use std::time::SystemTime; // now\n";
        assert_eq!(complaints("agent/wire/src/flow.rs", text).len(), 1);
        assert_eq!(complaints("agent/wire/src/flow.rs", "\n#[cfg(test)]\nmod tests {\nuse std::fs;\n}\n").len(), 0);
        assert_eq!(complaints("agent/wire/src/flow/tests/slow.rs", text).len(), 0);
        assert_eq!(complaints("agent/wire/src/flow.rs", "/// Not a SystemTime.\n").len(), 0);
        assert_eq!(complaints("agent/src/flow.rs", text).len(), 0);
        assert_eq!(complaints("agent/audit/src/facts.rs", "use std::net::IpAddr;\n").len(), 0);
    }

    #[test]
    fn commented_code_is_told_from_sentences() {
        assert!(is_commented_code("    // let x = 1;"));
        assert!(is_commented_code("// call(this);"));
        assert!(is_commented_code("// if x {"));
        assert!(!is_commented_code("// A sentence about a (good) thing."));
        assert!(!is_commented_code("/// call(this);"));
        assert!(!is_commented_code("// let it be"));
    }

    #[test]
    fn a_module_opens_with_what_it_is() {
        assert_eq!(complaints("agent/src/capture/mod.rs", "mod live;\n").len(), 1);
        assert_eq!(complaints("agent/src/capture/mod.rs", "//! Capture.\n").len(), 0);
        assert_eq!(complaints("agent/wire/src/lib.rs", "//! Wire.\n").len(), 1);
        assert_eq!(complaints("agent/wire/src/lib.rs", "//! Wire.\n#![forbid(unsafe_code)]\n").len(), 0);
    }
}
