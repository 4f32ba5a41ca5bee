//! Which hosts are one API: `a.example.com`, `b.example.com` … of a server that gives each customer a name of its own.
//!
//! Hosts with all but the first label in common become one, `*.example.com`, when enough of them were called in the same ways: the
//! same methods and paths, answered as by one who knows them. Hosts of different services share nothing but what every server has (`/`,
//! `/health`, `/login`), which does not count. Where only server names of TLS are seen, it takes more of them, at one server.
//!
//! Of each suffix the hosts and of each host the ways with the smallest hashes are kept, so that the same hosts called in the same ways
//! are judged alike in any order. Bounded in suffixes, hosts and ways: a client that invents hosts costs constant memory.

use std::hash::BuildHasher as _;
use std::net::SocketAddr;
use std::time::Duration;

use apiscope_wire::Timestamp;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};
use smallvec::SmallVec;

use crate::exchange::{ApiId, Exchange};

/// Suffixes under observation.
const SUFFIXES_MAX: usize = 512;
/// Suffixes whose hosts are one API.
pub(super) const JOINED_MAX: usize = 1_024;
/// Hosts of a suffix that are compared.
const HOSTS_MAX: usize = 16;
/// So many must be alike.
const HOSTS_MIN: usize = 6;
/// Server names of one suffix at one server, where nothing else is seen.
const SERVER_NAMES_MIN: usize = 32;
/// Ways of calling that are kept of a host.
const WAYS_MAX: usize = 8;
/// Ways that many hosts must share.
const SHARED_MIN: usize = 3;
/// A suffix not seen for so long makes room.
const IDLE: Duration = Duration::from_mins(10);
/// How often room is sought.
const SWEEP_EVERY: Duration = Duration::from_mins(1);
/// Segments of a path that tell one way from another.
const SEGMENTS: usize = 4;
/// What any server has.
const COMMON: &[&str] = &[
    "favicon.ico",
    "graphql",
    "health",
    "healthcheck",
    "healthz",
    "index.html",
    "info",
    "livez",
    "login",
    "logout",
    "metrics",
    "ping",
    "readyz",
    "ready",
    "robots.txt",
    "rpc",
    "sitemap.xml",
    "status",
    "version",
];

/// What is known of hosts by their suffix.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    suffixes: FxHashMap<Box<str>, Suffix>,
    joined: FxHashMap<Box<str>, ApiId>,
    swept: Timestamp,
    /// Suffixes that could not be observed or joined, because there were too many.
    overflow: u64,
}

#[derive(Debug, Default)]
struct Suffix {
    /// Sorted by the hash of the first label.
    hosts: SmallVec<[Host; 1]>,
    /// Hashes of server names, by their server.
    server_names: Option<Box<(SocketAddr, FxHashSet<u64>)>>,
    last: Timestamp,
}

#[derive(Debug)]
struct Host {
    label: u64,
    /// Sorted hashes of how it was called.
    ways: SmallVec<[u64; WAYS_MAX]>,
}

impl Hosts {
    /// The API of all hosts with the suffix of this one, if they are one.
    pub(super) fn joined(&self, name: &str) -> Option<&ApiId> {
        if self.joined.is_empty() {
            return None;
        }
        self.joined.get(split(name)?.1)
    }

    /// An API of an earlier run: its hosts are one.
    pub(super) fn recall(&mut self, api: &ApiId) {
        if let Some(suffix) = api.as_str().strip_prefix("*.").filter(|_| self.joined.len() < JOINED_MAX) {
            self.joined.insert(suffix.into(), api.clone());
        }
    }

    /// Times that something fell off a bound.
    pub(super) fn overflow(&self) -> u64 {
        self.overflow
    }

    /// A call was answered. Gives the API, when the hosts with its host's suffix are one from now on.
    pub(super) fn called(&mut self, exchange: &Exchange) -> Option<ApiId> {
        let name = exchange.api.as_str();
        let is_host = exchange.host.as_ref().is_some_and(|host| host.as_str().starts_with(name));
        let is_answered = exchange.status.is_some_and(|status| (200..300).contains(&status));
        let (label, suffix) = split(name).filter(|_| is_host && is_answered)?;
        let way = way(exchange)?;
        let known = self.observe(suffix, exchange.ended)?;
        known.add(FxBuildHasher.hash_one(label), way);
        if known.are_one() { self.join(suffix) } else { None }
    }

