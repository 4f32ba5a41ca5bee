//! The streams of a connection, in the order of their ids: found by halving, added at the end as a rule, and without allocations once
//! as many as are open at a time have been.

use std::collections::VecDeque;

use super::{Stream, Way};

/// Streams by id. Only places of four bytes move when one in the middle goes.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Ids in order, each with its place in `slots`.
    order: VecDeque<(u32, u32)>,
    /// A place that is free holds a stream that is over.
    slots: Vec<Stream>,
    free: Vec<u32>,
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// The lowest id.
    pub(super) fn oldest(&self) -> Option<u32> {
        self.order.front().map(|(id, _)| *id)
    }

    pub(super) fn contains(&self, id: u32) -> bool {
        self.place(id).is_ok()
    }

    pub(super) fn get_mut(&mut self, id: u32) -> Option<&mut Stream> {
        let (_, slot) = self.order.get(self.place(id).ok()?)?;
        self.slots.get_mut(*slot as usize)
    }

    /// Adds a stream; one that has the id already goes.
    pub(super) fn insert(&mut self, id: u32, stream: Stream) {
        self.remove(id);
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => u32::try_from(self.slots.len()).unwrap_or(u32::MAX),
        };
        match self.slots.get_mut(slot as usize) {
            Some(place) => *place = stream,
            None => self.slots.push(stream),
        }
        let place = self.place(id).unwrap_or_else(|place| place);
        self.order.insert(place, (id, slot));
    }

    /// Forgets a stream.
    pub(super) fn remove(&mut self, id: u32) {
        if let Ok(place) = self.place(id)
            && let Some((_, slot)) = self.order.remove(place)
        {
            if let Some(stream) = self.slots.get_mut(slot as usize) {
                *stream = Stream::new(0, Way::Over, false);
            }
            self.free.push(slot);
        }
    }

    /// The streams with their ids, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Stream)> {
        self.order.iter().filter_map(|(id, slot)| Some((*id, self.slots.get(*slot as usize)?)))
    }

    /// Calls it for each stream, in the order of their ids.
    pub(super) fn for_each_mut(&mut self, mut each: impl FnMut(&mut Stream)) {
        for (_, slot) in &self.order {
            if let Some(stream) = self.slots.get_mut(*slot as usize) {
                each(stream);
            }
        }
    }

    /// Where the id is, or would be.
    fn place(&self, id: u32) -> Result<usize, usize> {
        match self.order.back() {
            // The usual ones: a new stream, and the newest one.
            Some((last, _)) if *last < id => Err(self.order.len()),
            Some((last, _)) if *last == id => Ok(self.order.len() - 1),
            _ => self.order.binary_search_by_key(&id, |(id, _)| *id),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::Table;
    use crate::http::h2::{Stream, Way};

    proptest! {
        #[test]
        fn as_a_sorted_map(steps in prop::collection::vec((any::<bool>(), 0_u32..24), 0..200)) {
            let (mut table, mut map) = (Table::default(), BTreeMap::new());
            for (number, (add, id)) in (0..).zip(steps) {
                if add {
                    table.insert(id, Stream::new(number, Way::None, false));
                    map.insert(id, number);
                } else {
                    table.remove(id);
                    map.remove(&id);
                }
                prop_assert_eq!(table.oldest(), map.keys().next().copied());
                prop_assert_eq!(table.contains(id), map.contains_key(&id));
                prop_assert_eq!(table.get_mut(id).map(|stream| stream.index), map.get(&id).copied());
                let all: Vec<_> = table.iter().map(|(id, stream)| (id, stream.index)).collect();
                prop_assert_eq!(all, map.clone().into_iter().collect::<Vec<_>>());
                let mut indexes = Vec::new();
                table.for_each_mut(|stream| indexes.push(stream.index));
                prop_assert_eq!(indexes, map.values().copied().collect::<Vec<_>>());
                prop_assert!(table.slots.len() <= 24 && table.len() == map.len());
            }
        }
    }
}
