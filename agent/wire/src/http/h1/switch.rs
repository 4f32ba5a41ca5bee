//! Where a connection turns out to speak HTTP/2, or leaves HTTP, and what its two readers then pass on.

use crate::event::{Header, SessionKind};
use crate::http::h1::Reader;
use crate::http::h2::{Connection, frame};
use crate::http::pairs::Asked;
use crate::http::session::Agreed;
use crate::http::{Cx, Hole, Kind, Talk};
use crate::input::Side;

/// What the first bytes of a direction say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preface {
    /// HTTP/2 (RFC 9113 §3.4).
    Whole,
    /// The beginning of its preface.
    Begun,
    /// Something else.
    None,
}

/// Reads the first bytes: the client's preface, or the SETTINGS of a server that did not wait for it.
pub(crate) fn preface(first: &[u8], side: Side, kind: Kind) -> Preface {
    match side {
        Side::Client if first.starts_with(frame::PREFACE) => Preface::Whole,
        Side::Client if !first.is_empty() && frame::PREFACE.starts_with(first) => Preface::Begun,
        Side::Server if kind == Kind::Unknown && frame::is_server_preface(first) => Preface::Whole,
        Side::Server if kind == Kind::Unknown && frame::may_be_server_preface(first) => Preface::Begun,
        Side::Client | Side::Server => Preface::None,
    }
}

/// Whether a `101` switches to HTTP/2 in clear text (RFC 7540 §3.2).
pub(crate) fn is_to_h2(headers: &[Header<'_>]) -> bool {
    headers
        .iter()
        .any(|header| header.name.eq_ignore_ascii_case("upgrade") && header.value.eq_ignore_ascii_case(b"h2c"))
}

/// What the response that ends HTTP on a connection has agreed on.
pub(crate) fn agreed(status: u16, asked: Asked, headers: &[Header<'_>]) -> Agreed {
    if status != 101 && asked == Asked::Connect {
        return Agreed::on(SessionKind::Tunnel);
    }
    let values = |name: &'static str| headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
    if !values("upgrade").any(|header| header.value.eq_ignore_ascii_case(b"websocket")) {
        return Agreed::on(SessionKind::Other);
    }
    let mut agreed = Agreed::on(SessionKind::WebSocket);
    values("sec-websocket-extensions").for_each(|header| agreed.extensions.add(header.value));
    agreed
}

impl Talk {
    /// From the next byte of either side on it is HTTP/2.
    pub(crate) fn speak_h2(&mut self, connection: Connection) {
        self.kind = Kind::H2;
        self.h2 = Some(Box::new(connection));
    }
}

impl Reader {
    /// Passes bytes on; first those that were gathered before the protocol was known.
    pub(crate) fn h2_bytes(&mut self, data: &[u8], talk: &mut Talk, cx: &mut Cx<'_>) {
        let Some(mut h2) = talk.h2.take() else { return };
        self.pass_gathered(&mut h2, talk, cx);
        h2.bytes(self.side(), data, talk, cx);
        talk.h2 = Some(h2);
    }

    fn pass_gathered(&mut self, h2: &mut Connection, talk: &mut Talk, cx: &mut Cx<'_>) {
        if self.work.as_deref().is_some_and(|work| work.head_len > 0) {
            // A request whose body is still under way when the server switches.
            self.finish(false, talk, cx);
        }
        if let Some(work) = self.work.take() {
            talk.coverage.parsed += work.lead;
            if !work.buf.is_empty() {
                h2.bytes(self.side(), &work.buf, talk, cx);
            }
            cx.pool.give(work);
        }
    }

    /// Passes bytes on to the session; first those that were gathered before the handshake was over.
    pub(crate) fn session_bytes(&mut self, data: &[u8], talk: &mut Talk, cx: &mut Cx<'_>) {
        self.pass_gathered_to_session(talk, cx);
        talk.session_bytes(self.side(), data, cx);
    }

    fn pass_gathered_to_session(&mut self, talk: &mut Talk, cx: &mut Cx<'_>) {
        if self.work.as_deref().is_some_and(|work| work.begun.is_some()) {
            // The server did not wait for the end of the request: where the session begins in these bytes is not known.
            self.lose_units();
            self.finish(false, talk, cx);
            talk.session_lose(self.side(), cx);
        }
        if let Some(work) = self.work.take() {
            if work.lead > 0 {
                // Empty lines were not kept, and are no frames.
                talk.coverage.unparsed.malformed += work.lead;
                talk.session_hole(self.side(), work.lead, cx);
            }
            talk.session_bytes(self.side(), &work.buf, cx);
            cx.pool.give(work);
        }
    }

    /// A hole; `false` if the connection carries no session.
    pub(crate) fn session_hole(&mut self, n: u64, talk: &mut Talk, cx: &mut Cx<'_>) -> bool {
        if talk.kind == Kind::Session {
            self.pass_gathered_to_session(talk, cx);
        }
        talk.session_hole(self.side(), n, cx)
    }

    /// The end of the direction; `false` if the connection carries no session.
    pub(crate) fn session_end(&mut self, talk: &mut Talk, cx: &mut Cx<'_>) -> bool {
        if talk.kind == Kind::Session {
            self.pass_gathered_to_session(talk, cx);
        }
        talk.session_end(self.side())
    }

    /// A hole; `false` if the connection does not speak HTTP/2.
    pub(crate) fn h2_hole(&mut self, n: u64, hole: Hole, talk: &mut Talk, cx: &mut Cx<'_>) -> bool {
        let Some(mut h2) = talk.h2.take() else { return false };
        self.pass_gathered(&mut h2, talk, cx);
        h2.hole(self.side(), n, hole, talk, cx);
        talk.h2 = Some(h2);
        true
    }

    /// The end of the direction; `false` if the connection does not speak HTTP/2.
    pub(crate) fn h2_end(&mut self, talk: &mut Talk, cx: &mut Cx<'_>) -> bool {
        let Some(mut h2) = talk.h2.take() else { return false };
        self.pass_gathered(&mut h2, talk, cx);
        h2.end(self.side(), talk, cx);
        talk.h2 = Some(h2);
        true
    }
}
