//! What a program needs of the kernel, and whether this kernel gives it. Each program states its needs beside itself
//! ([`super::ingress::NEEDS`] and so on); `apiscope doctor` shows what [`facts`] finds.

use std::fs;

use aya::maps::MapType;
use aya::programs::ProgramType;
use aya::sys::{is_map_supported, is_program_supported};

use super::{cgroup, egress, ingress, object, sock_ops};

/// One thing that a program needs.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// What, for people.
    pub what: &'static str,
    /// The first kernel (major, minor) that has it; distributions may have it earlier, so the probe decides.
    pub since: (u32, u32),
    /// How to find out.
    pub probe: Probe,
}

/// How to find out whether a need is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// A minimal `cgroup_skb` program loads.
    CgroupSkb,
    /// A minimal `sock_ops` program loads.
    SockOps,
    /// A small ring buffer can be made.
    RingBuffer,
}

/// What was found about one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What was looked at.
    pub what: String,
    /// Whether it is as capture needs it.
    pub ok: bool,
    /// What was found.
    pub found: String,
    /// What to do about it; empty if `ok`.
    pub advice: String,
}

/// Looks at all that live capture needs. Loads nothing that stays, and mounts nothing.
pub fn facts() -> Vec<Fact> {
    let mut facts = vec![built_in(), permission(), hierarchy()];
    let programs = [("ingress", ingress::NEEDS), ("egress", egress::NEEDS), ("sock_ops", sock_ops::NEEDS)];
    for (program, needs) in programs {
        facts.extend(needs.iter().map(|need| met(program, need)));
    }
    facts
}

/// The capabilities that capture needs and this process lacks; empty if it may start.
pub fn missing_capabilities() -> Vec<&'static str> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = effective.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0);
    let has = |bit: u32| bits >> bit & 1 == 1;
    // CAP_SYS_ADMIN stands for all three (and is the only one before 5.8).
    let wanted = [(39, "CAP_BPF"), (38, "CAP_PERFMON"), (12, "CAP_NET_ADMIN")];
    wanted.into_iter().filter(|&(bit, _)| !(has(bit) || has(21) && bit != 12)).map(|(_, name)| name).collect()
}

fn built_in() -> Fact {
    let ok = object::is_built_in();
    let found = if ok { format!("{} bytes", object::BYTES.len()) } else { "none".to_owned() };
    fact("BPF programs in this binary".to_owned(), ok, found, "build them with `cargo xtask build`")
}

fn permission() -> Fact {
    let missing = missing_capabilities();
    let found = if missing.is_empty() { "permitted".to_owned() } else { format!("lacks {}", missing.join(", ")) };
    fact(
        "permission for BPF".to_owned(),
        missing.is_empty(),
        found,
        "run as root, or give the process these capabilities",
    )
}

fn hierarchy() -> Fact {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let root = cgroup::root_in(&mounts);
    let found = root.as_ref().map_or_else(|| "not mounted".to_owned(), |path| path.display().to_string());
    let known = fs::read_to_string("/proc/filesystems").unwrap_or_default().contains("cgroup2");
    let advice = if known {
        "apiscope mounts one for itself when it runs"
    } else {
        "this kernel has none: CONFIG_CGROUPS, 4.5 or newer"
    };
    fact("cgroup v2".to_owned(), root.is_some() || known, found, advice)
}

fn met(program: &str, need: &Need) -> Fact {
    let found = match need.probe {
        Probe::CgroupSkb => is_program_supported(ProgramType::CgroupSkb).map_err(|error| error.to_string()),
        Probe::SockOps => is_program_supported(ProgramType::SockOps).map_err(|error| error.to_string()),
        Probe::RingBuffer => is_map_supported(MapType::RingBuf).map_err(|error| error.to_string()),
    };
    let (major, minor) = need.since;
    let what = format!("{program}: {}", need.what);
    let advice =
        format!("needs Linux {major}.{minor} or newer, without a rule that forbids it (lockdown, seccomp, LSM)");
    match found {
        Ok(true) => fact(what, true, "works here".to_owned(), ""),
        Ok(false) => fact(what, false, "not in this kernel".to_owned(), &advice),
        Err(error) => fact(what, false, error, &advice),
    }
}

fn fact(what: String, ok: bool, found: String, advice: &str) -> Fact {
    Fact { what, ok, found, advice: if ok { String::new() } else { advice.to_owned() } }
}
