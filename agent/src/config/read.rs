//! Files into a [`Config`]: finds them, walks their tables along the keys, and gathers every mistake.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use apiscope_audit::detect::{DetectSettings, SettingKey, SettingValue, kinds, setting_keys};
use toml_spanner::{Arena, Item, Table, Value};

use super::form::{self, Key};
use super::mistake::suggestion;
use super::settings::pins;
use super::{Api, Config, DEFAULT_PATH, Mistake, Source, keys};
use crate::trouble::plain;

/// Names at the top level that are sections, written `[name]`.
const SECTIONS: [&str; 5] = ["capture", "control", "findings", "metrics", "store"];
/// Names at the top level that may come several times, written `[[name]]`.
const LISTS: [&str; 4] = ["accept", "alertmanager", "api", "webhook"];

pub(super) fn load(path: Option<&Path>) -> (Config, Vec<Mistake>) {
    let mut config = Config::default();
    let mut mistakes = Vec::new();
    for source in sources(path, &mut mistakes) {
        config.files.push(source.path.clone());
        Reader { source: &source, mistakes: &mut mistakes }.file(&mut config);
    }
    (config, mistakes)
}

/// The files that exist, in the order in which they count.
fn sources(path: Option<&Path>, mistakes: &mut Vec<Mistake>) -> Vec<Arc<Source>> {
    let main = path.unwrap_or(Path::new(DEFAULT_PATH));
    let mut sources = Vec::new();
    match std::fs::read(main) {
        Ok(bytes) => sources.extend(utf8(main, bytes, mistakes)),
        Err(error) if error.kind() == ErrorKind::NotFound && path.is_none() => {}
        Err(error) => mistakes.push(unreadable(main, &error)),
    }
    for file in drop_ins(main, mistakes) {
        match std::fs::read(&file) {
            Ok(bytes) => sources.extend(utf8(&file, bytes, mistakes)),
            Err(error) => mistakes.push(unreadable(&file, &error)),
        }
    }
    sources
}

/// `conf.d/*.toml` beside the main file, in alphabetical order.
fn drop_ins(main: &Path, mistakes: &mut Vec<Mistake>) -> Vec<PathBuf> {
    let dir = main.parent().unwrap_or(Path::new("")).join("conf.d");
    let mut files: Vec<PathBuf> = match std::fs::read_dir(&dir) {
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect(),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Vec::new(),
        Err(error) => {
            mistakes.push(unreadable(&dir, &error));
            Vec::new()
        }
    };
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    files
}

fn unreadable(path: &Path, error: &std::io::Error) -> Mistake {
    let source = Arc::new(Source { path: path.to_owned(), text: String::new() });
    let help = match error.kind() {
        ErrorKind::NotFound => "check the name, or leave out --config to use the defaults",
        ErrorKind::PermissionDenied => "run as root, or let this user read it",
        _ => "it must be a readable text file",
    };
    Mistake::whole(&source, format!("cannot be read: {}", plain(error))).help(help)
}

fn utf8(path: &Path, bytes: Vec<u8>, mistakes: &mut Vec<Mistake>) -> Option<Arc<Source>> {
    match String::from_utf8(bytes) {
        Ok(text) => Some(Arc::new(Source { path: path.to_owned(), text })),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let source = Arc::new(Source { path: path.to_owned(), text });
            mistakes.push(Mistake::at(&source, at..at + 1, "not UTF-8 text").help("save the file as UTF-8"));
            None
        }
    }
}

struct Reader<'s> {
    source: &'s Arc<Source>,
    mistakes: &'s mut Vec<Mistake>,
}

