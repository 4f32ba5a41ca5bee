//! Debian's packages: installed without recommendations, without starting a service, without removing anything.

use crate::{interrupt::Interrupt, paths, process, progress::Progress};
use anyhow::{Context, Result};
use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
};

/// Packages of [`super::needs`] that bring a service, and its name. Newly installed ones are switched off: the tests
/// start their own, on their own ports.
const SERVICES: [(&str, &str); 5] = [
    ("caddy", "caddy"),
    ("haproxy", "haproxy"),
    ("nginx-light", "nginx"),
    ("prometheus", "prometheus"),
    ("prometheus-alertmanager", "prometheus-alertmanager"),
];

/// What Debian asks before it starts a service; 101 means no.
const POLICY: &str = "/usr/sbin/policy-rc.d";
const NO: &str = "#!/bin/sh\n# cargo xtask setup, only while it installs\nexit 101\n";

/// The one system whose package names this program knows.
pub(super) fn is_debian_12() -> bool {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let has = |line: &str| release.lines().any(|other| other.replace('"', "") == line);
    has("ID=debian") && has("VERSION_ID=12") && paths::program("apt-get").is_some()
}

/// Root may install.
pub(super) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

/// Installs the packages.
pub(super) fn install(packages: &[&str]) -> Result<()> {
    let mut progress = Progress::start("Reading the package lists");
    let mut update = apt_get();
    update.arg("update");
    if let Err(error) = process::follow(&update, "apt-update.log", &mut progress, |_, _| ()) {
        // A foreign source that is down need not matter: the install itself will tell.
        eprintln!("warning: {error:#}");
    }
    progress.done();
    let interrupt = Interrupt::catch()?;
    let no_services = NoServices::while_installing()?;
    let mut progress = Progress::start(&format!("Installing {} packages", packages.len()));
    let mut install = apt_get();
    install.args(["install", "--yes", "--no-install-recommends", "--no-remove", "-o", "APT::Status-Fd=1"]);
    install.args(packages);
    process::follow(&install, "apt-install.log", &mut progress, |line, progress| {
        if let Some((percent, what)) = status(line) {
            progress.at(percent, what);
        }
    })
    .context("installing failed. If a package would have been removed: this program removes none, decide by hand")?;
    progress.done();
    drop(no_services);
    interrupt.check()?;
    switch_off(packages);
    Ok(())
}

fn apt_get() -> Command {
    let mut command = process::command_apart("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["-o", "DPkg::Lock::Timeout=300"]);
    command
}

/// `dlstatus:2:20.0:Retrieving file 2 of 9` and `pmstatus:curl:57.1:Unpacking curl`: the first half of the bar, then the
/// second.
fn status(line: &str) -> Option<(u64, &str)> {
    let mut parts = line.splitn(4, ':');
    let base = match parts.next()? {
        "dlstatus" => 0,
        "pmstatus" => 50,
        _ => return None,
    };
    let percent: u64 = parts.nth(1)?.split('.').next()?.parse().ok()?;
    Some((base + percent / 2, parts.next()?))
}

/// The services that came with it do not start at the next boot either.
fn switch_off(packages: &[&str]) {
    for (package, service) in SERVICES {
        if packages.contains(&package) {
            let done = process::output(process::command("update-rc.d").args([service, "disable"])).is_some();
            let state = if done { "switched off" } else { "could not be switched off" };
            eprintln!("  the service {service} is {state}; the tests start their own");
        }
    }
}

/// While this lives, Debian starts no service. A policy that is there already stays.
struct NoServices(Option<PathBuf>);

impl NoServices {
    fn while_installing() -> Result<Self> {
        let policy = Path::new(POLICY);
        // Ours may be left from a run that was killed.
        if policy.exists() && fs::read_to_string(policy).ok().as_deref() != Some(NO) {
            return Ok(Self(None));
        }
        fs::write(policy, NO).with_context(|| format!("cannot write {POLICY}, which keeps services from starting"))?;
        fs::set_permissions(policy, fs::Permissions::from_mode(0o755))?;
        Ok(Self(Some(policy.to_path_buf())))
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if let Some(policy) = &self.0 {
            let _ = fs::remove_file(policy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::status;

    #[test]
    fn apt_tells_how_far_it_is() {
        assert_eq!(status("dlstatus:2:20.5:Retrieving file 2 of 9"), Some((10, "Retrieving file 2 of 9")));
        assert_eq!(status("pmstatus:curl:57.1:Unpacking curl (amd64)"), Some((78, "Unpacking curl (amd64)")));
        assert_eq!(status("Reading package lists..."), None);
        assert_eq!(status("pmstatus:curl"), None);
    }
}
