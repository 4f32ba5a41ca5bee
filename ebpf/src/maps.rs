//! The maps. The agent finds them by name and sets their sizes before the load.

use apiscope_common::abi::{COUNTERS, Program, Reason, counter};
use apiscope_common::budget::Limits;
use apiscope_common::flow::{Flow, Pair, VERDICT_SLOTS};
use aya_ebpf::bindings::BPF_F_MMAPABLE;
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, LruHashMap, PerCpuArray, RingBuf};

/// All records of all programs.
#[map]
pub static RECORDS: RingBuf = RingBuf::with_byte_size(2 << 20, 0);

/// What is remembered of each flow, by socket cookie.
#[map]
pub static FLOWS: LruHashMap<u64, Flow> = LruHashMap::with_max_entries(65_536, 0);

/// Connections of which one end on this host has been established: the cookie of that end's socket. Lives for the moment
/// between the two.
#[map]
pub static PAIRS: LruHashMap<Pair, u64> = LruHashMap::with_max_entries(4_096, 0);

/// What the agent has decided, written by it without a system call: see `verdict_word`.
#[map]
pub static VERDICTS: Array<u64> = Array::with_max_entries(VERDICT_SLOTS, BPF_F_MMAPABLE);

/// The bytes per turn, in cell 0.
#[map]
pub static LIMITS: Array<Limits> = Array::with_max_entries(1, 0);

/// What was missed: see `counter`.
#[map]
pub static MISSED: PerCpuArray<u64> = PerCpuArray::with_max_entries(COUNTERS, 0);

/// Counts one miss.
#[inline(always)]
pub fn miss(program: Program, reason: Reason) {
    if let Some(cell) = MISSED.get_ptr_mut(counter(program, reason)) {
        // SAFETY: the kernel gave this cell for this CPU; programs are not preempted by another of the same kind.
        unsafe { *cell += 1 };
    }
}
