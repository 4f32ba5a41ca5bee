//! Which response answers which request: by order, and only while the order is proven.
//!
//! The rules, from RFC 9112 §9.3.2 and from what an observer can know:
//!
//! - Responses come in the order of the requests. A response belongs to the first request that waits.
//! - A response that comes while the head of a request is half sent, and no other waits, answers it if the order is proven;
//!   else it may answer one that was missed, and neither is paired.
//! - Once bytes of the client that could hold a request are missing, the requests that waited before the hole are still
//!   answered in order; those after it are not paired.
//! - Once bytes of the server that could hold a response are missing or were not understood, the requests that wait stay
//!   unanswered: requests may be missing as well.
//! - A connection joined late is in step from its first request on, unless its client is seen to pipeline before the
//!   first exchange is over.
//! - A connection out of step is in step again with a *clean* request: it begins where a turn of the client begins, with
//!   nothing missing before it and with no gap open on the server's side, and no response is half read. A client that does
//!   not pipeline has then got all its responses. After missing bytes of the client, in which it may have pipelined, the second
//!   such request is the first that is paired. One that was seen to pipeline must send [`CLEAN_AFTER_PIPELINING`] such
//!   requests one after the other first.

use std::num::NonZeroU32;

use smallvec::SmallVec;

use crate::time::Timestamp;

/// Clean requests that prove that a client no longer pipelines.
const CLEAN_AFTER_PIPELINING: u8 = 8;

/// Clean requests after bytes of the client are missing: the first may come while answers to missed ones are still to come.
const CLEAN_AFTER_GAP: u8 = 2;

/// What was asked, as far as the framing of the response depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Any method with a usual response.
    Other,
    /// HEAD: the response has no body.
    Head,
    /// CONNECT: a 2xx makes it a tunnel.
    Connect,
    /// The request is not known.
    Unknown,
}

/// Where a request begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartsAt {
    /// Where a turn of the client begins, nothing missing before it; and all that the server sent has been read or given up,
    /// with no response half read.
    CleanTurn,
    /// Where a turn of the client begins.
    Turn,
    /// Behind other bytes of the client, or of a hole.
    Anywhere,
}

/// A request that waits for its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) index: u32,
    pub(crate) asked: Asked,
    /// The answer may end HTTP/1 on this connection.
    pub(crate) switches: bool,
}

/// Whom a response answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// This request.
    To(Waiting),
    /// An unknown request: the index is the response's own.
    Unpaired(u32),
}

/// What became of the response that came while the head of a request was half sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Early {
    /// There was none.
    #[default]
    None,
    /// It may answer another request.
    Unpaired,
    /// It answers the request.
    Paired,
}

/// What is known of the order of requests and responses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Order {
    /// The next answer is to the next request.
    #[default]
    Proven,
    /// In step, but no exchange is over yet that shows it: joined late, or in step again.
    Fragile,
    /// Requests from here on can't be paired.
    Broken,
}

/// The order of a connection's requests and responses.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    /// The request to which the server has last said 100 (Continue): its index and one, which takes no more room.
    continued: Option<NonZeroU32>,
    next_index: u32,
    waiting: SmallVec<[Waiting; 2]>,
    /// A response came while the head of a request was half sent: the request waits for none.
    early: Early,
    /// The index of that response, if it is paired.
    early_index: u32,
    order: Order,
    /// Responses may be missing from here on.
    server_gap: bool,
    /// Clean requests still to come until the client is trusted not to pipeline.
    distrust: u8,
    /// A response without request, not proven until the client's next byte.
    unasked: Option<Box<(u32, Timestamp)>>,
}

impl Pairs {
    /// The client's stream was joined late.
    pub(crate) fn join(&mut self) {
        self.order = Order::Fragile;
        self.unasked = None;
    }

    /// An index of its own.
    pub(crate) fn take_index(&mut self) -> u32 {
        let index = self.next_index;
        self.next_index = self.next_index.wrapping_add(1);
        index
    }

