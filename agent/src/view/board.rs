//! The newest state of everything, kept from the changes that leave the core.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use apiscope_audit::exchange::ApiId;
use apiscope_audit::finding::Status;
use apiscope_audit::inventory::{DocumentState, EndpointId, EndpointRow, Probed};
use apiscope_audit::ledger::{AcceptRule, Decision, Kept, Learning, Silence, Why};
use apiscope_audit::tls::{TlsKey, TlsRow};
use apiscope_audit::{CallRow, Change, FindingId, FindingRow, Restored, Severity};
use apiscope_wire::{Coverage, ExchangeId, Role, Timestamp};
use rustc_hash::FxHashMap;

use super::{
    ApiView, CountsView, CoverageView, DecisionView, EndpointView, ExchangeView, FindingView, IdleView, LearningView,
    ProbedView, ProberView, SilenceView, TlsView, rfc3339,
};

/// What `status`, `apis`, `endpoints` and `findings` are made from. Bounded: past a bound rows are counted, not kept.
#[derive(Debug, Default)]
pub struct Board {
    endpoints: BTreeMap<EndpointId, EndpointRow>,
    findings: BTreeMap<FindingId, FindingRow>,
    coverage: BTreeMap<ApiId, Coverage>,
    /// From which sides each API's calls were seen, since the start: served here, called from here.
    roles: FxHashMap<ApiId, [bool; 2]>,
    /// By API; `None` for those without a list of their own. Bounded by the core's own bound.
    probed: BTreeMap<Option<ApiId>, Probed>,
    tls: BTreeMap<TlsKey, TlsRow>,
    total: Coverage,
    counts: CountsView,
    decisions: BTreeMap<FindingId, Decision>,
    silences: BTreeMap<u32, Silence>,
    learning: BTreeMap<ApiId, Learning>,
    /// What goes on, by the exchange that it is or that began it.
    running: BTreeMap<ExchangeId, CallRow>,
}

impl Board {
    /// Endpoints kept; the inventory's own bound is smaller.
    pub const ENDPOINTS_MAX: usize = 50_000;
    /// Findings kept.
    pub const FINDINGS_MAX: usize = 50_000;
    /// Exchanges and sessions that go on.
    pub const RUNNING_MAX: usize = 4_096;
    /// Findings given for an id's beginning.
    pub const CANDIDATES_MAX: usize = 20;
    /// APIs with an account of their own; bytes of others are in the total.
    pub const APIS_MAX: usize = 1_000;

    /// With what the store held.
    pub fn restored(restored: &Restored) -> Self {
        let mut board = Self::default();
        restored.endpoints.iter().for_each(|row| board.endpoint(row));
        restored.findings.iter().for_each(|row| board.finding(row));
        let sayings = &restored.sayings;
        board.decisions.extend(sayings.decisions.iter().map(|row| (row.finding, row.clone())));
        board.silences.extend(sayings.silences.iter().map(|row| (row.id, row.clone())));
        board.learning.extend(sayings.learning.iter().cloned());
        restored.probed.iter().for_each(|list| board.probed_list(list));
        board
    }

