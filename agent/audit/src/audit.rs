//! The one owner of inventory, detectors and ledger.

mod identifiers;
mod running;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use apiscope_wire::{Content, Timestamp};

use crate::change::{CallRow, Change};
use crate::detect::{Case, Detector, Greeting, Unused};
use crate::exchange::{ApiId, Exchange, Record};
use crate::finding::{Finding, FindingRow};
use crate::inventory::{EndpointId, EndpointRow, Inventory, InventoryCounters, Probed};
use crate::ledger::{Command, Done, Ledger, LedgerCounters, Refusal, RestoredSayings};
use crate::schema::{Book as Schemas, EndpointSchemas, SchemaCounters};
use crate::settings::Settings;
use crate::tls::{Book, HelloFacts};
use crate::watch::{Watch, WatchedDay};

use self::identifiers::Identifiers;
use self::running::Running;

/// State from the store, loaded once at start.
#[derive(Debug, Default)]
pub struct Restored {
    /// Endpoints.
    pub endpoints: Vec<EndpointRow>,
    /// Findings.
    pub findings: Vec<FindingRow>,
    /// What endpoints take and give.
    pub schemas: Vec<(EndpointId, EndpointSchemas)>,
    /// What people said.
    pub sayings: RestoredSayings,
    /// How long and how completely traffic was watched.
    pub watched: Vec<WatchedDay>,
    /// Paths that are no endpoint, by API.
    pub probed: Vec<Probed>,
}

/// Rows that changed are given at most so often.
const FLUSH_EVERY: Duration = Duration::from_secs(1);
/// Days of the account that changed are given at most so often.
const WATCHED_EVERY: Duration = Duration::from_mins(1);
/// Operations of documents that nobody calls are looked for at least so often; more often where findings resolve sooner.
const REVIEW_EVERY: Duration = Duration::from_hours(1);
/// Time without a call after which an operation is idle, unless the settings say otherwise.
const IDLE_AFTER: Duration = Duration::from_hours(30 * 24);
/// Lists of paths that are no endpoint are given as a whole, so less often: a scanner changes all of one in a second.
const PROBED_EVERY: Duration = Duration::from_secs(5);

/// Inventory, detectors and ledger behind one call.
#[derive(Debug)]
pub struct Audit {
    inventory: Inventory,
    schemas: Schemas,
    detectors: Vec<Box<dyn Detector>>,
    ledger: Ledger,
    tls: Book,
    /// What the detectors found in the case at hand; empty between two.
    found: Vec<Finding>,
    /// Calls that were counted while they ran, and handshakes whose sessions go on.
    running: Running,
    /// By what each API knows its callers, where it is a way of its own.
    identifiers: Identifiers,
    flushed: Timestamp,
    watch: Watch,
    /// When days of the account were last given.
    watch_given: Timestamp,
    /// When operations that nobody calls were last looked for; `None`: not since the documents changed.
    reviewed: Option<Timestamp>,
    review_every: Duration,
    idle_after: Duration,
    probed_given: Timestamp,
}

impl Audit {
    /// With what the store held. Documents' endpoints that were never called appear at the first tick.
    #[expect(clippy::needless_pass_by_value, reason = "a handle to the same settings that every shard holds")]
    pub fn new(settings: Arc<Settings>, restored: Restored) -> Self {
        let settings = settings.as_ref();
        let mut inventory = Inventory::new(&settings.environment, &settings.documents, restored.endpoints);
        inventory.pin(&settings.templates);
        inventory.own(&settings.owners);
        let mut ledger = Ledger::new(&settings.environment, restored.findings, restored.sayings);
        ledger.configure(settings.resolve_after, &settings.accepts, settings.learning);
        inventory.restore_probed(restored.probed);
        let mut audit = Self {
            inventory,
            schemas: Schemas::new(restored.schemas),
            detectors: settings.detect.detectors(),
            ledger,
            tls: Book::default(),
            found: Vec::new(),
            running: Running::default(),
            identifiers: Identifiers::default(),
            flushed: Timestamp::EPOCH,
            watch: Watch::new(restored.watched),
            watch_given: Timestamp::EPOCH,
            reviewed: None,
            review_every: REVIEW_EVERY,
            idle_after: IDLE_AFTER,
            probed_given: Timestamp::EPOCH,
        };
        audit.set_times(settings);
        audit
    }

    /// New settings from now on; the environment, which is part of every id, stays what it was until a restart.
    #[expect(clippy::needless_pass_by_value, reason = "a handle to the same settings that every shard holds")]
    pub fn configure(&mut self, settings: Arc<Settings>) {
        let settings = settings.as_ref();
        self.inventory.configure(&settings.documents);
        self.inventory.pin(&settings.templates);
        self.inventory.own(&settings.owners);
        self.detectors = settings.detect.detectors();
        self.ledger.configure(settings.resolve_after, &settings.accepts, settings.learning);
        self.set_times(settings);
    }

