//! The schemas of all endpoints, packed, within a budget of bytes.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::codec::{self, Reader};
use super::take::path_value;
use super::{Evidence, Sample, Schema};
use crate::exchange::Exchange;
use crate::facts::{AuthKind, Facts, Place, percent};
use crate::inventory::shape::segments;
use crate::inventory::{EndpointId, EndpointRow};
use crate::secret::Masked;

/// Bytes of all schemas. Past them the endpoint that was sampled longest ago is forgotten.
const BYTES_MAX: usize = 4 << 20;
/// Share of the budget that is freed at once.
const FREED_SHARE: usize = 16;
/// Bytes that an entry takes besides its schemas, about.
const ENTRY_BYTES: usize = 160;
/// Bodies, queries and sets of header fields of one endpoint.
const PARTS_MAX: usize = 40;
/// Names of headers and parameters that carry keys, of one endpoint.
const KEYS_MAX: usize = 8;
/// Authorities of one endpoint.
const SERVERS_MAX: usize = 8;
/// Longest authority.
const SERVER_MAX: usize = 128;

const VERSION: u8 = 1;

/// What a schema is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Segments of the path, by their number.
    Path,
    /// The query.
    Query,
    /// Header fields of requests.
    RequestHeaders,
    /// Bodies of requests.
    RequestBody,
    /// Header fields of responses of one status.
    ResponseHeaders,
    /// Bodies of responses of one status.
    ResponseBody,
}

impl Part {
    const ALL: [Self; 6] =
        [Self::Path, Self::Query, Self::RequestHeaders, Self::RequestBody, Self::ResponseHeaders, Self::ResponseBody];
}

/// A part of one status and media type, as far as it has them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartKey {
    /// Which.
    pub part: Part,
    /// Of responses; else 0.
    pub status: u16,
    /// Of bodies; empty: there was none.
    pub media: SmolStr,
}

/// All that is known of what an endpoint takes and gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointSchemas {
    /// Authorities that it was called at, with the scheme.
    servers: BTreeSet<SmolStr>,
    /// Where keys stand: in the query or not, and the name.
    keys: BTreeSet<(bool, SmolStr)>,
    /// Packed, in order.
    parts: Vec<(PartKey, Box<[u8]>)>,
}

impl EndpointSchemas {
    /// `http://` or `https://` and the authority, as clients sent it.
    pub fn servers(&self) -> impl Iterator<Item = &str> {
        self.servers.iter().map(SmolStr::as_str)
    }

    /// Names of header fields, and (`true`) of parameters of the query, that carried a key.
    pub fn keys(&self) -> impl Iterator<Item = (bool, &str)> {
        self.keys.iter().map(|(query, name)| (*query, name.as_str()))
    }

    /// The schemas, in a stable order.
    pub fn parts(&self) -> impl Iterator<Item = (&PartKey, Schema)> {
        self.parts.iter().filter_map(|(key, packed)| Some((key, Schema::unpack(packed)?)))
    }

    /// In few bytes.
    pub fn pack(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        codec::number(self.servers.len() as u64, &mut out);
        self.servers.iter().for_each(|server| codec::text(server, &mut out));
        codec::number(self.keys.len() as u64, &mut out);
        for (query, name) in &self.keys {
            out.push(u8::from(*query));
            codec::text(name, &mut out);
        }
        codec::number(self.parts.len() as u64, &mut out);
        for (PartKey { part, status, media }, packed) in &self.parts {
            out.push(*part as u8);
            out.extend(status.to_be_bytes());
            codec::text(media, &mut out);
            codec::number(packed.len() as u64, &mut out);
            out.extend_from_slice(packed);
        }
        out
    }

    /// From the bytes of [`EndpointSchemas::pack`]; `None` where they are others.
    pub fn unpack(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != VERSION {
            return None;
        }
        let mut schemas = Self::default();
        for _ in 0..reader.number()? {
            let length = reader.number()?;
            schemas.servers.insert(reader.text(length)?);
        }
        for _ in 0..reader.number()? {
            let (query, length) = (reader.byte()? == 1, reader.number()?);
            schemas.keys.insert((query, reader.text(length)?));
        }
        for _ in 0..reader.number()? {
            let part = *Part::ALL.get(usize::from(reader.byte()?))?;
            let (status, length) = (reader.status()?, reader.number()?);
            let (media, length) = (reader.text(length)?, reader.number()?);
            let packed = reader.bytes(usize::try_from(length).ok()?)?;
            let key = PartKey { part, status, media };
            if schemas.parts.last().is_some_and(|(last, _)| *last >= key) {
                return None;
            }
            // What can't be read would be lost at the next sample anyway.
            Schema::unpack(packed)?;
            schemas.parts.push((key, packed.into()));
        }
        reader.is_empty().then_some(schemas)
    }

    /// Of one part.
    #[cfg(test)]
    pub(crate) fn of(part: Part, status: u16, media: &str, schema: &Schema) -> Self {
        let key = PartKey { part, status, media: media.into() };
        Self { parts: vec![(key, schema.pack().into())], ..Self::default() }
    }

