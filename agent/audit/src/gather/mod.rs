//! The only pass over bytes: facts of each message, and the pairing of request and response.
//!
//! [`Gather`] takes the events of a shard's `Wire` and gives owned, small [`Record`]s without a secret in them. It keeps no byte of a
//! message, knows neither inventory nor detectors, and is bounded in flows, waiting halves and names.

mod flows;
mod hosts;
mod naming;
mod running;
mod sampler;

use std::sync::Arc;

use apiscope_wire::http::coding::Decoder;
use apiscope_wire::tls::Hello;
use apiscope_wire::{Event, FlowId, Message, Origin, Start, Timestamp, Version};

use crate::exchange::{ApiId, ConsumerId, Exchange, Method, Protocol, Record, Stage};
use crate::facts::redact::{self, Known};
use crate::facts::target::{self, Target};
use crate::facts::{self, Taken, TokenCounters, Tokens};
use crate::operation::Operations;
use crate::schema::Taker;
use crate::secret::{FingerprintKey, Masked};
use crate::settings::Settings;
use crate::tls::HelloFacts;

use self::flows::{Flow, Flows, WAITING_MAX, WAITING_PER_FLOW_MAX};
use self::naming::{Joined, Namer};
pub use self::sampler::SampleCounters;
use self::sampler::Sampler;

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
    sampler: Sampler,
    tokens: Tokens,
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
    /// Samples for the schemas.
    pub samples: SampleCounters,
    /// What is known of tokens.
    pub tokens: TokenCounters,
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
            sampler: Sampler::default(),
            tokens: Tokens::default(),
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
            samples: self.sampler.counters(),
            tokens: self.tokens.counters(),
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
            Event::Message(message) => {
                self.counters.messages += 1;
                self.message(&message, false, emit);
            }
            Event::Head(message) => self.message(&message, true, emit),
            Event::Progress(progress) => self.progress(&progress, emit),
            Event::Session(session, origin) => self.session(&session, origin, emit),
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

    /// A message; or only its head, where it `runs`.
    fn message(&mut self, message: &Message<'_>, runs: bool, emit: &mut dyn FnMut(Record)) {
        let id = message.exchange;
        self.make_room(id.flow, emit);
        let Self { key, settings, flows, namer, decoder, sampler, tokens, counters } = self;
        let (flow, waiting) = flows.enter(id.flow, message.origin);
        flow.last = message.ended;
        let is_request = matches!(message.start, Start::Request { .. });
        if is_ordered(message.version) {
            // HTTP/1 keeps the order of each side: what this message has overtaken will not be completed any more.
            let lacks = |half: &Exchange| if is_request { half.request.is_none() } else { half.response.is_none() };
            while let Some(half) = flow.take(waiting, |half| half.id.index < id.index && lacks(half)) {
                give(counters, half, emit);
            }
        }
        let mut half = flow.take(waiting, |half| half.id.index == id.index);
        // A half that already has this side is another exchange, although `wire` promises that there is none.
        let seen = |half: &mut Box<Exchange>| {
            let Stage { request_so_far, response_so_far, .. } = half.stage;
            if is_request {
                half.request.is_some() && request_so_far.is_none()
            } else {
                half.response.is_some() && response_so_far.is_none()
            }
        };
        if let Some(other) = half.take_if(seen) {
            give(counters, other, emit);
        }
        let mut pass = Pass { key, settings, namer, decoder, sampler, tokens, counters, flow, message, runs };
        let mut exchange = match message.start {
            Start::Request { method, target } => pass.request(method, target, half),
            Start::Response { status } => pass.response(status, half),
        };
        let so_far = runs.then_some(0);
        let Stage { request_so_far, response_so_far, .. } = &mut exchange.stage;
        *(if is_request { request_so_far } else { response_so_far }) = so_far;
        exchange.protocol = exchange.protocol.max(Protocol::of(message.content));
        if exchange.request.is_some() && exchange.response.is_some() && !exchange.stage.runs() {
            if let Some(joined) = flow.has_lesson().then(|| namer.called(&exchange)).flatten() {
                return self.joined(exchange, joined, emit);
            }
            let Some(handshake) = running::handshake(&exchange) else { return give(counters, exchange, emit) };
            give(counters, exchange, emit);
            exchange = handshake;
        }
        if let Some(exchange) = flow.wait(waiting, exchange) {
            self.make_room_for_half(id.flow, emit);
            if let Some(exchange) = self.flows.wait(id.flow, exchange) {
                self.give(exchange, emit);
            }
        }
    }

    /// An exchange is over that shows that its API is one with others.
    fn joined(&mut self, mut exchange: Box<Exchange>, joined: Joined, emit: &mut dyn FnMut(Record)) {
        exchange.api = joined.into.clone();
        self.rename(joined, emit);
        let (id, handshake) = (exchange.id, running::handshake(&exchange));
        self.give(exchange, emit);
        if let Some(left) = handshake.and_then(|handshake| self.flows.wait(id.flow, handshake)) {
            self.give(left, emit);
        }
    }

    fn rename(&mut self, joined: Joined, emit: &mut dyn FnMut(Record)) {
        let Joined { from, into } = joined;
        self.flows.rename(&from, &into);
        for from in from {
            emit(Record::ApiJoined { from, into: into.clone() });
        }
    }

    /// APIs that an earlier run knew: what hosts it found to be one stay one.
    pub fn recall<'a>(&mut self, apis: impl Iterator<Item = &'a ApiId>) {
        self.namer.recall(apis);
    }

    fn api_of(&mut self, id: FlowId) -> ApiId {
        let Some(flow) = self.flows.get(id) else { return ApiId::new(UNKNOWN_API) };
        api_of(flow, &mut self.namer, &self.settings)
    }

    /// Gives halves before their time, so that one more may wait in this flow.
    fn make_room_for_half(&mut self, id: FlowId, emit: &mut dyn FnMut(Record)) {
        if self.flows.waiting() >= WAITING_MAX {
            for silent in self.flows.most_silent(true) {
                self.evict_halves(silent, emit);
            }
        }
        if self.flows.get(id).is_some_and(|flow| flow.waiting.len() >= WAITING_PER_FLOW_MAX)
            && let Some(oldest) = self.flows.take_oldest(id)
        {
            self.counters.halves_evicted += 1;
            self.give(oldest, emit);
        }
    }

    fn give(&mut self, exchange: Box<Exchange>, emit: &mut dyn FnMut(Record)) {
        give(&mut self.counters, exchange, emit);
    }

    fn hello(&mut self, hello: &Hello<'_>, emit: &mut dyn FnMut(Record)) {
        self.make_room(hello.flow, emit);
        let facts = Box::new(HelloFacts::of(hello));
        let (flow, _) = self.flows.enter(hello.flow, hello.origin);
        let shown = facts.server_name.as_ref().map(Masked::as_str);
        let mut api = self.namer.name(&self.settings, &flow.origin, shown, hello.at);
        flow.api = Some(api.clone());
        flow.last = hello.at;
        let server = flow.origin.server;
        let joined = shown.and_then(|name| self.namer.greeted(&api, name, server, hello.at));
        let origin = Arc::clone(&flow.origin);
        if let Some(joined) = joined {
            api = joined.into.clone();
            self.rename(joined, emit);
        }
        emit(Record::Hello { api, flow: hello.flow, origin, hello: facts, at: hello.at });
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
        while let Some(half) = self.flows.take_oldest(id) {
            self.counters.halves_evicted += 1;
            self.give(half, emit);
        }
    }
}

