//! This host's own traffic, as the BPF programs see it.
//!
//! One entry: [`Live::start`]; then, for ever: [`Live::drain`], [`Live::apply`] what comes back, sleep for [`Live::pace`]. Dropping it
//! detaches everything; nothing is pinned, so a process that dies leaves nothing behind either.

use std::fmt;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use apiscope_common::abi::{Program, Reason, RecordKind, SegmentHeader, counter};
use apiscope_common::budget::{Direction, Limits, Verdict as KernelVerdict};
use apiscope_common::flow::{FLOW_TOLD, FLOW_TWIN, Flow};
use apiscope_wire::{FlowId, Input, Verdict};
use aya::maps::{Array, HashMap as BpfHashMap, Map, MapData, PerCpuArray, RingBuf};
use aya::{Ebpf, EbpfLoader};
use aya_log::{EbpfLogger, Level};

use super::bpf_log::ToTracing;
use super::clock::{Clock, monotonic_ns};
use super::error::StartError;
use super::flows::{Flows, Record, Untold};
use super::names::HostNames;
use super::need::missing_capabilities;
use super::ring::Fill;
use super::roles::Roles;
use super::verdicts::Verdicts;
use super::{cgroup, egress, ingress, object, seed, sock_ops};

/// The time between two drains: while the ring fills, while many records come, while few come, and at most.
const PACE_MIN: Duration = Duration::from_millis(1);
const PACE_BUSY: Duration = Duration::from_millis(4);
const PACE_CALM: Duration = Duration::from_millis(16);
const PACE_MAX: Duration = Duration::from_millis(128);
/// Records of one drain that are few.
const RECORDS_CALM: u64 = 32;
/// Records taken in one drain; past it the rest waits for the next, so that a flood does not keep the caller from its other work.
const RECORDS_PER_DRAIN_MAX: u64 = 65_536;
/// How often time is told.
const TICK: Duration = Duration::from_millis(250);

/// How to capture.
#[derive(Clone, Debug)]
pub struct Config {
    /// A cgroup v2 directory to watch; `None`: the root of the hierarchy, that is every socket of the host.
    pub cgroup: Option<PathBuf>,
    /// Size of the ring in bytes: rounded up to a power of two, at least 256 KiB.
    pub ring_size_bytes: u32,
    /// Flows that the kernel remembers at a time (some 130 bytes each); past it those idle for longest are forgotten.
    pub flows_max: u32,
    /// Bytes copied per turn.
    pub limits: Limits,
    /// What the BPF programs log: what is less urgent is not even in the loaded program.
    pub log_level: Level,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            cgroup: None,
            ring_size_bytes: 2 << 20,
            flows_max: 65_536,
            limits: Limits::DEFAULT,
            log_level: Level::Warn,
        }
    }
}

/// What was missed by one program for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    /// The program's name.
    pub program: &'static str,
    /// The reason's name, as a metric label.
    pub reason: &'static str,
    /// How often.
    pub count: u64,
}

/// Numbers of a running capture. All of them since the start, but for those that say otherwise.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Records read from the ring.
    pub records: u64,
    /// The same by the program that wrote them, in the order of [`Program::ALL`].
    pub records_by_program: [u64; Program::ALL.len()],
    /// Payload bytes in them.
    pub copied_bytes: u64,
    /// What was missed, all programs and reasons, zeros too.
    pub missed: Vec<Missed>,
    /// What the user side could not tell.
    pub untold: Untold,
    /// Bytes in the ring now.
    pub ring_used: u64,
    /// The most bytes that were found in the ring.
    pub ring_peak: u64,
    /// The ring's size.
    pub ring_size: u64,
    /// Programs that are attached.
    pub programs: Vec<&'static str>,
    /// Their ids in the kernel, in the same order.
    pub program_ids: Vec<u32>,
    /// Flows known on the user side now.
    pub flows: usize,
    /// Flows that were there before, found in the socket tables at the start.
    pub seeded: seed::Seeded,
}

