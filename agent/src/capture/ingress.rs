//! `cgroup_skb` ingress: what its program needs, and how it is attached. The program: `ebpf/src/ingress.rs`.

use std::os::fd::AsFd;

use aya::Ebpf;
use aya::programs::{CgroupAttachMode, CgroupSkb, CgroupSkbAttachType};

use super::error::{Step, StepError};
use super::need::{Need, Probe};

/// What the program needs of the kernel.
pub const NEEDS: &[Need] = &[
    Need { what: "cgroup_skb programs", since: (4, 10), probe: Probe::CgroupSkb },
    Need { what: "direct packet access, socket cookie, cgroup id in them", since: (5, 7), probe: Probe::CgroupSkb },
    Need { what: "BPF ring buffer", since: (5, 8), probe: Probe::RingBuffer },
];

pub(super) const HOOK: &str = "cgroup_skb ingress";

/// Loads the program and attaches it; it is detached when `ebpf` is dropped.
pub fn attach(ebpf: &mut Ebpf, cgroup: impl AsFd) -> Result<(), StepError> {
    attach_as(ebpf, cgroup, Step { program: "ingress", hook: HOOK })
}

pub(super) fn attach_as(ebpf: &mut Ebpf, cgroup: impl AsFd, step: Step) -> Result<(), StepError> {
    let program: &mut CgroupSkb = step.program(ebpf)?;
    program.load().map_err(|error| step.load(error))?;
    program
        .attach(cgroup, CgroupSkbAttachType::Ingress, CgroupAttachMode::Single)
        .map_err(|error| step.attach(error))?;
    Ok(())
}
