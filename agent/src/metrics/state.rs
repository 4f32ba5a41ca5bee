//! What is counted from changes, and which series may exist.

use std::borrow::Cow;
use std::collections::BTreeMap;

use apiscope_audit::change::CallRow;
use apiscope_audit::finding::{FindingId, FindingRow, Severity, Status, Transition};
use apiscope_audit::inventory::{DocumentState, EndpointId, EndpointRow};
use apiscope_audit::{Change, Restored};
use apiscope_wire::{AmbiguityKind, Coverage, Timestamp};
use rustc_hash::FxHashMap;

use super::SERIES_MAX;
use super::histogram::{BYTES, Histogram, SECONDS};
use super::labels::{self, OTHER, UNMATCHED, clean};
use super::running::{Followers, Full, STREAM_SERIES, Streams};

/// APIs with series of their own.
pub(super) const APIS_MAX: usize = 50;
/// Routes of an API with series of their own.
pub(super) const ROUTES_MAX: usize = 100;
/// Series of (API, kind, severity).
const FINDING_SERIES_MAX: usize = 300;
/// Room for everything that does not grow with the traffic: kinds, receivers, programs, documents.
pub(super) const FIXED_SERIES: usize = 900;
/// Findings and endpoints that are followed each, to know what a change adds. The core's own bounds keep below it.
const FOLLOWED_MAX: usize = 131_072;
/// APIs for which room is kept although exchanges ask for it.
const APIS_RESERVED: usize = 8;

/// Series of one API besides its exchanges: account, blind spot, streams, histograms, heartbeat, endpoints, discoveries, info.
const API_SERIES: usize = 2
    + 9
    + 1
    + STREAM_SERIES
    + Histogram::series(&SECONDS)
    + 2 * Histogram::series(&BYTES)
    + 1
    + DOCUMENT_STATES.len()
    + 1
    + 1;

const _: () = assert!(FIXED_SERIES + FINDING_SERIES_MAX + API_SERIES * (APIS_MAX + 1) <= SERIES_MAX);

/// Values of `state`.
const DOCUMENT_STATES: [(DocumentState, &str); 6] = [
    (DocumentState::Deprecated, "deprecated"),
    (DocumentState::Documented, "documented"),
    (DocumentState::NoDocument, "no_document"),
    (DocumentState::Removed, "removed"),
    (DocumentState::Undocumented, "undocumented"),
    (DocumentState::Unused, "unused"),
];

/// Values of `reason` of incomplete exchanges.
pub(super) const INCOMPLETE: [&str; 4] = ["no_request", "no_response", "request_cut", "response_cut"];

/// A cap that was reached.
#[derive(Clone, Copy, Debug)]
enum Overflow {
    Api,
    Finding,
    Route,
    Series,
}

/// Values of `label` of the overflow counter, in the order of [`Overflow`].
pub(super) const OVERFLOWS: [&str; 4] = ["api", "finding", "route", "series"];

/// Exchanges by place of method and code. A route has few of them.
type Counts = Vec<((u8, u8), u64)>;

/// One API.
#[derive(Debug)]
pub(super) struct ApiSeries {
    pub(super) coverage: Coverage,
    pub(super) tls_unobserved: u64,
    pub(super) streams: Streams,
    pub(super) duration: Histogram,
    pub(super) request_size: Histogram,
    pub(super) response_size: Histogram,
    pub(super) last: Option<Timestamp>,
    pub(super) discovered: u64,
    /// By route; then by place of method and code.
    pub(super) routes: FxHashMap<Box<str>, Counts>,
}

impl ApiSeries {
    fn new() -> Self {
        Self {
            coverage: Coverage::default(),
            tls_unobserved: 0,
            streams: Streams::default(),
            duration: Histogram::new(&SECONDS),
            request_size: Histogram::new(&BYTES),
            response_size: Histogram::new(&BYTES),
            last: None,
            discovered: 0,
            routes: FxHashMap::default(),
        }
    }
}

