//! `cgroup_skb` egress: each packet that a local socket has sent.

use apiscope_common::abi::Program;
use apiscope_common::budget::Direction;
use aya_ebpf::macros::cgroup_skb;
use aya_ebpf::programs::SkBuffContext;

use crate::step;

#[cgroup_skb(egress)]
pub fn egress(ctx: SkBuffContext) -> i32 {
    step::take(ctx.skb.skb, Direction::Out, Program::Egress);
    1
}
