//! An API's endpoints and its document: compared when either comes anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::book::Mover;
use super::entry::Entry;
use super::shape::path_and_operation;
use super::store::{API_ENDPOINTS_MAX, Api, Inventory, Leaves, NODES_MAX};
use super::{DocumentState, EndpointId, EndpointRow, Security, TemplateState};
use crate::exchange::{ApiId, Method};
use crate::openapi::{Document, DocumentMatch, Operation};

impl Inventory {
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
        self.measure();
    }

    /// (Re)builds an API from its document and the endpoints known so far.
    pub(super) fn link(&mut self, id: &ApiId, document: Option<Arc<Document>>, entries: Vec<Entry>) {
        let calls = entries.iter().map(|entry| entry.row.calls).sum();
        let last = entries.iter().filter_map(|entry| entry.row.last).max().unwrap_or_default();
        let owner = self.owners.get(id.as_str()).cloned();
        let mut api = Api { document, owner, calls, last, ..Api::default() };
        if let Some(document) = &api.document {
            api.documented = vec![Leaves::new(); document.paths()];
            for operation in document.operations() {
                let row = documented(&self.environment, id, document, operation, api.owner.as_deref());
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
        if let Some((pins, api)) = self.pins.get(id.as_str()).zip(self.apis.get_mut(id)) {
            api.tree.pin(pins, &mut Mover::new(&self.environment, id, &mut self.book, &mut api.found));
        }
    }

    /// Who owns each API from now on, by the configuration.
    pub(crate) fn own(&mut self, owners: &BTreeMap<Box<str>, Box<str>>) {
        self.owners.clone_from(owners);
        for (id, api) in &mut self.apis {
            let owner = owners.get(id.as_str());
            if api.owner.as_ref() == owner {
                continue;
            }
            api.owner = owner.cloned();
            let mut said: FxHashMap<EndpointId, Option<Box<str>>> = FxHashMap::default();
            for operation in api.document.iter().flat_map(|document| document.operations()) {
                let leaves = api.documented.get(operation.path).into_iter().flatten();
                for (_, endpoint) in leaves.filter(|(method, _)| *method == operation.method) {
                    said.insert(*endpoint, owner_of(operation, api.owner.as_deref()));
                }
            }
            for endpoint in self.book.of_api(id) {
                let owner = said.remove(&endpoint).unwrap_or_else(|| api.owner());
                if let Some(entry) = self.book.entries.get_mut(&endpoint).filter(|entry| entry.row.owner != owner) {
                    entry.row.owner = owner;
                    self.book.touch(endpoint);
                }
            }
        }
    }

    /// Who owns an endpoint, or the API where it is no endpoint that is known.
    pub(crate) fn owner(&self, endpoint: EndpointId, api: &ApiId) -> Option<&str> {
        match (self.book.entries.get(&endpoint), self.apis.get(api)) {
            (Some(entry), _) => entry.row.owner.as_deref(),
            (None, Some(api)) => api.owner_named(),
            (None, None) => self.owners.get(api.as_str()).map(AsRef::as_ref),
        }
    }

    /// An API is one with others from now on: its endpoints become theirs.
    pub(crate) fn join_api(&mut self, from: &ApiId, into: &ApiId) {
        let Some(gone) = self.apis.remove(from) else { return };
        let owner = || Api { owner: self.owners.get(into.as_str()).cloned(), ..Api::default() };
        let api = self.apis.entry(into.clone()).or_insert_with(owner);
        (api.calls, api.last) = (api.calls.saturating_add(gone.calls), api.last.max(gone.last));
        self.probes.join_api(from, into);
        for mut entry in self.book.take_api(from) {
            entry.row.api = into.clone();
            self.adopt(into, entry);
        }
        self.measure();
    }

    /// Gives an endpoint that was known before its place beside the present document.
    fn adopt(&mut self, id: &ApiId, mut entry: Entry) {
        let Some(api) = self.apis.get_mut(id) else { return };
        let (old, method) = (entry.row.id, entry.row.method.clone());
        (entry.row.rival, entry.row.idle, entry.row.owner) = (None, None, None);
        // A template of the document is itself, whatever else it would fit.
        if self.book.entries.contains_key(&old) {
            return self.book.join(old, entry);
        }
        let (route, operation) = path_and_operation(&entry.row.route);
        let found = api.document.as_ref().map(|document| document.match_path(method.as_str(), route));
        let path = found.and_then(DocumentMatch::path);
        if let Some(path) = path.filter(|_| !operation.is_empty()) {
            let operation = Box::from(operation);
            return self.adopt_operation(id, path, operation, entry);
        }
        let was_only_documented = entry.row.calls == 0;
        entry.row.owner = api.owner();
        entry.row.security = Security::Unsaid;
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
            (entry.row.document, entry.row.template, entry.row.since) = (row.document, row.template, None);
            if matches!(found, Some(DocumentMatch::Removed { .. })) {
                entry.row.document = DocumentState::Removed;
            }
            if !was_only_documented {
                leaves.push((method, entry.row.id));
                api.found += 1;
            }
        } else {
            let state = if api.document.is_some() { DocumentState::Undocumented } else { DocumentState::NoDocument };
            (entry.row.document, entry.row.since) = (state, None);
            entry.row.id = EndpointId::of(&self.environment, id, &method, &entry.row.route);
            if old != entry.row.id && self.book.entries.contains_key(&entry.row.id) {
                // Another API that was joined into this one has it too.
                let known = entry.row.id;
                self.book.gone.push((old, Some(known)));
                return self.book.join(known, entry);
            }
            if !was_only_documented {
                let (route, calls) = (entry.row.route.clone(), entry.row.calls);
                if api.found >= API_ENDPOINTS_MAX || !api.tree.restore(&route, &method, entry.row.id, calls, NODES_MAX)
                {
                    self.counters.overflowed += 1;
                    self.book.gone.push((old, None));
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

/// What an operation says of its own owner outranks the configuration, which outranks what its document says of all.
fn owner_of(operation: &Operation, configured: Option<&str>) -> Option<Box<str>> {
    operation.owner.clone().or_else(|| configured.map(Into::into)).or_else(|| operation.document_owner.clone())
}

/// The row of a document's operation that was never called.
fn documented(
    environment: &str,
    api: &ApiId,
    document: &Document,
    operation: &Operation,
    owner: Option<&str>,
) -> EndpointRow {
    let mut row = EndpointRow::new(environment, api, &operation.method, document.route(operation.path).unwrap_or("/"));
    row.template = TemplateState::Documented;
    row.document = DocumentState::Unused;
    row.owner = owner_of(operation, owner);
    row.security = match &operation.security {
        None => Security::Unsaid,
        Some(ways) if ways.is_empty() || ways.iter().any(Vec::is_empty) => Security::Open,
        Some(_) if operation.by_certificate => Security::Certificate,
        Some(_) => Security::Required,
    };
    row
}

/// The row of a method that the document does not know on a path that it knows.
pub(super) fn undocumented(environment: &str, api: &ApiId, method: &Method, route: &str) -> EndpointRow {
    let mut row = EndpointRow::new(environment, api, method, route);
    row.template = TemplateState::Documented;
    row.document = DocumentState::Undocumented;
    row
}
