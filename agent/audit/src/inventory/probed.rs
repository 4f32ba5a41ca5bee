//! Paths that are no endpoint: only ever answered "not found", "bad request", "method not allowed" and the like, or not at all. Who asks
//! for many of them is a scanner, or has a link that is broken.
//!
//! Of each API the paths and the clients that came most often are kept, by [`Frequent`]'s rules: whatever came in more than one of
//! [`PATHS_MAX`] calls is there, and a client that invents a million paths costs constant memory and shows as who did it. A path is shown
//! in the form of [`form`]: names stay, what may be a value goes.
//!
//! Entry for the inventory: `Probes`; for detectors: [`Probe`]; for all others: [`Probed`].

mod form;
mod packed;
#[cfg(test)]
mod tests;

use std::hash::{BuildHasher as _, Hash};

use apiscope_wire::Timestamp;
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::profile::{Profile, Statuses, consumer_hash};
use super::store::Call;
use super::{EndpointRow, id_hash};
use crate::exchange::{ApiId, ConsumerId, Exchange, Method};
use crate::sketch::{Distinct, Frequent, Tally};

use form::shown_method;
pub(super) use form::{form, is_endpoint};

/// Paths of an API that are kept, by method.
const PATHS_MAX: usize = 64;
/// Clients of an API that are kept.
const PROBERS_MAX: usize = 16;
/// APIs with a list of their own; the others share one, and so do names of which no call has shown that there is an API.
const LISTS_MAX: usize = 64;
/// Clients of a path that are counted one by one.
const CLIENTS_MAX: usize = 4;

/// A path that is no endpoint, called with one method. All but the counts are of its calls since it is in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbedPath {
    /// The API.
    pub api: ApiId,
    /// The method; `(other)` for all that are not registered.
    pub method: Method,
    /// Names stay, what may be a value is a variable.
    pub path: Box<str>,
    /// It was called at most so often.
    pub calls_most: u64,
    /// Of these so many may have been of others, which made room for it.
    pub calls_doubt: u64,
    /// First call.
    pub first: Timestamp,
    /// Last call.
    pub last: Timestamp,
    /// Calls by status; those without an answer are in none.
    pub statuses: Statuses,
    /// How many different clients called it.
    pub clients: Distinct,
    /// Who called it most.
    pub top: Frequent<ConsumerId, CLIENTS_MAX>,
}

impl ProbedPath {
    /// It was called at least so often.
    pub const fn calls_least(&self) -> u64 {
        self.calls_most.saturating_sub(self.calls_doubt)
    }

    fn new(call: &Call<'_>, method: Method, path: Box<str>) -> Self {
        Self {
            api: call.api.clone(),
            method,
            path,
            calls_most: 0,
            calls_doubt: 0,
            first: call.ended,
            last: call.ended,
            statuses: Statuses::default(),
            clients: Distinct::default(),
            top: Frequent::default(),
        }
    }

    fn count(&mut self, call: &Call<'_>) {
        (self.first, self.last) = (self.first.min(call.ended), self.last.max(call.ended));
        call.status.into_iter().for_each(|status| self.statuses.add(status));
        self.clients.add(consumer_hash(&call.consumer));
        self.top.add(call.consumer);
    }

    fn join(&mut self, other: &Self) {
        (self.first, self.last) = (self.first.min(other.first), self.last.max(other.last));
        self.statuses.join(&other.statuses);
        self.clients.join(&other.clients);
        self.top.join(&other.top);
    }

    fn key(&self) -> u64 {
        key(&self.api, asked_for(&self.method, &self.path))
    }
}

/// A client that asks for paths that are no endpoint. All but the counts are of its calls since it is in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prober {
    /// Who.
    pub consumer: ConsumerId,
    /// It asked at most so often.
    pub calls_most: u64,
    /// Of these so many may have been others' calls, which made room for it.
    pub calls_doubt: u64,
    /// First call.
    pub first: Timestamp,
    /// Last call.
    pub last: Timestamp,
    /// Calls by status; those without an answer are in none.
    pub statuses: Statuses,
    /// How many different methods and paths it asked for: of a scanner many, of a broken link few.
    pub paths: Distinct,
}

impl Prober {
    /// It asked at least so often.
    pub const fn calls_least(&self) -> u64 {
        self.calls_most.saturating_sub(self.calls_doubt)
    }

    fn new(call: &Call<'_>) -> Self {
        Self {
            consumer: call.consumer,
            calls_most: 0,
            calls_doubt: 0,
            first: call.ended,
            last: call.ended,
            statuses: Statuses::default(),
            paths: Distinct::default(),
        }
    }

