//! Which response answers which request: by order, and only while the order is proven.
//!
//! The rules, from RFC 9112 §9.3.2 and from what an observer can know:
//!
//! - Responses come in the order of the requests. A response belongs to the first request that waits.
//! - Once bytes of the client that could hold a request are missing, the requests that waited before the hole are still
//!   answered in order; those after it are not paired.
//! - Once bytes of the server that could hold a response are missing, the next response is paired if exactly one request
//!   waits; with more, all of them stay unanswered.
//! - A connection joined late is in step from its first request on, unless its client is seen to pipeline before the
//!   first exchange is over.
//! - An unpaired connection is in step again when, since then, as many responses as requests were seen, one after the
//!   other and at least [`CALM`], and the next request comes while the server is silent. A client that is seen to pipeline
//!   meanwhile must do so for longer.

use smallvec::SmallVec;

use crate::time::Timestamp;

/// Exchanges one after the other that prove that the client does not pipeline.
const CALM: u32 = 1;

/// The same, at most, after the client was seen to pipeline.
const CALM_MAX: u32 = 256;

/// What was asked, as far as the framing of the response depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Any method with a usual response.
    Other,
    /// HEAD: the response has no body.
    Head,
    /// CONNECT: a 2xx makes it a tunnel.
    Connect,
    /// With an Upgrade field: a 101 ends HTTP/1.
    Upgrade,
    /// The method is not known.
    Unknown,
}

/// A request that waits for its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) index: u32,
    pub(crate) asked: Asked,
}

/// Whom a response answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// This request.
    To(Waiting),
    /// An unknown request: the index is the response's own.
    Unpaired(u32),
}

/// The order of a connection's requests and responses.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    next_index: u32,
    waiting: SmallVec<[Waiting; 2]>,
    /// A request whose response came before its head had ended.
    early: Option<u32>,
    /// Requests from here on can't be paired.
    broken: bool,
    /// Responses may be missing from here on.
    server_gap: bool,
    /// The connection was joined late and no exchange is over yet.
    joined: bool,
    asked_since: u32,
    answered_since: u32,
    calm: u32,
    /// A response without request, not proven until the client's next byte.
    unasked: Option<(u32, Timestamp)>,
}

impl Pairs {
    /// The client's stream was joined late.
    pub(crate) fn join(&mut self) {
        self.joined = true;
        self.unasked = None;
    }

    /// An index of its own.
    fn take_index(&mut self) -> u32 {
        let index = self.next_index;
        self.next_index = self.next_index.wrapping_add(1);
        index
    }

    /// A request's head has ended. Gives its index, and whether pairing broke because too many wait.
    pub(crate) fn request(&mut self, asked: Asked, server_busy: bool, waiting_max: usize) -> (u32, bool) {
        if let Some(index) = self.early.take() {
            return (index, false);
        }
        let index = self.take_index();
        if self.broken && self.waiting.is_empty() {
            self.try_to_fall_in_step(server_busy);
        }
        if self.joined && !self.waiting.is_empty() {
            self.joined = false;
            self.break_client();
            self.waiting.clear();
            self.asked_since = self.asked_since.saturating_add(2);
        }
        if self.broken {
            return (index, false);
        }
        if self.waiting.len() >= waiting_max {
            self.break_client();
            return (index, true);
        }
        self.waiting.push(Waiting { index, asked });
        (index, false)
    }

    fn try_to_fall_in_step(&mut self, server_busy: bool) {
        if !server_busy && self.asked_since == self.answered_since && self.asked_since >= self.calm.max(CALM) {
            self.broken = false;
            self.server_gap = false;
            self.calm = 0;
            return;
        }
        if self.asked_since > self.answered_since {
            self.calm = self.calm.max(CALM).saturating_mul(4).min(CALM_MAX);
        }
        if server_busy || self.asked_since != self.answered_since {
            self.asked_since = 0;
            self.answered_since = 0;
        }
        self.asked_since = self.asked_since.saturating_add(1);
    }

