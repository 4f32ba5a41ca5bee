//! All endpoints of all APIs, and which of them an exchange belongs to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use apiscope_wire::Timestamp;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::book::{Book, Gone, Mover, template_state};
use super::entry::Entry;
use super::files;
use super::link::undocumented;
use super::operations::OperationKey;
use super::piece::{Path, Piece, split};
use super::probed::{self, Probe, Probed, Probes};
use super::shape::{NO_FILE, is_file};
use super::tree::{Answer, METHODS_MAX, Tree, Way};
use super::{
    DocumentState, EndpointId, EndpointRow, InventoryCounters, Pins, Sighting, TemplateReason, TemplateState, Why,
    status_proves_endpoint,
};
use crate::exchange::{ApiId, ConsumerId, Exchange, Method};
use crate::openapi::{Document, DocumentMatch};
use crate::secret::Masked;

/// APIs found in traffic.
pub(super) const APIS_MAX: usize = 256;
/// Endpoints of an API that no document names.
pub(super) const API_ENDPOINTS_MAX: usize = 2_000;
/// Endpoints in all that no document names.
const ENDPOINTS_MAX: usize = 10_000;
/// An API with more calls does not make room for another.
const QUIET_CALLS_MAX: u64 = 3;
/// At most so often an API makes room.
const EVICT_EVERY: Duration = Duration::from_secs(1);
/// So near to a bound it is looked at exactly.
const NEAR: usize = 1_000;
/// Nodes of all trees.
pub(super) const NODES_MAX: usize = 65_536;

/// The endpoints of one path, by method.
pub(super) type Leaves = SmallVec<[(Method, EndpointId); 2]>;
/// A call that is to be found an endpoint: an exchange, or an operation of one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) api: &'a ApiId,
    pub(super) method: &'a Method,
    /// The authority that it named.
    pub(super) host: Option<&'a str>,
    pub(super) path: &'a str,
    /// The operation behind the path, with its mark.
    pub(super) operation: Option<&'a str>,
    /// The path is a name as a whole.
    pub(super) is_name: bool,
    pub(super) status: Option<u16>,
    /// Its answer shows that there is something.
    pub(super) proves: bool,
    /// The last segment of the endpoint of static files that it is one of; and whether its answer alone shows that there are such.
    pub(super) file: Option<(&'static str, bool)>,
    /// What the tree learns from it.
    pub(super) answer: Answer,
    pub(super) consumer: ConsumerId,
    pub(super) ended: Timestamp,
}

impl<'a> Call<'a> {
    /// Of an exchange whose request was seen.
    pub(super) fn of(exchange: &'a Exchange) -> Option<Self> {
        Some(Self {
            api: &exchange.api,
            method: exchange.method.as_ref()?,
            host: exchange.host.as_ref().map(Masked::as_str),
            path: exchange.path.as_str(),
            operation: None,
            is_name: exchange.protocol.is_grpc(),
            status: exchange.status,
            proves: exchange.status.is_some_and(status_proves_endpoint),
            file: files::pattern(exchange).map(|pattern| (pattern, files::is_shown(exchange))),
            answer: answer(exchange),
            consumer: exchange.consumer,
            ended: exchange.ended,
        })
    }

    /// The path, split, with the operation behind it.
    pub(super) fn segments(&self) -> Path<'a> {
        let mut path = Path::new();
        split(self.path, &mut path);
        for piece in path.iter_mut().filter(|piece| is_file(piece.text)) {
            *piece = Piece::new(NO_FILE);
        }
        path.extend(self.operation.map(Piece::new));
        path
    }
}

/// Every endpoint. Owned by one thread; see the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    pub(super) environment: Box<str>,
    pub(super) apis: FxHashMap<ApiId, Api>,
    pub(super) book: Book,
    pub(super) counters: InventoryCounters,
    /// Paths that are no endpoint.
    pub(super) probes: Probes,
    /// What the user pinned, by API.
    pub(super) pins: BTreeMap<Box<str>, Arc<Pins>>,
    /// Who owns each API, by the configuration.
    pub(super) owners: BTreeMap<Box<str>, Box<str>>,
    /// When an API last had to make room.
    evicted: Timestamp,
    /// Nodes and endpoints that no document names, about; see [`Inventory::size`].
    pub(super) size_about: (usize, usize),
    /// When it was last looked whether an operation can make room.
    pub(super) retired: Timestamp,
}

