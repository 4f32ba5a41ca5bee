//! Attaches the object's programs that do nothing to the agent's packet hooks, until stdin ends: what the hooks themselves
//! cost. For `cargo xtask bench`, which takes it off.

use std::fs::File;
use std::io::Read;

use anyhow::Context;
use apiscope::capture::{cgroup, object};
use aya::EbpfLoader;
use aya::programs::{CgroupAttachMode, CgroupSkb, CgroupSkbAttachType};

fn main() -> anyhow::Result<()> {
    let root = cgroup::open(None)?;
    let folder = File::open(&root.path).with_context(|| format!("cannot open {}", root.path.display()))?;
    let mut ebpf = EbpfLoader::new().load(object::BYTES).context("run `cargo xtask build` first")?;
    for (name, hook) in [("empty_ingress", CgroupSkbAttachType::Ingress), ("empty_egress", CgroupSkbAttachType::Egress)]
    {
        let program = ebpf.program_mut(name).with_context(|| format!("the object has no program {name}"))?;
        let program: &mut CgroupSkb = program.try_into()?;
        program.load()?;
        program.attach(&folder, hook, CgroupAttachMode::Single)?;
    }
    println!("attached");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