    /// Takes a change in.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Call(call) => {
                self.counts.exchanges += 1;
                self.running.remove(&call.exchange.id);
                self.role(&call.exchange.api, call.exchange.origin.role);
            }
            Change::Running(call) => self.running(call),
            Change::Session(call) => {
                self.counts.sessions += 1;
                self.running.remove(&call.exchange.id);
            }
            Change::Endpoint(row) => self.endpoint(row),
            Change::EndpointGone { id, .. } => {
                self.endpoints.remove(id);
            }
            Change::Probed(list) => self.probed_list(list),
            Change::Finding(row) => self.finding(row),
            // The row came just before as a `Change::Finding`; what exports schemas reads the store; of days the endpoints' rows tell.
            Change::Alert(_) | Change::Schemas { .. } | Change::Watched(_) => {}
            Change::Kept(kept) => self.kept(kept),
            Change::Coverage(api, coverage) => self.coverage(api, coverage),
            Change::ApiJoined { from, into } => {
                if let Some(gone) = self.coverage.remove(from) {
                    *self.coverage.entry(into.clone()).or_default() += gone;
                }
                if let Some([served, called]) = self.roles.remove(from) {
                    let roles = self.roles.entry(into.clone()).or_default();
                    *roles = [roles[0] | served, roles[1] | called];
                }
            }
            Change::Ambiguous(_) => self.counts.ambiguous_framing += 1,
            Change::Tls(row) => {
                self.tls.insert(row.key.clone(), TlsRow::clone(row));
            }
            Change::TlsGone(key) => {
                self.tls.remove(key);
            }
            Change::TlsUnobserved(..) => self.counts.tls_unobserved_flows += 1,
        }
    }

    /// Bounded by the ledger's own bounds.
    fn kept(&mut self, kept: &Kept) {
        match kept {
            Kept::Decision(row) => {
                self.decisions.insert(row.finding, Decision::clone(row));
            }
            Kept::DecisionGone(finding) => {
                self.decisions.remove(finding);
            }
            Kept::Silence(row) => {
                self.silences.insert(row.id, Silence::clone(row));
            }
            Kept::SilenceGone(id) => {
                self.silences.remove(id);
            }
            Kept::Learning(api, row) => {
                self.learning.insert(api.clone(), row.clone());
            }
            Kept::LearningGone(api) => {
                self.learning.remove(api);
            }
            // It is read from the store.
            Kept::History(_) => {}
        }
    }

    fn running(&mut self, call: &CallRow) {
        let id = call.exchange.id;
        if self.running.len() >= Self::RUNNING_MAX && !self.running.contains_key(&id) {
            self.counts.running_over_bound += 1;
            return;
        }
        self.running.insert(id, call.clone());
    }

    fn endpoint(&mut self, row: &EndpointRow) {
        if self.endpoints.len() >= Self::ENDPOINTS_MAX && !self.endpoints.contains_key(&row.id) {
            self.counts.rows_over_bound += 1;
            return;
        }
        self.endpoints.insert(row.id, row.clone());
    }

    fn finding(&mut self, row: &FindingRow) {
        if self.findings.len() >= Self::FINDINGS_MAX && !self.findings.contains_key(&row.id) {
            self.counts.rows_over_bound += 1;
            return;
        }
        self.findings.insert(row.id, row.clone());
    }

    fn probed_list(&mut self, list: &Probed) {
        if list.is_empty() {
            self.probed.remove(&list.api);
        } else {
            self.probed.insert(list.api.clone(), list.clone());
        }
    }

    fn coverage(&mut self, api: &ApiId, coverage: &Coverage) {
        self.total += *coverage;
        if self.coverage.len() >= Self::APIS_MAX && !self.coverage.contains_key(api) {
            self.counts.rows_over_bound += 1;
            return;
        }
        *self.coverage.entry(api.clone()).or_default() += *coverage;
    }

    fn role(&mut self, api: &ApiId, role: Role) {
        let at = match role {
            Role::Served => 0,
            Role::Called => 1,
            Role::Unknown => return,
        };
        if let Some(known) = self.roles.get_mut(api) {
            known[at] = true;
        } else if self.roles.len() < Self::APIS_MAX {
            self.roles.entry(api.clone()).or_default()[at] = true;
        } else {
            self.counts.rows_over_bound += 1;
        }
    }

    /// The account of all bytes.
    pub fn total(&self) -> CoverageView {
        CoverageView::from(&self.total)
    }

    /// Numbers for the first screen.
    pub fn counts(&self) -> CountsView {
        let mut counts = self.counts.clone();
        let apis = self.apis();
        counts.running = self.running.len() as u64;
        counts.apis = apis.len() as u64;
        counts.endpoints = apis.iter().map(|api| api.endpoints).sum();
        counts.probed_paths = self.probed.values().map(|list| list.paths.len() as u64).sum();
        counts.probers = self.probed.values().map(|list| list.probers.len() as u64).sum();
        for (severity, open) in apis.into_iter().flat_map(|api| api.findings) {
            *counts.findings.entry(severity).or_default() += open;
        }
        counts
    }

    /// Endpoints by API, route and method.
    pub fn endpoints(&self) -> Vec<EndpointView> {
        let mut running: BTreeMap<(&str, &str, &str), u64> = BTreeMap::new();
        for call in self.running.values() {
            if let (Some(method), Some(route)) = (&call.exchange.method, &call.route) {
                *running.entry((call.exchange.api.as_str(), method.as_str(), route)).or_default() += 1;
            }
        }
        let view = |row: &EndpointRow| {
            let key = (row.api.as_str(), row.method.as_str(), &*row.route);
            EndpointView { running: running.get(&key).copied().unwrap_or_default(), ..EndpointView::from(row) }
        };
        let mut views: Vec<_> = self.endpoints.values().map(view).collect();
        views.sort_by(|a, b| (&a.api, &a.route, &a.method).cmp(&(&b.api, &b.route, &b.method)));
        views
    }

    /// Paths that are no endpoint, by API, the most frequent first.
    pub fn probed(&self) -> Vec<ProbedView> {
        let mut views: Vec<ProbedView> =
            self.probed.values().flat_map(|list| &list.paths).map(ProbedView::from).collect();
        views.sort_by(|a, b| {
            a.api
                .cmp(&b.api)
                .then(b.calls_most.cmp(&a.calls_most))
                .then_with(|| (&a.path, &a.method).cmp(&(&b.path, &b.method)))
        });
        views
    }

    /// Clients that ask for paths that are no endpoint, by API, the most frequent first.
    pub fn probers(&self) -> Vec<ProberView> {
        self.probed.values().flat_map(ProberView::of).collect()
    }

    /// TLS by API, port and server name. Bounded by the core's own bound.
    pub fn tls(&self) -> Vec<TlsView> {
        self.tls.values().map(TlsView::from).collect()
    }

    /// What goes on now, the longest first.
    pub fn running_views(&self) -> Vec<ExchangeView> {
        let mut calls: Vec<_> = self.running.values().collect();
        calls.sort_by_key(|call| call.exchange.began);
        calls.into_iter().map(ExchangeView::from).collect()
    }

    /// Findings: open ones first, then worst first, then newest first.
    pub fn findings(&self) -> Vec<FindingView> {
        let mut rows: Vec<_> = self.findings.values().collect();
        rows.sort_by_key(|row| {
            (row.status != Status::Open, std::cmp::Reverse(row.severity), std::cmp::Reverse(row.last), row.id)
        });
        rows.into_iter().map(FindingView::from).collect()
    }

    /// One finding.
    pub fn finding_view(&self, id: FindingId) -> Option<FindingView> {
        self.findings.get(&id).map(FindingView::from)
    }

    /// The findings, and those no longer known about which something is decided, whose id begins so; at most
    /// [`Board::CANDIDATES_MAX`].
    pub fn candidates(&self, prefix: &str) -> Vec<FindingId> {
        let ids: BTreeSet<FindingId> = self.findings.keys().chain(self.decisions.keys()).copied().collect();
        ids.into_iter().filter(|id| id.to_string().starts_with(prefix)).take(Self::CANDIDATES_MAX).collect()
    }

    /// Decisions about findings and the configuration's acceptances: what needs a look first, then by their end.
    pub fn decisions(&self, rules: &[AcceptRule], now: Timestamp) -> Vec<DecisionView> {
        let of = |row: &Decision| self.decision_view(row, now);
        let of_rule = |rule: &AcceptRule| DecisionView::of_rule(rule, self.findings.values(), now);
        let mut views: Vec<DecisionView> = self.decisions.values().map(of).chain(rules.iter().map(of_rule)).collect();
        views.sort_by(|a, b| (a.state == "in force", &a.until).cmp(&(b.state == "in force", &b.until)));
        views
    }

    /// A decision, with the finding as it is now.
    pub fn decision_view(&self, decision: &Decision, now: Timestamp) -> DecisionView {
        DecisionView::of(decision, self.findings.get(&decision.finding), now)
    }

    /// Silences in force, by their end.
    pub fn silences(&self, now: Timestamp) -> Vec<SilenceView> {
        let open = || self.findings.values().filter(|row| row.status == Status::Open);
        let of =
            |row: &Silence| SilenceView::of(row, open().filter(|finding| row.matcher.matches(finding)).count() as u64);
        let mut views: Vec<SilenceView> = self.silences.values().filter(|row| now < row.until).map(of).collect();
        views.sort_by(|a, b| a.until.cmp(&b.until));
        views
    }

    /// APIs in their first days, where the first week is `time`.
    pub fn learning(&self, time: Duration, now: Timestamp) -> Vec<LearningView> {
        let Some(began) = self.learning.values().map(|row| row.began).min() else { return Vec::new() };
        let mut held: BTreeMap<&ApiId, u64> = BTreeMap::new();
        for row in self.findings.values().filter(|row| row.status == Status::Open) {
            if row.quiet.as_ref().is_some_and(|quiet| quiet.why == Why::Learning) {
                *held.entry(&row.api).or_default() += 1;
            }
        }
        let all = self.learning.iter().map(|(api, row)| (api, row.until(began, time)));
        let view = |(api, until): (&ApiId, Timestamp)| LearningView {
            api: api.to_string(),
            until: rfc3339(until),
            held: held.get(api).copied().unwrap_or_default(),
        };
        all.filter(|(_, until)| *until > now).map(view).collect()
    }

    /// The worst severity among open findings that nobody accepted.
    pub fn worst(&self) -> Option<Severity> {
        let accepted = |row: &FindingRow| {
            row.quiet.as_ref().is_some_and(|quiet| matches!(quiet.why, Why::Accepted | Why::Baseline))
        };
        let open = self.findings.values().filter(|row| row.status == Status::Open && !accepted(row));
        open.map(|row| row.severity).max()
    }

    /// APIs by name: whatever has an endpoint, a finding or an account.
    pub fn apis(&self) -> Vec<ApiView> {
        let mut apis: BTreeMap<&ApiId, ApiView> = BTreeMap::new();
        let mut last = BTreeMap::new();
        for row in self.endpoints.values() {
            let view = apis.entry(&row.api).or_default();
            add_endpoint(view, row);
            let newest = last.entry(&row.api).or_insert(row.last);
            *newest = row.last.max(*newest);
        }
        for row in self.findings.values().filter(|row| row.status == Status::Open) {
            *apis.entry(&row.api).or_default().findings.entry(row.severity.to_string()).or_default() += 1;
        }
        for (api, coverage) in &self.coverage {
            apis.entry(api).or_default().coverage = CoverageView::from(coverage);
        }
        let finish = |(api, mut view): (&ApiId, ApiView)| {
            view.api = api.to_string();
            let roles = self.roles.get(api).copied().unwrap_or_default();
            let named = ["served", "called"].iter().zip(roles).filter(|(_, is_seen)| *is_seen);
            view.roles = named.map(|(role, _)| (*role).to_owned()).collect();
            view.owners.sort_unstable();
            view.last = last.get(api).copied().flatten().map(rfc3339);
            view
        };
        apis.into_iter().map(finish).collect()
    }
}

