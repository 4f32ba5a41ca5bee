//! The sinks thread: carries each change to everything that shows, keeps or counts it.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use apiscope_audit::Change;
use axum::body::Bytes;

use super::Agent;
use crate::view::ExchangeView;

/// Until the last sender is gone.
pub(super) fn run(agent: &Arc<Agent>, changes: &Receiver<Vec<Change>>) {
    while let Ok(batch) = changes.recv() {
        {
            let mut board = agent.board();
            for change in &batch {
                board.apply(change);
            }
        }
        for change in batch {
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
    }
}

fn line(exchange: &ExchangeView) -> Bytes {
    let mut line = serde_json::to_vec(exchange).unwrap_or_default();
    line.push(b'\n');
    line.into()
}