/// One API: who its endpoints are.
#[derive(Debug, Default)]
pub(super) struct Api {
    pub(super) document: Option<Arc<Document>>,
    /// Its owner, by the configuration.
    pub(super) owner: Option<Box<str>>,
    /// By the document's path: operations, and undocumented methods on documented paths.
    pub(super) documented: Vec<Leaves>,
    /// Operations behind the document's paths.
    pub(super) operations: FxHashMap<OperationKey, EndpointId>,
    /// Paths that the document does not know.
    pub(super) tree: Tree,
    /// Endpoints that the document does not name.
    pub(super) found: usize,
    /// Calls, of paths that are no endpoint too.
    pub(super) calls: u64,
    pub(super) last: Timestamp,
    /// Endpoints and joins when it was last looked whether what was probed is an endpoint.
    pub(super) pruned: (usize, u64),
}

impl Inventory {
    /// With what the store held.
    pub(crate) fn new(
        environment: &str,
        documents: &BTreeMap<Box<str>, Arc<Document>>,
        restored: Vec<EndpointRow>,
    ) -> Self {
        let mut inventory = Self { environment: environment.into(), ..Self::default() };
        let mut by_api: BTreeMap<ApiId, Vec<Entry>> = BTreeMap::new();
        for row in restored {
            by_api.entry(row.api.clone()).or_default().push(Entry::new(row));
        }
        for name in documents.keys() {
            by_api.entry(ApiId::new(name)).or_default();
        }
        for (api, entries) in by_api {
            inventory.link(&api, documents.get(api.as_str()).cloned(), entries);
        }
        inventory.measure();
        inventory
    }

    /// What the user pins from now on, by API. What was learnt otherwise goes; what was counted stays counted where it was.
    pub(crate) fn pin(&mut self, pins: &BTreeMap<Box<str>, Arc<Pins>>) {
        self.pins.clone_from(pins);
        let none = Arc::default();
        for (id, api) in &mut self.apis {
            let pins = pins.get(id.as_str()).unwrap_or(&none);
            if **pins != *api.tree.pins {
                let mut mover = Mover::new(&self.environment, id, &mut self.book, &mut api.found);
                api.tree.pin(pins, &mut mover);
                for id in self.book.of_api(id) {
                    self.book.touch(id);
                }
            }
        }
    }

    /// Finds, or makes, the exchange's endpoint and counts the call there. `None`: it belongs to no endpoint.
    pub(crate) fn observe<'a>(&'a mut self, exchange: &'a Exchange) -> Option<Sighting<'a>> {
        let id = match &exchange.operations {
            None => self.locate(&Call::of(exchange)?)?,
            Some(operations) => self.locate_operations(exchange, operations)?,
        };
        let entry = self.book.touched(id)?;
        let is_new = entry.begin();
        entry.count(exchange);
        Some(Sighting { exchange, endpoint: &entry.row, is_new })
    }

    /// Adds what only the end of a call tells, which was counted at its endpoint while it ran.
    pub(crate) fn finish<'a>(&'a mut self, id: EndpointId, exchange: &'a Exchange) -> Option<Sighting<'a>> {
        let entry = self.book.touched(id)?;
        entry.finish(exchange);
        Some(Sighting { exchange, endpoint: &entry.row, is_new: false })
    }

    /// Endpoints that are no more since the last time, with the one that now stands for each.
    pub(crate) fn take_gone(&mut self) -> Vec<Gone> {
        let mut gone = std::mem::take(&mut self.book.gone);
        let mut last: FxHashMap<EndpointId, Option<EndpointId>> = FxHashMap::default();
        // From the end: what an endpoint was joined into may itself have been joined into another later.
        for (id, into) in gone.iter_mut().rev() {
            *into = into.and_then(|next| last.get(&next).copied().unwrap_or(Some(next)));
            last.insert(*id, *into);
        }
        gone
    }

