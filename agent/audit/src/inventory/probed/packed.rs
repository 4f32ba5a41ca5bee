//! A list as bytes, for the store: a version, then numbers and texts in order.

use apiscope_wire::Timestamp;

use super::form::FORM_MAX;
use super::{CLIENTS_MAX, PATHS_MAX, PROBERS_MAX, Probed, ProbedPath, Prober};
use crate::exchange::{ApiId, Method};
use crate::inventory::profile::Statuses;
use crate::inventory::profile::packed::{pack_consumer, pack_consumers, unpack_consumer, unpack_consumers};
use crate::sketch::{Distinct, Frequent, Packer, Unpacker};

const VERSION: u64 = 1;
/// Longest text that is read: an API's name, or a path with the operation behind it, which are shorter by far.
const TEXT_MAX: usize = 8 * FORM_MAX;

impl Probed {
    /// In few bytes. Holds no secret: paths in their form, clients as addresses and keyed fingerprints.
    pub fn pack(&self) -> Vec<u8> {
        let mut to = Packer::default();
        to.number(VERSION);
        // An API's name is never empty.
        to.bytes(self.api.as_ref().map_or("", ApiId::as_str).as_bytes());
        for number in [self.calls, self.displaced, self.paths_unseen, self.probers_unseen] {
            to.number(number);
        }
        to.number(self.paths.len() as u64);
        for path in &self.paths {
            for text in [path.api.as_str(), path.method.as_str(), &path.path] {
                to.bytes(text.as_bytes());
            }
            head(&mut to, (path.calls_most, path.calls_doubt), (path.first, path.last), &path.statuses);
            path.clients.pack(&mut to);
            pack_consumers(&path.top, &mut to);
        }
        to.number(self.probers.len() as u64);
        for prober in &self.probers {
            pack_consumer(&prober.consumer, &mut to);
            head(&mut to, (prober.calls_most, prober.calls_doubt), (prober.first, prober.last), &prober.statuses);
            prober.paths.pack(&mut to);
        }
        to.done()
    }

    /// Reads it back; `None` where the bytes are of another make.
    pub fn unpack(bytes: &[u8]) -> Option<Self> {
        let mut from = Unpacker::new(bytes);
        if from.number()? != VERSION {
            return None;
        }
        let api = text(&mut from)?;
        let mut probed = Self { api: (!api.is_empty()).then(|| ApiId::new(api)), ..Self::default() };
        probed.calls = from.number()?;
        probed.displaced = from.number()?;
        probed.paths_unseen = from.number()?;
        probed.probers_unseen = from.number()?;
        for _ in 0..from.count(PATHS_MAX)? {
            probed.paths.push(path(&mut from)?);
        }
        for _ in 0..from.count(PROBERS_MAX)? {
            let consumer = unpack_consumer(&mut from)?;
            let Head { calls_most, calls_doubt, first, last, statuses } = Head::read(&mut from)?;
            let paths = Distinct::unpack(&mut from)?;
            probed.probers.push(Prober { consumer, calls_most, calls_doubt, first, last, statuses, paths });
        }
        from.is_empty().then_some(probed)
    }
}

fn path(from: &mut Unpacker<'_>) -> Option<ProbedPath> {
    let (api, method, path) = (ApiId::new(text(from)?), Method::new(text(from)?), text(from)?.into());
    let Head { calls_most, calls_doubt, first, last, statuses } = Head::read(from)?;
    let clients = Distinct::unpack(from)?;
    let top: Frequent<_, CLIENTS_MAX> = unpack_consumers(from)?;
    Some(ProbedPath { api, method, path, calls_most, calls_doubt, first, last, statuses, clients, top })
}

fn text<'a>(from: &mut Unpacker<'a>) -> Option<&'a str> {
    std::str::from_utf8(from.bytes()?).ok().filter(|text| text.len() <= TEXT_MAX)
}

fn head(to: &mut Packer, (most, doubt): (u64, u64), (first, last): (Timestamp, Timestamp), statuses: &Statuses) {
    for number in [most, doubt, first.as_nanos(), last.as_nanos()] {
        to.number(number);
    }
    statuses.pack(to);
}

/// What paths and clients have in common.
struct Head {
    calls_most: u64,
    calls_doubt: u64,
    first: Timestamp,
    last: Timestamp,
    statuses: Statuses,
}

impl Head {
    fn read(from: &mut Unpacker<'_>) -> Option<Self> {
        let (calls_most, calls_doubt) = (from.number()?, from.number()?);
        let (first, last) = (Timestamp::from_nanos(from.number()?), Timestamp::from_nanos(from.number()?));
        let statuses = Statuses::unpack(from)?;
        (calls_most > calls_doubt).then_some(Self { calls_most, calls_doubt, first, last, statuses })
    }
}
