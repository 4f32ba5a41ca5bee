//! The agent's own process, under the names that every Prometheus client library uses. Read from /proc at each scrape.

use std::fs;

/// CPU seconds, resident bytes, open files and start time; what can't be read is left out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Process {
    pub(super) cpu_seconds: Option<f64>,
    pub(super) resident_bytes: Option<f64>,
    pub(super) open_fds: Option<f64>,
    pub(super) start_seconds: Option<f64>,
}

impl Process {
    /// Reads /proc/self.
    pub(super) fn read() -> Self {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // After the last ')': the name in front may hold spaces. Fields from there on: state is 3 (proc_pid_stat(5)).
        let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        let (ticks, page) = (configured(libc::_SC_CLK_TCK), configured(libc::_SC_PAGESIZE));
        Self {
            cpu_seconds: field(14).zip(field(15)).map(|(user, system)| (user + system) / ticks),
            resident_bytes: field(24).map(|pages| pages * page),
            open_fds: fs::read_dir("/proc/self/fd").ok().map(|files| super::state::real(files.count() as u64)),
            start_seconds: field(22).zip(boot_seconds()).map(|(start, boot)| boot + start / ticks),
        }
    }
}

fn boot_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn configured(name: libc::c_int) -> f64 {
    // SAFETY: sysconf takes a number and gives a number; it touches no memory of ours.
    let value = unsafe { libc::sysconf(name) };
    i32::try_from(value).map_or(1.0, f64::from).max(1.0)
}