    /// Whether the API has a document.
    pub(crate) fn has_document(&self, api: &ApiId) -> bool {
        self.apis.get(api).is_some_and(|api| api.document.is_some())
    }

    /// Whether [`Inventory::take_gone`] would give anything.
    pub(crate) fn has_gone(&self) -> bool {
        !self.book.gone.is_empty()
    }

    /// The endpoint's row as it is given.
    pub(crate) fn current(&self, id: EndpointId) -> Option<EndpointRow> {
        self.book.entries.get(&id).map(|entry| entry.current())
    }

    /// The endpoint's row, without its profile.
    pub(crate) fn row(&self, id: EndpointId) -> Option<&EndpointRow> {
        self.book.entries.get(&id).map(|entry| &entry.row)
    }

    /// The rows that changed since the last time, in the order in which they first did.
    pub(crate) fn take_changed(&mut self, give: &mut dyn FnMut(EndpointRow)) {
        for id in std::mem::take(&mut self.book.dirty) {
            if let Some(entry) = self.book.entries.get_mut(&id).filter(|entry| entry.dirty) {
                entry.dirty = false;
                let row = &mut entry.row;
                if row.template == TemplateState::Documented {
                    row.reason = Some(TemplateReason { why: Why::Documented, ..TemplateReason::default() });
                } else if let Some(said) = self.apis.get(&row.api).and_then(|api| api.tree.describe(&row.route)) {
                    (row.template, row.reason) = (said.0, Some(said.1));
                }
                give(entry.current());
            }
        }
    }

    /// What it counts about itself.
    pub(crate) fn counters(&self) -> InventoryCounters {
        let (probed, probed_displaced) = self.probes.counters();
        InventoryCounters {
            apis: self.apis.len() as u64,
            endpoints: self.book.entries.len() as u64,
            merged: self.book.merged,
            probed,
            probed_displaced,
            ..self.counters
        }
    }

    /// The endpoint of a call, which is made where the call proves it.
    pub(super) fn locate(&mut self, call: &Call<'_>) -> Option<EndpointId> {
        let Call { method, proves, .. } = *call;
        let api = if let Some(api) = self.apis.get_mut(call.api) {
            api
        } else {
            if !self.admit_api(call) {
                return None;
            }
            self.apis.get_mut(call.api)?
        };
        (api.calls, api.last) = (api.calls + 1, api.last.max(call.ended));
        let found = api.said_of(call);
        if let Some(path) = found.path() {
            return match call.operation {
                Some(operation) => self.locate_documented_operation(call, path, operation),
                None => self.locate_documented(call, path, found),
            };
        }
        let answer = call.answer;
        let path = api.place_of(call);
        if method.as_str() == "OPTIONS" {
            let is_probe = !proves && api.tree.place(&path).is_none();
            return if is_probe { self.probe(call, None) } else { self.preflight() };
        }
        // The path of gRPC is the name of a method: nothing in it is a value.
        if call.is_name && !call.path.contains('{') {
            return self.locate_named(call, &path);
        }
        // A HEAD is its path's GET, where there is one.
        let head = || (method.as_str() == "HEAD").then(|| api.tree.find(&path, &["GET"])).flatten();
        let known = head().map(|way| (way, "GET")).or_else(|| {
            let way = api.tree.find(&path, &[method.as_str()])?;
            Some((way, method.as_str()))
        });
        let known = known.filter(|(way, _)| !self.retire_operation(call, way));
        let api = self.apis.get_mut(call.api)?;
        if let Some((way, method)) = known {
            // What is not found there is no evidence of what belongs there.
            if !proves {
                return api.tree.endpoint(&way, method);
            }
            let mut mover = Mover::new(&self.environment, call.api, &mut self.book, &mut api.found);
            return visit(&mut api.tree, &mut mover, &path, &way, method, answer);
        }
        if !proves || (answer.is_refused && api.tree.is_open() && api.tree.place(&path).is_none()) {
            return self.probe(call, None);
        }
        self.discover(call.api, method, &path, answer, false)
    }

