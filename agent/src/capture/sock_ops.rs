//! `sock_ops`: what its program needs, and how it is attached. The program: `ebpf/src/sock_ops.rs`.

use std::os::fd::AsFd;

use aya::Ebpf;
use aya::programs::{CgroupAttachMode, SockOps};

use super::error::{Step, StepError};
use super::need::{Need, Probe};

/// What the program needs of the kernel.
pub const NEEDS: &[Need] = &[
    Need { what: "sock_ops programs with state call-backs", since: (4, 16), probe: Probe::SockOps },
    Need { what: "BPF ring buffer", since: (5, 8), probe: Probe::RingBuffer },
];

/// Loads the program and attaches it; it is detached when `ebpf` is dropped.
pub fn attach(ebpf: &mut Ebpf, cgroup: impl AsFd) -> Result<(), StepError> {
    let step = Step { program: "sock_ops", hook: "sock_ops" };
    let program: &mut SockOps = step.program(ebpf)?;
    program.load().map_err(|error| step.load(error))?;
    program.attach(cgroup, CgroupAttachMode::Single).map_err(|error| step.attach(error))?;
    Ok(())
}
