//! The verdict map, written without a system call: a long-lived, memory-mapped array (see `verdict_word`).

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use apiscope_common::budget::Verdict;
use apiscope_common::flow::{VERDICT_SLOTS, verdict_slot, verdict_word};

const BYTES: usize = VERDICT_SLOTS as usize * size_of::<u64>();

/// The mapped array.
#[derive(Debug)]
pub(super) struct Verdicts {
    words: NonNull<AtomicU64>,
}

// SAFETY: the mapping belongs to this value alone, and its words are only written as atomics.
unsafe impl Send for Verdicts {}

impl Verdicts {
    pub(super) fn map(fd: impl AsFd) -> io::Result<Self> {
        let (protection, fd) = (libc::PROT_READ | libc::PROT_WRITE, fd.as_fd().as_raw_fd());
        // SAFETY: a new mapping of an open descriptor, at an address that the kernel chooses.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), BYTES, protection, libc::MAP_SHARED, fd, 0) };
        if at == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        NonNull::new(at.cast()).map(|words| Self { words }).ok_or_else(|| io::Error::from_raw_os_error(libc::EFAULT))
    }

    pub(super) fn set(&self, cookie: u64, verdict: Verdict) {
        // SAFETY: a slot is below `VERDICT_SLOTS`, and the mapping holds that many words for the life of this value.
        let word = unsafe { self.words.add(verdict_slot(cookie) as usize).as_ref() };
        word.store(verdict_word(cookie, verdict as u8), Ordering::Relaxed);
    }
}

impl Drop for Verdicts {
    fn drop(&mut self) {
        // SAFETY: the mapping was made in `map` with this size, and nothing refers to it any more.
        unsafe { libc::munmap(self.words.as_ptr().cast(), BYTES) };
    }
}