    /// A request's head has ended. Gives its index, and whether pairing broke because too many wait.
    pub(crate) fn request(&mut self, asked: Asked, switches: bool, start: StartsAt, waiting_max: usize) -> (u32, bool) {
        let index = match std::mem::take(&mut self.early) {
            Early::None => self.take_index(),
            Early::Unpaired => return (self.take_index(), false),
            Early::Paired => return (self.early_index, false),
        };
        self.judge(start);
        if self.order == Order::Broken {
            return (index, false);
        }
        if self.waiting.len() >= waiting_max {
            self.break_client();
            return (index, true);
        }
        self.waiting.push(Waiting { index, asked, switches });
        (index, false)
    }

    /// What the start of a request says on the order.
    fn judge(&mut self, start: StartsAt) {
        let in_doubt = self.order == Order::Broken || self.server_gap;
        if start != StartsAt::Anywhere {
            self.distrust = self.distrust.saturating_sub(1);
        } else if in_doubt || !self.waiting.is_empty() {
            self.distrust = CLEAN_AFTER_PIPELINING;
        }
        if in_doubt && start == StartsAt::CleanTurn && self.distrust == 0 {
            self.waiting.clear();
            self.server_gap = false;
            self.order = Order::Fragile;
        } else if self.order == Order::Fragile && !self.waiting.is_empty() {
            self.break_client();
            self.waiting.clear();
        }
    }

    /// A final response's head has ended. `unawaited`: when it began, no request waited, nor was the head of one half there in a
    /// proven order. `half_asked`: the head of a request is half there, nothing missing before it.
    pub(crate) fn response(&mut self, unawaited: bool, half_asked: Option<Asked>) -> Answer {
        let gap = std::mem::take(&mut self.server_gap);
        if gap && !self.waiting.is_empty() {
            self.break_order();
            self.waiting.clear();
        }
        if !self.waiting.is_empty() && !unawaited {
            if self.order == Order::Fragile {
                self.order = Order::Proven;
            }
            return Answer::To(self.waiting.remove(0));
        }
        if self.order == Order::Broken {
            return Answer::Unpaired(self.take_index());
        }
        let index = self.take_index();
        match half_asked {
            Some(asked) if !gap && self.order == Order::Proven && !unawaited && self.early == Early::None => {
                (self.early, self.early_index) = (Early::Paired, index);
                return Answer::To(Waiting { index, asked, switches: false });
            }
            Some(_) if self.early == Early::None => self.early = Early::Unpaired,
            Some(_) | None => {}
        }
        Answer::Unpaired(index)
    }

    /// Remembers a response that no request asked for, until it is proven that no request was missed.
    pub(crate) fn remember_unasked(&mut self, index: u32, at: Timestamp) {
        if self.order == Order::Proven && self.early == Early::None && self.unasked.is_none() {
            self.unasked = Some(Box::new((index, at)));
        }
    }

    /// The client's stream goes on without a hole: what was unasked is proven to be.
    pub(crate) fn proven_unasked(&mut self) -> Option<(u32, Timestamp)> {
        self.unasked.take().map(|unasked| *unasked)
    }

    /// Bytes of the client that could hold a request are missing or can't be read. Whether that is news.
    pub(crate) fn break_client(&mut self) -> bool {
        self.distrust = self.distrust.max(CLEAN_AFTER_GAP);
        self.break_order()
    }

    fn break_order(&mut self) -> bool {
        self.unasked = None;
        self.early = Early::None;
        std::mem::replace(&mut self.order, Order::Broken) != Order::Broken
    }

    /// Bytes of the server that could hold a response are missing or can't be read.
    pub(crate) fn break_server(&mut self) {
        self.server_gap = true;
    }

    /// Whether the order is proven: the next answer is to the next request.
    pub(crate) fn is_proven(&self) -> bool {
        self.order == Order::Proven && !self.server_gap
    }