fn add_endpoint(view: &mut ApiView, row: &EndpointRow) {
    if let Some(owner) = row.owner.as_deref().filter(|owner| !view.owners.iter().any(|known| known == owner))
        && view.owners.len() < ApiView::OWNERS_MAX
    {
        view.owners.push(owner.to_owned());
    }
    match row.state() {
        DocumentState::Unused => {
            view.unused += 1;
            let idle = row.idle.map(IdleView::of);
            let days = |idle: &Option<IdleView>| idle.as_ref().map(|idle| idle.days);
            if days(&idle) > days(&view.idle_longest) {
                view.idle_longest = idle;
            }
        }
        DocumentState::Undocumented => {
            view.endpoints += 1;
            view.undocumented += 1;
        }
        DocumentState::Removed => {
            view.endpoints += 1;
            view.removed += 1;
        }
        DocumentState::Deprecated => {
            view.endpoints += 1;
            view.deprecated += 1;
        }
        DocumentState::NoDocument | DocumentState::Documented => view.endpoints += 1,
    }
    view.calls += row.calls;
    view.errors += row.by_class[4];
    view.unauthenticated += row.by_auth.get(&None).copied().unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_shown_joined_and_bounded() {
        let mut board = Board::default();
        let api = |name: &str| ApiId::new(name);
        board.role(&api("a.x.example"), Role::Served);
        board.role(&api("b.x.example"), Role::Called);
        board.role(&api("c.x.example"), Role::Unknown);
        for name in ["a.x.example", "b.x.example", "c.x.example"] {
            board.apply(&Change::Coverage(api(name), Coverage { parsed: 1, ..Coverage::default() }));
        }
        let roles = |board: &Board| board.apis().into_iter().map(|api| api.roles.join(",")).collect::<Vec<_>>();
        assert_eq!(roles(&board), ["served", "called", ""]);
        for name in ["a.x.example", "b.x.example", "c.x.example"] {
            board.apply(&Change::ApiJoined { from: api(name), into: api("*.x.example") });
        }
        assert_eq!(roles(&board), ["served,called"]);
        assert_eq!(board.apis()[0].coverage.parsed_bytes, 3);
        for n in 0..2 * Board::APIS_MAX {
            board.role(&api(&format!("h{n}")), Role::Served);
        }
        assert_eq!(board.roles.len(), Board::APIS_MAX);
    }

    #[test]
    fn accounts_add_up_and_stay_bounded() {
        let mut board = Board::default();
        let bytes = |parsed| Coverage { parsed, ..Coverage::default() };
        for number in 0..Board::APIS_MAX + 10 {
            board.apply(&Change::Coverage(ApiId::new(&format!("api{number}")), bytes(1)));
        }
        board.apply(&Change::Coverage(ApiId::new("api0"), bytes(5)));
        assert_eq!(board.apis().len(), Board::APIS_MAX);
        assert_eq!(
            board.total().socket_bytes,
            Board::APIS_MAX as u64 + 15,
            "what has no row of its own is in the total"
        );
        assert_eq!(board.counts().rows_over_bound, 10);
        assert_eq!(board.apis()[0].coverage.parsed_bytes, 6);
    }
}