/// A running capture.
pub struct Live {
    ring: RingBuf<MapData>,
    fill: Fill,
    logs: Option<EbpfLogger<ToTracing>>,
    limits: Array<MapData, Limits>,
    missed: PerCpuArray<MapData, u64>,
    verdicts: Verdicts,
    known: BpfHashMap<MapData, u64, Flow>,
    names: HostNames,
    roles: Roles,
    flows: Flows,
    clock: Clock,
    last_tick: Option<Instant>,
    pace: Duration,
    stats: Stats,
    // Last: the programs outlive nothing that reads from them.
    _ebpf: Ebpf,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("cgroup", &self.names.root().path)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

impl Live {
    /// Loads the programs, attaches them, and looks up the connections that are there already.
    pub fn start(config: &Config) -> Result<Self, StartError> {
        if !object::is_built_in() {
            return Err(StartError::NoPrograms);
        }
        let missing = missing_capabilities();
        if !missing.is_empty() {
            return Err(StartError::NoPermission { missing });
        }
        let root = Arc::new(cgroup::open(config.cgroup.as_deref())?);
        let mut ebpf = load(config)?;
        let logs = EbpfLogger::init_with_logger(&mut ebpf, ToTracing).ok();
        let mut limits =
            Array::try_from(take(&mut ebpf, "LIMITS")?).map_err(|_| StartError::Object { name: "LIMITS" })?;
        limits.set(0, config.limits, 0).map_err(|error| StartError::Map { cause: error.into() })?;
        let Map::Array(verdicts) = take(&mut ebpf, "VERDICTS")? else {
            return Err(StartError::Object { name: "VERDICTS" });
        };
        let verdicts =
            Verdicts::map(verdicts.fd()).map_err(|cause| StartError::Io { what: "mapping the verdicts", cause })?;
        let Map::RingBuf(records) = take(&mut ebpf, "RECORDS")? else {
            return Err(StartError::Object { name: "RECORDS" });
        };
        let fill = Fill::map(records.fd(), ring_bytes(config.ring_size_bytes))
            .map_err(|cause| StartError::Io { what: "mapping the ring's positions", cause })?;
        let ring = RingBuf::try_from(Map::RingBuf(records)).map_err(|error| StartError::Map { cause: error.into() })?;
        let missed =
            PerCpuArray::try_from(take(&mut ebpf, "MISSED")?).map_err(|_| StartError::Object { name: "MISSED" })?;
        let mut known: BpfHashMap<MapData, u64, Flow> =
            BpfHashMap::try_from(take(&mut ebpf, "FLOWS")?).map_err(|_| StartError::Object { name: "FLOWS" })?;

        // Connections that begin from here on are known by sock_ops; those before it are in the socket tables now; and only then
        // are packets looked at.
        sock_ops::attach(&mut ebpf, &root.folder)?;
        let seeded = seed::seed(&mut known, &root);
        ingress::attach(&mut ebpf, &root.folder)?;
        egress::attach(&mut ebpf, &root.folder)?;

        let stats = Stats {
            ring_size: u64::from(ring_bytes(config.ring_size_bytes)),
            programs: Program::ALL.iter().map(|program| program.name()).collect(),
            program_ids: ids(&ebpf),
            seeded,
            ..Stats::default()
        };
        Ok(Self {
            ring,
            fill,
            logs,
            limits,
            missed,
            verdicts,
            known,
            names: HostNames::new(root),
            roles: Roles::default(),
            flows: Flows::default(),
            clock: Clock::now(),
            last_tick: None,
            pace: PACE_MIN,
            stats,
            _ebpf: ebpf,
        })
    }