impl Reader<'_> {
    fn file(&mut self, config: &mut Config) {
        let arena = Arena::new();
        let document = toml_spanner::parse_recoverable(&self.source.text, &arena);
        for error in document.errors() {
            self.mistakes.push(syntax(self.source, error));
        }
        for (key, item) in document.table() {
            self.top(config, key, item);
        }
    }

    fn top(&mut self, config: &mut Config, key: &toml_spanner::Key<'_>, item: &Item<'_>) {
        match key.name {
            "capture" => self.section(key, item, keys::CAPTURE, &mut config.capture),
            "control" => self.section(key, item, keys::CONTROL, &mut config.control),
            "metrics" => self.section(key, item, keys::METRICS, &mut config.metrics),
            "store" => self.section(key, item, keys::STORE, &mut config.store),
            "findings" => self.findings(key, item, config),
            "accept" => self.list(key, item, keys::ACCEPT, &mut config.accepts),
            "alertmanager" => {
                let from = config.alertmanagers.len();
                self.list(key, item, keys::ALERTMANAGER, &mut config.alertmanagers);
                self.receivers(item, config, config.alertmanagers.iter().skip(from).map(|receiver| &receiver.name));
            }
            "webhook" => {
                let from = config.webhooks.len();
                self.list(key, item, keys::WEBHOOK, &mut config.webhooks);
                self.secrets(item);
                self.receivers(item, config, config.webhooks.iter().skip(from).map(|receiver| &receiver.name));
            }
            "api" => {
                let known = config.apis.len();
                self.list(key, item, keys::API, &mut config.apis);
                self.apis(item, &config.apis, known);
            }
            name => match keys::ROOT.iter().find(|known| known.name == name) {
                Some(known) => self.value(known, config, item),
                None => self.unknown_top(key),
            },
        }
    }

    /// `[findings.KIND]`: the kinds and their keys are the core's own. Besides them keys that concern all kinds.
    fn findings(&mut self, key: &toml_spanner::Key<'_>, item: &Item<'_>, config: &mut Config) {
        const HELP: &str = "write [findings.KIND] on a line of its own, and the kind's keys below";
        let Value::Table(table) = item.value() else {
            let message = format!("`findings` is a section, found {}", item.kind().as_str());
            self.mistakes.push(Mistake::at(self.source, key.span.range(), message).help(HELP));
            return;
        };
        for (kind, item) in table {
            if let Some(known) = keys::FINDINGS.iter().find(|known| known.name == kind.name) {
                self.value(known, config, item);
                continue;
            }
            match (setting_keys(kind.name), item.value()) {
                (None, _) => {
                    let own = keys::FINDINGS.iter().map(|key| key.name);
                    let names = kinds().iter().map(|kind| kind.name).chain(own);
                    self.unknown_name(format!("unknown kind of finding `{}`", kind.name), kind, names);
                }
                (Some(keys), Value::Table(table)) => self.kind(kind.name, &keys, table, &mut config.detect),
                (Some(_), _) => {
                    let message = format!("`{}` is a section, found {}", kind.name, item.kind().as_str());
                    let help = format!("write [findings.{}] on a line of its own, and its keys below", kind.name);
                    self.mistakes.push(Mistake::at(self.source, kind.span.range(), message).help(help));
                }
            }
        }
    }

    fn kind(&mut self, kind: &str, keys: &[SettingKey], table: &Table<'_>, detect: &mut DetectSettings) {
        for (key, item) in table {
            let value = match item.value() {
                Value::Boolean(value) => Some(SettingValue::Bool(*value)),
                Value::Integer(number) => number.as_i64().map(SettingValue::Integer),
                Value::String(text) => Some(SettingValue::Text(text)),
                Value::Float(_) | Value::DateTime(_) | Value::Array(_) | Value::Table(_) => None,
            };
            let Some(known) = keys.iter().find(|known| known.name == key.name) else {
                let message = format!("{} in findings.{kind}", unknown(key.name));
                self.unknown_name(message, key, keys.iter().map(|key| key.name));
                continue;
            };
            if value.is_none_or(|value| detect.set(kind, key.name, value).is_err()) {
                let message = format!("`{}`: expected {}, found {}", key.name, known.takes, form::found(item));
                self.mistakes.push(Mistake::at(self.source, item.span().range(), message).help(&*known.doc));
            }
        }
    }

    fn unknown_name<'n>(
        &mut self,
        message: String,
        key: &toml_spanner::Key<'_>,
        names: impl Iterator<Item = &'n str> + Clone,
    ) {
        let help = match suggestion(key.name, names.clone()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("known here: {}", names.collect::<Vec<_>>().join(", ")),
        };
        self.mistakes.push(Mistake::at(self.source, key.span.range(), message).help(help));
    }

    fn unknown_top(&mut self, key: &toml_spanner::Key<'_>) {
        let names = keys::ROOT.iter().map(|key| key.name).chain(SECTIONS).chain(LISTS);
        let help = match home_of(key.name) {
            Some(home) => format!("it belongs {home}"),
            None => match suggestion(key.name, names.clone()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("known here: {}", names.collect::<Vec<_>>().join(", ")),
            },
        };
        self.mistakes.push(Mistake::at(self.source, key.span.range(), unknown(key.name)).help(help));
    }

    fn section<T>(&mut self, key: &toml_spanner::Key<'_>, item: &Item<'_>, keys: &'static [Key<T>], target: &mut T) {
        if let Value::Table(table) = item.value() {
            self.table(key, table, keys, target);
            return;
        }
        let message = format!("`{}` is a section, found {}", key.name, item.kind().as_str());
        let help = format!("write [{}] on a line of its own, and its keys below", key.name);
        self.mistakes.push(Mistake::at(self.source, key.span.range(), message).help(help));
    }

    fn list<T: Default>(
        &mut self,
        key: &toml_spanner::Key<'_>,
        item: &Item<'_>,
        keys: &'static [Key<T>],
        into: &mut Vec<T>,
    ) {
        let tables = item.as_array().map(|list| list.iter().map(Item::as_table).collect::<Option<Vec<_>>>());
        let Some(Some(tables)) = tables else {
            let message = format!("`{}` may come several times, and is written with two brackets", key.name);
            let help = format!("write [[{}]] on a line of its own, and its keys below", key.name);
            self.mistakes.push(Mistake::at(self.source, key.span.range(), message).help(help));
            return;
        };
        for table in tables {
            let mut entry = T::default();
            self.table(key, table, keys, &mut entry);
            into.push(entry);
        }
    }

    fn table<T>(&mut self, name: &toml_spanner::Key<'_>, table: &Table<'_>, keys: &'static [Key<T>], target: &mut T) {
        for (key, item) in table {
            match keys.iter().find(|known| known.name == key.name) {
                Some(known) => self.value(known, target, item),
                None => self.unknown_in(name.name, key, keys),
            }
        }
        for missing in keys.iter().filter(|key| key.required && !table.contains_key(key.name)) {
            let message = format!("`{}` is missing in {}", missing.name, name.name);
            self.mistakes.push(Mistake::at(self.source, table.span().range(), message).help(missing.doc));
        }
    }

    fn unknown_in<T>(&mut self, section: &str, key: &toml_spanner::Key<'_>, keys: &'static [Key<T>]) {
        let names = keys.iter().map(|key| key.name);
        let help = match suggestion(key.name, names.clone()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => match home_of(key.name) {
                Some(home) => format!("it belongs {home}"),
                None => format!("known here: {}", names.collect::<Vec<_>>().join(", ")),
            },
        };
        let message = format!("{} in {section}", unknown(key.name));
        self.mistakes.push(Mistake::at(self.source, key.span.range(), message).help(help));
    }

    fn value<T>(&mut self, key: &Key<T>, target: &mut T, item: &Item<'_>) {
        let base = self.source.path.parent().unwrap_or(Path::new(""));
        if let Err((item, refused)) = form::set(&key.form, target, item, base) {
            let message = format!("`{}`: {}", key.name, refused.message);
            let mistake = Mistake::at(self.source, item.span().range(), message);
            self.mistakes.push(match refused.help {
                Some(help) => mistake.help(help),
                None => mistake,
            });
        }
    }

    /// What no single key can tell: a name given twice, a rule that matches nothing.
    fn apis(&mut self, item: &Item<'_>, apis: &[Api], known: usize) {
        let tables = item.as_array().map(toml_spanner::Array::as_slice).unwrap_or_default();
        let mut names: BTreeMap<&str, usize> = apis.iter().take(known).map(|api| (api.name.as_str(), 0)).collect();
        for (api, table) in apis.iter().skip(known).zip(tables) {
            if api.name.is_empty() {
                continue;
            }
            let place = table["name"].item().unwrap_or(table).span().range();
            if names.insert(&api.name, 1).is_some() {
                let message = format!("two APIs are named {:?}", api.name);
                self.mistakes.push(Mistake::at(self.source, place, message).help("give each a name of its own"));
            } else if !["authorities", "ports", "workloads"].iter().any(|rule| table[*rule].item().is_some()) {
                let message = format!("the API {:?} has no rule, so no traffic can belong to it", api.name);
                let help = "add authorities = [\"…\"], ports = […] or workloads = [\"…\"]";
                self.mistakes.push(Mistake::at(self.source, place, message).help(help));
            }
            if let Err(pattern) = pins(api) {
                let lists = [&table["templates"], &table["literal"]].into_iter().filter_map(|list| list.as_array());
                let item = lists.flatten().find(|item| item.as_str() == Some(pattern));
                let message =
                    format!("{pattern:?} contradicts another: at one place it is a value there, any name here");
                let place = item.unwrap_or(table).span().range();
                let help = "take either the template or the `*` out";
                self.mistakes.push(Mistake::at(self.source, place, message).help(help));
            }
        }
    }

    /// A webhook is signed: its secret comes from one of two places.
    fn secrets(&mut self, item: &Item<'_>) {
        let tables = item.as_array().map(toml_spanner::Array::as_slice).unwrap_or_default();
        for table in tables {
            let (file, credential) = (&table["secret_file"], &table["secret_credential"]);
            let mistake = match (file.item(), credential.item()) {
                (Some(_), Some(second)) => {
                    Mistake::at(self.source, second.span().range(), "both `secret_file` and `secret_credential` are given")
                        .help("leave one of them out")
                }
                (None, None) => Mistake::at(self.source, table.span().range(), "a webhook needs a signing secret").help(
                    "add secret_file = \"…\" (mode 0600) or secret_credential = \"…\"; make one: openssl rand -base64 32 | \
                     sed s/^/whsec_/",
                ),
                _ => continue,
            };
            self.mistakes.push(mistake);
        }
    }

    /// A receiver's name is its place in the outbox: two must not share one.
    fn receivers<'c>(&mut self, item: &Item<'_>, config: &Config, added: impl Iterator<Item = &'c String>) {
        let tables = item.as_array().map(toml_spanner::Array::as_slice).unwrap_or_default();
        let all = || {
            let alertmanagers = config.alertmanagers.iter().map(|receiver| &receiver.name);
            alertmanagers.chain(config.webhooks.iter().map(|receiver| &receiver.name))
        };
        let mut seen = Vec::new();
        for (name, table) in added.zip(tables) {
            let others = all().filter(|other| *other == name).count();
            // Of several with one name, all but the first of this file are told; or all, when another file had it first.
            let first_here = !seen.contains(&name);
            let here = tables.iter().filter(|other| other["name"].as_str() == table["name"].as_str()).count();
            seen.push(name);
            if others > 1 && !(first_here && others == here) {
                let place = table["name"].item().unwrap_or(table).span().range();
                let message = format!("two receivers are named {name:?}");
                self.mistakes.push(Mistake::at(self.source, place, message).help("give each a name of its own"));
            }
        }
    }
}

