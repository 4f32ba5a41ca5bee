//! What an endpoint's calls were like.

use std::collections::BTreeMap;

use apiscope_audit::ConsumerId;
use apiscope_audit::inventory::{DataRow, Profile, Side};
use apiscope_audit::sketch::{Quantiles, Tally};
use apiscope_wire::Timestamp;
use serde::{Deserialize, Serialize};

use super::rfc3339;

const HOUR_NANOS: u64 = 3_600_000_000_000;

/// The part of an endpoint that is summarised: fields of `EndpointView`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProfileView {
    /// Calls by exact status; `other` past the 24 lowest ones.
    pub by_status: BTreeMap<String, u64>,
    /// First byte of the request to last of the response, milliseconds, of calls that were seen whole.
    pub latency_ms: Option<SpreadView>,
    /// Request bodies, bytes, where the size is known exactly.
    pub request_bytes: Option<SpreadView>,
    /// Response bodies, bytes, where the size is known exactly; without those to HEAD.
    pub response_bytes: Option<SpreadView>,
    /// Records of JSON responses.
    pub records: Option<SpreadView>,
    /// Who called most, the most frequent first; at most 12.
    pub consumers: Vec<ConsumerView>,
    /// How many different ones called.
    pub consumers_distinct: u64,
    /// That number is exact; else its standard error is 6.5 %.
    pub consumers_distinct_exact: bool,
    /// Secrets and personal data seen, the gravest first; at most 24.
    pub data: Vec<DataView>,
    /// Sightings of data past those.
    pub data_others: u64,
    /// Calls by hour, of the 24 hours up to the newest with a call; hours without any are left out.
    pub calls_by_hour: BTreeMap<String, u64>,
    /// Calls by day (UTC), of the 30 days up to the newest with a call; days without any are left out.
    pub calls_by_day: BTreeMap<String, u64>,
}

/// How numbers are spread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpreadView {
    /// How many there were.
    pub count: u64,
    /// The smallest, exactly.
    pub min: f64,
    /// The median.
    pub p50: f64,
    /// 90 of 100 are at most so large.
    pub p90: f64,
    /// 99 of 100 are at most so large.
    pub p99: f64,
    /// The largest, exactly.
    pub max: f64,
    /// Largest relative error of p50, p90 and p99.
    pub error: f64,
}

/// A consumer of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsumerView {
    /// A credential's fingerprint (`k:…`) or an address.
    pub consumer: String,
    /// It called at least so often.
    pub calls_least: u64,
    /// It called at most so often: the same, unless the endpoint has more consumers than are counted one by one.
    pub calls_most: u64,
}

/// A kind of data at a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataView {
    /// `secret`, or the class of personal data: card, bank-account, national-id, health, email, phone, person-name, birth-date, address,
    /// location.
    pub class: String,
    /// More exactly, such as `IBAN`.
    pub name: String,
    /// url, request, response.
    pub side: String,
    /// Which header, parameter, field or JSON member.
    pub place: String,
    /// How well proven by the best single message: A, B, C (a guess).
    pub grade: String,
    /// Messages that held some.
    pub messages: u64,
    /// Values.
    pub values: u64,
    /// Values that were looked at there.
    pub looked_at: u64,
}

impl SpreadView {
    /// In units of so many of what was counted.
    fn of(quantiles: &Quantiles, unit: f64) -> Option<Self> {
        let (min, max) = quantiles.range()?;
        let quantile = |q| Some(quantiles.quantile(q)? / unit);
        Some(Self {
            count: quantiles.count(),
            min: real(min) / unit,
            p50: quantile(0.5)?,
            p90: quantile(0.9)?,
            p99: quantile(0.99)?,
            max: real(max) / unit,
            error: quantiles.error(),
        })
    }
}

impl From<&Tally<ConsumerId>> for ConsumerView {
    fn from(tally: &Tally<ConsumerId>) -> Self {
        Self { consumer: tally.key.to_string(), calls_least: tally.least(), calls_most: tally.most }
    }
}

impl From<&DataRow> for DataView {
    fn from(row: &DataRow) -> Self {
        Self {
            class: row.class.map_or("secret", apiscope_audit::facts::DataClass::name).to_owned(),
            name: row.name.to_string(),
            side: side_name(row.side).to_owned(),
            place: row.place.to_string(),
            grade: row.grade.letter().to_string(),
            messages: row.calls,
            values: row.values,
            looked_at: row.looked_at,
        }
    }
}

impl From<&Profile> for ProfileView {
    fn from(profile: &Profile) -> Self {
        let mut by_status: BTreeMap<_, _> =
            profile.statuses.counts().iter().map(|(status, calls)| (status.to_string(), *calls)).collect();
        if profile.statuses.others() > 0 {
            by_status.insert("other".to_owned(), profile.statuses.others());
        }
        let by_day =
            profile.days.iter().map(|(day, calls)| (at_hour(u64::from(day) * 24)[..10].to_owned(), calls.into()));
        Self {
            by_status,
            latency_ms: SpreadView::of(&profile.latency_ns, 1e6),
            request_bytes: SpreadView::of(&profile.request_bytes, 1.0),
            response_bytes: SpreadView::of(&profile.response_bytes, 1.0),
            records: SpreadView::of(&profile.records, 1.0),
            consumers: profile.consumers.ranked().iter().map(ConsumerView::from).collect(),
            consumers_distinct: profile.consumers_distinct.size(),
            consumers_distinct_exact: profile.consumers_distinct.is_exact(),
            data: profile.data.rows().iter().map(DataView::from).collect(),
            data_others: profile.data.others(),
            calls_by_hour: profile.hours.iter().map(|(hour, calls)| (at_hour(hour.into()), calls.into())).collect(),
            calls_by_day: by_day.collect(),
        }
    }
}

/// The beginning of an hour since 1970: `2026-01-31T23:00:00Z`.
fn at_hour(hour: u64) -> String {
    let mut text = rfc3339(Timestamp::from_nanos(hour.saturating_mul(HOUR_NANOS)));
    text.truncate(19);
    text.push('Z');
    text
}

const fn side_name(side: Side) -> &'static str {
    match side {
        Side::Url => "url",
        Side::Request => "request",
        Side::Response => "response",
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with a few digits")]
const fn real(number: u64) -> f64 {
    number as f64
}
