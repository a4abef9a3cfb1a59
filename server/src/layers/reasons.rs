//! What is refused before a handler sees it: a request that cannot be decoded, is too large, never comes, or has no method. tonic
//! says so in a status without a reason, and every refusal has one.

use super::{is_internal, refused};
use crate::error::{Error, Kind};
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use std::time::Duration;
use tonic::{Code, Status};
use tower_http::timeout::TimeoutBody;

/// How long the next piece of a request may take to come, once it is waited for.
const STALL: Duration = Duration::from_secs(60);

pub(super) async fn given(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    if is_internal(&path) {
        return next.run(request).await;
    }
    // Else a request that never ends would hold its place for ever.
    let request = request.map(|body| Body::new(TimeoutBody::new(STALL, body)));
    let response = next.run(request).await;
    match Status::from_header_map(response.headers()).and_then(|status| reason(&path, &status)) {
        Some(error) => refused(error),
        None => response,
    }
}

/// Our own refusals have details, and tonic's have none.
fn reason(path: &str, status: &Status) -> Option<Error> {
    let text = status.message();
    match status.code() {
        _ if !status.details().is_empty() => None,
        Code::Unimplemented if text.is_empty() => {
            Some(Error::new(Kind::Unsupported, format!("the contract has no method {path}")))
        }
        Code::Unimplemented => Some(Error::new(Kind::Unsupported, text)),
        // Too large, or not what the contract says a request is.
        Code::OutOfRange | Code::Internal | Code::InvalidArgument => Some(Error::field("message", text)),
        _ => None,
    }
}
