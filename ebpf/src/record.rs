//! Writes records to the ring. The reader is not woken for a record: a forced wake-up costs thirty times a record. It drains by
//! time, and is woken only if it sleeps while the ring fills: past a quarter, and at most once in a millisecond.

use core::mem::MaybeUninit;
use core::ptr;

use apiscope_common::abi::{CLASSES, PAYLOAD_MAX, Program, Reason, SegmentHeader};
use aya_ebpf::Global;
use aya_ebpf::bindings::{__sk_buff, BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP};
use aya_ebpf::helpers::generated::bpf_skb_load_bytes;

use crate::maps::{RECORDS, miss};

/// A record as it lies in the ring.
#[repr(C)]
struct Record<const N: usize> {
    header: SegmentHeader,
    payload: MaybeUninit<[u8; N]>,
}

const QUIET: u64 = BPF_RB_NO_WAKEUP as u64;
const WAKE: u64 = BPF_RB_FORCE_WAKEUP as u64;

/// How full the ring must be: the agent sets a quarter of its size before the load.
#[unsafe(no_mangle)]
static WAKE_BYTES: Global<u64> = Global::new(512 << 10);

/// The least time between two wake-ups.
const WAKE_NS: u64 = 1_000_000;

/// When the reader was woken last. Two CPUs may both think that it is time: then it is woken twice. Not an `AtomicU64`: LLVM has no
/// atomic loads for this target.
static mut WOKEN_NS: u64 = 0;

/// How to submit a record of this time and size. To ask how full the ring is costs a tenth of a record: so only large records
/// ask, and one in eight of the small ones, by the microsecond that it happens to be.
#[inline(always)]
fn urgency(time_ns: u64, len: usize) -> u64 {
    if len <= CLASSES[4] as usize && time_ns & 0x1c00 != 0 {
        return QUIET;
    }
    if RECORDS.query(u64::from(BPF_RB_AVAIL_DATA)) < WAKE_BYTES.load() {
        return QUIET;
    }
    // SAFETY: an aligned word of the object's own map, read and written in one piece each.
    unsafe {
        if time_ns.wrapping_sub(ptr::read_volatile(&raw const WOKEN_NS)) < WAKE_NS {
            return QUIET;
        }
        ptr::write_volatile(&raw mut WOKEN_NS, time_ns);
    }
    WAKE
}

/// Writes a record without payload. Whether it was written.
#[inline(always)]
pub fn bare(header: &SegmentHeader, program: Program) -> bool {
    let Some(mut entry) = RECORDS.reserve::<SegmentHeader>(0) else {
        miss(program, Reason::RingFull);
        return false;
    };
    entry.write(*header);
    entry.submit(QUIET);
    true
}

/// Writes a record with the `header.copied` first bytes of the packet's payload, in the smallest class that holds them.
/// Whether it was written. A function of its own, for the seven classes are long and are written from two places.
#[inline(never)]
pub fn with_payload(skb: *mut __sk_buff, header: &SegmentHeader, at: u32, program: Program) -> bool {
    let copied = header.copied;
    if copied <= CLASSES[0] {
        sized::<{ CLASSES[0] as usize }>(skb, header, at, program)
    } else if copied <= CLASSES[1] {
        sized::<{ CLASSES[1] as usize }>(skb, header, at, program)
    } else if copied <= CLASSES[2] {
        sized::<{ CLASSES[2] as usize }>(skb, header, at, program)
    } else if copied <= CLASSES[3] {
        sized::<{ CLASSES[3] as usize }>(skb, header, at, program)
    } else if copied <= CLASSES[4] {
        sized::<{ CLASSES[4] as usize }>(skb, header, at, program)
    } else if copied <= CLASSES[5] {
        sized::<{ CLASSES[5] as usize }>(skb, header, at, program)
    } else {
        sized::<{ PAYLOAD_MAX as usize }>(skb, header, at, program)
    }
}

#[inline(always)]
fn sized<const N: usize>(skb: *mut __sk_buff, header: &SegmentHeader, at: u32, program: Program) -> bool {
    let Some(mut entry) = RECORDS.reserve::<Record<N>>(0) else {
        miss(program, Reason::RingFull);
        return false;
    };
    let record = entry.as_mut_ptr();
    // SAFETY: `copied` is a live local; the volatile read keeps LLVM from knowing its range, and so from removing the mask that
    // shows the verifier a length of 1..=N (N is a power of two, and the caller chose the class with 1 <= copied <= N).
    let len = unsafe { ((ptr::read_volatile(&header.copied) - 1) & (N as u32 - 1)) + 1 };
    // SAFETY: the ring gave room for a `Record<N>`; the helper writes `len` bytes, at most N.
    let failed = unsafe {
        (&raw mut (*record).header).write(*header);
        bpf_skb_load_bytes(skb.cast(), at, (&raw mut (*record).payload).cast(), len)
    };
    if failed != 0 {
        entry.discard(QUIET);
        miss(program, Reason::Load);
        return false;
    }
    entry.submit(urgency(header.time_ns, N));
    true
}
