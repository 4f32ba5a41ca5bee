//! One endpoint's live state: its row, and what the row is made of but does not hold.

use apiscope_wire::Timestamp;

use super::profile::{PackedProfile, Profile};
use super::{DocumentState, EndpointRow};
use crate::exchange::Exchange;
use crate::facts::{AuthKind, Facts};

/// An endpoint.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) row: EndpointRow,
    /// Made with the first call: most endpoints of a document are never called.
    pub(super) profile: Option<Box<Profile>>,
    /// The row's document state once it is called, if it is in a document.
    pub(super) called_state: DocumentState,
    /// Changed since its row was last given.
    pub(super) dirty: bool,
}

impl Entry {
    /// Of a row as it was stored. What can't be read of its profile begins anew.
    pub(super) fn new(mut row: EndpointRow) -> Self {
        let packed = std::mem::take(&mut row.profile);
        let known = packed.read().filter(|_| packed != PackedProfile::default());
        Self { row, profile: known.map(Box::new), called_state: DocumentState::Documented, dirty: false }
    }

    /// A call is about to be counted; gives whether it is the first.
    pub(super) fn begin(&mut self) -> bool {
        self.is_used();
        self.row.calls == 0
    }

    /// It is called, or was until not long ago.
    pub(super) fn is_used(&mut self) {
        if self.row.document == DocumentState::Unused {
            (self.row.document, self.row.idle) = (self.called_state, None);
        }
    }

    /// Adds a call that was one of several in an exchange: sizes, latency and data are those of all together.
    pub(super) fn count_within(&mut self, exchange: &Exchange, status: Option<u16>) {
        self.begin();
        self.called(exchange, status);
        self.row.last = self.row.last.max(Some(exchange.ended));
    }

    /// Adds a call.
    pub(super) fn count(&mut self, exchange: &Exchange) {
        self.called(exchange, exchange.status);
        self.seen(exchange);
        if !exchange.stage.runs() {
            self.ended(exchange);
        }
    }

    fn called(&mut self, exchange: &Exchange, status: Option<u16>) {
        let row = &mut self.row;
        row.first = earliest(row.first, Some(exchange.began));
        row.calls += 1;
        if let Some(class) = row.by_class.get_mut(status_class(status)) {
            *class += 1;
        }
        count_auth(row, exchange.request.as_ref());
        self.profile.get_or_insert_default().called(exchange, status);
    }

    /// Adds what only the end of a call tells that was counted while it ran: sizes, latency, data.
    pub(super) fn finish(&mut self, exchange: &Exchange) {
        self.seen(exchange);
        self.ended(exchange);
    }

    fn seen(&mut self, exchange: &Exchange) {
        let row = &mut self.row;
        row.last = row.last.max(Some(exchange.ended));
        row.protocol = row.protocol.max(exchange.protocol);
        row.announced.add(exchange);
    }

    fn ended(&mut self, exchange: &Exchange) {
        let row = &mut self.row;
        row.request_bytes_max = row.request_bytes_max.max(body_bytes(exchange.request.as_ref()));
        let response_bytes = body_bytes(exchange.response.as_ref());
        row.response_bytes_max = row.response_bytes_max.max(response_bytes);
        row.response_bytes_sum = row.response_bytes_sum.saturating_add(response_bytes);
        self.profile.get_or_insert_default().ended(exchange);
    }

    /// Takes in all that another endpoint counted.
    pub(super) fn join(&mut self, other: Self) {
        self.row.add(&other.row);
        match (&mut self.profile, other.profile) {
            (Some(ours), Some(theirs)) => ours.join(&theirs),
            (ours @ None, theirs) => *ours = theirs,
            (Some(_), None) => {}
        }
    }

    /// The row as it is given: with its profile, and quantiles as they are now.
    pub(super) fn current(&self) -> EndpointRow {
        let mut row = self.row.clone();
        if let Some(profile) = &self.profile {
            row.latency_ms = profile.latency_ms().or(row.latency_ms);
            row.profile = PackedProfile::of(profile);
        }
        row
    }
}

impl EndpointRow {
    /// Adds all that another row counted; profiles are for the caller to join.
    pub(super) fn add(&mut self, other: &Self) {
        self.first = earliest(self.first, other.first);
        self.last = self.last.max(other.last);
        self.protocol = self.protocol.max(other.protocol);
        self.announced.join(&other.announced);
        self.since = earliest(self.since, other.since);
        self.calls = self.calls.saturating_add(other.calls);
        for (ours, theirs) in self.by_class.iter_mut().zip(other.by_class) {
            *ours = ours.saturating_add(theirs);
        }
        for (auth, calls) in &other.by_auth {
            let ours = self.by_auth.entry(*auth).or_default();
            *ours = ours.saturating_add(*calls);
        }
        self.request_bytes_max = self.request_bytes_max.max(other.request_bytes_max);
        self.response_bytes_max = self.response_bytes_max.max(other.response_bytes_max);
        self.response_bytes_sum = self.response_bytes_sum.saturating_add(other.response_bytes_sum);
        self.latency_ms = self.latency_ms.or(other.latency_ms);
        if self.owner.is_none() {
            self.owner.clone_from(&other.owner);
        }
    }
}

fn earliest(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (known, None) | (None, known) => known,
    }
}

fn body_bytes(facts: Option<&Facts>) -> u64 {
    facts.map_or(0, |facts| facts.body.total.unwrap_or(facts.body.scanned))
}

/// Index into [`EndpointRow::by_class`]. Clients treat what is past 5xx as a server error (RFC 9110 §15).
fn status_class(status: Option<u16>) -> usize {
    status.map_or(5, |status| usize::from(status / 100).clamp(1, 5) - 1)
}

fn count_auth(row: &mut EndpointRow, request: Option<&Facts>) {
    // A request that was not seen is not a call without authentication.
    let Some(facts) = request else { return };
    let mut add = |auth: Option<AuthKind>| *row.by_auth.entry(auth).or_default() += 1;
    if facts.auth.is_empty() {
        add(None);
    }
    for auth in &facts.auth {
        add(Some(*auth));
    }
}
