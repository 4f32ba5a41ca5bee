//! The flows that are known: found by their addresses, by their id, and by who was idle for longest.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};

use apiscope_wire::FlowId;
use rustc_hash::FxHasher;

/// No slot: the end of a list.
const NONE: u32 = u32::MAX;

/// Places of flows found lately.
const LATELY: usize = 1024;

/// Both ends of a connection, the same whoever sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    low: u128,
    high: u128,
    ports: u32,
}

impl Key {
    /// A place among [`LATELY`]. Whoever makes many keys of one place gains nothing: they are found in the map.
    fn place(&self) -> usize {
        let mut hasher = FxHasher::default();
        (self.low, self.high, self.ports).hash(&mut hasher);
        usize::try_from(hasher.finish() % LATELY as u64).unwrap_or_default()
    }

    /// The key, and whether `source` is its first end.
    pub(super) fn new(source: SocketAddr, destination: SocketAddr) -> (Self, bool) {
        let (from, to) = (end(source), end(destination));
        let source_first = from <= to;
        let ((low, low_port), (high, high_port)) = if source_first { (from, to) } else { (to, from) };
        (Self { low, high, ports: u32::from(low_port) << 16 | u32::from(high_port) }, source_first)
    }
}

fn end(address: SocketAddr) -> (u128, u16) {
    let ip = match address.ip() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    };
    (ip, address.port())
}

/// A slot of the table. Only valid until its flow is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(u32);

struct Entry<T> {
    generation: u32,
    key: Key,
    newer: u32,
    older: u32,
    value: Option<T>,
}

/// A bounded table of flows.
///
/// The map hashes with a key of its own (the standard one): addresses come from outside, and a file made to collide must not
/// cost more than another.
pub(super) struct Table<T> {
    by_key: HashMap<Key, u32>,
    /// Where flows were found lately, by [`Key::place`]: the map is asked only where two of them have the same place.
    lately: Box<[u32]>,
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
    newest: u32,
    oldest: u32,
    capacity: usize,
}

impl<T> Table<T> {
    /// A table for at most `capacity` flows, at least one.
    pub(super) fn new(capacity: usize) -> Self {
        let capacity = capacity.clamp(1, NONE as usize - 1);
        Self {
            by_key: HashMap::new(),
            lately: vec![NONE; LATELY].into(),
            entries: Vec::new(),
            free: Vec::new(),
            newest: NONE,
            oldest: NONE,
            capacity,
        }
    }

    /// How many flows there are.
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// How many there may be.
    pub(super) const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Whether one must go before another can come.
    pub(super) fn is_full(&self) -> bool {
        self.len() >= self.capacity
    }

    /// The flow of these addresses.
    pub(super) fn find(&mut self, key: &Key) -> Option<Slot> {
        let place = self.lately.get_mut(key.place());
        // A key has at most one flow: an entry that has the key is its flow, however old the place is.
        if let Some(index) = place.as_deref()
            && self.entries.get(*index as usize).is_some_and(|entry| entry.key == *key && entry.value.is_some())
        {
            return Some(Slot(*index));
        }
        let index = *self.by_key.get(key)?;
        if let Some(place) = place {
            *place = index;
        }
        Some(Slot(index))
    }

    /// The flow with this id, if it is still the slot's.
    pub(super) fn by_id(&self, id: FlowId) -> Option<Slot> {
        let (generation, index) = split(id);
        let entry = self.entries.get(index as usize)?;
        (entry.generation == generation && entry.value.is_some()).then_some(Slot(index))
    }

    /// The id of a slot's flow.
    pub(super) fn id(&self, slot: Slot) -> FlowId {
        let generation = self.entries.get(slot.0 as usize).map_or(0, |entry| entry.generation);
        join(generation, slot.0)
    }

    /// The one that was idle for longest.
    pub(super) fn oldest(&self) -> Option<Slot> {
        (self.oldest != NONE).then_some(Slot(self.oldest))
    }

    /// A slot's flow.
    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut T> {
        self.entries.get_mut(slot.0 as usize)?.value.as_mut()
    }

    /// Adds a flow as the newest. The caller has made room and removed the key's former flow.
    pub(super) fn insert(&mut self, key: Key, value: T) -> Slot {
        debug_assert!(!self.is_full() && !self.by_key.contains_key(&key), "the caller makes room first");
        let index = self.free.pop().unwrap_or_else(|| {
            let index = u32::try_from(self.entries.len()).unwrap_or(NONE);
            self.entries.push(Entry { generation: 0, key, newer: NONE, older: NONE, value: None });
            index
        });
        if let Some(entry) = self.entries.get_mut(index as usize) {
            entry.generation = entry.generation.wrapping_add(1);
            entry.key = key;
            entry.value = Some(value);
        }
        self.by_key.insert(key, index);
        self.link_newest(index);
        Slot(index)
    }

