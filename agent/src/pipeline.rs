//! The one way of the data, live and replay alike: inputs → `Wire` → `Gather` → `Audit` → changes.
//!
//! Two halves that share nothing: [`Shard`] (bytes to records; there may be several, and they may run in a process of their
//! own) and [`Owner`] (records to changes; there is one). [`Pipeline`] runs one of each in a row. No half does any I/O:
//! sources bring inputs, and whoever calls takes verdicts and changes away.

use std::sync::Arc;

use apiscope_audit::inventory::InventoryCounters;
use apiscope_audit::ledger::{Command, Done, LedgerCounters, Refusal};
use apiscope_audit::schema::SchemaCounters;
use apiscope_audit::secret::FingerprintKey;
use apiscope_audit::{Audit, Change, Gather, GatherCounters, Record, Restored, Settings};
use apiscope_wire::{Counters, Event, FlowId, Input, Limits, Role, Timestamp, Verdict, Wire};

/// Bytes to records.
#[derive(Debug)]
pub struct Shard {
    wire: Wire,
    gather: Gather,
    by_role: [u64; 3],
}

impl Shard {
    /// With the installation's key and these settings.
    pub fn new(limits: Limits, key: Arc<FingerprintKey>, settings: Arc<Settings>) -> Self {
        Self { wire: Wire::new(limits), gather: Gather::new(key, settings), by_role: [0; 3] }
    }

    /// What the store held: hosts that were found to be one API stay one.
    pub fn recall(&mut self, restored: &Restored) {
        self.gather.recall(restored.endpoints.iter().map(|row| &row.api));
    }

    /// New settings from now on.
    pub fn configure(&mut self, settings: Arc<Settings>) {
        self.gather.configure(settings);
    }

    /// Takes one input. Verdicts are for the source of the input.
    pub fn handle(&mut self, input: Input<'_>, verdict: &mut dyn FnMut(FlowId, Verdict), emit: &mut dyn FnMut(Record)) {
        let Self { wire, gather, by_role } = self;
        // A flow may be introduced more than once; it counts when it is new.
        let role = if let Input::Origin(_, origin) = &input { Some(origin.role) } else { None };
        let begun = role.map_or(0, |_| wire.counters().flows_begun);
        if let Input::Origin(flow, origin) = &input {
            gather.introduce(*flow, origin, emit);
        }
        wire.handle(input, &mut |event| {
            #[cfg(feature = "deliberate-leak")]
            leak(&event);
            match event {
                Event::Verdict(flow, given) => verdict(flow, given),
                event => gather.handle(event, emit),
            }
        });
        if let Some(role) = role {
            let place = match role {
                Role::Served => 0,
                Role::Called => 1,
                Role::Unknown => 2,
            };
            by_role[place] += wire.counters().flows_begun - begun;
        }
    }
}

/// What must never happen: for the test that has to notice it.
#[cfg(feature = "deliberate-leak")]
fn leak(event: &Event<'_>) {
    if let Event::Message(message) = event {
        for header in message.headers.iter() {
            tracing::warn!("{}: {}", header.name, String::from_utf8_lossy(header.value));
        }
    }
}

#[cfg(all(feature = "deliberate-leak", not(debug_assertions)))]
compile_error!("the feature `deliberate-leak` logs secrets: it is for one test, and never for a release");

/// Records to changes.
#[derive(Debug)]
pub struct Owner {
    audit: Audit,
}

impl Owner {
    /// With these settings, and what the store held.
    pub fn new(settings: Arc<Settings>, restored: Restored) -> Self {
        Self { audit: Audit::new(settings, restored) }
    }

    /// New settings from now on.
    pub fn configure(&mut self, settings: Arc<Settings>) {
        self.audit.configure(settings);
    }

    /// Takes one record.
    pub fn handle(&mut self, record: Record, emit: &mut dyn FnMut(Change)) {
        self.audit.handle(record, emit);
    }

    /// Somebody says something about findings.
    pub fn command(&mut self, command: Command, emit: &mut dyn FnMut(Change)) -> Result<Done, Refusal> {
        self.audit.command(command, emit)
    }

    /// Time passes.
    pub fn tick(&mut self, now: Timestamp, emit: &mut dyn FnMut(Change)) {
        self.audit.tick(now, emit);
    }

    /// The end: all that was not yet given.
    pub fn flush(&mut self, now: Timestamp, emit: &mut dyn FnMut(Change)) {
        self.audit.flush(now, emit);
    }
}

/// What the core counts about itself.
#[derive(Clone, Debug)]
pub struct CoreCounters {
    /// The reader of flows.
    pub wire: Counters,
    /// Flows begun: served, called, unknown.
    pub flows_by_role: [u64; 3],
    /// The pairing of requests and responses.
    pub gather: GatherCounters,
    /// The inventory.
    pub inventory: InventoryCounters,
    /// The schemas.
    pub schemas: SchemaCounters,
    /// The ledger.
    pub ledger: LedgerCounters,
}

/// One shard and the owner, in a row.
#[derive(Debug)]
pub struct Pipeline {
    shard: Shard,
    owner: Owner,
}

impl Pipeline {
    /// Puts the two together.
    pub const fn new(shard: Shard, owner: Owner) -> Self {
        Self { shard, owner }
    }

    /// New settings from now on.
    pub fn configure(&mut self, settings: &Arc<Settings>) {
        self.shard.configure(Arc::clone(settings));
        self.owner.configure(Arc::clone(settings));
    }

    /// Takes one input; a tick goes to both halves.
    pub fn handle(&mut self, input: Input<'_>, verdict: &mut dyn FnMut(FlowId, Verdict), emit: &mut dyn FnMut(Change)) {
        let tick = if let Input::Tick(now) = input { Some(now) } else { None };
        let Self { shard, owner } = self;
        shard.handle(input, verdict, &mut |record| owner.handle(record, emit));
        if let Some(now) = tick {
            owner.tick(now, emit);
        }
    }

    /// Somebody says something about findings.
    pub fn command(&mut self, command: Command, emit: &mut dyn FnMut(Change)) -> Result<Done, Refusal> {
        self.owner.command(command, emit)
    }

    /// What the halves count about themselves. Walks over the findings: for a scrape, not for every input.
    pub fn counters(&self) -> CoreCounters {
        let (inventory, ledger) = self.owner.audit.counters();
        CoreCounters {
            wire: self.shard.wire.counters(),
            flows_by_role: self.shard.by_role,
            gather: self.shard.gather.counters(),
            inventory,
            schemas: self.owner.audit.schema_counters(),
            ledger,
        }
    }

    /// The end of the input.
    pub fn flush(&mut self, now: Timestamp, emit: &mut dyn FnMut(Change)) {
        self.owner.flush(now, emit);
    }
}