    /// Takes note of a call that belongs to no endpoint. `path`: the document's, where it knows the path.
    pub(super) fn probe(&mut self, call: &Call<'_>, path: Option<usize>) -> Option<EndpointId> {
        let api = self.apis.get(call.api);
        let documented = path.zip(api).and_then(|(path, api)| api.document.as_ref()?.route(path));
        let form = match documented {
            Some(route) => format!("{route}{}", call.operation.unwrap_or_default()),
            None => probed::form(api.map(|api| &api.tree), &call.segments()),
        };
        self.probes.add(call, form, api.is_some());
        None
    }

    /// What asks which methods there are is no call of any of them, and shows none.
    fn preflight(&mut self) -> Option<EndpointId> {
        self.counters.preflights += 1;
        None
    }

    /// What the last call asked for, if it belongs to no endpoint.
    pub(crate) fn take_probe<'a>(&'a mut self, exchange: &'a Exchange) -> Option<Probe<'a>> {
        self.probes.take_last(exchange)
    }

    /// What the store held of paths that are no endpoint.
    pub(crate) fn restore_probed(&mut self, probed: Vec<Probed>) {
        for list in probed {
            self.probes.restore(list);
        }
    }

    /// The lists of paths that are no endpoint which changed since the last time.
    pub(crate) fn take_probed(&mut self, give: &mut dyn FnMut(Probed)) {
        self.probes.take_changed(give);
    }

    /// The template of the path that an OPTIONS asks about, if there is such an endpoint with any method.
    pub(crate) fn asked_about(&self, exchange: &Exchange) -> Option<Arc<str>> {
        let call = Call::of(exchange).filter(|call| call.method.as_str() == "OPTIONS")?;
        let api = self.apis.get(call.api)?;
        match api.said_of(&call).path() {
            Some(path) => api.document.as_ref()?.route(path).map(Arc::from),
            None => api.tree.place(&call.segments()).map(|way| api.tree.route(&way).into()),
        }
    }

