//! What an input may cost: memory by a counting allocator, time by the clock with much room for other work on the machine.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::{Duration, Instant};

struct Counting;

thread_local! {
    static NOW: Cell<usize> = const { Cell::new(0) };
    static MOST: Cell<usize> = const { Cell::new(0) };
}

fn grow(bytes: usize) {
    // Memory that another thread has allocated may be freed here, so the count may wrap.
    let now = NOW.get().wrapping_add(bytes);
    NOW.set(now);
    if now.cast_signed() > MOST.get().cast_signed() {
        MOST.set(now);
    }
}

// SAFETY: passes everything on to the system's allocator, and only counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.set(NOW.get().wrapping_sub(layout.size()));
        // SAFETY: the caller keeps the contract of `dealloc`, and `pointer` came from `System`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// So often a slow run is tried again: only a cost that is there every time is the input's.
const TRIES: u32 = 6;

/// What an input may cost.
pub(crate) struct Allowance {
    /// Bytes of memory at a time.
    pub(crate) memory_bytes: usize,
    /// Time for any input, however short.
    pub(crate) fixed: Duration,
    /// Time for each byte more: ten times what a benign one takes in an instrumented build, and as much again for the noise of a
    /// machine that does other things.
    pub(crate) per_byte: Duration,
}

impl Allowance {
    /// Runs the work, and panics if it costs more for an input of so many bytes.
    pub(crate) fn check(&self, bytes: usize, work: impl Fn()) {
        let limit = self.fixed + self.per_byte * u32::try_from(bytes).unwrap_or(u32::MAX);
        let mut least = Duration::MAX;
        for _ in 0..TRIES {
            let before = NOW.get();
            MOST.set(before);
            let begun = Instant::now();
            work();
            least = least.min(begun.elapsed());
            let used = MOST.get().wrapping_sub(before);
            assert!(used <= self.memory_bytes, "{bytes} bytes cost {used} bytes of memory");
            if least <= limit {
                return;
            }
        }
        panic!("{bytes} bytes cost {least:?}, more than {limit:?}");
    }
}
