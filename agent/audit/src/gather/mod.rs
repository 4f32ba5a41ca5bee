//! The only pass over bytes: facts of each message, and the pairing of request and response.
//!
//! [`Gather`] takes the events of a shard's `Wire` and gives owned, small [`Record`]s without a secret in them. It keeps no byte of a
//! message, knows neither inventory nor detectors, and is bounded in flows, waiting halves and names.

mod flows;
mod naming;

use std::sync::Arc;

use apiscope_wire::http::coding::Decoder;
use apiscope_wire::tls::Hello;
use apiscope_wire::{Event, FlowId, Message, Origin, Start, Timestamp, Version};

use crate::exchange::{ApiId, ConsumerId, Exchange, Method, Record};
use crate::facts::redact::{self, Known};
use crate::facts::target::{self, Target};
use crate::facts::{self, Taken};
use crate::secret::{FingerprintKey, Masked};
use crate::settings::Settings;
use crate::tls::HelloFacts;

use self::flows::{Flow, Flows, WAITING_MAX, WAITING_PER_FLOW_MAX};
use self::naming::Namer;

/// The API of bytes of which not even the server's address is known here.
const UNKNOWN_API: &str = "unknown";

/// One per shard. Bounded in exchanges that wait for their other half.
#[derive(Debug)]
pub struct Gather {
    key: Arc<FingerprintKey>,
    settings: Arc<Settings>,
    flows: Flows,
    namer: Namer,
    decoder: Decoder,
    counters: GatherCounters,
}

/// What a [`Gather`] has done, and what fell off its bounds. All but `flows` and `waiting` only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GatherCounters {
    /// Messages taken.
    pub messages: u64,
    /// Exchanges given.
    pub exchanges: u64,
    /// Exchanges given with one half only: the other was not seen.
    pub halves: u64,
    /// Flows known now.
    pub flows: usize,
    /// Halves that wait now.
    pub waiting: usize,
    /// Flows forgotten before their end, because there were too many.
    pub flows_evicted: u64,
    /// Halves given before their time, because too many waited.
    pub halves_evicted: u64,
    /// Times that an API was called `other`, because there were too many names.
    pub names_overflow: u64,
    /// Credentials and exposures past those kept of one message.
    pub credentials_dropped: u64,
}

impl Gather {
    /// With the installation's key.
    pub fn new(key: Arc<FingerprintKey>, settings: Arc<Settings>) -> Self {
        facts::load();
        Self {
            key,
            settings,
            flows: Flows::default(),
            namer: Namer::default(),
            decoder: Decoder::default(),
            counters: GatherCounters::default(),
        }
    }

    /// New settings from now on.
    pub fn configure(&mut self, settings: Arc<Settings>) {
        self.settings = settings;
        self.flows.forget_names();
    }

    /// What was done and what fell off.
    pub fn counters(&self) -> GatherCounters {
        GatherCounters {
            flows: self.flows.len(),
            waiting: self.flows.waiting(),
            names_overflow: self.namer.overflow(),
            ..self.counters
        }
    }

    /// Who owns a flow, when `Wire` is told ([`apiscope_wire::Input::Origin`]): so that the account of a flow without messages finds
    /// its API. Messages and hellos bring their origin with them.
    pub fn introduce(&mut self, flow: FlowId, origin: &Origin, emit: &mut dyn FnMut(Record)) {
        self.make_room(flow, emit);
        self.flows.enter(flow, origin);
    }

    /// Scans, pairs, forgets. [`Event::Verdict`] is not for here: capture takes it.
    pub fn handle(&mut self, event: Event<'_>, emit: &mut dyn FnMut(Record)) {
        match event {
            Event::Message(message) => self.message(&message, emit),
            Event::Over(id, _) => {
                if let Some(half) = self.flows.take(id.flow, id.index) {
                    self.give(half, emit);
                }
            }
            Event::Hello(hello) => self.hello(&hello, emit),
            Event::Ambiguous(ambiguity) => emit(Record::Ambiguous(ambiguity)),
            Event::Verdict(..) => {}
            Event::Coverage(flow, coverage) => emit(Record::Coverage(self.api_of(flow), coverage)),
            Event::Closed(flow, at) => self.closed(flow, at, emit),
        }
    }