    fn count(&mut self, call: &Call<'_>, asked: u64) {
        (self.first, self.last) = (self.first.min(call.ended), self.last.max(call.ended));
        call.status.into_iter().for_each(|status| self.statuses.add(status));
        self.paths.add(half(asked));
    }

    fn join(&mut self, other: &Self) {
        (self.first, self.last) = (self.first.min(other.first), self.last.max(other.last));
        self.statuses.join(&other.statuses);
        self.paths.join(&other.paths);
    }
}

/// What is known of one API's paths that are no endpoint. Enough to be stored, shown and loaded again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probed {
    /// The API. `None`: all that have no list of their own; each path says which it is of.
    pub api: Option<ApiId>,
    /// All calls that were counted here, of paths that are not in the list too.
    pub calls: u64,
    /// Times that a path or a client made room for another.
    pub displaced: u64,
    /// The most frequent first.
    pub paths: Vec<ProbedPath>,
    /// A path that is not in the list was called at most so often.
    pub paths_unseen: u64,
    /// The most frequent first.
    pub probers: Vec<Prober>,
    /// A client that is not in the list asked at most so often.
    pub probers_unseen: u64,
}

impl Probed {
    /// Whether nothing is known any more.
    pub const fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.probers.is_empty()
    }
}

/// A call that belongs to no endpoint, as detectors see it.
#[derive(Clone, Copy, Debug)]
pub struct Probe<'a> {
    /// The exchange. Of a batch it is the last of its requests that the probe is about.
    pub exchange: &'a Exchange,
    /// The method and the form of the path.
    pub path: (&'a Method, &'a str),
    /// The client, with all that it asked for in vain of this API; `calls_most` and `calls_doubt` with this call.
    pub prober: &'a Prober,
}

/// The lists of all APIs.
#[derive(Debug, Default)]
pub(super) struct Probes {
    lists: FxHashMap<ApiId, List>,
    others: List,
    /// Lists that are no more, and nobody was told.
    gone: Vec<ApiId>,
    /// Calls since the start.
    calls: u64,
    /// Times that a path or a client made room for another, since the start.
    displaced: u64,
    /// Where the last call was counted.
    last: Option<Place>,
}

#[derive(Debug)]
struct Place {
    api: Option<ApiId>,
    path: u64,
    prober: ConsumerId,
}

#[derive(Debug, Default)]
struct List {
    paths: Top<u64, ProbedPath, PATHS_MAX>,
    probers: Top<ConsumerId, Prober, PROBERS_MAX>,
    calls: u64,
    displaced: u64,
    is_dirty: bool,
}

impl Probes {
    /// What the store held.
    pub(super) fn restore(&mut self, probed: Probed) {
        let list = match probed.api.clone() {
            Some(api) if self.lists.len() < LISTS_MAX => self.lists.entry(api).or_default(),
            Some(_) | None => &mut self.others,
        };
        list.restore(probed);
    }

    /// Counts a call of a path in this form. `is_api`: calls have shown that its API is one.
    pub(super) fn add(&mut self, call: &Call<'_>, path: String, is_api: bool) {
        self.calls += 1;
        let is_own = is_api && self.make_list(call.api);
        let list = Self::list(&mut self.lists, &mut self.others, call.api, is_own);
        let method = shown_method(call.method);
        let asked = asked_for(&method, &path);
        let key = key(call.api, asked);
        self.displaced += list.add(call, (key, asked), method, path);
        self.last = Some(Place { api: is_own.then(|| call.api.clone()), path: key, prober: call.consumer });
    }