/// Whether messages of a version come in the order of their exchanges.
const fn is_ordered(version: Version) -> bool {
    match version {
        Version::H2 => false,
        Version::Http10 | Version::Http11 => true,
    }
}

fn give(counters: &mut GatherCounters, mut exchange: Box<Exchange>, emit: &mut dyn FnMut(Record)) {
    if exchange.stage.is_handshake {
        // It was given when it ended; its session will be, too.
        return;
    }
    (exchange.stage.request_so_far, exchange.stage.response_so_far) = (None, None);
    counters.exchanges += 1;
    counters.halves += u64::from(exchange.request.is_none() || exchange.response.is_none());
    emit(Record::Exchange(exchange));
}

/// The pass over a message, with its flow at hand.
struct Pass<'g, 'm> {
    key: &'g FingerprintKey,
    settings: &'g Settings,
    namer: &'g mut Namer,
    decoder: &'g mut Decoder,
    sampler: &'g mut Sampler,
    tokens: &'g mut Tokens,
    counters: &'g mut GatherCounters,
    flow: &'g mut Flow,
    message: &'g Message<'m>,
    /// Only its head is there yet.
    runs: bool,
}

impl Pass<'_, '_> {
    fn request(&mut self, method: &str, target: &[u8], half: Option<Box<Exchange>>) -> Box<Exchange> {
        let message = self.message;
        let target = target::split(method, target);
        // The absolute form wins over the Host header (RFC 9112 §3.2.2).
        let (host, api) = self.name(target.authority.or_else(|| message.headers.first("host")));
        let place = sampler::place(&api, method, target.path);
        let mut operations = None;
        let taken = self.take(&target, &mut operations, Some((place, None)));
        let known = Known { key: self.key, values: &taken.known };
        let path = redact::path(target.path, known);
        let query_keys = redact::query_keys(target.query, Exchange::QUERY_KEYS_MAX);
        let mut exchange = half.unwrap_or_else(|| self.blank(api.clone()));
        exchange.began = message.began;
        exchange.version = message.version;
        exchange.api = api;
        exchange.method = Some(Method::new(redact::method(method)));
        (exchange.host, exchange.path, exchange.query_keys) = (host, path, query_keys);
        if let Some(fingerprint) = taken.consumer {
            exchange.consumer = ConsumerId::Credential(fingerprint);
        }
        exchange.request = Some(taken.facts);
        if let Some(operations) = &operations {
            exchange.protocol = exchange.protocol.max(operations.protocol());
        }
        exchange.operations = operations;
        exchange.stage.place = place;
        exchange
    }