    /// A server name of TLS was seen at a server.
    pub(super) fn greeted(&mut self, name: &str, server: SocketAddr, now: Timestamp) -> Option<ApiId> {
        let (label, suffix) = split(name)?;
        let known = self.observe(suffix, now)?;
        let names = known.server_names.get_or_insert_with(|| Box::new((server, FxHashSet::default())));
        if names.0 != server {
            return None;
        }
        names.1.insert(FxBuildHasher.hash_one(label));
        if names.1.len() >= SERVER_NAMES_MIN { self.join(suffix) } else { None }
    }

    fn observe(&mut self, suffix: &str, now: Timestamp) -> Option<&mut Suffix> {
        if self.joined.contains_key(suffix) {
            return None;
        }
        if self.suffixes.len() >= SUFFIXES_MAX && !self.suffixes.contains_key(suffix) {
            if now.since(self.swept) >= SWEEP_EVERY {
                self.swept = now;
                self.suffixes.retain(|_, known| now.since(known.last) < IDLE);
            }
            if self.suffixes.len() >= SUFFIXES_MAX {
                self.overflow += 1;
                return None;
            }
        }
        let known = self.suffixes.entry(suffix.into()).or_default();
        known.last = known.last.max(now);
        Some(known)
    }

    fn join(&mut self, suffix: &str) -> Option<ApiId> {
        if self.joined.len() >= JOINED_MAX {
            self.overflow += 1;
            return None;
        }
        let api = ApiId::new(&format!("*.{suffix}"));
        self.suffixes.remove(suffix);
        self.joined.insert(suffix.into(), api.clone());
        Some(api)
    }
}

impl Suffix {
    fn add(&mut self, label: u64, way: u64) {
        let at = match self.hosts.binary_search_by_key(&label, |host| host.label) {
            Ok(at) => at,
            Err(at) => {
                self.hosts.insert(at, Host { label, ways: SmallVec::new() });
                self.hosts.truncate(HOSTS_MAX);
                at
            }
        };
        let Some(host) = self.hosts.get_mut(at) else { return };
        if let Err(at) = host.ways.binary_search(&way) {
            host.ways.insert(at, way);
            host.ways.truncate(WAYS_MAX);
        }
    }

    /// Whether the hosts that say something are nearly all called in ways that many of them are called in.
    fn are_one(&self) -> bool {
        let telling: SmallVec<[&Host; HOSTS_MAX]> = self.hosts.iter().filter(|host| host.ways.len() >= 2).collect();
        if telling.len() < HOSTS_MIN {
            return false;
        }
        let mut counts: FxHashMap<u64, usize> = FxHashMap::default();
        for way in telling.iter().flat_map(|host| &host.ways) {
            *counts.entry(*way).or_default() += 1;
        }
        let least = (telling.len() / 3).max(3);
        let is_shared = |way: &&u64| counts.get(*way).is_some_and(|hosts| *hosts >= least);
        let shared = counts.values().filter(|hosts| **hosts >= least).count();
        let alike = telling.iter().filter(|host| host.ways.iter().filter(is_shared).count() * 3 >= host.ways.len() * 2);
        shared >= SHARED_MIN && alike.count() * 4 >= telling.len() * 3
    }
}

/// First label and the rest of a host with at least three labels, with its port. An address has none.
fn split(name: &str) -> Option<(&str, &str)> {
    let (label, suffix) = name.split_once('.')?;
    let last = suffix.rsplit_once('.')?.1;
    let is_name = !label.is_empty() && last.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    (is_name && label != "*").then_some((label, suffix))
}

/// How a host was called: the method and the words of the path, or the operation. `None` where any server is called so.
fn way(exchange: &Exchange) -> Option<u64> {
    let method = exchange.method.as_ref()?;
    let operation = exchange.operations.as_ref().and_then(|operations| operations.list.first()?.name());
    let mut parts: SmallVec<[&str; SEGMENTS + 2]> =
        SmallVec::from_slice(&[method.as_str(), operation.unwrap_or_default()]);
    let is_word = |segment: &str| segment.bytes().all(|byte| byte.is_ascii_alphabetic() || b"-_.".contains(&byte));
    let words = exchange.path.as_str().split('/').filter(|segment| !segment.is_empty());
    parts.extend(words.take(SEGMENTS).map(|segment| if is_word(segment) { segment } else { "*" }));
    let mut telling = parts.iter().skip(2).filter(|part| **part != "*" && !COMMON.contains(part));
    (operation.is_some() || telling.next().is_some()).then(|| FxBuildHasher.hash_one(&*parts))
}

#[cfg(test)]
mod tests;