    /// Reads the records that are there and gives what they say; tells the time at least once in [`TICK`] of being called.
    pub fn drain(&mut self, emit: &mut dyn FnMut(Input<'_>)) {
        self.clock.set();
        let used = self.fill.used();
        self.stats.ring_peak = self.stats.ring_peak.max(used);
        let mut records = 0;
        while records < RECORDS_PER_DRAIN_MAX
            && let Some(item) = self.ring.next()
        {
            records += 1;
            let Some((header, payload)) = parse(&item) else { continue };
            self.stats.copied_bytes += payload.len() as u64;
            self.stats.records_by_program[writer(&header) as usize] += 1;
            let record = Record { header: &header, payload, at: self.clock.at(header.time_ns) };
            self.flows.take(record, &mut self.names, emit);
        }
        self.stats.records += records;
        self.set_pace(records, used);
        if let Some(logs) = &mut self.logs {
            logs.flush();
        }
        self.look_up_roles(emit);
        if self.last_tick.is_none_or(|last| last.elapsed() >= TICK) {
            self.last_tick = Some(Instant::now());
            let now = monotonic_ns();
            self.flows.tick(now, &mut self.names, emit);
            emit(Input::Tick(self.clock.at(now)));
        }
    }

    fn look_up_roles(&mut self, emit: &mut dyn FnMut(Input<'_>)) {
        if let Some(ends) = self.roles.take() {
            for twin in self.flows.answer(&ends, &mut self.names, emit) {
                self.verdicts.set(twin, KernelVerdict::Twin);
            }
        }
        if self.roles.is_due() && self.flows.ask() {
            self.roles.begin(Arc::clone(self.names.root()));
        }
    }

    /// Tells the kernel what to do with a flow from its next turn on. Costs no system call.
    pub fn apply(&self, flow: FlowId, verdict: Verdict) {
        match verdict {
            Verdict::IgnoreNotHttp | Verdict::IgnoreEncrypted => self.verdicts.set(flow.get(), KernelVerdict::Ignore),
        }
    }

    /// The last drain: also tells what the kernel has counted of each flow since its last record. To be called once, before the
    /// capture is dropped: what passes in between is not told.
    pub fn finish(&mut self, emit: &mut dyn FnMut(Input<'_>)) {
        self.drain(emit);
        let at = self.clock.at(monotonic_ns());
        for (cookie, flow) in self.known.iter().flatten() {
            if flow.flags & (FLOW_TWIN | FLOW_TOLD) == FLOW_TOLD {
                self.flows.settle(cookie, &flow, at, &mut self.names, emit);
            }
        }
        emit(Input::Tick(at));
    }

    /// Changes the bytes copied per turn, of all flows, from their next turn on.
    pub fn set_limits(&mut self, limits: Limits) -> io::Result<()> {
        self.limits.set(0, limits, 0).map_err(io::Error::other)
    }

    /// How long to sleep before the next drain: 1 to 16 ms under load, up to 128 ms when nothing happens.
    pub const fn pace(&self) -> Duration {
        self.pace
    }

    /// Sleeps until the next drain is due: for [`Live::pace`], and less if the ring fills meanwhile (the kernel wakes a reader that
    /// sleeps while a quarter of the ring fills). A signal ends it early.
    pub fn wait(&self) {
        // A ring that holds something would end the poll at once, so then only time counts.
        if self.fill.used() > 0 {
            thread::sleep(self.pace.min(PACE_BUSY));
            return;
        }
        let mut ring = libc::pollfd { fd: self.ring.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        let millis = libc::c_int::try_from(self.pace.as_millis()).unwrap_or(libc::c_int::MAX);
        // SAFETY: one live structure, with an open descriptor.
        unsafe { libc::poll(&raw mut ring, 1, millis) };
    }

    /// The numbers, now.
    pub fn stats(&self) -> Stats {
        let mut stats = self.stats.clone();
        stats.ring_used = self.fill.used();
        stats.flows = self.flows.len();
        stats.untold = self.flows.untold;
        stats.missed = self.missed();
        stats
    }

    /// The cgroup that is watched, and whether the agent had to mount the hierarchy itself.
    pub fn cgroup(&self) -> (&Path, bool) {
        let root = self.names.root();
        (&root.path, root.mounted_here)
    }

    fn missed(&self) -> Vec<Missed> {
        let mut missed = Vec::new();
        for program in Program::ALL {
            for reason in Reason::ALL {
                let count = self.missed.get(&counter(program, reason), 0).map_or(0, |cells| cells.iter().sum());
                missed.push(Missed { program: program.name(), reason: reason.name(), count });
            }
        }
        missed
    }

    /// Sooner when the ring fills, later when little comes, much later when nothing does.
    fn set_pace(&mut self, records: u64, used: u64) {
        let eighths = used * 8 / self.stats.ring_size.max(1);
        self.pace = match (records, eighths) {
            (0, _) => (self.pace * 2).min(PACE_MAX),
            (..=RECORDS_CALM, 0) => PACE_CALM,
            (_, 0) => PACE_BUSY,
            (_, 1) => Duration::from_millis(2),
            _ => PACE_MIN,
        };
    }
}

/// The ring's size as the kernel wants it.
fn ring_bytes(wanted: u32) -> u32 {
    wanted.clamp(256 << 10, 1 << 30).next_power_of_two()
}

fn load(config: &Config) -> Result<Ebpf, StartError> {
    let level = config.log_level as u8;
    let wake_bytes = u64::from(ring_bytes(config.ring_size_bytes)) / 4;
    EbpfLoader::new()
        .override_global(aya_log::LEVEL, &level, true)
        .override_global("WAKE_BYTES", &wake_bytes, true)
        // No type information of the kernel is used: the programs read no kernel structure.
        .btf(None)
        .map_max_entries("RECORDS", ring_bytes(config.ring_size_bytes))
        .map_max_entries("FLOWS", config.flows_max.max(1_024))
        .load(object::BYTES)
        .map_err(|cause| StartError::Map { cause })
}

fn ids(ebpf: &Ebpf) -> Vec<u32> {
    let id = |program: Program| ebpf.program(program.name())?.info().ok().map(|info| info.id());
    Program::ALL.into_iter().filter_map(id).collect()
}

fn take(ebpf: &mut Ebpf, name: &'static str) -> Result<Map, StartError> {
    ebpf.take_map(name).ok_or(StartError::Object { name })
}

/// The program that wrote a record.
const fn writer(header: &SegmentHeader) -> Program {
    match (header.kind == RecordKind::Segment as u8, header.direction == Direction::In as u8) {
        (true, true) => Program::Ingress,
        (true, false) => Program::Egress,
        (false, _) => Program::SockOps,
    }
}

/// The header and the payload of a record as it lies in the ring.
fn parse(item: &[u8]) -> Option<(SegmentHeader, &[u8])> {
    let (head, rest) = item.split_at_checked(size_of::<SegmentHeader>())?;
    // SAFETY: `head` has the size of the header, which is made of integers: any bytes are a valid value.
    let header = unsafe { head.as_ptr().cast::<SegmentHeader>().read_unaligned() };
    Some((header, rest.get(..usize::try_from(header.copied).ok()?)?))
}
