//! From the kernel's monotonic time to the time of day.

use apiscope_wire::Timestamp;

/// Turns `bpf_ktime_get_ns` into time of day, with the difference of the two clocks as it was at the last [`Clock::set`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    offset_ns: i128,
}

impl Clock {
    pub(super) fn now() -> Self {
        let mut clock = Self { offset_ns: 0 };
        clock.set();
        clock
    }

    /// Takes the difference anew: the time of day is corrected all the time.
    pub(super) fn set(&mut self) {
        self.offset_ns = i128::from(read(libc::CLOCK_REALTIME)) - i128::from(monotonic_ns());
    }

    /// The time of day of a record.
    pub(super) fn at(&self, monotonic_ns: u64) -> Timestamp {
        let nanos = i128::from(monotonic_ns) + self.offset_ns;
        Timestamp::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
    }
}

/// The clock of `bpf_ktime_get_ns`.
pub(super) fn monotonic_ns() -> u64 {
    read(libc::CLOCK_MONOTONIC)
}

fn read(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure lives over the call; both clocks are always there.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    let (seconds, nanos) = (u64::try_from(time.tv_sec).unwrap_or(0), u64::try_from(time.tv_nsec).unwrap_or(0));
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}
