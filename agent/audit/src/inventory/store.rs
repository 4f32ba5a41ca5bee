//! All endpoints of all APIs, and which of them an exchange belongs to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use apiscope_wire::Timestamp;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::entry::Entry;
use super::shape::{FORMAT, LEARNT, segments};
use super::tree::{Endpoints, METHODS_MAX, SEGMENTS_MAX, Tree, Way};
use super::{
    DocumentState, EndpointId, EndpointRow, InventoryCounters, Sighting, TemplateState, status_proves_endpoint,
};
use crate::exchange::{ApiId, Exchange, Method};
use crate::openapi::{Document, DocumentMatch, Operation};

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
/// Nodes of all trees.
const NODES_MAX: usize = 65_536;

/// The endpoints of one path, by method.
type Leaves = SmallVec<[(Method, EndpointId); 2]>;
/// A path, split.
type Path<'a> = SmallVec<[&'a str; 12]>;
/// An endpoint that is no more, and the one that it was joined into.
pub(crate) type Gone = (EndpointId, Option<EndpointId>);

/// Every endpoint. Owned by one thread; see the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    environment: Box<str>,
    apis: FxHashMap<ApiId, Api>,
    book: Book,
    counters: InventoryCounters,
    /// When an API last had to make room.
    evicted: Timestamp,
}

/// One API: who its endpoints are.
#[derive(Debug, Default)]
struct Api {
    document: Option<Arc<Document>>,
    /// By the document's path: operations, and undocumented methods on documented paths.
    documented: Vec<Leaves>,
    /// Paths that the document does not know.
    tree: Tree,
    /// Endpoints that the document does not name.
    found: usize,
    /// Calls, of paths that are no endpoint too.
    calls: u64,
    last: Timestamp,
}

