//! A network namespace and a virtual cable to it, so that the demo's traffic crosses an interface that is not loopback.

use super::{PREFIX, is_left_over};
use crate::process;
use anyhow::{Context, Result};
use std::process::Command;

/// The namespace, gone when dropped (and the cable with it).
pub(super) struct Network {
    namespace: String,
    subnet: u32,
}

impl Network {
    /// Makes both ends and gives them private addresses: only these four of a network that may use the range are hidden meanwhile.
    pub(super) fn make() -> Result<Self> {
        remove_leftovers();
        let id = std::process::id();
        let network = Self { namespace: format!("{PREFIX}{id}"), subnet: id % 250 + 1 };
        let (outside, inside) = (format!("asd{id}"), format!("asdn{id}"));
        let namespace = network.namespace.as_str();
        ip(&["netns", "add", namespace])?;
        ip(&["link", "add", &outside, "type", "veth", "peer", "name", &inside, "netns", namespace])?;
        ip(&["address", "add", &format!("10.198.{}.1/30", network.subnet), "dev", &outside])?;
        ip(&["link", "set", &outside, "up"])?;
        let server = format!("{}/30", network.server());
        ip(&["-n", namespace, "address", "add", &server, "dev", &inside])?;
        ip(&["-n", namespace, "link", "set", "lo", "up"])?;
        ip(&["-n", namespace, "link", "set", &inside, "up"])?;
        Ok(network)
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The address inside.
    pub(super) fn server(&self) -> String {
        format!("10.198.{}.2", self.subnet)
    }

    /// A command that runs inside, and ends when this program does, however it ends.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = process::command("setpriv");
        command.args(["--pdeathsig", "TERM", "--", "ip", "netns", "exec", &self.namespace, program]);
        command
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = ip(&["netns", "delete", &self.namespace]);
    }
}

/// Namespaces of demos that were killed.
fn remove_leftovers() {
    let list = process::output(process::command("ip").args(["netns", "list"])).unwrap_or_default();
    for name in list.lines().filter_map(|line| line.split(' ').next()) {
        if is_left_over(name) {
            let _ = ip(&["netns", "delete", name]);
        }
    }
}

fn ip(words: &[&str]) -> Result<()> {
    process::run(process::command("ip").args(words)).context("the demo's network cannot be made")
}