fn unknown(name: &str) -> String {
    format!("unknown key `{name}`")
}

/// The section that has a key of this name, when exactly one has.
fn home_of(name: &str) -> Option<String> {
    fn has<T>(keys: &[Key<T>], name: &str) -> bool {
        keys.iter().any(|key| key.name == name)
    }
    let homes = [
        (has(keys::ROOT, name), "at the top of the file, before any section".to_owned()),
        (has(keys::CAPTURE, name), "below [capture]".to_owned()),
        (has(keys::CONTROL, name), "below [control]".to_owned()),
        (has(keys::METRICS, name), "below [metrics]".to_owned()),
        (has(keys::STORE, name), "below [store]".to_owned()),
        (has(keys::API, name), "below [[api]]".to_owned()),
        (has(keys::ACCEPT, name), "below [[accept]]".to_owned()),
        (has(keys::FINDINGS, name), "below [findings]".to_owned()),
        (has(keys::ALERTMANAGER, name), "below [[alertmanager]]".to_owned()),
        (has(keys::WEBHOOK, name), "below [[webhook]]".to_owned()),
    ];
    let mut homes = homes.into_iter().filter(|(has, _)| *has).map(|(_, home)| home);
    homes.next().filter(|_| homes.next().is_none())
}

fn syntax(source: &Arc<Source>, error: &toml_spanner::Error) -> Mistake {
    let mistake = Mistake::at(source, error.span().range(), error.message(&source.text));
    let Some((span, label)) = error.secondary_label().filter(|(_, label)| !label.is_empty()) else { return mistake };
    let line = Mistake::at(source, span.range(), "").place().map_or(0, |(line, _)| line);
    mistake.help(format!("{label}: line {line}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever the text, it is read or refused with mistakes that can be shown.
        #[test]
        fn any_text_is_read_or_refused(parts in proptest::collection::vec(prop_oneof![
            Just("[api]\n"), Just("[[api]]\n"), Just("[findings.oversized-response]\n"), Just("[capture]\n"), Just("name = \"ä\"\n"),
            Just("ports = [1, 2]\n"), Just("ports = [\n"), Just("max_bytes = 1\n"), Just("body_bytes = \"4KiB\"\n"), Just("a.b = {c = 1}\n"),
            Just("\""), Just("'''"), Just("="), Just("\u{0}"), Just("é"), Just("\n"), Just("]"), Just("1e9"), Just("[[webhook]]\n"),
        ], 0..24)) {
            let source = Arc::new(Source { path: "x.toml".into(), text: parts.concat() });
            let mut mistakes = Vec::new();
            Reader { source: &source, mistakes: &mut mistakes }.file(&mut Config::default());
            for mistake in mistakes {
                let (line, column) = mistake.place().expect("each has its place");
                prop_assert!(line >= 1 && column >= 1);
                prop_assert!(!mistake.render(false).is_empty());
            }
        }
    }
}
