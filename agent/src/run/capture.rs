//! The capture thread: drain, pipeline, verdicts, sleep; until told to stop.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError};
use std::time::{Duration, Instant};

use apiscope_audit::inventory::InventoryCounters;
use apiscope_audit::{Change, Settings};
use apiscope_common::abi::Program;
use apiscope_common::budget::Limits;
use apiscope_wire::Input;

use super::say::Saying;
use super::sinks::Batch;
use super::{Agent, now};
use crate::capture::live::{Live, Stats};
use crate::metrics::{CaptureSnapshot, InventorySnapshot, ProgramSnapshot, RingSnapshot, SchemaSnapshot, WireSnapshot};
use crate::pipeline::{CoreCounters, Pipeline};
use crate::trouble::Trouble;
use crate::view::{CaptureView, CoreView};

/// Changes that pass to the sinks at a time.
const BATCH_MAX: usize = 1_024;
/// How often the capture's numbers are told.
const TELL: Duration = Duration::from_secs(1);

/// Orders taken between two looks at the ring.
const ORDERS_MAX: usize = 64;

/// What the capture thread is told.
pub(super) enum Order {
    /// Work with these from now on.
    Configure(Arc<Settings>, Limits),
    /// Somebody says something about findings.
    Say(Box<Saying>),
    /// Detach and end.
    Stop,
}

/// The thread's work.
pub(super) struct Capture {
    pub(super) live: Live,
    pub(super) pipeline: Pipeline,
    pub(super) agent: Arc<Agent>,
    pub(super) orders: Receiver<Order>,
    pub(super) changes: SyncSender<Batch>,
}

impl Capture {
    /// Captures until told to stop; then gives all that is left, and detaches.
    pub(super) fn run(mut self) {
        self.tell();
        self.agent.set_ready(true);
        let mut told = Instant::now();
        loop {
            self.drain(false);
            self.live.wait();
            if self.obey().is_break() {
                break;
            }
            if told.elapsed() >= TELL {
                told = Instant::now();
                self.tell();
            }
        }
        self.agent.set_ready(false);
        self.drain(true);
        let mut batch = Vec::new();
        self.pipeline.flush(now(), &mut |change| batch.push(change));
        send(&self.changes, batch);
        self.tell();
    }

    /// Takes what is there; the `last` time also what the kernel has only counted.
    fn drain(&mut self, last: bool) {
        let Self { live, pipeline, changes, .. } = self;
        let mut verdicts = Vec::new();
        let mut batch = Vec::new();
        let mut take = |input: Input<'_>| {
            pipeline.handle(input, &mut |flow, verdict| verdicts.push((flow, verdict)), &mut |change| {
                batch.push(change);
                if batch.len() >= BATCH_MAX {
                    send(changes, std::mem::take(&mut batch));
                }
            });
        };
        if last {
            live.finish(&mut take);
        } else {
            live.drain(&mut take);
        }
        for (flow, verdict) in verdicts {
            live.apply(flow, verdict);
        }
        send(changes, batch);
    }

    /// Does what was ordered; a break: it is to end.
    fn obey(&mut self) -> ControlFlow<()> {
        for _ in 0..ORDERS_MAX {
            match self.orders.try_recv() {
                Ok(Order::Configure(settings, limits)) => self.configure(&settings, limits),
                Ok(Order::Say(saying)) => self.say(*saying),
                Ok(Order::Stop) | Err(TryRecvError::Disconnected) => return ControlFlow::Break(()),
                Err(TryRecvError::Empty) => break,
            }
        }
        ControlFlow::Continue(())
    }

    /// Whoever asked gets the answer when what follows has reached the sinks.
    fn say(&mut self, saying: Saying) {
        let mut changes = Vec::new();
        let said = self.pipeline.command(saying.command, &mut |change| changes.push(change));
        // Fails only where the sinks are gone, and then whoever asked gets no answer.
        let _ = self.changes.send(Batch { changes, answer: Some((saying.answer, said)) });
    }

    fn configure(&mut self, settings: &Arc<Settings>, limits: Limits) {
        self.pipeline.configure(settings);
        match self.live.set_limits(limits) {
            Ok(()) => self.agent.health.clear("capture budget"),
            Err(error) => {
                let what = format!("the new [capture] budget was refused by the kernel ({error}); the old one goes on");
                self.agent.health.set("capture budget", &Trouble::new(what, "restart apiscope"), now());
            }
        }
    }

    /// Tells the numbers, and systemd that this thread is at work.
    fn tell(&self) {
        // Without systemd there is nobody to tell.
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
        let (cgroup, _) = self.live.cgroup();
        let stats = self.live.stats();
        let core = self.pipeline.counters();
        self.agent.set_numbers(view(&stats, cgroup), core_view(&core));
        self.agent.metrics.set_capture(snapshot(&stats));
        self.agent.metrics.set_wire(wire_snapshot(&core));
        self.agent.metrics.set_schemas(schema_snapshot(&core));
        let InventoryCounters { probed, probed_displaced, .. } = core.inventory;
        self.agent.metrics.set_inventory(InventorySnapshot { probed, probed_displaced });
    }
}