    fn message(&mut self, message: &Message<'_>, emit: &mut dyn FnMut(Record)) {
        self.counters.messages += 1;
        let id = message.exchange;
        self.make_room(id.flow, emit);
        self.flows.enter(id.flow, message.origin).last = message.ended;
        self.give_overtaken(message, emit);
        let half = self.flows.take(id.flow, id.index);
        match message.start {
            Start::Request { method, target } => {
                let response = self.unless_seen(half, |half| half.request.is_some(), emit);
                let exchange = self.request(message, method, target, response);
                self.give_or_wait(exchange, emit);
            }
            Start::Response { status } => {
                let request = self.unless_seen(half, |half| half.response.is_some(), emit);
                let exchange = self.response(message, status, request);
                self.give_or_wait(exchange, emit);
            }
        }
    }

    /// A half that already has this side is another exchange, although `wire` promises that there is none.
    fn unless_seen(
        &mut self,
        half: Option<Box<Exchange>>,
        seen: impl Fn(&Exchange) -> bool,
        emit: &mut dyn FnMut(Record),
    ) -> Option<Box<Exchange>> {
        let half = half?;
        if seen(&half) {
            self.give(half, emit);
            return None;
        }
        Some(half)
    }

    fn request(
        &mut self,
        message: &Message<'_>,
        method: &str,
        target: &[u8],
        half: Option<Box<Exchange>>,
    ) -> Box<Exchange> {
        let target = target::split(method, target);
        let taken = self.take(message, &target);
        // The absolute form wins over the Host header (RFC 9112 §3.2.2).
        let (host, api) = self.name(message, target.authority.or_else(|| message.headers.first("host")));
        let known = Known { key: &self.key, values: &taken.known };
        let path = redact::path(target.path, known);
        let query_keys = redact::query_keys(target.query, Exchange::QUERY_KEYS_MAX);
        let mut exchange = half.unwrap_or_else(|| self.blank(message, api.clone()));
        exchange.began = message.began;
        exchange.version = message.version;
        exchange.api = api;
        exchange.method = Some(Method::new(redact::method(method)));
        (exchange.host, exchange.path, exchange.query_keys) = (host, path, query_keys);
        if let Some(fingerprint) = taken.consumer {
            exchange.consumer = ConsumerId::Credential(fingerprint);
        }
        exchange.request = Some(taken.facts);
        exchange
    }

    fn response(&mut self, message: &Message<'_>, status: u16, half: Option<Box<Exchange>>) -> Box<Exchange> {
        let facts = self.take(message, &Target::default()).facts;
        let mut exchange = half.unwrap_or_else(|| {
            let api = self.api_of(message.exchange.flow);
            self.blank(message, api)
        });
        exchange.ended = message.ended;
        exchange.status = Some(status);
        exchange.response = Some(facts);
        exchange
    }

    fn take(&mut self, message: &Message<'_>, target: &Target<'_>) -> Taken {
        let plain = self.decoder.decode(message.headers, message.body);
        let taken = facts::take(message, plain, target, &self.key, &self.settings.api_key_headers);
        self.counters.credentials_dropped += taken.dropped;
        taken
    }

    /// An exchange of which only flow and times are known.
    fn blank(&mut self, message: &Message<'_>, api: ApiId) -> Box<Exchange> {
        let origin = Arc::clone(&self.flows.enter(message.exchange.flow, message.origin).origin);
        Box::new(Exchange {
            id: message.exchange,
            began: message.began,
            ended: message.ended,
            consumer: ConsumerId::Address(origin.client.ip().to_canonical()),
            origin,
            version: message.version,
            api,
            method: None,
            host: None,
            path: Masked::vouched(""),
            query_keys: Vec::new(),
            status: None,
            request: None,
            response: None,
        })
    }

