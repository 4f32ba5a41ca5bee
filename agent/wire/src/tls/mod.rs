//! TLS, as far as it is in clear: the two hellos and, up to TLS 1.2, the server's certificates. Nothing is decrypted.
//!
//! [`Handshake`] takes the first bytes of both directions, in any order and any pieces, until all that can be read has been
//! read or a bound is hit; then one [`Hello`] says what is known, and the flow is ignored. It keeps no more than the messages
//! that it reads. Types are numbers as on the wire: what they mean is for others.

mod certificate;
mod cursor;
mod der;
mod hello;
mod record;
mod way;

pub use certificate::{
    AlternativeName, AlternativeNames, Attribute, CERTIFICATES_MAX, Certificate, Certificates, Key, Name,
};
pub use hello::{Choice, Offer, Protocols, Suites, TLS13, TlsVersions};

pub(crate) use record::is_record;

use crate::event::Event;
use crate::http::{Cx, Kind, Talk};
use crate::input::{FlowId, Origin, Side};
use crate::time::Timestamp;
use way::{State, Way};

/// Bytes of a side after its last message of interest: when the other side has still said nothing, it is not seen at all. A client
/// may send so much before the answer (RFC 8446 §2.3).
const ALONE_BYTES_MAX: u64 = 32 * 1024;

/// What is known of a TLS flow from its beginning. Given once, before the flow is ignored.
#[derive(Clone, Copy, Debug)]
pub struct Hello<'a> {
    /// The flow.
    pub flow: FlowId,
    /// Who owns it.
    pub origin: &'a Origin,
    /// What the client offers; `None`: its hello was not seen, or could not be read.
    pub offer: Option<Offer<'a>>,
    /// What the server chose; `None`: its hello was not seen, or could not be read, or it refused.
    pub choice: Option<Choice<'a>>,
    /// The certificates of the server.
    pub chain: Chain<'a>,
    /// The description of an alert that the server sent before any other message (RFC 8446 §6): it refused.
    pub refused: Option<u8>,
    /// When its first byte was seen.
    pub at: Timestamp,
}

/// What is known of a server's certificates.
#[derive(Clone, Copy, Debug, Default)]
pub enum Chain<'a> {
    /// Nothing: something was not seen, broke the rules or was too long.
    #[default]
    Unknown,
    /// They are encrypted (TLS 1.3).
    Encrypted,
    /// It sent none: the session goes on from an earlier one, or the suite needs none.
    NotSent,
    /// It sent these.
    Sent(Certificates<'a>),
}

/// The beginning of a TLS flow.
#[derive(Debug)]
pub(crate) struct Handshake {
    client: Way,
    server: Way,
    began: Timestamp,
}

/// Whether the first byte of a side may begin a TLS connection: a record, of the server also an alert, of the client also a hello
/// in the manner of SSL 2.
pub(crate) fn may_begin(first: u8, side: Side) -> bool {
    match side {
        Side::Client => first == record::HANDSHAKE || first & 0x80 != 0,
        Side::Server => first == record::HANDSHAKE || first == record::ALERT,
    }
}

/// What has been found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// Not enough yet.
    More,
    /// It is not TLS.
    NotTls,
    /// It is TLS, and all is read that will be.
    Tls,
}

impl Handshake {
    pub(crate) fn new(began: Timestamp) -> Self {
        Self { client: Way::new(Side::Client), server: Way::new(Side::Server), began }
    }

    fn way(&mut self, side: Side) -> &mut Way {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// The next bytes of a side. `late`: not its first ones, something before them is missing.
    pub(crate) fn bytes(&mut self, side: Side, data: &[u8], late: bool, cx: &mut Cx<'_>) {
        self.began = self.began.min(cx.at);
        self.way(side).bytes(data, late, cx);
    }

    /// Bytes of a side are missing, or it is over.
    pub(crate) fn give_up(&mut self, side: Side) {
        self.way(side).give_up();
    }

    fn found(&self) -> Found {
        let Self { client, server, .. } = self;
        match (client.state, server.state) {
            (_, State::Garbage) => Found::NotTls,
            (State::Garbage, _) if !server.is_proven() => Found::NotTls,
            (State::Reading, State::Reading) => Found::More,
            (State::Reading, _) if server.idle() < ALONE_BYTES_MAX => Found::More,
            (_, State::Reading) if client.idle() < ALONE_BYTES_MAX => Found::More,
            _ if client.is_proven() || server.is_proven() => Found::Tls,
            _ => Found::NotTls,
        }
    }

    /// Tells what is known, once nothing more will be; and gives the memory back.
    pub(crate) fn conclude(self: Box<Self>, talk: &mut Talk, cx: &mut Cx<'_>) -> Option<Box<Self>> {
        let found = self.found();
        if found == Found::More {
            return Some(self);
        }
        cx.pool.release(self.client.allocated() + self.server.allocated());
        if found == Found::NotTls {
            talk.ignore(Kind::NotHttp, cx);
            talk.count_ignored(self.client.seen + self.server.seen);
            return None;
        }
        let read = self.client.read + self.server.read;
        let offer = self.client.message().and_then(hello::offer);
        let choice = self.server.message().and_then(hello::choice);
        let chain = self.server.chain();
        let refused = self.server.alert;
        let hello = Hello { flow: cx.flow, origin: cx.origin, offer, choice, chain, refused, at: self.began };
        (cx.emit)(Event::Hello(hello));
        talk.ignore(Kind::Encrypted, cx);
        talk.coverage.parsed += read;
        talk.count_ignored(self.client.seen + self.server.seen - read);
        None
    }
}
