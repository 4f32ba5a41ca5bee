//! The BPF programs. They look at packets and never change, delay or drop one: every `cgroup_skb` program returns 1 ("let it
//! pass") whatever happens, and no program writes to a packet or a socket's options.
//!
//! One file a hook, named as in `agent/src/capture/`; what the two packet hooks share is in `packet`, `record` and `step`.
#![no_std]
#![no_main]

mod egress;
mod empty;
mod ingress;
mod maps;
mod packet;
mod record;
mod sock_ops;
mod step;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
