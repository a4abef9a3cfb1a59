//! What calls there are, how they end, and how long they take.

use super::ending::told;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use std::time::Instant;
use tonic::Code;

/// Says what each metric means.
pub fn describe() {
    describe_counter!("lakeport_rpc_handled_total", "Calls that have ended, by method and status code.");
    describe_histogram!(
        "lakeport_rpc_duration_seconds",
        Unit::Seconds,
        "How long calls took, to the end of the answer."
    );
    describe_gauge!("lakeport_rpc_active", "Calls under way, by method.");
}

pub(super) async fn measured(request: Request, next: Next) -> Response {
    let method = known(request.uri().path());
    let began = Instant::now();
    gauge!("lakeport_rpc_active", "method" => method.clone()).increment(1.0);
    let response = next.run(request).await;
    let ended = move |code: Code| {
        gauge!("lakeport_rpc_active", "method" => method.clone()).decrement(1.0);
        counter!("lakeport_rpc_handled_total", "method" => method.clone(), "code" => format!("{code:?}")).increment(1);
        histogram!("lakeport_rpc_duration_seconds", "method" => method).record(began.elapsed());
    };
    told(response, ended)
}

/// Only methods of the contract become labels: anybody can send any path.
fn known(path: &str) -> String {
    let is_ours = path.starts_with("/lakeport.v1.") || path.starts_with("/grpc.");
    let is_plain = path.len() < 80 && path.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.'));
    if is_ours && is_plain { path.trim_start_matches('/').to_owned() } else { "_OTHER".to_owned() }
}
