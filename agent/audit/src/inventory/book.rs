//! Endpoints by id, what has to be told of them, and how they move into one another.

use rustc_hash::FxHashMap;

use super::entry::Entry;
use super::shape::{FORMAT, LEARNT, segments};
use super::tree::Endpoints;
use super::{EndpointId, EndpointRow, TemplateState};
use crate::exchange::{ApiId, Method};

/// An endpoint that is no more, and the one that it was joined into.
pub(crate) type Gone = (EndpointId, Option<EndpointId>);

/// Endpoints by id, and what has to be told of them.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) entries: FxHashMap<EndpointId, Box<Entry>>,
    pub(super) dirty: Vec<EndpointId>,
    pub(super) gone: Vec<Gone>,
    pub(super) merged: u64,
}

impl Book {
    pub(super) fn insert(&mut self, entry: Entry) {
        let id = entry.row.id;
        self.entries.insert(id, Box::new(entry));
        self.touch(id);
    }

    pub(super) fn touch(&mut self, id: EndpointId) {
        self.touched(id);
    }

    /// The endpoint, which is to be told of.
    pub(super) fn touched(&mut self, id: EndpointId) -> Option<&mut Entry> {
        let entry = self.entries.get_mut(&id)?;
        if !entry.dirty {
            entry.dirty = true;
            self.dirty.push(id);
        }
        Some(entry)
    }

    /// Takes note that a call of this endpoint might have been one of another path. Of several the last in order of their templates is
    /// kept, so that all agents that saw the same say the same.
    pub(super) fn set_rival(&mut self, id: EndpointId, route: Option<&str>) {
        if let Some(entry) = self.entries.get_mut(&id).filter(|entry| entry.row.rival.as_deref() < route) {
            entry.row.rival = route.map(Into::into);
        }
    }

    /// Adds what `entry` counted to an endpoint that is there.
    pub(super) fn join(&mut self, into: EndpointId, entry: Entry) {
        if let Some(target) = self.entries.get_mut(&into) {
            target.join(entry);
            if target.row.calls > 0 {
                target.is_used();
            }
        }
        self.touch(into);
    }

    /// Joins an endpoint that is there into another.
    pub(super) fn absorb(&mut self, id: EndpointId, into: EndpointId) {
        if let Some(entry) = self.entries.remove(&id) {
            self.join(into, *entry);
            self.gone.push((id, Some(into)));
            self.merged += 1;
        }
    }

    /// All endpoints of an API, in a stable order.
    pub(super) fn of_api(&self, api: &ApiId) -> Vec<EndpointId> {
        let of_it = self.entries.iter().filter(|(_, entry)| entry.row.api == *api);
        let mut ids: Vec<_> = of_it.map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    }

    /// Takes out all endpoints of an API.
    pub(super) fn take_api(&mut self, api: &ApiId) -> Vec<Entry> {
        let ids = self.of_api(api).into_iter();
        let mut entries: Vec<_> = ids.filter_map(|id| self.entries.remove(&id)).map(|entry| *entry).collect();
        for entry in &mut entries {
            entry.dirty = false;
        }
        entries
    }
}

/// Gives endpoints their new template when a place is merged.
pub(super) struct Mover<'a> {
    pub(super) environment: &'a str,
    pub(super) api: &'a ApiId,
    pub(super) book: &'a mut Book,
    pub(super) found: &'a mut usize,
}

impl<'a> Mover<'a> {
    pub(super) fn new(environment: &'a str, api: &'a ApiId, book: &'a mut Book, found: &'a mut usize) -> Self {
        Self { environment, api, book, found }
    }
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

/// What a template's own text says of it.
pub(super) fn template_state(route: &str) -> TemplateState {
    if segments(route).any(|piece| piece.contains(LEARNT) || piece.contains(FORMAT)) {
        TemplateState::Learnt
    } else if route.contains('{') {
        TemplateState::Shape
    } else {
        TemplateState::Literal
    }
}
