//! The classes of the kinds of finding against MITRE's own list, which `PyPI`'s `cwe2` carries.

use std::path::{Path, PathBuf};

use apiscope_audit::detect::{Kind, kinds};

/// MITRE's list, where `cargo xtask setup` has put it.
fn list() -> Option<String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder");
    let library = target.join("tools/python/lib");
    let file = list_in(&library);
    if file.is_none() {
        let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!in_ci, "this test must run in CI, but there is no cwe2 below {}", library.display());
        eprintln!("skipped: no cwe2 below {}; `cargo xtask setup` puts it there", library.display());
    }
    file.map(|file| std::fs::read_to_string(file).expect("it can be read"))
}

fn list_in(library: &Path) -> Option<PathBuf> {
    let pythons = std::fs::read_dir(library).ok()?.filter_map(Result::ok);
    let folders = pythons.filter_map(|python| {
        let found = std::fs::read_dir(python.path().join("site-packages/cwe2/database_v49")).ok()?;
        found.filter_map(Result::ok).map(|entry| entry.path()).find(|path| path.extension().is_some_and(|e| e == "xml"))
    });
    folders.into_iter().next()
}

/// What is wrong with a kind's class.
fn fault(kind: &Kind, list: &str) -> Option<String> {
    let start = format!("<Weakness ID=\"{}\" Name=\"", kind.cwe);
    let Some((_, entry)) = list.split_once(&start) else { return Some("it is no weakness of the list".to_owned()) };
    let entry = entry.split_once("</Weakness>").map_or(entry, |(entry, _)| entry);
    let (title, rest) = entry.split_once('"')?;
    let title = title.replace("&#39;", "'").replace("&quot;", "\"").replace("&amp;", "&");
    if title != kind.cwe_title {
        return Some(format!("it is called {title:?}, not {:?}", kind.cwe_title));
    }
    // What is too general, or of another sort, MITRE does not want findings mapped to.
    let allowed = ["<Usage>Allowed</Usage>", "<Usage>Allowed-with-Review</Usage>"];
    (!allowed.iter().any(|usage| rest.contains(usage))).then(|| "MITRE does not want findings mapped to it".to_owned())
}

#[test]
fn every_kind_names_a_weakness_of_mitres_list_by_its_title() {
    let Some(list) = list() else { return };
    let faults: Vec<String> = kinds()
        .iter()
        .filter_map(|kind| Some(format!("{}: CWE-{}: {}", kind.name, kind.cwe, fault(kind, &list)?)))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    // The list would tell: another's title, a number that is too general, and none at all.
    let wrong = |cwe, cwe_title| Kind {
        name: "x",
        summary: "",
        owasp: "",
        cwe,
        cwe_title,
        why: "",
        what_to_do: &[],
        containment: kinds()[0].containment,
    };
    for kind in [
        wrong(319, "Improper Input Validation"),
        wrong(1059, "Insufficient Technical Documentation"),
        wrong(9_999, "x"),
    ] {
        assert!(fault(&kind, &list).is_some(), "CWE-{} passes as {:?}", kind.cwe, kind.cwe_title);
    }
}
