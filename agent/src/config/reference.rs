//! `docs/configuration.md`, made from the table of keys: a test fails when the page is stale.

use std::fmt::Write;

use apiscope_audit::detect::{kinds, setting_keys};

use super::form::{Key, words, written};
use super::{Accept, Alertmanager, Api, Config, Webhook, keys};

/// The whole page.
pub fn page() -> String {
    let mut config = Config::default();
    let mut page = String::from(INTRODUCTION);
    section(&mut page, "Top of the file", "Before any section.", keys::ROOT, &mut config);
    section(&mut page, "[capture]", "What is copied from the kernel.", keys::CAPTURE, &mut config.capture);
    let about = "Names an API and says which traffic belongs to it; the first that matches wins. Several are allowed.";
    section(&mut page, "[[api]]", about, keys::API, &mut Api::default());
    section(&mut page, "[store]", "Where state is kept.", keys::STORE, &mut config.store);
    section(&mut page, "[metrics]", "The listener for Prometheus.", keys::METRICS, &mut config.metrics);
    section(&mut page, "[control]", "How the commands reach the agent.", keys::CONTROL, &mut config.control);
    let about = "An Alertmanager (API v2) that gets alerts. Several are allowed.";
    section(&mut page, "[[alertmanager]]", about, keys::ALERTMANAGER, &mut Alertmanager::default());
    let about = "A webhook (Standard Webhooks) that gets alerts. Several are allowed.";
    section(&mut page, "[[webhook]]", about, keys::WEBHOOK, &mut Webhook::default());
    let about = "Findings that may stay as they are, for those who keep that in git; `apiscope accept` does the same for one finding. Several \
                 are allowed, the first that matches counts. `apiscope acceptances` shows those that have ended or match nothing.";
    section(&mut page, "[[accept]]", about, keys::ACCEPT, &mut Accept::default());
    section(&mut page, "[findings]", "What concerns all kinds of finding.", keys::FINDINGS, &mut config);
    findings(&mut page);
    page
}

/// What the kinds of finding are told: their own tables.
fn findings(page: &mut String) {
    page.push_str(
        "\n## [findings.KIND]\n\nOne section for each kind; what a kind means: [findings.md](findings.md).\n",
    );
    for kind in kinds() {
        let _ =
            write!(page, "\n### [findings.{}]\n\n| Key | Takes | Default | Meaning |\n|---|---|---|---|\n", kind.name);
        for key in setting_keys(kind.name).unwrap_or_default() {
            let _ = writeln!(
                page,
                "| `{}` | {} | `{}` | {} |",
                key.name,
                key.takes.replace('|', "\\|"),
                key.default,
                key.doc
            );
        }
    }
}

const INTRODUCTION: &str = "# Configuration

<!-- Made by `apiscope docs configuration` from agent/src/config/keys.rs: edit there. -->

One TOML file, `/etc/apiscope/apiscope.toml` (or `--config FILE`), and the files `conf.d/*.toml` beside it in alphabetical
order: a key in a later file wins, and sections that may come several times add up. The files may be absent: every key has
a default. Relative paths are relative to the file they stand in. An unknown key is an error, so that a typing mistake is
never silently ignored: `apiscope check` shows every mistake at once, with its place. `systemctl reload apiscope` (SIGHUP)
reads the files again; if they are wrong, the old configuration stays in force, and `apiscope status` says so.

Bytes are a number, or text with a unit (`\"64KiB\"`, `\"8MiB\"`). Durations are text with a unit (`\"90s\"`, `\"15m\"`, `\"24h\"`, `\"30d\"`).
";

fn section<T>(page: &mut String, title: &str, about: &str, keys: &[Key<T>], defaults: &mut T) {
    let _ = write!(page, "\n## {title}\n\n{about}\n\n| Key | Takes | Default | Meaning |\n|---|---|---|---|\n");
    for key in keys {
        let default = match (key.required, written(&key.form, defaults)) {
            (true, _) => "required".to_owned(),
            (false, Some(default)) => format!("`{default}`"),
            (false, None) => "none".to_owned(),
        };
        let _ = writeln!(page, "| `{}` | {} | {default} | {} |", key.name, words(&key.form), key.doc);
    }
}
