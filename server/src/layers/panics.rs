//! A panic becomes a status, and the connection goes on.

use super::refused;
use crate::error::{Error, Kind};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;

pub(super) async fn caught(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => {
            tracing::error!(rpc.method = %path, "a call panicked");
            refused(Error::new(Kind::Internal, "lakeport has a bug, and logged it; the call may have had its effect"))
        }
    }
}
