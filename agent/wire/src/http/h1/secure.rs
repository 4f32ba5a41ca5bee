//! Where a connection turns out to be TLS, and what its two readers then pass on.

use crate::http::h1::{Reader, State};
use crate::http::{Cx, Kind, Talk};
use crate::time::Timestamp;
use crate::tls::{self, Handshake};

impl Talk {
    /// From here on the bytes of both sides are read as the beginning of a TLS connection.
    pub(crate) fn speak_tls(&mut self, began: Timestamp) {
        self.kind = Kind::Tls;
        self.tls = Some(Box::new(Handshake::new(began)));
    }
}

impl Reader {
    /// Whether what was gathered at the start of a connection may be TLS.
    pub(crate) fn may_be_tls(&self, talk: &Talk) -> bool {
        let gathered = self.work.as_deref().filter(|work| work.lead == 0);
        let first = gathered.and_then(|work| work.buf.first());
        talk.kind == Kind::Unknown && first.is_some_and(|first| tls::may_begin(*first, self.side()))
    }

    /// Passes bytes on; first those that were gathered before the protocol was known.
    pub(crate) fn tls_bytes(&mut self, data: &[u8], talk: &mut Talk, cx: &mut Cx<'_>) {
        let Some(mut handshake) = talk.tls.take() else { return };
        let late = !matches!(self.state, State::Head(None));
        self.pass_to(&mut handshake, late, talk, cx);
        handshake.bytes(self.side(), data, late, cx);
        talk.tls = handshake.conclude(talk, cx);
    }

    fn pass_to(&mut self, handshake: &mut Handshake, late: bool, talk: &mut Talk, cx: &mut Cx<'_>) {
        if let Some(work) = self.work.take() {
            talk.count_ignored(work.lead);
            let now = std::mem::replace(&mut cx.at, work.began);
            handshake.bytes(self.side(), &work.buf, late || work.lead > 0, cx);
            cx.at = now;
            cx.pool.give(work);
        }
    }

    /// A hole, or the end of the direction; `false` if the connection is not TLS.
    pub(crate) fn tls_ends(&mut self, talk: &mut Talk, cx: &mut Cx<'_>) -> bool {
        let Some(mut handshake) = talk.tls.take() else { return false };
        let late = !matches!(self.state, State::Head(None));
        self.pass_to(&mut handshake, late, talk, cx);
        handshake.give_up(self.side());
        talk.tls = handshake.conclude(talk, cx);
        true
    }
}