    /// Takes in what another knows of the same endpoint.
    pub fn join(&mut self, other: Self) -> Added {
        let mut added = Added::default();
        for server in other.servers {
            added.changed |= keep(&mut self.servers, &server, SERVERS_MAX);
        }
        for key in other.keys {
            added.changed |= keep(&mut self.keys, &key, KEYS_MAX);
        }
        for (key, packed) in other.parts {
            if let Some(schema) = Schema::unpack(&packed) {
                self.add(key, &schema, &mut added);
            }
        }
        added
    }

    /// Such that it can be joined with what agents with another key have: see [`Schema::unkeyed`].
    #[must_use]
    pub fn unkeyed(mut self) -> Self {
        for (_, packed) in &mut self.parts {
            if let Some(schema) = Schema::unpack(packed) {
                *packed = schema.unkeyed().pack().into();
            }
        }
        self
    }

    fn add(&mut self, key: PartKey, schema: &Schema, added: &mut Added) {
        match self.parts.binary_search_by(|(known, _)| known.cmp(&key)) {
            Ok(at) => {
                let Some((_, packed)) = self.parts.get_mut(at) else { return };
                let Some(mut all) = Schema::unpack(packed) else { return };
                all.join(schema.clone());
                let joined = all.pack();
                if **packed != *joined {
                    *packed = joined.into();
                    added.changed = true;
                }
            }
            // The first ones stay, so that any order keeps the same.
            Err(at) if at >= PARTS_MAX => added.dropped += 1,
            Err(at) => {
                self.parts.insert(at, (key, schema.pack().into()));
                added.changed = true;
                if self.parts.len() > PARTS_MAX {
                    self.parts.truncate(PARTS_MAX);
                    added.dropped += 1;
                }
            }
        }
    }

    fn bytes(&self) -> usize {
        ENTRY_BYTES
            + self.parts.iter().map(|(_, packed)| packed.len() + size_of::<(PartKey, Box<[u8]>)>()).sum::<usize>()
    }

    /// Adds what an exchange shows.
    fn observe(&mut self, row: &EndpointRow, exchange: &Exchange) -> Added {
        let mut added = Added::default();
        let mut add = |this: &mut Self, part, status, media: SmolStr, schema: &Schema| {
            this.add(PartKey { part, status, media }, schema, &mut added);
        };
        let none = SmolStr::default;
        if let Some(sample) = sample(exchange.request.as_ref()) {
            if let Some(schema) = path(&row.route, exchange.path.as_str(), sample.seen) {
                add(self, Part::Path, 0, none(), &schema);
            }
            if let Some(schema) = &sample.query {
                add(self, Part::Query, 0, none(), schema);
            }
            if let Some(schema) = &sample.headers {
                add(self, Part::RequestHeaders, 0, none(), schema);
            }
            let (media, schema) = body(sample);
            add(self, Part::RequestBody, 0, media, &schema);
        }
        if let (Some(sample), Some(status)) = (sample(exchange.response.as_ref()), exchange.status) {
            if let Some(schema) = &sample.headers {
                add(self, Part::ResponseHeaders, status, none(), schema);
            }
            let (media, schema) = body(sample);
            add(self, Part::ResponseBody, status, media, &schema);
        }
        if let Some(request) = exchange.request.as_ref().filter(|request| request.sample.is_some()) {
            added.changed |= self.observe_head(exchange, request);
        }
        added
    }

    fn observe_head(&mut self, exchange: &Exchange, request: &Facts) -> bool {
        let mut changed = false;
        if let Some(host) = exchange.host.as_ref().map(Masked::as_str).filter(|host| is_authority(host)) {
            let scheme = if exchange.origin.encrypted { "https" } else { "http" };
            changed |= keep(&mut self.servers, &SmolStr::from(format!("{scheme}://{host}")), SERVERS_MAX);
        }
        let has = |auth| request.auth.contains(&auth);
        for credential in &request.credentials {
            let key = match &credential.place {
                Place::Header(name) if has(AuthKind::ApiKeyHeader) && !name.ends_with("authorization") => (false, name),
                Place::Query(name) if has(AuthKind::ApiKeyQuery) => (true, name),
                _ => continue,
            };
            changed |= keep(&mut self.keys, &(key.0, SmolStr::from(&**key.1)), KEYS_MAX);
        }
        changed
    }
}

/// What came of adding something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Added {
    /// There is something new.
    pub changed: bool,
    /// Parts past the bound.
    pub dropped: u64,
}

/// Of too many the first stay, so that any order keeps the same. Gives whether the set changed.
fn keep<T: Ord + Clone>(set: &mut BTreeSet<T>, one: &T, most: usize) -> bool {
    if !set.insert(one.clone()) {
        return false;
    }
    if set.len() > most {
        return set.pop_last().is_some_and(|last| last != *one);
    }
    true
}

fn is_authority(host: &str) -> bool {
    host.len() <= SERVER_MAX && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte))
}

fn sample(facts: Option<&Facts>) -> Option<&Sample> {
    facts?.sample.as_deref()
}

