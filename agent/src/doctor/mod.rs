//! What this host allows: groups of checks, each with what was found and, where it fails, why it matters and what to do.
//!
//! Each BPF program states its own needs ([`crate::capture::need`]); this only shows them. It changes nothing: it binds and
//! lets go, and opens for reading. Entry: [`examine`].

use std::net::TcpListener;
use std::path::Path;

use serde::Serialize;

use crate::capture::need;
use crate::config::Config;
use crate::trouble::plain;

/// Checks that belong together.
#[derive(Debug, Serialize)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// In order.
    pub checks: Vec<Check>,
}

/// One check.
#[derive(Debug, Serialize)]
pub struct Check {
    /// What was looked at.
    pub what: String,
    /// It is as it must be.
    pub ok: bool,
    /// What was found.
    pub found: String,
    /// What does not work without it; empty where it is well.
    pub why: String,
    /// What to do; empty where it is well.
    pub todo: String,
}

impl Check {
    fn new(what: impl Into<String>, result: Result<String, String>, why: &str, todo: &str) -> Self {
        let text = |ok: bool, text: &str| if ok { String::new() } else { text.to_owned() };
        let ok = result.is_ok();
        let found = result.unwrap_or_else(|found| found);
        Self { what: what.into(), ok, found, why: text(ok, why), todo: text(ok, todo) }
    }
}

/// Looks at everything. A wrong configuration is one of the things found; then the defaults are looked at.
pub fn examine(path: Option<&Path>) -> Vec<Group> {
    let (config, configuration) = configuration(path);
    vec![configuration, host(), capture(), places(&config)]
}

fn configuration(path: Option<&Path>) -> (Config, Group) {
    let mut checks = Vec::new();
    let config = Config::load(path);
    let result = match &config {
        Ok(config) if config.files.is_empty() => Ok("no file: every key has its default".to_owned()),
        Ok(config) => Ok(config.files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ")),
        Err(mistakes) => Err(mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
    };
    let why = "the agent does not start with a wrong configuration";
    checks.push(Check::new("configuration", result, why, "mend what `apiscope check` shows"));
    let config = config.unwrap_or_default();
    for reading in config.settings().1 {
        let why = "without its document nothing can be said about undocumented endpoints of this API";
        let names = reading.names();
        let result = reading.document.map_err(|mistake| mistake.to_string());
        let result = result.map(|document| format!("{} paths in {}", document.paths(), names));
        let what = format!("document of {}", reading.api);
        checks.push(Check::new(
            what,
            result,
            why,
            "mend it, or correct [[api]] openapi; `apiscope check` shows the place",
        ));
    }
    (config, Group { name: "configuration".to_owned(), checks })
}

fn host() -> Group {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = release.trim().to_owned();
    let why = "BPF ring buffers came with Linux 5.8";
    let kernel = match version(&release) {
        Some(version) if version >= (5, 8) => Ok(release),
        Some(_) => Err(release),
        None => Err(format!("unknown ({release})")),
    };
    let lockdown = std::fs::read_to_string("/sys/kernel/security/lockdown").unwrap_or_default();
    let mode = lockdown.split('[').nth(1).and_then(|rest| rest.split(']').next()).unwrap_or("none").to_owned();
    let lockdown = if mode == "confidentiality" { Err(mode) } else { Ok(mode) };
    let checks = vec![
        Check::new("kernel", kernel, why, "use a newer kernel, or `apiscope replay` with captures from tcpdump"),
        Check::new(
            "lockdown",
            lockdown,
            "in this mode the kernel lets no BPF program read packets",
            "boot with lockdown=integrity, or none",
        ),
    ];
    Group { name: "host".to_owned(), checks }
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn capture() -> Group {
    let why = "without it no traffic can be captured on this host; `apiscope replay` works all the same";
    let checks = need::facts().into_iter().map(|fact| {
        let result = if fact.ok { Ok(fact.found) } else { Err(fact.found) };
        Check::new(fact.what, result, why, &fact.advice)
    });
    Group { name: "capture".to_owned(), checks: checks.collect() }
}

fn places(config: &Config) -> Group {
    let mut checks = vec![
        Check::new(
            "store",
            writable(&config.store.dir),
            "inventory, findings and alerts that wait are lost with the process",
            "run as root, or set [store] dir to a directory that this user may write",
        ),
        Check::new(
            "control socket",
            config.control.socket.parent().map_or_else(|| Err("no directory".to_owned()), writable),
            "the other commands cannot reach the agent, so it does not start",
            "run as root, or set [control] socket",
        ),
    ];
    if let Some(listen) = config.metrics.listen {
        let running = crate::control::client::answers(&config.control.socket);
        let result = match TcpListener::bind(listen) {
            Ok(_) => Ok(format!("{listen} is free")),
            Err(_) if running => Ok(format!("{listen}, in use by the running agent")),
            Err(error) => Err(format!("{listen}: {}", plain(&error))),
        };
        let todo = format!("see who has it: ss -ltnp sport = :{}; or set [metrics] listen", listen.port());
        checks.push(Check::new("metrics", result, "the agent does not start when it cannot listen", &todo));
    }
    Group { name: "places".to_owned(), checks }
}

/// Whether a file could be made in the directory, or in the nearest one above it that exists.
fn writable(dir: &Path) -> Result<String, String> {
    let shown = dir.display();
    let existing = dir.ancestors().find(|dir| dir.exists()).ok_or_else(|| format!("{shown}: no such directory"))?;
    if !existing.is_dir() {
        return Err(format!("{}: not a directory", existing.display()));
    }
    match tempfile::tempfile_in(existing) {
        Ok(_) if existing == dir => Ok(format!("{shown} can be written")),
        Ok(_) => Ok(format!("{shown} can be made")),
        Err(error) => Err(format!("{}: {}", existing.display(), plain(&error))),
    }
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn kernel_releases_of_distributions() {
        assert_eq!(version("6.18.44-foo"), Some((6, 18)));
        assert_eq!(version("5.8.0-63-generic"), Some((5, 8)));
        assert_eq!(version("6.1.0-18-cloud-amd64"), Some((6, 1)));
        assert_eq!(version("linux"), None);
    }
}
