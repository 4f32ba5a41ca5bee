//! Exchanges that take longer than a second, and the sessions that some of them begin: told of while they run.
//!
//! They wait among the halves, under the same bounds. Nothing of a body is kept for it: the head's facts, and numbers.

use std::sync::Arc;

use apiscope_wire::{Content, ExchangeId, Origin, Progress, Session, Side, Version};

use super::Gather;
use crate::exchange::{ConsumerId, Exchange, Protocol, Record, Stage};
use crate::secret::Masked;

/// What is kept of an exchange that was a handshake, for the session that it began.
pub(super) fn handshake(exchange: &Exchange) -> Option<Box<Exchange>> {
    let content = exchange.response.as_ref()?.content;
    matches!(content, Content::Session(_)).then(|| {
        let stage = Stage { counted: true, is_handshake: true, ..Stage::default() };
        Box::new(Exchange { stage, ..exchange.clone() })
    })
}

impl Gather {
    /// How far a message or a session is. What is not waited for was given up before.
    pub(super) fn progress(&mut self, progress: &Progress, emit: &mut dyn FnMut(Record)) {
        let (id, at) = match progress {
            Progress::Body { exchange, at, .. } => (*exchange, *at),
            Progress::Session(session) => (session.exchange, session.latest),
        };
        if let Some(flow) = self.flows.get(id.flow) {
            flow.last = flow.last.max(at);
        }
        let Some(exchange) = self.flows.waiting_mut(id.flow, id.index) else { return };
        match *progress {
            Progress::Body { side, bytes, content, .. } => {
                let (facts, so_far) = match side {
                    Side::Client => (&mut exchange.request, &mut exchange.stage.request_so_far),
                    Side::Server => (&mut exchange.response, &mut exchange.stage.response_so_far),
                };
                if so_far.is_none() {
                    return;
                }
                *so_far = Some(bytes);
                if let Some(facts) = facts {
                    facts.content = content;
                }
            }
            Progress::Session(_) if !exchange.stage.is_handshake => return,
            Progress::Session(session) => exchange.session = Some(Box::new(session)),
        }
        exchange.ended = exchange.ended.max(at);
        emit(Record::Running(Box::new(exchange.clone())));
        exchange.stage.counted |= exchange.is_countable();
    }

    /// A session is over. Where its handshake is no longer known, its totals are given all the same.
    pub(super) fn session(&mut self, session: &Session, origin: &Origin, emit: &mut dyn FnMut(Record)) {
        let id = session.exchange;
        let mut exchange = match self.flows.take(id.flow, id.index) {
            Some(handshake) if handshake.stage.is_handshake => handshake,
            half => {
                if let Some(half) = half {
                    // Of the handshake only the response was seen.
                    self.give(half, emit);
                }
                self.unknown_handshake(session, origin, emit)
            }
        };
        exchange.ended = exchange.ended.max(session.latest);
        exchange.session = Some(Box::new(*session));
        emit(Record::Session(exchange));
    }

    fn unknown_handshake(&mut self, session: &Session, origin: &Origin, emit: &mut dyn FnMut(Record)) -> Box<Exchange> {
        let id: ExchangeId = session.exchange;
        self.make_room(id.flow, emit);
        let origin = Arc::clone(&self.flows.enter(id.flow, origin).0.origin);
        let stage = Stage { counted: true, is_handshake: true, ..Stage::default() };
        Box::new(Exchange {
            id,
            began: session.began,
            ended: session.latest,
            consumer: ConsumerId::Address(origin.client.ip().to_canonical()),
            origin,
            version: Version::Http11,
            api: self.api_of(id.flow),
            method: None,
            host: None,
            path: Masked::vouched(""),
            query_keys: Vec::new(),
            status: None,
            request: None,
            response: None,
            protocol: Protocol::of(Content::Session(session.kind)),
            operations: None,
            stage,
            session: None,
        })
    }
}
