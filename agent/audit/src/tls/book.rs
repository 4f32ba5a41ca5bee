//! The sums by API, port and server name.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use apiscope_wire::Timestamp;

use super::{CertificateFacts, ChainFacts, HelloFacts};
use crate::exchange::ApiId;
use crate::secret::Masked;

/// Rows kept; past it a handshake counts in the row of [`OTHER`].
const ROWS_MAX: usize = 2000;
/// A row that was silent for so long makes room, when there are too many.
const IDLE: Duration = Duration::from_hours(1);
/// How often room is sought.
const SWEEP_EVERY: Duration = Duration::from_mins(1);
/// Different values counted of one kind in a row (suites, versions, protocols); past it they are counted together.
const VALUES_MAX: usize = 256;
/// Different chains of a row that are told apart.
const CHAINS_MAX: usize = 32;
/// The API of all rows past [`ROWS_MAX`].
const OTHER: &str = "other";

/// What a row is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TlsKey {
    /// The API.
    pub api: ApiId,
    /// The server's port; 0 in the row for what found no room.
    pub port: u16,
    /// The name that clients asked for; `None`: they named none, or it was not seen.
    pub server_name: Option<Masked>,
}

/// The TLS of one API, port and server name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsRow {
    /// What it is about.
    pub key: TlsKey,
    /// First handshake.
    pub first: Timestamp,
    /// Last handshake.
    pub last: Timestamp,
    /// Connections.
    pub connections: u64,
    /// Of those: refused by the server with an alert before its hello.
    pub refused: u64,
    /// Of those: the server's choice was not seen, and it did not refuse.
    pub choice_unknown: u64,
    /// Of those: the client's offer was not seen.
    pub offer_unknown: u64,
    /// Connections by version chosen.
    pub versions: BTreeMap<u16, u64>,
    /// Connections by suite chosen.
    pub suites: BTreeMap<u16, u64>,
    /// Connections by application protocol chosen, where in clear.
    pub protocols: BTreeMap<Box<str>, u64>,
    /// Connections whose client offered this version.
    pub offered_versions: BTreeMap<u16, u64>,
    /// Connections whose client offered this suite.
    pub offered_suites: BTreeMap<u16, u64>,
    /// Connections whose client offered this application protocol.
    pub offered_protocols: BTreeMap<Box<str>, u64>,
    /// Values that found no room in one of these.
    pub values_dropped: u64,
    /// Connections whose certificates were encrypted (TLS 1.3).
    pub chains_encrypted: u64,
    /// Connections in which none were sent.
    pub chains_not_sent: u64,
    /// Connections in which they were sent.
    pub chains_sent: u64,
    /// The chain seen last, the server's own certificate first; empty: none was seen.
    pub chain: Vec<CertificateFacts>,
    /// When it was seen last.
    pub chain_seen: Option<Timestamp>,
    /// Different certificates of the server seen, as far as they are told apart.
    pub certificates: usize,
    seen: BTreeSet<[u8; 32]>,
}

impl TlsRow {
    fn new(key: TlsKey, at: Timestamp) -> Self {
        Self {
            key,
            first: at,
            last: at,
            connections: 0,
            refused: 0,
            choice_unknown: 0,
            offer_unknown: 0,
            versions: BTreeMap::new(),
            suites: BTreeMap::new(),
            protocols: BTreeMap::new(),
            offered_versions: BTreeMap::new(),
            offered_suites: BTreeMap::new(),
            offered_protocols: BTreeMap::new(),
            values_dropped: 0,
            chains_encrypted: 0,
            chains_not_sent: 0,
            chains_sent: 0,
            chain: Vec::new(),
            chain_seen: None,
            certificates: 0,
            seen: BTreeSet::new(),
        }
    }

    fn add(&mut self, hello: HelloFacts, at: Timestamp) {
        self.connections += 1;
        self.first = self.first.min(at);
        self.last = self.last.max(at);
        let HelloFacts { server_name: _, offer, choice, refused, chain } = hello;
        let mut dropped = 0;
        match offer {
            Some(offer) => {
                count(&mut self.offered_versions, offer.versions, &mut dropped);
                count(&mut self.offered_suites, offer.suites, &mut dropped);
                count(&mut self.offered_protocols, offer.protocols, &mut dropped);
            }
            None => self.offer_unknown += 1,
        }
        match choice {
            Some(choice) => {
                count(&mut self.versions, [choice.version], &mut dropped);
                count(&mut self.suites, [choice.suite], &mut dropped);
                count(&mut self.protocols, choice.protocol, &mut dropped);
            }
            None if refused.is_some() => self.refused += 1,
            None => self.choice_unknown += 1,
        }
        self.values_dropped += dropped;
        match chain {
            ChainFacts::Unknown => {}
            ChainFacts::Encrypted => self.chains_encrypted += 1,
            ChainFacts::NotSent => self.chains_not_sent += 1,
            ChainFacts::Sent(chain) => self.show(chain, at),
        }
    }

    fn show(&mut self, chain: Vec<CertificateFacts>, at: Timestamp) {
        self.chains_sent += 1;
        let Some(own) = chain.first() else { return };
        if self.seen.len() < CHAINS_MAX {
            self.seen.insert(own.sha256);
            self.certificates = self.seen.len();
        }
        if self.chain_seen.is_none_or(|seen| at >= seen) {
            self.chain_seen = Some(at);
            if self.chain != chain {
                self.chain = chain;
            }
        }
    }
}

