//! The words that stand for closed enums in the database. Never change one: rows of older versions hold them.

use apiscope_audit::Protocol;
use apiscope_audit::facts::AuthKind;
use apiscope_audit::finding::{Status, Transition};
use apiscope_audit::inventory::{DocumentState, TemplateState};
use apiscope_wire::Version;

/// An enum whose values have a word each.
pub(crate) trait Named: Copy + Sized + 'static {
    /// All values.
    const ALL: &'static [Self];

    /// The value's word.
    fn word(self) -> &'static str;

    /// The value of a word.
    fn of_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|value| value.word() == word)
    }
}

/// Words and values side by side, so that neither `ALL` nor the match can miss one.
macro_rules! named {
    ($type:ty { $($value:ident = $word:literal),+ $(,)? }) => {
        impl Named for $type {
            const ALL: &'static [Self] = &[$(Self::$value),+];

            fn word(self) -> &'static str {
                match self {
                    $(Self::$value => $word),+
                }
            }
        }
    };
}

named!(Status { Open = "open", Resolved = "resolved" });
named!(Transition {
    Opened = "opened",
    Escalated = "escalated",
    Eased = "eased",
    Resolved = "resolved",
    Reopened = "reopened",
    Quieted = "quieted",
    Resumed = "resumed",
});
named!(DocumentState {
    NoDocument = "no_document",
    Documented = "documented",
    Deprecated = "deprecated",
    Undocumented = "undocumented",
    Removed = "removed",
    Unused = "unused",
});
named!(TemplateState {
    Literal = "literal",
    Candidate = "candidate",
    Shape = "shape",
    Learnt = "learnt",
    Pinned = "pinned",
    Documented = "documented",
});
named!(AuthKind {
    Basic = "basic",
    Bearer = "bearer",
    Digest = "digest",
    OtherScheme = "other_scheme",
    ApiKeyHeader = "api_key_header",
    ApiKeyQuery = "api_key_query",
    SessionCookie = "session_cookie",
});
named!(Protocol {
    Http = "http",
    EventStream = "event_stream",
    Batch = "batch",
    Soap = "soap",
    JsonRpc = "json_rpc",
    Mcp = "mcp",
    GraphQl = "graphql",
    GrpcWeb = "grpc_web",
    Grpc = "grpc",
    WebSocket = "websocket",
});
named!(Version { Http10 = "http/1.0", Http11 = "http/1.1", H2 = "h2" });