    fn response(&mut self, status: u16, half: Option<Box<Exchange>>) -> Box<Exchange> {
        let mut half = half;
        let mut operations = half.as_mut().and_then(|half| half.operations.take());
        let known = half.as_ref().filter(|half| half.request.is_some());
        let place = known.map(|half| (sampler::place_of_status(half.stage.place, status), Some(&half.consumer)));
        let facts = self.take(&Target::default(), &mut operations, place).facts;
        let mut exchange = half.unwrap_or_else(|| {
            let api = api_of(self.flow, self.namer, self.settings);
            self.blank(api)
        });
        exchange.ended = self.message.ended;
        exchange.status = Some(status);
        exchange.response = Some(facts);
        exchange.operations = operations;
        exchange
    }

    /// `sampled`: where it counts for the schemas, and who called, if that is known from elsewhere.
    fn take(
        &mut self,
        target: &Target<'_>,
        operations: &mut Option<Box<Operations>>,
        sampled: Option<(u64, Option<&ConsumerId>)>,
    ) -> Taken {
        let message = self.message;
        let plain = self.decoder.decode(message.headers, message.body);
        let key_headers = &self.settings.api_key_headers;
        let mut taken = facts::take(message, plain, target, self.key, key_headers, operations, self.tokens);
        self.counters.credentials_dropped += taken.dropped;
        if let Some((place, consumer)) = sampled
            && message.complete
            && !self.runs
            && !self.settings.without_schemas
            && self.sampler.wants(place, taken.names, plain.data.len())
        {
            let by_itself = taken.consumer.map_or_else(|| address(&self.flow.origin), ConsumerId::Credential);
            let mut sampling = Taker {
                key: self.key,
                place,
                consumer: sampler::consumer(consumer.unwrap_or(&by_itself)),
                seen: sampler::evidence(message.exchange),
                words: &mut self.sampler.words,
            };
            let (sample, is_whole) = facts::learn::sample(message, plain, target, &taken.facts, &mut sampling);
            if !is_whole {
                self.sampler.not_whole();
            }
            taken.facts.sample = Some(Box::new(sample));
        }
        taken
    }

    /// An exchange of which only flow and times are known.
    fn blank(&self, api: ApiId) -> Box<Exchange> {
        let (message, origin) = (self.message, Arc::clone(&self.flow.origin));
        Box::new(Exchange {
            id: message.exchange,
            began: message.began,
            ended: message.ended,
            consumer: address(&origin),
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
            protocol: Protocol::default(),
            operations: None,
            stage: Stage::default(),
            session: None,
        })
    }

    /// The authority as it may be shown, and the API. Kept with the flow for its next request.
    fn name(&mut self, authority: Option<&[u8]>) -> (Option<Masked>, ApiId) {
        let flow = &mut *self.flow;
        let authority = authority.filter(|authority| !authority.is_empty());
        if let Some((host, api)) = &flow.named
            && authority.is_some_and(|authority| host.as_str().as_bytes().eq_ignore_ascii_case(authority))
        {
            return (Some(host.clone()), api.clone());
        }
        let host = authority.map(redact::host);
        let shown = host.as_ref().map(Masked::as_str);
        let api = self.namer.name(self.settings, &flow.origin, shown, self.message.ended);
        flow.name(host.clone(), &api, self.namer.is_learning(&api));
        (host, api)
    }
}

/// Who calls where no credential tells.
fn address(origin: &Origin) -> ConsumerId {
    ConsumerId::Address(origin.client.ip().to_canonical())
}

/// The API to which a flow's bytes belong.
fn api_of(flow: &mut Flow, namer: &mut Namer, settings: &Settings) -> ApiId {
    flow.api.get_or_insert_with(|| namer.by_address(settings, &flow.origin, flow.last)).clone()
}

#[cfg(test)]
mod tests;
