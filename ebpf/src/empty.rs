//! Programs that do nothing, on the same hooks: what they cost is the price of the hook, and is taken off in measurements.
//! The agent never loads them; `cargo xtask bench` does.

use aya_ebpf::macros::cgroup_skb;
use aya_ebpf::programs::SkBuffContext;

#[cgroup_skb(ingress)]
pub fn empty_ingress(_: SkBuffContext) -> i32 {
    1
}

#[cgroup_skb(egress)]
pub fn empty_egress(_: SkBuffContext) -> i32 {
    1
}
