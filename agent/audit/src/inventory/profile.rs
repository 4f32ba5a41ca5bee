//! What an endpoint's calls were like: statuses, times, sizes, who called, which data, when.

mod data;
pub(super) mod packed;
mod statuses;

pub use data::{Data, DataRow, Side};
pub use packed::PackedProfile;
pub use statuses::Statuses;

use apiscope_wire::Timestamp;

use crate::exchange::{ConsumerId, Exchange};
use crate::facts::Facts;
use crate::sketch::{Distinct, Frequent, Quantiles, Ring, mix};

const HOUR_NANOS: u64 = 3_600_000_000_000;

/// An endpoint's calls, summarised. Bounded in every part; what it holds depends on the calls and not on their order, and `join` of two
/// agents' profiles is that of one which saw both ones' calls. The most frequent consumers alone are so only up to their bound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Calls by exact status.
    pub statuses: Statuses,
    /// First byte of the request to last of the response, nanoseconds; of calls that were seen whole.
    pub latency_ns: Quantiles,
    /// Bodies of requests, bytes, of those whose size is known exactly.
    pub request_bytes: Quantiles,
    /// Bodies of responses, bytes, of those whose size is known exactly; without those to HEAD.
    pub response_bytes: Quantiles,
    /// Records of JSON responses.
    pub records: Quantiles,
    /// Who called most.
    pub consumers: Frequent<ConsumerId, { Profile::CONSUMERS_MAX }>,
    /// How many different ones called.
    pub consumers_distinct: Distinct,
    /// Calls by hour since 1970, UTC.
    pub hours: Ring<{ Profile::HOURS_MAX }>,
    /// Calls by day since 1970, UTC.
    pub days: Ring<{ Profile::DAYS_MAX }>,
    /// Secrets and personal data seen.
    pub data: Data,
}

impl Profile {
    /// Consumers with a count of their own.
    pub const CONSUMERS_MAX: usize = 12;
    /// Bytes of the largest profile, with those on the heap.
    pub const BYTES_MAX: usize = 32_768;
    /// Hours kept.
    pub const HOURS_MAX: usize = 24;
    /// Days kept.
    pub const DAYS_MAX: usize = 30;

    /// A call whose request and status are known; the status is another than the exchange's where that held several calls.
    pub(super) fn called(&mut self, exchange: &Exchange, status: Option<u16>) {
        if let Some(status) = status {
            self.statuses.add(status);
        }
        self.consumers.add(exchange.consumer);
        self.consumers_distinct.add(consumer_hash(&exchange.consumer));
        let hour = hour(exchange.began);
        self.hours.add(hour, 1);
        self.days.add(hour / 24, 1);
    }

    /// A call is over.
    pub(super) fn ended(&mut self, exchange: &Exchange) {
        let (request, response) = (exchange.request.as_ref(), exchange.response.as_ref());
        let is_whole = |facts: Option<&Facts>| facts.is_some_and(|facts| facts.complete);
        if is_whole(request) && is_whole(response) {
            let nanos = exchange.ended.since(exchange.began).as_nanos();
            self.latency_ns.add(u64::try_from(nanos).unwrap_or(u64::MAX));
        }
        let size = |facts: Option<&Facts>| facts.filter(|facts| facts.complete).and_then(|facts| facts.body.total);
        if let Some(bytes) = size(request) {
            self.request_bytes.add(bytes);
        }
        let is_head = exchange.method.as_ref().is_some_and(|method| method.as_str() == "HEAD");
        if let Some(bytes) = size(response).filter(|_| !is_head) {
            self.response_bytes.add(bytes);
        }
        if let Some(records) = response.and_then(|facts| facts.records) {
            self.records.add(records);
        }
        for (side, facts) in [(Side::Request, request), (Side::Response, response)] {
            for exposure in facts.into_iter().flat_map(|facts| &facts.exposures) {
                self.data.add(side, exposure);
            }
        }
    }

    /// Adds all that another saw.
    pub fn join(&mut self, other: &Self) {
        self.statuses.join(&other.statuses);
        self.latency_ns.join(&other.latency_ns);
        self.request_bytes.join(&other.request_bytes);
        self.response_bytes.join(&other.response_bytes);
        self.records.join(&other.records);
        self.consumers.join(&other.consumers);
        self.consumers_distinct.join(&other.consumers_distinct);
        self.hours.join(&other.hours);
        self.days.join(&other.days);
        self.data.join(&other.data);
    }

    /// Latency in milliseconds: p50, p90, p99.
    pub fn latency_ms(&self) -> Option<[f64; 3]> {
        let quantile = |q| self.latency_ns.quantile(q).map(|nanos| nanos / 1e6);
        Some([quantile(0.5)?, quantile(0.9)?, quantile(0.99)?])
    }

    /// Bytes that it takes, with those on the heap.
    pub fn bytes(&self) -> usize {
        size_of::<Self>()
            + [&self.latency_ns, &self.request_bytes, &self.response_bytes, &self.records]
                .map(Quantiles::heap)
                .iter()
                .sum::<usize>()
            + self.consumers.heap()
            + self.consumers_distinct.heap()
            + self.statuses.heap()
            + self.data.heap()
    }
}

fn hour(at: Timestamp) -> u32 {
    u32::try_from(at.as_nanos() / HOUR_NANOS).unwrap_or(u32::MAX)
}

/// The same on every host. A fingerprint is a hash already; who chooses his own addresses can choose how they mix, and hide in the count of
/// the different ones only himself.
pub(super) fn consumer_hash(consumer: &ConsumerId) -> u32 {
    let whole = match consumer {
        ConsumerId::Credential(fingerprint) => mix(fingerprint.get()),
        ConsumerId::Address(ip) => {
            let [high, low] = match ip {
                std::net::IpAddr::V4(ip) => [1, u64::from(ip.to_bits())],
                std::net::IpAddr::V6(ip) => {
                    let bits = ip.to_bits();
                    [
                        u64::try_from(bits >> 64).unwrap_or_default(),
                        u64::try_from(bits & u128::from(u64::MAX)).unwrap_or_default(),
                    ]
                }
            };
            mix(mix(high.wrapping_add(0x9e37_79b9_7f4a_7c15)) ^ low)
        }
    };
    u32::try_from(whole >> 32).unwrap_or_default()
}
