//! The BPF programs that were built into this binary.

/// The object as `build.rs` found it; empty if there was none.
pub static BYTES: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/apiscope.bpf.o"));

/// Whether this binary has BPF programs at all.
pub const fn is_built_in() -> bool {
    !BYTES.is_empty()
}