fn body(sample: &Sample) -> (SmolStr, Schema) {
    sample.body.clone().unwrap_or_else(|| (SmolStr::default(), Schema::opaque(sample.seen)))
}

/// Of the segments that vary as a whole.
fn path(route: &str, path: &str, seen: Evidence) -> Option<Schema> {
    let is_variable = |piece: &str| {
        piece.starts_with('{') && piece.ends_with('}') && !piece.get(1..).is_some_and(|rest| rest.contains('{'))
    };
    let values = segments(route).zip(segments(path)).enumerate().filter(|(_, (piece, _))| is_variable(piece));
    let values: Vec<_> = values
        .map(|(at, (_, value))| {
            (SmolStr::from(format!("{at:02}")), path_value(&percent::decode(value.as_bytes(), false), seen))
        })
        .collect();
    Schema::of_members(values, seen)
}

/// What the book counts about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SchemaCounters {
    /// Endpoints with schemas.
    pub endpoints: u64,
    /// Bytes that they take.
    pub bytes: u64,
    /// Endpoints whose schemas were forgotten to make room.
    pub forgotten: u64,
    /// Samples of bodies past the statuses and media types that are kept of an endpoint.
    pub parts_dropped: u64,
}

/// All endpoints' schemas.
#[derive(Debug, Default)]
pub(crate) struct Book {
    entries: FxHashMap<EndpointId, Entry>,
    /// Counts samples: who was sampled when.
    clock: u64,
    bytes: usize,
    dirty: Vec<EndpointId>,
    gone: Vec<EndpointId>,
    forgotten: u64,
    parts_dropped: u64,
}

#[derive(Debug)]
struct Entry {
    schemas: EndpointSchemas,
    bytes: usize,
    used: u64,
    is_dirty: bool,
}

impl Book {
    /// With what the store held; what can't be read is left out.
    pub(crate) fn new(restored: Vec<(EndpointId, EndpointSchemas)>) -> Self {
        let mut book = Self::default();
        for (id, schemas) in restored {
            book.change(id, |known| known.join(schemas));
        }
        book.dirty.clear();
        book.entries.values_mut().for_each(|entry| entry.is_dirty = false);
        book
    }

    /// Adds what an exchange of an endpoint shows, if it was sampled.
    pub(crate) fn observe(&mut self, row: &EndpointRow, exchange: &Exchange) {
        if sample(exchange.request.as_ref()).is_some() || sample(exchange.response.as_ref()).is_some() {
            self.change(row.id, |schemas| schemas.observe(row, exchange));
        }
    }

    /// An endpoint is no more.
    pub(crate) fn joined(&mut self, id: EndpointId, into: Option<EndpointId>) {
        let Some(entry) = self.entries.remove(&id) else { return };
        self.bytes -= entry.bytes;
        self.gone.push(id);
        if let Some(into) = into {
            self.change(into, |schemas| schemas.join(entry.schemas));
        }
    }

    /// The schemas that changed since the last time.
    pub(crate) fn take_changed(&mut self, give: &mut dyn FnMut(EndpointId, &EndpointSchemas)) {
        for id in std::mem::take(&mut self.dirty) {
            if let Some(entry) = self.entries.get_mut(&id).filter(|entry| entry.is_dirty) {
                entry.is_dirty = false;
                give(id, &entry.schemas);
            }
        }
    }

    /// Endpoints that no longer have schemas.
    pub(crate) fn take_gone(&mut self) -> Vec<EndpointId> {
        std::mem::take(&mut self.gone)
    }

    pub(crate) fn counters(&self) -> SchemaCounters {
        SchemaCounters {
            endpoints: self.entries.len() as u64,
            bytes: self.bytes as u64,
            forgotten: self.forgotten,
            parts_dropped: self.parts_dropped,
        }
    }

    fn change(&mut self, id: EndpointId, change: impl FnOnce(&mut EndpointSchemas) -> Added) {
        self.clock += 1;
        let entry = self.entries.entry(id).or_insert_with(|| Entry {
            schemas: EndpointSchemas::default(),
            bytes: 0,
            used: 0,
            is_dirty: false,
        });
        let added = change(&mut entry.schemas);
        self.parts_dropped += added.dropped;
        entry.used = self.clock;
        self.bytes -= entry.bytes;
        entry.bytes = entry.schemas.bytes();
        self.bytes += entry.bytes;
        if added.changed && !entry.is_dirty {
            entry.is_dirty = true;
            self.dirty.push(id);
        }
        if self.bytes > BYTES_MAX {
            self.make_room();
        }
    }

    fn make_room(&mut self) {
        let mut order: Vec<_> = self.entries.iter().map(|(id, entry)| (entry.used, *id)).collect();
        order.sort_unstable();
        for (_, id) in order {
            if self.bytes <= BYTES_MAX - BYTES_MAX / FREED_SHARE {
                break;
            }
            if let Some(entry) = self.entries.remove(&id) {
                self.bytes -= entry.bytes;
                self.forgotten += 1;
                self.gone.push(id);
            }
        }
    }
}