    /// A final response's head has ended (or has begun, if it never will).
    pub(crate) fn response(&mut self, client_head: Option<Asked>) -> Answer {
        if std::mem::take(&mut self.server_gap) && self.waiting.len() > 1 {
            self.break_client();
            self.waiting.clear();
        }
        if !self.waiting.is_empty() {
            self.joined = false;
            return Answer::To(self.waiting.remove(0));
        }
        if self.broken {
            self.answered_since = self.answered_since.saturating_add(1);
            return Answer::Unpaired(self.take_index());
        }
        if let (Some(asked), None) = (client_head, self.early) {
            let index = self.take_index();
            self.early = Some(index);
            return Answer::To(Waiting { index, asked });
        }
        Answer::Unpaired(self.take_index())
    }

    /// Remembers a response that no request asked for, until it is proven that no request was missed.
    pub(crate) fn remember_unasked(&mut self, index: u32, at: Timestamp) {
        if !self.broken && !self.joined && self.unasked.is_none() {
            self.unasked = Some((index, at));
        }
    }

    /// The client's stream goes on without a hole: what was unasked is proven to be.
    pub(crate) fn proven_unasked(&mut self) -> Option<(u32, Timestamp)> {
        self.unasked.take()
    }

    /// Bytes of the client that could hold a request are missing or can't be read. Whether that is news.
    pub(crate) fn break_client(&mut self) -> bool {
        self.unasked = None;
        self.early = None;
        self.asked_since = 0;
        self.answered_since = 0;
        !std::mem::replace(&mut self.broken, true)
    }

    /// Bytes of the server that could hold a response are missing or can't be read.
    pub(crate) fn break_server(&mut self) {
        self.server_gap = true;
    }

    /// Whether a response would find no request although the order is proven.
    pub(crate) fn nobody_waits(&self) -> bool {
        self.waiting.is_empty() && !self.broken
    }

    /// Whether the final response to a request has begun.
    pub(crate) fn was_answered(&self, index: u32) -> bool {
        !self.broken && !self.waiting.iter().any(|waiting| waiting.index == index)
    }

    /// Whether a request waits that may end HTTP/1 on this connection.
    pub(crate) fn may_switch(&self) -> bool {
        self.waiting.iter().any(|waiting| matches!(waiting.asked, Asked::Connect | Asked::Upgrade))
    }

    /// The index of the exchange under way, for what belongs to no message.
    pub(crate) fn current(&self) -> u32 {
        self.waiting.first().map_or(self.next_index, |waiting| waiting.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(pairs: &mut Pairs) -> u32 {
        pairs.request(Asked::Other, false, 8).0
    }

    fn answer(pairs: &mut Pairs) -> Option<u32> {
        match pairs.response(None) {
            Answer::To(waiting) => Some(waiting.index),
            Answer::Unpaired(_) => None,
        }
    }

    #[test]
    fn in_order() {
        let mut pairs = Pairs::default();
        let asked: Vec<_> = (0..3).map(|_| ask(&mut pairs)).collect();
        let answered: Vec<_> = (0..3).filter_map(|_| answer(&mut pairs)).collect();
        assert_eq!(asked, answered);
    }

    #[test]
    fn requests_before_a_hole_are_paired_and_one_exchange_after_it_is_not() {
        let mut pairs = Pairs::default();
        let before = ask(&mut pairs);
        pairs.break_client();
        ask(&mut pairs);
        assert_eq!(answer(&mut pairs), Some(before));
        assert_eq!(answer(&mut pairs), None);
        ask(&mut pairs);
        assert_eq!(answer(&mut pairs), None);
        let again = ask(&mut pairs);
        assert_eq!(answer(&mut pairs), Some(again));
    }

    #[test]
    fn a_client_that_pipelines_after_a_hole_is_not_paired() {
        let mut pairs = Pairs::default();
        pairs.break_client();
        ask(&mut pairs);
        ask(&mut pairs);
        assert_eq!(answer(&mut pairs), None);
        assert_eq!(answer(&mut pairs), None);
        ask(&mut pairs);
        assert_eq!(answer(&mut pairs), None);
        ask(&mut pairs);
        assert_eq!(answer(&mut pairs), None);
    }

    #[test]
    fn after_a_hole_of_the_server_one_waiting_request_is_paired_two_are_not() {
        let mut pairs = Pairs::default();
        let only = ask(&mut pairs);
        pairs.break_server();
        assert_eq!(answer(&mut pairs), Some(only));
        ask(&mut pairs);
        ask(&mut pairs);
        pairs.break_server();
        assert_eq!(answer(&mut pairs), None);
        assert_eq!(answer(&mut pairs), None);
    }
}
