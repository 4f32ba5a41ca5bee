//! A profile as bytes: what the store keeps and what lies beside it in memory. A version, then sections, each with its number and length: a
//! section that a version does not know it leaves out, so that one more needs no change of the store.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::{Data, Profile, Statuses};
use crate::exchange::ConsumerId;
use crate::secret::Fingerprint;
use crate::sketch::{Distinct, Frequent, Packer, Quantiles, Ring, Tally, Unpacker};

const VERSION: u64 = 1;

/// A [`Profile`] in few bytes. None at all: there were no calls, or nothing is known of them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PackedProfile(Option<Arc<[u8]>>);

impl PackedProfile {
    /// Longest that is read; the longest that is written has less than half of it.
    pub const BYTES_MAX: usize = 65_536;

    /// Of a profile.
    pub fn of(profile: &Profile) -> Self {
        Self(Some(pack(profile).into()))
    }

    /// Back from the store.
    pub fn from_stored(bytes: &[u8]) -> Self {
        Self((!bytes.is_empty() && bytes.len() <= Self::BYTES_MAX).then(|| bytes.into()))
    }

    /// For the store.
    pub fn bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }

    /// The profile; an empty one where there is none, `None` where the bytes are of another make.
    pub fn read(&self) -> Option<Profile> {
        match &self.0 {
            None => Some(Profile::default()),
            Some(bytes) => unpack(bytes),
        }
    }
}

impl fmt::Debug for PackedProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PackedProfile({} bytes)", self.bytes().len())
    }
}

fn pack(profile: &Profile) -> Vec<u8> {
    let mut all = Packer::default();
    all.number(VERSION);
    let mut section = |number: u64, write: &dyn Fn(&mut Packer)| {
        let mut part = Packer::default();
        write(&mut part);
        all.number(number);
        all.bytes(&part.done());
    };
    section(1, &|to| profile.statuses.pack(to));
    section(2, &|to| profile.latency_ns.pack(to));
    section(3, &|to| profile.request_bytes.pack(to));
    section(4, &|to| profile.response_bytes.pack(to));
    section(5, &|to| profile.records.pack(to));
    section(6, &|to| pack_consumers(&profile.consumers, to));
    section(7, &|to| profile.consumers_distinct.pack(to));
    section(8, &|to| profile.hours.pack(to));
    section(9, &|to| profile.days.pack(to));
    section(10, &|to| profile.data.pack(to));
    all.done()
}

fn unpack(bytes: &[u8]) -> Option<Profile> {
    let mut all = Unpacker::new(bytes);
    if all.number()? != VERSION {
        return None;
    }
    let mut profile = Profile::default();
    let mut last = 0;
    while !all.is_empty() {
        let number = all.number().filter(|number| *number > last)?;
        last = number;
        let mut part = Unpacker::new(all.bytes()?);
        match number {
            1 => profile.statuses = Statuses::unpack(&mut part)?,
            2 => profile.latency_ns = Quantiles::unpack(&mut part)?,
            3 => profile.request_bytes = Quantiles::unpack(&mut part)?,
            4 => profile.response_bytes = Quantiles::unpack(&mut part)?,
            5 => profile.records = Quantiles::unpack(&mut part)?,
            6 => profile.consumers = unpack_consumers(&mut part)?,
            7 => profile.consumers_distinct = Distinct::unpack(&mut part)?,
            8 => profile.hours = Ring::unpack(&mut part)?,
            9 => profile.days = Ring::unpack(&mut part)?,
            10 => profile.data = Data::unpack(&mut part)?,
            // Of a newer version.
            _ => continue,
        }
        if !part.is_empty() {
            return None;
        }
    }
    Some(profile)
}

/// Writes the most frequent consumers.
pub(in crate::inventory) fn pack_consumers<const N: usize>(consumers: &Frequent<ConsumerId, N>, to: &mut Packer) {
    to.number(consumers.tallies().len() as u64);
    for Tally { key, most, doubt } in consumers.tallies() {
        pack_consumer(key, to);
        to.number(*most);
        to.number(*doubt);
    }
}

/// Reads them back.
pub(in crate::inventory) fn unpack_consumers<const N: usize>(
    from: &mut Unpacker<'_>,
) -> Option<Frequent<ConsumerId, N>> {
    let tallies = (0..from.count(N)?)
        .map(|_| Some(Tally { key: unpack_consumer(from)?, most: from.number()?, doubt: from.number()? }));
    Frequent::of_tallies(tallies.collect::<Option<_>>()?)
}

/// Writes a consumer.
pub(in crate::inventory) fn pack_consumer(consumer: &ConsumerId, to: &mut Packer) {
    match consumer {
        ConsumerId::Credential(fingerprint) => {
            to.number(0);
            to.number(fingerprint.get());
        }
        ConsumerId::Address(IpAddr::V4(ip)) => {
            to.number(1);
            to.number(u64::from(ip.to_bits()));
        }
        ConsumerId::Address(IpAddr::V6(ip)) => {
            to.number(2);
            to.bytes(&ip.octets());
        }
    }
}

/// Reads it back.
pub(in crate::inventory) fn unpack_consumer(from: &mut Unpacker<'_>) -> Option<ConsumerId> {
    Some(match from.number()? {
        0 => ConsumerId::Credential(Fingerprint::from_stored(from.number()?)),
        1 => ConsumerId::Address(Ipv4Addr::from_bits(from.small()?).into()),
        2 => ConsumerId::Address(Ipv6Addr::from(<[u8; 16]>::try_from(from.bytes()?).ok()?).into()),
        _ => return None,
    })
}
