//! What goes on and is counted before its end: running exchanges, the messages of each WebSocket. And what gRPC says of its calls.

use apiscope_audit::Exchange;
use apiscope_wire::{ExchangeId, Session, SessionKind};
use rustc_hash::FxHashMap;

/// Values of `code` of gRPC calls.
pub(super) const GRPC_CODES: [&str; 3] = ["error", "ok", "unknown"];

/// Series of one API.
pub(super) const STREAM_SERIES: usize = 1 + GRPC_CODES.len() + 1 + 2;

/// Exchanges and sessions that are followed, to know what is new of each. As many as the core follows at most.
const FOLLOWED_MAX: usize = 32_768;

/// One API.
#[derive(Debug, Default)]
pub(super) struct Streams {
    pub(super) running: u64,
    /// In the order of [`GRPC_CODES`].
    pub(super) grpc: [u64; GRPC_CODES.len()],
    pub(super) websockets: u64,
    /// Client's, server's.
    pub(super) messages: [u64; 2],
}

impl Streams {
    /// Adds what is new of an exchange or a session.
    pub(super) fn heard(&mut self, heard: Heard) {
        self.running += u64::from(heard.began);
        for (sum, more) in self.messages.iter_mut().zip(heard.messages) {
            *sum += more;
        }
    }

    /// A call or a session has ended.
    pub(super) fn ended(&mut self, exchange: &Exchange) {
        if let Some(session) = &exchange.session {
            self.websockets += u64::from(session.kind == SessionKind::WebSocket);
            return;
        }
        if !exchange.protocol.is_grpc() {
            return;
        }
        let place = match exchange.response.as_ref().and_then(|facts| facts.grpc_status) {
            Some(0) => 1,
            Some(_) => 0,
            None => 2,
        };
        if let Some(calls) = self.grpc.get_mut(place) {
            *calls += 1;
        }
    }
}

/// What is new.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Heard {
    began: bool,
    messages: [u64; 2],
}

/// What was heard last of something that goes on.
#[derive(Debug)]
struct Followed {
    /// Where it counts as running, whatever its API is called later.
    api: Box<str>,
    messages: [u64; 2],
}

/// There is no room to follow another.
#[derive(Debug)]
pub(super) struct Full;

/// All that goes on.
#[derive(Debug, Default)]
pub(super) struct Followers(FxHashMap<ExchangeId, Followed>);

impl Followers {
    /// News of something that goes on.
    pub(super) fn heard(&mut self, exchange: &Exchange, api: &str) -> Result<Heard, Full> {
        let now = exchange.session.as_deref().map_or([0; 2], messages);
        if let Some(followed) = self.0.get_mut(&exchange.id) {
            let before = std::mem::replace(&mut followed.messages, now);
            return Ok(Heard { began: false, messages: added(before, now) });
        }
        if self.0.len() >= FOLLOWED_MAX {
            return Err(Full);
        }
        self.0.insert(exchange.id, Followed { api: api.into(), messages: now });
        Ok(Heard { began: true, messages: now })
    }

    /// It has ended. Gives the API where it counted as running, if it was followed.
    pub(super) fn ended(&mut self, exchange: &Exchange) -> (Option<Box<str>>, Heard) {
        let now = exchange.session.as_deref().map_or([0; 2], messages);
        let (api, before) =
            self.0.remove(&exchange.id).map_or((None, [0; 2]), |followed| (Some(followed.api), followed.messages));
        (api, Heard { began: false, messages: added(before, now) })
    }
}

fn messages(session: &Session) -> [u64; 2] {
    [&session.client, &session.server].map(|sent| sent.text + sent.binary)
}

fn added(before: [u64; 2], now: [u64; 2]) -> [u64; 2] {
    [now[0].saturating_sub(before[0]), now[1].saturating_sub(before[1])]
}