/// Counts each different value once: a client that offers one suite a hundred times is one client.
fn count<T: Ord>(counts: &mut BTreeMap<T, u64>, values: impl IntoIterator<Item = T>, dropped: &mut u64) {
    let values: BTreeSet<T> = values.into_iter().collect();
    for value in values {
        if counts.len() < VALUES_MAX || counts.contains_key(&value) {
            *counts.entry(value).or_default() += 1;
        } else {
            *dropped += 1;
        }
    }
}

/// All rows, bounded.
#[derive(Debug, Default)]
pub(crate) struct Book {
    rows: BTreeMap<TlsKey, TlsRow>,
    changed: BTreeSet<TlsKey>,
    swept: Timestamp,
}

impl Book {
    /// Takes a handshake in. Gives the keys of rows that made room for it.
    pub(crate) fn add(&mut self, api: &ApiId, port: u16, hello: HelloFacts, at: Timestamp) -> Vec<TlsKey> {
        let mut key = TlsKey { api: api.clone(), port, server_name: hello.server_name.clone() };
        let mut gone = Vec::new();
        if self.rows.len() >= ROWS_MAX && !self.rows.contains_key(&key) {
            gone = self.sweep(at);
            if self.rows.len() >= ROWS_MAX {
                key = TlsKey { api: ApiId::new(OTHER), port: 0, server_name: None };
            }
        }
        self.rows.entry(key.clone()).or_insert_with(|| TlsRow::new(key.clone(), at)).add(hello, at);
        self.changed.insert(key);
        gone
    }

    fn sweep(&mut self, now: Timestamp) -> Vec<TlsKey> {
        if now.since(self.swept) < SWEEP_EVERY {
            return Vec::new();
        }
        self.swept = now;
        let idle = |row: &TlsRow| now.since(row.last) >= IDLE;
        let gone: Vec<_> = self.rows.values().filter(|row| idle(row)).map(|row| row.key.clone()).collect();
        for key in &gone {
            self.rows.remove(key);
            self.changed.remove(key);
        }
        gone
    }

    /// The rows that changed since the last time.
    pub(crate) fn take_changed(&mut self, give: &mut dyn FnMut(&TlsRow)) {
        for key in std::mem::take(&mut self.changed) {
            if let Some(row) = self.rows.get(&key) {
                give(row);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::{ChoiceFacts, OfferFacts};

    fn hello(name: &str) -> HelloFacts {
        HelloFacts {
            server_name: Some(Masked::vouched(name)),
            offer: Some(OfferFacts {
                versions: vec![0x0303, 0x0304],
                suites: vec![1, 2, 1],
                protocols: vec!["h2".into()],
            }),
            choice: Some(ChoiceFacts { version: 0x0304, suite: 2, protocol: None }),
            refused: None,
            chain: ChainFacts::Encrypted,
        }
    }

    fn rows(book: &mut Book) -> Vec<TlsRow> {
        let mut rows = Vec::new();
        book.take_changed(&mut |row| rows.push(row.clone()));
        rows
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn handshakes_are_summed() {
        let mut book = Book::default();
        let api = ApiId::new("shop");
        book.add(&api, 443, hello("a"), at(1));
        book.add(&api, 443, HelloFacts { choice: None, refused: Some(40), ..hello("a") }, at(3));
        let certificate = |number: u8| CertificateFacts {
            sha256: [number; 32],
            subject: Masked::vouched("CN=a"),
            issuer: Masked::vouched("CN=a"),
            names: Vec::new(),
            names_dropped: 0,
            not_before: None,
            not_after: None,
            key: crate::tls::Key::Unknown,
            self_issued: true,
        };
        for (number, second) in [(1, 5), (2, 4)] {
            let chain = ChainFacts::Sent(vec![certificate(number)]);
            book.add(&api, 443, HelloFacts { choice: None, chain, ..hello("a") }, at(second));
        }
        let [row] = &rows(&mut book)[..] else { panic!("one row") };
        assert_eq!((row.connections, row.refused, row.choice_unknown), (4, 1, 2));
        assert_eq!((row.first, row.last), (at(1), at(5)));
        assert_eq!(row.offered_suites, BTreeMap::from([(1, 4), (2, 4)]));
        assert_eq!(
            (row.versions.clone(), row.suites.clone()),
            (BTreeMap::from([(0x0304, 1)]), BTreeMap::from([(2, 1)]))
        );
        assert_eq!((row.certificates, row.chain[0].sha256, row.chain_seen), (2, [1; 32], Some(at(5))));
        assert!(rows(&mut book).is_empty(), "given once");
    }

    #[test]
    fn a_flood_of_names_costs_constant_memory_and_makes_room_when_it_is_over() {
        let mut book = Book::default();
        let api = ApiId::new("shop");
        for number in 0..3 * ROWS_MAX {
            book.add(&api, 443, hello(&format!("h{number}")), at(1));
        }
        assert_eq!(book.rows.len(), ROWS_MAX + 1);
        let other = rows(&mut book).into_iter().find(|row| row.key.api.as_str() == OTHER).expect("the overflow row");
        assert_eq!((other.connections, other.key.port), (2 * ROWS_MAX as u64, 0));
        let gone = book.add(&api, 443, hello("new"), at(4000));
        assert_eq!((gone.len(), book.rows.len()), (ROWS_MAX + 1, 1));
    }

    #[test]
    fn values_of_a_row_are_bounded() {
        let mut book = Book::default();
        let api = ApiId::new("shop");
        for number in 0..u16::try_from(VALUES_MAX).expect("small") + 10 {
            let choice = Some(ChoiceFacts { version: number, suite: 0, protocol: None });
            book.add(&api, 443, HelloFacts { choice, ..hello("a") }, at(1));
        }
        let [row] = &rows(&mut book)[..] else { panic!("one row") };
        assert_eq!((row.versions.len(), row.values_dropped), (VALUES_MAX, 10));
    }
}