    fn list<'a>(
        lists: &'a mut FxHashMap<ApiId, List>,
        others: &'a mut List,
        api: &ApiId,
        is_own: bool,
    ) -> &'a mut List {
        let own = if is_own { lists.get_mut(api) } else { None };
        own.unwrap_or(others)
    }

    /// Gives an API a list of its own, if there is room. What the shared one has of it moves there.
    fn make_list(&mut self, api: &ApiId) -> bool {
        if self.lists.contains_key(api) {
            return true;
        }
        if self.lists.len() >= LISTS_MAX {
            return false;
        }
        let mut list = List::default();
        for (tally, path) in self.others.paths.take_out(|path| path.api == *api) {
            self.others.is_dirty = true;
            list.paths.join(tally, path, ProbedPath::join);
        }
        self.lists.insert(api.clone(), list);
        true
    }

    /// Where the last call was counted, since the last time that this was asked.
    pub(super) fn take_last<'a>(&'a mut self, exchange: &'a Exchange) -> Option<Probe<'a>> {
        let Place { api, path, prober } = self.last.take()?;
        let list = match &api {
            Some(api) => self.lists.get(api)?,
            None => &self.others,
        };
        let (prober, path) = (list.probers.values.get(&prober)?, list.paths.values.get(&path)?);
        Some(Probe { exchange, path: (&path.method, &path.path), prober })
    }

    /// Paths of an API that are endpoints after all go.
    pub(super) fn retain(&mut self, api: &ApiId, is_probed: impl Fn(&ProbedPath) -> bool) {
        if let Some(list) = self.lists.get_mut(api) {
            list.retain(&is_probed);
        }
        self.others.retain(|path| path.api != *api || is_probed(path));
    }

    /// An endpoint was none: all its calls were refused as a wall refuses every path.
    pub(super) fn refused(&mut self, row: &EndpointRow, profile: &Profile) {
        let (Some(first), Some(last)) = (row.first, row.last) else { return };
        self.calls = self.calls.saturating_add(row.calls);
        let is_own = self.make_list(&row.api);
        let to = Self::list(&mut self.lists, &mut self.others, &row.api, is_own);
        (to.calls, to.is_dirty) = (to.calls.saturating_add(row.calls), true);
        let mut path = ProbedPath {
            api: row.api.clone(),
            method: shown_method(&row.method),
            path: Box::from(&*row.route),
            calls_most: row.calls,
            calls_doubt: 0,
            first,
            last,
            statuses: profile.statuses.clone(),
            clients: profile.consumers_distinct.clone(),
            top: Frequent::default(),
        };
        let key = path.key();
        let mut paths = Distinct::default();
        paths.add(half(asked_for(&path.method, &path.path)));
        for tally in profile.consumers.ranked() {
            if let Some(one) = Frequent::of_tallies(vec![tally]) {
                path.top.join(&one);
            }
            let (calls_most, calls_doubt, statuses) = (tally.most, tally.doubt, Statuses::default());
            let paths = paths.clone();
            let prober = Prober { consumer: tally.key, calls_most, calls_doubt, first, last, statuses, paths };
            to.probers.join(tally, prober, Prober::join);
        }
        to.paths.join(Tally { key, most: row.calls, doubt: 0 }, path, ProbedPath::join);
    }

    /// An API is no more.
    pub(super) fn forget(&mut self, api: &ApiId) {
        if self.lists.remove(api).is_some() {
            self.gone.push(api.clone());
        }
    }

    /// An API is one with others from now on.
    pub(super) fn join_api(&mut self, from: &ApiId, into: &ApiId) {
        let Some(gone) = self.lists.remove(from) else { return };
        self.gone.push(from.clone());
        self.make_list(into);
        let list = self.lists.get_mut(into).unwrap_or(&mut self.others);
        list.calls = list.calls.saturating_add(gone.calls);
        list.displaced = list.displaced.saturating_add(gone.displaced);
        list.is_dirty = true;
        for (tally, path) in gone.paths.all() {
            let path = ProbedPath { api: into.clone(), ..path };
            list.paths.join(Tally { key: path.key(), ..tally }, path, ProbedPath::join);
        }
        for (tally, prober) in gone.probers.all() {
            list.probers.join(tally, prober, Prober::join);
        }
    }

    /// The lists that changed since the last time; of those that are no more an empty one.
    pub(super) fn take_changed(&mut self, give: &mut dyn FnMut(Probed)) {
        for api in std::mem::take(&mut self.gone) {
            if !self.lists.contains_key(&api) {
                give(Probed { api: Some(api), ..Probed::default() });
            }
        }
        let lists = self.lists.iter_mut().map(|(api, list)| (Some(api), list));
        for (api, list) in lists.chain([(None, &mut self.others)]).filter(|(_, list)| list.is_dirty) {
            list.is_dirty = false;
            give(list.told(api.cloned()));
        }
    }

    /// Calls, and times that a path or a client made room for another.
    pub(super) const fn counters(&self) -> (u64, u64) {
        (self.calls, self.displaced)
    }
}

impl List {
    /// Gives how many paths and clients made room.
    fn add(&mut self, call: &Call<'_>, (key, asked): (u64, u64), method: Method, path: String) -> u64 {
        self.calls += 1;
        self.is_dirty = true;
        let (path, _, path_gone) = self.paths.add(key, || ProbedPath::new(call, method, path.into_boxed_str()));
        path.count(call);
        let (prober, tally, prober_gone) = self.probers.add(call.consumer, || Prober::new(call));
        prober.count(call, asked);
        (prober.calls_most, prober.calls_doubt) = (tally.most, tally.doubt);
        let displaced = u64::from(path_gone) + u64::from(prober_gone);
        self.displaced += displaced;
        displaced
    }

