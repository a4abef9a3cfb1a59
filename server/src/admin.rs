//! Probes and metrics, on a listener of their own.

use crate::ops::context::Shared;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use std::time::Duration;

/// How long a probe waits for the session store.
const PATIENCE: Duration = Duration::from_millis(800);

/// `/livez`, `/readyz`, `/metrics`.
pub fn routes(ops: Shared, metrics: PrometheusHandle) -> Router {
    Router::new()
        .route("/livez", get(async || "alive\n"))
        .route("/readyz", get(ready).with_state(ops))
        .route("/metrics", get(render).with_state(metrics))
}

/// Whether calls may be sent here. A lakeFS that is away makes no replica better than another, so it does not count.
async fn ready(State(ops): State<Shared>) -> (StatusCode, &'static str) {
    if ops.stopping.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "going away\n");
    }
    match tokio::time::timeout(PATIENCE, ops.store.ping()).await {
        Ok(Ok(())) => (StatusCode::OK, "ready\n"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "the session store does not answer\n"),
    }
}

async fn render(State(metrics): State<PrometheusHandle>) -> String {
    metrics.render()
}
