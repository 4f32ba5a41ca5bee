//! Operations as endpoints: behind the path's template, `/graphql#query GetUser`; and the requests of a batch, each at its own.
//!
//! An operation becomes an endpoint only where the answer proves it ([`Answer`]). What proves nothing, and is not known, counts under
//! `(other)` where there is something behind the path for all that the status tells, and is probed where there is not. There the
//! operations past [`OPERATIONS_MAX`] count too, so that a client that invents names makes no more endpoints than that; until one of those
//! that are known was not called for [`RETIRED_AFTER`] and makes room.

use std::time::Duration;

use apiscope_wire::Timestamp;

use super::entry::Entry;
use super::link::undocumented;
use super::shape::is_operation;
use super::store::{API_ENDPOINTS_MAX, Api, Call, Inventory};
use super::tree::{self, Node, OPERATIONS_MAX, OTHER_OPERATION, Tree};
use super::{EndpointId, EndpointRow, status_proves_endpoint};
use crate::exchange::{ApiId, Exchange, Method};
use crate::openapi::DocumentMatch;
use crate::operation::{Answer, Ask, Operation, Operations};

/// An operation that was not called for so long makes room for a new one, where there is no other room.
const RETIRED_AFTER: Duration = Duration::from_hours(7 * 24);
/// At most so often it is looked whether there is one.
const RETIRE_EVERY: Duration = Duration::from_secs(1);

/// An operation behind a path of the document.
pub(super) type OperationKey = (usize, Method, Box<str>);

/// Several operations in one exchange.
const BATCH: &str = "#(batch)";
/// Kinds that a persisted document's operation may have.
const KINDS: [&str; 3] = ["query", "mutation", "subscription"];
/// Begins the name of an operation whose document was not sent.
const PERSISTED: &str = "persisted ";

impl Inventory {
    /// Finds, or makes, the endpoints of an exchange's operations. Of several each is counted at its own, without sizes and times, which
    /// are those of the batch; given is the endpoint to which the exchange as a whole belongs.
    pub(super) fn locate_operations(&mut self, exchange: &Exchange, operations: &Operations) -> Option<EndpointId> {
        let call = Call::of(exchange)?;
        if !operations.is_batch() {
            return self.locate_operation(&call, operations.list.first()?);
        }
        // What the response looks like is that of no single one.
        let call = Call { answer: tree::Answer { outline: None, ..call.answer }, ..call };
        let mut is_any = false;
        for operation in &operations.list {
            let (found, status) = match &operation.ask {
                Ask::Named(_) => (self.locate_operation(&call, operation), call.status),
                Ask::Request { method, path } => {
                    let status = match operation.answer {
                        Answer::Status(status) => Some(status),
                        _ => None,
                    };
                    let proves = status.is_some_and(status_proves_endpoint);
                    let answer = tree::Answer { is_refused: status == Some(403), ..tree::Answer::default() };
                    let part = Call { method, path: path.as_str(), status, proves, file: None, answer, ..call };
                    (self.locate(&part), status)
                }
            };
            if let Some(id) = found
                && let Some(entry) = self.book.entries.get_mut(&id)
            {
                is_any = true;
                entry.row.protocol = entry.row.protocol.max(operation.endpoint_protocol());
                entry.count_within(exchange, status);
                self.book.touch(id);
            }
        }
        let is_named = operations.list.iter().all(|operation| operation.name().is_some());
        if is_named {
            self.locate(&Call { operation: Some(BATCH), proves: call.proves && is_any, ..call })
        } else {
            self.locate(&call)
        }
    }

    fn locate_operation(&mut self, call: &Call<'_>, operation: &Operation) -> Option<EndpointId> {
        let name = operation.name()?;
        let mut text = format!("#{name}");
        let proves = match operation.answer {
            Answer::Proves => true,
            Answer::Denies | Answer::Silent => false,
            // What a wall answers to every call says nothing of the operation.
            Answer::Unknown => call.status.is_some_and(|status| (200..300).contains(&status)),
            Answer::Status(status) => status_proves_endpoint(status),
        };
        if let Some(known) = name.strip_prefix(PERSISTED).and_then(|name| self.named_elsewhere(call, name)) {
            text = known;
        }
        let named = Call { operation: Some(&text), proves, ..*call };
        if !proves && operation.answer != Answer::Denies && call.proves && !self.is_known(&named) {
            return self.locate(&Call { operation: Some(OTHER_OPERATION), ..*call });
        }
        let id = self.locate(&named)?;
        self.join_persisted(call, name, id);
        Some(id)
    }

    /// The operation of a persisted document of which only the name was sent, if the document was seen too.
    fn named_elsewhere(&self, call: &Call<'_>, name: &str) -> Option<String> {
        let mut all = KINDS.iter().map(|kind| format!("#{kind} {name}"));
        all.find(|text| self.is_known(&Call { operation: Some(text), ..*call }))
    }

