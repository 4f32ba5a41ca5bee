//! `cargo xtask docs`: writes what is generated in the pages, from the lists in the code; `--check` only compares.
//!
//! A page holds blocks between `<!-- cargo xtask docs: NAME -->` and `<!-- end of NAME -->`; what stands between is
//! replaced by what [`BLOCKS`] makes for that name.

use crate::{paths, process, setup};
use anyhow::{Context, Result, bail};
use clap::CommandFactory;
use std::{fmt::Write, fs};

/// The `docs` command's own arguments.
#[derive(Default, clap::Args)]
pub(crate) struct Args {
    /// Change nothing; fail if a page is stale.
    #[arg(long)]
    pub(crate) check: bool,
}

/// A generated part of a page.
struct Block {
    page: &'static str,
    name: &'static str,
    text: fn() -> Result<String>,
}

const BLOCKS: [Block; 2] = [
    Block { page: "CONTRIBUTING.md", name: "commands", text: commands },
    Block { page: "CONTRIBUTING.md", name: "packages", text: || Ok(setup::packages_table()) },
];

/// Pages of `docs/` that the agent prints whole, by the name that it knows them by. Its own tests compare them too.
const PAGES: [&str; 3] = ["configuration", "findings", "metrics"];

/// Brings all pages up to date, or tells the stale ones.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mut stale = blocks(args)?;
    for name in PAGES {
        let mut agent = process::command("cargo");
        agent.args(["run", "--quiet", "--package", "apiscope", "--", "docs", name]);
        let new = process::output(&mut agent).with_context(|| format!("`apiscope docs {name}` fails"))?;
        let page = format!("docs/{name}.md");
        if fs::read_to_string(paths::root().join(&page)).ok().as_ref() != Some(&new) {
            write(args, &page, &new)?;
            stale.push(page);
        }
    }
    if args.check && !stale.is_empty() {
        bail!("stale: {}. Run `cargo xtask docs`", stale.join(", "));
    }
    Ok(())
}

/// The blocks that this program makes. Returns the stale ones.
fn blocks(args: &Args) -> Result<Vec<String>> {
    let mut stale = Vec::new();
    for block in &BLOCKS {
        let path = paths::root().join(block.page);
        let old = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let new = replaced(&old, block.name, &(block.text)()?).with_context(|| format!("in {}", block.page))?;
        if new == old {
            continue;
        }
        write(args, block.page, &new)?;
        stale.push(format!("{} ({})", block.page, block.name));
    }
    Ok(stale)
}

fn write(args: &Args, page: &str, text: &str) -> Result<()> {
    if args.check {
        return Ok(());
    }
    eprintln!("{page}: brought up to date");
    fs::write(paths::root().join(page), text).with_context(|| format!("cannot write {page}"))
}

/// The page with the block's text in its place.
fn replaced(page: &str, name: &str, text: &str) -> Result<String> {
    let begin = format!("<!-- cargo xtask docs: {name} -->\n");
    let end = format!("<!-- end of {name} -->");
    let (before, rest) = page.split_once(&begin).with_context(|| format!("no line `{}`", begin.trim()))?;
    let (_, after) = rest.split_once(&end).with_context(|| format!("no line `{end}`"))?;
    Ok(format!("{before}{begin}{text}{end}{after}"))
}

/// The commands of this program, as a table.
#[expect(clippy::unnecessary_wraps, reason = "the other blocks may fail")]
fn commands() -> Result<String> {
    let mut table = "| Command | What it does |\n|---|---|\n".to_owned();
    for command in crate::Args::command().get_subcommands() {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(table, "| `cargo xtask {}` | {about} |", command.get_name());
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_block_is_stale() {
        assert_eq!(blocks(&Args { check: true }).expect("the pages can be read"), [] as [String; 0]);
    }

    #[test]
    fn only_the_block_changes() {
        let page = "a\n<!-- cargo xtask docs: x -->\nold\n<!-- end of x -->\nb\n";
        let new = replaced(page, "x", "new\n").expect("the block is there");
        assert_eq!(new, "a\n<!-- cargo xtask docs: x -->\nnew\n<!-- end of x -->\nb\n");
        assert!(replaced(page, "y", "").is_err());
    }
}
