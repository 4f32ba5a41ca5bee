//! What the facts find: precision and recall on a corpus made from seeds, values that only look like it, cost, and two other programs on the
//! same bodies. The corpus and the measuring are `agent/audit/examples/detect`.

use crate::{interrupt::Interrupt, paths, process};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

/// Measures and prints.
pub(super) fn run(folder: &Path, interrupt: &Interrupt) -> Result<()> {
    let build = ["build", "--release", "-p", "apiscope-audit", "--example", "detect"];
    process::run(process::command("cargo").args(build).current_dir(paths::root()))?;
    let detect = paths::target().join("release/examples/detect");
    let say = |words: &[&str]| -> Result<()> {
        interrupt.check()?;
        println!(
            "{}",
            process::output(process::command(&detect.to_string_lossy()).args(words)).context("detect fails")?
        );
        Ok(())
    };
    println!("\ndetect: seeds that were not used while tuning");
    say(&["score", FIRST_SEED, "20", "300"])?;
    println!("detect: values that only look like it");
    say(&["look-alikes", "1000000"])?;
    println!("detect: cost of an exchange with its body, best of many rounds");
    say(&["speed"])?;
    println!("detect: cost of learning schemas, inventory and findings too; medians of pairs in turns");
    say(&["learn"])?;
    others(folder, &detect, interrupt)
}

/// Seeds below were used while tuning.
const FIRST_SEED: &str = "1000";
/// Endpoints of the corpus that is given to the others too.
const ENDPOINTS: &str = "150";
/// Packages of the others.
const OTHERS: [&str; 2] = ["detect-secrets", "credsweeper"];

/// Secrets only, and by endpoint: whether any is found in an endpoint that has one, and in one that has none.
fn others(folder: &Path, detect: &Path, interrupt: &Interrupt) -> Result<()> {
    let python = python(folder)?;
    let bodies = folder.join("bodies");
    let _ = fs::remove_dir_all(&bodies);
    fs::create_dir_all(&bodies)?;
    let words = ["write", FIRST_SEED, ENDPOINTS, &bodies.to_string_lossy()];
    process::run(process::command(&detect.to_string_lossy()).args(words))?;
    let truth = Truth::read(&folder.join("truth.txt"))?;
    println!("detect: secrets in {ENDPOINTS} endpoints of seed {FIRST_SEED}, by endpoint");
    truth.print("apiscope", &truth.ours, None);
    interrupt.check()?;
    let start = Instant::now();
    let report = process::output(
        process::command(&python.join("detect-secrets").to_string_lossy()).args(["-C"]).arg(&bodies).args([
            "scan",
            "--all-files",
            ".",
        ]),
    )
    .context("detect-secrets fails")?;
    truth.print("detect-secrets", &by_file_names(&report)?, Some(start.elapsed().as_secs_f64()));
    interrupt.check()?;
    let start = Instant::now();
    let json = folder.join("credsweeper.json");
    let _ = fs::remove_file(&json);
    let mut sweep = process::command(&python.join("credsweeper").to_string_lossy());
    process::output(sweep.arg("--path").arg(&bodies).arg("--save-json").arg(&json)).context("credsweeper fails")?;
    let Ok(report) = fs::read_to_string(&json) else {
        println!("credsweeper gives no report");
        return Ok(());
    };
    truth.print("credsweeper", &by_paths(&report)?, Some(start.elapsed().as_secs_f64()));
    Ok(())
}

/// The others in an environment of their own, made once.
fn python(folder: &Path) -> Result<PathBuf> {
    let home = folder.join("python");
    let programs = home.join("bin");
    if !programs.join("credsweeper").exists() || !programs.join("detect-secrets").exists() {
        eprintln!("detect: installing {} from PyPI below {}", OTHERS.join(" and "), home.display());
        process::run(process::command("python3").args(["-m", "venv"]).arg(&home))?;
        process::run(
            process::command(&programs.join("pip").to_string_lossy()).args(["install", "--quiet"]).args(OTHERS),
        )?;
    }
    Ok(programs)
}

/// Which endpoints have a secret, and in which apiscope finds one.
struct Truth {
    all: usize,
    planted: BTreeSet<String>,
    ours: BTreeSet<String>,
}

impl Truth {
    fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("{} can't be read", file.display()))?;
        let mut truth = Self { all: 0, planted: BTreeSet::new(), ours: BTreeSet::new() };
        for line in text.lines() {
            let [endpoint, planted, ours] = line.split(' ').collect::<Vec<_>>()[..] else {
                bail!("not understood: {line}")
            };
            truth.all += 1;
            if planted == "1" {
                truth.planted.insert(endpoint.to_owned());
            }
            if ours == "1" {
                truth.ours.insert(endpoint.to_owned());
            }
        }
        Ok(truth)
    }

    fn print(&self, name: &str, found: &BTreeSet<String>, took: Option<f64>) {
        let right = found.intersection(&self.planted).count();
        let (wrong, missed) = (found.len() - right, self.planted.len() - right);
        #[expect(clippy::cast_precision_loss, reason = "for people, to four digits")]
        let ratio = |part: usize, all: usize| if all == 0 { 1.0 } else { part as f64 / all as f64 };
        let took = took.map(|seconds| format!(", {seconds:.1} s")).unwrap_or_default();
        println!(
            "{name:<16} precision {:.4} recall {:.4}  ({right} right, {wrong} wrong, {missed} missed of {}{took})",
            ratio(right, right + wrong),
            ratio(right, self.planted.len()),
            self.all
        );
    }
}

/// `0042-1.json` is the second body of endpoint 42.
fn endpoint(file: &str) -> Option<String> {
    let name = Path::new(file).file_name()?.to_str()?;
    name.split_once('-').map(|(endpoint, _)| endpoint.to_owned())
}

/// What detect-secrets tells: an object of files.
fn by_file_names(report: &str) -> Result<BTreeSet<String>> {
    let report: Value = serde_json::from_str(report).context("detect-secrets gives no JSON")?;
    let results = report["results"].as_object().context("detect-secrets gives no results")?;
    Ok(results.keys().filter_map(|file| endpoint(file)).collect())
}

/// What credsweeper tells: a list of findings with lines, each with its path.
fn by_paths(report: &str) -> Result<BTreeSet<String>> {
    let report: Value = serde_json::from_str(report).context("credsweeper gives no JSON")?;
    let findings = report.as_array().context("credsweeper gives no list")?;
    let paths = findings.iter().flat_map(|finding| finding["line_data_list"].as_array().into_iter().flatten());
    Ok(paths.filter_map(|line| endpoint(line["path"].as_str()?)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_understood() {
        let ours: BTreeSet<String> = ["0007".to_owned()].into();
        assert_eq!(by_file_names(r#"{"results":{"./0007-2.json":[{"type":"x"}]}}"#).unwrap(), ours);
        assert_eq!(by_paths(r#"[{"rule":"x","line_data_list":[{"path":"/a/0007-2.json"}]}]"#).unwrap(), ours);
        assert!(by_file_names("no").is_err() && by_paths("{}").is_err());
    }
}
