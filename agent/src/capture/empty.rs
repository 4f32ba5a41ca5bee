//! Programs that do nothing, on the hooks of capture: the price of the hooks themselves, for measurements. Never loaded by a running
//! agent.

use std::path::Path;

use aya::{Ebpf, EbpfLoader};

use super::error::{StartError, Step};
use super::{cgroup, egress, ingress, object};

/// Attaches the empty programs to the hooks; they are detached when the value is dropped.
pub fn attach(cgroup: Option<&Path>) -> Result<Ebpf, StartError> {
    if !object::is_built_in() {
        return Err(StartError::NoPrograms);
    }
    let root = cgroup::open(cgroup)?;
    let mut ebpf = EbpfLoader::new().btf(None).load(object::BYTES).map_err(|cause| StartError::Map { cause })?;
    ingress::attach_as(&mut ebpf, &root.folder, Step { program: "empty_ingress", hook: ingress::HOOK })?;
    egress::attach_as(&mut ebpf, &root.folder, Step { program: "empty_egress", hook: egress::HOOK })?;
    Ok(ebpf)
}