    /// Whether no request waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether a response would find no request although the order is proven.
    pub(crate) fn nobody_waits(&self) -> bool {
        self.waiting.is_empty() && self.order != Order::Broken
    }

    /// The server has said 100 (Continue): the client sends the body that it announced, whatever the final response is.
    pub(crate) fn told_to_continue(&mut self) {
        self.continued = NonZeroU32::new(self.current().wrapping_add(1));
    }

    /// Whether the server has said 100 to a request.
    pub(crate) fn was_continued(&self, index: u32) -> bool {
        self.continued.is_some_and(|continued| continued.get() == index.wrapping_add(1))
    }

    /// Whether the final response to a request has begun.
    pub(crate) fn was_answered(&self, index: u32) -> bool {
        self.order != Order::Broken && !self.waiting.iter().any(|waiting| waiting.index == index)
    }

    /// Whether a request waits that may end HTTP/1 on this connection.
    pub(crate) fn may_switch(&self) -> bool {
        self.waiting.iter().any(|waiting| waiting.switches)
    }

    /// The index of the exchange under way, for what belongs to no message.
    pub(crate) fn current(&self) -> u32 {
        self.waiting.first().map_or(self.next_index, |waiting| waiting.index)
    }

    /// The index of the next request, for what should have been one.
    pub(crate) fn coming(&self) -> u32 {
        self.next_index
    }
}

#[cfg(test)]
mod tests {
    use super::StartsAt::{Anywhere, CleanTurn, Turn};
    use super::*;

    fn ask(pairs: &mut Pairs, start: StartsAt) -> u32 {
        pairs.request(Asked::Other, false, start, 8).0
    }

    fn answer(pairs: &mut Pairs) -> Option<u32> {
        match pairs.response(false, None) {
            Answer::To(waiting) => Some(waiting.index),
            Answer::Unpaired(_) => None,
        }
    }

    #[test]
    fn in_order() {
        let mut pairs = Pairs::default();
        let asked: Vec<_> = (0..3).map(|_| ask(&mut pairs, Anywhere)).collect();
        let answered: Vec<_> = (0..3).filter_map(|_| answer(&mut pairs)).collect();
        assert_eq!(asked, answered);
    }

    #[test]
    fn requests_before_a_hole_are_paired_and_those_behind_it_are_not() {
        let mut pairs = Pairs::default();
        let before = ask(&mut pairs, CleanTurn);
        pairs.break_client();
        ask(&mut pairs, Anywhere);
        assert_eq!(answer(&mut pairs), Some(before));
        assert_eq!(answer(&mut pairs), None);
    }

    #[test]
    fn a_clean_request_is_paired_again() {
        let mut pairs = Pairs::default();
        pairs.break_client();
        assert_eq!(answer(&mut pairs), None);
        ask(&mut pairs, Turn);
        assert_eq!(answer(&mut pairs), None);
        let clean = ask(&mut pairs, CleanTurn);
        assert_eq!(answer(&mut pairs), Some(clean));
    }

    #[test]
    fn a_client_that_pipelines_is_not_trusted_soon() {
        let mut pairs = Pairs::default();
        ask(&mut pairs, CleanTurn);
        ask(&mut pairs, Anywhere);
        pairs.break_client();
        assert!(answer(&mut pairs).is_some() && answer(&mut pairs).is_some());
        for _ in 1..CLEAN_AFTER_PIPELINING {
            ask(&mut pairs, CleanTurn);
            assert_eq!(answer(&mut pairs), None);
        }
        let trusted = ask(&mut pairs, CleanTurn);
        assert_eq!(answer(&mut pairs), Some(trusted));
    }

    #[test]
    fn after_lost_responses_what_waited_is_not_paired_and_the_next_clean_exchange_is() {
        let mut pairs = Pairs::default();
        ask(&mut pairs, CleanTurn);
        pairs.break_server();
        assert_eq!(answer(&mut pairs), None);
        let next = ask(&mut pairs, CleanTurn);
        assert_eq!(answer(&mut pairs), Some(next));
    }
}