/// Endpoints by id, and what has to be told of them.
#[derive(Debug, Default)]
struct Book {
    entries: FxHashMap<EndpointId, Entry>,
    dirty: Vec<EndpointId>,
    gone: Vec<Gone>,
    merged: u64,
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
        inventory
    }

    /// Documents came, went or changed: their APIs' endpoints are compared again. The environment stays what it was.
    pub(crate) fn configure(&mut self, documents: &BTreeMap<Box<str>, Arc<Document>>) {
        let mut changed: Vec<ApiId> = documents.keys().map(|name| ApiId::new(name)).collect();
        changed.extend(self.apis.iter().filter(|(_, api)| api.document.is_some()).map(|(id, _)| id.clone()));
        changed.sort_unstable();
        changed.dedup();
        for id in changed {
            let document = documents.get(id.as_str()).cloned();
            let known = self.apis.get(&id).and_then(|api| api.document.as_ref());
            let same = match (known, &document) {
                (Some(known), Some(document)) => Arc::ptr_eq(known, document),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            };
            if !same {
                let entries = self.book.take_api(&id);
                self.link(&id, document, entries);
            }
        }
    }

    /// Finds, or makes, the exchange's endpoint and counts the call there. `None`: it belongs to no endpoint.
    pub(crate) fn observe<'a>(&'a mut self, exchange: &'a Exchange) -> Option<Sighting<'a>> {
        let id = self.locate(exchange)?;
        let entry = self.book.entries.get_mut(&id)?;
        let is_new = entry.row.calls == 0;
        if is_new && entry.row.document == DocumentState::Unused {
            entry.row.document = entry.called_state;
        }
        entry.count(exchange);
        self.book.touch(id);
        let entry = self.book.entries.get(&id)?;
        Some(Sighting { exchange, endpoint: &entry.row, is_new })
    }

    /// Adds what only the end of a call tells, which was counted at its endpoint while it ran.
    pub(crate) fn finish<'a>(&'a mut self, id: EndpointId, exchange: &'a Exchange) -> Option<Sighting<'a>> {
        self.book.entries.get_mut(&id)?.finish(exchange);
        self.book.touch(id);
        let entry = self.book.entries.get(&id)?;
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

    /// Whether [`Inventory::take_gone`] would give anything.
    pub(crate) fn has_gone(&self) -> bool {
        !self.book.gone.is_empty()
    }

    /// The endpoint's row.
    pub(crate) fn row(&self, id: EndpointId) -> Option<&EndpointRow> {
        self.book.entries.get(&id).map(|entry| &entry.row)
    }

    /// The rows that changed since the last time, in the order in which they first did.
    pub(crate) fn take_changed(&mut self, give: &mut dyn FnMut(&EndpointRow)) {
        for id in std::mem::take(&mut self.book.dirty) {
            if let Some(entry) = self.book.entries.get_mut(&id).filter(|entry| entry.dirty) {
                entry.dirty = false;
                give(entry.current());
            }
        }
    }

    /// What it counts about itself.
    pub(crate) fn counters(&self) -> InventoryCounters {
        InventoryCounters {
            apis: self.apis.len() as u64,
            endpoints: self.book.entries.len() as u64,
            merged: self.book.merged,
            ..self.counters
        }
    }

    fn locate(&mut self, exchange: &Exchange) -> Option<EndpointId> {
        let method = exchange.method.as_ref()?;
        let proves = exchange.status.is_some_and(status_proves_endpoint);
        if !self.apis.contains_key(&exchange.api) && !self.admit_api(exchange, proves) {
            return None;
        }
        let api = self.apis.get_mut(&exchange.api)?;
        (api.calls, api.last) = (api.calls + 1, api.last.max(exchange.ended));
        let path = exchange.path.as_str();
        let found =
            api.document.as_ref().map_or(DocumentMatch::None, |document| document.match_path(method.as_str(), path));
        if let DocumentMatch::Operation { path, .. } | DocumentMatch::PathOnly { path } = found {
            return self.locate_documented(exchange, method, path, proves);
        }
        if method.as_str() == "OPTIONS" {
            return None;
        }
        let is_refused = exchange.status == Some(403);
        // The path of gRPC is the name of a method: nothing in it is a value.
        let is_name = exchange.protocol.is_grpc() && !path.contains('{');
        let path: Path<'_> = segments(path).take(SEGMENTS_MAX + 1).collect();
        if is_name {
            return self.locate_named(&exchange.api, method, &path, proves);
        }
        // A HEAD is its path's GET, where there is one.
        let head = || (method.as_str() == "HEAD").then(|| api.tree.find(&path, &["GET"])).flatten();
        let known = head().map(|way| (way, "GET")).or_else(|| {
            let way = api.tree.find(&path, &[method.as_str()])?;
            Some((way, method.as_str()))
        });
        if let Some((way, method)) = known {
            // What is not found there is no evidence of what belongs there.
            return if proves {
                self.visit(&exchange.api, &path, &way, method, is_refused)
            } else {
                api.tree.endpoint(&way, method)
            };
        }
        if !proves || (is_refused && api.tree.is_open() && api.tree.place(&path).is_none()) {
            self.counters.probed += 1;
            return None;
        }
        self.discover(&exchange.api, method, &path, is_refused, false)
    }

    /// The endpoint of a path in which every segment is a name.
    fn locate_named(&mut self, id: &ApiId, method: &Method, path: &[&str], proves: bool) -> Option<EndpointId> {
        let api = self.apis.get_mut(id)?;
        let known = api.tree.find_named(path).and_then(|way| Some((api.tree.endpoint(&way, method.as_str())?, way)));
        if let Some((endpoint, way)) = known {
            api.tree.count(&way, path, method.as_str(), false);
            return Some(endpoint);
        }
        if proves {
            self.discover(id, method, path, false, true)
        } else {
            self.counters.probed += 1;
            None
        }
    }

    /// Counts a call of a known path in the tree, and looks again at what it makes due. Gives the endpoint, which may be another then.
    fn visit(&mut self, id: &ApiId, path: &[&str], way: &Way, method: &str, is_refused: bool) -> Option<EndpointId> {
        let api = self.apis.get_mut(id)?;
        api.tree.count(way, path, method, is_refused);
        let mut mover = Mover { environment: &self.environment, api: id, book: &mut self.book, found: &mut api.found };
        if api.tree.review(way, &mut mover) {
            let way = api.tree.find(path, &[method])?;
            return api.tree.endpoint(&way, method);
        }
        api.tree.endpoint(way, method)
    }

    /// Whether there is room for a new API, which this exchange proves.
    fn admit_api(&mut self, exchange: &Exchange, proves: bool) -> bool {
        let is_preflight = exchange.method.as_ref().is_some_and(|method| method.as_str() == "OPTIONS");
        if is_preflight {
            return false;
        }
        if !proves {
            self.counters.probed += 1;
            return false;
        }
        if self.apis.len() >= APIS_MAX && !self.evict_api(exchange.ended) {
            self.counters.overflowed += 1;
            return false;
        }
        self.apis.insert(exchange.api.clone(), Api::default());
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
        for entry in self.book.take_api(&id) {
            self.book.gone.push((entry.row.id, None));
        }
        true
    }

    /// The endpoint on a path that the document knows.
    fn locate_documented(
        &mut self,
        exchange: &Exchange,
        method: &Method,
        path: usize,
        proves: bool,
    ) -> Option<EndpointId> {
        let api = self.apis.get_mut(&exchange.api)?;
        let leaves = api.documented.get(path)?;
        let of = |method: &str| leaves.iter().find(|(known, _)| known.as_str() == method).map(|(_, id)| *id);
        let head = (method.as_str() == "HEAD").then(|| of("GET")).flatten();
        if let Some(id) = of(method.as_str()).or(head) {
            return Some(id);
        }
        if method.as_str() == "OPTIONS" {
            return None;
        }
        if !proves {
            self.counters.probed += 1;
            return None;
        }
        if leaves.len() >= METHODS_MAX || api.found >= API_ENDPOINTS_MAX {
            self.counters.overflowed += 1;
            return None;
        }
        let route = api.document.as_ref()?.route(path)?;
        let mut row = undocumented(&self.environment, &exchange.api, method, route);
        row.owner = api.owner();
        api.found += 1;
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
        path: &[&str],
        is_refused: bool,
        is_named: bool,
    ) -> Option<EndpointId> {
        let nodes: usize = self.apis.values().map(|api| api.tree.len()).sum();
        let endpoints: usize = self.apis.values().map(|api| api.found).sum();
        let api = self.apis.get_mut(api_id)?;
        let has_room = api.found < API_ENDPOINTS_MAX && endpoints < ENDPOINTS_MAX;
        let room = if has_room { NODES_MAX.saturating_sub(nodes) } else { 0 };
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
            return self.visit(api_id, path, &way, method.as_str(), is_refused);
        }
        let route = api.tree.route(&way);
        let mut row = EndpointRow::new(&self.environment, api_id, method, &route);
        row.template = template_state(&route);
        if api.document.is_some() {
            row.document = DocumentState::Undocumented;
        }
        row.owner = api.owner();
        let id = row.id;
        if !api.tree.add_leaf(&way, method, id, is_refused) {
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
            api.tree.count(&way, path, method.as_str(), false);
            return Some(id);
        }
        self.visit(api_id, path, &way, method.as_str(), is_refused)
    }

    /// Brings every template up to all that was seen, whatever the order in which it came.
    pub(crate) fn settle(&mut self) {
        for (id, api) in &mut self.apis {
            let mut mover =
                Mover { environment: &self.environment, api: id, book: &mut self.book, found: &mut api.found };
            api.tree.settle(&mut mover);
            for refused in api.tree.take_refused() {
                if let Some(entry) = self.book.entries.remove(&refused) {
                    api.found = api.found.saturating_sub(1);
                    self.counters.probed += entry.row.calls;
                    self.book.gone.push((refused, None));
                }
            }
        }
    }

    /// (Re)builds an API from its document and the endpoints known so far.
    fn link(&mut self, id: &ApiId, document: Option<Arc<Document>>, entries: Vec<Entry>) {
        let calls = entries.iter().map(|entry| entry.row.calls).sum();
        let last = entries.iter().filter_map(|entry| entry.row.last).max().unwrap_or_default();
        let mut api = Api { document, calls, last, ..Api::default() };
        if let Some(document) = &api.document {
            api.documented = vec![Leaves::new(); document.paths()];
            for operation in document.operations() {
                let row = documented(&self.environment, id, document, operation);
                if let Some(leaves) = api.documented.get_mut(operation.path) {
                    leaves.push((operation.method.clone(), row.id));
                }
                let mut entry = Entry::new(row);
                entry.called_state =
                    if operation.deprecated { DocumentState::Deprecated } else { DocumentState::Documented };
                self.book.insert(entry);
            }
        }
        self.apis.insert(id.clone(), api);
        for entry in entries {
            self.adopt(id, entry);
        }
    }

    /// Gives an endpoint that was known before its place beside the present document.
    fn adopt(&mut self, id: &ApiId, mut entry: Entry) {
        let Some(api) = self.apis.get_mut(id) else { return };
        let (old, method) = (entry.row.id, entry.row.method.clone());
        let path = api.document.as_ref().map(|document| document.match_path(method.as_str(), &entry.row.route));
        let path = match path {
            Some(DocumentMatch::Operation { path, .. } | DocumentMatch::PathOnly { path }) => Some(path),
            Some(DocumentMatch::None) | None => None,
        };
        let was_only_documented = entry.row.calls == 0;
        entry.row.owner = api.owner();
        let leaves = path.and_then(|path| api.documented.get_mut(path));
        if let Some(leaves) = leaves {
            if let Some((_, known)) = leaves.iter().find(|(known, _)| *known == method) {
                let known = *known;
                self.book.join(known, entry);
                if old != known {
                    self.book.gone.push((old, Some(known)));
                }
                return;
            }
            let route = path.and_then(|path| api.document.as_ref()?.route(path)).unwrap_or_default();
            let row = undocumented(&self.environment, id, &method, route);
            (entry.row.route, entry.row.id) = (row.route, row.id);
            (entry.row.document, entry.row.template) = (row.document, row.template);
            if !was_only_documented {
                leaves.push((method, entry.row.id));
                api.found += 1;
            }
        } else {
            let state = if api.document.is_some() { DocumentState::Undocumented } else { DocumentState::NoDocument };
            entry.row.document = state;
            entry.row.id = EndpointId::of(&self.environment, id, &method, &entry.row.route);
            if !was_only_documented {
                let (route, calls) = (entry.row.route.clone(), entry.row.calls);
                if api.found >= API_ENDPOINTS_MAX || !api.tree.restore(&route, &method, entry.row.id, calls, NODES_MAX)
                {
                    self.counters.overflowed += 1;
                    return;
                }
                api.found += 1;
            }
        }
        if was_only_documented {
            self.book.gone.push((old, None));
            return;
        }
        let new = entry.row.id;
        if old != new {
            self.book.gone.push((old, Some(new)));
        }
        self.book.insert(entry);
    }
}

