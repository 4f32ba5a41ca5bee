//! All flows of a shard: found by id, and the one idle for longest found when there is no room.

use rustc_hash::FxHashMap;

use crate::flow::Flow;
use crate::input::FlowId;

/// No slot.
const NONE: u32 = u32::MAX;

/// Slots that are allocated at once.
const PIECE: u32 = 512;

/// Of the room for flows, this part may be taken by those that are over.
const OVER_PART: usize = 8;

#[derive(Debug)]
struct Slot {
    flow: Option<Flow>,
    older: u32,
    newer: u32,
}

/// A list through the slots.
#[derive(Clone, Copy, Debug)]
struct List {
    oldest: u32,
    newest: u32,
    len: usize,
}

impl Default for List {
    fn default() -> Self {
        Self { oldest: NONE, newest: NONE, len: 0 }
    }
}

/// The flows, in two lists by time of use: those under way, and those that are over and kept for a new connection
/// under the same id.
#[derive(Debug, Default)]
pub(crate) struct Table {
    by_id: FxHashMap<FlowId, u32>,
    /// In pieces of [`PIECE`]: a single list of them doubles, and half of it would be empty.
    slots: Vec<Vec<Slot>>,
    /// Slots made so far.
    made: u32,
    free: Vec<u32>,
    live: List,
    over: List,
}

impl Table {
    /// Where a flow is.
    pub(crate) fn find(&self, id: FlowId) -> Option<u32> {
        self.by_id.get(&id).copied()
    }

    pub(crate) fn flow(&mut self, index: u32) -> Option<&mut Flow> {
        self.slot(index)?.flow.as_mut()
    }

    fn slot(&mut self, index: u32) -> Option<&mut Slot> {
        self.slots.get_mut(usize::try_from(index / PIECE).ok()?)?.get_mut(usize::try_from(index % PIECE).ok()?)
    }

    /// Flows kept, those that are over included.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The flow to give up for a new one: one that is over, or else the one idle for longest.
    pub(crate) fn oldest(&self) -> Option<u32> {
        let index = if self.over.len > 0 { self.over.oldest } else { self.live.oldest };
        (index != NONE).then_some(index)
    }

    /// One that is over, if there are more of them than their part of the room.
    pub(crate) fn oldest_over(&self, flows_max: usize) -> Option<u32> {
        (self.over.len > flows_max / OVER_PART && self.over.oldest != NONE).then_some(self.over.oldest)
    }

    /// Adds a flow; its id is not in use.
    pub(crate) fn add(&mut self, flow: Flow) {
        let id = flow.id;
        let slot = Slot { flow: Some(flow), older: NONE, newer: NONE };
        let index = if let Some(index) = self.free.pop() {
            if let Some(place) = self.slot(index) {
                *place = slot;
            }
            index
        } else {
            let index = self.made;
            if index == NONE {
                return;
            }
            if index.is_multiple_of(PIECE) {
                self.slots.push(Vec::with_capacity(usize::try_from(PIECE).unwrap_or_default()));
            }
            let Some(piece) = self.slots.last_mut() else { return };
            piece.push(slot);
            self.made += 1;
            index
        };
        self.by_id.insert(id, index);
        self.append(index, false);
    }

    /// Removes a flow.
    pub(crate) fn remove(&mut self, index: u32) -> Option<Flow> {
        self.flow(index)?;
        self.unlink(index);
        let flow = self.slot(index)?.flow.take()?;
        self.by_id.remove(&flow.id);
        self.free.push(index);
        Some(flow)
    }

    /// The flow was used just now, and is over or not.
    pub(crate) fn touch(&mut self, index: u32) {
        let newest = self.live.newest;
        let Some(flow) = self.flow(index) else { return };
        let over = flow.over;
        if index == newest && !over && !flow.shelved {
            return;
        }
        self.unlink(index);
        self.append(index, over);
    }

    fn list(&mut self, over: bool) -> &mut List {
        if over { &mut self.over } else { &mut self.live }
    }

    fn append(&mut self, index: u32, over: bool) {
        let list = self.list(over);
        let before = std::mem::replace(&mut list.newest, index);
        list.len += 1;
        if before == NONE {
            list.oldest = index;
        } else if let Some(before) = self.slot(before) {
            before.newer = index;
        }
        if let Some(slot) = self.slot(index) {
            (slot.older, slot.newer) = (before, NONE);
            slot.flow.iter_mut().for_each(|flow| flow.shelved = over);
        }
    }

    fn unlink(&mut self, index: u32) {
        let Some(slot) = self.slot(index) else { return };
        let (older, newer) = (slot.older, slot.newer);
        let over = slot.flow.as_ref().is_some_and(|flow| flow.shelved);
        (slot.older, slot.newer) = (NONE, NONE);
        if let Some(slot) = self.slot(older) {
            slot.newer = newer;
        }
        if let Some(slot) = self.slot(newer) {
            slot.older = older;
        }
        let list = self.list(over);
        list.len = list.len.saturating_sub(1);
        if list.oldest == index {
            list.oldest = newer;
        }
        if list.newest == index {
            list.newest = older;
        }
    }
}