/// Waits while the sinks are behind. They are gone only when the agent ends.
fn send(sinks: &SyncSender<Batch>, changes: Vec<Change>) {
    if !changes.is_empty() {
        let _ = sinks.send(Batch { changes, answer: None });
    }
}

fn view(stats: &Stats, cgroup: &std::path::Path) -> CaptureView {
    let mut missed = BTreeMap::new();
    for item in stats.missed.iter().filter(|item| item.count > 0) {
        missed.insert(format!("{} {}", item.program, item.reason), item.count);
    }
    CaptureView {
        attached: stats.programs.iter().map(|name| (*name).to_owned()).collect(),
        cgroup: cgroup.display().to_string(),
        flows: stats.flows as u64,
        records: stats.records,
        copied_bytes: stats.copied_bytes,
        missed,
        ring_bytes: stats.ring_size,
        ring_bytes_peak: stats.ring_peak,
        connections_found: (stats.seeded.servers + stats.seeded.clients + stats.seeded.unknown) as u64,
        namespaces_failed: stats.seeded.namespaces_failed as u64,
    }
}

fn snapshot(stats: &Stats) -> CaptureSnapshot {
    let records = |name: &str| {
        let place = Program::ALL.iter().position(|program| program.name() == name);
        place.and_then(|place| stats.records_by_program.get(place)).copied().unwrap_or_default()
    };
    let program = |name: &&'static str| ProgramSnapshot {
        program: (*name).to_owned(),
        attached: true,
        records: records(name),
        dropped: (stats.missed.iter())
            .filter(|item| item.program == *name)
            .map(|item| (item.reason.to_owned(), item.count))
            .collect(),
    };
    let ring = RingSnapshot { ring: "0".to_owned(), size_bytes: stats.ring_size, used_bytes: stats.ring_used };
    CaptureSnapshot { programs: stats.programs.iter().map(program).collect(), rings: vec![ring] }
}

fn core_view(core: &CoreCounters) -> CoreView {
    CoreView {
        flows: core.wire.flows_open,
        buffered_bytes: core.wire.buffered_bytes,
        flows_evicted: core.wire.flows_evicted + core.gather.flows_evicted,
        gaps: core.wire.gaps,
        messages_incomplete: core.wire.messages_incomplete,
        halves: core.gather.halves,
        probed: core.inventory.probed,
        probed_displaced: core.inventory.probed_displaced,
        preflights: core.inventory.preflights,
        operations_retired: core.inventory.operations_retired,
        overflowed: core.inventory.overflowed
            + core.inventory.idle_overflowed
            + core.ledger.overflowed
            + core.gather.names_overflow,
        not_learnt: core.gather.samples.spared + core.schemas.parts_dropped,
        schemas_forgotten: core.schemas.forgotten,
    }
}

fn schema_snapshot(core: &CoreCounters) -> SchemaSnapshot {
    let samples = core.gather.samples;
    SchemaSnapshot {
        messages: [samples.taken, samples.passed, samples.spared, samples.not_whole],
        size_bytes: core.schemas.bytes,
        endpoints_dropped: core.schemas.forgotten,
        parts_dropped: core.schemas.parts_dropped,
    }
}

fn wire_snapshot(core: &CoreCounters) -> WireSnapshot {
    WireSnapshot {
        flows_open: core.wire.flows_open,
        flows_by_role: core.flows_by_role,
        evictions: vec![("flows".to_owned(), core.wire.flows_evicted)],
        gaps: core.wire.gaps,
        conflicts: core.wire.conflicts,
        websocket_errors: core.wire.websocket_errors,
    }
}