impl Api {
    /// Who owns what the document does not name.
    fn owner(&self) -> Option<Box<str>> {
        self.document.as_ref()?.owner.clone()
    }
}

impl Book {
    fn insert(&mut self, entry: Entry) {
        let id = entry.row.id;
        self.entries.insert(id, entry);
        self.touch(id);
    }

    fn touch(&mut self, id: EndpointId) {
        if let Some(entry) = self.entries.get_mut(&id).filter(|entry| !entry.dirty) {
            entry.dirty = true;
            self.dirty.push(id);
        }
    }

    /// Adds what `entry` counted to an endpoint that is there.
    fn join(&mut self, into: EndpointId, entry: Entry) {
        if let Some(target) = self.entries.get_mut(&into) {
            target.join(entry);
            if target.row.calls > 0 && target.row.document == DocumentState::Unused {
                target.row.document = target.called_state;
            }
        }
        self.touch(into);
    }

    /// Joins an endpoint that is there into another.
    fn absorb(&mut self, id: EndpointId, into: EndpointId) {
        if let Some(entry) = self.entries.remove(&id) {
            self.join(into, entry);
            self.gone.push((id, Some(into)));
            self.merged += 1;
        }
    }

    /// Takes out all endpoints of an API, in a stable order.
    fn take_api(&mut self, api: &ApiId) -> Vec<Entry> {
        let mut ids: Vec<_> =
            self.entries.iter().filter(|(_, entry)| entry.row.api == *api).map(|(id, _)| *id).collect();
        ids.sort_unstable();
        let mut entries: Vec<_> = ids.into_iter().filter_map(|id| self.entries.remove(&id)).collect();
        for entry in &mut entries {
            entry.dirty = false;
        }
        entries
    }
}