    /// Joins an operation that was known by its name only into the one whose document was now seen.
    fn join_persisted(&mut self, call: &Call<'_>, name: &str, id: EndpointId) {
        let is_new = self.book.entries.get(&id).is_some_and(|entry| entry.row.calls == 0);
        let Some((kind, name)) = name.split_once(' ').filter(|_| is_new) else { return };
        if !KINDS.contains(&kind) {
            return;
        }
        let text = format!("#{PERSISTED}{name}");
        let persisted = Call { operation: Some(&text), ..*call };
        let Some(api) = self.apis.get_mut(call.api) else { return };
        let known = match api.said_of(call).path() {
            Some(path) => api.operations.remove(&(path, call.method.clone(), text.into_boxed_str())),
            None => api.tree.find(&persisted.segments(), &[call.method.as_str()]).and_then(|way| {
                let known = api.tree.endpoint(&way, call.method.as_str()).filter(|known| *known != id)?;
                let is_it = self.book.entries.get(&known).is_some_and(|entry| entry.row.route.ends_with(&text));
                is_it.then(|| api.tree.remove(&way, call.method.as_str()))?;
                Some(known)
            }),
        };
        if let Some(known) = known {
            api.found = api.found.saturating_sub(1);
            self.book.absorb(known, id);
        }
    }

    fn is_known(&self, call: &Call<'_>) -> bool {
        let (Some(api), Some(operation)) = (self.apis.get(call.api), call.operation) else { return false };
        if let Some(path) = api.said_of(call).path() {
            return api.operations.contains_key(&(path, call.method.clone(), operation.into()));
        }
        let way = api.tree.find(&call.segments(), &[call.method.as_str()]);
        way.is_some_and(|way| api.tree.is_at(&way, operation))
    }

    /// The endpoint of an operation behind a path that the document knows.
    pub(super) fn locate_documented_operation(
        &mut self,
        call: &Call<'_>,
        path: usize,
        operation: &str,
    ) -> Option<EndpointId> {
        let api = self.apis.get_mut(call.api)?;
        let of_path = || api.operations.keys().filter(|(at, ..)| *at == path).count();
        let key = |operation: &str| (path, call.method.clone(), Box::<str>::from(operation));
        if let Some(id) = api.operations.get(&key(operation)) {
            return Some(*id);
        }
        if !call.proves {
            return self.probe(call, Some(path));
        }
        let is_path_full =
            of_path() >= usize::from(OPERATIONS_MAX) + usize::from(api.operations.contains_key(&key(OTHER_OPERATION)));
        let has_room = !is_path_full || self.retire_documented_operation(call, path);
        let api = self.apis.get(call.api)?;
        let is_full = !has_room || api.found >= API_ENDPOINTS_MAX;
        let operation = if is_full { OTHER_OPERATION } else { operation };
        if let Some(id) = api.operations.get(&key(operation)) {
            return Some(*id);
        }
        let row = self.operation_row(call.api, path, call.method, operation)?;
        let (id, api) = (row.id, self.apis.get_mut(call.api)?);
        api.found += 1;
        api.operations.insert(key(operation), id);
        self.size_about.1 += 1;
        self.book.insert(Entry::new(row));
        Some(id)
    }

    /// Whether a new operation found its path full, and one that was not called for long has made room for it. `way`: where it was found.
    pub(super) fn retire_operation(&mut self, call: &Call<'_>, way: &[u32]) -> bool {
        let is_new = call.proves && call.operation.is_some_and(|operation| operation != OTHER_OPERATION);
        if !is_new || call.ended.since(self.retired) < RETIRE_EVERY {
            return false;
        }
        let Some(api) = self.apis.get_mut(call.api).filter(|api| api.tree.is_at(way, OTHER_OPERATION)) else {
            return false;
        };
        self.retired = call.ended;
        let last = |ids: &[EndpointId]| {
            let rows = ids.iter().filter_map(|id| self.book.entries.get(id));
            rows.map(|entry| entry.row.last).max().flatten()
        };
        let parent = way.len().checked_sub(2).and_then(|at| way.get(at)).copied().unwrap_or(Tree::ROOT);
        let operations = api.tree.operations_of(parent);
        let oldest = operations.into_iter().min_by_key(|(at, ids)| (last(ids), *at));
        let Some((at, ids)) = oldest.filter(|(_, ids)| is_idle(last(ids), call.ended)) else { return false };
        api.tree.remove_operation(parent, at);
        api.found = api.found.saturating_sub(ids.len());
        for id in ids {
            self.retire(id);
        }
        true
    }

