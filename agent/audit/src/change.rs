//! All that leaves the core: owned, small, free of secrets. The border of a later sandbox.

use std::sync::Arc;

use apiscope_wire::{Coverage, Timestamp};

use crate::exchange::{ApiId, Exchange};
use crate::finding::{Alert, FindingRow};
use crate::inventory::{EndpointId, EndpointRow, Probed};
use crate::ledger::Kept;
use crate::tls::{TlsKey, TlsRow};
use crate::watch::WatchedDay;

/// One call, for the live view, the metrics and the call log.
#[derive(Clone, Debug)]
pub struct CallRow {
    /// The exchange.
    pub exchange: Box<Exchange>,
    /// Its endpoint's template; `None` where it belongs to no endpoint.
    pub route: Option<Arc<str>>,
}

/// What changed.
#[derive(Clone, Debug)]
pub enum Change {
    /// A call ended.
    Call(CallRow),
    /// A call, or the session that it began, goes on. At most once a second for each; its end comes as one of the other two.
    Running(CallRow),
    /// The session that a call began is over.
    Session(CallRow),
    /// An endpoint's state: new, or changed since the last time (at most once a second and endpoint, besides the moment when another was
    /// joined into it). The whole row: an upsert.
    Endpoint(Box<EndpointRow>),
    /// An endpoint is no more: it was joined into another, whose row was given before and holds its counts. Its id is an alias from now on.
    EndpointGone {
        /// The endpoint to forget.
        id: EndpointId,
        /// Where its calls count now; `None`: it was only in a document and is no longer, or its API made room for another.
        into: Option<EndpointId>,
    },
    /// What is known of the bodies and parameters of an endpoint changed (at most once a second and endpoint); packed as
    /// [`EndpointSchemas::pack`](crate::schema::EndpointSchemas::pack) gives it. An upsert; `None`: nothing is known any more.
    Schemas {
        /// The endpoint.
        id: EndpointId,
        /// All of it.
        packed: Option<Box<[u8]>>,
    },
    /// What is known of an API's paths that are no endpoint changed (at most once in five seconds and API). All of it: an upsert. An
    /// empty one: nothing is known any more.
    Probed(Box<Probed>),
    /// A finding's state changed (at most once a second and finding). The whole row: an upsert.
    Finding(Box<FindingRow>),
    /// A finding's life changed. Comes after the [`Change::Finding`] with the same row.
    Alert(Box<Alert>),
    /// Something of what people said, or a line of a finding's history, is to be kept.
    Kept(Kept),
    /// What was added to an API's account.
    Coverage(ApiId, Coverage),
    /// What was watched on a day, of the agent or of an API with a document (at most once a minute and day). The whole row: an upsert.
    Watched(WatchedDay),
    /// An API is one with others, whose name it has from now on; its endpoints moved just before.
    ApiJoined {
        /// What it was called.
        from: ApiId,
        /// What it is called.
        into: ApiId,
    },
    /// Framing that servers read differently, counted by kind until it is a finding of its own (issue 6).
    Ambiguous(apiscope_wire::Ambiguity),
    /// What is known of the TLS of an API, port and server name (at most once a second and row). The whole row: an upsert.
    Tls(Box<TlsRow>),
    /// A row of TLS is no more: it was silent for long and made room for another.
    TlsGone(Box<TlsKey>),
    /// A TLS flow that nobody can read.
    TlsUnobserved(ApiId, Timestamp),
}