    /// How long is long, from now on; what is idle is looked for anew.
    fn set_times(&mut self, settings: &Settings) {
        self.idle_after = if settings.idle_after.is_zero() { IDLE_AFTER } else { settings.idle_after };
        let often = settings.resolve_after / 2;
        self.review_every = if often.is_zero() { REVIEW_EVERY } else { often.min(REVIEW_EVERY) };
        self.reviewed = None;
    }

    /// Observes, judges, records. Gives the call, then what follows from it.
    pub fn handle(&mut self, record: Record, emit: &mut dyn FnMut(Change)) {
        match record {
            Record::Exchange(exchange) if exchange.stage.counted => self.ended(exchange, emit),
            Record::Exchange(exchange) => self.exchange(exchange, emit),
            Record::Running(exchange) => self.runs(exchange, emit),
            Record::Session(exchange) => {
                let route = self.running.take(exchange.id).and_then(|id| self.route(id));
                emit(Change::Session(CallRow { exchange, route }));
            }
            Record::Hello { api, flow, origin, hello, at } => {
                let greeting = Greeting { api: &api, flow, origin: &origin, hello: &hello, at };
                judge(&mut self.detectors, &Case::Hello(&greeting), &mut self.found);
                self.ledger.called(greeting.id());
                self.hello(api, origin.server.port(), *hello, at, emit);
            }
            Record::Ambiguous(ambiguity) => {
                judge(&mut self.detectors, &Case::Ambiguous(&ambiguity), &mut self.found);
                emit(Change::Ambiguous(ambiguity));
                self.record(emit);
            }
            Record::Coverage(api, coverage) => {
                if self.inventory.has_document(&api) {
                    self.watch.add(&api, &coverage);
                }
                emit(Change::Coverage(api, coverage));
            }
            Record::ApiJoined { from, into } => {
                self.inventory.join_api(&from, &into);
                self.give_gone(emit);
                self.ledger.api_joined(&from, &into, emit);
                emit(Change::ApiJoined { from, into });
            }
            Record::Closed(..) => {}
        }
    }

    /// Time passes: rows that changed are given (once a second), findings resolve.
    pub fn tick(&mut self, now: Timestamp, emit: &mut dyn FnMut(Change)) {
        if now.since(self.flushed) < FLUSH_EVERY {
            return;
        }
        self.flushed = now;
        self.watch.pass(now);
        self.review(now, emit);
        self.give_endpoints(emit);
        self.give_tls(emit);
        if now.since(self.watch_given) >= WATCHED_EVERY {
            self.watch_given = now;
            self.give_watched(emit);
        }
        if now.since(self.probed_given) >= PROBED_EVERY {
            self.give_probed(now, emit);
        }
        self.ledger.tick(now, emit);
    }

    /// The end: all rows that changed and were not yet given.
    pub fn flush(&mut self, now: Timestamp, emit: &mut dyn FnMut(Change)) {
        self.flushed = now;
        self.give_endpoints(emit);
        self.give_tls(emit);
        self.give_watched(emit);
        self.give_probed(now, emit);
        self.ledger.flush(emit);
    }

    /// Somebody says something about findings. What follows is given at once.
    pub fn command(&mut self, command: Command, emit: &mut dyn FnMut(Change)) -> Result<Done, Refusal> {
        self.ledger.command(command, emit)
    }

    /// What inventory and ledger count about themselves. Costs a walk over the findings: for a scrape, not for every call.
    pub fn counters(&self) -> (InventoryCounters, LedgerCounters) {
        let mut inventory = self.inventory.counters();
        inventory.overflowed += self.running.overflowed();
        (inventory, self.ledger.counters())
    }

    /// What the schemas count about themselves.
    pub fn schema_counters(&self) -> SchemaCounters {
        self.schemas.counters()
    }

    fn exchange(&mut self, mut exchange: Box<Exchange>, emit: &mut dyn FnMut(Change)) {
        self.identifiers.meet(&mut exchange);
        let begins_session =
            exchange.response.as_ref().is_some_and(|facts| matches!(facts.content, Content::Session(_)));
        let endpoint = self.call(&exchange, emit);
        if let Some((id, _)) = endpoint.as_ref().filter(|_| begins_session) {
            self.running.add(exchange.id, *id);
        }
        let route = endpoint.map(|(_, route)| route).or_else(|| self.inventory.asked_about(&exchange));
        emit(Change::Call(CallRow { exchange, route }));
        self.record(emit);
    }

    /// Counts a call and judges it.
    fn call(&mut self, exchange: &Exchange, emit: &mut dyn FnMut(Change)) -> Option<(EndpointId, Arc<str>)> {
        let mut endpoint = None;
        if let Some(sighting) = self.inventory.observe(exchange) {
            judge(&mut self.detectors, &Case::Call(&sighting), &mut self.found);
            self.schemas.observe(sighting.endpoint, exchange);
            endpoint = Some((sighting.endpoint.id, Arc::clone(&sighting.endpoint.route)));
        }
        if let Some(probe) = self.inventory.take_probe(exchange) {
            judge(&mut self.detectors, &Case::Probe(&probe), &mut self.found);
        }
        if self.inventory.has_gone() {
            self.give_gone(emit);
        }
        if let Some((id, _)) = endpoint {
            self.ledger.called(id);
        }
        endpoint
    }

