//! Answers on the control socket.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

use crate::run::Agent;
use crate::view::{List, WatchLine};

/// All addresses.
pub fn router(agent: Arc<Agent>) -> Router {
    Router::new()
        .route("/v1/status", get(async |State(agent): State<Arc<Agent>>| Json(agent.status())))
        .route("/v1/apis", get(async |State(agent): State<Arc<Agent>>| Json(List::new(agent.board().apis()))))
        .route("/v1/endpoints", get(async |State(agent): State<Arc<Agent>>| Json(List::new(agent.board().endpoints()))))
        .route("/v1/tls", get(async |State(agent): State<Arc<Agent>>| Json(List::new(agent.board().tls()))))
        .route(
            "/v1/running",
            get(async |State(agent): State<Arc<Agent>>| Json(List::new(agent.board().running_views()))),
        )
        .route("/v1/findings", get(async |State(agent): State<Arc<Agent>>| Json(List::new(agent.board().findings()))))
        .route("/v1/findings/{id}", get(finding))
        .route("/v1/watch", get(watch))
        .with_state(agent)
}

async fn finding(State(agent): State<Arc<Agent>>, Path(id): Path<String>) -> Response {
    let found = apiscope_audit::FindingId::parse(&id).and_then(|id| agent.board().finding_view(id));
    found.map_or_else(|| StatusCode::NOT_FOUND.into_response(), |finding| Json(finding).into_response())
}

/// Exchanges as they end, one JSON object a line. A reader that does not keep up gets a line that says how many it missed.
async fn watch(State(agent): State<Arc<Agent>>) -> Response {
    let Some(receiver) = agent.subscribe() else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    let lines = BroadcastStream::new(receiver).map(move |line| {
        Ok::<_, Infallible>(match line {
            Ok(line) => line,
            Err(BroadcastStreamRecvError::Lagged(dropped)) => {
                agent.watch_missed(dropped);
                let line = serde_json::to_string(&WatchLine::Dropped { dropped }).unwrap_or_default();
                Bytes::from(line + "\n")
            }
        })
    });
    ([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response()
}
