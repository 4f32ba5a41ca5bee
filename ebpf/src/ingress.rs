//! `cgroup_skb` ingress: each packet that a local socket is about to get.

use apiscope_common::abi::Program;
use apiscope_common::budget::Direction;
use aya_ebpf::macros::cgroup_skb;
use aya_ebpf::programs::SkBuffContext;

use crate::step;

#[cgroup_skb(ingress)]
pub fn ingress(ctx: SkBuffContext) -> i32 {
    step::take(ctx.skb.skb, Direction::In, Program::Ingress);
    1
}
