//! What runs on a flow is told of while it runs.

use crate::flow::{Flow, Io};
use crate::http::Cx;
use crate::http::h2::Connection;
use crate::http::session::Talked;

impl Flow {
    /// Tells how far it is what runs: the request first.
    pub(super) fn tell(&mut self, io: &mut Io<'_>) {
        let Self { id, origin, client, server, talk, .. } = self;
        let mut cx = Cx {
            limits: io.limits,
            counters: io.counters,
            pool: io.pool,
            emit: io.emit,
            flow: *id,
            origin,
            at: io.at,
            doubt: false,
        };
        client.reader.tell(&mut cx);
        server.reader.tell(&mut cx);
        if let Some(h2) = &mut talk.h2 {
            h2.tell(&mut cx);
        }
        if let Some(session) = &mut talk.session {
            session.tell(&mut cx);
        }
    }

    /// Whether something that runs has changed since it was last told.
    pub(super) fn is_news(&self) -> bool {
        self.client.reader.is_news()
            || self.server.reader.is_news()
            || self.talk.h2.as_deref().is_some_and(Connection::is_news)
            || self.talk.session.as_deref().is_some_and(Talked::is_news)
    }
}