    /// The endpoint of a path in which every segment is a name.
    fn locate_named(&mut self, call: &Call<'_>, path: &[Piece<'_>]) -> Option<EndpointId> {
        let Call { api: id, method, proves, .. } = *call;
        let api = self.apis.get_mut(id)?;
        let known = api.tree.find_named(path).and_then(|way| Some((api.tree.endpoint(&way, method.as_str())?, way)));
        if let Some((endpoint, way)) = known {
            api.tree.count(&way, path, method.as_str(), Answer::default());
            return Some(endpoint);
        }
        if proves { self.discover(id, method, path, Answer::default(), true) } else { self.probe(call, None) }
    }

    /// Whether there is room for a new API, which this exchange proves.
    fn admit_api(&mut self, call: &Call<'_>) -> bool {
        let is_preflight = call.method.as_str() == "OPTIONS";
        if is_preflight && call.proves {
            self.preflight();
            return false;
        }
        if !call.proves {
            self.probe(call, None);
            return false;
        }
        if self.apis.len() >= APIS_MAX && !self.evict_api(call.ended) {
            self.counters.overflowed += 1;
            return false;
        }
        let mut api = Api { owner: self.owners.get(call.api.as_str()).cloned(), ..Api::default() };
        if let Some(pins) = self.pins.get(call.api.as_str()) {
            api.tree.pin(pins, &mut Mover::new(&self.environment, call.api, &mut self.book, &mut api.found));
        }
        self.apis.insert(call.api.clone(), api);
        true
    }

    /// Forgets the API that was idle for longest of those hardly ever called, so that a flood of invented hosts does not keep real ones
    /// out for good. Seldom, so that it does not make the store forget and learn all the time.
    fn evict_api(&mut self, now: Timestamp) -> bool {
        if now.since(self.evicted) < EVICT_EVERY {
            return false;
        }
        let quiet = self.apis.iter().filter(|(_, api)| api.document.is_none() && api.calls <= QUIET_CALLS_MAX);
        let Some(id) = quiet.min_by_key(|(id, api)| (api.last, *id)).map(|(id, _)| id.clone()) else { return false };
        self.evicted = now;
        self.apis.remove(&id);
        self.probes.forget(&id);
        for entry in self.book.take_api(&id) {
            self.book.gone.push((entry.row.id, None));
        }
        true
    }

    /// The endpoint on a path that the document knows.
    fn locate_documented(&mut self, call: &Call<'_>, path: usize, found: DocumentMatch) -> Option<EndpointId> {
        let Call { method, proves, .. } = *call;
        let api = self.apis.get_mut(call.api)?;
        let leaves = api.documented.get(path)?;
        let of = |method: &str| leaves.iter().find(|(known, _)| known.as_str() == method).map(|(_, id)| *id);
        let head = (method.as_str() == "HEAD").then(|| of("GET")).flatten();
        if let Some(id) = of(method.as_str()).or(head) {
            if let (DocumentMatch::Operation { rival: Some(rival), .. }, Some(document)) = (found, &api.document) {
                self.book.set_rival(id, document.route(rival.path));
            }
            return Some(id);
        }
        if method.as_str() == "OPTIONS" {
            return self.preflight();
        }
        if !proves {
            return self.probe(call, Some(path));
        }
        if leaves.len() >= METHODS_MAX || api.found >= API_ENDPOINTS_MAX {
            self.counters.overflowed += 1;
            return None;
        }
        let route = api.document.as_ref()?.route(path)?;
        let mut row = undocumented(&self.environment, call.api, method, route);
        row.owner = api.owner();
        if matches!(found, DocumentMatch::Removed { .. }) {
            row.document = DocumentState::Removed;
        }
        api.found += 1;
        self.size_about.1 += 1;
        let id = row.id;
        api.documented.get_mut(path)?.push((method.clone(), id));
        self.book.insert(Entry::new(row));
        Some(id)
    }

    /// A new endpoint, if there is room. `is_named`: its segments are names, whatever stands beside them.
    fn discover(
        &mut self,
        api_id: &ApiId,
        method: &Method,
        path: &[Piece<'_>],
        answer: Answer,
        is_named: bool,
    ) -> Option<EndpointId> {
        let (nodes, endpoints) = self.size();
        let api = self.apis.get_mut(api_id)?;
        let has_room = api.found < API_ENDPOINTS_MAX && endpoints < ENDPOINTS_MAX;
        let room = if has_room { NODES_MAX.saturating_sub(nodes) } else { 0 };
        self.size_about = (nodes + path.len(), endpoints + 1);
        let place = if is_named {
            api.tree.insert_named(path, room)
        } else {
            api.tree.place(path).or_else(|| api.tree.insert(path, room))
        };
        let Some(way) = place.filter(|_| has_room) else {
            self.counters.overflowed += 1;
            return None;
        };
        if let Some(id) = api.tree.endpoint(&way, method.as_str()) {
            // The path is a value of a variable after all.
            self.book.touch(id);
            let mut mover = Mover::new(&self.environment, api_id, &mut self.book, &mut api.found);
            return visit(&mut api.tree, &mut mover, path, &way, method.as_str(), answer);
        }
        let route = api.tree.route(&way);
        let mut row = EndpointRow::new(&self.environment, api_id, method, &route);
        row.template = template_state(&route);
        if api.document.is_some() {
            row.document = DocumentState::Undocumented;
        }
        row.owner = api.owner();
        let id = row.id;
        if !api.tree.add_leaf(&way, method, id, answer.is_refused) {
            self.counters.overflowed += 1;
            return None;
        }
        api.found += 1;
        self.book.insert(Entry::new(row));
        if method.as_str() == "GET"
            && let Some(head) = api.tree.endpoint(&way, "HEAD")
        {
            // It was its own only for want of the GET.
            api.tree.remove(&way, "HEAD");
            api.found = api.found.saturating_sub(1);
            self.book.absorb(head, id);
        }
        if is_named {
            api.tree.count(&way, path, method.as_str(), Answer::default());
            return Some(id);
        }
        let mut mover = Mover::new(&self.environment, api_id, &mut self.book, &mut api.found);
        visit(&mut api.tree, &mut mover, path, &way, method.as_str(), answer)
    }

    /// Nodes and endpoints in all that no document names: about, and exactly near the bounds. Adding up all APIs at each new path would
    /// make the work for it grow with their number.
    fn size(&mut self) -> (usize, usize) {
        let (nodes, endpoints) = self.size_about;
        if nodes + NEAR > NODES_MAX || endpoints + NEAR > ENDPOINTS_MAX {
            self.measure();
        }
        self.size_about
    }

    pub(super) fn measure(&mut self) {
        let sizes = self.apis.values().map(|api| (api.tree.len(), api.found));
        self.size_about = sizes.fold((0, 0), |sum, size| (sum.0 + size.0, sum.1 + size.1));
    }

    /// Brings every template up to all that was seen, whatever the order in which it came.
    pub(crate) fn settle(&mut self) {
        self.measure();
        for (id, api) in &mut self.apis {
            let mut mover =
                Mover { environment: &self.environment, api: id, book: &mut self.book, found: &mut api.found };
            api.tree.settle(&mut mover);
            for refused in api.tree.take_refused() {
                if let Some(entry) = self.book.entries.remove(&refused) {
                    api.found = api.found.saturating_sub(1);
                    self.probes.refused(&entry.row, &entry.profile.as_deref().cloned().unwrap_or_default());
                    self.book.gone.push((refused, None));
                }
            }
            if api.pruned != (api.found, self.book.merged) {
                api.pruned = (api.found, self.book.merged);
                self.probes.retain(id, |path| !api.has(&path.method, &path.path));
            }
        }
    }
}