    fn retain(&mut self, is_kept: impl Fn(&ProbedPath) -> bool) {
        self.is_dirty |= !self.paths.take_out(|path| !is_kept(path)).is_empty();
    }

    fn told(&self, api: Option<ApiId>) -> Probed {
        let path = |(Tally { most, doubt, .. }, path): (Tally<u64>, &ProbedPath)| ProbedPath {
            calls_most: most,
            calls_doubt: doubt,
            ..path.clone()
        };
        let prober = |(Tally { most, doubt, .. }, prober): (Tally<ConsumerId>, &Prober)| Prober {
            calls_most: most,
            calls_doubt: doubt,
            ..prober.clone()
        };
        Probed {
            api,
            calls: self.calls,
            displaced: self.displaced,
            paths: self.paths.ranked().map(path).collect(),
            paths_unseen: self.paths.tallies.unseen(),
            probers: self.probers.ranked().map(prober).collect(),
            probers_unseen: self.probers.tallies.unseen(),
        }
    }

    fn restore(&mut self, probed: Probed) {
        self.calls = self.calls.saturating_add(probed.calls);
        self.displaced = self.displaced.saturating_add(probed.displaced);
        for path in probed.paths {
            let tally = Tally { key: path.key(), most: path.calls_most, doubt: path.calls_doubt };
            self.paths.join(tally, path, ProbedPath::join);
        }
        for prober in probed.probers {
            let tally = Tally { key: prober.consumer, most: prober.calls_most, doubt: prober.calls_doubt };
            self.probers.join(tally, prober, Prober::join);
        }
        self.paths.tallies.at_most(probed.paths_unseen);
        self.probers.tallies.at_most(probed.probers_unseen);
    }
}

/// The most frequent, with what is known of each.
#[derive(Debug)]
struct Top<K, V, const N: usize> {
    tallies: Frequent<K, N>,
    values: FxHashMap<K, V>,
}

impl<K, V, const N: usize> Default for Top<K, V, N> {
    fn default() -> Self {
        Self { tallies: Frequent::default(), values: FxHashMap::default() }
    }
}

impl<K: Copy + Ord + Hash, V, const N: usize> Top<K, V, N> {
    /// Counts one. Gives what is known of it, how often it came, and whether another made room.
    fn add(&mut self, key: K, make: impl FnOnce() -> V) -> (&mut V, Tally<K>, bool) {
        let displaced = self.tallies.add(key);
        if let Some(displaced) = displaced {
            self.values.remove(&displaced);
        }
        let tally = self.tallies.get(key).unwrap_or(Tally { key, most: 1, doubt: 0 });
        (self.values.entry(key).or_insert_with(make), tally, displaced.is_some())
    }

    /// Adds what another list counted of one.
    fn join(&mut self, tally: Tally<K>, value: V, join: fn(&mut V, &V)) {
        let Some(one) = Frequent::of_tallies(vec![tally]) else { return };
        self.tallies.join(&one);
        match self.values.get_mut(&tally.key) {
            Some(known) => join(known, &value),
            None => {
                self.values.insert(tally.key, value);
            }
        }
        if self.values.len() > self.tallies.tallies().len() {
            let tallies = &self.tallies;
            self.values.retain(|key, _| tallies.get(*key).is_some());
        }
    }

    fn take_out(&mut self, is_out: impl Fn(&V) -> bool) -> Vec<(Tally<K>, V)> {
        let mut keys: Vec<K> = self.values.iter().filter(|(_, value)| is_out(value)).map(|(key, _)| *key).collect();
        keys.sort_unstable();
        keys.into_iter().filter_map(|key| Some((self.tallies.remove(key)?, self.values.remove(&key)?))).collect()
    }

    fn all(mut self) -> Vec<(Tally<K>, V)> {
        self.take_out(|_| true)
    }

    fn ranked(&self) -> impl Iterator<Item = (Tally<K>, &V)> {
        self.tallies.ranked().into_iter().filter_map(|tally| Some((tally, self.values.get(&tally.key)?)))
    }
}

/// What is asked for, as a hash that is the same in every run.
fn asked_for(method: &Method, path: &str) -> u64 {
    id_hash(&[method.as_str(), path])
}

/// ... and of whom.
fn key(api: &ApiId, asked: u64) -> u64 {
    asked ^ FxBuildHasher.hash_one(api)
}

/// The upper half of a hash is one, too.
fn half(hash: u64) -> u32 {
    u32::try_from(hash >> 32).unwrap_or_default()
}
