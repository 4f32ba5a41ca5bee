//! The endpoints of calls that were counted before their end.

use std::collections::BTreeMap;

use apiscope_wire::ExchangeId;

use crate::inventory::EndpointId;

/// Calls remembered. Past it a call's end adds no sizes to its endpoint, and is counted as overflowed.
pub(super) const RUNNING_MAX: usize = 32_768;

/// By exchange. Each leaves when its end, or that of its session, is told.
#[derive(Debug, Default)]
pub(super) struct Running {
    endpoints: BTreeMap<ExchangeId, EndpointId>,
    overflowed: u64,
}

impl Running {
    pub(super) fn add(&mut self, call: ExchangeId, endpoint: EndpointId) {
        if self.endpoints.len() >= RUNNING_MAX && !self.endpoints.contains_key(&call) {
            self.overflowed += 1;
        } else {
            self.endpoints.insert(call, endpoint);
        }
    }

    pub(super) fn endpoint(&self, call: ExchangeId) -> Option<EndpointId> {
        self.endpoints.get(&call).copied()
    }

    pub(super) fn take(&mut self, call: ExchangeId) -> Option<EndpointId> {
        self.endpoints.remove(&call)
    }

    /// An endpoint is no more. Seldom: a walk over all is cheap enough.
    pub(super) fn joined(&mut self, gone: EndpointId, into: Option<EndpointId>) {
        if let Some(into) = into {
            self.endpoints.values_mut().filter(|endpoint| **endpoint == gone).for_each(|endpoint| *endpoint = into);
        }
    }

    /// Calls for which there was no room.
    pub(super) fn overflowed(&self) -> u64 {
        self.overflowed
    }
}

#[cfg(test)]
mod tests {
    use apiscope_wire::FlowId;

    use super::*;

    #[test]
    fn bounded_and_counted() {
        let mut running = Running::default();
        let call = |index| ExchangeId { flow: FlowId::new(1), index };
        for index in 0..=u32::try_from(RUNNING_MAX).unwrap() {
            running.add(call(index), EndpointId(1));
        }
        assert_eq!((running.endpoints.len(), running.overflowed()), (RUNNING_MAX, 1));
        running.joined(EndpointId(1), Some(EndpointId(2)));
        assert_eq!(running.take(call(0)), Some(EndpointId(2)));
        running.add(call(u32::MAX), EndpointId(3));
        assert_eq!(running.endpoint(call(u32::MAX)), Some(EndpointId(3)));
    }
}
