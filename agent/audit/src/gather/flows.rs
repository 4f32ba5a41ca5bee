//! What is kept of a flow between its messages: who owns it, its API, and the halves of exchanges that wait.

use std::collections::VecDeque;
use std::sync::Arc;

use apiscope_wire::{FlowId, Origin, Timestamp};
use rustc_hash::FxHashMap;

use crate::exchange::{ApiId, Exchange};
use crate::secret::Masked;

/// Flows known at a time; as many as `wire` knows by default.
pub(super) const FLOWS_MAX: usize = 65_536;
/// Exchanges that wait for their other half, in all flows.
pub(super) const WAITING_MAX: usize = 16_384;
/// Exchanges that wait in one flow.
pub(super) const WAITING_PER_FLOW_MAX: usize = 1024;

/// Calls of a flow that tell which hosts are one API.
const LEARNT_MAX: u8 = 16;

/// One flow.
#[derive(Debug)]
pub(super) struct Flow {
    /// Shared by its exchanges.
    pub origin: Arc<Origin>,
    /// Its latest named API.
    pub api: Option<ApiId>,
    /// The latest authority and the API that it gave: a connection seldom changes it.
    pub named: Option<(Masked, ApiId)>,
    /// Halves, in the order in which they came.
    pub waiting: VecDeque<Box<Exchange>>,
    /// Last message.
    pub last: Timestamp,
    /// Calls that are still learnt from.
    pub lessons: u8,
}

impl Flow {
    /// It has another name, which is learnt from or not.
    pub(super) fn name(&mut self, host: Option<Masked>, api: &ApiId, is_learning: bool) {
        self.api = Some(api.clone());
        self.named = host.map(|host| (host, api.clone()));
        self.lessons = if is_learning { LEARNT_MAX } else { 0 };
    }

    /// Whether a call of it is still learnt from; counts it.
    pub(super) fn has_lesson(&mut self) -> bool {
        let left = self.lessons > 0;
        self.lessons = self.lessons.saturating_sub(1);
        left
    }

    /// Takes the first half for which `wanted` holds. `waiting` counts all that wait.
    pub(super) fn take(&mut self, waiting: &mut usize, wanted: impl Fn(&Exchange) -> bool) -> Option<Box<Exchange>> {
        let at = self.waiting.iter().position(|half| wanted(half))?;
        let half = self.waiting.remove(at)?;
        *waiting -= 1;
        Some(half)
    }

    /// Lets a half wait, if there is room; or else gives it back.
    pub(super) fn wait(&mut self, waiting: &mut usize, half: Box<Exchange>) -> Option<Box<Exchange>> {
        if *waiting >= WAITING_MAX || self.waiting.len() >= WAITING_PER_FLOW_MAX {
            return Some(half);
        }
        self.waiting.push_back(half);
        *waiting += 1;
        None
    }
}

/// The flows, bounded.
#[derive(Debug, Default)]
pub(super) struct Flows {
    flows: FxHashMap<FlowId, Flow>,
    /// Halves that wait in all flows.
    waiting: usize,
}

impl Flows {
    /// The flow, made where it is new, and the number of all halves that wait. `origin` may have become better known.
    pub(super) fn enter(&mut self, id: FlowId, origin: &Origin) -> (&mut Flow, &mut usize) {
        let flow = self.flows.entry(id).or_insert_with(|| Flow {
            origin: Arc::new(origin.clone()),
            api: None,
            named: None,
            waiting: VecDeque::new(),
            last: Timestamp::EPOCH,
            lessons: 0,
        });
        if *flow.origin != *origin {
            flow.origin = Arc::new(origin.clone());
            flow.named = None;
        }
        (flow, &mut self.waiting)
    }

    /// Whether the flow is known.
    pub(super) fn get(&mut self, id: FlowId) -> Option<&mut Flow> {
        self.flows.get_mut(&id)
    }

    /// Whether another flow would be one too many.
    pub(super) fn is_full_for(&self, id: FlowId) -> bool {
        self.flows.len() >= FLOWS_MAX && !self.flows.contains_key(&id)
    }

    /// Lets a half wait for which room was made.
    pub(super) fn wait(&mut self, id: FlowId, half: Box<Exchange>) -> Option<Box<Exchange>> {
        let Some(flow) = self.flows.get_mut(&id) else { return Some(half) };
        flow.wait(&mut self.waiting, half)
    }

    /// Takes the half of `index` if it waits.
    pub(super) fn take(&mut self, id: FlowId, index: u32) -> Option<Box<Exchange>> {
        self.flows.get_mut(&id)?.take(&mut self.waiting, |half| half.id.index == index)
    }

    /// The half of `index`, if it waits.
    pub(super) fn waiting_mut(&mut self, id: FlowId, index: u32) -> Option<&mut Exchange> {
        let flow = self.flows.get_mut(&id)?;
        flow.waiting.iter_mut().find(|half| half.id.index == index).map(AsMut::as_mut)
    }

    /// Takes the oldest half of a flow.
    pub(super) fn take_oldest(&mut self, id: FlowId) -> Option<Box<Exchange>> {
        self.flows.get_mut(&id)?.take(&mut self.waiting, |_| true)
    }

    /// Forgets a flow and gives its halves, oldest first.
    pub(super) fn forget(&mut self, id: FlowId) -> VecDeque<Box<Exchange>> {
        let halves = self.flows.remove(&id).map(|flow| flow.waiting).unwrap_or_default();
        self.waiting -= halves.len();
        halves
    }

    /// The eighth of the flows (of those with halves, where `waiting`) that were silent for longest.
    pub(super) fn most_silent(&self, waiting: bool) -> Vec<FlowId> {
        let candidates = self.flows.iter().filter(|(_, flow)| !waiting || !flow.waiting.is_empty());
        let mut ids: Vec<_> = candidates.map(|(id, flow)| (flow.last, *id)).collect();
        ids.sort_unstable();
        ids.truncate(ids.len().div_ceil(8));
        ids.into_iter().map(|(_, id)| id).collect()
    }

    /// New settings: names must be given anew.
    pub(super) fn forget_names(&mut self) {
        for flow in self.flows.values_mut() {
            flow.named = None;
        }
    }

    /// APIs are another from now on.
    pub(super) fn rename(&mut self, from: &[ApiId], into: &ApiId) {
        let is_one = |api: &ApiId| from.binary_search(api).is_ok();
        for flow in self.flows.values_mut() {
            if flow.api.as_ref().is_some_and(is_one) {
                (flow.api, flow.named, flow.lessons) = (Some(into.clone()), None, 0);
            }
            for half in flow.waiting.iter_mut().filter(|half| is_one(&half.api)) {
                half.api = into.clone();
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.flows.len()
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }
}