/// API, kind, severity.
pub(super) type FindingSeries = (Box<str>, &'static str, Severity);

/// What is known of a finding, to see what a change adds.
#[derive(Debug)]
struct Followed {
    series: Option<FindingSeries>,
    count: u64,
    opened: Timestamp,
}

/// All that is counted from changes.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) apis: FxHashMap<Box<str>, ApiSeries>,
    /// Series of exchanges, in all APIs.
    exchange_series: usize,
    /// Exchanges past the cap on series, by place of code.
    pub(super) overflowed_exchanges: [u64; labels::CODES.len()],
    pub(super) incomplete: [u64; INCOMPLETE.len()],
    pub(super) ambiguous: BTreeMap<&'static str, u64>,
    running: Followers,
    endpoints: FxHashMap<EndpointId, (Box<str>, DocumentState)>,
    findings: FxHashMap<FindingId, Followed>,
    pub(super) findings_open: BTreeMap<FindingSeries, u64>,
    pub(super) findings_opened: BTreeMap<(&'static str, Severity), u64>,
    pub(super) observations: BTreeMap<&'static str, u64>,
    pub(super) overflow: [u64; OVERFLOWS.len()],
}

impl State {
    /// Known series begin at 0.
    pub(super) fn new() -> Self {
        let mut state = Self::default();
        state.ambiguous.extend(AMBIGUITIES.map(|kind| (ambiguity_word(kind), 0)));
        for kind in apiscope_audit::detect::kinds() {
            state.observations.insert(kind.name, 0);
            for severity in Severity::ALL {
                state.findings_opened.insert((kind.name, severity), 0);
            }
        }
        state
    }

    /// What the store held is known, not new.
    pub(super) fn restore(&mut self, restored: &Restored) {
        for row in &restored.endpoints {
            self.endpoint(row, false);
        }
        for row in &restored.findings {
            self.finding(row);
        }
        for count in self.observations.values_mut() {
            *count = 0;
        }
    }

    pub(super) fn observe(&mut self, change: &Change) {
        match change {
            Change::Call(row) => {
                self.ended(row);
                self.call(row);
            }
            Change::Running(row) => self.runs(row),
            Change::Session(row) => self.ended(row),
            Change::Endpoint(row) => self.endpoint(row, true),
            Change::EndpointGone { id, .. } => {
                self.endpoints.remove(id);
            }
            Change::Finding(row) => self.finding(row),
            Change::Alert(alert) => {
                if matches!(alert.transition, Transition::Opened | Transition::Reopened) {
                    *self.findings_opened.entry((alert.finding.kind.name, alert.finding.severity)).or_default() += 1;
                }
                self.finding(&alert.finding);
            }
            Change::Coverage(api, added) => self.api(api.as_str()).coverage += *added,
            Change::Ambiguous(ambiguity) => *self.ambiguous.entry(ambiguity_word(ambiguity.kind)).or_default() += 1,
            // No metric: the names of servers have no bound that a scrape could bear. A counter only grows: what was counted under an
            // API's old name stays there.
            // What people said is counted where it is shown, in `status`.
            Change::Kept(_)
            | Change::Tls(_)
            | Change::TlsGone(_)
            | Change::Schemas { .. }
            | Change::Watched(_)
            | Change::Probed(_)
            | Change::ApiJoined { .. } => {}
            Change::TlsUnobserved(api, _at) => self.api(api.as_str()).tls_unobserved += 1,
        }
    }

    /// Endpoints by API and state; known APIs have all states.
    pub(super) fn endpoints(&self) -> BTreeMap<(&str, &'static str), u64> {
        let mut sums = BTreeMap::new();
        for api in self.apis.keys() {
            sums.extend(DOCUMENT_STATES.iter().map(|(_, word)| ((&**api, *word), 0)));
        }
        for (api, state) in self.endpoints.values() {
            if let Some((_, word)) = DOCUMENT_STATES.iter().find(|(known, _)| known == state) {
                *sums.entry((&**api, *word)).or_default() += 1;
            }
        }
        sums
    }

    fn call(&mut self, row: &CallRow) {
        let exchange = &row.exchange;
        let (request, response) = (exchange.request.as_ref(), exchange.response.as_ref());
        let cases = [
            request.is_none(),
            response.is_none(),
            request.is_some_and(|facts| !facts.complete),
            response.is_some_and(|facts| !facts.complete),
        ];
        for (count, is_so) in self.incomplete.iter_mut().zip(cases) {
            *count += u64::from(is_so);
        }
        let api = self.api(exchange.api.as_str());
        api.last = api.last.max(Some(exchange.ended));
        if request.is_some() && response.is_some() {
            api.duration.observe(exchange.ended.since(exchange.began).as_secs_f64());
        }
        if let Some(total) = request.and_then(|facts| facts.body.total) {
            api.request_size.observe(real(total));
        }
        if let Some(total) = response.and_then(|facts| facts.body.total) {
            api.response_size.observe(real(total));
        }
        let method = labels::method(exchange.method.as_ref().map(apiscope_audit::Method::as_str));
        let route = row.route.as_deref().unwrap_or(UNMATCHED);
        self.exchange(exchange.api.as_str(), route, (method, labels::code(exchange.status)));
    }

    fn runs(&mut self, row: &CallRow) {
        let api = self.admitted(row.exchange.api.as_str());
        match self.running.heard(&row.exchange, &api) {
            Ok(heard) => self.streams(&api).heard(heard),
            Err(Full) => self.overflowed(Overflow::Series),
        }
    }

    /// A call or a session has ended.
    fn ended(&mut self, row: &CallRow) {
        let exchange = &row.exchange;
        let api = self.admitted(exchange.api.as_str());
        let (ran_at, heard) = self.running.ended(exchange);
        if let Some(api) = ran_at {
            let streams = self.streams(&api);
            streams.running = streams.running.saturating_sub(1);
        }
        let streams = self.streams(&api);
        streams.heard(heard);
        streams.ended(exchange);
    }

    fn streams(&mut self, admitted: &str) -> &mut Streams {
        &mut self.apis.get_mut(admitted).expect("what is admitted has its series").streams
    }

    fn exchange(&mut self, api: &str, route: &str, key: (u8, u8)) {
        let room = self.room() > API_SERIES * APIS_RESERVED.min(APIS_MAX.saturating_sub(self.apis.len()));
        let api = self.admitted(api);
        let Some(series) = self.apis.get_mut(&*api) else { return };
        let route = clean(route);
        let capped =
            !series.routes.contains_key(&*route) && series.routes.len() >= ROUTES_MAX && route.starts_with('/');
        let route = if capped { OTHER } else { &*route };
        let keys = match series.routes.get_mut(route) {
            None if room => Some(series.routes.entry(route.into()).or_default()),
            known => known,
        };
        let counted = keys.is_some_and(|keys| count(keys, key, room, &mut self.exchange_series));
        if !counted {
            if let Some(count) = self.overflowed_exchanges.get_mut(usize::from(key.1)) {
                *count += 1;
            }
            self.overflowed(Overflow::Series);
        } else if capped {
            self.overflowed(Overflow::Route);
        }
    }

    /// Series that may still be made.
    fn room(&self) -> usize {
        // One more API than there are: `other`.
        let taken = FIXED_SERIES + FINDING_SERIES_MAX + API_SERIES * (self.apis.len() + 1) + self.exchange_series;
        SERIES_MAX.saturating_sub(taken)
    }

    /// The value under which an API is counted. A known one costs no allocation.
    fn admitted<'a>(&mut self, name: &'a str) -> Cow<'a, str> {
        let name = clean(name);
        if self.apis.contains_key(&*name) {
            return name;
        }
        let name = if self.apis.len() < APIS_MAX && self.room() >= API_SERIES {
            name
        } else {
            self.overflowed(Overflow::Api);
            Cow::Borrowed(OTHER)
        };
        self.apis.entry((&*name).into()).or_insert_with(ApiSeries::new);
        name
    }

    fn api(&mut self, name: &str) -> &mut ApiSeries {
        let name = self.admitted(name);
        self.apis.get_mut(&*name).expect("what is admitted has its series")
    }

    fn endpoint(&mut self, row: &EndpointRow, may_be_new: bool) {
        if let Some((_, state)) = self.endpoints.get_mut(&row.id) {
            *state = row.state();
            return;
        }
        if self.endpoints.len() >= FOLLOWED_MAX {
            self.overflowed(Overflow::Series);
            return;
        }
        if may_be_new && row.document != DocumentState::Unused {
            self.api(row.api.as_str()).discovered += 1;
        }
        let api = self.admitted(row.api.as_str()).into();
        self.endpoints.insert(row.id, (api, row.state()));
    }

    fn finding(&mut self, row: &FindingRow) {
        let before = self.findings.remove(&row.id);
        if before.is_none() && self.findings.len() >= FOLLOWED_MAX {
            self.overflowed(Overflow::Finding);
            return;
        }
        // `count` begins anew when the finding opens again.
        let counted = before.as_ref().filter(|before| before.opened == row.opened).map_or(0, |before| before.count);
        *self.observations.entry(row.kind.name).or_default() += row.count.saturating_sub(counted);
        if let Some(open) =
            before.and_then(|before| before.series).and_then(|series| self.findings_open.get_mut(&series))
        {
            *open = open.saturating_sub(1);
        }
        let series = (row.status == Status::Open).then(|| self.finding_series(row));
        if let Some(series) = &series {
            *self.findings_open.entry(series.clone()).or_default() += 1;
        }
        self.findings.insert(row.id, Followed { series, count: row.count.max(counted), opened: row.opened });
    }

    fn finding_series(&mut self, row: &FindingRow) -> FindingSeries {
        let series = (self.admitted(row.api.as_str()).into(), row.kind.name, row.severity);
        // Room is kept for one `other` of each kind and severity.
        let kept = apiscope_audit::detect::kinds().len() * Severity::ALL.len();
        if self.findings_open.contains_key(&series) || self.findings_open.len() + kept < FINDING_SERIES_MAX {
            return series;
        }
        self.overflowed(Overflow::Series);
        (OTHER.into(), series.1, series.2)
    }

    fn overflowed(&mut self, cap: Overflow) {
        if let Some(count) = self.overflow.get_mut(cap as usize) {
            *count += 1;
        }
    }
}

