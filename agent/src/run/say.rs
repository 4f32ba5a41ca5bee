//! The way of what people say to the ledger, which has one owner: the capture thread.

use apiscope_audit::ledger::{Command, Done, Refusal};
use tokio::sync::oneshot;

/// What the ledger answered.
pub(super) type Said = Result<Done, Refusal>;

/// A command on its way.
pub(super) struct Saying {
    pub(super) command: Command,
    pub(super) answer: oneshot::Sender<Said>,
}
