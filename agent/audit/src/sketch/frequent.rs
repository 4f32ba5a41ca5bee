//! The most frequent ones: Space-Saving (Metwally et al. 2005), joined as in "Mergeable summaries" (Agarwal et al. 2012).

/// How often one of the most frequent came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally<K> {
    /// Who.
    pub key: K,
    /// At most so often.
    pub most: u64,
    /// Of these so many may have been others: it came at least `most - doubt` times.
    pub doubt: u64,
}

impl<K> Tally<K> {
    /// It came at least so often.
    pub const fn least(&self) -> u64 {
        self.most.saturating_sub(self.doubt)
    }
}

/// The most frequent `N` of any number. While there were at most `N` all are here and exact; past it each that came in more than one
/// of `N` cases is here, and no count is off by more than that. At most 255 of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frequent<K, const N: usize> {
    /// By key.
    tallies: Vec<Tally<K>>,
    /// What is not here came at most so often, although there is room: something was taken out of a full one.
    floor: u64,
}

impl<K, const N: usize> Default for Frequent<K, N> {
    fn default() -> Self {
        Self { tallies: Vec::new(), floor: 0 }
    }
}

impl<K: Copy + Ord, const N: usize> Frequent<K, N> {
    /// Counts one. Gives the one that made room for it.
    pub fn add(&mut self, key: K) -> Option<K> {
        match self.tallies.binary_search_by(|tally| tally.key.cmp(&key)) {
            Ok(at) => {
                if let Some(tally) = self.tallies.get_mut(at) {
                    tally.most = tally.most.saturating_add(1);
                }
                None
            }
            Err(at) if self.tallies.len() < N => {
                if self.tallies.len() == self.tallies.capacity() {
                    self.tallies.reserve_exact(1 + self.tallies.len() / 2);
                }
                self.tallies.insert(at, Tally { key, most: self.floor.saturating_add(1), doubt: self.floor });
                None
            }
            Err(at) => self.replace(key, at),
        }
    }

    /// Puts a new one in the place of the least frequent, whose count it takes over as doubt.
    fn replace(&mut self, key: K, at: usize) -> Option<K> {
        let least = self.tallies.iter().enumerate().min_by_key(|(_, tally)| (tally.most, tally.key));
        let (gone, doubt) = least.map(|(gone, tally)| (gone, tally.most.max(self.floor)))?;
        let displaced = self.tallies.remove(gone).key;
        let at = if gone < at { at - 1 } else { at };
        self.tallies.insert(at, Tally { key, most: doubt.saturating_add(1), doubt });
        Some(displaced)
    }

    /// Takes one out. What comes later and is not known is in doubt as before.
    pub fn remove(&mut self, key: K) -> Option<Tally<K>> {
        let at = self.tallies.binary_search_by(|tally| tally.key.cmp(&key)).ok()?;
        self.floor = self.unseen();
        Some(self.tallies.remove(at))
    }

    /// Adds all that another counted.
    pub fn join(&mut self, other: &Self) {
        let (unseen, their_unseen) = (self.unseen(), other.unseen());
        let mut all: Vec<Tally<K>> = Vec::with_capacity(self.tallies.len() + other.tallies.len());
        let (mut ours, mut theirs) = (self.tallies.iter().peekable(), other.tallies.iter().peekable());
        loop {
            let order = match (ours.peek(), theirs.peek()) {
                (Some(a), Some(b)) => a.key.cmp(&b.key),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (None, None) => break,
            };
            let a = if order.is_le() { ours.next() } else { None };
            let b = if order.is_ge() { theirs.next() } else { None };
            let Some(key) = a.or(b).map(|tally| tally.key) else { break };
            let add = |get: fn(&Tally<K>) -> u64| a.map_or(unseen, get).saturating_add(b.map_or(their_unseen, get));
            all.push(Tally { key, most: add(|tally| tally.most), doubt: add(|tally| tally.doubt) });
        }
        if all.len() > N {
            all.sort_unstable_by_key(|tally| (std::cmp::Reverse(tally.most), tally.key));
            all.truncate(N);
            all.sort_unstable_by_key(|tally| tally.key);
        }
        all.shrink_to_fit();
        self.floor = if all.len() < N { unseen.saturating_add(their_unseen) } else { 0 };
        self.tallies = all;
    }

    /// One that is not here came at most so often.
    pub fn unseen(&self) -> u64 {
        let least = self.tallies.iter().map(|tally| tally.most).min().filter(|_| self.tallies.len() >= N);
        least.unwrap_or_default().max(self.floor)
    }

    /// What is not here came at most so often, besides what is known: for what was stored and comes back.
    pub fn at_most(&mut self, unseen: u64) {
        self.floor = self.floor.max(unseen);
    }

    /// The most frequent first.
    pub fn ranked(&self) -> Vec<Tally<K>> {
        let mut tallies = self.tallies.clone();
        tallies.sort_unstable_by_key(|tally| (std::cmp::Reverse(tally.most), tally.doubt, tally.key));
        tallies
    }

    /// One, if it is here.
    pub fn get(&self, key: K) -> Option<Tally<K>> {
        let at = self.tallies.binary_search_by(|tally| tally.key.cmp(&key)).ok()?;
        self.tallies.get(at).copied()
    }

    /// By key.
    pub fn tallies(&self) -> &[Tally<K>] {
        &self.tallies
    }

    /// From tallies by key; `None` if there are too many, or they are in another order.
    pub fn of_tallies(tallies: Vec<Tally<K>>) -> Option<Self> {
        let sound = tallies.len() <= N
            && tallies.is_sorted_by(|a, b| a.key < b.key)
            && tallies.iter().all(|tally| tally.most > tally.doubt);
        sound.then_some(Self { tallies, floor: 0 })
    }

    /// Bytes on the heap.
    pub fn heap(&self) -> usize {
        self.tallies.capacity() * size_of::<Tally<K>>()
    }
}