impl Api {
    /// The path of a call, split; that of a static file as its folder has it.
    fn place_of<'c>(&self, call: &Call<'c>) -> Path<'c> {
        let own = call.segments();
        let Some((pattern, is_shown)) = call.file else { return own };
        let mut path = own.clone();
        if let Some(last) = path.last_mut() {
            *last = Piece::new(pattern);
        }
        if is_shown || self.tree.find(&path, &["GET"]).is_some() { path } else { own }
    }

    /// Whether a path that was probed has an endpoint with this method.
    fn has(&self, method: &Method, form: &str) -> bool {
        let documented = self.document.as_ref().and_then(|document| document.match_path(method.as_str(), form).path());
        match documented.and_then(|path| self.documented.get(path)) {
            Some(leaves) => leaves.iter().any(|(known, _)| known == method),
            None => probed::is_endpoint(&self.tree, form, method),
        }
    }

    /// Who owns what the document does not name.
    pub(super) fn owner(&self) -> Option<Box<str>> {
        self.owner_named().map(Into::into)
    }

    pub(super) fn owner_named(&self) -> Option<&str> {
        self.owner.as_deref().or_else(|| self.document.as_ref()?.owner.as_deref())
    }
}

/// Counts a call of a known path in the tree, and looks again at what it makes due. Gives the endpoint, which may be another then.
fn visit(
    tree: &mut Tree,
    mover: &mut Mover<'_>,
    path: &[Piece<'_>],
    way: &Way,
    method: &str,
    answer: Answer,
) -> Option<EndpointId> {
    let id = tree.count(way, path, method, answer);
    if tree.review(way, mover) {
        let way = tree.find(path, &[method])?;
        return tree.endpoint(&way, method);
    }
    id
}

/// What the tree learns from an exchange's response.
fn answer(exchange: &Exchange) -> Answer {
    let success = exchange.response.as_ref().filter(|_| matches!(exchange.status, Some(200..=299)));
    Answer { is_refused: exchange.status == Some(403), outline: success.and_then(|facts| facts.outline) }
}