    /// Takes a flow out.
    pub(super) fn remove(&mut self, slot: Slot) -> Option<T> {
        let entry = self.entries.get_mut(slot.0 as usize)?;
        let value = entry.value.take()?;
        let key = entry.key;
        self.by_key.remove(&key);
        self.unlink(slot.0);
        self.free.push(slot.0);
        Some(value)
    }

    /// Makes a flow the newest.
    pub(super) fn touch(&mut self, slot: Slot) {
        if self.newest != slot.0 {
            self.unlink(slot.0);
            self.link_newest(slot.0);
        }
    }

    fn unlink(&mut self, index: u32) {
        let Some(entry) = self.entries.get(index as usize) else { return };
        let (newer, older) = (entry.newer, entry.older);
        match self.entries.get_mut(newer as usize) {
            Some(next) => next.older = older,
            None => self.newest = older,
        }
        match self.entries.get_mut(older as usize) {
            Some(next) => next.newer = newer,
            None => self.oldest = newer,
        }
    }

    fn link_newest(&mut self, index: u32) {
        let former = self.newest;
        match self.entries.get_mut(former as usize) {
            Some(next) => next.newer = index,
            None => self.oldest = index,
        }
        if let Some(entry) = self.entries.get_mut(index as usize) {
            (entry.newer, entry.older) = (NONE, former);
        }
        self.newest = index;
    }
}

fn join(generation: u32, index: u32) -> FlowId {
    FlowId::new(u64::from(generation) << 32 | u64::from(index))
}

fn split(id: FlowId) -> (u32, u32) {
    let low = |number: u64| u32::try_from(number & u64::from(u32::MAX)).unwrap_or(NONE);
    (low(id.get() >> 32), low(id.get()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(port: u16) -> Key {
        Key::new(SocketAddr::from(([10, 0, 0, 1], port)), SocketAddr::from(([10, 0, 0, 2], 80))).0
    }

    #[test]
    fn both_directions_have_one_key() {
        let (a, b) = (SocketAddr::from(([10, 0, 0, 9], 1)), SocketAddr::from(([10, 0, 0, 1], 2)));
        let ((there, first), (back, other)) = (Key::new(a, b), Key::new(b, a));
        assert_eq!(there, back);
        assert_ne!(first, other);
    }

    #[test]
    fn the_idle_one_is_the_oldest() {
        let mut table = Table::new(3);
        let slots = [1, 2, 3].map(|port| table.insert(key(port), port));
        assert!(table.is_full());
        table.touch(slots[0]);
        assert_eq!(table.oldest(), Some(slots[1]));
        assert_eq!(table.remove(slots[1]), Some(2));
        assert_eq!(table.oldest(), Some(slots[2]));
        table.touch(slots[2]);
        assert_eq!(table.oldest(), Some(slots[0]));
        assert_eq!((table.remove(slots[0]), table.remove(slots[2])), (Some(1), Some(3)));
        assert_eq!((table.oldest(), table.len()), (None, 0));
    }

    #[test]
    fn each_key_finds_its_own_flow_whatever_its_place() {
        let mut table = Table::new(4 * LATELY);
        let ports: Vec<u16> = (1..=u16::try_from(3 * LATELY).unwrap()).collect();
        let slots: Vec<Slot> = ports.iter().map(|port| table.insert(key(*port), *port)).collect();
        for _ in 0..2 {
            assert!(ports.iter().zip(&slots).all(|(port, slot)| table.find(&key(*port)) == Some(*slot)));
        }
        table.remove(slots[7]);
        assert_eq!(table.find(&key(ports[7])), None);
        let again = table.insert(key(60_000), 60_000);
        assert_eq!((table.find(&key(60_000)), table.find(&key(ports[7]))), (Some(again), None));
    }

    #[test]
    fn an_id_dies_with_its_flow() {
        let mut table = Table::new(1);
        let slot = table.insert(key(1), 1);
        let id = table.id(slot);
        assert_eq!(table.by_id(id), Some(slot));
        assert_eq!(table.find(&key(1)), Some(slot));
        table.remove(slot);
        assert_eq!((table.by_id(id), table.find(&key(1))), (None, None));
        let again = table.insert(key(1), 2);
        assert_ne!(table.id(again), id);
        assert_eq!(table.by_id(id), None);
    }
}
