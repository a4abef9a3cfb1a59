//! Health probes and metrics, on a separate listener.

use crate::ops::context::Shared;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use std::time::Duration;

/// Timeout of the readiness probe for a response of the session store.
const STORE_TIMEOUT: Duration = Duration::from_millis(800);

/// Returns the routes `/livez`, `/readyz` and `/metrics`.
pub fn routes(ops: Shared, metrics: PrometheusHandle) -> Router {
    Router::new()
        .route("/livez", get(async || "alive\n"))
        .route("/readyz", get(ready).with_state(ops))
        .route("/metrics", get(render).with_state(metrics))
}

/// Returns whether this replica accepts calls. The state of lakeFS does not matter: if lakeFS is down, no other replica is
/// better.
async fn ready(State(ops): State<Shared>) -> (StatusCode, &'static str) {
    if ops.stopping.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n");
    }
    match tokio::time::timeout(STORE_TIMEOUT, ops.store.ping()).await {
        Ok(Ok(())) => (StatusCode::OK, "ready\n"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "the session store does not respond\n"),
    }
}

async fn render(State(metrics): State<PrometheusHandle>) -> String {
    metrics.render()
}