/// Counts one exchange under its method and code; `false` where that series may not be made.
fn count(keys: &mut Counts, key: (u8, u8), room: bool, series: &mut usize) -> bool {
    if let Some((_, count)) = keys.iter_mut().find(|(known, _)| *known == key) {
        *count += 1;
        return true;
    }
    if room {
        *series += 1;
        keys.push((key, 1));
    }
    room
}

const AMBIGUITIES: [AmbiguityKind; 19] = [
    AmbiguityKind::BehindSwitch,
    AmbiguityKind::ConflictingBytes,
    AmbiguityKind::EmptyLine,
    AmbiguityKind::Folded,
    AmbiguityKind::LengthAndChunked,
    AmbiguityKind::LongHead,
    AmbiguityKind::OddChunk,
    AmbiguityKind::OddFirstLine,
    AmbiguityKind::OddHost,
    AmbiguityKind::OddLength,
    AmbiguityKind::OddLineEnd,
    AmbiguityKind::OddMethod,
    AmbiguityKind::OddName,
    AmbiguityKind::OddTarget,
    AmbiguityKind::OddTransferEncoding,
    AmbiguityKind::OddValue,
    AmbiguityKind::OddVersion,
    AmbiguityKind::SeveralLengths,
    AmbiguityKind::UnaskedResponse,
];

