//! How full the ring is: its two positions, mapped beside aya's reader, which does not tell.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

/// The positions of a ring buffer: the first page is the reader's, the second the writers' (kernel/bpf/ringbuf.c).
#[derive(Debug)]
pub(super) struct Fill {
    reader: NonNull<AtomicU64>,
    writer: NonNull<AtomicU64>,
    page: usize,
    size: u64,
}

// SAFETY: the mappings belong to this value alone, and are only read, as atomics.
unsafe impl Send for Fill {}

impl Fill {
    pub(super) fn map(fd: impl AsFd, size: u32) -> io::Result<Self> {
        // SAFETY: a call without pointers.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        let page = usize::try_from(page).map_err(io::Error::other)?;
        let reader = position(&fd, page, 0)?;
        let writer = position(&fd, page, page).inspect_err(|_| unmap(reader, page))?;
        Ok(Self { reader, writer, page, size: u64::from(size) })
    }

    /// Bytes that are written, or being written, and not read yet.
    pub(super) fn used(&self) -> u64 {
        // SAFETY: both are page-aligned words of live mappings.
        let (read, written) =
            unsafe { (self.reader.as_ref().load(Ordering::Acquire), self.writer.as_ref().load(Ordering::Acquire)) };
        written.saturating_sub(read).min(self.size)
    }
}

impl Drop for Fill {
    fn drop(&mut self) {
        unmap(self.reader, self.page);
        unmap(self.writer, self.page);
    }
}

fn position(fd: &impl AsFd, page: usize, offset: usize) -> io::Result<NonNull<AtomicU64>> {
    let offset = libc::off_t::try_from(offset).map_err(io::Error::other)?;
    // SAFETY: a new read-only mapping of an open descriptor, at an address that the kernel chooses.
    let at = unsafe {
        libc::mmap(std::ptr::null_mut(), page, libc::PROT_READ, libc::MAP_SHARED, fd.as_fd().as_raw_fd(), offset)
    };
    if at == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(at.cast()).ok_or_else(|| io::Error::from_raw_os_error(libc::EFAULT))
}

fn unmap(at: NonNull<AtomicU64>, page: usize) {
    // SAFETY: `at` is a mapping of one page that `position` made, and nothing refers to it any more.
    unsafe { libc::munmap(at.as_ptr().cast(), page) };
}