    /// The same behind a path of the document.
    fn retire_documented_operation(&mut self, call: &Call<'_>, path: usize) -> bool {
        if call.ended.since(self.retired) < RETIRE_EVERY {
            return false;
        }
        self.retired = call.ended;
        let Some(api) = self.apis.get_mut(call.api) else { return false };
        let last = |id: &EndpointId| self.book.entries.get(id).and_then(|entry| entry.row.last);
        let of_path = api.operations.iter().filter(|((at, _, name), _)| *at == path && **name != *OTHER_OPERATION);
        let oldest = of_path.min_by_key(|(_, id)| (last(id), **id)).filter(|(_, id)| is_idle(last(id), call.ended));
        let Some((key, id)) = oldest.map(|(key, id)| (key.clone(), *id)) else { return false };
        api.operations.remove(&key);
        api.found = api.found.saturating_sub(1);
        self.retire(id);
        true
    }

    fn retire(&mut self, id: EndpointId) {
        if self.book.entries.remove(&id).is_some() {
            self.book.gone.push((id, None));
            self.counters.operations_retired += 1;
        }
    }

    /// The row of an operation behind a path of the document. A method that the document has is called with it.
    fn operation_row(&mut self, id: &ApiId, path: usize, method: &Method, operation: &str) -> Option<EndpointRow> {
        let api = self.apis.get(id)?;
        let route = format!("{}{operation}", api.document.as_ref()?.route(path)?);
        let mut row = undocumented(&self.environment, id, method, &route);
        row.owner = api.owner();
        let leaves = api.documented.get(path)?;
        let documented = leaves.iter().find(|(known, _)| known == method).map(|(_, id)| *id);
        if let Some(documented) = documented
            && let Some(entry) = self.book.entries.get_mut(&documented)
        {
            entry.begin();
            row.document = entry.row.document;
            row.owner.clone_from(&entry.row.owner);
            self.book.touch(documented);
        }
        Some(row)
    }

    /// Gives an operation that was known before its place behind a path of the present document.
    pub(super) fn adopt_operation(&mut self, id: &ApiId, path: usize, operation: Box<str>, mut entry: Entry) {
        let (old, method) = (entry.row.id, entry.row.method.clone());
        let Some(row) = self.operation_row(id, path, &method, &operation) else { return };
        let Some(api) = self.apis.get_mut(id) else { return };
        let new = row.id;
        if let Some(known) = api.operations.insert((path, method, operation), new) {
            self.book.join(known, entry);
        } else {
            api.found += 1;
            let EndpointRow { route, document, template, owner, .. } = row;
            (entry.row.id, entry.row.route, entry.row.document) = (new, route, document);
            (entry.row.template, entry.row.owner) = (template, owner);
            self.book.insert(entry);
        }
        if old != new {
            self.book.gone.push((old, Some(new)));
        }
    }
}

fn is_idle(last: Option<Timestamp>, now: Timestamp) -> bool {
    last.is_none_or(|last| now.since(last) >= RETIRED_AFTER)
}

impl Tree {
    /// The place of an operation, or of all those past the bound.
    pub(super) fn add_operation(&mut self, parent: u32, key: &str) -> Option<u32> {
        let is_full = self.node(parent)?.is_full_of_operations();
        self.add_child(parent, if is_full { OTHER_OPERATION } else { key })
    }

    /// The operations of a path with their endpoints, but for that of all others.
    fn operations_of(&self, path: u32) -> Vec<(u32, Vec<EndpointId>)> {
        let Some(node) = self.node(path) else { return Vec::new() };
        let of = node.words.iter().filter(|(key, _)| is_operation(key) && ***key != *OTHER_OPERATION);
        let ids = |at: u32| self.node(at).into_iter().flat_map(|node| &node.leaves).map(|leaf| leaf.id).collect();
        of.map(|(_, at)| (*at, ids(*at))).collect()
    }

    fn remove_operation(&mut self, path: u32, at: u32) {
        let Some(gone) = self.node_mut(at).map(std::mem::take) else { return };
        self.free.push(at);
        if let Some(node) = self.node_mut(path) {
            node.words.remove(&gone.key);
            node.operations = node.operations.saturating_sub(1);
        }
    }
}

impl Node {
    /// The place of an operation; past the bound, that of all others.
    pub(super) fn operation(&self, key: &str) -> Option<u32> {
        let other = || self.is_full_of_operations().then(|| self.words.get(OTHER_OPERATION)).flatten();
        self.words.get(key).or_else(other).copied()
    }

    fn is_full_of_operations(&self) -> bool {
        let other = || u16::from(self.words.contains_key(OTHER_OPERATION));
        self.operations >= OPERATIONS_MAX && self.operations - other() >= OPERATIONS_MAX
    }
}

impl Api {
    /// What the document says of a call.
    pub(super) fn said_of(&self, call: &Call<'_>) -> DocumentMatch {
        let document = self.document.as_ref();
        document.map_or(DocumentMatch::None, |document| document.match_call(call.method.as_str(), call.host, call.path))
    }
}

#[cfg(test)]
mod tests;
