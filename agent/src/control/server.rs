//! Answers on the control socket.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

use super::{act, peer};
use crate::run::Agent;
use crate::view::{DecisionView, EventView, LearningView, List, SilenceView, WatchLine};
use crate::web::serve::Peer;

/// Bytes of a request's body.
const REQUEST_BYTES_MAX: usize = 16 << 10;

/// All addresses.
pub fn router(agent: Arc<Agent>) -> Router {
    Router::new()
        .route("/v1/status", get(async |State(agent): State<Arc<Agent>>| Json(agent.status())))
        .route("/v1/apis", get(async |State(agent): State<Arc<Agent>>| Json(List::new(agent.board().apis()))))
        .route("/v1/endpoints", get(async |State(agent): State<Arc<Agent>>| Json(List::new(agent.board().endpoints()))))
        .route("/v1/tls", get(async |State(agent): State<Arc<Agent>>| Json(List::new(agent.board().tls()))))
        .route("/v1/probed", get(async |State(agent): State<Arc<Agent>>| Json(List::new(agent.board().probed()))))
        .route("/v1/probers", get(async |State(agent): State<Arc<Agent>>| Json(List::new(agent.board().probers()))))
        .route(
            "/v1/running",
            get(async |State(agent): State<Arc<Agent>>| Json(List::new(agent.board().running_views()))),
        )
        .route("/v1/findings", get(async |State(agent): State<Arc<Agent>>| Json(List::new(agent.board().findings()))))
        .route("/v1/findings/{id}", get(finding))
        .route("/v1/decisions", get(async |State(agent): State<Arc<Agent>>| Json(List::new(decisions(&agent)))))
        .route("/v1/silences", get(async |State(agent): State<Arc<Agent>>| Json(List::new(silences(&agent)))))
        .route("/v1/learning", get(async |State(agent): State<Arc<Agent>>| Json(List::new(learning(&agent)))))
        .route("/v1/act", post(say))
        .route("/v1/watch", get(watch))
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .with_state(agent)
}

/// By the beginning of its id, with its history.
async fn finding(State(agent): State<Arc<Agent>>, Path(prefix): Path<String>) -> Response {
    let id = match act::finding(&agent, &prefix) {
        Ok(id) => id,
        Err(_) if agent.board().candidates(&prefix.to_ascii_lowercase()).is_empty() => {
            return StatusCode::NOT_FOUND.into_response();
        }
        Err(refused) => return (StatusCode::CONFLICT, Json(refused)).into_response(),
    };
    let Some(mut finding) = agent.board().finding_view(id) else { return StatusCode::NOT_FOUND.into_response() };
    // Without its history it is still worth showing; why the store does not answer is in `status`.
    finding.history = agent.store.history(id).await.unwrap_or_default().iter().map(EventView::from).collect();
    Json(finding).into_response()
}

fn decisions(agent: &Agent) -> Vec<DecisionView> {
    let (rules, now) = (agent.config().accepts(), agent.store.now());
    agent.board().decisions(&rules, now)
}

fn silences(agent: &Agent) -> Vec<SilenceView> {
    let now = agent.store.now();
    agent.board().silences(now)
}

fn learning(agent: &Agent) -> Vec<LearningView> {
    let (time, now) = (agent.config().learning, agent.store.now());
    agent.board().learning(time, now)
}

/// Somebody says something about findings.
async fn say(
    State(agent): State<Arc<Agent>>,
    Extension(peer): Extension<Peer>,
    Json(request): Json<act::Request>,
) -> Response {
    match act::act(&agent, &peer::user(peer.uid), request).await {
        Ok(reply) => Json(reply).into_response(),
        Err(refused) => (StatusCode::CONFLICT, Json(refused)).into_response(),
    }
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
