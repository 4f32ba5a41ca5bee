//! The sinks thread: carries each change to everything that shows, keeps or counts it.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use apiscope_audit::Change;
use axum::body::Bytes;
use tokio::sync::oneshot;

use super::Agent;
use super::say::Said;
use crate::view::ExchangeView;

/// Changes that pass at a time, and who waits until they have.
pub(super) struct Batch {
    pub(super) changes: Vec<Change>,
    pub(super) answer: Option<(oneshot::Sender<Said>, Said)>,
}

/// Until the last sender is gone.
pub(super) fn run(agent: &Arc<Agent>, batches: &Receiver<Batch>) {
    while let Ok(Batch { changes, answer }) = batches.recv() {
        {
            let mut board = agent.board();
            for change in &changes {
                board.apply(change);
            }
        }
        for change in changes {
            agent.metrics.observe(&change);
            match &change {
                Change::Call(call) | Change::Session(call) => agent.publish(|| line(&ExchangeView::from(call))),
                // Once, when it has become known; how far it is then is told by `running`.
                Change::Running(call) if call.exchange.is_countable() => {
                    agent.publish(|| line(&ExchangeView::from(call)));
                }
                _ => {}
            }
            agent.store.give(change);
        }
        if let Some((waiting, said)) = answer {
            // Whoever asked may have given up.
            let _ = waiting.send(said);
        }
    }
}

fn line(exchange: &ExchangeView) -> Bytes {
    let mut line = serde_json::to_vec(exchange).unwrap_or_default();
    line.push(b'\n');
    line.into()
}