    /// A call goes on. It is counted as soon as its request and status are known.
    fn runs(&mut self, mut exchange: Box<Exchange>, emit: &mut dyn FnMut(Change)) {
        if !exchange.is_countable() {
            let route = self.running.endpoint(exchange.id).and_then(|id| self.route(id));
            return emit(Change::Running(CallRow { exchange, route }));
        }
        self.identifiers.meet(&mut exchange);
        let endpoint = self.call(&exchange, emit);
        if let Some((id, _)) = &endpoint {
            self.running.add(exchange.id, *id);
        }
        emit(Change::Running(CallRow { exchange, route: endpoint.map(|(_, route)| route) }));
        self.record(emit);
    }

    /// A call is over that was counted while it ran: what only its end tells is added and judged.
    fn ended(&mut self, exchange: Box<Exchange>, emit: &mut dyn FnMut(Change)) {
        let mut route = None;
        let endpoint = self.running.take(exchange.id);
        if let Some(sighting) = endpoint.and_then(|id| self.inventory.finish(id, &exchange)) {
            judge(&mut self.detectors, &Case::Ended(&sighting), &mut self.found);
            self.schemas.observe(sighting.endpoint, &exchange);
            route = Some(Arc::clone(&sighting.endpoint.route));
        }
        emit(Change::Call(CallRow { exchange, route }));
        self.record(emit);
    }

    fn route(&self, id: EndpointId) -> Option<Arc<str>> {
        self.inventory.row(id).map(|row| Arc::clone(&row.route))
    }

    fn hello(&mut self, api: ApiId, port: u16, hello: HelloFacts, at: Timestamp, emit: &mut dyn FnMut(Change)) {
        for key in self.tls.add(&api, port, hello, at) {
            emit(Change::TlsGone(Box::new(key)));
        }
        emit(Change::TlsUnobserved(api, at));
        self.record(emit);
    }

    fn record(&mut self, emit: &mut dyn FnMut(Change)) {
        for finding in self.found.drain(..) {
            let owner = self.inventory.owner(finding.endpoint, &finding.api);
            self.ledger.record(finding, owner, emit);
        }
    }

    /// Looks for operations of documents that nobody calls.
    fn review(&mut self, now: Timestamp, emit: &mut dyn FnMut(Change)) {
        if self.reviewed.is_some_and(|at| now.since(at) < self.review_every) {
            return;
        }
        self.reviewed = Some(now);
        let Self { inventory, watch, detectors, found, .. } = self;
        inventory.review_idle(now, self.idle_after, watch, &mut |endpoint, idle| {
            judge(detectors, &Case::Idle(&Unused { endpoint, idle, at: now }), found);
        });
        self.record(emit);
    }

    fn give_watched(&mut self, emit: &mut dyn FnMut(Change)) {
        self.watch.take_changed().into_iter().for_each(|day| emit(Change::Watched(day)));
    }

    fn give_endpoints(&mut self, emit: &mut dyn FnMut(Change)) {
        self.inventory.settle();
        if self.inventory.has_gone() {
            self.give_gone(emit);
        }
        let ledger = &mut self.ledger;
        self.inventory.take_changed(&mut |row| {
            if let Some(first) = row.first {
                ledger.meet(&row.api, first, emit);
            }
            emit(Change::Endpoint(Box::new(row)));
        });
        for id in self.schemas.take_gone() {
            emit(Change::Schemas { id, packed: None });
        }
        self.schemas.take_changed(&mut |id, schemas| emit(Change::Schemas { id, packed: Some(schemas.pack().into()) }));
    }

    fn give_tls(&mut self, emit: &mut dyn FnMut(Change)) {
        self.tls.take_changed(&mut |row| emit(Change::Tls(Box::new(row.clone()))));
    }

    fn give_probed(&mut self, now: Timestamp, emit: &mut dyn FnMut(Change)) {
        self.probed_given = now;
        self.inventory.take_probed(&mut |probed| emit(Change::Probed(Box::new(probed))));
    }

    /// Endpoints that are no more: before each the row that it was joined into, so that no one who listens loses a count.
    fn give_gone(&mut self, emit: &mut dyn FnMut(Change)) {
        let mut given = None;
        for (id, into) in self.inventory.take_gone() {
            self.running.joined(id, into);
            self.schemas.joined(id, into);
            if let Some(row) = into.filter(|into| given != Some(*into)).and_then(|into| self.inventory.current(into)) {
                given = into;
                emit(Change::Endpoint(Box::new(row)));
            }
            emit(Change::EndpointGone { id, into });
            if let Some(row) = into.and_then(|into| self.inventory.row(into)) {
                self.ledger.joined(id, row, emit);
            }
        }
    }
}

fn judge(detectors: &mut [Box<dyn Detector>], case: &Case<'_>, found: &mut Vec<Finding>) {
    for detector in detectors {
        detector.judge(case, &mut |finding| found.push(finding));
    }
}
