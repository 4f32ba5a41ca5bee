//! Where traffic comes from: this host's sockets ([`live`]), or capture files ([`replay`]). Every source gives
//! [`apiscope_wire::Input`]s and takes verdicts back; no source reads a message.
//!
//! Live: `object` (the BPF programs) is loaded and attached by [`live::Live`], one file a hook ([`ingress`], [`egress`],
//! [`sock_ops`]) as in `ebpf/src/`; [`seed`] knows the connections that are older; `flows` turns records into inputs.
mod bpf_log;
pub mod cgroup;
mod clock;
pub mod egress;
pub mod empty;
pub mod error;
pub mod flows;
pub mod ingress;
pub mod live;
mod names;
pub mod need;
mod netns;
pub mod object;
pub mod replay;
mod ring;
mod roles;
pub mod seed;
mod sock_diag;
pub mod sock_ops;
mod verdicts;