    /// The authority as it may be shown, and the API. Kept with the flow for its next request.
    fn name(&mut self, message: &Message<'_>, authority: Option<&[u8]>) -> (Option<Masked>, ApiId) {
        let flow = self.flows.enter(message.exchange.flow, message.origin);
        let authority = authority.filter(|authority| !authority.is_empty());
        if let Some((host, api)) = &flow.named
            && authority.is_some_and(|authority| host.as_str().as_bytes().eq_ignore_ascii_case(authority))
        {
            return (Some(host.clone()), api.clone());
        }
        let host = authority.map(redact::host);
        let shown = host.as_ref().map(Masked::as_str);
        let api = self.namer.name(&self.settings, &flow.origin, shown, message.ended);
        flow.api = Some(api.clone());
        flow.named = host.clone().map(|host| (host, api.clone()));
        (host, api)
    }

    /// The API to which a flow's bytes belong.
    fn api_of(&mut self, id: FlowId) -> ApiId {
        let Some(flow) = self.flows.get(id) else { return ApiId::new(UNKNOWN_API) };
        flow.api.get_or_insert_with(|| self.namer.by_address(&self.settings, &flow.origin, flow.last)).clone()
    }

    fn give_or_wait(&mut self, exchange: Box<Exchange>, emit: &mut dyn FnMut(Record)) {
        if exchange.request.is_some() && exchange.response.is_some() {
            return self.give(exchange, emit);
        }
        let flow = exchange.id.flow;
        if self.flows.waiting() >= WAITING_MAX {
            for silent in self.flows.most_silent(true) {
                self.evict_halves(silent, emit);
            }
        }
        if self.flows.get(flow).is_some_and(|flow| flow.waiting.len() >= WAITING_PER_FLOW_MAX)
            && let Some(oldest) = self.flows.take_first(flow, |_| true)
        {
            self.counters.halves_evicted += 1;
            self.give(oldest, emit);
        }
        self.flows.wait(flow, exchange);
    }

    fn give(&mut self, exchange: Box<Exchange>, emit: &mut dyn FnMut(Record)) {
        self.counters.exchanges += 1;
        self.counters.halves += u64::from(exchange.request.is_none() || exchange.response.is_none());
        emit(Record::Exchange(exchange));
    }

    /// HTTP/1 keeps the order of each side: what this message has overtaken will not be completed any more.
    fn give_overtaken(&mut self, message: &Message<'_>, emit: &mut dyn FnMut(Record)) {
        match message.version {
            Version::H2 => return,
            Version::Http10 | Version::Http11 => {}
        }
        let id = message.exchange;
        let request = matches!(message.start, Start::Request { .. });
        let overtaken = |half: &Exchange| {
            let lacks = if request { half.request.is_none() } else { half.response.is_none() };
            half.id.index < id.index && lacks
        };
        while let Some(half) = self.flows.take_first(id.flow, overtaken) {
            self.give(half, emit);
        }
    }

    fn hello(&mut self, hello: &Hello<'_>, emit: &mut dyn FnMut(Record)) {
        self.make_room(hello.flow, emit);
        let facts = Box::new(HelloFacts::of(hello));
        let flow: &mut Flow = self.flows.enter(hello.flow, hello.origin);
        let shown = facts.server_name.as_ref().map(Masked::as_str);
        let api = self.namer.name(&self.settings, &flow.origin, shown, hello.at);
        flow.api = Some(api.clone());
        flow.last = hello.at;
        emit(Record::Hello { api, origin: Arc::clone(&flow.origin), hello: facts, at: hello.at });
    }

    fn closed(&mut self, id: FlowId, at: Timestamp, emit: &mut dyn FnMut(Record)) {
        for half in self.flows.forget(id) {
            self.give(half, emit);
        }
        emit(Record::Closed(id, at));
    }

    fn make_room(&mut self, id: FlowId, emit: &mut dyn FnMut(Record)) {
        if !self.flows.is_full_for(id) {
            return;
        }
        for silent in self.flows.most_silent(false) {
            self.evict_halves(silent, emit);
            self.flows.forget(silent);
            self.counters.flows_evicted += 1;
        }
    }

    fn evict_halves(&mut self, id: FlowId, emit: &mut dyn FnMut(Record)) {
        while let Some(half) = self.flows.take_first(id, |_| true) {
            self.counters.halves_evicted += 1;
            self.give(half, emit);
        }
    }
}

#[cfg(test)]
mod tests;