/// Gives endpoints their new template when a place is merged.
struct Mover<'a> {
    environment: &'a str,
    api: &'a ApiId,
    book: &'a mut Book,
    found: &'a mut usize,
}

impl Endpoints for Mover<'_> {
    fn moved(&mut self, id: EndpointId, method: &Method, route: &str) -> EndpointId {
        let mut row = EndpointRow::new(self.environment, self.api, method, route);
        if row.id == id {
            return id;
        }
        row.template = template_state(route);
        if let Some(entry) = self.book.entries.get(&id) {
            row.document = entry.row.document;
        }
        let into = row.id;
        if self.book.entries.contains_key(&into) {
            *self.found = self.found.saturating_sub(1);
        } else {
            self.book.insert(Entry::new(row));
        }
        self.book.absorb(id, into);
        into
    }
}

fn template_state(route: &str) -> TemplateState {
    if segments(route).any(|piece| piece.contains(LEARNT) || piece.contains(FORMAT)) {
        TemplateState::Learnt
    } else if route.contains('{') {
        TemplateState::Shape
    } else {
        TemplateState::Literal
    }
}

/// The row of a document's operation that was never called.
fn documented(environment: &str, api: &ApiId, document: &Document, operation: &Operation) -> EndpointRow {
    let mut row = EndpointRow::new(environment, api, &operation.method, document.route(operation.path).unwrap_or("/"));
    row.template = TemplateState::Documented;
    row.document = DocumentState::Unused;
    row.owner.clone_from(&operation.owner);
    row
}

/// The row of a method that the document does not know on a path that it knows.
fn undocumented(environment: &str, api: &ApiId, method: &Method, route: &str) -> EndpointRow {
    let mut row = EndpointRow::new(environment, api, method, route);
    row.template = TemplateState::Documented;
    row.document = DocumentState::Undocumented;
    row
}