/// Values of `kind` of ambiguities.
fn ambiguity_word(kind: AmbiguityKind) -> &'static str {
    match kind {
        AmbiguityKind::BehindSwitch => "behind_switch",
        AmbiguityKind::ConflictingBytes => "conflicting_bytes",
        AmbiguityKind::EmptyLine => "empty_line",
        AmbiguityKind::Folded => "folded",
        AmbiguityKind::LengthAndChunked => "length_and_chunked",
        AmbiguityKind::LongHead => "long_head",
        AmbiguityKind::OddChunk => "odd_chunk",
        AmbiguityKind::OddFirstLine => "odd_first_line",
        AmbiguityKind::OddHost => "odd_host",
        AmbiguityKind::OddLength => "odd_length",
        AmbiguityKind::OddLineEnd => "odd_line_end",
        AmbiguityKind::OddMethod => "odd_method",
        AmbiguityKind::OddName => "odd_name",
        AmbiguityKind::OddTarget => "odd_target",
        AmbiguityKind::OddTransferEncoding => "odd_transfer_encoding",
        AmbiguityKind::OddValue => "odd_value",
        AmbiguityKind::OddVersion => "odd_version",
        AmbiguityKind::SeveralLengths => "several_lengths",
        AmbiguityKind::UnaskedResponse => "unasked_response",
    }
}

/// A count as the exposition format has it.
#[expect(clippy::cast_precision_loss, reason = "Prometheus has no other numbers; past 2^53 the last digits go")]
pub(super) fn real(count: u64) -> f64 {
    count as f64
}
